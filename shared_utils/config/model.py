"""city.yml and portfolio.yml as typed settings. Names are those of the YAML (pilots.md section 3.1).

Checks that look at one value live here; checks that compare values live in rules.py; both are run by load.py.
"""

import datetime
import hashlib
import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from shared_utils.config.design import Columns, Design
from shared_utils.config.errors import closest
from shared_utils.config.fields import (
    Block,
    CityKey,
    Count,
    CountyFips,
    DataPath,
    Date,
    Id,
    Month,
    Positive,
    Role,
    Share,
    Slug,
    StateFips,
    Text,
    Timezone,
    Tract,
    refused,
)
from shared_utils.config.names import DOMAINS, STATE_FIPS, STATES
from shared_utils.config.reporting import Reporting

Direction = Literal["increase", "decrease"]
# words and places
PLAN_FREE = {
    "label",
    "labels",
    "arm_labels",
    "name",
    "title",
    "path",
    "analysis_file",
    "catchment",
    "published_effect",
    "budget_usd",
}


def _fill(value: object, **defaults) -> object:
    """Return the raw block with defaults that depend on its other values; a present value always wins."""
    if not isinstance(value, dict):
        return value
    return {**{key: default for key, default in defaults.items() if default is not None}, **value}


class City(Block):
    key: CityKey  # in seeds, hashes and file names: never change after the first intake
    name: Text
    state: str
    state_fips: StateFips  # default: the state's own
    county_fips: CountyFips | None = None
    timezone: Timezone | None = None

    @model_validator(mode="before")
    @classmethod
    def _fips_of_state(cls, value):
        state = value.get("state") if isinstance(value, dict) else None
        return _fill(value, state_fips=STATE_FIPS.get(state, "00") if isinstance(state, str) else "00")

    @field_validator("state")
    @classmethod
    def _real_state(cls, value):
        if value not in STATES:
            by_name = {name: code for code, name in STATES.items()}
            near = by_name.get(closest(value, list(by_name)), "")
            near = value.upper() if value.upper() in STATES else near
            raise refused(f"'{value}' is not a two-letter state code.", STATES, near)
        return value


class TheoryOfChange(Block):
    inputs: str = ""
    activities: str = ""
    outputs: str = ""
    short_term: str = ""
    long_term: str = ""


class Catchment(Block):
    """The tracts the pilot serves, as everybody may know them: the outline on the map of tracts."""

    tract_vintage: Literal[2010, 2020]
    tracts: Annotated[list[Tract], Field(min_length=1)]


class Pilot(Block):
    slug: Slug
    title: Text
    domain: Literal[DOMAINS]
    start: Date
    end: Date
    data_lock: Date  # outcomes by arm stay blinded until then; default: 31 days after the end
    population: str = ""
    unit_of_analysis: str = "participant"
    planned_enrollment: Positive | None = None  # how many are to join by the end of the enrollment window
    budget_usd: Positive | None = None  # cash that may be spent in all; for the page on cost
    theory_of_change: TheoryOfChange = TheoryOfChange()
    catchment: Catchment | None = None  # for the map only

    @model_validator(mode="before")
    @classmethod
    def _lock_after_end(cls, value):
        try:
            lock = datetime.date.fromisoformat(value["end"]) + datetime.timedelta(days=31)
        except (KeyError, TypeError, ValueError):
            lock = datetime.date.max  # `end` itself is reported
        return _fill(value, data_lock=lock)


class Reference(Block):
    path: DataPath
    vintage: int | None = None
    tract_vintage: Literal[2010, 2020] = 2010


class Timeliness(Block):
    max_lag_days: Count = 15
    stale_after_days: Positive = 45


class Data(Block):
    mode: Literal["synthetic", "city"]
    synthetic_seed: Count = 20190401
    scenario: Text = "default"
    analysis_file: DataPath | None = None  # below data/private
    reference: dict[Literal["opportunity_atlas", "acs", "eviction_lab"], Reference] = {}
    timeliness: Timeliness = Timeliness()


class Event(Block):
    id: Id
    label: Text
    start: Date
    end: Date | None = None
    first_affected_month: Month | None = None
    rebase_spc: bool = False  # new limits on control charts from its first month on
    rebase_reason: Text | None = None
    rebase_role: Role | None = None  # whose decision that was
    exclude_from_primary: bool = False
    source: str = "city"


class Winsorize(Block):
    lower: float | None = None
    upper: float | None = None
    rule: Literal["fixed_cap"] = "fixed_cap"


Scale = Literal["prob_diff", "points", "usd", "unit", "percent_change", "log_irr", "log_hr"]


class Mwe(Block):
    """Minimum worthwhile effect: the smallest change worth paying for."""

    scale: Scale
    value: float


class PublishedEffect(Mwe):
    """What others found on the same outcome: a mark in what the pilot can detect, no part of the plan."""

    source: Text


class Outcome(Block):
    id: Id
    label: Text  # default: the id in words
    role: Literal["primary", "secondary"]
    kind: Literal["binary", "continuous", "count", "proportion", "index", "time_to_event"]
    direction: Direction
    unit: str = ""
    exposure: str | None = None
    denominator: str | None = None
    source: str = ""
    winsorize: Winsorize | None = None
    mwe: Mwe | None = None
    published_effect: PublishedEffect | None = None  # of the primary outcome, on the scale of its mwe
    family: str | None = None
    column: str | None = None  # in data.analysis_file; default: the id

    @model_validator(mode="before")
    @classmethod
    def _label_from_id(cls, value):
        words = str(value.get("id", "")).replace("_", " ").capitalize() if isinstance(value, dict) else None
        return _fill(value, label=words or None)


class Dim(Block):
    id: Id
    from_: str | None = Field(None, alias="from")
    cuts: Literal["within_city_terciles"] | None = None
    confirmatory: bool = False
    level: str | None = None
    descriptive_only: bool = False
    labels: dict[str, str] = {}


class Subgroups(Block):
    dims: list[Dim] = []
    multiplicity: Literal["holm_within_dim"] = "holm_within_dim"
    min_n_each_side_in_bandwidth: Positive | None = None


class Multiplicity(Block):
    alpha: Share = 0.05
    primary_family: list[Id] = []
    secondary_family_method: Literal["holm"] = "holm"
    subgroup_method: Literal["holm_within_dim"] = "holm_within_dim"


class WorthwhileEffect(Mwe):
    outcome: Id


class SubgroupHarm(Block):
    type: Literal["subgroup_harm"]
    dim: Id
    action: Literal["scale_becomes_adapt"] = "scale_becomes_adapt"


class CostCeiling(Block):
    type: Literal["cost_per_unit_max"]
    value: Annotated[float, Field(gt=0)] | None = None  # null: no ceiling set yet
    unit: str = ""
    action: Literal["scale_becomes_adapt"] = "scale_becomes_adapt"


class QualityFlags(Block):
    type: Literal["quality_flags"] = "quality_flags"
    serious: Literal["cap_at_staged"] = "cap_at_staged"
    block: Literal["keep_learning"] = "keep_learning"


Guardrail = Annotated[SubgroupHarm | CostCeiling | QualityFlags, Field(discriminator="type")]


class Decision(Block):
    level: Share = 0.95
    minimum_worthwhile_effect: WorthwhileEffect | None = None
    guardrails: list[Guardrail] = [QualityFlags()]


class Indicator(Block):
    id: Id
    label: Text
    statistic: Literal["ratio", "mean", "median"] = "ratio"
    numerator: str | None = None
    denominator: str | None = None
    per: Annotated[int, Field(ge=1)] | None = None  # 100: percent; 1000: per 1,000
    counts: Literal["people", "other"] = "people"  # other: money or events, so not some of the denominator
    unit: Text
    direction: Direction
    target: float
    target_source: Literal["city", "benchmark", "placeholder"]
    frequency: Literal["monthly", "quarterly"]
    source: Text
    chart: Literal["p", "p_prime", "u", "u_prime", "xmr"]
    equity: list[Id] = []
    definition_version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")] = "1.0.0"
    history: bool = False  # records from before the pilot exist


class Rounding(Block):
    counts_base: Positive = 5
    percent_digits: Count = 0
    percent_digits_n_over: Count = 100
    percent_digits_large: Count = 1
    usd_base: Positive = 10
    se_digits: Positive = 2


class ReleaseLevels(Block):
    internal: Literal["unrounded_suppressed"] = "unrounded_suppressed"
    network: Literal["rounded_suppressed"] = "rounded_suppressed"
    public: Literal["rounded_suppressed"] = "rounded_suppressed"


class Privacy(Block):
    id_columns: Columns = []
    direct_identifiers: Columns = []
    salt_env: Text  # default: EMI_SALT_<CITY KEY>
    small_cell_min: Annotated[int, Field(ge=11)] = 11  # the CMS standard; a city may only raise it
    complementary_suppression: Literal[True] = True  # a hidden cell must not follow from the total
    rounding: Rounding = Rounding()
    release_levels: ReleaseLevels = ReleaseLevels()
    geography_floor: Literal["tract_group"] = "tract_group"
    rd_plot_min_per_bin: Annotated[int, Field(ge=11)] = 11
    remote_compute: bool = False  # may a batch send the city's data to other machines?


class CityConfig(Block):
    schema_version: Literal["1.0"]
    city: City
    pilot: Pilot
    data: Data
    design: Design
    outcomes: list[Outcome]
    events: list[Event] = []
    covariates: list[Text] = []
    subgroups: Subgroups = Subgroups()
    multiplicity: Multiplicity = Multiplicity()
    decision: Decision = Decision()
    indicators: list[Indicator] = []
    privacy: Privacy
    reporting: Reporting = Reporting()

    _path: Path | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _salt_of_city(cls, value):
        if not isinstance(value, dict):
            return value
        city = value.get("city")
        key = city.get("key", "") if isinstance(city, dict) else ""
        return {**value, "privacy": _fill(value.get("privacy", {}), salt_env=f"EMI_SALT_{key}".upper())}

    @property
    def path(self) -> Path | None:
        """The file these settings came from."""
        return self._path

    @property
    def primary(self) -> Outcome:
        return next(outcome for outcome in self.outcomes if outcome.role == "primary")

    @property
    def secondaries(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.role == "secondary"]

    @property
    def mwe(self) -> float | None:
        """Minimum worthwhile effect of the primary outcome, positive, on the estimation scale.

        Percentage points are a proportion (0.05); a percent change is a log ratio: 10 % fewer is 0.105.
        None only for a descriptive city, which decides nothing.
        """
        stated = self.primary.mwe or self.decision.minimum_worthwhile_effect
        return worthwhile(stated, self.primary.direction) if stated else None

    @property
    def published_effect(self) -> float | None:
        """The effect that others found, positive, on the estimation scale; None where city.yml states none."""
        stated = self.primary.published_effect
        return worthwhile(stated, self.primary.direction) if stated else None

    @property
    def sha256(self) -> str:
        """Hash of everything the analysis depends on: all settings but reporting, labels and file places.

        A setting written out at its default value and one left out give the same hash, as do 200 and 200.0.
        """
        content = _canonical(self.model_dump(mode="json", by_alias=True, exclude={"reporting"}))
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


class PortfolioConfig(Block):
    """portfolio.yml, optional: how the page of all cities is called and where the cities are."""

    title: Text = "Economic mobility pilots"
    subtitle: str = ""
    cities: DataPath = "cities"


def worthwhile(effect: Mwe, direction: Direction) -> float:
    """Return a stated effect as a positive number on the estimation scale."""
    size = abs(effect.value)
    if effect.scale == "percent_change":
        return abs(math.log1p(size / 100 if direction == "increase" else -size / 100))
    return size


def _canonical(value: Any) -> Any:
    """Return settings without what the plan does not depend on, whole numbers as integers."""
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items() if key not in PLAN_FREE}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
