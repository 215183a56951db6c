"""One way in for estimates: `estimate(frame, design)`; `diagnose` for flags, `robustness` for other choices.

The room knows no city and no file: a DataFrame and a mapping go in, a tidy frame comes out, so an analyst
can use it in a scratch notebook. `REGISTRY` maps each design type to its module; every module's docstring
states the question, the assumption in plain words, the estimator, its variance and the source.

>>> estimate(frame, {"type": "rct_individual", "outcome": "employed_q2", "treatment": "offer",
...                  "covariates": ["age"], "strata": ["site_id"]})
"""

from collections.abc import Mapping

import pandas as pd

from shared_utils.designs import (
    _inputs,
    _result,
    _robustness,
    descriptive,
    did_staggered,
    interrupted_time_series,
    iv_encouragement,
    observational_aipw,
    panel_did,
    rct_blocked_lottery,
    rct_cluster,
    rct_individual,
    rct_multiarm,
    rd,
    synthetic_control,
    time_to_event,
)
from shared_utils.designs._errors import DesignError, listed
from shared_utils.designs._robustness import Specification
from shared_utils.errors import nearest

__all__ = [
    "REGISTRY", "DesignError", "Specification", "diagnose", "estimate", "main_row", "robustness", "specifications",
]  # fmt: skip

REGISTRY = {
    module.__name__.rsplit(".", 1)[1]: module
    for module in (
        rct_individual,
        rct_cluster,
        did_staggered,
        iv_encouragement,
        rct_blocked_lottery,
        panel_did,
        observational_aipw,
        rd,
        rct_multiarm,
        synthetic_control,
        interrupted_time_series,
        time_to_event,
        descriptive,
    )
}
TELL_THE_ESTIMATE = ("pretrend_effect",)  # codes of flags


def estimate(frame: pd.DataFrame, design: Mapping) -> pd.DataFrame:
    """Return one row an estimate.

    frame: one row a subject, or one row a unit and period for did_staggered and panel_did.
    design: `type`, `outcome` (a column, or a list: the rows of each), the type's own keys (they name
        columns), and `covariates`, `strata`, `cluster`, `weights`, `level`, `alternative`, `seed`,
        `options`, `labels` ([treated, comparison], words for `contrast`).
    The first columns are outcome, estimand, contrast, value, se, df, ci_low, ci_high, level, p, n,
    n_clusters, method; then role, mean_comparison, n_treated, n_comparison, p_ri, p_adjusted, note,
    n_missing; then the design's own. `role` is "main" for the row the decision reads. Raises DesignError.
    """
    module, design = _open(design)
    rows = []
    for outcome in _outcomes(design):
        rows += module.estimate(_inputs.prepare(frame, design, outcome, module.SPEC))
    return _result.table(rows)


def main_row(frame: pd.DataFrame, design: Mapping) -> dict:
    """Return the first row of `estimate` as a mapping: for simulations, which need no other and call often.

    Designs that make their rows one by one (did_staggered, panel_did, rd, observational_aipw) make no other. `outcome`
    names one column. Raises DesignError.
    """
    module, design = _open(design)
    return next(iter(module.estimate(_inputs.prepare(frame, design, design["outcome"], module.SPEC))))


def diagnose(frame: pd.DataFrame, design: Mapping, blind: bool = False) -> list[dict]:
    """Return the design's flags: {code, severity (info, warn, serious, block), scope, message, affects_primary}.

    blind: leave out the flags that tell how large the estimate is, for readers who may not know it yet.
    """
    module, design = _open(design)
    flags = []
    for outcome in _outcomes(design):
        flags += module.diagnose(_inputs.prepare(frame, design, outcome, module.SPEC))
    return [flag for flag in flags if not blind or flag["code"] not in TELL_THE_ESTIMATE]


def robustness(
    frame: pd.DataFrame, design: Mapping, mwe: float | None = None, direction: str = "increase", specifications=None
) -> pd.DataFrame:
    """Return the pre-listed specifications of the design (pilots.md 5.3), one row each and contrast.

    specifications: those of a plan that names its own; by default those of the design's module.

    The first is the planned analysis. Columns: specification, words, kind (choice, estimand, wrong, placebo),
    then those of `estimate` up to method, note and decision: what the rule would recommend given `mwe` (above 0, on
    the scale of `value`) and `direction` (increase or decrease). A specification that cannot run keeps its row, with
    the reason in `note`. `outcome` names one column. Raises DesignError when the planned analysis itself cannot run.
    """
    module, design = _open(design)
    if not isinstance(design["outcome"], str):
        raise DesignError("robustness takes one outcome at a time.", "Call it once for each outcome.")
    design = _without_draws(design, module)
    as_planned = Specification("planned", "as planned", _robustness.planned)
    estimated = [(as_planned, estimate(frame, design))]
    for one in module.specifications(frame, design) if specifications is None else specifications:
        try:
            estimated.append((one, estimate(*one.change(frame, dict(design)))))
        except DesignError as problem:
            estimated.append((one, f"could not run: {problem.message}"))
    return _robustness.table(estimated, mwe, direction)


def specifications(frame: pd.DataFrame, design: Mapping) -> list[Specification]:
    """Return the specifications that the design's module lists: what `robustness` runs beside the planned one."""
    module, design = _open(design)
    return module.specifications(frame, dict(design))


def _without_draws(design: Mapping, module) -> dict:
    """The design without permutation draws: robustness reports no randomisation p."""
    if "ri_draws" not in module.SPEC.options:
        return dict(design)
    return {**design, "options": {**(design.get("options") or {}), "ri_draws": 0}}


def _open(design: Mapping):
    kind = design.get("type")
    if kind not in REGISTRY:
        raise DesignError(
            f"Unknown design type {kind!r}.{nearest(kind, REGISTRY)}", f"Valid types: {listed(REGISTRY)}."
        )
    module = REGISTRY[kind]
    _inputs.check_design(design, module.SPEC)
    return module, design


def _outcomes(design: Mapping) -> list[str]:
    return [design["outcome"]] if isinstance(design["outcome"], str) else list(design["outcome"])
