"""Least squares for assigned groups: the design matrix, covariate adjustment and the robust covariance.

The matrix is built with numpy, never with a formula: patsy formulas look into the caller's variables, and a
notebook variable called C, I or Q breaks them. One QR decomposition gives the rank, the coefficients, the
leverages and the HC covariance (statsmodels would decompose the matrix anew for each; the tests compare the two).

Adjustment (Lin 2013, Agnostic notes on regression adjustments to experimental data, Annals of Applied
Statistics 7(1)): `lin` centres covariates and strata and lets their slopes differ by group; `ancova` gives
them one slope; `none` leaves them out but keeps the strata, because the draw was made within them.
HC2 needs every cell to hold at least two people of each group, so a stratum or category too small for that
enters without an interaction and the note says so.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg

from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs

MIN_STRATUM, MIN_CATEGORY = 2, 5  # people of each group below which a cell gets no slope of its own
TINY = 1e-9
SAME = 1e-7  # a column whose part outside the earlier ones is this share of its length adds nothing


@dataclass(frozen=True)
class LeastSquares:
    """Least squares by W^(1/2) X = QR: `params`, the weighted `errors` and the `leverage` of each row.

    se is HC0, HC1, HC2 or HC3 (MacKinnon and White 1985, J. Econometrics 29(3)).
    """

    params: np.ndarray
    errors: np.ndarray
    leverage: np.ndarray
    q: np.ndarray
    r: np.ndarray
    se: str

    @property
    def df_resid(self) -> int:
        return len(self.errors) - len(self.params)

    @cached_property
    def covariance(self) -> np.ndarray:
        """The robust covariance of `params`, shape (k, k)."""
        n = len(self.errors)
        square = {
            "HC0": lambda: self.errors**2,
            "HC1": lambda: self.errors**2 * n / self.df_resid,
            "HC2": lambda: self.errors**2 / (1 - self.leverage),
            "HC3": lambda: (self.errors / (1 - self.leverage)) ** 2,
        }[self.se]()
        half = linalg.solve_triangular(self.r, self.q.T @ (self.q * square[:, None]))
        return linalg.solve_triangular(self.r, half.T)


def least_squares(y: np.ndarray, matrix: np.ndarray, weights: np.ndarray | None, se: str) -> LeastSquares:
    """Fit y on the columns of `matrix`, leaving out those that earlier ones already determine."""
    root = 1.0 if weights is None else np.sqrt(weights)
    y, matrix = y * root, matrix if weights is None else matrix * root[:, None]
    q, r = linalg.qr(matrix, mode="economic", check_finite=False)
    if not _independent(r):
        matrix = independent(matrix)
        q, r = linalg.qr(matrix, mode="economic", check_finite=False)
    params = linalg.solve_triangular(r, q.T @ y)
    return LeastSquares(params, y - matrix @ params, np.einsum("ij,ij->i", q, q), q, r, se)


@dataclass(frozen=True)
class Adjusted:
    """A fitted regression, the position of each group's coefficient and what was done, in words."""

    fit: LeastSquares
    position: dict[str, int]
    method: str
    note: str

    @property
    def df(self) -> float:
        return float(self.fit.df_resid)

    def value(self, name: str) -> float:
        return float(self.fit.params[self.position[name]])

    def se(self, name: str) -> float:
        return float(np.sqrt(self.fit.covariance[self.position[name], self.position[name]]))

    def difference(self, name: str, other: str) -> tuple[float, float]:
        """Return the coefficient of `name` minus that of `other`, and its standard error."""
        contrast = np.zeros(len(self.fit.params))
        contrast[self.position[name]], contrast[self.position[other]] = 1, -1
        variance = contrast @ self.fit.covariance @ contrast
        return float(contrast @ self.fit.params), float(np.sqrt(variance))


def adjusted(
    inputs: Inputs, groups: dict[str, np.ndarray], adjustment: str, se: str, covariates: bool = True
) -> Adjusted:
    """Regress the outcome on group indicators with the given adjustment and HC standard errors.

    groups: name -> 0/1 array of each group compared with the left-out one.
    If some row could only be fitted exactly (leverage 1) while it moves a group's coefficient, HC2 is
    undefined: the next simpler adjustment is used and the note says so. Raises DesignError when none is left.
    """
    weights = inputs.weights
    use_covariates = covariates and adjustment != "none" and inputs.covariates.shape[1] > 0
    table = inputs.covariates.to_numpy() if use_covariates else np.empty((len(inputs.y), 0))
    first = "ancova" if adjustment == "ancova" else "lin"
    chain = ("lin", "ancova", "none") if first == "lin" else ("ancova", "none")
    for kind in chain:
        matrix, interacted, left_out = _matrix(
            inputs, groups, table if kind != "none" else table[:, :0], kind == "lin", weights
        )
        fit = least_squares(inputs.y, matrix, weights, se)
        exact, matters = _exact_rows(fit, len(groups))
        if not matters:
            break
    else:
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': a group's mean rests on a single row once strata "
            "are allowed for, or no degrees of freedom are left, so no standard error can be computed.",
            "Use fewer strata, or wait until more outcomes are recorded.",
        )
    if exact.any():  # they have a coefficient of their own; HC2 would divide nought by nought
        fit = least_squares(inputs.y[~exact], matrix[~exact], None if weights is None else weights[~exact], se)
    notes = [left_out] if left_out else []
    if kind != first:
        notes.append(f"too few rows for the {first} adjustment: {kind} used")
    words = _words(use_covariates and kind != "none", inputs.strata is not None, interacted)
    return Adjusted(fit, {name: 1 + i for i, name in enumerate(groups)}, f"{words}, {se}, t", "; ".join(notes))


def _words(covariates: bool, strata: bool, interacted: set) -> str:
    if covariates:
        return (
            "OLS, covariates centred and interacted (Lin)"
            if "covariates" in interacted
            else "OLS with covariates (ANCOVA)"
        )
    if not strata:
        return "difference in means"
    return (
        "difference in means within strata, weighted by stratum size"
        if "strata" in interacted
        else "OLS with stratum effects"
    )


def _matrix(inputs, groups, covariates, interact, weights):
    """Intercept, groups, centred strata and covariates, and their interactions where the cells allow."""
    membership = [*groups.values(), 1 - np.clip(sum(groups.values()), 0, 1)]
    blocks = (
        ("strata", strata_dummies(inputs.strata, len(inputs.y)), _strata_allow(inputs.strata, membership)),
        ("covariates", covariates, True),
    )
    columns, products, interacted, notes = [np.ones(len(inputs.y)), *groups.values()], [], set(), []
    for name, block, allowed in blocks:
        slopes = [interact and allowed and (name == "strata" or _cells_allow(column, membership)) for column in block.T]
        if any(slopes):
            interacted.add(name)
        if interact and not all(slopes):
            notes.append(f"{len(slopes) - sum(slopes)} {name} column(s) not interacted: too few people in a cell")
        for column, slope in zip(block.T, slopes, strict=True):
            centred = column - np.average(column, weights=weights)
            columns.append(centred)
            products += [group * centred for group in groups.values()] if slope else []
    return np.vstack([*columns, *products]).T, interacted, "; ".join(notes)  # columns lie together, as QR wants them


def _strata_allow(strata, membership) -> bool:
    """True when every stratum holds at least two people of every group."""
    if strata is None:
        return False
    present = np.unique(strata)
    return all(
        np.bincount(strata[group == 1], minlength=strata.max() + 1)[present].min() >= MIN_STRATUM
        for group in membership
    )


def _cells_allow(column, membership) -> bool:
    low, high = column == column.min(), column == column.max()
    if not (low | high).all():
        return True
    return all(np.count_nonzero((group == 1) & half) >= MIN_CATEGORY for group in membership for half in (low, high))


def strata_dummies(strata, n: int) -> np.ndarray:
    """Indicators of each stratum but the first, shape (n, strata - 1); no columns without strata."""
    if strata is None:
        return np.empty((n, 0))
    return (strata[:, None] == np.unique(strata)[None, 1:]).astype(float)


def independent(matrix: np.ndarray) -> np.ndarray:
    """Return the matrix without columns that earlier ones already determine."""
    return matrix[:, independent_columns(matrix)]


def independent_columns(matrix: np.ndarray) -> list[int]:
    """Return the positions of columns that earlier ones do not determine."""
    r = np.linalg.qr(matrix, mode="r")
    return list(range(r.shape[1])) if _independent(r) else orthonormal(matrix)[1]


def _independent(r: np.ndarray) -> bool:
    """Return whether `r`, of a QR decomposition, shows no column that earlier ones determine."""
    return r.shape[0] == r.shape[1] and bool((np.abs(np.diag(r)) > SAME * np.linalg.norm(r, axis=0)).all())


def orthonormal(matrix: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Return (orthonormal basis of the columns, positions of those that added to it); Gram-Schmidt, twice."""
    basis = np.zeros((matrix.shape[0], min(matrix.shape)), order="F")
    keep = []
    for j, column in enumerate(matrix.T):
        length = np.linalg.norm(column)
        if length == 0 or len(keep) == basis.shape[1]:
            continue
        rest, known = column / length, basis[:, : len(keep)]
        for _ in range(2):
            rest = rest - known @ (known.T @ rest)
        if np.linalg.norm(rest) > SAME:
            basis[:, len(keep)] = rest / np.linalg.norm(rest)
            keep.append(j)
    return basis[:, : len(keep)], keep


def _exact_rows(fit, n_groups: int) -> tuple[np.ndarray, bool]:
    """Return (rows with leverage 1, whether they move a group coefficient or no degree of freedom is
    left).
    """
    exact = fit.leverage > 1 - TINY
    if fit.df_resid < 1:
        return exact, True
    influence = linalg.solve_triangular(fit.r, fit.q[exact].T)[1 : 1 + n_groups]
    return exact, bool(np.abs(influence).max(initial=0) > TINY)
