"""The look of every figure: a headline that says the finding, what is measured, the source, no decoration.

Colours keep 3:1 to white and stay apart for colour-blind readers; nothing rests on red and green, and state
is always also a shape or a word (UK Analysis Function palette; NHS Making Data Count).
"""

import base64
import io
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font

BLUE, TEAL, PLUM, ORANGE = "#12436D", "#28A197", "#801650", "#F46A25"
INK, MUTED, GREY, LINE, PAPER = "#16202b", "#4b5763", "#87909a", "#d8dde2", "#ffffff"
BAND = "#eef1f4"
TARGET = "#b4530a"

WIDTH, DPI = 6.4, 110  # 704 pixels: read at full size in a notebook and on a page
DRAWING = 1.5  # inches that stay for the drawing beside its labels
LEFT_EDGE = 0.12  # inches
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so every machine draws the same picture
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "axes.unicode_minus": True,
    "text.parse_math": False,  # a dollar sign is a dollar sign
    "text.hinting": "none",  # letters as wide as the font says, not moved to whole pixels: true widths, drawn faster
}
TITLE, SUBTITLE, NOTE = 12.5, 9.5, 8
LINE_HEIGHT = 1.36


@dataclass(frozen=True)
class Figure:
    """A drawn figure: PNG bytes and the same message in words."""

    png: bytes
    alt: str

    def bundle(self, stamp: str = "", rules=None) -> tuple[dict, dict]:
        """The mime bundle; the alternative text travels in the metadata, where nbconvert looks for it."""
        picture = base64.b64encode(self.png).decode("ascii")
        return {"image/png": picture, "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


class Sheet:
    """One figure being drawn: room for the words above and below is set aside, `ax` is what is left.

    title      the finding, in one or two lines
    subtitle   what is measured, for whom, in which unit
    note       source, number of people, how to read the marks
    height     inches of the drawing itself; left and right: inches beside it, for labels
    """

    def __init__(
        self,
        title: str,
        subtitle: str,
        note: str,
        stamp: str = "",
        height: float = 2.4,
        left: float = 0.6,
        right: float = 0.25,
        below: float = 0.5,
        axes: bool = True,
    ):
        title, subtitle, note = (_capitals(text) for text in (title, subtitle, note))
        head = [(line, TITLE) for line in _even(title, TITLE, bold=True)]
        head += [(line, SUBTITLE) for line in _even(subtitle, SUBTITLE)]
        foot = [(line, False) for line in wrap(note, NOTE)] + [(line, True) for line in wrap(stamp, NOTE, bold=True)]
        above = 0.12 + sum(size / 72 * LINE_HEIGHT for _, size in head) + 0.14
        under = below + 0.145 * len(foot) + 0.08
        self.title, self.subtitle, self.note = title, subtitle, note
        self.height = above + height + under
        with rc_context(STYLE):
            self.canvas = Canvas(figsize=(WIDTH, self.height), dpi=DPI, facecolor=PAPER)
            _Pixels(self.canvas)
            self._write(head, foot)
            narrow = min(1, (WIDTH - DRAWING) / (left + right))  # a city's very long words are cut, not the drawing
            left, right = left * narrow, right * narrow
            box = [left / WIDTH, under / self.height, 1 - (left + right) / WIDTH, height / self.height]
            self.ax = self.canvas.add_axes(box)
            if not axes:
                self.ax.set_axis_off()

    def _write(self, head, foot) -> None:
        y = self.height - 0.12
        for text, size in head:
            big = size == TITLE
            self.canvas.text(
                LEFT_EDGE / WIDTH,
                y / self.height,
                text,
                fontsize=size,
                va="top",
                fontweight="bold" if big else "normal",
                color=INK if big else MUTED,
            )
            y -= size / 72 * LINE_HEIGHT
        for i, (text, bold) in enumerate(reversed(foot)):
            y = 0.08 + 0.145 * i
            self.canvas.text(
                LEFT_EDGE / WIDTH,
                y / self.height,
                text,
                fontsize=NOTE,
                va="bottom",
                fontweight="bold" if bold else "normal",
                color=INK if bold else MUTED,
            )

    def done(self, alt: str) -> Figure:
        """Finish: the picture as PNG (no date, no program version inside) with its alternative text."""
        for axis in (axis for ax in self.canvas.axes for axis in (ax.xaxis, ax.yaxis)):
            if not axis.label.get_text():
                axis.set_label_coords(0, 0)  # else a place beside all tick labels is worked out for no words
        with rc_context(STYLE):
            self.canvas.canvas.draw()
        return Figure(_png(self.canvas.canvas.buffer_rgba()), alt)


class _Pixels(FigureCanvasAgg):
    """Pixels drawn with letters from memory."""

    def get_renderer(self) -> RendererAgg:
        if not hasattr(self, "renderer"):
            self.renderer = _Renderer(*self.figure.bbox.size, self.figure.dpi)
        return self.renderer


class _Renderer(RendererAgg):
    """matplotlib's own goes back to the font's file for every letter: more than half of the time of a text."""

    def _prepare_font(self, font_prop: FontProperties) -> FT2Font:
        font = _font(tuple(font_prop.get_family()), font_prop.get_style(), font_prop.get_weight())
        font.clear()
        font.set_size(font_prop.get_size_in_points(), self.dpi)
        return font


@cache
def _font(family: tuple[str, ...], style: str, weight: str | int) -> FT2Font:
    path = findfont(FontProperties(family=list(family), style=style, weight=weight))
    return FT2Font(io.BytesIO(Path(path).read_bytes()))


def _png(pixels) -> bytes:
    """The picture with a palette: a third of the bytes, no visible change."""
    from PIL import Image

    picture = Image.fromarray(np.asarray(pixels)).convert("RGB").quantize(255, Image.Quantize.FASTOCTREE, dither=0)
    out = io.BytesIO()
    picture.save(out, format="png")
    return out.getvalue()


def _capitals(text: str) -> str:
    """Upper case at the start of the text and of each sentence."""
    return re.sub(r"(^|[.] )([a-z])", lambda found: found[1] + found[2].upper(), text)


def wrap(text: str, size: float, bold: bool = False, inches: float = WIDTH - 2 * LEFT_EDGE) -> list[str]:
    """Break a text into lines that fit, measured with the font it is drawn in."""
    lines = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, bold) <= inches:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _even(text: str, size: float, bold: bool = False) -> list[str]:
    """Break a text into as few lines as fit, about equally long: no word stands alone on the last one."""
    lines = wrap(text, size, bold)
    widths = [text_width(text, size, bold) / len(lines) * (1 + share / 20) for share in range(20)]
    tried = (wrap(text, size, bold, inches) for inches in widths)
    return next((found for found in tried if len(found) == len(lines)), lines)


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width of a text in inches: the sum of the widths of its letters."""
    return sum(_letter(letter, bold) for letter in text) * size / 72


@lru_cache(maxsize=2048)
def _letter(letter: str, bold: bool) -> float:
    """Width of a letter in units of the font size."""
    font = _font((STYLE["font.family"],), "normal", "bold" if bold else "normal")
    font.set_size(100, 72)
    return font.load_char(ord(letter)).linearHoriAdvance / 65536 / 100
