"""All cities on one website, from what they released (pilots.md 7)."""

from shared_utils.portfolio.collect import City, CollectError, Portfolio, Step, collect
from shared_utils.portfolio.site import SiteReport, build_site
from shared_utils.portfolio.status_page import write_status_page

__all__ = ["City", "CollectError", "Portfolio", "SiteReport", "Step", "build_site", "collect", "write_status_page"]
