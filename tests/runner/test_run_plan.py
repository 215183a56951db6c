"""What would run and why, and what is refused before anything starts."""

import datetime
import json

import nbformat
import pytest
import toy
import worker_jobs

from shared_utils import runner
from shared_utils.results.notebooks import NOTEBOOKS, source_path
from shared_utils.runner import months
from shared_utils.runner.plan import declared_parameters, typed


@pytest.fixture(scope="module")
def cities(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan") / "cities"
    return [toy.make_city(folder, name) for name in ("alder-bay", "calder")]


def test_new_cities_run_in_order(cities):
    plan = runner.plan(cities, ["impact", "baseline", "monitoring"], None)
    assert [(job.city, job.notebook) for job in plan.jobs] == [
        (city, notebook) for city in ("alder_bay", "calder") for notebook in NOTEBOOKS
    ]
    assert {(job.action, job.reason) for job in plan.jobs} == {("run", "never run")}


def test_parameters_are_read_without_running(cities):
    assert declared_parameters(source_path(cities[0], "impact")) == {
        "city_dir": "",
        "as_of": "2019-12-31",
        "county_fips": "061",
        "draws": 200,
        "fast": False,
        "run_id": "",
        "out_dir": "",
    }


def test_a_notebook_with_two_texts_of_a_merge_is_not_run(tmp_path):
    city = toy.make_city(tmp_path, "calder")
    path = source_path(city, "impact")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"].append(
        nbformat.v4.new_markdown_cell("`<<<<<<< yours`\n\nA\n\n`=======`\n\nB\n\n`>>>>>>> theirs`", id="w")
    )
    path.write_text(json.dumps(notebook), encoding="utf-8")
    *_, impact = runner.plan([city], list(NOTEBOOKS), None).jobs
    assert (impact.action, impact.reason) == (
        "blocked",
        "notebooks/03_impact.ipynb, cell w: two texts stand there, and nobody has chosen yet.",
    )
    path.write_text(f"<<<<<<< HEAD\n{json.dumps(notebook)}", encoding="utf-8")  # a merge that knew nothing of notebooks
    *_, impact = runner.plan([city], list(NOTEBOOKS), None).jobs
    assert impact.reason.startswith("notebooks/03_impact.ipynb, line 1: two texts stand there")


def test_text_takes_the_type_of_the_default(cities):
    given = {"county_fips": "061", "draws": "50", "fast": "yes", "as_of": datetime.date(2020, 1, 2)}
    (job,) = runner.plan(cities[:1], ["impact"], None, parameters=given).jobs
    assert job.parameters == {"county_fips": "061", "draws": 50, "fast": True, "as_of": "2020-01-02"}


def test_months_are_seen_from_their_last_day_and_do_not_begin_before_the_pilot(cities):
    """The pilot starts in April 2019; the report of now, as of the middle of June, is the last of the months."""
    for asked, earlier in ((2, {"2019-05": "2019-05-31"}), (18, {"2019-04": "2019-04-30", "2019-05": "2019-05-31"})):
        jobs = runner.plan(cities[:1], ["monitoring"], None, parameters={"as_of": "2019-06-15"}, months=asked).jobs
        assert [job.notebook for job in jobs] == [*(f"monitoring {month}" for month in earlier), "monitoring"]
        assert [job.parameters["as_of"] for job in jobs] == [*earlier.values(), "2019-06-15"]
        assert [job.parameters.get("out_dir") for job in jobs] == [
            *(f"outputs/internal/history/{month}" for month in earlier),
            None,
        ]


@pytest.mark.parametrize(
    ("settings", "last"),
    [
        ("", "2020-09"),  # a city's own data, long after the pilot: the data lock of October 31, 2020
        ("reporting: {monitoring_as_of: 2020-02}", "2020-01"),
        ("reporting: {monitoring_as_of: latest}", "2020-09"),
    ],
)
def test_the_last_month_is_the_one_city_yml_says(tmp_path, settings, last):
    city = toy.make_city(tmp_path, "alder-bay")
    with (city / "city.yml").open("a", encoding="utf-8") as stream:
        stream.write(settings + "\n")
    assert list(months.earlier_runs(city, 2, {})) == [f"monitoring {last}"]


def test_a_city_whose_settings_cannot_be_read_has_no_earlier_months(tmp_path):
    city = toy.make_city(tmp_path, "alder-bay")
    (city / "city.yml").write_text("pilot: {start: soon}", encoding="utf-8")
    assert months.earlier_runs(city, 18, {}) == {}


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"asof": "1"}, "has no parameter 'asof'. Did you mean 'as_of'?", "as_of, county_fips"),
        ({"draws": "many"}, "Parameter draws is a whole number, not 'many'.", "draws=200"),
        ({"fast": "maybe"}, "Parameter fast is true or false, not 'maybe'.", "fast=true"),
        ({"as_of": "2020-13-01"}, "Parameter as_of is a day, not '2020-13-01'.", "as_of=2020-10-31"),
    ],
)
def test_wrong_parameters_are_refused(cities, given, message, hint):
    with pytest.raises(runner.PlanError) as refused:
        runner.plan(cities, ["impact"], None, parameters=given)
    assert message in refused.value.message and hint in refused.value.hint


def test_unknown_notebook_is_refused(cities):
    with pytest.raises(runner.PlanError) as refused:
        runner.plan(cities, ["imapct"], None)
    assert refused.value.message == "There is no notebook 'imapct'. Did you mean 'impact'?"
    assert refused.value.hint == "Notebooks: baseline, monitoring, impact"


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda path: path.unlink(), "notebooks/02_monitoring.ipynb is missing."),
        (lambda path: path.write_text("<<<<<<<", encoding="utf-8"), "is not a notebook that can be read."),
        (lambda path: path.write_text('{"cells": []}', encoding="utf-8"), "no cell tagged 'parameters'"),
        (lambda path: spoil_parameters(path), "is not Python: "),
    ],
)
def test_broken_notebook_is_blocked_and_the_others_are_not(tmp_path, break_it, reason):
    city = toy.make_city(tmp_path, "calder")
    break_it(source_path(city, "monitoring"))
    plan = runner.plan([city], list(NOTEBOOKS), None)
    (blocked,) = plan.having("blocked")
    assert blocked.notebook == "monitoring" and reason in blocked.reason
    assert len(plan.having("run")) == 2


def spoil_parameters(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    content["cells"][1]["source"] = "as_of = "
    path.write_text(json.dumps(content), encoding="utf-8")


def test_failed_prepare_blocks_all_of_that_city_only(tmp_path):
    good, bad = (toy.make_city(tmp_path, name) for name in ("alder-bay", "calder"))
    (bad / "data" / "private" / "raw" / "people.csv").write_text("id\n", encoding="utf-8")
    plan = runner.plan([good, bad], list(NOTEBOOKS), worker_jobs.prepare)
    assert {job.city for job in plan.having("run")} == {"alder_bay"}
    blocked = plan.having("blocked")
    assert [job.notebook for job in blocked] == list(NOTEBOOKS)
    assert {job.hint for job in blocked} == {"Rename the column."}


def test_two_cities_with_one_key_go_by_folder(tmp_path):
    cities = [toy.make_city(tmp_path / place, "calder") for place in "ab"]
    twin = tmp_path / "a" / "calder-two"
    cities[0].rename(twin)
    assert list(runner.city_names([twin, cities[1]]).values()) == ["calder-two", "calder"]


def test_default_that_is_a_call_takes_any_text():
    assert typed({"seed": "7"}, {"seed": None}, "it") == {"seed": "7"}
