"""Impact, the outcomes beside the main one (I6): one family, tested together, and never part of the decision."""

from scipy import stats

from shared_utils.designs import DesignError
from shared_utils.sections import analysis, charts_compare, counted_people
from shared_utils.sections.impact_groups import hidden
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import counted, sentence
from shared_utils.stats import multiplicity

ALPHA = 0.05
NEVER = "These do not change the decision."


@section("I6", "Other outcomes?")
def other_outcomes(book) -> Section:
    """Each secondary outcome by the main design, Holm within its family."""
    if book.blinded:
        return hidden(book)
    outcomes = [outcome for outcome in book.config.outcomes if outcome.role == "secondary"]
    if book.descriptive or not outcomes:
        why = "This design compares no groups" if book.descriptive else "city.yml names no other outcome"
        return Section(f"{why}, so there is nothing to compare here.")
    found = [_estimate(book, outcome) for outcome in outcomes]
    known = [line for line in found if line["row"]]
    _holm(known)
    return Section(
        _sentence(known),
        table=_table(book, found),
        figure=_figure(book, known),
        estimates=[_record_row(book, line) for line in known],
        data={"outcomes": found},
        shows=frozenset(),
    )


def _estimate(book, outcome) -> dict:
    """{outcome, row, why}: the main row of one outcome, or why there is none."""
    line = {"outcome": outcome, "row": None, "why": "", "p_holm": None}
    try:
        rows = analysis.estimates(*analysis.secondary(book, outcome))
    except DesignError as problem:
        return line | {"why": sentence(problem.message)}
    until = [row for row in rows if row["role"] == "rmst"]
    rows = until if until and outcome.kind == "time_to_event" else analysis.main_rows(rows)
    chosen = getattr(book.config.design, "portfolio_contrast", None)
    rows = [row for row in rows if not chosen or row["contrast"] == " - ".join(chosen)] or rows
    return line | {"row": rows[0]}


def _holm(lines) -> None:
    """Holm within each family of city.yml; an outcome without a family is in one with the others like it."""
    for family in {line["outcome"].family for line in lines}:
        own = [line for line in lines if line["outcome"].family == family]
        for line, p in zip(own, multiplicity.holm([one["row"]["p"] for one in own]), strict=True):
            line["p_holm"] = float(p)


def _sentence(known) -> str:
    if not known:
        return f"None of the other outcomes can be compared yet. {NEVER}"
    clear = [line for line in known if line["p_holm"] < ALPHA]
    verb = "none" if not clear else counted(len(clear), "outcome").split(" ")[0]
    return f"Of {counted(len(known), 'other outcome')}, {verb} changed clearly once we allow for many tests. {NEVER}"


def _table(book, found) -> Table:
    lines = []
    for line in found:
        outcome, row = line["outcome"], line["row"] or {}
        unit = analysis.scale(book, outcome)
        lines.append(
            {
                "outcome": outcome.label,
                "unit": unit.unit,
                "scale": unit,
                "value": row.get("value"),
                "low": row.get("ci_low"),
                "high": row.get("ci_high"),
                "se": row.get("se"),
                "p": row.get("p"),
                "p_holm": line["p_holm"],
                "n": row.get("n"),
                "who": counted_people.sample(book, row, _record_name(outcome)) if row else {},
                "better": _better(outcome, row),
                "why": line["why"],
            }
        )
    columns = [
        Column("outcome", "Outcome"),
        Column("value", "Effect", "effect", se="se", n="n"),
        Column("low", "Low end", "effect", se="se", n="n"),
        Column("high", "High end", "effect", se="se", n="n"),
        Column("unit", "Unit"),
        Column("better", "Direction"),
        Column("p", "p", "p"),
        Column("p_holm", "p (Holm)", "p"),
        Column("n", "n", "count", people=not analysis.is_panel(book)),
        Column("why", "Not shown because"),
    ]
    columns = [column for column in columns if column.key != "why" or any(line["why"] for line in lines)]
    caption = "Outcomes beside the main one, by the same design"
    groups = lambda line: {"n": line["who"]["n"]} if line["who"] else {}  # noqa: E731
    return Table(caption, columns, lines, groups=groups, beside=counted_people.assigned(book))


def _better(outcome, row) -> str:
    if not row:
        return ""
    return "better" if (row["value"] > 0) == (outcome.direction == "increase") else "worse"


def _figure(book, known):
    """Effects in standard deviations, so that outcomes in different units stand on one axis."""
    bars = []
    for line in known:
        outcome, row = line["outcome"], line["row"]
        standard = analysis.standardized(book, row, outcome)
        if standard["d"] is None:
            continue
        tail = 0.5 + row["level"] / 2
        half = standard["se"] * (stats.norm.ppf(tail) if row["df"] is None else stats.t.ppf(tail, row["df"]))
        unit = analysis.scale(book, outcome)
        words = f"{unit.text(row['value'], row['se'], book.rules)} {_short(unit)}".strip()
        bars.append(charts_compare.Bar(outcome.label, standard["d"], standard["d"] - half, standard["d"] + half, words))
    if not bars:
        return None
    title = f"{counted(len(bars), 'other outcome').capitalize()} on one scale"
    most = max(line["row"]["n"] for line in known)
    sheet = {
        "title": title,
        "subtitle": "Effect in standard deviations, turned so that right is better, with 95% intervals",
        "note": f"Source: {analysis.source(book)}. Up to {analysis.rows_analyzed(book, most)}. "
        f"At the right: the effect in its own unit. {NEVER}",
        "stamp": book.stamp,
    }
    alt = f"Dot and interval chart. {title}. " + " ".join(f"{bar.label}: {bar.words}." for bar in bars)
    return charts_compare.intervals(
        bars, sheet, alt, "standard deviations", ((0.0, "no difference"),), "right is better"
    )


def _short(unit) -> str:
    return {"prob_diff": "points", "usd": "", "log_irr": ""}.get(unit.name, unit.unit)


def _record_name(outcome) -> str:
    return f"secondary_{outcome.id}"


def _record_row(book, line) -> dict:
    outcome = line["outcome"]
    row = analysis.record_row(book, line["row"], _record_name(outcome), "secondary", outcome=outcome)
    return row | {"p_adjusted": line["p_holm"]}
