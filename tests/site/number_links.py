"""Follow the link of every number of a site to the one place in a record that it names: it must be there."""

import json
import math
from pathlib import Path

from bs4 import BeautifulSoup
from number_walk import numbers, origins

from shared_utils.portfolio.site import words

# Worked out from several records, or a change between two: there is no one place in a record that says it.
OF_SEVERAL = ".pool *, .totals *, .facts *, .q, .corrections *"


def unlinked(site: Path) -> list[str]:
    """Every number in a cell for numbers, or marked as data, that leads to no record."""
    found = []
    for name, page in _pages(site):
        of_several = {id(block) for block in page.select(OF_SEVERAL)}
        for block in page.select("data, td.num, dd.num"):
            if id(block) not in of_several and not block.find_parent("article") and not block.find_parent(class_="rec"):
                texts = [text for text in block.find_all(string=True) if not text.find_parent(class_=["rec", "target"])]
                found += [f"{name}: {number}" for number in sorted(numbers(" ".join(texts)))]
    return found


def misled(site: Path) -> list[str]:
    """Every number that is not at the place of the record to which it leads."""
    records, found = {}, []
    for name, page in _pages(site):
        for link in page.select("a.rec"):
            file, _, pointer = link["href"].partition("#")
            path = (site / name).parent.joinpath(file).resolve()
            if path not in records:
                records[path] = json.loads(path.read_text(encoding="utf-8"))
            part = _at(records[path], pointer)
            said = numbers(link.get_text(" ").replace(words.MINUS, "-"))
            found += [
                f"{name}: {number} is not at {pointer}" for number in sorted(said - origins([part, *_made(part)]))
            ]
    return found


def _pages(site: Path):
    for path in sorted(site.rglob("*.html")):
        yield path.relative_to(site).as_posix(), BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def _at(value, pointer: str):
    """What a JSON Pointer (RFC 6901) points at; a KeyError or IndexError where there is nothing."""
    for name in pointer.split("/")[1:]:
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def _made(part) -> list[float]:
    """What a page makes of an estimate or of its counts: the worthwhile change in percent, both groups together."""
    if not isinstance(part, dict):
        return []
    if str(part.get("scale")).startswith("log"):
        return [round(100 * abs(math.expm1(sign * part["mwe"]["value"])), 1) for sign in (1, -1) if part.get("mwe")]
    if "analysed" in part:
        arms = {name: n for name, n in part.items() if name != "analysed" and n is not None}
        return [sum(n for name, n in arms.items() if name.endswith("clusters") == places) for places in (False, True)]
    return []
