"""Group-time effects of Callaway and Sant'Anna without covariates, in plain arrays, for the jackknife alone.

The estimates of did_staggered are the library's. Deleting one unit at a time needs the same points 48 times
over, and the library computes standard errors each time; these forty lines give the points. did_staggered
checks that they equal the library's on the full sample and otherwise does not use them.

    ATT(g, t) = weighted mean of Y_t - Y_base over cohort g, less that over units not yet treated at t or
                base, base = the last period before g (less the anticipated ones)
    att: mean over treated (g, t), weighted by the cohort's weight; event e: over g of ATT(g, g + e); group
        g: over t.
"""

import numpy as np


def effects(y, seen, start, weight, anticipation: int, never_only: bool, keep=None) -> dict:
    """Return {("att", 0): .., ("event", e): .., ("group", g): ..}; e in periods since start, g the code
    plus one.

    y, seen: (units, periods) outcomes and whether there is one; start: code of the first treated period,
    the number of periods for units that do not start; weight: one a unit; keep: units to use.
    """
    if keep is not None:
        y, seen, start, weight = y[keep], seen[keep], start[keep], weight[keep]
    cells, masses = _cells(y, seen, start, weight, anticipation, never_only)
    result = {("att", 0): _mean([(cells[g, t], masses[g]) for g, t in cells if t >= g - anticipation])}
    for e in sorted({t - g for g, t in cells}):
        result["event", e] = _mean([(cells[g, t], masses[g]) for g, t in cells if t - g == e])
    for g in sorted({g for g, _ in cells}):
        result["group", g + 1] = _mean(
            [(cells[g, t], 1.0) for k, t in cells if k == g and t >= g - anticipation]
        )
    return result


def _cells(y, seen, start, weight, anticipation, never_only):
    periods = y.shape[1]
    cells, masses = {}, {}
    for g in np.unique(start[start < periods]):
        base = g - 1 - anticipation
        if base < 0:
            continue
        masses[int(g)] = weight[start == g].sum()
        for t in range(periods):
            both = seen[:, t] & seen[:, base]
            others = (
                (start == periods) if never_only else (start > max(t, base) + anticipation) & (start != g)
            )
            own, other = (start == g) & both, ((start == periods) | others) & both
            if t == base or not own.any() or not other.any():
                continue
            change = y[:, t] - y[:, base]
            cells[int(g), t] = (
                weight[own] @ change[own] / weight[own].sum()
                - weight[other] @ change[other] / weight[other].sum()
            )
    return cells, masses


def _mean(pairs) -> float:
    if not pairs:
        return float("nan")
    values, weights = np.array(pairs).T
    return float(values @ weights / weights.sum())
