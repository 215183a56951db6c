"""Toy cities: real folders with real notebooks of a few cells, so that a batch of them takes seconds.

Each city carries its own small `shared_utils`, which writes a valid record; the template's would need pandas.
"""

import json
import shutil
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import shared_utils
from shared_utils import results
from shared_utils.results.notebooks import NOTEBOOKS, log_path, source_path

PARAMETERS = """\
# A comment with an equals sign: a = b
city_dir = ""
as_of: str = "2019-12-31"
county_fips = "061"
draws = 200
fast = False
run_id = ""
out_dir = ""
"""
LOAD = """\
import sys
from pathlib import Path

root = Path.cwd().parent
sys.path.insert(0, str(root))
from shared_utils import toy
"""
FINISH = "toy.finish(root, '{notebook}', as_of, run_id, out_dir)"
# The city's own code: it knows its folder, and writes the record it was given.
TOY = """\
import json
import os
from pathlib import Path

from shared_utils.errors import EmiError


class ToyError(EmiError):
    pass


class MissingColumn(ToyError):
    pass


def finish(root, notebook, as_of, run_id, out_dir):
    assert Path(__file__).parent.parent == root, "not the city's own copy"
    record = json.loads((root / "record.json").read_text(encoding="utf-8"))
    record["record_type"] = notebook
    record["run"] |= {"as_of": as_of, "run_id": run_id}
    path = root / (out_dir or "outputs/internal") / f"results_{notebook}.json"
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:  # whole or not at all, as results.write
        part.write_text(json.dumps(record), encoding="utf-8")
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return Written(notebook)


class Written:  # what the last cell shows: the environment of the kernel; the record counts nobody
    def __init__(self, notebook):
        self.notebook = notebook

    def _repr_mimebundle_(self, include=None, exclude=None):
        seen = {name: os.environ.get(name) for name in ("PYTHONHASHSEED", "PYTHONUTF8", "OMP_NUM_THREADS")}
        return {"text/plain": repr(seen)}, {"emi": {"record": self.notebook, "counts": []}}
"""
CITY_YML = """\
schema_version: "1.0"
city: {{key: {key}, name: {name}, state: MI}}
pilot: {{slug: {folder}, title: A pilot, domain: housing, start: "2019-04-01", end: "2020-09-30"}}
data: {{mode: city, analysis_file: data/private/raw/people.csv}}
design: {{type: descriptive}}
outcomes:
  - {{id: housed, label: Housed, role: primary, kind: binary, direction: increase,
     mwe: {{scale: prob_diff, value: 0.05}}}}
covariates: []
"""


def make_city(cities: Path, folder: str, **cells: str) -> Path:
    """A city with three notebooks; `monitoring="code"` puts that code into a section of that notebook."""
    city = cities / folder
    key = folder.replace("-", "_")
    (city / "shared_utils").mkdir(parents=True)
    (city / "data" / "private" / "raw").mkdir(parents=True)
    (city / "data" / "private" / "raw" / "people.csv").write_text("id,housed\n1,1\n", encoding="utf-8")
    text = CITY_YML.format(key=key, name=folder.title(), folder=folder)
    (city / "city.yml").write_text(text, encoding="utf-8")
    (city / "record.json").write_text(json.dumps(record(key)), encoding="utf-8")
    (city / "shared_utils" / "__init__.py").write_text("", encoding="utf-8")
    (city / "shared_utils" / "toy.py").write_text(TOY, encoding="utf-8")
    errors = Path(shared_utils.__file__).with_name("errors.py")
    shutil.copyfile(errors, city / "shared_utils" / "errors.py")
    for notebook in NOTEBOOKS:
        write_notebook(source_path(city, notebook), notebook, cells.get(notebook, "1 + 1"))
    return city


def write_notebook(path: Path, notebook: str, code: str) -> None:
    cells = [
        new_markdown_cell("# A toy notebook\n\n## 1. Settings"),
        new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        new_code_cell(LOAD),
        new_markdown_cell("## 2. Read the monthly file"),
        new_code_cell(code),
        new_markdown_cell("## 3. Keep the result"),
        new_code_cell(FINISH.format(notebook=notebook)),
    ]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells), path)


def record(key: str) -> dict:
    """A record that is valid for every notebook: an impact estimate not known yet."""
    unknown = dict.fromkeys(("value", "se", "ci_low", "ci_high"))
    estimate = {
        "estimate_id": "housed.primary",
        "outcome_id": "housed",
        "role": "primary",
        "estimand": "mean",
        "estimand_class": "ITT",
        "contrast": ["pilot", "comparison"],
        "scale": "prob_diff",
        "direction": "increase",
        "level": 0.95,
        "n": {"total": 400},
        "suppressed": False,
        "exploratory": False,
        "null_reason": "not estimated in a toy",
    }
    city = {"key": key, "name": key.title(), "state": "MI", "slug": key, "domain": "housing"}
    run = {"run_id": "", "duration_s": None, "status": "ok", "as_of": "2019-12-31", "blind": False}
    times = dict.fromkeys(("started_at", "finished_at"), "2020-01-01T00:00:00Z")
    plan = {"status": "none", "hash": None, "locked_at": None, "deviations": 0, "deviations_primary": 0}
    provenance = {"inputs": [], "inputs_digest": "", "config_sha256": "", "code": {}, "notebook_sha256": ""}
    more = {"parameters": {}, "seed": 1, "salt_fingerprint": None, "python": "3.11", "previous_run_id": None}
    made = {
        "schema_version": "1.0",
        "record_type": "impact",
        "data_mode": "city",
        "city": city,
        "run": run | times,
        "plan": plan,
        "design": {"type": "descriptive", "estimator": "none", "unit": "people"},
        "estimates": [estimate | unknown],
        "robustness": None,
        "attrition": None,
        "indicators": [],
        "flags": [],
        "quality": {},
        "costs": None,
        "decision": None,
        "lessons": [],
        "disclosure": {
            "level": "internal",
            "small_cell_min": 11,
            "cells_suppressed": 0,
            "audit_passed": False,
            "rounding": "none",
        },
        "provenance": provenance | more,
    }
    assert results.problems(made) == []
    return made


# Cells that end badly.
DEAD_KERNEL = "import os\nos._exit(7)"
ONCE = """\
import os, signal
marker = root / "died"
if not marker.exists():
    marker.touch()
"""
DEAD_SERVER_ONCE = f"{ONCE}    os.kill(os.getppid(), signal.SIGKILL)\n    import time; time.sleep(60)"
MISSING_COLUMN = """\
message = 'Column "month" is missing from monthly.xlsx \\u2192 the file has "mnth".'
raise toy.MissingColumn(message, "Rename it.")
"""


def dead_worker_once(notebook: str) -> str:
    """A cell that kills the worker of its notebook: the process that writes to its log and is not the kernel.

    It alone is killed: another worker may write to the same log a moment later, trying the notebook again.
    """
    return f"""\
{ONCE}
    log = str((root / "outputs" / "internal" / "{log_path(Path(), notebook).name}").resolve())
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            if os.readlink(f"/proc/{{pid}}/fd/1") == log and pid != os.getpid():
                os.kill(pid, signal.SIGKILL)
                break
        except OSError:
            pass
    import time; time.sleep(60)
    raise SystemError("the worker lives on")
"""
