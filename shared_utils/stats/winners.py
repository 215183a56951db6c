"""The best of several arms, after allowing for having been picked because it came out best.

The largest of k estimates is on average larger than the effect it estimates: luck helps to come first (the winner's
curse). Andrews, Kitagawa and McCloskey (2024, Inference on winners, Quarterly Journal of Economics 139(1)): given which
arm won and what is independent of its estimate, the estimate is normal, cut off where another arm would have won
(section 4.1). From that distribution come an estimate that is too high as often as too low, and an interval.

That interval can be endless when two arms come out alike. Their hybrid (section 4.3) also uses that the effect lies,
with probability 1 - beta, within a simultaneous interval for all arms: it is never much longer than that one, and its
estimate, always inside, is too high in half of the cases but for beta / 2 of them. beta is a tenth of 1 - level, as in
their paper. The simultaneous interval here is Sidak's (1967, JASA 62(318)), which holds for any correlation.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

BETA_SHARE = 0.1
FARTHEST = 1e4  # standard errors from the estimate at which the search for an exact end stops


@dataclass(frozen=True)
class Winner:
    """The arm that came out best: its position, its estimate and standard error as they are, the hybrid estimate and
    interval, and the estimate that is exactly median-unbiased given the win (`conditional`; it may lie far outside the
    interval when another arm came out about as good)."""

    position: int
    estimate: float
    se: float
    value: float
    ci_low: float
    ci_high: float
    level: float
    conditional: float


def best(estimates, covariance, direction: str = "increase", level: float = 0.95) -> Winner:
    """Return the best of k estimates with its shrunken estimate and hybrid interval; normal.

    estimates: (k,), k at least 2, effects against the same control; covariance: (k, k); direction: increase or
    decrease, which change is a benefit. Raises ValueError for other shapes, or a covariance that is none.
    """
    x, v = np.asarray(estimates, float), np.asarray(covariance, float)
    if len(x) < 2 or v.shape != (len(x), len(x)) or not (np.diag(v) > 0).all() or not np.isfinite(x).all():
        raise ValueError("The best of several needs two or more estimates and their covariance matrix.")
    sign = {"increase": 1.0, "decrease": -1.0}[direction]
    j = int(np.argmax(sign * x))
    y, se = sign * x[j], float(np.sqrt(v[j, j]))
    ends = _cut(sign * x, v[:, j] / v[j, j], j)
    beta = BETA_SHARE * (1 - level)
    reach = se * special.ndtri(0.5 + 0.5 * (1 - beta) ** (1 / len(x)))
    tail = (1 - level - beta) / (2 * (1 - beta))
    low, middle, high = (_hybrid(y, se, ends, reach, share) for share in (tail, 0.5, 1 - tail))
    first, last = sorted((sign * low, sign * high))
    exact = sign * _conditional(y, se, ends)
    return Winner(j, float(x[j]), se, sign * middle, first, last, level, exact)


def _cut(x: np.ndarray, slope: np.ndarray, j: int) -> tuple[float, float]:
    """Between which values estimate j wins, all that is independent of it being what it is (their equation 10)."""
    rest, gain = np.delete(x - slope * x[j], j), 1 - np.delete(slope, j)
    low = max(rest[gain > 0] / gain[gain > 0], default=-np.inf)
    return float(low), float(min(rest[gain < 0] / gain[gain < 0], default=np.inf))


def _conditional(y: float, se: float, ends) -> float:
    """The mean at which y is the median of the normal cut off at `ends`; minus or plus infinity when out of reach."""

    def excess(mean):
        return _share_below(y, mean, se, *ends) - 0.5

    step = se
    while excess(y - step) < 0 and step < FARTHEST * se:
        step *= 2
    if excess(y - step) < 0:
        return -np.inf
    up = se
    while excess(y + up) > 0 and up < FARTHEST * se:
        up *= 2
    return np.inf if excess(y + up) > 0 else float(optimize.brentq(excess, y - step, y + up, xtol=1e-12 * se))


def _hybrid(y: float, se: float, ends, reach: float, share: float) -> float:
    """The mean m at which y is the quantile 1 - share of the normal cut off at `ends` and at m -/+ reach."""

    def excess(mean):
        low, high = max(ends[0], mean - reach), min(ends[1], mean + reach)
        return _share_below(y, mean, se, low, high) - (1 - share)

    return float(optimize.brentq(excess, y - reach, y + reach, xtol=1e-12 * se))


def _share_below(y: float, mean: float, se: float, low: float, high: float) -> float:
    """P(Y <= y) for a normal Y between low and high, far into the tails."""
    if y <= low or y >= high:
        return float(y >= high)
    a, b, c = ((edge - mean) / se for edge in (low, y, high))
    if a > 0:  # to the tail in which logarithms are exact
        return 1 - float(np.exp(_log_between(-c, -b) - _log_between(-c, -a)))
    return float(np.exp(_log_between(a, b) - _log_between(a, c)))


def _log_between(a: float, b: float) -> float:
    """log(P(a < Z < b)), Z standard normal and a at most 0 or b at most 0."""
    top, bottom = special.log_ndtr(b), special.log_ndtr(a)
    with np.errstate(divide="ignore"):  # an empty stretch has the logarithm minus infinity
        return float(top + np.log1p(-np.exp(bottom - top))) if np.isfinite(bottom) else float(top)
