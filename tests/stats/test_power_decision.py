"""Power formulas against published tables, and the decision rule over its whole plane."""

import itertools

import numpy as np
import pytest
from scipy import stats

from shared_utils.stats import decision, power
from shared_utils.stats.decision import decide


@pytest.mark.parametrize(
    "kind, inputs, published, tolerance",
    [
        ("rct_individual", {"n": 760, "sd": 0.5, "r2": 0.15}, 0.0938, 5e-5),  # protocol A.1
        ("rct_individual", {"n": 250}, 0.356, 5e-4),  # PowerUp IRA
        ("rct_blocked_lottery", {"n": 300, "strata": 20}, 0.325, 5e-4),  # PowerUp BIRA, 20 blocks of 15
        ("rct_cluster", {"clusters": 20, "size": 15, "icc": 0.17}, 0.629, 5e-4),  # PowerUp CRA
        (
            "rct_cluster",
            {"clusters": 48, "size": 13.6, "icc": 0.06, "within": 0.65, "df": 35},
            0.273,
            5e-4,
        ),  # A.1
    ],
)
def test_published_mde(kind, inputs, published, tolerance):
    assert power.mde(kind, **inputs)["mde"] == pytest.approx(published, abs=tolerance)


@pytest.mark.parametrize("df, m", [(35, 2.882), (47, 2.861), (19, 2.954)])
def test_multiplier(df, m):
    assert power.multiplier(df) == pytest.approx(m, abs=5e-4)


def test_mde_per_arm_matches_the_t_test_and_late_divides_by_take_up():
    # power.t.test(n = 500, power = .8) = 0.1773605 (OES), a noncentral t; Bloom's sum is within 2e-4
    assert power.mde("rct_individual", n=1000)["mde"] == pytest.approx(0.1773605, abs=2e-4)
    itt = power.mde("rct_individual", n=6000)["mde"]
    assert power.mde("iv_encouragement", n=6000, takeup_difference=0.2)["mde"] == pytest.approx(itt / 0.2)


def test_rd_design_effect_and_holm_first_step():
    rd, flat = power.mde("rd", n=1200)["mde"], power.mde("rct_individual", n=1200)["mde"]
    assert rd / flat == pytest.approx(np.sqrt(2.75), rel=1e-3)
    three = power.mde("rct_multiarm", n_arm=263, sd=0.49)
    assert three["multiplier"] == pytest.approx(stats.norm.ppf(1 - 0.05 / 4) + stats.norm.ppf(0.8), abs=0.01)


def test_curve_falls_with_n():
    curve = power.mde_curve("rct_individual", "n", [200, 400, 800])
    assert list(curve.columns) == ["n", "mde"] and curve.mde.is_monotonic_decreasing


@pytest.mark.parametrize(
    "kind, inputs, words",
    [
        ("rct_indiv", {"n": 9}, "Did you mean 'rct_individual'"),
        ("rct_cluster", {"cluster": 4}, "Did you mean 'clusters'"),
        ("rd", {}, "'n' is not given"),
        ("rct_individual", {"n": 2}, "degrees of freedom"),
    ],
)
def test_power_refuses_in_words(kind, inputs, words):
    with pytest.raises(ValueError, match=words):
        power.mde(kind, **inputs)


def test_exaggeration_published():
    assert power.exaggeration(0.075, 0.0346)["ratio"] == pytest.approx(1.31, abs=5e-3)
    small = power.exaggeration(0.0148, 0.0265)
    assert small["ratio"] == pytest.approx(4.31, abs=5e-3) and small["wrong_sign"] == pytest.approx(
        0.07, abs=5e-3
    )


def test_exaggeration_by_simulation():
    draws = np.random.default_rng(0).normal(0.1, 0.05, 400_000)
    clear = draws[np.abs(draws) > 1.959964 * 0.05]
    assert power.exaggeration(0.1, 0.05)["ratio"] == pytest.approx(np.abs(clear).mean() / 0.1, abs=5e-3)


def test_cases_are_exhaustive_and_exclusive():
    grid = np.linspace(-0.2, 0.2, 17)
    for low, b, high in itertools.product(grid, grid, grid):
        if not low <= b <= high:
            continue
        for m in (0.025, 0.05, 0.1):
            cases = [low > 0 and b >= m, low > 0 and b < m, low <= 0 and high < m, low <= 0 and high >= m]
            assert sum(cases) == 1
            expected = ["SCALE", "ADAPT", "STOP", "KEEP LEARNING"][cases.index(True)]
            found = decide(b, low, high, m)
            assert found.recommendation == expected
            assert found.label == {
                "SCALE": "firm" if low >= m else "staged",
                "STOP": "harm" if high < 0 else "",
            }.get(expected, "")


def flag(severity, affects_primary=True):
    return {
        "code": "X1",
        "severity": severity,
        "scope": "",
        "message": "",
        "affects_primary": affects_primary,
    }


FIRM = (0.09, 0.06, 0.12, 0.05)


@pytest.mark.parametrize(
    "change, recommendation, label",
    [
        ({}, "SCALE", "firm"),
        ({"flags": [flag("block", False)]}, "KEEP LEARNING", ""),
        ({"flags": [flag("serious")]}, "SCALE", "staged"),
        ({"flags": [flag("serious", False)]}, "SCALE", "firm"),
        ({"flags": [flag("warn")]}, "SCALE", "firm"),
        ({"design_type": "observational_aipw"}, "SCALE", "staged"),
        ({"subgroup_harm": True}, "ADAPT", ""),
        ({"cost_above_ceiling": True}, "ADAPT", ""),
        ({"plan_locked": False}, "KEEP LEARNING", ""),
        ({"deviations_primary": 1}, "KEEP LEARNING", ""),
        ({"subgroup_harm": True, "plan_locked": False}, "ADAPT", ""),  # in the stated order; only SCALE moves
        ({"flags": [flag("serious")], "plan_locked": False}, "KEEP LEARNING", ""),
    ],
)
def test_guardrails_in_order(change, recommendation, label):
    found = decide(*FIRM, **change)
    assert (found.recommendation, found.label) == (recommendation, label)
    assert bool(found.guardrails) == (
        bool(change) and recommendation != "SCALE" and "block" not in str(change) or label == "staged"
    )


@pytest.mark.parametrize(
    "inputs", [(0.02, 0.01, 0.03, 0.05), (0.01, -0.01, 0.03, 0.05), (0.03, -0.01, 0.09, 0.05)]
)
def test_guardrails_never_move_anything_but_scale(inputs):
    plain = decide(*inputs)
    every = decide(
        *inputs,
        flags=[flag("serious")],
        design_type="observational_aipw",
        subgroup_harm=True,
        cost_above_ceiling=True,
        plan_locked=False,
        deviations_primary=2,
    )
    assert every == plain


def test_unbounded_set_keeps_learning_and_bad_inputs_are_refused():
    assert decide(0.1, -np.inf, np.inf, 0.05).recommendation == decision.KEEP_LEARNING
    with pytest.raises(ValueError, match="above 0"):
        decide(0.1, 0, 0.2, 0)
    with pytest.raises(ValueError, match="interval"):
        decide(0.3, 0, 0.2, 0.05)
