"""How far a result may be trusted, in the initiative's own labels (pilots.md 7.3): rating, finding and tier.

Two judgements, then a tier. The rating says how far the design supports a cause; the finding says what the
interval shows. They are modelled on WWC, CLEAR and ESSA and are not official ratings.
"""

from shared_utils.sections import analysis
from shared_utils.stats import attrition, balance

HIGH, MODERATE, LOW = "high", "moderate", "low"
RANDOM = ("rct_individual", "rct_cluster", "rct_blocked_lottery", "rct_multiarm", "iv_encouragement")
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
    if book.config.design.type not in RANDOM:
        failed = any(flag.severity == "serious" and flag.scope == book.config.primary.id for flag in flags)
        return LOW if failed else MODERATE
    if _low_attrition(book):
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
    frame = book.study.frame
    for column in ("site_id", "branch_id", book.study.design.get("cluster"), book.study.design.get("unit")):
        if column and column in frame:
            return int(frame[column].nunique())
    return 1


def _low_attrition(book) -> bool:
    """The cautious boundary: a program can move who answers."""
    gone = book.study.frame[book.config.primary.id].isna()
    shares = [gone[book.study.frame[book.study.arm] == arm].mean() for arm in analysis.arms(book)]
    return attrition.wwc(float(gone.mean()), float(max(shares) - min(shares)))["cautious"] == "low"


def _alike(book) -> bool:
    """No covariate of the analyzed people differs by more than 0.25 standard deviations."""
    frame = book.study.frame.dropna(subset=[book.config.primary.id])
    treated, comparison = book.study.labels
    frame = frame[frame[book.study.arm].isin([treated, comparison])]
    table = balance.balance_table(
        frame.assign(_group=(frame[book.study.arm] == treated).astype(int)), "_group", book.study.covariates
    )
    return bool((table["d"].abs().dropna() <= EQUIVALENT).all())
