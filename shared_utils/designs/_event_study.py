"""Inference on the effects of an event study: a band for all of them, tests of the periods before, and their power.

Shared by the designs with a panel. Everything starts from the delete-one-cluster jackknife: its covariance is a sum of
parts, one a group of clusters that start together, so that few clusters in one group show in the degrees of freedom.

Band: effect -/+ the quantile of the largest |t| of all effects at once (sup-t; Montiel Olea and Plagborg-Moller 2019,
    Simultaneous confidence bands, J. Applied Econometrics 34(1)), the multivariate t simulated.
Joint test: were the effects before the start zero? Hotelling's T2 with the degrees of freedom of Krishnamoorthy and Yu
    (2004, Modified Nel and Van der Merwe test for the multivariate Behrens-Fisher problem, Statistics and Probability
    Letters 66(2)). At most a third as many contrasts as treated clusters: with more periods, neighbours are averaged.
Drift: the straight line through the effects before the start, which is the violation that continues afterwards. Against
    it one number has more power than a joint test: with Newark's 80 tracts and a drift of 0.006 a month it was found in
    36 of 100 draws, jointly in 24 (at 10 %). Both are looked at, each at half the level.
Power: against a steady drift (Roth 2022, Pretest with caution, AER: Insights 4(3)). A test that would miss a drift
    large enough to explain the whole effect says little when it finds nothing.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from shared_utils.designs._inputs import Inputs

BAND_DRAWS = 20_000
PRETREND_ALPHA, ANTICIPATION_ALPHA, POWER = 0.10, 0.05, 0.80  # 0.10 for the joint test and the drift together
CLUSTERS_PER_CONTRAST = 3


@dataclass(frozen=True)
class EventStudy:
    """Effects by period relative to a base period.

    times: (k,) periods since the start, increasing, without the base; effects (k,); parts: (groups, k, k), the
    jackknife covariance by group of clusters; sizes: clusters of each group; treated: how many clusters start.
    base: -1, or earlier with anticipation. first: the earliest time that every starting unit has. df: of one effect.
    weights: (k,) those with which the effects are averaged, zero before the start. main: the main estimate. horizon:
    mean number of periods between what it compares, which is what a drift of 1 a period would add to it.
    """

    times: np.ndarray
    effects: np.ndarray
    parts: np.ndarray
    sizes: np.ndarray
    treated: int
    base: int
    first: int
    df: float
    weights: np.ndarray
    main: float
    horizon: float

    @property
    def covariance(self) -> np.ndarray:
        return self.parts.sum(axis=0)

    @property
    def before(self) -> np.ndarray:
        """Positions of the periods before the base that every starting unit has, if none is missing in between."""
        where = np.flatnonzero((self.times >= self.first) & (self.times < self.base))
        return where if len(where) == self.base - self.first else where[:0]

    def band(self, where: np.ndarray, level: float, seed: int) -> np.ndarray:
        """Return the half widths of the simultaneous band of the effects at `where`."""
        part = self.covariance[np.ix_(where, where)]
        return band_quantile(part, self.df, level, seed) * np.sqrt(np.diag(part))


def parts_by_group(replicates: np.ndarray, estimate: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return the jackknife covariance as a sum over groups of clusters, shape (groups, k, k)."""
    change = (replicates - estimate) * np.sqrt((len(replicates) - 1) / len(replicates))
    return np.array([change[group == g].T @ change[group == g] for g in np.unique(group)])


def band_quantile(covariance: np.ndarray, df: float, level: float, seed: int) -> float:
    """Return the quantile of the largest |t| over all effects, by simulation of the multivariate t (sup-t band)."""
    spread = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(spread, spread))
    rng = np.random.default_rng(seed)
    normal = rng.standard_normal((BAND_DRAWS, len(spread))) * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    return float(np.quantile(np.abs(normal).max(axis=1) / np.sqrt(rng.chisquare(df, BAND_DRAWS) / df), level))


@dataclass(frozen=True)
class Pretrend:
    """What the periods before the start say.

    f, df (pair), p, contrasts, periods: the joint test. drift, drift_se, drift_p: the straight line, a period.
    detectable: the steady drift that the joint test finds in 80 of 100 cases at its 5 %. alarming: the drift that would
    by itself make the whole effect; power: the chance that the joint test finds that one.
    """

    f: float
    df: tuple[float, float]
    p: float
    contrasts: int
    periods: int
    drift: float
    drift_se: float
    drift_p: float
    detectable: float
    alarming: float
    power: float

    @property
    def found(self) -> bool:
        return min(self.p, self.drift_p) < PRETREND_ALPHA / 2


def pretrend(study: EventStudy) -> Pretrend | None:
    """Return the tests of the periods before the base; None when there are none or too few clusters for a test."""
    where = study.before
    most = study.treated // CLUSTERS_PER_CONTRAST
    if len(where) == 0 or most == 0:
        return None
    times = np.r_[study.times[where], study.base]
    blocks = np.array_split(np.arange(len(times)), min(len(where), most) + 1)
    means = np.array([np.isin(np.arange(len(times)), block) / len(block) for block in blocks])
    contrasts = (means[:-1] - means[-1])[:, :-1]
    values = contrasts @ study.effects[where]
    parts = contrasts @ study.parts[:, where[:, None], where] @ contrasts.T
    whole = parts.sum(axis=0)
    k = len(values)
    if np.linalg.matrix_rank(whole, hermitian=True) < k:
        return None
    inverse = np.linalg.inv(whole)
    nu = _krishnamoorthy_yu(parts @ inverse, study.sizes)
    if nu - k + 1 <= 0:
        return None
    df = (float(k), nu - k + 1)
    scale = df[1] / (nu * k)
    f = float(values @ inverse @ values * scale)
    one = contrasts @ (study.times[where] - study.base)  # the contrasts under a drift of 1 a period
    lift = float(one @ inverse @ one)

    def power(drift: float) -> float:
        return float(stats.ncf.sf(stats.f.isf(PRETREND_ALPHA / 2, *df), *df, max(lift * drift**2, 1e-12)))

    alarming = abs(study.main) / study.horizon
    drift, drift_se = _line(study, where, times)
    return Pretrend(
        f, df, float(stats.f.sf(f, *df)), k, len(where), drift, drift_se,
        float(2 * stats.t.sf(abs(drift) / drift_se, study.df)), _where_power(power, lift), alarming, power(alarming),
    )  # fmt: skip


def _krishnamoorthy_yu(shares: np.ndarray, sizes: np.ndarray) -> float:
    """Degrees of freedom of T2; shares: (groups, k, k), each group's part of the covariance times its inverse."""
    k = shares.shape[1]
    spread = np.trace(shares @ shares, axis1=1, axis2=2) + np.trace(shares, axis1=1, axis2=2) ** 2
    return float((k + k**2) / (spread / np.maximum(sizes - 1, 1)).sum())


def _line(study: EventStudy, where: np.ndarray, times: np.ndarray) -> tuple[float, float]:
    """Slope of the least-squares line through the effects before the start and the zero of the base; its error."""
    centred = times - times.mean()
    form = (centred / (centred @ centred))[:-1]
    part = study.covariance[np.ix_(where, where)]
    return float(form @ study.effects[where]), float(np.sqrt(form @ part @ form))


def _where_power(power, lift: float) -> float:
    high = 1 / np.sqrt(lift)
    while power(high) < POWER:
        high *= 2
    return float(optimize.brentq(lambda drift: power(drift) - POWER, 0, high, xtol=1e-12))


def flags(inputs: Inputs, study: EventStudy) -> list[dict]:
    """Flags of the periods before the start: other movement or how much of it would be missed; the last step alone."""
    return [*_pretrend_flags(inputs, study), *_anticipation_flags(inputs, study)]


def flag(inputs: Inputs, code: str, severity: str, message: str, affects_primary: bool = True) -> dict:
    """Return one flag of an outcome."""
    facts = {"code": code, "severity": severity, "scope": inputs.outcome}
    return facts | {"message": message, "affects_primary": affects_primary}


def _pretrend_flags(inputs: Inputs, study: EventStudy) -> list[dict]:
    """Only the last one rests on outcomes after the start."""
    test = pretrend(study)
    if test is None:
        return []
    power = f"The joint test finds a steady drift of {test.detectable:.2g} a period in {100 * POWER:.0f} of 100 cases."
    if test.found:
        words = (
            "Before the start, the units that started already moved in another way than the rest. The joint test of "
            f"{test.periods} periods has p = {test.p:.2g}. A steady drift of {test.drift:.2g} a period has "
            f"p = {test.drift_p:.2g}. "
        )
        before = flag(inputs, "pretrend", "serious", words + power)
    else:
        words = (
            f"No other movement before the start was found (joint test of {test.periods} periods, p = {test.p:.2g}; "
            f"steady drift, p = {test.drift_p:.2g}). "
        )
        before = flag(inputs, "pretrend_power", "info", words + power)
    message = (
        f"A steady drift of {test.alarming:.2g} a period would make the whole effect by itself. The test would find "
        f"one like it in {100 * test.power:.0f} of 100 cases."
    )
    return [before, flag(inputs, "pretrend_effect", "info" if test.power >= POWER else "warn", message)]


def _anticipation_flags(inputs: Inputs, study: EventStudy) -> list[dict]:
    """The last step before the start alone, where people who know that it comes may already act."""
    last = np.flatnonzero(study.times == study.base - 1)
    if not len(last):
        return []
    change, se = -study.effects[last[0]], np.sqrt(study.covariance[last[0], last[0]])
    if se <= 1e-12 * np.ptp(inputs.y):  # rounding is not variation: nothing to judge the step by
        return []
    p = float(2 * stats.t.sf(abs(change) / se, study.df))
    if p >= ANTICIPATION_ALPHA:
        return []
    words = (
        f"In the last period before the start, the units about to start moved by {change:.2g} against the rest "
        f"(p = {p:.2g}). They may have changed before it."
    )
    return [flag(inputs, "anticipation", "warn", words)]
