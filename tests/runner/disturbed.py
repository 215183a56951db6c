"""`emi run` on a terminal of its own, its processes, and what it leaves: for whom a batch is disturbed (Linux).

Every process of a batch inherits a mark in its environment, by which those that outlive it are found.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

from toy_batch import HERE, Run

from shared_utils.results.notebooks import lock_path

MARK = "EMI_FAULT_MARK"
TOY = (sys.executable, str(HERE / "emi_toy.py"))
_TIMES = {"run", "finished_at", "started_at", "duration_s", "cold", "papermill", "execution", "previous_run_id"}


class Batch:
    """`emi run` on a terminal of its own (a pseudo-terminal), so that Ctrl+C and closing it are the real ones."""

    def __init__(self, root: Path, *words: str, program: tuple[str, ...] = TOY):
        self.root, self.mark = root, uuid.uuid4().hex
        self._terminal, theirs = os.openpty()
        environment = os.environ | {MARK: self.mark, "COLUMNS": "80", "TERM": "dumb"}
        self.process = subprocess.Popen(
            # A shell that starts a test in the background lets it ignore Ctrl+C.
            ["setsid", "--ctty", "env", "--default-signal", *program, "run", *words],
            cwd=root,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)

    def press_ctrl_c(self) -> None:
        os.write(self._terminal, b"\x03")

    def close_terminal(self) -> None:
        os.close(self._terminal)
        self._terminal = None

    def pids(self, role: str) -> list[int]:
        """Its living processes that are a "driver", "worker", "server", "kernel" or "other"."""
        return [pid for pid in marked(self.mark) if _role(pid) == role]

    def ended(self, within_s: float = 600) -> Run:
        """Wait for its end; returns the exit code and what stood on the terminal."""
        said, deadline = b"", time.monotonic() + within_s
        while self._terminal is not None:
            try:
                part = os.read(self._terminal, 65536)
            except OSError:  # nobody is left who could write
                break
            said += part
            assert time.monotonic() < deadline, "it does not end"
        code = self.process.wait(max(1, deadline - time.monotonic()))
        if self._terminal is not None:
            self.close_terminal()
        text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.decode("utf-8", "replace")).replace("\r", "")
        return Run(self.root, code, text, "")

    def orphans(self, grace_s: float = 10) -> list[str]:
        """What of its processes is left; they have some seconds to notice its end."""
        deadline = time.monotonic() + grace_s
        while (left := marked(self.mark)) and time.monotonic() < deadline:
            time.sleep(0.1)
        return [f"{_role(pid)} {pid}" for pid in left]

    def clear(self) -> None:
        """End what is left, so that nothing outlives a test that failed."""
        for pid in marked(self.mark):
            os.kill(pid, signal.SIGKILL)


def marked(mark: str) -> list[int]:
    """The living processes that inherited a mark."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mark.encode() in Path(f"/proc/{pid}/environ").read_bytes() and _stat(int(pid))[0] != "Z":
                found.append(int(pid))
        except OSError:  # it has ended meanwhile
            continue
    return found


def _stat(pid: int) -> list[str]:
    """State and parent of a process."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")


_SERVERS = {
    "runner.warm.server": ("server", "kernel"),
    "multiprocessing.forkserver": ("workers' server", "worker"),
}


def _role(pid: int) -> str:
    try:
        command = _command(pid)
        for name, (role, copy) in _SERVERS.items():
            if name in command:  # its copies show its command
                return copy if name in _command(int(_stat(pid)[1])) else role
    except OSError:
        return "other"
    roles = {"ipykernel_launcher": "kernel", "multiprocessing.spawn": "worker", " run": "driver"}
    return next((role for word, role in roles.items() if word in command), "other")


def left(city: Path) -> dict[str, object]:
    """What a batch left in outputs/ by file, without its times, logs and who is who; unfinished files as they are."""
    files = [file for file in sorted((city / "outputs").rglob("*")) if file.is_file() and file.suffix != ".log"]
    return {file.relative_to(city).as_posix(): _content(file) for file in files}


def unfinished(city: Path) -> list[str]:
    """Files that are not whole, or that only a run under way may have."""
    torn = []
    for file in sorted((city / "outputs").rglob("*")):
        temporary = ".part" in file.name or ".tmp" in file.name or file == lock_path(city)
        if file.is_file() and (temporary or file.suffix in (".json", ".ipynb") and not _parses(file)):
            torn.append(file.name)
    return torn


def _parses(file: Path) -> bool:
    try:
        json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True


def _content(file: Path) -> object:
    if file.suffix not in (".json", ".ipynb") or not _parses(file):
        return file.read_bytes()
    return _timeless(json.loads(file.read_text(encoding="utf-8")))


def _timeless(value):
    if isinstance(value, dict):
        drawn = {"id"} if "injected-parameters" in value.get("metadata", {}).get("tags", []) else set()
        return {key: _timeless(item) for key, item in value.items() if key not in _TIMES | drawn}
    if isinstance(value, list):
        return [_timeless(item) for item in value]
    return re.sub(r'run_id = "[^"]*"', "", value) if isinstance(value, str) else value
