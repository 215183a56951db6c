"""`cruft update` brings what changed in the template and leaves a city what is its own."""

import json
import shutil
import sys
from pathlib import Path

import cruft
import pytest
from template_helpers import commit, git, tree

from shared_utils.template import vendoring

IMPACT = "notebooks/03_impact.ipynb"


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
    # What `nbdime config-git --enable` registers, without the need for an activated .venv.
    driver = f'"{Path(sys.executable).as_posix()}" -m nbdime.vcs.git.mergedriver merge %O %A %B %L %P'
    git(city, "config", "merge.jupyternotebook.driver", driver)
    commit(city, "New city")
    return source, city


def edit_cell(path: Path, cell_id: str, line: str) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cell = next(cell for cell in notebook["cells"] if cell["id"] == cell_id)
    cell["source"] = [*cell["source"][:-1], cell["source"][-1].rstrip("\n") + "\n", line]
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def sources(path: Path) -> str:
    return "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"])


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
    edit_cell(city / IMPACT, "title", "A note of the analyst.")
    commit(city, "Work of the city")

    skeleton = source / "{{cookiecutter.city_slug}}"
    edit_cell(skeleton / IMPACT, "settings-text", "A new line of the template.")
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
    merged = sources(city / IMPACT)
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
