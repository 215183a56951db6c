"""Impact, missing outcomes (I8): could they explain the result?"""

from dataclasses import dataclass

from shared_utils.results import Flag, whom
from shared_utils.sections import analysis, charts_compare, checks
from shared_utils.sections.impact_choices import choices
from shared_utils.sections.impact_groups import hidden
from shared_utils.sections.scales import told_share
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import sentence
from shared_utils.stats import bounds, sensitivity

WEIGHTED = "attrition_weights"  # the specification that weighs by the chance of being seen


@dataclass(frozen=True)
class Case:
    """One answer to "what if": its name, what it assumes, and the effect or the range it allows."""

    name: str
    assumes: str
    value: float | None
    low: float
    high: float


@section("I8", "Could missing data explain it?")
def missing_outcomes(book) -> Section:
    """Attrition on the WWC boundary, Lee bounds, worst and best case, weighting, and the tipping point."""
    if book.blinded:
        return hidden(book)
    if why := _nobody_missing(book):
        return Section(why, data={"record": {}})
    row, name = _planned(book)
    planned = Case(name, "the missing are like those seen", row["value"], *analysis.decision_interval(row))
    cases, record, notes = [planned, *_weighted(book)], {}, []
    if book.study.design["type"] in checks.RANDOM:
        found, record, notes = _bounded(book, row)
        cases += found
    else:
        notes.append("Bounds need a random draw, so they are not shown for this design.")
    lee = next((case for case in cases if case.name == LEE), None)
    return Section(
        _sentence(book, row, lee),
        table=_table(book, row, cases, notes),
        figure=_figure(book, row, cases),
        more=(_rates(book),),
        flags=_flags(book, row, lee),
        data={"record": record},
    )


LEE, WORST = "Lee bounds", "Worst and best case"


def _nobody_missing(book) -> str:
    """Why nobody can be lost between assignment and outcome in this design; "" where people can."""
    if book.descriptive:
        return "This design compares no groups, so there is no gap that missing outcomes could explain."
    if analysis.is_panel(book):
        gone = int(book.study.frame[book.config.primary.id].isna().sum())
        return (f"Places are followed month by month, so no one is lost from the start to the outcome. "
                f"Of their months, {gone or 'none'} {'have' if gone > 1 else 'has'} no main outcome.")  # fmt: skip
    if book.study.frame[book.config.primary.id].notna().all():
        return "Every main outcome is known, so nothing is missing that could explain the result."
    return ""


def _planned(book) -> tuple[dict, str]:
    """The row whose missing outcomes are bounded, and its name: bounds compare the groups that chance drew."""
    if book.config.design.type == "iv_encouragement":
        return analysis.of_role(analysis.primary_rows(book), "itt"), "Effect of the invitation itself"
    return analysis.chosen_row(book), "Planned analysis"


def _weighted(book) -> list[Case]:
    """The estimate weighted by the chance of being seen, where I5 has it."""
    listed = choices(book).data.get("rows", [])
    row = next((r for r in listed if r["specification"] == WEIGHTED and r["value"] is not None), None)
    assumes = "the missing are like those seen with the same characteristics"
    name = "Weighted by the chance of being seen"
    return [Case(name, assumes, row["value"], *analysis.decision_interval(row))] if row else []


def _bounded(book, row) -> tuple[list[Case], dict, list[str]]:
    """Lee and worst-case bounds of the difference between the drawn groups, and the tipping point."""
    frame, group = _drawn(book, row)
    outcome, level = book.config.primary, row.get("level_adjusted") or row["level"]
    y, treated, seen = frame[outcome.id].to_numpy(float), frame[group].to_numpy(float), frame[outcome.id].notna()
    how = {"weights": _draw_weights(book, frame), "clusters": _clusters(book, frame), "level": level}
    cases, record, notes = [], {}, []
    try:
        lee = bounds.lee(y, treated, seen.to_numpy(float), **how)
        cases.append(
            Case(LEE, "the program moves everyone's chance of being seen one way only", None, lee.ci_low, lee.ci_high)
        )
        record["lee"] = {"low": lee.low, "high": lee.high, "ci_low": lee.ci_low, "ci_high": lee.ci_high}
    except ValueError as problem:
        notes.append(str(problem))
    if outcome.kind == "binary":
        worst = bounds.manski(y, treated, seen.to_numpy(float), (0.0, 1.0), **how)
        cases.append(Case(WORST, "nothing", None, worst.ci_low, worst.ci_high))
        record["worst_case"] = {"low": worst.low, "high": worst.high, "ci_low": worst.ci_low, "ci_high": worst.ci_high}
    return cases, record, notes + _tipping(book, row, frame, group)


def _drawn(book, row):
    """(frame of the two groups compared, name of the 0/1 column of who was drawn)."""
    frame, (treated, comparison) = book.study.frame, analysis.contrast(row)
    frame = frame[frame[book.study.arm].isin([treated, comparison])]
    return frame.assign(_drawn=(frame[book.study.arm] == treated).astype(int)), "_drawn"


def _draw_weights(book, frame):
    """One over the chance of each person's own draw, where chances differ by block."""
    chance = book.study.design.get("assign_prob")
    if chance is None:
        return None
    p = frame[chance].to_numpy(float)
    return frame["_drawn"].to_numpy() / p + (1 - frame["_drawn"].to_numpy()) / (1 - p)


def _clusters(book, frame):
    column = book.study.design.get("cluster")
    return None if column is None else frame[column].astype(str).to_numpy()


def _tipping(book, row, frame, group) -> list[str]:
    """How unlike the seen the missing of the program group must be for a clear result to become unclear."""
    drawn = frame[frame[group] == 1]
    outcome, unit = book.config.primary, analysis.scale(book)
    gone = int(drawn[outcome.id].isna().sum())
    limits = {"bounds": (0.0, 1.0)} if outcome.kind == "binary" else {}
    df = {} if row["df"] is None else {"df": row["df"]}
    try:
        tip = sensitivity.tipping_point(
            row["value"],
            row["se"],
            float(drawn[outcome.id].mean()),
            len(drawn),
            gone,
            level=row["level"],
            **df,
            **limits,
        )
    except ValueError:  # nobody is missing, or the result is not clear anyway
        return []
    size = unit.size(tip.delta, row["se"], book.rules)
    way = "less favorable" if (row["value"] > 0) == (outcome.direction == "increase") else "more favorable"
    text = (
        f"Tipping point: the result stays clear unless the missing of the program group were on average {size} {way} "
        "than those seen."
    )
    return [text if tip.possible else f"{text} They cannot be: no outcome reaches so far."]


def _sentence(book, row, lee) -> str:
    seen = book.study.frame[book.config.primary.id]
    gone = f"{told_share(int(seen.isna().sum()), len(seen), book.rules)[0]} have no main outcome"
    if lee is None:
        return sentence(gone)
    what = "the effect of the invitation" if book.config.design.type == "iv_encouragement" else "the effect"
    unit, rules = analysis.scale(book), book.rules
    low, high = (unit.text(end, row["se"], rules) for end in (lee.low, lee.high))
    words = {"prob_diff": " points"}.get(unit.name, "")
    if lee.low <= 0 <= lee.high:
        end = "it could be zero"
    else:
        end = "it would still be above zero" if lee.low > 0 else "it would still be below zero"
    return sentence(
        f"{gone}. Say the program moved the chance of being seen one way only. Then, whoever they are, {what} lies "
        f"between {low} and {high}{words}: {end}"
    )


def _flags(book, row, lee) -> list[Flag]:
    low, high = analysis.decision_interval(row)
    if lee is None or low <= 0 <= high or not lee.low <= 0 <= lee.high:
        return []
    message = "The result is clear, but with the missing outcomes the effect could be zero (Lee bounds)."
    return [Flag("BOUNDS", "warn", "I8", message, True)]


def _table(book, row, cases, notes) -> Table:
    unit = analysis.scale(book)
    lines = [
        {
            "name": c.name,
            "assumes": c.assumes,
            "value": c.value,
            "low": c.low,
            "high": c.high,
            "se": row["se"],
            "n": row["n"],
        }
        for c in cases
    ]
    columns = [
        Column("name", "Way of treating the missing"),
        Column("assumes", "What it assumes"),
        Column("value", f"Effect ({unit.unit})", "effect", se="se", n="n"),
        Column("low", "Low end", "effect", se="se", n="n"),
        Column("high", "High end", "effect", se="se", n="n"),
    ]
    note = "Bounds have no best value; their ends allow for chance as well (Imbens and Manski 2004)."
    return Table(
        "The main outcome under different views of the missing", columns, lines, scale=unit, notes=[note, *notes]
    )


def _rates(book) -> Table:
    """Missing by group, with the WWC verdict."""
    frame, lost = book.study.frame, checks.attrition(book)
    lines = []
    for arm in analysis.arms(book):
        own = frame.loc[frame[book.study.arm] == arm, book.config.primary.id]
        lines.append({"arm": analysis.arm_name(book, arm), "who": whom.arm(arm), "n": len(own),
                      "gone": int(own.isna().sum()), "share": float(own.isna().mean())})  # fmt: skip
    columns = [
        Column("arm", "Group"),
        Column("n", "Assigned", "count"),
        Column("gone", "No main outcome", "count"),
        Column("share", "Share", "share", n="n", numerator="gone"),
    ]
    note = (f"Attrition is {lost.wwc['cautious']} on the cautious and {lost.wwc['optimistic']} on the optimistic "
            "boundary of the What Works Clearinghouse (Handbook 4.1).")  # fmt: skip
    groups = lambda row: {"n": row["who"], "gone": row["who"].did(whom.KNOWN, "no")}  # noqa: E731
    return Table("Missing main outcomes by group", columns, lines, notes=[note], groups=groups)


def _figure(book, row, cases):
    unit, rules = analysis.scale(book), book.rules
    drawn = [case for case in cases if None not in (case.low, case.high)]
    bars = []
    for i, case in enumerate(drawn):
        text = [unit.text(value, row["se"], rules) for value in (case.low, case.high)]
        value = None if case.value is None else unit.shown(case.value)
        words = f"{text[0]} to {text[1]}"
        bars.append(charts_compare.Bar(case.name, value, unit.shown(case.low), unit.shown(case.high), words, i == 0))
    sheet = {
        "title": "The effect under different views of the missing outcomes",
        "subtitle": f"{book.config.primary.label}: effect in {unit.unit}",
        "note": f"{analysis.sourced(book, row['n'])} Bars without a dot are bounds: they have no best value.",
        "stamp": book.stamp,
    }
    alt = f"Interval chart. {sheet['title']}. " + " ".join(f"{bar.label}: {bar.words}." for bar in bars)
    return charts_compare.intervals(bars, sheet, alt, unit.unit, ((0.0, "no difference"),))
