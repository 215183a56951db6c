"""How strong would a hidden difference have to be, or how unlike the rest the missing, to change the result?

Each answer is for one kind of analysis and needs its assumptions: E-value (ratios), Oster (how coefficients move when
controls enter), robustness value (least squares), Rosenbaum (matched pairs), tipping point (missing outcomes), and
the summary of a specification curve. None of them says that there is such a difference; they say what it would take.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

EXACT_PAIRS = 25  # up to this many pairs the signed-rank distribution is counted out, above it is normal


# --- E-value -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EValue:
    """How strongly a hidden factor would have to be tied to both taking part and the outcome, as risk ratios.

    estimate: to explain the whole estimate away; limit: to move the limit nearer to no effect onto it (1 when the
    interval includes no effect); risk_ratio: estimate and limits as risk ratios.
    """

    estimate: float
    limit: float
    risk_ratio: tuple[float, float, float]


def e_value(
    value: float, low: float, high: float, scale: str, *, rare: bool | None = None, mean_comparison: float | None = None
) -> EValue:
    """Return the E-value of an estimate and its interval (VanderWeele and Ding 2017, Ann. Intern. Med. 167, table 2).

    scale: "rr" (risk or rate ratio), "or" or "hr" (then `rare` says whether the outcome is under about 15 % at the end;
    if not, the paper's approximations are used), "difference" (of shares; `mean_comparison` is the share without the
    programme, held fixed, so that its own uncertainty is not in the limit), "smd" (standard deviations, exp(.91 d)).
    Raises ValueError when an input is missing or impossible.
    """
    if not low <= value <= high:
        raise ValueError(f"The estimate {value} must lie in its interval [{low}, {high}].")
    ratio = _risk_ratio(scale, rare, mean_comparison)
    if scale in ("rr", "or", "hr") and low < 0 or ratio(value) <= 0:
        raise ValueError(f"An E-value needs a risk ratio above 0; {value} [{low}, {high}] as '{scale}' gives none.")
    found = tuple(max(float(ratio(x)), 0.0) for x in (value, low, high))
    nearer = found[1] if found[0] > 1 else found[2]
    return EValue(_e(found[0]), 1.0 if found[1] <= 1 <= found[2] else _e(nearer), found)


def _e(ratio: float) -> float:
    ratio = 1 / ratio if ratio < 1 else ratio
    return float(ratio + np.sqrt(ratio * (ratio - 1)))


def _risk_ratio(scale: str, rare: bool | None, mean_comparison: float | None):
    """The function that turns a number on `scale` into a risk ratio."""
    if scale in ("or", "hr") and rare is None:
        raise ValueError(f"An E-value for scale '{scale}' needs `rare`: is the outcome under about 15 % at the end?")
    if scale == "difference" and (mean_comparison is None or not 0 < mean_comparison < 1):
        raise ValueError(
            f"An E-value for a difference of shares needs mean_comparison between 0 and 1, not {mean_comparison}."
        )
    scales = {
        "rr": lambda x: x,
        "or": (lambda x: x) if rare else np.sqrt,
        "hr": (lambda x: x) if rare else _common_hazard_ratio,
        "difference": lambda x: (mean_comparison + x) / mean_comparison,
        "smd": lambda x: np.exp(0.91 * x),
    }
    if scale not in scales:
        raise ValueError(f"Unknown scale '{scale}' for an E-value. Valid: {', '.join(scales)}.")
    return scales[scale]


def _common_hazard_ratio(x: float) -> float:
    return (1 - 0.5 ** np.sqrt(x)) / (1 - 0.5 ** np.sqrt(1 / x)) if x > 0 else 0.0


# --- Oster -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Oster:
    """delta: how many times as strong as the controls hidden factors must be for an effect of zero (below 0: they would
    have to work the other way); beta_star: the effect were they exactly as strong; r_max: R2 with everything known."""

    delta: float
    beta_star: float
    r_max: float
    value_without: float
    r2_without: float
    value_with: float
    r2_with: float


def oster(y, treatment, controls, r_max: float | None = None) -> Oster:
    """Return Oster's delta and beta* (2019, JBES 37(2), propositions 2 and 3: exact, not section 3.1's approximation).

    y, treatment: arrays (n,); controls: numeric array (n, k). r_max: 1.3 times R2 with the controls, at most 1, unless
    given (section 4.2). Of two solutions for beta* the one nearer to the estimate that keeps the direction in which the
    controls moved it (assumption 3). Raises ValueError for an r_max that the controls already pass.
    """
    y, x = np.asarray(y, float), np.asarray(treatment, float)
    controls = np.asarray(controls, float).reshape(len(y), -1)
    _need_numbers(y, x, controls)
    value_0, r2_0 = _fit(y, x[:, None])
    value_1, r2_1 = _fit(y, np.column_stack([x, controls]))
    r_max = min(1.0, 1.3 * r2_1) if r_max is None else r_max
    if not r2_1 < r_max <= 1:
        raise ValueError(f"r_max must lie above the R2 with controls ({r2_1:.3f}) and be at most 1, not {r_max}.")
    moved, spread, left = value_0 - value_1, x.var(), _residuals(x, controls).var()
    gained, hidden = (r2_1 - r2_0) * y.var(), (r_max - r2_1) * y.var()
    u, curve = value_1, left * moved * spread
    cubic = u**3 * (left * spread - left**2)
    above = u * left * (gained + spread * moved**2) + 2 * u**2 * curve + cubic
    below = hidden * moved * spread + u * hidden * (spread - left) + u**2 * curve + cubic
    roots = np.roots([-curve, hidden * (spread - left) - left * (gained + spread * moved**2), hidden * moved * spread])
    candidates = value_1 - roots[np.abs(roots.imag) < 1e-9].real
    onward = candidates[np.sign(candidates - value_1) == np.sign(value_1 - value_0)]
    choice = onward if len(onward) else candidates
    beta_star = choice[np.argmin(np.abs(choice - value_1))]
    delta = above / below if below else np.inf
    return Oster(float(delta), float(beta_star), float(r_max), value_0, r2_0, value_1, r2_1)


def _need_numbers(*arrays: np.ndarray) -> None:
    if not all(np.isfinite(values).all() for values in arrays):
        raise ValueError(
            "Outcome, treatment and covariates must be known numbers in every row; fill or leave out the rest."
        )


def _residuals(y: np.ndarray, columns: np.ndarray) -> np.ndarray:
    design = np.column_stack([np.ones(len(y)), columns])
    return y - design @ np.linalg.lstsq(design, y, rcond=None)[0]


def _fit(y: np.ndarray, columns: np.ndarray) -> tuple[float, float]:
    """(coefficient of the first column, R2) with an intercept."""
    own = _residuals(columns[:, 0], columns[:, 1:])
    if own.var() < 1e-12 * columns[:, 0].var() or y.var() == 0:
        raise ValueError(
            "Nothing is left to compare: the outcome is constant, or the controls determine the treatment."
        )
    return float(own @ y / (own @ own)), float(1 - _residuals(y, columns).var() / y.var())


# --- Robustness value ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OmittedVariable:
    """Least squares and what a hidden factor would need.

    partial_r2: share of the outcome's variation left by the covariates that the treatment explains; robustness_value:
    share of that of both the treatment and the outcome a hidden factor must explain to bring the estimate to zero;
    robustness_value_alpha: to bring its interval to zero. bounds: one row a benchmark and multiple with r2_treatment,
    r2_outcome and the value, se, ci_low, ci_high left after a hidden factor that many times as strong as the benchmark;
    strongest: the benchmark that moves the estimate most at multiple 1.
    """

    value: float
    se: float
    df: int
    partial_r2: float
    robustness_value: float
    robustness_value_alpha: float
    bounds: pd.DataFrame
    strongest: str


def partial_r2(t: float, df: float) -> float:
    """Return t2 / (t2 + df): the partial R2 of a coefficient (Cinelli and Hazlett 2020, section 4.2)."""
    return float(t**2 / (t**2 + df))


def robustness_value(t: float, df: float, alpha: float | None = None) -> float:
    """Return the robustness value of a t statistic (Cinelli and Hazlett 2020, JRSS-B 82(1), equations 18 and 19).

    alpha: with it, the strength that makes the estimate no longer clear at that level; 0 when it is not clear anyway.
    """
    f = abs(t) / np.sqrt(df)
    critical = 0.0 if alpha is None else stats.t.isf(alpha / 2, df - 1) / np.sqrt(df - 1)
    if f <= critical:
        return 0.0
    if f * critical > 1:  # the hidden factor need not be as strong for the outcome (their later note on eq. 19)
        return float((f**2 - critical**2) / (1 + f**2))
    g = f - critical
    return float((np.sqrt(g**4 + 4 * g**2) - g**2) / 2)


def omitted_variable(
    y, treatment, covariates: pd.DataFrame, benchmarks: Mapping[str, list[str]] | None = None, alpha: float = 0.05
) -> OmittedVariable:
    """Return the robustness values and the benchmark bounds at 1, 2 and 3 times each benchmark (section 4.4).

    y, treatment: arrays (n,); covariates: numeric columns. benchmarks: name -> columns it consists of (the indicators
    of a category together); each column by itself unless given. The standard error is that of ordinary least squares.
    A multiple that no factor could reach (it would explain the whole treatment) has no row.
    """
    y, d = np.asarray(y, float), np.asarray(treatment, float)
    others = covariates.to_numpy(float, na_value=np.nan)
    _need_numbers(y, d, others)
    own, rest = _residuals(d, others), _residuals(y, others)
    df = len(y) - 2 - np.linalg.matrix_rank(others - others.mean(axis=0))
    if df < 2 or own.var() < 1e-12 * d.var():
        raise ValueError("The covariates determine the treatment or leave no degrees of freedom; use fewer of them.")
    value = own @ rest / (own @ own)
    left = rest - value * own
    se = np.sqrt(left @ left / df / (own @ own))
    rows = []
    for name, columns in (benchmarks or {column: [column] for column in covariates}).items():
        without = covariates.drop(columns=columns).to_numpy(float)
        r2_d = _share_explained(_residuals(d, without), own)
        r2_y = _share_explained(_residuals(y, np.column_stack([without, d])), left)
        rows += [_bound(name, k, value, se, df, r2_d, r2_y, alpha) for k in (1, 2, 3) if k * r2_d < 1 - r2_d]
    bounds = pd.DataFrame(rows, columns=[
        "benchmark", "multiple", "r2_treatment", "r2_outcome", "value", "se", "ci_low", "ci_high",
    ])  # fmt: skip
    first = bounds[bounds["multiple"] == 1]
    strongest = first.loc[(first["value"] * np.sign(value)).idxmin(), "benchmark"] if len(first) else ""
    t = value / se
    both = robustness_value(t, df), robustness_value(t, df, alpha)
    return OmittedVariable(float(value), float(se), int(df), partial_r2(t, df), *both, bounds, strongest)


def _share_explained(without: np.ndarray, within: np.ndarray) -> float:
    return float(1 - within @ within / (without @ without))


def _bound(name, k, value, se, df, r2_d, r2_y, alpha) -> tuple:
    """One row of the benchmark bounds (Cinelli and Hazlett 2020, section 4.4 and supplement B)."""
    hidden_d = k * r2_d / (1 - r2_d)
    linked = k * r2_d**2 / ((1 - k * r2_d) * (1 - r2_d))
    hidden_y = min(1.0, (np.sqrt(k) + np.sqrt(linked)) ** 2 / (1 - linked) * r2_y / (1 - r2_y)) if linked < 1 else 1.0
    new = value - np.sign(value) * se * np.sqrt(df * hidden_y * hidden_d / (1 - hidden_d))
    new_se = se * np.sqrt((1 - hidden_y) / (1 - hidden_d) * df / (df - 1))
    half = stats.t.isf(alpha / 2, df - 1) * new_se
    return name, k, hidden_d, hidden_y, new, new_se, new - half, new + half


# --- Rosenbaum -----------------------------------------------------------------------------------------------------


def rosenbaum(differences, gammas=(1, 1.5, 2, 3, 4, 5), level: float = 0.95) -> pd.DataFrame:
    """Return what remains if hidden factors could raise the odds that one of a pair is the treated one gamma times.

    differences: treated less comparison in each matched pair, more is better. Columns: gamma, p_max (largest one-sided
    p of no effect), estimate_low and estimate_high (Hodges-Lehmann), ci_low and ci_high (at `level`; -inf or inf where
    these few pairs cannot bound the effect). Wilcoxon signed ranks; a zero difference keeps its rank and counts for
    neither side (Rosenbaum 2002, Observational Studies, 2nd ed., sections 4.3.2-4.3.5). Counted out up to 25 pairs,
    normal above.
    """
    d = np.asarray(differences, float)
    if not np.isfinite(d).all() or not d.any() or min(gammas) < 1:
        raise ValueError("Pairs need known differences, not all of them zero, and each gamma must be at least 1.")
    tail = (1 - level) / 2
    rows = [
        {
            "gamma": gamma,
            "p_max": _signed_rank_p(d, gamma),
            "estimate_low": _shift(d, gamma),
            "estimate_high": -_shift(-d, gamma),
            "ci_low": _limit(d, gamma, tail),
            "ci_high": -_limit(-d, gamma, tail),
        }
        for gamma in gammas
    ]
    return pd.DataFrame(rows)


def _signed_ranks(d: np.ndarray) -> tuple[np.ndarray, float]:
    ranks = stats.rankdata(np.abs(d)) * (d != 0)
    return ranks, float(ranks[d > 0].sum())


def _signed_rank_p(d: np.ndarray, gamma: float) -> float:
    """The largest chance of so large a rank sum: each difference is positive with chance gamma / (1 + gamma)."""
    ranks, total = _signed_ranks(d)
    chance = gamma / (1 + gamma)
    if len(d) > EXACT_PAIRS:
        spread = np.sqrt(chance * (1 - chance) * (ranks**2).sum())
        return float(stats.norm.sf((total - chance * ranks.sum()) / spread))
    distribution = np.ones(1)
    for doubled in np.rint(2 * ranks).astype(int):  # tied ranks are halves
        grown = np.zeros(len(distribution) + doubled)
        grown[: len(distribution)] += (1 - chance) * distribution
        grown[doubled:] += chance * distribution
        distribution = grown
    return float(min(1.0, distribution[int(np.rint(2 * total)) :].sum()))


def _shift(d: np.ndarray, gamma: float) -> float:
    """The effect at which the rank sum equals its expectation; the middle where a stretch of effects does."""

    def excess(effect):
        ranks, total = _signed_ranks(d - effect)
        return total - gamma / (1 + gamma) * ranks.sum()

    return (_last(d, lambda effect: excess(effect) > 1e-9) + _last(d, lambda effect: excess(effect) > -1e-9)) / 2


def _limit(d: np.ndarray, gamma: float, tail: float) -> float:
    return _last(d, lambda effect: _signed_rank_p(d - effect, gamma) < tail)


def _last(d: np.ndarray, holds) -> float:
    """The largest effect for which `holds`, true below and false above it; -inf when it never holds."""
    low, high = d.min() - 1, d.max() + 1
    if not holds(low):
        return -np.inf
    while high - low > 1e-10 * max(1.0, abs(low), abs(high)):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return (low + high) / 2


# --- Missing outcomes ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TippingPoint:
    """delta: how much less favourable than the treated who were seen the missing treated must be on average for the
    interval to reach zero; mean_missing: their mean then; possible: whether they can be that unlike the rest at all."""

    delta: float
    mean_missing: float
    possible: bool


def tipping_point(
    value: float,
    se: float,
    mean_treated: float,
    n_treated: int,
    missing_treated: int,
    *,
    df: float = np.inf,
    level: float = 0.95,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> TippingPoint:
    """Return how unlike the rest the missing treated must be for a clear result to become unclear.

    value, se: the effect among those seen; mean_treated: their mean outcome with the programme; n_treated: everyone
    assigned to it, of whom missing_treated have no outcome. bounds: possible outcomes, (0, 1) for shares. The missing
    of the comparison group are taken to be like those seen. With pi = missing / assigned the effect is value - pi
    delta, its variance se2 + delta2 pi (1 - pi) / n (White, Carpenter and Horton 2018, A mean score method for
    sensitivity analysis to departures from the missing at random assumption, Statistica Sinica 28(4)).
    Raises ValueError when nobody is missing or the result is not clear to begin with.
    """
    if not 0 < missing_treated < n_treated:
        raise ValueError(f"{missing_treated} of {n_treated} treated are missing: it must be some, and not all.")
    t = stats.t.isf((1 - level) / 2, df)
    if not abs(value) > t * se > 0:
        raise ValueError("The interval includes zero already, so there is no clear result for the missing to undo.")
    share = missing_treated / n_treated
    lead = share**2 - t**2 * share * (1 - share) / n_treated
    roots = np.roots([lead, -2 * abs(value) * share, value**2 - (t * se) ** 2]).real
    delta = roots[roots > 0].min()  # lead < 0: one root is positive; lead > 0: both are, and the smaller comes first
    mean = mean_treated - np.sign(value) * delta
    return TippingPoint(float(delta), float(mean), bool(bounds[0] <= mean <= bounds[1]))


# --- Specification curve -------------------------------------------------------------------------------------------


def specification_summary(table: pd.DataFrame) -> dict:
    """Return {n_specs, same_sign_share, same_decision_share, min, max} of one contrast.

    table: what designs.robustness returns. Only `choice` rows with an estimate count, the planned one among them: other
    kinds do not estimate the same thing, or are known to mislead. Shares are of the estimates that agree with the
    planned one; same_decision_share is None without decisions; min and max are on the scale of `value`. No p over
    specifications is computed (protocol 5.3, I5; after Simonsohn, Simmons and Nelson 2020, Nature Human Behaviour 4).
    Raises ValueError for several contrasts or no planned estimate.
    """
    found = table[(table["kind"] == "choice") & table["value"].notna()]
    planned = found[found["specification"] == "planned"]
    if len(planned) != 1:
        raise ValueError(f"A summary needs one planned estimate, not {len(planned)}; give one contrast at a time.")
    planned = planned.iloc[0]
    same_decision = found["decision"] == planned["decision"]
    return {
        "n_specs": len(found),
        "same_sign_share": float((np.sign(found["value"]) == np.sign(planned["value"])).mean()),
        "same_decision_share": float(same_decision.mean()) if planned["decision"] else None,
        "min": float(found["value"].min()),
        "max": float(found["value"].max()),
    }
