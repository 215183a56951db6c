"""Sentences from values only: plain verbs, natural frequencies, the comparison named, the range in words.

Nothing here is typed for one city. Words that claim more than the data ("significant", "proves") do not
occur, and "no effect" is never concluded from a range that also holds a worthwhile one (pilots.md 5.0, 5.3).
"""

import math
import re
from dataclasses import dataclass
from datetime import date

from shared_utils.disclosure import Rules, round_count
from shared_utils.sections.numbers import decimals
from shared_utils.sections.scales import Scale

# Codes of the data model in the reader's words; other codes lose their underscores.
WORDS = {
    "race_ethnicity": "race and ethnicity",
    "household_type": "household type",
    "opportunity_tercile": "neighborhood opportunity",
    "majority_race_ethnicity": "majority of the tract",
    "black_nh": "Black",
    "white_nh": "White",
    "hispanic": "Hispanic",
    "asian_nh": "Asian",
    "aian_nh": "American Indian or Alaska Native",
    "nhpi_nh": "Native Hawaiian or Pacific Islander",
    "mena": "Middle Eastern or North African",
    "multi_other_nh": "several or other",
    "single_adult_children": "single adult with children",
    "two_plus_adults_children": "couple or adults with children",
    "single_adult_no_children": "single adult, no children",
    "two_plus_adults_no_children": "couple or adults, no children",
    "nonbinary_other": "nonbinary or other",
    "lt_hs": "less than high school",
    "hs_ged": "high school or GED",
    "some_college": "some college",
    "assoc_plus": "associate degree or more",
    "age_years": "age in years",
    "age_months": "age in months",
    "home_language_not_english": "home language other than English",
    "neighbourhood": "neighborhood",
    "kfr_pooled_pooled_p25": "income rank of children of low-income parents",
    "share_black": "share Black",
    "share_hispanic": "share Hispanic",
    "hs_credential": "high school credential",
    "unknown": "not known",
    "outcome_baseline": "main measure at the start",
    "(missing)": "not known",
}
DESIGNS = {
    "rct_individual": "randomized trial of people",
    "rct_cluster": "randomized trial of whole groups",
    "rct_blocked_lottery": "lottery in blocks",
    "rct_multiarm": "randomized trial with several arms",
    "iv_encouragement": "randomized invitation",
    "did_staggered": "staggered start, compared with places not yet started",
    "panel_did": "pilot places compared with other places over time",
    "observational_aipw": "comparison adjusted for known differences",
    "rd": "comparison at a cutoff",
    "synthetic_control": "one place compared with a weighted mix of others",
    "interrupted_time_series": "one series, before and after",
    "time_to_event": "time until something happens, with the program and without",
    "descriptive": "description without a comparison",
}
SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

# Whose mean stands behind "with it" and "without it", by design (the means are those of designs.estimate).
COMPARED = {
    "rct_individual": ("among people offered the program", "among people who were not"),
    "rct_cluster": ("in {units} with the program", "in {units} without it"),
    "rct_blocked_lottery": ("among people drawn in the lottery", "among those not drawn"),
    "rct_multiarm": ("with {treated}", "with {comparison}"),
    "iv_encouragement": ("with the service", "without it, among those the invitation brought in"),
    "did_staggered": (
        "in {units} with the program",
        "expected without it, going by {units} not yet started",
    ),
    "panel_did": ("in the pilot areas", "expected without it, going by the others"),
    "observational_aipw": ("among those who took the program", "expected for the same people without it"),
    "rd": ("just inside the limit", "just outside it"),
    "synthetic_control": ("where the program ran", "expected without it, going by a mix of other {units}"),
    "interrupted_time_series": ("when the program started", "expected then without it, going by the {units} before"),
    "time_to_event": ("among people with the program", "among people without it"),
}


def number(n: int) -> str:
    """A small whole number as a word, a larger one in digits."""
    return SMALL[n] if 0 <= n < len(SMALL) else decimals(n, 0)


def counted(n: int, one: str, many: str = "") -> str:
    """A number with its noun: "one check", "3 checks" as "three checks"."""
    return f"{number(n)} {one if n == 1 else many or plural(one)}"


def plural(one: str) -> str:
    """More than one of it: "checks", "exact copies", "rows that the mapping leaves out"."""
    noun, that, rest = one.partition(" that ")
    many = f"{noun[:-1]}ies" if re.search("[^aeiou]y$", noun) else f"{noun}s"
    return f"{many}{that}{rest}"


def people(n, rules: Rules, unit: str = "people") -> str:
    """A released count of people with its unit: "about 760 people"; a small count is not said."""
    if 0 < n < rules.small_cell_min:
        return f"fewer than {rules.small_cell_min} {unit}"
    rounded = round_count(n, rules)
    return f"{'' if rounded == n else 'about '}{rounded:,} {unit}"


def listed(words: list[str], last: str = "and") -> str:
    """Words with commas: "a", "a and b", "a, b and c"."""
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else ""


def day(value: date) -> str:
    return f"{value:%B} {value.day}, {value.year}"


def month(value) -> str:
    return f"{value:%B %Y}"


def shows(n: int, what: str) -> str:
    """Say "none shows concern", "one shows concern" or "five show concern"."""
    return f"{number(n) if n else 'none'} {'show' if n > 1 else 'shows'} {what}"


def times(n: float) -> str:
    """Say "once", "twice" or "7 times"."""
    return {1: "once", 2: "twice"}.get(round(n), f"{round(n)} times")


def group(dim: str, value) -> str:
    """A group in words that stand alone: "low-opportunity neighborhoods", "low family renter share"."""
    if dim == "opportunity_tercile" and str(value) != "unknown":
        return f"{value}-opportunity neighborhoods"
    if dim.endswith("_tercile") and str(value) != "unknown":
        return f"{value} {plainly(dim.removesuffix('_tercile'))}"
    return plainly(value)


def capital(text: str) -> str:
    """Upper case at the start, the rest as it is: names keep their capitals ("home language other than English")."""
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """Upper case at the start, one full stop at the end, single spaces."""
    text = capital(" ".join(text.split()))
    return text if text.endswith((".", "?", "!")) else f"{text}."


def plainly(name: str) -> str:
    """A code in words: "n_children" as "number of children", "savings_baseline_usd" as "savings at the
    start (dollars)"."""
    name = str(name)
    if name in WORDS:
        return WORDS[name]
    for pattern, words in (
        ("^u_", ""),
        ("^n_", "number of "),
        ("_id$", ""),
        ("_usd$", " (dollars)"),
        ("_baseline", " at the start"),
    ):
        name = re.sub(pattern, words, name)
    return name.replace("_", " ")


@dataclass(frozen=True)
class Told:
    """An estimate with all that a sentence needs. Values are on the estimation scale, signs natural."""

    scale: Scale
    direction: str  # increase or decrease: which way is better
    value: float
    low: float
    high: float
    se: float
    mean_with: float | None  # None: unknown, or too few people behind it
    mean_without: float | None
    n: int
    mwe: float
    label: str
    with_words: str
    without_words: str
    subject: str = "the pilot"

    @property
    def sign(self) -> int:
        return 1 if self.direction == "increase" else -1

    @property
    def unbounded(self) -> bool:
        """True when the data leave an end of the range open (a weak instrument)."""
        return math.isinf(self.low) or math.isinf(self.high)

    @property
    def benefit(self) -> tuple[float, float, float]:
        """(b, l, u): the estimate and its interval turned so that more is better."""
        return (self.value, self.low, self.high) if self.sign > 0 else (-self.value, -self.high, -self.low)


def finding(told: Told, rules: Rules) -> str:
    """What the primary estimate says, without its range: a clear change, or "we cannot tell yet"."""
    _, low, high = told.benefit
    if low > 0 or high < 0:
        worse = "" if low > 0 else " This is a change for the worse."
        return sentence(f"{told.subject} {_verb(told)} the main measure ({_label(told)}).{_levels(told, rules)}{worse}")
    if high < told.mwe:
        start = (
            f"the data rule out a gain as large as the {worth(told, rules)} the city set as worthwhile "
            "on the main "
            f"measure ({_label(told)})"
        )
    else:
        start = f"we cannot tell yet whether {told.subject} changed the main measure ({_label(told)})"
    if told.unbounded:
        return f"{sentence(start)} The data set no limits to the size of the change."
    return sentence(f"{start}. The best estimate is {signed(told, told.value, rules)}.{_levels(told, rules)}")


def effect(told: Told, rules: Rules) -> str:
    """What the primary estimate says with its range, for I4."""
    if told.unbounded:
        return finding(told, rules)
    return f"{finding(told, rules)} {sentence(f'the likely range of the change is {span(told, rules)}')}"


def headline(told: Told, rules: Rules) -> str:
    """The finding as a figure's title."""
    _, low, high = told.benefit
    if low > 0 or high < 0:
        return sentence(
            f"{told.subject} {_verb(told)} the main measure by {told.scale.size(told.value, told.se, rules)}"
        )[:-1]
    if high < told.mwe:
        return f"The data rule out a worthwhile gain of {worth(told, rules)}"
    return f"We cannot tell yet whether {told.subject} changed the main measure"


def worth(told: Told, rules: Rules) -> str:
    """The minimum worthwhile effect in words."""
    return told.scale.size(told.sign * told.mwe, None, rules)


def span(told: Told, rules: Rules) -> str:
    """The interval in words, both ends on one side: "between 0.8 and 14 points"; else with signs."""
    if told.unbounded:
        return "without limits"
    if told.low < 0 < told.high:
        return f"from {signed(told, told.low, rules)} to {signed(told, told.high, rules)}"
    near, far = sorted((told.low, told.high), key=abs)
    first = told.scale.size(near, told.se, rules)
    return f"between {_bare(first)} and {told.scale.size(far, told.se, rules)}"


def signed(told: Told, value: float, rules: Rules) -> str:
    """A value with its direction in words: "3.7 points lower", "no change"."""
    if told.scale.rounded(value, told.se, rules) == 0:
        return "no change"
    return f"{told.scale.size(value, told.se, rules)} {'higher' if value > 0 else 'lower'}"


def verdict(told: Told, base: tuple[str, str], final: tuple[str, str], why: list[str], ratio, rules: Rules) -> str:
    """The sentence of the rule's result (sentence bank of pilots.md 5.3).

    base: (recommendation, label) that the numbers alone give; final: the result; why: flags and guardrails that
    held it back, none when the numbers alone decided.
    """
    text = _base_verdict(told, *base, ratio if final == base and not why else None, rules)
    if not why:
        return f"{text} Expand in steps and keep measuring." if base == ("SCALE", "staged") else text
    held = f"{final[0]}, {final[1]}" if final[1] else final[0]
    reasons = [f"It{' also' if i else ''} does so for this reason: {reason}." for i, reason in enumerate(why)]
    return " ".join([text, f"The rule holds this to {held}.", *reasons])


def _base_verdict(told: Told, recommendation: str, label: str, ratio, rules: Rules) -> str:
    if recommendation == "KEEP LEARNING":
        return sentence(
            f"we cannot tell yet. The likely range is {span(told, rules)}. It includes no effect and also a "
            "worthwhile one. This is not evidence of no effect"
        )
    b, low, high = (told.scale.size(told.sign * x, told.se, rules) for x in told.benefit)
    start = f"{told.subject} {_verb(told)} the main measure ({_label(told)}).{_levels(told, rules)}"
    least = worth(told, rules)
    if recommendation == "SCALE" and label == "firm":
        reaches = "reaches" if low == least else "is above"
        return sentence(
            f"{start} Even the low end of the range ({low}) {reaches} the {least} that the city set as worthwhile"
        )
    if recommendation == "SCALE":
        return sentence(
            f"{start} The best estimate is above the {least} that the city set as worthwhile. But a change as small "
            f"as {low} also fits the data.{_overstated(told, ratio, rules)}"
        )
    if recommendation == "ADAPT":
        return sentence(
            f"the program works, but the gain ({b}; {low} to {high}) is smaller than the {least} the "
            "city said would be "
            "worth the cost"
        )
    best = high if told.benefit[2] > 0 else "no gain"
    return sentence(
        f"the data rule out a gain as large as {least} (the most favorable likely value is {best}). Other benefits "
        "may exist, but not on the measure chosen in advance"
    )


def not_decision_grade(codes: list[str]) -> str:
    """What stands beside a result that a failed check makes unusable."""
    return f"This result is not decision-grade: {listed(codes)}. Until that is mended, it must not guide a decision."


def _overstated(told: Told, ratio: float | None, rules: Rules) -> str:
    if not ratio or ratio < 1.05:
        return ""
    return (
        f" Say the true change is just worthwhile ({worth(told, rules)}). Then a clear change in a study of this size "
        f"overstates it about {ratio:.1f} times."
    )


def _verb(told: Told) -> str:
    return "raised" if told.value > 0 else "lowered"


def _levels(told: Told, rules: Rules) -> str:
    """Say " It was about 58 in 100 with it, and 50 in 100 without it."; nothing where the means are hidden."""
    if told.mean_with is None or told.mean_without is None:
        return ""
    with_it, without = (told.scale.mean(m, told.n, rules) for m in (told.mean_with, told.mean_without))
    if told.scale.level and with_it.endswith(told.scale.level):
        without = without.removesuffix(told.scale.level).strip()  # the unit is said once
    return f" It was about {with_it} {told.with_words}, and {without} {told.without_words}."


def _label(told: Told) -> str:
    label = told.label[:1].lower() + told.label[1:] if not told.label[:2].isupper() else told.label
    return f"how fast this happens: {label}" if told.scale.name == "log_hr" else label


def _bare(size: str) -> str:
    """The number of a size without its unit word, for "between 0.8 and 14 points"."""
    return size.split(" ")[0]
