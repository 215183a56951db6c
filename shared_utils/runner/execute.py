"""Run a plan: notebooks side by side in worker processes, one failure never stopping the others."""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from shared_utils.disclosure.scan import Watch
from shared_utils.results.notebooks import executed_path, failed_path, lock_path, log_path, month_of, state_path
from shared_utils.results.record import write_text
from shared_utils.runner import locks, machine, warm
from shared_utils.runner.executors import Failure, Task, default_workers, kernel_environment, run_tasks
from shared_utils.runner.notebook import LIMIT_S, release_city, run_notebook
from shared_utils.runner.plan import Job, Plan, last_run

RELEASE = "release"  # the step of a city after its notebooks
# How a notebook of a batch can end, in the order they are counted on the last line.
STATUSES = ("ok", "failed", "blocked", "stopped", "current")


@dataclass(frozen=True)
class Result:
    """How one notebook of a batch ended.

    `error` has section, cell, ename, message, hint, expected; `cold` says why its kernel was not a warm one. It is not
    `kept` where no state says how it ended (a full disk, another batch's city): --failed would not find it.
    """

    city: str
    city_dir: Path
    notebook: str
    status: str
    reason: str = ""
    seconds: float = 0.0
    error: dict | None = None
    cold: str = ""
    kept: bool = True

    @classmethod
    def of(cls, job: Job, status: str, **how) -> "Result":
        """The result of a planned job."""
        return cls(job.city, job.city_dir, job.notebook, status, job.reason, **how)

    def as_dict(self) -> dict:
        """For --json; files are named only where they exist."""
        files = {"notebook_file": executed_path, "failed_file": failed_path, "log_file": log_path}
        found = {key: str(path(self.city_dir, self.notebook)) for key, path in files.items()}
        shown = asdict(self) | {"city_dir": str(self.city_dir), "seconds": round(self.seconds, 1)}
        return shown | {key: path if Path(path).exists() else None for key, path in found.items()}


@dataclass
class BatchReport:
    """All results of a batch in the order of the plan. `cold` says why no kernel could be a warm one."""

    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0
    stopped: bool = False
    cold: str = ""

    def having(self, *statuses: str) -> list[Result]:
        """The results with one of these statuses."""
        return [result for result in self.results if result.status in statuses]

    @property
    def counts(self) -> dict[str, int]:
        return {status: len(self.having(status)) for status in STATUSES}

    @property
    def exit_code(self) -> int:
        """0 all good, 1 some failed, 3 nothing could start, 130 stopped by the person."""
        if self.stopped:
            return 130
        if self.results and len(self.having("blocked")) == len(self.results):
            return 3
        return 1 if self.having("failed", "blocked") else 0


def execute(
    plan: Plan,
    workers: int | None = None,
    on_event: Callable[[str, object], None] = lambda kind, what: None,
    limit_s: int = LIMIT_S,
    scheduler: str = "",
    watch_of: Callable[[Path], Watch] | None = None,
) -> BatchReport:
    """Run what the plan says, the longest notebooks first, and write the state of each.

    `on_event` gets ("started", Job), ("at", (Job, section)) and ("finished", Result). A notebook is stopped after
    `limit_s` seconds. With a `scheduler` (tcp://host:port) the workers of dask do the work. A KeyboardInterrupt ends
    the workers, writes what was running as stopped and returns the report with `stopped` set. A city that another
    batch is working on is left to it. `watch_of` is a function of a module: it gives the release of a city the scanner
    that knows the values of its private files.
    """
    begun = time.monotonic()
    # A batch that was killed at its very end left nothing to do but its lock.
    cities = [job.city_dir for job in plan.jobs if job.action != "current" or lock_path(job.city_dir).exists()]
    with locks.held(list(dict.fromkeys(cities))) as busy:
        report = _Batch(plan, busy, on_event, watch_of).run(workers, limit_s, scheduler)
    report.seconds = time.monotonic() - begun
    return report


class _Batch:
    """One batch: the jobs to run, how those that are over ended, which are to be released, since when others run."""

    def __init__(self, plan: Plan, busy: dict[Path, tuple[str, str]], on_event: Callable, watch_of: Callable | None):
        self.plan, self.on_event, self.watch_of = plan, on_event, watch_of
        self.jobs = {_key(job): job for job in plan.having("run") if job.city_dir not in busy}
        self.ended = {_key(job): _not_started(job, busy) for job in plan.jobs if _key(job) not in self.jobs}
        self.running, self.unreleased = {}, set()
        for job in plan.having("blocked"):
            if job.city_dir not in busy:
                _write_state(job, {"status": "blocked", "error": self.ended[_key(job)].error})

    def run(self, workers: int | None, limit_s: int, scheduler: str) -> BatchReport:
        """Run all jobs and return the report, with the results in the order of the plan."""
        report = BatchReport()
        run_id = f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}"
        longest_first = sorted(self.jobs.items(), key=lambda item: -item[1].expected_s)
        tasks = [Task(key, run_notebook, (*key, job.parameters, run_id, limit_s)) for key, job in longest_first]
        try:
            for _ in self._pool(tasks, workers, scheduler, report):
                pass  # each answer was taken by _ends
        except KeyboardInterrupt:
            report.stopped = True
            for key in self.running:
                _write_state(self.jobs[key], {"status": "stopped"})
            for key in self.unreleased:  # the next batch runs them again
                self.ended[key] = replace(self.ended[key], status="stopped")
        stopped = {key: Result.of(job, "stopped") for key, job in self.jobs.items()}
        report.results = [(stopped | self.ended)[_key(job)] for job in self.plan.jobs]
        return report

    def _pool(self, tasks: list[Task], workers: int | None, scheduler: str, report: BatchReport):
        """The answers of the tasks, from dask or from processes of this machine with a fork server of their own."""
        if scheduler and tasks:
            from shared_utils.runner import on_dask

            yield from on_dask.run_tasks(tasks, scheduler, self._starts, self._at, self._ends)
            return
        many = len(tasks) > 1  # one notebook would only wait for the server
        report.cold = warm.why_not() if many else ""
        with warm.serving(kernel_environment()) if many else contextlib.nullcontext():
            workers = workers or default_workers(len(tasks))
            yield from run_tasks(tasks, workers, self._starts, self._at, self._ends, warm.WORKERS if many else "")

    def _starts(self, key) -> None:
        if key in self.jobs:
            self.running[key] = time.monotonic()
            self.on_event("started", self.jobs[key])

    def _at(self, key, section: str) -> None:
        self.on_event("at", (self.jobs[key], section))

    def _ends(self, key, answer) -> list[Task]:
        """Keep how a task ended; returns the release of its city when that was the city's last notebook."""
        city_dir, notebook = key
        if notebook == RELEASE:
            self._released(city_dir, answer)
            return []
        self.ended[key] = _finish(self.jobs[key], answer, time.monotonic() - self.running.pop(key))
        good = self._good(city_dir)
        self.unreleased |= {(city_dir, name) for name in good}
        self.on_event("finished", self.ended[key])
        over = all(key in self.ended for key in self.jobs if key[0] == city_dir)
        return [Task((city_dir, RELEASE), release_city, (city_dir, good, self.watch_of))] if good and over else []

    def _good(self, city_dir: Path) -> list[str]:
        """The notebooks of a city that ran well in this batch and may leave: an earlier month never does."""
        own = [key for key in self.jobs if key[0] == city_dir and key in self.ended and not month_of(key[1])]
        return [notebook for _, notebook in own if self.ended[city_dir, notebook].status == "ok"]

    def _released(self, city_dir: Path, answer: dict[str, str] | Failure) -> None:
        """A notebook whose result may not leave has failed, in a step after its last section."""
        for notebook in self._good(city_dir):
            key, failed = (city_dir, notebook), None
            if isinstance(answer, Failure):
                failed = _failure(answer)
            elif notebook in answer:
                failed = _error(answer[notebook], "The last good release stays as it is.", "ReleaseError")
            if failed:
                failed["section"] = "the release"
                self.ended[key] = replace(self.ended[key], status="failed", error=failed)
            ended = {"status": self.ended[key].status, "error": failed, "released": not failed}
            if lost := _write_state(self.jobs[key], last_run(*key) | ended):
                self.ended[key] = replace(self.ended[key], status="failed", error=lost, kept=False)
            self.unreleased.discard(key)


def _key(job: Job) -> tuple[Path, str]:
    return job.city_dir, job.notebook


def _not_started(job: Job, busy: dict[Path, tuple[str, str]]) -> Result:
    if job.action == "current":
        return Result.of(job, "current")
    if job.city_dir in busy:
        return Result.of(job, "blocked", error=_error(*busy[job.city_dir]), kept=False)
    return Result.of(job, "blocked", error=_error(job.reason, job.hint))


def _error(message: str, hint: str = "", ename: str = "", expected: bool = True) -> dict:
    place = {"section": "", "cell": None}
    return place | {"ename": ename, "message": message, "hint": hint, "expected": expected}


def _finish(job: Job, answer: dict | Failure, since_start: float) -> Result:
    """Keep how a job ended. Its seconds are those of the worker; one that died has told none."""
    state = answer
    if isinstance(answer, Failure):  # the worker or the kernel died twice, or the runner itself failed
        state = {"status": "failed", "error": _failure(answer)}
        with contextlib.suppress(OSError):
            _append(log_path(job.city_dir, job.notebook), answer.trace)
    seconds = state.get("duration_s", round(since_start, 1))
    if lost := _write_state(job, state | {"duration_s": seconds, "released": False}):
        return Result.of(job, "failed", seconds=seconds, error=lost, kept=False)
    return Result.of(job, state["status"], seconds=seconds, error=state["error"], cold=state.get("cold", ""))


def _failure(failure: Failure) -> dict:
    if failure.ename == "InfrastructureDeath":
        hint = "It was tried twice. Run fewer at a time:  emi run --workers 1"
        return _error(failure.message, hint, failure.ename, expected=False)
    if failure.expected:
        return _error(failure.message, failure.hint, failure.ename)
    if plain := machine.in_words(failure.ename, failure.message):
        return _error(*plain, ename=failure.ename)
    message = f"It stopped with {failure.ename}: {failure.message}."
    return _error(message, ename=failure.ename, expected=False)


def _append(log: Path, text: str) -> None:
    with log.open("a", encoding="utf-8") as stream:
        stream.write(text)


def _write_state(job: Job, state: dict) -> dict | None:
    """Keep how a job ended; returns the error when that was not possible: the next run then starts it anew."""
    if not job.city_dir.is_dir():  # never make a folder again that was moved away
        return _error(*machine.moved(job.city_dir))
    state = {"finished_at": datetime.now(UTC).isoformat(timespec="seconds")} | state
    try:
        write_text(json.dumps(state, indent=1, sort_keys=True) + "\n", state_path(job.city_dir, job.notebook))
    except OSError as error:
        plain = machine.in_words("OSError", str(error)) or (f"How it ended could not be kept: {error}.", "emi run")
        return _error(*plain, ename=type(error).__name__)
    return None
