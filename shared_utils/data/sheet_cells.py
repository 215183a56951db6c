"""The cells of one sheet of a workbook as text, read in one pass over its XML.

openpyxl knows the workbook (sheets, shared texts, which styles are dates); its own cells cost five times as much,
and where it pads rows to the place a cell claims, a made-up place costs all memory. Here a place outside the
limits is refused, and what a value does not show is kept: formulas never calculated, merged ranges.
"""

import zipfile
from dataclasses import dataclass, field
from xml.parsers import expat

import pandas as pd

from shared_utils.data.grid import MAX_COLUMNS, text

CHUNK = 2**20
ROWS = 1_048_576  # of an Excel sheet
MAX_CELLS = 30_000_000  # empty ones between filled ones counted
PART = 20_000  # rows turned into columns at a time
DIGITS = "0123456789"
EXACT = 15  # digits a spreadsheet keeps of a number


class TooLarge(ValueError):
    """The sheet has more rows, columns or cells than are read; the message says how many."""


@dataclass(frozen=True)
class Kinds:
    """What the cells refer to: shared texts, styles that show dates or durations, the first day of dates."""

    strings: list[str]
    dates: set[int]
    durations: set[int]
    epoch: object


@dataclass
class Cells:
    """`frame` holds the cells; `uncalculated` are places ("D3") of formulas without a value, `merged` ranges."""

    frame: pd.DataFrame = field(default_factory=pd.DataFrame)
    uncalculated: list[str] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)


def read(archive: zipfile.ZipFile, part: str, kinds: Kinds) -> Cells:
    """Return the cells of a sheet, the empty rows and columns at its end cut off.

    Raises TooLarge, and what expat raises for XML that is not well formed.
    """
    reader = _Reader(kinds)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    with archive.open(part) as content:
        while chunk := content.read(CHUNK):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    return reader.done()


class _Reader:
    """Follows the elements of a sheet: row > c (cell) > f (formula), v (value) or is > t (text)."""

    def __init__(self, kinds: Kinds):
        self.kinds = kinds
        self.found = Cells()
        self.parts: list[pd.DataFrame] = []
        self.rows: list[list[str]] = []
        self.names: dict[str, str] = {}
        self.letters: dict[str, int] = {}
        self.number = self.filled = self.width = 0
        self.row: list[str] = []
        self.cell: dict[str, str] = {}
        self.pieces: list[str] = []
        self.taking = self.formula = self.phonetic = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = self.names.get(tag) or self.names.setdefault(tag, tag.rpartition(":")[2])
        if name == "c":
            self.cell, self.pieces, self.formula = attributes, [], False
        elif name in ("v", "t"):
            self.taking = not self.phonetic
        elif name == "f":
            self.formula = True
        elif name == "row":
            self._open_row(attributes)
        elif name == "rPh":
            self.phonetic = True
        elif name == "mergeCell":
            self.found.merged.append(attributes.get("ref", ""))

    def data(self, piece: str) -> None:
        if self.taking:
            self.pieces.append(piece)

    def end(self, tag: str) -> None:
        name = self.names[tag]
        if name in ("v", "t"):
            self.taking = False
        elif name == "c":
            self._close_cell()
        elif name == "row":
            self._close_row()
        elif name == "rPh":
            self.phonetic = False

    def _open_row(self, attributes: dict[str, str]) -> None:
        number = int(attributes.get("r", self.number + 1))
        if not self.number < number <= ROWS:
            raise TooLarge(f"row {number:,} of the sheet is not where a row can be")
        self.number, self.row = number, []

    def _close_cell(self) -> None:
        raw, kind = "".join(self.pieces), self.cell.get("t", "n")
        column = self._column(self.cell.get("r", ""))
        if raw:
            self.row += [""] * (column + 1 - len(self.row))
            self.row[column] = self._text(raw, kind)
        else:
            self.row += [""] * (column - len(self.row))
            if self.formula and kind != "str":  # an empty text as a result is stored as such
                self.found.uncalculated.append(self.cell.get("r", ""))

    def _column(self, place: str) -> int:
        """Return the column of a place from 0; a cell without one follows the cell before it."""
        if not place:
            return len(self.row)
        letters = place.rstrip(DIGITS)
        if letters not in self.letters:
            self.letters[letters] = _column_number(letters)
        return self.letters[letters]

    def _text(self, raw: str, kind: str) -> str:
        if kind == "s":
            return self.kinds.strings[int(raw)]
        if kind == "n":
            return self._number(raw)
        if kind == "b":
            return "true" if raw == "1" else "false"
        if kind == "d":
            from openpyxl.utils.datetime import from_ISO8601

            return text(from_ISO8601(raw))
        return raw

    def _number(self, raw: str) -> str:
        style = int(self.cell.get("s", 0))
        if style in self.kinds.dates:
            return self._date(float(raw), style in self.kinds.durations)
        return raw if raw.isdecimal() and len(raw) <= EXACT else text(float(raw))

    def _date(self, serial: float, duration: bool) -> str:
        """Return a date cell as ISO text; what no calendar has is an error, as Excel shows it by #####."""
        from openpyxl.utils.datetime import from_excel

        try:
            return text(from_excel(serial, self.kinds.epoch, timedelta=duration))
        except (OverflowError, ValueError):
            return "#VALUE!"

    def _close_row(self) -> None:
        while self.row and not self.row[-1]:
            self.row.pop()
        if not self.row:
            return
        self.width = max(self.width, len(self.row))
        if self.number * self.width > MAX_CELLS:
            raise TooLarge(f"the sheet has {self.number:,} rows and {self.width:,} columns; "
                           f"at most {MAX_CELLS:,} cells are read")  # fmt: skip
        self.rows += [[] for _ in range(self.number - self.filled - 1)]
        self.rows.append(self.row)
        self.filled = self.number
        if len(self.rows) >= PART:
            self._close_part()

    def _close_part(self) -> None:
        for row in self.rows:
            row += [""] * (self.width - len(row))
        columns = zip(*self.rows, strict=True)
        self.parts.append(pd.DataFrame({n: pd.array(list(column), dtype="str") for n, column in enumerate(columns)}))
        self.rows = []

    def done(self) -> Cells:
        if self.rows:
            self._close_part()
        if self.parts:
            frame = pd.concat(self.parts, ignore_index=True)
            self.found.frame = frame.fillna("") if frame.shape[1] > self.parts[0].shape[1] else frame
        return self.found


def _column_number(letters: str) -> int:
    from openpyxl.utils import column_index_from_string

    try:
        column = column_index_from_string(letters) - 1
    except ValueError:
        column = MAX_COLUMNS
    if column >= MAX_COLUMNS:
        raise TooLarge(f"the sheet has a cell in column {letters[:5]}; at most {MAX_COLUMNS:,} columns are read")
    return column
