"""Figures over time: control charts, counts against a plan, and the dates of a plan."""

from datetime import timedelta

from matplotlib import dates, rc_context
from matplotlib.ticker import MaxNLocator

from shared_utils.sections.figures import (
    BAND,
    BLUE,
    GREY,
    LINE,
    MUTED,
    ORANGE,
    PAPER,
    STYLE,
    TARGET,
    TEAL,
    WIDTH,
    Figure,
    Sheet,
    text_width,
)

SIGNALS = {"improvement": ("D", TEAL), "concern": ("s", ORANGE)}
LONG = 1000  # days of an axis on which every third month would be named too closely
STOREY = 0.38  # inches that a label of a date takes, above or below the line
AROUND = 0.14  # room beside the first and the last date, in shares of the time between them
GAP = 0.13  # least distance of two words at the right end, in shares of the height


def control(
    frame, sheet: dict, alt: str, target: float | None, events, signal: str, unit: str, text, redefined=None
) -> Figure:
    """One indicator month by month with its centre line and limits.

    frame   period, value, centre, lower, upper, excluded (bool), rules (list of rule numbers hit), phase (new with new
            limits)
    events  [(start, end, label)]: shaded; months inside do not count
    signal  improvement, concern or common_cause: how months that hit a rule are drawn
    text    function that prints a value of this indicator
    redefined  first period of a new definition: the line breaks there, since older values count another thing
    """
    page = Sheet(**sheet, height=1.75, left=0.62, right=1.15, below=0.42)
    ax, ends = page.ax, []
    with rc_context(STYLE):
        _shade(ax, events, frame["period"])
        for _, part in frame.groupby("phase"):
            for column in ("lower", "upper"):
                ax.plot(part["period"], part[column], color=GREY, lw=1, zorder=2)
            ax.plot(part["period"], part["centre"], color=GREY, lw=1, ls=(0, (6, 3)), zorder=2)
        for part in _parts(frame, redefined):
            ax.plot(part["period"], part["value"], color=BLUE, lw=1.4, zorder=3)
        if redefined is not None:
            ax.axvline(redefined, color=MUTED, lw=1, ls=(0, (1, 2)))
            ax.annotate("new definition", (redefined, 0), xycoords=("data", "axes fraction"), xytext=(3, 3),
                        textcoords="offset points", fontsize=8, color=MUTED)  # fmt: skip
        _points(ax, frame, signal)
        centre = frame["centre"].dropna()
        if len(centre):
            ends.append((centre.iloc[-1], f"usual {text(centre.iloc[-1])}", MUTED))
        if target is not None:
            ax.axhline(target, color=TARGET, lw=1.3, ls=(0, (4, 3)), zorder=2)
            ends.append((target, f"target {text(target)}", TARGET))
        _limit_height(ax, frame, target)
        _words_at_right(ax, ends)
        _months(ax)
        ax.set_ylabel(unit, fontsize=8.5)
    return page.done(alt)


def fan(known, months, made, sheet: dict, alt: str, target: tuple | None, unit: str, words: str) -> Figure:
    """Known months as a line, then the median and the 80 % band of the months to come.

    known   period, value; months: periods to come; made: (low, median, high), one value a month to come each
    target  (value, label) or None; words: what stands at the end of the median
    """
    page = Sheet(**sheet, height=1.75, left=0.62, right=1.25, below=0.42)
    ax, (low, median, high) = page.ax, made
    with rc_context(STYLE):
        ax.plot(known["period"], known["value"], "o-", color=BLUE, lw=1.4, ms=4, zorder=3)
        ax.fill_between(months, low, high, color=LINE, zorder=1)
        ax.plot(months, median, "o", ls=(0, (4, 2)), color=BLUE, mfc="white", lw=1.4, ms=4, zorder=3)
        ends = [(median[-1], words, BLUE)]
        if target:
            ax.axhline(target[0], color=TARGET, lw=1.3, ls=(0, (4, 3)), zorder=2)
            ends.append((*target, TARGET))
        _room([*known["value"].dropna(), *low, *high, *(value for value, _, _ in ends)], ax)
        _words_at_right(ax, ends)
        _months(ax)
        ax.set_ylabel(unit, fontsize=8.5)
    return page.done(alt)


def cumulative(periods, counts, today, sheet: dict, alt: str, words: str, plan: tuple | None = None) -> Figure:
    """Cumulative counts by month, the last one up to `today`. `words` names it at the right end; `plan` is (start, end,
    number): a line from none at the start to the number at the end."""
    page = Sheet(**sheet, height=1.6, left=0.62, right=0.9, below=0.42)
    ax = page.ax
    with rc_context(STYLE):
        ax.step([*periods, today], [*counts, counts[-1]], where="post", color=BLUE, lw=2.2, zorder=3)
        ax.plot(periods, counts, "o", color=BLUE, ms=4)
        ends = [(counts[-1], words, BLUE)]
        if plan:
            start, end, number = plan
            ax.plot([start, end], [0, number], color=TARGET, lw=1.3, ls=(0, (4, 3)), zorder=2)
            ends.append((number, f"plan {number:,}", TARGET))
        ax.set_ylim(0, 1.12 * max(value for value, _, _ in [*ends, (max(counts), "", "")]))
        _words_at_right(ax, ends)
        _months(ax, short=1)
        ax.grid(axis="y")
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    return page.done(alt)


def timeline(points: list[tuple], sheet: dict, alt: str, today) -> Figure:
    """Dates on one line, [(date, label)]; a full dot is past, an empty one is still to come."""
    points, margin = sorted(points), 0.35
    storeys = _storeys(points, WIDTH - 2 * margin)
    page = Sheet(**sheet, height=0.54 + 2 * STOREY * (1 + max(storeys)), left=margin, right=margin, below=0.1)
    ax = page.ax
    with rc_context(STYLE):
        ax.axhline(0, color=GREY, lw=2, zorder=1)
        for i, ((day, label), storey) in enumerate(zip(points, storeys, strict=True)):
            side = 1 if i % 2 == 0 else -1
            ax.plot([day], [0], "o", ms=9, color=BLUE if day <= today else "white", mec=BLUE, mew=1.6, zorder=3)
            ax.annotate(
                f"{label}\n{day:%b} {day.day}, {day.year}",
                (day, 0),
                xytext=(0, side * (11 + 72 * STOREY * storey)),
                fontsize=8.5,
                textcoords="offset points",
                ha="center",
                va="bottom" if side > 0 else "top",
                arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.8} if storey else None,
                bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1},
                zorder=4 - storey,
            )
        pad = (points[-1][0] - points[0][0]) * AROUND
        ax.set_xlim(points[0][0] - pad, points[-1][0] + pad)
        ax.set_ylim(-1, 1)
        ax.set_axis_off()
    return page.done(alt)


def _storeys(points: list[tuple], wide: float) -> list[int]:
    """How far from the line the label of each date stands, 0 next to it, so that none covers another; every other one
    stands below."""
    first, span = points[0][0], (points[-1][0] - points[0][0] or timedelta(days=1)) * (1 + 2 * AROUND)
    found, ends = [], {}
    for i, (day, label) in enumerate(points):
        middle, half = wide * ((day - first) / span), text_width(max(label, f"{day:%b %d, %Y}", key=len), 8.5) / 2
        storey = next(s for s in range(len(points)) if middle - half > ends.get((i % 2, s), -wide))
        ends[i % 2, storey] = middle + half
        found.append(storey)
    return found


def _parts(frame, redefined) -> list:
    """The series in one piece, or before and after a new definition."""
    if redefined is None:
        return [frame]
    return [frame[frame["period"] < redefined], frame[frame["period"] >= redefined]]


def _points(ax, frame, signal) -> None:
    excluded = frame["excluded"].astype(bool)
    hit = frame["rules"].map(bool) & ~excluded
    calm = ~excluded & ~hit
    ax.plot(frame["period"][calm], frame["value"][calm], "o", color=BLUE, ms=4, zorder=4)
    ax.plot(frame["period"][excluded], frame["value"][excluded], "o", color=GREY, mfc="white", ms=4.5, zorder=4)
    marker, color = SIGNALS.get(signal, ("o", BLUE))
    ax.plot(frame["period"][hit], frame["value"][hit], marker, color=color, ms=7, zorder=5)


def _shade(ax, events, periods) -> None:
    """Bands of outside events within the drawn span, each named above it (to the left when it starts
    late)."""
    first, last = min(periods), max(periods)
    for start, end, label in events:
        start, end = max(start, first), min(end, last)
        if start > end:
            continue
        ax.axvspan(start, end, color=BAND, zorder=0)
        late = start > first + 0.55 * (last - first)
        place, ha = (end, "right") if late else (start, "left")
        ax.annotate(
            label, (place, 1), xycoords=("data", "axes fraction"), xytext=(0, 1), textcoords="offset points",
            fontsize=8, va="bottom", ha=ha, color=MUTED,
        )  # fmt: skip


def _limit_height(ax, frame, target) -> None:
    """Room for the values and the limits; limits far outside the values do not flatten the line."""
    numbers = [n for c in ("value", "lower", "upper") for n in (frame[c].min(), frame[c].max()) if n == n]
    _room(numbers + ([target] if target is not None else []), ax)


def _room(numbers, ax) -> None:
    low, high = min(numbers), max(numbers)
    pad = 0.1 * (high - low or abs(high) or 1)
    ax.set_ylim(max(0, low - pad) if low >= 0 else low - pad, high + pad)
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.grid(axis="y")


def _words_at_right(ax, ends) -> None:
    """Words at the right end of each line, pushed apart when they would touch."""
    low, high = ax.get_ylim()
    last = -1.0
    for value, text, color in sorted(ends):
        last = max((value - low) / (high - low), last + GAP)
        ax.annotate(
            text,
            (1, last),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=color,
        )


def _months(ax, short: int = 3) -> None:
    """Name every third month, on a long axis every sixth; `short` says which on an axis of a year."""
    first, last = ax.get_xlim()
    step = 6 if last - first > LONG else short if last - first <= 370 else 3
    ax.xaxis.set_major_locator(dates.MonthLocator(bymonth=range(1, 13, step)))
    ax.xaxis.set_major_formatter(dates.DateFormatter("%b\n%Y"))
    ax.tick_params(axis="x", labelsize=8)
