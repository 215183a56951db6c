"""What a commit does to an analyst's code by itself: results leave the notebooks, code gets its common form.

Only files that git would commit as they lie in the folder are touched, so half of a file that somebody staged by hand
stays half. The checks that refuse a commit are in commit_guard.py.
"""

import subprocess
import sys
from pathlib import Path, PurePosixPath

# Ids of cells stay (updates are merged by them), and so does the kernel's name, which papermill needs.
STRIP = (
    "nbstripout",
    "--keep-id",
    "--extra-keys",
    "metadata.language_info.version metadata.papermill cell.metadata.papermill cell.metadata.execution",
)
# Options are here and not in a city's pyproject.toml, which may be older or its own. Only errors that stop code count.
FORMAT = ("ruff", "format", "--line-length=120")
_QUIET = ("--isolated", "--no-cache", "--quiet")
CHECK = ("ruff", "check", "--select=E9,F63,F7,F82", "--output-format=concise", *_QUIET)
CODE = ("notebooks", "city_code")
SCRATCH = "notebooks/scratch"


def tidy(city_dir: Path, names: list[str]) -> list[str]:
    """Strip and format the files of a commit, stage them again; returns the names of those that changed."""
    whole = [name for name in names if _is_whole(city_dir, name)]
    before = {name: (city_dir / name).read_bytes() for name in whole}
    stripped = [name for name in whole if name.endswith(".ipynb")]
    if stripped:
        run(city_dir, STRIP, *stripped)
    formatted = [name for name in whole if is_code(name)]
    if formatted:
        run(city_dir, (*FORMAT, *_QUIET), *formatted)
    changed = [name for name in whole if (city_dir / name).read_bytes() != before[name]]
    if changed:
        subprocess.run(["git", "add", "--", *changed], cwd=city_dir, check=True)
    return changed


def code_problems(city_dir: Path, name: str, content: bytes) -> list[str]:
    """Return what would stop the code of a file, or that it has not its common form; [] when all is well."""
    if not is_code(name):
        return []
    stdin = ("--stdin-filename", name, "-")
    checked = run(city_dir, CHECK, *stdin, content=content)
    if checked.returncode:
        said = (checked.stdout or checked.stderr).decode("utf-8", "replace").strip().splitlines()
        return [f"{said[0] if said else name} would stop the code. Correct it, then:  git add {name}"]
    if run(city_dir, (*FORMAT, *_QUIET, "--check"), *stdin, content=content).returncode:
        return [f"{name} is not in the common form. Type:  {' '.join(FORMAT)} {name}   then:  git add {name}"]
    return []


def is_code(name: str) -> bool:
    """True for notebooks and modules of the city, not for an analyst's scratch paper."""
    path = PurePosixPath(name)
    own = any(path.is_relative_to(folder) for folder in CODE) and not path.is_relative_to(SCRATCH)
    return own and path.suffix in (".py", ".ipynb")


def run(city_dir: Path, program: tuple, *words: str, content: bytes | None = None) -> subprocess.CompletedProcess:
    """Run a program of this Python, whatever is on the path."""
    return subprocess.run(
        [sys.executable, "-m", *program, *words], cwd=city_dir, input=content, capture_output=True, check=False
    )


def _is_whole(city_dir: Path, name: str) -> bool:
    """True when the file in the folder is what git would commit."""
    if not name.endswith((".ipynb", ".py")) or not (city_dir / name).is_file():
        return False
    return subprocess.run(["git", "diff", "--quiet", "--", name], cwd=city_dir).returncode == 0
