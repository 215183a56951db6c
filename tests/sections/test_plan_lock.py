"""The plan lock: what it promises, when it was made, and how a change shows."""

import json
from datetime import date

import pytest

from shared_utils.config import load_city, preset_path
from shared_utils.sections import plan_lock

DEVIATION = """deviations:
  - date: "2020-11-20"
    field: decision
    planned: "0.05"
    actual: "0.06"
    reason: The council raised it.
    decided: {when}
"""


@pytest.fixture
def city(tmp_path):
    (tmp_path / "city.yml").write_text(preset_path("cincinnati").read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def edit(city, old, new):
    path = city / "city.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def status(city, tables=None):
    return plan_lock.status(city, load_city(city), tables or {})


def test_no_lock_is_no_plan(city):
    assert status(city).status == "none" and status(city).as_record()["hash"] is None


def test_a_synthetic_plan_is_locked_on_the_first_day_of_the_pilot(city):
    made = plan_lock.lock(city, "evaluation lead")
    assert made["locked_at"] == "2019-04-01" and made["hash"].startswith("sha256:")
    assert json.loads((city / "plan" / plan_lock.FILE).read_text(encoding="utf-8"))["signer_role"] == "evaluation lead"
    found = status(city)
    assert (found.status, found.deviations, found.problems) == ("prospective", 0, [])
    with pytest.raises(plan_lock.PlanError, match="already locked"):
        plan_lock.lock(city, "evaluation lead")


def test_labels_may_change_and_settings_may_not(city):
    plan_lock.lock(city, "lead")
    edit(city, "label: Employed in the second full quarter after assignment", "label: In covered work")
    assert status(city).problems == []
    edit(city, "mwe: {scale: prob_diff, value: 0.05}", "mwe: {scale: prob_diff, value: 0.04}")
    edit(
        city,
        "{outcome: employed_q2, scale: prob_diff, value: 0.05}",
        "{outcome: employed_q2, scale: prob_diff, value: 0.04}",
    )
    (flag,) = status(city).problems
    assert (flag.code, flag.severity, flag.affects_primary) == ("PLAN_CHANGED", "block", True)
    assert "outcomes.employed_q2.mwe.value" in flag.message


@pytest.mark.parametrize(("when", "codes"), [("before_outcomes", []), ("after_outcomes", ["PLAN_LATE"])])
def test_a_written_deviation_explains_a_change(city, when, codes):
    plan_lock.lock(city, "lead")
    edit(city, "level: 0.95", "level: 0.90")
    (city / "plan" / "deviations.yaml").write_text(DEVIATION.format(when=when), encoding="utf-8")
    found = status(city)
    assert (found.deviations, found.deviations_primary) == (1, 1)
    assert [flag.code for flag in found.problems] == codes


def test_a_deviation_says_everything(city):
    (city / "plan").mkdir()
    text = DEVIATION.format(when="before_outcomes").replace("    reason: The council raised it.\n", "")
    (city / "plan" / "deviations.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(plan_lock.PlanError, match="entry 1 lacks reason"):
        plan_lock.deviations(city)


def test_an_edited_lock_is_noticed(city):
    plan_lock.lock(city, "lead")
    path = city / "plan" / plan_lock.FILE
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"hash": "sha256:', '"hash": "sha256:0'), encoding="utf-8")
    assert [flag.code for flag in status(city).problems] == ["PLAN_EDITED"]


@pytest.mark.parametrize(
    ("locked", "expected"),
    [("2019-04-01", "prospective"), ("2020-06-01", "before_unblinding"), ("2020-12-01", "retrospective")],
)
def test_when_the_plan_was_locked_decides_what_it_is_worth(city, locked, expected):
    from shared_utils.data.model import empty

    outcomes = empty("outcomes")
    outcomes.loc[0, ["outcome_id", "wave", "value"]] = ["employed_q2", "f1", 1.0]
    outcomes.loc[0, "period_start"] = outcomes.loc[0, "observed_at"] = "2020-02-12"
    outcomes = outcomes.astype(empty("outcomes").dtypes.to_dict())
    plan_lock.lock(city, "lead")
    path = city / "plan" / plan_lock.FILE
    content = json.loads(path.read_text(encoding="utf-8")) | {"locked_at": locked}
    path.write_text(json.dumps(content), encoding="utf-8")
    found = status(city, {"outcomes": outcomes})
    assert found.status == expected
    assert plan_lock.first_outcome(load_city(city), {"outcomes": outcomes}) == date(2020, 2, 12)
