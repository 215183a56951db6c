"""Read what the cities released, and name what is missing.

Only `outputs/release` and the public settings (city.yml) of a city are opened: this room cannot show what has
not been released. Numbers come from the records, words (labels, titles) from the settings.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from shared_utils import results
from shared_utils.config import ConfigError, load_city, load_portfolio
from shared_utils.errors import EmiError
from shared_utils.results import freshness
from shared_utils.results.notebooks import NOTEBOOKS, source_path

STALE_AFTER_DAYS = 45
MOVED = {  # provenance of a record -> what to tell the public when it is not so any more
    "config_sha256": "the settings changed",
    "notebook_sha256": "the notebook was edited",
    "vendored_sha256": "the shared code was updated",
}


@dataclass(frozen=True)
class Step:
    """One notebook of a city. `record` is there only when its numbers may be shown.

    state: done, stale (done, but its settings, notebook or code changed since: `moved` says which), late (done, but on
    old data), blinded (run, results hidden until the data lock), failed (the record says its run did not finish),
    edited (record or page is not what was released), unreadable, missing
    """

    notebook: str
    state: str
    record: dict | None = None
    page: Path | None = None
    moved: tuple[str, ...] = ()

    @property
    def shown(self) -> bool:
        """Whether its results may be printed (with a word when they are late or stale)."""
        return self.state in ("done", "stale", "late")

    @property
    def as_of(self) -> date | None:
        return date.fromisoformat(self.record["run"]["as_of"][:10]) if self.record else None


@dataclass(frozen=True)
class City:
    """A city with whatever it released. `config` is None when its settings cannot be read."""

    folder: Path
    key: str
    name: str
    state: str
    slug: str
    domain: str
    title: str
    config: object
    steps: dict[str, Step]

    def record(self, notebook: str) -> dict | None:
        return self.steps[notebook].record

    @property
    def records(self) -> list[dict]:
        return [step.record for step in self.steps.values() if step.record]

    @property
    def watermark(self) -> str:
        """The synthetic-data line, when any of the city's numbers are synthetic."""
        marks = [results.watermark(record, self.name) for record in self.records]
        return next((mark for mark in marks if mark), "")

    @property
    def audited(self) -> bool:
        """True when something was released; a record that did not pass its audit is not read (results.read)."""
        return bool(self.records) and all(record["disclosure"]["audit_passed"] for record in self.records)

    def outcome(self, outcome_id: str) -> str:
        """The plain name of an outcome."""
        return self._label(getattr(self.config, "outcomes", ()), outcome_id)

    def indicator(self, indicator_id: str) -> str:
        """The plain name of an indicator."""
        return self._label(getattr(self.config, "indicators", ()), indicator_id)

    def declared_indicator(self, indicator_id: str):
        """The indicator as city.yml declares it; None when the settings cannot be read or do not have it."""
        return next((item for item in getattr(self.config, "indicators", ()) if item.id == indicator_id), None)

    def arm(self, arm: str) -> str:
        """The plain name of a group that is compared."""
        labels = getattr(getattr(self.config, "design", None), "arm_labels", None) or {}
        return labels.get(arm) or in_words(arm)

    def _label(self, declared, wanted: str) -> str:
        return next((item.label for item in declared if item.id == wanted), "") or in_words(wanted)


@dataclass(frozen=True)
class Portfolio:
    """All cities in alphabetical order, and what was wrong with their files, in words."""

    title: str
    subtitle: str
    cities: tuple[City, ...]
    messages: tuple[str, ...]


class CollectError(EmiError):
    """A workspace without a city."""


def collect(workspace: Path) -> Portfolio:
    """Read the cities below `workspace` (all of a portfolio, or the one city that lives there)."""
    workspace = Path(workspace)
    settings = load_portfolio(workspace)
    messages: list[str] = []
    cities = [_city(folder, messages) for folder in city_folders(workspace, settings.cities)]
    cities = _mark_late(cities)
    _refuse_twins(cities)
    ordered = tuple(sorted(cities, key=lambda city: (city.name.casefold(), city.slug)))
    return Portfolio(settings.title, settings.subtitle, ordered, tuple(messages))


def collect_city(folder: Path) -> City:
    """Read what one city released and its settings."""
    return _city(Path(folder), [])


def city_folders(workspace: Path, below: str = "cities") -> list[Path]:
    """The folders of cities: every one with settings or a release, so that none is dropped without a word."""
    if (workspace / "city.yml").exists():
        return [workspace]
    parent = workspace / below
    found = [folder for folder in sorted(parent.iterdir()) if _is_city(folder)] if parent.is_dir() else []
    if not found:
        raise CollectError(f"There is no city in {parent.name}.", "Make one with:  emi new")
    return found


def in_words(name: str) -> str:
    """A code as words: "employed_q2" is "Employed q2"."""
    words = str(name).replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _is_city(folder: Path) -> bool:
    return (folder / "city.yml").is_file() or (folder / "outputs" / "release").is_dir()


def _city(folder: Path, messages: list[str]) -> City:
    config = _settings(folder, messages)
    stale_after = config.data.timeliness.stale_after_days if config else STALE_AFTER_DAYS
    now = {**_code_now(folder), "config_sha256": f"sha256:{config.sha256}" if config else None}
    steps = {notebook: _step(folder, notebook, stale_after, now, messages) for notebook in NOTEBOOKS}
    known = next((step.record["city"] for step in steps.values() if step.record), {})
    if config:
        known = {
            "key": config.city.key,
            "name": config.city.name,
            "state": config.city.state,
            "slug": config.pilot.slug,
            "domain": config.pilot.domain,
            **known,
        }
    return City(
        folder=folder,
        key=known.get("key", folder.name),
        name=known.get("name") or in_words(folder.name.replace("-", " ")),
        state=known.get("state", ""),
        slug=known.get("slug", folder.name),
        domain=known.get("domain", ""),
        title=config.pilot.title if config else "",
        config=config,
        steps=steps,
    )


def _settings(folder: Path, messages: list[str]):
    try:
        return load_city(folder)
    except (ConfigError, OSError) as error:
        messages.append(f"{folder.name}: city.yml cannot be read; labels are made from codes. {error}")
        return None


def _step(folder: Path, notebook: str, stale_after: int, now: dict, messages: list[str]) -> Step:
    path = results.release_path(folder, notebook)
    if not path.exists():
        messages.append(f"{folder.name}: no released {notebook} results.")
        return Step(notebook, "missing")
    try:
        record = results.read(path)
    except results.RecordError as error:
        messages.append(f"{folder.name}: {error.message}")
        return Step(notebook, "unreadable")
    if record["disclosure"]["level"] == "internal":
        messages.append(f"{folder.name}: {path.name} is an internal record in the release folder; it is not shown.")
        return Step(notebook, "unreadable")
    if record["run"]["status"] != "ok":
        messages.append(f"{folder.name}: the {notebook} run ended '{record['run']['status']}'.")
        return Step(notebook, "failed")
    page = results.page_path(folder, notebook)
    if results.edited(record, page.read_text(encoding="utf-8") if page.exists() else None):
        messages.append(
            f"{folder.name}: {path.name} or {page.name} was edited after its release; nothing of it is shown. "
            f"To release it again:  emi run {folder.name} -n {notebook} --force"
        )
        return Step(notebook, "edited")
    state = "blinded" if record["run"]["blind"] and notebook == "impact" else "done"
    age = record["quality"].get("data_age_days")
    if state == "done" and notebook == "monitoring" and age is not None and age > stale_after:
        state = "late"
    moved = () if state == "blinded" else _moved(record, now | {"notebook_sha256": _notebook_now(folder, notebook)})
    if moved:
        state = "stale"
        messages.append(f"{folder.name}: the {notebook} results are stale: {', '.join(moved)}.")
    return Step(notebook, state, record, page if page.exists() else None, moved)


def _moved(record: dict, now: dict) -> tuple[str, ...]:
    """What is no longer as it was when the record was made, in words; what cannot be read now is not compared."""
    made = record["provenance"] | record["provenance"]["code"]
    return tuple(words for part, words in MOVED.items() if now.get(part) and made.get(part) and now[part] != made[part])


def _notebook_now(folder: Path, notebook: str) -> str | None:
    try:
        return f"sha256:{freshness.notebook_sha(source_path(folder, notebook))}"
    except (OSError, ValueError, KeyError):
        return None


def _code_now(folder: Path) -> dict[str, str]:
    """The hash of the city's shared code, under the name it has in a record's provenance."""
    manifest = folder / "shared_utils" / "VENDORED.json"
    if not manifest.is_file():
        return {}
    return {"vendored_sha256": f"sha256:{hashlib.sha256(manifest.read_bytes()).hexdigest()}"}


def _mark_late(cities: list[City]) -> list[City]:
    """A monitoring run much older than the newest one is late. No clock: the page is the same tomorrow."""
    dates = [city.steps["monitoring"].as_of for city in cities if city.record("monitoring")]
    newest = max(dates, default=None)
    for city in cities:
        step = city.steps["monitoring"]
        if step.state == "done" and newest - step.as_of > timedelta(days=STALE_AFTER_DAYS):
            city.steps["monitoring"] = Step(step.notebook, "late", step.record, step.page)
    return cities


def _refuse_twins(cities: list[City]) -> None:
    by_slug: dict[str, City] = {}
    for city in cities:
        other = by_slug.setdefault(city.slug, city)
        if other is not city:
            raise CollectError(
                f"The cities in {other.folder.name} and {city.folder.name} have the same slug '{city.slug}'.",
                "Change pilot.slug in one city.yml.",
            )
