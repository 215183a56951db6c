"""What a YAML syntax error means, in words for someone who never read the YAML specification."""

import re

from ruamel.yaml.reader import ReaderError

_SPECIAL = re.compile(r"found character '(.+)' that cannot start any token")


def explain(error: Exception, text: str) -> tuple[int, str]:
    """Return (line counting from 1, what is wrong and what to do) for a parser error on `text`."""
    if isinstance(error, ReaderError):
        line = text[: error.position].count("\n") + 1
        return line, "there is an invisible control character on this line. Delete it and type it again."
    lines = text.splitlines() or [""]
    here = min(error.problem_mark.line, len(lines) - 1)
    start = error.context_mark.line if error.context_mark else here
    for reason in (_tab, _open_quote, _special, _colon, _bracket, _indentation):
        found = reason(error, lines, start, here)
        if found:
            line, message = found
            return line + 1, message
    return here + 1, f"{error.problem}." if not error.problem.endswith(".") else error.problem


def _tab(error, lines, start, here):
    if "\t" in lines[here][: len(lines[here]) - len(lines[here].lstrip())]:
        return here, "the line starts with a tab. Use spaces to indent (two a level)."
    if r"'\t'" in error.problem:
        return here, "there is a tab where a value should start. Use spaces."


def _open_quote(error, lines, start, here):
    if "quoted scalar" in (error.context or "") and "end of stream" in error.problem:
        # The scanner stops at the last quote it could not pair; the one forgotten is the first left open.
        first = next((n for n, line in enumerate(lines) if _mark(line)), start)
        return first, f"the quote opened here is never closed. Add {_mark(lines[first])} at its end."
    if "unknown escape" in error.problem:
        return here, (
            "a backslash inside double quotes has a special meaning. Use single quotes, or / instead of \\ in paths."
        )
    for number in range(start, here + 1):
        if mark := _mark(lines[number]):
            return number, f"a quote is opened on this line and not closed. Add the missing {mark}."
    if "'<scalar>'" in error.problem:
        return here, "there is text after the closing quote. Put the whole value in one pair of quotes."


def _special(error, lines, start, here):
    if match := _SPECIAL.search(error.problem):
        return here, f"a value cannot start with {match[1]} on its own. Put the value in double quotes."


def _colon(error, lines, start, here):
    if "could not find expected ':'" in error.problem:
        return start, _missing_colon(lines[start])
    if "mapping values are not allowed" in error.problem:
        above = next((n for n in range(here - 1, -1, -1) if re.match(r"\s*[^\s#]", lines[n])), here)
        if lines[here].count(": ") > 1 or (": " in lines[here] and lines[here].rstrip().endswith(":")):
            return here, (
                "there is a second colon on this line. If it belongs to the text, put the text in double quotes."
            )
        if ":" not in lines[above]:
            return above, _missing_colon(lines[above])
        return here, (
            "this line is indented under a line that already has a value. "
            "Align it with its neighbours (spaces, two a level)."
        )


def _bracket(error, lines, start, here):
    if "flow" in (error.context or ""):
        opened, close = ("[", "]") if "sequence" in error.context else ("{", "}")
        return start, (f"the '{opened}' on this line is not closed, or a comma is missing. Add ',' or '{close}'.")


def _indentation(error, lines, start, here):
    if "expected <block end>" in error.problem:
        return here, (
            "the indentation does not fit the lines above. Align the keys of one block exactly (spaces, two a level)."
        )


def _missing_colon(line: str) -> str:
    word = line.split()[0] if line.split() else ""
    return f"a colon is missing after the key. Write '{word.rstrip(':')}: ' and then the value."


def _mark(line: str) -> str:
    """Return the quote character left open on a line, or ""."""
    open_mark, previous = "", " "
    for char in line:
        if open_mark:
            open_mark = "" if char == open_mark else open_mark
        elif char == "#" and previous.isspace():
            break
        elif char in "\"'" and (previous.isspace() or previous in "[{,:"):
            open_mark = char
        previous = char
    return open_mark
