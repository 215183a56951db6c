"""From the release before this one, as its cities are, to the template of today: each case of an analyst's year."""

import shutil
from pathlib import Path

import pytest
from fleet import CASES, IMPACT, add_line, assert_valid, sources, under_git
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
            self.both = next(change.cell for change in notebooks.changes(old, new) if change.kind == "changed")
            for key, (happened, _) in CASES.items():
                city = self.cities[key] = self._make(versions, room / key, key)
                if key == "detroit":  # edits a cell that the template changed too
                    add_line(city / IMPACT, self.both, LINE)
                    commit(city, "A line of ours")
                else:
                    happened(city)
                self.before[key] = tree(city)
                self.outcomes[key] = update.update(versions, city)

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
    asked = {"dayton": ("clean", "merged"), "lansing": ("clean", "merged")}.get(key, (CASES[key][1],))
    assert state in asked, updated.outcomes[key]
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
    assert "A note of the analyst." in sources(cities["dayton"] / IMPACT)["title"]
    assert [*sources(cities["lansing"] / IMPACT)][-1] == "i2"
    assert "i3" not in sources(cities["neworleans"] / IMPACT)
    assert (cities["newark"] / "notebooks" / "04_costs.ipynb").is_file()
