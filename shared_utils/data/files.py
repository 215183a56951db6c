"""Reading a city's file as it is: every cell as text, every row with the number Excel shows."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from shared_utils.data.fingerprint import raw_files
from shared_utils.data.mapping import Mapping
from shared_utils.data.problems import IntakeError, Problem
from shared_utils.errors import nearest

EXCEL = (".xlsx", ".xlsm")
PARQUET = (".parquet",)


@dataclass(frozen=True)
class TextTable:
    """A file's cells as trimmed text. `frame` is indexed by Excel row number, header counted."""

    mapping: Mapping
    path: Path
    sheet: str
    sha256: str
    headers: list[str]
    frame: pd.DataFrame

    def problem(self, message: str, fix: str, column: str = "", row: int | None = None) -> Problem:
        return Problem(self.mapping.source.name, message, fix, sheet=self.sheet, column=column, row=row)


def read(mapping: Mapping, root: Path) -> TextTable:
    """Read the source of one mapping. Raises IntakeError when the file, sheet or header cannot be found."""
    path = root / mapping.source.path
    _there(mapping, root, path)
    try:
        content = path.read_bytes()
        if path.suffix.lower() in EXCEL:
            sheet, rows = _excel(mapping, path)
        elif path.suffix.lower() in PARQUET:
            sheet, rows = "", _parquet(path)
        else:
            sheet, rows = "", _delimited(mapping, path)
    except PermissionError:
        raise _error(mapping, f"{path.name} is open in Excel.", "Close it and run again.") from None
    return _table(mapping, path, sheet, hashlib.sha256(content).hexdigest(), rows)


def _there(mapping: Mapping, root: Path, path: Path) -> None:
    if path.is_file():
        return
    others = [p.name for p in raw_files(root)]
    listed = ", ".join(others) or "nothing"
    raise _error(
        mapping,
        f"the file is not in {mapping.source.path.rpartition('/')[0]}/.{nearest(path.name, others)}",
        f"The folder holds {listed}. Put the file there, or change source.path in {mapping.name}.",
    )


def _table(mapping: Mapping, path: Path, sheet: str, sha256: str, rows: pd.DataFrame) -> TextTable:
    """Cut title rows, header and footer; name the columns; trim every cell."""
    source = mapping.source
    if len(rows) < source.header_row:
        message = f"there is no row {source.header_row} with the headers."
        raise _error(mapping, message, "Send the file again, or change source.header_row.", sheet)
    headers = [" ".join(str(h).split()) for h in rows.iloc[source.header_row - 1]]
    body = rows.iloc[source.header_row : len(rows) - source.skip_footer]
    body.index = range(source.header_row + 1, source.header_row + 1 + len(body))
    frame = pd.DataFrame({i: body[c].fillna("").str.strip() for i, c in enumerate(body.columns)})
    frame.columns = headers
    return TextTable(mapping, path, sheet, sha256, headers, frame)


def _delimited(mapping: Mapping, path: Path) -> pd.DataFrame:
    source = mapping.source
    try:
        return pd.read_csv(
            path, sep=source.delimiter, encoding=source.encoding, header=None, dtype=str, na_filter=False,
            skip_blank_lines=False, names=range(_width(path, source)), index_col=False,
        )  # fmt: skip
    except (UnicodeDecodeError, LookupError):
        raise _error(
            mapping,
            f"the file is not written in {source.encoding}.",
            f"Excel often writes cp1252: set source.encoding: cp1252 in {mapping.name}.",
        ) from None
    except pd.errors.ParserError as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise _error(
            mapping,
            f"a row has more cells than the header: {reason}.",
            f"Check for an unquoted comma, or change source.delimiter in {mapping.name}.",
        ) from None
    except pd.errors.EmptyDataError:
        return pd.DataFrame()


def _width(path: Path, source) -> int:
    """Cells in the header row: title rows above it are narrower, and a wider row below it is an error."""
    import csv

    with path.open(encoding=source.encoding, newline="") as lines:
        for number, row in enumerate(csv.reader(lines, delimiter=source.delimiter), start=1):
            if number == source.header_row:
                return max(len(row), 1)
    return 1


def _excel(mapping: Mapping, path: Path) -> tuple[str, pd.DataFrame]:
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        sheet = mapping.source.sheet or book.sheetnames[0]
        if sheet not in book.sheetnames or (not mapping.source.sheet and len(book.sheetnames) > 1):
            wrong = f"there is no sheet '{sheet}'.{nearest(sheet, book.sheetnames)}"
            raise _error(
                mapping,
                wrong if mapping.source.sheet else "the workbook has several sheets.",
                f"Sheets: {', '.join(book.sheetnames)}. Name one as source.sheet in {mapping.name}.",
            )
        rows = [[_cell(v) for v in row] for row in book[sheet].iter_rows(values_only=True)]
    finally:
        book.close()
    while rows and not any(rows[-1]):
        rows.pop()
    width = max(map(len, rows), default=0)
    return sheet, pd.DataFrame([row + [""] * (width - len(row)) for row in rows], dtype=str)


def _parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    columns = [[_cell(v) for v in column.to_pylist()] for column in table.columns]
    named = zip(table.column_names, columns, strict=True)
    return pd.DataFrame({i: [name, *cells] for i, (name, cells) in enumerate(named)}, dtype=str)


def _cell(value) -> str:
    """Return a typed cell as the text a person would type: 3 not 3.0, 2019-07-01 not a serial number."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value != value:
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _error(mapping: Mapping, message: str, fix: str, sheet: str = "") -> IntakeError:
    return IntakeError([Problem(mapping.source.name, message, fix, sheet=sheet)])
