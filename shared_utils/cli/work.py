"""What workers do for commands: functions by name, so that they can be sent to another process."""

from pathlib import Path


def prepare(city_dir: Path) -> object:
    """Make a city's data ready."""
    from shared_utils import data

    return data.prepare(city_dir)


def ready(city_dir: Path) -> None:
    """Make a city's data ready to be run. Raises Unfinished where its files are half of an update or a merge."""
    from shared_utils.template import update

    update.check_whole(city_dir)
    prepare(city_dir)


def synthesize(city_dir: Path, scenario: str | None, seed: int | None) -> int:
    """Make a city's synthetic data; returns the number of files."""
    from shared_utils import data

    return len(data.synthesize(city_dir, scenario=scenario, seed=seed))


def intake(city_dir: Path) -> object:
    """Read a city's files into the data model; returns the intake report."""
    from shared_utils import data

    return data.intake(city_dir)


def load_settings(city_dir: Path) -> None:
    """Check city.yml in full."""
    from shared_utils import config

    config.load_city(city_dir)


def lock_plan(city_dir: Path, signer_role: str) -> dict:
    """Lock a city's analysis plan; returns the lock."""
    from shared_utils.sections import plan_lock

    return plan_lock.lock(city_dir, signer_role)


def watch(city_dir: Path) -> object:
    """The scanner that knows the values of a city's private files."""
    from shared_utils.template import commit_guard

    return commit_guard.watch_of(city_dir)


def scan(city_dir: Path, history: bool) -> tuple[int, int, list]:
    """Look for identifiers; returns how many files were looked into, how many private values known, the findings."""
    from shared_utils.template import sweep

    known = watch(city_dir)
    seen, found = sweep.sweep(city_dir, known, history)
    return seen, known.size, found
