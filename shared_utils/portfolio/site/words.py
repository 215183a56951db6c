"""Numbers and sentences of the site, made from a released record only.

Digits are those of the record: nothing is computed from the estimates but what the sentence bank needs in
whole people ("58 in 100").
"""

import math
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from shared_utils.portfolio.site.language import english as t

MINUS = "\N{MINUS SIGN}"


def digits_of(*values: float) -> int:
    """How many decimals the record shows: 2 for (0.25, 0.1)."""
    known = [Decimal(repr(float(value))).normalize().as_tuple().exponent for value in values if value is not None]
    return max([0, *(-exponent for exponent in known)])


def plain(value: float, digits: int | None = None) -> str:
    """A number as people read it: "1,240", "0.25", with a true minus sign."""
    digits = digits_of(value) if digits is None else digits
    text = f"{abs(value):,.{digits}f}"
    return MINUS + text if value < 0 else text


def number_word(n: int) -> str:
    return t.numbers[n] if n < len(t.numbers) else plain(n)


def cities(n: int, text: str) -> str:
    """How many cities, the number as `text`: "one city", "Nine cities"."""
    return (t.n_cities["one"] if n == 1 else t.n_cities["several"]).format(n=text)


def listed(words: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def lower_first(text: str) -> str:
    """For the middle of a sentence; a word in capitals stays."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def plainly(name: object) -> str:
    """A code in words: "subgroup_harm" as "subgroup harm"."""
    return str(name).replace("_", " ")


def day(value: date | str) -> str:
    value = date.fromisoformat(value[:10]) if isinstance(value, str) else value
    return f"{value:%b} {value.day}, {value.year}"


def month(period: str) -> str:
    """ "2020-09" is "Sep 2020"; what is not a month stays as it is."""
    try:
        return f"{date.fromisoformat(f'{period[:7]}-01'):%b %Y}"
    except ValueError:
        return period


def with_unit(value: float, unit: str, digits: int | None = None) -> str:
    """A level in its unit: "58.1%", "$50", "$1.80", "9.2 days"."""
    if unit in ("%", "percent"):
        return f"{plain(value, digits)}%"
    if unit.upper() == "USD":
        if digits is None and (cents := digits_of(value)):
            digits = max(cents, 2)
        return f"{MINUS if value < 0 else ''}${plain(abs(value), digits)}"
    return f"{plain(value, digits)} {unit}"


def is_long(unit: str) -> bool:
    """Units that do not fit beside a number."""
    return unit not in ("%", "percent") and unit.upper() != "USD"


@dataclass(frozen=True)
class Effect:
    """An estimate of a record, ready to be printed. `better` is the sign of a gain: +1 or -1."""

    row: dict

    @property
    def scale(self) -> str:
        return self.row["scale"]

    @property
    def better(self) -> int:
        return 1 if self.row["direction"] == "increase" else -1

    @property
    def shown(self) -> tuple[float, float, float]:
        """Value, low and high end of the interval in printed units, natural sign."""
        display = self.row["display"]
        return display["value"], display["ci_low"], display["ci_high"]

    @property
    def unit(self) -> str:
        return t.units.get(self.scale, self.row["display"]["unit"])

    @property
    def benefit(self) -> tuple[float, float, float]:
        """(b, L, U) on the estimation scale, turned so that higher is better."""
        return tuple(self.row["benefit"][name] for name in ("b", "l", "u"))

    @property
    def reading(self) -> str:
        """better, worse or unclear, by the whole interval; "too small" if it rules out a worthwhile gain."""
        _, low, high = self.benefit
        if low > 0 or high < 0:
            return "better" if low > 0 else "worse"
        mwe = self.row.get("mwe")
        return "too small" if mwe and high < mwe["value"] else "unclear"

    def signed(self, value: float) -> str:
        """ "+7.5", "-18.9%", "+$380"; zero has no sign."""
        sign = "" if value == 0 else "+" if value > 0 else MINUS
        return sign + self._dressed(abs(value))

    def size(self, value: float) -> str:
        """The size in words, without direction: "7.5 points"."""
        return f"{self._dressed(abs(value))} {self.unit}".strip()

    def said(self, value: float) -> str:
        """With direction: "7.5 points higher"."""
        return f"{self.size(value)} {_way(value)}" if value else t.no_change

    @property
    def said_range(self) -> str:
        """The interval in words: "between 0.7 and 14.3 points higher"."""
        _, low, high = self.shown
        if low < 0 < high:
            return t.range_two_ways.format(
                low=self.size(low), high=self.size(high), way_low=_way(low), way_high=_way(high)
            )
        near, far = sorted((low, high), key=abs)
        return t.range_one_way.format(low=self._dressed(abs(near)), high=self.size(far), way=_way(far))

    @property
    def worthwhile(self) -> str:
        """The smallest gain worth the cost, in printed units: "5 points"; "" when none is set."""
        mwe = self.row.get("mwe")
        if not mwe:
            return ""
        value = mwe["value"]
        if self.scale == "prob_diff":
            value = 100 * value
        elif self.scale.startswith("log"):
            value = 100 * abs(math.expm1(self.better * value))
        return f"{self._dressed(round(value, 1), digits_of(round(value, 1)))} {self.unit}".strip()

    @property
    def in_100(self) -> tuple[int, int] | None:
        """(with, without): people of 100, for shares with a known comparison mean."""
        mean = self.row.get("mean_comparison")
        if self.scale != "prob_diff" or mean is None:
            return None
        return _whole(100 * (mean + self.row["value"])), _whole(100 * mean)

    @property
    def levels(self) -> str:
        if self.in_100 and self.in_100[0] != self.in_100[1]:
            return t.with_without.format(p1=self.in_100[0], p0=self.in_100[1])
        return t.with_program.format(effect=self.said(self.shown[0]))

    def number(self, value: float) -> str:
        """The size without direction or unit: "7.5", "$380", "18.9%"."""
        return self._dressed(abs(value))

    def _dressed(self, size: float, digits: int | None = None) -> str:
        if self.scale == "usd":
            return f"${plain(size, 0)}"
        digits = digits_of(*self.shown) if digits is None else digits
        return plain(size, digits) + ("%" if self.scale.startswith("log") else "")


def decision_key(decision: dict) -> str:
    """The decision as the strings name it: "SCALE staged", "STOP harm", "ADAPT"."""
    recommendation = decision["recommendation"]
    with_label = f"{recommendation} {decision.get('label') or ''}".strip()
    # An expansion that does not say how firm it is counts as the careful kind.
    return next(key for key in (with_label, recommendation, "SCALE staged") if key in t.decisions)


def verdict(effect: Effect, record: dict) -> str:
    """The sentence of the rule's result; a decision that a safeguard moved is not put on the interval."""
    decision = record["decision"]
    shown, low, high = effect.shown
    least, most = (low, high) if effect.better > 0 else (high, low)
    words = {
        "levels": effect.levels,
        "low": effect.size(least),
        "high": effect.said(most),
        "best": effect.said(shown),
        "range": effect.said_range,
        "m": effect.worthwhile,
    }
    if not decision or not decision.get("recommendation"):
        return t.bank["no rule"].format(**words)
    key = decision_key(decision)
    if not _follows(key, effect):
        reason = listed(guardrails(record)) or decision.get("reason") or key
        return t.bank["guarded"].format(reason=str(reason).rstrip("."), **words)
    ratio = record["quality"].get("exaggeration")
    said = t.bank[key].format(**words)
    if key == "SCALE staged" and ratio:
        said += t.exaggeration.format(ratio=plain(float(Decimal(repr(float(ratio))).quantize(Decimal("0.1")))))
    return said


def guardrails(record: dict) -> list[str]:
    """The safeguards that moved the rule's result, in words: for the code of a flag, what the flag says."""
    said = {flag["code"]: lower_first(flag["message"]).rstrip(".") for flag in record.get("flags", ())}
    names = [str(name) for name in (record["decision"] or {}).get("guardrails") or []]
    return [said.get(name.rpartition(": ")[2]) or plainly(name) for name in names]


def _follows(key: str, effect: Effect) -> bool:
    """Does the interval alone give this decision (pilots.md 0.3, cases 1-4)?"""
    b, low, high = effect.benefit
    mwe = effect.row.get("mwe")
    if not mwe:
        return False
    m = mwe["value"]
    return {
        "SCALE firm": low >= m and b >= m,
        "SCALE staged": 0 < low < m <= b,
        "ADAPT": low > 0 and b < m,
        "STOP": low <= 0 and high < m,
        "STOP harm": high < 0,
        "KEEP LEARNING": low <= 0 and high >= m,
    }.get(key, False)


def _way(value: float) -> str:
    return t.higher if value > 0 else t.lower


def _whole(value: float) -> int:
    return int(Decimal(repr(float(round(value, 6)))).quantize(Decimal(1), rounding=ROUND_HALF_UP))
