"""Baseline at a cutoff (B5 of a discontinuity design): do families on both sides of the limit look alike?"""

from pandas.api.types import is_bool_dtype, is_numeric_dtype

from shared_utils import designs
from shared_utils.designs import rd
from shared_utils.errors import EmiError
from shared_utils.results import Flag
from shared_utils.sections import analysis, charts_limits
from shared_utils.sections.section import Section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import capital, listed, plainly, sentence

ALPHA = 0.05


def continuity(book) -> Section:
    """Jump of each measure at the cutoff (it should be none), with the density test of the design."""
    rows = _jumps(book)
    if not rows:
        raise EmiError("no measure at the start is a number that can be compared at the limit")
    jumping = [row for row in rows if row["p_holm"] < ALPHA]
    planned = analysis.design(book, book.config.primary.id, draws=0)
    checks = [Flag(**flag) for flag in designs.diagnose(book.study.frame, planned)]
    text = f"At the limit, {len(rows) - len(jumping)} of {len(rows)} measures run on without a clear jump"
    if jumping:
        verb = "jumps" if len(jumping) == 1 else "jump"
        text += f". {capital(listed([row['what'] for row in jumping]))} {verb}, so both sides may not be alike"
    columns = [
        Column("what", "Measure at the start"),
        Column("value", "Jump at the limit", "number", n="n"),
        Column("ci_low", "Low end", "number", n="n"),
        Column("ci_high", "High end", "number", n="n"),
        Column("d", "Jump in SD", "number"),
        Column("p_holm", "p (Holm)", "p"),
        Column("n", "Families near the limit", "count"),
    ]
    flags = [_flag(row) for row in jumping]
    return Section(
        sentence(text),
        figure=_figure(book, rows, jumping),
        flags=[*checks, *flags],
        table=Table("Measures at the start, at the limit", columns, rows),
        data={
            "record": {
                "omnibus_p": None,
                "rows": [{"covariate": r["what"], "d": r["d"], "class": ""} for r in rows],
            }
        },
    )


def _jumps(book) -> list[dict]:
    """Rows of rd.continuity that could be estimated, with the jump in standard deviations and the people near by."""
    frame = book.study.frame
    names = [
        name
        for name in dict.fromkeys([*book.config.design.diagnostics.covariate_continuity, *book.study.covariates])
        if name in frame and not is_bool_dtype(frame[name]) and is_numeric_dtype(frame[name])
    ]
    planned = analysis.design(book, book.config.primary.id, draws=0)
    rows = []
    for row in analysis.plain_rows(rd.continuity(frame, planned, names)):
        if row["value"] is None:
            continue
        spread, n = float(frame[row["covariate"]].astype(float).std()), row["n_treated"] + row["n_comparison"]
        rows.append(row | {"what": plainly(row["covariate"]), "d": row["value"] / spread if spread else None, "n": n})
    return rows


def _flag(row: dict) -> Flag:
    message = f"{capital(row['what'])} jumps at the limit (p = {row['p_holm']:.3f} after Holm)."
    return Flag("COVARIATE_JUMP", "serious", "B5", message, True)


def _figure(book, rows, jumping):
    drawn = [(row["what"], row["d"]) for row in rows if row["d"] is not None]
    title = "Measures at the start show no clear jump at the limit"
    if jumping:
        verb = "jumps" if len(jumping) == 1 else "jump"
        title = f"{capital(listed([row['what'] for row in jumping]))} {verb} at the limit"
    sheet = {
        "title": title,
        "subtitle": "Jump of each measure at the limit, in standard deviations; none is expected",
        "note": f"Source: the city's files. {analysis.subjects(book, len(book.study.frame))}. Local "
        "linear fits on both sides.",
        "stamp": book.stamp,
    }
    alt = f"Dot chart. {title}. " + "; ".join(f"{name}: {d:.2f}" for name, d in drawn) + "."
    return charts_limits.love(drawn, sheet, alt)
