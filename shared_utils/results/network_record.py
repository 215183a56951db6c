"""The form of a record that may leave for the network: small cells hidden first, the rest rounded.

Numbers keep their place: a hidden one is null, its row stays and says why (pilots.md 2.7 and 6).
"""

import copy
import math
import re

from shared_utils.disclosure import (
    Protection,
    Rules,
    is_small,
    round_count,
    round_effect,
    round_share,
    round_significant,
    round_usd,
    shows_group,
)
from shared_utils.results import whom

TOO_FEW = "Rests on fewer than {n} people."
FEW_IN_GROUP = "Too few people in this group."
# Keys in the open blocks that hold effects: rounded by the standard error of the main result.
_EFFECTS = ("min", "max", "b", "l", "u", "value", "se", "low", "high", "ci_low", "ci_high")
# What one more dollar saved costs, in dollars, would be 0 when rounded like an amount.
_SMALL_COST = 100
_PATH = re.compile(r"^(/|~|[A-Za-z]:[\\/]|\\\\)")
# Whole numbers in the open blocks count people, unless their key says otherwise.
_NOT_PEOPLE = re.compile(r"clusters?$|specs?$|days?$|months?$|years?$|draws?$|seed$")


def network_record(record: dict, rules: Rules, protection: Protection) -> dict:
    """A released copy of an internal record. Everything shown is safe on its own and beside the rest of its release,
    and rounded.

    Hidden are: what `protection` hides of the release that the record is a part of; counts of 1-10 people; an
    estimate one of whose groups has fewer than 11 people, or an unknown number; a comparison mean from which a group
    of 1-10 could be worked out; an indicator row with a denominator below 11 or unknown, or a numerator or
    complement of 1-10; a group of which all or none share a value. `audit_passed` is the verdict of `protection`.
    """
    return _Release(copy.deepcopy(record), rules, protection).run()


class _Release:
    """One record on its way out; counts what is hidden."""

    def __init__(self, record: dict, rules: Rules, protection: Protection):
        self.record, self.rules, self.hidden = record, rules, 0
        self.audit_passed = protection.audit.passed
        self.people = whom.counts_people(record)
        self.masks = protection.hidden

    def run(self) -> dict:
        record = self.record
        primary_se = next((row["se"] for row in record["estimates"] if row["role"] == "primary"), None)
        for row in record["estimates"]:
            self.estimate(row)
        self.indicators(record["indicators"])
        record["attrition"] = self.attrition(record["attrition"], record["design"], primary_se)
        for part in ("design", "robustness", "quality", "costs", "decision"):
            record[part] = self.free(record[part], part, primary_se)
        record["provenance"] = self.provenance(record["provenance"])
        record["disclosure"] = {
            "level": "network",
            "small_cell_min": self.rules.small_cell_min,
            "cells_suppressed": record["disclosure"]["cells_suppressed"] + self.hidden,
            "audit_passed": self.audit_passed,
            "rounding": "applied",
        }
        return record

    def estimate(self, row: dict) -> None:
        people = {name: n for name, n in row["n"].items() if not name.endswith("clusters")}
        known = people and all(shows_group(None, n, self.rules) for n in people.values())
        if row["value"] is not None and not known:
            self.hide_estimate(row)
            row["n"].update(dict.fromkeys(people))
        if row["role"] == "subgroup" and row["value"] is None:
            row["null_reason"] = FEW_IN_GROUP  # the city's own words may name a small number
        self.hide_telling_mean(row)
        groups = whom.estimate(row) if self.people else {}
        row["n"] = {name: self.count(n, groups.get(name)) if name in people else n for name, n in row["n"].items()}
        se, printed_se = row["se"], _printed_se(row)
        for name in ("value", "ci_low", "ci_high"):
            row[name] = round_effect(row[name], se, self.rules)
        if "mean_comparison" in row:
            # On a log scale the SE says nothing about the units of the mean.
            mean_se = None if row["scale"].startswith("log") else se
            row["mean_comparison"] = round_effect(row["mean_comparison"], mean_se, self.rules)
        for name, number in (row.get("benefit") or {}).items():
            row["benefit"][name] = round_effect(number, se, self.rules)
        for name in ("value", "ci_low", "ci_high"):
            if row.get("display"):
                row["display"][name] = round_effect(row["display"][name], printed_se, self.rules)
        if (row.get("display") or {}).get("comparison") is not None:
            row["display"]["comparison"] = round_significant(row["display"]["comparison"])
        if row.get("standardized"):
            d_se = row["standardized"]["se"]
            for name in ("d", "se"):
                row["standardized"][name] = round_effect(row["standardized"][name], d_se, self.rules)
        for name in ("p", "p_adjusted", "p_ri"):
            if name in row:
                row[name] = round_significant(row[name])
        if row.get("df") is not None:
            row["df"] = round(row["df"], 1)
        row["se"] = round_effect(se, se, self.rules)

    def hide_estimate(self, row: dict) -> None:
        for name in ("value", "se", "df", "ci_low", "ci_high", "p", "p_adjusted", "p_ri", "mean_comparison"):
            if row.get(name) is not None:
                row[name] = None
                self.hidden += 1
        for part in ("display", "benefit", "standardized"):
            for name in [n for n, v in (row.get(part) or {}).items() if not isinstance(v, str)]:
                row[part][name] = None
        row["suppressed"], row["null_reason"] = True, TOO_FEW.format(n=self.rules.small_cell_min)

    def hide_telling_mean(self, row: dict) -> None:
        """Hide a share from which 1-10 people, in either group, could be worked out."""
        mean = row.get("mean_comparison")
        if row["scale"] != "prob_diff" or mean is None or row["value"] is None:
            return
        shares = dict(zip(reversed(row["contrast"]), (mean, mean + row["value"]), strict=True))
        for arm, share in shares.items():
            n = row["n"].get(arm)
            if n and (is_small(round(share * n), self.rules) or is_small(n - round(share * n), self.rules)):
                row["mean_comparison"] = None
                self.hidden += 1
                return

    def indicators(self, rows: list[dict]) -> None:
        for row in rows:
            if row["value"] is not None and not self.may_show(row):
                self.hide_indicator(row)
            self.round_indicator(row)

    def may_show(self, row: dict) -> bool:
        if set(whom.indicator(row)) & self.masks:
            return False
        return not whom.tells_of_all(row) and shows_group(row.get("numerator"), row.get("denominator"), self.rules)

    def hide_indicator(self, row: dict) -> None:
        for name in ("value", "numerator", "denominator"):
            if row.get(name) is not None:
                row[name] = None
                self.hidden += 1
        if row.get("limits"):
            row["limits"].update(lower=None, upper=None)
        row["suppressed"] = True

    def round_indicator(self, row: dict) -> None:
        n, unit = row.get("denominator"), row["unit"]
        row["value"] = self.in_unit(row["value"], unit, n)
        for part in (row.get("limits") or {}, row.get("forecast") or {}):
            for name in part.keys() & {"centre", "lower", "upper", "median", "low80", "high80"}:
                part[name] = self.in_unit(part[name], unit, n)
        if row.get("forecast"):
            row["forecast"]["p_target"] = round_share(row["forecast"]["p_target"], None, self.rules)
        for name in ("numerator", "denominator"):
            if name in row:
                row[name] = self.count(row[name])

    def in_unit(self, value, unit: str, n):
        if unit in ("%", "percent"):
            share = round_share(None if value is None else value / 100, n, self.rules)
            return None if share is None else round(share * 100, self.rules.percent_digits_large)
        return round_usd(value, self.rules) if unit.upper().startswith("USD") else round_significant(value)

    def count(self, n, group=None):
        if is_small(n, self.rules) or (group in self.masks and n is not None):
            self.hidden += 1
            return None
        return round_count(n, self.rules)

    def attrition(self, block: dict | None, design: dict, se) -> dict | None:
        """Shares of people lost, hidden where they amount to 1-10 people overall or in an average group."""
        if block is None:
            return None
        n = design.get("n_units") or (design.get("flow") or {}).get("n")
        arms = block.get("by_arm") or {}
        block["overall"] = self.lost(block.get("overall"), n, whom.EVERYONE)
        block["by_arm"] = {arm: self.lost(share, n and n / len(arms), whom.arm(arm)) for arm, share in arms.items()}
        if None in block["by_arm"].values():
            block["differential"] = None
        shares = {name: block.pop(name) for name in ("overall", "by_arm")}
        return {**self.free(block, "attrition", se), **shares}

    def lost(self, share, n, group):
        masked = {group.did(whom.KNOWN), group.did(whom.KNOWN, "no")} & self.masks
        if share is None or (not masked and n and not is_small(round(share * n), self.rules)):
            return round_share(share, n, self.rules)
        self.hidden += 1
        return None

    def free(self, value, key: str, se):
        """Round the parts of the record whose keys the schema leaves open, by what their keys say."""
        if isinstance(value, dict):
            return {name: self.free(item, name, se) for name, item in value.items()}
        if isinstance(value, list):
            return [self.free(item, key, se) for item in value]
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        if key.startswith("icer") and abs(value) < _SMALL_COST:
            return round_significant(value, 2)
        if key.endswith("usd") or key.startswith("icer"):
            return round_usd(value, self.rules)
        if isinstance(value, int):
            return value if _NOT_PEOPLE.search(key) else self.count(value, whom.FLOW.get(key))
        if key in _EFFECTS:
            return round_effect(value, se, self.rules)
        return round_significant(value, 3)

    def provenance(self, provenance: dict) -> dict:
        """Paths of the city's machine stay there; table sizes are counts like any other."""
        parameters = {
            name: "" if isinstance(value, str) and _PATH.match(value) else value
            for name, value in provenance["parameters"].items()
        }
        inputs = [
            {**entry, "rows": self.count(entry["rows"])} if "rows" in entry else entry for entry in provenance["inputs"]
        ]
        return {**provenance, "parameters": parameters, "inputs": inputs}


def _printed_se(row: dict) -> float | None:
    """The standard error of the printed effect (delta method for percent changes)."""
    if row["se"] is None or row["value"] is None:
        return None
    if row["scale"].startswith("log"):
        return 100 * math.exp(row["value"]) * row["se"]
    return 100 * row["se"] if row["scale"] == "prob_diff" else row["se"]
