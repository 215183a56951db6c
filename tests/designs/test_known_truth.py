"""Known truth: on the protocol's data-generating processes the estimators are unbiased, their intervals cover, and
their tests keep their level.

How sharp the bounds are is said in draws.py. The fast set has sixty draws of what is quick. The full set has
1,000 with and 1,000 without an effect of the six designs whose analysis takes less than a tenth of a second; the other
three are in test_known_truth_slow.py.
"""

import dgps
import numpy as np
import pytest
from draws import check_share, check_size, check_truth, many
from scipy import stats

from shared_utils.designs import estimate

FEW = {"detroit": 12, "lansing": 25}  # one analysis takes 0.1 to 0.3 s
pytestmark = pytest.mark.full  # published results and oracles stand in every change
EACH = [name for name in dgps.ALL if name not in ("newark", "rochester")]
QUICK = ("cincinnati", "dayton", "lansing", "new_orleans", "racine", "tulsa")


@pytest.mark.parametrize("name", EACH)
def test_unbiased_and_covering(name):
    check_truth(many(name, "effect", range(FEW.get(name, 60))))


@pytest.mark.parametrize("name", ["cincinnati"])
def test_size_under_a_true_null(name):
    check_size(many(name, "null", range(100)))


@pytest.mark.parametrize("name", QUICK)
def test_unbiased_and_covering_in_many_draws(name):
    check_truth(many(name, "effect", range(1000)))


@pytest.mark.parametrize("name", QUICK)
def test_size_under_a_true_null_in_many_draws(name):
    check_size(many(name, "null", range(1000)))


@pytest.mark.parametrize("name", QUICK)
def test_effects_that_differ_between_neighborhoods_change_nothing(name):
    check_truth(many(name, "uneven", range(200)))


@pytest.mark.parametrize("name", ["cincinnati", "new_orleans", "rochester"])
def test_the_draws_leave_out_nothing_that_changes_the_main_row(name):
    frame, design, _ = dgps.ALL[name](np.random.default_rng([0, 0]))
    full, kept = estimate(frame, design).iloc[0], many(name, "effect", [0]).iloc[0]
    compared = ["value", "se", "ci_low", "ci_high", "p"]
    assert full.role == "main" and list(kept[compared]) == pytest.approx(list(full[compared]), rel=1e-12)


def wrong_beside_right(name, role, numbers):
    """(estimates of the row that is labelled wrong, those of the main row, true values, notes)."""
    wrong, right, truth, notes = [], [], [], set()
    for number in numbers:
        frame, design, true = dgps.ALL[name](np.random.default_rng([number, 0]))
        rows = estimate(frame, design).drop_duplicates("role").set_index("role")
        wrong.append(rows.value[role])
        right.append(rows.value["main"])
        truth.append(true)
        notes.add(rows.note[role])
    return np.array(wrong), np.array(right), np.array(truth), notes


def test_two_way_fixed_effects_are_too_small_and_labelled():
    wrong, right, _, (note,) = wrong_beside_right("detroit", "twfe", range(6))
    assert (wrong - right).mean() > 0 and "biased" in note


def test_the_naive_difference_is_too_large_and_labelled():
    wrong, _, true, (note,) = wrong_beside_right("racine", "naive", range(40))
    error = wrong - true
    assert error.mean() > 4 * error.std(ddof=1) / np.sqrt(40) and "biased" in note


def test_weak_nudge_reports_the_set_and_covers():
    wide, covered = 0, []
    for number in range(40):
        frame, design, true = dgps.lansing(np.random.default_rng(number), complier=0.02, n=2000)
        row = estimate(frame, {**design, "options": {"ri_draws": 0}}).iloc[0]
        wide += abs(row.value) > 1
        covered.append(row.ci_low <= true <= row.ci_high)
        assert row.first_stage_f < 104.7 and "Anderson-Rubin" in row.method
    check_share("weak nudge", np.array(covered), 0.935, 0.965)
    assert wide >= 8


def test_ignoring_classrooms_would_reject_far_too_often():
    rejected = 0
    for number in range(200):
        frame, design, _ = dgps.dayton(np.random.default_rng([number, 1]), effect=0.0)
        people = {key: value for key, value in design.items() if key != "cluster"} | {"type": "rct_individual"}
        rejected += estimate(frame, {**people, "options": {"ri_draws": 0}}).p[0] < 0.05
    assert rejected >= stats.binom.ppf(0.999, 200, 0.05)
