"""A folder made anew, all of it or nothing (standard library only)."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared_utils.results.fragment import ReleaseError


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `target` when the block ends well; else `target` stays as it was.

    Raises ReleaseError when another program holds a file of the old one open.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    draft, old = room / "new", room / "old"
    draft.mkdir()
    try:
        yield draft
        _exchange(draft, target, old)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _exchange(draft: Path, target: Path, old: Path) -> None:
    try:
        if target.exists():
            os.replace(target, old)
        os.replace(draft, target)
    except PermissionError:  # Windows moves no folder that a program looks into
        if old.exists():
            os.replace(old, target)
        message = f"The folder {target.name}, or a file in it, is open in another program."
        raise ReleaseError(message, "Close it and type the same command again.") from None
