"""The hand-over of a city: one folder that a new analyst, or an archive, opens years later and runs again.

    README.txt             what this is, how to run it again, who must bring the residents' data, what must come out
    provenance.json        the same for programs: versions, hashes of the private files, how the last runs ended
    data-dictionary.csv    what each column of the city's files means, where mappings say it
    city/                  the city's repository, without data about people
    results/               what was released: the records, and the pages to read
    SHA256SUMS.txt         every file with its hash, as `sha256sum --check` reads it

Only what is named here goes in, so a file nobody thought of stays out; what goes in is looked through by the scanner.
The same city gives the same bytes.
"""

import hashlib
import io
import json
import os
import zipfile
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePosixPath

from shared_utils import results
from shared_utils.results.folders import new_folder
from shared_utils.results.notebooks import NOTEBOOKS
from shared_utils.template import commit_guard, handover_facts, origin, sweep, update, vendoring

INDEX = "SHA256SUMS.txt"
FACTS = "provenance.json"
CITY, RESULTS = "city/", "results/"
FILES = (
    "README.md", "city.yml", "lessons.yaml", "actions.yaml", "bootstrap.py", "pyproject.toml", "requirements.txt",
    ".cruft.json", ".gitattributes", ".gitignore", ".pre-commit-config.yaml",
)  # fmt: skip
FOLDERS = (
    "notebooks", "city_code", "mappings", "plan", "tests", "shared_utils", "data/public_ref", ".github", ".jupyter",
)  # fmt: skip
# Code and settings. A table, a picture or a workbook beside an analyst's code may hold rows about people.
TEXTS = (".py", ".ipynb", ".md", ".yml", ".yaml", ".json", ".toml", ".j2", ".css", ".typ")
PUBLIC = (*TEXTS, ".csv", ".txt", ".parquet")
SYNTHETIC = ("data/synthetic/raw", "data/synthetic/public_ref")
SYNTHETIC_FILES = ("data/synthetic/made.json", "outputs/internal/disclosure_memory.json")
EMPTY = ("data/private/raw", "data/private/linked", "data/private/crosswalk", "outputs/internal", "outputs/release")
TOOLS = (*sweep.CACHES, ".git", ".venv", "build")
MADE_AGAIN = ("outputs", "site", "status", "data/private", "data/synthetic")
SHOWN = 3
_PAGE = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n<style>\n'
    "body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}\n"
    "th, td {{ padding: .2rem .6rem; text-align: left; border-bottom: 1px solid #ccc }}\n"
    "img {{ max-width: 100% }}\n.scroll {{ overflow-x: auto }}\n</style>\n</head>\n<body>\n<main>\n"
)


@dataclass(frozen=True)
class HandOver:
    """Where it lies, how many files and bytes it holds, what stayed out, and the facts its README tells."""

    path: Path
    files: int
    size: int
    left_out: list[str]
    facts: dict


def hand_over(city_dir: Path, runs: tuple, as_zip: bool = False) -> HandOver:
    """Write outputs/handover/<city> (or <city>.zip) anew. `runs` are the city's runner.status.NotebookStatus.

    A synthetic city takes its data along and runs again by itself; of another only the hashes of its private files go.
    Raises ConfigError for settings that are not valid, Unfinished in the middle of an update, and ReleaseError when a
    file holds what must not leave the city; an earlier hand-over then stays as it was.
    """
    from shared_utils.config import load_city

    city_dir = Path(city_dir).resolve()
    config = load_city(city_dir)
    update.check_whole(city_dir)
    inside, left_out = _of_city(city_dir, synthetic=config.data.mode == "synthetic")
    facts = handover_facts.gather(city_dir, config, runs)
    files = {CITY + name: content for name, content in inside.items()} | _released(city_dir, config)
    files[FACTS] = (json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")
    if not config.data.analysis_file:  # its columns are named in city.yml
        files["data-dictionary.csv"] = handover_facts.dictionary(city_dir).encode("utf-8-sig")
    files["README.txt"] = handover_facts.readme(config, facts).encode("utf-8")
    _refuse_identifiers(city_dir, files)
    files[INDEX] = _index(files)
    target = city_dir / "outputs" / "handover" / (f"{city_dir.name}.zip" if as_zip else city_dir.name)
    _write_zip(files, target) if as_zip else _write_folder(files, target)
    return HandOver(target, len(files), sum(map(len, files.values())), left_out, facts)


def compare(city_dir: Path) -> dict[str, str]:
    """In an unpacked hand-over, after `emi run`: {notebook: "" or in words how its record is not the one handed over}.

    `city_dir` is the folder city/ of the hand-over. Compared is everything but what tells of the run: the block `run`,
    and the commit of git. Raises ReleaseError when this is no hand-over, or when a file is not as it was handed over.
    """
    pack = Path(city_dir).resolve().parent
    if not (pack / INDEX).is_file():
        message = f"This is not the folder city of a hand-over: there is no {INDEX} beside it."
        raise results.ReleaseError(message, "Next:  emi handover CITY  writes a hand-over.")
    if changed := _changed(pack):
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        message = f"Not as they were handed over: {', '.join(changed[:SHOWN])}{more}."
        raise results.ReleaseError(message, "Unpack the hand-over again, and run that.")
    return {
        notebook: _difference(handed_over, results.release_path(city_dir, notebook))
        for notebook in NOTEBOOKS
        if (handed_over := pack / RESULTS / results.record_name(notebook)).is_file()
    }


def _of_city(city_dir: Path, synthetic: bool) -> tuple[dict[str, bytes], list[str]]:
    """({name: bytes} of the repository as it is handed over, the names of what nobody put on the list)."""
    names = [*FILES, *(SYNTHETIC_FILES if synthetic else ())]
    for folder in (*FOLDERS, *(SYNTHETIC if synthetic else ())):
        suffixes = None if folder in SYNTHETIC else PUBLIC if folder == "data/public_ref" else TEXTS
        names += [name for name in _below(city_dir, folder) if suffixes is None or Path(name).suffix in suffixes]
    names = [name for name in names if _is_own_file(city_dir, name)]
    found = {name: _content(city_dir / name) for name in names}
    left_out = [
        name
        for name in _below(city_dir, "")
        if name not in found
        and PurePosixPath(name).name != ".gitkeep"
        and not any(PurePosixPath(name).is_relative_to(made) for made in MADE_AGAIN)
    ]
    return found | {f"{folder}/.gitkeep": b"" for folder in EMPTY}, left_out


def _below(city_dir: Path, folder: str) -> list[str]:
    """Names of the files under a folder of the city, sorted; without caches, git's and Excel's own files."""
    found = []
    for root, inner, files in os.walk(city_dir / folder):
        base = Path(root).relative_to(city_dir)
        inner[:] = [name for name in inner if name not in TOOLS and not name.endswith(".egg-info")]
        found += [(base / name).as_posix() for name in files if not name.startswith("~$")]
    return sorted(found)


def _is_own_file(city_dir: Path, name: str) -> bool:
    """False for what is not there, and for a link: it could lead to the private data."""
    path = city_dir / name
    return path.is_file() and os.path.normcase(path.resolve()) == os.path.normcase(path)


def _content(path: Path) -> bytes:
    """The bytes of a file; of a notebook, without what its last run by hand showed and without pasted pictures.

    A picture of a list of people is nothing the scanner could read.
    """
    content = path.read_bytes()
    if path.name == origin.RECORD and (record := origin.record_of(path.parent)):
        return (json.dumps(origin.without_folders(record), indent=1, ensure_ascii=False) + "\n").encode("utf-8")
    if path.suffix != ".ipynb":
        return content
    try:
        notebook = json.loads(content)
        shows = [
            cell for cell in notebook["cells"] if any(map(cell.get, ("outputs", "execution_count", "attachments")))
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        message = f"{path.name} is not a notebook that can be read."
        raise results.ReleaseError(message, "Bring it back from git, or move it out of the folder.") from None
    if not shows:
        return content
    for cell in shows:
        cell.pop("attachments", None)
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def _released(city_dir: Path, config) -> dict[str, bytes]:
    """The released records as they are, and their pages, which are the insides of one, made whole."""
    found = {}
    for notebook in NOTEBOOKS:
        record, page = results.release_path(city_dir, notebook), results.page_path(city_dir, notebook)
        if record.is_file():
            found[RESULTS + record.name] = record.read_bytes()
        if page.is_file():
            head = _PAGE.format(title=escape(f"{config.city.name}: {notebook}"))
            whole = f"{head}{page.read_text(encoding='utf-8')}</main>\n</body>\n</html>\n"
            found[RESULTS + page.name] = whole.encode("utf-8")
    return found


def _refuse_identifiers(city_dir: Path, files: dict[str, bytes]) -> None:
    known, watch, found = _known_code(city_dir), commit_guard.watch_of(city_dir), []
    for name, content in files.items():
        if name not in known:
            found += watch.findings(name, "the name of a file", sweep.kinds(FACTS))
            found += watch.findings(content, name, _kinds(name))
    if found:
        more = f"\n  ... and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        lines = "".join(f"\n  {finding}" for finding in found[:SHOWN])
        raise results.ReleaseError(
            f"Nothing was handed over: {city_dir.name} holds what may tell of a person.{lines}{more}",
            f"Take that out of the files, then:  emi scan {city_dir.name}   and the same command again.",
        )


def _known_code(city_dir: Path) -> set[str]:
    """The shared code as the template made it, which holds no resident; a file edited since may."""
    if not (city_dir / vendoring.PACKAGE / vendoring.MANIFEST).is_file():
        raise results.ReleaseError(*vendoring.check(city_dir)[0].split(". ", 1))
    own = vendoring.manifest(city_dir)["files"].keys() - vendoring.differences(city_dir).keys()
    return {f"{CITY}{vendoring.PACKAGE}/{name}" for name in own}


def _kinds(name: str) -> tuple[str, ...]:
    """A released file may hold less than a file written by hand."""
    if name.startswith(RESULTS):
        return sweep.kinds(f"{sweep.RELEASED}/{name.removeprefix(RESULTS)}")
    return sweep.kinds(name.removeprefix(CITY))


def _index(files: dict[str, bytes]) -> bytes:
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())]
    return "".join(lines).encode("utf-8")


def _write_folder(files: dict[str, bytes], target: Path) -> None:
    with new_folder(target) as draft:
        for name, content in files.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_bytes(content)


def _write_zip(files: dict[str, bytes], target: Path) -> None:
    """The files below a folder of the city, in order of name and dated 1980: no clock is in the bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in sorted(files.items()):
            member = zipfile.ZipInfo(f"{target.stem}/{name}")
            member.create_system = 3  # the same on all systems
            member.external_attr = 0o644 << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    results.write_bytes(packed.getvalue(), target)


def _changed(pack: Path) -> list[str]:
    """Names of files of a hand-over that are gone or have other bytes than its index says."""
    lines = (pack / INDEX).read_text(encoding="utf-8").splitlines()
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    return [
        name
        for name, digest in listed.items()
        if not (pack / name).is_file() or hashlib.sha256((pack / name).read_bytes()).hexdigest() != digest
    ]


def _difference(handed_over: Path, now: Path) -> str:
    if not now.is_file():
        return "it was not run and released here yet"
    then, again = (_without_run(results.read(path)) for path in (handed_over, now))
    if results.as_text(then) == results.as_text(again):
        return ""
    places = _places(then, again)
    if len(places) == 1:
        return f"1 difference, in {places[0]}"
    return f"{len(places)} differences, the first in {', '.join(places[:SHOWN])}"


def _without_run(record: dict) -> dict:
    """A record without what tells of the run and not of the result."""
    code = {key: value for key, value in record["provenance"]["code"].items() if key not in ("git_commit", "dirty")}
    rest = {key: value for key, value in record.items() if key != "run"}
    return rest | {"provenance": record["provenance"] | {"code": code}}


def _places(then, again, place: str = "") -> list[str]:
    """Where two values differ, as estimates[0].value."""
    if isinstance(then, dict) and isinstance(again, dict):
        keys = sorted(then.keys() | again.keys())
        parts = [(f"{place}.{key}".lstrip("."), then.get(key), again.get(key)) for key in keys]
    elif isinstance(then, list) and isinstance(again, list) and len(then) == len(again):
        parts = [(f"{place}[{i}]", *pair) for i, pair in enumerate(zip(then, again, strict=True))]
    else:
        return [] if then == again else [place]
    return [found for name, a, b in parts for found in _places(a, b, name)]
