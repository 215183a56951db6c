"""Monitoring of what is to come (M6): each indicator, enrollment and services at the end of the pilot."""

from dataclasses import dataclass

import pandas as pd

from shared_utils.errors import EmiError
from shared_utils.sections import analysis, charts_time, indicators
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import counted, month, people, plainly
from shared_utils.stats import forecast


@dataclass(frozen=True)
class Ahead:
    """One forecast: what it is of, the months it rests on and those to come, and how its numbers are printed."""

    label: str
    id: str
    known: pd.Series  # by month, NaN where it may not be shown or does not count
    months: pd.DatetimeIndex
    made: forecast.Forecast
    target: float | None
    chance: float | None
    held: tuple[int, int] | None  # months of earlier forecasts inside their interval, months forecast
    unit: str
    text: object
    per: float = 1.0


@section("M6", "Where will we be at the end?")
def outlook(book) -> Section:
    """Forecasts to the end of the pilot, with the chance of reaching the target and how earlier ones held."""
    last = pd.Timestamp(book.config.pilot.end).replace(day=1)
    if pd.Timestamp(book.as_of) >= last + pd.offsets.MonthEnd(0):
        return Section(f"The pilot ended in {month(last)}, so nothing is left to forecast.")
    found = [*_totals(book, last), *(made for one in indicators.load(book) if (made := _value(book, one, last)))]
    if not found:
        raise EmiError(f"a forecast needs {forecast.MONTHS} usable months, and nothing has as many yet")
    aimed = [one for one in found if one.chance is not None]
    main = min(aimed, key=lambda one: one.chance) if aimed else found[0]
    return Section(
        _sentence(book, main, aimed),
        table=_table(found),
        figure=_fan(book, main),
        data={"record": {one.id: _record(one) for one in found}},
    )


def _value(book, one, last) -> Ahead | None:
    """The forecast of an indicator, from its last usable months; None where they are too few or the end has come."""
    step = 3 if one.spec.frequency == "quarterly" else 1
    months = pd.date_range(one.overall["period"].max(), last, freq=f"{step}MS")[1:]
    usable = one.usable & pd.Series(indicators.told(one.overall, book.rules))
    known = pd.Series(one.values, one.overall["period"]).where(usable.to_numpy())
    if known.notna().sum() < forecast.MONTHS or not len(months):
        return None
    made = forecast.values(known, len(months), book.seed, one.possible)
    chance = made.chance(one.target, one.spec.direction)
    held = forecast.coverage(known, lambda past, ahead: forecast.values(past, ahead, book.seed, one.possible))
    return Ahead(
        one.spec.label, one.spec.id, known, months, made, one.target, chance, held, one.spec.unit, one.text, one.per
    )


def _totals(book, last) -> list[Ahead]:
    """Forecasts of running totals: people who joined, and services of the main kind that were delivered."""
    found = []
    frame, planned = book.study.frame, book.config.pilot.planned_enrollment
    if not analysis.is_panel(book) and not analysis.is_series(book) and "assigned_at" in frame:
        window = getattr(book.config.design, "enrollment_window", None)
        end = pd.Timestamp(window.end).replace(day=1) if window else last
        joined = _total(book, "People who joined", "joined", frame["assigned_at"], end, planned)
        full = planned is not None and frame["assigned_at"].notna().sum() >= planned  # then nobody more is to join
        found += [joined] if joined and not full else []
    services = book.data.tables.get("services")
    if services is not None and len(services):
        done = services[services["delivered"].astype(bool)]
        kind = done.groupby("service_type")["subject_id"].nunique().idxmax() if len(done) else None
        dates = done.loc[done["service_type"] == kind, "service_date"]
        delivered = _total(book, f'Times "{plainly(kind)}" was delivered', "delivered", dates, last, None)
        found += [delivered] if delivered else []
    return found


def _total(book, label: str, id: str, dates: pd.Series, end, target) -> Ahead | None:
    """The forecast of a running total from its counts in whole months outside events."""
    dates, now = dates.dropna(), pd.Timestamp(book.as_of)
    whole = (now + pd.Timedelta(days=1)).replace(day=1) - pd.offsets.MonthBegin(1)  # the last month that is over
    months = pd.date_range(whole, end, freq="MS")[1:]
    if dates.empty or not len(months):
        return None
    span = pd.date_range(dates.min().replace(day=1), whole, freq="MS")
    counts = dates.dt.to_period("M").dt.to_timestamp().value_counts().reindex(span, fill_value=0).astype(float)
    events = indicators.windows(book, only_excluding=True)
    counts = counts.where([not any(start <= at <= stop for start, stop, _ in events) for at in span])
    if counts.notna().sum() < forecast.MONTHS:
        return None
    made = forecast.counts(counts, len(months), book.seed, start=float((dates <= whole + pd.offsets.MonthEnd(0)).sum()))
    total = counts.fillna(0).cumsum()

    def text(n) -> str:
        return people(round(n), book.rules, "").strip()

    chance = None if target is None else made.chance(target)
    held = forecast.coverage(counts, lambda past, ahead: forecast.counts(past, ahead, book.seed), total=True)
    return Ahead(label, id, total, months, made, target, chance, held, "number so far", text)


def _sentence(book, main: Ahead, aimed: list[Ahead]) -> str:
    low, middle, high = (main.text(ends[-1]) for ends in (main.made.low, main.made.median, main.made.high))
    text = f'At the current pace we expect {middle} for "{main.label}" in {month(main.months[-1])}. '
    text += f"The likely range is {low} to {high}."
    if main.chance is None:
        return text
    text += f" The chance of reaching {main.text(main.target)} is {_percent(main.chance)}."
    even = sum(one.chance >= 0.5 for one in aimed)
    verb = "has" if even == 1 else "have"
    return f"{text} {even} of {counted(len(aimed), 'target')} {verb} an even chance or better."


def _percent(chance: float) -> str:
    """A chance from simulated paths; never said to be none or certain."""
    return "less than 1%" if chance < 0.01 else "more than 99%" if chance > 0.99 else f"{100 * chance:.0f}%"


def _table(found: list[Ahead]) -> Table:
    rows = [
        {
            "label": one.label,
            "month": f"{one.months[-1]:%Y-%m}",
            "median": one.text(one.made.median[-1]),
            "low": one.text(one.made.low[-1]),
            "high": one.text(one.made.high[-1]),
            "target": "" if one.target is None else one.text(one.target),
            "chance": "" if one.chance is None else _percent(one.chance),
            "held": "too few months" if one.held is None else f"{one.held[0]} of {one.held[1]}",
        }
        for one in found
    ]
    columns = [
        Column("label", "Indicator"),
        Column("month", "Month"),
        Column("median", "Expected"),
        Column("low", "Low end"),
        Column("high", "High end"),
        Column("target", "Target"),
        Column("chance", "Chance of target"),
        Column("held", "Earlier forecasts that held"),
    ]
    notes = [
        f"Low and high end: 80% of {forecast.PATHS:,} simulated paths. They suppose that coming months are like the "
        f"last {forecast.MONTHS} usable ones. Months of outside events are not used.",
        "Earlier forecasts: made from the data before each of the last three usable months. 80 in 100 should hold.",
    ]
    return Table("Where each indicator may be at the end", columns, rows, notes=notes)


def _record(one: Ahead) -> dict:
    ends = {"median": one.made.median, "low80": one.made.low, "high80": one.made.high}
    return {name: one.per * float(values[-1]) for name, values in ends.items()} | {"p_target": one.chance}


def _fan(book, one: Ahead):
    low, middle, high = (one.text(ends[-1]) for ends in (one.made.low, one.made.median, one.made.high))
    title = f"{one.label}: about {middle.removeprefix('about ')} expected in {month(one.months[-1])}"
    sheet = {
        "title": title,
        "subtitle": f"{one.label}, {one.unit}, by month, with its forecast and 80% interval",
        "note": f"Source: monthly data. Line: usable months. Band: {forecast.PATHS:,} simulated paths.",
        "stamp": book.stamp,
    }
    aim = "" if one.target is None else f" Target {one.text(one.target)}, chance {_percent(one.chance)}."
    alt = f"Fan chart. {title}, between {low} and {high}.{aim}"
    known = pd.DataFrame({"period": one.known.index, "value": one.known.to_numpy() * one.per})
    made = [one.per * ends for ends in (one.made.low, one.made.median, one.made.high)]
    target = None if one.target is None else (one.per * one.target, f"target {one.text(one.target)}")
    return charts_time.fan(known, one.months, made, sheet, alt, target, one.unit, f"expected {middle}")
