"""Stand-in data: the same bytes each time, the truth of pilots.md table 1.0, and nobody real in it."""

import hashlib
import io
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from synthetic_cities import made, raw, truth

from shared_utils.data import mapping
from shared_utils.data.model import EQUITY
from shared_utils.data.synthetic import CITIES, SCENARIOS, SyntheticError, generate

# A trial, places over time and a limit at every change; all nine in the full set.
CHANGED = ("cincinnati", "newark", "rochester")
EACH = pytest.mark.parametrize(
    "city", [city if city in CHANGED else pytest.param(city, marks=pytest.mark.full) for city in CITIES]
)
FAST = ("newark",)  # made twice at every change; the other eight in the full set


def hashes(folder):
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.mark.parametrize(
    "city", [city if city in FAST else pytest.param(city, marks=pytest.mark.full) for city in CITIES]
)
def test_same_seed_same_bytes(city, tmp_path):
    generate(city, out=tmp_path)
    assert hashes(tmp_path) == hashes(made(city))


@pytest.mark.full
def test_another_seed_is_another_city(tmp_path):
    generate("tulsa", seed=1, out=tmp_path)
    same = {n for n, h in hashes(tmp_path).items() if h == hashes(made("tulsa"))[n]}
    assert same == {"raw/SYNTHETIC.txt", "raw/sites.csv"}


def test_workbooks_carry_no_clock():
    for path in made("cincinnati").rglob("*.xlsx"):
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as book:
            assert {entry.date_time for entry in book.infolist()} == {(2019, 4, 1, 0, 0, 0)}
            assert set(re.findall(rb"(\d{4})-\d\d-\d\dT", book.read("docProps/core.xml"))) == {b"2019"}


# Values of pilots.md table 1.0 and section 4.3, with the tolerance of 200,000 draws and unequal effects.
POPULATION = {
    "cincinnati": ("ITT", 0.0761, 0.003),
    "dayton": ("ITT", 4.5, 0.12),                   # clipping to 0-100 takes a little off 0.25 x 18
    "detroit": ("ATT_OVERALL", -0.0350, 0.0002),
    "lansing": ("LATE", -0.1496, 0.004),
    "neworleans": ("ITT", 0.0148, 0.001),
    "newark": ("ATT_IRR", -0.1985, 0.0001),
    "racine": ("ATT", 0.1217, 0.005),
    "rochester": ("ITT_AT_CUTOFF", 384, 4),
    "tulsa": ("ITT", 0.040, 0.002),
}  # fmt: skip


@EACH
def test_population_truth_is_the_specified_one(city):
    name, value, tolerance = POPULATION[city]
    first = truth(made(city))["primary"][0]
    assert first["estimand"] == name
    assert first["population"] == pytest.approx(value, abs=tolerance)


def test_tulsa_has_two_primary_contrasts():
    second = truth(made("tulsa"))["primary"][1]
    assert second["contrast"] == "career_education_plus_training - control"
    assert second["population"] == pytest.approx(0.13, abs=0.003)


# Standard deviation of the realised effect over samples: sd of one person's effect / sqrt(n), roughly.
SAMPLE_SD = {"cincinnati": 0.0094, "dayton": 0.1, "detroit": 0.001, "lansing": 0.011, "neworleans": 0.0035,
             "newark": 1e-5, "racine": 0.028, "rochester": 20, "tulsa": 0.0066}  # fmt: skip


@EACH
def test_realised_effect_is_near_the_population(city):
    first = truth(made(city))["primary"][0]
    assert first["in_sample"] == pytest.approx(first["population"], abs=4 * SAMPLE_SD[city])


@EACH
def test_nuisances_are_the_specified_ones(city):
    expected = {
        "cincinnati": {"first_stage": (0.61, 0.06), "comparison_mean": (0.499, 0.06)},
        "dayton": {"response": (0.85, 0.05), "baseline_sd": (18, 2.5)},
        "detroit": {"baseline_share": (0.18, 0.03), "treated_building_months": (432, 0)},
        "lansing": {"first_stage": (0.20, 0.02), "comparison_mean": (0.41, 0.03)},
        "neworleans": {"first_stage": (0.74, 0.05), "comparison_mean": (0.75, 0.05), "offers": (522, 1)},
        "newark": {"irr": (0.82, 0.001), "rate_treated_before": (4.3, 0.6), "rate_other_before": (3.0, 0.3)},
        "racine": {"population_untreated_mean": (0.301, 0.01), "population_naive": (0.175, 0.01)},
        "rochester": {
            "take_up_eligible": (0.72, 0.04),
            "mean_just_above": (660, 150),
            "sd_just_above": (900, 200),
        },
        "tulsa": {"comparison_mean": (0.52, 0.06), "followed_share": (0.88, 0.04)},
    }[city]
    found = truth(made(city))["nuisance"]
    for name, (value, tolerance) in expected.items():
        assert found[name] == pytest.approx(value, abs=tolerance), name


@pytest.mark.parametrize("city", ["cincinnati", "newark", pytest.param("detroit", marks=pytest.mark.full)])
def test_null_has_no_effect_on_anything(city):
    found = truth(made(city, "null"))
    assert {e["population"] for e in found["primary"]} == {0}
    assert {e["in_sample"] for e in found["primary"]} == {0}
    assert set(found["secondary_in_sample"].values()) == {0}


@pytest.mark.full
def test_effects_follow_the_scenario():
    assert truth(made("neworleans", "harm"))["primary"][0]["population"] == pytest.approx(-0.0148, abs=0.001)
    large = truth(made("tulsa", "large_n_small_effect"))
    assert large["primary"][1]["population"] == pytest.approx(0.4 * 0.13, abs=0.002)
    assert large["rows_before_mess"]["youth_roster.csv"] == 9_000
    assert truth(made("newark", "pretrend_violation"))["nuisance"]["pretrend_per_month"] == -0.006


@pytest.mark.full
def test_unequal_effects_leave_the_overall_effect():
    unequal, equal = (truth(made("cincinnati", s))["primary"][0] for s in ("default", "homogeneous"))
    assert unequal["population"] == pytest.approx(equal["population"], abs=0.001)
    assert unequal["in_sample"] != equal["in_sample"]


def test_streams_are_independent():
    # Without an effect only what follows from outcomes may change, and no draw of another stream does.
    null = hashes(made("cincinnati", "null"))
    changed = {n for n, h in hashes(made("cincinnati")).items() if h != null[n]}
    assert changed == {"raw/ui_wage_match.csv", "raw/six_month_survey.csv", "truth/truth.json"}


@EACH
def test_identifiers_cannot_be_real(city):
    text = []
    for path in (made(city) / "raw").iterdir():
        if path.suffix != ".txt":
            frame = raw(path)
            text += [str(v) for column in frame for v in frame[column].unique()]
    joined = "\n".join(text)
    assert set(re.findall(r"[\w.]+@([\w.]+)", joined)) <= {"example.org"}
    assert all(re.fullmatch(r"555-01\d\d", n) for n in re.findall(r"\) (\d{3}-\d{4})", joined))
    assert all(n.startswith("000-") for n in re.findall(r"\b\d{3}-\d{2}-\d{4}\b", joined) if not n.startswith("0"))
    assert set(re.findall(r"\d+ Synthetic Way", joined)) <= {"1 Synthetic Way"}
    assert all(g.startswith("99999") for g in re.findall(r"\b\d{11}\b", joined))


@EACH
def test_every_file_says_it_is_synthetic(city):
    assert "SYNTHETIC" in (made(city) / "raw" / "SYNTHETIC.txt").read_text(encoding="utf-8")
    for path in (made(city) / "raw").iterdir():
        if path.suffix != ".txt":
            assert set(raw(path)["source_system"]) == {"synthetic"}, path.name


@EACH
def test_kinds_of_files_and_reference(city):
    assert {p.suffix for p in (made(city) / "raw").iterdir()} >= {".csv", ".xlsx"}
    atlas = pd.read_csv(made(city) / "public_ref" / "opportunity_atlas_tracts.csv", dtype={"GEOID": str})
    assert atlas["GEOID"].str.fullmatch(r"99999\d{6}").all() and 40 <= len(atlas) <= 90
    assert atlas["kfr_pooled_pooled_p25"].between(0.25, 0.60).all()
    acs = pd.read_csv(made(city) / "public_ref" / "acs_tracts.csv")
    assert np.corrcoef(atlas["kfr_pooled_pooled_p25"], acs["poverty_share"])[0, 1] < -0.3


@EACH
def test_mappings_fit_the_files(city):
    """Every header of a mapping is in its file, and every code of the file is in its value map."""
    from shared_utils.config import preset_path

    files = sorted((preset_path(city).parent / "mappings" / city).glob("*.yml"))
    sources = set()
    for file in files:
        one = mapping.read(file)
        path = made(city) / one.source.path
        frame = raw(path)
        frame.columns = [" ".join(str(c).split()) for c in frame.columns]
        sources.add(path.name)
        for block in one.tables:
            assert set(block.headers) <= set(frame.columns), f"{file.name}: {set(block.headers) - set(frame.columns)}"
            wide = block.wide.columns if block.wide else {}
            for header, target in {**block.columns, **block.extra, **wide}.items():
                if target in block.value_maps:
                    codes = {mapping.text(v) for v in frame[header].unique() if v is not None and v == v} - {""}
                    assert codes <= set(block.value_maps[target]), f"{file.name}, {header}"
    assert sources == {p.name for p in (made(city) / "raw").iterdir()} - {"SYNTHETIC.txt"}


@EACH
def test_outcomes_covariates_and_indicators_are_the_presets(city):
    from shared_utils.config import load_city, preset_path

    config = load_city(preset_path(city))
    targets, codes = set(), set()
    for file in (preset_path(city).parent / "mappings" / city).glob("*.yml"):
        for block in mapping.read(file).tables:
            targets |= set(block.targets)
            codes |= set(block.value_maps.get("outcome_id", {}).values())
            codes |= set(block.wide.columns.values()) if block.wide else set()
    assert codes == {outcome.id for outcome in config.outcomes}
    made_later = {"site_id", "neighbourhood", "opportunity_tercile", "intake_month", "kfr_pooled_pooled_p25"}
    assert set(config.covariates) <= targets | made_later

    found = raw(made(city) / "raw" / "indicators.csv")
    assert list(found["indicator_id"].unique()) == [i.id for i in config.indicators]
    for indicator in config.indicators:
        dims = set(found.loc[found["indicator_id"] == indicator.id, "group_dim"]) - {"all"}
        assert dims == set(indicator.equity), indicator.id
        quarterly = found.loc[(found["indicator_id"] == indicator.id) & (found["group_dim"] == "all"), "period"]
        gaps = np.diff(pd.PeriodIndex(quarterly, freq="M").astype("int64"))
        assert indicator.frequency != "quarterly" or gaps.min() >= 2, indicator.id


@EACH
def test_groups_add_up_to_the_total(city):
    found = pd.read_csv(made(city) / "raw" / "indicators.csv")
    known = {dim: set(values) for dim, values in EQUITY.items()}
    for dim, rows in found[found["group_dim"] != "all"].groupby("group_dim"):
        assert set(rows["group_value"]) <= known[dim]
        parts = rows.groupby(["indicator_id", "period"])[["numerator", "denominator"]].sum(min_count=1)
        total = found[found["group_dim"] == "all"].set_index(["indicator_id", "period"])
        total = total.loc[parts.index, ["numerator", "denominator"]]
        np.testing.assert_allclose(parts, total)
    counted = found.dropna(subset=["numerator"])
    np.testing.assert_allclose(counted["value"], counted["numerator"] / counted["denominator"], atol=1e-6)


def test_unknown_city_and_scenario_are_refused(tmp_path):
    with pytest.raises(SyntheticError, match="Did you mean 'newark'"):
        generate("newarc", out=tmp_path)
    with pytest.raises(SyntheticError, match="Did you mean 'homogeneous'"):
        generate("newark", scenario="homogenous", out=tmp_path)
    with pytest.raises(SyntheticError, match="no encouragement is part of this design"):
        generate("dayton", scenario="weak_nudge", out=tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("name", SCENARIOS)
@EACH
def test_each_scenario_can_be_made(city, name, tmp_path):
    if SCENARIOS[name].cities and city not in SCENARIOS[name].cities:
        with pytest.raises(SyntheticError, match="cannot be made for"):
            generate(city, scenario=name, out=tmp_path)
    else:
        generate(city, scenario=name, out=tmp_path)
        assert truth(tmp_path)["scenario"] == name
