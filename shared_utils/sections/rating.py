"""How far a result may be trusted, in the initiative's own labels (pilots.md 7.3): rating, finding and tier.

Two judgements, then a tier. The rating says how far the design supports a cause; the finding says what the
interval shows. They are modelled on WWC, CLEAR and ESSA and are not official ratings.
"""

from shared_utils.sections import checks
from shared_utils.stats import balance

HIGH, MODERATE, LOW = "high", "moderate", "low"
EQUIVALENT = 0.25  # WWC: the largest difference at the start that adjustment can deal with
ENOUGH_PEOPLE, ENOUGH_SITES = 350, 2


def quality(book, told) -> dict:
    """causal_rating, finding and tier of the estimate that stands for the city; nothing while blinded."""
    rating = causal_rating(book)
    return {"causal_rating": rating, "finding": finding(told), "tier": tier(book, told, rating)}


def causal_rating(book) -> str:
    """High: drawn by chance with low attrition. Moderate: high attrition but alike at the start, or a design
    without a draw whose own checks passed. Low: anything else."""
    flags = [flag for flag in book.all_flags() if flag.affects_primary]
    if any(flag.severity == "block" for flag in flags):
        return LOW
    if book.config.design.type not in checks.RANDOM:
        failed = any(flag.severity == "serious" and flag.scope == book.config.primary.id for flag in flags)
        return LOW if failed else MODERATE
    # The cautious boundary, because a program can move who answers.
    if checks.attrition(book).wwc["cautious"] == "low":
        return HIGH
    return MODERATE if _alike(book) else LOW


def finding(told) -> str:
    """favorable, unfavorable, or not detected (which may rule out a worthwhile change)."""
    _, low, high = told.benefit
    if low > 0:
        return "favorable"
    if high < 0:
        return "unfavorable"
    return "not detected, worthwhile effect ruled out" if high < told.mwe else "not detected"


def tier(book, told, rating: str) -> str:
    """A to D, U (unfavorable) or N (not decision-grade)."""
    flags = book.all_flags()
    if rating == LOW or any(flag.severity == "block" for flag in flags):
        return "N"
    found = finding(told)
    if found == "unfavorable":
        return "U"
    if found != "favorable":
        return "D"
    serious = [flag for flag in flags if flag.severity == "serious"]
    large = told.n >= ENOUGH_PEOPLE and sites(book) >= ENOUGH_SITES
    early = book.plan.status in ("prospective", "before_unblinding")
    if rating == HIGH and early and large and not serious:
        return "A"
    return "B" if early and large and not any(flag.affects_primary for flag in serious) else "C"


def sites(book) -> int:
    """Places in which the pilot was run: sites, else clusters, buildings or tracts, else one."""
    frame, treated = book.study.frame, book.study.design.get("treated_units")
    if treated:
        return len(treated)
    for column in ("site_id", "branch_id", book.study.design.get("cluster"), book.study.design.get("unit")):
        if column and column in frame:
            return int(frame[column].nunique())
    return 1


def _alike(book) -> bool:
    """No covariate of the analyzed people differs by more than 0.25 standard deviations."""
    frame, group = checks.pair(book)
    known = frame.dropna(subset=[book.config.primary.id])
    table = balance.balance_table(known, group, book.study.covariates)
    return bool((table["d"].abs().dropna() <= EQUIVALENT).all())
