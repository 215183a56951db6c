"""Run one notebook of one city, in this process: papermill, then the checks that make a result a result.

The executed notebook is written beside its target and renamed when whole. What failed is kept beside it
(.failed.ipynb) with a log, and told in one sentence with the section where it happened.
"""

import contextlib
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from shared_utils import lean
from shared_utils.disclosure.messages import quiet_error
from shared_utils.disclosure.scan import Watch, hide
from shared_utils.errors import EmiError
from shared_utils.results import freshness
from shared_utils.results.notebooks import executed_path, failed_path, log_path, name, source_path
from shared_utils.results.record import internal_path, read
from shared_utils.runner import machine, warm
from shared_utils.runner.executors import InfrastructureDeath
from shared_utils.runner.half_run import HalfRun, cells_of, place, quiet_errors
from shared_utils.runner.plan import declared_parameters

LIMIT_S = 60 * 60


class _Failed(Exception):
    """A run that ended badly, as the fields of `error` in its state; `expected`: told in words for people."""

    def __init__(self, message: str, **more):
        super().__init__(message)
        blank = {"section": "", "cell": None, "ename": "", "hint": "", "expected": True}
        self.error = blank | {"message": message} | more


def run_notebook(city_dir: Path, notebook: str, parameters: dict, run_id: str, limit_s: int = LIMIT_S) -> dict:
    """Run a notebook; nothing is released yet. Returns the state to keep: status, fingerprint, times, error.

    `run_id` names the batch in the record; it is no input, so it is not part of the fingerprint. After `limit_s`
    seconds the notebook is stopped.
    Raises InfrastructureDeath when the kernel died under it: the caller may try once more.
    """
    started, begun = datetime.now(UTC), time.monotonic()
    fingerprint = freshness.fingerprint(city_dir, name(notebook), parameters)
    log = log_path(city_dir, notebook)
    log.parent.mkdir(parents=True, exist_ok=True)
    error = None
    with _output_to(log):
        print(f"{started:%Y-%m-%d %H:%M:%S} UTC  {notebook}  parameters {parameters}", file=sys.stderr)
        try:
            takes_id = "run_id" in declared_parameters(source_path(city_dir, notebook))
            given = {"run_id": run_id} | parameters if takes_id else parameters
            _run_checked(city_dir, notebook, given, limit_s)
        except _Failed as failed:
            error = failed.error
    return {
        "status": "failed" if error else "ok",
        "fingerprint": fingerprint,
        "parameters": parameters,
        "started_at": started.isoformat(timespec="seconds"),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "duration_s": round(time.monotonic() - begun, 1),
        "cold": _cold_reason(),
        "error": error,
    }


def release_city(city_dir: Path, notebooks: list[str], watch_of: Callable[[Path], Watch] | None) -> dict[str, str]:
    """Release what a city's notebooks of this batch found, together; returns {notebook: why} of what may not leave.

    Together, because the same people are counted in all of them. `watch_of` gives the scanner that knows the values of
    the city's private files; the runner itself cannot read them.
    """
    lean.skip_address_grammars()
    from shared_utils import results  # loads nbconvert

    try:
        results.release(city_dir, notebooks, watch_of(city_dir) if watch_of else None)
    except results.ReleaseError as error:
        return error.refused or dict.fromkeys(notebooks, f"{error.message} {error.hint}".strip())
    return {}


def _cold_reason() -> str:
    """Why the kernel was not a warm one, although the batch has a fork server; "" when it was."""
    if not warm.socket_path():
        return ""
    from shared_utils.runner.warm import provisioner  # loads jupyter_client, as papermill has done

    return provisioner.cold_reason()


def _run_checked(city_dir: Path, notebook: str, parameters: dict, limit_s: int) -> None:
    target, failed = executed_path(city_dir, notebook), failed_path(city_dir, notebook)
    part = target.with_name(f".{target.stem}.part.ipynb")
    part.unlink(missing_ok=True)  # of a run that was killed: its end could not clean up
    record = internal_path(city_dir, notebook)
    before = _stamp(record)
    try:
        _papermill(city_dir, notebook, parameters, part, limit_s)
        if _stamp(record) == before:
            raise _Failed(
                f"The notebook ran to its end but wrote no {record.name}.",
                hint="Its last cell must be the finish() call of the notebook it came from.",
                section="the last cell",
            )
        _as_failure("the result record", read, record)
        os.replace(part, target)
    except BaseException:  # Ctrl+C too: what ran is kept, and the error goes on
        _keep(part, failed)
        raise
    failed.unlink(missing_ok=True)


def _keep(part: Path, failed: Path) -> None:
    """Keep what has run, to be read; not where a full disk tore it."""
    with contextlib.suppress(FileNotFoundError):  # nothing has run yet
        try:
            json.loads(part.read_text(encoding="utf-8"))
        except ValueError:
            part.unlink()
        else:
            os.replace(part, failed)


def _as_failure(section: str, function, *args) -> None:
    """Call a step after the notebook; whatever goes wrong is told as a failure in that step."""
    try:
        function(*args)
    except EmiError as error:
        print(hide(traceback.format_exc()), file=sys.stderr)
        raise _Failed(error.message, ename=type(error).__name__, hint=error.hint, section=section) from None
    except Exception as error:
        _log(error)
        raise _unexpected(type(error).__name__, str(error), section=section) from None


def _papermill(city_dir: Path, notebook: str, parameters: dict, part: Path, limit_s: int) -> None:
    lean.skip_address_grammars()
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    source = source_path(city_dir, notebook)
    run = HalfRun(source, part, limit_s)
    try:
        papermill.execute_notebook(
            str(source),
            str(part),
            parameters=parameters,
            kernel_name=warm.kernel_name(),  # never the name an analyst's laptop wrote into it
            language="python",
            progress_bar=False,
            request_save_on_cell_execute=False,  # saves after each cell otherwise
            start_timeout=120,
            # Sets the kernel's directory only; `cwd=` would change that of this process.
            resources={"metadata": {"path": str(source.parent)}},
            extra_arguments=["--IPKernelApp.log_level=40"],
            on_cell_start=run.starts,
            on_cell_executed=run.executed,
            timeout_func=run.seconds_left,
        )
    except PapermillExecutionError as error:
        own = _own_errors(city_dir)
        told = quiet_errors(part, own)
        print("\n".join(told.traceback), file=sys.stderr)
        cells = cells_of(part)
        section, cell = place(cells, next(i for i, c in enumerate(cells) if _has_error(c)))
        if error.ename in own:
            message, hint = _message_and_hint(told.evalue)
            raise _Failed(message, ename=error.ename, hint=hint, section=section, cell=cell) from None
        hint = f"If code cell {cell} of notebooks/{source.name} is yours, correct it. If not, show whoever helps you."
        raise _unexpected(error.ename, told.evalue, hint=hint, section=section, cell=cell) from None
    except CellTimeoutError:
        minutes = f"{limit_s / 60:g} minutes"
        hint = "If it needs more, give it more:  emi run --timeout MINUTES"
        raise _Failed(f"It was stopped after {minutes}.", ename="Timeout", hint=hint, section=run.save()) from None
    except (DeadKernelError, RuntimeError) as error:  # RuntimeError: it died, or did not answer, at its start
        traceback.print_exc()
        section = run.save()
        where = f'in section "{section}"' if section else "at its start"
        said = str(error).splitlines()[0]
        raise InfrastructureDeath(f"The kernel ended {where}, often for lack of memory ({said}).") from None
    except Exception as error:
        _log(error)
        raise _unexpected(type(error).__name__, str(error)) from None


def _log(error: Exception) -> None:
    """Write an error of ours to the log; its message may quote a row, so it is made quiet first."""
    quiet_error(error)
    traceback.print_exception(error)


def _unexpected(ename: str, evalue: str, **known) -> _Failed:
    plain = machine.in_words(ename, evalue)
    if plain:
        return _Failed(plain[0], ename=ename, **known | {"hint": plain[1]})
    first = re.sub(r"\(\d+\.py, line (\d+)\)$", r"(line \1 of the cell)", evalue.strip().partition("\n")[0])
    said = f": {first.rstrip('.')}" if first else ""
    return _Failed(f"It stopped with {ename}{said}.", ename=ename, expected=False, **known)


def _message_and_hint(evalue: str) -> tuple[str, str]:
    """An EmiError crosses from the kernel as text: the message, then the hint on a last line of its own."""
    message, _, last = evalue.rpartition("\n")
    listed = last.startswith(" ")  # the last of a list of problems, not a hint
    return (message, last) if message and not listed else (evalue, "")


def _own_errors(city_dir: Path) -> set[str]:
    """Names of EmiError and its subclasses in the code of this city; the kernel's error has only a name."""
    bases = {}
    for folder in ("shared_utils", "city_code"):
        for file in (Path(city_dir) / folder).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            bases |= dict(re.findall(r"^class (\w+)\((\w+)\)", text, re.MULTILINE))
    names = {"EmiError"}
    while more := {name for name, base in bases.items() if base in names} - names:
        names |= more
    return names


def _has_error(cell) -> bool:
    return any(output.output_type == "error" for output in cell.get("outputs", []))


def _stamp(path: Path) -> tuple[int, int] | None:
    """Changes whenever the file is written anew, even with the same bytes."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns


@contextlib.contextmanager
def _output_to(log: Path):
    """Send this process's standard output and error, and those of its kernels, to a log file."""
    stream = log.open("w", encoding="utf-8", errors="replace", buffering=1)
    kept = [os.dup(1), os.dup(2)]
    try:
        for descriptor in (1, 2):
            os.dup2(stream.fileno(), descriptor)
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            yield
    finally:
        for descriptor, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)
        with contextlib.suppress(OSError):  # a full disk: what is left of the log is nobody's result
            stream.close()
