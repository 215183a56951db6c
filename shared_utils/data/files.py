"""Reading a city's file as it is: every cell as text, every row with the number Excel shows.

What the mapping does not state is found out (encoding, separator, header row, totals and notes below the table,
decimal commas) and said in `notes`. Where two readings are plausible, none is chosen: the problem names the key
that decides. The file is only read.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from shared_utils.data import decimals, headers, source
from shared_utils.data.fingerprint import raw_files
from shared_utils.data.grid import Fault, Grid
from shared_utils.data.headers import match as match_headers
from shared_utils.data.mapping import Mapping
from shared_utils.data.problems import EMPTY, HIDDEN, KEPT, IntakeError, Problem
from shared_utils.data.row_filter import FilterError
from shared_utils.data.workbook_guard import check_kind
from shared_utils.errors import nearest

__all__ = ["TextTable", "match_headers", "read"]

ERRORS = ("#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!")
LOST_DIGITS = r"[-+]?\d(\.\d+)?[eE]\+?\d+"


@dataclass(frozen=True)
class TextTable:
    """A file's cells as trimmed text.

    `frame` is indexed by the row number Excel shows: the header, title rows above it and blank rows are counted, and
    a CSV record with line breaks inside quotes is one row (a text editor counts its lines). `headers` are in the
    spelling of the mapping where it names them; `letters` are their column letters in Excel, so that a report can say
    cell D3. `notes` say in sentences how the file was read.
    """

    mapping: Mapping
    path: Path
    sheet: str
    sha256: str
    headers: list[str]
    frame: pd.DataFrame
    letters: list[str] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def problem(self, message: str, fix: str, column: str = "", row: int | None = None) -> Problem:
        return Problem(self.mapping.source.name, message, fix, sheet=self.sheet, column=column, row=row)

    def letter(self, header: str) -> str:
        """Return the column letter of the first column with this header."""
        return self.letters[self.headers.index(header)]


def read(mapping: Mapping, root: Path, wanted: Sequence[str] | None = None, ids: Iterable[str] = ()) -> TextTable:
    """Read the source of one mapping, below `root`.

    `wanted` are the headers looked for, by default those of the mapping; `ids` those of them that name a person, a
    place or a record, beside the ones the mapping reads into an id.

    Raises IntakeError when the file, sheet or header cannot be found, when the file is not what its name says or is
    too large, when it can be read in two ways, or when a cell that is needed holds an error.
    """
    path = _found(mapping, Path(root))
    wanted = mapping.headers if wanted is None else list(wanted)
    try:
        check_kind(path, mapping)
        with path.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        grid = _grid(path, mapping, wanted)
    except PermissionError:
        raise mapping.refusal(f"{path.name} is open in Excel.", "Close it and run again.") from None
    except MemoryError:
        message = "the file is too large for the memory of this computer."
        raise mapping.refusal(message, "Send it in parts, or as Parquet.") from None
    return _table(mapping, path, sha256, grid, wanted, mapping.id_headers.union(ids))


def _found(mapping: Mapping, root: Path) -> Path:
    """Return the path of the source. Raises IntakeError when it is not there or leads out of the data folder."""
    name = mapping.source.path
    if wrong := source.path_problem(name):
        raise mapping.refusal(*wrong)
    path = root / name
    if path.is_file():
        if not path.resolve().is_relative_to(root.resolve()):
            message = f"'{name}' is a link that leads out of the data folder."
            raise mapping.refusal(message, "Put the file itself there.")
        return path
    others = [p.name for p in raw_files(root)]
    listed = ", ".join(others) or "nothing"
    raise mapping.refusal(
        f"the file is not in {name.rpartition('/')[0]}/.{nearest(path.name, others)}",
        f"The folder holds {listed}. Put the file there, or change source.path in {mapping.name}.",
    )


def _grid(path: Path, mapping: Mapping, wanted: Sequence[str]) -> Grid:
    """Return the cells as the reader of this kind of file gives them; each loads its own library."""
    if mapping.source.suffix in source.EXCEL:
        from shared_utils.data import excel

        return excel.read(path, mapping)
    if mapping.source.suffix in source.PARQUET:
        from shared_utils.data import columnar

        return columnar.read(path, mapping)
    from shared_utils.data import delimited

    return delimited.read(path, mapping, wanted)


def _table(mapping: Mapping, path: Path, sha256: str, grid: Grid, wanted: Sequence[str], ids: set[str]) -> TextTable:
    """Cut title rows, header and footer; name the columns; trim every cell."""
    from openpyxl.utils import get_column_letter

    number, found = _header_row(mapping, grid, wanted)
    names = match_headers((" ".join(str(h).split()) for h in grid.frame.iloc[number - 1]), wanted)
    last, below = _end(mapping, grid, number)
    rows, columns, kept = grid.frame, {}, []
    for position, name in enumerate(names):
        cells = rows.pop(position).iloc[number:last].str.strip()
        if name or (cells != "").any():
            columns[position] = cells
            kept.append(position)
    frame = pd.DataFrame(columns)
    frame.index = range(number + 1, last + 1)
    frame.columns = [names[position] for position in kept]
    table = TextTable(
        mapping, path, grid.sheet, sha256, list(frame.columns), frame,
        letters=[get_column_letter(position + 1) for position in kept], notes=(*grid.notes, *found, *below),
    )  # fmt: skip
    problems = [*_shifted(table, grid), *_bad_cells(table, grid, kept, wanted, ids)]
    if problems:
        raise IntakeError(problems)
    return _with_marks(table, grid, wanted)


def _header_row(mapping: Mapping, grid: Grid, wanted: Sequence[str]) -> tuple[int, list[str]]:
    """Return the row of the headers, from 1, and the sentence that says so."""
    stated = mapping.source.header_row
    if stated > len(grid.frame):
        message = f"there is no row {stated} with the headers."
        raise mapping.refusal(message, "Send the file again, or change source.header_row.", grid.sheet)
    if stated or mapping.source.suffix in source.PARQUET:
        return stated or 1, []
    number = headers.find(_rows(grid.frame.head(headers.SEARCHED)), wanted, mapping, grid.sheet)
    return number, [f"The headers are in row {number}."] if number > 1 else []


def _end(mapping: Mapping, grid: Grid, header: int) -> tuple[int, list[str]]:
    """Return the last row of the table, and the sentence that says what is left out below it."""
    length = len(grid.frame)
    if mapping.source.skip_footer is not None or mapping.source.suffix in source.PARQUET:
        return max(header, length - (mapping.source.skip_footer or 0)), []
    codes = [code for table in mapping.tables for codes in table.value_maps.values() for code in codes]
    kinds = headers.footer(_rows(grid.frame.iloc[max(header, length - headers.BELOW) :]), codes)
    last = length - len(kinds)
    rows = [f"row {last + n} (a {kind})" for n, kind in enumerate(kinds, start=1) if kind != "blank"]
    return last, [f"Left out below the table: {', '.join(rows)}."] if rows else []


def _rows(frame: pd.DataFrame) -> list[list[str]]:
    """Return a few rows as lists of trimmed cells."""
    return [[" ".join(cell.split()) for cell in row] for row in frame.itertuples(index=False, name=None)]


def _shifted(table: TextTable, grid: Grid) -> Iterable[Problem]:
    """Yield a problem for cells beyond the last header of a text table: a stray separator has moved the row."""
    if not grid.delimiter or "" not in table.headers or not any(table.headers):
        return
    last = max(n for n, header in enumerate(table.headers) if header)
    beyond = (table.frame.iloc[:, last + 1 :] != "").any(axis=1)
    if beyond.any():
        rows = table.frame.index[beyond]
        more = f" ({len(rows) - 1:,} more rows too)" if len(rows) > 1 else ""
        message = f"row {rows[0]} has more cells than the header{more}."
        yield table.problem(message, "Put cells that hold the separator in quotes, or state source.delimiter.")


def _bad_cells(table: TextTable, grid: Grid, kept: list[int], wanted: Sequence[str], ids: set[str]) -> list[Problem]:
    """Return a problem for each needed cell that cannot be what was meant, in the rows the mapping keeps."""
    needed = [n for n, header in enumerate(table.headers) if header in set(wanted)]
    frame, problems = _kept(table), []
    for n in needed:
        cells = frame.iloc[:, n]
        faults = [fault for fault in grid.faults if fault.column == kept[n] and fault.row in cells.index]
        problems += _cell_problems(table, n, [(fault.row, "", fault) for fault in faults])
        codes = [error for error in ERRORS if error not in table.mapping.missing_codes]
        problems += _cell_problems(table, n, _with(cells[cells.isin(codes)], *_ERROR))
        if table.headers[n] in ids:
            problems += _cell_problems(table, n, _with(cells[cells.str.fullmatch(LOST_DIGITS)], *_LOST), hide=True)
            totals = cells[cells.str.contains("tot|sum|aver|mean|count", case=False)]
            totals = totals[totals.map(headers.is_total).astype(bool)]
            problems += _cell_problems(table, n, _with(totals, *_TOTAL))
    return problems


_ERROR = "is an error of Excel, not a value", "Correct the formula, or clear the cell."
_LOST = ("is an id that lost its digits: a spreadsheet wrote it like 1.23E+11",
         "Get the ids again from where they come from, with the column formatted as Text.")  # fmt: skip
_TOTAL = ("is a total inside the table, and would count as one more record",
          "Delete the row, or leave it out by row_filter.")  # fmt: skip


def _kept(table: TextTable) -> pd.DataFrame:
    """Return the rows the row filter keeps; whether the filter itself is right is said later."""
    try:
        return table.frame[table.mapping.row_filter.keep(table.frame)] if table.mapping.row_filter else table.frame
    except FilterError:
        return table.frame


def _with(cells: pd.Series, message: str, fix: str) -> list[tuple[int, str, Fault]]:
    return [(row, value, Fault(row, 0, message, fix)) for row, value in cells.items()]


def _cell_problems(table: TextTable, n: int, found: list[tuple[int, str, Fault]], hide: bool = False) -> list[Problem]:
    """Return one problem a cell, at most KEPT; the last one counts the others."""
    more = max(0, len(found) - KEPT)
    return [
        Problem(
            table.mapping.source.name, fault.message, fault.fix, table.sheet, table.headers[n], int(row),
            cell=f"{table.letters[n]}{row}", value=HIDDEN if hide else value or EMPTY, rule=fault.message,
            more=more if position == KEPT - 1 else 0,
        )
        for position, (row, value, fault) in enumerate(found[:KEPT])
    ]  # fmt: skip


def _with_marks(table: TextTable, grid: Grid, wanted: Sequence[str]) -> TextTable:
    """Return the table with the decimal mark and the thousands sign its own cells tell, where they are not stated."""
    stated = table.mapping.source
    if not grid.delimiter or stated.decimal or stated.thousands:
        return table
    numbers = table.mapping.number_headers if table.mapping.tables else set(wanted)
    columns = [table.frame.iloc[:, n] for n, header in enumerate(table.headers) if header in numbers]
    try:
        thousands, decimal = decimals.marks(columns, semicolons=grid.delimiter == ";")
    except decimals.Unclear as error:
        message = f"numbers like {error} can be read with a decimal mark or with one for thousands."
        fix = table.mapping.decide('decimal: "." (or ",")', "Write the numbers without a mark for thousands.")
        raise table.mapping.refusal(message, fix, table.sheet) from None
    if (thousands, decimal) in (("", ""), ("", ".")):
        return table
    example = "1.234,56" if decimal == "," else "1,234.56"
    mapping = replace(table.mapping, source=replace(stated, thousands=thousands, decimal=decimal))
    return replace(table, mapping=mapping, notes=(*table.notes, f"Numbers are written like {example}."))
