"""The manager's own page about a batch: where each city stands, what went wrong, and the files to look at.

It stays inside: the public site shows no failures. What it shows comes from the states and records of the runs
(runner.survey), which hold no rows of residents.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

from shared_utils.results.notebooks import NOTEBOOKS, executed_path, failed_path, log_path
from shared_utils.results.record import write_text

HERE = Path(__file__).parent
# The sign that goes with a word: drawn shape, word and color say the same.
_SIGNS = {"ok": "ok", "blinded": "half", "out of date": "near", "FAILED": "off", "blocked": "off", "stopped": "near"}
_UNWELL = ("FAILED", "blocked", "stopped", "out of date")  # in the order they are told


def write_status_page(cities: list, out: Path, drift: dict[str, list] | None = None) -> Path:
    """Write the page for cities as `runner.survey` returns them to `out` (status/index.html).

    `drift` is what each city changed of the template, as `template.drift` returns it; None leaves that section out.
    """
    import jinja2

    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader([HERE, HERE / "site" / "templates"]),
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    rows = [_row(city, out.parent) for city in cities]
    words = [cell["tag"]["word"] for row in rows for cell in row["cells"]]
    page = env.get_template("status.html.j2").render(
        css=(HERE / "site" / "site.css").read_text(encoding="utf-8"),
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        notebooks=list(NOTEBOOKS),
        rows=rows,
        counts=[(word, words.count(word)) for word in dict.fromkeys(words)],
        drift=drift,
        troubles=[trouble for word in _UNWELL for city in cities for trouble in _troubles(city, word, out.parent)],
    )
    return write_text(page, out)


def _row(city, folder: Path) -> dict:
    cells = [_cell(city.city_dir, notebook, folder) for notebook in city.notebooks]
    flags = [f"{n} {severity}" for severity, n in city.flags.items() if n]
    as_of = max((notebook.as_of for notebook in city.notebooks), default="")
    shown = {"city": city.city, "cells": cells, "as_of": as_of or "-", "mode": city.data_mode, "plan": city.plan}
    return shown | {"flags": ", ".join(flags) or "-", "audit": city.audit}


def _cell(city_dir: Path, notebook, folder: Path) -> dict:
    sign = _SIGNS.get(notebook.word, "wait")
    when = notebook.finished_at[:16].replace("T", " ")
    time = f"{when}, {notebook.seconds:.0f} s" if notebook.seconds else when  # a blocked one never started
    executed = executed_path(city_dir, notebook.notebook)
    return {
        "tag": {"sign": sign, "word": notebook.word.lower()},
        "time": time,
        "link": _link(executed, folder) if executed.exists() else "",
    }


def _troubles(city, word: str, folder: Path) -> list[dict]:
    """The notebooks of a city that ended in this way, those of one cause together, with its cure and its files."""
    causes = {}
    for notebook in city.notebooks:
        if notebook.word == word:
            error = notebook.error or {"message": notebook.reason, "section": "", "hint": f"emi run {city.city}"}
            causes.setdefault((error["message"], error["section"], error["hint"]), []).append(notebook.notebook)
    return [
        {"city": city.city, "notebooks": ", ".join(names), "word": word.lower(), "section": section, "cause": cause,
         "fix": fix, "links": _links(city.city_dir, names, folder) if word == "FAILED" else []}
        for (cause, section, fix), names in causes.items()
    ]  # fmt: skip


def _links(city_dir: Path, notebooks: list[str], folder: Path) -> list[tuple[str, str]]:
    """What the failed runs left; what lies beside a blocked notebook is of an older run."""
    files = {"half-run notebook": failed_path, "log": log_path}
    there = [(f"{nb}: {name}", path(city_dir, nb)) for nb in notebooks for name, path in files.items()]
    return [(name, _link(path, folder)) for name, path in there if path.exists()]


def _link(path: Path, folder: Path) -> str:
    """An address of a file as seen from the page; whole where it lies on another drive."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.resolve().as_uri()
