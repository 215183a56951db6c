"""Which column of a file is meant: by the words of its header, then by what stands in its cells."""

from dataclasses import dataclass
from difflib import SequenceMatcher

from shared_utils.data import evidence
from shared_utils.data.dictionary import Words, plain, words
from shared_utils.data.evidence import Cells
from shared_utils.data.model import Column

SURE, LIKELY, LEAST = 0.9, 0.7, 0.6
ANYTHING = {"id", "number", "date", "day", "code", "type", "of", "the", "in", "at", "on"}  # alone they say nothing


@dataclass(frozen=True)
class Found:
    """A column of the file for a column of the model: how sure that is (0 to 1), and why, in words."""

    cells: Cells
    score: float
    why: str


def assign(columns: list[Cells], table: str, model: dict[str, Column], labels: dict[str, str]) -> dict[str, Found]:
    """Return {column of the model: its column in the file}, best pairs first, each header and column once.

    `labels` are the city's words for its arms, {plain text: arm}.
    """
    pairs = [(name, found) for name, what in model.items() for column in columns
             if (found := look(column, what, words(table, name), labels)).score >= LEAST]  # fmt: skip
    chosen: dict[str, Found] = {}
    for name, found in sorted(pairs, key=lambda pair: -pair[1].score):
        if name not in chosen and found.cells.header not in {one.cells.header for one in chosen.values()}:
            chosen[name] = found
    return {name: chosen[name] for name in model if name in chosen}


def best(columns: list[Cells], what: Column, said: Words) -> Found | None:
    """Return the column that fits best, or None when none is likely."""
    found = max((look(column, what, said) for column in columns), key=lambda one: one.score, default=None)
    return found if found and found.score >= LIKELY else None


def named(columns: list[Cells], names: dict[str, Words], loose: bool = False) -> dict[str, Found]:
    """Return {own name: its column} by header alone; `loose` also takes a header that is a part of the name."""
    least = LIKELY if loose else SURE
    found: dict[str, Found] = {}
    for column in columns:
        scores = {name: likeness(column.header, said) for name, said in names.items()}
        name = max(scores, key=scores.get, default=None)
        if name and scores[name] >= least and list(scores.values()).count(scores[name]) == 1 and name not in found:
            found[name] = Found(column, scores[name], _why(scores[name], "by its name in city.yml"))
    return found


def look(column: Cells, what: Column, said: Words, labels: dict[str, str] | None = None) -> Found:
    """Return how well one column of the file fits one of the model."""
    by_name = likeness(column.header, said)
    if by_name < LEAST:
        known = evidence.speaks(what, column, labels or {})
        return Found(column, LIKELY, "likely: its words say so") if known else Found(column, 0.0, "")
    by_cells, seen = evidence.fit(what, column)
    score = by_name * by_cells
    return Found(column, score, _why(score, seen))


def likeness(header: str, said: Words) -> float:
    """Return how alike a header is to the names of a column: 1 for the same words, 0 for nothing in common."""
    own = plain(header)
    return max((_alike(own, plain(name)) for name in (said.title, *said.also) if name), default=0.0)


def _alike(own: str, name: str) -> float:
    ours, theirs = set(own.split()), set(name.split())
    if own == name:
        return 1.0
    if ours == theirs:
        return 0.95
    if (ours <= theirs or theirs <= ours) and ours & theirs - ANYTHING:
        return 0.5 + 0.5 * len(ours & theirs) / len(ours | theirs)
    ratio = SequenceMatcher(None, own, name).ratio()
    return 0.9 * ratio if ratio >= 0.85 else 0.0


def _why(score: float, seen: str) -> str:
    word = "sure" if score >= SURE else "likely" if score >= LIKELY else "a guess, check it"
    return f"{word}: {seen}"
