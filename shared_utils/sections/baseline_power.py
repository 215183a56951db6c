"""Baseline: what the pilot can detect (B7), and whether the plan can be locked (B8)."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from shared_utils.disclosure import round_count, shows_group
from shared_utils.errors import EmiError
from shared_utils.results import Flag
from shared_utils.sections import analysis, baseline_redrawn, charts_limits, plan_lock
from shared_utils.sections.baseline_data import in_words, worthwhile
from shared_utils.sections.impact_people import received_by_arm
from shared_utils.sections.numbers import plain
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import DESIGNS, counted, day, listed, sentence
from shared_utils.stats import power

SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
LEAST_TAKEUP = 0.05  # under it, dividing by the difference in taking part says nothing
ENOUGH = 0.5  # share of outcomes known from which the data, not an assumption, give the spread
SIMILAR = ("did_staggered", "panel_did", "observational_aipw", "rd")  # no closed form that fits
# One place or series: shuffling would make another one, and more rows do not shrink the error with their root.
ONE_OF_A_KIND = ("synthetic_control", "interrupted_time_series")


@dataclass(frozen=True)
class Detectable:
    """The minimum detectable effect now: `n` counts `what`; at another n it changes with one over its
    root."""

    mde: float
    n: int
    what: str
    formula: str
    inputs: dict

    def at(self, share: float) -> float:
        return self.mde / np.sqrt(share)


@section("B7", "What can this pilot detect?")
def detectable(book) -> Section:
    """Smallest true effect found with probability 80 %, now and at 50-150 % of the sample, beside the MWE."""
    book.require_sound_data()
    if book.descriptive:
        raise EmiError("this design compares nothing, so there is no difference to detect")
    found = minimum_detectable(book)
    unit, worth = analysis.benefit_scale(book), book.config.mwe
    ratio = found.mde / worth
    words = "smaller than" if worth < found.mde else "no smaller than"
    text = (
        f"With {_count(book, found)}, the pilot can reliably detect a change of {_size(book, found.mde)}. "
        f"The smallest change worth paying for is {worthwhile(book)}. This is {words} what it can detect."
    )
    single = book.config.design.type in ONE_OF_A_KIND
    shares = (1.0,) if single else SHARES
    caption = "What can be detected" if single else "What could be detected with fewer or more"
    rows = [_row(f"{100 * share:.0f}% of now" if share != 1 else "as now", share, found) for share in shares]
    rows += _planned(book, found)
    columns = [
        Column("sample", "Sample"),
        Column("n", found.what.capitalize(), "count", people=False),
        Column("mde", f"Detectable ({unit.unit})", "effect"),
    ]
    notes = [
        f"Formula: {found.formula}. Inputs: " + "; ".join(f"{k} = {_plain(v)}" for k, v in found.inputs.items()) + ".",
        "Reliably: found with probability 80%, two-sided test at 5%.",
        *_found_elsewhere(book),
        *_taking_part(book, found),
        *_clustering(book),
    ]
    return Section(
        sentence(text),
        flags=_flags(ratio),
        figure=None if single else _curve(book, found),
        table=Table(caption, columns, rows, scale=unit, notes=notes),
        data={
            "record": {
                "mde": found.mde,
                "mwe": worth,
                "n": found.n,
                "formula": found.formula,
                "inputs": {k: v for k, v in found.inputs.items() if np.isscalar(v)},
            }
        },
    )


def _row(sample: str, share: float, found: Detectable) -> dict:
    return {"sample": sample, "n": round(share * found.n), "mde": found.at(share)}


def _planned(book, found: Detectable) -> list[dict]:
    """The planned number of people with every outcome known; of clusters those assigned, since no setting plans them;
    places have none."""
    study, planned = book.study, book.config.pilot.planned_enrollment
    if found.what == "clusters":
        n = study.frame[study.design["cluster"]].nunique()
        inputs = {name: value for name, value in found.inputs.items() if name != "df"}
        full = power.mde("rct_cluster", **inputs | {"clusters": n, "size": (planned or len(study.frame)) / n})
        return [{"sample": "as assigned, all outcomes known", "n": n, "mde": full["mde"]}]
    if planned is None or found.what != study.unit_label or analysis.is_panel(book):
        return []
    return [_row("as planned, all outcomes known", planned / found.n, found)]


def _found_elsewhere(book) -> list[str]:
    """The published effect of city.yml, with its source."""
    if book.config.published_effect is None:
        return []
    size, source = in_words(book, book.config.published_effect), book.config.primary.published_effect.source
    return [f"Found elsewhere: {size} ({source}). That was another place and time: it is no forecast."]


def _taking_part(book, found: Detectable) -> list[str]:
    """What the same pilot can detect among those who take part, where an offer is compared with none."""
    if book.config.design.type not in ("rct_individual", "rct_blocked_lottery"):
        return []
    reached = received_by_arm(book) or [{"share": 0.0}, {"share": 0.0}]
    more = reached[-1]["share"] - reached[0]["share"]
    if more < LEAST_TAKEUP:
        return []
    size = _size(book, found.mde / more)
    return [f"The offer makes {100 * more:.0f} in 100 more take part. Among them, the detectable change is {size}."]


def _clustering(book) -> list[str]:
    """The intra-cluster correlation of the plan beside that of the outcomes so far, all arms together."""
    known = book.study.frame[book.config.primary.id].notna().mean()
    if book.config.design.type != "rct_cluster" or known < ENOUGH:
        return []
    planned = analysis.design(book, book.config.primary.id, draws=0)
    found = analysis.main_rows(analysis.estimates(book.study.frame, planned))[0]["icc"]
    return [f"Intra-cluster correlation: {_plain(_icc(book))} as planned, {found:.2f} in the data so far."]


def minimum_detectable(book) -> Detectable:
    """The MDE of the city's design at its present size, on the estimation scale."""
    kind = book.config.design.type
    known = book.study.frame[book.config.primary.id].notna().mean()
    if kind in ONE_OF_A_KIND:
        return _from_error(book)
    if kind in SIMILAR and known >= ENOUGH:
        found, words, inputs = baseline_redrawn.detectable_effect(book)
        return Detectable(found, _subjects(book.study), book.study.unit_label, words, inputs)
    return _from_formula(book, "rct_individual" if kind in SIMILAR and kind != "rd" else kind, known)


def _from_error(book) -> Detectable:
    """From the standard error of the planned analysis: its estimate is not used."""
    study, planned = book.study, analysis.design(book, book.config.primary.id, draws=0)
    row = analysis.main_rows(analysis.estimates(study.frame, planned))[0]
    if row["ci_low"] is None or row["ci_high"] is None:
        others = f"{row['n_comparison']} {study.unit_label}"
        raise EmiError(f"with {others} to compare with, no change can be told from chance")
    times = power.multiplier(row["df"] or power.NORMAL)
    return Detectable(
        times * row["se"],
        _subjects(study),
        study.unit_label,
        "(t + t) x standard error of the planned analysis; its estimate is not used",
        {"standard error": row["se"], "multiplier": times},
    )


def _subjects(study) -> int:
    return study.frame[study.subject_id].nunique()


def _from_formula(book, kind: str, known: float) -> Detectable:
    study = book.study
    frame = study.frame[study.frame[book.config.primary.id].notna()] if known >= ENOUGH else study.frame
    first, second = study.labels
    treated = float((frame[study.arm] == first).mean())
    if kind == "time_to_event":
        events = int(frame[book.config.primary.id].sum())
        if not events or not shows_group(events, len(frame), book.rules):
            raise EmiError("the event has happened to too few people, or to nearly all")
        inputs = {"events": round_count(events, book.rules), "share": treated}  # the inputs are printed
        return _detectable(kind, inputs, len(frame), study.unit_label)
    sd, r2 = spread(book, frame)
    shared = {"sd": sd, "r2": r2}
    if kind == "rct_cluster":
        clusters = frame[study.design["cluster"]].nunique()
        inputs = shared | {
            "clusters": clusters,
            "size": len(frame) / clusters,
            "icc": _icc(book),
            "share": treated,
            "strata": _strata(frame, study),
        }
        return _detectable(kind, inputs, clusters, "clusters")
    if kind == "rct_multiarm":
        arms = analysis.arms(book)
        inputs = shared | {
            "n_arm": len(frame) / len(arms),
            "contrasts": len(arms) - 1,
            "strata": _strata(frame, study),
        }
        return _detectable(kind, inputs, len(frame), study.unit_label)
    inputs = shared | {"n": len(frame), "share": treated}
    if kind == "rct_blocked_lottery":
        inputs = shared | {"n": len(frame), "odds": _odds(frame, study, treated)}
    if kind != "rd":
        inputs["strata"] = _strata(frame, study)
    if kind == "iv_encouragement":
        reached = received_by_arm(book)
        inputs["takeup_difference"] = reached[-1]["share"] - reached[0]["share"]
        if inputs["takeup_difference"] <= 0:
            raise EmiError("as many of the others take part as of those invited, so nothing can be detected")
    return _detectable(kind, inputs, len(frame), study.unit_label)


def _detectable(kind, inputs, n, what) -> Detectable:
    found = power.mde(kind, **inputs)
    return Detectable(found["mde"], n, what, found["formula"], found["inputs"])


def _odds(frame, study, treated: float) -> float:
    """Mean of 1 / (p (1 - p)) over people; with one chance for all where none is stated."""
    column = study.design.get("assign_prob")
    chance = treated if column is None else frame[column].astype(float)
    return float(np.mean(1 / (chance * (1 - chance))))


def _strata(frame, study) -> int:
    columns = study.design.get("strata")
    return frame.groupby(columns, dropna=False).ngroups if columns else 1


def _icc(book) -> float:
    planned = getattr(book.config.design, "icc_planning", None)
    return 0.05 if planned is None else planned


def spread(book, frame) -> tuple[float, float]:
    """(SD of the main outcome, share of variance that covariates explain), all groups together.

    Before outcomes are known: the largest spread a share can have (0.5), or that of the outcome at the start.
    """
    import statsmodels.api as sm

    from shared_utils.stats.covariates import numeric_columns

    values = frame[book.config.primary.id].astype(float)
    if values.notna().mean() < ENOUGH:
        base = frame.get("outcome_baseline")
        if analysis.scale(book).name == "prob_diff":
            return 0.5, 0.0
        if base is None or base.notna().sum() < 2:
            raise EmiError(
                "the spread of the main outcome is not known yet",
                "Send its value at the start (outcome_baseline).",
            )
        return float(base.astype(float).std()), 0.0
    names = [name for name in book.study.design.get("covariates", []) if not name.startswith("spline(")]
    if not names:
        return float(values.std()), 0.0
    table, _ = numeric_columns(frame, names)
    fit = sm.OLS(values.to_numpy(), sm.add_constant(table.to_numpy(float), has_constant="add")).fit()
    return float(values.std()), float(min(max(fit.rsquared_adj, 0.0), 0.9))


def _count(book, found) -> str:
    return f"{found.n:,} clusters" if found.what == "clusters" else analysis.subjects(book, found.n)


def _plain(value) -> str:
    return plain(round(float(value), 4))


def _flags(ratio: float) -> list[Flag]:
    if ratio > 2:
        return [
            Flag(
                "MDE",
                "serious",
                "B7",
                "The detectable change is more than twice the one worth paying for. A pilot of this size often ends "
                "without a clear answer.",
                True,
            )
        ]
    if ratio > 1:
        return [
            Flag(
                "MDE",
                "warn",
                "B7",
                "The detectable change is larger than the one worth paying for. That is normal for a city pilot.",
                True,
            )
        ]
    return []


def _curve(book, found):
    unit, size = analysis.benefit_scale(book), _size(book, found.mde)
    points = [(round(100 * share), unit.shown(found.at(share))) for share in SHARES]
    elsewhere = book.config.published_effect
    title = f"The pilot can reliably detect a change of {size}"
    sheet = {
        "title": title,
        "subtitle": f"Smallest change found with probability 80%, {unit.unit}, by size of the sample",
        "note": f"Source: the data so far, all groups together. {_count(book, found)} now."
        + (f" Found elsewhere: {book.config.primary.published_effect.source}." if elsewhere else ""),
        "stamp": book.stamp,
    }
    limits = [(unit.shown(book.config.mwe), f"worthwhile: {worthwhile(book)}")]
    if elsewhere:
        limits.append((unit.shown(elsewhere), f"found elsewhere: {in_words(book, elsewhere)}"))
    alt = f"Falling line chart. {title}; {'; '.join(words for _, words in limits)}."
    axes = (f"percent of the present {found.what}", unit.unit)
    return charts_limits.curve(points, size, sheet, alt, limits, axes)


def _size(book, mde: float) -> str:
    return analysis.benefit_scale(book).size(mde, None, book.rules)


@section("B8", "Is the plan ready to lock?")
def plan_readiness(book) -> Section:
    """Every field a plan needs, and the hash it would get."""
    config = book.config
    missing, advisable = plan_lock.lacking(config), plan_lock.advisable(config)
    locked = book.plan.status != "none"
    if locked:
        text = f"The plan has been locked since {day(date.fromisoformat(book.plan.locked_at))}"
    elif missing:
        text = f"The plan lacks {listed(missing)}"
    elif advisable:
        text = f"The plan can be locked with: emi plan lock. A reader will miss {listed(advisable)}"
    else:
        text = "The plan is complete and can be locked: emi plan lock"
    design = config.design
    fields = {
        "Main outcome": config.primary.label,
        "Direction": config.primary.direction,
        "Smallest worthwhile change": worthwhile(book) or "not set",
        "Design": f"{DESIGNS[design.type]} ({design.type})",
        "Estimand": design.estimand,
        "Estimator": design.estimator,
        "Covariates": listed(config.covariates) or "none",
        "Confirmatory groups": listed([d.id for d in config.subgroups.dims if d.confirmatory]) or "none",
        "Other outcomes": counted(len(config.secondaries), "outcome"),
        "Data lock": config.pilot.data_lock.isoformat(),
        "Hash of the plan": plan_lock.plan_hash(config)[:23],
    }
    rows = [{"field": name, "value": value} for name, value in fields.items()]
    rows += [{"field": name, "value": "missing"} for name in [*missing, *advisable]]
    flags = [Flag("PLAN_INCOMPLETE", "warn", "plan", f"The plan lacks {name}.", True) for name in missing]
    return Section(
        sentence(text),
        flags=flags,
        table=Table("What the plan fixes", [Column("field", "Field"), Column("value", "As city.yml says")], rows),
    )
