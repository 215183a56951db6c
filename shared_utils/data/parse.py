"""Text cells to typed values, strictly: a cell that is not clearly a date or a number is never guessed.

Each column is parsed by its distinct values, so the cost is that of the distinct ones.
"""

import datetime as dt
import math
import re

import pandas as pd

from shared_utils.data.files import TextTable
from shared_utils.data.model import DTYPES
from shared_utils.data.problems import Problem
from shared_utils.errors import nearest

TRUE = ("true", "yes", "1")
FALSE = ("false", "no", "0")
ISO = {"date": ("%Y-%m-%d",), "month": ("%Y-%m-%d", "%Y-%m")}
SLASHED = ("%m/%d/%Y", "%d/%m/%Y")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
EXAMPLES = 3


class Bad(ValueError):
    """A cell that is not what its column holds. Without a `fix` the cure is a line in value_maps."""

    def __init__(self, what: str, fix: str = "", valid: tuple[str, ...] = ()):
        self.reason = (what, fix, valid)
        super().__init__(what)


def column(
    cells: pd.Series,
    kind: str,
    name: str,
    source: TextTable,
    header: str,
    problems: list[Problem],
    *,
    formats: tuple[str, ...] = (),
    allowed: tuple[str, ...] = (),
    private: bool = False,
) -> pd.Series:
    """Return `cells` (text, "" is missing) as the dtype of the model type `kind`.

    What does not parse is added to `problems`, one for each kind of mistake, with its first rows; values of
    `private` columns are not repeated in the message.
    """
    parse = _parser(kind, cells, formats, allowed, source.mapping.source.thousands)
    parsed, bad = {"": None}, {}
    for value in cells.unique():
        if value == "":
            continue
        try:
            parsed[value] = parse(value)
        except Bad as error:
            parsed[value] = None
            bad.setdefault(error.reason, []).append(value)
    for reason, values in bad.items():
        problems.append(_problem(cells, values, reason, name, source, header, private))
    values = cells.map(parsed)
    return values.astype(DTYPES[kind])


def kind_of(cells: pd.Series, otherwise: str) -> str:
    """Return the type of a column outside the model: float or bool if every cell is one, else `otherwise`.

    Codes such as "061" keep their zeros: they are no numbers.
    """
    values = [v for v in cells.unique() if v != ""]
    if values and all(_NUMBER.fullmatch(v) and not re.match(r"[-+]?0\d", v) for v in values):
        return "float"
    return "bool" if values and all(v.lower() in (*TRUE, *FALSE) for v in values) else otherwise


def _parser(kind: str, cells: pd.Series, formats, allowed, thousands: str):
    if kind in ("date", "month"):
        return _date_parser(kind, cells, formats)
    if kind in ("int", "float"):
        return lambda value: _number(value, kind, thousands)
    if kind == "bool":
        return _boolean
    return lambda value: _word(value, allowed)


def _word(value: str, allowed: tuple[str, ...]) -> str:
    if allowed and value not in allowed:
        raise Bad(f"is not one of {', '.join(allowed)}", valid=allowed)
    return value


def _boolean(value: str) -> bool:
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE:
        return False
    raise Bad("is not true/false, yes/no or 1/0")


def _number(value: str, kind: str, thousands: str) -> float | int:
    digits = value
    if thousands and re.fullmatch(rf"[-+]?\d{{1,3}}({re.escape(thousands)}\d{{3}})+(\.\d+)?", value):
        digits = value.replace(thousands, "")
    if not _NUMBER.fullmatch(digits):
        raise Bad("is not a number", "Write digits with a point for decimals, for example 1250.50.")
    number = float(digits)
    if not math.isfinite(number):
        raise Bad("is too large for a number", "Check for a typing mistake.")
    if kind == "float":
        return number
    if not number.is_integer():
        raise Bad("is not a whole number", "Write digits only, for example 3.")
    return int(number)


def _date_parser(kind: str, cells: pd.Series, formats: tuple[str, ...]):
    """Return the parser of a date column.

    Without date_formats: ISO dates, or one of MM/DD/YYYY and DD/MM/YYYY when every cell fits just one of
    them. When cells fit both (03/04/2019) no one can know: that is an error until date_formats decides.
    """
    if formats:
        return lambda value: _by_formats(value, formats, kind)
    slashed = [v for v in cells.unique() if re.fullmatch(r"\d{1,2}/\d{1,2}/\d{4}", v)]
    fits = [f for f in SLASHED if slashed and all(_strptime(v, f) for v in slashed)]
    if len(fits) == 1:
        return lambda value: _by_formats(value, (*ISO[kind], *fits), kind)
    ambiguous = len(fits) == 2

    def parse(value: str):
        if ambiguous and value in slashed:
            raise Bad(
                "can be day/month or month/day",
                'Say which in the mapping, for example date_formats: {COLUMN: ["%m/%d/%Y"]}.',
            )
        return _by_formats(value, ISO[kind], kind)

    return parse


def _by_formats(value: str, formats: tuple[str, ...], kind: str) -> dt.datetime:
    found = {date for f in formats if (date := _strptime(value, f))}
    if len(found) > 1:
        raise Bad("is two different dates under the date_formats given", "Keep one of these date_formats.")
    if not found:
        raise _not_a_date(value, formats)
    date = found.pop()
    return date.replace(day=1) if kind == "month" else date


def _not_a_date(value: str, formats: tuple[str, ...]) -> Bad:
    if re.fullmatch(r"\d{5}", value):
        return Bad("is Excel's number of a date", "Format the column as a date in Excel and save it again.")
    looks = " or ".join(dt.datetime(2019, 12, 31).strftime(f) for f in formats)
    fix = "Correct the cell, or list its form under date_formats: {COLUMN: [...]}."
    return Bad(f"is not a date like {looks}", fix)


def _strptime(value: str, form: str) -> dt.datetime | None:
    try:
        return dt.datetime.strptime(value, form)
    except ValueError:
        return None


def _problem(cells, values, reason, name, source: TextTable, header, private) -> Problem:
    """Say once what is wrong with all `values` of a column: how many cells, which, and the first row."""
    what, fix, valid = reason
    rows = cells.index[cells.isin(values)]
    count = "1 cell " + what if len(rows) == 1 else f"{len(rows)} cells " + what.replace("is ", "are ", 1)
    shown = "" if private else ": " + ", ".join(f"'{v}'" for v in values[:EXAMPLES])
    if not private and len(values) > EXAMPLES:
        shown += f" and {len(values) - EXAMPLES} other values"
    if not fix:
        code = "..." if private else values[0]
        guess = "" if private else nearest(values[0], valid)
        fix = f'Add it in {source.mapping.name}: value_maps: {{{name}: {{"{code}": ...}}}}.{guess}'
    return source.problem(f"{count}{shown} (first in row {rows[0]}).", fix.replace("COLUMN", name), header)
