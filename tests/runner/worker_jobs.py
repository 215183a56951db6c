"""Functions for worker processes; light, because each worker imports this file."""

import os
import time
from pathlib import Path

from shared_utils.errors import EmiError


def prepare(city: Path) -> None:
    """Stands in for data.prepare: refuses a city whose file lacks a column."""
    if "housed" not in (city / "data/private/raw/people.csv").read_text(encoding="utf-8"):
        raise EmiError("people.csv, column D: 'housed' is missing.\nIt has 'housd'.", "Rename the column.")


def square(number: int) -> int:
    return number * number


def parent() -> int:
    return os.getppid()


def die(*_) -> None:
    os._exit(1)


def die_once(marker: Path) -> str:
    if not marker.exists():
        marker.touch()
        os._exit(1)
    return "second try"


def wait_for_ever(said: Path) -> None:
    """Say who waits, whole at once."""
    part = said.with_suffix(".part")
    part.write_text(str(os.getpid()), encoding="utf-8")
    os.replace(part, said)
    time.sleep(600)


def refuse(_) -> None:
    raise EmiError("not possible", "do this")


def environment(name: str) -> str | None:
    return os.environ.get(name)


def lock(city: Path, signer_role: str) -> None:
    (city / "plan").mkdir()
    (city / "plan" / "plan.lock.json").write_text(signer_role, encoding="utf-8")
