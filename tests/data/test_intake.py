"""Intake on small hand-written files: what comes in, what is refused and in which words, what is counted."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest
from intake_city import SETTINGS, TRACKER, City

from shared_utils import data
from shared_utils.data.row_filter import FilterError, RowFilter
from shared_utils.errors import EmiError


@pytest.fixture
def city(tmp_path, monkeypatch) -> City:
    monkeypatch.setenv("EMI_SALT_TESTVILLE", "01" * 32)
    return City(tmp_path / "city")


def only(problems) -> data.Problem:
    assert len(problems) == 1, problems
    return problems[0]


# ---------------------------------------------------------------- what comes in


def test_one_spreadsheet_fills_three_tables(city):
    city.intake()
    tables = city.tables()
    people = tables["participants"]
    assert list(people["race_ethnicity"].fillna("")) == ["black_nh", "white_nh", "", "hispanic"]
    assert people["income_annual_usd"].tolist() == [21000, 18000.5, 25000, 19500]
    assert tables["assignments"]["arm"].tolist() == ["offer", "control", "offer", "control"]
    outcomes = tables["outcomes"]
    assert outcomes["status"].tolist() == ["observed", "observed", "missing_nonresponse", "observed"]
    assert outcomes["period_start"].unique().tolist() == [pd.Timestamp("2020-01-01")]
    assert set(tables["services"]["subject_id"]) <= set(people["participant_id"])


def test_ids_become_pseudonyms_and_sites_stay_readable(city):
    city.intake()
    people = city.tables()["participants"]
    assert people["participant_id"].str.fullmatch("p_[a-z2-7]{20}").all()
    assert set(people["unit_id"]) == {"u_site_a", "u_site_b"}


def test_buildings_and_units_of_unknown_type_are_hashed(city):
    city.change("sites.csv", "Site B,site", "Site B,building").intake()
    units = set(city.tables()["participants"]["unit_id"])
    assert "u_site_a" in units and "u_site_b" not in units


def test_dropped_columns_are_listed_and_rows_add_up(city):
    city.write("tracker.csv", TRACKER + "AB-001" + TRACKER.splitlines()[1][6:] + "\n,,,,,,,,,,,\n")
    report = city.intake()
    people = next(s for s in report.sources if s.table == "participants")
    assert people.identifiers_dropped == ["Phone"] and people.columns_dropped == ["Shoe size"]
    assert people.rows_in == 6 and people.dropped == {"empty": 1, "exact copy": 1} and people.rows_kept == 4
    assert str(people) == "tracker.csv -> participants: 6 rows, 4 kept (1 empty, 1 exact copy left out)"
    for source in report.sources:
        assert source.rows_in + source.rows_added == source.rows_kept + sum(source.dropped.values())
    assert [f["code"] for f in report.flags if "exact copies" in f["message"]] == ["DQ102"]


def test_no_byte_of_the_linked_tables_names_anybody(city):
    city.intake()
    everything = b"".join(city.linked_bytes().values())
    for text in (b"555-0101", b"AB-001", b"ab-001"):
        assert text not in everything


def test_excel_and_parquet_give_the_same_tables_as_csv(city, tmp_path):
    city.intake()
    expected = city.tables()
    frame = pd.read_csv(city.root / "raw" / "tracker.csv", dtype={"Race": str})
    frame["Applied"] = pd.to_datetime(frame["Applied"])
    with pd.ExcelWriter(city.root / "raw" / "tracker.xlsx") as book:
        frame.to_excel(book, sheet_name="Tracker", index=False, startrow=2)
    workbook = "path: raw/tracker.xlsx, sheet: Tracker, header_row: 3"
    city.change("tracker", "path: raw/tracker.csv", workbook).intake()
    assert_same(city.tables(), expected)
    frame.to_parquet(city.root / "raw" / "tracker.parquet")
    city.change("tracker", workbook, "path: raw/tracker.parquet").intake()
    assert_same(city.tables(), expected)


def assert_same(tables, expected):
    for name, table in expected.items():
        pd.testing.assert_frame_equal(tables[name], table)


def test_dates_with_one_reading_need_no_format(city):
    city.change("tracker.csv", "2019-05-01", "05/31/2019").change("tracker.csv", "2019-05-03", "06/01/2019")
    city.intake()
    assert city.tables()["participants"]["application_date"].max() == pd.Timestamp("2019-06-01")


def test_zero_fill_writes_the_months_a_court_leaves_out(city):
    city.write("tracts.csv", "GEOID\n36055000100\n36055000200\n")
    city.map(
        "tracts",
        """\
        source: {path: raw/tracts.csv}
        tables: {units: {columns: {GEOID: unit_id}, constants: {unit_type: tract}}}
        """,
    )
    city.write(
        "court.csv",
        "Tract,Month,Cases,Renters,Kind\n36055000100,2019-01,4,900,RES\n"
        "36055000100,2019-02,2,900,COM\n36055000200,2019-03,1,500,RES\n",
    )
    city.map(
        "court",
        """\
        source: {path: raw/court.csv}
        row_filter: "kind == 'RES'"
        tables:
          outcomes:
            columns: {Tract: subject_id, Month: period_start, Cases: value, Renters: denominator}
            constants: {subject_type: unit, outcome_id: judgments, wave: monthly, observed_at: 2019-04-01}
            types: {period_start: month}
            date_formats: {period_start: ["%Y-%m"]}
            zero_fill: {keys: [subject_id, period_start], from_table: units, value: 0}
        """,
    )
    report = city.intake()
    panel = city.tables()["outcomes"].query("outcome_id == 'judgments'")
    panel = panel.sort_values(["subject_id", "period_start"])
    assert panel["subject_id"].unique().tolist() == ["u_36055000100", "u_36055000200"]
    assert panel["value"].tolist() == [4, 0, 0, 0, 0, 1]
    assert panel["denominator"].tolist() == [900] * 3 + [500] * 3
    court = next(s for s in report.sources if s.file == "raw/court.csv")
    assert (court.rows_in, court.rows_added, court.rows_kept, court.dropped) == (3, 4, 6, {"row_filter": 1})


# ---------------------------------------------------------------- what is refused, and how


def test_a_missing_column_is_named_with_the_nearest_and_the_fix(city):
    city.change("tracker.csv", "Client ID,Site", "Client Id.,Site")
    problem = str(city.problems()[0])
    assert problem.startswith(
        "tracker.csv, column Client ID: there is no column 'Client ID'. Did you mean 'Client Id.'?"
    )
    assert "or change 'Client ID' in mappings/tracker.yml below line 3." in problem
    assert "The file has: 'Client Id.', 'Site', 'Applied'" in problem


def test_headers_are_trimmed(city):
    city.change("tracker.csv", "Client ID,Site", "  Client   ID ,Site").intake()


def test_a_code_no_one_has_seen_is_an_error(city):
    city.change("tracker.csv", ",2019-05-02,B,", ",2019-05-02,X,")
    problem = only(city.problems())
    assert (problem.file, problem.column, problem.cell) == ("tracker.csv", "Race", "F2")
    assert problem.sentence == "'X' is a new code."
    assert 'value_maps: {race_ethnicity: {"X": ...}}' in problem.fix and "Known: B, W, H." in problem.fix


def test_a_word_outside_the_model_is_an_error_with_the_nearest(city):
    city.change("sites.csv", "Site A,site", "Site A,sit")
    problem = only(city.problems())
    assert "is not one of site, classroom" in problem.message and "Did you mean 'site'?" in problem.fix


def test_ambiguous_dates_are_an_error_until_the_mapping_decides(city):
    city.change("tracker.csv", "2019-05-01", "05/01/2019").change("tracker.csv", "2019-05-03", "05/03/2019")
    problems = city.problems()
    assert [p.cell for p in problems] == ["C2", "C3", "C4", "C5"]
    problem = problems[0]
    assert problem.message == "can be day/month or month/day"
    assert 'date_formats: {application_date: ["%m/%d/%Y"]}' in problem.fix
    before = "    constants: {consent_status: consented}\n"
    city.change("tracker", before, before + '    date_formats: {application_date: ["%d/%m/%Y"]}\n')
    city.intake()
    assert (
        city.tables()["participants"]["application_date"].tolist()
        == [pd.Timestamp("2019-01-05")] * 2 + [pd.Timestamp("2019-03-05")] * 2
    )


@pytest.mark.parametrize(
    "old, new, words",
    [
        (",21000,", ',"21,000",', "'21,000' is not a number."),
        (",21000,", ",about 21000,", "is not a number"),
        (",34,", ",34.5,", "is not a whole number"),
        (",2020-01-15,555-0101", ",43845,555-0101", "Excel's number of a date"),
        (",2020-01-15,555-0101", ",2020-02-30,555-0101", "is not a date like 2019-12-31"),
        ("AB-001,Site A", ",Site A", "cell A2, column Client ID: the cell is empty."),
        ("AB-002,Site A,2019-05-01", "AB-0-02,Site A,2019-05-01", "differ only in where their dashes"),
    ],
)
def test_cells_that_do_not_fit_are_named(city, old, new, words):
    if "AB-0-02" in new:
        city.change("services.csv", "AB-001", "AB-002")
    city.change("tracker.csv", old, new)
    assert any(words in str(p) for p in city.problems()), city.problems()


def test_thousands_are_read_when_the_mapping_says_so(city):
    city.change("tracker.csv", ",21000,", ',"21,000",')
    city.change("tracker", "path: raw/tracker.csv", 'path: raw/tracker.csv, thousands: ","').intake()
    assert city.tables()["participants"]["income_annual_usd"].iloc[0] == 21000


def test_words_that_say_who_somebody_is_are_refused(city):
    city.change("sites.csv", "Site,Kind\nSite A,site", "Site,Kind,Desk\nSite A,site,jo@city.org")
    city.change("sites.csv", "Site B,site", "Site B,site,none")
    city.change("sites", "Kind: unit_type}", "Kind: unit_type}, extra: {Desk: desk}")
    problem = only(city.problems())
    assert "looks like an e-mail address" in problem.message and "jo@city.org" not in str(problem)


def test_all_problems_of_all_files_come_at_once(city):
    city.change("tracker.csv", ",2019-05-02,B,", ",2019-05-02,X,").change("tracker.csv", ",34,", ",old,")
    city.change("services.csv", "Client,What", "Klient,What")
    with pytest.raises(data.IntakeError) as refused:
        city.intake()
    assert len(refused.value.problems) == 3
    assert str(refused.value).startswith("3 problems in the data files. Nothing was changed.")


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("tables:", "tabels:", "line 2: 'tabels' is not a key here. Did you mean 'tables'?"),
        (
            "Age: age_years",
            "Age: age_yeras",
            "line 9: 'age_yeras' is not a column of participants. Did you mean 'age_years'?",
        ),
        ("  outcomes:", "  outcome:", "'outcome' is not a table. Did you mean 'outcomes'?"),
        ("raw/tracker.csv", "../tracker.csv", "leaves the data folder"),
        ("constants: {consent_status: consented}", "constants: {}", "participants needs consent_status."),
        ("Age: age_years", "Phone: age_years", "'Phone' names a person and never comes in"),
        ("Income: income_annual_usd", "Income: age_years", "age_years is given twice"),
    ],
)
def test_a_mistake_in_a_mapping_names_its_line(city, old, new, words):
    city.change("tracker", old, new)
    problems = city.problems()
    assert any(words in f"{p.file}: {p.message}" for p in problems), problems


def test_city_yml_decides_what_is_an_identifier(city):
    settings = SETTINGS.replace("[phone]", "[phone, shoe_size]")
    (city.folder / "city.yml").write_text(settings, encoding="utf-8")
    city.change("tracker", "Age: age_years", "Shoe size: age_years")
    assert "direct identifier" in only(city.problems()).message


def test_a_missing_file_is_named_with_what_is_there(city):
    (city.root / "raw" / "tracker.csv").rename(city.root / "raw" / "traker.csv")
    (city.root / "raw" / "~$traker.csv").write_text("lock", encoding="utf-8")
    problem = only(city.problems())
    assert "Did you mean 'traker.csv'?" in problem.message and "~$" not in problem.fix


def test_a_file_open_in_excel_says_so(city, monkeypatch):
    real = Path.open

    def locked(path, *args, **keywords):
        if path.name == "tracker.csv":
            raise PermissionError(13, "denied")
        return real(path, *args, **keywords)

    monkeypatch.setattr(Path, "open", locked)
    problem = only(city.problems())
    assert (problem.message, problem.fix) == ("tracker.csv is open in Excel.", "Close it and run again.")


def test_a_file_in_another_encoding_is_refused(city):
    (city.root / "raw" / "sites.csv").write_bytes("Site,Kind\nSite A,site\nSit\xe9 B,site\n".encode("cp1252"))
    city.change("sites", "raw/sites.csv", "raw/sites.csv, encoding: utf-8")
    problem = only(city.problems())
    assert "not written in utf-8" in problem.message and "Take source.encoding out of" in problem.fix


def test_synthetic_files_are_refused_in_a_real_city(city):
    city.write("sites.csv", "Site,Kind,source_system\nSite A,site,synthetic\nSite B,site,synthetic\n")
    assert only(city.problems()).message.startswith("DQ113")


def test_a_changed_salt_is_refused(city, monkeypatch):
    city.intake()
    before = city.linked_bytes()
    monkeypatch.setenv("EMI_SALT_TESTVILLE", "02" * 32)
    with pytest.raises(EmiError, match="DQ112"):
        city.intake()
    assert city.linked_bytes() == before


# ---------------------------------------------------------------- flags


def flags(city) -> dict[str, dict]:
    return {f["code"]: f for f in city.intake().flags}


def test_two_different_draws_for_one_person_block(city):
    row = TRACKER.splitlines()[1].replace("Offer", "Usual")
    found = flags(city.write("tracker.csv", TRACKER + row + "\n"))
    assert found["DQ101"]["severity"] == "block" and "arm" in found["DQ101"]["message"]
    assert found["DQ114"]["severity"] == "block"


def test_a_later_row_about_the_same_person_replaces_the_earlier(city):
    row = TRACKER.splitlines()[1].replace(",34,", ",35,")
    found = flags(city.write("tracker.csv", TRACKER + row + "\n"))
    assert found["DQ102"]["severity"] == "serious" and "DQ101" not in found
    assert sorted(city.tables()["participants"]["age_years"]) == [29, 35, 44, 51]


def test_services_of_unknown_people_are_flagged(city):
    found = flags(city.change("services.csv", "AB 003", "ZZ-999"))
    assert found["DQ103"]["severity"] == "serious" and "1 of 3 rows" in found["DQ103"]["message"]


def test_services_before_the_assignment_are_flagged(city):
    assert flags(city.change("services.csv", "2019-05-20", "2019-05-01"))["DQ105"]["scope"] == "services"


def test_empty_cells_are_flagged_by_share(city):
    assert flags(city)["DQ106"]["severity"] == "serious"


def test_shares_that_do_not_fit_the_draw_block(city):
    row = "AB-{},Site A,2019-05-01,Offer,2019-05-02,B,34,21000,1,2020-01-15,,\n"
    city.write("tracker.csv", TRACKER + "".join(row.format(i) for i in range(100, 140)))
    drawn = "method: random_stratified"
    found = flags(city.change("tracker", drawn, f"{drawn}, assign_prob: 0.5"))
    assert found["DQ109"]["severity"] == "block"


# ---------------------------------------------------------------- again, and killed in between


def test_a_second_intake_gives_the_same_bytes_and_leaves_the_raw_files(city):
    raw = {p.name: p.read_bytes() for p in (city.root / "raw").iterdir()}
    city.intake()
    first = city.linked_bytes()
    city.intake()
    assert city.linked_bytes() == first
    assert raw == {p.name: p.read_bytes() for p in (city.root / "raw").iterdir()}
    assert sorted(p.name for p in city.root.iterdir()) == ["crosswalk", "linked", "raw"]


def test_prepare_does_nothing_when_nothing_changed(city):
    assert data.prepare(city.folder).ran
    assert not data.prepare(city.folder).ran
    os.utime(city.root / "raw" / "tracker.csv")
    (city.root / "raw" / "~$tracker.csv").write_text("lock", encoding="utf-8")
    assert not data.prepare(city.folder).ran
    city.change("tracker.csv", ",34,", ",35,")
    assert data.prepare(city.folder).ran
    city.change("tracker", "source:", "# a comment\nsource:")
    assert data.prepare(city.folder).ran


def test_the_report_is_readable_json(city):
    city.intake()
    report = json.loads((city.root / "linked" / "intake_report.json").read_text(encoding="utf-8"))
    assert report["mode"] == "city" and report["tables"]["participants"]["rows"] == 4


# ---------------------------------------------------------------- row_filter


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "a.b == 1",
        "open('x')",
        "a == b",
        "a in 'abc'",
        "1 < a < 3",
        "a == [1]",
        "lambda: 1",
        "a ==",
    ],
)
def test_row_filter_refuses_everything_but_its_small_grammar(text):
    with pytest.raises(FilterError):
        RowFilter(text)


@pytest.mark.parametrize(
    "text, kept",
    [
        ("case_type in ['A', 'B']", [0, 1]),
        ("case_type not in ['A', 'B']", [2]),
        ("not case_type == 'A' and amount >= 10", [1]),
        ("amount < 5 or case_type == 'A'", [0, 2]),
    ],
)
def test_row_filter_keeps(text, kept):
    frame = pd.DataFrame({"Case Type": ["A", "B", "C"], "Amount": ["7", "10", "3"]})
    assert RowFilter(text).keep(frame).to_numpy().nonzero()[0].tolist() == kept


def test_row_filter_names_the_nearest_column():
    with pytest.raises(FilterError, match="Did you mean 'case_type'"):
        RowFilter("case_tipe == 'A'").keep(pd.DataFrame({"Case Type": ["A"]}))
