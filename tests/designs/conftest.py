"""Helpers of the design tests."""

import pytest

from shared_utils.designs import REGISTRY, _inputs, estimate


@pytest.fixture
def inputs_of():
    """The checked inputs of a design, for tests of one module's parts."""

    def build(frame, design):
        return _inputs.prepare(frame, design, design["outcome"], REGISTRY[design["type"]].SPEC)

    return build


@pytest.fixture
def rows_of():
    """estimate() with few permutation draws, as {role: row} with the first row of each role."""

    def run(frame, design, **changes):
        design = {**design, **changes}
        options = dict(design.get("options") or {})
        if "ri_draws" in REGISTRY[design["type"]].SPEC.options:
            options.setdefault("ri_draws", 99)
        table = estimate(frame, {**design, "options": options})
        return {role: part.iloc[0] for role, part in table.groupby("role", sort=False)}

    return run
