"""What is published about the county and the city as a whole (B4): mobility, friendships, court cases, yearly measures.

All of it is context about a place. Nothing here is a result of the pilot, and no table of people comes to it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from shared_utils.data.public import Reference
from shared_utils.sections.map_opportunity import LIMITS
from shared_utils.sections.map_places import city_code
from shared_utils.sections.numbers import decimals, is_missing
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import counted, listed

if TYPE_CHECKING:
    from shared_utils.config import CityConfig

ATLAS, FRIENDS, ZIPS = "opportunity_atlas_county", "social_capital_county", "social_capital_zip"
# How the cases were counted; the estimates of all counties are drawn with the series.
FILINGS = {"eviction_county_court": "counted by courts", "eviction_county_proprietary": "in collected records"}
YEARLY = {"mobility_metrics_county": "County", "mobility_metrics_city": "City"}
KINDS = (ATLAS, FRIENDS, ZIPS, *FILINGS, *YEARLY)
EVERYBODY = ("all", "All")  # how the metrics name the rows of no group
NORMAL_95 = 1.96
LARGE = 1_000  # printed without decimals
CONTEXT = "This is context about the place, not a result of the pilot."


@dataclass(frozen=True)
class Places:
    """The table of what is published, and what it says in words."""

    table: Table
    sentence: str


def known(files: Mapping[str, Reference], config: "CityConfig", as_of: date) -> Places | None:
    """Return what published files say of the county and the city by `as_of`, None when no file says anything.

    files: {kind: Reference} of the published files; the limits of the city among them tell its code.
    """
    county = f"{config.city.state_fips}{config.city.county_fips}"
    limits = files.get(LIMITS)
    codes = {"County": county, "City": limits and city_code(limits.frame, config.city.name)}
    rows = [*_of_county(files, county), *_of_zips(files, county), *_filings(files, county, as_of)]
    rows += _yearly(files, codes, as_of)
    if not rows:
        return None
    columns = [Column("what", "Measure"), Column("place", "Of"), Column("when", "About"),
               Column("value", "Value", "row"), Column("low", "From", "row"), Column("high", "To", "row"),
               Column("source", "Source")]  # fmt: skip
    used = [files[kind] for kind in dict.fromkeys(row["file"] for row in rows)]
    names = listed([f"{file.source} ({file.release})" for file in used])
    notes = ["Income rank: of 100. From and to: the published range of the value, where there is one.",
             *(["Of ZIP codes: the middle one, from the lowest to the highest."] if ZIPS in files else []),
             f"Files: {names}.", *dict.fromkeys(file.caution for file in used), CONTEXT]  # fmt: skip
    table = Table("Published about the county and the city", columns, rows, notes=notes)
    return Places(
        table, f"The last table holds {counted(len(rows), 'published number')} about the whole place. {CONTEXT}"
    )


def wanted(files: Mapping[str, Reference]) -> list[str]:
    """Return the kinds of files that would add something."""
    return [kind for kind in KINDS if kind not in files]


def _of_county(files, county: str) -> Iterator[dict]:
    """One picture of the county: income ranks by race with their error, and friendships across income."""
    for kind, shown, form in ((ATLAS, "kfr", "rank"), (FRIENDS, "ec", "number")):
        own = _rows(files, kind, county)
        for column, words in files[kind].measures.items() if len(own) else ():
            if column.split("_")[0] == shown:
                value = own[column].iloc[0]
                error = own.get(f"{column}_se", own.get(column.replace("_", "_se_", 1)))  # each publisher's own way
                spread = float("nan") if error is None else NORMAL_95 * error.iloc[0]
                ends = value - spread, value + spread
                words = words.replace(", 0 to 1", "")
                yield from _row(files, kind, words, "County", files[kind].period.split(",")[0], form, value, *ends)


def _of_zips(files, county: str) -> Iterator[dict]:
    """Friendships across income in the ZIP codes of the county: the middle one, from the lowest to the highest."""
    if ZIPS in files:
        frame, period = files[ZIPS].frame, files[ZIPS].period.split(",")[0]
        values = frame.loc[frame["county"] == county, "ec_zip"].dropna()
        place, ends = f"{len(values)} ZIP codes of the county", (values.min(), values.max())
        yield from _row(files, ZIPS, files[ZIPS].measures["ec_zip"], place, period, "number", values.median(), *ends)


def _filings(files, county: str, as_of: date) -> Iterator[dict]:
    """The newest year of each count of cases."""
    for kind, how in FILINGS.items():
        own = _rows(files, kind, county)
        for column, words in files[kind].measures.items() if len(own) else ():
            year = _newest(own[own[column].notna()], as_of)
            if len(year):
                value, form = year[column].iloc[0], "number"
                if "rate" not in column:
                    value, form = decimals(value, 0), "text"  # a published count is not rounded as counts of people are
                yield from _row(files, kind, f"{words}, {how}", "County", str(year["year"].iloc[0]), form, value)


def _yearly(files, codes: dict, as_of: date) -> Iterator[dict]:
    """The newest year of each yearly measure, for everybody."""
    for kind, place in YEARLY.items():
        own = _rows(files, kind, codes[place])
        for metric, words in files[kind].measures.items() if len(own) else ():
            mine = own[(own["metric"] == metric) & own["subgroup"].isin(EVERYBODY) & own["value"].notna()]
            year = _newest(mine, as_of)
            if len(year):
                ends = year[["value", "lb", "ub"]].iloc[0]
                form = "number"
                if ends["value"] >= LARGE:
                    ends, form = [decimals(end, 0) for end in ends], "text"
                words = words[0].upper() + words[1:]
                yield from _row(files, kind, words, place, str(year["year"].iloc[0]), form, *ends)


def _rows(files, kind: str, code: str | None):
    """The rows of a place in a file; none where the file is not there."""
    if kind not in files:
        return ()
    frame = files[kind].frame
    return frame[frame["GEOID"] == code]


def _newest(rows, as_of: date):
    """The rows of the last year that was over by the day of the report."""
    over = rows[rows["year"] < as_of.year]
    return over[over["year"] == over["year"].max()]


def _row(files, kind, words, place, when, form, value, low=float("nan"), high=float("nan")) -> Iterator[dict]:
    if not is_missing(value):  # an empty one was not published for this place
        yield {"what": words, "place": place, "when": when, "kind": form, "value": value, "low": low, "high": high,
               "source": files[kind].source, "file": kind}  # fmt: skip
