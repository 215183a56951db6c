"""New Orleans: a lottery in 12 blocks with unequal chances (pilots.md 4.3, design 5).

Process. 100 applicants in each of 6 sites x 2 age bands; chance of an offer .25 to .60 by block. att0 ~
B(expit(1.3 + .6u)); p0 = expit(1.15 + .55u + .6 (att0 - .75) - 1.6 (P_block - .43)): needier blocks have more
offers. Always-takers 4 %, compliers 74 %. Connected without help if U < p0, with help if U < min(p0 + .02,
.99).

Truth. ITT 0.0148 on `connected_m9` (CACE 0.02), near-null by design; the naive difference averages 0.002. The
readiness score gains 3 points (0.20 SD), so a report must not swap outcomes.
"""

import numpy as np
import pandas as pd
from scipy.special import expit

from shared_utils.data.synthetic import common, truth
from shared_utils.data.synthetic.common import Draw, Mix, RawFile, World
from shared_utils.data.synthetic.indicators import Series, Signal

CHANCES = (0.25, 0.30, 0.33, 0.36, 0.40, 0.42, 0.45, 0.48, 0.50, 0.55, 0.58, 0.60)
PER_BLOCK, TRACTS, GAIN, COMPLIERS = 100, 72, 0.02, 0.74
SITES = ("Algiers", "Bywater", "Central City", "Gentilly", "Hollygrove", "Treme")
LOTTERY = pd.Timestamp("2019-05-15")
MIX = Mix(
    race={"black_nh": 0.82, "white_nh": 0.05, "hispanic": 0.08, "asian_nh": 0.02, "multi_other_nh": 0.03},
    gender={"female": 0.54, "male": 0.45, "nonbinary_other": 0.01},
    household={"single_adult_children": 0.55, "two_plus_adults_children": 0.33,
               "single_adult_no_children": 0.04,
               "two_plus_adults_no_children": 0.05, "other": 0.03},
)  # fmt: skip


def youth(world: World, rng, per_block: int, place: pd.DataFrame) -> pd.DataFrame:
    """Return applicants block by block with baseline school, attendance and type of taker."""
    n = per_block * len(CHANCES)
    p = common.people(rng, n, place, MIX, (16, 17))
    p["block"] = np.repeat(np.arange(len(CHANCES)), per_block)
    p["chance"] = np.array(CHANCES)[p["block"]]
    p["older"] = p["block"] % 2
    p["age"] = np.where(p["older"] == 1, 18 + rng.integers(0, 4, n), p["age"])
    p["att0"] = (rng.random(n) < expit(1.3 + 0.6 * p["u"])).astype(int)
    p["in_school"] = (rng.random(n) < np.where(p["older"] == 1, 0.55, 0.90)).astype(int)
    p["worked"] = (rng.random(n) < expit(-0.9 + 0.5 * p["older"] + 0.2 * p["u"])).astype(int)
    p["attendance0"] = np.round(np.clip(0.82 + 0.10 * p["att0"] + 0.05 * rng.standard_normal(n), 0.4, 1.0), 3)
    p["type"] = common.choose(rng, n, ["always", "complier", "never"], [0.04, COMPLIERS, 0.96 - COMPLIERS])
    p["multiplier"] = common.person_multiplier(world, p, place)
    return p


def chances(p: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return each applicant's chance of being connected (with the programme, without)."""
    p0 = expit(1.15 + 0.55 * p["u"] + 0.6 * (p["att0"] - 0.75) - 1.6 * (p["chance"] - 0.43))
    return np.clip(p0 + GAIN * p["multiplier"], 0, 0.99).to_numpy(), p0.to_numpy()


def potential(p: pd.DataFrame, rng) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return each outcome's (with the programme, without) potential outcomes."""
    n, m = len(p), p["multiplier"].to_numpy()
    u, summer = rng.random(n), rng.random(n)
    score = 60 + 15 * rng.standard_normal(n)
    pay = rng.gamma(2.5, 420.0, n)
    school = p["attendance0"] + 0.01 * p["u"] + 0.05 * rng.standard_normal(n)
    stars = 3.4 + 0.2 * p["u"] + 0.7 * rng.standard_normal(n)
    works = 0.38 + 0.05 * p["worked"].to_numpy()

    def rate(extra):
        return np.round(np.clip(school + extra, 0.2, 1.0), 3).to_numpy()

    def rated(extra):
        return np.round(np.clip(stars + extra, 1, 5), 1).to_numpy()

    return {
        "connected_m9": tuple((u < chance).astype(int) for chance in chances(p)),
        "work_readiness_score": (np.round(np.clip(score + 3 / COMPLIERS * m, 0, 100), 1),
                                 np.round(np.clip(score, 0, 100), 1)),
        "summer_earnings": (np.round(pay * (summer < works + 0.35 * m), 2),
                            np.round(pay * (summer < works), 2)),
        "school_attendance_rate": (rate(0.004 * m), rate(0.0)),
        "worksite_supervisor_rating": (rated(0.10 * m), rated(0.0)),
    }  # fmt: skip


def draw(world: World) -> Draw:
    """Return New Orleans' files and truth."""
    place = common.tracts(world, TRACTS, MIX)
    p = youth(world, world.rng("people"), PER_BLOCK, place)
    n = len(p)
    p["stratum"] = [f"{SITES[b // 2]} {'18-21' if o else '16-17'}" for b, o in zip(p["block"], p["older"], strict=True)]
    p["id"] = [f"NO{19000 + i}" for i in range(n)]
    p["arm"] = common.assign(world, p["stratum"], p["u"], dict(zip(p["stratum"], p["chance"], strict=True)))
    applied = common.plus_days(np.full(n, np.datetime64("2019-04-08")), world.rng("people", "dates").integers(0, 30, n))

    rng = world.rng("outcomes")
    y = potential(p, rng)
    received = common.taken(p, p["arm"])
    seen = {k: np.where(received == 1, *pair) for k, pair in y.items()}
    followed = common.observed(world, rng, p["u"], p["arm"], {1: 0.93, 0: 0.90})
    assessed = common.observed(world, rng, p["u"], p["arm"], {1: 0.88, 0: 0.83})
    placed = rng.random(n) < np.where(received == 1, 0.75, 0.45)

    big = youth(world, world.rng("population"), common.POPULATION_DRAWS // len(CHANCES), place)
    population, sample = common.complier_truths(big, chances(big)), common.complier_truths(p, y["connected_m9"])
    offered, refused = common.taken(p, 1), common.taken(p, 0)
    return Draw(
        files=[_applications(world, p, applied), _lottery(p), _sites(),
               _outcomes("month9_followup.csv", p, seen, followed, "2020-02-01",
                         {"Connected": "connected_m9", "Summer pay": "summer_earnings",
                          "School attendance": "school_attendance_rate"}, {}),
               _outcomes("month6_assessment.csv", p, seen, assessed, "2019-11-01",
                         {"Readiness score": "work_readiness_score",
                          "Supervisor stars": "worksite_supervisor_rating"},
                         {"Supervisor stars": placed}),
               _attendance(world, p, received)],
        tracts=place, mix=MIX, series=_series(),
        costs={"monthly_fixed": 24_000, "per_person": 1_900, "people": int(received.sum()),
               "category": "direct_support", "arm": "selected"},
        truth=truth.record(
            world,
            [truth.estimand("ITT", "connected_m9", population["itt"], sample["itt"], "proportion",
                            "selected - not_selected"),
             truth.estimand("CACE", "connected_m9", population["cace"], sample["cace"], "proportion",
                            "taken - not")],
            truth.effects({k: (np.where(offered == 1, *v), np.where(refused == 1, *v))
                           for k, v in y.items() if k != "connected_m9"}),
            {"first_stage": sample["first_stage"], "comparison_mean": sample["comparison_mean"],
             "offers": float(p["arm"].sum()), "take_up_selected": received[p["arm"] == 1].mean(),
             "take_up_not_selected": received[p["arm"] == 0].mean(), "followed_share": followed.mean()}),
    )  # fmt: skip


def _applications(world: World, p, applied) -> RawFile:
    who = common.identifiers(len(p), "504")
    left, why = common.exits(world, common.plus_days(applied, 30), 0.06)
    frame = pd.DataFrame({
        "Applicant ID": p["id"], "Applicant name": who["name"], "Guardian phone": who["phone"],
        "Applicant email": who["email"], "Street address": who["address"], "SSN": who["ssn"],
        "Provider site": [SITES[b // 2] for b in p["block"]], "Home tract": p["tract_id"], "Applied": applied,
        "Age at application": p["age"], "Gender": p["gender"].str.replace("_", " "),
        "Ethnicity": p["race_ethnicity"].str.replace("_", " "),
        "Lives with": p["household_type"].str.replace("_", " "),
        "People in household": p["household_size"], "In school": np.array(["No", "Yes"])[p["in_school"]],
        "Attendance last year": p["attendance0"], "Ever worked": np.array(["No", "Yes"])[p["worked"]],
        "Left": left, "Left because": why,
    })  # fmt: skip
    return RawFile(
        "applications.csv", frame, id="Applicant ID", site="Provider site", duplicates=True,
        date_format="%m-%d-%Y",
        may_miss={"Ethnicity": 0.08, "Lives with": 0.06, "Home tract": 0.04, "Attendance last year": 0.05},
        yes_no=("In school", "Ever worked"), dates=("Applied",), tract="Home tract", encoding="cp1252",
    )  # fmt: skip


def _lottery(p) -> RawFile:
    """The signed lottery record: result and the chance each applicant had."""
    frame = pd.DataFrame({
        "Applicant": p["id"], "Block": p["stratum"], "Chance of selection": p["chance"],
        "Result": np.array(["Not selected", "Selected"])[p["arm"]], "Lottery date": LOTTERY,
        "Record": "RL-2019-05-15",
    })  # fmt: skip
    return RawFile("lottery_2019-05-15.xlsx", frame, sheet="Results", id="Applicant",
                   title=("Signed record of the lottery", "Seats by site and age band", ""))  # fmt: skip


def _sites() -> RawFile:
    return RawFile("provider_sites.csv", pd.DataFrame({"Provider site": SITES, "Seats": (55, 69, 82, 93, 105, 118)}))


def _outcomes(name: str, p, seen, followed, due: str, columns: dict[str, str], only: dict) -> RawFile:
    frame = pd.DataFrame({"Applicant": p["id"], "Due": pd.Timestamp(due), "Reached": np.where(followed, "Y", "N")})
    for header, outcome in columns.items():
        show = (followed == 1) & only.get(header, np.ones(len(p), dtype=bool))
        frame[header] = pd.Series(seen[outcome]).where(show)
        if outcome == "connected_m9":
            frame[header] = frame[header].map({0: "N", 1: "Y"}).astype(object)
    if "School attendance" in columns:
        frame["Days enrolled"] = 102
    frame["Recorded"] = pd.Timestamp(due) + pd.Timedelta(days=24)
    return RawFile(name, frame, id="Applicant", duplicates=True, date_format="%Y-%m-%d",
                   yes_no=("Connected",) if "Connected" in columns else ())  # fmt: skip


def _attendance(world: World, p, received) -> RawFile:
    """Sessions from June 2019; those who got in from the waiting list start after the lottery: crossover."""
    rng = world.rng("services")
    takers = np.flatnonzero(received)
    begin = np.where(
        p["arm"].to_numpy()[takers] == 1, rng.integers(5, 21, len(takers)), rng.integers(30, 75, len(takers))
    )
    sessions = 16
    row, k = np.repeat(np.arange(len(takers)), sessions), np.tile(np.arange(sessions), len(takers))
    day = common.plus_days(
        np.full(len(row), LOTTERY.to_datetime64()), begin[row] + 7 * k + rng.integers(0, 3, len(row))
    )
    came = rng.random(len(row)) < expit(1.3 + 0.5 * p["u"].to_numpy()[takers][row] - 0.03 * k)
    came |= k == 0
    frame = pd.DataFrame({
        "applicant": p["id"].to_numpy()[takers][row],
        "type": np.where(k % 4 == 3, "coaching", "session_completed"),
        "date": day, "hours": np.where(k % 4 == 3, 1.0, 2.5), "present": came,
        "site": [SITES[b // 2] for b in p["block"].to_numpy()[takers][row]],
    }).sort_values(["date", "applicant"], kind="stable", ignore_index=True)  # fmt: skip
    frame.insert(0, "entry", [f"s_{i + 1:06d}" for i in range(len(frame))])
    return RawFile("attendance_log.parquet", frame, id="applicant", duplicates=True, orphans=True)


def _series() -> list[Series]:
    return [
        Series("offer_accepted", "share", 0.77, 60, "RGHO", "2019-06", "2020-02"),
        Series("session_attendance", "share", 0.83, 900, "RGHO", "2019-06", covid=-0.08, planted=Signal(
            "fall", "2019-08", -0.006, end="2020-02", expect="rule 3 shown, no action from rule 3 alone")),
        Series("portfolio_done", "share", 0.66, 85, "RGHO", "2019-07", covid=-0.12),
        Series("readiness_gain", "value", 4.4, 120, "RG", "2019-07", every=3, spread=9.0, covid=-1.5),
        Series("worksite_placed", "share", 0.57, 80, "RGHO", "2019-06", covid=-0.25),
        Series("connected_month", "share", 0.77, 330, "RGHO", "2019-07", noise=0.008, covid=-0.08,
               volume=False),
    ]  # fmt: skip
