"""Random releases, and an auditor that knows nothing of how ours works.

A release names its cells and the sums between them straight from the arrays of its tables. The auditor gives every
cell a variable, fixed where the cell is shown, and asks HiGHS for its smallest and its largest value.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from shared_utils.disclosure import Counts, Group, memory, protect

SMALL = range(1, 11)
EVERYBODY = Group("people")


@dataclass
class Release:
    """Cells by name with their counts and groups, and sums as (total, parts).

    growth  {growth cell: the old cell it starts from}, for two releases: never printed; how much a group grew is to be
            protected where the old count was published
    most    the largest growth that everybody's own growth permits
    """

    numbers: dict[str, int] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    sums: list[tuple[str, list[str]]] = field(default_factory=list)
    growth: dict[str, str] = field(default_factory=dict)
    most: float = math.inf

    def cell(self, name: str, n, group: Group) -> str:
        self.numbers[name], self.groups[name] = int(n), group
        return name

    def counts(self, order=None) -> Counts:
        counts = Counts()
        for name in self.numbers if order is None else order:
            counts.add(self.groups[name], self.numbers[name])
        return counts

    def hidden(self, protection) -> set[str]:
        return {name for name, group in self.groups.items() if protection.is_hidden(group)}

    def naive(self) -> set[str]:
        """Primary suppression alone."""
        return {name for name, n in self.numbers.items() if n in SMALL} | set(self.growth)

    def leaks(self, hidden: set[str]) -> Iterator[tuple[str, float, float]]:
        """Cells of 1-10 that are shown, or whose range does not hold all of 1 to 10, with that range."""
        names = list(self.numbers)
        place = {name: i for i, name in enumerate(names)}
        matrix = np.zeros((len(self.sums), len(names)))
        for row, (total, parts) in zip(matrix, self.sums, strict=True):
            row[place[total]] = 1
            row[[place[part] for part in parts]] = -1
        numbers = np.array([self.numbers[name] for name in names])
        unknown = np.array([name in hidden for name in names])
        known = {
            "constraints": LinearConstraint(matrix, 0, 0),
            "bounds": Bounds(np.where(unknown, 0, numbers), np.where(unknown, np.inf, numbers)),
        }
        for name in names:
            if self.numbers[name] not in SMALL or self.growth.get(name) in {*hidden, "march all"}:
                continue
            aim = np.eye(len(names))[place[name]]
            smallest, largest = milp(aim, **known), milp(-aim, **known)
            assert smallest.status == 0 and largest.status in (0, 3), "the true release is always possible"
            low, high = smallest.fun, -largest.fun if largest.status == 0 else math.inf
            if low > 1 + 1e-6 or high < min(10, self.most if name in self.growth else 10) - 1e-6:
                yield name, low, high


def told(low: float, high: float) -> bool:
    """Whether a count can be solved, or is known to be 1-10: worse than a narrow range."""
    return high - low < 1e-6 or (low > 1 - 1e-6 and high < 10 + 1e-6)


def one_way(rng) -> Release:
    release, n = Release(), rng.poisson(rng.choice([4, 12, 60], rng.integers(2, 9)))
    total = release.cell("all", n.sum(), EVERYBODY)
    release.sums.append((total, [release.cell(f"r{i}", x, EVERYBODY.within(race=i)) for i, x in enumerate(n)]))
    return release


def two_way(rng, column="arm", release=None, table=None) -> Release:
    """Rows by columns with both margins; on a release with the row margin, a second table linked to it."""
    release = release or Release()
    table = rng.poisson(rng.choice([8, 20, 60], (5, 4))) if table is None else table
    rows = [release.cell(f"r{i}", n, EVERYBODY.within(race=i)) for i, n in enumerate(table.sum(1))]
    columns = [release.cell(f"{column}{j}", n, EVERYBODY.within(**{column: j})) for j, n in enumerate(table.sum(0))]
    total = release.cell("all", table.sum(), EVERYBODY)
    cells = [
        [release.cell(f"r{i}{column}{j}", n, EVERYBODY.within(race=i, **{column: j})) for j, n in enumerate(row)]
        for i, row in enumerate(table)
    ]
    release.sums += [(total, rows), (total, columns), *zip(rows, cells, strict=True)]
    release.sums += [(column, [row[j] for row in cells]) for j, column in enumerate(columns)]
    return release


def linked_pair(rng) -> Release:
    """The same people by race and arm, and by race and gender."""
    arms = rng.poisson(rng.choice([6, 20, 60], (4, 3)))
    genders = np.array([rng.multinomial(n, rng.dirichlet([2, 2, 2])) for n in arms.sum(1)])
    return two_way(rng, "gender", two_way(rng, "arm", table=arms), genders)


def shares(rng) -> Release:
    """People by race; in each race those who took part and those who did not; and everybody alike."""
    n = rng.poisson(rng.choice([12, 30, 80], 5))
    took = rng.binomial(n, rng.choice([0.05, 0.4, 0.9], 5))
    release = Release()
    people = {"all": (EVERYBODY, n.sum(), took.sum())}
    people |= {f"r{i}": (EVERYBODY.within(race=i), n[i], took[i]) for i in range(5)}
    for name, (group, of, yes) in people.items():
        release.cell(name, of, group)
        answers = {"yes": yes, "no": of - yes}
        release.sums.append((name, [release.cell(name + a, k, group.did("took part", a)) for a, k in answers.items()]))
    return add_up_rows(release)


def add_up_rows(release: Release) -> Release:
    release.sums += [("all" + part, [f"r{i}{part}" for i in range(5)]) for part in ("", "yes", "no")]
    return release


def both_months(march: Release, april: Release) -> Release:
    """Two releases and the growth between them as one: the reader knows that nobody left."""
    both = Release(most=april.numbers["all"] - march.numbers["all"])
    for month, release in (("march ", march), ("april ", april)):
        both.numbers |= {month + name: n for name, n in release.numbers.items()}
        both.sums += [(month + total, [month + part for part in parts]) for total, parts in release.sums]
    for name, n in march.numbers.items():
        both.numbers["growth " + name] = april.numbers[name] - n
        both.growth["growth " + name] = "march " + name
        both.sums.append(("april " + name, ["march " + name, "growth " + name]))
    return both


def two_months(rng) -> tuple[Release, Release]:
    """A table in March, and in April with people who came in a few cells, in all, or hardly anywhere."""
    before = rng.poisson(rng.choice([6, 20, 60], (4, 3)))
    after = before + rng.poisson(rng.choice([0, 1, 15] if rng.random() < 0.8 else [0, 0.5], (4, 3)))
    return two_way(rng, table=before), two_way(rng, table=after)


KINDS = {
    "one-way": one_way,
    "two-way, both margins": two_way,
    "linked pair": linked_pair,
    "counts and shares": shares,
    "two releases": two_months,
}


def draw(kind: str, seed: int) -> tuple[Release, set[str]]:
    """A random release of a kind and the cells that our rules hide in it."""
    made = KINDS[kind](np.random.default_rng(seed))
    if kind != "two releases":
        protection = protect(made.counts())
        assert protection.audit.passed and not protection.refused
        return made, made.hidden(protection)
    history, hidden = memory.no_history(), set()
    for month, release, day in zip(("march ", "april "), made, (date(2020, 3, 31), date(2020, 4, 30)), strict=True):
        protection = memory.protect_release(release.counts(), history, day)
        assert protection.audit.passed and not protection.refused
        history = memory.remember(history, release.counts(), protection, day)
        hidden |= {month + name for name in release.hidden(protection)}
    both = both_months(*made)
    return both, hidden | set(both.growth)
