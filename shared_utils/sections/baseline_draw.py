"""Baseline: was the draw what the plan says (B5)? Stated chances against shares drawn, all measures together."""

import pandas as pd

from shared_utils.sections import analysis, checks
from shared_utils.sections.tables import Column, Table
from shared_utils.stats import assignment


def audit_table(book) -> Table | None:
    """The assignment audit by arm: in how many blocks the share drawn fits the stated chance (exact binomial test)."""
    if book.study.design["type"] not in checks.RANDOM or book.config.data.analysis_file:
        return None
    rows = [row for arm in analysis.arms(book)[1:] for row in _audit(book, arm)]
    columns = [
        Column("arm", "Drawn for"),
        Column("units", "Draws", "count", people=book.config.design.type != "rct_cluster"),
        Column("blocks", "Blocks", "count", people=False),
        Column("fit", "Blocks that fit", "count", people=False),
        Column("gap", "Widest gap to the chance", "points"),
        Column("p", "Smallest p", "p"),
    ]
    note = f"A block does not fit when chance makes such a share in fewer than {_in(assignment.THRESHOLD)} draws."
    if not rows:
        note = "The assignments state no chance of being drawn (assign_prob), so shares cannot be held against it."
    return Table("The draw against the chances of the plan", columns, rows, notes=[note])


def _in(share: float) -> str:
    return f"1 of {1 / share:,.0f}"


def _audit(book, arm: str) -> list[dict]:
    """The audit of one arm, [] where no chance is stated.

    With two arms every row states the chance of the second; with more, each row states that of its own arm.
    """
    rows = book.data.tables["assignments"]
    if rows["assign_prob"].isna().any():
        return []
    block = rows["stratum"].fillna("all").astype(str)
    chance = rows["assign_prob"].astype(float)
    if len(analysis.arms(book)) > 2:
        chance = block.map(chance[rows["arm"] == arm].groupby(block).first())
    else:
        block = block + " at " + chance.astype(str)
    table = assignment.audit(rows["arm"] == arm, block, chance)
    return [
        {
            "arm": analysis.arm_name(book, arm),
            "units": len(rows),
            "blocks": len(table),
            "fit": int(table["compatible"].sum()),
            "gap": float((table["share"] - table["chance"]).abs().max()),
            "p": float(table["p"].min()),
        }
    ]


def together_table(book, ps: dict[str, float]) -> Table | None:
    """p of all measures together for each pair of arms that were compared, where there are several."""
    if len(ps) < 2:
        return None
    rows = [{"pair": pair, "p": p} for pair, p in ps.items()]
    columns = [Column("pair", "Groups"), Column("p", "p of all measures together", "p")]
    notes = [f"{checks.repeated(book)} p: how often chance alone makes groups that differ so much."]
    return Table("All measures together", columns, rows, notes=notes)


def weights(book, frame: pd.DataFrame) -> pd.Series | None:
    """Weights that make unequal chances of being drawn even, as in the main analysis; None where chances are equal."""
    chance = frame.get(book.study.design.get("assign_prob"))
    if chance is None or chance.nunique() < 2:
        return None
    drawn = frame[book.study.arm] == book.study.labels[0]
    return (1 / chance).where(drawn, 1 / (1 - chance)).astype(float)
