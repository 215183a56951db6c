"""Lansing: an invitation that moves take-up, analysed with IV (pilots.md 4.3, design 4).

Process. 6,000 households in 8 neighbourhoods, invited 1:1. Always-takers 6 %, compliers 20 %, never-takers 74
%. base ~ B(expit(-.4 + .8u)); p0 = expit(-.75 + .9 base + .5u + .15 [complier] - .2 [always]). Past due
without a session if U < p0, with one if U < max(p0 - .15, .01).

Truth. LATE -0.1496 on `past_due_m6`, ITT -0.030, first stage 0.20. Scenario weak_nudge: 2 % compliers among
2,000 households, where 2SLS is not to be trusted and the Anderson-Rubin set is.
"""

import numpy as np
import pandas as pd
from scipy.special import expit

from shared_utils.data.synthetic import common, truth
from shared_utils.data.synthetic.common import Draw, Mix, RawFile, World
from shared_utils.data.synthetic.indicators import Series, Signal

N, TRACTS, EFFECT = 6_000, 40, 0.15
AREAS = ("Baker", "Colonial", "Eastside", "Genesee", "Holmes", "Moores", "Oakwood", "Westside")
INVITED = pd.Timestamp("2019-07-15")
MIX = Mix(
    race={"white_nh": 0.52, "black_nh": 0.27, "hispanic": 0.12, "asian_nh": 0.03, "multi_other_nh": 0.06},
    gender={"female": 0.58, "male": 0.41, "nonbinary_other": 0.01},
    household={"single_adult_children": 0.24, "two_plus_adults_children": 0.20,
               "single_adult_no_children": 0.33,
               "two_plus_adults_no_children": 0.20, "other": 0.03},
)  # fmt: skip


def households(world: World, rng, n: int, place: pd.DataFrame) -> pd.DataFrame:
    """Return n households with their baseline bill and type of taker."""
    p = common.people(rng, n, place, MIX, (21, 79))
    p["area"] = p["tract"] * len(AREAS) // TRACTS
    p["base"] = (rng.random(n) < expit(-0.4 + 0.8 * p["u"])).astype(int)
    compliers = 0.02 if world.scenario_name == "weak_nudge" else 0.20
    p["type"] = common.choose(rng, n, ["always", "complier", "never"], [0.06, compliers, 0.94 - compliers])
    p["balance"] = np.round(np.where(p["base"] == 1, rng.gamma(2.2, 85.0, n), 0.0), 2)
    p["years"] = np.minimum(rng.geometric(0.16, n), 40)
    p["autopay"] = (rng.random(n) < expit(-1.1 - 0.4 * p["u"])).astype(int)
    p["consented"] = (rng.random(n) < 0.45).astype(int)
    p["multiplier"] = common.person_multiplier(world, p, place)
    return p


def chances(p: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return each household's chance of a past-due bill (with a session, without)."""
    p0 = expit(-0.75 + 0.9 * p["base"] + 0.5 * p["u"] + 0.15 * (p["type"] == "complier")
               - 0.2 * (p["type"] == "always"))  # fmt: skip
    return np.maximum(p0 - EFFECT * p["multiplier"], 0.01).to_numpy(), p0.to_numpy()


def potential(p: pd.DataFrame, rng) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return each outcome's (with a session, without) potential outcomes."""
    n, m, u = len(p), p["multiplier"].to_numpy(), p["u"].to_numpy()
    due, plan, save, claim = (rng.random(n) for _ in range(4))
    score = 605 - 22 * u + 45 * rng.standard_normal(n)
    usd = rng.gamma(2.0, 110.0, n)
    return {
        "past_due_m6": tuple((due < chance).astype(int) for chance in chances(p)),
        "payment_plan_enrolled": ((plan < 0.11 + 0.10 * m).astype(int), (plan < 0.11).astype(int)),
        "assistance_claimed_usd": (np.round(usd * (claim < 0.20 + 0.08 * m), 2),
                                   np.round(usd * (claim < 0.20), 2)),
        "savings_any_m6": ((save < expit(-0.6 - 0.3 * u) + 0.06 * m).astype(int),
                           (save < expit(-0.6 - 0.3 * u)).astype(int)),
        "credit_score_m9": (np.round(score + 8 * m), np.round(score)),
    }  # fmt: skip


def draw(world: World) -> Draw:
    """Return Lansing's files and truth."""
    place = common.tracts(world, TRACTS, MIX)
    n = 2_000 if world.scenario_name == "weak_nudge" else N
    p = households(world, world.rng("people"), n, place)
    p["id"] = common.ids("LAN", n)
    p["arm"] = common.assign(world, p["area"], p["u"])
    rng = world.rng("outcomes")
    y = potential(p, rng)
    received = common.taken(p, p["arm"])
    seen = {k: np.where(received == 1, *pair) for k, pair in y.items()}
    billed = common.observed(world, rng, p["u"], p["arm"], {1: 0.985, 0: 0.985})
    sampled = np.sort(rng.choice(n, 1_200, replace=False))
    answered = common.observed(world, rng, p["u"][sampled], p["arm"][sampled], {1: 0.66, 0: 0.62})

    big = households(world, world.rng("population"), common.POPULATION_DRAWS, place)
    population, sample = common.complier_truths(big, chances(big)), common.complier_truths(p, y["past_due_m6"])
    return Draw(
        files=[_accounts(p), _areas(), _billing(p, seen, billed), _survey(p, seen, sampled, answered),
               _credit(p, seen), _sessions(world, p, received)],
        tracts=place, mix=MIX, series=_series(n),
        costs={"monthly_fixed": 13_500, "per_person": 165, "people": int(received.sum()),
               "category": "incentives_match", "arm": "invitation"},
        truth=truth.record(
            world,
            [truth.estimand("LATE", "past_due_m6", population["cace"], sample["cace"], "proportion",
                            "session - no session, compliers"),
             truth.estimand("ITT", "past_due_m6", population["itt"], sample["itt"], "proportion",
                            "invitation - generic_notice")],
            truth.effects({k: v for k, v in y.items() if k != "past_due_m6"}),
            {"first_stage": sample["first_stage"], "comparison_mean": sample["comparison_mean"],
             "take_up_invitation": received[p["arm"] == 1].mean(),
             "take_up_notice": received[p["arm"] == 0].mean(),
             "billed_share": billed.mean(), "survey_response": answered.mean()}),
    )  # fmt: skip


def _accounts(p) -> RawFile:
    """One extract of the utility, typed: the household, its bill and the letter it got."""
    who = common.identifiers(len(p), "517")
    told = p["consented"].to_numpy() == 1
    frame = pd.DataFrame({
        "account_no": p["id"], "holder_name": who["name"], "service_address": who["address"],
        "holder_phone": who["phone"], "holder_email": who["email"], "tract10": p["tract_id"],
        "area": [AREAS[a] for a in p["area"]], "sampled_on": pd.Timestamp("2019-06-28"),
        "profile_race": np.where(told, p["race_ethnicity"].str.removesuffix("_nh"), "not asked"),
        "profile_gender": np.where(told, p["gender"], "not asked"),
        "profile_household": np.where(told, p["household_type"], "not asked"),
        "holder_age": p["age"], "past_due_flag": p["base"], "past_due_usd": p["balance"],
        "years_at_address": p["years"], "autopay": p["autopay"], "profile_consent": p["consented"],
        "letter": np.array(["GENERIC", "INVITE"])[p["arm"]], "letter_date": INVITED,
    })  # fmt: skip
    return RawFile("accounts.parquet", frame, id="account_no", site="area", duplicates=True, tract="tract10",
                   may_miss={"tract10": 0.04, "past_due_usd": 0.03, "years_at_address": 0.04})  # fmt: skip


def _areas() -> RawFile:
    return RawFile("neighbourhoods.csv", pd.DataFrame({"Neighbourhood": AREAS, "Accounts": N // len(AREAS)}))


def _billing(p, seen, billed) -> RawFile:
    blank = billed == 0
    frame = pd.DataFrame({
        "Account": p["id"], "Month": pd.Timestamp("2020-01-01"),
        "Account status": np.where(blank, "Closed", "Open"),
        "30+ days past due": np.where(blank, None, np.array(["No", "Yes"])[seen["past_due_m6"]]),
        "On payment plan": np.where(blank, None, np.array(["No", "Yes"])[seen["payment_plan_enrolled"]]),
        "Assistance claimed (USD)": pd.Series(seen["assistance_claimed_usd"]).where(~blank).map(
            "{:,.2f}".format, na_action="ignore"),
        "Run date": pd.Timestamp("2020-02-07"),
    })  # fmt: skip
    return RawFile("billing_january_2020.csv", frame, id="Account", duplicates=True, date_format="%Y-%m-%d",
                   yes_no=("On payment plan",))  # fmt: skip


def _survey(p, seen, sampled, answered) -> RawFile:
    frame = pd.DataFrame({
        "Account": p["id"].to_numpy()[sampled], "Asked in": pd.Timestamp("2020-01-01"),
        "Result": np.where(answered, "Completed", "No answer"),
        "Has any savings": np.where(answered, np.array(["N", "Y"])[seen["savings_any_m6"][sampled]], None),
        "Date": pd.Timestamp("2020-01-24"),
    })  # fmt: skip
    return RawFile("savings_survey.xlsx", frame, sheet="Responses", id="Account",
                   title=("Savings survey, random subsample of 1,200 accounts",))  # fmt: skip


def _credit(p, seen) -> RawFile:
    rows = np.flatnonzero(p["consented"])
    frame = pd.DataFrame(
        {
            "Account": p["id"].to_numpy()[rows],
            "Score month": pd.Timestamp("2020-04-01"),
            "Score": seen["credit_score_m9"][rows].astype(int),
            "Pulled": pd.Timestamp("2020-04-20"),
        }
    )
    return RawFile("credit_scores.csv", frame, id="Account", date_format="%Y-%m-%d", may_miss={"Score": 0.05})


def _sessions(world: World, p, received) -> RawFile:
    """Takers finish a first session within 90 days; half come again; a few others come too late to count."""
    rng = world.rng("services")
    takers = np.flatnonzero(received)
    late = np.flatnonzero((received == 0) & (rng.random(len(p)) < 0.012))
    first = np.r_[rng.integers(3, 86, len(takers)), rng.integers(100, 220, len(late))]
    who = np.r_[takers, late]
    again = rng.random(len(who)) < 0.45
    row, day = np.r_[who, who[again]], np.r_[first, first[again] + rng.integers(10, 60, again.sum())]
    missed = rng.random(len(p)) < np.where(p["arm"] == 1, 0.05, 0.01)
    missed &= received == 0
    parts = [
        pd.DataFrame({"Account": p["id"].to_numpy()[row], "Type": "Session", "Days": day, "Kept?": "Y"}),
        pd.DataFrame(
            {
                "Account": p["id"].to_numpy()[missed],
                "Type": "Session",
                "Kept?": "N",
                "Days": rng.integers(5, 80, missed.sum()),
            }
        ),
    ]
    frame = pd.concat(parts, ignore_index=True)
    frame["Date"] = common.plus_days(np.full(len(frame), INVITED.to_datetime64()), frame.pop("Days"))
    frame = frame.sort_values(["Date", "Account"], kind="stable", ignore_index=True)
    return RawFile("counselling_sessions.csv", frame, id="Account", duplicates=True, orphans=True,
                   delimiter=";",
                   date_format="%m/%d/%Y")  # fmt: skip


def _series(n: int) -> list[Series]:
    return [
        Series("invite_reach", "share", 0.94, n / 16, "O", "2019-07", "2019-12", wobble=0.03),
        Series("take_up_90d", "share", 0.24, 260, "RGHO", "2019-10", noise=0.01, covid=-0.12),
        Series("repeat_session", "share", 0.43, 75, "RGHO", "2019-10", covid=-0.10),
        Series("goal_milestone_6m", "share", 0.33, 70, "RGHO", "2020-01", covid=-0.05),
        Series("past_due_share", "share", 0.41, n, "O", noise=0.004, wobble=0.0, volume=False,
               good="decrease",
               covid=0.05, planted=Signal("step", "2019-08", -0.04, expect="rule 2 by 2020-02, improvement")),
        Series("safe_account", "share", 0.19, 60, "RGH", "2019-10", every=3, covid=-0.06),
    ]  # fmt: skip
