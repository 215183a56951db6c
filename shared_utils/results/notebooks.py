"""The notebooks of a city and the files that belong to each: declared here, read everywhere.

Monitoring can be run again for a month as it then stood. Such a run is called "monitoring 2019-12"; its files lie in a
folder of that month and never leave the city, so that the report of now stays the one that is shown.
"""

from pathlib import Path

INTERNAL = "outputs/internal"
# In the order they run inside a city.
NOTEBOOKS = {"baseline": "01_baseline", "monitoring": "02_monitoring", "impact": "03_impact"}
MONTHLY = "monitoring"


def of_month(month: str) -> str:
    """The name of the monitoring run of a month ("2019-12") as it then stood."""
    return f"{MONTHLY} {month}"


def name(notebook: str) -> str:
    """The notebook that a run is of: "monitoring" of "monitoring 2019-12"."""
    return notebook.partition(" ")[0]


def month_of(notebook: str) -> str:
    """The month of such a run, "" for a notebook as it stands now."""
    return notebook.partition(" ")[2]


def out_dir(notebook: str) -> str:
    """The folder of a notebook's files, as seen from the city's folder."""
    month = month_of(notebook)
    return f"{INTERNAL}/history/{month}" if month else INTERNAL


def source_path(city_dir: Path, notebook: str) -> Path:
    """The notebook people edit."""
    return Path(city_dir) / "notebooks" / f"{_stem(notebook)}.ipynb"


def executed_path(city_dir: Path, notebook: str) -> Path:
    """The executed notebook of the last good run."""
    return Path(city_dir, out_dir(notebook)) / f"{_stem(notebook)}.ipynb"


def failed_path(city_dir: Path, notebook: str) -> Path:
    """The half-run notebook of a failed run; removed by the next good one."""
    return Path(city_dir, out_dir(notebook)) / f"{_stem(notebook)}.failed.ipynb"


def log_path(city_dir: Path, notebook: str) -> Path:
    """What the kernel and papermill said, and the full error of a failed run."""
    return Path(city_dir, out_dir(notebook)) / f"{_stem(notebook)}.log"


def state_path(city_dir: Path, notebook: str) -> Path:
    """How the last run of `emi run` ended, and from which inputs."""
    return Path(city_dir, out_dir(notebook)) / f"state_{name(notebook)}.json"


def lock_path(city_dir: Path) -> Path:
    """Says which batch is working on the city."""
    return Path(city_dir, INTERNAL) / "batch.lock"


def _stem(notebook: str) -> str:
    return NOTEBOOKS[name(notebook)]
