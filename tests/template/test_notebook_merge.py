"""Two sets of changes to a notebook, put together by cell: nothing lost, nothing twice, every clash to be seen."""

import copy
import json
from itertools import product

import nbformat
import pytest
from fleet import IMPACT, SKELETON, place
from template_helpers import ROOT

from shared_utils.conflicts import places
from shared_utils.template import notebooks

BASE = notebooks.parse((ROOT / SKELETON / IMPACT).read_bytes(), IMPACT)


def changed(*changes):
    notebook = copy.deepcopy(BASE)
    for change in changes:
        change(notebook["cells"])
    return notebook


def text(cell_id, source):
    return lambda cells: cells[place(cells, cell_id)].update(source=[source])


def moved(cell_id, to):
    return lambda cells: cells.insert(to, cells.pop(place(cells, cell_id)))


def deleted(cell_id):
    return lambda cells: cells.pop(place(cells, cell_id))


def added(cell_id, after, source):
    cell = {
        "cell_type": "code",
        "id": cell_id,
        "metadata": {},
        "source": [source],
        "outputs": [],
        "execution_count": None,
    }
    return lambda cells: cells.insert(place(cells, after) + 1, cell)


def tagged(cell_id, *tags):
    return lambda cells: cells[place(cells, cell_id)]["metadata"].update(tags=list(tags))


def merged(ours, theirs):
    """What `merge` gives, checked as Jupyter would: ({id: text} in order, ids in conflict)."""
    before = copy.deepcopy((BASE, ours, theirs))
    notebook, conflicts = notebooks.merge(BASE, ours, theirs, "the template")
    assert (BASE, ours, theirs) == before
    nbformat.validate(json.loads(notebooks.dump(notebook)))
    found = {cell["id"]: notebooks.text(cell) for cell in notebook["cells"]}
    assert len(found) == len(notebook["cells"])
    assert places(notebooks.dump(notebook), IMPACT) == [f"cell {one}" for one in conflicts]
    return found, conflicts


IDS = [cell["id"] for cell in BASE["cells"]]


def test_a_cell_both_changed_shows_both_texts_whole():
    found, conflicts = merged(
        changed(text("i1", "impact.plan(book)\nmine")), changed(text("i1", "impact.plan(book)\ntheirs"))
    )
    assert conflicts == ["i1"] and list(found) == IDS
    assert found["i1"] == (
        "<<<<<<< yours\nimpact.plan(book)\nmine\n=======\nimpact.plan(book)\ntheirs\n>>>>>>> the template"
    )


def test_marks_in_a_text_cell_can_be_seen():
    # Bare, "=======" under a line would make it a heading, and ">>>>>>>" would be seven quotes.
    found, conflicts = merged(changed(text("i1-text", "mine")), changed(text("i1-text", "theirs")))
    assert conflicts == ["i1-text"]
    assert found["i1-text"] == "`<<<<<<< yours`\n\nmine\n\n`=======`\n\ntheirs\n\n`>>>>>>> the template`"


@pytest.mark.parametrize("swap", [False, True])
def test_a_cell_one_side_deleted_and_the_other_changed_stays_and_says_so(swap):
    sides = changed(deleted("i1")), changed(text("i1", "new"))
    found, conflicts = merged(*(reversed(sides) if swap else sides))
    assert conflicts == ["i1"] and list(found) == IDS
    assert found["i1"] == (
        "<<<<<<< yours\nnew\n=======\n>>>>>>> the template (deleted there)"
        if swap
        else "<<<<<<< yours (you deleted this)\n=======\nnew\n>>>>>>> the template"
    )


def test_a_moved_cell_gets_the_template_s_change_in_its_new_place():
    found, conflicts = merged(changed(moved("i1", 20)), changed(text("i1", "theirs")))
    assert conflicts == [] and found["i1"] == "theirs"
    assert list(found) == [cell["id"] for cell in changed(moved("i1", 20))["cells"]]


def test_new_cells_of_both_at_one_place_are_both_there():
    # nbdime 4.0 leaves one cell there whose id is no text: a file Jupyter refuses.
    found, conflicts = merged(changed(added("mine", "i1", "a")), changed(added("new", "i1", "b")))
    assert conflicts == [] and list(found)[IDS.index("i1") : IDS.index("i1") + 3] == ["i1", "mine", "new"]


def test_cells_moved_to_different_places_are_shown_at_the_top():
    ours, theirs = changed(moved("i1", 20)), changed(moved("i1", 2))
    found, conflicts = merged(ours, theirs)
    assert conflicts == [notebooks.ORDER] and next(iter(found)) == notebooks.ORDER
    assert list(found)[1:] == [cell["id"] for cell in ours["cells"]]


def test_the_same_change_on_both_sides_is_no_conflict():
    both = changed(text("i1", "same"), deleted("i3"), moved("i4", 2))
    assert merged(both, copy.deepcopy(both)) == ({c["id"]: notebooks.text(c) for c in both["cells"]}, [])


def test_tags_of_the_template_arrive_and_the_results_of_a_cell_leave_with_its_text():
    ours = changed(lambda cells: cells[place(cells, "i1")].update(outputs=[{"output_type": "error"}]))
    notebook, _ = notebooks.merge(BASE, ours, changed(tagged("i1", "new")))
    cell = notebook["cells"][place(notebook["cells"], "i1")]
    assert cell["metadata"]["tags"] == ["new"] and cell["outputs"]
    notebook, _ = notebooks.merge(BASE, ours, changed(text("i1", "theirs")))
    assert notebook["cells"][place(notebook["cells"], "i1")]["outputs"] == []


def test_cells_without_ids_are_known_by_their_text():
    # An older Jupyter saves without ids; the analyst's new cell gets one of its own.
    ours = changed(added("mine", "i1", "my own"), text("i2", "mine"))
    for cell in ours["cells"]:
        del cell["id"]
    found, conflicts = merged(ours, changed(text("i1", "theirs"), text("i2", "theirs too")))
    assert found["i1"] == "theirs" and "my own" in found.values() and "mine" in found.values()
    assert conflicts == ["i2"] and "theirs too" in found["i2"]


# Every pair of one change each: a change of one side alone is there afterwards, or marked. Nothing is ever lost.
CHANGES = {
    "text": text("i2", "CHANGED {side}"),
    "other text": text("i3", "CHANGED {side}"),
    "moved": moved("i2", 25),
    "deleted": deleted("i2"),
    "added": added("{side}", "i2", "CHANGED {side}"),
    "tagged": tagged("i2", "{side}"),
}


def by(side, name):
    notebook = changed(CHANGES[name])
    return json.loads(json.dumps(notebook).replace("{side}", side))


@pytest.mark.parametrize(("one", "other"), [*product(CHANGES, repeat=2)])
def test_no_change_is_lost(one, other):
    found, conflicts = merged(by("ours", one), by("theirs", other))
    everything = "\n".join(found.values())
    for side, name in (("ours", one), ("theirs", other)):
        if name in ("text", "other text", "added"):
            assert f"CHANGED {side}" in everything
    clash = one == other in ("text", "other text") or {one, other} in ({"text", "deleted"}, {"tagged", "deleted"})
    assert bool(conflicts) == clash
    if "moved" in (one, other) and "deleted" not in (one, other):
        assert list(found).index("i2") > 20


def test_differences_name_each_cell_and_what_happened_to_it():
    ours = changed(text("i1", "mine"), moved("i2", 25), deleted("i3"), added("mine", "i4", "a"))
    assert [(change.cell, change.kind) for change in notebooks.changes(BASE, ours)] == [
        ("i1", "changed"),
        ("mine", "added"),
        ("i2", "moved"),
        ("i3", "deleted"),
    ]
    assert notebooks.changes(BASE, changed()) == []
    assert notebooks.changes(BASE, changed(lambda cells: cells[3]["metadata"].update(collapsed=True))) == []


def test_what_is_no_notebook_is_said(tmp_path, capsys):
    with pytest.raises(notebooks.NotANotebook, match="03_impact.ipynb is not a notebook that can be read"):
        notebooks.parse(b"<<<<<<< ours\n{}", IMPACT)
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_bytes(notebooks.dump(BASE))
    paths[2].write_text("{", encoding="utf-8")
    assert notebooks.main(list(map(str, paths))) == 1
    assert paths[1].read_bytes() == notebooks.dump(BASE)
    assert "c is not a notebook" in capsys.readouterr().err
