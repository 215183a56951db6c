"""Impact, hidden differences (I9): how strong would something unmeasured have to be to explain the result?

One answer for each kind of design: what its assumption is, and what the data say about how far it may fail.
"""

import math

from scipy import stats

from shared_utils.designs import did_staggered, iv_encouragement, panel_did
from shared_utils.results import Flag
from shared_utils.sections import analysis, baseline_cutoff, charts_compare, checks
from shared_utils.sections.impact_groups import hidden
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import capital, listed, plainly, sentence
from shared_utils.stats import sensitivity
from shared_utils.stats.covariates import numeric_columns

RARE = 0.15  # share with the event below which a hazard ratio is nearly a risk ratio (VanderWeele and Ding 2017)
MBARS = (0.0, 0.5, 1.0, 1.5, 2.0)
TIMES = {1: "As strong", 2: "Twice as strong", 3: "Three times as strong"}


@section("I9", "Could hidden differences explain it?")
def hidden_differences(book) -> Section:
    """What an unmeasured difference would have to be like, by the design's own sensitivity analysis."""
    if book.blinded:
        return hidden(book)
    kind = book.config.design.type
    if book.descriptive:
        return Section("This design compares no groups, so there is no difference to explain.")
    return ANSWERS[kind](book, analysis.chosen_row(book))


def _random(book, row) -> Section:
    """A draw makes hidden differences a matter of chance; what is left is who is missing (I8)."""
    p = checks.omnibus(book)
    text = (
        "chance decided who was offered the program. So hidden differences can only be those of chance, and the likely "
        "range allows for them"
    )
    if p is not None:
        size = "no larger" if p >= checks.OMNIBUS_SERIOUS else "larger"
        text += f". The gaps that were measured are {size} than chance makes"
    rows = [{"what": "All measured differences at the start together, p by re-drawing", "value": p}]
    table = (
        Table("What was measured before the draw", [Column("what", "Check"), Column("value", "p", "p")], rows)
        if p is not None
        else None
    )
    return Section(sentence(f"{text}. What chance does not cover is missing outcomes: see I8"), table=table)


def _invitation(book, row) -> Section:
    """Exclusion cannot be tested; monotonicity by group and who the compliers are can be shown."""
    study = book.study
    planned = analysis.design(book, book.config.primary.id, draws=0)
    profile = iv_encouragement.complier_profile(study.frame, planned)
    stages = iv_encouragement.first_stages(study.frame, planned, list(study.subgroups.values()))
    flags = [Flag(**flag) for flag in iv_encouragement.monotonicity_flags(stages, book.config.primary.id)]
    concern = book.config.design.exclusion_concern
    text = (
        "chance decided who was invited. The invitation must change the outcome only by bringing people in, and no "
        f"data can show that it did. The plan rates this concern as {concern}. If the letter itself helped, the effect "
        "of taking part is smaller than shown"
    )
    columns = [
        Column("characteristic", "Characteristic"),
        Column("compliers", "People the invitation brought in", "number"),
        Column("always_takers", "Take part anyway", "number"),
        Column("never_takers", "Stay away", "number"),
        Column("everyone", "Everyone", "number"),
    ]
    rows = [row | {"characteristic": plainly(row["characteristic"])} for row in analysis.plain_rows(profile)]
    note = "Means; for groups, shares. The effect is that of the first column's people only (Abadie 2003)."
    return Section(sentence(text), table=Table("Whom the effect is about", columns, rows, notes=[note]),
                   more=(_stages(stages),), flags=flags)  # fmt: skip


def _stages(stages) -> Table:
    rows = [
        row | {"dimension": plainly(row["dimension"]), "group": plainly(row["group"])}
        for row in analysis.plain_rows(stages)
    ]
    columns = [
        Column("dimension", "By"),
        Column("group", "Group"),
        Column("invited", "Take part if invited", "share", n="n"),
        Column("not_invited", "Take part if not", "share", n="n"),
        Column("first_stage", "Difference, points", "points", n="n"),
        Column("p", "p", "p"),
    ]
    return Table("Did the invitation bring people in, in every group?", columns, rows)


def _choice(book, row) -> Section:
    """E-value, robustness value with benchmarks, and Oster's delta for a comparison that people chose."""
    frame, outcome, unit = book.study.frame, book.config.primary, analysis.scale(book)
    known = frame[frame[outcome.id].notna()]
    covariates, _ = numeric_columns(known, [name for name in book.study.design["covariates"] if "spline(" not in name])
    y, treated = known[outcome.id].to_numpy(float), known["treatment"].to_numpy(float)
    omitted = sensitivity.omitted_variable(y, treated, covariates, _by_covariate(covariates), alpha=1 - row["level"])
    lines = [*_e_value_lines(row, unit), *_omitted_lines(omitted), *_oster_lines(y, treated, covariates)]
    needed, share = lines[0]["value"], f"{100 * omitted.robustness_value:.0f}%"
    text = (
        (
            f"yes, if a hidden factor were about {needed:.1f} times as common among those who took the program. It "
            f"would also have to make the outcome about {needed:.1f} times as likely. It would have to explain {share} "
            "of what is left unexplained of both"
        )
        if unit.name == "prob_diff"
        else (
            f"yes, if a hidden factor explained {share} of what is left unexplained of both taking part and the outcome"
        )
    )
    table = Table(
        "How strong a hidden factor would have to be",
        [Column("what", "Measure"), Column("value", "Value", "number"), Column("means", "What it says")],
        lines,
    )
    return Section(
        sentence(text),
        table=table,
        figure=_benchmarks(book, row, omitted),
        data={"record": {"robustness_value": omitted.robustness_value}},
    )


def _by_covariate(columns) -> dict[str, list[str]]:
    """Covariate -> its columns: the levels of a category and the mark of a missing value belong together."""
    found: dict[str, list[str]] = {}
    for column in columns:
        found.setdefault(column.partition("=")[0].removesuffix(" (missing)"), []).append(column)
    return found


def _e_value_lines(row, unit) -> list[dict]:
    if unit.name != "prob_diff" or not row["mean_comparison"]:
        return []
    found = sensitivity.e_value(
        row["value"], row["ci_low"], row["ci_high"], "difference", mean_comparison=row["mean_comparison"]
    )
    return [
        {
            "what": "E-value of the estimate",
            "value": found.estimate,
            "means": "risk ratio with both taking part and the outcome that would explain it all",
        },
        {
            "what": "E-value of the nearer end",
            "value": found.limit,
            "means": "the same for the end of the likely range; 1: nothing is needed",
        },
    ]


def _omitted_lines(omitted) -> list[dict]:
    return [
        {
            "what": "Robustness value",
            "value": omitted.robustness_value,
            "means": "share of what is left of both that explains the estimate away (least squares)",
        },
        {
            "what": "Robustness value of the interval",
            "value": omitted.robustness_value_alpha,
            "means": "the same, until the interval reaches zero",
        },
    ]


def _oster_lines(y, treated, covariates) -> list[dict]:
    try:
        found = sensitivity.oster(y, treated, covariates.to_numpy(float))
    except ValueError:
        return []
    return (
        [
            {
                "what": "Oster's delta",
                "value": found.delta,
                "means": "times as strong as everything measured that hidden factors must be",
            }
        ]
        if math.isfinite(found.delta)
        else []
    )


def _benchmarks(book, row, omitted):
    """The estimate left if a hidden factor were 1, 2 or 3 times as strong as the strongest one measured."""
    unit, rules = analysis.scale(book), book.rules
    bounds = omitted.bounds[omitted.bounds["benchmark"] == omitted.strongest]
    if bounds.empty:
        return None
    name = plainly(str(omitted.strongest))
    half = stats.t.isf((1 - row["level"]) / 2, omitted.df) * omitted.se
    plain = ("Least squares, nothing hidden", omitted.value, omitted.value - half, omitted.value + half, omitted.se)
    left = [(f"{TIMES[b.multiple]} as {name}", b.value, b.ci_low, b.ci_high, b.se) for b in bounds.itertuples()]
    drawn = [_drawn(unit, rules, *bar, main=i == 0) for i, bar in enumerate([plain, *left])]
    title = f"What would be left if something hidden were as strong as {name}"
    sheet = {
        "title": title,
        "subtitle": f"{book.config.primary.label}: effect in {unit.unit}, least squares with the plan's covariates",
        "note": f"{analysis.sourced(book, row['n'])} {capital(name)} is the strongest of what was measured.",
        "stamp": book.stamp,
    }
    alt = f"Interval chart. {title}. " + " ".join(f"{bar.label}: {bar.words}." for bar in drawn)
    return charts_compare.intervals(drawn, sheet, alt, unit.unit, ((0.0, "no difference"),))


def _drawn(unit, rules, label: str, value, low, high, se, main: bool) -> charts_compare.Bar:
    text = [unit.text(x, se, rules) for x in (value, low, high)]
    words = f"{text[0]}  ({text[1]} to {text[2]})"
    return charts_compare.Bar(label, unit.shown(value), unit.shown(low), unit.shown(high), words, main)


def _trends(book, row) -> Section:
    """Honest intervals when the trends after the start may differ as they did before (Rambachan and Roth 2023)."""
    module = did_staggered if book.config.design.type == "did_staggered" else panel_did
    planned = analysis.design(book, book.config.primary.id, draws=0)
    found = module.honest(book.study.frame, planned, MBARS)
    unit = analysis.scale(book)
    rows = [line for line in analysis.plain_rows(found) if line["restriction"] == "relative magnitudes"]
    limit = rows[0]["breakdown"]
    if limit > 0:
        text = (
            f"it would take a gap between the trends of {limit:.2g} times the largest change seen before the start to "
            "make the effect unclear"
        )
    else:
        text = (
            "the average effect by months since the start is not clear even if trends were alike. So no gap in trends "
            "is needed to explain it"
        )
    columns = [
        Column("restriction", "What is allowed"),
        Column("m", "Times", "number", digits=2),
        Column("ci_low", "Low end", "effect", se="se"),
        Column("ci_high", "High end", "effect", se="se"),
        Column("breakdown", "Breaks down at", "number", digits=2),
    ]
    lines = [line | {"se": row["se"]} for line in analysis.plain_rows(found)]
    step = f"from one stretch of {rows[0]['width']} {book.study.period_label} to the next"
    note = (
        f"Relative magnitudes: trends may part after the start, {step}, by up to so many times the largest change "
        f"before it. Smoothness: the slope of their difference may change, {step}, by up to so much."
    )
    table = Table("The effect if trends were not alike", columns, lines, scale=unit, notes=[note])
    return Section(
        sentence(text),
        table=table,
        figure=_trend_figure(book, row, rows),
        data={"record": {"honest_did_breakdown": limit}},
    )


def _trend_figure(book, row, rows):
    unit, rules = analysis.scale(book), book.rules
    bars = []
    for line in rows:
        words = " to ".join(unit.text(line[end], row["se"], rules) for end in ("ci_low", "ci_high"))
        label = "Trends alike" if line["m"] == 0 else f"Up to {line['m']:g} times"
        bars.append(
            charts_compare.Bar(
                label, None, unit.shown(line["ci_low"]), unit.shown(line["ci_high"]), words, line["m"] == 0
            )
        )
    title = "The likely range if trends were not alike"
    sheet = {
        "title": title,
        "subtitle": f"{book.config.primary.label}: average effect in {unit.unit}; times the largest earlier change",
        "note": f"{analysis.sourced(book, row['n'])} Rambachan and Roth (2023), relative magnitudes.",
        "stamp": book.stamp,
    }
    alt = f"Interval chart. {title}. " + " ".join(f"{bar.label}: {bar.words}." for bar in bars)
    return charts_compare.intervals(bars, sheet, alt, unit.unit, ((0.0, "no difference"),))


def _limit(book, row) -> Section:
    """At a limit: does anything else jump there (B5), and do other programs use it?"""
    made = baseline_cutoff.continuity(book)
    others = [name for name in book.config.design.diagnostics.other_programs_at_cutoff if name != "none"]
    also = f" Other programs use the same limit: {listed(others)}." if others else ""
    return Section(made.sentence + also, table=made.table, figure=made.figure, flags=made.flags)


def _twin(book, row) -> Section:
    """A mix of other places stands in for the pilot's: how well it followed, and what placebo places show."""
    text = (
        "nothing was drawn by lot: a mix of other places stands in for the pilot's. Something else that happened only "
        "there, at that time, would look the same"
    )
    if row["p_ri"] is not None:
        share = f"{100 * row['p_ri']:.0f} in 100"
        text += (
            f". Of all places treated as if they had been the pilot, {share} (the pilot counted) show as large a "
            "change for their fit"
        )
    return Section(sentence(text))


def _past(book, row) -> Section:
    """One series is compared with its own past: only what else happened at the time can explain it."""
    text = (
        "nothing was drawn by lot and no other place is compared: the series' own past stands in. Anything else that "
        "began at that time would look the same. If a control series is among the covariates, it takes out what moved "
        "both"
    )
    listed_events = [event.label for event in book.config.events]
    if listed_events:
        text += f". Events in the city's calendar: {listed(listed_events)}"
    return Section(sentence(text))


def _pace(book, row) -> Section:
    """An E-value on the scale of hazards, for a comparison that may not have been drawn by lot."""
    ends = (math.exp(row[name]) for name in ("value", "ci_low", "ci_high"))
    rare = row["mean_comparison"] < RARE
    found = sensitivity.e_value(*ends, "hr", rare=rare)
    text = (
        "if the groups were not drawn by lot, a hidden factor could explain the result. It would have to be about "
        f"{found.estimate:.1f} times as common with the program, and to bring the event {found.estimate:.1f} times as "
        "often"
    )
    rows = [
        {"what": "E-value of the estimate", "value": found.estimate},
        {"what": "E-value of the nearer end", "value": found.limit},
    ]
    note = "Hazard ratios are turned into risk ratios " + (
        "as they are: the event is rare." if rare else "by the approximation for events that are not rare."
    )
    table = Table(
        "How strong a hidden factor would have to be",
        [Column("what", "Measure"), Column("value", "Risk ratio", "number")],
        rows,
        notes=[note],
    )
    return Section(sentence(text), table=table)


ANSWERS = {
    **dict.fromkeys(checks.RANDOM, _random),
    "synthetic_control": _twin,
    "interrupted_time_series": _past,
    "time_to_event": _pace,
    "iv_encouragement": _invitation,
    "observational_aipw": _choice,
    "did_staggered": _trends,
    "panel_did": _trends,
    "rd": _limit,
}
