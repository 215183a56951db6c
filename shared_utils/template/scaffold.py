"""What the template's last step adds to a new city: the shared code, bootstrap.py, the pins and the settings.

Runs inside cookiecutter's post_gen_project hook. No git, network, clock or randomness: the same answers give
the same bytes, so that an update shows only what changed in the template.
"""

import re
import shutil
import unicodedata
from datetime import date, timedelta
from pathlib import Path

from shared_utils.config import names
from shared_utils.template import vendoring
from shared_utils.template.inputs import OTHER


def complete(template_root: Path, city_dir: Path, answers: dict) -> None:
    """Add to the rendered skeleton everything that comes from a single source elsewhere in the template."""
    vendoring.vendor(template_root, city_dir)
    for name in ("bootstrap.py", "requirements.txt"):
        shutil.copyfile(template_root / name, city_dir / name)
    # Settings and mappings are the city's own: `cookiecutter --overwrite-if-exists` keeps them as they are.
    if not (city_dir / "city.yml").exists():
        (city_dir / "city.yml").write_text(settings(answers), encoding="utf-8", newline="\n")
    for source in _mappings(answers["city"]):
        target = city_dir / "mappings" / source.name
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, target)
    # On a shared computer other accounts may not look in; Windows keeps a person's folders apart by itself.
    (city_dir / "data" / "private").chmod(0o700)


def settings(answers: dict) -> str:
    """Return the text of city.yml: the preset with the answers that differ, or the starter of the design."""
    return _starter(answers) if answers["city"] == OTHER else _preset(answers)


def _preset(answers: dict) -> str:
    preset = answers["_presets"][answers["city"]]
    text = names.preset_path(answers["city"]).read_text(encoding="utf-8")
    changed = {
        ("city", "name"): (answers["city_name"], preset["name"]),
        ("pilot", "slug"): (answers["city_slug"], preset["slug"]),
        ("pilot", "title"): (answers["program_title"], preset["title"]),
        ("pilot", "domain"): (answers["domain"], preset["domain"]),
        ("pilot", "start"): (answers["start_date"], preset["start"]),
        ("pilot", "end"): (answers["end_date"], preset["end"]),
        ("pilot", "data_lock"): (_data_lock(answers["end_date"]), _data_lock(preset["end"])),
    }
    for (block, key), (value, ready_made) in changed.items():
        if value != ready_made:
            text = replace_value(text, block, key, value)
    return text


def replace_value(text: str, block: str, key: str, value: str) -> str:
    """Return the YAML `text` with another value of `block.key`; everything else, comments too, stays.

    Raises ValueError when the key does not stand on a line of its own under the block.
    """
    comment = r"[ \t]*(?:#.*)?"
    pattern = rf'^({block}:{comment}\n(?:(?:[ #].*)?\n)*?  {key}: *)("[^"\n]*"|[^#\n]*?)({comment})$'
    replaced, number = re.subn(pattern, lambda m: f'{m[1]}"{value}"{m[3]}', text, count=1, flags=re.MULTILINE)
    if number != 1:
        raise ValueError(f"{block}.{key} does not stand on a line of its own")
    return replaced


def _starter(answers: dict) -> str:
    text = names.starter_path(answers["design"]).read_text(encoding="utf-8")
    tokens = {
        "CITY_KEY": city_key(answers),
        "CITY_NAME": answers["city_name"],
        "STATE": answers["state"],
        "SLUG": answers["city_slug"],
        "TITLE": answers["program_title"],
        "DOMAIN": answers["domain"],
        "START": answers["start_date"],
        "END": answers["end_date"],
    }
    return re.sub(r"@([A-Z_]+)@", lambda match: tokens[match[1]], text)


def city_key(answers: dict) -> str:
    """Return the key of a city that has no preset: its name in plain letters, never that of a preset.

    Presets' keys choose their synthetic data, so Newark in Delaware becomes newark_de.
    """
    plain = unicodedata.normalize("NFKD", answers["city_name"]).encode("ascii", "ignore").decode("ascii")
    key = re.sub(r"[^a-z]+", "_", plain.lower()).strip("_")
    if len(key) < 3:  # a name in another script; the folder's name is always in plain letters
        key = re.sub(r"[^a-z]+", "_", answers["city_slug"]).strip("_")
    return f"{key}_{answers['state'].lower()}" if key in names.PRESETS else key


def _data_lock(end: str) -> str:
    """Return the last day of the month after the pilot's last month: the time records need to arrive."""
    last = date.fromisoformat(end)
    year, month = divmod(last.year * 12 + last.month + 1, 12)
    return (date(year, month + 1, 1) - timedelta(days=1)).isoformat()


def _mappings(city: str) -> list[Path]:
    """The ready-made mappings of a preset's files; none for another city."""
    return [] if city == OTHER else sorted((names.preset_path(city).parent / "mappings" / city).glob("*.yml"))
