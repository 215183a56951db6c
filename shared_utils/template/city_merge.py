"""A city put together with a new version of the template: every file in memory first, then all are written, or none."""

import os
import subprocess
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from shared_utils import conflicts
from shared_utils.errors import EmiError
from shared_utils.template import notebooks, origin, sweep, vendoring
from shared_utils.template.origin import RECORD, Template

TEMPLATE = "the template"


@dataclass
class Merge:
    """What is to be written: {name: bytes, or None for a file to delete}, and what a person should know."""

    files: dict[str, bytes | None] = field(default_factory=dict)
    both: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def put_together(template: Template, city_dir: Path, record: dict) -> Merge:
    """Return the city with what changed between its version and the one the template offers.

    Raises NoVersion, NotANotebook, or EmiError for a file that git cannot merge. Nothing is written.
    """
    old, new = (template.render(version, origin.answers(record)) for version in (record["commit"], template.commit))
    merge = Merge(_shared_code(city_dir, new))
    apart = [PurePosixPath(name) for name in (vendoring.PACKAGE, RECORD, *_skipped(city_dir))]
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) == new.get(name) or any(PurePosixPath(name).is_relative_to(one) for one in apart):
            continue
        mine = _content(city_dir / name)
        if mine == old.get(name):
            merge.files[name] = new.get(name)
        elif mine != new.get(name):
            _merge_file(merge, name, old.get(name), mine, new.get(name))
    return merge


def _shared_code(city_dir: Path, new: dict[str, bytes]) -> dict[str, bytes | None]:
    """What makes the shared code that of the new version, whole: it is never a mixture of two."""
    there = {f"{vendoring.PACKAGE}/{name}" for name in vendoring.manifest(city_dir)["files"]}
    wanted = {name for name in new if name.startswith(f"{vendoring.PACKAGE}/")}
    return {name: new.get(name) for name in sorted(there | wanted) if _content(city_dir / name) != new.get(name)}


def _content(path: Path) -> bytes | None:
    """The bytes of a file, with the line ends of git; None for none."""
    return path.read_bytes().replace(b"\r\n", b"\n") if path.is_file() else None


def _merge_file(merge: Merge, name: str, old: bytes | None, mine: bytes | None, new: bytes | None) -> None:
    """A file that the city and the template both changed."""
    if mine is None:
        merge.notes.append(f"{name} was deleted here and stays deleted")
    elif new is None:
        merge.notes.append(f"{name} is no longer in the template; yours stays")
    elif name.endswith(".ipynb"):
        parts = [notebooks.parse(content or b"", name) for content in (old, mine, new)]
        merged, cells = notebooks.merge(*parts, TEMPLATE)
        _check_notebook(merged, name)
        merge.files[name] = notebooks.dump(merged)
        merge.both.append(name)
        merge.conflicts += [f"{name}, cell {cell}" for cell in cells]
    else:
        merge.files[name] = merged = _merge_text(old or b"", mine, new)
        merge.both.append(name)
        merge.conflicts += [f"{name}, {place}" for place in conflicts.places(merged, name)]


def _merge_text(old: bytes, mine: bytes, new: bytes) -> bytes:
    """The lines of both, git's way."""
    with tempfile.TemporaryDirectory() as room:
        paths = [Path(room) / name for name in ("mine", "old", "new")]
        for path, content in zip(paths, (mine, old, new), strict=True):
            path.write_bytes(content)
        labels = [word for label in ("yours", "before", TEMPLATE) for word in ("-L", label)]
        done = subprocess.run(["git", "merge-file", "-p", *labels, *paths], cwd=room, capture_output=True)
    if done.returncode not in range(128):
        raise EmiError(f"git could not put a file together: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout


def _check_notebook(notebook: dict, name: str) -> None:
    import nbformat

    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        problem = str(error).splitlines()[0]
        raise notebooks.NotANotebook(
            f"{name} would not be a valid notebook: {problem}", "Nothing was changed."
        ) from None


def _skipped(city_dir: Path) -> list[str]:
    """What belongs to the city: [tool.cruft] of its pyproject.toml, so that cruft knows it too."""
    path = city_dir / "pyproject.toml"
    settings = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return settings.get("tool", {}).get("cruft", {}).get("skip", [])


def write(city_dir: Path, files: dict[str, bytes | None], record: dict) -> None:
    """Write all files and the record or, when one cannot be written or somebody stops it, none.

    Meanwhile the new record lies beside the old one, so that an end without a farewell (no power) can be seen.
    """
    before = {name: (city_dir / name).read_bytes() if (city_dir / name).is_file() else None for name in files}
    begun = {}
    try:
        for name, content in {origin.UNDER_WAY: origin.as_bytes(record), **files}.items():
            begun[name] = before.get(name)
            _put(city_dir / name, content)
        name = RECORD
        os.replace(city_dir / origin.UNDER_WAY, city_dir / RECORD)
    except BaseException as error:
        for earlier in reversed(begun):
            _put(city_dir / earlier, begun[earlier])
        if not isinstance(error, OSError):
            raise
        why = f"{name} cannot be written ({error.strerror}): another program may have it open. Nothing was changed."
        raise EmiError(why, "Close it.") from error
    # New files are made known to git: then one command gives everything up.
    if made := [name for name, content in files.items() if content is not None and before[name] is None]:
        sweep.asked(city_dir, "add", "--", *made)


def _put(path: Path, content: bytes | None) -> None:
    """Write a file whole, or delete it; a file that is so already is not touched."""
    if content is None:
        path.unlink(missing_ok=True)
    elif not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".part")
        draft.write_bytes(content)
        try:
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
