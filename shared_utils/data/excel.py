"""Excel workbooks: one sheet's stored values as text, with the cells that cannot be trusted named.

Nothing is calculated and nothing outside the workbook is fetched: a formula gives the value Excel stored with it.
Percent and currency are only how a number is shown: 5 % is 0.05.
"""

import re
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path

from shared_utils.data import headers, sheet_cells
from shared_utils.data.grid import Fault, Grid
from shared_utils.data.mapping import Mapping
from shared_utils.data.problems import IntakeError
from shared_utils.data.sheet_cells import Kinds, TooLarge
from shared_utils.data.workbook_guard import SAVE_AGAIN, check, has_cells
from shared_utils.errors import nearest

_PLACE = re.compile(r"([A-Z]+)([0-9]+)")


def read(path: Path, mapping: Mapping) -> Grid:
    """Return the cells of the sheet the mapping names, or of the only visible one with cells. Raises IntakeError."""
    import openpyxl

    try:
        with zipfile.ZipFile(path) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of styles and charts it does not keep
            check(archive, mapping)
            book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
            try:
                sheet, note = _choose(book, archive, mapping)
                kinds = Kinds(sheet._shared_strings, book._date_formats, book._timedelta_formats, book.epoch)
                cells = sheet_cells.read(archive, sheet._worksheet_path, kinds)
                faults = (*_uncalculated(cells.uncalculated), *_merged(cells.merged))
            finally:
                book.close()
    except (IntakeError, PermissionError, MemoryError):
        raise
    except TooLarge as error:
        fix = "Delete the columns the mapping does not need, and empty rows between the last record and the end."
        raise mapping.refusal(f"{error}.", fix) from None
    except Exception:  # a damaged part can raise anything in a parser; the person's cure is the same
        raise mapping.refusal("the workbook is damaged and cannot be read.", SAVE_AGAIN) from None
    return Grid(cells.frame, sheet.title, notes=(note,), faults=faults)


def _choose(book, archive: zipfile.ZipFile, mapping: Mapping):
    """Return (sheet, the sentence that says so). A hidden sheet is read only when the mapping names it."""
    named, sheets = mapping.source.sheet, book.worksheets
    if named:
        alike = [sheet for sheet in sheets if headers.key(sheet.title) == headers.key(named)]
        found = [sheet for sheet in alike if sheet.title == named] or alike
        if len(found) != 1:
            message = f"there is no sheet '{named}'.{nearest(named, book.sheetnames)}"
            raise mapping.refusal(message, f"Sheets: {_list(sheets)}. {_name_one(mapping)}")
        state = "" if found[0].sheet_state == "visible" else ", which is hidden"
        return found[0], f"Read as Excel from sheet {found[0].title}{state}."
    visible = [sheet for sheet in sheets if sheet.sheet_state == "visible"]
    filled = [sheet for sheet in visible if has_cells(archive, sheet._worksheet_path)]
    if len(filled) > 1:
        raise mapping.refusal("the workbook has several sheets.", f"Sheets: {_list(sheets)}. {_name_one(mapping)}")
    if not filled:
        message = f"the workbook has no visible sheet with cells. Sheets: {_list(sheets)}."
        raise mapping.refusal(message, _name_one(mapping))
    return filled[0], f"Read as Excel from sheet {filled[0].title}, the only visible one with cells."


def _name_one(mapping: Mapping) -> str:
    return mapping.decide("sheet with the name of one", "Keep one visible sheet in the workbook.")


def _list(sheets) -> str:
    return ", ".join(s.title + ("" if s.sheet_state == "visible" else " (hidden)") for s in sheets)


def _uncalculated(places: Iterable[str]) -> list[Fault]:
    message, fix = "is a formula that Excel has not calculated", "Open the workbook in Excel and save it."
    return [Fault(*_position(place), message, fix) for place in places]


def _merged(ranges: Iterable[str]) -> list[Fault]:
    """Return a fault for each merged range that spans rows: all but its first row would be read as empty."""
    faults = []
    for merged in ranges:
        first, _, last = merged.partition(":")
        (top, column), (bottom, _) = _position(first), _position(last or first)
        if bottom > top:
            fix = "Unmerge the cells and fill in every row."
            faults.append(Fault(top + 1, column, f"is part of the merged cells {merged}", fix))
    return faults


def _position(place: str) -> tuple[int, int]:
    """Return (row from 1, column from 0) of "D3"."""
    from openpyxl.utils import column_index_from_string

    found = _PLACE.fullmatch(place.upper())
    if not found:
        raise ValueError(f"{place!r} is not the place of a cell")
    return int(found[2]), column_index_from_string(found[1]) - 1
