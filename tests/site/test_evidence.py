"""The evidence pack holds what the repository can show, names what is not there, and takes nothing private out."""

import pytest
import record_factory
import site_factory
from bs4 import BeautifulSoup

from shared_utils import portfolio, results


@pytest.fixture
def city(tmp_path):
    root = site_factory.workspace(tmp_path)
    folder = root / "cities" / record_factory.CITIES["tulsa"][1]
    for name in ("plan/plan.lock.json", "data/private/raw/roster.csv", "data/private/linked/participants.parquet"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}", encoding="utf-8")
    return folder


def test_the_index_links_every_file_of_the_pack_and_names_what_is_missing(city):
    pack = portfolio.evidence_pack(city)
    page = BeautifulSoup((pack.folder / "index.html").read_text(encoding="utf-8"), "html.parser")
    links = {a["href"] for a in page.select("main a")}
    files = {p.relative_to(pack.folder).as_posix() for p in pack.folder.rglob("*") if p.is_file()}
    assert links == files - {"index.html", "site.css"}
    assert pack.files == len(files) - 1
    assert "plan/deviations.yaml" in pack.missing["eval-2"] and "plan/deviations.yaml" in page.get_text()
    assert "SYNTHETIC DATA" in page.get_text()
    for section in page.select("main section")[1:]:
        assert section.select("h3 + ul li"), "each criterion says what the city must add"


def test_nothing_of_the_data_is_in_the_pack(city):
    pack = portfolio.evidence_pack(city)
    names = [p.relative_to(pack.folder).as_posix() for p in pack.folder.rglob("*")]
    assert not [name for name in names if "private" in name or name.endswith((".csv", ".parquet"))]


def test_a_file_that_names_a_resident_stops_the_pack_and_keeps_the_earlier_one(city):
    first = portfolio.evidence_pack(city)
    before = {p: p.read_bytes() for p in first.folder.rglob("*") if p.is_file()}
    (city / "lessons.yaml").write_text("lessons: [{statement: ask ana@city.gov}]\n", encoding="utf-8")
    with pytest.raises(results.ReleaseError, match="lessons.yaml would take an e-mail address"):
        portfolio.evidence_pack(city)
    assert before == {p: p.read_bytes() for p in first.folder.rglob("*") if p.is_file()}
    assert not list(first.folder.parent.glob(".evidence-*"))


def test_a_released_page_in_the_pack_is_a_whole_page(city):
    pack = portfolio.evidence_pack(city)
    text = (pack.folder / "eval-3/outputs/release/impact.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "<title>Impact</title>" in text
