"""Assignment audit (rule DQ109): do the shares assigned fit the stated chances?

An exact two-sided binomial test in each stratum; a p under 0.001 says that the assignment was not what the
plan states (or that the file is not the assignment). A draw of a fixed number of winners varies less than
the binomial, so it passes more easily; the rule looks for gross error, not for a loss of balance.
"""

import numpy as np
import pandas as pd
from scipy import stats

THRESHOLD = 0.001


def audit(assigned, strata, chance) -> pd.DataFrame:
    """Return one row a stratum: stratum, n, assigned, share, chance, p, compatible (p >= 0.001).

    assigned: 0/1; strata: labels or None for one stratum; chance: a number, or one a person (constant in a
        stratum).
    """
    assigned = np.asarray(assigned, float)
    table = pd.DataFrame(
        {
            "stratum": 0 if strata is None else np.asarray(strata),
            "assigned": assigned,
            "chance": np.broadcast_to(np.asarray(chance, float), assigned.shape),
        }
    )
    rows = []
    for stratum, group in table.groupby("stratum", sort=True):
        if group["chance"].nunique() > 1:
            raise ValueError(f"Stratum {stratum!r} has more than one chance of assignment.")
        n, k, stated = len(group), int(group["assigned"].sum()), float(group["chance"].iloc[0])
        p = float(stats.binomtest(k, n, stated).pvalue)
        rows.append(
            {
                "stratum": stratum,
                "n": n,
                "assigned": k,
                "share": k / n,
                "chance": stated,
                "p": p,
                "compatible": p >= THRESHOLD,
            }
        )
    return pd.DataFrame(rows)
