"""The impact notebook: what the pilot changed, by the plan that was locked."""

from shared_utils.sections import analysis, checks, rating, record
from shared_utils.sections import book as books
from shared_utils.sections.impact_decision import decision, summary
from shared_utils.sections.impact_effect import null_rows, primary_effect
from shared_utils.sections.impact_groups import subgroups
from shared_utils.sections.impact_notes import lessons, reproduce
from shared_utils.sections.impact_people import analysed, contrast, plan
from shared_utils.stats import power

__all__ = [
    "analysed",
    "contrast",
    "decision",
    "finish",
    "lessons",
    "open_book",
    "plan",
    "primary_effect",
    "reproduce",
    "subgroups",
    "summary",
]


def open_book(**parameters):
    """Open the city for this notebook; shown, it is the banner."""
    return books.open_book("impact", **parameters)


def finish(book):
    """Write the record: estimates, decision and lessons; all nulls where results must stay hidden."""
    effect = primary_effect(book)
    if not any(row["role"] == "primary" for row in effect.estimates):
        effect.estimates += null_rows(book, effect.sentence)  # the record keeps its place and says why
    return record.finish(
        book,
        design={
            "n_units": int(book.study.frame[book.study.subject_id].nunique()),
            "n_rows": len(book.study.frame),
        },
        attrition=_attrition(book),
        quality=_quality(book),
        decision=_data(book, "I11"),
        lessons=_data(book, "I13") or (),
    )


def _quality(book) -> dict:
    """Rating, finding, tier and exaggeration of the contrast that stands for the city; empty while hidden."""
    made = book.sections.get("I11")
    if not made or "told" not in made.data:
        return {"causal_rating": None, "tier": None}
    told = made.data["told"][made.data["best"]]
    return {**rating.quality(book, told), "exaggeration": power.exaggeration(told.mwe, told.se)["ratio"]}


def _data(book, id: str):
    """The record part of a section, None when it did not run."""
    return book.sections[id].data.get("record") if id in book.sections else None


def _attrition(book) -> dict | None:
    """Missing main outcomes, overall and by group, for designs on people."""
    return None if analysis.is_panel(book) or book.descriptive else checks.attrition(book).as_record()
