"""An Excel workbook for a city without files of its own: the dictionary first, then a sheet a table to type into.

Its mappings are written along, so that the filled workbook goes through intake as it is. There is no macro, and no
column for a name, an address or anything else that names a person.
"""

import io
from pathlib import Path

from shared_utils import spreadsheets
from shared_utils.config import CityConfig
from shared_utils.data.dictionary import PRIVACY
from shared_utils.data.mapping_text import Block, Line, mapping_text
from shared_utils.data.model import Column
from shared_utils.data.workbook_plan import Field, Sheet, plan
from shared_utils.errors import EmiError

HEADER_ROW = 2  # row 1 says what must be filled in
LAST_ROW = 20_000  # how far down the dropdowns and checks reach
LISTS = "Lists"
DICTIONARY = "Dictionary"
INTRO = (
    "Type into the sheets after this one: one row a person, place, measurement or payment. Row 2 holds the headers.",
    "Never type names, addresses, phone numbers, Social Security numbers, dates of birth or notes. Nothing reads them.",
    "Columns marked Required must be filled in every row. A sheet you do not need stays empty.",
)
COLUMNS = ("Sheet", "Column", "What it means", "Type", "Allowed", "Required", "Example", "Privacy")
# Excel shows a date as the format says, and stores a number; month cells hold any day of the month.
FORMATS = {"date": "yyyy-mm-dd", "month": "yyyy-mm", "int": "0", "float": "General", "bool": "General"}
TYPES = {
    "str": "text", "cat": "one word of a list", "int": "whole number", "float": "number", "bool": "yes or no",
    "date": "date", "month": "month",
}  # fmt: skip
EARLIEST, LATEST = 32_874, 73_415  # 1990-01-01 and 2100-12-31 as Excel counts days
REQUIRED, OPTIONAL, HEADER = "FFF2CC", "EDEDED", "1F3864"


def make(city_dir: Path, config: CityConfig) -> list[Path]:
    """Write the workbook of a city into data/private/raw and its mappings; returns the paths, the workbook first.

    The mappings go to mappings/, or to mappings/workbook/ (which nothing reads) where mappings/ says already which
    files fill the tables. Raises EmiError when one of the files is there already: nothing is overwritten.
    """
    sheets = plan(config)
    book = city_dir / "data" / "private" / "raw" / f"{config.city.key}_workbook.xlsx"
    folder = city_dir / "mappings"
    folder = folder / "workbook" if list(folder.glob("*.y*ml")) else folder
    mappings = {folder / f"workbook_{sheet.table}.yml": _mapping(sheet, book.name) for sheet in sheets}
    there = [path.relative_to(city_dir).as_posix() for path in (book, *mappings) if path.exists()]
    if there:
        raise EmiError(f"{there[0]} is there already. Nothing was written.",
                       "Type into it, or move it to another folder and run again.")  # fmt: skip
    for path, text in mappings.items():
        spreadsheets.put(path, text.encode("utf-8"))
    return [spreadsheets.put(book, _workbook(sheets, config)), *mappings]


def _mapping(sheet: Sheet, file: str) -> str:
    source = {"path": f"raw/{file}", "sheet": sheet.name, "header_row": HEADER_ROW}
    columns = [Line(field.title, field.column.name) for field in sheet.fields if not field.own]
    own = [Line(field.title, field.column.name) for field in sheet.fields if field.own]
    constants = [Line(name, value) for name, value in sheet.constants.items()]
    block = Block(sheet.table, {"columns": columns, "extra": own, "constants": constants})
    return mapping_text([f"The sheet {sheet.name} of the workbook of `emi data template`."], source, [block])


def _workbook(sheets: list[Sheet], config: CityConfig) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    book.properties.creator = "emi"
    _dictionary(book.active, sheets, config)
    lists = book.create_sheet(LISTS)
    for sheet in sheets:
        _table(book.create_sheet(sheet.name), sheet, lists)
    lists.sheet_state = "hidden"
    book.move_sheet(lists, len(sheets))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _dictionary(page, sheets: list[Sheet], config: CityConfig) -> None:
    """Fill the first sheet: what to do in three sentences, then a row a column."""
    from openpyxl.styles import Alignment, Font

    page.title = DICTIONARY
    for row, text in enumerate((f"{config.city.name}: {config.pilot.title}", *INTRO), start=1):
        spreadsheets.set_text(page.cell(row, 1), text)
    page.cell(1, 1).font = Font(bold=True, size=14)
    first = len(INTRO) + 3
    _headings(page, first, COLUMNS)
    rows = [_described(sheet, field) for sheet in sheets for field in sheet.fields]
    for number, texts in enumerate(rows, start=first + 1):
        for column, text in enumerate(texts, start=1):
            cell = page.cell(number, column)
            spreadsheets.set_text(cell, text)
            cell.alignment = Alignment(wrap_text=True, vertical="top")
        _mark(page.cell(number, COLUMNS.index("Required") + 1), rows[number - first - 1][5] == "Required")
    for letter, width in zip("ABCDEFGH", (14, 26, 56, 18, 48, 11, 22, 44), strict=True):
        page.column_dimensions[letter].width = width
    page.freeze_panes = f"A{first + 1}"


def _described(sheet: Sheet, field: Field) -> tuple[str, ...]:
    column = field.column
    unit = f", {column.note}" if column.note and column.type in ("int", "float") else ""
    return (sheet.name, field.title, field.meaning, TYPES[column.type] + unit, _allowed(column), _required(field),
            _shown(column.example), PRIVACY[column.pii])  # fmt: skip


def _table(page, sheet: Sheet, lists) -> None:
    """Fill one sheet to type into: what is required, the headers with their comments, formats and checks."""
    from openpyxl.comments import Comment
    from openpyxl.utils import get_column_letter

    _headings(page, HEADER_ROW, [field.title for field in sheet.fields])
    for number, field in enumerate(sheet.fields, start=1):
        letter = get_column_letter(number)
        mark = page.cell(1, number)
        spreadsheets.set_text(mark, _required(field))
        _mark(mark, field.required)
        page.cell(HEADER_ROW, number).comment = Comment(_help(field), "emi", width=320, height=140)
        page.column_dimensions[letter].width = max(14, len(field.title) + 4)
        page.column_dimensions[letter].number_format = FORMATS.get(field.column.type, "@")
        check = _check(field, lists)
        page.add_data_validation(check)
        check.add(f"{letter}{HEADER_ROW + 1}:{letter}{LAST_ROW}")
    page.freeze_panes = f"B{HEADER_ROW + 1}"


def _check(field: Field, lists):
    """Return the check of one column: a dropdown, a range, or only the help shown when a cell is chosen."""
    from openpyxl.worksheet.datavalidation import DataValidation

    column = field.column
    words = ("yes", "no") if column.type == "bool" else column.allowed
    if words:
        check = DataValidation("list", formula1=_list(lists, words))
    elif column.type in ("date", "month"):
        check = DataValidation("date", operator="between", formula1=str(EARLIEST), formula2=str(LATEST))
    elif column.type in ("int", "float"):
        least, most = column.minimum, column.maximum
        check = DataValidation("whole" if column.type == "int" else "decimal", operator="between",
                               formula1=_number(least, -1e12), formula2=_number(most, 1e12))  # fmt: skip
    elif column.name == "tract_id":
        check = DataValidation("textLength", operator="equal", formula1="11")
    else:
        check = DataValidation()
    check.allow_blank = True
    check.showErrorMessage = check.showInputMessage = True
    check.errorTitle, check.promptTitle = "This cell cannot hold that", field.title[:32]
    check.error = f"{field.title}: {TYPES[column.type]}. {_allowed(column)}"[:225]
    check.prompt = _help(field)[:255]
    return check


def _list(lists, words: tuple[str, ...]) -> str:
    """Write a list of allowed words on the hidden sheet, once, and return where it stands.

    Excel takes a list inside the rule only up to 255 characters, and splits it at commas.
    """
    for column in lists.iter_cols():
        if tuple(cell.value for cell in column if cell.value is not None) == words:
            return _range(lists, column[0].column_letter, len(words))
    number = lists.max_column + 1 if lists.cell(1, 1).value is not None else 1
    for row, word in enumerate(words, start=1):
        spreadsheets.set_text(lists.cell(row, number), word)
    return _range(lists, lists.cell(1, number).column_letter, len(words))


def _range(lists, letter: str, length: int) -> str:
    return f"{lists.title}!${letter}$1:${letter}${length}"


def _headings(page, row: int, titles) -> None:
    from openpyxl.styles import Font, PatternFill

    for number, title in enumerate(titles, start=1):
        cell = page.cell(row, number)
        spreadsheets.set_text(cell, title)
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", start_color=HEADER)


def _mark(cell, required: bool) -> None:
    from openpyxl.styles import Font, PatternFill

    cell.fill = PatternFill("solid", start_color=REQUIRED if required else OPTIONAL)
    cell.font = Font(bold=required)


def _help(field: Field) -> str:
    return f"{field.meaning} {_allowed(field.column)} Example: {_shown(field.column.example)}".replace("  ", " ")


def _required(field: Field) -> str:
    return "Required" if field.required else "Optional"


def _allowed(column: Column) -> str:
    """Return what may stand in a cell, in words."""
    if column.allowed:
        return f"One of: {', '.join(column.allowed)}."
    if column.type == "bool":
        return "yes or no."
    if column.minimum is not None and column.maximum is not None:
        return f"From {column.minimum:,g} to {column.maximum:,g}."
    if column.minimum is not None:
        return f"{column.minimum:,g} or more."
    return "11 digits." if column.name == "tract_id" else ""


def _shown(example) -> str:
    if isinstance(example, bool):
        return "yes" if example else "no"
    return f"{example:g}" if isinstance(example, float) else "" if example is None else str(example)


def _number(value: float | None, otherwise: float) -> str:
    return f"{otherwise if value is None else value:.0f}"
