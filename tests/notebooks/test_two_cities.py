"""Two contrasting cities through the generator and plain papermill: people drawn by chance, and places over time."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from shared_utils import data, results
from shared_utils.results.notebooks import NOTEBOOKS
from shared_utils.sections import plan_lock
from shared_utils.template.new import create

ROOT = Path(__file__).resolve().parents[2]
CITIES = ("cincinnati", "newark")
OWN_VERSION = "1.0.77"  # written into Newark's copy of the shared code, to see which copy its kernel used
# Each notebook once, and both cities: all 27 run in the full set (test_demo_cities.py).
RUNS = [("cincinnati", "baseline"), ("cincinnati", "monitoring"), ("newark", "impact")]
EACH = pytest.mark.parametrize(("key", "notebook"), RUNS, ids=["-".join(run) for run in RUNS])
pytestmark = pytest.mark.full  # three cold starts of papermill; the sections run without a kernel in tests/sections


def papermill(city: Path, notebook: str, out: Path, *more: str, cwd: Path) -> subprocess.CompletedProcess:
    words = ["-m", "papermill", str(city / "notebooks" / f"{NOTEBOOKS[notebook]}.ipynb"), str(out), "--no-progress-bar"]
    environment = {**os.environ, "PYTHONPATH": ""}
    return subprocess.run([sys.executable, *words, *more], cwd=cwd, env=environment, capture_output=True, text=True,
                          encoding="utf-8")  # fmt: skip


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """{(city, notebook): (folder, executed notebook)}, run from the notebooks' folder in a path with a space."""
    folder = tmp_path_factory.mktemp("City of Alder Bay")
    cities = {}
    for key in CITIES:
        cities[key] = create(ROOT, folder, {"city": key})
        data.prepare(cities[key])
        plan_lock.lock(cities[key], "evaluation lead")
    init = cities["newark"] / "shared_utils" / "__init__.py"
    init.write_text(init.read_text(encoding="utf-8") + f'__version__ = "{OWN_VERSION}"\n', encoding="utf-8")

    def run(pair):
        key, notebook = pair
        out = folder / f"{key}-{notebook}.ipynb"
        done = papermill(cities[key], notebook, out, "-p", "fast", "True", cwd=cities[key] / "notebooks")
        assert done.returncode == 0, done.stderr[-2000:]
        return pair, (cities[key], nbformat.read(out, as_version=4))

    with ThreadPoolExecutor(2) as pool:
        return dict(pool.map(run, RUNS))


@EACH
def test_every_cell_answers_and_no_cell_prints_to_stderr(executed, key, notebook):
    for cell in executed[key, notebook][1].cells:
        if cell.cell_type == "code" and not cell.metadata.get("tags"):
            assert {output.output_type for output in cell.outputs} == {"display_data"}, cell.id


@EACH
def test_every_output_has_a_released_form_and_every_figure_a_description(executed, key, notebook):
    shown = [output for cell in executed[key, notebook][1].cells for output in cell.get("outputs", [])]
    assert len(shown) > 15
    for output in shown:
        if "image/png" in output.data:
            assert len(output.metadata["image/png"]["alt"]) > 40
        else:
            assert "application/vnd.emi.release+html" in output.data and output.data["text/plain"]


@EACH
def test_the_record_is_valid_and_knows_its_inputs(executed, key, notebook):
    folder, _ = executed[key, notebook]
    record = results.read(results.internal_path(folder, notebook))
    assert record["run"]["run_id"] == f"2020-10-31-{key}-{notebook}" and record["run"]["status"] == "ok"
    assert record["provenance"]["notebook_sha256"].startswith("sha256:")
    assert record["provenance"]["code"]["vendored_sha256"].startswith("sha256:")
    assert {entry["table"] for entry in record["provenance"]["inputs"]} >= {"outcomes", "assignments"}
    assert str(folder) not in json.dumps(record)


def test_the_kernel_saw_the_city_s_own_copy_of_the_shared_code(executed):
    folder, _ = executed["newark", "impact"]
    record = results.read(results.internal_path(folder, "impact"))
    assert record["provenance"]["code"]["shared_utils"] == OWN_VERSION


def test_the_estimate_is_near_the_planted_truth(executed):
    folder = executed["newark", "impact"][0]
    truth = json.loads((folder / "data" / "synthetic" / "truth" / "truth.json").read_text(encoding="utf-8"))
    (row,) = [r for r in results.read(results.internal_path(folder, "impact"))["estimates"] if r["role"] == "primary"]
    assert abs(row["value"] - truth["primary"][0]["in_sample"]) <= 4 * row["se"]


@pytest.mark.full
def test_it_runs_from_any_folder_when_the_city_is_named(executed, tmp_path):
    folder, _ = executed["cincinnati", "monitoring"]
    done = papermill(folder, "monitoring", tmp_path / "out.ipynb", "-p", "city_dir", str(folder), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.full
def test_a_folder_without_a_city_is_refused_in_words(executed, tmp_path):
    folder, _ = executed["cincinnati", "monitoring"]
    done = papermill(folder, "monitoring", tmp_path / "out.ipynb", cwd=tmp_path)
    assert done.returncode != 0 and "There is no city.yml" in done.stderr
