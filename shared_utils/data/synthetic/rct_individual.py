"""Cincinnati: an individually randomised offer with noncompliance (pilots.md 4.3, design 1).

Process. emp0 ~ B(expit(-0.2 + 0.4u)); hs ~ B(.78); kid6 ~ B(.40); always-takers 5 %, else never-takers with
chance expit(-0.62 - 0.5u), else compliers (61 %). p0 = expit(-0.62 + 1.05 emp0 + 0.45u + 0.25 hs - 0.2 kid6).
Employed without help if U < p0, with help if U < min(p0 + 0.125, 0.98); only takers get help. Assignment 1:1
in 8 strata.

Truth. ITT 0.0761 on `employed_q2`, CACE 0.1247, first stage 0.61, comparison mean 0.499.
"""

import numpy as np
import pandas as pd
from scipy.special import expit

from shared_utils.data.synthetic import common, truth
from shared_utils.data.synthetic.common import Draw, Mix, RawFile, World
from shared_utils.data.synthetic.indicators import Series, Signal

N, TRACTS, SITES = 800, 70, ("Northside", "West End", "Avondale", "Price Hill")
GAIN = 0.125
MIX = Mix(
    race={"black_nh": 0.56, "white_nh": 0.30, "hispanic": 0.07, "asian_nh": 0.02, "multi_other_nh": 0.05},
    gender={"female": 0.62, "male": 0.37, "nonbinary_other": 0.01},
    household={"single_adult_children": 0.38, "two_plus_adults_children": 0.20,
               "single_adult_no_children": 0.27,
               "two_plus_adults_no_children": 0.12, "other": 0.03},
)  # fmt: skip
RACE = {"black_nh": "B", "white_nh": "W", "hispanic": "H", "asian_nh": "A", "multi_other_nh": "M"}
GENDER = {"female": "F", "male": "M", "nonbinary_other": "X"}
HOUSEHOLD = {"single_adult_children": "1 adult + kids", "two_plus_adults_children": "2+ adults + kids",
             "single_adult_no_children": "1 adult", "two_plus_adults_no_children": "2+ adults",
             "other": "Other"}  # fmt: skip
YES_NO = np.array(["N", "Y"])


def people(world: World, rng, n: int, place: pd.DataFrame) -> pd.DataFrame:
    """Return n applicants: demographics, readiness, baseline work, type of taker."""
    p = common.people(rng, n, place, MIX, (18, 64))
    p["emp0"] = (rng.random(n) < expit(-0.2 + 0.4 * p["u"])).astype(int)
    p["site"] = rng.integers(0, len(SITES), n)
    p["hs"] = (rng.random(n) < 0.78).astype(int)
    p["kid6"] = np.where(p["with_children"], rng.random(n) < 0.40 / 0.58, False).astype(int)
    always = rng.random(n) < 0.05
    never = ~always & (rng.random(n) < expit(-0.62 - 0.5 * p["u"]))
    p["type"] = np.select([always, never], ["always", "never"], "complier")
    quarter = np.exp(8.25 + 0.15 * p["u"] + 0.5 * rng.standard_normal(n))
    p["earnings0"] = np.round(np.where(p["emp0"] == 1, quarter, 0.0), 0)
    p["education"] = np.where(
        p["hs"] == 0,
        "lt_hs",
        common.choose(rng, n, ["hs_ged", "some_college", "assoc_plus"], [0.6, 0.28, 0.12]),
    )
    p["multiplier"] = common.person_multiplier(world, p, place)
    return p


def chances(p: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return each person's chance of work (with help, without help)."""
    p0 = expit(-0.62 + 1.05 * p["emp0"] + 0.45 * p["u"] + 0.25 * p["hs"] - 0.2 * p["kid6"])
    return np.clip(p0 + GAIN * p["multiplier"], 0.0, 0.98).to_numpy(), p0.to_numpy()


def potential(p: pd.DataFrame, rng) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return each outcome's (with help, without help) potential outcomes; one draw serves both."""
    n = len(p)
    u = rng.random(n)
    work = tuple((u < chance).astype(int) for chance in chances(p))
    pay = np.exp(8.25 + 0.15 * p["u"].to_numpy() + 0.5 * rng.standard_normal(n))
    raised = 1 + 0.03 * p["multiplier"].to_numpy()
    keeps = rng.random(n) < 0.85
    wage, strain = rng.random(n), rng.random(n)
    bar = 0.30 + 0.10 * p["hs"].to_numpy()
    mean = 1.6 * np.exp(-0.15 * p["u"].to_numpy())
    return {
        "employed_q2": work,
        "earnings_q2": (np.round(work[0] * pay * raised, 2), np.round(work[1] * pay, 2)),
        "employed_q1_and_q2": (work[0] * keeps, work[1] * keeps),
        "wage15_m6": (work[0] * (wage < bar + 0.04 * p["multiplier"]), work[1] * (wage < bar)),
        "hardship_count": (common.quantile_count(strain, mean * (1 - 0.10 * p["multiplier"].to_numpy())),
                           common.quantile_count(strain, mean)),
    }  # fmt: skip


def draw(world: World) -> Draw:
    """Return Cincinnati's files and truth."""
    place = common.tracts(world, TRACTS, MIX)
    n = N * world.scenario.size
    rng = world.rng("people")
    p = people(world, rng, n, place)
    applied = common.dates_between(rng, n, "2019-04-15", "2019-09-27")
    p["id"] = common.ids("CIN", n)
    p["stratum"] = [
        f"{SITES[s]} / {'working' if e else 'not working'}" for s, e in zip(p["site"], p["emp0"], strict=True)
    ]
    p["arm"] = common.assign(world, p["stratum"], p["u"])
    assigned = common.plus_days(applied, world.rng("assignment", "lag").integers(0, 4, n))

    rng = world.rng("outcomes")
    y = potential(p, rng)
    received = common.taken(p, p["arm"])
    seen = {k: np.where(received == 1, *pair) for k, pair in y.items()}
    matched = common.observed(world, rng, p["u"], p["arm"], {1: 0.96, 0: 0.94})
    due = common.months_after(assigned, 6)
    answered = common.observed(world, rng, p["u"], p["arm"], {1: 0.84, 0: 0.80}, due)
    quarter = assigned.to_period("Q") + 2

    big = people(world, world.rng("population"), common.POPULATION_DRAWS, place)
    population, sample = common.complier_truths(big, chances(big)), common.complier_truths(p, y["employed_q2"])
    return Draw(
        files=[_tracker(world, p, applied, assigned), _sites(), _wages(p, seen, matched, quarter),
               _survey(p, seen, answered, due), _services(world, p, assigned, received)],
        tracts=place, mix=MIX, series=_series(), costs=_costs(received),
        truth=truth.record(
            world,
            [truth.estimand("ITT", "employed_q2", population["itt"], sample["itt"], "proportion",
                            "offer - control"),
             truth.estimand("CACE", "employed_q2", population["cace"], sample["cace"], "proportion",
                            "taken - not")],
            truth.effects({k: (np.where(common.taken(p, 1) == 1, *v), np.where(common.taken(p, 0) == 1, *v))
                           for k, v in y.items() if k != "employed_q2"}),
            {**{f"population_{k}": v for k, v in population.items() if k not in ("itt", "cace")},
             "first_stage": sample["first_stage"], "comparison_mean": sample["comparison_mean"],
             "take_up_offer": float(received[p["arm"] == 1].mean()),
             "take_up_control": float(received[p["arm"] == 0].mean()),
             "matched_share": float(matched.mean()), "survey_response": float(answered.mean())}),
    )  # fmt: skip


def _tracker(world, p, applied, assigned) -> RawFile:
    who = common.identifiers(len(p), "513")
    left, why = common.exits(world, assigned, 0.07)
    frame = pd.DataFrame({
        "Client ID": p["id"], "Name": who["name"], "Phone": who["phone"], "Email": who["email"],
        "SSN": who["ssn"], "Street Address": who["address"], "Census tract": p["tract_id"],
        "Referral site": [SITES[s] for s in p["site"]], "Applied on": applied,
        "Age": p["age"], "Gender": p["gender"].map(GENDER), "Race/Eth": p["race_ethnicity"].map(RACE),
        "HH type": p["household_type"].map(HOUSEHOLD), "HH size": p["household_size"],
        "Annual income": p["income"], "Schooling": p["education"].map(
            {"lt_hs": "No diploma", "hs_ged": "HS/GED", "some_college": "Some college",
             "assoc_plus": "Degree"}),
        "Working now?": YES_NO[p["emp0"]], "Earnings last quarter": p["earnings0"], "HS credential?": p["hs"],
        "Child under 6?": YES_NO[p["kid6"]], "Consent": "Signed",
        "Group": np.array(["Usual services", "Offer"])[p["arm"]], "Random assignment": assigned,
        "Stratum": p["stratum"], "Left on": left, "Why left": why,
    })  # fmt: skip
    return RawFile(
        "Program tracker FY20.xlsx", frame, sheet="Tracker", id="Client ID", site="Referral site",
        title=("Workforce support pilot: program tracker", "One row per applicant; updated weekly"),
        may_miss={"Race/Eth": 0.08, "HH type": 0.06, "Census tract": 0.04, "Earnings last quarter": 0.04,
                  "Annual income": 0.05},
        yes_no=("Child under 6?",), duplicates=True, dates=("Random assignment",), money="Annual income",
        tract="Census tract",
    )  # fmt: skip


def _sites() -> RawFile:
    return RawFile(
        "referral_sites.csv", pd.DataFrame({"Site": SITES, "Kind": "site", "Capacity": (220, 190, 210, 180)})
    )


def _wages(p, seen, matched, quarter) -> RawFile:
    """Wage records come back for people the state could match; the rest have a row without numbers."""
    blank = matched == 0
    frame = pd.DataFrame({
        "Client ID": p["id"], "Quarter begins": quarter.to_timestamp(),
        "Match": np.where(blank, "No match", "Matched"),
        "Any wages Q2": np.where(blank, np.nan, seen["employed_q2"]),
        "Wages Q2 (USD)": np.where(blank, np.nan, seen["earnings_q2"]),
        "Any wages Q1 and Q2": np.where(blank, np.nan, seen["employed_q1_and_q2"]),
        "Extracted": common.plus_days((quarter + 1).to_timestamp(), 42),
    })  # fmt: skip
    for column in ("Any wages Q2", "Any wages Q1 and Q2"):
        frame[column] = frame[column].astype("Int64")
    return RawFile("ui_wage_match.csv", frame, id="Client ID", duplicates=True)


def _survey(p, seen, answered, due) -> RawFile:
    blank = answered == 0
    frame = pd.DataFrame({
        "Client ID": p["id"], "Due": due, "Answered?": np.where(blank, "N", "Y"),
        "Wage 15 or more": np.where(blank, None, YES_NO[seen["wage15_m6"].astype(int)]),
        "Hardships (0-6)": pd.array(np.where(blank, np.nan, seen["hardship_count"]), dtype="Int64"),
        "Survey date": common.plus_days(due, 9),
    })  # fmt: skip
    return RawFile("six_month_survey.csv", frame, id="Client ID", yes_no=("Wage 15 or more",), encoding="utf-8-sig")


def _services(world: World, p, assigned, received) -> RawFile:
    """Takers have at least one coaching contact, some get supports; COVID thins late contacts."""
    rng = world.rng("services")
    takers = np.flatnonzero(received)
    count = 1 + rng.poisson(4.5, len(takers))
    row = np.repeat(takers, count)
    first = np.r_[0, np.cumsum(count)[:-1]]
    day = np.round(rng.gamma(1.6, 38.0, len(row))).astype(int)
    day[first] = rng.integers(1, 31, len(takers))
    kind = np.where(rng.random(len(row)) < 0.72, "Coaching", "Support paid")
    kind[first] = "Coaching"
    delivered = np.where(rng.random(len(row)) < 0.92, "Y", "N")
    delivered[first] = "Y"
    date = common.plus_days(assigned[row], day)
    keep = (date <= pd.Timestamp("2020-09-30")) & (rng.random(len(row)) < _open(world, date))
    keep[first] = True
    frame = pd.DataFrame({
        "Client": p["id"].to_numpy()[row], "Service": kind, "Date": date,
        "Amount": np.where(kind == "Coaching", 1.0, np.round(rng.gamma(2.0, 60.0, len(row)), 2)),
        "Measured in": np.where(kind == "Coaching", "contacts", "dollars"),
        "Planned?": "Y", "Delivered?": delivered, "Site": [SITES[s] for s in p["site"].to_numpy()[row]],
    })[keep].sort_values(["Date", "Client"], kind="stable", ignore_index=True)  # fmt: skip
    frame.insert(0, "Entry", [f"s_{i + 1:06d}" for i in range(len(frame))])
    return RawFile("service_log.csv", frame, id="Client", duplicates=True, orphans=True, yes_no=("Delivered?",))


def _open(world: World, date: pd.DatetimeIndex) -> np.ndarray:
    return common.covid_volume(world, date.to_period("M"))


def _costs(received) -> dict:
    return {"monthly_fixed": 21_000, "per_person": 1_450, "people": int(received.sum()),
            "category": "direct_support", "arm": "offer"}  # fmt: skip


def _series() -> list[Series]:
    start = "2019-05"
    return [
        Series("referral_to_enrol", "share", 0.66, 95, "RGHO", start, covid=-0.10),
        Series("engaged_30d", "share", 0.64, 96, "RGHO", start, covid=-0.15, planted=Signal(
            "low_month", "2019-12", -0.22, expect="rule 1, trial limits")),
        Series("support_days", "value", 8.4, 60, "RGH", start, good="decrease", spread=3.5, covid=2.5),
        Series("placed_90d", "share", 0.42, 62, "RGHO", "2019-07", covid=-0.14),
        Series("retained_2q", "share", 0.57, 90, "RGHO", "2019-12", every=3, covid=-0.12),
        Series("wage15", "share", 0.33, 45, "RGH", "2019-06", covid=0.03),
    ]  # fmt: skip
