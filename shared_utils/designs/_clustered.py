"""Cluster-robust standard errors with small-sample degrees of freedom, a joint test, and the intraclass correlation.

CR2: Bell and McCaffrey (2002, Bias reduction in standard errors for linear regression with multi-stage samples,
Survey Methodology 28(2)) as in Pustejovsky and Tipton (2018, Small-sample methods for cluster-robust
variance estimation and hypothesis testing in fixed effects models, JBES 36(4)) with the
identity working model:

    V = M (sum_g X_g' A_g e_g e_g' A_g X_g) M,   M = (X'X)^-1,   A_g = (I - X_g M X_g')^(-1/2)
    df = (sum_g p_g'p_g)^2 / sum_gh (p_g'p_h)^2,  p_g = (I - H)_g' A_g X_g M c   for the coefficient c picks

A_g is the Moore-Penrose root: directions a cluster fits exactly (its own fixed effect) count for nothing. With X = QR
and Q_g'Q_g = W diag(s) W', A_g Q_g = Q_g W diag((1 - s)^(-1/2)) W': small matrices of all clusters at once are enough.
AHT: their approximate Hotelling test of several coefficients at once (section 3.2), the t test's equal for one.
CR1 and CR3 by statsmodels: the usual small-sample factor, and the leave-one-cluster-out jackknife (MacKinnon, Nielsen
and Webb 2023, Cluster-robust inference: a guide to empirical practice, J. Econometrics 232(2)), both with t(G - 1).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import linalg, stats

from shared_utils.designs._errors import DesignError
from shared_utils.designs._regression import orthonormal

CHUNK = 4_000_000  # numbers held at once
LIBRARY = {"CR1": "cluster", "CR3": "cluster-crv3"}


@dataclass(frozen=True)
class JointTest:
    """F with df_num and df_den degrees of freedom, and the p of all coefficients being 0."""

    f: float
    df_num: int
    df_den: float
    p: float


def clustered(y, matrix, clusters, position: int, se: str) -> tuple[float, float, float]:
    """Return (coefficient, standard error, df) of column `position`; se is CR1, CR2 or CR3; columns independent."""
    if se == "CR2":
        return cr2(y, matrix, clusters, position)
    from statsmodels.regression.linear_model import OLS  # takes seconds to import, and CR2 does not need it

    try:
        fit = OLS(y, matrix).fit(cov_type=LIBRARY[se], cov_kwds={"groups": clusters}, use_t=True)
    except ValueError as problem:  # CR3: without one of the clusters a column is determined by the others
        raise DesignError(
            f"{se} cannot be computed: {problem}", "Use CR2, or leave out what varies in a single cluster only."
        ) from None
    return float(fit.params[position]), float(fit.bse[position]), float(len(np.unique(clusters)) - 1)


def cr2(y: np.ndarray, matrix: np.ndarray, clusters: np.ndarray, position: int) -> tuple[float, float, float]:
    """Return (coefficient, CR2 standard error, Satterthwaite df) of column `position`; columns
    independent.
    """
    value, covariance, df = _cr2(y, matrix, clusters, [position])
    return float(value[0]), float(np.sqrt(covariance[0, 0])), df


def joint_test(y: np.ndarray, matrix: np.ndarray, clusters: np.ndarray, positions: list[int]) -> JointTest:
    """Return the AHT test that the coefficients of the columns `positions` are all 0; columns independent.

    For one column it is the CR2 t test with Satterthwaite df. Raises DesignError when the clusters are too few for so
    many coefficients at once.
    """
    q = len(positions)
    value, covariance, df = _cr2(y, matrix, clusters, positions)
    left = df - q + 1
    if left <= 0 or np.linalg.matrix_rank(covariance) < q:
        n = len(np.unique(clusters))
        raise DesignError(
            f"A joint test of {q} coefficients has no degrees of freedom left with {n} clusters.",
            "Test fewer coefficients at once.",
        )
    f = float(left / (df * q) * value @ np.linalg.solve(covariance, value))
    return JointTest(f, q, left, float(stats.f.sf(f, q, left)))


def _cr2(y, matrix, clusters, positions) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the coefficients at `positions`, their CR2 covariance and its Wishart degrees of freedom.

    With q coefficients the moments of p_g'p_h (q x q) are those of section 3.2: scaled so that their sum over g = h
    is the identity, df = q (q + 1) / sum_gh [trace(p_g'p_h)^2 + trace(p_g'p_h p_g'p_h)]. They are summed without
    forming them: p_g'p_h = [g = h] S_g - L_g'L_h with L_g = Q_g'A_g X_g M c, so the sums need only S_g and
    Z = sum_g L_g L_g'.
    """
    basis, triangle = linalg.qr(matrix, mode="economic", check_finite=False)
    params = linalg.solve_triangular(triangle, basis.T @ y)
    towards = linalg.solve_triangular(triangle, np.eye(len(params))[:, positions], trans="T")  # X M c = Q towards
    parts = [_turned(*sums, towards) for sums in _sums(basis, y - matrix @ params, clusters)]
    scores, squares, loadings = (np.concatenate(part) for part in zip(*parts, strict=True))
    inner = np.einsum("gis,git->gst", loadings, loadings)
    values, vectors = np.linalg.eigh((squares - inner).sum(axis=0))
    if values[0] <= 1e-10 * (towards**2).sum():
        raise DesignError(
            "The clusters' own effects explain everything that could vary, so no clustered error can be computed.",
            "Use fewer covariates or strata, or check the cluster column.",
        )
    scale = vectors / np.sqrt(values) @ vectors.T  # the inverse symmetric root
    squares, inner, loadings = scale @ squares @ scale, scale @ inner @ scale, loadings @ scale
    crossed = np.einsum("gis,gjt->stij", loadings, loadings, optimize=True)  # Z_st
    moments = (
        (np.einsum("gss->g", squares) ** 2).sum()
        + np.einsum("gst,gts->", squares, squares)
        - 2 * np.einsum("gss,gtt->", squares, inner)
        - 2 * np.einsum("gst,gts->", squares, inner)
        + np.einsum("stij,stji->", crossed, crossed.transpose(1, 0, 2, 3))
        + np.einsum("stij,stji->", crossed, crossed)
    )
    q = len(positions)
    return params[positions], scores.T @ scores, float(q * (q + 1) / moments)


def _sums(basis: np.ndarray, errors: np.ndarray, clusters: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (Q_g'Q_g, Q_g'e_g) of some clusters at a time, shapes (clusters, k, k) and (clusters, k)."""
    order, starts = grouped(clusters)
    columns, k = basis[order].T.copy(), basis.shape[1]
    ends = [*starts[1:], len(order)]
    for some in np.array_split(np.arange(len(starts)), max(1, len(starts) * k * k // CHUNK)):
        first, last = starts[some[0]], ends[some[-1]]
        part, at = columns[:, first:last], starts[some] - first
        products = np.empty((len(some), k, k))
        for j in range(k):
            products[:, j, j:] = np.add.reduceat(part[j:] * part[j], at, axis=1).T
            products[:, j:, j] = products[:, j, j:]
        yield products, np.add.reduceat(part * errors[order[first:last]], at, axis=1).T


def _turned(products, sums, towards) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (c'M X_g'A_g e_g, S_g, L_g) of each cluster, from its Q_g'Q_g and Q_g'e_g."""
    taken, directions = np.linalg.eigh(products)
    rest = 1 - taken  # eigenvalues of I - X_g M X_g' in the directions X_g reaches
    inverse_root = np.where(rest > 1e-10, 1 / np.sqrt(np.where(rest > 1e-10, rest, 1)), 0.0)
    adjusted = directions @ (inverse_root[:, :, None] * (directions.transpose(0, 2, 1) @ towards))  # Q_g of it: p_g
    loadings = products @ adjusted
    return np.einsum("gis,gi->gs", adjusted, sums), adjusted.transpose(0, 2, 1) @ loadings, loadings


def grouped(clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (order that puts the rows of each cluster together, clusters sorted; where each begins in it)."""
    order = np.argsort(clusters, kind="stable")
    return order, np.r_[0, np.flatnonzero(np.diff(clusters[order])) + 1]


def members(clusters: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the positions of each cluster's rows, clusters in sorted order."""
    order, starts = grouped(clusters)
    yield from np.split(order, starts[1:])


def icc(y: np.ndarray, fixed: np.ndarray, clusters: np.ndarray) -> float:
    """Return the share of the variance left by `fixed` that lies between clusters (0 when negative).

    Analysis of variance estimate (Henderson 1953, method III): the sum of squares that cluster indicators
    take from the residuals of `fixed` is (its df) s2_e + trace(Z'MZ) s2_c.
    """
    code = np.unique(clusters, return_inverse=True)[1]

    def sums(table):
        return np.column_stack([np.bincount(code, weights=column) for column in table.T])

    def centred(table):
        return table - (sums(table) / np.bincount(code)[:, None])[code]

    def leftover(values, space):
        return np.sum((values - space @ (space.T @ values)) ** 2)

    basis, inside = orthonormal(fixed)[0], orthonormal(centred(fixed))[0]
    df_within = len(y) - code.max() - 1 - inside.shape[1]
    df_between = len(y) - basis.shape[1] - df_within
    if df_between < 1 or df_within < 1:
        return float("nan")
    within = leftover(centred(y[:, None])[:, 0], inside) / df_within
    between = leftover(y, basis) - within * df_within
    variance = max((between - df_between * within) / (len(y) - np.sum(sums(basis) ** 2)), 0.0)
    return float(variance / (variance + within)) if variance + within > 0 else float("nan")
