"""What must agree between the design and the rest of the settings; see rules.py."""

from collections.abc import Iterator

from shared_utils.config.errors import closest
from shared_utils.config.rules import AROUND, Finding, reads


@reads("data", "design", "outcomes")
def columns_or_protocol(c) -> Iterator[Finding]:
    """With an analysis file the design names its columns; without one it states the protocol."""
    with_file = c.data.analysis_file is not None
    needed = c.design.ROLES if with_file else c.design.PROTOCOL
    for key in needed:
        if key not in c.design.model_fields_set or getattr(c.design, key) in (None, []):
            way = "with" if with_file else "without"
            yield Finding(("design", key), f"is missing: {c.design.type} {way} data.analysis_file needs "
                          f"{', '.join(needed)}.")
    yield from _with_file(c) if with_file else _without_file(c)


def _with_file(c) -> Iterator[Finding]:
    if c.data.mode != "city":
        yield Finding(("data", "mode"), "a city with data.analysis_file has its own data.", ("city",))
    for i, outcome in enumerate(c.outcomes):
        if outcome.kind == "time_to_event":
            yield Finding(("outcomes", i, "kind"), "time_to_event needs dates of events and of end of "
                          "follow-up, which come through mappings. Use a yes/no outcome with a time limit.")


def _without_file(c) -> Iterator[Finding]:
    for key in c.design.ROLES_ONLY:
        if getattr(c.design, key) is not None:
            yield Finding(("design", key), "names a column of data.analysis_file, and this city has none. "
                          f"Remove {key}.")
    for i, outcome in enumerate(c.outcomes):
        if outcome.column is not None:
            yield Finding(("outcomes", i, "column"), "names a column of data.analysis_file, and this city "
                          "has none. Remove it: outcomes come through mappings under their id.")


@reads("covariates", "outcomes", "design")
def covariates_are_baseline(c) -> Iterator[Finding]:
    after = {name: f"outcome '{o.id}'" for o in c.outcomes for name in (o.id, o.column) if name}
    for role in ("treatment", "received", "arm", "treatment_column"):
        after[getattr(c.design, role, None)] = f"design.{role}"
    for i, name in enumerate(c.covariates):
        if name in after:
            yield Finding(("covariates", i), f"'{name}' is {after[name]}, which is not known before "
                          "assignment. Covariates must be baseline columns.")
        elif name in c.covariates[:i]:
            yield Finding(("covariates", i), f"'{name}' is listed twice.")


@reads("design")
def arms(c) -> Iterator[Finding]:
    names = getattr(c.design, "arms", [])
    if len(set(names)) < len(names):
        yield Finding(("design", "arms"), "an arm is listed twice.")
    elif names and c.design.type == "rct_multiarm" and len(names) < 3:
        yield Finding(("design", "arms"), "rct_multiarm needs three arms or more, the control arm first.")
    elif names and c.design.type != "rct_multiarm" and len(names) != 2:
        yield Finding(("design", "arms"), f"{c.design.type} compares two arms: [comparison, treated].")
    if c.design.type in ("did_staggered", "panel_did"):
        names = ["comparison", "treated"]
    for name in c.design.arm_labels if names else ():
        if name not in names:
            yield Finding(("design", "arm_labels", name), f"'{name}' is not an arm.", tuple(names),
                          closest(name, names))


@reads("design")
def contrasts(c) -> Iterator[Finding]:
    if c.design.type != "rct_multiarm":
        return
    for key in ("primary_contrasts", "secondary_contrasts"):
        for i, pair in enumerate(getattr(c.design, key)):
            for j, arm in enumerate(pair):
                if c.design.arms and arm not in c.design.arms:
                    yield Finding(("design", key, i, j), f"'{arm}' is not an arm.", tuple(c.design.arms),
                                  closest(arm, c.design.arms))
    if c.design.portfolio_contrast and c.design.portfolio_contrast not in c.design.primary_contrasts:
        yield Finding(("design", "portfolio_contrast"), "is not one of design.primary_contrasts.")


@reads("design", "covariates")
def propensity_terms(c) -> Iterator[Finding]:
    terms = c.design.propensity.terms if c.design.type == "observational_aipw" else []
    for i, term in enumerate(terms):
        name = term.removeprefix("spline(").removesuffix(")")
        if name not in c.covariates:
            yield Finding(("design", "propensity", "terms", i), f"'{name}' is not in covariates.",
                          tuple(c.covariates), closest(name, c.covariates))


@reads("design")
def fuzzy_needs_received(c) -> Iterator[Finding]:
    if c.design.type == "rd" and c.design.fuzzy and not (c.design.treatment_received or c.design.received):
        yield Finding(("design", "treatment_received"), "is missing: fuzzy: true asks who got the service.")


@reads("design")
def panel_estimand(c) -> Iterator[Finding]:
    if c.design.type == "panel_did":
        estimated = "ATT_IRR" if c.design.estimator == "ppml_twfe" else "ATT"
        if c.design.estimand != estimated:
            yield Finding(("design", "estimand"), f"{c.design.estimator} estimates {estimated}.",
                          (estimated,))


@reads("pilot", "design")
def windows(c) -> Iterator[Finding]:
    for key in ("enrollment_window", "followup_window", "pre_window", "post_window"):
        window = getattr(c.design, key, None)
        if window and window.end < window.start:
            yield Finding(("design", key, "end"), f"{window.end} is before {key}.start ({window.start}).")
    for key in ("enrollment_window", "followup_window"):
        window = getattr(c.design, key, None)
        for edge in ("start", "end") if window else ():
            if not c.pilot.start - AROUND <= getattr(window, edge) <= c.pilot.end + AROUND:
                yield Finding(("design", key, edge), f"{getattr(window, edge)} is more than a year outside "
                              f"the pilot ({c.pilot.start} to {c.pilot.end}).")


@reads("pilot", "design")
def adoption(c) -> Iterator[Finding]:
    adopted = getattr(c.design, "adoption_date", None)
    if adopted is None:
        return
    if not c.pilot.start <= adopted <= c.pilot.end:
        yield Finding(("design", "adoption_date"), f"{adopted} is outside the pilot "
                      f"({c.pilot.start} to {c.pilot.end}).")
    month, before, after = f"{adopted:%Y-%m}", c.design.pre_window, c.design.post_window
    if before and before.end >= month:
        yield Finding(("design", "pre_window", "end"),
                      f"{before.end} is not before the adoption month {month}.")
    if after and after.start < month:
        yield Finding(("design", "post_window", "start"),
                      f"{after.start} is before the adoption month {month}.")


@reads("events")
def event_dates(c) -> Iterator[Finding]:
    for i, event in enumerate(c.events):
        if event.end and event.end < event.start:
            yield Finding(("events", i, "end"), f"{event.end} is before the event starts ({event.start}).")


@reads("events", "design")
def excluded_events(c) -> Iterator[Finding]:
    """The primary window ends before the first event that is excluded from the primary analysis."""
    post, follow = getattr(c.design, "post_window", None), getattr(c.design, "followup_window", None)
    excluded = sorted((e for e in c.events if e.exclude_from_primary), key=lambda e: e.start)
    for event in excluded:
        first = event.first_affected_month or f"{event.start:%Y-%m}"
        last = f"{event.end:%Y-%m}" if event.end else "9999-12"
        if post and first <= post.end and post.start <= last:
            yield _runs_into("post_window", post.end, event, first)
            return
        if follow and event.start <= follow.end and follow.start <= (event.end or follow.end):
            yield _runs_into("followup_window", follow.end, event, event.start)
            return


def _runs_into(window: str, end, event, first) -> Finding:
    return Finding(("design", window, "end"), f"{end} runs into event '{event.id}' ({first}), which is "
                   "excluded from the primary analysis. End the window before it, or set "
                   "exclude_from_primary: false for the event.")
