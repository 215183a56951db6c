"""Facts of the notes on the public data, derived again from real files through the loaders.

The test of the loaders and the table in docs/public-loaders.md both read this one list. The folder of real files holds
extracts; what differs from the published layout (a date in one column, an added column) is put back before a loader
sees it, and values are left as they are.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from shared_utils.data import public
from shared_utils.data.public import Area, Reference

CITIES = {"Cincinnati": "39061", "Dayton": "39113", "Detroit": "26163", "Lansing": "26065", "New Orleans": "22071",
          "Newark": "34013", "Racine": "55101", "Rochester": "36055", "Tulsa": "40143"}  # fmt: skip
COUNTIES = list(CITIES.values())
ADDED = ["county_geoid", "pilot_city", "countyfips_", "city", "release"]


def folder() -> Path:
    """The folder of real public files: beside the project, or where EMI_PUBLIC_DATA says."""
    return Path(os.environ.get("EMI_PUBLIC_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


@dataclass(frozen=True)
class Fact:
    """What the notes say (`noted`) and what the loaders give (`found`)."""

    words: str
    noted: object
    found: object


@dataclass
class Desk:
    """Reads files of the folder as their publishers send them, and keeps what was read."""

    real: Path
    desk: Path
    read_files: list[tuple[str, Reference]] = field(default_factory=list)

    def frame(self, source: str, **how) -> pd.DataFrame:
        """An extract of the folder, as it is."""
        path = self.real / source
        return pd.read_parquet(path) if source.endswith("parquet") else pd.read_csv(path, **{"dtype": str, **how})

    def table(self, frame: pd.DataFrame, name: str, area: Area | None = None, **how) -> Reference:
        """Write a frame under its published name and read it."""
        frame.drop(columns=ADDED, errors="ignore").to_csv(self.desk / name, index=False, **how)
        return self.file(name, area)

    def file(self, name: str, area: Area | None = None) -> Reference:
        """Read a file that was put on the desk."""
        read = public.read(self.desk / name, area)
        self.read_files.append((name, read))
        return read

    def tracker(self, source: str, name: str, day: str, area: Area | None = None) -> Reference:
        """Read a file of the tracker, its `date` written as year, month and day, and a dot where nothing is."""
        frame = self.frame(f"oi_economic_tracker/{source}.parquet")
        date = pd.to_datetime(frame.pop("date"))
        parts = pd.DataFrame({"year": date.dt.year, "month": date.dt.month, day: date.dt.day})
        return self.table(pd.concat([parts, frame], axis=1), name, area, na_rep=".")


def of(table: Reference, code: str) -> pd.DataFrame:
    return table.frame[table.frame["GEOID"] == code]


def nine(table: Reference, column: str, digits: int) -> list:
    """A column for the nine counties, in their order."""
    return table.frame.set_index("GEOID").loc[COUNTIES, column].round(digits).tolist()


def atlas_counties(desk: Desk) -> Iterator[Fact]:
    frame = desk.frame("opportunity_atlas/county_outcomes_simple.parquet").drop(columns="countyfips")
    table = desk.table(frame, "county_outcomes_simple.csv")
    essex = of(table, "34013")[["kfr_black_pooled_p25", "kfr_white_pooled_p25"]].iloc[0]
    yield Fact("counties", 3219, len(table.frame))
    yield Fact("income rank of children of low-income parents, nine counties",
               [.357, .352, .346, .380, .341, .386, .392, .393, .396],
               nine(table, "kfr_pooled_pooled_p25", 3))  # fmt: skip
    yield Fact("its standard error", [.0015, .0017, .0009, .0029, .0012, .0015, .0036, .0020, .0017],
               nine(table, "kfr_pooled_pooled_p25_se", 4))  # fmt: skip
    yield Fact("the same rank in Essex County, Black and White children", [0.350, 0.544], essex.round(3).tolist())


def atlas_map(desk: Desk) -> Iterator[Fact]:
    tracts = desk.frame("opportunity_atlas/tract_outcomes_us.parquet")
    frame = tracts[["tract", "name", "kfr_dollars_pooled_pooled_p25"]].assign(tract=tracts["tract"].astype("int64"))
    frame = frame.set_axis(["tract", "Name", "Household_Income_at_Age_35_rP_gP_p25"], axis=1)
    table = desk.table(frame, "tract_kfr_rP_gP_p25.csv", encoding="utf-8-sig")
    income = table.frame.set_index("GEOID")["household_income_at_age_35_rp_gp_p25"]
    counted = income.dropna().groupby(income.dropna().index.str[:5]).size()
    inside = desk.frame("geography/tracts_nine.csv")
    inside = set(inside.loc[inside["in_city"] == "True", "tract"])
    own = pd.DataFrame({"income": income, "n": tracts.set_index("tract")["kid_pooled_pooled_n"]})
    own = own[own.index.isin(inside)].dropna()
    sums = own.assign(income=own["income"] * own["n"]).groupby(own.index.str[:5]).sum()
    yield Fact("tracts", 73_502, len(table.frame))
    yield Fact("incomes that are artefacts and are left out", 5, int(table.notes[0].split()[0]))
    yield Fact("tracts with an income, nine counties", [222, 152, 599, 72, 172, 208, 43, 189, 175],
               counted[COUNTIES].tolist())  # fmt: skip
    yield Fact("mean income in dollars in the tracts of the nine cities, by children",
               [22_500, 22_400, 21_300, 26_400, 25_400, 27_300, 27_800, 23_800, 31_900],
               (sums["income"] / sums["n"])[COUNTIES].round(-2).astype(int).tolist())  # fmt: skip


def social_capital(desk: Desk) -> Iterator[Fact]:
    county = desk.table(desk.frame("social_capital/social_capital_county.parquet"), "social_capital_county.csv")
    frame = desk.frame("social_capital/social_capital_zip_nine.csv")
    zips = desk.table(frame, "social_capital_zip.csv", Area("39", "061")).frame
    cincinnati = zips[zips["county"] == "39061"]
    yield Fact("counties", 3089, len(county.frame))
    yield Fact("economic connectedness, nine counties",
               [.700, .692, .617, .847, .767, .638, .804, .718, .733], nine(county, "ec_county", 3))  # fmt: skip
    yield Fact("ZIP codes of Hamilton County, and those with a value", [49, 47],
               [len(cincinnati), int(cincinnati["ec_zip"].notna().sum())])  # fmt: skip


def tracker_counties(desk: Desk) -> Iterator[Fact]:
    spending = desk.tracker("affinity_county_monthly", "Affinity - County - Monthly.csv", "day_endofmonth")
    claims = desk.tracker("ui_claims_county_weekly", "UI Claims - County - Weekly.csv", "day_endofweek")
    posts = desk.tracker("job_postings_county_weekly_union", "Job Postings - County - Weekly.csv", "day_endofweek")
    shops = desk.tracker("womply_county_weekly", "Womply - County - Weekly.csv", "day_endofweek")
    ends = [of(claims, c).dropna(subset="initclaims_count_regular")["date"].max() for c in COUNTIES]
    yield Fact("spending: months", "2020-01 to 2025-08", spending.period)
    yield Fact("spending: counties", 589, spending.frame["GEOID"].nunique())
    yield Fact("spending: months of each of the nine", [68] * 9, [len(of(spending, c)) for c in COUNTIES])
    yield Fact("claims end (Cincinnati, Dayton, Racine, Rochester; none of the others)",
               ["2022-01-22", "2022-01-22", "2023-01-07", "2021-03-27"],
               [f"{end:%Y-%m-%d}" for end in ends if end is not pd.NaT])  # fmt: skip
    yield Fact("postings: weeks of each of the nine", [150] * 9, [len(of(posts, c)) for c in COUNTIES])
    yield Fact("small businesses: weeks of each of the nine", [109] * 9, [len(of(shops, c)) for c in COUNTIES])


def tracker_cities(desk: Desk) -> Iterator[Fact]:
    places = desk.table(desk.frame("oi_economic_tracker/geoids_county.csv"), "GeoIDs - County.csv")
    cities = places.frame.set_index("GEOID")["cityid"]
    jobs = desk.tracker("employment_city_weekly", "Employment - City - Weekly.csv", "day_endofweek", Area("26", "163"))
    spending = desk.tracker("affinity_city_monthly", "Affinity - City - Monthly.csv", "day_endofmonth")
    posts = desk.tracker("job_postings_city_weekly_union", "Job Postings - City - Weekly.csv", "day_endofweek")
    claims = desk.tracker("ui_claims_city_weekly", "UI Claims - City - Weekly.csv", "day_endofweek")
    first = of(claims, "13").dropna(subset="initclaims_count_regular")["date"].min()
    moves = desk.tracker("google_mobility_city_daily", "Google Mobility - City - Daily.csv", "day")
    yield Fact("tracker cities among the nine (Detroit, New Orleans, Tulsa)", ["13", "44", "53"],
               [cities[c] for c in COUNTIES if cities[c]])  # fmt: skip
    yield Fact("jobs: weeks of these three", [277] * 3, [len(of(jobs, city)) for city in ("13", "44", "53")])
    yield Fact("jobs: cities", 53, jobs.frame["GEOID"].nunique())
    yield Fact("jobs: the highest wage band ends in", 2021, jobs.frame.dropna(subset="emp_incq4")["date"].max().year)
    yield Fact("spending: months", "2020-01 to 2026-07", spending.period)
    yield Fact("postings: weeks of these three", [344] * 3, [len(of(posts, city)) for city in ("13", "44", "53")])
    yield Fact("claims: first week of Detroit", "2021-05-15", f"{first:%Y-%m-%d}")
    yield Fact("claims: weeks of Tulsa", 0, len(of(claims, "53")))
    yield Fact("mobility: last day", "2022-10-15", f"{moves.frame['date'].max():%Y-%m-%d}")


def tracker_states(desk: Desk) -> Iterator[Fact]:
    jobs = desk.tracker("employment_state_weekly", "Employment - State - Weekly.csv", "day_endofweek")
    claims = desk.tracker("ui_claims_state_weekly", "UI Claims - State - Weekly.csv", "day_endofweek")
    yield Fact("jobs: states", 51, jobs.frame["GEOID"].nunique())
    yield Fact("jobs: first and last week", ["2020-01-17", "2025-05-02"],
               [f"{jobs.frame['date'].agg(end):%Y-%m-%d}" for end in ("min", "max")])  # fmt: skip
    yield Fact("claims: months", "2020-01 to 2026-08", claims.period)


def eviction_counties(desk: Desk) -> Iterator[Fact]:
    table = desk.table(desk.frame("eviction_lab/county_eviction_estimates_2000_2018.parquet"),
                       "county_eviction_estimates_2000_2018.csv")  # fmt: skip
    last = table.frame[table.frame["year"] == 2018].set_index("GEOID").loc[COUNTIES]
    yield Fact("county-years", 59_717, len(table.frame))
    yield Fact("filings in Wayne County in 2018", 56_323, int(last.loc["26163", "filings"]))
    yield Fact("filings of 2018, nine counties", [12165, 5882, 56323, 7771, 2586, 38122, 1507, 3979, 11858],
               last["filings"].astype(int).tolist())  # fmt: skip
    yield Fact("filings per 100 renter households", [7.9, 6.3, 22.5, 16.2, 2.6, 22.6, 6.1, 3.4, 11.3],
               last["filing_rate"].round(1).tolist())  # fmt: skip
    yield Fact("interval of the filings of Rochester's county", [1951, 7178],
               last.loc["36055", ["filings_low", "filings_high"]].astype(int).tolist())  # fmt: skip
    yield Fact("of a model in 2018", ["New Orleans", "Racine", "Rochester", "Tulsa"],
               [city for city, county in CITIES.items() if last.loc[county, "modelled"]])  # fmt: skip


def eviction_courts(desk: Desk) -> Iterator[Fact]:
    court = desk.table(desk.frame("eviction_lab/county_court-issued_2000_2018.parquet"),
                       "county_court-issued_2000_2018.csv")  # fmt: skip
    years = {city: of(court, code).dropna(subset="filings")["year"] for city, code in CITIES.items()}
    valid = desk.table(desk.frame("eviction_lab/county_proprietary_valid_2000_2018.parquet"),
                       "county_proprietary_valid_2000_2018.csv")  # fmt: skip
    yield Fact("first and last year that a court observed, where one did",
               ["Cincinnati 2002-2018", "Dayton 2002-2018", "Detroit 2010-2018", "Lansing 2010-2018",
                "New Orleans 2006-2013", "Newark 2013-2018", "Racine 2000-2017"],
               [f"{city} {own.min()}-{own.max()}" for city, own in years.items() if len(own)])  # fmt: skip
    yield Fact("no court data at all", ["Rochester", "Tulsa"], [city for city, own in years.items() if own.empty])
    yield Fact("least and most filings a year in New Orleans, 2006 to 2013", [1672, 3665],
               [int(of(court, "22071")["filings"].agg(how)) for how in ("min", "max")])  # fmt: skip
    yield Fact("county-years whose records were checked", 21_232, len(valid.frame))


def eviction_tracking(desk: Desk) -> Iterator[Fact]:
    def site(name: str, file: str) -> pd.DataFrame:
        own = desk.frame("eviction_lab/ets_sites_monthly.csv").query("site == @name").reset_index(drop=True)
        month, filings = pd.to_datetime(own["month"]), own["filings"].astype(float)
        before = filings[month.dt.year <= 2016].groupby(month.dt.month).mean()
        frame = pd.DataFrame({
            "city": name, "type": "Zip Code", "GEOID": "sealed", "racial_majority": "",
            "month": month.dt.strftime("%m/%Y"), "filings_2020": filings,
            "filings_avg": own["avg_2023_2024_same_month"],
            "filings_avg_prepandemic_baseline": month.dt.month.map(before), "last_updated": "2025-11-20",
        })  # fmt: skip
        frame.to_csv(desk.desk / file, index=False)  # here "city" is the publisher's column
        read = desk.file(file).frame
        return read.assign(month=read["date"].dt.strftime("%Y-%m")).set_index("month")

    cincinnati = site("Cincinnati, OH", "cincinnati_monthly_2020_2021.csv")
    change = 100 * (cincinnati["filings"] / cincinnati["baseline"] - 1)
    years = cincinnati.groupby(cincinnati["date"].dt.year)["filings"].sum().astype(int)
    orleans = site("New Orleans, LA", "new_orleans_monthly_2020_2021.csv")["filings"].astype(int)
    yield Fact("Cincinnati in April and May 2020, percent against 2012 to 2016", [-75, -71],
               [round(change[month]) for month in ("2020-04", "2020-05")])  # fmt: skip
    yield Fact("Cincinnati in 2012, 2016, 2023 and 2024", [13375, 11813, 12790, 13734],
               years[[2012, 2016, 2023, 2024]].tolist())  # fmt: skip
    yield Fact("last whole month of Cincinnati", "2025-09", cincinnati.index[-1])
    yield Fact("New Orleans in August, September and October 2021", [246, 135, 575],
               orleans[["2021-08", "2021-09", "2021-10"]].tolist())  # fmt: skip
    yield Fact("New Orleans in 2022", 5512, int(orleans[orleans.index.str[:4] == "2022"].sum()))


def acs(desk: Desk) -> Iterator[Fact]:
    """Real medians, written in the three forms of the Census Bureau."""
    frame = desk.frame("acs_tract/dep_index_us.parquet")
    early, late = (frame[frame["acs"] == window].reset_index(drop=True) for window in ("2011-2015", "2014-2018"))
    first = _acs_json(desk, early, 2015)
    tables = [_acs_json(desk, late, 2018), _acs_dat(desk, late), _acs_csv(desk, late)]
    income = [table.frame.set_index("GEOID")["median_hh_income"] for table in tables]
    beyond = late["median_income"].isin([250_001, 2_499])
    marked = [int(table.frame["median_hh_income_limit"].sum()) for table in tables]
    yield Fact("tracts in each of the three forms", [73_056] * 3, [len(table.frame) for table in tables])
    yield Fact("lowest and highest median in dollars, 2014 to 2018", [2_500, 250_000],
               [int(income[0].min()), int(income[0].max())])  # fmt: skip
    yield Fact("lowest median in dollars, 2011 to 2015", 3_271, int(first.frame["median_hh_income"].min()))
    yield Fact("medians beyond the last class, marked, in each form", [int(beyond.sum())] * 3, marked)
    yield Fact("medians that are missing, in each form", [int(late["median_income"].isna().sum())] * 3,
               [int(one.isna().sum()) for one in income])  # fmt: skip
    yield Fact("the three forms agree", True, all(one.equals(income[0]) for one in income))
    yield Fact("census year of the tracts", [2010] * 3, [table.vintage for table in tables])


def _acs_json(desk: Desk, frame: pd.DataFrame, year: int) -> Reference:
    cells = frame["median_income"].map(lambda v: "-666666666" if pd.isna(v) else f"{v:.0f}")
    rows = [[v, t[:2], t[2:5], t[5:]] for v, t in zip(cells, frame["tract"], strict=True)]
    path = desk.desk / f"acs5_{year}.json"
    path.write_text(json.dumps([["B19013_001E", "state", "county", "tract"], *rows]), encoding="utf-8")
    return desk.file(path.name)


def _acs_dat(desk: Desk, frame: pd.DataFrame) -> Reference:
    cells = frame["median_income"].map(lambda v: "-666666666" if pd.isna(v) else f"{v:.0f}")
    table = pd.DataFrame({"GEO_ID": "1400000US" + frame["tract"], "B19013_E001": cells, "B19013_M001": "-222222222"})
    return desk.table(table, "acsdt5y2018-b19013.dat", sep="|")


def _acs_csv(desk: Desk, frame: pd.DataFrame) -> Reference:
    ends = {250_001: "250,000+", 2_499: "2,500-"}
    cells = frame["median_income"].map(lambda v: "-" if pd.isna(v) else ends.get(v, f"{v:,.0f}"))
    table = pd.DataFrame({"GEO_ID": "1400000US" + frame["tract"], "NAME": "Census Tract", "B19013_001E": cells,
                          "B19013_001M": "**"})  # fmt: skip
    words = pd.DataFrame([["Geography", "Geographic Area Name", "Estimate!!Median", "Margin of Error!!Median"]],
                         columns=table.columns)  # fmt: skip
    return desk.table(pd.concat([words, table]), "ACSDT5Y2018.B19013-Data.csv")


def urban_metrics(desk: Desk) -> Iterator[Fact]:
    frame = desk.frame("urban_mobility_metrics/metrics_nine_long.parquet")
    frame = frame[frame["subgroup"] == "All"]

    def metric(name: str, place: str) -> pd.DataFrame:
        own = frame[(frame["metric"] == name) & (frame["geography"] == place)]
        wide = pd.DataFrame({"year": own["year"], "state": own["geoid"].str[:2], place: own["geoid"].str[2:],
                             name: own["value"], f"{name}_lb": own["lb"], f"{name}_ub": own["ub"],
                             f"{name}_quality": own["quality"]})  # fmt: skip
        return desk.table(wide, f"{name}_{place}.csv", na_rep="NA").frame.set_index(["GEOID", "year"])

    homes = metric("share_affordable_available_50_ami", "county")
    city = metric("share_affordable_available_50_ami", "place").loc["3451000"]
    crime = metric("rate_crime_violent", "county").loc["22071"]
    yield Fact("affordable and available homes at half the area's income in New Orleans, 2014 and 2023", [0.49, 0.59],
               homes.loc[[("22071", 2014), ("22071", 2023)], "value"].round(2).tolist())  # fmt: skip
    yield Fact("the same in the city of Newark, 2023", 0.65, round(float(city.loc[2023, "value"]), 2))
    yield Fact("years of each county (2020 is missing)", [9] * 9,
               [int((homes.index.get_level_values("GEOID") == c).sum()) for c in COUNTIES])  # fmt: skip
    yield Fact("values of quality 3 that are shown, Newark's homes and New Orleans' crime", [0, 0],
               [int(own.loc[own["quality"] == 3, "value"].notna().sum()) for own in (city, crime)])  # fmt: skip


def boundaries(desk: Desk) -> Iterator[Fact]:
    shapes = {}
    for county in COUNTIES:
        for suffix in ("geojson", "topojson"):
            path = desk.desk / f"cb_2018_{county}_tract_500k.{suffix}"
            path.write_bytes((desk.real / "geography" / f"tracts_{county}.{suffix}").read_bytes())
            table = desk.file(path.name, Area(county[:2], county[2:]))
            shapes[county, suffix] = table.frame.set_index("GEOID")["polygons"]
    outlines = {}
    for name, unit in (("cb_2017_us_county_500k.geojson", "counties"), ("cb_2019_us_place_500k.geojson", "cities")):
        (desk.desk / name).write_bytes((desk.real / "geography" / f"{unit}_nine.geojson").read_bytes())
        outlines[unit] = sorted(desk.file(name).frame["GEOID"])
    pairs = [(shapes[c, "geojson"], shapes[c, "topojson"]) for c in COUNTIES]
    apart = [abs(_area(one[t]) - _area(two[t])) > 0.02 * _area(two[t]) + 1e-6 for one, two in pairs for t in one.index]
    atlas = set(desk.frame("opportunity_atlas/tract_outcomes_nine_counties.csv")["tract"])
    yield Fact("tracts, nine counties", [222, 153, 611, 81, 177, 210, 44, 192, 175], [len(one) for one, _ in pairs])
    yield Fact("counties whose GeoJSON and TopoJSON hold the same tracts", 9,
               sum(set(one.index) == set(two.index) for one, two in pairs))  # fmt: skip
    yield Fact("tracts whose area differs by more than 2% between the two", 0, sum(apart))
    yield Fact("outlines of counties and of cities", [9, 9], [len(own) for own in outlines.values()])
    yield Fact("tracts of the Atlas without a shape", 0, len(atlas - {t for _, two in pairs for t in two.index}))


def _area(polygons) -> float:
    """Area of polygons in square degrees: the outer ring less the holes."""

    def ring(points):
        return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, points[1:], strict=False))) / 2

    return sum(ring(p[0]) - sum(map(ring, p[1:])) for p in polygons)


# What the table calls a source -> (its facts, whether they take seconds)
SOURCES: dict[str, tuple[Callable[[Desk], Iterator[Fact]], bool]] = {
    "Opportunity Atlas, counties": (atlas_counties, False),
    "Opportunity Atlas, download of the map": (atlas_map, True),
    "Social Capital Atlas": (social_capital, False),
    "Economic Tracker, counties": (tracker_counties, True),
    "Economic Tracker, its cities": (tracker_cities, True),
    "Economic Tracker, states": (tracker_states, True),
    "Eviction Lab, county estimates": (eviction_counties, True),
    "Eviction Lab, court and proprietary records": (eviction_courts, True),
    "Eviction Lab, Tracking System": (eviction_tracking, False),
    "American Community Survey": (acs, True),
    "Urban Institute, mobility metrics": (urban_metrics, False),
    "Census boundaries of tracts": (boundaries, False),
}
