"""Impact, before the result: the promised analysis (I1), who is in it (I2), and whether service differed
(I3)."""

from shared_utils.errors import EmiError
from shared_utils.results import Flag, whom
from shared_utils.sections import analysis, banner, charts_compare, charts_shape, charts_time, checks, plan_lock
from shared_utils.sections.figures import BLUE, GREY
from shared_utils.sections.record import served_subjects
from shared_utils.sections.scales import told_share
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import counted, day, listed, people, plainly, sentence

SMALL_CONTRAST = 0.20


@section("I1", "Is this the analysis we promised?")
def plan(book) -> Section:
    """Lock, hash and deviations against the settings of today."""
    status, config = book.plan, book.config
    rows = [
        {"what": "State of the plan", "value": banner.plan_words(status)},
        {"what": "Signed by (role)", "value": status.signer_role},
        {"what": "Hash in the lock", "value": (status.hash or "")[:19]},
        {"what": "Hash of the settings now", "value": plan_lock.plan_hash(config)[:19]},
        {"what": "Settings changed since the lock", "value": listed(status.changes) or "none"},
    ]
    entries = [
        {key: str(entry[key]) for key in ("date", "field", "planned", "actual", "reason")}
        | {"decided": plainly(entry["decided"])}
        for entry in status.entries
    ]
    columns = [Column(key, key.capitalize()) for key in ("date", "field", "planned", "actual", "reason", "decided")]
    more = (Table("Changes to the plan and their reasons", columns, entries),) if entries else ()
    return Section(
        _plan_sentence(status),
        table=Table("The locked plan and the settings of today", [Column("what", ""), Column("value", "Value")], rows),
        figure=_plan_figure(book),
        more=more,
    )


def _plan_sentence(status) -> str:
    if status.status == "none":
        return "The plan is not locked, so outcomes of the groups stay hidden. To lock it: emi plan lock."
    changes = f"{counted(status.deviations, 'change')} since" if status.deviations else "No changes since"
    fields = f": {listed([entry['field'] for entry in status.entries])}" if status.entries else ""
    text = f"The plan was locked on {status.locked_at}: {banner.PLAN_WORDS[status.status]}. {changes}{fields}."
    if any(flag.severity == "block" for flag in status.problems):
        text += " Settings changed without an entry that says why, so this is not the analysis that was promised."
    return sentence(text)


def _plan_figure(book):
    config, status = book.config, book.plan
    first = plan_lock.first_outcome(config, book.data.tables)
    points = [
        (config.pilot.start, "Pilot starts"),
        (config.pilot.end, "Pilot ends"),
        (config.pilot.data_lock, "Results may be seen"),
    ]
    points += [(first, "First main outcome")] if first else []
    if status.locked_at:
        locked = plan_lock.date.fromisoformat(status.locked_at)
        points = [p for p in points if p[0] != locked] + [(locked, "Plan locked")]
    title = (
        "The plan is not locked yet" if status.status == "none" else f"The plan was {banner.PLAN_WORDS[status.status]}"
    )
    words = listed([f"{label.lower()} {day(date)}" for date, label in sorted(points)])
    sheet = {
        "title": title,
        "subtitle": "Dates of the plan, the data and the results",
        "note": "Source: plan.lock.json, city.yml and the outcome records. Full dots are past.",
        "stamp": book.stamp,
    }
    return charts_time.timeline(points, sheet, f"Timeline. {title}: {words}.", book.as_of)


@section("I2", "Who is in the analysis?")
def analysed(book) -> Section:
    """Assigned, outcome known and analyzed, by arm; rows and periods for designs on places."""
    flow = flow_counts(book)
    total, known = sum(r["assigned"] for r in flow), sum(r["known"] for r in flow)
    unit = book.study.unit_label
    kind = analysis.is_panel(book)
    if kind:
        text = f"{_panel_words(book, flow)}. Every month that the plan names is in the analysis."
    else:
        text = _known_words(book, known, total)
    columns = [
        Column("arm", "Group"),
        Column("assigned", f"Assigned ({unit})", "count"),
        Column("known", "Main outcome known", "count"),
        Column("analysed", "Analyzed", "count"),
        Column("share", "Share analyzed", "share", n="assigned", numerator="analysed"),
    ]
    if kind:
        columns = [
            Column("arm", "Group"),
            Column("assigned", unit.capitalize(), "count", people=False),
            Column("known", "Months with the outcome", "count", people=False),
        ]
    counted, assigned = units(book)
    rows = flow if kind or len(flow) < 2 else [*flow, _everyone(flow)]
    notes = [_units_note(counted, assigned, book), *_reasons(book), *book.study.notes]
    caption = f"From assignment to analysis, by group ({unit})"
    table = Table(caption, columns, rows, notes=notes, groups=None if kind else _whom)
    return Section(
        sentence(text),
        figure=_flow_figure(book, flow),
        table=table,
        flags=[
            *_units_flags(counted, assigned, book),
            *([] if kind or book.descriptive else checks.attrition(book).flags),
        ],
    )


def _everyone(flow: list[dict]) -> dict:
    sums = {key: sum(row[key] for row in flow) for key in ("assigned", "known", "analysed")}
    return {"arm": "all", "who": whom.EVERYONE, **sums, "share": sums["analysed"] / sums["assigned"]}


def _whom(row: dict) -> dict:
    known = row["who"].did(whom.KNOWN)
    return {"assigned": row["who"], "known": known, "analysed": known}


def units(book) -> tuple[str, str]:
    """(what the result counts, what was assigned), both in words: ("families", "classrooms")."""
    design, counted = book.config.design, book.study.unit_label
    unit = design.assignment_unit
    if unit == "unit":
        unit = getattr(design, "unit_type", None) or counted
    elif design.type == "rct_cluster":
        unit = design.cluster
    singular = book.config.pilot.unit_of_analysis.removesuffix("_month")
    assigned = counted if unit in ("participant", singular) else f"{plainly(unit)}s"
    return analysis.row_words(book), assigned


def _units_note(counted: str, assigned: str, book) -> str:
    if book.descriptive:
        return f"Counted: {counted}."
    how = "Drawn by lot" if book.config.design.type in checks.RANDOM else "Assigned"
    return f"Counted: {counted}. {how}: {assigned}."


def _units_flags(counted: str, assigned: str, book) -> list[Flag]:
    """Counting other units than were assigned is right only with the errors of the assigned ones."""
    if book.descriptive or counted == assigned:
        return []
    start = f"The result counts {counted}, but {assigned} were assigned as a whole"
    if analysis.is_panel(book) or book.study.design.get("cluster"):
        return [
            Flag("UNITS_DIFFER", "warn", "I2", f"{start}. Its range rests on how many {assigned} there are.", False)
        ]
    message = f"{start}. The analysis treats each one as assigned alone, so its range is too short."
    return [Flag("UNITS_DIFFER", "serious", "I2", message, True)]


def _known_words(book, known: int, total: int) -> str:
    everyone = f"{people(total, book.rules, book.study.unit_label)} in the study"
    if known == total:
        return f"the analysis counts all {everyone}"
    if known == 0:
        return f"the main outcome of {everyone} is not known yet"
    return f"the analysis counts {people(known, book.rules, '').strip()} of {everyone}"


def flow_counts(book) -> list[dict]:
    """One row an arm: assigned, outcome known, analysed (subjects; unit-months for panels)."""
    study, outcome = book.study, book.config.primary.id
    frame = study.frame
    rows = []
    for arm in analysis.arms(book):
        own = frame[frame[study.arm] == arm] if study.arm in frame else frame
        known = int(own[outcome].notna().sum())
        rows.append(
            {
                "arm": analysis.arm_name(book, arm),
                "who": whom.arm(arm),
                "assigned": int(own[study.subject_id].nunique()),
                "known": known,
                "analysed": known,
                "share": known / len(own) if len(own) else None,
            }
        )
    return rows


def _panel_words(book, flow) -> str:
    unit, periods = book.study.unit_label, book.study.frame[book.study.period]
    parts = [f'{r["assigned"] if r["assigned"] > 1 else "one of the"} {unit} in the group "{r["arm"]}"' for r in flow]
    return f"The analysis holds {listed(parts)}, over {periods.nunique()} {book.study.period_label}"


def _reasons(book) -> list[str]:
    """Why a main outcome is not known, with counts of people."""
    rows = book.data.tables.get("outcomes")
    if rows is None or rows.empty or analysis.is_panel(book):
        return []
    own = rows[(rows["outcome_id"] == book.config.primary.id) & (rows["wave"] != "baseline")]
    counts = own.loc[own["value"].isna(), "status"].value_counts()
    words = [f"{plainly(reason)}: {people(n, book.rules)}" for reason, n in counts.items()]
    return [f"Reasons for an unknown outcome: {listed(words)}."] if words else []


def _flow_figure(book, flow):
    unit = book.study.unit_label
    total, known = sum(r["assigned"] for r in flow), sum(r["known"] for r in flow)
    label = lambda n: people(n, book.rules, "").strip()  # noqa: E731
    if analysis.is_panel(book):
        levels = [
            [(f"All {unit}", f"{total:,}")],
            [(r["arm"], f"{r['assigned']:,} {unit}") for r in flow],
            [("Months with the outcome", f"{r['known']:,}") for r in flow],
        ]
        title = f"{total:,} {unit} are compared month by month"
    else:
        levels = [
            [("Assigned", people(total, book.rules, unit))],
            [(r["arm"], label(r["assigned"])) for r in flow],
            [("Main outcome known and analyzed", label(r["known"])) for r in flow],
        ]
        title = f"{label(known).capitalize()} of {people(total, book.rules, unit)} are in the analysis"
    alt = (
        f"Flow chart. {title}. "
        + "; ".join(f"{r['arm']}: {label(r['assigned'])} assigned, {label(r['known'])} analyzed" for r in flow)
        + "."
    )
    rounded = (
        "" if analysis.is_panel(book) else f" Counts of people are rounded to the nearest {book.rules.counts_base}."
    )
    sheet = {
        "title": title,
        "subtitle": f"From assignment to analysis, {unit}",
        "stamp": book.stamp,
        "note": f"Source: assignment and outcome records.{rounded}",
    }
    return charts_shape.flow(levels, sheet, alt)


@section("I3", "Did the program reach people differently?")
def contrast(book) -> Section:
    """Share reached by arm; first stage where the design has one, exposure by design for places."""
    if book.descriptive:
        raise EmiError("this design has no comparison group, so there is no contrast to show")
    reached = received_by_arm(book)
    if reached is None:
        return _by_design(book)
    first = None if book.blinded else first_stage(book)
    unit, total = book.study.unit_label, sum(r["n"] for r in reached)
    told = [told_share(r["received"], r["n"], book.rules) for r in reached]
    words = [f'{share} in the group "{r["arm"]}"' for (share, _), r in zip(told, reached, strict=True)]
    text = f"The service reached {words[-1]}. It reached {listed(words[:-1])}."
    gap = reached[-1]["share"] - reached[0]["share"]
    # Where there is a first stage, the design itself warns of a small one.
    flags = [_small_contrast(gap)] if first is None and gap < SMALL_CONTRAST else []
    sheet = {
        "title": f"{told[-1][0]} received the service where offered, against {told[0][0]}".capitalize(),
        "subtitle": f"Share of {unit} who received the service, by group as assigned",
        "note": f"Source: service records. {people(total, book.rules, unit)}.",
        "stamp": book.stamp,
    }
    bars = [(r["arm"], 100 * drawn, share) for (share, drawn), r in zip(told, reached, strict=True)][::-1]
    tones = [GREY if r is reached[0] else BLUE for r in reached][::-1]
    figure = charts_compare.bars(bars, sheet, f"Bar chart. {sentence(text)}", f"percent of {unit}", tones=tones)
    notes = [] if first is None else [_first_stage_note(first)]
    table = Table(
        "Who received the service, by group as assigned",
        [
            Column("arm", "Group"),
            Column("n", book.study.unit_label.capitalize(), "count"),
            Column("received", "Received it", "count"),
            Column("share", "Share", "share", n="n", numerator="received"),
        ],
        reached,
        notes=notes,
        groups=receivers,
    )
    estimates = [analysis.record_row(book, first, "first_stage")] if first else []
    return Section(
        sentence(text),
        table=table,
        figure=figure,
        flags=flags,
        estimates=estimates,
        data={"reached": reached, "first_stage": first},
    )


def received_by_arm(book) -> list[dict] | None:
    """n, received and share by arm, comparison first; None where nothing says who received it.

    Receipt is the plan's own rule where it has one, else at least one delivered service. In an observational
    design the track people chose is the program itself, so there is nothing to add.
    """
    got = _receipt(book)
    if got is None:
        return None
    arm = book.study.frame[book.study.arm]
    rows = []
    for name in analysis.arms(book):
        own = got[arm == name].dropna()
        share = float(own.mean()) if len(own) else 0.0
        who = whom.arm(name).did("receipt known")
        row = {"arm": analysis.arm_name(book, name), "who": who, "n": len(own), "received": int(own.sum())}
        rows.append(row | {"share": share})
    return rows


def receivers(row: dict) -> dict:
    """Whom the counts of a row of `received_by_arm` count."""
    return {"n": row["who"], "received": row["who"].did("received")}


def _receipt(book):
    """1 for those who received the service, 0 for the others, as a column beside the study's frame."""
    study, kind = book.study, book.study.design["type"]
    if analysis.is_panel(book) or kind == "observational_aipw":
        return None
    column = study.design.get("treatment") if kind == "iv_encouragement" else study.design.get("received")
    if column is not None:
        return study.frame[column]
    services = book.data.tables.get("services")
    if services is None or services.empty:
        return None
    found = were_served(book, study.frame[study.subject_id])
    return found.astype(int) if found.any() else None


def were_served(book, subjects):
    """Which of a column of subjects have a delivered service. As Python text: pandas looks its own up one by one."""
    return subjects.astype(object).isin({subject for kind in served_subjects(book).values() for subject in kind})


def first_stage(book) -> dict | None:
    """The first-stage row of the design, where it has one."""
    return analysis.of_role(analysis.primary_rows(book), "first_stage")


def _first_stage_note(row: dict) -> str:
    f = row.get("first_stage_f")
    strength = f" (F = {f:.0f})" if f is not None else ""
    return f"With adjustment, the groups differ by {100 * row['value']:.1f} percentage points{strength}."


def _small_contrast(gap: float) -> Flag:
    return Flag(
        "CONTRAST",
        "warn",
        "I3",
        f"The groups differ by {100 * gap:.0f} points in taking part, under 20.",
        False,
    )


def _by_design(book) -> Section:
    """Designs in which the program came with the place or the choice: exposure follows from the design."""
    flow, unit = flow_counts(book), book.study.unit_label
    names = [r["arm"] for r in flow]
    text = (
        f'By design, the program ran in the group "{names[-1]}". It did not run in the group "{names[0]}". '
        "No record says more about who received it"
    )
    table = Table(
        "Exposure by design",
        [
            Column("arm", "Group"),
            Column("assigned", unit.capitalize(), "count", people=not analysis.is_panel(book)),
            Column("exposed", "Program"),
        ],
        [r | {"exposed": "no" if i == 0 else "yes"} for i, r in enumerate(flow)],
        groups=None if analysis.is_panel(book) else lambda row: {"assigned": row["who"]},
    )
    bars = [
        (
            r["arm"],
            r["assigned"],
            people(r["assigned"], book.rules, unit) if not analysis.is_panel(book) else f"{r['assigned']:,} {unit}",
        )
        for r in reversed(flow)
    ]
    sheet = {
        "title": f'The program ran in the group "{names[-1]}" only',
        "stamp": book.stamp,
        "subtitle": f"Number of {unit} with and without the program",
        "note": "Source: assignment records.",
    }
    figure = charts_compare.bars(
        bars, sheet, f"Bar chart. {sentence(text)}", unit, tones=[BLUE] + [GREY] * (len(bars) - 1)
    )
    return Section(sentence(text), table=table, figure=figure)
