"""Group-time effects of Callaway and Sant'Anna without covariates, in plain arrays, for many samples at once.

The estimates of did_staggered are the library's. The jackknife needs the same points once a cluster and the permutation
test once a draw, and the library computes standard errors each time; these lines give the points. did_staggered checks
that they equal the library's on the full sample and otherwise does not use them.

    ATT(g, t) = weighted mean of Y_t - Y_base over cohort g, less that over units not yet treated at t or base;
                base = the last period before g (less the anticipated ones)
    ("simple", 0): mean over treated (g, t), weighted by the cohort's weight; ("event", e): over g of ATT(g, g + e);
    ("group", g): over treated t; ("dynamic", 0): mean of the events after the start; ("groups", 0): mean of the groups,
    weighted by the cohort's weight.
"""

from dataclasses import dataclass

import numpy as np

CHUNK = 4_000_000  # numbers held at once


def effects(y, seen, starts, weights, anticipation: int, never_only: bool) -> dict[tuple, np.ndarray]:
    """Return the effects by key, one array entry a sample; arguments as for `group_time`."""
    starts, weights = np.broadcast_arrays(np.atleast_2d(starts), np.atleast_2d(weights))
    parts = np.array_split(np.arange(len(starts)), max(1, starts.size * len(np.unique(starts)) // CHUNK))
    found = [group_time(y, seen, starts[p], weights[p], anticipation, never_only).effects() for p in parts]
    return {key: np.concatenate([part[key] for part in found]) for key in found[0]}


def group_time(y, seen, starts, weights, anticipation: int, never_only: bool) -> "GroupTime":
    """Return ATT(g, t) of each sample.

    y, seen: (units, periods) outcomes and whether there is one. starts, weights: (samples, units), or (units,) for the
    same in all samples: the code of the first treated period, the number of periods for units that do not start, and
    the unit's weight, 0 for those left out. An effect that a sample does not have is NaN.
    """
    starts, weights = np.broadcast_arrays(np.atleast_2d(starts), np.atleast_2d(weights))
    levels = np.unique(starts)
    members = (starts[:, None, :] == levels[None, :, None]) * weights[:, None, :]
    cohorts = [int(g) for g in levels if anticipation < g < y.shape[1]]
    mass = {g: members[:, np.searchsorted(levels, g)].sum(axis=1) for g in cohorts}
    cells = {g: _cells(y, seen, members, levels, g, anticipation, never_only) for g in cohorts}
    return GroupTime(cells, mass, anticipation)


@dataclass(frozen=True)
class GroupTime:
    """cells: g -> ATT(g, t), (samples, periods), NaN where there is none; mass: g -> the cohort's weight."""

    cells: dict[int, np.ndarray]
    mass: dict[int, np.ndarray]
    anticipation: int

    @property
    def periods(self) -> int:
        return next(iter(self.cells.values())).shape[1]

    def effects(self, of: dict[int, np.ndarray] | None = None) -> dict[tuple, np.ndarray]:
        """Return the effects by key, e in periods since start, g the code plus one; `of`: averages of other cells."""
        cells, mass = of or self.cells, self.mass
        treated = {g: range(g - self.anticipation, self.periods) for g in cells}
        found = {("simple", 0): _mean([(cells[g][:, t], mass[g]) for g in cells for t in treated[g]])}
        times = sorted({t - g for g in cells for t in range(self.periods)})
        for e in times:
            found["event", e] = _mean([(cells[g][:, g + e], mass[g]) for g in cells if 0 <= g + e < self.periods])
        for g in cells:
            found["group", g + 1] = _mean([(cells[g][:, t], 1.0) for t in treated[g]])
        found["dynamic", 0] = _mean([(found["event", e], 1.0) for e in times if e >= -self.anticipation])
        found["groups", 0] = _mean([(found["group", g + 1], mass[g]) for g in cells])
        return found

    def shares(self, times: np.ndarray) -> np.ndarray:
        """Return the weight of each event time in the "simple" mean of the first sample, zero before the start."""
        mass = np.zeros(len(times))
        for i, e in enumerate(times):
            if e >= -self.anticipation:
                there = [g for g in self.cells if g + e < self.periods and np.isfinite(self.cells[g][0, g + e])]
                mass[i] = sum(self.mass[g][0] for g in there)
        return mass / mass.sum()


def treated_means(y, seen, start, weight, estimated: GroupTime) -> dict[tuple, np.ndarray]:
    """Return the mean outcomes of the starting units, averaged as the effects are; one sample."""
    cells = {}
    for g, effect in estimated.cells.items():
        own = ((start == g) * weight)[:, None] * seen
        with np.errstate(divide="ignore", invalid="ignore"):
            cells[g] = np.where(np.isnan(effect), np.nan, (own * y).sum(axis=0) / own.sum(axis=0))
    return estimated.effects(cells)


def _cells(y, seen, members, levels, g, anticipation, never_only) -> np.ndarray:
    """ATT(g, t) of every period, (samples, periods); NaN at the base and where no one is left to compare."""
    periods, base = y.shape[1], g - 1 - anticipation
    both = (seen & seen[:, [base]]).astype(float)
    change = members @ (both * (y - y[:, [base]]))  # (samples, levels, periods)
    count = members @ both
    later = levels[:, None] > np.maximum(np.arange(periods), base) + anticipation
    others = (levels[:, None] == periods) | (later & (levels[:, None] != g) & (not never_only))
    own = np.searchsorted(levels, g)
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = change[:, own] / count[:, own] - (change * others).sum(axis=1) / (count * others).sum(axis=1)
    effect[:, base] = np.nan
    return effect


def _mean(pairs) -> np.ndarray:
    """Weighted mean, sample by sample, of the effects that are numbers."""
    values = np.array([value for value, _ in pairs])
    weights = np.array([np.broadcast_to(weight, values.shape[1:]) for _, weight in pairs]) * ~np.isnan(values)
    total = weights.sum(axis=0)
    sums = (np.nan_to_num(values) * weights).sum(axis=0)
    return np.divide(sums, total, out=np.full_like(total, np.nan), where=total > 0)
