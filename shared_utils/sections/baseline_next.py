"""Baseline: what the city should do next (B9), ranked from the flags of all sections."""

from datetime import timedelta

from shared_utils.sections.section import SEVERITIES, Section, section
from shared_utils.sections.tables import Column, Table
from shared_utils.sections.wording import counted, day, plainly, sentence

MOST = 5
DAYS = {"block": 7, "serious": 14, "warn": 30}  # from the day of the report
NORMAL = ("MDE", "warn")  # most city pilots, as B7 says
DATA, EVALUATION = "Data lead", "Evaluation lead"

# What answers a flag, and who: the pilot's own contact where None. A code that is not here is looked into.
WORK = {
    "DQ101": ("Settle which of two rows with the same key is true", DATA),
    "DQ102": ("Ask the source to send each row once", DATA),
    "DQ103": ("Find out who the rows without a match belong to", DATA),
    "DQ104": ("Correct values that cannot be", DATA),
    "DQ105": ("Correct dates that are out of order", DATA),
    "DQ106": ("Ask for the empty fields at intake", DATA),
    "DQ107": ("Look up addresses without a tract, with tracts of one year", DATA),
    "DQ108": ("Fill the gaps of the panel", DATA),
    "DQ109": ("Find out how people were really assigned", EVALUATION),
    "DQ110": ("Check who joined outside the window", DATA),
    "DQ111": ("Agree with the source on how the indicator is counted", DATA),
    "DQ114": ("Settle who is in which group", EVALUATION),
    "STALE": ("Send newer data", DATA),
    "PLAN_NONE": ("Lock the plan: emi plan lock", EVALUATION),
    "PLAN_FIELD": ("Fill in the plan in city.yml", None),
    "PLAN_INCOMPLETE": ("Fill in the plan in city.yml", None),
    "UNKNOWN_GROUP": ("Ask people for what is not known of them", None),
    "BALANCE": ("Find out how people were really assigned", EVALUATION),
    "COVARIATE_JUMP": ("Find out why families differ at the limit", EVALUATION),
    "heaping": ("Ask for exact incomes, not rounded ones", DATA),
    "ATTRITION": ("Follow up people without a main outcome, first where more are missing", None),
    "MDE": ("Plan for more people or a larger change, or expect no clear answer", EVALUATION),
    "PUBLIC_FILES": ("Fetch the public files that B4 names", DATA),
}


@section("B9", "What should the city do next?")
def next_steps(book) -> Section:
    """The five gravest things that flags ask for, each with a role and a date."""
    rows = _rows(book)
    if not rows:
        return Section("No check asks the city to do anything. Run this report again when new data come.")
    first, rest = rows[0], len(rows) - 1
    text = sentence(f"first: {first['what'][:1].lower()}{first['what'][1:]}")
    text += f" This is for the {first['who'].lower()}, by {first['by']}."
    if rest:
        text += f" The table lists {counted(rest, 'more step')}."
    columns = [
        Column("what", "What to do"),
        Column("why", "Why"),
        Column("grave", "How grave"),
        Column("who", "Who"),
        Column("by", "By"),
    ]
    return Section(text, table=Table("Next steps, the gravest first", columns, rows))


def _rows(book) -> list[dict]:
    """One row a thing to do: the flags that ask for it, at the date of the gravest."""
    asked = {}
    for flag in book.all_flags():
        if flag.severity in DAYS and (flag.code, flag.severity) != NORMAL:
            asked.setdefault(_work(flag, book.config.reporting.contact_role), []).append(flag)
    order = [*DAYS]
    ranked = sorted(asked.items(), key=lambda item: _rank(item[1], order))[:MOST]
    return [
        {
            "what": what,
            "why": " ".join(dict.fromkeys(flag.message for flag in flags)),
            "grave": SEVERITIES[flags[0].severity].lower(),
            "who": who,
            "by": day(book.as_of + timedelta(days=DAYS[flags[0].severity])),
        }
        for (what, who), flags in ranked
    ]


def _rank(flags, order: list[str]) -> tuple:
    """The gravest first; of equals, what touches the main result."""
    return order.index(flags[0].severity), not any(flag.affects_primary for flag in flags)


def _work(flag, contact: str) -> tuple[str, str]:
    """(what to do, whose it is)."""
    if flag.code.endswith("_NOT_RUN"):
        return f"Send what {flag.scope} needs", DATA
    what, who = WORK.get(flag.code, (f"Look into {plainly(flag.code.lower())}", EVALUATION))
    return what, who or contact
