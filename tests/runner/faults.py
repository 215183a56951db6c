"""Faults: what can happen to a batch, for test_faults.py and benchmarks/faults.py (Linux)."""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import toy
from disturbed import TOY, Batch, left, marked, unfinished
from toy_batch import Run

from shared_utils.results.notebooks import lock_path

# What the notebooks of a city that is to be disturbed do: nothing, or what that file of the city says.
CELL = """\
import os, resource, time
asked = root / "disturb.txt"
if asked.exists():
    exec(asked.read_text(encoding="utf-8"))
time.sleep(1.5)
"""


STAGES = ("kernel", "release", "worker", "driver")  # runs cells; is released; is looked at and begun; starts


class Scene:
    """A batch to be disturbed in one of its `STAGES`. `wrong` says what did not hold."""

    def __init__(self, root: Path, city: Path, words: tuple, program: tuple, rng: random.Random, stage: int):
        self.root, self.city, self.words, self.program = root, city, words, program
        self.rng, self.stage, self.batches, self.wrong = rng, STAGES[stage % len(STAGES)], [], []

    def start(self, *more: str) -> Batch:
        self.batches.append(Batch(self.root, *self.words, *more, program=self.program))
        return self.batches[-1]

    def some_time(self, longest_s: float) -> None:
        time.sleep(self.rng.uniform(0, longest_s))

    def any_moment(self, batch: Batch) -> None:
        """Wait for a random moment of the stage."""
        self.one(batch, "kernel" if self.stage == "release" else self.stage)
        while self.stage == "release" and batch.pids("kernel"):
            time.sleep(0.05)
        self.some_time(2)

    def one(self, batch: Batch, role: str) -> int | None:
        """A process of the batch, waited for; None where it has ended without."""
        while batch.process.poll() is None:
            if found := batch.pids(role):
                return self.rng.choice(found)
            time.sleep(0.05)
        return None

    def orphans(self) -> list[str]:
        """What outlives the batches; it is ended here."""
        found = [one for batch in self.batches for one in batch.orphans()]
        for batch in self.batches:
            batch.clear()
        return found


@dataclass(frozen=True)
class Fault:
    """What happens to a batch, and `how` in words.

    `cell`: what a notebook itself does; `warm`: needs a fork server; `whole`: hits all processes, ordinary or forked.
    """

    name: str
    how: str
    happen: Callable[[Scene], Run]
    cell: str = ""
    warm: bool = False
    whole: bool = False
    mounts: bool = False
    place: Callable[[Path], AbstractContextManager] = nullcontext

    def impossible(self) -> str:
        """Why it cannot be tried here; "" when it can."""
        may_mount = os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL)
        return "needs a user who may mount" if self.mounts and (not may_mount or may_mount.returncode) else ""


def _killed(role: str, within_s: float) -> Callable[[Scene], Run]:
    """Kill one process of a batch, up to `within_s` seconds after it is there."""

    def happen(scene: Scene) -> Run:
        batch = scene.start()
        scene.one(batch, role)
        scene.some_time(within_s)
        if pid := scene.one(batch, role):
            os.kill(pid, signal.SIGKILL)
        return batch.ended()

    return happen


def _in_the_middle(do: Callable[[Scene, Batch], object], after: Callable[[Scene], object] = lambda scene: None):
    """Do something to a batch at any time, and something `after` its end."""

    def happen(scene: Scene) -> Run:
        batch = scene.start()
        scene.any_moment(batch)
        do(scene, batch)
        run = batch.ended()
        after(scene)
        return run

    return happen


def _in_a_cell(code: str, *more: str) -> Callable[[Scene], Run]:
    def happen(scene: Scene) -> Run:
        asked = scene.city / "disturb.txt"
        asked.write_text(f"time.sleep({scene.rng.uniform(0, 2):.2f})\n{code}", encoding="utf-8")
        run = scene.start(*more).ended()
        asked.unlink()
        return run

    return happen


def _signal(number: int) -> Callable[[Scene], Run]:
    return _in_the_middle(lambda scene, batch: batch.process.poll() is None and os.kill(batch.process.pid, number))


def _close(scene: Scene, batch: Batch) -> None:
    batch.close_terminal()


def _once(scene: Scene, batch: Batch) -> None:
    batch.press_ctrl_c()


def _twice(scene: Scene, batch: Batch) -> None:
    batch.press_ctrl_c()
    scene.some_time(0.6)
    batch.press_ctrl_c()


def _asleep(scene: Scene, batch: Batch) -> None:
    for number, seconds in ((signal.SIGSTOP, 4), (signal.SIGCONT, 0)):
        for pid in marked(batch.mark):
            os.kill(pid, number)
        time.sleep(seconds)


def _mount(*words: object) -> None:
    subprocess.run(["mount", *map(str, words)], check=True)


@contextmanager
def _small_disk(folder: Path):
    folder.mkdir(parents=True)
    _mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", folder)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(scene: Scene, batch: Batch | None = None) -> None:
    with (scene.root / "filler").open("ab", buffering=0) as filler:
        for size in (2**20, 2**12):  # a page is the smallest that can be taken
            with suppress(OSError):
                while filler.write(bytes(size)) == size:
                    pass


def _make_room(scene: Scene) -> None:
    (scene.root / "filler").unlink()


def _full_from_the_start(scene: Scene) -> Run:
    _fill(scene)
    run = scene.start().ended()
    _make_room(scene)
    return run


def _read_only(scene: Scene, batch: Batch) -> None:
    outputs = scene.city / "outputs"
    outputs.mkdir(exist_ok=True)
    _mount("--bind", outputs, outputs)
    _mount("-o", "remount,bind,ro", outputs)


def _writable(scene: Scene) -> None:
    subprocess.run(["umount", "-l", str(scene.city / "outputs")], check=True)


def _move(scene: Scene, batch: Batch) -> None:
    os.rename(scene.city, scene.root / "moved")


def _move_back(scene: Scene) -> None:
    if scene.city.exists():
        scene.wrong.append(f"made again: {[str(file.relative_to(scene.city)) for file in scene.city.rglob('*')]}")
        shutil.rmtree(scene.city)
    os.rename(scene.root / "moved", scene.city)


def _two_at_once(scene: Scene) -> Run:
    first = scene.start()
    scene.some_time(1)
    second = scene.start()
    runs = sorted([first.ended(), second.ended()], key=lambda run: run.code)
    if [run.code for run in runs] != [0, 3] and "1 up to date" not in runs[-1].out:
        scene.wrong.append(f"both worked on it: {runs}")
    return runs[-1]


def _locked(seconds_ago: float, **holder) -> Callable[[Scene], Run]:
    """Find a lock there, written by `holder` and touched some time ago."""

    def happen(scene: Scene) -> Run:
        lock = lock_path(scene.city)
        lock.parent.mkdir(parents=True)
        lock.write_text(json.dumps({"started": "2026-01-01 00:00 UTC"} | holder), encoding="utf-8")
        os.utime(lock, (time.time() - seconds_ago,) * 2)
        run = scene.start().ended()
        lock.unlink(missing_ok=True)
        return run

    return happen


def _clock_set_back(scene: Scene) -> Run:
    """All that a first run left is of a later year than now, and the lock of a batch that was killed then."""
    scene.start().ended()
    lock_path(scene.city).write_text(json.dumps(_ELSEWHERE | {"started": "2099-01-01 00:00 UTC"}), encoding="utf-8")
    for file in filter(Path.is_file, scene.city.rglob("*")):
        if file.suffix == ".json":
            later = re.sub(r'"20\d\d(-\d\d-\d\dT)', r'"2099\1', file.read_text(encoding="utf-8"))
            file.write_text(later, encoding="utf-8")
        os.utime(file, (time.time() + 10 * 365 * 86400,) * 2)
    unchanged = scene.start().ended()
    if "0 to run" not in unchanged.out:
        scene.wrong.append(f"up-to-date work was run again: {unchanged.out}")
    return scene.start("--force").ended()


_HERE, _ELSEWHERE = {"host": socket.gethostname()}, {"host": "another-machine", "pid": 1}
_KILLED = "os.kill(os.getpid(), 9)"
_TOO_MUCH = "resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30,) * 2)\nkept = [bytearray(2**28) for _ in range(64)]"
FAULTS = (
    Fault("kernel killed", "signal 9, once, within 1.5 s of its start", _killed("kernel", 1.5)),
    Fault("warm kernel killed", "signal 9, once, to a kernel forked from the server", _killed("kernel", 1), warm=True),
    Fault("worker killed", "signal 9, once, within 4 s of its start", _killed("worker", 4), whole=True),
    Fault("fork server killed", "signal 9, within 8 s of its start", _killed("server", 8), warm=True),
    Fault("workers' fork server killed", "signal 9, within 8 s of its start", _killed("workers' server", 8), warm=True),
    Fault("out of memory", "a cell takes 16 GB under a limit (RLIMIT_AS) of 3 GB", _in_a_cell(_TOO_MUCH), _TOO_MUCH),
    Fault("out-of-memory killer", "played: the kernel ends by signal 9, at each try", _in_a_cell(_KILLED), _KILLED),
    Fault("endless cell", "--timeout 0.1", _in_a_cell("while True: pass", "--timeout", "0.1"), "while True: pass"),
    Fault("disk full", "a real one (tmpfs of 64 MB), filled in the middle", _in_the_middle(_fill, _make_room),
          mounts=True, place=_small_disk),
    Fault("disk full from the start", "the same, filled before", _full_from_the_start, mounts=True, place=_small_disk),
    Fault("outputs read-only", "a read-only mount over outputs/, in the middle", _in_the_middle(_read_only, _writable),
          mounts=True),
    Fault("Ctrl+C once", "the key, on the terminal", _in_the_middle(_once), whole=True),
    Fault("Ctrl+C twice", "the key, again within 0.6 s", _in_the_middle(_twice), whole=True),
    Fault("SIGTERM", "to the driver", _signal(signal.SIGTERM), whole=True),
    Fault("SIGKILL", "to the driver", _signal(signal.SIGKILL), whole=True),
    Fault("terminal closed", "SIGHUP, and no terminal to write to", _in_the_middle(_close), whole=True),
    Fault("two batches at once", "the second starts within 1 s", _two_at_once),
    Fault("lock of a living batch elsewhere", "touched 5 min ago", _locked(300, **_ELSEWHERE)),
    Fault("stale lock, process gone", "this machine, a number no process has", _locked(1, **_HERE, pid=2**22 + 1)),
    Fault("stale lock, other machine", "not touched for 11 min", _locked(660, **_ELSEWHERE)),
    Fault("clock set back", "times of the last run and its lock lie years ahead", _clock_set_back),
    Fault("city folder moved", "and brought back after the batch", _in_the_middle(_move, _move_back)),
    Fault("laptop closed", "all processes stopped for 4 s (SIGSTOP, SIGCONT)", _in_the_middle(_asleep), whole=True),
)  # fmt: skip


@dataclass(frozen=True)
class Workspace:
    """Where a batch is disturbed: how a fresh one is made, and the words and program that run it."""

    name: str
    make: Callable[[Path], Path]  # the folder -> the city in it
    words: tuple[str, ...] = ()
    program: tuple[str, ...] = TOY


@dataclass(frozen=True)
class Try:
    """What one try showed; `wrong` says in words what did not hold."""

    code: int
    told: str
    left: tuple[str, ...]
    orphans: tuple[str, ...]
    equal: bool
    wrong: tuple[str, ...]


def toy_city(root: Path) -> Path:
    return toy.make_city(root / "cities", "calder", **dict.fromkeys(("baseline", "monitoring"), CELL))


ONE = Workspace("A small city: one notebook", toy_city, ("-n", "baseline"))
TWO = Workspace("A small city: two notebooks, forked processes", toy_city, ("-n", "baseline", "-n", "monitoring"))
TRIED = {
    ONE: [fault for fault in FAULTS if not fault.warm],  # one notebook starts the ordinary way
    TWO: [fault for fault in FAULTS if fault.warm or fault.whole],
}


def undisturbed(workspace: Workspace, folder: Path) -> dict:
    """What a run that nothing happened to leaves."""
    city = workspace.make(folder)
    run = Batch(folder, *workspace.words, program=workspace.program).ended()
    assert run.code == 0, run.out
    return left(city)


def tried(fault: Fault, workspace: Workspace, expected: dict, number: int, seed: int, folder: Path) -> Try:
    """Disturb one batch, look at what is left, run again and compare."""
    with fault.place(folder):
        city = workspace.make(folder)
        rng = random.Random(f"{seed} {fault.name} {number}")
        scene = Scene(folder, city, workspace.words, workspace.program, rng, number)
        run = fault.happen(scene)
        orphans = scene.orphans()
        torn = unfinished(city)
        again = Batch(folder, *workspace.words, program=workspace.program).ended()
        equal = again.code == 0 and left(city) == expected
        still = unfinished(city)
    wrong = [*scene.wrong, *(f"process left: {one}" for one in orphans)]
    wrong += [f"not whole: {name}" for name in torn if not name.startswith(".") and name != "batch.lock"]
    wrong += [f"still there after the next run: {name}" for name in still]
    # Before Python has read its own modules no program can say anything.
    wrong += ["a traceback was shown"] if "Traceback" in run.out and "init_import_site" not in run.out else []
    wrong += [] if equal else [f"other results after the next run (exit code {again.code})"]
    return Try(run.code, told(run.out, folder), tuple(torn), tuple(orphans), equal, tuple(wrong))


def told(text: str, folder: Path) -> str:
    """What stood below the progress lines, in one line."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    first = next((i for i, line in enumerate(lines) if re.fullmatch(r"\d+ (failed|not started)", line)), None)
    kept = lines if first is None else lines[first:]
    kept = [line for line in kept if line and not re.match(r"Plan: |\[ ?\d+/\d+\]|\^C$", line)]
    return machineless(" / ".join(kept).replace(f"{folder}/", "").replace(str(folder), "WORKSPACE"))


def machineless(said: str) -> str:
    """What was said, without what is another one on each machine and at each try."""
    if "init_import_site" in said:
        return "(Python itself: it had not read its own modules yet)"
    said = re.sub(r"\b(\d+ min \d+|\d+\.\d) s\b", "... s", said.replace("^C", ""))
    return re.sub(r"process \d{3,} on \S+ started [-0-9: /]+UTC", "process N on HOST, started DAY HH:MM UTC", said)
