"""The nearest-neighbour residuals of a discontinuity, for all rows at once.

diff-diff 3.13.0 finds the neighbours of each row in a Python loop, which takes most of the time of a bandwidth; a
simulated pilot or a table of choices fits dozens. This gives the same numbers to the last bit: the same windows, each
summed from its first row on, as numpy sums fewer than eight numbers.
"""

import numpy as np

IN_ORDER = 8  # numpy sums fewer numbers than this one after the other


def residuals(x, y, matches, dups, dupsid, t=None, z=None) -> np.ndarray:
    """Return what diff_diff._rdrobust_port.rdrobust_res_nn does: sqrt(J / (J + 1)) (y_i - mean of its J neighbours).

    x: sorted, shape (n,); dups, dupsid: how many rows share a value of x, and the place among them, from 1. Shape
    (n,), or (n, columns) of y, t and z where t (n,) or z (n, k) is given (Calonico, Cattaneo, Farrell and Titiunik
    2017, rdrobust, Stata J. 17(2)).
    """
    low, high = _windows(x, min(matches, len(y) - 1), dups, dupsid)
    columns = [y, *([] if t is None else [t]), *([] if z is None else z.T)]
    j = high - low
    windows, window = np.unique(low * len(y) + high, return_inverse=True)  # rows of equal x share theirs
    first, last = np.divmod(windows, len(y))
    found = [np.sqrt(j / (j + 1)) * (v - (_sums(v, first, last)[window] - v) / j) for v in columns]
    return found[0] if len(found) == 1 else np.column_stack(found)


def _windows(x, wanted, dups, dupsid) -> tuple[np.ndarray, np.ndarray]:
    """The first and last row of each window: whole groups of equal x are added on the nearer side, on both when equally
    near, until `wanted` neighbours are in."""
    n, row = len(x), np.arange(len(x))
    left, right = dupsid - 1, dups - dupsid
    while (short := left + right < wanted).any():
        before, after = row - left - 1, row + right + 1
        inside = np.maximum(before, 0), np.minimum(after, n - 1)
        to_left = np.where(before >= 0, x - x[inside[0]], np.inf)
        to_right = np.where(after < n, x[inside[1]] - x, np.inf)
        left = left + np.where(short & (to_left <= to_right), dups[inside[0]], 0)
        right = right + np.where(short & (to_right <= to_left), dups[inside[1]], 0)
    return np.maximum(row - left, 0), np.minimum(row + right, n - 1)


def _sums(values, low, high) -> np.ndarray:
    """The sum of values[low] to values[high] of each window."""
    total = values[low]
    for step in range(1, IN_ORDER - 1):
        within = low + step <= high
        total = np.where(within, total + values[np.where(within, low + step, low)], total)
    for i in np.flatnonzero(high - low >= IN_ORDER - 1):
        total[i] = np.sum(values[low[i] : high[i] + 1])
    return total
