"""What of a notebook reaches a public page: what a section released, and nothing else."""

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from shared_utils.disclosure.scan import forbidden
from shared_utils.results.fragment import RELEASE_MIME, ReleaseError, to_fragment

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ALT = "Dot and line: 7.5 points better, between 0.7 and 14.3."
TABLE = (
    "<table><caption>Effect</caption><thead><tr><th></th><th>Effect</th></tr></thead>"
    "<tbody><tr><th>Employed</th><td>{}</td></tr></tbody></table>"
)


def shown(data, **metadata):
    return new_output("display_data", data=data, metadata=metadata)


def section(*outputs, source="impact.primary_effect(book)", tags=()):
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})


def notebook(*cells):
    headings = [new_markdown_cell("# Impact"), new_markdown_cell("## I4. What was the effect?")]
    return new_notebook(cells=[*headings, *cells])


def page(*cells):
    return BeautifulSoup(to_fragment(notebook(*cells)), "html.parser")


def table_output():
    internal, release = TABLE.format("7.512"), TABLE.format("7.5")
    return shown({"text/html": internal, RELEASE_MIME: release, "text/plain": "Effect"})


def figure_output(alt=ALT):
    return shown({"image/png": DOT, "text/plain": "<Figure>"}, **{"image/png": {"alt": alt}})


def test_the_released_form_is_shown_and_the_internal_one_is_not():
    soup = page(section(table_output()))
    assert soup.td.find_next("td").get_text() == "7.5"
    assert "7.512" not in str(soup)


def test_figures_keep_their_words():
    figure = page(section(figure_output())).find("figure")
    assert figure["tabindex"] == "0" and figure["aria-label"] == "Figure 1"  # it scrolls on a phone
    image = figure.find("img")
    assert image["alt"] == ALT
    assert image["src"] == f"data:image/png;base64,{DOT}"


def test_headers_say_what_they_head_and_tables_scroll_by_themselves():
    soup = page(section(table_output()))
    assert [(th.get_text(), th["scope"]) for th in soup("th")] == [("Effect", "col"), ("Employed", "row")]
    assert soup.table.parent["role"] == "region" and soup.table.parent["tabindex"] == "0"
    assert soup.table.parent["aria-label"] == "Effect, table 1"


def test_headings_have_short_ids():
    assert [(h.name, h["id"]) for h in page()(["h1", "h2"])] == [("h1", "impact"), ("h2", "i4")]


def test_code_is_folded_away():
    details = page(section(table_output())).details
    assert details.summary.get_text() == "Show the code of this section"
    assert details.pre.get_text() == "impact.primary_effect(book)"


@pytest.mark.parametrize(
    "output",
    [
        shown({"text/html": TABLE.format("a resident")}),
        shown({"image/png": DOT}),
        shown({"image/svg+xml": "<svg>a resident</svg>"}),
        new_output("execute_result", data={"text/html": "<p>a resident</p>"}, execution_count=1),
    ],
    ids=["table", "figure", "svg", "html"],
)
def test_what_no_section_made_stays_inside_and_the_page_says_so(output):
    text = str(page(section(output)))
    assert "a resident" not in text and DOT not in text
    assert "stays inside the city" in text


@pytest.mark.parametrize(
    "output",
    [
        new_output("stream", name="stderr", text="/Users/ana/x.py: UserWarning"),
        new_output("stream", name="stdout", text="a resident"),
        new_output("execute_result", data={"text/plain": "a resident"}, execution_count=1),
    ],
    ids=["stderr", "stdout", "repr"],
)
def test_printed_text_is_dropped(output):
    text = str(page(section(output)))
    assert "resident" not in text and "/Users/" not in text


@pytest.mark.parametrize("tag", ["injected-parameters", "parameters", "for-analysts"])
def test_cells_of_papermill_and_for_analysts_are_dropped(tag):
    text = str(page(section(source='city_dir = "/Users/ana/cities/x"', tags=[tag])))
    assert "/Users/ana" not in text


def test_a_heading_with_a_number_alone_loses_it():
    soup = page(new_markdown_cell("## 2. The city and its data"))
    assert [(h["id"], h.get_text()) for h in soup("h2")] == [
        ("i4", "I4. What was the effect?"), ("the-city-and-its-data", "The city and its data")]  # fmt: skip


@pytest.mark.parametrize("alt", ["", "No description has been provided for this image", "plot.png", "figure"])
def test_a_figure_in_empty_words_is_refused(alt):
    with pytest.raises(ReleaseError, match="says nothing"):
        to_fragment(notebook(section(figure_output(alt))))


def test_a_failed_run_is_refused():
    error = new_output("error", ename="KeyError", evalue="x", traceback=["x"])
    with pytest.raises(ReleaseError, match="its run failed"):
        to_fragment(notebook(section(error)))
    failed = notebook()
    failed.metadata["papermill"] = {"exception": True}
    with pytest.raises(ReleaseError, match="its run failed"):
        to_fragment(failed)


def test_nothing_on_the_page_asks_another_computer():
    text = to_fragment(
        notebook(
            new_markdown_cell("[a paper](https://example.org) ![x](https://example.org/x.png)"),
            new_markdown_cell("<script src='https://example.org/x.js'></script><p onclick='x()'>Text</p>"),
        )
    )
    assert "http" not in text and "<script" not in text and "onclick" not in text
    assert "a paper" in text and "Text" in text


def test_a_lost_table_is_refused(monkeypatch):
    from shared_utils.results import fragment

    monkeypatch.setattr(fragment, "_exported", lambda notebook: "<div class='cell'></div>")
    with pytest.raises(ReleaseError, match="0 figures and 1 tables went in, 0 and 0 came out"):
        to_fragment(notebook(section(table_output())))


def test_the_same_notebook_gives_the_same_bytes():
    made = notebook(section(table_output(), figure_output()))
    assert to_fragment(made) == to_fragment(nbformat.from_dict(made))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see /Users/ana/data", "a person's folder"),
        (r"C:\Users\ana\data", "a person's folder"),
        (r"C:\\Users\\ana", "a person's folder"),
        ("ana@city.gov", "an e-mail address"),
        ("p_abcdefghij234567abcd", "a pseudonym"),
        ("123-45-6789", "a social security number"),
        ("(555) 123-4567", "a telephone number"),
        ("tract 34013001100", "a census tract number"),
    ],
)
def test_the_last_look_finds(text, found):
    assert forbidden(f"<p>{text}</p>") == [found]


@pytest.mark.parametrize(
    "text",
    ["2019-04-01 to 2020-09-30", "7.5 (0.7 to 14.3)", "sha256:9f2a77aa51c00b7c34013001100aa", "L <= 0 @ U",
     "data:image/png;base64,/Users/abc==", "about 1,234,567 USD", "0.12345678901"],
)  # fmt: skip
def test_the_last_look_lets_numbers_pass(text):
    assert forbidden(text) == []
