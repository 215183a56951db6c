"""Racine: learners choose an enhanced track (pilots.md 4.3, design 7).

Process. 520 learners, intake month 0..8 from 2019-04. Track chosen with chance expit(-.45 + .55 score + .35
prior - .4 kid - .3 emp - .02 (age - 28) + .08 (intake - 4)). In month m = 1, 2, ... after intake the
credential comes with chance expit(-3.35 + .45 score + .3 prior - .25 kid - .2 emp - .015 (age - 28) + .12
min(m, 4) + ln(.25) 1[calendar >= 2020-03] + ln(1.6) D); one uniform a month serves both tracks.

Truth. ATT 0.12 on `hse_earned_9m` (0.30 to 0.42); the naive difference is about 0.175. Leaving intake month
out of the models is wrong: later learners choose the track more often and meet COVID sooner.
"""

import numpy as np
import pandas as pd
from scipy.special import expit

from shared_utils.data.synthetic import common, truth
from shared_utils.data.synthetic.common import Draw, Mix, RawFile, World
from shared_utils.data.synthetic.indicators import Series, Signal

N, TRACTS, FOLLOW_UP, LAST = 520, 42, 9, 17
SITES = ("Downtown", "Lakeside", "Uptown")
SOURCES = ("Job center", "School", "Friend or family", "Court or parole")
LOG_ODDS = np.log(1.6)
MIX = Mix(
    race={"white_nh": 0.34, "black_nh": 0.31, "hispanic": 0.28, "asian_nh": 0.01, "multi_other_nh": 0.06},
    gender={"female": 0.55, "male": 0.44, "nonbinary_other": 0.01},
    household={"single_adult_children": 0.30, "two_plus_adults_children": 0.25,
               "single_adult_no_children": 0.23,
               "two_plus_adults_no_children": 0.18, "other": 0.04},
)  # fmt: skip
RACE = {"white_nh": "White", "black_nh": "Black", "hispanic": "Latino", "asian_nh": "Asian",
        "multi_other_nh": "Multi"}  # fmt: skip


def learners(world: World, rng, n: int, place: pd.DataFrame) -> pd.DataFrame:
    """Return n learners with their baseline and the track they choose (`track`, 1 = enhanced)."""
    p = common.people(rng, n, place, MIX, (17, 43))
    p["score"] = 0.8 * p["u"] + 0.6 * rng.standard_normal(n)
    p["prior"] = (rng.random(n) < 0.35).astype(int)
    p["kid"] = (rng.random(n) < np.where(p["with_children"], 0.65, 0.09)).astype(int)
    p["emp"] = (rng.random(n) < 0.50).astype(int)
    p["intake"] = rng.integers(0, 9, n)
    chance = expit(-0.45 + 0.55 * p["score"] + 0.35 * p["prior"] - 0.4 * p["kid"] - 0.3 * p["emp"]
                   - 0.02 * (p["age"] - 28) + 0.08 * (p["intake"] - 4))  # fmt: skip
    p["track"] = (rng.random(n) < chance).astype(int)
    p["multiplier"] = common.person_multiplier(world, p, place)
    return p


def hazards(world: World, p: pd.DataFrame, enhanced: bool) -> np.ndarray:
    """Return the chance of the credential in month 1, 2, ..., LAST under a track, (n, LAST)."""
    m = np.arange(1, LAST + 1)
    base = (-3.35 + 0.45 * p["score"] + 0.3 * p["prior"] - 0.25 * p["kid"] - 0.2 * p["emp"]
            - 0.015 * (p["age"] - 28) + LOG_ODDS * p["multiplier"] * enhanced).to_numpy()  # fmt: skip
    closed = (p["intake"].to_numpy()[:, None] + m >= 11) * world.scenario.covid
    return expit(base[:, None] + 0.12 * np.minimum(m, 4) + np.log(0.25) * closed)


def chances(world: World, p: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return each learner's chance of the credential within nine months (enhanced, usual)."""
    return tuple(1 - np.prod(1 - hazards(world, p, d)[:, :FOLLOW_UP], axis=1) for d in (True, False))


def first_month(hit: np.ndarray) -> np.ndarray:
    """Return the month of the first hit in each row; LAST + 1 where there is none."""
    return np.where(hit.any(axis=1), hit.argmax(axis=1) + 1, LAST + 1)


def potential(world: World, p: pd.DataFrame, rng) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return each outcome's (enhanced, usual) potential outcomes; `month` is the month of the credential."""
    n, m = len(p), p["multiplier"].to_numpy()
    u = rng.random((n, LAST))
    month = tuple(first_month(u < hazards(world, p, d)) for d in (True, False))
    next_step, tests, work = rng.random(n), rng.random(n), rng.random(n)
    job = expit(-0.1 + 0.9 * p["emp"] + 0.3 * p["u"]).to_numpy()
    return {
        "month": month,
        "hse_earned_9m": tuple((k <= FOLLOW_UP).astype(int) for k in month),
        "next_step_60d": tuple(((k <= FOLLOW_UP) & (next_step < 0.48)).astype(int) for k in month),
        "subtests_passed": tuple(
            np.where(k <= FOLLOW_UP, 4, np.minimum(common.quantile_count(tests, 1.3 + d), 3))
            for k, d in zip(month, (0.3 * m, 0.0 * m), strict=True)),
        "employed_12m": tuple((work < np.clip(job + d, 0, 0.98)).astype(int) for d in (0.03 * m, 0.0)),
    }  # fmt: skip


def truths(p: pd.DataFrame, earned: tuple) -> dict[str, float]:
    """Return the ATT and what a naive comparison would find, from (enhanced, usual) outcomes or chances."""
    took = p["track"].to_numpy() == 1
    y1, y0 = earned
    return {"att": (y1 - y0)[took].mean(), "untreated_mean": y0[took].mean(), "track_share": took.mean(),
            "naive": y1[took].mean() - y0[~took].mean()}  # fmt: skip


def draw(world: World) -> Draw:
    """Return Racine's files and truth."""
    place = common.tracts(world, TRACTS, MIX)
    n = N * world.scenario.size
    p = learners(world, world.rng("people"), n, place)
    rng = world.rng("people", "intake")
    begins = common.months_after(np.full(n, np.datetime64("2019-04-01")), p["intake"].to_numpy())
    p["intake_date"] = common.plus_days(begins, rng.integers(0, 28, n))
    p["site"] = rng.integers(0, len(SITES), n)
    p["source"] = rng.integers(0, len(SOURCES), n)
    order = np.argsort(p["intake_date"], kind="stable")
    p = p.iloc[order].reset_index(drop=True)
    p["id"] = common.ids("RAC", n)

    rng = world.rng("outcomes")
    y = potential(world, p, rng)
    seen = {k: np.where(p["track"] == 1, *pair) for k, pair in y.items()}
    # Days to the credential: a month of the process is 30 days, so month 9 ends on day 270.
    days = 30 * (seen["month"] - 1) + rng.integers(1, 31, n)
    reached = common.observed(world, rng, p["u"], p["track"], {1: 0.86, 0: 0.79})

    big = learners(world, world.rng("population"), common.POPULATION_DRAWS, place)
    population, sample = truths(big, chances(world, big)), truths(p, y["hse_earned_9m"])
    took = p["track"].to_numpy() == 1
    return Draw(
        files=[_learners(p), _sites(), _credentials(p, seen, days), _follow_up(p, seen, reached),
               _hours(world, p)],
        tracts=place, mix=MIX, series=_series(),
        costs={"monthly_fixed": 11_500, "per_person": 980, "people": int(took.sum()),
               "category": "contracts", "arm": "enhanced_track"},
        truth=truth.record(
            world,
            [truth.estimand("ATT", "hse_earned_9m", population["att"], sample["att"], "proportion",
                            "enhanced_track - usual_classes")],
            truth.effects({k: (v[0][took], v[1][took]) for k, v in y.items()
                           if k not in ("month", "hse_earned_9m")}),
            {**{f"population_{k}": v for k, v in population.items() if k != "att"},
             "naive": sample["naive"], "track_share": sample["track_share"],
             "followed_share": reached.mean()}),
    )  # fmt: skip


def _learners(p) -> RawFile:
    who = common.identifiers(len(p), "262")
    frame = pd.DataFrame({
        "Learner #": p["id"], "Learner name": who["name"], "Cell": who["phone"], "E-mail": who["email"],
        "Home address": who["address"], "Tract": p["tract_id"], "Class site": [SITES[s] for s in p["site"]],
        "Intake date": p["intake_date"], "Age": p["age"],
        "Gender": p["gender"].str.replace("_other", "/other"), "Race": p["race_ethnicity"].map(RACE),
        "Household": p["household_type"].str.replace("_", " "), "In household": p["household_size"],
        "Income": p["income"], "Working": np.array(["N", "Y"])[p["emp"]],
        "Placement score": np.round(500 + 60 * p["score"]).astype(int), "Prior attempts": p["prior"],
        "Needs childcare": np.array(["N", "Y"])[p["kid"]], "Referred by": [SOURCES[s] for s in p["source"]],
        "Track": np.array(["Usual", "Enhanced"])[p["track"]],
    })  # fmt: skip
    return RawFile(
        "learners.xlsx", frame, sheet="Intake", id="Learner #", site="Class site", duplicates=True,
        title=("HSE preparation: learners at intake",),
        may_miss={"Race": 0.08, "Household": 0.06, "Tract": 0.04, "Income": 0.05, "Placement score": 0.03},
        yes_no=("Needs childcare",), dates=("Intake date",), money="Income", tract="Tract",
    )  # fmt: skip


def _sites() -> RawFile:
    return RawFile("class_sites.csv", pd.DataFrame({"Class site": SITES, "Seats": (240, 150, 160)}))


def _credentials(p, seen, days) -> RawFile:
    """The state registry knows everyone: earned when, or not by the end of September 2020."""
    end = pd.Timestamp("2020-09-30")
    begin = pd.DatetimeIndex(p["intake_date"])
    earned = common.plus_days(begin, days)
    got = (seen["month"] <= LAST) & (earned <= end)
    frame = pd.DataFrame({
        "Learner #": p["id"], "Nine months on": common.plus_days(begin, 270),
        "Diploma in 9 months": np.array(["N", "Y"])[seen["hse_earned_9m"]],
        "Diploma date": pd.Series(earned).where(got),
        "No diploma as of": pd.Series(end, index=p.index).where(~got),
        "Days": np.where(got, days, (end - begin).days), "Intake date": begin,
        "Registry run": pd.Timestamp("2020-10-05"),
    })  # fmt: skip
    return RawFile("credential_registry.csv", frame, id="Learner #", duplicates=True)


def _follow_up(p, seen, reached) -> RawFile:
    begin = pd.DatetimeIndex(p["intake_date"])
    year = common.months_after(begin, 12)
    due = year <= pd.Timestamp("2020-10-01")
    work = pd.Series(np.array(["N", "Y"])[seen["employed_12m"]]).where((reached == 1) & due)
    called = np.minimum(year + pd.Timedelta(days=20), pd.Timestamp("2020-10-20"))
    frame = pd.DataFrame({
        "Learner #": p["id"], "Due": common.plus_days(begin, 270), "Called on": common.plus_days(begin, 285),
        "Reached": np.where(reached, "Y", "N"),
        "Subtests passed": pd.Series(seen["subtests_passed"]).where(reached == 1).astype("Int64"),
        "Next step in 60 days": pd.Series(np.array(["N", "Y"])[seen["next_step_60d"]]).where(reached == 1),
        "Year due": year, "Year called": called, "Working at 12 months": work,
        "Year status": np.select([~due, reached == 1], ["not yet due", "reached"], "not reached"),
    })  # fmt: skip
    return RawFile("follow_up.csv", frame, id="Learner #", yes_no=("Next step in 60 days",), encoding="utf-8-sig")


def _hours(world: World, p) -> RawFile:
    """Class hours a week for up to 20 weeks; more in the enhanced track, fewer under COVID."""
    rng = world.rng("services")
    weeks = np.minimum(rng.geometric(0.07, len(p)) + 1, 20)
    row = np.repeat(np.arange(len(p)), weeks)
    k = np.arange(len(row)) - np.r_[0, np.cumsum(weeks)[:-1]][row]
    day = common.plus_days(pd.DatetimeIndex(p["intake_date"])[row], 4 + 7 * k + rng.integers(0, 3, len(row)))
    mean = np.where(p["track"].to_numpy()[row] == 1, 7.0, 5.0)
    hours = np.round(np.clip(rng.gamma(4.0, mean / 4.0), 0.5, 20.0), 1)
    open_then = rng.random(len(row)) < common.covid_volume(world, day.to_period("M"))
    frame = pd.DataFrame({"learner": p["id"].to_numpy()[row], "week_of": day, "hours": hours,
                          "attended": True,
                          "class_site": [SITES[s] for s in p["site"].to_numpy()[row]]})  # fmt: skip
    frame = frame[open_then].sort_values(["week_of", "learner"], kind="stable", ignore_index=True)
    frame.insert(0, "entry", [f"s_{i + 1:06d}" for i in range(len(frame))])
    return RawFile("class_hours.parquet", frame, id="learner", duplicates=True, orphans=True)


def _series() -> list[Series]:
    return [
        Series("orientation_to_class", "share", 0.72, 78, "RGHO", covid=-0.20),
        Series("persist_12w", "share", 0.57, 60, "RGHO", covid=-0.22),
        Series("first_subtest_90d", "share", 0.43, 58, "RGHO", planted=Signal(
            "collapse", "2020-03", -0.30, expect="assigned cause from 2020-03, no concern before")),
        Series("hse_completion_6m", "share", 0.27, 55, "RGHO", covid=-0.15),
        Series("hours_per_week", "value", 5.7, 150, "RGH", "2019-05", spread=2.2, covid=-2.0),
        Series("next_step_60d", "share", 0.46, 45, "RGH", "2019-07", every=3, covid=-0.12),
    ]  # fmt: skip
