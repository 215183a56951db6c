"""Rules DQ101 to DQ111 and DQ114 on tables of a few rows: each fires on its fault, names its rows, and else is quiet.

DQ112 (salt) and DQ113 (synthetic marks) stop intake and are tested with it.
"""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from shared_utils.data import checks, rows
from shared_utils.data.blocks import Block
from shared_utils.data.files import TextTable
from shared_utils.data.mapping import Geoid, Mapping, Source, TableMapping
from shared_utils.data.model import DTYPES, TABLES

PEOPLE = [
    {"participant_id": f"p_{n}", "unit_id": "u_a", "tract_id": "36055000100", "application_date": "2019-05-01",
     "consent_status": "consented", "household_size": 3, "income_annual_usd": 21000.0, "gender": "female",
     "race_ethnicity": "hispanic", "household_type": "other"}
    for n in range(4)
]  # fmt: skip
ASSIGNED = [
    {"subject_type": "participant", "subject_id": f"p_{n}", "arm": ("control", "offer")[n % 2],
     "assigned_at": "2019-05-02", "method": "lottery", "assign_prob": 0.5}
    for n in range(4)
]  # fmt: skip
MONTHS = [
    {"subject_type": "unit", "subject_id": unit, "outcome_id": "judgments", "wave": "monthly", "period_start": month,
     "value": 1.0, "status": "observed", "observed_at": "2019-09-01", "source_system": "court"}
    for unit in ("u_a", "u_b") for month in ("2019-07-01", "2019-08-01")
]  # fmt: skip
INDICATORS = [
    {"indicator_id": "take_up", "definition_version": "1.2.0", "period": f"2019-0{n}-01", "group_dim": "all",
     "group_value": "all", "numerator": 57.0, "denominator": 88.0, "value": value, "received_at": "2019-10-01"}
    for n, value in ((7, 57 / 88), (8, 0.648), (9, 0.65))
]  # fmt: skip
TABLE_ROWS = {
    "participants": PEOPLE,
    "units": [{"unit_id": unit, "unit_type": "site"} for unit in ("u_a", "u_b")],
    "assignments": ASSIGNED,
    "outcomes": MONTHS,
    "services": [
        {"service_id": "s_1", "subject_type": "participant", "subject_id": "p_0", "service_type": "coaching",
         "service_date": "2019-06-01", "quantity": 1.0, "unit": "count", "delivered": True}
    ],
    "indicator_monthly": INDICATORS,
}  # fmt: skip
CONFIG = SimpleNamespace(
    pilot=SimpleNamespace(data_lock="2020-12-31"),
    primary=SimpleNamespace(id="judgments"),
    indicators=[SimpleNamespace(id="take_up", per=100, statistic="ratio")],
    design=SimpleNamespace(
        type="panel_did", arms=["control", "offer"],
        enrollment_window=SimpleNamespace(start="2019-04-15", end="2019-09-30"),
    ),
)  # fmt: skip


def block(table: str, given: list[dict], vintage: int = 2010) -> Block:
    columns = TABLES[table].columns.values()
    frame = pd.DataFrame({c.name: [row.get(c.name) for row in given] for c in columns})
    frame = frame.astype({c.name: DTYPES[c.type] for c in columns}).set_axis(range(2, len(given) + 2))
    mapped = TableMapping(table, 1, geoid=Geoid("tract_id", 11, vintage))
    mapping = Mapping(Path(f"{table}.yml"), Source(f"raw/{table}.csv"), (mapped,))
    return Block(mapped, TextTable(mapping, Path(f"{table}.csv"), "", "", [], frame.iloc[:0]), frame)


def run(change=lambda given: None, vintage=2010, copies=0):
    """Return {code: flag} and the places, for the tables above after `change`."""
    given = {name: [dict(row) for row in own] for name, own in TABLE_ROWS.items()}
    change(given)
    blocks = {name: [block(name, given[name], vintage)] if name in given else [] for name in TABLES}
    combined = {name: rows.combine(own, name) for name, own in blocks.items()}
    tables = {name: one.frame for name, one in combined.items()}
    flags, places = checks.run(checks.Facts(tables, combined, copies, 40, 0, {"36055000100"}, CONFIG))
    return {flag["code"]: flag for flag in flags}, places


def test_sound_tables_raise_nothing():
    assert run() == ({}, [])


def put(table: str, row: int, **cells):
    """Return the change that sets cells in the row the file numbers `row`; a row after the last is a new one."""

    def change(given):
        own = given[table]
        if row - 2 == len(own):
            own.append(dict(own[0]))
        own[row - 2].update(cells)

    return change


def leave_out(table: str, row: int):
    return lambda given: given[table].pop(row - 2)


def lottery_that_was_none(given):
    given["participants"] = [PEOPLE[0] | {"participant_id": f"p_{n}"} for n in range(40)]
    given["assignments"] = [ASSIGNED[1] | {"subject_id": f"p_{n}"} for n in range(40)]


@pytest.mark.parametrize("code, severity, change, named", [
    ("DQ101", "block", put("assignments", 6, subject_id="p_0", stratum="b"), ("assignments.csv", [2, 6])),
    ("DQ102", "serious", put("participants", 6, age_years=30), ("participants.csv", [2, 6])),
    ("DQ103", "serious", put("services", 2, subject_id="p_9"), ("services.csv", [2])),
    ("DQ104", "serious", put("participants", 3, household_size=-1), ("participants.csv", [3])),
    ("DQ105", "serious", put("participants", 4, application_date="2019-05-03"), ("participants.csv", [4])),
    ("DQ105", "serious", put("services", 2, service_date="2019-05-01"), ("services.csv", [2])),
    ("DQ105", "serious", put("outcomes", 2, observed_at="2031-01-01"), ("outcomes.csv", [2])),
    ("DQ107", "serious", put("participants", 5, tract_id="36055000200"), ("participants.csv", [5])),
    ("DQ108", "block", leave_out("outcomes", 3), None),
    ("DQ108", "block", put("indicator_monthly", 2, numerator=90.0, value=90 / 88), ("indicator_monthly.csv", [2])),
    ("DQ109", "block", lottery_that_was_none, None),
    ("DQ110", "serious", put("assignments", 3, assigned_at="2020-01-20"), ("assignments.csv", [3])),
    ("DQ111", "serious", put("indicator_monthly", 4, value=0.66), ("indicator_monthly.csv", [4])),
    ("DQ111", "serious", put("indicator_monthly", 4, value=64.8), ("indicator_monthly.csv", [4])),
    ("DQ114", "block", put("assignments", 6, subject_id="p_0", arm="offer"), ("assignments.csv", [2, 6])),
])  # fmt: skip
def test_a_fault_is_flagged_with_its_rows(code, severity, change, named):
    flags, places = run(change)
    assert flags[code]["severity"] == severity
    assert set(flags) <= {code, *({"DQ101"} if code == "DQ114" else ())}
    found = [(place["file"], place["rows"]) for place in places if place["code"] == code]
    assert found == ([named] if named else [])


def test_no_flag_tells_a_row_to_a_record():
    flags, places = run(put("participants", 3, household_size=-1))
    assert list(flags["DQ104"]) == ["code", "severity", "scope", "message", "affects_primary"]
    assert "row" not in flags["DQ104"]["message"] and places[0]["count"] == 1


def test_incomes_that_look_monthly_are_flagged():
    def monthly(given):
        for row in given["participants"]:
            row["income_annual_usd"] /= 12

    flags, _ = run(monthly)
    assert flags["DQ104"]["severity"] == "serious" and "monthly" in flags["DQ104"]["message"]


@pytest.mark.parametrize("empty, severity", [(1, "serious"), (0, None)])
def test_empty_cells_are_flagged_by_their_share(empty, severity):
    flags, _ = run(lambda given: [row.update(gender=None) for row in given["participants"][:empty]])
    assert (flags.get("DQ106") or {"severity": None})["severity"] == severity


@pytest.mark.parametrize("copies, severity", [(0, None), (0.5, "warn"), (1, "serious")])
def test_copies_are_serious_above_two_percent(copies, severity):
    flags, _ = run(copies=copies)
    assert (flags.get("DQ102") or {"severity": None})["severity"] == severity


def test_tract_codes_of_another_census_are_flagged():
    flags, _ = run(vintage=2020)
    assert flags["DQ107"]["severity"] == "serious" and "are of 2020" in flags["DQ107"]["message"]


def test_at_most_twenty_rows_are_named_and_all_are_counted():
    def many(given):
        given["participants"] = [PEOPLE[0] | {"participant_id": f"p_{n}", "household_size": 99} for n in range(60)]

    _, places = run(many)
    assert places == [{"code": "DQ104", "scope": "participants.household_size", "file": "participants.csv", "sheet": "",
                       "rows": list(range(2, 22)), "count": 60}]  # fmt: skip
