"""The linked tables on disk, renewed in one step.

Each table is a Parquet file named by its content, and the intake report names the files that count. So a new
intake lays its tables beside the old ones and then replaces the report: that one rename is the change. Whoever
reads, and whatever is killed, sees all of the old tables or all of the new ones.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from shared_utils.data import report
from shared_utils.data.model import TABLES, dtypes, empty
from shared_utils.data.report import IntakeReport
from shared_utils.errors import EmiError

LINKED, CROSSWALK = "linked", "crosswalk"
PART = ".part"  # ends the name of a file that is being written
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Hold the private folders of a city alone: a second intake waits until the first has ended.

    What this or a killed intake left half done is removed at the end. Raises EmiError when the disk is full or a
    file is in use.
    """
    for folder in (root / LINKED, root / CROSSWALK):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(root / CROSSWALK / ".lock", "a+b") as lock:
        _wait_for(lock)
        try:
            yield
        except PermissionError as error:
            name = Path(error.filename or root).name
            hint = "Close the programs that use it and run again."
            raise EmiError(f"{name} in data/{root.name} is in use, or may not be written.", hint) from None
        except OSError as error:
            if error.errno not in FULL:
                raise
            hint = "Free some space and run again: emi data intake"
            raise EmiError(f"The disk is full: no room for the tables of data/{root.name}.", hint) from None
        finally:
            _sweep(root)


def commit(root: Path, frames: dict, done: IntakeReport) -> IntakeReport:
    """Write the tables ({name: DataFrame}) and put the report, completed by their rows and SHA-256, in force."""
    linked = root / LINKED
    tables = {name: {"rows": len(frame), "sha256": _write(frame, linked, name)} for name, frame in frames.items()}
    done = replace(done, tables=tables)
    put(linked / report.FILE, done.to_json())
    return done


def put(path: Path, text: str, mode: int = 0o666) -> Path:
    """Write a text file beside `path`, then move it into place. `mode` is who may read it, where systems keep that."""
    part = path.with_name(f".{path.name}{PART}")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "w", encoding="utf-8", newline="") as out:
        out.write(text)
        _to_disk(out)
    os.replace(part, path)
    return path


def read_tables(linked: Path, done: IntakeReport) -> dict:
    """Return every table of the model as a DataFrame; one the report does not name is empty, with its columns."""
    return {name: _typed(name, _read(linked, done, name)) if name in done.tables else empty(name) for name in TABLES}


def read_table(linked: Path, done: IntakeReport, name: str):
    """Return one table that the report names as a DataFrame. Raises EmiError when its file is gone."""
    return _read(linked, done, name).to_pandas()


def _typed(name: str, table):
    """A pyarrow table as a DataFrame with the dtypes of the model; few columns are not read as what they are."""
    import pandas as pd
    import pyarrow as pa

    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame = table.to_pandas(types_mapper=nullable.get)
    others = {column: dtype for column, dtype in dtypes(name).items() if frame[column].dtype != dtype}
    return frame.astype(others) if others else frame


def _read(linked: Path, done: IntakeReport, name: str):
    import pyarrow.parquet as pq

    try:
        return pq.read_table(linked / _file(name, done.tables[name]["sha256"]), partitioning=None)
    except FileNotFoundError:
        raise EmiError(f"The table {name} is not where the last intake put it.", "Run: emi data intake") from None


def _write(frame, linked: Path, name: str) -> str:
    """Write one table as Parquet, the same bytes for the same rows, and return their SHA-256."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    part = linked / f".{name}{PART}"
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    with part.open("wb") as out:
        pq.write_table(table, out, compression="zstd")
        _to_disk(out)
    with part.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    os.replace(part, linked / _file(name, sha256))
    return sha256


def _file(name: str, sha256: str) -> str:
    return f"{name}.{sha256[:16]}.parquet"


def _to_disk(out) -> None:
    """Make sure a file's content is on the disk before its name is: else a power cut could leave it empty."""
    out.flush()
    os.fsync(out.fileno())


def _sweep(root: Path) -> None:
    """Remove the tables that the report in force does not name, and parts of files."""
    linked, done = root / LINKED, report.read(root / LINKED)
    named = {_file(name, facts["sha256"]) for name, facts in done.tables.items()} if done else set()
    for path in (*linked.glob("*.parquet"), *linked.glob(f".*{PART}"), *(root / CROSSWALK).glob(f".*{PART}")):
        if path.name not in named:
            with suppress(PermissionError):  # still open in another program: the next intake removes it
                path.unlink(missing_ok=True)


def _wait_for(lock) -> None:
    """Wait until this process alone holds the lock; the system lets go of it however the process ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt
        import time

        while True:
            with suppress(OSError):
                return msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
            time.sleep(0.2)
    with suppress(OSError):  # a network drive that knows no locks
        fcntl.flock(lock, fcntl.LOCK_EX)
