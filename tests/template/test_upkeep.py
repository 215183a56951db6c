"""What keeps a city's repository sound: the manifest, the commit guard, the doctor, its own tests."""

import json
import shlex
import shutil
import subprocess
import sys

import pytest
from template_helpers import commit, git

import shared_utils
from shared_utils.config import PRESETS, yaml12
from shared_utils.sections import city_files, plan_lock
from shared_utils.template import commit_guard, doctor, vendoring


def test_manifest_lists_every_file_of_the_shared_code(city):
    manifest = json.loads((city / "shared_utils" / "VENDORED.json").read_text(encoding="utf-8"))
    assert manifest["version"] == shared_utils.__version__
    assert list(manifest["files"]) == sorted(manifest["files"])
    assert "template/vendoring.py" in manifest["files"]
    assert vendoring.check(city) == []


def test_check_names_what_was_edited_removed_and_added(city):
    errors = city / "shared_utils" / "errors.py"
    errors.write_text(errors.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    (city / "shared_utils" / "config" / "names.py").unlink()
    (city / "shared_utils" / "mine.py").write_text("", encoding="utf-8")
    (city / "shared_utils" / "__pycache__").mkdir(exist_ok=True)
    (city / "shared_utils" / "__pycache__" / "errors.pyc").write_bytes(b"")
    assert vendoring.check(city) == [
        "shared_utils/config/names.py is missing. Restore it:  git checkout -- shared_utils/config/names.py",
        "shared_utils/errors.py was edited by hand. Move your change to city_code/ (or into the template), "
        "then restore the file:  git checkout -- shared_utils/errors.py",
        "shared_utils/mine.py does not belong to the template. Move it to city_code/.",
    ]


def test_line_ends_of_windows_are_not_an_edit(city):
    errors = city / "shared_utils" / "errors.py"
    errors.write_bytes(errors.read_bytes().replace(b"\n", b"\r\n"))
    assert vendoring.check(city) == []


def test_missing_manifest_is_said(city):
    (city / "shared_utils" / "VENDORED.json").unlink()
    assert vendoring.check(city) == [
        "shared_utils/VENDORED.json is missing, so the shared code cannot be checked. "
        "Restore it:  git checkout -- shared_utils"
    ]


def test_commit_guard(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "big.csv").write_bytes(b"x" * 2_000_001)
    found = commit_guard.problems(
        [
            "data/private/raw/people.csv",
            "data/private/README.md",
            "outputs/internal/a.ipynb",
            "data/private/raw/.gitkeep",
            "big.csv",
            "city.yml",
        ]
    )
    assert [line.split(" ")[0] for line in found] == [
        "data/private/raw/people.csv",
        "outputs/internal/a.ipynb",
        "big.csv",
    ]


def test_git_ignores_private_data_and_keeps_their_folders(city):
    git(city, "init", "--quiet")
    for name in (
        "data/private/raw/people.csv",
        "data/private/crosswalk/.salt",
        "data/private/linked/p.parquet",
        "data/synthetic/linked/p.parquet",
        "outputs/internal/results_impact.json",
        "data/~$people.xlsx",
    ):
        (city / name).parent.mkdir(parents=True, exist_ok=True)
        (city / name).write_bytes(b"x")
    commit(city, "All")
    tracked = git(city, "ls-files").split("\n")
    assert not any(line.endswith((".csv", ".parquet", ".salt", "_impact.json", ".xlsx")) for line in tracked)
    assert {"data/private/raw/.gitkeep", "data/private/README.md", "outputs/internal/.gitkeep"} <= set(tracked)


def test_doctor_is_content_with_a_new_city_and_names_what_is_not(city):
    names = [
        "Python",
        "packages",
        "UTF-8",
        "kernel python3",
        "path length",
        "notebook merging",
        "shared code of newark",
    ]
    checks = doctor.checks(city)
    assert [check.name for check in checks] == names
    assert {check.name: (check.detail, check.fix) for check in checks if not check.ok} == {}
    (city / "requirements.txt").write_text(
        "numpy==0.0.1 \\\n    --hash=sha256:0\nnothing==1.0 ; python_full_version < '3'\n", encoding="utf-8"
    )
    (city / "shared_utils" / "errors.py").unlink()
    git(city, "init", "--quiet")
    wrong = {check.name: check for check in doctor.checks(city) if not check.ok}
    assert wrong["packages"].detail.startswith("numpy ") and wrong["packages"].detail.endswith("instead of 0.0.1")
    assert wrong["packages"].fix == "python bootstrap.py setup"
    assert wrong["notebook merging"].fix == "nbdime config-git --enable"
    assert wrong["shared code of newark"].detail == "shared_utils/errors.py is missing"
    assert wrong["shared code of newark"].fix == "Restore it:  git checkout -- shared_utils/errors.py"
    assert set(wrong) == {"packages", "notebook merging", "shared code of newark"}


def test_doctor_checks_all_cities_of_a_workspace(cities, tmp_path):
    (tmp_path / "cities").mkdir()
    for key in ("dayton", "tulsa"):
        shutil.copytree(cities[key], tmp_path / "cities" / key)
    assert [check.name for check in doctor.checks(tmp_path)][-2:] == [
        "shared code of dayton",
        "shared code of tulsa",
    ]


@pytest.mark.full
def test_notebooks_are_what_the_commit_hook_would_leave(city):
    # Otherwise a city's first commit changes every notebook, and no later update can be merged into it.
    settings, _ = yaml12.load(city / ".pre-commit-config.yaml")
    program, *options = shlex.split(settings["repos"][0]["hooks"][0]["entry"])
    notebooks = sorted(city.glob("notebooks/*.ipynb"))
    before = [path.read_bytes() for path in notebooks]
    subprocess.run([sys.executable, "-m", program, *options, *notebooks], check=True)
    assert [path.read_bytes() for path in notebooks] == before


def own_tests(city, *options):
    """Run the city's own tests as `python bootstrap.py test` does; return what pytest said."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options],
        cwd=city,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.full
def test_own_tests_of_a_new_city_pass_and_notebooks_wait_for_its_data(cities, tmp_path):
    city = shutil.copytree(cities["other"], tmp_path / "other")
    git(city, "init", "--quiet")
    commit(city, "All")
    code, said = own_tests(city)
    assert code == 0 and "4 passed" in said and "data/private/raw holds no file yet" in said, said


@pytest.mark.full
def test_own_tests_name_what_is_wrong(city):
    git(city, "init", "--quiet")
    notebook = city / "notebooks" / "03_impact.ipynb"
    content = json.loads(notebook.read_text(encoding="utf-8"))
    content["cells"][-1] |= {"outputs": [{"output_type": "stream", "name": "stdout", "text": "Ann, 41"}]}
    notebook.write_text(json.dumps(content), encoding="utf-8")
    (city / "outputs" / "internal" / "people.csv").write_text("Ann", encoding="utf-8")
    (city / "shared_utils" / "mine.py").write_text("", encoding="utf-8")
    git(city, "add", "--all", "--force")
    code, said = own_tests(city, "tests")
    assert code == 1 and "2 failed" in said, said
    assert "nbstripout --keep-id notebooks/03_impact.ipynb" in said
    assert 'git rm --cached "outputs/internal/people.csv"' in said
    assert "shared_utils/mine.py does not belong to the template. Move it to city_code/." in said


@pytest.mark.full
@pytest.mark.parametrize("key", PRESETS)
def test_notebooks_of_a_new_city_run(key, cities, tmp_path):
    city = shutil.copytree(cities[key], tmp_path / key)
    code, said = own_tests(city)
    assert code == 0, said


def uncomment(path):
    """The file as it is after following its own advice: the example without "# ", no empty list."""
    lines = path.read_text(encoding="utf-8").splitlines()
    example = lines[lines.index("#") + 1 : -1]
    path.write_text("\n".join(line.removeprefix("# ") for line in example) + "\n", encoding="utf-8")
    return yaml12.load(path)[0]


def test_example_of_a_deviation_is_one(city):
    assert plan_lock.deviations(city) == []
    uncomment(city / "plan" / "deviations.yaml")
    assert [entry["field"] for entry in plan_lock.deviations(city)] == ["pilot.end"]


def test_example_of_an_action_is_one(city):
    assert city_files.actions(city, ["engaged_30d"]) == []
    uncomment(city / "actions.yaml")
    (action,) = city_files.actions(city, ["engaged_30d"])
    assert action["opened"].isoformat() == "2020-01-14" and action["closed"] is None


def test_example_of_a_lesson_is_one(city):
    assert city_files.lessons(city) == []
    uncomment(city / "lessons.yaml")
    (lesson,) = city_files.lessons(city)
    assert " ".join(lesson) == (
        "id date type statement what_happened evidence confidence would_do_again transferable_to "
        "action_for_network owner_role status reviewed_by_role"
    )
