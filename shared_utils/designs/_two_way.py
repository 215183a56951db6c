"""Two-way fixed effects, linear or Poisson, with a cluster jackknife, on dense (unit x period) tables.

Linear: least squares with unit and period effects and optional weights.
Poisson: pseudo-maximum likelihood with unit and period effects and an exposure (Wooldridge 1999, Distribution-free
    estimation of some nonlinear panel data models, J. Econometrics 90); only the mean must be right. Unit effects are
    concentrated out, which leaves the multinomial likelihood in the period effects and the regressors (Hausman, Hall
    and Griliches 1984); Newton steps solve it.
Unit trends: each unit has its own straight line beside its own level.
Both families share one information matrix: with fitted means (Poisson) or weights (linear) m as weights, the sums of
    squares and products of period dummies and regressors after projecting each unit on its level (and trend).
Variance: delete-one-cluster jackknife, (G - 1)/G times the squared changes (CV3 of MacKinnon, Nielsen and Webb 2023).
    It is exact refitting, not a linearisation, so it holds for any pattern of treatment and missing rows. The samples
    without each cluster are solved together: linear ones from the sums over all units less those of the cluster,
    Poisson ones by Newton steps side by side. Arrays of several samples have them on their first axis.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

MAX_STEPS, TOLERANCE = 60, 1e-7  # a Newton step that small is off by about its square
CHUNK = 2_000_000  # numbers held at once
NOTHING = 1e-12  # share of the largest period's weight below which a period has no rows


class NotIdentified(Exception):
    """The regressors cannot be told from the fixed effects, or the Poisson estimate runs off to infinity."""


@dataclass(frozen=True)
class Solution:
    """Period effects (periods,), coefficients (regressors,) and, for Poisson, unit trends (units,), zero without
    trends; a first axis for several samples."""

    periods: np.ndarray
    coefficients: np.ndarray
    trends: np.ndarray | float = 0.0


@dataclass(frozen=True)
class TwoWay:
    """One estimation problem. y and m0 are (units, periods): m0 is the weight (linear) or exposure (Poisson), 0 where
    there is no row. x is (units, periods, regressors). trends: whether each unit has a linear trend of its own."""

    y: np.ndarray
    m0: np.ndarray
    x: np.ndarray
    poisson: bool
    trends: bool = False

    def fit(self) -> Solution:
        """Return the solution; raises NotIdentified."""
        if not self.poisson:
            return _solve(self._linear_sums(slice(None)))
        first, _ = self._kinds
        found = _newton(self._counts(np.ones((1, len(self.y)), bool)), self.m0[first], self.x[first], self.trends)
        return Solution(found.periods[0], found.coefficients[0], found.trends[0])

    def jackknife(self, clusters: np.ndarray, solution: Solution) -> np.ndarray:
        """Return the coefficients without each cluster, shape (clusters, regressors); raises NotIdentified."""
        names = np.unique(clusters)
        if not self.poisson:
            parts = zip(*(self._linear_sums(clusters == name) for name in names), strict=True)
            whole = self._linear_sums(slice(None))
            return _solve(tuple(all_ - np.stack(part) for all_, part in zip(whole, parts, strict=True))).coefficients
        first, _ = self._kinds
        size = self.x[first].size + self.m0[first].size
        return np.concatenate([
            _newton(self._counts(clusters != some[:, None]), self.m0[first], self.x[first], self.trends, solution)
            .coefficients
            for some in np.array_split(names, -(-len(names) * size // CHUNK))
        ])  # fmt: skip

    def covariance(self, clusters: np.ndarray, solution: Solution) -> np.ndarray:
        """Return the jackknife covariance of the coefficients."""
        return jackknife_covariance(self.jackknife(clusters, solution), solution.coefficients)

    def means(self, solution: Solution) -> np.ndarray:
        """Return the fitted means of a Poisson problem, (units, periods)."""
        y = self.y[None]
        one = Solution(*(np.asarray(part)[None] for part in (solution.periods, solution.coefficients, solution.trends)))
        return _likelihood(one, y, self.m0, self.x, _live(y, self.m0), self.trends)[1][0]

    def null_fit(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (m, rest) of the fit without regressors: fitted means or weights, and weighted residuals."""
        null = TwoWay(self.y, self.m0, self.x[:, :, :0], self.poisson, self.trends)
        if not self.poisson:
            return self.m0, self.m0 * (self.y - null.fit().periods[None, :])
        means = null.means(null.fit())
        return means, self.y * _live(self.y, self.m0) - means

    @cached_property
    def _kinds(self) -> tuple[np.ndarray, np.ndarray]:
        """First unit of each kind, and each unit's kind. Units with proportional exposures and the same regressors
        divide their counts over the periods alike, so that only the sum of their counts enters the likelihood; with
        trends of their own every unit is a kind."""
        if self.trends:
            return np.arange(len(self.y)), np.arange(len(self.y))
        shares = np.round(self.m0 / self.m0.sum(axis=1, keepdims=True), 12)
        profile = np.hstack([shares, self.x.reshape(len(self.y), -1)])
        _, first, kind = np.unique(profile, axis=0, return_index=True, return_inverse=True)
        return first, kind.ravel()

    def _counts(self, keep: np.ndarray) -> np.ndarray:
        """The counts of each kind among the units kept, (samples, kinds, periods); keep: (samples, units)."""
        first, kind = self._kinds
        members = kind == np.arange(len(first))[:, None]
        return np.stack([(members & kept) @ self.y for kept in keep])

    @cached_property
    def _centred(self) -> np.ndarray:
        return self.y - np.average(self.y, weights=self.m0)  # far from zero, projecting loses digits

    def _linear_sums(self, units) -> tuple[np.ndarray, ...]:
        m = self.m0[units]
        return _sums(m, m * self._centred[units], self.x[units], self.trends)


def permuted_estimates(problem: TwoWay, paths: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Return the estimate for each reordering of the units' treatment paths, shape (orders,).

    Score over information at the fit without treatment: the least-squares estimate itself for the linear family, the
    first Newton step for Poisson. A permutation test is valid with any statistic; this one needs no refitting. Orders
    under which the effect cannot be told from the fixed effects give infinity, which only makes p larger.
    """
    m, rest = problem.null_fit()
    basis = _unit_basis(m, problem.trends)
    own, score = _weighted(basis, m), _off_units(rest, basis, m)
    flat = own.reshape(-1, m.shape[1])
    inverse, active = _period_inverse(m.sum(axis=0), flat.T @ flat)
    out = []
    for order in np.array_split(orders, max(1, len(orders) * paths.size // CHUNK)):
        d = paths[order].astype(float)
        loads = np.einsum("iqt,dit->diq", own, d, optimize=True).reshape(len(d), -1)
        mixed = ((m * d).sum(axis=1) - loads @ flat) * active
        size = (m * d).sum(axis=(1, 2))
        information = size - (loads**2).sum(axis=1) - ((mixed @ inverse) * mixed).sum(axis=1)
        top = (score * d).sum(axis=(1, 2))
        out.append(np.divide(top, information, out=np.full(len(d), np.inf), where=information > 1e-9 * size))
    return np.concatenate(out)


def jackknife_covariance(replicates: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """Return (G - 1)/G sum_g (b_g - b)(b_g - b)'."""
    change = replicates - estimate
    return (len(change) - 1) / len(change) * change.T @ change


def _unit_basis(m: np.ndarray, trends: bool) -> np.ndarray:
    """Each unit's level (and straight line), orthonormal under its weights m; (..., units, 1 or 2, periods)."""
    total = m.sum(axis=-1, keepdims=True)
    level = np.divide(1, np.sqrt(total), out=np.zeros_like(total), where=total > 0) * np.ones_like(m)
    if not trends:
        return level[..., None, :]
    time = _time(m.shape[-1])
    line = time - np.divide((m * time).sum(axis=-1, keepdims=True), total, out=np.zeros_like(total), where=total > 0)
    size = np.sqrt((m * line**2).sum(axis=-1, keepdims=True))
    enough = size > 1e-9 * np.sqrt(total)  # a unit seen in one period has no trend
    return np.stack([level, np.divide(line, size, out=np.zeros_like(line), where=enough)], axis=-2)


def _time(periods: int) -> np.ndarray:
    return np.arange(periods) - (periods - 1) / 2


def _weighted(basis: np.ndarray, m: np.ndarray) -> np.ndarray:
    return basis * m[..., None, :]


def _off_units(rest: np.ndarray, basis: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Weighted residuals after projecting each unit on its level (and trend)."""
    return rest - ((basis @ rest[..., None]) * _weighted(basis, m)).sum(axis=-2)


def _sums(m: np.ndarray, rest: np.ndarray, x: np.ndarray, trends: bool) -> tuple[np.ndarray, ...]:
    """What the units given add to the equations of `_solve`, their own parameters concentrated out.

    (mass, own, mixed, squares, taken, score, pull): the weight of each period (t,); products of period dummies and
    unit parameters (t, t); of period dummies and regressors (t, k); of regressors, and what unit parameters take from
    those (k, k, twice); weighted residuals by period (t,) and by regressor (k,).
    """
    (units, t, k), lead = x.shape, m.shape[:-2]
    basis = _unit_basis(m, trends)
    own = _weighted(basis, m)
    off = _off_units(rest, basis, m)
    each = units * own.shape[-2]
    own, loads = own.reshape(*lead, each, t), (own @ x).reshape(*lead, each, k)
    mx, flat = m[..., None] * x, x.reshape(units * t, k)
    mixed = mx.sum(axis=-3) - own.swapaxes(-1, -2) @ loads
    squares = mx.reshape(*lead, units * t, k).swapaxes(-1, -2) @ flat
    taken = loads.swapaxes(-1, -2) @ loads
    return (
        m.sum(axis=-2), own.swapaxes(-1, -2) @ own, mixed, squares, taken, off.sum(axis=-2),
        off.reshape(*lead, units * t) @ flat,
    )  # fmt: skip


def _period_inverse(mass: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inverse information of the periods, and which have rows and are not the first (the reference), as 1 or 0;
    generalised where it has none, as with unit trends, which determine one period more."""
    active = mass > NOTHING * mass.max(axis=-1, keepdims=True)
    active &= np.cumsum(active, axis=-1) > 1
    top = mass.max(axis=-1)[..., None, None]
    live, idle = active[..., :, None] & active[..., None, :], np.eye(mass.shape[-1]) * ~active[..., None, :]
    information = np.where(live, np.eye(mass.shape[-1]) * mass[..., None, :] - own, idle * top)
    try:
        diagonal = np.diagonal(np.linalg.cholesky(information), axis1=-2, axis2=-1)
        if (diagonal.min(axis=-1) > 1e-5 * diagonal.max(axis=-1)).all():
            return np.linalg.inv(information), active.astype(float)
    except np.linalg.LinAlgError:
        pass
    return np.linalg.pinv(information, rcond=1e-11, hermitian=True), active.astype(float)


def _solve(sums: tuple[np.ndarray, ...]) -> Solution:
    """Solve information x step = score for the sums of one sample, or of several on the first axis."""
    mass, own, mixed, squares, taken, score, pull = sums
    inverse, active = _period_inverse(mass, own)
    mixed, score = mixed * active[..., None], (score * active)[..., None]
    across = mixed.swapaxes(-1, -2) @ inverse
    information = squares - taken - across @ mixed
    size = np.sqrt(np.maximum(np.diagonal(squares, axis1=-2, axis2=-1), 1e-100))
    if np.linalg.eigvalsh(information / (size[..., :, None] * size[..., None, :])).min(initial=1) < 1e-9:
        raise NotIdentified
    coefficients = np.linalg.solve(information, pull[..., None] - across @ score)
    periods = inverse @ (score - mixed @ coefficients) * active[..., None]
    return Solution(periods[..., 0], coefficients[..., 0])


def _newton(y, m0, x, trends: bool, start: Solution | None = None) -> Solution:
    """Maximise the likelihood of each sample; y: (samples, units, periods), m0 and x without samples."""
    samples, units, periods = y.shape
    live = _live(y, m0)
    shapes = ((samples, periods), (samples, x.shape[2]), (samples, units))
    if start is None:
        at = Solution(*map(np.zeros, shapes))
    else:
        parts = (start.periods, start.coefficients, start.trends if trends else 0.0)
        at = Solution(*(np.broadcast_to(part, shape) for part, shape in zip(parts, shapes, strict=True)))
    likelihood, means = _likelihood(at, y, m0, x, live, trends)
    for _ in range(MAX_STEPS):
        step = _newton_step(means, y * live - means, x, trends)
        share = np.ones((samples, 1))
        for _ in range(30):
            new = Solution(at.periods + share * step.periods, at.coefficients + share * step.coefficients,
                           at.trends + share * step.trends)  # fmt: skip
            new_likelihood, new_means = _likelihood(new, y, m0, x, live, trends)
            worse = new_likelihood < likelihood - 1e-12 * np.abs(likelihood)
            if not worse.any():
                break
            share[worse] /= 2
        at, likelihood, means = new, new_likelihood, new_means
        if np.abs(at.coefficients).max(initial=0) > 30:
            raise NotIdentified
        if max(np.abs(part).max(initial=0) for part in (step.periods, step.coefficients, step.trends)) < TOLERANCE:
            return at
    raise NotIdentified


def _newton_step(m: np.ndarray, rest: np.ndarray, x: np.ndarray, trends: bool) -> Solution:
    step = _solve(_sums(m, rest, x, trends))
    slopes = np.zeros(m.shape[:2])
    if trends:
        basis = _unit_basis(m, trends)[:, :, 1]
        left = rest - m * _index(step, x)
        slopes = (basis * left).sum(axis=-1) * (basis[..., 1] - basis[..., 0])
    return Solution(step.periods, step.coefficients, slopes)


def _index(at: Solution, x: np.ndarray) -> np.ndarray:
    """Period effects and what the regressors add, (samples, units, periods)."""
    units, periods, k = x.shape
    return at.periods[:, None, :] + (at.coefficients @ x.reshape(units * periods, k).T).reshape(-1, units, periods)


def _live(y, exposure):
    """Rows that count: a unit or period without a single count is fitted exactly by a mean of zero."""
    return (exposure > 0) & (y.sum(axis=-1, keepdims=True) > 0) & (y.sum(axis=-2, keepdims=True) > 0)


def _likelihood(at: Solution, y, exposure, x, live, trends: bool) -> tuple[np.ndarray, np.ndarray]:
    """Multinomial log-likelihoods given the unit totals (samples,), and the fitted means."""
    index = _index(at, x)
    if trends:
        index = index + at.trends[:, :, None] * _time(y.shape[-1])
    index = np.where(live, index + np.log(np.where(exposure > 0, exposure, 1)), -np.inf)
    top = np.max(index, axis=-1, initial=-700, where=live, keepdims=True)
    raw = np.where(live, np.exp(index - top), 0)
    total = raw.sum(axis=-1, keepdims=True)
    share = np.divide(raw, total, out=np.zeros_like(raw), where=total > 0)
    logs = np.where(live, index - top - np.log(np.where(total > 0, total, 1)), 0)
    return (y * logs).sum(axis=(-1, -2)), (y * live).sum(axis=-1, keepdims=True) * share
