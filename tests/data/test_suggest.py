"""A drafted mapping is right, or says openly what only a person can know; and nobody's cells are in it."""

import re
from pathlib import Path

import pytest
from intake_city import SITES, SITES_MAPPING, City

from shared_utils import data
from shared_utils.cli import main
from shared_utils.config import load_city
from shared_utils.data import mapping, suggest
from shared_utils.data.dictionary import plain
from shared_utils.errors import EmiError

# The two files of pilots.md 2.4, with what such files also hold.
TRACKER = """\
Program tracker FY20,,,,,,,,,,,,,,
As of January 2020,,,,,,,,,,,,,,
Client ID,Client name,DOB,Cell,Race/Eth,HH type,HH size,Intake date,Group,Lottery date,Site,Employed Q2?,Earnings Q2,\
Remarks,Shoe size
AB-001,Ana Arbor,02/01/1985,555-201-0101,B,Single parent,3,05/14/2019,Offer,05/15/2019,Site A,Y,"4,200",,41
AB-002,Bo Birch,03/01/1979,555-201-0102,W,Lives with friends,1,05/01/2019,Usual,05/15/2019,Site A,N,0,,42
AB-003,Cy Cedar,04/01/1990,555-201-0103,H,Single adult,1,05/03/2019,Offer,05/15/2019,Site B,NA,NA,\
was out of town for most of the winter and called,43
AB-004,Di Dogwood,05/01/1991,555-201-0104,B,Single adult,1,05/03/2019,Usual,05/15/2019,Site B,Y,"3,100",,44
"""
COURT = """\
Tract GEOID,Filing Month,Judgments,Renter HH,Case type,Extracted
34013000100,01/2019,4,912,RES,2019-02-10
34013000200,01/2019,2,640,RES,2019-02-10
34013000100,02/2019,5,912,RES,2019-03-10
"""
NEWARK = Path(suggest.__file__).parents[1] / "config" / "presets" / "newark.yml"
PLACES = "GEOID,Tract,Pilot area\n34013000100,34013000100,1\n34013000200,34013000200,0\n"
PLACES_MAPPING = """\
source: {path: raw/places.csv}
tables:
  units: {columns: {GEOID: unit_id, Tract: tract_id}, extra: {Pilot area: pilot_area}, constants: {unit_type: tract}}
"""


@pytest.fixture
def city(tmp_path):
    made = City(tmp_path / "city")
    for file in [*(made.folder / "mappings").iterdir(), *(made.root / "raw").iterdir()]:
        file.unlink()
    return made


def draft(city, name, text, sheet=""):
    city.write(name, text)
    return suggest.draft(city.root / "raw" / name, city.folder, load_city(city.folder), sheet)


def problems(file):
    try:
        return mapping.read(file).tables and []
    except data.IntakeError as error:
        return error.problems


def test_a_tracker_with_people_a_draw_and_outcomes(city):
    city.write("sites.csv", SITES).map("sites", SITES_MAPPING)
    made = draft(city, "Program tracker FY20.csv", TRACKER)
    assert (made.file.name, made.tables) == ("program_tracker_fy20.yml", ("participants", "assignments", "outcomes"))
    assert made.personal == ["Client name", "DOB", "Cell", "Remarks"] and made.left_out == ["Shoe size"]
    assert suggest.write(made)
    lines = [line.strip() for line in made.text.splitlines()]
    assert any(re.fullmatch(r'"Race/Eth": race_ethnicity +# sure: .*', line) for line in lines)
    assert '"Lives with friends": "?"' in made.text and 'application_date: ["%m/%d/%Y"]' in made.text

    said = problems(made.file)
    assert len(said) == made.open_points == 6
    assert all("is not decided yet" in one.message for one in said)
    consent = next(one for one in said if "consent_status" in one.message)
    number = 1 + next(i for i, line in enumerate(lines) if line.startswith("consent_status"))
    assert consent.file == f"mappings/program_tracker_fy20.yml, line {number}"
    assert consent.fix.endswith("Allowed: consented, waived_admin_data, withdrawn.")

    decided = {"consent_status": "consented", "method": "lottery", "wave": "f1", "observed_at": "2020-01-15",
               "Lives with friends": "other", "Usual": "control"}  # fmt: skip
    text = made.text
    for name, value in decided.items():
        text = re.sub(rf'^( +"?{name}"?): "\?"', rf'\1: "{value}"', text, flags=re.M)
    made.file.write_text(text, encoding="utf-8")
    city.intake()
    tables = city.tables()
    assert sorted(tables["participants"]["race_ethnicity"]) == ["black_nh", "black_nh", "hispanic", "white_nh"]
    ends = tables["outcomes"].pivot(index="subject_id", columns="outcome_id", values="value")
    assert sorted(ends["earnings_q2"].dropna()) == [0, 3100, 4200] and ends["employed_q2"].sum() == 2
    assert sorted(tables["assignments"]["arm"]) == ["control", "control", "offer", "offer"]


def test_a_court_extract_of_places_by_month(city):
    settings = NEWARK.read_text(encoding="utf-8").replace("mode: synthetic", "mode: city")
    (city.folder / "city.yml").write_text(settings, encoding="utf-8")
    city.write("places.csv", PLACES).map("places", PLACES_MAPPING)
    made = draft(city, "court_extract.csv", COURT)
    assert suggest.write(made) and made.open_points == 0 and made.left_out == ["Case type"]
    (block,) = mapping.read(made.file).tables
    assert block.wide.columns == {"Judgments": "eviction_judgments"} and block.wide.wave == "monthly"
    assert block.columns == {"Filing Month": "period_start", "Renter HH": "denominator", "Extracted": "observed_at"}
    assert block.date_formats == {"period_start": ("%m/%Y",)} and "zero_fill" in made.text
    city.intake()
    rows = city.tables()["outcomes"]
    assert rows["value"].tolist() == [4, 2, 5] and rows["period_start"].dt.month.tolist() == [1, 1, 2]


OTHERS = {
    "services": ("Entry,Client,Type,Date,Kept?\n1,AB-001,Coaching,05/20/2019,Y\n2,AB-001,Coaching,06/20/2019,N\n",
                 {"Client": "subject_id", "Type": "service_type", "Date": "service_date", "Kept?": "delivered"}),
    "costs": ("Month,Category,Amount,Paid by,In kind\n2019-05,staff,8200,city,no\n",
              {"Month": "period", "Category": "category", "Amount": "amount_usd", "Paid by": "fund_source"}),
    "units": ("Site,Kind,Capacity\nSite A,site,40\nSite B,site,50\n",
              {"Site": "unit_id", "Kind": "unit_type", "Capacity": "size"}),
    "outcomes": ("Case #,Measure,Score,Survey date\n1,Employed Q2,1,2020-01-15\n2,Employed Q2,0,2020-01-16\n",
                 {"Case #": "subject_id", "Measure": "outcome_id", "Score": "value", "Survey date": "observed_at"}),
}  # fmt: skip


@pytest.mark.parametrize("table", OTHERS)
def test_other_files_fill_their_table(city, table):
    text, wanted = OTHERS[table]
    made = draft(city, "file.csv", text)
    assert made.tables == (table,)
    for header, column in wanted.items():
        assert re.search(rf'"{re.escape(header)}": {column}\b', made.text), made.text


def test_dates_that_fit_two_readings_are_left_to_a_person(city):
    text = TRACKER.replace("05/14/2019", "05/04/2019").replace("05/15/2019", "05/06/2019")
    made = draft(city, "t.csv", text)
    assert 'application_date: ["?"]' in made.text and 'assigned_at: ["?"]' in made.text
    suggest.write(made)
    assert any("'?' for application_date is not decided yet." in one.message for one in problems(made.file))


def test_lost_zeros_of_tracts_are_put_back_and_the_census_year_asked(city):
    text = "Client ID,Home tract,Age,Gender\n1,4013000100,30,F\n2,4013000200,31,M\n3,14013000200,31,M\n"
    made = draft(city, "people.csv", text)
    suggest.write(made)
    assert "pad_to" in made.text
    assert any("'?' is not a census year." in one.message for one in problems(made.file))


def test_no_cell_of_a_column_about_a_person_is_in_the_draft(city):
    odd = TRACKER.replace("Shoe size", "Reached at").replace(",41\n", ",ana@example.org\n")
    odd = odd.replace("Client name", "Participant").replace("Cell", "Caseworker phone #")
    made = draft(city, "t.csv", odd)
    secrets = ["Ana", "Arbor", "555-201", "1985", "ana@", "winter", "AB-001"]
    assert [s for s in secrets if s in made.text] == []
    assert {"DOB", "Caseworker phone #", "Remarks", "Reached at"} <= set(made.personal)


def test_what_city_yml_calls_an_identifier_stays_out(city):
    settings = city.folder / "city.yml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("[phone]", "[HH size]"), encoding="utf-8")
    assert "HH size" in draft(city, "t.csv", TRACKER).personal


def test_hostile_headers_and_codes_stay_text(city):
    hostile = 'A: {b: c} # "x" - [?]'
    text = TRACKER.replace("Shoe size", f'"{hostile.replace(chr(34), chr(34) * 2)}"')
    text = text.replace(",B,", ',"B""}\n- x: !!python",')
    made = draft(city, "t.csv", text)
    suggest.write(made)
    assert hostile in made.left_out
    assert {one.message.split(" is not")[0] for one in problems(made.file)} >= {"'?' for consent_status"}
    assert all("decided yet" in one.message for one in problems(made.file))


@pytest.mark.parametrize(("name", "text", "said"), [
    ("x.csv", "Colour,Shape\nred,round\n", "no column looks like an ID"),
    ("gone.csv", None, "There is no file gone.csv"),
])  # fmt: skip
def test_what_cannot_be_drafted_is_said(city, name, text, said, monkeypatch):
    if text:
        city.write(name, text)
    monkeypatch.chdir(city.folder)
    with pytest.raises(EmiError, match=said):
        suggest.draft(Path(name), city.folder, load_city(city.folder))


def test_a_file_elsewhere_is_refused(city, tmp_path):
    (tmp_path / "t.csv").write_text(TRACKER, encoding="utf-8")
    with pytest.raises(EmiError, match="not in the city's folder"):
        suggest.draft(tmp_path / "t.csv", city.folder, load_city(city.folder))


def test_the_command_writes_once_and_never_over_an_edit(city, monkeypatch, capsys):
    city.write("tracker.csv", TRACKER)
    monkeypatch.chdir(city.folder)
    assert main(["data", "suggest", "tracker.csv"]) == 0
    out = capsys.readouterr().out.replace("\\", "/")
    assert out.startswith("Made  mappings/tracker.yml  for participants, assignments, outcomes\n")
    assert "Stay out, they seem to name a person:  Client name, DOB, Cell, Remarks" in out
    assert 'decide each "?" (6), then  emi check testville' in out
    file = city.folder / "mappings" / "tracker.yml"
    file.write_text("# mine\n", encoding="utf-8")
    assert main(["data", "suggest", "tracker.csv", "testville"]) == 0
    assert "was left as it is" in capsys.readouterr().out and file.read_text(encoding="utf-8") == "# mine\n"


def test_the_template_command_says_what_to_do(city, monkeypatch, capsys):
    monkeypatch.chdir(city.folder)
    assert main(["data", "template"]) == 0
    out = capsys.readouterr().out.replace("\\", "/")
    assert out.startswith("Made  data/private/raw/testville_workbook.xlsx\nMade  6 mappings in  mappings\n")
    assert main(["data", "template"]) == 3 and "Nothing was written." in capsys.readouterr().err


@pytest.mark.parametrize(("header", "words"), [
    ("Case #", "case number"), ("Race/Eth", "race ethnicity"), ("HH size", "household size"),
    ("Family no.", "family number"),
    ("AgeAtApplication", "age at application"), ("No diploma", "no diploma"), ("  % FPL ", "percent fpl"),
])  # fmt: skip
def test_headers_in_plain_words(header, words):
    assert plain(header) == words
