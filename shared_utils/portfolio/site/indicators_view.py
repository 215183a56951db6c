"""The measures of all cities: side by side where two cities mean the same by a measure, and city by city."""

from shared_utils.portfolio.collect import City, Portfolio
from shared_utils.portfolio.site import parts
from shared_utils.portfolio.site.language import english as t


def indicators_view(portfolio: Portfolio) -> dict:
    """Everything the template of the page on measures prints."""
    by_city = [(city, parts.measures(city)) for city in portfolio.cities]
    return {
        "blocks": [{"name": city.name, "slug": city.slug, "rows": rows} for city, rows in by_city if rows],
        "shared": _shared(by_city),
    }


def _shared(by_city) -> list[dict]:
    """Measures that several cities follow under one id. They are compared when they are defined alike, else only named
    beside each other with their definitions; they are never averaged."""
    cities: dict[str, list[tuple[City, dict]]] = {}
    for city, rows in by_city:
        for row in rows:
            cities.setdefault(row["id"], []).append((city, row))
    return [_one_measure(followed) for _, followed in sorted(cities.items()) if len(followed) > 1]


def _one_measure(followed: list[tuple[City, dict]]) -> dict:
    definitions = {_definition(city, row) for city, row in followed}
    return {
        "label": followed[0][1]["label"],
        "alike": len(definitions) == 1,
        "note": t.shared_alike if len(definitions) == 1 else t.shared_differ,
        "rows": [
            {**row, "city": city.name, "slug": city.slug, "definition": _words(city, row)} for city, row in followed
        ],
    }


def _definition(city: City, row: dict) -> tuple:
    """What must be the same for two cities' values to be compared: the family of the version, and the words."""
    declared = city.declared_indicator(row["id"])
    text = (declared.statistic, declared.numerator, declared.denominator, declared.per) if declared else (city.slug,)
    return (row["version"].split(".")[0], row["unit_name"], *text)


def _words(city: City, row: dict) -> str:
    declared = city.declared_indicator(row["id"])
    if declared is None or not declared.numerator:
        return t.no_definition.format(version=row["version"])
    form = t.definition if declared.denominator else t.definition_alone
    return form.format(over=declared.numerator, under=declared.denominator, version=row["version"])
