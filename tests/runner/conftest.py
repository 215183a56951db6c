"""One batch of three toy cities, shared by all tests of this folder."""

import pytest
import toy
from toy_batch import Run, emi, finished


@pytest.fixture(scope="session")
def batch(tmp_path_factory) -> Run:
    """`emi run` of baseline and monitoring in three cities; greyport's monitoring lacks a column."""
    root = tmp_path_factory.mktemp("batch") / "City of Alder Bay"  # a path with spaces
    for folder in ("alder-bay", "calder"):
        toy.make_city(root / "cities", folder)
    toy.make_city(root / "cities", "greyport", monitoring=toy.MISSING_COLUMN)
    return finished(root, emi(root, "run", "-n", "monitoring", "-n", "baseline"))
