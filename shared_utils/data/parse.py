"""Text cells to typed values, strictly: a cell that is not clearly a date or a number is never guessed.

Each column is read by its distinct values, so the cost is that of the distinct ones. A spelling makes a cell
plain ("21,000" with thousands, "05/31/2019" where only one reading fits); the column's Table Schema field then
casts and judges it.
"""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import pandas as pd

from shared_utils.data import schema
from shared_utils.data.files import TextTable
from shared_utils.data.model import DTYPES, Column
from shared_utils.data.problems import KEPT, Problem, typed
from shared_utils.data.schema import FALSE, LARGEST, TRUE
from shared_utils.data.source import Source
from shared_utils.data.wording import Words

ISO = {"date": ("%Y-%m-%d",), "month": ("%Y-%m-%d", "%Y-%m")}
SLASHED = ("%m/%d/%Y", "%d/%m/%Y")
# What no field takes: Python reads "nan" and "1_000" as numbers, people do not write them.
UNREAD = "?"
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_COMMA_IS_POINT = str.maketrans({",": ".", ".": ","})
_WHOLE = re.compile(r"[-+]?\d+", re.ASCII)


@dataclass(frozen=True)
class Place:
    """A column of a source, what it is read as, and what that means in plain words."""

    source: TextTable
    header: str
    what: Column
    meaning: str = ""

    def problems(self, wrong: pd.Series, words: Callable[[str], tuple[str, str]], rule: str) -> list[Problem]:
        """Return a problem for each cell of `wrong`, at most KEPT; the last one counts what is left out.

        `words(value)` gives (message, fix) of a cell's text in `wrong`; what is shown is the cell as typed, hidden
        where the column says who somebody is.
        """
        said, private = lru_cache(maxsize=None)(words), self.what.pii in ("L", "D")
        letter = self.source.letter(self.header)
        left_out = max(0, len(wrong) - KEPT)
        kept = wrong.iloc[:KEPT]
        found = []
        for row, raw, value in zip(kept.index, self.source.frame.loc[kept.index, self.header], kept, strict=True):
            message, fix = said(value)
            found.append(Problem(
                self.source.mapping.source.name, message, fix, self.source.sheet, self.header, int(row),
                cell=f"{letter}{row}", meaning=self.meaning, value=typed(raw, private), rule=rule,
                more=left_out if len(found) == KEPT - 1 else 0,
            ))  # fmt: skip
        return found


def column(
    cells: pd.Series,
    place: Place,
    problems: list[Problem],
    *,
    formats: tuple[str, ...] = (),
    rules: dict | None = None,
) -> pd.Series:
    """Return `cells` (text, "" is missing) as the dtype of the place's column.

    What does not read, or breaks a constraint of the column or of `rules` (Table Schema), is added to `problems`,
    one for each cell; values of columns that say who somebody is (class L) are not repeated. Raises RuleError
    when a rule does not suit the column.
    """
    what, source = place.what, place.source
    largest = LARGEST.get(what.type)
    limits = {"minimum": -largest, "maximum": largest} if largest else {}
    described = schema.with_rules(schema.field(what), limits | (rules or {}))
    judge, as_typed = schema.reader(described), schema.takes_any_text(described)
    spelling = _spelling(what.type, cells, formats, source.mapping.source)
    parsed, broken = {}, {}
    for value in [""] if as_typed else cells.unique().tolist():
        found, notes = judge(spelling.plain(value) if value else "")
        parsed[value] = None if notes else _stored(found)
        if notes:
            broken[value] = next(iter(notes))
    words = Words(what, source.mapping, rules or {}, spelling)
    for rule in dict.fromkeys(broken.values()):
        wrong = cells[cells.isin([value for value, why in broken.items() if why == rule])]
        problems += place.problems(wrong, partial(words.of, rule), rule)
    if (rules or {}).get("unique"):
        problems += _repeated(cells[cells != ""], place)
    return (cells.mask(cells == "") if as_typed else cells.map(parsed)).astype(DTYPES[what.type])


def kind_of(cells: pd.Series, otherwise: str) -> str:
    """Return the type of a column outside the model: float or bool if every cell is one, else `otherwise`.

    Codes such as "061" keep their zeros: they are no numbers.
    """
    values = [v for v in cells.unique().tolist() if v != ""]
    if values and all(_NUMBER.fullmatch(v) and not re.match(r"[-+]?0\d", v) for v in values):
        return "float"
    return "bool" if values and all(v.lower() in (*TRUE, *FALSE) for v in values) else otherwise


def _repeated(cells: pd.Series, place: Place) -> list[Problem]:
    """Return a problem for each cell that an earlier one equals, with the row of that one."""
    first = cells.index.to_series().groupby(cells.to_numpy()).first()
    again = cells[cells.duplicated()]

    def words(value: str) -> tuple[str, str]:
        return f"is already used in row {first[value]}", "Keep one row for each, or correct the cell."

    return place.problems(again, words, "unique")


def _stored(value):
    """Return what frictionless read as pandas stores it: a month as its first day."""
    if isinstance(value, tuple):
        return dt.datetime(value.year, value.month, 1)
    return dt.datetime(value.year, value.month, value.day) if isinstance(value, dt.date) else value


def _spelling(kind: str, cells: pd.Series, formats: tuple[str, ...], signs: Source):
    if kind in ("date", "month"):
        return Dates(kind, cells, formats)
    if kind in ("int", "float"):
        return Numbers(kind, signs.thousands, signs.decimal or ".")
    return Booleans() if kind == "bool" else Text()


class Text:
    """Words are as they are typed."""

    def plain(self, value: str) -> str:
        return value


class Booleans:
    """Yes and no, in any case."""

    def plain(self, value: str) -> str:
        return value.lower()


class Numbers:
    """Digits, with the thousands sign and the decimal mark of the source."""

    def __init__(self, kind: str, thousands: str, decimal: str):
        self.kind, self.thousands, self.decimal = kind, thousands, decimal
        sign, mark = re.escape(thousands), re.escape(decimal)
        grouped = rf"[-+]?\d{{1,3}}({sign}\d{{3}})+({mark}\d+)?"
        self._grouped = re.compile(grouped, re.ASCII) if thousands else None

    def plain(self, value: str) -> str:
        if self._grouped and self._grouped.fullmatch(value):
            value = value.replace(self.thousands, "")
        if self.decimal == ",":
            value = value.translate(_COMMA_IS_POINT)
        if not _NUMBER.fullmatch(value):
            return UNREAD
        return value if self.kind == "float" or _WHOLE.fullmatch(value) else _whole(value)


class Dates:
    """ISO dates, or the forms of date_formats.

    Without date_formats: one of MM/DD/YYYY and DD/MM/YYYY too, when every cell fits just one of them. When cells
    fit both (03/04/2019) no one can know: that is an error until date_formats decides.
    """

    def __init__(self, kind: str, cells: pd.Series, formats: tuple[str, ...]):
        self.kind, self.ambiguous = kind, frozenset()
        self.formats = formats or ISO[kind]
        if not formats:
            slashed = [v for v in cells.unique() if re.fullmatch(r"\d{1,2}/\d{1,2}/\d{4}", v, re.ASCII)]
            fits = [f for f in SLASHED if slashed and all(_strptime(v, f) for v in slashed)]
            if len(fits) == 1:
                self.formats = (*self.formats, *fits)
            self.ambiguous = frozenset(slashed if len(fits) == 2 else ())

    def plain(self, value: str) -> str:
        found = self.readings(value)
        return found.pop() if len(found) == 1 and value not in self.ambiguous else UNREAD

    def readings(self, value: str) -> set[str]:
        """Return the date, or dates, that the forms make of a cell, in ISO form."""
        digits = len("2019-12") if self.kind == "month" else len("2019-12-31")
        return {date.date().isoformat()[:digits] for f in self.formats if (date := _strptime(value, f))}


def _whole(number: str) -> str:
    """Return 3 for 3.0 and 3e0; a number that is not whole stays as it is, and is refused."""
    value = float(number)
    return str(int(value)) if abs(value) <= LARGEST["int"] and value.is_integer() else number


def _strptime(value: str, form: str) -> dt.datetime | None:
    try:
        return dt.datetime.strptime(value, form)
    except ValueError:
        return None
