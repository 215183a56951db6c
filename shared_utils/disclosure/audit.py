"""The audit of a release: what a reader who knows everything printed can work out about what is hidden (2.7.4).

The reader knows every shown count exactly (rounding only makes it harder), how the counts add up, and that no count is
below zero. The range of a hidden count is then a pair of linear programs: its smallest and its largest possible value.
"""

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from shared_utils.disclosure.groups import Counts, Group, Line
from shared_utils.disclosure.rules import STANDARD, Rules, is_small


@dataclass(frozen=True)
class Audit:
    """The verdict on one release. `failures` are the groups of 1-10 people that can be told, hidden or not."""

    passed: bool
    n_hidden: int
    failures: tuple[Group, ...] = ()


def audit(
    counts: Counts,
    hidden: Collection[Group],
    rules: Rules = STANDARD,
    shown: Collection[Group] = (),
    telling: Collection[Group] = (),
) -> Audit:
    """Judge a release: is every count of 1-10 hidden, and is every value from 1 to 10 possible for it?

    shown    counts already public, which no mask can take back: they are known, and are not judged
    telling  other counts that must not be worked out ("none of them", "all of them"): 10 more must be possible for 0,
             10 fewer for others
    """
    failures = tuple(Reader(counts, rules, shown, telling).failures(set(hidden)))
    return Audit(not failures, len(set(hidden)), failures)


def feasible_ranges(counts: Counts, hidden: Collection[Group]) -> dict[Group, tuple[int, float]]:
    """The smallest and the largest value of each hidden count that fit what is shown (inf: no limit)."""
    reader = Reader(counts)
    return {group: reader.range(group, set(hidden)) for group in counts if group in set(hidden)}


class Reader:
    """What can be worked out from one release under a growing mask."""

    def __init__(
        self,
        counts: Counts,
        rules: Rules = STANDARD,
        shown: Collection[Group] = (),
        telling: Collection[Group] = (),
    ):
        self.numbers, self.lines = counts.equations()
        self.rules, self.public = rules, set(shown)
        self.unprinted = self.numbers.keys() - set(counts)
        self.order = {cell: i for i, cell in enumerate(self.numbers)}
        judged = {cell for cell in self.numbers if self.small(cell) or cell in telling}
        self.wanted = {cell: self._wanted(self.numbers[cell]) for cell in sorted(judged, key=str)}
        self.ceiling = 2 * max(self.numbers.values(), default=0) + 1000  # far above every true value
        self.seen = {cell: (n, n) for cell, n in self.numbers.items()}  # values that some possible release has

    def small(self, cell: Group) -> bool:
        """Counts 1-10 people who are not public already."""
        return is_small(self.numbers[cell], self.rules) and cell not in self.public

    def failures(self, hidden: set[Group]) -> Iterator[Group]:
        """Small counts that are shown, or hidden and yet not free to be anything from 1 to 10, one after the other.

        The mask may only grow from call to call: what was possible stays possible when more is hidden.
        """
        judged = [cell for cell in self.wanted if not self.free(cell, *self.seen[cell])]
        known, problems = self._problems(hidden) if judged else (set(), [])
        yield from (cell for cell in judged if cell in known)
        for problem in problems:  # cells that stand in no sum are in none: nothing is known about them
            cells = [cell for cell in judged if cell in problem.index]
            if len(cells) > 1:  # one possible release often clears many cells
                self._note(problem.extreme(cells, 1), problem.extreme(cells, -1))
            for cell in cells:
                if not self.free(cell, *self.seen[cell]):
                    self._note(problem.extreme([cell], 1), problem.extreme([cell], -1))
                if not self.free(cell, *self.seen[cell]):
                    yield cell

    def range(self, cell: Group, hidden: set[Group]) -> tuple[int, float]:
        """The smallest and the largest possible value of one cell under a mask."""
        known, problems = self._problems(hidden)
        if cell in known:
            return self.numbers[cell], self.numbers[cell]
        for problem in problems:
            if cell in problem.index:
                low, high = (problem.extreme([cell], sign).get(cell, self.numbers[cell]) for sign in (1, -1))
                return low, math.inf if high >= self.ceiling else high
        return 0, math.inf

    def free(self, cell: Group, low: float, high: float) -> bool:
        """Whether a range holds all the values that must be possible for a judged cell."""
        return low <= self.wanted[cell][0] and high >= self.wanted[cell][1]

    def _wanted(self, n: int) -> tuple[int, int]:
        most = self.rules.small_cell_min - 1
        return (1, most) if n <= most else (n - most, n)

    def _note(self, *releases: dict[Group, int]) -> None:
        for release in releases:
            for cell, n in release.items():
                low, high = self.seen[cell]
                self.seen[cell] = min(low, n), max(high, n)

    def _problems(self, hidden: set[Group]) -> tuple[set[Group], list["_Problem"]]:
        """What follows at once from sums with one unknown, and the sums that hang together in what stays unknown."""
        known = self.numbers.keys() - hidden - self.unprinted
        open_lines, told = self.lines, True
        while told:
            unknown = [[cell for cell in (line.total, *line.parts) if cell not in known] for line in open_lines]
            told = {cells[0] for cells in unknown if len(cells) == 1}
            known |= told
            open_lines = [line for line, cells in zip(open_lines, unknown, strict=True) if len(cells) > 1]
        return known, [_Problem(lines, known, self.numbers, self.ceiling) for lines in _linked(open_lines, known)]


def _linked(lines: Iterable[Line], known: set[Group]) -> list[list[Line]]:
    """The lines in sets that share no unknown cell."""
    sets: list[tuple[set[Group], list[Line]]] = []
    for line in lines:
        cells, together, apart = {line.total, *line.parts} - known, [line], []
        for other_cells, other_lines in sets:
            if cells & other_cells:
                cells, together = cells | other_cells, other_lines + together
            else:
                apart.append((other_cells, other_lines))
        sets = [*apart, (cells, together)]
    return [together for _, together in sets]


class _Problem:
    """Linked sums with unknown cells x >= 0."""

    def __init__(self, lines: list[Line], known: set[Group], numbers: dict[Group, int], ceiling: int):
        self.lines, self.known, self.numbers, self.ceiling = lines, known, numbers, ceiling
        unknown = dict.fromkeys(cell for line in lines for cell in (line.total, *line.parts) if cell not in known)
        self.index = {cell: i for i, cell in enumerate(unknown)}

    @cached_property
    def sums(self):
        """The sums as A x = b."""
        import numpy as np
        from scipy.optimize import LinearConstraint
        from scipy.sparse import csc_array

        a, b = np.zeros((len(self.lines), len(self.index))), np.zeros(len(self.lines))
        for row, line in enumerate(self.lines):
            for cell, sign in [(line.total, 1), *((part, -1) for part in line.parts)]:
                if cell in self.known:
                    b[row] -= sign * self.numbers[cell]
                else:
                    a[row, self.index[cell]] = sign
        return LinearConstraint(csc_array(a), b, b)

    def extreme(self, cells: list[Group], sign: int) -> dict[Group, int]:
        """A possible release in whole people in which the sum of `cells` is smallest (sign 1) or largest (-1).

        The linear program's corner is nearly always whole; where it is not, whole numbers are asked for.
        """
        import numpy as np

        aim = np.zeros(len(self.index))
        for cell in cells:
            aim[self.index[cell]] = sign
        x = self._solve(aim, whole=0)
        if x is not None and abs(x - x.round()).max() > 1e-6:
            x = self._solve(aim, whole=1)
        # Without an answer nothing but the true release is taken to be possible: the audit then asks for more masks.
        return {} if x is None else dict(zip(self.index, x.round().astype(int).tolist(), strict=True))

    def _solve(self, aim, whole: int):
        import numpy as np
        from scipy.optimize import Bounds, milp

        return milp(
            aim,
            integrality=np.full(len(aim), whole),
            constraints=self.sums,
            bounds=Bounds(0, self.ceiling),
            options={"node_limit": 1000},
        ).x
