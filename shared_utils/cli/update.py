"""emi update."""

from pathlib import Path
from typing import Annotated

import typer

from shared_utils.cli.project import own_template
from shared_utils.cli.screen import NothingHere, Screen
from shared_utils.cli.workspace import command_name, select


def update(
    cities: Annotated[list[str] | None, typer.Argument(metavar="CITY", help="Default: all.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how it would end.")] = False,
) -> int:
    """Bring what changed in the template into cities; what a city changed itself stays.

    Where both changed the same cell, the cell shows both texts, and the update ends when you have chosen.
    """
    from shared_utils.template import origin
    from shared_utils.template.update import update as update_city

    screen = Screen()
    chosen = select(cities)
    with origin.template(own_template() or named_by(chosen)) as template, screen.busy("Updating") as busy:
        outcomes = []
        for city_dir in chosen:
            busy.update(f"Updating {command_name(city_dir)}")
            outcomes.append(update_city(template, city_dir, dry_run))
    screen.say(*lines(outcomes, screen.width, dry_run))
    return 0 if all(outcome.good for outcome in outcomes) else 1


def lines(outcomes: list, width: int, dry_run: bool) -> list[str]:
    """A row a city, what changes in numbers, then what is to do."""
    from shared_utils.runner.report import hang, short

    names = {outcome.city: command_name(outcome.city) for outcome in outcomes}
    first, second = max(map(len, [*names.values(), "city"])), max(len(o.state) for o in outcomes)
    rows = [f"{'city':{first}}  {'state':{second}}  what"]
    for outcome in outcomes:
        start = f"{names[outcome.city]:{first}}  {outcome.state:{second}}  "
        whats = outcome.what or ("",)
        rows += [hang(start + whats[0], width, len(start)).rstrip()]
        rows += [hang(" " * len(start) + what, width, len(start)) for what in whats[1:]]
    numbers = dict.fromkeys(entry for outcome in outcomes for entry in outcome.numbers)
    rows += ["", *(hang(entry, width, 2) for entry in numbers)] if numbers else []
    for outcome in outcomes:
        if outcome.fix:
            fix = outcome.fix.replace(str(outcome.city), short(outcome.city, Path.cwd())).splitlines()
            # Commands stay whole, to be copied.
            rows += ["", hang(f"{names[outcome.city]}: {fix[0]}", width, 2), *fix[1:]]
            rows += [f"    emi update {names[outcome.city]}"]
    return [*rows, "", *_last(outcomes, dry_run)]


def named_by(cities: list[Path]) -> str:
    """Where a city's own emi finds the template: the address in the city's record."""
    from shared_utils.template import origin

    record = origin.record_of(cities[0])
    if record is None:
        raise NothingHere(
            f"This city has no {origin.RECORD}, so it does not say where its template is.",
            "Next: in this folder, with the template's emi (the one of the .venv in its folder):  emi update",
        )
    return record["template"]


def _last(outcomes: list, dry_run: bool) -> list[str]:
    count = f"{sum(outcome.good for outcome in outcomes)} of {len(outcomes)}"
    if dry_run:
        return [f"Would be up to date: {count}. Nothing was changed.", "Next:  emi update"]
    changed = [outcome.city for outcome in outcomes if outcome.good and outcome.what]
    if not changed:
        return [f"Up to date: {count}."]
    return [
        f"Up to date: {count}. Next:  emi check   then:  emi run   and, when all is well, in the folder of each:",
        '  git commit --all -m "Update from the template"',
    ]
