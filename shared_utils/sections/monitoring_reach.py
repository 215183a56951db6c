"""Monitoring of reach (M4): which groups are served less than others, by more than chance."""

import numpy as np
import pandas as pd
from scipy import stats

from shared_utils import disclosure
from shared_utils.errors import EmiError
from shared_utils.results import Flag, whom
from shared_utils.sections import charts_compare, indicators
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import counted, listed, plainly
from shared_utils.sections.wording import group as wording_group
from shared_utils.stats import intervals, multiplicity

MONTHS_POOLED = 12
ATTENTION_GAP = 0.05
GAPS_DRAWN = 9
PLACES = "-opportunity neighborhoods"


@section("M4", "Who is being reached and who is not?")
def reach(book) -> Section:
    """Gaps between groups on each indicator, over the last twelve months, with Newcombe intervals."""
    rows = [row for one in indicators.load(book) for row in _gaps(book, one)]
    if not rows:
        raise EmiError("no indicator is broken down by group", "Send group rows in indicator_monthly.")
    table = _table(rows)
    tested = [r for r in table.told(book.rules, "value") if r["low"] is not None]
    for row, q in zip(tested, multiplicity.bh([r["p"] for r in tested]) if tested else [], strict=True):
        row["q"] = float(q)
    alarms = [r for r in tested if _is_clear(r) and abs(r["gap"]) >= ATTENTION_GAP]
    flags = [Flag("EQUITY", "warn", r["id"], f"Equity attention. {_gap_words(r)}") for r in alarms[:10]]
    return Section(
        _reach_sentence(book, alarms, tested),
        flags=flags,
        figure=_gap_figure(book, tested),
        table=table,
    )


def _table(rows) -> Table:
    told_by = {"n": "n", "numerator": "x"}  # a gap beside another group's gap and value tells the value
    columns = [
        Column("label", "Indicator"),
        Column("dim", "By"),
        Column("group", "Group"),
        Column("reference", "Compared with"),
        Column("value", "Value", "share", **told_by),
        Column("n", "n", "count"),
        Column("gap", "Gap, points", "points", **told_by),
        Column("low", "Low end", "points", **told_by),
        Column("high", "High end", "points", **told_by),
        Column("ratio", "Ratio", "number", **told_by),
        Column("q", "q", "p"),
    ]
    caption = f"Gaps between groups, last {MONTHS_POOLED} months together"
    return Table(caption, columns, rows, notes=_reach_notes(rows), groups=_whom)


def _whom(row: dict) -> dict:
    return {"n": row["who"], "x": row["who"].did(whom.COUNTED)}


def _gaps(book, one) -> list[dict]:
    """One row a group against the largest group of its dimension; groups too small to show keep their place without
    numbers."""
    if not one.is_share:
        return []
    since = one.overall["period"].max() - pd.DateOffset(months=MONTHS_POOLED - 1)
    rows = one.rows[(one.rows["period"] >= since) & (one.rows["group_value"] != "unknown")]
    pooled = rows.groupby(["group_dim", "group_value"])[["numerator", "denominator"]].sum().astype(int)
    counts = dict(zip(pooled.index, pooled.itertuples(index=False, name=None), strict=True))
    gaps, month = [], one.latest["period"]
    for dim in one.spec.equity:
        groups = {group: (x, n) for (of, group), (x, n) in counts.items() if of == dim and n > 0}
        largest = max(groups, key=lambda group: groups[group][1], default=None)
        gaps += [_gap(book, one.spec, month, dim, group, groups, largest) for group in groups if group != largest]
    return gaps


def _gap(book, spec, month, dim, group, groups, largest) -> dict:
    (x, n), (x0, n0) = groups[group], groups[largest]
    row = {
        "id": spec.id,
        "label": spec.label,
        "who": disclosure.group(f"{spec.id} to {month:%Y-%m}", **{dim: group}),
        "dim": plainly(dim),
        "group": wording_group(dim, group),
        "reference": wording_group(dim, largest),
        "x": x,
        "n": n,
        "value": x / n,
        "q": None,
        "p": None,
        "gap": None,
        "low": None,
        "high": None,
        "ratio": None,
    }
    small = [
        not indicators.may_show({"numerator": a, "denominator": b, "group_dim": dim}, book.rules)
        for a, b in ((x, n), (x0, n0))
    ]
    if any(small):
        return row
    low, high = intervals.newcombe(x, n, x0, n0, book.config.decision.level)
    pooled = (x + x0) / (n + n0)
    z = (x / n - x0 / n0) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / n0)) if 0 < pooled < 1 else 0.0
    return row | {
        "gap": x / n - x0 / n0,
        "low": low,
        "high": high,
        "ratio": (x / n) / (x0 / n0) if x0 else None,
        "p": float(2 * stats.norm.sf(abs(z))),
    }


def _is_clear(row) -> bool:
    """True when the interval of the gap does not hold zero."""
    return row["low"] > 0 or row["high"] < 0


def _gap_words(row) -> str:
    way = "lower" if row["gap"] < 0 else "higher"
    near, far = (100 * end for end in sorted((abs(row["low"]), abs(row["high"]))))
    least = "less than 1" if near < 0.5 else f"{near:.0f}"
    group, reference = row["group"], row["reference"]
    if group.endswith(PLACES) and reference.endswith(PLACES):
        own, other = (name.removesuffix(PLACES) for name in (group, reference))
        where = f"in the {own} third for neighborhood opportunity than in the {other} third"
    else:
        where = f"for {group} than for {reference}"
    return (
        f'"{row["label"]}" differs by {100 * abs(row["gap"]):.0f} points (between {least} and {far:.0f}). '
        f"It is {way} {where}."
    )


def _reach_sentence(book, alarms, tested) -> str:
    if not tested:
        return "The groups are too small to compare."
    if not alarms:
        of = f"Of {counted(len(tested), 'gap')} between groups, none is" if len(tested) > 1 else "The one gap is not"
        return f"{of} both clear and five points or more."
    worst = max(alarms, key=lambda r: abs(r["gap"]))
    verb = "is" if len(alarms) == 1 else "are"
    start = f"{len(alarms)} of {len(tested)} gaps {verb} clear and five points or more."
    return f"{start} The largest is this. {_gap_words(worst)}"


def _reach_notes(rows) -> list[str]:
    hidden = [f"{r['group']} ({r['label']})" for r in rows if r["gap"] is None]
    notes = [
        "Gap: group minus the largest group. 95% Newcombe interval. q: share of false alarms expected "
        "among gaps with "
        "this q or less (Benjamini-Hochberg). Months are added up, so people counted in several months "
        "count again."
    ]
    return notes + (
        [f"Too small to compare: {listed(hidden[:12])}{' and others' if len(hidden) > 12 else ''}."] if hidden else []
    )


def _gap_figure(book, tested):
    if not tested:
        return None
    drawn = sorted(tested, key=lambda r: (not _is_clear(r), -abs(r["gap"])))[:GAPS_DRAWN]
    bars = [
        charts_compare.Bar(
            f"{r['group']}: {r['label']}",
            100 * r["gap"],
            100 * r["low"],
            100 * r["high"],
            f"{100 * r['gap']:+.0f}".replace("-", "\N{MINUS SIGN}"),
            _is_clear(r),
        )
        for r in drawn
    ]
    top = drawn[0]
    way = "below" if top["gap"] < 0 else "above"
    title = f"{100 * abs(top['gap']):.0f} points, {top['group']} {way} {top['reference']}"
    title = f"The widest clear gap: {title}" if _is_clear(top) else f"No gap is clear. The widest: {title}"
    sheet = {
        "title": title,
        "subtitle": f"Gap to the largest group in percentage points, last {MONTHS_POOLED} months, 95% intervals",
        "note": f"Source: monthly indicators. {len(drawn)} of {counted(len(tested), 'gap')}: clear ones first, then "
        "the widest. Full dot: clear, the interval does not cross the line.",
        "stamp": book.stamp,
    }
    alt = f"Dot and interval chart. {title}. " + "; ".join(f"{b.label} {b.words} points" for b in bars) + "."
    return charts_compare.intervals(bars, sheet, alt, "percentage points", ((0.0, "no gap"),))
