"""A batch on the workers of dask on this machine against the local pool: the same notebooks, in turns.

    python benchmarks/dask_local.py WORKSPACE [--cities N] [--rounds N]

Writes benchmarks/dask_local.md. WORKSPACE is as `emi demo` leaves it, and a copy: it is written to. Both ways start
their own workers, as many as `emi run` would, and release the results.
"""

import contextlib
import ctypes
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from batch import asked, end_fork_server

from shared_utils import runner
from shared_utils.results.notebooks import NOTEBOOKS
from shared_utils.runner.executors import default_workers, kernel_environment

HERE = Path(__file__).parent
ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER of Linux: the fork server that ends after its worker counts too
GOING_S = 3
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a person's Python compiles each file once


@contextlib.contextmanager
def pool(plan: runner.Plan):
    """The local pool, whose workers are part of the batch."""
    yield {"workers": default_workers(len(plan.jobs))}
    end_fork_server()


@contextlib.contextmanager
def dask(plan: runner.Plan):
    """`--executor dask` with a LocalCluster whose workers have run nothing yet."""
    from distributed import LocalCluster

    before = dict(os.environ)
    os.environ.update(kernel_environment())
    workers = default_workers(len(plan.jobs))
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster:
        os.environ.clear()  # a cluster sets variables of memory there; `emi run` has a process of its own
        os.environ.update(before)
        yield {"scheduler": cluster.scheduler_address}
    end_fork_server()


WAYS = {"local pool": (pool, 1), "dask": (dask, 2)}  # with how many batches


def measured(way: Callable, batches: int, plan: runner.Plan) -> tuple[float, float, float, float]:
    """Seconds of the first batch, the last, the first with the start and the end of its cluster; all processor seconds.

    Processor seconds are of one batch: all that were used, divided by the batches.
    """
    before, started = sum(os.times()[:4]), time.monotonic()
    with way(plan) as where:
        seconds = [_batch(plan, where) for _ in range(batches)]
    everything = time.monotonic() - started
    time.sleep(GOING_S)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    used = sum(os.times()[:4]) - before
    return seconds[0], seconds[-1], everything - sum(seconds[1:]), used / batches


def _batch(plan: runner.Plan, where: dict) -> float:
    begun = time.monotonic()
    report = runner.execute(plan, **where)
    assert report.counts["ok"] == len(plan.jobs), report.having("failed", "blocked")
    return time.monotonic() - begun


def main() -> None:
    cities, rounds = asked()
    ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1)
    plan = runner.plan(cities, list(NOTEBOOKS), None, force=True)
    seen = {name: [] for name in WAYS}
    for number in range(rounds):
        for name, (way, batches) in WAYS.items():
            seen[name].append(measured(way, batches, plan))
            numbers = "{:.1f} s, {:.1f} s, {:.1f} s, {:.1f} s CPU".format(*seen[name][-1])
            print(f"{number + 1}  {name}  {numbers}", flush=True)
    write(seen, plan, rounds)


def write(seen: dict[str, list[tuple[float, ...]]], plan: runner.Plan, rounds: int) -> None:
    medians = {name: [statistics.median(column) for column in zip(*found, strict=True)] for name, found in seen.items()}
    base = medians["local pool"]
    rows = [
        f"| {name} |" + "".join(f" {value:.1f} | {value / own:.2f} |" for value, own in zip(found, base, strict=True))
        for name, found in medians.items()
    ]
    workers, cities = default_workers(len(plan.jobs)), len({job.city for job in plan.jobs})
    text = f"""# What dask costs on one machine

Made by `python benchmarks/dask_local.py`; do not edit by hand. {len(plan.jobs)} notebooks of {cities} cities, run and
released, medians of {rounds} rounds in turns; {os.cpu_count()} cores, {workers} workers, Python
{platform.python_version()}, {platform.system()}. A batch is `emi run`; the pool is new in each. On dask the first batch
meets a cluster that has run nothing yet: its workers fork kernels from the server of the batch, as the pool's do, but
import themselves what those have by being copies of one process. The second batch meets the same workers. The third
time is the first batch with the start and the end of the cluster, as on a laptop that has none. Processor seconds are
those of one batch, with its share of the cluster's. Read the ratios.

| way | first batch, seconds | times the pool | second batch | times the pool | with its cluster | times the pool \
| processor seconds | times the pool |
|---|---|---|---|---|---|---|---|---|
"""
    (HERE / "dask_local.md").write_text(text + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
