"""The site says what the released records say, names what is missing, and asks no other computer."""

import builtins
import io
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import record_factory
import site_factory
from bs4 import BeautifulSoup

from shared_utils import portfolio, results
from shared_utils.config import PRESETS, load_city, preset_path
from shared_utils.portfolio import synthesis
from shared_utils.portfolio.corrections import PUBLISHED
from shared_utils.portfolio.site import words
from shared_utils.portfolio.site.build import LIST
from shared_utils.portfolio.site.language import english as t
from shared_utils.portfolio.site.pages import PAGES


@pytest.fixture(scope="module")
def pages(site):
    out, report = site
    return {name: (out / name).read_text(encoding="utf-8") for name in report.pages if name.endswith(".html")}


def soup(text):
    return BeautifulSoup(text, "html.parser")


@pytest.fixture(scope="module")
def parsed(pages):
    return {name: soup(text) for name, text in pages.items()}


def slug(key):
    return record_factory.CITIES[key][1]


def released(workspace, key, notebook="impact"):
    return results.read(results.release_path(workspace / "cities" / slug(key), notebook))


MEASURED = [k for k in record_factory.CITIES if k not in (site_factory.MISSING, site_factory.BLINDED)]


def test_nine_cities_and_three_notebooks_each(site, pages):
    of_cities = [name for name in pages if name.startswith("cities/")]
    assert len(of_cities) == 9 * 3 + 8 * 3, "each city for readers and residents in two languages, and its notebooks"
    assert {f"{page.name}.html" for page in PAGES} | {"lessons.html", "corrections.html"} <= set(pages)
    kept = (LIST, PUBLISHED)  # what the next build reads
    sizes = {p.relative_to(site[0]).as_posix(): p.stat().st_size for p in site[0].rglob("*") if p.is_file()}
    assert site[1].bytes == sum(size for name, size in sizes.items() if name not in kept)
    assert max(len(text.encode()) for text in pages.values()) < 300_000


def test_cards_are_in_alphabetical_order(pages):
    names = [h.get_text() for h in soup(pages["index.html"]).select(".city h3")]
    assert names == sorted(names) and len(names) == 9


@pytest.mark.parametrize("key", MEASURED)
def test_a_card_prints_the_numbers_of_the_record(workspace, pages, key):
    display = released(workspace, key)["estimates"][0]["display"]
    card = soup(pages["index.html"]).find(id=slug(key))
    printed = [float(data["value"]) for data in card.select(".now data")]
    assert printed[:3] == [display["value"], display["ci_low"], display["ci_high"]]
    for data in card.select(".now data"):
        assert as_number(data.get_text()) == float(data["value"]), "what is read is what the record holds"


@pytest.mark.parametrize("key", MEASURED)
def test_the_side_by_side_table_prints_the_numbers_of_the_record(workspace, pages, key):
    rows = soup(pages["effects.html"]).select(".forest tbody tr:not(.dom):not(.pool)")
    mine = [row for row in rows if row.a["href"] == f"cities/{slug(key)}/index.html"]
    primaries = [e for e in released(workspace, key)["estimates"] if e["role"] == "primary"]
    assert len(mine) == len(primaries)
    for row, estimate in zip(mine, primaries, strict=True):
        display = estimate["display"]
        printed = [as_number(data.get_text()) for data in row.select("data")]
        assert printed == [display["value"], display["ci_low"], display["ci_high"]]
        assert as_number(row.select_one(".r").get_text()) == estimate["standardized"]["d"]


def as_number(text):
    return float(re.sub(r"[^\d.-]", "", text.replace(words.MINUS, "-")))


def test_what_is_missing_is_named(site, pages):
    index = soup(pages["index.html"])
    missing = index.find(id=slug("dayton")).get_text(" ")
    assert "No result yet" in missing and "released no results" in missing
    assert "Dayton" in soup(pages["effects.html"]).select_one(".forest").get_text()
    blinded = index.find(id=slug("lansing"))
    assert "Blinded" in blinded.get_text() and "Oct 31, 2020" in blinded.get_text()
    assert not blinded.select("data")
    assert "Monitoring data are late: the newest are from Jul 31, 2020." in index.find(id=slug("detroit")).get_text()
    assert any("dayton" in message and "impact" in message for message in site[1].messages)


def test_harm_and_null_are_said_like_gains(pages):
    racine = soup(pages[f"cities/{slug('racine')}/index.html"]).get_text(" ", strip=True)
    assert "did worse on this measure: about 26 in 100 with the program, 34 in 100 without it" in racine
    orleans = soup(pages[f"cities/{slug('neworleans')}/index.html"]).get_text(" ", strip=True)
    assert "The data rule out a gain as large as 6 points" in orleans
    assert "most favorable likely value is 5.6 points higher" in orleans


def test_words_that_claim_too_much_do_not_occur(pages):
    for name, text in pages.items():
        assert not re.search(r"significant|\bproves?\b|proven", soup(text).get_text(), re.IGNORECASE), name


@pytest.mark.parametrize("key", sorted(set(record_factory.CITIES) - {site_factory.MISSING}))
def test_every_page_with_synthetic_numbers_says_so(pages, key):
    mark = results.watermark("synthetic", record_factory.city_name(key))
    for name in (f"cities/{slug(key)}/{page}.html" for page in ("index", "baseline", "monitoring", "impact")):
        assert mark in pages[name]
    assert mark in str(soup(pages["index.html"]).find(id=slug(key)))
    banner = soup(pages["index.html"]).select_one(".synthetic").get_text()
    assert banner.strip().startswith("SYNTHETIC DATA - NOT RESULTS FOR CINCINNATI, DETROIT")


@pytest.mark.full
def test_a_citys_own_data_carry_no_mark(tmp_path):
    portfolio.build_site(site_factory.workspace(tmp_path, mode="city"), tmp_path / "site")
    assert "SYNTHETIC" not in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


def test_the_audit_is_said_where_something_was_released(pages):
    for key in record_factory.CITIES:
        said = [label.find_next("dd").get_text(strip=True)
                for label in soup(pages[f"cities/{slug(key)}/index.html"])("dt")
                if label.get_text(strip=True) == t.status["audit"]]  # fmt: skip
        assert said == ([] if key == "dayton" else [t.audited]), key


def test_ten_comparisons_of_the_nine_designs_make_one_chance_finding_in_five():
    kinds = [load_city(preset_path(key)).design.type for key in PRESETS]
    kinds.append("rct_multiarm")  # Tulsa compares twice
    none = math.prod(1 - synthesis.CHANCE_OF_EXPAND[kind] for kind in kinds)
    assert round(1 - none, 1) == 0.2, "pilots.md 1.0"


def test_the_index_states_the_chance_of_its_own_comparisons(pages):
    said = " ".join(soup(pages["index.html"]).get_text(" ").split())
    assert "expanding at least once about 20 times in 100 (main comparisons: eight)" in said


def test_no_page_asks_another_computer(site, pages):
    everything = {**pages, "site.css": (site[0] / "site.css").read_text(encoding="utf-8")}
    for name, text in everything.items():
        assert not re.search(r"(https?:)?//\w|@import|url\(", re.sub(r"base64,[^\"]+", "", text)), name
        assert "<script" not in text and "javascript:" not in text, name


def test_links_and_ids_resolve(site, parsed):
    for name, page in parsed.items():
        ids = [tag["id"] for tag in page.find_all(id=True)]
        assert len(ids) == len(set(ids)), f"{name}: an id is used twice"
        for link in page.select("a[href], link[href]"):
            path, _, anchor = link["href"].partition("#")
            target = (site[0] / name).parent / path if path else site[0] / name
            assert target.is_file(), f"{name} links to {link['href']}"
            if anchor and target.suffix == ".html":
                other = parsed[target.resolve().relative_to(site[0].resolve()).as_posix()]
                assert other.find(id=anchor), f"{name} links to {link['href']}"
        for use in page.select("use"):
            assert use["href"][1:] in ids


class Strict(HTMLParser):
    """Open and close tags must match."""

    VOID = {"meta", "link", "img", "br", "line", "rect", "path", "circle", "polyline", "use"}

    def __init__(self):
        super().__init__()
        self.stack = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.stack.pop() == tag, f"</{tag}> at line {self.getpos()[0]}"


def test_pages_are_well_formed(pages, parsed):
    for name, text in pages.items():
        parser = Strict()
        parser.feed(text)
        assert parser.stack == [], name
        assert len(parsed[name]("h1")) == 1, name
        assert all(th.get("scope") for th in parsed[name]("th")), name


def test_drawings_say_what_they_show(parsed):
    for name, page in parsed.items():
        for image in page.select("img, [role=img]"):
            words_of_it = image.get("alt") or image.get("aria-label") or ""
            assert len(words_of_it) > 20 and re.search(r"\d", words_of_it), f"{name}: {words_of_it!r}"
    cincinnati = parsed["index.html"].find(id=slug("cincinnati")).select_one("[role=img]")["aria-label"]
    assert cincinnati == (
        "Employed in the second full quarter after assignment: 7.5 points higher, "
        "between 0.7 and 14.3 points higher. Better."
    )


def test_the_same_records_give_the_same_bytes(workspace, site, tmp_path):
    portfolio.build_site(workspace, tmp_path)
    for name in site[1].pages:
        assert (tmp_path / name).read_bytes() == (site[0] / name).read_bytes(), name


def test_only_releases_and_settings_are_opened(workspace, tmp_path, monkeypatch):
    opened = []
    real = io.open

    def guarded(file, *args, **kwargs):
        path = Path(str(file))
        if workspace in path.parents:
            opened.append(path.relative_to(workspace))
        return real(file, *args, **kwargs)

    monkeypatch.setattr(io, "open", guarded)
    monkeypatch.setattr(builtins, "open", guarded)
    portfolio.build_site(workspace, tmp_path)
    assert opened
    for path in opened:
        settings_or_code = path.name == "city.yml" or path.parts[2] == "notebooks"  # is the record still of this code?
        assert settings_or_code or path.parts[2:4] == ("outputs", "release"), path


def test_a_page_that_is_taken_back_disappears(tmp_path):
    folder, out = one_city(tmp_path), tmp_path / "site"
    portfolio.build_site(folder, out)
    assert (out / "cities" / slug("newark") / "impact.html").exists()
    (out / "notes.txt").write_text("the manager's own", encoding="utf-8")
    results.page_path(folder, "impact").unlink()
    portfolio.build_site(folder, out)
    assert not (out / "cities" / slug("newark") / "impact.html").exists()
    assert (out / "notes.txt").exists()


def one_city(tmp_path, key="newark", **changes):
    folder = tmp_path / "city"
    site_factory.settings(folder, key)
    record = {**site_factory.released(key, "impact"), **changes}
    site_factory.put(folder, record, "impact")
    return folder


def test_a_single_city_has_a_site_too(tmp_path):
    portfolio.build_site(one_city(tmp_path), tmp_path / "site")
    assert "One city tried new ways" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "words_of_it"),
    [
        (lambda record: "{", "could not be read"),
        (lambda record: json.dumps({**record, "schema_version": "2.0"}), "could not be read"),
        (
            lambda record: json.dumps({**record, "run": {**record["run"], "status": "failed"}}),
            "did not finish",
        ),
        (
            lambda record: json.dumps({**record, "disclosure": {**record["disclosure"], "level": "internal"}}),
            "could not be read",
        ),
        (
            lambda record: json.dumps({**record, "disclosure": {**record["disclosure"], "audit_passed": False}}),
            "could not be read",
        ),
    ],
    ids=["not json", "other version", "failed run", "internal record", "not audited"],
)
def test_a_bad_record_is_said_and_shows_no_number(tmp_path, spoil, words_of_it):
    folder = one_city(tmp_path)
    site_factory.put(folder, site_factory.released("newark", "baseline"), "baseline")
    path = results.release_path(folder, "impact")
    path.write_text(spoil(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    report = portfolio.build_site(folder, tmp_path / "site")
    index = soup((tmp_path / "site" / "index.html").read_text(encoding="utf-8"))
    assert words_of_it in index.select_one(".city").get_text()
    assert not index.select("data")
    assert any("impact" in message for message in report.messages)


@pytest.mark.parametrize(("name", "was", "now"), [
    ("impact.html", "</h1>", "</h1><script>alert(1)</script>"), ("results_impact.json", "18.9", "28.9"),
])  # fmt: skip
def test_what_was_edited_after_its_release_is_named_and_not_shown(tmp_path, name, was, now):
    folder = one_city(tmp_path)
    page, path = results.page_path(folder, "impact"), results.release_path(folder, "impact")
    results.write(results.sealed(results.read(path), page.read_text(encoding="utf-8")), path)
    assert portfolio.build_site(folder, tmp_path / "site").messages[2:] == ()
    text = (path.parent / name).read_text(encoding="utf-8")
    assert was in text
    (path.parent / name).write_text(text.replace(was, now), encoding="utf-8")
    (message,) = portfolio.build_site(folder, tmp_path / "site").messages[2:]
    assert "impact.html was edited after its release" in message
    card = soup((tmp_path / "site" / "index.html").read_text(encoding="utf-8")).select_one(".city")
    assert "Edited by hand" in card.get_text() and not card.select("data")
    assert not (tmp_path / "site" / "cities" / slug("newark") / "impact.html").exists()
    with pytest.raises(results.ReleaseError, match="what was released of impact was edited by hand"):
        portfolio.evidence_pack(folder)


def test_a_decision_moved_by_a_safeguard_is_not_explained_by_the_interval(tmp_path):
    decision = {
        "rule": "0.3/v1",
        "recommendation": "KEEP LEARNING",
        "label": None,
        "guardrails": ["the plan was not locked before unblinding"],
        "reason": "evidence",
        "city_decision": None,
    }
    folder = one_city(tmp_path, decision=decision)
    portfolio.build_site(folder, tmp_path / "site")
    page = soup((tmp_path / "site" / f"cities/{slug('newark')}/index.html").read_text(encoding="utf-8"))
    said = page.select_one(".answer").get_text(" ", strip=True)
    assert "includes no effect" not in said
    assert "a safeguard of the plan holds the decision back (the plan was not locked before unblinding)" in said


def test_a_city_whose_settings_are_broken_keeps_its_place(tmp_path):
    folder = one_city(tmp_path)
    (folder / "city.yml").write_text("city: [", encoding="utf-8")
    report = portfolio.build_site(folder, tmp_path / "site")
    assert "Newark" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert any("city.yml cannot be read" in message for message in report.messages)


def test_a_workspace_without_cities_is_refused(tmp_path):
    with pytest.raises(portfolio.CollectError, match="There is no city"):
        portfolio.build_site(tmp_path, tmp_path / "site")


def test_the_page_refuses_what_must_not_leave(tmp_path):
    folder = one_city(tmp_path)
    results.write_text("<p>write to ana@city.gov</p>", results.page_path(folder, "impact"))
    with pytest.raises(results.ReleaseError, match="an e-mail address"):
        portfolio.build_site(folder, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_read(site, scheme):
    css = (site[0] / "site.css").read_text(encoding="utf-8")
    found = [
        dict(re.findall(r"--([\w-]+):(#[0-9a-f]{3,6})", block)) for block in re.findall(r":root\{(.*?)\n\}", css, re.S)
    ]
    tokens = found[0] if scheme == "light" else {**found[0], **found[1]}
    tokens = {k: v if len(v) == 7 else "#" + "".join(2 * c for c in v[1:]) for k, v in tokens.items()}
    for text in ("ink", "soft", "muted", "link", "brand", "mark"):
        for surface in ("page", "paper", "card", "foot"):
            assert contrast(tokens[text], tokens[surface]) >= 4.5, (text, surface)
    for status in ("ok", "half", "near", "off", "wait"):
        assert contrast(tokens[f"{status}-t"], tokens[f"{status}-b"]) >= 7, status
        assert contrast(tokens[status], tokens[f"{status}-b"]) >= 3, status
    for drawn in ("pilot", "compare", "target", "worse"):
        assert contrast(tokens[drawn], tokens["card"]) >= 3, drawn


def test_a_decision_that_a_safeguard_moved_is_not_read_off_the_interval():
    row = {
        "scale": "prob_diff", "direction": "increase", "value": 0.2, "mean_comparison": 0.3, "mwe": {"value": 0.08},
        "display": {"value": 20.0, "ci_low": 12.0, "ci_high": 28.0, "unit": "points"},
        "benefit": {"b": 0.2, "l": 0.12, "u": 0.28},
    }  # fmt: skip
    decision = {"recommendation": "SCALE", "label": "staged", "guardrails": ["design: no random assignment"]}
    said = words.verdict(words.Effect(row), {"decision": decision, "quality": {}})
    assert "safeguard" in said and "no random assignment" in said and "as small as" not in said
    row["benefit"]["l"], row["display"]["ci_low"] = 0.02, 2.0
    said = words.verdict(words.Effect(row), {"decision": {**decision, "guardrails": []}, "quality": {}})
    assert "as small as" in said and "safeguard" not in said
