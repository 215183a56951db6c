"""What the pilots cost and who paid. Amounts of different quality never stand in one total, in-kind never with cash."""

from shared_utils.portfolio.collect import City, Portfolio
from shared_utils.portfolio.site import parts, sources, words
from shared_utils.portfolio.site.language import english as t

KINDS = ("one_time", "recurring", "in_kind")


def costs_view(portfolio: Portfolio) -> dict:
    """Everything the template of the page on cost prints."""
    return {
        "rows": [_row(city) for city in portfolio.cities],
        "totals": _totals(portfolio.cities),
        "funds": [found for city in portfolio.cities if (found := _funds(city))["rows"]],
    }


def _row(city: City) -> dict:
    costs = _costs(city)
    common = {"city": city.name, "slug": city.slug}
    if not costs:
        return {**common, "none": t.no_costs}
    return {
        **common,
        "none": "",
        "source": _source(city),
        "total": words.with_unit(costs["total_usd"], "USD"),
        "each": words.with_unit(each, "USD") if (each := costs.get("per_participant_usd")) else t.no_value,
        "elapsed": _share(costs.get("pilot_elapsed_share")),
        **_per_result(city, costs),
        "evaluation": _share(costs.get("evaluation_share")),
        "quality": t.cost_quality[costs["quality"]],
        "placeholder": costs["quality"] == "placeholder",
    }


def _share(share: float | None) -> str:
    return t.no_value if share is None else words.with_unit(round(100 * share), "%")


def _funds(city: City) -> dict:
    """Who paid how much: a row a source, its amounts in the order of KINDS."""
    costs = _costs(city) or {}
    paid: dict[str, dict[str, str]] = {}
    for row in costs.get("funds", ()):
        paid.setdefault(row["fund_source"], {})[row["kind"]] = words.with_unit(row["amount_usd"], "USD")
    rows = [
        (t.fund_sources[name], [paid[name].get(kind, "") for kind in KINDS]) for name in t.fund_sources if name in paid
    ]
    return {
        "city": city.name,
        "slug": city.slug,
        "rows": rows,
        "source": _source(city),
        "placeholder": costs.get("quality") == "placeholder",
    }


def _costs(city: City) -> dict | None:
    record = city.record(_notebook(city))
    costs = record["costs"] if record else None
    return costs if costs and costs.get("total_usd") is not None else None


def _source(city: City) -> str:
    return sources.place(city, _notebook(city), "costs")


def _notebook(city: City) -> str:
    """The notebook whose record says what the pilot cost."""
    return "impact" if city.record("impact") else "monitoring"


def _per_result(city: City, costs: dict) -> dict[str, str]:
    """Cost of one more good result, with its interval or the chance that it lies below the plan's ceiling."""
    icer, interval, chance = (costs.get(name) for name in ("icer", "icer_ci", "prob_below_ceiling"))
    if icer is None or not parts.primaries(city):
        return {"result": "", "ranged": ""}
    said = []
    if interval and None not in interval:
        low, high = (words.with_unit(end, "USD") for end in interval)
        said.append(t.icer_range.format(low=low, high=high))
    if chance is not None:
        said.append(t.icer_chance.format(chance=words.plain(round(100 * chance), 0)))
    return {"result": words.with_unit(icer, "USD"), "ranged": "; ".join(said)}


def _totals(cities) -> list[tuple[str, str, int]]:
    """Total by quality of the amounts and by whose data: (both in words, total, number of cities)."""
    by_kind: dict[tuple[str, str], list[float]] = {}
    for city in cities:
        if costs := _costs(city):
            by_kind.setdefault((costs["quality"], city.records[0]["data_mode"]), []).append(costs["total_usd"])
    return [
        (f"{t.cost_quality[quality]} ({t.modes[mode]})", words.with_unit(sum(totals), "USD"), len(totals))
        for (quality, mode), totals in sorted(by_kind.items())
    ]
