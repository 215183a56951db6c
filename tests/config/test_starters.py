"""The short files: each starter of a design type, and about thirty lines written by hand."""

import math
import re

import pytest

from shared_utils.config import DESIGN_TYPES, load_city, load_portfolio, starter_path

ANSWERS = {
    "CITY_KEY": "fort_worth",
    "CITY_NAME": "Fort Worth: \u00d1",
    "STATE": "TX",
    "SLUG": "fort-worth-jobs",
    "TITLE": "Jobs: a pilot # 1",
    "DOMAIN": "employment",
    "START": "2024-01-01",
    "END": "2025-06-30",
}

MINIMAL = """\
schema_version: "1.0"
city:
  key: akron
  name: Akron
  state: OH
pilot:
  slug: akron-jobs
  title: Help with finding work
  domain: employment
  start: "2024-01-01"
  end: "2025-06-30"
data:
  mode: city
  analysis_file: raw/analysis.csv
design:
  type: rct_individual
  treatment: offered
  received: took_part
  strata: site
outcomes:
  - id: employed_6m
    role: primary
    kind: binary
    direction: increase
    mwe: {scale: prob_diff, value: 0.05}
  - {id: earnings, role: secondary, kind: continuous, unit: USD, direction: increase, column: Earnings 6m}
covariates: [age, employed_before]
"""


@pytest.fixture
def city(tmp_path):
    def write(text):
        (tmp_path / "city.yml").write_text(text, encoding="utf-8")
        return load_city(tmp_path)

    return write


@pytest.mark.parametrize("design_type", DESIGN_TYPES)
def test_starter_loads_once_tokens_are_replaced(city, design_type):
    text = starter_path(design_type).read_text(encoding="utf-8")
    assert set(re.findall(r"@(\w+)@", text)) == set(ANSWERS) and len(text.splitlines()) <= 40
    loaded = city(re.sub(r"@(\w+)@", lambda match: ANSWERS[match[1]], text))
    assert loaded.design.type == design_type
    assert (loaded.city.name, loaded.pilot.title) == (ANSWERS["CITY_NAME"], ANSWERS["TITLE"])
    assert loaded.data.analysis_file == "raw/analysis.csv"
    assert (loaded.mwe is None) == (design_type == "descriptive")


def test_thirty_lines_do(city, tmp_path):
    loaded = city(MINIMAL)
    assert len(MINIMAL.splitlines()) <= 30
    assert loaded.path == tmp_path / "city.yml"
    assert loaded.mwe == 0.05 and loaded.primary.label == "Employed 6m"
    assert [(o.id, o.column) for o in loaded.secondaries] == [("earnings", "Earnings 6m")]
    assert loaded.design.strata == ["site"]
    assert loaded.city.state_fips == "39" and loaded.privacy.salt_env == "EMI_SALT_AKRON"
    assert loaded.pilot.data_lock.isoformat() == "2025-07-31"
    assert loaded.privacy.small_cell_min == 11 and loaded.reporting.notebooks == ["baseline", "monitoring", "impact"]
    assert loaded.events == [] and loaded.indicators == [] and loaded.subgroups.dims == []


@pytest.mark.parametrize(
    "direction, value, size",
    [("decrease", -10, -math.log(0.9)), ("decrease", 10, -math.log(0.9)), ("increase", 10, math.log(1.1))],
)
def test_percent_change_is_a_log_ratio(city, direction, value, size):
    text = MINIMAL.replace(
        "type: rct_individual\n  treatment: offered\n  received: took_part\n  strata: site",
        "type: panel_did\n  unit: tract\n  time: month\n  treatment: active\n  estimator: ppml_twfe",
    )
    text = text.replace("kind: binary\n    direction: increase", f"kind: count\n    direction: {direction}")
    loaded = city(text.replace("prob_diff, value: 0.05", f"percent_change, value: {value}"))
    assert loaded.mwe == pytest.approx(size)
    assert loaded.design.estimand == "ATT_IRR"


def test_hash_follows_the_analysis_and_nothing_else(city):
    plan = city(MINIMAL).sha256
    same = {
        "label": MINIMAL.replace("    role: primary", "    label: Employed at month 6\n    role: primary"),
        "title": MINIMAL.replace("Help with finding work", "Help finding work"),
        "reporting": MINIMAL + "reporting: {contact_role: Evaluation lead}\n",
        "default written out": MINIMAL + "decision: {level: 0.95}\n",
        "number written otherwise": MINIMAL.replace("value: 0.05", "value: 5e-2"),
        "order": MINIMAL.replace("  name: Akron\n  state: OH", "  state: OH\n  name: Akron"),
        "file renamed": MINIMAL.replace("raw/analysis.csv", "raw/analysis_v2.csv"),
        "what others found": MINIMAL.replace(
            "    role: primary",
            "    published_effect: {scale: prob_diff, value: 0.08, source: Somebody 2016}\n    role: primary",
        ),
    }
    other = {
        "mwe": MINIMAL.replace("0.05", "0.04"),
        "covariate": MINIMAL.replace("[age, ", "["),
        "column": MINIMAL.replace("treatment: offered", "treatment: assigned"),
        "seed": MINIMAL.replace("mode: city", "mode: city\n  synthetic_seed: 1"),
    }
    assert {name: city(text).sha256 == plan for name, text in same.items()} == dict.fromkeys(same, True)
    assert {name: city(text).sha256 == plan for name, text in other.items()} == dict.fromkeys(other, False)


def test_settings_cannot_be_changed(city):
    loaded = city(MINIMAL)
    with pytest.raises(Exception, match="frozen"):
        loaded.pilot.title = "Another"


def test_portfolio_is_optional(tmp_path):
    assert load_portfolio(tmp_path).cities == "cities"
    (tmp_path / "portfolio.yml").write_text("title: Nine cities\ncities: places\n", encoding="utf-8")
    portfolio = load_portfolio(tmp_path)
    assert (portfolio.title, portfolio.subtitle, portfolio.cities) == ("Nine cities", "", "places")
