"""The monitoring notebook: is the pilot running as planned? Outcomes are never shown by group here."""

from shared_utils.sections import book as books
from shared_utils.sections import indicators, record
from shared_utils.sections.monitoring_change import attention, charts, events
from shared_utils.sections.monitoring_people import delivery, flow
from shared_utils.sections.monitoring_reach import reach
from shared_utils.sections.monitoring_time import timeliness
from shared_utils.sections.numbers import is_missing

__all__ = ["attention", "charts", "delivery", "events", "finish", "flow", "open_book", "reach", "timeliness"]


def open_book(**parameters):
    """Open the city for this notebook; shown, it is the banner."""
    return books.open_book("monitoring", **parameters)


def finish(book):
    """Write the record: the latest period of each indicator, for everyone and for each group."""
    made = indicators.load(book) if len(book.data.tables.get("indicator_monthly", ())) else []
    rows = [row for one in made for row in _rows(book, one)]
    return record.finish(book, indicators=rows, design={"flow": _flow(book)})


def _flow(book) -> dict | None:
    section = book.sections.get("M1")
    return section.data.get("record") if section else None


def _rows(book, one) -> list[dict]:
    latest = one.latest["period"]
    rows = one.rows[one.rows["period"] == latest].sort_values(["group_dim", "group_value"])
    rows = rows.drop_duplicates(["group_dim", "group_value"], keep="last")
    first = rows["group_dim"] == indicators.ALL
    return [_row(book, one, row) for row in [*rows[first].to_dict("records"), *rows[~first].to_dict("records")]]


def _row(book, one, row: dict) -> dict:
    """One indicator row of the record; a small cell keeps its place without numbers."""
    everyone = row["group_dim"] == indicators.ALL
    chart = one.chart if everyone else None
    last = None if chart is None else chart.limits.iloc[-1]
    hide = not indicators.may_show(row, book.rules)
    numbers = {key: None if hide or is_missing(row[key]) else row[key] for key in ("numerator", "denominator")}
    lag = (row["received_at"] - indicators.month_end(row["period"])).days
    return {
        "indicator_id": one.spec.id,
        "definition_version": row["definition_version"],
        "period": row["period"].date().isoformat()[:7],
        "group_dim": row["group_dim"],
        "group_value": row["group_value"],
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
        "forecast": None,
        "lag_days": lag,
        "suppressed": hide,
    }
