"""Impact, the picture that each design owes its reader beside the estimate (I4)."""

import math

import numpy as np

from shared_utils import designs, disclosure
from shared_utils.designs import time_to_event
from shared_utils.sections import analysis, charts_effect
from shared_utils.sections.wording import listed, plainly

ENDS = {"value": "value", "low": "ci_low", "high": "ci_high"}
PER_BIN = 30  # people behind a dot of the discontinuity plot, where there are enough


def of_design(book, rows: list[dict], row: dict) -> tuple:
    """The design's own figures: none where the interval says it all."""
    maker = MAKERS.get(book.config.design.type)
    made = maker(book, rows, row) if maker else None
    return () if made is None else (made,)


def _sheet(book, title: str, subtitle: str, note: str) -> dict:
    return {
        "title": title,
        "subtitle": subtitle,
        "note": f"Source: {analysis.source(book)}. {note}",
        "stamp": book.stamp,
    }


def _events(book, rows, row):
    """Effects by months since the start, with the simultaneous band."""
    found = sorted((r for r in rows if r["role"] == "event_time"), key=lambda r: r["event_time"])
    if not found:
        return None
    unit = analysis.scale(book)
    shown = [
        {"at": int(r["event_time"]), **{name: unit.shown(r[key]) for name, key in ENDS.items()},
         "band_low": _shown(unit, r.get("ci_low_adjusted")), "band_high": _shown(unit, r.get("ci_high_adjusted"))}
        for r in found
    ]  # fmt: skip
    before = [r for r in shown if r["at"] < 0]
    inside = all((r["band_low"] or r["low"]) <= 0 <= (r["band_high"] or r["high"]) for r in before)
    title = "The effect by time since the start"
    if before:
        title = f"Before the start the groups {'moved alike, within chance' if inside else 'did not always move alike'}"
    note = "Bars: 95% intervals. Shaded: band that holds for all at once. The period before the start is the base."
    alt = f"Event study. {title}. " + " ".join(
        f"{r['at']:+d}: {unit.text(e['value'], e['se'], book.rules)}." for r, e in zip(shown, found, strict=True)
    )
    step = {"quarter": "quarters", "year": "years"}.get(getattr(book.config.design, "period", "month"), "months")
    sheet = _sheet(book, title, f"{book.config.primary.label}: effect in {unit.unit} by {step} since the start", note)
    return charts_effect.events(shown, sheet, alt, unit.unit, step)


def _shown(unit, value):
    return None if value is None else unit.shown(value)


def _jump(book, rows, row):
    """Means of groups of at least 11 people along the running variable, within twice the bandwidth."""
    study, outcome = book.study, book.config.primary
    running, cutoff = study.design["running"], study.design["cutoff"]
    frame = study.frame[[running, outcome.id, study.arm]].dropna()
    x, y = frame[running].to_numpy(float), frame[outcome.id].to_numpy(float)
    treated = (frame[study.arm] == study.labels[0]).to_numpy()
    near = np.abs(x - cutoff) <= 2 * row["bandwidth"]
    bins, lines = [], []
    for side in (treated, ~treated):
        bins += _bins(x[near & side], y[near & side], book.rules)
        lines.append(_line(x[side], y[side], cutoff, row["bandwidth"]))
    if not bins:
        return None
    unit = analysis.scale(book)
    factor = 100 if unit.name == "prob_diff" else 1
    bins = [(a, factor * b) for a, b in bins]
    lines = [[(a, factor * b) for a, b in line] for line in lines]
    ends = sorted(line[0][1] for line in lines)
    title = f"The step at the limit: {outcome.label[:1].lower()}{outcome.label[1:]}"
    note = f"Each dot: at least {book.rules.small_cell_min} people. Lines: local linear fits within the bandwidth."
    alt = (
        f"Dots along {plainly(running)} with a line on each side of the limit at {cutoff:g}. {title}: the lines meet "
        f"the limit at {ends[0]:,.0f} and {ends[1]:,.0f}."
    )
    sheet = _sheet(book, title, f"Mean by {plainly(running)}, near the limit", note)
    level = "percent" if factor == 100 else unit.unit
    return charts_effect.jump(bins, lines, cutoff, sheet, alt, (plainly(running), level))


def _bins(x, y, rules) -> list[tuple[float, float]]:
    """(mean x, mean y) of neighbours along x, each backed by enough people, and telling of no small group."""
    if len(x) < rules.small_cell_min:
        return []
    order = np.argsort(x, kind="stable")
    size = max(rules.small_cell_min, min(PER_BIN, len(x) // 6 or len(x)))
    parts = np.array_split(order, max(1, len(x) // size))
    share = np.isin(y, (0.0, 1.0)).all()
    kept = [p for p in parts if not share or disclosure.shows_group(int(y[p].sum()), len(p), rules)]
    return [(float(x[p].mean()), float(y[p].mean())) for p in kept]


def _line(x, y, cutoff: float, h: float) -> list[tuple[float, float]]:
    """The local linear fit of one side: from the limit to the end of the bandwidth."""
    inside = np.abs(x - cutoff) < h
    weights = np.sqrt(1 - np.abs(x[inside] - cutoff) / h)
    design = np.column_stack([np.ones(inside.sum()), x[inside] - cutoff])
    start, slope = np.linalg.lstsq(design * weights[:, None], y[inside] * weights, rcond=None)[0]
    way = math.copysign(h, float(np.mean(x[inside]) - cutoff))
    return [(cutoff, float(start)), (cutoff + way, float(start + slope * way))]


def _twin(book, rows, row):
    """What was seen and what its twin, or its own past, would have led to."""
    module = designs.REGISTRY[book.config.design.type]
    outcome, unit = book.config.primary, analysis.scale(book)
    found = module.paths(book.study.frame, analysis.design(book, outcome.id, draws=0))
    factor = 100 if unit.name == "prob_diff" else unit.per
    seen, expected = (factor * found[name].to_numpy() for name in ("seen", "expected"))
    own = book.config.design.type == "interrupted_time_series"
    start = int(found["after"].to_numpy().argmax())
    title = "Seen, and expected from its own past" if own else "Seen, and its twin made of other places"
    words = ("seen", "expected") if own else ("seen", "twin")
    note = (
        "Dashed: the trend and seasons before the start, carried on."
        if own
        else "Dashed: the weighted mix of other places."
    )
    alt = (f"Line chart from {found['period'].iloc[0]} to {found['period'].iloc[-1]}. {title}: at the end "
           f"{seen[-1]:,.3g} and {expected[-1]:,.3g}.")  # fmt: skip
    level = "percent" if unit.name == "prob_diff" else unit.level or unit.unit
    measured = outcome.label if level in outcome.label else f"{outcome.label}, {level}"
    sheet = _sheet(book, title, f"{measured}, by period", note)
    return charts_effect.twin(found["period"].tolist(), seen, expected, start, sheet, alt, words)


def _waiting(book, rows, row):
    """Share still without the event, by group; each curve ends where fewer than 11 people are left."""
    found = time_to_event.curves(book.study.frame, analysis.design(book, book.config.primary.id, draws=0))
    found = found[found["at_risk"] >= book.rules.small_cell_min]
    curves = [
        (analysis.arm_name(book, label), part["time"].tolist(), part["without"].tolist())
        for label, part in found.groupby("group", sort=False)
    ]
    label = book.config.primary.label
    title = f"How long until: {label[:1].lower()}{label[1:]}"
    ends = [f"{name}: {100 * shares[-1]:.0f} in 100 after {times[-1]:.0f}" for name, times, shares in curves]
    note = "Curves end where fewer than 11 people are left. At the end, still without: " + listed(ends) + "."
    alt = f"Falling step curves of the share still without the event. {listed(ends)}."
    sheet = _sheet(
        book, title, f"Percent still without the event, by time since the start, {book.study.unit_label}", note
    )
    return charts_effect.waiting(curves, sheet, alt, ("time since the start, in units of the duration", "percent"))


MAKERS = {
    "did_staggered": _events,
    "panel_did": _events,
    "rd": _jump,
    "synthetic_control": _twin,
    "interrupted_time_series": _twin,
    "time_to_event": _waiting,
}
