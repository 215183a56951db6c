"""Impact, the result: what the primary estimate says (I4), by the estimator that the plan names."""

import secrets

from shared_utils import data, designs
from shared_utils.results import whom
from shared_utils.sections import analysis, charts_compare, checks, counted_people, descriptive, impact_pictures
from shared_utils.sections.impact_winner import best_arm
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import effect, headline, listed, not_decision_grade, sentence
from shared_utils.stats import randomization

# What the rows beside the main one are, in the reader's words. They never enter the decision.
ROLE_WORDS = {
    "main": "main result",
    "unadjusted": "for comparison: without adjustment",
    "cace": "for those who took part because of the offer",
    "anderson_rubin": "the same, interval that holds for weak offers",
    "itt": "for everyone invited",
    "naive": "wrong: {reason}",
    "ols": "wrong: {reason}",
    "twfe": "for comparison: two-way fixed effects, biased when starts are staggered",
    "conventional": "for comparison: the usual interval",
    "late": "for those who took part because they were eligible",
    "any_arm": "for comparison: any arm against control",
    "between_arms": "between the arms",
    "km": "share with the event by the horizon",
    "rmst": "mean time until the event, up to the horizon",
    "slope_change": "change of slope, a period",
    "trend_before": "trend before the start, a period",
    "trend_after": "trend from the start on, a period",
    "end_difference": "the last period, against its own past",
    "end_ratio": "the last period, against its own past",
    "without_exclusion": "if the invitation itself could matter as much as the plan says",
    "wild": "the same, by the wild cluster bootstrap",
}
LEFT_OUT = ("first_stage", "event_time", "group")
PARTS = ("slope_change", "trend_before", "trend_after", "end_ratio")  # parts of one result, not other ways to it


@section("I4", "What was the effect?", vital=True)
def primary_effect(book) -> Section:
    """The primary estimate with its comparisons; levels and changes for a descriptive design."""
    if book.blinded:
        return _blinded(book)
    if book.descriptive:
        return descriptive.levels_and_changes(book)
    rows = analysis.primary_rows(book)
    main = analysis.main_rows(rows)
    shown = [row for row in rows if row["role"] not in LEFT_OUT]
    picked, picked_flags = best_arm(book, main)
    flags = [*checks.assignment_flags(book), *checks.design_flags(book), *picked_flags]
    sentences = [effect(analysis.told(book, row), book.rules) for row in main] + picked
    sentences += analysis.pace(book)
    if codes := book.blocks(flags):
        sentences.insert(0, not_decision_grade(codes))
    return Section(
        " ".join(sentences),
        table=_table(book, shown),
        figure=_figure(book, main, shown),
        more=impact_pictures.of_design(book, rows, main[0]),
        flags=flags,
        estimates=_record_rows(book, rows, main),
        data={"main": main, "rows": rows},
        shows=frozenset(),
    )


def _blinded(book) -> Section:
    """Before unblinding only pooled numbers are real: the estimator runs on shuffled groups, to see that
    it runs."""
    outcome, study = book.config.primary, book.study
    values = study.frame[outcome.id].dropna()
    text = f"BLINDED: {book.why_blinded}. No outcome of any group is shown."
    if len(values):
        _trial_run(book)
        text += (
            f" A trial run of the planned analysis on shuffled groups worked; "
            f"{analysis.rows_analyzed(book, len(values))} have a "
            "main outcome so far."
        )
    else:
        text += " No main outcome is known yet."
    table = Table(
        "The main outcome, all groups together",
        [
            Column("measure", "Measure"),
            Column("n", "With an outcome", "count", people=not analysis.is_panel(book)),
            Column("share", "Share with an outcome", "share"),
        ],
        [{"measure": outcome.label, "n": len(values), "share": len(values) / len(study.frame)}],
    )
    return Section(sentence(text), table=table, estimates=null_rows(book, "blinded"))


def _trial_run(book) -> None:
    """Run the planned analysis on groups shuffled with a seed nobody knows; its numbers are thrown away.

    Raises DesignError when the plan's estimator does not run on these data.
    """
    shuffled = data.blind(book.study, seed=secrets.randbits(64))
    planned = {key: value for key, value in shuffled.design.items() if key != "options"}
    designs.estimate(shuffled.frame, analysis.design(book, book.config.primary.id, draws=0, **planned))


def _planned_contrasts(book) -> list[tuple[list[str], str]]:
    pairs = [list(pair) for pair in getattr(book.config.design, "primary_contrasts", [])] or [list(book.study.labels)]
    return [(pair, "primary" if len(pairs) == 1 else f"primary_{pair[0]}") for pair in pairs]


def null_rows(book, reason: str) -> list[dict]:
    """The place of each primary estimate in the record while it is not known."""
    return [null_row(book, pair, name, reason) for pair, name in _planned_contrasts(book)]


def null_row(book, contrast, estimate_id: str, reason: str) -> dict:
    """A primary estimate without numbers, and why."""
    kind = book.config.design.type
    estimand = book.config.design.estimand
    return {
        "estimate_id": estimate_id,
        "outcome_id": book.config.primary.id,
        "role": "primary",
        "estimand": estimand,
        "estimand_class": analysis.estimand_class(kind, estimand),
        "contrast": contrast,
        "scale": analysis.scale(book).name,
        "direction": book.config.primary.direction,
        "value": None,
        "se": None,
        "ci_low": None,
        "ci_high": None,
        "level": book.config.decision.level,
        "n": {},
        "suppressed": False,
        "exploratory": analysis.exploratory(book, "primary"),
        "null_reason": reason,
    }


def row_words(book, row: dict, several: bool) -> str:
    """What a row is, for tables and figures; with the arms where there are several."""
    words = ROLE_WORDS.get(row["role"], row["role"]).format(reason=_reason(row))
    if not several:
        return words
    first, second = (analysis.arm_name(book, arm) for arm in analysis.contrast(row))
    return f"{words} ({first} against {second})"


def _reason(row: dict) -> str:
    """Why a comparison is wrong, out of the row's note (notes are joined by "; ")."""
    parts = [part.split(": ", 1) for part in row["note"].split("; ")]
    return next((part[1] for part in parts if part[0] in ("wrong", "biased")), "does not follow the design")


def _table(book, rows) -> Table:
    unit = analysis.scale(book)
    several = len(analysis.main_rows(rows)) > 1
    lines = [_line(book, row, several) | {"who": _whom(book, row, several, i)} for i, row in enumerate(rows)]
    units = {line["unit"] for line in lines}
    means = {"prob_diff": "share", "usd": "usd"}.get(unit.name, "number")
    error_unit = "log scale" if unit.name == "log_irr" else unit.unit
    columns = [
        Column("what", "Result"),
        Column("value", f"Effect ({unit.unit})" if len(units) == 1 else "Effect", "effect", se="se", n="n"),
        Column("low", "Low end", "effect", se="se", n="n"),
        Column("high", "High end", "effect", se="se", n="n"),
        *([Column("unit", "Unit")] if len(units) > 1 else []),
        Column("with", "Mean with", means, n="n"),
        Column("without", "Mean without", means, n="n"),
        Column("error", f"Standard error ({error_unit})", "error", n="n"),
        Column("p", "p", "p"),
        Column("p_ri", "p by random draws", "p"),
        Column("p_adjusted", "p (Holm)", "p"),
        Column("n_treated", "n with", "count", people=not analysis.is_panel(book)),
        Column("n_comparison", "n without", "count", people=not analysis.is_panel(book)),
        Column("n", "n", "count", people=not analysis.is_panel(book)),
        Column("n_clusters", "Clusters", "count", people=False),
        Column("d", "In standard deviations", "number"),
    ]
    columns = [c for c in columns if any(line.get(c.key) is not None for line in lines)]
    caption = f"The main outcome: {book.config.primary.label}"
    groups, beside = (lambda line: line["who"]), counted_people.assigned(book)
    return Table(caption, columns, lines, scale=unit, notes=_notes(book, rows), groups=groups, beside=beside)


def _whom(book, row: dict, several: bool, i: int) -> dict:
    name = _record_name(row, several) if row["role"] in analysis.ROLES else f"beside {i}"
    return counted_people.sample(book, row, whom.PRIMARY if row["role"] == "main" else name)


def _record_name(row: dict, several: bool) -> str:
    """What a row is called in the record."""
    role = "primary" if row["role"] == "main" else row["role"]
    return f"{role}_{analysis.contrast(row)[0]}" if several else role


def _line(book, row: dict, several: bool) -> dict:
    low, high = analysis.decision_interval(row)
    own = analysis.row_scale(book, row)
    comparable = own == analysis.scale(book) and row["role"] not in PARTS
    with_it, without = analysis.means(book, row) if comparable else (None, None)
    standard = analysis.standardized(book, row)["d"] if row["role"] == "main" else None
    return row | {
        "scale": own,
        "unit": own.unit,
        "what": row_words(book, row, several),
        "low": low,
        "high": high,
        "with": with_it and own.per * with_it,
        "without": without and own.per * without,
        "error": 100 * row["se"] if own.name == "prob_diff" else row["se"],
        "d": standard,
    }


def _notes(book, rows) -> list[str]:
    main = analysis.main_rows(rows)
    level = main[0].get("level_adjusted") or main[0]["level"]
    pairs = listed(
        [
            f"{a} compared with {b}"
            for a, b in ([analysis.arm_name(book, arm) for arm in analysis.contrast(row)] for row in main)
        ]
    )
    notes = [f"{pairs}. Low and high end: {100 * level:.4g}% interval. Method: {main[0]['method']}."]
    drawn = main[0]["n_clusters"] or main[0]["n"]
    if book.study.design["type"] in checks.RANDOM and randomization.is_large(drawn, book.draws):
        notes.append("With so many people nothing is drawn: p by random draws is what they come to (Li and Ding 2017).")
    return notes + list(dict.fromkeys(f"Note: {row['note']}." for row in main if row["note"]))


def _figure(book, main, shown):
    unit, rules = analysis.scale(book), book.rules
    told = [analysis.told(book, row) for row in main]
    beside = [row for row in shown if row["role"] not in ("main", "anderson_rubin", "conventional", *PARTS)]
    extra = [row for row in beside if analysis.row_scale(book, row) == unit]
    bars = [_bar(book, row, len(main) > 1) for row in [*main, *extra]]
    sign = told[0].sign
    marks = (
        (0.0, "no difference"),
        (unit.shown(sign * told[0].mwe), f"worthwhile: {unit.size(sign * told[0].mwe, None, rules)}"),
    )
    title = headline(told[0], rules) if len(told) == 1 else _several_title(told, rules)
    sheet = {
        "title": title,
        "subtitle": f"{book.config.primary.label}: effect in {unit.unit}, with its likely range",
        "note": f"{analysis.sourced(book, max(r['n'] for r in main))} "
        "Full dot: the planned analysis. Hollow dots never enter the decision.",
        "stamp": book.stamp,
    }
    alt = f"Dot and interval chart. {title}. " + " ".join(f"{bar.label}: {bar.words}." for bar in bars)
    better = "further right is better" if sign > 0 else "further left is better"
    return charts_compare.intervals(bars, sheet, alt, unit.unit, marks, better)


def _several_title(told, rules) -> str:
    clear = [t for t in told if t.benefit[1] > 0]
    return (
        f"{len(clear)} of {len(told)} arms changed the main measure for the better"
        if clear
        else "We cannot tell yet whether any arm changed the main measure"
    )


def _bar(book, row: dict, several: bool) -> charts_compare.Bar:
    unit, rules = analysis.scale(book), book.rules
    low, high = analysis.decision_interval(row)
    words = (
        f"{unit.text(row['value'], row['se'], rules)}  ({unit.text(low, row['se'], rules)} to "
        f"{unit.text(high, row['se'], rules)})"
    )
    main = row["role"] == "main"
    label = analysis.arm_name(book, analysis.contrast(row)[0]) if main else row_words(book, row, several)
    return charts_compare.Bar(label, unit.shown(row["value"]), unit.shown(low), unit.shown(high), words, main)


def _record_rows(book, rows, main) -> list[dict]:
    """The record's rows: primary (one a contrast), and the comparisons the portfolio may use."""
    several = len(main) > 1
    entries = [analysis.record_row(book, row, _record_name(row, several)) for row in main]
    for row in rows:
        planned = any(row["contrast"] == one["contrast"] for one in main)
        if planned and row["role"] in analysis.ROLES and row["role"] not in ("main", "first_stage"):
            entries.append(analysis.record_row(book, row, _record_name(row, several)))
    return entries
