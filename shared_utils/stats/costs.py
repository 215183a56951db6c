"""What did it cost to get one more result?

The incremental cost-effectiveness ratio is what a participant costs more than without the programme, divided by what
the programme adds for a participant. A ratio of two uncertain numbers has no standard error worth having: the interval
is Fieller's (1954, Some problems in interval estimation, JRSS-B 16(2); for costs: Willan and O'Brien 1996, Health
Economics 5(4)). Where the effect is not clearly above zero that set is unbounded, and the cost of a result cannot be
stated; what can be said is the chance that a result costs less than a ceiling (the cost-effectiveness acceptability
curve: van Hout, Al, Gordon and Rutten 1994, Health Economics 3(5)).
Costs and effects are for the same people: an effect of being offered goes with the cost for each person offered.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats


@dataclass(frozen=True)
class CostPerResult:
    """ratio, low, high: cost of one more result and its interval, all None when they cannot be stated; words: why."""

    ratio: float | None
    low: float | None
    high: float | None
    level: float
    words: str

    @property
    def stated(self) -> bool:
        return self.ratio is not None


def per_participant(total: float, participants: int) -> float:
    """Return the cost of one participant. Raises ValueError without participants or with a total below zero."""
    if not (participants > 0 and total >= 0):
        raise ValueError(f"Cost per participant needs a total and participants, not {total} and {participants}.")
    return total / participants


def cost_per_result(
    cost: float,
    effect: float,
    effect_se: float,
    *,
    cost_se: float = 0.0,
    covariance: float = 0.0,
    df: float = np.inf,
    level: float = 0.95,
) -> CostPerResult:
    """Return cost / effect with Fieller's interval.

    cost: what one participant costs more than without the programme, above 0; effect: results added for a participant,
    more is better. cost_se: 0 for a cost taken from the books, which is not estimated from a sample; then the interval
    is cost divided by the limits of the effect. covariance: of the two estimates. df: of t, for a small study.
    """
    _check(cost, effect, effect_se, cost_se, covariance)
    t = stats.t.isf((1 - level) / 2, df)
    if abs(effect) <= t * effect_se:
        words = "cost per result cannot be stated: the effect is not clearly different from zero"
        return CostPerResult(None, None, None, level, words)
    if effect < 0:
        words = "cost per result cannot be stated: the programme made the result rarer"
        return CostPerResult(None, None, None, level, words)
    lead = effect**2 - t**2 * effect_se**2
    middle = cost * effect - t**2 * covariance
    half = np.sqrt(max(middle**2 - lead * (cost**2 - t**2 * cost_se**2), 0.0))
    return CostPerResult(cost / effect, (middle - half) / lead, (middle + half) / lead, level, "")


def acceptability(
    cost: float, effect: float, effect_se: float, ceilings, *, cost_se: float = 0.0, covariance: float = 0.0
) -> pd.DataFrame:
    """Return columns ceiling and probability: the chance that a result costs less than each ceiling.

    It is the chance that ceiling x effect - cost is above zero under normal estimates without a prior (van Hout and
    others 1994), so that at an effect that cannot be told from zero it stays near one half however high the ceiling.
    """
    _check(cost, effect, effect_se, cost_se, covariance)
    ceilings = np.asarray(list(np.atleast_1d(ceilings)), float)
    if not (ceilings > 0).all():
        raise ValueError("Each ceiling must be above 0.")
    spread = np.sqrt(ceilings**2 * effect_se**2 + cost_se**2 - 2 * ceilings * covariance)
    return pd.DataFrame({"ceiling": ceilings, "probability": stats.norm.cdf((ceilings * effect - cost) / spread)})


def _check(cost, effect, effect_se, cost_se, covariance) -> None:
    if not (cost > 0 and np.isfinite([cost, effect]).all()):
        raise ValueError(f"Cost per result needs a cost above 0 (a saving has none) and an effect: {cost}, {effect}.")
    if not (effect_se > 0 and cost_se >= 0 and abs(covariance) <= effect_se * cost_se):
        raise ValueError(
            "Standard errors must be above 0 (the cost's may be 0), the covariance within what they allow."
        )
