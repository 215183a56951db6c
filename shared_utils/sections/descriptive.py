"""What the impact notebook shows for a design without a comparison: levels and changes, and no word of
causes."""

from shared_utils import designs
from shared_utils.errors import EmiError
from shared_utils.results import Flag, whom
from shared_utils.sections import analysis, charts_compare
from shared_utils.sections.scales import in_100
from shared_utils.sections.section import Section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import day, people, plainly, sentence

LIMIT = "This design describes: it cannot tell what brought the numbers about."


def levels_and_changes(book) -> Section:
    """I4: the level of the main outcome, in each group, and its change where there are periods."""
    rows = [row for row in analysis.primary_rows(book) if row["role"] in ("main", "level", "change")]
    main = analysis.of_role(rows, "main")
    flags = [Flag(**flag) for flag in designs.diagnose(book.study.frame, analysis.design(book, book.config.primary.id))]
    return Section(
        question="What was the level, and did it change?",
        sentence=f"{_main_words(book, main)} {LIMIT}",
        table=_table(book, rows),
        figure=_figure(book, rows),
        flags=flags,
        estimates=[_record_row(book)],
        data={"rows": rows},
    )


def _main_words(book, main: dict) -> str:
    label, rules = book.config.primary.label, book.rules
    if main["estimand"] == "change":
        first = analysis.of_role([r for r in analysis.primary_rows(book) if r["role"] == "level"], "level")
        way = "rose" if main["value"] > 0 else "fell"
        size = analysis.scale(book).size(main["value"], main["se"], rules)
        return sentence(
            f"{label} {way} by {size} between {first['period']} and {main['period']} ({_range(book, main)})"
        )
    return sentence(
        f"{label}: {_level(book, main['value'], main['n'])} ({_range(book, main)}; "
        f"{people(main['n'], rules, book.study.unit_label)})"
    )


def _level(book, value, n) -> str:
    return analysis.scale(book).mean(value, n, book.rules)


def _range(book, row) -> str:
    if row["estimand"] == "change":
        unit = analysis.scale(book)
        low, high = (unit.text(row[key], row["se"], book.rules) for key in ("ci_low", "ci_high"))
        return f"likely between {low} and {high}"
    return f"likely between {_level(book, row['ci_low'], row['n'])} and {_level(book, row['ci_high'], row['n'])}"


def _kind(book) -> str:
    return {"prob_diff": "share", "usd": "usd"}.get(analysis.scale(book).name, "number")


def _lines(book, rows) -> list[dict]:
    """Levels as their own kind; changes in the unit of the outcome."""
    lines = []
    for row in rows:
        change = row["estimand"] == "change"
        kind = "points" if change and _kind(book) == "share" else _kind(book)
        count = round(row["value"] * row["n"]) if kind == "share" else row["n"]
        lines.append(
            row
            | {
                "kind": kind,
                "what": "change" if change else "level",
                "x": count,
                "name": "everyone" if row.get("group") in ("all", None) else plainly(row["group"]),
                "when": str(row.get("period") or ""),
            }
        )
    return lines


def _table(book, rows) -> Table:
    columns = [
        Column("name", "Group"),
        Column("when", "Period"),
        Column("what", "Number"),
        Column("value", "Value", "row", n="n", numerator="x"),
        Column("ci_low", "Low end", "row", n="n", numerator="x"),
        Column("ci_high", "High end", "row", n="n", numerator="x"),
        Column("n", "n", "count"),
    ]
    lines = _lines(book, rows)
    columns = [c for c in columns if c.key != "when" or any(line["when"] for line in lines)]
    return Table(f"{book.config.primary.label}: levels and changes", columns, lines, notes=[LIMIT])


def _figure(book, rows):
    shown = [r for r in rows if r["estimand"] != "change" and _may_show(book, r)]
    if not shown:
        return None
    scale = 100 if _kind(book) == "share" else 1
    bars = [
        charts_compare.Bar(
            _name(r),
            scale * r["value"],
            scale * r["ci_low"],
            scale * r["ci_high"],
            _level(book, r["value"], r["n"]),
        )
        for r in shown[:16]
    ]
    title = _main_words(book, analysis.of_role(rows, "main")).rstrip(".")
    unit = "percent" if _kind(book) == "share" else book.config.primary.unit
    sheet = {
        "title": title,
        "subtitle": f"{book.config.primary.label}, with 95% intervals",
        "note": f"Source: {book.config.primary.source or 'the city'}. {people(max(r['n'] for r in rows), book.rules)}.",
        "stamp": book.stamp,
    }
    alt = f"Dot and interval chart. {title}. " + "; ".join(f"{b.label}: {b.words}" for b in bars) + "."
    return charts_compare.intervals(bars, sheet, alt, unit, ())


def _may_show(book, row) -> bool:
    from shared_utils.disclosure import shows_group

    count = round(row["value"] * row["n"]) if _kind(book) == "share" else None
    return shows_group(count, row["n"], book.rules)


def _name(row) -> str:
    name = "everyone" if row.get("group") in ("all", None) else plainly(row["group"])
    return f"{name}, {row['period']}" if row.get("period") else name


def _record_row(book) -> dict:
    from shared_utils.sections.impact_effect import null_row

    return null_row(book, list(book.study.labels), "primary", "descriptive")


def levels_by_group(book) -> Section:
    """I7: the level in each group: the city's dimensions and the design's own grouping."""
    dims = dict(book.study.subgroups)
    if book.study.design.get("group"):
        dims.setdefault(book.study.design["group"], book.study.design["group"])
    rows = [row for dim, column in dims.items() for row in _group_rows(book, dim, column)]
    if not rows:
        raise EmiError("city.yml names no groups that the data hold", "List them under subgroups.dims.")
    columns = [
        Column("dim", "By"),
        Column("group", "Group"),
        Column("value", "Level", _kind(book), n="n", numerator="x" if _kind(book) == "share" else ""),
        Column("n", "n", "count"),
    ]
    table = Table("The main outcome by group", columns, rows, notes=[LIMIT], groups=_whom)
    shown = table.told(book.rules, "value")
    text = f"The level in {len(shown)} groups is listed below" if shown else "The groups are too small to show"
    return Section(
        question="How do the levels differ between groups?",
        sentence=f"{sentence(text)} {LIMIT}",
        table=table,
    )


def _whom(row: dict) -> dict:
    known = row["who"].did(whom.KNOWN)
    return {"n": known, "x": known.did("main outcome")} if row["x"] else {"n": known}


def _group_rows(book, dim, column) -> list[dict]:
    known = book.study.frame[[column, book.config.primary.id]].dropna()
    return [
        {
            "dim": plainly(dim),
            "who": whom.EVERYONE.within(**{dim: value}),
            "group": plainly(value),
            "value": float(own.mean()),
            "n": len(own),
            "x": int(round(own.sum())) if _kind(book) == "share" else 0,
        }
        for value, own in known.groupby(column, observed=True)[book.config.primary.id]
    ]


def no_rule(book) -> Section:
    """I11: there is no rule to apply."""
    text = "No rule is applied: the design has no comparison group. " + LIMIT
    table = Table(
        "The rule",
        [Column("what", ""), Column("value", "")],
        [{"what": "Rule result", "value": "none"}, {"what": "Why", "value": "no comparison group"}],
    )
    return Section(question="What may be decided from this?", sentence=text, table=table)


def summary(book) -> Section:
    """I12: six plain sentences without a word of causes."""
    from shared_utils.sections.impact_decision import cost, what

    frame, unit = book.study.frame, book.study.unit_label
    main = analysis.of_role(analysis.primary_rows(book), "main")
    share = frame[book.config.primary.id].notna().mean()
    sentences = [
        what(book),
        sentence(
            f"{people(frame[book.study.subject_id].nunique(), book.rules, unit)} were followed up to {day(book.as_of)}"
        ),
        _main_words(book, main),
        sentence(f"the main measure is known for {in_100(share, len(frame), book.rules)}"),
        cost(book),
        "Next: add a comparison group before asking what the pilot changed.",
    ]
    return Section(f"{' '.join(sentences)} {LIMIT}")
