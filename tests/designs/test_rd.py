"""Discontinuities: published results, another implementation, donuts, windows, placebo cutoffs and heaps."""

import importlib.util

import dgps
import numpy as np
import pandas as pd
import pytest
from causaldata import close_elections_lmb
from published import prints_as
from scipy import stats

from shared_utils.designs import DesignError, _cutoff, _diff_diff, _neighbours, diagnose, estimate, rd, robustness

SENATE = {"type": "rd", "outcome": "vote", "running": "margin", "cutoff": 0}


@pytest.fixture(scope="module")
def senate(published_data):
    return pd.read_csv(published_data / "rdrobust_RDsenate.csv")


@pytest.fixture(scope="module")
def rochester():
    return dgps.rochester(np.random.default_rng(0))


def with_options(design, **options):
    return {**design, "options": options}


def test_senate_incumbency(senate, rows_of):
    # Calonico, Cattaneo, Farrell and Titiunik 2017 (rdrobust): 7.414 (1.459), robust interval 4.094 to 10.919
    rows = rows_of(senate, SENATE)
    main, conventional = rows["main"], rows["conventional"]
    assert prints_as(conventional.value, "7.414") and prints_as(conventional.se, "1.459")
    assert prints_as(main.ci_low, "4.094") and prints_as(main.ci_high, "10.919")
    assert prints_as(main.value / main.se, "4.311")
    assert prints_as(main.bandwidth, "17.754") and prints_as(main.bias_bandwidth, "28.028")
    assert (main.n_comparison, main.n_treated) == (360, 323)


def test_senate_density(published_data):
    # Cattaneo, Jansson and Ma 2018 (rddensity)
    found = _diff_diff.density_test(pd.read_csv(published_data / "rddensity_senate.csv").margin)
    assert prints_as(found.t, "-0.8753") and prints_as(found.p, "0.3814")
    assert prints_as(found.h[0], "19.841") and prints_as(found.h[1], "27.119")
    assert found.n == (408, 460)


def test_close_house_elections():
    # Lee, Moretti and Butler 2004, as in Cunningham's Mixtape: means within two points of the limit, errors by
    # district. The published s.e. are CR1; with 1,900 rows and many districts CR2 rounds to the same figures.
    house = close_elections_lmb.load_pandas().data
    near = house[house.lagdemvoteshare.between(0.48, 0.52, inclusive="neither")]
    window = {"estimator": "local_randomization", "window": 0.02, "ri_draws": 0}
    design = {"type": "rd", "running": "lagdemvoteshare", "cutoff": 0.5, "cluster": "id", "options": window}
    for outcome, value, se in (("score", "21.28", "1.95"), ("democrat", "0.484", "0.029")):
        main = estimate(near, {**design, "outcome": outcome}).iloc[0]
        assert prints_as(main.value, value) and prints_as(main.se, se) and main.n == len(near)
    # the effect of holding the seat now, in the same districts: any distance from the limit counts
    won = {**design, "outcome": "score", "running": "democrat", "options": {**window, "window": 1}}
    main = estimate(near, won).iloc[0]
    assert prints_as(main.value, "47.71") and prints_as(main.se, "1.36")


def test_equals_rdrobust_and_rddensity(senate, rochester):
    rdrobust = pytest.importorskip("rdrobust", reason="rdrobust (GPL) is installed beside the project only")
    rddensity = pytest.importorskip("rddensity", reason="rddensity (GPL) is installed beside the project only")
    frame, design, _ = rochester
    side = 200 - frame.income
    for options, mine in (
        ({}, {}),
        ({"covs": frame[["zb"]]}, {"covariates": frame[["zb"]]}),
        ({"fuzzy": frame.took}, {"received": frame.took}),
        ({"h": 40.0}, {"bandwidth": 40.0}),
        ({"kernel": "uniform", "p": 2}, {"kernel": "uniform", "p": 2}),
    ):
        oracle = rdrobust.rdrobust(frame.y, side, **options)
        ours = _diff_diff.discontinuity(frame.y, side, **mine)
        expected = [*oracle.coef.to_numpy()[:2, 0], oracle.se.to_numpy()[2, 0], *oracle.ci.to_numpy()[2]]
        assert [ours.conventional, ours.value, ours.se, *ours.interval] == pytest.approx(expected, rel=1e-6)
        assert ours.h[0] == pytest.approx(oracle.bws.to_numpy()[0, 0], rel=1e-6)
    density = rddensity.rddensity(senate.margin.to_numpy())
    found = _diff_diff.density_test(senate.margin)
    assert [found.t, found.p] == pytest.approx([density.test["t_jk"], density.test["p_jk"]], rel=1e-6)


def test_donut_is_the_estimate_without_those_rows(rochester, rows_of):
    frame, design, _ = rochester
    row = rows_of(frame, with_options(design, donut=5))["main"]
    left = frame[(frame.income - 200).abs() >= 5]
    assert row.value == rows_of(left, design)["main"].value and row.n == len(left)
    assert f"{len(frame) - len(left)} rows closer to the cutoff than 5 left out" in row.note


def test_without_a_bandwidth_of_its_own_the_late_has_that_of_the_main_row(rows_of):
    frame, design, _ = dgps.rochester(np.random.default_rng(46), effect=0.0, manipulated=True)
    rows = rows_of(frame, design)
    assert rows["late"].bandwidth == rows["main"].bandwidth and "that of the main row" in rows["late"].note


def test_local_randomisation_is_the_trial_within_the_window(rochester, rows_of):
    frame, design, _ = rochester
    rows = rows_of(frame, with_options(design, estimator="local_randomization", window=5))
    near = frame[(frame.income - 200).abs() <= 5].assign(offer=lambda f: (f.income <= 200).astype(int))
    trial = {"type": "rct_individual", "outcome": "y", "treatment": "offer", "received": "took", "covariates": ["zb"]}
    expected = rows_of(near, trial)
    for mine, theirs in (("main", "main"), ("unadjusted", "unadjusted"), ("late", "cace")):
        assert rows[mine].value == pytest.approx(expected[theirs].value)
        assert rows[mine].se == pytest.approx(expected[theirs].se)
    assert rows["main"].p_ri == expected["main"].p_ri and rows["main"].bandwidth == 5


def test_narrowest_window_holds_twenty_rows_a_side(rochester, rows_of):
    frame, design, _ = rochester
    row = rows_of(frame, with_options(design, estimator="local_randomization"))["main"]
    gap = frame.income - 200
    assert min(row.n_treated, row.n_comparison) >= 20 and row.n_treated == ((gap <= 0) & (-gap <= row.bandwidth)).sum()
    assert min(((gap <= 0) & (-gap < row.bandwidth)).sum(), ((gap > 0) & (gap < row.bandwidth)).sum()) < 20


@pytest.mark.full
def test_specifications_are_those_of_the_protocol(rochester):
    frame, design, _ = rochester
    table = robustness(frame, design, mwe=200).set_index("specification")
    h = estimate(frame, design).iloc[0].bandwidth
    wide = estimate(frame, with_options(design, bandwidth=1.5 * h)).iloc[0]
    assert table.loc["bandwidth_x1.5"].value == pytest.approx(wide.value)
    expected = {f"bandwidth_x{k:g}" for k in (0.5, 0.75, 1.25, 1.5, 2)} | {"donut_x0.05", "donut_x0.1", "no_covariates"}
    expected |= {"planned", "uniform", "quadratic", "local_randomization", "placebo_eligible", "placebo_not_eligible"}
    assert set(table.index) == expected and np.isfinite(table.value.astype(float)).all()
    placebo = table[table.kind == "placebo"]
    assert (placebo.decision == "").all() and placebo.n.sum() == len(frame)  # each on its own side of the limit
    assert (table[table.kind == "choice"].decision != "").all()


def test_specifications_of_a_window(rochester):
    frame, design, _ = rochester
    lot = {"estimator": "local_randomization", "ri_draws": 0}
    table = robustness(frame, with_options(design, **lot, window=5)).set_index("specification")
    wide = estimate(frame, with_options(design, **lot, window=10))
    assert table.loc["window_x2"].value == pytest.approx(wide.value[0])
    assert table.loc["local_polynomial"].value == pytest.approx(estimate(frame, design).value[0])


def test_continuity_tests_each_measure_as_the_outcome(rochester):
    frame, design, _ = rochester
    rng = np.random.default_rng(0)
    frame = frame.assign(
        jumps=rng.normal(size=len(frame)) + 2 * (frame.income <= 200),
        home=pd.Categorical(rng.choice(["rents", "owns"], len(frame)), ["rents", "owns", "unused"]),
        same=1.0,
    )
    table = rd.continuity(frame, design, ["zb", "jumps", "home", "same"]).set_index("covariate")
    alone = {key: value for key, value in design.items() if key not in ("covariates", "received")}
    assert table.loc["zb"].value == estimate(frame, {**alone, "outcome": "zb"}).value[0]
    assert table.p_holm["jumps"] == pytest.approx(min(1, 3 * table.p["jumps"])) and table.p_holm["jumps"] < 0.001
    assert table.p_holm.drop(["jumps", "same"]).gt(0.05).all() and "home=rents" in table.index
    assert np.isnan(table.value["same"]) and "is 1 in all" in table.note["same"]


def test_density_flag_says_what_it_could_have_found(senate):
    flag = next(one for one in diagnose(senate, SENATE) if one["code"] == "density")
    assert flag["severity"] == "info" and not flag["affects_primary"]
    assert "finds a jump in numbers of" in flag["message"] and "can miss" in flag["message"]


@pytest.mark.full
def test_density_finds_the_jump_it_says_in_eight_of_ten_samples():
    samples = [np.random.default_rng(seed).uniform(-1, 1, 800) for seed in range(40)]
    jump = np.median([_diff_diff.density_test(sample).detectable for sample in samples])
    found = 0
    for seed in range(100):
        rng = np.random.default_rng(1000 + seed)
        sample = rng.uniform(0, 1, 800) * np.where(rng.random(800) < (1 + jump / 2) / 2, 1, -1)
        found += _diff_diff.density_test(sample).p < 0.05
    assert stats.binom.ppf(0.001, 100, 0.8) <= found <= stats.binom.ppf(0.999, 100, 0.8)


@pytest.mark.parametrize(
    "income, heaped",
    [
        (lambda x, u: x, None),
        (lambda x, u: np.where(u < 0.2, np.round(x / 5) * 5, x), 5),
        (lambda x, u: np.round(x), None),  # recorded in whole points: nothing stands out
        (lambda x, u: np.where(u < 0.3, np.round(x / 10) * 10, np.round(x)), 10),
    ],
    ids=["continuous", "a fifth on fives", "whole points", "whole points, a third on tens"],
)
def test_heap(income, heaped):
    rng = np.random.default_rng(0)
    found = _cutoff.heap(income(rng.uniform(150, 250, 1500), rng.random(1500)), 50)
    assert (found is None) if heaped is None else (found[0] == heaped and found[1] > found[2] + 0.1)


def test_manipulated_cutoff_is_blocked():
    frame, design, _ = dgps.rochester(np.random.default_rng(0), manipulated=True)
    assert ("density", "block") in {(flag["code"], flag["severity"]) for flag in diagnose(frame, design)}


@pytest.mark.parametrize(
    "change, words",
    [
        ({"cluster": "took"}, "cluster is used by options.estimator: local_randomization only"),
        ({"options": {"estimator": "local_randomization", "window": 1e-9}}, "the window of 1e-09 holds"),
        ({"options": {"donut": 500}}, "0 row(s) on the treated side"),
        ({"options": {"window": -1}}, "not a number from 0"),
        ({"cutoff": "two hundred"}, "is not a number"),
    ],
)
def test_refusals(rochester, change, words):
    frame, design, _ = rochester
    with pytest.raises(DesignError) as found:
        estimate(frame, {**design, **change})
    assert words in str(found.value) and found.value.hint


@pytest.mark.full
def test_manipulation_is_found_and_a_donut_undoes_it():
    # pilots.md, scenario manipulated_cutoff: savers just above the limit report less. With no effect at all the
    # planned analysis finds one (about 220 USD); without the rows within 8 of the limit, where they moved, it is gone.
    planned, donut, blocked = [], [], 0
    for seed in range(60):
        frame, design, _ = dgps.rochester(np.random.default_rng(seed), effect=0.0, manipulated=True)
        design = {key: value for key, value in design.items() if key not in ("received", "covariates")}
        planned.append(estimate(frame, design).value[0])
        donut.append(estimate(frame, with_options(design, donut=8)).value[0])
        blocked += any(flag["code"] == "density" and flag["severity"] == "block" for flag in diagnose(frame, design))
    assert blocked >= 57
    assert np.mean(planned) > 100
    assert abs(np.mean(donut)) <= 4 * np.std(donut, ddof=1) / np.sqrt(60)


@pytest.mark.full
def test_donut_and_window_cover():
    # a linear truth, so that leaving rows out or keeping few adds no bias; the window is flat
    covered = np.zeros(2)
    for seed in range(150):
        rng = np.random.default_rng(seed)
        x = rng.uniform(-1, 1, 1500)
        y = 0.5 * x * (np.abs(x) > 0.1) + 1.0 * (x >= 0) + rng.normal(size=1500)
        frame = pd.DataFrame({"y": y, "x": x})
        design = {"type": "rd", "outcome": "y", "running": "x", "cutoff": 0}
        lot = {"estimator": "local_randomization", "window": 0.1, "ri_draws": 0}
        for k, options in enumerate(({"donut": 0.05}, lot)):
            row = estimate(frame, with_options(design, **options)).iloc[0]
            covered[k] += row.ci_low <= 1 <= row.ci_high
    assert (covered >= stats.binom.ppf(0.001, 150, 0.95)).all()


def test_neighbours_are_those_that_the_library_finds_one_by_one():
    # a copy of its own, since a fit replaces the loop of the library
    spec = importlib.util.find_spec("diff_diff._rdrobust_port")
    library = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(library)
    rng = np.random.default_rng(4)
    for n, digits in ((2, 6), (3, 0), (40, 0), (60, 1), (200, 2), (300, 6)):  # few digits: many rows share a value
        x, y, t, z = np.sort(rng.normal(size=n).round(digits)), *rng.normal(size=(2, n)), rng.normal(size=(n, 2))
        ties = library.compute_dups_dupsid(x)
        for more in ({}, {"t": t}, {"z": z}, {"t": t, "z": np.asfortranarray(z)}):
            with np.errstate(invalid="ignore", divide="ignore"):
                own, theirs = (f(x, y, 3, *ties, **more) for f in (_neighbours.residuals, library.rdrobust_res_nn))
            np.testing.assert_array_equal(own, theirs)
