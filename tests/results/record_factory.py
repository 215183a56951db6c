"""Made-up result records of nine cities, valid by the schema: for tests of releases and of the site.

The cities are chosen to look different: a clear gain (Cincinnati, Rochester), no release at all (Dayton), an
older monitoring run (Detroit), a blinded impact run (Lansing), a null (New Orleans), a rate (Newark), harm
(Racine) and two programs tested at once (Tulsa).
"""

import copy
import math

from shared_utils.disclosure import Rules, protect
from shared_utils.results import whom

# key: state, slug, title, domain, design, unit
CITIES = {
    "cincinnati": (
        "OH",
        "cincinnati-workforce-support",
        "Workforce support and services",
        "employment",
        "rct_individual",
    ),
    "dayton": (
        "OH",
        "dayton-early-engagement",
        "Parental engagement in early childhood education",
        "education",
        "rct_cluster",
    ),
    "detroit": (
        "MI",
        "detroit-tenant-support",
        "Tenant support in affordable housing",
        "housing",
        "did_staggered",
    ),
    "lansing": (
        "MI",
        "lansing-financial-tools",
        "Financial empowerment tools",
        "savings",
        "iv_encouragement",
    ),
    "neworleans": (
        "LA",
        "neworleans-youth-readiness",
        "Career readiness services for youth",
        "employment",
        "rct_blocked_lottery",
    ),
    "newark": ("NJ", "newark-eviction-prevention", "Reducing eviction rates", "housing", "panel_did"),
    "racine": (
        "WI",
        "racine-hse-completion",
        "High school equivalency diplomas",
        "education",
        "observational_aipw",
    ),
    "rochester": ("NY", "rochester-matched-savings", "Matched savings program", "savings", "rd"),
    "tulsa": (
        "OK",
        "tulsa-career-pathways",
        "Career education and job training",
        "employment",
        "rct_multiarm",
    ),
}

# value, se, ci_low, ci_high on the estimation scale, then what the city's rule says
PRIMARY = {
    "cincinnati": dict(
        outcome_id="employed_q2",
        scale="prob_diff",
        value=0.07512,
        se=0.0346,
        ci=(0.0071, 0.1431),
        mean=0.5034,
        mwe=0.05,
        d=(0.187, 0.081),
        arms=["offer", "control"],
        n=(381, 379),
    ),
    "dayton": dict(
        outcome_id="home_learning_index",
        scale="sd",
        value=0.25,
        se=0.093,
        ci=(0.062, 0.438),
        mean=None,
        mwe=0.15,
        d=(0.25, 0.093),
        arms=["coached", "usual"],
        n=(262, 255),
    ),
    "detroit": dict(
        outcome_id="arrears30_share",
        scale="prob_diff",
        value=-0.036,
        se=0.0134,
        ci=(-0.0663, -0.0057),
        mean=0.214,
        mwe=0.02,
        d=(0.16, 0.05),
        arms=["treated", "comparison"],
        n=(1190, 1260),
        direction="decrease",
        estimand="ATT",
    ),
    "lansing": dict(
        outcome_id="past_due_m6",
        scale="prob_diff",
        value=-0.155,
        se=0.0602,
        ci=(-0.273, -0.037),
        mean=0.41,
        mwe=0.08,
        d=(0.08, 0.03),
        arms=["invited", "not_invited"],
        n=(1502, 1498),
        direction="decrease",
        estimand="TOT_LATE",
    ),
    "neworleans": dict(
        outcome_id="connected_m9",
        scale="prob_diff",
        value=0.004,
        se=0.0265,
        ci=(-0.048, 0.056),
        mean=0.68,
        mwe=0.06,
        d=(0.011, 0.09),
        arms=["offered", "not_offered"],
        n=(520, 610),
    ),
    "newark": dict(
        outcome_id="eviction_judgments",
        scale="log_irr",
        value=-0.21,
        se=0.068,
        ci=(-0.352, -0.068),
        mean=4.3,
        mwe=0.10536,
        d=(0.127, 0.041),
        arms=["treated", "comparison"],
        n=(160, 480),
        direction="decrease",
        estimand="ATT",
    ),
    "racine": dict(
        outcome_id="hse_earned_9m",
        scale="prob_diff",
        value=-0.081,
        se=0.0311,
        ci=(-0.142, -0.02),
        mean=0.34,
        mwe=0.08,
        d=(-0.23, 0.09),
        arms=["enhanced", "usual"],
        n=(270, 390),
        estimand="ATT",
    ),
    "rochester": dict(
        outcome_id="liquid_savings_m12",
        scale="usd",
        value=376.2,
        se=138.0,
        ci=(105.0, 647.0),
        mean=912.0,
        mwe=200.0,
        d=(0.43, 0.15),
        arms=["eligible", "above_limit"],
        n=(412, 398),
        estimand="LOCAL_RD",
    ),
    "tulsa": dict(
        outcome_id="employed_or_enrolled_m9",
        scale="prob_diff",
        value=0.132,
        se=0.0419,
        ci=(0.038, 0.226),
        mean=0.61,
        mwe=0.06,
        d=(0.33, 0.1),
        arms=["career_plus_training", "control"],
        n=(301, 298),
        level=0.975,
    ),
}

DECISIONS = {
    "cincinnati": ("SCALE", "staged", "L > 0 and b >= m; L < m"),
    "dayton": ("SCALE", "staged", "L > 0 and b >= m; L < m"),
    "detroit": ("SCALE", "staged", "L > 0 and b >= m; L < m"),
    "lansing": ("SCALE", "staged", "L > 0 and b >= m; L < m"),
    "neworleans": ("STOP", None, "L <= 0 and U < m"),
    "newark": ("SCALE", "staged", "L > 0 and b >= m; L < m"),
    "racine": ("STOP", "harm", "U < 0"),
    "rochester": ("SCALE", "staged", "L > 0 and b >= m; L < m"),
    "tulsa": ("SCALE", "staged", "L > 0 and b >= m; L < m"),
}

INDICATORS = {
    "cincinnati": [
        ("referral_to_enrol", "%", "increase", 70.0, 72.4),
        ("engaged_30d", "%", "increase", 65.0, 58.1),
        ("support_days", "days", "decrease", 7.0, 9.2),
        ("placed_90d", "%", "increase", 45.0, 44.0),
    ],
    "detroit": [
        ("service_contact", "%", "increase", 30.0, 33.0),
        ("arrears30", "%", "decrease", 15.0, 19.5),
        ("notice_rate", "per 100 units", "decrease", 1.5, 1.31),
    ],
    "newark": [
        ("filing_rate", "per 1,000 renter households", "decrease", 8.0, 7.2),
        ("representation_rate", "%", "increase", 40.0, 46.3),
    ],
    "rochester": [
        ("avg_deposit", "USD", "increase", 40.0, 47.0),
        ("early_withdrawal", "%", "decrease", 8.0, 6.0),
    ],
}
DEFAULT_INDICATORS = [("take_up", "%", "increase", 60.0, 63.0), ("dropout", "%", "decrease", 8.0, 11.0)]
VARIATION = ["improvement", "common_cause", "concern", "not_assessed"]
ASSURANCE = ["hit_and_miss", "reliably_meets", "reliably_misses", "not_assessed"]


def city_name(key: str) -> str:
    return "New Orleans" if key == "neworleans" else key.title()


def record(key: str, record_type: str = "impact", **changes) -> dict:
    """One valid internal record. `changes` replace top-level parts; a dict is merged into the part."""
    state, slug, _title, domain, design = CITIES[key]
    made = {
        "schema_version": "1.0",
        "record_type": record_type,
        "data_mode": "synthetic",
        "city": {"key": key, "name": city_name(key), "state": state, "slug": slug, "domain": domain},
        "run": {
            "run_id": "2020-11-02a",
            "started_at": "2020-11-02T09:00:00Z",
            "finished_at": "2020-11-02T09:01:10Z",
            "duration_s": 70.0,
            "status": "ok",
            "as_of": "2020-10-31",
            "blind": False,
        },
        "plan": {
            "status": "prospective",
            "hash": "sha256:0b7c",
            "locked_at": "2019-03-20",
            "deviations": 1,
            "deviations_primary": 0,
        },
        "design": {"type": design, "estimator": "reference", "unit": "participant", "n_units": 803},
        "estimates": [],
        "robustness": None,
        "attrition": None,
        "indicators": [],
        "flags": [],
        "quality": {},
        "costs": None,
        "decision": None,
        "lessons": [],
        "disclosure": {
            "level": "internal",
            "small_cell_min": 11,
            "cells_suppressed": 2,
            "audit_passed": False,
            "rounding": "none",
        },
        "provenance": {
            "inputs": [{"table": "outcomes", "sha256": "9f2a", "rows": 3601}],
            "inputs_digest": "sha256:77aa",
            "config_sha256": "sha256:51c0",
            "code": {"git_commit": "abc1234", "dirty": False, "shared_utils": "1.0.0"},
            "notebook_sha256": "sha256:aa",
            "parameters": {"city_dir": "/Users/ana/cities/x", "as_of": "2020-10-31"},
            "seed": 20190401,
            "salt_fingerprint": None,
            "python": "3.11",
            "previous_run_id": None,
        },
    }
    FILLED[record_type](made, key)
    for part, change in changes.items():
        made[part] = {**made[part], **change} if isinstance(change, dict) and made[part] else change
    return copy.deepcopy(made)


def counts(record: dict) -> list:
    """The exact counts of a record, as its notebook hands them to the release."""
    return [*whom.of_record(record), *whom.indicator_counts(record["indicators"])]


def protection(record: dict):
    """What the release hides of a record that is released alone."""
    numbers = whom.gathered(counts(record))
    return protect(numbers, Rules(), hidden=whom.telling(record["indicators"]) & set(numbers))


def estimate(
    estimate_id,
    role,
    outcome_id,
    scale,
    value,
    se,
    ci,
    arms,
    n,
    mean=None,
    mwe=None,
    d=None,
    direction="increase",
    estimand="ITT",
    level=0.95,
    group=None,
) -> dict:
    row = {
        "estimate_id": estimate_id,
        "outcome_id": outcome_id,
        "role": role,
        "estimand": estimand,
        "estimand_class": estimand,
        "contrast": arms,
        "scale": scale,
        "direction": direction,
        "value": value,
        "se": se,
        "df": 378.0,
        "ci_low": ci[0],
        "ci_high": ci[1],
        "level": level,
        "p": 0.0301,
        "p_adjusted": None,
        "p_ri": 0.0334,
        "display": displayed(scale, value, ci),
        "n": {arms[0]: n[0], arms[1]: n[1], "analysed": sum(n)},
        "mean_comparison": mean,
        "suppressed": False,
        "exploratory": False,
    }
    sign = 1 if direction == "increase" else -1
    low, high = sorted((sign * ci[0], sign * ci[1]))
    row["benefit"] = {"b": sign * value, "l": low, "u": high}
    row["mwe"] = {"scale": scale, "value": mwe} if mwe else None
    row["standardized"] = {"d": d[0], "se": d[1], "method": "cox"} if d else None
    if group:
        row["group"] = {"dim": group[0], "value": group[1]}
    return row


def displayed(scale, value, ci) -> dict:
    turn = {"prob_diff": lambda x: 100 * x, "log_irr": lambda x: 100 * (math.exp(x) - 1)}.get(scale, lambda x: x)
    unit = {"prob_diff": "percentage points", "log_irr": "percent change", "usd": "USD"}
    return {
        "value": turn(value),
        "ci_low": turn(ci[0]),
        "ci_high": turn(ci[1]),
        "unit": unit.get(scale, "standard deviations"),
    }


def _impact(made: dict, key: str) -> None:
    facts = dict(PRIMARY[key])
    made["estimates"] = [estimate("primary", "primary", facts.pop("outcome_id"), **facts)]
    if key == "tulsa":
        made["estimates"].append(
            estimate(
                "primary_a",
                "primary",
                "employed_or_enrolled_m9",
                "prob_diff",
                0.041,
                0.043,
                (-0.056, 0.138),
                ["career_education", "control"],
                (299, 298),
                mean=0.61,
                mwe=0.06,
                d=(0.1, 0.105),
                level=0.975,
            )
        )
    if key == "cincinnati":
        made["estimates"] += [
            estimate(
                "earnings",
                "secondary",
                "earnings_q2",
                "usd",
                412.3,
                255.0,
                (-89.0, 914.0),
                ["offer", "control"],
                (381, 379),
                mean=3120.0,
            ),
            estimate(
                "h1",
                "subgroup",
                "employed_q2",
                "prob_diff",
                0.112,
                0.058,
                (-0.002, 0.226),
                ["offer", "control"],
                (141, 138),
                group=("household_type", "Single adult with children"),
            ),
            estimate(
                "h2",
                "subgroup",
                "employed_q2",
                "prob_diff",
                0.054,
                0.043,
                (-0.03, 0.138),
                ["offer", "control"],
                (240, 241),
                group=("household_type", "All others"),
            ),
            estimate(
                "r9",
                "subgroup",
                "employed_q2",
                "prob_diff",
                0.4,
                0.2,
                (0.0, 0.8),
                ["offer", "control"],
                (7, 12),
                group=("race_ethnicity", "Other or small"),
            ),
        ]
        made["robustness"] = {
            "n_specs": 6,
            "same_sign_share": 1.0,
            "same_decision_share": 0.8333,
            "min": 0.0612,
            "max": 0.0871,
        }
    recommendation, label, reason = DECISIONS[key]
    made["decision"] = {
        "rule": "0.3/v1",
        "recommendation": recommendation,
        "label": label,
        "guardrails": [],
        "reason": reason,
        "city_decision": None,
    }
    made["quality"] = {
        "causal_rating": "moderate" if key in ("racine", "newark") else "high",
        "tier": "B",
        "data_age_days": 31,
        "exaggeration": 1.34,
    }
    made["costs"] = {
        "budget_usd": 450000,
        "total_usd": 310004,
        "forecast_usd": 316923.4,
        "served": 301,
        "per_participant_usd": 1033,
        "icer": None,
        "prob_below_ceiling": None,
        "evaluation_share": 0.1234,
        "pilot_elapsed_share": 0.9678,
        "funds": [
            {"fund_source": "city", "kind": "recurring", "amount_usd": 210004.0},
            {"fund_source": "initiative_flexible_funding", "kind": "one_time", "amount_usd": 100000.0},
            {"fund_source": "other", "kind": "in_kind", "amount_usd": 31234.0},
        ],
        "quality": "placeholder",
    }
    made["flags"] = [
        {
            "code": "DQ106",
            "severity": "warn",
            "scope": "covariates",
            "affects_primary": False,
            "message": "Earnings before the program are missing for 6 in 100 people.",
        },
        {
            "code": "PLAN",
            "severity": "info",
            "scope": "plan",
            "affects_primary": False,
            "message": "The plan was locked before the first outcome was recorded.",
        },
    ]
    if key in ("cincinnati", "newark"):
        made["lessons"] = [
            {
                "id": f"{key}-001",
                "type": "data",
                "evidence": "DQ108" if key == "newark" else "staff observation",
                "statement": "Court extracts list only areas with cases; zeros must be filled in."
                if key == "newark"
                else "Coaches who called within two days kept more people in the program.",
                "confidence": "high" if key == "newark" else "medium",
                "transferable_to": ["any court-data pilot"],
            }
        ]


def _monitoring(made: dict, key: str) -> None:
    for i, (indicator, unit, direction, target, last) in enumerate(INDICATORS.get(key, DEFAULT_INDICATORS)):
        for month in range(1, 19):
            wave = math.sin(month * 1.7 + i) * last * 0.06
            value = last * (0.82 + 0.01 * month) + wave if month < 18 else last
            made["indicators"].append(indicator_row(indicator, month, value, unit, direction, target, i))
        if unit == "%":
            for group, n in (("Women", 61), ("Men", 48), ("Other or small", 7)):
                made["indicators"].append(
                    indicator_row(indicator, 18, last + len(group) - 4, unit, direction, target, i, "gender", group, n)
                )
    made["design"]["n_units"] = 803


def indicator_row(
    indicator, month, value, unit="%", direction="increase", target=70.0, i=0, dim="all", group="all", n=116
) -> dict:
    year, index = (2019, month + 3) if month < 10 else (2020, month - 9)
    return {
        "indicator_id": indicator,
        "definition_version": "1.0.0",
        "period": f"{year}-{index:02d}",
        "group_dim": dim,
        "group_value": group,
        "numerator": round(value * n / 100) if unit == "%" else None,
        "denominator": n,
        "value": value,
        "unit": unit,
        "direction": direction,
        "target": target,
        "target_source": "placeholder",
        "variation": VARIATION[i % 4],
        "assurance": ASSURANCE[i % 4],
        "rules_hit": [2] if i == 0 else [],
        "limits": {"centre": value, "lower": value * 0.8, "upper": value * 1.2, "trial": True},
        "forecast": None,
        "lag_days": 12,
        "suppressed": False,
    }


def _baseline(made: dict, key: str) -> None:
    made["quality"] = {"data_age_days": 31}


FILLED = {"impact": _impact, "monitoring": _monitoring, "baseline": _baseline}
