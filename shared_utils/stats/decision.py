"""The decision rule of the protocol (pilots.md 0.3, version 0.3/v1), the same for every city.

b is the benefit-oriented estimate of the primary estimand, [l, u] its interval, m > 0 the minimum
worthwhile effect written in the locked plan. Cases 1-4 are exhaustive and exclusive; guardrails follow in
order and only ever move SCALE down. The rule recommends; people decide.
"""

import math
from dataclasses import dataclass

RULE = "0.3/v1"
SCALE, ADAPT, STOP, KEEP_LEARNING = "SCALE", "ADAPT", "STOP", "KEEP LEARNING"
CAPPED_DESIGNS = ("observational_aipw",)


@dataclass(frozen=True)
class Decision:
    """recommendation: SCALE, ADAPT, STOP or KEEP LEARNING; label: firm or staged (SCALE), harm (STOP) or "";
    reason: the comparison that decided, in symbols; guardrails: words for each that moved SCALE down."""

    recommendation: str
    label: str
    reason: str
    guardrails: tuple[str, ...] = ()
    rule: str = RULE


def decide(
    b: float,
    l: float,  # noqa: E741
    u: float,
    mwe: float,
    flags=(),
    *,
    design_type: str = "",
    subgroup_harm: bool = False,
    cost_above_ceiling: bool = False,
    plan_locked: bool = True,
    deviations_primary: int = 0,
) -> Decision:
    """Return the recommendation.

    l and u may be infinite (an unbounded set). flags: mappings or objects with code, severity and
    affects_primary.
    subgroup_harm: a confirmatory subgroup interval (Holm-adjusted) lies wholly below 0. cost_above_ceiling:
    cost per unit of outcome above the plan's ceiling. plan_locked: locked before unblinding.
    deviations_primary: number of deviations that touch the primary analysis. Raises ValueError unless l <=
        b <= u and mwe > 0, b and mwe finite.
    """
    if not 0 < mwe < math.inf:
        raise ValueError(f"The minimum worthwhile effect must be above 0 and finite, not {mwe}.")
    if not (l <= b <= u and math.isfinite(b)):
        raise ValueError(f"The estimate {b} must be a number and lie in its interval [{l}, {u}].")
    blocking = [_get(flag, "code") for flag in flags if _get(flag, "severity") == "block"]
    if blocking:
        return Decision(KEEP_LEARNING, "", f"not decision-grade: {', '.join(dict.fromkeys(blocking))}")
    recommendation, label, reason = rule(b, l, u, mwe)
    serious = [
        _get(flag, "code") for flag in flags if _get(flag, "severity") == "serious" and _get(flag, "affects_primary")
    ]
    guardrails = []
    checks = (
        ("subgroup harm", subgroup_harm, ADAPT),
        ("cost above the ceiling", cost_above_ceiling, ADAPT),
        (f"quality: {', '.join(dict.fromkeys(serious))}", bool(serious), "staged"),
        ("design: no random assignment", design_type in CAPPED_DESIGNS, "staged"),
        ("evidence: plan not locked before unblinding", not plan_locked, KEEP_LEARNING),
        ("evidence: deviations touch the primary analysis", deviations_primary > 0, KEEP_LEARNING),
    )
    for words, applies, to in checks:
        if not applies or recommendation != SCALE or (to == "staged" and label == "staged"):
            continue
        recommendation, label = (SCALE, "staged") if to == "staged" else (to, "")
        guardrails.append(words)
    return Decision(recommendation, label, reason, tuple(guardrails))


def rule(b: float, l: float, u: float, m: float) -> tuple[str, str, str]:  # noqa: E741
    """Return (recommendation, label, reason) of cases 1-4. Raises ValueError for what is not a number."""
    if any(map(math.isnan, (b, l, u, m))):
        raise ValueError(f"The rule needs numbers, not b = {b}, L = {l}, U = {u}, m = {m}.")
    if l > 0 and b >= m:
        return (SCALE, "firm", "L > 0 and b >= m; L >= m") if l >= m else (SCALE, "staged", "L > 0 and b >= m; L < m")
    if l > 0:
        return ADAPT, "", "L > 0 and b < m"
    if u < m:
        return (STOP, "harm", "L <= 0 and U < m; U < 0") if u < 0 else (STOP, "", "L <= 0 and U < m")
    return KEEP_LEARNING, "", "L <= 0 and U >= m"


def _get(flag, name):
    return flag.get(name) if isinstance(flag, dict) else getattr(flag, name)
