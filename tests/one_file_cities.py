"""Small cities with one analysis file, one of each design that needs one: starter settings, simulated rows."""

from pathlib import Path

import numpy as np
import pandas as pd

from shared_utils.template.new import create

ROOT = Path(__file__).resolve().parents[1]


def places(seed: int = 1, n_places: int = 24, effect: float = -6.0) -> pd.DataFrame:
    """A place and month a row; Alder falls by `effect` from 2024-01 on, and lies within the other places."""
    rng = np.random.default_rng(seed)
    names = ["Alder", *(f"Place {i:02d}" for i in range(1, n_places))]
    months = pd.date_range("2021-01-01", "2025-06-01", freq="MS")
    shared = np.cumsum(rng.normal(0, 0.6, len(months)))
    level, slope = rng.normal(20, 4, n_places), rng.normal(1, 0.3, n_places)
    level[0], slope[0] = 20.0, 1.0
    rows = level[:, None] + slope[:, None] * shared + rng.normal(0, 0.5, (n_places, len(months)))
    rows[0] += effect * (months >= "2024-01-01")
    return pd.DataFrame({
        "county": np.repeat(names, len(months)), "month": np.tile(months.strftime("%Y-%m"), n_places),
        "evictions_per_1000": rows.ravel().round(3),
    })  # fmt: skip


def series(seed: int = 2, drop: float = 0.25) -> pd.DataFrame:
    """A month a row; the rate falls by the share `drop` from 2024-01 on."""
    rng = np.random.default_rng(seed)
    months = pd.date_range("2020-01-01", "2025-06-01", freq="MS")
    t = np.arange(len(months))
    homes = (9000 + 5 * t).astype(int)
    rate = 0.009 * np.exp(0.002 * t) * np.where(months >= "2024-01-01", 1 - drop, 1)
    return pd.DataFrame({
        "month": months.strftime("%Y-%m"), "evictions": rng.poisson(rate * homes), "renter_households": homes,
    })  # fmt: skip


def people(seed: int = 3, n: int = 600, ratio: float = 1.6) -> pd.DataFrame:
    """A person a row, followed for 365 days at most; those offered find a job `ratio` times as fast."""
    rng = np.random.default_rng(seed)
    offered = rng.integers(0, 2, n)
    age, before = rng.integers(18, 60, n), rng.integers(0, 2, n)
    pace = np.exp(-0.01 * (age - 38) + 0.4 * before) * np.where(offered == 1, ratio, 1) / 400
    job, leaves = rng.exponential(1 / pace), rng.uniform(60, 800, n)
    last = np.minimum(leaves, 365)
    return pd.DataFrame({
        "offered": offered, "days": np.ceil(np.minimum(job, last)).astype(int), "found_job": (job <= last).astype(int),
        "age": age, "employed_before": before, "gender": rng.choice(["woman", "man"], n),
    })  # fmt: skip


TABLES = {"synthetic_control": places, "interrupted_time_series": series, "time_to_event": people}


def one_file_city(folder: Path, design: str, table: pd.DataFrame | None = None) -> Path:
    """A new city as `emi new` makes it from the starter of `design`, with its file in place."""
    city = create(ROOT, folder, {
        "city": "other", "city_name": "Alder Bay", "state": "OH", "city_slug": "alder-bay",
        "program_title": "A pilot in Alder Bay", "domain": "housing", "design": design,
        "start_date": "2024-01-01", "end_date": "2025-06-30",
    })  # fmt: skip
    raw = city / "data" / "private" / "raw" / "analysis.csv"
    (TABLES[design]() if table is None else table).to_csv(raw, index=False)
    return city
