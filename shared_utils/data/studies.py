"""A Study from a city's tables: one small function a design type.

Each function gathers the rows its design is about (people, people in units, units by month), names the
columns in the words of statistics.md section 0, and leaves what all designs share to `study.finish`.
"""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from shared_utils.config import CityConfig
from shared_utils.data import panels, places, subjects
from shared_utils.data.study import ARM, COMPARISON, SUBJECT, TREATED, Study, finish, limit, need, strata
from shared_utils.errors import EmiError, nearest


def build(tables: dict, reference: dict, config: CityConfig) -> Study:
    """Return the Study of a city with mappings. Raises EmiError naming a column no table has."""
    opportunity, notes = places.opportunity(tables, reference, config)
    return STUDIES[config.design.type](tables, opportunity, config, notes)


def _rct_individual(tables, opportunity, config, notes) -> Study:
    frame, labels = _two_arms(tables, opportunity, config)
    groups = strata(frame, config.design.strata)
    design = {"treatment": "treatment", **_taken(frame), "strata": groups,
              "covariates": _beside(frame, config, groups)}  # fmt: skip
    return finish(frame, design, config, notes, labels=labels)


def _iv_encouragement(tables, opportunity, config, notes) -> Study:
    """The invitation is the instrument; the service received is the treatment."""
    frame, labels = _two_arms(tables, opportunity, config)
    groups = strata(frame, config.design.strata)
    design = {"instrument": "treatment", "treatment": "received", "strata": groups,
              "covariates": _beside(frame, config, groups)}  # fmt: skip
    return finish(frame, design, config, notes, labels=labels)


def _rct_blocked_lottery(tables, opportunity, config, notes) -> Study:
    frame, labels = _two_arms(tables, opportunity, config)
    groups = strata(frame, config.design.blocks)
    design = {"treatment": "treatment", **_taken(frame), "strata": groups, "assign_prob": "assign_prob",
              "covariates": _beside(frame, config, groups)}  # fmt: skip
    return finish(frame, design, config, notes, labels=labels)


def _rct_multiarm(tables, opportunity, config, notes) -> Study:
    frame = subjects.assigned_people(tables, subjects.people(tables, opportunity, config))
    labels = list(config.design.portfolio_contrast)
    frame = _with_ends(frame, tables, config, labels[0])
    groups = strata(frame, config.design.strata)
    pairs = [*config.design.primary_contrasts, *config.design.secondary_contrasts]
    design = {"arm": ARM, "control": config.design.arms[0], "contrasts": [list(pair) for pair in pairs],
              "strata": groups, "covariates": _beside(frame, config, groups)}  # fmt: skip
    return finish(frame, design, config, notes, labels=labels)


def _rct_cluster(tables, opportunity, config, notes) -> Study:
    frame = subjects.people_in_units(tables, subjects.people(tables, opportunity, config))
    comparison, treated = _arms(config)
    frame = _with_ends(frame, tables, config, treated)
    frame[config.design.cluster] = frame["unit_id"]
    groups = [need(frame, name, "design.strata") for name in config.design.strata]
    design = {"treatment": "treatment", "cluster": config.design.cluster, "strata": groups,
              "covariates": _beside(frame, config, groups)}  # fmt: skip
    return finish(frame, design, config, notes, labels=[treated, comparison])


def _observational(tables, opportunity, config, notes) -> Study:
    """Everything the propensity model names and every covariate enters both models."""
    frame, labels = _two_arms(tables, opportunity, config)
    terms = config.design.propensity.terms
    for term in terms:
        need(frame, term.removeprefix("spline(").removesuffix(")"), "design.propensity.terms")
    design = {"treatment": "treatment", "covariates": list(dict.fromkeys([*terms, *config.covariates]))}
    return finish(frame, design, config, notes, labels=labels)


def _rd(tables, opportunity, config, notes) -> Study:
    frame, labels = _two_arms(tables, opportunity, config)
    name = config.design.running_variable
    own = frame["running_value"]
    frame[name] = frame[name].fillna(own) if name in frame else own
    adjust = [need(frame, column, "design.covariate_adjust") for column in config.design.covariate_adjust]
    taken = _taken(frame) if config.design.fuzzy else {}
    design = {"running": name, **limit(config), **taken, "covariates": adjust}
    return finish(frame, design, config, notes, labels=labels)


def _did_staggered(tables, opportunity, config, notes) -> Study:
    """A unit's cohort is the month of its start; one that starts after the last month counts as never."""
    frame = panels.unit_months(tables, opportunity, config)
    _check_arms(frame, [COMPARISON, TREATED])
    first = frame["start_date"].dt.to_period("M").dt.to_timestamp()
    frame["cohort"] = first.where(first <= frame[panels.PERIOD].max())
    frame["treatment"] = (frame["cohort"] <= frame[panels.PERIOD]).astype(int)
    design = {"unit": SUBJECT, "time": panels.PERIOD, "cohort": "cohort",
              "weights": need(frame, config.design.weights, "design.weights")}  # fmt: skip
    labels = [TREATED, COMPARISON]
    return finish(frame, design, config, notes, period=panels.PERIOD, labels=labels, whole=frame)


def _panel_did(tables, opportunity, config, notes) -> Study:
    """The primary window is the pre and post window of the plan; `whole` keeps every month."""
    whole = panels.unit_months(tables, opportunity, config)
    rule = need(whole, config.design.treated_rule, "design.treated_rule")
    in_pilot = whole[rule].astype(float) == 1
    whole[ARM] = in_pilot.map({True: TREATED, False: COMPARISON})
    adopted = whole[panels.PERIOD] >= pd.Timestamp(config.design.adoption_date)
    whole["treatment"] = (in_pilot & adopted).astype(int)
    design = {"unit": SUBJECT, "time": panels.PERIOD, "treatment": "treatment"}
    if config.primary.exposure:
        design["exposure"] = need(whole, config.primary.exposure, "outcomes.exposure")
    labels = [TREATED, COMPARISON]
    study = finish(whole, design, config, notes, period=panels.PERIOD, labels=labels, whole=whole)
    first, last = config.design.pre_window.start, config.design.post_window.end
    window = whole[panels.PERIOD].between(pd.Timestamp(first), pd.Timestamp(last))
    return replace(study, frame=whole[window].reset_index(drop=True))


def _descriptive(tables, opportunity, config, notes) -> Study:
    frame = subjects.people(tables, opportunity, config)
    frame[ARM] = "all"
    frame = frame.join(subjects.outcomes(tables, config), on=SUBJECT)
    return finish(frame, {}, config, notes, labels=["all", "all"])


def _two_arms(tables, opportunity, config: CityConfig) -> tuple[pd.DataFrame, list[str]]:
    """Return one row a person of a design with two arms, and [treated, comparison]."""
    frame = subjects.assigned_people(tables, subjects.people(tables, opportunity, config))
    comparison, treated = _arms(config)
    return _with_ends(frame, tables, config, treated), [treated, comparison]


def _with_ends(frame: pd.DataFrame, tables, config: CityConfig, treated: str) -> pd.DataFrame:
    """Add treatment 0/1, received 0/1 and outcomes; nobody who withdrew consent keeps an outcome."""
    _check_arms(frame, config.design.arms)
    frame["treatment"] = (frame[ARM] == treated).astype(int)
    rule = getattr(config.design, "treatment_received", None)
    if rule is not None:
        frame["received"] = subjects.received(frame, tables["services"], rule)
    ends = subjects.outcomes(tables, config)
    frame = frame.join(ends, on=SUBJECT)
    frame.loc[frame["consent_status"] == "withdrawn", list(ends.columns)] = float("nan")
    return frame


def _taken(frame: pd.DataFrame) -> dict[str, str]:
    """Return the role of take-up, when city.yml says what counts as taking part."""
    return {"received": "received"} if "received" in frame else {}


def _arms(config: CityConfig) -> tuple[str, str]:
    """Return (comparison, treated); a design without named arms uses these two words."""
    return tuple(config.design.arms[:2]) or (COMPARISON, TREATED)


def _check_arms(frame: pd.DataFrame, arms: list[str]) -> None:
    known = arms or [COMPARISON, TREATED]
    for arm in frame[ARM].dropna().unique():
        if arm not in known:
            raise EmiError(
                f"assignments: the arm '{arm}' is not one of {', '.join(known)}.{nearest(arm, known)}",
                "Correct value_maps of arm in the mapping of the assignments, or design.arms in city.yml.",
            )


def _beside(frame: pd.DataFrame, config: CityConfig, groups: list[str]) -> list[str]:
    """Return the covariates of the regression, without those that the strata hold constant."""
    names = [need(frame, name, "covariates") for name in config.covariates]
    return [name for name in names if frame.groupby(groups, dropna=False)[name].nunique().max() > 1]


STUDIES: dict[str, Callable[..., Study]] = {
    "rct_individual": _rct_individual,
    "rct_cluster": _rct_cluster,
    "rct_blocked_lottery": _rct_blocked_lottery,
    "rct_multiarm": _rct_multiarm,
    "iv_encouragement": _iv_encouragement,
    "observational_aipw": _observational,
    "rd": _rd,
    "did_staggered": _did_staggered,
    "panel_did": _panel_did,
    "descriptive": _descriptive,
}
