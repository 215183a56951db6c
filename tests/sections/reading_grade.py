"""Flesch-Kincaid grade of what the sections say, with syllables counted by groups of vowels."""

import ast
import json
import re
from html import unescape
from pathlib import Path

from shared_utils.results.notebooks import NOTEBOOKS, executed_path
from shared_utils.sections.wording import plainly

AT_MOST = 9  # a section, one of its sentences, a flag
LISTS = ("PUBLIC_FILES",)  # names of files and of publishers, which are not ours to shorten
FLAGGING = ("diagnose", "_density_flag")  # functions of the designs that make flags, beside those named so
# Claims of a cause: words that a report without a comparison must not use of what it saw.
CAUSAL = re.compile(
    r"\b(caus(e|es|ed|ing)|led to|leads to|effects? of|impacts?|impacted|because of the (program|pilot)|thanks to|"
    r"improved|due to|resulted in|worked)\b",
    re.I,
)


def syllables(word: str) -> int:
    word = re.sub(r"[^a-z]", "", word.lower())
    if len(word) > 3 and word.endswith("e") and not word.endswith(("le", "ee")):
        word = word[:-1]
    return max(1, len(re.findall(r"[aeiouy]+", word)))


def sentences(text: str) -> list[str]:
    """The sentences of a text; a full stop inside quotation marks or a number ends none."""
    return [part for part in re.split(r"(?<=[.!?])\s+(?=[A-Z0-9\"])", text) if part.strip()]


def grade(text: str) -> float:
    """0.39 x words a sentence + 11.8 x syllables a word - 15.59 (Kincaid et al. 1975)."""
    plain = re.sub(r"(\d)[.,](\d)", r"\1\2", text)
    words = re.findall(r"[A-Za-z0-9$%'-]+", plain)
    return 0.39 * len(words) / len(sentences(plain)) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


def names(config) -> list[str]:
    """The names that city.yml gives and reports print, the longest first: not ours to shorten."""
    outcomes = [config.primary, *config.secondaries]
    groups = [*(dim.id for dim in config.subgroups.dims), *config.covariates]
    given = [config.pilot.title, *config.pilot.theory_of_change.model_dump().values()]
    given += [text for outcome in outcomes for text in (outcome.label, outcome.unit)]
    given += [one.label for one in (*config.indicators, *config.events)]
    given += [*getattr(config.design, "arm_labels", {}).values(), *map(plainly, groups)]
    return sorted(filter(None, given), key=len, reverse=True)


def without_names(text: str, given: list[str]) -> str:
    """A text in which every name that city.yml gives, in quotation marks or not, is one short word."""
    text = re.sub(r'"[^"]*"', "It", text)  # upper case, so that it can begin a sentence
    for name in given:
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "It", text, flags=re.IGNORECASE)
    return text


def sentence_grades(text: str, given: list[str]) -> list[tuple[float, str]]:
    """(grade, sentence) of every sentence of an answer."""
    return [(grade(without_names(said, given)), said) for said in sentences(text)]


def too_hard(answer: str, flags, given: list[str]) -> list[tuple[float, str]]:
    """(grade, text) of an answer, of its sentences and of the flags beside it, where it lies above the grade."""
    notes = [flag.message for flag in flags if flag.code not in LISTS]
    graded = [(grade(without_names(text, given)), text) for text in (answer, *sentences(answer), *notes)]
    return [pair for pair in graded if pair[0] > AT_MOST]


def flag_texts(folder: Path) -> dict[str, str]:
    """{where: text} of the flags that the modules of a folder make, a 7 standing for every value that is filled in."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef) and ("flags" in function.name or function.name in FLAGGING):
                found |= {f"{path.name}:{node.lineno}": text for node, text in _texts(function)}
    return found


def _texts(function: ast.FunctionDef):
    """The strings of at least five words in a function, but for its own description."""
    inside = {id(part) for node in ast.walk(function) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(function):
        text = ""
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "7" for part in node.values)
        elif (
            isinstance(node, ast.Constant)
            and id(node) not in inside
            and node.value != ast.get_docstring(function, False)
        ):
            text = node.value if isinstance(node.value, str) else ""
        if len(text.split()) >= 5:
            yield node, text


def answers(city_dir: Path, notebook: str) -> dict[str, str]:
    """{section: its answer} of an executed notebook."""
    import nbformat

    found = {}
    for cell in nbformat.read(executed_path(city_dir, notebook), as_version=4).cells:
        shown = [output.get("data", {}).get("text/html", "") for output in cell.get("outputs", [])]
        said = [text for html in shown for text in re.findall(r'<div class="emi-answer"><p>(.*?)</p>', html)]
        if said:
            found[cell.id.upper()] = unescape(said[0])
    return found


def all_answers(cities: list[Path]) -> dict[str, dict[Path, str]]:
    """{section: {city's folder: answer}} of the executed notebooks of cities."""
    found = {}
    for city in cities:
        for notebook in NOTEBOOKS:
            for section, text in answers(city, notebook).items():
                found.setdefault(section, {})[city] = text
    return found


def flags(city_dir: Path) -> dict[str, str]:
    """{message: code} of the flags in the records of a city's notebooks, but for lists of files to fetch."""
    found = {}
    for notebook in NOTEBOOKS:
        text = (city_dir / "outputs" / "internal" / f"results_{notebook}.json").read_text(encoding="utf-8")
        found |= {flag["message"]: flag["code"] for flag in json.loads(text)["flags"] if flag["code"] not in LISTS}
    return found
