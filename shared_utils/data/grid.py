"""What each reader of a kind of file returns: the cells as text, before anyone knows which row is the header."""

import datetime as dt
from dataclasses import dataclass

import pandas as pd

MAX_COLUMNS = 2_000
MAX_CELLS = 200_000_000


@dataclass(frozen=True)
class Fault:
    """Cells that cannot be read as they stand, by row (from 1) and column (from 0)."""

    row: int
    column: int
    message: str
    fix: str


@dataclass(frozen=True)
class Grid:
    """All rows of a sheet or file as text. `frame` has columns 0, 1, ... and row k of the file at position k - 1.

    `notes` are sentences on how it was read. `delimiter` is what separates the cells of a text table.
    """

    frame: pd.DataFrame
    sheet: str = ""
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    delimiter: str = ""


def text(value) -> str:
    """Return a typed cell as the text a person would type: 3 not 3.0, 2019-07-01 not a serial number.

    A number of 16 digits or more is written with its exponent: a spreadsheet keeps 15 digits, so the digits that
    would be shown were not all typed.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _number(value: float) -> str:
    if value != value:
        return ""
    if abs(value) >= 1e15:
        return f"{float(value):.16e}"
    return str(int(value)) if float(value).is_integer() else repr(value)
