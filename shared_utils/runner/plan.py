"""What would run, and why: decided before any kernel starts."""

import ast
import datetime
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from shared_utils import conflicts
from shared_utils.errors import EmiError, nearest
from shared_utils.results import freshness
from shared_utils.results.notebooks import NOTEBOOKS, executed_path, month_of, name, source_path, state_path
from shared_utils.results.record import internal_path, release_path
from shared_utils.runner import months as earlier
from shared_utils.runner.executors import Failure, Task, default_workers, run_tasks


class PlanError(EmiError):
    """A request that cannot be planned: unknown notebook or parameter, wrong type of a value."""


@dataclass(frozen=True)
class Job:
    """One notebook of one city: run it, leave it (current), or do not start it (blocked), and why.

    `expected_s` is how long it took last time; 0 when that is not known.
    """

    city: str
    city_dir: Path
    notebook: str
    action: str
    reason: str
    hint: str = ""
    parameters: dict = field(default_factory=dict)
    expected_s: float = 0.0


@dataclass(frozen=True)
class Plan:
    """All jobs, cities in the order given, notebooks in the order of `NOTEBOOKS`."""

    jobs: tuple[Job, ...]

    def having(self, action: str) -> list[Job]:
        """The jobs to "run", or those that are "current" or "blocked"."""
        return [job for job in self.jobs if job.action == action]


def plan(
    cities: list[Path],
    notebooks: list[str],
    prepare: Callable[[Path], object] | None,
    force: bool = False,
    *,
    failed_only: bool = False,
    changed_only: bool = False,
    parameters: dict | None = None,
    workers: int | None = None,
    months: int = 1,
    on_event: Callable[[str, Path], None] = lambda kind, city_dir: None,
) -> Plan:
    """Decide for each notebook of each city whether it runs.

    `prepare` (picklable) makes a city's data ready; it is called in worker processes, only for cities with
    something to run, and a city where it fails is blocked. None leaves the data as they are (dry run).
    `failed_only` keeps notebooks that did not end well last time, `changed_only` those that did.
    `parameters` replace values of the notebooks' parameters cell; text is read as the type of the default.
    `months` of monitoring: the notebook as it stands now, and before it the months that led there, as they then stood.
    Raises PlanError for an unknown notebook or parameter.
    """
    unknown = [name for name in notebooks if name not in NOTEBOOKS]
    if unknown:
        raise PlanError(
            f"There is no notebook '{unknown[0]}'.{nearest(unknown[0], NOTEBOOKS)}",
            f"Notebooks: {', '.join(NOTEBOOKS)}",
        )
    now = {notebook: parameters or {} for notebook in NOTEBOOKS if notebook in notebooks}
    names = city_names(cities)
    jobs = [
        _job(names[city], city, notebook, given, force, common)
        for city in names
        for common in [freshness.common_parts(city)]
        for notebook, given in (earlier.earlier_runs(city, months, parameters or {}) | now).items()
    ]
    if failed_only:
        jobs = [job for job in jobs if last_run(job.city_dir, job.notebook)["status"] not in ("ok", "never")]
    if changed_only:
        jobs = [job for job in jobs if last_run(job.city_dir, job.notebook)["status"] == "ok"]
    if prepare is not None:
        jobs = _after_prepare(jobs, prepare, workers, on_event)
    return Plan(tuple(jobs))


def city_names(cities: list[Path]) -> dict[Path, str]:
    """What each city is called on the screen: the key in its city.yml, else its folder."""
    keys = {Path(city): freshness.peek(city, "city", "key") for city in cities}
    once = [key for key in keys.values() if list(keys.values()).count(key) == 1]
    return {city: key if key in once and key else city.name for city, key in keys.items()}


def last_run(city_dir: Path, notebook: str) -> dict:
    """The state the last run left; {"status": "never"} when there is none that can be read."""
    try:
        return json.loads(state_path(city_dir, notebook).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"status": "never"}


def why(city_dir: Path, notebook: str, parameters: dict, common: dict) -> str:
    """Why a notebook needs to run, in words; "" when its result is up to date. `common`: freshness.common_parts."""
    state = last_run(city_dir, notebook)
    if state["status"] == "never":
        return "never run"
    if state["status"] != "ok":
        return {"failed": "its last run failed", "blocked": "it was blocked"}.get(
            state["status"], "its last run was stopped"
        )
    leaves = not month_of(notebook)
    if leaves and not state.get("released"):
        return "its last result was not released"
    places = [executed_path, internal_path, *([release_path] if leaves else [])]
    outputs = [place(city_dir, notebook) for place in places]
    missing = [path.name for path in outputs if not path.exists()]
    if missing:
        return f"{missing[0]} was removed"
    return "; ".join(
        freshness.changed(state["fingerprint"], freshness.fingerprint(city_dir, name(notebook), parameters, common))
    )


def declared_parameters(path: Path) -> dict:
    """Names and defaults of a notebook's cell tagged "parameters", read without running it.

    A default that is not a plain value (a call, a name) is None. Read with `ast`: papermill's own reader
    stumbles over an equals sign in a text. Raises PlanError when the notebook cannot be read, and when it holds both
    texts of an update or a merge: in a cell of words they would run, and the result would pass for one.
    """
    name = f"notebooks/{path.name}"
    try:
        content = path.read_bytes()
        left = conflicts.places(content, name)
        cells = [] if left else json.loads(content.decode("utf-8"))["cells"]
    except FileNotFoundError:
        raise PlanError(f"{name} is missing.", "Bring it back from git.") from None
    except (ValueError, KeyError):
        raise PlanError(f"{name} is not a notebook that can be read.", "Bring it back from git.") from None
    if left:
        raise PlanError(f"{name}, {', '.join(left)}: {conflicts.WAITS}.", f"Open it (emi lab), {conflicts.CHOOSE}.")
    tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    if not tagged:
        raise PlanError(f"{name} has no cell tagged 'parameters'.", "Add the tag in JupyterLab: gears > Cell Tags.")
    try:
        statements = ast.parse("".join(tagged[0]["source"])).body
    except SyntaxError as error:
        raise PlanError(
            f"The parameters cell of {name} is not Python: {error.msg}, line {error.lineno}.",
            "Correct that line in JupyterLab.",
        ) from None
    found = {}
    for statement in statements:
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        for target in targets:
            if isinstance(target, ast.Name):
                found[target.id] = _plain_value(statement.value)
    return found


def _plain_value(node: ast.expr | None):
    try:
        return ast.literal_eval(node) if node else None
    except ValueError:
        return None


def typed(given: dict, declared: dict, where: str) -> dict:
    """Check the names of parameters; read text as the type of the default ("061" stays text)."""
    unknown = [name for name in given if name not in declared]
    if unknown:
        raise PlanError(
            f"{where} has no parameter '{unknown[0]}'.{nearest(unknown[0], declared)}",
            f"Parameters: {', '.join(declared)}",
        )
    return {name: _as_type_of(declared[name], value, name) for name, value in given.items()}


def _as_type_of(default, value, name: str):
    if isinstance(value, datetime.date):
        return value.isoformat()  # papermill cannot write dates
    if name == "as_of" and value:
        _check_day(value)
    if not isinstance(value, str) or default is None or isinstance(default, str):
        return value
    if isinstance(default, bool):
        truth = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if value.lower() in truth:
            return truth[value.lower()]
        raise PlanError(f"Parameter {name} is true or false, not '{value}'.", f"Write {name}=true")
    try:
        return type(default)(value)
    except (TypeError, ValueError):
        kind = {int: "a whole number", float: "a number"}.get(type(default), f"a {type(default).__name__}")
        raise PlanError(f"Parameter {name} is {kind}, not '{value}'.", f"Write {name}={default}") from None


def _check_day(value: str) -> None:
    """The notebook would refuse it too, but only after its kernel has started."""
    try:
        datetime.date.fromisoformat(value)
    except (TypeError, ValueError):
        raise PlanError(f"Parameter as_of is a day, not '{value}'.", "Write as_of=2020-10-31") from None


def _job(city: str, city_dir: Path, notebook: str, parameters: dict, force: bool, common: dict) -> Job:
    last = last_run(city_dir, notebook)
    expected = last.get("duration_s", 0.0) if last["status"] == "ok" else 0.0
    make = partial(Job, city, city_dir, notebook, expected_s=expected)
    try:
        declared = declared_parameters(source_path(city_dir, notebook))
    except PlanError as error:
        return make("blocked", error.message, error.hint)
    given = typed(parameters, declared, f"The {notebook} notebook of {city}")
    reason = "asked for with --force" if force else why(city_dir, notebook, given, common)
    action = "run" if reason else "current"
    return make(action, reason or "up to date", parameters=given)


def _after_prepare(jobs: list[Job], prepare: Callable, workers: int | None, on_event: Callable) -> list[Job]:
    cities = list(dict.fromkeys(job.city_dir for job in jobs if job.action == "run"))
    tasks = [Task(city, _prepare, (prepare, city)) for city in cities]
    failures = {}
    for city, answer in run_tasks(tasks, workers or default_workers(len(tasks))):
        on_event("prepared", city)
        if isinstance(answer, Failure):
            failures[city] = answer
    return [_blocked(job, failures[job.city_dir]) if job.city_dir in failures else job for job in jobs]


def _prepare(prepare: Callable, city_dir: Path) -> None:
    """In a worker: the report stays there, so that the driver needs no pandas to receive it."""
    prepare(city_dir)


def _blocked(job: Job, failure: Failure) -> Job:
    message = failure.message
    if not failure.expected:
        message = f"Its data could not be made ready: {failure.ename}: {failure.message}"
    return replace(job, action="blocked", reason=message, hint=failure.hint)
