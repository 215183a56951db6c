"""Errors of the machine, told in words for people: a full disk is nobody's mistake in a notebook."""

import errno
import re
from pathlib import Path

AGAIN = "then:  emi run"
_WORDS = {
    errno.ENOSPC: ("The disk is full.", f"Free some space, {AGAIN}"),
    errno.EDQUOT: ("Your share of the disk is full.", f"Free some space, {AGAIN}"),
    errno.EROFS: ("The folder can only be read.", f"Move the city to a folder you may write to, {AGAIN}"),
    errno.EACCES: ("{what} is open in another program, or may not be read or written.", f"Close that program, {AGAIN}"),
    errno.EMFILE: ("Too many files are open on this machine.", "Close other programs, or run fewer:  --workers 1"),
}
# Windows numbers its own errors where a file is moved or removed: refused, used by others, locked, disk full.
_OF_WINDOWS = {5: errno.EACCES, 32: errno.EACCES, 33: errno.EACCES, 112: errno.ENOSPC}
_MEMORY = ("It needs more memory than there is.", "Close other programs, or run fewer:  emi run --workers 1")


def moved(city: Path) -> tuple[str, str]:
    """(message, hint) for a city whose folder is not there any more."""
    message = f"Its folder was moved or removed while the batch ran: {city}"
    return message, "Bring the folder back, or run again where it is now:  emi run"


def in_words(ename: str, said: str) -> tuple[str, str] | None:
    """(message, hint) for an error of the machine, known by its name or its number ("[Errno 28] ..."); else None."""
    if ename in ("MemoryError", "ArrayMemoryError", "_ArrayMemoryError"):
        return _MEMORY
    told = re.match(r"\[(Errno|WinError) (\d+)\]", said)
    number = told and (int(told[2]) if told[1] == "Errno" else _OF_WINDOWS.get(int(told[2])))
    if number not in _WORDS:
        return None
    message, hint = _WORDS[number]
    return message.format(what=_named_file(said)), hint


def _named_file(said: str) -> str:
    """The name of the last file that an error of the system names: the one that was to be written."""
    named = re.search(r"""(?:'([^']*)'|"([^"]*)")$""", said)
    return re.split(r"[\\/]+", named[1] or named[2] or "")[-1] if named else "A file or folder"
