"""Attrition against the What Works Clearinghouse boundary.

WWC Standards Handbook 4.1, table II.1: the largest differential attrition that keeps the rating "low
attrition", by overall attrition, under cautious and optimistic assumptions about how strongly the outcome
drives who is missing. The boundary is read at the nearest whole percent of overall attrition. The
denominator is everyone assigned. It is a rating, never a p-value.
"""

import numpy as np

from shared_utils.stats import logistic
from shared_utils.stats.covariates import label_codes, numeric_columns

# fmt: off
CAUTIOUS = (
    5.7, 5.8, 5.9, 5.9, 6.0, 6.1, 6.2, 6.3, 6.3, 6.3, 6.3, 6.2, 6.2, 6.1, 6.0, 5.9, 5.9, 5.8,
    5.7, 5.5, 5.4, 5.3, 5.2, 5.1, 4.9, 4.8, 4.7, 4.5, 4.4, 4.3, 4.1, 4.0, 3.8, 3.6, 3.5, 3.3,
    3.2, 3.1, 2.9, 2.8, 2.6, 2.5, 2.3, 2.1, 2.0, 1.8, 1.6, 1.5, 1.3, 1.2, 1.0, 0.9, 0.7, 0.6,
    0.4, 0.3, 0.2, 0.0,
)
OPTIMISTIC = (
    10.0, 10.1, 10.2, 10.3, 10.4, 10.5, 10.7, 10.8, 10.9,
    10.9, 10.9, 10.9, 10.9, 10.8, 10.8, 10.7, 10.6, 10.5,
    10.3, 10.2, 10.0, 9.9, 9.7, 9.5, 9.4, 9.2, 9.0, 8.8, 8.6, 8.4, 8.2, 8.0, 7.8, 7.6, 7.4, 7.2,
    7.0, 6.7, 6.5, 6.3, 6.0, 5.8, 5.6, 5.3, 5.1, 4.9, 4.6, 4.4, 4.2, 3.9, 3.7, 3.5, 3.2, 3.0,
    2.8, 2.6, 2.3, 2.1, 1.9, 1.6, 1.4, 1.1, 0.9, 0.7, 0.5, 0.3,
)
# fmt: on


def wwc(overall: float, differential: float) -> dict:
    """Return {cautious_boundary, optimistic_boundary, cautious, optimistic} for shares between 0 and 1.

    A boundary is the largest differential attrition (as a share) that counts as low, or None where every
    difference counts as high. The verdicts are "low" or "high".
    """
    if not (0 <= overall <= 1 and 0 <= abs(differential) <= 1):
        raise ValueError(f"Attrition is a share between 0 and 1, not {overall} and {differential}.")
    percent = int(100 * overall + 0.5)
    result = {}
    for name, table in (("cautious", CAUTIOUS), ("optimistic", OPTIMISTIC)):
        boundary = table[percent] / 100 if percent < len(table) else None
        low = boundary is not None and abs(differential) <= boundary + 1e-9
        result |= {f"{name}_boundary": boundary, name: "low" if low else "high"}
    return result


def rates(n_treated: int, seen_treated: int, n_comparison: int, seen_comparison: int) -> dict:
    """Return {treated, comparison, overall, differential} attrition as shares of those assigned."""
    if min(n_treated, n_comparison) < 1 or seen_treated > n_treated or seen_comparison > n_comparison:
        raise ValueError("Each group needs someone assigned, and no more seen than assigned.")
    treated, comparison = 1 - seen_treated / n_treated, 1 - seen_comparison / n_comparison
    overall = 1 - (seen_treated + seen_comparison) / (n_treated + n_comparison)
    return {
        "treated": treated,
        "comparison": comparison,
        "overall": overall,
        "differential": abs(treated - comparison),
    }


def response_weights(frame, outcome: str, treatment: str, covariates: list[str]) -> np.ndarray:
    """Return one over everyone's modelled chance of having an outcome, shape (n,): inverse-probability weights.

    The chance is a logistic regression on the baseline covariates in each arm, because what makes people respond may
    differ between arms, and only then does it bias the comparison (Robins, Rotnitzky and Zhao 1995,
    Analysis of semiparametric regression models for repeated outcomes in the presence of missing data, JASA 90).
    It removes attrition bias when, given these, who is missing does not depend on the outcome. Treating the weights as
    known makes standard errors, if anything, too large. Everyone of an arm without missing outcomes has weight 1. A
    category all of whose members in an arm responded, or none, counts with the reference.
    Raises ValueError when nobody of an arm has an outcome, or when the model predicts some people's response perfectly;
    CovariateError for a covariate that cannot be used.
    """
    seen = frame[outcome].notna().to_numpy(float)
    arms, names = label_codes(frame[treatment])
    table, weights = numeric_columns(frame, list(covariates))[0].to_numpy(), np.ones(len(frame))
    for arm, name in enumerate(names):
        here = arms == arm
        if not seen[here].any():
            raise ValueError(f"Nobody with {treatment} = {name} has outcome '{outcome}': there is nothing to weight.")
        if not seen[here].all():
            own = table[here][:, logistic.tellable(seen[here], table[here])]
            weights[here] = 1 / logistic.chances(seen[here], np.column_stack([np.ones(len(own)), own]))[1]
    return weights
