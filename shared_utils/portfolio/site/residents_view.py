"""One page for a city's residents, in each language the city has words for. No cause is claimed."""

from shared_utils.portfolio.collect import City
from shared_utils.portfolio.site import parts, sources
from shared_utils.portfolio.site.words import Effect, decision_key


def residents_view(city: City, t) -> dict:
    """What the page and the brief print in the language `t`: a title, and parts with paragraphs.

    A part may have an `array`: the effect as 100 squares.
    """
    own, said = _own_words(city, t), t.residents
    effects = parts.primaries(city)
    return {
        "title": said["title"].format(city=city.name),
        "subtitle": own["title"],
        "source": sources.of_estimate(city, effects[0].row) if effects else "",
        "parts": [
            _part(said["tried"], [f"{own['activities']}.", said["for_whom"].format(population=own["population"])]),
            *(_result(city, effects[0], own, t) if effects else [_part(said["found"], [_why_none(city, t)])]),
            _part(said["next"], _next(city, t)),
            _part(said["privacy"], [said["privacy_text"]]),
        ],
    }


def _own_words(city: City, t) -> dict[str, str]:
    """What only the city can say, in the language of the page."""
    pilot, primary = city.config.pilot, city.config.primary
    if t.code == "es":
        return city.config.reporting.spanish.model_dump()
    return {"title": pilot.title, "population": pilot.population, "activities": pilot.theory_of_change.activities,
            "primary": primary.label, "unit": ""}  # fmt: skip


def _part(title: str, text: list[str], squares: dict | None = None) -> dict:
    return {"title": title, "text": text, "array": squares}


def _result(city: City, effect: Effect, own: dict, t) -> list[dict]:
    said, unit = t.residents, own["unit"] or t.residents["units"].get(effect.scale) or effect.unit
    _, low, high = effect.shown
    ends = {"low": _end(effect, low, unit, said), "high": _end(effect, high, unit, said)}
    kind = city.record("impact")["design"]["type"]
    return [
        _part(said["found"], [_found(effect, own["primary"], unit, said)], parts.array(own["primary"], effect, t)),
        _part(said["sure"], [said["readings"][effect.reading].format(**ends)]),
        _part(said["how"], [t.designs[kind]]),
    ]


def _found(effect: Effect, primary: str, unit: str, said: dict) -> str:
    if effect.in_100:
        return said["in_100"].format(primary=primary, p1=effect.in_100[0], p0=effect.in_100[1])
    value = effect.shown[0]
    if not value:
        return said["same"].format(primary=primary)
    return said["effect"].format(primary=primary, end=_end(effect, value, unit, said))


def _end(effect: Effect, value: float, unit: str, said: dict) -> str:
    """ "1.1 points higher"."""
    if not value:
        return said["none"]
    return f"{f'{effect.number(value)} {unit}'.strip()} {said['higher'] if value > 0 else said['lower']}"


def _why_none(city: City, t) -> str:
    if not city.records:
        return t.nothing
    lock = city.config.pilot.data_lock
    return t.no_result[parts.impact_state(city)].format(lock=lock.isoformat() if lock else "", reason="").strip(": ")


def _next(city: City, t) -> list[str]:
    record = city.record("impact") if parts.primaries(city) else None
    decision = (record or {}).get("decision") or {}
    if not decision.get("recommendation"):
        return [t.residents["no_rule"]]
    own = decision.get("city_decision")
    return [
        t.residents["rule"][decision_key(decision)],
        t.residents["city_decision"].format(decision=own) if own else t.no_city_decision,
    ]
