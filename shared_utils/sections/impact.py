"""The impact notebook: what the pilot changed, by the plan that was locked."""

from shared_utils.sections import analysis, checks, rating, record
from shared_utils.sections import book as books
from shared_utils.sections.impact_choices import choices
from shared_utils.sections.impact_cost import cost_per_result
from shared_utils.sections.impact_decision import decision, summary
from shared_utils.sections.impact_effect import null_rows, primary_effect
from shared_utils.sections.impact_groups import subgroups
from shared_utils.sections.impact_hidden import hidden_differences
from shared_utils.sections.impact_missing import missing_outcomes
from shared_utils.sections.impact_notes import lessons, reproduce
from shared_utils.sections.impact_outcomes import other_outcomes
from shared_utils.sections.impact_people import analysed, contrast, plan
from shared_utils.stats import power

__all__ = [
    "analysed",
    "choices",
    "contrast",
    "cost_per_result",
    "decision",
    "finish",
    "hidden_differences",
    "lessons",
    "missing_outcomes",
    "open_book",
    "other_outcomes",
    "plan",
    "primary_effect",
    "reproduce",
    "subgroups",
    "summary",
]


open_book = books.opener("impact")


def finish(book: books.Book) -> record.Written:
    """Write the record: estimates, decision and lessons; all nulls where results must stay hidden."""
    effect = primary_effect(book)
    if not any(row["role"] == "primary" for row in effect.estimates):
        effect.estimates += null_rows(book, effect.sentence)  # the record keeps its place and says why
    return record.finish(
        book,
        design={
            "n_units": int(book.study.frame[book.study.subject_id].nunique()),
            "n_rows": len(book.study.frame),
            "unit_label": book.study.unit_label,
        },
        robustness=_robustness(book),
        attrition=_attrition(book),
        costs=_data(book, "I10"),
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


def _robustness(book) -> dict | None:
    """The listed analyses (I5) with what a hidden difference would have to be (I9)."""
    parts = {**(_data(book, "I5") or {}), **(_data(book, "I9") or {})}
    return parts or None


def _attrition(book) -> dict | None:
    """Missing main outcomes, overall and by group, and what they could hide, for designs on people."""
    if analysis.is_panel(book) or book.descriptive:
        return None
    return {**checks.attrition(book).as_record(), **(_data(book, "I8") or {})}
