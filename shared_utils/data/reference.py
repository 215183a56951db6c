"""Published context tables, read as published: tract codes as text, everything else as it is."""

from pathlib import Path
from typing import TYPE_CHECKING

from shared_utils.config import CityConfig
from shared_utils.errors import EmiError, nearest

if TYPE_CHECKING:
    import pandas as pd

MOBILITY = "kfr_pooled_pooled_p25"
NEEDED = {"opportunity_atlas": (MOBILITY,), "acs": (), "eviction_lab": ()}


def load(city_dir: Path, config: CityConfig) -> "dict[str, pd.DataFrame]":
    """Return {name: frame} of the reference files that are there, each with a text column GEOID first.

    A missing file only takes its comparison away. Paths are below data/, or below data/synthetic in synthetic
    mode: made-up tracts (99999...) join made-up references only. Raises EmiError when a file lacks its
    columns.
    """
    base = Path(city_dir) / "data"
    base = base / "synthetic" if config.data.mode == "synthetic" else base
    found = {name: base / reference.path for name, reference in config.data.reference.items()}
    return {name: read(path, name) for name, path in found.items() if path.is_file()}


def read(path: Path, name: str) -> "pd.DataFrame":
    """Read one reference file (CSV or Parquet)."""
    import pandas as pd

    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
    else:
        frame = pd.read_csv(path, encoding="utf-8-sig", dtype=dict.fromkeys(CODES, str))
    frame.insert(0, "GEOID", _geoid(frame, path))
    for column in NEEDED.get(name, ()):
        if column not in frame:
            raise EmiError(
                f"{path.name}: there is no column '{column}'.{nearest(column, frame.columns)}",
                f"Send the published file, or take {name} out of data.reference in city.yml.",
            )
    return frame


CODES = {"GEOID": 11, "state": 2, "county": 3, "tract": 6}


def _geoid(frame: "pd.DataFrame", path: Path) -> "pd.Series":
    """Return 11-digit tract codes from GEOID, or from state, county and tract, with their leading zeros."""
    if "GEOID" in frame:
        return frame.pop("GEOID").astype(str).str.strip().str.zfill(CODES["GEOID"])
    parts = [name for name in CODES if name != "GEOID"]
    missing = [name for name in parts if name not in frame]
    if missing:
        raise EmiError(
            f"{path.name}: there is no GEOID, and no {', '.join(missing)} to make it from.",
            "Send the published file with its tract codes.",
        )
    state, county, tract = (frame[name].astype(str).str.strip().str.zfill(CODES[name]) for name in parts)
    return state + county + tract
