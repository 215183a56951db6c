"""What stands beside the estimate: choices, other outcomes, missing and hidden data, and cost."""

import re

import numpy as np
import pytest
from section_runs import run, shown

from shared_utils import designs, results
from shared_utils.disclosure import protect
from shared_utils.errors import EmiError
from shared_utils.sections import analysis, impact, record
from shared_utils.sections.section import Section
from shared_utils.stats import bounds, multiplicity
from shared_utils.stats.decision import rule


@pytest.fixture
def cincinnati(open_book):
    return open_book("impact", "cincinnati")


def test_listed_analyses_are_calls_anyone_can_repeat(cincinnati):
    rows = {row["specification"]: row for row in impact.choices(cincinnati).data["rows"]}
    plan = analysis.design(cincinnati, "employed_q2", draws=0)
    plain = {**plan, "covariates": None, "strata": None}
    by_hand = designs.estimate(cincinnati.study.frame, {k: v for k, v in plain.items() if v}).iloc[0]
    assert rows["no_covariates"]["value"] == pytest.approx(by_hand["value"], abs=1e-12)
    primary = analysis.main_rows(analysis.primary_rows(cincinnati))[0]
    assert rows["planned"]["value"] == pytest.approx(primary["value"], abs=1e-12)


def test_the_record_counts_the_choices_that_agree(cincinnati):
    made = impact.choices(cincinnati)
    kept = [row for row in made.data["rows"] if row["kind"] == "choice"]
    decided = [rule(row["value"], row["ci_low"], row["ci_high"], cincinnati.config.mwe)[0] for row in kept]
    block = made.data["record"]
    assert block["n_specs"] == len(kept) > 2
    assert block["same_decision_share"] == pytest.approx(np.mean([d == decided[0] for d in decided]))
    assert (block["min"], block["max"]) == (min(r["value"] for r in kept), max(r["value"] for r in kept))
    wrong = [spec for spec in block["specs"] if spec["kind"] == "wrong"]
    assert wrong and not {spec["id"] for spec in wrong} & {row["specification"] for row in kept}


@pytest.mark.full
def test_no_place_is_named_where_one_is_left_out_at_a_time(open_book):
    made = impact.choices(open_book("impact", "dayton"))
    text = shown(made)
    assert "Without one site (1 of 12)" in text and not re.search(r"u_site", text + str(made.data["record"]))


def test_other_outcomes_are_one_family_and_never_decide(cincinnati):
    section = impact.other_outcomes(cincinnati)
    found = {line["outcome"].id: line for line in section.data["outcomes"]}
    assert set(found) == {o.id for o in cincinnati.config.outcomes if o.role == "secondary"}
    holm = multiplicity.holm([line["row"]["p"] for line in found.values()])
    assert [line["p_holm"] for line in found.values()] == pytest.approx(list(holm))
    assert all(row["role"] == "secondary" and row["p_adjusted"] is not None for row in section.estimates)
    hardship = next(row for row in section.estimates if row["outcome_id"] == "hardship_count")
    assert hardship["direction"] == "decrease" and hardship["benefit"]["b"] == -hardship["value"]


@pytest.mark.full
def test_panels_compare_each_outcome_with_its_own_denominator(open_book):
    book = open_book("impact", "newark")
    found = {line["outcome"].id: line for line in impact.other_outcomes(book).data["outcomes"]}
    share = found["represented_share"]["row"]
    assert "OLS" in share["method"] and abs(share["value"]) < 1
    assert "Poisson" in found["eviction_filings"]["row"]["method"]


def test_bounds_are_those_of_lee_on_the_drawn_groups(cincinnati):
    frame = cincinnati.study.frame
    seen = frame["employed_q2"].notna()
    expected = bounds.lee(frame["employed_q2"].to_numpy(float), frame["treatment"].to_numpy(), seen.to_numpy(float))
    block = impact.missing_outcomes(cincinnati).data["record"]
    assert block["lee"]["low"] == pytest.approx(expected.low)
    assert block["lee"]["ci_high"] == pytest.approx(expected.ci_high)
    worst = block["worst_case"]
    assert worst["low"] <= block["lee"]["low"] <= block["lee"]["high"] <= worst["high"]


@pytest.mark.full
def test_bounds_of_an_invitation_are_bounds_of_the_invitation(open_book):
    section = impact.missing_outcomes(open_book("impact", "lansing"))
    itt = analysis.of_role(analysis.primary_rows(open_book("impact", "lansing")), "itt")
    assert section.table.rows[0]["value"] == itt["value"] and "effect of the invitation" in section.sentence


@pytest.mark.full
def test_a_comparison_people_chose_says_what_a_hidden_reason_would_need(open_book):
    section = impact.hidden_differences(open_book("impact", "racine"))
    values = {row["what"]: row["value"] for row in section.table.rows}
    row = analysis.main_rows(analysis.primary_rows(open_book("impact", "racine")))[0]
    ratio = 1 + row["value"] / row["mean_comparison"]
    assert values["E-value of the estimate"] == pytest.approx(ratio + np.sqrt(ratio * (ratio - 1)))
    assert 0 < values["Robustness value of the interval"] < values["Robustness value"] < 1


@pytest.mark.full
def test_trends_that_differ_are_priced_in_multiples_of_the_past(open_book):
    section = impact.hidden_differences(open_book("impact", "newark"))
    rows = [row for row in section.table.rows if row["restriction"] == "relative magnitudes"]
    widths = [row["ci_high"] - row["ci_low"] for row in rows]
    assert widths == sorted(widths) and [row["m"] for row in rows] == sorted(row["m"] for row in rows)


def test_a_cost_per_result_is_money_over_results_for_the_same_people(cincinnati):
    section = impact.cost_per_result(cincinnati)
    costs = cincinnati.data.tables["costs"]
    cash = costs.loc[~costs["is_in_kind"].astype(bool), "amount_usd"].sum()
    offered = int((cincinnati.study.frame["arm"] == "offer").sum())
    row = analysis.main_rows(analysis.primary_rows(cincinnati))[0]
    block = section.data["record"]
    assert block["icer"] == pytest.approx(cash / offered / row["value"])
    assert block["icer_ci"] == pytest.approx([cash / offered / row["ci_high"], cash / offered / row["ci_low"]])
    assert "placeholders, not real ones" in section.sentence


def test_who_paid_adds_up_to_the_cash_and_keeps_help_in_kind_apart(cincinnati):
    costs, spent = cincinnati.data.tables["costs"], record.spending(cincinnati)
    paid = {kind: sum(row["amount_usd"] for row in spent["funds"] if row["kind"] == kind)
            for kind in ("one_time", "recurring", "in_kind")}  # fmt: skip
    assert paid["one_time"] + paid["recurring"] == pytest.approx(spent["total_usd"])
    assert paid["in_kind"] > 0
    assert paid["in_kind"] == pytest.approx(costs.loc[costs["is_in_kind"].astype(bool), "amount_usd"].sum())
    city = costs[(costs["fund_source"] == "city") & ~costs["is_in_kind"].astype(bool)]["amount_usd"].sum()
    assert sum(row["amount_usd"] for row in spent["funds"] if row["fund_source"] == "city") == pytest.approx(city)
    evaluation = costs.loc[costs["category"] == "evaluation", "amount_usd"].sum()
    assert spent["evaluation_share"] == pytest.approx(evaluation / spent["total_usd"])
    assert spent["pilot_elapsed_share"] == 1.0, "the pilot ended a month before the data"
    assert spent["forecast_usd"] == pytest.approx(spent["total_usd"]), "nothing more is to come"
    half = record._forecast(costs[~costs["is_in_kind"].astype(bool)], 0.5)
    assert half == pytest.approx(paid["one_time"] + 2 * paid["recurring"])
    assert spent["served"] * spent["per_participant_usd"] == pytest.approx(spent["total_usd"])


@pytest.mark.full
def test_placeholder_costs_never_move_the_decision(open_book):
    book = open_book("impact", "rochester")
    made = impact.cost_per_result(book)
    assert made.data["ceiling"] == 2.5 and made.data["above_ceiling"] is None
    assert any(flag.code == "COST_CEILING" for flag in impact.decision(book).flags)


@pytest.mark.full
def test_real_costs_above_the_ceiling_turn_scale_into_adapt(city):
    book = impact.open_book(city_dir=city("rochester"), fast=True)
    book.data.tables["costs"] = book.data.tables["costs"].assign(
        quality="actual", amount_usd=lambda rows: 3 * rows["amount_usd"]
    )
    assert impact.cost_per_result(book).data["above_ceiling"]
    decided = impact.decision(book).data["record"]
    assert decided["recommendation"] == "ADAPT" and any("cost" in g for g in decided["guardrails"])


def test_a_part_of_the_citys_own_is_never_the_primary_result(cincinnati):
    ours = {**impact.primary_effect(cincinnati).estimates[0], "estimate_id": "ours"}
    cincinnati.sections["C1"] = Section("Ours is larger.", estimates=[ours], id="C1", question="And ours?")
    with pytest.raises(EmiError, match=r"Section C1 \('And ours\?'\) gives its estimate ours the role primary"):
        impact.finish(cincinnati)
    del cincinnati.sections["C1"]


def test_the_record_keeps_all_of_it_and_fits_the_schema(cincinnati, city):
    run(cincinnati)
    impact.finish(cincinnati)
    kept = results.read(results.internal_path(city("cincinnati"), "impact"))
    assert kept["robustness"]["n_specs"] and kept["attrition"]["lee"] and kept["costs"]["icer"]
    assert kept["costs"]["total_usd"] == record.spending(cincinnati)["total_usd"]
    counts = results.whom.gathered(results.whom.of_record(kept))
    released = results.network_record.network_record(kept, cincinnati.rules, protect(counts, cincinnati.rules))
    value = next(s["value"] for s in released["robustness"]["specs"] if s["id"] == "planned")
    primary = next(row for row in released["estimates"] if row["role"] == "primary")
    assert value == primary["value"]


@pytest.mark.parametrize(
    "key", ["cincinnati", *(pytest.param(key, marks=pytest.mark.full) for key in ("dayton", "newark"))]
)
def test_counted_and_assigned_units_are_both_named(open_book, key):
    section = impact.analysed(open_book("impact", key))
    note = next(note for note in section.table.notes if note.startswith("Counted:"))
    expected = {"cincinnati": ("people", "people"), "dayton": ("families", "classrooms"),
                "newark": ("months of tracts", "tracts")}[key]  # fmt: skip
    assert all(word in note for word in expected)
    assert any(flag.code == "UNITS_DIFFER" for flag in section.flags) == (expected[0] != expected[1])
