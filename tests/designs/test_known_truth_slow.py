"""Known truth for the designs whose analysis takes 0.2 to 0.6 s: see test_known_truth.py.

200 draws with and 200 without an effect instead of 1,000, which would take more than half an hour; the binomial bounds
are wider to match. docs/operating-characteristics.md shows more draws of each.
"""

import pytest
from draws import check_size, check_truth, many

SLOW = ("detroit", "newark", "rochester")


@pytest.mark.full
@pytest.mark.parametrize("name", SLOW)
def test_unbiased_and_covering_in_many_draws(name):
    check_truth(many(name, "effect", range(200)))


@pytest.mark.full
@pytest.mark.parametrize("name", SLOW)
def test_size_under_a_true_null_in_many_draws(name):
    check_size(many(name, "null", range(200)))
