"""One drawing of each type of chart in the notebooks, from fixed made-up numbers."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from shared_utils.sections import (
    charts_compare,
    charts_effect,
    charts_limits,
    charts_map,
    charts_series,
    charts_shape,
    charts_time,
    figures,
    map_places,
)
from shared_utils.sections.charts_compare import Bar


@dataclass(frozen=True)
class Chart:
    """How to draw one type of chart, and numbers of its data that must stand among the marks."""

    draw: Callable[[], figures.Figure]
    marks: tuple[float, ...]


def sheet(title: str, subtitle: str) -> dict:
    return {"title": title, "subtitle": subtitle, "note": "Source: made-up numbers for the review of this chart.",
            "stamp": "MADE-UP NUMBERS"}  # fmt: skip


MONTHS = pd.date_range("2019-04-01", periods=18, freq="MS")
RATES = (52, 55, 49, 58, 61, 57, 63, 60, 66, 64, 69, 41, 38, 44, 52, 58, 60, 62)


def _monthly(lower, upper, centre: float = 58.0, hit=()) -> pd.DataFrame:
    rules = [[1] if i in hit else [] for i in range(len(MONTHS))]
    return pd.DataFrame({
        "period": MONTHS, "value": [float(v) for v in RATES], "centre": centre, "lower": lower, "upper": upper,
        "excluded": [i >= 11 for i in range(18)], "rules": rules, "phase": 0,
    })  # fmt: skip


def _control(title: str, frame, events=(), signal="common_cause", redefined=None):
    return charts_time.control(frame, sheet(title, "Percent, by month"), "a chart", 65.0, events, signal, "percent",
                               lambda value: f"{value:.0f}%", redefined)  # fmt: skip


def _xmr():
    return _control("Attendance rose above its usual range", _monthly(45.0, 68.0, hit=(10,)), signal="improvement")


def _p_chart():
    sizes = np.array([40 + 9 * (i % 5) for i in range(18)])
    wide = 300 * np.sqrt(0.58 * 0.42 / sizes)
    covid = (pd.Timestamp("2020-03-01"), pd.Timestamp("2020-09-01"), "COVID-19")
    return _control("Attendance varied as usual", _monthly(58 - wide, 58 + wide), [covid])


def _redefined():
    return _control("Counted anew from November", _monthly(45.0, 71.0), redefined=pd.Timestamp("2019-11-01"))


def _fan():
    known = pd.DataFrame({"period": MONTHS[:12], "value": [float(v) for v in RATES[:12]]})
    made = ([35, 33, 31, 30, 29, 28], [45, 46, 47, 47, 48, 48], [56, 59, 61, 63, 64, 66])
    return charts_time.fan(known, list(MONTHS[12:]), made, sheet("Expected to end below target", "Percent, by month"),
                           "a chart", (65.0, "target 65"), "percent", "expected 48")  # fmt: skip


def _map():
    def square(x, y):
        return [[[(x, y), (x + 0.02, y), (x + 0.02, y + 0.015), (x, y + 0.015), (x, y)]]]

    tracts = [square(-83.1 + 0.02 * (i % 5), 42.3 + 0.015 * (i // 5)) for i in range(20)]
    outline = map_places.outline([tracts[5], tracts[6], tracts[10]])
    ends = [("Lowest", "15,400", "19,900"), ("Middle", "20,000", "22,200"), ("Highest", "22,300", "33,300")]
    key = [*(f"{name} third: ${low}\nto ${high}" for name, low, high in ends), "No value (two tracts)"]
    areas = [tracts[:6], tracts[6:12], tracts[12:18]]
    head = sheet("1 of the pilot's 3 tracts is in the lowest third", "Tracts")
    return charts_map.thirds(areas, tracts[18:], outline, head, "a map", key, "Tracts of the pilot")


def _series():
    months = pd.date_range("2020-01-01", periods=10, freq="MS")
    rows = [
        charts_series.Panel("Card spending", pd.Series([0, -0.02, -0.16, -0.28, -0.2, -0.1, -0.03, -0.02, 0.0, 0.04],
                                                       months), "+4%", lambda v: f"{100 * v:.0f}%", True),
        charts_series.Panel("Eviction filings", pd.Series([520, 450, 150, 0, 0, 280, 215, 260, 195, 301], months),
                            "301", lambda v: f"{v:.0f}", False, months[7]),
    ]  # fmt: skip
    marks = [(pd.Timestamp("2019-11-01"), "A", False), (pd.Timestamp("2020-03-01"), "B", True)]
    return charts_series.panels(rows, sheet("Spending is back, filings are not", "By month"), "a chart", marks,
                                (pd.Timestamp("2019-10-15"), months[-1]))  # fmt: skip


def _missing():
    table = pd.DataFrame([[0.0, 0.1, 0.4, 0.2], [0.05, 0.0, 0.0, 0.1], [0.3, 0.3, 0.2, 0.0]],
                         ["wage", "age", "children"], ["2019-04", "2019-05", "2019-06", "2019-07"])  # fmt: skip
    return charts_shape.strip(table, sheet("Wage is missing most", "Share without a value"), "a chart", 0.4)


def _event_study():
    values = (-0.4, 0.2, 0.0, -1.1, -2.0, -3.1)
    rows = [{"at": i - 3, "value": v, "low": v - 1.5, "high": v + 1.4, "band_low": v - 2.2, "band_high": v + 2.1}
            for i, v in enumerate(values)]  # fmt: skip
    return charts_effect.events(rows, sheet("Groups moved alike before", "Points"), "a chart", "points", "months")


def _effects():
    rows = [Bar("Employed", 7.6, 0.9, 14.3, "+7.6"), Bar("Earnings above $2,000", 2.1, -4.4, 8.6, "+2.1", main=False)]
    marks = ((0.0, "no difference"), (5.0, "worthwhile: 5"))
    return charts_compare.intervals(rows, sheet("About 8 more in 100 had a job", "Points"), "a chart", "points", marks)


def _specifications():
    rows = [Bar(f"Analysis {i}", 4 + i, 1 + i - 2.5, 7.5 + i, f"{4 + i:.1f}", i == 2) for i in range(6)]
    marks = ((0.0, "no difference"), (5.0, "worthwhile: 5"))
    return charts_compare.intervals(rows, sheet("5 of 6 analyses agree", "Points"), "a chart", "points", marks)


def _gaps():
    rows = [Bar(name, gap, gap - 6, gap + 6, f"{gap:+d}", abs(gap) > 6)
            for name, gap in (("Race: Black", -11), ("Gender: men", -4), ("Household: couple", 3))]  # fmt: skip
    return charts_compare.intervals(rows, sheet("The widest gap: 11 points", "Points"), "a chart", "percentage points",
                                    ((0.0, "no gap"),))  # fmt: skip


CHARTS = {
    "balance_dots": Chart(
        lambda: charts_limits.love(
            [("Age", 0.03), ("Children", -0.18), ("Wage", 0.31)],
            sheet("Groups differ most on wage", "Standardized differences"),
            "a chart",
        ),
        (0.03, -0.18, 0.31),
    ),
    "missing_values": Chart(_missing, (0.1, 0.4, 0.3, 0.05)),
    "missing_boundary": Chart(
        lambda: charts_limits.boundary(
            {"cautious": [(0, 5.7), (20, 5.4), (57, 0.1)], "optimistic": [(0, 10), (57, 1.6)]},
            (18.0, 3.2),
            sheet("Inside the boundary", "Points"),
            "a chart",
        ),
        (18.0, 3.2, 5.4, 1.6),
    ),
    "people_flow": Chart(
        lambda: charts_shape.flow(
            [
                [("Applied", "800")],
                [("Program", "400"), ("Comparison", "400")],
                [("Outcome known", "371"), ("Outcome known", "352")],
            ],
            sheet("Nine in ten have an outcome", "People by step"),
            "a chart",
        ),
        (1.54, 4.62),
    ),
    "logic_of_the_pilot": Chart(
        lambda: charts_shape.logic(
            [("Inputs", "Coaches and a fund"), ("Activities", "Coaching"), ("Result", "A job")],
            sheet("From coaches to jobs", "Steps"),
            "a chart",
        ),
        (2.0533, 4.1067),
    ),
    "people_in_100": Chart(
        lambda: charts_shape.squares(
            [("With the program: 58", 58, 8), ("Without: 50", 50, 0)],
            sheet("About 8 more in 100", "Of 100 people"),
            "a chart",
        ),
        (0.135, 3.1),
    ),
    "status_of_indicators": Chart(
        lambda: charts_shape.icons(
            [
                ("Attendance", "69%", "improvement", "reliably_meets"),
                ("Filings", "8.1", "concern", "reliably_misses"),
                ("Calls", "212", "common_cause", "hit_and_miss"),
            ],
            sheet("One shows improvement", "Latest month"),
            "a chart",
        ),
        (2.71 + 0.9, 4.96),
    ),
    "control_xmr": Chart(_xmr, (52, 69, 45, 68, 65)),
    "control_p_with_event": Chart(_p_chart, (52, 38, 58, 65)),
    "control_redefined": Chart(_redefined, (63, 71, 45)),
    "forecast_fan": Chart(_fan, (41, 48, 28, 66, 65)),
    "joined_so_far": Chart(
        lambda: charts_time.cumulative(
            list(MONTHS[:6]),
            [40, 95, 170, 240, 300, 334],
            MONTHS[7],
            sheet("334 have joined", "People"),
            "a chart",
            "334",
            (MONTHS[0], MONTHS[5], 400),
        ),
        (40, 334, 400),
    ),
    "dates_of_the_plan": Chart(
        lambda: charts_time.timeline(
            [
                (datetime.date(2019, 4, 1), "start"),
                (datetime.date(2019, 9, 30), "enrolled"),
                (datetime.date(2020, 10, 31), "data lock"),
            ],
            sheet("The lock is still to come", "Dates"),
            "a chart",
            datetime.date(2020, 1, 1),
        ),
        (0,),
    ),
    "funnel_of_sites": Chart(
        lambda: charts_limits.funnel(
            [("North", 120, 0.71, False), ("East", 60, 0.62, False), ("South", 200, 0.48, True)],
            0.66,
            sheet("South is below the limits", "Percent"),
            "a chart",
            ("planned services", "percent delivered"),
        ),
        (71, 62, 48, 66),
    ),
    "effects": Chart(_effects, (7.6, 0.9, 14.3, 2.1, 5.0)),
    "specification_curve": Chart(_specifications, (4, 9, -1.5, 12.5)),
    "equity_gaps": Chart(_gaps, (-11, -4, 3, -17)),
    "bars": Chart(
        lambda: charts_compare.bars(
            [("North", 40, "40"), ("South", 25, "25")],
            sheet("North has more", "People"),
            "a chart",
            "people",
            target=(35, "goal 35"),
        ),
        (40, 25, 35),
    ),
    "bars_by_group": Chart(
        lambda: charts_compare.grouped_bars(
            ["race", "race", "gender"],
            [("Black", 50, "50"), ("White", 30, "30"), ("Women", 62, "62")],
            sheet("Half are Black", "Percent"),
            "a chart",
            "percent",
            [figures.BLUE, figures.GREY, figures.BLUE],
        ),
        (50, 30, 62),
    ),
    "pilot_and_city": Chart(
        lambda: charts_compare.pairs(
            [("Poverty", 31.0, 22.0), ("Renters", 58.0, 51.0)], sheet("More poverty", "Percent"), "a chart", "percent"
        ),
        (31, 22, 58, 51),
    ),
    "event_study": Chart(_event_study, (-0.4, -3.1, -4.6, -5.3)),
    "seen_and_expected": Chart(
        lambda: charts_effect.twin(
            ["1", "2", "3", "4", "5", "6"],
            [9, 10, 9.5, 8, 7, 6.5],
            [9, 10, 9.6, 9.5, 9.4, 9.2],
            3,
            sheet("Below what was expected", "Per 1,000"),
            "a chart",
            ("seen", "expected"),
        ),
        (6.5, 9.2, 2.5),
    ),
    "jump_at_the_limit": Chart(
        lambda: charts_effect.jump(
            [(i, 10 + i + 9 * (i < 0)) for i in range(-8, 9)],
            [[(-8, 11), (0, 19)], [(0, 10), (8, 18)]],
            0.0,
            sheet("A jump at the limit", "Dollars"),
            "a chart",
            ("income", "savings"),
        ),
        (18, 19, 10),
    ),
    "still_waiting": Chart(
        lambda: charts_effect.waiting(
            [("program", [0, 2, 5, 8], [1, 0.8, 0.5, 0.4]), ("comparison", [0, 3, 7], [1, 0.9, 0.7])],
            sheet("Sooner with the program", "Percent without a diploma"),
            "a chart",
            ("months", "percent"),
        ),
        (40, 70, 80),
    ),
    "detectable_effect": Chart(
        lambda: charts_limits.curve(
            [(50, 13.7), (75, 11.2), (100, 9.7), (150, 7.9)],
            "9.7",
            sheet("It can detect 9.7 points", "Points"),
            "a chart",
            [(5.0, "worthwhile: 5"), (4.2, "found elsewhere: 4.2 points")],
            ("percent of the people", "points"),
        ),
        (9.7, 13.7, 5),
    ),
    "chance_by_cost": Chart(
        lambda: charts_limits.chance(
            [(0, 5), (2000, 40), (4000, 72), (8000, 90)],
            sheet("Likely worth $4,000", "Percent"),
            "a chart",
            "dollars",
            (4000, "ceiling"),
        ),
        (40, 72, 4000),
    ),
    "tract_map": Chart(_map, (-83.1, 42.3)),
    "series_around_the_pilot": Chart(_series, (-0.28, 0.04, 520, 301)),
}
