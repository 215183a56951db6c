"""Baseline: what the pilot is trying to do (B1) and whether the data are good enough (B2)."""

from itertools import pairwise

import pandas as pd
from pandas.api.types import is_numeric_dtype

from shared_utils.disclosure import shows_group
from shared_utils.results import Flag, whom
from shared_utils.sections import analysis, charts_shape, plan_lock
from shared_utils.sections.scales import told_share
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import capital, counted, listed, plainly, plural, sentence

STEPS = {
    "inputs": "What goes in",
    "activities": "What is done",
    "outputs": "What comes out",
    "short_term": "Soon",
    "long_term": "Later",
}
EQUITY = ("race_ethnicity", "gender", "household_type", "opportunity_tercile")
UNKNOWN = "unknown"
LEAST_DARK = 0.10  # the darkest shade is the largest share missing, or this

DROPPED = {"empty": "empty row", "row_filter": "row that the mapping leaves out", "exact copy": "exact copy"}
ADDED_NOTE = (
    "Added: a line with several outcomes gives one row for each. A list that names only cases gives a zero for the "
    "rest. Rows in plus rows added are rows kept plus rows dropped."
)

RULES = {
    "DQ101": "keys are unique",
    "DQ102": "no copies of rows",
    "DQ103": "ids are found in their lists",
    "DQ104": "values and ranges are possible",
    "DQ105": "dates are in order",
    "DQ106": "fields are filled in",
    "DQ107": "tracts match the reference",
    "DQ108": "panels are complete, parts not above wholes",
    "DQ109": "assignment fits the stated chances",
    "DQ110": "nobody enrolled outside the window",
    "DQ111": "indicators can be recomputed",
    "DQ112": "pseudonyms come from the same key",
    "DQ113": "no mix of made-up and real data",
    "DQ114": "nobody is in two groups",
}


@section("B1", "What is the pilot trying to do?")
def purpose(book) -> Section:
    """Theory of change, outcomes and the smallest change worth paying for, from city.yml."""
    config = book.config
    theory = config.pilot.theory_of_change
    steps = [(heading, getattr(theory, key)) for key, heading in STEPS.items() if getattr(theory, key)]
    title, aim = config.pilot.title, theory.short_term
    aims = f"aims at this: {aim[:1].lower() + aim[1:]}" if aim else "does not say yet what it aims at"
    text = f'"{title}" {aims}. The main measure: {_named(config.primary.label)}.'
    worth = worthwhile(book)
    text += f" The city would pay for a change of {worth} or more." if worth else ""
    rows = [{"what": heading, "value": words} for heading, words in steps] + [
        {"what": "For whom", "value": config.pilot.population},
        {"what": "Main outcome", "value": f"{config.primary.label} ({config.primary.direction})"},
        {"what": "Other outcomes", "value": listed([o.label for o in config.secondaries]) or "none"},
        {"what": "Monthly indicators", "value": listed([i.label for i in config.indicators]) or "none"},
        {"what": "Smallest change worth paying for", "value": worth or "not set"},
    ]
    flags = [
        Flag("PLAN_FIELD", "warn", key, f"city.yml does not say {key}.")
        for key in [*plan_lock.lacking(config), *plan_lock.advisable(config)]
    ]
    return Section(
        sentence(text),
        figure=_logic(book, steps) if steps else None,
        flags=flags,
        table=Table("The pilot in short", [Column("what", ""), Column("value", "As city.yml says")], rows),
    )


def worthwhile(book) -> str:
    """The minimum worthwhile effect in words, "" when there is none."""
    return "" if book.config.mwe is None else in_words(book, book.config.mwe)


def in_words(book, size: float) -> str:
    """The size of a change for the better, given as a positive number on the estimation scale."""
    sign = 1 if book.config.primary.direction == "increase" else -1
    return analysis.scale(book).size(sign * size, None, book.rules)


def _named(label: str) -> str:
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def _logic(book, steps):
    title = f'How "{book.config.pilot.title}" is meant to work'
    sheet = {
        "title": title,
        "subtitle": "From what goes in to what should change for families",
        "note": "Source: city.yml, theory of change.",
        "stamp": book.stamp,
    }
    alt = f"Diagram. {title}: " + "; ".join(f"{heading}: {text}" for heading, text in steps) + "."
    return charts_shape.logic(steps, sheet, alt)


@section("B2", "Is the data good enough?")
def data_quality(book) -> Section:
    """Rows in, kept and dropped; missing values by field and month; the result of every check."""
    shares = missing_shares(book)
    outcome = book.config.primary.id
    known = book.study.frame[outcome].notna()
    n, people_told = len(known), not analysis.is_panel(book)
    told = (lambda x: told_share(x, n, book.rules)[0]) if people_told else (lambda x: f"{100 * x / n:.0f} in 100")
    parts = [
        "all records are complete for the main measure"
        if known.all()
        else f"{told(int(known.sum()))} records are complete for the main measure"
    ]
    if len(shares):
        parts.append(f"{field_name(book, shares.index[0])} is missing most ({told(round(shares.iloc[0] * n))})")
    failed = [flag for flag in book.flags if flag.code in RULES and flag.severity in ("serious", "block")]
    if failed:
        parts.append(f"{counted(len({f.code for f in failed}), 'check')} found a serious problem")
    more = tuple(filter(None, [_steps_table(book), _missing_table(book, shares), _rules_table(book)]))
    return Section(
        sentence("; ".join(parts)),
        table=_sources_table(book),
        figure=_strip(book, shares),
        more=more,
        flags=[f for f in book.flags if f.code.startswith("DQ")],
        data={"record": {"missing": {str(k): float(v) for k, v in shares.items()}}},
    )


def checked_fields(book) -> list[str]:
    """Columns of the study whose gaps matter: equity dimensions, covariates and the main outcome."""
    study = book.study
    wanted = [*(d for d in EQUITY if d in study.frame), *study.covariates, book.config.primary.id]
    return [name for name in dict.fromkeys(wanted) if name in study.frame]


def field_name(book, name: str) -> str:
    """A checked field in words."""
    return "main outcome" if name == book.config.primary.id else plainly(name)


def gaps(book) -> pd.DataFrame:
    """True where a checked field is empty or "unknown", rows as in the study's frame."""
    frame = book.study.frame[checked_fields(book)]
    return frame.isna() | frame.astype(object).eq(UNKNOWN)


def missing_shares(book) -> pd.Series:
    """Share missing of each field that has gaps, largest first."""
    shares = gaps(book).mean()
    return shares[shares > 0].sort_values(ascending=False, kind="stable")


def _sources_table(book) -> Table:
    rows = [
        {
            "file": source["file"],
            "table": source["table"],
            "rows_in": source["rows_in"],
            "kept": source["rows_kept"],
            "added": source["rows_added"],
            "dropped": sum(source["dropped"].values()),
            "why": _dropped_words(source["dropped"]),
        }
        for source in book.data.intake.get("sources", [])
    ] or [
        {
            "file": entry["table"],
            "table": "",
            "rows_in": entry["rows"],
            "kept": entry["rows"],
            "added": 0,
            "dropped": 0,
            "why": "",
        }
        for entry in book.data.inputs
    ]
    columns = [
        Column("file", "File"),
        Column("table", "Fills"),
        Column("rows_in", "Rows in", "count", people=False),
        Column("kept", "Kept", "count", people=False),
        Column("added", "Added", "count", people=False),
        Column("dropped", "Dropped", "count", people=False),
        Column("why", "Why dropped"),
    ]
    return Table("Rows of each file: in, kept and dropped", columns, rows, notes=[ADDED_NOTE])


def _dropped_words(dropped: dict) -> str:
    return listed([_reason(reason, n) for reason, n in dropped.items() if n])


def _reason(reason: str, n: int) -> str:
    """Rows left out and why: "22 exact copies"; a copied row is not a person, so the count is told."""
    one = DROPPED.get(reason)
    return f"{n:,} {reason}" if one is None else f"{n:,} {one if n == 1 else plural(one)}"


def _steps_table(book) -> Table | None:
    """From the city's list to the rows with a main outcome: what is left at each step, and what is left out."""
    steps = _place_steps(book) if analysis.is_panel(book) else _people_steps(book)
    if len(steps) < 2:
        return None
    left = [0, *(before["n"] - after["n"] for before, after in pairwise(steps))]
    rows = [
        step | {"left": n, "who_left": step.get("who_left"), "why": step["why"] if n else ""}
        for step, n in zip(steps, left, strict=True)
    ]
    persons = not analysis.is_panel(book)
    columns = [
        Column("step", "Step"),
        Column("n", "Left", "count", people=persons),
        Column("left", "Left out", "count", people=persons),
        Column("why", "Why"),
    ]
    groups = (lambda row: {k: row[w] for k, w in (("n", "who"), ("left", "who_left")) if row[w]}) if persons else None
    return Table("From the records to the analysis", columns, rows, groups=groups)


def _people_steps(book) -> list[dict]:
    """People on the list, in the study, with the main outcome. Few who were not assigned would be told by the first."""
    frame, persons = book.study.frame, book.data.tables.get("participants")
    known = int(frame[book.config.primary.id].notna().sum())
    listed_n = 0 if persons is None or book.config.data.analysis_file else len(persons)
    steps = [
        {"step": "In the study", "n": len(frame), "why": "in no group of the design", "who": whom.EVERYONE},
        {
            "step": "Main outcome known",
            "n": known,
            "why": "no main outcome yet",
            "who": whom.EVERYONE.did(whom.KNOWN),
            "who_left": whom.EVERYONE.did(whom.KNOWN, "no"),
        },
    ]
    outside = listed_n - len(frame)
    if outside == 0 or outside >= book.rules.small_cell_min:
        steps.insert(0, {"step": "On the city's list", "n": listed_n, "why": "", "who": None})
    return steps


def _place_steps(book) -> list[dict]:
    """Periods of places in the files, in the window of the plan, with the main outcome."""
    study, outcome = book.study, book.config.primary.id
    words = analysis.row_words(book).capitalize()
    whole = study.frame if study.whole is None else study.whole
    return [
        {"step": f"{words} in the files", "n": len(whole), "why": ""},
        {"step": "In the window of the plan", "n": len(study.frame), "why": "before or after it"},
        {"step": "Main outcome known", "n": int(study.frame[outcome].notna().sum()), "why": "no main outcome yet"},
    ]


def _missing_table(book, shares) -> Table | None:
    if shares.empty:
        return None
    n = len(book.study.frame)
    rows = [
        {
            "field": field_name(book, name),
            "who": _lacking(book, name),
            "share": share,
            "n": n,
            "missing": round(share * n),
        }
        for name, share in shares.items()
    ]
    persons = not analysis.is_panel(book)
    columns = [
        Column("field", "Field"),
        Column("missing", "Missing", "count", people=persons),
        Column(
            "share",
            "Share missing",
            "share",
            n="n" if persons else "",
            numerator="missing" if persons else "",
        ),
    ]
    groups = (lambda row: {"missing": row["who"], "n": whom.EVERYONE}) if persons else None
    return Table("Fields with missing values", columns, rows, groups=groups)


def _lacking(book, name: str):
    """Those without a value in a checked field, under the name that the other tables give them."""
    if name == book.config.primary.id:
        return whom.EVERYONE.did(whom.KNOWN, "no")
    dims = {column: dim for dim, column in book.study.subgroups.items()}
    return whom.EVERYONE.within(**{dims.get(name, name): UNKNOWN})


def _rules_table(book) -> Table | None:
    """The rules on linked tables; a city with one analysis file has none, and its columns are checked when read."""
    if book.config.data.analysis_file:
        return None
    found = {code: [f for f in book.flags if f.code == code] for code in RULES}
    rows = [
        {
            "rule": code,
            "what": what,
            "result": "passed" if not found[code] else listed(sorted({f.severity for f in found[code]})),
            "message": " ".join(f.message for f in found[code]),
        }
        for code, what in RULES.items()
    ]
    columns = [
        Column("rule", "Check"),
        Column("what", "What it asks"),
        Column("result", "Result"),
        Column("message", "What was found"),
    ]
    return Table("The checks on the data", columns, rows)


def _strip(book, shares):
    if shares.empty:
        return None
    table = _by_month(book, list(shares.index[:10]))
    worst = shares.index[0]
    title = f"{capital(field_name(book, worst))} is missing most: {100 * shares.iloc[0]:.0f} in 100 records"
    kind = "period" if analysis.is_panel(book) else "month of application"
    few = f" Left white too: where fewer than {book.rules.small_cell_min} records lack the value, or have it."
    sheet = {
        "title": title,
        "subtitle": f"Share of records without a value, by field and {kind}",
        "note": f"Source: the city's files. {len(book.study.frame):,} records.{'' if analysis.is_panel(book) else few}",
        "stamp": book.stamp,
    }
    alt = (
        f"Shaded table. {title}. " + "; ".join(f"{field_name(book, k)} {100 * v:.0f}%" for k, v in shares.items()) + "."
    )
    return charts_shape.strip(table, sheet, alt, max(LEAST_DARK, float(table.max(axis=None))))


def _by_month(book, fields) -> pd.DataFrame:
    """Share missing, one row a field and one column a month (quarters when there are many months, or the panel's own
    years)."""
    when, gone = book.study.frame.get(book.study.period or "application_date"), gaps(book)[fields]
    if when is None:
        return gone.mean().to_frame("all")
    if not is_numeric_dtype(when):
        days = pd.to_datetime(when).dt
        when = days.to_period("Q" if days.to_period("M").nunique() > 12 else "M")
    shares, n = gone.groupby(when).mean(), gone.groupby(when).size()
    if not analysis.is_panel(book):
        counts = gone.groupby(when).sum()
        for field in fields:
            told = [shows_group(x, total, book.rules) for x, total in zip(counts[field], n, strict=True)]
            shares[field] = shares[field].where(told, 0.0)
    shares.index = [_period_words(period) for period in shares.index]
    return shares.T.rename(index=lambda name: field_name(book, name))


def _period_words(period) -> str:
    if not isinstance(period, pd.Period):
        return f"{period:g}"
    return f"{period.year}\nQ{period.quarter}" if period.freqstr.startswith("Q") else period.strftime("%b\n%y")
