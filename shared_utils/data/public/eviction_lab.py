"""Eviction Lab: filings by county 2000 to 2018, by tract 2000 to 2016, and the tracking system since 2020.

Gromis et al., "Estimating Eviction Prevalence across the United States" (2022); Hepburn, Louis and Desmond, "Eviction
Tracking System" (2020); Desmond et al., "Eviction Lab National Database 1.0" (2018). A filing is a court case begun,
not a household put out. Estimates where a court gave no data are those of a model.
"""

from shared_utils.data.public import files, values
from shared_utils.data.public.files import File
from shared_utils.data.public.kind import Area, Kind, Reference

YES = ("1", "1.0", "true", "True", "TRUE")
FILINGS = "Eviction filings a year"
RATE = "Eviction filings per 100 renter households"
THREATENED = "Households threatened with eviction a year"


def estimates(kind: Kind, file: File, area: Area | None) -> Reference:
    """Read county_eviction_estimates_2000_2018.csv: filings, their interval, `modelled` where no court gave data."""
    renamed = {
        "renting_hh": "renter_households", "filings_estimate": "filings", "filings_ci_95_lower": "filings_low",
        "filings_ci_95_upper": "filings_high", "hh_threat_estimate": "threatened", "hh_threat_95_lower":
        "threatened_low", "hh_threat_95_upper": "threatened_high",
    }  # fmt: skip
    frame = _counties(file, [*renamed, "ind_filings_court_issued"], area)
    modelled = ~frame.pop("ind_filings_court_issued").isin(YES)
    frame = values.numbers(file, frame, ["year", *renamed]).rename(columns=renamed).assign(modelled=modelled)
    frame["filing_rate"] = _rate(frame["filings"], frame["renter_households"])
    return _reference(
        kind, file, frame, {"filings": FILINGS, "filing_rate": RATE, "threatened": THREATENED},
        values.note(int(modelled.sum()), "year", "estimates of a model, with no court data behind them."),
    )  # fmt: skip


def court_issued(kind: Kind, file: File, area: Area | None) -> Reference:
    """Read county_court-issued_2000_2018.csv: filings as the courts reported them."""
    renamed = {"renting_hh": "renter_households", "filings_observed": "filings", "hh_threat_observed": "threatened"}
    landlord = "ind_filings_court_issued_lt"
    frame = _counties(file, [*renamed, landlord], area)
    only = frame.pop(landlord).isin(YES)
    frame = values.numbers(file, frame, ["year", *renamed]).rename(columns=renamed).assign(landlord_tenant_only=only)
    frame["filing_rate"] = _rate(frame["filings"], frame["renter_households"])
    mixed = values.note(int((~only).sum()), "year", "cases other than of landlords and tenants may be in it.")
    return _reference(kind, file, frame, {"filings": FILINGS, "filing_rate": RATE, "threatened": THREATENED}, mixed)


def proprietary(kind: Kind, file: File, area: Area | None) -> Reference:
    """Read county_proprietary_2000_2018.csv or county_proprietary_valid_2000_2018.csv; `imputed` marks filled years."""
    place = "cofips" if "cofips" in file.names else "id"
    renamed = {"filings": "filings", "filing_rate": "filing_rate", "threatened": "threatened",
               "judgements": "judgments", "judgement_rate": "judgment_rate"}  # fmt: skip
    frame = files.table(file, [place, "year", "type", *renamed], lambda f: values.code(f[place], 5), area)
    imputed = frame.pop("type").str.strip().str.lower() != "observed"
    frame = values.numbers(file, frame.drop(columns=place), ["year", *renamed])
    measures = {"filings": FILINGS, "filing_rate": RATE, "threatened": THREATENED,
                "judgments": "Eviction judgments a year",
                "judgment_rate": "Eviction judgments per 100 renter households"}  # fmt: skip
    return _reference(kind, file, frame.rename(columns=renamed).assign(imputed=imputed), measures,
                      values.note(int(imputed.sum()), "year", "imputed."))  # fmt: skip


def tracts(kind: Kind, file: File, area: Area | None) -> Reference:
    """Read tracts.csv of a state (version 1). Years keep their marks low-flag, imputed and subbed as yes or no."""
    measures = {"eviction-filings": FILINGS, "eviction-filing-rate": RATE, "evictions": "Evictions ordered a year",
                "eviction-rate": "Evictions ordered per 100 renter households"}  # fmt: skip
    numeric = ["year", *(n for n in ("renter-occupied-households", *measures) if n in file.names)]
    marks = [name for name in ("low-flag", "imputed", "subbed") if name in file.names]
    if file.first and len(file.first[file.names.index("geoid")]) not in (10, 11):
        raise file.refusal("it does not hold tracts.", "Fetch tracts.csv of the state, not cities.csv or another file.")
    frame = files.table(file, ["geoid", *numeric, *marks], lambda f: values.code(f["geoid"], 11), area)
    frame = values.numbers(file, frame.drop(columns="geoid"), numeric)
    frame = frame.assign(**{mark: frame[mark].isin(YES) for mark in marks})
    words = {"low-flag": "thought to be too low.", "imputed": "imputed.", "subbed": "from another data provider."}
    notes = [note for mark in marks for note in values.note(int(frame[mark].sum()), "row", words[mark])]
    return _reference(kind, file, frame, {n: w for n, w in measures.items() if n in frame}, tuple(notes), vintage=2010)


def tracking(kind: Kind, file: File, area: Area | None) -> Reference:
    """Read a city or state file of the tracking system, by month or week.

    `filings_2020` is the count of whatever month the row is about, and becomes `filings`. `filings_avg` is the mean
    of 2023 and 2024: it is left out, since a comparison with it would be circular. `baseline` is the mean before the
    pandemic. The last period is not complete and is left out. GEOID is a tract, a ZIP code, or "sealed".
    """
    import pandas as pd

    when = "month" if "month" in file.names else "week_date"
    older = "filings_avg_prepandemic_baseline"
    baseline = [older] if older in file.names else []
    more = [name for name in ("city", "type") if name in file.names]
    frame = files.table(file, ["geoid", *more, when, "filings_2020", *baseline], _place, None)
    form = "%m/%Y" if when == "month" else None
    dates = pd.to_datetime(frame[when].str.strip(), format=form, errors="coerce")
    if dates.isna().any():
        wrong = frame.loc[dates.isna(), when].iloc[0]
        raise file.refusal(f"row {int(dates.index[dates.isna()][0]) + 2}: '{wrong}' is no {when}.", files.AGAIN)
    frame = values.numbers(file, frame, ["filings_2020", *baseline])
    frame.insert(1, "date", dates)
    frame = frame[dates < dates.max()]
    if frame.empty:
        raise file.refusal("it holds one period only, and the last is never complete.", "Fetch the file of all months.")
    sealed = int(frame.loc[frame["GEOID"].str.lower() == "sealed", "filings_2020"].sum())
    notes = [f"The last {when.split('_')[0]} of the file is not complete and was left out."]
    notes += [f"{sealed:,} filings are sealed: they count, and have no place."] if sealed else []
    if not baseline:
        notes.append("The file has no mean from before the pandemic: compare months with the city's own past only.")
    kept = frame.drop(columns=["geoid", when]).rename(columns={"filings_2020": "filings", older: "baseline"})
    measures = {"filings": "Eviction filings a " + when.split("_")[0],
                "baseline": "Mean of the same month before the pandemic"}  # fmt: skip
    return kind.reference(
        file, kept.reset_index(drop=True), unit="court", period=values.span(kept["date"]),
        measures={n: w for n, w in measures.items() if n in kept}, notes=tuple(notes),
    )  # fmt: skip


def _place(frame):
    return frame["geoid"].str.strip().replace("", "sealed")


def _counties(file: File, columns: list[str], area: Area | None):
    frame = files.table(file, ["fips_county", "year", *columns], lambda f: values.code(f["fips_county"], 5), area)
    return frame.drop(columns="fips_county")


def _rate(filings, households):
    return 100 * filings / households.where(households > 0)


def _reference(kind, file, frame, measures, notes, vintage=None) -> Reference:
    frame = frame.assign(year=frame["year"].astype(int)).sort_values(["GEOID", "year"]).reset_index(drop=True)
    unit = "tract" if vintage else "county"
    return kind.reference(file, frame, unit=unit, vintage=vintage, period=values.span(frame["year"]),
                          measures=measures, notes=notes)  # fmt: skip


def _kind(id: str, **facts) -> Kind:
    return Kind(id=id, source="Eviction Lab", publisher="Eviction Lab (Princeton University)",
                caution=f"{CAUTION} {facts.pop('also')}", **facts)  # fmt: skip


CAUTION = "A filing is a court case, not a family put out of its home; moves without a court are not counted."
DATABASE = ("Gromis, Fellows, Hendrickson, Edmonds, Leung, Porton and Desmond, Estimating Eviction Prevalence across "
            "the United States, Princeton University Eviction Lab (2022).")  # fmt: skip
KINDS = (
    _kind("eviction_county_estimates", fetch="county_eviction_estimates_2000_2018.csv", read=estimates,
          shows="Eviction filings of the county, 2000 to 2018, with their interval", citation=DATABASE,
          also="Years without court data come from a model with wide intervals: never use them as outcomes.",
          signature=("fips_county", "year", "renting_hh", "filings_estimate", "ind_filings_court_issued",
                     "filings_ci_95_lower", "filings_ci_95_upper", "hh_threat_estimate", "hh_threat_95_lower",
                     "hh_threat_95_upper")),
    _kind("eviction_county_court", fetch="county_court-issued_2000_2018.csv", read=court_issued,
          shows="Eviction filings the county's courts reported, 2000 to 2018", citation=DATABASE,
          also="Some courts count other cases too. It does not join to the tracking system where courts differ.",
          signature=("fips_county", "year", "renting_hh", "filings_observed", "ind_filings_court_issued_lt",
                     "hh_threat_observed")),
    _kind("eviction_county_proprietary", fetch="county_proprietary_valid_2000_2018.csv", read=proprietary,
          shows="Eviction filings and judgments of the county, where its records are complete", citation=DATABASE,
          also="Only the file named 'valid' was checked against the courts.",
          signature=("year", "type", "filings", "filing_rate", "threatened", "judgements", "judgement_rate"),
          check=lambda file: "cofips" in file.names or {"id", "name", "parent_location"} <= set(file.names)),
    _kind("eviction_tracts", fetch="tracts.csv of state {state} (version 1)", read=tracts,
          shows="Filing rates of the pilot's neighborhoods beside the city's",
          citation="Desmond et al., Eviction Lab National Database: Version 1.0, Princeton University (2018).",
          also="It ends in 2016, and marks years that are too low, imputed or from another provider.",
          signature=("geoid", "year", "eviction-filings", "eviction-filing-rate")),
    _kind("eviction_tracking", fetch="The monthly file of the city in the Eviction Tracking System", read=tracking,
          shows="Eviction filings around the pilot, month by month",
          citation="Hepburn, Louis and Desmond, Eviction Tracking System: Version 1.0, Princeton University (2020).",
          also="It covers the county's court, not the city's limits, and does not join to the years before it where "
          "courts differ (New Orleans).",
          signature=("type", "geoid", "filings_2020"),
          check=lambda file: "month" in file.names or "week_date" in file.names),
)  # fmt: skip
