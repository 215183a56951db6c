"""Cities made once a session, in process: no kernel, one per kind that the section tests look at."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shared_utils import data
from shared_utils.sections import plan_lock
from shared_utils.template.new import create

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def city(tmp_path_factory):
    """city(key) -> folder of a synthetic city with data and a locked plan."""
    made = {}

    def make(key: str) -> Path:
        if key not in made:
            folder = create(ROOT, tmp_path_factory.mktemp("a city"), {"city": key})
            data.prepare(folder)
            plan_lock.lock(folder, "evaluation lead")
            made[key] = folder
        return made[key]

    return make


@pytest.fixture(scope="session")
def open_book(city):
    """open_book(notebook, key, **parameters) -> Book, computed once for equal arguments."""
    made = {}

    def make(notebook: str, key: str, **parameters):
        name = (notebook, key, *sorted(parameters.items()))
        if name not in made:
            module = import_module(f"shared_utils.sections.{notebook}")
            made[name] = module.open_book(city_dir=city(key), fast=True, **parameters)
        return made[name]

    return make


@pytest.fixture(scope="session")
def descriptive_city(tmp_path_factory):
    """A city with one analysis file and no comparison group."""
    folder = create(
        ROOT,
        tmp_path_factory.mktemp("alder"),
        {
            "city": "other", "city_name": "Alder Bay", "state": "OH", "city_slug": "alder-bay",
            "program_title": "Job clubs", "domain": "employment", "design": "descriptive",
            "start_date": "2024-01-01", "end_date": "2024-12-31",
        },
    )  # fmt: skip
    rng = np.random.default_rng(5)
    n = 900
    month = rng.integers(1, 7, n)
    table = pd.DataFrame({
        "site": rng.choice(["North", "South", "East"], n), "month": [f"2024-{m:02d}" for m in month],
        "age": rng.integers(18, 60, n), "employed_before": rng.integers(0, 2, n),
        "employed_6m": (rng.random(n) < 0.4 + 0.03 * month).astype(float),
    })  # fmt: skip
    table.loc[rng.random(n) < 0.1, "employed_6m"] = np.nan
    raw = folder / "data" / "private" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    table.to_csv(raw / "analysis.csv", index=False)
    return folder
