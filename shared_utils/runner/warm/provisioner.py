"""The kernel provisioner `emi-warm`: asks the fork server for a kernel, or starts an ordinary one and says why.

Named in the kernelspec `emi-warm` (metadata.kernel_provisioner), found by jupyter_client through an entry point. Each
kernel is a socket to the server: its closing ends the kernel, so no kernel outlives the process that started it.
"""

import array
import asyncio
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
from pathlib import Path

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from shared_utils.runner import warm
from shared_utils.runner.warm.server import import_environment

_COMING_S = 60  # the server imports for some seconds before it answers
_cold_reasons: list[str] = []


class Unavailable(Exception):
    """Why a kernel cannot be a copy of the server."""


def cold_reason() -> str:
    """Why a kernel of this process last started the ordinary way; "" when none did."""
    return _cold_reasons[-1] if _cold_reasons else ""


class Forked:
    """A forked kernel, with the part of subprocess.Popen that jupyter_client uses."""

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, pid: int):
        self.connection, self.pid, self.returncode, self._said = connection, pid, None, b""
        connection.setblocking(False)

    def poll(self) -> int | None:
        """The exit code once the kernel has ended. Where the server is gone, so is the kernel: killed."""
        if self.returncode is None:
            try:
                said = self.connection.recv(4096)
            except BlockingIOError:
                return None
            except OSError:
                said = b""
            self._said += said
            if self._said.endswith(b"\n"):
                self._ended(json.loads(self._said)["exit"])
            elif not said:
                with contextlib.suppress(OSError):
                    os.killpg(self.pid, signal.SIGKILL)
                self._ended(-signal.SIGKILL)
        return self.returncode

    def wait(self) -> int:
        while self.poll() is None:
            select.select([self.connection], [], [], 1)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def _ended(self, code: int) -> None:
        self.returncode = code
        self.connection.close()


class WarmProvisioner(LocalProvisioner):
    """Starts kernels by forking them from the server of this batch."""

    async def launch_kernel(self, cmd: list[str], **kwargs):
        try:
            self.process = await asyncio.get_running_loop().run_in_executor(None, _forked, cmd, kwargs)
        except Unavailable as reason:
            _cold_reasons.append(str(reason))
            self.log.info("The kernel starts the ordinary way: %s", reason)
            return await super().launch_kernel(cmd, **kwargs)
        self.pid = self.pgid = self.process.pid  # the kernel leads a session of its own
        self.cwd = kwargs.get("cwd", Path.cwd())
        return self.connection_info

    async def wait(self) -> int | None:
        """Woken by the kernel's end instead of asking ten times a second."""
        if not isinstance(self.process, Forked):
            return await super().wait()
        process, loop = self.process, asyncio.get_running_loop()
        while process.poll() is None:
            ended = asyncio.Event()
            loop.add_reader(process.connection, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(process.connection)
        self.process = None
        return process.returncode


def _forked(command: list[str], wanted: dict) -> Forked:
    """A kernel forked by the server. Raises Unavailable when it would not equal an ordinary one."""
    environment = dict(wanted.get("env") or os.environ)
    path = environment.pop(warm.SOCKET, "")
    if "ipykernel_launcher" not in command or command[1:2] != ["-m"]:
        raise Unavailable("it is no ordinary Python kernel, or has options of its own")
    check(path, command[0], environment)
    # Absolute: the server stands in a folder of its own.
    request = {"argv": command, "env": environment, "cwd": os.path.abspath(wanted.get("cwd") or os.getcwd())}
    with open(os.devnull, "r+b") as nothing:
        streams = [nothing.fileno(), _descriptor(wanted.get("stdout"), 1), _descriptor(wanted.get("stderr"), 2)]
        connection = _connect(path)
        answer = _ask(connection, request, streams)
    return Forked(connection, answer["pid"])


def check(path: str, executable: str, environment: dict[str, str]) -> None:
    """Raise Unavailable when no server answers at `path`, or a copy of it would not equal an ordinary kernel."""
    if not path:
        raise Unavailable(warm.why_not() or "no fork server was started")
    with _connect(path) as connection:
        server = _ask(connection, {"hello": True})
    if _interpreter(executable) != _interpreter(server["executable"]):
        raise Unavailable("it belongs to another Python")
    if differing := _differences(import_environment(environment), server["environment"]):
        raise Unavailable(f"the environment differs in {', '.join(differing)}")


def _interpreter(executable: str) -> tuple[Path, Path]:
    """The environment and the program behind its names: bin/python of a virtual environment is bin/python3."""
    return Path(executable).parent.resolve(), Path(executable).resolve()


def _connect(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_COMING_S)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise Unavailable("the fork server is gone") from None
    return connection


def _ask(connection: socket.socket, message: dict, descriptors: list[int] | None = None) -> dict:
    """Send one line (with descriptors) and return the line that answers it."""
    data, rights = json.dumps(message).encode() + b"\n", []
    if descriptors:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    answer = b""
    try:
        sent = connection.sendmsg([data], rights)
        connection.sendall(data[sent:])
        while not answer.endswith(b"\n"):
            part = connection.recv(65536)
            if not part:
                raise OSError
            answer += part
    except OSError:
        connection.close()
        raise Unavailable("the fork server does not answer") from None
    return json.loads(answer)


def _differences(mine: dict, theirs: dict) -> list[str]:
    return sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))


def _descriptor(stream, standard: int) -> int:
    """The descriptor a kernel's stdout or stderr goes to."""
    if stream is None:
        return standard
    if isinstance(stream, int) and stream >= 0:
        return stream
    if hasattr(stream, "fileno"):
        return stream.fileno()
    raise Unavailable("its output is read through a pipe" if stream == subprocess.PIPE else "its output is discarded")
