"""All blocks of one table together: repeated rows out, and an account of what each block lost."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from shared_utils.data.blocks import Block
from shared_utils.data.model import DTYPES, TABLES, empty

SAME, NEAR = "same as another row", "replaced by a later row with the same key"


@dataclass(frozen=True)
class Combined:
    """One table. `same` and `near` are the rows dropped, by the position of their block in `blocks`.

    Rows count from 0 over all blocks: `kept` are those of `frame`, `repeated` those that share their key.
    """

    frame: pd.DataFrame
    blocks: list[Block]
    same_by: dict[int, int]
    near_by: dict[int, int]
    clashing: list[str]
    kept: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int))
    repeated: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int))

    def dropped(self, block: Block) -> dict[str, int]:
        counts = {SAME: self.same_by.get(self._at(block), 0), NEAR: self.near(block)}
        return {reason: n for reason, n in counts.items() if n}

    def near(self, block: Block) -> int:
        return self.near_by.get(self._at(block), 0)

    def _at(self, block: Block) -> int:
        return next(i for i, other in enumerate(self.blocks) if other is block)


def combine(blocks: list[Block], table: str) -> Combined:
    """Return the table without repeated rows.

    Rows equal in every column are one row (a tracker names its site on every line). Of rows with the same
    key and different values the last is kept, as the later entry, and all are counted; `clashing` names the
    columns they differ in.
    """
    if not blocks:
        return Combined(empty(table), [], {}, {}, [])
    frame = pd.concat([b.frame for b in blocks], ignore_index=True)
    at = pd.Series(np.repeat(range(len(blocks)), [len(b.frame) for b in blocks]), index=frame.index)
    key = list(TABLES[table].key)
    same = frame.duplicated()
    keys = frame.loc[~same, key]
    repeated = keys.duplicated(keep=False).reindex(frame.index, fill_value=False)
    near = keys.duplicated(keep="last").reindex(frame.index, fill_value=False)
    gone = same | near
    kept = frame[~gone].reset_index(drop=True) if gone.any() else frame
    return Combined(
        frame=kept.astype({c.name: DTYPES[c.type] for c in TABLES[table].columns.values()}),
        blocks=blocks,
        same_by=at[same].value_counts().to_dict(),
        near_by=at[near].value_counts().to_dict(),
        clashing=_clashing(frame[repeated], key),
        kept=np.flatnonzero(~gone),
        repeated=np.flatnonzero(repeated),
    )


def _clashing(repeated: pd.DataFrame, key: list[str]) -> list[str]:
    if repeated.empty:
        return []
    different = repeated.groupby(key, dropna=False).nunique(dropna=False).gt(1).any()
    return [str(name) for name in different.index[different]]
