"""Small multiples over time: one panel a series on a shared axis of dates, with lettered marks through all of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib import dates, rc_context
from matplotlib.ticker import FuncFormatter, MaxNLocator

from shared_utils.sections.figures import BLUE, GREY, INK, MUTED, STYLE, TARGET, WIDTH, Figure, Sheet

if TYPE_CHECKING:
    import pandas as pd

PANEL, GAP = 0.95, 0.34  # inches
LEFT, RIGHT, BELOW = 0.62, 0.95, 0.4


@dataclass(frozen=True)
class Panel:
    """One series: values by month (a Series indexed by dates, a gap is missing), what they are, the words at its end.

    `text` prints a value; `zero` draws the line that values are compared with; `provisional` is the first month that
    the publisher will revise, None for none.
    """

    label: str
    values: "pd.Series"
    words: str
    text: object
    zero: bool = False
    provisional: object = None


def panels(rows: list[Panel], sheet: dict, alt: str, marks: list[tuple], span: tuple) -> Figure:
    """Draw the panels, first on top. marks: [(date, letter, bold)]; span: (first, last) date of the axis."""
    height = GAP + len(rows) * PANEL + (len(rows) - 1) * GAP
    page = Sheet(**sheet, height=height, left=LEFT, right=RIGHT, below=BELOW, axes=False)
    box, whole = page.ax.get_position(), page.height
    with rc_context(STYLE):
        for i, row in enumerate(rows):
            top = box.y1 - (GAP + i * (PANEL + GAP)) / whole
            ax = page.canvas.add_axes([LEFT / WIDTH, top - PANEL / whole, box.width, PANEL / whole])
            _panel(ax, row, span)
            _marks(ax, marks, lettered=i == 0)
            ax.tick_params(axis="x", labelsize=8, labelbottom=i == len(rows) - 1)
    return page.done(alt)


def _panel(ax, row: Panel, span: tuple) -> None:
    values = row.values
    sure = values if row.provisional is None else values[values.index <= row.provisional]
    ax.plot(values.index, values, color=BLUE, lw=1.2, ls=(0, (2, 2)), zorder=3)
    ax.plot(sure.index, sure, color=BLUE, lw=1.8, zorder=4)
    ax.plot(values.index[-1:], values[-1:], "o", color=BLUE, ms=4, zorder=5)
    ax.annotate(row.words, (values.index[-1], values.iloc[-1]), xytext=(6, 0), textcoords="offset points",
                va="center", fontsize=8.5, color=BLUE, annotation_clip=False)  # fmt: skip
    low, high = min(values.min(), 0), max(values.max(), 0)
    ax.set_ylim(low - 0.08 * (high - low), high + 0.12 * (high - low))
    if row.zero:
        ax.axhline(0, color=GREY, lw=1)
    ax.annotate(row.label, (0, 1), xycoords="axes fraction", xytext=(0, 3), textcoords="offset points", va="bottom",
                fontsize=8.5, fontweight="bold", color=INK)  # fmt: skip
    ax.set_xlim(*span)
    ax.grid(axis="y")
    ax.yaxis.set_major_locator(MaxNLocator(3))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: row.text(value)))
    ax.tick_params(axis="y", labelsize=8)
    locator = dates.AutoDateLocator(minticks=4, maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, show_offset=False))


def _marks(ax, marks: list[tuple], lettered: bool) -> None:
    for date, letter, bold in marks:
        ax.axvline(date, color=TARGET if bold else MUTED, lw=1.6 if bold else 1, ls="-" if bold else (0, (1, 2)),
                   zorder=2)  # fmt: skip
        if lettered:
            ax.annotate(letter, (date, 1), xycoords=("data", "axes fraction"), xytext=(0, 15),
                        textcoords="offset points", ha="center", fontsize=8.5, fontweight="bold",
                        color=TARGET if bold else MUTED)  # fmt: skip
