"""Control charts: known-answer vectors, published orange-juice case, each rule, icons, excluded months."""

import numpy as np
import pandas as pd
import pytest

from shared_utils.stats import spc

BASE = [12, 14, 13, 15, 12, 13, 14, 16, 13, 12, 14, 15]
FLAT = [10.0, 11, 10, 11, 10, 11, 10, 11, 10, 11, 10, 11]


def rules_at(result, rule):
    return [i for i, rules in enumerate(result.limits["rules"]) if rule in rules]


def test_xmr_known_vector():
    chart = spc.chart([*BASE, 20, 21, 22])
    first = chart.limits.iloc[0]
    assert chart.centre == pytest.approx(13.583, abs=5e-4)
    assert (first.lower, first.upper) == pytest.approx((8.989, 18.178), abs=5e-4)
    assert rules_at(chart, 1) == [12, 13, 14]
    assert not chart.trial and chart.n_baseline == 12 and chart.variation == "improvement"


def test_p_known_vector_never_narrows():
    n, k = np.array([80, 95, 102, 88, 91, 99]), np.array([44, 57, 60, 50, 58, 61])
    for kind in ("p", "p_prime"):
        chart = spc.chart(k / n, n, kind)
        assert chart.centre == pytest.approx(0.5946, abs=5e-5) and chart.sigma_z == pytest.approx(0.578, abs=5e-4)
        assert tuple(chart.limits.loc[0, ["lower", "upper"]]) == pytest.approx((0.4299, 0.7593), abs=5e-5)
        assert chart.trial


def test_orange_juice(published_data):
    cans = pd.read_csv(published_data / "orangejuice.txt", sep=r"\s+")
    cans = cans[cans.trial]
    share, n = (cans.D / cans["size"]).to_numpy(), cans["size"].to_numpy()
    chart = spc.chart(share, n, "p", baseline_n=30, direction="decrease")
    assert tuple(chart.limits.loc[0, ["centre", "lower", "upper"]]) == pytest.approx((0.2313, 0.0524, 0.4102), abs=5e-5)
    assert list(cans["sample"].iloc[rules_at(chart, 1)]) == [15, 23]
    left_out = cans["sample"].isin([15, 23]).to_numpy()
    again = spc.chart(share, n, "p", baseline_n=30, excluded=left_out, direction="decrease")
    assert tuple(again.limits.loc[0, ["centre", "lower", "upper"]]) == pytest.approx((0.2150, 0.0407, 0.3893), abs=5e-5)


def test_laney_widens_overdispersed_shares():
    rng = np.random.default_rng(0)
    share = np.clip(0.9 + rng.normal(0, 0.01, 24), 0, 1)
    n = np.full(24, 20_000)
    plain, prime = spc.chart(share, n, "p"), spc.chart(share, n, "p_prime")
    assert prime.sigma_z > 1.2 and len(rules_at(prime, 1)) < len(rules_at(plain, 1))
    assert spc.choose_kind(share, n, "p") == "p_prime"


@pytest.mark.parametrize(
    "values, n, stated, kind",
    [
        (FLAT, None, "p", "xmr"),
        ([0.5] * 12, [11] * 12, "p", "xmr"),
        ([0.5] * 12, [11] * 12, "p_prime", "xmr"),
        ([0.5, 0.6] * 5 + [0.5] * 2, [40] * 10 + [11] * 2, "p", "p"),  # 12 or more in 83 of 100 months
        ([0.5, 0.6] * 6, [40] * 9 + [11] * 3, "p", "xmr"),  # in 75
        ([0.5, 0.6] * 6, [40] * 12, "u", "u"),
        ([5, 6] * 6, [4] * 12, "u", "u"),  # a rate may rest on few
        ([0.5, 0.51] * 6, [900] * 12, "p", "p_prime"),
        ([0.5, 0.51] * 6, [900] * 12, "u", "u_prime"),
        ([0.5, 0.6] * 6, [40] * 12, "p_prime", "p_prime"),
        ([0.5, 0.6] * 6, [40] * 12, "xmr", "xmr"),
        ([0.2, 0.9] * 6, [40] * 12, "p", "p_prime"),
        ([0.2, 0.9] * 5, [40] * 10, "p", "p"),  # sigma_z of a few months decides nothing
        ([0.5, 1.2] * 6, [40] * 12, "p", "xmr"),  # no share
        ([0.5, np.nan] * 6, [40, 0] * 6, "p", "p"),  # a month without cases
    ],
)
def test_choice_of_chart(values, n, stated, kind):
    assert spc.choose_kind(values, n, stated) == kind


def test_the_kind_of_chart_is_locked_with_the_baseline():
    calm, wild = [0.5, 0.52] * 6, [0.2, 0.9] * 6
    assert spc.choose_kind(wild, [100] * 12, "p") == "p_prime"
    assert spc.choose_kind([*calm, *wild], [100] * 24, "p") == "p"
    assert spc.choose_kind([*wild, *calm], [100] * 24, "p", [True] * 12 + [False] * 12) == "p"


def test_rule_2_seven_on_one_side_and_the_centre_ends_a_run():
    assert rules_at(spc.chart([*FLAT, *[10.8] * 7]), 2) == list(range(11, 19))  # the twelfth base point is above too
    broken = spc.chart([*FLAT, 10, 10.8, 10.8, 10.8, 10.5, 10.8, 10.8, 10.8, 10.8])
    assert broken.centre == 10.5 and rules_at(broken, 2) == []


def test_rule_3_is_shown_but_gives_no_icon():
    chart = spc.chart([*FLAT, 10.3, 10.35, 10.4, 10.45, 10.52, 10.55, 10.6])
    assert rules_at(chart, 3) == list(range(12, 19)) and chart.rules_hit == (3,)
    assert chart.variation == "common_cause"


def test_six_in_a_row_are_no_trend():
    assert 3 not in spc.chart([*FLAT, 10.3, 10.35, 10.4, 10.45, 10.52, 10.55]).rules_hit


def test_rule_4_two_of_three_near_the_same_limit():
    chart = spc.chart([*BASE, 17, 13, 17])  # 2/3 of the way up is 16.65
    assert rules_at(chart, 4) == [12, 14] and rules_at(chart, 1) == []
    assert rules_at(spc.chart([*BASE, 17, 13, 10]), 4) == []  # one near each limit


def test_screening_leaves_one_wild_moving_range_out():
    wild = [10, 11, 10, 11, 10, 30, 11, 10, 11, 10, 11, 10]
    assert spc.chart(wild).limits.upper[0] < spc.chart(wild, screen_outliers=False).limits.upper[0]


def test_excluded_months_are_drawn_but_count_for_nothing():
    values, excluded = [*BASE, 14, 2, 2, 2], [False] * 13 + [True] * 3
    chart = spc.chart(values, excluded=excluded)
    assert chart.limits["excluded"].sum() == 3 and chart.rules_hit == () and chart.variation == "common_cause"
    assert chart.centre == pytest.approx(np.mean(BASE))


def test_an_excluded_month_ends_a_run():
    values = [*FLAT[:-1], 10, 10.8, 10.8, 10.8, 10.8, 3, 10.8, 10.8, 10.8]
    excluded = [i == 16 for i in range(len(values))]
    assert 2 not in spc.chart(values, excluded=excluded).rules_hit


def test_new_limits_keep_the_old_ones_where_they_were():
    old, new = spc.chart(FLAT, target=9, periods=range(12)), spc.chart([20.0, 21] * 3, periods=range(12, 18))
    both = spc.rebased(old, new)
    assert list(both.limits["period"]) == list(range(18))
    assert both.limits["centre"].tolist() == [10.5] * 12 + [20.5] * 6
    assert both.centre == 20.5 and both.trial and both.variation == "common_cause"


def test_more_history_makes_more_of_the_baseline():
    chart = spc.chart([*BASE, *[15] * 12, 40], baseline_n=24)
    assert chart.n_baseline == 24 and not chart.trial and chart.centre == pytest.approx(np.mean([*BASE, *[15] * 12]))


def test_baseline_is_locked():
    early, late = spc.chart([*BASE, 14]), spc.chart([*BASE, 14, *[30] * 12])
    assert early.centre == late.centre and early.limits.upper[0] == late.limits.upper[0]


@pytest.mark.parametrize(
    "direction, target, icon",
    [
        ("increase", 8, "reliably_meets"),
        ("increase", 19, "reliably_misses"),
        ("decrease", 19, "reliably_meets"),
        ("decrease", 8, "reliably_misses"),
        ("increase", 14, "hit_and_miss"),
        ("increase", None, "not_assessed"),
    ],
)
def test_assurance(direction, target, icon):
    assert spc.chart(BASE, direction=direction, target=target).assurance == icon


def test_variation_knows_the_direction():
    assert spc.chart([*BASE, 20], direction="decrease").variation == "concern"
    assert spc.chart([*BASE, 5], direction="decrease").variation == "improvement"


def test_gaps_and_few_points():
    chart = spc.chart([12, np.nan, 14, 13, 15, 12, 13])
    assert chart.trial and chart.n_baseline == 6 and np.isnan(chart.limits.value[1])
    few = spc.chart([12, 14, 13, 15, 12])
    assert few.variation == few.assurance == "not_assessed" and few.limits[["centre", "lower", "upper"]].isna().all(
        axis=None
    )


def test_limits_stay_in_the_possible_range():
    chart = spc.chart([0.02, 0.0, 0.05] * 4, [30] * 12, "p")
    assert chart.limits.lower.min() == 0
    assert spc.chart([1, 0, 3] * 4, bounds=(0, np.inf)).limits.lower.min() == 0


@pytest.mark.parametrize(
    "kwargs, words",
    [
        ({"kind": "c"}, "valid: p"),
        ({"kind": "p"}, "needs denominators"),
        ({"direction": "up"}, "increase, decrease"),
        ({"kind": "p", "denominators": [10] * 12}, "between 0 and 1"),
        ({"excluded": [True]}, "one entry a point"),
    ],
)
def test_refusals(kwargs, words):
    with pytest.raises(ValueError, match=words):
        spc.chart(FLAT, **kwargs)


@pytest.mark.full
def test_false_alarms_of_common_cause():
    # Anhoj and Olesen: rules 1, 2 and 4 together raise a false alarm in a minority of stable 24-point charts.
    rng = np.random.default_rng(0)
    icons = [spc.chart(rng.normal(size=24)).variation for _ in range(500)]
    assert np.mean([icon != "common_cause" for icon in icons]) < 0.10
