"""Encouragement design: what did taking part change for the people the invitation brought in?

Question: the mean effect of taking part among compliers, who take part when invited and not otherwise (LATE).
Assumption in plain words: chance decided who was invited; the invitation changes the outcome only by getting
    people to take part; nobody stays away because they were invited.
Estimator: two-stage least squares with stratum effects and covariates (Angrist, Imbens and Rubin 1996,
    Identification of causal effects using instrumental variables, JASA 91(434)).
Variance: heteroskedasticity-robust with the small-sample factor (HC1), t with N - k; clustered with
    t(clusters - 1) when `cluster` is given.
Interval: 2SLS intervals are too short with a weak instrument. Below F = 104.7, where the usual t test keeps
    its 5 % (Lee, McCrary, Moreira and Porter 2022, Valid t-ratio inference for IV, AER 112(10)), the main
    row carries the Anderson-Rubin set and p instead, and the 2SLS interval moves to the row `conventional`.
    With one instrument the robust first-stage F is the effective F (Andrews, Stock and Sun 2019).
Rows: main, itt, first_stage, anderson_rubin, ols (biased: people choose to take part) and, below 104.7,
    conventional. `mean_comparison` of the LATE rows is the compliers' mean without taking part (Abadie 2003).
p_ri: permuting the invitation within strata tests that the invitation changed nothing, whatever the take-up.
"""

import numpy as np

from shared_utils.designs import _iv
from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs, Option, Spec, need_variation
from shared_utils.designs._regression import adjusted
from shared_utils.designs._result import row
from shared_utils.designs.rct_individual import (
    both_arms_in_strata,
    first_stage_flags,
    group_facts,
    no_contrast,
    one_armed_flags,
    randomization_p,
)

STRONG_F = 104.7
SPEC = Spec(
    columns={"instrument": "binary", "treatment": "binary"},
    uses=("covariates", "strata", "cluster"),
    options={"ri_draws": Option(2000, low=0, high=100_000)},
)


def estimate(inputs: Inputs) -> list[dict]:
    """Rows: main (LATE), itt, first_stage, anderson_rubin, ols, and conventional below F = 104.7."""
    inputs = _checked(inputs)
    need_variation(inputs)
    invited, received = inputs.roles["instrument"], inputs.roles["treatment"]
    iv = _iv.two_stage(inputs, invited, received)
    ar, strong = iv.anderson_rubin, iv.f >= STRONG_F
    p_ri = randomization_p(inputs, invited)
    facts = {
        "first_stage_f": iv.f,
        "ar_low": ar.low,
        "ar_high": ar.high,
        "ar_set": ar.text,
        **group_facts(inputs, invited),
    }
    if inputs.cluster is not None:
        facts["n_clusters"] = len(np.unique(inputs.cluster))
    late = {
        "estimand": "LATE",
        "value": iv.value,
        "se": iv.se,
        "df": iv.df,
        **facts,
        "mean_comparison": iv.complier_mean,
    }
    tsls = f"2SLS with strata and covariates, {iv.covariance}, t"
    by_set = {"interval": (ar.low, ar.high), "p": ar.p}
    note = "comparison mean is the compliers' without taking part"
    rows = [
        row(inputs, method=tsls, p_ri=p_ri, note=note, **late)
        if strong
        else row(
            inputs,
            method="2SLS, Anderson-Rubin interval and p",
            p_ri=p_ri,
            **late,
            **by_set,
            note=f"{note}; F = {iv.f:.1f} is below {STRONG_F}: Anderson-Rubin set {ar.text}",
        )
    ]
    ols = f"OLS with strata and covariates, {iv.covariance}, t"
    rows += [
        row(
            inputs,
            estimand="ITT",
            value=iv.reduced_form,
            se=iv.reduced_form_se,
            df=iv.df,
            role="itt",
            method=ols,
            p_ri=p_ri,
            **facts,
        ),
        row(
            inputs,
            estimand="share taking part",
            value=iv.first_stage,
            se=iv.first_stage_se,
            df=iv.df,
            role="first_stage",
            method=ols,
            note=f"F = {iv.f:.1f}",
            **{**facts, "mean_comparison": float(received[invited == 0].mean())},
        ),
        row(
            inputs,
            role="anderson_rubin",
            method="Anderson-Rubin set",
            **late,
            **by_set,
            note=f"set: {ar.text}; se is that of 2SLS",
        ),
        _naive(inputs, received),
    ]
    if not strong:
        rows.append(
            row(
                inputs,
                role="conventional",
                method=tsls,
                **late,
                note="too short when the invitation moves few people",
            )
        )
    return rows


def diagnose(inputs: Inputs) -> list[dict]:
    """Flags: one-armed strata; F under 10 blocks the LATE; a contrast under 20 points; few clusters."""
    flags = one_armed_flags(inputs, "instrument")
    kept = both_arms_in_strata(inputs, "instrument")
    as_received = Inputs(**{**kept.__dict__, "roles": {**kept.roles, "received": kept.roles["treatment"]}})
    return flags + first_stage_flags(
        as_received, kept.roles["instrument"], severity="block", affects_primary=True
    )


def _checked(inputs: Inputs) -> Inputs:
    inputs = both_arms_in_strata(inputs, "instrument")
    if no_contrast(inputs.roles["treatment"], inputs.roles["instrument"]):
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': taking part is the same for everyone, or "
            "exactly as invited, so there are no compliers to tell apart.",
            "Check 'treatment', or use rct_individual.",
        )
    return inputs


def _naive(inputs: Inputs, received) -> dict:
    """OLS on taking part, labelled biased."""
    fit = adjusted(inputs, {"received": received}, "ancova", "HC1")
    return row(
        inputs,
        estimand="association",
        value=fit.value("received"),
        se=fit.se("received"),
        df=fit.df,
        role="ols",
        method=fit.method,
        **group_facts(inputs, received),
        note="biased: people who chose to take part differ from those who did not",
    )
