"""What is wrong in a settings file: file, line, key, value, what is allowed and the nearest of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from shared_utils.errors import EmiError


@dataclass(frozen=True)
class Problem:
    """One thing to correct in a file. `line` counts from 1 (0: the file as a whole); `key` is dotted."""

    file: str
    line: int
    key: str
    value: object
    message: str
    allowed: tuple[str, ...] = ()
    suggestion: str = ""

    def __str__(self) -> str:
        line = f" line {self.line}" if self.line else ""
        key = f", {self.key}" if self.key else ""
        allowed = f" Allowed: {', '.join(self.allowed)}." if self.allowed else ""
        suggestion = f" Did you mean '{self.suggestion}'?" if self.suggestion else ""
        return f"{self.file}{line}{key}: {self.message}{allowed}{suggestion}"


class ConfigError(EmiError):
    """A settings file cannot be used. `.problems` holds everything found, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = sorted(problems, key=lambda p: p.line)
        count = len(self.problems)
        super().__init__(
            "\n".join(str(problem) for problem in self.problems),
            "Correct this and save the file." if count == 1 else f"Correct these {count} problems and save the file.",
        )


def closest(name: object, valid: Sequence[str]) -> str:
    """Return the one of `valid` nearest to `name` whatever the case of its letters, or ""."""
    by_lower = {v.lower(): v for v in valid}
    match = get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[match[0]] if match else ""
