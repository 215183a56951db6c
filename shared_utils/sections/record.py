"""The last cell of a notebook: the result record, which the city's pages and the portfolio are made from.

Everything outside the `run` block is decided by the data, the settings, the code and the notebook, so two
runs of the same inputs write the same bytes there. Only a record that fits the schema is written.
"""

import hashlib
import platform
from datetime import UTC, datetime
from html import escape

import shared_utils
from shared_utils import results
from shared_utils.errors import EmiError
from shared_utils.results import freshness, notebooks, whom
from shared_utils.sections import banner, plan_lock
from shared_utils.sections.numbers import is_missing
from shared_utils.sections.section import RELEASE

PRIMARY = "I4"  # the section with the estimate that the decision rests on
QUALITY_RANK = ("placeholder", "estimate", "actual")


class Written:
    """Where the record went, in one line. Its exact counts travel beside it, for the audit of a release."""

    def __init__(self, line: str, record_type: str, counts: list[tuple]):
        self.line, self.record_type, self.counts = line, record_type, counts

    def _ipython_display_(self):
        from IPython.display import publish_display_data

        html = f'<p class="emi-record">{escape(self.line)}</p>'
        emi = {"record": self.record_type, "counts": [[str(group), n] for group, n in self.counts]}
        publish_display_data({"text/html": html, RELEASE: html, "text/plain": self.line}, {"emi": emi})


def finish(book, counts=(), **parts) -> Written:
    """Write the record of a notebook. `parts` are the blocks only this notebook knows (indicators, decision...);
    `counts` the exact ones behind them, [(Group, n)], where the record hides some."""
    path = book.out_dir / results.record_name(book.notebook)
    record = build(book, **parts)
    results.write(record, path)
    place = path.relative_to(book.city_dir).as_posix()
    line = (
        f"The result record was written to {place}: {len(record['estimates'])} estimates, "
        f"{len(record['indicators'])} indicator rows, {len(record['flags'])} flags."
    )
    return Written(line, book.notebook, [*whom.of_record(record), *counts])


def build(
    book,
    design=None,
    robustness=None,
    attrition=None,
    indicators=(),
    quality=None,
    decision=None,
    lessons=(),
    costs=None,
) -> dict:
    """The record as a mapping (pilots.md section 6)."""
    config, spent = book.config, spending(book)
    flags = book.all_flags()
    return clean(
        {
            "schema_version": "1.0",
            "record_type": book.notebook,
            "data_mode": book.data.mode,
            "city": {
                "key": config.city.key,
                "name": config.city.name,
                "state": config.city.state,
                "slug": config.pilot.slug,
                "domain": config.pilot.domain,
            },
            "run": _run(book),
            "plan": book.plan.as_record(),
            "design": {
                "type": config.design.type,
                "estimator": config.design.estimator,
                "unit": config.pilot.unit_of_analysis,
                **(design or {}),
            },
            "estimates": _estimates(book),
            "robustness": robustness,
            "attrition": attrition,
            "indicators": list(indicators),
            "flags": [flag.as_dict() for flag in flags],
            "quality": {"data_age_days": banner.data_age(book), **(quality or {})},
            "costs": spent and {**spent, **(costs or {})},
            "decision": decision,
            "lessons": list(lessons),
            "disclosure": {
                "level": "internal",
                "small_cell_min": book.rules.small_cell_min,
                "cells_suppressed": _hidden_cells(book),
                "audit_passed": False,
                "rounding": "none",
            },
            "provenance": provenance(book),
        }
    )


def _estimates(book) -> list[dict]:
    """The estimates of all sections. The plan alone says what the primary one is, never a section of the city's own."""
    for made in book.sections.values():
        own = [row["estimate_id"] for row in made.estimates if row["role"] == "primary"]
        if own and made.id != PRIMARY:
            raise EmiError(
                f"Section {made.id} ('{made.question}') gives its estimate {own[0]} the role primary.",
                f"Only the outcome and contrast of the plan have it, in {PRIMARY}. Give yours the role sensitivity.",
            )
    return [row for made in book.sections.values() for row in made.estimates]


def clean(value):
    """Plain JSON values: numpy numbers as numbers, NaN as null, tuples as lists."""
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    if isinstance(value, str | bool) or value is None:
        return value
    if is_missing(value):
        return None
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and number in (float("inf"), float("-inf")) else number


def spending(book) -> dict | None:
    """What was spent up to `as_of`, in cash; the quality is that of the weakest entry.

    evaluation_share is of the cash, pilot_elapsed_share of the pilot's days; forecast_usd is the cash spent by the end
    of the pilot if recurring spending goes on as it did; `funds` has a row for each source and kind
    (one_time, recurring, in_kind), amounts that are never added over kinds.
    """
    rows = book.data.tables.get("costs")
    if rows is None or rows.empty:
        return None
    cash = rows[~rows["is_in_kind"].astype(bool)]
    evaluation = cash.loc[cash["category"] == "evaluation", "amount_usd"]
    weakest = min(rows["quality"], key=QUALITY_RANK.index)
    served = len(served_subjects(book).get("participant", ())) or None  # services may be those of places
    elapsed = _elapsed(book)
    total = float(cash["amount_usd"].sum())
    return {
        "budget_usd": book.config.pilot.budget_usd,
        "total_usd": total,
        "forecast_usd": _forecast(cash, elapsed),
        "served": served,
        "per_participant_usd": total / served if served else None,
        "icer": None,
        "icer_ci": None,
        "prob_below_ceiling": None,
        "evaluation_share": float(evaluation.sum()) / total if total else None,
        "pilot_elapsed_share": elapsed,
        "funds": _funds(rows),
        "quality": weakest,
    }


def _elapsed(book) -> float:
    pilot = book.config.pilot
    return min(1.0, max(0, (book.as_of - pilot.start).days + 1) / ((pilot.end - pilot.start).days + 1))


def _forecast(cash, elapsed: float) -> float | None:
    """What was spent once, and recurring spending at its pace so far; None before the pilot began."""
    if not elapsed:
        return None
    once = cash["one_time"].astype(bool)
    return float(cash.loc[once, "amount_usd"].sum() + cash.loc[~once, "amount_usd"].sum() / elapsed)


def _funds(rows) -> list[dict]:
    """Who paid how much, once, again and again, or in kind."""
    once = rows["one_time"].astype(bool).map({True: "one_time", False: "recurring"})
    kind = once.mask(rows["is_in_kind"].astype(bool), "in_kind").rename("kind")
    sums = rows.groupby([rows["fund_source"].astype(str), kind])["amount_usd"].sum()
    return [{"fund_source": fund, "kind": kind, "amount_usd": float(usd)} for (fund, kind), usd in sums.items()]


def served_subjects(book) -> dict:
    """{kind of subject: those with at least one delivered service, each once}. Found once: services may be millions."""
    services = book.data.tables.get("services")
    if services is None or services.empty:
        return {}
    if "served" not in book.cache:
        given = services.loc[services["delivered"].astype(bool), ["subject_type", "subject_id"]]
        kinds = {kind: given["subject_type"] == kind for kind in given["subject_type"].unique()}
        book.cache["served"] = {kind: given.loc[own, "subject_id"].unique() for kind, own in kinds.items()}
    return book.cache["served"]


def provenance(book) -> dict:
    """What a second analyst needs to know that the inputs, settings and code are the same."""
    lines = sorted(f"{entry['table']}:{entry['sha256']}" for entry in book.data.inputs)
    digest = hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()
    return {
        "inputs": sorted(book.data.inputs, key=lambda entry: entry["table"]),
        "inputs_digest": f"sha256:{digest}",
        "config_sha256": f"sha256:{book.config.sha256}",
        "code": {
            "git_commit": plan_lock.git_commit(book.city_dir),
            "dirty": plan_lock.git_dirty(book.city_dir),
            "shared_utils": shared_utils.__version__,
            "vendored_sha256": _file_sha(book, "shared_utils/VENDORED.json"),
            "lockfile_sha256": _file_sha(book, "requirements.txt"),
        },
        "notebook_sha256": notebook_sha(book),
        "parameters": book.parameters,
        "seed": book.seed,
        "salt_fingerprint": book.data.intake.get("salt_fingerprint") or None,
        "python": ".".join(platform.python_version_tuple()[:2]),
        # Kept empty: the name of an earlier run would make equal inputs give different records.
        "previous_run_id": None,
    }


def notebook_sha(book) -> str:
    """Hash of the notebook people edit, without outputs; empty when it is not in its place."""
    path = notebooks.source_path(book.city_dir, book.notebook)
    return f"sha256:{freshness.notebook_sha(path)}" if path.exists() else ""


def _run(book) -> dict:
    finished = datetime.now(UTC)
    started = datetime.fromisoformat(book.started_at)
    return {
        "run_id": book.run_id,
        "started_at": book.started_at,
        "finished_at": finished.isoformat(timespec="seconds"),
        "duration_s": round((finished - started).total_seconds(), 1),
        "status": "ok",
        "as_of": book.as_of.isoformat(),
        "blind": book.blinded,
    }


def _hidden_cells(book) -> int:
    tables = [part for s in book.sections.values() for part in (s.table, *s.more) if hasattr(part, "suppressed")]
    return sum(table.suppressed(book.rules)[1] for table in tables)


def _file_sha(book, name: str) -> str | None:
    path = book.city_dir / name
    if not path.exists():
        return None
    content = path.read_bytes().replace(b"\r\n", b"\n")  # a checkout on Windows may turn LF into CRLF
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
