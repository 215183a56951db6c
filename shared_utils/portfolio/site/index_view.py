"""What the first page says about all cities. Counts and words only: no average and no ranking of effects."""

import math

from shared_utils.portfolio.collect import City, Portfolio
from shared_utils.portfolio.site import charts, parts, words
from shared_utils.portfolio.site.language import english as t

# How often each design says "expand" when its program does nothing: P(SCALE given zero effect) of
# docs/operating-characteristics.md; for several arms, of one comparison on average. Synthetic control, interrupted time
# series and time to event were not simulated: 0.025 is what a 95% interval that keeps its level allows, because half of
# the 5% that miss zero lie on the good side.
CHANCE_OF_EXPAND = {
    "rct_individual": 0.039,
    "rct_cluster": 0.030,
    "did_staggered": 0.026,
    "iv_encouragement": 0.030,
    "rct_blocked_lottery": 0.017,
    "panel_did": 0.026,
    "observational_aipw": 0.025,
    "rd": 0.040,
    "rct_multiarm": 0.011,
    "synthetic_control": 0.025,
    "interrupted_time_series": 0.025,
    "time_to_event": 0.025,
    "descriptive": 0.0,
}


def index_view(portfolio: Portfolio) -> dict:
    """Everything the template of the first page prints."""
    cities = portfolio.cities
    expanding = [
        city
        for city in cities
        if parts.tag(city).word in (t.decisions["SCALE firm"][0], t.decisions["SCALE staged"][0])
    ]
    measured = [city for city in cities if parts.primaries(city)]
    contrasts, chance = chance_of_any(cities)
    dates = [step.as_of for city in cities for step in city.steps.values() if step.as_of]
    many = words.number_word(len(cities)).capitalize()
    return {
        "kick": t.kick.format(newest=f"{max(dates):%B %Y}") if dates else t.kick_empty,
        "headline": t.headline.format(cities=f"{many} {'city' if len(cities) == 1 else 'cities'}"),
        "lead": t.lead_one if len(cities) == 1 else t.lead,
        "expanding": len(expanding),
        "hero_unit": t.hero_unit.format(
            measured=f"{len(measured)} {'city' if len(measured) == 1 else 'cities'}"
        ),
        "measured": len(measured),
        "tiles": [{"name": city.name, "slug": city.slug, "tag": parts.tag(city)} for city in cities],
        "chance": t.hero_chance.format(contrasts=words.number_word(contrasts), chance=chance)
        if contrasts
        else "",
        "facts": _facts(cities, measured),
        "cards": [_card(city) for city in cities],
        "blocks": [
            {"name": city.name, "slug": city.slug, "rows": rows}
            for city in cities
            if (rows := parts.measures(city))
        ],
        "effects": _effects(cities),
        "how_to_read": [
            (title, text.format(chance=_chance_text(contrasts, chance))) for title, text in t.how_to_read
        ],
        "level_note": _level_note(cities),
        "lessons": [lesson for city in cities for lesson in lessons(city)[:1]],
    }


def chance_of_any(cities) -> tuple[int, int]:
    """(main comparisons shown, times in 100 that at least one says "expand" if no program works), to 5."""
    rates = [
        CHANCE_OF_EXPAND[city.record("impact")["design"]["type"]]
        for city in cities
        for _ in parts.primaries(city)
    ]
    any_of_them = 1 - math.prod(1 - rate for rate in rates)
    return len(rates), max(
        5 * round(100 * any_of_them / 5), round(100 * any_of_them) if any_of_them < 0.05 else 0
    )


def lessons(city: City) -> list[dict]:
    """The city's lessons; what staff saw is told apart from what a number backs."""
    found = {}
    for record in city.records:
        for lesson in record["lessons"]:
            found.setdefault(lesson.get("id"), lesson)
    return [
        {
            "city": city.name,
            "slug": city.slug,
            "type": t.lesson_types.get(lesson.get("type"), ""),
            "statement": lesson.get("statement", ""),
            "staff": (evidence := str(lesson.get("evidence") or "staff observation")) == "staff observation",
            "evidence": t.staff if evidence == "staff observation" else t.numbered.format(evidence=evidence),
            "confidence": t.confidences.get(lesson.get("confidence"), ""),
        }
        for lesson in found.values()
    ]


def _facts(cities, measured) -> list[tuple[str, str]]:
    steps = [step for city in cities for step in city.steps.values()]
    done = sum(step.state in ("done", "late") for step in steps)
    locked = sum(
        any(record["plan"]["status"] in ("prospective", "before_unblinding") for record in city.records)
        for city in cities
    )
    reached = [
        row["reached"] for city in cities for row in parts.measures(city) if row["reached"] is not None
    ]
    return [
        (str(len(measured)), t.facts["results"].format(total=len(cities))),
        (str(done), t.facts["analyses"].format(total=len(steps))),
        (str(locked), t.facts["plans"].format(total=len(cities))),
        (str(sum(reached)), t.facts["targets"].format(total=len(reached))),
    ]


def _card(city: City) -> dict:
    effects = [parts.effect_view(city, effect) for effect in parts.primaries(city)]
    record = next(iter(city.records), None)
    late = city.steps["monitoring"]
    return {
        "name": city.name,
        "slug": city.slug,
        "title": city.title,
        "tag": parts.tag(city),
        "effect": effects[0] if effects else None,
        "also": effects[1:],
        "why": t.nothing if not city.records else parts.no_result(city) if not effects else "",
        "design": t.designs.get(record["design"]["type"], "") if record else "",
        "steps": parts.steps(city),
        "late": t.late.format(date=words.day(late.as_of)) if late.state == "late" else "",
        "watermark": city.watermark,
    }


def _effects(cities) -> dict:
    """The forest of main results by domain. A city without one keeps its row and says why."""
    shown = [(city, effect) for city in cities for effect in parts.primaries(city) if _standard(effect)]
    forest = charts.forest([_standard(effect) for _, effect in shown])
    places = {id(effect.row): place for (_, effect), place in zip(shown, forest["places"], strict=True)}
    groups = []
    for domain in t.domains:
        rows = [row for city in cities if city.domain == domain for row in _effect_rows(city, places)]
        if rows:
            groups.append({"name": t.domains[domain], "rows": rows})
    ticks = [(words.plain(value) if value else "0", at) for value, at in forest["ticks"]]
    return {**forest, "ticks": ticks, "groups": groups}


def _effect_rows(city: City, places: dict) -> list[dict]:
    rows = []
    for effect in parts.primaries(city):
        view = parts.effect_view(city, effect)
        d = (effect.row.get("standardized") or {}).get("d")
        several = len(parts.primaries(city)) > 1
        rows.append(
            {
                "city": city.name,
                "slug": city.slug,
                "effect": view,
                "place": places.get(id(effect.row)),
                "d": None if d is None else words.plain(d),
                "what": view["outcome"],
                "arm": view["treated"] if several else "",
            }
        )
    return rows or [{"city": city.name, "slug": city.slug, "effect": None, "why": parts.tag(city).word}]


def _standard(effect) -> dict | None:
    """The standardised effect for drawing; its line spans as many standard errors as the printed interval."""
    d, row = effect.row.get("standardized") or {}, effect.row
    if d.get("d") is None or d.get("se") is None or not row["se"]:
        return None
    half = d["se"] * (row["benefit"]["u"] - row["benefit"]["l"]) / (2 * row["se"])
    return {"b": d["d"], "low": d["d"] - half, "high": d["d"] + half}


def _chance_text(contrasts: int, chance: int) -> str:
    if not contrasts:
        return t.chance_none
    return t.chance.format(contrasts=words.number_word(contrasts), chance=chance)


def _level_note(cities) -> str:
    effects = [(city, effect) for city in cities for effect in parts.primaries(city)]
    levels = sorted({f"{words.plain(round(100 * effect.row['level'], 1))}%" for _, effect in effects})
    several = any(len(parts.primaries(city)) > 1 for city in cities)
    if not levels:
        return ""
    return t.level_note.format(levels=words.listed(levels)) + (t.level_several if several else "")
