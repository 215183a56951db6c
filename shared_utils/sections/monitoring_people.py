"""Monitoring of people: their flow (M1) and the service they received (M3). No outcome by group."""

import numpy as np
import pandas as pd

from shared_utils.errors import EmiError
from shared_utils.results import Flag, whom
from shared_utils.sections import analysis, charts_compare, charts_shape, charts_time, counted_people
from shared_utils.sections.impact_people import received_by_arm
from shared_utils.sections.scales import in_100
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import month, people, plainly, sentence, times

CROSSOVER_WARN = 0.10
FIDELITY_WARN = 0.80


@section("M1", "Are people flowing through as planned?")
def flow(book) -> Section:
    """Counts from joining to follow-up; by group only as counts."""
    study, unit = book.study, book.study.unit_label
    if analysis.is_series(book):
        raise EmiError(f"the data are one series of {unit}, so nobody is followed from joining to follow-up")
    frame = study.frame.drop_duplicates(study.subject_id)
    panel = analysis.is_panel(book)
    arms = [(analysis.arm_name(book, arm), arm, int((frame[study.arm] == arm).sum())) for arm in analysis.arms(book)]
    steps = [
        ("Assigned", len(frame)),
        *_started(book, frame),
        *_left(book, frame),
        *_followed(book, study.frame),
    ]
    rows = [
        {
            "step": label,
            "n": n,
            "total": len(frame),
            "share": n / len(frame) if label not in _NOT_SHARES else None,
            "who": whom.FLOW.get(RECORD[label]),
        }
        for label, n in steps
    ]
    rows += [
        {
            "step": f'Group "{name}"',
            "n": n,
            "total": len(frame),
            "share": n / len(frame),
            "who": whom.arm(arm),
        }
        for name, arm, n in arms
    ]
    show = (lambda n: f"{n:,}") if panel else (lambda n: people(n, book.rules, "").strip())
    text = f"By {month(book.as_of)}, {show(len(frame))} {unit} are in the pilot's study"
    text = " ".join([f"{text}.", *(sentence(SAID[label].format(show(n))) for label, n in steps[1:])])
    flags = _crossover(book)
    levels = [[("Assigned", f"{show(len(frame))} {unit}")], [(name, show(n)) for name, _, n in arms]]
    levels += [[(label, show(n)) for label, n in steps[1:]]] if len(steps) > 1 else []
    sheet = {
        "title": text.split(".")[0],
        "subtitle": f"{unit.capitalize()} at each step; no outcomes are compared here",
        "note": "Source: assignment, service and outcome records. Counts of people are rounded to the nearest 5.",
        "stamp": book.stamp,
    }
    alt = "Flow chart. " + sentence(text)
    columns = [
        Column("step", "Step"),
        Column("n", "Number", "count", people=not panel),
        Column("share", "Of those assigned", "share", n="" if panel else "total", numerator="" if panel else "n"),
    ]
    more = tuple(filter(None, [_joining(book, frame)]))
    return Section(
        sentence(text),
        table=Table(f"Steps of the pilot ({unit})", columns, rows, groups=None if panel else _whom),
        more=more,
        flags=flags,
        figure=charts_shape.flow(levels, sheet, alt, straight=False),
        data={"record": {RECORD[step]: n for step, n in steps}},
    )


def _whom(row: dict) -> dict:
    return {"n": row["who"], "total": whom.EVERYONE}


_NOT_SHARES = ("Months with the main outcome",)
# How the steps are called in the record: n_ marks counts, which a release rounds or hides.
RECORD = {
    "Assigned": "n_assigned",
    "Received at least one service": "n_served",
    "Left before the end": "n_left",
    "Main outcome known": "n_known",
    "Months with the main outcome": "n_months",
}
SAID = {
    "Received at least one service": "{} received at least one service",
    "Left before the end": "{} left before the end",
    "Main outcome known": "the main outcome is known for {}",
    "Months with the main outcome": "{} months of the main outcome are there",
}


def _started(book, frame) -> list[tuple[str, int]]:
    services = book.data.tables.get("services")
    if services is None or services.empty:
        return []
    served = set(services.loc[services["delivered"].astype(bool), "subject_id"])
    n = int(frame[book.study.subject_id].isin(served).sum())
    return [("Received at least one service", n)] if n else []


def _left(book, frame) -> list[tuple[str, int]]:
    if "exit_reason" not in frame:
        return []
    reasons = frame["exit_reason"].dropna()
    return [("Left before the end", int((reasons != "completed").sum()))] if len(reasons) else []


def _followed(book, frame) -> list[tuple[str, int]]:
    known = int(frame[book.config.primary.id].notna().sum())
    return [("Months with the main outcome" if analysis.is_panel(book) else "Main outcome known", known)]


def _crossover(book) -> list[Flag]:
    """People of the comparison group who received the service."""
    reached = received_by_arm(book)
    if not reached or book.config.design.type in ("iv_encouragement", "rd") or reached[0]["share"] <= CROSSOVER_WARN:
        return []
    return [
        Flag(
            "CROSSOVER",
            "warn",
            "M1",
            f"{100 * reached[0]['share']:.0f}% of the comparison group received the service.",
        )
    ]


def _joining(book, frame):
    """Cumulative number of people who joined, by month."""
    if analysis.is_panel(book) or "assigned_at" not in frame:
        return None
    months = frame["assigned_at"].dropna().dt.to_period("M").value_counts().sort_index()
    if len(months) < 2:
        return None
    span = pd.period_range(months.index.min(), months.index.max(), freq="M")
    counts = in_steps(months.reindex(span, fill_value=0).cumsum(), book.rules.small_cell_min)
    if len(counts) < 2:
        return None
    periods = list(counts.index.to_timestamp())
    total = people(int(counts.iloc[-1]), book.rules, "").strip()
    title = (
        f"{people(int(counts.iloc[-1]), book.rules, book.study.unit_label)} joined between "
        f"{month(periods[0])} and {month(periods[-1])}"
    )
    sheet = {
        "title": sentence(title)[:-1],
        "subtitle": f"Number of {book.study.unit_label} assigned so far, by month",
        "note": "Source: assignment records. city.yml names no planned number to compare with.",
        "stamp": book.stamp,
    }
    return charts_time.cumulative(periods, list(counts), sheet, f"Step chart. {sentence(title)}", total)


def in_steps(cumulative: pd.Series, least: int) -> pd.Series:
    """The months of a growing count between which it stayed the same or grew by at least `least` people.

    A step of 1-10 people would tell when those few joined. The last month stays, so the month before it may go.
    """
    kept = []
    for at, n in cumulative.items():
        if not 0 < n - (cumulative[kept[-1]] if kept else 0) < least:
            kept.append(at)
    end = cumulative.index[-1]
    while kept and 0 < cumulative[end] - cumulative[kept[-1]] < least:
        kept.pop()
    return cumulative[[*kept, *([end] if end not in kept else [])]]


@section("M3", "Is the service delivered as designed?")
def delivery(book) -> Section:
    """Planned and delivered services, and how many each person served received."""
    services = book.data.tables.get("services")
    if services is None or services.empty:
        raise EmiError("there is no service log in the data", "Send one as a table (services) and map it in mappings/.")
    rows = [_service_row(kind, own) for kind, own in services.groupby("service_type", sort=True)]
    rows = [row for row in rows if row["people"] >= book.rules.small_cell_min]
    if not rows:
        raise EmiError("no kind of service has reached 11 people yet")
    main = max(rows, key=lambda r: r["people"])
    doses = (
        services[(services["service_type"] == main["kind"]) & services["delivered"].astype(bool)]
        .groupby("subject_id")
        .size()
    )
    text = f'Half of those who received "{plainly(main["kind"])}" received it {times(main["median"])} or more'
    planned = [row for row in rows if row["planned"]]
    flags = []
    if planned:
        done, due = sum(r["kept"] for r in planned), sum(r["planned"] for r in planned)
        text += f". Of the planned services, {in_100(done / due, due, book.rules)} were delivered"
        if done / due < FIDELITY_WARN:
            flags.append(
                Flag(
                    "FIDELITY",
                    "warn",
                    "M3",
                    f"{100 * done / due:.0f}% of planned services were delivered, under 80%.",
                )
            )
    columns = [
        Column("words", "Service"),
        Column("people", "Received it", "count"),
        Column("times", "Times delivered", "count", people=False),
        Column("planned", "Planned", "count", people=False),
        Column("fidelity", "Planned and delivered", "share"),
        Column("low", "Times, lower quarter", "number", n="people", digits=0),
        Column("median", "Times, middle", "number", n="people", digits=0),
        Column("high", "Times, upper quarter", "number", n="people", digits=0),
    ]
    beside = counted_people.assigned(book)
    table = Table("Services planned and delivered", columns, rows, groups=_receivers, beside=beside)
    return Section(
        sentence(text),
        table=table,
        flags=flags,
        figure=_dose_figure(book, main, doses),
        more=tuple(filter(None, [_by_site(book, services)])),
    )


def _receivers(row: dict) -> dict:
    return {"people": whom.EVERYONE.did(f"received {row['kind']}")}


def _service_row(kind: str, own: pd.DataFrame) -> dict:
    delivered = own[own["delivered"].astype(bool)]
    doses = delivered.groupby("subject_id").size()
    due = own[own["scheduled"].fillna(False).astype(bool)]
    planned, kept = len(due), int(due["delivered"].astype(bool).sum())
    return {
        "kind": kind,
        "words": plainly(kind),
        "people": len(doses),
        "times": int(doses.sum()),
        "planned": planned,
        "kept": kept,
        "fidelity": kept / planned if planned else None,
        "low": doses.quantile(0.25),
        "median": doses.median(),
        "high": doses.quantile(0.75),
    }


def _dose_figure(book, main, doses):
    counts = merged_bins(doses.to_numpy(), book.rules.small_cell_min)
    bars = [(label, n, people(n, book.rules, "").strip()) for label, n in counts]
    title = f'Half of those served received "{plainly(main["kind"])}" {times(main["median"])} or more'
    sheet = {
        "title": title,
        "subtitle": f'People by how often they received "{plainly(main["kind"])}"',
        "note": f"Source: service records. {people(len(doses), book.rules)}. Every bar holds at least 11 people.",
        "stamp": book.stamp,
    }
    alt = f"Bar chart. {title}. " + "; ".join(f"{label}: {words}" for label, _, words in bars) + "."
    return charts_compare.bars(bars, sheet, alt, "people")


def merged_bins(values, least: int, most: int = 8) -> list[tuple[str, int]]:
    """Whole numbers in up to `most` bins of at least `least` members: [("1-3 times", n)]."""
    edges = sorted({int(np.quantile(values, q, method="lower")) for q in np.linspace(0, 1, most + 1)})
    starts = edges[:-1] or edges
    bins = []
    for i, start in enumerate(starts):
        end = starts[i + 1] - 1 if i + 1 < len(starts) else int(max(values))
        n = int(((values >= start) & (values <= end)).sum())
        bins.append([start, end, n])
    while len(bins) > 1 and min(b[2] for b in bins) < least:
        i = min(range(len(bins)), key=lambda j: bins[j][2])
        j = i - 1 if i > 0 else i + 1
        low, high = sorted((i, j))
        bins[low : high + 1] = [[bins[low][0], bins[high][1], bins[low][2] + bins[high][2]]]
    last = len(bins) - 1
    return [
        (f"{a} times or more" if k == last and last else f"{a} times" if a == b else f"{a}-{b} times", n)
        for k, (a, b, n) in enumerate(bins)
    ]


def _by_site(book, services) -> Table | None:
    """Planned services delivered, by site, with the limits that chance alone would give (funnel, 3 sigma)."""
    due = services[services["scheduled"].fillna(False).astype(bool) & services["provider_unit_id"].notna()]
    sites = due.groupby("provider_unit_id")["delivered"].agg(["sum", "count"])
    sites = sites[sites["count"] >= book.rules.small_cell_min]
    if len(sites) < 2:
        return None
    overall = sites["sum"].sum() / sites["count"].sum()
    rows = []
    for name, (done, n) in zip(sites.index, sites.to_numpy(), strict=True):
        limit = 3 * np.sqrt(overall * (1 - overall) / n)
        outside = "below" if done / n < overall - limit else "above" if done / n > overall + limit else "inside"
        rows.append({"site": plainly(str(name).removeprefix("u_")), "n": int(n), "share": done / n, "limits": outside})
    columns = [
        Column("site", "Site"),
        Column("n", "Planned", "count", people=False),
        Column("share", "Delivered", "share"),
        Column("limits", "Against what chance allows"),
    ]
    return Table(
        "Planned services delivered, by site",
        columns,
        rows,
        notes=[f"All sites together: {100 * overall:.0f}%. Limits: three standard errors around it."],
    )
