"""Windows by construction: nothing of POSIX alone outside guarded modules, and runs in what can be had of Windows here.

No Windows machine takes part: .github/workflows/check.yml runs everything there.
"""

import ast
import ctypes
import errno
import json
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import one_file_cities
import pytest

from shared_utils.config import load_city, yaml12
from shared_utils.data import intake, mapping, store
from shared_utils.errors import EmiError
from shared_utils.results import folders, freshness
from shared_utils.results.fragment import ReleaseError
from shared_utils.runner import locks, memory
from shared_utils.runner.plan import declared_parameters
from shared_utils.sections import city_files, plan_lock
from shared_utils.template import doctor, vendoring
from shared_utils.template.new import create

ROOT = Path(__file__).resolve().parent.parent
FAKE = ROOT / "tests" / "fake_windows"
SOURCES = sorted(
    path
    for place in ("shared_utils", "hooks", "docs", "{{cookiecutter.city_slug}}", "bootstrap.py")
    for path in ([ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py"))
)

MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}
FUNCTIONS = {
    "os.chown", "os.fork", "os.forkpty", "os.getegid", "os.geteuid", "os.getgid", "os.getloadavg", "os.getpgid",
    "os.getuid", "os.kill", "os.killpg", "os.mkfifo", "os.nice", "os.posix_spawn", "os.rename", "os.sched_getaffinity",
    "os.setpgid", "os.setsid", "os.statvfs", "os.sysconf", "os.uname", "os.WNOHANG", "select.poll", "select.select",
    "signal.SIGALRM", "signal.SIGCHLD", "signal.SIGHUP", "signal.SIGIO", "signal.SIGKILL", "signal.SIGUSR1",
    "signal.alarm", "signal.pthread_sigmask", "signal.set_wakeup_fd", "signal.setitimer", "socket.AF_UNIX",
}  # fmt: skip
KEYWORDS = {"executable", "pass_fds", "preexec_fn", "process_group", "shell", "start_new_session", "umask"}
PLACES = ("/dev/", "/etc/", "/home/", "/opt/", "/proc/", "/sys/", "/tmp", "/usr/", "/var/")
# Where they may stand, and what keeps Windows away from them. Nothing else of them may come in there either.
GUARDED = {
    "shared_utils/data/store.py": {"fcntl"},  # msvcrt where the import fails
    "shared_utils/runner/executors.py": {"signal.pthread_sigmask"},  # where signal has it
    "shared_utils/runner/locks.py": {"os.kill"},  # os.name
    "shared_utils/runner/memory.py": {"/proc/", "/sys/"},  # where they exist
    "shared_utils/disclosure/scan.py": {"/home/"},  # the pattern of somebody's folder
    # Warm kernels: only where warm.CAN_FORK
    "shared_utils/runner/warm/__init__.py": {"pass_fds", "socket.AF_UNIX", "start_new_session"},
    "shared_utils/runner/warm/provisioner.py": {
        "os.kill", "os.killpg", "select.select", "signal.SIGKILL", "socket.AF_UNIX",
    },
    "shared_utils/runner/warm/server.py": {
        "fcntl", "os.WNOHANG", "os.fork", "os.kill", "os.killpg", "os.setsid", "select.select", "signal.SIGCHLD",
        "signal.SIGIO", "signal.SIGKILL", "signal.pthread_sigmask", "signal.set_wakeup_fd",
    },
}  # fmt: skip


ALL = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCES
    if path.is_relative_to(ROOT / "shared_utils") and path.name != "__main__.py"
]


def of_posix(source: str) -> set[str]:
    """What of a source Windows has not, or does otherwise."""
    return {name for node in ast.walk(ast.parse(source)) for name in _named(node)}


def _named(node: ast.AST):
    if isinstance(node, ast.Import):
        yield from MODULES & {alias.name.split(".")[0] for alias in node.names}
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield from MODULES & {node.module.split(".")[0]}
        yield from FUNCTIONS & {f"{node.module}.{alias.name}" for alias in node.names}
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        yield from FUNCTIONS & {f"{node.value.id}.{node.attr}"}
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from (place for place in PLACES if node.value.startswith(place))
    elif isinstance(node, ast.Call):
        yield from _of_call(node)


def _of_call(call: ast.Call):
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given = {word.arg for word in call.keywords}
    if name in ("run", "Popen", "call", "check_output", "check_call"):
        yield from KEYWORDS & given
        if given & {"text", "universal_newlines"} and "encoding" not in given:
            yield f"{name}(text=True) without encoding"
    # Path.rename fails there when the name is taken; rename("kind") names a column.
    if name == "rename" and len(call.args) == 1 and not given and not isinstance(call.args[0], ast.Constant):
        yield "Path.rename"
    if name == "strftime" and any("%-" in str(getattr(word, "value", "")) for word in call.args):
        yield "strftime('%-d')"


def test_what_only_posix_has_stands_in_guarded_modules_alone():
    found = {path.relative_to(ROOT).as_posix(): of_posix(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert len(found) > 250
    assert {name: calls for name, calls in found.items() if calls} == GUARDED


def test_what_programs_print_is_read_in_a_stated_encoding_by_the_tests_too():
    tests = {path.name: of_posix(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob("*.py")}
    assert {name for name, calls in tests.items() if any("encoding" in call for call in calls)} <= {Path(__file__).name}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import fcntl", "fcntl"),
        ("from os import fork", "os.fork"),
        ("import os\nos.rename(a, b)", "os.rename"),
        ("part.rename(target)", "Path.rename"),
        ("run(words, text=True)", "run(text=True) without encoding"),
        ("subprocess.run(words, shell=True)", "shell"),
        ("open('/proc/meminfo', encoding='ascii')", "/proc/"),
        ("day.strftime('%B %-d')", "strftime('%-d')"),
    ],
)
def test_the_search_finds(source, name):
    assert of_posix(source) == {name}


def test_the_search_lets_pass_what_windows_has():
    lines = (
        "frame.rename(columns=names)",
        "kind.rename('kind')",
        "os.replace(a, b)",
        "run(w, text=True, encoding='utf-8')",
    )
    assert of_posix("\n".join(lines)) == set()


def fake(*words: str, cwd: Path) -> subprocess.CompletedProcess:
    """A Python in what can be had of Windows: tests/fake_windows, a cp1252 console, 80 columns."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(FAKE), str(ROOT)]),
        "PYTHONWARNDEFAULTENCODING": "1",
        "PYTHONIOENCODING": "cp1252",
        "PYTHONUTF8": "0",
        "COLUMNS": "80",
    }
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True, encoding="cp1252"
    )


pytestmark_fake = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the fake Windows needs Linux's /proc")


@pytestmark_fake
def test_the_fake_refuses_what_windows_refuses(tmp_path):
    code = """
import os, pathlib, sys
def refused(what, error=OSError):
    try: what()
    except error: return True
here = pathlib.Path(sys.argv[1])
old = here / "old.txt"
old.write_text("x", encoding="utf-8")
def fcntl(): import fcntl
def in_use():
    with old.open("rb"): os.replace(old, here / "new.txt")
def taken():
    with old.open("rb"): (here / "b.txt").write_text("y", encoding="utf-8"); os.replace(here / "b.txt", old)
def removed():
    with old.open("rb"): old.unlink()
print([refused(fcntl, ImportError), refused(lambda: os.fork, AttributeError), refused(in_use), refused(taken),
       refused(removed), refused(lambda: (here / "10:30.txt").write_text("x", encoding="utf-8")),
       refused(lambda: (here / "con.txt").write_text("x", encoding="utf-8")), refused(lambda: (here / "a.").mkdir())])
os.replace(old, here / "new.txt")
exec(compile("open(sys.argv[2])", "x.py", "exec"), {"__name__": "shared_utils.x", "open": open, "sys": sys})
"""
    done = fake("-c", code, str(tmp_path), str(FAKE / "sitecustomize.py"), cwd=tmp_path)
    assert done.stdout == f"{[True] * 8}\n"
    assert done.stderr.splitlines()[-1] == "EncodingWarning: 'encoding' argument not specified"


def commands(city: Path, *each: str) -> tuple[dict[str, int], subprocess.CompletedProcess]:
    """{command: exit code} of `emi` commands, all in one process of the fake Windows, and that process."""
    code = (
        "import sys\nfrom shared_utils.cli import main\n"
        "for words in sys.argv[1:]: print(f'= {words} = {main(words.split())}', flush=True)"
    )
    done = fake("-W", "ignore::EncodingWarning", "-c", code, *each, cwd=city)
    lines = [line.split(" = ") for line in done.stdout.splitlines() if line.startswith("= ")]
    return {words.removeprefix("= "): int(code) for words, code in lines}, done


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A city of one file in a folder with letters and spaces; its file name no cp1252 console can print. Read only."""
    city = one_file_cities.one_file_city(
        tmp_path_factory.mktemp("Pe\u00f1a \u0141\u00f3d\u017a"), "interrupted_time_series"
    )
    raw = city / "data" / "private" / "raw"
    (raw / "analysis.csv").rename(raw / "\u6771\u4eac.csv")
    settings = (city / "city.yml").read_text(encoding="utf-8")
    assert "raw/analysis.csv" in settings
    (city / "city.yml").write_text(settings.replace("raw/analysis.csv", "raw/\u6771\u4eac.csv"), encoding="utf-8")
    (raw / "~$\u6771\u4eac.csv").write_bytes(b"what Excel leaves while a workbook is open")
    return city


@pytestmark_fake
@pytest.mark.full
def test_commands_and_errors_there_are_what_a_cp1252_console_can_print(place, tmp_path):
    city = Path(shutil.copytree(place, tmp_path / "\u0141\u00f3d\u017a" / "alder-bay"))
    file = city / "data" / "private" / "raw" / "\u6771\u4eac.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("evictions", "Se\u00f1al\u0142", 1), encoding="utf-8")
    said, done = commands(city, "plan lock alder_bay", "status", "handover", "check", "check \u6771\u4eac")
    assert list(said.values()) == [0, 0, 0, 1, 2], done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "??.csv" in done.stdout and "Se\u00f1al?" in done.stdout
    assert "There is no city '??' here." in done.stderr


@pytestmark_fake
@pytest.mark.full
def test_every_module_loads_there(tmp_path):
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint(len(sys.argv))"
    done = fake("-W", "ignore", "-c", code, *ALL, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{len(ALL) + 1}\n"), done.stderr[-2000:]


@pytestmark_fake
@pytest.mark.full
def test_a_whole_year_of_commands_works_there(tmp_path):
    city = create(ROOT, tmp_path / "City of Pe\u00f1a", {"city": "newark"})
    words = (
        "check",
        "run",
        "scan",
        "run --dry-run",
        "data intake",
        "data template",
        "site",
        "evidence",
        "handover --zip",
    )
    said, done = commands(city, *words)
    assert said == dict.fromkeys(words, 0) and done.stderr == "", done.stdout + done.stderr
    assert "ok 3   failed 0   total 3" in done.stdout and "Kernels started the ordinary, slower way" in done.stdout
    assert [path for path in city.rglob("*") if path.name.endswith((".part", ".tmp"))] == []


# Line ends: an unpacked zip or a checkout without .gitattributes may have CR LF in every text file.


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> tuple[Path, Path]:
    """The same locked city with the line ends of LF and of CR LF. Read only."""
    unix = create(ROOT, tmp_path_factory.mktemp("unix"), {"city": "dayton"})
    plan_lock.lock(unix, "evaluation lead")
    windows = Path(shutil.copytree(unix, tmp_path_factory.mktemp("windows") / unix.name))
    for path in windows.rglob("*"):
        if path.suffix in (".py", ".yml", ".yaml", ".json", ".ipynb", ".md", ".j2", ".css", ".toml", ".txt"):
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    return unix, windows


def test_line_ends_change_nothing_that_is_checked_or_recorded(two):
    unix, windows = two
    assert (windows / "city.yml").read_bytes() != (unix / "city.yml").read_bytes()
    assert vendoring.check(windows) == []
    settings = [load_city(city) for city in two]
    assert settings[0].model_dump() == settings[1].model_dump() and settings[0].sha256 == settings[1].sha256
    status = [plan_lock.status(city, load_city(city), {}) for city in two]
    assert status[0] == status[1] and status[1].changes == [] and status[1].problems == []
    for notebook in sorted((unix / "notebooks").glob("*.ipynb")):
        twin = windows / "notebooks" / notebook.name
        assert freshness.notebook_sha(twin) == freshness.notebook_sha(notebook)
        assert declared_parameters(twin) == declared_parameters(notebook)
    assert [m.tables for m in mapping.read_all(windows)] == [m.tables for m in mapping.read_all(unix)]
    assert city_files.lessons(windows) == city_files.lessons(unix)
    assert yaml12.load(windows / "plan" / "deviations.yaml") == yaml12.load(unix / "plan" / "deviations.yaml")
    assert freshness.peek(windows, "data", "mode") == "synthetic"


def test_a_record_names_the_same_code_from_both(two):
    from shared_utils.sections.record import _file_sha

    for name in ("shared_utils/VENDORED.json", "requirements.txt"):
        first, second = (_file_sha(types.SimpleNamespace(city_dir=city), name) for city in two)
        assert first == second and first.startswith("sha256:")


# What only Windows has, played by a stand-in.


def windll(answers: dict) -> types.SimpleNamespace:
    functions = {name: lambda *_, answer=answer: answer for name, answer in answers.items()}
    return types.SimpleNamespace(kernel32=types.SimpleNamespace(**functions))


@pytest.mark.parametrize(
    ("opened", "waited", "error", "alive"),
    [(7, 0x102, 0, True), (7, 0, 0, False), (0, 0, 87, False), (0, 0, 5, True)],
    ids=["runs", "has ended", "no such process", "somebody else's"],
)
def test_whether_a_process_runs(monkeypatch, opened, waited, error, alive):
    answers = {"OpenProcess": opened, "WaitForSingleObject": waited, "GetLastError": error, "CloseHandle": 1}
    monkeypatch.setattr(ctypes, "windll", windll(answers), raising=False)
    monkeypatch.setattr(locks, "os", types.SimpleNamespace(name="nt"))
    assert locks.alive(4242) is alive


def test_free_memory(monkeypatch):
    def fill(status):
        status._obj.free = 3 * 2**30

    monkeypatch.setattr(
        ctypes,
        "windll",
        types.SimpleNamespace(kernel32=types.SimpleNamespace(GlobalMemoryStatusEx=fill)),
        raising=False,
    )
    monkeypatch.setattr(memory, "os", types.SimpleNamespace(name="nt"))
    monkeypatch.setattr(memory, "MEMINFO", Path("not here"))
    monkeypatch.setattr(memory, "CGROUP", Path("not here"))
    assert memory.available() == 3 * 2**30


@pytest.mark.parametrize(("length", "enabled", "ok"), [(90, 0, True), (91, 0, False), (91, 1, True), (91, None, False)])
def test_the_doctor_measures_the_path(monkeypatch, length, enabled, ok):
    def value(key, name):
        if enabled is None:
            raise FileNotFoundError
        return enabled, 4

    registry = types.SimpleNamespace(HKEY_LOCAL_MACHINE=0, OpenKey=lambda *_: 0, QueryValueEx=value)
    monkeypatch.setitem(sys.modules, "winreg", registry)
    monkeypatch.setattr(doctor, "os", types.SimpleNamespace(name="nt"))
    found = doctor._path_length(Path("x" * length))
    assert found.ok is ok and found.detail == f"{length} characters (Windows: at most 90)"
    assert ("C:\\pilot" in found.fix) is not ok


# Files that Excel or a browser holds open.


def test_a_data_file_open_in_excel_is_named(place, tmp_path, monkeypatch):
    city = Path(shutil.copytree(place, tmp_path / "alder-bay"))
    name = "\u6771\u4eac.csv"
    real = Path.open

    def held(self, *words, **more):
        if self.name == name:
            raise PermissionError(errno.EACCES, "in use", str(self))
        return real(self, *words, **more)

    monkeypatch.setattr(Path, "open", held)
    with pytest.raises(EmiError, match=f"{name}.* is open in Excel") as refused:
        intake(city)
    assert "Close it and run again." in str(refused.value)


def test_a_table_that_cannot_be_replaced_is_named_and_the_old_ones_stay(place, tmp_path, monkeypatch):
    city = Path(shutil.copytree(place, tmp_path / "alder-bay"))
    before = intake(city)
    linked = city / "data" / "private" / store.LINKED
    kept = {path.name: path.read_bytes() for path in linked.iterdir()}

    def held(part, target):
        raise PermissionError(errno.EACCES, "in use", str(target))

    monkeypatch.setattr(os, "replace", held)
    with pytest.raises(EmiError, match=r" in data/private is in use, or may not be written\."):
        intake(city)
    assert {path.name: path.read_bytes() for path in linked.iterdir()} == kept and before.tables


def test_a_folder_open_in_another_program_stays_whole(tmp_path, monkeypatch):
    target = tmp_path / "evidence"
    with folders.new_folder(target) as draft:
        (draft / "index.html").write_text("old", encoding="utf-8")
    real = os.replace

    def held(source, to):
        if Path(to) == target and Path(source).name == "new":
            raise PermissionError(errno.EACCES, "in use", str(to))
        real(source, to)

    monkeypatch.setattr(os, "replace", held)
    with pytest.raises(ReleaseError, match="The folder evidence, or a file in it, is open in another program"):
        with folders.new_folder(target) as draft:
            (draft / "index.html").write_text("new", encoding="utf-8")
    assert (target / "index.html").read_text(encoding="utf-8") == "old" and list(tmp_path.iterdir()) == [target]


# Both repositories are tested on the three systems.


@pytest.mark.parametrize("repository", [ROOT, ROOT / "{{cookiecutter.city_slug}}"], ids=["template", "city"])
def test_the_workflow_runs_the_tests_on_three_systems(repository):
    workflow, _ = yaml12.load(repository / ".github" / "workflows" / "check.yml")
    job = workflow["jobs"]["test"]
    assert job["strategy"]["matrix"]["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    assert job["runs-on"] == "${{ matrix.os }}" and job["strategy"]["fail-fast"] is False
    assert "python bootstrap.py test" in [step.get("run") for step in job["steps"]]
    assert workflow["permissions"] == {"contents": "read"}
    assert "http" not in json.dumps(workflow)
