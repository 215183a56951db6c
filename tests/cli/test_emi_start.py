"""Starting `emi`: light, plain, and never a traceback."""

import json
import os
import subprocess
import sys

import pytest

from shared_utils import cli
from shared_utils.cli import main, workspace
from shared_utils.errors import EmiError

HEAVY = {"pandas", "numpy", "papermill", "jupyter_core", "jupyter_client", "nbformat", "jsonschema"}


def python(*words: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | environment,
    )


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import shared_utils", HEAVY | {"pydantic", "rich"}),
        ("from shared_utils.cli import main; main(['--help'])", HEAVY | {"pydantic"}),
        # Typer checks the words of a command with pydantic.
        ("from shared_utils.cli import main; main(['status'])", HEAVY),
        ("from shared_utils.cli import main; main(['run', '--dry-run'])", HEAVY),
    ],
)
def test_start_loads_nothing_heavy(code, heavy):
    shown = python("-c", f"{code}\nimport sys; print('LOADED', *sys.modules)")
    loaded = {name.split(".")[0] for name in shown.stdout.rpartition("LOADED")[2].split()}
    assert loaded
    assert sorted(loaded & heavy) == []


def test_help_is_ascii_under_cp1252_and_has_every_command():
    shown = python("-m", "shared_utils.cli", "--help", PYTHONIOENCODING="cp1252", COLUMNS="80", NO_COLOR="1")
    assert shown.returncode == 0 and shown.stdout.isascii()
    words = shown.stdout.split()
    commands = ["new", "check", "run", "status", "site", "lab", "doctor", "data", "plan", "demo"]
    assert [name for name in commands if name not in words] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rnu"], "No such command 'rnu'. Did you mean 'run'?\nNext:  emi --help\n"),
        (["run", "--faild"], "No such option: --faild (Possible options: --failed)\nNext:  emi run --help\n"),
        (["run", "--workers", "0"], "'--workers': it must be 1 or more.\nNext:  emi run --help\n"),
        (
            ["run", "--executor", "dusk"],
            "'--executor': 'dusk' is not one of 'local', 'dask'.\nNext:  emi run --help\n",
        ),
        (["run", "--workers", "two"], "'--workers': write a whole number, such as 2.\nNext:  emi run --help\n"),
        (["run", "--timeout", "ten"], "'--timeout': write a number, such as 30.\nNext:  emi run --help\n"),
        (["plan", "lock"], "Next:  emi plan lock --help\n"),
        (["run", "-p", "draws"], "'draws' is not NAME=VALUE.\nFor example:  emi run -p as_of=2019-12-31\n"),
        (
            ["run", "-n", "impact", "--months", "3"],
            "--months is for monitoring only.\nFor example:  emi run --months 18\n",
        ),
    ],
)
def test_typed_wrong_exits_2(words, said, capsys, in_workspace):
    assert main(words) == 2
    assert said in capsys.readouterr().err


@pytest.fixture
def in_workspace(tmp_path, monkeypatch):
    """Three cities by name only: folder and key differ."""
    for key, folder in (("newark", "newark-eviction"), ("tulsa", "tulsa-pathways"), ("new_york", "ny")):
        city = tmp_path / "cities" / folder
        city.mkdir(parents=True)
        (city / "city.yml").write_text(f"city: {{key: {key}}}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", [["run"], ["status"], ["check"], ["site"], ["lab"], ["data", "intake"]])
def test_no_project_exits_3_with_the_next_command(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workspace, "CITIES", "cities-of-this-test")  # somebody's may lie above tmp_path
    assert main(command) == 3
    said = capsys.readouterr().err
    assert said.startswith("There is no project here") and "emi new" in said


@pytest.mark.parametrize("command", ["run", "status", "check", "lab"])
def test_unknown_city_exits_2_with_the_nearest(command, in_workspace, capsys):
    assert main([command, "nwark"]) == 2
    said = capsys.readouterr().err
    assert said == "There is no city 'nwark' here. Did you mean 'newark'?\nCities: newark, new_york, tulsa\n"


def test_error_with_json_is_one_object_on_stdout(in_workspace, capsys):
    assert main(["run", "nwark", "--json"]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["exit_code"] == 2 and "Did you mean 'newark'?" in answer["error"]["message"]


def test_unknown_notebook_exits_2(in_workspace, capsys):
    assert main(["run", "-n", "imapct"]) == 2
    assert "There is no notebook 'imapct'. Did you mean 'impact'?" in capsys.readouterr().err


def test_cities_go_by_folder_or_key_and_keep_their_order(in_workspace):
    names = [city.name for city in workspace.select(["tulsa", "newark-eviction", "newark"])]
    assert names == ["newark-eviction", "tulsa-pathways"]


def test_workspace_is_the_nearest_city_or_cities(in_workspace):
    assert len(workspace.find().cities) == 3
    deep = in_workspace / "cities" / "ny" / "notebooks"
    deep.mkdir()
    assert [city.name for city in workspace.find(deep).cities] == ["ny"]


def test_empty_cities_folder(tmp_path, monkeypatch, capsys):
    (tmp_path / "cities").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["run"]) == 3
    assert "holds no city yet" in capsys.readouterr().err


def failing(error: Exception):
    def command(**_):
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (EmiError("It is broken.", "Mend it."), 3, "It is broken.\nMend it.\n"),
        (
            KeyError("month"),
            3,
            "emi itself stopped with KeyError: 'month'\nNext:  the same command with --debug",
        ),
    ],
)
def test_no_traceback_unless_asked(error, code, said, monkeypatch, capsys):
    monkeypatch.setattr("shared_utils.cli.app.app", failing(error))
    assert main(["status"]) == code
    shown = capsys.readouterr()
    assert shown.err.startswith(said) and shown.out == ""
    with pytest.raises(type(error)):
        main(["status", "--debug"])


def test_module_is_the_command():
    assert python("-m", "shared_utils.cli", "rnu").returncode == 2
    assert cli.main is main
