"""Kaplan-Meier: the share with the event and the mean time until it, up to a horizon, and each person's influence.

S(t) is the product over event times of 1 - d/n, d and n the weights of those with the event and at risk (Kaplan and
Meier 1958, JASA 53(282); with inverse-probability weights Cole and Hernan 2004, Xie and Liu 2005). The restricted mean
is the area under S up to the horizon (Irwin 1949; Royston and Parmar 2013, BMC Med. Res. Methodol. 13:152).
Influence: the derivative of these in the weight of a person. For equal weights the sum of squares is Greenwood's
variance (1926), and for the mean sum over event times of (area from there to the horizon)^2 d / (n (n - d)).
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """Share with the event by the horizon and mean time until then, with each person's influence on them."""

    share: float
    share_influence: np.ndarray
    mean: float
    mean_influence: np.ndarray


def curve(time: np.ndarray, event: np.ndarray, weights: np.ndarray, horizon: float) -> Curve:
    """Return the curve of one group; time, event (0/1), weights: shape (n,); horizon within follow-up."""
    happened = (event == 1) & (time <= horizon)
    times = np.unique(time[happened])
    at_risk = np.array([weights[time >= t].sum() for t in times])
    with_event = np.bincount(np.searchsorted(times, time[happened]), weights[happened], minlength=len(times))
    rest = at_risk - with_event
    rest[rest < 1e-12 * at_risk] = 0.0  # the last of them: nought up to rounding
    survival = np.cumprod(rest / at_risk)
    ends = np.r_[times, horizon]
    areas = survival * np.diff(ends)
    first = times[0] if len(times) else horizon
    mean = first + areas.sum()
    at_end = survival[-1] if len(times) else 1.0

    def influence(tail):
        """Of a functional of S that loses tail[k] per unit of log S lost at event time k."""
        per_weight = np.divide(tail, rest, out=np.zeros_like(tail), where=rest > 0)
        exposed = np.r_[0.0, np.cumsum(per_weight * with_event / at_risk)]
        parts = exposed[np.searchsorted(times, time, "right")]
        parts[happened] -= per_weight[np.searchsorted(times, time[happened])]
        return parts

    share_influence = -influence(np.full(len(times), at_end))
    return Curve(float(1 - at_end), share_influence, float(mean), influence(np.cumsum(areas[::-1])[::-1]))


def share_before(time: np.ndarray, event: np.ndarray):
    """Return the function t -> 1 - S(t-) of the pooled Kaplan-Meier curve, the time scale of the test of hazards."""
    times = np.unique(time[event == 1])
    at_risk = (time[:, None] >= times).sum(axis=0)
    with_event = np.bincount(np.searchsorted(times, time[event == 1]), minlength=len(times))
    survival = np.r_[1.0, np.cumprod(1 - with_event / at_risk)]
    return lambda t: 1 - survival[np.searchsorted(times, t, "left")]


def followed_to(time: np.ndarray, event: np.ndarray) -> float:
    """Return the largest horizon at which the curve is known: the last time, or no limit where it ends at nought."""
    last = time.max()
    return np.inf if event[time == last].all() else float(last)
