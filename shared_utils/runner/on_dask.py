"""Notebooks on dask workers, on this machine or on others, behind the interface of the local pool (`run_tasks`).

A worker that sees the city's folder at the same path works there. One that does not gets the folder as an archive and
sends back what the run left in outputs/internal; a city's own data travel only where its settings allow it
(privacy.remote_compute). Nothing is released on a worker: processes of this machine do that, as for the local pool.
"""

import contextlib
import io
import os
import queue
import re
import socket
import sys
import tempfile
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from shared_utils.errors import EmiError
from shared_utils.results import freshness
from shared_utils.results.notebooks import lock_path
from shared_utils.runner import executors, warm
from shared_utils.runner.executors import Failure, InfrastructureDeath, Task

# What a run elsewhere does not need, or must not have: who is who, and the salt.
STAYS = (".git", ".venv", "__pycache__", ".ipynb_checkpoints", "outputs", "data/private/crosswalk")
_ADDRESS = re.compile(r"(tcp|tls|ws|wss)://\S+:\d+")
_one_at_a_time = threading.Lock()
_own_server = ExitStack()  # of this worker, which ends with it


class SchedulerError(EmiError):
    """The scheduler does not answer, or its workers cannot do this work."""

    exit_code = 3


def run_tasks(
    tasks: Iterable[Task],
    scheduler: str,
    on_start: Callable[[Any], None] = lambda key: None,
    on_tell: Callable[[Any, str], None] = lambda key, text: None,
    then: Callable[[Any, Any], Iterable[Task]] = lambda key, answer: (),
) -> Iterator[tuple[Any, Any]]:
    """Yield (key, value or Failure) as tasks end on the workers of the dask scheduler at `scheduler`.

    Each task is run_notebook with a city's folder as its first argument. A task whose worker or kernel died is tried
    once more. The tasks `then` returns run here, as many at a time as in the local pool. Raises SchedulerError when
    there is no scheduler or its workers run other code.
    """
    tasks = dict(enumerate(tasks))
    with _connected(scheduler) as client:
        _workers(client)
        with _serving_neighbors(client) as server:  # it imports while the rest is made ready
            refuse_differing(code(), client.run(code))
            client.run_on_scheduler(_try_twice)
            client.run(_stop_watching, nanny=True)
            archives = _archives(client, {task.args[0] for task in tasks.values()})
            flow = _Flow(client, tasks, archives, server, on_start, on_tell)
            for key, answer in flow.answers():
                for task in then(key, answer):
                    flow.add_here(task)
                yield key, answer


def count_workers(scheduler: str) -> int:
    """How many notebooks can run there at a time. Raises SchedulerError when there is no scheduler, or no worker."""
    with _connected(scheduler) as client:
        return len(_workers(client))


def _connected(scheduler: str):
    from distributed import Client

    if not _ADDRESS.fullmatch(scheduler):  # dask says it in a traceback, half a minute later
        raise SchedulerError(
            f'"{scheduler}" is not the address of a dask scheduler.',
            "Write it with its port, as the scheduler shows it when it starts:  --scheduler tcp://HOST:8786",
        )
    try:
        return Client(scheduler, timeout=15, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SchedulerError(
            f"No dask scheduler answers at {scheduler} ({error}).", "Start one:  dask scheduler"
        ) from None


@contextlib.contextmanager
def _serving_neighbors(client) -> Iterator[str]:
    """Keep one fork server for all workers on this machine, and give the path of its socket; "" where there are none.

    It ends with this batch, and so do the kernels of a batch that was interrupted.
    """
    with ExitStack() as stack:
        if socket.gethostname() in client.run(socket.gethostname).values():
            stack.enter_context(warm.serving(executors.kernel_environment()))
        yield warm.socket_path()


class _Flow:
    """The tasks of one batch on their way: what workers say and how tasks end comes in through one queue."""

    def __init__(self, client, tasks: dict[int, Task], archives: dict[Path, bytes], server: str, on_start, on_tell):
        self.client, self.tasks, self.archives, self.server = client, tasks, archives, server
        self.on_start, self.on_tell = on_start, on_tell
        self.inbox, self.futures = queue.SimpleQueue(), {}
        self.started, self.again, self.own = set(), set(), set()
        self.topic = f"emi-{uuid.uuid4()}"  # two batches may share a scheduler
        # Processes of this machine, each with a thread that waits for it.
        self.slots = [executors.Slot(warm.WORKERS) for _ in range(executors.default_workers(len(tasks)))]
        self.threads, self.idle = ThreadPoolExecutor(len(self.slots)), queue.SimpleQueue()
        for slot in self.slots:
            self.idle.put(slot)

    def answers(self) -> Iterator[tuple[Any, Any]]:
        self.client.subscribe_topic(self.topic, lambda event: self.inbox.put(tuple(event[1])))
        try:
            for number in self.tasks:
                self._submit(number)
            while self.futures:
                number, text = self.inbox.get()
                if number not in self.futures:
                    continue
                if number not in self.started:
                    self.started.add(number)
                    self.on_start(self.tasks[number].key)
                if text is None:
                    yield from self._ended(number)
                elif text:
                    self.on_tell(self.tasks[number].key, text)
        finally:
            shipped = [future for number, future in self.futures.items() if number not in self.own]
            self.client.cancel(shipped, force=True)
            for slot in self.slots:
                slot.kill()
            self.threads.shutdown(cancel_futures=True)
            for slot in self.slots:
                slot.stop()

    def add_here(self, task: Task) -> None:
        """Run a task in a process of this machine, beside what runs on the workers."""
        number = len(self.tasks)
        self.tasks[number] = task
        self.own.add(number)
        self._await(number, self.threads.submit(self._here, task))

    def _here(self, task: Task) -> tuple[Any, str]:
        """In a thread of the driver: the answer from a process of this machine, and no worker."""
        slot = self.idle.get()
        try:
            return slot.answer(task), ""
        finally:
            self.idle.put(slot)

    def _submit(self, number: int, avoid: str = "") -> None:
        task, elsewhere = self.tasks[number], None  # a task without a place waits for the first worker that is free
        if avoid:
            workers = self.client.scheduler_info(n_workers=-1)["workers"]
            elsewhere = [address for address in workers if address != avoid] or None
        future = self.client.submit(
            _work, self.topic, number, task.function, task.args, self.archives.get(task.args[0]), self.server,
            pure=False, retries=0, workers=elsewhere, allow_other_workers=bool(elsewhere),
        )  # fmt: skip
        self._await(number, future)

    def _await(self, number: int, future) -> None:
        self.futures[number] = future
        future.add_done_callback(lambda _: self.inbox.put((number, None)))

    def _ended(self, number: int) -> Iterator[tuple[Any, Any]]:
        task, future = self.tasks[number], self.futures.pop(number)
        answer, where = _result(future)
        if executors.is_death(answer) and where and number not in self.again:
            self.again.add(number)
            self._submit(number, avoid=where)
            return
        if isinstance(answer, tuple):
            answer, files = answer
            _unpack(files, lock_path(task.args[0]).parent)
        yield task.key, answer


def _result(future) -> tuple[Any, str]:
    """The answer of a future and the worker it came from ("" when that died: dask has then tried another one)."""
    from distributed import KilledWorker

    try:
        return future.result()
    except KilledWorker:
        message = "The worker that ran it was ended, and so was the next one; often for lack of memory."
        return Failure(InfrastructureDeath.__name__, message), ""
    except Exception as error:
        return executors.as_failure(error), ""


def _work(
    topic: str, number: int, function: Callable, args: tuple, archive: bytes | None, server: str
) -> tuple[Any, str]:
    """On a worker: run one notebook; returns the answer (with the files, where they were shipped) and the worker."""
    from distributed import get_worker

    worker = get_worker()
    with _one_at_a_time:  # a run sends this process's output to its log
        worker.log_event(topic, [number, ""])
        executors.listen(lambda text: worker.log_event(topic, [number, text]))
        _as_in_the_pool(worker)
        with _warm_kernels(server):
            if archive is None:
                return executors.answer(function, args), worker.address
            # In the worker's own folder: what a killed worker leaves there, the next one that starts there removes.
            with tempfile.TemporaryDirectory(prefix="emi-city-", dir=worker.local_directory) as folder:
                city = Path(folder) / args[0].name
                zipfile.ZipFile(io.BytesIO(archive)).extractall(city)
                answer = executors.answer(function, (city, *args[1:]))
                internal = lock_path(city).parent
                return (answer, _pack(internal, internal.glob("*"))), worker.address


def _as_in_the_pool(worker) -> None:
    """Its kernels get what all kernels get; not memory given back to the system piece by piece, as dask sets it up for
    work in its own process (a tenth of a kernel's seconds).
    """
    _stop_watching(worker)
    os.environ.pop("MALLOC_TRIM_THRESHOLD_", None)
    os.environ.update(executors.kernel_environment())


def _stop_watching(dask_worker) -> None:
    """On a worker or its nanny: stop looking how its own work goes, for there is none.

    A profiler looks at the thread a hundred times a second while that waits for its kernel (a fifth of the worker's
    seconds), and a clock ticks fifty times a second in each of these processes (three quarters of an idle one's).
    """
    for name in ("profile", "tick"):
        if watch := dask_worker.periodic_callbacks.get(name):
            dask_worker.loop.add_callback(watch.stop)


def _warm_kernels(server: str):
    """The context in which kernels are forked from the driver's server, on its machine, or else from this worker's.

    Another machine has no such socket, another person may not open it, and in another environment its copies would
    not be this worker's kernels.
    """
    import papermill  # noqa: F401  the notebook's first need, while the server is still importing

    from shared_utils.runner.warm import provisioner  # loads jupyter_client

    try:
        provisioner.check(server, sys.executable, dict(os.environ))
        return warm.using(server)
    except provisioner.Unavailable:
        if not warm.socket_path() and not warm.why_not():
            _own_server.enter_context(warm.serving(executors.kernel_environment()))
        return contextlib.nullcontext()


def _workers(client) -> dict[str, dict]:
    workers = client.scheduler_info(n_workers=-1)["workers"]
    if not workers:
        raise SchedulerError(
            f"The scheduler at {client.scheduler.address} has no workers.",
            f"Start some:  dask worker {client.scheduler.address} --nthreads 1",
        )
    return workers


def refuse_differing(mine: dict[str, str], workers: dict[str, dict[str, str]]) -> None:
    """Raise SchedulerError for the first worker {address: its code()} that differs from `mine`, naming in what."""
    for address, theirs in workers.items():
        differing = sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))
        if differing:
            raise SchedulerError(
                f"The worker at {address} has another {', '.join(differing)} than this machine.",
                "Set it up from the same files (python bootstrap.py setup) and start it again.",
            )


def _try_twice(dask_scheduler) -> None:
    """On the scheduler: a notebook whose worker was ended is tried once more elsewhere, not three times."""
    dask_scheduler.allowed_failures = 1


def code() -> dict[str, str]:
    """What the numbers depend on besides the city's folder: versions, and this package's own files."""
    package = Path(__file__).parents[1]
    return {"shared_utils": freshness.files_sha(package, sorted(package.rglob("*.py")))} | freshness.libraries()


def _archives(client, cities: set[Path]) -> dict[Path, bytes]:
    """The folders that must travel because not every worker sees them."""
    marks = {str(city): lock_path(city).read_text(encoding="utf-8") for city in cities}
    seen = [set(found) for found in client.run(_sees, marks).values()]
    return {city: _archive(city) for city in sorted(cities) if not all(str(city) in found for found in seen)}


def _sees(marks: dict[str, str]) -> list[str]:
    """On a worker: the folders of `marks` that are the driver's own, known by its lock."""
    found = []
    for city, mark in marks.items():
        try:
            if lock_path(Path(city)).read_text(encoding="utf-8") == mark:
                found.append(city)
        except OSError:
            continue
    return found


def _archive(city: Path) -> bytes:
    private = freshness.peek(city, "data", "mode") != "synthetic"
    if private and freshness.peek(city, "privacy", "remote_compute") != "true":
        raise SchedulerError(
            f"{city.name} works with its own data and not every worker sees its folder: the data would have to travel.",
            "Run it without --executor dask, or let it by privacy.remote_compute: true in city.yml.",
        )
    return _pack(city, [file for file in city.rglob("*") if not _stays(file.relative_to(city))])


def _stays(file: Path) -> bool:
    return any(name in file.parts or file.is_relative_to(name) for name in STAYS)


def _pack(root: Path, files: Iterable[Path]) -> bytes:
    """A zip archive of files, named as seen from `root`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(file for file in files if file.is_file()):
            archive.write(file, file.relative_to(root).as_posix())
    return packed.getvalue()


def _unpack(files: bytes, internal: Path) -> None:
    """Put what a run elsewhere left into the city's own outputs/internal, each file whole."""
    with tempfile.TemporaryDirectory(prefix=".shipped-", dir=internal) as folder:
        zipfile.ZipFile(io.BytesIO(files)).extractall(folder)
        for file in Path(folder).iterdir():
            os.replace(file, internal / file.name)
