"""No chart backs a mark with fewer than 11 people, and none draws one mark a person (pilots.md 2.7.7)."""

import datetime
import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from section_runs import ROOT

from shared_utils.disclosure import Rules
from shared_utils.sections import (
    charts_compare,
    charts_effect,
    charts_time,
    figures,
    impact_pictures,
    monitoring,
    monitoring_change,
)
from shared_utils.sections.baseline_data import _by_month, gaps
from shared_utils.sections.impact_pictures import _bins
from shared_utils.sections.monitoring_flow import in_steps
from shared_utils.sections.monitoring_people import merged_bins

RULES = Rules()


@pytest.mark.parametrize("seed", range(40))
def test_bars_of_doses_hold_eleven_people(seed):
    rng = np.random.default_rng(seed)
    values = rng.poisson(rng.choice([1, 4, 20]), rng.integers(11, 300))
    bins = merged_bins(values, 11)
    assert sum(n for _, n in bins) == len(values)
    assert min(n for _, n in bins) >= 11


@pytest.mark.parametrize(
    ("joined", "kept"),
    [
        ([20, 15, 30], [20, 35, 65]),
        ([3, 4, 9, 0, 30], [16, 16, 46]),  # the first two months are told with the third
        ([40, 0, 0, 5], [45]),  # so that the last five cannot be told from the others
        ([40, 12, 5, 4], [40, 61]),
        ([2, 3], [5]),
    ],
)
def test_steps_of_a_growing_count_hold_nobody_or_eleven(joined, kept):
    months = pd.period_range("2020-01", periods=len(joined), freq="M")
    counts = in_steps(pd.Series(joined, months).cumsum(), 11)
    assert list(counts) == kept
    assert counts.index[-1] == months[-1]


@pytest.mark.parametrize("seed", range(20))
def test_dots_at_a_limit_hold_eleven_people_and_tell_of_no_small_group(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rng.integers(5, 400))
    y = (rng.random(len(x)) < 0.2).astype(float)
    dots = _bins(x, y, RULES)
    assert len(dots) <= len(x) / 11
    groups = max(1, len(x) // max(11, min(impact_pictures.PER_BIN, len(x) // 6)))
    assert len(dots) <= groups
    assert all(mean == 0 or mean * (len(x) // groups + 1) >= 11 for _, mean in dots)


@pytest.mark.full
def test_curves_of_those_waiting_stop_when_ten_are_left(open_book, monkeypatch):
    book, drawn = open_book("impact", "cincinnati"), []
    times, at_risk = [0.0, 1.0, 2.0, 3.0], [40, 11, 10, 0]
    curves = pd.DataFrame({"group": "a", "time": times, "without": [1, 0.9, 0.8, 0.7], "at_risk": at_risk})
    monkeypatch.setattr(impact_pictures.time_to_event, "curves", lambda *_: curves)
    monkeypatch.setattr(charts_effect, "waiting", lambda found, *_: drawn.extend(found))
    impact_pictures._waiting(book, [], {})
    assert drawn == [("a", [0.0, 1.0], [1, 0.9])]


@pytest.mark.full
def test_months_that_rest_on_few_people_have_no_point(open_book):
    from shared_utils.sections import indicators

    one = next(one for one in indicators.load(open_book("monitoring", "cincinnati")) if one.is_share)
    rows = one.rows.copy()
    month = one.overall["period"].iloc[3]
    rows.loc[(rows["period"] == month) & (rows["group_dim"] == "all"), ["numerator", "denominator"]] = [3, 60]
    few = indicators.Indicator(one.spec, rows, one.events, one.since)
    before, drawn = monitoring_change._drawn(one, RULES), monitoring_change._drawn(few, RULES)
    told = before["value"].notna()
    assert told[3] and drawn["value"].notna().tolist() == [i != 3 and bool(was) for i, was in enumerate(told)]


@pytest.mark.parametrize(("counts", "month"), [((40, 60, 60, 80), "2020-04"), ((40, 60, 65, 80), "2020-03")])
def test_groups_are_told_by_quarter_when_a_month_brought_a_few(counts, month):
    rows = pd.DataFrame({"period": pd.date_range("2020-01-01", periods=4, freq="MS"), "group_value": "female",
                         "denominator": counts})  # fmt: skip
    assert f"{monitoring._told_period(rows, RULES):%Y-%m}" == month


@pytest.mark.full
def test_the_strip_of_missing_values_shows_no_month_with_a_few(open_book):
    book = open_book("baseline", "cincinnati")
    fields = list(gaps(book).columns[gaps(book).any()])
    strip = _by_month(book, fields)
    when = pd.to_datetime(book.study.frame["application_date"]).dt.to_period("M")
    if when.nunique() > 12:
        when = when.dt.asfreq("Q")
    gone, n = gaps(book)[fields].groupby(when).sum(), gaps(book).groupby(when).size()
    small = ((gone > 0) & (gone < 11)) | (gone.rsub(n, axis=0) < 11)
    assert small.any(axis=None)
    assert (strip.T.to_numpy()[small.to_numpy()] == 0).all()


def test_no_chart_can_draw_a_mark_a_person():
    calls = re.compile(r"\.(scatter|stripplot|swarmplot|rugplot|lineplot|scatterplot|jointplot|pairplot|eventplot)\(")
    for path in sorted((ROOT / "shared_utils" / "sections").glob("*.py")):
        assert not calls.search(path.read_text(encoding="utf-8")), path.name


@pytest.fixture
def sheets(monkeypatch):
    """The sheets that are drawn, in the order they were finished."""
    kept, done = [], figures.Sheet.done
    monkeypatch.setattr(figures.Sheet, "done", lambda self, alt: kept.append(self) or done(self, alt))
    return kept


HEAD = {"title": "A title", "subtitle": "A subtitle", "note": "A note"}


def test_dates_close_together_do_not_cover_each_other(sheets):
    days = [datetime.date(2019, 4, 1), *(datetime.date(2020, 9, 28) + datetime.timedelta(days=5 * k) for k in range(5))]
    charts_time.timeline([(day, f"What happened {k}") for k, day in enumerate(days)], HEAD, "", days[0])
    boxes = [Text.get_window_extent(text) for text in sheets[0].ax.texts]  # without the line to its date
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_long_words_beside_an_interval_stay_in_the_picture_and_leave_numbers_apart(sheets):
    label, words = (
        "A main outcome whose name is rather long",
        "-0.11 notices to quit per 100 occupied units of the city",
    )
    charts_compare.intervals([charts_compare.Bar(label, 0.1, -0.3, 0.5, words)], HEAD, "", "points", ((0.0, "none"),))
    sheet = sheets[0]
    right = sheet.canvas.bbox.x1
    assert all(text.get_window_extent().x1 <= right for text in sheet.ax.texts)
    ticks = [tick.get_window_extent() for tick in sheet.ax.get_xticklabels() if tick.get_text()]
    assert len(ticks) > 1 and not any(one.overlaps(other) for one, other in combinations(ticks, 2))


def test_no_word_of_a_title_stands_alone_on_its_last_line(sheets):
    title = "65 in 100 families received the service where offered, against 4 in 100"
    charts_compare.bars([("a", 1, "one")], HEAD | {"title": title}, "", "people")
    assert [text.get_text() for text in sheets[0].canvas.texts][:2] == [
        "65 in 100 families received the service", "where offered, against 4 in 100"]  # fmt: skip
    assert all(float(tick.get_text()).is_integer() for tick in sheets[0].ax.get_xticklabels())  # people are whole
