"""emi new, emi check, emi doctor."""

from pathlib import Path
from typing import Annotated

import typer

from shared_utils.cli.screen import NothingHere, Screen, TypedWrong
from shared_utils.cli.workspace import CITIES, command_name, find, select


def new(
    city: Annotated[
        str | None,
        typer.Argument(metavar="CITY", help="A ready-made city, or 'other'; asked when left out."),
    ] = None,
    answers: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=VALUE", help="Answers, as cookiecutter takes them."),
    ] = None,
) -> int:
    """Make the repository of a city in the folder cities/."""
    from shared_utils.cli import questions
    from shared_utils.template.new import TemplateError, create

    screen = Screen()
    context = questions.ask(template_root(), city, answers or [])
    try:
        made = create(template_root(), cities_folder(), context)
    except TemplateError as error:
        raise TypedWrong(error.message, error.hint) from error
    name = command_name(made)
    screen.say(
        f"Made  {made}",
        "  settings    city.yml",
        "  data        put the city's files in  data/private/raw  and describe each in  mappings/",
        "  notebooks   01_baseline, 02_monitoring, 03_impact",
        "",
        f"Next:  emi check {name}",
    )
    return 0


def check(
    cities: Annotated[list[str] | None, typer.Argument(metavar="CITY", help="Default: all.")] = None,
) -> int:
    """Check settings, shared code and data of a city, and say what is fine too."""
    from shared_utils.cli import checking

    screen = Screen()
    chosen = select(cities)
    with screen.busy("Checking"):
        found = checking.check_all(chosen)
    for city_dir, findings in found.items():
        screen.say(*checking.lines(command_name(city_dir), findings, screen.width))
    unwell = [command_name(city) for city, findings in found.items() if not all(f.ok for f in findings)]
    if unwell:
        next_command = f"emi check {' '.join(unwell)}"
        screen.say("", f"Problems in {len(unwell)} of {len(chosen)}.",
                   f"Correct them, save, close Excel, then:  {next_command}")  # fmt: skip
        return 1
    screen.say("", f"All is well. Next:  emi run {' '.join(cities or [])}".rstrip())
    return 0


def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Install in git what protects a city's repository.")] = False,
) -> int:
    """Check this computer and this project: Python, packages, kernel, paths, git."""
    from shared_utils.template import doctor as checks

    screen = Screen()
    try:
        here = find().root
    except NothingHere:
        here = Path.cwd()
    if fix:
        checks.mend(here)
    found = checks.checks(here)
    width = max(len(item.name) for item in found)
    for item in found:
        screen.say(f"  {item.name:{width}}  {'ok     ' if item.ok else 'problem'}  {item.detail}")
        if item.fix:
            screen.say(f"  {'':{width}}  Fix: {item.fix}")
    wrong = sum(not item.ok for item in found)
    screen.say("", f"To mend: {wrong} of {len(found)}." if wrong else "All is well.")
    return 1 if wrong else 0


def template_root() -> Path:
    """The template this emi belongs to; a city's own emi has none and makes no cities."""
    root = own_template()
    if root is None:
        raise NothingHere(
            "This emi belongs to one city; new cities are made from the template.",
            "Next:  cd to the template's folder and use the emi of its .venv",
        )
    return root


def own_template() -> Path | None:
    """The folder of the template this emi belongs to, None for a city's own emi."""
    import shared_utils

    root = Path(shared_utils.__file__).resolve().parent.parent
    return root if (root / "cookiecutter.json").is_file() else None


def cities_folder() -> Path:
    """Where a new city goes: the nearest `cities/`, or a new one here."""
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "city.yml").is_file():
            raise TypedWrong("This is the folder of a city; a city cannot hold another.", "Next:  cd out of it")
        if (folder / CITIES).is_dir():
            return folder / CITIES
    return here / CITIES
