"""Weights that make a synthetic twin of the treated units out of the others, and placebo inference.

Synthetic control (Abadie, Diamond and Hainmueller 2010, Synthetic Control Methods for Comparative Case Studies, JASA
105): weights at or above zero that sum to 1. Without predictors they minimise the squared gap of the outcome before
adoption. With predictors they minimise the gap of the predictors in the metric V, and V is the diagonal whose weights
fit the outcome before adoption best: a search with local optima, so it starts from several places and keeps the best.

Synthetic difference-in-differences (Arkhangelsky, Athey, Hirshberg, Imbens and Wager 2021, AER 111(12)): unit weights
that make the twin run parallel, not equal, and period weights that pick the periods before adoption most like those
after it; both with the paper's ridge penalties.

All of these are least squares on the simplex, solved exactly by scipy's non-negative least squares in under a
millisecond. The library's searches take seconds, which would put refitting every unit (the placebos) out of a
notebook's reach; the tests compare the two.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, nnls

STARTS, REFINED = 8, 3  # starts of the search for V (the first has equal weights), and how many of the best are refined
PLACEBO_SETS = 199  # random sets of units when several are treated; with one, every other unit takes its place
TINY = 1e-8


@dataclass(frozen=True)
class Twin:
    """gap: treated mean minus its twin, one a period, the first `start` of them before adoption. unit_weights: one a
    unit, zero for those it is not made of. period_weights: one a period before adoption, for sdid only.
    """

    gap: np.ndarray
    start: int
    unit_weights: np.ndarray
    period_weights: np.ndarray | None = None

    @property
    def effect(self) -> float:
        return float(self.gap[self.start :].mean())

    @property
    def pre_rmspe(self) -> float:
        """Root mean squared gap before adoption; for sdid around its mean, as a constant difference is allowed."""
        before = self.gap[: self.start]
        return float(np.sqrt(np.mean((before - (0 if self.period_weights is None else before.mean())) ** 2)))

    @property
    def post_rmspe(self) -> float:
        return float(np.sqrt(np.mean(self.gap[self.start :] ** 2)))


Fitter = Callable[[np.ndarray, np.ndarray], Twin]  # (treated units, donors), both as row numbers


def scm(outcome: np.ndarray, start: int, predictors: np.ndarray | None, seed: int) -> Fitter:
    """Return the synthetic control fit. outcome: (units, periods); predictors: (units, k) or None."""

    def fit(treated, donors):
        path, others = outcome[treated].mean(axis=0), outcome[donors]
        before, others_before = path[:start], others[:, :start].T
        if predictors is None:
            weights = simplex_weights(others_before, before)
        else:
            spread = predictors[np.append(treated, donors)].std(axis=0, ddof=1)
            scaled = predictors / np.where(spread > 0, spread, 1)
            weights = _search(scaled[donors].T, scaled[treated].mean(axis=0), others_before, before, seed)
        return Twin(path - weights @ others, start, _spread(weights, donors, len(outcome)))

    return fit


def sdid(outcome: np.ndarray, start: int) -> Fitter:
    """Return the synthetic difference-in-differences fit. outcome: (units, periods)."""

    def fit(treated, donors):
        path, others = outcome[treated].mean(axis=0), outcome[donors]
        noise = np.diff(others[:, :start], axis=1).std(ddof=1)
        n_treated_cells = len(treated) * (outcome.shape[1] - start)
        units = _parallel_weights(others[:, :start].T, path[:start], n_treated_cells**0.25 * noise)
        periods = _parallel_weights(others[:, :start], others[:, start:].mean(axis=1), 1e-6 * noise)
        gap = path - units @ others
        return Twin(gap - periods @ gap[:start], start, _spread(units, donors, len(outcome)), periods)

    return fit


def placebos(fit: Fitter, pool: np.ndarray, treated: np.ndarray, seed: int) -> list[tuple[np.ndarray, Twin]]:
    """Return (units, twin) of assignments that did not happen, the rest of `pool` being the donors.

    With one treated unit every other unit of the pool takes its place once; with several, random sets of as many do.
    """
    if len(treated) == 1:
        sets = [np.array([unit]) for unit in np.setdiff1d(pool, treated)]
    else:
        rng = np.random.default_rng(seed)
        sets = [rng.choice(pool, len(treated), replace=False) for _ in range(PLACEBO_SETS)]
    return [(one, fit(one, np.setdiff1d(pool, one))) for one in sets]


def rank_interval(
    value: float, scale: float, others: np.ndarray, scales: np.ndarray, leaks: np.ndarray, level: float
) -> tuple[float, float]:
    """Return the constant effects that the placebo test does not reject at 1 - level; may be unbounded.

    The test compares |value - effect| / scale with |others + leaks x effect| / scales: taking the effect off the
    treated units changes a placebo that has them among its donors (or among its treated) by `leaks` x effect. A
    placebo is as extreme between two roots around `value`; an effect stays when enough placebos are. With J of them
    the smallest p is 1 / (J + 1): under 19 no effect is ever rejected at 5 % and the interval is unbounded.
    (Firpo and Possebom 2018, Synthetic control method: inference, sensitivity analysis and confidence sets, J. Causal
    Inference 6(2), with the mean gap in place of the squared one, so that the interval is never empty.)
    """
    needed = int(np.floor((1 - level) * (len(others) + 1) + TINY))
    if needed == 0:
        return -np.inf, np.inf
    bounded = scales > np.abs(leaks) * scale
    with np.errstate(divide="ignore", invalid="ignore"):  # of those without a bound, replaced below
        one = (value * scales - others * scale) / (scales + leaks * scale)
        two = (value * scales + others * scale) / (scales - leaks * scale)
    low = np.where(bounded, np.minimum(one, two), -np.inf)
    high = np.where(bounded, np.maximum(one, two), np.inf)
    return float(np.sort(low)[needed - 1]), float(np.sort(high)[-needed])


def simplex_weights(donors: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return w >= 0 with sum 1 that minimises |target - donors w|; donors: (rows, donors).

    With E = donors - target the loss is |E w|. Writing w = s u with u on the simplex, |E w|^2 + (1 - s)^2 is smallest
    at s = 1 / (1 + |E u|^2) and then rises with |E u|: one non-negative least squares and a division are exact.
    """
    gaps = donors - target[:, None]
    gaps = gaps / max(np.abs(gaps).max(), TINY)
    system = np.vstack([gaps, np.ones(gaps.shape[1])])
    weights = nnls(system, np.append(np.zeros(len(gaps)), 1.0))[0]
    return weights / weights.sum()


def _parallel_weights(donors: np.ndarray, target: np.ndarray, penalty: float) -> np.ndarray:
    """Return simplex weights up to a constant difference, with ridge penalty^2 x rows x |w|^2."""
    ridge = penalty * np.sqrt(len(target)) * np.eye(donors.shape[1])
    centred = np.vstack([donors - donors.mean(axis=0), ridge])
    return simplex_weights(centred, np.append(target - target.mean(), np.zeros(donors.shape[1])))


def _spread(weights: np.ndarray, donors: np.ndarray, n_units: int) -> np.ndarray:
    """Return the donors' weights as one entry a unit."""
    out = np.zeros(n_units)
    out[donors] = weights
    return out


def _search(donors, target, donors_before, before, seed) -> np.ndarray:
    """Return the weights of the best V: Nelder-Mead on log V from STARTS places, the best of them refined."""

    def weights(log_v):
        root = np.exp((log_v - log_v.max()) / 2)
        return simplex_weights(root[:, None] * donors, root * target)

    def loss(log_v):
        return float(np.mean((before - donors_before @ weights(log_v)) ** 2))

    def descend(place, precision):
        corners = np.vstack([place, place + 2 * np.eye(len(place))])
        options = {"initial_simplex": corners, "xatol": precision, "fatol": precision * loss(place) / 100}
        return minimize(loss, place, method="Nelder-Mead", options=options)

    spread_out = 3 * np.random.default_rng(seed).standard_normal((STARTS - 1, len(target)))
    tried = sorted((descend(place, 0.1) for place in (np.zeros(len(target)), *spread_out)), key=lambda one: one.fun)
    best = min((descend(one.x, 1e-4) for one in tried[:REFINED]), key=lambda one: one.fun)
    return weights(best.x)
