"""The nine demonstration cities from nothing to a site, as `python bootstrap.py demo` makes them."""

import json
import shutil
import subprocess
import sys

import openpyxl
import pandas as pd
import pytest

from shared_utils.config import PRESETS, load_city
from shared_utils.results import read

# Four CPU minutes: the fast set runs two of the nine cities (test_end_to_end.py).
pytestmark = pytest.mark.full
NOTEBOOKS = ("baseline", "monitoring", "impact")


def emi(workspace, *words):
    return subprocess.run(
        [sys.executable, "-m", "shared_utils.cli", *words],
        cwd=workspace,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


@pytest.fixture(scope="module")
def cities(demo):
    """{key: folder} of the nine."""
    return {load_city(path.parent).city.key: path.parent for path in (demo[0] / "cities").glob("*/city.yml")}


def test_all_nine_cities_run_all_three_notebooks(demo, cities):
    assert sorted(cities) == sorted(PRESETS)
    assert "ok 27   failed 0   total 27" in demo[1]
    for folder in cities.values():
        for notebook in NOTEBOOKS:
            record = read(folder / "outputs" / "release" / f"results_{notebook}.json")
            assert record["data_mode"] == "synthetic" and record["run"]["status"] == "ok"


@pytest.mark.parametrize("key", PRESETS)
def test_the_estimate_is_near_the_planted_truth(cities, key):
    # Four standard errors (pilots.md 4.5, T-truth-single): a wrong estimator is further off, chance almost never.
    record = read(cities[key] / "outputs" / "internal" / "results_impact.json")
    truth = json.loads((cities[key] / "data" / "synthetic" / "truth" / "truth.json").read_text(encoding="utf-8"))
    primary = [row for row in record["estimates"] if row["role"] == "primary"]
    planted = {(t["estimand"], t["contrast"]): t["in_sample"] for t in truth["primary"]}
    only = {t["estimand"]: t["in_sample"] for t in truth["primary"]}
    assert primary
    for row in primary:
        true = planted.get((row["estimand"], " - ".join(row["contrast"])), only.get(row["estimand"]))
        assert abs(row["value"] - true) <= 4 * row["se"]


@pytest.mark.parametrize("key", PRESETS)
def test_every_page_of_a_synthetic_city_carries_its_watermark(demo, cities, key):
    mark = f"SYNTHETIC DATA - NOT RESULTS FOR {load_city(cities[key]).city.name.upper()}"
    pages = list((demo[0] / "site" / "cities" / cities[key].name).glob("*.html"))
    assert len(pages) == 6, "the city, its residents in two languages, its three notebooks"
    assert all(mark in page.read_text(encoding="utf-8") for page in pages)


def test_a_second_batch_has_nothing_to_do(demo):
    done = emi(demo[0], "run")
    assert done.returncode == 0 and "27 up to date, 0 to run" in done.stdout


def test_a_city_that_lost_a_column_stops_alone_and_recovers_alone(demo, cities, tmp_path):
    workspace = tmp_path / "two cities"
    for key in ("cincinnati", "racine"):
        shutil.copytree(cities[key], workspace / "cities" / cities[key].name)
    broken = workspace / "cities" / cities["racine"].name / "data" / "synthetic" / "raw"
    file, header = drop_a_column(broken)
    done = emi(workspace, "run")
    assert done.returncode == 1
    assert file.name in done.stdout and header in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "3 up to date" in done.stdout  # Cincinnati's work was not done again
    shutil.copy(cities["racine"] / "data" / "synthetic" / "raw" / file.name, file)
    again = emi(workspace, "run")
    assert again.returncode == 0


def drop_a_column(folder):
    """Remove the second column of the first table file; returns the file and the header it lost."""
    file = sorted(p for p in folder.iterdir() if p.suffix in (".csv", ".xlsx"))[0]
    if file.suffix == ".csv":
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        header = table.columns[1]
        table.drop(columns=header).to_csv(file, index=False)
        return file, header
    book = openpyxl.load_workbook(file)
    sheet = book.worksheets[0]
    header = sheet.cell(1, 2).value
    sheet.delete_cols(2)
    book.save(file)
    return file, header


def test_plain_papermill_gives_the_record_emi_run_gave(demo, cities, tmp_path):
    city = tmp_path / "a city" / cities["tulsa"].name
    shutil.copytree(cities["tulsa"], city)
    record = city / "outputs" / "internal" / "results_impact.json"
    first = read(record)
    record.unlink()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "papermill",
            "notebooks/03_impact.ipynb",
            str(tmp_path / "out.ipynb"),
            "-p",
            "city_dir",
            ".",
            "--no-progress-bar",
        ],
        cwd=city,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    second = read(record)
    for volatile in ("run", "provenance"):
        first.pop(volatile), second.pop(volatile)
    assert second == first


@pytest.mark.parametrize("key", PRESETS)
def test_notebooks_run_under_nbval(cities, key):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-c",
            "pyproject.toml",
            "--nbval-lax",
            "notebooks",
        ],
        cwd=cities[key],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout[-3000:]
