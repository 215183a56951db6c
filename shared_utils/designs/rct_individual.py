"""Individually randomised trial: what did being offered the programme change?

Question: the mean difference in the outcome if everyone was offered the programme against nobody (ITT).
Assumption in plain words: chance alone decided who was offered it (within strata), one person's offer does
    not change another's outcome, and people whose outcome is missing do not differ between the groups.
Estimator: least squares on the offer, centred covariates and strata, and their interactions with the offer
    (Lin 2013, Agnostic notes on regression adjustments to experimental data, Ann. Appl. Stat. 7(1)).
    Without covariates and with strata this is the stratum-size-weighted difference in means.
    `options.adjustment: logit` gives the average marginal effect of a logistic regression (designs/_logit.py).
Variance: HC2, t with N - k degrees of freedom; HC2 is the exact Neyman variance for the difference in means
    (Samii and Aronow 2012, On equivalencies between design-based and regression-based variance estimators).
p_ri: randomisation inference within strata, stats/randomization.py; exact where the draw had few outcomes.
CACE: 2SLS of the outcome on having received the programme, with stratum effects and covariates, robust; the
    Anderson-Rubin set beside it (designs/_iv.py). It adds that the offer works only through the programme.
"""

import numpy as np

from shared_utils.designs import _iv
from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs, Option, Spec, need_groups, need_variation, numbers
from shared_utils.designs._logit import marginal
from shared_utils.designs._regression import Adjusted, adjusted
from shared_utils.designs._result import row
from shared_utils.designs._robustness import Specification
from shared_utils.designs._trial_choices import logit, response_weighted, without_covariates
from shared_utils.stats import randomization

SPEC = Spec(
    columns={"treatment": "binary", "received": "binary"},
    optional=("received",),
    uses=("covariates", "strata", "weights"),
    options={
        "adjustment": Option("lin", ("none", "ancova", "lin", "logit")),
        "se": Option("HC2", ("HC1", "HC2", "HC3")),
        "ri_draws": Option(2000, low=0, high=100_000),
    },
)


def estimate(inputs: Inputs) -> list[dict]:
    """Rows: main (ITT), unadjusted, and with `received` cace, anderson_rubin and first_stage."""
    inputs = both_arms_in_strata(inputs, "treatment")
    need_variation(inputs)
    treated = inputs.roles["treatment"]
    facts = {"estimand": "ITT", **group_facts(inputs, treated)}
    fit = fitted(inputs, {"treatment": treated})
    plain = fitted(inputs, {"treatment": treated}, covariates=False) if inputs.covariates.shape[1] else fit
    rows = [
        _itt(inputs, fit, "main", p_ri=randomization_p(inputs, treated), **facts),
        _itt(inputs, plain, "unadjusted", **facts),
    ]
    if "received" in inputs.roles:
        rows += complier_rows(inputs, treated)
    return rows


def diagnose(inputs: Inputs) -> list[dict]:
    """Flags: strata without both arms; a first stage under F = 10; a contrast in participation under 20
    points.
    """
    flags = one_armed_flags(inputs, "treatment")
    if "received" in inputs.roles:
        kept = both_arms_in_strata(inputs, "treatment")
        flags += first_stage_flags(kept, kept.roles["treatment"], severity="serious", affects_primary=False)
    return flags


def specifications(frame, design: dict) -> list[Specification]:
    """Pre-listed: no covariates, strata only, logit, weights for attrition, per protocol (pilots.md 5.3)."""
    listed = without_covariates(frame, design) + logit(frame, design)
    listed += response_weighted(frame, design, design["treatment"])
    if design.get("received"):
        words = "only people who did as assigned: not causal, because they chose to"
        listed.append(Specification("per_protocol", words, _per_protocol, kind="wrong"))
    return listed


def _per_protocol(frame, design):
    assigned, received = (numbers(frame, design[key], design["type"], key) for key in ("treatment", "received"))
    return frame[assigned == received], {k: v for k, v in design.items() if k != "received"}


def fitted(inputs: Inputs, groups: dict[str, np.ndarray], covariates: bool = True) -> Adjusted:
    """Return the fit on group indicators (name -> 0/1) that `options.adjustment` and `options.se` ask for."""
    if inputs.options["adjustment"] == "logit":
        return marginal(inputs, groups, covariates)
    return adjusted(inputs, groups, inputs.options["adjustment"], inputs.options["se"], covariates)


def _itt(inputs: Inputs, fit: Adjusted, role: str, **facts) -> dict:
    return row(
        inputs,
        value=fit.value("treatment"),
        se=fit.se("treatment"),
        df=fit.df,
        method=fit.method,
        role=role,
        note=fit.note,
        **facts,
    )


def group_facts(inputs: Inputs, treated: np.ndarray) -> dict:
    """Return n by group and the comparison group's mean outcome."""
    return {
        "n_treated": int(treated.sum()),
        "n_comparison": int((treated == 0).sum()),
        "mean_comparison": float(
            np.average(
                inputs.y[treated == 0],
                weights=None if inputs.weights is None else inputs.weights[treated == 0],
            )
        ),
    }


def both_arms_in_strata(inputs: Inputs, key: str) -> Inputs:
    """Drop strata in which one group has no outcome (nothing to compare there), and say how many people
    that is.
    """
    need_groups(inputs, key)
    if inputs.strata is None:
        return inputs
    alone = _one_armed(inputs, key)
    if not alone.any():
        return inputs
    n_strata = len(np.unique(inputs.strata[alone]))
    kept = inputs.keep(~alone, f"{n_strata} strata with one group only ({int(alone.sum())} rows) left out")
    need_groups(kept, key)
    return kept


def _one_armed(inputs: Inputs, key: str) -> np.ndarray:
    n = np.bincount(inputs.strata)
    treated = np.bincount(inputs.strata, weights=inputs.roles[key])
    return ((treated == 0) | (treated == n))[inputs.strata]


def randomization_p(inputs: Inputs, treated: np.ndarray) -> float:
    """Return the randomisation-inference p within strata, or NaN when no draws are asked for."""
    draws = int(inputs.options["ri_draws"])
    if draws == 0:
        return np.nan
    clusters = inputs.cluster if whole_clusters(treated, inputs.cluster) else None
    try:
        return randomization.permutation_p(
            adjusted_outcome(inputs),
            treated,
            inputs.strata,
            clusters,
            draws,
            inputs.seed,
            inputs.alternative,
            inputs.weights,
        )
    except ValueError as problem:
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': {problem}",
            "Check strata and groups; a comparison needs both groups within a stratum.",
        ) from None


def adjusted_outcome(inputs: Inputs) -> np.ndarray:
    """Return the outcome less its fit on covariates and strata without the treatment; as it is without covariates."""
    if not inputs.covariates.shape[1]:
        return inputs.y
    return randomization.residuals(inputs.y, inputs.covariates.to_numpy(), inputs.strata)


def whole_clusters(treated: np.ndarray, clusters: np.ndarray | None) -> bool:
    """Return whether every cluster was assigned as a whole."""
    if clusters is None:
        return False
    share = np.bincount(clusters, weights=treated)[np.unique(clusters)] / np.bincount(clusters)[np.unique(clusters)]
    return bool(np.isin(share, (0.0, 1.0)).all())


def complier_rows(inputs: Inputs, assigned: np.ndarray, weights=None) -> list[dict]:
    """Rows cace, anderson_rubin and first_stage: the effect of taking part for those the offer brought in.

    No rows when everyone did as assigned (the ITT is that effect) or nobody differs in taking part.
    """
    if no_contrast(inputs.roles["received"], assigned):
        return []
    iv = _iv.two_stage(inputs, assigned, inputs.roles["received"], weights)
    counts = {"n_treated": int(assigned.sum()), "n_comparison": int((assigned == 0).sum())}
    ar = iv.anderson_rubin
    facts = {"first_stage_f": iv.f, "ar_low": ar.low, "ar_high": ar.high, "ar_set": ar.text, **counts}
    received = inputs.roles["received"]
    return [
        row(
            inputs,
            estimand="CACE",
            value=iv.value,
            se=iv.se,
            df=iv.df,
            role="cace",
            method=f"2SLS, {iv.covariance}, t",
            mean_comparison=iv.complier_mean,
            note="comparison mean is that of people the offer brings in",
            **facts,
        ),
        row(
            inputs,
            estimand="CACE",
            value=iv.value,
            se=iv.se,
            df=iv.df,
            role="anderson_rubin",
            method="Anderson-Rubin set",
            interval=(ar.low, ar.high),
            p=ar.p,
            mean_comparison=iv.complier_mean,
            note=f"set: {ar.text}; se is that of 2SLS",
            **facts,
        ),
        row(
            inputs,
            estimand="share taking part",
            value=iv.first_stage,
            se=iv.first_stage_se,
            df=iv.df,
            role="first_stage",
            method=f"OLS with strata and covariates, {iv.covariance}, t",
            mean_comparison=float(received[assigned == 0].mean()),
            note=f"F = {iv.f:.1f}",
            **facts,
        ),
    ]


def no_contrast(received: np.ndarray, assigned: np.ndarray) -> bool:
    """Return whether taking part is the same for all, or exactly as assigned."""
    return bool(np.ptp(received) == 0 or np.array_equal(received, assigned))


def one_armed_flags(inputs: Inputs, key: str) -> list[dict]:
    """Flag strata in which one group has no outcome."""
    if inputs.strata is None or not (alone := _one_armed(inputs, key)).any():
        return []
    return [
        {
            "code": "one_armed_strata",
            "severity": "warn",
            "scope": inputs.outcome,
            "affects_primary": True,
            "message": f"{len(np.unique(inputs.strata[alone]))} strata have one group only. "
            f"Their {int(alone.sum())} rows are left out.",
        }
    ]


def first_stage_flags(inputs: Inputs, assigned: np.ndarray, severity: str, affects_primary: bool) -> list[dict]:
    """Flag a weak first stage (F < 10, Staiger and Stock 1997) and a contrast under 20 points."""
    if np.array_equal(inputs.roles["received"], assigned):
        return []
    if no_contrast(inputs.roles["received"], assigned):
        return [
            {
                "code": "weak_first_stage",
                "severity": severity,
                "scope": inputs.outcome,
                "affects_primary": affects_primary,
                "message": "All took part, or none did. So what taking part does cannot be told.",
            }
        ]
    iv = _iv.two_stage(inputs, assigned, inputs.roles["received"])
    flags = []
    if iv.f < 10:
        flags.append(
            {
                "code": "weak_first_stage",
                "severity": severity,
                "scope": inputs.outcome,
                "affects_primary": affects_primary,
                "message": "Being assigned changes who takes part too little to say what taking part does "
                f"(F = {iv.f:.1f}, below 10).",
            }
        )
    if iv.first_stage < 0.20:
        flags.append(
            {
                "code": "small_contrast",
                "severity": "warn",
                "scope": inputs.outcome,
                "affects_primary": affects_primary,
                "message": f"The groups differ by {100 * iv.first_stage:.0f} points in taking part. That is under 20.",
            }
        )
    return flags
