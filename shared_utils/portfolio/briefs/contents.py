"""What the briefs print: chosen from what the pages say, nothing worked out anew."""

from shared_utils.portfolio.collect import City, Portfolio
from shared_utils.portfolio.site import parts
from shared_utils.portfolio.site.city_view import city_view
from shared_utils.portfolio.site.effects_view import effects_view
from shared_utils.portfolio.site.evidence_view import evidence_view
from shared_utils.portfolio.site.index_view import index_view
from shared_utils.portfolio.site.language import english as t
from shared_utils.portfolio.site.language import language, languages
from shared_utils.portfolio.site.lessons_view import lessons
from shared_utils.portfolio.site.parts import footer, watermark
from shared_utils.portfolio.site.residents_view import residents_view

MOST_MEASURES, MOST_FLAGS, MOST_LESSONS = 8, 4, 3  # what two pages hold


def leaders(city: City, portfolio: Portfolio) -> dict:
    """Two pages on one city for its leaders."""
    view = city_view(city)
    return {
        **_sheet(t.brief["title"].format(city=city.name), city.watermark, portfolio),
        "city": f"{city.name}, {city.state}" if city.state else city.name,
        "subtitle": city.title,
        "question": t.question,
        "decision": view["tag"].word,
        "verdict": view["verdict"] or view["why"],
        "effect": _effect(view["effects"][0]) if view["effects"] else None,
        "about": view["about"],
        "rule": [(f"{letter}: {meaning}", text) for letter, meaning, text in view["rule"]["inputs"]]
        if view["rule"] else [],
        "measures": [_measure(row) for row in view["measures"][:MOST_MEASURES]],
        "status": [*view["status"], (t.evidence["equity"], parts.equity(city))],
        "flags": [f"{flag['tag'].word}: {flag['message']}" for flag in view["flags"][:MOST_FLAGS]],
        "lessons": [lesson["statement"] for lesson in view["lessons"][:MOST_LESSONS]],
        "words": {**t.brief, "measure_columns": [t.measure_columns[0], t.measure_columns[1], t.brief["target"],
                                                 *t.measure_columns[2:]]},
    }  # fmt: skip


def residents(city: City, portfolio: Portfolio) -> dict[str, dict]:
    """{language: one page on one city for its residents}, in every language the city has words for."""
    made = {}
    for code in languages(city):
        said = language(code)
        view = residents_view(city, said)
        for part in view["parts"]:
            part["array"] = _array(part["array"], said)
        mark = said.watermark.format(city=city.name.upper()) if city.watermark else ""
        sheet = _sheet(view["title"], mark, portfolio)
        made[code] = {**sheet, **view, "lang": code}
    return made


def portfolio(portfolio: Portfolio) -> dict:
    """Two pages on all cities."""
    index, effects = index_view(portfolio), effects_view(portfolio)
    pools = [pool for group in effects["effects"]["groups"] for pool in group["pools"]]
    return {
        **_sheet(index["headline"], watermark(portfolio.cities), portfolio),
        "lead": index["lead"],
        "question": t.hero_title,
        "expanding": f"{index['expanding']} {index['hero_unit']}" if index["measured"] else t.hero_none,
        "chance": index["chance"],
        "cities": [_city_row(card) for card in index["cards"]],
        "pooled": [_pooled(pool) for pool in pools],
        "level_note": effects["level_note"],
        "evidence": [_judged(row) for group in evidence_view(portfolio)["groups"] for row in group["rows"]],
        "own_labels": t.own_labels,
        "lessons": [f"{m['city']}: {m['statement']}" for c in portfolio.cities for m in lessons(c)[:1]][:MOST_FLAGS],
        "how": t.how,
        "words": t.brief,
    }


def _sheet(title: str, mark: str, portfolio: Portfolio) -> dict:
    """What every brief needs: its title, language, watermark, and where its numbers come from."""
    source = footer(portfolio)
    return {"title": title, "brand": portfolio.title, "lang": "en", "watermark": mark, "footer": portfolio.title,
            "source": source}  # fmt: skip


def _effect(view: dict) -> dict:
    return {
        "outcome": view["outcome"],
        "value": view["value"]["text"],
        "unit": view["unit"],
        "verdict": view["verdict"],
        "range": view["range"],
        "alt": view["alt"],
        "line": {name: view["line"][name] for name in ("zero", "m", "left", "width", "x")},
        "array": _array(view["array"], t),
        "note": " ".join(text for text in (view["compared"] + ".", view["base"], view["n"]) if text),
    }


def _array(array: dict | None, said) -> dict | None:
    if not array:
        return None
    keys = [array["difference"]] if array["same"] else [array["both"], array["difference"], said.array_keys["rest"]]
    return {"squares": array["squares"], "alt": array["alt"], "keys": " | ".join(keys)}


def _measure(row: dict) -> list[str]:
    target = f"{row['target']}{'*' if row['placeholder'] else ''}" if row["target"] else ""
    return [row["label"], f"{row['value']} ({row['month']})", target, row["variation"].word, row["assurance"].word]


def _pooled(pool: dict) -> str:
    name = f"{pool['name']}: {pool['d']}." if pool["d"] else f"{pool['name']}."
    return " ".join([name, pool["said"], *pool["notes"]])


def _judged(row: dict) -> list[str]:
    if not row["effect"]:
        return [row["city"], "", row["why"], t.tiers["N"][0]]
    return [row["city"], row["rating"], row["finding"], f"{row['tier']}: {row['tier_word']}"]


def _city_row(card: dict) -> list[str]:
    effect = card["effect"]
    if not effect:
        return [card["name"], card["title"], card["why"], card["tag"].word]
    value, low, high = (effect[name]["text"] for name in ("value", "low", "high"))
    said = f"{value} {effect['unit']} ({low} {t.to} {high})"
    return [card["name"], effect["outcome"], said, card["tag"].word]
