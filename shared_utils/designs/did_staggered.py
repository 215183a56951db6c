"""Staggered roll-out: how did outcomes change in units that started, beyond those that had not started yet?

Question: the mean effect over treated unit-periods (ATT, units count by their weight). options.aggregation: `simple`
    (that mean), `dynamic` (each period since the start counts once), `group` (within start dates, then over them).
Assumption in plain words: without the programme, units that started would have moved as those not yet started did;
    nobody changed behaviour before starting (options.anticipation periods aside); no spillover.
Estimator: group-time effects of Callaway and Sant'Anna (2021, Difference-in-differences with multiple time periods, J.
    Econometrics 225(2)), not-yet-treated comparison, base period the last one before the start. options.estimator
    imputation (Borusyak, Jaravel and Spiess 2024, Revisiting event-study designs, Review of Economic Studies 91(6)):
    unit and period effects are fitted to the untreated unit-periods and what they predict is taken off the treated
    ones; it uses all periods before the start, so it is more precise and leans on parallel trends in all of them.
    Two-way fixed effects, which compares late starters with early ones already treated (Goodman-Bacon 2021, J.
    Econometrics 225(2); `bacon` decomposes it), is shown as a labelled comparison only.
Variance: delete-one-cluster jackknife of the whole estimate, t(clusters - 1). In the Detroit design (48 buildings, 150
    draws) the spread of the estimates was 0.0137; the jackknife said 0.0134 on average, the influence function 0.0128
    (coverage 0.93 and 0.91).
p_ri: with options.random_order, for cities that drew the order of start by lot: start dates are permuted over clusters.
Rows: main, event_time (columns event_time, ci_low_adjusted, ci_high_adjusted: a band that holds for all of them at
    once), group (column cohort), twfe.
Weights are averaged within unit. Units treated in the first period have no base period and are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from shared_utils.designs import _diff_diff, _event_study, _group_time, _inputs, _sensitivity
from shared_utils.designs._errors import DesignError
from shared_utils.designs._event_study import EventStudy, Pretrend, flag, parts_by_group
from shared_utils.designs._inputs import Inputs, Option, Spec, need_variation
from shared_utils.designs._result import row
from shared_utils.designs._robustness import Specification, keys, options, planned
from shared_utils.designs._rollout import Rollout, rollout
from shared_utils.designs._two_way import NotIdentified, TwoWay, jackknife_covariance
from shared_utils.stats.randomization import tail_share

SMALL_COHORT = 5
MAIN = {"simple": ("simple", 0), "dynamic": ("dynamic", 0), "group": ("groups", 0)}
COUNTED = {"simple": "each treated unit-period", "dynamic": "each period since the start", "group": "each start date"}
AVERAGED = {"simple": "", "dynamic": ", mean over periods since the start", "group": ", mean over start dates"}
SPEC = Spec(
    columns={"unit": "label", "time": "time", "cohort": "cohort"},
    uses=("cluster", "weights"),
    ordered=lambda options: False,
    options={
        "estimator": Option("callaway_santanna", ("callaway_santanna", "imputation")),
        "control_group": Option("not_yet_treated", ("not_yet_treated", "never_treated")),
        "anticipation": Option(0, low=0, high=24),
        "aggregation": Option("simple", tuple(MAIN)),
        "random_order": Option(False, (False, True)),
        "ri_draws": Option(2000, low=0, high=100_000),
    },
)


def estimate(inputs: Inputs) -> Iterator[dict]:
    """Rows: main (ATT), event_time, group, twfe; with the imputation estimator main and twfe."""
    need_variation(inputs)
    case = rollout(inputs)
    if case.inputs.options["estimator"] == "imputation":
        yield _imputed(case)
    else:
        found = _effects(case)
        yield _main(found)
        yield from _event_rows(found)
        yield from _group_rows(found)
    yield from _twfe(case)


def diagnose(inputs: Inputs) -> list[dict]:
    """Flags: start dates with few clusters, no unit that never starts, missing unit-periods, other movement before the
    start (joint test, with its power; the last period before it alone).
    """
    case = rollout(inputs)
    table = case.table
    sizes = [(label, len(np.unique(table.clusters[case.start == g]))) for g, label in enumerate(table.labels)]
    small = [f"{label} ({n})" for label, n in sizes if 0 < n < SMALL_COHORT]
    flags = []
    if small:
        words = f"Some start dates have fewer than {SMALL_COHORT} units (clusters): {', '.join(small)}."
        flags.append(flag(inputs, "small_cohort", "warn", words))
    if case.treated.all():
        words = "Every unit has started by the end. So the last ones to start have none to be compared with."
        flags.append(flag(inputs, "no_never_treated", "warn", words))
    gaps = int((~case.seen).sum())
    if gaps:
        flags.append(flag(inputs, "unbalanced_panel", "warn", f"In {gaps} periods of units the outcome is not known."))
    return flags + _event_study.flags(inputs, _effects(case).study)


def specifications(frame: pd.DataFrame, design: Mapping) -> list[Specification]:
    """Other comparison group, estimator, weighting and averaging; two-way fixed effects, labelled wrong."""
    case = rollout(_open(frame, design))
    chosen, found = case.inputs.options, []
    if not case.treated.all() and chosen["control_group"] != "never_treated":
        change = options(control_group="never_treated", estimator="callaway_santanna")
        found.append(Specification("never_treated", "compared with units that never start", change))
    if chosen["estimator"] != "imputation":
        words = "untreated outcomes imputed from all periods before the start"
        change = options(estimator="imputation", aggregation="simple", random_order=False)
        found.append(Specification("imputation", words, change))
    if case.inputs.weights is not None:
        found.append(Specification("unweighted", "each unit counts the same", keys(weights=None), kind="estimand"))
    for name, words in COUNTED.items():
        if name != chosen["aggregation"]:
            change = options(aggregation=name, estimator="callaway_santanna")
            found.append(Specification(f"{name}_average", f"{words} counts the same", change, kind="estimand"))
    words = "unit and period effects for all (two-way fixed effects)"
    return [*found, Specification("twfe", words, planned, "twfe", "wrong")]


def event_study(frame: pd.DataFrame, design: Mapping) -> EventStudy:
    """Return the effects by period since the start with their jackknife covariance. Raises DesignError."""
    return _effects(rollout(_open(frame, design))).study


def pretrend_test(frame: pd.DataFrame, design: Mapping) -> Pretrend | None:
    """Return the tests of the periods before the start and their power; None when there is nothing to test."""
    return _event_study.pretrend(event_study(frame, design))


def honest(frame: pd.DataFrame, design: Mapping, mbars: Sequence[float], width: int | None = None) -> pd.DataFrame:
    """Return the intervals that hold when trends are not parallel, laid out as in `_sensitivity.table`."""
    inputs = _open(frame, design)
    return _sensitivity.table(_effects(rollout(inputs)).study, mbars, inputs, width)


def bacon(frame: pd.DataFrame, design: Mapping) -> pd.DataFrame:
    """Return the two-by-two comparisons that two-way fixed effects averages (Goodman-Bacon 2021, theorem 1).

    Columns: comparison (treated_vs_never, earlier_vs_later, later_vs_earlier: the last has units already treated as
    comparison), treated (its start date), against (the other's, or "never"), value, weight; weights sum to 1 and the
    weighted sum of `value` is the estimate in the row `twfe` when units weigh the same. Raises DesignError for a panel
    with gaps and for a design with weights, which the decomposition does not know.
    """
    case = rollout(_open(frame, design))
    if not case.seen.all() or np.ptp(case.weight) > 0:
        raise DesignError(
            f"Design {case.inputs.type}: the decomposition needs a full panel and units that weigh the same.",
            "Leave out units with gaps, and the design's weights.",
        )
    labels = {0: "never", **{g + 1: label for g, label in enumerate(case.table.labels)}}
    return _diff_diff.bacon(case.frame()).replace({"treated": labels, "against": labels})


def _open(frame: pd.DataFrame, design: Mapping) -> Inputs:
    _inputs.check_design(design, SPEC)
    return _inputs.prepare(frame, design, design["outcome"], SPEC)


@dataclass(frozen=True)
class _Effects:
    """All effects of one roll-out: points by key, and without each cluster in turn (replicates, one entry a cluster).

    Keys are those of _group_time; effects that do not exist, or not without each cluster, are left out.
    """

    case: Rollout
    estimated: _group_time.GroupTime
    points: dict[tuple, float]
    replicates: dict[tuple, np.ndarray]

    @property
    def df(self) -> float:
        return float(len(self.replicates["simple", 0]) - 1)

    def se(self, key: tuple) -> float:
        return float(np.sqrt(jackknife_covariance(self.replicates[key][:, None], self.points[key])[0, 0]))

    @property
    def study(self) -> EventStudy:
        case, events = self.case, [key for key in self.points if key[0] == "event"]
        times, effects = np.array([e for _, e in events], int), np.array([self.points[key] for key in events])
        start = case.cluster_start
        weights, base = self.estimated.shares(times), -1 - self.estimated.anticipation
        replicates = np.array([self.replicates[key] for key in events]).reshape(len(events), -1).T
        return EventStudy(
            times=times, effects=effects, parts=parts_by_group(replicates, effects, start),
            sizes=np.unique(start, return_counts=True)[1], treated=int((start < len(case.table.times)).sum()),
            base=base, first=-min(self.estimated.cells), df=self.df, weights=weights,
            main=float(self.points["simple", 0]), horizon=float(weights @ (times - base)),
        )  # fmt: skip


def _effects(case: Rollout) -> _Effects:
    inputs, clusters = case.inputs, case.table.clusters
    how = (int(inputs.options["anticipation"]), inputs.options["control_group"] == "never_treated")
    y, seen = case.y, case.seen
    estimated = _group_time.group_time(y, seen, case.start, case.weight, *how)
    if estimated.cells:
        left = case.weight * (clusters[None, :] != np.unique(clusters)[:, None])
        points = {key: float(values[0]) for key, values in estimated.effects().items()}
        replicates = _group_time.effects(y, seen, case.start, left, *how)
        usable = [key for key in points if np.isfinite([points[key], *replicates[key]]).all()]
        if ("simple", 0) in usable:
            return _Effects(
                case, estimated, {key: points[key] for key in usable}, {key: replicates[key] for key in usable}
            )
    raise DesignError(
        f"Design {inputs.type}, outcome '{inputs.outcome}': no group-time effect can be estimated, or none that does "
        "not rest on a single unit (cluster).",
        "Check cohorts, periods, anticipation and control_group; two units must start and two others not yet.",
    )


def _main(found: _Effects) -> dict:
    inputs, key = found.case.inputs, MAIN[found.case.inputs.options["aggregation"]]
    case, value = found.case, found.points[key]
    mean = _group_time.treated_means(case.y, case.seen, case.start, case.weight, found.estimated)[key][0]
    return _row(found, key, method=_method(found) + AVERAGED[inputs.options["aggregation"]],
                mean_comparison=float(mean - value), p_ri=_permutation_p(found, key))  # fmt: skip


def _method(found: _Effects) -> str:
    group = found.case.inputs.options["control_group"].replace("_", "-")
    return f"Callaway-Sant'Anna, {group}, cluster jackknife, t({found.df:g})"


def _row(found: _Effects, key: tuple, **more) -> dict:
    return row(found.case.inputs, **{"estimand": "ATT", "value": found.points[key], "se": found.se(key), "df": found.df,
                                     "method": _method(found), **_facts(found.case), **more})  # fmt: skip


def _facts(case: Rollout) -> dict:
    treated, clusters = int(case.treated.sum()), len(np.unique(case.table.clusters))
    return {"n_clusters": clusters, "n_treated": treated, "n_comparison": len(case.start) - treated}


def _permutation_p(found: _Effects, key: tuple) -> float:
    """Permute whole start dates over clusters, as the lot did."""
    case, inputs = found.case, found.case.inputs
    draws = int(inputs.options["ri_draws"])
    if not inputs.options["random_order"] or draws == 0:
        return np.nan
    clusters, start = case.table.clusters, case.cluster_start
    if (start[clusters] != case.start).any():
        raise DesignError(
            f"Design {inputs.type}: units of one cluster start at different times, so that clusters were not drawn.",
            "Take off random_order, or name the clusters that the lot drew.",
        )
    orders = np.argsort(np.random.default_rng(inputs.seed).random((draws, len(start))), axis=1)
    how = (found.estimated.anticipation, inputs.options["control_group"] == "never_treated")
    drawn = _group_time.effects(case.y, case.seen, start[orders][:, clusters], case.weight, *how)[key]
    return tail_share(found.points[key], np.nan_to_num(drawn, nan=np.inf), inputs.alternative)


def _event_rows(found: _Effects) -> list[dict]:
    study, inputs = found.study, found.case.inputs
    if not len(study.times):
        return []
    half = study.band(np.arange(len(study.times)), inputs.level, inputs.seed)
    return [
        _row(found, ("event", e), role="event_time", event_time=int(e), ci_low_adjusted=value - width,
             ci_high_adjusted=value + width)
        for e, value, width in zip(study.times, study.effects, half, strict=True)
    ]  # fmt: skip


def _group_rows(found: _Effects) -> list[dict]:
    labels, start = found.case.table.labels, found.case.start
    return [
        _row(found, ("group", g), role="group", cohort=labels[g - 1], n_treated=int((start == g - 1).sum()))
        for kind, g in found.points
        if kind == "group"
    ]


def _imputed(case: Rollout) -> dict:
    """The imputation estimator: the mean over treated unit-periods of what the untreated ones do not predict."""
    inputs, clusters = case.inputs, case.table.clusters
    if inputs.options["aggregation"] != "simple" or inputs.options["random_order"]:
        raise DesignError(
            f"Design {inputs.type}: the imputation estimator knows neither aggregation nor random_order.",
            "Take them off, or use estimator: callaway_santanna.",
        )
    everyone = np.ones(len(case.start), bool)
    try:
        value, mean = _imputation(case, everyone)
        left = np.array([_imputation(case, clusters != g)[0] for g in np.unique(clusters)])
    except NotIdentified:
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': with some unit left out, no treated period has "
            "untreated units to be compared with.",
            "Use estimator: callaway_santanna.",
        ) from None
    df = float(len(left) - 1)
    se = np.sqrt(jackknife_covariance(left[:, None], np.array([value]))[0, 0])
    method = f"imputation (Borusyak-Jaravel-Spiess), cluster jackknife, t({df:g})"
    facts = {"estimand": "ATT", "method": method, "mean_comparison": mean - value, **_facts(case)}
    return row(inputs, value=value, se=se, df=df, **facts)


def _imputation(case: Rollout, keep: np.ndarray) -> tuple[float, float]:
    """Return (effect, mean outcome) over the treated unit-periods that untreated units can predict."""
    y, now = case.y[keep], case.now[keep]
    weight = case.weight[keep, None] * case.seen[keep]
    free = weight * ~now
    periods = TwoWay(y, free, np.zeros((*y.shape, 0)), poisson=False).fit().periods
    level = ((y - periods) * free).sum(axis=1) / np.maximum(free.sum(axis=1), 1e-300)
    known = weight * now * (free.sum(axis=1) > 0)[:, None] * (free.sum(axis=0) > 0)[None, :]
    if known.sum() == 0:
        raise NotIdentified
    return float(np.average(y - level[:, None] - periods, weights=known)), float(np.average(y, weights=known))


def _twfe(case: Rollout) -> list[dict]:
    """Two-way fixed effects with the same weights, labelled; none when it is not identified."""
    table, df = case.table, float(len(np.unique(case.table.clusters)) - 1)
    weight = case.weight[:, None] * case.seen
    problem = TwoWay(case.y, weight, case.now[:, :, None].astype(float), poisson=False)
    try:
        solution = problem.fit()
        se = np.sqrt(problem.covariance(table.clusters, solution)[0, 0])
    except NotIdentified:
        return []
    return [
        row(
            case.inputs, estimand="association", value=solution.coefficients[0], se=se, df=df, role="twfe",
            method=f"OLS with unit and period effects, cluster jackknife, t({df:g})",
            note="biased when effects grow with time: early starters serve as comparison", **_facts(case),
        )
    ]  # fmt: skip
