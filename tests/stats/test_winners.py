"""The best of several arms: what its authors' package says, and what holds on average."""

import numpy as np
import pytest
from scipy import stats

from shared_utils.stats import winners

SHARED = np.array([[0.0018, 0.0009], [0.0009, 0.00175]])  # two arms against one control
EQUAL = 0.001 * (np.eye(4) + np.ones((4, 4)))


@pytest.mark.parametrize(
    ("estimates", "covariance", "conditional", "hybrid"),
    [  # multiple-inference 1.2.0, RankCondition.get_marginal_distribution: median, and with beta = 0.005
        ([1.0, 2.0, 3.0], np.eye(3), 2.686275525, (2.68830, 0.01390, 4.97711)),
        ([0.02, 0.06], SHARED, 0.058611997, (0.058690, -0.038563, 0.142779)),
        ([0.10, 0.12, 0.05, 0.02], EQUAL, 0.102151226, (0.102226, -0.019219, 0.207908)),
    ],
)
def test_it_agrees_with_the_package_of_an_author(estimates, covariance, conditional, hybrid):
    found = winners.best(estimates, covariance)
    assert found.conditional == pytest.approx(conditional, rel=1e-8)
    # theirs draws the quantile of the simultaneous interval, ours is Sidak's
    assert (found.value, found.ci_low, found.ci_high) == pytest.approx(hybrid, abs=0.03 * found.se)


def test_an_arm_far_ahead_keeps_its_estimate_and_interval():
    found = winners.best([0.0, 50.0], np.eye(2))
    half = stats.norm.ppf(0.975)
    assert (found.position, found.value, found.conditional) == (1, pytest.approx(50), pytest.approx(50))
    assert (found.ci_low, found.ci_high) == pytest.approx((50 - half, 50 + half), abs=0.05)


def test_fewer_is_better_turns_everything_round():
    more, fewer = winners.best([0.02, 0.06], SHARED), winners.best([-0.02, -0.06], SHARED, "decrease")
    assert fewer.position == more.position == 1 and fewer.value == pytest.approx(-more.value)
    assert (fewer.ci_low, fewer.ci_high) == pytest.approx((-more.ci_high, -more.ci_low))


def test_two_arms_alike_leave_the_conditional_estimate_nowhere_and_the_hybrid_in_its_interval():
    found = winners.best([0.05, 0.05 + 1e-12], SHARED)
    assert found.conditional < -1 or found.conditional == -np.inf
    assert found.ci_low <= found.value <= found.ci_high and found.ci_high - found.ci_low < 6 * found.se


@pytest.mark.parametrize("effects", [[0.0] * 4, [0.0, 0.0, 0.03, 0.06]], ids=["all alike", "one better"])
def test_too_high_as_often_as_too_low_and_the_interval_holds_the_truth(effects):
    rng, draws = np.random.default_rng(3), 600
    above, inside, naive = 0, 0, 0
    for estimates in rng.multivariate_normal(effects, EQUAL, draws):
        found = winners.best(estimates, EQUAL)
        true = effects[found.position]
        above += found.value > true
        naive += found.estimate > true
        inside += found.ci_low <= true <= found.ci_high
    assert stats.binomtest(above, draws, 0.5).pvalue > 0.001
    assert stats.binomtest(inside, draws, 0.95).pvalue > 0.001
    assert naive / draws > 0.6  # the winner's curse it takes off


@pytest.mark.parametrize(
    ("estimates", "covariance"), [([1.0], np.eye(1)), ([1.0, 2.0], np.eye(3)), ([1.0, np.nan], np.eye(2))]
)
def test_what_is_no_family_of_estimates_is_refused(estimates, covariance):
    with pytest.raises(ValueError, match="two or more estimates"):
        winners.best(estimates, covariance)
