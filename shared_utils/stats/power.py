"""What can a pilot of this size detect?

The minimum detectable effect (MDE) is the true effect that a two-sided test at `alpha` finds with
probability `power`: (t(1 - alpha/2, df) + t(power, df)) x standard error (Bloom 1995, Minimum detectable
effects, Evaluation Review 19(5); Dong and Maynard 2013, PowerUp!, J. Research on Educational Effectiveness
6(1)). Formulas, with sd the outcome's standard deviation, s the share treated and R2 the share of variance
that covariates explain:

    individual, lottery, arms   SE = sd sqrt((1 - R2) / (n s (1 - s)))
    cluster                     SE = sd sqrt((icc (1 - R2_between) + within (1 - R2) / m) / (s (1 - s) J))
    encouragement               SE of the invited-against-not difference / difference in taking part
    discontinuity               SE of the individual design x sqrt(2.75), the design effect of a cutoff at
                                the mean of a normal score (Goldberger 1972; Schochet 2008)
    staggered, panel, observational: no closed form; from the standard error of a similar analysis

Never computed from the effect that was found.
"""

import inspect

import numpy as np
import pandas as pd
from scipy import stats

from shared_utils.errors import nearest

RD_DESIGN_EFFECT = 2.75


def multiplier(df: float, alpha: float = 0.05, power: float = 0.80) -> float:
    """Return t(1 - alpha/2, df) + t(power, df): 2.882 for df 35."""
    return float(stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(power, df))


def mde(design_type: str, alpha: float = 0.05, power: float = 0.80, **inputs) -> dict:
    """Return {mde, multiplier, formula, inputs} of a design; inputs as in the design's function below.

    The MDE is in the unit of `sd` (1 gives standard deviations). Raises ValueError for an unknown type or
    input.
    """
    if design_type not in FORMULAS:
        raise ValueError(
            f"No power formula for design type {design_type!r}.{nearest(design_type, FORMULAS)} "
            f"Valid: {', '.join(FORMULAS)}."
        )
    formula = FORMULAS[design_type]
    valid = inspect.signature(formula).parameters
    unknown = [name for name in inputs if name not in valid]
    needed = [name for name, p in valid.items() if p.default is p.empty and name not in inputs]
    if unknown or needed:
        what = (
            f"unknown input '{unknown[0]}'.{nearest(unknown[0], valid)}"
            if unknown
            else f"'{needed[0]}' is not given."
        )
        raise ValueError(f"Power of {design_type}: {what} Inputs: {', '.join(valid)}.")
    se, df, tests, words = formula(**inputs)
    if not (np.isfinite(se) and se > 0 and df > 0):
        raise ValueError(
            f"Power of {design_type}: these inputs leave no degrees of freedom or no variance: {inputs}."
        )
    m = multiplier(df, alpha / tests, power)
    return {
        "mde": m * se,
        "multiplier": m,
        "formula": words,
        "inputs": {**inputs, "alpha": alpha, "power": power, "df": df},
    }


def mde_curve(design_type: str, over: str, values, **inputs) -> pd.DataFrame:
    """Return columns [over, mde]: the MDE as one input takes each of `values`, the others fixed."""
    return pd.DataFrame(
        {over: list(values), "mde": [mde(design_type, **{**inputs, over: value})["mde"] for value in values]}
    )


def exaggeration(effect: float, se: float, alpha: float = 0.05) -> dict:
    """Return {power, ratio, wrong_sign}: by how much a clear estimate overstates `effect` on average.

    Gelman and Carlin (2014), Beyond power calculations, Perspectives on Psychological Science 9(6): the
    mean absolute estimate given that it is significant, over the true effect; and the share of clear
    estimates with the wrong sign.
    """
    if effect == 0 or se <= 0:
        raise ValueError(
            "The exaggeration ratio needs an effect other than zero and a standard error above zero."
        )
    size, cut = abs(effect) / se, stats.norm.ppf(1 - alpha / 2)
    right, wrong = stats.norm.sf(cut - size), stats.norm.sf(cut + size)
    mean = (size * right + stats.norm.pdf(cut - size)) + (-size * wrong + stats.norm.pdf(cut + size))
    return {
        "power": float(right + wrong),
        "ratio": float(mean / (right + wrong) / size),
        "wrong_sign": float(wrong / (right + wrong)),
    }


def _individual(n, share=0.5, sd=1.0, r2=0.0, strata=1):
    """n people in all; strata: number of strata or blocks (each costs a degree of freedom)."""
    return (
        sd * np.sqrt((1 - r2) / (n * share * (1 - share))),
        n - strata - 1,
        1,
        "(t + t) sd sqrt((1 - R2) / (n s (1 - s)))",
    )


def _multiarm(n_arm, contrasts=2, sd=1.0, r2=0.0, strata=1):
    """n_arm people in each arm; the first step of Holm tests each of `contrasts` at alpha / contrasts."""
    arms = contrasts + 1
    return (
        sd * np.sqrt(2 * (1 - r2) / n_arm),
        arms * n_arm - strata - contrasts,
        contrasts,
        "(t + t) sd sqrt(2 (1 - R2) / n_arm), alpha / contrasts",
    )


def _cluster(clusters, size, icc, share=0.5, sd=1.0, r2=0.0, r2_between=0.0, within=None, strata=1, df=None):
    """size: people a cluster; icc: share of variance between clusters; within: variance share within (1 -
    icc).
    """
    within = 1 - icc if within is None else within
    variance = icc * (1 - r2_between) + within * (1 - r2) / size
    return (
        sd * np.sqrt(variance / (share * (1 - share) * clusters)),
        clusters - strata - 1 if df is None else df,
        1,
        "(t + t) sd sqrt((icc (1 - R2b) + within (1 - R2) / m) / (s (1 - s) J))",
    )


def _encouragement(n, takeup_difference, share=0.5, sd=1.0, r2=0.0, strata=1):
    """takeup_difference: share taking part among the invited less that among the others."""
    se, df, tests, words = _individual(n, share, sd, r2, strata)
    return se / takeup_difference, df, tests, f"{words} / take-up difference"


def _discontinuity(n, share=0.5, sd=1.0, r2=0.0, design_effect=RD_DESIGN_EFFECT):
    """n people near enough to the cutoff to be used; share of them eligible."""
    se, df, tests, words = _individual(n, share, sd, r2)
    return se * np.sqrt(design_effect), df - 2, tests, f"{words} x sqrt(design effect {design_effect})"


def _similar(se, df=1e6):
    """se: standard error of a similar analysis, for example of a placebo date in the pre-period."""
    return se, df, 1, "(t + t) x standard error of a similar analysis"


FORMULAS = {
    "rct_individual": _individual,
    "rct_blocked_lottery": _individual,
    "rct_multiarm": _multiarm,
    "rct_cluster": _cluster,
    "iv_encouragement": _encouragement,
    "rd": _discontinuity,
    "did_staggered": _similar,
    "panel_did": _similar,
    "observational_aipw": _similar,
}
