"""The scale of an outcome: how its effects and levels are shown, stored and put into words.

Effects are kept on the estimation scale (shares as proportions, rates as log ratios); a scale turns them into
what people read, with the rounding that their standard error allows.
"""

import math
import re
from dataclasses import dataclass, replace

from shared_utils import disclosure
from shared_utils.disclosure import Rules, round_effect, round_share, round_significant, round_usd
from shared_utils.sections.numbers import MINUS, decimals, is_missing, plain

INTERNAL = Rules(se_digits=3)  # a city's own tables show one digit more than a release


@dataclass(frozen=True)
class Scale:
    """How one outcome is told.

    name   the record's scale: prob_diff, usd, log_irr, log_hr, points, mean_diff
    unit   unit words of a displayed effect
    level  unit words of a mean ("judgments per 1,000 renter households per month")
    per    the 1,000 in these words: means are kept per one
    gain   True for gains (more is better) of an outcome that should fall: 0.2 fewer on the log scale is 18
    % fewer
    """

    name: str
    unit: str
    level: str = ""
    per: float = 1
    gain: bool = False

    @property
    def is_ratio(self) -> bool:
        """True for log ratios, shown as percent changes."""
        return self.name in ("log_irr", "log_hr")

    def shown(self, value: float) -> float:
        """An effect as people read it: points for shares, percent change for log ratios."""
        if self.gain:
            return -replace(self, gain=False).shown(-value)
        if self.name == "prob_diff":
            return 100 * value
        if self.is_ratio:
            return 100 * math.expm1(value) if value < math.inf else math.inf
        return value

    def shown_se(self, se: float) -> float:
        """The standard error of a shown effect; for log ratios that of a small effect, so all ends round
        alike."""
        return 100 * se if self.name == "prob_diff" or self.is_ratio else se

    def rounded(self, value: float, se: float | None, rules: Rules | None = None) -> float:
        """A shown effect at the digits its standard error supports."""
        shown_se = None if is_missing(se) else self.shown_se(se)
        return round_effect(self.shown(value), shown_se, rules or INTERNAL)

    def text(self, value: float, se: float | None = None, rules: Rules | None = None) -> str:
        """An effect for a table cell, with as many decimals as its standard error supports."""
        if math.isinf(value):
            return "no limit"
        number = self.rounded(value, se, rules)
        if self.name == "usd":
            return f"{MINUS if number < 0 else ''}${abs(number):,.0f}"
        return self._printed(number, se, rules) + ("%" if self.is_ratio else "")

    def _printed(self, number: float, se: float | None, rules: Rules | None) -> str:
        if is_missing(se) or se == 0:
            return plain(number)
        digits = (rules or INTERNAL).se_digits - 1 - math.floor(math.log10(self.shown_se(se)))
        return decimals(number, max(0, digits))

    def size(self, value: float, se: float | None, rules: Rules) -> str:
        """The size of an effect in words, without its sign: "7.6 points", "$380", "19 percent"."""
        number = abs(self.rounded(value, se, rules))
        if self.name == "usd":
            return f"${number:,.0f}"
        word = "percent" if self.is_ratio else "points" if self.name in ("prob_diff", "points") else self.unit
        return f"{self._printed(number, se, rules)} {word}".strip()

    def mean(self, value: float, n, rules: Rules) -> str:
        """A mean in words: "50 in 100", "$660", "55 points"."""
        if self.name == "prob_diff":
            return in_100(value, n, rules)
        if self.name == "usd":
            return f"${round_usd(value, rules):,}"
        return f"{plain(round_significant(self.per * value, 2))} {self.level}".strip()


def in_100(p: float, n, rules: Rules) -> str:
    """A share as a natural frequency: "58 in 100"; whole numbers, because people are whole."""
    whole = round(100 * round_share(p, n, rules))
    if whole == 0 and p > 0:
        return "fewer than 1 in 100"
    return "nearly all of 100" if whole == 100 and p < 1 else f"{whole} in 100"


def told_share(x: int, n: int, rules: Rules) -> tuple[str, float]:
    """(a share in words, the share to draw): exact where it may be told, else only its bound (pilots.md
    2.7.2).

    A small numerator gives "at most 2 in 100", a small rest "at least 98 in 100", a small group no number.
    """
    if n < rules.small_cell_min:
        return "too few to say", 0.0
    if disclosure.shows_group(x, n, rules):
        return in_100(x / n, n, rules), x / n
    most = rules.small_cell_min - 1
    if disclosure.is_small(x, rules):
        return f"at most {math.ceil(100 * most / n)} in 100", most / n
    return f"at least {math.floor(100 * (n - most) / n)} in 100", (n - most) / n


def scale_of(outcome, design) -> Scale:
    """The scale of a configured outcome (config.Outcome) under a configured design."""
    if design.type == "time_to_event":
        return Scale("log_hr", "percent change in pace")
    stated = outcome.mwe.scale if outcome.mwe else ""
    if stated in ("percent_change", "log_irr") or _is_rate(outcome, design):
        per = re.search(r"per ([\d,]+)", outcome.unit)
        return Scale("log_irr", "percent change", outcome.unit, float(per[1].replace(",", "")) if per else 1)
    if outcome.kind in ("binary", "proportion"):
        return Scale("prob_diff", "percentage points")
    if outcome.unit.upper().startswith("USD"):
        return Scale("usd", "dollars")
    if outcome.kind == "index":
        return Scale("points", "points", "points")
    return Scale("mean_diff", outcome.unit or "units", outcome.unit)


def _is_rate(outcome, design) -> bool:
    return bool(outcome.exposure) if design.type == "panel_did" else design.estimator == "segmented_poisson"
