"""Average marginal effect of assigned groups from a logistic regression, for 0/1 outcomes.

Fit the outcome on group indicators, strata and covariates; predict everyone's chance in each group; average the
differences (g-computation). In a randomised trial this estimates the difference in shares whether or not the logistic
model is true (Rosenblum and van der Laan 2010, Simple, efficient estimators of treatment effects in randomized trials
using generalized linear models to leverage baseline variables, Int. J. Biostatistics 6(1)).
Variance: delta method on the robust covariance of the coefficients (HC0 times n/(n - k)), normal reference (Ge et al.
2011, Covariate-adjusted difference in proportions from clinical trials using logistic regression and weighted risk
differences, Drug Information Journal 45(4)).
"""

from dataclasses import dataclass

import numpy as np

from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs
from shared_utils.designs._regression import Adjusted, independent, strata_dummies
from shared_utils.stats import logistic


@dataclass(frozen=True)
class Marginal:
    """Average differences in chance and their covariance, read like a regression's coefficients."""

    params: np.ndarray
    covariance: np.ndarray
    df_resid: float = np.nan  # the reference is the normal


def marginal(inputs: Inputs, groups: dict[str, np.ndarray], covariates: bool = True) -> Adjusted:
    """Return the average marginal effect of each group (name -> 0/1 array) against the left-out one."""
    if not inputs.binary:
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': the logit adjustment needs an outcome of 0 and 1.",
            "Use adjustment lin.",
        )
    n, weights = len(inputs.y), np.ones(len(inputs.y)) if inputs.weights is None else inputs.weights
    table = inputs.covariates.to_numpy() if covariates else np.empty((n, 0))
    kept = logistic.tellable(inputs.y, table)
    note = f"{(~kept).sum()} covariate column(s) left out: everyone in a category has the same outcome"
    table = table[:, kept]
    matrix = independent(np.column_stack([np.ones(n), *groups.values(), strata_dummies(inputs.strata, n), table]))
    try:
        params, fitted = logistic.chances(inputs.y, matrix, weights)
    except ValueError as problem:
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': {problem}", "Use adjustment lin, or fewer covariates."
        ) from None
    bread = np.linalg.inv(matrix.T @ (matrix * (weights * fitted * (1 - fitted))[:, None]))
    scores = matrix * (weights * (inputs.y - fitted))[:, None]
    robust = bread @ (scores.T @ scores) @ bread * n / (n - len(params))
    positions = range(1, 1 + len(groups))
    nobody = _prediction(matrix, params, positions, None, weights)
    everyone = [_prediction(matrix, params, positions, position, weights) for position in positions]
    gradient = np.array([slope - nobody[1] for _, slope in everyone])
    fit = Marginal(np.array([share - nobody[0] for share, _ in everyone]), gradient @ robust @ gradient.T)
    words = "logit with covariates" if table.shape[1] else "logit with strata" if inputs.strata is not None else "logit"
    method = f"{words}, average marginal effect, delta method HC1, normal"
    return Adjusted(fit, {name: i for i, name in enumerate(groups)}, method, "" if kept.all() else note)


def _prediction(matrix, params, positions, chosen, weights) -> tuple[float, np.ndarray]:
    """Return (average chance with everyone in the chosen group, its gradient in the coefficients)."""
    as_if = matrix.copy()
    for position in positions:
        as_if[:, position] = float(position == chosen)
    chance = 1 / (1 + np.exp(-as_if @ params))
    return np.average(chance, weights=weights), np.average(as_if * (chance * (1 - chance))[:, None], 0, weights)
