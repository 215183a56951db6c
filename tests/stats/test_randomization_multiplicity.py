"""Randomisation inference on published data and by enumeration; Holm, BH, Westfall-Young, intervals, the audit."""

import itertools

import numpy as np
import pandas as pd
import pytest
from causaldata import nsw_mixtape
from scipy import stats
from statsmodels.stats.multitest import multipletests

from shared_utils.stats import assignment, intervals, multiplicity, randomization

NSW = nsw_mixtape.load_pandas().data


def test_nsw_published_p():
    # Athey and Imbens 2017, section 4: .0044 with 10,000 draws, whose Monte Carlo s.e. is .0007: the case's own
    # tolerance is .0015; for ranks .01, tolerance .002
    assert randomization.ri_p(NSW, "re78", "treat", draws=40_000, seed=1) == pytest.approx(0.0044, abs=0.0015)
    ranks = NSW.assign(rank=stats.rankdata(NSW.re78))
    assert randomization.ri_p(ranks, "rank", "treat", draws=40_000, seed=1) == pytest.approx(0.01, abs=0.002)


def test_equals_enumeration():
    values, assigned = np.array([3.0, 9, 4, 8, 1, 7, 2]), np.array([1, 1, 0, 1, 0, 0, 0])
    sets = [list(c) for c in itertools.combinations(range(7), 3)]
    gaps = np.array([values[c].mean() - np.delete(values, c).mean() for c in sets])
    observed = values[assigned == 1].mean() - values[assigned == 0].mean()
    exact = np.mean(np.abs(gaps) >= abs(observed) - 1e-9)
    for draws in (35, 2000):  # at most as many assignments as draws: exact, whatever the seed
        assert randomization.permutation_p(values, assigned, draws=draws, seed=2) == exact
    assert randomization.permutation_p(values, assigned, alternative="greater") == np.mean(gaps >= observed - 1e-9)
    drawn = [randomization.permutation_p(values, assigned, draws=34, seed=seed) for seed in range(500)]
    assert np.mean(drawn) == pytest.approx(exact + (1 - exact) / 35, abs=4 * np.std(drawn) / np.sqrt(500))


@pytest.mark.parametrize("n, k, few", [(40, 20, False), (10**6, 10**6 // 2, False), (10**6, 1, False), (9, 4, True)])
def test_large_draws_are_not_counted_out(n, k, few):
    assert randomization.few([(n, k)], 2000) is few
    assert randomization.few([(2, 1)] * 10, 1024) and not randomization.few([(2, 1)] * 5000, 100_000)


def test_every_assignment_is_listed_once_within_strata():
    units = randomization.units([1, 1, 0, 0, 1, 1, 0, 0, 0, 0], [0] * 6 + [1] * 4, [0, 0, 1, 1, 2, 2, 3, 4, 4, 3])
    assert units.treated.tolist() == [1, 0, 1, 0, 0] and units.few(3) and not units.few(2)
    assert sorted(map(tuple, units.every())) == [(0, 1, 1, 0, 0), (1, 0, 1, 0, 0), (1, 1, 0, 0, 0)]


def test_draws_are_the_same_however_many_are_held_at_once(monkeypatch):
    rng = np.random.default_rng(4)
    units = randomization.units(rng.integers(0, 2, 90), rng.integers(0, 3, 90))
    values = rng.normal(size=(90, 4))
    whole = units.drawn(50, np.random.default_rng(7)) @ values
    assert np.allclose(units.drawn_totals(values, 50, np.random.default_rng(7)), whole)
    monkeypatch.setattr(randomization, "CHUNK", 70)  # two or three draws of a stratum at a time
    assert np.allclose(units.drawn_totals(values, 50, np.random.default_rng(7)), whole)


def test_moments_are_those_of_all_assignments():
    units = randomization.units([1, 1, 0, 0, 0, 1, 0], [0, 0, 0, 0, 1, 1, 1])
    values = np.random.default_rng(5).normal(size=(7, 2))
    sums = units.every().astype(float) @ values
    mean, covariance = units.moments(values)
    assert np.allclose(mean, sums.mean(axis=0)) and np.allclose(covariance, np.cov(sums.T, bias=True))


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("weighted", [False, True])
def test_large_samples_get_the_p_that_draws_come_to(monkeypatch, alternative, weighted):
    rng = np.random.default_rng(6)
    strata, assigned = rng.integers(0, 3, 600), rng.integers(0, 2, 600)
    values = rng.exponential(size=600) + strata + 0.1 * assigned
    weights = rng.uniform(0.5, 2, 600) if weighted else None
    settings = {"strata": strata, "alternative": alternative, "weights": weights}
    drawn = randomization.permutation_p(values, assigned, draws=20_000, **settings)
    monkeypatch.setattr(randomization, "LARGE", 600 * 20_000 - 1)
    assert randomization.permutation_p(values, assigned, draws=20_000, **settings) == pytest.approx(drawn, abs=0.012)


def test_size_under_the_null_and_never_zero():
    rng = np.random.default_rng(3)
    ps = []
    for seed in range(400):
        y = rng.exponential(size=40)
        ps.append(randomization.permutation_p(y, rng.permutation(np.repeat([0, 1], 20)), draws=199, seed=seed))
    assert np.mean(np.array(ps) <= 0.05) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)
    assert randomization.permutation_p(np.arange(40.0), np.repeat([0, 1], 20), draws=199) == pytest.approx(1 / 200)


def test_strata_and_whole_clusters_are_respected():
    rng = np.random.default_rng(4)
    room = np.repeat(np.arange(16), 12)
    site = room // 4
    treated = (room % 4 < 2).astype(int)
    y = 3 * site + rng.normal(size=16)[room] + rng.normal(size=len(room))
    frame = pd.DataFrame({"y": y, "t": treated, "room": room, "site": site})
    by_people = randomization.ri_p(frame, "y", "t", strata="site")
    by_rooms = randomization.ri_p(frame, "y", "t", strata="site", clusters="room")
    assert by_rooms > by_people  # rooms share their level: permuting people overstates the evidence
    with pytest.raises(ValueError, match="whole clusters"):
        randomization.ri_p(frame, "y", "t", clusters="site")


def test_arms_of_a_contrast_only_and_covariates():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"arm": np.repeat(["a", "b", "c"], 60), "x": rng.normal(size=180)})
    frame["y"] = 3 * frame.x + 1.0 * (frame.arm == "a") + 50 * (frame.arm == "b") + rng.normal(size=180)
    p = randomization.ri_p(frame, "y", "arm", covariates=["x"], contrast=("a", "c"))
    assert p < 0.01 and p < randomization.ri_p(frame, "y", "arm", contrast=("a", "c"))


def test_one_sided():
    y, t = np.r_[np.arange(10.0), np.arange(10) + 6.0], np.repeat([0, 1], 10)
    assert randomization.permutation_p(y, t, alternative="greater") < 0.05
    assert randomization.permutation_p(y, t, alternative="less") > 0.9


def test_holm_and_bh():
    assert multiplicity.holm([0.030, 0.012]) == pytest.approx([0.030, 0.024])
    out = multiplicity.holm([0.03, np.nan, 0.012])
    assert np.isnan(out[1]) and out[[0, 2]] == pytest.approx([0.030, 0.024])
    assert multiplicity.bh([0.01, 0.02, 0.03, 0.5]) == pytest.approx([0.04, 0.04, 0.04, 0.5])
    p = np.random.default_rng(0).random(12) ** 2
    assert multiplicity.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert multiplicity.bh(p) == pytest.approx(multipletests(p, method="fdr_bh")[1])


def family(seed, n=60, outcomes=4, effect=0.0):
    rng = np.random.default_rng(seed)
    assigned = rng.permutation(np.arange(n) % 2)
    values = 0.7 * rng.normal(size=(n, 1)) + rng.normal(size=(n, outcomes)) * [1, 10, 0.1, 3][:outcomes]
    values[:, 0] += effect * assigned
    return values, assigned


def test_westfall_young_by_hand():
    # six people, three treated: 20 assignments; the statistics, their spread and the steps written out
    values = np.array([[9.0, 1], [8, 7], [7, 2], [3, 5], [2, 6], [1, 3]])
    sets = [list(c) for c in itertools.combinations(range(6), 3)]
    gaps = np.array([values[c].mean(0) - np.delete(values, c, axis=0).mean(0) for c in sets])
    t = np.abs(gaps / np.sqrt((gaps**2).mean(0)))
    largest, second = t[0]  # the actual assignment is people 0, 1, 2; the first outcome moves most
    assert largest > second
    first_p = np.mean(t.max(1) >= largest - 1e-9)
    second_p = max(first_p, np.mean(t[:, 1] >= second - 1e-9))
    assert multiplicity.westfall_young(values, [1, 1, 1, 0, 0, 0]) == pytest.approx([first_p, second_p])
    assert multiplicity.westfall_young(values[:, ::-1], [1, 1, 1, 0, 0, 0]) == pytest.approx([second_p, first_p])


def test_westfall_young_of_one_outcome_is_its_own_p():
    values, assigned = family(1, n=10, outcomes=1)
    p = multiplicity.westfall_young(values, assigned)
    assert p == pytest.approx([randomization.permutation_p(values[:, 0], assigned)])
    copies = multiplicity.westfall_young(np.repeat(values, 5, axis=1), assigned)  # Holm would multiply by five
    assert copies == pytest.approx([p[0]] * 5)


def test_westfall_young_lies_between_raw_and_bonferroni():
    values, assigned = family(2, n=10, effect=1.5)
    raw = np.array([randomization.permutation_p(column, assigned) for column in values.T])
    p = multiplicity.westfall_young(values, assigned)
    assert (raw <= p + 1e-12).all() and (p <= np.minimum(4 * raw, 1) + 1e-12).all()
    scaled = multiplicity.westfall_young(values * [1000, -1, 2, 0.5], assigned)
    assert scaled == pytest.approx(p)


def test_westfall_young_respects_strata_clusters_and_missing_outcomes():
    values, _ = family(3, n=40)
    room = np.arange(40) // 5
    assigned, site = (room % 2).astype(float), room // 4
    values[room == 3, 1] = np.nan
    p = multiplicity.westfall_young(values, assigned, site, room)  # 6 x 6 assignments
    assert np.isclose(p * 36, np.round(p * 36)).all() and (p >= 1 / 36).all()
    one = multiplicity.westfall_young(values[:, :1], assigned, site, room)
    assert one == pytest.approx([randomization.permutation_p(values[:, 0], assigned, site, room)])
    with pytest.raises(ValueError, match="the same for everyone"):
        multiplicity.westfall_young(np.column_stack([values, np.ones(40)]), assigned)


@pytest.mark.full
@pytest.mark.parametrize("effect", [0.0, 3.0], ids=["complete null", "one outcome moves"])
def test_westfall_young_keeps_the_family_error(effect):
    wrong = 0
    for seed in range(600):
        values, assigned = family(seed, effect=effect)
        p = multiplicity.westfall_young(values, assigned, draws=199, seed=seed)
        wrong += (p[1:] if effect else p).min() <= 0.05
    assert stats.binom.ppf(0.001, 600, 0.03) <= wrong <= stats.binom.ppf(0.999, 600, 0.05)


def test_wilson_and_newcombe_published():
    # Newcombe 1998a, table I: 81/263 gives .2553 to .3662
    # Newcombe 1998b, table II, method 10: 56/70 - 48/80 gives .0524 to .3339
    assert intervals.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert intervals.newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert intervals.wilson(0, 20)[0] == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="is not a share"):
        intervals.wilson(3, 2)


def test_audit():
    strata = np.repeat(["a", "b"], 100)
    assigned = np.r_[np.repeat([1, 0], [50, 50]), np.repeat([1, 0], [80, 20])]
    table = assignment.audit(assigned, strata, np.repeat([0.5, 0.5], 100))
    assert list(table.compatible) == [True, False] and table.p[1] < 1e-8
    with pytest.raises(ValueError, match="more than one chance"):
        assignment.audit([1, 0], ["a", "a"], [0.5, 0.4])
