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

from batch import asked

from shared_utils import runner
from shared_utils.results.notebooks import NOTEBOOKS
from shared_utils.runner.executors import default_workers, kernel_environment

HERE = Path(__file__).parent
ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER of Linux: the fork server that ends after its worker counts too
GOING_S = 3
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a person's Python compiles each file once


def pool(plan: runner.Plan) -> runner.BatchReport:
    """The local pool."""
    return runner.execute(plan, default_workers(len(plan.jobs)))


def dask(plan: runner.Plan) -> runner.BatchReport:
    """`--executor dask` with a LocalCluster."""
    from distributed import LocalCluster

    os.environ.update(kernel_environment())
    workers = default_workers(len(plan.jobs))
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster:
        return runner.execute(plan, scheduler=cluster.scheduler_address)


WAYS = {"local pool": pool, "dask, LocalCluster": dask}


def measured(way: Callable, plan: runner.Plan) -> tuple[float, float]:
    """Wall and processor seconds of a batch, with all processes it started."""
    begun, before = time.monotonic(), sum(os.times()[:4])
    report = way(plan)
    assert report.counts["ok"] == len(plan.jobs), report.having("failed", "blocked")
    wall = time.monotonic() - begun
    time.sleep(GOING_S)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    return wall, sum(os.times()[:4]) - before


def main() -> None:
    cities, rounds = asked()
    ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1)
    plan = runner.plan(cities, list(NOTEBOOKS), None, force=True)
    seen = {name: [] for name in WAYS}
    for number in range(rounds):
        for name, way in WAYS.items():
            seen[name].append(measured(way, plan))
            wall, used = seen[name][-1]
            print(f"{number + 1}  {name}  {wall:.1f} s, {used:.1f} s of processors", flush=True)
    write(seen, plan, rounds)


def write(seen: dict[str, list[tuple[float, float]]], plan: runner.Plan, rounds: int) -> None:
    medians = {name: [statistics.median(column) for column in zip(*pairs, strict=True)] for name, pairs in seen.items()}
    base = medians["local pool"]
    rows = [
        f"| {name} | {wall:.1f} | {wall / base[0]:.2f} | {used:.1f} | {used / base[1]:.2f} |"
        for name, (wall, used) in medians.items()
    ]
    workers, cities = default_workers(len(plan.jobs)), len({job.city for job in plan.jobs})
    text = f"""# What dask costs on one machine

Made by `python benchmarks/dask_local.py`; do not edit by hand. {len(plan.jobs)} notebooks of {cities} cities, run and
released, medians of {rounds} rounds in turns; {os.cpu_count()} cores, {workers} workers, Python
{platform.python_version()}, {platform.system()}. Each worker of dask keeps a fork server of its own, so it imports the
libraries once more than the pool does. Read the ratios.

| way | seconds | times the pool | processor seconds | times the pool |
|---|---|---|---|---|
"""
    (HERE / "dask_local.md").write_text(text + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
