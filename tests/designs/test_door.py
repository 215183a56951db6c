"""What the door refuses, in which words, and what it counts."""

import datetime

import dgps
import numpy as np
import pandas as pd
import pytest

from shared_utils.designs import REGISTRY, DesignError, diagnose, estimate

RCT = {"type": "rct_individual", "outcome": "y", "treatment": "t"}


def small(n=40):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "t": np.tile([0, 1], n // 2),
            "x": rng.normal(size=n),
            "site": np.repeat(list("abcd"), n // 4),
            "room": np.arange(n) // 5,
        }
    )


def test_registry_has_every_type_of_the_protocol():
    assert set(REGISTRY) == {
        "rct_individual",
        "rct_cluster",
        "did_staggered",
        "iv_encouragement",
        "rct_blocked_lottery",
        "panel_did",
        "observational_aipw",
        "rd",
        "rct_multiarm",
        "synthetic_control",
        "interrupted_time_series",
        "time_to_event",
        "descriptive",
    }


@pytest.mark.parametrize("kind", list(REGISTRY))
def test_every_module_says_what_a_statistician_must_check(kind):
    text = REGISTRY[kind].__doc__
    for word in ("Question:", "Assumption in plain words:", "Estimator:", "Variance:", "Rows:"):
        assert word in text or (word == "Rows:" and kind == "rct_individual"), (kind, word)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"type": "rct_individal"}, "Did you mean 'rct_individual'"),
        ({"treatmnt": "t"}, "unknown design key 'treatmnt'. Did you mean 'treatment'"),
        ({"cluster": "room"}, "'cluster' is not used by rct_individual"),
        ({"treatment": None}, "treatment is not given"),
        ({"treatment": "tt"}, "column 'tt' (treatment) is not in the table. Did you mean 't'"),
        ({"outcome": "yy"}, "column 'yy' (outcome) is not in the table"),
        ({"covariates": ["xx"]}, "column 'xx' (covariates) is not in the table"),
        ({"treatment": "room"}, "must hold 0 and 1; it holds 0, 1, 2"),
        ({"outcome": "site"}, "holds 'a', which is not a number"),
        ({"options": {"se": "HC9"}}, "option se = 'HC9' does not exist"),
        ({"options": {"ses": "HC2"}}, "unknown option 'ses'. Did you mean 'se'"),
        ({"options": {"ri_draws": -1}}, "not a number from 0"),
        ({"alternative": "grater"}, "Did you mean 'greater'"),
        ({"level": 95}, "level 95 is not between"),
        ({"covariates": ["t"]}, "t cannot be a covariate as well"),
        ({"covariates": ["y"]}, "y cannot be a covariate as well"),
        ({"covariates": ["spline(x)"]}, "splines belong to observational_aipw"),
    ],
)
def test_refusals(change, words):
    with pytest.raises(DesignError) as found:
        estimate(small(), {**RCT, **change})
    assert words in str(found.value) and found.value.hint


@pytest.mark.parametrize(
    "edit, words",
    [
        (lambda f: f[f.t == 1], "0 row(s) with treatment = 0"),
        (lambda f: f.head(0), "no rows"),
        (lambda f: f.assign(t=f.t.where(f.index > 2)), "(treatment) is empty in 3 row(s)"),
        (lambda f: f.assign(y=np.nan), "missing in all 40 rows"),
        (lambda f: f.assign(y=1.0), "is 1 in all 40 rows"),
        (lambda f: f.assign(y=f.t), "no variation left within the groups"),
        (lambda f: f.assign(y=np.inf), "infinite"),
        (lambda f: f.assign(y=pd.Timestamp("2019-01-01")), "holds dates"),
        (lambda f: pd.concat([f, f[["y"]]], axis=1), "more than one column 'y'"),
        (lambda f: f.head(3), "at least 2 are needed"),
        (lambda f: f.to_dict(), "not a pandas DataFrame"),
    ],
)
def test_refuses_a_table(edit, words):
    with pytest.raises(DesignError) as found:
        estimate(edit(small()), RCT)
    assert words in str(found.value)


@pytest.mark.parametrize(
    "column, words",
    [
        ([f"id{i}" for i in range(100)], "looks like an identifier"),
        (pd.date_range("2019-01-01", periods=100), "holds dates"),
        ([None] * 100, "is empty in every row"),
        ([np.inf] * 100, "infinite"),
    ],
)
def test_refuses_a_covariate(column, words):
    with pytest.raises(DesignError, match=words):
        estimate(small(100).assign(z=column), {**RCT, "covariates": ["z"]})


def test_missing_outcomes_are_dropped_and_counted(rows_of):
    frame = small()
    frame.loc[:5, "y"] = np.nan
    row = rows_of(frame, RCT)["main"]
    assert (row.n, row.n_missing, row.n_treated + row.n_comparison) == (34, 6, 34)


def test_missing_covariates_are_imputed_with_an_indicator_and_said(rows_of):
    frame = small()
    frame.loc[[1, 4, 6], "x"] = np.nan
    row = rows_of(frame, RCT, covariates=["x", "site"])["main"]
    assert row.n == 40 and "x missing for 3: mean used, with an indicator" in row.note


def test_an_outcome_list_gives_the_rows_of_each():
    frame = small().assign(y2=lambda f: f.y * 2)
    table = estimate(frame, {**RCT, "outcome": ["y", "y2"], "options": {"ri_draws": 99}})
    assert list(table.outcome.unique()) == ["y", "y2"]
    assert table.columns[:21].tolist() == [
        "outcome",
        "estimand",
        "contrast",
        "value",
        "se",
        "df",
        "ci_low",
        "ci_high",
        "level",
        "p",
        "n",
        "n_clusters",
        "method",
        "role",
        "mean_comparison",
        "n_treated",
        "n_comparison",
        "p_ri",
        "p_adjusted",
        "note",
        "n_missing",
    ]


def test_labels_level_and_alternative(rows_of):
    frame = small()
    row = rows_of(frame, RCT, labels=["offer", "control"], level=0.9, alternative="greater")["main"]
    both = rows_of(frame, RCT)["main"]
    assert row.contrast == "offer - control" and row.ci_high - row.ci_low < both.ci_high - both.ci_low
    assert row.p == pytest.approx(both.p / 2 if both.value > 0 else 1 - both.p / 2)


def test_same_seed_same_p_other_seed_other_p():
    def p_ri(seed):
        return estimate(small(), {**RCT, "seed": seed, "options": {"ri_draws": 499}}).p_ri[0]

    assert p_ri(1) == p_ri(1) != p_ri(2)


@pytest.mark.parametrize(
    "change, edit, words",
    [
        ({}, lambda f: f.assign(room=1), "fewer than two clusters"),
        ({}, lambda f: f.assign(t=f.index % 2), "a cluster holds both groups"),
        ({}, lambda f: f[f.room.isin([0, 1, 3, 5])], "1 cluster(s) with treatment = 0"),
        ({"strata": "site"}, lambda f: f.assign(site=f.index % 3), "more than one stratum"),
        ({"cluster": None}, lambda f: f, "cluster is not given"),
    ],
)
def test_cluster_refusals(change, edit, words):
    frame = small().assign(t=lambda f: f.room % 2)
    design = {"type": "rct_cluster", "outcome": "y", "treatment": "t", "cluster": "room", **change}
    with pytest.raises(DesignError) as found:
        estimate(edit(frame), design)
    assert words in str(found.value)


@pytest.mark.parametrize(
    "name, edit, words",
    [
        ("new_orleans", lambda f: f.assign(p=1.0), "between 0 and 1"),
        (
            "new_orleans",
            lambda f: f.assign(p=np.linspace(0.2, 0.8, len(f))),
            "different values of assign_prob",
        ),
        ("tulsa", lambda f: f[f.arm != "B"], "no one in arm 'B'"),
        ("lansing", lambda f: f.assign(took=f.invited), "no compliers"),
        ("rochester", lambda f: f.assign(income=f.income + 500), "on the treated side"),
        ("racine", lambda f: f.assign(score=f.track + 0.0), "predict taking part perfectly"),
        (
            "detroit",
            lambda f: pd.concat([f, f.head(2)]),
            "2 rows repeat a unit and period, first unit 'b00' in 2018-10",
        ),
        ("detroit", lambda f: f.assign(start=None), "no unit starts within the panel"),
        ("detroit", lambda f: f.assign(start="2019-07"), "all units start at the same time"),
        ("detroit", lambda f: f.assign(start=f.month), "more than one value of 'cohort'"),
        ("detroit", lambda f: f.assign(month="soon"), "neither a number nor a date"),
        ("newark", lambda f: f.assign(renters=0), "must be above zero"),
        ("newark", lambda f: f.assign(pilot=0), "row(s) with treated = 1"),
        (
            "newark",
            lambda f: f.assign(y=f.y * (f.pilot == 0)),
            "cannot be told from the unit and period effects",
        ),
        ("newark", lambda f: f[(f.pilot == 0) | (f.tract == 3)], "1 treated and 60 never treated"),
    ],
)
def test_design_refusals(name, edit, words):
    frame, design, _ = dgps.ALL[name](np.random.default_rng(0))
    with pytest.raises(DesignError) as found:
        estimate(edit(frame), design)
    assert words in str(found.value)


def test_panel_needs_one_way_to_say_who_was_treated():
    frame, design, _ = dgps.newark(np.random.default_rng(0))
    with pytest.raises(DesignError, match="either 'treatment'"):
        estimate(frame, {**design, "adoption": None})
    frame["back"] = frame.pilot * frame.month.between("2018-01", "2018-06")
    with pytest.raises(DesignError, match="goes back from 1 to 0"):
        estimate(
            frame,
            {k: v for k, v in design.items() if k not in ("treated", "adoption")} | {"treatment": "back"},
        )


def test_diagnose_flags_have_the_record_s_shape():
    frame, design, _ = dgps.lansing(np.random.default_rng(0), complier=0.02, n=2000)
    flags = diagnose(frame, design)
    assert {"weak_first_stage", "small_contrast"} <= {flag["code"] for flag in flags}
    for flag in flags:
        assert set(flag) == {"code", "severity", "scope", "message", "affects_primary"}
        assert flag["severity"] in ("info", "warn", "serious", "block")
    assert [f["severity"] for f in flags if f["code"] == "weak_first_stage"] == ["block"]


@pytest.mark.parametrize(
    "name, edit, code, severity",
    [
        ("new_orleans", lambda f: f.assign(p=0.5), "DQ109", "block"),
        ("dayton", lambda f: f[f.site < 6], "few_clusters", "warn"),
        ("racine", lambda f: f[(f.track == 1) | (f.index % 4 == 0)], "effective_sample", "serious"),
        ("rochester", lambda f: f.iloc[::4], "few_near_cutoff", "serious"),
        ("detroit", lambda f: f[~f.building.isin([f"b{k:02d}" for k in range(9)])], "small_cohort", "warn"),
        ("detroit", lambda f: f.iloc[3:], "unbalanced_panel", "warn"),
        ("newark", lambda f: f[(f.pilot == 0) | (f.tract < 6)], "few_treated_units", "warn"),
    ],
)
def test_diagnose_finds(name, edit, code, severity):
    frame, design, _ = dgps.ALL[name](np.random.default_rng(0))
    assert (code, severity) in {(flag["code"], flag["severity"]) for flag in diagnose(edit(frame), design)}


def test_diagnose_is_quiet_on_sound_data():
    for name in ("cincinnati", "dayton", "lansing", "new_orleans", "tulsa", "racine"):
        frame, design, _ = dgps.ALL[name](np.random.default_rng(0))
        assert [flag for flag in diagnose(frame, design) if flag["severity"] in ("serious", "block")] == [], name


def test_manipulated_cutoff_and_different_trends_are_found():
    # power at these settings: 0.8 and above; the seeds are fixed, so this is one draw of each
    frame, design, _ = dgps.rochester(np.random.default_rng(0), manipulated=True)
    assert "density" in {flag["code"] for flag in diagnose(frame, design)}
    frame, design, _ = dgps.newark(np.random.default_rng(0), trend=-0.02)
    assert "pretrend" in {flag["code"] for flag in diagnose(frame, design)}


def test_descriptive_never_says_effect():
    frame, _, _ = dgps.racine(np.random.default_rng(0))
    frame["month"] = np.where(frame.intake < 4, "2019-04", "2019-10")
    table = estimate(frame, {"type": "descriptive", "outcome": "y", "group": "kid", "time": "month"})
    words = table[["estimand", "contrast", "method", "role", "note"]].to_string() + str(
        diagnose(frame, {"type": "descriptive", "outcome": "y"})
    )
    assert "effect" not in words.lower() and set(table.role) == {"main", "level", "change"}
    assert (table.role == "main").sum() == 1


def test_descriptive_leaves_tiny_cells_out_and_says_so():
    frame = pd.DataFrame({"y": [1.0, 2, 3, 4, 5, 6, 7], "g": list("aaabbbc"), "t": [1, 1, 2, 1, 2, 2, 1]})
    table = estimate(frame, {"type": "descriptive", "outcome": "y", "group": "g", "time": "t"})
    assert "left out" in table.note[0] and np.isfinite(table[["value", "se"]].to_numpy()).all()
    level = estimate(
        pd.DataFrame({"y": [0, 0, 0, 0]}).assign(z=[0, 1, 0, 1]), {"type": "descriptive", "outcome": "z"}
    ).iloc[0]
    assert (level.role, level.value) == ("main", 0.5) and 0 < level.ci_low < level.ci_high < 1


def by_totals(frame):
    """The estimate from four totals (protocol A.7), which needs no dates beyond before and after."""
    total = frame.groupby([frame.pilot == 1, frame.month >= "2019-07"]).y.sum()
    return np.log(total[True, True] / total[False, True] / (total[True, False] / total[False, False]))


@pytest.mark.parametrize(
    "months",
    [
        lambda m: m,
        lambda m: pd.to_datetime(m),
        lambda m: pd.PeriodIndex(m, freq="M"),
        lambda m: pd.to_datetime(m).dt.date,
        lambda m: m.str.replace("-", "").astype(int),
    ],
    ids=["text", "timestamp", "period", "date", "number"],
)
def test_periods_in_any_form(months):
    frame, design, _ = dgps.newark(np.random.default_rng(0))
    frame = frame[frame.tract % 4 == 0]
    frame["now"] = frame.pilot * (frame.month >= "2019-07")
    design = {k: v for k, v in design.items() if k not in ("treated", "adoption")} | {"treatment": "now"}
    row = estimate(frame.assign(month=months(frame.month)), {**design, "options": {"ri_draws": 0}}).iloc[0]
    assert row.value == pytest.approx(by_totals(frame))


@pytest.mark.parametrize("adoption", ["2019-07", "2019-07-01", pd.Timestamp("2019-07-01"), datetime.date(2019, 7, 1)])
def test_adoption_in_any_form(adoption):
    frame, design, _ = dgps.newark(np.random.default_rng(0))
    frame = frame[frame.tract % 4 == 0]
    row = estimate(frame, {**design, "adoption": adoption, "options": {"ri_draws": 0}}).iloc[0]
    assert row.value == pytest.approx(by_totals(frame))
