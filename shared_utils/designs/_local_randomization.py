"""Local randomisation at a cutoff: within a narrow window, compare means as if a lot had decided the side.

Cattaneo, Frandsen and Titiunik 2015, Randomization Inference in the Regression Discontinuity Design: An Application to
Party Advantages in the U.S. Senate, J. Causal Inference 3(1).
"""

import numpy as np

from shared_utils.designs._clustered import cr2
from shared_utils.designs._cutoff import narrowest_window
from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs, need_variation
from shared_utils.designs._regression import adjusted, independent
from shared_utils.designs._result import row
from shared_utils.designs.rct_individual import complier_rows, group_facts, randomization_p


def rows(inputs: Inputs, side: np.ndarray) -> list[dict]:
    """Rows main, unadjusted (when there are covariates), and with `received` late, anderson_rubin and first_stage."""
    half = width(inputs, side)
    inside = np.abs(side) <= half * (1 + 1e-12)
    treated = (side[inside] >= 0).astype(float)
    inputs = inputs.keep(inside)
    if min(treated.sum(), (1 - treated).sum()) < 2:
        raise DesignError(
            f"Design rd, outcome '{inputs.outcome}': the window of {half:g} holds {int(treated.sum())} treated and "
            f"{int((1 - treated).sum())} comparison row(s).",
            "At least two a side are needed; give a wider options.window, or none.",
        )
    need_variation(inputs)
    out = [_row(inputs, treated, half, "main", True, p_ri=randomization_p(inputs, treated))]
    if inputs.covariates.shape[1]:
        out.append(_row(inputs, treated, half, "unadjusted", False))
    if "received" in inputs.roles:
        for one in complier_rows(inputs, treated):
            role = "late" if one["role"] == "cace" else one["role"]
            estimand = "LATE in the window" if one["estimand"] == "CACE" else one["estimand"]
            out.append({**one, "role": role, "estimand": estimand, "bandwidth": half})
    return out


def width(inputs: Inputs, side: np.ndarray) -> float:
    """Return the half-width of the window: options.window, or the narrowest."""
    given = inputs.options["window"]
    return narrowest_window(side) if given is None else float(given)


def _row(inputs: Inputs, treated, half: float, role: str, covariates: bool, **more) -> dict:
    note = f"rows within {half:.4g} of the cutoff"
    if inputs.cluster is None:
        fit = adjusted(inputs, {"treatment": treated}, "lin", "HC2", covariates)
        value, se, df, words = fit.value("treatment"), fit.se("treatment"), fit.df, fit.method
        note = "; ".join([note, *([fit.note] if fit.note else [])])
    else:
        table = inputs.covariates.to_numpy() if covariates else np.empty((len(treated), 0))
        matrix = independent(np.column_stack([np.ones(len(treated)), treated, table]))
        value, se, df = cr2(inputs.y, matrix, inputs.cluster, 1)
        words = f"OLS{' with covariates' if table.shape[1] else ''}, CR2, Satterthwaite t"
        more["n_clusters"] = len(np.unique(inputs.cluster))
    return row(
        inputs,
        estimand="ITT in the window",
        value=value,
        se=se,
        df=df,
        method=f"local randomisation, {words}",
        role=role,
        note=note,
        bandwidth=half,
        **group_facts(inputs, treated),
        **more,
    )
