"""Where a city comes from: its record (.cruft.json, as cruft writes it), and the template's versions.

A version of the template is a commit. It is looked at in a copy; neither the template's folder nor a city's is touched.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from shared_utils.errors import EmiError
from shared_utils.template import program, sweep, vendoring

RECORD = ".cruft.json"
PENDING = "updating_to"
# The record as it is to be. While it lies there, an update is writing files, or was ended before it had.
UNDER_WAY = f"{RECORD}.under-way"
_FOLDERS = ("_template", "_output_dir", "_repo_dir")  # what cookiecutter adds to the answers
SKELETON = "{{cookiecutter.city_slug}}"
NOT_FOR_CITIES = (":(exclude)tests", ":(exclude)docs", ":(exclude)benchmarks")


class NoVersion(EmiError):
    """A version of the template cannot be had, or makes no city from these answers."""


class Template:
    """The versions of the template in `folder`; `commit` is the one it offers."""

    def __init__(self, folder: Path, scratch: Path):
        self.folder, self._scratch, self._notebooks = folder, scratch, {}
        # A zip download, or a folder inside somebody else's repository, has no versions.
        own = (folder / ".git").exists() and sweep.has_git(folder)
        if not own or not (commit := sweep.asked(folder, "rev-parse", "--verify", "--quiet", "HEAD")):
            raise NoVersion(
                f"The template in {folder} is not a git clone, so its versions cannot be compared.",
                "Next: get it with  git clone  instead of a zip file, and use the emi of that folder.",
            )
        self.commit = commit

    def tree(self, commit: str) -> Path:
        """Return a folder with the template as it was at a commit. Raises NoVersion for one this copy has not."""
        target = self._scratch / commit
        if target.is_dir():
            return target
        with zipfile.ZipFile(io.BytesIO(self._packed(commit, ".", *NOT_FOR_CITIES))) as archive:
            archive.extractall(target)
        return target

    def render(self, commit: str, answers: dict[str, str]) -> dict[str, bytes]:
        """Return {name: bytes} of the city that a version makes from `answers`, by the cookiecutter program.

        In a process of its own: the template's hooks and helper modules differ from version to version.
        """
        template = self.tree(commit)
        with tempfile.TemporaryDirectory(dir=self._scratch) as room:
            words = [sys.executable, "-m", "cookiecutter", "--no-input", "--output-dir", "out"]
            done = subprocess.run(
                [*words, "--config-file", program.no_user_settings(Path(room)), template, *_given(answers)],
                cwd=room,
                env={**os.environ, "PYTHONUTF8": "1"},
                capture_output=True,
                text=True,
                encoding="utf-8",
            )
            if done.returncode:
                said = (done.stdout + done.stderr).strip().splitlines()[-1:]
                raise NoVersion(
                    f"Version {commit[:8]} of the template makes no city from these answers. {' '.join(said)}",
                    f"Look at the answers in {RECORD}.",
                )
            (made,) = (Path(room) / "out").iterdir()
            return {path.relative_to(made).as_posix(): path.read_bytes() for path in made.rglob("*") if path.is_file()}

    def notebooks(self, commit: str) -> dict[str, bytes]:
        """Return {name: bytes} of the notebooks of a version; they are the same in all cities. Raises NoVersion."""
        if commit not in self._notebooks:
            found = self._packed(commit, f"{SKELETON}/notebooks/*.ipynb")
            with zipfile.ZipFile(io.BytesIO(found)) as archive:
                names = [name for name in archive.namelist() if name.endswith(".ipynb")]
                self._notebooks[commit] = {name.removeprefix(f"{SKELETON}/"): archive.read(name) for name in names}
        return self._notebooks[commit]

    def version_of(self, package: Path) -> str:
        """Return the first version with exactly this copy of the shared code, "" when there is none.

        Of several with the same shared code the first: what the others changed is then seen as the template's change.
        """
        known = vendoring.manifest(package.parent)["files"] if (package / vendoring.MANIFEST).is_file() else {}
        own = {f"{vendoring.PACKAGE}/{name}": _blob_id(package / name) for name in known if (package / name).is_file()}
        for commit in sweep.asked(self.folder, "log", "--format=%H", "--", vendoring.PACKAGE).split():
            listed = sweep.asked(self.folder, "ls-tree", "-r", "-z", commit, "--", vendoring.PACKAGE).split("\0")
            if own and own == {line.split("\t")[1]: line.split()[2] for line in listed if line}:
                return commit
        return ""

    def is_older(self, commit: str) -> bool:
        """True when what cities are made from has changed since a version."""
        what = (SKELETON, "shared_utils", "hooks", "cookiecutter.json", "bootstrap.py", "requirements.txt")
        words = ["git", "diff", "--quiet", commit, self.commit, "--", *what]
        return subprocess.run(words, cwd=self.folder, capture_output=True).returncode != 0

    def _packed(self, commit: str, *what: str) -> bytes:
        done = subprocess.run(
            ["git", "archive", "--format=zip", commit, "--", *what], cwd=self.folder, capture_output=True
        )
        if done.returncode:
            raise NoVersion(
                f"The version of the template this city was made from ({commit[:8]}) is not in {self.folder}.",
                f"Next:  git -C {self.folder} fetch --all   (with --unshallow for a shallow clone)",
            )
        return done.stdout


@contextlib.contextmanager
def template(where: Path | str) -> Iterator[Template]:
    """The template in a folder or at an address, with room for its versions until the end of the block.

    Raises NoVersion when it has none or cannot be fetched.
    """
    with tempfile.TemporaryDirectory(prefix="emi-") as scratch:
        if not Path(where).is_dir():
            words = ["git", "clone", "--quiet", "--no-checkout", str(where), str(Path(scratch, "clone"))]
            done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8")
            if done.returncode:
                said = done.stderr.strip().splitlines()[-1:]
                raise NoVersion(
                    f"The template cannot be fetched from {where}. git says: {' '.join(said)}",
                    f"Check the connection and the address in {RECORD}.",
                )
            where = Path(scratch, "clone")
        yield Template(Path(where), Path(scratch))


def record_of(city_dir: Path) -> dict | None:
    """Return the record of a city, None when it has none or one that nobody can read."""
    try:
        record = json.loads((city_dir / RECORD).read_text(encoding="utf-8"))
        return record if isinstance(record["commit"], str) and answers(record) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def answers(record: dict) -> dict[str, str]:
    """Return what was answered when the city was made; private names are computed by each version anew."""
    return {k: str(v) for k, v in record["context"]["cookiecutter"].items() if not k.startswith("_")}


def without_folders(record: dict) -> dict:
    """Return a record without folders of this computer, which may name whoever works at it."""
    told = {k: v for k, v in record["context"]["cookiecutter"].items() if k not in _FOLDERS}
    where = record["template"]
    return {
        **record,
        "template": Path(where).name if Path(where).is_absolute() else where,
        "context": {**record["context"], "cookiecutter": told},
    }


def write_record(city_dir: Path, record: dict) -> None:
    """Write the record, whole or not at all, as cruft does."""
    draft = city_dir / f"{RECORD}.part"
    draft.write_bytes(as_bytes(record))
    os.replace(draft, city_dir / RECORD)


def as_bytes(record: dict) -> bytes:
    """Return a record as cruft writes it."""
    return (json.dumps(record, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def first_record(folder: Path, context: dict) -> dict | None:
    """Return the record of a city just made from the template in `folder`.

    None when that has no version: no git clone, or files in it that are not committed.
    """
    if not (folder / ".git").exists() or not sweep.has_git(folder):
        return None
    commit = sweep.asked(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit or sweep.asked(folder, "status", "--porcelain"):
        return None
    # An address that others reach too, without the name and password somebody may have put in it.
    address = re.sub(r"(?<=//)[^/@]*@", "", sweep.asked(folder, "remote", "get-url", "origin")) or str(folder)
    return {"template": address, "commit": commit, "checkout": None, "context": context, "directory": None}


def _blob_id(path: Path) -> str:
    """The name git gives a file's content."""
    content = path.read_bytes().replace(b"\r\n", b"\n")
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _given(given: dict[str, str]) -> list[str]:
    return [f"{name}={answer}" for name, answer in program.as_typed(given).items()]
