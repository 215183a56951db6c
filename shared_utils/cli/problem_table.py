"""The cells that are wrong, as a table for the terminal: plain ASCII lines, at most as wide as the screen."""

import textwrap

TITLES = ("CELL", "COLUMN", "VALUE", "PROBLEM", "FIX")
GAP = 2
_WIDEST = (7, 16, 14)  # of the first three columns; the last two share what is left


def lines(sheets, width: int) -> list[str]:
    """Return every file with its rows and "ok" or its problems, then a table for each file that has some.

    `sheets` are those of `data.problem_report`: of one column and rule at most 20 cells, the others counted.
    """
    if not sheets:
        return []
    names, counts = [one.name for one in sheets], [_rows(one.rows) for one in sheets]
    name, count = max(map(len, names)), max(map(len, counts))
    files = [
        f"    {one.name:{name}}  {rows:>{count}}  {_problems(one.count) if one.count else 'ok'}"
        for one, rows in zip(sheets, counts, strict=True)
    ]
    return [*files, *(line for one in sheets if one.count for line in _sheet(one, width))]


def _sheet(one, width: int) -> list[str]:
    """One file: what is wrong with the file or a column as sentences, with cells as a table, then what is left out."""
    whole = [line for problem in one.shown if not problem.cell for line in _sentence(problem, width)]
    cells = [problem for problem in one.shown if problem.cell]
    table = _table([_row(problem) for problem in cells], width) if cells else []
    more = [line for group in one.more for line in textwrap.wrap(_left_out(group), width - 4)]
    return ["", f"  {one.name}", *whole, *table, *(f"  {line}" for line in more)]


def _sentence(problem, width: int) -> list[str]:
    place = " ".join(filter(None, [f"column {problem.column}:" if problem.column else "", problem.sentence]))
    first = textwrap.wrap(place, width - 4, initial_indent="  ", subsequent_indent="  ")
    return [*first, *textwrap.wrap(problem.fix, width - 4, initial_indent="      ", subsequent_indent="      ")]


def _row(problem) -> tuple[str, ...]:
    return problem.cell, problem.column, problem.value, problem.message, problem.fix.removesuffix(".")


def _table(rows: list[tuple[str, ...]], width: int) -> list[str]:
    """Return rows under the titles; a cell that is too wide goes on in the next line of its column."""
    narrow = [min(widest, max(len(row[i]) for row in (TITLES, *rows))) for i, widest in enumerate(_WIDEST)]
    left = width - GAP - sum(narrow) - GAP * len(narrow) - GAP
    problem = min(left // 2, max(len(row[3]) for row in (TITLES, *rows)))
    widths = [*narrow, problem, left - problem]
    return [line for row in (TITLES, *rows) for line in _wrapped(row, widths)]


def _wrapped(row: tuple[str, ...], widths: list[int]) -> list[str]:
    cells = [textwrap.wrap(text, room) or [""] for text, room in zip(row, widths, strict=True)]
    height = max(map(len, cells))
    filled = [cell + [""] * (height - len(cell)) for cell in cells]
    gap, made = " " * GAP, []
    for line in zip(*filled, strict=True):
        made.append(gap + gap.join(f"{text:{room}}" for text, room in zip(line, widths, strict=True)))
    return [line.rstrip() for line in made]


def _left_out(group) -> str:
    first = group.problems[0]
    return f"{first.column}: and {group.more:,} more rows with the same problem ({first.message})."


def _rows(rows: int | None) -> str:
    return "not read" if rows is None else f"{rows:,} row{'s' * (rows != 1)}"


def _problems(count: int) -> str:
    return f"{count:,} problem{'s' * (count != 1)}"
