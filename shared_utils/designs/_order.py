"""One order for the rows of a table, whatever order they came in."""

import numpy as np


def canonical(keys: list[np.ndarray]) -> np.ndarray:
    """Return the order of rows by all keys, the last first (numpy.lexsort), without sorting by keys that tell apart
    only rows that are told apart already. keys: arrays with one entry a row.
    """
    order = np.lexsort(keys[-2:])
    return np.lexsort(keys) if _tied(keys[-2:], order) else order


def _tied(keys: list[np.ndarray], order: np.ndarray) -> bool:
    """Whether two neighbors in this order are alike in all keys."""
    return bool(np.all([key[order][1:] == key[order][:-1] for key in keys], axis=0).any())
