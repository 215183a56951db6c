"""Maps: areas in three shades with an outline, in longitude and latitude, no background map.

Shapes are drawn as published (the Census Bureau's cartographic boundaries are simplified already, neighbors with the
same points along their border), so that no gap opens between two areas.
"""

import math

from matplotlib import rc_context
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.path import Path

from shared_utils.sections.figures import GREY, INK, LEFT_EDGE, PAPER, STYLE, WIDTH, Figure, Sheet

SHADES = ("#12436D", "#7ba3c4", "#dde8f1")  # lightness 27, 65 and 92: three steps in grey as well
TALL = 4.4  # inches at most
KEY = 2.05  # inches for the key at the right
HATCH = "//////"


def thirds(areas: list[list], without: list, outline: set, sheet: dict, alt: str, key: list[str], edge: str) -> Figure:
    """Three groups of areas, darkest first, those without a value hatched, and an outline around some.

    areas    three lists of shapes; a shape is a list of polygons, each a list of rings of (longitude, latitude)
    without  shapes without a value
    outline  line pieces ((x, y), (x, y)), may be none
    key      what the three shades and the hatching mean, in order
    edge     what the outline is
    """
    box = _box([*(shape for part in areas for shape in part), *without])
    wide, tall = box[1] - box[0], box[3] - box[2]
    stretch = 1 / math.cos(math.radians((box[2] + box[3]) / 2))  # a degree of latitude is longer than one of longitude
    room = WIDTH - LEFT_EDGE - KEY
    height = min(TALL, room * tall * stretch / wide)
    page = Sheet(**sheet, height=height, left=LEFT_EDGE, right=KEY, below=0.2, axes=False)
    ax = page.ax
    with rc_context({**STYLE, "hatch.linewidth": 0.6, "hatch.color": GREY}):
        for part, shade in zip(areas, SHADES, strict=True):
            ax.add_collection(PathCollection([_path(s) for s in part], facecolor=shade, edgecolor=PAPER, lw=0.4))
        hatched = {"facecolor": PAPER, "edgecolor": GREY, "hatch": HATCH, "lw": 0.4}
        ax.add_collection(PathCollection([_path(s) for s in without], **hatched))
        handles = [Patch(facecolor=shade, edgecolor=GREY, lw=0.6) for shade in SHADES]
        handles += [Patch(**hatched)] if without else []
        if outline:
            for color, width in ((PAPER, 4), (INK, 2)):  # white beside black: seen on every shade
                ax.add_collection(LineCollection(sorted(outline), colors=color, lw=width, capstyle="round", zorder=5))
            handles.append(Line2D([], [], color=INK, lw=2))
        labels = [*key, *([edge] if outline else [])]
        ax.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, fontsize=8.5,
                  handlelength=1.6, handleheight=1.2, borderpad=0, labelspacing=0.9)  # fmt: skip
        ax.set_xlim(box[0], box[1])
        ax.set_ylim(box[2], box[3])
        ax.set_aspect(stretch, anchor="NW")
    return page.done(alt)


def _box(shapes) -> tuple[float, float, float, float]:
    """West, east, south and north end, with a little room for the lines."""
    xs, ys = zip(*(point for shape in shapes for polygon in shape for ring in polygon for point in ring), strict=True)
    pad = 0.01 * max(max(xs) - min(xs), max(ys) - min(ys))
    return min(xs) - pad, max(xs) + pad, min(ys) - pad, max(ys) + pad


def _path(shape) -> Path:
    return Path.make_compound_path(*(Path(ring, closed=True) for polygon in shape for ring in polygon))
