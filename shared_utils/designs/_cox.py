"""Cox's proportional hazards model with weights, strata, tied times, robust errors and the test of proportionality.

statsmodels' PHReg takes no weights, which inverse-probability weighting needs; this one serves both, and the tests
compare the two where both apply. Partial likelihood of Cox (1972, JRSS B 34(2)); ties by Efron (1977, JASA 72(359))
or Breslow (1974, Biometrics 30(1)), with weights as in Therneau and Grambsch (2000, Modeling Survival Data, chapters
3 and 7): the d people with an event at a time count as d events of their mean weight, and from the risk set of the
l-th of them (l = 0, ..., d - 1) the share l/d of these people is taken off (Efron), or none (Breslow).
Residuals: r_i, the derivative of the score in the weight of person i (the score residual of Lin and Wei 1989, JASA
84(408)). Its w_i-weighted sum is the score, so that w_i r_i I^-1 is the person's part of the coefficients' error.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

MAX_STEPS = 100
VANISHED = 1e-5  # information left in some direction, as a share of that at nought, when its coefficient runs away


class Diverged(Exception):
    """No finite maximum exists; `column` is the position of the covariate most to blame."""

    def __init__(self, column: int):
        super().__init__(column)
        self.column = column


@dataclass(frozen=True)
class Cox:
    """A fit: coefficients, inverse information, and what `weighted_sums` needs to go through the events again."""

    params: np.ndarray
    covariance: np.ndarray
    strata: list
    shape: tuple[int, int]

    def influence(self) -> np.ndarray:
        """Return each person's derivative of the coefficients in their weight, shape (n, k)."""
        return self.sums(lambda times: np.ones(len(times)))[2] @ self.covariance

    def sums(self, g):
        """Return (score, information, residuals) with each event time t counted g(t) times."""
        parts = [one.sums(self.params, g) for one in self.strata]
        residuals = np.zeros(self.shape)
        for one, part in zip(self.strata, parts, strict=True):
            residuals[one.rows] = part[2]
        return sum(part[0] for part in parts), sum(part[1] for part in parts), residuals


def fit(time, event, x, weights, strata, ties: str = "efron") -> Cox:
    """Return the fit of the columns of `x`, shape (n, k), independent within strata.

    time, event (0/1), weights, strata: shape (n,). ties: efron or breslow. Raises Diverged.
    """
    x = x - x.mean(axis=0)
    inside = (strata == stratum for stratum in np.unique(strata))
    pieces = [
        _Stratum.of(np.flatnonzero(rows), time[rows], event[rows], x[rows], weights[rows], ties == "efron")
        for rows in inside
        if event[rows].any()
    ]
    params, likelihood, at_nought = np.zeros(x.shape[1]), -np.inf, None
    step = params
    for _ in range(MAX_STEPS):
        found = sum(one.likelihood(params + step) for one in pieces)
        if found < likelihood - 1e-9 * abs(likelihood):
            step = step / 2
            continue
        params, likelihood = params + step, found
        parts = [one.sums(params, lambda times: np.ones(len(times)))[:2] for one in pieces]
        score, information = sum(part[0] for part in parts), sum(part[1] for part in parts)
        at_nought = information if at_nought is None else at_nought
        _need_information(information, at_nought)
        step = np.linalg.solve(information, score)
        if step @ score < 1e-12 * (1 + abs(likelihood)):
            return Cox(params, np.linalg.inv(information), pieces, x.shape)
    raise Diverged(int(np.abs(step * x.std(axis=0)).argmax()))


def proportionality(model: Cox, g, column: int, weights, groups) -> float:
    """Return chi2(1) of the score test of adding column x g(t): whether its coefficient drifts with g of time.

    Grambsch and Therneau (1994, Proportional hazards tests and diagnostics based on weighted residuals, Biometrika
    81(3)), in the score form without their approximation, as cox.zph of R's survival since 3.0. groups: None for the
    model's variance; else the cluster of each person, for the robust one. NaN where all that counts happens at one
    time, which says nothing of drift.
    """
    _, once, residuals = model.sums(lambda times: np.ones(len(times)))
    score, mixed, drifting = model.sums(g)
    twice = model.sums(lambda times: g(times) ** 2)[1]
    projected = mixed[column] @ np.linalg.inv(once)
    variance = twice[column, column] - projected @ mixed[column]
    if variance <= 1e-10 * twice[column, column]:
        return np.nan
    if groups is not None:
        parts = np.bincount(groups, weights * (drifting[:, column] - residuals @ projected))
        variance = parts @ parts
    return float(score[column] ** 2 / variance)


def _need_information(information, at_nought) -> None:
    """Raise Diverged when the likelihood has gone flat in some direction."""
    left, directions = linalg.eigh(information, at_nought)
    if left[0] < VANISHED:
        raise Diverged(int(np.abs(directions[:, 0] * np.sqrt(np.diag(at_nought))).argmax()))


@dataclass(frozen=True)
class _Stratum:
    """The people of one stratum, latest first, its event times in order, and one term an event.

    tie: which event time a term belongs to; taken: the share of the tied people taken off its risk set; mean_weight:
    of the tied people; at_risk: how many people, latest first, are at risk at each event time; reached: how many event
    times each person was at risk for; own: the event time of those with an event, else -1.
    """

    rows: np.ndarray
    x: np.ndarray
    weights: np.ndarray
    times: np.ndarray
    tie: np.ndarray
    taken: np.ndarray
    mean_weight: np.ndarray
    at_risk: np.ndarray
    reached: np.ndarray
    own: np.ndarray

    @classmethod
    def of(cls, rows, time, event, x, weights, efron: bool) -> "_Stratum":
        order = np.argsort(-time, kind="stable")
        rows, time, event, x, weights = rows[order], time[order], event[order] == 1, x[order], weights[order]
        times, tied = np.unique(time[event], return_counts=True)
        own = np.where(event, np.searchsorted(times, time), -1)
        tie = np.repeat(np.arange(len(times)), tied)
        nth = np.arange(len(tie)) - np.repeat(np.cumsum(tied) - tied, tied)
        return cls(
            rows=rows,
            x=x,
            weights=weights,
            times=times,
            tie=tie,
            taken=nth / tied[tie] if efron else np.zeros(len(tie)),
            mean_weight=(np.bincount(own[event], weights[event]) / tied)[tie],
            at_risk=np.searchsorted(-time, -times, "right"),
            reached=np.searchsorted(times, time, "right"),
            own=own,
        )

    def risk_sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of `values` over the risk set of each term."""
        everyone = np.cumsum(values, axis=0)[self.at_risk - 1]
        tied = np.zeros_like(everyone)
        np.add.at(tied, self.own[self.own >= 0], values[self.own >= 0])
        taken = self.taken.reshape(-1, *[1] * (values.ndim - 1))
        return everyone[self.tie] - taken * tied[self.tie]

    def likelihood(self, params) -> float:
        linear = self.x @ params
        happened = self.own >= 0
        total = self.risk_sums(self.weights * np.exp(linear))
        return float(self.weights[happened] @ linear[happened] - self.mean_weight @ np.log(total))

    def sums(self, params, g):
        """Return (score, information, residuals of unit weight) with each event time t counted g(t) times."""
        x, happened, hazard = self.x, self.own >= 0, np.exp(self.x @ params)
        pull = self.weights * hazard
        total = self.risk_sums(pull)
        mean = self.risk_sums(pull[:, None] * x) / total[:, None]
        square = self.risk_sums(pull[:, None, None] * x[:, :, None] * x[:, None, :]) / total[:, None, None]
        count = g(self.times)
        per_term = self.mean_weight * count[self.tie]
        information = np.tensordot(per_term, square - mean[:, :, None] * mean[:, None, :], 1)

        rate = per_term / total  # cumulative sums over event times give what each person was exposed to
        exposed, exposed_mean = self._by_time(rate[:, None]), self._by_time(rate[:, None] * mean)
        lent, lent_mean = (rate * self.taken)[:, None], (rate * self.taken)[:, None] * mean
        upto, upto_mean = _running(exposed)[self.reached], _running(exposed_mean)[self.reached]
        own = self.own[happened]
        upto[happened] -= self._by_time(lent)[own]
        upto_mean[happened] -= self._by_time(lent_mean)[own]
        residuals = -hazard[:, None] * (x * upto - upto_mean)
        average = self._by_time(mean) / np.bincount(self.tie)[:, None]
        residuals[happened] += count[own][:, None] * (x[happened] - average[own])
        return self.weights @ residuals, information, residuals

    def _by_time(self, values: np.ndarray) -> np.ndarray:
        """Return the sums of `values`, one row a term, within each event time."""
        out = np.zeros((len(self.times), values.shape[1]))
        np.add.at(out, self.tie, values)
        return out


def _running(values: np.ndarray) -> np.ndarray:
    return np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
