"""Write benchmarks/disclosure.md: how many random releases leak a small count, and what it costs that none does.

    python benchmarks/disclosure.py                1,000 releases of five kinds, and one of a city's size
    python benchmarks/disclosure.py --each 20      a quick look, printed and not written

The tables and the auditor are those of tests/disclosure/random_tables.py; the auditor shares no code with ours.
"""

import argparse
import os
import statistics
import sys
import time
from datetime import date
from pathlib import Path

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # read when numpy is loaded

import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "disclosure")]

import random_tables  # noqa: E402

from shared_utils.disclosure import Counts, Group, memory  # noqa: E402

PAGE = Path(__file__).with_suffix(".md")
EACH = 200
HEAD = """# What primary suppression leaves, and what it costs to leave nothing

Made by `python benchmarks/disclosure.py`; do not edit by hand. A release leaks when a count of 1-10 people can be
worked out from what it shows: "told" means solved exactly or known to be 1-10, "narrow" that its possible values do not
hold all of 1 to 10, which pilots.md 2.7.4 asks for. "Primary alone" hides the counts of 1-10 and nothing else. Two
releases are a table in March and again in April; how many joined a published group in between is a count like any
other. Milliseconds are processor time of one thread for our masks, without the auditor.

"""
CITY = {"race": 8, "gender": 4, "household": 5, "education": 5, "site": 6}  # dimensions and their categories


def compare(kind: str, each: int) -> dict:
    """Leaks and hidden shares of random releases of one kind."""
    seconds, leaks, cells = [], {"naive": [], "ours": []}, {"all": 0, "naive": 0, "ours": 0}
    for seed in range(each):
        start = time.process_time()
        release, ours = random_tables.draw(kind, seed)
        seconds.append(time.process_time() - start)
        printed = release.numbers.keys() - release.growth.keys()
        cells["all"] += len(printed)
        for name, hidden in (("naive", release.naive()), ("ours", ours)):
            leaks[name].append(list(release.leaks(hidden)))
            cells[name] += len(printed & hidden)
    row = {"kind": kind, "releases": each, "ms": 1000 * statistics.mean(seconds)}
    for name in ("naive", "ours"):
        row[f"told {name}"] = sum(any(random_tables.told(low, high) for _, low, high in found) for found in leaks[name])
        row[f"leak {name}"] = sum(map(bool, leaks[name]))
        row[f"hidden {name}"] = cells[name] / cells["all"]
    return row


def city(people: int, seed: int) -> Counts:
    """The counts of one city: each dimension alone and by arm, and two shares of all of these."""
    rng, everybody, counts = np.random.default_rng(seed), Group("participants"), Counts()
    sizes = {dimension: rng.dirichlet(np.full(n, 1.2)) for dimension, n in CITY.items()}
    where = {dimension: rng.choice(len(p), people, p=p) for dimension, p in sizes.items()}
    where["arm"] = rng.integers(0, 2, people)
    everyone = np.ones(people, bool)
    answers = {"employed": rng.random(people) < 0.3, "took part": rng.random(people) < 0.6}
    for dimensions in [(), ("arm",), *((d,) for d in CITY), *((d, "arm") for d in CITY)]:
        for cell in np.ndindex(*(int(where[d].max()) + 1 for d in dimensions)):
            inside = np.all([where[d] == k for d, k in zip(dimensions, cell, strict=True)], axis=0)
            group = everybody.within(**dict(zip(dimensions, cell, strict=True)))
            counts.add(group, np.sum(inside & everyone))
            for measure, yes in answers.items():
                counts.add_share(group, counts[group], np.sum(inside & yes), measure)
    return counts


def time_city(people: int) -> dict:
    """Seconds for a first release of a city and for the same one a month later."""
    history, row = memory.no_history(), {"people": people}
    for name, day in (("first", date(2020, 3, 31)), ("again", date(2020, 4, 30))):
        counts = city(people, seed=1)
        start = time.process_time()
        protection = memory.protect_release(counts, history, day)
        row[name] = time.process_time() - start
        history = memory.remember(history, counts, protection, day)
    return row | {
        "counts": len(counts),
        "lines": len(counts.lines()),
        "small": len(protection.primary) / len(counts),
        "hidden": len(protection.hidden) / len(counts),
    }


def page(rows: list[dict], cities: list[dict]) -> str:
    head = ["releases", "kind", "primary alone: told", "told or narrow", "hidden"]
    lines = [_line(head + ["ours: told", "told or narrow", "hidden", "ms each"]), "|---" * 9 + "|"]
    for row in rows:
        both = [[row[f"told {who}"], row[f"leak {who}"], f"{row[f'hidden {who}']:.0%}"] for who in ("naive", "ours")]
        lines.append(_line([row["releases"], row["kind"], *both[0], *both[1], f"{row['ms']:.0f}"]))
    total = {key: sum(row[key] for row in rows) for key in rows[0] if key.startswith(("releases", "told", "leak"))}
    both = [[total[f"told {who}"], total[f"leak {who}"], ""] for who in ("naive", "ours")]
    lines.append(_line([total["releases"], "all", *both[0], *both[1], ""]))
    lines += [
        "",
        "A city's release (five dimensions alone and by arm, two shares of each), and the same again a month later:",
        "",
        "| people | counts | sums | small | hidden | first, s | again, s |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in cities:
        shares = [f"{row[name]:.0%}" for name in ("small", "hidden")]
        seconds = [f"{row[name]:.1f}" for name in ("first", "again")]
        lines.append(_line([f"{row['people']:,}", row["counts"], row["lines"], *shares, *seconds]))
    return HEAD + "\n".join(lines) + "\n"


def _line(cells: list) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--each", type=int, default=EACH, help="releases of each kind")
    each = parser.parse_args().each
    text = page([compare(kind, each) for kind in random_tables.KINDS], [time_city(n) for n in (300, 900, 3000)])
    print(text)
    if each == EACH:
        PAGE.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
