"""Nothing leaves a city but by `release`: from outputs/internal to outputs/release, or not at all."""

import nbformat
import pytest
import record_factory
from test_fragment import DOT, figure_output, notebook, section, shown, table_output

from shared_utils import results
from shared_utils.config import preset_path
from shared_utils.disclosure import group
from shared_utils.results.fragment import RELEASE_MIME
from shared_utils.results.notebooks import executed_path


@pytest.fixture
def city(tmp_path):
    """A city whose impact notebook has run."""
    (tmp_path / "city.yml").write_text(preset_path("cincinnati").read_text(encoding="utf-8"), encoding="utf-8")
    run(tmp_path)
    return tmp_path


def run(city, status="ok", run_id="2020-11-02a", cells=None, name="impact", run_at="2020-10-31", **changes):
    record = record_factory.record("cincinnati", name, run={"status": status, "as_of": run_at}, **changes)
    results.write(record, results.internal_path(city, name))
    executed = notebook(*(cells or [section(figure_output(), table_output())]), section(record_output(record)))
    executed.metadata["papermill"] = {"exception": None, "parameters": {"run_id": run_id}}
    nbformat.write(executed, executed_path(city, name))


def record_output(record):
    """What the last cell shows: where the record went, with its exact counts."""
    counts = [[str(group), n] for group, n in record_factory.counts(record)]
    emi = {"record": record["record_type"], "counts": counts}
    return shown({RELEASE_MIME: "<p>The record was written.</p>"}, emi=emi)


def files(city):
    folder = city / "outputs" / "release"
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.exists() else {}


def test_a_record_and_its_page_are_released(city):
    written = results.release(city, ["impact"])
    assert [path.name for path in written] == ["impact.html", "results_impact.json"]
    assert list(files(city)) == ["impact.html", "results_impact.json"]
    record = results.read(results.release_path(city, "impact"))
    assert record["disclosure"]["level"] == "network" and record["estimates"][0]["value"] == 0.075
    assert b"7.5" in files(city)["impact.html"]


@pytest.mark.parametrize(
    ("name", "was", "now", "edited"),
    [
        ("results_impact.json", '"value": 0.075', '"value": 0.085', True),
        ("impact.html", "7.5", "8.5", True),
        ("impact.html", "\n", "\r\n", False),
    ],
    ids=["a number", "the page", "line ends of another system"],
)
def test_an_edit_after_the_release_shows(city, name, was, now, edited):
    results.release(city)
    record, path = results.release_path(city, "impact"), results.page_path(city, "impact")
    assert not results.edited(results.read(record), path.read_text(encoding="utf-8"))
    content = (record.parent / name).read_bytes()
    assert was.encode() in content
    (record.parent / name).write_bytes(content.replace(was.encode(), now.encode()))
    assert results.edited(results.read(record), path.read_text(encoding="utf-8")) == edited
    path.unlink()
    assert results.edited(results.read(record), None) == (name != "impact.html"), "a page taken back is no edit"


def test_all_notebooks_that_have_run_are_released_by_default(city):
    assert len(results.release(city)) == 2


def test_the_same_run_is_released_as_the_same_bytes(city):
    results.release(city)
    first = files(city)
    results.release(city)
    assert files(city) == first


def leak(text):
    return [section(table_output()), nbformat.v4.new_markdown_cell(text)]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda city: run(city, status="failed"), "ended 'failed'"),
        (lambda city: run(city, status="partial"), "ended 'partial'"),
        (lambda city: run(city, run_id="2020-12-01b"), "from two runs"),
        (lambda city: executed_path(city, "impact").unlink(), "no executed notebook"),
        (lambda city: run(city, cells=leak("ask ana@city.gov")), "an e-mail address"),
        (lambda city: run(city, cells=leak("see /Users/ana/x.csv")), "a person's folder"),
        (lambda city: run(city, cells=[section(figure_output("plot.png"))]), "says nothing"),
    ],
)
def test_what_may_not_leave_changes_nothing(city, spoil, words):
    results.release(city)
    before = files(city)
    spoil(city)
    with pytest.raises(results.ReleaseError, match=words):
        results.release(city)
    assert files(city) == before, "the last good release stays"


def test_one_refused_notebook_does_not_hold_the_others(city):
    results.write(record_factory.record("cincinnati", "baseline"), results.internal_path(city, "baseline"))
    with pytest.raises(results.ReleaseError, match="baseline: There is a record but no executed notebook"):
        results.release(city)
    assert list(files(city)) == ["impact.html", "results_impact.json"]


def test_an_unknown_notebook_is_refused(city):
    with pytest.raises(results.ReleaseError, match="Did you mean 'impact'"):
        results.release(city, ["impct"])


def test_a_notebook_that_has_not_run_is_refused(city):
    with pytest.raises(results.ReleaseError, match="There is no results_baseline.json"):
        results.release(city, ["baseline"])


WHO = group("participants")


def counting(*cells, hidden=()):
    """A table as a section shows it: cells of (group, n)."""
    body = "".join(f"<td class='num' data-groups='[\"{who}\"]'>{n}</td>" for who, n in cells)
    html = f"<table><tr>{body}</tr></table><div class='emi-table-notes'></div>"
    emi = {"counts": [[str(who), n] for who, n in cells], "hidden": [str(who) for who in hidden]}
    return shown({RELEASE_MIME: html}, emi=emi)


def told(mime, *groups):
    """A sentence or a figure that tells of groups."""
    text = '<p>Most are Black.</p><p class="emi-stamp">MARK</p>'
    data = {RELEASE_MIME: text} if mime == RELEASE_MIME else {"image/png": DOT}
    return shown(data, **{"image/png": {"alt": "Most are Black."}}, emi={"shows": [str(who) for who in groups]})


def text(city, name="impact"):
    return results.page_path(city, name).read_text(encoding="utf-8")


RACES = [(WHO.within(race=name), n) for name, n in (("black", 400), ("white", 372), ("asian", 31))]


def test_what_two_pages_tell_together_is_hidden_on_the_second(city):
    run(city, cells=[section(counting(*RACES))], name="baseline")
    results.release(city, ["baseline"])
    assert ">372<" in text(city, "baseline")
    by_arm = [(WHO.within(race="white", arm=arm), n) for arm, n in (("offer", 190), ("control", 179))]
    run(city, cells=[section(counting(*by_arm))])
    results.release(city, ["impact"])
    assert ">190<" not in text(city) or ">179<" not in text(city), "372 - 190 - 179 are three people"
    assert "together with other pages" in text(city)


def test_notebooks_of_one_release_hide_the_same_groups(city):
    small = WHO.within(race="other")
    run(city, cells=[section(counting((small, 4), (WHO.within(race="black"), 799), (WHO, 803)))], name="baseline")
    run(city, cells=[section(counting((WHO.within(race="black"), 799)))])
    results.release(city)
    assert "799" not in text(city) and "799" not in text(city, "baseline") and ">4<" not in text(city, "baseline")
    assert "data-groups" not in text(city) + text(city, "baseline")


@pytest.mark.parametrize(("mime", "words"), [(RELEASE_MIME, "A sentence or note"), ("image/png", "This figure")])
def test_sentences_and_figures_of_a_hidden_group_are_withheld(city, mime, words):
    few, rest = WHO.within(race="other"), WHO.within(race="black")
    run(city, cells=[section(counting((few, 4), (rest, 799)), told(mime, rest), told(mime, WHO))])
    results.release(city)
    assert text(city).count(f"{words} is withheld") == 1, "the one of everybody stays"
    assert text(city).count("Most are Black") == 1
    if mime == RELEASE_MIME:
        assert text(city).count("MARK") == 2, "the mark of synthetic data stays"


def test_a_group_hidden_once_stays_hidden_when_its_count_grows(city):
    def release(few, as_of):
        cells = [section(counting((WHO.within(race="other"), few), (WHO.within(race="black"), 799 + few)))]
        run(city, cells=cells, run_at=as_of)
        results.release(city)
        return text(city)

    assert ">9<" not in release(9, "2020-10-31")
    assert ">12<" not in release(12, "2020-11-30"), "12 - 9: three people came within a month"


def test_the_memory_stays_inside_and_does_not_grow_by_repeating(city):
    run(city, cells=[section(counting(*RACES))])
    results.release(city)
    memory = city / "outputs" / "internal" / "disclosure_memory.json"
    before, page = memory.read_bytes(), files(city)
    results.release(city)
    assert memory.read_bytes() == before and files(city) == page
    assert b"372" in before and list(page) == ["impact.html", "results_impact.json"]


def test_a_notebook_that_does_not_say_whom_it_counts_is_refused(city):
    executed = notebook(section(table_output()))
    nbformat.write(executed, executed_path(city, "impact"))
    with pytest.raises(results.ReleaseError, match="does not say whom its record counts"):
        results.release(city)
    assert files(city) == {}


def test_one_group_with_two_counts_is_refused(city):
    run(city, cells=[section(counting((WHO, 803)), counting((WHO, 804)))])
    with pytest.raises(results.ReleaseError, match="counted as 803 and as 804"):
        results.release(city)


def test_notebooks_of_other_data_are_not_one_release(city):
    old = [section(counting((WHO.within(race="black"), 300)))]
    run(city, cells=old, name="baseline", provenance={"inputs_digest": "sha256:older"})
    run(city, cells=[section(counting((WHO.within(race="black"), 400)))])
    assert len(results.release(city)) == 4
