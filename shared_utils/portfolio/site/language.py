"""The words of the site: one YAML file a language, beside this one. A new language is a new file with the same keys."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace

from shared_utils.config.yaml12 import load


@cache
def language(code: str) -> SimpleNamespace:
    """The words of a language ("en"), each under its key: `language("en").headline`."""
    words, _ = load(Path(__file__).with_name(f"{code}.yml"))
    return SimpleNamespace(**words)


english = language("en")


def languages(city) -> list[str]:
    """Languages of a city's pages for residents: English when its settings can be read, and Spanish when
    reporting.spanish holds the city's own words."""
    if not city.config:
        return []
    return ["en", "es"] if city.config.reporting.spanish else ["en"]
