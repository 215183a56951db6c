"""What intake says when a file does not fit: every problem at once, each with its place and its fix."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from shared_utils.errors import EmiError

EXAMPLES = 3  # of them that an error message lists
SHOWN = 20  # cells of one column and rule that a screen or page lists
KEPT = 10_000  # cells of one column and rule that are kept at all; the count stays exact
HIDDEN = "(hidden)"
EMPTY = "(empty)"
# An e-mail address, a social security number, a telephone number.
IDENTIFIER = re.compile(r"\S@\S+\.\S|\b\d{3}-\d\d-\d{4}\b|(\(\d{3}\) ?|\b\d{3}[-.])\d{3}[-.]\d{4}\b")
_LONGEST = 60


@dataclass(frozen=True)
class Problem:
    """One problem in a city's file or mapping.

    `row` is the row Excel shows, header counted. Where one cell is wrong, `cell` is its place ("D3"), `column` the
    header of the file, `meaning` what the column is in plain words, `value` the cell as typed (HIDDEN where it
    says who somebody is) and `message` goes on from the value: "is not a number". `more` further cells have the
    same problem and are not kept one by one.
    """

    file: str
    message: str
    fix: str
    sheet: str = ""
    column: str = ""
    row: int | None = None
    cell: str = ""
    meaning: str = ""
    value: str = ""
    rule: str = ""
    more: int = 0

    def __str__(self) -> str:
        place = [self.file]
        place += [f"sheet {self.sheet}"] if self.sheet else []
        place += [f"cell {self.cell}"] if self.cell else []
        place += [f"column {self.column}"] if self.column else []
        place += [f"row {self.row}"] if self.row is not None and not self.cell else []
        return f"{', '.join(place)}: {self.sentence}\n    {self.fix}"

    @property
    def sentence(self) -> str:
        """What is wrong as a sentence, with the value where one cell is wrong."""
        if not self.cell:
            return self.message
        shown = {EMPTY: "the cell", HIDDEN: "the value (hidden)"}.get(self.value, f"'{self.value}'")
        return f"{shown} {self.message}."


@dataclass(frozen=True)
class Seen:
    """A source that was read: its path below the data folder, its sheet, and how many rows it has."""

    path: str
    sheet: str
    rows: int

    @property
    def file(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Group:
    """Problems of one column and rule: the first ones, and how many there are."""

    problems: list[Problem] = field(default_factory=list)
    count: int = 0

    @property
    def more(self) -> int:
        return self.count - len(self.problems)


class IntakeError(EmiError):
    """A city's files cannot be read as its mappings say. `.problems` lists every one that was found.

    `.seen` are the sources that were read, also those without a problem; `.page` is the saved list, which the hint
    names too.
    """

    def __init__(self, problems: list[Problem], seen: Iterable[Seen] = (), hint: str = "", page: Path | None = None):
        self.problems, self.seen, self.page = _once(problems), tuple(seen), page
        count, groups = total(self.problems), grouped(self.problems, EXAMPLES)
        head = "1 problem in the data files" if count == 1 else f"{count:,} problems in the data files"
        lines = [line for group in groups[:SHOWN] for line in _group_lines(group)]
        if hidden := sum(group.count for group in groups[SHOWN:]):
            lines.append(f"... and {hidden:,} more")
        super().__init__("\n  ".join([f"{head}. Nothing was changed.", *lines]), hint)


def total(problems: Iterable[Problem]) -> int:
    """Return how many problems there are, those that are not kept one by one included."""
    return sum(1 + problem.more for problem in problems)


def grouped(problems: Iterable[Problem], shown: int = SHOWN) -> list[Group]:
    """Return the problems by column and rule, in the order met; a group holds its first `shown` problems."""
    groups: dict[tuple, list[Problem]] = {}
    for number, one in enumerate(problems):
        alone = () if one.cell else (number,)
        groups.setdefault((one.file, one.sheet, one.column, one.rule or one.message, *alone), []).append(one)
    return [Group(group[:shown], total(group)) for group in groups.values()]


def typed(value: str, private: bool = False) -> str:
    """Return a cell as a report may show it: hidden when it says who somebody is, cut when it is long."""
    if not value:
        return EMPTY
    if private or IDENTIFIER.search(value):
        return HIDDEN
    value = " ".join("".join(sign if sign.isprintable() else " " for sign in value).split())
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}..."


def _once(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems without those of a cell that is read into several tables and wrong in each."""
    first: dict[tuple, Problem] = {}
    for one in problems:
        first.setdefault((one.file, one.sheet, one.cell, one.message) if one.cell else (one,), one)
    return list(first.values())


def _group_lines(group: Group) -> list[str]:
    more = [f"    and {group.more:,} more cells of this column"] if group.more else []
    return [*map(str, group.problems), *more]
