"""Regression discontinuity: what does being just inside the limit change?

Question: the mean difference in the outcome at the cutoff between being eligible and not (ITT at the
    cutoff). It says nothing about families far from the limit.
Assumption in plain words: families just above and just below the limit are alike, nobody places itself
    exactly on the good side, and nothing else starts at the same limit.
Estimator: local linear fit on each side, triangular kernel, bandwidth with the smallest mean squared error.
Variance: robust bias-corrected (Calonico, Cattaneo and Titiunik 2014, Econometrica 82(6)),
    nearest-neighbour, normal. `value` of the main row is the bias-corrected estimate, the centre of its own
    interval; the row `conventional` carries the local linear estimate that rdrobust prints first. diff-diff
    behind one adapter; equal to rdrobust 2.1.1 to 1e-6 on published data.
Covariates enter additively and change precision, not the estimand (Calonico, Cattaneo, Farrell and Titiunik
2019).
Rows: main, conventional, unadjusted (when there are covariates) and, with `received`, late (fuzzy: the
    effect of taking part for those the limit brings in) and first_stage. Counts are those inside the
    bandwidth.
"""

import numpy as np

from shared_utils.designs import _diff_diff
from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs, Option, Spec, need_variation
from shared_utils.designs._result import row
from shared_utils.designs.rct_individual import no_contrast
from shared_utils.errors import nearest
from shared_utils.stats.intervals import binomial_p

DENSITY_BLOCK, DENSITY_WARN = 0.01, 0.05
MIN_SIDE = 150
SIDES = ("at_or_above", "above", "at_or_below", "below")
SPEC = Spec(
    columns={"running": "number", "received": "binary"},
    optional=("received", "treated_side"),
    values=("cutoff", "treated_side"),
    uses=("covariates",),
    options={
        "bandwidth": Option(None, low=0),
        "p": Option(1, (0, 1, 2)),
        "kernel": Option("triangular", ("triangular", "epanechnikov", "uniform")),
    },
)


def estimate(inputs: Inputs) -> list[dict]:
    """Rows: main, conventional, unadjusted, late, first_stage."""
    need_variation(inputs)
    side = distance(inputs)
    main = _fit(inputs, side)
    method = f"local polynomial of order {inputs.options['p']}, {inputs.options['kernel']} kernel"
    robust = f"{method}, robust bias-corrected"
    rows = [
        _row(inputs, side, main, "ITT at cutoff", robust, "main"),
        row(
            inputs,
            estimand="ITT at cutoff",
            value=main.conventional,
            se=main.conventional_se,
            role="conventional",
            method=f"{method}, conventional",
            note="interval ignores the bias of the fit",
            **_facts(inputs, side, main),
        ),
    ]
    if inputs.covariates.shape[1]:
        rows.append(
            _row(inputs, side, _fit(inputs, side, covariates=False), "ITT at cutoff", robust, "unadjusted")
        )
    if "received" in inputs.roles and not no_contrast(inputs.roles["received"], side >= 0):
        rows += _fuzzy_rows(inputs, side, robust)
    return rows


def diagnose(inputs: Inputs) -> list[dict]:
    """Flags: density at the cutoff (p < 0.01 blocks), heaping, fewer than 150 on a side of the bandwidth."""
    side = distance(inputs)
    flags = []
    _, density = _diff_diff.density_test(side)
    count = window_p(side)
    worst = min(density, count)
    if worst < DENSITY_WARN:
        flags.append(
            {
                "code": "density",
                "severity": "block" if worst < DENSITY_BLOCK else "warn",
                "scope": inputs.outcome,
                "affects_primary": True,
                "message": "More applicants than chance explains lie on one side of the cutoff (density test "
                f"p = {density:.2g}, counts next to the cutoff p = {count:.2g}).",
            }
        )
    heaped = 1 - len(np.unique(side)) / len(side)
    if heaped > 0.5:
        flags.append(
            {
                "code": "heaping",
                "severity": "warn",
                "scope": inputs.outcome,
                "affects_primary": True,
                "message": f"Only {len(np.unique(side))} different values of the running variable for "
                f"{len(side)} rows: it is rounded.",
            }
        )
    n = _fit(inputs, side).n_h
    if min(n) < MIN_SIDE:
        flags.append(
            {
                "code": "few_near_cutoff",
                "severity": "serious",
                "scope": inputs.outcome,
                "affects_primary": True,
                "message": f"{n[0]} comparison and {n[1]} treated rows inside the bandwidth; at least "
                f"{MIN_SIDE} a side are wanted.",
            }
        )
    return flags


def distance(inputs: Inputs) -> np.ndarray:
    """Return the running variable as distance into the treated side; zero and above is treated.

    treated_side: at_or_above (the default), above, at_or_below or below. With above or below, families
        exactly at the
    cutoff are not eligible: they are put a hair's breadth on the comparison side.
    """
    where = inputs.values["treated_side"] or "at_or_above"
    if where not in SIDES:
        raise DesignError(
            f"Design rd: treated_side {where!r} does not exist.{nearest(where, SIDES)}",
            f"Valid: {', '.join(SIDES)}.",
        )
    try:
        cutoff = float(inputs.values["cutoff"])
    except (TypeError, ValueError):
        raise DesignError(
            f"Design rd: cutoff {inputs.values['cutoff']!r} is not a number.",
            "Give the limit in units of the running variable.",
        ) from None
    gap = inputs.roles["running"] - cutoff
    side = gap if where.endswith("above") else -gap
    if not where.startswith("at_or"):
        side = np.where(side == 0, -1e-9 * side.std(), side)
    for name, n in (("treated", (side >= 0).sum()), ("comparison", (side < 0).sum())):
        if n < 10:
            raise DesignError(
                f"Design rd, outcome '{inputs.outcome}': {n} row(s) on the {name} side of {cutoff:g}.",
                "At least 10 a side are needed; check the cutoff and treated_side.",
            )
    return side


def window_p(side: np.ndarray, share: float = 0.10) -> float:
    """Return the exact binomial p for equal counts in the `share` of rows nearest the cutoff (20 at least).

    Cattaneo, Idrobo and Titiunik 2020, A practical introduction to regression discontinuity designs: close
    enough to the cutoff, either side is as likely.
    """
    near = np.sort(np.abs(side))[: max(20, int(share * len(side)))]
    inside = np.abs(side) <= near[-1]
    return binomial_p(int((side[inside] >= 0).sum()), int(inside.sum()), 0.5)


def _fit(inputs: Inputs, side, received=None, covariates=True) -> _diff_diff.Discontinuity:
    table = inputs.covariates if covariates and inputs.covariates.shape[1] else None
    try:
        return _diff_diff.discontinuity(
            inputs.y,
            side,
            received,
            table,
            bandwidth=inputs.options["bandwidth"],
            kernel=inputs.options["kernel"],
            p=inputs.options["p"],
            level=inputs.level,
        )
    except (ValueError, np.linalg.LinAlgError) as problem:
        raise DesignError(
            f"Design rd, outcome '{inputs.outcome}': the fit at the cutoff failed ({problem}).",
            "Check how many rows lie near the cutoff, or give options.bandwidth.",
        ) from None


def _row(inputs, side, fit, estimand, method, role, note="") -> dict:
    return row(
        inputs,
        estimand=estimand,
        value=fit.value,
        se=fit.se,
        interval=fit.interval,
        method=method,
        role=role,
        note=note,
        **_facts(inputs, side, fit),
    )


def _facts(inputs: Inputs, side, fit) -> dict:
    return {
        "n_comparison": fit.n_h[0],
        "n_treated": fit.n_h[1],
        "bandwidth": max(fit.h),
        "bias_bandwidth": max(fit.b),
        "mean_comparison": comparison_limit(inputs.y, side, fit.h[0]),
    }


def comparison_limit(y, side, h: float) -> float:
    """Return the local linear limit of the outcome at the cutoff from the comparison side."""
    rows = (side < 0) & (side >= -h)
    weights = np.sqrt(1 + side[rows] / h)
    design = np.column_stack([np.ones(rows.sum()), side[rows]]) * weights[:, None]
    return float(np.linalg.lstsq(design, y[rows] * weights, rcond=None)[0][0])


def _fuzzy_rows(inputs: Inputs, side, method) -> list[dict]:
    """Rows late and first_stage; none where everyone near the cutoff did as eligible (the ITT is that
    effect).
    """
    received = inputs.roles["received"]
    fit = _fit(inputs, side, received)
    if not fit.first_stage_se > 0:
        return []
    facts = {**_facts(inputs, side, fit), "mean_comparison": comparison_limit(received, side, fit.h[0])}
    return [
        _row(inputs, side, fit, "LATE at cutoff", f"fuzzy {method}", "late"),
        row(
            inputs,
            estimand="share taking part",
            value=fit.first_stage,
            se=fit.first_stage_se,
            method=method,
            role="first_stage",
            note=f"F = {(fit.first_stage / fit.first_stage_se) ** 2:.1f}",
            **facts,
        ),
    ]
