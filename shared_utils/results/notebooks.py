"""The notebooks of a city and the files that belong to each: declared here, read everywhere."""

from pathlib import Path

# In the order they run inside a city.
NOTEBOOKS = {"baseline": "01_baseline", "monitoring": "02_monitoring", "impact": "03_impact"}


def source_path(city_dir: Path, notebook: str) -> Path:
    """The notebook people edit."""
    return Path(city_dir) / "notebooks" / f"{NOTEBOOKS[notebook]}.ipynb"


def executed_path(city_dir: Path, notebook: str) -> Path:
    """The executed notebook of the last good run."""
    return _internal(city_dir) / f"{NOTEBOOKS[notebook]}.ipynb"


def failed_path(city_dir: Path, notebook: str) -> Path:
    """The half-run notebook of a failed run; removed by the next good one."""
    return _internal(city_dir) / f"{NOTEBOOKS[notebook]}.failed.ipynb"


def log_path(city_dir: Path, notebook: str) -> Path:
    """What the kernel and papermill said, and the full error of a failed run."""
    return _internal(city_dir) / f"{NOTEBOOKS[notebook]}.log"


def state_path(city_dir: Path, notebook: str) -> Path:
    """How the last run of `emi run` ended, and from which inputs."""
    return _internal(city_dir) / f"state_{notebook}.json"


def lock_path(city_dir: Path) -> Path:
    """Says which batch is working on the city."""
    return _internal(city_dir) / "batch.lock"


def _internal(city_dir: Path) -> Path:
    return Path(city_dir) / "outputs" / "internal"
