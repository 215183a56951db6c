"""Ways to the mean outcome of comparable people with and without the programme, each with its influence function.

Every function takes checked inputs and returns Means: the mean with and without, for the people of the estimand, and
each person's part of the error of their difference (parts sum to nought, and the root of their summed squares is the
standard error). What is estimated on the way - a propensity model, an outcome model, balancing weights - has its part
in the error too, by stacking its estimating equations (M-estimation, Stefanski and Boos 2002); AIPW needs none, since
to first order its error does not depend on them when both models are right (Tsiatis 2006, chapter 13).
"""

from dataclasses import dataclass

import numpy as np

from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs
from shared_utils.designs._weighting import Propensity, balancing_weights, design_matrix, logistic, weights_from


@dataclass(frozen=True)
class Means:
    """Mean outcome with and without the programme, each person's part of the error of the difference, the weights
    under which the groups are compared, and the method in words.
    """

    treated: float
    comparison: float
    influence: np.ndarray
    weights: np.ndarray
    words: str

    @property
    def value(self) -> float:
        return self.treated - self.comparison

    @property
    def se(self) -> float:
        n = len(self.influence)
        return float(np.sqrt(n / (n - 1) * (self.influence**2).sum()))


def weighted(inputs: Inputs, propensity: Propensity, kind: str) -> Means:
    """Return means weighted to sum to one (Hajek) by the propensity weights of `kind`: ATT, ATE or overlap."""
    weights = propensity.weights(kind)
    psi, means = np.zeros(len(inputs.y)), []
    for sign, group in ((1, weights.treated == 1), (-1, weights.treated == 0)):
        mean = np.average(inputs.y[group], weights=weights.values[group])
        psi[group] = sign * (inputs.y[group] - mean) / weights.values[group].sum()
        means.append(float(mean))
    words = "overlap weights" if kind == "overlap" else "inverse-probability weights"
    return Means(*means, weights.influence(psi), weights.values, f"{words}, logistic propensity, M-estimation")


def balanced(inputs: Inputs, att: bool) -> Means:
    """Return means under entropy-balancing weights, and their errors.

    With b the weighted least-squares slope of y on x in a group, the balancing coefficients' part in the error turns
    y - mean into the residual y - mean - (x - target)'b, and the target's own sampling adds (x - target)'b for the
    people it is the mean of. (From the stacked equations; so the estimate is right when either the logit of taking
    part or the outcome is linear in x: Zhao and Percival 2017, J. Causal Inference 5(1).)
    """
    treated, table = inputs.roles["treatment"], inputs.covariates.to_numpy()
    goal = treated == 1 if att else np.ones(len(treated), bool)
    target = table[goal].mean(axis=0)
    weights, influence, means = np.ones(len(treated)), np.zeros(len(treated)), []
    for sign, group, what in ((1, treated == 1, "participants"), (-1, treated == 0, "comparison group")):
        if not (att and sign == 1):  # participants are their own target
            weights[group] = balancing_weights(table[group], target, what)
        mean = np.average(inputs.y[group], weights=weights[group])
        root = np.sqrt(weights[group])
        slope = np.linalg.lstsq((table[group] - target) * root[:, None], (inputs.y[group] - mean) * root, rcond=None)[0]
        fitted = (table - target) @ slope
        influence[group] += sign * weights[group] / weights[group].sum() * (inputs.y - mean - fitted)[group]
        influence[goal] += sign * fitted[goal] / goal.sum()
        means.append(float(mean))
    return Means(*means, influence, weights, "entropy balancing, M-estimation")


def regression(inputs: Inputs, propensity: Propensity, att: bool) -> Means:
    """Return means of the outcome model of each group over the people of the estimand (g-computation, Robins 1986).

    Error: that of the average over those people, and that of the model's coefficients (M-estimation).
    """
    treated = inputs.roles["treatment"]
    goal = treated == 1 if att else np.ones(len(treated), bool)
    influence, means, words = np.zeros(len(treated)), [], set()
    for sign, rows in ((1, treated == 1), (-1, treated == 0)):
        model = _outcome_model(inputs, rows)
        mean = model.predicted[goal].mean()
        scored = model.matrix * model.slope[:, None]
        moved = np.linalg.lstsq(scored[rows].T @ model.matrix[rows], scored[goal].mean(axis=0), rcond=None)[0]
        influence[goal] += sign * (model.predicted[goal] - mean) / goal.sum()
        influence[rows] += sign * ((inputs.y - model.predicted) * (model.matrix @ moved))[rows]
        means.append(float(mean))
        words.add(model.words)
    weights = propensity.weights("ATT" if att else "ATE").values  # for the overlap checks only
    return Means(*means, influence, weights, f"outcome regression, {' and '.join(sorted(words))}, M-estimation")


def aipw(inputs: Inputs, propensity: Propensity, att: bool, folds: int) -> Means:
    """Return the doubly robust means (module docstring of observational_aipw), weights normalised to sum to one.

    folds above 1: each person's chance and outcomes are predicted by models fitted on the other folds (cross-fitting,
    Chernozhukov et al. 2018, Econometrics Journal 21(1)), so that flexible models do not fit their own noise.
    """
    treated = inputs.roles["treatment"]
    goal = treated == 1 if att else np.ones(len(treated), bool)
    chance, predictions, words = _predictions(inputs, propensity, att, folds)
    weights = weights_from(treated, chance, "ATT" if att else "ATE")[0]
    influence, means = np.zeros(len(treated)), []
    for sign, rows, predicted in ((1, treated == 1, predictions[1]), (-1, treated == 0, predictions[0])):
        rest = (inputs.y - predicted)[rows]
        shift = np.average(rest, weights=weights[rows])
        mean = predicted[goal].mean()
        influence[goal] += sign * (predicted[goal] - mean) / goal.sum()
        influence[rows] += sign * weights[rows] / weights[rows].sum() * (rest - shift)
        means.append(float(mean + shift))
    fitted = f", {folds}-fold cross-fitting" if folds > 1 else ""
    return Means(*means, influence, weights, f"AIPW, {words}{fitted}, influence function")


def _predictions(inputs: Inputs, propensity: Propensity, att: bool, folds: int):
    """Return (chance of taking part, {group: outcome it would have there}, words); for the ATT no model is needed of
    the participants' own outcome with the programme: it cancels, so that nought stands for it.
    """
    treated, groups = propensity.treated, (0,) if att else (1, 0)
    chance, predictions, words = propensity.chance.copy(), {1: np.zeros(len(treated)), 0: np.zeros(len(treated))}, ""
    fold = _folds(treated, folds, inputs.seed)
    for held_out in range(folds):
        here = fold == held_out
        train = ~here if folds > 1 else here
        if folds > 1:
            chance[here] = _chance_elsewhere(inputs, train, f"without fold {held_out + 1} of {folds}")[here]
        for group in groups:
            model = _outcome_model(inputs, train & (treated == group))
            predictions[group][here], words = model.predicted[here], model.words
    return chance, predictions, f"logistic propensity and {words} outcome model"


def _chance_elsewhere(inputs: Inputs, train: np.ndarray, where: str) -> np.ndarray:
    """Return everyone's chance of taking part by the logistic model of the people in `train`."""
    matrix = design_matrix(inputs.covariates.to_numpy(), train)
    fitted = logistic(inputs.roles["treatment"][train], matrix[train], matrix)
    if fitted is None:
        raise DesignError(
            f"Design {inputs.type}: {where} the covariates predict taking part perfectly, so no one is comparable.",
            "Use fewer folds, or merge rare categories.",
        )
    return fitted


def _folds(treated: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each person, drawn by chance within each group so that every fold holds both."""
    rng, fold = np.random.default_rng(seed), np.empty(len(treated), int)
    for group in (1, 0):
        rows = np.flatnonzero(treated == group)
        if len(rows) < 2 * folds:
            raise DesignError(
                f"Cross-fitting: {len(rows)} people with treatment = {group} do not fill {folds} folds.",
                "Use fewer folds.",
            )
        fold[rows] = rng.permutation(len(rows)) % folds
    return fold


@dataclass(frozen=True)
class _Model:
    """An outcome model: predictions for everyone, their slope in the linear predictor, the matrix, its name."""

    predicted: np.ndarray
    slope: np.ndarray
    matrix: np.ndarray
    words: str


def _outcome_model(inputs: Inputs, rows: np.ndarray) -> _Model:
    """Fit the outcome on `rows`: logistic for 0/1 outcomes it does not separate, else linear."""
    matrix = design_matrix(inputs.covariates.to_numpy(), rows)
    y = inputs.y[rows]
    if inputs.binary and np.ptp(y) > 0:
        fitted = logistic(y, matrix[rows], matrix)
        if fitted is not None:
            return _Model(fitted, fitted * (1 - fitted), matrix, "logistic")
    coefficients = np.linalg.lstsq(matrix[rows], y, rcond=None)[0]
    return _Model(matrix @ coefficients, np.ones(len(matrix)), matrix, "linear")
