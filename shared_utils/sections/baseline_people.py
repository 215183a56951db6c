"""Baseline: who is in the pilot (B3) and where they live, beside the whole city (B4)."""

import numpy as np
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from shared_utils.errors import EmiError
from shared_utils.results import Flag
from shared_utils.sections import analysis, charts_compare
from shared_utils.sections.baseline_data import EQUITY, UNKNOWN
from shared_utils.sections.figures import BLUE, GREY
from shared_utils.sections.numbers import is_missing
from shared_utils.sections.scales import in_100
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import counted, listed, plainly, sentence

MANY_UNKNOWN = 0.10
FEW_VALUES = 6
YES_NO = {1: "yes", 0: "no"}
UNRELIABLE_CV = 0.30  # coefficient of variation above which an ACS value is too uncertain to read
MOE_TO_SE = 1.645  # ACS margins of error are 90 % intervals
MOBILITY = "kfr_pooled_pooled_p25"
# Column of a reference file -> (words, kind of number). Shares are kept as 0 to 1.
MEASURES = {
    MOBILITY: ("Income rank in adulthood of children of low-income parents", "share"),
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
CAUTION = (
    "These are averages of neighborhoods. They say nothing about a single family, and people of one neighborhood "
    "can differ more than neighborhoods do."
)


@section("B3", "Who is in the pilot?")
def participants(book) -> Section:
    """Everyone in the study, all arms together: each equity group, and the middle of the main numbers."""
    frame, unit = _one_row_each(book)
    rows = _composition(book, frame)
    largest = _largest(book, rows)
    if not largest:
        raise EmiError("no group of race and ethnicity, gender, household type or opportunity can be shown")
    text = f"Of {analysis.subjects(book, len(frame))}, " + listed(
        [f'{_part(book, r)} are in the group "{r["group"]}" ({r["dim"]})' for r in largest]
    )
    columns = [
        Column("dim", "By"),
        Column("group", "Group"),
        Column("n", unit.capitalize(), "count", people=_persons(book)),
        Column(
            "share",
            "Share",
            "share",
            n="total" if _persons(book) else "",
            numerator="n" if _persons(book) else "",
        ),
    ]
    more = tuple(filter(None, [_numbers_table(book, frame)]))
    return Section(
        sentence(text),
        table=Table(f"Who is in the pilot ({unit})", columns, rows),
        more=more,
        figure=_composition_figure(book, rows, len(frame), unit),
        flags=_unknown_flags(rows),
        data={"record": {"n": len(frame)}},
    )


def _persons(book) -> bool:
    return not analysis.is_panel(book)


def _one_row_each(book):
    """One row a subject: people, or the places of a panel."""
    study = book.study
    return study.frame.drop_duplicates(study.subject_id), study.unit_label


def _composition(book, frame) -> list[dict]:
    """One row a group of each dimension; without equity dimensions, of the covariates with few values."""
    rows = []
    for dim, values in _dimensions(book, frame):
        values = values.astype(object).where(values.notna(), UNKNOWN)
        counts = values.value_counts()
        counts = counts.reindex(
            [v for v in counts.index if v != UNKNOWN] + [v for v in counts.index if v == UNKNOWN]
        )
        rows += [
            {
                "dim": plainly(dim),
                "group": YES_NO.get(value, plainly(value)),
                "known": value != UNKNOWN,
                "n": int(n),
                "total": len(frame),
                "share": n / len(frame),
            }
            for value, n in counts.items()
        ]
    return [row for row in rows if row["share"] < 1 or row["known"]]


def _dimensions(book, frame) -> list[tuple]:
    """[(name, column)]: race and ethnicity, gender, household type and opportunity first, then the city's own."""
    named = book.study.subgroups
    dims = [d for d in named if d in EQUITY] + [d for d in named if d not in EQUITY]
    found = [(dim, frame[named[dim]]) for dim in dims]
    if any((values.notna() & values.ne(UNKNOWN)).any() for _, values in found):
        return found
    return [(name, frame[name]) for name in book.study.covariates if frame[name].nunique() <= FEW_VALUES]


def _largest(book, rows) -> list[dict]:
    """The largest known group of up to three dimensions that may be shown."""
    found = {}
    for row in rows:
        if row["known"] and not _small(row, book) and row["n"] > found.get(row["dim"], {"n": 0})["n"]:
            found[row["dim"]] = row
    return list(found.values())[:3]


def _part(book, row) -> str:
    """A part of the pilot in words: places are counted, people told as so many in 100."""
    return (
        in_100(row["share"], row["total"], book.rules) if _persons(book) else f"{row['n']} of {row['total']}"
    )


def _unknown_flags(rows) -> list[Flag]:
    return [
        Flag(
            "UNKNOWN_GROUP",
            "warn",
            row["dim"],
            f"{row['dim'].capitalize()} is unknown for {100 * row['share']:.0f}%.",
        )
        for row in rows
        if not row["known"] and row["share"] > MANY_UNKNOWN
    ]


def _numbers_table(book, frame) -> Table | None:
    """Mean, spread and middle of the numeric covariates, pooled over arms. No smallest and no largest value."""
    rows = []
    for name in book.study.covariates:
        values = frame[name]
        if is_bool_dtype(values) or not is_numeric_dtype(values) or values.dropna().nunique() <= 2:
            continue
        known = values.dropna().astype(float)
        rows.append(
            {
                "what": plainly(name),
                "n": len(known),
                "mean": known.mean(),
                "sd": known.std(),
                "median": known.median(),
                "low": known.quantile(0.25),
                "high": known.quantile(0.75),
            }
        )
    n = "n" if _persons(book) else ""
    columns = [
        Column("what", "Measure at the start"),
        Column("n", "Known for", "count", people=_persons(book)),
        *(
            Column(key, label, "number", n=n, digits=1)
            for key, label in (
                ("mean", "Mean"),
                ("sd", "Standard deviation"),
                ("median", "Median"),
                ("low", "Lower quarter"),
                ("high", "Upper quarter"),
            )
        ),
    ]
    return Table("Numbers at the start, all groups together", columns, rows) if rows else None


def _composition_figure(book, rows, n, unit):
    shown = [r for r in rows if not _small(r, book)]
    bars = [(f"{r['group']}", 100 * r["share"], _part(book, r)) for r in shown]
    tones = [BLUE if r["known"] else GREY for r in shown]
    top = _largest(book, rows)[0]
    title = f'{_part(book, top)} {unit} are in the group "{top["group"]}"'
    dims = listed(list(dict.fromkeys(r["dim"] for r in shown)))
    sheet = {
        "title": title,
        "subtitle": f"Share of {unit} by {dims}, all groups of the design together",
        "note": f"Source: the city's files. {analysis.subjects(book, n)}. Grey: not known. Small groups are not shown.",
        "stamp": book.stamp,
    }
    alt = f"Bar chart. {title}. " + "; ".join(f"{label}: {words}" for label, _, words in bars) + "."
    return charts_compare.grouped_bars(
        [r["dim"] for r in shown], bars, sheet, alt, f"percent of {unit}", tones
    )


def _small(row, book) -> bool:
    rest = row["total"] - row["n"]
    return _persons(book) and (row["n"] < book.rules.small_cell_min or 0 < rest < book.rules.small_cell_min)


@section("B4", "How does the pilot compare with the city?")
def context(book) -> Section:
    """Neighborhoods of the pilot against the city's, from published tables."""
    frames = book.data.reference
    if not frames:
        raise EmiError(
            "no published neighborhood file is there", "Name one under data.reference in city.yml (optional)."
        )
    where = _pilot_tracts(book)
    rows = [row for name, frame in frames.items() for row in _measures(book, frame, where, name)]
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
    table = Table(
        "Neighborhoods of the pilot and of the city", columns, rows, notes=[CAUTION, *_vintages(book)]
    )
    return Section(
        _context_sentence(book, rows),
        table=table,
        figure=_context_figure(book, rows),
        flags=_context_flags(book, frames, where),
    )


def _pilot_tracts(book):
    """Tract of each subject in the pilot: all people of a person design, treated places of a panel."""
    study = book.study
    frame, _ = _one_row_each(book)
    if "tract_id" not in frame:
        raise EmiError(
            "no record says in which tract the pilot's people or places are", "Map a column to tract_id."
        )
    if analysis.is_panel(book):
        frame = frame[frame[study.arm] == study.labels[0]]
    return frame["tract_id"].dropna().astype(str)


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
                "source": SOURCES[source],
                "moe_pilot": _moe(frame, column, lived),
                "moe_city": _moe(frame, column, everywhere.index),
                "column": column,
            }
        )
    return rows


def _city_tracts(book, frame):
    """Tracts the city lists; without a list those of its county; without that all of the file."""
    units = book.data.tables.get("units")
    own = (
        set()
        if units is None or units.empty
        else set(units.loc[units["unit_type"] == "tract", "tract_id"].dropna())
    )
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


def _vintages(book) -> list[str]:
    vintages = {r.tract_vintage for r in book.config.data.reference.values()}
    words = [f"Tracts are those of {listed([str(v) for v in sorted(vintages)])}."] if vintages else []
    units = book.data.tables.get("units")
    own = units is not None and not units.empty and (units["unit_type"] == "tract").any()
    return words + (
        [] if own else ["City: all tracts of the county or of the file, since the city lists no tracts."]
    )


def _context_sentence(book, rows) -> str:
    mobility = next((r for r in rows if r["column"] == MOBILITY), None)
    if mobility is None:
        return sentence(
            f"The neighborhoods of the pilot are compared with the city on {counted(len(rows), 'measure')}. {CAUTION}"
        )
    pilot, city = 100 * mobility["pilot"], 100 * mobility["city"]
    place = "close to" if abs(pilot - city) < 0.5 else "above" if pilot > city else "below"
    who = (
        f"the pilot's {book.study.unit_label} lie"
        if analysis.is_panel(book)
        else f"{book.study.unit_label} in the pilot live"
    )
    return sentence(
        f"{who} in neighborhoods where children of low-income parents reached on average the "
        f"{_ordinal(round(pilot))} income percentile, {place} the city average of {round(city)}. {CAUTION}"
    )


def _ordinal(n: int) -> str:
    ending = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def _context_figure(book, rows):
    shown = [r for r in rows if r["kind"] == "share"]
    if not shown:
        return None
    gap = max(shown, key=lambda r: abs(r["pilot"] - r["city"]))
    more = "more" if gap["pilot"] > gap["city"] else "less"
    title = f"{gap['what']}: {100 * gap['pilot']:.0f} where the pilot is, {100 * gap['city']:.0f} in the city"
    sheet = {
        "title": title,
        "subtitle": "Full dot: pilot, hollow dot: city. Averages in percent (income rank: percentile)",
        "note": f"Source: {listed(sorted({r['source'] for r in rows}))}. Averages of neighborhoods, not of families.",
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
                Flag(
                    "ACS_MOE", "info", name, f"Values of single tracts are too uncertain to read for {words}."
                )
            )
    return flags


def _unreliable(frame, column, where) -> bool:
    """True when over a fifth of the pilot's tracts have a coefficient of variation above 30 %."""
    own = frame[frame["GEOID"].isin(where)]
    cv = (own[f"{column}_moe"] / MOE_TO_SE / own[column]).abs()
    return bool((cv > UNRELIABLE_CV).mean() > 0.2) if not is_missing(cv.mean()) else False
