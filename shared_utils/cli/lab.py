"""emi lab."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from shared_utils.cli.screen import Screen, TypedWrong
from shared_utils.cli.workspace import select


def lab(city: Annotated[str | None, typer.Argument(help="Not needed inside a city's folder.")] = None) -> int:
    """Open a city in JupyterLab."""
    cities = select([city] if city else None)
    if len(cities) > 1:
        raise TypedWrong("Which city?", f"Next:  emi lab {cities[0].name}")
    Screen().say(f"Opening {cities[0].name} in JupyterLab. Close with Ctrl+C here or File > Shut Down.")
    arguments, environment = lab_command(cities[0])
    return subprocess.call(arguments, env=environment, cwd=cities[0])


def lab_command(city_dir: Path) -> tuple[list[str], dict[str, str]]:
    """The JupyterLab of this Python, on the city's folder, with the settings the city carries.

    Found through JUPYTER_CONFIG_PATH: no file in the environment, no admin rights, the person's own
    settings still win.
    """
    # -P: the code of this emi, not that of the city's folder, which may be older.
    arguments = [sys.executable, "-P", "-m", "jupyterlab", f"--ServerApp.root_dir={city_dir}"]
    arguments += ["--ServerApp.contents_manager_class=shared_utils.cli.lab_contents.CleanNotebooks"]
    environment = os.environ | {
        "JUPYTER_CONFIG_PATH": str(city_dir / ".jupyter"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONUTF8": "1",
    }
    return arguments, environment
