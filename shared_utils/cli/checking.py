"""What `emi check` looks at: settings, shared code, an update that is not over, data (with sound settings only)."""

from dataclasses import dataclass
from pathlib import Path

from shared_utils.cli import problem_table, work
from shared_utils.errors import EmiError


@dataclass(frozen=True)
class Finding:
    """One line of the check; `details` are what is wrong and what to do, or notes when `ok`.

    Of the data, `sheets` are the files with the cells that are wrong (`problem_report.Sheet`), `page` the saved list.
    """

    what: str
    ok: bool
    summary: str
    details: tuple[str, ...] = ()
    sheets: tuple = ()
    page: Path | None = None


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
    shared = Finding("shared code", not edited, "was changed" if edited else "as it was copied", tuple(edited))
    settings = _step("settings", _settings, city_dir)
    update = _step("update", _update, city_dir)
    found = [settings, shared, *([] if update.ok else [update])]
    return [*found, _step("data", _data, city_dir)] if settings.ok else found


def lines(city: str, found: list[Finding], width: int) -> list[str]:
    """The findings as lines for the screen."""
    from shared_utils.runner.report import hang

    rows = []
    for item in found:
        first = f"{city}  {item.what:<11}  {'ok     ' if item.ok else 'problem'}  "
        rows.append(hang(first + item.summary, width, len(first)).rstrip())
        rows += [hang(f"    {line}", width) for line in item.details]
        rows += problem_table.lines(item.sheets, width)
        rows += _saved(item.page) if item.page else []
    return rows


def _saved(page: Path) -> list[str]:
    here = page.relative_to(Path.cwd()) if page.is_relative_to(Path.cwd()) else page
    return ["", f"The list is also in  {here}  and  check.csv"]


def _settings(city_dir: Path) -> Finding:
    work.load_settings(city_dir)
    return Finding("settings", True, "city.yml")


def _update(city_dir: Path) -> Finding:
    from shared_utils.template import update

    update.check_ended(city_dir)
    return Finding("update", True, "")


def _data(city_dir: Path) -> Finding:
    from shared_utils.data import IntakeError, problem_report

    try:
        report = work.prepare(city_dir)
    except IntakeError as error:
        sheets = problem_report.sheets(error.problems, error.seen)
        details = () if error.page else (error.hint,)
        return Finding("data", False, problem_report.counts(sheets), details, tuple(sheets), error.page)
    tables = ", ".join(f"{name} {table['rows']}" for name, table in report.tables.items())
    flags = [flag for flag in report.flags if flag["severity"] != "info"]
    noted = [f"{f['code']} {f['severity']}, {f['scope']}: {f['message']}{_rows(f, report.places)}" for f in flags]
    return Finding("data", True, f"rows: {tables}", (*map(_source, report.sources), *noted))


def _rows(flag: dict, places: list[dict]) -> str:
    """Where to look: the rows of the files a flag is about."""
    own = [place for place in places if (place["code"], place["scope"]) == (flag["code"], flag["scope"])]
    return "".join(f" {place['file']}, row {_listed(place)}." for place in own)


def _listed(place: dict) -> str:
    more = place["count"] - len(place["rows"])
    return ", ".join(map(str, place["rows"])) + (f" and {more:,} more" if more else "")


def _source(source) -> str:
    sheet = f", sheet {source.sheet}" if source.sheet else ""
    dropped = ", ".join(f"{rows} {reason}" for reason, rows in source.dropped.items() if rows)
    left_out = f"; left out: {dropped}" if dropped else ""
    rows = f"{source.rows_in} rows read, {source.rows_kept} in {source.table}"
    how = f". {' '.join(source.notes)}" if source.notes else ""
    return f"{source.file}{sheet}: {rows}{left_out}{how}"


def _step(what: str, function, city_dir: Path) -> Finding:
    try:
        return function(city_dir)
    except EmiError as error:
        return Finding(what, False, "", (*error.message.splitlines(), *([error.hint] if error.hint else [])))
