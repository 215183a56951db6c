"""What must hold in this repository. The notebooks' cells are tests too: see pyproject.toml."""

from pathlib import Path

import pytest

from shared_utils import config, results
from shared_utils.template import commit_guard, sweep, vendoring

ROOT = Path(__file__).resolve().parents[1]


def test_shared_code_is_as_copied():
    problems = vendoring.check(ROOT)
    assert not problems, "\n".join(problems)


def test_settings_are_valid():
    config.load_city(ROOT)


def test_records_are_valid():
    for path in sorted(ROOT.glob("outputs/*/results_*.json")):
        problems = results.problems(results.read(path))
        assert not problems, "\n".join([str(path), *problems])


def test_git_holds_nothing_private():
    if not sweep.has_git(ROOT):
        pytest.skip("this folder is not a git repository")
    problems = commit_guard.problems(None, ROOT)
    assert not problems, "\n".join(problems)
