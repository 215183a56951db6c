"""Encouragement designs: the Anderson-Rubin set as it is, who the compliers are, and doubt about the exclusion."""

import dgps
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from shared_utils.designs import DesignError, _iv, diagnose, estimate, iv_encouragement, robustness


def weak(rng, strength, n=300):
    z, u = rng.integers(0, 2, n), rng.normal(size=n)
    d = (rng.random(n) < 0.4 + strength * z + 0.2 * (u > 0)).astype(int)
    return pd.DataFrame({"y": u + 0.5 * d + rng.normal(size=n), "d": d, "z": z})


WEAK = {"type": "iv_encouragement", "outcome": "y", "instrument": "z", "treatment": "d"}


@pytest.fixture(scope="module")
def lansing():
    return dgps.lansing(np.random.default_rng(0))


def inside(row, b):
    """Whether the set of a row holds b, read from its kind and words as a person would."""
    if row.ar_kind == "everything":
        return True
    if row.ar_kind == "interval":
        return row.ar_low <= b <= row.ar_high
    below, above = (float(part.split()[-1]) for part in row.ar_set.split(" or "))
    return b <= below or b >= above


@pytest.mark.parametrize("seed, strength, kind", [(0, 0.5, "interval"), (3, 0.02, "everything"), (7, 0.02, "rays")])
def test_the_set_is_what_the_test_does_not_reject(rows_of, seed, strength, kind):
    seeds = range(seed, seed + 200)  # the first draw of this kind
    frames = (weak(np.random.default_rng(s), strength) for s in seeds)
    frame, row = next((f, r) for f in frames if (r := rows_of(f, WEAK)["anderson_rubin"]).ar_kind == kind)
    for b in np.linspace(-8, 8, 81):
        fit = sm.OLS(frame.y - b * frame.d, sm.add_constant(frame.z)).fit(cov_type="HC1", use_t=True)
        assert (fit.pvalues["z"] >= 0.05) == inside(row, b), b
    assert inside(row, row.value)  # never empty: the 2SLS estimate is always in it
    assert np.isinf(row.ar_low) == (kind != "interval")


def test_covariances_of_the_options_are_those_of_statsmodels(rows_of, lansing):
    frame, design, _ = lansing
    x = _dummies(frame).assign(z=frame.invited)
    for se, other in (("HC0", "HC0"), ("HC1", "HC1"), ("classical", "nonrobust")):
        rows = rows_of(frame, design, options={"se": se})
        fit = sm.OLS(frame.y.astype(float), x).fit(cov_type=other)
        assert rows["itt"].se == pytest.approx(fit.bse["z"]) and se in rows["main"].method


def test_liml_would_be_2sls(rows_of, lansing):
    from linearmodels.iv import IVLIML

    frame, design, _ = lansing
    exog = _dummies(frame)
    liml = IVLIML(frame.y.astype(float), exog, frame.took.astype(float), frame.invited.astype(float)).fit()
    assert rows_of(frame, design)["main"].value == pytest.approx(liml.params["took"])


def _dummies(frame):
    areas = pd.get_dummies(frame.area, drop_first=True, prefix="a")
    return sm.add_constant(areas.assign(base=frame.base)).astype(float)


def test_the_union_over_direct_effects_is_the_grid_s(rows_of, lansing):
    frame, design, _ = lansing
    d = 0.01
    low, high = np.inf, -np.inf
    for g in np.linspace(-d, d, 9):
        row = rows_of(frame.assign(y=frame.y - g * frame.invited), design)["anderson_rubin"]
        low, high = min(low, row.ci_low), max(high, row.ci_high)
    row = rows_of(frame, design, options={"direct_effect": d})["without_exclusion"]
    assert (row.ci_low, row.ci_high) == pytest.approx((low, high), rel=1e-9)


def test_the_smallest_direct_effect_that_lets_in_nought_is_the_end_of_the_itt_interval(rows_of, lansing):
    frame, design, _ = lansing
    itt = rows_of(frame, design)["itt"]
    breakdown = min(abs(itt.ci_low), abs(itt.ci_high))
    for d, contains in ((0.99 * breakdown, False), (1.01 * breakdown, True)):
        row = rows_of(frame, design, options={"direct_effect": d})["without_exclusion"]
        assert (row.ci_low <= 0 <= row.ci_high) == contains == (row.p > 0.05)


@pytest.mark.full
def test_the_union_covers_where_the_invitation_works_by_itself():
    covered = plain = 0
    for seed in range(150):
        frame, design, true = dgps.lansing(np.random.default_rng(seed), n=3000)
        told = np.random.default_rng(seed + 9000).random(len(frame)) < 0.04  # the letter alone lowers it by 0.04 x 0.4
        frame["y"] = np.where(told & (frame.invited == 1), 0, frame.y)
        rows = estimate(frame, {**design, "options": {"ri_draws": 0, "direct_effect": 0.02}}).set_index("role")
        covered += rows.ci_low["without_exclusion"] <= true <= rows.ci_high["without_exclusion"]
        plain += rows.ci_low["main"] <= true <= rows.ci_high["main"]
    assert covered >= stats.binom.ppf(0.001, 150, 0.95) and plain < covered


def test_specifications_of_the_design(lansing):
    frame, design, _ = lansing
    table = robustness(frame, {**design, "options": {"direct_effect": 0.01}}, mwe=0.08, direction="decrease")
    by = table.set_index("specification")
    assert list(by.index) == ["planned", "itt", "no_covariates", "without_exclusion", "ols"]
    assert list(by.kind) == ["choice", "estimand", "choice", "choice", "wrong"]
    assert not by.note.str.contains("could not run").any()
    assert by.decision["itt"] == "" and by.decision["planned"] and by.decision["without_exclusion"]
    assert by.ci_low["without_exclusion"] < by.ci_low["planned"] and by.estimand["itt"] == "ITT"
    assert "without_exclusion" not in set(robustness(frame, design).specification)  # no d in the plan, none invented


def three_groups(seed, n=4000, base=True):
    """Strata with different invited shares; x differs between compliers, always- and never-takers by a known amount."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(["always", "complier", "never"], n, p=[0.1, 0.3, 0.6])
    stratum = np.where(rng.random(n) < 0.4 + 0.3 * (kind == "complier"), "north", "south")
    z = (rng.random(n) < np.where(stratum == "north", 0.3, 0.6)).astype(int)
    x = rng.normal(size=n) + pd.Series(kind).map({"always": 2.0, "complier": 1.0, "never": 0.0}).to_numpy()
    d = np.where(kind == "always", 1, np.where(kind == "never", 0, z))
    return pd.DataFrame({"y": x + d + rng.normal(size=n), "x": x, "z": z, "d": d, "s": stratum, "kind": kind})


PROFILE = {**WEAK, "strata": "s", "covariates": ["x"]}


def test_complier_profile_finds_the_known_groups():
    frame = three_groups(0, n=40_000)
    table = iv_encouragement.complier_profile(frame, PROFILE).set_index("characteristic")
    share, x = table.loc["share of everyone"], table.loc["x"]
    assert (share.compliers, share.always_takers, share.never_takers) == pytest.approx((0.3, 0.1, 0.6), abs=0.02)
    assert share[["compliers", "always_takers", "never_takers"]].sum() == pytest.approx(share.everyone) == 1
    assert (x.compliers, x.always_takers, x.never_takers) == pytest.approx((1, 2, 0), abs=4 * x.se)
    mix = x[["always_takers", "compliers", "never_takers"]] @ share[["always_takers", "compliers", "never_takers"]]
    assert mix == pytest.approx(x.everyone)  # the three groups are everyone, exactly


def test_complier_profile_is_abadie_s_kappa():
    frame = three_groups(1)
    p = frame.groupby("s").z.transform("mean")
    kappa = 1 - frame.d * (1 - frame.z) / (1 - p) - (1 - frame.d) * frame.z / p
    table = iv_encouragement.complier_profile(frame, PROFILE).set_index("characteristic")
    assert table.compliers["share of everyone"] == pytest.approx(kappa.mean())
    assert table.compliers["x"] == pytest.approx(np.average(frame.x, weights=kappa))


def test_complier_share_s_error_is_neyman_s_within_strata():
    # without strata the share is a difference in means: the influence function gives its unpooled variance
    frame = three_groups(2)
    row = iv_encouragement.complier_profile(frame, {**PROFILE, "strata": None, "covariates": []}).iloc[0]
    one, zero = (frame.d[frame.z == z] for z in (1, 0))
    assert row.compliers == pytest.approx(one.mean() - zero.mean())
    assert row.se == pytest.approx(np.sqrt(one.var(ddof=0) / len(one) + zero.var(ddof=0) / len(zero)), rel=1e-3)


@pytest.mark.parametrize("draws", [60, pytest.param(400, marks=pytest.mark.full)])
def test_complier_profile_s_errors_are_the_spread_of_repeated_studies(draws):
    tables = [iv_encouragement.complier_profile(three_groups(s, n=1500), PROFILE) for s in range(draws)]
    values = np.array([t.compliers for t in tables])
    errors = np.array([t.se for t in tables])
    assert errors.mean(axis=0) / values.std(axis=0, ddof=1) == pytest.approx(1, abs=4 / np.sqrt(2 * draws) + 0.02)


def test_complier_profile_by_cluster_and_without_always_takers(lansing):
    frame = three_groups(3)
    frame["d"] = frame.d * frame.z  # nobody takes part uninvited
    table = iv_encouragement.complier_profile(frame, PROFILE)
    assert table.always_takers[0] == 0 and np.isnan(table.always_takers[1]) and np.isfinite(table.compliers).all()
    frame["pair"] = np.arange(len(frame)) // 2
    doubled = pd.concat([frame, frame])
    plain = iv_encouragement.complier_profile(frame, PROFILE).se
    people = iv_encouragement.complier_profile(doubled.assign(c=[*range(4000)] * 2), {**PROFILE, "cluster": "c"}).se
    assert people.to_numpy() == pytest.approx(plain.to_numpy(), rel=1e-3)  # copies of a person tell nothing new


def test_first_stages_by_group_and_defiers():
    frame = three_groups(4)
    frame["d"] = np.where(frame.s == "north", 1 - frame.d, frame.d)
    stages = iv_encouragement.first_stages(frame, {**PROFILE, "strata": None}, ["s"]).set_index("group")
    for group, part in frame.groupby("s"):
        one, zero = part.d[part.z == 1], part.d[part.z == 0]
        assert stages.first_stage[group] == pytest.approx(one.mean() - zero.mean())
        assert stages.se[group] == pytest.approx(np.sqrt(one.var() / len(one) + zero.var() / len(zero)))
    flags = iv_encouragement.monotonicity_flags(stages.reset_index(), "y")
    assert [(f["code"], f["severity"]) for f in flags] == [("monotonicity", "serious")]
    assert "s = north" in flags[0]["message"] and "kept some away" in flags[0]["message"]


def test_a_first_stage_below_nought_by_chance_is_a_warning_and_a_tiny_group_has_no_row():
    frame = three_groups(5, n=400)
    frame["g"] = np.where(frame.index < 3, "tiny", np.where(frame.index < 23, "small", "rest"))
    small = frame.g == "small"
    frame.loc[small, "z"], frame.loc[small, "d"] = np.repeat([0, 1], 10), [*[1] * 5, *[0] * 5, *[1] * 4, *[0] * 6]
    stages = iv_encouragement.first_stages(frame, {**PROFILE, "strata": None}, "g")
    assert stages.set_index("group").first_stage["small"] == pytest.approx(-0.1) and "tiny" not in set(stages.group)
    flags = iv_encouragement.monotonicity_flags(stages, "y")
    assert [f["severity"] for f in flags] == ["warn"] and "Chance can explain it" in flags[0]["message"]


def test_no_flag_on_sound_data(lansing):
    frame, design, _ = lansing
    stages = iv_encouragement.first_stages(frame, design, ["area", "base"])
    assert len(stages) == 10 and iv_encouragement.monotonicity_flags(stages, "y") == []


def test_an_amount_needs_saying_so(lansing):
    frame, design, _ = lansing
    hours = frame.assign(took=frame.took * 3.0)
    with pytest.raises(DesignError, match="must hold 0 and 1; it holds 0, 3"):
        estimate(hours, design)
    rows = estimate(hours, {**design, "options": {"dose": True, "ri_draws": 0}}).set_index("role")
    plain = estimate(frame, {**design, "options": {"ri_draws": 0}}).set_index("role")
    assert rows.value["main"] == pytest.approx(plain.value["main"] / 3) and rows.estimand["main"] == "LATE per unit"
    assert rows.ci_low["anderson_rubin"] == pytest.approx(plain.ci_low["anderson_rubin"] / 3)
    assert {f["code"] for f in diagnose(hours, {**design, "options": {"dose": True}})} <= {"one_armed_strata"}
    with pytest.raises(DesignError, match="0/1 treatment only"):
        iv_encouragement.complier_profile(hours, {**design, "options": {"dose": True}})


@pytest.mark.parametrize(
    "call",
    [
        lambda f, d: iv_encouragement.first_stages(f, d, "nowhere"),
        lambda f, d: iv_encouragement.complier_profile(f, {**d, "outcome": ["y"]}),
        lambda f, d: iv_encouragement.complier_profile(f.assign(took=f.invited), d),
    ],
    ids=["no such column", "two outcomes", "everyone as invited"],
)
def test_helpers_refuse_in_words(lansing, call):
    frame, design, _ = lansing
    with pytest.raises(DesignError) as found:
        call(frame, design)
    assert len(found.value.message) > 25


def test_ar_is_two_rays_in_words_and_kind():
    found = _iv.anderson_rubin(np.array([0.5, 0.02]), np.array([[0.0025, 0], [0, 0.0025]]), 1e6, 0.95)
    assert (found.kind, found.low, found.high) == ("rays", -np.inf, np.inf) and "or above" in found.text
