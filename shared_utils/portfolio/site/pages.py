"""The pages that show all cities, in the order of the menu: a new page is a view, a template and a line here."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from shared_utils.portfolio.collect import City, Portfolio
from shared_utils.portfolio.site.costs_view import costs_view
from shared_utils.portfolio.site.downloads_view import downloads_view
from shared_utils.portfolio.site.effects_view import effects_view
from shared_utils.portfolio.site.equity_view import equity_view
from shared_utils.portfolio.site.evidence_view import evidence_view
from shared_utils.portfolio.site.index_view import index_view
from shared_utils.portfolio.site.indicators_view import indicators_view
from shared_utils.portfolio.site.language import english as t
from shared_utils.portfolio.site.parts import MANY_CITIES
from shared_utils.portfolio.site.trust_view import trust_view


@dataclass(frozen=True)
class Page:
    """`name`.html is made from the template `name`.html.j2 and from what `view` returns for the portfolio.

    by_domain: with many cities it is one page a domain, several where a domain has many; the first is under `name`.
    """

    name: str
    view: Callable[[Portfolio], dict]
    by_domain: bool = False

    def parts(self, portfolio: Portfolio) -> dict[str, tuple[str, Portfolio]]:
        """{page name: (what it shows in words, its cities)}; the words are "" for a page of all cities."""
        if not self.by_domain or len(portfolio.cities) <= MANY_CITIES:
            return {self.name: ("", portfolio)}
        found = [part for domain in t.domains for part in _parts(domain, portfolio)]
        names = [self.name, *(f"{self.name}-{ending}" for ending, _, _ in found[1:])]
        return {
            name: (title, replace(portfolio, cities=cities))
            for name, (_, title, cities) in zip(names, found, strict=True)
        }


def _parts(domain: str, portfolio: Portfolio) -> list[tuple[str, str, tuple[City, ...]]]:
    """(ending of the page's name, what it shows in words, its cities) of a domain; no part has over MANY_CITIES."""
    cities = [city for city in portfolio.cities if city.domain == domain]
    parts = [tuple(cities[i : i + MANY_CITIES]) for i in range(0, len(cities), MANY_CITIES)]
    ending, title = domain or "other", t.domains[domain]
    if len(parts) == 1:
        return [(ending, title, parts[0])]
    return [
        (f"{ending}-{i}", t.part_of_domain.format(domain=title, first=part[0].name, last=part[-1].name), part)
        for i, part in enumerate(parts, start=1)
    ]


PAGES = (
    Page("index", index_view),
    Page("indicators", indicators_view, by_domain=True),
    Page("effects", effects_view),
    Page("what-works", evidence_view),
    Page("equity", equity_view, by_domain=True),
    Page("costs", costs_view),
    Page("trust", trust_view),
    Page("methods", lambda portfolio: {}),
    Page("downloads", downloads_view),
)
