"""emi handover."""

from pathlib import Path
from typing import Annotated

import typer

from shared_utils.cli.screen import Screen, TypedWrong
from shared_utils.cli.workspace import command_name, select

SHOWN = 5


def handover(
    city: Annotated[str | None, typer.Argument(help="Not needed inside a city's folder.")] = None,
    as_zip: Annotated[bool, typer.Option("--zip", help="One zip file instead of a folder.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="In an unpacked hand-over, after emi run: did the same come out?")
    ] = False,
) -> int:
    """Put all of a city but its private data in one folder that somebody else can run again years later."""
    cities = select([city] if city else None)
    if len(cities) > 1:
        raise TypedWrong("Which city?", f"Next:  emi handover {command_name(cities[0])}")
    return _check(cities[0]) if check else _write(cities[0], as_zip)


def _write(city_dir: Path, as_zip: bool) -> int:
    from shared_utils import runner
    from shared_utils.template import handover as packing

    screen, name = Screen(), command_name(city_dir)
    (status,) = runner.survey([city_dir])
    with screen.busy(f"Collecting {name}"):
        made = packing.hand_over(city_dir, status.notebooks, as_zip)
    screen.say(f"{name}  {made.files} files, {made.size / 1e6:.1f} MB in  {made.path}")
    for run in made.facts["runs"]:
        again = "running it again gives the same record" if run["same_again"] else "not promised to come out the same"
        screen.say(f"  {run['notebook']:11}  {run['status']:11}  {again}")
    inside = (
        "synthetic, inside" if made.facts["data_mode"] == "synthetic" else "not inside: README.txt says who brings it"
    )
    screen.say(f"  {'data':11}  {inside}")
    if made.left_out:
        more = f" and {len(made.left_out) - SHOWN} more" if len(made.left_out) > SHOWN else ""
        screen.say(f"  {'left out':11}  {', '.join(made.left_out[:SHOWN])}{more}")
    if not all(run["same_again"] for run in made.facts["runs"]):
        screen.say("", f"To hand over results that come out the same:  emi run {name}   then:  emi handover {name}")
    return 0


def _check(city_dir: Path) -> int:
    from shared_utils.template import handover as packing

    screen, found = Screen(), packing.compare(city_dir)
    for notebook, difference in found.items():
        screen.say(f"{notebook:11}  {difference or 'the same'}")
    if not found:
        screen.say("No results were handed over, so there is nothing to compare.")
    return 1 if any(found.values()) else 0
