"""Linear model with a random intercept a cluster, by restricted maximum likelihood.

Laird and Ware (1982, Random-effects models for longitudinal data, Biometrics 38(4)). With one random intercept the
likelihood has one unknown, theta = cluster variance over person variance, and a search over it cannot fail to
converge, not even where theta is 0 (statsmodels' MixedLM gives no standard error there; the tests compare the two
elsewhere). Degrees of freedom: clusters less the columns that vary between clusters only (between-within; Leyrat et
al. 2018, Cluster randomized trials with a small number of clusters: which analyses should be used?, Int. J.
Epidemiology 47(1)).
"""

import numpy as np
from scipy import optimize


def random_intercept(y, matrix, clusters, position: int) -> tuple[float, float, float]:
    """Return (coefficient, standard error, df) of column `position`, constant within clusters; columns independent."""
    code, n = np.unique(clusters, return_inverse=True, return_counts=True)[1:]
    full = np.column_stack([matrix, y])
    cross, sums = full.T @ full, np.column_stack([np.bincount(code, weights=column) for column in full.T])
    free = len(y) - matrix.shape[1]

    def products(theta):  # (X, y)'V^-1(X, y), V = I + theta J within a cluster
        return cross - (sums * (theta / (1 + theta * n))[:, None]).T @ sums

    def deviance(share):
        theta = share / (1 - share)
        p = products(theta)
        rest = p[-1, -1] - p[-1, :-1] @ np.linalg.solve(p[:-1, :-1], p[:-1, -1])
        return free * np.log(rest) + np.log1p(theta * n).sum() + np.linalg.slogdet(p[:-1, :-1])[1]

    share = optimize.minimize_scalar(deviance, bounds=(0.0, 1 - 1e-6), method="bounded", options={"xatol": 1e-10}).x
    share = share if deviance(share) < deviance(0.0) else 0.0
    p = products(share / (1 - share))
    bread = np.linalg.inv(p[:-1, :-1])
    params = bread @ p[:-1, -1]
    variance = (p[-1, -1] - p[-1, :-1] @ params) / free * bread[position, position]
    constant = np.isclose(matrix, (sums[:, :-1] / n[:, None])[code]).all(axis=0)
    return float(params[position]), float(np.sqrt(variance)), float(len(n) - constant.sum())
