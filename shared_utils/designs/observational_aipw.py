"""Observational comparison: what did taking part change for those who took part?

Question: the mean effect among participants (ATT), or among all (options.estimand: ATE).
Assumption in plain words: among people with the same covariates, who took part is unrelated to how they
    would have fared otherwise; and for every participant there are comparable people who did not take part.
    No data can show the first; a hidden reason to take part that also helps the outcome biases the result.
Estimator: augmented inverse-probability weighting (Robins, Rotnitzky and Zhao 1994; for the ATT, Moodie,
    Saarela and Stephens 2018; Sant'Anna and Zhao 2020): a logistic model of taking part, a model of the
    outcome in the comparison group (logistic for 0/1 outcomes, else linear), weights normalised to sum to
    one. Right when either model is. Covariates may be written spline(x): natural cubic spline with four
    knots (Harrell 2015).
Trimming: people whose chance of taking part is above options.ps_max (0.95; for the ATE also below 1 -
    ps_max) have no comparison; they are left out, the models are fitted again and the note says how many
    (Crump et al. 2009).
Variance: of the influence function, normal; it treats the fitted models as known, which is right to first
    order when both are (Tsiatis 2006, chapter 13).
Rows: main, and naive (difference in means, wrong: people chose).
Columns: ess (effective comparison sample), n_trimmed, max_smd (largest standardised difference after
    weighting).
"""

import warnings

import numpy as np
from statsmodels.genmod import families
from statsmodels.genmod.generalized_linear_model import GLM

from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs, Option, Spec, need_groups, need_variation
from shared_utils.designs._regression import adjusted, independent_columns
from shared_utils.designs._result import row
from shared_utils.designs.rct_individual import group_facts

MAX_SMD = 0.1
SPEC = Spec(
    columns={"treatment": "binary"},
    uses=("covariates",),
    splines=True,
    options={
        "estimand": Option("ATT", ("ATT", "ATE")),
        "ps_max": Option(0.95, low=0.5, high=1.0),
        "overlap_min_ess": Option(100, low=0),
    },
)


def estimate(inputs: Inputs) -> list[dict]:
    """Rows: main (ATT or ATE) and naive."""
    need_variation(inputs)
    kept, chance, n_trimmed = overlap(inputs)
    treated = kept.roles["treatment"]
    att = inputs.options["estimand"] == "ATT"
    value, influence, words = _att(kept, treated, chance) if att else _ate(kept, treated, chance)
    weights = comparison_weights(treated, chance, att)
    note = f"{n_trimmed} trimmed for lack of comparable people" if n_trimmed else ""
    naive = adjusted(inputs, {"treatment": inputs.roles["treatment"]}, "none", "HC2", covariates=False)
    facts = {
        "ess": effective_size(weights[treated == 0]),
        "n_trimmed": n_trimmed,
        "max_smd": float(np.abs(weighted_smd(kept, treated, weights)).max(initial=0)),
        **group_facts(kept, treated),
    }
    facts["mean_comparison"] = (
        float(kept.y[treated == 1].mean() - value)
        if att
        else float(np.average(kept.y[treated == 0], weights=weights[treated == 0]))
    )
    return [
        row(
            kept,
            estimand=inputs.options["estimand"],
            value=value,
            method=f"AIPW, {words}, influence function",
            se=influence.std(ddof=1) / np.sqrt(len(influence)),
            note=note,
            **facts,
        ),
        row(
            inputs,
            estimand="association",
            value=naive.value("treatment"),
            se=naive.se("treatment"),
            df=naive.df,
            method=naive.method,
            role="naive",
            note="biased: people chose whether to take part",
            **group_facts(inputs, inputs.roles["treatment"]),
        ),
    ]


def diagnose(inputs: Inputs) -> list[dict]:
    """Flags: trimmed people, effective comparison sample under overlap_min_ess, imbalance after weighting."""
    kept, chance, n_trimmed = overlap(inputs)
    treated = kept.roles["treatment"]
    weights = comparison_weights(treated, chance, inputs.options["estimand"] == "ATT")
    ess, smd = effective_size(weights[treated == 0]), weighted_smd(kept, treated, weights)
    checks = [
        (
            "overlap",
            "warn",
            n_trimmed > 0.05 * len(inputs.y),
            f"{n_trimmed} of {len(inputs.y)} people have no comparable others and are left out.",
        ),
        (
            "effective_sample",
            "serious",
            ess < inputs.options["overlap_min_ess"],
            f"After weighting the comparison group is worth {ess:.0f} people, under "
            f"{inputs.options['overlap_min_ess']}.",
        ),
        (
            "balance_after_weighting",
            "warn",
            np.abs(smd).max(initial=0) > MAX_SMD,
            f"After weighting the groups still differ by {np.abs(smd).max(initial=0):.2f} standard "
            f"deviations on {kept.covariates.columns[int(np.abs(smd).argmax())] if len(smd) else 'nothing'}.",
        ),
    ]
    return [
        {
            "code": code,
            "severity": severity,
            "scope": inputs.outcome,
            "message": message,
            "affects_primary": True,
        }
        for code, severity, failed, message in checks
        if failed
    ]


def overlap(inputs: Inputs) -> tuple[Inputs, np.ndarray, int]:
    """Return (inputs without people outside the common range, their chance of taking part, how many were
    trimmed).
    """
    need_groups(inputs, "treatment")
    if inputs.covariates.shape[1] == 0:
        raise DesignError(
            f"Design {inputs.type}: no covariate varies, so nothing makes the groups comparable.",
            "List the baseline covariates that drive taking part and the outcome.",
        )
    chance = propensity(inputs)
    keep = chance <= inputs.options["ps_max"]
    if inputs.options["estimand"] == "ATE":
        keep &= chance >= 1 - inputs.options["ps_max"]
    if keep.all():
        return inputs, chance, 0
    kept = inputs.keep(keep)
    need_groups(kept, "treatment")
    return kept, propensity(kept), int((~keep).sum())


def propensity(inputs: Inputs) -> np.ndarray:
    """Return the logistic chance of taking part; refuses covariates that predict it perfectly."""
    matrix = _design(inputs.covariates.to_numpy())
    fitted = _logistic(inputs.roles["treatment"], matrix, matrix)
    if fitted is None:
        raise DesignError(
            f"Design {inputs.type}: the covariates predict taking part perfectly, so no one is comparable.",
            "Take off covariates that define participation, or merge rare categories.",
        )
    return fitted


def comparison_weights(treated, chance, att: bool) -> np.ndarray:
    """Return weights that make the groups comparable: participants 1 and others e/(1-e), or 1/e and
    1/(1-e).
    """
    return (
        np.where(treated == 1, 1.0, chance / (1 - chance))
        if att
        else np.where(treated == 1, 1 / chance, 1 / (1 - chance))
    )


def effective_size(weights) -> float:
    """Return (sum w)^2 / sum w^2 (Kish)."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def weighted_smd(inputs: Inputs, treated, weights) -> np.ndarray:
    """Return weighted mean differences over the unweighted pooled standard deviation, one a covariate
    column.
    """
    table = inputs.covariates.to_numpy()
    one, zero = treated == 1, treated == 0
    gap = np.average(table[one], axis=0, weights=weights[one]) - np.average(
        table[zero], axis=0, weights=weights[zero]
    )
    spread = np.sqrt((table[one].var(axis=0, ddof=1) + table[zero].var(axis=0, ddof=1)) / 2)
    return np.divide(gap, spread, out=np.zeros_like(gap), where=spread > 0)


def _att(inputs: Inputs, treated, chance):
    """The normalised doubly robust ATT and its influence function."""
    predicted, words = _outcome_model(inputs, treated == 0)
    rest = inputs.y - predicted
    weights = (1 - treated) * chance / (1 - chance)
    first, second = rest[treated == 1].mean(), weights @ rest / weights.sum()
    influence = treated / treated.mean() * (rest - first) - weights / weights.mean() * (rest - second)
    return float(first - second), influence, words


def _ate(inputs: Inputs, treated, chance):
    """The normalised doubly robust ATE and its influence function."""
    value, influence = 0.0, np.zeros(len(treated))
    for sign, group, p in ((1, treated, chance), (-1, 1 - treated, 1 - chance)):
        predicted, words = _outcome_model(inputs, group == 1)
        weights = group / p
        shift = weights @ (inputs.y - predicted) / weights.sum()
        mean = predicted.mean() + shift
        value += sign * mean
        influence += sign * (
            predicted - mean + shift + weights / weights.mean() * (inputs.y - predicted - shift)
        )
    return float(value), influence, words


def _outcome_model(inputs: Inputs, rows):
    """Predictions for everyone of a model fitted on `rows`, and its name."""
    table = inputs.covariates.to_numpy()
    matrix = _design(table, rows)
    if inputs.binary and np.ptp(inputs.y[rows]) > 0:
        fitted = _logistic(inputs.y[rows], matrix[rows], matrix)
        if fitted is not None:
            return fitted, "logistic propensity and outcome models"
    coefficients = np.linalg.lstsq(matrix[rows], inputs.y[rows], rcond=None)[0]
    return matrix @ coefficients, "logistic propensity, linear outcome model"


def _design(table, rows=slice(None)):
    """Intercept and standardised covariates that are not collinear within `rows`."""
    scaled = (table - table.mean(axis=0)) / np.where(table.std(axis=0) > 0, table.std(axis=0), 1)
    matrix = np.column_stack([np.ones(len(table)), scaled])
    return matrix[:, independent_columns(matrix[rows])]


def _logistic(y, matrix, everyone):
    """Fitted chances for `everyone`, or None when the model separates the groups or does not converge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # separation is looked for below
        fit = GLM(y, matrix, family=families.Binomial()).fit(maxiter=100)
    fitted = fit.predict(matrix)
    separated = fitted[y == 1].min() > fitted[y == 0].max()  # then no finite estimate exists
    if separated or not fit.converged:
        return None
    return fit.predict(everyone)
