"""Where the table of a file begins and ends, and which of its headers a mapping means.

A mapping knows the headers it needs; the row that holds most of them is the header row. Below the table come
totals and notes, which are no rows of it. What could be either is not decided here: rows stay, and a header row
that is not plain is one clear problem.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from shared_utils.data.mapping import Mapping
from shared_utils.data.problems import IDENTIFIER

SEARCHED = 50  # rows from the top in which the header is looked for
BELOW = 30  # rows from the bottom in which totals and notes are looked for

_TOTAL = re.compile(r"(grand |sub-?|over-?all )?(totals?|sum|average|mean|count)\b *:?", re.IGNORECASE)
_NOTE = re.compile(
    r"(\*|\u2020|\[\d|notes?\b|sources?\b|prepared\b|report(ed)?\b|generated\b|printed\b|exported\b|as of\b|"
    r"updated\b|end of\b|page \d|confidential\b|data (as|from|through)\b|\(c\)|\u00a9)",
    re.IGNORECASE,
)
_VALUE = re.compile(r"[-+$]?[\d.,]*\d%?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")


def key(header: str) -> str:
    """Return what two spellings of a header share: "  Client\\u00a0 ID" and "client id" are one."""
    plain = unicodedata.normalize("NFKC", header)
    plain = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    return " ".join(plain.split()).casefold()


def match(headers: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Return the headers, each in the spelling of `wanted` where it is one of them.

    Case, spaces at the ends, several spaces in a row and forms of one letter (Unicode NFKC) do not count. A header
    that is there to the letter is meant; others of the same sound are then left as they are.
    """
    headers, wanted = list(headers), list(wanted)
    exact = set(headers) & set(wanted)
    meant = {key(name): name for name in reversed(wanted) if name not in exact}
    return [header if header in exact else meant.get(key(header), header) for header in headers]


def find(rows: Sequence[Sequence[str]], wanted: Sequence[str], mapping: Mapping, sheet: str = "") -> int:
    """Return the row (from 1) with the headers among the first rows of a file, title rows above it skipped.

    Raises IntakeError when two rows could be it, or when the file has no row of headers at all.
    """
    names = {key(name) for name in wanted}
    counts = [len(names & {key(cell) for cell in row}) for row in rows[:SEARCHED]]
    most = max(counts, default=0)
    if not most:
        return _widest(rows[:SEARCHED], bool(names), mapping, sheet)
    best = [number for number, count in enumerate(counts) if count == most]
    others = [number for number in best if _keys(rows[number]) != _keys(rows[best[0]])]
    if others:
        message = f"rows {best[0] + 1} and {others[0] + 1} both look like the headers."
        raise mapping.refusal(message, _say_row(mapping, others[0] + 1), sheet)
    return best[0] + 1


def _widest(rows, expected: bool, mapping: Mapping, sheet: str) -> int:
    """Return the first row that is filled like a table, for a file with none of the headers we know.

    Where headers are expected, a row of values is not shown as if it were them: it is somebody's.
    """
    filled = [sum(map(bool, row)) for row in rows]
    number = next((n for n, count in enumerate(filled) if count and count >= max(filled) / 2), None)
    if number is None:
        raise mapping.refusal("there is nothing in it.", "Send the file again, with its headers and rows.", sheet)
    looks_like_data = any(_VALUE.fullmatch(cell) or IDENTIFIER.search(cell) for cell in rows[number])
    if expected and looks_like_data:
        message = f"there is no row of headers: row {number + 1}, the first of the table, holds values."
        fix = f"Add a row with the headers above the table, for example {', '.join(mapping.headers[:3])}."
        raise mapping.refusal(message, fix, sheet)
    return number + 1


def _keys(row: Sequence[str]) -> list[str]:
    return [key(cell) for cell in row if cell]


def _say_row(mapping: Mapping, row: int) -> str:
    return mapping.decide(f"header_row: {row} (or the other one)", "Delete the rows above the headers in the file.")


def footer(rows: Sequence[Sequence[str]], codes: Iterable[str] = ()) -> list[str]:
    """Return what each of the last rows is that lies below the table: "blank", "total" or "note".

    A row is a total by its first word (unless that is one of the `codes` the mapping knows), a note by its first
    word, or as a sentence alone after a blank row, or alone below a total or a note. One word alone may be a
    person with nothing filled in: it stays.
    """
    kinds: list[str] = []
    known = {key(code) for code in codes}
    for row in rows:
        kind = _below([cell for cell in row if cell], len(row), kinds, known)
        kinds = [*kinds, kind] if kind else []
    return kinds if set(kinds) - {"blank"} else []


def is_total(cell: str) -> bool:
    """Tell whether a cell is the name of a row of totals: "Total", "Grand total:"."""
    return bool(_TOTAL.fullmatch(cell))


def _below(filled: list[str], width: int, above: list[str], codes: set[str]) -> str:
    """Return what a row is after the kinds of rows `above` it, "" for a row of the table."""
    if not filled:
        return "blank"
    if is_total(filled[0]) and key(filled[0]) not in codes:
        return "total"
    alone = len(filled) == 1 and width > 1
    told = _NOTE.match(filled[0]) or set(above) - {"blank"} or (above and len(filled[0].split()) > 2)
    return "note" if alone and told else ""
