"""The nine presets: complete, exact on the numbers of table 1.0, never a claim about a real pilot."""

import datetime
from typing import get_args

import pytest

from shared_utils.config import DESIGN_TYPES, PRESETS, load_city, preset_path
from shared_utils.config.design import Design
from shared_utils.config.rules import EQUITY_DIMS

# slug, domain, type, primary, mwe on the estimation scale, its scale, confirmatory subgroup, state, FIPS
TABLE = {
    "cincinnati": (
        "cincinnati-workforce-support",
        "employment",
        "rct_individual",
        "employed_q2",
        0.05,
        "prob_diff",
        "household_type",
        "OH",
        "39061",
    ),
    "dayton": (
        "dayton-early-engagement",
        "education",
        "rct_cluster",
        "home_learning_index",
        2.7,
        "points",
        "opportunity_tercile",
        "OH",
        "39113",
    ),
    "detroit": (
        "detroit-tenant-support",
        "housing",
        "did_staggered",
        "arrears30_share",
        0.02,
        "prob_diff",
        "opportunity_tercile",
        "MI",
        "26163",
    ),
    "lansing": (
        "lansing-financial-tools",
        "savings",
        "iv_encouragement",
        "past_due_m6",
        0.08,
        "prob_diff",
        "opportunity_tercile",
        "MI",
        "26065",
    ),
    "neworleans": (
        "neworleans-youth-readiness",
        "employment",
        "rct_blocked_lottery",
        "connected_m9",
        0.06,
        "prob_diff",
        "gender",
        "LA",
        "22071",
    ),
    "newark": (
        "newark-eviction-prevention",
        "housing",
        "panel_did",
        "eviction_judgments",
        0.10536,
        "log_irr",
        "opportunity_tercile",
        "NJ",
        "34013",
    ),
    "racine": (
        "racine-hse-completion",
        "education",
        "observational_aipw",
        "hse_earned_9m",
        0.08,
        "prob_diff",
        "household_type",
        "WI",
        "55101",
    ),
    "rochester": (
        "rochester-matched-savings",
        "savings",
        "rd",
        "liquid_savings_m12",
        200,
        "usd",
        "household_type",
        "NY",
        "36055",
    ),
    "tulsa": (
        "tulsa-career-pathways",
        "employment",
        "rct_multiarm",
        "employed_or_enrolled_m9",
        0.06,
        "prob_diff",
        "household_type",
        "OK",
        "40143",
    ),
}
DECREASE = {"detroit", "lansing", "newark"}
KIND = {"dayton": "index", "detroit": "proportion", "newark": "count", "rochester": "continuous"}
# Run through the disruption by design: the shock is shared or the outcome is known for everyone.
THROUGH_COVID = {"detroit", "racine", "rochester"}


@pytest.fixture(scope="module")
def cities():
    return {key: load_city(preset_path(key)) for key in PRESETS}


@pytest.mark.parametrize("key", PRESETS)
def test_key_facts(cities, key):
    city = cities[key]
    slug, domain, design, primary, mwe, scale, confirmatory, state, fips = TABLE[key]
    assert (city.city.key, city.pilot.slug, city.pilot.domain) == (key, slug, domain)
    assert (city.design.type, city.primary.id) == (design, primary)
    assert city.mwe == pytest.approx(mwe, rel=1e-4)
    assert city.decision.minimum_worthwhile_effect.scale == scale
    assert [d.id for d in city.subgroups.dims if d.confirmatory] == [confirmatory]
    assert (city.city.state, city.city.state_fips + city.city.county_fips) == (state, fips)
    assert city.primary.direction == ("decrease" if key in DECREASE else "increase")
    assert city.primary.kind == KIND.get(key, "binary")


@pytest.mark.parametrize("key", PRESETS)
def test_complete(cities, key):
    city = cities[key]
    assert len(city.indicators) == 6 and 2 <= len(city.secondaries) <= 4
    assert all(i.target_source == "placeholder" for i in city.indicators)
    assert all(city.pilot.theory_of_change.model_dump().values()) and city.pilot.population
    assert city.covariates and city.privacy.direct_identifiers and city.privacy.id_columns
    assert city.privacy.salt_env == f"EMI_SALT_{key.upper()}"
    assert [g.type for g in city.decision.guardrails] == ["subgroup_harm", "cost_per_unit_max", "quality_flags"]
    assert {d.id for d in city.subgroups.dims} >= set(EQUITY_DIMS) or key == "newark"
    assert (city.pilot.start, city.pilot.end, city.pilot.data_lock) == (
        datetime.date(2019, 4, 1),
        datetime.date(2020, 9, 30),
        datetime.date(2020, 10, 31),
    )


@pytest.mark.parametrize("key", PRESETS)
def test_covid_in_every_calendar(cities, key):
    covid = next(event for event in cities[key].events if event.id == "covid")
    assert (covid.start, covid.first_affected_month) == (datetime.date(2020, 3, 16), "2020-03")
    assert covid.exclude_from_primary is (key not in THROUGH_COVID)


@pytest.mark.parametrize("key", PRESETS)
def test_says_it_is_synthetic(cities, key):
    text = preset_path(key).read_text(encoding="utf-8")
    first_line = text.splitlines()[0]
    assert "DEFAULT CONFIGURATION, synthetic data. Not a description of the real pilot" in first_line
    assert cities[key].data.mode == "synthetic"
    assert "{{" not in text and "{%" not in text
    before, _, spanish = text.partition("  spanish:")
    assert before.isascii() and spanish.encode("cp1252"), "every editor on every system shows it"


@pytest.mark.parametrize("key", PRESETS)
def test_lines_the_template_replaces_stand_alone(key):
    lines = preset_path(key).read_text(encoding="utf-8").splitlines()
    for block, keys in (
        ("city", ("key", "name", "state")),
        ("pilot", ("slug", "title", "domain", "start", "end", "data_lock")),
    ):
        start = lines.index(f"{block}:")
        end = next(i for i in range(start + 1, len(lines)) if not lines[i].strip())
        for name in keys:
            assert sum(line.startswith(f"  {name}: ") for line in lines[start:end]) == 1


def test_a_model_for_every_type():
    types = [get_args(model.model_fields["type"].annotation) for model in get_args(get_args(Design)[0])]
    assert types == [(name,) for name in DESIGN_TYPES]


def test_history_of_indicators(cities):
    known = {key: [i.id for i in cities[key].indicators if i.history] for key in PRESETS}
    assert known["dayton"] == ["attendance_rate"]
    assert known["detroit"] == ["arrears30", "notice_rate", "recert_on_time"]
    assert known["newark"] == ["filing_rate", "judgment_rate", "representation_rate", "answer_rate"]
    assert known["cincinnati"] == known["tulsa"] == []


def test_newark_as_specified(cities):
    newark = cities["newark"]
    assert [event.id for event in newark.events] == ["covid", "nj_eo106", "cares", "cdc"]
    assert (newark.design.post_window.start, newark.design.post_window.end) == ("2019-07", "2020-02")
    assert [s.id for s in newark.design.sensitivity] == [
        "full_window",
        "sdid",
        "scm_aggregate",
        "its_city",
        "trend",
        "drop_border",
        "placebo_2018",
    ]
    assert newark.design.estimand == "ATT_IRR"
    assert [i.target for i in newark.indicators] == [8.0, 3.5, 40, 21, 85, 70]
    assert newark.indicators[0].unit == "per 1,000 renter households"


def test_rochester_as_specified(cities):
    rd = cities["rochester"].design
    assert (rd.running_variable, rd.cutoff, rd.treated_side, rd.fuzzy) == ("income_pct_fpl", 200, "at_or_below", True)
    assert rd.treatment_received.service_type == "match_account_opened"
    assert rd.sensitivity[5].window == (-5, 5) and rd.sensitivity[4].covariate_adjust == []
    assert [event.id for event in cities["rochester"].events] == ["covid", "eip"]
    assert cities["rochester"].primary.winsorize.upper == 6000
    assert cities["rochester"].privacy.rd_plot_min_per_bin == 11


def test_tulsa_has_two_primary_contrasts(cities):
    design = cities["tulsa"].design
    assert design.primary_contrasts == [("career_education", "control"), ("career_education_plus_training", "control")]
    assert design.portfolio_contrast == design.primary_contrasts[1]


def test_take_up_rules_are_read(cities):
    lansing = cities["lansing"].design.treatment_received
    assert (lansing.service_type, lansing.within_days, lansing.at_least) == ("session_completed", 90, 1)
    assert cities["cincinnati"].design.treatment_received.within_days is None
