"""Where people and units are: opportunity terciles of tracts, and the chain of units (classroom in site)."""

import json

import pandas as pd

from shared_utils.config import CityConfig
from shared_utils.data.model import OPPORTUNITY_TERCILE
from shared_utils.data.reference import MOBILITY

UNKNOWN = OPPORTUNITY_TERCILE[-1]
DEPTH = 4  # classroom, school, site, tract: no city nests deeper


def terciles(values: pd.Series) -> pd.Series:
    """Return low / middle / high by rank within the series, equal thirds; a missing value is "unknown"."""
    known = values.dropna()
    third = (known.rank(method="first").astype(int) - 1) * 3 // max(len(known), 1)
    names = third.map(dict(enumerate(OPPORTUNITY_TERCILE)))
    return names.reindex(values.index).fillna(UNKNOWN).astype("str")


def opportunity(tables: dict, reference: dict, config: CityConfig) -> tuple[pd.DataFrame, list[str]]:
    """Return a frame indexed by GEOID (mobility, opportunity_tercile) and notes on how it was made.

    Terciles are within the city: among the tracts the city lists in `units`, else among those of its county,
    which a note says.
    """
    atlas = reference.get("opportunity_atlas")
    if atlas is None:
        none = {MOBILITY: pd.Series(dtype=float), "opportunity_tercile": pd.Series(dtype="str")}
        note = "There is no Opportunity Atlas file of the city's tracts: the tercile is unknown for everyone."
        return pd.DataFrame(none), [note]
    tracts = atlas.drop_duplicates("GEOID").set_index("GEOID")[MOBILITY].astype(float)
    units = tables["units"]
    own = units.loc[units["unit_type"] == "tract", "tract_id"].dropna()
    notes = []
    county = f"{config.city.state_fips}{config.city.county_fips}"
    if len(own):
        tracts = tracts[tracts.index.isin(own)]
    elif tracts.index.str.startswith(county).any():
        tracts = tracts[tracts.index.str.startswith(county)]
        notes.append("Opportunity terciles are those of the county: the city lists no tracts of its own.")
    return pd.DataFrame({MOBILITY: tracts, "opportunity_tercile": terciles(tracts)}), notes


def chain(unit_ids: pd.Series, units: pd.DataFrame) -> pd.DataFrame:
    """Return <type>_id columns for each unit and those around it: classroom_id and site_id of a classroom."""
    known = units.set_index("unit_id")
    columns: dict[str, pd.Series] = {}
    current = unit_ids
    for _ in range(DEPTH):
        if current.isna().all():
            break
        types = current.map(known["unit_type"])
        for kind in types.dropna().unique():
            name = f"{kind}_id"
            found = current.where(types == kind)
            columns[name] = columns[name].combine_first(found) if name in columns else found
        current = current.map(known["parent_unit_id"])
    return pd.DataFrame(columns, index=unit_ids.index)


def own_columns(texts: pd.Series) -> pd.DataFrame:
    """Return a city's own covariates, written as flat JSON, as columns; yes and no become 1 and 0."""
    whole = ",".join(texts.fillna("").replace("", "{}"))  # one text: a call a person takes three times as long
    frame = pd.DataFrame.from_records(json.loads(f"[{whole}]"), index=texts.index)
    for name in frame:
        if pd.api.types.infer_dtype(frame[name]) in ("boolean", "empty"):
            frame[name] = frame[name].astype("float64")
    return frame.infer_objects()
