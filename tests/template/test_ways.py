"""However a city is made - cookiecutter, cruft, emi new, from here, from a clone - it is the same city.

That two ways agree also shows that a second render changes nothing.
"""

import os
import subprocess
import sys
from pathlib import Path

import cruft
import pytest
from template_helpers import CITIES, git, tree

from shared_utils.template import new

# Ten cities in each of five ways are slow: a city of one's own at every change, all in the full set.
SOME = [pytest.param(key, marks=() if key == "other" else pytest.mark.full) for key in CITIES]


@pytest.mark.parametrize("key", SOME)
def test_from_inside_the_template(key, template, bake, cities, tmp_path, monkeypatch):
    monkeypatch.chdir(template)
    assert tree(bake(".", tmp_path, CITIES[key])) == tree(cities[key])


@pytest.mark.parametrize("key", SOME)
def test_from_a_relative_path(key, template, bake, cities, tmp_path, monkeypatch):
    monkeypatch.chdir(template.parent)
    assert tree(bake(f".{os.sep}{template.name}", tmp_path, CITIES[key])) == tree(cities[key])


@pytest.mark.parametrize("key", SOME)
def test_emi_new(key, template, cities, tmp_path):
    made = new.create(template, tmp_path, CITIES[key])
    assert made.parent == tmp_path
    assert tree(made) == tree(cities[key])


@pytest.mark.parametrize("key", SOME)
def test_from_a_git_address(key, template, bake, cities, tmp_path):
    assert tree(bake(f"git+{template.as_uri()}", tmp_path, CITIES[key])) == tree(cities[key])


@pytest.mark.parametrize("key", SOME)
def test_cruft(key, template, no_user_defaults, cities, tmp_path):
    made = cruft.create(str(template), output_dir=tmp_path, config_file=no_user_defaults, extra_context=CITIES[key])
    assert tree(made) == tree(cities[key])
    assert (made / ".cruft.json").is_file()


def test_program_with_a_foreign_shared_utils_on_the_path(template, no_user_defaults, cities, tmp_path):
    # A city's folder is a foreign shared_utils: `python -m cookiecutter` there puts it first on the path.
    (tmp_path / "shared_utils").mkdir()
    (tmp_path / "shared_utils" / "__init__.py").write_text("raise SystemExit('foreign')", encoding="utf-8")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "cookiecutter",
            "--no-input",
            "--config-file",
            no_user_defaults,
            "--output-dir",
            "out",
            template,
            "city=racine",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=True,
    )
    assert tree(tmp_path / "out" / cities["racine"].name) == tree(cities["racine"])


def test_making_cities_leaves_the_template_as_it_was(template, cities):
    assert git(template, "status", "--porcelain") == ""


def test_questions_asked_at_the_terminal(template, no_user_defaults, cities, tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "cookiecutter",
            "--config-file",
            no_user_defaults,
            "--output-dir",
            tmp_path,
            template,
        ],
        input="8\n" + "\n" * 8,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert "Rochester, NY - Matched savings program for income-eligible families" in done.stdout
    made = Path(tmp_path, cities["rochester"].name)
    assert tree(made) == tree(cities["rochester"])


def test_hooks_need_nothing_but_the_standard_library(template):
    # -S: no installed package can be imported, as where cookiecutter stands alone (pipx).
    rooms = ", ".join(f"shared_utils.template.{name}" for name in ("inputs", "scaffold", "vendoring", "doctor"))
    subprocess.run([sys.executable, "-S", "-c", f"import {rooms}"], cwd=template, check=True)
