"""The plan lock (I1): what was promised before results were seen, and whether this is still it.

`lock` writes plan/plan.lock.json (pilots.md 5.3): the hash of all settings the analysis depends on and of
the estimator's version, the settings themselves (so that a later change can be named), the date, the
signer's role and how many outcome rows existed. `status` recomputes the hash; a change that deviations.yaml
does not explain is a block.
"""

import hashlib
import json
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import shared_utils
from shared_utils import config as settings
from shared_utils.config import yaml12
from shared_utils.config.model import PLAN_FREE
from shared_utils.errors import EmiError, nearest
from shared_utils.results import Flag, write_text

FILE = "plan.lock.json"
# Settings the primary analysis rests on: a deviation here makes the primary result exploratory.
PRIMARY = (
    "pilot",
    "events",
    "design",
    "outcomes",
    "covariates",
    "multiplicity",
    "decision",
    "data",
    "estimator",
)
ENTRY = ("date", "field", "planned", "actual", "reason", "decided")
DECIDED = ("before_outcomes", "after_outcomes")


class PlanError(EmiError):
    """A plan that cannot be locked or read."""


@dataclass(frozen=True)
class PlanStatus:
    """status: prospective, before_unblinding, retrospective or none; `changes` are settings that differ
    now."""

    status: str
    hash: str | None = None
    locked_at: str | None = None
    deviations: int = 0
    deviations_primary: int = 0
    problems: list[Flag] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    entries: list[dict] = field(default_factory=list)
    signer_role: str = ""

    def as_record(self) -> dict:
        """The plan block of a result record."""
        return {
            "status": self.status,
            "hash": self.hash,
            "locked_at": self.locked_at,
            "deviations": self.deviations,
            "deviations_primary": self.deviations_primary,
        }


def lock(city_dir: Path, signer_role: str) -> dict:
    """Lock a city's plan and return what was written. A locked plan is never overwritten.

    Synthetic cities follow a stated timeline: their plan counts as locked on the first day of the pilot.
    """
    city_dir = Path(city_dir)
    path = city_dir / "plan" / FILE
    if path.exists():
        raise PlanError(
            f"The plan of {city_dir.name} is already locked ({_read(path)['locked_at']}).",
            "Write what changed since in plan/deviations.yaml.",
        )
    config = settings.load_city(city_dir)
    missing = lacking(config)
    if missing:
        raise PlanError(f"The plan cannot be locked yet. It lacks {', '.join(missing)}.", "Fill these in city.yml.")
    synthetic = config.data.mode == "synthetic"
    made = {
        "hash": plan_hash(config),
        "locked_at": (config.pilot.start if synthetic else datetime.now(UTC).date()).isoformat(),
        "signer_role": signer_role,
        "estimator": estimator(config),
        "settings": planned(config),
        "outcome_rows": _outcome_rows(city_dir, config),
        "git_commit": None if synthetic else git_commit(city_dir),
    }
    write_text(json.dumps(made, sort_keys=True, indent=1, ensure_ascii=False) + "\n", path)
    return made


def status(city_dir: Path, config, tables: dict) -> PlanStatus:
    """What stands in the plan folder, against the settings of today and the outcomes that came in."""
    path = Path(city_dir) / "plan" / FILE
    if not path.exists():
        return PlanStatus("none")
    locked = _read(path)
    entries = deviations(city_dir)
    now = planned(config)
    if locked["estimator"] != estimator(config):
        now = {**now, "estimator": estimator(config)}
    changes = sorted(k for k in now.keys() | locked["settings"].keys() if now.get(k) != locked["settings"].get(k))
    return PlanStatus(
        status=_timing(date.fromisoformat(locked["locked_at"]), config, tables),
        hash=locked["hash"],
        locked_at=locked["locked_at"],
        deviations=len(entries),
        deviations_primary=sum(_on_primary(entry["field"]) for entry in entries),
        problems=_problems(locked, config, changes, entries),
        changes=changes,
        entries=entries,
        signer_role=locked["signer_role"],
    )


def lacking(config) -> list[str]:
    """Settings without which a plan promises nothing, by the name of their key in city.yml."""
    compares = config.design.type != "descriptive"
    return ["decision.minimum_worthwhile_effect"] if compares and config.mwe is None else []


def advisable(config) -> list[str]:
    """Settings that a reader of the plan will miss, by the name of their key in city.yml."""
    theory = config.pilot.theory_of_change
    said = {
        "pilot.population": config.pilot.population,
        "pilot.theory_of_change.activities": theory.activities,
        "pilot.theory_of_change.short_term": theory.short_term,
        "source of the primary outcome": config.primary.source,
        "subgroups.dims": config.design.type == "descriptive"
        or not config.design.SUBGROUPS
        or "subgroups" in config.model_fields_set,
    }
    return [key for key, value in said.items() if not value]


def plan_hash(config) -> str:
    """SHA-256 of the settings' hash and the estimator's version."""
    text = json.dumps({"config": config.sha256, "estimator": estimator(config)}, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode("ascii")).hexdigest()


def estimator(config) -> dict:
    """The estimator and its version; patch releases never change an estimate, so they are left out."""
    version = ".".join(shared_utils.__version__.split(".")[:2])
    return {"type": config.design.type, "name": config.design.estimator, "version": version}


def planned(config) -> dict:
    """Every setting the plan depends on as {"design.arms.0": "control"}; list items go by their id."""
    return dict(sorted(_flat(config.model_dump(mode="json", by_alias=True, exclude={"reporting"}), "")))


def deviations(city_dir: Path) -> list[dict]:
    """The entries of plan/deviations.yaml. Raises PlanError, naming the entry, when one is not complete."""
    path = Path(city_dir) / "plan" / "deviations.yaml"
    if not path.exists():
        return []
    content = yaml12.load(path)[0] or {}
    entries = content.get("deviations") or [] if isinstance(content, dict) else None
    if entries is None or not isinstance(entries, list):
        raise PlanError("deviations.yaml must hold one list named 'deviations'.", "See the example in the file.")
    for i, entry in enumerate(entries, start=1):
        _check_entry(entry, i)
    return entries


def git_commit(folder: Path) -> str | None:
    """The commit a folder is at; None when it is not a repository of its own or git is not there."""
    if not (Path(folder) / ".git").exists():
        return None
    answer = _git(folder, "rev-parse", "HEAD")
    return answer.strip() if answer else None


def git_dirty(folder: Path) -> bool | None:
    """True when files under version control differ from the commit; None when git cannot tell."""
    if not (Path(folder) / ".git").exists():
        return None
    answer = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return None if answer is None else bool(answer.strip())


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _read(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        date.fromisoformat(content["locked_at"])
        return {key: content[key] for key in ("hash", "locked_at", "signer_role", "estimator", "settings")}
    except (ValueError, KeyError, TypeError) as error:
        raise PlanError(
            f"plan/{FILE} cannot be read ({error}).",
            "Take it back from version control; never edit it by hand.",
        ) from None


def _flat(value, path: str):
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in PLAN_FREE:
                yield from _flat(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            name = item.get("id", i) if isinstance(item, dict) else i
            yield from _flat(item, f"{path}.{name}")
    else:
        yield path, int(value) if isinstance(value, float) and value.is_integer() else value


def _check_entry(entry, i: int) -> None:
    if not isinstance(entry, dict):
        raise PlanError(f"deviations.yaml, entry {i} is not a list of keys.", f"It needs {', '.join(ENTRY)}.")
    missing = [key for key in ENTRY if entry.get(key) in (None, "")]
    if missing:
        raise PlanError(f"deviations.yaml, entry {i} lacks {', '.join(missing)}.", f"It needs {', '.join(ENTRY)}.")
    if entry["decided"] not in DECIDED:
        near = nearest(entry["decided"], DECIDED)
        raise PlanError(
            f"deviations.yaml, entry {i}: decided is '{entry['decided']}'.{near}",
            f"It may be {' or '.join(DECIDED)}.",
        )


def _problems(locked: dict, config, changes: list[str], entries: list[dict]) -> list[Flag]:
    flags = []
    unexplained = [c for c in changes if not any(_covers(entry["field"], c) for entry in entries)]
    if unexplained:
        shown = ", ".join(unexplained[:5]) + (f" and {len(unexplained) - 5} more" if len(unexplained) > 5 else "")
        message = f"Settings changed after the plan was locked, and plan/deviations.yaml does not say why: {shown}."
        flags.append(Flag("PLAN_CHANGED", "block", "plan", message, True))
    elif not changes and locked["hash"] != plan_hash(config):
        message = "plan.lock.json was edited: its hash does not belong to the settings it holds."
        flags.append(Flag("PLAN_EDITED", "block", "plan", message, True))
    late = [entry for entry in entries if entry["decided"] == "after_outcomes"]
    if late:
        serious = any(_on_primary(entry["field"]) for entry in late)
        message = f"{len(late)} change(s) to the plan were decided after outcomes were seen: exploratory."
        flags.append(Flag("PLAN_LATE", "serious" if serious else "warn", "plan", message, serious))
    return flags


def _covers(field_name: str, changed: str) -> bool:
    return changed == field_name or changed.startswith(f"{field_name}.")


def _on_primary(field_name: str) -> bool:
    return str(field_name).split(".")[0] in PRIMARY


def _timing(locked: date, config, tables: dict) -> str:
    """Prospective: locked before the first primary outcome after the start was measured."""
    first = first_outcome(config, tables)
    unknown = config.data.analysis_file is not None  # one file does not say when its outcomes were measured
    if not unknown and (first is None or locked < first):
        return "prospective"
    return "before_unblinding" if locked <= config.pilot.data_lock else "retrospective"


def first_outcome(config, tables: dict) -> date | None:
    """The day the first primary outcome after the pilot's start was measured; None when no table says."""
    rows = tables.get("outcomes")
    if rows is None or rows.empty:
        return None
    after = (rows["outcome_id"] == config.primary.id) & (rows["wave"] != "baseline") & rows["value"].notna()
    days = rows.loc[after & (rows["period_start"].dt.date >= config.pilot.start), "observed_at"].dropna()
    return days.min().date() if len(days) else None


def _outcome_rows(city_dir: Path, config) -> int | None:
    """Rows of the primary outcome on disk when the plan was locked; None before intake or without tables."""
    path = city_dir / "data" / ("synthetic" if config.data.mode == "synthetic" else "private") / "linked"
    path = path / "outcomes.parquet"
    if not path.exists():
        return None
    import pandas as pd

    rows = pd.read_parquet(path, columns=["outcome_id", "value"])
    return int(((rows["outcome_id"] == config.primary.id) & rows["value"].notna()).sum())
