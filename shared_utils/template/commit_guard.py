"""Refuse a commit that holds private data, a large file, a password, results, an identifier, or half a merge.

    python -m shared_utils.template.commit_guard FILE...      what pre-commit calls, in the city's folder
    python -m shared_utils.template.commit_guard --staged     what git's own hook calls (emi doctor --fix installs it)
    python -m shared_utils.template.commit_guard --all        every file git has: the check on the build server

What git would commit is looked at, not the file in the folder. Without the city's own files (a fresh clone, a build
server) identifiers are known by their looks; with them, by their values too. The first two tidy the files before.
"""

import json
import sys
from pathlib import Path, PurePosixPath

from shared_utils import conflicts
from shared_utils.disclosure import secrets
from shared_utils.disclosure.scan import Watch
from shared_utils.template import sweep, tidy

LARGEST_BYTES = 2_000_000
PRIVATE = ("data/private", "outputs/internal")
# Notes and placeholders that the template itself puts there.
HARMLESS = ("README.md", ".gitkeep")
SHOWN = 3


def problems(files: list[str] | None, city_dir: Path = Path()) -> list[str]:
    """Return a sentence for each file that must not be committed; `files` are relative to the city, None: all."""
    names = tracked(city_dir) if files is None else [Path(name).as_posix() for name in files]
    private = [name for name in names if _is_private(name)]
    found = [f"{name} may hold residents' data. Take it out of the commit:  {_take_out(name)}" for name in private]
    rest = [name for name in names if name not in private]
    watch = watch_of(city_dir)
    for name, content in sweep.staged(city_dir, rest) if rest else ():
        if len(content) > LARGEST_BYTES:
            found.append(
                f"{name} is larger than {LARGEST_BYTES // 1_000_000} MB. Keep it out of git, "
                "or ask the network where large files go."
            )
        else:
            found += _of_merge(name, content) or [
                *_of_results(name, content),
                *_of_people(
                    name, [*watch.findings(content, name, sweep.kinds(name)), *secrets.findings(content, name)]
                ),
                *tidy.code_problems(city_dir, name, content),
            ]
    return found


def _of_merge(name: str, content: bytes) -> list[str]:
    if name.endswith(".rej"):
        return [
            f"{name} {conflicts.REJECTED}. Take all of it back "
            "(git restore --staged --worktree .), delete it, then:  emi update"
        ]
    left = conflicts.places(content, name)
    if not left:
        return []
    return [
        f"{name}, {', '.join(left[:SHOWN])}: {conflicts.WAITS}. Open it, {conflicts.CHOOSE} "
        f"({conflicts.YOURS} {conflicts.MIDDLE} {conflicts.THEIRS}), then:  git add {name}"
    ]


def _of_results(name: str, content: bytes) -> list[str]:
    if not name.endswith(".ipynb") or not _has_results(content):
        return []
    return [f"{name} holds results. Take them out:  nbstripout --keep-id {name}   then:  git add {name}"]


def _of_people(name: str, hits: list) -> list[str]:
    if not hits:
        return []
    more = f" and {len(hits) - SHOWN} more places" if len(hits) > SHOWN else ""
    return [
        f"{'; '.join(map(str, hits[:SHOWN]))}{more}. Take that out of the file, or the file out of "
        f"the commit:  {_take_out(name)}"
    ]


def tracked(city_dir: Path) -> list[str]:
    """Return the names of all files git has of a city."""
    return [name for name in sweep.git(city_dir, "ls-files", "-z").decode("utf-8").split("\0") if name]


def watch_of(city_dir: Path) -> Watch:
    """Return a scanner that knows the values of the city's own files, where there are any."""
    raw = Path(city_dir) / "data" / "private" / "raw"
    if not any(path.is_file() and path.name not in HARMLESS for path in raw.rglob("*")):
        return Watch()
    from shared_utils.data.identifiers import private_values  # loads pandas

    return Watch(private_values(city_dir))


def _is_private(name: str) -> bool:
    path = PurePosixPath(name)
    return path.name not in HARMLESS and any(path.is_relative_to(folder) for folder in PRIVATE)


def _has_results(content: bytes) -> bool:
    try:
        cells = json.loads(content)["cells"]
    except (ValueError, KeyError, TypeError):
        return False
    return any(cell.get("outputs") for cell in cells)


def _take_out(name: str) -> str:
    return f'git rm --cached "{name}"'


def main(words: list[str]) -> int:
    """Tidy and check the files named (--staged: all of the commit; --all: check only); returns 1 with problems."""
    sys.stdout.reconfigure(errors="replace")  # a Windows console cannot print every letter of a file's name
    files = _staged() if words == ["--staged"] else None if words == ["--all"] else words
    if changed := tidy.tidy(Path(), files or []):
        print(f"Took results out, or brought code into its common form: {', '.join(changed)}")
    try:
        found = problems(files) if files != [] else []
    except sweep.GitError as error:
        found = [str(error)]
    print(*found, sep="\n", end="\n" * bool(found))
    return 1 if found else 0


def _staged() -> list[str]:
    """The names of what git would commit, without what the commit deletes."""
    listed = sweep.git(Path(), "diff", "--cached", "--name-only", "--relative", "--diff-filter=d", "-z")
    return [name for name in listed.decode("utf-8").split("\0") if name]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
