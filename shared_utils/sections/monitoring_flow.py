"""Monitoring of the flow of people (M1): who joined, by arm as counts only, and enrollment against the plan."""

import pandas as pd

from shared_utils.errors import EmiError
from shared_utils.results import Flag, whom
from shared_utils.sections import analysis, charts_shape, charts_time
from shared_utils.sections.impact_people import received_by_arm, were_served
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import month, people, plainly, sentence
from shared_utils.stats import intervals

CROSSOVER_WARN = 0.10
BEHIND_WARN, BEHIND_SERIOUS = 0.80, 0.60
ASSIGNED, SERVED, COMPLETED = "Assigned", "Received at least one service", "Completed the program"
LEFT, KNOWN, MONTHS = "Left before the end", "Main outcome known", "Months with the main outcome"
WHOLE = (ASSIGNED, MONTHS)  # no part of those assigned, so without an interval
# How the steps are called in the record: n_ marks counts, which a release rounds or hides.
RECORD = {ASSIGNED: "n_assigned", SERVED: "n_served", LEFT: "n_left", KNOWN: "n_known", MONTHS: "n_months"}
WHO = {
    ASSIGNED: whom.EVERYONE,
    SERVED: whom.EVERYONE.did(whom.SERVED),
    COMPLETED: whom.EVERYONE.did("completed"),
    LEFT: whom.EVERYONE.did(whom.LEFT),
    KNOWN: whom.EVERYONE.did(whom.KNOWN),
}
SAID = {
    SERVED: "{} received at least one service",
    COMPLETED: "{} completed the program",
    LEFT: "{} left before the end",
    KNOWN: "the main outcome is known for {}",
    MONTHS: "{} months of the main outcome are there",
}
HIDDEN = "not shown"
SHARE = (("share", "Of those assigned"), ("low", "Low end"), ("high", "High end"))
NOT_SCREENED = "The data begin with assignment: how many were assessed, and how many could join, they do not say."


@section("M1", "Are people flowing through as planned?")
def flow(book) -> Section:
    """Counts from joining to follow-up; by group only as counts."""
    unit, panel = book.study.unit_label, analysis.is_panel(book)
    if analysis.is_series(book):
        raise EmiError(f"the data are one series of {unit}. It follows no one over time")
    rows = _rows(book)
    table = _table(book, rows)
    shown = {row["step"]: row for row in table.suppressed(book.rules)[0]}
    numbers = {step: _number(row["n"], book, panel) for step, row in shown.items() if not row["reason"]}
    text = [f"By {month(book.as_of)}, the pilot's study has {numbers[ASSIGNED]} {unit} in it"]
    text += [_said(step, n) for step, n in numbers.items() if step in SAID and n != HIDDEN]
    plan, behind = _against_plan(book, rows[0]["n"])
    words = " ".join(sentence(part) for part in [*text, *plan])
    return Section(
        words,
        table=table,
        more=tuple(filter(None, [_joining(book)])),
        flags=[*behind, *_crossover(book)],
        figure=_figure(book, shown, words, text[0]),
        shows=frozenset(who for who in table.shown(book.rules) if "exit_reason" not in dict(who.where)),
        data={"record": {RECORD[row["step"]]: row["n"] for row in rows if row["step"] in RECORD}},
    )


def _said(step: str, n: str) -> str:
    return "the main outcome is not known for anybody yet" if (step, n) == (KNOWN, "0") else SAID[step].format(n)


def _rows(book) -> list[dict]:
    """One row a step: how many took it, of everyone and of each arm. Reasons for leaving follow their step."""
    found = [_row(book, step, frame, mask, WHO.get(step)) for step, frame, mask in _steps(book)]
    left = next((mask for step, _, mask in _steps(book) if step == LEFT), None)
    if left is None:
        return found
    frame = _subjects(book)
    reasons = frame.loc[left, "exit_reason"].value_counts().index
    more = [
        _row(book, f"Left: {plainly(reason)}", frame, left & (frame["exit_reason"] == reason),
             WHO[LEFT].within(exit_reason=reason), reason=True)
        for reason in reasons
    ]  # fmt: skip
    after = next(i for i, row in enumerate(found) if row["step"] == LEFT) + 1
    return [*found[:after], *more, *found[after:]]


def _steps(book) -> list[tuple]:
    """(step, frame, who of it took the step), in order; steps that nothing tells of are left out."""
    study, frame = book.study, _subjects(book)
    steps = [(ASSIGNED, frame, pd.Series(True, frame.index))]
    services = book.data.tables.get("services")
    if services is not None and len(services):
        steps.append((SERVED, frame, were_served(book, frame[study.subject_id])))
    if "exit_reason" in frame:
        ended = frame["exit_reason"].notna() & ~(frame["exit_date"] > pd.Timestamp(book.as_of))
        completed = ended & (frame["exit_reason"] == "completed")
        steps += [(COMPLETED, frame, completed), (LEFT, frame, ended & ~completed)]
    steps = [step for step in steps if step[2].any()]
    followed = study.frame if analysis.is_panel(book) else frame
    known = MONTHS if analysis.is_panel(book) else KNOWN
    return [*steps, (known, followed, followed[book.config.primary.id].notna())]


def _subjects(book):
    return book.study.frame.drop_duplicates(book.study.subject_id)


def _row(book, step: str, frame, mask, who, reason: bool = False) -> dict:
    arm = frame.loc[mask, book.study.arm]
    by_arm = {_key(name): int((arm == name).sum()) for name in analysis.arms(book)}
    total = len(_subjects(book))
    n = int(mask.sum())
    low, high = intervals.wilson(n, total, book.config.decision.level) if step not in WHOLE else (None, None)
    share = n / total if step != MONTHS else None
    found = {"n": n, "total": total, "share": share, "low": low, "high": high}
    return {"step": step, "who": who, "reason": reason, **found, **by_arm}


def _key(arm: str) -> str:
    return f"arm {arm}"


def _table(book, rows) -> Table:
    panel, arms = analysis.is_panel(book), analysis.arms(book)
    columns = [
        Column("step", "Step"),
        Column("n", "All", "count", people=not panel),
        *(
            Column(key, label, "share", n="" if panel else "total", numerator="" if panel else "n")
            for key, label in SHARE
        ),
        *(Column(_key(arm), analysis.arm_name(book, arm), "count", people=not panel) for arm in arms),
    ]

    def counted(row: dict) -> dict:
        by_arm = {_key(arm): row["who"].within(arm=arm) for arm in arms}
        return {"n": row["who"], "total": whom.EVERYONE, **by_arm}

    level = f"{100 * book.config.decision.level:g}%"
    notes = [f"Low and high end: {level} interval of the share (Wilson 1927).", *([] if panel else [NOT_SCREENED])]
    caption = f"Steps of the pilot ({book.study.unit_label})"
    return Table(caption, columns, rows, groups=None if panel else counted, notes=notes)


def _number(n, book, panel: bool) -> str:
    """A count as a figure or a sentence tells it; one that the table hides is not told."""
    if n is None:
        return HIDDEN
    return f"{n:,}" if panel else people(n, book.rules, "").strip()


def _figure(book, shown: dict, words: str, title: str):
    """The flow as a CONSORT diagram: everyone, the arms, and in each arm the steps after. Numbers as in the table."""
    unit, panel, arms = book.study.unit_label, analysis.is_panel(book), analysis.arms(book)
    levels = [[("Assigned", f"{_number(shown[ASSIGNED]['n'], book, panel)} {unit}")]]
    for step, row in shown.items():
        if row["reason"]:
            continue
        names = [analysis.arm_name(book, arm) if step == ASSIGNED else step for arm in arms]
        levels.append([(name, _number(row[_key(arm)], book, panel)) for name, arm in zip(names, arms, strict=True)])
    nearest = book.rules.counts_base
    sheet = {
        "title": title,
        "subtitle": f"{unit.capitalize()} at each step, by group; no outcomes are compared here",
        "note": "Source: assignment, service and outcome records."
        + ("" if panel else f" Counts of people are rounded to the nearest {nearest}; small ones are not shown."),
        "stamp": book.stamp,
    }
    by_arm = "; ".join(f"{name}: {n}" for name, n in levels[1])
    return charts_shape.flow(levels, sheet, f"Flow chart. {words} {by_arm}.")


def _against_plan(book, joined: int) -> tuple[list[str], list[Flag]]:
    """How many of the planned number joined, and a flag when they are fewer than the plan asks for by now."""
    planned = book.config.pilot.planned_enrollment
    if planned is None or analysis.is_panel(book):
        return [], []
    start, end = _window(book)
    due = planned * min(1.0, max(0.0, (pd.Timestamp(book.as_of) - start) / (end - start)))
    n = people(joined, book.rules, "").strip()
    text = f"{n} of {planned:,} planned joined ({100 * joined / planned:.0f}%)"
    if joined >= BEHIND_WARN * due:
        return [text], []
    severity = "serious" if joined < BEHIND_SERIOUS * due else "warn"
    message = f"Enrollment is at {100 * joined / due:.0f}% of the plan for {month(book.as_of)}."
    return [text], [Flag("ENROLLMENT", severity, "M1", message)]


def _window(book) -> tuple[pd.Timestamp, pd.Timestamp]:
    """When people are to join: the window of the design, else the whole pilot."""
    window = getattr(book.config.design, "enrollment_window", None) or book.config.pilot
    return pd.Timestamp(window.start), pd.Timestamp(window.end)


def _crossover(book) -> list[Flag]:
    """People of the comparison group who received the service."""
    reached = received_by_arm(book)
    if not reached or book.config.design.type in ("iv_encouragement", "rd") or reached[0]["share"] <= CROSSOVER_WARN:
        return []
    message = f"{100 * reached[0]['share']:.0f}% of the comparison group received the service."
    return [Flag("CROSSOVER", "warn", "M1", message)]


def _joining(book):
    """Cumulative number of people who joined, by month, beside the planned number."""
    frame = _subjects(book)
    if analysis.is_panel(book) or "assigned_at" not in frame:
        return None
    months = frame["assigned_at"].dropna().dt.to_period("M").value_counts().sort_index()
    if len(months) < 2:
        return None
    span = pd.period_range(months.index.min(), months.index.max(), freq="M")
    counts = in_steps(months.reindex(span, fill_value=0).cumsum(), book.rules.small_cell_min)
    if len(counts) < 2:
        return None
    periods, planned = list(counts.index.to_timestamp()), book.config.pilot.planned_enrollment
    total = people(int(counts.iloc[-1]), book.rules, "").strip()
    unit = book.study.unit_label
    title = f"{total} {unit} joined between {month(periods[0])} and {month(periods[-1])}"
    if planned:
        title = f"{total} of {planned:,} planned {unit} joined by {month(periods[-1])}"
    sheet = {
        "title": sentence(title)[:-1],
        "subtitle": f"Number of {unit} assigned so far, by month",
        "note": "Source: assignment records."
        + (" Dashed: the planned number, reached evenly." if planned else " No planned number is in city.yml."),
        "stamp": book.stamp,
    }
    plan = (*_window(book), planned) if planned else None
    alt = f"Step chart. {sentence(title)}"
    return charts_time.cumulative(periods, list(counts), book.as_of, sheet, alt, total, plan)


def in_steps(cumulative: pd.Series, least: int) -> pd.Series:
    """The months of a growing count between which it stayed the same or grew by at least `least` people.

    A step of 1-10 people would tell when those few joined. The last month stays, so the month before it may go.
    """
    kept = []
    for at, n in cumulative.items():
        if not 0 < n - (cumulative[kept[-1]] if kept else 0) < least:
            kept.append(at)
    end = cumulative.index[-1]
    while kept and 0 < cumulative[end] - cumulative[kept[-1]] < least:
        kept.pop()
    return cumulative[[*kept, *([end] if end not in kept else [])]]
