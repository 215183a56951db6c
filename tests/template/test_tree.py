"""What a city gets: the exact files, all readable, none with a trace of the template."""

import json
import os
import re
import tomllib

import nbformat
import pytest
from template_helpers import CITIES, ROOT

from shared_utils.config import DESIGN_TYPES, load_city, preset_path, yaml12
from shared_utils.template import scaffold, vendoring

SKELETON = """
.gitattributes .gitignore .pre-commit-config.yaml README.md actions.yaml bootstrap.py city.yml lessons.yaml
pyproject.toml requirements.txt
.github/workflows/check.yml
.jupyter/jupyter_server_config.json .jupyter/labconfig/default_setting_overrides.json
city_code/README.md city_code/__init__.py
data/private/README.md data/private/raw/.gitkeep data/private/linked/.gitkeep data/private/crosswalk/.gitkeep
data/public_ref/README.md data/synthetic/.gitkeep
mappings/README.md
notebooks/01_baseline.ipynb notebooks/02_monitoring.ipynb notebooks/03_impact.ipynb
notebooks/scratch/README.md
outputs/internal/.gitkeep outputs/release/.gitkeep
plan/README.md plan/deviations.yaml
tests/conftest.py tests/test_city.py
shared_utils/VENDORED.json
""".split()
TEXT = {".py", ".md", ".yml", ".yaml", ".toml", ".txt", ".json", ".ipynb", ""}


def files(folder):
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("key", CITIES)
def test_exact_tree(key, cities, template):
    mappings = template / "shared_utils" / "config" / "presets" / "mappings" / key
    shared = [name for name in files(template / "shared_utils") if "__pycache__" not in name]
    expected = {
        *SKELETON,
        *(f"shared_utils/{name}" for name in shared),
        *(f"mappings/{path.name}" for path in mappings.glob("*.yml")),
    }
    assert set(files(cities[key])) == expected


@pytest.mark.parametrize("key", CITIES)
def test_folder_is_named_by_the_slug(key, cities):
    assert cities[key].name == load_city(cities[key]).pilot.slug


@pytest.mark.parametrize("key", CITIES)
def test_no_trace_of_the_template(key, cities):
    # Python, notebooks and the workflow are copied as they are: braces there are the languages' own.
    rendered = {
        name: path
        for name, path in files(cities[key]).items()
        if not name.startswith((".github/", "shared_utils/")) and path.suffix not in (".py", ".ipynb")
    }
    traces = {
        name
        for name, path in rendered.items()
        if re.search(r"\{\{|\{%|\{#|cookiecutter|@[A-Z_]+@", path.read_text(encoding="utf-8"))
    }
    assert traces == {"requirements.txt"}  # cookiecutter is among the pinned packages


@pytest.mark.parametrize("key", CITIES)
def test_files_are_readable_and_end_lines_with_lf(key, cities):
    for name, path in files(cities[key]).items():
        if path.suffix not in TEXT or name.startswith("shared_utils/"):
            continue
        assert b"\r" not in path.read_bytes(), name
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            json.loads(text)
        elif path.suffix == ".toml":
            tomllib.loads(text)
        elif path.suffix in (".yml", ".yaml"):
            yaml12.load(path)
        elif path.suffix == ".ipynb":
            nbformat.validate(json.loads(text))


@pytest.mark.parametrize("key", CITIES)
def test_settings_are_valid(key, cities):
    config = load_city(cities[key])
    assert config.city.key == (key if key != "other" else "canon_city")


@pytest.mark.parametrize("key", [key for key in CITIES if key != "other"])
def test_settings_of_a_preset_are_the_preset(key, cities):
    assert (cities[key] / "city.yml").read_bytes() == preset_path(key).read_bytes()


@pytest.mark.parametrize("design", DESIGN_TYPES)
def test_settings_of_another_city_are_valid_for_every_design(design, tmp_path):
    answers = {**CITIES["other"], "design": design}
    (tmp_path / "city.yml").write_text(scaffold.settings(answers), encoding="utf-8")
    config = load_city(tmp_path)
    assert config.design.type == design
    assert config.city.name == answers["city_name"]
    assert config.pilot.title == answers["program_title"]


def test_presets_hold_the_facts_of_the_settings_files():
    # Declared twice only because cookiecutter cannot read YAML.
    presets = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))["_presets"]
    facts = {}
    for key in presets:
        config = load_city(preset_path(key))
        facts[config.city.key] = {
            "name": config.city.name,
            "state": config.city.state,
            "slug": config.pilot.slug,
            "title": config.pilot.title,
            "domain": config.pilot.domain,
            "design": config.design.type,
            "start": config.pilot.start.isoformat(),
            "end": config.pilot.end.isoformat(),
            "county_fips": config.city.state_fips + config.city.county_fips,
        }
    assert presets == facts


def test_every_city_has_a_label_and_every_question_a_prompt():
    template = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
    prompts = template["__prompts__"]
    assert list(prompts) == [name for name in template if not name.startswith("_")]
    assert [key for key in prompts["city"] if key != "__prompt__"] == template["city"] == [*CITIES]
    for key, preset in template["_presets"].items():
        assert prompts["city"][key] == f"{preset['name']}, {preset['state']} - {preset['title']}"


def test_answers_that_differ_from_the_preset_are_in_the_settings(template, bake, tmp_path):
    city = bake(
        template,
        tmp_path,
        {
            "city": "newark",
            "city_name": "Newark: East",
            "city_slug": "newark-east",
            "program_title": "Fewer evictions # 2",
            "domain": "savings",
            "start_date": "2019-03-01",
            "end_date": "2020-11-30",
        },
    )
    config = load_city(city)
    assert (config.city.key, config.city.name, city.name) == ("newark", "Newark: East", "newark-east")
    assert (config.pilot.slug, config.pilot.title, config.pilot.domain) == (
        "newark-east",
        "Fewer evictions # 2",
        "savings",
    )
    assert [str(config.pilot.start), str(config.pilot.end), str(config.pilot.data_lock)] == [
        "2019-03-01",
        "2020-11-30",
        "2020-12-31",
    ]


def test_overwriting_a_city_keeps_its_own_settings(template, bake, tmp_path):
    city = bake(template, tmp_path, {"city": "newark"})
    mapping = next((city / "mappings").glob("*.yml"))
    for own in (city / "city.yml", mapping):
        own.write_text("# mine\n", encoding="utf-8")
    (city / "notebooks" / "scratch" / "mine.ipynb").write_text("{}", encoding="utf-8")
    (city / "shared_utils" / "stale.py").write_text("", encoding="utf-8")
    bake(template, tmp_path, {"city": "newark"}, overwrite_if_exists=True)
    assert {path.read_text(encoding="utf-8") for path in (city / "city.yml", mapping)} == {"# mine\n"}
    assert (city / "notebooks" / "scratch" / "mine.ipynb").exists()
    assert vendoring.check(city) == []


def test_private_data_is_closed_to_other_accounts(cities):
    if os.name == "nt":
        pytest.skip("Windows has no such modes")
    assert (cities["newark"] / "data" / "private").stat().st_mode & 0o777 == 0o700
