"""The answers a new city is made from, and what is wrong with them.

All problems are named at once, in one message that is the same for cookiecutter, cruft and `emi new`.
`python -m shared_utils.template.inputs` reads the answers as JSON on stdin; hooks/template_root.py does this.
"""

import json
import re
import sys
from datetime import date
from difflib import get_close_matches

from shared_utils.config import names
from shared_utils.errors import nearest

OTHER = "other"
LONGEST_NAME = 80
SLUG_LENGTH = range(3, 61)
# Windows keeps these names for devices; a folder of that name cannot be opened there.
WINDOWS_DEVICES = {"con", "prn", "aux", "nul"} | {f"{port}{i}" for port in ("com", "lpt") for i in range(10)}
SHORTEST_PILOT_DAYS, LONGEST_PILOT_DAYS = 28, 3653


def refusal(answers: dict) -> str:
    """Return the message that refuses `answers`, or "" when a city can be made from them."""
    return message(problems(answers))


def message(found: list[str]) -> str:
    """Return one message for all problems, each "answer: what is wrong", or "" when there are none."""
    if not found:
        return ""
    number = "1 answer needs" if len(found) == 1 else f"{len(found)} answers need"
    return "\n".join(
        [
            f"This city cannot be made yet: {number} a change. Nothing was created.",
            "",
            *(f"  {problem}" for problem in found),
            "",
            f"Next: type the same command again with another answer for {', '.join(map(_answer, found))}.",
        ]
    )


def problems(answers: dict) -> list[str]:
    """Return every problem with the answers as "answer: what is wrong and what would be right"."""
    value = {name: str(answers.get(name) or "") for name in CHECKS}
    preset = (answers.get("_presets") or {}).get(value["city"], {})
    found = {name: check(value[name]) for name, check in CHECKS.items()}
    for name in ("state", "design"):
        if preset and not found[name] and value[name] != preset[name]:
            found[name] = (
                f'"{value[name]}" is not what the ready-made {preset["name"]} pilot is built for '
                f'({preset[name]}). Keep {preset[name]}, or choose the city "{OTHER}".'
            )
    if not found["start_date"] and not found["end_date"]:
        found["end_date"] = _length_problem(value["start_date"], value["end_date"])
    return [f"{name}: {problem}" for name, problem in found.items() if problem]


def _answer(problem: str) -> str:
    return problem.split(":", 1)[0]


def _one_of(what: str, valid):
    def check(value: str) -> str:
        if value in valid:
            return ""
        if not value:
            return f"is empty. Choose one: {', '.join(valid)}."
        return f'"{value}" is not a {what}.{nearest(value, valid)} Choose one: {", ".join(valid)}.'

    return check


def _state_problem(value: str) -> str:
    if value in names.STATES:
        return ""
    if not value:
        return "is empty. Write the two letters of the state, for example OH."
    codes = {word.lower(): code for code, name in names.STATES.items() for word in (code, name)}
    near = get_close_matches(value.lower(), codes, n=1, cutoff=0.8)
    hint = f" Did you mean '{codes[near[0]]}'?" if near else ""
    return f'"{value}" is not a state of the US.{hint} Write its two letters, for example OH.'


def _text_problem(value: str) -> str:
    """Names of cities and programs: any script, but nothing that ends a quoted string in YAML or TOML."""
    if not value.strip():
        return "is empty."
    if len(value) > LONGEST_NAME:
        return f"has {len(value)} characters. Use at most {LONGEST_NAME}."
    # Not printable: control characters, line separators, and the invisible spaces that Word and Excel paste.
    invisible = next((c for c in value if not c.isprintable()), "")
    if invisible:
        return f"holds an invisible character (U+{ord(invisible):04X}). Type it by hand, do not paste it."
    forbidden = sorted(set(value) & set('{}"\\'))
    if forbidden:
        return f'"{value}" holds {" ".join(forbidden)} which the settings files cannot carry. Leave it out.'
    if value != value.strip():
        return f'"{value}" begins or ends with a space. Leave it out.'
    return ""


def _slug_problem(value: str) -> str:
    shown = value if len(value) <= LONGEST_NAME else value[:LONGEST_NAME] + "..."
    if not value:
        return "is empty. Use lower case letters, digits and hyphens, for example alder-bay-savings."
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value):
        return (
            f'"{shown}" cannot name a folder on every system. Use lower case letters a-z, digits and '
            "single hyphens, for example alder-bay-savings."
        )
    if len(value) not in SLUG_LENGTH:
        return f'"{shown}" has {len(value)} characters. Use {SLUG_LENGTH[0]} to {SLUG_LENGTH[-1]}.'
    if value in WINDOWS_DEVICES:
        return f'"{value}" is kept by Windows for a device. Add a word, for example {value}-pilot.'
    return ""


def _date_problem(value: str) -> str:
    if not value:
        return "is empty. Write it as YYYY-MM-DD, for example 2019-04-01."
    # fromisoformat alone also takes 20190401 and 2019-W14-1, which the settings file does not.
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        try:
            date.fromisoformat(value)
        except ValueError:
            return f'"{value}" is not a day of the calendar. Write it as YYYY-MM-DD, for example 2019-04-01.'
        return ""
    return f'"{value}" is not a date. Write it as YYYY-MM-DD, for example 2019-04-01.'


def _length_problem(start: str, end: str) -> str:
    days = (date.fromisoformat(end) - date.fromisoformat(start)).days
    if days <= 0:
        return f'"{end}" is not after the start, {start}.'
    if days < SHORTEST_PILOT_DAYS:
        return f'"{end}" is {days} days after the start, {start}. A pilot lasts at least four weeks.'
    if days > LONGEST_PILOT_DAYS:
        return f'"{end}" is {days // 365} years after the start, {start}. A pilot lasts at most ten years.'
    return ""


# What is asked, in the order of cookiecutter.json, and the check of each answer.
CHECKS = {
    "city": _one_of("city that comes ready-made", [*names.PRESETS, OTHER]),
    "city_name": _text_problem,
    "state": _state_problem,
    "city_slug": _slug_problem,
    "program_title": _text_problem,
    "domain": _one_of("domain", names.DOMAINS),
    "design": _one_of("design", names.DESIGN_TYPES),
    "start_date": _date_problem,
    "end_date": _date_problem,
}


if __name__ == "__main__":
    text = refusal(json.load(sys.stdin))
    print(text)
    sys.exit(1 if text else 0)
