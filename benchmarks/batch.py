"""Seconds of a batch by six ways of running the same notebooks, in turns, with one thread of BLAS everywhere.

    python benchmarks/batch.py WORKSPACE [--cities N] [--rounds N]      WORKSPACE as `emi demo` leaves it

Writes benchmarks/batch.md. The limit is the same cells as plain code in two processes that have everything imported: no
kernel, no messages, no notebook written. Nothing is released in any of the ways.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from multiprocessing import forkserver
from pathlib import Path

import psutil
from cells import run_cells
from cells import warm as warm_up

from shared_utils import runner
from shared_utils.results.notebooks import NOTEBOOKS, source_path
from shared_utils.runner import warm
from shared_utils.runner.executors import KERNEL_ENV, Task, default_workers, run_tasks
from shared_utils.runner.notebook import run_notebook

HERE = Path(__file__).parent
os.environ.update(KERNEL_ENV)
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a person's Python compiles each file once


def program(jobs, folder, workers: int) -> None:
    """The papermill program, `workers` at a time."""

    def one(job):
        city, name = job
        source, out = source_path(city, name), folder / f"{city.name}_{name}.ipynb"
        command = [sys.executable, "-m", "papermill", "--no-progress-bar", "-k", "python3", str(source), str(out)]
        subprocess.run(command, cwd=source.parent, check=True, capture_output=True)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, jobs))


LOOP = """
import sys, papermill
for source, out in zip(sys.argv[1::2], sys.argv[2::2]):
    import pathlib
    papermill.execute_notebook(source, out, kernel_name="python3", progress_bar=False,
                               resources={"metadata": {"path": str(pathlib.Path(source).parent)}})
"""


def loop(jobs, folder) -> None:
    """papermill.execute_notebook in a loop in one process."""
    pairs = [(source_path(c, n), folder / f"{c.name}_{n}.ipynb") for c, n in jobs]
    words = [str(path) for pair in pairs for path in pair]
    subprocess.run([sys.executable, "-c", LOOP, *words], check=True, capture_output=True)


def nbmake(jobs, folder) -> None:
    """pytest --nbmake -n 2."""
    sources = [str(source_path(c, n)) for c, n in jobs]
    command = [sys.executable, "-m", "pytest", "--nbmake", "-n", "2", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    subprocess.run([*command, "--nbmake-timeout=600", *sources], cwd=folder, check=True, capture_output=True)


def ours(jobs, folder) -> None:
    """emi run: processes over papermill, kernels forked from one server."""
    tasks = [Task(job, run_notebook, (*job, {}, "benchmark")) for job in jobs]
    with warm.serving(KERNEL_ENV):
        for _, answer in run_tasks(tasks, default_workers(len(tasks)), libraries=warm.WORKERS):
            assert isinstance(answer, dict) and answer["status"] == "ok", answer
    end_fork_server()


def end_fork_server() -> None:
    """End the process that workers are copies of: each `emi run` starts its own."""
    forkserver._forkserver._stop()  # multiprocessing has no public way; it ends with the program that started it


def limit(jobs, folder) -> None:
    """The cells as plain code (cells.py), forked from a process that has everything imported, two at a time."""
    context, places = multiprocessing.get_context("fork"), threading.Semaphore(2)

    def one(job):
        with places:
            process = context.Process(target=run_cells, args=job)
            process.start()
            process.join()
            assert process.exitcode == 0, job

    threads = [threading.Thread(target=one, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


WAYS = {
    "papermill program in a loop": lambda jobs, folder: program(jobs, folder, 1),
    "execute_notebook in a loop, one process": loop,
    "papermill program, 2 at a time": lambda jobs, folder: program(jobs, folder, 2),
    "pytest --nbmake -n 2": nbmake,
    "emi run": ours,
    "limit: the cells as plain code, 2 warm processes": limit,
}


def peak_memory(work) -> float:
    """The most memory in MB that this process and all below it hold while `work()` runs, shared pages counted once."""
    peak, stop = 0.0, threading.Event()

    def watch():
        nonlocal peak
        while not stop.wait(0.5):
            peak = max(peak, sum(map(_megabytes, [me, *me.children(recursive=True)])))

    me = psutil.Process()
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        stop.set()
        watcher.join()
    return peak


def _megabytes(process: psutil.Process) -> float:
    try:
        return process.memory_full_info().pss / 1e6
    except psutil.NoSuchProcess:  # it ended while the list was read
        return 0.0


def asked() -> tuple[list[Path], int]:
    """The cities and the number of rounds that the command line asks for."""
    words = argparse.ArgumentParser()
    words.add_argument("workspace", type=Path)
    words.add_argument("--cities", type=int, default=9)
    words.add_argument("--rounds", type=int, default=5)
    given = words.parse_args()
    cities = sorted(path.parent.resolve() for path in given.workspace.glob("cities/*/city.yml"))[: given.cities]
    return cities, given.rounds


def main() -> None:
    cities, rounds = asked()
    planned = runner.plan(cities, list(NOTEBOOKS), None, force=True).jobs
    assert all(job.action == "run" for job in planned)
    jobs = [(job.city_dir, job.notebook) for job in sorted(planned, key=lambda job: -job.expected_s)]
    ways = {name: way for name, way in WAYS.items() if "nbmake" not in name or find_spec("nbmake")}
    warm_up()
    seconds = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        peak = peak_memory(lambda: ours(jobs, Path(folder)))  # a run of its own, untimed: looking costs time
    for number in range(rounds):
        order = list(ways.items())[number % len(ways) :] + list(ways.items())[: number % len(ways)]
        for name, way in order:
            with tempfile.TemporaryDirectory() as folder:
                begun = time.monotonic()
                way(jobs, Path(folder))
                seconds[name].append(time.monotonic() - begun)
                print(f"{number + 1}  {name}  {seconds[name][-1]:.1f} s", flush=True)
        write(seconds, jobs, number + 1, peak)


def write(seconds: dict[str, list[float]], jobs: list, rounds: int, peak: float) -> None:
    median = {name: statistics.median(values) for name, values in seconds.items()}
    own, base = median["emi run"], median[next(iter(median))]
    rows = [f"| {name} | {s:.1f} | {s / own:.2f} | {base / s:.2f} |" for name, s in median.items()]
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    text = f"""# What a batch costs, by the way it is run

Made by `python benchmarks/batch.py`; do not edit by hand. {len(jobs)} notebooks of {len({c for c, _ in jobs})} cities
as they are, the longest first, medians of {rounds} rounds in turns; {machine},
{platform.system()}; one thread of BLAS in all ways. Nothing is released in any of them. Read the ratios.
In a run before them `emi run` and all its processes held at most {peak:,.0f} MB together (PSS: shared pages once).

| way | seconds | times emi run | faster than the loop |
|---|---|---|---|
"""
    (HERE / "batch.md").write_text(text + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
