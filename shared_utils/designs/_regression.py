"""Least squares for assigned groups: the design matrix, covariate adjustment and the robust covariance.

The matrix is built with numpy, never with a formula: patsy formulas look into the caller's variables, and a
notebook variable called C, I or Q breaks them. statsmodels does the fitting and the HC covariance.

Adjustment (Lin 2013, Agnostic notes on regression adjustments to experimental data, Annals of Applied Statistics
7(1)): `lin` centres covariates and strata and lets their slopes differ by group; `ancova` gives them one slope;
`none` leaves them out but keeps the strata, because the draw was made within them.
HC2 needs every cell to hold at least two people of each group, so a stratum or category too small for that enters
without an interaction and the note says so.
"""

from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm

from shared_utils.designs._inputs import Inputs

MIN_STRATUM, MIN_CATEGORY = 2, 5  # people of each group below which a cell gets no slope of its own
TINY = 1e-9


@dataclass(frozen=True)
class Adjusted:
    """A fitted regression, the position of each group's coefficient and what was done, in words."""

    fit: object
    position: dict[str, int]
    method: str
    note: str

    @property
    def df(self) -> float:
        return float(self.fit.df_resid)

    def value(self, name: str) -> float:
        return float(self.fit.params[self.position[name]])

    def se(self, name: str) -> float:
        return float(np.sqrt(self.fit.cov_params()[self.position[name], self.position[name]]))

    def difference(self, name: str, other: str) -> tuple[float, float]:
        """Return the coefficient of `name` minus that of `other`, and its standard error."""
        contrast = np.zeros(len(self.fit.params))
        contrast[self.position[name]], contrast[self.position[other]] = 1, -1
        variance = contrast @ self.fit.cov_params() @ contrast
        return float(contrast @ self.fit.params), float(np.sqrt(variance))


def adjusted(inputs: Inputs, groups: dict[str, np.ndarray], adjustment: str, se: str,
             covariates: bool = True) -> Adjusted:
    """Regress the outcome on group indicators with the given adjustment and HC standard errors.

    groups: name -> 0/1 array of each group compared with the left-out one.
    If some row could only be fitted exactly (leverage 1) while it moves a group's coefficient, HC2 is undefined:
    the next simpler adjustment is used and the note says so.
    """
    weights = np.ones(len(inputs.y)) if inputs.weights is None else inputs.weights
    plain = adjustment == "none" or not covariates
    table = np.empty((len(inputs.y), 0)) if plain else inputs.covariates.to_numpy()
    chain = {"lin": ("lin", "ancova", "none"), "ancova": ("ancova", "none"), "none": ("none",)}[
        "lin" if adjustment == "none" and inputs.strata is not None else adjustment]
    for kind in chain:
        matrix, left_out = _matrix(inputs, groups, table if kind != "none" else table[:, :0], kind == "lin", weights)
        matrix = independent(matrix)
        fit = sm.WLS(inputs.y, matrix, weights=weights).fit(cov_type=se, use_t=True)
        if not _exact_rows_matter(fit, len(groups)):
            break
    notes = [left_out] if left_out else []
    if kind != chain[0]:
        notes.append(f"too few rows for the {chain[0]} adjustment: {kind} used")
    position = {name: 1 + i for i, name in enumerate(groups)}
    return Adjusted(fit, position, f"{_words(kind, table.shape[1], inputs.strata is not None)}, {se}, t",
                    "; ".join(notes))


def _words(kind: str, n_covariates: int, strata: bool) -> str:
    if not strata and (kind == "none" or n_covariates == 0):
        return "difference in means"
    if kind == "lin":
        return "OLS, centred covariates and strata interacted (Lin)" if n_covariates else \
            "difference in means within strata, weighted by stratum size"
    return "OLS with covariates (ANCOVA)" if n_covariates and kind == "ancova" else "OLS with strata effects"


def _matrix(inputs, groups, covariates, interact, weights):
    """Intercept, groups, centred strata and covariates, and their interactions where the cells allow."""
    strata = strata_dummies(inputs.strata, len(inputs.y))
    columns = [np.ones(len(inputs.y)), *groups.values()]
    interacted, left_out = [], 0
    membership = [*groups.values(), 1 - np.clip(sum(groups.values()), 0, 1)]
    strata_allow = inputs.strata is not None and all(
        np.bincount(inputs.strata[group == 1], minlength=inputs.strata.max() + 1)[np.unique(inputs.strata)].min()
        >= MIN_STRATUM for group in membership)
    for block, is_strata in ((strata, True), (covariates, False)):
        centred = block - np.average(block, axis=0, weights=weights) if block.shape[1] else block
        columns += list(centred.T)
        for raw, column in zip(block.T, centred.T, strict=True):
            allowed = strata_allow if is_strata else _cells_allow(raw, membership)
            if interact and allowed:
                interacted += [group * column for group in groups.values()]
            else:
                left_out += interact
    note = f"{left_out} strata or covariate interaction(s) left out: too few people in a cell" if left_out else ""
    return np.column_stack([*columns, *interacted]), note


def _cells_allow(column, membership) -> bool:
    if len(np.unique(column)) > 2:
        return True
    return all(min((group == 1) @ (column == value) for value in np.unique(column)) >= MIN_CATEGORY
               for group in membership)


def strata_dummies(strata, n: int) -> np.ndarray:
    """Indicators of each stratum but the first, shape (n, strata - 1); no columns without strata."""
    if strata is None:
        return np.empty((n, 0))
    return (strata[:, None] == np.unique(strata)[None, 1:]).astype(float)


def independent(matrix: np.ndarray) -> np.ndarray:
    """Return the matrix without columns that earlier ones already determine (Gram-Schmidt, twice)."""
    basis = np.empty((len(matrix), 0))
    keep = []
    for j, column in enumerate(matrix.T):
        length = np.linalg.norm(column)
        if length == 0:
            continue
        rest = column / length
        for _ in range(2):
            rest = rest - basis @ (basis.T @ rest)
        if np.linalg.norm(rest) > 1e-7:
            keep.append(j)
            basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
    return matrix[:, keep]


def _exact_rows_matter(fit, n_groups: int) -> bool:
    """True when a row with leverage 1 moves a group coefficient, or no degree of freedom is left."""
    if fit.df_resid < 1:
        return True
    whitened = fit.model.wexog
    influence = np.linalg.pinv(whitened)
    exact = np.einsum("ij,ji->i", whitened, influence) > 1 - TINY
    return bool(np.abs(influence[1:1 + n_groups, exact]).max(initial=0) > TINY)
