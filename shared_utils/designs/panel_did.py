"""Panel with treated and comparison units: how much did the outcome change beyond what the others show?

Question: the mean effect on the treated units after adoption (ATT). Linear: a difference; Poisson: the log of the rate
    ratio, "the rate is 18 % lower than it would have been" is log(0.82).
Assumption in plain words: without the programme the treated units would have moved as the comparison units did (in
    differences, or in ratios for Poisson); nothing else changed for the treated units only; no spillover. With
    options.unit_trends each unit may also have drifted along its own straight line.
Estimator: unit and period effects, least squares or Poisson pseudo-maximum likelihood with offset log exposure
    (designs/_two_way.py). With one adoption date, a full panel and an exposure that does not change, the Poisson
    coefficient is ln[(T_post/C_post)/(T_pre/C_pre)] of total counts. When units adopt at different times this averages
    with weights that may be negative: use did_staggered.
Variance: delete-one-cluster jackknife, t with (treated clusters - 1) degrees of freedom: the treated are few, and they
    carry the uncertainty (MacKinnon, Nielsen and Webb 2023, Cluster-robust inference, J. Econometrics 232(2)).
p_ri: permutation of whole treatment paths over units (Conley and Taber 2011; MacKinnon and Webb 2020). With fewer than
    10 treated clusters it is the primary p.
Family: `options.family`; by default Poisson when `exposure` is given and the outcome is a count, else linear.
Rows: main and, with one adoption date and no unit trends, event_time (relative to the last period before), columns
    event_time, period, ci_low_adjusted, ci_high_adjusted (a band that holds for all periods at once).
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from shared_utils.designs import _event_study, _panel_choices, _sensitivity
from shared_utils.designs._adoption import SPEC, one_adoption, opened, treatment, two_way
from shared_utils.designs._errors import DesignError
from shared_utils.designs._event_study import EventStudy, Pretrend, flag, parts_by_group
from shared_utils.designs._inputs import Inputs, need_variation
from shared_utils.designs._panel import Panel
from shared_utils.designs._result import row
from shared_utils.designs._two_way import NotIdentified, TwoWay, permuted_estimates
from shared_utils.stats.randomization import tail_share

__all__ = ["ESTIMATORS", "SPEC", "diagnose", "estimate", "event_study", "honest", "pretrend_test", "specifications"]

FEW_TREATED, EXCESS_ZEROS = 10, 0.05
specifications, ESTIMATORS = _panel_choices.specifications, _panel_choices.ESTIMATORS


def estimate(inputs: Inputs) -> Iterator[dict]:
    """Rows: main (ATT) and event_time."""
    need_variation(inputs)
    table, paths = treatment(inputs)
    problem = two_way(inputs, table, paths)
    try:
        solution = problem.fit()
        se = float(np.sqrt(problem.covariance(table.clusters, solution)[0, 0]))
    except NotIdentified:
        raise _not_identified(inputs) from None
    value = float(solution.coefficients[0])
    facts = _facts(inputs, table, paths, problem)
    yield row(
        inputs,
        value=value,
        se=se,
        note="value is the log rate ratio" if problem.poisson else "",
        mean_comparison=_without(inputs, table, paths, value, problem.poisson),
        p_ri=_permutation_p(problem, paths, inputs),
        **facts,
    )
    study = None if problem.trends else _study(inputs, table, paths)
    yield from _event_rows(inputs, table, study, facts)


def diagnose(inputs: Inputs) -> list[dict]:
    """Flags: fewer than 10 treated clusters; other movement before adoption (joint test, with its power; the last
    period before it alone); more zero counts than a Poisson model expects.
    """
    table, paths = treatment(inputs)
    flags = []
    treated = len(np.unique(table.clusters[paths.any(axis=1)]))
    if treated < FEW_TREATED:
        words = (
            f"Only {treated} units (clusters) were treated, fewer than {FEW_TREATED}. The p from groups drawn again is "
            "the main one."
        )
        flags.append(flag(inputs, "few_treated_units", "warn", words))
    study = _study(inputs, table, paths)
    if study is not None:
        flags += _event_study.flags(inputs, study)
    return flags + _zero_flags(inputs, table, paths)


def event_study(frame: pd.DataFrame, design: Mapping) -> EventStudy:
    """Return the effects by period since adoption with their jackknife covariance. Raises DesignError, also when units
    adopt at different times."""
    inputs = opened(frame, design)
    study = _study(inputs, *treatment(inputs))
    if study is None:
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': no event study, because units adopt at different times "
            "or a period has no counts in one of the groups.",
            "Use did_staggered for several dates, or longer periods for rare counts.",
        )
    return study


def pretrend_test(frame: pd.DataFrame, design: Mapping) -> Pretrend | None:
    """Return the tests of the periods before adoption and their power; None when there is nothing to test."""
    return _event_study.pretrend(event_study(frame, design))


def honest(frame: pd.DataFrame, design: Mapping, mbars: Sequence[float], width: int | None = None) -> pd.DataFrame:
    """Return the intervals that hold when trends are not parallel, laid out as in `_sensitivity.table`."""
    return _sensitivity.table(event_study(frame, design), mbars, opened(frame, design), width)


def _facts(inputs: Inputs, table: Panel, paths: np.ndarray, problem: TwoWay) -> dict:
    treated = paths.any(axis=1)
    df = float(len(np.unique(table.clusters[treated])) - 1)
    effects = "unit and period effects" + (" and unit trends" if problem.trends else "")
    return {
        "estimand": "ATT",
        "df": df,
        "method": f"{'Poisson' if problem.poisson else 'OLS'} with {effects}, cluster jackknife, t({df:g})",
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


def _permutation_p(problem: TwoWay, paths, inputs: Inputs) -> float:
    draws = int(inputs.options["ri_draws"])
    if draws == 0:
        return np.nan
    shuffled = np.argsort(np.random.default_rng(inputs.seed).random((draws, len(paths))), axis=1)
    drawn = permuted_estimates(problem, paths, np.vstack([np.arange(len(paths)), shuffled]))
    return tail_share(drawn[0], drawn[1:], inputs.alternative)


def _study(inputs: Inputs, table: Panel, paths) -> EventStudy | None:
    """Effects by period against the last one before adoption; None with several dates, one period before, or a period
    without any count in one group, which has no log ratio."""
    start, treated = one_adoption(paths), paths.any(axis=1)
    if start is None or start == 0:
        return None
    others = np.delete(np.arange(len(table.times)), start - 1)
    x = treated[:, None, None] & (np.arange(len(table.times))[None, :, None] == others)
    problem = two_way(inputs, table, paths)
    events = TwoWay(problem.y, problem.m0, x.astype(float), problem.poisson)
    try:
        solution = events.fit()
        replicates = events.jackknife(table.clusters, solution)
        main = float(problem.fit().coefficients[0])
    except NotIdentified:
        return None
    clusters, first = np.unique(table.clusters, return_index=True)
    group = np.array([treated[table.clusters == g].any() for g in clusters])
    times, after = others - start, others >= start
    return EventStudy(
        times=times, effects=solution.coefficients, parts=parts_by_group(replicates, solution.coefficients, group),
        sizes=np.array([(~group).sum(), group.sum()]), treated=int(group.sum()), base=-1, first=-start,
        df=float(group.sum() - 1), weights=after / after.sum(), main=main,
        horizon=float(times[after].mean() - (-start - 1) / 2),
    )  # fmt: skip


def _event_rows(inputs: Inputs, table: Panel, study: EventStudy | None, facts: dict) -> list[dict]:
    if study is None:
        return []
    everything = np.arange(len(study.times))
    start = -study.first
    return [
        row(
            inputs, value=value, se=se, role="event_time", event_time=int(e), period=table.labels[start + e],
            ci_low_adjusted=value - half, ci_high_adjusted=value + half, **facts,
        )
        for e, value, se, half in zip(
            study.times, study.effects, np.sqrt(np.diag(study.covariance)),
            study.band(everything, inputs.level, inputs.seed), strict=True,
        )
    ]  # fmt: skip


def _zero_flags(inputs: Inputs, table: Panel, paths) -> list[dict]:
    problem = two_way(inputs, table, paths)
    if not problem.poisson:
        return []
    try:
        means = problem.means(problem.fit())
    except NotIdentified:
        return []
    seen = problem.m0 > 0
    found, expected = np.mean(problem.y[seen] == 0), np.exp(-means[seen]).mean()
    if found - expected <= EXCESS_ZEROS:
        return []
    words = (
        f"In {100 * found:.0f}% of the periods of units the count is zero. A Poisson model expects "
        f"{100 * expected:.0f}%. The estimate needs the right mean only. But check that no zero is a lost record."
    )
    return [flag(inputs, "many_zeros", "warn", words)]


def _not_identified(inputs: Inputs) -> DesignError:
    return DesignError(
        f"Design {inputs.type}, outcome '{inputs.outcome}': the effect cannot be told from the unit and "
        "period effects.",
        "There must be rows before and after adoption for treated and comparison "
        "units, with some counts in each; leaving out any one unit must keep that so.",
    )
