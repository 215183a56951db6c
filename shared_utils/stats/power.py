"""What can a pilot of this size detect?

The minimum detectable effect (MDE) is the true effect that a two-sided test at `alpha` finds with
probability `power`: (t(1 - alpha/2, df) + t(power, df)) x standard error (Bloom 1995, Minimum detectable
effects, Evaluation Review 19(5); Dong and Maynard 2013, PowerUp!, J. Research on Educational Effectiveness
6(1)). Formulas, with sd the outcome's standard deviation, s the share treated and R2 the share of variance
that covariates explain:

    individual, arms            SE = sd sqrt((1 - R2) / (n s (1 - s)))
    lottery                     SE = sd sqrt((1 - R2) mean(1 / (p (1 - p))) / n), p each person's chance of being drawn
    cluster                     SE = sd sqrt((icc (1 - R2_between) + within (1 - R2) / m) / (s (1 - s) J))
    encouragement               SE of the invited-against-not difference / difference in taking part
    discontinuity               SE of the individual design x sqrt(2.75), the design effect of a cutoff at
                                the mean of a normal score (Goldberger 1972; Schochet 2008)
    time to event               SE of the log hazard ratio = 1 / sqrt(events s (1 - s) (1 - R2)) (Schoenfeld 1983,
                                Biometrics 39; Hsieh and Lavori 2000 for R2)
    interrupted time series     SE of the change in level by least squares on level, trend, step and change of trend
                                when errors follow an AR(1) process
    staggered, panel, synthetic control, observational: no closed form; from the standard error of a similar analysis
                                (of placebo places, of a placebo date), or by `mde_by_simulation`

Never computed from the effect that was found.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from shared_utils.errors import nearest

RD_DESIGN_EFFECT = 2.75
NORMAL = 1e6  # degrees of freedom of a normal reference; a finite number, so that it can stand in a record


def multiplier(df: float, alpha: float = 0.05, power: float = 0.80) -> float:
    """Return t(1 - alpha/2, df) + t(power, df): 2.882 for df 35."""
    return float(stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(power, df))


def mde(design_type: str, alpha: float = 0.05, power: float = 0.80, **inputs) -> dict:
    """Return {mde, multiplier, formula, inputs} of a design; inputs as in the design's function below.

    The MDE is in the unit of `sd` (1 gives standard deviations). Raises ValueError for an unknown type or
    input.
    """
    if design_type == "descriptive":
        raise ValueError("A descriptive design compares nothing, so there is no effect to detect.")
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
            f"unknown input '{unknown[0]}'.{nearest(unknown[0], valid)}" if unknown else f"'{needed[0]}' is not given."
        )
        raise ValueError(f"Power of {design_type}: {what} Inputs: {', '.join(valid)}.")
    se, df, tests, words = formula(**inputs)
    if not (np.isfinite(se) and se > 0 and df > 0):
        raise ValueError(f"Power of {design_type}: these inputs leave no degrees of freedom or no variance: {inputs}.")
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


@dataclass(frozen=True)
class SimulatedMde:
    """mde: the smallest effect found with `power`, between two effects of the grid; curve: the effects tried and their
    power; mc_se: Monte Carlo error of a power of that size."""

    mde: float
    curve: pd.DataFrame
    mc_se: float
    draws: int
    seed: int


def mde_by_simulation(
    frame: pd.DataFrame,
    p_of: Callable[[pd.DataFrame, float, np.random.Generator], float],
    effects,
    unit: str | None = None,
    draws: int = 400,
    power: float = 0.80,
    alpha: float = 0.05,
    seed: int = 0,
) -> SimulatedMde:
    """Return the MDE of an analysis without a formula, by planting effects into a city's own earlier data.

    frame: outcomes from before the pilot (or at baseline). In each draw its rows, or whole units when `unit` names
    their column, are sampled with replacement; a unit drawn twice gets two names. p_of(sample, effect, rng): assigns
    the sample as the design does, adds `effect` to the outcome of the treated and returns the planned analysis' p.
    effects: increasing, above 0, on the scale p_of adds; all effects use the same draws. Power does not fall with the
    effect, so the two between which `power` lies are found by halving. Time: draws x effects tried calls of p_of.
    Raises ValueError when the grid does not reach `power`, or when its first effect already passes it.
    """
    grid = np.asarray(effects, float)
    if len(grid) < 1 or not (np.diff(grid, prepend=0) > 0).all():
        raise ValueError("The effects to try must be above 0 and increasing.")
    found: dict[int, float] = {}
    below, above = -1, len(grid)  # what lies outside the grid is not known
    while above - below > 1:
        tried = (below + above) // 2
        found[tried] = _power_of(frame, p_of, grid[tried], unit, draws, alpha, seed)
        below, above = (below, tried) if found[tried] >= power else (tried, above)
    curve = pd.DataFrame({"effect": grid[sorted(found)], "power": [found[i] for i in sorted(found)]})
    if above == len(grid) or below < 0 and found[0] > power:
        where, end = ("larger", below) if above == len(grid) else ("smaller", above)
        raise ValueError(
            f"Simulated power: an effect of {grid[end]:g} is found in {found[end]:.0%} of draws; try {where} effects, "
            f"so that {power:.0%} lies between."
        )
    around = [i for i in (below, above) if i in found]
    mde = np.interp(power, [found[i] for i in around], grid[around])
    return SimulatedMde(float(mde), curve, float(np.sqrt(power * (1 - power) / draws)), draws, seed)


def _power_of(frame, p_of, effect: float, unit: str | None, draws: int, alpha: float, seed: int) -> float:
    """The share of draws in which an effect is found."""
    found = 0
    for draw in range(draws):
        sample = _resampled(frame, unit, np.random.default_rng([seed, draw]))
        p = p_of(sample, effect, np.random.default_rng([seed, draw, 1]))
        if not np.isfinite(p):
            raise ValueError(f"Simulated power: the analysis of draw {draw} gave no p value.")
        found += p < alpha
    return found / draws


def _resampled(frame: pd.DataFrame, unit: str | None, rng: np.random.Generator) -> pd.DataFrame:
    if unit is None:
        return frame.iloc[rng.integers(0, len(frame), len(frame))].reset_index(drop=True)
    codes, names = pd.factorize(frame[unit])
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    drawn = [rows[i] for i in rng.integers(0, len(names), len(names))]
    new = np.repeat(np.arange(len(drawn)), [len(part) for part in drawn])
    return frame.iloc[np.concatenate(drawn)].assign(**{unit: new}).reset_index(drop=True)


def exaggeration(effect: float, se: float, alpha: float = 0.05) -> dict:
    """Return {power, ratio, wrong_sign}: by how much a clear estimate overstates `effect` on average.

    Gelman and Carlin (2014), Beyond power calculations, Perspectives on Psychological Science 9(6): the
    mean absolute estimate given that it is significant, over the true effect; and the share of clear
    estimates with the wrong sign.
    """
    if effect == 0 or se <= 0:
        raise ValueError("The exaggeration ratio needs an effect other than zero and a standard error above zero.")
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


def _lottery(n, odds=4.0, sd=1.0, r2=0.0, strata=1):
    """n people in all; odds: mean over people of 1 / (p (1 - p)), p their chance of being drawn; 4 for one half."""
    se = sd * np.sqrt((1 - r2) * odds / n)
    return se, n - strata - 1, 1, "(t + t) sd sqrt((1 - R2) odds / n), odds = mean of 1 / (p (1 - p))"


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


def _survival(events, share=0.5, r2=0.0):
    """events: people with the event in all, not people followed; the MDE is a log hazard ratio."""
    se = 1 / np.sqrt(events * share * (1 - share) * (1 - r2))
    return se, NORMAL, 1, "(z + z) / sqrt(events s (1 - s) (1 - R2)), log hazard ratio"


def _interrupted(before, after, sd=1.0, autocorrelation=0.0):
    """before, after: periods on each side; sd: of the outcome around its trend; autocorrelation: of errors in a row."""
    time = np.arange(before + after)
    step = (time >= before).astype(float)
    design = np.column_stack([np.ones(len(time)), time, step, step * (time - before)])
    errors = sd**2 * autocorrelation ** np.abs(np.subtract.outer(time, time))
    bread = np.linalg.pinv(design)
    se = np.sqrt((bread @ errors @ bread.T)[2, 2])
    enough = min(before, after) >= 2
    words = "(t + t) x SE of the change in level, AR(1) errors"
    return se, len(time) - 4 if enough else 0, 1, words


def _similar(se, df=NORMAL):
    """se: standard error of a similar analysis, for example of a placebo date in the pre-period."""
    return se, df, 1, "(t + t) x standard error of a similar analysis"


FORMULAS = {
    "rct_individual": _individual,
    "rct_blocked_lottery": _lottery,
    "rct_multiarm": _multiarm,
    "rct_cluster": _cluster,
    "iv_encouragement": _encouragement,
    "rd": _discontinuity,
    "time_to_event": _survival,
    "interrupted_time_series": _interrupted,
    "did_staggered": _similar,
    "panel_did": _similar,
    "synthetic_control": _similar,
    "observational_aipw": _similar,
}
