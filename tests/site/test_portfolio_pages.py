"""The pages over all cities say no more than the protocol allows: pooling, tiers, stale results, corrections."""

import csv
import io
import json

import html5lib
import jsonschema
import pytest
import record_factory
import site_factory
from bs4 import BeautifulSoup
from openpyxl import load_workbook

from shared_utils import portfolio, results
from shared_utils.errors import EmiError
from shared_utils.portfolio import downloads, synthesis
from shared_utils.portfolio.collect import collect
from shared_utils.portfolio.corrections import PUBLISHED
from shared_utils.stats import meta

BLOCK = {"code": "DQ103", "severity": "block", "scope": "outcomes", "message": "Half of the rows fit nobody.",
         "affects_primary": True}  # fmt: skip


def page(out, name):
    return BeautifulSoup((out / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


def folder(root, key):
    return root / "cities" / record_factory.CITIES[key][1]


def change(root, key, notebook="impact", **parts):
    path = results.release_path(folder(root, key), notebook)
    record = json.loads(path.read_text(encoding="utf-8"))
    for name, value in parts.items():
        record[name] = {**(record[name] or {}), **value} if isinstance(value, dict) else value
    path.write_text(json.dumps(record), encoding="utf-8")


def other_worthwhile_effect(root, key):
    """The settings change after the run: Tulsa names another smallest worthwhile effect."""
    path = folder(root, key) / "city.yml"
    text = path.read_text(encoding="utf-8").replace("value: 0.06}", "value: 0.07}")
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def nine(tmp_path):
    return site_factory.workspace(tmp_path / "nine")


def kinds(found):
    return {(p.domain, p.estimand_class): [m.city.key for m in p.members] for p in found}


def test_only_one_kind_of_effect_in_one_domain_is_averaged(nine):
    found = synthesis.pools(collect(nine).cities)
    assert kinds(found)["employment", "ITT"] == ["cincinnati", "neworleans", "tulsa"]
    for pool in found:
        several = len(pool.members) >= 3
        assert (pool.answer.result is not None) == several, (pool.domain, pool.estimand_class)
    (employment,) = (p for p in found if p.answer.result)
    rows = [synthesis.main_rows(m.city)[0]["standardized"] for m in employment.members]
    by_hand = meta.random_effects([r["d"] for r in rows], [r["se"] for r in rows])
    assert employment.answer.result == by_hand


@pytest.mark.full
def test_the_pooled_row_prints_what_was_pooled_and_two_results_are_never_averaged(nine, tmp_path):
    portfolio.build_site(nine, tmp_path / "site")
    pooled = [row for row in page(tmp_path / "site", "effects").select(".pool") if row.select(".dia")]
    (found,) = (p.answer.result for p in synthesis.pools(collect(nine).cities) if p.answer.result)
    assert len(pooled) == 1
    said = pooled[0].get_text(" ").replace("\N{MINUS SIGN}", "-")
    for number in (found.mu, found.low, found.high, found.prediction_low, found.prediction_high):
        assert f"{number:.2f}" in said
    rows = page(tmp_path / "site", "effects").select(".pool")
    others = [row.get_text(" ") for row in rows if not row.select(".dia")]
    assert others and all("No average" in text for text in others)


@pytest.mark.parametrize("spoil, word", [
    (lambda root: other_worthwhile_effect(root, "tulsa"), "stale"),
    pytest.param(lambda root: change(root, "tulsa", flags=[BLOCK]), "check failed", marks=pytest.mark.full),
])  # fmt: skip
def test_a_result_that_is_stale_or_blocked_leaves_the_pool_and_says_so(nine, tmp_path, spoil, word):
    spoil(nine)
    portfolio.build_site(nine, tmp_path / "site")
    found = synthesis.pools(collect(nine).cities)
    (employment,) = (p for p in found if (p.domain, p.estimand_class) == ("employment", "ITT"))
    assert [m.city.key for m in employment.members] == ["cincinnati", "neworleans"]
    assert employment.answer.result is None, "two are left"
    said = page(tmp_path / "site", "effects").get_text(" ")
    assert "Tulsa is left out" in said and word in said.split("Tulsa is left out")[1][:80]


def test_synthetic_and_a_citys_own_results_never_meet(nine):
    change(nine, "tulsa", data_mode="city")
    found = [p for p in synthesis.pools(collect(nine).cities) if p.domain == "employment"]
    assert sorted((p.data_mode, len(p.members)) for p in found) == [("city", 1), ("synthetic", 2)]
    assert not any(p.answer.result for p in found)


def test_an_effect_on_those_who_took_part_enters_as_the_effect_of_the_offer(nine):
    key = site_factory.BLINDED
    record = record_factory.record(key, "impact")
    primary = record["estimates"][0]
    itt = {**primary, "estimate_id": "itt", "role": "sensitivity", "estimand_class": "ITT",
           "standardized": {"d": 0.048, "se": 0.031, "method": "cox"}}  # fmt: skip
    change(nine, key, run={"blind": False}, estimates=[{**primary, "estimand_class": "TOT_LATE"}, itt],
           decision=record["decision"])  # fmt: skip
    (pool,) = (p for p in synthesis.pools(collect(nine).cities) if key in [m.city.key for m in p.members])
    assert pool.estimand_class == "ITT"
    assert next(m for m in pool.members if m.city.key == key).row["estimate_id"] == "itt"


@pytest.mark.full
def test_a_stale_city_keeps_its_number_says_what_moved_and_has_no_tier(nine, tmp_path):
    other_worthwhile_effect(nine, "tulsa")
    report = portfolio.build_site(nine, tmp_path / "site")
    card = page(tmp_path / "site", "index").find(id=record_factory.CITIES["tulsa"][1]).get_text(" ")
    assert "Stale Impact results: the settings changed since they were made." in card
    assert any("stale: the settings changed" in message for message in report.messages)
    rows = page(tmp_path / "site", "what-works").select("tr.row")
    tulsa = next(row for row in rows if row.a.get_text() == "Tulsa").get_text(" ")
    assert "Not for decisions" in tulsa


def test_the_evidence_table_is_sorted_by_domain_tier_and_name_and_drops_nobody(nine, tmp_path):
    change(nine, "neworleans", quality={"tier": "A"})
    portfolio.build_site(nine, tmp_path / "site")
    names = [row.a.get_text() for row in page(tmp_path / "site", "what-works").select("tr.row")]
    assert len(names) == 9
    assert names[:3] == ["New Orleans", "Cincinnati", "Tulsa"]
    assert names.index("Dayton") > names.index("Racine"), "no result yet stands below a result"


def corrections(out):
    return json.loads((out / PUBLISHED).read_text(encoding="utf-8"))["corrections"]


@pytest.mark.full
def test_a_published_number_that_changes_is_a_correction_and_news_is_not(nine, tmp_path):
    out = tmp_path / "site"
    portfolio.build_site(nine, out)
    assert corrections(out) == [] and "No published number has changed" in page(out, "corrections").get_text()
    path = results.release_path(folder(nine, "detroit"), "impact")
    record = json.loads(path.read_text(encoding="utf-8"))
    was = record["estimates"][0]["display"]["value"]
    record["estimates"][0]["display"]["value"] = was + 1
    record["run"]["finished_at"] = "2020-12-24T10:00:00Z"
    path.write_text(json.dumps(record), encoding="utf-8")
    other = site_factory.released("racine", "impact")["estimates"]
    change(nine, "newark", run={"as_of": "2020-12-31"}, estimates=other)
    portfolio.build_site(nine, out)
    (found,) = corrections(out)
    assert found["city"] == "Detroit" and found["date"] == "2020-12-24"
    assert (found["was"]["value"], found["now"]["value"]) == (was, was + 1)
    row = page(out, "corrections").select_one("tbody tr").get_text(" ")
    assert "Dec 24, 2020" in row and "Detroit" in row and "SYNTHETIC DATA" in row
    portfolio.build_site(nine, out)
    assert len(corrections(out)) == 1, "told once"


@pytest.mark.full
def test_a_ledger_that_cannot_be_read_stops_the_build_and_changes_nothing(nine, tmp_path):
    out = tmp_path / "site"
    portfolio.build_site(nine, out)
    (out / PUBLISHED).write_text("{", encoding="utf-8")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(EmiError, match="says what was published before"):
        portfolio.build_site(nine, out)
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_downloads_hold_the_numbers_of_the_records_and_fit_their_schema(workspace, site):
    data = site[0] / "data"
    whole = json.loads((data / "portfolio.json").read_text(encoding="utf-8"))
    jsonschema.validate(whole, json.loads((data / "portfolio.schema.json").read_text(encoding="utf-8")))
    for name, columns in downloads.TABLES.items():
        rows = list(csv.DictReader(io.StringIO((data / f"{name}.csv").read_text(encoding="utf-8-sig"))))
        assert len(rows) == len(whole[name]) and list(rows[0]) == [c.name for c in columns]
        assert all(row["watermark"].startswith("SYNTHETIC DATA") for row in rows)
        sheet = load_workbook(data / "portfolio.xlsx", read_only=True)[name]
        assert sum(1 for _ in sheet.iter_rows()) == len(rows) + 1
    printed = {(r["pilot"], r["estimate_id"]): r["value"] for r in whole["estimates"]}
    slug = record_factory.CITIES["tulsa"][1]
    for row in results.read(results.release_path(folder(workspace, "tulsa"), "impact"))["estimates"]:
        assert printed[slug, row["estimate_id"]] == row["display"]["value"]
    blinded = record_factory.CITIES[site_factory.BLINDED][1]
    assert not [r for r in whole["estimates"] if r["pilot"] == blinded]


def test_the_page_on_cost_says_who_paid_and_never_adds_help_in_kind_to_cash(site):
    costs = page(site[0], "costs")
    tables = costs.select("table.funds")
    assert len(tables) == 8 and "Dayton" not in [table.caption.get_text() for table in tables], "it released nothing"
    for table in tables:
        rows = {row.th.get_text(): [cell.get_text() for cell in row("td")] for row in table.select("tbody tr")}
        assert rows == {"The city": ["", "$210,000*", ""], "Flexible funding of the initiative": ["$100,000*", "", ""],
                        "Other": ["", "", "$31,230*"]}  # fmt: skip
    tulsa = next(row for row in costs.select(".costs tbody tr") if row.th.get_text() == "Tulsa")
    said = [cell.get_text() for cell in tulsa("td")]
    assert said == ["$450,000", "$310,000*", "97%", "$316,920*", "300", "$1,030*", "not stated", "12%*",
                    "placeholder, not a real amount"]  # fmt: skip
    assert [cell.get_text() for cell in costs.select(".totals td")] == ["$2,480,000", "8"]


def test_every_lesson_filter_finds_what_it_names_and_nothing_else(site):
    every = page(site[0], "lessons")
    links = [a for a in every.select(".filters li a")]
    assert links
    for link in links:
        shown = page(site[0], link["href"].removesuffix(".html")).select(".lessons li")
        assert len(shown) == int(link.span.get_text())
    total = len(every.select(".lessons li"))
    for row in every.select(".filters div"):
        assert sum(int(a.span.get_text()) for a in row.select("a")) == total, "each lesson stands under one value"


@pytest.mark.full
def test_every_page_is_valid_html(site):
    """By the parsing rules of the HTML standard: nothing a browser would have to repair."""
    wrong = {}
    for path in sorted(site[0].rglob("*.html")):
        parser = html5lib.HTMLParser()
        parser.parse(path.read_text(encoding="utf-8"))
        if parser.errors:
            wrong[path.relative_to(site[0]).as_posix()] = parser.errors[:3]
    assert wrong == {}
