"""Randomisation inference on published data and by enumeration; Holm, BH, intervals, the assignment audit."""

import itertools

import numpy as np
import pandas as pd
import pytest
from causaldata import nsw_mixtape
from statsmodels.stats.multitest import multipletests

from shared_utils.stats import assignment, intervals, multiplicity, randomization

NSW = nsw_mixtape.load_pandas().data


def test_nsw_published_p():
    # Athey and Imbens 2017: .0044 with 10,000 draws, Monte Carlo s.e. .0007; ours with 40,000 adds .0003.
    p = randomization.ri_p(NSW, "re78", "treat", draws=40_000, seed=1)
    assert p == pytest.approx(0.0044, abs=3 * np.hypot(0.0007, 0.0003))


def test_equals_enumeration():
    values, assigned = np.array([3.0, 9, 4, 8, 1, 7, 2]), np.array([1, 1, 0, 1, 0, 0, 0])
    sets = [list(c) for c in itertools.combinations(range(7), 3)]
    stats = [values[c].mean() - np.delete(values, c).mean() for c in sets]
    observed = values[assigned == 1].mean() - values[assigned == 0].mean()
    exact = np.mean(np.abs(stats) >= abs(observed) - 1e-9)
    assert randomization.permutation_p(values, assigned, draws=40_000, seed=2) == pytest.approx(
        exact, abs=0.01
    )


def test_size_under_the_null_and_never_zero():
    rng = np.random.default_rng(3)
    ps = []
    for seed in range(400):
        y = rng.exponential(size=40)
        ps.append(
            randomization.permutation_p(y, rng.permutation(np.repeat([0, 1], 20)), draws=199, seed=seed)
        )
    assert np.mean(np.array(ps) <= 0.05) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)
    assert randomization.permutation_p(np.arange(40.0), np.repeat([0, 1], 20), draws=199) == pytest.approx(
        1 / 200
    )


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
