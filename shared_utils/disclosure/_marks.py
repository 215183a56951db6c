"""Whether a figure draws a mark for each person: points, lines, ticks and bars are counted and compared."""

import numpy as np
import pandas as pd

from shared_utils.disclosure.rules import STANDARD

FEWEST = 6  # marks: the box of a box plot has five points
MANY = 100  # values of a column that says nearly who somebody is


def reason(figure, tables: list[tuple], counts: set[int]) -> str:
    """Return the sentence to show instead of the figure, or "" when no axes has a mark a person.

    `tables` is [(frame, column that says who)], `counts` how many people or records they hold. Marks are a person's
    when there are as many as people or records, or when half of them or more stand at values that fit 1 to 10 people.
    """
    for axes in figure.axes:
        marks = [points for points in _marks(axes) if len(points) >= FEWEST]
        total = sum(map(len, marks))
        many = {total, *map(len, marks)} & {n for n in counts if n >= STANDARD.small_cell_min}
        if many or any(_at_few(points, table, person) for points in marks for table, person in tables):
            return (
                f"Not shown: a figure with {total} marks, and a mark is one resident. "
                f"Draw groups of {STANDARD.small_cell_min} or more instead: a histogram, binned means, monthly counts."
            )
    return ""


def _marks(axes) -> list[np.ndarray]:
    """The positions of what is drawn, an array (n, 2) for each collection and line; bars have only a number."""
    found = [np.asarray(line.get_xydata(), dtype=float) for line in axes.lines]
    for drawn in axes.collections:
        if hasattr(drawn, "get_segments"):  # ticks of a rug plot: each is a segment
            points = [segment.mean(axis=0) for segment in drawn.get_segments() if len(segment)]
        else:
            points = drawn.get_offsets()
        found.append(np.asarray(points, dtype=float).reshape(-1, 2))
    return [*found, np.full((len(axes.patches), 2), np.nan)]


def _at_few(points: np.ndarray, table: pd.DataFrame, person: str) -> bool:
    """True when half of the marks or more stand where 1 to 10 people are, by one numeric column or by two.

    One column is enough when it has many values (an income); counts of a month may well be the ages of some.
    """
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) < FEWEST:
        return False
    numeric = table.select_dtypes(["number", "boolean"]).astype(float)
    found = [[name for name in numeric if np.isin(points[:, axis], numeric[name]).mean() >= 0.9] for axis in (0, 1)]
    looks = [([axis], [name]) for axis in (0, 1) for name in found[axis] if numeric[name].nunique() > MANY]
    looks += [([0, 1], [x, y]) for x in found[0] for y in found[1] if x != y]
    return any(_few(points[:, axes], numeric[names], table[person]) for axes, names in looks)


def _few(points: np.ndarray, values: pd.DataFrame, who: pd.Series) -> bool:
    drawn = pd.util.hash_pandas_object(pd.DataFrame(points), index=False)
    there = pd.util.hash_pandas_object(values.set_axis(range(values.shape[1]), axis=1), index=False)
    people = who.groupby(there.to_numpy()).nunique()
    return bool(drawn.map(people).fillna(0).between(1, STANDARD.small_cell_min - 1).mean() >= 0.5)
