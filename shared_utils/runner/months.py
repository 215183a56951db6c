"""Which earlier months a city's monitoring is run for again, each as it then stood (standard library only)."""

import calendar
import datetime
from pathlib import Path

from shared_utils.results import freshness
from shared_utils.results.notebooks import of_month, out_dir


def earlier_runs(city_dir: Path, months: int, parameters: dict) -> dict[str, dict]:
    """{name: parameters} of the monitoring runs before the one of now, oldest first: `months` with the one of now.

    A month is seen from its last day. No month before the pilot's start is run, and none where city.yml does not say
    when the pilot was: reading the settings in full says what is wrong with them.
    """
    try:
        now, start = _now(city_dir, parameters.get("as_of")), _peeked(city_dir, "start")
    except ValueError:
        return {}
    first = max(_number(now) - months + 1, _number(start))
    found = {}
    for number in range(first, _number(now)):
        year, month = number // 12, number % 12 + 1
        last = datetime.date(year, month, calendar.monthrange(year, month)[1])
        run = of_month(f"{last:%Y-%m}")
        found[run] = parameters | {"as_of": last.isoformat(), "out_dir": out_dir(run)}
    return found


def _number(day: datetime.date) -> int:
    return 12 * day.year + day.month - 1


def _now(city_dir: Path, asked: object) -> datetime.date:
    """The day of the report of now: as asked, as city.yml says, else the data lock or today, whichever is first."""
    stated = str(asked or freshness.peek(city_dir, "reporting", "monitoring_as_of") or "latest")
    if stated != "latest":
        return datetime.date.fromisoformat(stated if len(stated) > 7 else f"{stated}-01")
    lock = _data_lock(city_dir)
    synthetic = freshness.peek(city_dir, "data", "mode") == "synthetic"
    return lock if synthetic else min(lock, datetime.date.today())


def _data_lock(city_dir: Path) -> datetime.date:
    if freshness.peek(city_dir, "pilot", "data_lock"):
        return _peeked(city_dir, "data_lock")
    return _peeked(city_dir, "end") + datetime.timedelta(days=31)


def _peeked(city_dir: Path, key: str) -> datetime.date:
    return datetime.date.fromisoformat(freshness.peek(city_dir, "pilot", key) or "")
