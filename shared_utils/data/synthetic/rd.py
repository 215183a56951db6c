"""Rochester: a matched-savings account for families at or below an income limit (pilots.md 4.3, design 8).

Process. X ~ N(190, 55) on (60, 340), 15 % heaped to multiples of 5; eligible at X <= 200; always-takers 2 %,
compliers 70 %. zb ~ N(0, 1) baseline savings. Y0 = 0 with chance .22, else exp(6.25 + .0035 (X - 200) + .6 zb
+ .75 N(0, 1)), at most 6,000; Y1 = min(Y0 + 550 exp(.5 N(0, 1) - .125), 6,000).

Truth. Effect of eligibility at the limit 384 USD (LATE 548). Scenario manipulated_cutoff: there is no effect,
and 60 % of families with X - 200 in (0, 8) and zb > 0 report just below: a naive fit then finds about +128
USD.
"""

import numpy as np
import pandas as pd
from scipy.special import expit

from shared_utils.data.synthetic import common, truth
from shared_utils.data.synthetic.common import Draw, Mix, RawFile, World
from shared_utils.data.synthetic.indicators import Series, Signal

N, TRACTS, CUTOFF, CAP, GAIN, COMPLIERS = 1_800, 68, 200.0, 6_000.0, 550.0, 0.70
BRANCHES = ("Beechwood", "Charlotte", "Edgerton", "Nineteenth Ward", "South Wedge")
MIX = Mix(
    race={"black_nh": 0.44, "white_nh": 0.28, "hispanic": 0.20, "asian_nh": 0.03, "multi_other_nh": 0.05},
    gender={"female": 0.70, "male": 0.29, "nonbinary_other": 0.01},
    household={"single_adult_children": 0.45, "two_plus_adults_children": 0.38,
               "single_adult_no_children": 0.08,
               "two_plus_adults_no_children": 0.07, "other": 0.02},
)  # fmt: skip
RACE = {"black_nh": "BLK", "white_nh": "WHT", "hispanic": "HSP", "asian_nh": "ASN", "multi_other_nh": "OTH"}


def families(world: World, rng, n: int, place: pd.DataFrame, at_limit: bool = False) -> pd.DataFrame:
    """Return n families with verified income, baseline savings and type of taker.

    With `at_limit` everybody's income is exactly the limit: the population the estimand is about.
    """
    p = common.people(rng, n, place, MIX, (19, 63))
    x = 190 + 55 * rng.standard_normal(3 * n)
    x = x[(x > 60) & (x < 340)][:n]
    p["x_true"] = np.where(rng.random(n) < 0.15, 5 * np.round(x / 5), np.round(x, 1))
    if at_limit:
        p["x_true"] = CUTOFF
    p["zb"] = 0.8 * p["u"] + 0.6 * rng.standard_normal(n)
    p["type"] = common.choose(rng, n, ["always", "complier", "never"], [0.02, COMPLIERS, 0.98 - COMPLIERS])
    p["savings0"] = np.round(np.where(rng.random(n) < 0.25, 0.0, np.exp(5.6 + 0.8 * p["zb"])), 2)
    p["children"] = np.where(p["with_children"], np.clip(p["household_size"] - 1, 1, 6), 0)
    p["banked"] = (rng.random(n) < expit(1.0 + 0.5 * p["zb"])).astype(int)
    p["employed"] = (rng.random(n) < expit(1.2 + 0.006 * (p["x_true"] - 190))).astype(int)
    p["education"] = common.choose(rng, n, ["lt_hs", "hs_ged", "some_college", "assoc_plus"], [0.15, 0.4, 0.28, 0.17])
    p["multiplier"] = common.person_multiplier(world, p, place)
    p["x"] = p["x_true"]
    if world.scenario_name == "manipulated_cutoff" and not at_limit:
        gap = p["x_true"] - CUTOFF
        moves = (gap > 0) & (gap < 8) & (p["zb"] > 0) & (rng.random(n) < 0.60)
        p.loc[moves, "x"] = np.round(CUTOFF - 4 * rng.random(n), 1)[moves]
    p["eligible"] = (p["x"] <= CUTOFF).astype(int)
    return p


def potential(p: pd.DataFrame, rng) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return each outcome's (with an account, without) potential outcomes."""
    n, m = len(p), p["multiplier"].to_numpy()
    none = rng.random(n) < 0.22
    y0 = np.exp(6.25 + 0.0035 * (p["x_true"] - CUTOFF) + 0.6 * p["zb"] + 0.75 * rng.standard_normal(n)).to_numpy()
    y0 = np.where(none, 0.0, np.minimum(y0, CAP))
    y1 = np.clip(y0 + GAIN * np.exp(0.5 * rng.standard_normal(n) - 0.125) * m, 0, CAP)
    months, cover, strain = rng.random((n, 12)), rng.random(n), rng.random(n)
    mean = 1.7 * np.exp(-0.2 * p["zb"].to_numpy())
    return {
        "liquid_savings_m12": (np.round(y1, 2), np.round(y0, 2)),
        "deposit_months_12": tuple((months < np.clip(0.28 + d, 0, 1)[:, None]).sum(axis=1)
                                   for d in (0.27 * m, 0.0 * m)),
        "emergency_400": tuple((cover < np.clip(expit(-0.5 + 0.5 * p["zb"]) + d, 0, 1)).astype(int)
                               for d in (0.11 * m, 0.0)),
        "hardship_count": tuple(common.quantile_count(strain, mean * (1 - d)) for d in (0.20 * m, 0.0)),
    }  # fmt: skip


def draw(world: World) -> Draw:
    """Return Rochester's files and truth."""
    place = common.tracts(world, TRACTS, MIX)
    n = N * world.scenario.size
    p = families(world, world.rng("people"), n, place)
    p["id"] = common.ids("ROC", n)
    p["branch"] = world.rng("people", "branch").integers(0, len(BRANCHES), n)
    applied = common.dates_between(world.rng("people", "dates"), n, "2019-04-15", "2019-09-15")
    verified = np.minimum(common.plus_days(applied, world.rng("assignment").integers(0, 8, n)),
                          pd.Timestamp("2019-09-15"))  # fmt: skip
    rng = world.rng("outcomes")
    y = potential(p, rng)
    received = common.taken(p, p["eligible"])
    seen = {k: np.where(received == 1, *pair) for k, pair in y.items()}
    due = common.months_after(applied, 12)
    # The follow-up falls in the pandemic for all: the same loss on both sides of the limit.
    followed = common.observed(world, rng, p["u"], p["eligible"], {1: 0.97, 0: 0.95})

    wide = world.rng("population")
    big = families(world, wide, common.POPULATION_DRAWS, place, at_limit=True)
    gain = np.subtract(*potential(big, wide)["liquid_savings_m12"])
    near = (np.abs(p["x"] - CUTOFF) <= 20).to_numpy()
    here, mine = np.subtract(*y["liquid_savings_m12"])[near], (p["type"] == "complier").to_numpy()[near]
    above = ((p["x"] > CUTOFF) & (p["x"] <= CUTOFF + 20)).to_numpy()
    return Draw(
        files=[_applications(p, applied), _eligibility(p, verified), _followup(p, seen, followed, due),
               _accounts(world, p, verified, received, seen), _branches()],
        tracts=place, mix=MIX, series=_series(),
        costs={"monthly_fixed": 12_500, "per_person": 640, "people": int(received.sum()),
               "category": "incentives_match", "arm": "eligible"},
        truth=truth.record(
            world,
            [truth.estimand("ITT_AT_CUTOFF", "liquid_savings_m12", COMPLIERS * gain.mean(),
                            (here * mine).mean(),
                            "usd", "eligible - not_eligible"),
             truth.estimand("LATE_AT_CUTOFF", "liquid_savings_m12", gain.mean(), here[mine].mean(),
                            "usd", "account - no account, compliers")],
            truth.effects({k: v for k, v in y.items() if k != "liquid_savings_m12"}, weights=near),
            {"mean_just_above": seen["liquid_savings_m12"][above].mean(),
             "sd_just_above": seen["liquid_savings_m12"][above].std(),
             "take_up_eligible": received[p["eligible"] == 1].mean(),
             "take_up_not_eligible": received[p["eligible"] == 0].mean(),
             "moved_below": (p["x"] != p["x_true"]).mean(), "followed_share": followed.mean()}),
    )  # fmt: skip


def _applications(p, applied) -> RawFile:
    who = common.identifiers(len(p), "585")
    frame = pd.DataFrame({
        "Application ID": p["id"], "Applicant name": who["name"], "Street address": who["address"],
        "Phone": who["phone"], "Email": who["email"], "SSN": who["ssn"],
        "Branch": [BRANCHES[b] for b in p["branch"]],
        "Census tract 2010": p["tract_id"], "Date of application": applied, "Applicant age": p["age"],
        "Gender": p["gender"].map({"female": "F", "male": "M", "nonbinary_other": "NB"}),
        "Race/ethnicity code": p["race_ethnicity"].map(RACE), "Family": p["household_type"],
        "Household size": p["household_size"], "Children": p["children"], "Education": p["education"],
        "Has bank account": np.array(["No", "Yes"])[p["banked"]],
        "Employed": np.array(["No", "Yes"])[p["employed"]],
        "Savings at application": p["savings0"],
    })  # fmt: skip
    return RawFile(
        "applications.csv", frame, id="Application ID", site="Branch", duplicates=True,
        may_miss={"Race/ethnicity code": 0.08, "Family": 0.06, "Census tract 2010": 0.04, "Education": 0.04,
                  "Savings at application": 0.03},
        yes_no=("Has bank account", "Employed"), dates=("Date of application",),
        money="Savings at application",
        tract="Census tract 2010",
    )  # fmt: skip


def _eligibility(p, verified) -> RawFile:
    frame = pd.DataFrame({
        "Application ID": p["id"], "Verified on": verified, "Income % FPL": p["x"].round(1),
        "Limit": int(CUTOFF),
        "Decision": np.array(["Over income", "Eligible"])[p["eligible"]],
    })  # fmt: skip
    return RawFile("eligibility.csv", frame, id="Application ID", date_format="%Y-%m-%d")


def _followup(p, seen, followed, due) -> RawFile:
    got = followed == 1
    frame = pd.DataFrame({
        "Application ID": p["id"], "Due month": due, "Interview": np.where(got, "Done", "Not reached"),
        "Liquid savings (USD)": pd.Series(seen["liquid_savings_m12"]).where(got),
        "Months with deposit": pd.Series(seen["deposit_months_12"]).where(got),
        "Could cover 400": pd.Series(np.array(["No", "Yes"])[seen["emergency_400"]]).where(got),
        "Hardships": pd.Series(seen["hardship_count"]).where(got),
        "Interviewed": common.plus_days(due, 12),
    })  # fmt: skip
    return RawFile("followup.xlsx", frame, sheet="month12", id="Application ID",
                   title=("Month-12 follow-up, same instrument on both sides of the limit", ""))  # fmt: skip


def _accounts(world: World, p, verified, received, seen) -> RawFile:
    """Account openings, monthly deposits and the match on them."""
    rng = world.rng("services")
    takers = np.flatnonzero(received)
    opened = common.plus_days(verified[takers], rng.integers(4, 45, len(takers)))
    months = seen["deposit_months_12"][takers]
    row = np.repeat(np.arange(len(takers)), months)
    slot = np.concatenate([np.sort(rng.choice(12, k, replace=False)) for k in months]) if len(row) else row
    day = common.plus_days(opened[row], 30 * slot + rng.integers(1, 28, len(row)))
    usd = np.round(rng.gamma(2.2, 22.0, len(row)) + 5, 2)
    family = p["id"].to_numpy()[takers]
    parts = [
        pd.DataFrame(
            {
                "family": family,
                "entry_type": "match_account_opened",
                "posted": opened,
                "amount": 1.0,
                "unit": "count",
            }
        ),
        pd.DataFrame({"family": family[row], "entry_type": "deposit", "posted": day, "amount": usd, "unit": "usd"}),
        pd.DataFrame(
            {
                "family": family[row],
                "entry_type": "match_credit",
                "posted": day + pd.Timedelta(days=3),
                "amount": usd,
                "unit": "usd",
            }
        ),
    ]
    frame = pd.concat(parts).sort_values(["posted", "family", "entry_type"], kind="stable", ignore_index=True)
    frame = frame[frame["posted"] <= pd.Timestamp("2020-09-30")].reset_index(drop=True)
    frame.insert(0, "entry", [f"s_{i + 1:06d}" for i in range(len(frame))])
    frame["posted_ok"] = True
    return RawFile("account_activity.parquet", frame, id="family", duplicates=True, orphans=True)


def _branches() -> RawFile:
    return RawFile("branches.csv", pd.DataFrame({"Branch": BRANCHES, "Capacity": (420, 380, 350, 400, 300)}))


def _series() -> list[Series]:
    return [
        Series("account_opened_30d", "share", 0.77, 110, "RGHO", "2019-05", "2019-11"),
        Series("active_saver", "share", 0.63, 420, "RGHO", "2019-06", wobble=0.0, covid=-0.10, planted=Signal(
            "near_limit", "2020-01", -3.2, end="2020-02", expect="rule 4, trial limits")),
        Series("avg_deposit", "value", 37.0, 520, "RGHO", "2019-07", wobble=0.02, spread=30.0, covid=-9.0),
        Series("match_earned_share", "share", 0.56, 540, "HO", "2019-08", wobble=0.02, noise=0.008,
               covid=-0.08),
        Series("early_withdrawal", "share", 0.09, 520, "RGHO", "2019-08", good="decrease", wobble=0.02,
               covid=0.05),
        Series("education_complete", "share", 0.67, 105, "RGH", "2019-11", covid=-0.12),
    ]  # fmt: skip
