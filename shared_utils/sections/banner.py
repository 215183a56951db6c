"""The first output of a notebook: whose data this is, how old it is, and what to keep in mind."""

from html import escape

from shared_utils.results import Flag
from shared_utils.sections.section import RELEASE, SEVERITIES
from shared_utils.sections.wording import DESIGNS, counted, day

PLAN_WORDS = {
    "prospective": "locked before the first outcome was known",
    "before_unblinding": "locked before results could be seen",
    "retrospective": "locked after results could be seen",
    "none": "not locked",
}


def bundle(book) -> tuple[dict, dict]:
    """Banner and table of facts as one display."""
    lines = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(text)}</td></tr>'
        for name, text in facts(book)
    )
    mark = f'<p class="emi-stamp"><strong>{escape(book.stamp)}</strong></p>' if book.stamp else ""
    html = (
        f'<div class="emi-banner">{mark}<p>{escape(sentence(book))}</p><div class="emi-table"><table>'
        f"<caption>About this report</caption><tbody>{lines}</tbody></table></div></div>"
    )
    plain = "\n".join(filter(None, [book.stamp, sentence(book)]))
    return {"text/html": html, RELEASE: html, "text/plain": plain}, {}


def sentence(book) -> str:
    """What this report rests on and how many checks failed, for B0."""
    kind = "SYNTHETIC" if book.data.mode == "synthetic" else "the city's own"
    grave = [flag for flag in book.flags if flag.severity in ("block", "serious")]
    text = f"This report uses {kind} data up to {day(book.as_of)}. "
    if not grave:
        return text + "No check found a serious problem."
    codes = ", ".join(dict.fromkeys(flag.code for flag in grave))
    return text + f"{counted(len(grave), 'check').capitalize()} found a serious problem: {codes}."


def facts(book) -> list[tuple[str, str]]:
    """Name and value of each fact of the banner."""
    config = book.config
    age = data_age(book)
    return [
        ("City and pilot", f"{config.city.name}, {config.city.state}: {config.pilot.title}"),
        (
            "Data",
            "synthetic (invented people, known truth)" if book.data.mode == "synthetic" else "the city's own",
        ),
        (
            "Data up to",
            day(book.as_of) + (f"; the last record is {counted(age, 'day')} older" if age else ""),
        ),
        ("Design", DESIGNS[config.design.type]),
        ("Analysis plan", plan_words(book.plan)),
        ("Outcomes by group", f"hidden: {book.why_blinded}" if book.blinded else "may be shown"),
        ("Settings", config.sha256[:12]),
        ("Shared code", book.code_version),
        ("Flags", _flag_counts(book.flags)),
    ]


def plan_words(plan) -> str:
    """The state of the plan in words."""
    if plan.status == "none":
        return PLAN_WORDS["none"]
    changes = counted(plan.deviations, "deviation") if plan.deviations else "no deviations"
    return f"{PLAN_WORDS[plan.status]}, on {plan.locked_at}; {changes}"


def data_age(book) -> int | None:
    """Days from the newest record to `as_of`; None when no table says when its rows were measured."""
    columns = {"outcomes": "observed_at", "indicator_monthly": "received_at", "services": "service_date"}
    tables = {name: book.data.tables.get(name) for name in columns}
    newest = [t[columns[n]].max() for n, t in tables.items() if t is not None and len(t)]
    newest = [moment for moment in newest if moment == moment]
    return max(0, (book.as_of - max(newest).date()).days) if newest else None


def flags(book) -> list[Flag]:
    """Flags of the whole report: old data, an unlocked plan, code that is not what is committed."""
    found = []
    age, limit = data_age(book), book.config.data.timeliness.stale_after_days
    # Results are read after the data lock, when the newest record is old by design.
    if book.notebook != "impact" and age is not None and age > limit:
        found.append(
            Flag(
                "STALE",
                "warn",
                "data",
                f"The newest record is {age} days older than this report's date.",
                True,
            )
        )
    if book.plan.status == "none":
        found.append(Flag("PLAN_NONE", "warn", "plan", "The analysis plan is not locked.", True))
    if book.plan.status == "retrospective":
        found.append(Flag("PLAN_RETRO", "serious", "plan", "The plan was locked after results could be seen.", True))
    return found


def _flag_counts(found) -> str:
    counts = {s: sum(f.severity == s for f in found) for s in SEVERITIES}
    return ", ".join(f"{SEVERITIES[s].lower()}: {n}" for s, n in counts.items() if n) or "none"
