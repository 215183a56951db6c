"""Weights that make the people who took part and the others comparable, and what estimating them costs.

Propensity: a logistic model of taking part (Rosenbaum and Rubin 1983, Biometrika 70(1)). Weights from it: ATT
(participants 1, others e/(1-e)), ATE (1/e and 1/(1-e)), overlap (1-e and e; Li, Morgan and Zaslavsky 2018, Balancing
covariates via propensity score weighting, JASA 113(521)).
Influence: an estimate that is a function of the weights w moves by w_i psi_i when person i is drawn again, psi_i its
derivative in w_i, and by the sum of psi_i dw_i/d(eta) x_i' (a^ - a) because the coefficients a of the logistic
model are estimated. That is M-estimation with the logistic and the weighted estimating equations stacked (Stefanski
and Boos 2002, The calculus of M-estimation, American Statistician 56(1); Lunceford and Davidian 2004). It serves
means here and survival curves and hazard ratios in time_to_event alike.
"""

from dataclasses import dataclass

import numpy as np

from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs, need_groups
from shared_utils.designs._regression import independent_columns
from shared_utils.stats.logistic import fit

MAX_SMD = 0.1


@dataclass(frozen=True)
class Weights:
    """One weight a person, and its derivative in the linear predictor of the propensity model."""

    treated: np.ndarray
    chance: np.ndarray
    matrix: np.ndarray
    values: np.ndarray
    slope: np.ndarray

    def influence(self, psi: np.ndarray) -> np.ndarray:
        """Return each person's part of the error of an estimate with derivatives `psi` in the weights (they sum to 0).

        psi: shape (n,), derivative of the estimate in the weight of each person.
        """
        variance = self.chance * (1 - self.chance)
        information = (self.matrix * variance[:, None]).T @ self.matrix
        moved = self.matrix.T @ (psi * self.slope)
        scores = self.matrix @ np.linalg.lstsq(information, moved, rcond=None)[0]
        return self.values * psi + (self.treated - self.chance) * scores


@dataclass(frozen=True)
class Propensity:
    """Who took part, everyone's chance of it given the covariates, and the matrix of its logistic model."""

    treated: np.ndarray
    chance: np.ndarray
    matrix: np.ndarray

    def weights(self, kind: str) -> Weights:
        """Return the weights of kind ATT, ATE or overlap."""
        return Weights(self.treated, self.chance, self.matrix, *weights_from(self.treated, self.chance, kind))


def weights_from(treated: np.ndarray, chance: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (weights of kind ATT, ATE or overlap, their derivative in the logit of `chance`)."""
    one, odds = treated == 1, chance / (1 - chance)
    if kind == "ATT":
        return np.where(one, 1.0, odds), np.where(one, 0.0, odds)
    if kind == "ATE":
        return np.where(one, 1 / chance, 1 / (1 - chance)), np.where(one, -1 / odds, odds)
    return np.where(one, 1 - chance, chance), np.where(one, -1, 1) * chance * (1 - chance)


def overlap(inputs: Inputs, estimand: str, ps_max: float) -> tuple[Inputs, Propensity, int]:
    """Return (inputs without people who have no comparable others, their propensity, how many that leaves out).

    For the ATT these are people whose chance of taking part is above ps_max, for the ATE also those below 1 - ps_max.
    Refuses covariates that predict taking part perfectly.
    """
    need_groups(inputs, "treatment")
    if inputs.covariates.shape[1] == 0:
        raise DesignError(
            f"Design {inputs.type}: no covariate varies, so nothing makes the groups comparable.",
            "List the baseline covariates that drive taking part and the outcome.",
        )
    everyone = propensity(inputs)
    keep = everyone.chance <= ps_max
    if estimand == "ATE":
        keep &= everyone.chance >= 1 - ps_max
    if keep.all():
        return inputs, everyone, 0
    kept = inputs.keep(keep)
    need_groups(kept, "treatment")
    return kept, propensity(kept), int((~keep).sum())


def propensity(inputs: Inputs) -> Propensity:
    """Fit the logistic chance of taking part; refuses covariates that predict it perfectly."""
    treated, matrix = inputs.roles["treatment"], design_matrix(inputs.covariates.to_numpy())
    chance = logistic(treated, matrix, matrix)
    if chance is None:
        raise DesignError(
            f"Design {inputs.type}: the covariates predict taking part perfectly, so no one is comparable.",
            "Take off covariates that define participation, or merge rare categories.",
        )
    return Propensity(treated, chance, matrix)


def design_matrix(table: np.ndarray, rows=slice(None)) -> np.ndarray:
    """Return an intercept and the standardised columns of `table` that are not collinear within `rows`."""
    spread = table.std(axis=0)
    scaled = (table - table.mean(axis=0)) / np.where(spread > 0, spread, 1)
    matrix = np.column_stack([np.ones(len(table)), scaled])
    return matrix[:, independent_columns(matrix[rows])]


def logistic(y: np.ndarray, matrix: np.ndarray, everyone: np.ndarray) -> np.ndarray | None:
    """Return fitted chances for `everyone`, or None when the model separates the groups or does not converge."""
    found = fit(y, matrix)
    separated = found.fitted[y == 1].min() > found.fitted[y == 0].max()  # then no finite estimate exists
    if separated or not found.converged:
        return None
    return found.fitted if everyone is matrix else found.predict(everyone)


def balancing_weights(table: np.ndarray, target: np.ndarray, what: str) -> np.ndarray:
    """Return weights of the rows of `table` under which its column means equal `target`, as even as can be.

    Entropy balancing (Hainmueller 2012, Entropy balancing for causal effects, Political Analysis 20(1)): of all
    weights that meet the moments, those closest to equal in Kullback-Leibler divergence, exp(x'b) up to a constant,
    where b minimises the convex function log(mean(exp((x - target)'b))). They sum to the number of rows. Raises
    DesignError when no positive weights meet the moments; `what` names the group.
    """
    from scipy import optimize

    gap = (table - target) / np.where(table.std(axis=0) > 0, table.std(axis=0), 1)
    own = [j - 1 for j in independent_columns(np.column_stack([np.ones(len(gap)), gap])) if j > 0]
    columns = gap[:, own]

    def tilted(b):
        weights = np.exp(columns @ b - (columns @ b).max())
        return weights / weights.sum()

    def level(b):
        return np.logaddexp.reduce(columns @ b)

    def slope(b):
        return tilted(b) @ columns

    def curvature(b):
        weights = tilted(b)
        mean = weights @ columns
        return (columns * weights[:, None]).T @ columns - np.outer(mean, mean)

    start, exact = np.zeros(len(own)), {"gtol": 1e-10, "maxiter": 500}
    found = optimize.minimize(level, start, jac=slope, hess=curvature, method="trust-exact", options=exact)
    weights = len(table) * tilted(found.x)
    if np.abs(weights @ gap).max(initial=0) > 1e-6 * len(weights):
        raise DesignError(
            f"Entropy balancing: no weights give the {what} the covariate means they are to be compared at.",
            "Merge rare categories or take covariates off; some people have no counterpart.",
        )
    return weights


def effective_size(weights: np.ndarray) -> float:
    """Return (sum w)^2 / sum w^2 (Kish)."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def weighted_smd(inputs: Inputs, weights: np.ndarray) -> np.ndarray:
    """Return weighted mean differences over the unweighted pooled standard deviation, one a covariate column."""
    table, treated = inputs.covariates.to_numpy(), inputs.roles["treatment"]
    one, zero = treated == 1, treated == 0
    gap = np.average(table[one], axis=0, weights=weights[one]) - np.average(table[zero], axis=0, weights=weights[zero])
    spread = np.sqrt((table[one].var(axis=0, ddof=1) + table[zero].var(axis=0, ddof=1)) / 2)
    return np.divide(gap, spread, out=np.zeros_like(gap), where=spread > 0)


def comparison_flags(inputs: Inputs, weights: np.ndarray, left_out: int, min_ess: float) -> list[dict]:
    """Flags: people without comparable others, effective comparison sample under `min_ess`, imbalance after weighting.

    inputs and weights: of the people compared; left_out: how many were not, for lack of comparable others.
    """
    ess = effective_size(weights[inputs.roles["treatment"] == 0])
    smd = np.abs(weighted_smd(inputs, weights))
    total, worst = len(inputs.y) + left_out, smd.max(initial=0)
    where = inputs.covariates.columns[int(smd.argmax())] if len(smd) else "nothing"
    checks = [
        (
            "overlap",
            "warn",
            left_out > 0.05 * total,
            f"{left_out} of {total} people are like no one in the other group. They are left out.",
        ),
        (
            "effective_sample",
            "serious",
            ess < min_ess,
            f"After weighting, the comparison group counts as {ess:.0f} people. At least {min_ess} are wanted.",
        ),
        (
            "balance_after_weighting",
            "warn",
            worst > MAX_SMD,
            f"After weighting, the groups still differ by {worst:.2f} standard deviations on {where}.",
        ),
    ]
    return [
        {"code": code, "severity": severity, "scope": inputs.outcome, "message": message, "affects_primary": True}
        for code, severity, failed, message in checks
        if failed
    ]
