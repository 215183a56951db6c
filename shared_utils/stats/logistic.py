"""Logistic regression that says when it has no answer."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

MAX_STEPS, TOLERANCE = 100, 1e-10  # change of the deviance, absolute and (a hundredth of it) relative


@dataclass(frozen=True)
class Logistic:
    """A fit by maximum likelihood: coefficients (k,), fitted chances (n,), and whether the deviance stood still."""

    params: np.ndarray
    fitted: np.ndarray
    converged: bool

    def predict(self, matrix) -> np.ndarray:
        """Return the chances of the rows of `matrix`, shape (m, k)."""
        return expit(matrix @ self.params)


def fit(y, matrix, weights=None) -> Logistic:
    """Fit a 0/1 outcome (n,) on the columns of `matrix` (n, k), rows counted by `weights`, by Newton's method.

    McCullagh and Nelder (1989, Generalized Linear Models, section 2.5): iterated weighted least squares, started
    halfway between the outcome and 1/2. Columns that repeat others share their coefficient. Where some rows can be
    told apart perfectly no finite coefficients exist: their chances then come as near 0 or 1 as the deviance can tell.
    """
    one, count = np.asarray(y) == 1, 1.0 if weights is None else np.asarray(weights, float)
    fitted = np.where(one, 0.75, 0.25)
    ahead = np.where(one, np.log(3), -np.log(3))  # of the coefficients, which start at nought
    params, deviance = np.zeros(matrix.shape[1]), np.inf
    for _ in range(MAX_STEPS):
        spread = count * fitted * (1 - fitted)
        information = (matrix * spread[:, None]).T @ matrix
        score = matrix.T @ (count * (one - fitted) + spread * ahead)
        params = params + np.linalg.lstsq(information, score, rcond=None)[0]
        fitted, ahead = expit(matrix @ params), 0.0
        before, deviance = deviance, _deviance(one, fitted, count)
        if abs(before - deviance) <= TOLERANCE * (1 + 0.01 * deviance):
            return Logistic(params, fitted, True)
    return Logistic(params, fitted, False)


def chances(y, matrix, weights=None) -> tuple[np.ndarray, np.ndarray]:
    """Return (coefficients, fitted chances) of a 0/1 outcome on the columns of `matrix`, by maximum likelihood.

    Raises ValueError when some rows can be told apart perfectly, because then no finite estimate exists.
    """
    found = fit(y, matrix, weights)
    if not found.converged or np.minimum(found.fitted, 1 - found.fitted).min() < 1e-8:
        raise ValueError("The model predicts some rows perfectly, so it has no finite estimate: use fewer columns.")
    return found.params, found.fitted


def tellable(y, table) -> np.ndarray:
    """Return which columns of `table` (n, k) can have a coefficient: shape (k,), True or False.

    A rare category all of whose members (or all others) have the same 0/1 outcome would need an infinite one. Left
    out, its members count with the reference category.
    """
    y, keep = np.asarray(y), np.ones(table.shape[1], bool)
    for j, column in enumerate(table.T):
        values = np.unique(column)
        keep[j] = len(values) > 2 or all(np.ptp(y[column == value]) > 0 for value in values)
    return keep


def _deviance(one, fitted, count) -> float:
    likely = np.maximum(np.where(one, fitted, 1 - fitted), 1e-300)
    return float(-2 * np.sum(count * np.log(likely)))
