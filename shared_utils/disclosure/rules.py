"""The numbers of the disclosure rules, and the one question they answer: may this count be shown?

The threshold follows the cell-size standard of the US Centers for Medicare & Medicaid Services:
no cell of 1 to 10 is shown or can be derived. Zero tells nothing about a person and is allowed.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """Thresholds and rounding of a release; the names are those of `privacy:` in city.yml."""

    small_cell_min: int = 11
    counts_base: int = 5
    percent_digits: int = 0
    percent_digits_n_over: int = 100
    percent_digits_large: int = 1
    usd_base: int = 10
    se_digits: int = 2

    @classmethod
    def from_privacy(cls, privacy) -> "Rules":
        """Rules of a city from its `config.privacy` block (attributes of the same names)."""
        rounding = privacy.rounding
        return cls(
            small_cell_min=privacy.small_cell_min,
            counts_base=rounding.counts_base,
            percent_digits=rounding.percent_digits,
            percent_digits_n_over=rounding.percent_digits_n_over,
            percent_digits_large=rounding.percent_digits_large,
            usd_base=rounding.usd_base,
            se_digits=rounding.se_digits,
        )


STANDARD = Rules()


def is_missing(value) -> bool:
    """True for None and NaN: nothing is there to show."""
    return value is None or value != value


def is_small(n, rules: Rules = STANDARD) -> bool:
    """True when a count is 1 to `small_cell_min - 1`. Zero and missing counts are not small."""
    return not is_missing(n) and 0 < n < rules.small_cell_min


def shows_group(numerator, denominator, rules: Rules = STANDARD) -> bool:
    """True when a share may be shown: enough people, and neither part of them is small.

    An unknown or infinite denominator is refused: what cannot be checked is not shown.
    `numerator` None means a mean or median, where only the denominator counts.
    """
    if is_missing(denominator) or math.isinf(denominator) or denominator < rules.small_cell_min:
        return False
    if is_missing(numerator):
        return True
    return not is_small(numerator, rules) and not is_small(denominator - numerator, rules)
