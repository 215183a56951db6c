"""Published files as they come: a table of text (commas, bars or tabs) or JSON, and what can be wrong with one.

Only the header is read to tell what a file is. A table is read in pieces, the needed columns of the city's state
only, so that a national file of 2 GB takes little memory.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared_utils.data.public.kind import Area
from shared_utils.errors import EmiError

if TYPE_CHECKING:
    import pandas as pd

JSONS = (".json", ".geojson", ".topojson")
SAMPLE = 2**20  # bytes of header; the widest published header has 12,000 names
CELLS = 4_000_000  # cells of a piece: about 200 MB while it is read
MAX_JSON = 300 * 2**20
MARKS = {
    b"PK\x03\x04": ("a zip archive or an Excel workbook, not a table of text", "Unpack it, or save the sheet as CSV."),
    b"\x1f\x8b": ("packed (gzip)", "Unpack it, and put the file that was inside here."),
    b"version https://git-lfs": ("a pointer to a file kept elsewhere", "Download the file itself from the publisher."),
    b"PAR1": ("a Parquet file, and no publisher sends these", "Put the file as published here, as CSV or JSON."),
}


@dataclass(frozen=True)
class File:
    """A published file. `columns` are its header as written, `names` the same in lower case, `first` the row below.

    `content` is what a JSON file holds.
    """

    path: Path
    columns: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    delimiter: str = ","
    content: Any = field(default=None, repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name.lower() for name in self.columns)

    def column(self, name: str) -> str:
        """Return a column as this file writes it (FIPS_state and fips_state are one)."""
        return self.columns[self.names.index(name)]

    def refusal(self, what: str, fix: str) -> EmiError:
        """Return the error for this file."""
        return EmiError(f"{self.path.name}: {what}", fix)


AGAIN = "Download it again from its publisher."


def look(path: Path) -> File:
    """Return a file with its header read, or raise EmiError for one that is no table and no JSON."""
    file = File(path)
    try:
        with path.open("rb") as content:
            head = content.read(SAMPLE)
    except PermissionError:
        raise file.refusal("the file is open in Excel, or may not be read.", "Close it and run again.") from None
    if not head.strip():
        raise file.refusal("the file is empty.", AGAIN)
    for mark, (what, fix) in MARKS.items():
        if head.startswith(mark):
            raise file.refusal(f"this is {what}.", fix)
    text = _text(file, head)
    start = text.lstrip()[:200].lower()
    if start.startswith(("<!doctype", "<html", "<?xml", "<head", "<body")):
        raise file.refusal("this is a web page saved under this name, not the data.",
                           "Use the download button of the publisher's page, not 'save page as'.")  # fmt: skip
    if path.suffix.lower() in JSONS or start.startswith(("{", "[")):
        return _json(file)
    lines = text.splitlines()[:2]
    delimiter = max(",|\t", key=lines[0].count)
    columns, *below = (tuple(cell.strip() for cell in row) for row in csv.reader(lines, delimiter=delimiter))
    return File(path, columns, below[0] if below else (), delimiter)


def _text(file: File, head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head:
        raise file.refusal("this is not a table of text in UTF-8.", "Save it as CSV UTF-8, or download it again.")
    return head.decode("utf-8-sig", errors="replace")


def _json(file: File) -> File:
    if file.path.stat().st_size > MAX_JSON:
        raise file.refusal(f"the file has more than {MAX_JSON // 2**20} MB.", "Fetch the part of the city's state.")
    try:
        content = json.loads(file.path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise file.refusal("this is not JSON in UTF-8.", AGAIN) from None
    except (json.JSONDecodeError, RecursionError) as error:
        where = f" in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise file.refusal(f"the JSON cannot be read{where}: it may have been cut off.", AGAIN) from None
    header = content[0] if isinstance(content, list) and content and isinstance(content[0], list) else ()
    return File(file.path, tuple(map(str, header)), content=content)


def table(file: File, columns: Sequence[str], geoid, area: Area | None, words: int = 0) -> "pd.DataFrame":
    """Return the wanted columns (lower case) as text, GEOID first, for the places of the area's state.

    `geoid(frame)` makes the codes. `words` are the rows below the header that are words about it.
    """
    import pandas as pd

    wanted = {file.column(name): name for name in columns if name in file.names}
    rows = max(200, CELLS // len(file.columns))
    pieces, total = [], 0
    try:
        with pd.read_csv(
            file.path, sep=file.delimiter, encoding="utf-8-sig", encoding_errors="replace", dtype="str",
            na_filter=False, skiprows=range(1, words + 1), chunksize=rows, skipinitialspace=True, index_col=False,
            names=file.columns, header=0, usecols=list(wanted),
        ) as reader:  # fmt: skip
            for piece in reader:
                total += len(piece)
                piece.index += words
                pieces.append(_of_area(piece.rename(columns=wanted), geoid, area))
    except (pd.errors.ParserError, ValueError) as error:
        raise file.refusal(f"it cannot be read as a table ({_reason(error)}).", AGAIN) from None
    _check_end(file)
    frame = pd.concat(pieces) if pieces else pd.DataFrame(columns=["GEOID"])
    return _not_empty(file, frame, total, area)


def _of_area(frame: "pd.DataFrame", geoid, area: Area | None) -> "pd.DataFrame":
    frame.insert(0, "GEOID", geoid(frame))
    keep = frame["GEOID"] != ""
    return frame[keep & frame["GEOID"].str.startswith(area.state)] if area else frame[keep]


def _not_empty(file: File, frame: "pd.DataFrame", total: int, area: Area | None) -> "pd.DataFrame":
    if not total:
        raise file.refusal("there is a header and no row below it: it may have been cut off.", AGAIN)
    if frame.empty:
        where = f"of {area}" if area else "with a code"
        fix = "Fetch the file of the city's state, or of the whole country."
        raise file.refusal(f"none of its {total:,} rows is {where}.", fix)
    return frame


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[-1].removeprefix("Error tokenizing data. C error: ")


def _check_end(file: File) -> None:
    """Raise EmiError when the last row stops in the middle: pandas would fill it up with blanks."""
    with file.path.open("rb") as content:
        size = content.seek(0, io.SEEK_END)
        content.seek(max(0, size - SAMPLE))
        tail = content.read().decode("utf-8-sig", errors="replace").rstrip("\r\n")
    last = tail.splitlines()[-1]
    named = len([name for name in file.columns if name])  # data.census.gov ends its header with a comma
    if len(next(csv.reader([last], delimiter=file.delimiter))) < named:
        raise file.refusal("the last row stops in the middle: the download was cut off.", AGAIN)
