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
        file, made, unit=unit, period=values.span(made["year"]), measures={m: m.replace("_", " ") for m in metrics},
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
