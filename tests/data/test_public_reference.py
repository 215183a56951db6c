"""Public files as published: what each loader makes of every sentinel and trap, and what a city's folder gives."""

import gzip
import json
import re
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from shared_utils.config import load_city, preset_path
from shared_utils.data import public, reference, report
from shared_utils.data.public import Area
from shared_utils.data.report import IntakeReport, SourceReport
from shared_utils.errors import EmiError
from shared_utils.sections import baseline_context

ROOT = Path(__file__).resolve().parents[2]
DETROIT = Area("26", "163")

ATLAS = """\
state,county,tract,cz,czname,kfr_pooled_pooled_p25,kfr_pooled_pooled_p25_se,kfr_black_pooled_p25,jail_pooled_pooled_p25,pooled_pooled_count
26,163,500100,11600,Detroit,.35,.012,,.02,812
26,163,500200,11600,Detroit,1.4,.9,.31,-.01,22
1,3,100,1,Mobile,.42,.01,.4,.02,900
"""
ATLAS_COUNTY = """\
state,county,cz,czname,kfr_pooled_pooled_p25,kfr_pooled_pooled_p25_se
26,163,11600,Detroit,.346,.0009
1,3,1,Mobile,.42,.01
"""
MAP = "\ufefftract,Name,Household_Income_at_Age_35_rP_gP_p25\n1003010100,Bay Minette,31000\n26163500100,Detroit,21300\n\
26163500200,Detroit,1062314\n26163500300,Detroit,-4\n26163500400,Detroit,\n"
MAP_JAIL = "tract,Name,Incarceration_Rate_rB_gM_p25\n26163500100,Detroit,0.11\n26163500900,Detroit,0.09\n"
ZIPS = """\
zip,county,num_below_p50,pop2018,ec_zip,ec_se_zip,exposure_grp_mem_zip,clustering_zip
1001,25013,800,17000,.9,.02,1,.1
48201,26163,900,12000,.61,.03,.8,.1
48299,26163,12,90,,,,
"""
SOCIAL_COUNTY = "county,ec_county,ec_se_county,clustering_county\n26163,.617,.01,.1\n1003,.8,.02,.1\n"
SPENDING = """\
year,month,day_endofmonth,countyfips,freq,spend_all,spend_s_all,provisional
2020,1,31,26163,m,0,0,0
2020,4,30,26163,m,-.331,.,0
2020,4,30,1003,m,-.2,.,0
2025,8,31,26163,m,.,.,1
"""
JOBS = "year,month,day_endofweek,cityid,emp,emp_incq1,emp_incq4\n2020,4,17,13,-.24,-.4,.\n2020,4,17,44,-.2,-.3,-.1\n"
MOVES = "year,month,day,statefips,gps_away_from_home,gps_workplaces\n2020,4,1,26,-.2,-.5\n"
CLAIMS = "year,month,day_endofweek,statefips,initclaims_count_regular,initclaims_rate_regular\n2020,4,4,26,388554,7.9\n"
PLACES = "countyfips,countyname,cityid,cityname\n26163,Wayne,13,Detroit\n26065,Ingham,.,.\n1003,Baldwin,,\n"
ESTIMATES = """\
state,county,FIPS_state,FIPS_county,year,renting_hh,filings_estimate,filings_ci_95_lower,filings_ci_95_upper,\
ind_filings_court_issued,ind_filings_court_issued_LT,hh_threat_estimate,hh_threat_95_lower,hh_threat_95_upper,ind_hht_observed
Michigan,Wayne County,26,26163,2018,250000,56323,56323,56323,1,1,48000,47000,49000,1
Michigan,Wayne County,26,26163,2009,0,50000,41000,60000,0,0,45000,40000,50000,0
Alabama,Baldwin County,1,1003,2018,20000,800,600,1000,0,0,700,500,900,0
"""
COURT = """\
state,county,fips_state,fips_county,year,renting_hh,filings_observed,ind_filings_court_issued_lt,hh_threat_observed
Michigan,Wayne County,26,26163,2018,250000,56323,0,
Alabama,Baldwin County,1,1003,2018,20000,800,1,700
"""
VALID = """\
cofips,county,state,year,type,filings,filing_rate,threatened,threatened_rate,judgements,judgement_rate
26163,Wayne County,Michigan,2018,imputed,56000,22.4,48000,19,30000,12
"""
V1 = """\
GEOID,year,name,parent-location,renter-occupied-households,eviction-filings,evictions,eviction-rate,eviction-filing-rate,low-flag,imputed,subbed
26163500100,2000,5001,"Wayne County, Michigan",300,30,12,4,10,0,0,1
26163500100,2016,5001,"Wayne County, Michigan",310,62,31,10,20,1,0,0
26163500200,2016,5002,"Wayne County, Michigan",0,,,,,0,1,0
1003010100,2016,101,"Baldwin County, Alabama",100,5,2,2,5,0,0,0
"""
TRACKING = """\
city,type,GEOID,racial_majority,month,filings_2020,filings_avg,filings_avg_prepandemic_baseline,last_updated
"Cincinnati, OH",Census Tract,39061000200,White,04/2020,2,9,8,2023-06-10
"Cincinnati, OH",Census Tract,sealed,,04/2020,3,1,,2023-06-10
"Cincinnati, OH",Census Tract,39061000200,White,05/2023,7,9,8,2023-06-10
"Cincinnati, OH",Census Tract,39061000200,White,06/2023,1,9,8,2023-06-10
"""
URBAN = """\
year,state,place,count_homeless,count_homeless_lb,count_homeless_ub,share_homeless,count_homeless_quality,share_homeless_quality
2022,26,22000,3381,3372,3390,.0473675355,1,3
2022,01,07000,NA,NA,NA,NA,NA,NA
2021,26,22000,3000,2990,3010,.041,2,1
"""
URBAN_GROUPS = """\
year,state,county,subgroup_type,subgroup,share_employed,share_employed_lb,share_employed_ub,share_employed_quality
2014,26,163,all,All,.69,.67,.71,1
2014,26,163,gender,Female,.63,.6,.66,3
"""
API = json.dumps([
    ["NAME", "B19013_001E", "B19013_001M", "B25003_001E", "B25003_001M", "B25003_003E", "B25003_003M",
     "state", "county", "tract"],
    ["Tract 5001", "41000", "5200", "1200", "90", "700", "80", "26", "163", "500100"],
    ["Tract 5002", "-666666666", "-222222222", "0", "12", "0", "12", "26", "163", "500200"],
    ["Tract 5003", "250001", "-333333333", "900", "-555555555", "100", "40", "26", "163", "500300"],
    ["Tract 5004", None, None, "-888888888", "-888888888", "-999999999", "-999999999", "26", "163", "500400"],
    ["Tract 101", "2499", "-333333333", "10", "5", "10", "5", "01", "003", "010100"],
])  # fmt: skip
DAT = """\
GEO_ID|B17001_E001|B17001_M001|B17001_E002|B17001_M002
0400000US26|9800000|900|1400000|8000
1400000US26163500100|2000|200|500|100
1400000US26163500200|-999999999|-999999999|.|.
1500000US261635001001|900|90|300|60
1400000US01003010100|1000|100|100|50
"""
CENSUS_CSV = """\
GEO_ID,NAME,B19013_001E,B19013_001EA,B19013_001M,B25064_001E,B25064_001M,
Geography,Geographic Area Name,Estimate!!Median,Annotation,Margin of Error!!Median,Estimate!!Rent,Margin!!Rent,
1400000US26163500100,Tract 5001,"41,000",,5200,"3,500+",***
1400000US26163500200,Tract 5002,-,,**,N,(X)
1400000US26163500300,Tract 5003,"250,000+",,***,100-,***
"""
SQUARE = [[[-83.1, 42.3], [-83.0, 42.3], [-83.0, 42.4], [-83.1, 42.4], [-83.1, 42.3]]]
GEOJSON = {"type": "FeatureCollection", "features": [
    {"type": "Feature", "properties": {"AFFGEOID": "1400000US26163500100", "NAME": "5001"},
     "geometry": {"type": "Polygon", "coordinates": SQUARE}}]}  # fmt: skip
# The same square: two arcs on a grid of a tenth of a degree, the second one stored the other way round.
TOPOJSON = {
    "type": "Topology",
    "transform": {"scale": [0.1, 0.1], "translate": [-83.1, 42.3]},
    "arcs": [[[0, 0], [1, 0], [0, 1]], [[0, 0], [0, 1], [1, 0]]],
    "objects": {
        "tracts": {
            "type": "GeometryCollection",
            "geometries": [
                {"type": "Polygon", "arcs": [[0, -2]], "properties": {"GEOID": "26163500100", "NAME": "5001"}}
            ],
        }
    },
}


def place(geoid: str) -> str:
    shape = {"type": "Feature", "id": geoid, "properties": {"name": "X"},
             "geometry": {"type": "MultiPolygon", "coordinates": [SQUARE]}}  # fmt: skip
    return json.dumps({"type": "FeatureCollection", "features": [shape]})


FILES = {
    "tract_outcomes_simple.csv": ("opportunity_atlas", ATLAS),
    "county_outcomes_simple.csv": ("opportunity_atlas_county", ATLAS_COUNTY),
    "tract_kfr_rP_gP_p25.csv": ("opportunity_atlas_map", MAP),
    "social_capital_zip.csv": ("social_capital_zip", ZIPS),
    "social_capital_county.csv": ("social_capital_county", SOCIAL_COUNTY),
    "Affinity - County - Monthly.csv": ("tracker_spending_county", SPENDING),
    "Employment - City - Weekly.csv": ("tracker_employment_city", JOBS),
    "Google Mobility - State - Daily.csv": ("tracker_mobility_state", MOVES),
    "UI Claims - State - Weekly.csv": ("tracker_claims_state", CLAIMS),
    "GeoIDs - County.csv": ("tracker_places", PLACES),
    "county_eviction_estimates_2000_2018.csv": ("eviction_county_estimates", ESTIMATES),
    "county_court-issued_2000_2018.csv": ("eviction_county_court", COURT),
    "county_proprietary_valid_2000_2018.csv": ("eviction_county_proprietary", VALID),
    "tracts.csv": ("eviction_tracts", V1),
    "cincinnati_monthly_2020_2021.csv": ("eviction_tracking", TRACKING),
    "homelessness_2019-2022_city.csv": ("mobility_metrics_city", URBAN),
    "metrics_employment_county_gender_longitudinal.csv": ("mobility_metrics_county", URBAN_GROUPS),
    "acs5_2018.json": ("acs", API),
    "acsdt5y2022-b17001.dat": ("acs", DAT),
    "ACSDT5Y2018.B19013-Data.csv": ("acs", CENSUS_CSV),
    "cb_2018_26_tract_500k.geojson": ("boundaries_tract", json.dumps(GEOJSON)),
    "cb_2020_26_tract_500k.json": ("boundaries_tract", json.dumps(TOPOJSON)),
    "cb_2018_us_county_500k.json": ("boundaries_county", place("26163")),
    "cb_2018_26_place_500k.json": ("boundaries_city", place("2622000")),
}


@pytest.fixture
def write(tmp_path):
    def put(name: str, text: str | None = None) -> Path:
        path = tmp_path / name
        path.write_text(FILES[name][1] if text is None else text, encoding="utf-8")
        return path

    return put


def by_code(table: public.Reference) -> pd.DataFrame:
    return table.frame.set_index("GEOID")


# ---------------------------------------------------------------- one file


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_known_by_its_header_and_read(write, name):
    path = write(name)
    table = public.read(path)
    assert public.recognise(path).id == table.kind == FILES[name][0]
    assert len(table.frame) and table.caution and table.citation and table.release
    assert list(table.frame)[0] == "GEOID" and set(table.measures) <= set(
        table.frame["metric"] if "metric" in table.frame else table.frame
    )


def test_every_kind_of_the_registry_has_a_file_here():
    kinds = {kind for kind, _ in FILES.values()}
    assert {k.id for k in public.KINDS if not k.id.startswith("tracker_")} <= kinds


@pytest.mark.parametrize("name", [n for n in FILES if FILES[n][0] in ("opportunity_atlas", "opportunity_atlas_county")])
def test_atlas(write, name):
    table = public.read(write(name))
    frame = by_code(table)
    tract = table.unit == "tract"
    assert frame.index[-1] == ("01003000100" if tract else "01003")
    assert table.vintage == (2010 if tract else None)
    if tract:
        assert frame["kfr_pooled_pooled_p25"].isna().tolist() == [False, True, False]  # 1.4 is no rank
        assert pd.isna(frame["kfr_black_pooled_p25"].iloc[0])  # under 20 children: blank
        assert frame["jail_pooled_pooled_p25"].tolist() == [0.02, -0.01, 0.02]  # noise, kept as published
        assert table.notes == ("1 rank: outside 0 to 1, left out.",)
        assert by_code(public.read(write(name), DETROIT)).index.tolist() == ["26163500100", "26163500200"]


def test_map_download(write):
    table = public.read(write("tract_kfr_rP_gP_p25.csv"))
    values = by_code(table)["household_income_at_age_35_rp_gp_p25"]
    assert values.index[0] == "01003010100" and values.notna().tolist() == [True, True, False, False, False]
    assert table.notes == ("2 incomes: not between $0 and $100,000, an artefact, left out.",)
    assert "low-income parents" in table.measures["household_income_at_age_35_rp_gp_p25"]


def test_social_capital_pads_zips_and_counts_what_is_not_published(write):
    table = public.read(write("social_capital_zip.csv"))
    assert by_code(table)["county"].to_dict() == {"01001": "25013", "48201": "26163", "48299": "26163"}
    assert table.notes == ("Economic connectedness is not published for 1 of 3 places.",)
    assert public.read(write("social_capital_zip.csv"), DETROIT).frame["GEOID"].tolist() == ["48201", "48299"]


def test_tracker_reads_dots_dates_and_provisional_rows(write):
    table = public.read(write("Affinity - County - Monthly.csv"), DETROIT)
    assert table.frame["date"].dt.strftime("%Y-%m-%d").tolist() == ["2020-01-31", "2020-04-30", "2025-08-31"]
    assert table.frame["spend_all"].isna().tolist() == [False, False, True]
    assert table.frame["provisional"].tolist() == [False, False, True] and table.period == "2020-01 to 2025-08"
    cities = public.read(write("Employment - City - Weekly.csv"), DETROIT)
    assert cities.frame["GEOID"].tolist() == ["13", "44"] and cities.unit == "city"  # a city is no part of a state
    claims = public.read(write("UI Claims - State - Weekly.csv"))
    assert "change" not in claims.measures["initclaims_rate_regular"] and claims.frame["GEOID"].tolist() == ["26"]
    assert by_code(public.read(write("GeoIDs - County.csv")))["cityid"].to_dict() == {
        "26163": "13", "26065": "", "01003": ""}  # fmt: skip


def test_days_that_become_weeks_are_said(write):
    text = SPENDING.replace("day_endofmonth", "day").replace("26163,m,0", "26163,d,0").replace(",m,", ",w,")
    assert any("days to weeks" in note for note in public.read(write("a.csv", text)).notes)


def test_county_filings_keep_the_interval_and_mark_the_model(write):
    table = public.read(write("county_eviction_estimates_2000_2018.csv"), DETROIT)
    frame = table.frame.set_index("year")
    assert frame["modelled"].to_dict() == {2009: True, 2018: False}
    assert frame.loc[2018, "filing_rate"] == pytest.approx(22.5292) and pd.isna(frame.loc[2009, "filing_rate"])
    assert frame.loc[2009, ["filings_low", "filings_high"]].tolist() == [41000, 60000]
    court = by_code(public.read(write("county_court-issued_2000_2018.csv")))
    assert court["landlord_tenant_only"].to_dict() == {"26163": False, "01003": True}
    assert public.read(write("county_proprietary_valid_2000_2018.csv")).frame["imputed"].all()


def test_tract_filings_keep_their_marks(write):
    table = public.read(write("tracts.csv"), DETROIT)
    assert table.vintage == 2010 and len(table.frame) == 3
    assert table.frame[["low-flag", "imputed", "subbed"]].to_numpy().tolist() == [
        [False, False, True], [True, False, False], [False, True, False]]  # fmt: skip
    cities = V1.replace("26163500100", "2622000").replace("26163500200", "2646000").replace("1003010100", "107000")
    with pytest.raises(EmiError, match="does not hold tracts.\nFetch tracts.csv"):
        public.read(write("cities.csv", cities))


def test_tracking_takes_no_circular_mean_and_no_partial_month(write):
    table = public.read(write("cincinnati_monthly_2020_2021.csv"))
    assert table.frame["date"].dt.strftime("%Y-%m").tolist() == ["2020-04", "2020-04", "2023-05"]
    assert table.frame["filings"].tolist() == [2, 3, 7]  # `filings_2020` of a row of 2023 is of 2023
    assert "filings_avg" not in table.frame and table.frame["baseline"].iloc[0] == 8
    assert any(note.startswith("3 filings are sealed") for note in table.notes)
    with pytest.raises(EmiError, match="not of tracts"):
        public.check_join(table, ["39061000200"], 2010)
    weekly = TRACKING.replace(",month,", ",week,week_date,")
    weekly = re.sub(r",(\d\d)/(\d{4}),", r",1,\2-\1-05,", weekly)
    assert public.read(write("weekly.csv", weekly)).frame["filings"].tolist() == [2, 3, 7]


def test_metrics_hide_what_nobody_should_act_on(write):
    table = public.read(write("homelessness_2019-2022_city.csv"), DETROIT)
    rows = table.frame.set_index(["metric", "year"])
    assert rows.loc[("count_homeless", 2022), ["GEOID", "value", "lb", "quality"]].tolist() == [
        "2622000", 3381, 3372, 1]  # fmt: skip
    assert pd.isna(rows.loc[("share_homeless", 2022), "value"]) and rows.loc[("share_homeless", 2022), "quality"] == 3
    assert rows.loc[("share_homeless", 2021), "value"] == 0.041 and table.notes[0].startswith("1 value: left out")
    groups = public.read(write("metrics_employment_county_gender_longitudinal.csv")).frame
    assert groups["subgroup"].tolist() == ["All", "Female"] and groups["value"].isna().tolist() == [False, True]


# ---------------------------------------------------------------- ACS


def test_acs_sentinels_are_missing_and_limits_are_marked(write):
    table = public.read(write("acs5_2018.json"), DETROIT)
    frame = by_code(table)
    assert (table.vintage, table.period) == (2010, "2014 to 2018")
    assert frame["median_hh_income"].tolist()[:1] == [41000] and frame["median_hh_income"].iloc[2] == 250_000
    assert frame["median_hh_income"].isna().tolist() == [False, True, False, True]
    assert frame["median_hh_income_moe"].isna().tolist() == [False, True, True, True]
    assert frame["median_hh_income_limit"].tolist() == [False, False, True, False]
    assert frame["households"].isna().tolist() == [False, False, False, True]
    assert pd.isna(frame["households_moe"].iloc[2])  # controlled: no margin is not a margin of -5e8
    assert frame.select_dtypes("number").min().min() >= 0
    assert by_code(public.read(write("acs5_2018.json"))).loc["01003010100", "median_hh_income"] == 2_500


def test_acs_summary_file_keeps_tracts_only_and_its_margin_is_the_handbooks(write):
    table = public.read(write("acsdt5y2022-b17001.dat"))
    frame = by_code(table)
    assert frame.index.tolist() == ["26163500100", "26163500200", "01003010100"] and table.vintage == 2020
    assert frame.loc["26163500100", "poverty_share"] == 0.25
    # sqrt(100^2 - .25^2 * 200^2) / 2000 = sqrt(7500) / 2000
    assert frame.loc["26163500100", "poverty_share_moe"] == pytest.approx(7500**0.5 / 2000)
    # 50^2 - .1^2 * 100^2 = 2400
    assert frame.loc["01003010100", "poverty_share_moe"] == pytest.approx(2400**0.5 / 1000)
    assert pd.isna(frame.loc["26163500200", "poverty_share"])


def test_acs_margin_turns_to_the_ratio_where_the_root_would_be_negative(write):
    text = "GEO_ID|B17001_E001|B17001_M001|B17001_E002|B17001_M002\n1400000US26163500100|1000|100|900|60\n"
    frame = public.read(write("acs5_2018.dat", text)).frame
    assert frame["poverty_share_moe"].iloc[0] == pytest.approx((60**2 + 0.9**2 * 100**2) ** 0.5 / 1000)


def test_acs_sums_count_the_margin_of_zeros_once(write):
    columns = [f"B25070_{n:03d}" for n in (1, 7, 8, 9, 10, 11)]
    header = [v + end for v in columns for end in ("E", "M")] + ["state", "county", "tract"]
    row = ["110", "30", "20", "10", "0", "12", "0", "12", "20", "10", "10", "0", "26", "163", "500100"]
    frame = public.read(write("acs5_2018.json", json.dumps([header, row]))).frame
    top = (10**2 + 10**2 + 12**2) ** 0.5  # 12 once, not twice
    assert frame["rent_burden_share"].iloc[0] == 0.4
    assert frame["rent_burden_share_moe"].iloc[0] == pytest.approx((top**2 - 0.4**2 * 30**2) ** 0.5 / 100)


def test_data_census_gov_words_are_no_numbers(write):
    frame = by_code(public.read(write("ACSDT5Y2018.B19013-Data.csv")))
    assert frame["median_hh_income"].fillna(-1).tolist() == [41000, -1, 250_000]
    assert frame["median_rent"].fillna(-1).tolist() == [3_500, -1, 100]
    assert frame["median_rent_limit"].tolist() == [True, False, True] and frame["median_rent_moe"].isna().all()


@pytest.mark.parametrize("name, words", [
    ("acs.json", "does not tell the year"),
    ("acs5_2018_2022.json", "does not tell the year"),
    ("acsdt1y2022.json", "one-year survey"),
])  # fmt: skip
def test_acs_needs_its_release_in_the_name(write, name, words):
    with pytest.raises(EmiError, match=words):
        public.read(write(name, API))


# ---------------------------------------------------------------- boundaries


def test_topojson_and_geojson_are_the_same_shape(write):
    one = public.read(write("cb_2018_26_tract_500k.geojson"))
    two = public.read(write("cb_2020_26_tract_500k.json"))
    assert (one.vintage, two.vintage) == (2010, 2020)
    ring, again = (t.frame["polygons"].iloc[0][0][0] for t in (one, two))
    assert len(ring) == len(again) == 5
    assert all(a == pytest.approx(b) for a, b in zip(ring, again, strict=True))


def test_boundaries_tell_their_census_by_property_or_name(write):
    text = json.dumps(GEOJSON).replace("AFFGEOID", "GEOID20")
    assert public.read(write("tracts.json", text)).vintage == 2020
    with pytest.raises(EmiError, match="of 2010 or 2020"):
        public.read(write("tracts.json", json.dumps(GEOJSON)))
    both = json.loads(text)
    both["features"] += json.loads(text.replace("GEOID20", "GEOID10"))["features"]
    with pytest.raises(EmiError, match="mixes tracts of 2010 and of 2020"):
        public.read(write("tracts.json", json.dumps(both)))


def test_projected_or_broken_shapes_are_refused(write):
    with pytest.raises(EmiError, match="not longitude and latitude"):
        public.read(write("cb_2018_x.json", json.dumps(GEOJSON).replace("-83.1", "-9250000")))
    broken = json.loads(json.dumps(TOPOJSON))
    broken["objects"]["tracts"]["geometries"][0]["arcs"] = [[7]]
    with pytest.raises(EmiError, match="a shape in it is broken"):
        public.read(write("cb_2018_x.json", json.dumps(broken)))


# ---------------------------------------------------------------- files that are none


@pytest.mark.parametrize("text, words", [
    ("", "the file is empty"),
    ("<!DOCTYPE html>\n<html><body>Sign in</body></html>", "a web page saved under this name"),
    ("version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a pointer to a file kept elsewhere"),
    ("name,value\nx,1\n", "no published file known here"),
    (ATLAS.replace("kfr_pooled_pooled_p25,", "kfr,"), "looks like .*Opportunity Atlas.* lacks 'kfr_pooled_pooled_p25'"),
    (ATLAS.splitlines()[0] + "\n", "a header and no row"),
    (ATLAS.rstrip("\n").rpartition(",.02")[0], "stops in the middle"),
    (ATLAS.replace(",.35,", ",about .35,"), "row 2, column 'kfr_pooled_pooled_p25': 'about .35' is no number"),
    (ATLAS.replace(",.35,", ',".35,'), "cannot be read as a table|stops in the middle"),
    (ATLAS.replace("26,163", "39,061"), "none of its 3 rows is of state 26, county 163"),
    (SPENDING.replace("2020,4,30,26163", "2020,14,30,26163"), "row 3 has no date"),
    (TRACKING.replace("05/2023", "May 2023"), "row 4: 'May 2023' is no month"),
    (API[:-20], "JSON cannot be read in line 1"),
    (json.dumps([["B19013_001E", "state", "county", "tract"], ["1", "26"]]), "row 2 has not 4 values"),
])  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(write, text, words):
    path = write("acs5_2018.csv", text)
    with pytest.raises(EmiError, match=words) as caught:
        public.read(path, DETROIT)
    assert caught.value.message.startswith("acs5_2018.csv: ") and caught.value.hint and "\n" not in caught.value.message


@pytest.mark.parametrize("content, words", [
    (gzip.compress(b"x", mtime=0), "packed"),
    (b"PK\x03\x04rest", "zip archive or an Excel workbook"),
    (ATLAS.encode("utf-16"), "not a table of text in UTF-8"),
])  # fmt: skip
def test_packed_files_say_so(tmp_path, content, words):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(EmiError, match=words):
        public.read(tmp_path / "a.csv")


def test_a_wide_national_file_is_read_in_pieces(write, monkeypatch):
    monkeypatch.setattr(public.files, "CELLS", 1)  # pieces of 200 rows
    rows = [f"26,163,{n:06d},1,D,.3,.01,.3,.02,50" for n in range(1, 1001)]
    table = public.read(write("a.csv", "\n".join([ATLAS.splitlines()[0], *rows]) + "\n"), DETROIT)
    assert len(table.frame) == 1000 and table.frame["GEOID"].is_unique
    with pytest.raises(EmiError, match="row 703, column"):
        rows[701] = rows[701].replace(".3", "x")
        public.read(write("a.csv", "\n".join([ATLAS.splitlines()[0], *rows]) + "\n"))


# ---------------------------------------------------------------- a city's folder


@pytest.fixture
def city(tmp_path):
    """Detroit after an intake, in city mode: `city(files)` writes data/public_ref and returns (folder, config)."""

    def make(*names: str, vintage: int = 2010, mode: str = "city", **texts: str):
        folder = tmp_path / "detroit"
        (folder / "data" / "public_ref").mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / "data" / "public_ref" / name).write_text(FILES[name][1], encoding="utf-8")
        for name, text in texts.items():
            (folder / "data" / "public_ref" / name.replace("__", ".")).write_text(text, encoding="utf-8")
        people = SourceReport(
            "raw/people.csv", "people.yml", "participants", "", "", 0, 0, 0, {}, [], [], [], 0, vintage
        )
        linked = folder / "data" / "private" / "linked"
        linked.mkdir(parents=True, exist_ok=True)
        (linked / report.FILE).write_text(IntakeReport("", "city", "", [people]).to_json(), encoding="utf-8")
        config = load_city(preset_path("detroit"))
        return folder, config.model_copy(update={"data": config.data.model_copy(update={"mode": mode})})

    return make


def test_a_dropped_file_appears_without_a_line_in_city_yml(city):
    folder, config = city("tract_outcomes_simple.csv", "tracts.csv", "acsdt5y2022-b17001.dat")
    frames = reference.load(folder, config)
    assert set(frames) == {"opportunity_atlas", "eviction_lab"}
    assert frames["opportunity_atlas"]["GEOID"].tolist() == ["26163500100", "26163500200"]
    assert frames["eviction_lab"].set_index("GEOID")["year"].to_dict() == {"26163500100": 2016, "26163500200": 2016}
    (error,) = reference.refused(folder, config)  # ACS of 2022 beside the city's tracts of 2010
    assert "city's tract codes are of 2010" in error.message and "of 2020: the same code" in error.message


def test_a_city_with_tracts_of_2020_is_not_joined_to_the_atlas(city):
    folder, config = city("tract_outcomes_simple.csv", "acsdt5y2022-b17001.dat", vintage=2020)
    assert set(reference.load(folder, config)) == {"acs"}
    assert "are of 2020, those of Opportunity Atlas" in reference.refused(folder, config)[0].message
    assert set(reference.tables(folder, config)[0]) == {"acs", "opportunity_atlas"}


def test_made_up_tracts_join_made_up_references_only(city):
    folder, config = city("tract_outcomes_simple.csv", mode="synthetic")
    assert reference.load(folder, config) == {}
    made_up = folder / "data" / "synthetic" / "public_ref"
    made_up.mkdir(parents=True)
    file = made_up / "opportunity_atlas_tracts.csv"
    file.write_text("GEOID,kfr_pooled_pooled_p25\n99999000100,.4\n", encoding="utf-8")
    assert reference.load(folder, config)["opportunity_atlas"]["GEOID"].tolist() == ["99999000100"]
    file.write_text("GEOID,kfr_pooled_pooled_p25\n26163500100,.4\n", encoding="utf-8")
    assert reference.load(folder, config) == {} and "made up" in reference.refused(folder, config)[0].message
    with pytest.raises(EmiError, match="made up"):
        public.check_join(public.load(folder, config)[0]["opportunity_atlas"], ["99999000100"], 2010)


def test_the_baseline_says_what_to_fetch_or_why_a_file_was_refused(city):
    def section(folder, config):
        data = SimpleNamespace(reference=reference.load(folder, config))
        book = SimpleNamespace(city_dir=folder, config=config, data=data, as_of=date(2020, 10, 31), stamp="")
        return baseline_context.context.__wrapped__(book)

    with pytest.raises(EmiError, match="no published neighborhood file is there\n.*tract_outcomes_simple.*state 26"):
        section(*city())
    with pytest.raises(EmiError, match="are of 2020, those of Opportunity Atlas .* of 2010"):
        section(*city("tract_outcomes_simple.csv", vintage=2020))


def test_two_files_of_one_kind_and_strangers_are_refused_and_the_rest_stays(city):
    folder, config = city("tract_outcomes_simple.csv", "county_outcomes_simple.csv", again__csv=ATLAS, README__md="x",
                          odd__csv="name,value\nx,1\n")  # fmt: skip
    found, errors = public.load(folder, config)
    assert set(found) == {"opportunity_atlas_county"}
    assert [str(e).splitlines()[0] for e in errors] == [
        "odd.csv: this is no published file known here.",
        "again.csv and tract_outcomes_simple.csv are both files of Opportunity Atlas (opportunity_atlas).",
    ]


def test_files_that_complete_each_other_are_one(city):
    folder, config = city("tract_kfr_rP_gP_p25.csv", "acs5_2018.json", "homelessness_2019-2022_city.csv",
                          jail__csv=MAP_JAIL, acs5_2018_b17001__dat=DAT,
                          more__csv=URBAN.replace("2022", "2019").replace("2021", "2018"))  # fmt: skip
    found, errors = public.load(folder, config)
    assert errors == []
    atlas = by_code(found["opportunity_atlas_map"])
    assert set(atlas.loc["26163500100"]) == {"Detroit", 21300, 0.11}
    assert len(atlas) == 5 and atlas["name"].eq("Detroit").all()
    assert set(found["acs"].measures) == {"households", "renter_households", "median_hh_income", "poverty_share"}
    assert sorted(found["mobility_metrics_city"].frame["year"].unique()) == [2018, 2019, 2021, 2022]


def test_parts_of_two_releases_or_sent_twice_are_refused(city):
    folder, config = city("acs5_2018.json", "acsdt5y2022-b17001.dat", again__csv=URBAN, twice__csv=URBAN)
    found, errors = public.load(folder, config)
    assert found == {}
    assert "different census year of tracts: 2010 and 2020" in errors[0].message
    assert "hold the same numbers twice" in errors[1].message


def test_a_file_named_in_city_yml_is_read_as_published_too(city):
    folder, config = city(opportunity_atlas_tracts__csv=ATLAS)
    assert len(reference.load(folder, config)["opportunity_atlas"]) == 2  # the state's rows
    assert public.load(folder, config) == ({}, [])
    (folder / "data" / "public_ref" / "tract_outcomes_simple.csv").write_text(ATLAS, encoding="utf-8")
    assert "names a file for opportunity_atlas" in reference.refused(folder, config)[0].message


def test_a_stated_vintage_that_the_file_contradicts_is_refused(city):
    folder, config = city(acs_tracts_2022__dat=DAT)
    stated = config.data.reference["acs"].model_copy(update={"path": "public_ref/acs_tracts_2022.dat"})
    data = config.data.model_copy(update={"reference": {"acs": stated}})
    with pytest.raises(EmiError, match="city.yml says .* of 2010; its tracts are those of 2020"):
        reference.load(folder, config.model_copy(update={"data": data}))


def test_a_file_saved_anew_is_read_anew(city):
    folder, config = city("tract_outcomes_simple.csv")
    assert len(reference.load(folder, config)["opportunity_atlas"]) == 2
    file = folder / "data" / "public_ref" / "tract_outcomes_simple.csv"
    file.write_text(ATLAS + "26,163,500300,11600,Detroit,.3,.01,.3,.02,90\n", encoding="utf-8")
    assert len(reference.load(folder, config)["opportunity_atlas"]) == 3


def test_what_to_fetch_is_said_for_the_citys_own_state(city):
    _, config = city()
    wanted = {w.kind: w for w in public.wanted(config)}
    assert set(wanted) == {k.id for k in public.KINDS}
    assert "state 26" in wanted["acs"].fetch and wanted["acs"].publisher == "US Census Bureau"
    assert not [w for w in wanted.values() if "{" in w.fetch or "http" in w.fetch]


def test_the_guide_lists_every_kind():
    guide = (ROOT / "docs" / "public-context.md").read_text(encoding="utf-8")
    for kind in public.KINDS:
        id = re.sub(r"tracker_\w+_(county|city|state)", r"tracker_…_\1", kind.id)
        assert f"`{id}`" in guide, kind.id
