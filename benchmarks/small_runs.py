"""Seconds a run where the notebooks do next to nothing: what the batch itself costs.

    python benchmarks/small_runs.py [--rounds N]

Writes benchmarks/small_runs.md. The cities and notebooks are those of tests/runner: five short cells, of which the last
writes a record of one estimate that is not known. Everything else is done as for real: `emi run` with its plan, locks,
kernels, checks, release and status page.
"""

import argparse
import contextlib
import ctypes
import os
import platform
import statistics
import string
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
TOYS = HERE.parent / "tests" / "runner"
sys.path.insert(0, str(TOYS))
import toy  # noqa: E402

RUNS = (9, 27, 81, 243)
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a person's Python compiles each file once


def made(runs: int, root: Path) -> Path:
    """A workspace with three notebooks a city."""
    names = [f"city-{first}{second}" for first in string.ascii_lowercase for second in string.ascii_lowercase]
    for name in names[: runs // 3]:
        toy.make_city(root / "cities", name)
    return root


def measured(root: Path) -> tuple[float, float]:
    """Wall and processor seconds of `emi run --force`, with all processes it started."""
    begun, before = time.monotonic(), os.times()
    command = [sys.executable, str(TOYS / "emi_toy.py"), "run", "--force"]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    seconds = time.monotonic() - begun
    with contextlib.suppress(ChildProcessError):  # the fork server of its workers ends after it
        while True:
            os.wait()
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, used


def main() -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # Linux: what outlives its parent is ours to wait for
    words = argparse.ArgumentParser()
    words.add_argument("--rounds", type=int, default=5)
    rounds = words.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        places = {runs: made(runs, Path(folder, str(runs))) for runs in RUNS}
        seen = {runs: [] for runs in RUNS}
        for number in range(rounds):
            for runs, root in places.items():
                seen[runs].append(measured(root))
                print(f"{number + 1}  {runs} runs  {seen[runs][-1][0]:.1f} s, {seen[runs][-1][1]:.1f} s of processors")
    write(seen, rounds)


def write(seen: dict[int, list[tuple[float, float]]], rounds: int) -> None:
    rows = []
    for runs, pairs in seen.items():
        wall, used = (statistics.median(column) for column in zip(*pairs, strict=True))
        rows.append(f"| {runs} | {wall:.1f} | {wall / runs:.2f} | {used:.1f} | {used / runs:.2f} |")
    text = f"""# What a run costs that does next to nothing

Made by `python benchmarks/small_runs.py`; do not edit by hand. `emi run --force` on toy cities of three notebooks, from
the command to the prompt, medians of {rounds} rounds in turns; {os.cpu_count()} cores, Python
{platform.python_version()}, {platform.system()}. About eight processor seconds of each batch are its start: one fork
server imports the libraries of a real notebook, another one papermill and nbconvert for the workers.

| runs | seconds | a run | processor seconds | a run |
|---|---|---|---|---|
"""
    (HERE / "small_runs.md").write_text(text + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
