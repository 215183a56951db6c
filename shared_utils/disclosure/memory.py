"""The mask memory: what earlier releases showed and hid, and what follows for the next one (pilots.md 2.7.5).

Two releases of the same figure are a table with one more dimension, time: the reader subtracts. So
  - a group hidden once stays hidden until a full quarter has passed and its count has changed by 11 or more;
  - a subgroup whose count changed by 1-10 since it was last published is not updated before a full quarter has
    passed: it is hidden meanwhile (an old number beside a new total would invite a subtraction of another kind);
  - when everybody's count changed by 1-10, none of its subgroups is updated: all changes are within that number;
  - counts published within the last quarter enter the audit as known numbers.
Totals of everybody may always be updated. A figure belongs to one period: the period is part of the population
("enrolled 2020-03"), so that a new month is a new figure and a later release of the old month is the same one.

The memory holds exact counts, so it stays in the city's outputs/internal:
    {"version": 1, "releases": [{"as_of": "2020-03-31", "shown": {"<group>": 84}, "hidden": {"<group>": 4}}]}
"""

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from shared_utils.disclosure.groups import Counts, DisclosureError, Group, Line
from shared_utils.disclosure.protect import Protection, protect
from shared_utils.disclosure.rules import STANDARD, Rules, is_small

VERSION = 1


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
            for text, n in [*release["shown"].items(), *release["hidden"].items()]:
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
    part.write_text(json.dumps(history, indent=1, sort_keys=True) + "\n", encoding="utf-8", newline="\n")
    os.replace(part, path)
    return path


def remember(history: dict, counts: Counts, protection: Protection, as_of: date) -> dict:
    """The memory with one more release: its counts, shown or hidden. The memory given is left alone."""
    release = {"as_of": as_of.isoformat(), "shown": {}, "hidden": {}}
    for group in counts:
        release["hidden" if protection.is_hidden(group) else "shown"][str(group)] = counts[group]
    return {**history, "releases": [*history["releases"], release]}


def protect_release(
    counts: Counts, history: dict, as_of: date, rules: Rules = STANDARD, hidden: Collection[Group] = ()
) -> Protection:
    """`protect` for a release that follows others: their masks are kept and what they showed is known to the reader."""
    linked, masked, public = _with_last_release(counts, _Past(history, as_of, rules))
    masks = {*hidden, *needed_masks(history, counts, as_of, rules)}
    whole = protect(linked, rules, hidden=masks | masked, shown=public)
    own = set(counts)
    return replace(
        whole,
        hidden=whole.hidden & own,
        primary=whole.primary & own,
        complementary=whole.complementary & own,
        audit=replace(whole.audit, n_hidden=len(whole.hidden & own)),
    )


def needed_masks(history: dict, counts: Counts, as_of: date, rules: Rules = STANDARD) -> frozenset[Group]:
    """The groups of `counts` to hide because of what earlier releases hid or showed."""
    past = _Past(history, as_of, rules)
    held = past.under_a_small_change(counts)
    masks = {g for g in counts if past.masks(g, counts[g]) or (past.small_change(g, counts[g]) and not g.everybody)}
    return frozenset(masks | held)


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

    def masks(self, group: Group, n: int) -> bool:
        """Whether the mask of the latest releases still holds: for a quarter, and until the count is another one."""
        run = None  # the first release since which the group has always been hidden
        for release in self.releases:
            if str(group) in release["shown"]:
                run = None
            elif str(group) in release["hidden"]:
                run = run or release
        if run is None:
            return False
        another = abs(n - run["hidden"][str(group)]) >= self.rules.small_cell_min
        return not (another and self.a_quarter_after(run))

    def published(self, group: Group) -> set[int]:
        """The counts of the group that were shown within the last quarter."""
        recent = (release for release in self.releases if not self.a_quarter_after(release))
        return {release["shown"][str(group)] for release in recent if str(group) in release["shown"]}

    def last_release(self, counts: Counts) -> dict[Group, tuple[str, int, bool]]:
        """Of each population the groups of its last release within the quarter: when, how many, whether shown."""
        groups, populations = {}, {group.population for group in counts}
        for release in reversed(self.releases):
            if self.a_quarter_after(release) or not populations:
                break
            here = {
                Group.parse(text): (release["as_of"], n, shown)
                for shown, numbers in ((True, release["shown"]), (False, release["hidden"]))
                for text, n in numbers.items()
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
        then, now = date.fromisoformat(release["as_of"]), self.as_of
        return (now.year - then.year) * 12 + now.month - then.month - (now.day < then.day) >= 3


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
