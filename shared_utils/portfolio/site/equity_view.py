"""Who is reached and for whom it worked, in every city: gaps the checks point at, and effects by group.

Nothing is averaged over cities: effects of one group from fewer than five pilots say little together.
"""

from shared_utils.portfolio.collect import City, Portfolio
from shared_utils.portfolio.site import parts
from shared_utils.portfolio.site.city_view import effect_groups
from shared_utils.portfolio.site.language import english as t


def equity_view(portfolio: Portfolio) -> dict:
    """Everything the template of the page on equity prints."""
    cities = portfolio.cities
    gaps = [_gaps(city) for city in cities]
    counts = [row["count"] for row in gaps if row["count"] is not None]
    with_gap = t.gaps_cities.format(n=sum(n > 0 for n in counts), total=len(counts)) if counts else ""
    return {"gaps": gaps, "with_gap": with_gap, "dims": _by_dim(cities)}


def _gaps(city: City) -> dict:
    record, count = city.record("monitoring"), parts.equity_gaps(city)
    compared = {row["indicator_id"] for row in record["indicators"] if row["group_dim"] != "all"} if record else ()
    return {
        "city": city.name,
        "slug": city.slug,
        "compared": len(compared),
        "count": count,
        "word": parts.equity(city),
        "messages": [flag["message"] for flag in parts.equity_flags(city)],
    }


def _by_dim(cities) -> list[dict]:
    """One table a way of grouping people: the effect in each group of each city that looked."""
    found: dict[str, list] = {}
    for city in cities:
        for dim, rows in effect_groups(city).items():
            found.setdefault(dim, []).append({"city": city.name, "slug": city.slug, "rows": rows})
    return [{"name": t.group_effects.format(dim=parts.dim_name(dim)), "cities": rows} for dim, rows in found.items()]
