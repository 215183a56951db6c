"""Balance and attrition against published and hand-computed values."""

import numpy as np
import pandas as pd
import pytest
from causaldata import nsw_mixtape

from shared_utils.stats import attrition, balance, randomization

NSW = nsw_mixtape.load_pandas().data


def test_cox_index_known_values():
    assert balance.cox_index(0.575, 0.499) == pytest.approx(0.186, abs=5e-4)
    assert balance.cox_index(0.422, 0.301) == pytest.approx(0.320, abs=5e-4)


def test_hedges_correction_on_nsw():
    # 1 - 3/(4 x 445 - 9) = 0.9983 (WWC Handbook 4.1)
    one, zero = NSW[NSW.treat == 1].age, NSW[NSW.treat == 0].age
    pooled = np.sqrt((184 * one.var() + 259 * zero.var()) / 443)
    assert balance.hedges_g(one, zero) == pytest.approx((one.mean() - zero.mean()) / pooled * 0.998306, rel=1e-6)


@pytest.mark.parametrize(
    "d, band",
    [
        (0.05, "satisfied"),
        (-0.0501, "adjust"),
        (0.25, "adjust"),
        (-0.26, "not_satisfied"),
        (float("nan"), ""),
    ],
)
def test_wwc_bands(d, band):
    assert balance.wwc_band(d) == band


def test_table_has_a_row_a_level_and_counts_missing():
    frame = pd.DataFrame(
        {
            "g": [1, 1, 1, 0, 0, 0],
            "age": [30, 40, None, 30, 41, 50],
            "site": ["a", "b", None, "a", "a", "b"],
            "child": [1, 0, 1, 0, 0, 1],
        }
    )
    table = balance.balance_table(frame, "g", ["age", "site", "child"])
    assert list(table.columns) == balance.COLUMNS
    assert list(table.level) == ["", "(missing)", "a", "b", ""]
    assert list(table.method) == ["hedges_g", "cox", "cox", "cox", "cox"]
    assert table.loc[0, ["n_treated", "n_comparison"]].tolist() == [2, 3]
    assert table.loc[2, "difference"] == pytest.approx(1 / 3 - 2 / 3)


def test_weights_change_means_and_shares_and_leave_the_unit_of_the_difference():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"g": rng.integers(0, 2, 200), "age": rng.normal(40, 9, 200), "w": rng.uniform(1, 5, 200)})
    frame["child"] = rng.integers(0, 2, 200)
    weighted = balance.balance_table(frame, "g", ["age", "child"], "w").set_index("covariate")
    plain = balance.balance_table(frame, "g", ["age", "child"]).set_index("covariate")
    one, zero = frame[frame.g == 1], frame[frame.g == 0]
    gap = (one.age * one.w).sum() / one.w.sum() - (zero.age * zero.w).sum() / zero.w.sum()
    assert weighted.difference["age"] == pytest.approx(gap)
    assert weighted.d["age"] / plain.d["age"] == pytest.approx(gap / (one.age.mean() - zero.age.mean()))
    shares = [(part.child * part.w).sum() / part.w.sum() for part in (one, zero)]
    assert weighted.d["child"] == pytest.approx(balance.cox_index(*shares))
    assert weighted.sd_treated["age"] == plain.sd_treated["age"]
    even = balance.balance_table(frame.assign(w=2.0), "g", ["age", "child"], "w").set_index("covariate")
    pd.testing.assert_frame_equal(even, plain)


def test_table_without_spread_says_so():
    frame = pd.DataFrame({"g": [1, 1, 0, 0], "one": [1, 1, 1, 1], "age": [30, 30, 30, 30], "all": [1, 1, 0, 0]})
    table = balance.balance_table(frame, "g", ["one", "age", "all"])
    assert table.d.iloc[0] == 0 and np.isnan(table.d.iloc[1]) and np.isnan(table.d.iloc[2])
    assert list(table.wwc_band) == ["satisfied", "", ""]


def test_omnibus_p_is_uniform_under_randomisation():
    rng = np.random.default_rng(0)
    ps = []
    for seed in range(60):
        frame = pd.DataFrame(rng.normal(size=(60, 4)), columns=list("abcd"))
        frame["s"] = rng.integers(0, 2, 60)
        frame["g"] = frame.groupby("s").cumcount() % 2
        ps.append(balance.omnibus_p(frame, "g", list("abcd"), {"strata": "s"}, draws=99, seed=seed))
    assert 0.40 < np.mean(ps) < 0.60 and np.mean(np.array(ps) < 0.1) < 0.18  # 0.1 +/- 4 Monte Carlo errors


def test_omnibus_p_finds_a_broken_draw_and_respects_clusters():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=200), "room": np.repeat(range(20), 10)})
    frame["g"] = (frame.x + 0.5 * rng.normal(size=200) > 0).astype(int)
    assert balance.omnibus_p(frame, "g", ["x"]) < 0.001
    frame["g"] = frame.room % 2
    frame["x"] += frame.room.map(dict(enumerate(rng.normal(size=20))))
    alone = balance.omnibus_p(frame, "g", ["x"])
    whole = balance.omnibus_p(frame, "g", ["x"], {"clusters": "room"})
    assert whole > alone  # rooms vary more than people do


def test_omnibus_p_of_large_samples_is_what_draws_come_to(monkeypatch):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"x": rng.exponential(size=800), "y": rng.integers(0, 3, 800), "s": rng.integers(0, 4, 800)})
    frame["g"] = rng.permutation(np.repeat([0, 1, 1, 1], 200))
    frame["kind"] = rng.choice(["a", "b", "c"], 800)
    drawn = balance.omnibus_p(frame, "g", ["x", "y", "kind"], {"strata": "s"}, draws=5000)
    monkeypatch.setattr(randomization, "LARGE", 800 * 5000 - 1)
    large = balance.omnibus_p(frame, "g", ["x", "y", "kind"], {"strata": "s"}, draws=5000)
    assert large == pytest.approx(drawn, abs=0.03)
    frame["x"] += 0.5 * frame["g"]
    assert balance.omnibus_p(frame, "g", ["x", "y", "kind"], {"strata": "s"}, draws=5000) < 0.001


@pytest.mark.parametrize(
    "overall, differential, cautious, optimistic",
    [
        (0.20, 0.05, "low", "low"),
        (0.30, 0.06, "high", "low"),
        (0.20, 0.054, "low", "low"),
        (0.20, 0.055, "high", "low"),
        (0.57, 0.0, "low", "low"),
        (0.58, 0.0, "high", "low"),
        (0.66, 0.0, "high", "high"),
    ],
)
def test_wwc_verdicts(overall, differential, cautious, optimistic):
    verdict = attrition.wwc(overall, differential)
    assert (verdict["cautious"], verdict["optimistic"]) == (cautious, optimistic)


@pytest.mark.parametrize(
    "overall, cautious, optimistic",
    [(0.0, 5.7, 10.0), (0.10, 6.3, 10.9), (0.20, 5.4, 10.0), (0.30, 4.1, 8.2), (0.40, 2.6, 6.0)],
)
def test_wwc_boundary_values(overall, cautious, optimistic):
    verdict = attrition.wwc(overall, 0)
    assert verdict["cautious_boundary"] == pytest.approx(cautious / 100)
    assert verdict["optimistic_boundary"] == pytest.approx(optimistic / 100)


def test_wwc_table_lengths_and_refusal():
    assert len(attrition.CAUTIOUS) == 58 and len(attrition.OPTIMISTIC) == 66
    with pytest.raises(ValueError, match="between 0 and 1"):
        attrition.wwc(20, 5)


def test_attrition_rates():
    assert attrition.rates(1000, 855, 1000, 905) == pytest.approx(
        {"treated": 0.145, "comparison": 0.095, "overall": 0.12, "differential": 0.05}
    )
