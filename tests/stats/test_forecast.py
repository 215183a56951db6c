"""Forecasts: moments, ranges, and how often they hold."""

import numpy as np
import pytest
from scipy import stats

from shared_utils.stats import forecast


def values(past, ahead):
    return forecast.values(past, ahead, seed=1)


UNEVEN = [10, 30, 5, 40, 12, 23]


def test_uneven_counts_are_negative_binomial_with_the_moments_of_the_last_months():
    made = forecast.counts([999, *UNEVEN], 1, seed=1)
    mean, variance = np.mean(UNEVEN), np.var(UNEVEN, ddof=1)
    exact = stats.nbinom(mean**2 / (variance - mean), mean / variance)
    assert made.last.mean() == pytest.approx(mean, rel=0.03) and made.last.var() == pytest.approx(variance, rel=0.08)
    assert (made.low[0], made.high[0]) == pytest.approx(exact.ppf([0.1, 0.9]), abs=1)


def test_even_counts_are_at_least_as_spread_as_a_poisson():
    made = forecast.counts([20] * 6, 12, seed=1, start=100)
    assert made.last.var() == pytest.approx(240, rel=0.08) and made.median[-1] == pytest.approx(340, abs=3)
    assert made.chance(340) == pytest.approx(0.5, abs=0.05)


def test_values_stay_possible_and_count_the_good_side():
    made = forecast.values([0.02, 0.0, 0.05, 0.01, 0.03, 0.02], 3, seed=1, bounds=(0, 1))
    assert made.last.min() >= 0 and made.low.shape == (3,)
    assert made.chance(0.02, "decrease") == pytest.approx(1 - made.chance(0.02), abs=0.001)


def test_the_same_seed_gives_the_same_paths_and_gaps_do_not_count():
    known = [0.5, np.nan, 0.6, 0.4, 0.5, 0.55, 0.45]
    first, second = (forecast.values(known, 2, seed=7).last for _ in range(2))
    assert (first == second).all()
    with pytest.raises(ValueError, match="6 usable months; there are 5"):
        forecast.values(known[:6], 2, seed=7)


def test_coverage_of_three_origins():
    steady = [0.50, 0.52, 0.48, 0.51, 0.49, 0.50, 0.505, 0.5, 0.495]
    assert forecast.coverage(steady, values) == (6, 6)  # 1, 2 and 3 months after the three origins
    assert forecast.coverage([*steady[:6], 0.9, 0.9, 0.9], values)[0] < 6
    assert forecast.coverage(steady[:8], values) is None


def test_coverage_of_running_totals():
    def totals(past, ahead):
        return forecast.counts(past, ahead, seed=1)

    assert forecast.coverage([20, 22, 18, 21, 19, 20, 21, 20, 19], totals, total=True) == (6, 6)
    assert forecast.coverage([20, 22, 18, 21, 19, 20, 60, 20, 20], totals, total=True)[0] < 6


@pytest.mark.full
def test_about_eighty_in_a_hundred_months_fall_inside():
    rng, found = np.random.default_rng(0), np.zeros(2)
    for seed in range(150):
        found += forecast.coverage(rng.normal(0.5, 0.05, 12), lambda past, n, s=seed: forecast.values(past, n, s))
    assert 0.66 < found[0] / found[1] < 0.86  # six months tell the spread only roughly
