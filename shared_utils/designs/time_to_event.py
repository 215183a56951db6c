"""Time to event: how much sooner does it happen with the programme?

Question: the log hazard ratio; beside it, up to a horizon, the difference in the share with the event and in the mean
    time until then (restricted mean, RMST), which need no proportional hazards. Above 0 the event comes sooner with the
    programme, in the first two; below 0 in the RMST.
Assumption in plain words: being lost from sight has nothing to do with how soon the event would have come; the groups
    are comparable (by chance, or given the covariates); for one hazard ratio to say it all, it stays the same over
    time. A covariate-adjusted hazard ratio is that among people with equal covariates, and differs from the one in
    the whole population even without confounding (Martinussen and Vansteelandt 2013, Lifetime Data Anal. 19(3)).
Keys: `treatment`, `duration` (time from the start to the event or the end of sight, 0 or more), `event` (1: it
    happened then). `outcome` names the rows: it is the column of the duration or of the event.
Estimator: Cox, ties by Efron (options.ties: efron, breslow), with covariates, a baseline of its own in each stratum
    (_cox.py). Kaplan-Meier curves (_survival.py) use neither; with options.weighting (ATT or ATE) covariates and strata
    enter everywhere through propensity weights instead, and the hazard ratio is the marginal one (Cole and Hernan
    2004, Comput. Methods Programs Biomed. 75(1); Austin 2014, Stat. Med. 33(7)); people whose chance of taking part is
    above options.ps_max (ATE: or below 1 - ps_max) are left out and counted. The horizon is options.horizon, else the
    latest time to which both curves are known (where all had the event, the last one of the group that was through
    first).
Variance: normal. Hazard ratio: inverse information; with weights or clusters robust (Lin and Wei 1989). Curves:
    influence function, which without weights is Greenwood's. Propensity weights: with the part of the estimated model
    (_weighting.py). By cluster: sums over clusters, t(clusters - 1).
Rows: main, km, rmst. A one-sided `alternative` is about each row's own value, and sooner is below 0 in rmst.
Columns: horizon, n_events_treated, n_events_comparison; in main log_rank_chi2 and log_rank_p (stratified; none with
    weights or clusters, whose test is the robust one of the hazard ratio) and ph_p, the p of hazards being
    proportional (score test of Grambsch and Therneau 1994 against the Kaplan-Meier time scale; none when all events are
    at one time). `mean_comparison` of main and km is the share of the comparison group with the event by the horizon.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from shared_utils.designs import _cox, _inputs, _survival
from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs, Option, Spec, need_groups
from shared_utils.designs._regression import independent_columns, strata_dummies
from shared_utils.designs._result import row
from shared_utils.designs._robustness import Specification, keys, options, planned
from shared_utils.designs._weighting import Weights, comparison_flags, overlap

FEW_CLUSTERS = 30
FEW_EVENTS = 10  # a coefficient, and an arm (Peduzzi et al. 1995, J. Clin. Epidemiol. 48(12))
SPEC = Spec(
    columns={"treatment": "binary", "duration": "number", "event": "binary"},
    uses=("covariates", "strata", "cluster", "weights"),
    splines=True,
    options={
        "ties": Option("efron", ("efron", "breslow")),
        "horizon": Option(None, low=0),
        "weighting": Option("none", ("none", "ATT", "ATE")),
        "ps_max": Option(0.95, low=0.5, high=1.0),
        "overlap_min_ess": Option(100, low=0),
    },
)


@dataclass(frozen=True)
class _Study:
    """The people compared, their weights, and how an estimate's derivatives in the weights become its error."""

    inputs: Inputs
    horizon: float
    weights: np.ndarray
    propensity: Weights | None
    left_out: int

    @property
    def treated(self) -> np.ndarray:
        return self.inputs.roles["treatment"] == 1

    @property
    def weighted(self) -> bool:
        return self.inputs.weights is not None or self.propensity is not None

    @property
    def robust(self) -> bool:
        return self.weighted or self.inputs.cluster is not None

    @property
    def groups(self) -> np.ndarray:
        """The cluster of each person, or the person."""
        return np.arange(len(self.weights)) if self.inputs.cluster is None else self.inputs.cluster

    def error(self, psi: np.ndarray) -> dict:
        """Return se and df of an estimate whose derivative in the weight of each person is `psi`."""
        parts = self.weights * psi if self.propensity is None else self.propensity.influence(psi)
        sums = np.bincount(np.unique(self.groups, return_inverse=True)[1], parts)
        if self.inputs.cluster is None:
            return {"se": float(np.sqrt(sums @ sums))}
        g = len(sums)
        return {"se": float(np.sqrt(g / (g - 1) * (sums @ sums))), "df": float(g - 1)}


def estimate(inputs: Inputs) -> list[dict]:
    """Rows: main (log hazard ratio), km (difference in the share with the event) and rmst."""
    study = _study(inputs)
    with_it, without = (_curve(study, group) for group in (study.treated, ~study.treated))
    share, mean = (_difference(study, with_it, without, name) for name in ("share", "mean"))
    facts = _facts(study)
    return [
        _hazard_row(study, {**facts, "mean_comparison": without.share}),
        _curve_row(study, "km", "difference in share by horizon", share, {**facts, "mean_comparison": without.share}),
        _curve_row(study, "rmst", "RMST difference", mean, {**facts, "mean_comparison": without.mean}),
    ]


def diagnose(inputs: Inputs) -> list[dict]:
    """Flags: hazards not proportional, few events, few clusters; overlap and balance of propensity weights."""
    study = _study(inputs)
    model, names = _fit(study)
    p, events = _proportionality(study, model), study.inputs.roles["event"]
    fewest = int(min(events[study.treated].sum(), events[~study.treated].sum()))
    clusters = len(np.unique(study.groups))
    checks = [
        (
            "proportional_hazards",
            p < 0.05,
            f"The hazard ratio changes over time (p = {p:.2g}), so one number does not tell it. "
            f"Read the curves, and the gap in mean time up to {study.horizon:g}.",
        ),
        (
            "few_events",
            fewest < FEW_EVENTS or events.sum() < FEW_EVENTS * len(names),
            f"There are {int(events.sum())} events, {fewest} of them in one group, for {len(names)} coefficient(s). "
            "That is too few for the normal curve to hold.",
        ),
        (
            "few_clusters",
            study.inputs.cluster is not None and clusters < FEW_CLUSTERS,
            f"There are {clusters} clusters, fewer than {FEW_CLUSTERS}. The intervals are too short.",
        ),
    ]
    flags = [
        {"code": code, "severity": "warn", "scope": inputs.outcome, "message": message, "affects_primary": True}
        for code, failed, message in checks
        if failed
    ]
    if study.propensity is None:
        return flags
    return flags + comparison_flags(study.inputs, study.weights, study.left_out, inputs.options["overlap_min_ess"])


def curves(frame: pd.DataFrame, design: Mapping, steps: int = 52) -> pd.DataFrame:
    """Return the share still without the event at `steps` + 1 even times up to the horizon, by group.

    Columns: group (the design's labels), time, without, at_risk (people still in sight then). Weights as in `estimate`.
    """
    _inputs.check_design(design, SPEC)
    study = _study(_inputs.prepare(frame, design, design["outcome"], SPEC))
    rows = []
    for label, group in zip(study.inputs.labels, (study.treated, ~study.treated), strict=True):
        duration, event = study.inputs.roles["duration"][group], study.inputs.roles["event"][group]
        for time in np.linspace(0, study.horizon, steps + 1):
            share = _survival.curve(duration, event, study.weights[group], time).share
            rows.append({"group": label, "time": time, "without": 1 - share, "at_risk": int((duration >= time).sum())})
    return pd.DataFrame(rows)


def specifications(frame: pd.DataFrame, design: Mapping) -> list[Specification]:
    """The curves up to the horizon, Breslow's ties, and the hazard ratio with covariates used otherwise."""
    weighted = (design.get("options") or {}).get("weighting", "none") != "none"
    listed = [
        Specification("rmst", "mean time up to the horizon", planned, role="rmst", kind="estimand"),
        Specification("km", "share with the event by the horizon", planned, role="km", kind="estimand"),
        Specification("breslow", "ties by Breslow", options(ties="breslow")),
    ]
    if not design.get("covariates"):
        return listed
    if weighted:
        words = "hazard ratio among people with equal covariates"
        listed.append(Specification("conditional", words, options(weighting="none"), kind="estimand"))
        words, kind = "groups as they are, nothing adjusted", "wrong"
    else:
        words = "hazard ratio in the whole population, by propensity weights"
        listed.append(Specification("marginal", words, options(weighting="ATE"), kind="estimand"))
        words, kind = "hazard ratio without covariates", "estimand"
    return [*listed, Specification("no_covariates", words, _without_covariates, kind=kind)]


def _without_covariates(frame: pd.DataFrame, design: dict):
    return options(weighting="none")(*keys(covariates=None)(frame, design))


def _study(inputs: Inputs) -> _Study:
    inputs = _checked(inputs)
    kind, left_out, propensity = inputs.options["weighting"], 0, None
    weights = np.ones(len(inputs.y)) if inputs.weights is None else inputs.weights
    if kind != "none":
        if inputs.weights is not None:
            raise DesignError(
                f"Design {inputs.type}: 'weights' and options.weighting are both given.", "Take off one of the two."
            )
        dummies = strata_dummies(inputs.strata, len(inputs.y))
        strata = pd.DataFrame(dummies, columns=[f"stratum {k + 2}" for k in range(dummies.shape[1])])
        inputs = replace(inputs, covariates=pd.concat([inputs.covariates, strata], axis=1), strata=None)
        inputs, model, left_out = overlap(inputs, kind, inputs.options["ps_max"])
        propensity = model.weights(kind)
        weights = propensity.values
        _need_events(inputs)
    return _Study(inputs, _horizon(inputs), weights, propensity, left_out)


def _checked(inputs: Inputs) -> Inputs:
    need_groups(inputs, "treatment")
    duration, event = inputs.roles["duration"], inputs.roles["event"]
    if not any(np.array_equal(inputs.y, column) for column in (duration, event)):
        raise DesignError(
            f"Design {inputs.type}: outcome '{inputs.outcome}' is neither the duration nor the event.",
            "Name one of these two columns as the outcome.",
        )
    if duration.min() < 0:
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': the smallest duration is {duration.min():g}, below 0.",
            "Count from the start of sight; leave out people whose event came before it.",
        )
    _need_events(inputs)
    return inputs


def _need_events(inputs: Inputs) -> None:
    for value, words in ((1, "with"), (0, "without")):
        if inputs.roles["event"][inputs.roles["treatment"] == value].sum() == 0:
            raise DesignError(
                f"Design {inputs.type}, outcome '{inputs.outcome}': no one {words} the programme had the event, so "
                "the hazard ratio has no finite value.",
                "Wait for more follow-up, or compare the share with the event (a 0/1 outcome) instead.",
            )


def _horizon(inputs: Inputs) -> float:
    """Return the horizon asked for, or the latest that tells something; refuses one that does not."""
    duration, event, treated = (inputs.roles[key] for key in ("duration", "event", "treatment"))
    ends = [
        (duration[treated == g].max(), _survival.followed_to(duration[treated == g], event[treated == g]))
        for g in (1, 0)
    ]
    horizon, latest = inputs.options["horizon"], min(known for _, known in ends)
    if horizon is None:
        horizon = latest if np.isfinite(latest) else min(last for last, _ in ends)
    where = f"Design {inputs.type}, outcome '{inputs.outcome}'"
    if horizon > latest:
        raise DesignError(
            f"{where}: horizon {horizon:g} is later than {latest:g}, the last time at which both groups were in sight.",
            f"Choose a horizon of at most {latest:g}.",
        )
    if not event[duration < horizon].any():
        raise DesignError(
            f"{where}: no one had the event before horizon {horizon:g}.",
            "Choose a later horizon, in the units of the duration; with all events at one time, compare shares.",
        )
    if all(known == np.inf and last <= horizon for last, known in ends):
        raise DesignError(
            f"{where}: everyone had the event by horizon {horizon:g}, so the shares tell nothing.",
            "Choose an earlier options.horizon.",
        )
    return float(horizon)


def _facts(study: _Study) -> dict:
    event, treated = study.inputs.roles["event"], study.treated
    facts = {
        "horizon": study.horizon,
        "n_treated": int(treated.sum()),
        "n_comparison": int((~treated).sum()),
        "n_events_treated": int(event[treated].sum()),
        "n_events_comparison": int(event[~treated].sum()),
    }
    return facts if study.inputs.cluster is None else {**facts, "n_clusters": len(np.unique(study.groups))}


def _fit(study: _Study) -> tuple[_cox.Cox, list[str]]:
    """Return the Cox model with the treatment first, and the names of its columns."""
    inputs = study.inputs
    adjust = study.propensity is None
    covariates = inputs.covariates if adjust else inputs.covariates.iloc[:, :0]
    matrix = np.column_stack([inputs.roles["treatment"], covariates])
    strata = inputs.strata if adjust and inputs.strata is not None else np.zeros(len(matrix), int)
    centred = matrix - pd.DataFrame(matrix).groupby(strata).transform("mean").to_numpy()
    kept = independent_columns(centred)
    names = [["the treatment", *covariates.columns][j] for j in kept]
    if 0 not in kept or np.linalg.norm(centred[:, 0]) == 0:
        raise DesignError(
            f"Design {inputs.type}: no stratum holds both groups.", "Use fewer strata, or check the treatment column."
        )
    duration, event = inputs.roles["duration"], inputs.roles["event"]
    try:
        return _cox.fit(duration, event, matrix[:, kept], study.weights, strata, inputs.options["ties"]), names
    except _cox.Diverged as problem:
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': '{names[problem.column]}' tells perfectly who has the "
            "event first, so its hazard ratio has no finite value.",
            "Take off that covariate, or merge its rare categories.",
        ) from None


def _hazard_row(study: _Study, facts: dict) -> dict:
    model, names = _fit(study)
    inputs = study.inputs
    known = {"se": float(np.sqrt(model.covariance[0, 0]))}
    error = study.error(model.influence()[:, 0]) if study.robust else known
    chi2, p = _log_rank(study)
    return row(
        inputs,
        estimand="log hazard ratio",
        value=model.params[0],
        method=_words(study, names),
        note="; ".join(["value is the log of the hazard ratio", *_left_out(study)]),
        log_rank_chi2=chi2,
        log_rank_p=p,
        ph_p=_proportionality(study, model),
        **error,
        **facts,
    )


def _words(study: _Study, names: list[str]) -> str:
    """Say what was fitted: "Cox, Efron ties, with covariates, inverse information, normal"."""
    inputs = study.inputs
    parts = ["Cox", f"{inputs.options['ties'].capitalize()} ties"]
    parts += ["propensity weights"] if study.propensity is not None else ["weighted"] * (inputs.weights is not None)
    parts += ["stratified"] if inputs.strata is not None else []
    parts += ["with covariates"] if len(names) > 1 else []
    clustered = inputs.cluster is not None
    variance = "clustered, t" if clustered else "robust, normal" if study.robust else "inverse information, normal"
    return ", ".join([*parts, variance])


def _left_out(study: _Study) -> list[str]:
    return [f"{study.left_out} left out for lack of comparable people"] if study.left_out else []


def _proportionality(study: _Study, model: _cox.Cox) -> float:
    """Return the p of the treatment's hazard ratio being the same over time."""
    duration, event = study.inputs.roles["duration"], study.inputs.roles["event"]
    groups = np.unique(study.groups, return_inverse=True)[1] if study.robust else None
    elapsed = _survival.share_before(duration, event)
    return float(stats.chi2.sf(_cox.proportionality(model, elapsed, 0, study.weights, groups), 1))


def _log_rank(study: _Study) -> tuple[float, float]:
    """Return chi2 and p of the (stratified) log-rank test; missing with weights or clusters, for which it is wrong."""
    from statsmodels.duration.survfunc import survdiff

    if study.robust:
        return np.nan, np.nan
    duration, event, treated = (study.inputs.roles[key] for key in ("duration", "event", "treatment"))
    chi2 = float(survdiff(duration, event, treated, strata=study.inputs.strata)[0])
    return chi2, float(stats.chi2.sf(chi2, 1))


def _curve(study: _Study, group: np.ndarray) -> _survival.Curve:
    duration, event = study.inputs.roles["duration"], study.inputs.roles["event"]
    return _survival.curve(duration[group], event[group], study.weights[group], study.horizon)


def _difference(study: _Study, with_it, without, name: str) -> dict:
    """Return value, se and df of the difference of the curves in `name`: share or mean."""
    psi = np.empty(len(study.weights))
    psi[study.treated] = getattr(with_it, f"{name}_influence")
    psi[~study.treated] = -getattr(without, f"{name}_influence")
    return {"value": getattr(with_it, name) - getattr(without, name), **study.error(psi)}


def _curve_row(study: _Study, role: str, estimand: str, difference: dict, facts: dict) -> dict:
    inputs = study.inputs
    unused = inputs.strata is not None or (study.propensity is None and inputs.covariates.shape[1] > 0)
    notes = ["strata and covariates are not used"] if unused else []
    weighted = ", weighted" if study.weighted else ""
    variance = "influence function" if study.robust else "Greenwood"
    reference = "clustered, t" if inputs.cluster is not None else "normal"
    return row(
        inputs,
        estimand=estimand,
        role=role,
        method=f"Kaplan-Meier to {study.horizon:g}{weighted}, {variance}, {reference}",
        note="; ".join([*notes, *_left_out(study)]),
        **difference,
        **facts,
    )
