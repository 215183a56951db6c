"""Sentences: sign, unit, comparison and range are right, and no word claims more than the data."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_utils.disclosure import Rules
from shared_utils.sections import wording
from shared_utils.sections.scales import Scale, told_share
from shared_utils.sections.wording import Told, effect, finding, headline, verdict
from shared_utils.stats.decision import rule

RULES = Rules()
SHARE = Scale("prob_diff", "percentage points")
DOLLARS = Scale("usd", "dollars")
RATE = Scale("log_irr", "percent change", "judgments per 1,000 homes", 1000)


def told(value, low, high, se, direction="increase", scale=SHARE, mwe=0.05, without=0.5, **more):
    with_it = without * math.exp(value) if scale.name == "log_irr" else without + value
    words = {"label": "Employed in month 6", "with_words": "with the program", "without_words": "without it"}
    return Told(
        scale=scale,
        direction=direction,
        value=value,
        low=low,
        high=high,
        se=se,
        mean_with=with_it,
        mean_without=without,
        n=760,
        mwe=mwe,
        **{**words, **more},
    )


def ruled(one, final=None, why=()):
    base = rule(*one.benefit, one.mwe)[:2]
    return verdict(one, base, final or base, list(why), 1.8, RULES)


def test_a_clear_gain_names_both_groups_and_the_range():
    said = effect(told(0.079, 0.011, 0.147, 0.0346), RULES)
    assert said == (
        "The pilot raised the main measure (employed in month 6). It was about 58 in 100 with the program, and 50 in "
        "100 without it. The likely range of the change is between 1.1 and 14.7 points."
    )


def test_a_decrease_that_is_wanted_is_a_gain():
    said = effect(told(-0.035, -0.062, -0.008, 0.0134, direction="decrease", without=0.18), RULES)
    assert "lowered" in said and "between 0.8 and 6.2 points" in said and "for the worse" not in said


def test_harm_is_said_to_be_for_the_worse():
    said = finding(told(0.08, 0.02, 0.14, 0.03, direction="decrease"), RULES)
    assert "raised" in said and "a change for the worse" in said


def test_an_interval_over_zero_is_not_called_no_effect():
    said = effect(told(0.04, -0.03, 0.11, 0.035), RULES)
    assert said.startswith("We cannot tell yet") and "3.0 points lower to 11.0 points higher" in said
    assert headline(told(0.04, -0.03, 0.11, 0.035), RULES).startswith("We cannot tell yet")


def test_a_worthwhile_gain_is_ruled_out_only_below_the_worthwhile_change():
    assert finding(told(0.0, -0.03, 0.03, 0.015), RULES).startswith("The data rule out a gain as large as the 5 points")
    assert finding(told(0.0, -0.06, 0.06, 0.03), RULES).startswith("We cannot tell yet")


def test_dollars_and_rates_keep_their_units():
    assert "between $120 and $650" in effect(told(384, 118, 654, 138, scale=DOLLARS, mwe=200, without=660), RULES)
    said = effect(told(-0.198, -0.333, -0.063, 0.069, "decrease", RATE, 0.105, without=0.004), RULES)
    assert "between 6.1 and 28.3 percent" in said and "3.3 judgments per 1,000 homes" in said


@pytest.mark.parametrize(
    ("value", "low", "high", "start"),
    [
        (0.12, 0.06, 0.18, "The pilot raised"),
        (0.079, 0.011, 0.147, "The pilot raised"),
        (0.03, 0.01, 0.05, "The program works, but the gain (3.0 points; 1.0 points to 5.0 points) is smaller"),
        (0.01, -0.02, 0.04, "The data rule out a gain as large as 5 points"),
        (0.03, -0.04, 0.10, "We cannot tell yet. The likely range is from 4.0 points lower to 10.0 points higher."),
    ],
    ids=["firm", "staged", "adapt", "stop", "learning"],
)
def test_the_rule_s_sentence(value, low, high, start):
    assert ruled(told(value, low, high, (high - low) / 4)).startswith(start)


def test_staged_says_how_far_a_clear_result_overstates():
    said = ruled(told(0.079, 0.011, 0.147, 0.0346))
    assert "a change as small as 1.1 points also fits the data" in said and "about 1.8 times" in said


def test_a_range_without_an_end_is_not_turned_into_a_number():
    one = told(1.5, -math.inf, math.inf, 0.9, direction="decrease")
    assert effect(one, RULES).endswith("The data set no limits to the size of the change.")
    assert "150" not in effect(one, RULES)
    assert ruled(one).startswith("We cannot tell yet. The likely range is without limits.")


def test_a_result_held_back_says_why_and_gives_no_advice_to_expand():
    said = ruled(told(0.12, 0.06, 0.18, 0.03), ("KEEP LEARNING", ""), ["plan not locked"])
    assert said.endswith("The rule holds this to KEEP LEARNING. It does so for this reason: plan not locked.")
    assert "Expand" not in said and "cannot tell" not in said


def test_means_of_few_people_are_not_told():
    hidden = Told(**{**vars(told(0.079, 0.011, 0.147, 0.0346)), "mean_with": None})
    assert "in 100" not in finding(hidden, RULES)


def test_numbers_and_nouns_agree():
    assert wording.counted(1, "lesson") == "one lesson" and wording.counted(3, "lesson") == "three lessons"
    assert wording.counted(12, "month") == "12 months" and wording.counted(0, "flag") == "no flags"
    assert wording.shows(1, "concern") == "one shows concern" and wording.shows(5, "concern") == "five show concern"
    assert wording.listed(["a", "b", "c"]) == "a, b and c" and wording.times(1) == "once"
    assert wording.people(4, RULES) == "fewer than 11 people" and wording.people(763, RULES) == "about 765 people"


@pytest.mark.parametrize(
    ("n", "counted", "people", "times", "shows"),
    [
        (0, "no checks", "0 people", "0 times", "none shows concern"),
        (1, "one check", "fewer than 11 people", "once", "one shows concern"),
        (2, "two checks", "fewer than 11 people", "twice", "two show concern"),
        (11, "11 checks", "about 10 people", "11 times", "11 show concern"),
        (1200, "1,200 checks", "1,200 people", "1200 times", "1,200 show concern"),
    ],
)
def test_words_agree_with_none_one_two_and_many(n, counted, people, times, shows):
    assert wording.counted(n, "check") == counted and wording.people(n, RULES) == people
    assert wording.times(n) == times and wording.shows(n, "concern") == shows


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("check", "checks"),
        ("exact copy", "exact copies"),
        ("day", "days"),
        ("row that the mapping leaves out", "rows that the mapping leaves out"),
    ],
)
def test_the_noun_takes_the_plural(one, many):
    assert wording.plural(one) == many


@given(value=st.floats(-0.4, 0.4), half=st.floats(0.001, 0.3), direction=st.sampled_from(("increase", "decrease")))
@settings(max_examples=150, deadline=None)
def test_the_sign_the_side_and_the_verdict_agree(value, half, direction):
    one = told(value, value - half, value + half, half / 2, direction, without=0.5)
    said, (_, low, high) = finding(one, RULES), one.benefit
    clear = low > 0 or high < 0
    assert ("raised" in said, "lowered" in said) == (clear and value > 0, clear and value < 0)
    assert ("for the worse" in said) == (high < 0)
    assert ("We cannot tell yet" in said) == (not clear and high >= one.mwe)
    moved = wording.signed(one, value, RULES)
    rounded = one.scale.rounded(value, one.se, RULES)
    assert moved.endswith("higher" if rounded > 0 else "lower" if rounded < 0 else "no change")
    span = wording.span(one, RULES)
    assert span.startswith("from" if one.low < 0 < one.high else "between")
    assert not re.search(r"[-\N{MINUS SIGN}]\d", f"{said} {moved} {span}")


def test_a_share_of_few_people_is_told_as_its_bound():
    assert told_share(4, 400, RULES) == ("at most 3 in 100", 10 / 400)
    assert told_share(396, 400, RULES)[0] == "at least 97 in 100"
    assert told_share(5, 9, RULES)[0] == "too few to say"
    assert told_share(200, 400, RULES)[0] == "50 in 100"


def test_a_name_at_the_start_keeps_its_own_capitals():
    assert wording.capital("home language other than English") == "Home language other than English"
