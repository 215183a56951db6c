"""Synthetic cities made once for all tests of a run, and a reader for their files."""

import json
import tempfile
from functools import cache
from pathlib import Path

import pandas as pd

from shared_utils.data.synthetic import generate

_ROOT = tempfile.TemporaryDirectory(prefix="synthetic-")


@cache
def made(city: str, scenario: str = "default") -> Path:
    """Return the folder of a synthetic city at the default seed. Read only: it is shared."""
    folder = Path(_ROOT.name) / f"{city}-{scenario}"
    generate(city, scenario=scenario, out=folder)
    return folder


@cache
def raw(path: Path) -> pd.DataFrame:
    """Return a raw file as it is, whatever its kind; title rows of a workbook are dropped."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path).astype(object)
    if path.suffix == ".xlsx":
        rows = pd.read_excel(path, header=None, dtype=object)
        header = int(rows.notna().sum(axis=1).gt(1).idxmax())
        return rows.iloc[header + 1 :].set_axis(rows.iloc[header], axis=1).reset_index(drop=True)
    encoding = "cp1252" if path.name == "applications.csv" else "utf-8-sig"
    delimiter = ";" if path.name == "counselling_sessions.csv" else ","
    return pd.read_csv(path, dtype=str, sep=delimiter, encoding=encoding, keep_default_na=False)


def truth(folder: Path) -> dict:
    """Return truth/truth.json of a city."""
    return json.loads((folder / "truth" / "truth.json").read_text(encoding="utf-8"))
