"""Monitoring of outside events (M5): what changed when they came, apart from the pilot."""

from shared_utils.errors import EmiError
from shared_utils.sections import context_series, indicators, monitoring_change
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import month, sentence

BEFORE = 6  # months compared with those of an event


@section("M5", "What did COVID and other events change?")
def events(book) -> Section:
    """Each indicator before and during each outside event, then the published series around the pilot as context."""
    calendar = indicators.windows(book)
    if not calendar:
        raise EmiError("city.yml lists no outside events", "List them under events.")
    found = indicators.load(book)
    pairs = [(one, window) for window in calendar for one in found]
    rows = [row for one, window in pairs if (row := _before_after(one, *window, book.rules))]
    if not rows:
        raise EmiError("no indicator has months both before and during an outside event")
    biggest = max(rows, key=lambda r: -1 if r["ratio"] is None else abs(r["ratio"] - 1))
    change = f"{_change(biggest)} from {month(biggest['start'])}"
    text = f'From {month(biggest["start"])} "{biggest["label"]}" {_change(biggest)}. '
    text += f"This came with an outside event ({biggest['event']}), not the pilot."
    if biggest["excluded"]:
        text += " Its months do not count as improvement or concern."
    series = context_series.beside(book)
    columns = [
        Column("event", "Event"),
        Column("first", "First month"),
        Column("label", "Indicator"),
        Column("before", f"Mean of {BEFORE} months before"),
        Column("after", "Mean since"),
        Column("change", "Of earlier level"),
    ]
    one = next(o for o in found if o.spec.label == biggest["label"])
    return Section(
        " ".join([sentence(text), *([series.sentence] if series else [])]),
        figure=monitoring_change.control(book, one, f"{one.spec.label} {change}"),
        table=Table("Before and during each event", columns, rows,
                    notes=["Means of months; small counts are left out."]),
        more=tuple(filter(None, [series.figure, series.table])) if series else (),
    )  # fmt: skip


def _change(row: dict) -> str:
    """Say "fell to 55% of its earlier level"; a change in a score, which can be negative, is told by its two means."""
    way = "fell" if row["after_value"] < row["before_value"] else "rose"
    if row["ratio"] is None:
        return f"{way} from {row['before']} to {row['after']}"
    return f"{way} to {row['change']} of its earlier level"


def _before_after(one, start, end, label, rules) -> dict | None:
    rows = one.overall[indicators.told(one.overall, rules)]
    before = rows.loc[rows["period"] < start, "value"].tail(BEFORE).mean()
    after = rows.loc[rows["period"].between(start, end), "value"].mean()
    scored = one.possible[0] < 0  # zero is then no lowest level that a share could be taken of
    if before != before or after != after or (before == 0 and not scored):
        return None
    ratio = None if scored else after / before
    return {
        "event": label,
        "first": f"{start:%Y-%m}",
        "start": start,
        "label": one.spec.label,
        "before": one.text(before),
        "after": one.text(after),
        "before_value": before,
        "after_value": after,
        "ratio": ratio,
        "change": "" if ratio is None else f"{100 * ratio:.0f}%",
        "excluded": any(start == s for s, _, _ in one.events),
    }
