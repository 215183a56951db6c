"""What keeps a city's repository sound: the manifest, the commit guard, the doctor, its own tests."""

import json
import shutil
import subprocess
import sys

import pytest
from fleet import IMPACT, add_line, edit, under_git
from template_helpers import commit, git

import shared_utils
from shared_utils.config import PRESETS, yaml12
from shared_utils.disclosure import secrets
from shared_utils.sections import city_files, plan_lock
from shared_utils.template import commit_guard, doctor, guards, tidy, vendoring


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


# Put together here, so that no scanner takes this file for one that holds keys.
PLANTED = {
    "a private key": ["-----BEGIN " + "RSA PRIVATE KEY-----", "-----BEGIN " + "PRIVATE KEY-----"],
    "an access key": [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + "a1" * 18,
        "github_pat_" + "a1" * 20,
        "xoxb-" + "1234567890-abc",
        "AIza" + "a1_-5" * 7,
        "DefaultEndpointsProtocol=https;AccountKey=" + "a1B2" * 11,
        "https://api.census.gov/data?get=NAME&key=" + "0a" * 20,
    ],
    "a password in an address": [
        "postgres://ann:hunter2@db.city.gov/pilot",
        "https://x-token:abc123@git.city.gov/a.git",
    ],
    "a password written out": [
        'password = "hunter2hunter2"',
        "db_password: hunter2hunter2",
        '{"api_key": "a1b2c3d4e5"}',
        "AUTH_TOKEN=a1b2c3d4e5f6",
    ],
}
HARMLESS_TEXTS = [
    "-----BEGIN PUBLIC KEY-----",
    "The password: ask the office, never write it down.",
    'password = os.environ["CITY_PASSWORD"]',
    "password: ${DB_PASSWORD_2}",
    "token = make_token(8)",
    "https://user:@city.gov",
    "https://city.gov:8888/lab?token",
    "key: rochester",
    "sha256:" + "0a" * 32,
    "AKIAPLAIN",
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in PLANTED.items() for text in texts])
def test_a_planted_secret_is_found_wherever_it_stands(kind, text):
    notebook = json.dumps({"cells": [{"cell_type": "code", "id": "a", "source": ["x = 1\n", text], "outputs": []}]})
    for name, content in (("city.yml", f"a: 1\n{text}\n"), ("data/a.csv", f"id\n{text}\n"), ("a.ipynb", notebook)):
        (found,) = secrets.findings(content.encode(), name)
        assert found.kind == kind and text not in str(found), name


@pytest.mark.parametrize("text", HARMLESS_TEXTS)
def test_what_is_no_secret_passes(text):
    assert secrets.findings(text.encode(), "city.yml") == []


def test_no_file_of_a_new_city_holds_a_secret(cities):
    names = [path for path in cities["other"].rglob("*") if path.is_file()]
    assert [found for path in names for found in secrets.findings(path.read_bytes(), path.name)] == []


def commit_as_a_person(city, message="More"):
    git(city, "add", "--all")
    done = subprocess.run(["git", "commit", "-m", message], cwd=city, capture_output=True, text=True, encoding="utf-8")
    return done.returncode, done.stdout + done.stderr


@pytest.mark.full
def test_one_command_protects_a_repository(city):
    under_git(city)
    assert guards.missing(city) == ["the check before each commit", "notebooks merged cell by cell"]
    doctor.mend(city)
    assert guards.missing(city) == []

    # What a commit does by itself: results go, code gets its form. The words of the analyst stay.
    def run_a_cell(cells):
        cells[-1] |= {"outputs": [{"output_type": "stream", "name": "stdout", "text": "Ann, 41"}]}
        cells[-1]["source"] = ["x = {'a':1}\n", "impact.record( book )"]

    edit(city / IMPACT, run_a_cell)
    code, said = commit_as_a_person(city)
    last = json.loads((city / IMPACT).read_text(encoding="utf-8"))["cells"][-1]
    assert code == 0 and "Took results out, or brought code into its common form: notebooks/03_impact.ipynb" in said
    assert (last["outputs"], last["source"]) == ([], ['x = {"a": 1}\n', "impact.record(book)"])
    assert git(city, "status", "--porcelain") == ""

    # What it refuses.
    (city / "city_code" / "costs.py").write_text("def costs():\n    return undefined\n", encoding="utf-8")
    (city / "city_code" / "people.py").write_text(f'KEY = "{PLANTED["an access key"][0]}"\n', encoding="utf-8")
    (city / "notes.txt").write_text("123-45-6789\n", encoding="utf-8")
    (city / "README.md.rej").write_text("@@ -1 +1 @@\n", encoding="utf-8")
    add_line(city / IMPACT, "title", "<<<<<<< yours\nA\n=======\nB\n>>>>>>> the template")
    code, said = commit_as_a_person(city)
    assert code == 1 and len(said.splitlines()) == 5, said
    for sentence in (
        "README.md.rej holds what an update could not bring in",
        "city_code/costs.py:2:12: F821 Undefined name `undefined` would stop the code. Correct it",
        "city_code/people.py, line 1: an access key (A..., 20 characters)",
        "notebooks/03_impact.ipynb, cell title: two texts stand there, and nobody has chosen yet.",
        "notes.txt, line 1: a social security number",
    ):
        assert sentence in said


def test_two_branches_of_one_notebook_merge_by_cell(city):
    under_git(city)
    doctor.mend(city)
    (city / ".git" / "hooks" / "pre-commit").unlink()  # another test's business, and slow
    git(city, "checkout", "--quiet", "-b", "ann")
    edit(city / IMPACT, lambda cells: cells.append(cells.pop(6)))  # nbdime would leave the moved cell twice
    commit(city, "Ann moves a cell")
    git(city, "checkout", "--quiet", "main")
    add_line(city / IMPACT, "i1", "# a line of Bob")
    commit(city, "Bob changes it")
    git(city, "merge", "--quiet", "ann", "-m", "Both")
    cells = json.loads((city / IMPACT).read_text(encoding="utf-8"))["cells"]
    assert cells[-1]["id"] == "i1" and cells[-1]["source"][-1] == "# a line of Bob"
    assert len({cell["id"] for cell in cells}) == len(cells)


@pytest.mark.full
def test_git_shows_what_changed_in_a_notebook_by_cell(city):
    under_git(city)
    doctor.mend(city)
    add_line(city / IMPACT, "i1", "# a line of Ann")
    shown = git(city, "--no-pager", "diff", "--no-color")
    assert "## modified /cells/" in shown and "# a line of Ann" in shown and '"source"' not in shown


def test_a_hook_of_somebody_else_stays_and_is_named(city):
    under_git(city)
    hook = city / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    guards.install(city)
    assert hook.read_text(encoding="utf-8") == "#!/bin/sh\nexit 0\n"
    (found,) = guards.missing(city)
    assert found.startswith("another program's check before each commit (add this line to ")
    hook.write_text(f"#!/bin/sh\n{found.split(':  ')[1][:-1]}\n", encoding="utf-8")
    assert guards.missing(city) == []


def test_a_python_that_is_gone_is_said(city):
    under_git(city)
    guards.install(city)
    hook, config = city / ".git" / "hooks" / "pre-commit", city / ".git" / "config"
    for path in (hook, config):
        path.write_text(path.read_text(encoding="utf-8").replace(guards._python(), "/gone/python"), encoding="utf-8")
    assert guards.missing(city) == ["the check before each commit", "notebooks merged cell by cell"]
    (city / "a.txt").write_text("a\n", encoding="utf-8")
    code, said = commit_as_a_person(city)
    assert code == 1 and "Type:  emi doctor --fix" in said


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
        "git of newark",
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
    assert wrong["git of newark"].fix == "emi doctor --fix"
    assert wrong["shared code of newark"].detail == "shared_utils/errors.py is missing"
    assert wrong["shared code of newark"].fix == "Restore it:  git checkout -- shared_utils/errors.py"
    assert set(wrong) == {"packages", "git of newark", "shared code of newark"}


def test_doctor_checks_all_cities_of_a_workspace(cities, tmp_path):
    (tmp_path / "cities").mkdir()
    for key in ("dayton", "tulsa"):
        shutil.copytree(cities[key], tmp_path / "cities" / key)
    assert [check.name for check in doctor.checks(tmp_path)][-4:] == [
        f"{what} of {city}" for city in ("dayton", "tulsa") for what in ("git", "shared code")
    ]


@pytest.mark.full
def test_notebooks_are_what_the_commit_hook_would_leave(city):
    # Otherwise a city's first commit changes every notebook, and no later update can be merged into it.
    under_git(city)
    code = [path.relative_to(city).as_posix() for folder in tidy.CODE for path in sorted((city / folder).rglob("*.*"))]
    assert "notebooks/03_impact.ipynb" in code and "city_code/__init__.py" in code
    assert tidy.tidy(city, code) == []
    assert commit_guard.problems(None, city) == []


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
