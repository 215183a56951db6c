"""The data model, declared once: eight tables, their columns, types, allowed values and privacy class.

Every city's files are mapped onto these tables (pilots.md section 2.2, tables T1 to T8). Intake, the
synthetic generator and the disclosure guard read this one declaration: a column is added here only.

Privacy classes: D direct identifier (never stored), L linkage key (pseudonymised), Q quasi-identifier
(coarsened before release), S sensitive attribute (released only in suppressed aggregates), N none.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Type = Literal["str", "int", "float", "bool", "date", "month", "cat"]
Required = Literal["yes", "conditional", "no"]
PiiClass = Literal["D", "L", "Q", "S", "N"]

RACE_ETHNICITY = (
    "black_nh", "white_nh", "hispanic", "asian_nh", "aian_nh", "nhpi_nh", "mena", "multi_other_nh", "unknown",
)  # fmt: skip
GENDER = ("female", "male", "nonbinary_other", "unknown")
HOUSEHOLD_TYPE = (
    "single_adult_children", "two_plus_adults_children", "single_adult_no_children",
    "two_plus_adults_no_children", "other", "unknown",
)  # fmt: skip
EDUCATION = ("lt_hs", "hs_ged", "some_college", "assoc_plus", "unknown")
SUBJECT_TYPE = ("participant", "unit")
OPPORTUNITY_TERCILE = ("low", "middle", "high", "unknown")
TRACT = "[0-9]{11}"

# The four equity dimensions of every city, in the order tables print them: R, G, H, O.
EQUITY = {
    "race_ethnicity": RACE_ETHNICITY,
    "gender": GENDER,
    "household_type": HOUSEHOLD_TYPE,
    "opportunity_tercile": OPPORTUNITY_TERCILE,
}


@dataclass(frozen=True)
class Column:
    """One column of the model.

    `derive` names the rule intake uses when a mapping gives no column and no constant (see `blocks`);
    `refers_to` is the table a foreign key points at; `pattern` is a regular expression a whole cell must fit;
    `minimum` to `maximum` is the usual range: what lies outside is flagged, not refused.
    """

    name: str
    type: Type
    required: Required = "no"
    pii: PiiClass = "N"
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""
    derive: str = ""
    refers_to: str = ""
    example: Any = None
    note: str = ""


@dataclass(frozen=True)
class Table:
    """One table. `key` is unique; `extra` names the JSON column that takes a city's own covariates."""

    name: str
    what: str
    key: tuple[str, ...]
    columns: dict[str, Column] = field(default_factory=dict)
    extra: str = ""

    @property
    def required(self) -> list[str]:
        return [c.name for c in self.columns.values() if c.required == "yes"]


def _table(name: str, what: str, key: tuple[str, ...], *columns: Column, extra: str = "") -> Table:
    return Table(name, what, key, {c.name: c for c in columns}, extra)


_SUBJECT = (
    Column("subject_type", "cat", "yes", allowed=SUBJECT_TYPE, example="participant"),
    Column("subject_id", "str", "yes", "L", refers_to="subject_type", example="p_m2cqqkgfjdlloofireq2"),
)

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        _table(
            "participants", "one row per person, family or household", ("participant_id",),
            Column("participant_id", "str", "yes", "L", example="p_m2cqqkgfjdlloofireq2"),
            Column("unit_id", "str", "conditional", "L", refers_to="units", example="u_site03"),
            Column("tract_id", "str", pii="Q", pattern=TRACT, note="11-digit GEOID", example="99999000412"),
            Column("application_date", "date", "yes", "Q", example="2019-06-14"),
            Column("consent_status", "cat", "yes",
                   allowed=("consented", "waived_admin_data", "withdrawn"), example="consented"),
            Column("age_years", "int", pii="Q", minimum=0, maximum=110, example=34),
            Column("age_months", "int", pii="Q", minimum=0, maximum=216, note="children only", example=44),
            Column("gender", "cat", pii="S", allowed=GENDER, example="female"),
            Column("race_ethnicity", "cat", pii="S", allowed=RACE_ETHNICITY, example="black_nh"),
            Column("household_type", "cat", pii="S", allowed=HOUSEHOLD_TYPE, example="single_adult_children"),
            Column("household_size", "int", pii="Q", minimum=1, maximum=15, example=3),
            Column("income_annual_usd", "float", pii="S", minimum=0, maximum=250_000, note="USD a year",
                   example=23800),
            Column("income_pct_fpl", "float", "conditional", "S", minimum=0, maximum=1000,
                   note="percent of the poverty level", example=143.2),
            Column("education", "cat", pii="Q", allowed=EDUCATION, example="lt_hs"),
            Column("employed_baseline", "bool", pii="S", example=False),
            Column("outcome_baseline", "float", pii="S", note="unit of the primary outcome", example=55.0),
            Column("covariates_json", "str", pii="S", note="flat JSON", example='{"placement_score": 512}'),
            Column("exit_date", "date", pii="Q", example="2019-11-02"),
            Column("exit_reason", "cat", pii="Q",
                   allowed=("completed", "moved", "withdrew", "lost", "deceased", "other"), example="moved"),
            extra="covariates_json",
        ),
        _table(
            "units", "places and clusters: sites, classrooms, buildings, tracts", ("unit_id",),
            Column("unit_id", "str", "yes", "L", example="u_bldg17"),
            Column("unit_type", "cat", "yes",
                   allowed=("site", "classroom", "school", "building", "tract", "neighbourhood", "branch"),
                   example="building"),
            Column("parent_unit_id", "str", refers_to="units", example="u_site03"),
            Column("tract_id", "str", pattern=TRACT, note="11-digit GEOID", example="99999000412"),
            Column("size", "int", minimum=0, note="people, households or units served", example=62),
            Column("attributes_json", "str", note="flat JSON", example='{"pilot_area": 1}'),
            extra="attributes_json",
        ),
        _table(
            "assignments", "who or what was assigned to which arm, and when", ("subject_type", "subject_id"),
            *_SUBJECT,
            Column("arm", "cat", "yes", "S", note="one of design.arms", example="treated"),
            Column("assigned_at", "date", "yes", "Q", example="2019-05-15"),
            Column("start_date", "date", "conditional", note="first treated date", example="2019-07-01"),
            Column("stratum", "str", "conditional", "Q", example="site2_16-17"),
            Column("assign_prob", "float", "conditional", minimum=0, maximum=1, example=0.42),
            Column("running_value", "float", "conditional", "S", example=143.2),
            Column("cutoff", "float", "conditional", "S", example=200),
            Column("method", "cat", "yes",
                   allowed=("random_complete", "random_stratified", "lottery", "threshold", "self_selected",
                            "administrative"), example="lottery"),
            Column("randomization_seed", "str", example="RL-2019-05-15"),
        ),
        _table(
            "outcomes", "every outcome of a person or place, one row a wave or month",
            ("subject_type", "subject_id", "outcome_id", "wave", "period_start"),
            *_SUBJECT,
            Column("outcome_id", "str", "yes", example="eviction_judgments"),
            Column("wave", "cat", "yes", note="baseline, f1, f2, ..., monthly, event", example="monthly"),
            Column("period_start", "date", "yes", "Q", derive="month_of_observed_at", example="2019-08-01"),
            Column("value", "float", pii="S", example=4),
            Column("denominator", "float", "conditional", minimum=0, example=912),
            Column("event_date", "date", "conditional", "Q", example="2020-01-17"),
            Column("censor_date", "date", "conditional", "Q", example="2020-09-30"),
            Column("status", "cat", "yes",
                   allowed=("observed", "missing_nonresponse", "missing_not_matched", "not_due", "withdrawn"),
                   derive="status_of_value", example="observed"),
            Column("observed_at", "date", "yes", note="when measured or extracted", example="2019-09-12"),
            Column("source_system", "cat", "yes", derive="name_of_source", example="court"),
        ),
        _table(
            "services", "event log: contacts, sessions, attendance, payments, deposits", ("service_id",),
            Column("service_id", "str", "yes", derive="number_in_source", example="s_000123"),
            *_SUBJECT,
            Column("service_type", "cat", "yes", "S", note="a city's own words", example="coaching_contact"),
            Column("service_date", "date", "yes", "Q", example="2019-07-03"),
            Column("quantity", "float", "yes", example=1),
            Column("unit", "cat", "yes", allowed=("count", "hours", "usd", "days"), example="count"),
            Column("scheduled", "bool", example=True),
            Column("delivered", "bool", "yes", example=True),
            Column("provider_unit_id", "str", refers_to="units", example="u_site03"),
        ),
        _table(
            "indicator_monthly", "indicators the city computes itself",
            ("indicator_id", "period", "group_dim", "group_value"),
            Column("indicator_id", "str", "yes", example="take_up_90d"),
            Column("definition_version", "str", "yes", example="1.0.0"),
            Column("period", "month", "yes", example="2019-10-01"),
            Column("group_dim", "cat", "yes", "S", allowed=("all", *EQUITY), example="gender"),
            Column("group_value", "cat", "yes", "S", example="female"),
            Column("numerator", "float", "conditional", "S", minimum=0, example=57),
            Column("denominator", "float", "conditional", "S", minimum=0, example=88),
            Column("value", "float", "yes", "S", derive="ratio_of_counts", example=0.648),
            Column("received_at", "date", "yes", example="2019-11-09"),
        ),
        _table(
            "costs", "what was spent, by month and category", ("cost_id",),
            Column("cost_id", "str", "yes", derive="number_in_source", example="c_014"),
            Column("period", "month", "yes", example="2019-08-01"),
            Column("category", "cat", "yes",
                   allowed=("staff", "direct_support", "incentives_match", "contracts", "technology",
                            "evaluation", "overhead", "in_kind"), example="staff"),
            Column("arm", "cat", example="offer"),
            Column("amount_usd", "float", "yes", example=8200),
            Column("is_in_kind", "bool", "yes", example=False),
            Column("fund_source", "cat", "yes",
                   allowed=("city", "initiative_flexible_funding", "philanthropy", "state", "federal",
                            "other"), example="city"),
            Column("one_time", "bool", "yes", example=False),
            Column("quality", "cat", "yes", allowed=("actual", "estimate", "placeholder"),
                   example="placeholder"),
        ),
        _table(
            "events", "annotated calendar; mostly from city.yml, optionally from a file", ("event_id",),
            Column("event_id", "str", "yes", example="covid"),
            Column("label", "str", "yes", example="COVID-19 disruption begins"),
            Column("start", "date", "yes", example="2020-03-16"),
            Column("end", "date", example="2020-09-30"),
            Column("scope", "cat", "yes", allowed=("city", "site", "building", "data_system"),
                   example="city"),
            Column("rebase_spc", "bool", "yes", example=False),
            Column("exclude_from_primary", "bool", "yes", example=True),
            Column("source", "str", "yes", example="public record"),
        ),
    )
}  # fmt: skip

# Headers that hold a direct identifier whatever the city calls it elsewhere: dropped at intake, never mapped.
DIRECT_IDENTIFIERS = (
    "name", "first_name", "last_name", "full_name", "street_address", "address", "phone", "email", "ssn",
    "social_security_number", "date_of_birth", "dob", "licence_plate", "license_plate", "notes", "comments",
)  # fmt: skip

# Units whose id may name where somebody lives or learns are hashed like people; the others stay readable.
HASHED_UNIT_TYPES = ("building", "classroom")


def empty(table: str):
    """Return an empty pandas DataFrame with the columns and dtypes of `table`."""
    import pandas as pd

    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in dtypes(table).items()})


def dtypes(table: str) -> dict[str, str]:
    """Return {column: pandas dtype} of `table`."""
    return {c.name: DTYPES[c.type] for c in TABLES[table].columns.values()}


# The pandas dtype each model type is stored as; nullable, so a missing number never becomes a zero.
DTYPES: dict[str, str] = {
    "str": "str", "cat": "str", "int": "Int64", "float": "float64", "bool": "boolean",
    "date": "datetime64[us]", "month": "datetime64[us]",
}  # fmt: skip
