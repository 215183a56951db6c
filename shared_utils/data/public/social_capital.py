"""Social Capital Atlas: friendships across income, by county and ZIP code.

Chetty, Jackson, Kuchler, Stroebel et al., "Social capital I" and "II", Nature 608 (2022). Economic connectedness is
twice the share of people with above-median income among the friends of people with below-median income: 0 to 2.
"""

from shared_utils.data.public import files, values
from shared_utils.data.public.files import File
from shared_utils.data.public.kind import Area, Kind, Reference

MEASURES = {
    "ec": "Economic connectedness (2 = friendships do not depend on income)",
    "exposure_grp_mem": "Exposure to people of higher income in groups",
    "bias_grp_mem": "Friending bias in groups",
    "clustering": "Share of friends' friends who are friends",
    "support_ratio": "Share of friendships with a friend in common",
    "volunteering_rate": "Share of people in volunteering groups",
    "civic_organizations": "Civic organizations per 1,000 people",
}
COUNTS = ("num_below_p50", "pop2018")


def read(kind: Kind, file: File, area: Area | None) -> Reference:
    """Read social_capital_county.csv or social_capital_zip.csv. A small ZIP's blank cells were left out to protect."""
    zips = "zip" in file.names
    unit = "zip" if zips else "county"
    measures = {f"{name}_{unit}": words for name, words in MEASURES.items() if f"{name}_{unit}" in file.names}
    extra = [name for name in (f"ec_se_{unit}", *COUNTS) if name in file.names]
    frame = files.table(file, ["zip", "county", *measures, *extra], lambda f: values.code(f["county"], 5), area)
    frame = values.numbers(file, frame, [*measures, *extra])
    if zips:
        frame = frame.assign(county=frame["GEOID"], GEOID=values.code(frame["zip"], 5))
        frame = frame[frame["GEOID"] != ""]
    blank = int(frame[f"ec_{unit}"].isna().sum())
    return kind.reference(
        file, frame.drop(columns="zip" if zips else "county").reset_index(drop=True), unit=unit,
        period="2022, people aged 25 to 44", measures=measures,
        notes=(f"Economic connectedness is not published for {blank:,} of {len(frame):,} places.",) if blank else (),
    )  # fmt: skip


def _kind(id: str, fetch: str, shows: str, unit: str, **facts) -> Kind:
    return Kind(
        id=id, source="Social Capital Atlas", fetch=fetch, shows=shows, read=read,
        publisher="Opportunity Insights and Meta, on the Humanitarian Data Exchange",
        caution="One picture of 2022, of people aged 25 to 44 on one network. It cannot be followed over time and is "
        "never an outcome of this pilot. A ZIP code is not part of one city or county only.",
        citation="Chetty, Jackson, Kuchler, Stroebel et al., Social Capital I and II, Nature 608 (2022).",
        signature=("county", f"ec_{unit}", f"clustering_{unit}"), **facts,
    )  # fmt: skip


KINDS = (
    _kind("social_capital_zip", "social_capital_zip.csv of the August 2022 release",
          "Friendships across income in the ZIP codes of the county", "zip"),
    _kind("social_capital_county", "social_capital_county.csv of the August 2022 release",
          "Friendships across income in the county", "county"),
)  # fmt: skip
