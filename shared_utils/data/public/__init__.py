"""Published context: drop a file as its publisher sends it into data/public_ref, and it is found by its header.

    kinds of files      one module a publisher, one line in KINDS
    recognise(path)     which kind a file is
    read(path, area)    a file -> Reference
    load(city, config)  all of data/public_ref -> {kind: Reference}, and a sentence for each file that was refused
    wanted(config)      what to fetch, from whom, for what
    check_join(...)     refuses tracts of 2010 beside those of 2020, and made-up tracts beside real ones

Importing this loads no pandas; reading does.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from shared_utils.data.public import (
    acs,
    boundaries,
    economic_tracker,
    eviction_lab,
    files,
    mobility_metrics,
    opportunity_atlas,
    social_capital,
)
from shared_utils.data.public.kind import Area, Kind, Reference, Wanted, kind_of
from shared_utils.errors import EmiError

if TYPE_CHECKING:
    import pandas as pd

    from shared_utils.config import CityConfig

KINDS: tuple[Kind, ...] = (
    *opportunity_atlas.KINDS,
    *acs.KINDS,
    *eviction_lab.KINDS,
    *boundaries.KINDS,
    *economic_tracker.KINDS,
    *mobility_metrics.KINDS,
    *social_capital.KINDS,
)
FOLDER = "public_ref"
SYNTHETIC = "99999"  # no real tract begins like this
DOCUMENTS = (".md", ".txt", ".pdf", ".docx")  # a publisher's notes may lie beside its files
OUTSIDE = "Take it out of data/public_ref, or put the published file in its place."

__all__ = ["KINDS", "Area", "Kind", "Reference", "Wanted", "check_join", "known", "load", "read", "recognise", "wanted"]


def recognise(path: Path) -> Kind:
    """Return the kind of a published file by its header, or raise EmiError that names the nearest one."""
    return _recognise(files.look(Path(path)))


def known(path: Path) -> Kind | None:
    """Return the kind of a file, None for one that is no published file. Raises EmiError for one that is no table."""
    return kind_of(files.look(Path(path)), KINDS)


def _recognise(file: files.File) -> Kind:
    if found := kind_of(file, KINDS):
        return found
    near = max((kind for kind in KINDS if kind.signature), key=lambda kind: _likeness(kind, file))
    if _likeness(near, file) <= 0.5:
        raise file.refusal("this is no published file known here.", f"{OUTSIDE} docs/public-context.md lists them.")
    lacking = ", ".join(f"'{name}'" for name in near.missing(file)) or "its other columns"
    message = f"it looks like a file of {near.source} ({near.id}), but lacks {lacking}."
    raise file.refusal(message, f"Fetch {near.fetch} from {near.publisher}.".replace("{state}", "your state"))


def _likeness(kind: Kind, file: files.File) -> float:
    return 1 - len(kind.missing(file)) / len(kind.signature)


def read(path: Path, area: Area | None = None) -> Reference:
    """Return a published file, the rows of the area's state only where an area is given. Raises EmiError."""
    file = files.look(Path(path))
    kind = _recognise(file)
    return kind.read(kind, file, area)


def load(city_dir: Path, config: "CityConfig", only: Iterable[str] = ()) -> tuple[dict[str, Reference], list[EmiError]]:
    """Return {kind: Reference} of the files in a city's data/public_ref, and an error for each that was refused.

    `only` names the kinds to read; without it all are. A file that city.yml names under data.reference is left to it.
    A file that is refused takes nothing else away: whoever shows the context shows its sentence.
    """
    found, refused = _sorted(Path(city_dir), config)
    area, references = Area.of(config), {}
    for kind, sent in found.items():
        if only and kind.id not in only:
            continue
        try:
            _check_count(kind, sent)
            parts = [_read(kind, file, area, file.path.stat().st_mtime_ns) for file in sent]
            references[kind.id] = _together(kind, sent, [replace(p, frame=p.frame.copy()) for p in parts])
        except EmiError as error:
            refused.append(error)
    return references, refused


@lru_cache(maxsize=32)
def _read(kind: Kind, file: files.File, area: Area, saved: int) -> Reference:
    """Read a file once a session as long as it is not saved anew: several sections of a notebook ask for it."""
    return kind.read(kind, file, area)


def _sorted(city_dir: Path, config: "CityConfig") -> tuple[dict[Kind, list[files.File]], list[EmiError]]:
    """Return the files of each kind, and the errors of those that are of none."""
    folder = city_dir / "data" / FOLDER
    named = {(city_dir / "data" / reference.path).resolve() for reference in config.data.reference.values()}
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    found, refused = {}, []
    for path in paths:
        if not path.is_file() or path.name.startswith((".", "~$")) or path.suffix.lower() in DOCUMENTS:
            continue
        if path.resolve() in named:
            continue
        try:
            file = files.look(path)
            found.setdefault(_recognise(file), []).append(file)
        except EmiError as error:
            refused.append(error)
    return found, refused


def _check_count(kind: Kind, sent: list[files.File]) -> None:
    if len(sent) > 1 and not kind.parts:
        names = " and ".join(file.path.name for file in sent)
        raise EmiError(f"{names} are both files of {kind.source} ({kind.id}).", "Keep one of them in data/public_ref.")


def _together(kind: Kind, sent: list[files.File], parts: list[Reference]) -> Reference:
    """Return the files of one kind as one: side by side (other measures) or one below the other (other rows)."""
    whole = parts[0]
    for file, part in zip(sent[1:], parts[1:], strict=True):
        _check_alike(kind, whole, part, f"{sent[0].path.name} and {file.path.name}")
        frame = _side_by_side(whole, part) if kind.parts == "columns" else _below(whole, part)
        if frame is None:
            message = f"{sent[0].path.name} and {file.path.name} hold the same numbers twice."
            raise EmiError(message, "Keep one of them in data/public_ref.")
        release = whole.release if whole.release == part.release else f"{whole.release}, {part.release}"
        whole = replace(whole, frame=frame, release=release, measures=whole.measures | part.measures,
                        notes=whole.notes + part.notes)  # fmt: skip
    return whole


def _check_alike(kind: Kind, whole: Reference, part: Reference, names: str) -> None:
    for fact, words in (("unit", "unit"), ("vintage", "census year of tracts"), ("release", "release")):
        first, second = getattr(whole, fact), getattr(part, fact)
        if first != second and (fact != "release" or kind.id == "acs"):
            raise EmiError(f"{names} are of different {words}: {first} and {second}.",
                           f"Keep files of one {words} in data/public_ref.")  # fmt: skip


def _side_by_side(whole: Reference, part: Reference) -> "pd.DataFrame | None":
    if set(whole.measures) & set(part.measures):
        return None
    columns = [*whole.frame, *(name for name in part.frame if name not in whole.frame)]
    return whole.frame.set_index("GEOID").combine_first(part.frame.set_index("GEOID")).reset_index()[columns]


def _below(whole: Reference, part: Reference) -> "pd.DataFrame | None":
    import pandas as pd

    frame = pd.concat([whole.frame, part.frame], ignore_index=True)
    keys = ["GEOID", "year", "subgroup_type", "subgroup", "metric"]
    return None if frame.duplicated(keys).any() else frame


def wanted(config: "CityConfig") -> list[Wanted]:
    """Return what to fetch for each kind of file, with the city's own state and county in the words."""
    area = Area.of(config)
    return [
        Wanted(k.id, k.source, k.publisher, k.fetch.replace("{state}", area.state), k.shows, k.caution) for k in KINDS
    ]


def check_join(reference: Reference, tracts: Iterable[str], vintage: int | None) -> None:
    """Raise EmiError when a reference must not be joined to these tracts, which are of the census year `vintage`.

    Tracts of 2010 and 2020 share most of their codes and not their places: only a crosswalk of areas (the Census
    Bureau's tract relationship file) turns one into the other. Made-up tracts (99999...) join made-up references only.
    """
    if reference.unit != "tract":
        raise EmiError(f"{reference.source} ({reference.release}) holds values of a {reference.unit}, not of tracts.",
                       "Compare whole counties or cities with it.")  # fmt: skip
    if vintage and reference.vintage and vintage != reference.vintage:
        raise EmiError(
            f"The city's tract codes are of {vintage}, those of {reference.source} ({reference.release}) of "
            f"{reference.vintage}: the same code can be another place.",
            f"Recode the city's tracts to {reference.vintage} (the Census geocoder gives both years), or fetch a "
            f"release with tracts of {vintage}.",
        )
    made_up = {code.startswith(SYNTHETIC) for code in tracts}
    real = {code.startswith(SYNTHETIC) for code in reference.frame["GEOID"]}
    if len(real) > 1 or (made_up and real and made_up != real):
        raise EmiError(f"{reference.source} holds real tracts, or the city's tracts are made up (99999...), not both.",
                       "Join made-up tracts to made-up references only.")  # fmt: skip
