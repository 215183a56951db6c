"""What the first page says about all cities. Counts and words only: no average and no ranking of effects."""

from collections import Counter
from itertools import groupby

from shared_utils.portfolio import synthesis
from shared_utils.portfolio.collect import City, Portfolio
from shared_utils.portfolio.site import parts, words
from shared_utils.portfolio.site.language import english as t


def index_view(portfolio: Portfolio) -> dict:
    """Everything the template of the first page prints."""
    cities = portfolio.cities
    expanding = [
        city
        for city in cities
        if parts.tag(city).word in (t.decisions["SCALE firm"][0], t.decisions["SCALE staged"][0])
    ]
    measured = [city for city in cities if parts.primaries(city)]
    contrasts, _, any_of_them = synthesis.expected_by_chance(cities)
    dates = [step.as_of for city in cities for step in city.steps.values() if step.as_of]
    many = words.number_word(len(cities)).capitalize()
    return {
        "kick": t.kick.format(newest=f"{max(dates):%B %Y}") if dates else t.kick_empty,
        "headline": t.headline.format(cities=words.cities(len(cities), many)),
        "lead": t.lead_one if len(cities) == 1 else t.lead,
        "expanding": len(expanding),
        "hero_unit": t.hero_unit.format(measured=words.cities(len(measured), str(len(measured)))),
        "measured": len(measured),
        "tiles": _tiles(cities),
        "tally": _tally(cities),
        "letters": _letters(cities),
        "chance": t.hero_chance.format(contrasts=words.number_word(contrasts), chance=parts.times_in_100(any_of_them))
        if contrasts
        else "",
        "facts": _facts(cities, measured),
        "cards": [_card(city) for city in cities],
    }


def _tiles(cities) -> list[dict]:
    return [{"name": city.name, "state": city.state, "slug": city.slug, "tag": parts.tag(city)} for city in cities]


def _tally(cities) -> list[tuple[parts.Tag, int]]:
    """How many cities have each tag, for a portfolio too large to list them; most first."""
    return Counter(parts.tag(city) for city in cities).most_common() if len(cities) > parts.MANY_CITIES else []


def _letters(cities) -> list[tuple[str, list[dict]]]:
    """The cities by first letter, where there are too many to find one at a glance."""
    if len(cities) <= parts.MANY_CITIES:
        return []
    return [(letter, list(tiles)) for letter, tiles in groupby(_tiles(cities), lambda tile: tile["name"][:1].upper())]


def _facts(cities, measured) -> list[tuple[str, str]]:
    steps = [step for city in cities for step in city.steps.values()]
    done = sum(step.shown for step in steps)
    locked = sum(
        any(record["plan"]["status"] in ("prospective", "before_unblinding") for record in city.records)
        for city in cities
    )
    reached = [row["reached"] for city in cities for row in parts.measures(city) if row["reached"] is not None]
    return [
        (str(len(measured)), t.facts["results"].format(total=len(cities))),
        (str(done), t.facts["analyses"].format(total=len(steps))),
        (str(locked), t.facts["plans"].format(total=len(cities))),
        (str(sum(reached)), t.facts["targets"].format(total=len(reached))),
    ]


def _strength(city: City) -> str:
    rating = t.ratings.get(city.record("impact")["quality"].get("causal_rating"))
    return t.strength.format(rating=rating.lower()) if rating else ""


def _card(city: City) -> dict:
    effects = [parts.effect_view(city, effect) for effect in parts.primaries(city)]
    record = next(iter(city.records), None)
    late = city.steps["monitoring"]
    return {
        "name": city.name,
        "state": city.state,
        "slug": city.slug,
        "title": city.title,
        "tag": parts.tag(city),
        "effect": effects[0] if effects else None,
        "also": effects[1:],
        "why": t.nothing if not city.records else parts.no_result(city) if not effects else "",
        "design": t.designs.get(record["design"]["type"], "") if record else "",
        "strength": _strength(city) if effects else "",
        "mode": t.modes[record["data_mode"]] if record else "",
        "steps": parts.steps(city),
        "late": t.late.format(date=words.day(late.as_of)) if late.state == "late" else "",
        "stale": [
            t.stale.format(notebook=t.notebooks[step.notebook], moved=words.listed(list(step.moved)))
            for step in city.steps.values()
            if step.state == "stale"
        ],
        "watermark": city.watermark,
    }
