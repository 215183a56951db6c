"""One row a unit and month: outcomes, what they are measured against, when the unit started, where it is."""

import pandas as pd

from shared_utils.config import CityConfig
from shared_utils.data import places

PERIOD = "period"


def unit_months(tables: dict, opportunity: pd.DataFrame, config: CityConfig) -> pd.DataFrame:
    """Return every month of every unit with outcomes, `arm`, `start_date` and the unit's attributes.

    The denominator of an outcome is a column under its name in city.yml (`exposure` or `denominator`).
    """
    panel = _outcomes(tables["outcomes"], config)
    rows = tables["assignments"]
    rows = rows[rows["subject_type"] == "unit"].drop(columns=["subject_type"])
    panel = panel.merge(rows.drop_duplicates("subject_id", keep="last"), on="subject_id", how="inner")
    panel = panel.merge(_units(tables["units"], opportunity), on="subject_id", how="left")
    return panel.sort_values(["subject_id", PERIOD], ignore_index=True)


def _outcomes(rows: pd.DataFrame, config: CityConfig) -> pd.DataFrame:
    rows = rows[(rows["subject_type"] == "unit") & (rows["wave"] == "monthly")]
    key = ["subject_id", "period_start"]
    columns = {}
    for outcome in config.outcomes:
        own = rows[rows["outcome_id"] == outcome.id].drop_duplicates(key, keep="last").set_index(key)
        columns[outcome.id] = own["value"].where(own["status"] == "observed")
        base = outcome.exposure or outcome.denominator
        if base:
            known = columns.get(base)
            columns[base] = own["denominator"] if known is None else known.combine_first(own["denominator"])
    wide = pd.DataFrame(columns)
    wide.index.names = ["subject_id", PERIOD]
    return wide.reset_index()


def _units(units: pd.DataFrame, opportunity: pd.DataFrame) -> pd.DataFrame:
    frame = units.join(places.own_columns(units["attributes_json"])).drop(columns=["attributes_json"])
    around = places.chain(units["unit_id"], units)
    frame = frame.join(around[[c for c in around if c not in frame]])
    frame = frame.join(opportunity, on="tract_id")
    frame["opportunity_tercile"] = frame["opportunity_tercile"].fillna(places.UNKNOWN)
    return frame.rename(columns={"unit_id": "subject_id"})
