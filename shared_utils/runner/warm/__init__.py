"""Warm kernels: Jupyter kernels forked from one process that has imported the heavy libraries already.

About four fifths of an ordinary batch run is starting interpreters and importing the same libraries again. A fork
server does that once; the provisioner (`provisioner.py`, an entry point of jupyter_client) asks it for a copy of itself
whenever a kernel of the kernelspec `emi-warm` is started. Nothing in papermill, nbclient or a notebook changes:

    JUPYTER_PATH=shared_utils/runner/warm papermill -k emi-warm notebooks/01_baseline.ipynb out.ipynb

Where a copy would not be equal to an ordinary kernel (no fork, another interpreter or environment, no server), the
kernel starts the ordinary way and `cold_reason()` says why.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

KERNEL = "emi-warm"
WORKERS = f"{__name__}.workers"  # what the processes that ask for kernels import
KERNELSPECS = Path(__file__).parent  # holds kernels/emi-warm/kernel.json, as JUPYTER_PATH wants it
SOCKET = "EMI_WARM_SOCKET"  # how processes of a batch find its fork server
CAN_FORK = hasattr(os, "fork") and sys.platform != "darwin"  # system libraries of macOS do not survive a fork
_GOING_S = 10


class Server:
    """A fork server owned by this process: it lives as long as the pipe this process holds open."""

    def __init__(self, environment: dict[str, str]):
        self.folder = Path(tempfile.mkdtemp(prefix="emi-warm-"))  # readable by its owner only
        self.socket = self.folder / "socket"
        lifeline, self._lifeline = os.pipe()
        # Only the server keeps it: who asks while it imports waits for the answer, or hears at once that it is gone.
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.socket))
        listener.listen(64)
        command = [sys.executable, "-m", "shared_utils.runner.warm.server", str(listener.fileno()), str(lifeline)]
        with (self.folder / "log").open("wb") as log, listener:
            self.process = subprocess.Popen(
                command,
                pass_fds=[listener.fileno(), lifeline],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=Path(__file__).parents[3],
                start_new_session=True,  # Ctrl+C belongs to the driver
            )
        os.close(lifeline)

    def stop(self) -> None:
        """End the server and every kernel it still has."""
        os.close(self._lifeline)
        try:
            self.process.wait(_GOING_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def why_not() -> str:
    """Why kernels of this process cannot be warm, in words; "" when they can."""
    if not CAN_FORK:
        return "this system cannot copy a running Python safely"
    if not entry_points(group="jupyter_client.kernel_provisioners", name=KERNEL):
        return "this environment was made before warm kernels came; python bootstrap.py setup brings them"
    return ""


@contextlib.contextmanager
def serving(environment: dict[str, str]) -> Iterator[None]:
    """Keep a fork server for the processes started inside the block; it imports while they start.

    `environment` is what the kernels' parents add to theirs (threads, hash seed): libraries read it while they are
    imported, so the server must have been started with the same.
    """
    if why_not():
        yield
        return
    own = Server(os.environ | environment)
    try:
        with using(str(own.socket)):
            yield
    finally:
        own.stop()


@contextlib.contextmanager
def using(path: str) -> Iterator[None]:
    """Take the kernels of this process, and of those started inside the block, from the fork server at a socket."""
    before = {name: os.environ.get(name) for name in (SOCKET, "JUPYTER_PATH")}
    os.environ[SOCKET] = path
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(KERNELSPECS), before["JUPYTER_PATH"]]))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def socket_path() -> str:
    """The socket of the fork server that this process takes its kernels from; "" when it has none."""
    return os.environ.get(SOCKET, "")


def kernel_name() -> str:
    """The kernelspec for notebooks of this process: the warm one where its batch has a server."""
    return KERNEL if socket_path() else "python3"
