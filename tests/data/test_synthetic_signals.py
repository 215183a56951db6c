"""What is planted can be found: indicator signals, the mess, and what each scenario is for."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from synthetic_cities import made, truth

from shared_utils.config import load_city, preset_path
from shared_utils.stats import spc

pytestmark = pytest.mark.full  # what was planted; the generators' own rules stand in test_synthetic.py


def indicators(folder):
    found = pd.read_csv(folder / "raw" / "indicators.csv", parse_dates=["period"])
    return found[found["group_dim"] == "all"].set_index("indicator_id")


def chart(rows, laney=False):
    """Return z-scores of a p-chart before COVID; centre from the first 12 months."""
    rows = rows[rows["period"] < "2020-03-01"]
    n, first = rows["denominator"].to_numpy(), slice(0, 12)
    centre = rows["numerator"].to_numpy()[first].sum() / n[first].sum()
    z = (rows["value"].to_numpy() - centre) / np.sqrt(centre * (1 - centre) / n)
    z = z / max(np.abs(np.diff(z)).mean() / 1.128, 1) if laney else z
    return pd.Series(z, index=rows["period"].dt.strftime("%Y-%m"))


def runs(z, length=7):
    """Return the months that end a run of `length` on one side of the centre."""
    sign = np.sign(z)
    return [z.index[i] for i in range(length - 1, len(z)) if abs(sign.iloc[i - length + 1 : i + 1].sum()) == length]


def test_low_months_fall_below_the_limit():
    z = chart(indicators(made("cincinnati")).loc["engaged_30d"])
    assert list(z[z < -3].index) == ["2019-12"] and (z > 3).sum() == 0 and len(z) < 12
    z = chart(indicators(made("dayton")).loc["attendance_rate"], laney=True)
    assert list(z[z.abs() > 3].index) == ["2020-02"]


@pytest.mark.parametrize("key, name", [("lansing", "past_due_share"), ("newark", "representation_rate")])
def test_steps_make_a_run_by_february(key, name):
    rows = indicators(made(key)).loc[name]
    assert (rows["period"] < "2019-04-01").sum() == 24
    assert "2020-02" in runs(chart(rows, laney=True))
    assert not [m for m in runs(chart(rows, laney=True)) if m < "2020-01"]


def test_falling_attendance_stays_inside_its_limits():
    rows = indicators(made("neworleans")).loc["session_attendance"]
    window = rows[(rows["period"] >= "2019-07-01") & (rows["period"] <= "2020-02-01")]
    assert (np.diff(window["value"]) < 0).all() and len(window) == 8
    z = chart(rows)
    assert (z.abs() < 3).all()


def test_rochester_has_two_of_three_near_the_limit():
    z = chart(indicators(made("rochester")).loc["active_saver"])
    near = [max((z[i - 2 : i + 1] > 2).sum(), (z[i - 2 : i + 1] < -2).sum()) >= 2 for i in range(2, len(z))]
    assert (z.abs() < 3).all() and near == [False] * (len(near) - 1) + [True]


@pytest.mark.parametrize("key, name", [("detroit", "plan_kept"), ("tulsa", "dropout"), ("racine", "first_subtest_90d")])
def test_silent_series_are_silent(key, name):
    z = chart(indicators(made(key)).loc[name])
    assert (z.abs() < 3).all() and not runs(z)


def test_racine_collapses_with_covid_only():
    rows = indicators(made("racine")).loc["first_subtest_90d"]
    after = rows["period"] >= "2020-03-01"
    assert rows.loc[~after, "value"].mean() - rows.loc[after, "value"].mean() > 0.15
    calm = indicators(made("racine", "no_covid")).loc["first_subtest_90d"]
    after = calm["period"] >= "2020-03-01"
    assert abs(calm.loc[~after, "value"].mean() - calm.loc[after, "value"].mean()) < 0.10


def test_relabelled_indicator_breaks_once():
    rows = indicators(made("tulsa", "relabelled_indicator"))
    broken = rows[rows["definition_version"] == "2.0.0"]
    assert broken.index.nunique() == 1 and broken["period"].min() == pd.Timestamp("2019-10-01")


def test_late_data_is_late():
    found = pd.read_csv(made("tulsa", "late_data") / "raw" / "indicators.csv", parse_dates=["period", "received_at"])
    lag = (found["received_at"] - (found["period"] + pd.offsets.MonthBegin(1))).dt.days
    assert lag[found["period"] >= "2020-07-01"].min() > 45 and lag[found["period"] < "2020-07-01"].max() <= 15


def defects(folder):
    return json.loads((folder / "truth" / "defects.json").read_text(encoding="utf-8"))["defects"]


def test_default_mess_is_logged_and_mild():
    folder = made("rochester")
    found = {(d["file"], d["defect"]): d["count"] for d in defects(folder)}
    assert found["applications.csv", "exact copy of a row"] == round(0.015 * 1800)
    assert found["applications.csv", "id typed differently"] == round(0.01 * 1800)
    rows = pd.read_csv(folder / "raw" / "applications.csv", dtype=str)
    copies = sorted(rows.loc[rows.duplicated(), "Application ID"].str.strip().str.upper())
    assert [d["ids"] for d in defects(folder) if d["file"] == "applications.csv" and "copy" in d["defect"]] == [copies]
    log = pd.read_parquet(folder / "raw" / "account_activity.parquet")
    strangers = ~log["family"].str.strip().str.upper().isin(
        pd.read_csv(folder / "raw" / "eligibility.csv")["Application ID"].str.strip().str.upper()
    )
    assert 0 < strangers.mean() < 0.005
    assert not log["entry"][~log.duplicated()].duplicated().any()


def test_dirty_data_has_more_and_worse():
    kinds = {d["defect"] for d in defects(made("rochester", "dirty_data"))}
    assert {
        "impossible date",
        "future date",
        "enrolled after the window",
        "monthly income or decimal comma",
        "tract of the 2020 vintage",
        "copy of a row with another value",
    } <= kinds
    assert not kinds <= {d["defect"] for d in defects(made("rochester"))}


def test_lottery_shares_are_honest_until_broken():
    def least_likely(scenario):
        rows = pd.read_excel(made("neworleans", scenario) / "raw" / "lottery_2019-05-15.xlsx", header=3)
        blocks = rows.groupby("Block").agg(
            n=("Result", "size"),
            won=("Result", lambda r: (r == "Selected").sum()),
            p=("Chance of selection", "first"),
        )
        return min(binom.sf(blocks["won"] - 1, blocks["n"], blocks["p"]))

    assert least_likely("default") > 0.3
    assert least_likely("broken_randomization") < 0.001


def test_manipulated_cutoff_piles_up_just_below():
    def around(scenario):
        x = pd.read_csv(made("rochester", scenario) / "raw" / "eligibility.csv")["Income % FPL"] - 200
        return ((x > -8) & (x <= 0)).sum(), ((x > 0) & (x < 8)).sum()

    below, above = around("manipulated_cutoff")
    assert binom.sf(below - 1, below + above, 0.5) < 0.05
    below, above = around("default")
    assert below < 1.6 * above


def test_attrition_differs_when_asked():
    def answered(scenario):
        folder = made("tulsa", scenario)
        rows = pd.read_csv(folder / "raw" / "month9_followup.csv")
        arms = pd.read_excel(folder / "raw" / "assignment.xlsx", header=1)
        key = {
            "left_on": rows["Youth ID"].str.strip().str.upper(),
            "right_on": arms["Youth ID"].str.strip().str.upper(),
        }
        both = rows.merge(arms, **key)
        return (both["Contact"] == "Reached").groupby(both["Arm"]).mean()

    usual, uneven = answered("default"), answered("differential_attrition")
    assert abs(usual["Info packet"] - usual["Career ed + training"]) < 0.09
    assert uneven["Career ed + training"] - uneven["Info packet"] > 0.08


def test_weak_nudge_barely_moves_take_up():
    found = truth(made("lansing", "weak_nudge"))
    assert found["nuisance"]["first_stage"] == pytest.approx(0.02, abs=0.012)
    assert found["rows_before_mess"]["accounts.parquet"] == 2_000


# City, indicator, the rule its chart must show and the months of it (pilots.md 4.4); no rule is silence.
REPORTED = (
    ("cincinnati", "engaged_30d", 1, ("2019-12", "2019-12")),
    ("dayton", "attendance_rate", 1, ("2020-02", "2020-02")),
    ("detroit", "plan_kept", None, ()),
    ("lansing", "past_due_share", 2, ("2019-08", "2020-02")),
    ("neworleans", "session_attendance", 3, ("2019-06", "2020-02")),
    ("newark", "representation_rate", 2, ("2019-08", "2020-02")),
    ("racine", "first_subtest_90d", None, ()),
    ("rochester", "active_saver", 4, ("2020-01", "2020-02")),
    ("tulsa", "dropout", None, ()),
)


@pytest.mark.parametrize("city, name, rule, months", REPORTED)
def test_control_charts_show_what_was_planted_and_nothing_else(city, name, rule, months):
    rows = indicators(made(city)).loc[name]
    spec = next(i for i in load_city(preset_path(city)).indicators if i.id == name)
    chart = spc.chart(
        rows["value"], rows["denominator"], spec.chart, excluded=rows["period"] >= "2020-03-01",
        direction=spec.direction, periods=rows["period"].dt.strftime("%Y-%m"),
    )  # fmt: skip
    hits = chart.limits[chart.limits["rules"].map(bool)]
    assert (hits["period"].min(), hits["period"].max()) == months if rule else hits.empty
    assert all(rule in rules for rules in hits["rules"])
    if rule != 2:  # a step also leaves the limits; the others show their own rule only
        assert set(chart.rules_hit) <= {rule}
    expected = {2: "improvement", 3: "common_cause"}
    assert chart.variation == expected.get(rule, chart.variation)
    assert chart.trial == (len(rows[rows["period"] < "2020-03-01"]) < 12)
