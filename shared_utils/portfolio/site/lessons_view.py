"""The register of lessons, whole and by what a lesson is about, by domain and by design: one page each, plain links."""

from shared_utils.portfolio import synthesis
from shared_utils.portfolio.collect import City, Portfolio
from shared_utils.portfolio.site import sources, words
from shared_utils.portfolio.site.language import english as t

ALL = "lessons"
STAFF = "staff observation"


def lessons_pages(portfolio: Portfolio) -> dict[str, dict]:
    """{page name: what the template prints}: the whole register first, then one page for each filter that finds any."""
    every = [lesson for city in portfolio.cities for lesson in lessons(city)]
    _link_same_problems(every, portfolio.cities)
    filters = [(kind, *known) for kind in t.lesson_filters for known in _values(kind) if _of(every, kind, known[0])]
    pages = {ALL: {"kind": "", "value": "", "lessons": every, "title": t.pages[ALL]["title"]}}
    for kind, value, name in filters:
        title = t.lessons_about.format(name=words.lower_first(name) if kind == "type" else name)
        found = _of(every, kind, value)
        pages[_page(kind, value)] = {"kind": kind, "value": value, "lessons": found, "title": title}
    menu = [
        {
            "name": t.lesson_filters[kind],
            "links": [
                {"name": name, "href": f"{_page(k, value)}.html", "n": len(_of(every, k, value))}
                for k, value, name in filters
                if k == kind
            ],
        }
        for kind in t.lesson_filters
    ]
    return {name: {**page, "menu": [m for m in menu if m["links"]], "all": len(every)} for name, page in pages.items()}


def lessons(city: City) -> list[dict]:
    """The city's lessons; what staff saw is told apart from what a number backs."""
    found = {}
    for record in city.records:
        for lesson in record["lessons"]:
            found.setdefault(lesson.get("id"), (record, lesson))
    return [_view(city, record, lesson) for record, lesson in found.values()]


def _view(city: City, record: dict, lesson: dict) -> dict:
    evidence = str(lesson.get("evidence") or STAFF)
    said, source = _evidence(city, evidence, lesson.get("statement", ""))
    return {
        "city": city.name,
        "slug": city.slug,
        "type": lesson.get("type") or "",
        "domain": city.domain,
        "design": record["design"]["type"],
        "kick": t.lesson_types.get(lesson.get("type"), ""),
        "statement": lesson.get("statement", ""),
        "staff": evidence == STAFF,
        "code": _code(evidence),
        "evidence": said,
        "source": source,
        "useful": [_where(str(name)) for name in lesson.get("transferable_to") or ()],
        "confidence": t.confidences.get(lesson.get("confidence"), ""),
        "elsewhere": [],
    }


def _evidence(city: City, evidence: str, statement: str) -> tuple[str, str]:
    """(what a lesson rests on, in words; its address in a record, "" when it is not in one)."""
    if evidence == STAFF:
        return t.staff, ""
    kind, _, name = evidence.partition(" ")
    if found := sources.of_flag(city, _code(evidence)):
        flag, source = found
        repeated = flag["message"] in statement
        return (t.flagged if repeated else t.flagged_that.format(message=flag["message"])), source
    if kind == "estimate" and (row := next((r for r in synthesis.shown_rows(city) if r["estimate_id"] == name), None)):
        effect = words.Effect(row)
        said = t.estimated.format(effect=effect.said(effect.shown[0]), range=effect.said_range)
        return said, sources.of_estimate(city, row)
    if kind == "indicator":
        return t.followed.format(measure=city.indicator(name)), ""
    return (t.plan_changed if evidence == "deviations.yaml" else evidence), ""


def _code(evidence: str) -> str:
    """The code of the flag that is named: of "DQ108" and of "flag DQ108"."""
    return evidence.removeprefix("flag ")


def _where(name: str) -> str:
    """A design or domain in words; whatever else a city wrote as it stands."""
    return t.design_names.get(name) or t.domains.get(name) or name


def _link_same_problems(every: list[dict], cities) -> None:
    """Name the other cities whose records carry the flag a lesson rests on."""
    codes = {city.slug: {flag["code"] for record in city.records for flag in record["flags"]} for city in cities}
    for lesson in every:
        lesson["elsewhere"] = [
            {"name": city.name, "slug": city.slug}
            for city in cities
            if city.slug != lesson["slug"] and lesson["code"] in codes[city.slug]
        ]


def _values(kind: str) -> list[tuple[str, str]]:
    return list({"type": t.lesson_types, "domain": t.domains, "design": t.design_names}[kind].items())


def _of(every: list[dict], kind: str, value: str) -> list[dict]:
    return [lesson for lesson in every if lesson[kind] == value]


def _page(kind: str, value: str) -> str:
    return f"{ALL}-{kind}-{value or 'other'}"
