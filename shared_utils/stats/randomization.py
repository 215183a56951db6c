"""Randomisation inference: how often would chance alone give a difference this large?

Question: under the sharp null that the programme changes nobody's outcome, how unusual is the difference we
    saw among all assignments the draw could have produced?
Assumption: the assignment really was drawn at random within the strata (of whole clusters, when clusters were
    drawn). Nothing is assumed about the distribution of the outcome.
Statistic: the stratum-size-weighted difference in means of the outcome, after taking out covariates fitted
    without the treatment, so the statistic stays a function of the assignment alone (Rosenbaum 2002,
    Covariance Adjustment in Randomized Experiments, Statistical Science 17(3)).
p: (1 + draws at least as extreme) / (1 + draws), which is never zero and is valid for any number of draws
    (Phipson and Smyth 2010, Permutation P-values Should Never Be Zero).
"""

import numpy as np
import pandas as pd

CHUNK = 4_000_000  # random numbers held at once, about 32 MB


def ri_p(
    frame,
    outcome,
    treatment,
    strata=None,
    clusters=None,
    covariates=None,
    contrast=None,
    draws=2000,
    seed=0,
    alternative="two-sided",
) -> float:
    """Return the randomisation-inference p of `treatment` (0/1) on `outcome`, both columns of `frame`.

    strata, clusters: a column or a list of columns; draws stay within strata and move whole clusters.
    covariates: numeric columns taken out of the outcome first.
    contrast: (arm, other arm) when `treatment` holds arm names; only people of these two arms are permuted,
        which is exact for that pair given who was drawn into the remaining arms.
    Rows with a missing outcome are left out. Raises ValueError when an arm is empty.
    """
    used = frame[frame[outcome].notna()]
    if contrast is not None:
        used = used[used[treatment].isin(list(contrast))]
        assigned = (used[treatment] == contrast[0]).to_numpy(float)
    else:
        assigned = used[treatment].to_numpy(float)
    values = used[outcome].to_numpy(float)
    strata_codes = codes(used, strata)
    if covariates:
        values = residuals(values, used[list(covariates)].to_numpy(float), strata_codes)
    return permutation_p(values, assigned, strata_codes, codes(used, clusters), draws, seed, alternative)


def permutation_p(
    values, assigned, strata=None, clusters=None, draws=2000, seed=0, alternative="two-sided", weights=None
) -> float:
    """Return p for the difference in mean `values` between assigned 1 and 0 (arrays of equal length).

    strata: integer codes; the statistic weighs strata by their size. Strata with one arm only are left out.
    clusters: integer codes; whole clusters move, and a cluster lies in one stratum. weights: one a person;
    means and stratum sizes are then weighted.
    """
    values, assigned = np.asarray(values, float), np.asarray(assigned, float)
    if not 0 < assigned.sum() < len(assigned):
        raise ValueError("Both groups need at least one person.")
    strata = np.zeros(len(values), int) if strata is None else np.asarray(strata)
    clusters = np.arange(len(values)) if clusters is None else np.asarray(clusters)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, float)
    rng = np.random.default_rng(seed)
    observed, drawn, weight = 0.0, np.zeros(draws), 0.0
    for stratum in np.unique(strata):
        here = strata == stratum
        sums, sizes, treated = _cluster_totals(values[here], assigned[here], clusters[here], weights[here])
        if not 0 < treated.sum() < len(treated):
            continue
        weight += sizes.sum()
        first = np.flatnonzero(treated)[None, :]
        observed += sizes.sum() * _difference(sums, sizes, first)[0]
        drawn += sizes.sum() * _draw_differences(sums, sizes, int(treated.sum()), draws, rng)
    if weight == 0:
        raise ValueError("No stratum holds both groups.")
    return tail_share(observed / weight, drawn / weight, alternative)


def draw_assignments(assigned, strata=None, clusters=None, draws=2000, seed=0) -> np.ndarray:
    """Return re-drawn assignments, shape (draws, n), 0/1: permuted within strata, whole clusters together."""
    assigned = np.asarray(assigned, float)
    strata = np.zeros(len(assigned), int) if strata is None else np.asarray(strata)
    clusters = np.arange(len(assigned)) if clusters is None else np.asarray(clusters)
    rng = np.random.default_rng(seed)
    out = np.empty((draws, len(assigned)), dtype=np.float32)
    for stratum in np.unique(strata):
        here = np.flatnonzero(strata == stratum)
        _, first, code = np.unique(clusters[here], return_index=True, return_inverse=True)
        one_each = np.broadcast_to(assigned[here][first], (draws, len(first)))
        out[:, here] = rng.permuted(one_each, axis=1)[:, code]
    return out


def tail_share(observed: float, drawn: np.ndarray, alternative="two-sided") -> float:
    """Return (1 + draws at least as extreme as observed) / (1 + draws); ties count as extreme."""
    tolerance = 1e-9 * np.abs(drawn[np.isfinite(drawn)]).max(
        initial=abs(observed)
    )  # rounding is no difference
    if alternative == "greater":
        extreme = drawn >= observed - tolerance
    elif alternative == "less":
        extreme = drawn <= observed + tolerance
    else:
        extreme = np.abs(drawn) >= abs(observed) - tolerance
    return float((1 + extreme.sum()) / (1 + len(drawn)))


def residuals(values, covariates, strata=None) -> np.ndarray:
    """Return values minus their least-squares fit on an intercept, strata and covariates (no treatment)."""
    columns = [np.ones((len(values), 1)), np.asarray(covariates, float).reshape(len(values), -1)]
    if strata is not None:
        columns.append((np.asarray(strata)[:, None] == np.unique(strata)[None, 1:]).astype(float))
    design = np.hstack(columns)
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


def codes(frame, columns) -> np.ndarray | None:
    """Return integer codes of the combinations of one or several columns; None without columns."""
    if columns is None or len(columns) == 0:
        return None
    keys = [columns] if isinstance(columns, str) else list(columns)
    return pd.factorize(pd.MultiIndex.from_frame(frame[keys].astype(str)), sort=True)[0]


def _cluster_totals(values, assigned, clusters, weights):
    """Weighted sum of values, weight and treatment of each cluster; refuses a cluster with two treatments."""
    _, code = np.unique(clusters, return_inverse=True)
    treated = np.bincount(code, weights=assigned) / np.bincount(code)
    if not np.isin(treated, (0.0, 1.0)).all():
        raise ValueError("A cluster holds both groups: whole clusters must be assigned.")
    return np.bincount(code, weights=values * weights), np.bincount(code, weights=weights), treated


def _difference(sums, sizes, chosen):
    """Mean of the chosen clusters' people minus mean of the others', one number a row of `chosen`."""
    sum_1, size_1 = sums[chosen].sum(axis=1), sizes[chosen].sum(axis=1)
    return sum_1 / size_1 - (sums.sum() - sum_1) / (sizes.sum() - size_1)


def _draw_differences(sums, sizes, n_treated, draws, rng):
    step = max(1, CHUNK // len(sums))
    parts = []
    for start in range(0, draws, step):
        order = rng.random((min(step, draws - start), len(sums)))
        chosen = np.argpartition(order, n_treated - 1, axis=1)[:, :n_treated]
        parts.append(_difference(sums, sizes, chosen))
    return np.concatenate(parts) if parts else np.empty(0)
