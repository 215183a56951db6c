"""emi scan."""

from typing import Annotated

import typer

from shared_utils.cli.screen import Screen
from shared_utils.cli.workspace import command_name, select

SHOWN = 20


def scan(
    cities: Annotated[list[str] | None, typer.Argument(metavar="CITY", help="Default: all.")] = None,
    history: Annotated[bool, typer.Option("--history", help="Also all that git ever held.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Look for residents' identifiers in everything a city could give away, and say where they are.

    Looked into are notebooks, results, pages, pictures, logs and tables of the city's folder and what git would
    commit; not data/private, where they belong. With the city's own files there, their values are looked for too.
    """
    from shared_utils.cli import work

    screen = Screen(as_json)
    answer = {}
    for city_dir in select(cities):
        name = command_name(city_dir)
        with screen.busy(f"Looking into {name}"):
            seen, values, found = work.scan(city_dir, history)
        known = f"{values} private values and the patterns" if values else "the patterns only: no private values here"
        screen.say(f"{name}  {len(found)} findings in {seen} files and copies, by {known}")
        screen.say(*(f"  {finding}" for finding in found[:SHOWN]))
        if len(found) > SHOWN:
            screen.say(f"  ... and {len(found) - SHOWN} more; all with  emi scan {name} --json")
        answer[name] = {"files": seen, "values": values, "findings": [vars(finding) for finding in found]}
    unwell = [name for name, one in answer.items() if one["findings"]]
    screen.give({"exit_code": 1 if unwell else 0, "cities": answer})
    if unwell:
        again = f"emi scan {' '.join(unwell)}{' --history' if history else ''}"
        screen.say(
            "",
            "Delete a result that holds them and run it again; take them out of a notebook, or its results with",
            "  nbstripout --keep-id NOTEBOOK",
            "What git already holds stays there when the file is deleted: before it is pushed, ask who keeps it.",
            f"Then:  {again}",
        )
        return 1
    screen.say("", "Nothing found.")
    return 0
