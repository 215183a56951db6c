"""The report a person acts on: every wrong cell with its value, the rule and a fix, on the screen and in the files."""

import csv
import datetime as dt
import os
import re

import openpyxl
import pytest
from intake_city import City

from shared_utils import data
from shared_utils.cli import checking
from shared_utils.data import problem_report, problems, schema
from shared_utils.data.model import TABLES
from shared_utils.errors import EmiError

MAPPING = """\
source: {path: raw/participants.xlsx, sheet: Participants}
tables:
  participants:
    columns: {participant_id: participant_id, enrolled_on: application_date, household_size: household_size}
    extra: {city: city, monthly_income: monthly_income}
    constants: {consent_status: consented}
    types: {city: string, monthly_income: number}
    rules:
      participant_id: {unique: true, pattern: 'P[0-9]{3}'}
      city: {required: true, enum: [dayton, tulsa]}
      application_date: {minimum: 2025-01-01}
      household_size: {minimum: 1, maximum: 15}
      monthly_income: {required: true, minimum: 0, maximum: 50000}
  assignments:
    columns: {participant_id: subject_id, arm: arm, enrolled_on: assigned_at}
    constants: {subject_type: participant, method: lottery}
    rules: {arm: {enum: [pilot, comparison]}}
"""
HEADER = ["participant_id", "city", "enrolled_on", "arm", "household_size", "monthly_income"]
ROWS = [
    ["P001", "dayton", dt.date(2025, 1, 6), "pilot", 3, 2150],
    ["P002", "dayton", dt.date(2025, 1, 7), "Comparisn", 2, 1980],
    ["P003", "dayton", "13/2025", "pilot", 4, "2,300"],
    ["P003", "dayton", dt.date(2025, 1, 9), "comparison", 1, 1700],
    ["P005", "dayton", dt.date(2024, 1, 9), "pilot", -1, 1900],
    ["P006", "daton", dt.date(2025, 1, 9), "pilot", 2, None],
    ["P007", "dayton", dt.date(2025, 2, 9), "pilot", "three", 190000],
]
SOUND = [
    ["P001", "dayton", dt.date(2025, 1, 6), "pilot", 3, 2150],
    ["P002", "tulsa", dt.date(2025, 1, 7), "comparison", 2, 0],
]
DATE_FIX = "Type it like 2019-12-31, or state date_formats in mappings/people.yml."
TEN = [
    ("D3", "arm", "Comparisn", "is not one of pilot, comparison", "Did you mean 'comparison'?"),
    ("C4", "enrolled_on", "13/2025", "is not a date like 2019-12-31", DATE_FIX),
    ("F4", "monthly_income", "2,300", "is not a number", "Use 2300, or state source.thousands in mappings/people.yml."),
    ("A5", "participant_id", "(hidden)", "is already used in row 4", "Keep one row for each, or correct the cell."),
    ("C6", "enrolled_on", "2024-01-09", "is below the lowest allowed, 2025-01-01", "Check for a typing mistake."),
    ("E6", "household_size", "-1", "is below the lowest allowed, 1", "Check for a typing mistake."),
    ("B7", "city", "daton", "is not one of dayton, tulsa", "Did you mean 'dayton'?"),
    ("F7", "monthly_income", "(empty)", "is empty", "Fill it in. If the row is a total, delete it."),
    ("E8", "household_size", "three", "is not a whole number", "Use digits only, for example 3."),
    ("F8", "monthly_income", "190000", "is above the highest allowed, 50,000",
     "Check for an extra zero or a wrong unit."),
]  # fmt: skip


@pytest.fixture
def city(tmp_path, monkeypatch) -> City:
    """A city with one workbook, sound as it stands; `fill` writes other rows into it."""
    monkeypatch.setenv("EMI_SALT_TESTVILLE", "01" * 32)
    made = City(tmp_path / "city")
    for name in ("tracker", "services"):
        (made.root / "raw" / f"{name}.csv").unlink()
        (made.folder / "mappings" / f"{name}.yml").unlink()
    return fill(made.map("people", MAPPING), SOUND)


def fill(city: City, rows: list[list]) -> City:
    book = openpyxl.Workbook()
    book.active.title = "Participants"
    for row in (HEADER, *rows):
        book.active.append(row)
    book.create_sheet("Notes").append(["=1+1"])
    book.save(city.root / "raw" / "participants.xlsx")
    return city


def refused(city: City) -> data.IntakeError:
    with pytest.raises(data.IntakeError) as caught:
        city.intake()
    return caught.value


def test_the_ten_errors_are_named_with_cell_value_rule_and_fix(city):
    error = refused(fill(city, ROWS))
    found = {(p.cell, p.column, p.value, p.message, p.fix) for p in error.problems}
    assert len(error.problems) == 10 and found == set(TEN)
    assert {(p.file, p.sheet) for p in error.problems} == {("participants.xlsx", "Participants")}
    assert next(p.meaning for p in error.problems if p.cell == "C4") == "Application date"


def test_the_saved_list_has_the_same_ten_and_hides_who_somebody_is(city):
    refused(fill(city, ROWS))
    folder = city.root / "checked"
    with (folder / "check.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(r["Cell"], r["Column"], r["Value"], r["Problem"], r["Fix"]) for r in rows] == TEN
    page = (folder / "check.html").read_text(encoding="utf-8")
    assert "10 problems in 1 of 2 files" in page and "sites.csv" in page
    assert all(f'data-label="Cell">{cell}</th>' in page for cell, *_ in TEN)
    assert "P003" not in page + (folder / "check.csv").read_text(encoding="utf-8-sig")
    assert not re.search(r"<script|https?:|src=|href=", page)
    assert os.name != "posix" or not folder.stat().st_mode & 0o077, "others can read the quoted cells"


def test_the_colored_copy_marks_the_cells_and_leaves_the_file_alone(city):
    fill(city, ROWS)
    before = (city.root / "raw" / "participants.xlsx").read_bytes()
    refused(city)
    assert (city.root / "raw" / "participants.xlsx").read_bytes() == before
    book = openpyxl.load_workbook(city.root / "checked" / "participants checked.xlsx")
    cells = [cell for row in book["Participants"].iter_rows() for cell in row]
    assert {c.coordinate for c in cells if c.fill.fill_type == "solid"} == {cell for cell, *_ in TEN}
    comments = {c.coordinate: c.comment.text for c in cells if c.comment}
    assert comments["B7"] == "daton is not one of dayton, tulsa. Did you mean 'dayton'?"
    assert comments["A5"].startswith("(hidden) is already used") and len(comments) == 10
    assert book["Notes"]["A1"].value == "=1+1"


def test_the_list_goes_when_all_is_well(city):
    sound = (city.root / "raw" / "participants.xlsx").read_bytes()
    refused(fill(city, ROWS))
    fill(city, SOUND).intake()
    assert not (city.root / "checked").exists()
    (city.root / "raw" / "participants.xlsx").write_bytes(sound)
    data.prepare(city.folder)
    refused(fill(city, ROWS))
    (city.root / "raw" / "participants.xlsx").write_bytes(sound)
    assert not data.prepare(city.folder).ran and not (city.root / "checked").exists()


def test_a_second_list_takes_the_place_of_the_first(city):
    refused(fill(city, ROWS))
    city.write("sites.csv", "Site,Kind\nSite A,sit\n")
    refused(fill(city, SOUND))
    assert sorted(p.name for p in (city.root / "checked").iterdir()) == ["check.csv", "check.html"]


def test_a_list_open_in_excel_does_not_hide_the_problems(city, monkeypatch):
    def locked(path, *rest):
        raise EmiError(f"{path.name} is open in Excel.", "Close it.")

    monkeypatch.setattr(problem_report.spreadsheets, "write_csv", locked)
    error = refused(fill(city, ROWS))
    assert len(error.problems) == 10 and error.page is None
    assert error.hint == "The list could not be saved in data/private/checked: check.csv is open in Excel."


def test_the_screen_shows_counts_first_then_what_is_fine_then_the_cells(city):
    fill(city, ROWS)
    lines = checking.lines("testville", [checking._data(city.folder)], 80)
    assert lines[:6] == [
        "testville  data         problem  10 problems in 1 of 2 files",
        "    sites.csv                              2 rows  ok",
        "    participants.xlsx, sheet Participants  7 rows  10 problems",
        "",
        "  participants.xlsx, sheet Participants",
        "  CELL  COLUMN          VALUE       PROBLEM                FIX",
    ]
    assert [line.split()[0] for line in lines if re.match(r"  [A-Z]+\d ", line)] == [cell for cell, *_ in TEN]
    assert all(len(line) <= 80 and line.isascii() for line in lines[:-1])
    assert lines[-1].startswith("The list is also in  ") and lines[-1].endswith("check.html  and  check.csv")


def test_a_repeated_error_is_shown_twenty_times_and_counted(city):
    rows = [[f"P{n:03}", "dayton", dt.date(2025, 1, 6), "pilot", 3, "much"] for n in range(1, 164)]
    error = refused(fill(city, rows))
    assert len(error.problems) == 163 and str(error).startswith("163 problems in the data files.")
    [sheet] = [one for one in problem_report.sheets(error.problems, error.seen) if one.count]
    assert [p.row for p in sheet.shown] == list(range(2, 22)) and sheet.more[0].more == 143
    lines = checking.lines("x", [checking._data(city.folder)], 80)
    assert "  monthly_income: and 143 more rows with the same problem (is not a number)." in lines
    page = (city.root / "checked" / "check.html").read_text(encoding="utf-8")
    assert "and 143 more rows with the same problem" in page
    assert len((city.root / "checked" / "check.csv").read_text(encoding="utf-8-sig").splitlines()) == 164


def test_cells_kept_are_bounded_and_the_count_is_exact(city, monkeypatch):
    monkeypatch.setattr("shared_utils.data.parse.KEPT", 5)
    rows = [[f"P{n:03}", "dayton", dt.date(2025, 1, 6), "pilot", 3, "much"] for n in range(1, 31)]
    error = refused(fill(city, rows))
    assert len(error.problems) == 5 and problems.total(error.problems) == 30
    assert str(error).startswith("30 problems") and "25 more cells" in (
        city.root / "checked" / "check.csv").read_text(encoding="utf-8-sig")  # fmt: skip


def test_hostile_cells_stay_text_and_identifiers_in_any_column_are_hidden(city):
    rows = [
        ["P001", "<script>alert(1)</script>", dt.date(2025, 1, 6), "{{ 7*7 }}", 3, '=HYPERLINK("x")'],
        ["P002", "jo@city.org", dt.date(2025, 1, 6), "\x1b[2Jpilot".replace("\x1b", "\u009b"), 3, "(555) 555-0101"],
    ]
    book = fill(city, rows)
    sheet = openpyxl.load_workbook(city.root / "raw" / "participants.xlsx")
    sheet["Participants"]["F2"].data_type = "s"
    sheet.save(city.root / "raw" / "participants.xlsx")
    error = refused(book)
    folder = city.root / "checked"
    page, listed = ((folder / n).read_text(encoding="utf-8-sig") for n in ("check.html", "check.csv"))
    assert "<script>" not in page and "&lt;script&gt;" in page and "{{ 7*7 }}" in page and "49" not in page
    assert "\"'=HYPERLINK(" in listed and '"=HYPERLINK(' not in listed
    for text in (page, listed, str(error)):
        assert "jo@city.org" not in text and "555-0101" not in text and "\u009b" not in text


@pytest.mark.full
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_stands_in_nobodys_way(city, browser, width):
    from axe_playwright_python.sync_playwright import Axe

    refused(fill(city, ROWS))
    page = browser.new_page(viewport={"width": width, "height": 844})
    outside = []
    page.on("request", lambda r: r.url.startswith("file:") or outside.append(r.url))
    page.goto((city.root / "checked" / "check.html").as_uri())
    assert Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert outside == []
    page.close()


# ---------------------------------------------------------------- rules and the schema


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_a_valid_table_schema(name):
    from frictionless import Schema

    made = Schema.from_descriptor(schema.table(name))
    assert made.primary_key == list(TABLES[name].key) and all(field.title for field in made.fields)


@pytest.mark.parametrize(
    "rule, words",
    [
        ("{household_size: {maximum: lots}}", 'rules of household_size: maximum "lots" is no integer.'),
        ("{household_size: {pattern: '3'}}", 'constraint "pattern" is not supported by type "integer"'),
        ("{city: {pattern: '(('}}", "the pattern cannot be read"),
        ("{city: {enmu: [a]}}", "'enmu' is not a key here. Did you mean 'enum'?"),
        ("{town: {enum: [a]}}", "'town' is not read from this file."),
    ],
)
def test_a_rule_that_does_not_suit_its_column_names_the_mapping(city, rule, words):
    start = MAPPING.index("    rules:\n")
    text = MAPPING[:start] + f"    rules: {rule}\n" + MAPPING[MAPPING.index("  assignments:") :]
    found = city.map("people", text).problems()
    assert any(words in p.message and p.file.startswith("mappings/people.yml, line") for p in found), found


@pytest.mark.parametrize(
    "typed, message",
    [
        ("nan", "is not a number"),
        ("1_000", "is not a number"),
        ("\u0663", "is not a number"),
        ("inf", "is not a number"),
        ("1e400", "is too large for a number"),
        ("$2,300", "is not a number"),
        ("50%", "is not a number"),
        ("-0.01", "is below the lowest allowed, 0"),
        ("5e4", None),
        (" 12.5 ", None),
    ],
)
def test_numbers_are_what_people_write_and_nothing_python_reads_besides(city, typed, message):
    text = MAPPING if "too large" not in (message or "") else MAPPING.replace(", minimum: 0, maximum: 50000", "")
    fill(city.map("people", text), [["P001", "dayton", dt.date(2025, 1, 6), "pilot", 3, typed]])
    if message is None:
        city.intake()
    else:
        assert [p.message for p in city.problems()] == [message]
