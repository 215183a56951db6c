"""Several tests at once: Holm for a family the decision reads, Westfall-Young where one draw decided all of them,
Benjamini-Hochberg where a share of errors will do.

Holm (1979, Scand. J. Stat. 6) keeps the chance of any false claim in the family at alpha whatever the
dependence; Benjamini and Hochberg (1995, JRSS-B 57) keep the expected share of false claims. Missing p values
stay missing and do not count as tests. Westfall and Young (1993, Resampling-Based Multiple Testing, algorithm 2.8)
re-run the draw to learn how the tests move together, which loses less than Holm when outcomes are alike.
(statsmodels' multipletests gives the same Holm and Benjamini-Hochberg numbers, but runs the garbage collector on
every call, which in a notebook takes longer than the analysis; the tests compare the two.)
"""

import numpy as np
from scipy import stats

from shared_utils.stats import randomization


def holm(p) -> np.ndarray:
    """Return Holm-adjusted p values: (.030, .012) gives (.030, .024)."""
    return _known(p, _holm)


def bh(p) -> np.ndarray:
    """Return Benjamini-Hochberg q values."""
    return _known(p, stats.false_discovery_control)


def westfall_young(values, assigned, strata=None, clusters=None, draws=2000, seed=0) -> np.ndarray:
    """Return the step-down max-T adjusted p of each outcome of one randomised comparison, shape (m,).

    values: (n, m), one column an outcome, NaN where it is missing; assigned: 0/1; strata, clusters: integer codes.
    Statistic: the stratum-weighted difference in means over its own spread across assignments, so that all outcomes
    weigh alike; two-sided. The draw is repeated as it was made: within strata, whole clusters, the same numbers in
    each group. Exact where there are at most `draws` assignments. Raises ValueError when an outcome cannot vary.
    """
    values = np.asarray(values, float).reshape(len(assigned), -1)
    units = randomization.units(assigned, strata, clusters)
    drawn = [_differences(values, units, part) for part in units.assignments(draws, seed)]
    observed, drawn = _differences(values, units, units.treated[None, :])[0], np.concatenate(drawn)
    spread = np.sqrt((drawn**2).mean(axis=0))
    if not (np.isfinite(spread) & (spread > 0)).all():
        raise ValueError("An outcome is the same for everyone, or is missing in one of the groups: leave it out.")
    return step_down(observed / spread, drawn / spread, units.few(draws))


def step_down(observed, drawn, exact=False) -> np.ndarray:
    """Return step-down max-T adjusted p values from statistics (m,) and their re-randomised copies (draws, m).

    The hypotheses are taken from the largest |statistic| down; each is compared with the largest of those not yet
    passed. exact: `drawn` holds every assignment, the actual one among them.
    """
    order = np.argsort(-np.abs(observed), kind="stable")
    largest = np.maximum.accumulate(np.abs(drawn)[:, order[::-1]], axis=1)[:, ::-1]
    sizes = np.abs(observed)[order]
    further = [randomization.extreme(size, of_rest, "greater") for size, of_rest in zip(sizes, largest.T, strict=True)]
    share = [hits.mean() if exact else (1 + hits.sum()) / (1 + len(hits)) for hits in further]
    p = np.empty(len(order))
    p[order] = np.maximum.accumulate(share)
    return p


def _differences(values, units, assignments) -> np.ndarray:
    """Stratum-weighted differences in means of each outcome, one row an assignment of the units."""
    seen = ~np.isnan(values)
    sums, sizes = units.total(np.where(seen, values, 0.0)), units.total(seen)
    top, weight = 0.0, 0.0
    for here in units.strata:
        sum_1, size_1 = assignments[:, here] @ sums[here], assignments[:, here] @ sizes[here]
        sum_0, size_0 = sums[here].sum(axis=0) - sum_1, sizes[here].sum(axis=0) - size_1
        both = (size_1 > 0) & (size_0 > 0)
        gap = sum_1 / np.where(both, size_1, 1) - sum_0 / np.where(both, size_0, 1)
        top, weight = top + both * (size_1 + size_0) * gap, weight + both * (size_1 + size_0)
    return top / np.where(weight > 0, weight, np.nan)


def _holm(p) -> np.ndarray:
    order = np.argsort(p)
    steps = p[order] * np.arange(len(p), 0, -1)
    out = np.empty(len(p))
    out[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return out


def _known(p, method) -> np.ndarray:
    p = np.asarray(p, float)
    out = np.full(p.shape, np.nan)
    known = ~np.isnan(p)
    if known.any():
        out[known] = method(p[known])
    return out
