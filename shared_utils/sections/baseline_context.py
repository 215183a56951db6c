"""Baseline: where the pilot's people live, beside the whole city, and what is published about the place (B4)."""

from dataclasses import dataclass

import numpy as np

from shared_utils.data import public, reference
from shared_utils.errors import EmiError
from shared_utils.results import Flag
from shared_utils.sections import analysis, charts_compare, context_places, context_series, map_opportunity
from shared_utils.sections.baseline_people import by_opportunity, pilot_subjects
from shared_utils.sections.numbers import is_missing
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import counted, listed, sentence

UNRELIABLE_CV = 0.30  # coefficient of variation above which an ACS value is too uncertain to read
MOE_TO_SE = 1.645  # ACS margins of error are 90 % intervals
MOBILITY = "kfr_pooled_pooled_p25"
# Column of a reference file -> (words, kind of number). Shares and ranks are kept as 0 to 1.
MEASURES = {
    MOBILITY: ("Income rank in adulthood of children of low-income parents", "rank"),
    "poverty_share": ("People below the poverty level", "share"),
    "unemployment_share": ("Unemployed", "share"),
    "hs_or_more_share": ("Adults with at least high school", "share"),
    "renter_share": ("Households that rent", "share"),
    "median_hh_income": ("Median household income", "usd"),
    "median_rent": ("Median rent", "usd"),
    "eviction-filing-rate": ("Eviction filings per 100 renter households", "number"),
}
SOURCES = {
    "opportunity_atlas": "Opportunity Atlas",
    "acs": "American Community Survey",
    "eviction_lab": "Eviction Lab",
}
CAUTION = "Each number is an average of places. They say nothing about one family. People in one place differ a lot."


@section("B4", "How does the pilot compare with the city?")
def context(book) -> Section:
    """Neighborhoods of the pilot against the city's, its thirds of tracts, a map, series around it, and the county."""
    published = _published(book.city_dir, book.config, book.as_of, book.stamp)
    try:
        made = _neighborhoods(book)
    except EmiError as error:
        if not published.shown:
            raise
        reason = f"Neighborhoods are not compared: {error.message.rstrip('.')}."
        made = Section(f"{reason} {error.hint}".strip(), flags=[Flag("B4_NOT_COMPARED", "warn", "B4", reason)])
    made.sentence = " ".join([made.sentence, *published.sentences])
    made.more, made.flags = (*made.more, *published.shown), [*made.flags, *published.flags]
    return made


@dataclass(frozen=True)
class _Published:
    """What published files alone say about the place: figures and tables, sentences, flags."""

    shown: tuple
    sentences: list[str]
    flags: list[Flag]


def _published(city_dir, config, as_of, stamp: str) -> _Published:
    """The map of tracts, the series around the pilot and the whole county: from data/public_ref, no table of people."""
    synthetic = config.data.mode == "synthetic"
    stamp = context_series.real_stamp(config, stamp)
    kinds = (*map_opportunity.KINDS, *context_series.KINDS, *context_places.KINDS)
    files, refused = public.load(city_dir, config, only=kinds)
    named = {} if synthetic else reference.tables(city_dir, config)[0]  # made-up tracts are on no map
    files = {**{name: named[name] for name in map_opportunity.KINDS if name in named}, **files}
    tracts, flags = None, [_refusal(error) for error in refused]
    try:
        tracts = map_opportunity.draw(files, config, stamp)
        flags += tracts.flags if tracts else ()
    except EmiError as error:
        flags.append(Flag("MAP_NOT_DRAWN", "warn", "data/public_ref", f"{error.message}. {error.hint}"))
    series = context_series.around(files, config, as_of, stamp)
    places = context_places.known(files, config, as_of)
    shown = [tracts and tracts.figure, series and series.figure, series and series.table, places and places.table]
    wanted = [
        *map_opportunity.wanted(files, config),
        *context_series.wanted(files),
        *context_places.wanted(files),
    ]
    flags += _to_fetch(config, wanted)
    said = [part.sentence for part in (tracts, series, places) if part]
    said = [context_series.REAL_TEXT, *said] if synthetic and said else said
    return _Published(tuple(part for part in shown if part is not None), said, flags)


def _to_fetch(config, kinds: list[str]) -> list[Flag]:
    """What would make the map, the series and the table of the county, by publisher."""
    by: dict[str, list[str]] = {}
    for file in (w for w in public.wanted(config) if w.kind in kinds):
        by.setdefault(file.publisher, []).append(file.fetch)
    asked = [f"From {publisher}: {'; '.join(files)}." for publisher, files in by.items()]
    start = (
        "A map of the tracts, series around the pilot and numbers of the county come from published files in "
        "data/public_ref. To fetch:"
    )
    return [Flag("PUBLIC_FILES", "info", "data/public_ref", " ".join([start, *asked]))] if asked else []


def _neighborhoods(book) -> Section:
    frames = book.data.reference
    tables, refused = reference.references(book.city_dir, book.config)
    if not frames:
        raise refused[0] if refused else EmiError("no published neighborhood file is there", _what_to_fetch(book))
    where = _pilot_tracts(book)
    sources = {name: f"{SOURCES[name]} ({tables[name].release})" for name in frames}
    rows = [row for name, frame in frames.items() for row in _measures(book, frame, where, sources[name])]
    if not rows:
        raise EmiError(
            "no tract of the pilot is in the published neighborhood files",
            "Check tract_id and the tract vintage (2010 or 2020).",
        )
    columns = [
        Column("what", "Measure"),
        Column("pilot", "Pilot", "row"),
        Column("moe_pilot", "+/-", "row"),
        Column("city", "City", "row"),
        Column("moe_city", "+/-", "row"),
        Column("low", "Pilot, low tenth", "row"),
        Column("high", "Pilot, high tenth", "row"),
        Column("source", "Source"),
    ]
    vintages = _vintages(tables)
    notes = ["Income rank: of 100.", CAUTION, vintages, *_city_is(book)]
    table = Table("Neighborhoods of the pilot and of the city", columns, rows, notes=notes)
    thirds, shows = by_opportunity(book)
    return Section(
        _context_sentence(book, rows),
        table=table,
        figure=_context_figure(book, rows, vintages),
        more=(thirds,) if thirds else (),
        shows=shows,
        flags=[*_context_flags(book, frames, where), *(_refusal(error) for error in refused)],
    )


def _what_to_fetch(book) -> str:
    """One sentence on the files that would answer this section, and who publishes them."""
    kinds = set(reference.KINDS.values())
    files = [f"{w.source}, from {w.publisher}: {w.fetch}" for w in public.wanted(book.config) if w.kind in kinds]
    return f"Optional: put one of these into data/public_ref as it is published. {'. '.join(files)}."


def _refusal(error: EmiError) -> Flag:
    return Flag("REFERENCE_REFUSED", "warn", "data/public_ref", f"{error.message} {error.hint}".strip())


def _pilot_tracts(book):
    """Tract of each subject in the pilot: all people of a person design, treated places of a panel."""
    if "tract_id" not in book.study.frame:
        raise EmiError("no record says in which tract the pilot's people or places are", "Map a column to tract_id.")
    return pilot_subjects(book)["tract_id"].dropna().astype(str)


def _measures(book, frame, where, source) -> list[dict]:
    frame = frame.drop_duplicates("GEOID").set_index("GEOID")
    if {"renter_households", "households"} <= set(frame):
        frame = frame.assign(renter_share=frame["renter_households"] / frame["households"])
    everywhere = frame[frame.index.isin(_city_tracts(book, frame))]
    lived = where[where.isin(frame.index)]
    rows = []
    for column, (words, kind) in MEASURES.items():
        if column not in frame or lived.empty:
            continue
        here = lived.map(frame[column]).dropna()
        if here.empty:
            continue
        rows.append(
            {
                "what": words,
                "kind": kind,
                "pilot": here.mean(),
                "city": everywhere[column].mean(),
                "low": here.quantile(0.1),
                "high": here.quantile(0.9),
                "source": source,
                "moe_pilot": _moe(frame, column, lived),
                "moe_city": _moe(frame, column, everywhere.index),
                "column": column,
            }
        )
    return rows


def _city_tracts(book, frame):
    """Tracts the city lists; without a list those of its county; without that all of the file."""
    units = book.data.tables.get("units")
    own = set() if units is None or units.empty else set(units.loc[units["unit_type"] == "tract", "tract_id"].dropna())
    county = f"{book.config.city.state_fips}{book.config.city.county_fips}"
    listed_tracts = [t for t in frame.index if t in own]
    return listed_tracts or [t for t in frame.index if t.startswith(county)] or list(frame.index)


def _moe(frame, column, tracts) -> float | None:
    """Margin of error of a mean over tracts, from the published margins, or None when they are not there."""
    for name, factor in ((f"{column}_moe", 1.0), (f"{column}_se", MOE_TO_SE)):
        if name in frame:
            margins = factor * frame[name].reindex(tracts).dropna()
            return float(np.sqrt((margins**2).sum()) / len(margins)) if len(margins) else None
    return None


def _vintages(tables) -> str:
    years = sorted({table.vintage for table in tables.values() if table.vintage})
    return (
        f"Tracts are those of {listed(list(map(str, years)))}." if years else "The files do not say their tracts' year."
    )


def _city_is(book) -> list[str]:
    """What stands for the city where it lists no tracts."""
    units = book.data.tables.get("units")
    own = units is not None and not units.empty and (units["unit_type"] == "tract").any()
    return [] if own else ["City: all tracts of the county or of the file, since the city lists no tracts."]


def _context_sentence(book, rows) -> str:
    mobility = next((r for r in rows if r["column"] == MOBILITY), None)
    if mobility is None:
        return sentence(
            f"The neighborhoods of the pilot are compared with the city on {counted(len(rows), 'measure')}. {CAUTION}"
        )
    pilot, city = round(100 * mobility["pilot"]), round(100 * mobility["city"])
    who = f"the pilot's {book.study.unit_label}"
    there = f"in the places of {who}" if analysis.is_panel(book) else f"where {who} live"
    side = "the same as" if pilot == city else "above" if pilot > city else "below"
    return (
        f"Look at children of low-income parents {there}. As adults they reached income rank {pilot} of 100. "
        f"This is {side} the city average of {city}. {CAUTION}"
    )


def _context_figure(book, rows, vintages: str):
    shown = [r for r in rows if r["kind"] in ("share", "rank")]
    if not shown:
        return None
    gap = max(shown, key=lambda r: abs(r["pilot"] - r["city"]))
    more = "more" if gap["pilot"] > gap["city"] else "less"
    title = f"{gap['what']}: {100 * gap['pilot']:.0f} where the pilot is, {100 * gap['city']:.0f} in the city"
    sheet = {
        "title": title,
        "subtitle": "Full dot: pilot, hollow dot: city. Averages in percent (income rank: of 100)",
        "note": f"Source: {listed(sorted({r['source'] for r in shown}))}. {vintages} Averages of neighborhoods of "
        f"{analysis.subjects(book, len(pilot_subjects(book)))}, not of families.",
        "stamp": book.stamp,
    }
    points = [(r["what"], 100 * r["pilot"], 100 * r["city"]) for r in shown]
    alt = (
        f"Dot chart of pilot and city. {title}, which is {more} than the city. "
        + "; ".join(f"{label}: pilot {pilot:.0f}, city {city:.0f}" for label, pilot, city in points)
        + "."
    )
    return charts_compare.pairs(points, sheet, alt, "percent")


def _context_flags(book, frames, where) -> list[Flag]:
    flags = []
    for name, frame in frames.items():
        share = where.isin(frame["GEOID"]).mean() if len(where) else 0
        if share < 0.95:
            flags.append(
                Flag(
                    "TRACT_MATCH",
                    "warn",
                    name,
                    f"{100 * share:.0f}% of the pilot's tracts are in this file; "
                    "check whether tracts are of 2010 or 2020.",
                )
            )
        weak = [c for c in MEASURES if f"{c}_moe" in frame and _unreliable(frame, c, where)]
        if weak:
            words = listed([MEASURES[c][0].lower() for c in weak])
            flags.append(
                Flag("ACS_MOE", "info", name, f"Values of single tracts are too uncertain to read for {words}.")
            )
    return flags


def _unreliable(frame, column, where) -> bool:
    """True when over a fifth of the pilot's tracts have a coefficient of variation above 30 %."""
    own = frame[frame["GEOID"].isin(where.unique())]
    cv = (own[f"{column}_moe"] / MOE_TO_SE / own[column]).abs()
    return bool((cv > UNRELIABLE_CV).mean() > 0.2) if not is_missing(cv.mean()) else False
