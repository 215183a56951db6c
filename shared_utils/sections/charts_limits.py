"""Figures that show a pilot against a limit: balance at the start, missing outcomes, what can be detected."""

from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from shared_utils.sections.charts_compare import DASHED, WORDS, above, labels, places, row_label, width
from shared_utils.sections.figures import (
    BAND,
    BLUE,
    INK,
    LINE,
    LINE_HEIGHT,
    MUTED,
    ORANGE,
    STYLE,
    TARGET,
    Figure,
    Sheet,
    wrap,
)

DOTTED = (0, (1, 2))
ADJUST, LIMIT = 0.05, 0.25  # bands of the What Works Clearinghouse, in standard deviations


def love(rows: list[tuple[str, float]], sheet: dict, alt: str) -> Figure:
    """Standardized differences at the start: dots against the bands up to 0.05 and up to 0.25."""
    lines = labels([label for label, _ in rows])
    ys, height = places(lines, one=0.23)
    page = Sheet(**sheet, height=height + 0.15, left=width(lines), right=0.25, below=0.5)
    ax = page.ax
    with rc_context(STYLE):
        reach = max(0.32, 1.1 * max(abs(d) for _, d in rows))
        ax.axvspan(-LIMIT, LIMIT, color=BAND, zorder=0)
        ax.axvspan(-ADJUST, ADJUST, color=LINE, zorder=1)
        ax.axvline(0, color=INK, lw=1, zorder=2)
        for y, label, (_, d) in zip(ys, lines, rows, strict=True):
            row_label(ax, y, label)
            marker, color = ("D", ORANGE) if abs(d) > LIMIT else ("o", BLUE)
            ax.plot([d], [y], marker, color=color, ms=6, zorder=3)
        ax.set_xlim(-reach, reach)
        ax.set_ylim(0, height)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        ax.set_xlabel("standard deviations (program minus comparison)", loc="left")
        for x, text in ((LIMIT, "0.25"), (-LIMIT, "0.25"), (0, "alike")):
            above(ax, x, text, MUTED)
    return page.done(alt)


def boundary(lines: dict, point: tuple[float, float], sheet: dict, alt: str) -> Figure:
    """Two falling boundaries and where this pilot stands (missing overall, gap), both in points."""
    page = Sheet(**sheet, height=2.0, left=0.62, right=1.05, below=0.48)
    ax = page.ax
    styles = {"cautious": ("-", BLUE), "optimistic": (DASHED, MUTED)}
    with rc_context(STYLE):
        for name, values in lines.items():
            ls, color = styles[name]
            ax.plot(*zip(*values, strict=True), ls=ls, color=color, lw=1.8)
            _at_right(ax, values[-1][1], [name], color)
        ax.plot([point[0]], [point[1]], "D", color=ORANGE, ms=9, zorder=4)
        ax.annotate("this pilot", point, xytext=(9, 4), textcoords="offset points", fontweight="bold", zorder=5,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
        ax.set_xlim(0, 57)
        ax.set_ylim(0, max(11.5, 1.15 * point[1]))
        ax.grid(axis="y")
        ax.set_xlabel("percent missing overall", loc="left")
        ax.set_ylabel("gap, points")
    return page.done(alt)


def curve(points: list[tuple[float, float]], now: str, sheet: dict, alt: str, limits: list[tuple], axes) -> Figure:
    """A falling curve, the pilot's own place on it (at 100 percent), and limits: (value, label), the main one first."""
    height = 2.0
    page = Sheet(**sheet, height=height, left=0.72, right=1.35, below=0.48)
    ax = page.ax
    here = next(point for point in points if point[0] == 100)
    with rc_context(STYLE):
        ax.plot(*zip(*points, strict=True), color=BLUE, lw=2.2)
        ax.plot([here[0]], [here[1]], "D", color=BLUE, ms=9, zorder=4)
        ax.annotate(f"now: {now}", here, xytext=(8, 6), textcoords="offset points", fontweight="bold")
        top = 1.12 * max(y for _, y in [*points, *((0, value) for value, _ in limits)])
        ax.set_ylim(0, top)
        free = 0.0
        for value, label in sorted(limits):
            main = value == limits[0][0]
            color, lines = (TARGET if main else MUTED), wrap(label, WORDS, inches=1.2)
            half = top * len(lines) * WORDS / 72 * LINE_HEIGHT / height / 2
            ax.axhline(value, color=color, lw=1.3, ls=DASHED if main else DOTTED)
            _at_right(ax, max(value, free + half), lines, color)
            free = max(value, free + half) + half
        ax.grid(axis="y")
        ax.set_xlabel(axes[0], loc="left")
        ax.set_ylabel(axes[1])
    return page.done(alt)


def chance(points: list[tuple[float, float]], sheet: dict, alt: str, axis: str, mark=None) -> Figure:
    """A chance in percent over an amount; `mark` is a limit on the amount: (value, label) or None."""
    page = Sheet(**sheet, height=2.0, left=0.62, right=0.45, below=0.48)
    ax = page.ax
    with rc_context(STYLE):
        ax.plot(*zip(*points, strict=True), color=BLUE, lw=2.2)
        ax.set_ylim(0, 100)
        ax.set_xlim(0, points[-1][0])
        if mark:
            ax.axvline(mark[0], color=TARGET, lw=1.3, ls=DASHED)
            above(ax, *mark, TARGET)
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.grid(axis="y")
        ax.set_xlabel(axis, loc="left")
        ax.set_ylabel("percent")
    return page.done(alt)


def funnel(points: list[tuple], middle: float, sheet: dict, alt: str, axes: tuple[str, str]) -> Figure:
    """Shares of sites by how much they rest on, [(name, n, share, outside?)], within the limits of chance (3 sigma)."""
    page = Sheet(**sheet, height=2.1, left=0.72, right=0.95, below=0.48)
    ax = page.ax
    with rc_context(STYLE):
        most = 1.15 * max(n for _, n, _, _ in points)
        sizes = [most * (i + 1) / 60 for i in range(60)]
        for side in (1, -1):
            ends = [middle + side * 3 * (middle * (1 - middle) / n) ** 0.5 for n in sizes]
            ax.plot(sizes, [100 * min(1, max(0, end)) for end in ends], color=MUTED, lw=1)
        ax.axhline(100 * middle, color=MUTED, lw=1, ls=DASHED)
        _at_right(ax, 100 * middle, [f"all: {100 * middle:.0f}%"], MUTED)
        for name, n, share, outside in points:
            ax.plot([n], [100 * share], "D" if outside else "o", color=ORANGE if outside else BLUE, ms=7, zorder=3)
            if outside:
                ax.annotate(name, (n, 100 * share), xytext=(8, -3), textcoords="offset points", fontsize=WORDS)
        shares = [100 * share for _, _, share, _ in points]
        ax.set_ylim(max(0, min(shares) - 12), min(100, max(shares) + 12))
        ax.set_xlim(0, most)
        ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        ax.grid(axis="y")
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.set_xlabel(axes[0], loc="left")
        ax.set_ylabel(axes[1])
    return page.done(alt)


def _at_right(ax, y: float, lines: list[str], color: str) -> None:
    ax.annotate(
        "\n".join(lines), (1, y), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset "
        "points",
        va="center", fontsize=WORDS, color=color,
    )  # fmt: skip
