"""Baseline of a synthetic control (B5): does the mix of other places follow the pilot's place before the start?"""

from shared_utils.designs import synthetic_control
from shared_utils.disclosure import round_significant
from shared_utils.sections import analysis, charts_compare, checks
from shared_utils.sections.numbers import plain
from shared_utils.sections.section import Section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import listed, plainly, sentence

SHOWN = 0.005  # places with a smaller weight do not move the mix


def fit_before_the_start(book) -> Section:
    """The places that make up the mix, and how far it misses the pilot's place before the start."""
    study, outcome = book.study, book.config.primary
    planned = analysis.design(book, outcome.id)
    weights = analysis.plain_rows(synthetic_control.weights(study.frame, planned))
    rows = [row for row in weights if row["kind"] == "unit" and row["weight"] >= SHOWN]
    error = analysis.main_rows(analysis.primary_rows(book))[0]["pre_rmspe"]
    places = listed(book.config.design.treated_units)
    text = (
        f"Before the start, a mix of {len(rows)} other {study.unit_label} stands in for {places}. "
        f"It misses {places} by {plain(round_significant(error, 2))} {outcome.unit} on average"
    )
    unit = plainly(study.design["unit"]).capitalize()
    columns = [Column("name", unit), Column("weight", "Share of the mix", "share")]
    return Section(
        sentence(text),
        figure=_figure(book, rows, places),
        flags=checks.design_flags(book),
        table=Table(f"What the mix that stands in for {places} is made of", columns, rows),
        data={"record": {"omnibus_p": None, "rows": [], "pre_rmspe": error}},
    )


def _figure(book, rows, places):
    title = f"{len(rows)} other {book.study.unit_label} together stand in for {places}"
    if rows[0]["weight"] > 0.5:
        title = f"The mix that stands in for {places} is mostly {rows[0]['name']}"
    sheet = {
        "title": title,
        "subtitle": f"Share of each in the mix, chosen on the {book.study.period_label} before the start",
        "note": f"Source: {analysis.source(book)}. Shares under {100 * SHOWN:g}% are not shown.",
        "stamp": book.stamp,
    }
    bars = [(str(row["name"]), 100 * row["weight"], f"{100 * row['weight']:.0f}%") for row in rows]
    alt = f"Bar chart. {title}. " + "; ".join(f"{name}: {words}" for name, _, words in bars) + "."
    return charts_compare.bars(bars, sheet, alt, "percent of the mix")
