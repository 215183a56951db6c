"""Baseline of a synthetic control (B5): does the mix of other places follow the pilot's before the start?

Places stay without names: a name is an id, and ids never leave (pilots.md 2.6).
"""

from shared_utils.designs import synthetic_control
from shared_utils.disclosure import round_significant
from shared_utils.sections import analysis, charts_compare, checks
from shared_utils.sections.numbers import plain
from shared_utils.sections.section import Section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import sentence

SHOWN = 0.005  # places with a smaller share do not move the mix


def fit_before_the_start(book) -> Section:
    """How many places make up the mix, with what shares, and how far it misses the pilot's before the start."""
    study, outcome = book.study, book.config.primary
    weights = analysis.plain_rows(synthetic_control.weights(study.frame, analysis.design(book, outcome.id)))
    shares = [row["weight"] for row in weights if row["kind"] == "unit" and row["weight"] >= SHOWN]
    error = analysis.main_rows(analysis.primary_rows(book))[0]["pre_rmspe"]
    text = (
        f"Before the start, a mix of {len(shares)} other {study.unit_label} stands in for the pilot's. "
        f"On average it misses by {plain(round_significant(error, 2))} {outcome.unit}"
    )
    rows = [{"place": str(i), "share": share} for i, share in enumerate(shares, start=1)]
    columns = [Column("place", "Largest share first"), Column("share", "Share of the mix", "share")]
    return Section(
        sentence(text),
        figure=_figure(book, rows),
        flags=checks.design_flags(book),
        table=Table(f"The other {study.unit_label} in the mix", columns, rows),
        data={"record": {"omnibus_p": None, "rows": [], "pre_rmspe": error}},
    )


def _figure(book, rows):
    unit, largest = book.study.unit_label, f"{100 * rows[0]['share']:.0f}%"
    title = f"A mix of {len(rows)} other {unit} stands in for the pilot's; the largest share is {largest}"
    sheet = {
        "title": title,
        "subtitle": f"Share of each in the mix, chosen on the {book.study.period_label} before the start",
        "note": f"Source: {analysis.source(book)}. Shares under {100 * SHOWN:g}% are not shown.",
        "stamp": book.stamp,
    }
    bars = [(row["place"], 100 * row["share"], f"{100 * row['share']:.0f}%") for row in rows]
    alt = f"Bar chart. {title}. " + ", ".join(words for _, _, words in bars) + "."
    return charts_compare.bars(bars, sheet, alt, "percent of the mix")
