"""Seconds and memory of one large city: from 10,000 people to 1,000,000, with ten service events for each.

    python benchmarks/scale.py                     all sizes; needs a machine that does nothing else
    python benchmarks/scale.py --most 30000        a quick look, printed and not written
    python benchmarks/scale.py --keep FOLDER       keep the cities there; a city that is there is not made again

The city is Tulsa's stand-in (three arms drawn by chance, five outcomes, six indicators) with more people. Its notebooks
run one at a time as `emi run` runs them, in kernels forked from one server. Writes benchmarks/scale.md.
"""

import argparse
import json
import os
import platform
import re
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from shared_utils.cli import work  # noqa: E402
from shared_utils.config import load_city  # noqa: E402
from shared_utils.data import store  # noqa: E402
from shared_utils.data.fingerprint import data_root  # noqa: E402
from shared_utils.data.prepare import MADE, _recipe  # noqa: E402
from shared_utils.results.notebooks import NOTEBOOKS, executed_path  # noqa: E402
from shared_utils.runner import notebook, warm  # noqa: E402
from shared_utils.runner.executors import KERNEL_ENV, Failure, Task, run_tasks  # noqa: E402
from shared_utils.template.vendoring import vendor  # noqa: E402

PAGE = Path(__file__).with_suffix(".md")
CITY, SEED, PEOPLE = "tulsa", 20190401, 900  # PEOPLE: of the stand-in city as it is
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
LOG, EVENTS, DAYS_APART = "provider_log.parquet", 10, 3  # EVENTS: a person
LOOK_S = 0.1


def make_city(folder: Path, people: int) -> None:
    """Make a city's repository with the raw files of about so many people: a whole number of stand-in cities."""
    from shared_utils.data import synthetic
    from shared_utils.data.synthetic import assemble, rct_multiarm, scenarios
    from shared_utils.data.synthetic.common import World
    from shared_utils.template.new import create

    times = -(-people // PEOPLE)
    made = create(ROOT, folder, {"city": CITY})
    settings = made / "city.yml"
    planned = re.sub(r"planned_enrollment: \d+", f"planned_enrollment: {times * PEOPLE}", settings.read_text("utf-8"))
    settings.write_text(planned, encoding="utf-8")
    scenario = replace(scenarios.for_city("default", CITY), size=times)
    world = World(CITY, 1 + list(synthetic.CITIES).index(CITY), SEED, "default", scenario)
    draw = rct_multiarm.draw(world)
    for file in draw.files:
        if file.name == LOG:
            file.frame = longer(file.frame, EVENTS * times * PEOPLE)
    assemble.write_city(world, draw, made / "data" / "synthetic", synthetic.MARKER)


def bring_up_to_date(city: Path) -> None:
    """Give a city that was kept the code of today, and say that its files are those its settings ask for."""
    vendor(ROOT, city)
    config = load_city(city)
    store.put(data_root(city, config) / MADE, json.dumps(_recipe(config)))


def longer(log, events: int):
    """The log with its contacts and hours repeated some days later, until it has so many events."""
    import pandas as pd

    again = log[log["what"] != "program_start"]
    rounds = [again.assign(day=again["day"] + pd.Timedelta(days=DAYS_APART * k))
              for k in range(1, 2 + (events - len(log)) // len(again))]  # fmt: skip
    longer = pd.concat([log, *rounds], ignore_index=True).head(events)
    return longer.assign(entry=[f"s_{i + 1:08d}" for i in range(len(longer))])


def steps(city: Path):
    """What is timed: (name, function, arguments), in the order of `emi run`; the plan is locked before any result."""
    yield "intake", work.intake, (city,)
    if not (city / "plan" / "plan.lock.json").exists():
        yield "plan", work.lock_plan, (city, "benchmark")
    for name in NOTEBOOKS:
        yield name, notebook.run_notebook, (city, name, {}, "benchmark")
    yield "release", notebook.release_city, (city, list(NOTEBOOKS), work.watch)


def measure(city: Path) -> dict[str, tuple[float, float, float]]:
    """Seconds, processor seconds and peak MB of each step of a city, each in a new worker as in a batch."""
    found = {}
    for name, function, arguments in steps(city):
        begun = time.monotonic()
        with Use() as use:
            ((_, answer),) = run_tasks([Task(name, function, arguments)], 1)
        if isinstance(answer, Failure) or (isinstance(answer, dict) and answer.get("error")):
            raise SystemExit(f"{city}: {name}: {answer}")
        found[name] = time.monotonic() - begun, use.seconds, use.megabytes
        print(
            f"{city.parent.name:>10}  {name:12}{{:8.1f}} s{{:8.1f}} s CPU{{:8.0f}} MB".format(*found[name]), flush=True
        )
    return found


class Use:
    """What all child processes used together while the block ran: processor seconds and, on Linux, the most memory
    (proportional set sizes, so what forked processes share counts once)."""

    def __enter__(self):
        self.megabytes, self._seconds, self._over = 0.0, {}, threading.Event()
        self._before = {p.pid: _cpu(p) for p in psutil.Process().children(recursive=True)}
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._watcher.join()

    @property
    def seconds(self) -> float:
        return sum(spent - self._before.get(pid, 0.0) for pid, spent in self._seconds.items())

    def _watch(self) -> None:
        driver = psutil.Process()
        while not self._over.wait(LOOK_S):
            children = driver.children(recursive=True)
            self.megabytes = max(self.megabytes, sum(map(_pss, children)))
            self._seconds |= {p.pid: spent for p in children if (spent := _cpu(p))}


def _cpu(process) -> float:
    try:
        spent = process.cpu_times()
        return spent.user + spent.system
    except psutil.Error:  # it has ended
        return 0.0


def _pss(process) -> float:
    try:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
        return int(rollup.partition("\nPss:")[2].split()[0]) / 1024
    except (OSError, IndexError):  # it has ended
        return 0.0


def sections(city: Path) -> dict[str, dict[str, float]]:
    """Seconds of each section function in the notebooks that ran."""
    import nbformat

    found = {}
    for name in NOTEBOOKS:
        cells = nbformat.read(executed_path(city, name), as_version=4).cells
        spent = {c.source.splitlines()[-1]: c.metadata.papermill.duration for c in cells if c.cell_type == "code"}
        found[name] = dict(sorted(spent.items(), key=lambda item: -item[1]))
    return found


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--most", type=int, default=max(SIZES))
    words.add_argument("--keep", type=Path)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as scratch, warm.serving(KERNEL_ENV):
        found = {}
        for people in (size for size in SIZES if size <= asked.most):
            folder = (asked.keep or Path(scratch)).resolve() / str(people)
            if not folder.exists():
                folder.mkdir(parents=True)
                ((_, answer),) = run_tasks([Task(people, make_city, (folder, people))], 1)
                assert answer is None, answer
            (city,) = folder.iterdir()
            bring_up_to_date(city)
            found[people] = measure(city)
            for name, spent in sections(city).items():
                slow = [f"{cell} {seconds:.1f}" for cell, seconds in spent.items() if seconds > 1]
                print(f"{'':12}{name}: {', '.join(slow)}", flush=True)
    if asked.most == max(SIZES):
        PAGE.write_text(page(found), encoding="utf-8", newline="\n")


def page(found: dict) -> str:
    heads = ["people", "service events", "step", "seconds", "processor seconds", "peak MB"]
    lines = [_line(heads), "|---" * len(heads) + "|"]
    for people, spent in found.items():
        for name, (wall, cpu, megabytes) in (spent | {"three notebooks": together(spent)}).items():
            numbers = [f"{wall:.1f}", f"{cpu:.1f}", f"{megabytes:.0f}"]
            lines.append(_line([f"{people:,}", f"{people * EVENTS:,}", name, *numbers]))
    return HEAD.format(
        cores=os.cpu_count(), gigabytes=psutil.virtual_memory().total / 2**30, python=platform.python_version(),
        system=platform.system(), load=os.getloadavg()[0],
    ) + "\n".join([*lines, "", *map(growth, found.items(), list(found.items())[1:])]) + "\n"  # fmt: skip


def together(spent: dict) -> tuple[float, float, float]:
    """Seconds of the three notebooks one after the other, and the most memory of any."""
    walls, cpus, peaks = zip(*(spent[name] for name in NOTEBOOKS), strict=True)
    return sum(walls), sum(cpus), max(peaks)


def growth(small: tuple, large: tuple) -> str:
    """Processor seconds of the three notebooks against the people they are for; 1 is linear, less is better."""
    (fewer, before), (more, after) = small, large
    times = together(after)[1] / together(before)[1]
    return f"- {fewer:,} to {more:,}: {more / fewer:.1f} times the people, {times:.1f} times the processor seconds"


def _line(cells: list) -> str:
    return f"| {' | '.join(cells)} |"


HEAD = """# What one large city costs

Made by `python benchmarks/scale.py`; do not edit by hand. Tulsa's stand-in city with more people (synthetic), its three
notebooks one at a time in forked kernels with one thread of BLAS. {cores} cores, {gigabytes:.0f} GB, Python {python},
{system}; load of the machine at the end {load:.1f}: where it is above the cores, read the processor seconds. Peak MB:
worker, kernel and fork server together.

"""


if __name__ == "__main__":
    os.environ.update(KERNEL_ENV)
    main()
