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
    It is exact refitting, not a linearisation, so it holds for any pattern of treatment and missing rows.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

MAX_STEPS, TOLERANCE = 60, 1e-10
CHUNK = 2_000_000  # entries of permuted paths held at once


class NotIdentified(Exception):
    """The regressors cannot be told from the fixed effects, or the Poisson estimate runs off to infinity."""


@dataclass(frozen=True)
class Solution:
    """Period effects (periods,), coefficients (regressors,) and unit trends (units,), zero without trends."""

    periods: np.ndarray
    coefficients: np.ndarray
    trends: np.ndarray


@dataclass(frozen=True)
class TwoWay:
    """One estimation problem. y and m0 are (units, periods): m0 is the weight (linear) or exposure (Poisson), 0 where
    there is no row. x is (units, periods, regressors). trends: whether each unit has a linear trend of its own."""

    y: np.ndarray
    m0: np.ndarray
    x: np.ndarray
    poisson: bool
    trends: bool = False

    def fit(self, units=None, start: Solution | None = None) -> Solution:
        """Return the solution for the units given by a mask; raises NotIdentified. start: one of all units."""
        keep = np.ones(len(self.y), bool) if units is None else units
        if self.poisson and not self.trends:
            first, kind = self._kinds
            counts = np.zeros_like(self.y[first])
            np.add.at(counts, kind[keep], self.y[keep])
            return _newton(TwoWay(counts, self.m0[first], self.x[first], True), start)
        kept = TwoWay(self.y[keep], self.m0[keep], self.x[keep], self.poisson, self.trends)
        if not self.poisson:
            return _least_squares(kept)
        if start is not None:
            start = Solution(start.periods, start.coefficients, start.trends[keep])
        return _newton(kept, start)

    @cached_property
    def _kinds(self) -> tuple[np.ndarray, np.ndarray]:
        """First unit of each kind, and each unit's kind. Units with proportional exposures and the same regressors
        divide their counts over the periods alike, so that only the sum of their counts enters the likelihood."""
        shares = np.round(self.m0 / self.m0.sum(axis=1, keepdims=True), 12)
        profile = np.hstack([shares, self.x.reshape(len(self.y), -1)])
        _, first, kind = np.unique(profile, axis=0, return_index=True, return_inverse=True)
        return first, kind.ravel()

    def jackknife(self, clusters: np.ndarray, solution: Solution) -> np.ndarray:
        """Return the coefficients without each cluster, shape (clusters, regressors)."""
        return np.array([self.fit(clusters != g, solution).coefficients for g in np.unique(clusters)])

    def covariance(self, clusters: np.ndarray, solution: Solution) -> np.ndarray:
        """Return the jackknife covariance of the coefficients."""
        return jackknife_covariance(self.jackknife(clusters, solution), solution.coefficients)

    def means(self, solution: Solution) -> np.ndarray:
        """Return the fitted means of a Poisson problem, (units, periods)."""
        return _likelihood(solution, self, _live(self.y, self.m0))[1]

    def null_fit(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (m, rest) of the fit without regressors: fitted means or weights, and weighted residuals."""
        null = TwoWay(self.y, self.m0, self.x[:, :, :0], self.poisson, self.trends)
        if not self.poisson:
            return self.m0, self.m0 * (self.y - null.fit().periods[None, :])
        means = null.means(null.fit())
        return means, self.y * _live(self.y, self.m0) - means


def permuted_estimates(problem: TwoWay, paths: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Return the estimate for each reordering of the units' treatment paths, shape (orders,).

    Score over information at the fit without treatment: the least-squares estimate itself for the linear family, the
    first Newton step for Poisson. A permutation test is valid with any statistic; this one needs no refitting. Orders
    under which the effect cannot be told from the fixed effects give infinity, which only makes p larger.
    """
    m, rest = problem.null_fit()
    basis = _unit_basis(m, problem.trends)
    own, score = _weighted(basis, m), _off_units(rest, basis, m)
    active, inverse = _period_inverse(m, own)
    out = []
    for order in np.array_split(orders, max(1, len(orders) * paths.size // CHUNK)):
        d = paths[order].astype(float)
        loads = np.einsum("iqt,dit->diq", own, d, optimize=True).reshape(len(d), -1)
        mixed = ((m * d).sum(axis=1) - loads @ own.reshape(-1, m.shape[1]))[:, active]
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
    """Each unit's level (and straight line), orthonormal under its weights m; (units, 1 or 2, periods)."""
    total = m.sum(axis=1, keepdims=True)
    level = np.divide(1, np.sqrt(total), out=np.zeros_like(total), where=total > 0) * np.ones_like(m)
    if not trends:
        return level[:, None, :]
    time = _time(m.shape[1])[None, :]
    line = time - np.divide((m * time).sum(axis=1, keepdims=True), total, out=np.zeros_like(total), where=total > 0)
    size = np.sqrt((m * line**2).sum(axis=1, keepdims=True))
    enough = size > 1e-9 * np.sqrt(total)  # a unit seen in one period has no trend
    return np.stack([level, np.divide(line, size, out=np.zeros_like(line), where=enough)], axis=1)


def _time(periods: int) -> np.ndarray:
    return np.arange(periods) - (periods - 1) / 2


def _weighted(basis: np.ndarray, m: np.ndarray) -> np.ndarray:
    return basis * m[:, None, :]


def _off_units(rest: np.ndarray, basis: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Weighted residuals after projecting each unit on its level (and trend)."""
    return rest - np.einsum("iqt,iq->it", _weighted(basis, m), np.einsum("iqt,it->iq", basis, rest))


def _period_inverse(m: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Periods with rows, but for the first (the reference), and the inverse of their information; generalised where it
    has none, as with unit trends, which determine one period more."""
    flat = own.reshape(-1, m.shape[1])
    active = np.flatnonzero(m.sum(axis=0) > 0)[1:]
    information = (np.diag(m.sum(axis=0)) - flat.T @ flat)[np.ix_(active, active)]
    try:
        root = np.linalg.cholesky(information)
        if root.diagonal().min() > 1e-5 * root.diagonal().max():
            half = np.linalg.inv(root)
            return active, half.T @ half
    except np.linalg.LinAlgError:
        pass
    return active, np.linalg.pinv(information, rcond=1e-11, hermitian=True)


def _step(problem: TwoWay, m: np.ndarray, rest: np.ndarray) -> Solution:
    """Solve information x step = score, the units' own parameters concentrated out."""
    x, basis = problem.x, _unit_basis(m, problem.trends)
    own, k = _weighted(basis, m), problem.x.shape[2]
    active, inverse = _period_inverse(m, own)
    off = _off_units(rest, basis, m)
    mx, loads = m[:, :, None] * x, (own @ x).reshape(own.shape[0] * own.shape[1], k)
    mixed = (mx.sum(axis=0) - own.reshape(-1, m.shape[1]).T @ loads)[active]
    squares = np.tensordot(mx, x, ((0, 1), (0, 1)))
    information = squares - loads.T @ loads - mixed.T @ inverse @ mixed
    size = np.sqrt(np.maximum(np.diag(squares), 1e-100))
    if np.linalg.eigvalsh(information / np.outer(size, size)).min(initial=1) < 1e-9:
        raise NotIdentified
    score = off.sum(axis=0)[active]
    coefficients = np.linalg.solve(information, np.tensordot(off, x, 2) - mixed.T @ inverse @ score)
    periods = np.zeros(m.shape[1])
    periods[active] = inverse @ (score - mixed @ coefficients)
    trends = np.zeros(len(m))
    if problem.trends:
        left = rest - m * (periods + x @ coefficients)
        trends = (basis[:, 1] * left).sum(axis=1) * (basis[:, 1, 1] - basis[:, 1, 0])
    return Solution(periods, coefficients, trends)


def _least_squares(problem: TwoWay) -> Solution:
    centred = problem.y - np.average(problem.y, weights=problem.m0)  # far from zero, projecting loses digits
    return _step(problem, problem.m0, problem.m0 * centred)


def _newton(problem: TwoWay, start: Solution | None) -> Solution:
    units, periods, k = problem.x.shape
    live = _live(problem.y, problem.m0)
    zero = Solution(np.zeros(periods), np.zeros(k), np.zeros(units))
    solution = zero if start is None else start
    likelihood, means = _likelihood(solution, problem, live)
    for _ in range(MAX_STEPS):
        step = _step(problem, means, problem.y * live - means)
        for halving in range(30):
            new = _moved(solution, step, 0.5**halving, problem.trends)
            new_likelihood, new_means = _likelihood(new, problem, live)
            if new_likelihood >= likelihood - 1e-12 * abs(likelihood):
                break
        solution, likelihood, means = new, new_likelihood, new_means
        if np.abs(solution.coefficients).max(initial=0) > 30:
            raise NotIdentified
        if max(np.abs(part).max(initial=0) for part in (step.periods, step.coefficients, step.trends)) < TOLERANCE:
            return solution
    raise NotIdentified


def _moved(at: Solution, step: Solution, share: float, trends: bool) -> Solution:
    slopes = at.trends + share * step.trends if trends else at.trends
    return Solution(at.periods + share * step.periods, at.coefficients + share * step.coefficients, slopes)


def _live(y, exposure):
    """Rows that count: a unit or period without a single count is fitted exactly by a mean of zero."""
    return (exposure > 0) & (y.sum(axis=1) > 0)[:, None] & (y.sum(axis=0) > 0)[None, :]


def _likelihood(solution: Solution, problem: TwoWay, live: np.ndarray) -> tuple[float, np.ndarray]:
    """Multinomial log-likelihood given the unit totals, and the fitted means."""
    y, exposure = problem.y, problem.m0
    index = solution.periods + problem.x @ solution.coefficients
    if problem.trends:
        index = index + solution.trends[:, None] * _time(y.shape[1])
    index = np.where(live, index + np.log(np.where(live, exposure, 1)), -np.inf)
    top = np.max(index, axis=1, initial=-700, where=live)
    raw = np.where(live, np.exp(index - top[:, None]), 0)
    total = raw.sum(axis=1)
    counts = (y * live).sum(axis=1)
    share = np.divide(raw, total[:, None], out=np.zeros_like(raw), where=total[:, None] > 0)
    logs = np.where(live, index - top[:, None] - np.log(np.where(total > 0, total, 1))[:, None], 0)
    return float((y * logs).sum()), counts[:, None] * share
