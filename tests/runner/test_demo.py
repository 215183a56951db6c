"""`emi demo` with one toy city for the nine: each step is said; a second time there is nothing to do."""

import pytest
import toy
import worker_jobs

from shared_utils import config, portfolio
from shared_utils.cli import main, work
from shared_utils.portfolio import SiteReport
from shared_utils.template import new


@pytest.fixture
def toy_demo(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "PRESETS", ("calder",))
    monkeypatch.setattr(new, "create", lambda root, folder, context: toy.make_city(folder, context["city"]))
    monkeypatch.setattr(work, "prepare", worker_jobs.prepare)
    monkeypatch.setattr(work, "lock_plan", worker_jobs.lock)
    monkeypatch.setattr(portfolio, "build_site", lambda root, out: SiteReport(("index.html",), 52_000, ()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.full
def test_demo_says_each_step_and_does_nothing_twice(toy_demo, capsys):
    assert main(["demo"]) == 0
    said = capsys.readouterr().out
    assert [line.split(":")[0] for line in said.splitlines() if line.startswith("Step")] == [
        f"Step {n} of 5" for n in (1, 2, 3, 4, 5)
    ]
    assert "  calder        made" in said and "ok 3   failed 0   total 3" in said
    assert said.splitlines()[-3].endswith("index.html") and said.endswith("emi status\n")
    assert main(["demo"]) == 0
    said = capsys.readouterr().out
    assert "  calder        already there" in said and "3 up to date, 0 to run" in said
