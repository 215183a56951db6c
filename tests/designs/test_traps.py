"""What must not change an estimate, and what must change it in a known way, for every design."""

import dgps
import numpy as np
import pandas as pd
import pytest

from shared_utils.designs import DesignError, estimate

NAMES = list(dgps.ALL)


def draw(name):
    """One draw of a process, thinned where a fit takes long: what is tested here does not need many units."""
    frame, design, _ = dgps.ALL[name](np.random.default_rng(11))
    thin = {
        "newark": lambda f: f[f.tract % 4 == 0],
        "detroit": lambda f: f[f.building.str[1:].astype(int) % 3 == 0],
        "rochester": lambda f: f.iloc[::2],
        "lansing": lambda f: f.iloc[::3],
    }
    frame = thin.get(name, lambda f: f)(frame).reset_index(drop=True)
    if name in ("dayton", "cincinnati", "tulsa", "lansing", "new_orleans", "newark"):
        design = {**design, "options": {"ri_draws": 99}}
    return frame, design


def numbers(table):
    return table.select_dtypes("number").astype(float)


@pytest.mark.parametrize("name", NAMES)
def test_row_order_changes_nothing_not_even_the_last_bit(name):
    frame, design = draw(name)
    shuffled = frame.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(estimate(frame, design), estimate(shuffled, design), check_exact=True)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_is_not_a_number_is_passed_on(name):
    frame, design = draw(name)
    table = estimate(frame, design)
    assert np.isfinite(table[["value", "se", "level"]].to_numpy(float)).all() and (table.se > 0).all()
    main = table[table.role == "main"]
    assert len(main) == (2 if name == "tulsa" else 1)
    assert np.isfinite(main[["ci_low", "ci_high", "p", "mean_comparison"]].to_numpy(float)).all()
    assert ((main.ci_low <= main.value) & (main.value <= main.ci_high)).all()
    assert main[["n", "n_treated", "n_comparison", "n_missing"]].notna().all(axis=None)
    assert (table.n + table.n_missing <= len(frame)).all()


@pytest.mark.parametrize("name", NAMES)
def test_ten_times_the_outcome_is_ten_times_the_estimate(name):
    frame, design = draw(name)
    if name == "racine":
        design = {**design, "outcome": "points"}
        frame["points"] = frame.y + 0.1 * frame.score  # a 0/1 outcome times ten gets another outcome model
    one = estimate(frame, design)
    ten = estimate(frame.assign(**{design["outcome"]: frame[design["outcome"]] * 10}), design)
    factor = np.where(one.estimand == "share taking part", 1, 1 if name == "newark" else 10)
    for column in ("value", "se"):
        assert ten[column].to_numpy() == pytest.approx(one[column].to_numpy() * factor, rel=1e-6, abs=1e-9)
    assert ten.p.to_numpy() == pytest.approx(one.p.to_numpy(), abs=1e-8, nan_ok=True)


def swapped(name, frame, design):
    """The same data with the two groups' names exchanged."""
    if name == "rochester":
        return frame, {k: v for k, v in design.items() if k != "received"} | {"treated_side": "above"}
    if name == "tulsa":
        return frame, {**design, "contrasts": [pair[::-1] for pair in design["contrasts"]]}
    if name == "new_orleans":
        frame = frame.assign(p=1 - frame.p)
    if name == "racine":
        design = {**design, "options": {"estimand": "ATE"}}
    flip = {
        "cincinnati": ["offer", "took"],
        "dayton": ["treated"],
        "lansing": ["invited", "took"],
        "new_orleans": ["won", "took"],
        "racine": ["track"],
    }[name]
    return frame.assign(**{column: 1 - frame[column] for column in flip}), design


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("detroit", "newark")])
def test_exchanging_the_groups_flips_the_sign_and_keeps_the_error(name):
    frame, design = draw(name)
    other_frame, other_design = swapped(name, frame, design)
    if name == "racine":
        design = other_design
    one, two = (t[t.role == "main"] for t in (estimate(frame, design), estimate(other_frame, other_design)))
    assert two.value.to_numpy() == pytest.approx(-one.value.to_numpy(), rel=1e-6)
    assert two.se.to_numpy() == pytest.approx(one.se.to_numpy(), rel=1e-6)
    assert two.ci_high.to_numpy() == pytest.approx(-one.ci_low.to_numpy(), rel=1e-5)


KEYS = ("treatment", "received", "instrument", "arm", "cluster", "strata", "unit", "treated", "outcome")


def dtyped(frame, design, convert):
    names = {
        n
        for key in KEYS
        for n in ([design[key]] if isinstance(design.get(key), str) else design.get(key, []))
        if n in frame
    }
    return frame.assign(**{name: convert(frame[name], name) for name in names})


@pytest.mark.full  # test_properties.py asks it of small tables at every change
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "convert",
    [
        lambda s, n: s.convert_dtypes(),
        lambda s, n: s.astype("category") if s.nunique() < 3 else s,
        lambda s, n: s.astype("float64").astype("Float64") if pd.api.types.is_numeric_dtype(s) else s.astype("string"),
        lambda s, n: s.map(lambda v: None if pd.isna(v) else str(v)) if set(s.dropna()) <= {0, 1} else s,
    ],
    ids=["nullable", "categorical", "Float64 and string", "text 0/1"],
)
def test_dtypes_do_not_matter(name, convert):
    frame, design = draw(name)
    one = estimate(frame, design)
    two = estimate(dtyped(frame, design, convert), design)
    pd.testing.assert_frame_equal(numbers(one), numbers(two))


def test_booleans_are_0_and_1():
    frame, design = draw("cincinnati")
    yes = frame.assign(
        offer=frame.offer == 1,
        took=frame.took == 1,
        y=(frame.y == 1).astype("boolean").where(frame.y.notna()),
    )
    pd.testing.assert_frame_equal(numbers(estimate(frame, design)), numbers(estimate(yes, design)))


def test_an_unused_category_is_no_stratum():
    frame, design = draw("cincinnati")
    site = frame.site.astype(str).astype(pd.CategoricalDtype([*"0123", "never opened"]))
    pd.testing.assert_frame_equal(numbers(estimate(frame, design)), numbers(estimate(frame.assign(site=site), design)))


def test_a_stratum_with_one_group_is_left_out_and_said():
    frame, design = draw("cincinnati")
    frame.loc[(frame.site == 0) & (frame.emp0 == 1) & (frame.offer == 0), "y"] = np.nan
    row = estimate(frame, design).iloc[0]
    left = int(((frame.site == 0) & (frame.emp0 == 1) & frame.y.notna()).sum())
    assert f"1 strata with one group only ({left} rows) left out" in row.note
    assert row.n == frame.y.notna().sum() - left


def test_a_stratum_with_one_person_of_a_group_still_has_a_standard_error():
    frame, design = draw("cincinnati")
    cell = frame[(frame.site == 0) & (frame.emp0 == 1) & (frame.offer == 0)].index[1:]
    row = estimate(frame.drop(cell), design).iloc[0]
    assert np.isfinite(row.se) and "not interacted" in row.note


def test_a_rare_category_does_not_break_hc2():
    frame, design = draw("cincinnati")
    frame["rare"] = np.where(frame.index.isin(frame.index[frame.offer == 1][:1]), "one", "others")
    row = estimate(frame, {**design, "covariates": ["rare", "hs"]}).iloc[0]
    plain = estimate(frame, {**design, "covariates": ["hs"]}).iloc[0]
    assert row.se == pytest.approx(plain.se, rel=0.05) and row.value == pytest.approx(plain.value, abs=0.01)


def test_a_repeated_or_constant_covariate_changes_nothing():
    frame, design = draw("dayton")
    frame["again"], frame["constant"] = 3 * frame.x - 1, 7
    one, two = estimate(frame, design), estimate(frame, {**design, "covariates": ["x", "again", "constant"]})
    assert two.value.to_numpy() == pytest.approx(one.value.to_numpy())
    assert two.se.to_numpy() == pytest.approx(one.se.to_numpy())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "edit",
    [lambda f, y: f.head(3), lambda f, y: f.assign(**{y: 1.0}), lambda f, y: f.assign(**{y: np.nan})],
    ids=["three rows", "constant outcome", "no outcome"],
)
def test_too_little_is_refused_in_words(name, edit):
    frame, design = draw(name)
    with pytest.raises(DesignError) as found:
        estimate(edit(frame, design["outcome"]), design)
    assert name in NAMES and len(found.value.message) > 30


def test_variables_named_like_formula_functions_do_no_harm():
    C = I = Q = 3  # noqa: E741, F841  a notebook's own names: patsy formulas would pick them up
    frame, design = draw("cincinnati")
    named = frame.rename(columns={"hs": "C", "kid6": "Q"})
    one, two = estimate(frame, design), estimate(named, {**design, "covariates": ["C", "Q"]})
    assert two.value.to_numpy() == pytest.approx(one.value.to_numpy())


def test_weights_count_people_and_reach_the_permutation_p():
    frame, design = draw("cincinnati")
    design = {k: v for k, v in design.items() if k not in ("received", "covariates")} | {"options": {"ri_draws": 999}}
    double = pd.concat([frame, frame[frame.hs == 1]])
    one = estimate(frame.assign(w=1.0 + frame.hs), {**design, "weights": "w"}).iloc[0]
    two = estimate(double, design).iloc[0]
    assert one.value == pytest.approx(two.value) and one.mean_comparison == pytest.approx(two.mean_comparison)
    assert one.se > two.se  # copies are not new people
    plain = estimate(frame, design).iloc[0]
    assert estimate(frame.assign(w=3.0), {**design, "weights": "w"}).iloc[0].p_ri == plain.p_ri


def test_a_person_with_a_coefficient_of_their_own_does_not_break_hc2():
    frame, design = draw("cincinnati")
    frame["alone"] = (frame.index == frame.index[frame.y.notna()][0]).astype(int)
    row = estimate(frame, {**design, "covariates": ["alone"]}).iloc[0]
    without = estimate(frame[frame.alone == 0], {**design, "covariates": []}).iloc[0]
    assert row.se == pytest.approx(without.se, rel=0.02)
