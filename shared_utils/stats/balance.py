"""Are the groups alike at the start?

Per covariate: Hedges g for numbers (Hedges 1981; the correction 1 - 3/(4N - 9) of the WWC Handbook 4.1) and
the Cox index for shares (log odds ratio / 1.65, Cox 1970). Bands of the WWC Handbook 4.1, section II.B: up
to 0.05 satisfied, up to 0.25 satisfied only with statistical adjustment, above not satisfied. Per-covariate
tests are not offered: they answer the wrong question.
All together: one randomisation-based omnibus test (Hansen and Bowers 2008, Covariate balance in simple,
stratified and clustered comparative studies, Statistical Science 23(2)): the Mahalanobis distance between
the groups' means, against its distribution over re-drawn assignments.
"""

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from shared_utils.stats import covariates as coding
from shared_utils.stats import randomization

SATISFIED, ADJUST = 0.05, 0.25
COLUMNS = [
    "covariate",
    "level",
    "mean_treated",
    "mean_comparison",
    "sd_treated",
    "sd_comparison",
    "difference",
    "d",
    "method",
    "wwc_band",
    "n_treated",
    "n_comparison",
]


def balance_table(frame: pd.DataFrame, group: str, covariates, weights: str | None = None) -> pd.DataFrame:
    """Return one row a covariate, or a row a level for text, with the columns of COLUMNS.

    group: column of 1 (treated) and 0. weights: column of weights above 0, for draws whose chances differ; means and
    shares are weighted, standard deviations are not, so that weights never change the unit of d (Stuart 2010, Matching
    methods for causal inference, Statistical Science 25(1), section 3).
    Numbers with two values 0 and 1 and levels of text use the Cox index (`level` is "" for 0/1 columns); other numbers
    Hedges g. Missing numbers are left out of their row and counted by n; missing text is the level "(missing)". Where d
    is not defined (no spread) it is NaN and the band is "".
    """
    treated = frame[group].to_numpy(float) == 1
    weight = np.ones(len(frame)) if weights is None else frame[weights].to_numpy(float)
    rows = []
    for name in covariates:
        if coding.is_text(frame[name]):
            words = coding.labels(frame[name])
            rows += [_row(name, level, (words == level).astype(float), treated, weight) for level in sorted(set(words))]
        else:
            values = pd.to_numeric(frame[name]).to_numpy(float, na_value=np.nan)
            rows.append(_row(name, "", values, treated, weight))
    return pd.DataFrame(rows, columns=COLUMNS)


def hedges_g(treated, comparison, difference: float | None = None) -> float:
    """Return (mean difference / pooled SD) x (1 - 3/(4N - 9)); NaN without spread. `difference`: a weighted one."""
    treated, comparison = np.asarray(treated, float), np.asarray(comparison, float)
    n1, n0 = len(treated), len(comparison)
    if min(n1, n0) < 2:
        return float("nan")
    pooled = np.sqrt(((n1 - 1) * treated.var(ddof=1) + (n0 - 1) * comparison.var(ddof=1)) / (n1 + n0 - 2))
    if pooled == 0:
        return float("nan")
    gap = treated.mean() - comparison.mean() if difference is None else difference
    return float(gap / pooled * (1 - 3 / (4 * (n1 + n0) - 9)))


def cox_index(share_treated: float, share_comparison: float) -> float:
    """Return [logit(p1) - logit(p0)] / 1.65 for shares strictly between 0 and 1, else NaN."""
    if not (0 < share_treated < 1 and 0 < share_comparison < 1):
        return float("nan")
    return float((_logit(share_treated) - _logit(share_comparison)) / 1.65)


def wwc_band(d: float) -> str:
    """Return satisfied, adjust or not_satisfied for a standardised difference; "" when it is not defined."""
    if np.isnan(d):
        return ""
    return "satisfied" if abs(d) <= SATISFIED else "adjust" if abs(d) <= ADJUST else "not_satisfied"


def omnibus_p(frame: pd.DataFrame, group: str, covariates, permute=None, draws=2000, seed=0) -> float:
    """Return the randomisation p that the groups' covariate means differ this much together.

    permute: {"strata": column(s) or None, "clusters": column(s) or None}; assignment is re-drawn within
    strata and by whole clusters. Text is one-hot; missing numbers get the mean and an indicator.
    """
    permute = permute or {}
    table, _ = coding.numeric_columns(frame, list(covariates))
    assigned = frame[group].to_numpy(float)
    strata = randomization.codes(frame, permute.get("strata"))
    values = table.to_numpy()
    if strata is not None:
        means = np.array([np.bincount(strata, weights=column) / np.bincount(strata) for column in values.T]).T
        values = values - means[strata]
    values = values - values.mean(axis=0)
    metric = np.linalg.pinv(np.cov(values, rowvar=False).reshape(values.shape[1], -1), hermitian=True)
    drawn = randomization.units(assigned, strata, randomization.codes(frame, permute.get("clusters")))
    totals = drawn.total(np.column_stack([values, np.ones(len(values))]))
    observed = drawn.treated @ totals
    if randomization.is_large(len(drawn.treated), draws):
        return _limit_p(observed[:-1], *drawn.moments(totals[:, :-1]))
    others = drawn.drawn_totals(totals, draws, np.random.default_rng(seed))
    distances = _distances(np.vstack([observed, others]), len(values), metric)
    return randomization.tail_share(distances[0], distances[1:], "greater")


def _distances(sums, n, metric) -> np.ndarray:
    """Squared distance of the groups' means; `sums`: what the treated add up to, and how many they are."""
    n1 = sums[:, -1:]
    gap = sums[:, :-1] * (1 / n1 + 1 / (n - n1))
    return np.einsum("ij,jk,ik->i", gap, metric, gap)


def _limit_p(sums, mean, covariance) -> float:
    """Chi-square p of the treated's sums in all assignments (Hansen and Bowers 2008, Statistical Science 23(2))."""
    gap, rank = sums - mean, np.linalg.matrix_rank(covariance, hermitian=True)
    return float(chdtrc(rank, gap @ np.linalg.pinv(covariance, hermitian=True) @ gap))


def _row(name, level, values, treated, weight) -> dict:
    known = ~np.isnan(values)
    one, zero = values[treated & known], values[~treated & known]
    binary = level != "" or bool(np.isin(values[known], (0.0, 1.0)).all())
    empty = min(len(one), len(zero)) == 0
    sides = (treated & known, ~treated & known)
    mean_1, mean_0 = (np.nan, np.nan) if empty else (np.average(values[s], weights=weight[s]) for s in sides)
    d = float("nan") if empty else cox_index(mean_1, mean_0) if binary else hedges_g(one, zero, mean_1 - mean_0)
    if binary and not empty and mean_1 == mean_0:
        d = 0.0
    return {
        "covariate": name,
        "level": level,
        "mean_treated": mean_1,
        "mean_comparison": mean_0,
        "sd_treated": _sd(one),
        "sd_comparison": _sd(zero),
        "difference": mean_1 - mean_0,
        "d": d,
        "method": "cox" if binary else "hedges_g",
        "wwc_band": wwc_band(d),
        "n_treated": len(one),
        "n_comparison": len(zero),
    }


def _sd(values) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _logit(p: float) -> float:
    return float(np.log(p / (1 - p)))
