"""Two-way fixed effects, linear or Poisson, with a cluster jackknife, on dense (unit x period) tables.

Linear: least squares with unit and period effects and optional weights.
Poisson: pseudo-maximum likelihood with unit and period effects and an exposure (Wooldridge 1999,
    Distribution-free estimation of some nonlinear panel data models, J. Econometrics 90); only the mean
    must be right. Unit effects are concentrated out, which leaves the multinomial likelihood in the period
    effects and the regressors (Hausman, Hall and Griliches 1984); Newton steps solve it.
Both share one information matrix: with fitted means (Poisson) or weights (linear) m, unit totals
    concentrated out, sum_i [sum_t m_it x_it x_it' - (sum_t m_it x_it)(sum_t m_it x_it)' / sum_t m_it].
Variance: delete-one-cluster jackknife, (G - 1)/G times the squared changes (CV3 of MacKinnon, Nielsen and
    Webb 2023). It is exact refitting, not a linearisation, so it holds for any pattern of treatment and
    missing rows.
"""

from dataclasses import dataclass

import numpy as np

MAX_STEPS, TOLERANCE = 60, 1e-10
CHUNK = 2_000_000  # entries of permuted paths held at once


class NotIdentified(Exception):
    """The regressors cannot be told from the fixed effects, or the Poisson estimate runs off to infinity."""


@dataclass(frozen=True)
class TwoWay:
    """One estimation problem. y and m0 are (units, periods): m0 is the weight (linear) or exposure
    (Poisson), 0 where
    there is no row. x is (units, periods, regressors)."""

    y: np.ndarray
    m0: np.ndarray
    x: np.ndarray
    poisson: bool

    def fit(self, units=None, start=None) -> np.ndarray:
        """Return (period effects..., coefficients) of the units given by a mask; raises NotIdentified."""
        problem = (
            self if units is None else TwoWay(self.y[units], self.m0[units], self.x[units], self.poisson)
        )
        return _newton(problem, start) if self.poisson else _least_squares(problem)

    def null_scores(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (m, score) of the fit without regressors: fitted means or weights, and y minus fit times
        weight.
        """
        null = TwoWay(self.y, self.m0, self.x[:, :, :0], self.poisson)
        solution = null.fit()
        if self.poisson:
            live = _live(self.y, self.m0)
            means = _likelihood(solution, self.y, self.m0, null.x, live)[1]
            return means, self.y * live - means
        rest = self.y - solution[None, :]
        total = self.m0.sum(axis=1)
        return self.m0, self.m0 * (rest - ((self.m0 * rest).sum(axis=1) / total)[:, None])

    def coefficients(self, solution: np.ndarray) -> np.ndarray:
        return solution[self.y.shape[1] :]

    def jackknife(self, clusters: np.ndarray, solution: np.ndarray) -> np.ndarray:
        """Return the coefficients without each cluster, shape (clusters, regressors)."""
        return np.array([self.coefficients(self.fit(clusters != g, solution)) for g in np.unique(clusters)])


def permuted_estimates(problem: TwoWay, paths: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Return the estimate for each reordering of the units' treatment paths, shape (orders,).

    Score over information at the fit without treatment: the least-squares estimate itself for the linear
    family, the first Newton step for Poisson. A permutation test is valid with any statistic; this one
    needs no refitting. Orders under which the effect cannot be told from the fixed effects give infinity,
    which only makes p larger.
    """
    m, score = problem.null_scores()
    total = m.sum(axis=1)
    share = np.divide(m, total[:, None], out=np.zeros_like(m), where=total[:, None] > 0)
    active = np.flatnonzero(m.sum(axis=0) > 0)[1:]
    periods = (np.diag(m.sum(axis=0)) - share.T @ m)[np.ix_(active, active)]
    half = np.linalg.pinv(periods, hermitian=True)
    out = []
    for order in np.array_split(orders, max(1, len(orders) * paths.size // CHUNK)):
        d = paths[order].astype(float)
        centred = d - (share * d).sum(axis=2)[:, :, None]
        mixed = (m * centred).sum(axis=1)[:, active]
        information = (m * d * centred).sum(axis=(1, 2)) - np.einsum("ij,jk,ik->i", mixed, half, mixed)
        found = information > 1e-9 * (m * d).sum(axis=(1, 2))
        top = (score * d).sum(axis=(1, 2))
        out.append(np.divide(top, information, out=np.full(len(d), np.inf), where=found))
    return np.concatenate(out)


def jackknife_covariance(replicates: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """Return (G - 1)/G sum_g (b_g - b)(b_g - b)'."""
    change = replicates - estimate
    return (len(change) - 1) / len(change) * change.T @ change


def _information(m, x):
    """Blocks (period x period, period x regressor, regressor x regressor) with unit effects concentrated
    out, and
    the regressors' own sums of squares."""
    total = m.sum(axis=1)
    share = np.divide(m, total[:, None], out=np.zeros_like(m), where=total[:, None] > 0)
    mean_x = (share[:, None, :] @ x)[:, 0, :]
    mx = m[:, :, None] * x
    k = x.shape[2]
    periods = np.diag(m.sum(axis=0)) - share.T @ m
    mixed = mx.sum(axis=0) - m.T @ mean_x
    own = mx.reshape(m.size, k).T @ x.reshape(m.size, k)
    return periods, mixed, own - (total[:, None] * mean_x).T @ mean_x, np.diag(own)


def _step(m, x, score_t, score_x):
    """Solve information x step = score; the first period with rows is the reference, empty periods stay 0."""
    periods, mixed, regressors, own = _information(m, x)
    active = np.flatnonzero(m.sum(axis=0) > 0)[1:]
    half = np.linalg.pinv(periods[np.ix_(active, active)], hermitian=True)
    rest = regressors - mixed[active].T @ half @ mixed[active]
    own = np.maximum(own, 1e-100)
    if np.linalg.eigvalsh(rest / np.sqrt(np.outer(own, own))).min(initial=1) < 1e-9:
        raise NotIdentified
    step_x = np.linalg.solve(rest, score_x - mixed[active].T @ half @ score_t[active])
    step_t = np.zeros(m.shape[1])
    step_t[active] = half @ (score_t[active] - mixed[active] @ step_x)
    return np.concatenate([step_t, step_x])


def _least_squares(problem) -> np.ndarray:
    y, m, x = problem.y, problem.m0, problem.x
    total = m.sum(axis=1)
    mean = np.divide((m * y).sum(axis=1), total, out=np.zeros_like(total), where=total > 0)
    weighted = m * (y - mean[:, None])
    return _step(m, x, weighted.sum(axis=0), np.tensordot(weighted, x, 2))


def _newton(problem, start) -> np.ndarray:
    y, exposure, x = problem.y, problem.m0, problem.x
    live = _live(y, exposure)
    solution = np.zeros(y.shape[1] + x.shape[2]) if start is None else start.copy()
    likelihood, means = _likelihood(solution, y, exposure, x, live)
    for _ in range(MAX_STEPS):
        score = y * live - means
        step = _step(means, x, score.sum(axis=0), np.tensordot(score, x, 2))
        for halving in range(30):
            new = solution + step * 0.5**halving
            new_likelihood, new_means = _likelihood(new, y, exposure, x, live)
            if new_likelihood >= likelihood - 1e-12 * abs(likelihood):
                break
        solution, likelihood, means = new, new_likelihood, new_means
        if np.abs(solution[y.shape[1] :]).max(initial=0) > 30:
            raise NotIdentified
        if np.abs(step).max() < TOLERANCE:
            return solution
    raise NotIdentified


def _live(y, exposure):
    """Rows that count: a unit or period without a single count is fitted exactly by a mean of zero."""
    return (exposure > 0) & (y.sum(axis=1) > 0)[:, None] & (y.sum(axis=0) > 0)[None, :]


def _likelihood(solution, y, exposure, x, live):
    """Multinomial log-likelihood given the unit totals, and the fitted means."""
    periods = y.shape[1]
    index = solution[:periods] + x @ solution[periods:]
    index = np.where(live, index + np.log(np.where(live, exposure, 1)), -np.inf)
    top = np.max(index, axis=1, initial=-700, where=live)
    raw = np.where(live, np.exp(index - top[:, None]), 0)
    total = raw.sum(axis=1)
    counts = (y * live).sum(axis=1)
    share = np.divide(raw, total[:, None], out=np.zeros_like(raw), where=total[:, None] > 0)
    logs = np.where(live, index - top[:, None] - np.log(np.where(total > 0, total, 1))[:, None], 0)
    return float((y * logs).sum()), counts[:, None] * share
