"""One row a person: who they are, what they were assigned to, what they received and how it ended."""

import re

import pandas as pd

from shared_utils.config import CityConfig
from shared_utils.data import places
from shared_utils.data.model import EQUITY


def people(tables: dict, opportunity: pd.DataFrame, config: CityConfig) -> pd.DataFrame:
    """Return participants with their own covariates, units (`site_id`...), tercile and intake month.

    `intake_month` counts months from the pilot's start to the application. An empty equity value is
    "unknown".
    """
    frame = tables["participants"].rename(columns={"participant_id": "subject_id"})
    own = places.own_columns(frame["covariates_json"])
    around = places.chain(frame["unit_id"], tables["units"])
    frame = frame.drop(columns=["covariates_json"]).join(own).join(around)
    frame = frame.join(opportunity, on="tract_id")
    for column, values in EQUITY.items():
        frame[column] = frame[column].fillna(values[-1])
    start = config.pilot.start
    applied = frame["application_date"]
    frame["intake_month"] = (applied.dt.year - start.year) * 12.0 + applied.dt.month - start.month
    return frame


def assigned_people(tables: dict, everyone: pd.DataFrame) -> pd.DataFrame:
    """Return one row a person in `assignments`, in the order of their pseudonyms."""
    rows = tables["assignments"]
    rows = rows[rows["subject_type"] == "participant"].drop(columns=["subject_type"])
    rows = rows.drop_duplicates("subject_id", keep="last")
    return rows.merge(everyone, on="subject_id", how="left").sort_values("subject_id", ignore_index=True)


def people_in_units(tables: dict, everyone: pd.DataFrame) -> pd.DataFrame:
    """Return one row a person whose unit (classroom) was assigned, with the unit's arm."""
    rows = tables["assignments"]
    rows = rows[rows["subject_type"] == "unit"].drop(columns=["subject_type"])
    rows = rows.drop_duplicates("subject_id", keep="last").rename(columns={"subject_id": "unit_id"})
    return everyone.merge(rows, on="unit_id", how="inner").sort_values("subject_id", ignore_index=True)


def outcomes(tables: dict, config: CityConfig) -> pd.DataFrame:
    """Return people's final outcomes side by side, indexed by subject_id.

    The final wave of an outcome is its last f1, f2, ... wave; with a `followup_window` in the design, the
    last one due in that window (a later, disrupted wave does not replace it). What was not observed is
    NaN. A time to event is in days from the assignment, with <id>_event 1 where the event was seen.
    """
    rows = tables["outcomes"]
    rows = rows[(rows["subject_type"] == "participant") & (rows["wave"] != "baseline")]
    columns = {}
    for outcome in config.outcomes:
        own = _final_wave(rows[rows["outcome_id"] == outcome.id], config)
        own = own[own["status"] == "observed"]
        own = own.drop_duplicates("subject_id", keep="last").set_index("subject_id")
        columns[outcome.id] = own["value"]
        if outcome.kind == "time_to_event":
            days, event = _durations(own, tables["assignments"])
            columns[outcome.id] = own["value"].fillna(days)
            columns[f"{outcome.id}_event"] = event
        elif outcome.winsorize:
            columns[outcome.id] = own["value"].clip(outcome.winsorize.lower, outcome.winsorize.upper)
    return pd.DataFrame(columns)


def received(frame: pd.DataFrame, services: pd.DataFrame, rule) -> pd.Series:
    """Return 1 for those with at least `rule.at_least` delivered services of the type, else 0.

    With `within_days` only services from the assignment to that many days after it count.
    """
    taken = services[(services["service_type"] == rule.service_type) & services["delivered"].fillna(False)]
    taken = taken.merge(frame[["subject_id", "assigned_at"]], on="subject_id")
    if rule.within_days is not None:
        days = (taken["service_date"] - taken["assigned_at"]).dt.days
        taken = taken[days.between(0, rule.within_days)]
    counts = taken.groupby("subject_id").size()
    return (frame["subject_id"].map(counts).fillna(0) >= rule.at_least).astype(int)


def _final_wave(rows: pd.DataFrame, config: CityConfig) -> pd.DataFrame:
    window = getattr(config.design, "followup_window", None)
    if window:
        first = pd.Timestamp(window.start).replace(day=1)
        due = rows["period_start"].between(first, pd.Timestamp(window.end))
        rows = rows[due] if due.any() else rows
    waves = sorted(rows["wave"].unique(), key=_wave_order)
    return rows[rows["wave"] == waves[-1]] if waves else rows


def _wave_order(wave: str) -> tuple[int, str]:
    digits = re.search(r"\d+", wave)
    return (int(digits.group()) if digits else 0, wave)


def _durations(own: pd.DataFrame, assignments: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    zero = assignments.drop_duplicates("subject_id").set_index("subject_id")["assigned_at"]
    zero = zero.reindex(own.index)
    seen = own["event_date"].notna() & ~(own["censor_date"] < own["event_date"])
    end = own["event_date"].where(seen, own["censor_date"])
    return (end - zero).dt.days.astype("float64"), seen.astype("float64").where(end.notna())
