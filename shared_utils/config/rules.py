"""What must agree between settings (pilots.md section 3). Each rule names the blocks it reads.

A rule runs when those blocks are valid by themselves, so that a typing mistake in one block does not hide a
mistake in the others.
"""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace

from shared_utils.config.errors import closest
from shared_utils.config.model import worthwhile
from shared_utils.config.yaml12 import Path_

EQUITY_DIMS = ("race_ethnicity", "gender", "household_type", "opportunity_tercile")
POISSON = {"ppml_twfe": "ols_twfe", "segmented_poisson": "segmented_ols"}  # for counts -> for other outcomes
AROUND = datetime.timedelta(days=365)  # how far outside the pilot its dates may lie (T1, pilots.md 2.2)


@dataclass(frozen=True)
class Finding:
    """A rule that does not hold, at the path of the key to correct."""

    path: Path_
    message: str
    allowed: tuple[str, ...] = ()
    suggestion: str = ""


Rule = Callable[[SimpleNamespace], Iterator[Finding]]


def reads(*blocks: str) -> Callable[[Rule], Rule]:
    """Mark a function as a rule that reads these blocks."""

    def mark(rule: Rule) -> Rule:
        rule.reads = set(blocks)
        return rule

    return mark


def findings(blocks: dict[str, object], *modules: ModuleType) -> Iterator[Finding]:
    """Yield what the rules of `modules` find, where all they read is in `blocks` (name -> valid block)."""
    city = SimpleNamespace(**blocks)
    for module in modules:
        for rule in vars(module).values():
            if hasattr(rule, "reads") and rule.reads <= set(blocks):
                yield from rule(city)


@reads("events")
def rebasing_is_explained(c) -> Iterator[Finding]:
    for i, event in enumerate(c.events):
        if event.rebase_spc and not (event.rebase_reason and event.rebase_role):
            yield Finding(
                ("events", i, "rebase_spc"),
                "new limits need rebase_reason, why they are moved, and "
                "rebase_role, the role of the person who decided it. Without both, write rebase_spc: false.",
            )


@reads("outcomes")
def one_primary(c) -> Iterator[Finding]:
    primaries = [(i, outcome) for i, outcome in enumerate(c.outcomes) if outcome.role == "primary"]
    if not primaries:
        yield Finding(
            ("outcomes",), "no outcome has role: primary. Exactly one must have it: the measure the pilot is judged by."
        )
    for i, outcome in primaries[1:]:
        yield Finding(
            ("outcomes", i, "role"),
            f"'{outcome.id}' is a second primary outcome; "
            f"'{primaries[0][1].id}' is it already. Make this one role: secondary.",
        )


@reads("outcomes", "data", "design")
def two_to_four_secondaries(c) -> Iterator[Finding]:
    count = sum(outcome.role == "secondary" for outcome in c.outcomes)
    free = c.data.analysis_file is not None or c.design.type == "descriptive"
    if not free and not 2 <= count <= 4:
        yield Finding(("outcomes",), f"{count} outcomes have role: secondary. Name 2 to 4.")


@reads()
def ids_once(c) -> Iterator[Finding]:
    lists = {(name,): getattr(c, name, []) for name in ("outcomes", "indicators", "events")}
    lists["subgroups", "dims"] = c.subgroups.dims if hasattr(c, "subgroups") else []
    for path, items in lists.items():
        ids = [item.id for item in items]
        for i, name in enumerate(ids):
            if name in ids[:i]:
                yield Finding((*path, i, "id"), f"the id '{name}' is used twice.")


@reads("outcomes", "design")
def primary_kind(c) -> Iterator[Finding]:
    for i, outcome in enumerate(c.outcomes):
        if outcome.role != "primary" or c.design.type == "time_to_event":
            continue  # there the event is the outcome
        if outcome.kind == "time_to_event":
            yield Finding(
                ("outcomes", i, "kind"),
                "a time_to_event outcome cannot be primary. Use a yes/no "
                "outcome with a time limit (kind: binary); keep the time as a secondary outcome.",
            )
        elif outcome.kind != "count" and c.design.estimator in POISSON:
            yield Finding(
                ("design", "estimator"),
                f"{c.design.estimator} needs a primary outcome of kind: count, and "
                f"'{outcome.id}' is of kind: {outcome.kind}.",
                (POISSON[c.design.estimator],),
            )


@reads("outcomes", "design", "decision")
def worthwhile_effect(c) -> Iterator[Finding]:
    """The minimum worthwhile effect is there, on the scale of the estimand, and the same wherever written."""
    primary = next(((i, o) for i, o in enumerate(c.outcomes) if o.role == "primary"), None)
    if primary is None or (primary[1].kind == "time_to_event") != (c.design.type == "time_to_event"):
        return  # said by another rule
    i, outcome = primary
    own, decided, published = outcome.mwe, c.decision.minimum_worthwhile_effect, outcome.published_effect
    if own is None and decided is None and c.design.type != "descriptive":
        yield Finding(
            ("outcomes", i, "mwe"),
            "is missing: the primary outcome needs its minimum worthwhile "
            f"effect, such as mwe: {{scale: {_scales(outcome, c.design)[0]}, value: ...}}.",
        )
    wrong = []
    for path, effect in ((("outcomes", i, "mwe"), own), (("decision", "minimum_worthwhile_effect"), decided)):
        if effect is not None:
            wrong += _wrong_effect(path, effect, outcome, c.design)
    yield from wrong
    if published is not None:
        yield from _wrong_effect(("outcomes", i, "published_effect"), published, outcome, c.design)
    if decided and decided.outcome != outcome.id:
        yield Finding(
            ("decision", "minimum_worthwhile_effect", "outcome"),
            f"'{decided.outcome}' is not the primary outcome.",
            (outcome.id,),
        )
    elif own and decided and not wrong:
        sizes = worthwhile(own, outcome.direction), worthwhile(decided, outcome.direction)
        if abs(sizes[0] - sizes[1]) > 1e-4 * sizes[0]:
            yield Finding(
                ("decision", "minimum_worthwhile_effect", "value"),
                f"{decided.value:g} ({decided.scale}) is not the mwe of outcome '{outcome.id}', "
                f"{own.value:g} ({own.scale}). Make them equal or remove one.",
            )


def _scales(outcome, design) -> tuple[str, ...]:
    """Return the scales on which the effect on an outcome is estimated, the usual one first."""
    if design.type == "time_to_event":
        return ("percent_change", "log_hr")
    if design.estimator in POISSON:
        return ("percent_change", "log_irr")
    return {
        "binary": ("prob_diff",),
        "proportion": ("prob_diff",),
        "index": ("points",),
        "continuous": ("usd", "points", "unit"),
        "count": ("unit",),
    }[outcome.kind]


def _wrong_effect(path: Path_, effect, outcome, design) -> Iterator[Finding]:
    scales = _scales(outcome, design)
    if effect.scale not in scales:
        yield Finding(
            (*path, "scale"),
            f"'{effect.scale}' is not the scale on which {design.type} estimates a {outcome.kind} outcome.",
            scales,
        )
    elif effect.value == 0:
        yield Finding((*path, "value"), "0 is no change. Write how large the change is.")
    elif effect.value < 0 and outcome.direction == "increase":
        yield Finding(
            (*path, "value"),
            f"{effect.value:g} is a fall, and more of '{outcome.id}' is better "
            "(direction: increase). Write a number above 0.",
        )
    elif effect.scale == "prob_diff" and abs(effect.value) >= 1:
        share = f"{effect.value / 100:g}"
        yield Finding(
            (*path, "value"),
            f"{effect.value:g} is not a share between 0 and 1: write {share} for {effect.value:g} percentage points.",
            (),
            share,
        )
    elif effect.scale == "percent_change" and outcome.direction == "decrease" and abs(effect.value) >= 100:
        yield Finding((*path, "value"), f"a fall of {abs(effect.value):g} percent leaves nothing.")


@reads("subgroups", "decision", "indicators")
def dimensions(c) -> Iterator[Finding]:
    dims = [dim.id for dim in c.subgroups.dims]
    confirmatory = [(i, dim.id) for i, dim in enumerate(c.subgroups.dims) if dim.confirmatory]
    for i, name in confirmatory[1:]:
        yield Finding(
            ("subgroups", "dims", i, "confirmatory"),
            f"'{name}' is a second confirmatory "
            f"subgroup; at most one is allowed and '{confirmatory[0][1]}' is it already.",
        )
    planned = tuple(name for _, name in confirmatory)
    for i, guardrail in enumerate(c.decision.guardrails):
        if guardrail.type == "subgroup_harm" and guardrail.dim not in planned:
            yield Finding(
                ("decision", "guardrails", i, "dim"), f"'{guardrail.dim}' is not the confirmatory subgroup.", planned
            )
    known = (*EQUITY_DIMS, *(name for name in dims if name not in EQUITY_DIMS))
    for i, indicator in enumerate(c.indicators):
        for j, name in enumerate(indicator.equity):
            if name not in known:
                yield Finding(
                    ("indicators", i, "equity", j), f"'{name}' is not an equity dimension.", known, closest(name, known)
                )


@reads("indicators")
def indicator_parts(c) -> Iterator[Finding]:
    for i, indicator in enumerate(c.indicators):
        if indicator.statistic != "ratio" and indicator.chart != "xmr":
            yield Finding(
                ("indicators", i, "chart"),
                f"'{indicator.chart}' charts draw ratios, and '{indicator.id}' is a {indicator.statistic}.",
                ("xmr",),
            )
        for key in ("numerator", "denominator", "per") if indicator.statistic == "ratio" else ():
            if getattr(indicator, key) is None:
                yield Finding(
                    ("indicators", i, key),
                    f"is missing: '{indicator.id}' is a ratio and needs "
                    "numerator, denominator and per (100 for percent).",
                )


@reads("multiplicity", "outcomes")
def primary_family(c) -> Iterator[Finding]:
    primaries = tuple(outcome.id for outcome in c.outcomes if outcome.role == "primary")
    for i, name in enumerate(c.multiplicity.primary_family):
        if name not in primaries:
            yield Finding(("multiplicity", "primary_family", i), f"'{name}' is not the primary outcome.", primaries)


@reads("pilot")
def pilot_dates(c) -> Iterator[Finding]:
    if c.pilot.end <= c.pilot.start:
        yield Finding(("pilot", "end"), f"{c.pilot.end} is not after pilot.start ({c.pilot.start}).")
    elif c.pilot.data_lock <= c.pilot.end:
        yield Finding(
            ("pilot", "data_lock"),
            f"{c.pilot.data_lock} is not after pilot.end ({c.pilot.end}): "
            "outcomes stay blinded until the pilot is over.",
        )
