"""emi drift."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from shared_utils.cli.project import own_template
from shared_utils.cli.screen import Screen
from shared_utils.cli.update import named_by
from shared_utils.cli.workspace import command_name, select

TITLES = ("city", "file", "cell", "what", "who", "when")


def drift(
    cities: Annotated[list[str] | None, typer.Argument(metavar="CITY", help="Default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Show what cities changed of their notebooks and the shared code, by cell, with who and when from git."""
    screen = Screen(as_json)
    chosen = select(cities)
    with screen.busy("Comparing"):
        found = of_cities(own_template() or named_by(chosen), chosen)
    rows = [(city, d.file, d.cell, d.kind, d.who, d.when) for city, differences in found.items() for d in differences]
    screen.say(*table(rows))
    same = [city for city, differences in found.items() if not differences]
    screen.say(*([f"As the template made them: {', '.join(same)}."] if same else []))
    screen.give(
        {"exit_code": 0, "cities": {city: [asdict(d) for d in differences] for city, differences in found.items()}}
    )
    return 0


def of_cities(where: Path | str, cities: Iterable[Path]) -> dict[str, list]:
    """{city's name: its differences}, held against the template at `where`."""
    from shared_utils.template import drift as drifts
    from shared_utils.template import origin

    with origin.template(where) as template:
        return drifts.drift_of_all(template, {city: command_name(city) for city in cities})


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows under their titles, each column as wide as it needs; [] without rows."""
    if not rows:
        return []
    widths = [max(len(row[i]) for row in (TITLES, *rows)) for i in range(len(TITLES))]
    lines = ["  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)) for row in (TITLES, *rows)]
    return [*map(str.rstrip, lines), ""]
