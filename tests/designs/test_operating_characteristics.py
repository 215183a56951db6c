"""The page of operating characteristics: what counts as a difference, and that the website uses its numbers."""

import re
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import operating_characteristics as table  # noqa: E402
import protocol_table  # noqa: E402

from shared_utils.config import load_city, preset_path  # noqa: E402
from shared_utils.portfolio.synthesis import CHANCE_OF_EXPAND  # noqa: E402


@pytest.mark.parametrize(
    ("name", "value", "mc_se", "printed", "apart"),
    [
        ("mean", 7.9, 0.11, "7.5", False),  # 0.4 apart; three errors of the difference are 0.47, and rounding 0.05
        ("mean", 8.1, 0.11, "7.5", True),
        ("ADAPT", 0.0, 0.0, "0.00", False),
        ("power", 0.65, 0.015, "0.59", False),  # 0.06 apart; three errors are 0.065, and rounding 0.005
        ("power", 0.67, 0.015, "0.59", True),
    ],
)
def test_a_difference_counts_beyond_monte_carlo_error_and_rounding(name, value, mc_se, printed, apart):
    assert protocol_table.differs(name, value, mc_se, printed, 1000) == apart


def test_the_rule_reads_the_simultaneous_interval_and_the_presets_worthwhile_change():
    rows = pd.DataFrame({
        "value": [-0.05, -0.05], "ci_low": [-0.09, -0.09], "ci_high": [-0.01, -0.01],
        "ci_low_adjusted": [float("nan"), -0.11], "ci_high_adjusted": [float("nan"), 0.01], "true": [-0.035] * 2,
    })  # fmt: skip
    # Detroit: fewer is better, and 2 points are worthwhile
    found = table.decided(rows, "detroit")
    assert list(found.says) == ["SCALE staged", "KEEP LEARNING"] and list(found.b) == [0.05, 0.05]


def test_the_website_uses_the_chances_of_the_page():
    page = (ROOT / "docs" / "operating-characteristics.md").read_text(encoding="utf-8")
    shown = {
        cells[1]: float(cells[-3].strip("*").split()[0])
        for cells in (re.split(r"\s*\|\s*", line) for line in page.splitlines() if "| ours |" in line)
    }
    chances = {}
    for (name, _), line in protocol_table.LINES.items():
        kind = load_city(preset_path(name.replace("_", ""))).design.type
        chances.setdefault(kind, []).append(shown[line.title])
    assert {kind: round(sum(own) / len(own), 3) for kind, own in chances.items()} == {
        kind: CHANCE_OF_EXPAND[kind] for kind in chances
    }
