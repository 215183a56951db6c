"""What a city writes by hand about its results: lessons.yaml and plan/decision.yaml."""

from pathlib import Path

from shared_utils.config import yaml12
from shared_utils.errors import EmiError, nearest

LESSON_TYPES = (
    "implementation",
    "recruitment",
    "data",
    "partnership",
    "equity",
    "measurement",
    "cost",
    "covid",
)
LESSON_KEYS = ("id", "type", "statement", "evidence", "confidence")
CONFIDENCE = ("high", "medium", "low")
MAX_WORDS = 40
DECISION_KEYS = ("decision", "reason", "date", "decided_by_role", "reanalysis")


class CityFileError(EmiError):
    """A hand-written file that does not say what it should."""


def lessons(city_dir: Path) -> list[dict]:
    """Entries of lessons.yaml, checked; [] when there are none. Raises CityFileError naming the entry."""
    content = _read(Path(city_dir) / "lessons.yaml") or {}
    entries = content.get("lessons") if isinstance(content, dict) else None
    if entries is None:
        entries = []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise CityFileError("lessons.yaml must hold one list named 'lessons'.", "See the example in the file.")
    for i, entry in enumerate(entries, start=1):
        _check_lesson(entry, f"lessons.yaml, lesson {i}")
    return entries


def decision(city_dir: Path) -> dict:
    """What the city decided after reading the results: keys of DECISION_KEYS, None where nothing is
    written."""
    content = _read(Path(city_dir) / "plan" / "decision.yaml") or {}
    if not isinstance(content, dict):
        raise CityFileError("plan/decision.yaml must hold keys and values.", f"Keys: {', '.join(DECISION_KEYS)}.")
    for key in content:
        if key not in DECISION_KEYS:
            near = nearest(key, DECISION_KEYS)
            raise CityFileError(
                f"plan/decision.yaml has an unknown key '{key}'.{near}", f"Keys: {', '.join(DECISION_KEYS)}."
            )
    return {key: content.get(key) for key in DECISION_KEYS}


def _read(path: Path):
    return yaml12.load(path)[0] if path.exists() else None


def _check_lesson(entry: dict, place: str) -> None:
    missing = [key for key in LESSON_KEYS if not entry.get(key)]
    if missing:
        raise CityFileError(f"{place} lacks {', '.join(missing)}.", f"Each lesson needs {', '.join(LESSON_KEYS)}.")
    for key, allowed in (("type", LESSON_TYPES), ("confidence", CONFIDENCE)):
        if entry[key] not in allowed:
            near = nearest(entry[key], allowed)
            raise CityFileError(f"{place}: {key} is '{entry[key]}'.{near}", f"It may be {', '.join(allowed)}.")
    words = len(str(entry["statement"]).split())
    if words > MAX_WORDS:
        raise CityFileError(f"{place}: the statement has {words} words.", f"Say it in at most {MAX_WORDS}.")
