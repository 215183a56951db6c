"""Facts of the data notes, derived again from real public files through the loaders.

The folder holds extracts; what differs from the published layout (a date in one column, an added column) is put back
before a loader sees it, and values are left as they are.
"""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from shared_utils.data import public
from shared_utils.data.public import Area

ROOT = Path(__file__).resolve().parents[2]
CITIES = {"Cincinnati": "39061", "Dayton": "39113", "Detroit": "26163", "Lansing": "26065", "New Orleans": "22071",
          "Newark": "34013", "Racine": "55101", "Rochester": "36055", "Tulsa": "40143"}  # fmt: skip
ADDED = ["county_geoid", "pilot_city", "countyfips_", "city"]


@pytest.fixture(scope="session")
def real() -> Path:
    """Folder of real public files: beside the project, or where EMI_PUBLIC_DATA says."""
    folder = Path(os.environ.get("EMI_PUBLIC_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the public files are not on this machine ({folder}); set EMI_PUBLIC_DATA to their folder")
    return folder


@pytest.fixture
def read(real, tmp_path):
    """Read a file of the folder as its publisher would send it: `read("x/y.parquet", "name.csv", change)`."""

    def as_published(source: str, name: str, change=lambda frame: frame, area: Area | None = None, **how):
        frame = pd.read_parquet(real / source) if source.endswith("parquet") else pd.read_csv(real / source, dtype=str)
        frame = change(frame).drop(columns=ADDED, errors="ignore")
        frame.to_csv(tmp_path / name, index=False, **how)
        return public.read(tmp_path / name, area)

    return as_published


def with_days(day: str):
    """Return a change that writes `date` as year, month and day, as the tracker does."""

    def change(frame):
        date = pd.to_datetime(frame.pop("date"))
        parts = {"year": date.dt.year, "month": date.dt.month, day: date.dt.day}
        return pd.concat([pd.DataFrame(parts), frame], axis=1)

    return change


def of(table: public.Reference, code: str) -> pd.DataFrame:
    return table.frame[table.frame["GEOID"] == code]


def test_atlas_counties(read):
    table = read("opportunity_atlas/county_outcomes_simple.parquet", "county_outcomes_simple.csv",
                 lambda f: f.drop(columns="countyfips"))  # fmt: skip
    frame = table.frame.set_index("GEOID").loc[list(CITIES.values())]
    assert len(table.frame) == 3219 and table.notes == ()
    assert frame["kfr_pooled_pooled_p25"].round(3).tolist() == [
        0.357,
        0.352,
        0.346,
        0.380,
        0.341,
        0.386,
        0.392,
        0.393,
        0.396,
    ]
    assert frame["kfr_pooled_pooled_p25_se"].round(4).tolist() == [
        .0015, .0017, .0009, .0029, .0012, .0015, .0036, .0020, .0017]  # fmt: skip
    assert frame.loc["34013", ["kfr_black_pooled_p25", "kfr_white_pooled_p25"]].round(3).tolist() == [0.350, 0.544]


@pytest.mark.full
def test_atlas_map_of_the_nation(read, real):
    def change(frame):
        made = frame[["tract", "name", "kfr_dollars_pooled_pooled_p25"]].assign(tract=frame["tract"].astype("int64"))
        return made.set_axis(["tract", "Name", "Household_Income_at_Age_35_rP_gP_p25"], axis=1)

    table = read("opportunity_atlas/tract_outcomes_us.parquet", "tract_kfr_rP_gP_p25.csv", change, encoding="utf-8-sig")
    income = table.frame.set_index("GEOID")["household_income_at_age_35_rp_gp_p25"]
    known = income.dropna().groupby(income.dropna().index.str[:5]).size()
    assert len(table.frame) == 73_502 and table.notes[0].startswith("5 incomes: ")
    assert [known[c] for c in CITIES.values()] == [222, 152, 599, 72, 172, 208, 43, 189, 175]
    assert income.max() <= 100_000
    inside = pd.read_csv(real / "geography" / "tracts_nine.csv", dtype={"tract": str, "county": str})
    children = pd.read_parquet(real / "opportunity_atlas" / "tract_outcomes_us.parquet").set_index("tract")
    own = pd.DataFrame({"income": income, "n": children["kid_pooled_pooled_n"]}).loc[
        lambda f: f.index.isin(inside.loc[inside["in_city"], "tract"])].dropna()  # fmt: skip
    county = own.index.str[:5]
    means = (own["income"] * own["n"]).groupby(county).sum() / own["n"].groupby(county).sum()
    assert means[list(CITIES.values())].round(-2).tolist() == [
        22_500, 22_400, 21_300, 26_400, 25_400, 27_300, 27_800, 23_800, 31_900]  # fmt: skip


def test_social_capital(read):
    county = read("social_capital/social_capital_county.parquet", "social_capital_county.csv")
    assert len(county.frame) == 3089
    ec = county.frame.set_index("GEOID").loc[list(CITIES.values()), "ec_county"].round(3)
    assert ec.tolist() == [0.700, 0.692, 0.617, 0.847, 0.767, 0.638, 0.804, 0.718, 0.733]
    zips = read("social_capital/social_capital_zip_nine.csv", "social_capital_zip.csv", area=Area("39", "061")).frame
    cincinnati = zips[zips["county"] == "39061"]
    assert (len(cincinnati), int(cincinnati["ec_zip"].notna().sum())) == (49, 47)


@pytest.mark.full
def test_tracker_spending_and_claims_of_counties(read):
    spending = read("oi_economic_tracker/affinity_county_monthly.parquet", "Affinity - County - Monthly.csv",
                    with_days("day_endofmonth"), na_rep=".")  # fmt: skip
    assert spending.kind == "tracker_spending_county" and spending.period == "2020-01 to 2025-08"
    assert spending.frame["GEOID"].nunique() == 589
    assert [len(of(spending, c)) for c in CITIES.values()] == [68] * 9
    claims = read("oi_economic_tracker/ui_claims_county_weekly.parquet", "UI Claims - County - Weekly.csv",
                  with_days("day_endofweek"), na_rep=".")  # fmt: skip
    ends = {city: of(claims, c).dropna(subset="initclaims_count_regular")["date"].max() for city, c in CITIES.items()}
    assert {c for c, end in ends.items() if end is pd.NaT} == {"Detroit", "Lansing", "New Orleans", "Newark", "Tulsa"}
    assert [f"{ends[c]:%Y-%m-%d}" for c in ("Cincinnati", "Racine", "Rochester")] == [
        "2022-01-22", "2023-01-07", "2021-03-27"]  # fmt: skip


def test_tracker_cities_are_counties(read):
    places = read("oi_economic_tracker/geoids_county.csv", "GeoIDs - County.csv").frame.set_index("GEOID")
    assert {city: places.loc[c, "cityid"] for city, c in CITIES.items() if places.loc[c, "cityid"]} == {
        "Detroit": "13", "New Orleans": "44", "Tulsa": "53"}  # fmt: skip
    jobs = read("oi_economic_tracker/employment_city_weekly.parquet", "Employment - City - Weekly.csv",
                with_days("day_endofweek"), na_rep=".", area=Area("26", "163"))  # fmt: skip
    assert [len(of(jobs, city)) for city in ("13", "44", "53")] == [277] * 3
    last = jobs.frame.dropna(subset="emp_incq4")["date"].max()
    assert f"{last:%Y-%m-%d}" <= "2021-12-31" and jobs.frame["GEOID"].nunique() == 53


@pytest.mark.full
def test_eviction_filings_of_counties(read):
    estimates = read("eviction_lab/county_eviction_estimates_2000_2018.parquet", "county_eviction_estimates.csv").frame
    assert len(estimates) == 59_717
    last = estimates[estimates["year"] == 2018].set_index("GEOID").loc[list(CITIES.values())]
    assert last["filings"].tolist() == [12165, 5882, 56323, 7771, 2586, 38122, 1507, 3979, 11858]
    assert last["filing_rate"].round(1).tolist() == [7.9, 6.3, 22.5, 16.2, 2.6, 22.6, 6.1, 3.4, 11.3]
    assert last.loc["36055", ["filings_low", "filings_high"]].tolist() == [1951, 7178]
    modelled = dict(zip(CITIES, last["modelled"], strict=True))
    assert {city for city, made in modelled.items() if made} == {"New Orleans", "Racine", "Rochester", "Tulsa"}
    court = read("eviction_lab/county_court-issued_2000_2018.parquet", "county_court-issued_2000_2018.csv")
    years = {city: sorted(of(court, c).dropna(subset="filings")["year"]) for city, c in CITIES.items()}
    assert {city: (y[0], y[-1]) if y else () for city, y in years.items()} == {
        "Cincinnati": (2002, 2018), "Dayton": (2002, 2018), "Detroit": (2010, 2018), "Lansing": (2010, 2018),
        "New Orleans": (2006, 2013), "Newark": (2013, 2018), "Racine": (2000, 2017), "Rochester": (), "Tulsa": (),
    }  # fmt: skip


def test_eviction_tracking(read):
    def site(name: str):
        def change(frame):
            own = frame[frame["site"] == name].assign(filings=lambda f: f["filings"].astype(float))
            month = pd.to_datetime(own["month"])
            before = own[month.dt.year <= 2016].groupby(month.dt.month)["filings"].mean()
            return pd.DataFrame({
                "city": own["site"], "type": "Zip Code", "GEOID": "sealed", "racial_majority": "",
                "month": month.dt.strftime("%m/%Y"), "filings_2020": own["filings"],
                "filings_avg": own["avg_2023_2024_same_month"],
                "filings_avg_prepandemic_baseline": month.dt.month.map(before), "last_updated": "2025-11-20",
            })  # fmt: skip

        return change

    def months(name: str) -> pd.DataFrame:
        table = read("eviction_lab/ets_sites_monthly.csv", "monthly.csv", site(name))
        return table.frame.assign(month=table.frame["date"].dt.strftime("%Y-%m")).set_index("month")

    cincinnati = months("Cincinnati, OH")
    change = 100 * (cincinnati["filings"] / cincinnati["baseline"] - 1)
    assert (round(change["2020-04"]), round(change["2020-05"])) == (-75, -71)
    assert cincinnati.groupby(cincinnati["date"].dt.year)["filings"].sum()[[2012, 2016, 2023, 2024]].tolist() == [
        13375, 11813, 12790, 13734]  # fmt: skip
    assert "2025-10" not in cincinnati.index and cincinnati.index[-1] == "2025-09"
    orleans = months("New Orleans, LA")["filings"]
    assert orleans[["2021-08", "2021-09", "2021-10"]].tolist() == [246, 135, 575]
    assert orleans[orleans.index.str[:4].isin(["2022"])].sum() == 5512


@pytest.mark.full
def test_acs_medians_of_the_nation(real, tmp_path):
    frame = pd.read_parquet(real / "acs_tract" / "dep_index_us.parquet")
    for window, year, lowest in (("2011-2015", 2015, 3_271), ("2014-2018", 2018, 2_500)):
        own = frame[frame["acs"] == window]
        cells = own["median_income"].map(lambda v: "-666666666" if pd.isna(v) else f"{v:.0f}")
        rows = [[v, t[:2], t[2:5], t[5:]] for v, t in zip(cells, own["tract"], strict=True)]
        path = tmp_path / f"acs5_{year}.json"
        path.write_text(json.dumps([["B19013_001E", "state", "county", "tract"], *rows]), encoding="utf-8")
        table = public.read(path)
        income = table.frame["median_hh_income"]
        assert len(table.frame) == 73_056 and table.vintage == 2010 and table.period == window.replace("-", " to ")
        assert income.max() == 250_000 and income.min() == lowest
        assert int(income.isna().sum()) == int(own["median_income"].isna().sum())
        beyond = own["median_income"].isin([250_001, 2_499])
        assert int(table.frame["median_hh_income_limit"].sum()) == int(beyond.sum()) > 30


def test_urban_metrics(real, tmp_path):
    frame = pd.read_parquet(real / "urban_mobility_metrics" / "metrics_nine_long.parquet")
    frame = frame[frame["subgroup"] == "All"]

    def metric(name: str, place: str) -> pd.DataFrame:
        own = frame[(frame["metric"] == name) & (frame["geography"] == place)]
        wide = pd.DataFrame({"year": own["year"], "state": own["geoid"].str[:2], place: own["geoid"].str[2:],
                             name: own["value"], f"{name}_lb": own["lb"], f"{name}_ub": own["ub"],
                             f"{name}_quality": own["quality"]})  # fmt: skip
        wide.to_csv(tmp_path / f"{name}.csv", index=False, na_rep="NA")
        return public.read(tmp_path / f"{name}.csv").frame.set_index(["GEOID", "year"])

    homes = metric("share_affordable_available_50_ami", "county")
    assert homes.loc[[("22071", 2014), ("22071", 2023)], "value"].round(2).tolist() == [0.49, 0.59]
    assert 2020 not in homes.index.get_level_values("year") and len(homes) == 9 * 9
    city = metric("share_affordable_available_50_ami", "place").loc["3451000"]
    assert round(city.loc[2023, "value"], 2) == 0.65
    assert (city["quality"] == 3).equals(city["value"].isna())
    crime = metric("rate_crime_violent", "county")
    assert crime.loc["22071", "value"].isna().all() and (crime.loc["22071", "quality"] == 3).all()


def test_boundaries(real, tmp_path):
    shapes = {}
    for city, county in CITIES.items():
        for suffix in ("geojson", "topojson"):
            path = tmp_path / f"cb_2018_{county}_tract_500k.{suffix}"
            path.write_bytes((real / "geography" / f"tracts_{county}.{suffix}").read_bytes())
            shapes[city, suffix] = public.read(path, Area(county[:2], county[2:])).frame.set_index("GEOID")["polygons"]
    assert [len(shapes[city, "geojson"]) for city in CITIES] == [222, 153, 611, 81, 177, 210, 44, 192, 175]
    for city in CITIES:
        one, two = shapes[city, "geojson"], shapes[city, "topojson"]
        assert set(one.index) == set(two.index)
        assert all(area(one[t]) == pytest.approx(area(two[t]), rel=0.02, abs=1e-6) for t in one.index)
    atlas = pd.read_csv(real / "opportunity_atlas" / "tract_outcomes_nine_counties.csv", dtype={"tract": str})
    assert set(atlas["tract"]) <= {t for city in CITIES for t in shapes[city, "topojson"].index}


def area(polygons) -> float:
    """Area of polygons in square degrees: the outer ring less the holes."""

    def ring(points):
        return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, points[1:], strict=False))) / 2

    return sum(ring(p[0]) - sum(map(ring, p[1:])) for p in polygons)
