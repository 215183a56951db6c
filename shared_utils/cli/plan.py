"""emi plan lock."""

from typing import Annotated

import typer

from shared_utils.cli.screen import Screen
from shared_utils.cli.workspace import command_name, select

app = typer.Typer(help="The analysis plan: what was promised before the results were seen.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `lock` a word of its own: Typer would merge a single command into its group."""


@app.command()
def lock(
    city: Annotated[str, typer.Argument(help="The city whose plan is signed.")],
    signer_role: Annotated[str, typer.Option(help="Role of the person who signs.")] = "evaluation lead",
) -> int:
    """Lock a city's analysis plan: from now on each change to it is on record."""
    from shared_utils.cli.work import lock_plan

    (city_dir,) = select([city])
    made, name = lock_plan(city_dir, signer_role), command_name(city_dir)
    mark = made["hash"].rpartition(":")[2][:12]
    Screen().say(
        f"The plan of {name} is locked: {mark}, {made['locked_at']}, {signer_role}.",
        f"Next:  commit plan/plan.lock.json, then  emi run {name}",
    )
    return 0
