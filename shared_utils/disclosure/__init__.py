"""Disclosure control: which numbers may be shown, and how far they are rounded (pilots.md 2.7).

groups.py      the counts of a release and how they add up
protect.py     primary and complementary suppression until the audit passes (2.7.1-2.7.4)
audit.py       what a reader can work out about what is hidden (2.7.4)
memory.py      masks and numbers of earlier releases (2.7.5)
rounding.py    after suppression (2.7.6)
"""

from shared_utils.disclosure.audit import Audit, audit, feasible_ranges
from shared_utils.disclosure.groups import Counts, DisclosureError, Group, Line, group
from shared_utils.disclosure.protect import Protection, protect
from shared_utils.disclosure.rounding import (
    round_count,
    round_effect,
    round_share,
    round_significant,
    round_usd,
)
from shared_utils.disclosure.rules import Rules, is_small, shows_group
from shared_utils.disclosure.suppression import suppress

__all__ = [
    "Audit",
    "Counts",
    "DisclosureError",
    "Group",
    "Line",
    "Protection",
    "Rules",
    "audit",
    "feasible_ranges",
    "group",
    "is_small",
    "protect",
    "round_count",
    "round_effect",
    "round_share",
    "round_significant",
    "round_usd",
    "shows_group",
    "suppress",
]
