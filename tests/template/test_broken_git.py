"""A repository that git cannot read, or that lacks an object, is called so in one sentence."""

import subprocess
from pathlib import Path

import pytest
from template_helpers import commit, git

from shared_utils.cli import main
from shared_utils.disclosure.scan import Watch
from shared_utils.template import commit_guard, doctor, sweep


@pytest.fixture
def city(tmp_path) -> Path:
    (tmp_path / "city.yml").write_text("city: {key: alder_bay}\n", encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    commit(tmp_path, "All")
    return tmp_path


def test_a_scan_says_that_git_cannot_be_read(city, monkeypatch, capsys):
    (city / ".git" / "HEAD").unlink()
    monkeypatch.chdir(city)
    assert main(["scan"]) == 3
    said, hint = capsys.readouterr().err.splitlines()
    assert said.startswith(f"git cannot read its repository in {city}. It says: not a git repository")
    assert hint.startswith("Ask who looks after git with you.")


def test_the_doctor_says_it_and_installs_nothing(city, monkeypatch, capsys):
    (city / ".git" / "HEAD").unlink()
    (checked,) = [check for check in doctor.checks(city) if check.name.startswith("git of ")]
    assert not checked.ok and checked.detail.startswith("git cannot read its repository")
    before = sorted(path.name for path in city.iterdir())
    monkeypatch.chdir(city)
    assert main(["doctor", "--fix"]) == 3 and "git cannot read its repository" in capsys.readouterr().err
    assert sorted(path.name for path in city.iterdir()) == before


def test_the_check_before_a_commit_says_so_too(city):
    (city / ".git" / "index").write_bytes(b"torn")
    with pytest.raises(sweep.GitError, match="git cannot read its repository in .* It says: .*index"):
        commit_guard.problems(None, city)


def test_an_object_that_is_gone_is_named(city):
    blob = git(city, "rev-parse", "HEAD:city.yml").strip()
    (city / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    (city / "city.yml").write_text("city: {key: elmwood}\n", encoding="utf-8")
    subprocess.run(["git", "add", "city.yml"], cwd=city, check=True)
    with pytest.raises(sweep.GitError, match="git cannot read its repository"):
        sweep.sweep(city, Watch(), history=True)
