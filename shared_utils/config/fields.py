"""The small types every settings block is made of: text codes, dates, months, windows."""

import datetime
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator
from pydantic_core import PydanticCustomError


class Block(BaseModel):
    """A block of settings: cannot change after loading, refuses unknown keys, never guesses a type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def refused(message: str, allowed=(), suggestion: str = "") -> PydanticCustomError:
    """Return the error a field raises, in our words, with what is allowed and the nearest value."""
    context = {"message": message, "allowed": tuple(allowed), "suggestion": suggestion}
    return PydanticCustomError("refused", "{message}", context)


def _matching(pattern: str, words: str):
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise refused(f"'{value}' is not {words}.")
        return value

    return AfterValidator(check)


def _date(value: object) -> datetime.date:
    if isinstance(value, datetime.date):
        return value
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(value)):
            raise ValueError
        return datetime.date.fromisoformat(str(value))
    except ValueError:
        message = f"'{value}' is not a date. Write year-month-day in quotes, for example \"2019-04-01\"."
        raise refused(message) from None


def _code(digits: int, words: str):
    """A code of digits is text; a number in the file has lost its leading zeros, so say how to write it."""

    def check(value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool):
            raise refused(f'{value} is a number here. Write {words} in quotes: "{value:0{digits}}".')
        return value

    return BeforeValidator(check)


def _moment(value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value)
    if re.fullmatch(r"\d+", text):
        return int(text)
    try:
        datetime.date.fromisoformat(f"{text}-01" if re.fullmatch(r"\d{4}-\d{2}", text) else text)
    except ValueError:
        message = f'\'{value}\' is not a period. Write it as in the column of times: 2019, "2019-07" or "2019-07-01".'
        raise refused(message) from None
    return text


Date = Annotated[datetime.date, BeforeValidator(_date)]
Month = Annotated[
    str, _matching(r"\d{4}-(0[1-9]|1[0-2])", 'a month. Write year-month in quotes, for example "2019-04"')
]
Moment = Annotated[int | str, PlainValidator(_moment)]  # a point of a column of times: 2019, "2019-07", a day
Text = Annotated[str, _matching(r"(?s).*\S.*", "a text: it is empty")]
Id = Annotated[str, _matching(r"[a-z][a-z0-9_]*", "a short name of lower-case letters, digits and _ (first a letter)")]
CityKey = Annotated[str, _matching(r"[a-z_]+", "a city key of lower-case letters and _")]
Slug = Annotated[str, _matching(r"[a-z0-9]+(-[a-z0-9]+)*", "a slug of lower-case letters and digits joined by -")]
StateFips = Annotated[
    str, _matching(r"\d{2}", 'a state FIPS code: two digits in quotes, for example "09"'), _code(2, "a state code")
]
CountyFips = Annotated[
    str, _matching(r"\d{3}", 'a county FIPS code: three digits in quotes, for example "061"'), _code(3, "a county code")
]
Tract = Annotated[
    str,
    _matching(r"\d{11}", 'a tract code: eleven digits in quotes, for example "39061000200"'),
    _code(11, "a tract code"),
]
Timezone = Annotated[str, _matching(r"[A-Za-z_]+(/[A-Za-z_]+)+|UTC", "a time zone such as America/New_York")]
Role = Annotated[
    str, _matching(r"[^@\d]*[^@\d\s][^@\d]*", "a role such as 'City pilot lead' (never a name, e-mail or number)")
]
DataPath = Annotated[
    str,
    _matching(
        r"(?![/~\\])(?!.*(^|[/\\])\.\.([/\\]|$))(?!.*:).*\S.*",
        "a path inside the city's data folder, for example raw/analysis.csv",
    ),
]
Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class DateWindow(Block):
    """First and last day, both included."""

    start: Date
    end: Date


class MonthWindow(Block):
    """First and last month (YYYY-MM), both included."""

    start: Month
    end: Month
