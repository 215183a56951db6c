"""A section always leaves something to read, runs once, and its tables never show a small cell."""

import base64
import warnings

import pytest

from shared_utils.disclosure import Rules, group
from shared_utils.errors import EmiError
from shared_utils.results import Flag
from shared_utils.sections.charts_compare import Bar, bars, intervals
from shared_utils.sections.charts_limits import love
from shared_utils.sections.charts_shape import flow, squares
from shared_utils.sections.figures import text_width, wrap
from shared_utils.sections.numbers import plain, share, usd
from shared_utils.sections.scales import Scale
from shared_utils.sections.section import RELEASE, Section, section
from shared_utils.sections.tables import Column, Table

SHEET = {"title": "About 8 more in 100 had a job", "subtitle": "Points", "note": "Source: records.", "stamp": "MARK"}


class Book:
    def __init__(self):
        self.sections, self.stamp, self.rules = {}, "MARK", Rules()


def test_a_problem_becomes_a_visible_section_with_a_flag():
    @section("B9", "Is it there?")
    def broken(book):
        raise EmiError("the file has no column 'x'", "Add it.")

    made = broken(Book())
    assert made.sentence == "This section could not run: the file has no column 'x'. Add it."
    assert made.flags == [Flag("B9_NOT_RUN", "warn", "B9", "B9 could not run: the file has no column 'x'.", False)]
    assert made.question == "Is it there?" and "MARK" in made.bundles()[0][0]["text/html"]


def test_without_the_main_result_there_is_a_block():
    @section("I9", "What?", vital=True)
    def broken(book):
        raise EmiError("no outcome")

    assert broken(Book()).flags[0].severity == "block" and broken(Book()).flags[0].affects_primary


def test_any_other_error_is_a_bug_and_is_raised():
    @section("I9", "What?")
    def broken(book):
        raise KeyError("x")

    with pytest.raises(KeyError):
        broken(Book())


def test_a_section_runs_once_and_shows_warnings_of_the_fit():
    ran = []

    @section("B9", "What?")
    def once(book):
        ran.append(1)
        warnings.warn("did not converge", UserWarning, stacklevel=1)
        return Section("Done.")

    book = Book()
    assert once(book) is once(book) and ran == [1]
    assert [flag.message for flag in once(book).flags] == ["B9: did not converge"]


def test_display_gives_both_renderings_of_a_table(monkeypatch):
    out = []
    monkeypatch.setattr(
        "IPython.display.publish_display_data", lambda data, metadata=None: out.append((data, metadata))
    )
    table = Table("People", [Column("group", "Group"), Column("n", "n", "count")], [{"group": "all", "n": 763}])
    picture = bars([("a", 1, "1")], SHEET, "a bar chart of one", "n")
    Section("There are people.", table=table, figure=picture)._ipython_display_()
    text, image, rows = (bundle for bundle, _ in out)
    assert "There are people." in text["text/html"] and text[RELEASE] == text["text/html"]
    assert base64.b64decode(image["image/png"]).startswith(b"\x89PNG") and out[1][1]["image/png"]["alt"]
    assert "763" in rows["text/html"] and "765" in rows[RELEASE] and "763" not in rows[RELEASE]
    assert '<th scope="row"' in rows["text/html"] and '<th scope="col"' in rows["text/html"]


def test_small_cells_are_hidden_in_both_renderings():
    rows = [{"group": "a", "n": 7, "share": 0.01}, {"group": "b", "n": 400, "share": 0.571}]
    columns = [Column("group", "Group"), Column("n", "n", "count"),
               Column("share", "Share", "share", n="total", numerator="n")]  # fmt: skip
    table = Table("Groups", columns, [row | {"total": 700} for row in rows])
    for release in (False, True):
        html = table.html(Rules(), release=release)
        assert ">7<" not in html and "1.0%" not in html and html.count(">*<") == 2 and "57.1%" in html
        assert "fewer than 11 people" in html


RACES = {"black": 84, "white": 41, "hispanic": 23, "asian": 4, "other": 15}


def races() -> Table:
    """The worked check of pilots.md 2.7: the total of 167 stands in every share."""
    columns = [Column("group", "Group"), Column("n", "n", "count"),
               Column("share", "Share", "share", n="total", numerator="n")]  # fmt: skip
    rows = [{"group": name, "n": n, "total": 167, "share": n / 167} for name, n in RACES.items()]
    everyone = group("people")
    return Table("Race", columns, rows, groups=lambda r: {"n": everyone.within(race=r["group"]), "total": everyone})


def test_a_hidden_count_takes_the_smallest_other_with_it():
    table = races()
    assert [row["group"] for row in table.told(Rules(), "n")] == ["black", "white", "hispanic"]
    html = table.html(Rules(), release=True)
    assert html.count(">*<") == 4 and ">85<" in html and ">15<" not in html


def test_released_cells_name_their_groups_and_the_exact_counts_travel_beside_them():
    data, metadata = races().bundle("", Rules())
    assert ["people|race=asian", 4] in metadata["emi"]["counts"] and ["people", 167] in metadata["emi"]["counts"]
    assert metadata["emi"]["hidden"] == ["people|race=asian", "people|race=other"]
    assert "data-groups" not in data["text/html"] and data[RELEASE].count("people|race=hispanic") == 2


def test_sentences_and_figures_name_the_groups_they_show():
    made = Section("Most are Black.", table=races())
    shows = made.bundles()[0][1]["emi"]["shows"]
    assert "people|race=black" in shows and "people|race=asian" not in shows
    assert Section("No count.", table=races(), shows=frozenset()).bundles()[0][1] == {}


def test_an_effect_keeps_the_decimals_its_standard_error_supports():
    points = Scale("prob_diff", "percentage points")
    assert [points.text(x, 0.0346, Rules()) for x in (0.08, 0.0123, -0.018)] == ["8.0", "1.2", "\N{MINUS SIGN}1.8"]
    assert Scale("usd", "dollars").text(384.2, 138.0, Rules()) == "$380"
    assert Scale("log_irr", "percent change").text(-0.1985, 0.069, Rules()) == "\N{MINUS SIGN}18.0%"
    assert Scale("prob_diff", "points", gain=True).shown(0.03) == pytest.approx(3)
    assert Scale("log_irr", "percent", gain=True).shown(0.10536) == pytest.approx(10, abs=0.01)
    assert points.text(float("inf")) == "no limit"


def test_numbers_in_print():
    assert plain(7.60) == "7.6" and plain(1234.0) == "1,234" and plain(-0.0) == "0"
    assert (
        share(0.58333) == "58.3%"
        and share(0.58333, 50, rules=Rules()) == "58%"
        and usd(-1234) == "\N{MINUS SIGN}$1,234"
    )


@pytest.mark.parametrize("draw", [
    lambda: intervals([Bar("effect of a long named arm that needs two lines of text", 8, 1, 14, "8 (1 to 14)")], SHEET,
                      "an interval", "points", ((0, "none"), (5, "worthwhile"))),
    lambda: love([("age", 0.03), ("children", 0.31)], SHEET, "a balance chart"),
    lambda: squares([("with: 58", 58, 8), ("without: 50", 50, 0)], SHEET, "squares"),
    lambda: flow([[("all", "800")], [("a", "400"), ("b", "400")]], SHEET, "a flow"),
], ids=["intervals", "love", "squares", "flow"])  # fmt: skip
def test_figures_are_small_wide_enough_and_always_the_same(draw):
    import io

    from PIL import Image

    first, second = draw(), draw()
    assert first.png == second.png and len(first.png) < 60_000
    assert Image.open(io.BytesIO(first.png)).width == 704


def test_words_are_broken_to_fit():
    lines = wrap("one two three four five six seven eight nine ten " * 3, 9.5)
    assert len(lines) > 1 and all(text_width(line, 9.5) <= 6.2 for line in lines)
