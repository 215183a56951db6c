"""Figures of a result by its design: effects by time since the start, a path beside its twin, a jump at a limit,
and curves of those still waiting."""

from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from shared_utils.sections.charts_compare import DASHED, above
from shared_utils.sections.figures import BAND, BLUE, GREY, INK, LINE, MUTED, ORANGE, STYLE, TARGET, Figure, Sheet


def events(rows: list[dict], sheet: dict, alt: str, axis: str, step: str) -> Figure:
    """Effects by time since the start: dots with their interval, and the band that holds for all of them at once.

    rows: at (periods since the start), value, low, high, band_low, band_high (None without a band), on shown scale.
    """
    page = Sheet(**sheet, height=2.1, left=0.72, right=0.2, below=0.48)
    ax, at = page.ax, [row["at"] for row in rows]
    with rc_context(STYLE):
        banded = [row for row in rows if row["band_low"] is not None]
        for part in ([r for r in banded if r["at"] < 0], [r for r in banded if r["at"] >= 0]):
            ends = [[row[end] for row in part] for end in ("band_low", "band_high")]
            ax.fill_between([row["at"] for row in part], *ends, color=BAND, zorder=1)
        ax.axhline(0, color=INK, lw=1, zorder=2)
        ax.axvline(-0.5, color=TARGET, lw=1.1, ls=DASHED, zorder=2)
        above(ax, -0.5, "start", TARGET)
        for row in rows:
            color = BLUE if row["at"] >= 0 else MUTED
            ax.plot([row["at"]] * 2, [row["low"], row["high"]], color=color, lw=1.6, zorder=3)
        for part, color, fill in ((lambda a: a >= 0, BLUE, BLUE), (lambda a: a < 0, MUTED, "white")):
            points = [(row["at"], row["value"]) for row in rows if part(row["at"])]
            if points:
                ax.plot(*zip(*points, strict=True), "o", color=color, mfc=fill, ms=5, zorder=4)
        ax.set_xlim(min(at) - 0.8, max(at) + 0.8)
        ax.grid(axis="y")
        ax.xaxis.set_major_locator(MaxNLocator(9, integer=True))
        ax.set_xlabel(f"{step} since the start", loc="left")
        ax.set_ylabel(axis)
    return page.done(alt)


def twin(at, seen, expected, start: int, sheet: dict, alt: str, words: tuple[str, str]) -> Figure:
    """What was seen and what was expected without the program, one value a period of `at` (labels); `start` is the
    place of the first period with the program."""
    page = Sheet(**sheet, height=2.1, left=0.72, right=1.3, below=0.42)
    ax = page.ax
    with rc_context(STYLE):
        places = range(len(at))
        ax.plot(places, expected, color=GREY, lw=1.8, ls=(0, (5, 2)), zorder=2)
        ax.plot(places, seen, color=BLUE, lw=2, zorder=3)
        ticks = places[:: max(1, len(at) // 6)]
        ax.set_xticks(ticks, [at[i] for i in ticks])
        ax.axvline(start - 0.5, color=TARGET, lw=1.1, ls=DASHED, zorder=1)
        above(ax, start - 0.5, "start", TARGET)
        low, high = sorted(((seen[-1], words[0], BLUE), (expected[-1], words[1], MUTED)))
        bottom, top = ax.get_ylim()
        apart = max(high[0] - low[0], 0.11 * (top - bottom))
        for y, text, color in (low, (low[0] + apart, *high[1:])):
            ax.annotate(text, (1, y), xycoords=("axes fraction", "data"), xytext=(5, 0), textcoords="offset points",
                        va="center", fontsize=8.5, color=color)  # fmt: skip
        ax.grid(axis="y")
    return page.done(alt)


def jump(bins, lines, cutoff: float, sheet: dict, alt: str, axes: tuple[str, str]) -> Figure:
    """Means of groups of people along a running variable, and the fitted lines on both sides of the limit.

    bins: [(x, mean)]; lines: [[(x, fitted), ...] for each side].
    """
    page = Sheet(**sheet, height=2.2, left=0.72, right=0.2, below=0.48)
    ax = page.ax
    with rc_context(STYLE):
        ax.plot(*zip(*bins, strict=True), "o", color=GREY, ms=4, zorder=2)
        for line in lines:
            ax.plot(*zip(*line, strict=True), color=BLUE, lw=2.2, zorder=3)
        ax.axvline(cutoff, color=TARGET, lw=1.1, ls=DASHED, zorder=1)
        above(ax, cutoff, "limit", TARGET)
        ax.grid(axis="y")
        ax.set_xlabel(axes[0], loc="left")
        ax.set_ylabel(axes[1])
    return page.done(alt)


def waiting(curves: list[tuple[str, list, list]], sheet: dict, alt: str, axes: tuple[str, str]) -> Figure:
    """Share without the event so far, as steps: [(label, times, shares)], each ending where too few are left."""
    page = Sheet(**sheet, height=2.1, left=0.62, right=1.35, below=0.48)
    ax = page.ax
    with rc_context(STYLE):
        for (label, times, shares), color in zip(curves, (BLUE, GREY, ORANGE), strict=False):
            ax.step(times, [100 * share for share in shares], where="post", color=color, lw=2)
            ax.annotate(label, (times[-1], 100 * shares[-1]), xytext=(5, 0), textcoords="offset points", va="center",
                        fontsize=8.5, color=color if color != GREY else MUTED)  # fmt: skip
        ax.set_ylim(0, 100)
        ax.set_xlim(left=0)
        ax.grid(axis="y", color=LINE)
        ax.set_xlabel(axes[0], loc="left")
        ax.set_ylabel(axes[1])
    return page.done(alt)
