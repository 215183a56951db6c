"""A panel of units and periods: codes, checks and dense (unit x period) tables, shared by the panel designs.

Periods are the distinct times of the table in order, whatever they are (numbers, dates, text such as
2019-07); event time counts these periods.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs


@dataclass(frozen=True)
class Panel:
    """unit and period are codes from 0, one a row; `times` are the sorted periods, `clusters` one code a
    unit.
    """

    unit: np.ndarray
    period: np.ndarray
    times: np.ndarray
    labels: list[str]
    clusters: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.unit.max()) + 1, len(self.times)

    def dense(self, values) -> np.ndarray:
        """Return values as a (units, periods) table, 0 where a unit has no row in a period."""
        out = np.zeros(self.shape)
        out[self.unit, self.period] = values
        return out

    def by_unit(self, values) -> np.ndarray:
        """Return the mean of values over the rows of each unit."""
        return np.bincount(self.unit, weights=values) / np.bincount(self.unit)


def panel(inputs: Inputs) -> Panel:
    """Return the panel of the inputs; refuses a unit twice in a period, one period, one unit, split
    clusters.
    """
    where = f"Design {inputs.type}, outcome '{inputs.outcome}'"
    names, unit = _distinct(inputs.roles["unit"], lambda found: found.astype(str))
    times, period = _distinct(inputs.roles["time"], lambda found: comparable(found, inputs.type, "time"))
    twice = pd.Series(unit * len(times) + period).duplicated()
    if twice.any():
        at = int(np.flatnonzero(twice)[0])
        raise DesignError(
            f"{where}: {int(twice.sum())} rows repeat a unit and period, first unit "
            f"'{names[unit[at]]}' in {show(times[period[at]])}.",
            "Keep one row a unit and period.",
        )
    if len(times) < 2 or len(names) < 2:
        raise DesignError(
            f"{where}: the panel has {len(names)} unit(s) and {len(times)} period(s) with an outcome.",
            "At least two of each are needed.",
        )
    clusters = np.arange(len(names))
    if inputs.cluster is not None:
        clusters = np.zeros(len(names), int)
        clusters[unit] = inputs.cluster
        if (clusters[unit] != inputs.cluster).any():
            raise DesignError(f"{where}: a unit lies in more than one cluster.", "Clusters group whole units.")
        clusters = np.unique(clusters, return_inverse=True)[1]
    return Panel(unit, period, times, [show(t) for t in times], clusters)


def _distinct(values: np.ndarray, read) -> tuple[np.ndarray, np.ndarray]:
    """Return (the distinct values as `read` makes them, sorted; the position of each row's): each is read once."""
    codes, found = pd.factorize(values)
    distinct, position = np.unique(read(found), return_inverse=True)
    return distinct, position[codes]


def comparable(values, kind: str, key: str) -> np.ndarray:
    """Return times as floats or datetime64, so that they can be compared; refuses what is neither."""
    series = pd.Series(list(values))
    if isinstance(series.dtype, pd.PeriodDtype):  # before numbers: a month would become the count of months since 1970
        series = series.dt.to_timestamp()
    if pd.api.types.is_datetime64_any_dtype(series):
        return series.to_numpy(dtype="datetime64[ns]")
    try:
        return pd.to_numeric(series).to_numpy(dtype=float)
    except (TypeError, ValueError):
        pass
    try:
        return pd.to_datetime(series, format="ISO8601").to_numpy(dtype="datetime64[ns]")
    except (TypeError, ValueError):
        raise DesignError(
            f"Design {kind}: column for '{key}' holds {series.iloc[0]!r}, which is neither a number nor a date.",
            "Use a number, a date such as 2019-07-01, or a month such as 2019-07.",
        ) from None


def first_period(when, times: np.ndarray, kind: str, key: str) -> np.ndarray:
    """Return the code of the first period at or after each time; len(times) when that is after the panel."""
    when = comparable(when, kind, key)
    if when.dtype != times.dtype:
        raise DesignError(
            f"Design {kind}: '{key}' and 'time' are of different kinds (a number and a date).",
            "Give both as dates or both as numbers.",
        )
    return np.searchsorted(times, when)


def show(time) -> str:
    """Return a period as words: 2019-07 for the first of a month, a date, or a number."""
    if isinstance(time, (float, np.floating)):
        return f"{time:g}"
    stamp = pd.Timestamp(time)
    return stamp.strftime("%Y-%m" if stamp.day == 1 else "%Y-%m-%d")
