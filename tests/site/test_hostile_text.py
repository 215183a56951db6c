"""Whatever a city types, a page shows it as text: no script, no attribute, no template, no address comes of it."""

import json
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
import record_factory
import site_factory
from bs4 import BeautifulSoup

from shared_utils import portfolio, results
from shared_utils.config import ConfigError, load_city, yaml12

sys.path.append(str(Path(__file__).parents[1] / "sections"))

KEY = "cincinnati"
HOSTILE = (
    "<script>alert(1)</script>\"><img src=x onerror=alert(1)>' onmouseover=alert(1) x='{{ 7*7 }}{% raise %}"
    "</style></title></svg><svg onload=alert(1)>${7*7}[x](javascript:alert(1))`<b>&lt;i&gt;"
)
LINKS = ("href", "src", "action", "formaction", "xlink:href", "data", "poster")


def texts(value, path=()):
    """Yield (kind of place, text) of a document; places of a list are one kind."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from texts(item, (*path, "*"))
    elif isinstance(value, str):
        yield path, value


def spoiled(value, kinds, path=()):
    """Return a copy with hostile text in every place of these kinds."""
    if isinstance(value, dict):
        return {key: spoiled(item, kinds, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [spoiled(item, kinds, (*path, "*")) for item in value]
    return HOSTILE if path in kinds else value


def free(whole, valid) -> set[tuple]:
    """Return the kinds of places that take any text: a document with hostile text in all of them is valid."""
    kinds = sorted({path for path, _ in texts(whole) if path[-1] not in LOOKED_UP})
    good: set[tuple] = set()

    def settle(batch):
        if valid(spoiled(whole, good | set(batch))):
            good.update(batch)
        elif len(batch) > 1:
            settle(batch[: len(batch) // 2])
            settle(batch[len(batch) // 2 :])

    words = {path for path, text in texts(whole) if " " in text or path[-1] in ("name", "unit", "source")}
    settle([path for path in kinds if path in words])
    return good


# What the site looks other things up by: with hostile text in it a city would only vanish from the page.
LOOKED_UP = {"outcome_id", "indicator_id", "arm", "arms", "id", "contrast", "group", "notebook", "as_of", "key"}


def hostile_record(notebook):
    made = site_factory.released(KEY, notebook)
    kinds = free(made, lambda trial: not results.record.problems(trial))
    return spoiled(made, kinds), kinds


def hostile_settings(folder):
    whole = json.loads(json.dumps(yaml12.load(folder / "city.yml")[0], default=str))

    def valid(trial):
        (folder / "city.yml").write_text(json.dumps(trial), encoding="utf-8")
        try:
            load_city(folder)
        except ConfigError:
            return False
        return True

    kinds = free(whole, valid)
    assert valid(spoiled(whole, kinds))
    return kinds


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The site of one city whose every free text is hostile: (folder, what was spoiled)."""
    root = tmp_path_factory.mktemp("hostile")
    folder = root / "cities" / record_factory.CITIES[KEY][1]
    site_factory.settings(folder, KEY)
    places = hostile_settings(folder)
    for notebook in ("baseline", "monitoring", "impact"):
        record, found = hostile_record(notebook)
        places |= found
        site_factory.put(folder, record, notebook)
    out = tmp_path_factory.mktemp("site")
    report = portfolio.build_site(root, out)
    return out, report, places


def dangers(html: str) -> list[str]:
    """Return everything of a page that runs, loads or leads somewhere it should not."""
    soup = BeautifulSoup(html, "html.parser")
    found = [f"<{tag.name}>" for tag in soup(["script", "iframe", "object", "embed", "base", "form"])]
    for tag in soup(True):
        for name, value in tag.attrs.items():
            text = " ".join(value) if isinstance(value, list) else value
            if name.startswith("on"):
                found.append(f"{tag.name} {name}")
            if name in LINKS and re.match(r"\s*(javascript|vbscript|https?|//|data:text)", text, re.I):
                found.append(f"{tag.name} {name}={text[:40]}")
            if name in LINKS and text == "x":
                found.append(f"{tag.name} {name}=x")
    return found


def test_every_free_text_was_tried(built):
    _, _, places = built
    last = {path[-1] for path in places}
    assert {"name", "title", "label", "message", "reason"} <= last and len(places) > 25


def test_pages_hold_the_text_and_nothing_comes_of_it(built):
    out, report, _ = built
    shown = 0
    for name in report.pages:
        text = (out / name).read_text(encoding="utf-8")
        if not name.endswith(".html"):
            assert "alert(1)" not in text
            continue
        assert dangers(text) == [], name
        words = BeautifulSoup(text, "html.parser").get_text()
        assert not re.search(r"(?<![\d.])49(?![\d.%])", words), f"{name}: a template was run"
        shown += words.count("<script>alert(1)</script>") + words.count("{{ 7*7 }}{% raise %}")
    assert shown > 10
    assert BeautifulSoup((out / "index.html").read_text(encoding="utf-8"), "html.parser").title.get_text()


def test_names_of_files_are_plain(built):
    out, report, _ = built
    assert all(re.fullmatch(r"[\w./-]+", name) and ".." not in name for name in report.pages)


@pytest.mark.full
def test_in_a_browser_nothing_runs_and_nothing_is_asked(built, browser):
    out, report, _ = built
    page = browser.new_page()
    seen = []
    page.on("dialog", lambda dialog: (seen.append("dialog"), dialog.dismiss()))
    page.on("request", lambda r: seen.append(r.url) if not r.url.startswith((out.as_uri(), "data:")) else None)
    for name in report.pages:
        if name.endswith(".html"):
            page.goto((out / name).as_uri())
            page.evaluate("document.querySelectorAll('*').forEach(e => e.dispatchEvent(new Event('mouseover')))")
    page.close()
    assert seen == []


# Raw HTML in a markdown cell of an analyst. The page keeps the words and what a page is made of, nothing else.
RAW = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<!--><script>alert(1)</script>-->",
    "<![CDATA[><img src=x onerror=alert(1)>]]>", "<?xml ><img src=x onerror=alert(1)> ?>", "<svg onload=alert(1)>",
    '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>', '<math href="javascript:alert(1)">x</math>',
    "[x](javascript:alert(1))", '<a href=" javascript:alert(1)">x</a>', '<a ping="http://e.example" href="#x">x</a>',
    '<button formaction="javascript:alert(1)">x</button>', "<details open ontoggle=alert(1)>x</details>",
    '<input type=image src="http://e.example/x">',
    '<img src="data:image/png;base64,AA" srcset="http://e.example/x 2x">',
    '<video src="http://e.example/x" poster="http://e.example/y"></video>', '<audio src="http://e.example/x"></audio>',
    '<picture><source srcset="http://e.example/x"></picture>', '<p style="background:url(http://e.example/x)">x</p>',
    '<table background="http://e.example/x"><tr><td>x</td></tr></table>',
    "<textarea><img src=x onerror=alert(1)></textarea>",
    '<svg><use href="http://e.example/x#a"></use><image href="http://e.example/x"></image></svg>',
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
    "<template><script>alert(1)</script></template>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>", "<title><img src=x onerror=alert(1)></title>",
    '<svg><set attributeName="href" to="javascript:alert(1)"/></svg>', "<xmp><img src=x onerror=alert(1)></xmp>",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
    '<form action="http://e.example"><input name=x></form>', '<meta http-equiv=refresh content="0;url=http://e.example">',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>', "{{ 7*7 }} {% raise %}", "`<script>alert(1)</script>`",
]  # fmt: skip


def fragment(text: str) -> str:
    from nbformat.v4 import new_markdown_cell
    from test_fragment import notebook

    from shared_utils.results.fragment import to_fragment

    return to_fragment(notebook(new_markdown_cell(text)))


@pytest.mark.parametrize("text", RAW)
def test_raw_html_of_a_markdown_cell_is_harmless(text):
    html = fragment(text)
    assert dangers(html) == []
    assert "e.example" not in html and "<!" not in html and "<?" not in html
    attributes = [name for tag in BeautifulSoup(html, "html.parser")(True) for name in tag.attrs]
    assert not {"srcset", "ping", "style", "background", "poster", "formaction", "action"} & set(attributes)


def test_words_and_markdown_stay():
    table = "| a | b |\n|-|-|\n| 1 | 2 |"
    html = fragment(f"Some *words*, a [link](#i4), `code`, <center>in the middle</center>\n\n{table}")
    soup = BeautifulSoup(html, "html.parser")
    assert "in the middle" in soup.get_text() and soup.em and soup.code and soup.td
    assert soup.find("a")["href"] == "#i4"


def test_in_a_browser_raw_html_does_nothing(browser, tmp_path):
    file = tmp_path / "page.html"
    file.write_text("<!doctype html><meta charset=utf-8>" + "".join(map(fragment, RAW)), encoding="utf-8")
    page = browser.new_page()
    seen = []
    page.on("dialog", lambda dialog: (seen.append("dialog"), dialog.dismiss()))
    page.on("request", lambda r: seen.append(r.url) if not r.url.startswith((file.as_uri(), "data:")) else None)
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('*').forEach(e => e.click && e.click())")
    page.close()
    assert seen == []


@pytest.mark.full
@pytest.mark.parametrize("notebook", ["baseline", "monitoring", "impact"])
def test_what_sections_show_is_text(notebook, tmp_path):
    """A city whose settings are hostile wherever they take any text, from its data to the outputs of a notebook."""
    import section_runs

    from shared_utils import data
    from shared_utils.sections import plan_lock

    city = section_runs.create(section_runs.ROOT, tmp_path, {"city": KEY})
    hostile_settings(city)
    data.prepare(city)
    plan_lock.lock(city, HOSTILE)
    book = import_module(f"shared_utils.sections.{notebook}").open_book(city_dir=city, fast=True)
    shown = 0
    for made in section_runs.run(book):
        for bundle, _ in made.bundles():
            for mime, html in bundle.items():
                if "html" in mime:
                    assert dangers(html) == [], made.id
                    shown += BeautifulSoup(html, "html.parser").get_text().count("<script>alert(1)</script>")
    assert shown > 0
