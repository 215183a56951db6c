"""Errors of the machine, told in words for people: a full disk is nobody's mistake in a notebook."""

import errno
import re
from pathlib import Path

AGAIN = "then:  emi run"
_WORDS = {
    errno.ENOSPC: ("The disk is full.", f"Free some space, {AGAIN}"),
    errno.EDQUOT: ("Your share of the disk is full.", f"Free some space, {AGAIN}"),
    errno.EROFS: ("The folder can only be read.", f"Move the city to a folder you may write to, {AGAIN}"),
    errno.EACCES: ("A file or folder may not be written to.", f"Close programs that use it, {AGAIN}"),
    errno.EMFILE: ("Too many files are open on this machine.", "Close other programs, or run fewer:  --workers 1"),
}
_MEMORY = ("It needs more memory than there is.", "Close other programs, or run fewer:  emi run --workers 1")


def moved(city: Path) -> tuple[str, str]:
    """(message, hint) for a city whose folder is not there any more."""
    message = f"Its folder was moved or removed while the batch ran: {city}"
    return message, "Bring the folder back, or run again where it is now:  emi run"


def in_words(ename: str, said: str) -> tuple[str, str] | None:
    """(message, hint) for an error of the machine, known by its name or its number ("[Errno 28] ..."); else None."""
    if ename in ("MemoryError", "ArrayMemoryError", "_ArrayMemoryError"):
        return _MEMORY
    number = re.match(r"\[Errno (\d+)\]", said)
    return _WORDS.get(int(number[1])) if number else None
