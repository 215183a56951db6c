"""There is one way to outputs/release: `shared_utils.results.release.release`. Nothing else writes there."""

import ast
import os
import sys
from pathlib import Path

import pytest
import test_release
from test_release import city  # noqa: F401  (a fixture)

import shared_utils
from shared_utils import portfolio, results

PACKAGE = Path(shared_utils.__file__).parent
DOOR = PACKAGE / "results" / "release.py"
PLACES = {"release_path", "page_path"}
READERS = {"results/release.py", "portfolio/collect.py", "runner/plan.py", "runner/status.py", "template/handover.py",
           "template/handover_facts.py"}  # fmt: skip
WRITERS = {"write", "write_text", "write_bytes", "replace", "rename", "unlink", "mkdir", "open", "copy", "copyfile",
           "copytree", "move", "rmtree", "save", "touch"}  # fmt: skip


def calls(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def named(call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def places(node) -> bool:
    """True when an expression names a place below outputs/release."""
    return any(
        (isinstance(part, ast.Call) and named(part) in PLACES)
        or (isinstance(part, ast.Constant) and isinstance(part.value, str) and "outputs/release" in part.value)
        for part in ast.walk(node)
    )


def test_no_other_code_writes_to_a_place_of_the_release():
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path != DOOR:
            assert not [c.lineno for c in calls(tree) if named(c) in WRITERS and places(c)], path
        if any(named(call) in PLACES for call in calls(tree)):
            assert path.relative_to(PACKAGE).as_posix() in READERS, f"{path}: who but the door and its readers?"


def test_the_door_is_open_only_inside_release():
    tree = ast.parse(DOOR.read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    writing = {f.name for f in functions for c in calls(f) if named(c) in WRITERS and places(c)}
    assert writing == {"_release"}
    callers = {f.name for f in functions for c in calls(f) if named(c) == "_release"}
    assert callers == {"release"}


# Python's audit events of operations that change a folder: event -> places of its paths.
CHANGES = {"os.rename": (0, 1), "os.mkdir": (0,), "os.remove": (0,), "os.rmdir": (0,), "os.link": (0, 1),
           "os.symlink": (0, 1), "os.truncate": (0,), "shutil.copyfile": (1,), "shutil.move": (0, 1)}  # fmt: skip


class Watch:
    """Sees each write below outputs/release, and whether `release` is on the stack."""

    def __init__(self):
        self.on, self.seen = False, []
        sys.addaudithook(self)

    def __call__(self, event, args):
        if not self.on:
            return
        paths = [args[i] for i in CHANGES.get(event, ())]
        if event == "open" and (args[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            paths = [args[0]]
        for path in paths:
            if isinstance(path, str | os.PathLike) and Path("outputs", "release").as_posix() in Path(path).as_posix():
                self.seen.append((event, Path(path).name, self.inside()))

    @staticmethod
    def inside() -> bool:
        frame = sys._getframe()
        while frame is not None:
            if frame.f_code is results.release.__code__:
                return True
            frame = frame.f_back
        return False


@pytest.fixture(scope="module")
def watch():
    made = Watch()
    yield made
    made.on = False  # a hook cannot be taken out


def test_nothing_but_release_writes_below_the_folder_of_the_release(city, tmp_path, watch):  # noqa: F811
    watch.on, watch.seen = True, []
    try:
        test_release.run(city)
        assert watch.seen == [], "a notebook and its record"
        results.release(city)
        released = list(watch.seen)
        portfolio.build_site(city, tmp_path / "site")
        with pytest.raises(results.ReleaseError):
            test_release.run(city, status="failed")
            results.release(city)
    finally:
        watch.on = False
    names = {name for event, name, _ in released if event == "os.rename"}
    assert {"impact.html", "results_impact.json"} <= names, "the watch sees what it must"
    assert all(inside for _, _, inside in watch.seen)
    assert watch.seen == released, "building the site and a refused release leave the folder alone"


def test_the_watch_sees_who_goes_around(tmp_path, watch):
    folder = tmp_path / "outputs" / "release"
    watch.on, watch.seen = True, []
    try:
        results.write_text("around the door", folder / "x.html")
    finally:
        watch.on = False
    assert watch.seen and not any(inside for _, _, inside in watch.seen)
