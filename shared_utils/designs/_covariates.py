"""Covariates as complete numeric columns: text one-hot, missing values mean-imputed with an indicator.

The missing-indicator method is safe for randomised designs, where it only adds baseline columns (Zhao and Ding
2022, To Adjust or not to Adjust? Estimating the Average Treatment Effect in Randomized Experiments with Missing
Covariates, JASA). In observational designs it assumes that people with a missing value are comparable given the
rest; the note in the result says how many there were.
"""

import re
from math import fsum

import numpy as np
import pandas as pd

from shared_utils.designs._errors import DesignError, no_column

MAX_LEVELS = 50
KNOTS = (0.05, 0.35, 0.65, 0.95)  # Harrell 2015, Regression Modeling Strategies, table 2.3, four knots
SPLINE = re.compile(r"^spline\((.+)\)$")


def covariate_frame(frame: pd.DataFrame, names: list[str], kind: str, splines: bool):
    """Return (float frame without missing values, notes). Column order follows `names`."""
    columns, notes = {}, []
    for name in dict.fromkeys(names):
        spline = SPLINE.match(name)
        if spline and not splines:
            raise DesignError(f"Design {kind}: covariate '{name}': splines belong to observational_aipw.",
                              f"Use '{spline.group(1)}'.")
        source = spline.group(1).strip() if spline else name
        if source not in frame.columns:
            raise no_column(kind, "covariates", source, frame)
        series = frame[source]
        if _is_text(series):
            columns |= _one_hot(series, source, kind)
            continue
        values, missing = _filled(series, source, kind)
        if spline:
            columns |= _spline(values, source)
        else:
            columns[source] = values
        if missing.any():
            columns[f"{source} (missing)"] = missing.astype(float)
            notes.append(f"{source} missing for {int(missing.sum())}: mean used, with an indicator")
    table = pd.DataFrame(columns, index=range(len(frame)), dtype=float)
    return table.loc[:, table.nunique() > 1], list(dict.fromkeys(notes))


def _is_text(series: pd.Series) -> bool:
    if isinstance(series.dtype, pd.CategoricalDtype):
        return not pd.api.types.is_numeric_dtype(series.cat.categories)
    if series.dtype == object:
        return pd.api.types.infer_dtype(series, skipna=True) in ("string", "mixed", "mixed-integer")
    return pd.api.types.is_string_dtype(series.dtype)


def _one_hot(series: pd.Series, name: str, kind: str) -> dict[str, np.ndarray]:
    """Indicators of each level but the first; a missing value is a level of its own."""
    labels = series.astype("string").fillna("(missing)").to_numpy(dtype=str)
    levels = sorted(set(labels))
    if len(levels) > MAX_LEVELS:
        raise DesignError(f"Design {kind}: covariate '{name}' has {len(levels)} different values and looks like an "
                          "identifier.", "Group its values, or take it off the list.")
    return {f"{name}={level}": (labels == level).astype(float) for level in levels[1:]}


def _filled(series: pd.Series, name: str, kind: str):
    if pd.api.types.is_datetime64_any_dtype(series) or isinstance(series.dtype, pd.PeriodDtype):
        raise DesignError(f"Design {kind}: covariate '{name}' holds dates.",
                          "Give it as a number, for example months since the first intake.")
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    values = pd.to_numeric(series).to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(values).any():
        raise DesignError(f"Design {kind}: covariate '{name}' holds infinite values.", "Leave them empty instead.")
    missing = np.isnan(values)
    if missing.all():
        raise DesignError(f"Design {kind}: covariate '{name}' is empty in every analysed row.",
                          "Take it off the list, or check its source.")
    # fsum: the mean must not depend on the order of the rows, not even in the last bit
    return np.where(missing, fsum(values[~missing]) / (~missing).sum(), values), missing


def _spline(values: np.ndarray, name: str) -> dict[str, np.ndarray]:
    """Natural cubic spline of Harrell (2015, section 2.4.5): linear beyond the outer knots."""
    knots = np.unique(np.quantile(values, KNOTS))
    columns = {name: values}
    if len(knots) < 3:
        return columns
    scale = (knots[-1] - knots[0]) ** 2

    def cube(knot):
        return np.clip(values - knot, 0, None) ** 3

    last, before = knots[-1], knots[-2]
    for i, knot in enumerate(knots[:-2], start=1):
        tail = cube(before) * (last - knot) - cube(last) * (before - knot)
        columns[f"spline({name}) {i}"] = (cube(knot) - tail / (last - before)) / scale
    return columns
