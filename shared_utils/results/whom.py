"""Whom the numbers of a city count: the one place that names the groups behind its pages and its records.

Two numbers of the same people carry the same group, so they are hidden together; groups that add up are protected
together (shared_utils.disclosure). Designs on places count places and name no groups.
"""

from shared_utils.disclosure import Counts, Group, group

PEOPLE = "participants"
KNOWN, SERVED, LEFT = "main outcome known", "served", "left early"
EVERYONE = group(PEOPLE)
COUNTED = "counted"  # the numerator of an indicator
ALL = "all"
PRIMARY = "primary"  # the main result and its subgroups are one analysis

# Whom the keys of a record's open blocks count.
FLOW = {
    "n": EVERYONE,
    "n_units": EVERYONE,
    "n_assigned": EVERYONE,
    "n_served": EVERYONE.did(SERVED),
    "n_left": EVERYONE.did(LEFT),
    "n_known": EVERYONE.did(KNOWN),
}


def arm(name: str) -> Group:
    """Everyone assigned to one arm."""
    return EVERYONE.within(arm=name)


def sample(analysis: str, contrast: list[str], where: dict | None = None) -> tuple[Group, Group, Group]:
    """(first arm, second arm, both) of those whose outcomes an analysis uses; `where` narrows it to a subgroup."""
    both = EVERYONE.within(**(where or {})).did(f"in the analysis {analysis}: {' - '.join(contrast)}")
    first, second = (both.within(arm=name) for name in contrast)
    return first, second, both


def indicator(row: dict) -> tuple[Group, Group]:
    """(those behind the denominator, those behind the numerator) of an indicator row of a record."""
    who = group(f"{row['indicator_id']} {row['period']}")
    if row["group_dim"] != ALL:
        who = who.within(**{row["group_dim"]: row["group_value"]})
    return who, who.did(COUNTED)


def tells_of_all(row: dict) -> bool:
    """True when none or all of a group share a value: that would say something of every member."""
    return row["group_dim"] != ALL and _none_or_all(row)


def telling(rows: list[dict]) -> set[Group]:
    """The numerators to hide because they are none or all of a group. Where everyone's row says none or all of everyone
    (which may be shown), those of the groups follow from it, and no mask could help."""
    settled = {(row["indicator_id"], row["period"]) for row in rows if row["group_dim"] == ALL and _none_or_all(row)}
    return {indicator(row)[1] for row in rows
            if tells_of_all(row) and (row["indicator_id"], row["period"]) not in settled}  # fmt: skip


def _none_or_all(row: dict) -> bool:
    numerator = row.get("numerator")
    return numerator is not None and numerator in (0, row["denominator"])


def indicator_counts(rows: list[dict]) -> list[tuple[Group, int]]:
    """The exact counts behind indicator rows: denominators, and numerators of shares."""
    found = []
    for row in rows:
        for who, n in zip(indicator(row), (row["denominator"], row["numerator"]), strict=True):
            if n is not None and n == int(n) and _is_part(row):
                found.append((who, int(n)))
    return found


def _is_part(row: dict) -> bool:
    """True when the numerator counts some of those in the denominator."""
    numerator, denominator = row["numerator"], row["denominator"]
    return denominator is not None and (numerator is None or 0 <= numerator <= denominator)


def counts_people(record: dict) -> bool:
    """True for designs on people; those on places and series name no groups."""
    from shared_utils.config.names import PANEL_TYPES  # the settings are slow to load

    return record["design"]["type"] not in (*PANEL_TYPES, "interrupted_time_series")


def estimate(row: dict) -> dict[str, Group]:
    """{key of an estimate's n: whom it counts}."""
    where = {row["group"]["dim"]: row["group"]["value"]} if row.get("group") else None
    name = PRIMARY if row["role"] in ("primary", "subgroup") else row["estimate_id"]
    groups = sample(name, row["contrast"], where)
    return {key: who for key, who in zip([*row["contrast"], "analysed"], groups, strict=True) if key in row["n"]}


def of_record(record: dict) -> list[tuple[Group, int]]:
    """The exact counts in an internal record: its open blocks and its estimates."""
    if not counts_people(record):
        return []
    design = record["design"]
    blocks = {**design, **(design.get("flow") or {})}
    found = [(who, blocks[key]) for key, who in FLOW.items() if blocks.get(key) is not None]
    for row in record["estimates"]:
        found += [(who, row["n"][key]) for key, who in estimate(row).items() if row["n"][key] is not None]
    return found


def gathered(pairs) -> Counts:
    """Pairs of (group, count) as Counts."""
    counts = Counts()
    for who, n in pairs:
        counts.add(who, n)
    return counts
