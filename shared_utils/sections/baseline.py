"""The baseline notebook: what the pilot wants, whether the data hold, who takes part, what it can detect."""

from shared_utils.sections import book as books
from shared_utils.sections import record
from shared_utils.sections.baseline_context import context
from shared_utils.sections.baseline_data import data_quality, purpose
from shared_utils.sections.baseline_groups import comparability, missing
from shared_utils.sections.baseline_next import next_steps
from shared_utils.sections.baseline_people import participants
from shared_utils.sections.baseline_power import detectable, plan_readiness

__all__ = [
    "comparability",
    "context",
    "data_quality",
    "detectable",
    "finish",
    "missing",
    "next_steps",
    "open_book",
    "participants",
    "plan_readiness",
    "purpose",
]


open_book = books.opener("baseline")


def finish(book: books.Book) -> record.Written:
    """Write the record: balance, attrition and power stand in its open blocks."""
    shown = book.sections
    return record.finish(
        book,
        design={
            "n_units": int(book.study.frame[book.study.subject_id].nunique()),
            "power": _data(shown, "B7"),
            "balance": _data(shown, "B5"),
            "flow": _data(shown, "B3"),
        },
        attrition=_data(shown, "B6"),
    )


def _data(shown: dict, id: str):
    """The record part of a section, None when it did not run."""
    return (shown[id].data or {}).get("record") if id in shown else None
