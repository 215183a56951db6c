"""A panel with treatment opened from its inputs: who is treated when, and the estimation problem this makes."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from shared_utils.designs import _inputs
from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs, Option, Spec, need_groups
from shared_utils.designs._panel import Panel, first_period, panel
from shared_utils.designs._two_way import TwoWay

SPEC = Spec(
    columns={"unit": "label", "time": "time", "treatment": "binary", "treated": "binary", "exposure": "positive"},
    optional=("treatment", "treated", "exposure", "adoption"),
    values=("adoption",),
    uses=("cluster", "weights"),
    ordered=lambda options: False,
    options={
        "family": Option(None, (None, "linear", "poisson")),
        "unit_trends": Option(False, (False, True)),
        "ri_draws": Option(2000, low=0, high=100_000),
    },
)


def opened(frame: pd.DataFrame, design: Mapping) -> Inputs:
    """Return the checked inputs of a design mapping of type panel_did."""
    _inputs.check_design(design, SPEC)
    return _inputs.prepare(frame, design, design["outcome"], SPEC)


def treatment(inputs: Inputs) -> tuple[Panel, np.ndarray]:
    """Return the panel and the (units x periods) table of treatment, checked."""
    table = panel(inputs)
    if ("treatment" in inputs.roles) == ("treated" in inputs.roles and inputs.values["adoption"] is not None):
        raise DesignError(
            f"Design {inputs.type}: give either 'treatment' (0/1 by unit and period), or 'treated' (0/1 by "
            "unit) with 'adoption' (the first treated period)."
        )
    if "treatment" in inputs.roles:
        need_groups(inputs, "treatment", 1)
        now = inputs.roles["treatment"]
    else:
        need_groups(inputs, "treated", 1)
        start = int(first_period([inputs.values["adoption"]], table.times, inputs.type, "adoption")[0])
        now = inputs.roles["treated"] * (table.period >= start)
    paths = table.dense(now) > 0
    treated = len(np.unique(table.clusters[paths.any(axis=1)]))
    others = len(np.unique(table.clusters[~paths.any(axis=1)]))
    if treated < 2 or others < 2:
        raise DesignError(
            f"Design {inputs.type}, outcome '{inputs.outcome}': {treated} treated and {others} never "
            "treated units (clusters); at least two of each are needed.",
            "With one treated unit use type: synthetic_control.",
        )
    if np.logical_or.accumulate(paths, axis=1)[table.unit, table.period].sum() > now.sum():
        raise DesignError(
            f"Design {inputs.type}: a unit's treatment goes back from 1 to 0.",
            "Treatment stays 1 from adoption on; check the treatment column.",
        )
    return table, paths


def two_way(inputs: Inputs, table: Panel, paths: np.ndarray) -> TwoWay:
    """Return the two-way fixed effects problem of the treatment paths, in the family that the options say."""
    family = inputs.options["family"]
    count = bool((inputs.y >= 0).all() and (inputs.y == np.round(inputs.y)).all())
    poisson = family == "poisson" or (family is None and "exposure" in inputs.roles and count)
    if poisson and (inputs.y < 0).any():
        raise DesignError(
            f"Design {inputs.type}: outcome '{inputs.outcome}' has values below zero, which a Poisson "
            "model cannot have.",
            "Use options.family: linear.",
        )
    base = inputs.roles.get("exposure") if poisson else inputs.weights
    base = np.ones(len(inputs.y)) if base is None else base
    if poisson and inputs.weights is not None:
        raise DesignError(
            f"Design {inputs.type}: weights are used by the linear family only.",
            "Leave out 'weights'; the exposure already weighs the units.",
        )
    regressor = paths[:, :, None].astype(float)
    return TwoWay(table.dense(inputs.y), table.dense(base), regressor, poisson, bool(inputs.options["unit_trends"]))


def one_adoption(paths) -> int | None:
    """Return the code of the adoption period when all treated units share it."""
    starts = np.unique(paths[paths.any(axis=1)].argmax(axis=1))
    return int(starts[0]) if len(starts) == 1 else None
