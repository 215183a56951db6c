"""Cities with one analysis file of the designs that need one: what their reports say, estimate and hand over."""

import math
import re

import pytest
import reading_grade
from one_file_cities import TABLES, one_file_city, places
from section_runs import SECTIONS, run, shown

from shared_utils import data, results
from shared_utils.sections import baseline, impact, monitoring, plan_lock

pytestmark = pytest.mark.full  # all sections of three more cities

NOTEBOOKS = {"baseline": baseline, "monitoring": monitoring, "impact": impact}
TRUTH = {"synthetic_control": -6.0, "interrupted_time_series": math.log(0.75), "time_to_event": math.log(1.6)}
SCALES = {"synthetic_control": "mean_diff", "interrupted_time_series": "log_irr", "time_to_event": "log_hr"}


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """city(design) -> its folder, with data and a locked plan."""
    made = {}

    def make(design):
        if design not in made:
            made[design] = one_file_city(tmp_path_factory.mktemp(design), design)
            data.prepare(made[design])
            plan_lock.lock(made[design], "evaluation lead")
        return made[design]

    return make


@pytest.fixture(scope="module")
def ran(city):
    """ran(notebook, design) -> (book, its sections), computed once."""
    made = {}

    def make(notebook, design):
        if (notebook, design) not in made:
            book = NOTEBOOKS[notebook].open_book(city_dir=city(design), fast=True)
            made[notebook, design] = book, run(book)
        return made[notebook, design]

    return make


@pytest.mark.parametrize("design", TABLES)
@pytest.mark.parametrize("notebook", SECTIONS)
def test_every_section_says_something_and_the_record_is_valid(ran, city, notebook, design):
    book, sections = ran(notebook, design)
    given = reading_grade.names(book.config)
    for section in sections:
        assert section.sentence and section.question
        lists_files = section.id == "B4"  # to fetch, with their publishers
        assert lists_files or not reading_grade.too_hard(section.sentence, section.flags, given)
    NOTEBOOKS[notebook].finish(book)
    record = results.read(results.internal_path(city(design), notebook))
    assert record["run"]["status"] == "ok" and record["design"]["type"] == design
    assert record["design"]["unit"] == book.config.pilot.unit_of_analysis


@pytest.mark.parametrize("design", TABLES)
def test_the_primary_estimate_is_the_truth_that_was_simulated(ran, design):
    book, _ = ran("impact", design)
    (row,) = [row for row in impact.primary_effect(book).estimates if row["role"] == "primary"]
    assert row["scale"] == SCALES[design] and row["contrast"] == book.study.labels
    assert abs(row["value"] - TRUTH[design]) < 4 * row["se"] and row["ci_low"] < row["value"] < row["ci_high"]
    assert (row["benefit"]["b"] > 0) and row["mwe"]["value"] > 0


@pytest.mark.parametrize("design", ["synthetic_control", "interrupted_time_series"])
@pytest.mark.parametrize("notebook", ["baseline", "monitoring"])
def test_places_and_periods_are_not_called_people(ran, notebook, design):
    text = "\n".join(section.sentence + shown(section) for section in ran(notebook, design)[1])
    assert not re.search(r"\b(people|families)\b", text, re.IGNORECASE), text


def test_the_twin_is_described_by_its_fit_and_shares_and_no_place_is_named(ran):
    section = baseline.comparability(ran("baseline", "synthetic_control")[0])
    said = r"Before the start, a mix of \d+ other counties stands in for the pilot's\. On average it misses by 0\."
    assert re.match(said, section.sentence)
    assert sum(row["share"] for row in section.table.rows) == pytest.approx(1, abs=0.05)
    assert "Place" not in shown(section) and "Alder" not in shown(section)


def test_a_series_stands_in_for_its_own_comparison(ran):
    section = baseline.comparability(ran("baseline", "interrupted_time_series")[0])
    assert "its 48 months before the start stand in for one" in section.sentence
    assert "seasons would have gone on" in section.sentence


@pytest.mark.parametrize(("design", "words"), [
    ("synthetic_control", "With 24 counties, the pilot can reliably detect a change of"),
    ("interrupted_time_series", "With 66 months, the pilot can reliably detect a change of"),
    ("time_to_event", "With 600 people, the pilot can reliably detect a change of"),
])  # fmt: skip
def test_what_can_be_detected_counts_what_the_design_counts(ran, design, words):
    section = baseline.detectable(ran("baseline", design)[0])
    assert section.sentence.startswith(words)
    assert len(section.table.rows) == (11 if design == "time_to_event" else 1)


@pytest.mark.parametrize(("design", "words"), [
    ("synthetic_control", "all 1,296 months of counties are there"),
    ("interrupted_time_series", "all 66 months are there"),
])  # fmt: skip
def test_what_is_missing_is_counted_in_rows_of_the_design(ran, design, words):
    assert words in baseline.missing(ran("baseline", design)[0]).sentence


def test_few_places_can_detect_nothing(tmp_path):
    folder = one_file_city(tmp_path, "synthetic_control", places(n_places=8))
    book = baseline.open_book(city_dir=folder, fast=True)
    assert "with 7 counties to compare with, no change can be told from chance" in baseline.detectable(book).sentence


def test_a_pace_is_not_told_as_a_mean(ran):
    sentence = impact.primary_effect(ran("impact", "time_to_event")[0]).sentence
    assert "how fast this happens: found a job" in sentence and "It was about" not in sentence
    assert re.search(r"range of the change is between \d+ and \d+ percent", sentence)


@pytest.mark.parametrize("design", TABLES)
def test_while_blind_the_plan_runs_on_shuffled_rows_and_shows_no_number(city, design):
    section = impact.primary_effect(impact.open_book(city_dir=city(design), fast=True, blind="on"))
    assert "trial run of the planned analysis on shuffled groups worked" in section.sentence, section.sentence
    assert all(row["value"] is None for row in section.estimates)


def test_groups_without_measures_at_the_start_are_not_compared_on_any(tmp_path):
    table = places().rename(columns={"county": "building", "evictions_per_1000": "arrears_share"})
    table["arrears_share"] = table["arrears_share"] / 100
    table["first_month"] = table["building"].isin(table["building"].unique()[:10]).map({True: "2024-01", False: ""})
    book = baseline.open_book(city_dir=one_file_city(tmp_path, "did_staggered", table), fast=True)
    section = baseline.comparability(book)
    assert "names no measures at the start" in section.sentence and "own checks found" in section.sentence
