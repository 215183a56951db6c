"""Monitoring of what the city tries (M8): the open actions of actions.yaml, and signals that no action answers."""

from shared_utils.results import Flag
from shared_utils.sections import city_files, indicators, monitoring_change, monitoring_reach
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import counted, listed, month

OLD = 60  # days


@section("M8", "What should we try next?")
def actions(book) -> Section:
    """Actions open on the day of the report, carried on from month to month, and signals without one."""
    found = indicators.load(book)
    labels = {spec.id: spec.label for spec in book.config.indicators}
    opened = [entry for entry in city_files.actions(book.city_dir, list(labels)) if _is_open(entry, book.as_of)]
    rows = [_row(entry, labels, book.as_of) for entry in opened]
    answered = {entry["indicator"] for entry in opened}
    alone = [(id, signal) for id, signal in _signals(book, found) if id not in answered]
    rows += [{"label": labels[id], "signal": signal, "action": "none yet"} for id, signal in alone]
    columns = [
        Column("label", "Indicator"),
        Column("signal", "Signal"),
        Column("hypothesis", "What may be behind it"),
        Column("action", "Action"),
        Column("owner", "Owner"),
        Column("review", "Review"),
        Column("age", "Days open"),
    ]
    notes = ["Write actions in actions.yaml. Close one with its date, so that later reports stop carrying it."]
    return Section(
        _sentence(rows, alone, labels),
        table=Table("Open actions, and signals without one", columns, rows, notes=notes) if rows else None,
        flags=[*_old(rows), *(_unanswered(labels[id], id, signal) for id, signal in alone)],
    )


def _is_open(entry: dict, day) -> bool:
    return entry["opened"] <= day and (entry["closed"] is None or entry["closed"] > day)


def _row(entry: dict, labels: dict, day) -> dict:
    days = (day - entry["opened"]).days
    return {
        "id": entry["id"],
        "label": labels[entry["indicator"]],
        "signal": entry["signal"],
        "hypothesis": entry["hypothesis"],
        "action": entry["action"],
        "owner": entry["owner_role"],
        "review": entry["review_month"],
        "age": str(days),
        "days": days,
    }


def _signals(book, found) -> list[tuple[str, str]]:
    """(indicator, what was seen) of each present concern and of each indicator with a gap that needs attention."""
    seen = []
    for one in found:
        if one.variation == "concern":
            when, rule, above = monitoring_change.first_signal(one)
            way = "above" if above else "below"
            seen.append((one.spec.id, f"{way} its usual range from {month(when)} (rule {rule})"))
    gaps = dict.fromkeys(flag.scope for flag in monitoring_reach.reach(book).flags if flag.code == "EQUITY")
    return seen + [(id, "a clear gap between groups of five points or more (M4)") for id in gaps]


def _sentence(rows, alone, labels) -> str:
    opened = [row for row in rows if "id" in row]
    verb = "is" if len(opened) == 1 else "are"
    text = f"{counted(len(opened), 'action').capitalize()} {verb} open."
    old = sum(row["days"] > OLD for row in opened)
    if old:
        text += f" {counted(old, 'of them', 'of them').capitalize()}, for more than {OLD} days."
    if alone:
        names = [f'"{label}"' for label in dict.fromkeys(labels[id] for id, _ in alone)]
        text += f" {counted(len(alone), 'signal').capitalize()} {'has' if len(alone) == 1 else 'have'} no action yet."
        text += f" {'It is' if len(alone) == 1 else 'They are'} of {listed(names)}."
    return text


def _old(rows) -> list[Flag]:
    return [
        Flag("ACTION_OLD", "warn", "actions.yaml", f"Action {row['id']} has been open for {row['age']} days.")
        for row in rows
        if row.get("days", 0) > OLD
    ]


def _unanswered(label: str, id: str, signal: str) -> Flag:
    return Flag(
        "NO_ACTION", "warn", id, f'"{label}" has a signal that no action in actions.yaml answers. It is {signal}.'
    )
