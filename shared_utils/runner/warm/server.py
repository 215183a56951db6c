"""The fork server: imports the heavy libraries once, then forks itself into a kernel for each request.

    python -m shared_utils.runner.warm.server LISTENER LIFELINE

What keeps the fork safe: one thread (pyarrow's memory pool stops its own for a fork), no event loop, no zmq context,
nothing computed after the first-use work. The collector is frozen, so that children share the pages. LISTENER is the
descriptor of a Unix socket, and a connection to it is a kernel: the client sends a line of JSON (argv, env, cwd) with
its three standard descriptors; the answers are lines {"pid": n} and, when the kernel has ended, {"exit": code}. A
client that hangs up ends its kernel; the end of LIFELINE ends the server and all.
"""

import array
import contextlib
import gc
import importlib
import json
import os
import select
import selectors
import shutil
import signal
import socket
import sys
import traceback

from shared_utils import lean
from shared_utils.runner.warm import own_code

# What the notebooks of a city import; a module that is missing here is imported by the notebook, only later.
LIBRARIES = (
    "numpy", "pandas", "pyarrow.parquet", "pyarrow.compute", "scipy.stats", "scipy.optimize", "scipy.linalg",
    "matplotlib.figure", "matplotlib.backends.backend_agg", "seaborn", "statsmodels.api", "statsmodels.formula.api",
    "statsmodels.stats.multitest", "statsmodels.stats.power", "linearmodels", "ruamel.yaml", "jsonschema",
    "pydantic.main", "pydantic.type_adapter", "pydantic.types", "pandas.io.formats.style", "pyarrow.dataset",
)  # fmt: skip
# Not matplotlib_inline: it must meet the kernel's own shell when it is imported.
KERNEL = (
    "ipykernel_launcher", "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.displayhook",
    "IPython.core.completer", "IPython.core.magics", "IPython.core.pylabtools", "IPython.extensions.storemagic",
    "IPython.core.completerlib", "IPython.core.debugger", "IPython.core.oinspect", "ipykernel.debugger", "psutil",
    "sqlite3", "tornado.platform.asyncio",
)  # fmt: skip
# Variables that are read while libraries are imported: a kernel that wants other values must start cold.
READ_AT_IMPORT = (
    "PYTHON", "OMP_", "OPENBLAS_", "MKL_", "BLIS_", "VECLIB_", "NUMEXPR_", "NUMBA_", "MPL", "LD_", "ARROW_", "LC_",
    "LANG", "TZ", "HOME", "VIRTUAL_ENV", "CONDA_PREFIX", "IPYTHON", "JUPYTER_CONFIG",
)  # fmt: skip
INLINE = "module://matplotlib_inline.backend_inline"  # what ipykernel sets, and matplotlib reads at import


def import_environment(environment: dict[str, str]) -> dict[str, str]:
    """The part of an environment that libraries read while they are imported."""
    return {k: v for k, v in environment.items() if k.startswith(READ_AT_IMPORT) and k != "MPLBACKEND"}


def main(descriptor: int, lifeline: int) -> None:
    """Import, and serve who connects to a listening socket until `lifeline` closes; then remove the socket's folder."""
    with socket.socket(fileno=descriptor) as listener:
        try:
            with _ending_with(lifeline):
                _import()
            _Server(listener, lifeline).run()
        finally:
            shutil.rmtree(os.path.dirname(listener.getsockname()), ignore_errors=True)


@contextlib.contextmanager
def _ending_with(lifeline: int):
    """End inside the block, which asks nobody, as soon as `lifeline` closes."""
    import fcntl  # the provisioner, which imports this file, is asked on Windows too

    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    signal.signal(signal.SIGIO, lambda *_: sys.exit())
    before = fcntl.fcntl(lifeline, fcntl.F_GETFL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, before | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:  # closed before it could be watched
        sys.exit()
    yield
    fcntl.fcntl(lifeline, fcntl.F_SETFL, before)
    signal.signal(signal.SIGIO, signal.SIG_DFL)


def _import() -> None:
    """Import and use what kernels need, and leave it as a kernel would find it."""
    os.environ["MPLBACKEND"] = INLINE
    lean.skip_address_grammars()
    gc.disable()
    with _shell_while_importing():
        for name in (*KERNEL, *LIBRARIES):
            with contextlib.suppress(ImportError):  # a missing library is the notebook's business
                importlib.import_module(name)
        _use_once()
        own_code.keep()
    gc.freeze()  # not collected before: the little that could be is shared, and looking for it takes a quarter second


@contextlib.contextmanager
def _shell_while_importing():
    """Libraries ask get_ipython() while they are imported (pandas: how wide to print): answer as a kernel would."""
    import builtins

    events = type("Events", (), {"register": lambda *a: None, "unregister": lambda *a: None})()
    shell = type("ZMQInteractiveShell", (), {"__module__": "ipykernel.zmqshell"})()
    shell.kernel, shell.config, shell.events, shell.user_ns = object(), {"IPKernelApp": {}}, events, {}
    builtins.get_ipython = lambda: shell
    try:
        yield
    finally:
        del builtins.get_ipython


def _use_once() -> None:
    """Work that is done on first use and kept: fonts, drawing, a regression, reading and writing a table."""
    import io
    import warnings

    import numpy as np
    import pandas as pd
    import seaborn
    import statsmodels.api as sm
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    frame = pd.DataFrame({"x": np.arange(40.0), "y": np.sin(np.arange(40.0)), "g": ["a", "b"] * 20})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure = Figure(figsize=(4, 3))
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.set_title("Warm", fontweight="bold")
        seaborn.lineplot(data=frame, x="x", y="y", hue="g", errorbar=None, ax=axes)
        figure.savefig(io.BytesIO(), format="png")
        sm.OLS(frame["y"], sm.add_constant(frame[["x"]])).fit(cov_type="HC2").summary()
        frame.groupby("g", as_index=False).agg(mean=("y", "mean"))
        pd.read_csv(io.StringIO(frame.to_csv(index=False)))


class _Server:
    """Answers requests one by one; `kernels` is {connection: pid} of those still running."""

    def __init__(self, listener: socket.socket, lifeline: int):
        self.listener, self.lifeline, self.kernels = listener, lifeline, {}
        self.selector = selectors.DefaultSelector()
        self.ended, self._wake = os.pipe()
        for descriptor in (self.ended, self._wake):
            os.set_blocking(descriptor, False)
        for source in (listener, lifeline, self.ended):
            self.selector.register(source, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve until the lifeline closes, then end what still runs."""
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            for key, _ in self.selector.select():
                if key.fileobj == self.lifeline:
                    self._end_all()
                    return
                if key.fileobj == self.ended:
                    self._tell_ends()
                elif key.fileobj is self.listener:
                    self.selector.register(self.listener.accept()[0], selectors.EVENT_READ)
                elif key.fileobj in self.kernels:
                    self._hung_up(key.fileobj)
                else:
                    self._answer(key.fileobj)

    def _answer(self, connection: socket.socket) -> None:
        request, descriptors = _receive(connection)
        try:
            if request is None:
                self._forget(connection)
            elif "hello" in request:
                _send(connection, {"executable": sys.executable, "environment": import_environment(dict(os.environ))})
            else:
                self._fork(connection, request, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _fork(self, connection: socket.socket, request: dict, descriptors: list[int]) -> None:
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._let_go()
            _become_kernel(request, descriptors, server)
        self.kernels[connection] = pid
        _send(connection, {"pid": pid})

    def _let_go(self) -> None:
        """In the child: close what belongs to the server."""
        signal.set_wakeup_fd(-1)
        for source in [key.fileobj for key in self.selector.get_map().values()]:
            os.close(source) if isinstance(source, int) else source.close()
        os.close(self._wake)
        self.selector.close()

    def _tell_ends(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self.ended, 4096)
        by_pid = {pid: connection for connection, pid in self.kernels.items()}
        with contextlib.suppress(ChildProcessError):
            while (waited := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = waited
                if pid in by_pid:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(pid, signal.SIGKILL)  # what a kernel that was killed had started
                    _send(by_pid[pid], {"exit": os.waitstatus_to_exitcode(status)})
                    self._forget(by_pid[pid])

    def _hung_up(self, connection: socket.socket) -> None:
        """Whoever started this kernel is gone."""
        _kill_group(self.kernels[connection])
        self._forget(connection)

    def _forget(self, connection: socket.socket) -> None:
        self.kernels.pop(connection, None)
        self.selector.unregister(connection)
        connection.close()

    def _end_all(self) -> None:
        for pid in self.kernels.values():
            _kill_group(pid)
        for pid in self.kernels.values():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _become_kernel(request: dict, descriptors: list[int], server: int) -> None:
    """In the child: be what `python -m ipykernel_launcher ...` would have been. Never returns."""
    code = 1
    try:
        os.setsid()
        _ordinary_signals()
        for standard, descriptor in enumerate(descriptors):
            os.dup2(descriptor, standard)
        for descriptor in descriptors:
            if descriptor > 2:
                os.close(descriptor)
        os.environ.clear()
        os.environ.update(request["env"])
        os.environ.setdefault("MPLBACKEND", INLINE)
        os.environ.setdefault("PYDEVD_USE_FRAME_EVAL", "NO")  # as ipykernel does before it imports its debugger
        os.environ["JPY_PARENT_PID"] = str(server)
        os.chdir(request["cwd"])
        _reseed()
        gc.enable()
        arguments = request["argv"][request["argv"].index("ipykernel_launcher") + 1 :]
        sys.argv = [sys.modules["ipykernel_launcher"].__file__, *arguments]
        sys.executable = request["argv"][0]  # the server may have another name of the same program
        from ipykernel.kernelapp import IPKernelApp

        app = IPKernelApp.instance(parent_handle=server)  # its end is the kernel's end
        app.initialize(arguments)
        app.start()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # whatever it was, it must not go on in the frames of the server
        traceback.print_exc()
    finally:
        _leave(code)


def _ordinary_signals() -> None:
    for name in (signal.SIGCHLD, signal.SIGTERM):  # SIGHUP stays as it was given: ignored under nohup
        signal.signal(name, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _reseed() -> None:
    """State that two copies would share: the old generator of numpy, the key of multiprocessing.

    `random` does it by itself; uuid, secrets and default_rng ask the system.
    """
    import multiprocessing
    from multiprocessing import process

    import numpy as np

    np.random.seed()
    multiprocessing.current_process()._config["authkey"] = process.AuthenticationString(os.urandom(32))


def _leave(code: int) -> None:
    """End like an interpreter would, without going back into the server's own frames."""
    import atexit
    import threading

    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        for stream in (sys.__stdout__, sys.__stderr__):
            stream.flush()
    finally:
        os._exit(code & 0xFF)


def _receive(connection: socket.socket) -> tuple[dict | None, list[int]]:
    """One request, and the descriptors sent with it; None when the client is gone or sent nonsense."""
    descriptors, data = array.array("i"), b""
    try:
        while not data.endswith(b"\n"):
            part, extra, _, _ = connection.recvmsg(1 << 20, socket.CMSG_SPACE(3 * descriptors.itemsize))
            for level, kind, content in extra:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
            if not part:
                return None, list(descriptors)
            data += part
        return json.loads(data), list(descriptors)
    except (OSError, ValueError):
        return None, list(descriptors)


def _send(connection: socket.socket, message: dict) -> None:
    with contextlib.suppress(OSError):  # a client that is gone is noticed by its hang-up
        connection.sendall(json.dumps(message).encode() + b"\n")


def _kill_group(pid: int) -> None:
    """End a kernel and what it started; before its setsid, the kernel alone."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    if sys.path and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]  # as ipykernel_launcher does
    # From the importable module, so that __main__ of the kernels is not this file.
    from shared_utils.runner.warm.server import main as serve

    serve(int(sys.argv[1]), int(sys.argv[2]))
