"""Baseline: who is in the pilot (B3), and how it spreads over the thirds of the tracts (shown in B4)."""

from pandas.api.types import is_bool_dtype, is_numeric_dtype

from shared_utils.data.model import OPPORTUNITY_TERCILE
from shared_utils.disclosure import Group
from shared_utils.errors import EmiError
from shared_utils.results import Flag, whom
from shared_utils.sections import analysis, charts_compare
from shared_utils.sections.baseline_data import EQUITY, UNKNOWN
from shared_utils.sections.figures import BLUE, GREY, Figure
from shared_utils.sections.scales import in_100
from shared_utils.sections.section import Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import capital, listed, plainly, sentence

MANY_UNKNOWN = 0.10
FEW_VALUES = 6
TERCILE = "opportunity_tercile"
YES_NO = {1: "yes", 0: "no"}


@section("B3", "Who is in the pilot?")
def participants(book) -> Section:
    """Everyone in the study, all arms together: each equity group, and the middle of the main numbers."""
    if analysis.is_series(book):
        raise EmiError(f"one series of {book.study.unit_label} does not say who is in the pilot")
    frame, unit = _one_row_each(book)
    rows = _composition(book, frame)
    table = _composition_table(book, rows, unit)
    told = table.told(book.rules, "n")
    largest = _largest(told)
    if not largest and analysis.is_panel(book):
        raise EmiError(f"the data name no groups of {unit}")
    if not largest:
        raise EmiError("no group of race and ethnicity, gender, household type or opportunity can be shown")
    text = " ".join(
        [
            f"There are {analysis.subjects(book, len(frame))} in the pilot.",
            *(_largest_words(book, r) for r in largest),
        ]
    )
    more = tuple(filter(None, [_numbers_table(book, frame)]))
    return Section(
        sentence(text),
        table=table,
        more=more,
        figure=_composition_figure(book, told, len(frame), unit),
        flags=_unknown_flags(told),
        data={"record": {"n": len(frame)}},
    )


def _composition_table(book, rows, unit) -> Table:
    persons = _persons(book)
    columns = [
        Column("dim", "By"),
        Column("group", "Group"),
        Column("n", unit.capitalize(), "count", people=persons),
        Column("share", "Share", "share", n="total" if persons else "", numerator="n" if persons else ""),
    ]
    return Table(f"Who is in the pilot ({unit})", columns, rows, groups=_whom if persons else None)


def _whom(row: dict) -> dict:
    return {"n": whom.EVERYONE.within(**row["where"]), "total": whom.EVERYONE}


def _persons(book) -> bool:
    return not analysis.is_panel(book)


def _one_row_each(book):
    """One row a subject: people, or the places of a panel."""
    study = book.study
    return study.frame.drop_duplicates(study.subject_id), study.unit_label


def _composition(book, frame) -> list[dict]:
    """One row a group of each dimension; without equity dimensions, of the covariates with few values."""
    rows = []
    for dim, values in _dimensions(book, frame):
        values = values.astype(object).where(values.notna(), UNKNOWN)
        counts = values.value_counts()
        counts = counts.reindex([v for v in counts.index if v != UNKNOWN] + [v for v in counts.index if v == UNKNOWN])
        rows += [
            {
                "dim": plainly(dim),
                "group": YES_NO.get(value, plainly(value)),
                "where": {dim: value},
                "known": value != UNKNOWN,
                "n": int(n),
                "total": len(frame),
                "share": n / len(frame),
            }
            for value, n in counts.items()
        ]
    return [row for row in rows if row["share"] < 1 or row["known"]]


def _dimensions(book, frame) -> list[tuple]:
    """[(name, column)]: race and ethnicity, gender, household type and opportunity first, then the city's
    own."""
    named = book.study.subgroups
    dims = [d for d in named if d in EQUITY] + [d for d in named if d not in EQUITY]
    found = [(dim, frame[named[dim]]) for dim in dims]
    if any((values.notna() & values.ne(UNKNOWN)).any() for _, values in found):
        return found
    return [(name, frame[name]) for name in book.study.covariates if frame[name].nunique() <= FEW_VALUES]


def _largest(rows) -> list[dict]:
    """The largest known group of up to three dimensions."""
    found = {}
    for row in rows:
        if row["known"] and row["n"] > found.get(row["dim"], {"n": 0})["n"]:
            found[row["dim"]] = row
    return list(found.values())[:3]


def _largest_words(book, row) -> str:
    return sentence(f'by {row["dim"]}, the largest group is "{row["group"]}", with {_part(book, row)}')


def _part(book, row) -> str:
    """A part of the pilot in words: places are counted, people told as so many in 100."""
    return in_100(row["share"], row["total"], book.rules) if _persons(book) else f"{row['n']} of {row['total']}"


def _unknown_flags(rows) -> list[Flag]:
    return [
        Flag(
            "UNKNOWN_GROUP",
            "warn",
            row["dim"],
            f"{capital(row['dim'])} is unknown for {100 * row['share']:.0f}%.",
        )
        for row in rows
        if not row["known"] and row["share"] > MANY_UNKNOWN
    ]


def _numbers_table(book, frame) -> Table | None:
    """Mean, spread and middle of the numeric covariates, pooled over arms. No smallest and no largest
    value."""
    rows = []
    for name in book.study.covariates:
        values = frame[name]
        if is_bool_dtype(values) or not is_numeric_dtype(values) or values.dropna().nunique() <= 2:
            continue
        known = values.dropna().astype(float)
        rows.append(
            {
                "what": plainly(name),
                "n": len(known),
                "where": {name: "known"},
                "mean": known.mean(),
                "sd": known.std(),
                "median": known.median(),
                "low": known.quantile(0.25),
                "high": known.quantile(0.75),
            }
        )
    n = "n" if _persons(book) else ""
    columns = [
        Column("what", "Measure at the start"),
        Column("n", "Known for", "count", people=_persons(book)),
        *(
            Column(key, label, "number", n=n)
            for key, label in (
                ("mean", "Mean"),
                ("sd", "Standard deviation"),
                ("median", "Median"),
                ("low", "Lower quarter"),
                ("high", "Upper quarter"),
            )
        ),
    ]
    groups = (lambda row: {"n": whom.EVERYONE.within(**row["where"])}) if n else None
    return Table("Numbers at the start, all groups together", columns, rows, groups=groups) if rows else None


def _composition_figure(book, shown, n, unit):
    bars = [(f"{r['group']}", 100 * r["share"], _part(book, r)) for r in shown]
    tones = [BLUE if r["known"] else GREY for r in shown]
    top = _largest(shown)[0]
    title = f'{_part(book, top)} {unit} are in the group "{top["group"]}"'
    dims = listed(list(dict.fromkeys(r["dim"] for r in shown)))
    sheet = {
        "title": title,
        "subtitle": f"Share of {unit} by {dims}, all groups of the design together",
        "note": f"Source: the city's files. {analysis.subjects(book, n)}. Grey: not known. Small groups are not shown.",
        "stamp": book.stamp,
    }
    alt = f"Bar chart. {title}. " + "; ".join(f"{label}: {words}" for label, _, words in bars) + "."
    return charts_compare.grouped_bars([r["dim"] for r in shown], bars, sheet, alt, f"percent of {unit}", tones)


def pilot_subjects(book):
    """One row a subject of the pilot: everyone of a study of people, the places that start it of a panel."""
    frame, _ = _one_row_each(book)
    return frame if _persons(book) else frame[frame[book.study.arm] == book.study.labels[0]]


def by_opportunity(book) -> tuple[Figure | None, frozenset[Group]]:
    """(bars of the pilot by third of the tracts, the groups of people they tell of); no bars where no third is known.

    People are told as the table of B3 tells them, so that no second table can give away what that one hides.
    """
    found = [row for row in _told(book) if TERCILE in row["where"]]
    found.sort(key=lambda row: OPPORTUNITY_TERCILE.index(row["where"][TERCILE]))
    if not any(row["known"] for row in found):
        return None, frozenset()
    groups = {group for row in found for group in _whom(row).values()} if _persons(book) else ()
    return _opportunity_figure(book, found), frozenset(groups)


def _told(book) -> list[dict]:
    if not _persons(book):
        return _composition(book, pilot_subjects(book))
    table = participants(book).table
    return table.told(book.rules, "n") if table else []


def _opportunity_figure(book, rows) -> Figure:
    unit, first = book.study.unit_label, rows[0]
    third = f"the {first['group']} third for opportunity"
    title = f"{_part(book, first)} {unit} are {f'in {third}' if first['known'] else 'in a tract that is not known'}"
    bars = [
        (f"{r['group'].capitalize()}{' third' if r['known'] else ''}", 100 * r["share"], _part(book, r)) for r in rows
    ]
    small = " Small groups are not shown." if _persons(book) else ""
    sheet = {
        "title": title,
        "subtitle": f"Share of the pilot's {unit} by neighborhood opportunity: thirds of the tracts",
        "note": f"Source: the city's files, {analysis.subjects(book, first['total'])}; Opportunity Atlas, children "
        f"born 1978 to 1983. Thirds have equally many tracts.{small}",
        "stamp": book.stamp,
    }
    alt = f"Bar chart. {title}. " + "; ".join(f"{label}: {words}" for label, _, words in bars) + "."
    tones = [BLUE if row["known"] else GREY for row in rows]
    even = (100 / 3, "spread evenly: 33 in 100")
    return charts_compare.bars(bars, sheet, alt, f"percent of {unit}", even, tones)
