"""The ten cities every test of the template makes, and small tools to compare and commit folders."""

import subprocess
from pathlib import Path

from shared_utils.config import PRESETS

ROOT = Path(__file__).resolve().parents[2]

# A city that has no preset, with a name that no ASCII-only tool would survive.
OTHER = {
    "city": "other",
    "city_name": "Cañon City",
    "state": "CO",
    "city_slug": "canon-city-savings",
    "program_title": "O'Fallon's 50% match: savings",
    "domain": "savings",
    "design": "rct_individual",
    "start_date": "2024-01-01",
    "end_date": "2025-06-30",
}
CITIES = {**{key: {"city": key} for key in PRESETS}, "other": OTHER}


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every path below `folder` with its bytes; None for a folder. What git and cruft keep is left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if not {".git", ".cruft.json"} & set(path.relative_to(folder).parts)
    }


def git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=folder, capture_output=True, text=True, encoding="utf-8", check=True
    ).stdout


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    person = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    git(folder, *person, "commit", "--quiet", "-m", message)
