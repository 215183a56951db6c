"""Each type of chart against its data and against the picture a person reviewed (reviewed_charts.py says how)."""

import inspect

import chart_drawings
import numpy as np
import pytest
from chart_drawings import CHARTS
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from reviewed_charts import MARKS, REVIEWED, WORDS, difference, marks, stored, words

from shared_utils.sections import figures

MODULES = [getattr(chart_drawings, name) for name in vars(chart_drawings) if name.startswith("charts_")]
HINT = "Look at it. If it is as it should be: python tests/sections/reviewed_charts.py"


@pytest.fixture
def drawn(monkeypatch):
    """drawn(name) -> (the sheet with its marks, the picture)."""
    kept, done = [], figures.Sheet.done
    monkeypatch.setattr(figures.Sheet, "done", lambda self, alt: kept.append(self) or done(self, alt))

    def draw(name: str):
        picture = CHARTS[name].draw()
        return kept[-1], picture.png

    return draw


EVERY_TIME = ("tract_map", "series_around_the_pilot", "control_xmr", "effects")  # the others in the full set
EACH = [name if name in EVERY_TIME else pytest.param(name, marks=pytest.mark.full) for name in CHARTS]


@pytest.mark.parametrize("name", EACH)
def test_a_chart_shows_its_data_and_looks_as_reviewed(drawn, name, tmp_path):
    sheet, png = drawn(name)
    numbers = marks(sheet.canvas)
    missing = [number for number in CHARTS[name].marks if not np.isclose(numbers, number, atol=1e-3).any()]
    assert not missing
    reviewed = (REVIEWED / f"{name}.png").read_bytes()
    mark, word = difference(reviewed, png, words(sheet.canvas))
    (tmp_path / f"{name}.png").write_bytes(png)
    assert mark <= MARKS and word <= WORDS, f"{tmp_path / name}.png is not as reviewed ({mark:.1f}, {word:.1f}). {HINT}"
    assert len(reviewed) <= 25_000


@pytest.mark.parametrize("name", EACH)
def test_letters_from_memory_make_the_picture_that_matplotlib_makes(drawn, name):
    sheet, png = drawn(name)
    FigureCanvasAgg(sheet.canvas)
    with rc_context(figures.STYLE):
        for axis in (axis for ax in sheet.canvas.axes for axis in (ax.xaxis, ax.yaxis)):
            axis._autolabelpos = True
        sheet.canvas.canvas.draw()
    assert figures._png(sheet.canvas.canvas.buffer_rgba()) == png


@pytest.mark.parametrize(("name", "part"), [
    ("bars", lambda ax: ax.patches[1]), ("balance_dots", lambda ax: ax.lines[-1]),
    ("forecast_fan", lambda ax: ax.collections[0]), ("still_waiting", lambda ax: ax.lines[1]),
    ("people_flow", lambda ax: ax.patches[2]), ("tract_map", lambda ax: ax.collections[3]),
    ("bars", lambda ax: ax.texts[-1]),
], ids=["bar", "dot", "band", "curve", "box", "hatching", "label"])  # fmt: skip
def test_a_picture_without_one_of_its_marks_is_refused(drawn, name, part):
    sheet, _ = drawn(name)
    part(sheet.ax).set_visible(False)
    without = sheet.done("").png
    mark, word = difference((REVIEWED / f"{name}.png").read_bytes(), without, words(sheet.canvas))
    assert mark > MARKS or word > WORDS


@pytest.mark.full
@pytest.mark.parametrize("setting", [{"text.hinting": "default"}, {"text.antialiased": False}], ids=str)
def test_letters_of_another_machine_are_let_through(drawn, monkeypatch, setting):
    for key, value in setting.items():
        monkeypatch.setitem(figures.STYLE, key, value)
    for name in ("people_flow", "people_in_100", "series_around_the_pilot"):
        sheet, png = drawn(name)
        reviewed = (REVIEWED / f"{name}.png").read_bytes()
        assert reviewed != stored(png)
        mark, word = difference(reviewed, png, words(sheet.canvas))
        assert mark <= MARKS and word <= WORDS


def test_every_chart_that_a_notebook_can_draw_was_reviewed():
    code = inspect.getsource(chart_drawings)
    for module in MODULES:
        own = [f for f in vars(module).values() if inspect.isfunction(f) and f.__module__ == module.__name__]
        charts = [f.__name__ for f in own if inspect.signature(f).return_annotation in (figures.Figure, "Figure")]
        short = module.__name__.rpartition(".")[2]
        assert charts and all(f"{short}.{name}(" in code for name in charts if not name.startswith("_"))
    assert {path.stem for path in REVIEWED.glob("*.png")} == set(CHARTS)
