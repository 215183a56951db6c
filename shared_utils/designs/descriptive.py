"""Levels and changes, without a comparison that could carry a cause.

Question: how high is the outcome, in each group and period, and how much did it change from the first to
    the last?
Assumption in plain words: none about causes. The intervals treat rows (or clusters) as independent draws;
    they say how much the number would vary in a similar sample, not what brought it about.
Estimator: means and differences in means.
Variance: HC2 with t(N - k); CR2 with Satterthwaite degrees of freedom when `cluster` is given (people seen
    in several periods are clusters). A level of a 0/1 outcome without clusters has the Wilson interval.
Rows: level a group and period; change (last minus first period) a group when `time` is given. The main row
    is the overall change, or the overall level without `time`.
"""

import numpy as np

from shared_utils.designs._clustered import cr2
from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs, Spec
from shared_utils.designs._panel import comparable, show
from shared_utils.designs._regression import adjusted
from shared_utils.designs._result import row
from shared_utils.stats.intervals import wilson

SPEC = Spec(columns={"group": "label", "time": "time"}, optional=("group", "time"), uses=("cluster",))


def estimate(inputs: Inputs) -> list[dict]:
    """Rows: main, level and change."""
    groups = [("all", np.ones(len(inputs.y), bool))]
    if "group" in inputs.roles:
        groups += [(name, inputs.roles["group"] == name) for name in sorted(set(inputs.roles["group"]))]
    if "time" not in inputs.roles:
        rows = [_level(inputs, members, name, "level" if i else "main") for i, (name, members) in enumerate(groups)]
        return _known(rows)
    times, codes = np.unique(comparable(inputs.roles["time"], inputs.type, "time"), return_inverse=True)
    if len(times) < 2:
        raise DesignError(
            f"Design descriptive, outcome '{inputs.outcome}': only one period ({show(times[0])}).",
            "Leave out 'time' to describe the level.",
        )
    rows = []
    for i, (name, members) in enumerate(groups):
        rows.append(_change(inputs, members, codes, name, times, "change" if i else "main"))
        rows += [
            _level(inputs, members & (codes == t), name, "level", show(time))
            for t, time in enumerate(times)
            if (members & (codes == t)).any()
        ]
    return _known(rows)


def _known(rows: list) -> list[dict]:
    """The rows that have an interval; the main row's note counts the others."""
    known = [one for one in rows if one is not None]
    if len(known) < len(rows):
        left_out = f"{len(rows) - len(known)} groups or periods too small for an interval left out"
        known[0]["note"] = "; ".join(part for part in (known[0]["note"], left_out) if part)
    return known


def specifications(frame, design) -> list:
    """None: a description makes no claim that another analysis could change."""
    return []


def diagnose(inputs: Inputs) -> list[dict]:
    """One flag: this type says nothing about causes."""
    return [
        {
            "code": "no_comparison",
            "severity": "info",
            "scope": inputs.outcome,
            "affects_primary": True,
            "message": "These are levels and changes only. What brought them about the data cannot tell.",
        }
    ]


def _level(inputs: Inputs, rows, name, role, period="") -> dict:
    part = inputs.keep(rows)
    n = len(part.y)
    facts = {
        "estimand": "level",
        "contrast": name,
        "role": role,
        "n_clusters": _clusters(part),
        "group": name,
        "period": period,
    }
    if part.binary and part.cluster is None:
        share = part.y.mean()
        return row(
            part,
            value=share,
            se=np.sqrt(share * (1 - share) / n) if 0 < share < 1 else _wilson_se(part),
            p=np.nan,
            interval=wilson(int(part.y.sum()), n, part.level),
            method="share, Wilson interval",
            **facts,
        )
    if np.ptp(part.y) == 0 or n < 2 or (part.cluster is not None and _clusters(part) < 2):
        if role == "main":
            raise DesignError(
                f"Design descriptive, outcome '{inputs.outcome}': {n} row(s) without variation; no interval "
                "can be given.",
                "Check the source of this outcome.",
            )
        return None
    value, se, df, method = _mean(part, np.ones((n, 1)), 0)
    return row(part, value=value, se=se, df=df, p=np.nan, method=f"mean, {method}", **facts)


def _wilson_se(part: Inputs) -> float:
    """Half the Wilson interval over the normal quantile: where nobody or everybody has the outcome, the usual
    standard error is nought."""
    low, high = wilson(int(part.y.sum()), len(part.y), 0.95)
    return (high - low) / 2 / 1.959964


def _change(inputs: Inputs, rows, codes, name, times, role) -> dict | None:
    """Last minus first period of one group; None when the group lacks two rows in either."""
    ends = rows & ((codes == 0) | (codes == len(times) - 1))
    part, last = inputs.keep(ends), (codes[ends] == len(times) - 1).astype(float)
    if min(last.sum(), (1 - last).sum()) < 2 or np.ptp(part.y) == 0:
        if role == "main":
            raise DesignError(
                f"Design descriptive, outcome '{inputs.outcome}': fewer than two rows, or no variation, in "
                f"{show(times[0])} and {show(times[-1])}.",
                "Group periods more coarsely.",
            )
        return None
    value, se, df, method = _mean(part, np.column_stack([np.ones(len(last)), last]), 1)
    return row(
        part,
        estimand="change",
        value=value,
        se=se,
        df=df,
        method=f"difference in means, {method}",
        contrast=f"{show(times[-1])} - {show(times[0])}",
        role=role,
        mean_comparison=float(part.y[last == 0].mean()),
        n_clusters=_clusters(part),
        group=name,
        period=show(times[-1]),
    )


def _mean(part: Inputs, matrix, position):
    if part.cluster is not None:
        return *cr2(part.y, matrix, part.cluster, position), "CR2, Satterthwaite t"
    fit = adjusted(part, {f"x{j}": matrix[:, j] for j in range(1, matrix.shape[1])}, "none", "HC2", covariates=False)
    return (
        float(fit.fit.params[position]),
        float(np.sqrt(fit.fit.covariance[position, position])),
        fit.df,
        "HC2, t",
    )


def _clusters(part: Inputs):
    return None if part.cluster is None else len(np.unique(part.cluster))
