"""What is wrong with a cell and what to do about it, in words: a sentence's end and one suggestion."""

import datetime as dt
import re

from shared_utils.data.mapping import Mapping
from shared_utils.data.model import Column
from shared_utils.data.problems import HIDDEN, typed
from shared_utils.errors import nearest

_GROUPED = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)
_NUMBER = re.compile(r"[-+]?\d*\.?\d+", re.ASCII)
_CURRENCY = re.compile(r"^([-+]?)\s*(\$|USD)\s*|\s*(\$|USD)$")
_SIGNS = {"minimum": "is below the lowest allowed", "maximum": "is above the highest allowed",
          "exclusiveMinimum": "must be above", "exclusiveMaximum": "must be below"}  # fmt: skip


class Words:
    """The words for one column: what it is, and the rules and forms it is read by."""

    def __init__(self, what: Column, mapping: Mapping, rules: dict, spelling):
        self.what, self.mapping, self.rules, self.spelling = what, mapping, rules, spelling

    def of(self, rule: str, value: str) -> tuple[str, str]:
        """Return (message, fix) for a cell that breaks a rule: "type" or a constraint of Table Schema."""
        if rule == "type":
            return self._type(value)
        if rule == "enum":
            return self._enum(value)
        if rule == "required":
            return "is empty", "Fill it in. If the row is a total, delete it."
        if rule == "pattern":
            return self._pattern(value)
        if rule in _SIGNS:
            return self._bound(rule, value)
        short = rule == "minLength"
        return f"has {'fewer' if short else 'more'} than {self.rules[rule]} characters", "Check for a typing mistake."

    def _type(self, value: str) -> tuple[str, str]:
        kind = self.what.type
        if kind in ("date", "month"):
            return self._date(value)
        if kind == "bool":
            return "is not true/false, yes/no or 1/0", self._code(value)
        bare = _CURRENCY.sub(r"\1", value)
        if _GROUPED.fullmatch(bare):
            for_all = f", or state source.thousands in {self.mapping.name}" if bare == value else ""
            return "is not a number", f"Use {bare.replace(',', '')}{for_all}."
        if kind == "int" and _NUMBER.fullmatch(bare):
            return "is not a whole number", f"Use digits only, for example {self.what.example or 3}."
        if _NUMBER.fullmatch(bare):
            return "is not a number", f"Use {bare}."
        if value.endswith("%"):
            return "is not a number", "Write the number without the % sign."
        if kind == "int":
            return "is not a whole number", f"Use digits only, for example {self.what.example or 3}."
        return "is not a number", "Write digits with a point for decimals, for example 1250.50."

    def _date(self, value: str) -> tuple[str, str]:
        name, forms = self.what.name, self.spelling.formats
        if value in self.spelling.ambiguous:
            fix = f'Say which in {self.mapping.name}, for example date_formats: {{{name}: ["%m/%d/%Y"]}}.'
            return "can be day/month or month/day", fix
        if len(self.spelling.readings(value)) > 1:
            return "is two different dates under the date_formats given", "Keep one of these date_formats."
        if re.fullmatch(r"\d{5}", value, re.ASCII):
            return "is Excel's number of a date", "Format the column as a date in Excel and save it again."
        looks = [dt.datetime(2019, 12, 31).strftime(f) for f in forms]
        fix = f"Type it like {looks[0]}, or state date_formats in {self.mapping.name}."
        return f"is not a {self.what.type} like {' or '.join(looks)}", fix

    def _enum(self, value: str) -> tuple[str, str]:
        allowed = [str(word) for word in self.rules.get("enum") or self.what.allowed]
        guess = nearest(value, allowed) if len(value) <= 40 else ""
        return f"is not one of {', '.join(allowed)}", guess.strip() or self._code(value)

    def _pattern(self, value: str) -> tuple[str, str]:
        if "pattern" in self.rules:
            fix = f"Correct the cell, or the rule in {self.mapping.name}."
            return f"does not fit the pattern {self.rules['pattern']}", fix
        fix = "Correct the cell."
        if value.isdigit() and len(value) < len(str(self.what.example)):
            pad = f"geoid: {{column: {self.what.name}, pad_to: 11}}"
            fix = f"If zeros in front were lost, add {pad} in {self.mapping.name}."
        return f"is not {self.what.note}, like {self.what.example}", fix

    def _bound(self, rule: str, value: str) -> tuple[str, str]:
        if rule not in self.rules:
            return "is too large for a number", "Check for a typing mistake."
        bound = self.rules[rule]
        shown = f"{bound:,}" if isinstance(bound, (int, float)) else bound
        number = isinstance(bound, (int, float)) and rule in ("maximum", "exclusiveMaximum")
        fix = "Check for an extra zero or a wrong unit." if number else "Check for a typing mistake."
        return f"{_SIGNS[rule]}{',' if rule in ('minimum', 'maximum') else ''} {shown}", fix

    def _code(self, value: str) -> str:
        """Return the line of the mapping that would translate a cell."""
        shown = typed(value, self.what.pii in ("L", "D"))
        code = "..." if shown == HIDDEN else shown
        return f'Add it in {self.mapping.name}: value_maps: {{{self.what.name}: {{"{code}": ...}}}}.'
