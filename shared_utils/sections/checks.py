"""Checks that the baseline shows and the impact heeds: comparable groups, stated chances, missing outcomes."""

from dataclasses import dataclass

from shared_utils import designs
from shared_utils.results import Flag
from shared_utils.sections import analysis
from shared_utils.sections.record import clean
from shared_utils.stats import assignment, balance, randomization
from shared_utils.stats import attrition as rates

RANDOM = ("rct_individual", "rct_cluster", "rct_blocked_lottery", "rct_multiarm", "iv_encouragement")
OMNIBUS_SERIOUS = 0.001


@dataclass(frozen=True)
class Attrition:
    """Share without the main outcome: overall, by arm, the widest gap, and the WWC verdicts."""

    overall: float
    by_arm: dict[str, float]
    gap: float
    wwc: dict

    @property
    def flags(self) -> list[Flag]:
        """Above the cautious boundary a warning, above the optimistic one serious (WWC Handbook 4.1)."""
        words = (
            f"{100 * self.overall:.0f}% of main outcomes are missing. The groups differ by {100 * self.gap:.1f} points."
        )
        if self.wwc["optimistic"] == "high":
            return [Flag("ATTRITION", "serious", "outcomes", f"{words} That is above the optimistic boundary.", True)]
        if self.wwc["cautious"] == "high":
            return [Flag("ATTRITION", "warn", "outcomes", f"{words} That is above the cautious boundary.", True)]
        return []

    def as_record(self) -> dict:
        """The attrition block of a record."""
        return {"overall": self.overall, "differential": self.gap, "by_arm": self.by_arm, **self.wwc}


def attrition(book) -> Attrition:
    """Missing main outcomes of a design on people, over all arms."""
    frame = book.study.frame
    gone = frame[book.config.primary.id].isna()
    by_arm = {arm: float(gone[frame[book.study.arm] == arm].mean()) for arm in analysis.arms(book)}
    overall, gap = float(gone.mean()), max(by_arm.values()) - min(by_arm.values())
    return Attrition(overall, by_arm, gap, clean(rates.wwc(overall, gap)))


def pairs(book) -> list[list[str]]:
    """[treated, comparison] of each primary contrast, the main one first; several with several arms."""
    others = [list(pair) for pair in getattr(book.config.design, "primary_contrasts", [])]
    return [book.study.labels, *(pair for pair in others if pair != book.study.labels)]


def pair(book, labels: list[str] | None = None):
    """(frame, name of a 0/1 column) of two groups that are compared, those of the main contrast unless named: one row a
    subject."""
    study = book.study
    frame = study.frame.drop_duplicates(study.subject_id)
    treated, comparison = labels or study.labels
    frame = frame[frame[study.arm].isin([treated, comparison])]
    return frame.assign(_group=(frame[study.arm] == treated).astype(int)), "_group"


def omnibus(book, labels: list[str] | None = None) -> float | None:
    """p of all differences at the start together, by re-drawing the assignment; None where nothing was drawn."""
    study = book.study
    if study.design["type"] not in RANDOM or not study.covariates:
        return None
    name = ("omnibus", *(labels or study.labels))
    if name not in book.cache:
        frame, group = pair(book, labels)
        drawn = {"strata": study.design.get("strata"), "clusters": study.design.get("cluster")}
        book.cache[name] = float(
            balance.omnibus_p(frame, group, study.covariates, permute=drawn, draws=book.draws, seed=book.seed)
        )
    return book.cache[name]


def repeated(book) -> str:
    """How p of the differences was found, for the main contrast, as a sentence."""
    frame, _ = pair(book)
    drawn = frame[book.study.design.get("cluster") or book.study.subject_id].nunique()
    if randomization.is_large(drawn, book.draws):
        return "With so many people the draw is not repeated: p is what repeating it comes to (Hansen and Bowers 2008)."
    return f"The draw was repeated {book.draws:,} times."


def assignment_flags(book) -> list[Flag]:
    """Was the draw what the plan says: balance of all covariates together, and the stated chances (DQ109)."""
    ps = [p for labels in pairs(book) if (p := omnibus(book, labels)) is not None]
    return [*_balance_flags(min(ps, default=None)), *_audit_flags(book)]


def design_flags(book) -> list[Flag]:
    """What the design's own checks say about the primary analysis."""
    hidden = book.notebook != "impact" or book.blinded
    found = designs.diagnose(book.study.frame, analysis.design(book, book.config.primary.id, draws=0), blind=hidden)
    return [Flag(**flag) for flag in found]


def _balance_flags(p: float | None) -> list[Flag]:
    if p is None or p >= OMNIBUS_SERIOUS:
        return []
    message = f"The groups differ at the start by more than chance assignment makes (p = {p:.4f})."
    return [Flag("BALANCE", "serious", "assignments", message, True)]


def _audit_flags(book) -> list[Flag]:
    study = book.study
    chance = study.design.get("assign_prob")
    if chance is None or study.design["type"] not in RANDOM:
        return []
    frame = study.frame
    strata = frame[study.design["strata"]].astype(str).agg(" / ".join, axis=1)
    audit = assignment.audit(frame["treatment"], strata, frame[chance])
    bad = int((~audit["compatible"]).sum())
    message = f"In {bad} of {len(audit)} blocks the share drawn does not fit the stated chance."
    return [Flag("DQ109", "block", "assignments", message, True)] if bad else []
