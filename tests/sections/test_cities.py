"""What the reports of real (synthetic) cities say, show and hand over."""

import json
import re

import pandas as pd
import pytest
from reading_grade import grade
from section_runs import SECTIONS, run, scenario_city, shown

from shared_utils import designs, results
from shared_utils.sections import analysis, impact, monitoring
from shared_utils.stats import decision as rule

BANNED = re.compile(r"significan|prove[sd]?\b|trending|!", re.I)
CAUSAL = re.compile(r"\b(effect|effects|impact|impacts|caused?|causes|raised|lowered)\b", re.I)
STAMP = "SYNTHETIC DATA - NOT RESULTS FOR CINCINNATI"


@pytest.mark.parametrize("notebook", SECTIONS)
def test_every_section_answers_with_a_sentence_a_stamp_and_figures_that_say_what_they_show(open_book, notebook):
    for section in run(open_book(notebook, "cincinnati")):
        assert section.sentence and section.question, section.id
        assert STAMP in shown(section), section.id
        for bundle, metadata in section.bundles():
            if "image/png" in bundle:
                assert len(metadata["image/png"]["alt"]) > 40
                assert len(bundle["image/png"]) * 3 / 4 < 60_000


@pytest.mark.parametrize("notebook", SECTIONS)
def test_reports_are_plain(open_book, notebook):
    text = " ".join(section.sentence for section in run(open_book(notebook, "cincinnati")))
    assert not BANNED.search(text)
    assert grade(text) <= 9


def test_the_estimate_shown_is_the_one_of_the_designs_room(open_book):
    book = open_book("impact", "cincinnati")
    (row,) = [r for r in impact.primary_effect(book).estimates if r["role"] == "primary"]
    direct = designs.estimate(book.study.frame, {**book.study.design, "outcome": "employed_q2", "seed": book.seed})
    assert row["value"] == pytest.approx(direct["value"].iloc[0], abs=1e-12)
    assert row["se"] == pytest.approx(direct["se"].iloc[0], abs=1e-12)
    assert row["display"]["value"] == pytest.approx(100 * row["value"])


def test_the_decision_is_the_rule_applied_to_the_record(open_book):
    book = open_book("impact", "cincinnati")
    (row,) = [r for r in impact.primary_effect(book).estimates if r["role"] == "primary"]
    b = row["benefit"]
    expected = rule.decide(b["b"], b["l"], b["u"], row["mwe"]["value"], [f.as_dict() for f in book.all_flags()])
    made = impact.decision(book).data["record"]
    assert (made["recommendation"], made["label"]) == (expected.recommendation, expected.label)
    assert made["recommendation"] in impact.decision(book).sentence


def test_a_primary_estimate_and_its_standard_deviations_agree_in_sign(open_book):
    row = impact.primary_effect(open_book("impact", "cincinnati")).estimates[0]
    assert (row["standardized"]["d"] > 0) == (row["benefit"]["b"] > 0) and row["standardized"]["method"] == "cox"


def test_small_groups_keep_their_place_without_numbers(open_book):
    rows = [r for r in impact.subgroups(open_book("impact", "cincinnati")).estimates if r["suppressed"]]
    assert rows and all(r["value"] is None and r["null_reason"] and r["n"] == {} for r in rows)


@pytest.mark.full
def test_two_runs_differ_in_the_run_block_only(city):
    records = []
    for _ in range(2):
        book = impact.open_book(city_dir=city("cincinnati"), fast=True)
        run(book)
        impact.finish(book)
        records.append(results.read(results.internal_path(city("cincinnati"), "impact")))
    first, second = ({**record, "run": None} for record in records)
    assert json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)


@pytest.mark.parametrize("parameters", [{"blind": "on"}, {"as_of": "2020-03-31"}], ids=["asked", "too early"])
def test_blinded_reports_hold_no_outcome_of_any_group(open_book, city, parameters):
    open_numbers = arm_numbers(open_book("impact", "cincinnati"))
    book = open_book("impact", "cincinnati", **parameters)
    sections = run(book)
    for section in sections:
        assert "BLINDED" in shown(section), section.id
    text = "\n".join(shown(section) for section in sections if section.id != "I3")
    assert not [number for number in open_numbers if number in text]
    impact.finish(book)
    record = results.read(results.internal_path(city("cincinnati"), "impact"))
    assert record["run"]["blind"] and record["decision"] is None
    assert {row["null_reason"] for row in record["estimates"] if row["role"] == "primary"} == {"blinded"}
    assert all(row["value"] is None for row in record["estimates"])


def arm_numbers(book) -> set[str]:
    """Means by group and effects as the open report prints them (percent with a decimal, points)."""
    row = analysis.main_rows(analysis.primary_rows(book))[0]
    means = [row["mean_comparison"], row["mean_comparison"] + row["value"]]
    by_arm = book.study.frame.groupby(book.study.arm)["employed_q2"].mean()
    return {f"{100 * value:.1f}%" for value in [*means, *by_arm]} | {f"{100 * row['value']:.1f} points"}


def test_without_a_lock_nothing_is_unblinded_and_off_is_refused(city, tmp_path):
    import shutil

    from shared_utils.errors import EmiError

    folder = tmp_path / "unlocked"
    shutil.copytree(city("cincinnati"), folder)
    (folder / "plan" / "plan.lock.json").unlink()
    book = impact.open_book(city_dir=folder, fast=True)
    assert book.blinded and "not locked" in impact.primary_effect(book).sentence
    with pytest.raises(EmiError, match="not locked"):
        impact.open_book(city_dir=folder, blind="off")


def test_monitoring_compares_no_outcome_between_groups(open_book):
    book = open_book("monitoring", "cincinnati")
    text = "\n".join(shown(section) for section in run(book))
    assert not [number for number in arm_numbers(book) if number in text]


def test_the_planted_low_month_is_found(open_book, city):
    truth = city("cincinnati") / "data" / "synthetic" / "truth" / "truth.json"
    ((name, planted),) = json.loads(truth.read_text(encoding="utf-8"))["planted_signals"].items()
    assert name == "engaged_30d" and planted["start"] == "2019-12"
    table = monitoring.charts(open_book("monitoring", "cincinnati")).table
    (row,) = [r for r in table.rows if r["label"].startswith("Engaged")]
    assert "rule 1: 2019-12" in row["hits"] and row["trial"] == "trial"


def test_the_monitoring_record_holds_the_latest_period_of_every_indicator(open_book, city):
    book = open_book("monitoring", "cincinnati")
    run(book)
    monitoring.finish(book)
    rows = pd.DataFrame(results.read(results.internal_path(city("cincinnati"), "monitoring"))["indicators"])
    assert set(rows["indicator_id"]) == {indicator.id for indicator in book.config.indicators}
    assert (rows.groupby("indicator_id")["period"].nunique() == 1).all()
    assert rows.loc[rows["suppressed"], ["value", "numerator", "denominator"]].isna().all(axis=None)
    shares = rows[rows["unit"] == "percent"]["value"].dropna()
    assert shares.between(0, 100).all() and shares.max() > 1


def test_a_block_flag_stops_the_numbers_of_the_baseline(city):
    from shared_utils.results import Flag
    from shared_utils.sections import baseline

    book = baseline.open_book(city_dir=city("cincinnati"), fast=True)
    book.flags.append(Flag("DQ114", "block", "assignments", "3 people are in two groups.", True))
    section = baseline.comparability(book)
    assert "could not run" in section.sentence and "DQ114" in section.sentence
    assert section.flags[0].code == "B5_NOT_RUN"


@pytest.mark.full
def test_a_failed_check_makes_the_result_unusable_in_words(city):
    from shared_utils.results import Flag

    book = impact.open_book(city_dir=city("cincinnati"), fast=True)
    book.flags.append(Flag("DQ114", "block", "assignments", "3 people are in two groups.", True))
    for section in (impact.primary_effect(book), impact.decision(book), impact.summary(book)):
        assert "not decision-grade: DQ114" in section.sentence and "must not guide a decision" in section.sentence
    assert impact.decision(book).data["record"]["recommendation"] == "KEEP LEARNING"
    assert "works" not in impact.decision(book).sentence


@pytest.mark.full
def test_a_weak_invitation_gives_no_number_and_no_decision(tmp_path):
    book = impact.open_book(city_dir=scenario_city(tmp_path, "lansing", "weak_nudge"), fast=True)
    section = impact.primary_effect(book)
    (row,) = [r for r in section.estimates if r["role"] == "primary"]
    assert "not decision-grade: weak_first_stage" in section.sentence and "no limits" in section.sentence
    run(book)
    impact.finish(book)
    record = results.read(results.internal_path(book.city_dir, "impact"))
    assert record["decision"]["recommendation"] == "KEEP LEARNING"
    assert record["estimates"][0]["ci_low"] is None and row["value"] is not None


def test_a_descriptive_city_says_nothing_about_causes(descriptive_city):
    book = impact.open_book(city_dir=descriptive_city, fast=True)
    assert not book.blinded
    sections = run(book)
    text = "\n".join(shown(section) + section.question for section in sections if section.id != "I12")
    assert not CAUSAL.search(re.sub(r"I3_NOT_RUN|What was the effect", "", text))
    assert "rose by" in sections[3].sentence and "cannot tell what brought" in sections[3].sentence
    impact.finish(book)
    record = results.read(results.internal_path(descriptive_city, "impact"))
    assert record["estimates"][0]["null_reason"] == "descriptive" and record["decision"] is None
