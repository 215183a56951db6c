"""What `emi check` looks at: settings, shared code, data. Each step only when the one before is sound."""

from dataclasses import dataclass
from pathlib import Path

from shared_utils.cli import work
from shared_utils.errors import EmiError


@dataclass(frozen=True)
class Finding:
    """One line of the check; `details` are what is wrong and what to do, or notes when `ok`."""

    what: str
    ok: bool
    summary: str
    details: tuple[str, ...] = ()


def check_all(cities: list[Path]) -> dict[Path, list[Finding]]:
    """Check cities side by side; the findings are in the order of the cities."""
    from shared_utils.runner.executors import Failure, Task, default_workers, run_tasks

    tasks = [Task(city, check_city, (city,)) for city in cities]
    answers = dict(run_tasks(tasks, default_workers(len(tasks))))
    for city, answer in answers.items():
        if isinstance(answer, Failure):
            summary = f"the check stopped with {answer.ename}: {answer.message}"
            answers[city] = [Finding("check", False, summary)]
    return {city: answers[city] for city in cities}


def check_city(city_dir: Path) -> list[Finding]:
    """The findings for one city, in the order people meet them."""
    from shared_utils.template import vendoring

    edited = vendoring.check(city_dir)
    shared = Finding(
        "shared code", not edited, "was changed" if edited else "as it was copied", tuple(edited)
    )
    settings = _step("settings", work.load_settings, city_dir, lambda _: "city.yml")
    if not settings.ok:
        return [settings, shared]
    return [settings, shared, _step("data", work.prepare, city_dir, _data_summary)]


def lines(city: str, found: list[Finding]) -> list[str]:
    """The findings as lines for the screen."""
    rows = []
    for item in found:
        rows.append(f"{city}  {item.what:<11}  {'ok     ' if item.ok else 'problem'}  {item.summary}")
        rows += [f"    {line}" for line in item.details]
    return rows


def _step(what: str, function, city_dir: Path, in_words) -> Finding:
    try:
        return Finding(what, True, in_words(function(city_dir)))
    except EmiError as error:
        return Finding(what, False, "", (*error.message.splitlines(), *([error.hint] if error.hint else [])))


def _data_summary(report) -> str:
    rows = [f"{table['rows']} rows of {name}" for name, table in report.tables.items()]
    return ", ".join(rows) or "nothing to read"
