"""A city handed over: all that is needed to run it again, nothing that tells of a person, and the same results."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import one_file_cities
import pytest

from shared_utils import results
from shared_utils.cli import main
from shared_utils.errors import EmiError
from shared_utils.runner.status import NotebookStatus
from shared_utils.template import commit_guard, handover, sweep, vendoring
from shared_utils.template.new import create

ROOT = Path(__file__).resolve().parents[2]
SECRET = "Quillon Xaverside"
FINE = tuple(NotebookStatus(name, "ok", "", "2020-10-31", "") for name in ("baseline", "monitoring", "impact"))
ROSTER = f"client_id,client_name,arm\nAB-001234,{SECRET},offer\nAB-001235,Berrit Holmquist,control\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Cincinnati as `emi new` makes it. Read only."""
    return create(ROOT, tmp_path_factory.mktemp("City of Alder Bay"), {"city": "cincinnati"})


@pytest.fixture(scope="module")
def small(made, tmp_path_factory) -> Path:
    """The same with a shared_utils of three files: what is handed over is a matter of lists, not of their length."""
    room = tmp_path_factory.mktemp("small")
    for name in ("__init__.py", "errors.py", "template/handover.py"):
        put(room, f"shared_utils/{name}", (made / "shared_utils" / name).read_text(encoding="utf-8"))
    city = Path(shutil.copytree(made, room / "cincinnati", ignore=shutil.ignore_patterns("shared_utils")))
    vendoring.vendor(room, city)
    put(city, "requirements.txt", "pandas==3.1.1\n")
    return city


@pytest.fixture
def city(small, tmp_path) -> Path:
    """A synthetic city with one released result, to change."""
    city = Path(shutil.copytree(small, tmp_path / "cities" / "cincinnati"))
    put(city, "outputs/release/results_impact.json", record(0.05))
    put(city, "outputs/release/impact.html", "<h1>Se\u00f1al</h1>\n")
    put(city, "data/synthetic/raw/costs.csv", "cost_id,amount_usd\n1,20\n")
    return city


@pytest.fixture
def private(city) -> Path:
    """The same with data of residents, and with all that lies about in a folder people work in."""
    settings = city / "city.yml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("mode: synthetic", "mode: city"), encoding="utf-8")
    put(city, "data/private/raw/Program tracker FY20.xlsx", "not a workbook")
    put(city, f"data/private/raw/{SECRET}.csv", ROSTER)
    for name in (
        "data/private/crosswalk/.salt", "data/private/crosswalk/crosswalk.csv", "data/private/checked/check.csv",
        "data/synthetic/raw/old.csv", "data/extract.csv", "outputs/internal/results_impact.json",
        "outputs/internal/disclosure_memory.json", "outputs/internal/03_impact.ipynb", "outputs/evidence/index.html",
        ".git/config", ".venv/pyvenv.cfg", "city_code/rows.csv", "notes.docx", "city_code/~$rows.xlsx",
        "site/index.html", "city_code/__pycache__/x.py",
    ):  # fmt: skip
        put(city, name, SECRET)
    return city


def test_the_record_of_the_template_names_no_folder_of_this_computer(city):
    known = {"_template": "/srv/quillon/template", "_output_dir": "/srv/quillon/cities", "city": "cincinnati"}
    left = {"template": "/srv/quillon/template", "commit": "4ce8f4d", "context": {"cookiecutter": known}}
    put(city, ".cruft.json", json.dumps(left))
    told = (handover.hand_over(city, FINE).path / "city" / ".cruft.json").read_text(encoding="utf-8")
    assert "quillon" not in told and {"template", "4ce8f4d", "cincinnati"} <= set(re.findall(r"\w+", told))


def put(city: Path, name: str, text: str) -> None:
    (city / name).parent.mkdir(parents=True, exist_ok=True)
    (city / name).write_text(text, encoding="utf-8")


def record(value: float, run: str = "first", commit: str | None = "abc") -> str:
    """As much of a released record as the surrounding commands read."""
    return json.dumps({
        "run": {"run_id": run},
        "provenance": {"code": {"git_commit": commit, "dirty": False, "shared_utils": "1.0.0"}},
        "estimates": [{"value": value, "se": 0.1}, {"value": 1}],
        "disclosure": {"audit_passed": True},
    })  # fmt: skip


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_index_names_every_file_with_its_hash(city):
    made = handover.hand_over(city, FINE)
    lines = (made.path / "SHA256SUMS.txt").read_text(encoding="utf-8").splitlines()
    listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    assert set(listed) == names(made.path) - {"SHA256SUMS.txt"} and made.files == len(listed) + 1
    assert all(hashlib.sha256((made.path / n).read_bytes()).hexdigest() == digest for n, digest in listed.items())


def test_a_synthetic_city_takes_all_it_needs_along(made, tmp_path):
    city = Path(shutil.copytree(made, tmp_path / "cincinnati"))
    put(city, "outputs/release/results_impact.json", record(0.05))
    put(city, "data/synthetic/raw/costs.csv", "cost_id,amount_usd\n1,20\n")
    found = names(handover.hand_over(city, FINE).path)
    assert {"README.txt", "provenance.json", "data-dictionary.csv", "results/results_impact.json"} <= found
    for name in (
        "city.yml", "bootstrap.py", "requirements.txt", "pyproject.toml", "plan/deviations.yaml", "lessons.yaml",
        "notebooks/03_impact.ipynb", "mappings/tracker.yml", "shared_utils/VENDORED.json", "tests/test_city.py",
        "data/synthetic/raw/costs.csv", ".github/workflows/check.yml", ".jupyter/jupyter_server_config.json",
    ):  # fmt: skip
        assert f"city/{name}" in found, name
    vendored = {f"city/{name}" for name in names(city) if name.startswith("shared_utils/") and ".pyc" not in name}
    assert vendored <= found


def test_nothing_private_goes_and_what_stays_out_is_named(private):
    made = handover.hand_over(private, FINE)
    for path in made.path.rglob("*"):
        assert SECRET not in str(path) and (path.is_dir() or SECRET.encode() not in path.read_bytes()), path
    inside = {
        name for name in names(made.path) if "private" in name or "synthetic/" in name.partition("shared_utils")[0]
    }
    assert inside == {f"city/data/private/{folder}/.gitkeep" for folder in ("raw", "linked", "crosswalk")}
    assert made.left_out == ["city_code/rows.csv", "data/extract.csv", "notes.docx"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_to_the_private_data_is_not_followed(private):
    (private / "city_code" / "roster.py").symlink_to(private / "data/private/raw" / f"{SECRET}.csv")
    (private / "notebooks" / "mine").symlink_to(private / "data/private", target_is_directory=True)
    made = handover.hand_over(private, FINE)
    assert not [name for name in names(made.path) if "roster" in name or "mine" in name]
    assert "city_code/roster.py" in made.left_out


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (
            "lessons.yaml",
            f"lessons: []  # ask {SECRET.upper()}\n",
            "city/lessons.yaml, line 1: a value from the city's",
        ),
        ("city_code/fix.py", "# case AB-001234 moved away\n", "city/city_code/fix.py, line 1: a value from the city's"),
        ("plan/notes.md", "date of birth 1990-03-04\n", "city/plan/notes.md, line 1: a date of birth"),
        ("outputs/release/impact.html", "<p>call 614-234-1234</p>", "results/impact.html, line 15: a telephone number"),
        (f"notebooks/scratch/{SECRET}.py", "x = 1\n", "the name of a file, line 1: a value from the city's"),
    ],
    ids=["a name", "a case number", "a date of birth", "a released page", "the name of a file"],
)
def test_what_tells_of_a_person_stops_it_and_keeps_the_earlier_one(private, file, text, said):
    earlier = handover.hand_over(private, FINE).path
    before = {path: path.read_bytes() for path in earlier.rglob("*") if path.is_file()}
    put(private, file, text)
    with pytest.raises(results.ReleaseError, match="Nothing was handed over: cincinnati holds") as refused:
        handover.hand_over(private, FINE)
    assert f"\n  {said}" in str(refused.value)
    assert SECRET not in str(refused.value)
    assert before == {path: path.read_bytes() for path in earlier.rglob("*") if path.is_file()}
    assert [path.name for path in earlier.parent.iterdir()] == ["cincinnati"]


def test_private_files_are_known_by_their_hash_and_by_a_name_only_where_a_mapping_says_it(private):
    made = handover.hand_over(private, FINE)
    sheet, roster = "raw/Program tracker FY20.xlsx", hashlib.sha256(ROSTER.encode()).hexdigest()
    found = {one["name"]: one["sha256"] for one in made.facts["private_files"]}
    assert found == {
        sheet: hashlib.sha256(b"not a workbook").hexdigest(),
        "a file that no mapping names (.csv)": roster,
    }
    readme = (made.path / "README.txt").read_text(encoding="utf-8")
    assert f"{roster}  a file that no mapping names (.csv)" in readme and sheet in readme
    assert "data/private with raw/ and crosswalk/" in readme and "EMI_SALT_CINCINNATI" in readme
    assert "disclosure_memory.json" in readme and "SYNTHETIC" not in readme


def test_a_notebook_goes_without_what_it_showed(city):
    path = city / "notebooks" / "03_impact.ipynb"
    clean = json.loads(path.read_text(encoding="utf-8"))
    shown = json.loads(path.read_text(encoding="utf-8"))
    for number, cell in enumerate(cell for cell in shown["cells"] if cell["cell_type"] == "code"):
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": SECRET}]
        cell["execution_count"] = number
    shown["cells"][0]["attachments"] = {"roster.png": {"image/png": "iVBORw0KGgo="}}
    path.write_text(json.dumps(shown), encoding="utf-8")
    made = handover.hand_over(city, FINE)
    assert json.loads((made.path / "city/notebooks/03_impact.ipynb").read_text(encoding="utf-8")) == clean
    path.write_text("{", encoding="utf-8")
    with pytest.raises(results.ReleaseError, match="03_impact.ipynb is not a notebook that can be read"):
        handover.hand_over(city, FINE)


def test_a_hand_over_is_not_looked_into_again(private):
    shutil.rmtree(private / ".git")
    handover.hand_over(private, FINE)
    handover.hand_over(private, FINE, as_zip=True)
    (private / "outputs" / "handover" / "cincinnati" / "README.txt").write_text(SECRET, encoding="utf-8")
    _, found = sweep.sweep(private, commit_guard.watch_of(private))
    assert found and not [one for one in found if one.file.startswith("outputs/handover")]
    assert "/outputs/handover/" in (private / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_same_city_gives_the_same_zip(city):
    first = handover.hand_over(city, FINE, as_zip=True).path
    before = first.read_bytes()
    for path in (city / "city.yml", city / "notebooks"):
        os.utime(path, (1, 1))
    assert handover.hand_over(city, FINE, as_zip=True).path.read_bytes() == before
    folder = handover.hand_over(city, FINE).path
    with zipfile.ZipFile(first) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    assert list(packed) == sorted(packed)
    assert packed == {f"cincinnati/{name}": (folder / name).read_bytes() for name in names(folder)}


def test_a_released_page_is_whole_and_readable(city):
    page = (handover.hand_over(city, FINE).path / "results/impact.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and '<meta charset="utf-8">' in page and "Se\u00f1al" in page
    assert "<title>Cincinnati: impact</title>" in page


@pytest.mark.parametrize(
    ("word", "reason", "said"),
    [
        ("ok", "", "03_impact: ok\n      Data up to 2020-10-31. Running it again must give the same record."),
        ("blinded", "", "so the record holds no effect."),
        (
            "out of date",
            "city.yml or lessons.yaml changed",
            "out of date (city.yml or lessons.yaml changed)\n      The",
        ),
        (
            "FAILED",
            f"{SECRET} is not a number",
            "03_impact: FAILED\n      The record in results/ is from an earlier run",
        ),
        ("stopped", "its last run was stopped", "03_impact: stopped\n      The record in results/ is from an earlier"),
    ],
)
def test_the_readme_says_how_each_result_stood(city, word, reason, said):
    run = NotebookStatus("impact", word, reason, "2020-10-31", "")
    made = handover.hand_over(city, (*FINE[:2], run))
    readme = (made.path / "README.txt").read_text(encoding="utf-8")
    assert said in readme and SECRET not in readme
    assert "01_baseline: ok\n      Nothing of it was released" in readme
    assert ("For impact: the same record" in readme) == (word in ("ok", "blinded"))
    assert ("Nothing can be promised" in readme) == (word not in ("ok", "blinded"))


def test_parameters_of_a_run_are_part_of_how_to_run_it_again(city):
    put(city, "outputs/internal/state_impact.json", json.dumps({"status": "ok", "parameters": {"fast": True}}))
    never = tuple(NotebookStatus(name, "never run", "", "", "") for name in ("baseline", "monitoring"))
    made = handover.hand_over(city, (*never, FINE[2]))
    readme = (made.path / "README.txt").read_text(encoding="utf-8")
    assert "  emi run -n impact -p fast=True\n  emi handover --check\n" in readme and "emi run\n" not in readme


def test_shared_code_edited_by_hand_goes_as_it_was_is_said_and_is_looked_into(private):
    with (private / "shared_utils" / "errors.py").open("a", encoding="utf-8") as file:
        file.write("# mine\n")
    made = handover.hand_over(private, FINE)
    assert "shared_utils/errors.py was edited by hand." in (made.path / "README.txt").read_text(encoding="utf-8")
    assert (made.path / "city/shared_utils/errors.py").read_bytes().endswith(b"# mine\n")
    put(private, "shared_utils/mine.py", f"# {SECRET}\n")
    with pytest.raises(results.ReleaseError, match=r"shared_utils/mine.py, line 1: a value from the city's private"):
        handover.hand_over(private, FINE)
    (private / "shared_utils" / "VENDORED.json").unlink()
    with pytest.raises(results.ReleaseError, match="VENDORED.json is missing, so the shared code cannot be checked"):
        handover.hand_over(private, FINE)


def test_the_dictionary_says_what_each_column_means_and_holds_no_value(private):
    made = handover.hand_over(private, FINE)
    rows = (made.path / "data-dictionary.csv").read_text(encoding="utf-8-sig")
    assert '"raw/costs.xlsx","amount_usd","costs","amount_usd","Dollars."' in rows
    assert rows.count("\n") > 40


def test_a_changed_file_is_named_before_anything_is_compared(city):
    pack = handover.hand_over(city, FINE).path
    (pack / "city" / "city.yml").write_text("x", encoding="utf-8")
    (pack / "city" / "lessons.yaml").unlink()
    with pytest.raises(EmiError, match="Not as they were handed over: city/city.yml, city/lessons.yaml."):
        handover.compare(pack / "city")
    with pytest.raises(EmiError, match="This is not the folder city of a hand-over"):
        handover.compare(city)


def test_a_record_that_came_out_otherwise_is_told_with_the_place(city, monkeypatch):
    monkeypatch.setattr(results, "read", lambda path: json.loads(path.read_text(encoding="utf-8")))
    pack = handover.hand_over(city, FINE).path
    assert handover.compare(pack / "city") == {"impact": "it was not run and released here yet"}
    put(pack / "city", "outputs/release/results_impact.json", record(0.05, "second", None))
    assert handover.compare(pack / "city") == {"impact": ""}
    put(pack / "city", "outputs/release/results_impact.json", record(0.06, "second", None))
    assert handover.compare(pack / "city") == {"impact": "1 difference, in estimates[0].value"}


def test_the_command_says_what_it_did_and_what_to_do(city, monkeypatch, capsys):
    put(city, "notes.docx", "x")
    monkeypatch.chdir(city)
    assert main(["handover"]) == 0
    said = capsys.readouterr().out
    assert "impact       never run    not promised to come out the same\n" in said
    assert "data         synthetic, inside\n" in said and "left out     notes.docx\n" in said
    assert "emi run cincinnati   then:  emi handover cincinnati" in said
    assert main(["handover", "--check"]) == 3
    assert "This is not the folder city of a hand-over" in capsys.readouterr().err


def emi(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """The command of the city's own shared code: its folder is the first on the path."""
    command = [sys.executable, "-m", "shared_utils.cli", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")


def unpacked(city: Path, room: Path) -> Path:
    """The folder city of what `emi handover --zip` wrote, somewhere else."""
    done = emi(city, "handover", "--zip")
    assert done.returncode == 0 and "not promised" not in done.stdout, done.stdout + done.stderr
    (archive,) = (city / "outputs" / "handover").iterdir()
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(room)
    shutil.move(city, city.with_name("the old computer is gone"))
    return room / city.name / "city"


@pytest.mark.full
def test_run_again_somewhere_else_a_synthetic_city_gives_the_same_records(made, tmp_path):
    city = Path(shutil.copytree(made, tmp_path / "cities" / "cincinnati"))
    assert emi(city, "run").returncode == 0
    again = unpacked(city, tmp_path / "a new analyst")
    assert emi(again, "run").returncode == 0
    done = emi(again, "handover", "--check")
    assert (done.returncode, done.stdout.split("\n")[:3]) == (
        0,
        ["baseline     the same", "monitoring   the same", "impact       the same"],
    )
    for notebook in ("baseline", "monitoring", "impact"):
        then = json.loads((again.parent / "results" / f"results_{notebook}.json").read_text(encoding="utf-8"))
        now = json.loads(results.release_path(again, notebook).read_text(encoding="utf-8"))
        assert then.pop("run") != now.pop("run") and then == now


@pytest.mark.full
def test_with_the_private_data_brought_back_a_city_gives_the_same_record(tmp_path):
    city = one_file_cities.one_file_city(tmp_path / "cities", "time_to_event")
    only = ("run", "-n", "impact")
    assert emi(city, *only).returncode == 0
    handed_over = emi(city, "handover")
    assert "not inside: README.txt says who brings it" in handed_over.stdout
    pack = city / "outputs" / "handover" / city.name
    assert not (pack / "data-dictionary.csv").exists(), "city.yml names the columns of its one file"
    shutil.move(pack, tmp_path / "pack")
    again = tmp_path / "pack" / "city"
    done = emi(again, *only)
    assert done.returncode == 3 and "data/private/raw holds no files" in done.stdout
    for part in ("data/private/raw", "data/private/crosswalk"):
        shutil.copytree(city / part, again / part, dirs_exist_ok=True)
    shutil.copyfile(city / "outputs/internal/disclosure_memory.json", again / "outputs/internal/disclosure_memory.json")
    shutil.move(city, tmp_path / "gone")
    assert emi(again, *only).returncode == 0
    done = emi(again, "handover", "--check")
    assert (done.returncode, done.stdout) == (0, "impact       the same\n"), done.stdout
