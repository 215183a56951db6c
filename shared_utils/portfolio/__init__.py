"""All cities on one website, from what they released (pilots.md 7)."""

from shared_utils.portfolio.collect import City, Portfolio, Step, collect
from shared_utils.portfolio.site import SiteReport, build_site

__all__ = ["City", "Portfolio", "SiteReport", "Step", "build_site", "collect"]
