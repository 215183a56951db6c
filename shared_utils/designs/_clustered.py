"""CR2 standard errors with Satterthwaite degrees of freedom, and the intraclass correlation.

Bell and McCaffrey (2002, Bias reduction in standard errors for linear regression with multi-stage samples,
Survey Methodology 28(2)) as in Pustejovsky and Tipton (2018, Small-sample methods for cluster-robust
variance estimation and hypothesis testing in fixed effects models, JBES 36(4)) with the
identity working model:

    V = M (sum_g X_g' A_g e_g e_g' A_g X_g) M,   M = (X'X)^-1,   A_g = (I - X_g M X_g')^(-1/2)
    df = (sum_g p_g'p_g)^2 / sum_gh (p_g'p_h)^2,  p_g = (I - H)_g' A_g X_g M c   for the coefficient c picks

A_g is the Moore-Penrose root: directions a cluster fits exactly (its own fixed effect) count for nothing.
"""

import numpy as np

from shared_utils.designs._regression import orthonormal


def cr2(y: np.ndarray, matrix: np.ndarray, clusters: np.ndarray, position: int) -> tuple[float, float, float]:
    """Return (coefficient, CR2 standard error, Satterthwaite df) of column `position`; columns
    independent.
    """
    bread = np.linalg.inv(matrix.T @ matrix)
    coefficients = bread @ matrix.T @ y
    errors = y - matrix @ coefficients
    root = np.linalg.cholesky(bread)
    loadings, squares, scores = [], [], []
    for cluster in np.unique(clusters):
        rows = clusters == cluster
        part = matrix[rows]
        left, singular, _ = np.linalg.svd(part @ root, full_matrices=False)
        rest = 1 - singular**2  # eigenvalues of I - X_g M X_g' in the directions X_g reaches
        inverse_root = np.where(rest > 1e-10, 1 / np.sqrt(np.where(rest > 1e-10, rest, 1)), 0.0)
        direction = part @ bread[:, position]
        adjusted = direction + left @ ((inverse_root - 1) * (left.T @ direction))
        scores.append(adjusted @ errors[rows])
        squares.append(adjusted @ adjusted)
        loadings.append(part.T @ adjusted)
    loadings = np.array(loadings)
    products = np.diag(squares) - loadings @ bread @ loadings.T  # p_g'p_h
    df = np.trace(products) ** 2 / (products**2).sum()
    return float(coefficients[position]), float(np.sqrt(np.sum(np.square(scores)))), float(df)


def icc(y: np.ndarray, fixed: np.ndarray, clusters: np.ndarray) -> float:
    """Return the share of the variance left by `fixed` that lies between clusters (0 when negative).

    Analysis of variance estimate (Henderson 1953, method III): the sum of squares that cluster indicators
    take from the residuals of `fixed` is (its df) s2_e + trace(Z'MZ) s2_c.
    """
    indicators = (clusters[:, None] == np.unique(clusters)[None, :]).astype(float)
    fixed_basis = orthonormal(fixed)[0]
    basis = orthonormal(np.column_stack([fixed, indicators]))[0]
    df_between, df_within = basis.shape[1] - fixed_basis.shape[1], len(y) - basis.shape[1]
    if df_between < 1 or df_within < 1:
        return float("nan")

    def leftover(values, space):
        return np.sum((values - space @ (space.T @ values)) ** 2)

    within = leftover(y, basis) / df_within
    between = leftover(y, fixed_basis) - within * df_within
    variance = max((between - df_between * within) / leftover(indicators, fixed_basis), 0.0)
    return float(variance / (variance + within)) if variance + within > 0 else float("nan")
