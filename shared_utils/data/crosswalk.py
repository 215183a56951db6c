"""Who became what: data/.../crosswalk/crosswalk.csv, for the city's own eyes, readable by its owner only.

It always names at least everybody the linked tables hold. So intake writes the old and the new pairs before the
tables change (`extend`) and, where people have left, the new pairs alone after it (`settle`): a kill in between leaves
pairs too many, never too few, and whoever is no longer in the city's files does not stay.
"""

import csv
from pathlib import Path

from shared_utils.data import store
from shared_utils.spreadsheets import csv_text

FILE = "crosswalk.csv"
HEADER = ("kind", "id", "pseudonym")
Pairs = list[tuple[str, str, str]]


def extend(root: Path, pairs: Pairs) -> bool:
    """Write `pairs` and those of the last intake that are not among them; returns True when there were such."""
    new = {(kind, pseudonym) for kind, _, pseudonym in pairs}
    old = [row for row in _read(root) if (row[0], row[2]) not in new]
    _write(root, [*pairs, *old])
    return bool(old)


def settle(root: Path, pairs: Pairs) -> None:
    """Write `pairs` alone, once the linked tables hold them."""
    _write(root, pairs)


def _read(root: Path) -> Pairs:
    path = root / store.CROSSWALK / FILE
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return [tuple(row) for row in csv.reader(lines) if len(row) == len(HEADER)][1:]


def _write(root: Path, pairs: Pairs) -> None:
    store.put(root / store.CROSSWALK / FILE, csv_text(HEADER, pairs), mode=0o600)
