"""Words of a city stay words in Excel: no formula in any file that is written, and one place that writes them."""

import ast
import csv
import io
import os
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_utils import spreadsheets
from shared_utils.errors import EmiError

ROOT = Path(__file__).resolve().parent.parent
FORMULAS = [
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "+1-555-0100",
    "\t=1+1", "\r=1+1", "\n=1+1", "\tx", "  =1+1", "\u00a0=1+1", "\ufeff=1+1", "\u200b=1+1", "\0=1+1", "\x01=1+1",
    "\uff1d1+1", "\uff0b1+1", "\uff0d1+1", "\uff20SUM(A1)", "\ufe66SUM", " \uff1d1", "=HYPERLINK(\"http://x\")", "-",
    "-3.5.1", "-3-5", "--1", "-,1", "-1,2", "+", "-$", "\u0661=", "-\u0661",
]  # fmt: skip
FORMULAS.remove("\u0661=")  # begins with an Arabic digit: text to every program
WORDS = ["", "Group A", "a=b", "1=1", "site-3", "o'neill", "'=1+1", "3 - 5", "2019-05-15", "e@example.org", "\u0661="]
NUMBERS = ["-3.5", "+2", "3", "-1,204.50", "-1e-05", "-3.5%", "-$40", "-.5", "12.", "-0"]


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
def test_a_formula_becomes_text(text):
    assert spreadsheets.inert(text) == "'" + text


@pytest.mark.parametrize("text", [*WORDS, *NUMBERS], ids=ascii)
def test_words_and_numbers_stay(text):
    assert spreadsheets.inert(text) == text


@given(st.text())
def test_inert_once_is_inert_for_ever(text):
    once = spreadsheets.inert(text)
    assert spreadsheets.inert(once) == once and once.removeprefix("'") == text.removeprefix("'")


def test_a_csv_is_what_excel_reads(tmp_path):
    rows = [["=1+1", -3.5, None], ['a "b"; =c', "line\none", "Peña"]]
    file = spreadsheets.write_csv(tmp_path / "new" / "check.csv", ["@col", "n", "x"], rows)
    raw = file.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") and raw.count(b"\r\n") == 3
    read = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert read == [["'@col", "n", "x"], ["'=1+1", "-3.5", ""], ['a "b"; =c', "line\none", "Peña"]]
    assert list(file.parent.iterdir()) == [file]


def test_a_file_open_in_excel_stays_as_it_was(tmp_path, monkeypatch):
    file = spreadsheets.write_csv(tmp_path / "check.csv", ["a"], [["1"]])

    def held(part, path):
        raise PermissionError(13, "in use")

    monkeypatch.setattr(os, "replace", held)
    with pytest.raises(EmiError, match="check.csv is open in Excel"):
        spreadsheets.write_csv(file, ["a"], [["2"]])
    assert file.read_text(encoding="utf-8-sig") == '"a"\n"1"\n' and list(tmp_path.iterdir()) == [file]


def test_workbook_cells_are_text(tmp_path):
    texts = [text for text in (*FORMULAS, *WORDS, *NUMBERS, "#N/A", "TRUE", "2019-05-15", "x" * 40_000) if text]
    book = openpyxl.Workbook()
    for row, text in enumerate(texts, start=1):
        spreadsheets.set_text(book.active.cell(row, 1), text)
    book.save(tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").active
    for row, text in enumerate(texts, start=1):
        cell = sheet.cell(row, 1)
        assert (cell.data_type, cell.quotePrefix) == ("s", True)
        assert cell.value.strip()[-9:] == text.strip("\0\x01")[:32_767].strip()[-9:]


# Who may write a spreadsheet in another way, and why.
OTHER_WRITERS = {
    "shared_utils/data/synthetic/writers.py": "stands in for the city and writes as cities do; intake reads it",
    "shared_utils/runner/warm/server.py": "a made-up frame, in memory only, to warm pandas up",
}  # fmt: skip
WRITERS = {"writer", "DictWriter", "to_csv", "to_excel", "ExcelWriter", "Workbook"}


def writers(path: Path) -> set[str]:
    calls = (node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    names = {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}
    return names & WRITERS


def test_one_place_writes_what_excel_opens():
    folders = (ROOT / "shared_utils", ROOT / "hooks", ROOT / "{{cookiecutter.city_slug}}")
    files = [file for folder in folders for file in folder.rglob("*.py")]
    found = {file.relative_to(ROOT).as_posix(): writers(file) for file in files if writers(file)}
    found = {name: calls for name, calls in found.items() if name not in OTHER_WRITERS}
    # A workbook is built elsewhere, but its words go in through set_text.
    loose = {name: calls for name, calls in found.items() if calls != {"Workbook"}}
    assert loose == {"shared_utils/spreadsheets.py": {"writer"}}
    for name in set(found) - set(loose):
        assert "set_text" in (ROOT / name).read_text(encoding="utf-8"), name
