"""The result record: the one file a notebook hands over (pilots.md 6), checked before it is written.

A record that breaks the schema or a rule the schema cannot say is refused in words a person can act on,
so that whatever lies under `outputs/` can be trusted without looking.
"""

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from shared_utils import lean
from shared_utils.errors import EmiError, nearest
from shared_utils.results import notebooks

RECOMMENDATIONS = ("SCALE", "ADAPT", "STOP", "KEEP LEARNING")
SCHEMA_PATH = Path(__file__).with_name("results.schema.json")


class RecordError(EmiError):
    """A result record that must not be written or cannot be used."""


@dataclass(frozen=True)
class Flag:
    """A warning of the record. `severity` is info, warn, serious or block."""

    code: str
    severity: str
    scope: str
    message: str
    affects_primary: bool = False

    def as_dict(self) -> dict:
        """The flag as it stands in the record."""
        return asdict(self)


def internal_path(city_dir: Path, notebook: str) -> Path:
    """Where a notebook ("baseline", "monitoring", "impact", "monitoring 2019-12") writes its record."""
    return Path(city_dir, notebooks.out_dir(notebook)) / record_name(notebooks.name(notebook))


def record_name(notebook: str) -> str:
    """What the file of a notebook's record is called, wherever it lies."""
    return f"results_{notebook}.json"


def release_path(city_dir: Path, notebook: str) -> Path:
    """Where the released form of that record lies."""
    return Path(city_dir) / "outputs" / "release" / record_name(notebook)


def page_path(city_dir: Path, notebook: str) -> Path:
    """Where the released HTML body of a notebook lies."""
    return Path(city_dir) / "outputs" / "release" / f"{notebook}.html"


def watermark(record_or_mode: dict | str, city_name: str) -> str:
    """The line every page with synthetic data carries, or "" for a city's own data."""
    mode = record_or_mode if isinstance(record_or_mode, str) else record_or_mode["data_mode"]
    return f"SYNTHETIC DATA - NOT RESULTS FOR {city_name.upper()}" if mode == "synthetic" else ""


def write(record: dict, path: Path) -> Path:
    """Check a record and write it (sorted keys, UTF-8, temp file then rename). Returns the path."""
    found = problems(record)
    if found:
        raise RecordError(
            f"{Path(path).name} was not written: {len(found)} problem(s) in the record." + _listed(found),
            "Mend the section that makes these values; an unknown number is null with a null_reason.",
        )
    return write_text(as_text(record), path)


def as_text(record: dict) -> str:
    """The record as its file holds it: the same record gives the same bytes."""
    return json.dumps(record, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read(path: Path) -> dict:
    """Read a record and check it. Raises RecordError, naming the file, when it is not one."""
    path = Path(path)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        message = f"There is no {path.name} in {path.parent.name}."
        raise RecordError(message, "Run that notebook first.") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise RecordError(f"{path.name} is not a JSON file: {error}.", "Run that notebook again.") from None
    found = problems(record)
    if found:
        raise RecordError(f"{path.name} is not a valid record." + _listed(found), "Run that notebook again.")
    return record


def write_text(text: str, path: Path) -> Path:
    """Write a text file whole or not at all: UTF-8, one line ending on all systems, temp file then rename."""
    return write_bytes(text.encode("utf-8"), path)


def write_bytes(content: bytes, path: Path) -> Path:
    """Write a file whole or not at all: temp file then rename."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # two batches may write one status page
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return path


def problems(record: dict) -> list[str]:
    """What is wrong with a record, one line each with the place; empty when it is good."""
    found = _not_finite(record, "")
    if found:
        return found
    # jsonschema is slow to import and only needed when a record is written or read.
    lean.skip_address_grammars()
    from jsonschema import Draft202012Validator

    schema = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    errors = Draft202012Validator(schema).iter_errors(record)
    found = [_in_words(error) for error in sorted(errors, key=lambda e: list(map(str, e.absolute_path)))]
    return found or _broken_rules(record)


def _listed(lines: list[str]) -> str:
    return "".join(f"\n  {line}" for line in lines)


def _not_finite(value, place: str) -> list[str]:
    if isinstance(value, dict):
        places = {key: f"{place}.{key}".lstrip(".") for key in value}
        return [line for key, item in value.items() for line in _not_finite(item, places[key])]
    if isinstance(value, list | tuple):
        return [line for i, item in enumerate(value) for line in _not_finite(item, f"{place}[{i}]")]
    if isinstance(value, float) and not math.isfinite(value):
        return [f"{place}: {value} is not a number that can be printed; use null"]
    return []


def _in_words(error) -> str:
    """One line for one jsonschema error: the place, what is there, what may be there."""
    error = min(error.context, key=lambda e: e.validator == "type", default=error)
    place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path).lstrip(".")
    return f"{place or 'record'}: {_complaint(error)}"


def _complaint(error) -> str:
    shown = repr(error.instance)[:60]
    match error.validator:
        case "required":
            missing = [key for key in error.validator_value if key not in error.instance]
            return f"lacks {', '.join(missing)}"
        case "additionalProperties" if isinstance(error.instance, dict) and "properties" in error.schema:
            known = error.schema["properties"]
            extra = [key for key in error.instance if key not in known]
            return f"has unknown {', '.join(extra)}.{nearest(extra[0], known)} Known: {', '.join(known)}"
        case "enum":
            allowed = error.validator_value
            return f"{shown} is not one of {', '.join(map(str, allowed))}.{nearest(error.instance, allowed)}"
        case "const":
            return f"is {shown}, must be {error.validator_value!r}"
        case "type":
            wanted = error.validator_value
            return f"is {shown}, must be {wanted if isinstance(wanted, str) else ' or '.join(wanted)}"
        case "exclusiveMinimum":
            return f"is {shown}, must be above {error.validator_value}"
        case _:
            return error.message


def _broken_rules(record: dict) -> list[str]:
    """Rules of pilots.md 6 that JSON Schema cannot say."""
    found = []
    seen = set()
    for i, row in enumerate(record["estimates"]):
        place = f"estimates[{i}] ({row['estimate_id']})"
        numbers = [row["value"], row["se"], row["ci_low"], row["ci_high"]]
        if row["estimate_id"] in seen:
            found.append(f"{place}: this estimate_id is used twice")
        seen.add(row["estimate_id"])
        if row["value"] is None and not row.get("null_reason"):
            found.append(f"{place}: value is null without a null_reason")
        if row["suppressed"] and any(number is not None for number in numbers):
            found.append(f"{place}: is suppressed but still shows numbers")
        if record["run"]["blind"] and any(number is not None for number in numbers):
            found.append(f"{place}: a blinded record must not hold an estimate")
        if None not in (row["ci_low"], row["ci_high"]) and row["ci_low"] > row["ci_high"]:
            found.append(f"{place}: ci_low is above ci_high")
        if row["role"] == "primary" and row["value"] is not None:
            lacking = [key for key in ("benefit", "display", "mwe", "standardized") if key not in row]
            if lacking:
                found.append(f"{place}: a primary estimate also needs {', '.join(lacking)}")
    if record["record_type"] == "impact" and not any(r["role"] == "primary" for r in record["estimates"]):
        found.append("estimates: an impact record needs a primary row; if unknown, null with a null_reason")
    recommendation = (record["decision"] or {}).get("recommendation")
    if recommendation not in (None, *RECOMMENDATIONS):
        allowed = ", ".join(RECOMMENDATIONS)
        found.append(f"decision.recommendation: '{recommendation}' is not one of {allowed}")
    if record["disclosure"]["level"] != "internal" and not record["disclosure"]["audit_passed"]:
        found.append("disclosure: what leaves a city must have passed the audit; release it again: emi run")
    if record["run"]["blind"] and recommendation is not None:
        found.append("decision: a blinded record must not hold a decision")
    return found
