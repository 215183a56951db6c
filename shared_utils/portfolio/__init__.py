"""All cities on one website, from what they released (pilots.md 7).

Nothing heavy loads here: `emi run` writes the status page without the settings and the website's pages.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared_utils.portfolio.collect import CollectError
    from shared_utils.portfolio.evidence import EvidencePack, evidence_pack
    from shared_utils.portfolio.site import SiteReport, build_site
    from shared_utils.portfolio.status_page import write_status_page

__all__ = ["CollectError", "EvidencePack", "SiteReport", "build_site", "evidence_pack", "write_status_page"]

_LATE = {
    "CollectError": "collect",
    "EvidencePack": "evidence",
    "SiteReport": "site",
    "build_site": "site",
    "evidence_pack": "evidence",
    "write_status_page": "status_page",
}


def __getattr__(name: str):
    if name not in _LATE:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
