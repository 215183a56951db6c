"""Looking at a file before it is opened: whether it is what its name says, and whether a workbook is safe to open.

An .xlsx file is an archive of XML parts. Its directory says how large they are unpacked, so a bomb is refused
unopened. Parts with a document type, the place of entity bombs, are refused too: Excel writes none.
"""

import re
import zipfile
from pathlib import Path
from xml.parsers import expat

from shared_utils.data.mapping import Mapping

MAX_UNPACKED = 500 * 10**6  # bytes of all parts: a sheet of a million rows and eight columns
MAX_STRINGS = 150 * 10**6  # bytes of a part that is held in memory as a whole
MAX_PARTS = 5_000
CHUNK = 2**20
OLE, ZIP, PARQUET = b"\xd0\xcf\x11\xe0", b"PK\x03\x04", b"PAR1"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
SAVE_AGAIN = "Open it in Excel and choose File > Save As > Excel Workbook (.xlsx)."

_VALUE = re.compile(rb"<(\w+:)?[vt]( [^>]*)?>[^<]")


def check_kind(path: Path, mapping: Mapping) -> None:
    """Refuse a file whose content is of another kind than its name says."""
    with path.open("rb") as content:
        head = content.read(4096)
    excel, named = mapping.source.suffix in (".xlsx", ".xlsm"), mapping.source.suffix
    if head.startswith(OLE):
        raise _ole(path, mapping)
    if not head:
        raise mapping.refusal("the file is empty.", "Send it again, with its headers and rows.")
    if head.startswith(ZIP) and not excel:
        raise mapping.refusal(f"it is named {named}, but is an Excel workbook or another archive.",
                              "If it is a workbook, name it .xlsx and change source.path.")  # fmt: skip
    if head.startswith(PARQUET) and named != ".parquet":
        raise mapping.refusal(f"it is named {named}, but is a Parquet file.",
                              "Name it .parquet and change source.path.")  # fmt: skip
    if re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|table|\?xml|meta|head)", head, re.IGNORECASE):
        raise mapping.refusal(f"it is named {named}, but is a web page or XML.", SAVE_AGAIN)
    if head.startswith((b"%PDF", b"{\\rtf")):
        raise mapping.refusal(f"it is named {named}, but is a PDF or a text document.",
                              "Ask for the table as Excel or CSV.")  # fmt: skip
    if excel and not head.startswith(ZIP):
        raise mapping.refusal(f"it is named {named}, but is a text file such as CSV.",
                              "Name it .csv and change source.path, or save it from Excel as .xlsx.")  # fmt: skip


def _ole(path: Path, mapping: Mapping):
    """The old container holds an old workbook, or a new one behind a password."""
    with path.open("rb") as content:
        locked = ENCRYPTED in content.read(CHUNK)
    if locked:
        return mapping.refusal("the workbook is protected by a password.",
                               "Open it in Excel, File > Info > Protect Workbook > Encrypt with Password, clear the "
                               "password and save it.")  # fmt: skip
    return mapping.refusal("the workbook is in the format of Excel 97-2003 (.xls).", SAVE_AGAIN)


def check(archive: zipfile.ZipFile, mapping: Mapping) -> None:
    """Refuse an archive that is no workbook, unpacks to more than is sane, or declares a document type."""
    parts = archive.infolist()
    names = {part.filename for part in parts}
    size = sum(part.file_size for part in parts)
    if size > MAX_UNPACKED or len(parts) > MAX_PARTS:
        message = f"the workbook unpacks to {size / 10**6:,.0f} MB in {len(parts):,} parts; at most "
        fix = "Save the sheet with the table as CSV and send that."
        raise mapping.refusal(f"{message}{MAX_UNPACKED // 10**6} MB in {MAX_PARTS:,} parts are opened.", fix)
    if "xl/workbook.xml" not in names:
        raise mapping.refusal("it is an archive, and no Excel workbook (.xlsx).", SAVE_AGAIN)
    for part in parts:
        large = part.file_size > MAX_STRINGS and not part.filename.startswith("xl/worksheets/")
        if part.flag_bits & 1 or large:
            reason = "is encrypted" if part.flag_bits & 1 else f"is larger than {MAX_STRINGS // 10**6} MB"
            raise mapping.refusal(f"the part {Path(part.filename).name} of the workbook {reason}.", SAVE_AGAIN)
        if part.filename.endswith((".xml", ".rels", ".vml")):
            _check_prolog(archive, part, mapping)


def _check_prolog(archive: zipfile.ZipFile, part: zipfile.ZipInfo, mapping: Mapping) -> None:
    """Refuse XML with a document type: entities are declared there. Read up to the first element only."""
    seen: list[str] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = lambda *_: seen.append("document type")
    parser.StartElementHandler = lambda *_: seen.append("element")
    with archive.open(part) as content:
        while not seen and (chunk := content.read(4096)):
            try:
                parser.Parse(chunk, False)
            except expat.ExpatError:
                break
    if "document type" in seen:
        message = f"the part {Path(part.filename).name} of the workbook declares entities, which Excel never does."
        raise mapping.refusal(message, "Do not open this file; ask where it comes from.")


def has_cells(archive: zipfile.ZipFile, part: str) -> bool:
    """Tell whether a sheet holds any value, looking no further than the first."""
    with archive.open(part) as content:
        tail = b""
        while chunk := content.read(CHUNK):
            if _VALUE.search(tail + chunk):
                return True
            tail = chunk[-200:]
    return False
