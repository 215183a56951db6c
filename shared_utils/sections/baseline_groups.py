"""Baseline: are the groups comparable at the start (B5), and who is missing so far (B6)?"""

import pandas as pd

from shared_utils.disclosure import shows_group
from shared_utils.errors import EmiError
from shared_utils.results import whom
from shared_utils.sections import (
    analysis,
    baseline_cutoff,
    baseline_draw,
    baseline_twin,
    charts_compare,
    charts_limits,
    checks,
)
from shared_utils.sections.numbers import decimals
from shared_utils.sections.record import clean
from shared_utils.sections.scales import in_100, told_share
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import counted, people, plainly, sentence
from shared_utils.stats import attrition, balance

BANDS = {"satisfied": "alike", "adjust": "adjusted for in the analysis", "not_satisfied": "not comparable"}
FAR, NEAR = 0.25, 0.05  # WWC Standards Handbook 4.1: baseline equivalence


@section("B5", "Are the groups comparable at the start?")
def comparability(book) -> Section:
    """Means by arm, standardized differences with their WWC class, and the design's own checks."""
    if book.descriptive:
        raise EmiError("this design has no comparison group, so there is nothing to compare")
    book.require_sound_data()
    if analysis.is_series(book):
        return _one_series(book)
    if book.study.design["type"] == "rd":
        return baseline_cutoff.continuity(book)
    if book.study.design["type"] == "synthetic_control":
        return baseline_twin.fit_before_the_start(book)
    if not book.study.covariates:
        return _without_measures(book)
    rows = [row for labels in checks.pairs(book) for row in _balance_rows(book, labels)]
    ps = {_against(book, labels): checks.omnibus(book, labels) for labels in checks.pairs(book)}
    p = next(iter(ps.values()))
    flags = checks.assignment_flags(book)
    if book.study.design["type"] not in checks.RANDOM:
        flags += checks.design_flags(book)
    n = "n_treated" if not analysis.is_panel(book) else ""
    columns = [
        Column("what", "Measure at the start"),
        *([Column("arm", "Program")] if len(ps) > 1 else []),
        Column("mean_treated", "Mean, program", "row", n=n),
        Column("mean_comparison", "Mean, comparison", "row", n=n and "n_comparison"),
        Column("sd_treated", "SD, program", "number", n=n),
        Column("sd_comparison", "SD, comparison", "number", n=n),
        Column("d", "Difference in SD", "number", digits=3),
        Column("class", "WWC class"),
    ]
    notes = [
        "Difference in SD: Hedges g for numbers, Cox index for shares. WWC: up to 0.05 alike, up to 0.25 "
        "adjusted for, "
        "above 0.25 not comparable."
    ]
    if baseline_draw.weights(book, book.study.frame) is not None:
        notes.append("Chances of being drawn differ: people count by the inverse of theirs, as in the main analysis.")
    more = (baseline_draw.together_table(book, ps), baseline_draw.audit_table(book))
    return Section(
        _balance_sentence(book, rows, p if p is None else min(ps.values())),
        figure=_love(book, rows),
        flags=flags,
        table=Table("The groups at the start", columns, rows, notes=notes),
        more=tuple(filter(None, more)),
        data={
            "record": {
                "omnibus_p": p,
                "rows": [{"covariate": r["name"], "d": r["d"], "class": r["wwc_band"]} for r in rows],
            }
        },
    )


def _against(book, labels: list[str]) -> str:
    treated, comparison = (analysis.arm_name(book, arm) for arm in labels)
    return f"{treated} against {comparison}"


def _one_series(book) -> Section:
    """A series is compared with itself: what came before says what would have come."""
    flags, periods = checks.design_flags(book), book.study.unit_label
    before = int((book.study.frame[book.study.arm] == book.study.labels[1]).sum())
    text = f"One series has no second group: its {before} {periods} before the start stand in for one. This holds only"
    text = f"{text} if their trend and seasons would have gone on, and nothing else came at the same time."
    return Section(f"{text} {_found(flags)}", flags=flags)


def _without_measures(book) -> Section:
    """No covariate is named: the checks of the assignment or of the design are all there is."""
    drawn = book.study.design["type"] in checks.RANDOM
    flags = checks.assignment_flags(book) if drawn else checks.design_flags(book)
    text = "City.yml names no measures at the start (covariates), so the groups cannot be compared on them."
    return Section(f"{text} {_found(flags)}", flags=flags)


def _found(flags) -> str:
    return f"The design's own checks found {counted(len(flags), 'thing')} to know."


def _balance_rows(book, labels: list[str]) -> list[dict]:
    """The balance table of two arms with words; a level that 1-10 people have (or lack) keeps its name only."""
    frame, group = checks.pair(book, labels)
    plain = _balance(book, frame, group)
    weights = baseline_draw.weights(book, frame)
    rows = plain if weights is None else _balance(book, frame.assign(_weight=weights), group, "_weight")
    told = [row["method"] != "cox" or analysis.is_panel(book) or _tellable(book, row) for row in plain]
    other = "" if labels == book.study.labels else f" ({analysis.arm_name(book, labels[0])})"
    numbers = ("mean_treated", "mean_comparison", "sd_treated", "sd_comparison", "d")
    for row, shown in zip(rows, told, strict=True):
        share = row["method"] == "cox"
        row |= {
            "what": named(row),
            "name": f"{named(row)}{other}",
            "arm": analysis.arm_name(book, labels[0]),
            "class": BANDS.get(row["wwc_band"], ""),
            "kind": "share" if share else "number",
        }
        if not shown:
            row |= dict.fromkeys(numbers) | {"class": "too few people to show"}
    return rows


def _balance(book, frame, group, weights=None) -> list[dict]:
    return [clean(r) for r in balance.balance_table(frame, group, book.study.covariates, weights).to_dict("records")]


def _tellable(book, row: dict) -> bool:
    pairs = ((row["mean_treated"], row["n_treated"]), (row["mean_comparison"], row["n_comparison"]))
    return all(shows_group(round(mean * n), n, book.rules) for mean, n in pairs)


def named(row: dict) -> str:
    """A covariate with its level in words."""
    level = row.get("level")
    return plainly(row["covariate"]) + (f": {plainly(level)}" if level not in (None, "") else "")


def _balance_sentence(book, rows, p) -> str:
    known = [r for r in rows if r["d"] is not None]
    worst = max(known, key=lambda r: abs(r["d"]))
    close = sum(abs(r["d"]) <= NEAR for r in known)
    text = f"The groups differ by 0.05 standard deviations or less on {close} of {len(known)} measures."
    if p is None:
        size = f"{abs(worst['d']):.2f} standard deviations"
        return f"{text} At the start they differ most on {worst['name']} ({size}).{_after_weighting(book)}"
    if p < checks.OMNIBUS_SERIOUS:
        more = f"All together they differ by more than chance makes (p = {p:.4f})."
        return f"{text} {more} Check how people were assigned."
    return f"{text} Chance alone makes differences of this size (p of all together = {p:.2f})."


def _after_weighting(book) -> str:
    """What the weights of an observational comparison leave of the differences; nothing of its effect is read."""
    if book.study.design["type"] != "observational_aipw":
        return ""
    planned = analysis.design(book, book.config.primary.id, draws=0)
    row = analysis.main_rows(analysis.estimates(book.study.frame, planned))[0]
    left, worth = decimals(row["max_smd"], 2), people(round(row["ess"]), book.rules)
    return f" After it, no difference is above {left}. The comparison group then counts for {worth}."


def _love(book, rows):
    drawn = sorted(((r["name"], r["d"]) for r in rows if r["d"] is not None), key=lambda x: -abs(x[1]))[:16]
    far = sum(abs(d) > FAR for _, d in drawn)
    title = (
        f"On {counted(far, 'measure')} the groups differ by more than 0.25 standard deviations"
        if far
        else "No difference between the groups is above 0.25 standard deviations"
    )
    compared = {arm for labels in checks.pairs(book) for arm in labels}
    n = int(book.study.frame.drop_duplicates(book.study.subject_id)[book.study.arm].isin(compared).sum())
    sheet = {
        "title": title,
        "subtitle": "Standardized difference between the groups for each measure at the start",
        "note": f"Source: the city's files. {analysis.subjects(book, n)}. Bands: up to 0.05 and "
        "up to 0.25 (What Works "
        "Clearinghouse).",
        "stamp": book.stamp,
    }
    alt = f"Dot chart. {title}. " + "; ".join(f"{name}: {d:.2f}" for name, d in drawn) + "."
    return charts_limits.love(drawn, sheet, alt)


@section("B6", "Who is missing so far?")
def missing(book) -> Section:
    """Share without the main outcome, overall and by group, against the WWC boundary."""
    book.require_sound_data()
    if book.descriptive or analysis.is_panel(book):
        return _without_groups(book)
    frame = book.study.frame
    gone = frame[book.config.primary.id].isna()
    found = checks.attrition(book)
    rows = [
        _missing_row(analysis.arm_name(book, arm), whom.arm(arm), gone[frame[book.study.arm] == arm])
        for arm in analysis.arms(book)
    ]
    rows.append(_missing_row("all", whom.EVERYONE, gone))
    columns = [
        Column("group", "Group"),
        Column("n", "Assigned", "count"),
        Column("missing", "Main outcome missing", "count"),
        Column("share", "Share missing", "share", n="n", numerator="missing"),
    ]
    side = "inside" if found.wwc["cautious"] == "low" else "outside"
    text = (
        f"{told_share(int(gone.sum()), len(frame), book.rules)[0]} have no main outcome yet. The gap between the "
        f"groups is {100 * found.gap:.1f} points. This is {side} the cautious line of the What Works Clearinghouse."
    )
    if not gone.any():
        text = f"Nobody is missing so far. The main outcome of all {analysis.subjects(book, len(frame))} is known"
        if book.config.design.type == "time_to_event":
            text += ", for as long as each of them was followed"
    return Section(
        sentence(text),
        table=Table("Missing main outcomes, by group", columns, rows, groups=_whom),
        figure=_boundary(book, found.overall, found.gap, side),
        more=(*_reasons(book, frame, gone), *_predictors(book, frame, gone)),
        flags=found.flags,
        data={"record": found.as_record()},
    )


def _missing_row(name: str, who, gone) -> dict:
    return {"group": name, "who": who, "n": len(gone), "missing": int(gone.sum()), "share": float(gone.mean())}


def _whom(row: dict) -> dict:
    return {"n": row["who"], "missing": row["who"].did(whom.KNOWN, "no")}


def _without_groups(book) -> Section:
    """Places and descriptive designs: the share of records with the main outcome."""
    values = book.study.frame[book.config.primary.id]
    share = float(values.isna().mean())
    what = book.study.period_label if analysis.is_panel(book) else "records"
    if share == 0:
        unit = f" {analysis.row_words(book)}" if analysis.is_panel(book) else ""
        text = f"No {what} of the main outcome are missing: all {len(values):,}{unit} are there"
    else:
        text = f"{in_100(share, len(values), book.rules)} {what} have no main outcome yet"
    rows = [
        {"what": f"{what.capitalize()} with the main outcome", "n": int(values.notna().sum()), "known": "yes"},
        {"what": f"{what.capitalize()} without it", "n": int(values.isna().sum()), "known": "no"},
    ]
    table = Table(
        "The main outcome",
        [Column("what", ""), Column("n", "Number", "count", people=not analysis.is_panel(book))],
        rows,
        groups=None if analysis.is_panel(book) else lambda row: {"n": whom.EVERYONE.did(whom.KNOWN, row["known"])},
    )
    bars = [
        (r["what"], r["n"], f"{r['n']:,}" if analysis.is_panel(book) else people(r["n"], book.rules, "")) for r in rows
    ]
    sheet = {
        "title": sentence(text)[:-1],
        "subtitle": f"{book.config.primary.label}: records so far",
        "note": f"Source: {book.config.primary.source or 'the city'}.",
        "stamp": book.stamp,
    }
    figure = charts_compare.bars(bars, sheet, f"Bar chart. {sentence(text)}", what)
    return Section(
        sentence(text),
        table=table,
        figure=figure,
        data={"record": {"overall": share, "differential": None}},
    )


def _boundary(book, overall, gap, side):
    limits = [(x / 100, clean(attrition.wwc(x / 100, 0.0))) for x in range(0, 58)]
    lines = {
        name: [(100 * x, 100 * w[f"{name}_boundary"]) for x, w in limits if w[f"{name}_boundary"] is not None]
        for name in ("cautious", "optimistic")
    }
    title = f"Missing outcomes are {side} the cautious boundary"
    sheet = {
        "title": title,
        "subtitle": "Share missing overall, and gap between the groups, in percentage points",
        "note": f"Source: outcome records. {analysis.subjects(book, len(book.study.frame))}. Boundaries: "
        "What Works Clearinghouse 4.1. "
        "Below a line, missing outcomes are less likely to bend the result.",
        "stamp": book.stamp,
    }
    alt = f"Line chart. {title}: {100 * overall:.0f} percent missing overall, gap {100 * gap:.1f} points."
    return charts_limits.boundary(lines, (100 * overall, 100 * gap), sheet, alt)


def _reasons(book, frame, gone) -> tuple:
    """How those without an outcome left the program, where the city's records say so."""
    if "exit_reason" not in frame:
        return ()
    left = frame["exit_reason"].where(~(frame["exit_date"] > pd.Timestamp(book.as_of)))
    reasons = left[gone].dropna().value_counts()
    if reasons.empty:
        return ()
    rows = [{"reason": plainly(reason), "value": reason, "n": int(n)} for reason, n in reasons.items()]
    rows.append({"reason": "no reason given", "value": None, "n": int(gone.sum() - reasons.sum())})
    columns = [Column("reason", "How they left"), Column("n", "Main outcome missing", "count")]
    missing = whom.EVERYONE.did(whom.KNOWN, "no")
    table = Table(
        "Why main outcomes are missing",
        columns,
        rows,
        groups=lambda row: {"n": missing.within(exit_reason=row["value"] or "none")},
        beside={missing: int(gone.sum())},
    )
    return (table,) if table.told(book.rules, "n") else ()


def _predictors(book, frame, gone) -> tuple:
    """How people without an outcome differ at the start from the others."""
    if gone.sum() < book.rules.small_cell_min or (~gone).sum() < book.rules.small_cell_min:
        return ()
    rows = _balance(book, frame.assign(_gone=gone.astype(int)), "_gone")
    rows = [row for row in rows if row["method"] != "cox" or _tellable(book, row)]
    rows = sorted((r for r in rows if r["d"] is not None), key=lambda r: -abs(r["d"]))[:6]
    rows = [{"what": named(r), "d": r["d"]} for r in rows]
    columns = [
        Column("what", "Measure at the start"),
        Column("d", "Missing minus known, in SD", "number", digits=2),
    ]
    return (Table("How people without an outcome differ at the start", columns, rows),)
