"""Impact by group (I7): does the result differ between groups by more than chance?"""

from dataclasses import dataclass

from scipy import stats

from shared_utils.designs import DesignError
from shared_utils.errors import EmiError
from shared_utils.results import whom
from shared_utils.sections import analysis, charts_compare, counted_people, descriptive
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import capital, counted, listed, plainly, sentence
from shared_utils.stats import multiplicity

MIN_PER_ARM = 30
MIN_UNITS = 5  # places a side, for designs on places
ALPHA = 0.05


@dataclass(frozen=True)
class Group:
    """One group's estimate, or why it is not shown. low and high: simultaneous over the groups of its
    dimension."""

    dim: str
    value: str
    label: str
    row: dict | None = None
    why_not: str = ""
    p_holm: float | None = None
    low: float | None = None
    high: float | None = None


@section("I7", "Who benefits?")
def subgroups(book) -> Section:
    """The primary estimate in each group, and whether groups differ (chi-square over the group estimates)."""
    if book.blinded:
        return hidden(book)
    if book.descriptive:
        return descriptive.levels_by_group(book)
    if not book.config.design.SUBGROUPS:
        return Section("This design has one place or one series, so its result cannot be told apart by group.")
    dims = [dim for dim in book.config.subgroups.dims if dim.id in book.study.subgroups and not dim.descriptive_only]
    if not dims:
        raise EmiError("city.yml names no groups that the data hold", "List them under subgroups.dims.")
    groups = {dim.id: _holm([_group(book, dim, value) for value in _values(book, dim)], book) for dim in dims}
    tests = {dim: _differs([g.row for g in found if g.row]) for dim, found in groups.items()}
    tests = _adjusted_tests(tests, [dim.id for dim in dims if dim.confirmatory])
    shown = [g for found in groups.values() for g in found]
    return Section(
        _sentence(dims, tests),
        table=_table(book, shown, tests),
        figure=_figure(book, dims, groups),
        estimates=[_record_row(book, group) for group in shown],
        data={"groups": groups, "tests": tests, "confirmatory": _confirmatory(dims, groups)},
        shows=frozenset(),
    )


def hidden(book) -> Section:
    """What a section on outcomes by group says while they must stay hidden."""
    return Section(f"BLINDED: {book.why_blinded}. This part is shown once results may be seen.")


def _values(book, dim) -> list[str]:
    column = book.study.frame[book.study.subgroups[dim.id]]
    order = list(column.cat.categories) if hasattr(column, "cat") else sorted(column.dropna().unique(), key=str)
    low_to_high = ["low", "middle", "high"]
    order = [v for v in low_to_high if v in order] + [v for v in order if v not in low_to_high]
    return [value for value in order if str(value) != "unknown"]


def _group(book, dim, value) -> Group:
    study, label = book.study, dim.labels.get(str(value), plainly(value))
    frame = study.frame[study.frame[study.subgroups[dim.id]] == value]
    empty = Group(dim.id, str(value), label)
    least = _least(book)
    small = Group(**{**vars(empty), "why_not": f"fewer than {least} in one group"})
    if not analysis.is_panel(book) and _smallest_arm(book, frame) < least:
        return small
    try:
        row = analysis.main_rows(analysis.estimates(frame, _design(book)))[0]
    except DesignError:
        return Group(**{**vars(empty), "why_not": "the planned analysis does not run in so small a group"})
    if min(row["n_treated"], row["n_comparison"]) < least:
        return small
    return Group(**{**vars(empty), "row": row})


def _smallest_arm(book, frame) -> int:
    """People with a main outcome in the smaller of the two arms compared."""
    known = frame.loc[frame[book.config.primary.id].notna(), book.study.arm]
    return min(int((known == arm).sum()) for arm in book.study.labels)


def _design(book) -> dict:
    """The plan's design without random draws; of several arms only the contrast that is shown beside
    other cities."""
    changes = {}
    if book.config.design.type == "rct_multiarm":
        chosen = book.config.design.portfolio_contrast
        changes = {"contrasts": [list(chosen)]} if chosen else {}
    return analysis.design(book, book.config.primary.id, draws=0, **changes)


def _least(book) -> int:
    if analysis.is_panel(book):
        return MIN_UNITS
    return max(MIN_PER_ARM, book.config.subgroups.min_n_each_side_in_bandwidth or 0)


def _holm(groups: list[Group], book) -> list[Group]:
    """Holm's p within the dimension, and intervals that hold for all its groups together (Bonferroni)."""
    known = [g for g in groups if g.row]
    if not known:
        return groups
    p = dict(zip([g.value for g in known], multiplicity.holm([g.row["p"] for g in known]), strict=True))
    level = 1 - (1 - book.config.decision.level) / len(known)
    return [
        g if g.row is None else Group(**{**vars(g), "p_holm": float(p[g.value]), **_interval(g.row, level)})
        for g in groups
    ]


def _interval(row: dict, level: float) -> dict:
    tail = 0.5 + level / 2
    quantile = stats.norm.ppf(tail) if row["df"] is None else stats.t.ppf(tail, row["df"])
    return {"low": row["value"] - quantile * row["se"], "high": row["value"] + quantile * row["se"]}


def _differs(rows: list[dict]) -> float | None:
    """p of Cochran's Q: are the group estimates further apart than their standard errors allow?"""
    if len(rows) < 2:
        return None
    weights = [1 / row["se"] ** 2 for row in rows]
    mean = sum(w * r["value"] for w, r in zip(weights, rows, strict=True)) / sum(weights)
    q = sum(w * (r["value"] - mean) ** 2 for w, r in zip(weights, rows, strict=True))
    return float(stats.chi2.sf(q, len(rows) - 1))


def _adjusted_tests(tests: dict, confirmatory: list[str]) -> dict:
    """The confirmatory dimension keeps its p; the others are one family (Holm)."""
    others = [dim for dim, p in tests.items() if p is not None and dim not in confirmatory]
    adjusted = multiplicity.holm([tests[dim] for dim in others]) if others else []
    return tests | {dim: float(p) for dim, p in zip(others, adjusted, strict=True)}


def _confirmatory(dims, groups) -> list[Group]:
    return [g for dim in dims if dim.confirmatory for g in groups[dim.id] if g.row]


def _sentence(dims, tests) -> str:
    tested = {dim.id: dim for dim in dims if tests.get(dim.id) is not None}
    if not tested:
        return "The groups are too small to say whether the effect differs between them."
    differ = [dim for dim in tested if tests[dim] < ALPHA]
    alike = [plainly(dim) for dim in tested if dim not in differ]
    words = [
        f"We found that the effect differs by {plainly(dim)} "
        f"(confirmatory: {'yes' if tested[dim].confirmatory else 'no'})."
        for dim in differ
    ]
    if alike:
        words.append(
            f"We found no clear sign that the effect differs by {listed(alike, 'or')}. "
            "In groups of this size, only large gaps would show."
        )
    return " ".join(words)


def _table(book, groups, tests) -> Table:
    rows = []
    for group in groups:
        row = group.row or {}
        rows.append(
            {
                "dim": plainly(group.dim),
                "group": group.label,
                "value": row.get("value"),
                "se": row.get("se"),
                "low": row.get("ci_low"),
                "high": row.get("ci_high"),
                "p": group.p_holm,
                "test": tests.get(group.dim),
                "n": row.get("n"),
                "treated": row.get("n_treated"),
                "comparison": row.get("n_comparison"),
                "why": group.why_not,
                "who": _whom(book, group),
            }
        )
    unit = analysis.scale(book)
    panel = analysis.is_panel(book)
    columns = [
        Column("dim", "By"),
        Column("group", "Group"),
        Column("value", f"Effect ({unit.unit})", "effect", se="se"),
        Column("low", "Low end", "effect", se="se"),
        Column("high", "High end", "effect", se="se"),
        Column("p", "p (Holm within dimension)", "p"),
        Column("test", "p that groups differ", "p"),
        Column("treated", "n with", "count", people=not panel),
        Column("comparison", "n without", "count", people=not panel),
        Column("why", "Not shown because"),
    ]
    note = (
        f"Groups with fewer than {_least(book)} {book.study.unit_label if panel else 'people'} on one "
        "side are not shown. "
        "Low and high end: 95% interval of the one group."
    )
    caption = "The main outcome by group"
    groups, beside = (lambda row: row["who"]), counted_people.assigned(book)
    return Table(caption, columns, rows, scale=unit, notes=[note], groups=groups, beside=beside)


def _whom(book, group: Group) -> dict:
    if not group.row:
        return {}
    found = counted_people.sample(book, group.row, whom.PRIMARY, {group.dim: group.value})
    names = {"n_treated": "treated", "n_comparison": "comparison"}
    return {name: found[key] for key, name in names.items() if found}


def _figure(book, dims, groups):
    unit, rules = analysis.scale(book), book.rules
    bars = []
    for dim in dims:
        drawn = [g for g in groups[dim.id] if g.row and g.row["ci_low"] is not None and g.row["ci_high"] is not None]
        if drawn:
            bars.append(charts_compare.Bar(capital(plainly(dim.id)), 0, 0, 0, heading=True))
        bars += [_bar(unit, rules, g) for g in drawn]
    if not bars:
        return None
    count = sum(not b.heading for b in bars)
    title = f"The effect in {counted(count, 'group')}"
    if count > 1 and _overlap(groups):
        title += ": most of the ranges overlap"
    sheet = {
        "title": title,
        "subtitle": f"{book.config.primary.label}: effect in {unit.unit}, with 95% intervals",
        "note": f"Source: {analysis.source(book)}. "
        f"{analysis.subjects(book, book.study.frame[book.study.subject_id].nunique())}. A bar that "
        "crosses the line is not a group "
        "without benefit.",
        "stamp": book.stamp,
    }
    alt = f"Dot and interval chart by group. {title}. " + " ".join(
        f"{b.label}: {b.words}." for b in bars if not b.heading
    )
    better = "further right is better" if book.config.primary.direction == "increase" else "further left is better"
    return charts_compare.intervals(bars, sheet, alt, unit.unit, ((0.0, "no difference"),), better)


def _bar(unit, rules, group) -> charts_compare.Bar:
    row = group.row
    text = [unit.text(row[key], row["se"], rules) for key in ("value", "ci_low", "ci_high")]
    return charts_compare.Bar(
        group.label,
        unit.shown(row["value"]),
        unit.shown(row["ci_low"]),
        unit.shown(row["ci_high"]),
        f"{text[0]}  ({text[1]} to {text[2]})",
    )


def _overlap(groups) -> bool:
    rows = [g.row for found in groups.values() for g in found if g.row]
    return max(r["ci_low"] or -1e9 for r in rows) < min(r["ci_high"] or 1e9 for r in rows)


def _record_row(book, group: Group) -> dict:
    """A subgroup row; one that is not shown keeps its place, without numbers."""
    name, where = f"{group.dim}_{group.value}", {"dim": group.dim, "value": group.value}
    if group.row:
        return analysis.record_row(book, group.row, name, "subgroup", where) | {"p_adjusted": group.p_holm}
    config = book.config
    return {
        "estimate_id": name,
        "outcome_id": config.primary.id,
        "role": "subgroup",
        "estimand": config.design.estimand,
        "estimand_class": analysis.estimand_class(config.design.type, config.design.estimand),
        "contrast": list(book.study.labels),
        "scale": analysis.scale(book).name,
        "direction": config.primary.direction,
        "value": None,
        "se": None,
        "ci_low": None,
        "ci_high": None,
        "level": config.decision.level,
        "n": {},
        "suppressed": True,
        "exploratory": analysis.exploratory(book, "subgroup"),
        "group": where,
        "null_reason": sentence(group.why_not),
    }
