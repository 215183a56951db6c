"""emi run, emi status."""

import contextlib
from pathlib import Path
from typing import Annotated, Literal

import typer

from shared_utils.cli.screen import Screen, TypedWrong
from shared_utils.cli.work import ready, watch
from shared_utils.cli.workspace import find, select
from shared_utils.errors import EmiError

Cities = Annotated[list[str] | None, typer.Argument(metavar="CITY", help="Default: all cities.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def run(
    context: typer.Context,
    cities: Cities = None,
    notebook: Annotated[
        list[str] | None,
        typer.Option("--notebook", "-n", metavar="NAME", help="baseline, monitoring or impact."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="Replace a value of the parameters cell."),
    ] = None,
    months: Annotated[
        int | None,
        typer.Option(min=2, metavar="N", help="Monitoring of the last N months, each as it then stood."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Notebooks at a time; fewer need less memory.", show_default="cores + 1"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run what is up to date too.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only what did not end well last time.")] = False,
    changed: Annotated[bool, typer.Option("--changed", help="Only what changed since its last good run.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Minutes after which a notebook is stopped.")] = 60,
    executor: Annotated[
        Literal["local", "dask"], typer.Option(help="Where: on this machine, or on workers of dask.")
    ] = "local",
    scheduler: Annotated[str, typer.Option(metavar="tcp://HOST:PORT", help="Where the scheduler of dask is.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run and why.")] = False,
    as_json: AsJson = False,
) -> int:
    """Run the notebooks that need it: never run, failed, or something they depend on changed."""
    from shared_utils import runner
    from shared_utils.results.notebooks import MONTHLY, NOTEBOOKS
    from shared_utils.runner import executors, on_dask, report

    if (executor == "dask") != bool(scheduler):
        raise TypedWrong(
            "dask needs its scheduler.", "For example:  emi run --executor dask --scheduler tcp://host:8786"
        )
    if months and notebook not in (None, [MONTHLY]):
        raise TypedWrong("--months is for monitoring only.", "For example:  emi run --months 18")
    screen = Screen(as_json)
    chosen = select(cities)
    elsewhere = on_dask.count_workers(scheduler) if scheduler and not dry_run else None
    try:
        with screen.busy("Checking what needs to run, and the data"):
            plan = runner.plan(
                chosen,
                notebook or ([MONTHLY] if months else list(NOTEBOOKS)),
                None if dry_run else ready,
                force,
                failed_only=failed,
                changed_only=changed,
                parameters=_pairs(parameter or []),
                workers=workers,
                months=months or 1,
            )
    except KeyboardInterrupt:
        screen.say("Stopped. Nothing was run.")
        return 130
    except runner.PlanError as error:
        raise TypedWrong(error.message, error.hint) from error
    if dry_run:
        screen.say(*report.dry_run_lines(plan))
        screen.give(report.plan_dict(plan))
        return 0
    workers = elsewhere or workers or executors.default_workers(len(plan.having("run")))
    screen.say(report.plan_line(plan, workers), *([""] if plan.having("run") else []))
    with screen.busy("Starting") as busy:
        show = _progress(screen, busy, plan, workers)
        batch = runner.execute(plan, workers, show, round(timeout * 60), scheduler, watch)
    lost = _lost_page()
    screen.say(*report.ending_lines(batch, screen.width, Path.cwd(), debug=context.obj["debug"]), *lost)
    screen.give(report.report_dict(batch))
    return batch.exit_code


def status(
    cities: Cities = None,
    show: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    as_json: AsJson = False,
) -> int:
    """Show where each city stands and what is out of date."""
    from shared_utils.runner import report
    from shared_utils.template import vendoring

    screen = Screen(as_json)
    chosen = select(cities)
    page, everybody = _status_page()
    found = [row for row in everybody if row.city_dir in chosen]
    edited = {row.city: vendoring.check(row.city_dir) for row in found}
    *lines, following = report.status_lines(found, screen.width)
    screen.say(*lines)
    for city, problems in edited.items():
        if problems:
            screen.say(f"{city}: shared_utils is not as it was copied ({len(problems)}). See:  emi check {city}")
    screen.say(f"Page:  {report.short(page, Path.cwd())}", following)
    if show:
        typer.launch(page.as_uri())
    rows = [row.as_dict() | {"shared_code": edited[row.city]} for row in found]
    screen.give({"exit_code": 0, "cities": rows})
    return 0


def _status_page() -> tuple[Path, list]:
    """Write the page of all cities, also when only some were asked for; returns it and where they stand."""
    from shared_utils import portfolio, runner

    workspace = find()
    found = runner.survey(workspace.cities)
    page = workspace.root / "status" / "index.html"
    return portfolio.write_status_page(found, page, _drift(workspace.cities)), found


def _drift(cities: tuple[Path, ...]) -> dict[str, list] | None:
    """What cities changed of the template; None where it is not at hand: a city alone, or a template without git."""
    from shared_utils.cli import drift, project

    if template := project.own_template():
        with contextlib.suppress(EmiError):
            return drift.of_cities(template, cities)
    return None


def _lost_page() -> list[str]:
    """Write the page of all cities; returns a line when that is not possible: the batch is over all the same."""
    from shared_utils.runner import machine

    try:
        _status_page()
    except (OSError, EmiError) as error:
        why = machine.in_words("OSError", str(error)) or (str(error).splitlines()[0],)
        return [f"The page in status/ is of an earlier run: {why[0]}"]
    return []


def _pairs(given: list[str]) -> dict[str, str]:
    for text in given:
        if "=" not in text:
            raise TypedWrong(f"'{text}' is not NAME=VALUE.", "For example:  emi run -p as_of=2019-12-31")
    return dict(text.split("=", 1) for text in given)


def _progress(screen: Screen, busy, plan, workers: int):
    """An `on_event` that prints a line for each notebook that ended and shows where the others are."""
    from shared_utils.runner import report

    at, ended = {}, []

    def on_event(kind: str, what) -> None:
        job, section = what if kind == "at" else (what, "")
        name = job.city, job.notebook
        if kind == "finished":
            del at[name]
            ended.append(job)
            screen.say(report.result_line(job, len(ended), plan))
        else:
            at[name] = section or at.get(name, "starting")
        busy.update(report.running_lines(at, ended, plan, workers, screen.width))

    return on_event
