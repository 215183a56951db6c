"""Tulsa: three arms drawn within strata (pilots.md 4.3, design 9).

Process. 900 youth, 1:1:1 within 6 strata (3 sites x in school or work). p0 = expit(-.25 + .75 status + .5u);
p_arm = p0 + (0, .04, .13), at most .98, one uniform for all arms. Outcome seen for 86 / 88 / 90 %.

Truth. On `employed_or_enrolled_m9`: A - control 0.040, B - control 0.131. With no effects an unadjusted "any
arm" claim is wrong 9 % of the time; Holm 4.8 %.
"""

import numpy as np
import pandas as pd
from scipy.special import expit

from shared_utils.data.synthetic import common, truth
from shared_utils.data.synthetic.common import Draw, Mix, RawFile, World
from shared_utils.data.synthetic.indicators import Series, Signal

N, TRACTS = 900, 58
ARMS = ("control", "career_education", "career_education_plus_training")
PRINTED = ("Info packet", "Career ed", "Career ed + training")
GAINS = (0.0, 0.04, 0.13)
SITES = ("East", "North", "West")
MIX = Mix(
    race={"white_nh": 0.42, "black_nh": 0.24, "hispanic": 0.16, "aian_nh": 0.08, "asian_nh": 0.02,
          "multi_other_nh": 0.08},
    gender={"female": 0.52, "male": 0.46, "nonbinary_other": 0.02},
    household={"single_adult_children": 0.22, "two_plus_adults_children": 0.16,
               "single_adult_no_children": 0.30,
               "two_plus_adults_no_children": 0.26, "other": 0.06},
)  # fmt: skip
RACE = {"white_nh": "White", "black_nh": "Black", "hispanic": "Hispanic", "aian_nh": "Native American",
        "asian_nh": "Asian", "multi_other_nh": "Multiracial"}  # fmt: skip
HOUSEHOLD = {"single_adult_children": "Single, with child", "two_plus_adults_children": "Adults, with child",
             "single_adult_no_children": "Single", "two_plus_adults_no_children": "Adults",
             "other": "Other"}  # fmt: skip


def youth(world: World, rng, n: int, place: pd.DataFrame) -> pd.DataFrame:
    """Return n youth with their baseline status."""
    p = common.people(rng, n, place, MIX, (18, 24))
    p["site"] = rng.integers(0, len(SITES), n)
    p["status"] = (rng.random(n) < 0.45).astype(int)
    p["hs"] = (rng.random(n) < expit(1.3 + 0.4 * p["u"])).astype(int)
    p["parenting"] = np.where(p["with_children"], rng.random(n) < 0.75, False).astype(int)
    p["multiplier"] = common.person_multiplier(world, p, place)
    return p


def chances(p: pd.DataFrame) -> list[np.ndarray]:
    """Return each youth's chance of work or study under the three arms."""
    p0 = expit(-0.25 + 0.75 * p["status"] + 0.5 * p["u"])
    return [np.clip(p0 + gain * p["multiplier"], 0, 0.98).to_numpy() for gain in GAINS]


def potential(p: pd.DataFrame, rng) -> dict[str, list[np.ndarray]]:
    """Return each outcome's potential outcomes under the three arms; one draw serves all of them."""
    n, m = len(p), p["multiplier"].to_numpy()
    u, badge, study, works = (rng.random(n) for _ in range(4))
    pay = np.exp(8.1 + 0.12 * p["u"].to_numpy() + 0.5 * rng.standard_normal(n))
    wage = 11.2 + 0.5 * p["u"].to_numpy() + 2.2 * rng.standard_normal(n)
    hours = rng.gamma(2.0, 1.0, n)
    connected = [(u < chance).astype(int) for chance in chances(p)]
    return {
        "employed_or_enrolled_m9": connected,
        "credential_earned_m12": [(badge < 0.10 + g * m).astype(int) for g in (0.0, 0.03, 0.18)],
        "earnings_q3": [np.round(c * (works < 0.78) * pay * (1 + g * m), 2)
                        for c, g in zip(connected, (0.0, 0.01, 0.06), strict=True)],
        "training_hours_m9": [np.round(np.maximum(hours * (9 + g * m), 0) * (study < reach), 1)
                              for g, reach in ((0.0, 0.30), (4.0, 0.30), (90.0, 0.30 + 0.5 * np.abs(m)))],
        "hourly_wage_m9": [np.round(np.clip(wage + g * m, 7.25, 40), 2) for g in (0.0, 0.10, 0.70)],
        "in_work": [(c == 1) & (works < 0.78) for c in connected],
    }  # fmt: skip


def assign_arms(world: World, p: pd.DataFrame) -> np.ndarray:
    """Return 0, 1 or 2: equal shares in each stratum; the odd places are drawn."""
    rng = world.rng("assignment")
    if world.scenario_name == "broken_randomization":
        return np.digitize(p["u"] + 0.8 * rng.standard_normal(len(p)), [-0.6, 0.3])
    arm = np.zeros(len(p), dtype=int)
    for name in sorted(set(p["stratum"])):
        rows = rng.permutation(np.flatnonzero(p["stratum"] == name))
        arm[rows] = (np.arange(len(rows)) + rng.integers(0, 3)) % 3
    return arm


def draw(world: World) -> Draw:
    """Return Tulsa's files and truth."""
    place = common.tracts(world, TRACTS, MIX)
    n = N * world.scenario.size
    p = youth(world, world.rng("people"), n, place)
    p["id"] = common.ids("TUL", n)
    status = ["not in school or work", "in school or work"]
    p["stratum"] = [f"{SITES[s]}, {status[x]}" for s, x in zip(p["site"], p["status"], strict=True)]
    p["arm"] = assign_arms(world, p)
    assigned = common.dates_between(world.rng("people", "dates"), n, "2019-04-22", "2019-05-31")
    applied = common.plus_days(assigned, -world.rng("people", "lag").integers(2, 12, n))

    rng = world.rng("outcomes")
    y = potential(p, rng)
    seen = {k: np.choose(p["arm"], arms) for k, arms in y.items()}
    followed = common.observed(world, rng, p["u"], p["arm"], {0: 0.86, 1: 0.88, 2: 0.90})

    population = chances(youth(world, world.rng("population"), common.POPULATION_DRAWS, place))
    sample = y["employed_or_enrolled_m9"]
    main = [truth.estimand("ITT", "employed_or_enrolled_m9", (population[k] - population[0]).mean(),
                           (sample[k] - sample[0]).mean(), "proportion", f"{ARMS[k]} - control")
            for k in (1, 2)]  # fmt: skip
    others = {f"{k}, {ARMS[a]} - control": (arms[a], arms[0]) for k, arms in y.items()
              if k not in ("employed_or_enrolled_m9", "in_work") for a in (1, 2)}  # fmt: skip
    return Draw(
        files=[_roster(world, p, applied), _assignment(p, assigned), _sites(),
               _followup(p, seen, followed, assigned),
               _training(p, seen, followed), _log(world, p, assigned)],
        tracts=place, mix=MIX, series=_series(),
        costs={"monthly_fixed": 22_000, "per_person": 2_600, "people": int((p["arm"] == 2).sum()),
               "category": "contracts", "arm": "career_education_plus_training"},
        truth=truth.record(world, main, truth.effects(others), {
            "comparison_mean": sample[0].mean(), "followed_share": followed.mean(),
            **{f"n_{ARMS[k]}": float((p["arm"] == k).sum()) for k in range(3)}}),
    )  # fmt: skip


def _roster(world: World, p, applied) -> RawFile:
    who = common.identifiers(len(p), "918")
    left, why = common.exits(world, common.plus_days(applied, 30), 0.09)
    frame = pd.DataFrame({
        "Youth ID": p["id"], "Full name": who["name"], "Phone": who["phone"], "Email": who["email"],
        "Address": who["address"], "Site": [SITES[s] for s in p["site"]], "GEOID (tract)": p["tract_id"],
        "Signed up": applied, "Age": p["age"], "Gender identity": p["gender"].str.capitalize(),
        "Race / ethnicity": p["race_ethnicity"].map(RACE), "Lives": p["household_type"].map(HOUSEHOLD),
        "HH members": p["household_size"], "In school or work?": np.array(["No", "Yes"])[p["status"]],
        "Diploma/GED?": np.array(["No", "Yes"])[p["hs"]], "Parent?": np.array(["No", "Yes"])[p["parenting"]],
        "Exit": left, "Exit reason": why,
    })  # fmt: skip
    return RawFile(
        "youth_roster.csv", frame, id="Youth ID", site="Site", duplicates=True, date_format="%b %d, %Y",
        may_miss={"Race / ethnicity": 0.08, "Lives": 0.06, "GEOID (tract)": 0.04, "Diploma/GED?": 0.04},
        yes_no=("Diploma/GED?", "Parent?"), dates=("Signed up",), tract="GEOID (tract)",
    )  # fmt: skip


def _assignment(p, assigned) -> RawFile:
    frame = pd.DataFrame({"Youth ID": p["id"], "Arm": [PRINTED[a] for a in p["arm"]], "Drawn": assigned,
                          "Stratum": p["stratum"]})  # fmt: skip
    return RawFile("assignment.xlsx", frame, sheet="Draw", id="Youth ID",
                   title=("Assignment list, drawn within site and status",))  # fmt: skip


def _sites() -> RawFile:
    return RawFile("sites.csv", pd.DataFrame({"Site": SITES, "Slots": (300, 300, 300)}))


def _followup(p, seen, followed, assigned) -> RawFile:
    """Month-9 survey and records. A wage is due only from those in work."""
    got = followed == 1
    due = common.months_after(assigned, 9)
    paid = got & seen["in_work"].astype(bool)
    frame = pd.DataFrame({
        "Youth ID": p["id"], "Month 9": due, "Contact": np.where(got, "Reached", "Not reached"),
        "Employed or enrolled": pd.Series(np.array(["No",
                                                    "Yes"])[seen["employed_or_enrolled_m9"]]).where(got),
        "Earnings Q3": pd.Series(seen["earnings_q3"]).where(got),
        "Wage status": np.select([~got, paid], ["Not reached", "In work"], "No job"),
        "Hourly wage": pd.Series(seen["hourly_wage_m9"]).where(paid),
        "Completed on": common.plus_days(due, 16),
    })  # fmt: skip
    return RawFile("month9_followup.csv", frame, id="Youth ID", duplicates=True, yes_no=("Employed or enrolled",))


def _training(p, seen, followed) -> RawFile:
    """The training provider's own file, for those it could find again."""
    rows = np.flatnonzero(followed)
    frame = pd.DataFrame({
        "Youth ID": p["id"].to_numpy()[rows], "Hours by month 9": seen["training_hours_m9"][rows],
        "Credential": np.array(["N", "Y"])[seen["credential_earned_m12"][rows]],
        "Hours as of": pd.Timestamp("2020-02-01"), "Credential as of": pd.Timestamp("2020-05-01"),
        "Reported": pd.Timestamp("2020-05-29"),
    })  # fmt: skip
    return RawFile("training_provider.csv", frame, id="Youth ID", date_format="%Y-%m-%d")


def _log(world: World, p, assigned) -> RawFile:
    """Arms A and B: 80 % start within 30 days, then navigator contacts; starters of B also train."""
    rng = world.rng("services")
    arm = p["arm"].to_numpy()
    starters = np.flatnonzero((arm > 0) & (rng.random(len(p)) < expit(1.35 + 0.4 * p["u"].to_numpy())))
    begin = common.plus_days(assigned[starters], rng.integers(3, 30, len(starters)))
    first = pd.DataFrame({"youth": starters, "what": "program_start", "day": begin, "amount": 1.0, "unit": "count"})
    count = 1 + rng.poisson(5.0, len(starters))
    row = np.repeat(np.arange(len(starters)), count)
    contact = pd.DataFrame({"youth": starters[row], "what": "navigator_contact", "amount": 1.0,
                            "unit": "count",
                            "day": common.plus_days(begin[row], rng.integers(1, 260, len(row)))})  # fmt: skip
    trainees = np.flatnonzero(arm[starters] == 2)
    count = 1 + rng.poisson(5.5, len(trainees))
    row = np.repeat(trainees, count)
    training = pd.DataFrame({"youth": starters[row], "what": "training_hours", "unit": "hours",
                             "amount": np.round(rng.gamma(6.0, 9.0, len(row)), 1),
                             "day": common.plus_days(begin[row],
                                                     rng.integers(5, 260, len(row)))})  # fmt: skip
    frame = pd.concat([first, contact, training])
    keep = (
        frame["day"]
        .dt.to_period("M")
        .map(dict(zip(common.PILOT, common.covid_volume(world, common.PILOT), strict=True)))
    )
    frame = frame[(rng.random(len(frame)) < keep) | (frame["what"] == "program_start")]
    frame = frame.sort_values(["day", "youth", "what"], kind="stable", ignore_index=True)
    frame["youth"] = p["id"].to_numpy()[frame["youth"]]
    frame["delivered"] = True
    frame.insert(0, "entry", [f"s_{i + 1:06d}" for i in range(len(frame))])
    return RawFile("provider_log.parquet", frame, id="youth", duplicates=True, orphans=True)


def _series() -> list[Series]:
    return [
        Series("arm_start_30d", "share", 0.79, 120, "RGHO", "2019-05", "2020-02"),
        Series("navigator_contact", "share", 0.67, 380, "RGHO", "2019-06", wobble=0.03, covid=-0.15),
        Series("training_hours", "value", 55.0, 190, "RG", "2019-06", wobble=0.03, spread=22.0, covid=-25.0),
        Series("module_on_time", "share", 0.66, 190, "RGHO", "2019-06", wobble=0.03, covid=-0.20),
        Series("connected_month", "share", 0.58, 640, "RGHO", "2019-06", wobble=0.03, noise=0.008,
               covid=-0.12,
               volume=False),
        Series("dropout", "share", 0.075, 390, "RGHO", "2019-06", good="decrease", wobble=0.03, covid=0.03,
               planted=Signal("none", "2019-06", 0.0, expect="common cause")),
    ]  # fmt: skip
