"""emi data synthesize, emi data intake, emi data suggest, emi data template."""

from pathlib import Path
from typing import Annotated

import typer

from shared_utils.cli.screen import Screen, TypedWrong
from shared_utils.cli.workspace import command_name, select

app = typer.Typer(help="The data of a city, step by step; `emi run` does what is needed by itself.")
Cities = Annotated[list[str] | None, typer.Argument(metavar="CITY", help="Default: all cities.")]
OneCity = Annotated[str | None, typer.Argument(metavar="CITY", help="Not needed inside the folder of a city.")]


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


@app.command()
def suggest(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of the city's data folder, or its name.")],
    city: OneCity = None,
    sheet: Annotated[str, typer.Option(help="The sheet of a workbook that has several.")] = "",
) -> int:
    """Draft the mapping of a file for you to confirm: which column is which, and what the codes mean."""
    from shared_utils.config import load_city
    from shared_utils.data import suggest

    screen, city_dir = Screen(), _one(city)
    with screen.busy(f"Reading {file.name}"):
        draft = suggest.draft(file, city_dir, load_city(city_dir), sheet)
    name = draft.file.relative_to(city_dir)
    if not suggest.write(draft):
        screen.say(draft.text, f"{name} is there already and was left as it is. Above is what a new draft says.")
        return 0
    screen.say(f"Made  {name}  for {', '.join(draft.tables)}")
    if draft.personal:
        screen.say(f"  Stay out, they seem to name a person:  {', '.join(draft.personal)}")
    if draft.left_out:
        screen.say(f"  Not used:  {', '.join(draft.left_out)}")
    points = f'decide each "?" ({draft.open_points})' if draft.open_points else "check each line"
    screen.say(f"Next:  open {name}, {points}, then  emi check {command_name(city_dir)}")
    return 0


@app.command()
def template(city: OneCity = None) -> int:
    """Make an Excel workbook to type data into, with its dictionary, and the mappings that read it."""
    from shared_utils.config import load_city
    from shared_utils.data import workbook

    screen, city_dir = Screen(), _one(city)
    with screen.busy("Making the workbook"):
        book, *mappings = workbook.make(city_dir, load_city(city_dir))
    folder = mappings[0].parent.relative_to(city_dir)
    screen.say(f"Made  {book.relative_to(city_dir)}", f"Made  {len(mappings)} mappings in  {folder}")
    if folder.name == "workbook":
        screen.say("  mappings  holds others already. To use the workbook instead, move its mappings there.")
    screen.say(f"Next:  fill in the sheets, save, close Excel, then  emi check {command_name(city_dir)}")
    return 0


def _one(name: str | None) -> Path:
    """The one city a command works on."""
    cities = select([name] if name else None)
    if len(cities) > 1:
        raise TypedWrong("Which city?", f"Write its name at the end, for example  {command_name(cities[0])}")
    return cities[0]


def _rows(report) -> str:
    """The rows of each table, then what became of each file's."""
    tables = ", ".join(f"{name} {table['rows']}" for name, table in report.tables.items())
    return "\n    ".join([tables, *map(str, report.sources)])


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
    # Each problem of a city's files brings its own fix; the hint says where the whole list is.
    hint = failure.hint if failure.ename == "IntakeError" else f"Fix: {failure.hint}"
    lines = [*message.splitlines(), *([hint] if failure.hint else [])]
    return [f"    {line}" for line in lines]
