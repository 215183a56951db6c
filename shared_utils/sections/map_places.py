"""Where a tract lies: a point inside it, whether a city holds that point, and the outline of some tracts together.

Rings are lists of (longitude, latitude), the last point the same as the first. By the even-odd rule a hole is a ring
like any other.
"""

import re

import numpy as np

# What Census names of places add to the name: "Cincinnati city" is Cincinnati.
KIND_OF_PLACE = r"( (city|town|village|borough|municipality|city and borough|urban county))?"


def city_shape(limits, city: str) -> list | None:
    """Return the polygons of the place that is called like the city in a frame of places, None when none is."""
    found = _named(limits, city)
    return found["polygons"].iloc[0] if len(found) == 1 else None


def city_code(limits, city: str) -> str | None:
    """Return the 7 digits of the place that is called like the city in a frame of places, None when none is."""
    found = _named(limits, city)
    return found["GEOID"].iloc[0] if len(found) == 1 else None


def _named(limits, city: str):
    named = limits["name"].map(lambda name: re.fullmatch(re.escape(city) + KIND_OF_PLACE, name, re.IGNORECASE))
    return limits[named.notna()]


def within(tracts, shape) -> np.ndarray:
    """Return for each shape of `tracts` whether a point inside it is inside `shape`, a list of polygons."""
    rings = [np.asarray(ring) for polygon in shape for ring in polygon]
    every = np.concatenate(rings)
    (west, south), (east, north) = every.min(axis=0), every.max(axis=0)
    points = [inside_point(tract) for tract in tracts]
    return np.array([west <= x <= east and south <= y <= north and _holds(rings, x, y) for x, y in points], bool)


def inside_point(shape) -> tuple[float, float]:
    """Return a point inside a shape: the middle of its widest part at half its height."""
    rings = [np.asarray(ring) for polygon in shape for ring in polygon]
    ys = np.unique(np.concatenate(rings)[:, 1])
    middle = (ys[0] + ys[-1]) / 2
    below, above = ys[ys <= middle][-1], ys[ys > middle][0]
    y = (below + above) / 2  # between two corners, never on one
    xs = _crossings(rings, y)
    start = 2 * int(np.argmax(xs[1::2] - xs[::2]))
    return float(xs[start : start + 2].mean()), float(y)


def outline(shapes) -> set[tuple]:
    """Return the borders that only one of the shapes has: the outline of all of them together, as line pieces."""
    edges: set[tuple] = set()
    for shape in shapes:
        for ring in (ring for polygon in shape for ring in polygon):
            edges ^= {tuple(sorted(pair)) for pair in zip(ring, ring[1:], strict=False) if pair[0] != pair[1]}
    return edges


def _holds(rings, x: float, y: float) -> bool:
    return int((_crossings(rings, y) < x).sum()) % 2 == 1


def _crossings(rings, y: float) -> np.ndarray:
    """Longitudes at which the rings cross the latitude y, from west to east."""
    found = []
    for ring in rings:
        (x0, y0), (x1, y1) = ring[:-1].T, ring[1:].T
        cross = (y0 > y) != (y1 > y)
        found.append(x0[cross] + (y - y0[cross]) * (x1[cross] - x0[cross]) / (y1[cross] - y0[cross]))
    return np.sort(np.concatenate(found))
