"""Dayton: classrooms drawn within sites, families followed up (pilots.md 4.3, design 2).

Process. 12 sites x 4 classrooms x 16 families. y = s_site + c_class + 0.5 x + e + 0.25 T with Var(s) = .04,
Var(c) = .06, Var(e) = .65, x standard normal with a classroom part; index = 55 + 18 y, clipped to 0-100. Two
of four classrooms a site are treated. Families answer with chance expit(1.65 + 0.25 x + 0.25 T), about 85 %.

Truth. ITT 0.25 SD = 4.5 points on `home_learning_index` (a little less after clipping). Ignoring the
classrooms rejects a true null 22 % of the time.
"""

import numpy as np
import pandas as pd
from scipy.special import expit

from shared_utils.data.synthetic import common, truth
from shared_utils.data.synthetic.common import Draw, Mix, RawFile, World
from shared_utils.data.synthetic.indicators import Series, Signal

SITES, CLASSES, FAMILIES, TRACTS = 12, 4, 16, 45
EFFECT, POINTS, MEAN = 0.25, 18.0, 55.0
MIX = Mix(
    race={"black_nh": 0.44, "white_nh": 0.38, "hispanic": 0.09, "asian_nh": 0.02, "multi_other_nh": 0.07},
    gender={"female": 0.49, "male": 0.51},
    household={"single_adult_children": 0.48, "two_plus_adults_children": 0.48, "other": 0.04},
)
RACE = {"black_nh": "Black", "white_nh": "White", "hispanic": "Hispanic", "asian_nh": "Asian",
        "multi_other_nh": "Two or more"}  # fmt: skip
GENDER = {"female": "Girl", "male": "Boy"}
HOUSEHOLD = {"single_adult_children": "One adult", "two_plus_adults_children": "Two or more adults",
             "other": "Other"}  # fmt: skip
TRAINING = {"lt_hs": "No diploma", "hs_ged": "HS or GED", "some_college": "Some college",
            "assoc_plus": "Degree"}  # fmt: skip


def families(rng, sites: int, place: pd.DataFrame) -> pd.DataFrame:
    """Return families; `x` is the standardised baseline index, `c` the classroom's part of y."""
    classes = sites * CLASSES
    site, room = 0.2 * rng.standard_normal(sites), np.sqrt(0.06) * rng.standard_normal(classes)
    part = rng.standard_normal(classes)
    n = classes * FAMILIES
    p = common.people(rng, n, place, MIX, (36, 59))
    p["room"] = np.repeat(np.arange(classes), FAMILIES)
    p["site"] = p["room"] // CLASSES
    p["s"], p["c"] = site[p["site"]], room[p["room"]]
    p["x"] = 0.25 * part[p["room"]] + np.sqrt(1 - 0.25**2) * p["u"]
    p["e"] = np.sqrt(0.65) * rng.standard_normal(n)
    p["other_language"] = (rng.random(n) < np.where(p["race_ethnicity"] == "hispanic", 0.6, 0.05)).astype(int)
    p["parent_education"] = common.choose(rng, n, list(TRAINING), [0.18, 0.38, 0.29, 0.15])
    return p


def index(p: pd.DataFrame, effect) -> np.ndarray:
    """Return the home-learning index (0-100) under an effect in SD."""
    return np.clip(MEAN + POINTS * (p["s"] + p["c"] + 0.5 * p["x"] + p["e"] + effect), 0, 100).to_numpy()


def draw(world: World) -> Draw:
    """Return Dayton's files and truth."""
    place = common.tracts(world, TRACTS, MIX)
    p = families(world.rng("people"), SITES, place)
    n = len(p)
    p["id"] = common.ids("DAY", n)
    rooms = p.groupby("room").agg(site=("site", "first"), c=("c", "first"))
    rooms["id"] = [f"Room {s + 1:02d}{'ABCD'[k % CLASSES]}" for k, s in enumerate(rooms["site"])]
    rooms["arm"] = common.assign(world, rooms["site"], 4 * rooms["c"])
    arm = rooms["arm"].to_numpy()[p["room"]]
    m = common.person_multiplier(world, p, place)

    rng = world.rng("outcomes")
    y1, y0 = index(p, EFFECT * m), index(p, 0.0)
    answers = expit(1.65 + 0.25 * p["x"] + 0.25 * arm)
    winter = _answered(world, rng, p, arm, answers)
    school = _school(rng, p, m)
    spring_y = [np.clip(y + 8 * z - 5.0 * world.scenario.covid, 0, 100)
                for z in [rng.standard_normal(n)] for y in (index(p, 0.6 * EFFECT * m), y0)]  # fmt: skip
    spring = _answered(world, rng, p, arm, answers - (0.10 if world.scenario.covid else 0.0))
    seen = {"home_learning_index": np.where(arm == 1, y1, y0), "spring": np.where(arm == 1, *spring_y),
            **{k: np.where(arm == 1, *pair) for k, pair in school.items()}}  # fmt: skip

    big = families(world.rng("population"), 400, place)
    lift = EFFECT * common.person_multiplier(world, big, place)
    population = float((index(big, lift) - index(big, 0.0)).mean())
    return Draw(
        files=[_enrolment(p, rooms), _classrooms(rooms), _randomization(rooms),
               _survey("winter_survey.csv", p, seen["home_learning_index"], winter, "2020-01-21", 45, rng),
               _survey("spring_survey.csv", p, seen["spring"], spring, "2020-05-11", 18, rng),
               _school_records(p, seen), _messages(world, p, arm)],
        tracts=place, mix=MIX, series=_series(),
        costs={"monthly_fixed": 16_500, "per_person": 140, "people": int(arm.sum()),
               "category": "direct_support", "arm": "engagement"},
        truth=truth.record(
            world,
            [truth.estimand("ITT", "home_learning_index", population, (y1 - y0).mean(), "points",
                            "engagement - control")],
            {**truth.effects(school), "home_learning_index_may": truth.share(spring_y[0] - spring_y[1])},
            {"effect_sd": EFFECT * world.scenario.effect, "baseline_mean": y0.mean(), "baseline_sd": y0.std(),
             "classroom_variance": 0.06, "site_variance": 0.04, "response": winter.mean(),
             "response_engagement": winter[arm == 1].mean(), "response_control": winter[arm == 0].mean()}),
    )  # fmt: skip


def _answered(world: World, rng, p, arm, chance) -> np.ndarray:
    if world.scenario_name == "differential_attrition":
        chance = np.where(arm == 0, expit(1.35 + 0.9 * p["u"]), chance)
    return (rng.random(len(p)) < chance).astype(int)


def _school(rng, p: pd.DataFrame, m: np.ndarray) -> dict[str, tuple]:
    """Return the school's own measures, each as (treated, untreated) from one draw."""
    n = len(p)
    base = 0.915 + 0.02 * p["x"] + 0.10 * p["c"] + 0.035 * rng.standard_normal(n)
    rate = [np.round(np.clip(base + d, 0.5, 1.0), 4).to_numpy() for d in (0.008 * m, 0.0)]
    mood = 0.3 * p["x"] + 0.6 * p["c"] + 0.9 * rng.standard_normal(n)
    letters = 0.4 * p["x"] + 0.5 * p["c"] + 0.85 * rng.standard_normal(n)
    return {
        "attendance_rate_oct_feb": tuple(rate),
        "chronic_absence": tuple((r <= 0.90).astype(int) for r in rate),
        "teacher_rated_involvement": tuple(np.round(mood + d, 3).to_numpy() for d in (0.15 * m, 0.0)),
        "early_literacy": tuple(np.round(letters + d, 3).to_numpy() for d in (0.08 * m, 0.0)),
    }


def _enrolment(p, rooms) -> RawFile:
    who = common.identifiers(len(p), "937")
    frame = pd.DataFrame({
        "Family no.": p["id"], "Parent name": who["name"], "Phone": who["phone"], "E-mail": who["email"],
        "Address": who["address"], "Classroom": rooms["id"].to_numpy()[p["room"]],
        "Tract 2010": p["tract_id"],
        "Enrolled": common.plus_days(np.full(len(p), np.datetime64("2019-08-05")), np.arange(len(p)) % 25),
        "Child age (months)": p["age"], "Child": p["gender"].map(GENDER),
        "Race/ethnicity": p["race_ethnicity"].map(RACE), "Adults at home": p["household_type"].map(HOUSEHOLD),
        "People at home": p["household_size"],
        "Other language at home": np.array(["no", "yes"])[p["other_language"]],
        "Parent schooling": p["parent_education"].map(TRAINING),
        "Index in August": np.round(np.clip(MEAN + POINTS * p["x"], 0, 100), 1),
    })  # fmt: skip
    return RawFile(
        "enrolment.csv", frame, id="Family no.", site="Classroom", duplicates=True, date_format="%d %b %Y",
        may_miss={"Race/ethnicity": 0.08, "Adults at home": 0.06, "Tract 2010": 0.04,
                  "Parent schooling": 0.03,
                  "Index in August": 0.03},
        yes_no=("Other language at home",), dates=("Enrolled",), tract="Tract 2010",
    )  # fmt: skip


def _classrooms(rooms) -> RawFile:
    sites = pd.DataFrame({"Unit": [f"Site {s + 1:02d}" for s in range(SITES)], "Kind": "Site",
                          "Part of": None,
                          "Families": FAMILIES * CLASSES})  # fmt: skip
    frame = pd.DataFrame(
        {
            "Unit": rooms["id"],
            "Kind": "Classroom",
            "Part of": [f"Site {s + 1:02d}" for s in rooms["site"]],
            "Families": FAMILIES,
        }
    )
    return RawFile("classrooms.csv", pd.concat([sites, frame], ignore_index=True))


def _randomization(rooms) -> RawFile:
    frame = pd.DataFrame({
        "Classroom": rooms["id"], "Drawn in site": [f"Site {s + 1:02d}" for s in rooms["site"]],
        "Result": np.array(["Usual contact", "Engagement"])[rooms["arm"]],
        "Drawn on": pd.Timestamp("2019-08-30"),
        "Seed": "DY-2019-08-30",
    })  # fmt: skip
    return RawFile("randomization.xlsx", frame, sheet="draw", title=("Draw of classrooms, two of four in each site",))


def _survey(name: str, p, index_now, answered, start: str, days: int, rng) -> RawFile:
    when = common.plus_days(np.full(len(p), np.datetime64(start)), rng.integers(0, days, len(p)))
    frame = pd.DataFrame({
        "Family no.": p["id"], "Wave opens": pd.Timestamp(start),
        "Reply": np.where(answered, "Complete", "None"),
        "Home learning index": np.where(answered, np.round(index_now, 2), np.nan), "Reply date": when,
    })  # fmt: skip
    return RawFile(name, frame, id="Family no.", duplicates=True, date_format="%Y-%m-%d")


def _school_records(p, seen) -> RawFile:
    frame = pd.DataFrame({
        "Family no.": p["id"], "Period from": pd.Timestamp("2019-10-01"),
        "Attendance rate": seen["attendance_rate_oct_feb"], "Days enrolled": 88,
        "Chronically absent": seen["chronic_absence"],
        "Teacher rating (z)": seen["teacher_rated_involvement"], "Early literacy (z)": seen["early_literacy"],
        "Exported": pd.Timestamp("2020-03-12"),
    })  # fmt: skip
    return RawFile("school_records.xlsx", frame, sheet="Export", id="Family no.",
                   may_miss={"Teacher rating (z)": 0.04, "Early literacy (z)": 0.05})  # fmt: skip


def _messages(world: World, p, arm) -> RawFile:
    """Families of treated classrooms get a message every week and may reply; some come to workshops."""
    rng = world.rng("services")
    weeks = pd.date_range("2019-09-09", "2020-05-29" if not world.scenario.covid else "2020-03-13", freq="W-MON")
    treated = np.flatnonzero(arm)
    row, week = np.repeat(treated, len(weeks)), np.tile(np.arange(len(weeks)), len(treated))
    u = p["u"].to_numpy()
    sent = np.ones(len(row), dtype=bool)
    reply = rng.random(len(row)) < expit(-0.6 + 0.6 * u[row])
    workshop = (week % 8 == 3) & (rng.random(len(row)) < expit(-0.8 + 0.5 * u[row]))
    parts = []
    for mask, kind, lag in (
        (sent, "message_delivered", 0),
        (reply, "message_reply", 1),
        (workshop, "workshop", 4),
    ):
        parts.append(
            pd.DataFrame(
                {
                    "family": p["id"].to_numpy()[row[mask]],
                    "what": kind,
                    "day": weeks[week[mask]] + pd.Timedelta(days=lag),
                    "count": 1.0,
                    "arrived": rng.random(mask.sum()) < (0.96 if kind == "message_delivered" else 1.1),
                }
            )
        )
    frame = pd.concat(parts).sort_values(["day", "family", "what"], kind="stable", ignore_index=True)
    frame.insert(0, "event", [f"s_{i + 1:06d}" for i in range(len(frame))])
    return RawFile("message_log.parquet", frame, id="family", duplicates=True, orphans=True)


def _series() -> list[Series]:
    away = (6, 7, 8)
    return [
        Series("two_way_contact", "share", 0.72, 384, "RGHO", "2019-09", "2020-05", noise=0.015, covid=-0.18),
        Series("home_activity_log", "share", 0.46, 368, "RGHO", "2019-10", "2020-05", noise=0.015,
               covid=-0.08),
        Series("workshop_family", "share", 0.38, 380, "RH", "2019-10", "2020-02", every=2),
        Series("attendance_rate", "share", 0.915, 13_800, "RGHO", last="2020-03", noise=0.002, wobble=0.03,
               volume=False, skip=away, planted=Signal("low_month", "2020-02", -0.05, expect="rule 1")),
        Series("chronic_absence", "share", 0.23, 740, "RGHO", last="2020-03", good="decrease", noise=0.008,
               wobble=0.02, volume=False, skip=away),
        Series("fidelity_classroom", "share", 0.74, 24, "", "2019-09", "2020-05", wobble=0.0, covid=-0.3),
    ]  # fmt: skip
