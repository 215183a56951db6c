"""Fingerprints: what makes a result out of date, and what does not."""

import nbformat
import pytest
import toy

from shared_utils.results import freshness
from shared_utils.results.notebooks import source_path


@pytest.fixture
def city(tmp_path):
    return toy.make_city(tmp_path, "calder")


def changes(city, change) -> list[str]:
    before = freshness.fingerprint(city, "impact", {})
    change()
    return freshness.changed(before, freshness.fingerprint(city, "impact", {}))


def write(path, text="changed\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("data/private/raw/people.csv", ["the data files changed"]),
        ("data/private/raw/new.csv", ["the data files changed"]),
        ("data/public_ref/acs.csv", ["the data files changed"]),
        ("city_code/helpers.py", ["city_code/ changed"]),
        ("mappings/people.yml", ["mappings/ changed"]),
        ("plan/plan.lock.json", ["the analysis plan changed"]),
        ("plan/deviations.yaml", ["the analysis plan changed"]),
        ("plan/decision.yaml", ["the analysis plan changed"]),
        ("lessons.yaml", ["city.yml or lessons.yaml changed"]),
        ("actions.yaml", []),  # the monitoring notebook's alone
        ("shared_utils/toy.py", ["shared_utils was updated"]),
        ("data/private/linked/people.parquet", []),
        ("data/private/raw/~$people.xlsx", []),
        ("data/synthetic/raw/people.csv", []),  # not the data of a city in mode "city"
        ("shared_utils/__pycache__/toy.pyc", []),
        ("outputs/internal/results_impact.json", []),
        ("notebooks/01_baseline.ipynb", []),  # another notebook
    ],
)
def test_parts(city, file, words):
    assert changes(city, lambda: write(city / file)) == words


def test_other_libraries_are_a_reason_to_run_again(city, monkeypatch):
    theirs = freshness.libraries() | {"pandas": "0.1"}
    words = ["other versions of the libraries are installed"]
    assert changes(city, lambda: monkeypatch.setattr(freshness, "libraries", lambda: theirs)) == words


def test_analysis_file_counts_wherever_it_lies(city):
    settings = (city / "city.yml").read_text(encoding="utf-8").replace("data/private/raw/people.csv", "p.csv")
    write(city / "city.yml", settings)
    assert changes(city, lambda: write(city / "p.csv")) == ["the data files changed"]


def test_running_a_notebook_in_jupyterlab_changes_nothing_but_an_edit_does(city):
    path = source_path(city, "impact")
    notebook = nbformat.read(path, as_version=4)

    def run_and_save():
        notebook.cells[1].execution_count = 3
        notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="hello")]
        notebook.metadata["kernelspec"] = {"name": "other", "display_name": "Other", "language": "python"}
        nbformat.write(notebook, path)

    def edit():
        notebook.cells[4].source += "\n# looked at"
        nbformat.write(notebook, path)

    assert changes(city, run_and_save) == []
    assert changes(city, edit) == ["the notebook was edited"]


@pytest.mark.parametrize(
    ("text", "block", "key", "value"),
    [
        ("city: {key: rochester, name: Rochester}\n", "city", "name", "Rochester"),
        ("city:\n  # a comment\n\n  key: new_york   # never change\n", "city", "key", "new_york"),
        ('data:\n  mode: "city"\n', "data", "mode", "city"),
        ("data:\n  synthetic_seed: 1\nother:\n  mode: city\n", "data", "mode", None),
        ("", "city", "key", None),
    ],
)
def test_peek_reads_one_value(tmp_path, text, block, key, value):
    write(tmp_path / "city.yml", text)
    assert freshness.peek(tmp_path, block, key) == value


def test_peek_without_a_file(tmp_path):
    assert freshness.peek(tmp_path, "city", "key") is None
