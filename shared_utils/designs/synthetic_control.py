"""Synthetic control: how did the treated unit move beyond a weighted twin made of others?

Question: the mean effect on the treated unit after adoption (ATT), when one unit or a few were treated. Several
    treated units are averaged first, each counting once.
Assumption in plain words: a mix of the other units that followed the treated one for a long time before adoption would
    have gone on following it; nothing else happened to the treated unit only; no spillover to the others.
Estimator: options.method scm (Abadie, Diamond and Hainmueller 2010, JASA 105): the twin matches the level of outcome
    in every period before adoption, or with `covariates` the mean of each over those periods (give an earlier outcome
    as a column of its own to match it too). sdid (Arkhangelsky et al. 2021, AER 111(12)): the twin runs parallel.
    Both are solved in designs/_synthetic.py.
Variance: there is no classical standard error with one treated unit. The same analysis is repeated for units that were
    not treated; how large effects come out where there is none is the yardstick, and it assumes that every unit was as
    likely to be the treated one and is as noisy. `se` is the standard deviation of these placebo effects
    (Arkhangelsky et al. 2021, algorithm 4). sdid: its interval and p are normal with that se, as in the paper. scm:
    `p` is the rank of the mean gap divided by the error before adoption, and the interval holds all constant effects
    this rank test does not reject, so it may be unbounded: with 19 units or fewer it always is at 95 %.
p_ri: the rank in the placebo distribution, of the ratio of errors after and before adoption for scm (Abadie et al.),
    of the absolute effect for sdid. It counts every unit that could have been treated as equally likely.
Rows: main (columns pre_rmspe, rmspe_ratio) and event_time, the gap of each period, columns `event_time`, `period`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from shared_utils.designs import _inputs, _robustness, _synthetic
from shared_utils.designs._errors import DesignError, listed
from shared_utils.designs._inputs import Inputs, Option, Spec, need_variation
from shared_utils.designs._panel import Panel, comparable, first_period, panel
from shared_utils.designs._result import row
from shared_utils.designs._robustness import Specification
from shared_utils.designs._synthetic import Fitter, Twin, rank_interval
from shared_utils.errors import nearest
from shared_utils.stats.randomization import tail_share

FEW_DONORS, POOR_FIT = 10, 0.25  # 0.25 SD: the WWC's limit for groups that can be called equivalent at the start
MIN_BEFORE = 3  # periods before adoption without which no fit can be judged
EXACT = 1e-3  # of the range of the outcome: a smaller error before adoption counts as this, or any gap would be extreme
MATTERS = 0.05  # weight from which a donor is left out in turn
SPEC = Spec(
    columns={"unit": "label", "time": "time"},
    values=("treated_units", "adoption"),
    options={"method": Option("scm", ("scm", "sdid"))},
)


def estimate(inputs: Inputs) -> list[dict]:
    """Rows: main (ATT) and event_time."""
    need_variation(inputs)
    case = case_of(inputs)
    twin, others = case.twin(), case.placebos()
    rows = [
        _row(
            case,
            twin.effect,
            [other.effect for _, other in others],
            twin,
            others,
            mean_comparison=case.path[case.start :].mean() - twin.effect,
            p_ri=_rank(case, twin, [other for _, other in others]),
            pre_rmspe=twin.pre_rmspe,
            rmspe_ratio=twin.post_rmspe / case.error(twin),
        )
    ]
    for t, gap in enumerate(twin.gap):
        rows.append(
            _row(
                case,
                gap,
                [other.gap[t] for _, other in others],
                twin,
                others,
                role="event_time",
                mean_comparison=case.path[t] - gap,
                event_time=t - case.start,
                period=case.table.labels[t],
            )
        )
    return rows


def diagnose(inputs: Inputs) -> list[dict]:
    """Flags: a poor fit before adoption, fewer than 10 donors, a treated unit outside the range of the donors."""
    case = case_of(inputs)
    before, donors = case.outcome[:, : case.start], case.donors
    error, spread = case.twin().pre_rmspe, before[donors].std(ddof=1)
    flags = []
    if error > POOR_FIT * spread:
        flags.append(
            _flag(
                inputs,
                "poor_pre_fit",
                "serious",
                f"Before the start the twin misses the treated unit by {error:.3g} on average. That is more than "
                f"{POOR_FIT} of the spread of the other units ({spread:.3g}). So the twin cannot tell what would have "
                "come.",
            )
        )
    if len(donors) < FEW_DONORS:
        flags.append(
            _flag(
                inputs,
                "few_donors",
                "warn",
                f"There are {len(donors)} other units, fewer than {FEW_DONORS}. The smallest p they allow is "
                f"{1 / (len(donors) + 1):.2f}.",
            )
        )
    path = case.path[: case.start]
    outside = int(((path > before[donors].max(axis=0)) | (path < before[donors].min(axis=0))).sum())
    if outside and not case.parallel:
        flags.append(
            _flag(
                inputs,
                "outside_donors",
                "serious" if outside > case.start / 2 else "warn",
                f"In {outside} of {case.start} periods before the start the treated unit lies above or below all "
                "the others. No mix of them can follow it there.",
            )
        )
    return flags


def weights(frame: pd.DataFrame, design: Mapping) -> pd.DataFrame:
    """Return what the twin is made of: columns kind (unit, period), name, weight, largest first within kind.

    Weights are at or above zero and sum to 1 within kind; only sdid weighs periods. Raises DesignError.
    """
    case = _open(frame, design)
    twin = case.twin()
    parts = [("unit", case.names[case.donors], twin.unit_weights[case.donors])]
    if case.parallel:
        parts.append(("period", case.table.labels[: case.start], twin.period_weights))
    tables = [pd.DataFrame({"kind": kind, "name": names, "weight": values}) for kind, names, values in parts]
    return pd.concat(
        [table.sort_values("weight", ascending=False, kind="stable") for table in tables], ignore_index=True
    )


def paths(frame: pd.DataFrame, design: Mapping) -> pd.DataFrame:
    """Return the treated mean and its twin, one row a period: columns period (text), seen, expected, after (bool).

    For sdid the twin is moved up or down to meet the treated on average before adoption. Raises DesignError.
    """
    case = _open(frame, design)
    seen = case.path
    after = np.arange(len(seen)) >= case.start
    return pd.DataFrame({"period": case.table.labels, "seen": seen, "expected": seen - case.twin().gap, "after": after})


def specifications(frame: pd.DataFrame, design: Mapping) -> list[Specification]:
    """The other method, no predictors, each donor that matters left out, and an adoption half way before (placebo)."""
    case = _open(frame, design)
    out = [Specification("scm", "synthetic control", _robustness.options(method="scm"))]
    if not case.parallel:
        out = [Specification("sdid", "synthetic difference-in-differences", _as_sdid)]
    if design.get("covariates"):
        alone = _robustness.keys(covariates=None)
        out.append(Specification("no_predictors", "matched on the outcome alone", alone))
    for unit in np.flatnonzero(case.twin().unit_weights >= MATTERS):
        name = case.names[unit]
        out.append(Specification(f"without_{name}", f"without {name}", _robustness.rows(_others(design, name))))
    if case.start >= 2 * MIN_BEFORE:
        label = case.table.labels[case.start // 2]
        words = f"as if adoption had been in {label}, with data up to the real one"
        out.append(Specification("placebo_date", words, _earlier(case), kind="placebo"))
    return out


@dataclass(frozen=True)
class Case:
    """A checked panel: outcome (units, periods) without gaps; treated and donors are row numbers of it."""

    inputs: Inputs
    table: Panel
    names: np.ndarray
    outcome: np.ndarray
    start: int
    treated: np.ndarray
    predictors: np.ndarray | None
    note: str

    @property
    def parallel(self) -> bool:
        return self.inputs.options["method"] == "sdid"

    @property
    def donors(self) -> np.ndarray:
        return np.setdiff1d(np.arange(len(self.names)), self.treated)

    @property
    def path(self) -> np.ndarray:
        return self.outcome[self.treated].mean(axis=0)

    @property
    def fit(self) -> Fitter:
        if self.parallel:
            return _synthetic.sdid(self.outcome, self.start)
        return _synthetic.scm(self.outcome, self.start, self.predictors, self.inputs.seed)

    def twin(self) -> Twin:
        return self.fit(self.treated, self.donors)

    def error(self, twin: Twin) -> float:
        """The error before adoption that a gap after it is measured by."""
        return max(twin.pre_rmspe, EXACT * float(np.ptp(self.outcome)))

    def placebos(self) -> list[tuple[np.ndarray, Twin]]:
        """As published: sdid draws from the donors alone, scm puts the treated units among the others' donors."""
        pool = self.donors if self.parallel else np.arange(len(self.names))
        return _synthetic.placebos(self.fit, pool, self.treated, self.inputs.seed)


def case_of(inputs: Inputs) -> Case:
    """Return the panel of the inputs, with donors that lack a period left out and counted."""
    where = f"Design {inputs.type}, outcome '{inputs.outcome}'"
    table = panel(inputs)
    names = np.unique(inputs.roles["unit"].astype(str))
    start = int(first_period([inputs.values["adoption"]], table.times, inputs.type, "adoption")[0])
    if not MIN_BEFORE <= start < len(table.times):
        raise DesignError(
            f"{where}: {start} period(s) before adoption ({inputs.values['adoption']}) and {len(table.times) - start} "
            f"from then on; at least {MIN_BEFORE} before and 1 after are needed.",
            f"The table goes from {table.labels[0]} to {table.labels[-1]}.",
        )
    is_treated = np.isin(names, _treated_names(inputs, names))
    present = table.dense(np.ones(len(inputs.y)))
    complete = present.all(axis=1)
    if not complete[is_treated].all():
        unit = np.flatnonzero(is_treated & ~complete)[0]
        missing = [label for label, seen in zip(table.labels, present[unit], strict=True) if not seen]
        raise DesignError(
            f"{where}: treated unit '{names[unit]}' has no outcome in {listed(missing)}.",
            "The treated units need every period; fill the gap or start the table later.",
        )
    n_donors = int((complete & ~is_treated).sum())
    if n_donors < 3 or n_donors <= is_treated.sum():
        raise DesignError(
            f"{where}: {n_donors} other unit(s) have every period.",
            "At least three, and more than the treated units, are needed to make a twin and to try placebos.",
        )
    predictors, left_out = _predictors(inputs, table, start), listed(names[~complete])
    return Case(
        inputs,
        table,
        names[complete],
        table.dense(inputs.y)[complete],
        start,
        np.flatnonzero(is_treated[complete]),
        None if predictors is None else predictors[complete],
        f"left out for missing periods: {left_out}" if left_out else "",
    )


def _treated_names(inputs: Inputs, names: np.ndarray) -> list[str]:
    given = inputs.values["treated_units"]
    treated = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    treated = [str(name) for name in treated]
    unknown = [name for name in treated if name not in names]
    if unknown:
        raise DesignError(
            f"Design {inputs.type}: treated unit '{unknown[0]}' is not in the table.{nearest(unknown[0], names)}",
            f"Units: {listed(names)}.",
        )
    return treated


def _predictors(inputs: Inputs, table: Panel, start: int) -> np.ndarray | None:
    """The mean of each covariate before adoption, (units, k)."""
    columns = inputs.covariates
    if not columns.shape[1]:
        return None
    if inputs.options["method"] == "sdid":
        raise DesignError(
            f"Design {inputs.type}: sdid uses no covariates.", "Take them out, or use options.method: scm."
        )
    gaps = [name for name in columns if name.endswith("(missing)")]
    if gaps:
        raise DesignError(
            f"Design {inputs.type}: covariate '{gaps[0].removesuffix(' (missing)')}' has missing values.",
            "Give one number a unit in all its rows, for example its mean over the years it is known.",
        )
    before = table.period < start
    unit = table.unit[before]
    means = [np.bincount(unit, columns[name][before], table.shape[0]) for name in columns]
    return (np.array(means) / np.maximum(np.bincount(unit, minlength=table.shape[0]), 1)).T


def _rank(case: Case, twin: Twin, others: list[Twin]) -> float:
    if case.parallel:
        return tail_share(twin.effect, np.array([one.effect for one in others]), case.inputs.alternative)
    ratios = np.array([one.post_rmspe / case.error(one) for one in others])
    return tail_share(twin.post_rmspe / case.error(twin), ratios, "greater")


def _row(case: Case, value, effects, twin: Twin, others, **more) -> dict:
    """One row: `value` beside the same quantity of the placebos."""
    effects = np.array(effects)
    se = float(effects.std())
    facts = {"estimand": "ATT", "value": value, "se": se, "note": case.note, "n": case.outcome.size}
    counts = {"n_clusters": len(case.names), "n_treated": len(case.treated), "n_comparison": len(case.donors)}
    if case.parallel:
        words = "synthetic difference-in-differences, placebo standard error, normal"
        return row(case.inputs, method=words, **facts, **counts, **more)
    scale, scales = case.error(twin), np.array([case.error(other) for _, other in others])
    leaks = np.array([other.unit_weights[case.treated].sum() - np.isin(case.treated, units).mean()
                      for units, other in others])  # fmt: skip
    return row(
        case.inputs,
        interval=rank_interval(value, scale, effects, scales, leaks, case.inputs.level),
        p=tail_share(value / scale, effects / scales, case.inputs.alternative),
        method="synthetic control, placebo ranks",
        **facts,
        **counts,
        **more,
    )


def _flag(inputs: Inputs, code: str, severity: str, message: str) -> dict:
    facts = {"code": code, "severity": severity, "scope": inputs.outcome, "message": message}
    return {**facts, "affects_primary": True}


def _open(frame: pd.DataFrame, design: Mapping) -> Case:
    _inputs.check_design(design, SPEC)
    return case_of(_inputs.prepare(frame, design, design["outcome"], SPEC))


def _as_sdid(frame: pd.DataFrame, design: dict) -> tuple[pd.DataFrame, dict]:
    """The same panel by synthetic difference-in-differences, which takes no predictors."""
    return _robustness.options(method="sdid")(*_robustness.keys(covariates=None)(frame, design))


def _others(design: Mapping, name: str):
    return lambda frame: frame[design["unit"]].astype(str) != name


def _earlier(case: Case):
    """Only periods before the real adoption, with one half way as the adoption."""
    middle, real = pd.Index(case.table.times).tolist()[case.start // 2], case.table.times[case.start]

    def change(frame, design):
        before = comparable(frame[design["time"]], design["type"], "time") < real
        return frame[before], {**design, "adoption": middle}

    return change
