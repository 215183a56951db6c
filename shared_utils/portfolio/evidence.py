"""The evidence pack of a city for What Works Cities Certification: what its repository can show, and what it cannot.

Only settings, plan, released results and the checks of the repository are copied: nothing from data/. No software meets
a criterion; each asks for a process of the city, so the index says what the city itself must add.
"""

from dataclasses import dataclass
from pathlib import Path

from shared_utils import results
from shared_utils.disclosure.scan import PERSONAL, forbidden
from shared_utils.portfolio.collect import City, collect_city
from shared_utils.portfolio.site import parts, words
from shared_utils.portfolio.site.language import english as t
from shared_utils.results.folders import new_folder

# criterion -> files of the city's folder that bear on it; a folder is copied with what is in it
FILES = {
    "eval-1": ("plan/plan.lock.json", "city.yml"),
    "eval-2": ("plan/plan.lock.json", "plan/deviations.yaml", "outputs/release/baseline.html",
               "outputs/release/results_baseline.json", "notebooks/01_baseline.ipynb", "notebooks/03_impact.ipynb"),
    "eval-3": ("outputs/release/impact.html", "outputs/release/results_impact.json", "outputs/release/monitoring.html",
               "outputs/release/results_monitoring.json", "actions.yaml"),
    "eval-4": ("lessons.yaml",),
    "lc-6": ("city.yml",),
    "data": ("mappings", "outputs/release/baseline.html", ".pre-commit-config.yaml", ".github/workflows/check.yml",
             ".gitignore"),
}  # fmt: skip


@dataclass(frozen=True)
class EvidencePack:
    """Where the pack lies, how many files it holds, and the files that are not there yet, by criterion."""

    folder: Path
    files: int
    missing: dict[str, list[str]]


def evidence_pack(city_dir: Path) -> EvidencePack:
    """Write outputs/evidence/ of a city anew: a folder a criterion, and index.html.

    Raises ReleaseError, and leaves the earlier pack as it was, when a file holds what must not leave the city or
    was edited after its release.
    """
    city = collect_city(Path(city_dir))
    if edited := [name for name, step in city.steps.items() if step.state == "edited"]:
        raise results.ReleaseError(
            f"{city.folder.name}: what was released of {words.listed(edited)} was edited by hand since.",
            f"Release it again:  emi run {city.folder.name} --force",
        )
    target = city.folder / "outputs" / "evidence"
    with new_folder(target) as draft:
        there, missing = _copy(city.folder, draft)
        _write_index(city, there, missing, draft)
    return EvidencePack(target, sum(len(files) for files in there.values()) + 1, missing)


def _copy(city: Path, draft: Path) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Copy what there is. Returns ({criterion: names below its folder}, {criterion: names that are not there})."""
    there, missing = {}, {}
    for criterion, names in FILES.items():
        found = {name: sorted(p for p in _below(city / name) if p.is_file()) for name in names}
        missing[criterion] = [name for name, files in found.items() if not files]
        there[criterion] = [path.relative_to(city).as_posix() for files in found.values() for path in files]
        for name in there[criterion]:
            _put(_content(city / name), draft / criterion / name)
    return there, missing


def _below(path: Path) -> list[Path]:
    return list(path.rglob("*")) if path.is_dir() else [path]


def _content(source: Path) -> bytes:
    """The file as it is; a released page, which is the inside of one, is made whole."""
    if source.suffix != ".html":
        return source.read_bytes()
    from shared_utils.portfolio.site.build import environment

    page = environment().get_template("evidence_page.html.j2")
    return page.render(body=source.read_text(encoding="utf-8"), title=source.stem).encode("utf-8")


def _put(content: bytes, copy: Path) -> None:
    # Settings may name the tracts a pilot serves; nothing in the pack may tell of a person.
    if found := [kind for kind in forbidden(content.decode("utf-8", errors="replace")) if kind in PERSONAL]:
        raise results.ReleaseError(
            f"{copy.name} would take {words.listed(found)} out of the city.",
            "Take it out of that file, then collect the evidence again.",
        )
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(content)


def _write_index(city: City, there: dict, missing: dict, draft: Path) -> None:
    from shared_utils.portfolio.site.build import HERE, environment

    page = environment().get_template("evidence.html.j2").render(
        city=city,
        watermark=city.watermark,
        facts=_facts(city),
        criteria=[
            {**t.criteria[name], "files": [f"{name}/{file}" for file in there[name]], "missing": missing[name]}
            for name in FILES
        ],
    )  # fmt: skip
    results.write_text(page, draft / "index.html")
    results.write_text((HERE / "site.css").read_text(encoding="utf-8"), draft / "site.css")


def _facts(city: City) -> list[tuple[str, str]]:
    """Dates, assignment, decision and checks as the records and settings hold them."""
    record = city.record("impact") or next(iter(city.records), None)
    if not record:
        return []
    pilot, decision = city.config.pilot if city.config else None, record["decision"] or {}
    inputs = {entry["table"]: entry["sha256"] for entry in record["provenance"]["inputs"]}
    found = [
        ("pilot", f"{words.day(pilot.start)} {t.to} {words.day(pilot.end)}" if pilot else ""),
        ("plan", parts.plan(record)),
        ("hash", record["plan"]["hash"] or ""),
        ("deviations", parts.deviations(record)),
        ("design", t.designs.get(record["design"]["type"], "")),
        ("size", f"{words.plain(n)} {parts.units(city)}" if (n := record["design"].get("n_units")) else ""),
        ("assignment", inputs.get("assignments", "")),
        ("seed", str(record["provenance"]["seed"])),
        ("rule", parts.tag(city).word),
        ("decision", decision.get("city_decision") or t.no_city_decision),
        ("audit", t.audited if city.audited else ""),
        ("small", str(record["disclosure"]["small_cell_min"])),
        ("owner", city.config.reporting.contact_role if city.config else ""),
    ]
    return [(t.pack_facts[name], text) for name, text in found if text]
