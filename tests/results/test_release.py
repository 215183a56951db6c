"""Nothing leaves a city but by `release`: from outputs/internal to outputs/release, or not at all."""

import nbformat
import pytest
import record_factory
from test_fragment import figure_output, notebook, section, table_output

from shared_utils import results
from shared_utils.config import preset_path
from shared_utils.results.notebooks import executed_path


@pytest.fixture
def city(tmp_path):
    """A city whose impact notebook has run."""
    (tmp_path / "city.yml").write_text(
        preset_path("cincinnati").read_text(encoding="utf-8"), encoding="utf-8"
    )
    run(tmp_path)
    return tmp_path


def run(city, status="ok", run_id="2020-11-02a", cells=None):
    record = record_factory.record("cincinnati", run={"status": status})
    results.write(record, results.internal_path(city, "impact"))
    executed = notebook(*(cells or [section(figure_output(), table_output())]))
    executed.metadata["papermill"] = {"exception": None, "parameters": {"run_id": run_id}}
    nbformat.write(executed, executed_path(city, "impact"))


def files(city):
    folder = city / "outputs" / "release"
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.exists() else {}


def test_a_record_and_its_page_are_released(city):
    written = results.release(city, ["impact"])
    assert [path.name for path in written] == ["impact.html", "results_impact.json"]
    assert list(files(city)) == ["impact.html", "results_impact.json"]
    record = results.read(results.release_path(city, "impact"))
    assert record["disclosure"]["level"] == "network" and record["estimates"][0]["value"] == 0.075
    assert b"7.5" in files(city)["impact.html"]


def test_all_notebooks_that_have_run_are_released_by_default(city):
    assert len(results.release(city)) == 2


def test_the_same_run_is_released_as_the_same_bytes(city):
    results.release(city)
    first = files(city)
    results.release(city)
    assert files(city) == first


def leak(text):
    return [section(table_output()), nbformat.v4.new_markdown_cell(text)]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda city: run(city, status="failed"), "ended 'failed'"),
        (lambda city: run(city, status="partial"), "ended 'partial'"),
        (lambda city: run(city, run_id="2020-12-01b"), "from two runs"),
        (lambda city: executed_path(city, "impact").unlink(), "no executed notebook"),
        (lambda city: run(city, cells=leak("ask ana@city.gov")), "an e-mail address"),
        (lambda city: run(city, cells=leak("see /Users/ana/x.csv")), "a person's folder"),
        (lambda city: run(city, cells=[section(figure_output("plot.png"))]), "says nothing"),
    ],
)
def test_what_may_not_leave_changes_nothing(city, spoil, words):
    results.release(city)
    before = files(city)
    spoil(city)
    with pytest.raises(results.ReleaseError, match=words):
        results.release(city)
    assert files(city) == before, "the last good release stays"


def test_one_refused_notebook_does_not_hold_the_others(city):
    results.write(record_factory.record("cincinnati", "baseline"), results.internal_path(city, "baseline"))
    with pytest.raises(results.ReleaseError, match="baseline: There is a record but no executed notebook"):
        results.release(city)
    assert list(files(city)) == ["impact.html", "results_impact.json"]


def test_an_unknown_notebook_is_refused(city):
    with pytest.raises(results.ReleaseError, match="Did you mean 'impact'"):
        results.release(city, ["impct"])


def test_a_notebook_that_has_not_run_is_refused(city):
    with pytest.raises(results.ReleaseError, match="There is no results_baseline.json"):
        results.release(city, ["baseline"])
