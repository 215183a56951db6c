"""What holds for every design type, on small tables drawn by hypothesis. A new type is one line in TABLES.

test_traps.py asks the same of the nine cities' designs at full size; here are all types, and what can be said of any.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_utils.designs import REGISTRY, DesignError, diagnose, estimate

few = settings(max_examples=1, deadline=None, derandomize=True, database=None)
seeds = st.integers(0, 10_000)


def people(rng, n=96):
    """People in 12 rooms of 3 sites, half of them (and half of each site's rooms) treated."""
    room = np.arange(n) // 8
    frame = pd.DataFrame({"room": [f"r{k}" for k in room], "site": np.array(["N", "E", "S"])[room // 4 % 3]})
    frame["x"], frame["grade"] = rng.normal(size=n), rng.choice(["low", "mid", "high"], n)
    frame["t"], frame["whole"] = np.arange(n) % 2, (room % 4 < 2).astype(int)
    frame["took"] = np.where(rng.random(n) < 0.8, frame.t, 1 - frame.t)
    frame["arm"] = np.array(["control", "A", "B"])[np.arange(n) % 3]
    frame["odds"] = 0.5
    frame["y"] = frame.x + 0.4 * frame.took + rng.normal(size=n) + 0.3 * rng.normal(size=n // 8)[room]
    frame["months"] = np.minimum(np.ceil(rng.exponential(12, n)), 18)
    frame["done"] = ((frame.months < 18) & (rng.random(n) < 0.8)).astype(int)
    frame["period"] = np.where(np.arange(n) // 2 % 2, "2019-01", "2019-02")
    frame["score"] = rng.uniform(-50, 50, n) // 0.25 / 4
    return frame


def panel(rng, units=12, periods=9):
    """Units over periods, a third of them adopting at the fifth or sixth."""
    unit, time = np.repeat(np.arange(units), periods), np.tile(np.arange(periods), units)
    frame = pd.DataFrame({"unit": [f"u{k:02d}" for k in unit], "year": 2001 + time})
    start = np.where(unit < units // 3, 2006 + unit % 2, np.nan)
    frame["cohort"], frame["now"] = start, (frame.year >= start) * 1
    frame["y"] = 20 + rng.normal(size=units)[unit] + 0.3 * time + 0.5 * frame.now + 0.4 * rng.normal(size=len(frame))
    return frame


def series(rng):
    n = 40
    time = np.arange(n)
    return pd.DataFrame({"period": time, "y": 50 + 0.2 * time + 3 * (time >= 24) + rng.normal(size=n)})


PERSON = {"outcome": "y", "covariates": ["x", "grade"]}
TABLES = {
    "rct_individual": (people, {**PERSON, "treatment": "t", "received": "took", "strata": "site"}),
    "rct_cluster": (people, {**PERSON, "treatment": "whole", "cluster": "room", "strata": "site"}),
    "rct_blocked_lottery": (people, {**PERSON, "treatment": "t", "assign_prob": "odds", "strata": "site"}),
    "rct_multiarm": (people, {**PERSON, "arm": "arm", "control": "control", "strata": "site"}),
    "iv_encouragement": (people, {**PERSON, "instrument": "t", "treatment": "took", "strata": "site"}),
    "observational_aipw": (people, {**PERSON, "treatment": "took"}),
    "rd": (lambda rng: people(rng, 240), {"outcome": "y", "running": "score", "cutoff": 0, "treated_side": "above"}),
    "did_staggered": (panel, {"outcome": "y", "unit": "unit", "time": "year", "cohort": "cohort"}),
    "panel_did": (
        panel,
        {"outcome": "y", "unit": "unit", "time": "year", "treatment": "now", "options": {"family": "linear"}},
    ),
    "synthetic_control": (
        panel,
        {"outcome": "y", "unit": "unit", "time": "year", "treated_units": ["u00"], "adoption": 2006},
    ),
    "interrupted_time_series": (series, {"outcome": "y", "time": "period", "interruption": 24}),
    "time_to_event": (people, {"outcome": "months", "treatment": "t", "duration": "months", "event": "done"}),
    "descriptive": (people, {"outcome": "y", "group": "site", "time": "period"}),
}
KINDS = list(TABLES)


def table_of(kind, seed):
    """(frame, design) with few draws."""
    make, design = TABLES[kind]
    design = {"type": kind, **design}
    if "ri_draws" in REGISTRY[kind].SPEC.options:
        design["options"] = {**design.get("options", {}), "ri_draws": 19}
    return make(np.random.default_rng(seed)), design


def same(one, two, **tolerance):
    """All numbers alike, and the words too."""
    left, right = (t.select_dtypes("number").astype(float) for t in (one, two))
    pd.testing.assert_frame_equal(left, right, **{"rtol": 1e-6, "atol": 1e-9, **tolerance})
    assert one.role.tolist() == two.role.tolist() and one.method.tolist() == two.method.tolist()


def test_every_type_is_here():
    assert set(TABLES) == set(REGISTRY)


@pytest.mark.parametrize("kind", KINDS)
@few
@given(seed=seeds)
def test_rows_index_and_other_columns_do_not_matter(kind, seed):
    frame, design = table_of(kind, seed)
    other = frame.sample(frac=1, random_state=seed).assign(note="x", **{"another y": 7})
    other.index = ["same"] * len(other)
    same(estimate(frame, design), estimate(other, design))


@pytest.mark.parametrize("kind", KINDS)
@few
@given(seed=seeds)
def test_the_names_of_columns_do_not_matter(kind, seed):
    C = I = Q = np = pd = 3  # noqa: E741, F841  a notebook's own names
    frame, design = table_of(kind, seed)
    awkward = ["C", "I", "Q", "a b", "x:y", "(1|z)", "señal", "np", "0", "treatment", "_", "y ~ x", "weights", "const"]
    names = dict(zip(frame.columns, awkward, strict=False))

    def renamed(value):
        if isinstance(value, list):
            return [names.get(one, one) for one in value]
        return names.get(value, value) if isinstance(value, str) else value

    words = ("type", "control", "treated_side")
    other = {key: value if key in words else renamed(value) for key, value in design.items()}
    same(estimate(frame, design), estimate(frame.rename(columns=names), other))


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "time_to_event"])
@few
@given(seed=seeds, factor=st.sampled_from([0.01, 3.0, 1000.0]), shift=st.sampled_from([0.0, 50.0]))
def test_the_unit_of_the_outcome_scales_the_estimate(kind, seed, factor, shift):
    frame, design = table_of(kind, seed)
    one = estimate(frame, design).query("role == 'main'").reset_index()
    two = estimate(frame.assign(y=frame.y * factor + shift), design).query("role == 'main'").reset_index()
    level = shift if kind == "descriptive" and one.estimand[0] == "level" else 0.0
    assert two.value.to_numpy() == pytest.approx(one.value * factor + level, rel=1e-5, abs=1e-6 * factor)
    assert two.se.to_numpy() == pytest.approx(one.se * factor, rel=1e-4)
    assert two.mean_comparison.to_numpy() == pytest.approx(one.mean_comparison * factor + shift, rel=1e-5, nan_ok=True)
    assert two.p.to_numpy() == pytest.approx(one.p, rel=1e-4, abs=1e-9, nan_ok=True)
    assert two.p_ri.to_numpy() == pytest.approx(one.p_ri, nan_ok=True)


def test_the_unit_of_time_does_not_matter_to_a_hazard_ratio():
    frame, design = table_of("time_to_event", 1)
    one, two = estimate(frame, design), estimate(frame.assign(months=frame.months * 30), design)
    assert one.value[0] == pytest.approx(two.value[0]) and one.se[0] == pytest.approx(two.se[0])


RENAMED = {
    "rct_cluster": ("room", "site"),
    "rct_individual": ("site",),
    "rct_blocked_lottery": ("site",),
    "iv_encouragement": ("site",),
    "did_staggered": ("unit",),
    "panel_did": ("unit",),
}


@pytest.mark.parametrize("kind", list(RENAMED))
@few
@given(seed=seeds)
def test_labels_of_strata_clusters_and_units_do_not_matter(kind, seed):
    frame, design = table_of(kind, seed)
    design = {**design, "options": {**design.get("options", {}), **({"ri_draws": 0} if "options" in design else {})}}
    rng, other = np.random.default_rng(seed), frame.copy()
    for name in RENAMED[kind]:
        labels = frame[name].unique()
        other[name] = frame[name].map(dict(zip(labels, rng.permutation(len(labels)) - 3, strict=True)))
    same(estimate(frame, design), estimate(other, design))


@few
@given(seed=seeds)
def test_names_of_arms_do_not_matter(seed):
    frame, design = table_of("rct_multiarm", seed)
    design = {**design, "options": {"ri_draws": 0}, "contrasts": [["A", "control"], ["B", "control"]]}
    numbered = {"control": 2, "A": 0, "B": 1}
    other = {**design, "control": 2, "contrasts": [[0, 2], [1, 2]]}
    one, two = estimate(frame, design), estimate(frame.assign(arm=frame.arm.map(numbered)), other)
    assert two.value.to_numpy() == pytest.approx(one.value) and two.se.to_numpy() == pytest.approx(one.se)
    back = estimate(frame, {**design, "contrasts": [["control", "A"], ["control", "B"]]})
    assert back.value[:2].to_numpy() == pytest.approx(-one.value[:2])
    assert back.se[:2].to_numpy() == pytest.approx(one.se[:2])


@few
@given(seed=seeds)
def test_room_numbers_that_begin_anew_in_each_site(seed):
    frame, design = table_of("rct_cluster", seed)
    design["options"] = {"ri_draws": 0}  # clusters in another order are drawn in another order
    frame["number"] = frame.room.str[1:].astype(int) % 4
    one = estimate(frame, design)
    same(one, estimate(frame, {**design, "cluster": ["site", "number"]}))  # site and number name a room
    with pytest.raises(DesignError, match="lies in more than one stratum"):
        estimate(frame, {**design, "cluster": "number"})
    merged = estimate(frame, {k: v for k, v in design.items() if k != "strata"} | {"cluster": "number"})
    assert merged.n_clusters[0] == 4 < one.n_clusters[0] == 12  # fewer, larger clusters, and the row says so


@few
@given(seed=seeds)
def test_twice_the_people_of_every_cluster_are_no_more_clusters(seed):
    frame, design = table_of("rct_cluster", seed)
    design = {**design, "strata": None, "covariates": []}
    tables = (estimate(frame, design), estimate(pd.concat([frame, frame]), design))
    one, two = (table[table.role != "wild"] for table in tables)  # its CR1 has a factor that counts people
    for column in ("value", "se", "df", "ci_low", "p_ri", "n_clusters"):  # cluster means are what the test rests on
        assert two[column].to_numpy(float) == pytest.approx(one[column].to_numpy(float), nan_ok=True), column
    assert (two.n == 2 * one.n).all()


CODED = {
    "nullable": lambda s: s.convert_dtypes(),
    "object": lambda s: s.astype(object),
    "category with unused levels": lambda s: (
        s.astype(pd.CategoricalDtype([*sorted(s.unique()), "unused"])) if pd.api.types.is_string_dtype(s) else s
    ),
    "boolean": lambda s: s.astype(bool) if set(s.dropna().unique()) == {0, 1} else s,
    "nullable integers": lambda s: s.astype("Int64") if s.dtype == int else s,
}


@pytest.mark.parametrize("coding", list(CODED))
@pytest.mark.parametrize("kind", KINDS)
def test_dtypes_do_not_matter(kind, coding):
    frame, design = table_of(kind, 5)
    other = frame.assign(**{name: CODED[coding](frame[name]) for name in frame})
    same(estimate(frame, design), estimate(other, design))


def only_one_group(frame, design):
    key = next(k for k in ("treatment", "instrument") if k in design)
    return frame.assign(y=frame.y.where((frame.site != "N") | (frame[design[key]] == 1)))


BROKEN = {
    "constant outcome": lambda f, d: f.assign(**{d["outcome"]: 1.0}),
    "no outcome": lambda f, d: f.assign(**{d["outcome"]: np.nan}),
    "three rows": lambda f, d: f.head(3),
    "one row": lambda f, d: f.head(1),
    "two values": lambda f, d: f.assign(**{d["outcome"]: (np.arange(len(f)) == 0) * 1.0}),
    "outcome is the row number": lambda f, d: f.assign(**{d["outcome"]: np.arange(len(f)) + 1.0}),
    "huge outcome": lambda f, d: f.assign(**{d["outcome"]: f[d["outcome"]] * 1e12}),
}
PEOPLE = {
    "empty covariate": lambda f, d: f.assign(x=np.nan),
    "constant covariate": lambda f, d: f.assign(x=1, grade="same"),
    "covariate is the treatment": lambda f, d: f.assign(x=f[d.get("treatment", "t")] * 1.0),
    "covariate predicts the outcome": lambda f, d: f.assign(x=f.y),
    "a stratum without one group": only_one_group,
    "a stratum without outcomes": lambda f, d: f.assign(y=f.y.where(f.site != "N")),
    "every person a stratum": lambda f, d: f.assign(site=np.arange(len(f))),
    "every person a cluster": lambda f, d: f.assign(room=np.arange(len(f)), whole=f.t),
    "mostly missing": lambda f, d: f.assign(y=f.y.where(f.index % 12 < 2)),
}
TRIALS = ("rct_individual", "rct_cluster", "rct_blocked_lottery", "iv_encouragement")
CASES = [(k, name, edit) for k in KINDS for name, edit in BROKEN.items()]
CASES += [(k, name, edit) for k in TRIALS for name, edit in PEOPLE.items()]


@pytest.mark.parametrize("kind, name, edit", CASES, ids=[f"{k}: {name}" for k, name, _ in CASES])
def test_a_broken_table_is_refused_in_words_or_gives_numbers(kind, name, edit):
    frame, design = table_of(kind, 7)
    broken = edit(frame, design)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for call in (estimate, diagnose):
            try:
                found = call(broken, design)
            except DesignError as refused:
                assert len(refused.message) > 30 and "nan" not in refused.message.lower().split(), refused.message
                continue
            if call is estimate:
                main = found[found.role == "main"]
                assert len(main) >= 1 and (main.se > 0).all()
                assert np.isfinite(main[["value", "se"]].to_numpy(float)).all()
                assert main[["ci_low", "ci_high"]].notna().all(axis=None)
                assert (main.p.isna() | main.p.between(0, 1)).all()
