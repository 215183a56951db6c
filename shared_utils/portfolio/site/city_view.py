"""What one city's page says."""

from shared_utils.portfolio import synthesis
from shared_utils.portfolio.collect import City, in_words
from shared_utils.portfolio.site import charts, parts, sources, words
from shared_utils.portfolio.site.language import english as t
from shared_utils.portfolio.site.language import language, languages
from shared_utils.portfolio.site.lessons_view import lessons
from shared_utils.portfolio.site.words import Effect


def city_view(city: City) -> dict:
    """Everything the template of a city page prints."""
    effects = parts.primaries(city)
    impact = city.record("impact") if effects else None
    return {
        "tag": parts.tag(city),
        "lead": _lead(city),
        "about": _about(city),
        "why": t.nothing if not city.records else "" if effects else parts.no_result(city),
        "verdict": words.verdict(effects[0], impact) if effects else "",
        "rule": _rule(effects[0], impact) if effects else None,
        "effects": [
            {**parts.effect_view(city, effect), "array": _array(city, effect), "quote": _quote(city, effect)}
            for effect in effects
        ],
        "measures": parts.measures(city),
        "groups": _groups(city),
        "units": in_words(parts.units(city)),
        "reach": _reach(city),
        "others": _others(city),
        "status": _status(city),
        "records": sources.records(city),
        "flags": _flags(city),
        "lessons": lessons(city),
        "steps": parts.steps(city),
        "papers": _papers(city),
    }


def _papers(city: City) -> list[tuple[str, str, str]]:
    """(link, words, language) of what is written for residents and for leaders."""
    pages = [(f"residents-{code}.html", language(code).residents["link"], code) for code in languages(city)]
    return [*pages, (f"../../briefs/{city.slug}.pdf", t.brief["link"], "en")]


def _lead(city: City) -> str:
    record = next(iter(city.records), None)
    kind = record["design"]["type"] if record else getattr(getattr(city.config, "design", None), "type", "")
    return t.designs.get(kind, "")


def _about(city: City) -> list[tuple[str, str]]:
    if not city.config:
        return []
    pilot = city.config.pilot
    found = [
        (t.about["population"], pilot.population),
        (t.about["activities"], pilot.theory_of_change.activities),
        (t.about["primary"], city.config.primary.label),
        (t.about["design"], _lead(city)),
    ]
    return [(label, text) for label, text in found if text]


def _rule(effect: Effect, record: dict) -> dict:
    """The inputs of the rule on a number line: printed numbers beside their letters."""
    decision = record["decision"] or {}
    value, low, high = effect.shown
    least, most = (low, high) if effect.better > 0 else (high, low)
    inputs = [("L", effect.said(least)), ("b", effect.said(value)), ("U", effect.said(most))]
    if effect.worthwhile:
        inputs.append(("m", effect.worthwhile))
    _, l, u = effect.benefit  # noqa: E741 - the letters of the rule
    m = (effect.row.get("mwe") or {}).get("value")
    guardrails = words.guardrails(record)
    return {
        "inputs": [(letter, t.rule_letters[letter], text) for letter, text in inputs],
        "line": charts.interval(effect.benefit[0], l, u, m, room=0.14),
        "text": t.rule_line.format(rule=decision.get("rule", ""), reason=_signs(decision["reason"]))
        if decision.get("reason")
        else "",
        "guardrails": t.guardrails.format(list=words.listed(guardrails)) if guardrails else "",
        "city": t.city_decision.format(decision=decision["city_decision"])
        if decision.get("city_decision")
        else t.no_city_decision,
    }


def _signs(reason: str) -> str:
    return reason.replace(">=", "≥").replace("<=", "≤")


def _array(city: City, effect: Effect) -> dict | None:
    return parts.array(city.outcome(effect.row["outcome_id"]), effect, t)


def _quote(city: City, effect: Effect) -> str:
    """The result in one line that can be copied: never without its interval, or its watermark."""
    value, low, high = (effect.signed(number) for number in effect.shown)
    said = t.quote.format(
        city=city.name, outcome=city.outcome(effect.row["outcome_id"]), value=f"{value} {effect.unit}".strip(),
        level=words.plain(round(100 * effect.row["level"], 1)), low=low, high=high,
        day=words.day(city.record("impact")["run"]["as_of"]),
    )  # fmt: skip
    return f"{said} {city.watermark}".strip()


def _groups(city: City) -> list[dict]:
    """Effects by group, one table for each way of grouping."""
    return [
        {"name": t.group_effects.format(dim=parts.dim_name(dim)), "rows": rows}
        for dim, rows in effect_groups(city).items()
    ]


def effect_groups(city: City) -> dict[str, list[dict]]:
    """{way of grouping: rows}, a row a group. Hidden groups keep their row."""
    if not city.steps["impact"].shown:
        return {}
    by_dim: dict[str, list] = {}
    for row in city.record("impact")["estimates"]:
        if row["role"] == "subgroup":
            by_dim.setdefault(row["group"]["dim"], []).append(_group_row(city, row))
    return by_dim


def _group_row(city: City, row: dict) -> dict:
    arms, _ = parts.count_by_arm(row)
    n = None if None in arms else sum(arms)
    name = parts.group_name(city, **row["group"])
    if not synthesis.is_complete(row):
        return {"name": name, "effect": None, "n": "", "why": row.get("null_reason") or t.hidden}
    effect = Effect(row)
    return {
        "name": name,
        "effect": effect,
        "source": sources.of_estimate(city, row),
        "said": effect.said(effect.shown[0]),
        "range": effect.said_range,
        "n": words.plain(n) if n is not None else "",
    }


def _reach(city: City) -> list[dict]:
    """The latest value of each measure by group: one table for each way of grouping, a row a measure."""
    tables: dict[str, dict[str, dict[str, dict]]] = {}
    for row in sorted(sources.indicators(city), key=lambda row: row["period"]):
        if row["group_dim"] != "all":
            by_measure = tables.setdefault(row["group_dim"], {})
            by_measure.setdefault(row["indicator_id"], {})[row["group_value"]] = row
    return [_reach_table(city, dim, by_measure) for dim, by_measure in tables.items()]


def _reach_table(city: City, dim: str, by_measure: dict[str, dict[str, dict]]) -> dict:
    groups = list(dict.fromkeys(group for rows in by_measure.values() for group in rows))
    shown = {name: rows for name, rows in by_measure.items() if any(row["value"] is not None for row in rows.values())}
    hidden = [words.lower_first(city.indicator(name)) for name in by_measure if name not in shown]
    return {
        "name": t.reach.format(dim=parts.dim_name(dim)),
        "groups": [parts.group_name(city, dim, group) for group in groups],
        "rows": [
            (city.indicator(name), _long_unit(rows), [_value(rows.get(group)) for group in groups])
            for name, rows in shown.items()
        ],
        "hidden": t.reach_hidden.format(measures="; ".join(hidden)) if hidden else "",
    }


def _long_unit(rows: dict[str, dict]) -> str:
    unit = next(iter(rows.values()))["unit"]
    return unit if words.is_long(unit) else ""


def _value(row: dict | None) -> tuple[str, str]:
    """(value, its address in the record); the address is "" where there is no number."""
    if row is None or row["value"] is None:
        return t.no_value if row is None else t.hidden, ""
    if words.is_long(row["unit"]):
        return words.plain(row["value"]), row["source"]
    return words.with_unit(row["value"], row["unit"]), row["source"]


def _others(city: City) -> list[dict]:
    if not city.steps["impact"].shown:
        return []
    rows = [row for row in city.record("impact")["estimates"] if row["role"] == "secondary"]
    found = []
    for row in rows:
        effect = Effect(row) if synthesis.is_complete(row) else None
        found.append(
            {
                "name": city.outcome(row["outcome_id"]),
                "said": effect.said(effect.shown[0]) if effect else t.hidden,
                "range": effect.said_range if effect else row.get("null_reason") or "",
                "verdict": t.verdicts[effect.reading] if effect else "",
                "source": sources.of_estimate(city, row),
            }
        )
    return found


def _status(city: City) -> list[tuple[str, str]]:
    if not city.records:
        return []
    record = city.record("impact") or city.records[-1]
    found = [
        (t.status["mode"], t.modes[record["data_mode"]]),
        (t.status["as_of"], words.day(record["run"]["as_of"])),
        (t.status["plan"], parts.plan(record)),
        (t.status["deviations"], parts.deviations(record)),
        (t.status["rating"], in_words(record["quality"].get("causal_rating") or "")),
        (t.status["tier"], str(record["quality"].get("tier") or "")),
        (t.status["robust"], _robust(record["robustness"])),
        (t.status["cost"], parts.cost(record["costs"])),
        (t.status["audit"], t.audited if city.audited else ""),
        (t.status["hidden"], str(sum(r["disclosure"]["cells_suppressed"] for r in city.records))),
    ]
    return [(label, text) for label, text in found if text]


def _robust(robustness: dict | None) -> str:
    share = (robustness or {}).get("same_decision_share")
    if share is None or not robustness.get("n_specs"):
        return ""
    return t.robust.format(n=robustness["n_specs"], share=words.plain(round(100 * share), 0))


def _flags(city: City) -> list[dict]:
    """Warnings of all three notebooks, worst first, each once."""
    order = list(t.severity)
    found = {(flag["code"], flag["message"]): flag for record in city.records for flag in record["flags"]}
    ranked = sorted(found.values(), key=lambda flag: (order.index(flag["severity"]), flag["code"], flag["message"]))
    return [
        {
            "tag": parts.Tag(t.severity[flag["severity"]][1], t.severity[flag["severity"]][0]),
            "message": flag["message"],
            "code": flag["code"],
        }
        for flag in ranked
    ]
