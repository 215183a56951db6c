"""Other analyses of a panel with one adoption date: the changes of frame and design that make them.

Counts go to the linear estimators as log((count + 0.5) / exposure), so that every answer is a log ratio.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from shared_utils.designs import _inputs
from shared_utils.designs._adoption import one_adoption, opened, treatment, two_way
from shared_utils.designs._errors import DesignError
from shared_utils.designs._panel import comparable
from shared_utils.designs._robustness import Change, Specification, options
from shared_utils.designs._two_way import TwoWay

PERIODS_FOR_PLACEBO = 6  # before adoption, so that half of them are left on each side of the placebo date


def specifications(frame: pd.DataFrame, design: Mapping) -> list[Specification]:
    """Unit trends, the other family, other estimators of the same panel, and an adoption date where none was."""
    inputs = opened(frame, design)
    table, paths = treatment(inputs)
    problem, start = two_way(inputs, table, paths), one_adoption(paths)
    found = []
    if not problem.trends:
        found.append(Specification("unit_trends", "a trend of its own for each unit", options(unit_trends=True)))
    if problem.poisson:
        found.append(Specification("log_rates", "least squares on log rates instead of Poisson", _log_rates))
    elif (inputs.y >= 0).all() and inputs.weights is None:
        change = options(family="poisson")
        found.append(Specification("poisson", "as a ratio instead of a difference", change, kind="estimand"))
    if start is None:
        return found
    found += [
        Specification("synthetic_did", "synthetic difference-in-differences", ESTIMATORS["synthetic_did"]),
        Specification("synthetic_control", "synthetic control", ESTIMATORS["synthetic_control"]),
        Specification("its", "the treated units alone as an interrupted time series", _treated_series, kind="estimand"),
    ]
    if start >= PERIODS_FOR_PLACEBO:
        words = f"as if adopted in {table.labels[start // 2]}, with the periods before adoption only"
        found.append(Specification("placebo_date", words, _placebo_date, kind="placebo"))
    return found


def _single(frame: pd.DataFrame, design: Mapping) -> tuple[TwoWay, pd.Series, pd.Series, str, int]:
    """The problem of a design with one adoption date; for each row of the frame whether its unit is treated and the
    code of its period; the adoption period's label and code."""
    inputs = opened(frame, design)
    table, paths = treatment(inputs)
    start = one_adoption(paths)
    if start is None:
        raise DesignError(f"Design {inputs.type}: units adopt at different times.", "Use did_staggered.")
    names = np.unique(inputs.roles["unit"].astype(str))[paths.any(axis=1)]
    treated = frame[design["unit"]].astype(str).isin(names)
    times = comparable(frame[design["time"]].to_numpy(dtype=object), inputs.type, "time")
    period = pd.Series(np.searchsorted(table.times, times), frame.index)
    return two_way(inputs, table, paths), treated, period, table.labels[start], start


def _placebo_date(frame: pd.DataFrame, design: dict) -> tuple[pd.DataFrame, dict]:
    """Adoption half way through the periods before the real one, and only these."""
    _, treated, period, _, start = _single(frame, design)
    moved = frame.assign(placebo_treatment=(treated & (period >= start // 2)).astype(int))[period < start]
    kept = {key: value for key, value in design.items() if key not in ("treated", "adoption")}
    return moved, {**kept, "treatment": "placebo_treatment"}


def _log_rates(frame: pd.DataFrame, design: dict) -> tuple[pd.DataFrame, dict]:
    """Least squares on log((count + 0.5) / exposure), weighted by exposure, so that the scale stays a log ratio."""
    chosen = {**(design.get("options") or {}), "family": "linear"}
    kept = {key: value for key, value in design.items() if key != "exposure"}
    weights = {"weights": design["exposure"]} if design.get("exposure") else {}
    return _with_log_rate(frame, design), {**kept, **weights, "outcome": "log_rate", "options": chosen}


def _with_log_rate(frame: pd.DataFrame, design: Mapping) -> pd.DataFrame:
    kind = design["type"]
    counts = _inputs.numbers(frame, design["outcome"], kind, "outcome")
    exposure = _inputs.numbers(frame, design["exposure"], kind, "exposure") if design.get("exposure") else 1.0
    return frame.assign(log_rate=np.log((counts + 0.5) / exposure))


def _synthetic(method: str) -> Change:
    """The same panel as a synthetic control; counts as log rates, so that the scale stays a log ratio."""

    def change(frame: pd.DataFrame, design: dict) -> tuple[pd.DataFrame, dict]:
        problem, treated, _, adoption, _ = _single(frame, design)
        outcome = "log_rate" if problem.poisson else design["outcome"]
        if problem.poisson:
            frame = _with_log_rate(frame, design)
        units = frame.loc[treated, design["unit"]].astype(str).unique().tolist()
        return frame, _same(design) | {
            "type": "synthetic_control", "outcome": outcome, "unit": design["unit"], "time": design["time"],
            "treated_units": units, "adoption": adoption, "options": {"method": method},
        }  # fmt: skip

    return change


def _treated_series(frame: pd.DataFrame, design: dict) -> tuple[pd.DataFrame, dict]:
    """The treated units alone as one series: totals of counts and exposure, or the (weighted) mean of the outcome."""
    problem, treated, _, adoption, _ = _single(frame, design)
    own, time, outcome = frame[treated].reset_index(drop=True), design["time"], design["outcome"]
    kind = design["type"]
    y = _inputs.numbers(own, outcome, kind, "outcome")
    other = design.get("exposure") if problem.poisson else design.get("weights")
    size = np.ones(len(own)) if other is None else _inputs.numbers(own, other, kind, "exposure")
    seen = ~np.isnan(y)
    sums = pd.DataFrame({"y": y if problem.poisson else y * size, "size": size})[seen]
    sums = sums.groupby(own[time][seen], sort=True, observed=True).sum()
    changed = _same(design) | {"type": "interrupted_time_series", "outcome": outcome, "time": time}
    changed["interruption"] = adoption
    if not problem.poisson:
        return pd.DataFrame({time: sums.index, outcome: (sums["y"] / sums["size"]).to_numpy()}), changed
    exposure = design.get("exposure") or "treated units"
    series = {time: sums.index, outcome: sums["y"].to_numpy(), exposure: sums["size"].to_numpy()}
    return pd.DataFrame(series), changed | {"exposure": exposure, "options": {"family": "poisson"}}


def _same(design: Mapping) -> dict:
    """The keys that mean the same in every design type."""
    return {key: design[key] for key in ("level", "alternative", "seed", "labels") if key in design}


# Other types of design that read the same panel: (frame, design of panel_did) -> (frame, their design).
ESTIMATORS: dict[str, Change] = {
    "synthetic_did": _synthetic("sdid"),
    "synthetic_control": _synthetic("scm"),
    "interrupted_time_series": _treated_series,
}
