"""What the pilots cost and who paid. Amounts of different quality never stand in one total, in-kind never with cash."""

from shared_utils.portfolio.collect import City, Portfolio
from shared_utils.portfolio.site import parts, words
from shared_utils.portfolio.site.language import english as t


def costs_view(portfolio: Portfolio) -> dict:
    """Everything the template of the page on cost prints."""
    rows = [_row(city) for city in portfolio.cities]
    return {"rows": rows, "totals": _totals(portfolio.cities)}


def _row(city: City) -> dict:
    costs = _costs(city)
    common = {"city": city.name, "slug": city.slug}
    if not costs:
        return {**common, "none": t.no_costs}
    return {
        **common,
        "none": "",
        "total": words.with_unit(costs["total_usd"], "USD"),
        "each": words.with_unit(each, "USD") if (each := costs.get("per_participant_usd")) else t.no_value,
        "result": _per_result(city, costs),
        "quality": t.cost_quality[costs["quality"]],
        "placeholder": costs["quality"] == "placeholder",
    }


def _costs(city: City) -> dict | None:
    record = city.record("impact") or city.record("monitoring")
    costs = record["costs"] if record else None
    return costs if costs and costs.get("total_usd") is not None else None


def _per_result(city: City, costs: dict) -> str:
    """Cost of one more good outcome with its interval, or the chance that it lies below the plan's ceiling."""
    icer, interval = costs.get("icer"), costs.get("icer_ci")
    if icer is None or not parts.primaries(city):
        return t.no_icer
    said = t.icer.format(icer=words.with_unit(icer, "USD"))
    if interval and None not in interval:
        low, high = (words.with_unit(end, "USD") for end in interval)
        said += t.icer_range.format(low=low, high=high)
    if costs.get("prob_below_ceiling") is not None:
        said += t.icer_chance.format(chance=words.plain(round(100 * costs["prob_below_ceiling"]), 0))
    return said


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
