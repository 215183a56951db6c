"""One mapping and the way to read a file of bytes by it, for the tests of odd and hostile files."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl

from shared_utils.data import files, source
from shared_utils.data.files import TextTable
from shared_utils.data.mapping import Mapping
from shared_utils.data.problems import IntakeError, Problem
from shared_utils.data.table_mapping import TableMapping

HEADERS = {"Client ID": "participant_id", "Applied": "application_date", "Income": "income_annual_usd"}
PLAIN = "Client ID,Applied,Income\nA1,2019-05-01,100\nB2,2019-05-02,250.5\n"
ROWS = [["A1", "2019-05-01", "100"], ["B2", "2019-05-02", "250.5"]]


def mapping(name: str, **keys) -> Mapping:
    """Return a mapping of three columns; `keys` are those of `source:`."""
    table = TableMapping("participants", line=3, columns=HEADERS)
    return Mapping(Path("mappings/odd.yml"), source.of({"path": f"raw/{name}", **keys}), (table,))


def read(root: Path, name: str, content: bytes, **keys) -> TextTable:
    (root / "raw").mkdir(exist_ok=True)
    (root / "raw" / name).write_bytes(content)
    return files.read(mapping(name, **keys), root)


def refused(root: Path, name: str, content: bytes, **keys) -> list[Problem]:
    try:
        read(root, name, content, **keys)
    except IntakeError as error:
        return error.problems
    raise AssertionError(f"{name} was read")


def book(fill: Callable, change: Callable[[str, bytes], bytes] | None = None) -> bytes:
    """Return a workbook: `fill(workbook)` fills it, `change(part, content)` then edits the XML of its parts."""
    workbook = openpyxl.Workbook()
    fill(workbook)
    out = io.BytesIO()
    workbook.save(out)
    if change is None:
        return out.getvalue()
    made = io.BytesIO()
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, change(part.filename, old.read(part)))
    return made.getvalue()


def sheet(*rows, header: bool = True) -> Callable:
    """Return the filler of one sheet of rows, below the headers of the mapping."""

    def fill(workbook) -> None:
        for row in ([list(HEADERS)] if header else []) + [list(r) for r in rows]:
            workbook.active.append(row)

    return fill
