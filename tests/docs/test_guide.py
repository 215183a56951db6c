"""The guide: its website is whole, its commands exist, and everything it tells people to do works in that order."""

import importlib.util
import json
import re
import shlex
import socket
from html.parser import HTMLParser
from pathlib import Path

import pytest
import typer
from performed import ROOT, Session, blocks, copy_of_the_template, way, words_of

from shared_utils.cli.app import app
from shared_utils.config import load_city
from shared_utils.template import new

DOCS = ROOT / "docs"
_spec = importlib.util.spec_from_file_location("build_guide", DOCS / "build_guide.py")
guide = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(guide)
# One person does all this in one folder, in this order; the others by themselves, after what they need.
IN_ORDER = [path for path in guide.sources() if path.parent.name == "guide" or path.stem == "minimal-city"]
ALONE = [DOCS / "public-context.md", DOCS / "running-elsewhere.md"]
BY_TEST_METHODS = DOCS / "methods"
EACH = pytest.mark.parametrize("page", [*IN_ORDER, *ALONE], ids=lambda page: page.stem)


class Links(HTMLParser):
    """Ids, addresses that a page asks for, and the alternatives of its pictures."""

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.addresses, self.alts = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids |= {found["id"]} if "id" in found else set()
        self.addresses += [found[name] for name in ("href", "src") if name in found]
        self.alts += [found.get("alt")] if tag == "img" else []


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """{address: page} of the guide, and its folder."""
    out = tmp_path_factory.mktemp("the guide")
    addresses = guide.build_guide(out)
    return {address: Links((out / address).read_text(encoding="utf-8")) for address in addresses}, out


def test_every_document_of_the_guide_is_on_the_menu():
    assert {path.stem for path in (DOCS / "guide").glob("*.md")} == set(guide.MENU)


def test_every_link_leads_somewhere_and_no_page_asks_the_network(site):
    pages, out = site
    broken = []
    for address, page in pages.items():
        for target in page.addresses:
            path, _, place = target.partition("#")
            if re.match(r"https?://", target):
                continue
            file = ((out / address).parent / path).resolve() if path else out / address
            known = pages.get(file.relative_to(out.resolve()).as_posix()) if file.suffix == ".html" else None
            if not file.is_file() or (place and known and place not in known.ids):
                broken.append(f"{address}: {target}")
    assert broken == []
    assert not re.search(r"<(?:script|link|img|iframe)[^>]+https?:", (out / "index.html").read_text(encoding="utf-8"))


def test_every_page_can_be_reached_from_the_start(site):
    pages, out = site
    seen, ahead = set(), ["index.html"]
    while ahead:
        address = ahead.pop()
        seen.add(address)
        targets = [((out / address).parent / a.partition("#")[0]).resolve() for a in pages[address].addresses]
        names = {t.relative_to(out.resolve()).as_posix() for t in targets if t.is_relative_to(out.resolve())}
        ahead += sorted(names & set(pages) - seen - set(ahead))
    assert set(pages) - seen == set()


def test_pictures_say_what_they_show_and_the_look_is_that_of_the_site(site):
    pages, out = site
    assert all(alt and len(alt) > 15 for page in pages.values() for alt in page.alts)
    ours = (ROOT / "shared_utils/portfolio/site/site.css").read_text(encoding="utf-8")
    assert (out / "site.css").read_text(encoding="utf-8") == ours


def test_the_same_documents_give_the_same_bytes(site, tmp_path):
    guide.build_guide(tmp_path)
    _, out = site
    assert {p.relative_to(out): p.read_bytes() for p in out.rglob("*.*")} == {
        p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*.*")
    }


def test_a_link_to_nowhere_stops_the_build(tmp_path):
    page = tmp_path / "a.md"
    page.write_text("# A\n\nSee [this](nowhere.md).\n", encoding="utf-8")
    with pytest.raises(guide.EmiError, match="a.md links to nowhere.md"):
        guide._page(page, {page: "a.html"})


def test_no_page_has_a_block_that_nobody_performs():
    others = [page for page in guide.sources() if page not in (*IN_ORDER, *ALONE) and page.parent != BY_TEST_METHODS]
    assert len(others) > 10 and [block.place for page in others for block in blocks(page)] == []
    assert {b.language for page in BY_TEST_METHODS.glob("*.md") for b in blocks(page)} == {"python", "text"}


@EACH
def test_every_block_of_a_page_can_be_performed_or_says_why_not(page):
    for block in blocks(page):
        way(block)
        assert "not-run" not in block.asked or len(block.asked["not-run"].split()) >= 4, block.place


@pytest.mark.parametrize(
    "text",
    [
        "```\nls\n```",
        "```sh\nls\n```\n\nor\n\n    ls",
        "* so:\n\n  ```sh\n  ls\n  ```",
        "```yaml\na: 1\n```",
        "```js\nx\n```",
    ],
)
def test_a_block_nobody_could_perform_is_not_overlooked(text, tmp_path):
    page = tmp_path / "a.md"
    page.write_text(f"# A\n\n{text}\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="a block without fences or a language|nobody can perform such a block"):
        [way(block) for block in blocks(page)]


@EACH
def test_every_emi_command_of_a_page_exists_with_its_options(page):
    for block in blocks(page):
        for command in block.commands:
            name, *words = shlex.split(command, posix=True)
            if name == "emi":
                _understood(words)


def _understood(words):
    """Raises KeyError for an unknown command, and an error of click for an unknown option."""
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context("emi", words)


NAMED_IN_PASSING = [
    ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "{{cookiecutter.city_slug}}" / "README.md", *guide.sources(),
]  # fmt: skip


@pytest.mark.parametrize("page", NAMED_IN_PASSING, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_every_emi_command_named_in_a_sentence_exists_with_its_options(page):
    text = page.read_text(encoding="utf-8")
    for named in re.findall(r"`emi ([^`]+)`|^ *emi (\S.*)$", text, re.MULTILINE):
        words = re.sub(r"[][(),:]", "", "".join(named)).split()
        command = typer.main.get_command(app)
        while hasattr(command, "commands") and words and not words[0].startswith("-"):
            assert words[0] in command.commands, (page.name, named)
            command = command.commands[words.pop(0)]
        known = {option for one in command.params for option in one.opts} | {"--help", "--debug"}
        assert {word for word in words if re.match("--?[a-z]", word)} <= known, (page.name, named)


def test_the_number_on_the_front_page_is_that_of_the_tutorial(site):
    _, out = site
    (number,) = re.findall(r'class="big">([\d,]+)', (out / "index.html").read_text(encoding="utf-8"))
    assert f"**{number} USD**" in (DOCS / "guide" / "tutorial.md").read_text(encoding="utf-8")


@pytest.mark.full
def test_everything_the_guide_tells_people_to_do_works(tmp_path_factory):
    session = Session(copy_of_the_template(tmp_path_factory.mktemp("a clone with spaces") / "economic mobility"))
    for page in IN_ORDER:
        session.perform(page)
    site = session.root / "site"  # built after the analyst's part was run: it is for everybody to see
    (shown,) = site.glob("cities/cincinnati*/impact.html")
    assert "Does the household change the answer?" in shown.read_text(encoding="utf-8")
    assert "c1_household" in (site / "data" / "estimates.csv").read_text(encoding="utf-8")


def published_files(folder: Path) -> None:
    """Two tracts around which Cincinnati lies, as the Census Bureau and Opportunity Insights publish them."""
    corners = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
    shapes, rows = [], []
    for n, (tract, rank) in enumerate((("000200", 0.31), ("000700", 0.44), ("000900", 0.52))):
        ring = [[-84.5 + 0.1 * (n + x), 39.1 + 0.1 * y] for x, y in corners]
        shape = {"type": "Polygon", "coordinates": [ring]}
        shapes.append({"type": "Feature", "properties": {"GEOID": f"39061{tract}", "NAME": str(n)}, "geometry": shape})
        rows.append(f"39,061,{tract},{rank}")
    tracts = json.dumps({"type": "FeatureCollection", "features": shapes})
    (folder / "cb_2018_39_tract_500k.geojson").write_text(tracts, encoding="utf-8")
    atlas = "\n".join(["state,county,tract,kfr_pooled_pooled_p25", *rows, ""])
    (folder / "tract_outcomes_simple.csv").write_text(atlas, encoding="utf-8")


@pytest.mark.full
def test_the_pages_on_public_files_and_more_machines_work(tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    folder = copy_of_the_template(tmp_path_factory.mktemp("two pages") / "economic mobility")
    with Session(folder, {"HOST": "127.0.0.1", "8786": port}) as session:
        city = folder / "cities" / "cincinnati-workforce-support"
        assert new.create(folder, folder / "cities", {"city": "cincinnati"}) == city
        published_files(city / "data" / "public_ref")
        for page in ALONE:
            session.perform(page)
    shown = words_of(city / "outputs" / "release" / "baseline.html")
    assert "the 3 tracts of the county" in shown and "the pilot's 2 tracts, 1 is there" in shown
    assert load_city(city).data.reference["acs"].path == "public_ref/acs_tracts.csv"


@pytest.mark.full
@pytest.mark.parametrize("width", (1280, 390))
def test_pages_fit_the_screen_and_have_no_accessibility_problem(site, browser, width):
    from axe_playwright_python.sync_playwright import Axe

    pages, out = site
    view = browser.new_page(viewport={"width": width, "height": 900})
    for address in (*(f"{name}.html" for name in guide.MENU), "methods/index.html", "decisions/0003-dependencies.html"):
        view.goto((out / address).as_uri())
        assert view.evaluate("document.documentElement.scrollWidth") <= width, address
        problems = Axe().run(view).response["violations"]
        assert [(p["id"], [n["html"][:120] for n in p["nodes"]]) for p in problems] == [], address
    view.close()
