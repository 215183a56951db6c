"""The shared code of a city in a forked kernel: imported by the fork server where the city's copy is the same code.

A kernel runs the shared_utils of its own city, and importing it takes a third of a second. Most cities' copies are the
server's own to the byte. There a kernel takes over the modules that the server has imported, moved to the city's files
(`__file__`, tracebacks, inspect.getsource), when its notebook first imports shared_utils; any other copy is imported as
ever. Nothing is taken over before: which copy it is depends on the path the notebook makes.
"""

import _imp
import gc
import importlib
import importlib.util
import os
import sys
from importlib.abc import Loader, MetaPathFinder
from pathlib import Path
from types import FunctionType, ModuleType

from shared_utils.results.freshness import below, files_sha
from shared_utils.results.notebooks import NOTEBOOKS

PACKAGE = "shared_utils"
MANIFEST = "VENDORED.json"  # of a city's copy only
# Imported as soon as a notebook opens its city; the notebooks' own modules lead to all others.
ON_OPENING = ("data.about_people", "data.analysis_file", "data.blinding", "data.studies", "disclosure.guard")


def forget() -> dict[str, ModuleType]:
    """Take the package out of sys.modules, so that a kernel finds none of it imported, and return its modules."""
    names = [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]
    return {name: sys.modules.pop(name) for name in names}


def keep() -> None:
    """In the server: import what the notebooks import, and offer it to their kernels. Leaves sys.modules without it."""
    forget()
    folder = Path(importlib.util.find_spec(PACKAGE).origin).parent
    sha, environment = _sha(folder), dict(os.environ)
    # Notebooks run in kernels; the runner itself reaches no sections.
    for name in (*(f"sections.{notebook}" for notebook in NOTEBOOKS), *ON_OPENING):
        importlib.import_module(f"{PACKAGE}.{name}")
    modules, variables = forget(), {name: value for name, value in os.environ.items() if name not in environment}
    for name in variables:
        del os.environ[name]
    if _sha(folder) == sha:  # else somebody is editing it, and what was imported is neither
        sys.meta_path.insert(0, _Kept(folder, sha, modules, variables))


class _Kept(MetaPathFinder, Loader):
    """Hands over the modules when the package is first imported, if the path leads to a copy with their hash."""

    def __init__(self, folder: Path, sha: str, modules: dict[str, ModuleType], variables: dict[str, str]):
        self.folder, self.sha, self.modules, self.variables = folder, sha, modules, variables
        inside = f"{folder}/"
        everything = (thing for thing in gc.get_objects() if type(thing) is FunctionType)
        self.functions = [function for function in everything if function.__code__.co_filename.startswith(inside)]

    def find_spec(self, name, path=None, target=None):
        if name != PACKAGE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(PACKAGE)
        self.found = Path(spec.origin).parent if spec and spec.origin else None
        same = self.found is not None and _sha(self.found) == self.sha
        return importlib.util.spec_from_loader(name, self, is_package=True) if same else None

    def create_module(self, spec) -> ModuleType:
        return self.modules[PACKAGE]

    def exec_module(self, module: ModuleType) -> None:
        """Make the modules those of the package that was found, and let all of them be imported."""
        for name, value in self.variables.items():  # importing the package sets them where they have no value
            os.environ.setdefault(name, value)
        for own in self.modules.values():
            self._move(own)
        for function in self.functions:  # what importlib itself does where a compiled file was moved
            _imp._fix_co_filename(function.__code__, self._moved(function.__code__.co_filename))
        sys.modules.update(self.modules)

    def _moved(self, file: str) -> str:
        return file.replace(str(self.folder), str(self.found), 1)

    def _move(self, module: ModuleType) -> None:
        file = self._moved(module.__file__)
        search = [os.path.dirname(file)] if hasattr(module, "__path__") else None
        spec = importlib.util.spec_from_file_location(module.__name__, file, submodule_search_locations=search)
        module.__spec__, module.__loader__ = spec, spec.loader
        module.__file__, module.__cached__ = spec.origin, spec.cached
        if search:
            module.__path__ = spec.submodule_search_locations
        for name, value in vars(module).items():  # where it looks for files of its own
            if isinstance(value, Path) and value.is_relative_to(self.folder):
                setattr(module, name, self.found / value.relative_to(self.folder))


def _sha(folder: Path) -> str:
    """The hash of a copy of the package, without what belongs to the copy."""
    return files_sha(folder, [file for file in below(folder) if file.name != MANIFEST])
