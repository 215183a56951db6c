"""Newark: eviction judgments in 80 tracts, 20 of them served from July 2019 (pilots.md 4.3, design 6).

Process. Renter households R_i = round(exp(ln 900 + .35 z')). ln rate = ln(.003) + .35 treated + .30 z_i
+ .08 cos(2 pi (t-1)/12) - .004 t + ar_it (rho .7, sd .15) + ln(.15) 1[t >= 38] + ln(.82) 1[treated, t >= 30],
t = 0..44 from 2017-01; judgments ~ Poisson(R x rate). Treated tracts have higher levels, not other trends.

Truth. Log incidence-rate ratio -0.1985 (IRR 0.82) in treated tracts, 2019-07 to 2020-02.
Scenario pretrend_violation adds -.006 a month to treated tracts from the first month on.
"""

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from shared_utils.data.synthetic import common, truth
from shared_utils.data.synthetic.common import Draw, Mix, RawFile, World
from shared_utils.data.synthetic.indicators import Given, Series, Signal

TRACTS, TREATED, MONTHS = 80, 20, pd.period_range("2017-01", "2020-09", freq="M")
START, LAST_PRIMARY, COVID = 30, 37, 38
LOG_IRR = np.log(0.82)
MIX = Mix(
    race={"black_nh": 0.55, "hispanic": 0.33, "white_nh": 0.06, "asian_nh": 0.02, "multi_other_nh": 0.04},
    gender={"female": 0.66, "male": 0.33, "nonbinary_other": 0.01},
    household={"single_adult_children": 0.42, "two_plus_adults_children": 0.22,
               "single_adult_no_children": 0.20,
               "two_plus_adults_no_children": 0.12, "other": 0.04},
)  # fmt: skip
RACE = {"black_nh": "Black", "hispanic": "Hispanic", "white_nh": "White", "asian_nh": "Asian",
        "multi_other_nh": "Other/multiple"}  # fmt: skip
GENDER = {"female": "F", "male": "M", "nonbinary_other": "X"}
HOUSEHOLD = {"single_adult_children": "Single parent",
             "two_plus_adults_children": "Couple/adults with children",
             "single_adult_no_children": "Single adult", "two_plus_adults_no_children": "Adults, no children",
             "other": "Other"}  # fmt: skip


def tract_multiplier(world: World, place: pd.DataFrame, rate: np.ndarray) -> np.ndarray:
    """Return each treated tract's multiple of the log IRR, so that the ratio of totals is still exp(LOG_IRR).

    `rate` are the tracts' expected counts without treatment over the primary window.
    """
    raw = common.effect_multiplier(world, place["tercile"])
    if not world.scenario.effect or not world.scenario.heterogeneous:
        return raw
    target = np.exp(LOG_IRR * world.scenario.effect)
    scale = brentq(lambda s: np.average(np.exp(s * raw * LOG_IRR), weights=rate) - target, 0.2, 5.0)
    return scale * raw


def panel(world: World, place: pd.DataFrame, pilot: np.ndarray) -> dict[str, np.ndarray]:
    """Return expected and drawn counts, each (tract, month), and the effect on the log rate."""
    rng = world.rng("outcomes")
    t = np.arange(len(MONTHS))
    shock = np.zeros((TRACTS, len(t)))
    shock[:, 0] = 0.15 * rng.standard_normal(TRACTS)
    for k in t[1:]:
        shock[:, k] = 0.7 * shock[:, k - 1] + 0.15 * np.sqrt(1 - 0.7**2) * rng.standard_normal(TRACTS)
    log_rate = (np.log(0.003) + (0.35 * pilot + 0.30 * place["z_rate"].to_numpy())[:, None]
                + 0.08 * np.cos(2 * np.pi * (t - 1) / 12) - 0.004 * t + shock)  # fmt: skip
    if world.scenario_name == "pretrend_violation":
        log_rate = log_rate - 0.006 * pilot[:, None] * t
    covid = np.log(0.15) * (t >= COVID) if world.scenario.covid else 0.0
    renters = place["renter_households"].to_numpy()[:, None]
    base = renters * np.exp(log_rate + covid)
    window = (t >= START) & (t <= LAST_PRIMARY)
    multiplier = tract_multiplier(world, place.loc[pilot == 1], base[pilot == 1][:, window].sum(axis=1))
    effect = np.zeros((TRACTS, len(t)))
    effect[np.ix_(pilot == 1, t >= START)] = (LOG_IRR * multiplier)[:, None]
    judgments, filings_mean = rng.poisson(base * np.exp(effect)), base / 0.42
    filings = np.maximum(rng.poisson(filings_mean * np.exp(0.3 * effect)), judgments)
    hearings = rng.binomial(filings, 0.78)
    lift = 0.18 * np.minimum(effect / LOG_IRR, 1.5)
    base_share = np.clip(0.22 + 0.03 * place["z_rate"].to_numpy()[:, None] + 0.05 * shock, 0.02, 0.9)
    return {
        "base": base, "effect": effect, "judgments": judgments, "filings": filings, "hearings": hearings,
        "represented": rng.binomial(hearings, np.clip(base_share + lift, 0.01, 0.97)),
        "lockouts": rng.binomial(judgments, 0.38),
        "repeat": rng.binomial(filings, np.clip(0.24 - 0.04 * (lift / 0.18), 0.01, 0.9)),
    }  # fmt: skip


def draw(world: World) -> Draw:
    """Return Newark's files and truth."""
    place = common.tracts(world, TRACTS, MIX)
    rng = world.rng("units", "panel")
    place["renter_households"] = np.round(np.exp(np.log(900) + 0.35 * rng.standard_normal(TRACTS))).astype(int)
    place["households"] = np.maximum(place["households"], (place["renter_households"] * 1.15).round().astype(int))
    place["z_rate"] = rng.standard_normal(TRACTS)
    pilot = np.zeros(TRACTS, dtype=int)
    pilot[world.rng("assignment").choice(TRACTS, TREATED, replace=False)] = 1
    border = np.where(pilot == 0, world.rng("assignment", "border").random(TRACTS) < 0.2, False).astype(int)

    counts = panel(world, place, pilot)
    window = slice(START, LAST_PRIMARY + 1)
    base, effect = counts["base"][pilot == 1, window], counts["effect"][pilot == 1, window]
    realised = np.log((base * np.exp(effect)).sum() / base.sum())
    wanted = LOG_IRR * world.scenario.effect
    households = _households(world, place)
    return Draw(
        files=[_tracts(place, pilot, border, counts), _rollout(place, pilot), _court(place, counts),
               _hearings(place, counts), households, _services(world, households.frame)],
        tracts=place, mix=MIX, series=_series(place, counts),
        costs={"monthly_fixed": 34_000, "per_person": 1_250, "people": len(households.frame),
               "category": "direct_support", "arm": "treated"},
        truth=truth.record(
            world,
            [truth.estimand("ATT_IRR", "eviction_judgments", wanted, realised, "log_irr",
                            "treated - comparison")],
            {"eviction_filings_log_irr": round(0.3 * realised, 6),
             "represented_share": round(0.18 * float(world.scenario.effect), 6)},
            {"treated_tracts": TREATED, "irr": float(np.exp(realised)),
             "rate_treated_before": _rate(counts, place, pilot == 1),
             "rate_other_before": _rate(counts, place, pilot == 0),
             "pretrend_per_month": -0.006 if world.scenario_name == "pretrend_violation" else 0.0}),
    )  # fmt: skip


def _rate(counts, place, rows) -> float:
    judgments = counts["judgments"][rows][:, :START].sum()
    return float(1000 * judgments / (place["renter_households"].to_numpy()[rows].sum() * START))


def _tracts(place, pilot, border, counts) -> RawFile:
    before = 1000 * counts["judgments"][:, :START].sum(axis=1) / (place["renter_households"] * START)
    shares = place[[f"share_{name}" for name in MIX.race]]
    frame = pd.DataFrame({
        "GEOID": place["geoid"], "Tract": place["geoid"], "Renter HH": place["renter_households"],
        "Pilot area": pilot,
        "Borders pilot area": border, "Judgment rate 2017-19": before.round(3),
        "Renter share": (place["renter_households"] / place["households"]).round(4),
        "Median rent": place["median_rent"], "Poverty share": place["poverty_share"],
        "Share Black": place["share_black_nh"], "Share Hispanic": place["share_hispanic"],
        "Largest group": shares.idxmax(axis=1).str.removeprefix("share_").map(RACE),
        "Family renter share": place["family_renter_share"],
    })  # fmt: skip
    return RawFile("tracts.csv", frame)


def _rollout(place, pilot) -> RawFile:
    frame = pd.DataFrame({
        "Tract": place["geoid"], "Area": np.where(pilot == 1, "Pilot", "Rest of city"),
        "Decided": pd.Timestamp("2019-05-20"),
        "First served": pd.Series(np.where(pilot == 1, np.datetime64("2019-07-01"), np.datetime64("NaT"))),
    })  # fmt: skip
    return RawFile("rollout.xlsx", frame, sheet="pilot_areas", title=("Pilot areas as decided in May 2019",))


def _panel_frame(place, **columns) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([place["geoid"], MONTHS], names=["geoid", "month"])
    return pd.DataFrame({k: v.ravel() for k, v in columns.items()}, index=index).reset_index()


def _court(place, counts) -> RawFile:
    """The court lists only tracts with a filing in the month, and commercial cases in rows of their own."""
    rows = _panel_frame(place, filings=counts["filings"], judgments=counts["judgments"], lockouts=counts["lockouts"])
    rows = rows[rows["filings"] > 0].assign(kind="RES")
    shops = rows.iloc[::37].assign(kind="COM", filings=1, judgments=0, lockouts=0)
    both = pd.concat([rows, shops]).sort_values(
        ["month", "geoid", "kind"], ascending=[True, True, False], kind="stable"
    )
    renters = place.set_index("geoid")["renter_households"]
    frame = pd.DataFrame({
        "Tract GEOID": both["geoid"], "Filing Month": both["month"].dt.strftime("%m/%Y"),
        "Case Type": both["kind"],
        "Filings": both["filings"], "Judgments": both["judgments"], "Lockouts": both["lockouts"],
        "Renter HH": both["geoid"].map(renters).map("{:,}".format),
        "Extracted": (both["month"] + 1).dt.to_timestamp() + pd.Timedelta(days=11),
    }).reset_index(drop=True)  # fmt: skip
    return RawFile("court_extract.csv", frame, encoding="utf-8-sig", duplicates=True, date_format="%Y-%m-%d")


def _hearings(place, counts) -> RawFile:
    """Shares of cases by tract and month, long: one row a measure; months without a case have no row."""
    parts = []
    for measure, top, bottom in (
        ("Represented", "represented", "hearings"),
        ("Repeat filing", "repeat", "filings"),
    ):
        rows = _panel_frame(place, top=counts[top], bottom=counts[bottom])
        rows = rows[rows["bottom"] > 0]
        parts.append(
            pd.DataFrame(
                {
                    "Tract GEOID": rows["geoid"],
                    "Month": rows["month"].dt.to_timestamp(),
                    "Measure": measure,
                    "Share": (rows["top"] / rows["bottom"]).round(6),
                    "Cases": rows["bottom"],
                    "Extracted": (rows["month"] + 1).dt.to_timestamp() + pd.Timedelta(days=12),
                }
            )
        )
    return RawFile("legal_aid_match.parquet", pd.concat(parts, ignore_index=True))


def _households(world: World, place) -> RawFile:
    """Households helped from July 2019 on; they have no outcome of their own in the analysis."""
    rng, n = world.rng("people"), 1_150
    p = common.people(rng, n, place, MIX, (19, 82))
    who = common.identifiers(n, "973")
    volume = common.covid_volume(world, MONTHS[START:])
    month = MONTHS[START:][common.choose(rng, n, np.arange(len(volume)), 0.35 + volume).astype(int)]
    applied = pd.DatetimeIndex(np.sort(common.plus_days(month.to_timestamp(), rng.integers(0, 27, n))))
    frame = pd.DataFrame({
        "Household ID": common.ids("NWK", n), "Tenant name": who["name"], "Street address": who["address"],
        "Phone": who["phone"], "Email": who["email"], "Tract": p["tract_id"], "Applied": applied,
        "Head's age": p["age"], "Head's gender": p["gender"].map(GENDER),
        "Race or ethnicity": p["race_ethnicity"].map(RACE), "Household": p["household_type"].map(HOUSEHOLD),
        "Persons": p["household_size"], "Yearly income": p["income"],
    })  # fmt: skip
    return RawFile(
        "assisted_households.csv", frame, id="Household ID", duplicates=True, date_format="%m/%d/%Y",
        may_miss={"Race or ethnicity": 0.08, "Household": 0.06, "Tract": 0.04, "Yearly income": 0.05},
        dates=("Applied",), money="Yearly income", tract="Tract",
    )  # fmt: skip


def _services(world: World, households: pd.DataFrame) -> RawFile:
    rng = world.rng("services")
    n = len(households)
    paid = rng.random(n) < 0.72
    lawyer = rng.random(n) < 0.55
    applied = pd.DatetimeIndex(households["Applied"])
    parts = []
    for mask, kind, unit, amount, lag in (
        (np.ones(n, bool), "contact", "count", np.ones(n), rng.integers(0, 10, n)),
        (lawyer, "representation", "count", np.ones(n), rng.integers(7, 40, n)),
        (paid, "payment", "usd", np.round(rng.gamma(4.0, 420.0, n), 2), rng.integers(8, 45, n)),
    ):
        parts.append(
            pd.DataFrame(
                {
                    "household_id": households["Household ID"][mask],
                    "service": kind,
                    "service_day": common.plus_days(applied[mask], lag[mask]),
                    "amount": amount[mask],
                    "unit": unit,
                    "delivered": True,
                }
            )
        )
    frame = pd.concat(parts).sort_values(["service_day", "household_id"], kind="stable", ignore_index=True)
    frame.insert(0, "entry", [f"s_{i + 1:06d}" for i in range(len(frame))])
    return RawFile("services.parquet", frame, id="household_id", duplicates=True, orphans=True)


def _series(place, counts) -> list:
    def given(name: str, top: str) -> Given:
        rows = _panel_frame(place, numerator=counts[top])
        tract = place.set_index("geoid")
        return Given(
            name,
            pd.DataFrame(
                {
                    "period": rows["month"].dt.to_timestamp(),
                    "tercile": rows["geoid"].map(tract["tercile"]),
                    "numerator": rows["numerator"],
                    "denominator": rows["geoid"].map(tract["renter_households"]),
                }
            ),
        )

    return [
        given("filing_rate", "filings"),
        given("judgment_rate", "judgments"),
        Series("representation_rate", "share", 0.26, 420, "RGHO", noise=0.005, planted=Signal(
            "step", "2019-08", 0.12, expect="rule 2 by 2020-02, improvement")),
        Series("days_to_assistance", "value", 26.0, 62, "RGH", "2019-07", good="decrease", spread=9.0,
               covid=4.0),
        Series("prevention_success", "share", 0.83, 60, "RGHO", "2019-10", covid=0.06),
        Series("answer_rate", "share", 0.62, 430, "O", noise=0.012, covid=-0.10),
    ]  # fmt: skip
