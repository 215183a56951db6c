"""The pages that show all cities, in the order of the menu: a new page is a view, a template and a line here."""

from collections.abc import Callable
from dataclasses import dataclass

from shared_utils.portfolio.collect import Portfolio
from shared_utils.portfolio.site.costs_view import costs_view
from shared_utils.portfolio.site.downloads_view import downloads_view
from shared_utils.portfolio.site.effects_view import effects_view
from shared_utils.portfolio.site.equity_view import equity_view
from shared_utils.portfolio.site.evidence_view import evidence_view
from shared_utils.portfolio.site.index_view import index_view
from shared_utils.portfolio.site.indicators_view import indicators_view
from shared_utils.portfolio.site.trust_view import trust_view


@dataclass(frozen=True)
class Page:
    """`name`.html is made from the template `name`.html.j2 and from what `view` returns for the portfolio."""

    name: str
    view: Callable[[Portfolio], dict]


PAGES = (
    Page("index", index_view),
    Page("indicators", indicators_view),
    Page("effects", effects_view),
    Page("what-works", evidence_view),
    Page("equity", equity_view),
    Page("costs", costs_view),
    Page("trust", trust_view),
    Page("methods", lambda portfolio: {}),
    Page("downloads", downloads_view),
)
