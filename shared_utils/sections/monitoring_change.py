"""Monitoring over time: what needs attention (M0), and each indicator's chart (M2)."""

import re

import pandas as pd

from shared_utils.sections import banner, charts_shape, charts_time, indicators
from shared_utils.sections.numbers import is_missing
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import counted, listed, month, number, people, sentence, shows
from shared_utils.stats import spc

RULES = {
    1: "one month outside the limits",
    2: "seven months in a row on one side of the middle",
    3: "seven months in a row up or down",
    4: "two of three months close to the same limit",
}
STATES = {
    "improvement": "improvement",
    "concern": "concern",
    "common_cause": "usual variation",
    "reliably_meets": "reliably meets it",
    "reliably_misses": "reliably misses it",
    "hit_and_miss": "hit and miss",
    "not_assessed": "too early to say",
}
CHANGES = {
    "improvement": "a change for the better",
    "concern": "concern",
    "common_cause": "no change",
}
TARGETS = {
    "reliably_meets": "a reliable hit",
    "reliably_misses": "a reliable miss",
    "hit_and_miss": "hits and misses",
}
KINDS = {"p": "p", "p_prime": "p-prime", "u": "u", "u_prime": "u-prime", "xmr": "XmR"}


@section("M0", "What needs attention this month?")
def attention(book) -> Section:
    """Latest value, target and state of every indicator."""
    found = indicators.load(book)
    rows = [_status(book, one) for one in found]
    start = f"of {counted(len(rows), 'indicator')}, " if len(rows) > 1 else "there is one indicator. "
    text = f"{start}{_counts(rows, 'variation', CHANGES)} Against the target, {_counts(rows, 'assurance', TARGETS)}"
    age, limit = banner.data_age(book), book.config.data.timeliness.stale_after_days
    if age is not None and age > limit:
        text = f"The data are {age} days old. {sentence(text)}"
    missing = indicators.absent(book)
    notes = (
        ["Placeholder targets are stand-ins until the city sets its own."]
        if any(r["target_source"] == "placeholder" for r in rows)
        else []
    )
    if any(one.excluded[-1] for one in found):
        notes.append("Change is judged on the last month outside an event, since months inside one do not count.")
    notes += [f"No data for: {listed(missing)}."] if missing else []
    columns = [
        Column("label", "Indicator"),
        Column("period", "Month"),
        Column("latest", "Latest"),
        Column("target", "Target"),
        Column("target_source", "Target is"),
        Column("gap", "Gap"),
        Column("variation", "Change"),
        Column("assurance", "Target met"),
        Column("since", "Months since change"),
        Column("lag", "Days to arrive"),
    ]
    return Section(
        sentence(text),
        figure=_icons(book, found, rows),
        data={"rows": rows},
        table=Table("Every indicator this month", columns, rows, notes=notes),
    )


def _counts(rows, key: str, words: dict) -> str:
    """Say "one shows improvement. None shows concern. Four show no change." """
    states = [row[key] for row in rows]
    found = [shows(states.count(STATES[state]), what) for state, what in words.items()]
    early = states.count(STATES["not_assessed"])
    first, *more = found + ([f"for {number(early)} it is too early to say"] if early else [])
    return " ".join([f"{first}.", *(sentence(part) for part in more)])


def _status(book, one) -> dict:
    row, spec = one.latest, one.spec
    show = indicators.may_show(row, book.rules)
    since = _months_since_change(one)
    return {
        "label": spec.label,
        "period": f"{row['period']:%Y-%m}",
        "latest": one.text(row["value"]) if show else "*",
        "target": one.print(spec.target),
        "target_source": spec.target_source,
        "gap": _from_target(one) if show else "*",
        "variation": STATES[one.variation],
        "assurance": STATES[one.assurance],
        "since": "" if since is None else str(since),
        "lag": str((row["received_at"] - indicators.month_end(row["period"])).days),
    }


def _from_target(one) -> str:
    """How far the latest value is from the target, "on target" where that rounds to nothing. Percentages differ by
    points: 40% is 20 points, and not 20%, below 60%."""
    gap = one.shown(one.latest["value"]) - one.spec.target
    size = one.print(abs(gap)).replace("%", " points")
    if not re.search("[1-9]", size):
        return "on target"
    return f"{'1 point' if size == '1 points' else size} {'above' if gap > 0 else 'below'} target"


def _months_since_change(one) -> int | None:
    """Months since the last month that hit rule 1, 2 or 4, None when none did."""
    if one.chart is None:
        return None
    hits = [i for i, rules in enumerate(one.chart.limits["rules"]) if set(rules) - {3}]
    return len(one.overall) - 1 - hits[-1] if hits else None


def _icons(book, found, status):
    rows = [
        (
            one.spec.label,
            one.text(one.latest["value"]) if indicators.may_show(one.latest, book.rules) else "*",
            one.variation,
            one.assurance,
        )
        for one in found
    ]
    states = [row["variation"] for row in status]
    better, worse = states.count("improvement"), states.count("concern")
    title = f"{shows(better, 'improvement')}, {shows(worse, 'concern')}".capitalize()
    if not better + worse:
        title = "No indicator is beyond its normal variation"
    sheet = {
        "title": title,
        "subtitle": f"Latest month of each indicator, data up to {month(book.as_of)}",
        "note": "Source: monthly indicators. Diamond: better than usual or reliably on target. Square: "
        "worse. Circle: no "
        "change. Dash: too early.",
        "stamp": book.stamp,
    }
    alt = (
        "Status list. "
        + "; ".join(f"{label}: {value}, {STATES[v]}, target {STATES[a]}" for label, value, v, a in rows)
        + "."
    )
    return charts_shape.icons(rows, sheet, alt)


@section("M2", "Is each indicator changing or just varying?")
def charts(book) -> Section:
    """One control chart an indicator, with limits, rules that were hit and outside events."""
    found = indicators.load(book)
    sentences = [_change(one) for one in found]
    figures = [control(book, one, words) for one, words in zip(found, sentences, strict=True)]
    rows = [_chart_row(one) for one in found]
    columns = [
        Column("label", "Indicator"),
        Column("kind", "Chart"),
        Column("centre", "Usual"),
        Column("limits", "Limits"),
        Column("base", "Months the limits rest on"),
        Column("hits", "What was found"),
        Column("trial", "Limits are"),
    ]
    notes = [
        "Rules: " + "; ".join(f"({k}) {words}" for k, words in RULES.items()) + ". Rule 3 alone calls for no action."
    ]
    notes += _new_limits(book, found)
    calm = [words for words in sentences if words.endswith(("normal month-to-month variation", "usual variation"))]
    text = " ".join(f"{words}." for words in sentences if words not in calm)
    if calm:
        text += f" {_calm_words(len(calm), any(one.chart is None for one in found))}"
    if sum(one.chart is None or one.chart.trial for one in found) > len(found) / 2:
        text += " Most limits are trial limits: an 18-month pilot rarely gives more than twelve clean months."
    return Section(
        sentence(text),
        table=Table("Control charts in numbers", columns, rows, notes=notes),
        figure=figures[0],
        more=tuple(figures[1:]),
    )


def _calm_words(n: int, few: bool) -> str:
    """Indicators that give no signal; `few`: some have too few months to give one."""
    move, have = ("moves", "has") if n == 1 else ("move", "have")
    more = f", or {have} too few months to tell" if few else ""
    return f"{counted(n, 'indicator').capitalize()} {move} as usual from month to month{more}."


def _new_limits(book, found) -> list[str]:
    """What city.yml asks for new limits, on whose word, and where they were made."""
    notes = []
    for event in book.config.events:
        if not event.rebase_spc:
            continue
        start = indicators.first_month(event)
        moved = [one.spec.label for one in found if one.chart and start in one.rebased]
        what = f"New limits from {month(start)} for {listed(moved)}"
        why_not = f"No new limits from {month(start)}: no indicator then ran for seven months on one side of its middle"
        notes.append(f"{what if moved else why_not}. {event.rebase_reason} ({event.rebase_role}).")
    return notes


def _change(one) -> str:
    """What an indicator's chart says, in one line: a present signal, a past one, a trend alone, or
    nothing unusual."""
    label = one.spec.label
    if one.chart is None:
        return f"{label}: too few months to tell change from usual variation"
    first = first_signal(one)
    if first is not None:
        when, rule, above = first
        words = "rose above" if above else "fell below"
        good = "better" if one.variation == "improvement" else "worse"
        return f"{label} {words} its usual range from {month(when)} (rule {rule}). This is {good}"
    past = past_signals(one)
    if past:
        months, rule, above = past
        words = "above" if above else "below"
        return f"{label} was {words} its usual range {months} (rule {rule}). It is back to normal"
    if 3 in one.chart.rules_hit:
        return f"{label} moved one way for seven months (rule 3). This alone calls for no action"
    return f"{label}: normal month-to-month variation"


def past_signals(one) -> tuple | None:
    """("in May 2019", rule, above the middle?) of the last months of the pilot that hit rule 1, 2 or 4."""
    limits, periods = one.chart.limits, one.overall["period"]
    hits = [i for i, rules in enumerate(limits["rules"]) if set(rules) - {3} and not limits["excluded"].iloc[i]]
    if not hits or periods.iloc[hits[-1]] < one.since:
        return None
    start = end = hits[-1]
    while start - 1 in hits:
        start -= 1
    above = bool(limits["value"].iloc[end] > limits["centre"].iloc[end])
    months = f"in {month(periods.iloc[start])}"
    if end > start:
        months = f"from {month(periods.iloc[start])} to {month(periods.iloc[end])}"
    return months, min(set(limits["rules"].iloc[start]) - {3}), above


def first_signal(one) -> tuple | None:
    """(month, rule, above the middle?) where the signal of the last usable month began.

    Rule 3 alone is no signal. The run goes back over months that hit a rule on the same side.
    """
    limits = one.chart.limits
    usable = (~limits["excluded"].astype(bool) & limits["value"].notna()).to_numpy()
    above = (limits["value"] > limits["centre"]).to_numpy()
    hits = [usable[i] and bool(set(rules) - {3}) for i, rules in enumerate(limits["rules"])]
    last = max((i for i in range(len(usable)) if usable[i]), default=None)
    if last is None or not hits[last]:
        return None
    start = last
    while start > 0 and hits[start - 1] and above[start - 1] == above[last]:
        start -= 1
    return one.overall["period"].iloc[start], min(set(limits["rules"].iloc[start]) - {3}), bool(above[last])


def control(book, one, words):
    """The control chart of one indicator; `words` is its headline."""
    frame = _drawn(one, book.rules)
    row = one.latest
    kind = (
        "run chart: no limits yet"
        if one.chart is None
        else f"{KINDS[one.chart.kind]} chart" + (", trial limits" if one.chart.trial else "")
    )
    base = row["denominator"]
    counts = ""
    if not is_missing(base) and base >= book.rules.small_cell_min:
        counts = f" {month(row['period'])}: {people(base, book.rules, one.spec.denominator or '')}."
    sheet = {
        "title": words,
        "subtitle": f"{one.spec.label}, {one.spec.unit}, by month; {kind}",
        "note": f"Source: {one.spec.source}.{counts} Lines: usual value and limits; hollow: outside "
        "event, not counted.",
        "stamp": book.stamp,
    }
    latest = one.text(row["value"]) if indicators.may_show(row, book.rules) else "hidden (too few people)"
    alt = f"Line chart. {words}. Latest: {latest} in {month(row['period'])}; target {one.print(one.spec.target)}."
    return charts_time.control(
        frame,
        sheet,
        alt,
        one.spec.target,
        indicators.bands(book),
        one.variation,
        one.spec.unit,
        one.print,
        one.redefined,
    )


def _drawn(one, rules) -> pd.DataFrame:
    """The series in shown units with its limits; a run chart has none. Few people in a month: no point."""
    told = indicators.told(one.overall, rules)
    frame = pd.DataFrame(
        {
            "period": one.overall["period"],
            "value": (one.overall["value"].astype(float) * one.per).where(told),
            "centre": float("nan"),
            "lower": float("nan"),
            "upper": float("nan"),
            "excluded": one.excluded,
        }
    )
    frame["rules"] = [[] for _ in range(len(frame))]
    frame["phase"] = [sum(row >= start for start in one.rebased.values()) for row in range(len(frame))]
    if one.chart is not None:
        for column in ("centre", "lower", "upper"):
            frame[column] = one.chart.limits[column].to_numpy(float) * one.per
        frame["rules"] = list(one.chart.limits["rules"])
    return frame


def _chart_row(one) -> dict:
    if one.chart is None:
        return {
            "label": one.spec.label,
            "kind": "run chart",
            "hits": f"fewer than {spc.MIN_POINTS} usable months",
            "trial": "none yet",
            "centre": "",
            "limits": "",
            "base": "",
        }
    last, found = one.chart.limits.iloc[-1], []
    for rule in sorted(one.chart.rules_hit):
        months = [p for p, rules in zip(one.overall["period"], one.chart.limits["rules"], strict=True) if rule in rules]
        found.append(f"rule {rule}: {months[0]:%Y-%m}" + (f" to {months[-1]:%Y-%m}" if len(months) > 1 else ""))
    return {
        "label": one.spec.label,
        "kind": KINDS[one.chart.kind],
        "centre": one.text(last["centre"]),
        "limits": "" if is_missing(last["centre"]) else f"{one.text(last['lower'])} to {one.text(last['upper'])}",
        "base": str(one.chart.n_baseline),
        "hits": listed(found) or "nothing unusual",
        "trial": "trial" if one.chart.trial else "locked",
    }
