"""What Jinja needs to know about this template: where it lies, and whether the answers can make a city.

The check runs while the answers are gathered, before any folder exists: a slug such as "../x" or one of 300
characters would otherwise create or break folders before pre_gen_project.py is reached.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from cookiecutter.exceptions import FailedHookException
from jinja2.ext import Extension


class TemplateRoot(Extension):
    """Adds `template_root()` for the hooks and the filter `check_inputs` for cookiecutter.json."""

    def __init__(self, environment):
        super().__init__(environment)
        environment.globals["template_root"] = template_root
        environment.filters["check_inputs"] = check_inputs


def template_root() -> str:
    """Return the template's folder. Only for hooks: cookiecutter renders them with that as current folder.

    `_repo_dir` will not do: it is relative for a relative argument and absent under cruft.
    """
    return str(_first_template([Path.cwd()]))


def check_inputs(answers: dict) -> str:
    """Return "" when a city can be made from `answers`, else stop with one message that lists all problems.

    The rules run in a process of their own with the template first on its path, so another package named
    shared_utils (a city's own copy, another version) cannot answer in their place.
    """
    # cookiecutter and cruft append the template's folder to sys.path. This module's own __file__ may be that
    # of a template used earlier in the same process, whose temporary clone is gone.
    root = _first_template(Path(entry).resolve() for entry in reversed(sys.path))
    done = subprocess.run(
        [sys.executable, "-m", "shared_utils.template.inputs"],
        input=json.dumps(answers),
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    if done.returncode:
        console = getattr(sys.stdout, "encoding", None) or "ascii"
        refusal = (done.stdout or done.stderr).strip()
        raise FailedHookException(refusal.encode(console, "backslashreplace").decode(console))
    return ""


def _first_template(folders) -> Path:
    for folder in folders:
        if all((folder / part).is_file() for part in ("cookiecutter.json", "hooks/template_root.py")):
            return folder
    raise FailedHookException(
        "The template's own folder was not found: another Python package named 'hooks' stands before it.\n"
        "Next: leave the folder that holds it, or use a fresh virtual environment, and try again."
    )
