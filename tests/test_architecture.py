"""The house holds: who may import whom, what loads light, and what must never be written into a file."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "shared_utils"
FLOORS = {
    "errors": 0,
    "conflicts": 0,
    "lean": 0,
    "spreadsheets": 0.5,
    "stats": 1,
    "disclosure": 1,
    "config": 1,
    "results": 2,
    "designs": 3,
    "data": 3,
    "sections": 4,
    "runner": 5,
    "portfolio": 5,
    "template": 5,
    "cli": 6,
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Rooms of shared_utils that a file imports, at the top or inside a function."""
    rooms = set()
    package = path.relative_to(ROOT).with_suffix("").parts
    package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            stem = ".".join(base + ([node.module] if node.module else []))
            names = [f"{stem}.{alias.name}" for alias in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("shared_utils.")}
    return rooms & set(FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down_only(path):
    own = room(path)
    if own == "__init__":
        return
    for other in imported_rooms(path) - {own}:
        assert FLOORS[other] < FLOORS[own], f"{path.relative_to(ROOT)} imports {other}, which is not below {own}"


@pytest.mark.parametrize(
    "path", [p for p in MODULES if room(p) in ("stats", "designs")], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_statistics_know_no_city(path):
    assert imported_rooms(path) <= {"errors", "stats", "designs"}


@pytest.mark.parametrize(
    "path", [p for p in MODULES if room(p) in ("runner", "portfolio")], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_runner_and_portfolio_cannot_reach_a_resident(path):
    assert not imported_rooms(path) & {"data", "designs", "sections"}


def test_only_the_writer_touches_the_truth():
    # The generator writes what the true effect is; analysis code that read it would grade its own homework.
    readers = [
        p
        for p in MODULES
        if "synthetic" not in p.parts and re.search(r"truth(\.json|/|\")", p.read_text(encoding="utf-8"))
    ]
    assert readers == []


def test_files_are_one_room_each():
    long = {
        str(p.relative_to(ROOT)): n for p in MODULES if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}


def loaded_by(code: str) -> set[str]:
    out = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return {name.split(".")[0] for name in out.stdout.split()}


@pytest.mark.parametrize(
    "code",
    [
        "import shared_utils",
        "from shared_utils.cli import main\nimport contextlib, io\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()): main(['--help'])",
    ],
    ids=["package", "help"],
)
def test_light_start(code):
    heavy = {"pandas", "numpy", "papermill", "matplotlib", "statsmodels", "pydantic", "jupyter_core"}
    assert not loaded_by(code) & heavy


@pytest.mark.parametrize("asked", [["check", "--quiet"], ["format", "--check", "--quiet"]], ids=" ".join)
def test_style(asked):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *asked, "."], cwd=ROOT, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout


def tracked_text():
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True
    ).stdout
    for name in filter(None, names.split("\0")):
        path = ROOT / name
        if path.is_file() and path.suffix not in (".png", ".xlsx", ".parquet"):
            yield name, path.read_text(encoding="utf-8")


def test_no_registry_address_and_no_machine_path_in_any_file():
    address = re.compile(r"(pypi\.org|pythonhosted|registry\.npmjs|deb\.debian)|--(extra-)?index-url[= ]", re.I)
    machine = re.compile(r"(?<![\w.:/])/(root|work|home|farm)/[A-Za-z]")
    here = "tests/test_architecture.py"
    bad = [name for name, text in tracked_text() if name != here and (address.search(text) or machine.search(text))]
    assert bad == []


def test_lock_is_hashed_and_dev_adds_only():
    def names(file):
        return re.findall(r"^([\w.\-]+)==", (ROOT / file).read_text(encoding="utf-8"), re.M)

    runtime, dev = names("requirements.txt"), names("requirements-dev.txt")
    assert len(runtime) > 100 and len(set(runtime) & set(dev)) == 0
    for file in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / file).read_text(encoding="utf-8")
        blocks = re.split(r"^(?=[\w.\-]+==)", text, flags=re.M)
        assert all("--hash=sha256:" in block for block in blocks if block.strip())
