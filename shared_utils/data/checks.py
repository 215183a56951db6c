"""What looks wrong in a city's tables without stopping intake: rules DQ101 to DQ114 (pilots.md section 2.5).

Each rule is one function that yields flags. Problems a person must settle before any table can be made are
raised by the steps of intake instead (unreadable cells, DQ112, DQ113).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd

from shared_utils.config import CityConfig
from shared_utils.data.blocks import ADDED
from shared_utils.data.model import EQUITY, TABLES
from shared_utils.data.problems import SHOWN
from shared_utils.data.rows import Combined
from shared_utils.results import Flag

# Tables the estimate rests on: two rows with one key and different values leave open which is true.
DECISIVE = ("assignments", "outcomes", "units")
INCOME_LOOKS_MONTHLY = 6_000
ATLAS_VINTAGE = 2010
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


# What a rule yields: the flag, and {table: the rows of its frame, or of all its blocks} where rows can be named.
Found = tuple[Flag, dict[str, np.ndarray]]


def run(facts: Facts) -> tuple[list[dict], list[dict]]:
    """Return the flags of all rules in the order of their codes, and the rows of the city's files they are about."""
    rules = (
        _keys, _repeats, _foreign_keys, _values, _income, _order, _future, _missing, _tracts, _vintage, _panel,
        _counts, _shares, _late, _recomputed, _two_arms,
    )  # fmt: skip
    found = [one for rule in rules for one in rule(facts)]
    places = [
        {"code": flag.code, "scope": flag.scope, **place}
        for flag, rows in found
        for table, positions in rows.items()
        for place in _places(facts.combined[table], positions)
    ]
    return [flag.as_dict() for flag, _ in found], places


def _places(combined: Combined, positions: np.ndarray) -> list[dict]:
    """Return the rows as the city's files number them: {file, sheet, rows, count}, the first SHOWN rows of each."""
    ends = np.cumsum([len(block.frame) for block in combined.blocks])
    block_of = np.searchsorted(ends, positions, side="right")
    places = []
    for number in np.unique(block_of):
        block = combined.blocks[number]
        rows = block.frame.index[positions[block_of == number] - ends[number] + len(block.frame)]
        rows = sorted(int(row) for row in set(rows) if row != ADDED)
        source = block.source
        places.append({"file": source.mapping.source.name, "sheet": source.sheet, "rows": rows[:SHOWN],
                       "count": len(rows)})  # fmt: skip
    return [place for place in places if place["count"]]


def _at(f: Facts, table: str, mask) -> dict[str, np.ndarray]:
    """Return {table: where its rows stand among those of all blocks} of the rows of its frame that `mask` marks."""
    return {table: f.combined[table].kept[np.flatnonzero(mask)]}


def _keys(f: Facts) -> Iterator[Found]:
    for name in DECISIVE:
        clashes = sum(f.combined[name].near_by.values())
        if clashes:
            key, differ = ", ".join(TABLES[name].key), ", ".join(f.combined[name].clashing)
            message = f"{clashes} rows have the {key} of a later row and another {differ}."
            yield Flag("DQ101", "block", name, message, True), {name: f.combined[name].repeated}


def _repeats(f: Facts) -> Iterator[Found]:
    repeated = {name: f.combined[name] for name in TABLES if name not in DECISIVE and f.combined[name].near_by}
    near = sum(n for combined in repeated.values() for n in combined.near_by.values())
    said = [
        f"{f.copies} exact copies of rows were left out." if f.copies else "",
        f"{near} rows were replaced by a later row with the same key." if near else "",
        f"{f.variants} ids typed in another way were joined." if f.variants else "",
    ]
    if any(said):
        serious = f.copies + near > 0.02 * f.rows
        message = " ".join(filter(None, said))
        rows = {name: combined.repeated for name, combined in repeated.items()}
        yield Flag("DQ102", "serious" if serious else "warn", "all tables", message), rows


def _foreign_keys(f: Facts) -> Iterator[Found]:
    known = {"participant": f.tables["participants"]["participant_id"], "unit": f.tables["units"]["unit_id"]}
    for name, frame in f.tables.items():
        for column in TABLES[name].columns.values():
            if not column.refers_to or frame.empty:
                continue
            kinds = frame["subject_type"] if column.refers_to == "subject_type" else "unit"
            refers = pd.DataFrame({"id": frame[column.name], "kind": kinds}).dropna()
            lost = np.concatenate([
                ids.index[~ids["id"].isin(known[kind])] for kind, ids in refers.groupby("kind")
            ] or [np.empty(0, dtype=int)])  # fmt: skip
            if len(lost):
                serious = bool(len(lost) > 0.005 * len(refers))
                message = f"{len(lost)} of {len(refers)} rows name somebody or something in no list."
                flag = Flag("DQ103", "serious" if serious else "warn", f"{name}.{column.name}", message,
                            serious and name in DECISIVE)  # fmt: skip
                yield flag, _at(f, name, frame.index.isin(lost))


def _values(f: Facts) -> Iterator[Found]:
    """Values outside the usual range the model states, as its Table Schema does."""
    for name, frame in f.tables.items():
        for column in TABLES[name].columns.values():
            if column.minimum is None and column.maximum is None:
                continue
            values = frame[column.name].astype("float64")
            low = column.minimum if column.minimum is not None else -float("inf")
            high = column.maximum if column.maximum is not None else float("inf")
            outside = values.notna() & ~values.between(low, high)
            count = int(outside.sum())
            if count:
                severity = "serious" if count > 0.01 * len(frame) else "warn"
                message = f"{count} values lie outside {low:g} to {high:g}."
                yield Flag("DQ104", severity, f"{name}.{column.name}", message), _at(f, name, outside)


def _income(f: Facts) -> Iterator[Found]:
    income = f.tables["participants"]["income_annual_usd"]
    if income.notna().any() and income.median() < INCOME_LOOKS_MONTHLY:
        message = f"Half of the yearly incomes are below {INCOME_LOOKS_MONTHLY:,} USD: they look monthly."
        yield Flag("DQ104", "serious", "participants.income_annual_usd", message), {}


def _order(f: Facts) -> Iterator[Found]:
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
        dated = rows[["subject_type", "subject_id", column]].rename_axis("row").reset_index()
        both = dated.merge(assigned, on=["subject_type", "subject_id"])
        wrong = both[column] < both["assigned_at"] if after else both[column] > both["assigned_at"]
        if wrong.any():
            flag = Flag("DQ105", "serious", table, f"{int(wrong.sum())} {words}.", table != "services")
            yield flag, _at(f, table, f.tables[table].index.isin(both.loc[wrong, "row"]))


def _future(f: Facts) -> Iterator[Found]:
    """A date more than a year after the data lock is a typing mistake; `as_of` cuts later rows anyway."""
    last = pd.Timestamp(f.config.pilot.data_lock) + pd.Timedelta(days=365)
    for table, column in (("participants", "application_date"), ("assignments", "assigned_at"),
                          ("services", "service_date"), ("outcomes", "observed_at")):  # fmt: skip
        late = f.tables[table][column] > last
        if late.any():
            message = f"{int(late.sum())} dates lie more than a year after the data lock."
            flag = Flag("DQ105", "serious", f"{table}.{column}", message, table == "assignments")
            yield flag, _at(f, table, late)


def _missing(f: Facts) -> Iterator[Found]:
    for name, frame in f.tables.items():
        columns = [*TABLES[name].required, *(c for c in EQUITY if c in TABLES[name].columns)]
        for column in columns:
            if frame.empty or column == "value":
                continue
            share = frame[column].isna().mean()
            if share > 0.05:
                severity = "serious" if share > 0.20 else "warn"
                message = f"{share:.0%} of the cells of {column} are empty."
                yield Flag("DQ106", severity, f"{name}.{column}", message), {}


def _tracts(f: Facts) -> Iterator[Found]:
    tracts = f.tables["participants"]["tract_id"].dropna()
    if f.tracts is None or tracts.empty:
        return
    lost = tracts.index[~tracts.isin(list(f.tracts))]
    if len(lost):
        severity = "serious" if len(lost) > 0.05 * len(tracts) else "warn"
        message = f"{len(lost)} of {len(tracts)} tracts are not in the Opportunity Atlas of 2010 tracts."
        flag = Flag("DQ107", severity, "participants.tract_id", message)
        yield flag, _at(f, "participants", f.tables["participants"].index.isin(lost))


def _vintage(f: Facts) -> Iterator[Found]:
    """Tracts were redrawn in 2020: most codes of that year are found in the Atlas too, and mean another place."""
    stated = {block.mapping.geoid.vintage for block in f.combined["participants"].blocks if block.mapping.geoid}
    if f.tracts is not None and stated - {ATLAS_VINTAGE}:
        years = ", ".join(map(str, sorted(stated - {ATLAS_VINTAGE})))
        message = f"The tract codes are of {years}, and those of the Opportunity Atlas of {ATLAS_VINTAGE}."
        yield Flag("DQ107", "serious", "participants.tract_id", message), {}


def _panel(f: Facts) -> Iterator[Found]:
    """A panel needs every unit in every month: a hole would be read as a change."""
    outcomes = f.tables["outcomes"]
    panel = outcomes[(outcomes["subject_type"] == "unit") & (outcomes["outcome_id"] == f.config.primary.id)]
    if f.config.design.type in ("did_staggered", "panel_did") and len(panel):
        units, months = panel["subject_id"].nunique(), panel["period_start"].nunique()
        holes = units * months - len(panel)
        if holes:
            message = f"{holes} of {units * months} unit-months have no row; zero_fill would make it zero."
            yield Flag("DQ108", "block", "outcomes", message, True), {}


def _counts(f: Facts) -> Iterator[Found]:
    counts = f.tables["indicator_monthly"]
    shares = [i.id for i in f.config.indicators if i.per == 100 and i.statistic == "ratio"]
    above = counts["indicator_id"].isin(shares) & (counts["numerator"] > counts["denominator"])
    if above.any():
        message = f"{int(above.sum())} rows count more successes than cases."
        yield Flag("DQ108", "block", "indicator_monthly", message), _at(f, "indicator_monthly", above)


def _shares(f: Facts) -> Iterator[Found]:
    """Was the draw what it says it was? Exact binomial test in each stratum."""
    rows = f.tables["assignments"].dropna(subset=["assign_prob"])
    arms = getattr(f.config.design, "arms", [])
    if len(arms) != 2 or rows.empty or not rows["method"].isin(RANDOM).all():
        return
    from shared_utils.stats import assignment  # loads scipy

    strata = rows["stratum"].fillna("all") + " at " + rows["assign_prob"].astype(str)
    found = assignment.audit(rows["arm"] == arms[1], strata, rows["assign_prob"])
    for row in found[~found["compatible"]].itertuples():
        message = f"{row.assigned} of {row.n} in stratum {row.stratum} got {arms[1]}: not the stated chance."
        yield Flag("DQ109", "block", "assignments", message, True), {}


def _late(f: Facts) -> Iterator[Found]:
    window = getattr(f.config.design, "enrollment_window", None)
    if window is None:
        return
    assigned = f.tables["assignments"]["assigned_at"]
    outside = assigned.notna() & ~assigned.between(pd.Timestamp(window.start), pd.Timestamp(window.end))
    if outside.any():
        days = f"{window.start} to {window.end}"
        count, total = int(outside.sum()), int(assigned.notna().sum())
        message = f"{count} of {total} assignments lie outside the enrolment window {days}."
        yield Flag("DQ110", "serious", "assignments", message, True), _at(f, "assignments", outside)


def _recomputed(f: Facts) -> Iterator[Found]:
    """A value the city worked out must be its numerator over its denominator, to the decimals it is written with."""
    rows = f.tables["indicator_monthly"]
    ratio = rows["numerator"] / rows["denominator"].where(rows["denominator"] > 0)
    told = rows["value"].notna() & ratio.notna()
    for name, own in rows[told].groupby("indicator_id"):
        wrong = own.index[[not _rounds_to(*pair) for pair in zip(ratio[own.index], own["value"], strict=True)]]
        if len(wrong):
            versions = ", ".join(sorted(rows.loc[wrong, "definition_version"].dropna().unique()))
            message = f"{len(wrong)} of {len(own)} values are not numerator / denominator (definition {versions})."
            flag = Flag("DQ111", "serious", f"indicator_monthly, {name}", message)
            yield flag, _at(f, "indicator_monthly", rows.index.isin(wrong))


def _rounds_to(ratio: float, value: float) -> bool:
    """Whether `value` is `ratio` rounded to the decimals it is written with, two at least."""
    decimals = max(2, -Decimal(repr(value)).as_tuple().exponent)
    return abs(value - ratio) <= 0.5000001 * 10.0**-decimals + 1e-12 * abs(ratio)


def _two_arms(f: Facts) -> Iterator[Found]:
    combined = f.combined["assignments"]
    if "arm" in combined.clashing:
        flag = Flag("DQ114", "block", "assignments", "Somebody is in two arms.", True)
        yield flag, {"assignments": combined.repeated}
