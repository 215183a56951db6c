"""Several arms against a control: what did each arm change?

Question: the mean difference in the outcome if everyone was in that arm against everyone in control (ITT),
    an arm each.
Assumption in plain words: chance alone decided the arm (within strata); one person's arm does not change
    another's outcome; people whose outcome is missing do not differ between the arms.
Estimator: one regression with an indicator for every arm, centred covariates and strata interacted with every
    indicator where the cells allow (Lin 2013, with several arms; Freedman 2008).
Variance: HC2, t with N - k.
Multiplicity: the contrasts against control are one family. `p_adjusted` is Holm's; `ci_low_adjusted` and
    `ci_high_adjusted` are simultaneous (Bonferroni, level 1 - (1 - level)/k, `level_adjusted`): 97.5 % for
    two. Decisions read the adjusted interval.
p_ri: of each contrast by permuting its two arms within strata, which is exact given who got the other arms.
Rows: main (a contrast against control each), between_arms (other pairs, outside the family), unadjusted,
    any_arm (all arms pooled against control).
"""

import numpy as np

from shared_utils.designs._errors import DesignError, listed
from shared_utils.designs._inputs import Inputs, Option, Spec, need_variation
from shared_utils.designs._regression import adjusted
from shared_utils.designs._result import row, t_interval
from shared_utils.designs.rct_individual import randomization_p
from shared_utils.errors import nearest
from shared_utils.stats import multiplicity

SPEC = Spec(
    columns={"arm": "label"},
    values=("control", "contrasts"),
    optional=("contrasts",),
    uses=("covariates", "strata", "weights"),
    options={
        "adjustment": Option("lin", ("none", "ancova", "lin")),
        "se": Option("HC2", ("HC1", "HC2", "HC3")),
        "multiplicity": Option("holm", ("holm", "none")),
        "ri_draws": Option(2000, low=0, high=100_000),
    },
)


def estimate(inputs: Inputs) -> list[dict]:
    """Rows: main a contrast against control, between_arms, unadjusted a contrast, any_arm."""
    need_variation(inputs)
    control, pairs = _contrasts(inputs)
    rows = _contrast_rows(inputs, control, pairs, covariates=True)
    if inputs.options["multiplicity"] == "holm":
        _adjust_family([one for one in rows if one["role"] == "main"], inputs.level)
    rows += _contrast_rows(inputs, control, pairs, covariates=False)
    rows.append(_any_arm(inputs, control))
    return rows


def diagnose(inputs: Inputs) -> list[dict]:
    """Flags: strata that lack an arm."""
    if inputs.strata is None:
        return []
    arms = inputs.roles["arm"]
    lacking = [s for s in np.unique(inputs.strata) if len(set(arms[inputs.strata == s])) < len(set(arms))]
    if not lacking:
        return []
    return [
        {
            "code": "one_armed_strata",
            "severity": "warn",
            "scope": inputs.outcome,
            "affects_primary": True,
            "message": f"{len(lacking)} strata lack an arm; they enter without interactions.",
        }
    ]


def _contrasts(inputs: Inputs) -> tuple[str, list[tuple[str, str]]]:
    """The control and the pairs (arm, other arm), checked; by default every arm against control."""
    arms, n = np.unique(inputs.roles["arm"].astype(str), return_counts=True)
    control = str(inputs.values["control"])
    pairs = [
        tuple(map(str, pair))
        for pair in inputs.values["contrasts"] or [(arm, control) for arm in arms if arm != control]
    ]
    for name in (control, *(arm for pair in pairs for arm in pair)):
        if name not in arms:
            raise DesignError(
                f"Design {inputs.type}, outcome '{inputs.outcome}': no one in arm '{name}' has an "
                f"outcome.{nearest(name, arms)}",
                f"Arms in the table: {listed(arms)}.",
            )
    if len(arms) < 2 or any(len(pair) != 2 or pair[0] == pair[1] for pair in pairs):
        raise DesignError(
            f"Design {inputs.type}: a contrast names two different arms.",
            f"Arms in the table: {listed(arms)}.",
        )
    small = [f"{arm} ({k})" for arm, k in zip(arms, n, strict=True) if k < 2]
    if small:
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': arm with fewer than two outcomes: "
            f"{listed(small)}.",
            "Wait until more outcomes are recorded, or drop the arm.",
        )
    return control, pairs


def _contrast_rows(inputs, control, pairs, covariates) -> list[dict]:
    arms = inputs.roles["arm"]
    groups = {arm: (arms == arm).astype(float) for arm in sorted(set(arms)) if arm != control}
    fit = adjusted(inputs, groups, inputs.options["adjustment"], inputs.options["se"], covariates)
    rows = []
    for first, second in pairs:
        if second == control:
            value, se = fit.value(first), fit.se(first)
        elif first == control:
            value, se = -fit.value(second), fit.se(second)
        else:
            value, se = fit.difference(first, second)
        role = "unadjusted" if not covariates else "main" if control in (first, second) else "between_arms"
        a, b = arms == first, arms == second
        rows.append(
            row(
                inputs,
                estimand="ITT",
                contrast=f"{first} - {second}",
                value=value,
                se=se,
                df=fit.df,
                method=fit.method,
                role=role,
                note=fit.note,
                n=int(a.sum() + b.sum()),
                n_treated=int(a.sum()),
                n_comparison=int(b.sum()),
                mean_comparison=_mean(inputs, b),
                p_ri=randomization_p(inputs.keep(a | b), a[a | b].astype(float)) if covariates else np.nan,
            )
        )
    return rows


def _adjust_family(rows: list[dict], level: float) -> None:
    """Add Holm p and simultaneous intervals to the main rows."""
    level_each = 1 - (1 - level) / len(rows)
    for one, p in zip(rows, multiplicity.holm([one["p"] for one in rows]), strict=True):
        low, high = t_interval(one["value"], one["se"], one["df"], level_each)
        one |= {
            "p_adjusted": float(p),
            "ci_low_adjusted": low,
            "ci_high_adjusted": high,
            "level_adjusted": level_each,
        }


def _any_arm(inputs: Inputs, control: str) -> dict:
    treated = (inputs.roles["arm"] != control).astype(float)
    fit = adjusted(inputs, {"any": treated}, inputs.options["adjustment"], inputs.options["se"])
    return row(
        inputs,
        estimand="ITT",
        contrast=f"any arm - {control}",
        value=fit.value("any"),
        se=fit.se("any"),
        df=fit.df,
        method=fit.method,
        role="any_arm",
        note=fit.note,
        p_ri=randomization_p(inputs, treated),
        n_treated=int(treated.sum()),
        n_comparison=int((treated == 0).sum()),
        mean_comparison=_mean(inputs, treated == 0),
    )


def _mean(inputs: Inputs, rows) -> float:
    return float(np.average(inputs.y[rows], weights=None if inputs.weights is None else inputs.weights[rows]))
