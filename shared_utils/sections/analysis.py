"""From a city's study to its estimates: the design as the plan has it, the rows, their place in the
record."""

import math
from dataclasses import replace

from shared_utils import designs, disclosure
from shared_utils.config.names import PANEL_TYPES
from shared_utils.sections import wording
from shared_utils.sections.record import clean
from shared_utils.sections.scales import Scale, scale_of, told_share
from shared_utils.stats import balance

# Estimates that go into the record; the other rows are comparisons that only the notebook shows.
ROLES = {
    "main": "primary",
    "cace": "sensitivity",
    "itt": "sensitivity",
    "late": "sensitivity",
    "unadjusted": "sensitivity",
    "first_stage": "first_stage",
}
# Designs whose rows are places or periods: they are counted, not hidden.
PANELS = (*PANEL_TYPES, "interrupted_time_series")


def design(book, outcome: str, draws: int | None = None, **changes) -> dict:
    """The mapping for designs.estimate: the study's design, the plan's level, this run's seed and draws."""
    study = book.study
    options = dict(study.design.get("options") or {})
    if "ri_draws" in designs.REGISTRY[study.design["type"]].SPEC.options:
        options["ri_draws"] = book.draws if draws is None else draws
    return {
        **study.design,
        "outcome": outcome,
        "labels": study.labels,
        "level": book.config.decision.level,
        "seed": book.seed,
        "options": options,
        **changes,
    }


def estimates(frame, design: dict) -> list[dict]:
    """Rows of designs.estimate as plain mappings; what is not there is None."""
    return plain_rows(designs.estimate(frame, design))


def plain_rows(table) -> list[dict]:
    """Rows of a frame as plain mappings; what is not there is None."""
    return [clean(row) for row in table.to_dict("records")]


def main_rows(rows: list[dict]) -> list[dict]:
    """The rows the decision reads: one, or one a contrast."""
    return [row for row in rows if row["role"] == "main"]


def of_role(rows: list[dict], role: str) -> dict | None:
    return next((row for row in rows if row["role"] == role), None)


def scale(book, outcome=None) -> Scale:
    """The scale of an outcome of city.yml, by default the primary one."""
    return scale_of(outcome or book.config.primary, book.config.design)


def row_scale(book, row: dict) -> Scale:
    """The scale of one row of an analysis: some stand beside the main one in units of their own."""
    own = {
        "RMST difference": Scale("mean_diff", "units of time"),
        "difference in share by horizon": Scale("prob_diff", "percentage points"),
        "difference": Scale("mean_diff", f"{book.config.primary.label}, number"),
        "share taking part": Scale("prob_diff", "percentage points"),
    }
    return own.get(row["estimand"], scale(book))


def means(book, row: dict) -> tuple[float | None, float | None]:
    """(mean with, mean without) of a row; both None when either would tell of a group of 1-10 people."""
    without = row["mean_comparison"]
    name = scale(book).name
    if without is None or name == "log_hr":  # a ratio of hazards has no mean with and without
        return None, None
    with_it = without * math.exp(row["value"]) if name == "log_irr" else without + row["value"]
    if name == "prob_diff" and not is_panel(book):
        pairs = ((with_it, row["n_treated"]), (without, row["n_comparison"]))
        if not all(0 <= p <= 1 and disclosure.shows_group(round(p * n), n, book.rules) for p, n in pairs):
            return None, None
    return with_it, without


def told(book, row: dict) -> wording.Told:
    """A row with everything a sentence needs; multi-arm rows use their simultaneous interval."""
    outcome = book.config.primary
    low, high = decision_interval(row)
    with_words, without_words = compared(book, row)
    with_it, without = means(book, row)
    return wording.Told(
        scale=scale(book),
        direction=outcome.direction,
        value=row["value"],
        low=low,
        high=high,
        se=row["se"],
        mean_with=with_it,
        mean_without=without,
        n=row["n"],
        mwe=book.config.mwe,
        label=outcome.label,
        with_words=with_words,
        without_words=without_words,
        subject=subject(book, row),
    )


def pace(book) -> list[str]:
    """What a ratio of paces is a ratio of: how many had the event by the horizon, in groups of how many; [] for other
    designs."""
    row = of_role(primary_rows(book), "km")
    if row is None:
        return []
    groups = (
        (row["n_treated"], row["mean_comparison"] + row["value"], "with the program"),
        (row["n_comparison"], row["mean_comparison"], "without it"),
    )
    words = [
        f"{told_share(round(share * n), n, book.rules)[0]} {who} ({wording.people(n, book.rules)})"
        for n, share, who in groups
    ]
    return [f"By time {row['horizon']:g} it had happened to {words[0]}. It had happened to {words[1]}."]


def decision_interval(row: dict) -> tuple[float, float]:
    """The interval the rule reads: the simultaneous one where several arms are compared."""
    if row.get("ci_low_adjusted") is not None:
        return row["ci_low_adjusted"], row["ci_high_adjusted"]
    ends = (row["ci_low"], row["ci_high"])
    return tuple(end if end is not None else sign * math.inf for end, sign in zip(ends, (-1, 1), strict=True))


def compared(book, row: dict) -> tuple[str, str]:
    """Whose mean is the one with, and the one without, in words."""
    first, second = contrast(row)
    words = {
        "units": book.study.unit_label,
        "treated": arm_name(book, first),
        "comparison": arm_name(book, second),
    }
    return tuple(text.format(**words) for text in wording.COMPARED[book.config.design.type])


def contrast(row: dict) -> list[str]:
    """[treated, comparison] of a row, as the estimator names them."""
    first, _, second = row["contrast"].partition(" - ")
    return [first, second]


def arm_name(book, arm: str) -> str:
    """The display name of an arm: its label in city.yml, else its key in words."""
    return book.config.design.arm_labels.get(arm, wording.plainly(arm))


def source(book) -> str:
    """Where the primary outcome comes from, for the line under a figure."""
    return book.config.primary.source or "the city's file"


def subject(book, row: dict) -> str:
    """Who did it: the pilot, or one of its arms."""
    several = book.config.design.type == "rct_multiarm"
    return f'the arm "{arm_name(book, contrast(row)[0])}"' if several else "the pilot"


def record_row(book, row: dict, estimate_id: str, role: str = "", group: dict | None = None, outcome=None) -> dict:
    """One entry of the record's estimates[] from one row (pilots.md section 6); `outcome` is the primary one unless
    given."""
    config, outcome = book.config, outcome or book.config.primary
    unit = scale(book, outcome)
    role = role or ROLES[row["role"]]
    first_stage = role == "first_stage"
    # The main result goes by the plan's own name for it; rows beside it by the estimator's.
    estimand = config.design.estimand if role == "primary" else row["estimand"]
    entry = {
        "estimate_id": estimate_id,
        "outcome_id": row["outcome"],
        "role": role,
        "estimand": estimand,
        "estimand_class": estimand_class(config.design.type, estimand),
        "contrast": contrast(row),
        "scale": "prob_diff" if first_stage else unit.name,
        "direction": "increase" if first_stage else outcome.direction,
        **{key: row.get(key) for key in ("value", "se", "df", "ci_low", "ci_high", "level", "p", "p_adjusted", "p_ri")},
        "n": counts(book, row),
        "mean_comparison": row["mean_comparison"],
        "suppressed": False,
        "exploratory": exploratory(book, role),
    }
    if group:
        entry["group"] = group
    if first_stage:
        return entry
    low, high = decision_interval(row) if role == "primary" else (row["ci_low"], row["ci_high"])
    entry["display"] = {
        "value": unit.shown(row["value"]),
        "ci_low": _shown(unit, low),
        "ci_high": _shown(unit, high),
        "unit": unit.unit,
        **_ratio_base(book, unit, row),
    }
    entry["benefit"] = benefit(outcome.direction, row["value"], low, high)
    if role in ("primary", "secondary") or row["role"] == "itt":
        entry["standardized"] = standardized(book, row, outcome)
    if role == "primary":
        entry["mwe"] = {"scale": unit.name, "value": config.mwe}
    return entry


def _ratio_base(book, unit: Scale, row: dict) -> dict:
    """What a ratio is a ratio of, in its printed unit: a ratio never stands without the comparison's rate."""
    base = row["mean_comparison"]
    if not unit.is_ratio or base is None:
        return {}
    if unit.name == "log_hr":
        told = disclosure.shows_group(round(base * row["n_comparison"]), row["n_comparison"], book.rules)
        by = f"in 100 with the event by {row['horizon']:g}"
        return {"comparison": 100 * base if told else None, "comparison_unit": by}
    return {"comparison": unit.per * base, "comparison_unit": unit.level}


def _shown(unit: Scale, end: float | None) -> float | None:
    return None if end is None or math.isinf(end) else unit.shown(end)


def benefit(direction: str, value, low, high) -> dict:
    """b, l and u: turned so that more is better."""
    turned = (value, low, high) if direction == "increase" else (-value, _minus(high), _minus(low))
    return dict(zip("blu", turned, strict=True))


def _minus(x):
    return None if x is None else -x


def counts(book, row: dict) -> dict:
    """n by arm and in all; where n_clusters counts units, the arms count units too."""
    first, second = contrast(row)
    units = "_clusters" if book.config.design.type in PANELS else ""
    found = {
        f"{first}{units}": row["n_treated"],
        f"{second}{units}": row["n_comparison"],
        "analysed": row["n"],
    }
    return {**found, "clusters": row["n_clusters"]} if row["n_clusters"] is not None else found


def estimand_class(design_type: str, estimand: str) -> str:
    """The record's class of an estimand: which estimates may be put side by side."""
    if "LATE" in estimand or "CACE" in estimand:
        return "TOT_LATE"
    if design_type == "rd":
        return "LOCAL_RD"
    return "ATT" if design_type in (*PANELS, "observational_aipw", "descriptive") else "ITT"


def exploratory(book, role: str) -> bool:
    """True for what the locked plan did not promise before outcomes were seen."""
    late = any(flag.code in ("PLAN_LATE", "PLAN_CHANGED") and flag.affects_primary for flag in book.plan.problems)
    return book.plan.status in ("retrospective", "none") or (role == "primary" and late)


def standardized(book, row: dict, outcome=None) -> dict:
    """The effect in standard deviations, benefit-oriented (pilots.md 7.2.1): Hedges g, Cox index, or
    ln(IRR)/1.65."""
    outcome = outcome or book.config.primary
    unit = scale(book, outcome)
    sign = 1 if outcome.direction == "increase" else -1
    value, se, base = row["value"], row["se"], row["mean_comparison"]
    if unit.name == "log_irr":
        return {"d": sign * value / 1.65, "se": se / 1.65, "method": "cox_from_irr"}
    if unit.name == "log_hr" or is_series(book) or row["role"] == "rmst":  # no spread to measure it by
        return {"d": None, "se": None, "method": "none"}
    if unit.name == "prob_diff":
        with_it = None if base is None else base + value
        if base is None or not (0 < base < 1 and 0 < with_it < 1):
            return {"d": None, "se": None, "method": "none"}
        d = balance.cox_index(with_it, base)
        return {"d": sign * d, "se": se / (base * (1 - base) * 1.65), "method": "cox"}
    spread = comparison_sd(book, row, outcome)
    small = 1 - 3 / (4 * row["n"] - 9)
    return {"d": sign * value / spread * small, "se": se / spread * small, "method": "hedges_g"}


def comparison_sd(book, row: dict, outcome) -> float:
    """Standard deviation of the outcome in the comparison group (RD: just outside the limit, in the
    bandwidth)."""
    study = book.study
    frame = study.frame
    rows = frame[study.arm] == contrast(row)[1]
    if study.design["type"] == "rd":
        distance = frame[study.design["running"]] - study.design["cutoff"]
        rows &= distance.abs() <= row["bandwidth"]
    return float(frame.loc[rows, outcome.id].std())


def is_panel(book) -> bool:
    """True for designs that follow places, or one series, over periods."""
    return book.config.design.type in PANELS


def is_series(book) -> bool:
    """True for the design that follows one series: its rows are periods, and its groups before and after."""
    return book.config.design.type == "interrupted_time_series"


def row_words(book) -> str:
    """What a row of the study is, in the plural: people, months of tracts, or months of one series."""
    unit, periods = book.study.unit_label, book.study.period_label
    return f"{periods} of {unit}" if is_panel(book) and not is_series(book) else unit


def rows_analyzed(book, n: int) -> str:
    """A number of rows of an analysis with what they are: people rounded, months of places counted."""
    return f"{n:,} {row_words(book)}" if is_panel(book) else wording.people(n, book.rules, book.study.unit_label)


def sourced(book, n: int) -> str:
    """The first words of a figure's note: where its numbers come from, and how many rows were analyzed."""
    return f"Source: {source(book)}. {rows_analyzed(book, n)}."


def subjects(book, n: int) -> str:
    """A number of subjects with its unit: people are rounded and small counts hidden, places are counted."""
    unit = book.study.unit_label
    return f"{n:,} {unit}" if is_panel(book) else wording.people(n, book.rules, unit)


def arms(book) -> list[str]:
    """Arm names as they stand in the frame: comparison first, treated last."""
    study, configured = book.study, getattr(book.config.design, "arms", [])
    found = list(study.frame[study.arm].dropna().unique()) if study.arm in study.frame else []
    order = [*configured, *sorted(study.labels[::-1], key=study.labels[::-1].index)]
    return sorted(found, key=lambda arm: (order.index(arm) if arm in order else len(order), str(arm)))


def secondary(book, outcome) -> tuple:
    """(frame, design) of another outcome by the main design; its own exposure or denominator takes its place."""
    planned = design(book, outcome.id, draws=0)
    kind = planned["type"]
    if outcome.kind == "time_to_event" and kind != "time_to_event":
        return book.study.frame, _until(book, outcome, planned)
    if kind == "panel_did":
        planned.pop("exposure", None)
        own = {"exposure": outcome.exposure} if outcome.exposure else {"weights": outcome.denominator}
        planned |= {key: column for key, column in own.items() if column}
        planned["options"] = {**planned["options"], "family": "poisson" if outcome.exposure else "linear"}
    elif kind == "did_staggered" and (outcome.exposure or outcome.denominator):
        planned["weights"] = outcome.exposure or outcome.denominator
    frame = book.study.frame
    if base := planned.get("weights"):  # where nothing was at risk there is nothing to compare
        frame = frame[frame[base] > 0]
    return frame, planned


def _until(book, outcome, planned: dict) -> dict:
    """The design of a time until an event beside another kind of main outcome: a mean of days would count those who
    are still waiting as done. Where people chose the program the curves carry the propensity weights."""
    chose = planned["type"] == "observational_aipw"
    stated = getattr(book.config.design, "time_to_event", None)
    options = {"weighting": "ATT" if chose else "none", "horizon": stated.horizon_days if stated else None}
    kept = {key: planned[key] for key in ("labels", "level", "seed", "treatment")}
    return {
        **kept,
        "type": "time_to_event",
        "outcome": outcome.id,
        "duration": outcome.id,
        "event": f"{outcome.id}_event",
        "covariates": planned["covariates"] if chose else [],
        "options": {name: value for name, value in options.items() if value is not None},
    }


def primary_rows(book) -> list[dict]:
    """All rows of the primary outcome, computed once a book."""
    if "primary_rows" not in book.cache:
        book.cache["primary_rows"] = estimates(book.study.frame, design(book, book.config.primary.id))
    return book.cache["primary_rows"]


def chosen_row(book) -> dict:
    """The main row that stands for the city: that of the plan's portfolio contrast, else the first."""
    rows = main_rows(primary_rows(book))
    chosen = getattr(book.config.design, "portfolio_contrast", None)
    return next((row for row in rows if chosen and contrast(row) == list(chosen)), rows[0])


def benefit_scale(book) -> Scale:
    """The scale of gains: the outcome's own, turned so that more is better."""
    return replace(scale(book), gain=book.config.primary.direction == "decrease")
