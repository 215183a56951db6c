"""Several tests at once: Holm for a family the decision reads, Benjamini-Hochberg where a share of errors
will do.

Holm (1979, Scand. J. Stat. 6) keeps the chance of any false claim in the family at alpha whatever the
dependence; Benjamini and Hochberg (1995, JRSS-B 57) keep the expected share of false claims. Both by
statsmodels. Missing p values stay missing and do not count as tests.
"""

import numpy as np
from statsmodels.stats.multitest import multipletests


def holm(p) -> np.ndarray:
    """Return Holm-adjusted p values: (.030, .012) gives (.030, .024)."""
    return _adjusted(p, "holm")


def bh(p) -> np.ndarray:
    """Return Benjamini-Hochberg q values."""
    return _adjusted(p, "fdr_bh")


def _adjusted(p, method) -> np.ndarray:
    p = np.asarray(p, float)
    out = np.full(p.shape, np.nan)
    known = ~np.isnan(p)
    if known.any():
        out[known] = multipletests(p[known], method=method)[1]
    return out
