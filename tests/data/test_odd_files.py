"""Odd files a city sends: each is read right, or refused in one sentence that names the place and the cure."""

import datetime as dt
import errno
import hashlib
import io

import openpyxl
import pandas as pd
import pytest
from odd_files import HEADERS, PLAIN, ROWS, book, mapping, read, refused, sheet
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900

from shared_utils.data import files
from shared_utils.data.headers import match

DAY = dt.date(2019, 5, 1)
NBSP, ZERO_WIDTH = "\u00a0", "\u200b"


def rows(table) -> list[list[str]]:
    return table.frame[list(HEADERS)].to_numpy().tolist()


# ---------------------------------------------------------------- text tables that are read

EUROPEAN = "Client ID;Applied;Income\nA1;2019-05-01;1.234,50\nB2;2019-05-02;2.000\n"
READ = {
    "plain": (PLAIN, {}, ROWS, "Read as UTF-8, separated by commas."),
    "byte order mark": (PLAIN.encode("utf-8-sig"), {}, ROWS, "UTF-8"),
    "utf-16": (PLAIN.encode("utf-16"), {}, ROWS, "UTF-16"),
    "utf-16, mark stated": (PLAIN.encode("utf-16"), {"encoding": "utf-16"}, ROWS, "UTF-16"),
    "Windows-1252": (PLAIN.replace("A1", "Pe\xf1a").encode("cp1252"), {}, [["Pe\xf1a", *ROWS[0][1:]], ROWS[1]],
                     "Windows-1252"),
    "stated encoding wins": (PLAIN.replace("A1", "Pe\xf1a").encode("mac-roman"), {"encoding": "mac-roman"},
                             [["Pe\xf1a", *ROWS[0][1:]], ROWS[1]], "mac-roman"),
    "right quote of Windows": (PLAIN.replace("A1", "O\u2019Neil").encode("cp1252"), {},
                               [["O\u2019Neil", *ROWS[0][1:]], ROWS[1]], "Windows-1252"),
    "semicolons": (PLAIN.replace(",", ";"), {}, ROWS, "semicolons"),
    "tabs": (PLAIN.replace(",", "\t"), {}, ROWS, "tabs"),
    "vertical bars": (PLAIN.replace(",", "|"), {}, ROWS, "vertical bars"),
    "stated separator": (PLAIN.replace(",", "^"), {"delimiter": "^"}, ROWS, "^"),
    "Windows line ends": (PLAIN.replace("\n", "\r\n"), {}, ROWS, ""),
    "old Mac line ends": (PLAIN.replace("\n", "\r"), {}, ROWS, ""),
    "no line end at the end": (PLAIN.rstrip(), {}, ROWS, ""),
    "separator inside quotes": (PLAIN.replace("A1", '"A;1;,2"'), {}, [["A;1;,2", *ROWS[0][1:]], ROWS[1]], "commas"),
    "quotes inside quotes": (PLAIN.replace("A1", '"A ""1"""'), {}, [['A "1"', *ROWS[0][1:]], ROWS[1]], ""),
    "title rows": ("Program tracker FY20\n\n" + PLAIN, {}, ROWS, "The headers are in row 3."),
    "title as wide as the table": ("Tracker,,\n,,\n" + PLAIN, {}, ROWS, "row 3"),
    "stated header row": ("Client ID,Applied,Income\n" + PLAIN, {"header_row": 2}, ROWS, ""),
    "a total and a note": (PLAIN + "Total,,350.5\n\nSource: the tracker\n", {}, ROWS,
                           "Left out below the table: row 4 (a total), row 6 (a note)."),
    "a sentence below": (PLAIN + "\nAll figures are preliminary\nand may change\n", {}, ROWS,
                         "row 5 (a note), row 6 (a note)"),
    "stated footer": (PLAIN + "C3,2019-05-03,1\n", {"skip_footer": 1}, ROWS, ""),
    "one id alone below is a row": (PLAIN + "C3,,\n", {}, [*ROWS, ["C3", "", ""]], ""),
    "headers in other letters": (PLAIN.replace("Client ID,Applied", f" client{NBSP} id ,APPLIED{ZERO_WIDTH}"), {},
                                 ROWS, ""),
    "full-width header": (PLAIN.replace("Income", "\uff29\uff4e\uff43\uff4f\uff4d\uff45"), {}, ROWS, ""),
    "other order and more columns": ("x,Income,Client ID,Applied\n1,100,A1,2019-05-01\n2,250.5,B2,2019-05-02\n", {},
                                     ROWS, ""),
    "separator at the end of rows": (PLAIN.replace("\n", ",\n"), {}, ROWS, ""),
    "separator at the end of some rows": (PLAIN.replace("100\n", "100,,\n"), {}, ROWS, ""),
    "a short row": (PLAIN + "C3\n", {}, [*ROWS, ["C3", "", ""]], ""),
    "spaces around cells": (PLAIN.replace("A1", f"  A1{NBSP}"), {}, ROWS, ""),
    "decimal commas": (EUROPEAN, {}, [["A1", "2019-05-01", "1.234,50"], ["B2", "2019-05-02", "2.000"]],
                       "Numbers are written like 1.234,56."),
    "thousands that tell": (PLAIN.replace("250.5", '"1,250.50"'), {}, [ROWS[0], ["B2", "2019-05-02", "1,250.50"]],
                            "Numbers are written like 1,234.56."),
    "headers only": ("Client ID,Applied,Income\n", {}, [], ""),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_a_text_table_is_read(tmp_path, name):
    content, keys, expected, note = READ[name]
    content = content if isinstance(content, bytes) else content.encode()
    table = read(tmp_path, "odd.csv", content, **keys)
    assert rows(table) == expected
    assert note in " ".join(table.notes)
    assert (tmp_path / "raw" / "odd.csv").read_bytes() == content
    assert table.sha256 == hashlib.sha256(content).hexdigest()


def test_a_row_is_the_one_excel_shows(tmp_path):
    content = 'Tracker\n\nClient ID,Applied,Income\n"A\n1",2019-05-01,1\n\nB2,2019-05-02,2\n'
    table = read(tmp_path, "odd.csv", content.encode())
    assert table.frame["Client ID"].to_dict() == {4: "A\n1", 5: "", 6: "B2"}


def test_letters_are_those_of_the_file(tmp_path):
    table = read(tmp_path, "odd.csv", b"Client ID,,Applied,Income\nA1,,2019-05-01,1\n")
    assert table.headers == list(HEADERS) and table.letters == ["A", "C", "D"] and table.letter("Income") == "D"


def test_marks_that_the_cells_tell_are_those_of_the_source(tmp_path):
    told = read(tmp_path, "odd.csv", EUROPEAN.encode()).mapping.source
    assert (told.thousands, told.decimal) == (".", ",")
    stated = read(tmp_path, "odd.csv", EUROPEAN.encode(), decimal=".").mapping.source
    assert (stated.thousands, stated.decimal) == ("", ".")


def test_a_header_to_the_letter_is_the_one_that_is_meant():
    assert match(["site", "Site", "SITE "], ["Site"]) == ["site", "Site", "SITE "]
    assert match(["site", "Group"], ["Site", "group"]) == ["Site", "group"]
    assert match(["site", "SITE"], ["Site"]) == ["Site", "Site"]  # two: said by the one who needs it


def test_a_total_that_is_a_code_of_the_mapping_stays(tmp_path):
    one = mapping("odd.csv")
    one.tables[0].value_maps["participant_id"] = {"Total": "all"}
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "odd.csv").write_text(PLAIN + "C3,,1\nTotal,,1\n", encoding="utf-8")
    with pytest.raises(files.IntakeError, match="'Total' is a total inside the table"):
        files.read(one, tmp_path)


# ---------------------------------------------------------------- text tables that are refused

MESSY = PLAIN.replace("A1", "Pe\xf1a").encode() + "C3,Mu\xf1oz,1\n".encode("cp1252")
REFUSED = {
    "empty file": ("odd.csv", b"", {}, "the file is empty"),
    "blank rows only": ("odd.csv", b"\n\n,,\n", {}, "there is nothing in it"),
    "no header row": ("odd.csv", b"A1,2019-05-01,100\nB2,2019-05-02,2\n", {},
                      "row 1, the first of the table, holds values"),
    "two header rows": ("odd.csv", b"Client ID,x,y\na,Applied,b\n1,2,3\n", {},
                        "rows 1 and 2 both look like the headers", "header_row"),
    "too few rows for the header": ("odd.csv", PLAIN.encode(), {"header_row": 9}, "there is no row 9 with the headers"),
    "an unquoted separator": ("odd.csv", PLAIN.replace("A1", "A,1").encode(), {},
                              "row 2 has more cells than the header", "quotes"),
    "an open quotation mark": ("odd.csv", PLAIN.replace("A1", '"A1').encode(), {},
                               "a quotation mark opened in row 2 is never closed"),
    "two encodings": ("odd.csv", MESSY, {}, "some rows are written in UTF-8 and others are not", "source.encoding"),
    "an old Mac's letters": ("odd.csv", PLAIN.replace("A1", "Jos\xe9ph").encode("mac-roman"), {},
                             "neither UTF-8 nor Windows-1252"),
    "an old DOS file's letters": ("odd.csv", PLAIN.replace("A1", "Jos\xe9ph").encode("cp437"), {},
                                  "neither UTF-8 nor Windows-1252"),
    "UTF-16 without its mark": ("odd.csv", PLAIN.encode("utf-16-le"), {}, "it holds zero bytes"),
    "a stated encoding that is wrong": ("odd.csv", MESSY, {"encoding": "utf-8"}, "the file is not written in utf-8"),
    "numbers with two readings": ("odd.csv", b"Client ID;Applied;Income\nA1;2019-05-01;1.234\n", {},
                                  "numbers like 1.234 can be read with a decimal mark or",
                                  'source.decimal: "." (or ",")'),
    "an id without its digits": ("odd.csv", PLAIN.replace("A1", "1.23E+11").encode(), {}, "lost its digits"),
    "a total inside the table": ("odd.csv", PLAIN.replace("A1", "Total").encode(), {}, "is a total inside the table"),
    "an error of Excel in a CSV": ("odd.csv", PLAIN.replace("100", "#REF!").encode(), {},
                                   "'#REF!' is an error of Excel"),
    "a workbook named .csv": ("odd.csv", book(sheet()), {}, "named .csv, but is an Excel workbook"),
    "a web page named .csv": ("odd.csv", b"<html><table>", {}, "but is a web page"),
    "a PDF named .csv": ("odd.csv", b"%PDF-1.7 ...", {}, "but is a PDF"),
    "a CSV named .xlsx": ("odd.xlsx", PLAIN.encode(), {}, "named .xlsx, but is a text file such as CSV"),
    "a web page named .xlsx": ("odd.xlsx", b"\n <!DOCTYPE html><table>", {}, "but is a web page", "Save As"),
    "an old workbook named .xlsx": ("odd.xlsx", b"\xd0\xcf\x11\xe0" + bytes(600), {}, "Excel 97-2003", "Save As"),
    "a workbook behind a password": ("odd.xlsx", b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), {},
                                     "protected by a password"),
    "half a workbook": ("odd.xlsx", book(sheet(["A1", DAY, 1]))[:-900], {}, "damaged"),
    "no Parquet file": ("odd.parquet", PLAIN.encode(), {}, "not a Parquet file"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused_in_one_sentence(tmp_path, name):
    file, content, keys, *words = REFUSED[name]
    (problem,) = refused(tmp_path, file, content, **keys)
    for word in words:
        assert word in str(problem), str(problem)
    assert problem.file == file and problem.fix and "Traceback" not in str(problem)
    assert (tmp_path / "raw" / file).read_bytes() == content


# ---------------------------------------------------------------- workbooks that are read


def test_typed_cells_become_the_text_a_person_would_type(tmp_path):
    def fill(workbook):
        page = workbook.active
        page["A1"] = "Program tracker"
        page.merge_cells("A1:C1")
        page.append([None])
        page.append(list(HEADERS))
        page.append([123456789012, DAY, 0.05])
        page.append([123456789012.0, dt.datetime(2019, 5, 2, 13, 30), 1234.5])
        page.append([])
        page.append(["007", 43586, True])
        page["C4"].number_format, page["C5"].number_format = "0%", '"$"#,##0.00'

    table = read(tmp_path, "odd.xlsx", book(fill))
    assert rows(table) == [["123456789012", "2019-05-01", "0.05"], ["123456789012", "2019-05-02 13:30:00", "1234.5"],
                           ["", "", ""], ["007", "43586", "true"]]  # fmt: skip
    assert list(table.frame.index) == [4, 5, 6, 7] and "The headers are in row 3." in table.notes


@pytest.mark.parametrize("epoch", [CALENDAR_WINDOWS_1900, CALENDAR_MAC_1904])
def test_dates_count_from_the_first_day_of_the_workbook(tmp_path, epoch):
    def fill(workbook):
        workbook.epoch = epoch
        sheet(["A1", DAY, 1])(workbook)

    assert rows(read(tmp_path, "odd.xlsx", book(fill))) == [["A1", "2019-05-01", "1"]]


def test_rich_text_is_its_letters_and_a_stored_result_is_the_value(tmp_path):
    rich = b'<c r="A2" t="inlineStr"><is><r><t>A</t></r>'
    rich += b'<r><rPr><b/></rPr><t>1</t></r><rPh sb="0" eb="1"><t>x</t></rPh></is></c>'

    def change(part, content):
        if part != "xl/worksheets/sheet1.xml":
            return content
        text = content.replace(b'<c r="C2"><f>50*2</f><v></v></c>', b'<c r="C2"><f>50*2</f><v>100</v></c>')
        text = text.replace(b'<c r="C2"><f>50*2</f><v /></c>', b'<c r="C2"><f>50*2</f><v>100</v></c>')
        start = text.index(b'<c r="A2"')
        return text[:start] + rich + text[text.index(b"</c>", start) + 4 :]

    assert rows(read(tmp_path, "odd.xlsx", book(sheet(["old", DAY, "=50*2"]), change))) == [["A1", "2019-05-01", "100"]]


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_the_only_visible_sheet_is_read_and_a_hidden_one_when_it_is_named(tmp_path, state):
    def fill(workbook):
        sheet(["A1", DAY, 1])(workbook)
        old = workbook.create_sheet("Old", 0)
        old.append(list(HEADERS))
        old.append(["Z9", DAY, 9])
        old.sheet_state = state
        workbook.create_sheet("Empty")

    content = book(fill)
    table = read(tmp_path, "odd.xlsx", content)
    assert rows(table)[0][0] == "A1" and "the only visible one with cells" in table.notes[0]
    named = read(tmp_path, "odd.xlsx", content, sheet=" old")
    assert rows(named)[0][0] == "Z9" and "which is hidden" in named.notes[0]


def test_cells_below_the_table_and_a_stray_one_beside_it(tmp_path):
    table = read(tmp_path, "odd.xlsx", book(sheet(["A1", DAY, 1, None, "ask Jo"], ["Grand total:", None, 1])))
    assert rows(table) == [["A1", "2019-05-01", "1"]] and table.letters == ["A", "B", "C", "E"]


def test_the_reader_gives_what_openpyxl_gives(tmp_path):
    cells = [["x", 1, 1.5], [True, DAY, -3], [None, 1e-7, "a b"], ["", 10**14, 0.1 + 0.2], [dt.time(8, 30), "=1", "z"]]
    content = book(sheet(*[[f"A{n}", *row[1:]] for n, row in enumerate(cells) if row[1] != "=1"]))
    expected = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True).active
    got = read(tmp_path, "odd.xlsx", content)
    for row, values in zip(rows(got), list(expected.iter_rows(values_only=True))[1:], strict=True):
        for cell, value in zip(row, values, strict=True):
            if isinstance(value, dt.datetime):
                assert cell == value.date().isoformat()
            elif isinstance(value, str):
                assert cell == value
            else:
                assert float(cell) == value


def test_parquet_is_as_a_csv_of_the_same_values(tmp_path):
    frame = pd.DataFrame({"Client ID": ["A1", "B2"], "Applied": [DAY, None], "Income": [100.0, 250.5],
                          "whole": [3.0, None], "flag": [True, False], "when": [dt.datetime(2019, 5, 1),
                                                                                            dt.datetime(2019, 5, 2, 8)],
                          "kind": pd.Categorical(["x", None]), "count": [1, 2**40]})  # fmt: skip
    out = io.BytesIO()
    frame.to_parquet(out)
    table = read(tmp_path, "odd.parquet", out.getvalue())
    assert table.frame.to_numpy().tolist() == [
        ["A1", "2019-05-01", "100", "3", "true", "2019-05-01", "x", "1"],
        ["B2", "", "250.5", "", "false", "2019-05-02 08:00:00", "", "1099511627776"],
    ]


# ---------------------------------------------------------------- workbooks that are refused


def merged(workbook):
    sheet(["A1", DAY, 1], ["B2", DAY, 2], ["C3", DAY, 3])(workbook)
    workbook.active.merge_cells("B2:B4")


def several(workbook):
    sheet(["A1", DAY, 1])(workbook)
    workbook.create_sheet("More").append(["x"])
    hidden = workbook.create_sheet("Secret")
    hidden.sheet_state = "hidden"


def only_hidden(workbook):
    sheet(["A1", DAY, 1])(workbook)
    workbook.create_sheet("Front")
    workbook.active = 1
    workbook.worksheets[0].sheet_state = "veryHidden"


BOOKS = {
    "a formula never calculated": (sheet(["A1", DAY, "=1+1"]), {}, "cell C2",
                                   "is a formula that Excel has not calculated", "save it"),
    "an error cell": (sheet(["A1", "#REF!", 1]), {}, "cell B2", "'#REF!' is an error of Excel"),
    "an error not available": (sheet(["A1", "#N/A", 1]), {}, "cell B2", "'#N/A'"),
    "merged cells in the table": (merged, {}, "cell B3", "is part of the merged cells B2:B4", "Unmerge"),
    "an id typed as 1.23E+11": (sheet(["1.23E+11", DAY, 1]), {}, "cell A2", "lost its digits"),
    "an id of sixteen digits": (sheet([4111111111111111, DAY, 1]), {}, "cell A2", "lost its digits"),
    "several sheets": (several, {}, "several sheets", "Sheet, More, Secret (hidden)", "source.sheet"),
    "a sheet that is not there": (several, {"sheet": "Mor"}, "there is no sheet 'Mor'. Did you mean 'More'?"),
    "only a hidden sheet": (only_hidden, {}, "no visible sheet with cells", "Sheet (hidden), Front"),
    "an empty sheet": (lambda workbook: None, {}, "no visible sheet with cells"),
    "a sheet with a slash in its name": (several, {"sheet": "../Sheet"}, "there is no sheet '../Sheet'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOOKS)
def test_a_workbook_is_refused_in_one_sentence(tmp_path, name):
    fill, keys, *words = BOOKS[name]
    (problem,) = refused(tmp_path, "odd.xlsx", book(fill), **keys)
    for word in words:
        assert word in str(problem), str(problem)
    assert "4111" not in str(problem) and "1.23E+11:" not in problem.value


def test_what_is_not_needed_is_not_judged(tmp_path):
    table = read(tmp_path, "odd.xlsx", book(sheet(["A1", DAY, 1, "#N/A", "=1+1"], ["B2", DAY, 2, None, "1.23E+11"])))
    assert len(table.frame) == 2


def test_rows_the_filter_leaves_out_are_not_judged(tmp_path):
    from dataclasses import replace

    from shared_utils.data.row_filter import RowFilter

    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "odd.csv").write_text(PLAIN + "Total,#N/A,1\nC3,,1\n", encoding="utf-8")
    one = replace(mapping("odd.csv"), row_filter=RowFilter("client_id != 'Total'"))
    assert len(files.read(one, tmp_path).frame) == 4


@pytest.mark.parametrize("column, words", [([[1, 2], [3]], "column Income holds lists"), ([{"a": 1}, {"a": 2}],
    "holds lists, records"),
                                           ([b"x", b"y"], "or bytes")])  # fmt: skip
def test_nested_parquet_is_refused(tmp_path, column, words):
    out = io.BytesIO()
    pd.DataFrame({"Client ID": ["A1", "B2"], "Applied": ["", ""], "Income": column}).to_parquet(out)
    (problem,) = refused(tmp_path, "odd.parquet", out.getvalue())
    assert words in problem.message


@pytest.mark.parametrize("ending, words", [
    (".xls", "File > Save As > Excel Workbook (.xlsx)"), (".ods", "Save As"), (".numbers", "File > Export To > Excel"),
    (".zip", "Unpack it"), (".pdf", "Use .csv"), (".sav", "Export the table as CSV"),
])  # fmt: skip
def test_other_kinds_of_file_are_refused_with_how_to_save_them(tmp_path, ending, words):
    (problem,) = refused(tmp_path, f"odd{ending}", b"x")
    assert words in problem.fix


def test_a_disk_that_fails_is_not_told_as_a_damaged_file(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    out = io.BytesIO()
    pd.DataFrame({header: ["A1"] for header in HEADERS}).to_parquet(out)
    monkeypatch.setattr("pyarrow.parquet.ParquetFile.read", fail)
    with pytest.raises(OSError, match="Input/output error"):
        read(tmp_path, "odd.parquet", out.getvalue())
