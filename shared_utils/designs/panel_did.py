"""Panel with treated and comparison units: how much did the outcome change beyond what the others show?

Question: the mean effect on the treated units after adoption (ATT). Linear: a difference; Poisson: the log
    of the rate ratio, "the rate is 18 % lower than it would have been" is log(0.82).
Assumption in plain words: without the programme the treated units would have moved as the comparison units
    did (in differences, or in ratios for Poisson); nothing else changed for the treated units only; no
    spillover.
Estimator: unit and period effects, least squares or Poisson pseudo-maximum likelihood with offset log
    exposure (designs/_two_way.py). With one adoption date, a full panel and an exposure that does not
    change, the Poisson coefficient is ln[(T_post/C_post)/(T_pre/C_pre)] of total counts. When units adopt
    at different times this averages with weights that may be negative: use did_staggered.
Variance: delete-one-cluster jackknife, t with (treated clusters - 1) degrees of freedom: the treated are
    few, and they carry the uncertainty (MacKinnon, Nielsen and Webb 2023, Cluster-robust inference, J.
    Econometrics 232(2)).
p_ri: permutation of whole treatment paths over units (Conley and Taber 2011; MacKinnon and Webb 2020). With
    fewer than 10 treated units it is the primary p.
Family: `options.family`; by default Poisson when `exposure` is given and the outcome is a count, else linear.
Rows: main and, with one adoption date, event_time (relative to the last period before), columns `event_time`.
"""

import numpy as np

from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs, Option, Spec, need_groups, need_variation
from shared_utils.designs._panel import Panel, first_period, panel
from shared_utils.designs._result import row
from shared_utils.designs._two_way import NotIdentified, TwoWay, jackknife_covariance, permuted_estimates
from shared_utils.stats.randomization import tail_share

FEW_TREATED, PRETREND_ALPHA = 10, 0.10
SPEC = Spec(
    columns={
        "unit": "label",
        "time": "time",
        "treatment": "binary",
        "treated": "binary",
        "exposure": "positive",
    },
    optional=("treatment", "treated", "exposure", "adoption"),
    values=("adoption",),
    uses=("cluster", "weights"),
    options={
        "family": Option(None, (None, "linear", "poisson")),
        "ri_draws": Option(2000, low=0, high=100_000),
    },
)


def estimate(inputs: Inputs) -> list[dict]:
    """Rows: main (ATT) and event_time."""
    need_variation(inputs)
    table, paths = _open(inputs)
    problem, facts = _problem(inputs, table, paths), _facts(inputs, table, paths)
    try:
        solution = problem.fit()
        value = problem.coefficients(solution)[0]
        replicates = problem.jackknife(table.clusters, solution)
    except NotIdentified:
        raise _not_identified(inputs) from None
    se = float(np.sqrt(jackknife_covariance(replicates, np.array([value]))[0, 0]))
    treated_clusters = len(np.unique(table.clusters[paths.any(axis=1)]))
    df = float(treated_clusters - 1)
    words = "Poisson with unit and period effects" if problem.poisson else "OLS with unit and period effects"
    method = f"{words}, cluster jackknife, t({df:g})"
    note = "value is the log rate ratio" if problem.poisson else ""
    rows = [
        row(
            inputs,
            estimand="ATT",
            value=value,
            se=se,
            df=df,
            method=method,
            note=note,
            mean_comparison=_without(inputs, table, paths, value, problem.poisson),
            p_ri=_permutation_p(problem, paths, inputs),
            **facts,
        )
    ]
    return rows + _event_rows(inputs, table, paths, problem, method, df, facts)


def diagnose(inputs: Inputs) -> list[dict]:
    """Flags: fewer than 10 treated units; a different trend before adoption (slope test, p < 0.10)."""
    table, paths = _open(inputs)
    flags = []
    treated = int(paths.any(axis=1).sum())
    if treated < FEW_TREATED:
        flags.append(
            {
                "code": "few_treated_units",
                "severity": "warn",
                "scope": inputs.outcome,
                "affects_primary": True,
                "message": f"{treated} treated units, fewer than {FEW_TREATED}: the "
                "permutation p is the primary one.",
            }
        )
    slope = pretrend_slope(inputs)
    if slope is not None and slope["p"] < PRETREND_ALPHA:
        flags.append(
            {
                "code": "pretrend",
                "severity": "serious",
                "scope": inputs.outcome,
                "affects_primary": True,
                "message": f"Before adoption the treated units already moved differently, by "
                f"{slope['value']:.4g} a period (p = {slope['p']:.2g}).",
            }
        )
    return flags


def pretrend_slope(inputs: Inputs) -> dict | None:
    """Return value, se, df and p of the treated units' extra slope a period before adoption; None without a
    common adoption date or with fewer than three periods before it."""
    table, paths = _open(inputs)
    start = _one_adoption(paths)
    if start is None or start < 3:
        return None
    trend = paths.any(axis=1)[:, None] * np.arange(start)[None, :]
    full = _problem(inputs, table, paths)
    problem = TwoWay(full.y[:, :start], full.m0[:, :start], trend[:, :, None].astype(float), full.poisson)
    try:
        solution = problem.fit()
        value = problem.coefficients(solution)[0]
        se = np.sqrt(
            jackknife_covariance(problem.jackknife(table.clusters, solution), np.array([value]))[0, 0]
        )
    except NotIdentified:
        return None
    df = float(len(np.unique(table.clusters[paths.any(axis=1)])) - 1)
    facts = row(inputs, estimand="pre-trend", value=value, se=se, df=df, method="slope before adoption")
    return {name: facts[name] for name in ("value", "se", "df", "p")}


def _open(inputs: Inputs) -> tuple[Panel, np.ndarray]:
    """The panel and the (units x periods) table of treatment, checked."""
    table = panel(inputs)
    if ("treatment" in inputs.roles) == ("treated" in inputs.roles and inputs.values["adoption"] is not None):
        raise DesignError(
            f"Design {inputs.type}: give either 'treatment' (0/1 by unit and period), or 'treated' (0/1 by "
            "unit) with 'adoption' (the first treated period)."
        )
    if "treatment" in inputs.roles:
        need_groups(inputs, "treatment", 1)
        now = inputs.roles["treatment"]
    else:
        need_groups(inputs, "treated", 1)
        start = int(first_period([inputs.values["adoption"]], table.times, inputs.type, "adoption")[0])
        now = inputs.roles["treated"] * (table.period >= start)
    paths = table.dense(now) > 0
    treated = len(np.unique(table.clusters[paths.any(axis=1)]))
    others = len(np.unique(table.clusters[~paths.any(axis=1)]))
    if treated < 2 or others < 2:
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': {treated} treated and {others} never "
            "treated units (clusters); at least two of each are needed.",
            "With one treated unit use a synthetic control outside this room.",
        )
    if np.logical_or.accumulate(paths, axis=1)[table.unit, table.period].sum() > now.sum():
        raise DesignError(
            f"Design {inputs.type}: a unit's treatment goes back from 1 to 0.",
            "Treatment stays 1 from adoption on; check the treatment column.",
        )
    return table, paths


def _problem(inputs: Inputs, table: Panel, paths) -> TwoWay:
    family = inputs.options["family"]
    count = bool((inputs.y >= 0).all() and (inputs.y == np.round(inputs.y)).all())
    poisson = family == "poisson" or (family is None and "exposure" in inputs.roles and count)
    if poisson and (inputs.y < 0).any():
        raise DesignError(
            f"Design {inputs.type}: outcome '{inputs.outcome}' has values below zero, which a Poisson "
            "model cannot have.",
            "Use options.family: linear.",
        )
    base = inputs.roles.get("exposure") if poisson else inputs.weights
    base = np.ones(len(inputs.y)) if base is None else base
    if poisson and inputs.weights is not None:
        raise DesignError(
            f"Design {inputs.type}: weights are used by the linear family only.",
            "Leave out 'weights'; the exposure already weighs the units.",
        )
    return TwoWay(table.dense(inputs.y), table.dense(base), paths[:, :, None].astype(float), poisson)


def _facts(inputs: Inputs, table: Panel, paths) -> dict:
    treated = paths.any(axis=1)
    return {
        "n_clusters": len(np.unique(table.clusters)),
        "n_treated": int(treated.sum()),
        "n_comparison": int((~treated).sum()),
    }


def _without(inputs: Inputs, table: Panel, paths, value: float, poisson: bool) -> float:
    """Mean outcome (rate per exposure for Poisson) of the treated unit-periods, less the effect."""
    rows = paths[table.unit, table.period]
    if poisson:
        exposure = inputs.roles.get("exposure", np.ones(len(inputs.y)))
        return float(inputs.y[rows].sum() / exposure[rows].sum() / np.exp(value))
    weights = None if inputs.weights is None else inputs.weights[rows]
    return float(np.average(inputs.y[rows], weights=weights) - value)


def _one_adoption(paths) -> int | None:
    """Code of the adoption period when all treated units share it."""
    starts = np.unique(paths[paths.any(axis=1)].argmax(axis=1))
    return int(starts[0]) if len(starts) == 1 else None


def _permutation_p(problem: TwoWay, paths, inputs: Inputs) -> float:
    draws = int(inputs.options["ri_draws"])
    if draws == 0:
        return np.nan
    shuffled = np.argsort(np.random.default_rng(inputs.seed).random((draws, len(paths))), axis=1)
    drawn = permuted_estimates(problem, paths, np.vstack([np.arange(len(paths)), shuffled]))
    return tail_share(drawn[0], drawn[1:], inputs.alternative)


def _event_rows(inputs, table, paths, problem, method, df, facts) -> list[dict]:
    start = _one_adoption(paths)
    if start is None:
        return []
    others = [t for t in range(len(table.times)) if t != start - 1]
    x = paths.any(axis=1)[:, None, None] & (np.arange(len(table.times))[None, :, None] == np.array(others))
    events = TwoWay(problem.y, problem.m0, x.astype(float), problem.poisson)
    try:
        solution = events.fit()
        values = events.coefficients(solution)
        covariance = jackknife_covariance(events.jackknife(table.clusters, solution), values)
    except NotIdentified:  # a period without any count in one group has no log ratio
        return []
    return [
        row(
            inputs,
            estimand="ATT",
            value=value,
            se=np.sqrt(variance),
            df=df,
            method=method,
            role="event_time",
            event_time=t - start,
            period=table.labels[t],
            **facts,
        )
        for t, value, variance in zip(others, values, np.diag(covariance), strict=True)
    ]


def _not_identified(inputs: Inputs) -> DesignError:
    return DesignError(
        f"Design {inputs.type}, outcome '{inputs.outcome}': the effect cannot be told from the unit and "
        "period effects.",
        "There must be rows before and after adoption for treated and comparison "
        "units, with some counts in each; leaving out any one unit must keep that so.",
    )
