"""Hostile files, paths and expressions: refused in a sentence, in bounded time and memory; fuzzing finds no crash."""

import io
import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from odd_files import HEADERS, PLAIN, book, mapping, read, refused, sheet

from shared_utils.config import ConfigError, yaml12
from shared_utils.data import files
from shared_utils.data import mapping as mappings
from shared_utils.data.problems import IntakeError
from shared_utils.data.row_filter import FilterError, RowFilter, identifier
from shared_utils.data.source import path_problem

SHEET = "xl/worksheets/sheet1.xml"
ROW = ["A1", "2019-05-01", 1]


@pytest.fixture
def bounded():
    """Python's own allocations of the test stay below 60 MB."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6


def only(problems):
    (problem,) = problems
    return problem


def edited(*pairs: tuple[bytes, bytes], part: str = SHEET) -> bytes:
    """Return a good workbook with some bytes of one part replaced."""

    def change(name, content):
        for old, new in pairs if name == part else ():
            assert old in content
            content = content.replace(old, new)
        return content

    return book(sheet(ROW), change)


# ---------------------------------------------------------------- workbooks


def claiming(size: int) -> bytes:
    """Return a good workbook with a part of zeros, as large as its directory says."""
    out = io.BytesIO(book(sheet(ROW)))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/media/a.bin", "w") as part:
        for _ in range(size // 2**20):
            part.write(bytes(2**20))
    return out.getvalue()


def test_a_zip_bomb_is_refused_unopened(tmp_path, bounded):
    bomb = bytearray(claiming(2**20))
    # The directory says 1 GB, as that of a real bomb does: nothing of it is unpacked to find out.
    at = bomb.rindex(b"PK\x01\x02", 0, bomb.rindex(b"xl/media/a.bin"))
    struct.pack_into("<I", bomb, at + 24, 10**9)
    problem = only(refused(tmp_path, "bomb.xlsx", bytes(bomb)))
    assert "unpacks to 1,0" in problem.message and "at most 500 MB" in problem.message and "CSV" in problem.fix


@pytest.mark.full
def test_a_real_bomb_is_refused_too(tmp_path, bounded):
    assert "unpacks to" in only(refused(tmp_path, "bomb.xlsx", claiming(10**9))).message


def test_entities_are_refused(tmp_path, bounded):
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10 if n else b"ha") for n in range(9))
    for part in (SHEET, "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml"):

        def change(name, content, bad=part):
            return (
                b"<!DOCTYPE x [" + laughs + b"]>" + content.removeprefix(b'<?xml version="1.0"?>')
                if name == bad
                else content
            )

        problem = only(refused(tmp_path, "laughs.xlsx", book(sheet(ROW), change)))
        assert f"{Path(part).name} of the workbook declares entities" in problem.message


@pytest.mark.parametrize("old, new, words", [
    (b'<c r="C2"', b'<c r="ZZZZZZZ2"', "column ZZZZZ"),
    (b'<c r="C2"', b'<c r="XFD2"', "at most 2,000 columns"),
    (b'<row r="2"', b'<row r="99999999999"', "row 99,999,999,999 of the sheet"),
    (b'<row r="2"', b'<row r="-2"', "row -2 of the sheet"),
    (b'<row r="2"', b'<row r="1"', "row 1 of the sheet"),
    (b'<row r="2"', b'<row r="x"', "damaged"),
    (b"</sheetData>", b"", "damaged"),
    (b'<c r="C2"', b'<c s="999999999999999999999999" t="s" r="C2"', "damaged"),
])  # fmt: skip
def test_places_no_sheet_has_are_refused(tmp_path, bounded, old, new, words):
    assert words in str(only(refused(tmp_path, "places.xlsx", edited((old, new)))))


def test_a_sheet_of_ten_thousand_columns_is_refused(tmp_path):
    wide = book(sheet(ROW, ["x"] * 10_000))
    assert "at most 2,000 columns are read" in only(refused(tmp_path, "wide.xlsx", wide)).message
    text = PLAIN.replace("Income", "Income" + ",x" * 10_000)
    assert "at most 2,000 columns are read" in only(refused(tmp_path, "wide.csv", text.encode())).message


def test_a_sheet_that_claims_all_rows_of_nothing_is_read(tmp_path, bounded):
    content = edited((b'ref="A1:C2"', b'ref="A1:XFD1048576"'), (b"</sheetData>", b'<row r="1048576"/></sheetData>'))
    assert len(read(tmp_path, "nothing.xlsx", content).frame) == 1


def test_a_cell_in_the_last_row_costs_no_memory_of_rows_and_columns(tmp_path, bounded):
    far = b'<row r="1048576"><c r="ALL1048576"><v>1</v></c></row></sheetData>'
    problem = only(refused(tmp_path, "far.xlsx", edited((b"</sheetData>", far))))
    assert "1,048,576 rows and 1,000 columns" in problem.message


def test_nothing_outside_the_workbook_is_read_or_written(tmp_path):
    out = io.BytesIO(book(sheet(ROW)))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("../../escaped.txt", "x")
        archive.writestr("xl/externalLinks/externalLink1.xml", "<externalLink/>")
        archive.writestr("C:\\CON", "x")
    assert len(read(tmp_path, "links.xlsx", out.getvalue()).frame) == 1
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["links.xlsx", "raw"]


def test_an_archive_with_a_password_or_no_workbook_is_refused(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    assert "no Excel workbook" in only(refused(tmp_path, "sheet.xlsx", out.getvalue())).message
    locked = bytearray(book(sheet(ROW)))
    at = locked.rindex(b"PK\x01\x02")
    locked[at + 8] |= 1
    assert "is encrypted" in only(refused(tmp_path, "locked.xlsx", bytes(locked))).message


# ---------------------------------------------------------------- text and Parquet


@pytest.mark.parametrize("content, words", [
    (b"x" * 300_000, "this is not a table"),
    (PLAIN.encode() + b"\0", "zero bytes"),
    (PLAIN.encode() + b"A1," + b'"' + b"x" * 200_000, "never closed"),
    (b"\xff\xfe" + b"\xd8" * 9, "not written in utf-16"),
])  # fmt: skip
def test_text_that_is_no_table_is_refused(tmp_path, bounded, content, words):
    assert words in only(refused(tmp_path, "odd.csv", content)).message


def test_a_parquet_file_of_a_billion_equal_rows_is_refused(tmp_path, monkeypatch):
    from shared_utils.data import columnar

    monkeypatch.setattr(columnar, "MAX_CELLS", 1_000)
    out = io.BytesIO()
    pd.DataFrame(dict.fromkeys(HEADERS, ["x"] * 2_000)).to_parquet(out)
    assert "2,000 rows and 3 columns" in only(refused(tmp_path, "bomb.parquet", out.getvalue())).message


# ---------------------------------------------------------------- paths


@pytest.mark.parametrize("path", [
    "/etc/passwd", "//server/share/x.csv", "C:/x.csv", "raw/../crosswalk/crosswalk.csv", "~/x.csv", "raw/x.csv:hidden",
    "crosswalk/crosswalk.csv", "linked/participants.parquet", "x.csv", "raw", "", "raw/CON.csv", "raw/nul/x.csv",
    "raw/LPT1.x.csv", "raw/a\x00.csv", "raw/a?.csv", "raw/x.csv.", "raw/dots../x.csv", "raw/" + "a" * 300 + ".csv",
    "raw/~$x.xlsx", "raw/x.xls", "raw/x.py",
])  # fmt: skip
def test_paths_that_are_no_source_are_refused(path):
    message, fix = path_problem(path)
    assert message and fix


@pytest.mark.parametrize(
    "path", ["raw/x.csv", "raw/2020/Program tracker FY20.xlsx", "raw/CONTACTS.csv", "raw/a.b.parquet"]
)
def test_paths_of_sources_are_not(path):
    assert path_problem(path) is None


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_out_of_the_data_folder_is_refused(tmp_path):
    (tmp_path / "data" / "raw").mkdir(parents=True)
    (tmp_path / "secret.csv").write_text(PLAIN, encoding="utf-8")
    (tmp_path / "data" / "raw" / "odd.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(IntakeError, match="leads out of the data folder"):
        files.read(mapping("odd.csv"), tmp_path / "data")


# ---------------------------------------------------------------- expressions


@pytest.mark.parametrize("text, words", [
    ("a == 'x' or " * 9_000 + "a == 1", "characters, more than 5,000"),
    ("(" * 2_000 + "a == 1" + ")" * 2_000, "cannot be read"),
    ("not " * 1_000 + "a == 1", "inside one another"),
    ("a == " + "-" * 3_000 + "1", "'a == "), ("a == (1, '\ud800')", "cannot be read"),
    ("a" + ".a" * 2_000, "is not allowed"),
    ("a in {[]}", "must be a literal"), ("a == {**b}", "must be a literal"), ("a == " + "9" * 4_800, "cannot be read"),
    ("__import__('os').system('x')", "is not allowed"), ("a == f'{b}'", "must be a literal"), ("a\0 == 1",
    "cannot be read"),
    ("(a := 1) == 1", "is not allowed"), ("a == b", "must be a literal"), ("a == [x for x in b]", "must be a literal"),
])  # fmt: skip
def test_an_expression_beyond_the_grammar_is_refused(text, words):
    with pytest.raises(FilterError) as caught:
        RowFilter(text)
    assert words in str(caught.value) and len(str(caught.value)) < 250


def test_a_name_in_disguise_is_the_name():
    assert {identifier(name) for name in ("SSN", "S\u200bSN", "\uff33\uff33\uff2e", " ssn ")} == {"ssn"}


# ---------------------------------------------------------------- YAML and mappings


def yaml_problem(tmp_path, text: str) -> str:
    path = tmp_path / "city.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        yaml12.load(path)
    return str(caught.value)


@pytest.mark.parametrize("text, words", [
    ("a: &a [x, x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(24)),
     "more than 20,000 values"),
    ("a: " + "[" * 300, "nested more than 50 deep"),
    ("a: !!python/object/apply:os.system ['x']", "is not read here"),
    ("x: " + "y" * 1_100_000, "more than 1 MB"),
    ("a: &a [*a]", "points to no finished"),
])  # fmt: skip
def test_hostile_yaml_is_refused(tmp_path, bounded, text, words):
    assert words in yaml_problem(tmp_path, text)


def test_a_folder_in_place_of_a_file_is_said(tmp_path):
    with pytest.raises(ConfigError, match="cannot be opened"):
        yaml12.load(tmp_path)


def test_numbers_too_large_stay_text():
    assert yaml12.scalar("1" * 5_000) == "1" * 5_000 and yaml12.scalar("1e999") == "1e999"


def test_a_citys_own_json_is_not_read(tmp_path):
    path = tmp_path / "odd.yml"
    path.write_text("source: {path: raw/x.csv}\ntables: {units: {columns: {A: unit_id, B: attributes_json}, "
                    "constants: {unit_type: site}}}\n", encoding="utf-8")  # fmt: skip
    with pytest.raises(IntakeError, match="attributes_json is written here, from the columns under extra"):
        mappings.read(path)


# ---------------------------------------------------------------- fuzzing: nothing but our own errors

FAST = settings(max_examples=60, deadline=None, derandomize=True,
                suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
FULL = settings(FAST, max_examples=2_000)
WORDS = st.sampled_from(["a", "b", "==", "in", "not", "and", "or", "(", ")", "[", "]", "{", "}", "'x'", "1", "-", ",",
"<", ".",
                         "lambda", ":", "if", "else", "*", "\n", "f''", "\0", "\ud800", "0x1", "1e9", "None",
                         " "])  # fmt: skip
EXPRESSIONS = st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=30).map(" ".join))
YAML = st.one_of(
    st.text(max_size=200), st.binary(max_size=200),
    st.lists(st.sampled_from(["a: ", "- ", "[", "]", "{", "}", "&a ", "*a ", "!t ", "'", '"', "\n", "  ", "? ", "|\n",
    "#",
                              "---\n", ": ", "x", "1", "%", "\t", "<<: ", "\u2028", "\x85", "@", "`", ">-\n"]),
                              max_size=40).map("".join),
)  # fmt: skip
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))
MAPPING_KEYS = st.sampled_from([
    "source", "path", "sheet", "encoding", "delimiter", "header_row", "skip_footer", "thousands", "decimal", "tables",
    "units",
    "participants", "outcomes", "columns", "constants", "types", "date_formats", "value_maps", "rules", "wide",
    "zero_fill",
    "geoid", "extra", "keys", "from_table", "value", "column", "pad_to", "vintage", "subject", "wave", "row_filter",
    "missing_codes", "unmapped_columns", "unit_id", "x",
])  # fmt: skip
TREES = st.recursive(LEAVES, lambda inner: st.one_of(
    st.lists(inner, max_size=3), st.dictionaries(MAPPING_KEYS, inner, max_size=6)), max_leaves=25)  # fmt: skip
MARKS = st.sampled_from(["Client ID", "Applied", "Income", ",", ";", "\t", "|", "\n", "\r\n", '"', " ", "1.234",
"1,5", "x",
                         "Total", "\u00e9", "\ufeff", "#N/A", "1.23E+11", "\u2028", "2019-05-01", "\0"])  # fmt: skip
TABLES = st.one_of(
    st.binary(max_size=200),
    st.tuples(st.lists(MARKS, max_size=40).map("".join), st.sampled_from(["utf-8", "utf-16", "cp1252", "utf-8-sig",
    "cp437"]))
    .map(lambda pair: pair[0].encode(pair[1], "replace")),
)  # fmt: skip
ENDINGS = st.sampled_from([".csv", ".csv", ".csv", ".tsv", ".xlsx", ".parquet"])


def check_expression(text):
    try:
        RowFilter(text).keep(pd.DataFrame({"a": ["x", "1", ""], "b": ["2", "y", "-"]}, dtype="str"))
    except FilterError:
        pass


def check_yaml(tmp_path, content):
    path = tmp_path / "fuzz.yml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    try:
        yaml12.load(path)
    except ConfigError as error:
        assert str(error)


def check_mapping(tmp_path, tree):
    import json

    path = tmp_path / "fuzz.yml"
    path.write_text(json.dumps(tree, allow_nan=False, default=str) if _finite(tree) else "a: b", encoding="utf-8")
    try:
        mappings.read(path)
    except IntakeError as error:
        assert str(error)


def _finite(tree) -> bool:
    if isinstance(tree, dict):
        return all(map(_finite, tree.values()))
    if isinstance(tree, list):
        return all(map(_finite, tree))
    return not isinstance(tree, float) or abs(tree) < 1e300


def check_table(tmp_path, content, ending):
    try:
        table = read(tmp_path, f"fuzz{ending}", content)
    except IntakeError as error:
        assert str(error)
    else:
        assert len(table.letters) == len(table.headers) == table.frame.shape[1]


@FAST
@given(EXPRESSIONS)
def test_fuzz_expressions(text):
    check_expression(text)


@FAST
@given(YAML)
def test_fuzz_yaml(tmp_path, content):
    check_yaml(tmp_path, content)


@FAST
@given(TREES)
@example({"source": {"path": "raw/x.csv"}, "tables": {"outcomes": {"zero_fill": {"keys": [1, "a"], "value": "x"}}}})
@example({"source": [1], "tables": {"units": {"geoid": {"column": [], "pad_to": "x"}, "types": {"a": [1]}}}})
def test_fuzz_mappings(tmp_path, tree):
    check_mapping(tmp_path, tree)


@FAST
@given(TABLES, ENDINGS)
def test_fuzz_tables(tmp_path, content, ending):
    check_table(tmp_path, content, ending)


@pytest.mark.full
@FULL
@given(EXPRESSIONS, YAML, TREES, TABLES, ENDINGS)
def test_fuzz_longer(tmp_path, text, content, tree, table, ending):
    check_expression(text)
    check_yaml(tmp_path, content)
    check_mapping(tmp_path, tree)
    check_table(tmp_path, table, ending)
