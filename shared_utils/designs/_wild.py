"""Wild cluster restricted bootstrap: p values and intervals for a coefficient with few clusters.

Cameron, Gelbach and Miller (2008, Bootstrap-based improvements for inference with clustered errors, REStat 90(3)) as
in Roodman, MacKinnon, Nielsen and Webb (2019, Fast and wild: bootstrap inference in Stata using boottest, Stata
Journal 19(1)). The residuals u of the fit with the coefficient held at b0 are multiplied by one random weight a
cluster; t is that of CR1. Both numerator and squared denominator of a bootstrap t are polynomials in b0, so that a
draw is made once and the test can be inverted into an interval without refitting:

    numerator = w'a,   a_g = h_g'u_g,   h = column of X (X'X)^-1 for the coefficient
    denominator^2 = sum_g (w_g a_g - r_g' sum_k w_k X_k'u_k)^2,   r_g = (X'X)^-1 X_g'h_g

Weights: Rademacher (-1, 1), all 2^G of them up to 12 clusters; Webb's six points (2023, Reworking wild bootstrap-based
inference for clustered errors, Canadian J. Econ. 56(3)), all 6^G up to 8 clusters. Above that DRAWS seeded draws. The
data as they are count as one draw and ties count half, so p is never 0: with all weights equal the bootstrap
t is the observed one, and with all signs turned its mirror image.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from shared_utils.designs._clustered import members

POINTS = {"rademacher": (-1.0, 1.0), "webb": tuple(s * np.sqrt(k / 2) for s in (-1, 1) for k in (1, 2, 3))}
EXACT = {"rademacher": 12, "webb": 8}  # clusters up to which every combination of weights is used
DRAWS = 9999
CHUNK = 200_000
TIE = 1e-8  # relative difference of squared t that rounding can make


@dataclass(frozen=True)
class Wild:
    """p(b0) for any b0: polynomials in b0 of the draws' numerators (n_0 - b0 n_1) and squared denominators.

    exact: every combination of weights was used; draws: how many.
    """

    value: float
    se: float
    numerators: np.ndarray
    denominators: np.ndarray
    exact: bool

    @property
    def draws(self) -> int:
        return self.numerators.shape[1]

    def p(self, b0: float = 0.0, alternative: str = "two-sided") -> float:
        """Return the p of the coefficient being b0."""
        top = self.numerators[0] - b0 * self.numerators[1]
        under = self.denominators[0] - 2 * b0 * self.denominators[1] + b0**2 * self.denominators[2]
        t = (self.value - b0) / self.se
        if alternative == "two-sided":
            drawn, limit = top**2, t**2 * under
        else:
            sign = 1 if alternative == "greater" else -1
            drawn, limit = sign * top * np.abs(top), sign * t * abs(t) * under
        tied = np.abs(drawn - limit) <= TIE * np.abs(limit)
        return float(((drawn > limit) & ~tied).mean() + tied.mean() / 2)

    def interval(self, level: float) -> tuple[float, float]:
        """Return the values around the estimate that the two-sided test does not reject; infinite if it never does."""
        return self._end(-1, 1 - level), self._end(1, 1 - level)

    def _end(self, side: int, alpha: float) -> float:
        inside, step = self.value, self.se
        while self.p(self.value + side * step) >= alpha:
            inside, step = self.value + side * step, 2 * step
            if step > 1e6 * self.se:
                return side * np.inf
        outside = self.value + side * step
        while abs(outside - inside) > 1e-5 * self.se:
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if self.p(middle) >= alpha else (inside, middle)
        return inside


def bootstrap(y, matrix, clusters, position: int, weights: str = "rademacher", seed: int = 0) -> Wild:
    """Return the bootstrap of column `position` of a least-squares fit; columns independent, clusters two or more."""
    parts = list(members(clusters))
    n, k, g = *matrix.shape, len(parts)
    bread = np.linalg.inv(matrix.T @ matrix)
    params = bread @ matrix.T @ y
    influence = matrix @ bread[:, position]
    rest = np.delete(matrix, position, axis=1)
    pair = np.column_stack([y, matrix[:, position]])
    errors = pair - rest @ np.linalg.lstsq(rest, pair, rcond=None)[0]  # u = errors[0] - b0 errors[1]
    own = np.array([influence[rows] @ errors[rows] for rows in parts])  # (g, 2)
    moments = np.array([matrix[rows].T @ errors[rows] for rows in parts])  # (g, k, 2)
    pull = np.array([matrix[rows].T @ influence[rows] for rows in parts]) @ bread  # (g, k)
    factor = g / (g - 1) * (n - 1) / (n - k)
    scores = np.array([influence[rows] @ (y - matrix @ params)[rows] for rows in parts])
    numerators, denominators = [], []
    for drawn in _weights(weights, g, seed):
        first, second = (drawn * own[:, i] - drawn @ moments[:, :, i] @ pull.T for i in (0, 1))
        numerators.append((drawn @ own).T)
        denominators.append([(first**2).sum(axis=1), (first * second).sum(axis=1), (second**2).sum(axis=1)])
    return Wild(
        value=float(params[position]),
        se=float(np.sqrt(factor * (scores**2).sum())),
        numerators=np.concatenate(numerators, axis=1),
        denominators=factor * np.concatenate(denominators, axis=1),
        exact=g <= EXACT[weights],
    )


def _weights(kind: str, clusters: int, seed: int):
    """Yield the weights of the draws in parts, shape (draws, clusters); the first draw is the data as they are."""
    points = np.array(POINTS[kind])
    if clusters <= EXACT[kind]:
        every = np.array(list(product(range(len(points)), repeat=min(clusters, 4))))
        for head in product(points, repeat=max(clusters - 4, 0)):
            yield np.column_stack([np.tile(head, (len(every), 1)), points[every]])
        return
    rng = np.random.default_rng(seed)
    yield np.ones((1, clusters))
    step = max(1, CHUNK // clusters)
    for start in range(0, DRAWS, step):
        yield rng.choice(points, size=(min(step, DRAWS - start), clusters))
