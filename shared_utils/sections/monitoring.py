"""The monitoring notebook: is the pilot running as planned? Outcomes are never shown by group here."""

from collections import defaultdict

from shared_utils.disclosure import memory
from shared_utils.results import whom
from shared_utils.sections import book as books
from shared_utils.sections import indicators, record
from shared_utils.sections.monitoring_actions import actions
from shared_utils.sections.monitoring_change import attention, charts
from shared_utils.sections.monitoring_events import events
from shared_utils.sections.monitoring_flow import flow
from shared_utils.sections.monitoring_forecast import outlook
from shared_utils.sections.monitoring_people import delivery
from shared_utils.sections.monitoring_reach import reach
from shared_utils.sections.monitoring_time import timeliness
from shared_utils.sections.numbers import is_missing

__all__ = [
    "actions", "attention", "charts", "delivery", "events", "finish", "flow", "open_book", "outlook", "reach",
    "timeliness",
]  # fmt: skip


open_book = books.opener("monitoring")


def finish(book: books.Book) -> record.Written:
    """Write the record: the latest period of each indicator, for everyone and for each group."""
    made = indicators.load(book) if len(book.data.tables.get("indicator_monthly", ())) else []
    latest = [(one, row) for one in made for row in _latest(one, book.rules)]
    exact = [{"indicator_id": one.spec.id, **_place(row), **_numbers(row)} for one, row in latest]
    rows = [_row(book, one, row) for one, row in latest]
    return record.finish(book, whom.indicator_counts(exact), indicators=rows, design={"flow": _flow(book)})


def _flow(book) -> dict | None:
    section = book.sections.get("M1")
    return section.data.get("record") if section else None


def _forecast(book, one) -> dict | None:
    section = book.sections.get("M6")
    return section.data.get("record", {}).get(one.spec.id) if section else None


def _latest(one, rules) -> list[dict]:
    """The rows of the latest period: everyone first, then each group, whose months may have to wait for a quarter."""
    dims = {dim: rows for dim, rows in one.rows.groupby("group_dim") if dim != indicators.ALL}
    period = {dim: _told_period(rows, rules) for dim, rows in dims.items()} | {indicators.ALL: one.latest["period"]}
    rows = one.rows[one.rows["period"] == one.rows["group_dim"].map(period)]
    rows = rows.drop_duplicates(["group_dim", "group_value"], keep="last").to_dict("records")
    return sorted(rows, key=lambda row: (row["group_dim"] != indicators.ALL, row["group_dim"], row["group_value"]))


def _told_period(rows, rules):
    """The latest month of a breakdown: a quarter's last one where some group changed by 1-10 people in a month, since
    monthly rows would then tell of the few who came or went (pilots.md 2.7.5)."""
    months, series = {period: f"{period:%Y-%m}" for period in rows["period"].unique()}, defaultdict(dict)
    for group, period, n in zip(rows["group_value"], rows["period"], rows["denominator"], strict=True):
        if not is_missing(n):
            series[group][months[period]] = n
    told = set(months.values())
    for own in series.values():
        told -= own.keys() - memory.quarterly(own, rules)
    return max((period for period, month in months.items() if month in told), default=None)


def _place(row: dict) -> dict:
    """Which period and which group a row is of."""
    return {
        "period": row["period"].date().isoformat()[:7],
        "group_dim": row["group_dim"],
        "group_value": row["group_value"],
    }


def _numbers(row: dict) -> dict:
    return {key: None if is_missing(row[key]) else row[key] for key in ("numerator", "denominator")}


def _row(book, one, row: dict) -> dict:
    """One indicator row of the record; a small cell keeps its place without numbers."""
    everyone = row["group_dim"] == indicators.ALL
    chart = one.chart if everyone else None
    last = None if chart is None else chart.limits.iloc[-1]
    hide = not indicators.may_show(row, book.rules)
    numbers = {"numerator": None, "denominator": None} if hide else _numbers(row)
    lag = (row["received_at"] - indicators.month_end(row["period"])).days
    return {
        "indicator_id": one.spec.id,
        "definition_version": row["definition_version"],
        **_place(row),
        **numbers,
        "value": None if hide else one.shown(row["value"]),
        "unit": one.spec.unit,
        "direction": one.spec.direction,
        "target": float(one.spec.target),
        "target_source": one.spec.target_source,
        "variation": one.variation if everyone else "not_assessed",
        "assurance": one.assurance if everyone else "not_assessed",
        "rules_hit": [] if chart is None else sorted(chart.rules_hit),
        "limits": {
            "centre": None if last is None else one.shown(last["centre"]),
            "lower": None if last is None else one.shown(last["lower"]),
            "upper": None if last is None else one.shown(last["upper"]),
            "trial": True if chart is None else bool(chart.trial),
        },
        "forecast": _forecast(book, one) if everyone else None,
        "lag_days": lag,
        "suppressed": hide,
    }
