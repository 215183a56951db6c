"""Several tests at once: Holm for a family the decision reads, Benjamini-Hochberg where a share of errors
will do.

Holm (1979, Scand. J. Stat. 6) keeps the chance of any false claim in the family at alpha whatever the
dependence; Benjamini and Hochberg (1995, JRSS-B 57) keep the expected share of false claims. Missing p values
stay missing and do not count as tests. (statsmodels' multipletests gives the same numbers, but runs the
garbage collector on every call, which in a notebook takes longer than the analysis; the tests compare the
two.)
"""

import numpy as np
from scipy import stats


def holm(p) -> np.ndarray:
    """Return Holm-adjusted p values: (.030, .012) gives (.030, .024)."""
    return _known(p, _holm)


def bh(p) -> np.ndarray:
    """Return Benjamini-Hochberg q values."""
    return _known(p, stats.false_discovery_control)


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
