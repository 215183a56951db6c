"""How the program cookiecutter is called, so that only the answers decide what it makes."""

import json
from pathlib import Path


def no_user_settings(home: Path) -> Path:
    """Write a settings file for cookiecutter, without which a person's own defaults would take part; returns it."""
    places = {"cookiecutters_dir": f"{home}/templates", "replay_dir": f"{home}/replay"}
    (home / "cookiecutter.yml").write_text(json.dumps(places), encoding="utf-8")  # JSON is YAML
    return home / "cookiecutter.yml"


def as_typed(context: dict[str, str]) -> dict[str, str]:
    """Cookiecutter renders given answers as Jinja; a literal keeps "{x}" as typed, for the check to see."""
    return {name: answer if name == "city" else "{{ " + json.dumps(answer) + " }}" for name, answer in context.items()}
