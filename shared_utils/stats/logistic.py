"""Logistic regression that says when it has no answer."""

import warnings

import numpy as np


def tellable(y, table) -> np.ndarray:
    """Return which columns of `table` (n, k) can have a coefficient: shape (k,), True or False.

    A rare category all of whose members (or all others) have the same 0/1 outcome would need an infinite one. Left
    out, its members count with the reference category.
    """
    y, keep = np.asarray(y), np.ones(table.shape[1], bool)
    for j, column in enumerate(table.T):
        values = np.unique(column)
        keep[j] = len(values) > 2 or all(np.ptp(y[column == value]) > 0 for value in values)
    return keep


def chances(y, matrix, weights=None) -> tuple[np.ndarray, np.ndarray]:
    """Return (coefficients, fitted chances) of a 0/1 outcome on the columns of `matrix`, by maximum likelihood.

    Raises ValueError when some rows can be told apart perfectly, because then no finite estimate exists.
    """
    from statsmodels.genmod.families import Binomial  # takes seconds to import, and few analyses need it
    from statsmodels.genmod.generalized_linear_model import GLM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they warn of, separation, is looked for below
        fit = GLM(y, matrix, family=Binomial(), var_weights=weights).fit(tol=1e-10, rtol=1e-12, maxiter=100)
        fitted = np.asarray(fit.fittedvalues)
    if not fit.converged or np.minimum(fitted, 1 - fitted).min() < 1e-8:
        raise ValueError("The model predicts some rows perfectly, so it has no finite estimate: use fewer columns.")
    return np.asarray(fit.params), fitted
