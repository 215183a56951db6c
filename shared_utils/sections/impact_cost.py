"""Impact, the money (I10): what was spent, for a person and for a result."""

import math
from dataclasses import dataclass

import numpy as np

from shared_utils.sections import analysis, charts_compare, charts_limits
from shared_utils.sections.record import spending
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import plainly, sentence
from shared_utils.stats import costs

CEILINGS = 40  # points on the acceptability curve


@dataclass(frozen=True)
class Result:
    """Cost and results of the same people or places: `cost` buys `effect` results (more is better) with error `se`.

    one: what a single result is, in words; per: whose cost it is ("for each person offered the program")."""

    cost: float
    effect: float
    se: float
    df: float
    one: str
    per: str


@section("I10", "What did it cost per result?")
def cost_per_result(book) -> Section:
    """Spending by category, per participant, and per result with Fieller's interval or the reason why not."""
    spent = spending(book)
    if spent is None:
        return Section("No costs are recorded, so a cost per result cannot be stated.", data={"record": {}})
    table = _spending_table(book, spent)
    if book.blinded or book.descriptive:
        why = "results are still hidden" if book.blinded else "this design says nothing about causes"
        return Section(f"{_spent_words(book, spent)} A cost per result is not stated: {why}.", table=table,
                       figure=_spending_figure(book), data={"record": {}})  # fmt: skip
    result = _result(book)
    found = costs.cost_per_result(
        result.cost, result.effect, result.se, df=result.df, level=analysis.chosen_row(book)["level"]
    )
    curve = _acceptability(book, result)
    chance = _chance_below(book, result)
    return Section(
        f"{_spent_words(book, spent)} {_result_words(book, result, found, chance)}",
        table=table,
        figure=curve,
        more=(_result_table(book, result, found),),
        data={
            "record": _record(found, chance),
            "above_ceiling": _above_ceiling(book, found),
            "ceiling": _ceiling(book),
        },
    )


def _result(book) -> Result:
    """What the program's money bought, in results of the main measure."""
    row = analysis.chosen_row(book)
    if analysis.is_panel(book):
        return _places(book, row)
    if book.config.design.type == "iv_encouragement":  # money was spent on all who were invited
        row = analysis.of_role(analysis.primary_rows(book), "itt")
    treated, comparison = analysis.contrast(row)
    arms = book.study.frame.drop_duplicates(book.study.subject_id)[book.study.arm].value_counts()
    cost = _spent_on(book, treated) / arms[treated] - _own(book, comparison) / arms[comparison]
    b = analysis.benefit(book.config.primary.direction, row["value"], None, None)["b"]
    return Result(cost, b, row["se"], _df(row), _one(book), f"for each of the {book.study.unit_label} assigned to it")


def _places(book, row) -> Result:
    """Results over all treated months: the change in each, times what it is a share or a rate of."""
    sign = 1 if book.config.primary.direction == "increase" else -1
    cost, value = _spent_on(book, None), row["value"]
    rows = book.study.frame[book.study.frame["treatment"] == 1]
    if analysis.scale(book).name == "log_irr":  # seen less expected: y (1 - exp(-v)), and its slope in v
        total = rows[book.config.primary.id].sum()
        effect, slope = total * (1 - math.exp(-value)), total * math.exp(-value)
    else:
        weight = book.study.design.get("weights")
        slope = float(rows.loc[rows[book.config.primary.id].notna(), weight].sum()) if weight else float(len(rows))
        effect = slope * value
    per = f"over all {book.study.period_label} with the program"
    return Result(cost, sign * effect, slope * row["se"], _df(row), _one(book), per)


def _df(row) -> float:
    return math.inf if row["df"] is None else row["df"]


def _one(book) -> str:
    """A single result in words."""
    outcome, unit = book.config.primary, analysis.scale(book)
    name = f'"{outcome.label}"'
    if unit.name == "usd":
        return f"dollar of {name}"
    if unit.name in ("prob_diff", "log_irr"):
        return f"{'additional' if outcome.direction == 'increase' else 'avoided'} case of {name}"
    return f"unit of {name} ({unit.unit})"


def _cash(book):
    rows = book.data.tables["costs"]
    return rows[~rows["is_in_kind"].astype(bool)]


def _own(book, arm: str | None) -> float:
    rows = _cash(book)
    return float(rows.loc[rows["arm"].isna() if arm is None else rows["arm"] == arm, "amount_usd"].sum())


def _spent_on(book, arm: str | None) -> float:
    """Cash spent on an arm: its own, and its share (by people) of what names no arm. None: everything."""
    if arm is None:
        return float(_cash(book)["amount_usd"].sum())
    frame = book.study.frame.drop_duplicates(book.study.subject_id)
    people = frame[book.study.arm].value_counts()
    program = people.drop(book.study.labels[1], errors="ignore")
    return _own(book, arm) + _own(book, None) * people[arm] / program.sum()


def _ceiling(book) -> float | None:
    found = [g.value for g in book.config.decision.guardrails if g.type == "cost_per_unit_max" and g.value is not None]
    return found[0] if found else None


def _above_ceiling(book, found) -> bool | None:
    """Whether a result costs more than the plan's ceiling; None where the ceiling cannot be applied."""
    ceiling = _ceiling(book)
    if ceiling is None or not found.stated or spending(book)["quality"] == "placeholder":
        return None
    return found.ratio > ceiling


def _chance_below(book, result: Result) -> float | None:
    ceiling = _ceiling(book)
    if ceiling is None or result.cost <= 0:
        return None
    return float(costs.acceptability(result.cost, result.effect, result.se, [ceiling])["probability"].iloc[0])


def _record(found, chance) -> dict:
    interval = [found.low, found.high] if found.stated else None
    return {"icer": found.ratio, "icer_ci": interval, "prob_below_ceiling": chance}


def _spent_words(book, spent) -> str:
    kind = {"placeholder": " These sums are placeholders, not real ones.", "estimate": " Some amounts are estimates."}
    each = spent["per_participant_usd"]
    per = f", about {_usd(book, each)} for each person served" if each else ""
    return f"{_usd(book, spent['total_usd'])} was spent{per}.{kind.get(spent['quality'], '')}"


def _result_words(book, result: Result, found, chance) -> str:
    if found.stated:
        return sentence(
            f"one {result.one} cost about {_usd(book, found.ratio)} (between {_usd(book, found.low)} and "
            f"{_usd(book, found.high)})"
        )
    ceiling = _ceiling(book)
    less = (
        f"; the chance that one {result.one} costs less than {_usd(book, ceiling)} is {round(100 * chance)}%"
        if chance is not None
        else ""
    )
    return sentence(f"{found.words}{less}")


def _usd(book, amount: float) -> str:
    """Money in a sentence: to 10 dollars as the release rounds it, small amounts to a tenth."""
    from shared_utils.disclosure import round_usd

    return f"${amount:,.1f}" if amount < 50 else f"${round_usd(amount, book.rules):,}"


def _spending_table(book, spent) -> Table:
    rows = book.data.tables["costs"]
    kinds = rows["is_in_kind"].astype(bool).map({True: "in kind", False: "cash"})
    sums = rows.groupby([rows["category"], kinds], observed=True)["amount_usd"].sum()
    total = spent["total_usd"]
    lines = [
        {"what": plainly(name), "kind": kind, "amount": amount, "share": amount / total if kind == "cash" else None}
        for (name, kind), amount in sums.items()
    ]
    lines.append({"what": "all cash", "kind": "cash", "amount": total, "share": 1.0})
    columns = [
        Column("what", "For"),
        Column("kind", "Kind"),
        Column("amount", "Amount", "usd"),
        Column("share", "Share of cash", "share"),
    ]
    note = f"Quality of the amounts: {spent['quality']}. Cash and in-kind help are not added together."
    return Table("What was spent, by category", columns, lines, notes=[note])


def _result_table(book, result: Result, found) -> Table:
    rows = [
        {"what": f"Cost of the program, {result.per}", "kind": "usd", "value": result.cost},
        {"what": f"Results, {result.per}", "kind": "number", "value": result.effect},
        {"what": "Standard error of the results", "kind": "number", "value": result.se},
        {"what": f"Cost of one {result.one}", "kind": "usd", "value": found.ratio},
        {"what": "Low end (Fieller)", "kind": "usd", "value": found.low},
        {"what": "High end (Fieller)", "kind": "usd", "value": found.high},
    ]
    notes = [] if found.stated else [sentence(found.words)]
    columns = [Column("what", "Quantity"), Column("value", "Value", "row", digits=3)]
    return Table("From cost to cost per result", columns, rows, notes=notes)


def _acceptability(book, result: Result):
    """The chance that a result costs less than each ceiling; spending by category where the cost is not above zero."""
    if result.cost <= 0:
        return _spending_figure(book)
    centre = result.cost / max(abs(result.effect), result.se)
    ceilings = np.linspace(centre / CEILINGS, 3 * centre, CEILINGS)
    table = costs.acceptability(result.cost, result.effect, result.se, ceilings)
    points = [(row.ceiling, 100 * row.probability) for row in table.itertuples()]
    top = points[-1]
    title = "How likely a result is to cost less than a given amount"
    sheet = {
        "title": title,
        "subtitle": f"Chance in percent that one {result.one} costs less than the amount below",
        "note": f"Source: cost records ({spending(book)['quality']}) and {analysis.source(book)}.",
        "stamp": book.stamp,
    }
    here = np.interp(centre, *zip(*points, strict=True))
    alt = (
        f"Rising line chart. {title}: at {_usd(book, centre)} the chance is {here:.0f} percent, "
        f"at {_usd(book, top[0])} {top[1]:.0f} percent."
    )
    ceiling = _ceiling(book)
    mark = None if ceiling is None or ceiling > top[0] else (ceiling, "ceiling in the plan")
    return charts_limits.chance(points, sheet, alt, "dollars for one result", mark)


def _spending_figure(book):
    sums = _cash(book).groupby("category", observed=True)["amount_usd"].sum().sort_values(ascending=False)
    bars = [(plainly(name).capitalize(), amount, _usd(book, amount)) for name, amount in sums.items()]
    sheet = {
        "title": "Where the money went",
        "subtitle": "Cash spent up to now, by category, dollars",
        "note": f"Source: cost records ({spending(book)['quality']}).",
        "stamp": book.stamp,
    }
    alt = "Bar chart. " + "; ".join(f"{label}: {words}" for label, _, words in bars) + "."
    return charts_compare.bars(bars, sheet, alt, "dollars")
