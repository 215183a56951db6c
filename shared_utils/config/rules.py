"""What must agree between settings (pilots.md section 3). Each rule names the blocks it reads.

A rule runs when those blocks are valid by themselves, so a typing mistake in one block does not hide a mistake in
the others.
"""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace

from shared_utils.config.errors import closest
from shared_utils.config.model import worthwhile

EQUITY_DIMS = ("race_ethnicity", "gender", "household_type", "opportunity_tercile")
AROUND = datetime.timedelta(days=365)      # how far outside the pilot a date of the pilot may lie (T1, pilots.md 2.2)


@dataclass(frozen=True)
class Finding:
    """A rule that does not hold, at the path of the key to correct."""

    path: tuple[str | int, ...]
    message: str
    allowed: tuple[str, ...] = ()
    suggestion: str = ""


Rule = Callable[[SimpleNamespace], Iterator[Finding]]
_RULES: list[tuple[tuple[str, ...], Rule]] = []


def _reads(*blocks: str):
    def register(rule: Rule) -> Rule:
        _RULES.append((blocks, rule))
        return rule
    return register


def findings(blocks: dict[str, object]) -> Iterator[Finding]:
    """Yield every finding of the rules whose blocks are all in `blocks` (name -> valid block)."""
    city = SimpleNamespace(**blocks)
    for needed, rule in _RULES:
        if set(needed) <= set(blocks):
            yield from rule(city)


@_reads("outcomes")
def _one_primary(c) -> Iterator[Finding]:
    primaries = [i for i, outcome in enumerate(c.outcomes) if outcome.role == "primary"]
    if not primaries:
        yield Finding(("outcomes",), "no outcome has role: primary. Exactly one must: the measure the pilot is judged by.")
    for i in primaries[1:]:
        yield Finding(("outcomes", i, "role"), f"'{c.outcomes[i].id}' is a second primary outcome. "
                      f"'{c.outcomes[primaries[0]].id}' is primary already; make this one role: secondary.")


@_reads("outcomes", "data", "design")
def _two_to_four_secondaries(c) -> Iterator[Finding]:
    count = sum(outcome.role == "secondary" for outcome in c.outcomes)
    if c.data.analysis_file is None and c.design.type != "descriptive" and not 2 <= count <= 4:
        yield Finding(("outcomes",), f"{count} outcomes have role: secondary. Name 2 to 4.")


@_reads("outcomes", "indicators", "subgroups", "events")
def _ids_once(c) -> Iterator[Finding]:
    lists = {("outcomes",): c.outcomes, ("indicators",): c.indicators, ("events",): c.events,
             ("subgroups", "dims"): c.subgroups.dims}
    for path, items in lists.items():
        seen = set()
        for i, item in enumerate(items):
            if item.id in seen:
                yield Finding((*path, i, "id"), f"the id '{item.id}' is used twice.")
            seen.add(item.id)


def _scales(kind: str, design) -> tuple[str, ...]:
    if getattr(design, "estimator", "") == "ppml_twfe":
        return ("percent_change", "log_irr")
    return {"binary": ("prob_diff",), "proportion": ("prob_diff",), "index": ("points",),
            "continuous": ("usd", "points", "unit"), "count": ("unit",)}[kind]


@_reads("outcomes", "design")
def _kind_fits(c) -> Iterator[Finding]:
    for i, outcome in enumerate(c.outcomes):
        if outcome.role != "primary":
            continue
        if outcome.kind == "time_to_event":
            yield Finding(("outcomes", i, "kind"), "a time_to_event outcome cannot be primary. Use a yes/no outcome with "
                          "a time limit (kind: binary), and keep the time to the event as a secondary outcome.")
        elif getattr(c.design, "estimator", "") == "ppml_twfe" and outcome.kind != "count":
            yield Finding(("design", "estimator"), f"ppml_twfe needs a primary outcome of kind: count, and "
                          f"'{outcome.id}' is {outcome.kind}.", ("ols_twfe",))


@_reads("outcomes", "design", "decision")
def _worthwhile_effect(c) -> Iterator[Finding]:
    primary = next(((i, o) for i, o in enumerate(c.outcomes) if o.role == "primary"), None)
    if primary is None or primary[1].kind == "time_to_event":
        return
    i, outcome = primary
    own, decided = outcome.mwe, c.decision.minimum_worthwhile_effect
    if own is None and decided is None and c.design.type != "descriptive":
        yield Finding(("outcomes", i, "mwe"), "is missing: the primary outcome needs its minimum worthwhile effect, "
                      f"for example mwe: {{scale: {_scales(outcome.kind, c.design)[0]}, value: ...}}.")
    valid = []
    for path, effect in ((("outcomes", i, "mwe"), own), (("decision", "minimum_worthwhile_effect"), decided)):
        if effect is not None:
            wrong = list(_wrong_effect(path, effect, outcome, c.design))
            yield from wrong
            valid += [] if wrong else [worthwhile(effect, outcome.direction)]
    if decided and decided.outcome != outcome.id:
        yield Finding(("decision", "minimum_worthwhile_effect", "outcome"),
                      f"'{decided.outcome}' is not the primary outcome.", (outcome.id,))
    if len(valid) == 2 and abs(valid[0] - valid[1]) > 1e-4 * valid[0]:
        yield Finding(("decision", "minimum_worthwhile_effect", "value"),
                      f"{decided.value:g} ({decided.scale}) is not the same as the mwe of outcome '{outcome.id}', "
                      f"{own.value:g} ({own.scale}). Make them equal or remove one.")


def _wrong_effect(path, effect, outcome, design) -> Iterator[Finding]:
    scales = _scales(outcome.kind, design)
    if effect.scale not in scales:
        yield Finding((*path, "scale"), f"'{effect.scale}' is not the scale on which a {outcome.kind} outcome is "
                      f"estimated by {design.type}.", scales)
    elif effect.value == 0 or (effect.value < 0 and outcome.direction == "increase"):
        yield Finding((*path, "value"), f"{effect.value:g} is not a worthwhile change: more of '{outcome.id}' is better, "
                      "so write a number above 0." if outcome.direction == "increase" else
                      "0 is not a worthwhile change. Write the smallest change worth paying for.")
    elif effect.scale == "prob_diff" and abs(effect.value) >= 1:
        yield Finding((*path, "value"), f"{effect.value:g} is not a share between 0 and 1: "
                      f"write {effect.value / 100:g} for {effect.value:g} percentage points.", (), f"{effect.value / 100:g}")
    elif effect.scale == "percent_change" and effect.value <= -100:
        yield Finding((*path, "value"), f"{effect.value:g} percent is more than everything.")


@_reads("subgroups", "decision", "indicators")
def _dimensions(c) -> Iterator[Finding]:
    dims = {dim.id: dim for dim in c.subgroups.dims}
    confirmatory = [i for i, dim in enumerate(c.subgroups.dims) if dim.confirmatory]
    for i in confirmatory[1:]:
        yield Finding(("subgroups", "dims", i, "confirmatory"),
                      f"'{c.subgroups.dims[i].id}' is a second confirmatory subgroup; at most one is allowed and "
                      f"'{c.subgroups.dims[confirmatory[0]].id}' is it already.")
    for i, guardrail in enumerate(c.decision.guardrails):
        if guardrail.type == "subgroup_harm" and not (guardrail.dim in dims and dims[guardrail.dim].confirmatory):
            allowed = tuple(d for d in dims if dims[d].confirmatory)
            yield Finding(("decision", "guardrails", i, "dim"),
                          f"'{guardrail.dim}' is not the confirmatory subgroup.", allowed)
    known = (*EQUITY_DIMS, *(d for d in dims if d not in EQUITY_DIMS))
    for i, indicator in enumerate(c.indicators):
        for j, dim in enumerate(indicator.equity):
            if dim not in known:
                yield Finding(("indicators", i, "equity", j), f"'{dim}' is not an equity dimension.", known,
                              closest(dim, known))


@_reads("indicators")
def _indicator_parts(c) -> Iterator[Finding]:
    for i, indicator in enumerate(c.indicators):
        path = ("indicators", i)
        if indicator.statistic == "ratio":
            for key in ("numerator", "denominator", "per"):
                if getattr(indicator, key) is None:
                    yield Finding((*path, key), f"is missing: '{indicator.id}' is a ratio (statistic: ratio) and needs "
                                  "numerator, denominator and per (100 for percent).")
        elif indicator.chart != "xmr":
            yield Finding((*path, "chart"), f"'{indicator.chart}' charts draw ratios, and '{indicator.id}' is a "
                          f"{indicator.statistic}.", ("xmr",))


@_reads("multiplicity", "outcomes")
def _primary_family(c) -> Iterator[Finding]:
    primaries = tuple(outcome.id for outcome in c.outcomes if outcome.role == "primary")
    for i, name in enumerate(c.multiplicity.primary_family):
        if name not in primaries:
            yield Finding(("multiplicity", "primary_family", i), f"'{name}' is not the primary outcome.", primaries)


@_reads("covariates", "outcomes", "design")
def _covariates_are_baseline(c) -> Iterator[Finding]:
    after = {name: f"outcome '{o.id}'" for o in c.outcomes for name in (o.id, o.column) if name}
    for role in ("treatment", "received", "arm", "treatment_column"):
        if name := getattr(c.design, role, None):
            after[name] = f"design.{role}"
    for i, name in enumerate(c.covariates):
        if name in after:
            yield Finding(("covariates", i), f"'{name}' is {after[name]}, so it is not known before assignment. "
                          "Covariates must be baseline columns.")
        elif name in c.covariates[:i]:
            yield Finding(("covariates", i), f"'{name}' is listed twice.")


@_reads("data", "design", "outcomes")
def _analysis_file(c) -> Iterator[Finding]:
    """With an analysis file the design names columns; without one it states the protocol."""
    with_file = c.data.analysis_file is not None
    needed = c.design.ROLES if with_file else c.design.PROTOCOL
    for key in needed:
        if key not in c.design.model_fields_set or getattr(c.design, key) in (None, []):
            way = "with data.analysis_file" if with_file else "without data.analysis_file"
            yield Finding(("design", key), f"is missing: {c.design.type} {way} needs {', '.join(needed)}.")
    if with_file and c.data.mode != "city":
        yield Finding(("data", "mode"), "a city with data.analysis_file has its own data, so mode must be city.", ("city",))
    if with_file:
        for i, outcome in enumerate(c.outcomes):
            if outcome.kind == "time_to_event":
                yield Finding(("outcomes", i, "kind"), "time_to_event needs event and end-of-follow-up dates, which one "
                              "analysis file does not hold. Use mappings, or a yes/no outcome with a time limit.")
        return
    for key in c.design.ROLES_ONLY:
        if getattr(c.design, key) is not None:
            yield Finding(("design", key), f"names a column of data.analysis_file, and this city has none. Remove {key}.")
    for i, outcome in enumerate(c.outcomes):
        if outcome.column is not None:
            yield Finding(("outcomes", i, "column"), "names a column of data.analysis_file, and this city has none. "
                          "Remove column: outcomes come through mappings under their id.")


@_reads("design")
def _arms(c) -> Iterator[Finding]:
    arms = getattr(c.design, "arms", [])
    if len(set(arms)) < len(arms):
        yield Finding(("design", "arms"), "an arm is listed twice.")
    if c.design.type == "rct_multiarm":
        if arms and len(arms) < 3:
            yield Finding(("design", "arms"), "rct_multiarm needs three arms or more, the control arm first.")
        contrasts = [(("design", key, i), pair) for key in ("primary_contrasts", "secondary_contrasts")
                     for i, pair in enumerate(getattr(c.design, key))]
        for path, pair in contrasts:
            for j, arm in enumerate(pair):
                if arms and arm not in arms:
                    yield Finding((*path, j), f"'{arm}' is not an arm.", tuple(arms), closest(arm, arms))
        shown = c.design.portfolio_contrast
        if shown and shown not in c.design.primary_contrasts:
            yield Finding(("design", "portfolio_contrast"), "is not one of design.primary_contrasts.")
    elif arms and len(arms) != 2:
        yield Finding(("design", "arms"), f"{c.design.type} compares two arms: [comparison, treated].")
    for arm in c.design.arm_labels:
        if arms and arm not in arms:
            yield Finding(("design", "arm_labels", arm), f"'{arm}' is not an arm.", tuple(arms), closest(arm, arms))


@_reads("design", "covariates")
def _propensity_terms(c) -> Iterator[Finding]:
    if c.design.type != "observational_aipw":
        return
    for i, term in enumerate(c.design.propensity.terms):
        name = term.removeprefix("spline(").removesuffix(")")
        if name not in c.covariates:
            yield Finding(("design", "propensity", "terms", i), f"'{name}' is not in covariates.", tuple(c.covariates),
                          closest(name, c.covariates))


@_reads("design")
def _rd_received(c) -> Iterator[Finding]:
    if c.design.type == "rd" and c.design.fuzzy and not (c.design.treatment_received or c.design.received):
        yield Finding(("design", "treatment_received"), "is missing: fuzzy: true needs to know who got the service.")


@_reads("design")
def _panel_estimand(c) -> Iterator[Finding]:
    if c.design.type == "panel_did":
        right = "ATT_IRR" if c.design.estimator == "ppml_twfe" else "ATT"
        if c.design.estimand != right:
            yield Finding(("design", "estimand"), f"{c.design.estimator} estimates {right}.", (right,))


@_reads("pilot")
def _pilot_dates(c) -> Iterator[Finding]:
    if c.pilot.end <= c.pilot.start:
        yield Finding(("pilot", "end"), f"{c.pilot.end} is not after pilot.start ({c.pilot.start}).")
    elif c.pilot.data_lock <= c.pilot.end:
        yield Finding(("pilot", "data_lock"), f"{c.pilot.data_lock} is not after pilot.end ({c.pilot.end}): "
                      "outcomes stay blinded until the pilot is over.")


@_reads("pilot", "design")
def _design_dates(c) -> Iterator[Finding]:
    for key in ("enrollment_window", "followup_window", "pre_window", "post_window"):
        window = getattr(c.design, key, None)
        if window and window.end < window.start:
            yield Finding(("design", key, "end"), f"{window.end} is before {key}.start ({window.start}).")
    for key in ("enrollment_window", "followup_window"):
        window = getattr(c.design, key, None)
        for edge in ("start", "end") if window else ():
            day = getattr(window, edge)
            if not c.pilot.start - AROUND <= day <= c.pilot.end + AROUND:
                yield Finding(("design", key, edge), f"{day} is more than a year outside the pilot "
                              f"({c.pilot.start} to {c.pilot.end}).")
    adoption = getattr(c.design, "adoption_date", None)
    if adoption is None:
        return
    if not c.pilot.start <= adoption <= c.pilot.end:
        yield Finding(("design", "adoption_date"), f"{adoption} is outside the pilot "
                      f"({c.pilot.start} to {c.pilot.end}).")
    month = f"{adoption:%Y-%m}"
    if c.design.pre_window and c.design.pre_window.end >= month:
        yield Finding(("design", "pre_window", "end"), f"{c.design.pre_window.end} is not before the adoption month {month}.")
    if c.design.post_window and c.design.post_window.start < month:
        yield Finding(("design", "post_window", "start"), f"{c.design.post_window.start} is before the adoption month {month}.")


@_reads("events", "design")
def _events(c) -> Iterator[Finding]:
    post = getattr(c.design, "post_window", None)
    follow = getattr(c.design, "followup_window", None)
    for i, event in enumerate(c.events):
        if event.end and event.end < event.start:
            yield Finding(("events", i, "end"), f"{event.end} is before the event starts ({event.start}).")
        if not event.exclude_from_primary:
            continue
        first = event.first_affected_month or f"{event.start:%Y-%m}"
        last = f"{event.end:%Y-%m}" if event.end else "9999-12"
        if post and first <= post.end and post.start <= last:
            yield Finding(("design", "post_window", "end"), f"{post.end} runs into event '{event.id}' ({first}), which is "
                          "excluded from the primary analysis. End the window before it, or set the event's "
                          "exclude_from_primary: false.")
        if follow and event.start <= follow.end and follow.start <= (event.end or follow.end):
            yield Finding(("design", "followup_window", "end"), f"{follow.end} runs into event '{event.id}' "
                          f"({event.start}), which is excluded from the primary analysis. End the window before it, or "
                          "set the event's exclude_from_primary: false.")
