"""What a record looks like once it may leave: small cells hidden, the rest rounded, rows kept."""

import copy
from dataclasses import replace

import pytest
import record_factory

from shared_utils import results
from shared_utils.disclosure import Rules, protect
from shared_utils.disclosure.scan import forbidden
from shared_utils.results import whom
from shared_utils.results.network_record import network_record

RULES = Rules()


def alone(record):
    return network_record(record, RULES, record_factory.protection(record))


def released(key="cincinnati", record_type="impact", **changes):
    return alone(record_factory.record(key, record_type, **changes))


def rows(record, part="estimates", name="estimate_id"):
    return {row[name]: row for row in record[part]}


def test_the_internal_record_is_left_alone():
    record = record_factory.record("cincinnati")
    before = copy.deepcopy(record)
    alone(record)
    assert record == before


@pytest.mark.parametrize("key", record_factory.CITIES)
@pytest.mark.parametrize("record_type", ["baseline", "monitoring", "impact"])
def test_a_released_record_is_valid_and_clean(key, record_type):
    record = released(key, record_type)
    assert results.problems(record) == []
    assert forbidden(str(record)) == []
    assert record["disclosure"]["level"] == "network"
    assert record["disclosure"]["audit_passed"] is True
    assert record["disclosure"]["rounding"] == "applied"


def test_effects_keep_two_digits_of_the_standard_error():
    primary = rows(released())["primary"]
    assert (primary["value"], primary["se"]) == (0.075, 0.035)
    assert (primary["ci_low"], primary["ci_high"]) == (0.007, 0.143)
    assert primary["display"] == {"value": 7.5, "ci_low": 0.7, "ci_high": 14.3, "unit": "percentage points"}
    assert primary["benefit"] == {"b": 0.075, "l": 0.007, "u": 0.143}
    assert primary["n"] == {"offer": 380, "control": 380, "analysed": 760}
    assert primary["mean_comparison"] == 0.503
    assert primary["mwe"] == {"scale": "prob_diff", "value": 0.05}, "a setting, not a result"


def test_the_printed_numbers_of_a_rate_are_rounded_on_their_own_scale():
    primary = rows(released("newark"))["primary"]
    assert primary["display"] == {"value": -18.9, "ci_low": -29.7, "ci_high": -6.6, "unit": "percent change"}
    assert primary["mean_comparison"] == 4.3


def test_an_estimate_on_few_people_keeps_its_row_and_says_why():
    row = rows(released())["r9"]
    assert row["value"] is row["se"] is row["ci_low"] is None
    assert row["display"]["value"] is row["benefit"]["b"] is None
    assert row["suppressed"] and row["null_reason"] == "Too few people in this group."
    assert row["n"] == {"offer": None, "control": None, "analysed": None}, "a total gives the rest away"


@pytest.mark.parametrize("n", [{}, {"offer": None, "control": 300}, {"clusters": 24}])
def test_an_estimate_on_an_unknown_number_of_people_is_hidden(n):
    record = record_factory.record("cincinnati")
    record["estimates"][0]["n"] = n
    assert alone(record)["estimates"][0]["suppressed"]


@pytest.mark.parametrize(
    ("mean", "value", "shown"),
    [
        (0.02, 0.3, None),  # 0.02 x 379 is 8 people
        (0.98, -0.3, None),  # all but 8 people
        (0.5, 0.49, None),  # the other group: all but 4 of 381
        (0.0, 0.3, 0.0),  # nobody
        (0.5, 0.1, 0.5),
    ],
)
def test_a_mean_that_gives_away_a_few_people_is_hidden(mean, value, shown):
    record = record_factory.record("cincinnati")
    record["estimates"][0].update(mean_comparison=mean, value=value, ci_high=0.9)
    row = alone(record)["estimates"][0]
    assert row["mean_comparison"] == shown
    assert row["value"] is not None


def monitoring_row(**changes):
    row = record_factory.indicator_row("engaged_30d", 1, 58.123)
    return {**row, **changes}


@pytest.mark.parametrize(
    ("row", "value"),
    [
        (monitoring_row(numerator=67, denominator=116), 58.1),
        (monitoring_row(numerator=50, denominator=86), 58.0),  # a hundred people or fewer: whole percents
        (monitoring_row(numerator=0, denominator=40, value=0.0), 0.0),
        (monitoring_row(numerator=None, denominator=40, unit="days", value=9.26), 9.3),
        (monitoring_row(numerator=None, denominator=40, unit="USD", value=47.0), 50),
        (monitoring_row(numerator=0, denominator=40, value=0.0, group_dim="gender"), None),
        (monitoring_row(numerator=40, denominator=40, value=100.0, group_dim="gender"), None),
        (monitoring_row(numerator=10, denominator=116), None),
        (monitoring_row(numerator=110, denominator=116), None),
        (monitoring_row(numerator=5, denominator=9), None),
        (monitoring_row(numerator=None, denominator=10, unit="days"), None),
        (monitoring_row(numerator=None, denominator=None, unit="days"), None),
    ],
)
def test_indicator_rows(row, value):
    record = released("cincinnati", "monitoring", indicators=[row])
    shown = record["indicators"][0]
    assert shown["value"] == value
    assert shown["suppressed"] is (value is None)
    if value is None:
        assert shown["numerator"] is shown["denominator"] is shown["limits"]["lower"] is None
    else:
        assert shown["denominator"] % 5 == 0


def test_a_single_hidden_group_takes_the_smallest_other_with_it():
    groups = [
        monitoring_row(group_dim="gender", group_value=name, numerator=n // 2, denominator=n)
        for name, n in (("Women", 61), ("Men", 48), ("Other", 7))
    ] + [monitoring_row(numerator=57, denominator=116)]
    shown = rows(released("cincinnati", "monitoring", indicators=groups), "indicators", "group_value")
    assert [name for name, row in shown.items() if row["suppressed"]] == ["Men", "Other"]
    record = record_factory.record("cincinnati", "monitoring", indicators=groups)
    protection = record_factory.protection(record)
    record["indicators"][2].update(value=None, numerator=None, denominator=None, suppressed=True)
    shown = rows(network_record(record, RULES, protection), "indicators", "group_value")
    assert shown["Men"]["suppressed"], "also when the city itself has hidden the small one"


def test_what_the_release_hides_is_hidden_in_the_record():
    record = record_factory.record("cincinnati", design={"flow": {"n_served": 700, "n_known": 760}})
    record["attrition"] = {"overall": 0.05, "by_arm": {"offer": 0.06, "control": 0.04}, "differential": 0.02}
    found = protect(whom.gathered(record_factory.counts(record)), RULES)
    also = {whom.EVERYONE.did(whom.SERVED), whom.arm("offer").did(whom.KNOWN, "no")}
    also.add(whom.sample(whom.PRIMARY, ["offer", "control"])[0])
    shown = network_record(record, RULES, replace(found, hidden=found.hidden | also))
    assert shown["design"]["flow"] == {"n_served": None, "n_known": 760}
    assert shown["attrition"]["by_arm"] == {"offer": None, "control": 0.04}
    assert shown["attrition"]["differential"] is None
    primary = rows(shown)["primary"]
    assert primary["n"] == {"offer": None, "control": 380, "analysed": 760} and primary["value"] == 0.075


def test_a_record_that_failed_the_audit_cannot_be_written():
    record = record_factory.record("cincinnati")
    found = record_factory.protection(record)
    failed = network_record(record, RULES, replace(found, audit=replace(found.audit, passed=False)))
    assert results.problems(failed) == [
        "disclosure: what leaves a city must have passed the audit; release it again: emi run"
    ]


def test_nobody_of_everyone_may_be_said_and_the_groups_stay_silent():
    groups = [monitoring_row(numerator=0, denominator=n, value=0.0, group_dim=dim, group_value=name)
              for dim, name, n in (("gender", "women", 61), ("gender", "men", 48), ("all", "all", 109))]  # fmt: skip
    shown = released("cincinnati", "monitoring", indicators=groups)
    assert shown["disclosure"]["audit_passed"]
    assert [row["value"] for row in shown["indicators"]] == [None, None, 0.0]


def test_hidden_cells_are_counted():
    row = monitoring_row(numerator=5, denominator=9)
    record = released("cincinnati", "monitoring", indicators=[row])
    assert record["disclosure"]["cells_suppressed"] == 2 + 3, "value, numerator, denominator"


def test_open_parts_are_rounded_by_what_their_keys_say():
    record = released(design={"n_clusters": 8, "flow": {"served": 7, "assigned": 803}})
    assert record["design"]["n_units"] == 805 and record["design"]["n_clusters"] == 8
    assert record["design"]["flow"] == {"served": None, "assigned": 805}
    assert record["quality"]["data_age_days"] == 31
    assert record["costs"]["total_usd"] == 310000 and record["costs"]["per_participant_usd"] == 1030
    saved = released(costs={**record["costs"], "icer": 1.8342, "icer_ci": [1.21, 24806.0]})["costs"]
    assert (saved["icer"], saved["icer_ci"]) == (1.8, [1.2, 24810]), "a dollar saved never costs nothing"
    assert record["robustness"] == {
        "n_specs": 6,
        "same_sign_share": 1.0,
        "same_decision_share": 0.833,
        "min": 0.061,
        "max": 0.087,
    }


@pytest.mark.parametrize(
    ("overall", "by_arm", "shown"),
    [
        (0.05031, (0.06, 0.04), (0.05, 0.06, 0.04, 0.02)),
        (0.0498, (0.08, 0.02), (0.05, 0.08, None, None)),  # 2 percent of 400 are 8 people
        (0.01, (0.01, 0.01), (None, None, None, None)),
        (0.0, (0.0, 0.0), (0.0, 0.0, 0.0, 0.02)),
    ],
)
def test_shares_of_people_lost(overall, by_arm, shown):
    block = {"overall": overall, "by_arm": dict(zip("ab", by_arm, strict=True)), "differential": 0.02}
    lost = released(attrition=block)["attrition"]
    assert (lost["overall"], lost["by_arm"]["a"], lost["by_arm"]["b"], lost["differential"]) == shown


def test_paths_of_the_machine_stay_there():
    assert released()["provenance"]["parameters"] == {"city_dir": "", "as_of": "2020-10-31"}
    assert released()["provenance"]["inputs"][0]["rows"] == 3600
