"""Numbered draws from the data-generating processes, each with what the shipped estimator made of it.

The same numbers give the same draws everywhere: the tests of known truth and the table of operating characteristics
(benchmarks/operating_characteristics.py) read them here.

The bounds are Monte Carlo bounds, not tolerances: a right estimator fails a check once in some thousand choices of
draws, and the draws are fixed.
"""

import dgps
import numpy as np
import pandas as pd
from scipy import stats

from shared_utils.designs import REGISTRY, estimate

# What is true in each: the effects of the protocol, none, and effects of another size in each third of neighborhoods.
SCENARIOS = {"effect": {}, "null": {"effect": 0.0}, "uneven": {"spread": 0.25}}
KEPT = ("contrast", "value", "se", "df", "ci_low", "ci_high", "ci_low_adjusted", "ci_high_adjusted", "p", "true")


def main_rows(name: str, scenario: str, number: int) -> pd.DataFrame:
    """Return the rows the decision reads, columns KEPT, of one draw: a row each contrast."""
    rng = np.random.default_rng([number, list(SCENARIOS).index(scenario)])
    frame, design, true = dgps.ALL[name](rng, **SCENARIOS[scenario])
    rows = estimate(frame, without_extras(design))
    rows = rows[rows.role == "main"]
    by_arm = rows.contrast.str.partition(" - ")[0]
    return rows.assign(true=by_arm.map(true) if isinstance(true, dict) else true).reindex(columns=KEPT)


def without_extras(design: dict) -> dict:
    """The same main row for less time: no permutations, and no rows about those who took part."""
    design = {key: value for key, value in design.items() if key != "received"}
    quick = "ri_draws" in REGISTRY[design["type"]].SPEC.options
    return {**design, "options": {"ri_draws": 0}} if quick else design


def many(name: str, scenario: str, numbers) -> pd.DataFrame:
    """Return `main_rows` of many draws, with their number in `draw`."""
    return pd.concat([main_rows(name, scenario, number).assign(draw=number) for number in numbers], ignore_index=True)


def check_truth(drawn: pd.DataFrame) -> None:
    """For each contrast: no bias, coverage between 0.935 and 0.965, standard errors as large as the spread.

    The mean error may be four of its standard errors. The ratio of the root mean square standard error to the standard
    deviation of the estimates has itself a standard error of about 1 / sqrt(2 n).
    """
    for contrast, rows in drawn.groupby("contrast"):
        n, error = len(rows), rows.value - rows.true
        assert abs(error.mean()) <= 4 * error.std() / np.sqrt(n), (contrast, error.mean())
        check_share(contrast, (rows.ci_low <= rows.true) & (rows.true <= rows.ci_high), 0.935, 0.965)
        ratio = np.sqrt((rows.se**2).mean()) / error.std()
        assert abs(ratio - 1) <= 4 / np.sqrt(2 * n), (contrast, ratio)


def check_size(drawn: pd.DataFrame) -> None:
    """For each contrast: between 4 and 6 in 100 draws without an effect have p below 0.05."""
    for contrast, rows in drawn.groupby("contrast"):
        check_share(contrast, rows.p < 0.05, 0.04, 0.06)


def check_share(what: str, hits: pd.Series, low: float, high: float) -> None:
    """An exact binomial test, level 0.001 on each side, that the chance of a hit lies between low and high."""
    n, found = len(hits), int(hits.sum())
    enough, few_enough = stats.binom.ppf(0.001, n, low), stats.binom.ppf(0.999, n, high)
    assert enough <= found <= few_enough, f"{what}: {found} of {n}, not {enough:.0f} to {few_enough:.0f}"
