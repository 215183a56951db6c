"""What was hidden stays hidden, and no step from one release to the next tells of 1-10 people (pilots.md 2.7.5)."""

import json
import os
from datetime import date

import pytest

from shared_utils.disclosure import Counts, DisclosureError, Group, memory

ENROLLED = Group("enrolled 2020-03")
MARCH, APRIL, JUNE, JULY = date(2020, 3, 31), date(2020, 4, 30), date(2020, 6, 30), date(2020, 7, 1)
FIRST = {"a": 84, "b": 41, "c": 23, "d": 4, "e": 15}  # d is small, e its partner


def counts_of(population=ENROLLED, **races: int) -> Counts:
    counts = Counts()
    counts.add(population, sum(races.values()))
    for race, n in races.items():
        counts.add(population.within(race=race), n)
    return counts


def released(history: dict, day: date, **races: int) -> tuple[str, dict]:
    """The hidden races (* for everybody) of a release, and the history with it."""
    counts = counts_of(**races)
    protection = memory.protect_release(counts, history, day)
    assert protection.audit.passed and not protection.refused
    hidden = "".join(sorted(dict(group.where).get("race", "*") for group in protection.hidden))
    return hidden, memory.remember(history, counts, protection, day)


@pytest.fixture
def history():
    hidden, history = released(memory.no_history(), MARCH, **FIRST)
    assert hidden == "de"
    return history


@pytest.mark.parametrize("day", [MARCH, APRIL, JULY])
def test_the_same_figures_have_the_same_mask_whenever_they_are_released(history, day):
    hidden, longer = released(history, day, **FIRST)
    assert hidden == "de" == released(longer, day, **FIRST)[0]


def test_a_mask_outlives_a_count_that_is_no_longer_small(history):
    # All grow by enough to be updated. Of itself nothing would be hidden.
    grown = {"a": 100, "b": 60, "c": 40, "d": 15, "e": 26}
    assert released(memory.no_history(), APRIL, **grown)[0] == ""
    assert released(history, APRIL, **grown)[0] == "de"
    assert released(history, JULY, **grown)[0] == "", "a quarter later, and each changed by 11 or more"
    assert released(history, JULY, **grown | {"e": 25})[0] == "de", "15 and 25 are 10 apart: that would tell of e"


def test_a_later_release_does_not_swap_the_partner(history):
    # e has grown past c, so that of itself c would now stand beside d, and the old c and the new e give d away.
    assert released(memory.no_history(), JULY, **FIRST | {"e": 25})[0] == "cd"
    assert released(history, JULY, **FIRST | {"e": 25})[0] == "de"


def test_a_mask_holds_from_the_first_release_that_hid_the_group(history):
    _, history = released(history, APRIL, a=100, b=60, c=40, d=9, e=22)
    assert released(history, JULY, a=120, b=80, c=60, d=15, e=33)[0] == "", "not a quarter from April, but from March"


def test_a_subgroup_that_changed_by_less_than_eleven_waits_for_a_quarter(history):
    more = FIRST | {"a": 89, "b": 60}
    assert "a" in released(history, APRIL, **more)[0] and "*" not in released(history, APRIL, **more)[0]
    assert released(history, JUNE, **more)[0] == "de", "a full quarter after the end of March"


def test_a_subgroup_that_changed_back_is_compared_with_every_figure_of_the_quarter():
    _, history = released(memory.no_history(), MARCH, a=84, b=60)
    _, history = released(history, APRIL, a=104, b=80)
    assert "a" in released(history, date(2020, 5, 31), a=88, b=96)[0]


def test_what_only_waited_is_shown_again_though_it_changed_little(history):
    more = FIRST | {"a": 89}
    _, history = released(history, APRIL, **more)
    assert released(history, JUNE, **more)[0] == "abcde", "not a quarter since April yet"
    assert released(history, date(2020, 7, 30), **more)[0] == "de"


def test_when_everybody_changed_by_less_than_eleven_no_subgroup_is_updated(history):
    assert released(history, APRIL, **FIRST | {"a": 89})[0] == "abcde"
    assert released(history, JULY, **FIRST | {"a": 89})[0] == "de"


def test_a_small_step_cannot_be_worked_out_from_the_others():
    # Of 29 more, 14 are in b and 11 in c; that 4 are in a would follow if only a waited.
    _, history = released(memory.no_history(), MARCH, a=84, b=60, c=50)
    hidden, _ = released(history, APRIL, a=88, b=74, c=61)
    assert "a" in hidden and len(hidden) > 1


def test_totals_of_everybody_and_other_periods_are_free(history):
    counts = counts_of(**FIRST | {"a": 89})
    yes, no = counts.add_share(ENROLLED, counts[ENROLLED], 90, "took part")
    first = memory.protect_release(counts, memory.no_history(), MARCH)
    history = memory.remember(memory.no_history(), counts, first, MARCH)
    later = counts_of(**FIRST | {"a": 94})
    later.add_share(ENROLLED, later[ENROLLED], 95, "took part")
    assert not {ENROLLED, yes, no} & memory.protect_release(later, history, APRIL).hidden
    other = counts_of(Group("enrolled 2020-04"), **FIRST | {"a": 89})
    assert len(memory.protect_release(other, history, APRIL).hidden) == 2


def test_needed_masks_name_groups_of_the_new_release_only(history):
    assert memory.needed_masks(history, counts_of(a=84, b=41), APRIL) == frozenset()
    assert memory.needed_masks(history, counts_of(**FIRST), APRIL) == {ENROLLED.within(race=r) for r in "de"}


@pytest.mark.parametrize(
    ("series", "shown"),
    [
        ({"2020-01": 20, "2020-02": 20, "2020-03": 31, "2020-04": 19}, {"2020-01", "2020-02", "2020-03", "2020-04"}),
        ({"2020-01": 20, "2020-02": 25, "2020-03": 36, "2020-04": 47}, {"2020-03"}),
        ({"2020-02": 40, "2020-01": 50, "2020-06": 40}, {"2020-06"}),
        ({"2020-02": 40}, {"2020-02"}),
    ],
)
def test_a_monthly_series_with_small_steps_is_quarterly(series, shown):
    assert memory.quarterly(series) == shown


def test_the_memory_is_a_file_of_the_city(history, tmp_path):
    path = tmp_path / "internal" / "masks.json"
    assert memory.load(path) == memory.no_history()
    assert memory.load(memory.save(history, path)) == history
    assert json.loads(path.read_text(encoding="utf-8"))["releases"][0]["hidden"] == {
        "enrolled 2020-03|race=d": 4,
        "enrolled 2020-03|race=e": 15,
    }


def test_a_write_that_fails_leaves_the_old_memory(history, tmp_path, monkeypatch):
    path = memory.save(memory.no_history(), tmp_path / "masks.json")

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        memory.save(history, path)
    assert memory.load(path) == memory.no_history()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"version": 2, "releases": []}',
        '{"version": 1, "releases": [{"as_of": "soon", "shown": {}, "hidden": {}, "held": {}}]}',
        '{"version": 1, "releases": [{"as_of": "2020-03-31", "shown": {"a|b": 4}, "hidden": {}, "held": {}}]}',
        '{"version": 1, "releases": [{"as_of": "2020-03-31", "shown": {}}]}',
    ],
)
def test_a_memory_that_cannot_be_read_is_not_forgotten(text, tmp_path):
    path = tmp_path / "masks.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DisclosureError, match=r"masks\.json: the memory of earlier releases cannot be read"):
        memory.load(path)
