"""The baseline report: rows that reconcile, a draw that is audited, groups that are comparable, and what to do next."""

import dataclasses
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from shared_utils.disclosure import Rules
from shared_utils.results import Flag
from shared_utils.sections import (
    analysis,
    baseline,
    baseline_draw,
    baseline_groups,
    baseline_next,
    baseline_people,
    baseline_power,
    charts_compare,
    checks,
)
from shared_utils.stats import power


@pytest.mark.parametrize("key", ["cincinnati", pytest.param("newark", marks=pytest.mark.full)])
def test_rows_reconcile_at_every_step(open_book, key):
    section = baseline.data_quality(open_book("baseline", key))
    for row in section.table.rows:
        assert row["rows_in"] + row["added"] == row["kept"] + row["dropped"], row["file"]
    steps = next(table for table in section.more if table.caption == "From the records to the analysis").rows
    assert [row["n"] for row in steps[:-1]] == [row["n"] + row["left"] for row in steps[1:]]
    assert steps[-1]["n"] == open_book("baseline", key).study.frame[analysis_outcome(open_book, key)].notna().sum()
    assert all(row["why"] for row in steps if row["left"])


@pytest.fixture
def barred(monkeypatch):
    """The bars that are drawn: [(label, percent, words)] of each chart."""
    drawn, bars = [], charts_compare.bars
    monkeypatch.setattr(charts_compare, "bars", lambda rows, *rest: drawn.append(rows) or bars(rows, *rest))
    return drawn


def test_the_bars_of_the_tracts_tell_what_the_table_of_people_tells(open_book, barred):
    book = open_book("baseline", "cincinnati")
    figure, groups = baseline_people.by_opportunity(book)
    table = baseline.participants(book).table
    told = {row["group"]: 100 * row["share"] for row in table.rows if "opportunity_tercile" in row["where"]}
    labels = {"Low third": "low", "Middle third": "middle", "High third": "high", "Not known": "not known"}
    assert {labels[label]: value for label, value, _ in barred[0]} == pytest.approx(told)
    assert [label for label, *_ in barred[0]] == list(labels)
    assert figure.alt.startswith("Bar chart. 45 in 100 people are in the low third for opportunity.")
    # A release that must hide one of these groups after all takes the chart away with it.
    section = baseline.context(book)
    assert figure.alt in [part.alt for part in section.more] and groups == section.shows
    assert {"participants|opportunity_tercile=low"} <= {str(group) for group in groups}


def test_the_bars_of_the_tracts_leave_out_what_the_table_hides(open_book, monkeypatch, barred):
    book = open_book("baseline", "cincinnati")
    frame = book.study.frame
    few = frame.index[frame["opportunity_tercile"] == "high"][5:]
    study = dataclasses.replace(book.study, frame=frame.drop(few))
    monkeypatch.setattr(book, "data", dataclasses.replace(book.data, study=study))
    monkeypatch.setattr(book, "sections", {})
    figure, groups = baseline_people.by_opportunity(book)
    assert "High third" not in [label for label, *_ in barred[-1]] and "High" not in figure.alt
    assert not any(("opportunity_tercile", "high") in group.where for group in groups)
    assert len(barred[-1]) < 3  # a second one is hidden too: the rest would give the small one away


def test_of_places_only_those_of_the_pilot_are_counted(barred):
    places = pd.DataFrame({"unit": list("abcdef"), "group": [1, 1, 1, 0, 0, 0],
                           "opportunity_tercile": ["low", "low", "high", "middle", "middle", "unknown"]})  # fmt: skip
    study = SimpleNamespace(frame=places, subject_id="unit", unit_label="tracts", arm="group", labels=(1, 0),
                            covariates=[], subgroups={"opportunity_tercile": "opportunity_tercile"})  # fmt: skip
    config = SimpleNamespace(design=SimpleNamespace(type="panel_did"))
    book = SimpleNamespace(study=study, config=config, stamp="", rules=Rules())
    figure, groups = baseline_people.by_opportunity(book)
    assert [(label, words) for label, _, words in barred[0]] == [("Low third", "2 of 3"), ("High third", "1 of 3")]
    assert groups == frozenset() and "2 of 3 tracts are in the low third for opportunity" in figure.alt


def analysis_outcome(open_book, key) -> str:
    return open_book("baseline", key).config.primary.id


def test_a_few_who_were_not_assigned_cannot_be_worked_out(open_book, monkeypatch):
    from shared_utils.sections import baseline_data

    book = open_book("baseline", "cincinnati")
    people = book.data.tables["participants"]
    for more, first in ((3, "In the study"), (30, "On the city's list")):
        longer = pd.concat([people, people.head(more)])
        monkeypatch.setitem(book.data.tables, "participants", longer)
        assert baseline_data._steps_table(book).rows[0]["step"] == first


def test_the_draw_is_held_against_the_stated_chances(open_book):
    book = open_book("baseline", "cincinnati")
    (row,) = baseline_draw.audit_table(book).rows
    drawn = book.data.tables["assignments"].groupby("stratum")
    shares = drawn["arm"].agg(lambda arm: (arm == "offer").mean()) - drawn["assign_prob"].first()
    assert (row["blocks"], row["fit"]) == (8, 8) and row["gap"] == pytest.approx(shares.abs().max())


@pytest.mark.full
def test_unequal_odds_of_a_lottery_are_no_imbalance(open_book):
    """Sites of New Orleans have other odds by design: weighted as in the analysis they are alike."""
    book = open_book("baseline", "neworleans")
    rows = baseline_groups._balance_rows(book, book.study.labels)
    sites = [row for row in rows if row["covariate"] == "site_id"]
    assert len(sites) == 6 and all(abs(row["d"]) < 1e-9 for row in sites)
    frame, group = checks.pair(book)
    treated, chance = frame[group] == 1, frame["assign_prob"].astype(float)
    weights, age = np.where(treated, 1 / chance, 1 / (1 - chance)), frame["age_years"].astype(float)
    (row,) = [row for row in rows if row["covariate"] == "age_years"]
    assert row["mean_treated"] == pytest.approx(np.average(age[treated], weights=weights[treated]))


@pytest.mark.full
def test_every_primary_contrast_of_several_arms_is_compared(open_book):
    section = baseline.comparability(open_book("baseline", "tulsa"))
    assert {row["arm"] for row in section.table.rows} == {"Career education", "Career education plus training"}
    named = [row["covariate"] for row in section.data["record"]["rows"]]
    assert len(set(named)) == len(named)


@pytest.mark.full
def test_a_lottery_with_unequal_odds_detects_what_its_analysis_would(open_book):
    book = open_book("baseline", "neworleans")
    found = baseline_power.minimum_detectable(book)
    planned = analysis.main_rows(analysis.primary_rows(book))[0]
    assert found.mde == pytest.approx(power.multiplier(found.inputs["df"]) * planned["se"], rel=0.05)


def test_unequal_odds_cost_what_the_blocks_say():
    """Neyman's variance of a block-weighted difference: the sum of (N_b / N)^2 (1 / n_1b + 1 / n_0b)."""
    sizes, chances = np.array([200, 300, 500]), np.array([0.25, 0.5, 0.6])
    n, drawn = sizes.sum(), sizes * chances
    variance = ((sizes / n) ** 2 * (1 / drawn + 1 / (sizes - drawn))).sum()
    odds = (sizes / (chances * (1 - chances))).sum() / n
    found = power.mde("rct_blocked_lottery", n=n, odds=odds, sd=0.4, strata=3)
    assert found["mde"] / found["multiplier"] == pytest.approx(0.4 * np.sqrt(variance))


def test_people_who_are_missing_are_described_without_small_cells(open_book):
    book = open_book("baseline", "cincinnati")
    frame = book.study.frame
    (table,) = baseline.missing(book).more
    gone, rare = frame[book.config.primary.id].isna(), frame["gender"] == "nonbinary_other"
    assert 0 < (gone & rare).sum() < 11 and not [row for row in table.rows if "nonbinary" in row["what"]]


def flagged(*flags) -> SimpleNamespace:
    return SimpleNamespace(
        all_flags=lambda: list(flags), as_of=pd.Timestamp("2020-10-31").date(), rules=Rules(), descriptive=False,
        config=SimpleNamespace(reporting=SimpleNamespace(contact_role="City pilot lead")),
        sections={}, stamp="",
    )  # fmt: skip


def test_next_steps_are_ranked_and_have_a_role_and_a_date():
    book = flagged(
        Flag("DQ106", "warn", "participants.gender", "8% of the cells of gender are empty."),
        Flag("ATTRITION", "warn", "outcomes", "12% of main outcomes are missing.", True),
        Flag("DQ101", "block", "outcomes", "3 rows have the key of a later row.", True),
        Flag("MDE", "warn", "B7", "The detectable change is larger than the worthwhile one.", True),
        Flag("pretrend_power", "info", "B5", "No other movement was found."),
    )
    section = baseline_next.next_steps(book)
    assert [(row["what"][:9], row["who"], row["by"]) for row in section.table.rows] == [
        ("Settle wh", "Data lead", "November 7, 2020"),
        ("Follow up", "City pilot lead", "November 30, 2020"),
        ("Ask for t", "Data lead", "November 30, 2020"),
    ]
    assert section.sentence.startswith("First: settle which of two rows with the same key is true.")
    assert section.sentence.endswith("The table lists two more steps.")


def test_more_than_five_things_are_cut_to_the_gravest_and_none_is_said():
    many = [Flag(f"DQ10{i}", "warn" if i < 6 else "serious", "x", "Something.") for i in range(1, 8)]
    rows = baseline_next.next_steps(flagged(*many)).table.rows
    assert [row["grave"] for row in rows] == ["serious", "serious", "note", "note", "note"]
    assert baseline_next.next_steps(flagged()).table is None


@pytest.mark.full
def test_no_flag_tells_the_size_of_the_effect_before_results_may_be_seen(open_book):
    hidden = [open_book("baseline", "newark"), open_book("impact", "newark", blind="on")]
    assert not [flag for book in hidden for flag in checks.design_flags(book) if flag.code == "pretrend_effect"]
    told = {flag.code for flag in checks.design_flags(open_book("impact", "newark"))}
    assert {"pretrend_power", "pretrend_effect"} <= told


def test_an_income_rank_is_printed_of_100_and_not_in_percent(open_book):
    book = open_book("baseline", "cincinnati")
    _, _, first, second, *_ = baseline.context(book).table.html(book.rules, release=True).split("<tr>")
    assert "Income rank" in first and "%" not in first and re.search(r">\d\d\.\d<", first)
    assert "poverty" in second and re.search(r">\d+%<", second)
