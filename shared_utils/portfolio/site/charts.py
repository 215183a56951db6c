"""Where things stand in a drawing, in percent of its width and height.

Drawings are lines in SVG that stretch, with labels as HTML on top: text keeps its size on every screen.
"""

import math
from itertools import groupby

ROOM = 0.08


def interval(b: float, low: float, high: float, m: float | None, room: float = ROOM) -> dict:
    """An interval with zero and the smallest worthwhile gain, from worse (left) to better (right)."""
    ends = [low, high, 0.0, *([m] if m else [])]
    start, end = min(ends), max(ends)
    margin = (end - start) * room or 1.0
    at = _scale(start - margin, end + margin)
    return {
        "zero": at(0),
        "m": at(m) if m else None,
        "left": at(low),
        "width": round(at(high) - at(low), 2),
        "x": at(b),
        "low": at(low),
        "high": at(high),
    }


def forest(rows: list[dict]) -> dict:
    """Common axis of standardised effects. Each row has b (the effect), low and high; all in SD units.

    Returns the axis (`zero` in percent, `cells`, `ticks`) and a list of positions in the order of `rows`.
    """
    step = _step(max((abs(v) for row in rows for v in (row["low"], row["high"])), default=1.0))
    start = math.floor(min([0.0, *(row["low"] for row in rows)]) / step - 1e-9) * step
    end = math.ceil(max([0.0, *(row["high"] for row in rows)]) / step + 1e-9) * step
    at = _scale(start, end)
    cells = round((end - start) / step)
    ticks = [round(start + i * step, 6) for i in range(cells + 1)]
    places = [{"left": at(r["low"]), "width": round(at(r["high"]) - at(r["low"]), 2), "x": at(r["b"])} for r in rows]
    return {"zero": at(0), "cells": cells, "ticks": [(tick, at(tick)) for tick in ticks], "places": places}


def series(values: list[float | None], target: float | None) -> dict:
    """A line over time: `lines` are SVG point lists, broken where a value is hidden."""
    known = [value for value in values if value is not None]
    ends = known + ([target] if target is not None else [])
    low, high = min(ends), max(ends)
    margin = (high - low) * 0.15 or abs(high) * 0.1 or 1.0
    up = _scale(high + margin, low - margin)
    along = _scale(0, max(len(values) - 1, 1))
    runs = groupby(enumerate(values), key=lambda item: item[1] is not None)
    lines = [" ".join(f"{along(i)},{up(v)}" for i, v in run) for shown, run in runs if shown]
    last = max(i for i, value in enumerate(values) if value is not None)
    return {
        "lines": lines,
        "target": None if target is None else up(target),
        "x": along(last),
        "y": up(values[last]),
    }


def squares(first: int, second: int) -> list[str]:
    """Classes of 100 squares, filled column by column: both, then the difference, then the rest."""
    return ["a"] * first + ["b"] * (second - first) + ["o"] * (100 - second)


def _scale(start: float, end: float):
    return lambda value: round(100 * (value - start) / (end - start), 2) + 0.0


def _step(largest: float) -> float:
    return next((step for step in (0.05, 0.1, 0.2, 0.5, 1.0) if largest / step <= 5), 2.0)
