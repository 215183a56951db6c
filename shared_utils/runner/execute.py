"""Run a plan: notebooks side by side in worker processes, one failure never stopping the others."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from shared_utils.results.notebooks import executed_path, failed_path, log_path, state_path
from shared_utils.results.record import write_text
from shared_utils.runner.executors import Failure, Task, default_workers, run_tasks
from shared_utils.runner.notebook import run_notebook
from shared_utils.runner.plan import Job, Plan

# How a notebook of a batch can end, in the order they are counted on the last line.
STATUSES = ("ok", "failed", "blocked", "stopped", "current")


@dataclass(frozen=True)
class Result:
    """How one notebook of a batch ended. `error` has section, cell, ename, message, hint, expected."""

    city: str
    city_dir: Path
    notebook: str
    status: str
    reason: str = ""
    seconds: float = 0.0
    error: dict | None = None

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
    """All results of a batch in the order of the plan."""

    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0
    stopped: bool = False

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
    plan: Plan, workers: int | None = None, on_event: Callable[[str, object], None] = lambda kind, what: None
) -> BatchReport:
    """Run what the plan says and write the state of each notebook.

    `on_event` gets ("started", Job) and ("finished", Result). Ctrl+C ends the workers, writes what was
    running as stopped and returns the report with `stopped` set.
    """
    begun = time.monotonic()
    ended = {_key(job): _not_started(job) for job in plan.jobs if job.action != "run"}
    for job in plan.having("blocked"):
        _write_state(job, {"status": "blocked", "error": ended[_key(job)].error})
    jobs = {_key(job): job for job in plan.having("run")}
    running = {}  # when each started

    def started(key):
        running[key] = time.monotonic()
        on_event("started", jobs[key])

    report = BatchReport()
    run_id = f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}"
    tasks = [Task(key, run_notebook, (*key, job.parameters, run_id)) for key, job in jobs.items()]
    try:
        for key, answer in run_tasks(tasks, workers or default_workers(len(tasks)), started):
            ended[key] = _finish(jobs[key], answer, time.monotonic() - running.pop(key))
            on_event("finished", ended[key])
    except KeyboardInterrupt:
        report.stopped = True
        for key in running:
            _write_state(jobs[key], {"status": "stopped"})
    stopped = {key: Result.of(job, "stopped") for key, job in jobs.items()}
    report.results = [(stopped | ended)[_key(job)] for job in plan.jobs]
    report.seconds = time.monotonic() - begun
    return report


def _key(job: Job) -> tuple[Path, str]:
    return job.city_dir, job.notebook


def _not_started(job: Job) -> Result:
    if job.action == "current":
        return Result.of(job, "current")
    return Result.of(job, "blocked", error=_error(job.reason, job.hint))


def _error(message: str, hint: str = "", ename: str = "", expected: bool = True) -> dict:
    place = {"section": "", "cell": None}
    return place | {"ename": ename, "message": message, "hint": hint, "expected": expected}


def _finish(job: Job, answer: dict | Failure, seconds: float) -> Result:
    state = answer
    if isinstance(answer, Failure):  # the worker or the kernel died twice, or the runner itself failed
        state = {"status": "failed", "error": _failure(answer)}
        _append(log_path(job.city_dir, job.notebook), answer.trace)
    _write_state(job, state | {"duration_s": round(seconds, 1)})
    return Result.of(job, state["status"], seconds=seconds, error=state["error"])


def _failure(failure: Failure) -> dict:
    if failure.ename == "InfrastructureDeath":
        hint = "It was tried twice. Close other programs, or run fewer at a time: --workers 1"
        return _error(failure.message, hint, failure.ename, expected=False)
    if failure.expected:
        return _error(failure.message, failure.hint, failure.ename)
    message = f"It stopped with {failure.ename}: {failure.message}."
    return _error(message, ename=failure.ename, expected=False)


def _append(log: Path, text: str) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as stream:
        stream.write(text)


def _write_state(job: Job, state: dict) -> None:
    state = {"finished_at": datetime.now(UTC).isoformat(timespec="seconds")} | state
    write_text(json.dumps(state, indent=1, sort_keys=True) + "\n", state_path(job.city_dir, job.notebook))
