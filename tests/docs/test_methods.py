"""The methods pages agree with the modules they describe, and what they show runs as shown."""

import contextlib
import io
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from shared_utils.designs import REGISTRY, _inputs

ROOT = Path(__file__).resolve().parents[2]
METHODS = ROOT / "docs" / "methods"
OTHERS = {"README", "validation"}
SECTIONS = [
    "Question",
    "Assumption in plain words",
    "Estimator",
    "Variance and interval",
    "What would break it, and how you would see it",
    "Other listed analyses",
    "A call you can run",
    "References",
]
every_design = pytest.mark.parametrize("kind", sorted(REGISTRY))


def page(kind: str) -> str:
    return (METHODS / f"{kind}.md").read_text(encoding="utf-8")


def section(kind: str, title: str) -> str:
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page(kind), re.DOTALL | re.MULTILINE)[1]


def table(kind: str, first: str) -> dict[str, list[str]]:
    """The page's table whose first heading is `first`: the name in a row's first cell -> its other cells."""
    found = re.search(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page(kind), re.MULTILINE)
    lines = found[1].splitlines() if found else []
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {one[0].strip("`"): one[1:] for one in cells}


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@cache
def run(kind: str) -> tuple[dict, str]:
    """The names the page's block leaves behind, and what it printed."""
    (code,) = re.findall(r"```python\n(.*?)```", page(kind), re.DOTALL)
    names = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, f"{kind}.md", "exec"), names)  # noqa: S102  the documents' own code
    return names, printed.getvalue()


def test_every_design_has_a_page_and_every_page_a_design():
    assert {path.stem for path in METHODS.glob("*.md")} - OTHERS == set(REGISTRY)


@every_design
def test_a_page_has_the_same_sections_in_the_same_order(kind):
    assert re.findall(r"^## (.*)$", page(kind), re.MULTILINE) == SECTIONS
    assert f"(`{kind}`)" in page(kind).splitlines()[0]
    assert all(section(kind, title).strip() for title in SECTIONS)


@every_design
def test_the_block_of_a_page_prints_what_the_page_shows(kind):
    (shown,) = re.findall(r"```text\n(.*?)```", section(kind, "A call you can run"), re.DOTALL)
    assert run(kind)[1] == shown


@every_design
def test_a_page_names_every_key_and_says_whether_it_is_needed(kind):
    spec, keys = REGISTRY[kind].SPEC, table(kind, "key")
    assert list(keys) == [*spec.columns, *spec.values, *spec.uses]
    needed = {key for key in (*spec.columns, *spec.values) if key not in spec.optional}
    assert {key for key, (_, answer) in keys.items() if answer == "yes"} == needed


@every_design
def test_a_page_names_every_option_its_default_and_its_values(kind):
    options = REGISTRY[kind].SPEC.options
    listed = table(kind, "option")
    assert set(listed) == {f"options.{name}" for name in options}
    for name, option in options.items():
        values = words(listed[f"options.{name}"][0])
        ends = [end for end in (option.low, option.high) if end is not None]
        assert values[0] == str(option.default)
        assert set(values) == {str(option.default), *map(str, option.choices), *(f"{end:.6g}" for end in ends)}
    everywhere = re.findall(r"options\.(\w+)", page(kind))
    assert set(everywhere) <= set(options)


@every_design
def test_a_page_names_every_row_that_its_call_returns(kind):
    rows = run(kind)[0]["rows"]
    assert set(rows["role"]) - {"main"} <= set(table(kind, "role"))


@every_design
def test_a_page_names_every_pre_listed_specification(kind):
    names = run(kind)[0]
    listed = table(kind, "specification")
    specifications = REGISTRY[kind].specifications
    found = [one.id for one in specifications(names["frame"], names["design"])]
    assert [one for one in found if not any(re.fullmatch(name.replace("*", ".+"), one) for name in listed)] == []


@every_design
def test_flags_named_on_a_page_are_flags_the_estimators_raise(kind):
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "shared_utils/designs").glob("*.py"))
    named = re.findall(r"flag `(\w+)`", page(kind))
    assert [code for code in named if f'"{code}"' not in source] == []


@every_design
def test_a_page_gives_every_paper_the_module_cites(kind):
    cited = set(re.findall(r"\b(?:19|20)\d\d\b", REGISTRY[kind].__doc__))
    assert cited <= set(re.findall(r"\((\d{4})\)", section(kind, "References")))


def test_the_block_of_the_guide_runs():
    (code,) = re.findall(r"```python\n(.*?)```", (METHODS / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "README.md", "exec"), {})  # noqa: S102
    assert printed.getvalue().split() == sorted(REGISTRY)


@pytest.mark.full
def test_the_table_of_published_figures_is_up_to_date(published_data):
    command = [sys.executable, str(ROOT / "benchmarks" / "validation_table.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=ROOT)
    assert done.returncode == 0, done.stdout[-2000:]


def test_the_guide_links_every_page_and_starter_and_names_the_keys_all_designs_take():
    guide = (METHODS / "README.md").read_text(encoding="utf-8")
    for kind in REGISTRY:
        assert f"]({kind}.md)" in guide
        assert f"](../../shared_utils/config/starters/{kind}.yml)" in guide
    assert [key for key in _inputs.ALWAYS if f"| `{key}` |" not in guide] == []
