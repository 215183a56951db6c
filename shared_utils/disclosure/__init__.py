"""Disclosure control: which numbers may be shown, and how far they are rounded (pilots.md 2.7)."""

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
    "Rules",
    "is_small",
    "round_count",
    "round_effect",
    "round_share",
    "round_significant",
    "round_usd",
    "shows_group",
    "suppress",
]
