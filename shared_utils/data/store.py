"""The linked tables on disk. They are written beside the old ones and swapped in whole.

A folder cannot replace another in one step on every system, so the swap has two renames; `recover` ends
one that was cut between them. Whoever reads or writes calls it first, so a kill leaves the old tables or
the new ones.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from shared_utils.data.model import TABLES, empty
from shared_utils.errors import EmiError

LINKED, OLD, NEW = "linked", ".linked-old", ".linked-new"


def recover(root: Path) -> Path:
    """End an interrupted swap and return the folder of the linked tables (which may not exist yet)."""
    linked, old = root / LINKED, root / OLD
    if old.exists() and not linked.exists():
        os.replace(old, linked)
    return linked


def swap(root: Path, build: Callable[[Path], None]) -> Path:
    """Let `build` fill a new folder, then put it in the place of linked/. On any error the old one stays."""
    linked, old, new = recover(root), root / OLD, root / NEW
    for left_over in (old, new):
        shutil.rmtree(left_over, ignore_errors=True)
    new.mkdir(parents=True, mode=0o700)
    try:
        build(new)
        if linked.exists():
            os.replace(linked, old)
        os.replace(new, linked)
    except PermissionError:
        hint = "Close the programs that use it and run again."
        raise EmiError(f"The folder {LINKED} is in use.", hint) from None
    finally:
        recover(root)
        shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    return linked


def put(path: Path, text: str) -> Path:
    """Write a text file beside `path`, then move it into place."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
    return path


def write_table(frame, path: Path) -> str:
    """Write one table as Parquet, the same bytes for the same rows, and return their SHA-256."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, path, compression="zstd")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_tables(linked: Path) -> dict:
    """Return every table of the model as a DataFrame; one without a file is empty, with its columns."""
    return {name: _read(linked / f"{name}.parquet", name) for name in TABLES}


def _read(path: Path, name: str):
    import pandas as pd

    frame = empty(name)
    if not path.exists():
        return frame
    return pd.read_parquet(path).astype(frame.dtypes.to_dict())
