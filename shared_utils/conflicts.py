"""A conflict of an update or a merge: how both texts of one place are shown, and where such places are left.

The marks are git's own, so every editor knows them, and code that holds them does not run.
"""

import json
import re

YOURS, MIDDLE, THEIRS = "<<<<<<<", "=======", ">>>>>>>"
# What a person reads wherever such a place is met, and what to do.
WAITS = "two texts stand there, and nobody has chosen yet"
CHOOSE = "keep what is right, delete the rest and the marks, and save"
# Of a file that `cruft update` leaves beside the one it could not change.
REJECTED = "holds what an update could not bring in: without it the update is not whole"
_LEFT = re.compile(rf"^`?(?:{YOURS}|{THEIRS}) ", re.MULTILINE)


def both_texts(yours: str | None, theirs: str | None, their_name: str, markdown: bool = False) -> str:
    """Return one text that shows both, whole; None is a text that was deleted.

    In Markdown the marks are set as code in paragraphs of their own: bare ones would turn into headings and quotes.
    """
    first = f"{YOURS} yours{' (you deleted this)' if yours is None else ''}"
    last = f"{THEIRS} {their_name}{' (deleted there)' if theirs is None else ''}"
    first, middle, last = (f"`{mark}`" if markdown else mark for mark in (first, MIDDLE, last))
    texts = [[text.rstrip("\n")] if text else [] for text in (yours, theirs)]
    return ("\n\n" if markdown else "\n").join([first, *texts[0], middle, *texts[1], last])


def marked(text: str) -> bool:
    """True when marks are left in a text."""
    return _LEFT.search(text) is not None


def places(content: bytes, name: str) -> list[str]:
    """Return where marks are left in a file: "cell ID" of a notebook, "line N" of another; [] when none are."""
    if YOURS.encode() not in content and THEIRS.encode() not in content:
        return []
    source = content.decode("utf-8", "replace")
    if name.endswith(".ipynb"):
        try:
            cells = json.loads(source)["cells"]
            return [f"cell {cell.get('id', n)}" for n, cell in enumerate(cells, 1) if marked(_text(cell))]
        except (ValueError, KeyError, TypeError):
            pass  # marks in the JSON itself: a merge that knew nothing of notebooks
    return [f"line {source.count(chr(10), 0, match.start()) + 1}" for match in _LEFT.finditer(source)]


def _text(cell: dict) -> str:
    return "".join(cell["source"])  # one text or lines
