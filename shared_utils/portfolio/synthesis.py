"""What the main results of all cities may say together (protocol 7.2.1), and what chance alone would make of them.

Nothing is estimated here: rows of released records are chosen and handed to `stats.meta`, which holds the rule of what
may be pooled, and to `stats.multiplicity`.
"""

import math
from dataclasses import dataclass

from shared_utils.portfolio.collect import City

# How often each design says "expand" when its program does nothing: P(SCALE given zero effect) of
# docs/operating-characteristics.md; for several arms, of one comparison on average. Synthetic control, interrupted time
# series and time to event were not simulated: 0.025 is what a 95% interval that keeps its level allows, because half of
# the 5% that miss zero lie on the good side.
CHANCE_OF_EXPAND = {
    "rct_individual": 0.039,
    "rct_cluster": 0.030,
    "did_staggered": 0.026,
    "iv_encouragement": 0.030,
    "rct_blocked_lottery": 0.017,
    "panel_did": 0.026,
    "observational_aipw": 0.025,
    "rd": 0.040,
    "rct_multiarm": 0.011,
    "synthetic_control": 0.025,
    "interrupted_time_series": 0.025,
    "time_to_event": 0.025,
    "descriptive": 0.0,
}
DOMAINS = ("employment", "education", "housing", "savings", "")


@dataclass(frozen=True)
class Member:
    """A city and the row that stands for it in a pool: its portfolio contrast; its ITT where an instrument was used."""

    city: City
    row: dict


@dataclass(frozen=True)
class Pool:
    """Results of one domain, class of estimand and data mode, and the answer of `stats.meta`: pooled, or why not.

    aside: results that a failed check ("blocked") or a later change ("stale") keeps out, with that word.
    """

    domain: str
    estimand_class: str
    data_mode: str
    members: tuple[Member, ...]
    aside: tuple[tuple[City, str], ...]
    answer: object


def main_rows(city: City) -> list[dict]:
    """The complete main results of a city's impact record, the contrast that stands for it first.

    Empty when there is no record that may be shown.
    """
    rows = [row for row in shown_rows(city) if row["role"] == "primary"]
    chosen = getattr(getattr(city.config, "design", None), "portfolio_contrast", None)
    names = [{arm, city.arm(arm)} for arm in chosen or ()]
    rows.sort(key=lambda row: not all(arm in known for arm, known in zip(row["contrast"], names, strict=False)))
    return rows


def shown_rows(city: City) -> list[dict]:
    """All complete estimates of a city's impact record; empty when there is no record that may be shown."""
    step = city.steps["impact"]
    return [row for row in step.record["estimates"] if is_complete(row)] if step.shown else []


def primary_rows(city: City) -> list[dict]:
    """The rows of the main outcome, complete or not."""
    record = city.record("impact")
    return [row for row in record["estimates"] if row["role"] == "primary"] if record else []


def is_complete(row: dict) -> bool:
    """True when value and both ends of the interval are there, as estimated and as printed."""
    printed, benefit = row.get("display") or {}, row.get("benefit") or {}
    numbers = [printed.get(name) for name in ("value", "ci_low", "ci_high")] + [benefit.get(k) for k in "blu"]
    return None not in [row["value"], *numbers]


def pools(cities) -> list[Pool]:
    """Every domain's results by class of estimand and data mode, domains in the order of DOMAINS.

    Stand-in data and a city's own never meet; a city that must be kept out does not keep the others from being pooled.
    """
    by_kind: dict[tuple[str, str, str], list[Member]] = {}
    for city in cities:
        if member := _member(city):
            kind = city.domain, member.row["estimand_class"], city.record("impact")["data_mode"]
            by_kind.setdefault(kind, []).append(member)
    order = sorted(by_kind, key=lambda kind: (DOMAINS.index(kind[0]) if kind[0] in DOMAINS else len(DOMAINS), *kind))
    return [_pool(kind, by_kind[kind]) for kind in order]


def expected_by_chance(cities) -> tuple[int, float, float]:
    """(main comparisons shown, how many say "expand" on average if no program works, chance of at least one)."""
    rates = [CHANCE_OF_EXPAND[city.record("impact")["design"]["type"]] for city in cities for _ in main_rows(city)]
    return len(rates), sum(rates), 1 - math.prod(1 - rate for rate in rates)


def q_values(cities) -> dict[tuple[str, str], float]:
    """Benjamini-Hochberg q of every main result that has a p-value, by (slug, estimate_id)."""
    from shared_utils.stats.multiplicity import bh

    known = [(city.slug, row) for city in cities for row in main_rows(city) if row.get("p") is not None]
    if not known:
        return {}
    q = bh([row["p"] for _, row in known])
    return {(slug, row["estimate_id"]): float(value) for (slug, row), value in zip(known, q, strict=True)}


def _member(city: City) -> Member | None:
    rows = main_rows(city)
    row = rows[0] if rows else None
    if row and row["estimand_class"] == "TOT_LATE":
        # An effect on those who took part is never pooled with effects of an offer; the city's own ITT enters.
        row = next((r for r in city.record("impact")["estimates"] if _is_itt_of(r, row)), row)
    return Member(city, row) if row and (row.get("standardized") or {}).get("se") else None


def _is_itt_of(row: dict, main: dict) -> bool:
    return row["estimand_class"] == "ITT" and row["outcome_id"] == main["outcome_id"] and bool(row.get("standardized"))


def _pool(kind: tuple[str, str, str], members: list[Member]) -> Pool:
    import pandas as pd

    from shared_utils.stats import meta

    aside = [(member.city, why) for member in members if (why := _unsound(member.city))]
    sound = [member for member in members if not _unsound(member.city)]
    lines = pd.DataFrame([_line(member) for member in sound], columns=meta.COLUMNS)
    return Pool(*kind, tuple(sound), tuple(aside), meta.pool(lines))


def _unsound(city: City) -> str:
    """Why a result may not be pooled: "blocked", "stale", or "" when it may."""
    if any(flag["severity"] == "block" for flag in city.record("impact")["flags"]):
        return "blocked"
    return "stale" if city.steps["impact"].state == "stale" else ""


def _line(member: Member) -> dict:
    record, standard = member.city.record("impact"), member.row["standardized"]
    return {
        "city": member.city.name,
        "domain": member.city.domain,
        "estimand_class": member.row["estimand_class"],
        "d": standard["d"],
        "se": standard["se"],
        "data_mode": record["data_mode"],
        "blocked": False,
        "blinded": record["run"]["blind"],
        "stale": False,
        "portfolio_contrast": True,
    }
