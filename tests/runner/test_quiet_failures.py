"""A notebook that fails on a resident's row: what is left of the run says that it failed, and not on whom."""

import json

import nbformat
import pytest
import toy
from toy_batch import emi, finished

from shared_utils.results.notebooks import failed_path, log_path, source_path, state_path

# Written so that the values stand in no line of the notebook.
VALUES = "name = ''.join(['Jo', 'hn ', 'Fitz', 'gerald'])\nssn = '-'.join(['123', '45', '6789'])\n"
FAILURES = {
    "float": "print('row', ssn)\nfloat(name)",
    "raise": "raise ValueError(f'the row of {name} ({ssn}) has no date')",
    "lines": "raise RuntimeError('bad row\\n' + name + '\\n' + ssn)",
    "key": "{}[name]",
    "chained": "try:\n    int(name)\nexcept ValueError as error:\n    raise RuntimeError('cannot be read') from error",
}


pytestmark = pytest.mark.full  # each runs a batch; tests/disclosure/test_guard.py asks a kernel in every change


@pytest.mark.parametrize("code", FAILURES.values(), ids=FAILURES)
def test_a_value_in_an_error_reaches_no_file_and_no_release(tmp_path, code):
    city = toy.make_city(tmp_path / "cities", "greyport", monitoring=VALUES + code)
    run = finished(tmp_path, emi(tmp_path, "run", "-n", "monitoring"))
    assert run.code == 1 and "FAILED" in run.out
    status = finished(tmp_path, emi(tmp_path, "status"))
    assert "FAILED" in status.out
    paths = [path for path in city.rglob("*") if path.is_file()]
    assert {failed_path(city, "monitoring"), log_path(city, "monitoring"), state_path(city, "monitoring")} <= set(paths)
    left = {path.name: path.read_bytes() for path in paths} | {"run": (run.out + run.err).encode()}
    left["status"] = (status.out + status.err).encode()
    assert [name for name, content in left.items() if b"Fitzgerald" in content or b"123-45-6789" in content] == []
    assert not list((city / "outputs").glob("release/*"))


def test_the_error_is_still_understood(tmp_path):
    city = toy.make_city(tmp_path / "cities", "greyport", monitoring=VALUES + FAILURES["raise"])
    run = finished(tmp_path, emi(tmp_path, "run", "-n", "monitoring"))
    error = json.loads(state_path(city, "monitoring").read_text(encoding="utf-8"))["error"]
    assert error["message"] == "It stopped with ValueError: the row of [hidden] ([hidden]) has no date."
    assert error["section"] == "2. Read the monthly file" and "the row of [hidden] ([hidden]) has no date" in run.out
    assert "Fix If code cell 3 of notebooks/02_monitoring.ipynb is yours, correct it." in " ".join(run.out.split())


def test_a_slip_of_the_pen_is_told_with_its_line_and_not_with_the_kernel_s_name_of_the_cell(tmp_path):
    city = toy.make_city(tmp_path / "cities", "greyport", monitoring="1 + 1\nfor month in range(3)\n    month")
    finished(tmp_path, emi(tmp_path, "run", "-n", "monitoring"))
    error = json.loads(state_path(city, "monitoring").read_text(encoding="utf-8"))["error"]
    assert error["message"] == "It stopped with SyntaxError: expected ':' (line 2 of the cell)."


def test_a_name_of_the_city_s_private_files_keeps_the_release_inside(tmp_path):
    city = toy.make_city(tmp_path / "cities", "greyport")
    (city / "data" / "private" / "raw" / "people.csv").write_text("name,housed\nJane Fitzgerald,1\n", encoding="utf-8")
    source = source_path(city, "monitoring")
    notebook = nbformat.read(source, as_version=4)
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell("Told by JANE  Fitzgerald."))
    nbformat.write(notebook, source)
    run = finished(tmp_path, emi(tmp_path, "run", "-n", "monitoring"))
    assert run.code == 1 and "a value from the city's private files" in run.out
    assert "Jane" not in run.out and not list((city / "outputs").glob("release/*"))
