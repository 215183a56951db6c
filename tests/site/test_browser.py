"""The site in a real browser: readable by everyone, on a phone, with no other computer asked."""

import shutil

import pypdfium2
import pytest
import record_factory

from shared_utils import portfolio

CITY = "cities/" + record_factory.CITIES["cincinnati"][1]
WITHOUT_RESULT = ["cities/" + record_factory.CITIES[key][1] for key in ("dayton", "lansing")]
KINDS = [  # axe reads each of them, in the full set those without a result as well
    "index.html",
    "methods.html",
    "what-works.html",
    "effects.html",
    "indicators.html",
    "equity.html",
    "lessons.html",
    "costs.html",
    "trust.html",
    "downloads.html",
    "corrections.html",
    f"{CITY}/index.html",
    f"{CITY}/impact.html",
    f"{CITY}/residents-en.html",
    f"{CITY}/residents-es.html",
    *(pytest.param(f"{folder}/index.html", marks=pytest.mark.full) for folder in WITHOUT_RESULT),
]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# The narrow one is the harder one.
WIDTHS = [pytest.param(390, id="phone"), pytest.param(1280, id="desk", marks=pytest.mark.full)]


@pytest.fixture(scope="module", params=WIDTHS)
def page(request, browser):
    context = browser.new_context(viewport={"width": request.param, "height": 844}, color_scheme="light")
    opened = context.new_page()
    opened.outside, opened.errors = [], []
    opened.on("console", lambda line: line.type == "error" and opened.errors.append(line.text))
    opened.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.on("request", lambda r: r.url.startswith(("file:", "data:")) or opened.outside.append(r.url))
    yield opened
    context.close()


@pytest.fixture(scope="module")
def pack(workspace, tmp_path_factory):
    """The evidence pack of a copy of one city."""
    city = tmp_path_factory.mktemp("pack") / "city"
    shutil.copytree(workspace / CITY, city)
    return portfolio.evidence_pack(city).folder


def go(page, site, name):
    page.goto((site[0] / name).as_uri())


def violations(page):
    from axe_playwright_python.sync_playwright import Axe

    options = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": RULES}}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{v['id']}: {v['help']} {v['nodes'][0]['html'][:160]}" for v in found]


@pytest.mark.parametrize("name", KINDS)
def test_nothing_stands_in_anyones_way(page, site, name):
    go(page, site, name)
    assert violations(page) == []


@pytest.mark.parametrize("name", ["index.html", f"{CITY}/index.html"])
def test_nothing_stands_in_anyones_way_in_the_dark(page, site, name):
    page.emulate_media(color_scheme="dark")
    go(page, site, name)
    assert violations(page) == []
    page.emulate_media(color_scheme="light")


def test_nothing_stands_in_anyones_way_in_the_evidence_pack(page, pack):
    for file in ("index.html", "eval-3/outputs/release/impact.html"):
        page.goto((pack / file).as_uri())
        assert violations(page) == [], file
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_no_page_is_wider_than_the_screen_or_asks_another_computer(page, site):
    wide = []
    for name in site[1].pages:
        if name.endswith(".html"):
            go(page, site, name)
            over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            wide += [f"{name}: {over} px"] if over > 0 else []
    assert wide == []
    assert (page.outside, page.errors) == ([], [])


# What a keyboard must reach, in the order of the page; numbered, so that the order can be told.
NUMBER_ALL = """() => [...document.querySelectorAll("a[href], summary, input, [tabindex='0']")]
    .filter(one => one.checkVisibility()).map((one, i) => { one.dataset.n = i; return i; })"""


@pytest.mark.full
@pytest.mark.parametrize(
    "name", ["index.html", "effects.html", "costs.html", f"{CITY}/index.html", f"{CITY}/impact.html"]
)
def test_the_keyboard_reaches_everything_in_order(page, site, name):
    go(page, site, name)
    numbered = page.evaluate(NUMBER_ALL)
    reached = []
    for _ in numbered:
        page.keyboard.press("Tab")
        reached.append(int(page.evaluate("document.activeElement.dataset.n")))
    assert reached == numbered and len(numbered) > 10


@pytest.mark.full
@pytest.mark.parametrize("name", ["index.html", f"{CITY}/index.html", f"{CITY}/residents-es.html"])
def test_every_printed_sheet_says_that_the_data_are_synthetic(page, site, name):
    go(page, site, name)
    printed = pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True))
    for sheet in range(len(printed)):
        assert "SYNTHETIC DATA - NOT RESULTS" in printed[sheet].get_textpage().get_text_range(), sheet


def test_drawings_are_where_the_numbers_are(page, site):
    """On a card the estimate stands inside its interval, and better than nothing stands right of zero."""
    go(page, site, "index.html")
    for card in page.query_selector_all(".city .mini"):
        zero, low, high, point = (
            card.query_selector(".axis0").bounding_box()["x"],
            (box := card.query_selector(".ci").bounding_box())["x"],
            box["x"] + box["width"],
            (mark := card.query_selector(".pt").bounding_box())["x"] + mark["width"] / 2,
        )
        assert low < point < high
        better = "Better" in card.get_attribute("aria-label")
        worse = "Worse" in card.get_attribute("aria-label")
        assert (better, worse) == (zero < low, high < zero)
