"""Monthly indicator series with equity groups, history, COVID, late months and one planted signal a city.

A series is a level with a little month-to-month noise. Each month first draws how many of its people succeed;
then *who* succeeds is drawn with the equity gaps below, so groups of every dimension add up to the same
totals. Denominators and numerators are counts of people, cases or days; means and medians have a denominator
only.
"""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from shared_utils.data.synthetic.common import TERCILES, Mix, World, covid_volume

DIMENSIONS = {"R": "race_ethnicity", "G": "gender", "H": "household_type", "O": "opportunity_tercile"}
HISTORY_START = "2017-04"
PILOT_END = "2020-09"
RELABELLED_FROM = pd.Period("2019-10", freq="M")

# Equity gaps on the log-odds scale, the same for every series whose good direction is up (turned round
# otherwise): placeholders large enough to be found in a year of data, small enough to be missed in a month.
GAP = {"black_nh": -0.15, "hispanic": -0.10, "single_adult_children": -0.20, "low": -0.20, "high": 0.20}


@dataclass(frozen=True)
class Signal:
    """A planted signal of pilots.md 4.4. `size` is in the series' own unit (0.05 = 5 points).

    `kind`: low_month (one month, exactly `size` off), step (from `start` on), fall (by `size` each month from
    `start` to `end`), near_limit (each month from `start` to `end` at `size` standard deviations from the
    level), collapse (a step that COVID-19 brings), none (planted to be silent: a false-alarm test).
    """

    kind: str
    start: str
    size: float
    end: str = ""
    expect: str = ""


@dataclass(frozen=True)
class Series:
    """One indicator: what it counts and how it behaves before anything happens to it.

    `kind` share (numerator of denominator) or value (mean or median; `spread` is the standard deviation of
    one person). `size` people a month; `groups` letters of R, G, H, O. `covid` is the change of the level
    from 2020-03 on. `volume` says whether the denominator shrinks with the service under COVID, `wobble` how
    much it varies from month to month (a share of itself). `skip` are calendar months without data (school
    holidays); `last` ends the series.
    """

    id: str
    kind: str
    level: float
    size: float
    groups: str
    first: str = HISTORY_START
    last: str = PILOT_END
    every: int = 1
    good: str = "increase"
    noise: float = 0.0
    spread: float = 0.0
    covid: float = 0.0
    volume: bool = True
    wobble: float = 0.06
    skip: tuple[int, ...] = ()
    planted: Signal | None = None


@dataclass(frozen=True)
class Given:
    """An indicator counted from the outcome panel: period, tercile, numerator, denominator."""

    id: str
    panel: pd.DataFrame


def monthly(world: World, series: list, mix: Mix, tercile_share: np.ndarray) -> pd.DataFrame:
    """Return T6 rows of all series: every period, in total and by each of its equity dimensions."""
    relabelled = relabelled_id(world, series)
    parts = []
    for s in series:
        rng = world.rng("indicators", s.id)
        if isinstance(s, Given):
            rows = _from_panel(s)
        else:
            rows = _drawn(world, s, mix, tercile_share, rng, s.id == relabelled)
        months = pd.PeriodIndex(rows["period"].unique(), freq="M")
        received = dict(zip(months.to_timestamp(), _received(world, rng, months), strict=True))
        rows.insert(0, "indicator_id", s.id)
        changed = (s.id == relabelled) & (rows["period"] >= RELABELLED_FROM.to_timestamp())
        rows.insert(1, "definition_version", np.where(changed, "2.0.0", "1.0.0"))
        rows["received_at"] = rows["period"].map(received)
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)


def relabelled_id(world: World, series: list) -> str:
    """Return the indicator whose definition changes: the first one that is drawn and carries no signal."""
    if world.scenario_name != "relabelled_indicator":
        return ""
    return next(s.id for s in series if isinstance(s, Series) and not s.planted)


def planted(world: World, series: list) -> dict:
    """Return what was planted, for truth.json."""
    found = {s.id: asdict(s.planted) for s in series if isinstance(s, Series) and s.planted}
    if relabelled := relabelled_id(world, series):
        found[relabelled] = {
            "kind": "relabelled",
            "start": str(RELABELLED_FROM),
            "expect": "a break on the chart: definition_version 2.0.0",
        }
    return found


def _drawn(world: World, s: Series, mix: Mix, tercile_share, rng, relabelled: bool) -> pd.DataFrame:
    months = pd.period_range(s.first, s.last, freq="M")
    months = months[~np.isin(months.month, s.skip)][:: s.every]
    level, exact = _levels(world, s, months, rng)
    if relabelled:
        level = np.where(months >= RELABELLED_FROM, level * (1.2 if s.kind == "value" else 0.85), level)
    volume = covid_volume(world, months) if s.volume else np.ones(len(months))
    size = s.size * volume * (1 + s.wobble * rng.standard_normal(len(months)))
    size = np.where(_late(world, months), size * rng.uniform(0.7, 0.9, len(months)), size)
    size = np.maximum(np.round(size), 6).astype(int)
    parts = []
    for k, month in enumerate(months):
        part = _month(rng, s, size[k], level[k], exact[k], mix, tercile_share)
        part.insert(0, "period", month.to_timestamp())
        parts.append(part)
    rows = pd.concat(parts, ignore_index=True)
    return rows[rows["denominator"] > 0].reset_index(drop=True)


def _from_panel(s: Given) -> pd.DataFrame:
    """Return T6 rows of a series counted from the outcome panel, in total and by tercile."""
    panel = s.panel[s.panel["period"] >= pd.Timestamp(HISTORY_START)]
    by = panel.groupby(["period", "tercile"], as_index=False, sort=True)[["numerator", "denominator"]].sum()
    by = by.rename(columns={"tercile": "group_value"}).assign(group_dim="opportunity_tercile")
    total = panel.groupby("period", as_index=False)[["numerator", "denominator"]].sum()
    total = total.assign(group_dim="all", group_value="all")
    rows = pd.concat([total, by], ignore_index=True).sort_values(["period", "group_dim"], kind="stable")
    rows["value"] = (rows["numerator"] / rows["denominator"]).round(6)
    columns = ["period", "group_dim", "group_value", "numerator", "denominator", "value"]
    return rows[columns].reset_index(drop=True)


def _levels(world: World, s: Series, months: pd.PeriodIndex, rng) -> tuple[np.ndarray, np.ndarray]:
    """Return each month's level, and whether its count is exactly that level (no sampling noise)."""
    level = s.level + s.noise * np.clip(rng.standard_normal(len(months)), -2, 2)
    exact = np.zeros(len(months), dtype=bool)
    if s.planted:
        signal, start = s.planted, pd.Period(s.planted.start)
        end = pd.Period(signal.end) if signal.end else (start if signal.kind == "low_month" else months[-1])
        hit = (months >= start) & (months <= end)
        if signal.kind == "low_month":
            level, exact = np.where(hit, s.level + signal.size, level), hit
        elif signal.kind == "step" or (signal.kind == "collapse" and world.scenario.covid):
            level = level + signal.size * hit
        elif signal.kind == "fall":
            steps = np.clip(months.astype("int64") - start.ordinal, -1, end.ordinal - start.ordinal) + 1
            level, exact = (
                np.where(steps > 0, s.level + signal.size * steps, level),
                hit | (months == start - 1),
            )
        elif signal.kind == "near_limit":
            sd = np.sqrt(s.level * (1 - s.level) / s.size)
            level, exact = np.where(hit, s.level + signal.size * sd, level), hit
    if world.scenario.covid:
        level = level + s.covid * (months >= pd.Period("2020-03"))
    return level, exact


def _month(rng, s: Series, size: int, level: float, exact: bool, mix: Mix, tercile_share) -> pd.DataFrame:
    """Return one period's rows: the total, then each group of each dimension."""
    weights = {"race_ethnicity": mix.race, "gender": mix.gender, "household_type": mix.household,
               "opportunity_tercile": dict(zip(TERCILES.tolist(), tercile_share, strict=True))}  # fmt: skip
    dims = {DIMENSIONS[letter]: weights[DIMENSIONS[letter]] for letter in s.groups}
    member = {d: _codes(rng, size, list(w.values())) for d, w in dims.items()}
    tilt = np.zeros(size)
    for dim, groups in dims.items():
        tilt += np.array([GAP.get(g, 0.0) for g in groups])[member[dim]]
    tilt = tilt if s.good == "increase" else -tilt
    groups = [(d, k, g) for d, names in dims.items() for k, g in enumerate(names)]
    counts = [float((member[d] == k).sum()) for d, k, _ in groups]
    if s.kind == "value":
        each = level * (1 + 0.15 * (tilt - tilt.mean())) + s.spread * rng.standard_normal(size)
        wins = [None] * (1 + len(groups))
        values = [
            level if exact else each.mean(),
            *(each[member[d] == k].mean() if n else 0.0 for (d, k, _), n in zip(groups, counts, strict=True)),
        ]
        values = [round(float(v), 3) for v in values]
    else:
        won = _successes(rng, size, level, exact, tilt)
        wins = [float(won.sum()), *(float(won[member[d] == k].sum()) for d, k, _ in groups)]
        values = [round(w / n, 6) if n else 0.0 for w, n in zip(wins, [float(size), *counts], strict=True)]
    return pd.DataFrame(
        {
            "group_dim": ["all", *(d for d, _, _ in groups)],
            "group_value": ["all", *(g for _, _, g in groups)],
            "numerator": np.array(wins, dtype=float),
            "denominator": [float(size), *counts],
            "value": values,
        }
    )


def _codes(rng, n: int, weights: list[float]) -> np.ndarray:
    return np.searchsorted(np.cumsum(np.array(weights) / sum(weights))[:-1], rng.random(n))


def _successes(rng, size: int, level: float, exact: bool, tilt: np.ndarray) -> np.ndarray:
    """Return 0/1 of each person: the total is drawn first, then who makes it up."""
    level = min(max(level, 0.005), 0.995)
    count = round(size * level) if exact else rng.binomial(size, level)
    won = np.zeros(size, dtype=int)
    won[np.argsort(-(tilt + rng.logistic(size=size)), kind="stable")[:count]] = 1
    return won


def _late(world: World, months: pd.PeriodIndex) -> np.ndarray:
    """The last two months of the pilot are not complete yet (three in scenario late_data)."""
    return months > pd.Period(PILOT_END) - (3 if world.scenario_name == "late_data" else 2)


def _received(world: World, rng, months: pd.PeriodIndex) -> pd.DatetimeIndex:
    lag = rng.integers(6, 14, len(months))
    if world.scenario_name == "late_data":
        lag = np.where(_late(world, months), lag + 45, lag)
    return (months + 1).to_timestamp() + pd.to_timedelta(lag, unit="D")
