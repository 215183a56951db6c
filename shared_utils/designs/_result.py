"""One row an estimate, in the column order every reader relies on.

`value`, `se` and the interval are on the estimation scale (shares as proportions, log for Poisson). `df` is
empty where the reference distribution is the normal. `n_treated` and `n_comparison` count analysed rows, or
units where `n_clusters` counts units. `mean_comparison` is the mean outcome without the programme for the
people of the estimand, so that for linear designs mean_comparison + value is their mean with it.
"""

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs

FIRST = (
    "outcome",
    "estimand",
    "contrast",
    "value",
    "se",
    "df",
    "ci_low",
    "ci_high",
    "level",
    "p",
    "n",
    "n_clusters",
    "method",
)
ALWAYS = (
    *FIRST,
    "role",
    "mean_comparison",
    "n_treated",
    "n_comparison",
    "p_ri",
    "p_adjusted",
    "note",
    "n_missing",
)
COUNTS = ("n", "n_clusters", "n_treated", "n_comparison", "n_missing")
TEXT = ("outcome", "estimand", "contrast", "method", "role", "note")


def row(
    inputs: Inputs,
    *,
    estimand: str,
    value: float,
    se: float,
    method: str,
    df: float = np.nan,
    role: str = "main",
    contrast: str | None = None,
    interval: tuple | None = None,
    p: float | None = None,
    n: int | None = None,
    note: str = "",
    **more,
) -> dict:
    """Return one row; the interval and p come from value, se and df (t, or normal when df is NaN) unless
    given.

    The interval is two-sided at `level` whatever `alternative` is; `alternative` changes p only.
    Raises DesignError instead of passing on a value or standard error that is not a number.
    """
    _need_number(inputs, value, se, df)
    low, high = interval if interval else t_interval(value, se, df, inputs.level)
    return {
        "outcome": inputs.outcome,
        "estimand": estimand,
        "contrast": contrast or f"{inputs.labels[0]} - {inputs.labels[1]}",
        "value": float(value),
        "se": float(se),
        "df": float(df),
        "ci_low": float(low),
        "ci_high": float(high),
        "level": inputs.level,
        "p": t_p(value, se, df, inputs.alternative) if p is None else float(p),
        "n": len(inputs.y) if n is None else int(n),
        "method": method,
        "role": role,
        "note": "; ".join([*inputs.notes, *([note] if note else [])]),
        "n_missing": inputs.n_missing,
        **more,
    }


def t_interval(value: float, se: float, df: float, level: float) -> tuple[float, float]:
    """Return value -/+ quantile x se; the quantile is Student's t, or the normal's when df is NaN."""
    half = se * (ndtri(0.5 + level / 2) if np.isnan(df) else stdtrit(df, 0.5 + level / 2))
    return value - half, value + half


def t_p(value: float, se: float, df: float, alternative: str) -> float:
    """Return the p of value = 0 against `alternative`."""
    t = value / se
    signed = {"two-sided": -abs(t), "greater": -t, "less": t}[alternative]
    tail = ndtr(signed) if np.isnan(df) else stdtr(df, signed)
    return float(2 * tail if alternative == "two-sided" else tail)


def table(rows: list[dict]) -> pd.DataFrame:
    """Return the rows as a frame: the columns of ALWAYS first, then the design's own; counts are nullable
    ints.
    """
    names = dict.fromkeys((*ALWAYS, *(key for one in rows for key in one)))
    return pd.DataFrame({name: _column(name, [one.get(name) for one in rows]) for name in names}, copy=False)


def _column(name: str, values: list):
    if name in COUNTS:
        missing = np.array([value is None for value in values])
        return pd.arrays.IntegerArray(np.array([value or 0 for value in values], dtype="int64"), missing)
    if name in TEXT:
        return pd.Series([value or "" for value in values], dtype=object)
    return np.array(values, dtype=float) if name in ALWAYS else values


def _need_number(inputs: Inputs, value, se, df) -> None:
    if not np.isfinite(value):
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': the estimate is not a number.",
            "Check the groups and the covariates of this outcome.",
        )
    if not np.isfinite(se) or se <= 1e-12 * np.ptp(inputs.y):  # rounding is not variation
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': no standard error can be computed "
            "(no variation left within the groups).",
            "Check that the outcome varies within both groups and that there are more rows than covariates.",
        )
    if not np.isnan(df) and df <= 0:
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': no degrees of freedom are left.",
            "Use fewer covariates or strata.",
        )
