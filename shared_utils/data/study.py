"""The Study: one analysis-ready frame and the design mapping `designs.estimate` takes.

`studies` builds it from the tables, one small function a design type; `analysis_file` from a single file.
"""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared_utils.config import CityConfig
from shared_utils.config.names import PERIODS
from shared_utils.data.model import EQUITY
from shared_utils.errors import EmiError, nearest

if TYPE_CHECKING:
    import pandas as pd

SUBJECT, ARM = "subject_id", "arm"
TREATED, COMPARISON = "treated", "comparison"
AFTER, BEFORE = "after", "before"
PEOPLE = ("person", "participant")


@dataclass(frozen=True)
class Study:
    """What the sections analyse.

    frame       one row a subject (person designs), a unit and period (panels), or a period (one series)
    design      mapping for `designs.estimate(frame, {**design, "outcome": id})`
    subject_id  column of pseudonyms; `arm` column of arm names; `period` column of months or None
    outcomes    columns, named by outcome id; a missing outcome is NaN
    covariates  columns, baseline only; `subgroups` is {dimension id: column}
    unit_label  what the subjects are called in sentences, period_label what the periods are: tracts, months
    labels      [treated, comparison] ([after, before] of one series), for words and contrasts
    whole       panels only: the frame with every month, also those outside the primary window
    notes       what could not be built, and why
    """

    frame: "pd.DataFrame"
    design: dict
    subject_id: str
    arm: str
    unit_label: str
    period: str | None
    outcomes: list[str]
    covariates: list[str]
    subgroups: dict[str, str]
    labels: list[str]
    period_label: str = "months"
    whole: "pd.DataFrame | None" = None
    notes: list[str] = field(default_factory=list)


def unit_label(config: CityConfig) -> str:
    """Return what the subjects are called in sentences: people, families, buildings (of building_month)."""
    unit, _, period = config.pilot.unit_of_analysis.rpartition("_")
    return _plural(unit if unit and period in PERIODS else config.pilot.unit_of_analysis)


def period_label(config: CityConfig) -> str:
    """Return what the periods are called: months, unless the unit of analysis is a year, a county_year, ..."""
    last = config.pilot.unit_of_analysis.rpartition("_")[2]
    return _plural(last if last in PERIODS else "month")


def _plural(name: str) -> str:
    if name in PEOPLE:
        return "people"
    return f"{name[:-1]}ies" if re.search("[^aeiou]y$", name) else name if name.endswith("s") else f"{name}s"


def finish(frame, design: dict, config: CityConfig, notes: list[str], **more) -> Study:
    """Check the columns the plan names and put the Study together."""
    outcomes = [outcome.id for outcome in config.outcomes]
    covariates = [need(frame, name, "covariates") for name in config.covariates]
    for outcome in outcomes:
        if frame[outcome].isna().all():
            notes.append(f"There is no value of {outcome} yet.")
    return Study(
        frame=frame,
        design={"type": config.design.type, **design, "options": _options(config)},
        subject_id=SUBJECT,
        arm=ARM,
        unit_label=unit_label(config),
        period_label=period_label(config),
        outcomes=outcomes,
        covariates=covariates,
        subgroups=_subgroups(frame, config, notes),
        notes=notes,
        **{"period": None, **more},
    )


def need(frame, name: str, where: str) -> str:
    """Return `name` if the frame has that column (or the unit of that type), else raise EmiError."""
    for column in (name, f"{name}_id"):
        if column in frame.columns:
            return column
    raise EmiError(
        f"city.yml, {where}: no table has '{name}'.{nearest(name, frame.columns)}",
        f'Map a column of a file to it (extra: {{"Your header": {name}}}), or take it out of {where}.',
    )


def strata(frame, names: list[str], where: str = "design.strata") -> list[str]:
    """Return the columns of the draw's strata: `assignments.stratum` when it is complete, else `names`."""
    if frame["stratum"].notna().all() and len(frame):
        return ["stratum"]
    return [need(frame, name, where) for name in names]


def moment(value: int | str) -> "float | pd.Timestamp":
    """Return a point of time of city.yml as the column of times holds it: a number, or a day."""
    import pandas as pd

    return float(value) if isinstance(value, int) else pd.Timestamp(value)


def limit(config: CityConfig) -> dict:
    """Return `cutoff` and `treated_side` of a regression discontinuity, as the estimator takes them."""
    return {"cutoff": config.design.cutoff, "treated_side": config.design.treated_side}


def inside_limit(running: "pd.Series", design: dict) -> "pd.Series":
    """Return who is eligible; a value exactly at the cutoff is, unless the side is plain below or above.

    Incomes heap on round limits, so the rows at the cutoff itself are many enough to bend the estimate.
    """
    compare = {"at_or_below": "le", "below": "lt", "at_or_above": "ge", "above": "gt"}[design["treated_side"]]
    return getattr(running, compare)(design["cutoff"])


def _options(config: CityConfig) -> dict:
    """Return the estimator's options: what the plan's own keys say, then `design.options`."""
    design, said = config.design, {}
    if design.type == "did_staggered":
        said = {"control_group": design.comparison, "anticipation": design.anticipation_months}
    elif design.type == "observational_aipw":
        said = {"estimand": design.estimand, "ps_max": design.trim.ps_max,
                "overlap_min_ess": design.overlap_min_ess}  # fmt: skip
    elif design.type in ("panel_did", "interrupted_time_series"):
        said = {"family": "poisson" if design.estimator in ("ppml_twfe", "segmented_poisson") else "linear"}
    elif design.type == "synthetic_control":
        said = {"method": "sdid" if design.estimator == "synthetic_did" else "scm"}
    return {**said, **design.options}


def _subgroups(frame, config: CityConfig, notes: list[str]) -> dict[str, str]:
    """Return {dimension: column}: the four equity dimensions, then the city's own."""
    from shared_utils.data.places import terciles

    found = {name: name for name in EQUITY if name in frame.columns}
    for dim in config.subgroups.dims:
        source = dim.from_ or dim.id
        if dim.id in frame.columns:
            found[dim.id] = dim.id
        elif dim.cuts == "within_city_terciles" and source in frame.columns:
            by_subject = frame.drop_duplicates(SUBJECT).set_index(SUBJECT)[source]
            frame[dim.id] = frame[SUBJECT].map(terciles(by_subject.astype(float)))
            found[dim.id] = dim.id
        else:
            notes.append(f"There is no column for the groups of {dim.id}.")
    return found
