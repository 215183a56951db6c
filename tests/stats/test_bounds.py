"""Bounds: Lee's printed variance, known truth and coverage by simulation, exact collapses, refusals in words."""

import numpy as np
import pytest
from scipy import stats

from shared_utils.stats.bounds import imbens_manski, lee, manski


def pilot(n=2000, effect=0.5, seed=0, more="treated", noise=stats.norm):
    """Selected outcomes: better off people are seen; one group's extra seen people are seen only there."""
    rng = np.random.default_rng(seed)
    treated = rng.permutation(np.arange(n) % 2)
    base = noise.rvs(size=n, random_state=rng)
    always, only_if_helped = rng.random(n) < stats.norm.cdf(0.8 + base), rng.random(n) < 0.3
    helped = treated if more == "treated" else 1 - treated
    observed = (always | (only_if_helped & (helped == 1))).astype(int)
    y = base + effect * treated
    return np.where(observed == 1, y, np.nan), treated, observed


def lee_2009_variance(y, d, s):
    """The standard errors as section 4.2 and proposition 3 print them, for a trimmed treated group."""
    n, p_d = len(y), d.mean()
    a0, a1 = s[d == 0].mean(), s[d == 1].mean()
    p = (a1 - a0) / a1
    seen = np.sort(y[(d == 1) & (s == 1)])
    share = (s * d).mean()
    v_p = (1 - p) ** 2 * ((1 - a0 / (1 - p)) / (p_d * a0 / (1 - p)) + (1 - a0) / ((1 - p_d) * a0))
    v_c = y[(d == 0) & (s == 1)].var() / (s * (1 - d)).mean()
    out = []
    for kept, edge in ((seen[: round(len(seen) * (1 - p))], np.quantile(seen, 1 - p)),
                       (seen[round(len(seen) * p) :], np.quantile(seen, p))):  # fmt: skip
        gap = edge - kept.mean()
        out.append(kept.var() / (share * (1 - p)) + gap**2 * p / (share * (1 - p)) + (gap / (1 - p)) ** 2 * v_p + v_c)
    return np.sqrt(np.array(out) / n)


def test_standard_errors_are_those_of_lees_proposition_3():
    y, d, s = pilot(n=20_000)
    found = lee(y, d, s)
    assert (found.se_low, found.se_high) == pytest.approx(tuple(lee_2009_variance(np.nan_to_num(y), d, s)), rel=2e-3)


def test_bounds_hold_the_truth_and_the_direction_is_named():
    for more in ("treated", "comparison"):
        y, d, s = pilot(n=20_000, more=more)
        found = lee(y, d, s)
        assert found.trimmed == more and found.low < 0.5 < found.high and found.trim_share > 0.02
        assert found.ci_low < found.low < found.high < found.ci_high


def test_which_outcomes_are_trimmed_by_hand():
    # treated 4 of 4 seen, comparison 3 of 4: a quarter of the treated is trimmed
    y, d = np.array([1.0, 2, 3, 10, 0, 1, 2, np.nan]), np.array([1, 1, 1, 1, 0, 0, 0, 0])
    s = (~np.isnan(y)).astype(int)
    found = lee(y, d, s)
    assert (found.low, found.high, found.trim_share) == pytest.approx((2 - 1, 5 - 1, 0.25))
    turned = lee(y, 1 - d, s)
    assert (turned.low, turned.high, turned.trimmed) == pytest.approx((-4, -1, "comparison"))
    mirrored = lee(-y, d, s)
    assert (mirrored.low, mirrored.high) == pytest.approx((-4, -1))


def test_a_person_at_the_edge_counts_in_part():
    # treated 3 of 3 seen, comparison 1 of 2: half of three people is trimmed
    y, d = np.array([1.0, 2, 6, 0, np.nan]), np.array([1, 1, 1, 0, 0])
    found = lee(y, d, np.array([1, 1, 1, 1, 0]))
    assert (found.low, found.high) == pytest.approx(((1 + 0.5 * 2) / 1.5, (6 + 0.5 * 2) / 1.5))


def test_equal_response_collapses_to_the_difference_in_means():
    y, d = np.random.default_rng(0).normal(size=1000), np.tile([0, 1], 500)
    found = lee(y, d, np.ones(1000))
    assert found.low == pytest.approx(found.high) == pytest.approx(y[d == 1].mean() - y[d == 0].mean())
    neyman = np.sqrt(y[d == 1].var() / 500 + y[d == 0].var() / 500)
    assert found.se_low == pytest.approx(neyman, rel=1e-3)


def test_strata_never_widen_and_weights_and_clusters_count():
    rng = np.random.default_rng(2)
    n = 6000
    site, d = rng.integers(0, 3, n), rng.integers(0, 2, n)
    base = 2.0 * site + rng.normal(size=n)
    s = (rng.random(n) < np.array([0.5, 0.7, 0.9])[site] + 0.08 * d).astype(int)
    y = np.where(s == 1, base + 0.5 * d, np.nan)
    plain, within = lee(y, d, s), lee(y, d, s, strata=site)
    assert within.high - within.low < plain.high - plain.low and within.low < 0.5 < within.high
    one = lee(y, d, s, strata=np.zeros(n))
    assert (one.low, one.se_low, one.se_high) == pytest.approx((plain.low, plain.se_low, plain.se_high))
    copies = rng.integers(1, 4, n)
    weighted = lee(y, d, s, weights=copies)
    repeated = lee(*(np.repeat(x, copies) for x in (y, d, s)), clusters=np.repeat(np.arange(n), copies))
    assert (weighted.low, weighted.high) == pytest.approx((repeated.low, repeated.high))
    assert (weighted.se_low, weighted.se_high) == pytest.approx((repeated.se_low, repeated.se_high))


def test_weights_undo_unequal_odds():
    # a lottery with other odds at each site: without weights sites stand in for the offer
    rng = np.random.default_rng(3)
    n = 40_000
    site = rng.integers(0, 2, n)
    odds = np.array([0.3, 0.7])[site]
    d = (rng.random(n) < odds).astype(int)
    s = (rng.random(n) < 0.8 + 0.05 * d).astype(int)
    y = np.where(s == 1, 2.0 * site + rng.normal(size=n), np.nan)
    weights = np.where(d == 1, 1 / odds, 1 / (1 - odds))
    assert lee(y, d, s).low > 0.4
    found = lee(y, d, s, weights=weights)
    assert found.low < 0 < found.high


@pytest.mark.parametrize(
    "change, words",
    [
        (dict(strata=list("aaaabbbb"), observed=[1, 0, 1, 1, 1, 1, 1, 0]), "one direction everywhere"),
        (dict(strata=list("aaaabbcc")), "nobody seen"),
        (dict(observed=[0, 0, 1, 1, 0, 0, 1, 1]), "No outcome of the treated group"),
        (dict(observed=[1, 1, 1, 2, 1, 1, 1, 1]), "0 or 1"),
        (dict(y=[1, 2, 3, 4, 5, np.nan, 7, 8], observed=[1] * 8), "missing or infinite"),
    ],
)
def test_lee_refuses_in_words(change, words):
    inputs = dict(y=np.arange(8.0), treated=[1, 1, 0, 0, 1, 1, 0, 0], observed=[1, 1, 0, 0, 0, 1, 1, 1], strata=None)
    with pytest.raises(ValueError, match=words):
        lee(**{**inputs, **change})


def test_worst_and_best_case_by_hand():
    # shares: 6 of 8 seen treated and 4 of 10 seen others succeed; 2 of 10 and none are missing
    y = np.r_[np.repeat([1.0, 0.0, np.nan], [6, 2, 2]), np.repeat([1.0, 0.0], [4, 6])]
    d, s = np.repeat([1, 0], 10), (~np.isnan(y)).astype(int)
    found = manski(y, d, s, (0, 1))
    assert (found.low, found.high) == pytest.approx((0.6 - 0.4, 0.8 - 0.4))
    assert found.se_low == pytest.approx(np.sqrt((0.24 / 10 + 0.24 / 10) * 20 / 19))
    with pytest.raises(ValueError, match="hold every outcome"):
        manski(2 * y, d, s, (0, 1))
    with pytest.raises(ValueError, match="finite limits"):
        manski(y, d, s, (0, np.inf))


def test_imbens_manski_lies_between_one_and_two_sided():
    # no width: 1.96; far apart: 1.645 (their table 1)
    assert imbens_manski(0, 0, 1, 1)[1] == pytest.approx(stats.norm.ppf(0.975))
    assert imbens_manski(0, 50, 1, 1)[1] == pytest.approx(50 + stats.norm.ppf(0.95))
    low, high = imbens_manski(0, 1, 0.5, 0.8)
    c = -low / 0.5
    assert (high - 1) / 0.8 == pytest.approx(c)
    assert stats.norm.cdf(c + 1 / 0.8) - stats.norm.cdf(-c) == pytest.approx(0.95)
    assert imbens_manski(0, 1, 0, 0) == (0, 1)


def sharp_lee_bounds(more):
    """Bounds of the population of `pilot`, from a very large draw."""
    found = lee(*pilot(n=2_000_000, seed=99, more=more))
    return found.low, found.high


@pytest.mark.full
@pytest.mark.parametrize("more", ["treated", "comparison"])
def test_interval_covers_each_end_of_lees_bounds(more):
    low, high = sharp_lee_bounds(more)
    found = [lee(*pilot(n=1000, seed=seed, more=more)) for seed in range(2000)]
    for end in (low, high, (low + high) / 2):
        covered = np.mean([one.ci_low <= end <= one.ci_high for one in found])
        assert covered > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 2000)
    assert np.mean([one.se_low for one in found]) == pytest.approx(np.std([one.low for one in found]), rel=0.07)
    assert np.mean([one.se_high for one in found]) == pytest.approx(np.std([one.high for one in found]), rel=0.07)


@pytest.mark.full
def test_clustered_bounds_need_clustered_errors():
    rng = np.random.default_rng(4)
    found = []
    for _ in range(600):
        room = np.repeat(np.arange(60), 15)
        d = (room % 2).astype(int)
        y = rng.normal(size=60)[room] * 0.5 + rng.normal(size=900)
        s = (rng.random(900) < 0.8 + 0.1 * d).astype(int)
        found.append((lee(np.where(s, y, np.nan), d, s, clusters=room), lee(np.where(s, y, np.nan), d, s)))
    spread = np.std([one.low for one, _ in found])
    assert np.mean([one.se_low for one, _ in found]) == pytest.approx(spread, rel=0.1)
    assert np.mean([alone.se_low for _, alone in found]) < 0.7 * spread


@pytest.mark.full
def test_worst_case_interval_covers():
    rng = np.random.default_rng(5)
    truth, covered = 0.25 * 0.8 + 0.2 - (0.4 * 0.8), []  # the best case: every missing treated succeeds, no other does
    for _ in range(2000):
        d = rng.permutation(np.arange(600) % 2)
        s = (rng.random(600) < 0.8).astype(int)
        y = (rng.random(600) < np.where(d == 1, 0.25, 0.4)).astype(float)
        one = manski(np.where(s == 1, y, np.nan), d, s, (0, 1))
        covered.append(one.ci_low <= truth <= one.ci_high)
    assert abs(np.mean(covered) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 2000) + 0.005
