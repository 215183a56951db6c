"""Instrumental variables with one instrument and one treatment received, shared by three designs.

2SLS by linearmodels (robust or clustered, with the small-sample factor). Beside it the Anderson-Rubin set
(Anderson and Rubin 1949): all effects b for which the reduced form of y - b d does not move with the
instrument. The residuals of that regression are linear in b, so its robust variance is a quadratic in b and
the set is the solution of one quadratic inequality (Fieller 1954): an interval, two disjoint rays, or the
whole line. It keeps its level however weak the instrument is. With one instrument it is never empty: it
always holds the 2SLS estimate, at which the reduced form of y - b d is exactly nought (an empty set needs
more instruments than treatments, and would speak against one of them).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs
from shared_utils.designs._regression import independent, strata_dummies

# What the Anderson-Rubin regression and 2SLS call each covariance of ours.
LINEARMODELS = {
    "HC0": {"cov_type": "robust", "debiased": False},
    "HC1": {"cov_type": "robust", "debiased": True},
    "classical": {"cov_type": "unadjusted", "debiased": True},
}


@dataclass(frozen=True)
class ConfidenceSet:
    """An Anderson-Rubin set: `low` and `high` of the smallest interval that holds it, its shape in words, the p of
    no effect, and its kind: interval, rays (all but what lies between two values) or everything.
    """

    low: float
    high: float
    text: str
    p: float
    kind: str


@dataclass(frozen=True)
class TwoStage:
    """2SLS and its parts: the effect, the first stage, the reduced form and the Anderson-Rubin set."""

    value: float
    se: float
    df: float
    first_stage: float
    first_stage_se: float
    reduced_form: float
    reduced_form_se: float
    f: float
    anderson_rubin: ConfidenceSet
    complier_mean: float
    covariance: str
    gamma: np.ndarray
    gamma_covariance: np.ndarray


def controls(inputs: Inputs) -> np.ndarray:
    """Intercept, stratum effects and covariates, shape (n, k)."""
    n = len(inputs.y)
    return independent(np.column_stack([np.ones(n), strata_dummies(inputs.strata, n), inputs.covariates.to_numpy()]))


def two_stage(inputs: Inputs, instrument: np.ndarray, received: np.ndarray, weights=None, se="HC1") -> TwoStage:
    """Return 2SLS of the outcome on `received`, instrumented by `instrument`, with strata and covariates.

    se: HC0, HC1 or classical; with clusters the covariance is clustered whatever `se` says. `complier_mean` is
    that of the outcome without taking part (Abadie 2003), and means nothing when `received` is not 0/1.
    """
    from linearmodels.iv import IV2SLS  # takes seconds to import, and most designs do not need it

    exog = controls(inputs)
    clusters = inputs.cluster
    clustered = {"cov_type": "clustered", "clusters": clusters, "debiased": True}
    cov = LINEARMODELS[se] if clusters is None else clustered
    try:
        fit = IV2SLS(inputs.y, exog, received, instrument, weights=weights).fit(**cov)
    except ValueError:  # linearmodels looks at the rank before anything else
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': covariates and strata determine who was assigned or "
            "who took part, so the effect of taking part cannot be told.",
            "Take the covariate that repeats the assignment or the take-up off the list, or use fewer strata.",
        ) from None
    gamma, covariance, df = reduced_forms(inputs.y, received, instrument, exog, clusters, weights, se)
    without = reduced_forms(inputs.y * (1 - received), 1 - received, instrument, exog, None, weights)[0]
    return TwoStage(
        value=float(fit.params.iloc[-1]),
        se=float(fit.std_errors.iloc[-1]),
        df=df,
        first_stage=gamma[1],
        first_stage_se=float(np.sqrt(covariance[1, 1])),
        reduced_form=gamma[0],
        reduced_form_se=float(np.sqrt(covariance[0, 0])),
        f=float(gamma[1] ** 2 / covariance[1, 1]),
        anderson_rubin=anderson_rubin(gamma, covariance, df, inputs.level),
        complier_mean=float(without[0] / without[1]),
        covariance=se if clusters is None else "clustered",
        gamma=gamma,
        gamma_covariance=covariance,
    )


def reduced_forms(y, received, instrument, exog, clusters=None, weights=None, se="HC1"):
    """Return the instrument's coefficients on (y, received), their joint 2 x 2 covariance and the degrees of freedom.

    Covariance: HC0, HC1 or classical; clustered with the usual small-sample factor and df = clusters - 1 where
    clusters are given.
    """
    root = np.ones(len(y)) if weights is None else np.sqrt(weights)
    basis = np.linalg.qr(exog * root[:, None])[0]
    moved = np.column_stack([instrument, y, received]) * root[:, None]
    moved -= basis @ (basis.T @ moved)  # what the controls leave of each (Frisch, Waugh and Lovell)
    z, outcomes = moved[:, 0], moved[:, 1:]
    gamma = z @ outcomes / (z @ z)
    errors = outcomes - z[:, None] * gamma
    n, k = len(y), exog.shape[1] + 1
    scores = errors * z[:, None]
    if clusters is not None:
        scores = np.column_stack([np.bincount(np.unique(clusters, return_inverse=True)[1], s) for s in scores.T])
        g = len(scores)
        return gamma, g / (g - 1) * (n - 1) / (n - k) * scores.T @ scores / (z @ z) ** 2, float(g - 1)
    if se == "classical":
        return gamma, errors.T @ errors / (n - k) / (z @ z), float(n - k)
    factor = n / (n - k) if se == "HC1" else 1.0
    return gamma, factor * scores.T @ scores / (z @ z) ** 2, float(n - k)


def anderson_rubin(gamma, covariance, df: float, level: float) -> ConfidenceSet:
    """Return the set of effects b with (g_y - b g_d)^2 <= c var(g_y - b g_d), c the F(1, df) quantile."""
    c = stats.f.ppf(level, 1, df)
    p = float(stats.f.sf(gamma[0] ** 2 / covariance[0, 0], 1, df))
    a = gamma[1] ** 2 - c * covariance[1, 1]
    b = gamma[0] * gamma[1] - c * covariance[0, 1]
    root = np.sqrt(max(b * b - a * (gamma[0] ** 2 - c * covariance[0, 0]), 0.0))
    if a == 0 or (a < 0 and root == 0):
        return ConfidenceSet(
            -np.inf, np.inf, "every value: the instrument is too weak to bound the effect", p, "everything"
        )
    low, high = sorted(((b - root) / a, (b + root) / a))
    if a > 0:
        return ConfidenceSet(low, high, f"{low:.4g} to {high:.4g}", p, "interval")
    return ConfidenceSet(-np.inf, np.inf, f"below {low:.4g} or above {high:.4g}", p, "rays")


def union_over_direct_effects(iv: TwoStage, d: float, level: float) -> tuple[float, float]:
    """Return the interval that holds the Anderson-Rubin set of every direct effect g of the instrument in [-d, d].

    The union of confidence intervals of Conley, Hansen and Rossi (2012, Plausibly exogenous, Review of Economics and
    Statistics 94(1), section III.A), with the sets of y - g z in place of 2SLS intervals so that it keeps its level
    with a weak instrument. g shifts the reduced form and nothing else, and the ends of an interval move one way in
    it, so the two extremes decide. The whole line where either of them is no interval.
    """
    shifts = (np.array([sign * d, 0.0]) for sign in (-1, 1))
    sets = [anderson_rubin(iv.gamma - shift, iv.gamma_covariance, iv.df, level) for shift in shifts]
    return min(one.low for one in sets), max(one.high for one in sets)
