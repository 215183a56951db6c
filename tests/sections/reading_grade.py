"""Flesch-Kincaid grade of what the sections say, with syllables counted by groups of vowels."""

import ast
import re
from html import unescape
from pathlib import Path

from shared_utils.results.notebooks import NOTEBOOKS, executed_path

ON_AVERAGE, AT_MOST = 9, 14  # a section; one of its sentences
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


def without_labels(text: str) -> str:
    """A text whose quoted names, which city.yml gives, are one short word each."""
    return re.sub(r'"[^"]*"', "It", text)  # upper case, so that it can begin a sentence


def sentence_grades(texts) -> list[tuple[float, str]]:
    """(grade, sentence) of every sentence of some answers."""
    return [(grade(without_labels(said)), said) for text in texts for said in sentences(text)]


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


def all_answers(cities: list[Path]) -> dict[str, dict[str, str]]:
    """{section: {city's folder: answer}} of the executed notebooks of cities."""
    found = {}
    for city in cities:
        for notebook in NOTEBOOKS:
            for section, text in answers(city, notebook).items():
                found.setdefault(section, {})[city.name] = text
    return found
