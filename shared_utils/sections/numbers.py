"""Numbers as text: one place for how a count, a share, an amount or an effect is printed.

`rules` None means the city's own view (suppressed, not rounded); with rules the released rounding is used.
"""

import math

import pandas as pd

from shared_utils.disclosure import (
    Rules,
    round_count,
    round_share,
    round_significant,
    round_usd,
)

MINUS = "\N{MINUS SIGN}"


def is_missing(value) -> bool:
    """True for None, NaN and pandas' NA."""
    return value is None or value is pd.NA or value != value


def decimals(value: float, digits: int) -> str:
    """A number with thousands separators and a true minus sign, never "-0"."""
    text = f"{abs(value):,.{digits}f}"
    nothing = not text.strip("0.,")
    return text if value >= 0 or nothing else MINUS + text


def plain(value: float) -> str:
    """A rounded number without needless zeros: 7.6, 380, 0.25."""
    if is_missing(value):
        return ""
    digits = 0
    while digits < 6 and not math.isclose(round(value, digits), value, abs_tol=1e-9):
        digits += 1
    return decimals(value, digits)


def count(n, _n=None, _digits=0, rules: Rules | None = None) -> str:
    return decimals(round_count(n, rules) if rules else n, 0)


def share(p, n=None, _digits=1, rules: Rules | None = None) -> str:
    """A share (0 to 1) in percent."""
    if rules is None:
        return f"{decimals(100 * p, 1)}%"
    digits = (
        rules.percent_digits_large if not is_missing(n) and n > rules.percent_digits_n_over else rules.percent_digits
    )
    return f"{decimals(100 * round_share(p, n, rules), digits)}%"


def usd(x, _n=None, _digits=0, rules: Rules | None = None) -> str:
    amount = round_usd(x, rules) if rules else x
    return f"{MINUS if amount < 0 else ''}${abs(amount):,.0f}"


def points(x, _n=None, _digits=1, rules: Rules | None = None) -> str:
    """A difference of two shares in percentage points."""
    return decimals(100 * x, 1)


def rank(x, _n=None, _digits=1, rules: Rules | None = None) -> str:
    """A mean percentile rank (0 to 1), of 100."""
    return decimals(100 * x, 1)


def number(x, n=None, digits=2, rules: Rules | None = None) -> str:
    """A mean, rate or statistic. What rests on people (n given) is released with two significant digits."""
    if rules is None or is_missing(n):
        return decimals(x, digits)
    return plain(round_significant(x))


def error(x, _n=None, _digits=0, rules: Rules | None = None) -> str:
    """A standard error: three significant digits for the city, as many as the rules give in a release."""
    digits = (rules.se_digits if rules else 3) - 1 - math.floor(math.log10(x)) if x > 0 else 0
    return decimals(round(x, digits), max(0, digits))


def p_value(p, _n=None, _digits=3, rules: Rules | None = None) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


PRINTERS = {
    "count": count, "share": share, "usd": usd, "points": points, "rank": rank, "number": number, "error": error,
    "p": p_value,
}  # fmt: skip
