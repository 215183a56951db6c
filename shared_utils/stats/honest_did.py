"""How far may parallel trends fail before the conclusion changes? Intervals that hold under bounded violations.

Question: an event study gives effects b (periods before the base first, then periods after it) with covariance V.
    Its effects are true effects plus a difference in trends d, and d is zero in the base period only by definition.
    Which values of the average effect w'(effects after the base) are compatible with the data when d is bounded?
Source: Rambachan and Roth (2023), A more credible approach to parallel trends, Review of Economic Studies 90(5).
Relative magnitudes (their section 2.4.1): from one period to the next, d changes after the base by at most m times its
    largest change before it. For weights w >= 0 the bound on w'd is m (sum of w_t t) times that largest change, so
    that for each earlier change and sign two moment inequalities without nuisance parameters remain. They are tested
    with the conditional and least-favourable hybrid of Andrews, Roth and Pakes (2023, Inference for linear conditional
    moment inequalities, same journal 90(6)), first stage at a tenth of the level; the interval holds all values that
    some cell does not reject. Unlike intervals around estimated bounds, it allows for not knowing the largest change.
Smoothness (2.4.2): the slope of d changes by at most m from one period to the next. The interval is the shortest of
    fixed length (their section 4.1): the straight line through the last two periods before the effect is corrected by
    the earlier bends, each with a weight. Shrinking the variance of that estimator under a bound on its bias is a
    lasso problem, whose path is piecewise linear and is followed exactly.
Period t of `after` is t steps from the base: the base is the period just before the first of them, and none is
missing in between.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import optimize, special, stats

FIRST_STAGE = 0.1  # share of the level spent on the least-favourable first stage (Andrews, Roth and Pakes)
GRID, HALVINGS = 401, 40
TOLERANCE = 1e-4  # of breakdown values, relative
Interval = tuple[float, float]


@dataclass(frozen=True)
class EventStudy:
    """effects (k,) and covariance (k, k): the `n_before` periods before the base, oldest first, then those after it.

    weights: one a period after the base; the parameter is their product with the true effects. Raises ValueError for
    shapes that do not fit, a covariance that is not positive definite, or no period before or after the base.
    """

    effects: np.ndarray
    covariance: np.ndarray
    n_before: int
    weights: np.ndarray
    level: float = 0.95

    def __post_init__(self):
        k = len(self.effects)
        if np.shape(self.covariance) != (k, k) or not 0 < self.n_before < k:
            raise ValueError(f"{k} effects, {self.n_before} of them before the base, need a {k} x {k} covariance.")
        if len(self.weights) != k - self.n_before or not np.any(self.weights):
            raise ValueError(f"Give {k - self.n_before} weights, one a period after the base, not all zero.")
        if not (np.isfinite(self.effects).all() and np.isfinite(self.covariance).all()):
            raise ValueError("Effects and covariance must be finite numbers.")
        if np.linalg.matrix_rank(self.covariance, hermitian=True) < k:
            raise ValueError(f"The covariance of {k} effects has a lower rank: there are too few clusters for them.")

    @property
    def target(self) -> np.ndarray:
        """The linear form of the parameter, over all periods."""
        return np.r_[np.zeros(self.n_before), self.weights]

    @property
    def changes(self) -> np.ndarray:
        """Linear forms of the changes from one period to the next before the base, the last one into the base."""
        forms = -np.eye(self.n_before, len(self.effects))
        forms[np.arange(self.n_before - 1), np.arange(1, self.n_before)] = 1
        return forms

    @property
    def steps(self) -> np.ndarray:
        return np.arange(1, len(self.weights) + 1)

    @cached_property
    def path(self) -> "_Path":
        return _Path.of(self)


def relative_magnitudes(study: EventStudy, m: float) -> Interval:
    """Return the robust interval when later changes of trend are at most m times the largest earlier one.

    Raises ValueError for negative weights, for which the two moments below are not all there is, and for m < 0.
    """
    _need_bound(m)
    if np.min(study.weights) < 0:
        raise ValueError("Relative magnitudes are implemented for weights of zero or more.")
    moments = _Moments.of(study, m)
    grid = moments.centre + moments.reach * np.linspace(-1, 1, GRID)
    kept = np.flatnonzero(moments.accept(grid))
    ends = np.array([[grid[kept[0] - 1], grid[kept[0]]], [grid[kept[-1] + 1], grid[kept[-1]]]])  # rejected, accepted
    for _ in range(HALVINGS):
        middle = ends.mean(axis=1)
        ends[np.arange(2), moments.accept(middle).astype(int)] = middle
    return float(ends[0, 1]), float(ends[1, 1])


def smoothness(study: EventStudy, m: float) -> Interval:
    """Return the shortest fixed-length interval when the slope of the trend changes by at most m a period."""
    _need_bound(m)
    centre, half = study.path.shortest(m, study.level)
    return centre - half, centre + half


def breakdown(study: EventStudy, interval: Callable[[EventStudy, float], Interval]) -> float:
    """Return the largest m whose interval excludes zero, to a relative 1e-4; 0 when none does.

    interval: `relative_magnitudes` or `smoothness`. The answer is an m at which the interval changes sides; for the
    usual case of intervals that widen with m there is one.
    """

    def excludes(m):
        low, high = interval(study, m)
        return low > 0 or high < 0

    if not excludes(0.0):
        return 0.0
    low, high = 0.0, abs(study.target @ study.effects) / study.steps[-1]
    while excludes(high):
        low, high = high, 2 * high
    while high - low > TOLERANCE * high:
        middle = (low + high) / 2
        low, high = (middle, high) if excludes(middle) else (low, middle)
    return low


def _need_bound(m: float) -> None:
    if not m >= 0:
        raise ValueError(f"The bound m must be zero or more, not {m}.")


@dataclass(frozen=True)
class _Moments:
    """The cells of relative magnitudes: +(parameter - value) and -(parameter - value) less m times a signed change.

    mean (cells, 2) at value 0, spread (cells, 2), correlation (cells,): of the two moments of each cell, which are zero
    or less when the value and the cell are true. first (cells,): the least-favourable critical value. centre: estimate.
    """

    mean: np.ndarray
    spread: np.ndarray
    correlation: np.ndarray
    first: np.ndarray
    centre: float
    alpha: float

    @classmethod
    def of(cls, study: EventStudy, m: float) -> "_Moments":
        bound = m * (study.weights @ study.steps) * np.vstack([study.changes, -study.changes])
        forms = np.stack([study.target - bound, -study.target - bound], axis=1)
        covariance = forms @ study.covariance @ forms.transpose(0, 2, 1)
        spread = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        correlation = covariance[:, 0, 1] / spread.prod(axis=1)
        alpha = 1 - study.level
        first = _largest_of_two(correlation, 1 - FIRST_STAGE * alpha)
        return cls(forms @ study.effects, spread, correlation, first, float(study.target @ study.effects), alpha)

    @property
    def reach(self) -> float:
        """A distance from the estimate at which every cell rejects."""
        return float(np.abs(self.mean - self.centre * np.array([1, -1])).max() + 10 * self.spread.max())

    def accept(self, values: np.ndarray) -> np.ndarray:
        """Return for each value whether some cell does not reject it; shape (values,)."""
        second = (1 - FIRST_STAGE) * self.alpha / (1 - FIRST_STAGE * self.alpha)
        signed = np.array([1, -1])[None, :, None] * values[None, None, :]
        z = (self.mean[:, :, None] - signed) / self.spread[:, :, None]
        top, other = z.max(axis=1), z.min(axis=1)
        rho, first = self.correlation[:, None], self.first[:, None]
        lower = special.ndtr((other - rho * top) / (1 - rho))  # the largest is conditioned on being the largest
        upper = special.ndtr(first)
        critical = special.ndtri(lower + (1 - second) * np.maximum(upper - lower, 0))
        return ((top <= first) & (top <= np.maximum(critical, 0))).any(axis=0)


def _largest_of_two(correlation: np.ndarray, p: float) -> np.ndarray:
    """Quantile of the larger of two normals: P(both <= c) = Phi(c) - 2 T(c, sqrt((1 - r)/(1 + r))), T by Owen 1956."""
    angle = np.sqrt((1 - correlation) / np.maximum(1 + correlation, 1e-15))
    low, high = np.full(len(angle), -10.0), np.full(len(angle), 10.0)
    for _ in range(60):
        middle = (low + high) / 2
        short = special.ndtr(middle) - 2 * special.owens_t(middle, angle) < p
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return high


@dataclass(frozen=True)
class _Path:
    """The lasso path of the smoothness estimators, from least bias (first row) to least variance (last row).

    Estimator: start + bends'u; worst bias: m (constant + sum |u|); variance: v + 2 q'u + u'Qu. points are the u at the
    corners of the path, shape (corners, bends).
    """

    start: float
    bends: np.ndarray
    constant: float
    v: float
    q: np.ndarray
    big_q: np.ndarray
    points: np.ndarray

    @classmethod
    def of(cls, study: EventStudy) -> "_Path":
        slope = study.weights @ study.steps
        line = study.target - slope * study.changes[-1]  # the last slope before the base goes on for ever
        forms = np.diff(study.changes, axis=0)  # bends before the base
        big_q, q = forms @ study.covariance @ forms.T, forms @ study.covariance @ line
        late = np.maximum(study.steps[None, :] - np.arange(len(study.weights))[:, None], 0) @ study.weights
        start, v = float(line @ study.effects), float(line @ study.covariance @ line)
        return cls(start, forms @ study.effects, float(np.abs(late).sum()), v, q, big_q, _lasso_path(big_q, q))

    def shortest(self, m: float, level: float) -> tuple[float, float]:
        """Return (centre, half length) of the shortest interval."""

        def half(position: float) -> float:
            u = self._at(position)
            spread = np.sqrt(self.v + 2 * self.q @ u + u @ self.big_q @ u)
            return _folded_quantile(m * (self.constant + np.abs(u).sum()) / spread, level) * spread

        last = len(self.points) - 1
        best = int(np.argmin([half(i) for i in range(last + 1)]))
        around = (max(best - 1, 0), best, min(best + 1, last))
        position = float(best)
        for low, high in zip(around, around[1:], strict=False):
            if high > low:
                found = optimize.minimize_scalar(half, bounds=(low, high), method="bounded", options={"xatol": 1e-9})
                position = min(position, float(found.x), key=half)
        return self.start + float(self.bends @ self._at(position)), float(half(position))

    def _at(self, position: float) -> np.ndarray:
        i = min(int(position), len(self.points) - 1)
        j = min(i + 1, len(self.points) - 1)
        return self.points[i] + (position - i) * (self.points[j] - self.points[i])


def _lasso_path(big_q: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Corners of argmin u'Qu/2 + q'u + penalty sum|u| as the penalty falls from its largest useful value to 0.

    Homotopy (Osborne, Presnell and Turlach 2000): between corners the active coordinates move on a straight line; a
    corner is where an idle coordinate's gradient reaches the penalty or an active coordinate returns to zero.
    """
    u, corners = np.zeros(len(q)), [np.zeros(len(q))]
    if not len(q):
        return np.array(corners)
    penalty = np.abs(q).max()
    active = [int(np.abs(q).argmax())]
    while penalty > 0:
        gradient = q + big_q @ u
        sign = -np.sign(gradient[active])
        direction = np.zeros(len(q))
        direction[active] = np.linalg.solve(big_q[np.ix_(active, active)], sign)
        slope = big_q @ direction  # the gradient moves by slope, the penalty by -1, a unit of step
        idle = [i for i in range(len(q)) if i not in active]
        with np.errstate(divide="ignore", invalid="ignore"):
            joins = np.minimum(
                _ahead((penalty - gradient[idle]) / (1 + slope[idle])),
                _ahead((penalty + gradient[idle]) / (1 - slope[idle])),
            )
            leaves = _ahead(-u[active] / direction[active])
        step = min(penalty, joins.min(initial=np.inf), leaves.min(initial=np.inf))
        u, penalty = u + step * direction, penalty - step
        if step == leaves.min(initial=np.inf) and step < penalty + step:
            out = active[int(leaves.argmin())]
            u[out] = 0.0
            active.remove(out)
        elif step == joins.min(initial=np.inf) and step < penalty + step:
            active.append(idle[int(joins.argmin())])
        corners.append(u)
    return np.array(corners)


def _ahead(step: np.ndarray) -> np.ndarray:
    return np.where(step > 1e-12, step, np.inf)


def _folded_quantile(shift: float, level: float) -> float:
    """Quantile of |N(shift, 1)|; far from zero the other tail does not count."""
    if shift > 30:
        return shift + float(special.ndtri(level))
    return float(np.sqrt(stats.ncx2.ppf(level, 1, shift**2)))
