"""The monthly report: limits that stay, months that can be run again, forecasts, and the log of actions."""

import re
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from section_runs import run
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from shared_utils import results
from shared_utils.data import city as city_data
from shared_utils.data.store import read_tables as store_read_tables
from shared_utils.disclosure import Rules
from shared_utils.sections import (
    city_files,
    indicators,
    monitoring,
    monitoring_change,
    monitoring_events,
    monitoring_flow,
    monitoring_people,
    monitoring_reach,
    monitoring_time,
)
from shared_utils.sections.city_files import CityFileError

SINCE = pd.Timestamp("2019-04-01")


def indicator(values, first="2019-04", n=100, rebases=(), events=(), **spec) -> indicators.Indicator:
    """An indicator of everyone, month after month; a share unless `spec` says otherwise."""
    known = {"id": "kept", "label": "Kept", "statistic": "ratio", "counts": "people", "per": 100, "unit": "percent"}
    known |= {"direction": "increase", "target": 80, "chart": "p", "frequency": "monthly"}
    known |= {"source": "log", "denominator": "people"}
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


def test_the_flow_tells_no_small_count_and_keeps_the_arms_apart(open_book):
    book = open_book("monitoring", "cincinnati")
    section = monitoring.flow(book)
    (served,) = [row for row in section.table.rows if row["step"] == "Received at least one service"]
    assert (served["low"], served["high"]) == pytest.approx(proportion_confint(served["n"], 800, method="wilson"))
    assert section.table.rows[0]["share"] == 1 and section.table.rows[0]["low"] is None  # all of them are no sample
    shown = {row["step"]: row for row in section.table.suppressed(book.rules)[0]}
    assert shown["Assigned"]["arm control"] + shown["Assigned"]["arm offer"] == shown["Assigned"]["n"] == 800
    counts = [row[c.key] for row in shown.values() for c in section.table.columns if c.kind == "count"]
    assert None in counts and not [n for n in counts if n is not None and 0 < n < 11]
    assert not [n for n in re.findall(r"\d+", section.figure.alt.split("(100%)")[0]) if 0 < int(n) < 11]


def test_who_left_later_had_not_left_yet(open_book):
    books = [open_book("monitoring", "cincinnati", **when) for when in ({"as_of": "2019-10-31"}, {})]
    then, now = map(monitoring.flow, books)
    left = [next((row["n"] for row in s.table.rows if row["step"].startswith("Left before")), 0) for s in (then, now)]
    assert left[0] < left[1]


@pytest.mark.parametrize(
    ("joined", "as_of", "severity"),
    [(500, "2019-07-08", None), (315, "2019-07-08", "warn"), (200, "2019-07-08", "serious"), (640, "2020-10-31", None)],
)
def test_enrollment_is_judged_by_the_plan_of_that_day(joined, as_of, severity):
    window = SimpleNamespace(start="2019-04-15", end="2019-09-30")  # half of it has passed on July 8
    config = SimpleNamespace(
        pilot=SimpleNamespace(planned_enrollment=800),
        design=SimpleNamespace(enrollment_window=window, type="rct_individual"),
    )
    book = SimpleNamespace(config=config, as_of=pd.Timestamp(as_of), rules=Rules())
    _, flags = monitoring_flow._against_plan(book, joined)
    assert [flag.severity for flag in flags] == ([severity] if severity else [])


@pytest.mark.full
def test_the_outlook_is_of_the_months_to_come_and_goes_into_the_record(open_book, city):
    book = open_book("monitoring", "cincinnati", as_of="2020-02-29")
    section = monitoring.outlook(book)
    rows = {row["label"]: row for row in section.table.rows}
    assert rows["Engaged with two or more coaching contacts in 30 days"]["month"] == "2020-09"
    assert section.figure.alt.startswith("Fan chart.") and "chance of reaching" in section.sentence
    run(book)
    monitoring.finish(book)
    record = results.read(results.internal_path(city("cincinnati"), "monitoring"))
    made = {row["indicator_id"]: row["forecast"] for row in record["indicators"] if row["group_dim"] == "all"}
    assert made["retained_2q"] is None  # too few quarters
    assert 0 <= made["engaged_30d"]["low80"] <= made["engaged_30d"]["median"] <= made["engaged_30d"]["high80"] <= 100


def test_after_the_end_there_is_nothing_to_forecast(open_book):
    section = monitoring.outlook(open_book("monitoring", "cincinnati"))
    assert section.table is None and "ended in September 2020" in section.sentence and not section.flags


ACTION = """
  - id: {id}
    opened: "{opened}"
    indicator: {indicator}
    signal: Fell below its usual range
    hypothesis: Two coaches were on leave.
    action: Name a second coach for every case.
    owner_role: Coaching supervisor
    review_month: "2020-03"
    closed: {closed}
"""


def test_steps_say_what_the_data_do_not_hold_and_nobody_is_not_called_zero(open_book):
    section = monitoring.flow(open_book("monitoring", "cincinnati", as_of="2019-10-31"))
    assert "The main outcome is not known for anybody yet." in section.sentence
    assert section.table.notes[-1] == monitoring_flow.NOT_SCREENED


def test_the_smallest_dose_of_the_plan_is_told_for_those_offered_the_program(open_book):
    book = open_book("monitoring", "cincinnati")
    section = monitoring.delivery(book)
    offered = book.study.frame[book.study.frame["arm"] == "offer"]
    services = book.data.tables["services"]
    done = services[(services["service_type"] == "coaching_contact") & services["delivered"].astype(bool)]
    reached = offered["subject_id"].isin(done["subject_id"])
    (row,) = section.more[0].rows
    assert (row["n"], row["received"]) == (len(offered), reached.sum())
    assert f"{100 * reached.mean():.0f} in 100 reached the smallest dose" in section.sentence


@pytest.mark.parametrize(
    ("middle", "said"),
    [
        (1, 'half or more of those who received "contact" received it only once'),
        (2, 'half of those who received "contact" received it twice or more'),
        (7, 'half of those who received "contact" received it 7 times or more'),
    ],
)
def test_the_middle_dose_is_never_told_as_once_or_more(middle, said):
    assert monitoring_people._middle({"kind": "contact", "median": middle}) == said


@pytest.mark.parametrize(
    ("done", "due", "said"), [(40, 40, "all were"), (2999, 3000, "nearly all were"), (30, 40, "75 in 100 were")]
)
def test_the_share_of_planned_services_in_words(done, due, said):
    assert monitoring_people._of_planned(done, due, Rules()) == said


def write_actions(folder, *entries):
    made = [ACTION.format(**{"indicator": "engaged_30d", "closed": "null"} | entry) for entry in entries]
    (folder / "actions.yaml").write_text("actions:" + "".join(made), encoding="utf-8")


@pytest.fixture
def own_city(city, tmp_path):
    """A city of this test alone, whose files it may change."""
    return shutil.copytree(city("cincinnati"), tmp_path / "city")


def test_open_actions_are_carried_until_they_are_closed_and_old_ones_are_named(own_city):
    write_actions(
        own_city,
        {"id": "A01", "opened": "2019-11-30"},
        {"id": "A02", "opened": "2020-01-20", "closed": '"2020-02-15"'},
        {"id": "A03", "opened": "2020-02-10"},
    )
    shown = {}
    for day in ("2020-01-31", "2020-02-29"):
        section = monitoring.actions(monitoring.open_book(city_dir=own_city, as_of=day, fast=True))
        shown[day] = [row["id"] for row in section.table.rows if "id" in row]
        old = [flag.message for flag in section.flags if flag.code == "ACTION_OLD"]
        assert [message.split()[1] for message in old] == ["A01"]
    assert shown == {"2020-01-31": ["A01", "A02"], "2020-02-29": ["A01", "A03"]}
    assert "Two actions are open. One of them, for more than 60 days." in section.sentence


def test_a_signal_without_an_action_is_named(own_city):
    before = monitoring.actions(monitoring.open_book(city_dir=own_city, as_of="2020-01-20", fast=True))
    alone = {flag.scope for flag in before.flags if flag.code == "NO_ACTION"}
    assert "engaged_30d" in alone and "Engaged with two or more" in before.sentence  # its low month was December
    write_actions(own_city, {"id": "A01", "opened": "2020-01-14"})
    after = monitoring.actions(monitoring.open_book(city_dir=own_city, as_of="2020-01-20", fast=True))
    assert {flag.scope for flag in after.flags if flag.code == "NO_ACTION"} == alone - {"engaged_30d"}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"indicator": "engaged_30"}, "no indicator 'engaged_30' in city.yml. Did you mean 'engaged_30d'"),
        ({"opened": "January"}, "opened is 'January', which is not a date"),
        ({"closed": "soon"}, "closed is 'soon', which is not a date"),
    ],
)
def test_a_wrong_action_is_named(own_city, entry, words):
    write_actions(own_city, {"id": "A01", "opened": "2020-01-14"} | entry)
    with pytest.raises(CityFileError, match=f"action 1: .*{words}"):
        city_files.actions(own_city, ["engaged_30d", "placed_90d"])


def told(book) -> dict:
    """All that a report says: sentences, tables as shown, flags and what goes into its record."""
    return {
        section.id: (
            section.sentence,
            [table.html(book.rules) for table in (section.table, *section.more) if hasattr(table, "html")],
            [figure.png for figure in (section.figure, *section.more) if hasattr(figure, "png")],
            section.flags,
            section.data.get("record"),
        )
        for section in run(book)
    }


MONTH_ENDS = [day.date().isoformat() for day in pd.date_range("2019-04-30", periods=18, freq="ME")]


def recorded(book) -> dict:
    """The monitoring record of a book whose sections have run, without what tells one run from another."""
    monitoring.finish(book)
    record = results.read(results.internal_path(book.city_dir, "monitoring"))
    return {name: record[name] for name in record if name not in ("run", "provenance")}


@pytest.mark.full
def test_no_month_changes_when_later_data_arrive(own_city):
    """Eighteen months in a row, each from a folder that holds no later row, and again once all rows are there."""
    everything = {file: file.read_bytes() for file in (own_city / "data" / "synthetic" / "linked").glob("*.parquet")}
    for day in MONTH_ENDS:
        book = monitoring.open_book(city_dir=own_city, as_of=day, fast=True)
        whole, record = told(book), recorded(book)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("shared_utils.data.store.read_tables", until(day))
            book = monitoring.open_book(city_dir=own_city, as_of=day, fast=True)
            then = told(book)
            assert recorded(book) == record, day
        assert then == whole, day
    assert everything == {file: file.read_bytes() for file in everything}


@pytest.mark.full
def test_a_month_keeps_its_numbers_and_locked_limits_stay(city):
    """Eighteen months in a row: what each says of earlier months is what those said of themselves."""
    numbers, limits = {}, {}
    for day in MONTH_ENDS:
        for one in indicators.load(monitoring.open_book(city_dir=city("detroit"), as_of=day, fast=True)):
            keys = ["group_dim", "group_value", "period"]
            now = one.rows.set_index(keys)[["value", "numerator", "denominator"]].sort_index()
            before = numbers.get(one.spec.id, now.iloc[:0])
            pd.testing.assert_frame_equal(now.loc[before.index], before)
            numbers[one.spec.id] = now
            if one.chart and not one.chart.trial:
                drawn = one.chart.limits[["centre", "lower", "upper"]]
                locked = limits.get(one.spec.id, drawn.iloc[:0])
                pd.testing.assert_frame_equal(drawn.iloc[: len(locked)], locked)
                limits[one.spec.id] = drawn
    assert len(numbers) == 6 and set(limits) == {"arrears30", "notice_rate", "recert_on_time"}


@pytest.mark.full
def test_a_month_changes_with_its_own_data_and_no_other_does(own_city):
    """A count of September 2019 that is put right later changes that month of its indicator, and no month before it."""
    reports = {}
    for right in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("shared_utils.data.store.read_tables", corrected if right else store_read_tables)
            for day in ("2019-09-30", "2019-10-31"):
                book = monitoring.open_book(city_dir=own_city, as_of=day, fast=True)
                run(book)
                reports[right, day] = {
                    (row["indicator_id"], row["group_dim"], row["group_value"]): row
                    for row in recorded(book)["indicators"]
                }
    assert reports[False, "2019-09-30"] == reports[True, "2019-09-30"]
    before, after = reports[False, "2019-10-31"], reports[True, "2019-10-31"]
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {("engaged_30d", "all", "all")} and before.keys() == after.keys()


def corrected(linked, report):
    """read_tables of a city that counts five people fewer in September 2019."""
    tables = store_read_tables(linked, report)
    rows = tables["indicator_monthly"]
    mine = (rows["indicator_id"] == "engaged_30d") & (rows["group_dim"] == "all") & (rows["period"] == "2019-09-01")
    rows.loc[mine, "numerator"] -= 5
    rows.loc[mine, "value"] = rows.loc[mine, "numerator"] / rows.loc[mine, "denominator"]
    return tables


def until(day: str):
    """read_tables of a city that has received nothing after `day`, and does not know yet who will leave."""

    def read_tables(linked, report):
        tables = store_read_tables(linked, report)
        for name, column in {**city_data.KNOWN, "assignments": "assigned_at"}.items():
            tables[name] = tables[name][~(tables[name][column] > pd.Timestamp(day))].reset_index(drop=True)
        people = tables["participants"]
        later = people["exit_date"] > pd.Timestamp(day)
        people.loc[later, ["exit_date", "exit_reason"]] = None
        return tables

    return read_tables


def test_a_month_that_was_due_and_has_not_come_is_late():
    one = indicator(CALM)  # April 2019 to March 2020, each ten days after its end
    on_time = monitoring_time._source("log", [one], 15, pd.Timestamp("2020-04-14"))
    assert (on_time["late"], on_time["complete"]) == (0, 1.0)  # March is not due before April 15
    missing = monitoring_time._source("log", [one], 15, pd.Timestamp("2020-06-20"))
    assert (missing["late"], missing["complete"]) == (2, pytest.approx(1 / 3))
    assert monitoring_time._source("log", [one], 5, pd.Timestamp("2020-04-14"))["late"] == 3


def test_months_that_no_year_has_are_not_expected():
    two_years = indicator([*CALM, *CALM], first="2018-09")
    school = indicators.Indicator(
        two_years.spec, two_years.rows[~two_years.rows["period"].dt.month.isin([7, 8])], (), SINCE
    )
    due = monitoring_time.due(school, 15, pd.Timestamp("2020-10-31"))
    assert [f"{month:%Y-%m}" for month in due] == ["2020-05", "2020-06", "2020-09"]


def test_sites_are_compared_only_where_eleven_people_stand_behind_them():
    services = pd.DataFrame({
        "subject_id": [f"p{i}" for i in range(30)] + ["q1"] * 20 + [f"r{i}" for i in range(40)],
        "provider_unit_id": ["u_north"] * 30 + ["u_one"] * 20 + ["u_south"] * 40,
        "scheduled": True, "delivered": [True] * 28 + [False] * 2 + [True] * 20 + [True] * 12 + [False] * 28,
    })  # fmt: skip
    sites = monitoring_people._sites(SimpleNamespace(rules=Rules()), services)
    assert [(row["site"], row["limits"]) for row in sites] == [("north", "above"), ("south", "below")]
    (flag,) = monitoring_people._outside(sites)
    assert flag.message == "Site south delivered 30% of planned services, all sites 57%."


def test_gaps_are_shown_with_what_is_left_of_their_p_values_among_so_many(open_book):
    book = open_book("monitoring", "cincinnati")
    table = monitoring.reach(book).table
    shown = [row for row in table.suppressed(book.rules)[0] if row["low"] is not None]
    _, q, *_ = multipletests([row["p"] for row in shown], method="fdr_bh")
    assert len(shown) > 5 and [row["q"] for row in shown] == pytest.approx(list(q))


@pytest.mark.parametrize(
    ("counts", "chart", "share"),
    [("people", "p", True), ("people", "xmr", True), ("other", "xmr", False), ("people", "u", False)],
)
def test_only_shares_of_people_get_intervals_for_shares(counts, chart, share):
    spec = SimpleNamespace(statistic="ratio", counts=counts, chart=chart, per=100)
    assert indicators.Indicator.is_share.fget(SimpleNamespace(spec=spec)) is share


def gap(points: float, half: float, group: str) -> dict:
    """A gap between groups as the table has it, in points with the half width of its interval."""
    ends = {"gap": points / 100, "low": (points - half) / 100, "high": (points + half) / 100}
    return {"group": group, "label": "Kept", "reference": "White", **ends}


def test_the_headline_of_the_gaps_is_the_widest_that_chance_does_not_explain():
    book = SimpleNamespace(stamp="")
    wide, clear = gap(-11, 16, "Asian"), gap(-7, 6, "Black")
    assert "The widest clear gap: 7 points, Black below White." in monitoring_reach._gap_figure(book, [wide, clear]).alt
    assert "No gap is clear. The widest: 11 points, Asian" in monitoring_reach._gap_figure(book, [wide]).alt


@pytest.mark.full
def test_a_change_in_a_score_is_no_share_of_its_earlier_level(open_book):
    section = monitoring.events(open_book("monitoring", "neworleans"))
    shares = {row["label"]: row["change"] for row in section.table.rows}
    assert shares["Change in readiness score"] == "" and shares["Placed at a worksite"].endswith("%")
    assert "Change in readiness score" not in section.sentence
    alone = next(row for row in section.table.rows if row["label"] == "Change in readiness score")
    assert monitoring_events._change(alone) == f"fell from {alone['before']} to {alone['after']}"


SPENDING = (
    "year,month,day_endofmonth,countyfips,freq,spend_all,provisional\n2020,1,31,39061,m,0,0\n2020,4,30,39061,m,-.3,0\n"
)


def test_outside_events_stand_beside_what_is_published_about_the_place(own_city, open_book):
    assert monitoring.events(open_book("monitoring", "cincinnati")).more == ()
    (own_city / "data" / "public_ref" / "Affinity - County - Monthly.csv").write_text(SPENDING, encoding="utf-8")
    section = monitoring.events(monitoring.open_book(city_dir=own_city, fast=True))
    assert section.sentence.endswith(
        "not the pilot. Its months do not count as improvement or concern. All of this is made up. What follows is "
        "published and real. In April 2020, against January 2020, card spending of the county was 30% lower. This is "
        "context about the place, not a result of the pilot."
    )
    figure, table = section.more
    assert "Line charts" in figure.alt and "context about the place" in table.notes[0]


@pytest.mark.parametrize(("value", "target", "unit", "words"), [
    (40.0, 60, "percent", "20 points below target"), (40.0, 39, "percent", "1 point above target"),
    (8.01, 8, "percent", "on target"), (24.0, 21, "days", "3 days above target"),
])  # fmt: skip
def test_the_way_to_a_target_in_percent_is_told_in_points(value, target, unit, words):
    one = SimpleNamespace(spec=SimpleNamespace(target=target, unit=unit), latest={"value": value}, shown=float)
    one.print = indicators.Indicator.print.__get__(one)
    assert monitoring_change._from_target(one) == words
