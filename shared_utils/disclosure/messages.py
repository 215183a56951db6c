"""Error messages without what they say about people: `could not convert string to float: 'John Smith'`.

An error stays readable because its own words stand in the code: a word that stands in no line of code on the way to
the error came from the data and is hidden. The code of compiled libraries is not there to compare; of their messages
only quoted words and what follows a colon are taken for data. Our own errors (EmiError) are written for people and keep
their words. What looks like an identifier is hidden in all of them.
"""

import builtins
import inspect
import re
import traceback

from shared_utils.disclosure.scan import hide
from shared_utils.errors import EmiError

HIDDEN = "[hidden]"
_QUOTED = re.compile(r"""(?<!\w)(['"`])(.+?)\1(?!\w)""")
_WORD = re.compile(r"[^\W_][\w.@/-]*")
# Lines of a traceback: the one that raised ("----> 1 raise ValueError(name)"), and another on the way.
_RAISE = re.compile(r"^(-+> *\d+ +|    ).*\braise\b")
_STEP = re.compile(r"^(-+> *\d+ +| +File |File )")
_SEVERAL = re.compile(r"\[?\[hidden\](?:[\s,;/&-]*\[hidden\])*\]?")
_ANY = {"hidden", "dataframe", "series", "index", "ndarray", "nonetype", "module", *map(str.lower, dir(builtins))}
_ENDING = re.compile(r"^(\w[\w.]*(?:Error|Exception|Interrupt|Exit|Warning)): ", re.MULTILINE)


def quiet(message: str, code: str, raised: bool) -> str:
    """Return the first line of an error message without words from the data.

    `code` is the code it came through; `raised` tells that a line of it raised the error, not a compiled library.
    """
    if message.startswith("Not shown: "):  # the sentence of the display guard
        return message
    first, *more = hide(message).splitlines() or [""]
    known = _ANY | set(_words(code))
    first = _QUOTED.sub(lambda match: match.group() if set(_words(match[2])) <= known else _in(match[1]), first)
    head, colon, tail = ("", "", first) if raised else first.partition(": ")
    tail = _WORD.sub(lambda match: match.group() if _is_known(match.group(), known) else HIDDEN, tail)
    tail = _SEVERAL.sub(HIDDEN, tail)
    return head + colon + tail + (f" ({len(more)} more lines are not shown)" if more else "")


def quiet_error(error: BaseException, cell: str = "") -> None:
    """Hide the data in the messages of an error and of the errors that led to it, in place."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        message = str(error.args[0]) if isinstance(error, KeyError) and len(error.args) == 1 else str(error)
        if isinstance(error, EmiError):
            error.args = (hide(message),)
        elif isinstance(error, OSError) and error.filename is not None:
            error.filename = _told(str(error.filename), error, cell)
        elif not isinstance(error, SyntaxError):  # its message and its line are code
            error.args = (_told(message, error, cell),)
        error.__notes__ = []
        for inner in getattr(error, "exceptions", ()):
            quiet_error(inner, cell)
        error = error.__cause__ or error.__context__


def quiet_traceback(text: str, evalue: str, cell: str = "") -> tuple[str, str]:
    """Return a printed traceback, and the message it ends with, without words from the data.

    The lines of code that it shows say which words are code; lines of a message after its first are left out.
    """
    parts = _parts(text)
    code = "\n".join([cell, *(line for ending, line in parts if not ending)])
    quieted, raised = [], False
    for ending, line in parts:
        if ending:
            quieted.append(ending + quiet(line, code, raised))
        else:
            quieted.append(hide(line))
            raised = bool(_RAISE.match(line)) or (raised and not _STEP.match(line))
    return "\n".join(quieted), quiet(evalue, code, raised)


def _parts(text: str) -> list[tuple[str, str]]:
    """Return (name of the error, message) or ("", line) for each line of a traceback."""
    parts, inside = [], False
    for line in text.splitlines():
        ending = _ENDING.match(line)
        # Further lines of a message stand at the margin, where a traceback has only its headings.
        inside = bool(ending) or (inside and bool(line.strip()) and not line.startswith(("Traceback", "File ", "  ")))
        if ending:
            parts.append((ending.group(), line[ending.end() :]))
        elif not inside:
            parts.append(("", line))
    return parts


def _told(message: str, error: BaseException, cell: str) -> str:
    """A KeyError says the missing key and nothing else, an OSError a path."""
    code, raised = _code_on_the_way(error)
    code = f"{cell}\n{code}"
    if isinstance(error, KeyError | OSError):
        message = hide(message)
        return message if set(_words(message)) <= _ANY | set(_words(code)) else HIDDEN
    return quiet(message, code, raised)


def _code_on_the_way(error: BaseException) -> tuple[str, bool]:
    """The source of every function the error came through, and whether the last line of it is a `raise`."""
    parts = []
    for frame, _ in traceback.walk_tb(error.__traceback__):
        try:
            parts.append(inspect.getsource(frame.f_code))
        except (OSError, TypeError):
            parts.append("")
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return "\n".join(parts), bool(last) and "raise " in (last[0].line or "")


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _is_known(word: str, known: set[str]) -> bool:
    """Short numbers say how many or where; longer ones may be somebody's."""
    return (word.isdigit() and len(word) <= 3) or set(_words(word)) <= known


def _in(quote: str) -> str:
    return f"{quote}{HIDDEN}{quote}"
