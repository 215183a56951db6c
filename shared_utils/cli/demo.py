"""emi demo: from nothing to a website."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from shared_utils.cli.batch import _progress
from shared_utils.cli.data import problem_lines
from shared_utils.cli.project import template_root
from shared_utils.cli.screen import Screen
from shared_utils.cli.workspace import CITIES, command_name

SIGNER = "evaluation lead (demonstration)"


def demo(
    workers: Annotated[int | None, typer.Option(min=1, help="Notebooks at a time.", show_default="cores + 1")] = None,
) -> int:
    """Make the nine demonstration cities in ./cities, run their 27 notebooks and build the site."""
    from shared_utils import portfolio, runner
    from shared_utils.cli import site, work
    from shared_utils.results.notebooks import NOTEBOOKS
    from shared_utils.runner import executors, report

    screen = Screen()
    root = Path.cwd()

    screen.say("Step 1 of 5: make nine cities from their presets, in  cities")
    cities = _make_cities(root / CITIES, screen)

    screen.say("", "Step 2 of 5: make their synthetic data (invented people; the true effects are known)")
    well = _each(cities, work.prepare, (), screen)

    screen.say("", "Step 3 of 5: lock each city's analysis plan, before any result is seen")
    unlocked = [city for city in well if not (city / "plan" / "plan.lock.json").exists()]
    _each(unlocked, work.lock_plan, (SIGNER,), screen)

    screen.say("", "Step 4 of 5: run the notebooks through papermill, each in a fresh kernel")
    plan = runner.plan(cities, list(NOTEBOOKS), work.prepare, workers=workers)
    workers = workers or executors.default_workers(len(plan.having("run")))
    screen.say(report.plan_line(plan, workers))
    with screen.busy("Starting") as busy:
        batch = runner.execute(plan, workers, _progress(screen, busy, plan, workers), watch_of=work.watch)
    screen.say(*report.ending_lines(batch, screen.width, root))
    if batch.stopped or not batch.having("ok", "current"):
        return batch.exit_code

    screen.say("", "Step 5 of 5: build the site from what the cities released")
    built = portfolio.build_site(root, root / "site")
    screen.say(*site.report_lines(built))
    screen.say(
        "",
        f"Look at     {root / 'site' / 'index.html'}",
        f"A notebook  emi lab {command_name(cities[0])}",
        "Next        emi status",
    )
    return batch.exit_code


def _make_cities(folder: Path, screen: Screen) -> list[Path]:
    from shared_utils import config
    from shared_utils.results.freshness import peek
    from shared_utils.template.new import create

    there = {peek(path.parent, "city", "key"): path.parent for path in folder.glob("*/city.yml")}
    cities = []
    for key in config.PRESETS:
        screen.say(f"  {key:<12}  {'already there' if key in there else 'made'}")
        cities.append(there.get(key) or create(template_root(), folder, {"city": key}))
    return cities


def _each(cities: list[Path], function: Callable, arguments: tuple, screen: Screen) -> list[Path]:
    """Do one step for each city in worker processes; returns the cities where it went well."""
    from shared_utils.runner.executors import Failure, Task, default_workers, run_tasks

    tasks = [Task(city, function, (city, *arguments)) for city in cities]
    well = []
    for city, answer in run_tasks(tasks, default_workers(len(tasks))):
        name = command_name(city)
        if isinstance(answer, Failure):
            screen.say(f"  {name:<12}  FAILED", *problem_lines(answer))
        else:
            screen.say(f"  {name:<12}  ok")
            well.append(city)
    return well
