"""Monitoring of outside events (M5): what changed when they came, apart from the pilot."""

from shared_utils.errors import EmiError
from shared_utils.sections import indicators, monitoring_change
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import month, sentence

BEFORE = 6  # months compared with those of an event


@section("M5", "What did COVID and other events change?")
def events(book) -> Section:
    """Each indicator before and during each outside event."""
    calendar = indicators.windows(book)
    if not calendar:
        raise EmiError("city.yml lists no outside events", "List them under events.")
    found = indicators.load(book)
    pairs = [(one, window) for window in calendar for one in found]
    rows = [row for one, window in pairs if (row := _before_after(one, *window, book.rules))]
    if not rows:
        raise EmiError("no indicator has months both before and during an outside event")
    biggest = max(rows, key=lambda r: abs(r["ratio"] - 1))
    way = "fell" if biggest["ratio"] < 1 else "rose"
    share = f"{100 * biggest['ratio']:.0f}% of its earlier level"
    text = (
        f'From {month(biggest["start"])} "{biggest["label"]}" {way} to {share}. '
        f"This came with an outside event ({biggest['event']}), not the pilot."
    )
    if biggest["excluded"]:
        text += " Its months do not count as improvement or concern."
    columns = [
        Column("event", "Event"),
        Column("first", "First month"),
        Column("label", "Indicator"),
        Column("before", f"Mean of {BEFORE} months before"),
        Column("after", "Mean since"),
        Column("change", "Of earlier level"),
    ]
    one = next(o for o in found if o.spec.label == biggest["label"])
    title = f"{one.spec.label} {way} to {share} from {month(biggest['start'])}"
    return Section(
        sentence(text),
        figure=monitoring_change.control(book, one, title),
        table=Table(
            "Before and during each event",
            columns,
            rows,
            notes=["Means of months; small counts are left out."],
        ),
    )


def _before_after(one, start, end, label, rules) -> dict | None:
    rows = one.overall[indicators.told(one.overall, rules)]
    before = rows.loc[rows["period"] < start, "value"].tail(BEFORE).mean()
    after = rows.loc[rows["period"].between(start, end), "value"].mean()
    if before != before or after != after or before == 0:
        return None
    return {
        "event": label,
        "first": f"{start:%Y-%m}",
        "start": start,
        "label": one.spec.label,
        "before": one.text(before),
        "after": one.text(after),
        "ratio": after / before,
        "change": f"{100 * after / before:.0f}%",
        "excluded": any(start == s for s, _, _ in one.events),
    }
