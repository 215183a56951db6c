"""A workspace of nine cities as the site finds it: settings and hand-made files in outputs/release."""

from functools import cache
from pathlib import Path

import record_factory

from shared_utils import results
from shared_utils.config import load_city, preset_path
from shared_utils.disclosure import Rules
from shared_utils.results.fragment import to_fragment
from shared_utils.results.network_record import network_record

MISSING, BLINDED, LATE = "dayton", "lansing", "detroit"


def workspace(root: Path, mode: str = "synthetic") -> Path:
    """Nine cities below root/cities: one without any release, one blinded, one with late monitoring data."""
    for key in record_factory.CITIES:
        folder = root / "cities" / record_factory.CITIES[key][1]
        settings(folder, key)
        if key != MISSING:
            for notebook in ("baseline", "monitoring", "impact"):
                put(folder, released(key, notebook, mode), notebook)
    return root


def settings(folder: Path, key: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "city.yml").write_text(preset_path(key).read_text(encoding="utf-8"), encoding="utf-8")


@cache
def settings_sha(key: str) -> str:
    """The hash a record made with the settings of `settings` carries."""
    return f"sha256:{load_city(preset_path(key)).sha256}"


def released(key: str, notebook: str, mode: str = "synthetic") -> dict:
    made = record_factory.record(key, notebook, data_mode=mode)
    made["provenance"]["config_sha256"] = settings_sha(key)
    if key == BLINDED and notebook == "impact":
        made["run"]["blind"] = True
        made["estimates"] = [
            {
                **row,
                **dict.fromkeys(("value", "se", "ci_low", "ci_high", "p", "p_ri")),
                "mean_comparison": None,
                "null_reason": "blinded",
            }
            for row in made["estimates"]
        ]
        for row in made["estimates"]:
            row["display"].update(value=None, ci_low=None, ci_high=None)
            row["benefit"], row["standardized"] = {"b": None, "l": None, "u": None}, None
        made["decision"] = None
    if key == LATE and notebook == "monitoring":
        made["run"]["as_of"] = "2020-07-31"
    return network_record(made, Rules(), record_factory.protection(made))


def put(folder: Path, record: dict, notebook: str) -> None:
    """Write a released record and its page."""
    results.write(record, results.release_path(folder, notebook))
    results.write_text(page(notebook), results.page_path(folder, notebook))


def page(notebook: str) -> str:
    from test_fragment import figure_output, section, table_output
    from test_fragment import notebook as executed

    return PAGES.setdefault(notebook, to_fragment(executed(section(figure_output(), table_output()))))


PAGES: dict[str, str] = {}
