"""Which sheets and columns the workbook of a city has: what its design needs, what it may have, nothing more."""

import re
from dataclasses import dataclass, replace

from shared_utils.config import CityConfig
from shared_utils.data.dictionary import SHEETS, words
from shared_utils.data.model import EQUITY, TABLES, Column
from shared_utils.errors import EmiError

PANELS = ("did_staggered", "panel_did")
CLUSTERS = (*PANELS, "rct_cluster")
# Kept out although the model has them: `derive` fills them in, or a constant of the mapping says them.
NOT_TYPED = {
    "participants": ("covariates_json",),
    "units": ("attributes_json",),
    "assignments": ("subject_type", "cutoff"),
    "outcomes": ("subject_type", "status", "source_system"),
    "services": ("service_id", "subject_type"),
    "indicator_monthly": (),
    "costs": ("cost_id",),
}
# What the software works out by itself, so that nobody types it: from dates, places and public tables.
MADE = ("intake_month", "opportunity_tercile", "kfr_pooled_pooled_p25")
WAVES = ("baseline", "f1", "f2", "f3", "f4", "monthly", "event")


@dataclass(frozen=True)
class Field:
    """One column of a sheet: `column` is the model's, with what this city's design says about it; `own` is a
    covariate of the city, stored with the row (`extra` of the mapping)."""

    title: str
    meaning: str
    column: Column
    own: bool = False

    @property
    def required(self) -> bool:
        return self.column.required == "yes"


@dataclass(frozen=True)
class Sheet:
    """One sheet: which table it fills, its columns, and what the mapping says for every row of it."""

    name: str
    table: str
    fields: tuple[Field, ...]
    constants: dict[str, str]


def plan(config: CityConfig) -> list[Sheet]:
    """Return the sheets of a city. Raises EmiError for a design that is read from one analysis file."""
    if config.design.FILE_ONLY:
        raise EmiError(
            f"{config.city.name}: a {config.design.type} study has one analysis file, not tables to type into.",
            "Name that file in city.yml: data: {mode: city, analysis_file: raw/analysis.csv}.",
        )
    left_out = {"assignments"} if config.design.type == "descriptive" else set()
    left_out |= set() if config.indicators else {"indicator_monthly"}
    return [_sheet(table, config) for table in SHEETS if table not in left_out]


def _sheet(table: str, config: CityConfig) -> Sheet:
    said = _said_by_design(table, config)
    fields = [
        _field(table, replace(column, **said.get(column.name, {})))
        for column in TABLES[table].columns.values()
        if column.name not in NOT_TYPED[table] and (column.required != "conditional" or column.name in said)
    ]
    fields += [_own(name) for name in _covariates(table, config)]
    return Sheet(SHEETS[table], table, tuple(fields), _constants(table, config))


def _field(table: str, column: Column) -> Field:
    said = words(table, column.name)
    title = said.title
    if column.name == "subject_id" and table != "services":
        title = "Place ID" if "place" in str(column.note) else "Person ID"
    return Field(title, said.meaning, replace(column, example=_example(column)))


def _own(name: str) -> Field:
    meaning = "The city's own column, named in city.yml. A number, yes or no, or a word. As it was before the start."
    return Field(name, meaning, Column(name, "str", pii="S"), own=True)


def _example(column: Column):
    """Return an example as a person types it: the city's own ID, not the code that replaces it."""
    if column.pii != "L" and column.refers_to != "units":
        return column.example
    text = str(column.example)
    return "AB-001" if text.startswith("p_") else text.removeprefix("u_")


def _said_by_design(table: str, config: CityConfig) -> dict[str, dict]:
    """Return {column: what this design changes about it}; a conditional column is typed only if listed here."""
    return {
        "participants": _people, "units": lambda c: {}, "assignments": _draw, "outcomes": _measured,
        "services": lambda c: {}, "indicator_monthly": _indicators, "costs": _money,
    }[table](config)  # fmt: skip


def _people(config: CityConfig) -> dict[str, dict]:
    said = {"unit_id": {"required": "yes" if config.design.type == "rct_cluster" else "no"}}
    if getattr(config.design, "running_variable", None) == "income_pct_fpl":
        said["income_pct_fpl"] = {"required": "no"}
    return said


def _draw(config: CityConfig) -> dict[str, dict]:
    design = config.design
    arms = tuple(getattr(design, "arms", ())) or ("treated", "comparison")
    said = {"subject_id": {"note": _subject(config)}, "arm": {"allowed": arms, "example": arms[-1]}}
    if getattr(design, "strata", ()) or getattr(design, "blocks", ()):
        said["stratum"] = {"required": "no"}
    if design.type == "rct_blocked_lottery":
        said["assign_prob"] = {"required": "yes"}
    if design.type == "rd":
        said["running_value"] = {"required": "yes"}
    if design.type in PANELS:
        said["start_date"] = {"required": "no"}
    return said


def _measured(config: CityConfig) -> dict[str, dict]:
    ids = tuple(outcome.id for outcome in config.outcomes)
    months = config.design.type in PANELS
    said = {
        "subject_id": {"note": "place" if months else "person"},
        "outcome_id": {"allowed": ids, "example": ids[0]},
        "wave": {"allowed": WAVES, "example": "monthly" if months else "f1"},
    }
    if any(outcome.exposure or outcome.denominator for outcome in config.outcomes):
        said["denominator"] = {"required": "no"}
    if any(outcome.kind == "time_to_event" for outcome in config.outcomes):
        said |= {"event_date": {"required": "no"}, "censor_date": {"required": "no"}}
    return said


def _indicators(config: CityConfig) -> dict[str, dict]:
    ids = tuple(indicator.id for indicator in config.indicators)
    return {"indicator_id": {"allowed": ids, "example": ids[0]},
            "numerator": {"required": "no"}, "denominator": {"required": "no"}}  # fmt: skip


def _money(config: CityConfig) -> dict[str, dict]:
    arms = tuple(getattr(config.design, "arms", ()))
    return {"arm": {"allowed": arms, "example": arms[-1]}} if arms else {}


def _subject(config: CityConfig) -> str:
    return "place" if config.design.type in CLUSTERS else "person"


def _constants(table: str, config: CityConfig) -> dict[str, str]:
    kinds = {"place": "unit", "person": "participant"}
    match table:
        case "assignments":
            limit = {"cutoff": str(config.design.cutoff)} if config.design.type == "rd" else {}
            return {"subject_type": kinds[_subject(config)], **limit}
        case "outcomes":
            return {"subject_type": "unit" if config.design.type in PANELS else "participant"}
        case "services":
            return {"subject_type": "participant"}
    return {}


def _covariates(table: str, config: CityConfig) -> list[str]:
    """Return the columns city.yml names that neither the model nor the software has, where they are kept."""
    if table != ("units" if config.design.type in PANELS else "participants"):
        return []
    design = config.design
    named = [*config.covariates, *(dim.from_ or dim.id for dim in config.subgroups.dims if not dim.descriptive_only),
             *getattr(design, "strata", ()), *getattr(design, "covariate_adjust", ()), design.weights]  # fmt: skip
    if design.type == "observational_aipw":
        named += [re.sub(r"^spline\((.*)\)$", r"\1", term) for term in design.propensity.terms]
    if design.type == "panel_did":
        named += [design.treated_rule, *(check.exclude_attribute for check in design.sensitivity)]
    known = _known(table, config)
    return list(dict.fromkeys(name for name in named if name and name not in known))


def _known(table: str, config: CityConfig) -> set[str]:
    """Return every name that needs no column of its own on the sheet of people (or, in panels, of places)."""
    kinds = TABLES["units"].columns["unit_type"].allowed
    counted = {outcome.exposure or outcome.denominator for outcome in config.outcomes}
    groups = set(EQUITY) if table == "participants" else set()
    return {*TABLES[table].columns, *TABLES["assignments"].columns, *MADE, *kinds, *(f"{kind}_id" for kind in kinds),
            *groups, *counted, getattr(config.design, "running_variable", None) or ""}  # fmt: skip
