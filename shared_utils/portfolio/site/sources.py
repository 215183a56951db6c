"""Where a number of a page comes from: a link to its place in the released record (JSON Pointer, RFC 6901).

The records lie beside the pages as the cities released them: "results_impact.json#/costs/total_usd" is one's total.
"""

from shared_utils.portfolio.collect import City
from shared_utils.portfolio.downloads import record_file
from shared_utils.portfolio.site.language import english as t


def place(city: City, notebook: str, *path: str | int) -> str:
    """The address below the site of a part of a released record; of all of it without a path."""
    pointer = "".join(f"/{part}" for part in path)
    return f"data/{record_file(city, notebook)}" + (f"#{pointer}" if pointer else "")


def records(city: City) -> list[tuple[str, str]]:
    """(notebook in words, the address of its record) of every record of a city."""
    return [(t.notebooks[step.notebook], place(city, step.notebook)) for step in city.steps.values() if step.record]


def of_estimate(city: City, row: dict, *path: str) -> str:
    """The address of an estimate of the impact record, or of a part of it."""
    rows = city.record("impact")["estimates"]
    return place(city, "impact", "estimates", next(i for i, other in enumerate(rows) if other is row), *path)


def indicators(city: City) -> list[dict]:
    """The rows of the monitoring record, each with its address under "source"."""
    record = city.record("monitoring")
    return [
        {**row, "source": place(city, "monitoring", "indicators", i)}
        for i, row in enumerate(record["indicators"] if record else [])
    ]


def of_flag(city: City, code: str) -> tuple[dict, str] | None:
    """(flag, its address): the first with this code that the city released; None when there is none."""
    for notebook, step in city.steps.items():
        for i, flag in enumerate(step.record["flags"] if step.record else []):
            if flag["code"] == code:
                return flag, place(city, notebook, "flags", i)
    return None
