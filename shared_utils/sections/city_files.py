"""What a city writes by hand about its results: lessons.yaml, actions.yaml and plan/decision.yaml."""

import re
from datetime import date
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
ACTION_KEYS = ("id", "opened", "indicator", "signal", "hypothesis", "action", "owner_role", "review_month")
ENDING_KEYS = ("closed", "result")
DECISION_KEYS = ("decision", "reason", "date", "decided_by_role", "reanalysis")


class CityFileError(EmiError):
    """A hand-written file that does not say what it should."""


def lessons(city_dir: Path) -> list[dict]:
    """Entries of lessons.yaml, checked; [] when there are none. Raises CityFileError naming the entry."""
    entries = _entries(city_dir, "lessons")
    for i, entry in enumerate(entries, start=1):
        _check_lesson(entry, f"lessons.yaml, lesson {i}")
    return entries


def actions(city_dir: Path, indicators: list[str]) -> list[dict]:
    """Entries of actions.yaml, checked, with dates as dates (closed: None while open); [] when there are none.

    indicators: the ids an action may name. Raises CityFileError naming the entry.
    """
    found = enumerate(_entries(city_dir, "actions"), start=1)
    return [_checked_action(entry, f"actions.yaml, action {i}", indicators) for i, entry in found]


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


def _entries(city_dir: Path, name: str) -> list[dict]:
    """The one list a file of entries holds, under its own name."""
    content = _read(Path(city_dir) / f"{name}.yaml") or {}
    entries = content.get(name) if isinstance(content, dict) else None
    if entries is None:
        entries = []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise CityFileError(f"{name}.yaml must hold one list named '{name}'.", "See the example in the file.")
    return entries


def _checked_action(entry: dict, place: str, indicators: list[str]) -> dict:
    missing = [key for key in ACTION_KEYS if not entry.get(key)]
    if missing:
        raise CityFileError(f"{place} lacks {', '.join(missing)}.", f"Each action needs {', '.join(ACTION_KEYS)}.")
    known = (*ACTION_KEYS, *ENDING_KEYS)
    for key in entry:
        if key not in known:
            near = nearest(key, known)
            raise CityFileError(f"{place} has an unknown key '{key}'.{near}", f"Keys: {', '.join(known)}.")
    if entry["indicator"] not in indicators:
        near = nearest(str(entry["indicator"]), indicators)
        unknown = f"{place}: there is no indicator '{entry['indicator']}' in city.yml.{near}"
        raise CityFileError(unknown, f"It may be {', '.join(indicators)}.")
    if not re.fullmatch(r"[^@\d]+", str(entry["owner_role"])):
        raise CityFileError(f"{place}: owner_role is '{entry['owner_role']}'.", "Write a role, such as Intake lead.")
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", str(entry["review_month"])):
        raise CityFileError(f"{place}: review_month is '{entry['review_month']}'.", 'Write it as "2020-03".')
    closed = entry.get("closed")
    return {
        **dict.fromkeys(ENDING_KEYS),
        **entry,
        "opened": _day(entry["opened"], f"{place}: opened"),
        "closed": closed and _day(closed, f"{place}: closed"),
    }


def _day(text, place: str) -> date:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise CityFileError(f"{place} is '{text}', which is not a date.", 'Write it as "2020-01-14".') from None


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
