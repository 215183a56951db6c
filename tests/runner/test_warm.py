"""A kernel forked from the server is the kernel that would have been started, only sooner."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from jupyter_client import KernelManager
from nbclient.exceptions import DeadKernelError

from shared_utils.runner import warm
from shared_utils.runner.executors import KERNEL_ENV

pytestmark = pytest.mark.skipif(not warm.CAN_FORK, reason="this system starts kernels the ordinary way only")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def server():
    """One fork server for the file, as a batch has one."""
    before = dict(os.environ)
    os.environ.update(KERNEL_ENV)
    with warm.serving(KERNEL_ENV):
        yield
    os.environ.clear()
    os.environ.update(before)


def executed(kernel: str, cells: list[str], tmp_path: Path) -> list:
    """The code cells of a notebook after papermill ran it with a kernel."""
    import papermill

    source, target = tmp_path / "in.ipynb", tmp_path / f"{kernel}.ipynb"
    code = [nbformat.v4.new_code_cell(text, id=f"c{i}") for i, text in enumerate(cells)]
    nbformat.write(nbformat.v4.new_notebook(cells=code), source)
    papermill.execute_notebook(
        str(source), str(target), kernel_name=kernel, language="python", progress_bar=False,
        request_save_on_cell_execute=False, resources={"metadata": {"path": str(tmp_path)}},
        extra_arguments=["--IPKernelApp.log_level=40"],
    )  # fmt: skip
    return nbformat.read(target, as_version=4).cells


def printed(kernel: str, code: str, tmp_path: Path) -> str:
    return executed(kernel, [code], tmp_path)[0].outputs[0].text.strip()


OF_ALL_KINDS = [
    "import os, sys\nprint('text'); print('to stderr', file=sys.stderr)",
    "os.system('echo from a child; echo its stderr >&2')",
    "import numpy as np, pandas as pd\npd.DataFrame({'x': [1.5, 2.0], 'y': ['a', None]})",
    "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]); plt.title('drawn')",
    "from IPython.display import HTML, display\ndisplay(HTML('<b>x</b>'), {'text/plain': 'raw'}, raw=False)",
    "import warnings; warnings.warn('once')",
    # What a notebook could tell a warm kernel by, had it not been put right.
    "sys.path, sys.argv[0], sys.flags.hash_randomization, os.getcwd(), __name__, sys.modules['__main__'].__name__",
    "{k: v for k, v in sorted(os.environ.items()) if k not in ('JPY_PARENT_PID', 'EMI_WARM_SOCKET')}",
    "import signal; [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP)]",
    "signal.pthread_sigmask(signal.SIG_BLOCK, ()), os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid()",
    "import gc; gc.isenabled(), sys.getrecursionlimit(), plt.get_backend(), pd.options.display.width",
    "list({'tulsa', 'racine', 'newark', 'dayton'})",
    "sorted(m for m in sys.modules if m.split('.')[0] == 'shared_utils'), np.geterr()",
    "import multiprocessing as mp\nwith mp.get_context('fork').Pool(2) as pool: print(pool.map(abs, [-1, 2]))",
    "np.linalg.solve(np.eye(300) + 1, np.arange(300.0)).sum()",
]


def test_a_folder_named_from_here_is_where_the_kernel_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    assert printed(warm.KERNEL, "import os; print(os.getcwd())", Path(tmp_path.name)) == str(tmp_path)


ABOUT_THE_CODE = [
    "import sys\nsys.path.insert(0, {root!r})\nfrom shared_utils.sections import impact, monitoring",
    "import shared_utils; shared_utils.__path__, shared_utils.__spec__, shared_utils.__cached__",
    "monitoring.__file__, monitoring.__cached__, monitoring.__spec__, monitoring.__loader__.path",
    "from shared_utils.config import names; names.HERE",
    "import inspect; inspect.getsourcefile(impact.open_book), inspect.getsource(impact.finish)",
    "[finder for finder in sys.meta_path if 'shared_utils' in type(finder).__module__]",
    "import traceback\ntry:\n    impact.open_book(city_dir='nowhere')\nexcept Exception:\n    traceback.print_exc()",
    "import importlib; importlib.reload(monitoring).__spec__",
]


@pytest.fixture
def city(tmp_path) -> Path:
    """The folder of a city with its copy of the package."""
    shutil.copytree(ROOT / "shared_utils", tmp_path / "city" / "shared_utils")
    return tmp_path / "city"


def test_outputs_are_equal_to_the_byte(city, tmp_path):
    cells = OF_ALL_KINDS + [text.format(root=str(city)) for text in ABOUT_THE_CODE]

    def shown(kernel):
        texts = [json.dumps(cell.outputs, sort_keys=True) for cell in executed(kernel, cells, tmp_path)]
        return [re.sub("ipykernel_[0-9]+|0x[0-9a-f]+", "NUMBER", text) for text in texts]

    forked = shown(warm.KERNEL)
    for code, cold, warmed in zip(cells, shown("python3"), forked, strict=True):
        assert warmed == cold, code
    assert all(str(city / "shared_utils") in text for text in forked[len(OF_ALL_KINDS) + 1 :][:4])
    from shared_utils.runner.warm import provisioner

    assert provisioner.cold_reason() == ""


def test_code_that_a_city_changed_is_what_runs(city, tmp_path):
    def imported() -> list[str]:
        code = f"import sys\nsys.path.insert(0, {str(city)!r})\nimport shared_utils\nfrom shared_utils import lean\n"
        seen = "print(['shared_utils.sections.baseline' in sys.modules, getattr(lean, 'of_the_city', None)])"
        return eval(printed(warm.KERNEL, code + seen, tmp_path))

    (city / "shared_utils" / ".#lean.py").symlink_to("analyst@laptop.123")  # as Emacs makes it while a file is open
    assert imported() == [True, None]  # taken over from the server, with all it had imported
    with (city / "shared_utils" / "lean.py").open("a", encoding="utf-8") as file:
        file.write("\nof_the_city = 7\n")
    assert imported() == [False, 7]


TAKEN_OVER = """
import os, sys
from shared_utils.runner.warm import own_code
own_code.keep()
print(sum("THREADS" in name for name in os.environ), "shared_utils" in sys.modules)
sys.path.insert(0, sys.argv[1])
import shared_utils
print(sum("THREADS" in name for name in os.environ), shared_utils.__file__, "shared_utils.sections" in sys.modules)
"""


@pytest.mark.full
def test_variables_are_set_when_the_code_is_imported_and_not_before(city):
    bare = {name: value for name, value in os.environ.items() if "THREADS" not in name}
    done = subprocess.run(
        [sys.executable, "-c", TAKEN_OVER, str(city)],
        env=bare,
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.splitlines() == ["0 False", f"3 {city / 'shared_utils' / '__init__.py'} True"]


def test_no_two_kernels_draw_the_same_numbers(tmp_path):
    code = (
        "import random, uuid, secrets, numpy as np, multiprocessing as mp\n"
        "print([random.random(), np.random.rand(), np.random.default_rng().random(), str(uuid.uuid4()),"
        " secrets.token_hex(), mp.current_process().authkey.hex()])"
    )
    first, second = (eval(printed(warm.KERNEL, code, tmp_path)) for _ in range(2))
    assert all(a != b for a, b in zip(first, second, strict=True))


THREADS_AND_DESCRIPTORS = """
import os

def targets(pid):
    folder = f"/proc/{pid}/fd/"
    return {os.readlink(folder + fd) for fd in os.listdir(folder) if os.path.lexists(folder + fd)}

server = os.getppid()
tasks = f"/proc/{server}/task/"
threads = {open(f"{tasks}{task}/comm").read().strip() for task in os.listdir(tasks)}
shared = [name for name in targets(server) & targets(os.getpid()) if name.startswith(("socket", "pipe"))]
print([len(threads - {"jemalloc_bg_thd"}), shared])
"""


def test_the_server_has_one_thread_and_leaves_nothing_open_in_its_kernels(tmp_path):
    # The memory pool of pyarrow has a thread of its own, which it stops before a fork and starts again after it.
    assert eval(printed(warm.KERNEL, THREADS_AND_DESCRIPTORS, tmp_path)) == [1, []]


@pytest.fixture
def kernel():
    """A running warm kernel and its client."""
    manager = KernelManager(kernel_name=warm.KERNEL)
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def answered(client, code: str) -> dict:
    return client.execute_interactive(code, timeout=60, output_hook=lambda message: None)["content"]


@pytest.mark.parametrize(
    "busy", ["while True: pass", "import time; time.sleep(60)", "import subprocess; subprocess.run(['sleep', '60'])"]
)
def test_an_interrupt_stops_the_cell_and_not_the_kernel(kernel, busy):
    manager, client = kernel
    message = client.execute(f"print('begun', flush=True)\n{busy}", stop_on_error=False)
    while client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
        pass
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=60)
    assert reply["parent_header"]["msg_id"] == message and reply["content"]["ename"] == "KeyboardInterrupt"
    assert answered(client, "1 + 1")["status"] == "ok"


def test_a_restart_gives_a_new_kernel(kernel):
    manager, client = kernel
    assert answered(client, "x = 1")["status"] == "ok"
    before = manager.provisioner.pid
    manager.restart_kernel()
    client.wait_for_ready(timeout=60)
    assert answered(client, "x")["ename"] == "NameError" and manager.provisioner.pid != before


@pytest.mark.parametrize(
    "end",
    [
        "import os; os.kill(os.getpid(), 9)",
        pytest.param("import os; os._exit(3)", marks=pytest.mark.full),
        pytest.param("import ctypes; ctypes.string_at(0)", marks=pytest.mark.full),
    ],
)
def test_a_death_is_seen_at_once(tmp_path, end):
    with pytest.raises(DeadKernelError):
        executed(warm.KERNEL, [end, "1 + 1"], tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"PYTHONHASHSEED": "1"}, "the environment differs in PYTHONHASHSEED"),
        pytest.param({warm.SOCKET: ""}, "no fork server was started", marks=pytest.mark.full),
        ({warm.SOCKET: os.path.join(os.sep, "gone", "socket")}, "the fork server is gone"),
    ],
)
def test_where_a_copy_would_differ_the_kernel_starts_the_ordinary_way(tmp_path, monkeypatch, change, reason):
    from shared_utils.runner.warm import provisioner

    monkeypatch.setattr(provisioner, "_cold_reasons", [])
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    seed = printed(warm.KERNEL, "import os; print(os.environ['PYTHONHASHSEED'])", tmp_path)
    assert seed == os.environ["PYTHONHASHSEED"]
    assert provisioner.cold_reason() == reason


def test_another_name_of_the_same_python_is_no_other_python(tmp_path):
    from shared_utils.runner.warm import provisioner

    folder = Path(sys.executable).parent
    other = next(name for name in ("python3", "python") if name != Path(sys.executable).name)
    alike, elsewhere = folder / other, tmp_path / "python"
    elsewhere.symlink_to(Path(sys.executable).resolve())  # as the python of another virtual environment
    provisioner.check(os.environ[warm.SOCKET], str(alike), dict(os.environ))
    with pytest.raises(provisioner.Unavailable, match="another Python"):
        provisioner.check(os.environ[warm.SOCKET], str(elsewhere), dict(os.environ))


DRIVER = """
import os, sys, time
sys.path.insert(0, {root!r})
from shared_utils.runner import warm
from jupyter_client import KernelManager
with warm.serving({{}}):
    kernel = KernelManager(kernel_name=warm.KERNEL)
    kernel.start_kernel()
    client = kernel.client(); client.start_channels(); client.wait_for_ready(timeout=60)
    print(kernel.provisioner.pid, flush=True)
    if {server_dies}:
        client.execute_interactive("import os; os.kill(os.getppid(), 9)", output_hook=print, timeout=1)
    time.sleep(600)
"""


@pytest.mark.full
@pytest.mark.parametrize("server_dies", [False, True])
def test_nothing_outlives_the_driver_or_the_server(server_dies):
    environment = {k: v for k, v in os.environ.items() if k not in (warm.SOCKET, "JUPYTER_PATH")}
    code = DRIVER.format(root=str(ROOT), server_dies=server_dies)
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    driver = subprocess.Popen([sys.executable, "-c", code], env=environment, **output)
    kernel = driver.stdout.readline().strip()
    server = int(Path(f"/proc/{kernel}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])
    if not server_dies:
        driver.send_signal(signal.SIGKILL)
    try:
        gone = [not _runs(int(kernel)) and not _runs(server) or time.sleep(0.1) for _ in range(300)]
        assert any(gone)
    finally:
        driver.kill()
        driver.wait()


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
