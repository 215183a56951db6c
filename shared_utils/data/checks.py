"""What looks wrong in a city's tables without stopping intake: rules DQ101 to DQ114 (pilots.md section 2.5).

Each rule is one function that yields flags. Problems a person must settle before any table can be made are
raised by the steps of intake instead (unreadable cells, DQ112, DQ113).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from shared_utils.config import CityConfig
from shared_utils.data.model import EQUITY, TABLES
from shared_utils.data.rows import Combined
from shared_utils.results import Flag

# Tables the estimate rests on: two rows with one key and different values leave open which is true.
DECISIVE = ("assignments", "outcomes", "units")
INCOME_LOOKS_MONTHLY = 6_000
RANDOM = ("random_complete", "random_stratified", "lottery")


@dataclass(frozen=True)
class Facts:
    """What the rules look at. `copies` are exact copies removed, `rows` those read, over all source files."""

    tables: dict[str, pd.DataFrame]
    combined: dict[str, Combined]
    copies: int
    rows: int
    variants: int
    tracts: set[str] | None
    config: CityConfig


def run(facts: Facts) -> list[dict]:
    """Return the flags of all rules in the order of their codes."""
    rules = (
        _keys, _repeats, _foreign_keys, _values, _income, _order, _future, _missing, _tracts, _panel, _counts,
        _shares, _late, _two_arms,
    )  # fmt: skip
    return [flag.as_dict() for rule in rules for flag in rule(facts)]


def _keys(f: Facts) -> Iterator[Flag]:
    for name in DECISIVE:
        clashes = sum(f.combined[name].near_by.values())
        if clashes:
            key, differ = ", ".join(TABLES[name].key), ", ".join(f.combined[name].clashing)
            message = f"{clashes} rows have the {key} of a later row and another {differ}."
            yield Flag("DQ101", "block", name, message, True)


def _repeats(f: Facts) -> Iterator[Flag]:
    near = sum(n for name in TABLES if name not in DECISIVE for n in f.combined[name].near_by.values())
    said = [
        f"{f.copies} exact copies of rows removed" if f.copies else "",
        f"{near} rows replaced by a later row with the same key" if near else "",
        f"{f.variants} ids typed in another way brought together" if f.variants else "",
    ]
    if any(said):
        serious = f.copies + near > 0.02 * f.rows
        message = "; ".join(filter(None, said)) + "."
        yield Flag("DQ102", "serious" if serious else "warn", "all tables", message)


def _foreign_keys(f: Facts) -> Iterator[Flag]:
    known = {"participant": set(f.tables["participants"]["participant_id"]),
             "unit": set(f.tables["units"]["unit_id"])}  # fmt: skip
    for name, frame in f.tables.items():
        for column in TABLES[name].columns.values():
            if not column.refers_to or frame.empty:
                continue
            kinds = frame["subject_type"] if column.refers_to == "subject_type" else "unit"
            refers = pd.DataFrame({"id": frame[column.name], "kind": kinds}).dropna()
            lost = sum((~ids["id"].isin(known[kind])).sum() for kind, ids in refers.groupby("kind"))
            if lost:
                serious = bool(lost > 0.005 * len(refers))
                message = f"{lost} of {len(refers)} rows name somebody or something in no list."
                yield Flag("DQ103", "serious" if serious else "warn", f"{name}.{column.name}", message,
                           serious and name in DECISIVE)  # fmt: skip


def _values(f: Facts) -> Iterator[Flag]:
    for name, frame in f.tables.items():
        for column in TABLES[name].columns.values():
            if column.minimum is None and column.maximum is None:
                continue
            values = frame[column.name].astype("float64")
            low = column.minimum if column.minimum is not None else -float("inf")
            high = column.maximum if column.maximum is not None else float("inf")
            outside = int((values.notna() & ~values.between(low, high)).sum())
            if outside:
                severity = "serious" if outside > 0.01 * len(frame) else "warn"
                message = f"{outside} values lie outside {low:g} to {high:g}."
                yield Flag("DQ104", severity, f"{name}.{column.name}", message)


def _income(f: Facts) -> Iterator[Flag]:
    income = f.tables["participants"]["income_annual_usd"]
    if income.notna().any() and income.median() < INCOME_LOOKS_MONTHLY:
        message = f"Half of the yearly incomes are below {INCOME_LOOKS_MONTHLY:,} USD: they look monthly."
        yield Flag("DQ104", "serious", "participants.income_annual_usd", message)


def _order(f: Facts) -> Iterator[Flag]:
    """Application, then assignment, then service and outcome."""
    assigned = f.tables["assignments"][["subject_type", "subject_id", "assigned_at"]]
    people = f.tables["participants"].rename(columns={"participant_id": "subject_id"})
    people = people.assign(subject_type="participant")
    outcomes = f.tables["outcomes"]
    outcomes = outcomes[(outcomes["subject_type"] == "participant") & (outcomes["wave"] != "baseline")]
    for table, rows, column, after, words in (
        ("participants", people, "application_date", False, "people applied after they were assigned"),
        ("services", f.tables["services"], "service_date", True, "services are dated before the assignment"),
        ("outcomes", outcomes, "observed_at", True, "outcomes were measured before the assignment"),
    ):
        both = rows[["subject_type", "subject_id", column]].merge(assigned, on=["subject_type", "subject_id"])
        wrong = both[column] < both["assigned_at"] if after else both[column] > both["assigned_at"]
        if wrong.any():
            yield Flag("DQ105", "serious", table, f"{int(wrong.sum())} {words}.", table != "services")


def _future(f: Facts) -> Iterator[Flag]:
    """A date more than a year after the data lock is a typing mistake; `as_of` cuts later rows anyway."""
    last = pd.Timestamp(f.config.pilot.data_lock) + pd.Timedelta(days=365)
    for table, column in (("participants", "application_date"), ("assignments", "assigned_at"),
                          ("services", "service_date"), ("outcomes", "observed_at")):  # fmt: skip
        late = int((f.tables[table][column] > last).sum())
        if late:
            message = f"{late} dates lie more than a year after the data lock."
            yield Flag("DQ105", "serious", f"{table}.{column}", message, table == "assignments")


def _missing(f: Facts) -> Iterator[Flag]:
    for name, frame in f.tables.items():
        columns = [*TABLES[name].required, *(c for c in EQUITY if c in TABLES[name].columns)]
        for column in columns:
            if frame.empty or column == "value":
                continue
            share = frame[column].isna().mean()
            if share > 0.05:
                severity = "serious" if share > 0.20 else "warn"
                yield Flag("DQ106", severity, f"{name}.{column}", f"{share:.0%} of the cells are empty.")


def _tracts(f: Facts) -> Iterator[Flag]:
    tracts = f.tables["participants"]["tract_id"].dropna()
    if f.tracts is None or tracts.empty:
        return
    lost = int((~tracts.isin(f.tracts)).sum())
    if lost:
        severity = "serious" if lost > 0.05 * len(tracts) else "warn"
        message = f"{lost} of {len(tracts)} tracts are not in the Opportunity Atlas of 2010 tracts."
        yield Flag("DQ107", severity, "participants.tract_id", message)


def _panel(f: Facts) -> Iterator[Flag]:
    """A panel needs every unit in every month: a hole would be read as a change."""
    outcomes = f.tables["outcomes"]
    panel = outcomes[(outcomes["subject_type"] == "unit") & (outcomes["outcome_id"] == f.config.primary.id)]
    if f.config.design.type in ("did_staggered", "panel_did") and len(panel):
        units, months = panel["subject_id"].nunique(), panel["period_start"].nunique()
        holes = units * months - len(panel)
        if holes:
            message = f"{holes} of {units * months} unit-months have no row; zero_fill would make it zero."
            yield Flag("DQ108", "block", "outcomes", message, True)


def _counts(f: Facts) -> Iterator[Flag]:
    counts = f.tables["indicator_monthly"]
    shares = [i.id for i in f.config.indicators if i.per == 100 and i.statistic == "ratio"]
    above = int((counts["indicator_id"].isin(shares) & (counts["numerator"] > counts["denominator"])).sum())
    if above:
        yield Flag("DQ108", "block", "indicator_monthly", f"{above} rows count more successes than cases.")


def _shares(f: Facts) -> Iterator[Flag]:
    """Was the draw what it says it was? Exact binomial test in each stratum."""
    from shared_utils.stats import assignment

    rows = f.tables["assignments"].dropna(subset=["assign_prob"])
    arms = getattr(f.config.design, "arms", [])
    if len(arms) != 2 or rows.empty or not rows["method"].isin(RANDOM).all():
        return
    strata = rows["stratum"].fillna("all") + " at " + rows["assign_prob"].astype(str)
    found = assignment.audit(rows["arm"] == arms[1], strata, rows["assign_prob"])
    for row in found[~found["compatible"]].itertuples():
        message = f"{row.assigned} of {row.n} in stratum {row.stratum} got {arms[1]}: not the stated chance."
        yield Flag("DQ109", "block", "assignments", message, True)


def _late(f: Facts) -> Iterator[Flag]:
    window = getattr(f.config.design, "enrollment_window", None)
    if window is None:
        return
    assigned = f.tables["assignments"]["assigned_at"].dropna()
    outside = int((~assigned.between(pd.Timestamp(window.start), pd.Timestamp(window.end))).sum())
    if outside:
        days = f"{window.start} to {window.end}"
        message = f"{outside} of {len(assigned)} assignments lie outside the enrolment window {days}."
        yield Flag("DQ110", "serious", "assignments", message, True)


def _two_arms(f: Facts) -> Iterator[Flag]:
    combined = f.combined["assignments"]
    if "arm" in combined.clashing:
        yield Flag("DQ114", "block", "assignments", "Somebody is in two arms.", True)
