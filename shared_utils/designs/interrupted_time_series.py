"""Interrupted time series: did one series jump, or change its slope, when the programme started?

Question: how far the outcome lies from where its own trend before the interruption would have taken it: at once (level
    change), by period from then on (slope change), and in the last period.
Assumption in plain words: without the programme the trend and the seasons before would have gone on; nothing else
    happened at that time. A control series among the covariates (the same outcome where there was no programme) takes
    out what moved both.
Estimator: segmented regression (Wagner, Soumerai, Zhang and Ross-Degnan 2002, J. Clin. Pharm. Ther. 27; Linden 2015,
    Stata Journal 15(2)) on time, after, time since the interruption, harmonics of the year and covariates; least
    squares, or Poisson with offset log exposure (options.family; by default Poisson when `exposure` is given and the
    outcome is a count). options.season: harmonics of the year, by default 1 with two years or more before the
    interruption in periods shorter than a year, else 0.
Variance: Newey-West with options.lags lags (by default floor(4 (n/100)^(2/9))), calibrated for short series under an
    AR(1) working model, t with Satterthwaite degrees of freedom (designs/_time_series.py). It allows for
    autocorrelation and, for Poisson, for overdispersion. options.se: newey_west gives the plain sum with n - k degrees
    of freedom, which is too small in short series.
Rows: main (level change), slope_change, trend_before, trend_after (by period), end_difference and end_ratio: the last
    period against its counterfactual. Poisson values, and end_ratio always, are logs of ratios; end_difference is in
    units of the outcome. mean_comparison is the counterfactual: a rate by exposure in the main row, an outcome in the
    last period in the end rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from shared_utils.designs import _inputs, _robustness
from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs, Option, Spec, need_variation
from shared_utils.designs._panel import comparable, first_period, show
from shared_utils.designs._result import row
from shared_utils.designs._robustness import Specification
from shared_utils.designs._time_series import Hac, default_lags, periods_a_year

MIN_SIDE = 3  # periods a side without which a slope has no error
FEW_BEFORE, FEW_BEFORE_SEASON = 12, 24
LEFT_ALPHA, OVERDISPERSED = 0.05, 1.5
NOTHING = 1e-6  # a fitted count this far below the mean is on its way to nought, and its logarithm to minus infinity
CONSTANT, TIME, AFTER, SINCE = range(4)  # columns of the design matrix
SPEC = Spec(
    columns={"time": "time", "exposure": "positive"},
    optional=("exposure",),
    values=("interruption",),
    options={
        "family": Option(None, (None, "linear", "poisson")),
        "season": Option(None, (None, 0, 1, 2)),
        "lags": Option(None, low=0, high=100),
        "se": Option("calibrated", ("calibrated", "newey_west")),
    },
)


@dataclass(frozen=True)
class Series:
    """A fitted series in order of time. x: columns constant, time, after, since, seasons, covariates; after: 0/1;
    means: fitted, in units of y; exposure: ones when there is none; hac: for standard errors.
    """

    labels: list[str]
    y: np.ndarray
    x: np.ndarray
    exposure: np.ndarray
    poisson: bool
    season: int
    a_year: float | None
    coefficients: np.ndarray
    means: np.ndarray
    hac: Hac

    @property
    def start(self) -> int:
        return int(self.x[:, AFTER].argmax())

    @property
    def counterfactual(self) -> np.ndarray:
        """What the fit says without the interruption, in units of y."""
        shift = self.x[:, [AFTER, SINCE]] @ self.coefficients[[AFTER, SINCE]]
        return self.means * np.exp(-shift) if self.poisson else self.means - shift


def estimate(inputs: Inputs) -> list[dict]:
    """Rows: main, slope_change, trend_before, trend_after, end_difference, end_ratio."""
    need_variation(inputs)
    series = fit(inputs)
    scale = "log rate ratio" if series.poisson else "level change"
    by_period = "log rate ratio by period" if series.poisson else "change by period"
    end = np.array([0, 0, 1, series.x[-1, SINCE]])
    without = series.counterfactual / series.exposure
    rows = [
        _row(inputs, series, scale, [0, 0, 1, 0], "main", mean_comparison=without[series.start]),
        _row(inputs, series, by_period, [0, 0, 0, 1], "slope_change"),
        _row(inputs, series, by_period, [0, 1, 0, 0], "trend_before"),
        _row(inputs, series, by_period, [0, 1, 0, 1], "trend_after"),
    ]
    with_it, without_it = series.means[-1], series.counterfactual[-1]
    last = f"{series.labels[-1]} against its counterfactual"
    difference = ratio = _padded(series, end)
    if series.poisson:
        base = series.x[-1] - ratio
        difference = with_it * series.x[-1] - without_it * base
    elif min(with_it, without_it) > 0:
        base = series.x[-1] - difference
        ratio = series.x[-1] / with_it - base / without_it
    facts = {"mean_comparison": without_it, "note": last}
    rows.append(_row(inputs, series, "difference", difference, "end_difference", value=with_it - without_it, **facts))
    if min(with_it, without_it) > 0:
        log_ratio = float(np.log(with_it / without_it))
        rows.append(_row(inputs, series, "log ratio", ratio, "end_ratio", value=log_ratio, **facts))
    return rows


def diagnose(inputs: Inputs) -> list[dict]:
    """Flags: too few periods before, autocorrelation the calibration does not cover, overdispersed counts."""
    series = fit(inputs)
    flags = []
    needed = FEW_BEFORE_SEASON if series.season else FEW_BEFORE
    if series.start < needed:
        flags.append(
            _flag(
                inputs,
                "few_periods_before",
                "serious",
                f"There are only {series.start} periods before the start, and {needed} are needed"
                f"{' (two years, to tell the seasons)' if series.season else ''}. The trend before is a guess.",
            )
        )
    p = _autocorrelation_left(series.hac)
    if p < LEFT_ALPHA:
        flags.append(
            _flag(
                inputs,
                "autocorrelation",
                "warn",
                f"Periods close to each other are more alike than the interval allows for (Ljung-Box p = {p:.2g}, "
                f"first-order part {series.hac.rho:.2f}). It may be too narrow.",
            )
        )
    dispersion = series.hac.residuals @ series.hac.residuals / (len(series.y) - series.x.shape[1])
    if series.poisson and dispersion > OVERDISPERSED:
        flags.append(
            _flag(
                inputs,
                "overdispersion",
                "info",
                f"The counts vary {dispersion:.1f} times as much as chance alone would have them. The standard error "
                "allows for it.",
            )
        )
    return flags


def specifications(frame: pd.DataFrame, design: Mapping) -> list[Specification]:
    """Other lags, other seasons, no control series, and the plain Newey-West sum, which is too narrow."""
    _inputs.check_design(design, SPEC)
    series = fit(_inputs.prepare(frame, design, design["outcome"], SPEC))
    planned = series.hac.lags
    out = [
        Specification(f"lags_{lags}", f"Newey-West with {lags} lags", _robustness.options(lags=lags))
        for lags in sorted({0, planned // 2, 2 * planned} - {planned})
    ]
    words = ("no seasons", "one wave a year", "two waves a year")
    for season in range(3 if (series.a_year or 0) > 4 else 1):
        if season != series.season:
            out.append(Specification(f"season_{season}", words[season], _robustness.options(season=season)))
    if design.get("covariates"):
        out.append(Specification("no_covariates", "without covariates", _robustness.keys(covariates=None)))
    plain = "Newey-West as packages print it, too narrow in short series"
    out.append(Specification("newey_west", plain, _robustness.options(se="newey_west"), kind="wrong"))
    return out


def paths(frame: pd.DataFrame, design: Mapping) -> pd.DataFrame:
    """Return the series and what its own past would have led to, one row a period: columns period (text), seen,
    fitted, expected, after (bool); rates by exposure for Poisson. Raises DesignError."""
    _inputs.check_design(design, SPEC)
    series = fit(_inputs.prepare(frame, design, design["outcome"], SPEC))
    columns = {"seen": series.y, "fitted": series.means, "expected": series.counterfactual}
    rates = {name: values / series.exposure for name, values in columns.items()}
    return pd.DataFrame({"period": series.labels, **rates, "after": series.x[:, AFTER] == 1})


def fit(inputs: Inputs) -> Series:
    """Return the fitted series of checked inputs. Raises DesignError."""
    where = f"Design {inputs.type}, outcome '{inputs.outcome}'"
    times = comparable(inputs.roles["time"], inputs.type, "time")
    order = np.argsort(times, kind="stable")
    times, y = times[order], inputs.y[order]
    twice = np.flatnonzero(times[1:] == times[:-1])
    if len(twice):
        raise DesignError(
            f"{where}: {len(twice)} row(s) repeat a period, first {show(times[twice[0]])}.",
            "Keep one row a period: add up the counts, or take the mean.",
        )
    start = int(first_period([inputs.values["interruption"]], times, inputs.type, "interruption")[0])
    if min(start, len(y) - start) < MIN_SIDE:
        raise DesignError(
            f"{where}: {start} period(s) before the interruption ({inputs.values['interruption']}) and "
            f"{len(y) - start} from then on; at least {MIN_SIDE} each are needed.",
            f"The table goes from {show(times[0])} to {show(times[-1])}.",
        )
    a_year = periods_a_year(times, inputs.type)
    season = _season(inputs, a_year, start)
    poisson = _is_poisson(inputs)
    exposure = inputs.roles["exposure"][order] if "exposure" in inputs.roles else np.ones(len(y))
    t = np.arange(len(y), dtype=float)
    waves = [wave(2 * np.pi * k * t / a_year) for k in range(1, season + 1) for wave in (np.cos, np.sin)]
    after = (t >= start).astype(float)
    segments = [np.ones(len(y)), t, after, (t - start) * after]
    x = np.column_stack([*segments, *waves, inputs.covariates.to_numpy()[order]])
    if np.linalg.matrix_rank(x) < x.shape[1] or len(y) - x.shape[1] < 2:
        raise DesignError(
            f"{where}: {len(y)} periods cannot carry {x.shape[1]} coefficients (trend, change, seasons, covariates).",
            "Use fewer covariates or options.season: 0, and no covariate that is a trend or a step itself.",
        )
    lags = default_lags(len(y)) if inputs.options["lags"] is None else int(inputs.options["lags"])
    coefficients, means = _poisson(y, x, exposure, where) if poisson else _least_squares(y, x)
    root = np.sqrt(means) if poisson else np.ones(len(y))
    hac = Hac(root[:, None] * x, (y - means) / root, lags)
    return Series([show(w) for w in times], y, x, exposure, poisson, season, a_year, coefficients, means, hac)


def _season(inputs: Inputs, a_year: float | None, start: int) -> int:
    asked = inputs.options["season"]
    if asked is None:
        return int(a_year is not None and a_year > 2 and start >= 2 * a_year)
    if asked and (a_year is None or a_year <= 2 * asked):
        raise DesignError(
            f"Design {inputs.type}: options.season = {asked} needs more than {2 * asked} periods a year, and "
            f"{'the times are plain numbers' if a_year is None else f'there are {a_year:g}'}.",
            "Give months or dates (2019-07), or use options.season: 0.",
        )
    return asked


def _is_poisson(inputs: Inputs) -> bool:
    family, y = inputs.options["family"], inputs.y
    count = bool((y >= 0).all() and (y == np.round(y)).all())
    poisson = family == "poisson" or (family is None and "exposure" in inputs.roles and count)
    if poisson and (y < 0).any():
        raise DesignError(
            f"Design {inputs.type}: outcome '{inputs.outcome}' has values below zero, which a Poisson model cannot "
            "have.",
            "Use options.family: linear.",
        )
    if not poisson and "exposure" in inputs.roles:
        raise DesignError(
            f"Design {inputs.type}: exposure is used by the Poisson family only.",
            "Give the outcome as a count, or as a rate without exposure.",
        )
    return poisson


def _least_squares(y, x):
    coefficients = np.linalg.lstsq(x, y, rcond=None)[0]
    return coefficients, x @ coefficients


def _poisson(y, x, exposure, where: str):
    from statsmodels.genmod.families import Poisson
    from statsmodels.genmod.generalized_linear_model import GLM

    fitted = GLM(y, x, family=Poisson(), offset=np.log(exposure)).fit(tol=1e-12)
    if not fitted.converged or fitted.mu.min() < NOTHING * fitted.mu.mean():
        raise DesignError(
            f"{where}: the Poisson fit does not settle.",
            "Check for a stretch without any count; longer periods or options.family: linear help.",
        )
    return fitted.params, fitted.mu


def _padded(series: Series, segments) -> np.ndarray:
    """A contrast of all coefficients from one of the four segment coefficients."""
    return np.append(np.asarray(segments, float), np.zeros(series.x.shape[1] - len(segments)))


def _row(inputs: Inputs, series: Series, estimand: str, contrast, role: str, value=None, **more) -> dict:
    contrast = _padded(series, contrast) if len(contrast) == 4 else contrast
    plain = inputs.options["se"] == "newey_west"
    se, df = series.hac.newey_west(contrast) if plain else series.hac.calibrated(contrast)
    words = "Poisson, " if series.poisson else "least squares, "
    words += f"{series.season} harmonic(s), " if series.season else ""
    words += f"Newey-West({series.hac.lags})" + ("" if plain else ", AR(1)-calibrated") + ", t"
    return row(
        inputs,
        estimand=estimand,
        value=contrast @ series.coefficients if value is None else value,
        se=se,
        df=df,
        method=words,
        role=role,
        n_treated=len(series.y) - series.start,
        n_comparison=series.start,
        **more,
    )


def _autocorrelation_left(hac: Hac) -> float:
    """The Ljung-Box p of the residuals after taking out the first-order autocorrelation the calibration assumes."""
    from statsmodels.stats.diagnostic import acorr_ljungbox

    rest = hac.residuals[1:] - hac.rho * hac.residuals[:-1]
    return float(acorr_ljungbox(rest, lags=[max(1, min(10, len(rest) // 5))]).lb_pvalue.iloc[0])


def _flag(inputs: Inputs, code: str, severity: str, message: str) -> dict:
    facts = {"code": code, "severity": severity, "scope": inputs.outcome, "message": message}
    return {**facts, "affects_primary": True}
