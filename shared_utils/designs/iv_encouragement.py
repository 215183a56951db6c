"""Encouragement design: what did taking part change for the people the invitation brought in?

Question: the mean effect of taking part among compliers, who take part when invited and not otherwise (LATE).
Assumption in plain words: chance decided who was invited; the invitation changes the outcome only by getting
    people to take part; nobody stays away because they were invited.
Estimator: two-stage least squares with stratum effects and covariates (Angrist, Imbens and Rubin 1996,
    Identification of causal effects using instrumental variables, JASA 91(434)). LIML is not a choice here: with
    one instrument and one treatment it is 2SLS. With options.dose `treatment` may be an amount (hours, sessions):
    the estimate is then the average causal response to one unit more, weighted towards the amounts that the
    invitation moves (Angrist and Imbens 1995, JASA 90(430)).
Variance: heteroskedasticity-robust with the small-sample factor (HC1; options.se: HC0, classical), t with N - k;
    clustered with t(clusters - 1) when `cluster` is given.
Interval: 2SLS intervals are too short with a weak instrument. Below F = 104.7, where the usual t test keeps
    its 5 % (Lee, McCrary, Moreira and Porter 2022, Valid t-ratio inference for IV, AER 112(10)), the main
    row carries the Anderson-Rubin set and p instead, and the 2SLS interval moves to the row `conventional`.
    With one instrument the robust first-stage F is the effective F (Andrews, Stock and Sun 2019).
Rows: main, itt, first_stage (the share of compliers), anderson_rubin, ols (biased: people choose to take part);
    below 104.7 conventional; with options.direct_effect = d above 0 without_exclusion, the interval that holds if
    the invitation may change the outcome by up to d, up or down, without anyone taking part (Conley, Hansen and
    Rossi 2012). d is on the scale of the outcome and belongs in the plan: no number of it fits every city. The
    smallest d that lets that interval reach 0 is the nearer end of the interval of the ITT.
Columns: first_stage_f, ar_low, ar_high (of the smallest interval that holds the set), ar_set (in words), ar_kind
    (interval, rays or everything; with one instrument the set is never empty). `mean_comparison` of the LATE rows is
    the compliers' mean without taking part (Abadie 2003).
p_ri: permuting the invitation within strata tests that the invitation changed nothing, whatever the take-up.
Beside the rows: `complier_profile`, who the compliers are; `first_stages` and `monotonicity_flags`, whether the
    invitation kept people away anywhere.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from shared_utils.designs import _compliers, _inputs, _iv
from shared_utils.designs._errors import DesignError, no_column
from shared_utils.designs._inputs import Inputs, Option, Spec, need_variation
from shared_utils.designs._regression import adjusted
from shared_utils.designs._result import row
from shared_utils.designs._robustness import Specification, keys, planned
from shared_utils.designs.rct_individual import (
    both_arms_in_strata,
    first_stage_flags,
    group_facts,
    no_contrast,
    one_armed_flags,
    randomization_p,
)
from shared_utils.stats.covariates import labels

STRONG_F = 104.7
SPEC = Spec(
    columns={"instrument": "binary", "treatment": "amount"},
    uses=("covariates", "strata", "cluster"),
    options={
        "se": Option("HC1", ("HC0", "HC1", "classical")),
        "dose": Option(False, (False, True)),
        "direct_effect": Option(0.0, low=0),
        "ri_draws": Option(2000, low=0, high=100_000),
    },
)


def estimate(inputs: Inputs) -> list[dict]:
    """Rows: main (LATE), itt, first_stage, anderson_rubin, ols; conventional and without_exclusion (see Rows)."""
    inputs = _checked(inputs)
    need_variation(inputs)
    invited, received = inputs.roles["instrument"], inputs.roles["treatment"]
    iv = _iv.two_stage(inputs, invited, received, se=inputs.options["se"])
    facts = _facts(inputs, iv, invited)
    return [
        *_late_rows(inputs, iv, facts, randomization_p(inputs, invited)),
        _first_stage(inputs, iv, facts, float(received[invited == 0].mean())),
        _naive(inputs, received),
    ]


def diagnose(inputs: Inputs) -> list[dict]:
    """Flags: one-armed strata; F under 10 blocks the LATE; a contrast under 20 points (of a 0/1 treatment)."""
    flags = one_armed_flags(inputs, "instrument")
    kept = both_arms_in_strata(inputs, "instrument")
    as_received = Inputs(**{**kept.__dict__, "roles": {**kept.roles, "received": kept.roles["treatment"]}})
    flags += first_stage_flags(as_received, kept.roles["instrument"], severity="block", affects_primary=True)
    return [flag for flag in flags if not (inputs.options["dose"] and flag["code"] == "small_contrast")]


def specifications(frame: pd.DataFrame, design: Mapping) -> list[Specification]:
    """The invitation's own effect, no covariates, doubt about the exclusion restriction, and plain least squares."""
    listed = [Specification("itt", "effect of the invitation itself", planned, role="itt", kind="estimand")]
    if design.get("covariates"):
        listed.append(Specification("no_covariates", "without covariates", keys(covariates=None)))
    if (design.get("options") or {}).get("direct_effect"):
        words = "if the invitation may also change the outcome by itself"
        listed.append(Specification("without_exclusion", words, planned, role="without_exclusion"))
    return [*listed, Specification("ols", "people who took part against those who did not", planned, "ols", "wrong")]


def complier_profile(frame: pd.DataFrame, design: Mapping) -> pd.DataFrame:
    """Return who the compliers are beside always-takers, never-takers and everyone, at baseline.

    One row "share of everyone", then one a covariate column of the design (words become one column a level).
    Columns: characteristic, compliers, se (of compliers), always_takers, never_takers, everyone; shares and means on
    the covariate's own scale; a group of nobody has no means (NaN). The invitation and take-up stand in `design` as
    for `estimate`; rows without the outcome are left out, so that these are the people analysed. Means over
    compliers weight by Abadie's kappa with the invited share of each stratum (Abadie 2003, J. Econometrics 113(2),
    theorem 3.1; the three groups as in Marbach and Hangartner 2020, Political Analysis 28(3)); se by the influence
    function, summed over clusters. Raises DesignError, also for options.dose (an amount has no compliers).
    """
    inputs = _open(frame, design)
    if inputs.options["dose"]:
        raise DesignError("Compliers exist for a 0/1 treatment only.", "Take off options.dose.")
    return _compliers.profile(inputs)


def first_stages(frame: pd.DataFrame, design: Mapping, by: str | list[str]) -> pd.DataFrame:
    """Return the first stage within each group of the columns `by`, one dimension after the other.

    Columns: dimension, group, n, invited, not_invited (mean take-up), first_stage, se, ci_low, ci_high, p (that it is
    0, two-sided). The first stage is the difference in take-up within strata, covariates left out; HC2 and t, or by
    cluster. A group too small for that (fewer than two people invited, or not) has no row. Raises DesignError.
    """
    _open(frame, design)  # refuse what could not be estimated as a whole, before its groups are looked at
    bare = {key: value for key, value in design.items() if key != "covariates"}
    rows = []
    for name in [by] if isinstance(by, str) else by:
        if name not in frame.columns:
            raise no_column(design["type"], "by", name, frame)
        for group, part in frame.groupby(labels(frame[name]), sort=True):
            try:
                inputs = both_arms_in_strata(_inputs.prepare(part, bare, design["outcome"], SPEC), "instrument")
                rows.append({"dimension": name, "group": group, **_compliers.first_stage(inputs)})
            except DesignError:
                continue  # too small a group, which the docstring says
    return pd.DataFrame(rows, columns=list(_compliers.FIRST_STAGE_COLUMNS))


def monotonicity_flags(stages: pd.DataFrame, outcome: str) -> list[dict]:
    """Return a flag for each group of `first_stages` in which the invitation went with less taking part.

    Serious when chance is no explanation (one-sided p below 0.05 over the number of groups, Bonferroni), else warn:
    that one group keeps away those who would have come contradicts what the LATE rests on.
    """
    return _compliers.monotonicity_flags(stages, outcome)


def _open(frame: pd.DataFrame, design: Mapping) -> Inputs:
    _inputs.check_design(design, SPEC)
    if not isinstance(design["outcome"], str):
        raise DesignError("This takes one outcome at a time.", "Call it once for each outcome.")
    return _checked(_inputs.prepare(frame, design, design["outcome"], SPEC))


def _checked(inputs: Inputs) -> Inputs:
    received = inputs.roles["treatment"]
    if not inputs.options["dose"] and not np.isin(received, (0.0, 1.0)).all():
        found = ", ".join(f"{value:g}" for value in np.unique(received)[:6])
        raise DesignError(
            f"Design {inputs.type}: 'treatment' must hold 0 and 1; it holds {found}.",
            "Code those who took part 1 and the others 0; for an amount, set options.dose to true.",
        )
    inputs = both_arms_in_strata(inputs, "instrument")
    if no_contrast(inputs.roles["treatment"], inputs.roles["instrument"]):
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': taking part is the same for everyone, or "
            "exactly as invited, so there are no compliers to tell apart.",
            "Check 'treatment', or use rct_individual.",
        )
    return inputs


def _facts(inputs: Inputs, iv, invited) -> dict:
    ar = iv.anderson_rubin
    facts = {"first_stage_f": iv.f, "ar_low": ar.low, "ar_high": ar.high, "ar_set": ar.text, "ar_kind": ar.kind}
    clusters = {} if inputs.cluster is None else {"n_clusters": len(np.unique(inputs.cluster))}
    return {**facts, **group_facts(inputs, invited), **clusters}


def _late_rows(inputs: Inputs, iv, facts: dict, p_ri: float) -> list[dict]:
    """main, itt, anderson_rubin, and conventional and without_exclusion where they are due."""
    dose, ar = inputs.options["dose"], iv.anderson_rubin
    late = {"estimand": "LATE per unit" if dose else "LATE", "value": iv.value, "se": iv.se, "df": iv.df, **facts}
    note = "" if dose else "comparison mean is the compliers' without taking part"
    if not dose:
        late["mean_comparison"] = iv.complier_mean
    tsls = {"method": f"2SLS with strata and covariates, {iv.covariance}, t"}
    by_set = {"interval": (ar.low, ar.high), "p": ar.p}
    weak = f"F = {iv.f:.1f} is below {STRONG_F}: Anderson-Rubin set {ar.text}"
    itt = {"estimand": "ITT", "value": iv.reduced_form, "se": iv.reduced_form_se, "df": iv.df, **facts}
    ols = f"OLS with strata and covariates, {iv.covariance}, t"
    set_note = f"set: {ar.text}; se is that of 2SLS"
    rows = [row(inputs, role="itt", method=ols, p_ri=p_ri, **itt)]
    rows.append(row(inputs, role="anderson_rubin", method="Anderson-Rubin set", note=set_note, **late, **by_set))
    if d := inputs.options["direct_effect"]:
        rows.append(_without_exclusion(inputs, iv, late, d))
    if iv.f >= STRONG_F:
        return [row(inputs, p_ri=p_ri, note=note, **tsls, **late), *rows]
    method = "2SLS, Anderson-Rubin interval and p"
    main = row(inputs, method=method, p_ri=p_ri, note="; ".join(filter(None, [note, weak])), **late, **by_set)
    short = row(inputs, role="conventional", note="too short when the invitation moves few people", **tsls, **late)
    return [main, *rows, short]


def _without_exclusion(inputs: Inputs, iv, late: dict, d: float) -> dict:
    """The interval, and the p of no effect of taking part, if the invitation may change the outcome by d by itself."""
    interval = _iv.union_over_direct_effects(iv, d, inputs.level)
    beyond = max(abs(iv.reduced_form) - d, 0.0) / iv.reduced_form_se
    method = "2SLS, union of Anderson-Rubin sets over direct effects"
    note = f"the invitation may change the outcome by up to {d:g}, up or down, by itself"
    p = 2 * stats.t.sf(beyond, iv.df)
    return row(inputs, role="without_exclusion", method=method, interval=interval, p=p, note=note, **late)


def _first_stage(inputs: Inputs, iv, facts: dict, uninvited: float) -> dict:
    return row(
        inputs,
        estimand="amount taken" if inputs.options["dose"] else "share taking part",
        value=iv.first_stage,
        se=iv.first_stage_se,
        df=iv.df,
        role="first_stage",
        method=f"OLS with strata and covariates, {iv.covariance}, t",
        note=f"F = {iv.f:.1f}",
        **{**facts, "mean_comparison": uninvited},
    )


def _naive(inputs: Inputs, received) -> dict:
    """OLS on taking part, labelled biased."""
    fit = adjusted(inputs, {"received": received}, "ancova", "HC1")
    groups = {} if inputs.options["dose"] else group_facts(inputs, received)
    return row(
        inputs,
        estimand="association",
        value=fit.value("received"),
        se=fit.se("received"),
        df=fit.df,
        role="ols",
        method=fit.method,
        **groups,
        note="biased: people who chose to take part differ from those who did not",
    )
