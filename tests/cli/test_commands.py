"""Commands that only call and print: what they call, with what, and what they say."""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import typer

from shared_utils.cli import checking, data, main, project, questions
from shared_utils.cli.lab import lab_command
from shared_utils.cli.screen import TypedWrong
from shared_utils.runner.executors import Failure

TEMPLATE = Path(__file__).resolve().parent.parent.parent


def test_lab_finds_the_citys_settings_and_this_python(tmp_path):
    arguments, environment = lab_command(tmp_path / "City of Alder Bay")
    assert arguments[:4] == [sys.executable, "-P", "-m", "jupyterlab"]
    assert arguments[4] == f"--ServerApp.root_dir={tmp_path / 'City of Alder Bay'}"
    assert environment["JUPYTER_CONFIG_PATH"] == str(tmp_path / "City of Alder Bay" / ".jupyter")
    assert environment["JUPYTER_PREFER_ENV_PATH"] == "1"
    assert environment["PATH"] == os.environ["PATH"]


def test_lab_without_a_city_asks_which(tmp_path, monkeypatch, capsys):
    for name in ("a", "b"):
        (tmp_path / "cities" / name).mkdir(parents=True)
        (tmp_path / "cities" / name / "city.yml").touch()
    monkeypatch.chdir(tmp_path)
    assert main(["lab"]) == 2
    assert capsys.readouterr().err == "Which city?\nNext:  emi lab a\n"


def test_ready_made_city_needs_no_question():
    assert questions.ask(TEMPLATE, "newark", []) == {"city": "newark"}


def test_other_city_asks_what_was_not_given(monkeypatch):
    asked = []
    monkeypatch.setattr(typer, "prompt", lambda text: asked.append(text) or "x")
    answers = questions.ask(TEMPLATE, "other", ["city_name=Alder Bay", "state=MI"])
    assert answers["city_name"] == "Alder Bay" and answers["design"] == "x"
    assert "Name of the city" not in asked and len(asked) == 5
    declared = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    assert set(answers) <= set(declared)


@pytest.mark.parametrize(
    ("city", "given", "said"),
    [
        ("nwark", [], "There is no ready-made city 'nwark'. Did you mean 'newark'?"),
        ("other", ["Alder Bay"], "'Alder Bay' is not NAME=VALUE."),
    ],
)
def test_wrong_answers_are_refused(city, given, said):
    with pytest.raises(TypedWrong) as refused:
        questions.ask(TEMPLATE, city, given)
    assert refused.value.message == said


def test_new_city_goes_into_the_nearest_cities_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(project, "CITIES", "towns")  # folders named cities may lie above tmp_path
    monkeypatch.chdir(tmp_path)
    assert project.cities_folder() == tmp_path / "towns"
    (tmp_path / "towns" / "x").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "towns" / "x")
    assert project.cities_folder() == tmp_path / "towns"
    (tmp_path / "towns" / "x" / "city.yml").touch()
    with pytest.raises(TypedWrong):
        project.cities_folder()


def test_doctor_says_what_is_fine_and_what_to_do(monkeypatch, tmp_path, capsys):
    from shared_utils.template import doctor

    found = [doctor.Check("Python", True, "3.11.7"), doctor.Check("packages", False, "old", "set up again")]
    monkeypatch.setattr(doctor, "checks", lambda path: found)
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "  Python    ok       3.11.7",
        "  packages  problem  old",
        "            Fix: set up again",
        "",
        "To mend: 1 of 2.",
    ]


def test_check_shows_every_line_of_a_problem():
    found = [
        checking.Finding("settings", True, "city.yml"),
        checking.Finding("data", False, "", ("people.csv: no column 'housed'", "Rename it.")),
    ]
    assert checking.lines("calder", found, 80) == [
        "calder  settings     ok       city.yml",
        "calder  data         problem",
        "    people.csv: no column 'housed'",
        "    Rename it.",
    ]


def test_failures_of_workers_in_words():
    refused = Failure("EmiError", "two\nproblems", "Mend both.", expected=True)
    assert data.problem_lines(refused) == ["    two", "    problems", "    Fix: Mend both."]
    listed = Failure("IntakeError", "2 problems", "The list is also in check.html.", expected=True)
    assert data.problem_lines(listed) == ["    2 problems", "    The list is also in check.html."]
    assert data.problem_lines(Failure("KeyError", "'x'")) == ["    It stopped with KeyError: 'x'"]


@dataclass
class Lock:
    calls: list = field(default_factory=list)

    def __call__(self, city_dir, signer_role):
        self.calls.append((city_dir.name, signer_role))
        return {"hash": "sha256:0123456789abcdef", "locked_at": "2019-04-01"}


def test_plan_lock_names_signer_and_next_step(tmp_path, monkeypatch, capsys):
    (tmp_path / "cities" / "calder").mkdir(parents=True)
    (tmp_path / "cities" / "calder" / "city.yml").write_text("city: {key: calder}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    lock = Lock()
    monkeypatch.setattr("shared_utils.cli.work.lock_plan", lock)
    assert main(["plan", "lock", "calder", "--signer-role", "city manager"]) == 0
    assert lock.calls == [("calder", "city manager")]
    said = capsys.readouterr().out
    assert "The plan of calder is locked: 0123456789ab, 2019-04-01, city manager." in said
    assert said.endswith("emi run calder\n")
