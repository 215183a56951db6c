"""What a batch says: lines of plain words for a terminal, one object for --json (experience.md section 3)."""

import os
import textwrap
from pathlib import Path

from shared_utils.results.notebooks import month_of
from shared_utils.runner.execute import BatchReport, Result
from shared_utils.runner.plan import Job, Plan
from shared_utils.runner.status import EDITED, CityStatus

_WORDS = {"failed": "FAILED", "current": "up to date"}
SHOWN_RUNNING = 8  # notebooks that run now; a cluster runs more than fit on a screen


def plan_line(plan: Plan, workers: int) -> str:
    """The first line of a run."""
    if not plan.jobs:
        return "Nothing to run: no notebook failed last time."
    to_run, current, blocked = (len(plan.having(action)) for action in ("run", "current", "blocked"))
    cities = len({job.city_dir for job in plan.jobs})
    parts = [f"{current} up to date", f"{to_run} to run", f"{blocked} blocked" if blocked else ""]
    at_a_time = f", {min(workers, to_run)} at a time" if to_run > 1 else ""
    return (
        f"Plan: {_count(len(plan.jobs), 'notebook')} in {_count(cities, 'city', 'cities')}. "
        f"{', '.join(filter(None, parts))}{at_a_time}."
    )


def dry_run_lines(plan: Plan) -> list[str]:
    """What would run and why."""
    jobs = plan.having("run")
    widths = _widths(jobs)
    rows = [f"  {job.city:{widths[0]}}  {job.notebook:{widths[1]}}  {job.reason}" for job in jobs]
    blocked = [f"  {job.city}  {job.notebook}  cannot run: {job.reason}" for job in plan.having("blocked")]
    first = f"Would run {len(jobs)} of {_count(len(plan.jobs), 'notebook')}. Nothing was run."
    return [first, *rows, *blocked]


def result_line(result: Result, number: int, plan: Plan) -> str:
    """One line a notebook: `[ 7/27] greyport  monitoring  FAILED  3.2 s`."""
    jobs = plan.having("run")
    city, notebook = _widths(jobs)
    total = str(len(jobs))
    word = _WORDS.get(result.status, result.status)
    return (
        f"  [{number:>{len(total)}}/{total}] {result.city:{city}}  {result.notebook:{notebook}}  {word:<8} "
        f"{result.seconds:6.1f} s"
    )


def running_lines(at: dict[tuple[str, str], str], ended: list[Result], plan: Plan, workers: int, width: int) -> str:
    """What runs now, and how long all of it may still take: `3 of 27, about 2 min 5 s left`, then a line a notebook.

    `at` is {(city, notebook): section}.
    """
    jobs, over = plan.having("run"), {(result.city_dir, result.notebook) for result in ended}
    left = sum(job.expected_s for job in jobs if (job.city_dir, job.notebook) not in over) / workers
    about = f", about {_duration(left)} left" if left >= 1 else "" if at else ", releasing the results"
    wide, below = _widths(jobs), " " * (2 * len(str(len(jobs))) + 6)  # under the names of the result lines
    running = [f"{below}{city:{wide[0]}}  {name:{wide[1]}}  {section}" for (city, name), section in at.items()]
    more = [f"{below}and {len(running) - SHOWN_RUNNING} more"] if len(running) > SHOWN_RUNNING else []
    lines = [f"{len(ended)} of {len(jobs)}{about}", *running[:SHOWN_RUNNING], *more]
    return "\n".join(line if len(line) <= width - 4 else f"{line[: width - 8].rstrip()} ..." for line in lines)


def ending_lines(report: BatchReport, width: int, here: Path, debug: bool = False) -> list[str]:
    """The last lines of a run: every failure in plain words, the counts, the exact next command."""
    lines = []
    for status, title in (("failed", "failed"), ("blocked", "not started")):
        results = report.having(status)
        lines += ["", f"{len(results)} {title}"] if results else []
        for same in _by_cause(results):
            lines += [*_where_lines(same), *_cause_lines(same[0], width), *_file_lines(same[0], here)]
            lines += _log_lines(same[0]) if debug else []
    lines += ["", f"{_counts(report)}   {_duration(report.seconds)}", *_kept_lines(report), *_cold_lines(report)]
    return [*lines, *next_lines(report)]


def next_lines(report: BatchReport) -> list[str]:
    """The commands to type next."""
    return [f"Next:  {'   then:  '.join(commands)}" for commands in [next_commands(report)] if commands]


def next_commands(report: BatchReport) -> list[str]:
    """The exact commands to type next: what a person can mend is checked, a surprise is looked at."""
    if report.stopped:
        return [_again(report).removesuffix(" --failed")]
    unwell = report.having("failed", "blocked")
    if not unwell:
        return ["emi site"] if report.having("ok") else ["emi status"]
    to_check = dict.fromkeys(r.city for r in unwell if r.error["expected"] and r.kept)
    to_look = [r.city for r in unwell if not r.error["expected"] and r.error["section"]]
    check = [f"emi check {' '.join(to_check)}"] if to_check else []
    look = [f"emi lab {to_look[0]}"] if to_look else []
    return [*check, *look, _again(report)]


def _again(report: BatchReport) -> str:
    """The command that runs what did not end well; what ended well is up to date by then."""
    months = {month_of(result.notebook) for result in report.results} - {""}
    if months:
        return f"emi run --months {len(months) + 1}"
    return "emi run --failed" if all(result.kept for result in report.results) else "emi run"


def report_dict(report: BatchReport) -> dict:
    """The one object of `emi run --json`."""
    return {
        "exit_code": report.exit_code,
        "stopped": report.stopped,
        "seconds": round(report.seconds, 1),
        "counts": report.counts,
        "notebooks": [result.as_dict() for result in report.results],
        "next": next_commands(report),
    }


def plan_dict(plan: Plan) -> dict:
    """The one object of `emi run --dry-run --json`."""
    shown = ("city", "notebook", "action", "reason", "hint")
    rows = [{name: getattr(job, name) for name in shown} for job in plan.jobs]
    return {"exit_code": 0, "notebooks": rows}


def status_lines(cities: list[CityStatus], width: int) -> list[str]:
    """The status grid, then a line for each notebook that is not as it should be, then the totals."""
    first = max([len(c.city) for c in cities] + [4])
    names = [n.notebook for n in cities[0].notebooks]
    head = f"{'':{first}}  {''.join(f'{name:<13}' for name in names)}{'data to':<9}{'data':<11}flags"
    rows = [head]
    for city in cities:
        words = "".join(f"{n.word:<13}" for n in city.notebooks)
        as_of = max((n.as_of for n in city.notebooks), default="")[:7] or "-"
        rows.append(f"{city.city:{first}}  {words}{as_of:<9}{city.data_mode:<11}{_flags(city.flags)}")
    details = [hang(f"  {line}", width) for city in cities for line in _unwell_lines(city)]
    words = [n.word for city in cities for n in city.notebooks]
    counts = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    total = f"{_count(len(words), 'notebook')}: {counts}."
    return [*rows, *([""] if details else []), *details, "", total, _after_status(words)]


def _unwell_lines(city: CityStatus) -> list[str]:
    reasons = {}
    for notebook in city.notebooks:
        if notebook.word not in ("ok", "blinded", "never run"):
            reasons.setdefault(notebook.reason, []).append(notebook.notebook)
    lines = [f"{city.city}  {', '.join(notebooks)}: {reason}" for reason, notebooks in reasons.items()]
    if city.audit == EDITED:
        lines.append(f"{city.city}  a released result was {EDITED}, so the site does not show it")
        lines.append(f"{city.city}  to release it again:  emi run {city.city} --force")
    return lines


def _after_status(words: list[str]) -> str:
    behind = {"out of date", "never run"} & set(words)
    if {"FAILED", "blocked", "stopped"} & set(words):
        return f"Next:  emi check   then:  emi run{'' if behind else ' --failed'}"
    return "Next:  emi run" if behind else "Next:  emi site"


def _by_cause(results: list[Result]) -> list[list[Result]]:
    """Notebooks with one cause are told together: one missing column is not three problems."""
    groups = {}
    for result in results:
        groups.setdefault((result.error["message"], result.error["section"]), []).append(result)
    return list(groups.values())


def _where_lines(same: list[Result]) -> list[str]:
    section = same[0].error["section"]
    notebooks = {}
    for result in same:
        notebooks.setdefault(result.city, []).append(result.notebook)
    end = f', section "{section}"' if section else ""
    return [f"  {city}  {', '.join(names)}{end}" for city, names in notebooks.items()]


def _file_lines(result: Result, here: Path) -> list[str]:
    if result.status == "blocked":  # what is there is of an older run
        return []
    files = result.as_dict()
    named = {"Half-run": files["failed_file"], "Full error": files["log_file"]}
    return [f"    {name:<10}  {short(path, here)}" for name, path in named.items() if path]


def _log_lines(result: Result) -> list[str]:
    path = result.as_dict()["log_file"]
    log = Path(path).read_text(encoding="utf-8", errors="replace").rstrip() if path else ""
    return ["", textwrap.indent(log, "      "), ""]


def _cause_lines(result: Result, width: int) -> list[str]:
    cause = [hang(f"    {line}", width) for line in result.error["message"].splitlines()]
    hint = result.error["hint"]
    return [*cause, hang(f"    {'Fix':<10}  {hint}", width, 16)] if hint else cause


def _kept_lines(report: BatchReport) -> list[str]:
    """Cities whose last good result stays in use."""
    kept = [r for r in report.having("failed", "blocked") if r.as_dict()["notebook_file"]]
    cities = ", ".join(dict.fromkeys(result.city for result in kept))
    return [f"The site keeps the last good results of {cities}."] if kept else []


def _cold_lines(report: BatchReport) -> list[str]:
    """Slower than it could be, said once, and nothing to worry about."""
    reasons = [report.cold, *(result.cold for result in report.results)]
    why = next(filter(None, reasons), "")
    return [f"Kernels started the ordinary, slower way: {why}."] if why else []


def _counts(report: BatchReport) -> str:
    counts = {status: n for status, n in report.counts.items() if n or status in ("ok", "failed")}
    shown = [f"{_WORDS.get(status, status).lower()} {n}" for status, n in counts.items()]
    return "   ".join([*shown, f"total {len(report.results)}"])


def _flags(flags: dict[str, int]) -> str:
    return ", ".join(f"{n} {severity}" for severity, n in flags.items() if n) or "-"


def _widths(jobs: list[Job]) -> tuple[int, int]:
    return max((len(j.city) for j in jobs), default=0), max((len(j.notebook) for j in jobs), default=0)


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"


def _duration(seconds: float) -> str:
    return f"{int(seconds // 60)} min {int(seconds % 60)} s" if seconds >= 60 else f"{seconds:.1f} s"


def short(path: str | Path, here: Path) -> str:
    """A path as seen from where the person stands; as it is when that is on another drive."""
    try:
        relative = os.path.relpath(path, here)
    except ValueError:
        return str(path)
    return str(path) if relative.startswith(os.pardir) else relative


def hang(text: str, width: int, indent: int | None = None) -> str:
    """Wrap at `width`, further lines under the first; paths and long words stay whole, to be copied."""
    indent = len(text) - len(text.lstrip()) if indent is None else indent
    return textwrap.fill(
        text,
        max(width, 40),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
