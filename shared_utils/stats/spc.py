"""Control charts: is an indicator changing, or just varying?

Charts: XmR (Shewhart 1931; constants 2.66 and 3.267, Wheeler), p and u, and Laney's p' and u' for large or
over-dispersed denominators (Laney 2002, Improved control charts for attributes, Quality Engineering 14(4)).
Rules and icons of NHS England's Making Data Count. Limits come from the first usable points, 12 or more, and are
then locked, as is the kind of chart; new limits are made only where a person says so (`rebased`). Months with an
assigned cause (a pandemic) are drawn, but neither make limits nor count for a rule, and a run ends there.

Rules: 1 one point outside the limits; 2 seven or more in a row on one side of the centre (a point on the
centre ends the run); 3 seven in a row rising or falling (shown, but never an icon by itself: simulations
find it nearly useless, Anhoj and Olesen 2014); 4 two of three in a row beyond two thirds of the way to the
same limit.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

KINDS = ("p", "p_prime", "u", "u_prime", "xmr")
MIN_POINTS, BASELINE, RUN = 6, 12, 7
XMR, SCREEN, D2 = 2.66, 3.267, 1.128
SMALL_N, ENOUGH, LARGE_N, SIGMA_Z = 12, 0.8, 500, 1.2


@dataclass(frozen=True)
class SpcResult:
    """A chart. limits: one row a point with period, value, centre, lower, upper, excluded, rules (a tuple
    of 1..4).

    trial: fewer than 12 points made the limits. variation (improvement, concern, common_cause,
    not_assessed) is about the last usable point; assurance (reliably_meets, reliably_misses, hit_and_miss,
    not_assessed) about the target against the limits there. sigma_z is NaN for XmR.
    """

    kind: str
    centre: float
    limits: pd.DataFrame
    trial: bool
    n_baseline: int
    rules_hit: tuple
    variation: str
    assurance: str
    sigma_z: float


def chart(
    values,
    denominators=None,
    kind="xmr",
    baseline_n=BASELINE,
    excluded=None,
    direction="increase",
    target=None,
    periods=None,
    bounds=None,
    screen_outliers=True,
) -> SpcResult:
    """Return the chart of one indicator.

    values: what is plotted, a point a period in time order (a share 0-1 for p, a rate for u, any number for
        xmr); NaN is a gap. denominators: n of each point, needed for p, p_prime, u and u_prime.
    baseline_n: how many usable points make the limits, the first ones.
    excluded: True where a point has an assigned cause. direction: increase or decrease is better. target:
        on the scale of values. bounds: possible range; (0, 1) for p, (0, inf) for u, none for xmr by default.
    screen_outliers: leave moving ranges above 3.267 times their mean out once (xmr).
    With fewer than 6 usable points there are no limits (NaN) and nothing is assessed.
    """
    values = np.asarray(values, float)
    excluded = np.zeros(len(values), bool) if excluded is None else np.asarray(excluded, bool)
    n = _checked(values, denominators, kind, direction, excluded)
    usable = ~excluded & ~np.isnan(values)
    base = _baseline(values, excluded, baseline_n)
    if len(base) < MIN_POINTS:
        nothing = np.full(len(values), np.nan)
        return _result(
            kind,
            np.nan,
            nothing,
            nothing,
            nothing,
            values,
            excluded,
            periods,
            [()] * len(values),
            True,
            len(base),
            "not_assessed",
            "not_assessed",
            np.nan,
        )
    centre, sigma, sigma_z = _spread(values, n, kind, base, screen_outliers)
    sigma = np.broadcast_to(sigma, values.shape)
    low, high = bounds or {"p": (0, 1), "u": (0, np.inf)}.get(kind[0], (-np.inf, np.inf))
    lower, upper = np.maximum(centre - 3 * sigma, low), np.minimum(centre + 3 * sigma, high)
    rules = find_rules(values, centre, sigma, usable)
    last = np.flatnonzero(usable)[-1]
    return _result(
        kind,
        centre,
        lower,
        upper,
        np.full(len(values), centre),
        values,
        excluded,
        periods,
        rules,
        len(base) < BASELINE,
        len(base),
        _variation(values[last], centre, rules[last], direction),
        _assurance(target, lower[last], upper[last], direction),
        sigma_z,
    )


def choose_kind(values, denominators, stated, excluded=None, baseline_n=BASELINE) -> str:
    """Return the chart that fits the points that make the limits, for an indicator stated as a p, u or xmr chart.

    A p or u becomes its prime when the typical denominator is above 500 or sigma_z above 1.2. sigma_z of fewer than 12
    points decides nothing: one odd month among few would widen the limits that should show it. Without denominators,
    and for a p with fewer than 12 in more than a fifth of the points (or values that are no shares), it is xmr.
    """
    values = np.asarray(values, float)
    if stated == "xmr" or denominators is None:
        return "xmr"
    base = _baseline(values, np.zeros(len(values), bool) if excluded is None else excluded, baseline_n)
    known = ~np.isnan(values)
    n = np.where(known, np.asarray(denominators, float), 1.0)
    if np.isnan(n).any() or stated[0] == "p" and (values[known] > 1).any():
        return "xmr"
    if len(base) < MIN_POINTS:
        return stated
    if stated[0] == "p" and np.mean(n[base] >= SMALL_N) < ENOUGH:
        return "xmr"
    if stated.endswith("prime"):
        return stated
    prime = f"{stated}_prime"
    uneven = len(base) >= BASELINE and _spread(values, n, prime, base, True)[2] > SIGMA_Z
    wide = uneven or np.median(n[base]) > LARGE_N
    return prime if wide else stated


def rebased(before: SpcResult, after: SpcResult) -> SpcResult:
    """Return one chart of two stretches of an indicator: each point keeps the limits it was judged by, and the state is
    that of the later stretch."""
    limits = pd.concat([before.limits, after.limits], ignore_index=True)
    return replace(after, limits=limits, rules_hit=tuple(sorted({*before.rules_hit, *after.rules_hit})))


def find_rules(values, centre, sigma, usable) -> list[tuple]:
    """Return the rules each point takes part in. sigma: one third of the way from the centre to the limit,
    a point each.

    Runs are of consecutive points; a gap or an excluded point ends them.
    """
    hits = [set() for _ in values]
    for start, stop in _stretches(usable):
        part, width = values[start:stop], sigma[start:stop]
        gap = part - centre
        for i in np.flatnonzero(np.abs(gap) > 3 * width + 1e-12):
            hits[start + i].add(1)
        for side in (1, -1):
            for i in _runs(side * gap > 1e-12, RUN):
                hits[start + i].add(2)
            for i in _runs(side * np.diff(part) > 0, RUN - 1):
                hits[start + i] |= {3}
                hits[start + i + 1] |= {3}
            far = side * gap > 2 * width + 1e-12
            for i in range(len(part) - 1):
                window = np.flatnonzero(far[i : i + 3]) + i
                if len(window) >= 2:
                    for j in window:
                        hits[start + j].add(4)
    return [tuple(sorted(one)) for one in hits]


def _baseline(values, excluded, baseline_n) -> np.ndarray:
    """Positions of the points that make the limits: the first usable ones."""
    return np.flatnonzero(~np.asarray(excluded, bool) & ~np.isnan(values))[:baseline_n]


def _spread(values, n, kind, base, screen):
    """Centre, sigma (scalar or one a point) and Laney's sigma_z from the baseline points."""
    if kind == "xmr":
        ranges = np.abs(np.diff(values[base]))
        kept = ranges[ranges <= SCREEN * ranges.mean()] if screen else ranges
        return float(values[base].mean()), XMR * kept.mean() / 3, np.nan
    centre = float((values[base] * n[base]).sum() / n[base].sum())
    within = np.sqrt((centre * (1 - centre) if kind[0] == "p" else centre) / n)
    z = np.divide(values[base] - centre, within[base], out=np.zeros(len(base)), where=within[base] > 0)
    sigma_z = float(np.abs(np.diff(z)).mean() / D2)
    return centre, within * (max(1.0, sigma_z) if kind.endswith("prime") else 1.0), sigma_z


def _variation(value, centre, rules, direction) -> str:
    if not set(rules) & {1, 2, 4}:
        return "common_cause"
    return "improvement" if (value > centre) == (direction == "increase") else "concern"


def _assurance(target, lower, upper, direction) -> str:
    if target is None or np.isnan(target):
        return "not_assessed"
    if lower <= target <= upper:
        return "hit_and_miss"
    return "reliably_meets" if (target < lower) == (direction == "increase") else "reliably_misses"


def _stretches(usable):
    """(start, stop) of each unbroken stretch of usable points."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], usable.astype(int), [0]])))
    return list(zip(edges[::2], edges[1::2], strict=True))


def _runs(flags, length):
    """Positions that belong to a run of at least `length` true flags."""
    return [i for start, stop in _stretches(np.asarray(flags)) if stop - start >= length for i in range(start, stop)]


def _checked(values, denominators, kind, direction, excluded):
    if kind not in KINDS:
        raise ValueError(f"Chart kind {kind!r} does not exist; valid: {', '.join(KINDS)}.")
    if direction not in ("increase", "decrease"):
        raise ValueError(f"Direction {direction!r} does not exist; valid: increase, decrease.")
    if len(excluded) != len(values):
        raise ValueError("excluded needs one entry a point.")
    if kind == "xmr":
        return None
    if denominators is None:
        raise ValueError(f"A {kind} chart needs denominators.")
    n = np.asarray(denominators, float)
    known = ~np.isnan(values)
    if len(n) != len(values) or (np.isnan(n) | (n <= 0))[known].any():
        raise ValueError(f"A {kind} chart needs a denominator above zero for each value.")
    if kind[0] == "p" and ((values < 0) | (values > 1))[known].any():
        raise ValueError("A p chart plots shares between 0 and 1.")
    return np.where(known, n, 1.0)


def _result(
    kind,
    centre,
    lower,
    upper,
    centres,
    values,
    excluded,
    periods,
    rules,
    trial,
    n_baseline,
    variation,
    assurance,
    sigma_z,
) -> SpcResult:
    limits = pd.DataFrame(
        {
            "period": range(len(values)) if periods is None else periods,
            "value": values,
            "centre": centres,
            "lower": np.broadcast_to(lower, values.shape),
            "upper": np.broadcast_to(upper, values.shape),
            "excluded": excluded,
        }
    )
    limits["rules"] = pd.Series(rules, index=limits.index, dtype=object)
    return SpcResult(
        kind,
        centre,
        limits,
        trial,
        n_baseline,
        tuple(sorted(set().union(*rules))) if len(rules) else (),
        variation,
        assurance,
        sigma_z,
    )
