"""Make a city's data ready, doing only what is needed: where nothing changed, no pandas is loaded."""

import json
from pathlib import Path

from shared_utils.config import CityConfig, load_city
from shared_utils.data import problem_report, report, store
from shared_utils.data.fingerprint import code, data_root, fingerprint, raw_files
from shared_utils.data.problems import IntakeError
from shared_utils.data.report import IntakeReport
from shared_utils.errors import EmiError

MADE = "made.json"


def prepare(city_dir: Path) -> IntakeReport:
    """Make the data of a city ready and return its intake report (`ran` tells whether intake had to run).

    Synthetic mode: generate when the files are absent, or when seed, scenario or generator have changed;
    then as for a city: intake when files, mappings, settings or this code have changed. Raises EmiError,
    IntakeError.
    """
    city_dir = Path(city_dir)
    config = load_city(city_dir)
    root = data_root(city_dir, config)
    if config.data.mode == "synthetic" and _outdated(root, config):
        synthesize(city_dir)
    if not raw_files(root):
        raise EmiError(
            f"{config.city.name}: data/{root.name}/raw holds no files.",
            "Put the city's files there as they are; mappings/ or data.analysis_file say how to read them.",
        )
    done = report.read(root / store.LINKED)
    if done and done.fingerprint == fingerprint(city_dir, config):
        problem_report.clear(root)
        return done
    return intake(city_dir)


def intake(city_dir: Path) -> IntakeReport:
    """Read a city's files into linked tables now, whether or not anything has changed.

    Raises IntakeError with every problem; the list is then also in data/.../checked, which is gone again when all
    is well.
    """
    city_dir = Path(city_dir)
    config = load_city(city_dir)
    root = data_root(city_dir, config)
    if config.data.analysis_file:
        from shared_utils.data import analysis_file as reader
    else:
        from shared_utils.data import intake_tables as reader

    with store.writing(root):
        try:
            done = reader.intake(city_dir, config)
        except IntakeError as error:
            raise problem_report.save(root, error, config.city.name, f"emi check {city_dir.name}") from None
        problem_report.clear(root)
        return done


def synthesize(city_dir: Path, scenario: str | None = None, seed: int | None = None) -> list[Path]:
    """Write synthetic files of a city below data/synthetic and return their paths.

    `scenario` and `seed` default to city.yml. What is asked for here stays until city.yml or the generator
    changes. Raises EmiError in a city whose data.mode is not synthetic: real files are never overwritten.
    """
    city_dir = Path(city_dir)
    config = load_city(city_dir)
    if config.data.mode != "synthetic":
        raise EmiError(
            f"{config.city.name} works with its own data (data.mode: city).",
            "Synthetic data are for data.mode: synthetic.",
        )
    from shared_utils.data import synthetic

    root = data_root(city_dir, config)
    paths = synthetic.generate(
        config.city.key,
        seed=config.data.synthetic_seed if seed is None else seed,
        scenario=scenario or config.data.scenario,
        out=root,
    )
    store.put(root / MADE, json.dumps(_recipe(config), indent=2, sort_keys=True) + "\n")
    return paths


def _recipe(config: CityConfig) -> dict:
    return {
        "seed": config.data.synthetic_seed,
        "scenario": config.data.scenario,
        "generator": code("synthetic/*.py"),
    }


def _outdated(root: Path, config: CityConfig) -> bool:
    try:
        made = json.loads((root / MADE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True
    return made != _recipe(config) or not raw_files(root)
