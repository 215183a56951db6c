"""Which marks a text table writes numbers with: 1,234.56 or 1.234,56. Stated marks win; the cells tell the others.

A cell such as 1.234,56 or 0,5 can be read one way only, and then tells how the others of the file are read. A
file separated by semicolons comes from a computer with decimal commas, or not: when all its cells are like
1.234, nobody can know, and the mapping must say.
"""

import re
from collections.abc import Iterable

import pandas as pd

_SIGN = r"[-+]?[$\u20ac]?"
_GROUPED = rf"{_SIGN}[0-9]{{1,3}}(G[0-9]{{3}})+"  # G stands for the thousands sign, D for the decimal mark
_TELLING = rf"{_GROUPED}D[0-9]+|{_GROUPED}G[0-9]{{3}}|{_SIGN}[0-9]*D([0-9]{{1,2}}|[0-9]{{4,}})|{_SIGN}0D[0-9]+"
_COMMA_DECIMAL = re.compile(_TELLING.replace("G", r"\.").replace("D", ","))
_POINT_DECIMAL = re.compile(_TELLING.replace("G", ",").replace("D", r"\."))
_COMMA_GROUPS = re.compile(_GROUPED.replace("G", ",") + r"(\.[0-9]+)?")
_EITHER = re.compile(rf"{_SIGN}[1-9][0-9]{{0,2}}[.,][0-9]{{3}}")


class Unclear(ValueError):
    """Cells like 1.234 in a file that says nowhere whether that is 1234 or a little more than one."""


def marks(columns: Iterable[pd.Series], semicolons: bool) -> tuple[str, str]:
    """Return (thousands, decimal) as the cells of number columns tell them, "" for what they do not tell.

    Raises Unclear with an example when a file separated by semicolons can be read either way.
    """
    cells = [cell for column in columns for cell in _telling(column, semicolons)]
    comma = any(map(_COMMA_DECIMAL.fullmatch, cells))
    point = any(map(_POINT_DECIMAL.fullmatch, cells))
    if comma and not point:
        return ".", ","
    if point and not comma:
        told = any(_COMMA_GROUPS.fullmatch(cell) and _POINT_DECIMAL.fullmatch(cell) for cell in cells)
        return ("," if told else ""), "."
    if semicolons and not point and (example := next(filter(_EITHER.fullmatch, cells), "")):
        raise Unclear(example)
    return "", ""


def _telling(column: pd.Series, semicolons: bool) -> Iterable[str]:
    """Return the distinct cells with a mark in them; without commas a file of commas or tabs has none to tell."""
    if not semicolons and not column.str.contains(",", regex=False).any():
        return ()
    return column[column.str.contains("[.,]")].unique()
