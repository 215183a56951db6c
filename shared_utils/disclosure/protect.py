"""Which counts of a release are hidden so that no count of 1-10 people is shown or can be worked out (2.7.1-2.7.4).

Totals are never changed, only hidden. The same counts give the same mask; the order in which they were added decides
only between counts of the same size.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from shared_utils.disclosure.audit import Audit, Reader
from shared_utils.disclosure.groups import Counts, Group, Line
from shared_utils.disclosure.rules import STANDARD, Rules, is_small


@dataclass(frozen=True)
class Protection:
    """What to hide: small counts (`primary`), what was asked for, and what would give them away (`complementary`).

    `refused` are small counts that what is public already gives away: their table must be withheld. `held` are, of the
    hidden, those that only wait for a quarter to pass since an earlier release (memory.py).
    """

    hidden: frozenset[Group]
    primary: frozenset[Group]
    complementary: frozenset[Group]
    audit: Audit
    refused: tuple[Group, ...] = ()
    held: frozenset[Group] = frozenset()

    def is_hidden(self, group: Group) -> bool:
        return group in self.hidden


def protect(
    counts: Counts,
    rules: Rules = STANDARD,
    hidden: Collection[Group] = (),
    shown: Collection[Group] = (),
    masks: Collection[Group] = (),
) -> Protection:
    """Hide every count of 1-10, then what would give one away, until the audit of the whole release passes.

    hidden  groups to hide whatever their count (dropped series, "none of them" and "all of them"), and to protect alike
    shown   groups whose count is public already: known to every reader, and no longer to be hidden
    masks   groups that earlier releases hid, to be hidden again
    """
    asked = set(hidden) & set(counts)
    reader = Reader(counts, rules, shown, telling=asked)
    return _Masking(reader, counts, asked | set(masks) & set(counts)).run()


class _Masking:
    """One release under the rules, in the order of 2.7."""

    def __init__(self, reader: Reader, counts: Counts, asked: set[Group]):
        self.reader, self.counts, self.asked = reader, counts, asked
        self.numbers = reader.numbers
        self.lines_of = defaultdict(list)
        for line in reader.lines:
            for cell in (line.total, *line.parts):
                self.lines_of[cell].append(line)

    def run(self) -> Protection:
        primary = {group for group in self.counts if self.reader.small(group)}
        hidden = self.with_partners(primary | self.asked)
        refused = []
        while (failing := next((c for c in self.reader.failures(hidden) if c not in refused), None)) is not None:
            if self.hopeless(failing, hidden):
                refused.append(failing)
            else:
                hidden = self.relief(failing, hidden)
        return Protection(
            hidden=frozenset(hidden),
            primary=frozenset(primary),
            complementary=frozenset(hidden - primary - self.asked),
            audit=Audit(not refused, len(hidden), tuple(refused)),
            refused=tuple(refused),
        )

    def with_partners(self, hidden: set[Group]) -> set[Group]:
        """2.7.3: hide a partner wherever a line gives one away, until no line does."""
        hidden, todo = set(hidden), list(self.reader.lines)
        while todo:
            more = {partner for line in todo if (partner := self.partner(line, hidden)) and not hidden.add(partner)}
            todo = [line for line in self.reader.lines if more & {line.total, *line.parts}]
        return hidden

    def partner(self, line: Line, hidden: set[Group]) -> Group | None:
        """The count to hide beside what a line hides: the smallest shown part that is not zero, else the total.

        A line gives away its only hidden count, be it a part or the total, and hidden parts that are 1-10 together.
        """
        unknown = [cell for cell in (line.total, *line.parts) if cell in hidden or cell in self.reader.unprinted]
        alone = len(unknown) == 1 and (unknown[0] in hidden or self.reader.small(unknown[0]))
        together = sum(self.numbers[cell] for cell in unknown)
        few = line.total not in unknown and is_small(together, self.reader.rules)
        if not (alone or few):
            return None
        parts = [part for part in line.parts if self.may_hide(part, hidden)]
        return self.smallest(parts) or (line.total if self.may_hide(line.total, hidden) else None)

    def hopeless(self, failing: Group, hidden: set[Group]) -> bool:
        """Whether a count can be told though everything is hidden that still can be."""
        everything = hidden | {cell for cell in self.counts if self.may_hide(cell, hidden)}
        return not self.reader.free(failing, *self.reader.range(failing, everything))

    def relief(self, failing: Group, hidden: set[Group]) -> set[Group]:
        """2.7.4: a larger mask for a count whose range is too narrow.

        Of the counts that widen the range, the smallest on the nearest lines is hidden, parts before totals. If none
        does on its own, the total of a line of the failing count is dropped, else the nearest count of all.
        """
        candidates = self.around(failing, hidden)
        before = self.room(failing, *self.reader.seen[failing])
        for cell in candidates:
            wider = self.with_partners(hidden | {cell})
            if self.room(failing, *self.reader.range(failing, wider)) > before:
                return wider
        margins = {line.total for line in self.lines_of[failing]}
        dropped = [cell for cell in candidates if cell in margins] or candidates
        return self.with_partners(hidden | {dropped[0]})

    def around(self, failing: Group, hidden: set[Group]) -> list[Group]:
        """The counts that may still be hidden, those on the nearest lines first: parts by size, then totals by size."""
        found, reached, ring = {}, set(), {failing}
        while ring:
            lines = [line for line in self.reader.lines if ring & {line.total, *line.parts} and line not in reached]
            parts = {part for line in lines for part in line.parts}
            totals = {line.total for line in lines} - parts
            for cells in (parts, totals):
                shown = [cell for cell in cells if self.may_hide(cell, hidden)]
                found |= dict.fromkeys(sorted(shown, key=self.size))
            reached |= set(lines)
            ring = {cell for cell in parts | totals if cell in hidden | self.reader.unprinted}
        return list(found)

    def room(self, cell: Group, low: float, high: float) -> float:
        """How much a range covers of 1 to 10, or of what else must be possible for a judged cell."""
        least, most = self.reader.wanted[cell]
        return min(high, most) - max(low, least)

    def may_hide(self, cell: Group, hidden: set[Group]) -> bool:
        shown = cell in self.counts and cell not in hidden and cell not in self.reader.public
        return shown and self.numbers[cell] > 0

    def size(self, cell: Group) -> tuple[int, int]:
        return self.numbers[cell], self.reader.order[cell]

    def smallest(self, cells: list[Group]) -> Group | None:
        return min(cells, key=self.size, default=None)
