"""What the portfolio notebook calls: each function takes the portfolio and returns a table made from released records.

from shared_utils.portfolio import report
cities = report.read(workspace)
report.what_works(cities)
"""

from pathlib import Path

import pandas as pd

from shared_utils.portfolio import downloads, synthesis
from shared_utils.portfolio.collect import Portfolio, collect
from shared_utils.portfolio.site import build_site, parts
from shared_utils.portfolio.site.evidence_view import evidence_view
from shared_utils.portfolio.site.trust_view import trust_view


def read(workspace: Path | str) -> Portfolio:
    """Read what the cities below `workspace` released. Raises CollectError where there is no city."""
    return collect(Path(workspace))


def overview(portfolio: Portfolio) -> pd.DataFrame:
    """One row a city: its three notebooks, what the rule says, whose data; cities in alphabetical order."""
    return pd.DataFrame([
        {
            "city": city.name,
            **{name: step.state for name, step in city.steps.items()},
            "rule": parts.tag(city).word,
            "data": city.records[0]["data_mode"] if city.records else "",
            "watermark": city.watermark,
        }
        for city in portfolio.cities
    ])  # fmt: skip


def effects(portfolio: Portfolio) -> pd.DataFrame:
    """The main result of every city in its own units and in standard deviations, with its watermark."""
    table = pd.DataFrame(downloads.tables_of(portfolio)["estimates"], columns=_names("estimates"))
    shown = ["watermark", "city", "domain", "outcome", "treated", "value", "ci_low", "ci_high", "unit",
             "estimand_class", "standardized", "standardized_se"]  # fmt: skip
    return table.loc[table["role"] == "primary", shown].reset_index(drop=True)


def pooled(portfolio: Portfolio) -> pd.DataFrame:
    """One row a domain, kind of effect and data mode: the average with its ranges, or why there is none (7.2.1)."""
    rows = []
    for pool in synthesis.pools(portfolio.cities):
        found = pool.answer.result
        rows.append({
            "domain": pool.domain,
            "estimand_class": pool.estimand_class,
            "data_mode": pool.data_mode,
            "cities": ", ".join(member.city.name for member in pool.members),
            **({name: getattr(found, name) for name in _POOLED} if found else dict.fromkeys(_POOLED)),
            "why_not": "; ".join(pool.answer.reasons),
        })  # fmt: skip
    return pd.DataFrame(rows, columns=["domain", "estimand_class", "data_mode", "cities", *_POOLED, "why_not"])


def what_works(portfolio: Portfolio) -> pd.DataFrame:
    """The evidence table: strength of the design, finding and tier of every city (7.3)."""
    rows = [row for group in evidence_view(portfolio)["groups"] for row in group["rows"]]
    kept = ("city", "domain", "rating", "finding", "tier", "why")
    return pd.DataFrame([{name: row.get(name, "") for name in kept} for row in rows], columns=kept)


def measures(portfolio: Portfolio) -> pd.DataFrame:
    """The latest month of every measure of every city, all people together."""
    table = pd.DataFrame(downloads.tables_of(portfolio)["measures"], columns=_names("measures"))
    everybody = table[(table["group_by"] == "all") & table["value"].notna()].sort_values("month")
    latest = everybody.groupby(["pilot", "measure_id"], sort=False).tail(1)
    shown = ["watermark", "city", "measure", "month", "value", "unit", "target", "variation", "assurance"]
    return latest.sort_values(["city", "measure"])[shown].reset_index(drop=True)


def trust(portfolio: Portfolio) -> pd.DataFrame:
    """Plan, changes to it and warnings of every city."""
    rows = trust_view(portfolio)["rows"]
    kept = ("city", "plan", "deviations")
    table = pd.DataFrame([{name: row[name] for name in kept} | dict(row["flags"]) for row in rows])
    warnings = [name for name in table if name not in kept]
    return table.astype(dict.fromkeys(warnings, "Int64")).fillna(dict.fromkeys(warnings, 0))


def chance(portfolio: Portfolio) -> str:
    """What chance alone would make of the main comparisons shown, in a sentence."""
    return parts.chance(portfolio.cities)


def publish(workspace: Path | str) -> str:
    """Build the website of all cities into the folder site/ of the workspace, and say what was built."""
    built = build_site(Path(workspace), Path(workspace) / "site")
    return f"{len(built.pages)} pages, {built.bytes // 1000} KB together. Open site/index.html."


_POOLED = ("mu", "low", "high", "prediction_low", "prediction_high", "tau2", "i2")


def _names(table: str) -> list[str]:
    return [column.name for column in downloads.TABLES[table]]
