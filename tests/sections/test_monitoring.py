"""The monthly report: limits that stay, months that can be run again, forecasts, and the log of actions."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from shared_utils.sections import indicators

SINCE = pd.Timestamp("2019-04-01")


def indicator(values, first="2019-04", n=100, rebases=(), events=(), **spec) -> indicators.Indicator:
    """An indicator of everyone, month after month; a share unless `spec` says otherwise."""
    known = {"id": "kept", "label": "Kept", "statistic": "ratio", "per": 100, "unit": "percent"}
    known |= {"direction": "increase", "target": 80, "chart": "p", "frequency": "monthly", "source": "log", "denominator": "people"}
    values = np.asarray(values, float)
    months = pd.date_range(first, periods=len(values), freq="MS")
    rows = pd.DataFrame({
        "period": months, "group_dim": "all", "group_value": "all", "value": values, "denominator": float(n),
        "numerator": np.round(values * n), "definition_version": "1.0.0",
        "received_at": months + pd.offsets.MonthEnd(0) + pd.Timedelta(days=10),
    })  # fmt: skip
    months = tuple(pd.Timestamp(month) for month in rebases)
    return indicators.Indicator(SimpleNamespace(**known | spec), rows, tuple(events), SINCE, months)


CALM = [0.50, 0.52, 0.49, 0.51, 0.50, 0.48, 0.51, 0.50, 0.52, 0.49, 0.50, 0.51]


def test_limits_rest_on_the_history_and_never_on_the_pilot():
    one = indicator([*CALM, *CALM, *[0.9] * 6], first="2017-04")
    assert one.chart.n_baseline == 24 and not one.chart.trial
    assert one.chart.centre == pytest.approx(np.mean(CALM)) and one.variation == "improvement"


def test_at_most_two_years_of_history_count():
    one = indicator([*[0.1] * 12, *CALM, *CALM, 0.5], first="2016-04")
    assert one.overall["period"].iloc[0] == pd.Timestamp("2017-04-01")
    assert one.chart.centre == pytest.approx(np.mean(CALM))


def test_a_short_history_is_filled_up_to_twelve_months():
    one = indicator([*CALM[:5], *CALM], first="2018-11")
    assert one.chart.n_baseline == 12 and not one.chart.trial


def test_a_month_without_cases_is_a_gap():
    one = indicator([*CALM, 0.0], n=100)
    one.rows.loc[12, ["numerator", "denominator"]] = 0
    assert np.isnan(one.values[-1]) and one.variation == "common_cause"


def test_limits_stay_between_none_and_all():
    assert indicator([0.02, 0.0, 0.05] * 4, chart="xmr").chart.limits["lower"].min() == 0
    assert indicator([0.97, 1.0, 0.99] * 4, chart="xmr").chart.limits["upper"].max() == 1
    days = {"statistic": "median", "unit": "days", "per": None, "chart": "xmr", "target": 7}
    assert indicator([1, 9, 2, 8, 1, 9], **days).chart.limits["lower"].min() == 0
    gain = days | {"unit": "points"}
    assert indicator([1, 9, 2, 8, 1, 9], **gain).chart.limits["lower"].min() < 0


def test_new_limits_need_a_word_in_city_yml_and_a_sustained_signal():
    moved = [*CALM, *[0.80, 0.82, 0.79, 0.81, 0.80, 0.78, 0.81]]
    assert indicator(moved).chart.limits["centre"].nunique() == 1  # never by itself
    again = indicator(moved, rebases=["2020-04-01"]).chart
    assert again.limits["centre"].iloc[11] == pytest.approx(np.mean(CALM))
    assert again.limits["centre"].iloc[12] == pytest.approx(np.mean(moved[12:])) and again.trial
    assert again.variation == "common_cause"
    brief = [*CALM, 0.8, 0.8, 0.5, 0.5]
    assert indicator(brief, rebases=["2020-04-01"]).chart.limits["centre"].nunique() == 1


def test_after_new_limits_the_first_months_are_too_few_to_judge():
    one = indicator([*CALM, *[0.80] * 7], rebases=["2020-06-01"])
    assert list(one.rebased.values()) == [14] and one.variation == "not_assessed"
