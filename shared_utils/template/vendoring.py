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
    made = {
        "note": NOTE,
        "version": version(target),
        "files": {name: sha256((target / name).read_bytes()) for name in _files(target)},
    }
    text = json.dumps(made, indent=1, sort_keys=True) + "\n"
    (target / MANIFEST).write_text(text, encoding="utf-8", newline="\n")
    return target / MANIFEST


def check(city_dir: Path) -> list[str]:
    """Return a sentence for each file of the city's shared_utils that is not as it was copied."""
    if not (city_dir / PACKAGE / MANIFEST).is_file():
        return [
            f"{PACKAGE}/{MANIFEST} is missing, so the shared code cannot be checked. "
            f"Restore it:  git checkout -- {PACKAGE}"
        ]
    return [_SENTENCES[kind].format(name=f"{PACKAGE}/{name}") for name, kind in differences(city_dir).items()]


def differences(city_dir: Path) -> dict[str, str]:
    """Return {file: "missing", "edited" or "added"} of the city's shared_utils, held against its manifest."""
    folder = city_dir / PACKAGE
    known = manifest(city_dir)["files"]
    present = set(_files(folder))
    edited = [name for name in present & set(known) if sha256((folder / name).read_bytes()) != known[name]]
    kinds = {"missing": set(known) - present, "edited": edited, "added": present - set(known)}
    return {name: kind for kind, names in kinds.items() for name in sorted(names)}


def manifest(city_dir: Path) -> dict:
    """Return what a city's manifest says: the version and {file: sha256}."""
    return json.loads((city_dir / PACKAGE / MANIFEST).read_text(encoding="utf-8"))


_SENTENCES = {
    "missing": "{name} is missing. Restore it:  git checkout -- {name}",
    "edited": "{name} was edited by hand. Move your change to city_code/ (or into the template), "
    "then restore the file:  git checkout -- {name}",
    "added": "{name} does not belong to the template. Move it to city_code/.",
}


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


def sha256(content: bytes) -> str:
    """Return the hash of a file. A checkout on Windows may turn LF into CRLF; that is not an edit."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def version(package: Path) -> str:
    """Return the version a copy of the shared code says it is."""
    text = (package / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE).group(1)
