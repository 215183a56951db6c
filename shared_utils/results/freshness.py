"""Is a result still what its inputs would give? (standard library only: asked for every city at each start)

A fingerprint is one hash for each thing a notebook's result depends on. Two fingerprints are compared part by
part, so a person reads "the data changed" and not that a hash differs. Data are fingerprinted as the files
people put in the city's folder; what is derived from them (data/*/linked) follows from the other parts.
"""

import hashlib
import json
import os
import platform
import re
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from shared_utils.results.notebooks import source_path

LIBRARIES = ("numpy", "pandas", "pyarrow", "scipy", "statsmodels", "linearmodels", "diff-diff", "matplotlib", "seaborn")
_HIDDEN = (".", "~$", "__pycache__")
_WHOLE = 2**20  # bytes; a smaller file is read at once: hashing it in parts takes as long again
# In the order they are told to a person.
WORDS = {
    "data": "the data files changed",
    "settings": "city.yml or lessons.yaml changed",
    "actions": "actions.yaml changed",
    "mappings": "mappings/ changed",
    "plan": "the analysis plan changed",
    "notebook": "the notebook was edited",
    "city_code": "city_code/ changed",
    "shared_utils": "shared_utils was updated",
    "libraries": "other versions of the libraries are installed",
    "parameters": "other parameters were asked for",
}


def fingerprint(city_dir: Path, notebook: str, parameters: dict, common: dict | None = None) -> dict[str, str]:
    """Hash every part the result of one notebook depends on: {part: sha256}, parts as in `WORDS`.

    `common` are the parts of the city that its notebooks have in common, where they have just been hashed.
    """
    city = Path(city_dir)
    return (common or common_parts(city)) | {
        "actions": files_sha(city, [city / "actions.yaml"] if notebook == "monitoring" else []),
        "notebook": notebook_sha(source_path(city, notebook)),
        "parameters": _sha(json.dumps(parameters, sort_keys=True, ensure_ascii=False)),
    }


def common_parts(city_dir: Path) -> dict[str, str]:
    """Hash the parts that all notebooks of a city depend on."""
    city = Path(city_dir)
    return {
        "data": files_sha(city, _data_files(city)),
        "settings": files_sha(city, [city / "city.yml", city / "lessons.yaml"]),
        "mappings": files_sha(city, below(city / "mappings")),
        "plan": files_sha(city, below(city / "plan")),
        "city_code": files_sha(city, below(city / "city_code")),
        "shared_utils": files_sha(city, below(city / "shared_utils")),
        "libraries": _sha(json.dumps(libraries(), sort_keys=True)),
    }


@lru_cache(maxsize=1)
def libraries() -> dict[str, str]:
    """The versions of Python and of the libraries that make numbers; "" for one that is not installed."""
    installed = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            installed[name] = ""
    return installed


def changed(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """Say in words which parts of two fingerprints differ; empty when nothing does."""
    return [words for part, words in WORDS.items() if old.get(part) != new.get(part)]


def notebook_sha(path: Path) -> str:
    """Hash what a notebook says, not what it shows: running and saving it in JupyterLab changes nothing.

    Raises FileNotFoundError, or ValueError when the file is not a notebook.
    """
    cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    said = [[c["cell_type"], "".join(c["source"]), c["metadata"].get("tags", [])] for c in cells]
    return _sha(json.dumps(said, ensure_ascii=False))


def peek(city_dir: Path, block: str, key: str) -> str | None:
    """Read one plain value of city.yml, as in peek(city, "city", "key"), without the YAML library.

    For listing cities and telling them apart quickly; a run reads the settings in full. None when it is
    not found, so that a broken file is reported where the settings are checked.
    """
    try:
        text = (Path(city_dir) / "city.yml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    body = re.search(rf"^{block}:((?:[ \t].*)?(?:\n(?:[ \t].*|#.*|[ \t]*))*)", text, re.MULTILINE)
    value = body and re.search(rf"(?:^\s*|[{{,]\s*){key}:[ \t]*([^,}}#\n]+)", body[1], re.MULTILINE)
    return value[1].strip().strip("\"'") or None if value else None


def _data_files(city: Path) -> list[Path]:
    """What people put into the city's folder; both roots while the mode cannot be read."""
    root = {"city": "private", "synthetic": "synthetic"}.get(peek(city, "data", "mode") or "", "*")
    named = peek(city, "data", "analysis_file")  # may lie anywhere in the city's folder
    raw = [f for folder in sorted(city.glob(f"data/{root}/raw")) for f in below(folder)]
    return sorted({*raw, *below(city / "data" / "public_ref"), *([city / named] if named else [])})


def below(folder: Path) -> list[Path]:
    """Files under a folder, sorted; without caches, hidden files and the lock files Excel leaves (~$)."""
    found = []
    for root, folders, names in os.walk(folder):  # rglob takes three times as long
        folders[:] = [name for name in folders if not name.startswith(_HIDDEN)]
        found += [Path(root, name) for name in names if not name.startswith(_HIDDEN)]
    return sorted(found)


def files_sha(city: Path, files: list[Path]) -> str:
    """Hash files with their names as seen from the folder `city`."""
    start = f"{city.as_posix()}/"
    lines = [f"{f.as_posix().removeprefix(start)} {_file_sha(f, *_stamp(f))}" for f in files if f.is_file()]
    return _sha("\n".join(lines))


def _stamp(file: Path) -> tuple[int, int]:
    stat = file.stat()
    return stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=20_000)
def _file_sha(file: Path, size: int, mtime_ns: int) -> str:
    """Size and time are in the cache key so that a file that changes meanwhile is read again."""
    with open(file, "rb") as stream:
        if size < _WHOLE:
            return hashlib.sha256(stream.read()).hexdigest()
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
