"""The record is checked before it is written, and what is wrong is said in words."""

import json

import pytest
import record_factory

from shared_utils import results


def test_a_record_survives_writing_and_reading(tmp_path):
    record = record_factory.record("cincinnati")
    path = results.write(record, results.internal_path(tmp_path, "impact"))
    assert path == tmp_path / "outputs" / "internal" / "results_impact.json"
    assert results.read(path) == record
    assert [p.name for p in path.parent.iterdir()] == ["results_impact.json"], "no temporary file is left"


def test_the_same_record_is_the_same_bytes(tmp_path):
    record = record_factory.record("cincinnati")
    shuffled = dict(reversed(record.items()))
    first = results.write(record, tmp_path / "a.json").read_bytes()
    assert results.write(shuffled, tmp_path / "b.json").read_bytes() == first
    assert b"\r" not in first and first.endswith(b"}\n")


@pytest.mark.parametrize("key", record_factory.CITIES)
@pytest.mark.parametrize("record_type", ["baseline", "monitoring", "impact"])
def test_the_made_up_records_are_valid(key, record_type):
    assert results.problems(record_factory.record(key, record_type)) == []


def broken(path, value):
    record = record_factory.record("cincinnati")
    *parents, last = path
    part = record
    for step in parents:
        part = part[step]
    part[last] = value
    return record


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (
            ("estimates", 0, "se"),
            float("nan"),
            "estimates[0].se: nan is not a number that can be printed; use null",
        ),
        (("estimates", 0, "se"), "0.1", "estimates[0].se: is '0.1', must be number or null"),
        (
            ("run", "status"),
            "okay",
            "run.status: 'okay' is not one of ok, partial, failed. Did you mean 'ok'?",
        ),
        (
            ("city", "domain"),
            "jobs",
            "city.domain: 'jobs' is not one of employment, education, housing, savings.",
        ),
        (("plan", "lock_at"), None, "plan: has unknown lock_at. Did you mean 'locked_at'?"),
        (
            ("estimates", 0, "mwe"),
            {"scale": "pp", "value": 0},
            "estimates[0].mwe.value: is 0, must be above 0",
        ),
        (("schema_version",), "2.0", "schema_version: is '2.0', must be '1.0'"),
        (("run",), {"status": "ok"}, "run: lacks run_id, started_at, finished_at, duration_s, as_of, blind"),
        (("estimates", 0, "value"), None, "estimates[0] (primary): value is null without a null_reason"),
        (
            ("estimates", 0, "suppressed"),
            True,
            "estimates[0] (primary): is suppressed but still shows numbers",
        ),
        (("estimates", 0, "ci_low"), 0.5, "estimates[0] (primary): ci_low is above ci_high"),
        (("estimates", 1, "estimate_id"), "primary", "this estimate_id is used twice"),
        (("estimates",), [], "an impact record needs a primary row"),
        (("decision", "recommendation"), "EXPAND", "'EXPAND' is not one of SCALE, ADAPT, STOP,"),
        (("run", "blind"), True, "a blinded record must not hold an estimate"),
    ],
)
def test_problems_are_said_in_words(path, value, words):
    assert any(words in line for line in results.problems(broken(path, value))), results.problems(broken(path, value))


def test_a_bad_record_is_not_written(tmp_path):
    with pytest.raises(results.RecordError, match="results_impact.json was not written: 1 problem"):
        results.write(broken(("run", "status"), "okay"), tmp_path / "results_impact.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "There is no results_impact.json"), ("{", "is not a JSON file"), ("{}", "is not a valid record")],
)
def test_reading_says_what_is_wrong(tmp_path, text, words):
    path = tmp_path / "results_impact.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(results.RecordError, match=words):
        results.read(path)


def test_the_schema_names_no_outside_place():
    schema = json.loads(results.SCHEMA_PATH.read_text(encoding="utf-8"))
    assert "$id" not in schema and schema["title"] == "EMI result record"


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("synthetic", "SYNTHETIC DATA - NOT RESULTS FOR NEW ORLEANS"),
        ("city", ""),
        ({"data_mode": "city"}, ""),
    ],
)
def test_synthetic_data_are_marked(mode, words):
    assert results.watermark(mode, "New Orleans") == words


def test_flags_turn_into_the_schema_form():
    flag = results.Flag("DQ106", "warn", "covariates", "Rent is missing for some areas.")
    record = record_factory.record("newark", flags=[flag.as_dict()])
    assert results.problems(record) == []
