"""Cost per result: Fieller against inversion of the test and resampled pilots, the acceptability curve, refusals."""

import numpy as np
import pytest
from scipy import stats

from shared_utils.stats.costs import acceptability, cost_per_result, per_participant


def accepted(cost, effect, effect_se, ratios, cost_se, covariance, t):
    """Which ratios a test of cost - ratio x effect = 0 does not reject: Fieller's set by its definition."""
    variance = cost_se**2 - 2 * ratios * covariance + ratios**2 * effect_se**2
    return np.abs(cost - ratios * effect) <= t * np.sqrt(variance)


@pytest.mark.parametrize("cost_se, covariance, df", [(0, 0, np.inf), (300, 0, np.inf), (300, 4, np.inf), (300, -4, 12)])
def test_fieller_is_the_inverted_test(cost_se, covariance, df):
    cost, effect, effect_se = 2400, 0.10, 0.03
    found = cost_per_result(cost, effect, effect_se, cost_se=cost_se, covariance=covariance, df=df)
    ratios = np.linspace(-200_000, 400_000, 1_200_001)
    inside = ratios[accepted(cost, effect, effect_se, ratios, cost_se, covariance, stats.t.ppf(0.975, df))]
    assert found.stated and found.ratio == pytest.approx(24_000)
    assert (found.low, found.high) == pytest.approx((inside[0], inside[-1]), abs=1)
    assert len(inside) == round((inside[-1] - inside[0]) / 0.5) + 1  # one stretch, no gap


def test_a_known_cost_divides_by_the_limits_of_the_effect():
    found = cost_per_result(1500, 0.075, 0.02)
    z = stats.norm.ppf(0.975)
    assert (found.low, found.high) == pytest.approx((1500 / (0.075 + z * 0.02), 1500 / (0.075 - z * 0.02)))


@pytest.mark.parametrize(
    "effect, words", [(0.03, "not clearly different from zero"), (0.0, "not clearly"), (-0.2, "made the result rarer")]
)
def test_what_cannot_be_stated_says_so(effect, words):
    found = cost_per_result(1500, effect, 0.02)
    assert (found.ratio, found.low, found.high) == (None, None, None) and not found.stated
    assert found.words.startswith("cost per result cannot be stated") and words in found.words


def test_where_nothing_can_be_stated_fiellers_set_has_no_end():
    ratios = np.array([-1e9, 1e9])
    assert accepted(1500, 0.03, 0.02, ratios, 0, 0, 1.96).all()


def test_acceptability_is_the_share_of_simulated_pilots_below_the_ceiling():
    cost, effect, effect_se, cost_se, covariance = 2400, 0.08, 0.05, 500, -10
    draws = np.random.default_rng(0).multivariate_normal(
        [cost, effect], [[cost_se**2, covariance], [covariance, effect_se**2]], 400_000
    )
    ceilings = [10_000, 30_000, 60_000, 200_000]
    found = acceptability(cost, effect, effect_se, ceilings, cost_se=cost_se, covariance=covariance)
    simulated = [(ceiling * draws[:, 1] > draws[:, 0]).mean() for ceiling in ceilings]
    assert found.probability.to_numpy() == pytest.approx(simulated, abs=0.003)
    assert list(found.columns) == ["ceiling", "probability"] and found.probability.is_monotonic_increasing


def test_acceptability_and_the_interval_agree():
    found = cost_per_result(2400, 0.10, 0.03, cost_se=300)
    at_ends = acceptability(2400, 0.10, 0.03, [found.low, found.high], cost_se=300).probability
    assert tuple(at_ends) == pytest.approx((0.025, 0.975))
    assert acceptability(2400, 0.0, 0.03, 1e12).probability[0] == pytest.approx(0.5, abs=1e-6)


@pytest.mark.full
def test_fieller_covers_the_true_cost_per_result():
    rng = np.random.default_rng(1)
    covered = []
    for cost, effect in zip(rng.normal(2400, 300, 4000), rng.normal(0.20, 0.03, 4000), strict=True):
        found = cost_per_result(cost, effect, 0.03, cost_se=300)
        covered.append(found.low <= 12_000 <= found.high)
    assert abs(np.mean(covered) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 4000)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: per_participant(1000, 0), "participants"),
        (lambda: per_participant(-1, 10), "total"),
        (lambda: cost_per_result(0, 0.1, 0.01), "cost above 0"),
        (lambda: cost_per_result(100, np.nan, 0.01), "effect"),
        (lambda: cost_per_result(100, 0.1, 0), "Standard errors"),
        (lambda: cost_per_result(100, 0.1, 0.01, cost_se=10, covariance=5), "covariance"),
        (lambda: acceptability(100, 0.1, 0.01, [0]), "ceiling"),
    ],
)
def test_refusals_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_per_participant():
    assert per_participant(310_000, 124) == 2500
