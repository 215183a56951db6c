"""How a drawing of a chart is compared with the picture a person reviewed (tests/sections/charts).

    python tests/sections/reviewed_charts.py        draws all pictures again; look at each one that changed

Two pictures are compared in grey, small, by blocks. Words are held apart from marks: another font engine draws other
letters, so that of a piece of text only its place and its darkness count; a mark that is gone is seen.
"""

import io
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
REVIEWED = Path(__file__).parent / "charts"
COLORS = 96  # of a stored picture: keeps it small, changes nothing that is seen
SMALLER = 2  # pictures are compared at half their size
BLOCK = 12  # pixels of the smaller picture: the size of a dot
AROUND = 3  # pixels that belong to a text around its letters
MARKS, WORDS = 6.0, 30.0  # levels of grey, of 255, by which a block outside the words and a piece of text may differ


def stored(png: bytes) -> bytes:
    """The picture as it is kept for review: the same size, few colors, few bytes."""
    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLORS, Image.Quantize.MEDIANCUT, dither=0)
    out = io.BytesIO()
    picture.save(out, format="png", optimize=True)
    return out.getvalue()


def difference(reviewed: bytes, drawn: bytes, words: list[tuple]) -> tuple[float, float]:
    """Return the largest difference of a block outside the words, and of a piece of text, in levels of grey.

    words: boxes of text in the drawn picture, (left, top, right, bottom) in pixels. inf when the pictures have other
    shapes.
    """
    from PIL import Image

    one, other = (Image.open(io.BytesIO(png)).convert("L") for png in (reviewed, drawn))
    if one.size != other.size:
        return float("inf"), float("inf")
    texts = [abs(np.mean(one.crop(box)) - np.mean(other.crop(box))) for box in words]
    for box in words:
        for picture in (one, other):
            picture.paste(255, box)
    first, second = (np.asarray(picture.reduce(SMALLER), float) for picture in (one, other))
    return float(np.abs(_blocks(first) - _blocks(second)).max()), float(max(texts, default=0.0))


def _blocks(grey: np.ndarray) -> np.ndarray:
    """Mean of each block, and of the blocks half a block further, so that no mark hides on a border."""
    found = []
    for shift in (0, BLOCK // 2):
        part = grey[shift:, shift:]
        high, wide = (size // BLOCK for size in part.shape)
        part = part[: high * BLOCK, : wide * BLOCK].reshape(high, BLOCK, wide, BLOCK)
        found.append(part.mean(axis=(1, 3)).ravel())
    return np.concatenate(found)


def words(canvas) -> list[tuple]:
    """Boxes of all text of a drawing: (left, top, right, bottom) in pixels of its picture."""
    from matplotlib.text import Text

    wide, high = canvas.canvas.get_width_height()
    boxes = []
    for text in canvas.findobj(Text):
        if text.get_text().strip() and text.get_visible():
            left, bottom, right, top = Text.get_window_extent(text).extents
            box = (left - AROUND, high - top - AROUND, right + AROUND, high - bottom + AROUND)
            left, top, right, bottom = (int(round(end)) for end in box)
            boxes.append((max(0, left), max(0, top), min(wide, right), min(high, bottom)))
    return [box for box in boxes if box[0] < box[2] and box[1] < box[3]]


def marks(canvas) -> np.ndarray:
    """All numbers behind the marks of a drawing: lines, bars, shaded areas, cells and shapes."""
    found = []
    for ax in canvas.axes:
        for line in ax.lines:
            found += [np.ravel(line.get_ydata()), _numbers(line.get_xdata())]
        found += [np.array(patch.get_bbox().bounds) for patch in ax.patches if hasattr(patch, "get_bbox")]
        for part in ax.collections:
            found += [path.vertices.ravel() for path in part.get_paths()]
            found.append(np.ma.filled(np.ravel(part.get_array()), np.nan) if part.get_array() is not None else [])
    return np.concatenate([np.asarray(part, float) for part in found])


def _numbers(values) -> np.ndarray:
    values = np.ravel(values)
    return values if np.issubdtype(values.dtype, np.number) else np.array([])


def main() -> None:
    """Draw every picture again, and say which are not as they were."""
    sys.path.insert(0, str(ROOT))
    from chart_drawings import CHARTS

    REVIEWED.mkdir(exist_ok=True)
    for name, chart in CHARTS.items():
        path, png = REVIEWED / f"{name}.png", stored(chart.draw().png)
        before = path.read_bytes() if path.is_file() else b""
        path.write_bytes(png)
        if png != before:
            print(f"{path.relative_to(ROOT).as_posix()}: {'changed' if before else 'new'}")


if __name__ == "__main__":
    main()
