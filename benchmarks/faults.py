"""Write benchmarks/faults.md: what is left of a batch that the machine, another batch or a person got in the way of.

    python benchmarks/faults.py                          every fault at four random moments (Linux, as root)
    python benchmarks/faults.py --only "Ctrl+C once"     some of them; the other rows stay as they are
    python benchmarks/faults.py --city FOLDER --tries 1  on a copy of a city as `emi demo` makes it, three notebooks

Each try drives the `emi run` program on a terminal of its own, on a city that is small but whose notebooks run in real
kernels and write a record. The moment is drawn from the seed. Then: is every file whole, does any process outlive the
batch, and does `emi run` again give what an undisturbed run gave, to the byte, times apart?
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "runner")]

import faults  # noqa: E402

# What may hit the work itself; the rest happens before it or beside it.
ON_A_REAL_CITY = ("warm kernel killed", "worker killed", "fork server killed", "workers' fork server killed",
                  "disk full", "Ctrl+C once", "SIGKILL")  # fmt: skip
PAGE = Path(__file__).with_suffix(".md")
EMI = (sys.executable, "-m", "shared_utils.cli")


def real_city(folder: Path) -> faults.Workspace:
    """A copy of a city as `emi demo` makes it, without what it has in outputs/."""

    def make(root: Path) -> Path:
        return shutil.copytree(folder, root / "cities" / folder.name, ignore=shutil.ignore_patterns("outputs", ".venv"))

    return faults.Workspace(f"{folder.name}: the three notebooks of a city", make, program=EMI)


def row(fault: faults.Fault, workspace: faults.Workspace, tries: list[faults.Try]) -> str:
    """One line of the table."""
    words = Counter(one.told or "(nothing)" for one in tries).most_common()
    said = "<br>".join(f"`{text}`" + (f" ({n} of {len(tries)})" if len(words) > 1 else "") for text, n in words)
    codes = ", ".join(map(str, sorted({one.code for one in tries})))
    names = sorted({re.sub(r"\d{3,}", "PID", name) for one in tries for name in one.left})
    orphans = sum(len(one.orphans) for one in tries)
    equal = f"y ({sum(one.equal for one in tries)} of {len(tries)})"
    equal = equal if all(one.equal for one in tries) else equal.replace("y", "**n**")
    cells = (fault.name, fault.how, len(tries), ", ".join(names) or "-", said, codes, orphans, equal)
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=None, choices=[fault.name for fault in faults.FAULTS])
    parser.add_argument("--city", type=Path, default=None)
    chosen = parser.parse_args(arguments)
    wanted = [fault for fault in faults.FAULTS if not chosen.only or fault.name in chosen.only]
    found, bad = {}, 0
    with tempfile.TemporaryDirectory(prefix="emi-faults-") as folder:
        for workspace, of_it in plans(wanted, chosen.city):
            rows, wrong = measured(workspace, of_it, chosen.tries, chosen.seed, Path(folder))
            found[workspace.name] = rows
            bad += wrong
    PAGE.write_text(page(found, chosen.seed), encoding="utf-8", newline="\n")
    return int(bad > 0)


def plans(wanted: list[faults.Fault], city: Path | None) -> list[tuple[faults.Workspace, list[faults.Fault]]]:
    """Which faults are tried on what."""
    if city:
        return [(real_city(city.resolve()), [fault for fault in wanted if fault.name in ON_A_REAL_CITY])]
    tried = [(workspace, [f for f in of_it if f in wanted]) for workspace, of_it in faults.TRIED.items()]
    return [(workspace, of_it) for workspace, of_it in tried if of_it]


def measured(workspace: faults.Workspace, of_it: list, n: int, seed: int, folder: Path) -> tuple[list[str], int]:
    """The rows of one workspace, and how many tries went wrong."""
    place = folder / re.sub(r"\W+", "-", workspace.name)
    expected, rows, bad = faults.undisturbed(workspace, place / "undisturbed"), [], 0

    def one(pair: tuple) -> faults.Try:
        fault, number = pair
        there = place / re.sub(r"\W+", "-", f"{fault.name} {number}")
        found = faults.tried(fault, workspace, expected, number, seed, there)
        shutil.rmtree(there, ignore_errors=True)
        print(f"  {fault.name} {number}: {found}", flush=True)
        return found

    possible = [fault for fault in of_it if not fault.impossible()]
    pairs = [(fault, number) for fault in possible for number in range(n)]
    with ThreadPoolExecutor(3) as pool:
        found = dict(zip(pairs, pool.map(one, pairs), strict=True))
    for fault in of_it:
        tries = [found[fault, number] for number in range(n) if (fault, number) in found]
        rows.append(row(fault, workspace, tries) if tries else _not_tried(fault))
        bad += sum(bool(one.wrong) for one in tries)
    return rows, bad


def _not_tried(fault: faults.Fault) -> str:
    return f"| {fault.name} | not tried: {fault.impossible()} | 0 | | | | | |"


def page(found: dict[str, list[str]], seed: int) -> str:
    """The page with these rows, {section: rows}, in the place of earlier ones of the same faults."""
    _, *before = PAGE.read_text(encoding="utf-8").split("\n## ") if PAGE.exists() else [""]
    sections = {section.partition("\n")[0]: _by_fault(section.splitlines()[4:]) for section in before}
    for name, rows in found.items():
        sections[name] = sections.get(name, {}) | _by_fault(rows)
    tables = ["\n".join([f"{name}\n", *TABLE, *rows.values(), ""]) for name, rows in sections.items()]
    return "\n## ".join([HEAD.format(seed=seed, cores=os.cpu_count()), *tables])


def _by_fault(rows: list[str]) -> dict[str, str]:
    return {row.split(" | ")[0]: row for row in rows if row}


HEADS = ("fault", "how it was made", "times tried", "unfinished files left until the next run",
         "what the person was told", "exit code", "orphans", "resume byte-equal")  # fmt: skip
TABLE = ("| " + " | ".join(HEADS) + " |", "|---" * len(HEADS) + "|")
HEAD = """# Faults

Made by `python benchmarks/faults.py`; do not edit by hand. Linux, {cores} cores, seed {seed}. Each fault hits a batch
of the `emi run` program on a terminal of its own: at random moments while a cell runs, while the city is
released, while work begins and while the program starts, or when the process that is hit is there. What was told is
what stood below the progress lines, its lines parted by " / ".

"Unfinished" is a file that is not whole JSON, or that only a run under way may have: a lock, a temporary file, a
part of a notebook. Those that a killed process leaves have hidden names or are the lock; the next run takes them away.
"Orphans" are processes of the batch (found by a mark in their environment) that live 10 seconds after its end.
"Byte-equal" compares every file of `outputs/` after the next `emi run` with those of an undisturbed run: record, page,
released record, executed notebook, state and disclosure memory, without run blocks and times; logs are left out.
"""


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
