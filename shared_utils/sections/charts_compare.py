"""Figures that compare: intervals beside a zero line, balance dots, bars, and pilot against city."""

from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from shared_utils.sections.figures import (
    BAND, BLUE, GREY, INK, LINE, MUTED, ORANGE, STYLE, TARGET, Figure, Sheet, text_width, wrap,
)  # fmt: skip


@dataclass(frozen=True)
class Bar:
    """One estimate to draw: label, value, its interval, and the words at its right end."""

    label: str
    value: float
    low: float
    high: float
    words: str = ""
    main: bool = True
    heading: bool = False


def intervals(rows: list[Bar], sheet: dict, alt: str, axis: str, marks=((0.0, "no difference"),),
              better: str = "") -> Figure:
    """Dots with interval bars, one a row, first row on top. `marks` are vertical lines (value, label)."""
    left = min(2.5, 0.25 + 0.078 * max(len(r.label) for r in rows))
    right = 0.25 + 0.072 * max([len(r.words) for r in rows] + [0])
    page = Sheet(**sheet, height=0.55 + 0.27 * len(rows), left=left, right=right, below=0.55)
    ax = page.ax
    with rc_context(STYLE):
        _frame(ax, rows, marks)
        for i, row in enumerate(rows):
            y = len(rows) - 1 - i
            if row.heading:
                ax.annotate(row.label, (0, y), xycoords=("axes fraction", "data"), xytext=(-8, 0),
                            textcoords="offset points", ha="right", va="center", color=INK, fontweight="bold")
                continue
            _one(ax, row, y)
        ax.set_xlabel(axis + (f"   ({better})" if better else ""), loc="left")
        _mark_labels(ax, marks)
    return page.done(alt)


def _frame(ax, rows, marks) -> None:
    drawn = [r for r in rows if not r.heading]
    ends = [e for r in drawn for e in (r.low, r.high, r.value)] + [m for m, _ in marks]
    span = (max(ends) - min(ends)) or 1.0
    ax.set_xlim(min(ends) - 0.06 * span, max(ends) + 0.06 * span)
    ax.set_ylim(-0.7, len(rows) - 0.1)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x")
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    for i, (value, _) in enumerate(marks):
        ax.axvline(value, color=INK if i == 0 else TARGET, lw=1.1, ls="-" if i == 0 else (0, (4, 3)), zorder=2)


def _mark_labels(ax, marks) -> None:
    """Name the vertical lines above the drawing; on the side that has room, never on top of each other."""
    low, high = ax.get_xlim()
    ordered = sorted(marks)
    for i, (value, label) in enumerate(ordered):
        to_left = i == 0 and len(ordered) > 1 or value > low + 0.7 * (high - low)
        if len(ordered) > 1 and i == len(ordered) - 1:
            to_left = False if value < low + 0.75 * (high - low) else to_left
        ax.annotate(label, (value, 1), xycoords=("data", "axes fraction"), fontsize=8, va="bottom",
                    ha="right" if to_left else "left", xytext=(-3 if to_left else 3, 1),
                    textcoords="offset points", color=INK if value == 0 else TARGET)


def _one(ax, row: Bar, y: float) -> None:
    color = BLUE if row.main else GREY
    ax.plot([row.low, row.high], [y, y], color=color, lw=2.4 if row.main else 1.6, solid_capstyle="butt", zorder=3)
    ax.plot([row.value], [y], "o", color=color, ms=7 if row.main else 5, zorder=4,
            markerfacecolor=color if row.main else "white", markeredgewidth=1.4)
    ax.annotate(row.label, (0, y), xycoords=("axes fraction", "data"), xytext=(-8, 0), textcoords="offset points",
                ha="right", va="center", color=INK if row.main else MUTED, fontsize=9)
    if row.words:
        ax.annotate(row.words, (1, y), xycoords=("axes fraction", "data"), xytext=(6, 0),
                    textcoords="offset points", ha="left", va="center", fontsize=8.5, color=INK if row.main else MUTED)


def bars(rows: list[tuple[str, float, str]], sheet: dict, alt: str, axis: str, target=None, tones=None) -> Figure:
    """Horizontal bars from zero: (label, value, words at the end). `target` is (value, label)."""
    left = min(2.6, 0.25 + 0.078 * max(len(label) for label, _, _ in rows))
    right = 0.3 + 0.07 * max(len(words) for _, _, words in rows)
    page = Sheet(**sheet, height=0.3 + 0.29 * len(rows), left=left, right=right, below=0.5)
    ax = page.ax
    with rc_context(STYLE):
        for i, (label, value, words) in enumerate(rows):
            y = len(rows) - 1 - i
            ax.barh(y, value, height=0.62, color=(tones or [BLUE] * len(rows))[i], zorder=3)
            ax.annotate(words, (value, y), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8.5)
            ax.annotate(label, (0, y), xycoords=("axes fraction", "data"), xytext=(-8, 0),
                        textcoords="offset points", ha="right", va="center")
        ax.set_ylim(-0.6, len(rows) - 0.4)
        ax.set_yticks([])
        ax.grid(axis="x")
        ax.set_xlim(0, max([v for _, v, _ in rows] + [target[0] if target else 0]) * 1.04 or 1)
        ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        ax.set_xlabel(axis, loc="left")
        if target:
            ax.axvline(target[0], color=TARGET, lw=1.3, ls=(0, (4, 3)), zorder=4)
            ax.annotate(target[1], (target[0], 1), xycoords=("data", "axes fraction"), ha="center", va="bottom",
                        fontsize=8, color=TARGET)
    return page.done(alt)


def love(rows: list[tuple[str, float]], sheet: dict, alt: str, adjust: float = 0.05, limit: float = 0.25) -> Figure:
    """Standardised differences at the start: dots against the WWC bands (up to 0.05, up to 0.25, beyond)."""
    left = min(2.6, 0.25 + 0.076 * max(len(label) for label, _ in rows))
    page = Sheet(**sheet, height=0.45 + 0.225 * len(rows), left=left, below=0.5)
    ax = page.ax
    with rc_context(STYLE):
        reach = max(0.32, 1.1 * max(abs(d) for _, d in rows))
        ax.axvspan(-limit, limit, color=BAND, zorder=0)
        ax.axvspan(-adjust, adjust, color=LINE, zorder=1)
        ax.axvline(0, color=INK, lw=1, zorder=2)
        for i, (label, d) in enumerate(rows):
            y = len(rows) - 1 - i
            far = abs(d) > limit
            ax.plot([d], [y], "D" if far else "o", color=ORANGE if far else BLUE, ms=6, zorder=3)
            ax.annotate(label, (0, y), xycoords=("axes fraction", "data"), xytext=(-8, 0),
                        textcoords="offset points", ha="right", va="center")
        ax.set_xlim(-reach, reach)
        ax.set_ylim(-0.7, len(rows) - 0.3)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.set_xlabel("standard deviations (pilot minus comparison)", loc="left")
        for x, text in ((limit, "0.25"), (-limit, "0.25"), (0, "alike")):
            ax.annotate(text, (x, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=8,
                        color=MUTED)
    return page.done(alt)


def grouped_bars(groups: list[str], rows: list[tuple[str, float, str]], sheet: dict, alt: str, axis: str, tones) -> Figure:
    """Horizontal bars under headings: one heading wherever `groups` (one a row) changes."""
    lines = []
    for i, row in enumerate(rows):
        if i == 0 or groups[i] != groups[i - 1]:
            lines.append((groups[i], None, "", None))
        lines.append((*row, tones[i]))
    left = min(2.4, 0.3 + max(text_width(label, 9, value is None) for label, value, _, _ in lines))
    page = Sheet(**sheet, height=0.12 + 0.215 * len(lines), left=left, right=0.9, below=0.48)
    ax = page.ax
    with rc_context(STYLE):
        for i, (label, value, words, tone) in enumerate(lines):
            y = len(lines) - 1 - i
            heading = value is None
            ax.annotate(label.capitalize() if heading else label, (0, y), xycoords=("axes fraction", "data"), va="center",
                        xytext=(-8, 0), textcoords="offset points", ha="right", fontweight="bold" if heading else "normal")
            if not heading:
                ax.barh(y, value, height=0.66, color=tone, zorder=3)
                ax.annotate(words, (value, y), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8.5)
        ax.set_ylim(-0.6, len(lines) - 0.4)
        ax.set_yticks([])
        ax.grid(axis="x")
        ax.set_xlim(left=0)
        ax.set_xlabel(axis, loc="left")
    return page.done(alt)


def pairs(rows: list[tuple[str, float, float]], sheet: dict, alt: str, axis: str, names: tuple[str, str]) -> Figure:
    """Two values a row joined by a line: a full dot for the first, a hollow one for the second."""
    left = min(2.9, 0.25 + max(text_width("\n".join(wrap(r[0], 9, inches=2.5)[:1]), 9) for r in rows))
    page = Sheet(**sheet, height=0.4 + 0.36 * len(rows), left=left, right=0.55, below=0.48)
    ax = page.ax
    with rc_context(STYLE):
        for i, (label, first, second) in enumerate(rows):
            y = len(rows) - 1 - i
            ax.plot([first, second], [y, y], color=GREY, lw=1.6, zorder=2)
            ax.plot([first], [y], "o", color=BLUE, ms=8, zorder=3)
            ax.plot([second], [y], "o", color=INK, mfc="white", ms=8, mew=1.4, zorder=3)
            ax.annotate("\n".join(wrap(label, 9, inches=2.5)), (0, y), xycoords=("axes fraction", "data"), xytext=(-8, 0),
                        textcoords="offset points", ha="right", va="center", linespacing=1.1)
            for value, other in ((first, second), (second, first)):
                side = 1 if value >= other else -1
                ax.annotate(f"{value:.0f}", (value, y), xytext=(9 * side, 0), textcoords="offset points", fontsize=8.5,
                            va="center", ha="left" if side > 0 else "right")
        for value, name in zip(rows[0][1:], names, strict=True):
            ax.annotate(name, (value, len(rows) - 1), xytext=(0, 9), textcoords="offset points", ha="center", va="bottom",
                        fontsize=8.5, color=MUTED)
        ends = [v for r in rows for v in r[1:]]
        pad = 0.12 * (max(ends) - min(ends) or 1)
        ax.set_xlim(min(ends) - pad, max(ends) + pad)
        ax.set_ylim(-0.6, len(rows) - 0.2)
        ax.set_yticks([])
        ax.grid(axis="x")
        ax.set_xlabel(axis, loc="left")
    return page.done(alt)


def boundary(lines: dict, point: tuple[float, float], sheet: dict, alt: str) -> Figure:
    """Attrition: two falling boundaries and where this pilot stands (overall, gap), both in points."""
    page = Sheet(**sheet, height=2.2, left=0.62, right=1.2, below=0.48)
    ax = page.ax
    styles = {"cautious": ("-", BLUE), "optimistic": ((0, (4, 3)), GREY)}
    with rc_context(STYLE):
        for name, values in lines.items():
            style, color = styles[name]
            ax.plot(*zip(*values, strict=True), ls=style, color=color, lw=1.8)
            ax.annotate(name, (1, values[-1][1]), xycoords=("axes fraction", "data"), xytext=(6, 0), va="center",
                        textcoords="offset points", fontsize=8.5, color=color if name == "cautious" else MUTED)
        ax.plot([point[0]], [point[1]], "D", color=ORANGE, ms=9, zorder=4)
        ax.annotate("this pilot", point, xytext=(9, 4), textcoords="offset points", fontsize=9, fontweight="bold")
        ax.set_xlim(0, 57)
        ax.set_ylim(0, max(11.5, 1.15 * point[1]))
        ax.grid(axis="y")
        ax.set_xlabel("percent missing overall", loc="left")
        ax.set_ylabel("gap, points")
    return page.done(alt)


def curve(points: list[tuple[float, float]], here: tuple[float, float], sheet: dict, alt: str, marks, axes, words: str) -> Figure:
    """A falling curve with the pilot's own place on it; `marks` are horizontal lines (value, label)."""
    page = Sheet(**sheet, height=2.2, left=0.72, right=1.45, below=0.48)
    ax = page.ax
    with rc_context(STYLE):
        ax.plot(*zip(*points, strict=True), color=BLUE, lw=2.2)
        ax.plot([here[0]], [here[1]], "D", color=BLUE, ms=9, zorder=4)
        ax.annotate(f"now: {words}", here, xytext=(8, 6), textcoords="offset points", fontweight="bold")
        for value, label in marks:
            ax.axhline(value, color=TARGET, lw=1.3, ls=(0, (4, 3)))
            ax.annotate("\n".join(wrap(label, 8.5, inches=1.3)), (1, value), xycoords=("axes fraction", "data"), va="center",
                        xytext=(6, 0), textcoords="offset points", fontsize=8.5, color=TARGET)
        ax.set_ylim(0, 1.12 * max([y for _, y in points] + [m for m, _ in marks]))
        ax.grid(axis="y")
        ax.set_xlabel(axes[0], loc="left")
        ax.set_ylabel(axes[1])
    return page.done(alt)
