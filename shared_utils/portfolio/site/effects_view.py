"""Main results side by side on one scale, by domain, and what may be said of several together (protocol 7.2.1)."""

from shared_utils.portfolio import synthesis
from shared_utils.portfolio.collect import City, Portfolio
from shared_utils.portfolio.site import charts, parts, sources, words
from shared_utils.portfolio.site.language import english as t


def effects_view(portfolio: Portfolio) -> dict:
    """Everything the template of the page on effects prints."""
    cities = portfolio.cities
    pools = synthesis.pools(cities)
    shown = [(effect, line) for c in cities for effect in parts.primaries(c) if (line := _standard(effect))]
    drawn = [pool for pool in pools if pool.answer.result]
    bands = [line for pool in drawn for line in _bands(pool)]
    forest = charts.forest([line for _, line in shown] + bands)
    places = dict(zip([id(effect.row) for effect, _ in shown], forest["places"], strict=False))
    band_places = iter(forest["places"][len(shown) :])
    drawings = {id(pool): [next(band_places) for _ in _bands(pool)] for pool in drawn}
    return {
        "effects": {
            "zero": forest["zero"],
            "cells": forest["cells"],
            "ticks": [(words.plain(value) if value else "0", at) for value, at in forest["ticks"]],
            "groups": [_domain(domain, cities, places, pools, drawings) for domain in _domains(cities)],
        },
        "how_to_read": [(title, text.format(chance=parts.chance(cities))) for title, text in t.how_to_read],
        "level_note": _level_note(cities),
    }


def _domains(cities) -> list[str]:
    there = {city.domain for city in cities}
    return [domain for domain in t.domains if domain in there]


def _domain(domain: str, cities, places: dict, pools: list, drawings: dict) -> dict:
    return {
        "name": t.domains[domain],
        "rows": [row for city in cities if city.domain == domain for row in _rows(city, places)],
        "pools": [
            _pool_view(pool, drawings.get(id(pool), ()))
            for pool in pools
            if pool.domain == domain and len(pool.members) + len(pool.aside) > 1  # one result is its own row
        ],
    }


def _rows(city: City, places: dict) -> list[dict]:
    primaries = parts.primaries(city)
    rows = [
        {
            "city": city.name,
            "slug": city.slug,
            "effect": (view := parts.effect_view(city, effect)),
            "place": places.get(id(effect.row)),
            "d": parts.standard_text(effect.row),
            "d_source": sources.of_estimate(city, effect.row, "standardized", "d"),
            "what": view["outcome"],
            "arm": view["treated"] if len(primaries) > 1 else "",
        }
        for effect in primaries
    ]
    return rows or [{"city": city.name, "slug": city.slug, "effect": None, "why": parts.tag(city).word}]


def _standard(effect) -> dict | None:
    """The standardised effect for drawing; its line spans as many standard errors as the printed interval."""
    d, row = effect.row.get("standardized") or {}, effect.row
    if d.get("d") is None or d.get("se") is None or not row["se"]:
        return None
    half = d["se"] * (row["benefit"]["u"] - row["benefit"]["l"]) / (2 * row["se"])
    return {"b": d["d"], "low": d["d"] - half, "high": d["d"] + half}


def _bands(pool) -> list[dict]:
    """What is drawn of a pooled result: its interval, and from five pilots on where another one would lie."""
    found = pool.answer.result
    bands = [{"b": found.mu, "low": found.low, "high": found.high}]
    if pool.answer.prediction == "drawn":
        bands.append({"b": found.mu, "low": found.prediction_low, "high": found.prediction_high})
    return bands


def _pool_view(pool, drawing) -> dict:
    answer, kind = pool.answer, t.estimands[pool.estimand_class]
    view = {
        "name": t.pool_name.format(n=words.number_word(answer.k), kind=kind),
        "place": drawing[0] if drawing else None,
        "prediction": drawing[1] if len(drawing) > 1 else None,
        "notes": [*_entered_as_offer(pool), *(t.aside[why].format(city=city.name) for city, why in pool.aside)],
    }
    if not answer.result:
        return view | {"said": t.not_pooled.format(kind=kind, reasons="; ".join(answer.reasons)), "d": ""}
    found = answer.result
    between = {"low": _sd(found.prediction_low), "high": _sd(found.prediction_high)}
    said = (t.another_wide if answer.too_wide else t.another).format(**between)
    spread = t.spread.format(tau=_sd(found.tau2**0.5), i2=words.plain(round(100 * found.i2), 0))
    view["notes"] += [said, spread, *_without(answer)]
    return view | {"said": t.pooled.format(low=_sd(found.low), high=_sd(found.high)), "d": _sd(found.mu)}


def _entered_as_offer(pool) -> list[str]:
    """A city whose main result is not the one that enters."""
    return [
        t.entered_as_offer.format(city=member.city.name, d=parts.standard_text(member.row))
        for member in pool.members
        if member.row["role"] != "primary"
    ]


def _without(answer) -> list[str]:
    if answer.without is None:
        return []
    by_mu = answer.without.sort_values("mu")
    low, high = by_mu.iloc[0], by_mu.iloc[-1]
    ends = {"low": _sd(low["mu"]), "first": low["without"], "high": _sd(high["mu"]), "last": high["without"]}
    return [t.without_one.format(**ends)]


def _sd(value: float) -> str:
    return words.plain(round(value, 2) + 0.0, 2)


def _level_note(cities) -> str:
    rows = [row for city in cities for row in synthesis.main_rows(city)]
    levels = sorted({f"{words.plain(round(100 * row['level'], 1))}%" for row in rows})
    several = any(len(synthesis.main_rows(city)) > 1 for city in cities)
    if not levels:
        return ""
    return t.level_note.format(levels=words.listed(levels)) + (t.level_several if several else "")
