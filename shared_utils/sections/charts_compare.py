"""Figures that compare: intervals beside a zero line, bars, and pilot against city."""

import math
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from shared_utils.sections.figures import (
    BLUE,
    GREY,
    INK,
    MUTED,
    STYLE,
    TARGET,
    WIDTH,
    Figure,
    Sheet,
    text_width,
    wrap,
)
from shared_utils.sections.wording import capital

LABELS = 2.5  # inches at most for the labels at the left; longer ones take more lines
ENDS = 1.85  # the same for the words at the right
SIZE = 9
WORDS = 8.5
DASHED = (0, (4, 3))
STEPS = [1, 2, 2.5, 5, 10]
BETWEEN = 0.08  # inches between two numbers of an axis


@dataclass(frozen=True)
class Bar:
    """One estimate to draw: label, value (None: a range without a best value), its interval, and the words at its
    right end."""

    label: str
    value: float | None
    low: float
    high: float
    words: str = ""
    main: bool = True
    heading: bool = False


def intervals(rows: list[Bar], sheet: dict, alt: str, axis: str, marks, better: str = "") -> Figure:
    """Dots with interval bars, one a row, first row on top. `marks` are vertical lines [(value, label)]."""
    lines, words = labels([row.label for row in rows]), [_at_end(row.words) for row in rows]
    ys, height = places([max(pair, key=len) for pair in zip(lines, words, strict=True)])
    right = 0.25 + max(text_width(line, WORDS) for row in words for line in row)
    page = Sheet(**sheet, height=height + 0.2, left=width(lines), right=right, below=0.55)
    ax = page.ax
    with rc_context(STYLE):
        _frame(ax, rows, marks, height)
        for y, row, label, end in zip(ys, rows, lines, words, strict=True):
            row_label(ax, y, label, bold=row.heading, color=INK if row.main else MUTED)
            if not row.heading:
                _interval(ax, row, y, end)
        ax.set_xlabel(axis + (f"   ({better})" if better else ""), loc="left")
        _mark_labels(ax, marks)
    return page.done(alt)


def bars(rows: list[tuple], sheet: dict, alt: str, axis: str, target=None, tones=None) -> Figure:
    """Horizontal bars from zero: (label, value, words at the end). `target` is (value, label)."""
    lines = labels([label for label, _, _ in rows])
    ys, height = places(lines)
    right = 0.3 + max(text_width(words, WORDS) for _, _, words in rows)
    page = Sheet(**sheet, height=height, left=width(lines), right=right, below=0.5)
    ax = page.ax
    with rc_context(STYLE):
        for i, (_, value, words) in enumerate(rows):
            row_label(ax, ys[i], lines[i])
            _bar(ax, ys[i], value, words, (tones or [BLUE] * len(rows))[i])
        ends = [value for _, value, _ in rows] + ([target[0]] if target else [])
        ax.set_xlim(0, 1.04 * max(ends) or 1)
        _bar_axis(ax, height, axis, whole=all(isinstance(value, int) for value in ends))
        if target:
            ax.axvline(target[0], color=TARGET, lw=1.3, ls=DASHED, zorder=4)
            above(ax, target[0], target[1], TARGET)
    return page.done(alt)


def grouped_bars(groups: list[str], rows: list[tuple], sheet: dict, alt: str, axis: str, tones) -> Figure:
    """Horizontal bars under headings: one heading wherever `groups` (one entry a row) changes."""
    lines = []
    for i, row in enumerate(rows):
        if i == 0 or groups[i] != groups[i - 1]:
            lines.append((capital(groups[i]), None, "", None))
        lines.append((*row, tones[i]))
    left = 0.3 + max(text_width(label, SIZE, value is None) for label, value, _, _ in lines)
    ys, height = places([[label] for label, *_ in lines], one=0.215)
    page = Sheet(**sheet, height=height, left=left, right=0.9, below=0.48)
    ax = page.ax
    with rc_context(STYLE):
        for y, (label, value, words, tone) in zip(ys, lines, strict=True):
            row_label(ax, y, [label], bold=value is None)
            if value is not None:
                _bar(ax, y, value, words, tone, thick=0.145)
        ax.set_xlim(left=0)
        _bar_axis(ax, height, axis)
    return page.done(alt)


def pairs(rows: list[tuple[str, float, float]], sheet: dict, alt: str, axis: str) -> Figure:
    """Two values a row joined by a line: a full dot for the first, a hollow one for the second."""
    lines = labels([label for label, _, _ in rows])
    ys, height = places(lines, one=0.36)
    page = Sheet(**sheet, height=height, left=width(lines), right=0.45, below=0.48)
    ax = page.ax
    with rc_context(STYLE):
        for y, label, (_, first, second) in zip(ys, lines, rows, strict=True):
            row_label(ax, y, label)
            ax.plot([first, second], [y, y], color=GREY, lw=1.6, zorder=2)
            ax.plot([first], [y], "o", color=BLUE, ms=8, zorder=3)
            ax.plot([second], [y], "o", color=INK, mfc="white", ms=8, mew=1.4, zorder=3)
            side = 1 if first >= second else -1
            _beside(ax, f"{first:.0f}", first, y, 9 * side)
            _beside(ax, f"{second:.0f}", second, y, -9 * side)
        ends = [value for row in rows for value in row[1:]]
        pad = 0.12 * (max(ends) - min(ends) or 1)
        ax.set_xlim(min(ends) - pad, max(ends) + pad)
        _bar_axis(ax, height, axis)
    return page.done(alt)


def labels(texts: list[str]) -> list[list[str]]:
    """Labels of the rows, each broken into lines that fit the left margin."""
    return [wrap(text, SIZE, inches=LABELS) for text in texts]


def width(lines: list[list[str]]) -> float:
    """The left margin that these labels need (as if bold, so that headings fit too)."""
    return 0.25 + max(text_width(line, SIZE, bold=True) for label in lines for line in label)


def places(lines: list[list[str]], one: float = 0.28) -> tuple[list[float], float]:
    """Heights at which the rows stand, first on top, and the height of all, in inches.

    one: inches of a row whose label has one line; each further line adds its own height.
    """
    pitches = [one + 0.14 * (len(label) - 1) for label in lines]
    total = sum(pitches) + 0.12
    ys, used = [], 0.06
    for pitch in pitches:
        ys.append(total - used - pitch / 2)
        used += pitch
    return ys, total


def row_label(ax, y: float, lines: list[str], bold: bool = False, color: str = INK) -> None:
    """The name of a row, left of the drawing."""
    ax.annotate(
        "\n".join(lines), (0, y), xycoords=("axes fraction", "data"), xytext=(-8, 0), textcoords="offset "
        "points",
        ha="right", va="center", color=color, fontweight="bold" if bold else "normal", linespacing=1.1,
    )  # fmt: skip


def above(ax, x: float, text: str, color: str, ha: str = "center") -> None:
    """A few words on top of the drawing at x."""
    shift = {"center": 0, "right": -3, "left": 3}[ha]
    ax.annotate(
        text, (x, 1), xycoords=("data", "axes fraction"), xytext=(shift, 1), textcoords="offset points",
        ha=ha, va="bottom", fontsize=8, color=color,
    )  # fmt: skip


def _frame(ax, rows, marks, height: float) -> None:
    drawn = [row for row in rows if not row.heading]
    ends = [end for row in drawn for end in (row.low, row.high, row.value)] + [value for value, _ in marks]
    ends = [end for end in ends if end is not None and math.isfinite(end)]
    span = (max(ends) - min(ends)) or 1.0
    ax.set_xlim(min(ends) - 0.06 * span, max(ends) + 0.06 * span)
    ax.set_ylim(0, height)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x")
    ax.xaxis.set_major_locator(_few_ticks(ax))
    for value, _ in marks:
        zero = value == 0
        ax.axvline(value, color=INK if zero else TARGET, lw=1.1, ls="-" if zero else DASHED, zorder=2)


def _few_ticks(ax) -> MaxNLocator:
    """Up to six round numbers, fewer where the drawing is too narrow to name them apart."""
    low, high = ax.get_xlim()
    five = MaxNLocator(5, steps=STEPS)
    named = [f"{x:g}" for x in five.tick_values(low, high) if low <= x <= high]
    wide = WIDTH * ax.get_position().width
    room = len(named) * (max(text_width(text, SIZE) for text in named) + BETWEEN)
    return five if room <= wide else MaxNLocator(3, steps=STEPS)


def _mark_labels(ax, marks) -> None:
    """Name the vertical lines: with two, the left one to its left and the right one to its right."""
    ordered = sorted(marks)
    for i, (value, label) in enumerate(ordered):
        ha = "center" if len(ordered) == 1 else "right" if i == 0 else "left"
        above(ax, value, label, INK if value == 0 else TARGET, ha)


def _at_end(words: str) -> list[str]:
    """The words at the right end of a row, in lines where they are long."""
    return [words] if text_width(words, WORDS) <= ENDS else wrap(words, WORDS, inches=ENDS)


def _interval(ax, row: Bar, y: float, words: list[str]) -> None:
    color, weight, size = (BLUE, 2.4, 7) if row.main else (GREY, 1.6, 5)
    left, right = ax.get_xlim()
    ends = [max(row.low, left), min(row.high, right)]  # an interval without an end runs to the edge, with an arrow
    for end, marker, open_end in ((ends[0], "<", row.low < left), (ends[1], ">", row.high > right)):
        if open_end:
            ax.plot([end], [y], marker, color=color, ms=7, zorder=4, clip_on=False)
    ax.plot(ends, [y, y], color=color, lw=weight, solid_capstyle="butt", zorder=3)
    if row.value is not None:
        ax.plot([row.value], [y], "o", color=color, ms=size, mfc=color if row.main else "white", mew=1.4, zorder=4)
    ax.annotate(
        "\n".join(words), (1, y), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points",
        va="center", fontsize=WORDS, color=INK if row.main else MUTED, linespacing=1.1,
    )  # fmt: skip


def _bar(ax, y: float, value: float, words: str, tone: str, thick: float = 0.19) -> None:
    ax.barh(y, value, height=thick, color=tone, zorder=3)
    _beside(ax, words, value, y, 5)


def _beside(ax, words: str, x: float, y: float, shift: float) -> None:
    """Words next to a point; on white, so that a line behind does not strike them through."""
    ax.annotate(
        words, (x, y), xytext=(shift, 0), textcoords="offset points", fontsize=WORDS, va="center", zorder=6,
        ha="left" if shift > 0 else "right", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )  # fmt: skip


def _bar_axis(ax, height: float, axis: str, whole: bool = False) -> None:
    ax.set_ylim(0, height)
    ax.set_yticks([])
    ax.grid(axis="x")
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=STEPS, integer=whole, min_n_ticks=1))
    ax.set_xlabel(axis, loc="left")
