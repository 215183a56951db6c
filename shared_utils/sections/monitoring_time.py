"""Monitoring of the data themselves (M7): do they come on time, complete, and with one definition?"""

import pandas as pd

from shared_utils.results import Flag
from shared_utils.sections import charts_compare, indicators
from shared_utils.sections.figures import BLUE, GREY
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import counted, listed, sentence

RECENT = 3  # months looked at
MISSES_SERIOUS = 2


@section("M7", "Is the data timely and consistent?")
def timeliness(book) -> Section:
    """Days from the end of a month to its arrival, months on time, gaps and definitions, by source."""
    limit = book.config.data.timeliness.max_lag_days
    rows = [_source(name, own, limit, book.as_of) for name, own in _by_source(indicators.load(book))]
    on_time = sum(row["late"] == 0 for row in rows)
    text = f"{_of_all(on_time, len(rows))} arrived on time in the last {RECENT} months due"
    changed = [one.spec.label for one in indicators.load(book) if one.overall["definition_version"].nunique() > 1]
    text += f". The definition changed for {listed(changed)}" if changed else ". All definitions are as they were"
    flags = [
        Flag(
            "LATE",
            "serious" if row["late"] >= MISSES_SERIOUS else "warn",
            row["source"],
            f"{row['source']}: {counted(row['late'], 'late or missing month')} of the last {RECENT} due.",
        )
        for row in rows
        if row["late"]
    ]
    flags += [_redefined(one) for one in indicators.load(book) if one.redefined is not None]
    flags += [f for f in book.flags if f.code == "DQ111"]
    columns = [
        Column("source", "Source"),
        Column("lag", "Days, latest month", "count", people=False),
        Column("typical", "Days, typical", "count", people=False),
        Column("late", f"Late or missing, last {RECENT} due", "count", people=False),
        Column("complete", f"Complete, last {RECENT} due", "share"),
        Column("versions", "Definition"),
    ]
    return Section(
        sentence(text),
        figure=_lags(book, rows, limit),
        flags=flags,
        table=Table("How each source arrives", columns, rows, notes=[f"On time: {limit} days after the month ends."]),
    )


def _of_all(n: int, total: int) -> str:
    if n == total:
        return "the one source" if total == 1 else f"all {counted(total, 'source')}"
    return f"{n} of {counted(total, 'source')}"


def _redefined(one) -> Flag:
    message = f"{one.spec.label} counts something else since {one.redefined:%Y-%m}: earlier months are not compared."
    return Flag("DEFINITION", "warn", one.spec.id, message)


def _by_source(found) -> list[tuple]:
    """[(source, its indicators)] in the order of city.yml."""
    names = dict.fromkeys(one.spec.source for one in found)
    return [(name, [one for one in found if one.spec.source == name]) for name in names]


def _source(name: str, own, limit: int, day) -> dict:
    """How one source arrives. A month that was due and has not come counts as late."""
    lags = pd.concat([lag_days(one) for one in own]).groupby(level=0).max().sort_index()
    wanted = [due(one, limit, day) for one in own]
    latest = sorted(set().union(*wanted))[-RECENT:]
    there = [set(one.overall["period"]) for one in own]
    complete = [month in have for have, months in zip(there, wanted, strict=True) for month in months]
    versions = sorted({v for one in own for v in one.overall["definition_version"].dropna()})
    return {
        "source": name,
        "lag": int(lags.iloc[-1]),
        "typical": int(lags.median()),
        "late": sum(not lags.get(month, limit + 1) <= limit for month in latest),
        "complete": sum(complete) / len(complete) if complete else None,
        "versions": listed(versions),
    }


def lag_days(one) -> pd.Series:
    """Days from the end of each month to its arrival, by period."""
    rows = one.overall.set_index("period")["received_at"]
    return (rows - (rows.index + pd.offsets.MonthEnd(0))).dt.days


def due(one, limit: int, day) -> list[pd.Timestamp]:
    """The last months (quarters) that should have arrived by `day`. A calendar month that no year has is not expected:
    schools send nothing in the summer."""
    periods = one.overall["period"]
    step = 3 if one.spec.frequency == "quarterly" else 1
    grid = pd.date_range(periods.min(), pd.Timestamp(day), freq=f"{step}MS")
    grid = grid[grid + pd.offsets.MonthEnd(0) + pd.Timedelta(days=limit) <= pd.Timestamp(day)]
    seen = set(periods.dt.month)
    usual = grid.month.isin(list(seen)) | (len(grid) * step <= 12)
    return list(grid[usual][-RECENT:])


def _lags(book, rows, limit):
    late = [row for row in rows if row["late"]]
    title = f"Every source arrived within {limit} days"
    if late:
        verb = "was" if len(late) == 1 else "were"
        title = f"{counted(len(late), 'source').capitalize()} {verb} late or missing in the last {RECENT} months due"
    bars = [(row["source"], row["lag"], f"{row['lag']} days") for row in rows]
    sheet = {
        "title": title,
        "subtitle": "Days from the end of the latest month that came to its arrival, by source",
        "note": f"Source: dates of arrival of the monthly indicators. {counted(len(rows), 'source').capitalize()}.",
        "stamp": book.stamp,
    }
    alt = f"Bar chart. {title}. " + "; ".join(f"{label}: {words}" for label, _, words in bars) + "."
    tones = [GREY if row["late"] else BLUE for row in rows]
    return charts_compare.bars(bars, sheet, alt, "days", target=(limit, f"on time: {limit} days"), tones=tones)
