"""Processor seconds that the cells of each notebook take, before and after a change.

    python benchmarks/cells.py WORKSPACE      WORKSPACE as `emi demo` leaves it

Runs the cells as plain code, each notebook in a process forked from one that has imported what the fork server of
`emi run` has, and writes benchmarks/cells.md. Its "before" is the "now" of the file it replaces.
"""

import ast
import gc
import multiprocessing
import os
import platform
import re
import statistics
import sys
import time
from pathlib import Path

import nbformat

from shared_utils.results.notebooks import NOTEBOOKS, source_path
from shared_utils.runner.executors import KERNEL_ENV
from shared_utils.runner.warm import own_code, server

ROUNDS = 5
RESULT = Path(__file__).with_name("cells.md")
os.environ.update(KERNEL_ENV)
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a person's Python compiles each file once


def main() -> None:
    cities = sorted(path.parent.resolve() for path in Path(sys.argv[1]).glob("cities/*/city.yml"))
    warm()
    for city in cities:
        _forked(_prepare, city)
    taken = {(city.name, name): [] for city in cities for name in NOTEBOOKS}
    for number in range(1, ROUNDS + 1):
        for city in cities:
            for name in NOTEBOOKS:
                taken[city.name, name].append(_forked(run_cells, city, name))
        print(f"round {number}: {sum(times[-1] for times in taken.values()):.1f} s", flush=True)
    _write({key: statistics.median(times) for key, times in taken.items()}, _before())


def warm() -> None:
    """Import what the fork server of `emi run` has, the shared code too, and use it once."""
    for name in server.LIBRARIES:
        __import__(name)
    server._use_once()
    nbformat.reads(nbformat.writes(nbformat.v4.new_notebook()), as_version=4)
    own = own_code.forget()
    own_code.keep()
    sys.modules.update(own)  # this program goes on with what it has imported itself
    gc.freeze()


def _forked(work, *args) -> float:
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sender.send(work(*args)))
    process.start()
    sender.close()
    seconds = receiver.recv()
    process.join()
    return seconds


def _prepare(city: Path) -> None:
    """Make the city's data ready: the first notebook alone would pay for it."""
    from shared_utils import data

    data.prepare(city)


def run_cells(city: Path, name: str) -> float:
    """Run the cells as a kernel would, up to what is displayed; return the seconds. In a process of its own."""
    own_code.forget()
    notebook = nbformat.read(source_path(city, name), as_version=4)
    os.chdir(source_path(city, name).parent)
    space, begun = {"__name__": "__main__"}, time.process_time()
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        body = ast.parse(cell.source)
        last = body.body.pop() if body.body and isinstance(body.body[-1], ast.Expr) else None
        exec(compile(body, name, "exec"), space)
        shown = eval(compile(ast.Expression(last.value), name, "eval"), space) if last else None
        if hasattr(shown, "bundles"):
            shown.bundles()
    return time.process_time() - begun


def _before() -> dict[tuple[str, str], float]:
    text = RESULT.read_text(encoding="utf-8") if RESULT.exists() else ""
    rows = re.findall(r"^\| (\S+) \| (\S+) \|.*\| ([\d.]+) \|$", text, flags=re.MULTILINE)
    return {(city, name): float(now) for city, name, now in rows}


def _write(seconds: dict, before: dict) -> None:
    def row(first: str, second: str, old, new: float) -> str:
        return f"| {first} | {second} | {'' if old is None else f'{old:.2f}'} | {new:.2f} |"

    rows = [row(*key, before.get(key), now) for key, now in seconds.items()]
    for word, of in (("median", statistics.median), ("total", sum)):
        old = of(before[key] for key in seconds) if before.keys() >= seconds.keys() else None
        rows.append(row(f"**{word}**", "", old, of(seconds.values())))
    text = f"""# What the cells of a notebook cost

Made by `python benchmarks/cells.py`; do not edit by hand. Processor seconds of the cells of {len(seconds)} notebooks,
medians of {ROUNDS} rounds, with all libraries and the shared code imported (as a kernel of `emi run` has them) and one
thread of BLAS; {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}. "Before" is the run
that this one replaced.

| city | notebook | before | now |
|---|---|---|---|
"""
    RESULT.write_text(text + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
