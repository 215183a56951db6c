"""No count of 1-10 people is shown or can be worked out, and totals stay what they are (pilots.md 2.7.1-2.7.4)."""

import subprocess
import sys

import numpy as np
import pytest
import random_tables
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_utils.disclosure import Counts, DisclosureError, Group, Line, Rules, audit, feasible_ranges, group, protect

PEOPLE = Group("participants")


def by_race(total: int, *numbers: int) -> Counts:
    counts = Counts()
    counts.add(PEOPLE, total)
    for name, n in zip("abcdefgh", numbers, strict=False):
        counts.add(PEOPLE.within(race=name), n)
    return counts


def races(groups) -> str:
    return "".join(sorted(dict(group.where).get("race", "*") for group in groups))


def test_the_worked_example():
    counts = by_race(167, 84, 41, 23, 4, 15)
    protection = protect(counts)
    assert (races(protection.primary), races(protection.complementary)) == ("d", "e")
    assert not protection.is_hidden(PEOPLE) and counts[PEOPLE] == 167
    assert protection.audit.passed and protection.audit.n_hidden == 2 and protection.refused == ()
    assert set(feasible_ranges(counts, protection.hidden).values()) == {(0, 19)}


@pytest.mark.parametrize(
    ("total", "numbers", "hidden"),
    [
        (100, (50, 30, 20), ""),
        (61, (50, 11, 0), ""),  # nobody: tells nothing about one person
        (54, (50, 4, 0), "ab"),  # a zero is no partner
        (84, (50, 3, 5, 26), "bcd"),  # 3 and 5 are 8 together: one more
        (62, (50, 6, 6), "bc"),  # 12 together: enough
        (100, (60, 35), "b"),  # 5 have none of the categories shown
        (70, (21, 20, 19, 7), "cd"),  # 3 have none: 10 together, so one more
        (9, (9, 0), "*a"),
    ],
)
def test_partners_are_the_smallest_that_are_not_zero(total, numbers, hidden):
    assert races(protect(by_race(total, *numbers)).hidden) == hidden


def test_equal_counts_are_told_apart_by_the_order_of_the_categories():
    assert races(protect(by_race(44, 4, 20, 20)).hidden) == "ab"


def test_a_hidden_total_of_shown_parts_gives_itself_away():
    assert races(protect(by_race(60, 40, 20), hidden=[PEOPLE]).hidden) == "*b"


def test_a_share_goes_with_its_numerator_and_complement():
    counts = Counts()
    yes, no = counts.add_share(PEOPLE, 40, 4, "employed")
    assert protect(counts).hidden == {yes, no}
    counts = Counts()
    counts.add_share(PEOPLE, 40, 36, "employed")
    assert protect(counts).hidden == {yes, no}
    counts = Counts()
    counts.add_share(PEOPLE, 40, 0, "employed")
    assert protect(counts).hidden == frozenset()


def test_none_of_a_group_can_be_hidden_and_not_be_worked_out():
    counts = by_race(165, 100, 40, 25)
    for name, took in (("a", 50), ("b", 20), ("c", 0)):
        counts.add_share(PEOPLE.within(race=name), counts[PEOPLE.within(race=name)], took, "took part")
    counts.add_share(PEOPLE, 165, 70, "took part")
    nobody = PEOPLE.within(race="c").did("took part")
    everyone = PEOPLE.within(race="c").did("took part", "no")
    assert not protect(counts).hidden
    protection = protect(counts, hidden=[nobody])
    assert everyone in protection.hidden and protection.audit.passed
    low, high = feasible_ranges(counts, protection.hidden)[nobody]
    assert low == 0 and high >= 10
    assert not audit(counts, [nobody, everyone], telling=[nobody]).passed, "the other races give it away"


def test_all_of_a_group_can_be_hidden_beside_its_number():
    counts = by_race(165, 100, 40, 25)
    took = {"a": 50, "b": 20, "c": 25}
    for name, n in took.items():
        counts.add(PEOPLE.within(race=name).did("took part"), n)
    counts.add(PEOPLE.did("took part"), 95)
    everyone = PEOPLE.within(race="c").did("took part")
    protection = protect(counts, hidden=[everyone])
    assert protection.hidden == {everyone, PEOPLE.within(race="b").did("took part")}
    low, high = feasible_ranges(counts, protection.hidden)[everyone]
    assert low <= 15 and high >= 25, "neither all of the 25 nor who did not can be told"


def test_a_small_cell_between_two_tables_is_found():
    # By race and arm nothing is alone in its line, but gender and arm give the men's number in arm x away.
    counts = by_race(160, 80, 80)
    for where, n in ((("race", "a"), 45), (("race", "b"), 35), (("gender", "f"), 73), (("gender", "m"), 7)):
        counts.add(PEOPLE.within(arm="x", **dict([where])), n)
    counts.add(PEOPLE.within(arm="x"), 80)
    hidden = protect(counts).hidden
    assert {PEOPLE.within(arm="x", gender="m"), PEOPLE.within(arm="x", gender="f")} <= hidden
    without_margin = Counts()
    for where, n in ((("race", "a"), 45), (("race", "b"), 35), (("gender", "f"), 73), (("gender", "m"), 7)):
        without_margin.add(PEOPLE.within(arm="x", **dict([where])), n)
    protection = protect(without_margin)
    assert protection.audit.passed and len(protection.hidden) > 1, "the races add up to the arm that nobody prints"


def test_two_way_cells_add_up_to_the_total_without_their_margins():
    counts = Counts()
    counts.add(PEOPLE, 124)
    for (race, arm), n in zip([("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")], (40, 50, 30, 4), strict=True):
        counts.add(PEOPLE.within(race=race, arm=arm), n)
    naive = {PEOPLE.within(race="b", arm="y")}
    assert audit(counts, naive).failures[-1] == PEOPLE.within(race="b", arm="y")
    protection = protect(counts)
    assert protection.audit.passed and PEOPLE not in protection.hidden and len(protection.hidden) > 1


def test_followed_up_people_are_participants():
    counts = Counts()
    counts.add(PEOPLE, 100)
    followed = counts.add(group("followed up"), 96)
    assert not protect(counts).hidden, "nothing says that they belong together"
    counts.add_line(Line(PEOPLE, (followed,), exact=False))
    assert protect(counts).hidden == {followed}, "4 were not followed up"


def test_what_is_public_already_is_refused():
    counts = by_race(124, 80, 40, 4)
    protection = protect(counts, shown=[PEOPLE, *(PEOPLE.within(race=name) for name in "ab")])
    assert protection.refused == (PEOPLE.within(race="c"),) and not protection.audit.passed
    assert protection.hidden == {PEOPLE.within(race="c")}, "nothing is hidden in vain"


def test_the_audit_names_what_is_shown_and_what_can_be_solved():
    counts = by_race(167, 84, 41, 23, 4, 15)
    assert races(audit(counts, []).failures) == "d"
    assert races(audit(counts, [PEOPLE.within(race="d")]).failures) == "d"
    assert audit(counts, [PEOPLE.within(race=name) for name in "de"]).passed


def test_the_threshold_is_the_city_s():
    assert races(protect(by_race(100, 70, 15, 15), Rules(small_cell_min=20)).hidden) == "bc"
    assert not protect(by_race(100, 70, 15, 15)).hidden


def test_contradictions_are_named():
    counts = by_race(60, 40, 20)
    with pytest.raises(DisclosureError, match=r"'participants\|race=a' is counted as 40 and as 41"):
        counts.add(PEOPLE.within(race="a"), 41)
    for n in (-1, 2.5, float("nan")):
        with pytest.raises(DisclosureError, match="whole number"):
            counts.add(PEOPLE.within(race="z"), n)
    with pytest.raises(DisclosureError, match="one dimension twice"):
        PEOPLE.within(race="a").within(race="b")
    counts.add_line(Line(PEOPLE, (PEOPLE.within(race="a"),)))
    with pytest.raises(DisclosureError, match=r"'participants' \(60\) do not add up: 'participants\|race=a' 40"):
        counts.lines()
    other = by_race(60, 40)
    other.add_line(Line(PEOPLE, (PEOPLE.within(race="q"),)))
    with pytest.raises(DisclosureError, match="which is not counted"):
        protect(other)


@pytest.mark.parametrize("text", ["", "|race=a", "participants|race", "participants|race=a=b"])
def test_what_names_no_group(text):
    with pytest.raises(DisclosureError, match="does not name a group"):
        Group.parse(text)


@given(st.text(min_size=1), st.dictionaries(st.text(), st.text(), max_size=4))
@settings(max_examples=50, deadline=None)
def test_a_group_is_its_text(population, where):
    named = Group(population).within(**where)
    assert Group.parse(str(named)) == named
    assert str(named).isprintable() and "\n" not in str(named)


def test_a_group_is_written_plainly():
    assert str(group("participants", race_ethnicity="black_nh", arm="offer")) == (
        "participants|arm=offer|race_ethnicity=black_nh"
    )


tables = st.lists(st.lists(st.integers(0, 60), min_size=3, max_size=3), min_size=2, max_size=4)


def two_way(table, order=lambda names: names) -> Counts:
    release = random_tables.two_way(None, table=np.array(table))
    return release.counts(order(list(release.numbers)))


@given(tables)
@settings(max_examples=25, deadline=None)
def test_nothing_small_is_shown_and_the_mask_is_its_own_repetition(table):
    counts = two_way(table)
    before = {cell: counts[cell] for cell in counts}
    protection = protect(counts)
    assert {cell for cell, n in before.items() if 0 < n < 11} == protection.primary <= protection.hidden
    assert before == {cell: counts[cell] for cell in counts}, "numbers are hidden, never changed"
    assert protect(counts, masks=protection.hidden).hidden == protection.hidden
    assert audit(counts, protection.hidden).passed


@given(tables, st.data())
@settings(max_examples=25, deadline=None)
def test_what_was_masked_stays_hidden_and_the_rest_safe(table, data):
    counts = two_way(table)
    asked = data.draw(st.sets(st.sampled_from(list(counts)), max_size=3))
    protection = protect(counts, masks=asked)
    assert asked | protection.primary <= protection.hidden
    assert protection.audit.passed and not protection.complementary & (protection.primary | asked)


@given(st.lists(st.integers(0, 80), min_size=6, max_size=6, unique=True), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_rows_in_another_order_give_the_same_mask(numbers, random):
    counts = two_way([numbers[:3], numbers[3:]])
    other = two_way([numbers[:3], numbers[3:]], lambda names: random.sample(names, len(names)))
    if len({counts[cell] for cell in counts}) == len(counts):  # the order decides between equal counts
        assert protect(counts).hidden == protect(other).hidden


def test_another_process_gives_the_same_mask():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import random_tables as r; print(*sorted(r.draw('linked pair', 3)[1]))"
    )
    folder = random_tables.__file__.rpartition("random_tables")[0]
    out = subprocess.run(
        [sys.executable, "-c", code, folder], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert out.stdout.split() == sorted(random_tables.draw("linked pair", 3)[1])


@pytest.mark.parametrize("each", [4, pytest.param(200, marks=pytest.mark.full)])
def test_random_tables_leak_nothing(each, capsys):
    naive, ours = 0, {}
    for kind in random_tables.KINDS:
        for seed in range(each):
            release, hidden = random_tables.draw(kind, seed)
            naive += any(release.leaks(release.naive()))
            if leaks := list(release.leaks(hidden)):
                ours[kind, seed] = leaks
    of = each * len(random_tables.KINDS)
    with capsys.disabled():
        print(f"\n{of} random releases leak: {naive} under primary suppression alone, {len(ours)} under ours")
    assert ours == {}
    assert naive > of / 2, "the auditor finds what primary suppression leaves"
