"""Run by test_atomic_intake.py: kill intake before every single thing it does to the city's folder.

    python kill_points.py SCRATCH OLD NEW STEP

OLD and NEW are city folders after an undisturbed intake (OLD may have no tables yet). For every STEP-th file operation
a fresh copy of OLD gets the files of NEW and a process that dies there; then intake runs again. Prints one JSON object:
at how many points it was killed and every state that is neither OLD nor NEW, or not NEW after the second run.

An operation is whatever Python's audit events call one (open to write, rename, remove, make a folder) and, as dying in
the middle of a file, each fsync: half of the file is cut off first. Processes are forked: a start takes seconds.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import scipy.stats  # noqa: F401  loaded once, before the processes are forked

from shared_utils import data
from shared_utils.data import analysis_file, intake_tables, reference, schema, store  # noqa: F401
from shared_utils.data.model import TABLES

schema.reader(schema.field(TABLES["units"].columns["unit_id"]))  # the first one loads all of frictionless
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.chmod", "os.link", "os.truncate", "os.rmdir")


class Killer:
    """Ends the process without any cleaning up before operation number `at` inside `folder`."""

    def __init__(self, folder: Path, at: int):
        self.folder, self.at, self.seen = str(folder), at, 0
        self.fsync = os.fsync
        os.fsync = self.half_written
        sys.addaudithook(self.audit)

    def audit(self, event: str, args: tuple) -> None:
        path = args[0] if args else ""
        if event == "open":
            write = args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if write and isinstance(path, (str, Path)):
                self.check_place(str(path))
                self.count(path)
        elif event in CHANGES:
            self.count(path)

    def check_place(self, path: str) -> None:
        """Rows of residents must not lie in a temporary folder after a kill: nothing is written outside the city's."""
        if not path.startswith(self.folder) and "__pycache__" not in path and path != os.devnull:
            print(f"intake writes {path}", file=sys.stderr)
            os._exit(1)

    def half_written(self, descriptor: int) -> None:
        if self.seen + 1 == self.at:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        self.count(self.folder)
        self.fsync(descriptor)

    def count(self, path) -> None:
        if str(path).startswith(self.folder):
            self.seen += 1
            if self.seen == self.at:
                os._exit(9)


def intake(folder: Path, at: int = 0) -> bool:
    """Run intake in a forked process that dies before operation `at`; return whether it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            Killer(folder, at)
            data.intake(folder)
            os._exit(0)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if ended not in (0, 9):
        raise SystemExit(f"intake ended with {ended} at operation {at}")
    return ended == 0


def files(folder: Path) -> dict[str, bytes]:
    """Every file intake makes, by its name below data/private; the salt is checked through the pseudonyms it makes."""
    root = folder / "data" / "private"
    found = sorted(path for name in (store.LINKED, store.CROSSWALK) for path in (root / name).rglob("*"))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found if path.is_file()}


def in_force(found: dict[str, bytes]) -> dict[str, bytes]:
    """What a reader sees: the report and the tables it names, or nothing."""
    text = found.get("linked/intake_report.json")
    if text is None:
        return {}
    names = {f"linked/{store._file(name, facts['sha256'])}" for name, facts in json.loads(text)["tables"].items()}
    return {name: found.get(name, b"gone") for name in ("linked/intake_report.json", *names)}


def crosswalk(found: dict[str, bytes]) -> set[bytes]:
    return set(found.get("crosswalk/crosswalk.csv", b"").splitlines())


def main(scratch: Path, old: Path, new: Path, step: int) -> None:
    before, after = files(old), files(new)
    allowed = {"old": (in_force(before), crosswalk(before)), "new": (in_force(after), crosswalk(after))}
    wrong, states, points, at = [], {"old": 0, "new": 0}, 0, 1
    while True:
        folder = scratch / "city"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(old, folder)
        shutil.copytree(new / "data" / "private" / "raw", folder / "data" / "private" / "raw", dirs_exist_ok=True)
        ended = intake(folder, at)
        found = files(folder)
        state = next((name for name, (seen, _) in allowed.items() if seen == in_force(found)), None)
        if state is None or not allowed[state][1] <= crosswalk(found):
            wrong.append({"operation": at, "state": state, "files": sorted(found)})
        else:
            states[state] += 1
        if ended:
            break
        intake(folder)
        if files(folder) != after:
            wrong.append({"operation": at, "state": "not new after the second run", "files": sorted(files(folder))})
        at, points = at + step, points + 1
    print(json.dumps({"points": points, "states": states, "wrong": wrong}))


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]), int(sys.argv[4]))
