"""What intake says when a file does not fit: every problem at once, each with its place and its fix."""

from dataclasses import dataclass

from shared_utils.errors import EmiError

SHOWN = 20


@dataclass(frozen=True)
class Problem:
    """One problem in a city's file or mapping. `row` is the row Excel shows, header counted."""

    file: str
    message: str
    fix: str
    sheet: str = ""
    column: str = ""
    row: int | None = None

    def __str__(self) -> str:
        place = self.file
        if self.sheet:
            place += f", sheet {self.sheet}"
        if self.column:
            place += f", column {self.column}"
        if self.row is not None:
            place += f", row {self.row}"
        return f"{place}: {self.message}\n    {self.fix}"


class IntakeError(EmiError):
    """A city's files cannot be read as its mappings say. `.problems` lists every one that was found."""

    def __init__(self, problems: list[Problem]):
        self.problems = problems
        count = len(problems)
        head = "1 problem in the data files" if count == 1 else f"{count} problems in the data files"
        lines = [str(p) for p in problems[:SHOWN]]
        if count > SHOWN:
            lines.append(f"... and {count - SHOWN} more")
        super().__init__("\n  ".join([f"{head}. Nothing was changed.", *lines]))
