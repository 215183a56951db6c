"""Nearest-neighbour matching on the propensity score, with replacement, and its standard error.

Each person is compared with the NEIGHBOURS people of the other group whose logit of taking part is nearest, at most
CALIPER standard deviations of the logit away (Rosenbaum and Rubin 1985, American Statistician 39(1); Austin 2011,
Pharmaceutical Statistics 10(2)); whoever has none is left out and counted. People as near as the last of them share
its place, so that no order of rows decides. For the ATT only participants are matched, for the ATE everyone.
Variance: that of Abadie and Imbens (2006, Large sample properties of matching estimators for average treatment
effects, Econometrica 74(1), theorem 7) for a known score. With K_i the sum and K2_i the sum of squares of the shares
person i has in others' comparisons, and s2_i the variance of the outcome given the score, from the nearest people of
the same group:

    ATT  sum over participants of (y_i - y^_i - t)^2 + sum over others of (K_i^2 - K2_i) s2_i,  over n_1^2
    ATE  sum of (t_i - t)^2 + sum of (K_i^2 + 2 K_i - K2_i) s2_i,                               over n^2

plus the correction for having estimated the score (Abadie and Imbens 2016, Matching on the estimated propensity score,
Econometrica 84(2), theorems 1 and 2), where V is the covariance of the logistic coefficients, f = e (1 - e), and means
and covariances given the score are those among the nearest people of a group:

    ATE  - c'V c,          c = mean of f [cov(x, y(1) | e) / e + cov(x, y(0) | e) / (1 - e)]
    ATT  - c'V c + g'V g,  g = sum of f x [E(y(1) | e) - E(y(0) | e) - t] over n_1,
                           c = g + sum of f [cov(x, y(1) | e) + e / (1 - e) cov(x, y(0) | e)] over n_1

Where so few people are compared that this leaves nothing, the variance for a known score stands (it is wider). The
bootstrap is no remedy (Abadie and Imbens 2008, Econometrica 76(6)).
"""

from dataclasses import dataclass

import numpy as np

from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs
from shared_utils.designs._weighting import Weights

NEIGHBOURS = 3
CALIPER = 0.2


@dataclass(frozen=True)
class Matched:
    """Mean outcome of the matched people with and without the programme, the standard error of the difference, which
    people are left once those without a match are out, their parts in the two means, and the method in words.
    """

    treated: float
    comparison: float
    se: float
    left: np.ndarray
    weights: np.ndarray
    words: str = f"matching, nearest {NEIGHBOURS} on the logit, caliper {CALIPER} SD, Abadie-Imbens"

    @property
    def value(self) -> float:
        return self.treated - self.comparison


def match(inputs: Inputs, model: Weights, att: bool) -> Matched:
    """Return the matched comparison of participants (att) or everyone; `model` holds the chance of taking part."""
    y, treated = inputs.y, inputs.roles["treatment"] == 1
    score = np.log(model.chance / (1 - model.chance))
    goal = treated if att else np.ones(len(y), bool)
    who, partner, share = _pairs(score, treated, goal)
    found = np.bincount(who, minlength=len(y)) > 0
    if found.sum() < 2:
        raise DesignError(
            f"Matching: no one has a match within {CALIPER} standard deviations of the logit.",
            "The groups do not overlap; use fewer covariates or another estimator.",
        )
    other = np.bincount(who, share * y[partner], minlength=len(y))
    with_it, without = np.where(treated, y, other)[found], np.where(treated, other, y)[found]
    used, squares = (np.bincount(partner, share**power, minlength=len(y)) for power in (1, 2))
    effects = with_it - without
    extra = used**2 - squares + 2 * used * found  # who is matched and a match counts in both ways
    variance = ((effects - effects.mean()) ** 2).sum() + (extra * _outcome_variance(y, score, treated)).sum()
    variance /= found.sum() ** 2
    correction = _estimated_score(y, score, model, effects.mean(), att)
    se = float(np.sqrt(variance + correction if variance + correction > 0 else variance))
    left = found | ~goal
    return Matched(float(with_it.mean()), float(without.mean()), se, left, (found + used)[left])


def _estimated_score(y: np.ndarray, score: np.ndarray, model: Weights, effect: float, att: bool) -> float:
    """Return what estimating the score adds to the variance (negative: it takes away)."""
    e, x = model.chance[:, None], model.matrix
    f = e * (1 - e)
    covariance = np.linalg.pinv((f * x).T @ x)
    (one, with_it), (zero, without) = (_given_score(y, x, score, model.treated == group) for group in (1, 0))
    if not att:
        c = (f * (with_it / e + without / (1 - e))).mean(axis=0)
        return float(-c @ covariance @ c)
    g = (f * x * (one - zero - effect)[:, None]).sum(axis=0) / model.treated.sum()
    c = g + (f * (with_it + e / (1 - e) * without)).sum(axis=0) / model.treated.sum()
    return float(g @ covariance @ g - c @ covariance @ c)


def _given_score(y: np.ndarray, x: np.ndarray, score: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (mean of y, covariance of each column of x with y) among the people of `group` nearest to each person."""
    order, first, last = _windows(score[group], score, NEIGHBOURS + 1, np.inf)

    def total(values):
        running = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values[group][order], axis=0)])
        return running[last] - running[first]

    count = (last - first)[:, None]
    mean = total(y[:, None]) / count
    return mean[:, 0], (total(x * y[:, None]) - total(x) * mean) / (count - 1)


def _pairs(score: np.ndarray, treated: np.ndarray, goal: np.ndarray):
    """Return (person, match, the match's share of the comparison), one entry a pair; shares of a person sum to one."""
    caliper = CALIPER * score.std(ddof=1)
    who, partner, share = [], [], []
    for rows, pool in ((np.flatnonzero(treated & goal), ~treated), (np.flatnonzero(~treated & goal), treated)):
        order, first, last = _windows(score[pool], score[rows], NEIGHBOURS, caliper)
        count = last - first
        place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
        who.append(np.repeat(rows, count))
        partner.append(np.flatnonzero(pool)[order[place]])
        share.append(1 / np.repeat(count, count))
    return np.concatenate(who), np.concatenate(partner), np.concatenate(share)


def _outcome_variance(y: np.ndarray, score: np.ndarray, treated: np.ndarray) -> np.ndarray:
    """Return the variance of the outcome given group and score: J/(J+1) (y_i - mean of the J nearest)^2."""
    variance = np.zeros(len(y))
    for group in (treated, ~treated):
        order, first, last = _windows(score[group], score[group], NEIGHBOURS + 1, np.inf)  # one of them is oneself
        running = np.r_[0.0, np.cumsum(y[group][order])]
        j = last - first - 1
        others = (running[last] - running[first] - y[group]) / j
        variance[group] = j / (j + 1) * (y[group] - others) ** 2
    return variance


def _windows(pool: np.ndarray, points: np.ndarray, k: int, radius: float):
    """Return (order that sorts the pool, first, last): the k nearest to each point and ties are order[first:last]."""
    order = np.argsort(pool, kind="stable")
    ordered, k = pool[order], min(k, len(pool))
    start = np.clip(np.searchsorted(ordered, points) - k, 0, len(pool) - k)
    reach = np.full(len(points), np.inf)
    for shift in range(k + 1):  # the k nearest are neighbours in order: the best of the k + 1 runs that may hold them
        run = np.minimum(start + shift, len(pool) - k)
        reach = np.minimum(reach, np.maximum(points - ordered[run], ordered[run + k - 1] - points))
    reach = np.minimum(reach, radius) + 1e-9 * (1 + np.abs(points))  # scores equal up to rounding are equal
    return order, np.searchsorted(ordered, points - reach, "left"), np.searchsorted(ordered, points + reach, "right")
