"""Impact, how far the answer hangs on choices (I5): the analyses listed beforehand, side by side."""

from shared_utils import designs
from shared_utils.results import Flag, whom
from shared_utils.sections import analysis, charts_compare, counted_people, specifications
from shared_utils.sections.impact_groups import hidden
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import plainly, sentence
from shared_utils.stats import sensitivity

FLIPS_SERIOUS = 0.25
LEAVE_OUT = "without_"  # specifications that leave out one stratum or donor: without_<its name>
KINDS = {
    "estimand": "a related question",
    "wrong": "known to mislead here",
    "placebo": "a check where no effect can be",
}


@section("I5", "Does the answer depend on choices?")
def choices(book) -> Section:
    """Every listed analysis with the decision it would give; the record keeps how many agree."""
    if book.blinded:
        return hidden(book)
    if book.descriptive:
        return Section("This design compares no groups, so there is no result that choices could change.")
    found = _found(book)
    summary = sensitivity.specification_summary(found)
    run = [row for row in _rows(book, found) if row["value"] is not None]
    choice = [row for row in run if row["kind"] == "choice"]
    others = [row for row in _rows(book, found) if row not in choice]
    return Section(
        _sentence(book, summary, choice),
        table=_table(book, "Analyses listed before the results were seen", choice),
        figure=_figure(book, choice, summary),
        more=(_others(book, others),) if others else (),
        flags=_flags(summary),
        data={"record": _record(summary, run), "rows": run},
        shows=frozenset(),
    )


def _found(book):
    """The table of designs.robustness for the contrast that stands for the city."""
    chosen = getattr(book.config.design, "portfolio_contrast", None)
    outcome = book.config.primary
    planned = analysis.design(book, outcome.id, draws=0)
    found = designs.robustness(
        book.study.frame, planned, book.config.mwe, outcome.direction, specifications.listed(book)
    )
    several = found["contrast"].notna() & found["contrast"].ne("") if chosen else None
    return found if several is None else found[~several | (found["contrast"] == " - ".join(chosen))]


def _rows(book, found) -> list[dict]:
    """Rows in words, the planned analysis first, then by size of the estimate."""
    rows = _without_names(analysis.plain_rows(found))
    rows = [row | {"words": f"{row['words'][:1].upper()}{row['words'][1:]}"} for row in rows]
    first, rest = rows[0], rows[1:]
    rest.sort(key=lambda row: (row["value"] is None, row["value"] or 0.0, row["specification"]))
    return [first, *rest]


def _without_names(rows: list[dict]) -> list[dict]:
    """Number the analyses that leave out one site or place at a time: their names stay inside the city."""
    left_out = [row for row in rows if row["specification"].startswith(LEAVE_OUT)]
    for i, row in enumerate(left_out, start=1):
        name = row["specification"].removeprefix(LEAVE_OUT)
        what = plainly(row["words"].removesuffix(name).removeprefix("without ").strip())
        row |= {
            "specification": f"{LEAVE_OUT}{i}",
            "words": f"without one {what or 'comparison place'} ({i} of {len(left_out)})",
        }
    return rows


def _sentence(book, summary, choice) -> str:
    if len(choice) < 2:
        return "None of the other analyses in the list could run. So we cannot say how far the result hangs on choices."
    told = analysis.told(book, analysis.chosen_row(book))
    unit, rules = told.scale, book.rules
    low, high = (unit.text(value, told.se, rules) for value in (summary["min"], summary["max"]))
    same = round(summary["same_decision_share"] * summary["n_specs"])
    unit_words = {"prob_diff": " points", "points": " points"}.get(unit.name, "")
    return sentence(
        f"across {summary['n_specs']} sound ways to analyze the data, the estimate runs from {low} to "
        f"{high}{unit_words}. "
        f"{'All' if same == summary['n_specs'] else same} lead to the same rule result"
    )


def _flags(summary) -> list[Flag]:
    flips = 1 - summary["same_decision_share"]
    if flips <= FLIPS_SERIOUS:
        return []
    message = (
        f"Of the listed analyses, {100 * flips:.0f} in 100 change the rule's result. So the result hangs on choices."
    )
    return [Flag("ROBUSTNESS", "serious", "I5", message, True)]


def _table(book, caption: str, rows) -> Table:
    unit, panel = analysis.scale(book), analysis.is_panel(book)
    columns = [
        Column("words", "Analysis"),
        Column("value", f"Effect ({unit.unit})", "effect", se="se", n="n"),
        Column("low", "Low end", "effect", se="se", n="n"),
        Column("high", "High end", "effect", se="se", n="n"),
        Column("p", "p", "p"),
        Column("n", "n", "count", people=not panel),
        Column("decision", "Rule result"),
        Column("method", "Method"),
    ]
    note = "Rule result: what the numbers alone would give, before guardrails. It is the planned analysis that decides."
    groups, beside = None if panel else _whom, counted_people.assigned(book)
    return Table(caption, columns, [_ends(row) for row in rows], scale=unit, notes=[note], groups=groups, beside=beside)


def _whom(row: dict) -> dict:
    return {"n": whom.EVERYONE.did(f"in the analysis {row['specification']}")}


def _ends(row: dict) -> dict:
    low, high = analysis.decision_interval(row) if row["value"] is not None else (None, None)
    return row | {"low": low, "high": high}


def _others(book, rows) -> Table:
    """What does not count: related questions, wrong methods, placebos, and analyses that could not run."""
    columns = [
        Column("words", "Analysis"),
        Column("what", "What it is"),
        Column("value", "Estimate", "effect", se="se", n="n"),
        Column("low", "Low end", "effect", se="se", n="n"),
        Column("high", "High end", "effect", se="se", n="n"),
        Column("unit", "Unit"),
        Column("why", "Note"),
    ]
    lines = [
        _ends(row)
        | {"what": KINDS.get(row["kind"], "could not run") if row["value"] is not None else "could not run"}
        | {"why": row["note"], "scale": analysis.row_scale(book, row), "unit": analysis.row_scale(book, row).unit}
        for row in rows
    ]
    return Table("Beside them: these never enter the comparison above", columns, lines)


def _figure(book, choice, summary):
    if len(choice) < 2:
        return None
    unit, rules = analysis.scale(book), book.rules
    bars = []
    for row in choice:
        low, high = analysis.decision_interval(row)
        text = [unit.text(value, row["se"], rules) for value in (row["value"], low, high)]
        planned = row["specification"] == "planned"
        label = "Planned analysis" if planned else row["words"]
        words = f"{text[0]}  ({text[1]} to {text[2]})"
        shown = (unit.shown(row["value"]), unit.shown(low), unit.shown(high))
        bars.append(charts_compare.Bar(label, *shown, words, planned))
    told = analysis.told(book, analysis.chosen_row(book))
    marks = (
        (0.0, "no difference"),
        (unit.shown(told.sign * told.mwe), f"worthwhile: {unit.size(told.sign * told.mwe, None, rules)}"),
    )
    agree = round(summary["same_decision_share"] * summary["n_specs"])
    title = f"{agree} of {summary['n_specs']} analyses lead to the same rule result"
    sheet = {
        "title": title,
        "subtitle": f"{book.config.primary.label}: effect in {unit.unit} by each listed analysis",
        "note": f"{analysis.sourced(book, analysis.chosen_row(book)['n'])} "
        "Only analyses listed in advance; sorted by size.",
        "stamp": book.stamp,
    }
    alt = f"Specification curve. {title}. " + " ".join(f"{bar.label}: {bar.words}." for bar in bars)
    better = "further right is better" if told.sign > 0 else "further left is better"
    return charts_compare.intervals(bars, sheet, alt, unit.unit, marks, better)


def _record(summary: dict, run: list[dict]) -> dict:
    """The robustness block of the record; the reasons of those that could not run stay in the notebook."""
    kept = ("n_specs", "same_sign_share", "same_decision_share", "min", "max")
    return {**{name: summary[name] for name in kept}, "specs": [_spec(row) for row in run]}


def _spec(row: dict) -> dict:
    """One listed analysis in the record."""
    kept = ("kind", "value", "se", "ci_low", "ci_high", "p", "decision")
    return {"id": row["specification"], "words": plainly(row["words"]), **{name: row[name] for name in kept}}
