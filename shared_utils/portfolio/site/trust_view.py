"""Can these numbers be trusted? Plans, changes to them, warnings, age, the rule beside the city's own decision."""

from shared_utils.portfolio import synthesis
from shared_utils.portfolio.collect import City, Portfolio
from shared_utils.portfolio.site import parts, sources, words
from shared_utils.portfolio.site.language import english as t


def trust_view(portfolio: Portfolio) -> dict:
    """Everything the template of the page on trust prints."""
    cities = portfolio.cities
    contrasts, expected, _ = synthesis.expected_by_chance(cities)
    tests = [row for city in cities for row in _tests(city, synthesis.q_values(cities))]
    return {
        "rows": [_row(city) for city in cities],
        "chance": parts.chance(cities),
        "expected": t.expected.format(
            expected=words.plain(round(expected, 2)), contrasts=words.number_word(contrasts), rows=len(tests)
        ) if contrasts else "",
        "tests": tests,
    }  # fmt: skip


def _row(city: City) -> dict:
    record = city.record("impact") or next(iter(city.records), None)
    return {
        "city": city.name,
        "slug": city.slug,
        "data": t.modes[record["data_mode"]] if record else t.nothing,
        "plan": parts.plan(record) if record else "",
        "deviations": parts.deviations(record) if record else "",
        "states": [f"{t.notebooks[step.notebook]}: {_state(step)}" for step in city.steps.values()],
        "flags": _counts(city),
        "rule": parts.tag(city),
        "own": (((record or {}).get("decision") or {}).get("city_decision")) or t.no_decision_yet,
    }


def _state(step) -> str:
    if step.state == "stale":
        return t.stale_because.format(moved=words.listed(list(step.moved)))
    return t.step_states[step.state] or t.data_to.format(date=words.day(step.as_of))


def _counts(city: City) -> list[tuple[str, int]]:
    """How many warnings of each severity, gravest first; a warning that several notebooks repeat counts once."""
    found = {(f["code"], f["scope"], f["message"]): f["severity"] for r in city.records for f in r["flags"]}
    severities = list(found.values())
    return [(word, n) for name, (word, _) in t.severity.items() if (n := severities.count(name))]


def _tests(city: City, q: dict) -> list[dict]:
    return [
        {
            "city": city.name,
            "slug": city.slug,
            "arm": city.arm(row["contrast"][0]),
            "p": words.plain(row["p"]),
            "source": sources.of_estimate(city, row, "p"),
            "q": words.plain(round(q[city.slug, row["estimate_id"]], 3)),
        }
        for row in synthesis.main_rows(city)
        if row.get("p") is not None
    ]
