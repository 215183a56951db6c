"""Where an indicator or a count will be: simulated months ahead, and how often such forecasts held in the past.

Counts of a month are negative binomial, by the method of moments on the last usable months and at least as spread as a
Poisson (Hilbe 2011, Negative Binomial Regression, ch. 8). Values of an indicator are normal around the mean of its last
usable months with their spread, truncated to the possible range. Both suppose that the next months are like the last.
"""

from dataclasses import dataclass

import numpy as np

MONTHS, PATHS = 6, 5000  # months a forecast rests on, and paths drawn
ORIGINS = 3
LOW, HIGH = 0.1, 0.9  # ends of the 80 % interval


@dataclass(frozen=True)
class Forecast:
    """Median and 80 % interval of each month ahead (arrays), and the draws of the last one, (paths,)."""

    median: np.ndarray
    low: np.ndarray
    high: np.ndarray
    last: np.ndarray

    def chance(self, target: float, direction: str = "increase") -> float:
        """The share of paths that end on the good side of the target."""
        return float(np.mean(self.last >= target if direction == "increase" else self.last <= target))


def counts(known, ahead: int, seed: int, start: float = 0.0) -> Forecast:
    """Forecast a running total: `start` so far, and `ahead` more months like the last 6 of `known` (counts a month).

    Raises ValueError with fewer than 6 known months.
    """
    return _summary(start + np.cumsum(_draw_counts(_last(known), ahead, seed), axis=1))


def values(known, ahead: int, seed: int, bounds=(-np.inf, np.inf)) -> Forecast:
    """Forecast the value of a month, `ahead` months on; `bounds` is the possible range. ValueError as in `counts`."""
    return _summary(_draw_values(_last(known), ahead, seed, bounds))


def coverage(known, make, total: bool = False) -> tuple[int, int] | None:
    """(months inside, months forecast) of the 80 % intervals of forecasts made before each of the last 3 usable months.

    make(past, ahead) is the Forecast to judge; with `total` it is of the running total of `known`. None when fewer than
    6 months stand before an origin.
    """
    known = _usable(known)
    origins = [len(known) - back for back in range(1, ORIGINS + 1)]
    if min(origins) < MONTHS:
        return None
    inside = months = 0
    for origin in origins:
        after = np.cumsum(known[origin:]) if total else known[origin:]
        made = make(known[:origin], len(after))
        inside += int(((made.low <= after) & (after <= made.high)).sum())
        months += len(after)
    return inside, months


def _usable(known) -> np.ndarray:
    known = np.asarray(known, float)
    return known[~np.isnan(known)]


def _last(known) -> np.ndarray:
    known = _usable(known)
    if len(known) < MONTHS:
        raise ValueError(f"A forecast needs {MONTHS} usable months; there are {len(known)}.")
    return known[-MONTHS:]


def _draw_counts(last: np.ndarray, ahead: int, seed: int) -> np.ndarray:
    """Counts of each month, (paths, ahead)."""
    rng, mean, variance = np.random.default_rng(seed), last.mean(), last.var(ddof=1)
    if variance <= mean:
        return rng.poisson(mean, (PATHS, ahead))
    size = mean**2 / (variance - mean)
    return rng.negative_binomial(size, size / (size + mean), (PATHS, ahead))


def _draw_values(last: np.ndarray, ahead: int, seed: int, bounds) -> np.ndarray:
    """Values of each month, (paths, ahead), from a normal truncated to what is possible."""
    from scipy import stats

    mean, spread = last.mean(), last.std(ddof=1)
    if spread == 0:
        return np.full((PATHS, ahead), mean)
    ends = [(end - mean) / spread for end in bounds]
    rng = np.random.default_rng(seed)
    return stats.truncnorm.rvs(*ends, mean, spread, size=(PATHS, ahead), random_state=rng)


def _summary(paths: np.ndarray) -> Forecast:
    low, median, high = np.quantile(paths, [LOW, 0.5, HIGH], axis=0)
    return Forecast(median, low, high, paths[:, -1])
