"""The counts of one release: which groups of people are counted, and how the counts hang together.

A dimension (arm, race_ethnicity) puts every member of a population into at most one category. That alone says which
counts add up to which: the categories of one dimension within a group lie beside each other and make up the group, but
for those who have none of the categories shown. `Counts.equations` writes this down for the rules and for the audit.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, unquote

from shared_utils.errors import EmiError

REST = "(all others)"  # the category of whoever has none of the categories counted
MEASURE = "measure:"  # a dimension that says who did something, not who somebody is
YES, NO = "yes", "no"


class DisclosureError(EmiError):
    """Counts of a release that contradict each other, or a mask memory that cannot be read."""


@dataclass(frozen=True)
class Group:
    """People of a population in one category of each dimension of `where`; an empty `where` is everybody of it."""

    population: str
    where: frozenset[tuple[str, str]] = frozenset()

    def __post_init__(self):
        if len({dimension for dimension, _ in self.where}) < len(self.where):
            raise DisclosureError(f"The group '{self}' names one dimension twice.", "Give each dimension one category.")

    def __str__(self) -> str:
        """A stable text: "participants|arm=offer|race_ethnicity=black_nh", dimensions sorted, odd characters as %XX."""
        return self._text

    @cached_property
    def _text(self) -> str:
        return "|".join([_escape(self.population), *(f"{_escape(d)}={_escape(c)}" for d, c in sorted(self.where))])

    @classmethod
    def parse(cls, text: str) -> "Group":
        """The group a text of `str(group)` names; DisclosureError when it is none."""
        population, *pairs = text.split("|")
        if not population or any(pair.count("=") != 1 for pair in pairs):
            raise DisclosureError(f"'{text}' does not name a group.", "Write population|dimension=category|...")
        split = (pair.split("=") for pair in pairs)
        return cls(unquote(population), frozenset((unquote(d), unquote(c)) for d, c in split))

    def within(self, **where: str) -> "Group":
        """The members of this group who are also in these categories."""
        return Group(self.population, self.where | {(d, str(c)) for d, c in where.items()})

    def did(self, measure: str, answer: str = YES) -> "Group":
        """The members for whom `measure` is yes (the numerator of a share) or no (its complement)."""
        return self.within(**{MEASURE + measure: answer})

    def without(self, dimension: str) -> "Group":
        """The group that this one is a part of when `dimension` is not asked."""
        return Group(self.population, frozenset(pair for pair in self.where if pair[0] != dimension))

    def is_within(self, other: "Group") -> bool:
        """Whether every member is in the other group, by their categories."""
        return self.population == other.population and self.where >= other.where

    @property
    def everybody(self) -> bool:
        """True when it is no subgroup: the whole population, or all of it who did something."""
        return all(dimension.startswith(MEASURE) for dimension, _ in self.where)


def group(population: str, **where: object) -> Group:
    """Shorthand: group("participants", arm="offer", race_ethnicity="black_nh")."""
    return Group(population).within(**where)


@dataclass(frozen=True)
class Line:
    """Parts that have nobody in common and add up to a total. With `exact=False` the total may have other members."""

    total: Group
    parts: tuple[Group, ...]
    exact: bool = True

    @property
    def rest(self) -> Group:
        """Who is in the total and in none of the parts."""
        return self.total.within(**{f"beside {' and '.join(sorted(map(str, self.parts)))}": REST})


class Counts:
    """The exact counts that one release prints, or from which what it prints can be worked out."""

    def __init__(self):
        self._numbers: dict[Group, int] = {}
        self._lines: dict[Line, None] = {}

    def __iter__(self) -> Iterator[Group]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, group: Group) -> bool:
        return group in self._numbers

    def __getitem__(self, group: Group) -> int:
        return self._numbers[group]

    def copy(self) -> "Counts":
        """Counts of their own, with the same numbers and lines."""
        other = Counts()
        other._numbers, other._lines = dict(self._numbers), dict(self._lines)
        return other

    def add(self, group: Group, n: int) -> Group:
        """Count a group. The same group with two numbers in one release is a DisclosureError."""
        if not float(n).is_integer() or n < 0:
            raise DisclosureError(f"The count of '{group}' is {n}.", "A count of people is a whole number from 0 up.")
        if self._numbers.setdefault(group, int(n)) != n:
            raise DisclosureError(
                f"'{group}' is counted as {self._numbers[group]} and as {n} in one release.",
                "Use the same people in both tables, or give the populations two names.",
            )
        return group

    def add_share(self, group: Group, n: int, numerator: int, measure: str) -> tuple[Group, Group]:
        """Count the people behind a share of a group: `numerator` of `n`. Returns the groups of yes and of no."""
        self.add(group, n)
        return self.add(group.did(measure, YES), numerator), self.add(group.did(measure, NO), n - numerator)

    def add_line(self, line: Line) -> Line:
        """Say that counts hang together in a way their groups do not show (followed-up people are participants)."""
        self._lines[line] = None
        return line

    def lines(self) -> list[Line]:
        """Every way in which the counts add up, declared or implied, in an order of its own (not that of the rows)."""
        return self.equations()[1]

    def equations(self) -> tuple[dict[Group, int], list[Line]]:
        """All cells and the exact sums between them: what a reader knows of the layout of the release.

        Beside the groups counted the cells hold those nobody prints, though they can follow from what is printed: the
        rest of a line, and the groups between (two-way cells without their margin). Their numbers are worked out as a
        reader would who takes the categories to be complete. Counts that cannot be parts of each other make no line.
        """
        numbers, families = self._between()
        declared = [_line_with_rest(line, numbers) for line in self._lines]
        implied = [
            _family_line(parent, dimension, members, numbers)
            for (parent, dimension), members in families.items()
            if sum(numbers[member] for member in members) <= numbers[parent]
        ]
        return numbers, sorted({*declared, *implied}, key=_line_order)

    def _between(self) -> tuple[dict[Group, int], dict[tuple[Group, str], list[Group]]]:
        """The numbers of all groups and of those they are parts of; the members of each (group, dimension)."""
        families, found, todo = defaultdict(list), set(self._numbers), list(self._numbers)
        while todo:
            member = todo.pop()
            for dimension, _ in member.where:
                parent = member.without(dimension)
                families[parent, dimension].append(member)
                if parent not in found:
                    found.add(parent)
                    todo.append(parent)
        numbers = dict(self._numbers)
        for parent, dimension in sorted(families, key=lambda family: -len(family[0].where)):  # smallest groups first
            if parent not in self._numbers:
                total = sum(numbers[member] for member in families[parent, dimension])
                numbers[parent] = max(total, numbers.get(parent, 0))
        return numbers, families


def _family_line(parent: Group, dimension: str, members: list[Group], numbers: dict[Group, int]) -> Line:
    """The categories of one dimension within a group, and whoever has none of them: nobody, unless numbers say so.

    Of a measure one answer alone never is complete.
    """
    rest = numbers[parent] - sum(numbers[member] for member in members)
    if rest or (dimension.startswith(MEASURE) and len(members) == 1):
        members = [*members, parent.within(**{dimension: REST})]
        numbers[members[-1]] = rest
    return Line(parent, tuple(sorted(members, key=str)))


def _line_with_rest(line: Line, numbers: dict[Group, int]) -> Line:
    """A declared line as an exact one; DisclosureError when its counts do not add up."""
    for cell in (line.total, *line.parts):
        if cell not in numbers:
            raise DisclosureError(f"A line names '{cell}', which is not counted.", "Count it first.")
    rest = numbers[line.total] - sum(numbers[part] for part in line.parts)
    if rest < 0 or (line.exact and rest):
        parts = ", ".join(f"'{part}' {numbers[part]}" for part in line.parts)
        raise DisclosureError(
            f"The parts of '{line.total}' ({numbers[line.total]}) do not add up: {parts}.",
            "Check that nobody is counted in two parts and that the line belongs to this table.",
        )
    if line.exact:
        return line
    numbers[line.rest] = rest
    return Line(line.total, (*line.parts, line.rest))


def _line_order(line: Line) -> tuple:
    return len(line.total.where), str(line.total), [str(part) for part in line.parts]


def _escape(text: str) -> str:
    return quote(text, safe=": ()")
