"""Honest intervals of the panel designs: what the effect may be when trends are not parallel.

The event study of a design goes to stats/honest_did.py (Rambachan and Roth 2023), with three choices made here.
Windows: what the bounds compare are windows of several periods, not single months, whose noise would be taken for
    changes of trend and multiplied by the number of months. A window is as long as the time after the start, or a third
    of the time before it that every starting unit has, whichever is shorter; `width` sets it (1: single periods).
Parameter: the effects averaged with the weights of the main effect, against the last window before the start.
Small samples: the covariance is inflated by the squared ratio of the t to the normal quantile, so that without any
    violation the interval is the usual t interval of that average.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from shared_utils.designs._errors import DesignError
from shared_utils.designs._event_study import EventStudy
from shared_utils.designs._inputs import Inputs
from shared_utils.stats import honest_did

COLUMNS = ["restriction", "m", "ci_low", "ci_high", "breakdown", "width"]
WINDOWS_BEFORE = 3


def table(study: EventStudy, mbars: Sequence[float], inputs: Inputs, width: int | None = None) -> pd.DataFrame:
    """Return one row a restriction and bound m, columns COLUMNS, on the scale of `value`.

    restriction: "relative magnitudes" (m: from one window to the next the difference in trends changes after the start
    by at most m times its largest change before; one row a value of mbars) and "smoothness" (its slope changes by at
    most m a window; m are 0 and the values of mbars times the steady bend that would by itself make the whole effect).
    breakdown: the largest m whose interval excludes zero, 0 when none does; the same in all rows of a restriction.
    width: periods a window. Raises DesignError when there are too few periods or clusters.
    """
    where = f"Design {inputs.type}, outcome '{inputs.outcome}'"
    before, after = len(study.before) + 1, int((study.times > study.base).sum())
    if before < 2 or not np.array_equal(study.times[-after:], study.base + 1 + np.arange(after)):
        raise DesignError(
            f"{where}: bounds on other trends need effects in consecutive periods, and two periods before the start "
            "that all starting units have.",
            "Check the event_time rows for missing periods, or add earlier periods.",
        )
    width = width or max(1, min(after, before // WINDOWS_BEFORE))
    if not 1 <= width <= before // 2:
        raise DesignError(f"{where}: windows of {width} periods do not fit twice into the {before} before the start.")
    try:
        case = _windows(study, width, before, after, inputs.level)
    except ValueError as problem:
        raise DesignError(f"{where}: {problem}", "Use wider windows, or more units.") from None
    bend = abs(case.target @ case.effects) / (case.weights @ (case.steps * (case.steps + 1) / 2))
    bounds = {
        "relative magnitudes": (honest_did.relative_magnitudes, list(mbars)),
        "smoothness": (honest_did.smoothness, sorted({0.0, *(m * bend for m in mbars)})),
    }
    rows = []
    for restriction, (interval, values) in bounds.items():
        breakdown = honest_did.breakdown(case, interval)
        rows += [(restriction, float(m), *interval(case, m), breakdown, width) for m in values]
    return pd.DataFrame(rows, columns=COLUMNS)


def _windows(study: EventStudy, width: int, before: int, after: int, level: float) -> honest_did.EventStudy:
    """The event study in windows: means before, means with the main weights after, all less the last window before."""
    times = study.base - before + 1 + np.arange(before + after)
    window = (times - study.base - 1) // width  # -1 is the window that ends with the base
    window = np.where(window < -(before // width), window.min() - 1, window)  # what does not fill one is left out
    weight = np.zeros(len(times))
    weight[times != study.base] = study.weights[np.isin(study.times, times)]
    rows = []
    for one in np.unique(window[window >= -(before // width)]):
        inside = (window == one).astype(float)
        share = inside * weight if (inside * weight).any() else inside
        rows.append((one, share / share.sum(), (inside * weight).sum()))
    forms = np.array([form for _, form, _ in rows])
    last = next(i for i, (one, _, _) in enumerate(rows) if one == -1)
    forms = np.delete(forms - forms[last], last, axis=0)[:, times != study.base]
    kept = np.flatnonzero(np.isin(study.times, times))
    inflate = (stats.t.ppf(0.5 + level / 2, study.df) / stats.norm.ppf(0.5 + level / 2)) ** 2
    covariance = forms @ study.covariance[np.ix_(kept, kept)] @ forms.T * inflate
    weights = np.array([total for one, _, total in rows if one >= 0])
    return honest_did.EventStudy(forms @ study.effects[kept], covariance, last, weights, level)
