"""Monitoring of the service that people received (M3). No outcome by group."""

import numpy as np
import pandas as pd

from shared_utils.errors import EmiError
from shared_utils.results import Flag, whom
from shared_utils.sections import charts_compare, charts_limits, counted_people
from shared_utils.sections.impact_people import received_by_arm, receivers
from shared_utils.sections.scales import in_100, told_share
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import counted, people, plainly, sentence, times

FIDELITY_WARN = 0.80
NO_LEAST = "City.yml names no smallest dose (design.treatment_received), so the share that reached one is not told."


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
    text = [_middle(main)]
    planned = [row for row in rows if row["planned"]]
    flags = []
    if planned:
        done, due = sum(r["kept"] for r in planned), sum(r["planned"] for r in planned)
        text.append(f"of the services in the plan, {_of_planned(done, due, book.rules)} delivered")
        if done / due < FIDELITY_WARN:
            flags.append(
                Flag(
                    "FIDELITY",
                    "warn",
                    "M3",
                    f"Of the planned services, {100 * done / due:.0f}% were delivered. That is under 80%.",
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
    sites = _sites(book, services)
    flags += _outside(sites)
    beside = counted_people.assigned(book)
    least = _least_dose(book)
    notes = [] if least else [NO_LEAST]
    table = Table("Services planned and delivered", columns, rows, groups=_receivers, beside=beside, notes=notes)
    return Section(
        " ".join(sentence(part) for part in [*text, *_reached(book, least)]),
        table=table,
        flags=flags,
        figure=_dose_figure(book, main, doses),
        more=(*([least] if least else []), *((_funnel(book, sites), _by_site(sites)) if sites else ())),
    )


def _middle(main: dict) -> str:
    """How often the middle person received the main service; of a middle of once, "once or more" would say nothing."""
    service = f'"{plainly(main["kind"])}"'
    if main["median"] == 1:
        return f"half or more of those who received {service} received it only once"
    return f"half of those who received {service} received it {times(main['median'])} or more"


def _of_planned(done: int, due: int, rules) -> str:
    if done == due:
        return "all were"
    said = in_100(done / due, due, rules)
    return f"{'nearly all' if said.startswith('nearly') else said} were"


def _least_dose(book) -> Table | None:
    """Who reached the dose from which the plan counts somebody as taking part, by arm that was offered the program."""
    rule = getattr(book.config.design, "treatment_received", None)
    rows = received_by_arm(book) if rule else None
    if not rows:
        return None
    columns = [
        Column("arm", "Group"),
        Column("n", "Known for", "count"),
        Column("received", "Reached it", "count"),
        Column("share", "Share", "share", n="n", numerator="received"),
    ]
    within = f" within {rule.within_days} days" if rule.within_days else ""
    caption = f'The smallest dose of the plan: "{plainly(rule.service_type)}" {_at_least(rule.at_least)}{within}'
    return Table(caption, columns, rows[1:], groups=receivers)


def _at_least(n: int) -> str:
    return f"at least {times(n)}"


def _reached(book, least: Table | None) -> list[str]:
    told = least.told(book.rules, "share") if least else []
    if not told or len(told) < len(least.rows):
        return []
    share = told_share(sum(row["received"] for row in told), sum(row["n"] for row in told), book.rules)[0]
    return [f"of those offered the program, {share} reached the smallest dose that the plan counts"]


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
    title = sentence(_middle(main))[:-1]
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
        (f"{times(a)} or more" if k == last and last else times(a) if a == b else f"{a}-{b} times", n)
        for k, (a, b, n) in enumerate(bins)
    ]


def _sites(book, services) -> list[dict]:
    """Planned services delivered, by site with enough people, beside the limits that chance alone would give (funnel,
    3 sigma); [] for fewer than two sites."""
    due = services[services["scheduled"].fillna(False).astype(bool) & services["provider_unit_id"].notna()]
    by_site = due.groupby("provider_unit_id")
    sites = by_site["delivered"].agg(["sum", "count"])[by_site["subject_id"].nunique() >= book.rules.small_cell_min]
    if len(sites) < 2:
        return []
    overall = sites["sum"].sum() / sites["count"].sum()
    rows = []
    for name, (done, n) in zip(sites.index, sites.to_numpy(), strict=True):
        limit = 3 * np.sqrt(overall * (1 - overall) / n)
        outside = "below" if done / n < overall - limit else "above" if done / n > overall + limit else "inside"
        row = {"site": plainly(str(name)), "n": int(n), "share": done / n, "limits": outside, "overall": overall}
        rows.append(row)
    return rows


def _outside(sites) -> list[Flag]:
    """A flag for each site that delivers less than chance explains."""
    flags = []
    for row in sites:
        share, overall = 100 * row["share"], 100 * row["overall"]
        message = f"Site {row['site']} delivered {share:.0f}% of planned services, all sites {overall:.0f}%."
        flags += [Flag("SITE", "warn", "M3", message)] if row["limits"] == "below" else []
    return flags


def _by_site(sites) -> Table:
    columns = [
        Column("site", "Site"),
        Column("n", "Planned", "count", people=False),
        Column("share", "Delivered", "share"),
        Column("limits", "Against what chance allows"),
    ]
    notes = [f"All sites together: {100 * sites[0]['overall']:.0f}%. Limits: three standard errors around it."]
    return Table("Planned services delivered, by site", columns, sites, notes=notes)


def _funnel(book, sites):
    points = [(row["site"], row["n"], row["share"], row["limits"] != "inside") for row in sites]
    outside = [row for row in sites if row["limits"] != "inside"]
    verb = "delivers" if len(outside) == 1 else "deliver"
    title = f"{counted(len(outside), 'site').capitalize()} {verb} more or less than chance explains"
    if not outside:
        title = "All sites deliver about the same share of what was planned"
    sheet = {
        "title": title,
        "subtitle": "Share of planned services that were delivered, by how many were planned; one mark a site",
        "note": "Source: service records. Between the lines: what chance allows. Diamond: a site outside them.",
        "stamp": book.stamp,
    }
    words = "; ".join(f"{row['site']}: {100 * row['share']:.0f}% ({row['limits']})" for row in sites)
    alt = f"Funnel chart. {title}. {words}."
    return charts_limits.funnel(points, sites[0]["overall"], sheet, alt, ("planned services", "percent delivered"))
