"""What a city has changed of what came from the template: cells of its notebooks, the shared code, its version.

Held against the version the city was made from or last updated to, so that what the template changed since then is not
called the city's doing. Who and when come from git, where the city has it.
"""

import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from shared_utils.errors import EmiError
from shared_utils.template import notebooks, origin, sweep, vendoring
from shared_utils.template.origin import Template

OLDER, NO_RECORD, PENDING = "older version", "version unknown", "update not finished"
_SHARED = {"edited": "edited by hand", "missing": "missing", "added": "added by hand"}
_CELL_ENDS = re.compile(r" {1,2}\},?")
_COMMIT = re.compile(r"[0-9a-f]{40} \d+ \d+")


@dataclass(frozen=True)
class Difference:
    """One thing that differs. `cell` is the id of a cell, "" for a whole file; `who` and `when` are "" without git."""

    file: str
    cell: str
    kind: str
    who: str = ""
    when: str = ""


def drift(template: Template, city_dir: Path) -> list[Difference]:
    """Return how a city differs from its version of the template, and whether that is an older one."""
    record = origin.record_of(city_dir)
    # While an update waits for a choice, what came with it is not the city's doing either.
    base = record.get(origin.PENDING, record["commit"]) if record else template.commit
    found = [] if record else [Difference(origin.RECORD, "", NO_RECORD)]
    found += [Difference("template", "", PENDING)] if record and origin.PENDING in record else []
    found += [Difference("template", "", OLDER)] if template.is_older(base) else []
    found += _of_notebooks(template.notebooks(base), city_dir)
    return found + _of_shared_code(city_dir)


def drift_of_all(template: Template, cities: dict[Path, str]) -> dict[str, list[Difference]]:
    """Return {city's name: differences}; of a city that cannot be held against the template, why."""
    found = {}
    for city_dir, name in cities.items():
        try:
            found[name] = drift(template, city_dir)
        except EmiError as error:
            found[name] = [Difference("", "", error.message)]
    return found


def _of_notebooks(template: dict[str, bytes], city_dir: Path) -> list[Difference]:
    own = {path.relative_to(city_dir).as_posix(): path for path in sorted((city_dir / "notebooks").glob("*.ipynb"))}
    found = [Difference(name, "", "deleted", *_last_touch(city_dir, name)) for name in template if name not in own]
    for name, path in own.items():
        if name not in template:
            found.append(Difference(name, "", "added", *_last_touch(city_dir, name)))
            continue
        changes = notebooks.changes(
            *(notebooks.parse(content, name) for content in (template[name], path.read_bytes()))
        )
        blamed = _blame(city_dir, name) if changes else []
        for change in changes:
            gone = change.kind == "deleted"
            touch = _deletion(city_dir, name, change.cell) if gone else _cell_touch(blamed, change.cell)
            found.append(Difference(name, change.cell, change.kind, *touch))
    return found


def _of_shared_code(city_dir: Path) -> list[Difference]:
    if not (city_dir / vendoring.PACKAGE / vendoring.MANIFEST).is_file():
        return [Difference(f"{vendoring.PACKAGE}/{vendoring.MANIFEST}", "", "missing")]
    files = {f"{vendoring.PACKAGE}/{name}": kind for name, kind in vendoring.differences(city_dir).items()}
    return [Difference(name, "", _SHARED[kind], *_last_touch(city_dir, name)) for name, kind in files.items()]


def _blame(city_dir: Path, name: str) -> list[tuple[int, str, int, str]]:
    """(how many commits ago, author, seconds, text) of each line of a file in the folder; [] without git.

    By commits and not by the clock: two commits may lie within a second, and clocks differ.
    """
    ago = {commit: n for n, commit in enumerate(_asked(city_dir, "log", "--format=%H", "--", name).split(), 1)}
    lines, commit, who, when = [], "", "", 0
    for line in _asked(city_dir, "blame", "--line-porcelain", "--", name).split("\n"):
        if line.startswith("author "):
            who = line.removeprefix("author ")
        elif line.startswith("author-time "):
            when = int(line.split()[1])
        elif line.startswith("\t"):
            lines.append((ago.get(commit, 0), who, when, line[1:]))
        elif _COMMIT.match(line):
            commit = line.split()[0]
    return lines


def _cell_touch(blamed: list[tuple[int, str, int, str]], cell: str) -> tuple[str, str]:
    """Who changed a cell last: the newest of its lines, which are those between one cell's end and its own."""
    texts = [text for *_, text in blamed]
    at = next((n for n, text in enumerate(texts) if text.strip().rstrip(",") == f'"id": "{cell}"'), None)
    if at is None:
        return "", ""
    first = next((n + 1 for n in range(at, -1, -1) if _CELL_ENDS.fullmatch(texts[n])), 0)
    last = next((n for n in range(at, len(texts)) if _CELL_ENDS.fullmatch(texts[n])), len(texts))
    _, who, when, _ = min(blamed[first:last], key=lambda line: line[0])
    return _named(who, when)


def _deletion(city_dir: Path, name: str, cell: str) -> tuple[str, str]:
    """Who deleted a cell: the last commit in which its id came or went."""
    now = _asked(city_dir, "show", f"HEAD:./{name}")
    if f'"id": "{cell}"' in now:
        return _named("Not Committed Yet", 0)
    return _logged(city_dir, "-S", f'"id": "{cell}"', "--", name)


def _last_touch(city_dir: Path, name: str) -> tuple[str, str]:
    if _asked(city_dir, "status", "--porcelain", "--", name):
        return _named("Not Committed Yet", 0)
    return _logged(city_dir, "--", name)


def _logged(city_dir: Path, *words: str) -> tuple[str, str]:
    said = _asked(city_dir, "log", "-1", "--format=%an%x09%at", *words).strip()
    who, _, when = said.partition("\t")
    return _named(who, int(when)) if when else ("", "")


def _named(who: str, when: int) -> tuple[str, str]:
    if who == "Not Committed Yet":  # git's own words for a line that is only in the folder
        return "not committed", ""
    return who, datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d")


def _asked(city_dir: Path, *words: str) -> str:
    """What git says of a city that is its own repository, line ends and all; "" otherwise."""
    if not (city_dir / ".git").exists() or not sweep.has_git(city_dir):
        return ""
    done = subprocess.run(["git", *words], cwd=city_dir, capture_output=True)
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
