"""Published series around the pilot: spending, jobs, postings and eviction filings, with the city's events (B4, M5).

They are context and are labelled so. An estimate is made only where enough months lie before the pilot and on its side
of the break of March 2020; everywhere else a sentence says why there is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from shared_utils import designs
from shared_utils.data import public
from shared_utils.data.public import Reference
from shared_utils.sections.charts_series import Panel, panels
from shared_utils.sections.figures import Figure
from shared_utils.sections.numbers import MINUS, decimals
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import counted, listed, month

if TYPE_CHECKING:
    import pandas as pd

    from shared_utils.config import CityConfig

TRACKER = {"spending": "Card spending", "employment": "Jobs", "postings": "Job postings"}
PLACES = {"county": "the county", "city": "the county", "state": "the state"}  # a tracker city is a county
COUNTIES = "tracker_places"
TRACKING, YEARLY = "eviction_tracking", "eviction_county_estimates"
KINDS = (*(f"tracker_{name}_{unit}" for name in TRACKER for unit in PLACES), COUNTIES, TRACKING, YEARLY)
COVID = date(2020, 3, 1)
BEFORE, AFTER = 24, 6  # months on each side that an estimate needs: two years tell a season from a change
LEAD = 24  # months before the pilot that are drawn
CONTEXT = "This is context about the place, not a result of the pilot."
REAL_FIGURE = "These published numbers are real."
REAL_TEXT = "All of this is made up. What follows is published and real."


@dataclass(frozen=True)
class Series:
    """One published series: values indexed by the first day of their month, or by the December of their year.

    `change`: shares of January 2020, else counts; `release`: the published file; `until`: the last date that will not
    be revised, None when all.
    """

    label: str
    place: str
    values: "pd.Series"
    change: bool
    source: str
    release: str
    until: object = None
    yearly: bool = False

    @property
    def is_one(self) -> bool:
        """True when the label takes a verb in the singular."""
        return self.label == TRACKER["spending"]

    def when(self, value) -> str:
        return str(value.year) if self.yearly else month(value)

    def text(self, value: float) -> str:
        """A value as people read it: "-12%", "1,040"."""
        if not self.change:
            return decimals(value, 0)
        shown = round(100 * value)
        return f"{'+' if shown > 0 else MINUS if shown < 0 else ''}{abs(shown)}%"


@dataclass(frozen=True)
class Around:
    """The figure (None when no series reaches the pilot), the table of all series, and what they say in words."""

    figure: Figure | None
    table: Table
    sentence: str


def beside(book) -> Around | None:
    """Return the series of the city's data/public_ref as a section shows them after numbers of the pilot, None when no
    file has one. A file that was refused is told of on the baseline page."""
    files, _ = public.load(book.city_dir, book.config, only=KINDS)
    found = around(files, book.config, book.as_of, real_stamp(book.config, book.stamp))
    made_up = f"{REAL_TEXT} " if book.config.data.mode == "synthetic" else ""
    return found and replace(found, sentence=f"{made_up}{found.sentence}")


def real_stamp(config: "CityConfig", stamp: str) -> str:
    """Return the stamp of a figure of published numbers: in a synthetic city they alone are real."""
    return f"{stamp}. {REAL_FIGURE}" if config.data.mode == "synthetic" else stamp


def around(files: Mapping[str, Reference], config: "CityConfig", as_of: date, stamp: str) -> Around | None:
    """Return the published series around the pilot as they stood on `as_of`, None when no file has one.

    files: {kind: Reference} of the published files.
    """
    found = [*_tracker(files, config), *_filings(files, config)]
    if not found:
        return None
    known = {one.label: _told(one, as_of) for one in found}
    why_not = {one.label: _why_not_drawn(one, known[one.label], config) for one in found}
    drawn = [known[one.label] for one in found if not why_not[one.label]]
    rows = [_row(one, known[one.label], why_not[one.label], config) for one in found]
    columns = [Column("what", "Series"), Column("place", "Of"), Column("file", "File"), Column("span", "In the file"),
               Column("estimate", "Estimate from it")]  # fmt: skip
    table = Table("Published series around the pilot", columns, rows, notes=[f"{CONTEXT} {_POWERLESS}"])
    figure = _figure(drawn, config, stamp) if drawn else None
    return Around(figure, table, _sentence(drawn, [*filter(None, why_not.values())]))


def wanted(files: Mapping[str, Reference]) -> list[str]:
    """Return the kinds of files that are missing: one for each series that no file gives."""
    lacking = [f"tracker_{name}_county" for name in TRACKER
               if not any(f"tracker_{name}_{unit}" in files for unit in PLACES)]  # fmt: skip
    lacking += [] if TRACKING in files else [TRACKING]
    city_only = any(f"tracker_{name}_city" in files for name in TRACKER)
    return lacking + ([COUNTIES] if city_only and COUNTIES not in files else [])


def why_no_estimate(values: "pd.Series", start: date) -> str:
    """Return why no interrupted time series is estimated at `start`, "" when enough months are there.

    values: one a month, indexed by the month's first day. Only months in an unbroken run from the start count, on its
    side of the break of March 2020: beyond it the series is another one.
    """
    before, after = _sides(values, start)
    if len(before) < BEFORE:
        side = " after March 2020" if start > COVID else ""
        return f"None: {counted(len(before), 'month')}{side} just before the pilot, and {BEFORE} are needed"
    if len(after) < AFTER:
        until = " before March 2020" if start < COVID else ""
        return f"None: {counted(len(after), 'month')} of the pilot{until}, and {AFTER} are needed"
    return ""


_POWERLESS = "A pilot of some hundred households cannot move a county."


def _sides(values, start: date) -> tuple:
    """The unbroken runs of months before the start and from it on, both on its side of the break."""
    import pandas as pd

    first, covid = pd.Period(start, "M"), pd.Period(COVID, "M")
    own = values.set_axis(values.index.to_period("M"))
    own = own[own.index < covid] if first < covid else own[own.index > covid]
    last, end = first - 1, first
    while last in own.index:
        last -= 1
    while end in own.index:
        end += 1
    return own[(own.index > last) & (own.index < first)], own[(own.index >= first) & (own.index < end)]


def _estimate(one: Series, start: date) -> str:
    """The jump of a series at the pilot's start beside its own earlier path, or why it is not estimated."""
    import pandas as pd

    if one.yearly:
        return "None: one value a year"
    if why := why_no_estimate(one.values, start):
        return why
    values = pd.concat(_sides(one.values, start))
    frame = pd.DataFrame({"value": values.to_numpy(), "month": values.index.astype(str)})
    design = {"type": "interrupted_time_series", "outcome": "value", "time": "month", "interruption": f"{start:%Y-%m}"}
    try:
        row = designs.estimate(frame, design).iloc[0]
    except designs.DesignError as error:
        return f"None: {error.message}"
    value, low, high = (one.text(row[name]).rstrip("%") for name in ("value", "ci_low", "ci_high"))
    unit = "points of January 2020" if one.change else "filings"
    return f"Step at the start, beside its own path: {value} {unit} (95% interval {low} to {high})"


def _tracker(files, config) -> list[Series]:
    found = []
    for name, label in TRACKER.items():
        for unit in PLACES:
            table = files.get(f"tracker_{name}_{unit}")
            rows = None if table is None else table.frame[table.frame["GEOID"] == _code(files, config, unit)]
            if rows is not None and len(rows):
                values = _monthly(rows.set_index("date")[next(iter(table.measures))])
                if len(values):
                    until = rows.loc[~rows["provisional"], "date"].max() if "provisional" in rows else None
                    found.append(Series(label, PLACES[unit], values, True, table.source, table.release, until))
                    break
    return found


def _code(files, config, unit: str) -> str | None:
    """The city's own code of a unit; a tracker city's is that of its county in "GeoIDs - County.csv"."""
    city = config.city
    county = f"{city.state_fips}{city.county_fips}"
    if unit != "city":
        return county if unit == "county" else city.state_fips
    if COUNTIES not in files:
        return None
    counties = files[COUNTIES].frame.set_index("GEOID")["cityid"]
    return counties.get(county) or None


def _filings(files, config) -> list[Series]:
    found = []
    if TRACKING in files:
        table = files[TRACKING]
        rows = table.frame
        if "city" in rows:
            rows = rows[rows["city"].str.startswith(config.city.name)]
        if len(rows):
            every = table.measures["filings"].rpartition(" ")[2]
            values = _monthly(rows.groupby("date")["filings"].sum())
            found.append(Series(f"Eviction filings a {every}", "the court", values, False, table.source, table.release))
    if YEARLY in files:
        table = files[YEARLY]
        rows = table.frame[table.frame["GEOID"] == _code(files, config, "county")]
        if len(rows):
            label = "Eviction filings a year"
            found.append(Series(label, "the county", _yearly(rows), False, table.source, table.release, yearly=True))
    return found


def _monthly(values) -> "pd.Series":
    """Means of months, indexed by the first day of each; months without a value are left out."""
    return values.dropna().resample("MS").mean().dropna()


def _yearly(rows) -> "pd.Series":
    import pandas as pd

    return pd.Series(rows["filings"].to_numpy(), pd.to_datetime(rows["year"].astype(str) + "-12-01")).sort_index()


def _told(one: Series, as_of: date) -> Series:
    """The series as it stood on a day: its whole months until then."""
    import pandas as pd

    ends = one.values.index + pd.offsets.MonthEnd(0)
    return replace(one, values=one.values[ends.date <= as_of])


def _why_not_drawn(one: Series, told: Series, config) -> str:
    first, last, verb_s = one.values.index[0], one.values.index[-1], "s" if one.is_one else ""
    if last.date() < config.pilot.start:
        return (f"{one.label} of {one.place} end{verb_s} in {one.when(last)}, before the pilot began in "
                f"{month(config.pilot.start)}, and {'is' if one.is_one else 'are'} not drawn.")  # fmt: skip
    if not len(told.values):
        return f"{one.label} of {one.place} begin{verb_s} in {one.when(first)}, after the data of this report end."
    return ""


def _row(one: Series, told: Series, why_not: str, config) -> dict:
    form = "%Y" if one.yearly else "%Y-%m"
    first, last = (f"{when:{form}}" for when in one.values.index[[0, -1]])
    estimate = "None: not drawn" if why_not else _estimate(told, config.pilot.start)
    return {
        "what": one.label,
        "place": one.place,
        "file": one.release,
        "span": f"{first} to {last}",
        "estimate": estimate,
    }


def _figure(drawn: list[Series], config, stamp: str) -> Figure:
    import pandas as pd

    start = pd.Timestamp(config.pilot.start)
    lead = start - pd.DateOffset(months=LEAD)
    kept = [replace(one, values=one.values[one.values.index >= lead]) for one in drawn]
    first, last = min(one.values.index[0] for one in kept), max(one.values.index[-1] for one in kept)
    span = (min(first, start) - pd.Timedelta(days=20), last)
    marks, key = _marks(config, span)
    rows = [_panel(one) for one in kept]
    title = _title(kept)
    dashed = " Dashed: the publisher will revise it." if any(row.provisional is not None for row in rows) else ""
    late = f" No data before {month(first)}." if first > start else ""
    files = "; ".join(dict.fromkeys(one.release for one in kept))
    note = f"{key}. Source: {_sources(kept)}. Files: {files}.{dashed}{late} {_POWERLESS}"
    subtitle = f"Published series, month by month, up to {month(last)}. Context, not a result"
    alt = f"Line charts of {counted(len(rows), 'series', 'series')} on one axis of dates. {title}. {key}."
    return panels(rows, {"title": title, "subtitle": subtitle, "note": note, "stamp": stamp}, alt, marks, span)


def _title(kept: list[Series]) -> str:
    changes = [f"{one.label.lower()} {one.text(one.values.iloc[-1])}" for one in kept if one.change]
    counts = [f"{one.text(one.values.iloc[-1])} {one.label.lower()}" for one in kept if not one.change]
    parts = [f"Against January 2020: {listed(changes)}"] if changes else []
    return "; ".join(parts + counts)


def _panel(one: Series) -> Panel:
    label = f"{one.label}, {one.place}{', change since January 2020' if one.change else ''}"
    sure = one.until if one.until is not None and one.until < one.values.index[-1] else None
    return Panel(label, one.values.asfreq("MS"), one.text(one.values.iloc[-1]), one.text, one.change, sure)


def _sources(kept: list[Series]) -> str:
    """Each publisher once, with those who gave it the data."""
    given: dict[str, list[str]] = {}
    for publisher, _, provider in sorted({one.source.partition(", data of ") for one in kept}):
        given.setdefault(publisher, []).extend([provider] if provider else [])
    return "; ".join(f"{who} ({listed(providers)})" if providers else who for who, providers in given.items())


def _marks(config, span) -> tuple[list[tuple], str]:
    """The marks to draw, and their key: the pilot's start and end, the break of March 2020, the city's events."""
    import pandas as pd

    named = {pd.Timestamp(config.pilot.start).replace(day=1): ["the pilot begins"]}
    named.setdefault(pd.Timestamp(config.pilot.end).replace(day=1), []).append("the pilot ends")
    covid = pd.Timestamp(COVID)
    named.setdefault(covid, []).append("the break of COVID-19")
    for event in sorted(config.events, key=lambda event: event.start):
        when = pd.Timestamp(event.start).replace(day=1)
        if when != covid or "covid" not in event.label.lower():
            named.setdefault(when, []).append(event.label)
    inside = [(when, labels) for when, labels in sorted(named.items()) if span[0] <= when <= span[1]]
    letters = dict(zip([when for when, _ in inside], "ABCDEFGHIJKLMNOPQRSTUVWXYZ", strict=False))
    key = "; ".join(f"{letters[when]}: {listed(labels)}, {month(when)}" for when, labels in inside if when in letters)
    return [(when, letter, when == covid) for when, letter in letters.items()], key


def _sentence(drawn: list[Series], why_not: list[str]) -> str:
    together: dict[tuple, list[Series]] = {}
    for one in drawn:
        together.setdefault((one.values.index[-1], one.place, one.change), []).append(one)
    parts = [f"In {month(when)}, {_compared(place, some) if change else _counted(place, some)}."
             for (when, place, change), some in together.items()]  # fmt: skip
    return " ".join([*parts, *why_not, CONTEXT])


def _compared(place: str, some: list[Series]) -> str:
    """Say "against January 2020, jobs of the county were 11% lower and job postings 17% lower"."""
    verb = "was" if some[0].is_one else "were"
    words = [f"{one.label.lower()}{f' of {place} {verb}' if one is some[0] else ''} {_apart(one)}" for one in some]
    return f"against January 2020, {listed(words)}"


def _apart(one: Series) -> str:
    shown = round(100 * one.values.iloc[-1])
    return f"{abs(shown)}% {'lower' if shown < 0 else 'higher'}" if shown else "the same"


def _counted(place: str, some: list[Series]) -> str:
    return f"{place} had {listed([f'{one.text(one.values.iloc[-1])} {one.label.lower()}' for one in some])}"
