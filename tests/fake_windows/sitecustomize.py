"""As much of Windows as can be had elsewhere, for a Python and all it starts: put this folder on PYTHONPATH.

    What Windows has not      modules, functions and signals of POSIX are gone
    What Windows refuses      to replace or remove an open file; names with : ? * < > | " or those of devices
    What Windows says else    the console and files without a stated encoding are cp1252 (EncodingWarning is an error)

`os.name` stays as it is (pathlib and subprocess would look for the system itself), and so does what the libraries we
use ask for elsewhere than on Windows: SIGKILL, AF_UNIX, getuid, uname. tests/test_windows.py forbids them to us.
"""

import asyncio  # noqa: F401  needs a module that goes away below
import fcntl
import os
import re
import signal
import subprocess  # noqa: F401  the same
import sys
import types
import warnings
from pathlib import PurePath

MODULES = ("fcntl", "grp", "posix_ipc", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty")
FUNCTIONS = (
    "chown", "fork", "forkpty", "getegid", "getgid", "getloadavg", "getpgid", "killpg", "mkfifo",
    "nice", "posix_spawn", "sched_getaffinity", "setpgid", "setsid", "set_blocking", "statvfs", "sysconf",

)  # fmt: skip
SIGNALS = (
    "SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGIO", "SIGQUIT", "SIGSTOP", "SIGTSTP", "SIGUSR1", "SIGUSR2",
    "alarm", "pthread_sigmask", "setitimer", "siginterrupt",
)  # fmt: skip
FORBIDDEN = re.compile(r'[:?*<>|"]|[ .]$')
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def look(event: str, arguments: tuple) -> None:
    """An audit hook: refuse what Windows would refuse."""
    if event == "open" and isinstance(arguments[0], str) and arguments[2] & WRITES:
        check_name(arguments[0])
    elif event == "os.mkdir":
        check_name(os.fspath(arguments[0]))
    elif event == "os.rename":
        for path in arguments[:2]:
            check_closed(path)
        check_name(os.fspath(arguments[1]))
    elif event == "os.remove" and arguments[1] == -1:
        check_closed(arguments[0])


def check_name(path: str) -> None:
    if path.startswith(("/dev/", "/proc/")):  # what the standard library opens here
        return
    for part in PurePath(path).parts[1:]:
        if FORBIDDEN.search(part) or DEVICE.fullmatch(part):
            raise OSError(22, "Windows takes no such name", path)


def check_closed(path: str) -> None:
    """Raise as Windows does when a file is open in this process."""
    wanted = os.path.abspath(path)
    for number in os.listdir("/proc/self/fd"):
        try:
            held = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if held == wanted:
            raise PermissionError(13, "It is being used by another process", path)


def locking(descriptor: int, mode: int, size: int, lockf=fcntl.lockf, how=fcntl.LOCK_EX | fcntl.LOCK_NB) -> None:
    """msvcrt.locking with LK_NBLCK: lock the bytes from here on, or raise OSError."""
    lockf(descriptor, how, size, 0, os.SEEK_CUR)


sys.modules["msvcrt"] = types.ModuleType("msvcrt")
sys.modules["msvcrt"].__dict__.update(locking=locking, LK_NBLCK=2)
for name in MODULES:
    sys.modules[name] = None
for holder, names in ((os, FUNCTIONS), (signal, SIGNALS)):
    for name in names:
        if hasattr(holder, name):
            delattr(holder, name)
warnings.filterwarnings("error", category=EncodingWarning, module=r"shared_utils\b.*")
sys.addaudithook(look)
