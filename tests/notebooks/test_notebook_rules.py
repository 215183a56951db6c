"""The three notebooks as they lie in the template: no logic, stable ids, nothing left over from a run."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from shared_utils import sections
from shared_utils.results.notebooks import NOTEBOOKS

FOLDER = Path(__file__).resolve().parents[2] / "{{cookiecutter.city_slug}}" / "notebooks"
FIRST_LINE = "# Change these when you work by hand. A batch run replaces them."
PARAMETERS = ["city_dir", "as_of", "blind", "run_id", "out_dir", "fast"]
EACH = pytest.mark.parametrize("name", NOTEBOOKS)


def text(name):
    return (FOLDER / f"{NOTEBOOKS[name]}.ipynb").read_text(encoding="utf-8")


def cells(name, kind):
    return [cell for cell in json.loads(text(name))["cells"] if cell["cell_type"] == kind]


def code(name):
    return {cell["id"]: "".join(cell["source"]) for cell in cells(name, "code")}


def test_these_are_all_notebooks_of_a_city():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NOTEBOOKS.values())


@EACH
def test_format_kernel_and_nothing_of_a_run(name):
    notebook = json.loads(text(name))
    nbformat.validate(nbformat.reads(text(name), as_version=4))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5) and text(name).endswith("}\n")
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert notebook["metadata"]["language_info"]["name"] == "python"
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells(name, "code"))
    assert "{{" not in text(name) and "{%" not in text(name)


def test_stripping_changes_nothing(tmp_path):
    copies = {name: tmp_path / f"{name}.ipynb" for name in NOTEBOOKS}
    for name, copy in copies.items():
        copy.write_text(text(name), encoding="utf-8", newline="\n")
    extra = "metadata.language_info.version metadata.papermill cell.metadata.papermill"
    command = [sys.executable, "-m", "nbstripout", "--keep-id", "--extra-keys", extra]
    subprocess.run([*command, *map(str, copies.values())], check=True)
    assert [copy.read_text(encoding="utf-8") for copy in copies.values()] == [text(name) for name in copies]


@EACH
def test_ids_are_short_words_and_unique(name):
    ids = [cell["id"] for cell in json.loads(text(name))["cells"]]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[a-z][a-z0-9-]{1,15}", id) for id in ids)


@EACH
def test_parameters_are_declared_once_and_explained(name):
    (cell,) = [c for c in cells(name, "code") if "parameters" in c["metadata"].get("tags", [])]
    lines = "".join(cell["source"]).splitlines()
    assert lines[0] == FIRST_LINE and cell["metadata"]["deletable"] is False
    assert [node.targets[0].id for node in ast.parse("".join(cell["source"])).body] == PARAMETERS
    assert all("  # " in line for line in lines[1:])


@EACH
def test_a_cell_is_one_call_of_a_section(name):
    from importlib import import_module

    public = import_module(f"{sections.__name__}.{name}").__all__
    called = []
    for id, source in code(name).items():
        if id in ("parameters", "load"):
            continue
        (statement,) = ast.parse(source).body
        call = statement.value
        assert isinstance(call, ast.Call) and ast.unparse(call.args[0]) == "book" and len(call.args) == 1, source
        assert call.func.value.id == name
        called.append(call.func.attr)
    assert called[-1] == "finish" and set(called) == set(public) - {"open_book"}


@EACH
def test_no_logic(name):
    for source in code(name).values():
        banned = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try, ast.Lambda)
        assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, banned)], source
    assert len(code(name)["load"].splitlines()) <= 12


@EACH
def test_headings_are_numbered_and_explained(name):
    sources = ["".join(cell["source"]) for cell in cells(name, "markdown")]
    assert [source.startswith("# ") for source in sources] == [True] + [False] * (len(sources) - 1)
    for source in sources[1:]:
        heading, _, paragraph = source.partition("\n\n")
        assert re.fullmatch(r"## [BMI]?\d+\. .+", heading) and len(paragraph) > 30 and "\n" not in paragraph
    shown = [source[3:].split(".")[0].lower() for source in sources[1:] if re.match(r"## [BMI]\d", source)]
    assert shown == [id for id in code(name) if re.fullmatch(r"[bmi]\d+", id)]


@EACH
def test_only_the_settings_are_for_analysts_and_tell_how_to_run(name):
    """The public page leaves out what is tagged so."""
    tagged = {cell["id"] for cell in cells(name, "markdown") if "for-analysts" in cell["metadata"].get("tags", [])}
    telling = {cell["id"] for cell in cells(name, "markdown") if "Run" in "".join(cell["source"])}
    assert tagged == telling == {"settings-text"}


@EACH
def test_headings_ask_what_the_sections_answer(name):
    from importlib import import_module

    module = import_module(f"{sections.__name__}.{name}")
    asked = {}
    for source in ("".join(cell["source"]) for cell in cells(name, "markdown")):
        if found := re.match(r"## ([BMI]\d+)\. (.+)", source):
            asked[found[1]] = found[2]
    registered = {
        f.section_id: f.question for f in map(lambda n: getattr(module, n), module.__all__) if hasattr(f, "section_id")
    }
    assert asked == registered
