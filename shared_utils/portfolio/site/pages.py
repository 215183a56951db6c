"""The pages that show all cities, in the order of the menu: a new page is a view, a template and a line here."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from shared_utils.portfolio.collect import Portfolio
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

    by_domain: with many cities it is one page a domain, the first of them under `name`.
    """

    name: str
    view: Callable[[Portfolio], dict]
    by_domain: bool = False

    def parts(self, portfolio: Portfolio) -> dict[str, tuple[str, Portfolio]]:
        """{page name: (domain in words, the cities it shows)}; the domain is "" for a page of all cities."""
        if not self.by_domain or len(portfolio.cities) <= MANY_CITIES:
            return {self.name: ("", portfolio)}
        cities = {name: tuple(c for c in portfolio.cities if c.domain == name) for name in t.domains}
        there = [name for name in t.domains if cities[name]]
        pages = [self.name, *(f"{self.name}-{domain or 'other'}" for domain in there[1:])]
        return {page: (t.domains[name], replace(portfolio, cities=cities[name]))
                for page, name in zip(pages, there, strict=True)}  # fmt: skip


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
