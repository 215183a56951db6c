"""Everything a city's folder could give away, looked into: its files, what git would commit, what git ever held."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from shared_utils.disclosure import secrets
from shared_utils.disclosure.scan import PATTERNS, PERSONAL, Finding, Watch
from shared_utils.errors import EmiError

# Residents' data live in the first; the shared code is checked against its manifest (emi check), and a hand-over was
# looked into as it was written; the rest are tools'.
NOT_LOOKED_INTO = (
    "data/private", "data/synthetic/linked", "data/synthetic/crosswalk", "shared_utils", "outputs/handover", ".git",
    ".venv",
)  # fmt: skip
CACHES = ("__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".ruff_cache", "node_modules")
RELEASED = "outputs/release"
# Written by hand about the pilot: the contact of an office is meant to be read. A resident's is found by its value.
WITH_CONTACTS = (".md", ".yml", ".yaml", ".toml", ".cff")
CONTACTS = ("an e-mail address", "a telephone number")


class GitError(EmiError):
    """A git repository that git cannot read."""

    def __init__(self, city_dir: Path, said: str):
        first = next(iter(said.strip().splitlines()), "nothing").removeprefix("fatal: ").rstrip(".")
        super().__init__(
            f"git cannot read its repository in {Path(city_dir).resolve()}. It says: {first}.",
            "Ask who looks after git with you. The files in the folder are as they were.",
        )


def sweep(city_dir: Path, watch: Watch, history: bool = False) -> tuple[int, list[Finding]]:
    """Look into a city's files and what git has of them; returns how many were looked into, and the findings.

    Without `history`, of git only what is staged and differs from the file in the folder.
    """
    seen, found = 0, []
    for name, copy, content in contents(Path(city_dir), history):
        seen += 1
        hits = [*watch.findings(content, name, kinds(name)), *secrets.findings(content, name)]
        found += [replace(one, file=name + copy) for one in hits]
    return seen, found


def contents(city_dir: Path, history: bool = False) -> Iterator[tuple[str, str, bytes]]:
    """Yield (name, which copy of git or "", bytes) of every file of a city that could leave it."""
    files = {}
    for name in sorted(_walk(city_dir)):
        files[name] = (city_dir / name).read_bytes()
        yield name, "", files[name]
    for name, content in staged(city_dir):
        if files.get(name) != content:
            yield name, " (in git, staged)", content
    if history:
        yield from _past(city_dir)


def kinds(name: str) -> tuple[str, ...]:
    """Which patterns a file may not hold. Only a release may not name a tract or a folder of this computer."""
    path = PurePosixPath(name)
    if path.is_relative_to(RELEASED):
        return tuple(PATTERNS)
    if path.suffix in WITH_CONTACTS:
        return tuple(kind for kind in PERSONAL if kind not in CONTACTS)
    return PERSONAL


def is_looked_into(name: str) -> bool:
    """True for a file of the city that could leave it; `name` is relative to the city's folder."""
    path = PurePosixPath(name)
    return not set(CACHES) & set(path.parts) and not any(path.is_relative_to(folder) for folder in NOT_LOOKED_INTO)


def staged(city_dir: Path, names: list[str] | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of the files as git would commit them; of `names` only, when given.

    Without git these are the files in the folder.
    """
    if not has_git(city_dir):
        there = [name for name in names or _walk(city_dir) if (city_dir / name).is_file()]
        yield from ((name, (city_dir / name).read_bytes()) for name in there if is_looked_into(name))
        return
    listed = git(city_dir, "ls-files", "--stage", "-z", "--", *(names or ["."])).split(b"\0")[:-1]
    entries = [(entry.split(b"\t", 1)[1].decode("utf-8"), entry.split()[1].decode()) for entry in listed]
    entries = [(name, blob) for name, blob in entries if is_looked_into(name)]
    yield from zip((name for name, _ in entries), _blobs(city_dir, [blob for _, blob in entries]), strict=True)


def has_git(city_dir: Path) -> bool:
    """True when the folder belongs to a git repository and git is on this computer."""
    if shutil.which("git") is None:
        return False
    return any((folder / ".git").exists() for folder in (Path(city_dir).resolve(), *Path(city_dir).resolve().parents))


def _walk(city_dir: Path) -> Iterator[str]:
    for folder, inner, files in os.walk(city_dir):
        base = Path(folder).relative_to(city_dir)
        inner[:] = [name for name in inner if is_looked_into((base / name).as_posix())]
        yield from ((base / name).as_posix() for name in files if is_looked_into((base / name).as_posix()))


def _past(city_dir: Path) -> Iterator[tuple[str, str, bytes]]:
    """Every file any commit or the index ever held, and what the commits say of themselves."""
    if not has_git(city_dir):
        return
    yield "commit messages", " (in git)", git(city_dir, "log", "--all", "--format=%B")
    lines = git(city_dir, "rev-list", "--objects", "--all").decode("utf-8", "replace").splitlines()
    named = dict(line.split(" ", 1) for line in lines if " " in line)
    kept = [blob for blob, name in named.items() if not name.startswith("shared_utils/")]
    for blob, content in zip(kept, _blobs(city_dir, kept), strict=True):
        if content is not None:
            yield named[blob], f" (in git, {blob[:8]})", content


def _blobs(city_dir: Path, names: list[str]) -> Iterator[bytes | None]:
    """The contents of git's objects, None for one that is a folder; one process for all."""
    words, pipe = ["git", "cat-file", "--batch"], subprocess.PIPE
    with subprocess.Popen(words, cwd=city_dir, stdin=pipe, stdout=pipe) as cat:
        for name in names:
            cat.stdin.write(f"{name}\n".encode())
            cat.stdin.flush()
            header = cat.stdout.readline().split()
            if len(header) != 3:  # "NAME missing", or git ended
                raise GitError(city_dir, f"object {name} is missing")
            content = cat.stdout.read(int(header[2]))
            cat.stdout.read(1)
            yield content if header[1] == b"blob" else None
        cat.stdin.close()


def git(city_dir: Path, *words: str) -> bytes:
    """Return what git answers. Raises GitError where it cannot read the repository."""
    done = subprocess.run(["git", *words], cwd=city_dir, capture_output=True)
    if done.returncode:
        raise GitError(city_dir, done.stderr.decode("utf-8", "replace"))
    return done.stdout


def asked(city_dir: Path, *words: str) -> str:
    """Return what git answers, "" when it has no answer."""
    done = subprocess.run(["git", *words], cwd=city_dir, capture_output=True, text=True, encoding="utf-8")
    return done.stdout.strip() if done.returncode == 0 else ""
