"""Write docs/methods/validation.md: every published figure that the tests hold, beside ours.

    python benchmarks/validation_table.py            writes the page
    python benchmarks/validation_table.py --check    answers 1 when the page is out of date

No figure is copied: the tests of tests/designs and tests/stats that call `prints_as(value, published)` are run, and
each call is noted as it happens. The case is the test's name, the quantity is the call's first argument as written, and
the source is the first line of the test's first comment, up to a colon after a year. Writing needs every such test to
run (the published data, and the packages that bring data); checking leaves out the cases of tests that cannot run here.
"""

import ast
import importlib
import inspect
import linecache
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "methods" / "validation.md"
FOLDERS = ("tests/designs", "tests/stats")
HELPER = ("published", "designs.published")  # the names under which test files import `prints_as`
HEAD = """# Published figures beside ours

Made by `python benchmarks/validation_table.py`, which runs the tests and notes every figure they compare; do not edit
by hand. `match` means that ours rounds to the published figure, to its last printed digit. Comparisons with a tolerance
of their own (another implementation, a published figure from simulation) are not listed: they stand in `tests/designs`
and `tests/stats`, each with its reason.

| case | quantity | published | ours | source | status |
|---|---|---|---|---|---|
"""


class Notes:
    """A pytest plugin that notes each comparison, and the tests that fail or cannot run."""

    def __init__(self):
        self.rows, self.failed, self.skipped = [], [], {}
        self.case = self.source = ""

    def pytest_collection_modifyitems(self, items):
        """Keep the tests that compare with a published figure."""
        items[:] = [item for item in items if "prints_as(" in inspect.getsource(item.function)]

    @pytest.hookimpl(tryfirst=True)  # before a fixture skips the test
    def pytest_runtest_setup(self, item):
        parameters = item.get_closest_marker("parametrize")
        named = parameters is not None and "ids" in parameters.kwargs
        name = item.name.replace("[", " [") if named else item.originalname
        self.case = name.removeprefix("test_").replace("_", " ")
        comment = re.search(r"^\s+# (.*)$", inspect.getsource(item.function), re.MULTILINE)
        line = comment[1].rstrip(" :,;") if comment else ""
        dated = re.match(r".*?\b(?:19|20)\d\d\b[^:]*(?=:)", line)
        self.source = dated[0] if dated else line

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.append(report.nodeid)
        if report.skipped:
            self.skipped[self.case] = report.longrepr[2].removeprefix("Skipped: ")

    def watch(self, prints_as):
        """Return `prints_as` with a note of each call."""

        def noted(value, published):
            matches = prints_as(value, published)
            decimals = len(published.partition(".")[2])
            quantity, ours = _first_argument(sys._getframe(1)), f"{float(value):.{decimals + 2}f}"
            status = "match" if matches else "differs"
            self.rows.append(_row(self.case, f"`{quantity}`", published, ours, self.source, status))
            return matches

        return noted


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _first_argument(frame) -> str:
    """The first argument of the call that `frame` is making, as it is written."""
    line, end_line, column, end_column = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    lines = [linecache.getline(frame.f_code.co_filename, at).encode() for at in range(line, end_line + 1)]
    lines[-1] = lines[-1][:end_column]
    lines[0] = lines[0][column:]
    return ast.unparse(ast.parse(b"".join(lines), mode="eval").body.args[0])


def run() -> Notes:
    """Run the tests and return what was noted."""
    sys.path[:0] = [str(ROOT / "tests" / "designs"), str(ROOT / "tests")]
    notes = Notes()
    for name in HELPER:
        helper = importlib.import_module(name)
        helper.prints_as = notes.watch(helper.prints_as)
    folders = [str(ROOT / folder) for folder in FOLDERS]
    # plain asserts, because rewritten ones have no positions of their own
    pytest.main(["-q", "-n", "0", "--full", "--assert=plain", "-p", "no:cacheprovider", *folders], plugins=[notes])
    return notes


def out_of_date(notes: Notes) -> bool:
    """Return whether the page holds other rows than these, the cases that cannot run here left out."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| case |")]
    return [row for row in rows if row.split(" | ")[0].removeprefix("| ") not in notes.skipped] != notes.rows


def main(arguments: list[str]) -> int:
    notes = run()
    if notes.failed or not notes.rows:
        print(f"Nothing was compared: {', '.join(notes.failed) or 'no test ran'}.")
        return 1
    if "--check" in arguments:
        stale = out_of_date(notes)
        print(f"{PAGE.name} is {'out of date: run this again without --check' if stale else 'up to date'}.")
        return int(stale)
    if notes.skipped:
        print("The page was not written, because some tests cannot run here:")
        print(*(f"  {case}: {reason}" for case, reason in notes.skipped.items()), sep="\n")
        return 1
    PAGE.write_text(HEAD + "\n".join(notes.rows) + "\n", encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
