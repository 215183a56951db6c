"""The data model in plain words: what each column is called on a sheet, what it means, and what cities call it.

`workbook` prints these words, `suggest` matches headers against them. Types, allowed values and privacy classes
are declared in `model`, nowhere else.
"""

import re
from dataclasses import dataclass

from shared_utils.data.model import HOUSEHOLD_TYPE, TABLES

SHORT = {
    "hh": "household", "eth": "ethnicity", "num": "number", "qty": "quantity", "amt": "amount",
    "pct": "percent", "addr": "address", "bldg": "building", "appl": "application", "app": "application",
    "svc": "service", "prob": "probability", "yr": "year", "mo": "month", "dt": "date", "org": "provider",
    "neighborhood": "neighbourhood", "enrollment": "enrolment", "randomisation": "randomization",
}  # fmt: skip

SHEETS = {
    "participants": "People", "units": "Places", "assignments": "Assignment", "outcomes": "Outcomes",
    "services": "Services", "indicator_monthly": "Indicators", "costs": "Costs",
}  # fmt: skip

PRIVACY = {
    "L": "Replaced by a code before anything is stored",
    "Q": "Could help to recognize a person: only coarse groups leave the city",
    "S": "Sensitive: leaves the city only in counts that hide small groups",
    "N": "Does not describe one person",
}


@dataclass(frozen=True)
class Words:
    """`title` heads the column in the workbook, `meaning` explains it, `also` are headers cities use for it."""

    title: str
    meaning: str
    also: tuple[str, ...] = ()


PERSON = Words("Person ID", "The city's own number or code for this person, family or household. Never a name.",
               ("client id", "client", "client number", "case number", "case id", "applicant id", "applicant",
                "participant id", "learner id", "learner number", "youth id", "family id", "family number",
                "household id", "resident id", "student id", "account", "account number", "application id",
                "application number", "id"))  # fmt: skip
SITES = ("site", "site id", "building", "building id", "classroom", "class site", "school", "branch", "provider site",
         "referral site", "neighbourhood", "location")  # fmt: skip
PLACE = Words("Place ID", "The city's own name or code for the site, building, classroom or tract.",
              (*SITES, "tract", "tract geoid", "geoid", "census tract", "unit id"))  # fmt: skip

WORDS: dict[str, dict[str, Words]] = {
    "participants": {
        "participant_id": PERSON,
        "unit_id": Words(PLACE.title, "The site, classroom, building or branch this person belongs to.", SITES),
        "tract_id": Words("Census tract", "The 11-digit census tract (GEOID) of the home.",
                          ("tract", "home tract", "tract geoid", "geoid", "census tract geoid")),
        "application_date": Words("Application date", "The day the person applied or was referred.",
                                  ("applied", "applied on", "date applied", "intake date", "enrolled",
                                   "enrolment date", "referral date", "referred", "first contact")),
        "consent_status": Words("Consent", "Whether the person agreed to take part in the study.",
                                ("consented", "consent status", "agreed")),
        "age_years": Words("Age", "Age in years at application. Never a date of birth.",
                           ("age at application", "age years", "head s age", "age in years")),
        "age_months": Words("Age in months", "Age of a child in months at application.",
                            ("child age months", "age months")),
        "gender": Words("Gender", "What the person said.", ("sex", "head s gender")),
        "race_ethnicity": Words("Race and ethnicity", "Hispanic of any race first; '_nh' means not Hispanic.",
                                ("race", "ethnicity", "race ethnicity", "race or ethnicity", "race code")),
        "household_type": Words("Household type", "Who lives together: one or more adults, with or without children.",
                                ("household", "lives with", "household code", "adults at home", "family type")),
        "household_size": Words("Household size", "How many people live in the household.",
                                ("persons", "people in household", "in household", "people at home",
                                 "family size")),
        "income_annual_usd": Words("Yearly income", "Income of the household before taxes, dollars a year.",
                                   ("income", "annual income", "income year", "household income")),
        "income_pct_fpl": Words("Income, percent of poverty level", "Household income as a percent of the federal "
                                "poverty level: 100 is the poverty level itself.",
                                ("percent fpl", "fpl", "fpl percent", "percent of poverty")),
        "education": Words("Education", "Highest school finished: lt_hs is no diploma, hs_ged a diploma or GED, "
                           "assoc_plus an associate degree or more.",
                           ("schooling", "highest grade", "education level", "parent schooling")),
        "employed_baseline": Words("Working at the start", "Whether the person had a job at application.",
                                   ("working", "employed", "employed at intake", "employed at baseline",
                                    "working at intake", "has job")),
        "outcome_baseline": Words("Starting value", "The main outcome, or what stands in for it, before the start.",
                                  ("baseline", "baseline score", "score at baseline", "baseline value", "pre score")),
        "exit_date": Words("Exit date", "The day the person left the program.", ("left", "date left", "exited")),
        "exit_reason": Words("Exit reason", "Why the person left.", ("left because", "reason left", "why left")),
    },
    "units": {
        "unit_id": PLACE,
        "unit_type": Words("Kind of place", "What kind of place this is.", ("kind", "type", "unit type", "place type")),
        "parent_unit_id": Words("Inside place", "The place around this one: the site of a classroom. It has a row too.",
                                ("parent site", "belongs to", "parent", "in site")),
        "tract_id": Words("Census tract", "The 11-digit census tract (GEOID) the place lies in.",
                          ("tract", "tract geoid", "geoid", "tract 2010")),
        "size": Words("Size", "People, households or homes there.",
                      ("seats", "capacity", "occupied units", "slots", "renter household", "households")),
    },
    "assignments": {
        "subject_id": Words("Assigned ID", "Who or what was assigned.", ()),
        "arm": Words("Group", "The group it was assigned to, whatever happened afterwards.",
                     ("arm", "assignment", "assigned group", "draw result", "treatment group", "track",
                      "lottery result", "condition", "study group", "program group")),
        "assigned_at": Words("Assigned on", "The day of the draw or of the decision.",
                             ("lottery date", "drawn", "drawn on", "draw date", "assignment date", "date assigned",
                              "random assignment date", "randomized", "randomization date", "decided",
                              "date randomized")),
        "start_date": Words("Start date", "The first day of service in this place; empty if it has not started.",
                            ("first served", "first month of service", "service start", "started")),
        "stratum": Words("Draw group", "The group within which the draw was made, for example a site or an age group.",
                         ("stratum", "strata", "block", "lottery block", "drawn in", "drawn in site")),
        "assign_prob": Words("Chance of an offer", "The chance of being drawn, between 0 and 1.",
                             ("assignment probability", "chance", "probability", "odds of offer")),
        "running_value": Words("Value at the limit", "The number that decides who is eligible.",
                               ("running value", "running variable", "eligibility value", "eligibility score")),
        "method": Words("How assigned", "How it was decided who is in which group.",
                        ("method", "assignment method")),
        "randomization_seed": Words("Draw record", "The number or document that lets others repeat the draw.",
                                    ("seed", "draw seed", "lottery record")),
    },
    "outcomes": {
        "subject_id": Words("Measured ID", "Who or what was measured.", ()),
        "outcome_id": Words("Outcome", "Which outcome, by its id in city.yml.",
                            ("measure", "outcome id", "outcome name", "variable")),
        "wave": Words("Wave", "When in the study: baseline, f1 for the first follow-up, f2, ..., monthly, or event.",
                      ("survey wave", "round", "follow up")),
        "period_start": Words("Month or due date", "The month it is about, or the day the survey was due.",
                              ("month", "filing month", "period", "wave opens", "due", "due date", "nine months on")),
        "value": Words("Value", "The number that was measured; empty if it is missing. Yes is 1, no is 0.",
                       ("score", "share", "result value", "measurement")),
        "denominator": Words("Out of", "What the value is counted against: renter homes, days enrolled.",
                             ("denominator", "renter household", "renter households", "cases", "occupied units",
                              "days enrolled", "households at risk")),
        "event_date": Words("Event date", "The day it happened; empty if it has not.", ("date of event",)),
        "censor_date": Words("No event as of", "The last day it is known not to have happened.",
                             ("censored on", "last known date")),
        "status": Words("Status", "Whether it was measured, and if not, why.", ("reply", "response status")),
        "observed_at": Words("Measured on", "The day it was measured or taken from a record.",
                             ("seen", "extracted", "reply date", "survey date", "interview date", "reported",
                              "date measured", "observed", "closed on", "match date", "matched on", "registry run",
                              "as of", "test date")),
        "source_system": Words("Source", "Where the number comes from.", ("source system", "data source")),
    },
    "services": {
        "service_id": Words("Entry ID", "A number for this line.", ("entry", "event id", "log id", "line")),
        "subject_id": Words("Person ID", "Who received it, by the same ID as on the sheet People.", PERSON.also),
        "service_type": Words("Service", "What it was, always in the same word: coaching_contact, class_hours.",
                              ("what", "service type", "type", "kind", "activity", "contact type",
                               "service name")),
        "service_date": Words("Service date", "The day it took place.",
                              ("day", "date", "service day", "date of service", "contact date", "session date")),
        "quantity": Words("Quantity", "How many, in the unit beside it.", ("count", "times", "hours", "amount")),
        "unit": Words("Unit", "What is counted.", ("unit of quantity",)),
        "scheduled": Words("Planned", "Whether it was planned ahead.", ("scheduled",)),
        "delivered": Words("Took place", "Whether it took place.", ("done", "delivered", "attended", "completed",
                                                                  "arrived", "kept")),
        "provider_unit_id": Words("Given at", "The place that gave it, by its ID on the sheet Places.",
                                  ("provider", "provider site", "site", "building")),
    },
    "indicator_monthly": {
        "indicator_id": Words("Indicator", "Which indicator, by its id in city.yml.", ("indicator id", "measure")),
        "definition_version": Words("Version", "The version of its definition in city.yml.", ("definition version",)),
        "period": Words("Month", "The month it is about; any day of it.", ("period", "reporting month")),
        "group_dim": Words("Grouped by", "'all' for everybody together, or what people are grouped by.",
                           ("group dimension", "group dim", "breakdown")),
        "group_value": Words("Group", "'all', or which group.", ("group value", "category")),
        "numerator": Words("Numerator", "The number above the line.", ("count",)),
        "denominator": Words("Denominator", "The number below the line.", ("out of", "total")),
        "value": Words("Value", "The indicator itself: numerator divided by denominator, or a mean or median.",
                       ("result", "rate")),
        "received_at": Words("Received on", "The day the number came in.", ("received", "date received")),
    },
    "costs": {
        "cost_id": Words("Entry ID", "A number for this line.", ("cost id", "line", "entry")),
        "period": Words("Month", "The month it was spent; any day of it.", ("period", "cost month")),
        "category": Words("Category", "What it was spent on.", ("cost category", "type of cost")),
        "arm": Words("Group", "The group it was spent on; empty if on all.", ("arm",)),
        "amount_usd": Words("Amount", "Dollars.", ("amount usd", "cost", "dollars", "spent", "usd")),
        "is_in_kind": Words("In kind", "Whether it was given as goods or time instead of money.", ("is in kind",)),
        "fund_source": Words("Paid by", "Who paid.", ("fund source", "funding source", "fund", "funder")),
        "one_time": Words("One time", "Whether it is spent once and not every month.", ("one time", "one off")),
        "quality": Words("Quality", "Whether it is the actual amount, an estimate or a placeholder.",
                         ("amount quality",)),
    },
}  # fmt: skip

_ADULTS = dict(zip(("single parent", "couple with children", "single adult", "couple no children"),
                   HOUSEHOLD_TYPE, strict=False))  # fmt: skip
# What cities write -> the model's value, by column. Compared without case and punctuation.
CODES: dict[str, dict[str, str]] = {
    "race_ethnicity": {
        "b": "black_nh", "black": "black_nh", "african american": "black_nh", "black african american": "black_nh",
        "w": "white_nh", "white": "white_nh", "caucasian": "white_nh", "h": "hispanic", "latino": "hispanic",
        "latina": "hispanic", "latinx": "hispanic", "hispanic latino": "hispanic", "hispanic or latino": "hispanic",
        "a": "asian_nh", "asian": "asian_nh", "native american": "aian_nh", "american indian": "aian_nh",
        "pacific islander": "nhpi_nh", "native hawaiian": "nhpi_nh", "middle eastern": "mena",
        "multi": "multi_other_nh", "two or more": "multi_other_nh", "multiracial": "multi_other_nh",
        "other": "multi_other_nh", "other multiple": "multi_other_nh",
    },
    "gender": {"f": "female", "woman": "female", "girl": "female", "m": "male", "man": "male", "boy": "male",
               "x": "nonbinary_other", "nonbinary": "nonbinary_other", "non binary": "nonbinary_other",
               "nb": "nonbinary_other", "other": "nonbinary_other"},
    "household_type": {
        **_ADULTS, "single parent with children": HOUSEHOLD_TYPE[0], "one adult with children": HOUSEHOLD_TYPE[0],
        "two parents": HOUSEHOLD_TYPE[1], "two adults with children": HOUSEHOLD_TYPE[1],
        "couple adults with children": HOUSEHOLD_TYPE[1], "adults no children": HOUSEHOLD_TYPE[3],
    },
    "education": {"no diploma": "lt_hs", "less than high school": "lt_hs", "less than hs": "lt_hs",
                  "high school": "hs_ged", "hs": "hs_ged", "ged": "hs_ged", "hs or ged": "hs_ged",
                  "high school or ged": "hs_ged", "associate": "assoc_plus", "bachelor": "assoc_plus",
                  "degree": "assoc_plus", "college degree": "assoc_plus"},
    "status": {"complete": "observed", "completed": "observed", "no reply": "missing_nonresponse",
               "no response": "missing_nonresponse", "refused": "missing_nonresponse",
               "no match": "missing_not_matched"},
    "unit": {"count": "count", "hour": "hours", "hrs": "hours", "dollars": "usd", "day": "days"},
    "unit_type": {"neighborhood": "neighbourhood", "census tract": "tract", "class": "classroom"},
}  # fmt: skip
BOOLEANS = {"y": "true", "n": "false", "t": "true", "f": "false"}


def plain(text: str) -> str:
    """Return a header or a code as comparable words: 'Race/Eth' is 'race ethnicity', 'Case #' 'case number'."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).replace("#", " number ").replace("%", " percent ")
    words = re.findall(r"[^\W_]+", re.sub(r"\bno\.", "number ", parted.lower()))
    return " ".join(SHORT.get(word, word) for word in words)


def words(table: str, column: str) -> Words:
    """Return the words of a column of the model; for columns that have none, its name."""
    known = WORDS.get(table, {}).get(column)
    return known or Words(column.replace("_", " ").capitalize(), TABLES[table].columns[column].note)
