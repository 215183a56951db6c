"""Which numbers may be shown, and how far they are rounded."""

from types import SimpleNamespace

import pandas as pd
import pytest

from shared_utils import disclosure
from shared_utils.disclosure import Rules
from shared_utils.errors import EmiError

RULES = Rules()


@pytest.mark.parametrize(("n", "small"), [(0, False), (1, True), (10, True), (11, False), (None, False)])
def test_one_to_ten_is_small(n, small):
    assert disclosure.is_small(n, RULES) is small


@pytest.mark.parametrize(
    ("numerator", "denominator", "shown"),
    [
        (0, 40, True),  # nobody: tells nothing about one person
        (40, 40, True),
        (10, 40, False),  # small numerator
        (30, 40, False),  # small complement: 10 of 40 did not
        (29, 40, True),
        (0, 10, False),  # too few people behind the share
        (None, 11, True),  # a mean or a median
        (None, None, False),  # unknown: not shown
        (5, float("nan"), False),
    ],
)
def test_a_share_needs_people_on_both_sides(numerator, denominator, shown):
    assert disclosure.shows_group(numerator, denominator, RULES) is shown


def table():
    return pd.DataFrame(
        {
            "group": ["a", "b", "c", "d", "e"],
            "n": [84, 10, 0, 40, 40],
            "yes": [42, 5, 0, 35, 20],
            "share": [0.5, 0.5, None, 0.875, 0.5],
            "mean": [1.0, 2.0, None, 4.0, 5.0],
        }
    )


def test_suppress_hides_small_counts_means_and_shares():
    before = table()
    shown, hidden = disclosure.suppress(
        before, RULES, counts=["n", "yes"], denominators={"mean": "n"}, numerators={"share": ("yes", "n")}
    )
    assert shown["n"].tolist()[1] is None and shown["n"].tolist()[2] == 0
    assert [shown["share"][i] is None for i in (1, 3)] == [True, True]
    assert shown["yes"][3] is None, "the complement 40 - 35 = 5 could be worked out from the numerator"
    assert shown["n"][3] == 40
    assert shown["mean"][1] is None and shown["mean"][3] == 4.0
    assert shown.loc[[0, 4]].equals(before.loc[[0, 4]].astype(shown.dtypes.to_dict()))
    assert hidden == 6  # n, yes, share and mean of b; share and yes of d; c had nothing to hide
    assert before.equals(table()), "the frame given is left alone"


def test_suppress_leaves_a_safe_table_as_it_is():
    safe = table().iloc[[0, 4]]
    shown, hidden = disclosure.suppress(safe, RULES, counts=["n"], numerators={"share": ("yes", "n")})
    assert hidden == 0 and shown.equals(safe)


def test_suppress_names_an_unknown_column():
    with pytest.raises(EmiError, match="Did you mean 'share'"):
        disclosure.suppress(table(), RULES, numerators={"shar": ("yes", "n")})


@pytest.mark.parametrize(("n", "rounded"), [(84, 85), (82, 80), (82.5, 85), (0, 0), (2, 0), (None, None)])
def test_counts_to_five(n, rounded):
    assert disclosure.round_count(n, RULES) == rounded


@pytest.mark.parametrize(
    ("share", "n", "rounded"),
    [(0.12345, 100, 0.12), (0.12345, 101, 0.123), (0.125, 50, 0.13), (0.0005, 500, 0.001), (None, 50, None)],
)
def test_shares_get_a_decimal_above_a_hundred_people(share, n, rounded):
    assert disclosure.round_share(share, n, RULES) == rounded


@pytest.mark.parametrize(("x", "rounded"), [(1234, 1230), (1235, 1240), (-1235, -1240), (None, None)])
def test_usd_to_ten(x, rounded):
    assert disclosure.round_usd(x, RULES) == rounded


@pytest.mark.parametrize(
    ("value", "se", "rounded"),
    [
        (0.07512, 0.0346, 0.075),
        (376.2, 138.0, 380.0),
        (-0.20999, 0.0684, -0.21),
        (0.0685, 0.0346, 0.069),  # half away from zero, on the digits one sees
        (0.12345, 0.0996, 0.12),  # the SE itself rounds to 0.10
        (1234.4, 12.3, 1234.0),
        (0.000004, 0.0346, 0.0),
        (-0.0004, 0.0346, 0.0),  # never "-0.0"
        (0.12345, None, 0.12),
        (0.12345, 0.0, 0.12),
        (None, 0.1, None),
        (0, None, 0.0),
    ],
)
def test_effects_to_two_digits_of_the_se(value, se, rounded):
    result = disclosure.round_effect(value, se, RULES)
    assert result == rounded
    assert str(result) != "-0.0"


def test_an_infinite_number_is_refused():
    with pytest.raises(ValueError, match="infinite"):
        disclosure.round_effect(float("inf"), 0.1, RULES)


def test_rules_come_from_the_city_settings():
    percents = {"percent_digits": 1, "percent_digits_n_over": 50, "percent_digits_large": 2}
    rounding = SimpleNamespace(counts_base=10, usd_base=100, se_digits=3, **percents)
    rules = Rules.from_privacy(SimpleNamespace(small_cell_min=20, rounding=rounding))
    assert disclosure.is_small(19, rules)
    assert disclosure.round_count(84, rules) == 80
    assert disclosure.round_effect(0.07512, 0.0346, rules) == 0.0751
