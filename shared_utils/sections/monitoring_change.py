"""Monitoring over time: what needs attention (M0), each indicator's chart (M2), and outside events (M5)."""

import pandas as pd

from shared_utils.errors import EmiError
from shared_utils.sections import banner, charts_shape, charts_time, indicators
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import counted, listed, month, number, sentence

RULES = {1: "one month outside the limits", 2: "seven months in a row on one side of the middle",
         3: "seven months in a row up or down", 4: "two of three months close to the same limit"}
STATES = {"improvement": "improvement", "concern": "concern", "common_cause": "usual variation",
          "reliably_meets": "reliably meets it", "reliably_misses": "reliably misses it", "hit_and_miss": "hit and miss",
          "not_assessed": "too early to say"}
BEFORE = 6  # months compared with those of an event


@section("M0", "What needs attention this month?")
def attention(book) -> Section:
    """Latest value, target and state of every indicator."""
    found = indicators.load(book)
    rows = [_status(book, one) for one in found]
    count = lambda key, state: sum(r[key] == STATES[state] for r in rows)  # noqa: E731
    total = counted(len(rows), "indicator")
    text = (f"{number(count('variation', 'improvement'))} of {total} show improvement beyond normal variation, "
            f"{number(count('variation', 'concern'))} concern, {number(count('variation', 'common_cause'))} no change. "
            f"{number(count('assurance', 'reliably_meets')).capitalize()} reliably meet the target, "
            f"{number(count('assurance', 'reliably_misses'))} reliably miss it.")
    age, limit = banner.data_age(book), book.config.data.timeliness.stale_after_days
    if age is not None and age > limit:
        text = f"The data are {age} days old. {text}"
    missing = indicators.absent(book)
    notes = ["Placeholder targets are stand-ins until the city sets its own."] if any(
        r["target_source"] == "placeholder" for r in rows) else []
    notes += [f"No data for: {listed(missing)}."] if missing else []
    columns = [Column("label", "Indicator"), Column("period", "Month"), Column("latest", "Latest"),
               Column("target", "Target"), Column("target_source", "Target is"), Column("gap", "Gap"),
               Column("variation", "Change"), Column("assurance", "Target met"), Column("since", "Months since change"),
               Column("lag", "Days to arrive")]
    return Section("M0", "", sentence(text), figure=_icons(book, found, text), data={"rows": rows},
                   table=Table("Every indicator this month", columns, rows, notes=notes))


def _status(book, one) -> dict:
    row, spec = one.latest, one.spec
    show = indicators.may_show(row, book.rules)
    gap = one.shown(row["value"]) - spec.target
    side = "on target" if gap == 0 else "above target" if gap > 0 else "below target"
    since = _months_since_change(one)
    return {"label": spec.label, "period": f"{row['period']:%Y-%m}", "latest": one.text(row["value"]) if show else "*",
            "target": one.print(spec.target), "target_source": spec.target_source,
            "gap": f"{one.print(abs(gap))} {side}" if show else "*", "variation": STATES[one.variation],
            "assurance": STATES[one.assurance], "since": "" if since is None else str(since),
            "lag": str((row["received_at"] - indicators.month_end(row["period"])).days)}


def _months_since_change(one) -> int | None:
    """Months since the last month that hit a rule, None when none did."""
    if one.chart is None:
        return None
    hits = [i for i, rules in enumerate(one.chart.limits["rules"]) if len(rules)]
    return len(one.overall) - 1 - hits[-1] if hits else None


def _icons(book, found, text):
    rows = [(one.spec.label, one.text(one.latest["value"]) if indicators.may_show(one.latest, book.rules) else "*",
             one.variation, one.assurance) for one in found]
    title = text.split(". ")[-2 if text.startswith("The data") else 0].rstrip(".")
    sheet = {"title": sentence(title)[:-1], "subtitle": f"Latest month of each indicator, data up to {month(book.as_of)}",
             "note": "Source: monthly indicators. Diamond: better than usual or reliably on target. Square: worse. Circle: no "
                     "change. Dash: too early.", "stamp": book.stamp}
    alt = "Status list. " + "; ".join(f"{label}: {value}, {STATES[v]}, target {STATES[a]}" for label, value, v, a in rows) + "."
    return charts_shape.icons(rows, sheet, alt)


@section("M2", "Is each indicator changing or just varying?")
def charts(book) -> Section:
    """One control chart an indicator, with limits, rules that were hit and outside events."""
    found = indicators.load(book)
    sentences = [_change(one) for one in found]
    figures = [_control(book, one, words) for one, words in zip(found, sentences, strict=True)]
    rows = [_chart_row(one) for one in found]
    columns = [Column("label", "Indicator"), Column("kind", "Chart"), Column("centre", "Usual"), Column("limits", "Limits"),
               Column("base", "Months the limits rest on"), Column("hits", "What was found"), Column("trial", "Limits are")]
    notes = ["Rules: " + "; ".join(f"({k}) {words}" for k, words in RULES.items()) + ". Rule 3 alone calls for no action."]
    changed = [words for one, words in zip(found, sentences, strict=True) if one.variation in ("improvement", "concern")]
    calm = len(found) - len(changed)
    text = " ".join(f"{words}." for words in changed)
    if calm:
        text += f" {counted(calm, 'indicator').capitalize()} {'shows' if calm == 1 else 'show'} normal month-to-month variation"
        text += " or have too few months to tell."  if any(o.chart is None for o in found) else "."
    if any(one.chart is None or one.chart.trial for one in found):
        text += " Most limits are trial limits: an 18-month pilot rarely gives more than twelve clean months." if (
            sum(one.chart is None or one.chart.trial for one in found) > len(found) / 2) else ""
    return Section("M2", "", sentence(text), table=Table("Control charts in numbers", columns, rows, notes=notes),
                   figure=figures[0], more=tuple(figures[1:]))


def _change(one) -> str:
    """What an indicator's chart says, in one line."""
    label = one.spec.label
    if one.chart is None:
        return f"{label}: too few months to tell change from usual variation"
    first = first_signal(one)
    if one.variation not in ("improvement", "concern") or first is None:
        return f"{label}: normal month-to-month variation"
    when, rule, above = first
    good = "better" if one.variation == "improvement" else "worse"
    words = "rose above" if above else "fell below"
    return f"{label} {words} its usual range from {month(when)} (rule {rule}), which is {good}"


def first_signal(one) -> tuple | None:
    """(month, rule, above the middle?) where the last run of months that hit a rule other than 3 began."""
    limits = one.chart.limits
    hits = [[r for r in rules if r != 3] for rules in limits["rules"]]
    last = next((i for i in range(len(hits) - 1, -1, -1) if hits[i]), None)
    if last is None:
        return None
    start = last
    while start > 0 and hits[start - 1]:
        start -= 1
    above = bool(limits["value"].iloc[start] > limits["centre"].iloc[start])
    return one.overall["period"].iloc[start], min(hits[start]), above


def _control(book, one, words):
    frame = _drawn(one)
    row = one.latest
    kind = "run chart: no limits yet" if one.chart is None else f"{one.chart.kind} chart" + (
        ", trial limits" if one.chart.trial else "")
    base = row["denominator"]
    counts = f" {base:,.0f} {one.spec.denominator or ''} in {month(row['period'])}." if base == base and base >= book.rules.small_cell_min else ""
    sheet = {"title": words, "subtitle": f"{one.spec.label}, {one.spec.unit}, by month; {kind}",
             "note": f"Source: {one.spec.source}.{counts} Lines: usual value and limits; hollow: outside event, not counted.",
             "stamp": book.stamp}
    alt = f"Line chart. {words}. Latest: {one.text(row['value'])} in {month(row['period'])}; target {one.print(one.spec.target)}."
    return charts_time.control(frame, sheet, alt, one.spec.target, indicators.bands(book), one.variation, one.spec.unit,
                               one.print)


def _drawn(one) -> pd.DataFrame:
    """The series in shown units with its limits; a run chart has none."""
    frame = pd.DataFrame({"period": one.overall["period"], "value": one.overall["value"].astype(float) * one.per,
                          "centre": float("nan"), "lower": float("nan"), "upper": float("nan"), "excluded": one.excluded})
    frame["rules"] = [[] for _ in range(len(frame))]
    if one.chart is not None:
        for column in ("centre", "lower", "upper"):
            frame[column] = one.chart.limits[column].to_numpy(float) * one.per
        frame["rules"] = list(one.chart.limits["rules"])
    return frame


def _chart_row(one) -> dict:
    if one.chart is None:
        return {"label": one.spec.label, "kind": "run chart", "hits": f"fewer than {indicators.MIN_POINTS} usable months",
                "trial": "none yet", "centre": "", "limits": "", "base": ""}
    last, found = one.chart.limits.iloc[-1], []
    for rule in sorted(one.chart.rules_hit):
        months = [p for p, rules in zip(one.overall["period"], one.chart.limits["rules"], strict=True) if rule in rules]
        found.append(f"rule {rule}: {months[0]:%Y-%m}" + (f" to {months[-1]:%Y-%m}" if len(months) > 1 else ""))
    return {"label": one.spec.label, "kind": one.chart.kind, "centre": one.text(last["centre"]),
            "limits": f"{one.text(last['lower'])} to {one.text(last['upper'])}", "base": str(one.chart.n_baseline),
            "hits": listed(found) or "nothing unusual", "trial": "trial" if one.chart.trial else "locked"}


@section("M5", "What did COVID and other events change?")
def events(book) -> Section:
    """Each indicator before and during each outside event."""
    calendar = indicators.windows(book)
    if not calendar:
        raise EmiError("city.yml lists no outside events", "List them under events.")
    found = indicators.load(book)
    rows = [row for start, end, label in calendar for one in found if (row := _before_after(one, start, end, label))]
    if not rows:
        raise EmiError("no indicator has months both before and during an outside event")
    biggest = max(rows, key=lambda r: abs(r["ratio"] - 1))
    way = "fell" if biggest["ratio"] < 1 else "rose"
    text = (f"From {month(biggest['start'])} \"{biggest['label']}\" {way} to {100 * biggest['ratio']:.0f}% of its earlier level. "
            f"This came with an outside event ({biggest['event']}), not the pilot. Its months do not count as improvement or "
            "concern." if biggest["excluded"] else
            f"From {month(biggest['start'])} \"{biggest['label']}\" {way} to {100 * biggest['ratio']:.0f}% of its earlier level. "
            f"This came with an outside event ({biggest['event']}), not the pilot.")
    columns = [Column("event", "Event"), Column("first", "First month"), Column("label", "Indicator"),
               Column("before", f"Mean of {BEFORE} months before"), Column("after", "Mean since"),
               Column("change", "Of earlier level")]
    one = next(o for o in found if o.spec.label == biggest["label"])
    title = f"{one.spec.label} {way} to {100 * biggest['ratio']:.0f}% of its earlier level from {month(biggest['start'])}"
    return Section("M5", "", sentence(text), figure=_control(book, one, title),
                   table=Table("Before and during each event", columns, rows,
                               notes=["Means of months; small counts are left out."]))


def _before_after(one, start, end, label) -> dict | None:
    rows = one.overall
    before = rows.loc[rows["period"] < start, "value"].tail(BEFORE).mean()
    after = rows.loc[rows["period"].between(start, end), "value"].mean()
    if before != before or after != after or before == 0:
        return None
    return {"event": label, "first": f"{start:%Y-%m}", "start": start, "label": one.spec.label, "before": one.text(before),
            "after": one.text(after), "ratio": after / before, "change": f"{100 * after / before:.0f}%",
            "excluded": any(start == s for s, _, _ in one.events)}
