"""From nine cities' files to their studies: frame, design, truth; blinding, as_of and the short way in."""

import json
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shared_utils import data, designs
from shared_utils.config import PRESETS, load_city, preset_path
from shared_utils.data import reference, study, subjects
from shared_utils.data.places import chain, terciles
from shared_utils.errors import EmiError

ROOT = Path(__file__).resolve().parents[2]

# City -> rows, unit, [treated, comparison], keys of the design beside type, covariates and options.
EXPECTED = {
    "cincinnati": (800, "people", ["offer", "control"], {"treatment", "received", "strata"}),
    "dayton": (768, "families", ["engagement", "control"], {"treatment", "cluster", "strata"}),
    "detroit": (48 * 24, "buildings", ["treated", "comparison"], {"unit", "time", "cohort", "weights"}),
    "lansing": (6000, "households", ["invitation", "generic_notice"], {"instrument", "treatment", "strata"}),
    "neworleans": (1200, "people", ["selected", "not_selected"],
                   {"treatment", "strata", "assign_prob", "received"}),
    "newark": (80 * 38, "tracts", ["treated", "comparison"], {"unit", "time", "treatment", "exposure"}),
    "racine": (520, "people", ["enhanced_track", "usual_classes"], {"treatment"}),
    "rochester": (1800, "families", ["eligible", "not_eligible"],
                  {"running", "cutoff", "treated_side", "received"}),
    "tulsa": (900, "people", ["career_education_plus_training", "control"],
              {"arm", "control", "contrasts", "strata"}),
}  # fmt: skip


# People and places over time at every change; all nine in the full set.
FAST = ("cincinnati", "newark")
EACH = [key if key in FAST else pytest.param(key, marks=pytest.mark.full) for key in PRESETS]


@pytest.fixture(scope="module")
def cities(tmp_path_factory):
    """Make, prepare and load a city when a test first asks for it."""
    made = {}

    def city(key: str) -> data.CityData:
        if key not in made:
            folder = tmp_path_factory.mktemp("cities") / key
            folder.mkdir()
            shutil.copy(preset_path(key), folder / "city.yml")
            shutil.copytree(preset_path(key).parent / "mappings" / key, folder / "mappings")
            data.prepare(folder)
            made[key] = data.load(folder)
        return made[key]

    return city


def primary(city: data.CityData, given: data.Study) -> pd.DataFrame:
    """Main rows of the primary outcome, without permutation draws."""
    design = {**given.design, "outcome": city.config.primary.id, "labels": given.labels}
    if "ri_draws" in designs.REGISTRY[design["type"]].SPEC.options:
        design["options"] = {**design.get("options", {}), "ri_draws": 0}
    rows = designs.estimate(given.frame, design)
    return rows[rows["role"] == "main"]


@pytest.mark.parametrize("key", EACH)
def test_study_has_the_shape_its_design_needs(cities, key):
    city = cities(key)
    rows, unit, labels, roles = EXPECTED[key]
    made = city.study
    assert (len(made.frame), made.unit_label, made.labels) == (rows, unit, labels)
    assert set(made.design) - {"type", "covariates", "options"} == roles
    assert made.outcomes == [o.id for o in city.config.outcomes]
    columns = {made.subject_id, made.arm, *made.outcomes, *made.covariates, *made.subgroups.values()}
    assert columns <= set(made.frame.columns)
    assert set(made.frame[made.arm]) >= set(labels)
    assert made.frame[city.config.primary.id].notna().mean() > 0.8
    assert set(made.frame["opportunity_tercile"]) <= {"low", "middle", "high", "unknown"}
    if made.period:
        assert not made.frame.duplicated([made.subject_id, made.period]).any()
    else:
        assert made.frame[made.subject_id].is_unique


@pytest.mark.parametrize("key", EACH)
def test_estimate_is_within_four_standard_errors_of_the_truth(cities, key):
    city = cities(key)
    truth = json.loads((city.root / "truth" / "truth.json").read_text(encoding="utf-8"))["primary"]
    rows = primary(city, city.study)
    known = {t["contrast"]: t["population"] for t in truth} if key == "tulsa" else {}
    assert len(rows) == (2 if key == "tulsa" else 1)
    for row in rows.itertuples():
        assert abs(row.value - known.get(row.contrast, truth[0]["population"])) <= 4 * row.se


@pytest.mark.parametrize("key", EACH)
def test_intake_of_a_clean_city_raises_no_alarm(cities, key):
    city = cities(key)
    assert {f["severity"] for f in city.intake["flags"]} <= {"info", "warn"}
    for s in city.intake["sources"]:
        assert s["rows_in"] + s["rows_added"] == s["rows_kept"] + sum(s["dropped"].values())
    for name, facts in city.intake["tables"].items():
        assert facts["rows"] == sum(s["rows_kept"] for s in city.intake["sources"] if s["table"] == name)
    assert {i["table"]: i["rows"] for i in city.inputs}.keys() >= {"assignments", "outcomes", "costs"}


@pytest.mark.parametrize("key", ["cincinnati", "newark"])
def test_no_planted_identifier_is_in_any_byte_of_the_linked_tables(cities, key):
    city = cities(key)
    linked = b"".join(p.read_bytes() for p in (city.root / "linked").iterdir())
    texts = b"".join(table.to_csv().encode() for table in city.tables.values())
    raw = b"".join(p.read_bytes() for p in (city.root / "raw").glob("*.csv"))
    planted = (b"Synthetic Person", b"555-01", b"@example.org", b"1 Synthetic Way", b"000-01-", b"CIN-00")
    assert any(text in raw for text in planted)
    for text in planted:
        assert text not in linked and text not in texts


@pytest.mark.parametrize("key", [*FAST, *(pytest.param(key, marks=pytest.mark.full) for key in ("detroit", "tulsa"))])
def test_blinding_keeps_pooled_numbers_and_breaks_the_link_to_arms(cities, key):
    made = cities(key).study
    blinded = data.blind(made, seed=7)
    outcome = made.outcomes[0]
    pd.testing.assert_series_equal(blinded.frame[outcome], made.frame[outcome])
    assert (blinded.frame[made.arm] != made.frame[made.arm]).any()
    assert (blinded.frame.dtypes == made.frame.dtypes).all()
    unit = made.design.get("cluster") or made.subject_id
    arms = [f.drop_duplicates(unit)[made.arm].value_counts().to_dict() for f in (made.frame, blinded.frame)]
    assert arms[0] == arms[1]
    assert (blinded.frame.groupby(unit)[made.arm].nunique() == 1).all()
    pd.testing.assert_frame_equal(data.blind(made, seed=7).frame, blinded.frame)


def test_blinding_stays_within_strata_and_moves_take_up_with_the_arm(cities):
    made = cities("cincinnati").study
    blinded = data.blind(made, seed=1).frame
    by = [f.groupby("stratum")["treatment"].sum().to_dict() for f in (made.frame, blinded)]
    assert by[0] == by[1]
    takers = [f.groupby("treatment")["received"].sum().to_dict() for f in (made.frame, blinded)]
    assert takers[0] == takers[1]


def test_newark_keeps_the_months_outside_the_primary_window(cities):
    made = cities("newark").study
    assert made.frame["period"].max() == pd.Timestamp("2020-02-01")
    assert made.whole["period"].max() == pd.Timestamp("2020-09-01")
    assert made.frame.groupby("subject_id")["treatment"].max().sum() == 20


@pytest.mark.full
def test_racine_has_durations_and_events(cities):
    frame = cities("racine").study.frame
    assert set(frame["days_to_hse_event"].dropna()) == {0, 1}
    assert frame.loc[frame["hse_earned_9m"] == 1, "days_to_hse_event"].min() == 1


def test_only_rows_known_at_as_of_are_used(cities):
    city = cities("cincinnati")
    folder = city.root.parent.parent
    early = data.load(folder, as_of=date(2019, 7, 1))
    assert early.tables["services"]["service_date"].max() <= pd.Timestamp("2019-07-01")
    assert early.tables["indicator_monthly"]["received_at"].max() <= pd.Timestamp("2019-07-01")
    assert 0 < len(early.study.frame) < 800
    assert early.study.frame["employed_q2"].isna().all()
    assert "There is no value of employed_q2 yet." in early.study.notes
    assert city.as_of == city.config.pilot.data_lock


@pytest.mark.full
def test_two_runs_from_nothing_give_the_same_bytes(cities, tmp_path):
    city = cities("detroit")
    again = tmp_path / "detroit"
    shutil.copytree(city.root.parent.parent, again)
    shutil.rmtree(again / "data")
    data.prepare(again)
    for path in sorted((city.root / "linked").iterdir()):
        assert path.read_bytes() == (again / "data" / "synthetic" / "linked" / path.name).read_bytes()


def test_an_unchanged_city_is_answered_without_pandas(cities):
    folder = cities("tulsa").root.parent.parent
    code = (
        f"import sys; from shared_utils import data; done = data.prepare({str(folder)!r}); "
        "print(done.ran, bool({'pandas', 'numpy', 'pyarrow'} & set(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert out.stdout.split() == ["False", "False"]


@pytest.mark.full
def test_an_asked_for_scenario_stays_until_the_settings_change(cities, tmp_path):
    folder = tmp_path / "tulsa"
    shutil.copytree(cities("tulsa").root.parent.parent, folder)
    data.synthesize(folder, scenario="null")
    assert data.prepare(folder).ran and not data.prepare(folder).ran
    truth = json.loads((folder / "data/synthetic/truth/truth.json").read_text(encoding="utf-8"))
    assert truth["scenario"] == "null"


def test_a_covariate_no_table_has_is_named(cities, tmp_path):
    folder = tmp_path / "tulsa"
    shutil.copytree(cities("tulsa").root.parent.parent, folder)
    settings = (folder / "city.yml").read_text(encoding="utf-8")
    settings = settings.replace("hs_credential, parenting, site_id]", "hs_credental, parenting, site_id]")
    (folder / "city.yml").write_text(settings, encoding="utf-8")
    with pytest.raises(EmiError, match="no table has 'hs_credental'. Did you mean 'hs_credential'"):
        data.load(folder)


def test_a_city_without_data_says_what_to_run(tmp_path):
    shutil.copy(preset_path("tulsa"), tmp_path / "city.yml")
    with pytest.raises(EmiError, match="has no data yet"):
        data.load(tmp_path)


# ---------------------------------------------------------------- small parts


def test_terciles_are_equal_thirds_and_missing_is_unknown():
    values = pd.Series([0.3, 0.1, np.nan, 0.2, 0.6, 0.5, 0.4])
    assert terciles(values).tolist() == ["middle", "low", "unknown", "low", "high", "high", "middle"]


def test_units_know_what_they_stand_in():
    units = pd.DataFrame({"unit_id": ["c1", "s1"], "unit_type": ["classroom", "site"], "parent_unit_id": ["s1", None]})
    found = chain(pd.Series(["c1", "s1", None]), units)
    assert found["classroom_id"].tolist()[:1] == ["c1"]
    assert found["site_id"].tolist()[:2] == ["s1", "s1"]


def test_received_counts_delivered_services_in_the_window():
    class Rule:
        service_type, at_least, within_days = "session", 2, 90

    frame = pd.DataFrame({"subject_id": ["a", "b", "c"], "assigned_at": pd.Timestamp("2019-07-15")})
    days = ["2019-07-20", "2019-10-13", "2019-07-20", "2019-10-14", "2019-07-20", "2019-07-21"]
    services = pd.DataFrame(
        {
            "subject_id": list("aabbcc"),
            "service_type": "session",
            "service_date": pd.to_datetime(days),
            "delivered": pd.array([True, True, True, True, True, False], dtype="boolean"),
        }
    )
    assert subjects.received(frame, services, Rule).tolist() == [1, 0, 0]


def test_reference_codes_keep_their_zeros(tmp_path):
    file = tmp_path / "atlas.csv"
    text = "\ufeffstate,county,tract,kfr_pooled_pooled_p25\n1,3,100,0.4\n36,55,13204,0.3\n"
    file.write_text(text, encoding="utf-8")
    assert reference.read(file, "opportunity_atlas")["GEOID"].tolist() == ["01003000100", "36055013204"]
    file.write_text("GEOID,kfr_pooled_p25\n1003000100,0.4\n", encoding="utf-8")
    with pytest.raises(EmiError, match="no column 'kfr_pooled_pooled_p25'"):
        reference.read(file, "opportunity_atlas")


# ---------------------------------------------------------------- one analysis-ready file


SETTINGS = """\
schema_version: "1.0"
city: {{key: testville, name: Testville, state: NY}}
pilot: {{slug: test, title: Test, domain: employment, start: "1975-03-01", end: "1977-08-31",
        data_lock: "1979-01-31"}}
data: {{mode: city, analysis_file: raw/analysis.csv}}
design: {design}
outcomes:
  - {{id: {outcome}, role: primary, kind: continuous, direction: increase, mwe: {{scale: usd, value: 1000}}}}
covariates: [{covariates}]
"""


def one_file(folder: Path, frame: pd.DataFrame, design: str, outcome: str, covariates: str = "") -> Path:
    raw = folder / "data" / "private" / "raw"
    raw.mkdir(parents=True)
    settings = SETTINGS.format(design=design, outcome=outcome, covariates=covariates)
    (folder / "city.yml").write_text(settings, encoding="utf-8")
    frame.to_csv(raw / "analysis.csv", index=False)
    return folder


def test_nsw_trial_in_one_file(tmp_path):
    from causaldata import nsw_mixtape

    nsw = nsw_mixtape.load_pandas().data
    known = "age, educ, black, hisp, marr, nodegree, re74, re75"
    nsw = nsw.assign(name="Somebody")
    folder = one_file(tmp_path, nsw, "{type: rct_individual, treatment: treat}", "re78", known)
    report = data.prepare(folder)
    assert report.sources[0].identifiers_dropped == ["name"]
    assert report.sources[0].columns_dropped == ["data_id"]
    assert not data.prepare(folder).ran
    city = data.load(folder)
    made = city.study
    assert city.as_of == date(1979, 1, 31) and city.tables["outcomes"].empty
    assert made.labels == ["treated", "comparison"]
    assert made.frame["arm"].value_counts().to_dict() == {"comparison": 260, "treated": 185}
    rows = designs.estimate(made.frame, {**made.design, "outcome": "re78", "options": {"ri_draws": 0}})
    unadjusted = rows[rows["role"] == "unadjusted"].iloc[0]
    assert (round(unadjusted["value"], 2), round(unadjusted["se"], 3)) == (1794.34, 670.997)


@pytest.mark.parametrize(
    "change, words",
    [
        (
            {"treat": "treated"},
            "city.yml names it under design.treatment, and the file has no such column. Did you mean 'treated'?",
        ),
        ({"re78": "earnings"}, "city.yml names it under outcomes"),
    ],
)
def test_a_column_the_file_lacks_is_named(tmp_path, change, words):
    frame = pd.DataFrame({"treat": [1, 0], "re78": [1.0, 2.0], "age": [20, 30]}).rename(columns=change)
    folder = one_file(tmp_path, frame, "{type: rct_individual, treatment: treat}", "re78", "age")
    with pytest.raises(data.IntakeError) as refused:
        data.prepare(folder)
    assert words in refused.value.problems[0].message
    assert "Rename the column in the file, or change" in refused.value.problems[0].fix


def test_a_panel_in_one_file(tmp_path):
    rows = [(u, f"2019-{m:02d}", u + m, "2019-04" if u < 2 else "") for u in range(4) for m in range(1, 7)]
    frame = pd.DataFrame(rows, columns=["building", "month", "rent", "started"])
    design = "{type: did_staggered, unit: building, time: month, cohort: started}"
    folder = one_file(tmp_path, frame, design, "rent")
    data.prepare(folder)
    made = data.load(folder).study
    assert made.period == "month" and made.frame["month"].dtype.kind == "M"
    assert made.frame["arm"].value_counts().to_dict() == {"treated": 12, "comparison": 12}


def test_a_limit_in_one_file_says_which_side_is_in(tmp_path):
    frame = pd.DataFrame({"income": [100, 200, 300], "saved": [5, 6, 7]})
    design = "{type: rd, running: income, cutoff: 200, treated_side: SIDE}"
    for side, treated in (("at_or_below", 2), ("below", 1), ("at_or_above", 2), ("above", 1)):
        folder = one_file(tmp_path / side, frame, design.replace("SIDE", side), "saved")
        data.prepare(folder)
        made = data.load(folder).study
        assert (made.frame["arm"] == "treated").sum() == treated
        assert (made.design["treated_side"], made.design["cutoff"]) == (side, 200)


@pytest.mark.parametrize("side, slope", [("at_or_below", -1), ("at_or_above", 1)])
def test_the_estimator_puts_people_exactly_at_the_limit_where_the_study_does(tmp_path, side, slope):
    # Incomes heap on the limit: on the wrong side they would drag the estimate towards zero.
    rng = np.random.default_rng(5)
    income = np.where(rng.random(600) < 0.2, 200, rng.integers(120, 281, 600))
    eligible = income <= 200 if slope < 0 else income >= 200
    frame = pd.DataFrame({"income": income, "saved": 500 + 300 * eligible + 0.1 * rng.normal(size=600)})
    design = f"{{type: rd, running: income, cutoff: 200, treated_side: {side}}}"
    folder = one_file(tmp_path, frame, design, "saved")
    data.prepare(folder)
    made = data.load(folder).study
    assert ((made.frame["arm"] == "treated") == eligible).all()
    rows = designs.estimate(made.frame, {**made.design, "outcome": "saved"})
    assert abs(rows.loc[rows["role"] == "main", "value"].iloc[0] - 300) < 1


def test_ids_of_the_one_file_become_pseudonyms(tmp_path):
    frame = pd.DataFrame({"class": ["A1", "A2"] * 5, "treat": [1, 0] * 5, "score": range(10)})
    folder = one_file(tmp_path, frame, "{type: rct_cluster, treatment: treat, cluster: class}", "score")
    settings = (folder / "city.yml").read_text(encoding="utf-8") + "privacy: {id_columns: [class]}\n"
    (folder / "city.yml").write_text(settings, encoding="utf-8")
    data.prepare(folder)
    made = data.load(folder).study
    assert made.frame["class"].str.fullmatch("u_[a-z2-7]{20}").all() and made.frame["class"].nunique() == 2


def test_labels_of_units_are_words():
    config = load_city(preset_path("newark"))
    assert study.unit_label(config) == "tracts"
