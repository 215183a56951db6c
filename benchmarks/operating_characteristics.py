"""Write docs/operating-characteristics.md: how often the nine default pilots are right, with the shipped estimators.

    python benchmarks/operating_characteristics.py               1,000 draws with and without effect (FEWER: 500)
    python benchmarks/operating_characteristics.py --draws 20    a quick look, printed and not written

The pilots are drawn as the protocol says (spec/pilots.md 4.3; tests/designs/dgps.py), estimated through the one door,
and decided by the rule of the protocol on the interval the impact notebook reads, with the smallest worthwhile change
of each city's preset. Draws are numbered: the same number gives the same draw. Finished draws are kept in --store, a
folder named after the code that made them, so a run that was stopped goes on where it was.
"""

import argparse
import hashlib
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "tests" / "designs")]

import draws  # noqa: E402
import protocol_table  # noqa: E402

from shared_utils.config import load_city, preset_path  # noqa: E402
from shared_utils.sections.analysis import benefit, decision_interval, plain_rows  # noqa: E402
from shared_utils.stats import decision, power  # noqa: E402

PAGE = ROOT / "docs" / "operating-characteristics.md"
CHUNK = 25
FEWER = {"detroit": 0.5, "newark": 0.5, "rochester": 0.5}  # share of the draws made where one takes 0.2 to 0.6 s
UNEVEN = 0.2  # share of the draws made with uneven effects
OUTCOMES = ("SCALE firm", "SCALE staged", "ADAPT", "KEEP LEARNING", "STOP")


def numbers(name: str, scenario: str, wanted: int) -> range:
    """The draws of a design: fewer where one takes long, and where effects are uneven."""
    return range(round(wanted * FEWER.get(name, 1) * (UNEVEN if scenario == "uneven" else 1)))


def chunks(names: list[str], wanted: int) -> list[tuple]:
    """(design, scenario, first draw, last draw + 1): every design gets its first draws before any gets more."""
    found = []
    for name in names:
        for scenario in draws.SCENARIOS:
            last = len(numbers(name, scenario, wanted))
            found += [(name, scenario, at, min(at + CHUNK, last)) for at in range(0, last, CHUNK)]
    return sorted(found, key=lambda chunk: chunk[2])


def file_of(store: Path, chunk: tuple) -> Path:
    return store / ("{}-{}-{:04d}-{:04d}.csv".format(*chunk))


def work(store: Path, chunk: tuple) -> tuple[tuple, float]:
    """Make one chunk's draws and keep them; return the chunk and its seconds."""
    started = time.perf_counter()
    name, scenario, first, after = chunk
    part = file_of(store, chunk).with_suffix(".part")
    draws.many(name, scenario, range(first, after)).to_csv(part, index=False)
    part.replace(file_of(store, chunk))
    return chunk, time.perf_counter() - started


def run(todo: list[tuple], store: Path, processes: int) -> None:
    """Make the chunks that are not there yet, and say how far it is."""
    waiting = [chunk for chunk in todo if not file_of(store, chunk).exists()]
    done, seconds = len(todo) - len(waiting), {}
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # read by each process as it starts
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for future in as_completed([pool.submit(work, store, chunk) for chunk in waiting]):
            chunk, took = future.result()
            waiting.remove(chunk)
            done += 1
            seconds.setdefault(chunk[0], []).append(took)
            typical = np.mean([np.mean(s) for s in seconds.values()])
            left = sum(np.mean(seconds.get(other[0], typical)) for other in waiting) / processes
            label = "{} {} {}-{}".format(*chunk)
            print(f"{done}/{len(todo)} {label:32} {took:5.1f} s; about {left / 60:.1f} min left", flush=True)


def decided(drawn: pd.DataFrame, name: str) -> pd.DataFrame:
    """Add the benefit-oriented estimate `b`, its true value `truth`, and what the rule recommends."""
    city = load_city(preset_path(name.replace("_", "")))
    sign = 1 if city.primary.direction == "increase" else -1
    words = []
    for row in plain_rows(drawn):
        b = benefit(city.primary.direction, row["value"], *decision_interval(row))
        words.append(" ".join(filter(None, decision.rule(b["b"], b["l"], b["u"], city.mwe)[:2])))
    # a harmful result is a STOP as well: the table has one column for both
    says = pd.Series(words, index=drawn.index).str.replace("STOP harm", "STOP")
    return drawn.assign(b=sign * drawn.value, truth=sign * drawn.true, says=says)


def characteristics(effect: pd.DataFrame, null: pd.DataFrame, tests: int, per: float) -> pd.DataFrame:
    """Return rows (quantity: value, mc_se) of one contrast; values with a unit are divided by `per`.

    mc_se is the Monte Carlo error: of a mean sd / sqrt(n), of a standard deviation sd / sqrt(2 n), of a share
    sqrt(p (1 - p) / n).
    """
    n = len(effect)
    found = {
        "mean": (effect.b.mean() / per, effect.b.std() / per / np.sqrt(n)),
        "sd": (effect.b.std() / per, effect.b.std() / per / np.sqrt(2 * n)),
        "se": (effect.se.mean() / per, effect.se.std() / per / np.sqrt(n)),
        "coverage": _share((effect.ci_low <= effect.true) & (effect.true <= effect.ci_high)),
        "size": _share(null.p < 0.05),
        "power": _share(effect.p < 0.05),
    }
    df = effect.df.fillna(power.NORMAL).mean()
    times = power.multiplier(df, 0.05 / tests)
    found["mde"] = tuple(times * part for part in found["se"])
    found |= {outcome: _share(effect.says == outcome) for outcome in OUTCOMES}
    found["SCALE, no effect"] = _share(null.says.str.startswith("SCALE"))
    return pd.DataFrame(found, index=["value", "mc_se"]).T


def _share(hits: pd.Series) -> tuple[float, float]:
    share = hits.mean()
    return share, np.sqrt(share * (1 - share) / len(hits))


def tables(store: Path, names: list[str], wanted: int) -> list[dict]:
    """Return one entry a contrast: its characteristics, with uneven effects too, and the draws behind them."""
    found = []
    for name in names:
        drawn = {scenario: _read(store, name, scenario, wanted) for scenario in draws.SCENARIOS}
        contrasts = drawn["effect"].contrast.unique()
        for contrast in contrasts:
            own = {scenario: rows[rows.contrast == contrast] for scenario, rows in drawn.items()}
            line = protocol_table.LINES[name, contrast if len(contrasts) > 1 else ""]
            found.append({
                "line": line,
                "true": own["effect"].truth.mean() / line.per,
                "ours": characteristics(own["effect"], own["null"], len(contrasts), line.per),
                "uneven": characteristics(own["uneven"], own["null"], len(contrasts), line.per),
                "uneven true": own["uneven"].truth.mean() / line.per,
                "draws": {scenario: len(rows) for scenario, rows in own.items()},
            })  # fmt: skip
    return found


def _read(store: Path, name: str, scenario: str, wanted: int) -> pd.DataFrame:
    own = [c for c in chunks([name], wanted) if c[1] == scenario]
    return decided(pd.concat([pd.read_csv(file_of(store, c)) for c in own], ignore_index=True), name)


def fingerprint() -> str:
    """Hash of the code that makes a draw, so that draws of other code are never read."""
    files = [*(ROOT / "shared_utils" / "designs").glob("*.py"), *(ROOT / "shared_utils" / "stats").glob("*.py")]
    files += [ROOT / "tests" / "designs" / "dgps.py", ROOT / "tests" / "designs" / "draws.py"]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sorted(files))).hexdigest()[:12]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--only", nargs="+", default=list(draws.dgps.ALL), choices=list(draws.dgps.ALL))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--store", type=Path, default=Path(tempfile.gettempdir()) / "emi-operating-characteristics")
    chosen = parser.parse_args(arguments)
    store = chosen.store / fingerprint()
    store.mkdir(parents=True, exist_ok=True)
    run(chunks(chosen.only, chosen.draws), store, chosen.processes)
    page, unexplained = protocol_table.page(tables(store, chosen.only, chosen.draws))
    print(page)
    if unexplained:
        print(f"Differs from the protocol without a reason in benchmarks/protocol_table.py: {', '.join(unexplained)}.")
    if chosen.draws >= 1000 and len(chosen.only) == len(draws.dgps.ALL):
        PAGE.write_text(page, encoding="utf-8", newline="\n")
    return int(bool(unexplained))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
