"""Impact, for others: lessons for the network (I13) and what a second analyst needs (I14)."""

import platform

import shared_utils
from shared_utils.results import Flag
from shared_utils.results.notebooks import NOTEBOOKS
from shared_utils.sections import charts_compare, city_files, plan_lock, record
from shared_utils.sections.figures import BLUE, GREY
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import counted, listed, number, sentence

STAFF = "staff observation"
NEEDED = ("implementation", "data")
LIBRARIES = ("numpy", "pandas", "scipy", "statsmodels", "linearmodels", "diff-diff")


@section("I13", "What did we learn for other cities?")
def lessons(book) -> Section:
    """Lessons the city wrote, and drafts from what this record shows; evidence is kept apart from opinion."""
    written = [_written(entry) for entry in city_files.lessons(book.city_dir)]
    drafts = drafted(book)
    rows = written + drafts
    kinds = {row["type"] for row in written}
    lacking = [kind for kind in NEEDED if kind not in kinds]
    flags = (
        [
            Flag(
                "LESSONS",
                "warn",
                "lessons.yaml",
                f"No lesson on {listed(lacking, 'or')} is written down yet.",
            )
        ]
        if lacking
        else []
    )
    backed = sum(row["basis"] != STAFF for row in rows)
    text = (
        (
            f"{counted(len(rows), 'lesson')} so far: {_count(backed)} from numbers in this report, "
            f"{_count(len(rows) - backed)} from what staff saw"
        )
        if rows
        else ("No lesson is written down yet. Add one to lessons.yaml")
    )
    columns = [
        Column("statement", "Lesson"),
        Column("type", "About"),
        Column("basis", "Rests on"),
        Column("confidence", "Confidence"),
        Column("status", "Status"),
    ]
    table = Table("Lessons for other cities", columns, rows) if rows else None
    return Section(
        sentence(text),
        table=table,
        figure=_by_type(book, rows) if rows else None,
        flags=flags,
        data={
            "record": [
                {key: row[key] for key in ("id", "type", "statement", "evidence", "confidence", "transferable_to")}
                for row in rows
            ]
        },
    )


def _count(n: int) -> str:
    return number(n) if n else "none"


def _written(entry: dict) -> dict:
    transferable = entry.get("transferable_to") or []
    return {
        **entry,
        "basis": STAFF if entry["evidence"] == STAFF else str(entry["evidence"]),
        "status": entry.get("status") or "draft",
        "transferable_to": transferable if isinstance(transferable, list) else [str(transferable)],
    }


def drafted(book) -> list[dict]:
    """Draft lessons from flags, changes to the plan and the rule's result; a person reviews them."""
    found = []
    for flag in book.all_flags():
        if flag.code.startswith("DQ") and flag.severity in ("serious", "block"):
            found.append(_draft(book, "data", f"Check this before the first month: {flag.message}", flag.code))
        if flag.code == "ATTRITION":
            found.append(_draft(book, "measurement", f"Plan follow-up early: {flag.message}", flag.code))
        if flag.code in ("CONTRAST", "small_contrast"):
            found.append(_draft(book, "implementation", f"Make the offer stronger: {flag.message}", flag.code))
    for entry in book.plan.entries:
        found.append(
            _draft(
                book,
                "implementation",
                f"Plan changed ({entry['field']}): {entry['reason']}",
                "deviations.yaml",
            )
        )
    made = book.sections.get("I11")
    decided = made.data.get("record") if made else None
    # Only where the range itself holds both answers: a flag or a guardrail says nothing about the pilot's size.
    if decided and decided["recommendation"] == "KEEP LEARNING" and "U >= m" in decided["reason"]:
        text = (
            "A pilot of this size could not tell a worthwhile change from none: plan for more people or "
            "longer follow-up."
        )
        found.append(_draft(book, "measurement", text, "estimate primary"))
    unique = {row["statement"]: row for row in found}
    return [row | {"id": f"{book.config.city.key}-draft-{i:02d}"} for i, row in enumerate(unique.values(), start=1)]


def _draft(book, kind: str, statement: str, evidence: str) -> dict:
    words = statement.split()
    short = " ".join(words[: city_files.MAX_WORDS]) + (" ..." if len(words) > city_files.MAX_WORDS else "")
    return {
        "type": kind,
        "statement": short,
        "evidence": evidence,
        "basis": evidence,
        "confidence": "high",
        "status": "draft from this report",
        "transferable_to": [book.config.design.type],
    }


def _by_type(book, rows):
    kinds = list(dict.fromkeys(row["type"] for row in rows))
    bars = [(kind, n := sum(row["type"] == kind for row in rows), counted(n, "lesson")) for kind in kinds]
    most = max(bars, key=lambda b: b[1])
    title = f"Most lessons are about {most[0]}" if len(bars) > 1 else f"All lessons are about {most[0]}"
    sheet = {
        "title": title,
        "subtitle": "Number of lessons by what they are about",
        "stamp": book.stamp,
        "note": "Source: lessons.yaml and drafts from this report.",
    }
    alt = f"Bar chart. {title}. " + "; ".join(f"{kind}: {words}" for kind, _, words in bars) + "."
    return charts_compare.bars(bars, sheet, alt, "lessons", tones=[BLUE] + [GREY] * (len(bars) - 1))


@section("I14", "Can someone redo this?")
def reproduce(book) -> Section:
    """Hashes of inputs, settings, code and notebook, versions, and the command."""
    made = record.provenance(book)
    command = f"emi run {book.city_dir.name}"
    rows = [
        {"what": "Command", "value": command},
        {"what": "Without emi", "value": f"papermill notebooks/{NOTEBOOKS[book.notebook]}.ipynb out.ipynb"},
        {"what": "Data, all tables", "value": made["inputs_digest"]},
        *({"what": f"Data, {entry['table']}", "value": f"sha256:{entry['sha256']}"} for entry in made["inputs"]),
        {"what": "Settings", "value": made["config_sha256"]},
        {"what": "Plan", "value": book.plan.hash or "not locked"},
        {"what": "Notebook", "value": made["notebook_sha256"] or "not in its place"},
        {"what": "Shared code", "value": shared_utils.__version__},
        {"what": "Estimator", "value": listed([str(v) for v in plan_lock.estimator(book.config).values()])},
        {"what": "Seed", "value": str(book.seed)},
        {"what": "Versions", "value": listed([f"{name} {version}" for name, version in versions()])},
    ]
    second = city_files.decision(book.city_dir)["reanalysis"]
    rows.append({"what": "Second analyst", "value": second or "not recorded yet (plan/decision.yaml, reanalysis)"})
    flags = [] if second else [Flag("REANALYSIS", "info", "I14", "No second person has run the analysis again yet.")]
    for row in rows:
        row["value"] = _short(row["value"])
    text = f'To reproduce, type "{command}". The same data, settings and code give the same numbers'
    return Section(
        sentence(text),
        flags=flags,
        table=Table("What a second analyst needs", [Column("what", ""), Column("value", "Value")], rows),
    )


def versions() -> list[tuple[str, str]]:
    """Python and the libraries estimates rest on."""
    from importlib.metadata import version

    return [
        ("python", ".".join(platform.python_version_tuple()[:2])),
        *((name, version(name)) for name in LIBRARIES),
    ]


def _short(value: str) -> str:
    """A hash at the length people compare; the record holds it whole."""
    return value[:23] if value.startswith("sha256:") else value
