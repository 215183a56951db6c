"""The values in a city's own files that say who somebody is: what the scanner looks for by name."""

import re
from functools import lru_cache
from pathlib import Path

from shared_utils.config import CityConfig, load_city
from shared_utils.data.fingerprint import data_root, raw_files
from shared_utils.disclosure.guard import plain_name

PEOPLE = ("participant_id", "subject_id", "service_id")
TELLING = 0.5  # share of different values from which a column nobody mapped may tell people apart


def private_values(city_dir: Path) -> set[str]:
    """Return every value of the columns of data/private/raw that identify people; empty in synthetic mode.

    These are the direct identifiers and ids that the data model and city.yml name, the columns mapped to a person's
    pseudonym, and unmapped columns whose values differ from row to row. Words that the settings and the shared code
    use themselves tell nothing and are left out. A file that cannot be read gives no values: intake says why.
    """
    config = load_city(Path(city_dir))
    if config.data.mode != "city":
        return set()
    root = data_root(city_dir, config)
    found: set[str] = set()
    for source in _sources(Path(city_dir), root, config):
        for at, header in enumerate(source.headers):
            if _identifies(header, source.frame.iloc[:, at], source.mapping, config):
                found |= set(source.frame.iloc[:, at].unique())
    own = _own_words(Path(city_dir))
    return {value for value in found if value.lower() not in own}


def _sources(city_dir: Path, root: Path, config: CityConfig):
    """Every raw file that can be read: as its mapping says, else as it looks."""
    from shared_utils.data import files, mapping
    from shared_utils.errors import EmiError

    try:
        mapped = mapping.read_all(city_dir) if not config.data.analysis_file else []
    except EmiError:
        mapped = []
    known = {one.source.path for one in mapped}
    paths = [path.relative_to(root).as_posix() for path in raw_files(root)]
    unmapped = [mapping.Mapping(Path(p), mapping.Source(p), ()) for p in paths if p not in known]
    for one in (*mapped, *unmapped):
        try:
            yield files.read(one, root)
        except (EmiError, OSError):
            continue


def _identifies(header: str, column, mapping, config: CityConfig) -> bool:
    from shared_utils.data.model import DIRECT_IDENTIFIERS

    named = {*DIRECT_IDENTIFIERS, *config.privacy.direct_identifiers, *config.privacy.id_columns}
    if plain_name(header) in map(plain_name, named):
        return True
    targets = [table.columns.get(header) for table in mapping.tables]
    if any(target in PEOPLE for target in targets):
        return True
    known = (*config.covariates, getattr(config.design, "time", None))  # in a series of months each is another one
    if header in known or any(header in table.headers for table in mapping.tables):
        return False
    cells = column[column != ""]
    return len(cells) > 0 and cells.nunique() >= TELLING * len(cells) and not _is_number(cells)


def _is_number(cells) -> bool:
    """True for amounts and measures; ids and telephone numbers that are only digits have a name in city.yml."""
    return bool(cells.str.fullmatch(r"-?[\d,]*\.?\d+%?").all())


def _own_words(city_dir: Path) -> set[str]:
    """Words of the settings, the mappings and this code."""
    return _words([city_dir / "city.yml", *city_dir.glob("mappings/*.y*ml")]) | _words_of_code()


@lru_cache(maxsize=1)
def _words_of_code() -> set[str]:
    room = Path(__file__).resolve().parents[1]
    return _words([*room.rglob("*.py"), *room.rglob("*.html")])


def _words(files: list[Path]) -> set[str]:
    text = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)
    return set(re.findall(r"[^\W\d_]+", text.lower()))
