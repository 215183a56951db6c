"""The scanner finds identifiers in every file and form a city could give away, and says where without saying what."""

import base64
import io
import json
import shutil
import subprocess
import sys
import time
import urllib.parse
import zipfile
import zlib
from html import escape
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import yaml
from matplotlib.figure import Figure

from shared_utils.cli import main
from shared_utils.disclosure import _contents
from shared_utils.disclosure.scan import PATTERNS, PRIVATE_VALUE, UNREADABLE, Watch, forbidden, hide
from shared_utils.template import commit_guard, sweep
from shared_utils.template.new import create

ROOT = Path(__file__).resolve().parents[2]
VALUE = "Jane O'Neil-Ortega, 12 Oak & 3rd"
WATCH = Watch([VALUE, "CIN-004711", "short"])


def _zip(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def _png(title: str) -> bytes:
    out = io.BytesIO()
    Figure(figsize=(1, 1)).savefig(out, format="png", metadata={"Title": title})
    return out.getvalue()


def _pdf(text: str) -> bytes:
    shown = " ".join(f"({letter})-3" for letter in text).encode()
    return b"%PDF-1.4\n1 0 obj<<>>stream\n" + zlib.compress(b"BT [" + shown + b"] TJ ET") + b"\nendstream\nendobj"


def _parquet(text: str) -> bytes:
    out = io.BytesIO()
    pd.DataFrame({"who": [text, "b"], "n": [1, 2]}).to_parquet(out, compression="zstd")
    return out.getvalue()


FORMS = {
    "csv": f"id,who\n1,{VALUE}\n".encode(),
    "other case and spacing": VALUE.upper().replace(" ", "\n").encode(),
    "cp1252": f"é {VALUE}".encode("cp1252"),
    "base64": b"x=" + base64.b64encode(f"id,{VALUE}".encode()),
    "base64, moved": b"x=" + base64.b64encode(f"a {VALUE} b".encode()),
    "base64 in base64": base64.b64encode(base64.b64encode(VALUE.encode())),
    "hex": VALUE.encode().hex().encode(),
    "percent": urllib.parse.quote(VALUE).encode(),
    "html": escape(VALUE).encode(),
    "html numbers": "".join(f"&#{ord(letter)};" for letter in VALUE).encode(),
    "utf-16": VALUE.encode("utf-16"),
    "utf-16 le, no mark": f"ab {VALUE}".encode("utf-16-le"),
    "utf-16 be, no mark": f"ab {VALUE}".encode("utf-16-be"),
    "json escapes": "".join(f"\\u{ord(letter):04x}" for letter in VALUE).encode(),
    "workbook": _zip("xl/sharedStrings.xml", f"<t>{escape(VALUE)}</t>".encode()),
    "zip in zip": _zip("inner.zip", _zip("a.txt", VALUE.encode())),
    "picture": _png(VALUE),
    "picture in a page": b'<img src="data:image/png;base64,' + base64.b64encode(_png(VALUE)) + b'">',
    "svg": f"<svg><title>{escape(VALUE)}</title></svg>".encode(),
    "pdf": _pdf(VALUE),
    "parquet": _parquet(VALUE),
    "name in an archive": _zip(f"{VALUE}.txt", b"nothing"),
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_a_private_value_is_found_in_every_form(content):
    found = WATCH.findings(content, "file")
    assert PRIVATE_VALUE in {one.kind for one in found}
    assert not any("Neil" in str(one) or "Oak" in str(one) for one in found)
    assert Watch().findings(content, "file") == []


@pytest.mark.parametrize(
    "text", ["Jane O'Neil", "12 Oak and 3rd", "xCIN-004711x", "short", "CIN-00471", "0.004711", "CIN 4711"]
)
def test_parts_and_other_words_are_not_found(text):
    assert WATCH.findings(text, "file") == []


def test_a_value_cut_off_at_the_end_is_not_found():
    assert Watch(["one two three"]).findings("and one two", "file") == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("a date of birth", "DOB: 03/12/1984"),
        ("a date of birth", '"date_of_birth": "1984-03-12"'),
        ("a date of birth", "born on 3 May 1984"),
        ("a pseudonym", "u_abcdefghij234567abcd"),
        ("an e-mail address", "ana@city.gov"),
        ("a census tract number", "39061000100"),
    ],
)
def test_the_looks_of_an_identifier_are_enough(kind, text):
    assert forbidden(text) == [kind]
    assert forbidden(base64.b64encode(f"x {text} x".encode()).decode()) == [kind]


@pytest.mark.parametrize(
    "text", ["person000001@example.org", "(513) 555-0142", "000-12-3456", "99999000412", "2019-04-01", "a@b"]
)
def test_what_is_nobodys_passes(text):
    assert forbidden(text) == []


def test_places_are_told_as_a_person_finds_them():
    cell = {"cell_type": "code", "source": ["1 + 1\n"], "outputs": [{"data": {"text/plain": ["who: CIN-", "004711"]}}]}
    notebook = json.dumps({"cells": [{"cell_type": "markdown", "source": "# A"}, cell]})
    assert [str(one) for one in WATCH.findings(notebook, "a.ipynb")] == [
        "a.ipynb, cell 2, output 1: a value from the city's private files (c..., 10 characters)"
    ]
    record = json.dumps({"rows": [{"a": 1}, {"who": "ana@city.gov"}]})
    assert [one.place for one in Watch().findings(record, "r.json")] == ["rows[1].who"]
    assert [one.place for one in Watch().findings("a\nb\nana@city.gov", "n.txt")] == ["line 3"]
    book = _zip("xl/a.xml", b"<t>\nana@city.gov</t>")
    assert [one.place for one in Watch().findings(book, "b.xlsx")] == ["xl/a.xml"]


def test_a_bomb_is_a_finding_not_a_crash(monkeypatch):
    monkeypatch.setattr(_contents, "LARGEST", 1_000_000)
    bomb = _zip("a", b"\0" * 1_000_001)
    assert [one.kind for one in Watch().findings(bomb, "a.zip")] == [UNREADABLE]


def test_hiding_keeps_the_rest():
    assert hide("call ana@city.gov or 412-268-3000, 42 people") == "call [hidden] or [hidden], 42 people"


def test_ten_thousand_values_in_a_megabyte_take_seconds():
    values = [f"{number:05d} Maple Street Apartment {number % 97}" for number in range(10_000)]
    text = json.dumps([{"share": number / 7, "words": "some words of a text"} for number in range(16_000)])
    begun = time.process_time()
    assert Watch(values).findings(text + values[777], "big.txt")[0].kind == PRIVATE_VALUE
    assert time.process_time() - begun < 3


# A repository with the commands a person types.


@pytest.fixture(scope="module")
def template_city(tmp_path_factory):
    """A city as generated, committed: clean."""
    folder = create(ROOT, tmp_path_factory.mktemp("scan"), {"city": "newark"})
    _git(folder, "init", "--quiet")
    _git(folder, "add", "--all")
    _commit(folder)
    return folder


@pytest.fixture
def city(template_city, tmp_path, monkeypatch):
    folder = shutil.copytree(template_city, tmp_path / "newark")
    monkeypatch.chdir(folder)
    return folder


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, encoding="utf-8")


def _commit(folder: Path) -> subprocess.CompletedProcess:
    person = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    return _git(folder, *person, "commit", "--quiet", "-m", "More")


def _with_hook(folder: Path) -> None:
    """What `pre-commit install` does for the hook of the city, with the files that are staged."""
    hooks = yaml.safe_load((folder / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    (entry,) = [hook["entry"] for hook in hooks if hook["id"] == "emi-scan"]
    hook = folder / ".git" / "hooks" / "pre-commit"
    python = f'"{Path(sys.executable).as_posix()}"'
    hook.write_text(f"#!/bin/sh\ngit diff --cached --name-only -z | xargs -0 {entry.replace('python', python, 1)}\n")
    hook.chmod(0o755)


def executed_notebook() -> str:
    output = nbformat.v4.new_output("stream", text="800 rows")
    return nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=[output])]))


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("notebooks/scratch/a.ipynb", executed_notebook(), "notebooks/scratch/a.ipynb holds results. Take them out:"),
        ("people.csv", "id,ssn\n1,123-45-6789\n", "people.csv, line 2: a social security number (1..., 11 characters)"),
        ("data/private/raw/people.csv", "id\n1\n", "data/private/raw/people.csv may hold residents' data. Take it out"),
        ("city_code/a.py", "WHO = 'p_abcdefghij234567abcd'\n", "city_code/a.py, line 1: a pseudonym"),
        ("big.csv", "x" * 2_000_001, "big.csv is larger than 2 MB."),
    ],
)
def test_a_commit_that_would_give_something_away_is_refused(city, name, text, sentence):
    _with_hook(city)
    (city / name).write_text(text, encoding="utf-8")
    _git(city, "add", "--force", name)
    (city / name).write_text("the file in the folder does not count", encoding="utf-8")
    done = _commit(city)
    assert done.returncode != 0 and sentence in done.stdout + done.stderr
    assert "123-45-6789" not in done.stdout + done.stderr
    assert _git(city, "log", "--oneline").stdout.count("\n") == 1


def test_a_clean_notebook_is_committed(city):
    _with_hook(city)
    clean = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    nbformat.write(clean, city / "notebooks" / "scratch" / "b.ipynb")
    _git(city, "add", "--all")
    done = _commit(city)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_build_server_looks_at_every_file(city):
    assert commit_guard.problems(None, city) == []
    workflow = yaml.safe_load((city / ".github" / "workflows" / "check.yml").read_text(encoding="utf-8"))
    command = workflow["jobs"]["scan"]["steps"][-1]["run"]
    assert command == ".venv/bin/python -m shared_utils.template.commit_guard --all"
    (city / "people.csv").write_text("ssn\n123-45-6789\n", encoding="utf-8")
    _git(city, "add", "people.csv")
    assert len(commit_guard.problems(None, city)) == 1


def test_emi_scan_says_where_and_what_to_do(city, capsys):
    assert main(["scan"]) == 0 and "Nothing found." in capsys.readouterr().out
    (city / "outputs" / "internal" / "01_baseline.log").write_text("ok\np_abcdefghij234567abcd", encoding="utf-8")
    assert main(["scan"]) == 1
    out = capsys.readouterr().out
    assert "outputs/internal/01_baseline.log, line 2: a pseudonym (p..., 22 characters)" in out
    assert out.rstrip().endswith("Then:  emi scan newark") and "abcdefghij" not in out
    assert main(["scan", "newark", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["cities"]["newark"]["findings"][0]["kind"] in PATTERNS


def test_what_git_ever_held_is_found_with_history_only(city):
    (city / "old.csv").write_text("ssn\n123-45-6789\n", encoding="utf-8")
    _git(city, "add", "old.csv")
    _commit(city)
    _git(city, "rm", "--quiet", "old.csv")
    _commit(city)
    assert sweep.sweep(city, Watch())[1] == []
    (found,) = sweep.sweep(city, Watch(), history=True)[1]
    assert found.file.startswith("old.csv (in git, ") and found.place == "line 2"
