"""The copy of shared_utils that each city carries: made, and checked against its manifest of hashes.

A city's repository must run offline years later, so it holds a snapshot, not a dependency.
"""

import hashlib
import json
import re
import shutil
from pathlib import Path

PACKAGE = "shared_utils"
MANIFEST = "VENDORED.json"
NOTE = "Copied from the template; do not edit here, an update would overwrite it. Your own functions go in city_code/."


def vendor(template_root: Path, city_dir: Path) -> Path:
    """Replace the city's shared_utils by the template's and write its manifest; return the manifest."""
    source, target = template_root / PACKAGE, city_dir / PACKAGE
    if target.exists():
        shutil.rmtree(target)
    for name in _files(source):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    manifest = {
        "note": NOTE,
        "version": _version(target),
        "files": {name: _sha256(target / name) for name in _files(target)},
    }
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    (target / MANIFEST).write_text(text, encoding="utf-8", newline="\n")
    return target / MANIFEST


def check(city_dir: Path) -> list[str]:
    """Return a sentence for each file of the city's shared_utils that is not as it was copied."""
    folder = city_dir / PACKAGE
    if not (folder / MANIFEST).is_file():
        return [
            f"{PACKAGE}/{MANIFEST} is missing, so the shared code cannot be checked. "
            f"Restore it:  git checkout -- {PACKAGE}"
        ]
    known = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    present = set(_files(folder))
    missing = [
        f"{PACKAGE}/{name} is missing. Restore it:  git checkout -- {PACKAGE}/{name}"
        for name in sorted(set(known) - present)
    ]
    edited = [
        f"{PACKAGE}/{name} was edited by hand. Move your change to city_code/ (or into the template), "
        f"then restore the file:  git checkout -- {PACKAGE}/{name}"
        for name in sorted(present & set(known))
        if _sha256(folder / name) != known[name]
    ]
    added = [
        f"{PACKAGE}/{name} does not belong to the template. Move it to city_code/."
        for name in sorted(present - set(known))
    ]
    return missing + edited + added


def _files(folder: Path) -> list[str]:
    """Relative paths with forward slashes, sorted; without caches, hidden files and the manifest itself."""
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        name.as_posix()
        for name in names
        if name.suffix != ".pyc"
        and name.as_posix() != MANIFEST
        and not any(part.startswith(".") or part == "__pycache__" for part in name.parts)
    )


def _sha256(path: Path) -> str:
    # A checkout on Windows may turn LF into CRLF; that is not an edit.
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def _version(package: Path) -> str:
    text = (package / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE).group(1)
