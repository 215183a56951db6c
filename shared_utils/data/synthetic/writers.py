"""Write files a city would send, byte for byte the same each time: CSV, XLSX, Parquet; and JSON for the
truth.

A workbook made by openpyxl carries the clock twice (zip entries, document properties); both are set to one
date.
"""

import io
import json
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from shared_utils.data.synthetic.common import RawFile

EPOCH = (2019, 4, 1, 0, 0, 0)
STAMP = b"2019-04-01T00:00:00Z"


def write(file: RawFile, frame: pd.DataFrame, folder: Path) -> Path:
    """Write `frame` as the file's kind says (by its ending) and return the path."""
    path = folder / file.name
    kinds = {".csv": _csv, ".xlsx": _xlsx, ".parquet": _parquet}
    return put(path, kinds[path.suffix](file, frame))


def put(path: Path, content: bytes) -> Path:
    """Write bytes to a temporary file beside `path`, then move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)
    return path


def put_json(path: Path, value: dict) -> Path:
    """Write JSON with sorted keys."""
    return put(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode("utf-8"))


def dates_as_text(file: RawFile) -> pd.DataFrame:
    """Return the file's rows as the city types them: dates of a CSV are text in the city's own format."""
    frame = file.frame.copy()
    if file.name.endswith(".csv"):
        for column in frame.select_dtypes("datetime").columns:
            frame[column] = frame[column].dt.strftime(file.date_format).astype(object)
    return frame


def _csv(file: RawFile, frame: pd.DataFrame) -> bytes:
    text = io.StringIO()
    for line in file.title:
        text.write(line + "\n")
    frame.to_csv(text, index=False, sep=file.delimiter, lineterminator="\n")
    return text.getvalue().encode(file.encoding)


def _xlsx(file: RawFile, frame: pd.DataFrame) -> bytes:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet(file.sheet)
    for line in file.title:
        sheet.append([line])
    sheet.append(list(frame.columns))
    cells = frame.astype(object).where(frame.notna(), None)
    for row in zip(*(map(_plain, cells[c]) for c in cells.columns), strict=True):
        sheet.append(row)
    raw = io.BytesIO()
    book.save(raw)
    return _without_clock(raw)


def _plain(value):
    """Return a cell as the types openpyxl knows."""
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return value.item() if isinstance(value, np.generic) else value


def _without_clock(raw: io.BytesIO) -> bytes:
    fixed = io.BytesIO()
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", STAMP, content)
            info = zipfile.ZipInfo(entry.filename, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 0
            new.writestr(info, content)
    return fixed.getvalue()


def _parquet(file: RawFile, frame: pd.DataFrame) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    out = pa.BufferOutputStream()
    pq.write_table(table, out, compression="zstd", store_schema=False)
    return out.getvalue().to_pybytes()
