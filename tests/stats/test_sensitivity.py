"""Sensitivity: identities that must hold exactly, exact small samples, known truth, refusals in words."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from shared_utils.stats import sensitivity
from shared_utils.stats.sensitivity import e_value, omitted_variable, oster, robustness_value, tipping_point


@pytest.mark.parametrize(
    "inputs, ratio",
    [
        (dict(scale="or", rare=True), 2.0),
        (dict(scale="or", rare=False), np.sqrt(2.0)),
        (dict(scale="hr", rare=True), 2.0),
        (dict(scale="hr", rare=False), (1 - 0.5**2**0.5) / (1 - 0.5**0.5**0.5)),  # VanderWeele 2017, Epidemiology 28(6)
        (dict(scale="smd"), np.exp(1.82)),
    ],
)
def test_e_value_turns_each_scale_into_a_risk_ratio(inputs, ratio):
    found = e_value(2.0, 1.5, 3.0, **inputs)
    assert found.risk_ratio[0] == pytest.approx(ratio)
    assert found.estimate == pytest.approx(ratio + np.sqrt(ratio * (ratio - 1)))
    assert 1 < found.limit < found.estimate


def test_a_confounder_as_strong_as_the_e_value_explains_the_ratio_away_and_a_weaker_one_does_not():
    # bounding factor of Ding and VanderWeele 2016: RR_eu RR_ud / (RR_eu + RR_ud - 1)
    strength = e_value(2.4, 1.3, 4.0, "rr").estimate
    assert strength**2 / (2 * strength - 1) == pytest.approx(2.4)
    assert (0.99 * strength) ** 2 / (2 * 0.99 * strength - 1) < 2.4


def test_e_value_of_a_harmful_or_unclear_difference():
    halved = e_value(-0.2, -0.3, -0.1, "difference", mean_comparison=0.4)
    assert halved.risk_ratio == pytest.approx((0.5, 0.25, 0.75))
    assert halved.estimate == pytest.approx(2 + np.sqrt(2)) and halved.limit == pytest.approx(4 / 3 + np.sqrt(4 / 9))
    assert e_value(0.05, -0.01, 0.11, "difference", mean_comparison=0.4).limit == 1
    assert e_value(1.0, 0.5, 2.0, "rr").estimate == 1


@pytest.mark.parametrize(
    "inputs, words",
    [
        ((2.0, 2.5, 3.0, "rr"), "lie in its interval"),
        ((np.nan, 1.0, 3.0, "rr"), "lie in its interval"),
        ((2.0, 1.0, 3.0, "or"), "rare"),
        ((2.0, 1.0, 3.0, "ratio"), "Valid: rr, or"),
        ((0.1, 0.0, 0.2, "difference"), "mean_comparison"),
        ((-1.0, -2.0, 0.2, "rr"), "above 0"),
    ],
)
def test_e_value_refuses_in_words(inputs, words):
    with pytest.raises(ValueError, match=words):
        e_value(*inputs)


# --- Oster ---------------------------------------------------------------------------------------------------------


def proportional_selection(effect, delta=1.0, n=2000, seed=0):
    """An outcome with a seen and a hidden factor, the hidden one selected on delta times as much, by construction."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(n, 4))
    seen, hidden, noise_x, noise_y = np.linalg.qr(raw - raw.mean(axis=0))[0].T * np.sqrt(n)  # uncorrelated, variance 1
    # cov(x, part) / var(part) of the hidden part of the outcome is delta times that of the seen part (her equation 2)
    x = 0.5 * (seen + delta * hidden) + noise_x
    y = effect * x + seen + hidden + 0.5 * noise_y
    everything = np.column_stack([np.ones(n), x, seen, hidden])
    r_max = 1 - np.linalg.lstsq(everything, y, rcond=None)[1][0] / ((y - y.mean()) ** 2).sum()
    return y, x, seen[:, None], r_max


@pytest.mark.parametrize("effect", [0.0, 0.4, 1.5])
def test_oster_recovers_the_truth_under_equal_selection(effect):
    y, x, seen, r_max = proportional_selection(effect)
    found = oster(y, x, seen, r_max)
    assert found.beta_star == pytest.approx(effect, abs=1e-8)
    assert found.value_without > found.value_with > effect


@pytest.mark.parametrize("delta", [-0.5, 0.3, 1.0, 2.5])
def test_oster_recovers_how_strongly_the_hidden_factor_is_selected_on(delta):
    assert oster(*proportional_selection(0.0, delta)).delta == pytest.approx(delta, abs=1e-8)


def test_oster_delta_is_above_one_where_the_adjusted_effect_keeps_its_sign_and_scales_do_not_matter():
    y, x, seen, r_max = proportional_selection(0.8)
    found, scaled = oster(y, x, seen, r_max), oster(1000 * y, 0.01 * x, -7 * seen + 3, r_max)
    assert found.delta > 1 and scaled.delta == pytest.approx(found.delta)
    assert scaled.beta_star == pytest.approx(1e5 * found.beta_star)


def test_oster_default_r_max_and_refusals():
    y, x, seen, r_max = proportional_selection(0.4)
    found = oster(y, x, seen)
    assert found.r_max == min(1.0, 1.3 * found.r2_with)
    with pytest.raises(ValueError, match="above the R2 with controls"):
        oster(y, x, seen, 0.1)
    with pytest.raises(ValueError, match="controls determine the treatment"):
        oster(y, x, x[:, None] * 2 + 1)


# --- Robustness value ------------------------------------------------------------------------------------------------


def trial(n=400, seed=1):
    rng = np.random.default_rng(seed)
    covariates = pd.DataFrame(rng.normal(size=(n, 3)), columns=["age", "income", "kids"])
    d = (0.4 * covariates["age"] + rng.normal(size=n) > 0).astype(float)
    y = 0.5 * d + covariates @ [0.6, 0.2, 0.0] + rng.normal(size=n)
    return y.to_numpy(), d.to_numpy(), covariates


def least_squares(y, d, others):
    import statsmodels.api as sm

    fit = sm.OLS(y, sm.add_constant(np.column_stack([d, others]))).fit()
    return fit.params[1], fit.bse[1], fit.df_resid, fit.conf_int()[1]


def hidden_factor(y, d, covariates, r2_d, r2_y, seed=2):
    """A variable that explains exactly r2_d of the treatment and r2_y of the outcome beyond the covariates."""
    rng = np.random.default_rng(seed)
    base = np.column_stack([np.ones(len(y)), covariates])

    def left(v, columns):
        return v - columns @ np.linalg.lstsq(columns, v, rcond=None)[0]

    def unit(v):
        return v / np.linalg.norm(v)

    of_d, of_y = left(d, base), left(y, np.column_stack([base, d]))
    noise = left(rng.normal(size=len(y)), np.column_stack([base, d, y]))
    along = np.sqrt(r2_y * (1 - r2_d))
    return np.sqrt(r2_d) * unit(of_d) + along * unit(of_y) + np.sqrt(1 - r2_d - along**2) * unit(noise)


def test_a_hidden_factor_of_the_robustness_value_brings_the_estimate_to_zero():
    y, d, covariates = trial()
    found = omitted_variable(y, d, covariates)
    value, se, df, _ = least_squares(y, d, covariates)
    assert (found.value, found.se, found.df) == pytest.approx((value, se, df))
    rv = found.robustness_value
    hidden = hidden_factor(y, d, covariates, rv, rv)
    assert least_squares(y, d, np.column_stack([covariates, hidden]))[0] == pytest.approx(0, abs=1e-10)


def test_a_hidden_factor_of_the_robustness_value_at_alpha_brings_the_interval_to_zero():
    y, d, covariates = trial()
    rv = omitted_variable(y, d, covariates).robustness_value_alpha
    hidden = hidden_factor(y, d, covariates, rv, rv)
    _, _, _, (low, high) = least_squares(y, d, np.column_stack([covariates, hidden]))
    assert low == pytest.approx(0, abs=1e-10) and high > 0


def test_an_extreme_t_needs_less_from_the_outcome():
    # few degrees of freedom: the strength at which the t of the treatment falls to the critical value, found by search
    t, df, alpha = 40.0, 10, 0.05
    critical = stats.t.isf(alpha / 2, df - 1)

    def left(r2_d, r2_y):
        bias = np.sqrt(r2_y * r2_d / (1 - r2_d) * df)
        return (t - bias) / np.sqrt((1 - r2_y) / (1 - r2_d) * df / (df - 1))

    rv = robustness_value(t, df, alpha)
    less, more = (min(left(r2, r2_y) for r2_y in np.linspace(0, r2, 400)) for r2 in (0.999 * rv, 1.001 * rv))
    assert less > critical > more
    assert robustness_value(1.0, 50, alpha) == 0.0


def test_bounds_hold_for_a_factor_like_the_benchmark_and_name_the_strongest():
    y, d, covariates = trial(n=4000)
    found = omitted_variable(y, d, covariates)
    assert found.strongest == "age" and list(found.bounds.multiple) == [1, 2, 3] * 3
    moved = found.bounds.set_index(["benchmark", "multiple"])["value"]
    assert moved["age", 3] < moved["age", 2] < moved["age", 1] < moved["income", 1] < found.value
    together = omitted_variable(y, d, covariates, {"money": ["age", "income"]}).bounds
    assert (together["r2_outcome"].iloc[0] > found.bounds["r2_outcome"][found.bounds.multiple == 1]).all()


def test_robustness_value_refuses_a_determined_treatment():
    y, d, covariates = trial(n=50)
    with pytest.raises(ValueError, match="determine the treatment"):
        omitted_variable(y, d, covariates.assign(same=d))
    with pytest.raises(ValueError, match="known numbers in every row"):
        omitted_variable(y, d, covariates.assign(age=pd.array([pd.NA] * 50, dtype="Float64")))


# --- Rosenbaum -----------------------------------------------------------------------------------------------------


def enumerated(d, gamma):
    """Largest p by every assignment of signs, each positive with chance gamma / (1 + gamma)."""
    ranks = stats.rankdata(np.abs(d)) * (d != 0)
    chance, seen = gamma / (1 + gamma), ranks[d > 0].sum()
    total = 0.0
    for signs in itertools.product((0, 1), repeat=len(d)):
        if ranks @ np.array(signs) >= seen - 1e-9:
            total += chance ** sum(signs) * (1 - chance) ** (len(d) - sum(signs))
    return total


PAIRS = np.array([3.0, -1.0, 4.0, 0.0, 2.0, 2.0, -2.0, 5.0, 6.0, 0.0, 1.5])


@pytest.mark.parametrize("gamma", [1, 1.5, 3])
def test_small_samples_are_counted_out(gamma):
    assert sensitivity.rosenbaum(PAIRS, (gamma,)).p_max[0] == pytest.approx(enumerated(PAIRS, gamma), abs=1e-12)


@pytest.mark.parametrize("n", [8, 15, 24])
def test_without_hidden_factors_it_is_wilcoxons_test(n):
    d = np.random.default_rng(n).normal(0.4, 1, n)
    exact = stats.wilcoxon(d, alternative="greater", method="exact").pvalue
    assert sensitivity.rosenbaum(d, (1,)).p_max[0] == pytest.approx(exact, abs=1e-12)


def test_above_25_pairs_it_is_wilcoxons_normal_test_with_zeros_kept():
    d = np.round(np.random.default_rng(5).normal(0.4, 1, 60), 1)
    assert (d == 0).any()
    same = stats.wilcoxon(d, zero_method="pratt", alternative="greater", method="asymptotic").pvalue
    assert sensitivity.rosenbaum(d, (1,)).p_max[0] == pytest.approx(same, rel=1e-10)


def test_estimate_and_interval_are_those_of_walsh_averages():
    d = np.random.default_rng(3).normal(1, 2, 18)
    first = sensitivity.rosenbaum(d, (1,)).iloc[0]
    averages = np.sort([(d[i] + d[j]) / 2 for i in range(18) for j in range(i, 18)])
    assert first.estimate_low == pytest.approx(np.median(averages)) == first.estimate_high
    outside = next(t for t in range(171) if rank_sums_up_to(18, t) >= 0.025)
    assert (first.ci_low, first.ci_high) == pytest.approx((averages[outside - 1], averages[-outside]))


def rank_sums_up_to(n, t):
    """P(signed-rank sum <= t) for n pairs without hidden factors."""
    counts = np.ones(1)
    for rank in range(1, n + 1):
        grown = np.zeros(len(counts) + rank)
        grown[: len(counts)] += counts / 2
        grown[rank:] += counts / 2
        counts = grown
    return counts[: t + 1].sum()


def test_intervals_widen_with_gamma_and_may_have_no_end():
    found = sensitivity.rosenbaum(np.random.default_rng(0).normal(1, 1, 12), (1, 2, 3, 200))
    assert found.p_max.is_monotonic_increasing
    assert found.ci_low.is_monotonic_decreasing and found.ci_high.is_monotonic_increasing
    assert found.ci_low.iloc[-1] == -np.inf and found.ci_high.iloc[-1] == np.inf
    with pytest.raises(ValueError, match="gamma"):
        sensitivity.rosenbaum([1, 2], (0.5,))
    with pytest.raises(ValueError, match="known differences"):
        sensitivity.rosenbaum([1, np.nan])


# --- Missing outcomes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
def test_at_the_tipping_point_the_interval_touches_zero(sign):
    value, se, n, gone = 0.0761 * sign, 0.0346, 400, 60
    found = tipping_point(value, se, 0.575, n, gone, bounds=(0, 1))
    share = gone / n
    left = abs(value) - share * found.delta
    width = stats.norm.ppf(0.975) * np.sqrt(se**2 + found.delta**2 * share * (1 - share) / n)
    assert left == pytest.approx(width) and found.possible
    assert found.mean_missing == pytest.approx(0.575 - sign * found.delta)


def test_few_missing_cannot_undo_a_share_and_more_missing_tip_sooner():
    assert not tipping_point(0.3, 0.05, 0.6, 400, 8, bounds=(0, 1)).possible
    deltas = [tipping_point(0.1, 0.03, 0.6, 400, gone).delta for gone in (5, 20, 80, 200)]
    assert deltas == sorted(deltas, reverse=True)


def test_the_variance_behind_the_tipping_point_is_that_of_resampled_pilots():
    rng = np.random.default_rng(0)
    n, share, delta = 300, 0.2, 3.0
    gone = rng.binomial(n, share, 20_000)
    seen = 1 + rng.normal(size=20_000) / np.sqrt(n - gone)  # mean of the treated who were seen, SD 1
    adjusted = seen - gone / n * delta
    assert adjusted.var() == pytest.approx(1 / (n * (1 - share)) + delta**2 * share * (1 - share) / n, rel=0.04)


def test_tipping_point_refuses_what_is_unclear_already():
    with pytest.raises(ValueError, match="no clear result"):
        tipping_point(0.05, 0.04, 0.5, 100, 10)
    with pytest.raises(ValueError, match="some, and not all"):
        tipping_point(0.5, 0.04, 0.5, 100, 0)


# --- Specification curve -------------------------------------------------------------------------------------------


def curve(**changes):
    table = pd.DataFrame(
        {
            "specification": ["planned", "plain", "logit", "broken", "naive"],
            "kind": ["choice", "choice", "choice", "choice", "wrong"],
            "value": [0.08, 0.05, -0.01, np.nan, 0.3],
            "decision": ["SCALE", "SCALE", "KEEP LEARNING", "", "SCALE"],
        }
    )
    return table.assign(**changes)


def test_only_choices_with_an_estimate_count():
    assert sensitivity.specification_summary(curve()) == {
        "n_specs": 3, "same_sign_share": 2 / 3, "same_decision_share": 2 / 3, "min": -0.01, "max": 0.08,
    }  # fmt: skip
    assert sensitivity.specification_summary(curve(decision=""))["same_decision_share"] is None
    with pytest.raises(ValueError, match="one contrast at a time"):
        sensitivity.specification_summary(pd.concat([curve(), curve()]))


def test_it_reads_what_designs_robustness_returns():
    from shared_utils.designs import _robustness, estimate, robustness

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"offer": np.tile([0, 1], 150), "age": rng.normal(40, 9, 300)})
    frame["work"] = (rng.random(300) < 0.4 + 0.15 * frame.offer).astype(int)
    design = {"type": "rct_individual", "outcome": "work", "treatment": "offer", "covariates": ["age"]}
    plain = _robustness.Specification("plain", "without covariates", _robustness.keys(covariates=None))
    found = sensitivity.specification_summary(robustness(frame, design, mwe=0.05, specifications=[plain]))
    design["options"] = {"ri_draws": 0}
    both = (estimate(frame, {**design, "covariates": names}) for names in (["age"], []))
    values = [rows.query("role == 'main'").value.iloc[0] for rows in both]
    assert (found["min"], found["max"]) == pytest.approx((min(values), max(values)))
    assert found["n_specs"] == 2 and found["same_sign_share"] == 1
