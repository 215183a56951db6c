"""What a person gets in a notebook's cell: errors in plain words, and help from Tab and Shift+Tab."""

import ast
import asyncio
import importlib
import inspect
import platform
import re
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

from shared_utils.results.notebooks import NOTEBOOKS
from shared_utils.sections.book import Book, open_book

CELLS = {
    "before": "def by_name(name):\n    return {}[name]",
    "ours": "from shared_utils.sections import baseline\n\nbaseline.open_book(city_dir='.', as_of='20-1')",
    "slip": "n = 1\nbaseline.participants(n)",
    "theirs": "by_name(bytes.fromhex('4d69737320536d697468').decode())",  # a name from the data, not from the code
    "typo": "n = = 2",
    "two texts": "<<<<<<< yours\nbaseline.purpose(1)\n=======\nbaseline.purpose(2)\n>>>>>>> the template",
}


class Front:
    """A kernel as a front end of a person talks to it: one that could be asked for input."""

    def __init__(self, cwd):
        self.manager, self.client = start_new_kernel(kernel_name="python3", cwd=str(cwd))

    def run(self, cell: str, person: bool = True) -> list[dict]:
        """The contents of what a cell shows, in order."""
        shown = []

        def keep(message):
            if message["msg_type"] in ("error", "display_data", "stream"):
                shown.append({"type": message["msg_type"], **message["content"]})

        answer = self.client.execute_interactive(cell, allow_stdin=person, output_hook=keep, timeout=60)
        shown.append({"type": "reply", **answer["content"]})
        return shown

    def help(self, name: str) -> str:
        found = self.client.inspect(name, len(name), reply=True, timeout=30)["content"]["data"]["text/plain"]
        return re.sub(r"\x1b\[[\d;]*m", "", found)

    def completions(self, typed: str) -> list[str]:
        return self.client.complete(typed, len(typed), reply=True, timeout=30)["content"]["matches"]


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    city = tmp_path_factory.mktemp("a city")
    (city / "city.yml").write_text("schema_version: '1.0'\n", encoding="utf-8")
    made = Front(city)
    yield made
    made.client.stop_channels()
    made.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def shown(front):
    """{cell: what it showed}; the first runs before any code of ours."""
    return {name: front.run(cell) for name, cell in CELLS.items()}


def test_our_own_errors_say_what_to_do_and_fold_the_rest(shown):
    error, folded, reply = shown["ours"]
    first, *_ = error["traceback"]
    assert error["ename"] == "ConfigError" and "city.yml" in first and "Traceback" not in str(error)
    assert folded["data"]["text/html"].startswith("<details><summary>The full error")
    assert "open_book" in folded["data"]["text/html"] and "\x1b" not in str(folded)
    assert reply["status"] == "error"


def test_any_other_error_says_its_line_of_the_cell(shown):
    error, folded, _ = shown["slip"]
    assert error["traceback"] == [
        "This cell stopped with AttributeError: 'int' object has no attribute 'sections'.",
        "Line 2 of the cell:  baseline.participants(n)",
    ]
    assert "section.py" in folded["data"]["text/html"]


def test_an_error_tells_no_word_of_the_data(shown):
    error, folded, reply = shown["theirs"]
    assert error["traceback"][0] == "This cell stopped with KeyError: '[hidden]'."
    assert "KeyError: &#x27;[hidden]&#x27;" in folded["data"]["text/html"]
    assert "Miss Smith" not in f"{error}{folded}{reply}"


def test_a_mistyped_line_keeps_pythons_own_arrow(shown):
    (error, _) = shown["typo"]
    assert "n = = 2" in re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error["traceback"]))


def test_two_texts_of_an_update_are_called_so(shown, front):
    (error, reply) = shown["two texts"]
    told = [
        "This cell cannot run: two texts stand there, and nobody has chosen yet.",
        "In it, keep what is right, delete the rest and the marks, and save. Then run it again.",
    ]
    assert error["traceback"] == told and reply["status"] == "error"
    (error, _) = front.run(CELLS["two texts"], person=False)
    assert error["traceback"] == told and error["ename"] == "EmiError"


def test_a_batch_keeps_the_whole_traceback(shown, front):
    error, reply = front.run(CELLS["slip"], person=False)
    assert any("section.py" in line for line in error["traceback"]) and reply["status"] == "error"
    error, reply = front.run(CELLS["ours"], person=False)
    assert "Traceback" not in str(error["traceback"])


def test_tab_and_shift_tab_help(shown, front):
    assert {"participants", "purpose", "open_book"} <= set(front.completions("baseline."))
    assert front.completions("baseline.open_book(as_")[:1] == ["as_of="]
    said = front.help("baseline.participants")
    assert "baseline.participants(book: 'Book') -> " in said and "Everyone in the study" in said
    said = front.help("baseline.open_book")
    assert "city_dir" in said and "fast: fewer random draws" in said


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_function_of_a_notebook_says_what_it_does_and_what_it_takes(name):
    module = importlib.import_module(f"shared_utils.sections.{name}")
    for public in module.__all__:
        function = getattr(module, public)
        assert len(inspect.getdoc(function) or "") > 30, public
        if public == "open_book":
            assert list(inspect.signature(function).parameters) == list(inspect.signature(open_book).parameters)[1:]
            continue
        (book,) = inspect.signature(function).parameters.values()
        assert book.name == "book" and book.annotation in (Book, "Book"), public
        assert inspect.signature(function).return_annotation is not inspect.Signature.empty


def test_open_book_explains_every_parameter_of_the_notebooks():
    parameters = list(inspect.signature(open_book).parameters)[1:]
    assert [name for name in parameters if f"{name}:" not in inspect.getdoc(open_book)] == []
    assert ast.get_docstring(ast.parse(inspect.getsource(open_book)).body[0])


def test_a_notebook_is_read_with_the_version_of_python_and_written_without_it(tmp_path):
    from shared_utils.cli.lab_contents import CleanNotebooks

    notebook = nbformat.v4.new_notebook(metadata={"language_info": {"name": "python", "file_extension": ".py"}})
    before = nbformat.writes(notebook) + "\n"
    (tmp_path / "a.ipynb").write_text(before, encoding="utf-8")
    (tmp_path / "a.txt").write_text("text", encoding="utf-8")
    files = CleanNotebooks(root_dir=str(tmp_path))

    async def read_and_save():
        read, text = await files.get("a.ipynb"), await files.get("a.txt")
        assert text["content"] == "text" and (await files.get("a.ipynb", content=False))["content"] is None
        version = read["content"]["metadata"]["language_info"]["version"]
        await files.save(read, "a.ipynb")
        return version

    # In a thread of its own: a browser of another test keeps a loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, read_and_save()).result() == platform.python_version()
    assert (tmp_path / "a.ipynb").read_text(encoding="utf-8") == before
