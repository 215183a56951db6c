"""Urban Institute's Upward Mobility metrics of counties and places: one column a metric, `_lb`, `_ub`, `_quality`.

Urban Institute, "Boosting Upward Mobility from Poverty". Quality 1 is good, 2 has some issues; of 3 the publisher says
that a community should not act on it, so its values are not kept.
"""

from shared_utils.data.public import files, values
from shared_utils.data.public.files import File
from shared_utils.data.public.kind import Area, Kind, Reference

UNUSABLE = 3
PLACES = {"county": ("county", 3), "place": ("city", 5)}
PARTS = ("value", "lb", "ub", "quality")
_HOMES = "for each household with at most {}% of the area's median income"
# The publisher's names do not tell the unit: what is called a share of homes is homes for each household.
WORDS = {
    **{f"share_affordable_{n}_ami": f"Homes affordable {_HOMES.format(n)}" for n in (30, 50, 80)},
    **{
        f"share_affordable_available_{n}_ami": f"Homes affordable and available {_HOMES.format(n)}"
        for n in (30, 50, 80)
    },
    **{
        f"pctl_income_{n}": f"Household income that {n} of 100 stay below, in dollars of the year" for n in (20, 50, 80)
    },
    "share_employed": "Share of people aged 25 to 54 who work, 0 to 1",
    "share_homeless": "Share of public-school students who were homeless, 0 to 1",
    "share_poverty_exposure": "Share of people in poverty who live in high-poverty tracts, 0 to 1",
    "share_economic_connectedness": "Share of high-income friends among people of low income, 0 to 1",
    "share_transit_commuter": "Share of workers who commute by transit, 0 to 1",
    "share_transportation_cost": "Cost of transport as a share of income, 0 to 1",
    "share_in_preschool": "Share of children aged 3 and 4 in preschool, 0 to 1",
    "share_hs_degree": "Share of people aged 19 and 20 with a high-school degree, 0 to 1",
    "share_digital_access": "Share of households with broadband, 0 to 1",
    "share_debt_coll": "Share of adults with debt in collections, 0 to 1",
    "share_election_turnout": "Share of possible voters who voted, 0 to 1",
    "ratio_living_wage": "Average pay as a multiple of a living wage",
    "rate_low_birth_weight": "Share of births under 2,500 grams, 0 to 1",
    "rate_injury_death": "Deaths from injury per 100,000 people",
    "rate_crime_violent": "Reported violent crimes per 100,000 people",
    "rate_crime_property": "Reported property crimes per 100,000 people",
    "count_membership_associations_per_10k": "Membership associations per 10,000 people",
}


def read(kind: Kind, file: File, area: Area | None) -> Reference:
    """Read one file into rows of GEOID, year, subgroup_type, subgroup, metric, value, lb, ub and quality."""
    import pandas as pd

    place = next(name for name in PLACES if name in file.names)
    unit, width = PLACES[place]
    metrics = _metrics(file)
    columns = [n for m in metrics for n in (m, f"{m}_lb", f"{m}_ub", f"{m}_quality") if n in file.names]
    groups = [name for name in ("subgroup_type", "subgroup") if name in file.names]
    place_code = values.codes({"state": 2, place: width})
    frame = files.table(file, ["state", place, "year", *groups, *columns], place_code, area)
    frame = values.numbers(file, frame, ["year", *columns]).astype({"year": int})
    frame = frame.assign(**{name: "all" for name in ("subgroup_type", "subgroup") if name not in groups})
    pieces = [_long(frame, metric) for metric in metrics]
    made = pd.concat(pieces, ignore_index=True)
    unusable = made["quality"] == UNUSABLE
    hidden = int((unusable & made["value"].notna()).sum())
    made.loc[unusable, ["value", "lb", "ub"]] = float("nan")
    return kind.reference(
        file, made, unit=unit, period=values.span(made["year"]),
        measures={m: WORDS.get(m, m.replace("_", " ")) for m in metrics},
        notes=values.note(hidden, "value", "left out, since the publisher says not to act on it."),
    )  # fmt: skip


def _long(frame, metric: str):
    given = {part: metric if part == "value" else f"{metric}_{part}" for part in PARTS}
    rows = frame[["GEOID", "year", "subgroup_type", "subgroup"]].assign(metric=metric)
    return rows.assign(**{part: frame[name] if name in frame else float("nan") for part, name in given.items()})


def _metrics(file: File) -> list[str]:
    return [name for name in file.names if f"{name}_quality" in file.names]


def _kind(id: str, place: str) -> Kind:
    return Kind(
        id=id, source="Urban Institute, Upward Mobility metrics", publisher="Urban Institute (Data Catalog)",
        fetch=f"The metrics files by {place} ('all years'), one or more", read=read, parts="rows",
        shows=f"Yearly measures of the {place} beside others: employment, incomes, affordable housing",
        caution="Values of 2014 to 2021 of a city are often shared out from larger areas; a step between 2021 and 2022 "
        "can be new survey areas. 2020 is missing, and incomes are in dollars of their year.",
        citation="Urban Institute, Boosting Upward Mobility from Poverty: mobility metrics, Data Catalog.",
        signature=("year", "state", place), check=lambda file: bool(_metrics(file)),
    )  # fmt: skip


KINDS = (_kind("mobility_metrics_county", "county"), _kind("mobility_metrics_city", "place"))
