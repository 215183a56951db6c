"""One analysis file as a synthetic control, an interrupted time series or a time to event: the Study and refusals."""

import pandas as pd
import pytest
from one_file_cities import TABLES, one_file_city, people, places

from shared_utils import data
from shared_utils.data import study as studies


@pytest.fixture
def made(tmp_path):
    """made(design, table, *changes of city.yml) -> the Study."""

    def make(design, table=None, *changes):
        folder = one_file_city(tmp_path, design, table)
        text = (folder / "city.yml").read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        (folder / "city.yml").write_text(text, encoding="utf-8")
        data.prepare(folder)
        return data.load(folder).study

    return make


def test_places_of_a_synthetic_control(made):
    study = made("synthetic_control")
    assert study.design == {
        "type": "synthetic_control", "unit": "county", "time": "month", "treated_units": ["Alder"],
        "adoption": pd.Timestamp("2024-01-01"), "covariates": [], "options": {"method": "scm"},
    }  # fmt: skip
    assert (study.unit_label, study.period_label, study.labels) == ("counties", "months", ["treated", "comparison"])
    arms = study.frame.drop_duplicates("subject_id").set_index("subject_id")["arm"]
    assert arms["Alder"] == "treated" and (arms == "comparison").sum() == 23


def test_periods_of_a_series(made):
    study = made("interrupted_time_series")
    assert study.design == {
        "type": "interrupted_time_series", "time": "month", "exposure": "renter_households",
        "interruption": pd.Timestamp("2024-01-01"), "covariates": [], "options": {"family": "poisson"},
    }  # fmt: skip
    assert (study.unit_label, study.period_label, study.labels) == ("months", "months", ["after", "before"])
    assert study.frame.groupby("arm")["month"].agg(["min", "max", "size"]).to_dict("index") == {
        "before": {"min": pd.Timestamp("2020-01-01"), "max": pd.Timestamp("2023-12-01"), "size": 48},
        "after": {"min": pd.Timestamp("2024-01-01"), "max": pd.Timestamp("2025-06-01"), "size": 18},
    }


def test_people_until_an_event_under_an_id_of_the_city_s_own(made):
    table = people().rename(columns={"found_job": "Found job"})
    changes = (
        ("event: found_job ", 'event: "Found job" '),
        ("  - id: found_job  ", '  - id: hired\n    column: "Found job"  '),
    )
    study = made("time_to_event", table, *changes)
    assert study.design == {
        "type": "time_to_event", "treatment": "offered", "duration": "days", "event": "hired",
        "covariates": ["age", "employed_before"], "options": {},
    }  # fmt: skip
    assert study.outcomes == ["hired"] and study.period is None and study.unit_label == "people"
    assert (study.frame["arm"] == "treated").sum() == (table["offered"] == 1).sum()


def test_years_stay_numbers(made):
    table = places()
    table = table[table["month"].str.endswith("-01")].assign(month=lambda t: t["month"].str[:4])
    study = made("synthetic_control", table, ("county_month", "county_year"), ('"2024-01-01"  ', "2024  "))
    assert study.design["adoption"] == 2024.0 and set(study.frame["month"]) == {2021, 2022, 2023, 2024, 2025}
    assert (study.unit_label, study.period_label) == ("counties", "years")


@pytest.mark.parametrize(("design", "old", "new", "words"), [
    ("synthetic_control", "[Alder]", "[Aldr]", "names 'Aldr', which is not in this column. Did you mean 'Alder'?"),
    ("synthetic_control", 'adoption: "2024-01-01"', "adoption: 2024", "is 2024, and this column holds dates"),
    ("interrupted_time_series", 'interruption: "2024-01-01"', 'interruption: "2027-01"',
     "runs from 2020-01-01 to 2025-06-01"),
    ("interrupted_time_series", 'interruption: "2024-01-01"', 'interruption: "2020-01"', "runs from 2020-01-01"),
    ("interrupted_time_series", "exposure: renter_households", "exposure: renters", "names it under design.exposure"),
    ("time_to_event", "duration: days", "duration: weeks", "names it under design.duration"),
])  # fmt: skip
def test_what_the_file_does_not_hold_is_refused_in_words(made, design, old, new, words):
    with pytest.raises(data.IntakeError) as refused:
        made(design, None, (old, new))
    problem = refused.value.problems[0]
    assert words in problem.message and problem.fix


@pytest.mark.parametrize("design", TABLES)
def test_blinding_keeps_outcomes_and_hides_who_or_when_was_treated(made, design):
    study = made(design)
    outcome, rows = study.outcomes[0], len(study.frame)
    blinded = data.blind(study, seed=7).frame
    pd.testing.assert_series_equal(blinded[outcome], study.frame[outcome])
    assert blinded["arm"].value_counts().to_dict() == study.frame["arm"].value_counts().to_dict()
    assert (blinded.dtypes == study.frame.dtypes).all() and len(blinded) == rows
    told_by = {"synthetic_control": "county", "interrupted_time_series": "month", "time_to_event": "offered"}[design]
    assert (blinded[told_by] != study.frame[told_by]).mean() > 0.3
    assert sorted(blinded[told_by]) == sorted(study.frame[told_by])


def test_a_place_keeps_its_own_path_under_another_name(made):
    study = made("synthetic_control", places(n_places=6))
    blinded = data.blind(study, seed=3).frame
    names = blinded.groupby("subject_id")["county"].unique().str.len()
    assert (names == 1).all() and (blinded["county"] == "Alder").eq(blinded["arm"] == "treated").all()


@pytest.mark.parametrize(("unit", "subjects", "periods"), [
    ("participant", "people", "months"), ("person", "people", "months"), ("family", "families", "months"),
    ("building_month", "buildings", "months"), ("county_year", "counties", "years"), ("week", "weeks", "weeks"),
    ("bus", "bus", "months"), ("day", "days", "days"), ("school_day", "schools", "days"),
])  # fmt: skip
def test_words_for_rows_and_periods(unit, subjects, periods):
    class Config:
        class pilot:
            unit_of_analysis = unit

    assert (studies.unit_label(Config), studies.period_label(Config)) == (subjects, periods)


@pytest.mark.parametrize(("estimator", "kind", "mwe", "family"), [
    ("ppml_twfe", "count", "{scale: percent_change, value: -10}", "poisson"),
    ("ols_twfe", "continuous", "{scale: unit, value: 1}", "linear"),
])  # fmt: skip
def test_the_estimator_of_the_plan_decides_the_family_of_a_panel(made, estimator, kind, mwe, family):
    table = pd.DataFrame({
        "tract": [f"t{i}" for i in range(8) for _ in range(6)], "month": [f"2024-{m:02d}" for m in range(1, 7)] * 8,
        "active": [int(i < 4 and m > 3) for i in range(8) for m in range(1, 7)], "evictions": range(48),
    })  # fmt: skip
    changes = (
        ("estimator: ppml_twfe ", f"estimator: {estimator} "),
        ("  exposure: renter_households     # column: what the count is out of (counts only)\n", ""),
        ("kind: count", f"kind: {kind}"),
        ("{scale: percent_change, value: -10}", mwe),
    )
    assert made("panel_did", table, *changes).design["options"] == {"family": family}
