"""The intake report: what came in, what was dropped and why, and what looks wrong. Light: no pandas here."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE = "intake_report.json"


@dataclass(frozen=True)
class SourceReport:
    """One source into one table: `rows_in` + `rows_added` = `rows_kept` + the sum of `dropped` (reason -> rows).

    Rows are added by zero_fill and by outcomes that stand side by side (one row each). `notes` say how the file was
    read.
    """

    file: str
    mapping: str
    table: str
    sheet: str
    sha256: str
    rows_in: int
    rows_kept: int
    rows_added: int
    dropped: dict[str, int]
    identifiers_dropped: list[str]
    columns_dropped: list[str]
    notes: list[str] = field(default_factory=list)
    near_duplicates: int = 0
    tract_vintage: int | None = None

    def __str__(self) -> str:
        """Say it in one sentence: tracker.csv -> participants: 6 rows, 4 kept (1 empty, 1 exact copy left out)."""
        added = f" and {self.rows_added:,} made from them" if self.rows_added else ""
        left_out = ", ".join(f"{rows:,} {reason}" for reason, rows in self.dropped.items())
        left_out = f" ({left_out} left out)" if left_out else ""
        rows = f"{self.rows_in:,} rows{added}, {self.rows_kept:,} kept"
        return f"{Path(self.file).name} -> {self.table}: {rows}{left_out}"


@dataclass(frozen=True)
class IntakeReport:
    """`tables` is {name: {rows, sha256}}; `flags` are {code, severity, scope, message, affects_primary}.

    `places` say which rows of the city's files a flag is about: {code, scope, file, sheet, rows, count}, the first 20
    rows of each file. They stay here, with the data: a record's flags tell no rows.

    `fingerprint` covers the source files, the mappings and the settings intake depends on; `ran` is False
    when nothing had changed and the tables of the last intake stand.
    """

    fingerprint: str
    mode: str
    salt_fingerprint: str
    sources: list[SourceReport] = field(default_factory=list)
    tables: dict[str, dict] = field(default_factory=dict)
    flags: list[dict] = field(default_factory=list)
    places: list[dict] = field(default_factory=list)
    ran: bool = True

    def to_json(self) -> str:
        """Return the report as stable JSON; `ran` is a fact of this call and is left out."""
        content = asdict(self)
        del content["ran"]
        return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def read(folder: Path) -> IntakeReport | None:
    """Return the report in `folder` (data/.../linked), or None when there is none that can be read."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        sources = [SourceReport(**source) for source in content.pop("sources")]
        return IntakeReport(sources=sources, ran=False, **content)
    except (OSError, ValueError, KeyError, TypeError):
        return None
