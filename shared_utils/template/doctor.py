"""Is this computer, and this repository, ready? One line a check, each with what to do when it is not."""

import importlib.metadata
import importlib.util
import json
import locale
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from shared_utils.template import guards, sweep, vendoring

OLDEST_PYTHON = (3, 11)
# The longest file of a JupyterLab environment lies 166 characters below its root; Windows stops at 260.
LONGEST_ROOT = 90
SETUP = "python bootstrap.py setup"


@dataclass(frozen=True)
class Check:
    """One answer of the doctor. `fix` is the one thing to do, "" when `ok`."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


def checks(path: Path) -> list[Check]:
    """Return the checks of the computer, then of `path`: a city's folder or a workspace with cities/."""
    path = path.resolve()
    found = [_python(), _packages(path), _utf8(), _kernel(), _path_length(path)]
    return found + [check for city in cities_in(path) for check in (_guarded(city), _vendored(city))]


def cities_in(path: Path) -> list[Path]:
    """The city whose folder this is, or the cities of a workspace."""
    inside = "city.yml" if (path / "city.yml").is_file() else "cities/*/city.yml"
    return [settings.parent for settings in sorted(path.glob(inside))]


def mend(path: Path) -> None:
    """Install in each city under git what protects its repository on this computer."""
    for city in cities_in(path.resolve()):
        if guards.is_own_repository(city):
            guards.install(city)


def _check(name: str, ok: bool, detail: str, fix: str) -> Check:
    return Check(name, ok, detail, "" if ok else fix)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return _check(
        "Python",
        sys.version_info >= OLDEST_PYTHON,
        version,
        f"Install Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer, then:  {SETUP}",
    )


def _packages(path: Path) -> Check:
    """Installed packages against requirements.txt of the folder or of the nearest one above it."""
    lock = next(
        (folder / "requirements.txt" for folder in (path, *path.parents) if (folder / "requirements.txt").is_file()),
        None,
    )
    if lock is None:
        return Check("packages", False, "requirements.txt is missing", "Restore it:  git checkout -- requirements.txt")
    if importlib.util.find_spec("packaging") is None:
        return Check("packages", False, "the pinned packages are not installed", SETUP)
    pinned = _pinned(lock.read_text(encoding="utf-8"))
    installed = {_canonical(found.name): found.version for found in importlib.metadata.distributions()}
    wrong = [
        f"{name} {installed.get(name, 'missing')} instead of {version}"
        for name, version in pinned.items()
        if installed.get(name) != version
    ]
    shown = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
    return _check("packages", not wrong, shown or f"{len(pinned)} as pinned", SETUP)


def _pinned(lock: str) -> dict[str, str]:
    """Name and version of each pin that applies to this Python and system."""
    from packaging.requirements import Requirement

    lines = re.findall(r"^([A-Za-z0-9][^\\\n]*==[^\\\n]*)", lock, re.MULTILINE)
    pins = (Requirement(line.strip()) for line in lines)
    return {
        _canonical(pin.name): next(iter(pin.specifier)).version
        for pin in pins
        if pin.marker is None or pin.marker.evaluate()
    }


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _utf8() -> Check:
    encoding = "utf-8" if sys.flags.utf8_mode else locale.getencoding()
    fix = (
        "Type  setx PYTHONUTF8 1  and open a new terminal."
        if os.name == "nt"
        else "Choose a UTF-8 locale, for example:  export LANG=C.UTF-8"
    )
    return _check("UTF-8", encoding.lower().replace("-", "") == "utf8", encoding, fix)


def _kernel() -> Check:
    """The kernel python3 must be this Python's own, or notebooks see other packages than the terminal."""
    spec = Path(sys.prefix) / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    if importlib.util.find_spec("ipykernel") is None or not spec.is_file():
        return Check("kernel python3", False, "not installed for this Python", SETUP)
    program = json.loads(spec.read_text(encoding="utf-8"))["argv"][0]
    # A bare name means "the Python that starts Jupyter"; a full path breaks when the folder is moved.
    return _check(
        "kernel python3", shutil.which(program) is not None, program, f"Delete the folder .venv, then:  {SETUP}"
    )


def _path_length(path: Path) -> Check:
    length = len(str(path))
    ok = os.name != "nt" or length <= LONGEST_ROOT or _windows_takes_long_paths()
    return _check(
        "path length",
        ok,
        f"{length} characters (Windows: at most {LONGEST_ROOT})",
        r"Move this folder to a short path such as C:\pilot, outside OneDrive and Downloads.",
    )


def _windows_takes_long_paths() -> bool:
    import winreg

    key = winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem")
    try:
        return winreg.QueryValueEx(key, "LongPathsEnabled")[0] == 1
    except FileNotFoundError:
        return False


def _guarded(city: Path) -> Check:
    """Without these a commit may hold residents' data, and git merges notebooks into files Jupyter cannot open."""
    name = f"git of {city.name}"
    if shutil.which("git") is None:
        return Check(name, True, "git is not on this computer")
    if not guards.is_own_repository(city):
        return Check(name, True, "not a git repository of its own")
    try:
        found = guards.missing(city)
    except sweep.GitError as error:
        return Check(name, False, error.message, error.hint)
    detail = f"missing: {', '.join(found)}" if found else "commits are checked, notebooks merged cell by cell"
    return _check(name, not found, detail, guards.NEED)


def _vendored(city: Path) -> Check:
    found = vendoring.check(city)
    if not found:
        return Check(f"shared code of {city.name}", True, "as copied from the template")
    more = f" ({len(found) - 1} more)" if len(found) > 1 else ""
    problem, _, fix = found[0].partition(". ")
    return Check(f"shared code of {city.name}", False, problem + more, fix)
