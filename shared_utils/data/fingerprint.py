"""What intake depends on, as one hash: raw files, mappings, settings and this code. No pandas here.

It hashes content, not dates of files: a file saved again without a change starts nothing.
"""

import hashlib
import json
from pathlib import Path

from shared_utils.config import CityConfig
from shared_utils.errors import EmiError

ROOM = Path(__file__).parent
SETTINGS = ("city", "pilot", "data", "design", "outcomes", "covariates", "privacy")


def data_root(city_dir: Path, config: CityConfig) -> Path:
    """Return data/private (mode city) or data/synthetic."""
    return Path(city_dir) / "data" / ("private" if config.data.mode == "city" else "synthetic")


def raw_files(root: Path) -> list[Path]:
    """Return the files below raw/ in name order, without Excel's `~$` lock files and hidden files."""
    found = (root / "raw").rglob("*") if (root / "raw").is_dir() else ()
    return sorted(p for p in found if p.is_file() and not p.name.startswith(("~$", ".")))


def fingerprint(city_dir: Path, config: CityConfig) -> str:
    """Return the hash of everything the linked tables of a city are made from."""
    city_dir = Path(city_dir)
    root = data_root(city_dir, config)
    mappings = sorted((city_dir / "mappings").glob("*.y*ml"))
    settings = config.model_dump(mode="json", by_alias=True, include=set(SETTINGS))
    parts = [
        json.dumps(settings, sort_keys=True),
        code("*.py"),
        *(hash_file(path, city_dir) for path in (*mappings, *raw_files(root))),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def code(pattern: str) -> str:
    """Return the hash of this room's own files that match, so that new code makes new tables."""
    parts = [hash_file(path, ROOM) for path in sorted(ROOM.glob(pattern))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def hash_file(path: Path, base: Path) -> str:
    """Return "<path below base> <sha256>"."""
    try:
        with path.open("rb") as content:
            return f"{path.relative_to(base).as_posix()} {hashlib.file_digest(content, 'sha256').hexdigest()}"
    except PermissionError:
        raise EmiError(f"{path.name} is open in Excel.", "Close it and run again.") from None
