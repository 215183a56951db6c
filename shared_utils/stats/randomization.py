"""Randomisation inference: how often would chance alone give a difference this large?

Question: under the sharp null that the programme changes nobody's outcome, how unusual is the difference we
    saw among all assignments the draw could have produced?
Assumption: the assignment really was drawn at random within the strata (of whole clusters, when clusters were
    drawn). Nothing is assumed about the distribution of the outcome.
Statistic: the stratum-size-weighted difference in means of the outcome, after taking out covariates fitted
    without the treatment, so the statistic stays a function of the assignment alone (Rosenbaum 2002,
    Covariance Adjustment in Randomized Experiments, Statistical Science 17(3)).
p: exact where the draw could have produced no more assignments than `draws`: the share of all of them, the actual
    one among them, with a difference at least as large. Otherwise (1 + draws at least as extreme) / (1 + draws),
    which is never zero and is valid for any number of draws (Phipson and Smyth 2010, Permutation P-values Should
    Never Be Zero). Where the draws would take more than LARGE numbers (2,000 draws of 50,000 people) nothing is drawn:
    the difference is then as good as normal, with the variance it has over all assignments (Li and Ding 2017, General
    Forms of Finite Population Central Limit Theorems, JASA 112(520)).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from math import comb

import numpy as np
import pandas as pd
from scipy.special import ndtr

CHUNK = 4_000_000  # random numbers held at once, about 32 MB
LARGE = 100_000_000  # random numbers that are drawn for one p at most
MANY = 20  # 20 of 40 people can be chosen in 137 thousand million ways


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
    means and stratum sizes are then weighted. Exact, whatever the seed, where there are at most `draws` assignments.
    """
    values, assigned = np.asarray(values, float), np.asarray(assigned, float)
    if not 0 < assigned.sum() < len(assigned):
        raise ValueError("Both groups need at least one person.")
    strata = np.zeros(len(values), int) if strata is None else np.asarray(strata)
    clusters = np.arange(len(values)) if clusters is None else np.asarray(clusters)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, float)
    within = (strata == stratum for stratum in np.unique(strata))
    cells = [_cluster_totals(values[s], assigned[s], clusters[s], weights[s]) for s in within]
    cells = [(sums, sizes, treated) for sums, sizes, treated in cells if 0 < treated.sum() < len(treated)]
    if not cells:
        raise ValueError("No stratum holds both groups.")
    if is_large(sum(len(treated) for _, _, treated in cells), draws):
        return _limit_p(cells, alternative)
    exact = few(((len(treated), int(treated.sum())) for _, _, treated in cells), draws)
    rng = np.random.default_rng(seed)
    observed, drawn = 0.0, np.zeros(1 if exact else draws)
    for sums, sizes, treated in cells:
        n_treated = int(treated.sum())
        observed += sizes.sum() * _difference(sums, sizes, np.flatnonzero(treated)[None, :])[0]
        if exact:
            every = np.array(list(combinations(range(len(sums)), n_treated)))
            drawn = np.add.outer(drawn, sizes.sum() * _difference(sums, sizes, every)).ravel()
        else:
            drawn += sizes.sum() * _draw_differences(sums, sizes, n_treated, draws, rng)
    weight = sum(sizes.sum() for _, sizes, _ in cells)
    if exact:
        return float(extreme(observed / weight, drawn / weight, alternative).mean())
    return tail_share(observed / weight, drawn / weight, alternative)


@dataclass(frozen=True)
class Units:
    """What was drawn, people or whole clusters: `treated` is one 0/1 a unit, `code` the unit of each row, `strata` the
    positions of each stratum's units.
    """

    treated: np.ndarray
    code: np.ndarray
    strata: list[np.ndarray]

    def few(self, limit: int) -> bool:
        """Return whether the draw could have produced at most `limit` assignments."""
        return few(((len(here), int(self.treated[here].sum())) for here in self.strata), limit)

    def total(self, values) -> np.ndarray:
        """Return the sum of each column of values (n, m) over the rows of a unit, shape (units, m)."""
        return np.column_stack([np.bincount(self.code, weights=column) for column in np.asarray(values, float).T])

    def drawn(self, draws: int, rng) -> np.ndarray:
        """Return assignments permuted within strata, shape (draws, units)."""
        out = np.empty((draws, len(self.treated)), dtype=np.float32)
        for here in self.strata:
            out[:, here] = rng.permuted(np.broadcast_to(self.treated[here], (draws, len(here))), axis=1)
        return out

    def drawn_totals(self, values, draws: int, rng) -> np.ndarray:
        """Return what the treated add up to in each of the `drawn` assignments, shape (draws, m), of values (units, m).

        The same draws, held for CHUNK units at a time.
        """
        out = np.zeros((draws, values.shape[1]))
        for here in self.strata:
            step = max(1, CHUNK // len(here))
            for start in range(0, draws, step):
                part = out[start : start + step]
                part += rng.permuted(np.broadcast_to(self.treated[here], (len(part), len(here))), axis=1) @ values[here]
        return out

    def moments(self, values) -> tuple[np.ndarray, np.ndarray]:
        """Return mean (m,) and covariance (m, m) over all assignments of what the treated add up to in values."""
        mean, covariance = 0, 0
        for here in self.strata:
            n, n_treated, own = len(here), self.treated[here].sum(), values[here]
            gap = own - own.mean(axis=0)
            mean = mean + n_treated * own.mean(axis=0)
            covariance = covariance + n_treated * (n - n_treated) / (n * max(n - 1, 1)) * (gap.T @ gap)
        return mean, covariance

    def every(self) -> np.ndarray:
        """Return all assignments, shape (assignments, units)."""
        chosen = list(product(*(combinations(here, int(self.treated[here].sum())) for here in self.strata)))
        out = np.zeros((len(chosen), len(self.treated)), dtype=np.float32)
        for row, picks in zip(out, chosen, strict=True):
            row[[unit for pick in picks for unit in pick]] = 1
        return out

    def assignments(self, draws: int, seed: int) -> Iterator[np.ndarray]:
        """Yield all assignments where there are at most `draws`, else that many drawn ones, a part at a time."""
        if self.few(draws):
            yield self.every()
            return
        rng, step = np.random.default_rng(seed), max(1, CHUNK // len(self.treated))
        for start in range(0, draws, step):
            yield self.drawn(min(step, draws - start), rng)


def units(assigned, strata=None, clusters=None) -> Units:
    """Return the units of a draw within strata (integer codes) of people or, with `clusters`, of whole clusters."""
    assigned = np.asarray(assigned, float)
    strata = np.zeros(len(assigned), int) if strata is None else np.asarray(strata)
    clusters = np.arange(len(assigned)) if clusters is None else np.asarray(clusters)
    _, first, code = np.unique(clusters, return_index=True, return_inverse=True)
    if (assigned != assigned[first][code]).any():
        raise ValueError("A cluster holds both groups: whole clusters must be assigned.")
    return Units(assigned[first], code, [np.flatnonzero(strata[first] == s) for s in np.unique(strata)])


def arm_statistics(values, arms, control, strata=None, weights=None, draws=2000, seed=0):
    """Return (t of each arm against control, shape (arms,); the same after drawing all arms anew, shape (draws, arms)).

    arms: one label a person; the columns are the other arms, sorted. Drawn anew within strata (integer codes), each
    arm as often as it was. t: weighted least squares on arm indicators and stratum effects over its robust standard
    error. Dividing by it keeps the comparison of one arm right in large samples when another arm does have an effect,
    though the draw supposes that none has (Chung and Romano 2016, Multivariate and multiple permutation tests, J.
    Econometrics 193(1)).
    """
    code = np.unique(np.where(arms == control, "", arms).astype(str), return_inverse=True)[1]  # control sorts first
    strata = np.zeros(len(code), int) if strata is None else np.unique(strata, return_inverse=True)[1]
    weights = np.ones(len(code)) if weights is None else np.asarray(weights, float)
    size = np.bincount(strata, weights=weights)

    def centred(column):
        return column - (np.bincount(strata, weights=weights * column) / size)[strata]

    y = centred(np.asarray(values, float))

    def statistics(code):
        x = np.column_stack([centred((code == arm).astype(float)) for arm in range(1, code.max() + 1)])
        bread = np.linalg.inv(x.T @ (x * weights[:, None]))
        scores = x * (weights * (y - x @ (bread @ (x.T @ (weights * y)))))[:, None]
        return bread @ (x.T @ (weights * y)) / np.sqrt(np.diag(bread @ (scores.T @ scores) @ bread))

    rng, groups = np.random.default_rng(seed), [np.flatnonzero(strata == s) for s in range(len(size))]
    drawn = np.empty((draws, code.max()))
    for draw in drawn:
        other = code.copy()
        for here in groups:
            other[here] = rng.permutation(code[here])
        draw[:] = statistics(other)
    return statistics(code), drawn


def few(groups, limit: int) -> bool:
    """Return whether choosing k of n in each (n, k) of groups can be done in at most `limit` ways."""
    ways = 1
    for n, k in groups:
        ways *= comb(n, min(k, n - k, MANY))  # beyond MANY of a group, the number has no use but its size
        if ways > limit:
            return False
    return True


def is_large(units: int, draws: int) -> bool:
    """Return whether so many draws of so many people or clusters are replaced by what they come to."""
    return units * draws > LARGE


def tail_share(observed: float, drawn: np.ndarray, alternative="two-sided") -> float:
    """Return (1 + draws at least as extreme as observed) / (1 + draws); ties count as extreme."""
    return float((1 + extreme(observed, drawn, alternative).sum()) / (1 + len(drawn)))


def extreme(observed: float, drawn: np.ndarray, alternative="two-sided") -> np.ndarray:
    """Return which draws are at least as extreme as observed; a difference by rounding is none."""
    tolerance = 1e-9 * np.abs(drawn[np.isfinite(drawn)]).max(initial=abs(observed))
    if alternative == "greater":
        return drawn >= observed - tolerance
    if alternative == "less":
        return drawn <= observed + tolerance
    return np.abs(drawn) >= abs(observed) - tolerance


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


def _limit_p(cells, alternative) -> float:
    """Normal p of the weighted difference over its variance in all assignments, ratio means linearised."""
    value = variance = 0.0
    for sums, sizes, treated in cells:
        n, n_treated = len(sums), treated.sum()
        value += sizes.sum() * _difference(sums, sizes, np.flatnonzero(treated)[None, :])[0]
        spread = np.var(sums - sizes * (sums.sum() / sizes.sum()), ddof=1) / sizes.mean() ** 2
        variance += sizes.sum() ** 2 * spread * n / (n_treated * (n - n_treated))
    z = value / np.sqrt(variance) if variance else 0.0
    return float({"greater": ndtr(-z), "less": ndtr(z)}.get(alternative, 2 * ndtr(-abs(z))))


def _draw_differences(sums, sizes, n_treated, draws, rng):
    step = max(1, CHUNK // len(sums))
    parts = []
    for start in range(0, draws, step):
        order = rng.random((min(step, draws - start), len(sums)))
        chosen = np.argpartition(order, n_treated - 1, axis=1)[:, :n_treated]
        parts.append(_difference(sums, sizes, chosen))
    return np.concatenate(parts) if parts else np.empty(0)
