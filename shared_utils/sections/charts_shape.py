"""Figures that are not axes: squares for 100 people, a flow of people, the logic of a pilot, strips of
shares."""

from matplotlib import rc_context
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import FancyBboxPatch, Rectangle

from shared_utils.sections.figures import (
    BAND,
    BLUE,
    GREY,
    INK,
    LINE,
    MUTED,
    NOTE,
    ORANGE,
    STYLE,
    TEAL,
    Figure,
    Sheet,
    wrap,
)  # fmt: skip

DARKER = LinearSegmentedColormap.from_list("darker", ["#f4f6f8", BLUE])


def squares(groups: list[tuple[str, int, int]], sheet: dict, alt: str) -> Figure:
    """100 squares a group: (label, filled, of these new); the new ones differ in colour and carry a dot."""
    labels = [wrap(label, 9, bold=True, inches=2.9) for label, _, _ in groups]
    top = 1.71 + 0.17 * max(len(lines) for lines in labels)
    page = Sheet(**sheet, height=top, left=0.12, right=0.12, below=0.08, axes=False)
    ax = page.ax
    with rc_context(STYLE):
        ax.set_xlim(0, 6.16)
        ax.set_ylim(0, top)
        for g, (lines, (_, filled, new)) in enumerate(zip(labels, groups, strict=True)):
            x0 = 3.1 * g
            ax.text(
                x0,
                top - 0.03,
                "\n".join(lines),
                va="top",
                fontweight="bold",
                fontsize=9,
            )
            places = [(x0 + 0.165 * (k % 10), 1.5 - 0.165 * (k // 10)) for k in range(100)]
            old = filled - new
            corners = [[(x, y), (x + 0.135, y), (x + 0.135, y + 0.135), (x, y + 0.135)] for x, y in places]
            colors = [BLUE if k < old else TEAL if k < filled else "white" for k in range(100)]
            edges = [GREY if color == "white" else color for color in colors]
            ax.add_collection(
                PolyCollection(corners, facecolors=colors, edgecolors=edges, linewidths=0.8, joinstyle="miter")
            )
            dots = [(x + 0.0675, y + 0.0675) for x, y in places[max(old, 0) : filled]]
            ax.plot([x for x, _ in dots], [y for _, y in dots], "o", ms=3, color="white")
    return page.done(alt)


def logic(steps: list[tuple[str, str]], sheet: dict, alt: str) -> Figure:
    """The theory of change as a strip of boxes: [(heading, text)], left to right."""
    width = 6.16 / len(steps)
    texts = [wrap(text, 8, inches=width - 0.24) for _, text in steps]
    height = 0.42 + 0.152 * max(len(lines) for lines in texts)
    page = Sheet(**sheet, height=height, left=0.12, right=0.12, below=0.05, axes=False)
    ax = page.ax
    with rc_context(STYLE):
        ax.set_xlim(0, 6.16)
        ax.set_ylim(0, height)
        for i, ((heading, _), lines) in enumerate(zip(steps, texts, strict=True)):
            x, last = i * width, i == len(steps) - 1
            ax.add_patch(Rectangle((x, 0), width - 0.1, height - 0.02, facecolor=BAND, edgecolor="none"))
            ax.add_patch(Rectangle((x, height - 0.06), width - 0.1, 0.04, facecolor=TEAL if last else BLUE))
            ax.text(x + 0.07, height - 0.13, heading, va="top", fontweight="bold", fontsize=8.5)
            ax.text(x + 0.07, height - 0.34, "\n".join(lines), va="top", fontsize=8, linespacing=1.35)
            if not last:
                ax.text(
                    x + width - 0.05,
                    height / 2,
                    "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}",
                    ha="center",
                    va="center",
                    color=GREY,
                    fontsize=10,
                )
    return page.done(alt)


def flow(levels: list[list[tuple[str, str]]], sheet: dict, alt: str) -> Figure:
    """People from step to step: one list a level, boxes of (heading, number) side by side, first level on top.

    Levels with as many boxes continue box by box (arms). A level is as tall as its longest heading needs.
    """
    between = 0.2
    headings = [[wrap(heading, 8.5, inches=_box_width(boxes) - 0.15) for heading, _ in boxes] for boxes in levels]
    talls = [0.36 + 0.14 * max(len(lines) for lines in level) for level in headings]
    height = sum(talls) + between * (len(levels) - 1) + 0.06
    page = Sheet(**sheet, height=height, left=0.12, right=0.12, below=0.05, axes=False)
    ax = page.ax
    with rc_context(STYLE):
        ax.set_xlim(0, 6.16)
        ax.set_ylim(0, height)
        centres, y = [], height - 0.03
        for boxes, lines, tall in zip(levels, headings, talls, strict=True):
            y -= tall
            above, centres = centres, _boxes(ax, boxes, lines, y, tall)
            _arrows(ax, above, centres, y + tall, between)
            y -= between
    return page.done(alt)


def _box_width(boxes) -> float:
    return min(2.9, 6.16 / len(boxes) - 0.12)


def _boxes(ax, boxes, headings, y, tall) -> list[float]:
    width = _box_width(boxes)
    centres = [6.16 * (i + 0.5) / len(boxes) for i in range(len(boxes))]
    for centre, lines, (_, number) in zip(centres, headings, boxes, strict=True):
        box = FancyBboxPatch(
            (centre - width / 2, y),
            width,
            tall,
            boxstyle="round,pad=0,rounding_size=0.04",
            facecolor=BAND,
            edgecolor=LINE,
        )
        ax.add_patch(box)
        ax.text(centre, y + tall - 0.07, "\n".join(lines), ha="center", va="top", fontsize=8.5, color=MUTED)
        ax.text(centre, y + 0.055, number, ha="center", va="bottom", fontsize=10, fontweight="bold")
    return centres


def _arrows(ax, upper, lower, top, between) -> None:
    """Lines from one level to the next: straight down when they match, else over one common bar."""
    if len(upper) == len(lower):
        for x in upper:
            _arrow(ax, x, top + between, top)
        return
    middle = top + between / 2
    for x in upper:
        ax.plot([x, x], [top + between, middle], color=GREY, lw=1)
    if upper:
        ends = [*upper, *lower]
        ax.plot([min(ends), max(ends)], [middle, middle], color=GREY, lw=1)
    for x in lower if upper else ():
        _arrow(ax, x, middle, top)


def _arrow(ax, x, start, end) -> None:
    ax.annotate(
        "",
        (x, end),
        xytext=(x, start),
        arrowprops={"arrowstyle": "-|>", "color": GREY, "lw": 1, "shrinkA": 0},
    )


def strip(table, sheet: dict, alt: str, top: float = 1.0) -> Figure:
    """Shares as shades: a frame with one row a field and one column a month; darker is more."""
    import seaborn as sns

    left = min(2.2, 0.3 + 0.075 * max(len(str(name)) for name in table.index))
    page = Sheet(**sheet, height=0.25 + 0.21 * len(table), left=left, right=0.9, below=0.5)
    ax = page.ax
    with rc_context(STYLE):
        sns.heatmap(
            table.astype(float),
            ax=ax,
            cmap=DARKER,
            vmin=0,
            vmax=top,
            linewidths=0.6,
            linecolor="white",
            cbar=False,
        )
        ax.set(xlabel="", ylabel="")
        ax.tick_params(length=0, labelsize=8)
        ax.set_yticklabels(ax.get_yticklabels(), rotation=0, fontsize=8.5)
        ax.set_xticklabels(ax.get_xticklabels(), rotation=0)
        ax.annotate(
            f"white: none\ndark: {100 * top:.0f}%",
            (1, 1),
            xycoords="axes fraction",
            xytext=(8, 0),
            textcoords="offset points",
            va="top",
            fontsize=NOTE,
            color=MUTED,
        )
    return page.done(alt)


def icons(rows: list[tuple[str, str, str, str]], sheet: dict, alt: str) -> Figure:
    """One line an indicator: (label, latest, variation, assurance); state is a shape and a word."""
    page = Sheet(**sheet, height=0.34 + 0.34 * len(rows), left=0.12, right=0.12, below=0.05, axes=False)
    ax = page.ax
    places = (0.0, 2.7, 3.55, 4.9)
    with rc_context(STYLE):
        ax.set_xlim(0, 6.16)
        ax.set_ylim(-len(rows) - 0.1, 1.0)
        for x, text in zip(places, ("Indicator", "Latest", "Change", "Target"), strict=True):
            ax.text(x, 0.5, text, fontsize=8, color=MUTED, va="center")
        for i, (label, latest, variation, assurance) in enumerate(rows):
            y = -i - 0.5
            ax.plot([0, 6.16], [y + 0.5, y + 0.5], color=LINE, lw=0.8)
            ax.text(
                places[0],
                y,
                "\n".join(wrap(label, 9, inches=2.6)[:2]),
                va="center",
                fontsize=9,
                linespacing=1.05,
            )
            ax.text(places[1], y, latest, va="center", fontsize=9, fontweight="bold")
            _state(ax, places[2], y, variation)
            _state(ax, places[3], y, assurance)
    return page.done(alt)


# Shape and colour of each state; the word stands beside it.
STATES = {
    "improvement": ("D", TEAL, "improvement"),
    "concern": ("s", ORANGE, "concern"),
    "common_cause": ("o", GREY, "usual variation"),
    "reliably_meets": ("D", TEAL, "reliably meets"),
    "reliably_misses": ("s", ORANGE, "reliably misses"),
    "hit_and_miss": ("o", GREY, "hit and miss"),
    "not_assessed": ("_", GREY, "too early"),
}


def _state(ax, x, y, state) -> None:
    marker, color, words = STATES[state]
    hollow = state in ("common_cause", "hit_and_miss")
    ax.plot([x + 0.06], [y], marker, ms=6.5, color=color, mfc="white" if hollow else color, mew=1.4)
    ax.text(x + 0.2, y, words, va="center", fontsize=8.5, color=INK)
