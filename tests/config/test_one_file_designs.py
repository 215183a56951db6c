"""The designs that need one analysis file: what their settings say, and what is refused in words."""

import re

import pytest

from shared_utils.config import ConfigError, load_city, preset_path, starter_path

ANSWERS = {"CITY_KEY": "alder", "CITY_NAME": "Alder", "STATE": "OH", "SLUG": "alder-homes", "TITLE": "Homes",
           "DOMAIN": "housing", "START": "2024-01-01", "END": "2025-06-30"}  # fmt: skip


@pytest.fixture
def load(tmp_path):
    """Load a starter with some of its text replaced."""

    def read(design_type, *changes):
        text = re.sub(r"@(\w+)@", lambda match: ANSWERS[match[1]], starter_path(design_type).read_text("utf-8"))
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        (tmp_path / "city.yml").write_text(text, encoding="utf-8")
        return load_city(tmp_path)

    return read


@pytest.mark.parametrize(("written", "read"), [
    ('"2024-03"', "2024-03"), ('"2024-03-15"', "2024-03-15"), ("2024-03", "2024-03"), ("2024", 2024), ('"2024"', 2024),
])  # fmt: skip
def test_a_start_is_a_number_a_month_or_a_day(load, written, read):
    loaded = load("interrupted_time_series", ('interruption: "2024-01-01"', f"interruption: {written}"))
    assert loaded.design.interruption == read


def test_one_place_may_be_written_without_brackets(load):
    assert load("synthetic_control", ("[Alder]", "Alder")).design.treated_units == ["Alder"]


@pytest.mark.parametrize(("design_type", "mwe", "size"), [
    ("time_to_event", "{scale: log_hr, value: 0.2}", 0.2),
    ("time_to_event", "{scale: percent_change, value: 25}", 0.22314),
    ("interrupted_time_series", "{scale: percent_change, value: -10}", 0.10536),
    ("synthetic_control", "{scale: unit, value: -2}", 2),
])  # fmt: skip
def test_the_worthwhile_effect_is_on_the_estimation_scale(load, design_type, mwe, size):
    found = load(design_type).primary.mwe
    written = f"{{scale: {found.scale}, value: {found.value:g}}}"
    assert load(design_type, (written, mwe)).mwe == pytest.approx(size, rel=1e-4)


@pytest.mark.parametrize(("design_type", "old", "new", "key", "words"), [
    ("synthetic_control", "treated_units:", "treated_unit:", "design.treated_unit", "Did you mean 'treated_units'"),
    ("synthetic_control", "  adoption:", "  # adoption:", "design.adoption",
     "with data.analysis_file needs unit, time, treated_units, adoption"),
    ("synthetic_control", 'adoption: "2024-01-01"', "adoption: January", "design.adoption",
     "'January' is not a period"),
    ("synthetic_control", "[Alder]", "[39]", "design.treated_units[0]", "goes in quotes: \"39\""),
    ("synthetic_control", "county_month ", "county ", "pilot.unit_of_analysis", "county_month"),
    ("synthetic_control", "covariates: []", "privacy: {id_columns: [county]}", "privacy.id_columns[0]",
     "cannot become pseudonyms"),
    ("synthetic_control", "covariates: []", "subgroups: {dims: [{id: gender}]}", "subgroups.dims", "has no groups"),
    ("synthetic_control", "scale: unit", "scale: prob_diff", "outcomes[0].mwe.scale", "Allowed: usd, points, unit"),
    ("synthetic_control", "adoption:", "estimator: sdid\n  adoption:", "design.estimator",
     "Allowed: synthetic_control, synthetic_did"),
    ("interrupted_time_series", "unit_of_analysis: month", "unit_of_analysis: person", "pilot.unit_of_analysis",
     "Allowed: day, week, month, quarter, year"),
    ("interrupted_time_series", "estimator: segmented_poisson", "estimator: segmented_ols", "design.exposure",
     "segmented_ols takes no counts"),
    ("interrupted_time_series", "kind: count", "kind: proportion", "design.estimator", "Allowed: segmented_ols"),
    ("time_to_event", "  duration:", "  # duration:", "design.duration", "needs treatment, duration, event"),
    ("time_to_event", "kind: time_to_event", "kind: binary", "outcomes[0].kind", "Allowed: time_to_event"),
    ("time_to_event", "id: found_job ", "id: has_job ", "outcomes[0].column", "is not the column of the event"),
    ("time_to_event", "scale: percent_change", "scale: prob_diff", "outcomes[0].mwe.scale",
     "Allowed: percent_change, log_hr"),
    ("time_to_event", "[age,", "[days,", "covariates[0]", "'days' is design.duration"),
    ("rct_individual", "kind: binary ", "kind: time_to_event ", "outcomes[0].kind", "cannot be primary"),
])  # fmt: skip
def test_one_wrong_value_is_refused_with_line_key_and_words(load, design_type, old, new, key, words):
    with pytest.raises(ConfigError) as refused:
        load(design_type, (old, new))
    problem = refused.value.problems[0]
    assert problem.key == key and problem.line > 0 and words in str(problem), str(problem)


def test_synthetic_did_takes_no_covariates(load):
    by_did = ("adoption:", "estimator: synthetic_did\n  adoption:")
    assert load("synthetic_control", by_did).design.estimator == "synthetic_did"
    with pytest.raises(ConfigError, match="synthetic_did takes no covariates"):
        load("synthetic_control", by_did, ("covariates: []", "covariates: [rent]"))


@pytest.mark.parametrize("design_type", ["synthetic_control", "interrupted_time_series", "time_to_event"])
def test_mappings_are_refused_with_the_way_that_works(tmp_path, design_type):
    text = preset_path("cincinnati").read_text(encoding="utf-8")
    start, end = text.index("\ndesign:") + 1, text.index("\noutcomes:") + 1
    settings = text[:start] + f"design: {{type: {design_type}}}\n" + text[end:]
    (tmp_path / "city.yml").write_text(settings, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_city(tmp_path)
    (said,) = [problem for problem in refused.value.problems if problem.key == "design.type"]
    assert "cannot be built from mappings" in said.message and "analysis_file: raw/analysis.csv" in said.message
