"""What the cells of a column say it is: dates, numbers, yes or no, codes, tracts, ids, or words about a person."""

import datetime as dt
import re
from collections import Counter
from dataclasses import dataclass, field

from shared_utils.data.dictionary import BOOLEANS, CODES, plain
from shared_utils.data.mapping_text import OPEN
from shared_utils.data.model import DIRECT_IDENTIFIERS, Column
from shared_utils.data.problems import IDENTIFIER
from shared_utils.data.row_filter import identifier
from shared_utils.data.schema import FALSE, TRUE

ISO = "%Y-%m-%d"
AMERICAN, EUROPEAN = "%m/%d/%Y", "%d/%m/%Y"
MONTHS = ("%Y-%m", "%m/%Y", "%b %Y", "%B %Y")
DATES = (ISO, AMERICAN, EUROPEAN, "%m/%d/%y", "%d %b %Y", "%b %d %Y", "%b %d, %Y", "%B %d, %Y", "%Y/%m/%d",
         "%d-%b-%Y", "%d-%b-%y", "%m-%d-%Y", *MONTHS)  # fmt: skip
MISSING = ("NA", "N/A", "n/a", "#N/A", "NULL", "null", ".", "-", "--", "missing", "Missing")
NUMBER = re.compile(r"[-+]?(\d{1,3}(,\d{3})+|\d+)?\.?\d*", re.ASCII)
PERSONAL = re.compile(
    r"\b(name|ssn|social security|phone|telephone|mobile|cell|email|e mail|address|street|dob|birth|born|birthday|"
    r"birthdate|notes?|comments?|remarks?|licen[cs]e|plate|passport|contact info|signature)\b"
)
NOT_PERSONS = re.compile(r"\b(site|school|building|program|classroom|branch|agency|provider|measure|indicator|event)\b")
TELLING = ("arm", "gender", "race_ethnicity", "household_type", "education")
MOST_CODES = 30  # a column with more different words than this is no list of codes
LONG = 40  # letters; a column of longer texts is prose, and prose names people
NOT_IDS = re.compile(r"\d{1,2}([/-]\d{1,2})?[/-]\d{2,4}|\d{4}-\d\d(-\d\d)?")


@dataclass(frozen=True)
class Cells:
    """The filled cells of one column: how many there are, and how often each value stands there."""

    header: str
    counts: Counter = field(compare=False)

    @property
    def filled(self) -> int:
        return self.counts.total()

    @property
    def distinct(self) -> float:
        """Different values as a share of filled cells."""
        return len(self.counts) / self.filled if self.filled else 0.0

    def share(self, holds) -> float:
        """Share of filled cells for which `holds(value)` is true; 0 for an empty column."""
        return sum(n for value, n in self.counts.items() if holds(value)) / self.filled if self.filled else 0.0


def cells(header: str, column) -> Cells:
    """Return a column of the file without empty cells and signs for missing values."""
    return Cells(header, Counter(value for value in column if value and value not in MISSING))


def names_a_person(column: Cells, private: set[str]) -> bool:
    """Whether a column looks like a direct identifier or free text, by its header or by its cells."""
    said = plain(column.header)
    if identifier(column.header) in {*DIRECT_IDENTIFIERS, *private}:
        return True
    if PERSONAL.search(said) and not (NOT_PERSONS.search(said) and "name" in said.split()):
        return True
    prose = column.share(lambda value: len(value) > LONG and " " in value) > 0.2
    return prose or column.share(lambda value: bool(IDENTIFIER.search(value))) > 0.1


def fit(what: Column, column: Cells) -> tuple[float, str]:
    """Return how well the cells fit a column of the model, 0 to 1, and what they are in words."""
    if not column.filled:
        return 0.8, "the column is empty"
    if what.type in ("date", "month"):
        found = date_formats(column)
        return (1.0, "dates") if found else (0.1, "few of its cells are dates")
    if what.name == "tract_id":
        return (1.0, "tract codes") if is_tracts(column) else (0.1, "not 11-digit tract codes")
    if what.type in ("int", "float"):
        return _number_fit(what, column)
    if what.type == "bool":
        known = column.share(lambda value: code(what, value) != OPEN)
        return (1.0, "yes or no") if known > 0.9 else (0.3, "not yes or no")
    if what.allowed:
        return _code_fit(what, column)
    if what.pii == "L" or what.name in ("service_id", "cost_id"):
        odd = column.share(lambda value: bool(NOT_IDS.fullmatch(value)))
        return (0.2, "dates") if odd > 0.5 else (1.0, f"{len(column.counts):,} different values")
    few = len(column.counts) <= MOST_CODES
    return (1.0, _words(column)) if few else (0.4, "too many different words")


def _number_fit(what: Column, column: Cells) -> tuple[float, str]:
    numbers = {value: float(value.replace(",", "")) for value in column.counts if is_number(value)}
    if column.share(numbers.__contains__) < 0.8:
        return 0.1, "few of its cells are numbers"
    low = -float("inf") if what.minimum is None else what.minimum
    high = float("inf") if what.maximum is None else what.maximum
    inside = column.share(lambda value: value in numbers and low <= numbers[value] <= high)
    return (1.0, "numbers") if inside > 0.8 else (0.5, "many of its numbers are out of range")


def _code_fit(what: Column, column: Cells) -> tuple[float, str]:
    known = column.share(lambda value: code(what, value) != OPEN)
    if len(column.counts) > MOST_CODES:
        return 0.1, "too many different words"
    return 0.6 + 0.4 * known, _words(column)


def _words(column: Cells) -> str:
    return "one word in every row" if len(column.counts) == 1 else f"{len(column.counts)} different words"


def code(what: Column, value: str, labels: dict[str, str] | None = None) -> str:
    """Return the model's word for a city's word, or OPEN when only a person can say.

    `labels` are the city's own words for allowed values, {word as plain text: value}.
    """
    said = plain(value)
    if what.type == "bool":
        low = value.lower()
        return "true" if low in TRUE else "false" if low in FALSE else BOOLEANS.get(low, OPEN)
    known = {**CODES.get(what.name, {}), **{plain(word): word for word in what.allowed}, **(labels or {})}
    return known.get(said, OPEN)


def speaks(what: Column, column: Cells, labels: dict[str, str]) -> bool:
    """Whether nearly all cells are words of this column and of hardly another: Girl and Boy under any header."""
    if what.name not in TELLING or len(column.counts) < 2:
        return False
    own = labels if what.name == "arm" else None
    return column.share(lambda value: code(what, value, own) != OPEN) >= 0.9


def is_number(value: str) -> bool:
    return bool(NUMBER.fullmatch(value)) and any(sign.isdigit() for sign in value)


def is_tracts(column: Cells) -> bool:
    """Whether nearly all cells are census tract codes, perhaps without the first zero."""
    return column.share(lambda value: bool(re.fullmatch(r"\d{10,11}", value))) > 0.9


def date_formats(column: Cells) -> list[str]:
    """Return the forms its dates are written in: one that fits all, else two; [OPEN] when nobody can know.

    03/04/2019 is a day in March or in April; only when some cell fits one of the two is that decided. An empty list
    means that fewer than 8 of 10 cells are dates.
    """
    fits = {form: {value for value in column.counts if is_date(value, form)} for form in DATES}
    whole = [form for form in DATES if len(fits[form]) == len(column.counts)]
    if {AMERICAN, EUROPEAN} <= set(whole):
        return [OPEN]
    if whole:
        return whole[:1]
    best = max(DATES, key=lambda form: len(fits[form]))
    second = max(DATES, key=lambda form: len(fits[form] - fits[best]))
    chosen = [form for form in (best, second) if fits[form]]
    covered = set().union(*(fits[form] for form in chosen))
    return chosen if column.share(covered.__contains__) >= 0.8 else []


def is_date(value: str, form: str) -> bool:
    try:
        return bool(dt.datetime.strptime(value, form))
    except ValueError:
        return False


def grouped(column: Cells) -> bool:
    """Whether it holds numbers written with a comma between thousands."""
    return column.share(lambda value: "," in value and is_number(value)) > 0


def counts(column: Cells) -> bool:
    """Whether its cells can be an outcome: numbers, or yes and no."""
    answer = Column("", "bool")
    return column.share(lambda value: is_number(value) or code(answer, value) != OPEN) > 0.8
