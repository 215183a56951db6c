"""Economic Tracker of Opportunity Insights: spending, jobs, postings, claims and more since January 2020.

Chetty, Friedman, Hendren, Stepner and the Opportunity Insights Team, "The Economic Impacts of COVID-19" (2020). Files
are named "Affinity - County - Monthly.csv": a series, a unit and a frequency. A dot is a missing value.
"""

from shared_utils.data.public import files, values
from shared_utils.data.public.files import File
from shared_utils.data.public.kind import Area, Kind, Reference

PLACES = {"countyfips": ("county", 5), "cityid": ("city", 0), "statefips": ("state", 2)}
DAYS = ("day", "day_endofweek", "day_endofmonth")
CHANGE = "change since January 2020, as a share"
# series -> (first words of the file's name, who provides it, {column: words}); the first column tells the series
SERIES = {
    "spending": ("Affinity", "Affinity Solutions", {"spend_all": f"Card spending, {CHANGE}"}),
    "employment": ("Employment", "Paychex and Intuit", {
        "emp": f"Jobs, {CHANGE}", "emp_incq1": f"Jobs of the lowest wage band, {CHANGE}",
        "emp_incq2": f"Jobs of the second wage band, {CHANGE}", "emp_incq3": f"Jobs of the third wage band, {CHANGE}",
        "emp_incq4": f"Jobs of the highest wage band, {CHANGE}"}),
    "postings": ("Job Postings", "Lightcast (Burning Glass)", {"bg_posts": f"Job postings, {CHANGE}"}),
    "claims": ("UI Claims", "the US Department of Labor and state agencies", {
        "initclaims_count_regular": "First claims for unemployment insurance, number",
        "initclaims_rate_regular": "First claims for unemployment insurance per 100 in the labor force of 2019"}),
    "businesses": ("Womply", "Womply", {"revenue_all": f"Revenue of small businesses, {CHANGE}",
                                        "merchants_all": f"Small businesses open, {CHANGE}"}),
    "learning": ("Zearn", "Zearn", {"badges": f"Math lessons completed, {CHANGE}",
                                    "engagement": f"Students using online math lessons, {CHANGE}"}),
    "mobility": ("Google Mobility", "Google", {"gps_away_from_home": f"Time away from home, {CHANGE}",
                                               "gps_workplaces": f"Visits to workplaces, {CHANGE}"}),
}  # fmt: skip
CAUTIONS = {
    "employment": " The publisher advises to wait for a rebuilt series: firms that join and leave bend it, and it is "
    "not adjusted for season. The wage bands are set by the poverty line and are not quarters of workers.",
    "claims": " State agencies report counties irregularly: an end of the series is not an end of claims.",
    "businesses": " The series ended in February 2022.",
    "mobility": " The series ended in October 2022.",
}
CAUTION = (
    "Context of the whole county or state, not of the pilot: a pilot of some hundred households cannot move it. About "
    "eight weeks before the break of March 2020 are there, too few to estimate from. A city of the tracker is a county."
)
SOURCE = "Economic Tracker"
PUBLISHER = "Opportunity Insights (Harvard University)"
CITATION = ("Chetty, Friedman, Hendren, Stepner and the Opportunity Insights Team, The Economic Impacts of COVID-19: "
            "Evidence from a New Public Database Built Using Private Sector Data (2020).")  # fmt: skip


def read(kind: Kind, file: File, area: Area | None) -> Reference:
    """Read one series: GEOID, date, its columns as numbers, `provisional` (will be revised) and `freq` where there.

    The places are counties or states by FIPS code, or tracker cities by `cityid`, of which all are kept.
    """
    import pandas as pd

    series = kind.id.split("_")[1]
    place = next(name for name in PLACES if name in file.names)
    unit, width = PLACES[place]
    measures = {name: words for name, words in SERIES[series][2].items() if name in file.names}
    parts = ["year", "month", next(day for day in DAYS if day in file.names)]
    more = [name for name in ("freq", "provisional") if name in file.names]
    code = (lambda f: values.code(f[place], width)) if width else (lambda f: f[place].str.strip())
    frame = files.table(file, [place, *parts, *measures, *more], code, area if unit == "county" else None)
    frame = values.numbers(file, frame, [*parts, *measures, *(m for m in more if m == "provisional")])
    dates = pd.to_datetime(dict(zip(("year", "month", "day"), (frame[p] for p in parts), strict=True)), errors="coerce")
    if dates.isna().any():
        raise file.refusal(f"row {int(dates.index[dates.isna()][0]) + 2} has no date.", files.AGAIN)
    frame.insert(1, "date", dates)
    notes = ()
    if "provisional" in more:
        frame["provisional"] = frame["provisional"].fillna(0).astype(bool)
        notes = values.note(int(frame["provisional"].sum()), "row", "provisional, will be revised.")
    if "freq" in frame and frame["freq"].nunique() > 1:
        notes += ("The series changes from days to weeks on its way (freq): compare like with like.",)
    frame = frame.drop(columns=[place, *parts]).sort_values(["GEOID", "date"]).reset_index(drop=True)
    return kind.reference(file, frame, unit=unit, period=values.span(frame["date"]), measures=measures, notes=notes)


def places(kind: Kind, file: File, area: Area | None) -> Reference:
    """Read "GeoIDs - County.csv": which tracker city (cityid) a county is in, "" for none."""
    columns = ["countyfips", "countyname", "cityid", "cityname"]
    frame = files.table(file, columns, lambda f: values.code(f["countyfips"], 5), area)
    frame["cityid"] = frame["cityid"].str.strip().str.replace(r"\.0+$|^\.$", "", regex=True)
    return kind.reference(file, frame.drop(columns="countyfips").reset_index(drop=True), unit="county",
                          period="", measures={})  # fmt: skip


def _series(series: str, place: str) -> Kind:
    first, provider, measures = SERIES[series]
    unit = PLACES[place][0]
    return Kind(
        id=f"tracker_{series}_{unit}", source=f"{SOURCE}, data of {provider}", publisher=PUBLISHER, read=read,
        fetch=f"'{first} - {unit.title()} - ...csv' (weekly or monthly) of the tracker's data files",
        shows=f"{next(iter(measures.values())).split(',')[0]} around the pilot, month by month",
        caution=CAUTION + CAUTIONS.get(series, ""), citation=CITATION,
        signature=("year", "month", place, next(iter(measures))),
        check=lambda file: any(day in file.names for day in DAYS),
    )  # fmt: skip


KINDS = (
    *(_series(series, place) for series in SERIES for place in PLACES),
    Kind(id="tracker_places", source=SOURCE, publisher=PUBLISHER, fetch="'GeoIDs - County.csv' of the tracker's data "
         "files", shows="Which tracker city the county is (needed for files by city)", caution=CAUTION,
         citation=CITATION, read=places, signature=("countyfips", "countyname", "cityid", "cityname")),
)  # fmt: skip
