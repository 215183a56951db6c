"""Monthly indicators: their series, how their numbers are printed, and their control charts.

Values are kept as the tables hold them (a share as 0 to 1); `shown` multiplies by the indicator's `per`.
"""

import math
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import pairwise

import pandas as pd

from shared_utils import disclosure
from shared_utils.errors import EmiError
from shared_utils.sections.numbers import decimals, is_missing, plain, usd
from shared_utils.stats import spc

ALL = "all"
HISTORY = 24  # months before the pilot that make limits, where they are supplied


@dataclass(frozen=True)
class Indicator:
    """One indicator of city.yml with its rows of `indicator_monthly`.

    `events` are those whose months do not count; `since` is the first month of the pilot; `rebases` are the months from
    which city.yml asks for new limits.
    """

    spec: object
    rows: pd.DataFrame
    events: tuple
    since: pd.Timestamp
    rebases: tuple = ()

    @cached_property
    def overall(self) -> pd.DataFrame:
        """One row a period for everyone, in time order."""
        own = self.rows[self.rows["group_dim"] == ALL]
        own = own[own["period"] >= self.since - pd.DateOffset(months=HISTORY)]
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
        return int(self.usable.sum()) >= spc.MIN_POINTS

    @cached_property
    def chart(self):
        """The control chart (stats.spc), or None for a run chart."""
        if not self.assessable:
            return None
        edges = [0, *self.rebased.values(), len(self.overall)]
        return reduce(spc.rebased, [self._limits(*ends) for ends in pairwise(edges)])

    @cached_property
    def rebased(self) -> dict:
        """{month: row} from which limits are made anew: where city.yml asks for it, and the old limits show a sustained
        signal (rule 2) from then on."""
        found = {}
        for month in self.rebases if self.assessable else ():
            start = int((self.overall["period"] < month).sum())
            since = max(found.values(), default=0)
            rules = self._limits(since, len(self.overall)).limits["rules"]
            if start > since and any(2 in hit for hit in rules[start - since :]):
                found[month] = start
        return found

    def _limits(self, start: int, end: int):
        """The chart of some rows by themselves."""
        spec, rows, excluded = self.spec, self.overall.iloc[start:end], self.excluded[start:end]
        values, n = self.values[start:end], _denominators(rows)
        before = int((self.usable & (self.overall["period"] < self.since))[start:end].sum())
        baseline = min(HISTORY, max(spc.BASELINE, before))
        return spc.chart(
            values,
            n,
            spc.choose_kind(values, n, spec.chart, excluded, baseline),
            baseline,
            excluded,
            spec.direction,
            self.target,
            rows["period"].to_numpy(),
            self.possible,
        )

    @cached_property
    def values(self):
        """The values of `overall`; a month without cases has none."""
        return self.overall["value"].where(~(self.overall["denominator"] <= 0)).to_numpy(float)

    @property
    def usable(self) -> pd.Series:
        """True for rows that limits and forecasts may rest on."""
        return pd.Series(self.values == self.values) & ~pd.Series(self.excluded, dtype=bool)

    @property
    def possible(self) -> tuple[float, float]:
        """The least and the largest value there can be: shares, counts and days have an end, a change in a score has
        none that the settings tell."""
        counted = self.spec.statistic == "ratio" or self.spec.unit.startswith(("days", "hours"))
        return (0.0 if counted else -math.inf, 1.0 if self.is_share else math.inf)

    @property
    def per(self) -> float:
        return self.spec.per or 1

    @property
    def target(self) -> float:
        """The target on the scale of the values."""
        return self.spec.target / self.per

    @property
    def is_share(self) -> bool:
        """True when the numerator counts some of those in the denominator, so that intervals for shares apply.

        Dollars of dollars and notices per unit look alike, and would get intervals far too narrow.
        """
        whole = self.spec.statistic == "ratio" and self.spec.counts == "people"
        return whole and (self.spec.chart in ("p", "p_prime") or (self.spec.per == 100 and self.spec.chart == "xmr"))

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
        events, rebases = tuple(windows(book, only_excluding=True)), tuple(_rebases(book))
        since = pd.Timestamp(book.config.pilot.start).replace(day=1)
        made = [
            Indicator(spec, table[table["indicator_id"] == spec.id], events, since, rebases)
            for spec in book.config.indicators
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
        found.append((first_month(event), pd.Timestamp(event.end or book.config.pilot.end), event.label))
    return found


def first_month(event) -> pd.Timestamp:
    """The first month that an event of city.yml affected."""
    return pd.Timestamp(event.first_affected_month or event.start).replace(day=1)


def _rebases(book) -> list[pd.Timestamp]:
    """The months from which city.yml asks for new limits, in order."""
    return sorted(first_month(event) for event in book.config.events if event.rebase_spc)


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
