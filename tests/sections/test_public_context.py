"""The map of tracts and the series around the pilot: the marks drawn, what is refused, and that no data of people come.

Files are written by hand as their publishers send them: nine square tracts, a place around eight of them.
"""

import ast
import datetime
import inspect
import json
import math
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from reading_grade import grade
from section_runs import ROOT

from shared_utils.config import load_city, preset_path
from shared_utils.data import public
from shared_utils.disclosure import Rules
from shared_utils.disclosure.scan import forbidden
from shared_utils.sections import (
    baseline_context,
    charts_map,
    context_places,
    context_series,
    figures,
    map_opportunity,
    map_places,
)
from shared_utils.sections.context_series import why_no_estimate

AS_OF = datetime.date(2020, 10, 31)
CODES = [f"390610001{i:02d}" for i in range(9)]
RANKS = [0.30, 0.31, None, 0.33, 0.40, 0.41, 0.50, 0.52, 0.20]  # the last tract is outside the city
CAUSAL = re.compile(r"\b(because|caus|due to|led to|thanks to|effect|impact|result(ed|s) in|drove|made)", re.IGNORECASE)


def square(i: int, size: float = 1.0) -> list:
    """The ring of tract i in a grid of three by three; neighbors share the points of their border."""
    x, y = -84.0 + 0.1 * (i % 3), 39.0 + 0.1 * (i // 3)
    ends = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
    return [[round(x + 0.1 * size * a, 3), round(y + 0.1 * size * b, 3)] for a, b in ends]


def feature(ring, **properties) -> dict:
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def collection(path, *features) -> None:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")


def table(path, head: str, rows: list[str]) -> None:
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")


@pytest.fixture
def city(tmp_path):
    """Return a folder with city.yml and data/public_ref; `city(files, catchment)` gives (folder, settings)."""
    folder = tmp_path / "data" / "public_ref"
    folder.mkdir(parents=True)

    def make(*writers, catchment: str = ""):
        text = preset_path("cincinnati").read_text(encoding="utf-8")
        text = text.replace("  start:", f"  catchment: {catchment}\n  start:", 1) if catchment else text
        (tmp_path / "city.yml").write_text(text, encoding="utf-8")
        for write in writers:
            write(folder)
        return tmp_path, load_city(tmp_path)

    return make


def tracts(folder, year: int = 2018) -> None:
    shapes = [feature(square(i), GEOID=code, NAME=str(i)) for i, code in enumerate(CODES)]
    collection(folder / f"cb_{year}_39_tract_500k.geojson", *shapes)


def limits(folder) -> None:
    """The city: all but the tract in the upper right corner."""
    ring = [[-84, 39], [-83.7, 39], [-83.7, 39.2], [-83.8, 39.2], [-83.8, 39.3], [-84, 39.3], [-84, 39]]
    other = feature(square(0), GEOID="3915001", NAME="Cincinnatus")
    collection(folder / "cb_2019_39_place_500k.geojson", other, feature(ring, GEOID="3915000", NAME="Cincinnati"))


def atlas(folder) -> None:
    rows = [f"39,061,{code[5:]},{'' if rank is None else rank}" for code, rank in zip(CODES, RANKS, strict=True)]
    table(folder / "tract_outcomes_simple.csv", "state,county,tract,kfr_pooled_pooled_p25", rows)


def spending(folder, last: str = "2021-06") -> None:
    months = pd.period_range("2020-01", last, freq="M")
    rows = [f"{m.year},{m.month},{m.days_in_month},39061,{-0.01 * k},{int(k > 7)}" for k, m in enumerate(months)]
    head = "year,month,day_endofmonth,countyfips,spend_all,provisional"
    table(folder / "Affinity - County - Monthly.csv", head, rows)


def filings(folder) -> None:
    rows = [f"\"Cincinnati, OH\",Census Tract,{code},none,{m.month:02d}/{m.year},{10 + k},5,2025-01-01"
            for k, m in enumerate(pd.period_range("2018-01", "2020-12", freq="M")) for code in CODES[:2]]  # fmt: skip
    head = "city,type,GEOID,racial_majority,month,filings_2020,filings_avg,last_updated"
    table(folder / "cincinnati_monthly_2020_2021.csv", head, rows)


def yearly(folder) -> None:
    head = ",".join(["state,county,FIPS_state,FIPS_county,year,renting_hh,filings_estimate,filings_ci_95_lower",
                     "filings_ci_95_upper,ind_filings_court_issued,hh_threat_estimate,hh_threat_95_lower",
                     "hh_threat_95_upper"])  # fmt: skip
    rows = [f"Ohio,Hamilton County,39,39061,{year},100,9,8,10,1,5,4,6" for year in (2017, 2018)]
    table(folder / "county_eviction_estimates_2000_2018.csv", head, rows)


@pytest.fixture
def canvases(monkeypatch):
    """The drawings as matplotlib holds them, in the order they were finished."""
    drawn, done = [], figures.Sheet.done
    monkeypatch.setattr(figures.Sheet, "done", lambda self, alt: drawn.append(self.canvas) or done(self, alt))
    return drawn


def published(folder, config, as_of=AS_OF):
    return baseline_context._published(folder, config, as_of, "MARK")


def told(made) -> str:
    """The sentences of a page of made-up data, after the one that says that these here are real."""
    first, *others = made.sentences
    assert first == context_series.REAL_TEXT
    return " ".join(others)


def shapes(part) -> list:
    return sorted({tuple(path.vertices[0].round(3)) for path in part.get_paths()})


def test_tracts_are_drawn_in_thirds_with_the_catchment_around_them(city, canvases):
    catchment = f'{{tract_vintage: 2010, tracts: ["{CODES[0]}", "{CODES[1]}"]}}'
    made = published(*city(tracts, limits, atlas, catchment=catchment))
    ax = canvases[0].axes[0]
    low, middle, high, without, *outlines = ax.collections
    corner = [tuple(square(i)[0]) for i in range(9)]
    known = {name: shapes(part) for name, part in (("low", low), ("middle", middle), ("high", high), ("none", without))}
    # seven values in thirds, the lower ones first; tract 8 is outside the city
    assert known == {"low": sorted(corner[i] for i in (0, 1, 3)), "middle": sorted(corner[i] for i in (4, 5)),
                     "high": sorted(corner[i] for i in (6, 7)), "none": [corner[2]]}  # fmt: skip
    assert without.get_hatch() and not low.get_hatch()
    assert [len(line.get_segments()) for line in outlines] == [6, 6]  # two squares together have six sides outside
    assert ax.get_aspect() == pytest.approx(1 / math.cos(math.radians(39.15)), rel=1e-3)
    alt = made.shown[0].alt
    assert alt.startswith("Map of the 8 census tracts of Cincinnati in three shades. 2 of the pilot's 2 tracts are")
    assert "8 tracts of Cincinnati" in told(made) and "rank 33 or less" in told(made) and "history" in told(made)
    assert grade(told(made)) <= 9
    assert any("These published numbers are real" in text.get_text() for text in canvases[0].texts)


def whole_places(folder) -> None:
    """Files about the county and the city, with rows of another place and of a year that is not over."""
    head = "state,county,kfr_pooled_pooled_p25,kfr_pooled_pooled_p25_se,kfr_black_pooled_p25"
    table(folder / "county_outcomes_simple.csv", head, ["39,061,.357,.01,", "39,113,.9,.01,.9"])
    table(folder / "social_capital_county.csv", "county,ec_county,ec_se_county,clustering_county",
          ["39061,.7,.01,.1", "39113,.9,.01,.1"])  # fmt: skip
    zips = [f"{45200 + i},{county},{value},.1" for i, (county, value) in
            enumerate([("39061", .4), ("39061", .9), ("39061", .6), ("39061", ""), ("39113", 2)])]  # fmt: skip
    table(folder / "social_capital_zip.csv", "zip,county,ec_zip,clustering_zip", zips)
    head = "state,county,fips_state,fips_county,year,renting_hh,filings_observed,ind_filings_court_issued_lt,"
    rows = [f"Ohio,Hamilton County,39,39061,{year},1000,{n},1," for year, n in ((2016, 900), (2018, 1234))]
    table(folder / "county_court-issued_2000_2018.csv", f"{head}hh_threat_observed", rows)
    metric = "share_affordable_available_50_ami"
    head = f"year,state,place,{metric},{metric}_lb,{metric}_ub,{metric}_quality"
    rows = ["2018,39,15000,.5,.4,.6,1", "2019,39,15000,.9,.8,1,3", "2022,39,15000,.7,.6,.8,1", "2018,39,15001,2,1,3,1"]
    table(folder / "affordable_city.csv", head, rows)


def test_the_whole_county_and_city_stand_in_one_table(city):
    made = published(*city(limits, whole_places))
    rows = [[cell.get_text() for cell in row.select("th, td")][:6] for row in
            BeautifulSoup(made.shown[-1].html(Rules()), "html.parser").select("tbody tr")]  # fmt: skip
    assert [(what.split(" (")[0], of, when[:4], *numbers) for what, of, when, *numbers in rows] == [
        ("Income rank in adulthood of children of low-income parents", "County", "chil", "35.7", "33.7", "37.7"),
        ("Economic connectedness", "County", "2022", "0.70", "0.68", "0.72"),
        ("Economic connectedness", "3 ZIP codes of the county", "2022", "0.60", "0.40", "0.90"),
        ("Eviction filings a year, counted by courts", "County", "2018", "1,234", "", ""),
        ("Eviction filings per 100 renter households, counted by courts", "County", "2018", "123.40", "", ""),
        # Of 2019 the publisher says not to act on it, and 2022 was not over on the day of the report.
        ("Homes affordable and available for each household with at most 50% of the area's median income",
         "City", "2018", "0.50", "0.40", "0.60"),
    ]  # fmt: skip
    assert "six published numbers about the whole place" in told(made) and context_places.CONTEXT in told(made)
    assert grade(told(made)) <= 9 and not CAUSAL.search(told(made).replace(context_places.CONTEXT, ""))


def test_without_the_limits_of_the_city_no_row_is_called_the_city(city):
    made = published(*city(whole_places))
    assert "City" not in [row["place"] for row in made.shown[-1].rows] and len(made.shown[-1].rows) == 5


def test_shades_are_three_steps_apart_in_grey():
    def lightness(color: str) -> float:
        red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    levels = [lightness(color) for color in charts_map.SHADES]
    assert np.diff(levels).min() > 60


def test_without_limits_the_county_is_drawn_and_said(city, canvases):
    made = published(*city(tracts, atlas))
    assert "9 tracts of the county of Cincinnati" in told(made)
    assert any("the whole county is drawn" in text.get_text() for text in canvases[0].texts)
    fetch = next(flag for flag in made.flags if flag.code == "PUBLIC_FILES").message
    assert "cb_YEAR_39_place_500k" in fetch and "tract_500k" not in fetch and "From US Census Bureau:" in fetch


@pytest.mark.parametrize(("year", "vintage", "message", "fix"), [
    (2022, 2010, "tracts of 2020, Opportunity Atlas has tracts of 2010", "Fetch boundaries with tracts of 2010"),
    (2018, 2020, "pilot.catchment in city.yml has tracts of 2020", "Write them in tracts of 2010"),
])  # fmt: skip
def test_tracts_of_two_census_years_make_no_map(city, year, vintage, message, fix):
    catchment = f'{{tract_vintage: {vintage}, tracts: ["{CODES[0]}"]}}'
    made = published(*city(lambda folder: tracts(folder, year), atlas, catchment=catchment))
    flag = next(flag for flag in made.flags if flag.code == "MAP_NOT_DRAWN")
    assert made.shown == () and message in flag.message and fix in flag.message


def test_a_catchment_that_is_not_on_the_map_is_told(city):
    listed = f'["{CODES[0]}", "39061999999"]'
    made = published(*city(tracts, limits, atlas, catchment=f"{{tract_vintage: 2010, tracts: {listed}}}"))
    flag = next(flag for flag in made.flags if flag.code == "CATCHMENT_TRACTS")
    assert "one tract of pilot.catchment is not in cb_2018_39_tract_500k and not drawn" in flag.message
    assert "the first is tracts[1]" in flag.message and not forbidden(flag.message)  # a tract code is kept back


def test_the_catchment_is_no_part_of_the_plan(city):
    _, without = city()
    _, with_it = city(catchment=f'{{tract_vintage: 2010, tracts: ["{CODES[0]}"]}}')
    assert with_it.pilot.catchment.tracts == [CODES[0]] and with_it.sha256 == without.sha256


OPENED: list[str] = []
WATCHING = False


def _watch(event: str, args: tuple) -> None:
    if WATCHING and event == "open" and isinstance(args[0], str):
        OPENED.append(args[0])


def test_no_table_of_people_can_reach_the_map(city, monkeypatch):
    private, config = city(tracts, limits, atlas, spending)
    (private / "data" / "private").mkdir()
    (private / "data" / "private" / "participants.csv").write_text("tract_id\n", encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "WATCHING", True)
    sys.addaudithook(_watch)
    assert published(private, config).shown
    monkeypatch.setattr(sys.modules[__name__], "WATCHING", False)
    own = [name for name in OPENED if name.startswith(str(private))]
    assert own and all("public_ref" in name for name in own)
    for module in (map_opportunity, map_places, charts_map):
        names = {a for f in vars(module).values() if inspect.isfunction(f) for a in inspect.signature(f).parameters}
        assert not names & {"book", "study", "tables", "data", "city_dir"}
        tree = ast.parse(inspect.getsource(module))
        data = {f"{n.module}.{a.name}" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names}
        known = {"shared_utils.data.places", "shared_utils.data.reference", "shared_utils.data.public.Reference"}
        assert {name for name in data if name.startswith("shared_utils.data")} <= known


def test_a_point_inside_is_inside_whatever_the_shape():
    bow = [[(0, 0), (4, 0), (4, 4), (3, 4), (3, 1), (1, 1), (1, 4), (0, 4), (0, 0)]]  # its centroid is outside
    ring = [[(0, 0), (9, 0), (9, 9), (0, 9), (0, 0)], [(1, 1), (1, 8), (8, 8), (8, 1), (1, 1)]]
    for shape in ([bow], [ring]):
        x, y = map_places.inside_point(shape)
        assert map_places._holds([np.asarray(r) for polygon in shape for r in polygon], x, y)
    hole = [[[(4, 4), (5, 4), (5, 5), (4, 5), (4, 4)]]]
    edge = [[[(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]]]
    assert map_places.within([hole, edge], [ring]).tolist() == [False, True]


def test_series_are_drawn_as_they_stood_with_the_break_and_the_pilot_marked(city, canvases):
    made = published(*city(spending, filings, yearly))
    first, second = canvases[0].axes[1:]
    line = first.lines[0]
    days = line.get_xdata()
    assert [f"{pd.Timestamp(day):%Y-%m}" for day in (days[0], days[-1])] == ["2020-01", "2020-10"]
    assert line.get_ydata() == pytest.approx([-0.01 * k for k in range(10)])
    assert len(first.lines[1].get_xdata()) == 8  # from September on the publisher will revise it
    assert second.lines[0].get_ydata()[-1] == 2 * (10 + 33)  # both tracts of October 2020
    marks = [f"{pd.Timestamp(mark.get_xdata()[0]):%Y-%m}" for mark in first.lines if len(set(mark.get_xdata())) == 1]
    assert marks[-3:] == ["2019-04", "2020-03", "2020-09"]
    words = " ".join(text.get_text() for text in canvases[0].texts)
    assert "Files: Affinity - County - Monthly; " in words
    assert "Context, not a result" in words and "B: the break of COVID-19, March 2020" in words and "Dashed" in words
    said = told(made)
    assert "card spending of the county was 9% lower" in said and "the court had 86 eviction filings a month" in said
    assert "Eviction filings a year of the county end in 2018, before the pilot began in April 2019, and" in said
    assert not CAUSAL.search(said.replace("not a result", "")) and grade(said) <= 9
    rows = {row["what"]: row["estimate"] for row in made.shown[1].rows}
    assert rows["Card spending"] == "None: no months just before the pilot, and 24 are needed"
    assert rows["Eviction filings a month"] == "None: 15 months just before the pilot, and 24 are needed"


@pytest.mark.parametrize(("first", "last", "start", "reason"), [
    ("2017-04", "2020-10", "2019-04", ""),
    ("2017-05", "2020-10", "2019-04", "None: 23 months just before the pilot, and 24 are needed"),
    ("2015-01", "2020-10", "2019-10", "None: five months of the pilot before March 2020, and 6 are needed"),
    ("2020-01", "2023-01", "2021-06", "None: 14 months after March 2020 just before the pilot, and 24 are needed"),
    ("2020-01", "2023-01", "2022-04", ""),
])  # fmt: skip
def test_an_estimate_needs_months_on_one_side_of_the_break(first, last, start, reason):
    index = pd.period_range(first, last, freq="M").to_timestamp()
    assert why_no_estimate(pd.Series(1.0, index), datetime.date.fromisoformat(f"{start}-01")) == reason


def test_months_beyond_a_gap_do_not_count():
    index = pd.period_range("2012-01", "2020-02", freq="M").to_timestamp()
    values = pd.Series(1.0, index[(index.year < 2017) | (index.year > 2018)])
    assert "three months just before" in why_no_estimate(values, datetime.date(2019, 4, 1))


def test_a_step_that_is_there_is_found_and_told_without_a_cause():
    index = pd.period_range("2017-01", "2020-02", freq="M").to_timestamp()
    rng = np.random.default_rng(3)
    values = pd.Series(0.10 * (index >= "2019-04-01") + 0.003 * rng.normal(size=len(index)), index)
    series = context_series.Series("Jobs", "the county", values, True, "Economic Tracker", "Employment")
    told = context_series._estimate(series, datetime.date(2019, 4, 1))
    assert re.match(r"Step at the start, beside its own path: \+(9|10|11) points of January 2020 \(95% interval", told)
    assert not CAUSAL.search(told)


def test_the_section_shows_the_series_where_no_neighborhood_can_be_compared(city):
    folder, config = city(spending)
    book = SimpleNamespace(city_dir=folder, config=config, as_of=AS_OF, stamp="MARK", rules=Rules(), sections={},
                           data=SimpleNamespace(reference={}))  # fmt: skip
    section = baseline_context.context(book)
    assert section.sentence.startswith("Neighborhoods are not compared: ") and "card spending" in section.sentence
    assert len(section.more) == 2 and [flag.code for flag in section.flags][0] == "B4_NOT_COMPARED"


@pytest.mark.full
def test_real_tracts_lie_in_the_city_as_another_program_found():
    folder = Path(os.environ.get("EMI_PUBLIC_DATA", ROOT.parent / "shared" / "data")) / "geography"
    if not folder.is_dir():
        pytest.skip(f"the public files are not on this machine ({folder}); set EMI_PUBLIC_DATA to their folder")
    known = pd.read_csv(folder / "tracts_nine.csv", dtype={"tract": str, "county": str})
    limits = public.read(folder / "cities_nine.geojson").frame
    for (county, name), rows in known.groupby(["county", "city"]):
        shapes = {str(f["id"]): f["geometry"] for f in json.loads(
            (folder / f"tracts_{county}.geojson").read_text(encoding="utf-8"))["features"]}  # fmt: skip
        polygons = [g["coordinates"] if g["type"] == "MultiPolygon" else [g["coordinates"]] for g in shapes.values()]
        inside = map_places.within(polygons, map_places.city_shape(limits, name))
        found = {code for code, own in zip(shapes, inside, strict=True) if own}
        share = rows.set_index("tract")["share_area_in_city"]
        split = set(share[share.between(0.05, 0.95)].index)  # of these a point is one choice, most of the area another
        assert found - split == set(share[share > 0.95].index), name
