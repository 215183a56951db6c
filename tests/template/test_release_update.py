"""From the release before this one, as its cities are, to the template of today: each case of an analyst's year."""

import shutil
from pathlib import Path

import pytest
from fleet import CASES, IMPACT, add_line, assert_valid, edit, place, sources, under_git
from template_helpers import ROOT, commit, git, tree

from shared_utils import conflicts
from shared_utils.template import notebooks, origin, update, vendoring

pytestmark = pytest.mark.full
LINE = "# the analyst's line"


def release_before(template: Path) -> str:
    """The newest tag; where there is none, the commit that last described the version before "Not yet released"."""
    if tag := git(template, "tag", "--list", "v*", "--sort=-version:refname").split():
        return git(template, "rev-parse", f"{tag[0]}^{{commit}}").strip()
    started = git(template, "log", "--format=%H", "-S## Not yet released", "--", "CHANGELOG.md").split()
    if not started:
        pytest.skip("this copy of the template holds no commit of an earlier release (a shallow clone?)")
    return git(template, "log", "-1", "--format=%H", f"{started[-1]}^", "--", "CHANGELOG.md").strip()


class Updated:
    """The nine cities of the release before, each changed in its way, and how their updates ended."""

    def __init__(self, source: Path, room: Path):
        self.cities, self.outcomes, self.before = {}, {}, {}
        self.old = release_before(source)
        with origin.template(source) as versions:
            self.new = versions.commit
            old, new = (notebooks.parse(versions.notebooks(v)[IMPACT], IMPACT) for v in (self.old, self.new))
            changed = {change.cell: change.kind for change in notebooks.changes(old, new)}
            self.both = next(cell for cell, kind in changed.items() if kind == "changed")
            self.alone = next(c["id"] for c in old["cells"] if c["cell_type"] == "code" and c["id"] not in changed)
            for key in CASES:
                city = self.cities[key] = self._make(versions, room / key, key)
                self._happens(key, city / IMPACT)
                self.before[key] = tree(city)
                self.outcomes[key] = update.update(versions, city)

    def _happens(self, key: str, impact: Path) -> None:
        """The edits of CASES, in the same cell as the template's or in one it left alone, whatever that is today."""
        edits = {
            "detroit": lambda: add_line(impact, self.both, LINE),
            "dayton": lambda: add_line(impact, self.alone, LINE),
            "lansing": lambda: edit(impact, lambda cells: cells.append(cells.pop(place(cells, self.alone)))),
            "neworleans": lambda: edit(impact, lambda cells: cells.pop(place(cells, self.alone))),
        }
        if key in edits:
            edits[key]()
            commit(impact.parent.parent, "A year of ours")
        else:
            CASES[key][0](impact.parent.parent)

    def _make(self, versions: origin.Template, city: Path, key: str) -> Path:
        for name, content in versions.render(self.old, {"city": key}).items():
            (city / name).parent.mkdir(parents=True, exist_ok=True)
            (city / name).write_bytes(content)
        context = {"cookiecutter": {"city": key}}
        record = {"template": str(versions.folder), "commit": self.old, "checkout": None, "context": context}
        origin.write_record(city, record)
        under_git(city)
        return city


@pytest.fixture(scope="module")
def updated(tmp_path_factory) -> Updated:
    """The template's history with the working tree as its newest commit, and the cities."""
    room = tmp_path_factory.mktemp("releases")
    source = room / "template"
    git(room, "clone", "--quiet", str(ROOT), str(source))
    for name in filter(None, git(source, "ls-files", "-z").split("\0")):
        (source / name).unlink()
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    (source / "CHANGELOG.md").open("a", encoding="utf-8").write("\n")  # so that there is something to commit
    commit(source, "As it is")
    return Updated(source, room / "cities")


@pytest.mark.parametrize("key", CASES)
def test_a_city_of_the_release_before_ends_valid_and_truthful(key, updated):
    city, state = updated.cities[key], updated.outcomes[key].state
    assert state == CASES[key][1], updated.outcomes[key]
    assert_valid(city)
    record = origin.record_of(city)
    assert record["commit"] == (updated.new if state in ("clean", "merged") else updated.old)
    if state in ("clean", "merged"):
        assert vendoring.check(city) == []
        update.check_ended(city)
        with origin.template(Path(record["template"])) as versions:
            today = notebooks.parse(versions.notebooks(updated.new)[IMPACT], IMPACT)
        own = sources(city / IMPACT)
        assert own[updated.both] == {cell["id"]: notebooks.text(cell) for cell in today["cells"]}[updated.both]
    elif state != "conflict":
        assert tree(city) == updated.before[key]


def test_the_edit_in_the_same_cell_is_there_and_seen(updated):
    cell = sources(updated.cities["detroit"] / IMPACT)[updated.both]
    assert LINE in cell and conflicts.marked(cell)
    with pytest.raises(update.Unfinished, match=f"{IMPACT}, cell {updated.both}: two texts stand there"):
        update.check_whole(updated.cities["detroit"])


def test_what_the_analysts_did_to_that_release_is_still_there(updated):
    cities = updated.cities
    assert LINE in sources(cities["dayton"] / IMPACT)[updated.alone]
    assert [*sources(cities["lansing"] / IMPACT)][-1] == updated.alone
    assert updated.alone not in sources(cities["neworleans"] / IMPACT)
    assert (cities["newark"] / "notebooks" / "04_costs.ipynb").is_file()
