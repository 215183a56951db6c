"""Walk the pages of a site and ask of every number where it comes from.

A number may stand in a block of a page only when it is in the part of the city's records (or settings) that the block
speaks of, rounded as pages round. Three kinds need no record: dates, words of the site's language files ("95%", "1 to
10"), and the ticks of a drawing's axis.
"""

import json
import math
import re
from pathlib import Path

from bs4 import BeautifulSoup

from shared_utils import results
from shared_utils.config import yaml12
from shared_utils.portfolio import downloads, synthesis
from shared_utils.portfolio.collect import collect, in_words
from shared_utils.portfolio.site import language, words
from shared_utils.results.notebooks import NOTEBOOKS

NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
DATE = re.compile(rf"\b{MONTH} (?:\d{{1,2}}, )?\d{{4}}\b|\b\d{{4}}-\d\d(?:-\d\d)?\b")
AXIS = ".axis"


def numbers(text: str) -> set[str]:
    """Every number of a text as it is written, without dates."""
    return set(NUMBER.findall(DATE.sub(" ", text)))


def origins(value) -> set[str]:
    """Every way a page may print the numbers of a part of a record: as it is, in percent, and rounded."""
    if isinstance(value, dict):
        return set().union(*map(origins, value.values()))
    if isinstance(value, list | tuple):
        return set().union(*map(origins, value))
    if isinstance(value, str):
        return numbers(value)
    if value is None or isinstance(value, bool):
        return set()
    sizes = (abs(value), abs(100 * value))
    return {words.plain(round(size, digits), digits) for size in sizes for digits in range(4)} | {
        words.plain(size) for size in sizes
    }


def furniture() -> set[str]:
    """Numbers of the site's own sentences and of the dictionary of the downloads."""
    files = [path.read_text(encoding="utf-8") for path in Path(language.__file__).parent.glob("*.yml")]
    columns = [column.words for table in downloads.TABLES.values() for column in table]
    return set().union(*map(numbers, files + columns))


class Source:
    """What one city released, and its settings, by what a page says of it."""

    def __init__(self, folder: Path, q: list[float]):
        self.q = q
        self.settings, _ = yaml12.load(folder / "city.yml")
        paths = {name: results.release_path(folder, name) for name in NOTEBOOKS}
        self.records = {name: json.loads(p.read_text(encoding="utf-8")) for name, p in paths.items() if p.exists()}
        for record in self.records.values():
            record["run"].pop("released", None)  # digits of a hash are the origin of no number
        self.impact, self.monitoring = (self.records.get(name, {}) for name in ("impact", "monitoring"))
        labels = [item["label"] for item in (*self.settings["outcomes"], *self.settings["indicators"])]
        self.words = [labels, self.settings["pilot"], self.settings["design"], self.settings.get("reporting")]

    def rows(self, *roles):
        return [row for row in self.impact.get("estimates", []) if row["role"] in roles]

    def part(self, *names):
        return [record.get(name) for record in self.records.values() for name in names]

    @property
    def main(self):
        decision = self.impact.get("decision") or {}
        held = [flag["message"] for flag in self.impact.get("flags", []) if flag["code"] in str(decision)]
        return [self.rows("primary"), self.in_100, self.words, decision, held, self.impact.get("design")]

    @property
    def in_100(self):
        """Of a share: how many of 100 with and without the program, and the difference in whole numbers."""
        shares = [(row["mean_comparison"], row["mean_comparison"] + row["value"]) for row in self.rows("primary")
                  if row["scale"] == "prob_diff" and None not in (row["mean_comparison"], row["value"])]  # fmt: skip
        whole = [[math.floor(100 * share + 0.5) for share in pair] for pair in shares]
        return [[*pair, abs(pair[1] - pair[0])] for pair in whole]

    @property
    def groups(self):
        """Effects by group, and how many people each rests on."""
        rows = self.rows("subgroup")
        sums = [[row["n"].get(f"{arm}{kind}") for arm in row["contrast"]] for row in rows for kind in ("", "_clusters")]
        return rows, [sum(pair) for pair in sums if None not in pair]

    def indicator(self, label):
        names = {item["id"]: item["label"] for item in self.settings["indicators"]}
        rows = self.monitoring.get("indicators", [])
        return [row for row in rows if names.get(row["indicator_id"], in_words(row["indicator_id"])) == label]

    @property
    def compared(self):
        """How many measures are compared between groups, and how many gaps the checks name."""
        rows = self.monitoring.get("indicators", [])
        gaps = [flag for flag in self.monitoring.get("flags", []) if flag["code"] == "EQUITY"]
        return [len({row["indicator_id"] for row in rows if row["group_dim"] != "all"}), len(gaps)]

    @property
    def flags(self):
        """Flags of all records, and how many there are of each severity, each counted once."""
        flags = [flag for found in self.part("flags") for flag in found]
        once = {(flag["code"], flag["scope"], flag["message"]): flag["severity"] for flag in flags}
        return [[flag["message"], flag["code"]] for flag in flags], [
            list(once.values()).count(s) for s in once.values()
        ]

    @property
    def trust(self):
        hidden = sum(record["disclosure"]["cells_suppressed"] for record in self.records.values())
        return [self.part("plan", "quality", "robustness", "costs", "run"), self.flags, hidden, self.compared]


# page -> blocks in the order in which they are taken off the page: (where, what may stand in it)
OF_ALL = {
    "index": [(".city", lambda s, _: s.main)],
    "effects": [(".forest tbody tr:not(.pool)", lambda s, _: s.main)],
    "what-works": [("tr.more", lambda s, _: [s.words, s.impact.get("costs"), s.compared, s.flags,
                                             s.impact.get("decision")]),
                   ("tr.row", lambda s, _: [s.main, s.impact.get("quality")])],
    "indicators": [("#measures table", lambda s, _: [s.monitoring.get("indicators"), s.words]),
                   ("#shared tbody tr", lambda s, _: [s.monitoring.get("indicators"), s.settings["indicators"]])],
    "equity": [(".gaps > li", lambda s, _: [s.compared, s.flags]),
               (".blocks tbody", lambda s, _: [s.rows("subgroup"), s.words])],
    "costs": [(".costs tbody tr", lambda s, _: [s.impact.get("costs"), s.monitoring.get("costs")]),
              (".funds", lambda s, _: s.impact.get("costs"))],
    "trust": [(".trust section", lambda s, _: s.trust), ("tbody tr", lambda s, _: [s.rows("primary"), s.words, s.q])],
    "lessons": [(".lessons li", lambda s, _: [s.part("lessons"), s.rows("primary"), s.flags])],
    "downloads": [], "methods": [], "corrections": [],
}  # fmt: skip
OF_CITY = {
    "index": [(".hero", lambda s, _: [s.main, s.impact.get("quality")]), ("#effect", lambda s, _: s.main),
              ("#measures figure", lambda s, block: [s.indicator(block.b.get_text()), block.b.get_text()]),
              ("#groups", lambda s, _: [s.groups, s.monitoring.get("indicators"), s.words]),
              ("#others", lambda s, _: [s.rows("secondary"), s.words]),
              ("#lessons", lambda s, _: [s.part("lessons"), s.rows("primary"), s.flags]),
              ("#trust", lambda s, _: s.trust)],
    "residents-en": [("article, section, .hero, div", lambda s, _: s.main)],
    "residents-es": [("article, section, .hero, div", lambda s, _: s.main)],
}  # fmt: skip


def of_the_portfolio(portfolio, sources) -> set[str]:
    """Numbers about all cities: how many there are of what, and what several results say together."""
    cities = portfolio.cities
    steps = [step for city in cities for step in city.steps.values()]
    latest = {}
    for slug, source in sources.items():
        rows = [row for row in source.monitoring.get("indicators", []) if row["group_dim"] == "all"]
        for row in sorted(rows, key=lambda row: row["period"]):
            if row["value"] is not None:
                latest[slug, row["indicator_id"]] = row
    aimed = [row for row in latest.values() if row["target"] is not None]
    good = [(row["value"] - row["target"]) * (1 if row["direction"] == "increase" else -1) >= 0 for row in aimed]
    gaps = [source.compared[1] for source in sources.values() if source.monitoring]
    locked = [any(r["plan"]["status"] in ("prospective", "before_unblinding") for r in c.records) for c in cities]
    measured = [city for city in cities if synthesis.main_rows(city)]
    spent = [(s.impact.get("costs") or s.monitoring.get("costs") or {}).get("total_usd") for s in sources.values()]
    spent = [total for total in spent if total is not None]
    counts = [len(cities), len(steps), sum(step.shown for step in steps), len(measured), sum(locked), len(aimed),
              sum(good), len(spent), sum(spent), sum(len(city.records) for city in cities)]  # fmt: skip
    counts += [sum(s.impact.get("decision") is not None and s.impact["decision"]["recommendation"] == "SCALE"
                   for s in sources.values())]  # fmt: skip
    counts += [len(gaps), sum(n > 0 for n in gaps)]
    found = [pool.answer.result for pool in synthesis.pools(cities) if pool.answer.result]
    pooled = [[f.mu, f.low, f.high, f.prediction_low, f.prediction_high, f.tau2**0.5, f.i2] for f in found]
    without = [
        pool.answer.without["mu"].tolist() for pool in synthesis.pools(cities) if pool.answer.without is not None
    ]
    _, expected, any_of_them = synthesis.expected_by_chance(cities)
    levels = [row["level"] for city in cities for row in synthesis.main_rows(city)]
    standard = [member.row["standardized"] for pool in synthesis.pools(cities) for member in pool.members]
    lessons = sum(len(found) for source in sources.values() for found in source.part("lessons"))
    filters = list(range(lessons + 1))  # how many lessons a filter finds has a test of its own
    chance = 5 * round(20 * any_of_them)
    return origins([counts, pooled, without, expected, chance, levels, standard, filters])


def strays(workspace: Path, site: Path) -> list[str]:
    """Every number of the site that has no origin, with its page and the words around it."""
    portfolio = collect(workspace)
    q = synthesis.q_values(portfolio.cities)
    sources = {
        city.slug: Source(city.folder, [value for (slug, _), value in q.items() if slug == city.slug])
        for city in portfolio.cities
    }
    known, whole = furniture(), of_the_portfolio(portfolio, sources)
    found = []
    for name, blocks in OF_ALL.items():
        every = {city.slug: sources[city.slug] for city in portfolio.cities}
        found += _page(site / f"{name}.html", blocks, every, known, known | whole)
    for slug, source in sources.items():
        for name, blocks in OF_CITY.items():
            found += _page(site / "cities" / slug / f"{name}.html", blocks, {slug: source}, known, known)
        for name in NOTEBOOKS:
            released = results.page_path(workspace / "cities" / slug, name)
            if released.exists():
                said = numbers(_text(BeautifulSoup(released.read_text(encoding="utf-8"), "html.parser")))
                found += _page(site / "cities" / slug / f"{name}.html", [], {slug: source}, known, known | said)
    return found


def _page(path: Path, blocks, sources: dict, known: set[str], rest: set[str]) -> list[str]:
    page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").main
    for drawn in page.select(AXIS):
        drawn.decompose()
    found = []
    for where, part in blocks:
        for block in page.select(where):
            if not block.decomposed:
                slug = _city_of(block, sources)
                pool = origins(part(sources[slug], block)) if slug else rest
                found += _lost(block, pool | known, f"{path.parent.name}/{path.name} {where} {slug}")
                block.decompose()
    return found + _lost(page, rest, f"{path.parent.name}/{path.name}")


def _city_of(block, sources: dict) -> str | None:
    """The city a block is about: the only one of the page, or the one it (or the heading above it) links to."""
    if len(sources) == 1:
        return next(iter(sources))
    link = block.select_one("a[href^='cities/']") or block.find_previous("a", href=re.compile("^cities/"))
    return link["href"].split("/")[1] if link else None


def _lost(block, pool: set[str], where: str) -> list[str]:
    return [f"{where}: {number}" for number in sorted(numbers(_text(block)) - pool)]


def _text(block) -> str:
    labels = [tag.get(name) for tag in block.find_all(True) for name in ("aria-label", "alt") if tag.get(name)]
    return " | ".join([block.get_text(" "), *labels]).replace(words.MINUS, "-")
