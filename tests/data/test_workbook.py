"""The workbook to type into: what it asks for, what a cell may hold, and that it goes straight through intake."""

import datetime as dt
from pathlib import Path

import openpyxl
import pytest
from intake_city import SETTINGS, SITES_MAPPING
from one_file_cities import one_file_city

from shared_utils import data
from shared_utils.config import load_city
from shared_utils.data import store, workbook
from shared_utils.data.dictionary import SHEETS, WORDS
from shared_utils.data.mapping import read_all
from shared_utils.data.model import DIRECT_IDENTIFIERS, TABLES
from shared_utils.data.row_filter import identifier
from shared_utils.errors import EmiError

FAST = ("newark",)  # places by month, and people
PRESETS = [file if file.stem in FAST else pytest.param(file, marks=pytest.mark.full)
           for file in sorted((Path(workbook.__file__).parents[1] / "config" / "presets").glob("*.yml"))]  # fmt: skip


def city(folder: Path, settings: str):
    """A city with settings, its own data and nothing else; returns what `make` wrote."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "city.yml").write_text(settings.replace("mode: synthetic", "mode: city"), encoding="utf-8")
    return workbook.make(folder, load_city(folder))


def headers(sheet) -> dict[str, int]:
    return {cell.value: cell.column for cell in sheet[workbook.HEADER_ROW]}


def required(sheet) -> list[str]:
    row = sheet[workbook.HEADER_ROW]
    return [cell.value for cell in row if sheet.cell(1, cell.column).value == "Required"]


def put(sheet, **values) -> None:
    """Type one row; names are headers with _ for a space."""
    row, columns = sheet.max_row + 1, headers(sheet)
    for name, value in values.items():
        sheet.cell(row, columns[name.replace("_", " ")], value)


def examples(book, path: Path, config) -> None:
    """Type one row of examples into each sheet, of one place and one person."""
    for sheet in workbook.plan(config):
        page = book[sheet.name]
        for number, field in enumerate(sheet.fields, start=1):
            value = field.column.example
            if field.column.type in ("date", "month"):
                value = dt.date.fromisoformat(value)
            elif field.column.type == "bool":
                value = "yes" if value else "no"
            value = {"Inside place": None, "Given at": "Site A", "Place ID": "Site A", "Draw record": None,
                     "Month": dt.date(2019, 8, 1), "Grouped by": "all"}.get(field.title, value)  # fmt: skip
            page.cell(workbook.HEADER_ROW + 1, number, value)
    book.save(path)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.stem)
def test_every_city_can_type_its_data(preset, tmp_path):
    made = city(tmp_path, preset.read_text(encoding="utf-8"))
    config = load_city(tmp_path)
    examples(openpyxl.load_workbook(made[0]), made[0], config)
    done = data.intake(tmp_path)
    assert {name: table["rows"] for name, table in done.tables.items()} == {s.table: 1 for s in workbook.plan(config)}
    assert not [s for s in done.sources if s.columns_dropped or s.identifiers_dropped]


def test_what_is_typed_is_what_comes_in(tmp_path):
    book_file, *_ = city(tmp_path, SETTINGS)
    book = openpyxl.load_workbook(book_file)
    put(book["Places"], Place_ID="Site A", Kind_of_place="site")
    typed = (("black_nh", "offer", 1), ("hispanic", "control", 0), (None, "offer", None))
    for number, (race, group, value) in enumerate(typed):
        person = f"0{number}"
        put(book["People"], Person_ID=person, Place_ID="Site A", Application_date=dt.date(2019, 5, 1),
            Consent="consented", Race_and_ethnicity=race, Working_at_the_start="yes")  # fmt: skip
        put(book["Assignment"], Person_ID=person, Group=group, Assigned_on=dt.date(2019, 5, 2 + number),
            How_assigned="random_stratified")  # fmt: skip
        put(book["Outcomes"], Person_ID=person, Outcome="employed_q2", Wave="f1", Value=value,
            Month_or_due_date=dt.date(2020, 1, 1), Measured_on=dt.date(2020, 1, 15))  # fmt: skip
    book.save(book_file)
    done = data.intake(tmp_path)
    tables = store.read_tables(tmp_path / "data" / "private" / "linked", done)
    people = tables["participants"].set_index("participant_id")
    assert sorted(people["race_ethnicity"].dropna()) == ["black_nh", "hispanic"] and people["employed_baseline"].all()
    ends = tables["outcomes"].merge(tables["assignments"], on="subject_id")
    assert sorted(zip(ends["arm"], ends["status"], ends["value"].fillna(-1), strict=True)) == [
        ("control", "observed", 0), ("offer", "missing_nonresponse", -1), ("offer", "observed", 1)]  # fmt: skip
    assert set(ends["subject_id"]) == set(people.index) and (ends["period_start"] == "2020-01-01").all()
    assert set(tables["units"]["unit_type"]) == {"site"} and tables["costs"].empty


def test_the_workbook_says_what_each_column_is(tmp_path):
    book = openpyxl.load_workbook(city(tmp_path, SETTINGS)[0])
    names = ["Dictionary", "People", "Places", "Assignment", "Outcomes", "Services", "Costs", "Lists"]
    assert book.sheetnames == names and book["Lists"].sheet_state == "hidden" and book.active.title == "Dictionary"
    assert required(book["People"]) == ["Person ID", "Application date", "Consent"]
    assert required(book["Assignment"]) == ["Person ID", "Group", "Assigned on", "How assigned"]
    first = next(r for r in range(1, 12) if book["Dictionary"].cell(r, 1).value == "Sheet")
    said = [[cell.value for cell in row] for row in book["Dictionary"].iter_rows(min_row=first)]
    assert tuple(said[0]) == workbook.COLUMNS
    assert ["Assignment", "Group", "The group it was assigned to, whatever happened afterwards.", "one word of a list",
            "One of: control, offer.", "Required", "offer",
            "Sensitive: leaves the city only in counts that hide small groups"] in said  # fmt: skip
    assert {(row[0], row[1]) for row in said[1:]} == {
        (page.title, header) for page in book.worksheets[1:-1] for header in headers(page)}  # fmt: skip
    people = book["People"]
    assert people.freeze_panes == "B3" and people["A2"].comment.text.startswith("The city's own number")
    assert people["A1"].fill.start_color.rgb != people["C1"].fill.start_color.rgb
    formats = {letter: people.column_dimensions[letter].number_format for letter in "AD"}
    assert formats == {"A": "@", "D": "yyyy-mm-dd"}


def test_cells_take_only_what_may_stand_in_them(tmp_path):
    book = openpyxl.load_workbook(city(tmp_path, SETTINGS)[0])
    checks = {}
    for page in book.worksheets[1:-1]:
        for check in page.data_validations.dataValidation:
            header = page.cell(workbook.HEADER_ROW, next(iter(check.sqref.ranges)).min_col).value
            checks[page.title, header] = check
            assert next(iter(check.sqref.ranges)).min_row == workbook.HEADER_ROW + 1
            assert len(check.formula1 or "") <= 255 and len(check.error) <= 225 and len(check.prompt) <= 255
    columns, cells = checks["People", "Race and ethnicity"].formula1.split("!")[1], book["Lists"]
    assert [row[0].value for row in cells[columns.replace("$", "")]] == list(
        TABLES["participants"].columns["race_ethnicity"].allowed)  # fmt: skip
    assert (checks["People", "Age"].type, checks["People", "Age"].formula2) == ("whole", "110")
    assert checks["People", "Census tract"].type == "textLength" and checks["Costs", "Month"].type == "date"
    lists = [[cell.value for cell in column if cell.value] for column in cells.iter_cols()]
    assert ["yes", "no"] in lists and len(lists) == len({tuple(words) for words in lists})


def test_hostile_words_of_city_yml_are_text(tmp_path):
    arms = '["=1+1", "@SUM(A1)"]'
    settings = SETTINGS.replace("[control, offer]", arms).replace("name: Testville", "name: '=cmd|'' /C calc''!A0'")
    book = openpyxl.load_workbook(city(tmp_path, settings)[0])
    cells = [cell for page in book.worksheets for row in page.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"} and "=1+1" in {cell.value for cell in cells}


def test_nothing_is_overwritten(tmp_path):
    book, mapping, *_ = city(tmp_path, SETTINGS)
    mapping.unlink()
    before = book.read_bytes()
    with pytest.raises(EmiError, match=r"raw/testville_workbook.xlsx is there already\. Nothing was written\."):
        workbook.make(tmp_path, load_city(tmp_path))
    assert book.read_bytes() == before


def test_mappings_of_other_files_go_on_working(tmp_path):
    (tmp_path / "mappings").mkdir(parents=True)
    (tmp_path / "mappings" / "sites.yml").write_text(SITES_MAPPING, encoding="utf-8")
    made = city(tmp_path, SETTINGS)
    assert {path.parent for path in made[1:]} == {tmp_path / "mappings" / "workbook"}
    assert [one.name for one in read_all(tmp_path)] == ["mappings/sites.yml"]


def test_a_design_with_one_file_has_no_workbook(tmp_path):
    folder = one_file_city(tmp_path, "time_to_event")
    with pytest.raises(EmiError, match="a time_to_event study has one analysis file, not tables"):
        workbook.make(folder, load_city(folder))


def test_every_column_has_words_and_none_names_a_person():
    spoken = {(table, column) for table, columns in WORDS.items() for column in columns}
    model = {(table, column) for table in SHEETS for column in TABLES[table].columns}
    assert spoken <= model
    assert {column for _, column in model - spoken} == {"covariates_json", "attributes_json", "subject_type", "cutoff"}
    for table, columns in WORDS.items():
        titles = [said.title for said in columns.values()]
        assert len(titles) == len(set(titles)), table
        assert not {identifier(title) for title in titles} & set(DIRECT_IDENTIFIERS)
