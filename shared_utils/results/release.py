"""The one way out of a city's folder: outputs/internal -> outputs/release (pilots.md 2.7).

Notebooks of one city that ran on the same data are one release: the same people are counted in all of them, so what
must be hidden is worked out over all their tables, figures and records together, beside what was released before.

A run that failed releases nothing and takes nothing back: the last good release stays, and its run block says
from when it is.
"""

import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from shared_utils.disclosure import Group, Protection, Rules, memory
from shared_utils.disclosure.scan import Watch
from shared_utils.errors import EmiError, nearest
from shared_utils.results import masking, whom
from shared_utils.results.fragment import ReleaseError, to_fragment
from shared_utils.results.network_record import network_record
from shared_utils.results.notebooks import NOTEBOOKS, executed_path
from shared_utils.results.record import internal_path, page_path, read, release_path, write, write_text
from shared_utils.results.seal import sealed

MEMORY = "disclosure_memory.json"


@dataclass(frozen=True)
class _Draft:
    """A notebook that may leave: its record, its page and its exact counts, and what its tables hide by themselves."""

    notebook: str
    record: dict
    executed: object
    counts: list[tuple[Group, int]]
    hidden: set[Group]

    @property
    def data(self) -> tuple[str, str, str]:
        """What the notebooks of one release have in common: day, inputs and settings."""
        provenance = self.record["provenance"]
        return self.record["run"]["as_of"], provenance["inputs_digest"], provenance["config_sha256"]


def release(city_dir: Path, notebooks: list[str] | None = None, watch: Watch | None = None) -> list[Path]:
    """Release the records and pages of a city's notebooks (None: all that have run); returns the files.

    `watch` knows the values of the city's private files: none of them may leave. Without it, identifiers are known by
    their looks only.

    What cannot leave is named in one ReleaseError after the others have been released.
    """
    from shared_utils.config import load_city  # settings are only needed when something leaves

    city_dir = Path(city_dir)
    for notebook in notebooks or []:
        if notebook not in NOTEBOOKS:
            raise ReleaseError(
                f"There is no notebook '{notebook}'.{nearest(notebook, NOTEBOOKS)}",
                f"Notebooks: {', '.join(NOTEBOOKS)}.",
            )
    wanted = notebooks or [name for name in NOTEBOOKS if internal_path(city_dir, name).exists()]
    rules = Rules.from_privacy(load_city(city_dir).privacy)
    drafts, refused = [], _Refusals(city_dir.name)
    for notebook in wanted:
        with refused.of(notebook):
            drafts.append(_draft(city_dir, notebook))
    written = []
    for data in sorted({draft.data for draft in drafts}):
        together = [draft for draft in drafts if draft.data == data]
        with refused.of(*(draft.notebook for draft in together)):
            written += _release(city_dir, together, rules, watch or Watch(), refused)
    refused.tell()
    return written


class _Refusals:
    """What could not leave, and why, told at the end."""

    def __init__(self, city: str):
        self.city, self.found = city, {}

    @contextmanager
    def of(self, *notebooks: str):
        """Note an error of the block for these notebooks instead of raising it."""
        try:
            yield
        except EmiError as error:
            self.found |= dict.fromkeys(notebooks, f"{error.message} {error.hint}".strip())

    def tell(self) -> None:
        if self.found:
            lines = [f"{self.city}, {notebook}: {why}" for notebook, why in self.found.items()]
            message = "Not released. " + "\n  ".join(lines)
            raise ReleaseError(message, "The last good release stays as it is.", self.found)


def _draft(city_dir: Path, notebook: str) -> _Draft:
    record = read(internal_path(city_dir, notebook))
    if record["run"]["status"] != "ok":
        raise ReleaseError(f"The last run ended '{record['run']['status']}'.", f"emi run {city_dir.name}")
    executed = _executed(city_dir, notebook, record)
    return _Draft(notebook, record, executed, *masking.counted(executed))


def _release(city_dir: Path, drafts: list[_Draft], rules: Rules, watch: Watch, refused: _Refusals) -> list[Path]:
    """Release notebooks of the same data, beside the others of that data that have run."""
    history_path = internal_path(city_dir, "").with_name(MEMORY)
    history, as_of = memory.load(history_path), _day(drafts[0].record["run"]["as_of"])
    beside = _beside(city_dir, drafts)
    protection = _protected([*drafts, *beside], history, as_of, rules)
    ready = []
    for draft in drafts:
        with refused.of(draft.notebook):
            ready.append((draft, *_outward(draft, rules, protection, watch)))
    # The memory first: should writing stop half-way, it holds too much rather than too little.
    left = whom.gathered(pair for draft in [*beside, *(draft for draft, *_ in ready)] for pair in draft.counts)
    now = memory.remember(history, left, protection, as_of)
    if ready and now["releases"][-1] not in history["releases"]:
        memory.save(now, history_path)
    written = []
    for draft, page, record in ready:
        written.append(write_text(page, page_path(city_dir, draft.notebook)))
        written.append(write(record, release_path(city_dir, draft.notebook)))
    return written


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise ReleaseError(f"The record's as_of is '{text}', which is not a day.", "Write it as 2020-10-31.") from None


def _beside(city_dir: Path, drafts: list[_Draft]) -> list[_Draft]:
    """The notebooks of the same data that are out already, or could be: readers lay them beside these."""
    found = []
    for notebook in NOTEBOOKS.keys() - {draft.notebook for draft in drafts}:
        if internal_path(city_dir, notebook).exists() and executed_path(city_dir, notebook).exists():
            with suppress(EmiError):  # what cannot be released is not beside them
                found.append(_draft(city_dir, notebook))
    return sorted((d for d in found if d.data == drafts[0].data), key=lambda draft: draft.notebook)


def _protected(drafts: list[_Draft], history: dict, as_of: date, rules: Rules) -> Protection:
    """What of all drafts together must be hidden, audited; raises ReleaseError when hiding does not help."""
    counts = whom.gathered(pair for draft in drafts for pair in draft.counts)
    rows = [row for draft in drafts for row in draft.record["indicators"]]
    found = memory.protect_release(counts, history, as_of, rules, whom.telling(rows) & set(counts))
    if not found.audit.passed:
        names = ", ".join(sorted(map(str, found.audit.failures))[:5])
        raise ReleaseError(f"Beside what is public, small counts could be worked out: {names}.", "Wait for a quarter.")
    # What one table hides by itself is hidden everywhere; a larger mask tells a reader less.
    return replace(found, hidden=found.hidden.union(*(draft.hidden for draft in drafts)))


def _outward(draft: _Draft, rules: Rules, protection: Protection, watch: Watch) -> tuple[str, dict]:
    """The page and the record of a draft as they may leave, the record with the hashes of both."""
    executed, gone = masking.masked(draft.executed, protection.hidden)
    page, record = to_fragment(executed), network_record(draft.record, rules, protection)
    record["disclosure"]["cells_suppressed"] += gone
    found = [*watch.findings(page, "page.html"), *watch.findings(json.dumps(record), "record.json")]
    if found:
        kinds = " and ".join(dict.fromkeys(finding.kind for finding in found))
        raise ReleaseError(f"It holds {kinds}.", "Take it out of the notebook; emi scan says where it is.")
    return page, sealed(record, page)


def _executed(city_dir: Path, notebook: str, record: dict):
    """The executed notebook that belongs to the record."""
    import nbformat

    path = executed_path(city_dir, notebook)
    if not path.exists():
        raise ReleaseError("There is a record but no executed notebook.", f"emi run {city_dir.name}")
    executed = nbformat.read(path, as_version=4)
    run_id = executed.metadata.get("papermill", {}).get("parameters", {}).get("run_id")
    if run_id and record["run"]["run_id"] and run_id != record["run"]["run_id"]:
        message = "The record and the executed notebook are from two runs."
        raise ReleaseError(message, f"emi run {city_dir.name}")
    return executed
