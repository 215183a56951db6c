"""The problems of a city's files as a person opens them: a page, a CSV, and each workbook with its cells colored.

They are written beside the data, into a folder that never leaves the city, and go when the problems are gone. The
city's own files are never changed: the colored workbook is a copy.
"""

import io
import shutil
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shared_utils import spreadsheets
from shared_utils.data.problems import Group, IntakeError, Problem, Seen, grouped, total
from shared_utils.errors import EmiError

FOLDER, PAGE, LIST = "checked", "check.html", "check.csv"
TEMPLATE = Path(__file__).with_name("problem_report.html.j2")
COLUMNS = ("File", "Sheet", "Cell", "Row", "Column", "What it is", "Value", "Problem", "Fix")
COLOR = "FFFBE2D8"  # the light red of the website's "off target"
COMMENTS = 1_000  # a workbook with more is slow to open; further cells are colored only
LARGEST_COPY = 8 * 2**20  # bytes: larger workbooks take minutes and gigabytes to write again


@dataclass(frozen=True)
class Sheet:
    """What a report says of one file and sheet; `rows` is None when it could not be read.

    `shown` are its problems in the order of the rows, `more` the groups of which not all cells are shown.
    """

    file: str
    sheet: str
    rows: int | None
    count: int
    shown: list[Problem]
    more: list[Group]

    @property
    def name(self) -> str:
        return f"{self.file}, sheet {self.sheet}" if self.sheet else self.file


def sheets(problems: Iterable[Problem], seen: Iterable[Seen]) -> list[Sheet]:
    """Return a report for each file that was read or has a problem, those with problems last."""
    rows = {(one.file, one.sheet): one.rows for one in seen}
    found: dict[tuple[str, str], list[Problem]] = {place: [] for place in rows}
    for problem in problems:
        found.setdefault((problem.file, problem.sheet), []).append(problem)
    made = [_sheet(file, sheet, rows.get((file, sheet)), own) for (file, sheet), own in found.items()]
    return sorted(made, key=lambda one: one.count > 0)


def counts(reports: list[Sheet]) -> str:
    """Return "3 problems in 1 of 2 files"."""
    count, unwell = sum(one.count for one in reports), len({one.file for one in reports if one.count})
    files = len({one.file for one in reports})
    return f"{count:,} problem{'s' * (count != 1)} in {unwell} of {files} file{'s' * (files != 1)}"


def save(root: Path, refused: IntakeError, city: str, next_command: str) -> IntakeError:
    """Write the files into `root`/checked and return the error that says so, or why they could not be written.

    `root` is data/private or data/synthetic. The old files go; each new one is there as a whole or not at all.
    """
    folder, where = root / FOLDER, f"data/{root.name}/{FOLDER}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        rows = [_csv_row(problem) for problem in sorted(refused.problems, key=_by_row)]
        made = [
            spreadsheets.write_csv(folder / LIST, COLUMNS, rows),
            *_colored(root, refused, folder),
        ]
        names = [path.name for path in made if path.name != LIST]
        page = _page(sheets(refused.problems, refused.seen), city, next_command, names)
        made.append(spreadsheets.put(folder / PAGE, page.encode("utf-8")))
    except (EmiError, OSError) as error:
        reason = error.message if isinstance(error, EmiError) else error.strerror
        return IntakeError(refused.problems, refused.seen, f"The list could not be saved in {where}: {reason}")
    for old in set(folder.iterdir()) - set(made):
        old.unlink(missing_ok=True)
    hint = f"The list is also in {where}/{PAGE} and {LIST}."
    return IntakeError(refused.problems, refused.seen, hint, folder / PAGE)


def clear(root: Path) -> None:
    """Remove the files of an earlier check: nothing is wrong any more."""
    shutil.rmtree(root / FOLDER, ignore_errors=True)


def _sheet(file: str, sheet: str, rows: int | None, problems: list[Problem]) -> Sheet:
    groups = grouped(problems)
    shown = [problem for group in groups for problem in group.problems]
    more = [group for group in groups if group.more]
    return Sheet(file, sheet, rows, total(problems), sorted(shown, key=_by_row), more)


def _by_row(one: Problem) -> tuple:
    """Sort as the cells stand in the file: C9, D9, AA9, B12."""
    return one.file, one.sheet, one.row or 0, len(one.cell), one.cell


def _csv_row(one: Problem) -> tuple:
    more = f" ({one.more:,} more cells have this problem.)" if one.more else ""
    return (one.file, one.sheet, one.cell, one.row, one.column, one.meaning, one.value, one.message + more, one.fix)


def _page(reports: list[Sheet], city: str, next_command: str, copies: list[str]) -> str:
    """Return the page: no script, nothing from outside, every word of a file escaped."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        reports=reports, counts=counts(reports), city=city, next_command=next_command, copies=copies, list=LIST
    )


def _colored(root: Path, refused: IntakeError, folder: Path) -> list[Path]:
    """Write a copy of each workbook that has wrong cells, with the cells colored and commented."""
    made = []
    for path in sorted({root / one.path for one in refused.seen if one.sheet}):
        wrong = [one for one in refused.problems if one.cell and one.file == path.name]
        if wrong and path.stat().st_size <= LARGEST_COPY:
            made.append(spreadsheets.put(folder / f"{path.stem} checked.xlsx", _copy(path, wrong)))
    return made


def _copy(path: Path, wrong: list[Problem]) -> bytes:
    """Return the workbook as it is, its formulas included and not run, with the cells of `wrong` marked."""
    import openpyxl
    from openpyxl.comments import Comment
    from openpyxl.styles import PatternFill

    fill = PatternFill("solid", start_color=COLOR, end_color=COLOR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what openpyxl leaves out of a copy (charts, extensions) is no news
        book = openpyxl.load_workbook(path)
    for number, one in enumerate(wrong):
        cell = book[one.sheet][one.cell]
        cell.fill = fill
        if number < COMMENTS and not isinstance(cell, openpyxl.cell.cell.MergedCell):
            cell.comment = Comment(f"{one.value} {one.message}. {one.fix}", "emi check", width=300, height=120)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()
