"""Published tables of tracts that a city's tracts are joined to: those city.yml names, and those in data/public_ref."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from shared_utils.config import CityConfig
from shared_utils.data import public, report, store
from shared_utils.data.fingerprint import data_root
from shared_utils.data.public import Reference
from shared_utils.errors import EmiError, nearest

if TYPE_CHECKING:
    import pandas as pd

MOBILITY = "kfr_pooled_pooled_p25"
NEEDED = {"opportunity_atlas": (MOBILITY,), "acs": (), "eviction_lab": ()}
# Name in city.yml -> kind of the published file.
KINDS = {"opportunity_atlas": "opportunity_atlas", "acs": "acs", "eviction_lab": "eviction_tracts"}


def load(city_dir: Path, config: CityConfig) -> "dict[str, pd.DataFrame]":
    """Return {name: frame} of the tables that may be joined to the city's tracts, each with a text column GEOID first.

    One row a tract: of a file with years, the latest. A missing file only takes its comparison away, and so does one
    that is refused (`refused` says why). Raises EmiError when a file that city.yml names lacks its columns.
    """
    return {name: table.frame for name, table in references(city_dir, config)[0].items()}


def refused(city_dir: Path, config: CityConfig) -> list[EmiError]:
    """Return the errors of files that are there and are not joined: broken, sent twice, or of other tracts."""
    return references(city_dir, config)[1]


def references(city_dir: Path, config: CityConfig) -> tuple[dict[str, Reference], list[EmiError]]:
    """Return the tables that may be joined to the city's tracts, and the errors of those that may not."""
    found, errors = tables(city_dir, config)
    kept, vintages = {}, _vintages(city_dir, config) or [None]
    made_up = [f"{public.SYNTHETIC}000000"] if config.data.mode == "synthetic" else []
    for name, table in found.items():
        try:
            for vintage in vintages:
                public.check_join(table, made_up, vintage)
            kept[name] = table
        except EmiError as error:
            errors.append(error)
    return kept, errors


def tables(city_dir: Path, config: CityConfig) -> tuple[dict[str, Reference], list[EmiError]]:
    """Return all tables of tracts, whatever their census year, and the errors of files that cannot be read.

    Synthetic mode reads below data/synthetic what city.yml names: made-up tracts (99999...) join made-up references
    only. Otherwise files named in city.yml (below data/) go before those found in data/public_ref.
    """
    named = _named(Path(city_dir), config)
    if config.data.mode == "synthetic":
        return named, []
    dropped, errors = public.load(city_dir, config, only=KINDS.values())
    for name in [name for name, kind in KINDS.items() if kind in dropped and name in named]:
        message = f"city.yml names a file for {name}, and data/public_ref holds {dropped[KINDS[name]].release} as well."
        errors.append(EmiError(message, f"Take one away, or take {name} out of data.reference in city.yml."))
    found = {name: _latest(dropped[kind]) for name, kind in KINDS.items() if kind in dropped}
    return {**found, **named}, errors


def _named(city_dir: Path, config: CityConfig) -> dict[str, Reference]:
    base = city_dir / "data"
    base = base / "synthetic" if config.data.mode == "synthetic" else base
    area = public.Area.of(config)
    return {
        name: _latest(_published(base / stated.path, name, stated, area) or _own(base / stated.path, name, stated))
        for name, stated in config.data.reference.items()
        if (base / stated.path).is_file()
    }


def _published(path: Path, name: str, stated, area: public.Area) -> Reference | None:
    """Return a file that is as its publisher sends it, None for an extract with a GEOID."""
    kind = None if path.suffix == ".parquet" else public.known(path)
    if kind is None or kind.id != KINDS[name]:
        return None
    table = public.read(path, area)
    if "tract_vintage" in stated.model_fields_set and stated.tract_vintage != table.vintage:
        raise EmiError(
            f"city.yml says that {path.name} has tracts of {stated.tract_vintage}; its tracts are those of "
            f"{table.vintage}.",
            f"Take tract_vintage out of data.reference.{name}, or fetch the release with tracts of "
            f"{stated.tract_vintage}.",
        )
    return table


def _own(path: Path, name: str, stated) -> Reference:
    """Return an extract of a published table that the city made: GEOID and the columns of the model."""
    kind = next(kind for kind in public.KINDS if kind.id == KINDS[name])
    return Reference(
        kind=kind.id, frame=read(path, name), source=kind.source, release=str(stated.vintage or path.stem),
        vintage=stated.tract_vintage, unit="tract", period="", measures={}, caution=kind.caution,
        citation=kind.citation,
    )  # fmt: skip


def _latest(table: Reference) -> Reference:
    if "year" not in table.frame:
        return table
    frame = table.frame.sort_values("year", kind="stable").drop_duplicates("GEOID", keep="last")
    return replace(table, frame=frame.sort_index().reset_index(drop=True))


def _vintages(city_dir: Path, config: CityConfig) -> list[int]:
    """Return the census years of the tract codes in the city's files, as its mappings stated them at the intake."""
    done = report.read(data_root(city_dir, config) / store.LINKED)
    return sorted({source.tract_vintage for source in done.sources if source.tract_vintage}) if done else []


def read(path: Path, name: str) -> "pd.DataFrame":
    """Read an extract of one reference (CSV or Parquet) that has its tract codes."""
    import pandas as pd

    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
    else:
        frame = pd.read_csv(path, encoding="utf-8-sig", dtype=dict.fromkeys(CODES, str))
    frame.insert(0, "GEOID", _geoid(frame, path))
    for column in NEEDED.get(name, ()):
        if column not in frame:
            raise EmiError(
                f"{path.name}: there is no column '{column}'.{nearest(column, frame.columns)}",
                f"Send the published file, or take {name} out of data.reference in city.yml.",
            )
    return frame


CODES = {"GEOID": 11, "state": 2, "county": 3, "tract": 6}


def _geoid(frame: "pd.DataFrame", path: Path) -> "pd.Series":
    """Return 11-digit tract codes from GEOID, or from state, county and tract, with their leading zeros."""
    if "GEOID" in frame:
        return frame.pop("GEOID").astype(str).str.strip().str.zfill(CODES["GEOID"])
    parts = [name for name in CODES if name != "GEOID"]
    missing = [name for name in parts if name not in frame]
    if missing:
        raise EmiError(
            f"{path.name}: there is no GEOID, and no {', '.join(missing)} to make it from.",
            "Send the published file with its tract codes.",
        )
    state, county, tract = (frame[name].astype(str).str.strip().str.zfill(CODES[name]) for name in parts)
    return state + county + tract
