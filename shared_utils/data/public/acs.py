"""American Community Survey, five-year estimates by tract, in the three forms the Census Bureau publishes.

API (JSON: a list of lists, all text), table-based summary file (acsdt5y2022-b19013.dat, bars) and data.census.gov
(CSV, two header rows). One file holds one or more detailed tables; estimates end in E, 90 % margins of error in M.
Margins of shares are those of the Census Bureau's handbook "Understanding and Using ACS Data" (2018), chapter 8.
"""

import re
from dataclasses import dataclass

import numpy as np

from shared_utils.data.public import files, values
from shared_utils.data.public.files import File
from shared_utils.data.public.kind import Area, Kind, Reference

# What the Census Bureau writes where there is no number ("Notes on ACS Estimate and Annotation Values").
MISSING = (*values.MISSING, "-", "--", "N", "(X)", "X", "*", "**", "***", "*****", "-1",
           *(f"-{str(digit) * 9}{end}" for digit in (2, 3, 5, 6, 8, 9) for end in ("", ".0")))  # fmt: skip
# Medians beyond the open-ended classes: the code written -> the limit. 250001 means $250,000 or more.
LIMITS = {"B19013_001": {2_499: 2_500, 250_001: 250_000}, "B25064_001": {99: 100, 3_501: 3_500}}
TRACTS_OF_2020 = 2020  # releases from this year on use the tracts of 2020
LEVEL = "1400000US"  # summary level 140: census tracts
VARIABLE = re.compile(r"([bc]\d{5}[a-z]*)_(?:(\d{3})([em])|([em])(\d{3}))", re.IGNORECASE)


@dataclass(frozen=True)
class Measure:
    """A median or count (`top` alone), or the share of the sum of `top` in `of`, less `less`."""

    words: str
    top: tuple[str, ...]
    of: str = ""
    less: str = ""


def _cells(table: str, *numbers: int) -> tuple[str, ...]:
    return tuple(f"{table}_{number:03d}" for number in numbers)


MEASURES = {
    "households": Measure("Households", _cells("B25003", 1)),
    "renter_households": Measure("Households that rent", _cells("B25003", 3)),
    "median_rent": Measure("Median gross rent in dollars", _cells("B25064", 1)),
    "median_hh_income": Measure("Median household income in dollars", _cells("B19013", 1)),
    "poverty_share": Measure("Share of people below the poverty level", _cells("B17001", 2), "B17001_001"),
    "unemployment_share": Measure("Share of the labor force without a job", _cells("B23025", 5), "B23025_003"),
    "hs_or_more_share": Measure("Share of adults with at least high school", _cells("B15003", *range(17, 26)),
                                "B15003_001"),
    "rent_burden_share": Measure("Share of renters who pay 30% or more of income", _cells("B25070", 7, 8, 9, 10),
                                 "B25070_001", "B25070_011"),
}  # fmt: skip
TABLES = sorted({name.split("_")[0] for measure in MEASURES.values() for name in measure.top})


def read(kind: Kind, file: File, area: Area | None) -> Reference:
    """Read a file in any of the three forms. Columns are measures, each with `_moe`; a median beyond its open-ended
    class is set to the limit and marked in `<measure>_limit`."""
    release = _release(file)
    frame = _json(file, area) if file.content is not None else _table(file, area)
    names = {name: found for name in frame.columns[1:] if (found := _variable(name))}
    frame = frame[["GEOID", *names]].assign(**{name: _written_out(frame[name]) for name in names})
    frame = values.numbers(file, frame, names, MISSING).rename(columns=names)
    made = {"GEOID": frame["GEOID"]}
    measures, capped = {}, 0
    for name, measure in MEASURES.items():
        if all(f"{v}E" in frame for v in (*measure.top, measure.of, measure.less) if v):
            measures[name] = measure.words
            made |= _share(frame, name, measure) if measure.of else _plain(frame, name, measure.top[0])
            capped += int(made[f"{name}_limit"].sum()) if f"{name}_limit" in made else 0
    if not measures:
        raise file.refusal("it has none of the tables a page uses.", f"Fetch one of {', '.join(TABLES)}.")
    import pandas as pd

    return kind.reference(
        file, pd.DataFrame(made).reset_index(drop=True), release=f"{release} (five years)",
        vintage=2020 if release >= TRACTS_OF_2020 else 2010, unit="tract", period=f"{release - 4} to {release}",
        measures=measures, notes=values.note(capped, "median", "beyond the last class, set to its limit."),
    )  # fmt: skip


def _release(file: File) -> int:
    """Return the last of the five years, which only the file's name tells."""
    found = re.findall(r"(?<!\d)(20[0-3]\d)(?!\d)", file.path.stem)
    if len(set(found)) != 1:
        raise file.refusal("its name does not tell the year of the release.",
                           "Keep the published name, or name it such as acs5_2022_b19013.json.")  # fmt: skip
    if re.search(r"1y|acs1(?!\d)", file.path.stem, re.IGNORECASE):
        raise file.refusal("it is of the one-year survey, which has no tracts.", "Fetch the five-year estimates.")
    return int(found[0])


def _variable(name: str) -> str:
    """Return B19013_001E for B19013_001E and B19013_E001, "" for what is no estimate and no margin."""
    found = VARIABLE.fullmatch(name)
    if not found:
        return ""
    table, number, kind, first, last = found.groups()
    return f"{table}_{number or last}{kind or first}".upper()


def _written_out(cells):
    """Return 250,000+ and 2,500- as the API writes them (250001 and 2499), and 1,234 without its comma."""
    open_ended = cells.str.strip().str.extract(r"^(\d[\d,]*)([+-])$")
    limit = open_ended[0].str.replace(",", "").astype("Int64") + open_ended[1].map({"+": 1, "-": -1}).astype("Int64")
    return cells.str.replace(r"(?<=\d),(?=\d)", "", regex=True).where(limit.isna(), limit.astype("str"))


def _table(file: File, area: Area | None):
    """Rows of tracts of a .dat file or a CSV of data.census.gov, whose second row is words."""
    columns = ["geo_id", *(n for n in file.names if _variable(n))]
    words = 0 if "US" in file.first[file.names.index("geo_id")] else 1

    def geoid(frame):
        code = frame["geo_id"].str.strip()
        return code.str.removeprefix(LEVEL).where(code.str.fullmatch(LEVEL + r"\d{11}"), "")

    return files.table(file, columns, geoid, area, words).drop(columns="geo_id")


def _json(file: File, area: Area | None):
    """Rows of the API's answer; a number is written as text, and a missing one as null."""
    import pandas as pd

    header, rows = file.names, file.content[1:]
    wrong = next((n for n, row in enumerate(rows, 2) if not isinstance(row, list) or len(row) != len(header)), None)
    if wrong or not rows:
        what = f"row {wrong} has not {len(header)} values." if wrong else "there is no row below the header."
        raise file.refusal(what, files.AGAIN)
    frame = pd.DataFrame(rows, columns=header).fillna("").astype("str")
    frame.insert(0, "GEOID", values.codes({"state": 2, "county": 3, "tract": 6})(frame))
    frame = frame[frame["GEOID"] != ""]
    kept = frame[frame["GEOID"].str.startswith(area.state)] if area else frame
    if kept.empty:
        raise file.refusal(f"no tract of it is of {area or 'a state'}.", "Ask the API for tract:* in the city's state.")
    return kept


def _plain(frame, name: str, variable: str) -> dict:
    """A count or median with its margin, and whether it stands for a limit."""
    value = frame[f"{variable}E"]
    made = {name: value, f"{name}_moe": frame.get(f"{variable}M", np.nan)}
    if limits := LIMITS.get(variable):
        beyond = value.isin(list(limits))
        made |= {name: value.replace(limits), f"{name}_limit": beyond}
    return made


def _share(frame, name: str, measure: Measure) -> dict:
    """A share and its margin: sqrt(m_top^2 - p^2 m_of^2) / of, with + under the root where - would be negative."""
    top, m_top = _sum(frame, measure.top)
    of, m_of = _sum(frame, [measure.of])
    if measure.less:
        less, m_less = _sum(frame, [measure.less])
        of, m_of = of - less, np.sqrt(m_of**2 + m_less**2)
    share = top / of.where(of > 0)
    inside = m_top**2 - share**2 * m_of**2
    root = np.sqrt(inside.where(inside >= 0, m_top**2 + share**2 * m_of**2))
    return {name: share, f"{name}_moe": root / of.where(of > 0)}


def _sum(frame, variables):
    """A sum of estimates and its margin; of several estimates of zero the largest margin counts once."""
    values_ = frame[[f"{v}E" for v in variables]].to_numpy()
    margins = frame.reindex(columns=[f"{v}M" for v in variables]).to_numpy()
    zero = values_ == 0
    of_zeros = np.max(np.where(zero, margins, 0), axis=1)
    total = frame[f"{variables[0]}E"] * 0 + values_.sum(axis=1)
    return total, total * 0 + np.sqrt((np.where(zero, 0, margins) ** 2).sum(axis=1) + of_zeros**2)


def _is_acs(file: File) -> bool:
    found = any(_variable(name) for name in file.names)
    return found and ("geo_id" in file.names or {"state", "county", "tract"} <= set(file.names))


KINDS = (
    Kind(
        id="acs", source="American Community Survey", publisher="US Census Bureau", read=read, check=_is_acs,
        fetch=f"Five-year estimates of all tracts of state {{state}}: tables {', '.join(TABLES)}, from the API, "
        "data.census.gov or the table-based summary file; keep the year in the file's name",
        shows="Rents, income, poverty and education of the pilot's neighborhoods beside the city's",
        caution="Estimates of a sample over five years: values of one tract carry wide margins, and two releases that "
        "share years are no change over time. Releases from 2020 on use the tracts of 2020.",
        citation="US Census Bureau, American Community Survey, five-year estimates.", parts="columns",
    ),
)  # fmt: skip
