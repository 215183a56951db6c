"""The analyses that a plan lists beside the main one: those of city.yml, else those of the design's module.

Each is a call of `designs.estimate` with one thing changed (designs/_robustness.py). What a design knows by
itself stands in its module; here is what only a city's settings or files can say.
"""

import pandas as pd

from shared_utils import designs
from shared_utils.designs import Specification, panel_did
from shared_utils.sections import analysis

ESTIMATORS = {
    "synthetic_did": "synthetic difference-in-differences",
    "synthetic_control": "synthetic control",
    "interrupted_time_series": "interrupted time series of the pilot places",
}


def listed(book) -> list[Specification] | None:
    """The plan's own list; None where city.yml names none, so that the design's module lists them."""
    kind = book.config.design.type
    own = [_MAKERS[kind](book, entry) for entry in getattr(book.config.design, "sensitivity", [])]
    if own:
        return own
    more = [*_late(book), *_before_events(book)]
    planned = analysis.design(book, book.config.primary.id, draws=0)
    return [*designs.specifications(book.study.frame, planned), *more] if more else None


def _late(book) -> list[Specification]:
    """Leave out people who applied outside the plan's enrolment window (pilots.md 5.3, rct_individual)."""
    window = getattr(book.config.design, "enrollment_window", None)
    frame = book.study.frame
    if window is None or "application_date" not in frame:
        return []
    first, last = pd.Timestamp(window.start), pd.Timestamp(window.end)
    inside = frame["application_date"].between(first, last)
    if inside.all():
        return []
    return [Specification("in_window", "people who applied within the enrollment window", _rows(inside))]


def _before_events(book) -> list[Specification]:
    """A roll-out by month: outcomes only up to an event that struck all places (pilots.md 1.3)."""
    if book.config.design.type != "did_staggered":
        return []
    months = book.study.frame[book.study.period]
    struck = [event for event in book.config.events if event.first_affected_month]
    return [
        Specification(f"before_{event.id}", f"outcomes before {event.first_affected_month}", _rows(months < first))
        for event in struck
        if months.min() < (first := pd.Timestamp(event.first_affected_month)) <= months.max()
    ]


def _rows(keep: pd.Series):
    return lambda frame, design: (frame[keep.reindex(frame.index, fill_value=False)], design)


def _panel(book, entry) -> Specification:
    """One entry of design.sensitivity of a panel: another window, date, estimator, or fewer places."""

    def change(frame, design):
        if entry.post_window or entry.adoption_date:
            frame, design = _moved(book, entry), design
        if entry.exclude_attribute:
            frame = frame[frame[entry.exclude_attribute].astype(float) != 1]
        if entry.unit_trends:
            design = {**design, "options": {**(design.get("options") or {}), "unit_trends": True}}
        if entry.estimator:
            return panel_did.ESTIMATORS[entry.estimator](frame, design)
        return frame, design

    placebo = entry.adoption_date is not None and entry.adoption_date < book.config.design.adoption_date
    return Specification(entry.id, _panel_words(entry), change, kind="placebo" if placebo else "choice")


def _moved(book, entry) -> pd.DataFrame:
    """The panel over another window, or with the pilot starting at another date."""
    planned, frame = book.config.design, book.study.whole
    last = (entry.post_window or planned.post_window).end
    frame = frame[frame[book.study.period].between(pd.Timestamp(planned.pre_window.start), pd.Timestamp(last))]
    if entry.adoption_date is None:
        return frame
    started = frame[book.study.period] >= pd.Timestamp(entry.adoption_date)
    return frame.assign(treatment=((frame[book.study.arm] == book.study.labels[0]) & started).astype(int))


def _panel_words(entry) -> str:
    words = []
    if entry.estimator:
        words.append(ESTIMATORS[entry.estimator])
    if entry.unit_trends:
        words.append("a trend of its own for each place")
    if entry.exclude_attribute:
        words.append(f"without places marked '{entry.exclude_attribute.replace('_', ' ')}'")
    if entry.adoption_date:
        words.append(f"as if the pilot had started in {entry.adoption_date:%Y-%m}")
    elif entry.post_window:
        words.append(f"outcomes up to {entry.post_window.end}")
    return ", ".join(words)


def _cutoff(book, entry) -> Specification:
    """One entry of design.sensitivity of a discontinuity: another fit, window or cutoff."""

    def change(frame, design):
        said = {"p": entry.poly, "kernel": entry.kernel, "donut": entry.donut}
        if entry.window is not None:
            said |= {"estimator": "local_randomization", "window": max(map(abs, entry.window))}
        chosen = {name: value for name, value in said.items() if value is not None}
        design = {**design, "options": {**(design.get("options") or {}), **chosen}}
        if entry.covariate_adjust is not None:
            design["covariates"] = entry.covariate_adjust
        if entry.cutoff is not None:
            eligible = frame[book.study.arm] == book.study.labels[0]
            below = eligible if design["treated_side"].endswith("below") else ~eligible
            frame = frame[below if entry.side == "below_only" else ~below]
            design = {**design, "cutoff": entry.cutoff}
        return frame, design

    return Specification(entry.id, _cutoff_words(entry), change, kind="choice" if entry.cutoff is None else "placebo")


def _cutoff_words(entry) -> str:
    words = []
    if entry.poly:
        words.append({1: "straight lines", 2: "quadratic curves"}.get(entry.poly, f"curves of order {entry.poly}"))
    if entry.kernel:
        words.append(f"{entry.kernel} weights")
    if entry.donut is not None:
        words.append(f"without those within {entry.donut:g} of the limit")
    if entry.covariate_adjust is not None:
        words.append("other covariates" if entry.covariate_adjust else "without covariates")
    if entry.window is not None:
        words.append(f"only those within {max(map(abs, entry.window)):g} of the limit, as if drawn by lot")
    if entry.cutoff is not None:
        words.append(f"as if the limit were {entry.cutoff:g}")
    return ", ".join(words)


_MAKERS = {"panel_did": _panel, "rd": _cutoff}
