"""The briefs say what the pages say: the numbers of the records, tagged, watermarked, in the reader's language."""

import re

import pypdfium2
import pytest
import record_factory
import site_factory
from bs4 import BeautifulSoup

from shared_utils import results
from shared_utils.portfolio.briefs import briefs
from shared_utils.portfolio.collect import collect
from shared_utils.portfolio.site.words import Effect


@pytest.fixture(scope="module")
def made(workspace):
    return briefs(collect(workspace))


def read(content: bytes) -> tuple[int, str]:
    """(pages, text without line ends)."""
    document = pypdfium2.PdfDocument(content)
    text = " ".join(document[i].get_textpage().get_text_range() for i in range(len(document)))
    return len(document), " ".join(text.split())


def slug(key):
    return record_factory.CITIES[key][1]


def test_every_city_has_its_briefs_on_so_many_pages(made):
    pages = {name: read(content)[0] for name, content in made.items()}
    assert pages.pop("briefs/portfolio.pdf") == 2
    for key in record_factory.CITIES:
        assert pages.pop(f"briefs/{slug(key)}.pdf") == 2, key
        assert pages.pop(f"briefs/{slug(key)}-residents-en.pdf") == 1, key
        assert pages.pop(f"briefs/{slug(key)}-residents-es.pdf") == 1, key
    assert not pages


def test_every_brief_is_tagged_names_its_language_and_embeds_its_fonts(made):
    for name, content in made.items():
        assert pypdfium2.raw.FPDFCatalog_IsTagged(pypdfium2.PdfDocument(content)), name
        assert f"/Lang({'es' if name.endswith('-es.pdf') else 'en'})".encode() in content, name
        assert b"pdfuaid:part" in content, name
        fonts = set(re.findall(rb"/BaseFont/([A-Z]{6}\+)?", content))
        assert b"" not in fonts and len(fonts) <= content.count(b"/FontFile"), f"{name}: a font is not embedded"


@pytest.mark.parametrize("key", sorted(set(record_factory.CITIES) - {site_factory.MISSING, site_factory.BLINDED}))
def test_a_brief_prints_the_numbers_of_the_record(workspace, made, key):
    record = results.read(results.release_path(workspace / "cities" / slug(key), "impact"))
    effect = Effect(record["estimates"][0])
    for_leaders = read(made[f"briefs/{slug(key)}.pdf"])[1]
    assert effect.signed(effect.shown[0]) in for_leaders
    assert f"{effect.said_range}." in for_leaders
    for code in ("en", "es"):
        said = read(made[f"briefs/{slug(key)}-residents-{code}.pdf"])[1]
        for number in effect.in_100 or (effect.number(effect.shown[0]),):
            assert re.search(rf"(?<![\d.]){re.escape(str(number))}(?![\d])", said), (code, number)
        assert all(effect.number(end) in said for end in effect.shown[1:]), code


def numbers(text):
    """Every number of a text as it is written; the number of a page is none of its content."""
    return set(re.findall(r"\d+(?:[.,]\d+)*", re.sub(r"\b[12] / [12]\b", "", text)))


def shown(site, *names):
    pages = [BeautifulSoup((site[0] / f"{name}.html").read_text(encoding="utf-8"), "html.parser") for name in names]
    labels = [tag["aria-label"] for page in pages for tag in page.select("[aria-label]")]
    return numbers(" ".join([page.get_text(" ") for page in pages] + labels))


def test_a_brief_holds_no_number_that_its_pages_do_not_show(site, made):
    """All of them, of leaders, residents and all cities; each brief has at least as many as its result has."""
    for key in record_factory.CITIES:
        city, brief = f"cities/{slug(key)}", f"briefs/{slug(key)}"
        for_leaders = numbers(read(made[f"{brief}.pdf"])[1])
        assert for_leaders - shown(site, f"{city}/index", "equity") == set(), key
        assert len(for_leaders) >= (10 if key != site_factory.MISSING else 0), key
        for code in ("en", "es"):
            said = numbers(read(made[f"{brief}-residents-{code}.pdf"])[1])
            assert said - shown(site, f"{city}/residents-{code}") == set(), (key, code)
    said = numbers(read(made["briefs/portfolio.pdf"])[1])
    assert said - shown(site, "index", "effects", "what-works", "lessons") == set()
    assert len(said) > 30


def test_a_city_without_a_result_says_why_and_shows_no_number(made):
    for key, words in ((site_factory.MISSING, "released no results"), (site_factory.BLINDED, "Results stay hidden")):
        said = read(made[f"briefs/{slug(key)}-residents-en.pdf"])[1]
        assert words in said and not re.search(r"\d+ of every 100", said)
    assert "Los resultados se guardan" in read(made[f"briefs/{slug(site_factory.BLINDED)}-residents-es.pdf"])[1]


def test_every_page_with_synthetic_numbers_says_so(made):
    for name, content in made.items():
        document = pypdfium2.PdfDocument(content)
        if slug(site_factory.MISSING) in name:
            continue
        for number in range(len(document)):
            assert "SYNTHETIC DATA - NOT RESULTS FOR" in document[number].get_textpage().get_text_range(), name
    assert "DATOS SINTÉTICOS" in read(made[f"briefs/{slug('tulsa')}-residents-es.pdf"])[1]


def test_the_same_records_give_the_same_bytes(workspace, made):
    assert briefs(collect(workspace)) == made


@pytest.mark.full
def test_a_city_that_names_no_spanish_words_has_no_spanish_page(tmp_path):
    root = site_factory.workspace(tmp_path)
    settings = root / "cities" / slug("tulsa") / "city.yml"
    text = settings.read_text(encoding="utf-8")
    start = text.index("  spanish:")
    settings.write_text(text[:start] + re.sub(r"\A  spanish:.*\n(?:    .*\n)*", "", text[start:]), encoding="utf-8")
    names = briefs(collect(root))
    assert f"briefs/{slug('tulsa')}-residents-en.pdf" in names
    assert f"briefs/{slug('tulsa')}-residents-es.pdf" not in names
