"""emi evidence."""

from typing import Annotated

import typer

from shared_utils.cli.screen import Screen
from shared_utils.cli.workspace import command_name, select


def evidence(
    cities: Annotated[list[str] | None, typer.Argument(metavar="CITY", help="Default: all.")] = None,
) -> int:
    """Collect what a city can show for What Works Cities Certification, and say what it must add itself."""
    from shared_utils import portfolio

    screen = Screen()
    for city_dir in select(cities):
        pack = portfolio.evidence_pack(city_dir)
        screen.say(f"{command_name(city_dir)}  {pack.files} files", f"  look at  {pack.folder / 'index.html'}")
        absent = sorted({name for names in pack.missing.values() for name in names})
        if absent:
            screen.say(f"  not there yet  {', '.join(absent)}")
    screen.say("", "The index of each pack says what the city itself must add: a process no software can show.")
    return 0
