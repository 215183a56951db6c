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
    rows = [_source(name, own, limit) for name, own in _by_source(indicators.load(book))]
    on_time = sum(row["late"] == 0 for row in rows)
    text = f"{on_time} of {len(rows)} sources arrived on time in the last {RECENT} months"
    changed = [one.spec.label for one in indicators.load(book) if one.overall["definition_version"].nunique() > 1]
    text += f"; the definition changed for {listed(changed)}" if changed else "; no definition changed"
    flags = [
        Flag(
            "LATE",
            "serious" if row["late"] >= MISSES_SERIOUS else "warn",
            row["source"],
            f"{row['source']}: {counted(row['late'], 'late month')} of the last {RECENT}.",
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
        Column("late", f"Late, last {RECENT} months", "count", people=False),
        Column("complete", "Months present, last 12", "share"),
        Column("versions", "Definition"),
    ]
    return Section(
        sentence(text),
        figure=_lags(book, rows, limit),
        flags=flags,
        table=Table("How each source arrives", columns, rows, notes=[f"On time: {limit} days after the month ends."]),
    )


def _redefined(one) -> Flag:
    message = f"{one.spec.label} counts something else since {one.redefined:%Y-%m}: earlier months are not compared."
    return Flag("DEFINITION", "warn", one.spec.id, message)


def _by_source(found) -> list[tuple]:
    """[(source, its indicators)] in the order of city.yml."""
    names = dict.fromkeys(one.spec.source for one in found)
    return [(name, [one for one in found if one.spec.source == name]) for name in names]


def _source(name: str, own, limit: int) -> dict:
    lags = pd.concat([lag_days(one) for one in own]).groupby(level=0).max().sort_index()
    complete = [_present(one) for one in own]
    versions = sorted({v for one in own for v in one.overall["definition_version"].dropna()})
    return {
        "source": name,
        "lag": int(lags.iloc[-1]),
        "typical": int(lags.median()),
        "late": int((lags.tail(RECENT) > limit).sum()),
        "complete": sum(complete) / len(complete),
        "versions": listed(versions),
    }


def lag_days(one) -> pd.Series:
    """Days from the end of each month to its arrival, by period."""
    rows = one.overall.set_index("period")["received_at"]
    return (rows - (rows.index + pd.offsets.MonthEnd(0))).dt.days


def _present(one) -> float:
    """Share of the last twelve months (four quarters) up to the newest one that have a row."""
    step = 3 if one.spec.frequency == "quarterly" else 1
    wanted = pd.date_range(end=one.overall["period"].max(), periods=12 // step, freq=f"{step}MS")
    wanted = wanted[wanted >= one.overall["period"].min()]
    return float(one.overall["period"].isin(wanted).sum() / len(wanted))


def _lags(book, rows, limit):
    late = [row for row in rows if row["lag"] > limit]
    title = (
        f"{counted(len(late), 'source').capitalize()} arrived later than {limit} days"
        if late
        else f"Every source arrived within {limit} days"
    )
    bars = [(row["source"], row["lag"], f"{row['lag']} days") for row in rows]
    sheet = {
        "title": title,
        "subtitle": "Days from the end of the latest month to its arrival, by source",
        "note": f"Source: dates of arrival of the monthly indicators. {counted(len(rows), 'source').capitalize()}.",
        "stamp": book.stamp,
    }
    alt = f"Bar chart. {title}. " + "; ".join(f"{label}: {words}" for label, _, words in bars) + "."
    tones = [GREY if row["lag"] > limit else BLUE for row in rows]
    return charts_compare.bars(bars, sheet, alt, "days", target=(limit, f"on time: {limit} days"), tones=tones)
