"""`emi` on toy cities, as a Windows console would run it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

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
