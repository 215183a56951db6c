"""Stand-in data for the nine cities, with a stated true effect (pilots.md section 4).

One data-generating process a design; each writes files as its city would send them, in the city's own
headers, plus `truth/` for tests. Same city, seed and scenario: the same bytes.
"""

from importlib import import_module
from pathlib import Path

from shared_utils.data.synthetic.scenarios import SCENARIOS, SyntheticError, for_city
from shared_utils.errors import nearest

__all__ = ["CITIES", "SCENARIOS", "SyntheticError", "generate"]

# City -> its process, in the order of pilots.md table 1.0. A city's place seeds its streams: never reorder.
CITIES = {
    "cincinnati": "rct_individual",
    "dayton": "rct_cluster",
    "detroit": "did_staggered",
    "lansing": "iv_encouragement",
    "neworleans": "rct_blocked_lottery",
    "newark": "panel_did",
    "racine": "observational_aipw",
    "rochester": "rd",
    "tulsa": "rct_multiarm",
}
MARKER = """SYNTHETIC DATA. These files were made by a program for testing and demonstration.
They describe nobody and no real pilot. Do not mix them with a city's own files.
"""


def generate(city_key: str, seed: int = 20190401, scenario: str = "default", *, out: Path) -> list[Path]:
    """Write one city's synthetic files below `out` and return their paths.

    out/raw/         the city's files and SYNTHETIC.txt; every file has a column source_system = "synthetic"
    out/public_ref/  synthetic Opportunity Atlas and ACS extracts for tracts that cannot exist (99999xxxxxx)
    out/truth/       truth.json (estimands, nuisances, planted signals) and defects.json: for tests only

    Raises SyntheticError for an unknown city or scenario, or one without meaning for the city's design.
    """
    if city_key not in CITIES:
        raise SyntheticError(
            f"There is no synthetic data for '{city_key}'.{nearest(city_key, CITIES)}",
            f"Cities: {', '.join(CITIES)}.",
        )
    from shared_utils.data.synthetic import assemble
    from shared_utils.data.synthetic.common import World

    index = list(CITIES).index(city_key) + 1
    world = World(city_key, index, int(seed), scenario, for_city(scenario, city_key))
    process = import_module(f"shared_utils.data.synthetic.{CITIES[city_key]}")
    return assemble.write_city(world, process.draw(world), Path(out), MARKER)
