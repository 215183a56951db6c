"""Which cities there are: found from the folder the person stands in, named by folder or by key."""

from dataclasses import dataclass
from pathlib import Path

from shared_utils.cli.screen import NothingHere, TypedWrong
from shared_utils.errors import nearest

CITIES = "cities"


@dataclass(frozen=True)
class Workspace:
    """`root` holds `cities/`, or is itself the repository of one city."""

    root: Path
    cities: tuple[Path, ...]


def find(start: Path | None = None) -> Workspace:
    """The nearest folder upward with city.yml (that city) or with `cities/` (all of them)."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "city.yml").is_file():
            return Workspace(folder, (folder,))
        if (folder / CITIES).is_dir():
            cities = tuple(sorted(path.parent for path in (folder / CITIES).glob("*/city.yml")))
            if not cities:
                raise NothingHere(f"The folder {CITIES} in {folder} holds no city yet.", "Next:  emi new")
            return Workspace(folder, cities)
    raise NothingHere(
        f"There is no project here: neither city.yml nor a folder {CITIES} in {start} or above it.",
        "Next:  cd to your project, or start one with  emi new",
    )


def select(names: list[str] | None) -> list[Path]:
    """The folders of the cities named, in the order of the workspace; all of them without names."""
    from shared_utils.runner import city_names

    cities = find().cities
    if not names:
        return list(cities)
    keys = city_names(list(cities))
    found = {name: [c for c in cities if name.rstrip("/\\") in (c.name, keys[c])] for name in names}
    for name, matches in found.items():
        if not matches:
            known = [keys[city] for city in cities]
            folders = [city.name for city in cities]
            raise TypedWrong(
                f"There is no city '{name}' here.{nearest(name, [*known, *folders])}",
                f"Cities: {', '.join(known)}",
            )
    wanted = {city for matches in found.values() for city in matches}
    return [city for city in cities if city in wanted]


def command_name(city_dir: Path) -> str:
    """How a person names this city in the next command."""
    from shared_utils.runner import city_names

    return city_names([city_dir])[city_dir]
