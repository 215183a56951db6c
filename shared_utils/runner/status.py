"""Where each city stands, from the states and records its runs left: no settings or data are opened."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from shared_utils.results import freshness
from shared_utils.results.notebooks import NOTEBOOKS
from shared_utils.results.record import internal_path, page_path, release_path
from shared_utils.results.seal import edited
from shared_utils.runner.plan import city_names, last_run, why

SEVERITIES = ("block", "serious", "warn")
EDITED = "edited by hand"


@dataclass(frozen=True)
class NotebookStatus:
    """`word` is ok, blinded, out of date, FAILED, blocked, stopped or never run; `reason` says why not ok.

    `seconds` is how long its last run took; `error` is how that failed (section, message, hint), if it did.
    """

    notebook: str
    word: str
    reason: str
    as_of: str
    finished_at: str
    seconds: float = 0.0
    error: dict | None = None


@dataclass(frozen=True)
class CityStatus:
    """One line of the status grid.

    `flags` counts the open flags of the city's records by severity; `audit` says whether what it released passed the
    disclosure audit: "passed", "not passed", "edited by hand" (the site shows nothing of it) or "nothing released".
    """

    city: str
    city_dir: Path
    data_mode: str
    plan: str
    notebooks: tuple[NotebookStatus, ...]
    flags: dict[str, int]
    audit: str

    def as_dict(self) -> dict:
        """For --json."""
        return asdict(self) | {"city_dir": str(self.city_dir)}


def survey(cities: list[Path]) -> list[CityStatus]:
    """The status of each city, in the order given."""
    return [_city(name, city) for city, name in city_names(cities).items()]


def _city(name: str, city_dir: Path) -> CityStatus:
    common = freshness.common_parts(city_dir)
    records = {nb: _read(internal_path(city_dir, nb)) for nb in NOTEBOOKS}
    newest = max((r for r in records.values() if r), key=lambda r: r["run"]["finished_at"], default=None)
    flags = {(f["code"], f["scope"], f["severity"]) for r in records.values() if r for f in r["flags"]}
    return CityStatus(
        city=name,
        city_dir=city_dir,
        data_mode=freshness.peek(city_dir, "data", "mode") or "unknown",
        plan=newest["plan"]["status"].replace("_", " ") if newest else "none",
        notebooks=tuple(_notebook(city_dir, nb, record, common) for nb, record in records.items()),
        flags={severity: sum(f[2] == severity for f in flags) for severity in SEVERITIES},
        audit=_audit(city_dir),
    )


def _audit(city_dir: Path) -> str:
    released = {notebook: record for notebook in NOTEBOOKS if (record := _read(release_path(city_dir, notebook)))}
    if not released:
        return "nothing released"
    if any(edited(record, _page(city_dir, notebook)) for notebook, record in released.items()):
        return EDITED
    return "passed" if all(record["disclosure"]["audit_passed"] for record in released.values()) else "not passed"


def _page(city_dir: Path, notebook: str) -> str | None:
    page = page_path(city_dir, notebook)
    return page.read_text(encoding="utf-8") if page.exists() else None


def _notebook(city_dir: Path, notebook: str, record: dict | None, common: dict) -> NotebookStatus:
    state = last_run(city_dir, notebook)
    # The last run's own parameters: a month asked for by hand is not out of date for being asked.
    reason = why(city_dir, notebook, state.get("parameters", {}), common)
    words = {"never": "never run", "failed": "FAILED", "blocked": "blocked", "stopped": "stopped"}
    word = words.get(state["status"]) or ("out of date" if reason else "ok")
    if word == "ok" and record and record["run"]["blind"]:
        word = "blinded"
    if state.get("error"):
        reason = state["error"]["message"].splitlines()[0]
    as_of = record["run"]["as_of"] if record else ""
    return NotebookStatus(
        notebook, word, reason, as_of, state.get("finished_at", ""), state.get("duration_s", 0.0), state.get("error")
    )


def _read(path: Path) -> dict | None:
    """A record as it is: the schema was checked when it was written, and checking is slow to load."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
