"""One batch of three toy cities, shared by all tests of this folder."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import toy

HERE = Path(__file__).parent


def emi(root: Path, *words: str) -> subprocess.Popen:
    """`emi` as a Windows console would run it: 80 columns, cp1252, not a terminal."""
    environment = os.environ | {"PYTHONIOENCODING": "cp1252", "COLUMNS": "80", "PYTHONUTF8": "0"}
    return subprocess.Popen(
        [sys.executable, str(HERE / "emi_toy.py"), *words],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="cp1252",
        errors="strict",
    )


@dataclass(frozen=True)
class Run:
    root: Path
    code: int
    out: str
    err: str

    def city(self, folder: str) -> Path:
        return self.root / "cities" / folder


def finished(root: Path, process: subprocess.Popen) -> Run:
    out, err = process.communicate(timeout=120)
    return Run(root, process.returncode, out, err)


@pytest.fixture(scope="session")
def batch(tmp_path_factory) -> Run:
    """`emi run` of baseline and monitoring in three cities; greyport's monitoring lacks a column."""
    root = tmp_path_factory.mktemp("batch") / "City of Alder Bay"  # a path with spaces
    for folder in ("alder-bay", "calder"):
        toy.make_city(root / "cities", folder)
    toy.make_city(root / "cities", "greyport", monitoring=toy.MISSING_COLUMN)
    return finished(root, emi(root, "run", "-n", "monitoring", "-n", "baseline"))
