"""Pre-listed specifications: the planned call with one thing changed, and the decision each would give.

A design's module lists its own in `specifications(frame, design)`. Each is a call of `estimate` that anyone
can repeat by hand: `change` turns the planned (frame, design) into the one to estimate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from shared_utils.stats.decision import rule

# choice    another reasonable way to the planned estimand: it counts when decisions are compared
# estimand  a related quantity (the effect of an invitation beside that of taking part)
# wrong     a method known to mislead in this design, shown with its reason
# placebo   a place or date where no effect can be
KINDS = ("choice", "estimand", "wrong", "placebo")
COLUMNS = (
    "specification", "words", "kind", "outcome", "estimand", "contrast", "value", "se", "df", "ci_low", "ci_high",
    "level", "p", "n", "n_clusters", "method", "note", "ci_low_adjusted", "ci_high_adjusted", "decision",
)  # fmt: skip
Change = Callable[[pd.DataFrame, dict], tuple[pd.DataFrame, dict]]


@dataclass(frozen=True)
class Specification:
    """One pre-listed way to the answer.

    id and words name it; `change` makes its frame and design from the planned ones; `role` says which row of
    `estimate` it reads; `kind` is one of KINDS.
    """

    id: str
    words: str
    change: Change
    role: str = "main"
    kind: str = "choice"


def planned(frame: pd.DataFrame, design: dict) -> tuple[pd.DataFrame, dict]:
    """Change nothing: for specifications that read another row of the planned call."""
    return frame, design


def keys(**changes) -> Change:
    """Change keys of the design; None takes a key away."""
    return lambda frame, design: (frame, {k: v for k, v in {**design, **changes}.items() if v is not None})


def options(**changes) -> Change:
    """Change entries of `options`, the others kept."""
    return lambda frame, design: (frame, {**design, "options": {**(design.get("options") or {}), **changes}})


def rows(keep: Callable[[pd.DataFrame], pd.Series]) -> Change:
    """Keep the rows for which `keep(frame)` is true."""
    return lambda frame, design: (frame[keep(frame)], design)


def table(estimated: list[tuple[Specification, pd.DataFrame | str]], mwe: float | None, direction: str) -> pd.DataFrame:
    """Return one row a specification and contrast, columns COLUMNS.

    estimated: the rows of `estimate` of each, or the reason in words why there are none (then the numbers are
    missing and `note` holds the reason). `decision` is the rule's for `choice` and `wrong` rows when `mwe` is given.
    """
    lines = []
    for spec, found in estimated:
        facts = {"specification": spec.id, "words": spec.words, "kind": spec.kind}
        if isinstance(found, str):
            lines.append({**facts, "note": found, "decision": ""})
            continue
        for row in found[found["role"] == spec.role].to_dict("records"):
            lines.append({**row, **facts, "decision": _decision(row, spec.kind, mwe, direction)})
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _decision(row: Mapping, kind: str, mwe: float | None, direction: str) -> str:
    if mwe is None or kind not in ("choice", "wrong"):
        return ""
    low, high = (
        row[name] if np.isnan(row.get(f"{name}_adjusted", np.nan)) else row[f"{name}_adjusted"]
        for name in ("ci_low", "ci_high")
    )
    b, low, high = (row["value"], low, high) if direction == "increase" else (-row["value"], -high, -low)
    return rule(b, low, high, mwe)[0]
