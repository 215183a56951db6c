"""Monthly indicators: their series, how their numbers are printed, and their control charts.

Values are kept as the tables hold them (a share as 0 to 1); `shown` multiplies by the indicator's `per`.
"""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from shared_utils import disclosure
from shared_utils.errors import EmiError
from shared_utils.sections.numbers import decimals, is_missing, plain, usd
from shared_utils.stats import spc

ALL = "all"
MIN_POINTS, TRIAL = 6, 12


@dataclass(frozen=True)
class Indicator:
    """One indicator of city.yml with its rows of `indicator_monthly`.

    `events` are those whose months do not count; `since` is the first month of the pilot.
    """

    spec: object
    rows: pd.DataFrame
    events: tuple
    since: pd.Timestamp

    @cached_property
    def overall(self) -> pd.DataFrame:
        """One row a period for everyone, in time order."""
        own = self.rows[self.rows["group_dim"] == ALL]
        return own.sort_values("period").drop_duplicates("period", keep="last").reset_index(drop=True)

    @property
    def latest(self) -> dict:
        """The newest row for everyone."""
        return self.overall.iloc[-1].to_dict()

    @cached_property
    def excluded(self) -> list[bool]:
        """True for periods that make no limits: in an event whose months do not count, or of an older definition."""
        current = self.overall["definition_version"].iloc[-1]
        return [
            version != current or any(start <= period <= end for start, end, _ in self.events)
            for period, version in zip(self.overall["period"], self.overall["definition_version"], strict=True)
        ]

    @property
    def redefined(self) -> pd.Timestamp | None:
        """The first period of the present definition, when there was an older one."""
        old = self.overall["definition_version"] != self.overall["definition_version"].iloc[-1]
        return self.overall.loc[~old, "period"].iloc[0] if old.any() else None

    @property
    def assessable(self) -> bool:
        """True when enough usable points exist for limits; fewer give a run chart only."""
        return len(self.overall) - sum(self.excluded) >= MIN_POINTS

    @cached_property
    def chart(self):
        """The control chart (stats.spc), or None for a run chart."""
        if not self.assessable:
            return None
        spec, rows = self.spec, self.overall
        return spc.chart(
            rows["value"].to_numpy(float),
            _denominators(rows),
            spec.chart,
            excluded=self.excluded,
            direction=spec.direction,
            target=self.target,
            periods=rows["period"].to_numpy(),
        )

    @property
    def per(self) -> float:
        return self.spec.per or 1

    @property
    def target(self) -> float:
        """The target on the scale of the values."""
        return self.spec.target / self.per

    @property
    def is_share(self) -> bool:
        """True when numerator and denominator count the same people, so that intervals for shares apply."""
        return self.spec.statistic == "ratio" and self.spec.chart in ("p", "p_prime") or self.spec.per == 100

    def shown(self, value) -> float | None:
        return None if is_missing(value) else self.per * float(value)

    def text(self, value, digits: int | None = None) -> str:
        """A value (as kept) in print: "42%", "8.2", "$41", "24 days"."""
        return self.print(self.shown(value), digits)

    def print(self, shown, digits: int | None = None) -> str:
        """A shown value in print."""
        if is_missing(shown):
            return ""
        unit = self.spec.unit
        if unit in ("percent", "%"):
            return f"{decimals(shown, 0 if digits is None else digits)}%"
        if unit.upper().startswith("USD"):
            return usd(round(shown))
        number = plain(disclosure.round_significant(shown, 2)) if digits is None else decimals(shown, digits)
        return f"{number} {unit}" if unit in ("days", "points") else number

    @property
    def variation(self) -> str:
        return self.chart.variation if self.chart else "not_assessed"

    @property
    def assurance(self) -> str:
        return self.chart.assurance if self.chart else "not_assessed"


def _denominators(rows: pd.DataFrame):
    values = rows["denominator"]
    return None if values.isna().any() else values.to_numpy(float)


def load(book) -> list[Indicator]:
    """The indicators of city.yml that have rows; computed once a book. Raises EmiError when none has."""
    if "indicators" not in book.cache:
        table = book.data.tables.get("indicator_monthly")
        if table is None or table.empty:
            raise EmiError(
                "there are no monthly indicators in the data",
                "Send them as a table (indicator_monthly) and map it in mappings/.",
            )
        events = tuple(windows(book, only_excluding=True))
        since = pd.Timestamp(book.config.pilot.start).replace(day=1)
        made = [
            Indicator(spec, table[table["indicator_id"] == spec.id], events, since) for spec in book.config.indicators
        ]
        book.cache["indicators"] = [one for one in made if len(one.overall)]
    return book.cache["indicators"]


def absent(book) -> list[str]:
    """Labels of indicators in city.yml without any row."""
    have = {one.spec.id for one in load(book)}
    return [spec.label for spec in book.config.indicators if spec.id not in have]


def windows(book, only_excluding: bool = False) -> list[tuple]:
    """(first month, end, label) of each event; an event without an end lasts until the end of the pilot.

    Months have an assigned cause, and do not count on a chart, when the event is excluded from the primary
    analysis or names the first month it affected (COVID-19 in cities whose outcome runs through it).
    """
    found = []
    for event in book.config.events:
        if only_excluding and not (event.exclude_from_primary or event.first_affected_month):
            continue
        first = event.first_affected_month
        start = pd.Timestamp(first) if first else pd.Timestamp(event.start).replace(day=1)
        found.append((start, pd.Timestamp(event.end or book.config.pilot.end), event.label))
    return found


def bands(book) -> list[tuple]:
    """Windows of events that overlap, as one band named after the first: what a chart shades."""
    merged = []
    for start, end, label in sorted(windows(book), key=lambda window: window[0]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]), merged[-1][2])
        else:
            merged.append((start, end, label))
    return merged


def month_end(period) -> pd.Timestamp:
    return pd.Timestamp(period) + pd.offsets.MonthEnd(0)


def may_show(row: dict, rules) -> bool:
    """True when the row rests on enough people: its denominator, and both parts of a share."""
    if is_missing(row["denominator"]):
        return row["group_dim"] == ALL  # a mean of everyone; a group's size must be known
    numerator = None if is_missing(row["numerator"]) else row["numerator"]
    return disclosure.shows_group(numerator, row["denominator"], rules)


def told(rows: pd.DataFrame, rules) -> list[bool]:
    """For each row whether it may be shown."""
    return [may_show(row, rules) for row in rows.to_dict("records")]
