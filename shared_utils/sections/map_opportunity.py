"""The map of a city's tracts in thirds by opportunity, with the tracts the pilot serves (B4).

Public files and the list of tracts in city.yml, nothing else: no table of the city's own data comes here, so that no
value of people can ever be drawn by tract.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared_utils.data import places, reference
from shared_utils.data.public import Reference
from shared_utils.errors import EmiError
from shared_utils.results import Flag
from shared_utils.sections import charts_map, map_places
from shared_utils.sections.figures import Figure
from shared_utils.sections.wording import counted

if TYPE_CHECKING:
    from shared_utils.config import CityConfig

ATLAS, MAP_FILE, TRACTS, LIMITS = "opportunity_atlas", "opportunity_atlas_map", "boundaries_tract", "boundaries_city"
KINDS = (ATLAS, MAP_FILE, TRACTS, LIMITS)
RANK = reference.MOBILITY
INCOME = re.compile(r"household_income_at_age_(\d+)_rp_gp_p25")  # everybody's, of low-income parents
WATER = "9900"  # Census number of tracts that hold water only
NAMES = ("lowest", "middle", "highest")
HISTORY = "They were born 1978 to 1983, so this is history and never a result of the pilot."
RECODE = ("Write them in tracts of {vintage}: the Census geocoder gives both years, and the Census Bureau's tract "
          "relationship file says which tract became which.")  # fmt: skip


@dataclass(frozen=True)
class TractMap:
    """The map, what it says in words, and what to know about it."""

    figure: Figure
    sentence: str
    flags: tuple[Flag, ...] = ()


def draw(files: Mapping[str, Reference], config: "CityConfig", stamp: str) -> TractMap | None:
    """Return the map, or None when no values or no boundaries of tracts are there (`wanted` says what to fetch).

    files: {kind: Reference} of the published files. Raises EmiError when they cannot be drawn together: other census
    years, no tract of the city.
    """
    values = next((files[kind] for kind in (ATLAS, MAP_FILE) if kind in files), None)
    if values is None or TRACTS not in files:
        return None
    catchment = config.pilot.catchment
    _check_vintages(values, files[TRACTS], catchment)
    served = set(catchment.tracts) if catchment else set()
    frame, where = _tracts(files, config, served)
    measure = _measure(values)
    frame["value"] = frame["GEOID"].map(values.frame.drop_duplicates("GEOID").set_index("GEOID")[measure])
    if frame["value"].notna().sum() < len(NAMES):
        raise EmiError(f"{values.source} ({values.release}) has a value for fewer than three tracts of {where}",
                       "Fetch the file of the city's state, or of the whole country.")  # fmt: skip
    frame["third"] = places.terciles(frame["value"])
    return _drawn(frame, served, _Words(config, values, files, measure, where), stamp)


def wanted(files: Mapping[str, Reference], config: "CityConfig") -> list[str]:
    """Return the kinds of files that are missing for the map."""
    values = [] if ATLAS in files or MAP_FILE in files else [MAP_FILE]
    return values + [kind for kind in (TRACTS, LIMITS) if kind not in files]


def _check_vintages(values: Reference, tracts: Reference, catchment) -> None:
    if values.vintage != tracts.vintage:
        raise EmiError(
            f"the boundaries ({tracts.release}) are tracts of {tracts.vintage}, {values.source} has tracts of "
            f"{values.vintage}: the same code can be another place, so no map is drawn",
            f"Fetch boundaries with tracts of {values.vintage} (those of 2010 to 2019 for 2010, such as cb_2018) from "
            "the US Census Bureau.",
        )
    if catchment and catchment.tract_vintage != values.vintage:
        raise EmiError(
            f"pilot.catchment in city.yml has tracts of {catchment.tract_vintage}, {values.source} has tracts of "
            f"{values.vintage}: the same code can be another place, so no map is drawn",
            RECODE.format(vintage=values.vintage),
        )


def _tracts(files, config, served: set[str]):
    """Return the tracts to draw, and the words for where they lie: the city's by its limits, else the county's."""
    frame, city = files[TRACTS].frame, config.city
    shape = map_places.city_shape(files[LIMITS].frame, city.name) if LIMITS in files else None
    if shape:
        kept, where = map_places.within(frame["polygons"], shape), city.name
        where += " and of the pilot" if frame.loc[~kept, "GEOID"].isin(served).any() else ""
    elif city.county_fips:
        kept, where = frame["GEOID"].str.startswith(city.state_fips + city.county_fips), f"the county of {city.name}"
    else:
        raise EmiError(f"nothing says which tracts are those of {city.name}",
                       f"Put the limits of the city into data/public_ref (cb_YEAR_{city.state_fips}_place_500k), or "
                       "write city.county_fips into city.yml.")  # fmt: skip
    found = frame[(kept | frame["GEOID"].isin(served)) & (frame["GEOID"].str[5:9] != WATER)]
    if found.empty:
        raise EmiError(f"{files[TRACTS].release} has no tract of {where}", "Fetch the boundaries of the city's state.")
    return found.reset_index(drop=True), where


def _measure(values: Reference) -> str:
    """The measure to draw: everybody's, of low-income parents."""
    found = next((name for name in values.frame if name == RANK or INCOME.fullmatch(name)), None)
    if found is None:
        raise EmiError(f"{values.source} ({values.release}) has no incomes of all children of low-income parents",
                       "Fetch the download of the map named tract_kfr_rP_gP_p25.csv.")  # fmt: skip
    return found


@dataclass(frozen=True)
class _Words:
    config: "CityConfig"
    values: Reference
    files: Mapping[str, Reference]
    measure: str
    where: str

    def amount(self, value: float) -> str:
        return f"rank {100 * value:.0f}" if self.measure == RANK else f"${round(value, -2):,.0f}"

    @property
    def about(self) -> str:
        if self.measure == RANK:
            return "Mean income rank in adulthood, of 100, of children of low-income parents"
        age = INCOME.fullmatch(self.measure)[1]
        return f"Mean household income at age {age}, in dollars of 2015, of children of low-income parents"

    @property
    def source(self) -> str:
        limits = f", {self.files[LIMITS].release}" if LIMITS in self.files else ""
        return (f"Source: {self.values.source} ({self.values.release}); {self.files[TRACTS].source} "
                f"({self.files[TRACTS].release}{limits}).")  # fmt: skip


def _drawn(frame, served: set[str], words: _Words, stamp: str) -> TractMap:
    parts = [frame[frame["third"] == name] for name in places.OPPORTUNITY_TERCILE[:3]]
    none = frame[frame["third"] == places.UNKNOWN]
    mine = frame[frame["GEOID"].isin(served)]
    low = int((mine["third"] == places.OPPORTUNITY_TERCILE[0]).sum())
    edge = words.amount(parts[0]["value"].max())
    title = f"Lowest third of tracts: children of low-income parents reached {edge} or less"
    if len(mine):
        tracts = f"tract{'' if len(mine) == 1 else 's'} {'is' if low == 1 else 'are'}"
        title = f"{low} of the pilot's {len(mine)} {tracts} in the lowest third for later income"
    key = [f"{name.capitalize()} third: {words.amount(p['value'].min())}\nto {words.amount(p['value'].max())}"
           for name, p in zip(NAMES, parts, strict=True)]  # fmt: skip
    key += [f"No value ({counted(len(none), 'tract')})"] if len(none) else []
    sheet = {"title": title, "subtitle": _subtitle(words), "note": _note(words, len(none)), "stamp": stamp}
    alt = (f"Map of the {len(frame):,} census tracts of {words.where} in three shades. {title}. "
           + "; ".join(line.replace("\n", " ") for line in key) + ".")  # fmt: skip
    shapes, edges = [list(p["polygons"]) for p in parts], map_places.outline(mine["polygons"])
    figure = charts_map.thirds(shapes, list(none["polygons"]), edges, sheet, alt, key, "Tracts of the pilot")
    return TractMap(figure, _sentence(frame, words, edge, low, len(mine)), _flags(served - set(mine["GEOID"]), words))


def _subtitle(words: _Words) -> str:
    return f"{words.about}. Census tracts of {words.where} ({words.values.vintage}), a third in each shade"


def _note(words: _Words, none: int) -> str:
    return " ".join(filter(None, [
        words.source,
        "About children born 1978 to 1983: history, never an outcome of the pilot.",
        "Hatched: too few children, or not published." if none else "",
        "" if LIMITS in words.files else "No city limits are there, so the whole county is drawn.",
    ]))  # fmt: skip


def _sentence(frame, words: _Words, edge: str, low: int, served: int) -> str:
    text = (f"The map shows the {len(frame):,} tracts of {words.where} in three equal groups. In the lowest group, "
            f"children of low-income parents later reached {edge} or less.")  # fmt: skip
    if served:
        are, tracts = "is" if low < 2 else "are", "tract" if served == 1 else "tracts"
        text += f" Of the pilot's {served} {tracts}, {low or 'none'} {are} there."
    return f"{text} {HISTORY}"


def _flags(lost: set[str], words: _Words) -> tuple[Flag, ...]:
    """Tell of tracts that are not on the map by their place in city.yml: no tract code may stand in a release."""
    if not lost:
        return ()
    listed = words.config.pilot.catchment.tracts
    first = next(i for i, code in enumerate(listed) if code in lost)
    message = (f"{counted(len(lost), 'tract')} of pilot.catchment {'is' if len(lost) == 1 else 'are'} not in "
               f"{words.files[TRACTS].release} and not drawn, the first is tracts[{first}]. Check the codes and their "
               "census year.")  # fmt: skip
    return (Flag("CATCHMENT_TRACTS", "warn", "city.yml", message),)
