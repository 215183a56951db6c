"""The website: static pages, one stylesheet, no script, no request to another computer."""

from shared_utils.portfolio.site.build import SiteReport, build_site

__all__ = ["SiteReport", "build_site"]
