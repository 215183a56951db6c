"""Put a city's draw together: indicator series and ledger, mess, files, reference extracts, truth."""

from pathlib import Path

import numpy as np
import pandas as pd

from shared_utils.data.synthetic import costs, indicators, mess, writers
from shared_utils.data.synthetic.common import TERCILES, Draw, RawFile, World, tract_weights

ACS = ["households", "renter_households", "median_rent", "median_hh_income", "poverty_share",
       "hs_or_more_share",
       "unemployment_share", "family_renter_share"]  # fmt: skip


def write_city(world: World, draw: Draw, out: Path, marker: str) -> list[Path]:
    """Write everything and return the paths, raw files first."""
    weights = tract_weights(draw.tracts)
    shares = np.array([weights[draw.tracts["tercile"] == t].sum() for t in TERCILES])
    files = [
        *draw.files,
        RawFile("indicators.csv", indicators.monthly(world, draw.series, draw.mix, shares), date_format="%Y-%m-%d"),
        RawFile("costs.xlsx", costs.ledger(world, draw.costs), sheet="ledger"),
    ]
    log = mess.Log()
    raw = out / "raw"
    paths = []
    for file in files:
        frame = mess.apply(world, file, log)
        frame["source_system"] = "synthetic"
        paths.append(writers.write(file, frame, raw))
    paths.append(writers.put(raw / "SYNTHETIC.txt", marker.encode("utf-8")))
    paths += _references(draw.tracts, out / "public_ref")
    truth = {
        **draw.truth,
        "planted_signals": indicators.planted(world, draw.series),
        "rows_before_mess": {f.name: len(f.frame) for f in files},
    }
    paths.append(writers.put_json(out / "truth" / "truth.json", truth))
    paths.append(writers.put_json(out / "truth" / "defects.json", {"defects": log.entries}))
    return paths


def _references(tracts: pd.DataFrame, folder: Path) -> list[Path]:
    """Write the synthetic Opportunity Atlas and ACS extracts of the city's tracts."""
    atlas = pd.DataFrame(
        {"GEOID": tracts["geoid"], "kfr_pooled_pooled_p25": tracts["kfr"], "kfr_pooled_pooled_p25_se": 0.012}
    )
    acs = tracts[["geoid", *ACS, *(c for c in tracts if c.startswith("share_"))]].rename(columns={"geoid": "GEOID"})
    for column in ACS:
        acs[f"{column}_moe"] = (0.18 * acs[column]).round(4)
    found = {"opportunity_atlas_tracts.csv": atlas, "acs_tracts.csv": acs}
    return [
        writers.write(RawFile(name, frame), frame.assign(source_system="synthetic"), folder)
        for name, frame in found.items()
    ]
