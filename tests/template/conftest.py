"""Cities made from a snapshot of the working tree: a file edited meanwhile cannot part two cities."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter
from template_helpers import CITIES, ROOT, commit, git


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Path:
    """A git repository with one commit: every file of the working tree that git does not ignore."""
    folder = tmp_path_factory.mktemp("snapshot") / "template"
    names = (
        subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        .stdout.decode("utf-8")
        .split("\0")
    )
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    commit(folder, "Snapshot")
    return folder


@pytest.fixture(scope="session")
def no_user_defaults(tmp_path_factory) -> Path:
    """A cookiecutter settings file: without it, a developer's defaults and home folder would take part."""
    home = tmp_path_factory.mktemp("home")
    settings = home / "cookiecutter.yml"
    places = {"cookiecutters_dir": str(home / "templates"), "replay_dir": str(home / "replay")}
    settings.write_text(json.dumps(places), encoding="utf-8")
    return settings


@pytest.fixture(scope="session")
def bake(no_user_defaults) -> Callable[..., Path]:
    """`bake(template, out_dir, answers)` makes a city as the program `cookiecutter` does."""

    def make(template: Path | str, out_dir: Path, answers: dict, **options) -> Path:
        return Path(
            cookiecutter(
                str(template),
                no_input=True,
                extra_context=answers,
                output_dir=str(out_dir),
                config_file=str(no_user_defaults),
                **options,
            )
        )

    return make


@pytest.fixture(scope="session")
def cities(template, bake, tmp_path_factory) -> dict[str, Path]:
    """The nine presets and one other city, made from the template's absolute path. Read only."""
    out = tmp_path_factory.mktemp("cities")
    return {key: bake(template, out, answers) for key, answers in CITIES.items()}


@pytest.fixture
def city(cities, tmp_path) -> Path:
    """A copy of Newark to change."""
    return Path(shutil.copytree(cities["newark"], tmp_path / "newark"))


@pytest.fixture(scope="session")
def cookiecutter_json() -> Callable[[dict], dict]:
    """`cookiecutter_json(answers)` returns all answers as cookiecutter gathers them from the defaults."""

    def gather(answers: dict) -> dict:
        template = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
        preset = template["_presets"].get(answers["city"], {})
        defaults = {
            "city_name": "name",
            "city_slug": "slug",
            "program_title": "title",
            "state": "state",
            "domain": "domain",
            "design": "design",
            "start_date": "start",
            "end_date": "end",
        }
        return {
            "_presets": template["_presets"],
            **{name: preset.get(fact, "") for name, fact in defaults.items()},
            **answers,
        }

    return gather
