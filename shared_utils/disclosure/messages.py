"""Error messages without what they say about people: `could not convert string to float: 'John Smith'`.

An error stays readable because its own words stand in the code: a quoted word, or a word behind a colon, that stands
in no line of code on the way to the error came from the data and is hidden. Our own errors (EmiError) are written
for people and keep their words. What looks like an identifier is hidden in all of them.
"""

import builtins
import inspect
import re

from shared_utils.disclosure.scan import hide
from shared_utils.errors import EmiError

HIDDEN = "[hidden]"
_QUOTED = re.compile(r"""(?<!\w)(['"`])(.+?)\1(?!\w)""")
_WORD = re.compile(r"[^\W_][\w.@/-]*")
_ANY = {"hidden", "dataframe", "series", "index", "ndarray", "nonetype", "module", *map(str.lower, dir(builtins))}
ENDING = re.compile(r"^(\w[\w.]*(?:Error|Exception|Interrupt|Exit|Warning)): ", re.MULTILINE)


def quiet(message: str, code: str) -> str:
    """Return the first line of an error message without words from the data; `code` is the code it came through."""
    if message.startswith("Not shown: "):  # the sentence of the display guard
        return message
    first, *more = hide(message).splitlines() or [""]
    known = _ANY | set(_words(code))
    first = _QUOTED.sub(lambda match: match.group() if set(_words(match[2])) <= known else _in(match[1]), first)
    head, colon, tail = first.partition(": ")
    tail = _WORD.sub(lambda match: match.group() if _is_known(match.group(), known) else HIDDEN, tail)
    tail = re.sub(r"\[?\[hidden\](?:[\s,;/]*\[hidden\])*\]?", HIDDEN, tail)
    return head + colon + tail + (f" ({len(more)} more lines are not shown)" if more else "")


def quiet_error(error: BaseException, cell: str = "") -> None:
    """Hide the data in the messages of an error and of the errors that led to it, in place."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        message = str(error.args[0]) if isinstance(error, KeyError) and len(error.args) == 1 else str(error)
        if isinstance(error, EmiError):
            error.args = (hide(message),)
        elif not isinstance(error, SyntaxError):  # its message and its line are code
            error.args = (_one_word(message, error, cell),)
        error.__notes__ = []
        for inner in getattr(error, "exceptions", ()):
            quiet_error(inner, cell)
        error = error.__cause__ or error.__context__


def quiet_traceback(text: str, cell: str = "") -> str:
    """Return a printed traceback whose messages hold no data; its own lines of code say which words are code."""
    code = cell + "\n" + ENDING.sub("", "\n".join(line for line in text.splitlines() if not ENDING.match(line)))
    quieted, inside = [], False
    for line in text.splitlines():
        ending = ENDING.match(line)
        # Further lines of a message stand at the margin, where a traceback has only its headings.
        inside = bool(ending) or (inside and bool(line.strip()) and not line.startswith(("Traceback", "File ", "  ")))
        if ending:
            quieted.append(ending.group() + quiet(line[ending.end() :], code))
        elif not inside:
            quieted.append(hide(line))
    return "\n".join(quieted)


def _one_word(message: str, error: BaseException, cell: str) -> str:
    """A KeyError's message is the missing key itself, without quotes."""
    code = f"{cell}\n{_code_on_the_way(error)}"
    if isinstance(error, KeyError):
        message = hide(message)
        return message if set(_words(message)) <= _ANY | set(_words(code)) else HIDDEN
    return quiet(message, code)


def _code_on_the_way(error: BaseException) -> str:
    """The source of every function the error came through."""
    parts, step = [], error.__traceback__
    while step is not None:
        try:
            parts.append(inspect.getsource(step.tb_frame.f_code))
        except (OSError, TypeError):
            pass
        step = step.tb_next
    return "\n".join(parts)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _is_known(word: str, known: set[str]) -> bool:
    """Short numbers say how many or where; longer ones may be somebody's."""
    return (word.isdigit() and len(word) <= 3) or set(_words(word)) <= known


def _in(quote: str) -> str:
    return f"{quote}{HIDDEN}{quote}"
