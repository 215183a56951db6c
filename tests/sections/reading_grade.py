"""Flesch-Kincaid grade of a text, with syllables counted by groups of vowels."""

import re


def syllables(word: str) -> int:
    word = re.sub(r"[^a-z]", "", word.lower())
    if len(word) > 3 and word.endswith("e") and not word.endswith(("le", "ee")):
        word = word[:-1]
    return max(1, len(re.findall(r"[aeiouy]+", word)))


def grade(text: str) -> float:
    text = re.sub(r"(\d)[.,](\d)", r"\1\2", text)
    sentences = [part for part in re.split(r"[.!?]+\s|[.!?]$", text) if part.strip()]
    words = re.findall(r"[A-Za-z0-9$%'-]+", text)
    return 0.39 * len(words) / len(sentences) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59
