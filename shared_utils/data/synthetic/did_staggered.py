"""Detroit: buildings start in three waves, arrears month by month (pilots.md 4.3, design 3).

Process. 48 buildings of n_b ~ U{40..80} units, t = 0..23 from 2018-10.
p = .18 + a_b + .01 cos(2 pi (t-3)/12) + (.05 + d_b) 1[t >= 18] + r_bt + theta(e) 1[t >= g];
a_b ~ N(0, .05), d_b ~ N(0, .015), r AR(1) with rho .6 and sd .02, theta(e) = -.01 min(e + 1, 4) for the
months e since the start g in {9, 12, 15, never}, 12 buildings each, drawn; arrears ~ Binomial(n_b, p).

Truth. ATT -0.0350 over all treated building-months (unit-weighted), -0.0286 up to 2020-02. Two-way fixed
effects averages -0.031. Scenario pretrend_violation lets every building that ever starts fall by .002 a month
throughout.
"""

import numpy as np
import pandas as pd

from shared_utils.data.synthetic import common, truth
from shared_utils.data.synthetic.common import Draw, Mix, RawFile, World
from shared_utils.data.synthetic.indicators import Given, Series, Signal

BUILDINGS, TRACTS, MONTHS = 48, 60, pd.period_range("2018-10", "2020-09", freq="M")
STARTS, NEVER, COVID = (9, 12, 15), 99, 18
MIX = Mix(
    race={"black_nh": 0.79, "white_nh": 0.10, "hispanic": 0.06, "asian_nh": 0.01, "multi_other_nh": 0.04},
    gender={"female": 0.68, "male": 0.31, "nonbinary_other": 0.01},
    household={"single_adult_children": 0.34, "two_plus_adults_children": 0.14,
               "single_adult_no_children": 0.36,
               "two_plus_adults_no_children": 0.13, "other": 0.03},
)  # fmt: skip
RACE = {"black_nh": "1", "white_nh": "2", "hispanic": "3", "asian_nh": "4", "multi_other_nh": "5"}
GENDER = {"female": "F", "male": "M", "nonbinary_other": "Other"}
HOUSEHOLD = {"single_adult_children": "1A+C", "two_plus_adults_children": "2A+C",
             "single_adult_no_children": "1A",
             "two_plus_adults_no_children": "2A", "other": "OT"}  # fmt: skip


def start_months(world: World, place: pd.DataFrame) -> pd.DataFrame:
    """Return the buildings: units, tract, subsidy and the start `g` (99 = after the pilot)."""
    rng = world.rng("units", "buildings")
    b = pd.DataFrame({"units": rng.integers(40, 81, BUILDINGS)})
    tract = rng.choice(len(place), BUILDINGS, p=common.tract_weights(place))
    b["tract_id"], b["tercile"] = place["geoid"].to_numpy()[tract], place["tercile"].to_numpy()[tract]
    b["senior_share"] = np.round(rng.beta(2, 6, BUILDINGS), 3)
    b["subsidy"] = common.choose(rng, BUILDINGS, ["Tax credit", "Project-based", "Public housing"], [0.5, 0.3, 0.2])
    b["black"] = np.clip(place["share_black_nh"].to_numpy()[tract] + 0.05 * rng.standard_normal(BUILDINGS), 0, 1)
    b["women"], b["children"] = rng.beta(12, 6, BUILDINGS), rng.beta(8, 8, BUILDINGS)
    b["id"] = [f"DET-B{i + 1:02d}" for i in range(BUILDINGS)]
    b["g"] = world.rng("assignment").permutation(np.repeat([*STARTS, NEVER], BUILDINGS // 4))
    return b


def theta(b: pd.DataFrame, multiplier: np.ndarray) -> np.ndarray:
    """Return the effect, (building, month): -1 point a month since the start, at most -4."""
    since = np.arange(len(MONTHS)) - b["g"].to_numpy()[:, None]
    return np.where(since >= 0, -0.01 * np.minimum(since + 1, 4), 0.0) * multiplier[:, None]


def draw(world: World) -> Draw:
    """Return Detroit's files and truth."""
    place = common.tracts(world, TRACTS, MIX)
    b = start_months(world, place)
    t = np.arange(len(MONTHS))
    plain = theta(b, np.ones(BUILDINGS))
    weight = -(plain.sum(axis=1) * b["units"]).to_numpy()
    multiplier = common.effect_multiplier(world, b["tercile"], weights=weight)
    effect = theta(b, multiplier)

    rng = world.rng("outcomes")
    level, jump = 0.05 * rng.standard_normal(BUILDINGS), 0.015 * rng.standard_normal(BUILDINGS)
    drift = np.zeros((BUILDINGS, len(t)))
    drift[:, 0] = 0.02 * rng.standard_normal(BUILDINGS)
    for k in t[1:]:
        drift[:, k] = 0.6 * drift[:, k - 1] + 0.02 * 0.8 * rng.standard_normal(BUILDINGS)
    shock = (t >= COVID) * world.scenario.covid
    p0 = 0.18 + level[:, None] + 0.01 * np.cos(2 * np.pi * (t - 3) / 12) + shock * (0.05 + jump[:, None]) + drift
    slope = -0.002 if world.scenario_name == "pretrend_violation" else 0.0
    p0 = np.clip(p0 + slope * t * (b["g"] < NEVER).to_numpy()[:, None], 0.005, 0.95)
    p1 = np.clip(p0 + effect, 0.005, 0.95)
    units = np.repeat(b["units"].to_numpy()[:, None], len(t), axis=1)
    counts = {"arrears": rng.binomial(units, p1)} | _others(rng, units, b, effect, shock)

    treated = t >= b["g"].to_numpy()[:, None]
    early = treated & (t < 17)
    att = {name: float(np.average((p1 - p0)[rows], weights=units[rows]))
           for name, rows in (("all", treated), ("early", early))}  # fmt: skip
    wanted = {name: float(np.average(effect[rows], weights=units[rows]))
              for name, rows in (("all", treated), ("early", early))}  # fmt: skip
    households = _households(world, place, b)
    return Draw(
        files=[_buildings(b, counts), _rollout(b), _ledger(b, units, counts), _managers(b, units, counts),
               households, _contacts(world, households.frame)],
        tracts=place, mix=MIX, series=_series(world, b, counts),
        costs={"monthly_fixed": 29_000, "per_person": 310, "people": len(households.frame),
               "category": "direct_support", "arm": "treated"},
        truth=truth.record(
            world,
            [truth.estimand("ATT_OVERALL", "arrears30_share", wanted["all"], att["all"], "proportion",
                            "started - not yet started"),
             truth.estimand("ATT_TO_2020_02", "arrears30_share", wanted["early"], att["early"], "proportion",
                            "started - not yet started")],
            {"notices_per_unit": 0.2 * att["all"], "move_out_rate": 0.1 * att["all"],
             "recert_on_time_share": -1.2 * att["all"], "resident_employed_share": 0.0},
            {"baseline_share": p0[:, :9].mean(), "treated_building_months": float(treated.sum()),
             "units": float(b["units"].sum()), "pretrend_per_month": slope}),
    )  # fmt: skip


def _others(rng, units, b, effect, shock) -> dict[str, np.ndarray]:
    """Return the secondary counts; their effects are fractions of the arrears effect."""
    due = rng.binomial(units, 1 / 12)
    return {
        "notices": rng.poisson(units * np.clip(0.020 + 0.2 * effect - 0.012 * shock, 0.001, 1)),
        "moved": rng.binomial(units, np.clip(0.014 + 0.1 * effect - 0.003 * shock, 0.001, 1)),
        "due": due,
        "on_time": rng.binomial(due, np.clip(0.86 - 1.2 * effect - 0.05 * shock, 0.05, 0.99)),
        "working": rng.binomial(units, np.clip(0.52 - 0.25 * b["senior_share"].to_numpy()[:, None], 0.05, 0.95)),
    }


def _buildings(b, counts) -> RawFile:
    before = counts["arrears"][:, :9].sum(axis=1) / (9 * b["units"])
    frame = pd.DataFrame({
        "Building": b["id"], "Tract": b["tract_id"], "Occupied units": b["units"], "Subsidy": b["subsidy"],
        "Senior share": b["senior_share"], "Arrears before July 2019": before.round(4),
        "Share Black": b["black"].round(3), "Share headed by women": b["women"].round(3),
        "Share with children": b["children"].round(3),
    })  # fmt: skip
    return RawFile("buildings.csv", frame)


def _rollout(b) -> RawFile:
    started = b["g"] < NEVER
    first = [MONTHS[g].to_timestamp() if g < NEVER else pd.NaT for g in b["g"]]
    frame = pd.DataFrame(
        {
            "Building": b["id"],
            "In pilot": np.where(started, "Starts", "After the pilot"),
            "Order drawn": pd.Timestamp("2019-05-28"),
            "First month of service": first,
        }
    )
    return RawFile("rollout.xlsx", frame, sheet="Order of start",
                   title=("Order of start, drawn at random in May 2019", ""))  # fmt: skip


def _months(b, units) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([b["id"], MONTHS.to_timestamp()], names=["Bldg", "Month"])
    frame = pd.DataFrame({"Occupied units": units.ravel()}, index=index).reset_index()
    return frame.sort_values(["Month", "Bldg"], kind="stable")


def _ledger(b, units, counts) -> RawFile:
    frame = _months(b, units)
    frame["Share 30+ days behind"] = (counts["arrears"] / units).round(6).ravel()[frame.index]
    frame["Closed on"] = frame["Month"] + pd.offsets.MonthEnd(0) + pd.Timedelta(days=6)
    return RawFile("rent_ledger.csv", frame.reset_index(drop=True), duplicates=True, date_format="%b %d %Y")


def _managers(b, units, counts) -> RawFile:
    """Managers' monthly report, long: notices as a count, the rest as shares of those they are out of."""
    parts = []
    for measure, top, bottom in (
        ("Notices to quit", "notices", units),
        ("Moved out", "moved", units),
        ("Recertified on time", "on_time", counts["due"]),
        ("Residents employed", "working", units),
    ):
        frame = _months(b, units)
        value = np.divide(counts[top], bottom, out=np.full(bottom.shape, np.nan), where=bottom > 0)
        value = counts[top].astype(float) if measure == "Notices to quit" else value
        frame["Measure"], frame["Value"] = measure, value.round(6).ravel()[frame.index]
        frame["Out of"] = bottom.ravel()[frame.index]
        keep = (frame["Out of"] > 0) & ((measure != "Residents employed") | (frame["Month"].dt.month == 9))
        parts.append(frame[keep].drop(columns="Occupied units"))
    long = pd.concat(parts).sort_values(["Month", "Bldg", "Measure"], kind="stable", ignore_index=True)
    long["Reported"] = long["Month"] + pd.offsets.MonthEnd(0) + pd.Timedelta(days=9)
    return RawFile("manager_reports.parquet", long)


def _households(world: World, place, b) -> RawFile:
    """Households that a coordinator reached, in buildings that had started."""
    rng, n = world.rng("people"), 1_240
    p = common.people(rng, n, place, MIX, (19, 88))
    started = np.flatnonzero(b["g"] < NEVER)
    home = common.choose(rng, n, started, b["units"].to_numpy()[started]).astype(int)
    g = b["g"].to_numpy()[home]
    month = MONTHS[np.minimum(g + rng.integers(0, len(MONTHS), n) % (len(MONTHS) - g), len(MONTHS) - 1)]
    first = common.plus_days(month.to_timestamp(), rng.integers(0, 27, n))
    order = np.argsort(first, kind="stable")
    p, home, first = p.iloc[order].reset_index(drop=True), home[order], first[order]
    who = common.identifiers(n, "313")
    frame = pd.DataFrame({
        "Resident ID": common.ids("DET", n), "Resident": who["name"], "Phone": who["phone"],
        "Email": who["email"],
        "Street address": who["address"], "Bldg": b["id"].to_numpy()[home],
        "Tract": b["tract_id"].to_numpy()[home],
        "First contact": first, "Age": p["age"], "Gender": p["gender"].map(GENDER),
        "Race code": p["race_ethnicity"].map(RACE), "HH code": p["household_type"].map(HOUSEHOLD),
        "HH size": p["household_size"], "Income/yr": p["income"],
    })  # fmt: skip
    return RawFile(
        "contacted_households.csv", frame, id="Resident ID", site="Bldg", duplicates=True,
        may_miss={"Race code": 0.08, "HH code": 0.06, "Tract": 0.04, "Income/yr": 0.05},
        dates=("First contact",), money="Income/yr", tract="Tract",
    )  # fmt: skip


def _contacts(world: World, households: pd.DataFrame) -> RawFile:
    rng = world.rng("services")
    n = len(households)
    count = 1 + rng.poisson(1.3, n)
    row = np.repeat(np.arange(n), count)
    later = np.arange(len(row)) - np.r_[0, np.cumsum(count)[:-1]][row]
    kind = np.where(
        later == 0,
        "contact",
        common.choose(rng, len(row), ["contact", "plan_signed", "benefit_opened", "mediation"], [0.4, 0.3, 0.2, 0.1]),
    )
    day = common.plus_days(pd.DatetimeIndex(households["First contact"])[row], later * rng.integers(5, 30, len(row)))
    keep = day <= pd.Timestamp("2020-09-30")
    frame = pd.DataFrame({"resident": households["Resident ID"].to_numpy()[row], "kind": kind, "day": day,
                          "times": 1.0, "done": True,
                          "building": households["Bldg"].to_numpy()[row]})[keep]  # fmt: skip
    frame = frame.sort_values(["day", "resident"], kind="stable", ignore_index=True)
    frame.insert(0, "entry", [f"s_{i + 1:06d}" for i in range(len(frame))])
    return RawFile("coordinator_log.parquet", frame, id="resident", duplicates=True, orphans=True)


def _series(world: World, b, counts) -> list:
    """Arrears and notices are counted from the panel and, for history, 18 months before it."""
    rng = world.rng("indicators", "history")
    early = pd.period_range("2017-04", "2018-09", freq="M")
    units = b["units"].to_numpy()
    level = counts["arrears"][:, :9].mean(axis=1) / units + 0.01 * rng.standard_normal((len(early), 1))
    before = {"arrears": rng.binomial(units, np.clip(level, 0, 1)).T,
              "notices": rng.poisson(0.020 * units, (len(early), BUILDINGS)).T}  # fmt: skip
    months = early.append(MONTHS).to_timestamp()
    rows = pd.MultiIndex.from_product([b.index, months], names=["b", "period"]).to_frame(index=False)
    panel = pd.DataFrame({"period": rows["period"], "tercile": b["tercile"].to_numpy()[rows["b"]],
                          "denominator": units.astype(float)[rows["b"]]})  # fmt: skip

    def given(name: str, top: str) -> Given:
        return Given(name, panel.assign(numerator=np.hstack([before[top], counts[top]]).ravel().astype(float)))

    return [
        Series("service_contact", "share", 0.27, 900, "RGHO", "2019-07", noise=0.01, covid=-0.08,
               volume=False),
        given("arrears30", "arrears"),
        Series("plan_kept", "share", 0.68, 85, "RGH", "2019-08", covid=-0.12, planted=Signal(
            "none", "2019-08", 0.0, expect="common cause")),
        given("notice_rate", "notices"),
        Series("benefit_connected", "share", 0.37, 70, "RGHO", "2019-07", covid=0.04),
        Series("recert_on_time", "share", 0.87, 240, "RH", volume=False, covid=-0.07),
    ]  # fmt: skip
