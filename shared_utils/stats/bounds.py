"""Between which values does the effect lie when some outcomes are missing, whatever the missing are like?

Lee: bounds for people whose outcome would be known in either group, if the programme moves everyone's chance of being
    seen in one direction only (monotonicity). Manski: worst and best case for everyone, from the possible outcomes
    alone; nothing is assumed and the bounds are wide.
Both come with the interval of Imbens and Manski (2004, Confidence intervals for partially identified parameters,
    Econometrica 72(6)), which covers the effect itself, not the whole set, at the given level.
Standard errors are sums of each person's influence, or each cluster's when whole clusters were drawn.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats


@dataclass(frozen=True)
class Bounds:
    """low, high: the effect lies between them; se_low, se_high: standard errors; ci_low, ci_high: the interval."""

    low: float
    high: float
    se_low: float
    se_high: float
    ci_low: float
    ci_high: float
    level: float


@dataclass(frozen=True)
class LeeBounds(Bounds):
    """trimmed: the group of whom more were seen ("treated" or "comparison"), whose highest or lowest outcomes are left
    out; trim_share: the share of its seen outcomes left out, averaged over strata."""

    trimmed: str
    trim_share: float


def lee(y, treated, observed, strata=None, weights=None, clusters=None, level: float = 0.95) -> LeeBounds:
    """Return the bounds of Lee (2009, Training, wages, and sample selection, Rev. Econ. Stud. 76(3), section 4).

    y: outcomes (n,), read only where observed; treated, observed: 0/1 (n,). The group of whom more were seen is
    trimmed: leaving out its highest outcomes gives the bound nearer to the other group from below, its lowest from
    above (one widely found package describes the two the wrong way round). strata: labels; bounds within each, averaged
    over the people of the other group who were seen, which never widens them. weights: for example one over the chance
    of assignment. clusters: labels of units drawn as a whole. Without the last two the standard errors are those of
    Lee's proposition 3. Raises ValueError where nobody of a group was seen, or strata disagree about which group was
    seen more, so that no one direction can hold.
    """
    y, d, s = _checked(y, treated, observed)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, float)
    cells = np.zeros(len(y), int) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    names = ["everyone"] if strata is None else np.unique(np.asarray(strata))
    trimmed = "treated" if _share(s, w * d) >= _share(s, w * (1 - d)) else "comparison"
    more = d if trimmed == "treated" else 1 - d
    size = np.bincount(cells, weights=w * s * (1 - more))
    share, both, influence = 0.0, np.zeros(2), np.zeros((2, len(y)))
    for cell, name in enumerate(names):
        inside = cells == cell
        shares = [_share(s, w * inside * group) for group in (more, 1 - more)]
        _need_one_direction(name, shares, trimmed)
        found, moves = _trimmed_difference(y, s, w * inside * more, w * inside * (1 - more), *shares)
        part = size[cell] / size.sum()
        both, share = both + part * found, share + part * (1 - shares[1] / shares[0])
        on_part = w * s * (1 - more) * (inside - part) / size.sum()  # the sizes of strata are estimated too
        influence += part * moves + on_part * found[:, None]
    if trimmed == "comparison":
        both, influence = -both[::-1], -influence[::-1]
    return LeeBounds(*_interval(both, influence, clusters, level), trimmed, float(share))


def manski(
    y, treated, observed, possible: tuple[float, float], weights=None, clusters=None, level: float = 0.95
) -> Bounds:
    """Return the worst and best case when every missing outcome may be anything possible (Manski 1990; Horowitz and
    Manski 2000, JASA 95, section 2).

    possible: smallest and largest outcome there can be, (0, 1) for shares. low: all missing treated at the smallest,
    all missing others at the largest; high: the reverse. Others as in `lee`. Raises ValueError for outcomes outside.
    """
    y, d, s = _checked(y, treated, observed)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, float)
    least, most = possible
    if not least < most or not np.isfinite([least, most]).all() or not ((y >= least) & (y <= most))[s == 1].all():
        raise ValueError(f"Worst and best cases need finite limits that hold every outcome; {possible} do not.")
    both, influence = [], []
    for fill_treated, fill_comparison in ((least, most), (most, least)):
        filled = np.where(s == 1, y, np.where(d == 1, fill_treated, fill_comparison))
        means = [np.average(filled, weights=w * group) for group in (d, 1 - d)]
        both.append(means[0] - means[1])
        moves = [w * g * (filled - m) / (w * g).sum() for g, m in zip((d, 1 - d), means, strict=True)]
        influence.append(moves[0] - moves[1])
    return Bounds(*_interval(np.array(both), np.array(influence), clusters, level))


def imbens_manski(low: float, high: float, se_low: float, se_high: float, level: float = 0.95) -> tuple[float, float]:
    """Return the interval that covers a value known to lie between two estimated bounds (their equations 6 and 7)."""
    width, largest = max(high - low, 0.0), max(se_low, se_high)
    if largest == 0:
        return low, high
    c = optimize.brentq(lambda c: stats.norm.cdf(c + width / largest) - stats.norm.cdf(-c) - level, 0, 10)
    return low - c * se_low, high + c * se_high


def _checked(y, treated, observed):
    """Outcomes with 0 where not seen, and the two 0/1 arrays; refuses what cannot be bounded."""
    y, d, s = (np.asarray(values, float) for values in (y, treated, observed))
    if not np.isin(np.concatenate([d, s]), (0.0, 1.0)).all():
        raise ValueError("`treated` and `observed` must be 0 or 1 in every row.")
    if not np.isfinite(y[s == 1]).all():
        raise ValueError("An outcome that counts as observed is missing or infinite; set `observed` to 0 there.")
    for group, name in ((1, "treated"), (0, "comparison")):
        if not s[d == group].any():
            raise ValueError(f"No outcome of the {name} group is known, so nothing can be bounded.")
    return np.where(s == 1, y, 0.0), d, s


def _need_one_direction(name, shares, trimmed: str) -> None:
    if not np.isfinite(shares).all() or min(shares) == 0:
        raise ValueError(f"Lee bounds, stratum '{name}': a group has nobody seen. Join it with another stratum.")
    if shares[1] > shares[0] + 1e-12:
        raise ValueError(
            f"Lee bounds, stratum '{name}': fewer of the {trimmed} group were seen than of the other, while overall "
            "more were. The bounds need one direction everywhere: join strata, or leave them out."
        )


def _share(s: np.ndarray, w: np.ndarray) -> float:
    return float(w @ s / w.sum()) if w.sum() > 0 else np.nan


def _trimmed_difference(y, s, more, less, share_more: float, share_less: float):
    """(bounds of mean over `more` trimmed less mean over `less`, each person's influence on them).

    more, less: weights of the two groups, zero outside. The influence is that of a trimmed mean whose trimming share is
    estimated; its variance is Lee's proposition 3.
    """
    kept = share_less / share_more
    mean_less = np.average(y, weights=less * s)
    on_less_share, on_more_share = (
        group * (s - share) / group.sum() for group, share in ((less, share_less), (more, share_more))
    )
    on_kept = kept * (on_less_share / share_less - on_more_share / share_more)
    on_less = less * s * (y - mean_less) / (less @ s)
    found, influence = [], []
    for sign in (1, -1):  # leave out the highest: lower bound; leave out the lowest: the same for -y
        mean, edge = _lowest_part(sign * y, more * s, kept)
        on_mean = more * s * (np.minimum(sign * y - edge, 0) - kept * (mean - edge)) / kept / (more @ s)
        found.append(sign * mean - mean_less)
        influence.append(sign * (on_mean + (edge - mean) / kept * on_kept) - on_less)
    return np.array(found), np.array(influence)


def _lowest_part(y, w, kept: float) -> tuple[float, float]:
    """(mean of the lowest `kept` share of the weight, the value where it ends); the one at the edge counts in part."""
    order = np.argsort(y[w > 0], kind="stable")
    y, w = y[w > 0][order], w[w > 0][order]
    inside = np.clip(kept * w.sum() - (np.cumsum(w) - w), 0, w)
    return float(inside @ y / inside.sum()), float(y[np.flatnonzero(inside > 1e-9 * w)[-1]])


def _interval(both, influence, clusters, level: float) -> tuple:
    low, high = (float(x) for x in both)
    se_low, se_high = (_se(moves, clusters) for moves in influence)
    return low, high, se_low, se_high, *imbens_manski(low, high, se_low, se_high, level), level


def _se(influence: np.ndarray, clusters) -> float:
    if clusters is not None:
        influence = np.bincount(np.unique(np.asarray(clusters), return_inverse=True)[1], weights=influence)
    return float(np.sqrt((influence**2).sum() * len(influence) / (len(influence) - 1)))
