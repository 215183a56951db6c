"""The mask memory: what earlier releases showed and hid, and what follows for the next one (pilots.md 2.7.5).

Two releases of the same figure are a table with one more dimension, time: the reader subtracts. So
  - a group hidden because of small counts stays hidden until a full quarter has passed and its count has changed by 11
    or more: otherwise another partner could be chosen, and the two releases would give the small count away;
  - a subgroup whose count changed by 1-10 since it was last published is not updated before a full quarter has
    passed: it is held back, and so is what would give it away, until a quarter after the first release without it;
  - when everybody's count changed by 1-10, none of its subgroups is updated: all changes are within that number;
  - the last release of the quarter enters the audit, as numbers known and masks to keep safe, with what came or went.
Totals of everybody may always be updated. A figure belongs to one period: the period is part of the population
("enrolled 2020-03"), so that a new month is a new figure and a later release of the old month is the same one.

The memory holds exact counts, so it stays in the city's outputs/internal. A release in it is {"as_of": "2020-03-31",
"shown": {"<group>": 84}, "hidden": {"<group>": 4}, "held": {"<group>": 41}}; the first comes first.
"""

import json
import os
from calendar import monthrange
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from shared_utils.disclosure.groups import Counts, DisclosureError, Group, Line
from shared_utils.disclosure.protect import Protection, protect
from shared_utils.disclosure.rules import STANDARD, Rules, is_small

VERSION = 1
STATES = ("shown", "hidden", "held")


def no_history() -> dict:
    """The memory of a city that has released nothing."""
    return {"version": VERSION, "releases": []}


def load(path: Path) -> dict:
    """The memory in a file; that of a city that has released nothing when there is none.

    A file that cannot be read is a DisclosureError: a forgotten mask would be a leak.
    """
    path = Path(path)
    if not path.exists():
        return no_history()
    try:
        history = json.loads(path.read_text(encoding="utf-8"))
        for release in history["releases"]:
            date.fromisoformat(release["as_of"])
            for state in STATES:
                for text, n in release[state].items():
                    Group.parse(text), int(n)
        known = history["version"] == VERSION
    except (OSError, ValueError, TypeError, KeyError, AttributeError, DisclosureError):
        known = False
    if not known:
        raise DisclosureError(
            f"{path}: the memory of earlier releases cannot be read.",
            "Restore the file from a backup: without it a number hidden before could be shown now.",
        )
    return history


def save(history: dict, path: Path) -> Path:
    """Write the memory, all of it or nothing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(history, indent=1, sort_keys=True) + "\n", encoding="utf-8", newline="\n")
        os.replace(part, path)
    except OSError:  # a full disk
        part.unlink(missing_ok=True)
        raise
    return path


def remember(history: dict, counts: Counts, protection: Protection, as_of: date) -> dict:
    """The memory with one more release. The memory given is left alone."""
    release = {"as_of": as_of.isoformat(), **{state: {} for state in STATES}}
    for group in counts:
        state = "held" if group in protection.held else "hidden" if protection.is_hidden(group) else "shown"
        release[state][str(group)] = counts[group]
    return {**history, "releases": [*history["releases"], release]}


def protect_release(
    counts: Counts, history: dict, as_of: date, rules: Rules = STANDARD, hidden: Collection[Group] = ()
) -> Protection:
    """`protect` for a release that follows others: their masks are kept and what they showed is known to the reader."""
    past = _Past(history, as_of, rules)
    alone = protect(counts, rules, hidden, masks=past.masked(counts))
    linked, masked, public = _with_last_release(counts, past)
    whole = protect(linked, rules, hidden, shown=public, masks=alone.hidden | past.held(counts) | masked)
    own = whole.hidden & set(counts)
    return replace(
        whole,
        hidden=own,
        primary=alone.primary,
        complementary=whole.complementary & own | alone.complementary,
        held=own - alone.hidden,
        audit=replace(whole.audit, n_hidden=len(own)),
    )


def needed_masks(history: dict, counts: Counts, as_of: date, rules: Rules = STANDARD) -> frozenset[Group]:
    """The groups of `counts` to hide because of what earlier releases hid or showed."""
    past = _Past(history, as_of, rules)
    return frozenset(past.masked(counts) | past.held(counts))


def _with_last_release(counts: Counts, past: "_Past") -> tuple[Counts, set[Group], set[Group]]:
    """The counts beside those of the last release and what came or went between; what of it is hidden, what public.

    The reader is taken to know whether a count grew or shrank: the larger number is the smaller one and those who came
    or went. How many came or went is judged where the old count was published. Under a small change of everybody no
    subgroup is updated, and there is nothing to link.
    """
    linked, masked, public = counts.copy(), set(), set()
    held = past.under_a_small_change(counts)
    for group, (release, n, shown) in past.last_release(counts).items():
        old = linked.add(replace(group, population=f"{group.population} as released {release}"), n)
        (public if shown else masked).add(old)
        if group in counts and group not in held and not group.everybody:
            total, part = (group, old) if counts[group] >= n else (old, group)
            change = linked.add_line(Line(total, (part,), exact=False)).rest
            if not shown:
                public.add(change)
    return linked, masked, public


class _Past:
    """What earlier releases say about a group on a day."""

    def __init__(self, history: dict, as_of: date, rules: Rules):
        self.releases, self.as_of, self.rules = history["releases"], as_of, rules

    def masked(self, counts: Counts) -> set[Group]:
        """The groups whose mask still holds."""
        return {group for group in counts if self.is_masked(group, counts[group])}

    def held(self, counts: Counts) -> set[Group]:
        """The subgroups not to be updated, or not yet to be shown again."""
        waiting = {group for group in counts if self.is_waiting(group, counts[group]) and not group.everybody}
        return waiting | self.under_a_small_change(counts)

    def is_masked(self, group: Group, n: int) -> bool:
        """Whether it was hidden since it was last shown, less than a quarter ago or with nearly the same count."""
        first = next((release for release in self.since_shown(group) if str(group) in release["hidden"]), None)
        if first is None:
            return False
        another = abs(n - first["hidden"][str(group)]) >= self.rules.small_cell_min
        return not (another and self.a_quarter_after(first))

    def is_waiting(self, group: Group, n: int) -> bool:
        """Whether its count took a small step within the quarter, or has been held back for less than a quarter."""
        held = [release for release in self.since_shown(group) if str(group) in release["held"]]
        return self.small_change(group, n) or bool(held and not self.a_quarter_after(held[0]))

    def since_shown(self, group: Group) -> list[dict]:
        """The releases after the last that showed the group."""
        shown = [i for i, release in enumerate(self.releases) if str(group) in release["shown"]]
        return self.releases[shown[-1] + 1 :] if shown else self.releases

    def published(self, group: Group) -> set[int]:
        """The counts of the group that were shown within the last quarter."""
        recent = (release for release in self.releases if not self.a_quarter_after(release))
        return {release["shown"][str(group)] for release in recent if str(group) in release["shown"]}

    def last_release(self, counts: Counts) -> dict[Group, tuple[str, int, bool]]:
        """Of each population the groups of its last release within the quarter: when, how many, whether shown."""
        groups, populations = {}, {group.population for group in counts}
        for release in reversed(self.releases):
            if self.a_quarter_after(release):
                continue
            here = {
                Group.parse(text): (release["as_of"], n, state == "shown")
                for state in STATES
                for text, n in release[state].items()
            }
            groups |= {group: entry for group, entry in here.items() if group.population in populations}
            populations -= {group.population for group in here}
        return groups

    def small_change(self, group: Group, n: int) -> bool:
        """Whether the count differs by 1-10 from one published within the last quarter."""
        return any(is_small(abs(n - before), self.rules) for before in self.published(group))

    def under_a_small_change(self, counts: Counts) -> set[Group]:
        """The subgroups of a total of everybody that changed by 1-10."""
        totals = [group for group in counts if group.everybody and self.small_change(group, counts[group])]
        return {group for group in counts if not group.everybody and any(map(group.is_within, totals))}

    def a_quarter_after(self, release: dict) -> bool:
        """Whether three months have passed since a release; from 31 March they have on 30 June."""
        then = date.fromisoformat(release["as_of"])
        year, month = divmod(then.year * 12 + then.month - 1 + 3, 12)
        return self.as_of >= date(year, month + 1, min(then.day, monthrange(year, month + 1)[1]))


def quarterly(series: Mapping[str, int], rules: Rules = STANDARD) -> frozenset[str]:
    """The periods ("2020-03") of a monthly subgroup series that may be shown.

    All of them when every change from month to month is 0 or at least 11; else the last month of each quarter, which
    the small-cell rules still judge on their own.
    """
    months = sorted(series)
    steps = [series[later] - series[earlier] for earlier, later in zip(months, months[1:], strict=False)]
    if not any(is_small(abs(step), rules) for step in steps):
        return frozenset(months)
    return frozenset(month for month in months if int(month[5:7]) % 3 == 0)
