"""What a hand-over says about itself: for programs, for people, and what each column means."""

import json
import platform
from pathlib import Path

from shared_utils import results, spreadsheets
from shared_utils.errors import EmiError
from shared_utils.results import freshness
from shared_utils.results.notebooks import NOTEBOOKS, state_path
from shared_utils.template import vendoring

COLUMNS = ("File", "Header in the file", "Table", "Column", "Meaning", "Kind", "Privacy")
TEMPLATE = Path(__file__).with_name("handover.txt.j2")
# Only these say why in words of ours; the error of a failed run could repeat a value of a file.
EXPLAINED = ("out of date",)
SAME_AGAIN = ("ok", "blinded")


def gather(city_dir: Path, config, runs: tuple) -> dict:
    """Versions, private files, and how the last runs ended, as plain JSON values; nothing in it is a resident's."""
    return {
        "city": {"key": config.city.key, "name": config.city.name, "state": config.city.state},
        "data_mode": config.data.mode,
        "private_files": _private_files(city_dir, config) if config.data.mode == "city" else [],
        "salt_fingerprint": _salt_fingerprint(city_dir, config),
        "shared_utils": _shared_code(city_dir),
        "system": platform.system(),
        "libraries": freshness.libraries(),
        "runs": [_run(city_dir, run) for run in runs],
    }


def _shared_code(city_dir: Path) -> dict:
    """The city's own copy, which may be older than the emi that hands it over."""
    own = city_dir / vendoring.PACKAGE
    return {
        "version": vendoring.version(own),
        "edited": vendoring.check(city_dir),
        "compares": (own / "template" / "handover.py").is_file(),  # it has `emi handover --check`
    }


def _run(city_dir: Path, run) -> dict:
    try:
        state = json.loads(state_path(city_dir, run.notebook).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        state = {}
    released = results.release_path(city_dir, run.notebook).is_file()
    return {
        "notebook": run.notebook,
        "status": run.word,
        "why": run.reason if run.word in EXPLAINED else "",
        "parameters": state.get("parameters", {}),
        "as_of": run.as_of,
        "finished_at": run.finished_at,
        "released": released,
        "same_again": released and run.word in SAME_AGAIN,
    }


def _private_files(city_dir: Path, config) -> list[dict]:
    """Name and hash of each file in data/private/raw. A name that no mapping tells already is not told here either."""
    from shared_utils.data.fingerprint import data_root, hash_file, raw_files

    root, named = data_root(city_dir, config), _named_files(city_dir, config)
    found = []
    for path in raw_files(root):
        name, digest = hash_file(path, root).rsplit(" ", 1)
        shown = name if name in named else f"a file that no mapping names ({path.suffix.lower() or 'no ending'})"
        found.append({"name": shown, "sha256": digest})
    return sorted(found, key=lambda one: (one["name"], one["sha256"]))


def _named_files(city_dir: Path, config) -> set[str]:
    """Paths below data/private that city.yml or a mapping names."""
    return {config.data.analysis_file} if config.data.analysis_file else {m.source.path for m in _mappings(city_dir)}


def _mappings(city_dir: Path) -> list:
    from shared_utils.data import mapping

    try:
        return mapping.read_all(city_dir)
    except EmiError:  # `emi check` says what is wrong with them; they are handed over as they are
        return []


def _salt_fingerprint(city_dir: Path, config) -> str:
    from shared_utils.data import report, store
    from shared_utils.data.fingerprint import data_root

    done = report.read(data_root(city_dir, config) / store.LINKED)
    return done.salt_fingerprint if done else ""


def dictionary(city_dir: Path) -> str:
    """A CSV: each column of the city's files that is used, and what it means. Headers only, no value of a file."""
    from shared_utils.data.dictionary import PRIVACY, words
    from shared_utils.data.model import TABLES

    rows = []
    for mapping in _mappings(city_dir):
        for table in mapping.tables:
            known = TABLES[table.table].columns
            for header, column in sorted(table.columns.items()):
                meaning = words(table.table, column).meaning if column in known else "The city's own column."
                kind, privacy = (known[column].type, PRIVACY[known[column].pii]) if column in known else ("", "")
                rows.append((mapping.source.path, header, table.table, column, meaning, kind, privacy))
    return spreadsheets.csv_text(COLUMNS, rows)


def readme(config, facts: dict) -> str:
    """README.txt in plain words."""
    import jinja2

    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        config=config,
        facts=facts,
        watermark=results.watermark(config.data.mode, config.city.name),
        numbers={notebook: file.partition("_")[0] for notebook, file in NOTEBOOKS.items()},
        commands=_commands(facts["runs"]),
    )


def _commands(runs: list[dict]) -> list[str]:
    """What to type to run again what ran, with the parameters it ran with."""
    ran = [run for run in runs if run["status"] != "never run"]
    if not any(run["parameters"] for run in ran):
        return ["emi run"]
    given = {run["notebook"]: "".join(f" -p {key}={value}" for key, value in run["parameters"].items()) for run in ran}
    return [f"emi run -n {notebook}{words}" for notebook, words in given.items()]
