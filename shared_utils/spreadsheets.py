"""Text that somebody typed, written where Excel opens it: as text, never as a formula.

A cell that begins with = + - or @ is a formula to Excel, LibreOffice and Google Sheets, and a formula can fetch
an address or start a program (OWASP, CSV Injection; CWE-1236). Every CSV and every workbook that holds words of
a city is written here.
"""

import csv
import io
import os
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from shared_utils.errors import EmiError

_FORMULA = "=+-@"
# What a spreadsheet reads as a number is left one: -3.5, +2, -1,204.50, -$40, -3.5%, -1e-05.
_NUMBER = re.compile(r"[+-]?\$?(\d{1,3}(,\d{3})+|\d+)?(?<=\d)(\.\d*)?([eE][+-]?\d+)?%?|[+-]?\.\d+%?", re.ASCII)
# Characters no workbook can hold (XML 1.0); openpyxl stops at them.
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LONGEST_CELL = 32_767
_STAMP = re.compile(rb"<dcterms:(created|modified)[^>]*>.*?</dcterms:\1>", re.DOTALL)


def inert(text: str) -> str:
    """Return `text` with an apostrophe in front when a spreadsheet could take it for a formula.

    A formula may hide behind spaces, line ends, tabs, NUL and invisible characters, and its first sign may be a
    full-width form. Numbers stay as they are. Applying it twice changes nothing more.
    """
    if text[:1].isalnum() or _NUMBER.fullmatch(text):  # no form of a sign is a letter or a digit
        return text
    hidden = text[:1] in ("\t", "\r", "\n", "\0")
    first = next((sign for sign in text if not _unseen(sign)), "")
    return f"'{text}" if hidden or unicodedata.normalize("NFKC", first)[:1] in tuple(_FORMULA) else text


def csv_text(header: Sequence[str], rows: Iterable[Sequence]) -> str:
    """Return a CSV as text: every cell inert and quoted, lines ended by CR LF; None is an empty cell.

    Quotes around every cell keep a `;` or a tab inside it from starting a new one in Excels of other countries.
    """
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    for row in (header, *rows):
        writer.writerow([inert("" if cell is None else str(cell)) for cell in row])
    return out.getvalue()


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence]) -> Path:
    """Write a CSV that Excel opens rightly (utf-8 with its mark) and as a whole or not at all.

    Raises EmiError when a program keeps the old file open.
    """
    return put(path, csv_text(header, rows).encode("utf-8-sig"))


def put(path: Path, content: bytes) -> Path:
    """Write bytes beside `path`, then move them into place; makes the folder. Errors as `write_csv`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    try:
        os.replace(part, path)
    except PermissionError:
        part.unlink(missing_ok=True)
        raise EmiError(f"{path.name} is open in Excel.", "Close it and run again.") from None
    return path


def set_text(cell, text: str) -> None:
    """Set an openpyxl cell to text, whatever it begins with; Excel keeps it text when somebody edits the cell.

    Characters that a workbook cannot hold are left out, and text is cut at Excel's 32,767 characters.
    """
    cell.value = _NOT_XML.sub("", text)[:_LONGEST_CELL]
    cell.data_type = "s"
    cell.quotePrefix = True


def same_bytes(book) -> bytes:
    """Return an openpyxl workbook as a file that holds no time of day: the same cells give the same bytes."""
    saved, out = io.BytesIO(), io.BytesIO()
    book.save(saved)
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = _STAMP.sub(rb"", content)
            new.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)  # dated 1980, as ZipInfo is by itself
    return out.getvalue()


def _unseen(sign: str) -> bool:
    """Whether a sign takes no ink: spaces, control characters, marks such as the zero-width space."""
    return sign.isspace() or unicodedata.category(sign) in ("Cc", "Cf", "Zs", "Zl", "Zp")
