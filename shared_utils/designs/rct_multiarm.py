"""Several arms against a control: what did each arm change?

Question: the mean difference in the outcome if everyone was in that arm against everyone in control (ITT),
    an arm each.
Assumption in plain words: chance alone decided the arm (within strata); one person's arm does not change
    another's outcome; people whose outcome is missing do not differ between the arms.
Estimator: one regression with an indicator for every arm, centred covariates and strata interacted with every
    indicator where the cells allow (Lin 2013, with several arms; Freedman 2008).
    `options.pooling: pairwise` fits each contrast on its own two arms; `options.adjustment: logit` gives average
    marginal effects (designs/_logit.py).
Variance: HC2, t with N - k.
Multiplicity: the contrasts against control are one family. `p_adjusted` is Holm's, or with `options.multiplicity:
    westfall_young` that of the step-down max-T test by repeating the draw of all arms (randomization.arm_statistics);
    `ci_low_adjusted` and `ci_high_adjusted` are simultaneous (Bonferroni, level 1 - (1 - level)/k, `level_adjusted`):
    97.5 % for two. Decisions read the adjusted interval.
p_ri: of each contrast by permuting its two arms within strata, which is exact given who got the other arms.
Rows: main (a contrast against control each), between_arms (other pairs, outside the family), unadjusted,
    any_arm (all arms pooled against control).
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from shared_utils.designs import _inputs
from shared_utils.designs._errors import DesignError, listed
from shared_utils.designs._inputs import Inputs, Option, Spec, need_variation
from shared_utils.designs._result import row, t_interval
from shared_utils.designs._robustness import Specification, options
from shared_utils.designs._trial_choices import logit, response_weighted, without_covariates
from shared_utils.designs.rct_individual import adjusted_outcome, fitted, randomization_p
from shared_utils.errors import nearest
from shared_utils.stats import multiplicity, randomization, winners

SPEC = Spec(
    columns={"arm": "label"},
    values=("control", "contrasts"),
    optional=("contrasts",),
    uses=("covariates", "strata", "weights"),
    options={
        "adjustment": Option("lin", ("none", "ancova", "lin", "logit")),
        "se": Option("HC2", ("HC1", "HC2", "HC3")),
        "pooling": Option("all_arms", ("all_arms", "pairwise")),
        "multiplicity": Option("holm", ("holm", "westfall_young", "none")),
        "ri_draws": Option(2000, low=0, high=100_000),
    },
)


def estimate(inputs: Inputs) -> list[dict]:
    """Rows: main a contrast against control, between_arms, unadjusted a contrast, any_arm."""
    need_variation(inputs)
    control, pairs = _contrasts(inputs)
    rows = _contrast_rows(inputs, control, pairs, covariates=True)
    if inputs.options["multiplicity"] != "none":
        family = [one for one in rows if one["role"] == "main"]
        by_draws = inputs.options["multiplicity"] == "westfall_young"
        adjusted = _max_t(inputs, control, pairs) if by_draws else multiplicity.holm([one["p"] for one in family])
        _adjust_family(family, adjusted, inputs.level)
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
            "message": f"{len(lacking)} strata lack an arm. They get no slopes of their own.",
        }
    ]


def specifications(frame, design: dict) -> list[Specification]:
    """Pre-listed: no covariates, strata only, pairwise, logit, weights for attrition (pilots.md 5.3)."""
    pairwise = Specification("pairwise", "each contrast fitted on its own two arms", options(pooling="pairwise"))
    listed = [*without_covariates(frame, design), pairwise, *logit(frame, design)]
    return listed + response_weighted(frame, design, design["arm"])


def winner(frame: pd.DataFrame, design: Mapping, direction: str) -> tuple[str, winners.Winner] | None:
    """Return the arm that came out best against control, with its effect after allowing for having been picked.

    direction: increase or decrease, which change of the outcome is a benefit. The arms are those with a contrast
    against control; None when there is only one. All arms stand in one regression, whatever options.pooling says.
    Raises DesignError.
    """
    _inputs.check_design(design, SPEC)
    inputs = _inputs.prepare(frame, design, design["outcome"], SPEC)
    need_variation(inputs)
    control, pairs = _contrasts(inputs)
    compared = _against(control, pairs)
    if len(compared) < 2:
        return None
    fit = fitted(inputs, _indicators(_members(inputs), control))
    where = [fit.position[arm] for arm in compared]
    covariance = fit.fit.covariance[np.ix_(where, where)]
    found = winners.best([fit.value(arm) for arm in compared], covariance, direction, inputs.level)
    return compared[found.position], found


def _against(control: str, pairs) -> list[str]:
    """The arms that are compared with control."""
    return [first if second == control else second for first, second in pairs if control in (first, second)]


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
            f"Design {inputs.type}, outcome '{inputs.outcome}': arm with fewer than two outcomes: {listed(small)}.",
            "Wait until more outcomes are recorded, or drop the arm.",
        )
    return control, pairs


def _members(inputs: Inputs) -> dict[str, np.ndarray]:
    """Mask of the people of each arm."""
    arms = inputs.roles["arm"]
    return {arm: arms == arm for arm in sorted(set(arms))}


def _indicators(members: dict[str, np.ndarray], control: str) -> dict[str, np.ndarray]:
    return {arm: mask.astype(float) for arm, mask in members.items() if arm != control}


def _contrast_rows(inputs, control, pairs, covariates) -> list[dict]:
    members = _members(inputs)
    pairwise = inputs.options["pooling"] == "pairwise"
    fit = None if pairwise else fitted(inputs, _indicators(members, control), covariates)
    rows = []
    for first, second in pairs:
        a, b = members[first], members[second]
        if pairwise:
            fit = fitted(inputs.keep(a | b), {first: a[a | b].astype(float)}, covariates)
        if second == control or pairwise:
            value, se = fit.value(first), fit.se(first)
        elif first == control:
            value, se = -fit.value(second), fit.se(second)
        else:
            value, se = fit.difference(first, second)
        role = "unadjusted" if not covariates else "main" if control in (first, second) else "between_arms"
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
                p_ri=_pair_p(inputs, a, a | b) if covariates else np.nan,
            )
        )
    return rows


def _pair_p(inputs: Inputs, first: np.ndarray, both: np.ndarray) -> float:
    """Randomisation p of two arms; nothing is cut out of the table when no draws are asked for."""
    if not inputs.options["ri_draws"]:
        return np.nan
    return randomization_p(inputs.keep(both), first[both].astype(float))


def _adjust_family(rows: list[dict], adjusted: np.ndarray, level: float) -> None:
    """Add the family's p values and simultaneous intervals to the main rows."""
    level_each = 1 - (1 - level) / len(rows)
    for one, p in zip(rows, adjusted, strict=True):
        low, high = t_interval(one["value"], one["se"], one["df"], level_each)
        one |= {
            "p_adjusted": float(p),
            "ci_low_adjusted": low,
            "ci_high_adjusted": high,
            "level_adjusted": level_each,
        }


def _max_t(inputs: Inputs, control: str, pairs) -> np.ndarray:
    """Westfall-Young p of the contrasts against control; missing without draws."""
    family = _against(control, pairs)
    draws = int(inputs.options["ri_draws"])
    if draws == 0:
        return np.full(len(family), np.nan)
    arms, y = inputs.roles["arm"], adjusted_outcome(inputs)
    found = randomization.arm_statistics(y, arms, control, inputs.strata, inputs.weights, draws, inputs.seed)
    columns = [sorted(set(arms) - {control}).index(arm) for arm in family]
    return multiplicity.step_down(*(t[..., columns] for t in found))


def _any_arm(inputs: Inputs, control: str) -> dict:
    treated = (inputs.roles["arm"] != control).astype(float)
    fit = fitted(inputs, {"any": treated})
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
