"""Randomised experiments: their options and pre-listed specifications against other implementations."""

import dgps
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from shared_utils.designs import DesignError, diagnose, estimate, rct_multiarm, robustness
from shared_utils.designs._regression import least_squares
from shared_utils.stats import attrition, multiplicity, randomization, winners

RCT = {"type": "rct_individual", "outcome": "y", "treatment": "t"}


def trial(seed=0, n=300):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n), "s": rng.integers(0, 3, n), "t": rng.permutation(np.arange(n) % 2)})
    frame["y"] = (rng.random(n) < 1 / (1 + np.exp(0.3 - 0.8 * frame.x - 0.4 * frame.t - 0.2 * frame.s))) * 1.0
    frame["w"] = rng.uniform(0.5, 2, n)
    return frame


def of(frame, design, role="main", **options):
    table = estimate(frame, {**design, "options": {"ri_draws": 0, **options}})
    return table[table.role == role].iloc[0]


def listed(frame, design, **more):
    """robustness() as {specification: its first row}."""
    table = robustness(frame, design, **more)
    return {name: part.iloc[0] for name, part in table.groupby("specification", sort=False)}


@pytest.mark.parametrize("se", ["HC0", "HC1", "HC2", "HC3"])
@pytest.mark.parametrize("weighted", [False, True])
def test_least_squares_equals_statsmodels(se, weighted):
    frame = trial()
    x = np.column_stack([np.ones(300), frame.t, frame.x, frame.x * frame.t])
    weights = frame.w.to_numpy() if weighted else None
    ours = least_squares(frame.y.to_numpy(), np.column_stack([x, 2 * x[:, 1] - x[:, 2]]), weights, se)
    theirs = sm.WLS(frame.y, x, weights=1.0 if weights is None else weights).fit(cov_type=se)
    assert ours.params == pytest.approx(theirs.params.to_numpy(), rel=1e-10)  # the fifth column adds nothing
    assert ours.covariance == pytest.approx(theirs.cov_params().to_numpy(), rel=1e-9)


def test_logit_effect_equals_statsmodels_margins():
    frame = trial()
    x = np.column_stack([np.ones(300), frame.t, frame.s == 1, frame.s == 2, frame.x]).astype(float)
    theirs = sm.Logit(frame.y, x).fit(disp=0, cov_type="HC0").get_margeff(at="overall", dummy=True)
    row = of(frame, {**RCT, "strata": "s", "covariates": ["x"]}, adjustment="logit")
    assert row.value == pytest.approx(theirs.margeff[0], rel=1e-6)
    assert row.se == pytest.approx(theirs.margeff_se[0] * np.sqrt(300 / (300 - 5)), rel=1e-6)
    assert np.isnan(row.df) and row.p == pytest.approx(2 * stats.norm.sf(abs(row.value / row.se)))


def test_logit_without_covariates_is_the_difference_in_shares():
    frame = trial()
    row = of(frame, RCT, adjustment="logit")
    p, n = frame.groupby("t").y.mean(), frame.t.value_counts()
    assert row.value == pytest.approx(p[1] - p[0], abs=1e-9)
    assert row.se == pytest.approx(np.sqrt(sum(p[k] * (1 - p[k]) / n[k] for k in (0, 1)) * 300 / 298), rel=1e-7)


def test_logit_of_several_arms_and_weights():
    frame, design, _ = dgps.tulsa(np.random.default_rng(1))
    design = {**design, "contrasts": [["A", "control"], ["A", "B"]], "options": {"adjustment": "logit", "ri_draws": 0}}
    rows = estimate(frame, design).set_index(["role", "contrast"])
    known = frame.dropna(subset=["y"])
    strata = pd.get_dummies(known.site.astype(str) + known.status.astype(str), drop_first=True)
    x = np.column_stack([np.ones(len(known)), known.arm == "A", known.arm == "B", strata]).astype(float)
    params = sm.Logit(known.y, x).fit(disp=0).params.to_numpy()

    def share(a, b):
        as_if = x.copy()
        as_if[:, 1], as_if[:, 2] = a, b
        return (1 / (1 + np.exp(-as_if @ params))).mean()

    assert rows.value["main", "A - control"] == pytest.approx(share(1, 0) - share(0, 0), rel=1e-6)
    assert rows.value["between_arms", "A - B"] == pytest.approx(share(1, 0) - share(0, 1), rel=1e-6)
    double = pd.concat([trial(), trial()])
    assert of(trial().assign(w=2.0), {**RCT, "weights": "w"}, adjustment="logit").value == pytest.approx(
        of(double, RCT, adjustment="logit").value
    )


@pytest.mark.parametrize(
    "edit, words",
    [
        (lambda f: f.assign(y=f.x), "needs an outcome of 0 and 1"),
        (lambda f: f.assign(y=(f.x > 0) * 1.0), "predicts some rows perfectly"),
        (lambda f: f.assign(y=f.y * (f.s > 0)), "predicts some rows perfectly"),
    ],
    ids=["not 0/1", "separated", "a stratum without the outcome"],
)
def test_logit_refuses_what_it_cannot_fit(edit, words):
    with pytest.raises(DesignError, match=words):
        of(edit(trial()), {**RCT, "strata": "s", "covariates": ["x"]}, adjustment="logit")


def test_response_weights_are_one_over_the_modelled_chance():
    frame = trial(n=600)
    rng = np.random.default_rng(1)
    seen = rng.random(600) < 1 / (1 + np.exp(-1 - frame.x + 0.5 * frame.t))
    frame["y"] = frame.y.where(seen)
    weights = attrition.response_weights(frame, "y", "t", ["x"])
    x = np.column_stack([np.ones(600), frame.t, frame.x, frame.x * frame.t])
    assert weights == pytest.approx(1 / sm.Logit(seen * 1.0, x).fit(disp=0).predict(), rel=1e-6)
    assert (attrition.response_weights(trial(), "y", "t", ["x"]) == 1).all()
    with pytest.raises(ValueError, match="Nobody with t = 1 has outcome 'y'"):
        attrition.response_weights(frame.assign(y=frame.y.where(frame.t == 0)), "y", "t", ["x"])


def test_weighting_for_attrition_removes_the_bias_that_its_covariate_explains():
    gaps = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        x, t = rng.normal(size=800), rng.permutation(np.arange(800) % 2)
        frame = pd.DataFrame({"x": x, "t": t, "y": x + 0.3 * x * t + rng.normal(size=800)})  # mean effect 0
        frame["y"] = frame.y.where(rng.random(800) < 1 / (1 + np.exp(-0.5 - 1.5 * x * t)))
        rows = listed(frame, {**RCT, "covariates": ["x"], "options": {"adjustment": "none"}})
        gaps.append((rows["planned"].value, rows["attrition_weights"].value))
    plain, weighted = np.array(gaps).T
    assert plain.mean() > 0.4 and abs(weighted.mean()) < 4 * weighted.std() / np.sqrt(30)


def test_specifications_of_a_trial():
    frame, design, _ = dgps.cincinnati(np.random.default_rng(3))
    rows = listed(frame, design, mwe=0.05)
    assert list(rows) == ["planned", "no_covariates", "strata_only", "logit", "attrition_weights", "per_protocol"]
    known = frame.dropna(subset=["y"])
    means = known.groupby("offer").y.mean()
    assert rows["no_covariates"].value == pytest.approx(means[1] - means[0])
    assert rows["strata_only"].value == pytest.approx(of(frame, design, "unadjusted").value)
    assert rows["per_protocol"].kind == "wrong" and rows["per_protocol"].n == (known.offer == known.took).sum()
    assert rows["attrition_weights"].n == rows["planned"].n
    plain = {k: v for k, v in design.items() if k not in ("received", "covariates", "strata")}
    assert list(listed(frame.assign(y=frame.kid6 + frame.index), plain)) == ["planned"]  # complete, not 0/1


def test_leaving_strata_out_is_called_wrong_where_their_odds_differ():
    frame, design, _ = dgps.new_orleans(np.random.default_rng(3))
    design = {k: v for k, v in design.items() if k != "assign_prob"} | {"type": "rct_individual"}
    row = listed(frame, design)["no_covariates"]
    assert row.kind == "wrong" and "odds differ" in row.words


def test_specifications_of_a_lottery():
    frame, design, _ = dgps.new_orleans(np.random.default_rng(3))
    frame = frame[(frame.block != 3) | (frame.index < 200)]  # block 3 keeps 17 applicants
    rows = listed(frame, design, mwe=0.02)
    assert list(rows) == ["planned", "block_effects", "lin_by_block", "without_small_blocks", "naive"]
    known = frame.dropna(subset=["y"])
    x = pd.get_dummies(known.block).astype(float)
    effects = sm.OLS(known.y, np.column_stack([known.won, known.att0, x])).fit(cov_type="HC2")
    assert rows["block_effects"].value == pytest.approx(effects.params.iloc[0])
    assert rows["block_effects"].se == pytest.approx(effects.bse.iloc[0])
    means = known.pivot_table("y", "block", "won")
    gap = np.average(means[1] - means[0], weights=known.groupby("block").size())
    assert listed(frame, {**design, "covariates": []})["lin_by_block"].value == pytest.approx(gap)
    assert rows["without_small_blocks"].n == (known.block != 3).sum()
    means = known.groupby("won").y.mean()
    assert rows["naive"].kind == "wrong" and rows["naive"].value == pytest.approx(means[1] - means[0])


def test_specifications_of_several_arms_keep_the_family():
    frame, design, _ = dgps.tulsa(np.random.default_rng(3))
    table = robustness(frame, {**design, "strata": ["site"], "covariates": ["status"]}, mwe=0.05)
    assert list(dict.fromkeys(table.specification)) == [
        "planned", "no_covariates", "strata_only", "pairwise", "logit", "attrition_weights",
    ]  # fmt: skip
    assert (table.groupby("specification").size() == 2).all()
    options = {"pooling": "pairwise", "ri_draws": 0}
    rows = estimate(frame, {**design, "options": options}).query("role == 'main'").set_index("contrast")
    for arm in ("A", "B"):
        two = frame[frame.arm.isin([arm, "control"])].assign(t=lambda f, arm=arm: (f.arm == arm) * 1)
        alone = of(two, {**RCT, "strata": ["site", "status"]})
        assert rows.value[f"{arm} - control"] == pytest.approx(alone.value)
        assert rows.se[f"{arm} - control"] == pytest.approx(alone.se)
    assert rows.level_adjusted.tolist() == [0.975, 0.975]


def test_the_best_arm_keeps_its_own_row_and_is_shrunken_by_the_covariance_of_the_arms():
    frame, design, _ = dgps.tulsa(np.random.default_rng(3))
    design = {**design, "options": {"ri_draws": 0}}
    table = estimate(frame, {**design, "contrasts": [["A", "control"], ["B", "control"], ["B", "A"]]})
    a, b, gap = (table[table.role.isin(["main", "between_arms"])].iloc[i] for i in range(3))
    arm, found = rct_multiarm.winner(frame, design, "increase")
    assert (arm, found.estimate, found.se) == ("B", pytest.approx(b.value), pytest.approx(b.se))
    shared = (a.se**2 + b.se**2 - gap.se**2) / 2
    expected = winners.best([a.value, b.value], [[a.se**2, shared], [shared, b.se**2]])
    assert (found.value, found.ci_low) == pytest.approx((expected.value, expected.ci_low), rel=1e-6)
    assert rct_multiarm.winner(frame, design, "decrease")[0] == "A"
    assert rct_multiarm.winner(frame, {**design, "contrasts": [["A", "control"]]}, "increase") is None


def test_max_t_over_arms_lies_between_raw_and_bonferroni():
    frame, design, _ = dgps.tulsa(np.random.default_rng(3))
    options = {"multiplicity": "westfall_young", "ri_draws": 1999}
    main = estimate(frame, {**design, "options": options}).query("role == 'main'")
    assert (main.p_adjusted >= main.p - 0.01).all() and (main.p_adjusted <= 2 * main.p + 0.01).all()
    one = estimate(frame, {**design, "contrasts": [["A", "control"]], "options": options}).iloc[0]
    assert one.p_adjusted == pytest.approx(one.p, abs=0.03)
    undrawn = estimate(frame, {**design, "options": {**options, "ri_draws": 0}})
    assert undrawn.p_adjusted.isna().all() and undrawn.ci_low_adjusted.notna().sum() == 2


@pytest.mark.full
def test_max_t_over_arms_keeps_its_level_when_another_arm_has_an_effect():
    wrong = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        arms = rng.permutation(np.repeat(["control", "A", "B"], [40, 40, 80]))
        y = rng.normal(size=160) * np.where(arms == "B", 3, 1) + 2.0 * (arms == "B")
        found = randomization.arm_statistics(y, arms, "control", draws=199, seed=seed)
        wrong += multiplicity.step_down(*found)[0] <= 0.05
    assert wrong <= stats.binom.ppf(0.999, 300, 0.05)


def test_small_draws_are_exact_and_need_no_seed():
    frame = pd.DataFrame({"y": [3.0, 9, 4, 8, 1, 7, 2, 6], "t": [1, 1, 0, 1, 0, 0, 0, 1], "s": [0] * 4 + [1] * 4})
    p = {estimate(frame, {**RCT, "strata": "s", "seed": seed}).p_ri[0] for seed in range(3)}
    # stratum 0 has 4 assignments of 3 to 1, stratum 1 has 4 of 1 to 3
    first, second = [3.0, 9, 4, 8], [1.0, 7, 2, 6]
    out = [np.delete(first, i).mean() - first[i] for i in range(4)]
    into = [second[j] - np.delete(second, j).mean() for j in range(4)]
    gaps = [(a + b) / 2 for a in out for b in into]
    assert p == {np.mean(np.abs(gaps) >= abs(gaps[4 * 2 + 3]) - 1e-9)}


def test_a_mean_that_rests_on_one_person_has_no_error():
    frame = pd.DataFrame({"arm": list("abbbaccc"), "s": [0, 0, 0, 0, 1, 1, 1, 1], "y": np.arange(8.0) ** 2})
    frame = pd.concat([frame, pd.DataFrame({"arm": ["b", "c"], "s": [1, 0], "y": [3.0, 5.0]})])
    design = {"type": "rct_multiarm", "outcome": "y", "arm": "arm", "control": "b", "strata": "s"}
    assert estimate(frame, {**design, "options": {"ri_draws": 0}}).se.gt(0).all()
    alone = pd.concat([frame[frame.arm != "a"], pd.DataFrame({"arm": ["a", "a"], "s": [1, 2], "y": [9.0, 4.0]})])
    with pytest.raises(DesignError, match="rests on a single row"):
        estimate(alone, {**design, "options": {"ri_draws": 0}})


def test_diagnose_still_answers_for_every_trial():
    for name in ("cincinnati", "new_orleans", "tulsa", "dayton"):
        frame, design, _ = dgps.ALL[name](np.random.default_rng(0))
        assert isinstance(diagnose(frame, design), list)


def test_a_rare_category_without_variation_counts_with_the_reference():
    frame = trial(n=600).assign(kind="common")
    frame.loc[[0, 1, 2], "kind"], frame.loc[[0, 1, 2], "y"] = "rare", 1.0  # three people, all with the outcome
    design = {**RCT, "covariates": ["x", "kind"]}
    with_it = of(frame, design, adjustment="logit")
    without = of(frame, {**RCT, "covariates": ["x"]}, adjustment="logit")
    assert with_it.value == pytest.approx(without.value)
    assert "left out" in with_it.note and "left out" not in without.note
    seen = frame.assign(y=frame.y.where(np.random.default_rng(2).random(600) < 0.8))
    seen.loc[[0, 1, 2], "y"] = 1.0
    assert attrition.response_weights(seen, "y", "t", ["x", "kind"]) == pytest.approx(
        attrition.response_weights(seen, "y", "t", ["x"])
    )
