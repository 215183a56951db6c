"""Plain `cruft update` brings what changed in the template, leaves a city what is its own, and hides no conflict."""

import shutil
import subprocess
from pathlib import Path

import cruft
import pytest
from fleet import IMPACT, SKELETON, add_line, same_cell, sources
from template_helpers import commit, git, tree

from shared_utils.template import commit_guard, guards, origin, update, vendoring


@pytest.fixture
def updatable(template, no_user_defaults, tmp_path) -> tuple[Path, Path]:
    """A template to change, and Newark made from it by cruft and committed."""
    source = Path(shutil.copytree(template, tmp_path / "template"))
    city = cruft.create(
        str(source), output_dir=tmp_path, config_file=no_user_defaults, extra_context={"city": "newark"}
    )
    git(city, "init", "--quiet")
    git(city, "config", "user.name", "Test")
    git(city, "config", "user.email", "test@example.org")
    guards.install(city)
    (city / ".git" / "hooks" / "pre-commit").rename(city / ".git" / "hooks" / "kept")  # slow; one test wants it
    commit(city, "New city")
    return source, city


@pytest.mark.full
def test_changes_arrive_and_own_work_stays(updatable):
    source, city = updatable
    own = [
        "city.yml",
        "lessons.yaml",
        "actions.yaml",
        "plan/deviations.yaml",
        "mappings/court.yml",
        "city_code/__init__.py",
    ]
    for name in own:
        (city / name).write_text("# mine\n", encoding="utf-8")
    (city / "notebooks" / "scratch" / "mine.ipynb").write_text("{}\n", encoding="utf-8")
    add_line(city / IMPACT, "title", "A note of the analyst.")
    commit(city, "Work of the city")

    skeleton = source / SKELETON
    add_line(skeleton / IMPACT, "settings-text", "A new line of the template.")
    for path in (skeleton / "lessons.yaml", skeleton / "actions.yaml", source / "shared_utils" / "errors.py"):
        path.write_text(path.read_text(encoding="utf-8") + "# new\n", encoding="utf-8")
    questions = source / "cookiecutter.json"
    questions.write_text(questions.read_text(encoding="utf-8").replace('"34013"', '"34999"'), encoding="utf-8")
    commit(source, "Newer template")

    assert cruft.update(city, skip_apply_ask=True)
    assert (city / "shared_utils" / "errors.py").read_text(encoding="utf-8").endswith("# new\n")
    assert vendoring.check(city) == []
    assert {(city / name).read_text(encoding="utf-8") for name in own} == {"# mine\n"}
    assert (city / "notebooks" / "scratch" / "mine.ipynb").exists()
    merged = "\n".join(sources(city / IMPACT).values())
    assert "A note of the analyst." in merged and "A new line of the template." in merged
    assert "34999" in (city / "data" / "public_ref" / "README.md").read_text(encoding="utf-8")
    assert not [*city.rglob("*.rej")]


@pytest.mark.full
def test_nothing_to_update_changes_nothing(updatable):
    source, city = updatable
    before = tree(city)
    (source / "CHANGELOG.md").write_text("Only for maintainers.\n", encoding="utf-8")
    commit(source, "Not for cities")
    assert cruft.update(city, skip_apply_ask=True)
    assert tree(city) == before


def refused(city) -> str:
    """What git says to a person who commits everything; the commit must not happen."""
    git(city, "add", "--all")
    done = subprocess.run(["git", "commit", "-m", "Update"], cwd=city, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 1
    return done.stdout + done.stderr


@pytest.mark.full
def test_what_cruft_calls_good_work_is_no_commit_while_a_cell_holds_both_texts(updatable):
    source, city = updatable
    same_cell(city)
    add_line(source / SKELETON / IMPACT, "i2", "# the template's line")
    commit(source, "Newer template")
    assert cruft.update(city, skip_apply_ask=True)  # it says so, and moves its record
    cell = sources(city / IMPACT)["i2"]
    assert "# the analyst's line" in cell and "# the template's line" in cell
    with pytest.raises(update.Unfinished, match=f"{IMPACT}, cell i2: two texts stand there"):
        update.check_whole(city)
    with origin.template(source) as versions:
        outcome = update.update(versions, city)
    assert (outcome.state, outcome.what) == ("conflict", (f"{IMPACT}, cell i2",))
    (city / ".git" / "hooks" / "kept").rename(city / ".git" / "hooks" / "pre-commit")
    assert f"{IMPACT}, cell i2: two texts stand there" in refused(city)
    assert git(city, "show", "HEAD:.cruft.json") != (city / ".cruft.json").read_text(encoding="utf-8")


@pytest.mark.full
def test_what_cruft_could_not_bring_in_is_no_commit(updatable):
    source, city = updatable
    # Committed once in another form, a file's first version is unknown to git: cruft then leaves a .rej file.
    readme = city / "README.md"
    readme.write_text(
        readme.read_text(encoding="utf-8").replace("## Five commands", "## Our commands"), encoding="utf-8"
    )
    git(city, "add", "--all")
    git(city, "commit", "--quiet", "--amend", "-m", "New city")
    git(city, "reflog", "expire", "--expire=now", "--all")
    git(city, "gc", "--quiet", "--prune=now")
    theirs = source / SKELETON / "README.md"
    theirs.write_text(
        theirs.read_text(encoding="utf-8").replace("## Five commands", "## Six commands"), encoding="utf-8"
    )
    commit(source, "Newer template")
    assert cruft.update(city, skip_apply_ask=True)
    assert (city / "README.md.rej").is_file()
    with pytest.raises(update.Unfinished, match="README.md.rej holds what an update could not bring in"):
        update.check_ended(city)
    git(city, "add", "--all")
    (found,) = commit_guard.problems(None, city)
    assert found.startswith("README.md.rej holds what an update could not bring in")
