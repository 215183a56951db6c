"""`emi run --months 18`: a real city, month after month; no number of an earlier month changes unless its data did."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from shared_utils import data
from shared_utils.results.notebooks import executed_path, of_month
from shared_utils.results.record import internal_path
from shared_utils.sections import plan_lock
from shared_utils.template.new import create

ROOT = Path(__file__).resolve().parents[2]
MONTHS = [f"{day:%Y-%m}" for day in pd.date_range("2019-04-01", periods=18, freq="MS")]
ARRIVED = {"indicators.csv": ("received_at", "%Y-%m-%d"), "service_log.csv": ("Date", "%m/%d/%Y")}
pytestmark = pytest.mark.full  # some thirty kernels


@pytest.fixture(scope="module")
def city(tmp_path_factory) -> Path:
    folder = create(ROOT, tmp_path_factory.mktemp("months") / "cities", {"city": "cincinnati"})
    data.prepare(folder)
    plan_lock.lock(folder, "evaluation lead")
    return folder


def replay(city: Path, months: int, until: str) -> dict[str, list[str]]:
    """Run the months up to the one that ends on `until`; {month: what its sections and its record say}."""
    words = ["run", "--months", str(months), "-p", f"as_of={until}", "-p", "fast=true"]
    done = subprocess.run([sys.executable, "-m", "shared_utils.cli", *words], cwd=city.parent.parent,
                          capture_output=True, text=True, encoding="utf-8")  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    *earlier, now = MONTHS[MONTHS.index(until[:7]) - months + 1 : MONTHS.index(until[:7]) + 1]
    return {month: said(city, of_month(month)) for month in earlier} | {now: said(city, "monitoring")}


def said(city: Path, notebook: str) -> list[str]:
    record = json.loads(internal_path(city, notebook).read_text(encoding="utf-8"))
    kept = {key: record[key] for key in ("indicators", "design", "costs", "estimates")}
    cells = nbformat.read(executed_path(city, notebook), as_version=4).cells
    shown = [output.data for cell in cells if re.fullmatch(r"m\d", cell.id) for output in cell.outputs]
    return [json.dumps(kept, sort_keys=True), *(json.dumps(part, sort_keys=True) for part in shown)]


def test_eighteen_months_in_a_row_change_only_where_their_data_did(city):
    raw = city / "data" / "synthetic" / "raw"
    whole = {name: (raw / name).read_bytes() for name in ARRIVED}
    for name, (column, form) in ARRIVED.items():
        table = pd.read_csv(raw / name, dtype=str, keep_default_na=False)
        table[pd.to_datetime(table[column], format=form) <= "2019-12-31"].to_csv(raw / name, index=False)
    first = replay(city, 9, "2019-12-31")

    for name, content in whole.items():
        (raw / name).write_bytes(content)
    again = replay(city, 18, "2020-09-30")
    assert list(again) == MONTHS
    assert {month: again[month] == first[month] for month in first} == dict.fromkeys(first, True)

    table = pd.read_csv(raw / "indicators.csv", dtype=str, keep_default_na=False)
    row = (table["indicator_id"] == "engaged_30d") & (table["period"] == "2019-10-01") & (table["group_dim"] == "all")
    assert row.sum() == 1 and table.loc[row, "received_at"].item()[:7] == "2019-11"
    table.loc[row, ["numerator", "value"]] = ["0", "0.0"]
    table.to_csv(raw / "indicators.csv", index=False)
    third = replay(city, 4, "2019-12-31")
    assert {month: third[month] == first[month] for month in third} == {
        "2019-09": True, "2019-10": True, "2019-11": False, "2019-12": False,
    }  # fmt: skip
