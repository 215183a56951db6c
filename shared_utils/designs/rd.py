"""Regression discontinuity: what does being just inside the limit change?

Question: the mean difference in the outcome at the cutoff between being eligible and not (ITT at the
    cutoff). It says nothing about families far from the limit.
Assumption in plain words: families just above and just below the limit are alike, nobody places itself
    exactly on the good side, and nothing else starts at the same limit.
Estimator: local linear fit on each side, triangular kernel, bandwidth with the smallest mean squared error.
    options.donut leaves out the rows next to the cutoff. options.estimator: local_randomization compares means within
    options.window of the cutoff (by default the narrowest with 20 rows a side) as if a lot had put people on either
    side (Cattaneo, Frandsen and Titiunik 2015, J. Causal Inference 3(1)): it needs the outcome to be flat there.
Variance: robust bias-corrected (Calonico, Cattaneo and Titiunik 2014, Econometrica 82(6)),
    nearest-neighbour, normal. `value` of the main row is the bias-corrected estimate, the centre of its own
    interval; the row `conventional` carries the local linear estimate that rdrobust prints first. diff-diff
    behind one adapter; equal to rdrobust 2.1.1 to 1e-6 on published data. A bandwidth that is given serves for the
    bias as well, and the estimate is then that of a local quadratic fit. local_randomization: HC2, or CR2 with
    `cluster`, and p_ri by Fisher's permutation within the window.
Covariates enter additively and change precision, not the estimand (Calonico, Cattaneo, Farrell and Titiunik
2019).
Rows: main, conventional, unadjusted (when there are covariates) and, with `received`, late (fuzzy: the
    effect of taking part for those the limit brings in) and first_stage. Counts are those inside the
    bandwidth. local_randomization has no conventional row, and an anderson_rubin row beside late.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from shared_utils.designs import _diff_diff, _inputs, _local_randomization, _robustness
from shared_utils.designs._cutoff import distance, heap, signed, window_p, without_donut
from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs, Option, Spec, need_variation
from shared_utils.designs._result import row
from shared_utils.designs._robustness import Specification
from shared_utils.designs.rct_individual import no_contrast
from shared_utils.stats.covariates import is_text, numeric_columns
from shared_utils.stats.multiplicity import holm

DENSITY_BLOCK, DENSITY_WARN = 0.01, 0.05
MIN_SIDE = 150
BANDWIDTHS, WINDOWS, DONUTS = (0.5, 0.75, 1.25, 1.5, 2), (0.5, 1.5, 2), (0.05, 0.1)  # times the planned one
SPEC = Spec(
    columns={"running": "number", "received": "binary"},
    optional=("received", "treated_side"),
    values=("cutoff", "treated_side"),
    uses=("covariates", "cluster"),
    options={
        "estimator": Option("local_polynomial", ("local_polynomial", "local_randomization")),
        "bandwidth": Option(None, low=0),
        "p": Option(1, (0, 1, 2)),
        "kernel": Option("triangular", ("triangular", "epanechnikov", "uniform")),
        "donut": Option(0.0, low=0),
        "window": Option(None, low=0),
        "ri_draws": Option(2000, low=0, high=100_000),
    },
)


def estimate(inputs: Inputs) -> Iterator[dict]:
    """Rows: main, conventional (local polynomial only), unadjusted, late, first_stage."""
    inputs = without_donut(inputs)
    side = distance(inputs)
    need_variation(inputs)
    if _randomization(inputs):
        yield from _local_randomization.rows(inputs, side)
        return
    if inputs.cluster is not None:
        raise DesignError(
            "Design rd: cluster is used by options.estimator: local_randomization only.",
            "Leave it out; the nearest-neighbour variance takes rows as independent.",
        )
    main = _fit(inputs, side)
    method = f"local polynomial of order {inputs.options['p']}, {inputs.options['kernel']} kernel"
    robust = f"{method}, robust bias-corrected"
    yield _row(inputs, side, main, "ITT at cutoff", robust, "main")
    yield row(
        inputs,
        estimand="ITT at cutoff",
        value=main.conventional,
        se=main.conventional_se,
        role="conventional",
        method=f"{method}, conventional",
        note="interval ignores the bias of the fit",
        **_facts(inputs, side, main),
    )
    if inputs.covariates.shape[1]:
        yield _row(inputs, side, _fit(inputs, side, covariates=False), "ITT at cutoff", robust, "unadjusted")
    if "received" in inputs.roles and not no_contrast(inputs.roles["received"], side >= 0):
        yield from _fuzzy_rows(inputs, side, robust, max(main.h))


def diagnose(inputs: Inputs) -> list[dict]:
    """Flags: density at the cutoff (p < 0.01 blocks; else with the jump it could have found), heaping, fewer than
    150 on a side of the bandwidth.
    """
    flags = [_density_flag(inputs, distance(inputs))]
    inputs = without_donut(inputs)
    side = distance(inputs)
    distinct = len(np.unique(side))
    if distinct < 0.5 * len(side):
        message = f"The running variable has only {distinct} values in {len(side)} rows. It is rounded."
        flags.append(_flag(inputs, "heaping", "warn", message))
    if _randomization(inputs):
        return flags
    fit = _fit(inputs, side)
    if found := heap(inputs.roles["running"][np.abs(side) <= max(fit.h)], max(fit.h)):
        step, share, expected = found
        message = (
            f"Of the rows near the cutoff, {100 * share:.0f}% lie on multiples of {step:g}, and about "
            f"{100 * expected:.0f}% would by chance. People round, or are rounded. See what a donut changes."
        )
        flags.append(_flag(inputs, "heaping", "warn", message))
    if min(fit.n_h) < MIN_SIDE:
        message = (
            f"Near the cutoff there are {fit.n_h[0]} comparison and {fit.n_h[1]} treated rows. At least {MIN_SIDE} a "
            "side are wanted."
        )
        flags.append(_flag(inputs, "few_near_cutoff", "serious", message))
    return flags


def specifications(frame: pd.DataFrame, design: Mapping) -> list[Specification]:
    """Bandwidths, kernel, order, donuts, no covariates, local randomisation, and cutoffs where nothing happens."""
    _inputs.check_design(design, SPEC)
    inputs = without_donut(_inputs.prepare(frame, design, design["outcome"], SPEC))
    side, change = distance(inputs), _robustness.options
    if _randomization(inputs):
        width = _local_randomization.width(inputs, side)
        out = [Specification("local_polynomial", "local linear fit", _as_polynomial)]
        out += [
            Specification(f"window_x{times:g}", f"window {times * width:.4g}", change(window=times * width))
            for times in WINDOWS
        ]
    else:
        h = max(_fit(inputs, side).h)
        out = [
            Specification(f"bandwidth_x{times:g}", f"bandwidth {times * h:.4g}", change(bandwidth=times * h))
            for times in BANDWIDTHS
        ]
        if inputs.options["kernel"] != "uniform":
            out.append(Specification("uniform", "uniform kernel", change(kernel="uniform")))
        if inputs.options["p"] != 2:
            out.append(Specification("quadratic", "local quadratic fit", change(p=2)))
        out += [
            Specification(f"donut_x{times:g}", f"without rows within {times * h:.3g}", change(donut=times * h))
            for times in DONUTS
        ]
        words = "difference in means next to the cutoff, as if drawn by lot"
        out.append(Specification("local_randomization", words, change(estimator="local_randomization")))
    if design.get("covariates"):
        out.append(Specification("no_covariates", "without covariates", _robustness.keys(covariates=None)))
    return out + [_placebo(inputs, side, treated) for treated in (False, True)]


def continuity(frame: pd.DataFrame, design: Mapping, covariates: list[str]) -> pd.DataFrame:
    """Return the jump at the cutoff of each measure from before the programme, where none should be.

    Each takes the place of the outcome in the planned analysis, without covariates; a column of words gives one row a
    level. Columns: covariate, value, se, ci_low, ci_high, p, p_holm (Holm over all rows), n_comparison, n_treated,
    note. A measure that cannot be compared keeps its row, with the reason in `note`. Raises DesignError.
    """
    design = {key: value for key, value in design.items() if key not in ("covariates", "received")}
    lines = []
    for name in covariates:
        if is_text(frame[name]):
            levels = numeric_columns(frame, [name])[0]
        else:
            levels = pd.DataFrame({name: frame[name].to_numpy()})
        for label, values in levels.items():
            lines.append({"covariate": label, **_jump(frame.assign(**{label: values.to_numpy()}), design, label)})
    wanted = ["covariate", "value", "se", "ci_low", "ci_high", "p", "n_comparison", "n_treated", "note"]
    table = pd.DataFrame(lines, columns=wanted)
    table.insert(wanted.index("p") + 1, "p_holm", holm(table["p"].astype(float)))
    return table


def _jump(frame, design, outcome: str) -> dict:
    try:
        design = {**design, "outcome": outcome}
        _inputs.check_design(design, SPEC)
        return next(estimate(_inputs.prepare(frame, design, outcome, SPEC)))
    except DesignError as problem:
        return {"note": f"could not run: {problem.message}"}


def _as_polynomial(frame: pd.DataFrame, design: dict) -> tuple[pd.DataFrame, dict]:
    """The same rows by a local polynomial, which knows no clusters."""
    return _robustness.options(estimator="local_polynomial")(*_robustness.keys(cluster=None)(frame, design))


def _placebo(inputs: Inputs, side: np.ndarray, treated: bool) -> Specification:
    """The median of one side as the cutoff, with the rows of that side only: all of them are as eligible."""
    here = (side >= 0) == treated
    cutoff = float(np.median(inputs.roles["running"][here]))
    who = "eligible" if treated else "not eligible"

    def change(frame, design):
        running = _inputs.numbers(frame, design["running"], "rd", "running")
        place = signed(running, design["cutoff"], design.get("treated_side"))
        kept = frame[(place >= 0) if treated else (place < 0)]
        return kept, {key: value for key, value in {**design, "cutoff": cutoff}.items() if key != "received"}

    words = f"as if the limit were {cutoff:.4g}, among those {who}"
    return Specification(f"placebo_{who.replace(' ', '_')}", words, change, kind="placebo")


def _randomization(inputs: Inputs) -> bool:
    return inputs.options["estimator"] == "local_randomization"


def _density_flag(inputs: Inputs, side: np.ndarray) -> dict:
    density, count = _diff_diff.density_test(side), window_p(side)
    worst = min(density.p, count)
    tests = f"density test p = {density.p:.2g}, counts next to the cutoff p = {count:.2g}"
    if worst < DENSITY_WARN:
        message = f"More people than chance explains are on one side of the cutoff ({tests})."
        return _flag(inputs, "density", "block" if worst < DENSITY_BLOCK else "warn", message)
    message = (
        f"No sign was found that people were moved across the cutoff ({tests}). With this many rows, the test finds a "
        f"jump in numbers of {100 * density.detectable:.0f}% in 8 of 10 cases. It can miss a smaller one."
    )
    return _flag(inputs, "density", "info", message, affects_primary=False)


def _flag(inputs: Inputs, code: str, severity: str, message: str, affects_primary: bool = True) -> dict:
    facts = {"code": code, "severity": severity, "scope": inputs.outcome, "message": message}
    return {**facts, "affects_primary": affects_primary}


def _fit(inputs: Inputs, side, received=None, covariates=True, bandwidth=None) -> _diff_diff.Discontinuity:
    table = inputs.covariates if covariates and inputs.covariates.shape[1] else None
    try:
        return _diff_diff.discontinuity(
            inputs.y,
            side,
            received,
            table,
            bandwidth=bandwidth or inputs.options["bandwidth"],
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


def _fuzzy_rows(inputs: Inputs, side, method, bandwidth: float) -> list[dict]:
    """Rows late and first_stage; none where everyone near the cutoff did as eligible (the ITT is that
    effect).
    """
    received, note = inputs.roles["received"], ""
    try:
        fit = _fit(inputs, side, received)
    except DesignError:  # for some ratios there is no bandwidth with the smallest error
        fit, note = _fit(inputs, side, received, bandwidth=bandwidth), "no bandwidth of its own: that of the main row"
    if not fit.first_stage_se > 0:
        return []
    facts = {**_facts(inputs, side, fit), "mean_comparison": comparison_limit(received, side, fit.h[0])}
    return [
        _row(inputs, side, fit, "LATE at cutoff", f"fuzzy {method}", "late", note),
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
