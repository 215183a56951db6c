"""What an executed notebook counts, and the notebook without what the release must hide.

Each output of a section says in its metadata (`emi`) whom it counts: tables their exact counts, sentences and figures
the groups they tell; the record, whose output comes last, its own counts. Cells of a released table name their groups.
"""

import copy
import json
import re

from shared_utils.disclosure import Group
from shared_utils.results.fragment import RELEASE_MIME, ReleaseError

HIDDEN = "*"
LATER = "<p>* Hidden: together with other pages of this city it would give away a number of fewer than 11 people.</p>"
INSTEAD = "is withheld: together with other pages of this city it would give away a number of fewer than 11 people."
_STAMP = re.compile(r'<p class="emi-stamp">.*?</p>', re.DOTALL)


def counted(notebook) -> tuple[list[tuple[Group, int]], set[Group]]:
    """The exact counts in an executed notebook and its record, and the groups that its tables hide by themselves.

    Raises ReleaseError when the record does not say whom it counts: nothing could be audited.
    """
    pairs, hidden, told = [], set(), False
    for output in _outputs(notebook):
        emi = output.metadata.get("emi", {})
        told = told or "record" in emi
        pairs += [(Group.parse(text), n) for text, n in emi.get("counts", [])]
        hidden |= {Group.parse(text) for text in emi.get("hidden", [])}
    if not told:
        raise ReleaseError("The notebook does not say whom its record counts.", "Run it again with the code of today.")
    return pairs, hidden


def masked(notebook, hidden: frozenset[Group]) -> tuple[object, int]:
    """A copy of an executed notebook in which nothing tells of a hidden group, and how many cells and parts went.

    Cells of tables show a star; a sentence, a list of notes or a figure that tells of such a group gives way to a line.
    """
    outward, names, gone = copy.deepcopy(notebook), {str(group) for group in hidden}, 0
    for output in _outputs(outward):
        if names & set(output.metadata.get("emi", {}).get("shows", [])):
            output.data, gone = {RELEASE_MIME: _instead(output.data)}, gone + 1
        elif RELEASE_MIME in output.data:
            output.data[RELEASE_MIME], n = _table(_text(output.data[RELEASE_MIME]), names)
            gone += n
    return outward, gone


def _outputs(notebook) -> list:
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output for output in shown if output.output_type in ("display_data", "execute_result")]


def _text(source) -> str:
    return source if isinstance(source, str) else "".join(source)


def _instead(data) -> str:
    """The line in place of a part that tells too much; the mark of synthetic data stays."""
    what = "This figure" if "image/png" in data else "A sentence or note"
    stamp = _STAMP.search(_text(data.get(RELEASE_MIME, "")))
    return f'<div class="emi-answer"><p>{what} {INSTEAD}</p>{stamp[0] if stamp else ""}</div>'


def _table(html: str, names: set[str]) -> tuple[str, int]:
    """A released table whose cells name their groups, with those of hidden groups starred and no names left."""
    if "data-groups" not in html:
        return html, 0
    from bs4 import BeautifulSoup

    soup, gone = BeautifulSoup(html, "html.parser"), 0
    for cell in soup.find_all(attrs={"data-groups": True}):
        behind = set(json.loads(cell.attrs.pop("data-groups")))
        if behind & names and cell.get_text() not in ("", HIDDEN):
            cell.string, gone = HIDDEN, gone + 1
    notes = soup.find(class_="emi-table-notes")
    if gone and notes is not None:
        notes.insert(0, BeautifulSoup(LATER, "html.parser"))
    return str(soup), gone
