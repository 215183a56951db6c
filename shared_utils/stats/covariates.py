"""Covariates as complete numeric columns: text one-hot, missing values mean-imputed with an indicator.

The missing-indicator method is safe for randomised designs, where it only adds baseline columns (Zhao and
Ding 2024, To adjust or not to adjust? Estimating the average treatment effect in randomized experiments
with missing covariates, JASA 119). In observational designs it assumes that people with a missing value are
comparable given the rest; the notes say how many there were.
"""

import re
from math import fsum

import numpy as np
import pandas as pd

from shared_utils.errors import EmiError, nearest

MAX_LEVELS = 50
KNOTS = (0.05, 0.35, 0.65, 0.95)  # Harrell 2015, Regression Modeling Strategies, table 2.3, four knots
SPLINE = re.compile(r"^spline\((.+)\)$")
MISSING = pd.Index(["(missing)"], dtype="string")


class CovariateError(EmiError):
    """A covariate that cannot be used as it is, in words."""


def numeric_columns(frame: pd.DataFrame, names: list[str], splines: bool = False, rows=slice(None)):
    """Return (float frame without missing values or constant columns, notes). Column order follows `names`.

    A name may be spline(x) when `splines`: a natural cubic spline with four knots. `rows` is a mask of the rows to
    use, all by default: a frame of a million people is not copied for three columns. Raises CovariateError.
    """
    columns, notes = {}, []
    for name in dict.fromkeys(names):
        source, spline = covariate_sources([name])[0], bool(SPLINE.match(name))
        if spline and not splines:
            raise CovariateError(
                f"covariate '{name}': splines belong to observational_aipw and time_to_event", f"Use '{source}'."
            )
        if source not in frame.columns:
            raise CovariateError(
                f"covariate '{source}' is not in the table.{nearest(source, frame.columns)}",
                f"Columns: {', '.join(map(str, frame.columns[:40]))}.",
            )
        series = frame[source]
        if is_text(series):
            columns |= _one_hot(series[rows], source)
            continue
        values, missing = _filled(series, source, rows)
        columns |= _spline(values, source) if spline else {source: values}
        if missing.any():
            columns[f"{source} (missing)"] = missing.astype(float)
            notes.append(f"{source} missing for {int(missing.sum())}: mean used, with an indicator")
    columns = {key: values for key, values in columns.items() if values.min() != values.max()}
    table = np.empty((len(frame.index[rows]), len(columns)), order="F")
    for place, values in enumerate(columns.values()):
        table[:, place] = values
    return pd.DataFrame(table, columns=list(columns)), list(dict.fromkeys(notes))


def covariate_sources(names: list[str]) -> list[str]:
    """Return the columns that covariates are made of: x for spline(x)."""
    return [spline.group(1).strip() if (spline := SPLINE.match(name)) else name for name in names]


def is_text(series: pd.Series) -> bool:
    """Return whether a column holds words, whatever its dtype."""
    if isinstance(series.dtype, np.dtype) and series.dtype != object:
        return False
    if isinstance(series.dtype, pd.CategoricalDtype):
        return not pd.api.types.is_numeric_dtype(series.cat.categories)
    if series.dtype == object:
        return pd.api.types.infer_dtype(series, skipna=True) in ("string", "mixed", "mixed-integer")
    return pd.api.types.is_string_dtype(series.dtype)


def labels(series: pd.Series) -> np.ndarray:
    """Return a column as text; a missing value is the level "(missing)"."""
    return series.astype("string").fillna("(missing)").to_numpy(dtype=str)


def label_codes(series: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Return (codes, labels): a column as positions in its distinct texts, sorted; missing is "(missing)"."""
    codes, values = pd.factorize(series)
    texts = pd.Index(values).astype("string").append(MISSING if (codes < 0).any() else MISSING[:0])
    ranks, levels = pd.factorize(texts, sort=True)
    return ranks[codes], levels  # code -1, a missing value, reads the last rank


def _one_hot(series: pd.Series, name: str) -> dict[str, np.ndarray]:
    """Indicators of each level but the first."""
    codes, levels = label_codes(series)
    if len(levels) > MAX_LEVELS:
        raise CovariateError(
            f"covariate '{name}' has {len(levels)} different values and looks like an identifier",
            "Group its values, or take it off the list.",
        )
    return {f"{name}={level}": (codes == i).astype(float) for i, level in enumerate(levels) if i > 0}


def _floats(series: pd.Series, name: str) -> np.ndarray:
    """A column as floats, missing as NaN; dates are refused."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf":
        return series.to_numpy(dtype=float)
    if pd.api.types.is_datetime64_any_dtype(series) or isinstance(series.dtype, pd.PeriodDtype):
        raise CovariateError(
            f"covariate '{name}' holds dates",
            "Give it as a number, for example months since the first intake.",
        )
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    return pd.to_numeric(series).to_numpy(dtype=float, na_value=np.nan)


def _filled(series: pd.Series, name: str, rows):
    values = _floats(series, name)[rows]
    if np.isinf(values).any():
        raise CovariateError(f"covariate '{name}' holds infinite values", "Leave them empty instead.")
    missing = np.isnan(values)
    if not missing.any():
        return values, missing
    if missing.all():
        raise CovariateError(f"covariate '{name}' is empty in every row", "Take it off the list, or check its source.")
    # fsum: the mean must not depend on the order of the rows, not even in the last bit
    return np.where(missing, fsum(values[~missing]) / (~missing).sum(), values), missing


def _spline(values: np.ndarray, name: str) -> dict[str, np.ndarray]:
    """Natural cubic spline of Harrell (2015, section 2.4.5): linear beyond the outer knots."""
    knots = np.unique(np.quantile(values, KNOTS))
    columns = {name: values}
    if len(knots) < 3:
        return columns
    last, before, scale = knots[-1], knots[-2], (knots[-1] - knots[0]) ** 2

    def cube(knot):
        return np.clip(values - knot, 0, None) ** 3

    for i, knot in enumerate(knots[:-2], start=1):
        tail = cube(before) * (last - knot) - cube(last) * (before - knot)
        columns[f"spline({name}) {i}"] = (cube(knot) - tail / (last - before)) / scale
    return columns
