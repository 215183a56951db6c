"""Where a source file lies and how its cells are written; what a path in a mapping may be.

A key that is not stated is found out from the file, and what was found is said (`TextTable.notes`).
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

EXCEL = (".xlsx", ".xlsm")
PARQUET = (".parquet",)
TEXT = (".csv", ".tsv", ".txt")
FORMATS = (*TEXT, *EXCEL, *PARQUET)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "iso8859-1", "mac-roman", "cp437",
             "cp850", "ascii")  # fmt: skip
THOUSANDS = (",", ".", "'", " ", "\u00a0", "\u202f")
KEYS = ("path", "sheet", "encoding", "delimiter", "header_row", "skip_footer", "thousands", "decimal")

_EXCEL_AGAIN = "Open it in Excel and choose File > Save As > Excel Workbook (.xlsx)."
_UNPACK = "Unpack it and put the table itself into raw/."
_EXPORT = "Export the table as CSV or Parquet."
HOW_TO_SAVE = {
    ".xls": _EXCEL_AGAIN, ".xlsb": _EXCEL_AGAIN, ".ods": _EXCEL_AGAIN,
    ".numbers": "In Numbers choose File > Export To > Excel.",
    ".gsheet": "In Google Sheets choose File > Download > Microsoft Excel (.xlsx).",
    ".zip": _UNPACK, ".gz": _UNPACK, ".7z": _UNPACK, ".dta": _EXPORT, ".sav": _EXPORT, ".sas7bdat": _EXPORT,
    ".accdb": _EXPORT, ".mdb": _EXPORT,
}  # fmt: skip
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Source:
    """Where the rows are. `path` is below data/private or data/synthetic; rows count from 1 as Excel does.

    Empty (0 for header_row, None for skip_footer) means: not stated, found out from the file.
    """

    path: str
    sheet: str = ""
    encoding: str = ""
    delimiter: str = ""
    header_row: int = 0
    skip_footer: int | None = None
    thousands: str = ""
    decimal: str = ""

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.path).suffix.lower()


def of(keys: dict) -> Source:
    """Return the Source that the keys of `source:` state."""
    delimiter = str(keys.get("delimiter") or "")
    return Source(
        path=plain_path(keys.get("path", "")),
        sheet=str(keys.get("sheet") or ""),
        encoding=str(keys.get("encoding") or ""),
        delimiter="\t" if delimiter.lower() == "tab" else delimiter,
        header_row=keys.get("header_row") or 0,
        skip_footer=keys.get("skip_footer"),
        thousands=str(keys.get("thousands") or ""),
        decimal=str(keys.get("decimal") or ""),
    )


def plain_path(path: object) -> str:
    """Return a path as mappings keep it: forward slashes, no "./"."""
    return str(PurePosixPath(str(path).replace("\\", "/")))


def problems(keys: dict) -> Iterator[tuple[str, str, str]]:
    """Yield (key, what is wrong with it, fix) for the keys of `source:`."""
    if wrong := path_problem(plain_path(keys.get("path", ""))):
        yield "path", *wrong
    for key, least in (("header_row", 1), ("skip_footer", 0)):
        value = keys.get(key)
        if value is not None and (type(value) is not int or value < least):
            yield key, f"'{value}' is not a row count.", f"Write a whole number from {least}."
    source = of({key: value for key, value in keys.items() if key not in ("header_row", "skip_footer")})
    if source.encoding and not _known_encoding(source.encoding):
        yield "encoding", f"'{source.encoding}' is not an encoding read here.", f"Use {', '.join(ENCODINGS)}."
    if len(source.delimiter) > 1 or source.delimiter in ('"', "\n", "\r"):
        yield "delimiter", f"'{source.delimiter}' is not one character.", 'Write ",", ";", "|" or tab.'
    if source.decimal not in ("", ".", ","):
        yield "decimal", f"'{source.decimal}' is not a decimal mark.", 'Write "." or ",".'
    if source.thousands and source.thousands not in THOUSANDS:
        yield "thousands", f"'{source.thousands}' does not separate thousands.", 'Write ",", ".", "\'" or " ".'
    elif source.thousands and source.thousands == source.decimal:
        yield "thousands", "thousands and decimal are the same mark.", "Change one of them."


def path_problem(path: str) -> tuple[str, str] | None:
    """Return (what is wrong, fix) for the path of a source, or None.

    Only files below raw/ are sources: their content is what the fingerprint of an intake covers, and what lies
    beside it (crosswalk, linked) must never be read as one. Names that Windows keeps for devices are no files.
    """
    parts = PurePosixPath(path).parts
    like = "Write it like raw/tracker.csv."
    if path.startswith(("/", "~/")) or ".." in parts or ":" in path:
        return f"'{path}' leaves the data folder.", like
    if re.search(r'[\x00-\x1f<>"|?*]', path) or any(part.endswith((".", " ")) for part in parts):
        return f"{path!r} is not a file name on every computer.", "Rename the file with letters and digits."
    if any(_DEVICE.fullmatch(part) for part in parts):
        return f"'{path}' is a name Windows keeps for a device.", "Rename the file."
    if any(len(part) > _LONGEST_NAME for part in parts):
        return f"the path has a name of more than {_LONGEST_NAME} characters.", "Rename the file."
    if len(parts) < 2 or parts[0] != "raw":
        return f"'{path}' is not in raw/.", like
    if parts[-1].startswith("~$"):
        return f"'{path}' is Excel's lock file, not the table.", f"Write {path.replace('~$', '')}."
    suffix = PurePosixPath(path).suffix.lower()
    if suffix not in FORMATS:
        return f"'{path}' is not a kind of file read here.", HOW_TO_SAVE.get(suffix, f"Use {', '.join(FORMATS)}.")


def _known_encoding(name: str) -> bool:
    """Python knows codecs that unpack archives or run rot13; only those of tables are read."""
    try:
        return codecs.lookup(name).name in ENCODINGS
    except (LookupError, ValueError):
        return False
