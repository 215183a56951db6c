"""Opportunity Atlas: mean outcomes of children born 1978 to 1983, by the place they grew up in.

Chetty, Friedman, Hendren, Jones and Porter, "The Opportunity Atlas", NBER Working Paper 25147. Files: tract and
county outcomes of the data library (names {outcome}_{race}_{gender}_{percentile}), and the download of the map.
"""

import re

from shared_utils.data.public import files, values
from shared_utils.data.public.files import File
from shared_utils.data.public.kind import Area, Kind, Reference

RACES = {"pooled": "all", "black": "Black", "hisp": "Hispanic", "white": "White"}
OUTCOMES = {
    "kfr": "Income rank in adulthood of children of low-income parents, 0 to 1",
    "jail": "Share of children of low-income parents in jail or prison on April 1, 2010",
}
MAP_WORDS = {"P": "all", "W": "White", "B": "Black", "H": "Hispanic", "A": "Asian", "N": "Native American"}
MAP_INCOMES = {"p25": "low-income parents", "p50": "middle-income parents", "p75": "high-income parents",
               "pall": "parents of any income"}  # fmt: skip
HIGHEST_INCOME = 100_000  # dollars; means above come from lines drawn far outside the data

SOURCE = "Opportunity Atlas"
PUBLISHER = "Opportunity Insights (Harvard University) and the US Census Bureau"
CITATION = ("Chetty, Friedman, Hendren, Jones and Porter, The Opportunity Atlas: Mapping the Childhood Roots of Social "
            "Mobility, NBER Working Paper 25147.")  # fmt: skip
CAUTION = (
    "It is about children born 1978 to 1983, so it is history and never an outcome of this pilot. Groups with fewer "
    "than 20 children are left out, and noise was added to protect people."
)
PERIOD = "children born 1978 to 1983, their incomes in 2014 and 2015"


def outcomes(kind: Kind, file: File, area: Area | None) -> Reference:
    """Read tract_outcomes (simple or early) or county_outcomes: ranks of 0 to 1, `_se`, and counts of children.

    Shares in jail are kept as published, also the few below 0: they come from a fitted line, and noise was added.
    """
    tracts = "tract" in file.names
    found = {f"{o}_{r}_pooled_p25": f"{words} ({group})" for o, words in OUTCOMES.items() for r, group in RACES.items()}
    measures = {name: words for name, words in found.items() if name in file.names}
    errors = [f"{name}_se" for name in measures if f"{name}_se" in file.names]
    counts = [c for r in RACES for c in (f"{r}_pooled_count", f"kfr_{r}_pooled_n") if c in file.names]
    place = {"state": 2, "county": 3, **({"tract": 6} if tracts else {})}
    frame = files.table(file, [*place, *measures, *errors, *counts], values.codes(place), area).drop(columns=[*place])
    frame = values.numbers(file, frame, [*measures, *errors, *counts])
    ranks = [name for name in measures if name.startswith("kfr")]
    frame, wrong = values.without(frame, ranks, 0, 1)
    return kind.reference(
        file, frame.reset_index(drop=True), vintage=2010 if tracts else None, unit="tract" if tracts else "county",
        period=PERIOD, measures=measures, notes=values.note(wrong, "rank", "outside 0 to 1, left out."),
    )  # fmt: skip


def of_map(kind: Kind, file: File, area: Area | None) -> Reference:
    """Read a download of the map: place, Name and one outcome, whose name varies and is taken by position."""
    tracts = file.names[0] == "tract"
    place, _, measure = file.names
    digits = (lambda f: values.code(f[place], 11)) if tracts else _county
    frame = files.table(file, file.names, digits, area).drop(columns=place)
    frame = values.numbers(file, frame, [measure])
    wrong = 0
    if "income" in measure:
        frame, wrong = values.without(frame, [measure], 1e-9, HIGHEST_INCOME)
    return kind.reference(
        file, frame.reset_index(drop=True), vintage=2010 if tracts else None, unit="tract" if tracts else "county",
        period=PERIOD, measures={measure: _words(measure)},
        notes=values.note(wrong, "income", f"not between $0 and ${HIGHEST_INCOME:,}, an artefact, left out."),
    )  # fmt: skip


def _county(frame):
    """The map writes counties as cty39061."""
    column = frame.columns[0]
    return values.code(frame[column].str.removeprefix("cty"), 5)


def _words(measure: str) -> str:
    """Return household_income_at_age_35_rp_gp_p25 in words."""
    found = re.fullmatch(r"(.+?)_r([a-z])_g([a-z])_(p\w+)", measure)
    if not found:
        return measure.replace("_", " ").capitalize()
    what, race, gender, parents = found.groups()
    who = [MAP_WORDS.get(race.upper(), race), {"p": "", "m": "men", "f": "women"}.get(gender, gender)]
    unit = " in dollars of 2015" if "income" in what else ""
    of = MAP_INCOMES.get(parents, parents)
    return f"{what.replace('_', ' ').capitalize()}{unit}, children of {of} ({' '.join(filter(None, who))})"


def _is_map(file: File) -> bool:
    names = file.names
    return len(names) == 3 and names[0] in ("tract", "cty", "county") and names[1] == "name"


def _kind(id: str, **facts) -> Kind:
    return Kind(id=id, source=SOURCE, publisher=PUBLISHER, caution=CAUTION, citation=CITATION, **facts)


KINDS = (
    _kind("opportunity_atlas", fetch="'All outcomes by census tract' (tract_outcomes_simple.csv or "
          "tract_outcomes_early.csv) of the data library", read=outcomes,
          shows="The neighborhoods of the pilot beside the city's, and thirds of tracts by opportunity",
          signature=("state", "county", "tract", "kfr_pooled_pooled_p25")),
    _kind("opportunity_atlas_county", fetch="'All outcomes by county' (county_outcomes_simple.csv) of the data library",
          shows="The county's mobility with its standard error, by race", read=outcomes,
          signature=("state", "county", "kfr_pooled_pooled_p25"), absent=("tract",)),
    _kind("opportunity_atlas_map", fetch="The download of the map for census tracts, one file an outcome "
          "(such as tract_kfr_rP_gP_p25.csv)", shows="A map of the city's tracts", read=of_map, check=_is_map,
          parts="columns"),
)  # fmt: skip
