"""An executed notebook as the HTML body of a public page.

Only what a section made for release leaves: HTML in the release mime type, figures that say what they show,
and the text of markdown cells. Everything else a cell printed stays inside the city, and the page says so.
"""

import copy
import re
from functools import lru_cache
from pathlib import Path

from shared_utils.errors import EmiError

RELEASE_MIME = "application/vnd.emi.release+html"
WITHHELD = (
    '<p class="withheld">An output of this cell stays inside the city: it was not made by a section, '
    "so the release rules have not been applied to it.</p>"
)
_STOCK_ALT = re.compile(r"no description has been provided|^\S+\.(png|jpe?g|svg)$|^(figure|image|plot)?\W*$", re.I)
# What a page may be made of. Another tag is taken off its text; those in _NO_TEXT go with all they hold.
_TAGS = frozenset(
    "a abbr b blockquote br caption cite code col colgroup dd del details div dl dt em figcaption figure h1 h2 h3 h4 "
    "h5 h6 hr i img ins kbd li main mark ol p pre q s section small span strong sub summary sup table tbody td tfoot "
    "th thead tr u ul var".split()
)
_ATTRIBUTES = frozenset(
    "alt aria-hidden aria-label class colspan headers height href id lang open role rowspan scope src "
    "start tabindex title width".split()
)
_NO_TEXT = ["script", "style", "link", "meta", "iframe", "object", "embed", "base", "template"]
# How to work with the notebook, and cells added by papermill, which hold paths of this machine.
_LEFT_OUT = {"for-analysts", "parameters", "injected-parameters", "papermill-error-cell-tag"}


class ReleaseError(EmiError):
    """A notebook or record that may not leave the city as it is; `refused` is {notebook: why} of a whole release."""

    def __init__(self, message: str, hint: str = "", refused: dict[str, str] | None = None):
        super().__init__(message, hint)
        self.refused = refused or {}


def to_fragment(notebook) -> str:
    """HTML of an executed notebook (an nbformat node): headings, released tables and figures, folded code.

    Raises ReleaseError when the run failed, when a figure is described in empty words, or when a table or
    figure that should be on the page is not.
    """
    _refuse_failed(notebook)
    outward = _outward(notebook)
    soup = _tidied(_exported(outward))
    _refuse_losses(outward, soup)
    return "\n".join(line.rstrip() for line in str(soup).splitlines() if line.strip()) + "\n"


def _refuse_failed(notebook) -> None:
    papermill = notebook.metadata.get("papermill", {})
    errors = [output for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "error"]
    if papermill.get("exception") or errors:
        raise ReleaseError("The executed notebook holds an error: its run failed.", "Run it again: emi run")


def _outward(notebook):
    """A copy with only what may leave."""
    outward = copy.deepcopy(notebook)
    outward.cells = [
        cell for cell in outward.cells if cell.cell_type != "raw" and not _LEFT_OUT & set(cell.metadata.get("tags", []))
    ]
    for cell in outward.cells:
        if cell.cell_type == "code":
            shown = [_released(output) for output in cell.outputs]
            cell.outputs = [output for output in shown if output is not None]
    return outward


def _released(output):
    """The output in the one form that may leave, a note that it stays, or None when nobody will miss it."""
    if output.output_type not in ("display_data", "execute_result"):
        return None
    alt = output.metadata.get("image/png", {}).get("alt")
    if RELEASE_MIME in output.data:
        output.data = {"text/html": _text(output.data[RELEASE_MIME])}
    elif "image/png" in output.data and alt is not None:
        if _STOCK_ALT.search(alt.strip()):
            raise ReleaseError(f"A figure is described as '{alt}', which says nothing.", "Say what it shows.")
        output.data = {"image/png": _text(output.data["image/png"])}
    elif any(mime.startswith("image/") or mime == "text/html" for mime in output.data):
        output.data = {"text/html": WITHHELD}
    else:
        return None
    return output


def _text(source) -> str:
    return source if isinstance(source, str) else "".join(source)


def _exported(notebook) -> str:
    return _exporter().from_notebook_node(notebook)[0]


@lru_cache(maxsize=1)
def _exporter():
    """One for all notebooks of a process: its template takes longer to compile than to fill."""
    # nbconvert takes a second to import, and only a release needs it.
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="notebook_html", extra_template_basedirs=[str(Path(__file__).parent)])
    exporter.exclude_anchor_links = True
    return exporter


def _tidied(html: str):
    """The page body made safe and readable: no scripts or outside addresses, headings with short ids, tables
    whose headers say what they head, each in a box that scrolls on a phone, as does a figure."""
    from bs4 import BeautifulSoup
    from bs4.element import PreformattedString

    soup = BeautifulSoup(html, "html.parser")
    for tag in soup(_NO_TEXT):
        tag.decompose()
    for text in soup.find_all(string=lambda text: isinstance(text, PreformattedString)):
        text.extract()  # browsers end comments elsewhere than this parser: what is inside could become a tag
    for tag in soup(True):
        if tag.name not in _TAGS:
            tag.unwrap()
        for name in [name for name in tag.attrs if name not in _ATTRIBUTES]:
            del tag[name]
    for image in soup("img"):
        if not image.get("src", "").startswith("data:image/"):
            image.decompose()
    for link in soup("a"):
        if not link.get("href", "").startswith("#"):
            link.unwrap()
    _name_headings(soup)
    _frame_tables(soup)
    _name_figures(soup)
    return soup


def _name_headings(soup) -> None:
    """ "I4. What was the effect?" gets the id i4, so a city can link to a section. A number without a letter goes: the
    first of them, the settings, is not on the page."""
    taken = set()
    for heading in soup(["h1", "h2", "h3", "h4"]):
        first = heading.find(string=True)
        if first:
            first.replace_with(re.sub(r"^\s*\d+\.\s+", "", first))
        words = heading.get_text(" ", strip=True)
        number = re.match(r"([A-Z]\d+)\.\s", words)
        name = (number.group(1) if number else re.sub(r"\W+", "-", words).strip("-")).lower() or "section"
        while name in taken:
            name += "-again"
        taken.add(name)
        heading["id"] = name


def _frame_tables(soup) -> None:
    for i, table in enumerate(soup("table"), start=1):
        head = table.find("thead")
        for header in table("th"):
            if not header.get_text(strip=True):
                header.name = "td"
                header.attrs.pop("scope", None)
            elif not header.get("scope"):
                header["scope"] = "col" if head and head in header.parents else "row"
        caption = table.find("caption")
        label = caption.get_text(" ", strip=True) if caption else "Table"
        box = soup.new_tag(
            "div",
            attrs={"class": "scroll", "tabindex": "0", "role": "region", "aria-label": f"{label}, table {i}"},
        )
        table.wrap(box)


def _name_figures(soup) -> None:
    """A figure keeps a readable size on a phone and scrolls there, so the keyboard must reach it."""
    for i, figure in enumerate(soup("figure"), start=1):
        figure["tabindex"], figure["aria-label"] = "0", f"Figure {i}"


def _refuse_losses(outward, soup) -> None:
    """nbconvert templates can lose outputs without a word: what went in must have come out."""
    outputs = [output.data for cell in outward.cells if cell.cell_type == "code" for output in cell.outputs]
    figures = sum("image/png" in data for data in outputs)
    tables = sum(data.get("text/html", "").count("<table") for data in outputs)
    from_cells = [tag for cell in soup.find_all("div", class_="cell") for tag in cell(["img", "table"])]
    out = {name: sum(tag.name == name for tag in from_cells) for name in ("img", "table")}
    inner = sum(data.get("text/html", "").count("<img") for data in outputs)
    if out != {"img": figures + inner, "table": tables}:
        raise ReleaseError(
            f"{figures} figures and {tables} tables went in, {out['img']} and {out['table']} came out.",
            "Report this: the page would not show all results.",
        )
