"""Text tables (CSV): the encoding and the separator found out, every cell as text.

Rows are counted as Excel shows them: a cell with line breaks inside quotes is one row, a blank line is one too.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from shared_utils.data import headers
from shared_utils.data.grid import MAX_COLUMNS, Grid
from shared_utils.data.mapping import Mapping

MAX_BYTES = 2 * 10**9
SAMPLE = 2**18  # characters looked at to tell the separator
CHUNK = 2**20
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
NAMES = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252"}

_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_NOT_1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
# A sign or a capital between two small letters: what a Mac's or an old DOS file's accents become in Windows-1252.
_UNLIKELY_1252 = re.compile(rb"[a-z][\x80-\x82\x84-\x8f\x91\x93-\x95\x98\x99\x9b\xa1-\xb4\xb6-\xb9\xbb-\xbf](?=[a-z])")


def read(path: Path, mapping: Mapping, wanted: Sequence[str]) -> Grid:
    """Return the cells of a text table. `wanted` headers tell the separator. Raises IntakeError."""
    if path.stat().st_size > MAX_BYTES:
        message = f"the file has more than {MAX_BYTES // 10**9} GB."
        raise mapping.refusal(message, "Send it in parts (one a year), or as Parquet.")
    encoding, delimiter, width, note = look(path, mapping, wanted)
    try:
        frame = _frame(path, encoding, delimiter, width)
    except pd.errors.EmptyDataError:
        frame = pd.DataFrame()
    except UnicodeDecodeError:
        raise _wrong_encoding(mapping, encoding) from None
    except pd.errors.ParserError as error:
        _check_quotes(str(error), mapping)
        frame = _frame(path, encoding, delimiter, _width(path, encoding, delimiter, mapping))
    return Grid(frame, notes=(note,), delimiter=delimiter)


def look(path: Path, mapping: Mapping, wanted: Sequence[str]) -> tuple[str, str, int, str]:
    """Return (encoding, delimiter, cells of the widest row looked at, the sentence that says so)."""
    encoding = _marked(mapping.source.encoding) or _encoding(path, mapping)
    sample, whole = _sample(path, encoding, mapping)
    delimiter = mapping.source.delimiter or _delimiter(sample, whole, wanted, mapping)
    width = max(map(len, _records(sample, delimiter, whole)), default=1)
    _check_width(width, mapping)
    name = NAMES.get(encoding, encoding)
    return encoding, delimiter, max(width, 1), f"Read as {name}, separated by {DELIMITERS.get(delimiter, delimiter)}."


def _frame(path: Path, encoding: str, delimiter: str, width: int) -> pd.DataFrame:
    return pd.read_csv(
        path, sep=delimiter, encoding=encoding, header=None, dtype="str", na_filter=False, skip_blank_lines=False,
        names=range(width), index_col=False,
    )  # fmt: skip


def _check_quotes(reason: str, mapping: Mapping) -> None:
    """Raise the error for a quotation mark that is never closed: the rest of the file would be one cell."""
    if found := re.search(r"EOF inside string starting at row (\d+)", reason):
        message = f"a quotation mark opened in row {int(found[1]) + 1} is never closed."
        raise mapping.refusal(message, "Close it, or take the quotation mark out of the cell.")


def _width(path: Path, encoding: str, delimiter: str, mapping: Mapping) -> int:
    """Return the cells of the widest row of the whole file."""
    try:
        with path.open(encoding=encoding, newline="") as lines:
            width = max(map(len, csv.reader(lines, delimiter=delimiter)), default=1)
    except csv.Error:
        message = f"a cell has more than {csv.field_size_limit():,} characters."
        raise mapping.refusal(message, "A quotation mark may be missing: look for one that is not closed.") from None
    _check_width(width, mapping)
    return width


def _check_width(width: int, mapping: Mapping) -> None:
    if width > MAX_COLUMNS:
        message = f"a row has {width:,} cells; at most {MAX_COLUMNS:,} columns are read."
        raise mapping.refusal(message, "Send a file with the columns of the mapping only.")


# ---------------------------------------------------------------- encoding


def _marked(stated: str) -> str:
    """Return a stated encoding; utf-8 with its mark at the start is still utf-8."""
    return "utf-8-sig" if stated and codecs.lookup(stated).name == "utf-8" else stated


def _encoding(path: Path, mapping: Mapping) -> str:
    """Return utf-8-sig, utf-16 or cp1252 when the bytes can be nothing else that is likely."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as content:
        head = content.read(CHUNK)
        if mark := next((mark for mark in BOMS if head.startswith(mark)), None):
            return BOMS[mark]
        try:
            chunk = head
            while chunk:
                if b"\0" in chunk:
                    message = "the file is not a text table: it holds zero bytes."
                    raise mapping.refusal(message, "Open it in Excel and save it as CSV UTF-8.")
                decoder.decode(chunk)
                chunk = content.read(CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return _eight_bit(path, mapping)
    return "utf-8-sig"


def _eight_bit(path: Path, mapping: Mapping) -> str:
    """Return cp1252 for a file that is not UTF-8, unless its bytes speak for something else."""
    with path.open("rb") as content:
        chunks = iter(lambda: content.read(CHUNK), b"")
        for chunk in chunks:
            if b"\0" in chunk:
                reason = "the file is not a text table: it holds zero bytes"
            elif _UTF8.search(chunk):
                reason = "some rows are written in UTF-8 and others are not"
            elif _NOT_1252.search(chunk) or _UNLIKELY_1252.search(chunk):
                reason = "its letters with accents are written in neither UTF-8 nor Windows-1252"
            else:
                continue
            fix = "Export it again from where it comes, as CSV UTF-8."
            stated = mapping.decide("encoding (such as mac-roman, cp437 or cp1252)", fix)
            raise mapping.refusal(f"{reason}.", fix if stated == fix else f"{fix} Or: {stated}")
    return "cp1252"


def _wrong_encoding(mapping: Mapping, encoding: str):
    fix = f"Take source.encoding out of {mapping.name}, or save the file as CSV UTF-8."
    return mapping.refusal(f"the file is not written in {encoding.removesuffix('-sig')}.", fix)


# ---------------------------------------------------------------- delimiter


def _sample(path: Path, encoding: str, mapping: Mapping) -> tuple[str, bool]:
    """Return the first characters of the file, and whether they are all of it."""
    try:
        with path.open(encoding=encoding, newline="") as lines:
            sample = lines.read(SAMPLE)
    except UnicodeError:
        raise _wrong_encoding(mapping, encoding) from None
    whole = len(sample) < SAMPLE
    if not whole and "\n" not in sample and "\r" not in sample:
        message = f"its first row is longer than {SAMPLE:,} characters: this is not a table."
        raise mapping.refusal(message, "Send the table as CSV, one record a row.")
    return sample, whole


def _records(sample: str, delimiter: str, whole: bool) -> list[list[str]]:
    """Return the records of the sample under one delimiter, as far as they can be read; a cut last one is left out."""
    records: list[list[str]] = []
    try:
        records.extend(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter))
    except csv.Error:
        pass
    return records if whole else records[:-1]


def _delimiter(sample: str, whole: bool, wanted: Sequence[str], mapping: Mapping) -> str:
    """Return the separator under which a row holds most of the wanted headers, else the most regular one."""
    readings = {mark: _records(sample, mark, whole) for mark in DELIMITERS}
    names = {headers.key(name) for name in wanted}
    found = {
        mark: max((len(names & {headers.key(cell) for cell in row}) for row in rows[: headers.SEARCHED]), default=0)
        for mark, rows in readings.items()
    }
    likely = [mark for mark in DELIMITERS if found[mark] == max(found.values())]
    shapes = {mark: shape for mark in likely if (shape := _shape(readings[mark]))}
    best = [mark for mark in shapes if shapes[mark] == min(shapes.values())]
    if len(best) > 1:
        words = " or ".join(DELIMITERS[mark] for mark in best)
        fix = mapping.decide(f'delimiter, for example "{best[0]}",', "Save the file as CSV again, separated by commas.")
        raise mapping.refusal(f"its cells could be separated by {words}.", fix)
    return best[0] if best else ","


def _shape(records: list[list[str]]) -> tuple[int, float] | None:
    """Return (rows above the first of the usual width, minus the share of that width); None for a single column."""
    widths = [len(record) for record in records if any(record)]
    usual = Counter(width for width in widths if width > 1).most_common(1)
    if not usual:
        return None
    width = usual[0][0]
    start = widths.index(width)
    return start, -widths[start:].count(width) / len(widths[start:])
