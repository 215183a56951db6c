"""The guide as a small website, made from the Markdown in docs/ with the look of the public site. Needs no network.

    python docs/build_guide.py [FOLDER]         default: the folder guide/ of this repository

Links between documents become links between pages; a link to another file of the repository becomes its path. The same
documents give the same bytes.
"""

import re
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import jinja2
import mistune

from shared_utils.errors import EmiError
from shared_utils.portfolio.site import build
from shared_utils.results import write_text
from shared_utils.spreadsheets import put

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
NAME = "Economic mobility pilots"
# The menu, and the order in which the tests perform the pages.
MENU = {
    "index": "Start",
    "setup": "Set up",
    "tutorial": "Tutorial",
    "city": "City",
    "analyst": "Analyst",
    "manager": "Program manager",
    "no-trial": "No trial",
    "upkeep": "Updates",
    "faq": "Questions",
}
READERS = ("city", "analyst", "manager")
MORE = {"minimal-city", "public-context", "running-elsewhere", "operating-characteristics"}
FOLDERS = ("methods", "decisions")


@dataclass(frozen=True)
class Page:
    """A page of the guide: its document, its address, its first heading, the paragraph under it, and the rest."""

    source: Path
    address: str
    title: str
    lead: str
    body: str
    contents: tuple[tuple[str, str], ...]


def sources() -> dict[Path, str]:
    """{document: address of its page}, in the order of the menu."""
    found = {DOCS / "guide" / f"{name}.md": f"{name}.html" for name in MENU}
    found |= {DOCS / f"{name}.md": f"{name}.html" for name in sorted(MORE)}
    for folder in FOLDERS:
        for path in sorted((DOCS / folder).glob("*.md")):
            found[path] = f"{folder}/{'index' if path.stem == 'README' else path.stem}.html"
    return {path: address for path, address in found.items() if path.exists()}


def build_guide(out: Path) -> list[str]:
    """Write all pages, the stylesheet and the pictures into the folder `out`; returns the addresses of the pages.

    Raises EmiError when a document has no heading, or links to a file that is not there.
    """
    addresses = sources()
    pages = [_page(path, addresses) for path in addresses]
    environment = _environment(pages)
    for page in pages:
        template = "front.html.j2" if page.address == "index.html" else "page.html.j2"
        name = PurePosixPath(page.address)
        up = "../" * (len(name.parts) - 1)
        text = environment.get_template(template).render(page_of=page, page=name.stem if not up else "", up=up)
        write_text(text, out / page.address)
    write_text((Path(build.__file__).parent / "site.css").read_text(encoding="utf-8"), out / "site.css")
    for picture in sorted((DOCS / "images").glob("*.png")):
        put(out / "images" / picture.name, picture.read_bytes())
    return [page.address for page in pages]


def _environment(pages: list[Page]) -> jinja2.Environment:
    """That of the public site, with the guide's own menu and templates."""
    environment = build.environment()
    own = jinja2.FileSystemLoader(DOCS / "guide" / "templates")
    environment.loader = jinja2.ChoiceLoader([own, environment.loader])
    by_name = {PurePosixPath(page.address).stem: page for page in pages if "/" not in page.address}
    menu = {name: label for name, label in MENU.items() if name in by_name}
    words = SimpleNamespace(**vars(environment.globals["t"]) | {"nav": menu})
    footer = "Made from the Markdown in docs/ by  python docs/build_guide.py"
    environment.globals.update(t=words, brand=NAME, tagline="guide", footer=footer, watermark="", sticky=False)
    environment.globals.update(readers=[by_name[name] for name in READERS], pages=by_name)
    return environment


def _page(source: Path, addresses: dict[Path, str]) -> Page:
    html = _Html(source, addresses)
    markdown = mistune.create_markdown(renderer=html, plugins=["table"])
    html.register("table", _table)
    html.register("table_cell", _table_cell)
    text = markdown(source.read_text(encoding="utf-8"))
    found = re.match(r"\s*<h1[^>]*>(.*?)</h1>\s*<p>(.*?)</p>\s*(.*)", text, re.DOTALL)
    if not found:
        raise EmiError(f"{source.name} does not begin with a heading and a paragraph.", "Write both, then build again.")
    title, lead, body = found.groups()
    return Page(source, addresses[source], title, lead, body, tuple(html.contents))


class _Html(mistune.HTMLRenderer):
    """Markdown as the site's HTML: headings with ids, links between pages, code with the name of its file."""

    def __init__(self, source: Path, addresses: dict[Path, str]):
        super().__init__()
        self.source, self.addresses, self.contents, self.tables = source, addresses, [], 0

    def heading(self, text: str, level: int, **attrs) -> str:
        name = slug(text)
        if level == 2:
            self.contents.append((name, text))
        return f'<h{level} id="{name}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        if "://" in url:
            return super().link(text, url)
        path, _, place = url.partition("#")
        target = (self.source.parent / path).resolve() if path else self.source
        if target in self.addresses:
            place = f"#{place}" if place else ""
            return f'<a href="{self._from_here(self.addresses[target])}{place}">{text}</a>'
        named = self._in_repository(target)
        return text if named in text else f"{text} ({self.codespan(named)})"

    def codespan(self, text: str) -> str:
        return f"<code>{_breakable(text)}</code>"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        self._in_repository((self.source.parent / url).resolve())
        address = self._from_here(f"images/{PurePosixPath(url).name}")
        return f'<img src="{address}" alt="{escape(re.sub(r"<[^>]+>", "", text))}">'

    def block_code(self, code: str, info: str | None = None) -> str:
        named = re.search(r"\b(?:file|cell)=(\S+)", info or "")
        caption = f'<p class="kick file">{_breakable(in_words(named[0]))}</p>' if named else ""
        if (info or "").split()[:1] == ["text"]:  # what somebody reads after a command or on a page: lines that wrap
            lines = [escape(line) if " in=" in info else f"<code>{escape(line)}</code>" for line in code.splitlines()]
            return f'<div class="emi-notes"><p>{"<br>".join(lines)}</p></div>\n'
        return f'{caption}<pre tabindex="0"><code>{escape(code.rstrip())}</code></pre>\n'

    def _from_here(self, address: str) -> str:
        return "../" * (len(PurePosixPath(self.addresses[self.source]).parts) - 1) + address

    def _in_repository(self, target: Path) -> str:
        if not target.exists():
            raise EmiError(f"{self.source.name} links to {target.name}, which is not there.", "Correct the link.")
        return target.relative_to(ROOT).as_posix()


def _breakable(path: str) -> str:
    """A path or a name of code, which a phone may break after each slash and underscore."""
    return re.sub("[/_]", r"\g<0><wbr>", escape(path))


def slug(heading: str) -> str:
    """The id of a heading, as GitHub makes it: "Where to start?" is where-to-start."""
    plain = re.sub(r"<[^>]+>|&\w+;|&#\d+;", "", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def in_words(named: str) -> str:
    """What a block asks for, for readers: a file, or a new cell of a notebook (cell=NOTEBOOK:ID, above the cell ID)."""
    kind, _, place = named.partition("=")
    notebook, _, _ = place.rpartition(":")
    return place if kind == "file" else f"new cell in {notebook}"


def _table(renderer, text: str) -> str:
    renderer.tables += 1
    label = f"Table {renderer.tables}"
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table>\n{text}</table></div>\n'


def _table_cell(renderer, text: str, align: str | None = None, head: bool = False) -> str:
    if not head:
        return f"<td>{text}</td>"
    return f'<th scope="col">{text}</th>' if text.strip() else "<td></td>"


def main(arguments: list[str]) -> int:
    """Build into the folder named, and say where to look."""
    out = Path(arguments[0]) if arguments else ROOT / "guide"
    try:
        pages = build_guide(out)
    except EmiError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Built  {out / 'index.html'}   {len(pages)} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
