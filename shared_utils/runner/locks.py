"""One batch at a time works on a city: a lock file that says whose it is and whether its owner still lives.

The owner touches its locks twice a minute. A lock is stale when its process is gone (same machine) or when it has not
been touched for ten minutes by the clock of the file system, so a clock that is set back keeps nobody out for ever.
"""

import contextlib
import json
import os
import socket
import tempfile
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from shared_utils.results.notebooks import lock_path
from shared_utils.runner import machine

TOUCH_EVERY_S = 30
STALE_S = 600
STARTING_S = 5


@contextlib.contextmanager
def held(cities: list[Path]) -> Iterator[dict[Path, tuple[str, str]]]:
    """Hold the locks of the cities inside the block; yields {city: (why not, what to do)} of those it cannot have."""
    me = _me()
    busy = {city: why for city in cities if (why := _why_not(city, me))}
    mine = [lock_path(city) for city in cities if city not in busy]
    over = threading.Event()
    heart = threading.Thread(target=_beat, args=(mine, over), daemon=True)
    heart.start()
    try:
        yield busy
    finally:
        over.set()
        heart.join()
        for lock in mine:
            with contextlib.suppress(OSError):  # a folder that was moved away took its lock along
                if lock.read_text(encoding="utf-8") == me:  # not that of who took over from a laptop that slept
                    lock.unlink()


def _me() -> str:
    started = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "started": started, "id": uuid.uuid4().hex})


def _why_not(city: Path, me: str) -> tuple[str, str] | None:
    """Take a city's lock; returns None, or why that is not possible and what to do."""
    if not city.is_dir():  # never make a folder again that was moved away
        return machine.moved(city)
    try:
        owner = _take(lock_path(city), me)
    except OSError as error:
        plain = machine.in_words("OSError", str(error))
        return plain or (f"Its folder for outputs cannot be used: {error.strerror}.", "Look at the folder outputs/.")
    if not owner:
        _clear(city)
        return None
    return f"Another batch is working on it ({owner}).", "Wait for it to end, then run again."


def _clear(city: Path) -> None:
    """Remove files that a killed process had begun to write: what write_text() calls .NAME.PID.tmp."""
    for file in (city / "outputs").rglob(".*.tmp"):
        pid = file.name.split(".")[-2]
        if pid.isdigit() and not alive(int(pid)):
            file.unlink(missing_ok=True)


def _take(lock: Path, me: str) -> str:
    """Take a lock; returns "" or, in words, who has it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        new = lock.open("x", encoding="utf-8")
    except FileExistsError:
        return _owner(lock) or _take_over(lock, me)
    try:
        with new:
            new.write(me)
    except OSError:
        lock.unlink()
        raise
    return ""


def _take_over(lock: Path, me: str) -> str:
    """Take a stale lock away and take it. Two may try: the later one may have got hold of the first one's new lock."""
    stale = lock.with_name(f".{lock.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):  # its owner has just ended, or another one was first
        os.replace(lock, stale)
        if owner := _owner(stale):
            os.replace(stale, lock)
            return owner
        stale.unlink()
    return _take(lock, me)


def _owner(lock: Path) -> str:
    """Who holds a lock, in words; "" when it is stale."""
    try:
        age = abs(_now(lock.parent) - lock.stat().st_mtime)
        holder = json.loads(lock.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    except ValueError:  # not written whole: its owner has just made it, or ended over it
        return "just started" if age < STARTING_S else ""
    if age > STALE_S or (holder["host"] == socket.gethostname() and not alive(holder["pid"])):
        return ""
    return f"process {holder['pid']} on {holder['host']}, started {holder['started']}"


def _now(folder: Path) -> float:
    """The present time as the file system of `folder` sees it, which may be another machine's."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime


def alive(pid: int) -> bool:
    """True when a process of this machine runs (or belongs to somebody else)."""
    if os.name == "nt":
        return _alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _alive_on_windows(pid: int) -> bool:
    import ctypes

    synchronize, timed_out, denied = 0x00100000, 0x102, 5
    system = ctypes.windll.kernel32
    handle = system.OpenProcess(synchronize, False, pid)
    if not handle:
        return system.GetLastError() == denied
    try:
        return system.WaitForSingleObject(handle, 0) == timed_out
    finally:
        system.CloseHandle(handle)


def _beat(locks: list[Path], over: threading.Event) -> None:
    while not over.wait(TOUCH_EVERY_S):
        for lock in locks:
            with contextlib.suppress(OSError):
                os.utime(lock)
