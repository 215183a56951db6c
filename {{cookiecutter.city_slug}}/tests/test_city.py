"""What must hold in this repository. The notebooks' cells are tests too: see pyproject.toml."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from shared_utils import config, results
from shared_utils.template import commit_guard, vendoring

ROOT = Path(__file__).resolve().parents[1]


def git(*words):
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this folder is not a git repository")
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True).stdout.decode("utf-8")


def test_shared_code_is_as_copied():
    problems = vendoring.check(ROOT)
    assert not problems, "\n".join(problems)


def test_settings_are_valid():
    config.load_city(ROOT)


def test_records_are_valid():
    for path in sorted(ROOT.glob("outputs/*/results_*.json")):
        problems = results.problems(results.read(path))
        assert not problems, "\n".join([str(path), *problems])


def test_git_holds_no_private_data():
    problems = commit_guard.problems(git("ls-files", "-z").split("\0")[:-1])
    assert not problems, "\n".join(problems)


def test_git_holds_no_notebook_results():
    # The staged version counts: a notebook may show its results in the folder while someone works on it.
    for name in filter(None, git("ls-files", "-z", "--", "*.ipynb").split("\0")):
        cells = json.loads(git("show", f":{name}"))["cells"]
        assert not any(cell.get("outputs") for cell in cells), (
            f"{name} holds results. Take them out:  nbstripout --keep-id {name}   then:  git add {name}")
