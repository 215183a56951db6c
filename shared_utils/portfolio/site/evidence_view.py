"""What works: a row a city with its main result, the strength of its design, finding and tier (protocol 7.3)."""

from shared_utils.portfolio.collect import City, Portfolio, in_words
from shared_utils.portfolio.site import parts, words
from shared_utils.portfolio.site.language import english as t


def evidence_view(portfolio: Portfolio) -> dict:
    """Everything the template of the evidence table prints: by domain, then tier, then name."""
    rows = [row for city in portfolio.cities for row in _rows(city)]
    groups = [{"name": name, "rows": [r for r in rows if r["domain"] == domain]} for domain, name in t.domains.items()]
    for group in groups:
        group["rows"].sort(key=lambda row: (list(t.tiers).index(row["tier"]), row["city"]))
    return {"groups": [group for group in groups if group["rows"]], "tiers": t.tiers.items()}


def _rows(city: City) -> list[dict]:
    common = {"city": city.name, "slug": city.slug, "domain": city.domain, "title": city.title}
    effects = parts.primaries(city)
    if not effects:
        return [{**common, "tier": "N", "why": parts.no_result(city) if city.records else t.nothing, "effect": None}]
    # The record judges the contrast that stands for the city; other programs it tested have no tier of their own.
    return [{**common, **_judged(city, effects[0])}]


def _judged(city: City, effect) -> dict:
    record = city.record("impact")
    quality, decision = record["quality"], record["decision"] or {}
    view = parts.effect_view(city, effect)
    stale = city.steps["impact"].state == "stale"
    tier = "N" if stale else quality.get("tier") or "N"
    return {
        "effect": view,
        "d": parts.standard_text(effect.row),
        "rating": t.ratings.get(quality.get("causal_rating"), ""),
        "finding": in_words(quality.get("finding") or ""),
        "tier": tier,
        "tier_word": t.tiers[tier][0],
        "decision": parts.tag(city),
        "more": [(label, text) for label, text in _more(city, view, record, decision, stale) if text],
        "report": f"cities/{city.slug}/impact.html" if city.steps["impact"].page else "",
        "why": "",
    }


def _more(city: City, view: dict, record: dict, decision: dict, stale: bool) -> list[tuple[str, str]]:
    pilot = city.config.pilot if city.config else None
    return [
        (t.about["population"], pilot.population if pilot else ""),
        (t.about["activities"], pilot.theory_of_change.activities if pilot else ""),
        (t.evidence["compared"], view["compared"]),
        (t.evidence["cost"], parts.cost(record["costs"])),
        (t.evidence["equity"], parts.equity(city)),
        (t.evidence["caveat"], _caveat(record)),
        (t.evidence["stale"], ", ".join(city.steps["impact"].moved) if stale else ""),
        (t.evidence["city"], decision.get("city_decision") or t.no_city_decision),
    ]


def _caveat(record: dict) -> str:
    """The gravest warning that touches the main result or is serious, else the safeguard that moved the rule."""
    order = list(t.severity)
    grave = [f for f in record["flags"] if f["affects_primary"] or f["severity"] in ("block", "serious")]
    if grave:
        return min(grave, key=lambda flag: (order.index(flag["severity"]), flag["code"]))["message"]
    names = words.guardrails(record)
    return t.guardrails.format(list=words.listed(names)) if names else t.no_caveat
