"""Logistic regression: the coefficients of statsmodels, and what happens where there are none."""

import numpy as np
import pytest
import statsmodels.api as sm

from shared_utils.stats import logistic


def drawn(n=400, slope=1.0):
    rng = np.random.default_rng(1)
    matrix = np.column_stack([np.ones(n), rng.normal(size=n), rng.integers(0, 2, n)])
    y = (rng.random(n) < 1 / (1 + np.exp(-matrix @ [-1, slope, 0.5]))).astype(float)
    return y, matrix, rng.uniform(0.5, 3, n)


@pytest.mark.parametrize("slope", [0.0, 1.0, 6.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_coefficients_are_those_of_statsmodels(slope, weighted):
    y, matrix, weights = drawn(slope=slope)
    found = logistic.fit(y, matrix, weights if weighted else None)
    model = sm.GLM(y, matrix, family=sm.families.Binomial(), var_weights=weights if weighted else None)
    assert found.converged and found.params == pytest.approx(model.fit(tol=1e-14, maxiter=100).params, rel=1e-10)


def test_a_repeated_column_changes_no_chance():
    y, matrix, _ = drawn()
    twice = logistic.fit(y, np.column_stack([matrix, matrix[:, 1]]))
    assert twice.fitted == pytest.approx(logistic.fit(y, matrix).fitted, abs=1e-12)


def test_a_group_told_apart_perfectly_comes_near_one_and_leaves_the_others_alone():
    y, matrix, _ = drawn()
    rare = np.zeros(len(y))
    rare[:3] = y[:3] = 1
    found = logistic.fit(y, np.column_stack([matrix, rare]))
    assert found.converged and found.fitted[:3].min() > 1 - 1e-9
    assert found.fitted[3:] == pytest.approx(logistic.fit(y[3:], matrix[3:]).fitted, abs=1e-8)
    with pytest.raises(ValueError, match="perfectly"):
        logistic.chances(y, np.column_stack([matrix, rare]))
