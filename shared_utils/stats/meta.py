"""What do several pilots say together, and may they be put together at all?

Model: random effects; between-pilot variance tau2 by restricted maximum likelihood (Viechtbauer 2005, J. Educ. Behav.
    Stat. 30(3)); interval by Hartung and Knapp (2001, Stat. Med. 20(24)) with the factor floored at 1, recommended for
    few studies of unequal precision (Rover, Knapp and Friede 2015, BMC Med. Res. Methodol. 15:99), t with k - 1.
    Prediction interval mu +/- t(k - 2) sqrt(tau2 + se2) (Higgins, Thompson and Spiegelhalter 2009, JRSS-A 172(1)).
    It falls short where tau is small beside the standard errors, because tau2 is then often estimated as 0: with nine
    pilots, tau .1 and errors of .05 to .25 it holds another pilot 87 times in 100, not 95 (Partlett and Riley 2017,
    Stat. Med. 36(2)); with three it is hardly ever too short, and hardly ever of use.
Rule: pool only three or more pilots of one domain and one kind of estimand, each with a current, unblinded, sound
    result, one contrast a city, and never stand-in data with a city's own (protocol 7.2.1). `pool` holds the rule.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

CLASSES = ("ITT", "ATT", "LOCAL_RD", "TOT_LATE")
COLUMNS = (
    "city", "domain", "estimand_class", "d", "se", "data_mode", "blocked", "blinded", "stale", "portfolio_contrast",
)  # fmt: skip
POOLED_FROM, DRAWN_FROM = 3, 5
LARGE = 0.25  # standard deviations: what the What Works Clearinghouse calls substantively important


@dataclass(frozen=True)
class RandomEffects:
    """mu with its interval [low, high] (floored Hartung-Knapp) and the range [prediction_low, prediction_high] in which
    the effect of another such pilot lies. se: that of the model; hk_se: Hartung-Knapp without the floor. q, q_p: test
    of no differences; i2: share of variation beyond chance (0-1); h2: total over chance variation."""

    k: int
    mu: float
    low: float
    high: float
    prediction_low: float
    prediction_high: float
    tau2: float
    se: float
    hk_se: float
    q: float
    q_p: float
    i2: float
    h2: float
    level: float

    @property
    def modified_hk_se(self) -> float:
        return max(self.hk_se, self.se)


@dataclass(frozen=True)
class Pooled:
    """result: None when not pooled, and `reasons` says why, in words. prediction: "drawn", or "text" below five pilots;
    too_wide: the prediction interval holds no effect and a large one alike, so it says nothing about another pilot.
    without: the pooled effect without each city in turn, None below four pilots."""

    k: int
    result: RandomEffects | None
    reasons: tuple[str, ...]
    prediction: str = ""
    too_wide: bool = False
    without: pd.DataFrame | None = None


def random_effects(y, se, level: float = 0.95) -> RandomEffects:
    """Return the random-effects summary of estimates y (k,) with standard errors se (k,).

    Raises ValueError below three estimates, and for one without a number or a standard error above 0.
    """
    y, se = np.asarray(y, float), np.asarray(se, float)
    k = len(y)
    if k < POOLED_FROM:
        raise ValueError(f"{k} estimates are too few to pool; show them side by side.")
    if not (np.isfinite(y).all() and np.isfinite(se).all() and (se > 0).all()):
        raise ValueError("Each estimate needs a value and a standard error above 0.")
    v = se**2
    tau2 = _reml(y, v)
    mu, se_model, q_factor = _weighted(y, v + tau2)
    hk_se = se_model * np.sqrt(q_factor)
    floored = max(hk_se, se_model)
    half = stats.t.ppf(0.5 + level / 2, k - 1) * floored
    reach = stats.t.ppf(0.5 + level / 2, k - 2) * np.sqrt(tau2 + floored**2)
    q = _weighted(y, v)[2] * (k - 1)
    w = 1 / v
    typical = (k - 1) * w.sum() / (w.sum() ** 2 - (w**2).sum())  # Higgins and Thompson 2002, equation 9
    h2 = (tau2 + typical) / typical
    interval = (mu - half, mu + half, mu - reach, mu + reach)
    return RandomEffects(
        k, mu, *map(float, interval), tau2, se_model, float(hk_se), float(q), float(stats.chi2.sf(q, k - 1)),
        float(tau2 / (tau2 + typical)), float(h2), level,
    )  # fmt: skip


def leave_one_out(y, se, names, level: float = 0.95) -> pd.DataFrame:
    """Return one row a name left out: without, mu, low, high, tau2. Raises ValueError below four estimates."""
    y, se = np.asarray(y, float), np.asarray(se, float)
    rows = []
    for i, name in enumerate(names):
        found = random_effects(np.delete(y, i), np.delete(se, i), level)
        rows.append({"without": name, "mu": found.mu, "low": found.low, "high": found.high, "tau2": found.tau2})
    return pd.DataFrame(rows)


def pool(estimates: pd.DataFrame, level: float = 0.95) -> Pooled:
    """Return the pooled effect of one domain's pilots, or why they are not pooled (protocol 7.2.1).

    estimates: one row a city with the columns of COLUMNS: d, se in standard deviations, more is better; estimand_class
    one of CLASSES; data_mode synthetic or city; blocked (a block flag), blinded, stale, portfolio_contrast: booleans.
    A forbidden mixture is an answer, not an error. Raises ValueError for a missing column, an unknown class or mode, or
    an estimate without a number.
    """
    _check(estimates)
    k, reasons = len(estimates), _against(estimates)
    if reasons:
        return Pooled(k, None, tuple(reasons))
    y, se = estimates["d"].to_numpy(float), estimates["se"].to_numpy(float)
    result = random_effects(y, se, level)
    return Pooled(
        k,
        result,
        (),
        "drawn" if k >= DRAWN_FROM else "text",
        result.prediction_low < 0 < result.prediction_high
        and max(-result.prediction_low, result.prediction_high) > LARGE,
        leave_one_out(y, se, estimates["city"], level) if k > POOLED_FROM else None,
    )


def _check(estimates: pd.DataFrame) -> None:
    missing = [name for name in COLUMNS if name not in estimates]
    if missing:
        raise ValueError(f"Estimates to pool lack {', '.join(missing)}. Needed: {', '.join(COLUMNS)}.")
    for column, valid in (("estimand_class", CLASSES), ("data_mode", ("synthetic", "city"))):
        unknown = set(estimates[column]) - set(valid)
        if unknown:
            raise ValueError(f"Unknown {column}: {', '.join(map(str, unknown))}. Valid: {', '.join(valid)}.")
    for column in ("blocked", "blinded", "stale", "portfolio_contrast"):
        if not estimates[column].isin([True, False]).all():
            raise ValueError(f"{column} must be true or false for every estimate; an unknown state is not a sound one.")
    numbers = estimates[["d", "se"]].to_numpy(float, na_value=np.nan)
    if not np.isfinite(numbers).all() or not (numbers[:, 1] > 0).all():
        raise ValueError(
            "Each estimate needs d and a standard error above 0; name a city that has none beside the pool."
        )


def _against(estimates: pd.DataFrame) -> list[str]:
    """What speaks against pooling these rows, in words; empty when nothing does."""
    reasons = []
    for column, words in (
        ("blocked", "a check failed that blocks the result"),
        ("blinded", "the result is still blinded"),
        ("stale", "the result is out of date"),
    ):
        reasons += [f"{city}: {words}" for city in estimates.loc[estimates[column].astype(bool), "city"]]
    beside = estimates.loc[~estimates["portfolio_contrast"].astype(bool), "city"]
    reasons += [f"{city}: only the contrast chosen in its plan may enter" for city in beside]
    twice = estimates.loc[estimates["city"].duplicated(), "city"].drop_duplicates()
    reasons += [f"{city}: more than one estimate" for city in twice]
    if estimates["data_mode"].nunique() > 1:
        reasons.append("synthetic stand-in data and a city's own data are never put together")
    for column, words in (("domain", "domains"), ("estimand_class", "kinds of estimand")):
        kinds = sorted(set(estimates[column]))
        if len(kinds) > 1:
            reasons.append(f"different {words}: {', '.join(kinds)}")
    if len(estimates) < POOLED_FROM:
        number = {0: "no pilot", 1: "one pilot only", 2: "two pilots are shown side by side"}[len(estimates)]
        reasons.append(f"{number}: pooling needs at least three")
    return reasons


def _weighted(y, variance) -> tuple[float, float, float]:
    """(weighted mean, its standard error, weighted squares around it over k - 1)."""
    w = 1 / variance
    mu = w @ y / w.sum()
    return float(mu), float(w.sum() ** -0.5), float(w @ (y - mu) ** 2 / (len(y) - 1))


def _reml(y, v) -> float:
    """tau2 of the largest restricted likelihood. A grid first: the likelihood of few studies can have two peaks."""

    def minus_log_likelihood(tau2):
        w = 1 / (v + tau2)
        return (-np.log(w).sum() + np.log(w.sum()) + w @ (y - w @ y / w.sum()) ** 2) / 2

    largest = np.ptp(y) ** 2
    if largest == 0:
        return 0.0
    grid = np.concatenate([[0.0], np.geomspace(largest * 1e-6, largest, 200)])
    best = int(np.argmin([minus_log_likelihood(tau2) for tau2 in grid]))
    around = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = optimize.minimize_scalar(minus_log_likelihood, bounds=around, method="bounded", options={"xatol": 1e-12})
    return float(found.x) if found.fun < minus_log_likelihood(0.0) else 0.0
