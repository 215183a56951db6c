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
        "cells": [_cell(city, *shown) for shown in _shown(city, costs)],
        "quality": t.cost_quality[costs["quality"]],
    }


def _shown(city: City, costs: dict) -> list[tuple[str, str, bool]]:
    """(key of the record, text or "", whether it rests on the amounts), in the order of the columns."""
    usd = {name: _usd(costs.get(name)) for name in ("budget_usd", "total_usd", "forecast_usd", "per_participant_usd")}
    served = costs.get("served")
    return [
        ("budget_usd", usd["budget_usd"], False),
        ("total_usd", usd["total_usd"], True),
        ("pilot_elapsed_share", _share(costs.get("pilot_elapsed_share")), False),
        ("forecast_usd", usd["forecast_usd"], True),
        ("served", words.plain(served) if served else "", False),
        ("per_participant_usd", usd["per_participant_usd"], True),
        ("icer", _per_result(city, costs), True),
        ("evaluation_share", _share(costs.get("evaluation_share")), True),
    ]


def _cell(city: City, key: str, text: str, of_amounts: bool) -> dict:
    """A number with its address in the record, marked where the amounts behind it are placeholders."""
    if not text:
        return {"text": t.not_stated if key in ("icer", "budget_usd") else t.no_value, "small": "", "source": ""}
    star = "*" if of_amounts and _costs(city)["quality"] == "placeholder" else ""
    small = _ranged(_costs(city)) if key == "icer" else ""
    source = _source(city) if small else sources.place(city, _notebook(city), "costs", key)
    return {"text": f"{text}{star}", "small": small, "source": source}


def _usd(amount: float | None) -> str:
    return words.with_unit(amount, "USD") if amount else ""


def _share(share: float | None) -> str:
    return "" if share is None else words.with_unit(round(100 * share), "%")


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


def _per_result(city: City, costs: dict) -> str:
    """Cost of one more good result, where the effect it rests on may be shown."""
    icer = costs.get("icer")
    return "" if icer is None or not parts.primaries(city) else words.with_unit(icer, "USD")


def _ranged(costs: dict) -> str:
    """Its interval, and the chance that it lies below the plan's ceiling."""
    interval, chance, said = costs.get("icer_ci"), costs.get("prob_below_ceiling"), []
    if interval and None not in interval:
        low, high = (words.with_unit(end, "USD") for end in interval)
        said.append(t.icer_range.format(low=low, high=high))
    if chance is not None:
        said.append(t.icer_chance.format(chance=words.plain(round(100 * chance), 0)))
    return "; ".join(said)


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
