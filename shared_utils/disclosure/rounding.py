"""Rounding of released numbers (pilots.md 2.7.6). Suppress first, round second.

All rounding is done on the decimal digits a person would see (half away from zero), so the same number
gives the same text everywhere; missing stays missing.
"""

import math
from decimal import ROUND_HALF_UP, Decimal

from shared_utils.disclosure.rules import STANDARD, Rules, is_missing


def round_count(n, rules: Rules = STANDARD) -> int | None:
    """Round a count of people to the nearest `counts_base` (5)."""
    return None if is_missing(n) else int(_to_base(n, rules.counts_base))


def round_share(p, n, rules: Rules = STANDARD) -> float | None:
    """Round a share (0 to 1) to whole percents, or to one decimal of a percent when `n` is over 100."""
    if is_missing(p):
        return None
    large = not is_missing(n) and n > rules.percent_digits_n_over
    return _to_decimals(p, 2 + (rules.percent_digits_large if large else rules.percent_digits))


def round_usd(x, rules: Rules = STANDARD) -> int | None:
    """Round an amount to the nearest `usd_base` (10 USD)."""
    return None if is_missing(x) else int(_to_base(x, rules.usd_base))


def round_significant(x, digits: int = 2) -> float | None:
    """Round a rate to `digits` significant digits."""
    if is_missing(x):
        return None
    return float(x) if x == 0 else _to_decimals(x, digits - 1 - _exponent(x))


def round_effect(value, se, rules: Rules = STANDARD) -> float | None:
    """Round an effect, a limit of its interval or its SE at the second significant digit of the SE.

    round_effect(0.07512, 0.0346) is 0.075 and round_effect(376.2, 138.0) is 380.0. Without an SE (or with
    an SE of zero) the value keeps its own `se_digits` significant digits.
    """
    if is_missing(value):
        return None
    if is_missing(se) or se == 0:
        return round_significant(value, rules.se_digits)
    # The SE is rounded first: 0.0996 becomes 0.10, whose second digit is one place further left.
    return _to_decimals(value, rules.se_digits - 1 - _exponent(round_significant(se, rules.se_digits)))


def _exponent(x) -> int:
    return Decimal(repr(float(x))).adjusted()


def _to_decimals(x, decimals: int) -> float:
    if math.isinf(x):
        raise ValueError("an infinite number cannot be rounded or released")
    rounded = Decimal(repr(float(x))).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    return float(rounded) + 0.0  # no "-0.0" on a page


def _to_base(x, base: int) -> float:
    return _to_decimals(float(x) / base, 0) * base
