"""A staggered roll-out opened from its inputs: who starts when, with which weight, and what is left out."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs
from shared_utils.designs._panel import Panel, first_period, panel


@dataclass(frozen=True)
class Rollout:
    """inputs: the rows that count; start: each unit's first treated period (code; the number of periods for units that
    do not start in the panel); weight: one a unit."""

    inputs: Inputs
    table: Panel
    start: np.ndarray
    weight: np.ndarray

    @property
    def treated(self) -> np.ndarray:
        return self.start < len(self.table.times)

    @property
    def y(self) -> np.ndarray:
        return self.table.dense(self.inputs.y)

    @property
    def seen(self) -> np.ndarray:
        return self.table.dense(1.0) > 0

    @property
    def now(self) -> np.ndarray:
        """Whether a unit is treated in a period, (units, periods)."""
        return np.arange(len(self.table.times))[None, :] >= self.start[:, None]

    @property
    def cluster_start(self) -> np.ndarray:
        """The earliest start in each cluster."""
        start = np.full(self.table.clusters.max() + 1, len(self.table.times))
        np.minimum.at(start, self.table.clusters, self.start)
        return start

    def frame(self) -> pd.DataFrame:
        """Rows for a library: unit, time and first as integers from 1, first 0 for units that do not start."""
        unit = self.table.unit
        first = np.where(self.treated, self.start + 1.0, 0.0)[unit]
        columns = {"unit": unit, "time": self.table.period + 1, "y": self.inputs.y, "first": first}
        return pd.DataFrame(columns | {"weight": self.weight[unit]})


def rollout(inputs: Inputs) -> Rollout:
    """Return the roll-out without the units treated from the first period on, which have no base period."""
    table = panel(inputs)
    start = _starts(inputs, table)
    always = start[table.unit] == 0
    if always.any() and not always.all():
        n = len(np.unique(table.unit[always]))
        return rollout(inputs.keep(~always, f"{n} unit(s) treated from the first period left out"))
    where = f"Design {inputs.type}, outcome '{inputs.outcome}'"
    if not ((start > 0) & (start < len(table.times))).any():
        raise DesignError(
            f"{where}: no unit starts within the panel.",
            "Check the cohort column: it holds the first treated period, empty for never.",
        )
    if len(np.unique(start)) < 2:
        raise DesignError(
            f"{where}: all units start at the same time, so there is no one to compare with.",
            "Add units that start later or never.",
        )
    if len(np.unique(table.clusters)) < 4:
        raise DesignError(
            f"{where}: {len(np.unique(table.clusters))} units (clusters); at least four are needed.",
            "Add units, or describe the series without a comparison (type: descriptive).",
        )
    weight = np.ones(table.shape[0]) if inputs.weights is None else table.by_unit(inputs.weights)
    return Rollout(inputs, table, start, weight)


def _starts(inputs: Inputs, table: Panel) -> np.ndarray:
    """Code of each unit's first treated period; the number of periods for those that do not start in the panel."""
    which, raw = pd.factorize(inputs.roles["cohort"])  # -1: missing
    raw = pd.Series(list(raw), dtype=object)
    given = (raw.astype(str).str.strip() != "").to_numpy()
    first = np.full(len(raw) + 1, len(table.times))  # the last entry is read by -1
    if given.any():
        first[:-1][given] = first_period(raw[given], table.times, inputs.type, "cohort")
        if table.times.dtype == float and (raw[given].astype(float) == 0).any() and table.times.min() > 0:
            raise DesignError(f"Design {inputs.type}: 'cohort' holds 0.", "Leave it empty for units that never start.")
    codes = first[which]
    start = np.zeros(table.shape[0], int)
    start[table.unit] = codes
    if (start[table.unit] != codes).any():
        raise DesignError(
            f"Design {inputs.type}: a unit has more than one value of 'cohort'.",
            "The first treated period is one date a unit, in all its rows.",
        )
    return start
