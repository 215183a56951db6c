"""Impact, several arms: the effect of the arm that came out best, after allowing for having been picked (in I4)."""

from dataclasses import replace

from shared_utils.designs import rct_multiarm
from shared_utils.results import Flag
from shared_utils.sections import analysis
from shared_utils.sections.wording import counted, sentence, signed, span


def best_arm(book, main: list[dict]) -> tuple[list[str], list[Flag]]:
    """Return (a sentence about the best arm, a flag where its interval holds no effect); nothing for a single contrast.

    main: the rows the decision reads; the decision reads them as they are, and this beside them.
    """
    if book.config.design.type != "rct_multiarm" or len(main) < 2:
        return [], []
    outcome = book.config.primary
    found = rct_multiarm.winner(book.study.frame, analysis.design(book, outcome.id, draws=0), outcome.direction)
    if found is None:
        return [], []
    arm, best = found
    row = next(row for row in main if arm in row["contrast"].split(" - "))
    told = replace(analysis.told(book, row), value=best.value, low=best.ci_low, high=best.ci_high)
    change, likely = signed(told, told.value, book.rules), span(told, book.rules)
    arms, name = counted(len(main), "arm"), told.subject
    words = sentence(
        f"of {arms}, {name} came out best, which takes some luck. Allowing for that, the main measure is {change} with "
        f"it (likely range {likely})"
    )
    if not best.ci_low <= 0 <= best.ci_high:
        return [words], []
    message = f"Allowing for the luck in coming out best of {arms}, {name} may have changed nothing ({likely})."
    return [words], [Flag("BEST_ARM", "warn", "I4", message, False)]
