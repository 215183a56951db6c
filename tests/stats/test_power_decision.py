"""Power formulas against published tables, and the decision rule over its whole plane."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from shared_utils.stats import decision, power
from shared_utils.stats.decision import decide


def test_late_divides_by_take_up():
    itt = power.mde("rct_individual", n=6000)["mde"]
    assert power.mde("iv_encouragement", n=6000, takeup_difference=0.2)["mde"] == pytest.approx(itt / 0.2)


def test_time_to_event_is_schoenfelds_number_of_events():
    # Schoenfeld 1983: halving the hazard, 80 % power, two-sided 5 %, equal groups, takes 66 events (65.3 unrounded)
    assert power.mde("time_to_event", events=66)["mde"] <= np.log(2) < power.mde("time_to_event", events=65)["mde"]


@pytest.mark.parametrize("autocorrelation", [0.0, 0.5])
def test_interrupted_series_has_the_spread_of_simulated_series(autocorrelation):
    rng = np.random.default_rng(0)
    before, after, draws = 24, 12, 20_000
    errors = np.empty((draws, before + after))
    errors[:, 0] = rng.normal(size=draws)
    for t in range(1, before + after):
        fresh = rng.normal(size=draws) * np.sqrt(1 - autocorrelation**2)
        errors[:, t] = autocorrelation * errors[:, t - 1] + fresh
    time = np.arange(before + after)
    step = (time >= before).astype(float)
    design = np.column_stack([np.ones(len(time)), time, step, step * (time - before)])
    change = np.linalg.lstsq(design, errors.T, rcond=None)[0][2]
    found = power.mde("interrupted_time_series", before=before, after=after, autocorrelation=autocorrelation)
    assert found["mde"] / found["multiplier"] == pytest.approx(change.std(), rel=0.03)


def t_test_p(y, effect, rng):
    """The two-sample t test on half of y drawn at random, with `effect` added; scipy's takes ten times as long."""
    treated = rng.permutation(np.arange(len(y)) % 2) == 1
    one, zero = y[treated] + effect, y[~treated]
    se = np.sqrt((one.var() * len(one) + zero.var() * len(zero)) / (len(y) - 2) * (1 / len(one) + 1 / len(zero)))
    return 2 * special.stdtr(len(y) - 2, -abs(one.mean() - zero.mean()) / se)


def difference_p(sample, effect, rng):
    return t_test_p(sample["y"].to_numpy(), effect, rng)


def test_simulation_finds_the_mde_of_the_formula():
    y = np.random.default_rng(0).normal(size=200)
    found = power.mde_by_simulation(pd.DataFrame({"y": y}), difference_p, [0.2, 0.3, 0.4, 0.5, 0.6])
    expected = power.mde("rct_individual", n=200, sd=y.std(ddof=1))["mde"]
    assert found.mde == pytest.approx(expected, rel=0.10)  # four Monte Carlo errors of a power near .8
    assert found.mc_se == pytest.approx(0.02)
    nothing = power.mde_by_simulation(pd.DataFrame({"y": y}), difference_p, [1e-9, 0.6])
    assert nothing.curve.power[0] < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)  # false alarms
    again = power.mde_by_simulation(pd.DataFrame({"y": y}), difference_p, [0.2, 0.3, 0.4, 0.5, 0.6])
    assert again.mde == found.mde and again.curve.equals(found.curve)


def test_simulation_finds_by_halving_what_trying_every_effect_finds():
    frame, effects = pd.DataFrame({"y": np.random.default_rng(0).normal(size=200)}), np.arange(0.10, 0.75, 0.05)
    found = power.mde_by_simulation(frame, difference_p, effects, draws=100)
    every = [power._power_of(frame, difference_p, one, None, 100, 0.05, 0) for one in effects]
    after = next(i for i, share in enumerate(every) if share >= 0.80)
    assert found.mde == np.interp(0.80, every[after - 1 : after + 1], effects[after - 1 : after + 1])
    assert len(found.curve) <= 4 < len(effects)


def cluster_p(sample, effect, rng):
    rooms = sample["room"].to_numpy()
    return t_test_p(np.bincount(rooms, weights=sample["y"]) / np.bincount(rooms), effect, rng)


def test_simulation_keeps_whole_units_together():
    rng = np.random.default_rng(1)
    room = np.repeat(np.arange(40), 10)
    frame = pd.DataFrame({"room": room, "y": 0.5 * rng.normal(size=40)[room] + rng.normal(size=400)})
    spread = frame.groupby("room").y.mean().std(ddof=1)
    found = power.mde_by_simulation(frame, cluster_p, [0.3, 0.5, 0.7, 0.9], unit="room", draws=200)
    expected = power.mde("rct_individual", n=40, sd=spread)["mde"]  # forty means
    assert found.mde == pytest.approx(expected, rel=0.15)
    sample = power._resampled(frame, "room", np.random.default_rng(0))
    assert sample.room.nunique() == 40 and len(sample) == 400
    assert (sample.groupby("room").size() == 10).all()


@pytest.mark.parametrize(
    "effects, words",
    [
        ([0.01, 0.02], "try larger effects"),
        ([2, 3], "try smaller effects"),
        ([0.3, 0.2], "increasing"),
        ([0, 0.5], "above 0"),
    ],
)
def test_simulation_says_which_effects_to_try(effects, words):
    frame = pd.DataFrame({"y": np.random.default_rng(0).normal(size=100)})
    with pytest.raises(ValueError, match=words):
        power.mde_by_simulation(frame, difference_p, effects, draws=40)


def test_simulation_refuses_an_analysis_without_a_p():
    with pytest.raises(ValueError, match="gave no p value"):
        power.mde_by_simulation(pd.DataFrame({"y": [1.0, 2.0]}), lambda *_: np.nan, [1.0], draws=2)


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
        ("interrupted_time_series", {"before": 12, "after": 1}, "degrees of freedom"),
        ("descriptive", {}, "compares nothing"),
    ],
)
def test_power_refuses_in_words(kind, inputs, words):
    with pytest.raises(ValueError, match=words):
        power.mde(kind, **inputs)


def test_exaggeration_published():
    assert power.exaggeration(0.075, 0.0346)["ratio"] == pytest.approx(1.31, abs=5e-3)
    small = power.exaggeration(0.0148, 0.0265)
    assert small["ratio"] == pytest.approx(4.31, abs=5e-3) and small["wrong_sign"] == pytest.approx(0.07, abs=5e-3)


def test_exaggeration_by_simulation():
    draws = np.random.default_rng(0).normal(0.1, 0.05, 400_000)
    clear = draws[np.abs(draws) > 1.959964 * 0.05]
    assert power.exaggeration(0.1, 0.05)["ratio"] == pytest.approx(np.abs(clear).mean() / 0.1, abs=5e-3)


def test_every_design_type_has_a_formula_or_a_reason():
    from shared_utils.designs import REGISTRY

    assert set(REGISTRY) - set(power.FORMULAS) <= {"descriptive"}


GRID = [k / 40 for k in range(-6, 7)]  # holds 0 and each m exactly, so that every boundary is met


@pytest.mark.parametrize("m", [1 / 40, 3 / 40])
def test_cases_are_exhaustive_and_exclusive(m):
    ends = [-np.inf, *GRID, np.inf]
    seen = set()
    for low, b, high in itertools.product(ends, GRID, ends):
        if not low <= b <= high:
            continue
        cases = [low > 0 and b >= m, low > 0 and b < m, low <= 0 and high < m, low <= 0 and high >= m]
        assert sum(cases) == 1
        expected = ["SCALE", "ADAPT", "STOP", "KEEP LEARNING"][cases.index(True)]
        label = {"SCALE": "firm" if low >= m else "staged", "STOP": "harm" if high < 0 else ""}.get(expected, "")
        found = decide(b, low, high, m)
        assert (found.recommendation, found.label) == (expected, label)
        seen.add((expected, label))
    reachable = {("SCALE", "firm"), ("STOP", ""), ("STOP", "harm"), ("KEEP LEARNING", "")}
    assert seen == reachable | ({("SCALE", "staged"), ("ADAPT", "")} if m > 1 / 40 else set())


GUARDRAILS = {
    "flags": [{"code": "Q1", "severity": "serious", "affects_primary": True}],
    "design_type": "observational_aipw",
    "subgroup_harm": True,
    "cost_above_ceiling": True,
    "plan_locked": False,
    "deviations_primary": 1,
}
STEPS = ["STOP", "KEEP LEARNING", "ADAPT", "SCALE"]


def test_no_set_of_guardrails_ever_moves_a_result_up_or_moves_anything_but_scale():
    names = list(GUARDRAILS)
    every_set = [c for size in range(len(names) + 1) for c in itertools.combinations(names, size)]
    of_each_kind = (
        (0.09, 0.06, 0.12),
        (0.09, 0.01, 0.12),
        (0.02, 0.01, 0.03),
        (0.0, -0.1, 0.01),
        (0.1, -np.inf, np.inf),
    )
    for b, low, high in of_each_kind:
        inputs = (b, low, high, 0.05)
        plain = decide(*inputs)
        for chosen in every_set:
            found = decide(*inputs, **{name: GUARDRAILS[name] for name in chosen})
            if plain.recommendation != "SCALE":
                assert found == plain
            elif not chosen:
                assert found.guardrails == ()
            else:
                assert STEPS.index(found.recommendation) <= STEPS.index("SCALE") and found.label != "firm"
                # the first of the protocol's order that moves it down to another word decides the word
                down = [
                    n
                    for n in ("subgroup_harm", "cost_above_ceiling", "plan_locked", "deviations_primary")
                    if n in chosen
                ]
                words = {"subgroup_harm": "ADAPT", "cost_above_ceiling": "ADAPT"}
                assert found.recommendation == (words.get(down[0], "KEEP LEARNING") if down else "SCALE")


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


def test_unbounded_set_keeps_learning_and_bad_inputs_are_refused():
    assert decide(0.1, -np.inf, np.inf, 0.05).recommendation == decision.KEEP_LEARNING
    with pytest.raises(ValueError, match="above 0"):
        decide(0.1, 0, 0.2, 0)
    with pytest.raises(ValueError, match="interval"):
        decide(0.3, 0, 0.2, 0.05)
    for numbers in ((np.nan, 0, 1, 0.05), (0.1, np.nan, 1, 0.05), (np.inf, 0, np.inf, 0.05)):
        with pytest.raises(ValueError, match="must be a number"):
            decide(*numbers)
    with pytest.raises(ValueError, match="finite"):
        decide(0.1, 0, 1, np.inf)
    with pytest.raises(ValueError, match="needs numbers"):  # as the specification curve calls it
        decision.rule(0.1, np.nan, 0.2, 0.05)
