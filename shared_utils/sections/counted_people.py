"""Whom the counts of a section's tables count, by the names that the record and the release know."""

from shared_utils.results import whom
from shared_utils.sections import analysis


def sample(book, row: dict, name: str, where: dict | None = None) -> dict:
    """Whom the counts of a row count ({key: Group}), under the name that the row has in the record; {} for places."""
    if analysis.is_panel(book) or row.get("contrast") is None:
        return {}
    return dict(zip(("n_treated", "n_comparison", "n"), whom.sample(name, analysis.contrast(row), where), strict=True))


def assigned(book) -> dict:
    """{Group: count} of everyone and of each arm, which every report shows; {} for places."""
    if analysis.is_panel(book):
        return {}
    frame = book.study.frame.drop_duplicates(book.study.subject_id)
    by_arm = {whom.arm(arm): int((frame[book.study.arm] == arm).sum()) for arm in analysis.arms(book)}
    return {whom.EVERYONE: len(frame), **by_arm}
