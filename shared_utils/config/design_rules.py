"""What must agree between the design and the rest of the settings; see rules.py."""

from collections.abc import Iterator

from shared_utils.config.errors import closest
from shared_utils.config.names import PANEL_TYPES, PERIODS
from shared_utils.config.rules import AROUND, Finding, reads


@reads("data", "design", "outcomes")
def columns_or_protocol(c) -> Iterator[Finding]:
    """With an analysis file the design names its columns; without one it states the protocol."""
    with_file = c.data.analysis_file is not None
    if c.design.FILE_ONLY and not with_file:
        yield Finding(
            ("design", "type"),
            f"{c.design.type} reads its data from one analysis file and cannot be built "
            "from mappings. Name the file: data: {mode: city, analysis_file: raw/analysis.csv}.",
        )
        return
    needed = c.design.ROLES if with_file else c.design.PROTOCOL
    for key in needed:
        if key not in c.design.model_fields_set or getattr(c.design, key) in (None, []):
            way = "with" if with_file else "without"
            yield Finding(
                ("design", key), f"is missing: {c.design.type} {way} data.analysis_file needs {', '.join(needed)}."
            )
    yield from _with_file(c) if with_file else _without_file(c)


def _with_file(c) -> Iterator[Finding]:
    if c.data.mode != "city":
        yield Finding(("data", "mode"), "a city with data.analysis_file has its own data.", ("city",))
    for i, outcome in enumerate(c.outcomes):
        if outcome.kind == "time_to_event" and c.design.type != "time_to_event":
            yield Finding(
                ("outcomes", i, "kind"),
                "time_to_event needs dates of events and of end of "
                "follow-up, which come through mappings, or the design time_to_event. "
                "Use a yes/no outcome with a time limit.",
            )


def _without_file(c) -> Iterator[Finding]:
    for key in c.design.ROLES_ONLY:
        if getattr(c.design, key) is not None:
            yield Finding(
                ("design", key), f"names a column of data.analysis_file, and this city has none. Remove {key}."
            )
    for i, outcome in enumerate(c.outcomes):
        if outcome.column is not None:
            yield Finding(
                ("outcomes", i, "column"),
                "names a column of data.analysis_file, and this city "
                "has none. Remove it: outcomes come through mappings under their id.",
            )


@reads("covariates", "outcomes", "design")
def covariates_are_baseline(c) -> Iterator[Finding]:
    after = {name: f"outcome '{o.id}'" for o in c.outcomes for name in (o.id, o.column) if name}
    for role in ("treatment", "received", "arm", "treatment_column", "duration", "event"):
        after[getattr(c.design, role, None)] = f"design.{role}"
    for i, name in enumerate(c.covariates):
        if name in after:
            yield Finding(
                ("covariates", i),
                f"'{name}' is {after[name]}, which is not known before "
                "assignment. Covariates must be baseline columns.",
            )
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
    if c.design.type in PANEL_TYPES:
        names = ["comparison", "treated"]
    elif c.design.type == "interrupted_time_series":
        names = ["before", "after"]
    for name in c.design.arm_labels if names else ():
        if name not in names:
            yield Finding(
                ("design", "arm_labels", name), f"'{name}' is not an arm.", tuple(names), closest(name, names)
            )


@reads("design")
def contrasts(c) -> Iterator[Finding]:
    if c.design.type != "rct_multiarm":
        return
    for key in ("primary_contrasts", "secondary_contrasts"):
        for i, pair in enumerate(getattr(c.design, key)):
            for j, arm in enumerate(pair):
                if c.design.arms and arm not in c.design.arms:
                    yield Finding(
                        ("design", key, i, j),
                        f"'{arm}' is not an arm.",
                        tuple(c.design.arms),
                        closest(arm, c.design.arms),
                    )
    if c.design.portfolio_contrast and c.design.portfolio_contrast not in c.design.primary_contrasts:
        yield Finding(("design", "portfolio_contrast"), "is not one of design.primary_contrasts.")


@reads("design", "covariates")
def propensity_terms(c) -> Iterator[Finding]:
    terms = c.design.propensity.terms if c.design.type == "observational_aipw" else []
    for i, term in enumerate(terms):
        name = term.removeprefix("spline(").removesuffix(")")
        if name not in c.covariates:
            yield Finding(
                ("design", "propensity", "terms", i),
                f"'{name}' is not in covariates.",
                tuple(c.covariates),
                closest(name, c.covariates),
            )


@reads("design")
def fuzzy_needs_received(c) -> Iterator[Finding]:
    if c.design.type == "rd" and c.design.fuzzy and not (c.design.treatment_received or c.design.received):
        yield Finding(("design", "treatment_received"), "is missing: fuzzy: true asks who got the service.")


@reads("design")
def panel_estimand(c) -> Iterator[Finding]:
    if c.design.type == "panel_did":
        estimated = "ATT_IRR" if c.design.estimator == "ppml_twfe" else "ATT"
        if c.design.estimand != estimated:
            yield Finding(("design", "estimand"), f"{c.design.estimator} estimates {estimated}.", (estimated,))


@reads("design", "outcomes")
def one_event(c) -> Iterator[Finding]:
    """A time_to_event design has one outcome: its event. The estimator says nothing about any other."""
    if c.design.type != "time_to_event":
        return
    for i, outcome in enumerate(c.outcomes):
        if outcome.kind != "time_to_event":
            yield Finding(
                ("outcomes", i, "kind"),
                f"the design is time_to_event, and '{outcome.id}' is of kind: {outcome.kind}.",
                ("time_to_event",),
            )
        elif c.design.event and (outcome.column or outcome.id) != c.design.event:
            yield Finding(
                ("outcomes", i, "column"),
                f"'{outcome.column or outcome.id}' is not the column of the event "
                f"(design.event: {c.design.event}), and the design has no other outcome.",
                (c.design.event,),
            )


@reads("design", "outcomes")
def counts_of_a_series(c) -> Iterator[Finding]:
    if c.design.type == "interrupted_time_series" and c.design.exposure and c.design.estimator == "segmented_ols":
        yield Finding(
            ("design", "exposure"),
            "is what a count is out of, and segmented_ols takes no counts. Write "
            "estimator: segmented_poisson, or take exposure out and give the outcome as a share.",
        )


@reads("design", "covariates")
def predictors_of_a_twin(c) -> Iterator[Finding]:
    if c.design.estimator == "synthetic_did" and c.covariates:
        yield Finding(
            ("covariates",), "synthetic_did takes no covariates. Remove them, or write estimator: synthetic_control."
        )


@reads("design", "subgroups")
def no_groups(c) -> Iterator[Finding]:
    if not c.design.SUBGROUPS and c.subgroups.dims:
        yield Finding(
            ("subgroups", "dims"),
            f"{c.design.type} follows one place or series, which has no groups to compare. Remove subgroups.",
        )


@reads("design", "pilot")
def rows_have_a_name(c) -> Iterator[Finding]:
    """Sentences and the record say what a row is; for these designs the default would be people."""
    place, _, period = c.pilot.unit_of_analysis.rpartition("_")
    if c.design.type == "synthetic_control" and not (place and period in PERIODS):
        yield Finding(
            ("pilot", "unit_of_analysis"),
            f"is '{c.pilot.unit_of_analysis}', and a row of synthetic_control "
            "is a place in a period. Write the two, for example unit_of_analysis: county_month.",
        )
    elif c.design.type == "interrupted_time_series" and (place or period not in PERIODS):
        yield Finding(
            ("pilot", "unit_of_analysis"),
            f"is '{c.pilot.unit_of_analysis}', and a row of interrupted_time_series is a period. Write which.",
            PERIODS,
        )


@reads("design", "privacy")
def places_named_in_settings(c) -> Iterator[Finding]:
    unit = getattr(c.design, "unit", None)
    for i, name in enumerate(c.privacy.id_columns):
        if c.design.type == "synthetic_control" and name == unit:
            yield Finding(
                ("privacy", "id_columns", i),
                f"'{name}' holds the places that design.treated_units names: "
                "they cannot become pseudonyms. Take it out.",
            )


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
                yield Finding(
                    ("design", key, edge),
                    f"{getattr(window, edge)} is more than a year outside "
                    f"the pilot ({c.pilot.start} to {c.pilot.end}).",
                )


@reads("pilot", "design")
def adoption(c) -> Iterator[Finding]:
    adopted = getattr(c.design, "adoption_date", None)
    if adopted is None:
        return
    if not c.pilot.start <= adopted <= c.pilot.end:
        yield Finding(
            ("design", "adoption_date"), f"{adopted} is outside the pilot ({c.pilot.start} to {c.pilot.end})."
        )
    month, before, after = f"{adopted:%Y-%m}", c.design.pre_window, c.design.post_window
    if before and before.end >= month:
        yield Finding(("design", "pre_window", "end"), f"{before.end} is not before the adoption month {month}.")
    if after and after.start < month:
        yield Finding(("design", "post_window", "start"), f"{after.start} is before the adoption month {month}.")


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
    return Finding(
        ("design", window, "end"),
        f"{end} runs into event '{event.id}' ({first}), which is "
        "excluded from the primary analysis. End the window before it, or set "
        "exclude_from_primary: false for the event.",
    )
