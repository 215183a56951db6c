"""CityData: everything a notebook may see of a city, typed, pseudonymised and cut at `as_of`."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from shared_utils.config import CityConfig
    from shared_utils.data.study import Study


@dataclass(frozen=True)
class CityData:
    """`tables` holds every table of the model; one the city does not send is an empty frame.

    `root` is data/private (mode "city") or data/synthetic; `inputs` is [{table, sha256, rows}] for provenance;
    `intake` is the intake report as a mapping; `reference` is {name: frame}.
    """

    root: Path
    config: "CityConfig"
    as_of: date
    mode: str
    tables: "dict[str, pd.DataFrame]"
    reference: "dict[str, pd.DataFrame]"
    intake: dict
    inputs: list[dict]
    study: "Study"
