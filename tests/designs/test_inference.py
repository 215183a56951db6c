"""Standard errors and estimates against independent implementations, closed forms and brute force."""

import dgps
import diff_diff
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from shared_utils.designs import _clustered, _diff_diff, _iv, estimate, rd


def clustered_data(seed, clusters=14):
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), rng.integers(2, 20, clusters))
    site = cluster // 4
    treated = (rng.permutation(clusters) < clusters // 2)[cluster].astype(float)
    x = np.column_stack(
        [
            np.ones(len(cluster)),
            treated,
            site[:, None] == np.unique(site)[None, 1:],
            rng.normal(size=(len(cluster), 2)),
        ]
    ).astype(float)
    return rng.normal(size=len(cluster)) + rng.normal(size=clusters)[cluster], x, cluster


@pytest.mark.parametrize("seed", range(5))
def test_cr2_and_satterthwaite_equal_diff_diff(seed):
    y, x, cluster = clustered_data(seed)
    value, se, df = _clustered.cr2(y, x, cluster, 1)
    other = diff_diff.LinearRegression(include_intercept=False, vcov_type="hc2_bm", cluster_ids=cluster).fit(x, y)
    assert (value, se, df) == pytest.approx(
        (other.get_inference(1).coefficient, other.get_inference(1).se, other.get_inference(1).df), rel=1e-8
    )


def test_cr2_of_single_person_clusters_is_hc2():
    y, x, _ = clustered_data(0)
    value, se, _ = _clustered.cr2(y, x, np.arange(len(y)), 1)
    assert se == pytest.approx(sm.OLS(y, x).fit(cov_type="HC2").bse[1])


def test_cr2_by_its_formula_with_a_cluster_that_has_its_own_effect():
    y, x, cluster = clustered_data(3)
    x = np.column_stack([x, cluster == 5])
    bread = np.linalg.inv(x.T @ x)
    e, meat = y - x @ bread @ x.T @ y, 0
    for g in np.unique(cluster):
        rows = cluster == g
        values, vectors = np.linalg.eigh(np.eye(rows.sum()) - x[rows] @ bread @ x[rows].T)
        root = vectors @ np.diag([1 / np.sqrt(v) if v > 1e-9 else 0 for v in values]) @ vectors.T
        score = x[rows].T @ root @ e[rows]
        meat = meat + np.outer(score, score)
    assert _clustered.cr2(y, x, cluster, 1)[1] == pytest.approx(np.sqrt((bread @ meat @ bread)[1, 1]))


def test_icc_recovers_the_share_between_clusters():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(40):
        cluster = np.repeat(np.arange(60), rng.integers(5, 25, 60))
        y = rng.normal(0, np.sqrt(0.2), 60)[cluster] + rng.normal(0, np.sqrt(0.8), len(cluster))
        found.append(_clustered.icc(y, np.ones((len(y), 1)), cluster))
    assert np.mean(found) == pytest.approx(0.2, abs=4 * np.std(found) / np.sqrt(40))


def test_lin_with_strata_is_the_blocked_neyman_estimator(rows_of):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"s": np.repeat([0, 1, 2], [20, 30, 50]), "y": rng.normal(size=100)})
    frame["t"] = np.concatenate([rng.permutation(np.arange(n) < k) for n, k in ((20, 6), (30, 15), (50, 35))]) * 1
    frame["y"] += frame.s * 2 + frame.t * frame.s
    value = variance = 0.0
    for _, part in frame.groupby("s"):
        one, zero = part[part.t == 1].y, part[part.t == 0].y
        value += len(part) / 100 * (one.mean() - zero.mean())
        variance += (len(part) / 100) ** 2 * (one.var() / len(one) + zero.var() / len(zero))
    main = rows_of(frame, {"type": "rct_individual", "outcome": "y", "treatment": "t", "strata": "s"})["main"]
    assert (main.value, main.se) == pytest.approx((value, np.sqrt(variance)))


def test_matched_pairs_give_the_paired_t(rows_of):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"pair": np.repeat(range(25), 2), "t": np.tile([1, 0], 25), "y": rng.normal(size=50)})
    gap = frame[frame.t == 1].y.to_numpy() - frame[frame.t == 0].y.to_numpy()
    main = rows_of(frame, {"type": "rct_individual", "outcome": "y", "treatment": "t", "strata": "pair"})["main"]
    assert (main.value, main.se, main.df) == pytest.approx((gap.mean(), stats.sem(gap), 24))


def weak(rng, strength, n=300):
    z, u = rng.integers(0, 2, n), rng.normal(size=n)
    d = (rng.random(n) < 0.4 + strength * z + 0.2 * (u > 0)).astype(float)
    return u + 0.5 * d + rng.normal(size=n), d, z.astype(float), np.ones((n, 1))


def test_anderson_rubin_keeps_its_level_where_2sls_does_not():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(600):
        y, d, z, one = weak(rng, 0.03)
        gamma, covariance, df = _iv.reduced_forms(y, d, z, one)
        error = gamma[0] - 0.5 * gamma[1]
        variance = covariance[0, 0] - 2 * 0.5 * covariance[0, 1] + 0.25 * covariance[1, 1]
        covered.append(error**2 / variance <= stats.f.ppf(0.95, 1, df))
    assert np.mean(covered) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 600))


@pytest.mark.parametrize(
    "gamma, covariance, low, high, text",
    [
        ([0.2, 0.4], [[0.0025, 0], [0, 0.0009]], 0.2522, 0.7699, "0.2522 to 0.7699"),
        ([0.01, 0.02], [[0.0025, 0], [0, 0.0025]], -np.inf, np.inf, "every value"),
        ([0.5, 0.02], [[0.0025, 0], [0, 0.0025]], -np.inf, np.inf, "below"),
    ],
    ids=["interval", "line", "two rays"],
)
def test_anderson_rubin_shapes(gamma, covariance, low, high, text):
    found = _iv.anderson_rubin(np.array(gamma), np.array(covariance), 1e6, 0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-4) and found.text.startswith(text)


def test_anderson_rubin_ends_solve_the_test():
    y, d, z, one = weak(np.random.default_rng(4), 0.4)
    gamma, v, df = _iv.reduced_forms(y, d, z, one)
    found = _iv.anderson_rubin(gamma, v, df, 0.95)
    for b in (found.low, found.high):  # the regression of y - b d on z, robust, has p = .05 there
        fit = sm.OLS(y - b * d, np.column_stack([one, z])).fit(cov_type="HC1", use_t=True)
        assert fit.pvalues[1] == pytest.approx(0.05, abs=1e-8)


def test_late_is_the_ratio_and_the_set_takes_over_when_weak(rows_of):
    frame, design, _ = dgps.lansing(np.random.default_rng(0))
    strong = rows_of(frame, design)
    assert strong["main"].value == pytest.approx(strong["itt"].value / strong["first_stage"].value)
    assert "conventional" not in strong and strong["main"].first_stage_f > 104.7
    rows = rows_of(frame.head(400), design)
    assert rows["main"].first_stage_f < 104.7
    assert (rows["main"].ci_low, rows["main"].ci_high) == (rows["main"].ar_low, rows["main"].ar_high)
    assert rows["conventional"].ci_low != rows["main"].ci_low


def test_clustered_iv_uses_clusters(rows_of):
    frame, design, _ = dgps.lansing(np.random.default_rng(0))
    frame["street"] = np.arange(len(frame)) // 10
    row = rows_of(frame, design, cluster="street")["main"]
    assert row.n_clusters == 600 and row.df == 599 and "clustered" in row.method


def test_robust_rd_with_equal_bandwidths_is_the_local_quadratic():
    # protocol A.13
    frame, design, _ = dgps.rochester(np.random.default_rng(2))
    fit = _diff_diff.discontinuity(frame.y, 200 - frame.income, bandwidth=40.0)
    ends = []
    for inside in ((frame.income <= 200), (frame.income > 200)):
        part = frame[inside & ((frame.income - 200).abs() < 40)]
        gap = part.income - 200
        weights = np.sqrt(1 - gap.abs() / 40)
        x = np.column_stack([np.ones(len(gap)), gap, gap**2])
        ends.append(np.linalg.lstsq(x * weights.to_numpy()[:, None], part.y * weights, rcond=None)[0][0])
    assert fit.value == pytest.approx(ends[0] - ends[1], rel=1e-6)


@pytest.mark.parametrize(
    "side, at_cutoff_is_treated",
    [("at_or_above", True), ("above", False), ("at_or_below", True), ("below", False)],
)
def test_families_exactly_at_the_cutoff(inputs_of, side, at_cutoff_is_treated):
    frame = pd.DataFrame({"y": np.arange(60.0), "x": np.r_[np.arange(30), 30.0, np.arange(31, 60)]})
    inputs = inputs_of(frame, {"type": "rd", "outcome": "y", "running": "x", "cutoff": 30, "treated_side": side})
    treated = rd.distance(inputs) >= 0
    assert treated[inputs.roles["running"] == 30].all() == at_cutoff_is_treated
    assert treated.sum() == 29 + at_cutoff_is_treated + (side in ("at_or_below", "below"))


def test_multiarm_interval_and_holm_are_simultaneous():
    frame, design, _ = dgps.tulsa(np.random.default_rng(1))
    rows = estimate(frame, {**design, "options": {"ri_draws": 99}})
    main = rows[rows.role == "main"].set_index("contrast")
    assert set(main.index) == {"A - control", "B - control"} and (main.level_adjusted == 0.975).all()
    half = stats.t.ppf(1 - 0.025 / 2, main.df) * main.se
    assert main.ci_low_adjusted.to_numpy() == pytest.approx((main.value - half).to_numpy())
    p = main.p.sort_values()
    assert main.p_adjusted[p.index[0]] == pytest.approx(min(1, 2 * p.iloc[0]))
    assert rows[rows.role == "any_arm"].n_treated.iloc[0] == main.n_treated.sum()
