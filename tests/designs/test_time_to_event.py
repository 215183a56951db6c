"""Time to event: Cox, Kaplan-Meier and the restricted mean against other implementations, R, and known truth."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from published import prints_as
from scipy import integrate, stats
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from shared_utils.designs import DesignError, _cox, _survival, diagnose, estimate, robustness

DESIGN = {"type": "time_to_event", "outcome": "event", "treatment": "t", "duration": "time", "event": "event"}


def clinic(seed=0, n=200):
    """Months until an event, many of them tied, in three strata, with two covariates."""
    rng = np.random.default_rng(seed)
    x, z, t, s = rng.normal(size=n), rng.binomial(1, 0.3, n), rng.binomial(1, 0.5, n), rng.integers(0, 3, n)
    time = np.ceil(rng.exponential(size=n) * np.exp(-0.5 * t - 0.4 * x + 0.3 * z + 0.5 * s) * 8)
    end = rng.integers(3, 20, n)
    frame = pd.DataFrame({"t": t, "x": x, "z": z, "s": s, "time": np.minimum(time, end), "event": 1 * (time <= end)})
    return frame.assign(w=rng.uniform(0.5, 2, n), c=np.arange(n) // 4)


def cox(frame, columns=("t", "x", "z"), weights=None, ties="efron"):
    weights = np.ones(len(frame)) if weights is None else weights
    time, event, s = (frame[name].to_numpy(float) for name in ("time", "event", "s"))
    return _cox.fit(time, event, frame[list(columns)].to_numpy(float), weights, s, ties)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_equals_statsmodels(rows_of, ties):
    frame = clinic()
    other = PHReg(frame.time, frame[["t", "x", "z"]], status=frame.event, strata=frame.s, ties=ties).fit()
    design = {**DESIGN, "covariates": ["x", "z"], "strata": "s", "options": {"ties": ties}}
    row = rows_of(frame, design)["main"]
    assert (row.value, row.se) == pytest.approx((other.params[0], other.bse[0]), rel=1e-6)
    assert prints_as(row.log_rank_chi2, f"{survdiff(frame.time, frame.event, frame.t, strata=frame.s)[0]:.6f}")


def test_weighted_and_clustered_cox_and_weighted_curves_equal_lifelines(rows_of):
    # lifelines 0.30.3, CoxPHFitter(robust=True, weights_col, strata, cluster_col) and KaplanMeierFitter(weights); times
    # without ties, because with them it takes score residuals that are not Efron's
    i = np.arange(60)
    frame = pd.DataFrame({"time": 1 + (i * 37) % 61 + 0.013 * i, "event": ((i * 11) % 7 > 1) * 1, "w": 1 + (i % 4) / 2})
    frame = frame.assign(t=(i * 7 % 5 < 2) * 1, x=np.sin(3.0 * i), s=i % 2, c=i // 3)
    design = {**DESIGN, "covariates": ["x"], "strata": "s", "weights": "w", "options": {"horizon": 40}}
    rows = rows_of(frame, design)
    assert rows["main"].value == pytest.approx(0.41343982, abs=1e-8)
    assert rows["main"].se == pytest.approx(0.39462786, abs=1e-8)
    assert rows["km"].value == pytest.approx(0.6487804878 - 0.4226244344)
    assert rows["rmst"].value == pytest.approx(21.79968293 - 36.23108326)
    clustered = rows_of(frame, design, cluster="c")["main"]
    assert clustered.se * np.sqrt(19 / 20) == pytest.approx(0.39402086, abs=1e-8)
    assert (clustered.df, clustered.n_clusters) == (19, 20)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_influence_is_the_derivative_in_the_weights(ties):
    frame = clinic(1, n=60)
    w = frame.w.to_numpy()
    found = cox(frame, weights=w, ties=ties).influence()
    for i in (0, 7, 31):
        step = np.zeros(60)
        step[i] = 1e-4
        moved = cox(frame, weights=w + step, ties=ties).params - cox(frame, weights=w - step, ties=ties).params
        assert found[i] == pytest.approx(moved / 2e-4, abs=1e-6)


def test_curve_influence_is_the_derivative_in_the_weights():
    frame = clinic(2, n=50)
    time, event, w = (frame[name].to_numpy(float) for name in ("time", "event", "w"))
    found = _survival.curve(time, event, w, 10.5)
    for i in range(0, 50, 7):
        step = np.zeros(50)
        step[i] = 1e-5
        up, down = (_survival.curve(time, event, w + sign * step, 10.5) for sign in (1, -1))
        assert found.share_influence[i] == pytest.approx((up.share - down.share) / 2e-5, abs=1e-7)
        assert found.mean_influence[i] == pytest.approx((up.mean - down.mean) / 2e-5, abs=1e-6)


def test_without_weights_the_influence_function_is_greenwood_s():
    frame = clinic(3)
    time, event = frame.time.to_numpy(), frame.event.to_numpy()
    other = SurvfuncRight(time, event)
    for horizon in (3, 8.2, 15):
        found, k = _survival.curve(time, event, np.ones(200), horizon), other.surv_times <= horizon
        assert 1 - found.share == pytest.approx(other.surv_prob[k][-1])
        assert np.sqrt((found.share_influence**2).sum()) == pytest.approx(other.surv_prob_se[k][-1])


AML = {  # Miller 1981, p. 49: acute myelogenous leukaemia, maintained and not; R's survival::aml. Negative: censored
    "maintained": [9, 13, -13, 18, 23, -28, 31, 34, -45, 48, -161],
    "not": [5, 5, 8, 8, 12, -16, 23, 27, 30, 33, 43, 45],
}


@pytest.mark.parametrize(
    "group, horizon, mean, se",
    [
        ("maintained", 161, "52.64545454545454", "19.82860279556258"),
        ("maintained", 103, "41.96818", "11.257627"),
        ("not", 161, "22.70833", "4.180942"),
    ],
)
def test_restricted_mean_and_its_error_print_as_r_s(group, horizon, mean, se):
    # survival:::print.survfit(rmean), as printed in public outputs of R for these data
    signed = np.array(AML[group], float)
    found = _survival.curve(np.abs(signed), (signed > 0) * 1, np.ones(len(signed)), horizon)
    assert prints_as(found.mean, mean) and prints_as(np.sqrt((found.mean_influence**2).sum()), se)


def test_the_rows_of_the_aml_study(rows_of):
    signed = np.array(AML["maintained"] + AML["not"], float)
    frame = pd.DataFrame({"time": np.abs(signed), "event": (signed > 0) * 1, "t": np.repeat([0, 1], [11, 12])})
    rows = rows_of(frame, DESIGN, options={"horizon": 161})
    # R: coxph .9155 (.5119), survdiff chi2 3.4, p .0653
    assert prints_as(rows["main"].value, "0.9155") and prints_as(rows["main"].se, "0.5119")
    assert prints_as(rows["main"].log_rank_chi2, "3.4") and prints_as(rows["main"].log_rank_p, "0.0653")
    assert rows["rmst"].value == pytest.approx(22.70833 - 52.64545, abs=1e-5)
    assert rows["rmst"].se == pytest.approx(np.hypot(4.180942, 19.828603), abs=1e-5)


OVARIAN = """59 1 72.3315 1  115 1 74.4932 1  156 1 66.4658 2  421 0 53.3644 1  431 1 50.3397 1  448 0 56.4301 2
464 1 56.9370 2  475 1 59.8548 2  477 0 64.1753 1  563 1 55.1781 2  638 1 56.7562 2  744 0 50.1096 1  769 0 59.6301 2
770 0 57.0521 1  803 0 39.2712 1  855 0 43.1233 2  1040 0 38.8932 2  1106 0 44.6000 1  1129 0 53.9068 1
1206 0 44.2055 1  1227 0 59.5890 2  268 1 74.5041 2  329 1 43.1370 1  353 1 63.2192 2  365 1 64.4247 1
377 0 58.3096 1"""  # Edmunson et al. 1979, R's survival::ovarian: days, death, age, ecog.ps


def test_proportionality_is_cox_zph():
    # R (survival 3), cox.zph(coxph(Surv(futime, fustat) ~ age + ecog.ps, ovarian)): chisq .698 (p .40), 2.371 (p .12);
    # quoted from knowledge, corroborated by both digits agreeing
    time, event, age, ecog = np.array(OVARIAN.split(), float).reshape(-1, 4).T
    model = _cox.fit(time, event, np.column_stack([age, ecog]), np.ones(26), np.zeros(26))
    g = _survival.share_before(time, event)
    found = [_cox.proportionality(model, g, column, np.ones(26), None) for column in (0, 1)]
    assert prints_as(found[0], "0.698") and prints_as(found[1], "2.371")
    assert prints_as(stats.chi2.sf(found[0], 1), "0.40") and prints_as(stats.chi2.sf(found[1], 1), "0.12")


def test_breslow_and_curves_with_whole_weights_are_those_of_copies(rows_of):
    frame = clinic(4).assign(w=lambda f: 1 + f.z)
    copies = frame.loc[frame.index.repeat(frame.w)]
    options = {"ties": "breslow", "horizon": 12}
    one, two = (
        rows_of(frame, {**DESIGN, "covariates": ["x"], "weights": "w"}, options=options),
        rows_of(copies.assign(c=copies.index), {**DESIGN, "covariates": ["x"], "cluster": "c"}, options=options),
    )
    for role in ("main", "km", "rmst"):
        assert one[role].value == pytest.approx(two[role].value)
        assert one[role].se == pytest.approx(two[role].se * np.sqrt(199 / 200))


def test_equal_weights_are_no_more_people(rows_of):
    one, three = (rows_of(clinic(5).assign(w=w), DESIGN, weights="w")["main"] for w in (1.0, 3.0))
    assert (three.value, three.se) == pytest.approx((one.value, one.se)) and "robust" in one.method


def test_outcome_is_a_name_and_order_units_and_dtypes_do_not_matter(rows_of):
    frame = clinic(6)
    design = {**DESIGN, "covariates": ["x"], "options": {"horizon": 12}}
    one, named = rows_of(frame, design), rows_of(frame, design, outcome="time")
    assert named["main"].outcome == "time" and named["main"].value == one["main"].value
    odd = frame.sample(frac=1, random_state=1).convert_dtypes().assign(t=lambda f: f.t == 1, time=lambda f: f.time * 30)
    two = rows_of(odd, design, options={"horizon": 360})
    assert (two["main"].value, two["main"].se) == pytest.approx((one["main"].value, one["main"].se))
    assert (two["rmst"].value, two["rmst"].se) == pytest.approx((30 * one["rmst"].value, 30 * one["rmst"].se))
    flipped = rows_of(frame.assign(t=1 - frame.t), design)
    for role in ("main", "km", "rmst"):
        assert (flipped[role].value, flipped[role].se) == pytest.approx((-one[role].value, one[role].se))


def test_without_censoring_the_curves_are_means(rows_of):
    frame = clinic(7).assign(event=1)
    rows = rows_of(frame, DESIGN, outcome="time", options={"horizon": 6})
    one, zero = (frame.time[frame.t == g] for g in (1, 0))
    assert rows["km"].value == pytest.approx((one <= 6).mean() - (zero <= 6).mean())
    assert rows["rmst"].value == pytest.approx(one.clip(upper=6).mean() - zero.clip(upper=6).mean())
    variance = sum(part.clip(upper=6).var(ddof=0) / len(part) for part in (one, zero))
    assert rows["rmst"].se == pytest.approx(np.sqrt(variance)) and rows["rmst"].mean_comparison < 6


def test_default_horizon_is_where_both_curves_are_known(rows_of):
    frame = pd.DataFrame({"time": [2, 4, 9, 3, 5, 7], "event": [1, 1, 0, 1, 1, 1], "t": [1, 1, 1, 0, 0, 0]})
    assert rows_of(frame, DESIGN)["rmst"].horizon == 9  # the comparison curve is nought from 7 on
    assert rows_of(frame.assign(event=1), DESIGN, outcome="time")["rmst"].horizon == 7  # at 9 both are nought
    censored = frame.assign(event=[1, 1, 0, 1, 1, 0])
    assert rows_of(censored, DESIGN)["rmst"].horizon == 7
    with pytest.raises(DesignError, match="Choose a horizon of at most 7"):
        estimate(censored, {**DESIGN, "options": {"horizon": 8}})


def trial(seed, n=300, log_hr=0.5, drift=0.0):
    """A trial: constant hazard 0.1 times exp(log_hr) (after time 5 exp(log_hr + drift)), seen for 5 to 15."""
    rng = np.random.default_rng(seed)
    t, unit = rng.permutation(np.arange(n) % 2), rng.exponential(size=n)
    early, late = 0.1 * np.exp(log_hr * t), 0.1 * np.exp((log_hr + drift) * t)
    time = np.where(unit < 5 * early, unit / early, 5 + (unit - 5 * early) / late)
    end = rng.uniform(5, 15, n)
    return pd.DataFrame({"t": t, "time": np.minimum(time, end), "event": (time <= end) * 1})


@pytest.mark.parametrize("draws", [40, pytest.param(400, marks=pytest.mark.full)])
def test_unbiased_and_covering_in_a_trial(draws):
    true = {"main": 0.5, "km": np.exp(-0.8) - np.exp(-0.8 * np.exp(0.5)), "rmst": 0.0}
    rate = 0.1 * np.exp(0.5)
    true["rmst"] = (1 - np.exp(-8 * rate)) / rate - (1 - np.exp(-0.8)) / 0.1
    rows = pd.concat([estimate(trial(seed), {**DESIGN, "options": {"horizon": 8}}) for seed in range(draws)])
    check(rows, true, draws)


def check(rows, true, draws):
    for role, value in true.items():
        part = rows[rows.role == role]
        error = part.value - value
        assert abs(error.mean()) <= 4 * error.std() / np.sqrt(draws), role
        assert ((part.ci_low <= value) & (value <= part.ci_high)).sum() >= stats.binom.ppf(0.001, draws, 0.95), role
        if draws > 100:
            assert part.se.mean() / error.std() == pytest.approx(1, abs=4 / np.sqrt(2 * draws) + 0.02), role


def chosen(seed, n=500):
    """People chose: x raises both the chance of taking part and the hazard; conditional log hazard ratio 0.5."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    t = rng.binomial(1, 1 / (1 + np.exp(-0.7 * x)))
    time, end = rng.exponential(size=n) / (0.1 * np.exp(0.5 * t + 0.7 * x)), rng.uniform(5, 15, n)
    return pd.DataFrame({"t": t, "x": x, "time": np.minimum(time, end), "event": (time <= end) * 1})


def survival(a, t):
    """S(t) of everyone if all had treatment a: the mean over x of exp(-0.1 t exp(0.5 a + 0.7 x))."""
    return integrate.quad(lambda x: stats.norm.pdf(x) * np.exp(-0.1 * t * np.exp(0.5 * a + 0.7 * x)), -7, 7)[0]


@pytest.mark.parametrize("draws", [25, pytest.param(300, marks=pytest.mark.full)])
def test_propensity_weights_find_the_curves_of_everyone(draws):
    mean = [integrate.quad(lambda t, a=a: survival(a, t), 0, 8)[0] for a in (0, 1)]
    true = {"km": survival(0, 8) - survival(1, 8), "rmst": mean[1] - mean[0]}
    design = {**DESIGN, "covariates": ["x"], "options": {"horizon": 8, "weighting": "ATE", "ps_max": 1.0}}
    rows = pd.concat([estimate(chosen(seed), design) for seed in range(draws)])
    check(rows, true, draws)
    naive = pd.concat([estimate(chosen(s), {**DESIGN, "options": {"horizon": 8}}) for s in range(draws)])
    error = naive[naive.role == "rmst"].value - true["rmst"]
    assert error.mean() < -4 * error.std() / np.sqrt(draws)
    conditional = pd.concat([estimate(chosen(s), {**DESIGN, "covariates": ["x"]}) for s in range(draws)])
    check(conditional, {"main": 0.5}, draws)


@pytest.mark.full
def test_the_errors_of_weighted_hazard_ratios_are_their_spread():
    for kind in ("ATT", "ATE"):
        design = {**DESIGN, "covariates": ["x"], "options": {"weighting": kind, "ps_max": 1.0}}
        rows = [estimate(chosen(seed), design).iloc[0] for seed in range(300)]
        ratio = np.mean([row.se for row in rows]) / np.std([row.value for row in rows], ddof=1)
        assert ratio == pytest.approx(1, abs=4 / np.sqrt(600) + 0.02)


@pytest.mark.parametrize("weighting", ["none", "ATE"])
def test_hazards_that_cross_are_flagged_and_constant_ones_are_not(weighting):
    def flagged(drift):
        found = 0
        for seed in range(20):
            frame = trial(seed, n=400, log_hr=0.7, drift=drift).assign(x=lambda f: np.sin(f.time.rank()))
            design = {**DESIGN, "covariates": ["x"], "options": {"weighting": weighting}}
            found += "proportional_hazards" in {flag["code"] for flag in diagnose(frame, design)}
        return found

    assert flagged(-1.4) >= 14 and flagged(0.0) <= stats.binom.ppf(0.999, 20, 0.05)


def test_stratified_weights_are_the_strata_s_shares(rows_of):
    # the propensity model of strata alone is saturated: weights 1 over the stratum's share
    frame = clinic(8)
    share = frame.groupby("s").t.transform("mean")
    by_hand = frame.assign(w=np.where(frame.t == 1, 1 / share, 1 / (1 - share)))
    one = rows_of(frame, {**DESIGN, "strata": "s"}, options={"weighting": "ATE", "horizon": 10})
    two = rows_of(by_hand, DESIGN, weights="w", options={"horizon": 10})
    for role in ("main", "km", "rmst"):
        assert one[role].value == pytest.approx(two[role].value, rel=1e-6)
    assert one["km"].se < two["km"].se  # knowing the shares wastes what they balanced


def test_diagnose_shape_and_codes():
    frame = clinic(9)
    design = {**DESIGN, "covariates": ["x", "z"], "strata": "s", "cluster": "s"}
    flags = diagnose(frame, design)
    assert {"few_clusters"} <= {flag["code"] for flag in flags}
    for flag in flags:
        assert set(flag) == {"code", "severity", "scope", "message", "affects_primary"}
    assert "few_events" in {flag["code"] for flag in diagnose(frame.head(30), DESIGN)}
    weighted = {**DESIGN, "covariates": ["x"], "options": {"weighting": "ATT", "ps_max": 0.5}}
    assert {"overlap", "effective_sample"} <= {flag["code"] for flag in diagnose(chosen(0, n=150), weighted)}


def test_specifications_run_and_are_labelled():
    frame, design = chosen(1), {**DESIGN, "covariates": ["x"]}
    table = robustness(frame, design, mwe=0.1).set_index("specification")
    assert list(table.index) == ["planned", "rmst", "km", "breslow", "marginal", "no_covariates"]
    assert list(table.kind) == ["choice", "estimand", "estimand", "choice", "estimand", "estimand"]
    weighted = robustness(frame, {**design, "options": {"weighting": "ATE"}}, mwe=0.1).set_index("specification")
    assert list(weighted.index) == ["planned", "rmst", "km", "breslow", "conditional", "no_covariates"]
    assert weighted.kind["no_covariates"] == "wrong" and weighted.value["conditional"] == table.value["planned"]
    assert weighted.value["planned"] == pytest.approx(table.value["marginal"])
    assert not pd.concat([table, weighted]).note.str.contains("could not run").any()
    assert len(robustness(frame, DESIGN)) == 4


def test_a_repeated_or_constant_covariate_and_empty_strata_change_nothing(rows_of):
    frame = clinic(10)
    one = rows_of(frame, {**DESIGN, "covariates": ["x"], "strata": "s"})
    more = frame.assign(again=1 - 2 * frame.x, constant=4)
    two = rows_of(more, {**DESIGN, "covariates": ["x", "again", "constant"], "strata": "s"})
    assert (two["main"].value, two["main"].se) == pytest.approx((one["main"].value, one["main"].se))
    lone = frame.assign(t=frame.t.where(frame.s < 2, 1))  # a stratum of one group, and one without events
    lone.loc[lone.s == 1, "event"] = 0
    only = rows_of(lone, {**DESIGN, "strata": "s"})["main"]
    other = rows_of(lone[lone.s == 0], DESIGN)["main"]
    assert (only.value, only.log_rank_chi2) == pytest.approx((other.value, other.log_rank_chi2))


def test_all_events_at_one_time_and_events_at_time_nought(rows_of):
    frame = pd.DataFrame({"event": [1] * 10 + [0] * 10 + [1] * 5 + [0] * 15, "t": [1] * 20 + [0] * 20})
    frame["time"] = np.where(frame.event == 1, 5, 8)
    rows = rows_of(frame, DESIGN)
    assert rows["km"].value == pytest.approx(0.25) and rows["rmst"].value == pytest.approx(-0.25 * 3)
    assert np.isnan(rows["main"].ph_p)  # one time says nothing about drift, and nothing is warned or flagged about it
    assert "proportional_hazards" not in {flag["code"] for flag in diagnose(frame, DESIGN)}
    early = clinic(11).assign(time=lambda f: f.time - 1)  # events at time 0
    assert np.isfinite(rows_of(early, DESIGN)["rmst"].value)


@pytest.mark.parametrize(
    "edit, change, words",
    [
        (lambda f: f.assign(event=0), {}, "no one with the programme had the event"),
        (lambda f: f.assign(event=f.event * f.t), {}, "no one without the programme had the event"),
        (lambda f: f.assign(x=f.event * 1.0), {"covariates": ["x"]}, "'x' tells perfectly who has the event first"),
        (lambda f: f.assign(x=1.0 * f.t), {"covariates": ["x"], "options": {"weighting": "ATE"}}, "perfectly"),
        (lambda f: f.assign(time=-f.time), {}, "below 0"),
        (lambda f: f.assign(time=None), {"outcome": "time"}, "missing in all"),
        (lambda f: f.assign(event=f.event.where(f.index > 3)), {}, "is empty in 4 row(s)"),
        (lambda f: f.assign(event=2), {}, "must hold 0 and 1"),
        (lambda f: f, {"outcome": "x"}, "neither the duration nor the event"),
        (lambda f: f, {"options": {"horizon": 500}}, "Choose a horizon of at most"),
        (lambda f: f, {"options": {"horizon": 0.5}}, "no one had the event before horizon 0.5"),
        (lambda f: f.assign(time=5), {}, "no one had the event before horizon 5"),
        (lambda f: f, {"options": {"horizon": -1}}, "not a number from 0"),
        (lambda f: f.assign(event=1), {"outcome": "time", "options": {"horizon": 500}}, "everyone had the event by"),
        (lambda f: f, {"weights": "w", "covariates": ["x"], "options": {"weighting": "ATT"}}, "both given"),
        (lambda f: f.assign(s=f.t), {"strata": "s"}, "no stratum holds both groups"),
        (lambda f: f, {"options": {"weighting": "ATT"}}, "no covariate varies"),
        (lambda f: f[f.t == 1], {}, "0 row(s) with treatment = 0"),
    ],
)
def test_refusals(edit, change, words):
    with pytest.raises(DesignError) as found:
        estimate(edit(clinic(12)), {**DESIGN, **change})
    assert words in str(found.value)


def test_a_covariate_category_without_events_is_named_not_guessed():
    frame = clinic(13)
    frame["rare"] = np.where(frame.event == 1, "common", np.where(frame.index % 3 == 0, "rare", "common"))
    with pytest.raises(DesignError, match="'rare=rare' tells perfectly"):
        estimate(frame, {**DESIGN, "covariates": ["rare", "x"]})


def test_strong_but_finite_effects_are_estimated(rows_of):
    rng = np.random.default_rng(14)
    t = np.repeat([0, 1], 200)
    frame = pd.DataFrame({"t": t, "time": rng.exponential(size=400) / np.exp(4.0 * t), "event": 1})
    row = rows_of(frame, DESIGN, outcome="time")["main"]
    other = PHReg(frame.time, frame[["t"]], status=frame.event).fit()
    assert row.value == pytest.approx(other.params[0], rel=1e-5) and abs(row.value - 4) < 4 * row.se


def test_large_studies_are_quick(rows_of):
    frame = pd.concat([clinic(s, n=1000) for s in range(6)], ignore_index=True)
    assert rows_of(frame, {**DESIGN, "covariates": ["x", "z"], "strata": "s"})["main"].n == 6000


def test_the_log_rank_test_is_the_score_test_of_cox_without_ties():
    frame = trial(3)
    model = sm.PHReg(frame.time, frame[["t"]], status=frame.event)
    score, information = model.score(np.zeros(1))[0], -model.hessian(np.zeros(1))[0, 0]
    row = estimate(frame, DESIGN).iloc[0]
    assert row.log_rank_chi2 == pytest.approx(score**2 / information)
