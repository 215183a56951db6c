"""Least squares with fixed effects and any regressors, for tables that no design type makes: a calculator, no design.

Question: the coefficients of a linear regression, for example of a published table that is to be reproduced.
Why it stands beside `estimate`: a design has one treatment, a variance that fits how it was given out, and a sentence
    that says what the number means. Repeated cross-sections before and after (no unit is seen twice), two treatment
    columns at once, or first differences have published uses, but none of these.
Estimator: ordinary least squares on the regressors and the indicators of `effects`; statsmodels.
Variance: classical, as in those tables: errors independent and of one variance, which those of a panel seldom are.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.regression.linear_model import OLS

from shared_utils.designs._errors import DesignError, listed, no_column
from shared_utils.designs._inputs import numbers
from shared_utils.designs._regression import independent, independent_columns

KIND = "fixed_effects"


def fixed_effects(
    frame: pd.DataFrame,
    outcome: str,
    regressors: Sequence[str],
    effects: Sequence[str] = (),
    level: float = 0.95,
) -> pd.DataFrame:
    """Return one row a regressor: term, value, se, df, ci_low, ci_high, p, n, r2.

    regressors: numeric columns; "a:b" is the product of a and b. effects: columns with one indicator a value; without
    them there is an intercept. Rows with a missing value in any of these are left out. r2 counts the indicators as
    explained, the intercept not. Raises DesignError for a column that is not in the table, and when a regressor is
    determined by the others and the effects.
    """
    wanted = [outcome, *":".join(regressors).split(":"), *effects]
    for name in wanted:
        if name not in frame.columns:
            raise no_column(KIND, "regressors", name, frame)
    used = frame[frame[wanted].notna().all(axis=1)]
    y = numbers(used, outcome, KIND, "outcome")
    x = np.column_stack([_product(used, name) for name in regressors])
    dummies = [pd.get_dummies(used[name].astype(str)).to_numpy(float) for name in effects]
    fixed = independent(np.column_stack([np.ones(len(used)), *dummies]))
    alone = set(range(x.shape[1])) - {i - fixed.shape[1] for i in independent_columns(np.column_stack([fixed, x]))}
    if alone:
        raise DesignError(
            f"fixed_effects: {listed(regressors[i] for i in sorted(alone))} cannot be told from the other regressors "
            "and the effects.",
            "Leave it out, or leave out an effect that determines it.",
        )
    fit = OLS(y, np.column_stack([x, fixed])).fit()
    value, se, df = fit.params[: x.shape[1]], fit.bse[: x.shape[1]], float(fit.df_resid)
    half = stats.t.ppf(0.5 + level / 2, df) * se
    found = {"term": list(regressors), "value": value, "se": se, "df": df}
    found |= {"ci_low": value - half, "ci_high": value + half, "p": 2 * stats.t.sf(np.abs(value / se), df)}
    return pd.DataFrame(found | {"n": len(used), "r2": 1 - fit.ssr / ((y - y.mean()) ** 2).sum()})


def _product(frame: pd.DataFrame, name: str) -> np.ndarray:
    return np.prod([numbers(frame, part, KIND, "regressors") for part in name.split(":")], axis=0)
