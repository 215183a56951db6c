"""The one way out of a city's folder: outputs/internal -> outputs/release (pilots.md 2.7).

A run that failed releases nothing and takes nothing back: the last good release stays, and its run block says
from when it is.
"""

import json
from pathlib import Path

from shared_utils.disclosure import Rules
from shared_utils.disclosure.scan import forbidden
from shared_utils.errors import EmiError, nearest
from shared_utils.results.fragment import ReleaseError, to_fragment
from shared_utils.results.network_record import network_record
from shared_utils.results.notebooks import NOTEBOOKS, executed_path
from shared_utils.results.record import internal_path, read, release_path, write, write_text


def release(city_dir: Path, notebooks: list[str] | None = None) -> list[Path]:
    """Release the records and pages of a city's notebooks (None: all that have run); returns the files.

    What cannot leave is named in one ReleaseError after the others have been released.
    """
    from shared_utils.config import load_city  # settings are only needed when something leaves

    city_dir = Path(city_dir)
    for notebook in notebooks or []:
        if notebook not in NOTEBOOKS:
            raise ReleaseError(
                f"There is no notebook '{notebook}'.{nearest(notebook, NOTEBOOKS)}",
                f"Notebooks: {', '.join(NOTEBOOKS)}.",
            )
    wanted = notebooks or [name for name in NOTEBOOKS if internal_path(city_dir, name).exists()]
    rules = Rules.from_privacy(load_city(city_dir).privacy)
    written, refused = [], []
    for notebook in wanted:
        try:
            written += _release(city_dir, notebook, rules)
        except EmiError as error:
            refused.append(f"{city_dir.name}, {notebook}: {error.message} {error.hint}".strip())
    if refused:
        raise ReleaseError("Not released. " + "\n  ".join(refused), "The last good release stays as it is.")
    return written


def page_path(city_dir: Path, notebook: str) -> Path:
    """Where the released HTML body of a notebook lies."""
    return release_path(city_dir, notebook).with_name(f"{notebook}.html")


def _release(city_dir: Path, notebook: str, rules: Rules) -> list[Path]:
    record = read(internal_path(city_dir, notebook))
    if record["run"]["status"] != "ok":
        raise ReleaseError(f"The last run ended '{record['run']['status']}'.", f"emi run {city_dir.name}")
    page = to_fragment(_executed(city_dir, notebook, record))
    released = network_record(record, rules)
    found = forbidden(page) + forbidden(json.dumps(released, ensure_ascii=False))
    if found:
        raise ReleaseError(f"It holds {' and '.join(dict.fromkeys(found))}.", "Take it out of the notebook.")
    return [
        write_text(page, page_path(city_dir, notebook)),
        write(released, release_path(city_dir, notebook)),
    ]


def _executed(city_dir: Path, notebook: str, record: dict):
    """The executed notebook that belongs to the record."""
    import nbformat

    path = executed_path(city_dir, notebook)
    if not path.exists():
        raise ReleaseError("There is a record but no executed notebook.", f"emi run {city_dir.name}")
    executed = nbformat.read(path, as_version=4)
    run_id = executed.metadata.get("papermill", {}).get("parameters", {}).get("run_id")
    if run_id and record["run"]["run_id"] and run_id != record["run"]["run_id"]:
        message = "The record and the executed notebook are from two runs."
        raise ReleaseError(message, f"emi run {city_dir.name}")
    return executed
