"""A small pool of worker processes that outlives the death of one of them.

Each slot is one process with one job at a time, so a process that dies takes only its own job with it and the
others go on; concurrent.futures gives up the whole pool when one process dies. Processes and not threads:
papermill and prepare() may change the working directory (ran one city in another's folder, runner.md).
"""

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import Any

from shared_utils.disclosure.messages import quiet_error
from shared_utils.errors import EmiError
from shared_utils.runner import memory, warm

# One BLAS thread a kernel: kernels side by side would fight for the cores (measured: a quarter of the time).
# The hash seed makes set order, and so bytes, the same in every run; UTF-8 is not the default on Windows.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
KERNEL_ENV = {name: "1" for name in _THREADS} | {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
MEMORY_A_WORKER = 500 * 2**20  # bytes: a worker and its kernel on the data of a pilot with a few thousand people


def kernel_environment() -> dict[str, str]:
    """What a process that starts kernels adds to its environment; a person's own thread counts stay."""
    return {k: v for k, v in KERNEL_ENV.items() if k not in _THREADS or k not in os.environ}


class InfrastructureDeath(Exception):
    """A process died under the job (memory, kill): worth one more try, unlike an error in a cell."""


@dataclass(frozen=True)
class Task:
    """One call for a worker. `function` and `args` must be picklable; `key` is the caller's."""

    key: Any
    function: Callable
    args: tuple = ()


@dataclass(frozen=True)
class Failure:
    """An exception as plain text: exceptions of other rooms do not survive pickling unharmed."""

    ename: str
    message: str
    hint: str = ""
    expected: bool = False  # an EmiError: written for people
    trace: str = ""


@dataclass(frozen=True)
class _Told:
    """What a task says on its way."""

    text: str


_listeners: list[Callable[[str], None]] = []


def listen(listener: Callable[[str], None]) -> None:
    """In a worker: who hears what tasks say on their way."""
    _listeners[:] = [listener]


def tell(text: str) -> None:
    """Say where a task is; outside a worker nobody listens."""
    for listener in _listeners:
        listener(text)


def default_workers(jobs: int) -> int:
    """One more than the cores (kernels wait for messages a quarter of the time), fewer where memory is short."""
    fit = (memory.available() or MEMORY_A_WORKER * 4) // MEMORY_A_WORKER
    return max(1, min(jobs, (os.cpu_count() or 1) + 1, fit))


def run_tasks(
    tasks: Iterable[Task],
    workers: int,
    on_start: Callable[[Any], None] = lambda key: None,
    on_tell: Callable[[Any, str], None] = lambda key, text: None,
    then: Callable[[Any, Any], Iterable[Task]] = lambda key, answer: (),
    libraries: str = "",
) -> Iterator[tuple[Any, Any]]:
    """Yield (key, value or Failure) as tasks end; a task whose process died is tried once more.

    `on_tell` gets what a task says on its way, and `then` an answer, to return the tasks that follow from it. When
    the caller stops early or is interrupted, the workers are stopped; their kernels notice and end. `libraries` is a
    module that imports what all workers need: where this system can fork, they are copies of one process that did.
    """
    waiting = deque((task, 1) for task in tasks)
    slots = [Slot(libraries) for _ in range(min(workers, len(waiting)))]
    try:
        while waiting or any(slot.busy for slot in slots):
            for slot in slots:
                if waiting and not slot.busy:
                    task, attempt = waiting.popleft()
                    on_start(task.key)
                    slot.give(task, attempt)
            for connection in wait([slot.connection for slot in slots if slot.busy]):
                slot = next(slot for slot in slots if slot.connection is connection)
                answer = slot.hear()
                if isinstance(answer, _Told):
                    on_tell(slot.task.key, answer.text)
                    continue
                task, attempt = slot.free()
                if is_death(answer) and attempt == 1:
                    waiting.append((task, 2))
                else:
                    waiting.extend((task, 1) for task in then(task.key, answer))
                    yield task.key, answer
    finally:
        for slot in slots:
            slot.stop()


def is_death(answer: Any) -> bool:
    """True when the process under a task died."""
    return isinstance(answer, Failure) and answer.ename == InfrastructureDeath.__name__


class Slot:
    """One worker process, started with its first task and replaced when it dies."""

    def __init__(self, libraries: str):
        self.task, self.attempt, self.process, self.libraries = None, 0, None, libraries
        self.over = False

    @property
    def busy(self) -> bool:
        return self.task is not None

    def give(self, task: Task, attempt: int) -> None:
        self.task, self.attempt = task, attempt
        if self.process is None:
            self._start()
        try:
            self.connection.send((task.function, task.args))
        except OSError:  # died while idle
            self._start()
            self.connection.send((task.function, task.args))

    def hear(self) -> Any:
        """The task's answer, or what it says on its way."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            if not self.over:
                self._start()
            message = "The process that ran it was ended from outside, often for lack of memory."
            return Failure(InfrastructureDeath.__name__, message)

    def answer(self, task: Task) -> Any:
        """Run a task by itself, for a caller who waits; once more when the process died under it."""
        for attempt in (1, 2):
            self.give(task, attempt)
            while isinstance(answer := self.hear(), _Told):
                pass
            self.free()
            if self.over or not is_death(answer):
                break
        return answer

    def free(self) -> tuple[Task, int]:
        task, self.task = self.task, None
        return task, self.attempt

    def kill(self) -> None:
        """End the process for good, also while a thread waits for its answer."""
        self.over = True
        if self.process is not None and self.process.is_alive():  # an ended one's number may be another's by now
            self.process.kill()  # has nothing to put away

    def stop(self) -> None:
        self.kill()
        if self.process is not None:
            self.process.join()
            self.connection.close()

    def _start(self) -> None:
        """Start it as a copy of the process with the libraries; on its own where there is none, or it was killed."""
        if self.libraries and warm.CAN_FORK:
            copies = multiprocessing.get_context("forkserver")
            copies.set_forkserver_preload([self.libraries])
            with contextlib.suppress(EOFError, OSError):
                self._start_from(copies)
                return
        self._start_from(multiprocessing.get_context("spawn"))

    def _start_from(self, context) -> None:
        connection, theirs = context.Pipe()
        # A fork server may be older than this batch: it does not know what the batch added to the environment.
        process = context.Process(target=_serve, args=(theirs, dict(os.environ)), daemon=True)
        with _ctrl_c_waits():
            process.start()
        theirs.close()  # so that the end of the worker closes the pipe
        self.connection, self.process = connection, process  # not before: a signal may have ended the start


@contextlib.contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Start processes in the block with Ctrl+C held back, until they can say what it means to them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # as it starts with the first process, it would let Ctrl+C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection, environment: dict[str, str]) -> None:
    """Worker process: answer calls until the driver is gone."""
    os.environ.clear()
    os.environ.update(environment)
    threading.Thread(target=_end_with_driver, daemon=True).start()

    def say(what: Any) -> None:
        with contextlib.suppress(OSError):  # the driver is gone, and so is who would listen
            connection.send(what)

    listen(lambda text: say(_Told(text)))
    os.environ.update(kernel_environment())
    # Ctrl+C reaches every process of a terminal; the driver alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    while True:
        try:
            function, args = connection.recv()
        except (EOFError, OSError):
            return
        say(answer(function, args))


def _end_with_driver() -> None:
    """In a worker: end in the middle of a notebook when the driver was killed; the next batch may run it by now."""
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)  # its kernel notices and ends


def answer(function: Callable, args: tuple) -> Any:
    """In a worker: call, and return the value or the Failure. SystemExit too: a worker ends by losing its driver."""
    try:
        return function(*args)
    except BaseException as error:
        return as_failure(error)


def as_failure(error: BaseException) -> Failure:
    """An exception as plain text, without what may be a resident's."""
    if not isinstance(error, InfrastructureDeath):  # its words are ours
        quiet_error(error)
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, EmiError):
        return Failure(type(error).__name__, error.message, error.hint, expected=True, trace=trace)
    return Failure(type(error).__name__, str(error), trace=trace)
