"""emi data synthesize, emi data intake."""

from typing import Annotated

import typer

from shared_utils.cli.screen import Screen
from shared_utils.cli.workspace import command_name, select

app = typer.Typer(help="The data of a city, step by step; `emi run` does what is needed by itself.")
Cities = Annotated[list[str] | None, typer.Argument(metavar="CITY", help="Default: all cities.")]


@app.command()
def synthesize(
    cities: Cities = None,
    scenario: Annotated[str | None, typer.Option(help="Default: the scenario of city.yml.")] = None,
    seed: Annotated[int | None, typer.Option(help="Default: the seed of city.yml.")] = None,
) -> int:
    """Make the synthetic data of a city."""
    from shared_utils.cli import work

    return _each(cities, work.synthesize, (scenario, seed), lambda files: f"{files} files")


@app.command()
def intake(cities: Cities = None) -> int:
    """Read a city's files through its mappings into the data model."""
    from shared_utils.cli import work

    return _each(cities, work.intake, (), _rows)


def _rows(report) -> str:
    return ", ".join(f"{name} {table['rows']}" for name, table in report.tables.items())


def _each(names: list[str] | None, function, arguments: tuple, in_words) -> int:
    """Do one thing for each city in worker processes; the problems of one do not stop the others."""
    from shared_utils.runner.executors import Failure, Task, default_workers, run_tasks

    screen = Screen()
    chosen = select(names)
    tasks = [Task(city, function, (city, *arguments)) for city in chosen]
    unwell = []
    with screen.busy(f"Working on {len(chosen)} cities"):
        for city, answer in run_tasks(tasks, default_workers(len(tasks))):
            name = command_name(city)
            if isinstance(answer, Failure):
                unwell.append(name)
                screen.say(f"  {name}  FAILED", *problem_lines(answer))
            else:
                screen.say(f"  {name}  ok  {in_words(answer)}")
    screen.say(f"Next:  emi check {' '.join(unwell)}" if unwell else "Next:  emi run")
    return 1 if unwell else 0


def problem_lines(failure) -> list[str]:
    """A failure as indented lines."""
    message = failure.message if failure.expected else f"It stopped with {failure.ename}: {failure.message}"
    lines = [*message.splitlines(), *([f"Fix: {failure.hint}"] if failure.hint else [])]
    return [f"    {line}" for line in lines]
