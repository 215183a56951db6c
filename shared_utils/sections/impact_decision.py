"""Impact, what follows: the rule's result (I11) and the pilot on one page (I12)."""

from shared_utils.errors import EmiError
from shared_utils.results import Flag
from shared_utils.sections import analysis, charts_compare, charts_shape, city_files, descriptive
from shared_utils.sections.impact_choices import choices
from shared_utils.sections.impact_cost import cost_per_result
from shared_utils.sections.impact_effect import primary_effect
from shared_utils.sections.impact_groups import hidden, subgroups
from shared_utils.sections.impact_hidden import hidden_differences
from shared_utils.sections.impact_missing import missing_outcomes
from shared_utils.sections.impact_people import analysed, contrast, plan
from shared_utils.sections.record import spending
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import (
    counted,
    day,
    finding,
    listed,
    month,
    not_decision_grade,
    people,
    plainly,
    sentence,
    signed,
    span,
    verdict,
    worth,
)
from shared_utils.stats import decision as rule
from shared_utils.stats import power

RULE = "0.3/v1"


@section("I11", "What does the rule say?")
def decision(book) -> Section:
    """The decision rule of the plan applied to each primary estimate; it recommends, people decide."""
    if book.blinded:
        return hidden(book)
    if book.descriptive:
        return descriptive.no_rule(book)
    rows = _main(book)
    told = [analysis.told(book, row) for row in rows]
    decided = [_decide(book, row) for row in rows]
    words = [_words(book, t, d) for t, d in zip(told, decided, strict=True)]
    best = _portfolio(book, rows)
    city = city_files.decision(book.city_dir)
    lines = [_line(book, row, d) for row, d in zip(rows, decided, strict=True)]
    columns = [
        Column("arm", "Group"),
        Column("b", "b", "effect", se="se"),
        Column("low", "L", "effect", se="se"),
        Column("high", "U", "effect", se="se"),
        Column("m", "m", "effect"),
        Column("rule", "Rule result"),
        Column("guardrails", "Guardrails applied"),
        Column("city", "The city's own decision"),
    ]
    notes = [
        "b: estimate turned so that more is better; L and U: its likely range; m: smallest worthwhile change.",
        _city_words(city),
        *_winner_note(decided),
    ]
    return Section(
        " ".join([*words, *analysis.pace(book)]),
        figure=_number_line(book, rows, decided),
        flags=_cost_flags(book),
        table=Table(
            "The rule, its inputs and its result",
            columns,
            [line | {"city": city["decision"] or "not recorded yet"} for line in lines],
            scale=analysis.benefit_scale(book),
            notes=notes,
        ),
        data={"record": _record(decided[best], city), "decided": decided, "told": told, "best": best},
    )


def _main(book) -> list[dict]:
    rows = primary_effect(book).data.get("main")
    if not rows:
        raise EmiError("there is no primary estimate to apply the rule to", "See I4.")
    return rows


def _decide(book, row: dict):
    """stats.decision on one row: the estimate, every flag on the primary, and the guardrails of the plan."""
    b = analysis.benefit(book.config.primary.direction, row["value"], *analysis.decision_interval(row))
    for earlier in (plan, analysed, contrast, choices, subgroups, missing_outcomes, hidden_differences):
        earlier(book)  # their flags count, in whatever order the cells were run
    return rule.decide(
        b["b"],
        b["l"],
        b["u"],
        book.config.mwe,
        flags=[flag.as_dict() for flag in book.all_flags()],
        subgroup_harm=any(high < 0 for _, high in _subgroup_intervals(book)),
        cost_above_ceiling=bool(cost_per_result(book).data.get("above_ceiling")),
        design_type=book.config.design.type,
        plan_locked=book.plan.status in ("prospective", "before_unblinding"),
        deviations_primary=book.plan.deviations_primary,
    )


def _subgroup_intervals(book) -> list[tuple[float, float]]:
    """Simultaneous intervals of the confirmatory groups, more is better; none when the plan has no such
    guardrail."""
    if not any(g.type == "subgroup_harm" for g in book.config.decision.guardrails):
        return []
    direction = book.config.primary.direction
    groups = subgroups(book).data.get("confirmatory", [])
    turned = [analysis.benefit(direction, g.row["value"], g.low, g.high) for g in groups]
    return [(t["l"], t["u"]) for t in turned]


def _words(book, told, decided) -> str:
    base = rule.rule(*told.benefit, told.mwe)[:2]
    final = (decided.recommendation, decided.label)
    who = f"For {told.subject}: " if book.config.design.type == "rct_multiarm" else ""
    start = sentence(f"{who}the rule's result: {', '.join(filter(None, final))}")
    if book.blocks():
        return f"{start} {not_decision_grade(book.blocks())}"
    ratio = power.exaggeration(told.mwe, told.se)["ratio"]
    return f"{start} {verdict(told, base, final, list(decided.guardrails), ratio, book.rules)}"


def _line(book, row, decided) -> dict:
    low, high = analysis.decision_interval(row)
    b = analysis.benefit(book.config.primary.direction, row["value"], low, high)
    label = f" ({decided.label})" if decided.label else ""
    return {
        "arm": analysis.arm_name(book, analysis.contrast(row)[0]),
        "b": b["b"],
        "low": b["l"],
        "high": b["u"],
        "se": row["se"],
        "m": book.config.mwe,
        "rule": f"{decided.recommendation}{label}: {decided.reason}",
        "guardrails": listed([plainly(g) for g in decided.guardrails]) or "none",
    }


def _portfolio(book, rows) -> int:
    """The contrast that stands for the city: the plan's portfolio contrast, else the first."""
    chosen = getattr(book.config.design, "portfolio_contrast", None)
    return next((i for i, row in enumerate(rows) if chosen and analysis.contrast(row)[0] == chosen[0]), 0)


def _city_words(city: dict) -> str:
    if not city["decision"]:
        return (
            "The city's own decision is not recorded. To record it, write decision, reason and date into "
            "plan/decision.yaml."
        )
    return sentence(
        f"The city decided on {city['date'] or 'a day not recorded'}: {city['decision']}. Reason: "
        f"{city['reason'] or 'none given'}"
    )


def _winner_note(decided) -> list[str]:
    winners = [d for d in decided if d.recommendation == "SCALE"]
    if len(decided) > 1 and len(winners) == 1:
        return ["Only one arm passes. The better of several arms tends to look better than it is."]
    return []


def _cost_flags(book) -> list[Flag]:
    """Say so when the plan has a ceiling that could not be applied."""
    made = cost_per_result(book).data
    if made.get("ceiling") is None or made["above_ceiling"] is not None:
        return []
    why = "There is no cost per result, or its costs are not real"
    return [Flag("COST_CEILING", "info", "decision", f"The plan's cost ceiling was not used. {why} (see I10).")]


def _record(decided, city) -> dict:
    return {
        "rule": RULE,
        "recommendation": decided.recommendation,
        "label": decided.label,
        "reason": decided.reason,
        "guardrails": list(decided.guardrails),
        "city_decision": city["decision"],
    }


def _number_line(book, rows, decided):
    unit, rules = analysis.benefit_scale(book), book.rules
    bars = []
    for row in rows:
        b = analysis.benefit(book.config.primary.direction, row["value"], *analysis.decision_interval(row))
        text = [unit.text(b[k], row["se"], rules) for k in "blu"]
        bars.append(
            charts_compare.Bar(
                analysis.arm_name(book, analysis.contrast(row)[0]),
                unit.shown(b["b"]),
                unit.shown(b["l"]),
                unit.shown(b["u"]),
                f"{text[0]}  ({text[1]} to {text[2]})",
            )
        )
    results = listed([f"{d.recommendation}{', ' + d.label if d.label else ''}" for d in decided])
    marks = ((0.0, "0"), (unit.shown(book.config.mwe), f"m = {unit.size(book.config.mwe, None, rules)}"))
    sheet = {
        "title": f"The rule says: {results}",
        "subtitle": f"Gain on the main measure with its likely range, {unit.unit}; 0: no gain; m: worthwhile",
        "note": f"Source: {analysis.source(book)}. {people(rows[0]['n'], rules, 'records')}. Right is better.",
        "stamp": book.stamp,
    }
    alt = f"Number line. The rule says: {results}. " + " ".join(f"{b.label}: {b.words}." for b in bars)
    return charts_compare.intervals(bars, sheet, alt, unit.unit, marks, "right is better")


@section("I12", "The pilot on one page")
def summary(book) -> Section:
    """Six plain sentences: what, who, result, confidence, cost, next."""
    if book.blinded:
        return hidden(book)
    if book.descriptive:
        return descriptive.summary(book)
    rows, made = _main(book), decision(book)
    best = made.data.get("best", 0)
    told, row = analysis.told(book, rows[best]), rows[best]
    decided = made.data.get("decided")
    sentences = [
        what(book),
        who(book),
        finding(told, book.rules),
        *analysis.pace(book),
        _confidence(book, told),
        cost(book),
        _next(decided, best),
    ]
    return Section(" ".join(sentences), figure=_squares(book, told, row))


def what(book) -> str:
    did = book.config.pilot.theory_of_change.activities
    tried = f'tried this: "{did[:1].lower() + did[1:]}"' if did else f'ran the pilot "{book.config.pilot.title}"'
    return sentence(f"{book.config.city.name} {tried}")


def who(book) -> str:
    frame = book.study.frame
    n = frame[book.study.subject_id].nunique()
    ends = (day(book.config.pilot.start), day(book.as_of))
    if book.study.period:
        ends = [_when(frame[book.study.period].agg(end)) for end in ("min", "max")]
    return sentence(f"{analysis.subjects(book, n)} were followed from {ends[0]} to {ends[1]}")


def _when(period) -> str:
    """A period in words: a month, or the number of a year."""
    return month(period) if hasattr(period, "year") else f"{period:g}"


def _confidence(book, told) -> str:
    if book.blocks():
        return not_decision_grade(book.blocks())
    grave = [flag for flag in book.all_flags() if flag.severity == "serious" and flag.affects_primary]
    doubt = "no serious warning stands against it"
    if grave:
        doubt = f"{counted(len(grave), 'serious warning')} should be read first"
    return sentence(f"the likely range is {span(told, book.rules)}, and {doubt}")


def cost(book) -> str:
    spent = spending(book)
    if spent is None:
        return "No costs are recorded."
    kind = "" if spent["quality"] == "actual" else f" ({spent['quality']} figures)"
    per = spent["per_participant_usd"]
    total = f"${disclosed(spent['total_usd'], book)}"
    each = f", or about ${disclosed(per, book)} for each person served" if per else ""
    return sentence(f"It cost {total}{each}{kind}")


def disclosed(amount: float, book) -> str:
    from shared_utils.disclosure import round_usd

    return f"{round_usd(amount, book.rules):,}"


def _next(decided, best) -> str:
    if not decided:
        return "The rule could not be applied, so learning goes on."
    words = {
        "SCALE": "expand it",
        "ADAPT": "change it before expanding",
        "STOP": "stop it or change it a lot",
        "KEEP LEARNING": "keep learning first",
    }
    chosen = decided[best]
    step = " in steps, and keep measuring" if chosen.label == "staged" else ""
    return sentence(f"the rule in the plan says to {words[chosen.recommendation]}{step}; people decide")


def _squares(book, told, row):
    """100 squares with and 100 without, when the outcome is a share that may be told."""
    if told.scale.name != "prob_diff" or told.mean_with is None or not 0 <= told.mean_with <= 1:
        return None
    with_it, without = round(100 * told.mean_with), round(100 * told.mean_without)
    more = with_it - without
    groups = [
        (f"{with_it} in 100 {told.with_words}", with_it, max(more, 0)),
        (f"{without} in 100 {told.without_words}", without, max(-more, 0)),
    ]
    unit = book.study.unit_label
    size = abs(more)
    title = (
        f"About {size} {'more' if more > 0 else 'fewer'} in 100"
        if more
        else "The same number in 100, to the nearest whole"
    )
    low, high = signed(told, told.low, book.rules), signed(told, told.high, book.rules)
    sheet = {
        "title": f"{title}; likely {span(told, book.rules)}",
        "subtitle": f"{told.label}: each square is one of 100 {unit}; squares with a dot are the difference",
        "note": f"Source: {analysis.source(book)}. Worthwhile: {worth(told, book.rules)}.",
        "stamp": book.stamp,
    }
    alt = f"Two grids of 100 squares. {groups[0][0]}; {groups[1][0]}. The likely range goes from {low} to {high}."
    return charts_shape.squares(groups, sheet, alt)
