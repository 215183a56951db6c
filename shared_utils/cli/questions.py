"""The questions of `emi new`: those of cookiecutter.json, in its words and order."""

import json
from pathlib import Path

import typer

from shared_utils.cli.screen import TypedWrong
from shared_utils.errors import nearest


def ask(template_root: Path, city: str | None, given: list[str]) -> dict[str, str]:
    """Answers for a new city. A ready-made city needs no question; "other" asks what was not given."""
    questions = json.loads((template_root / "cookiecutter.json").read_text(encoding="utf-8"))
    wrong = [text for text in given if "=" not in text]
    if wrong:
        raise TypedWrong(f"'{wrong[0]}' is not NAME=VALUE.", 'For example:  emi new other city_name="Alder Bay"')
    answers = dict(text.split("=", 1) for text in given)
    prompts = questions["__prompts__"]
    city = city or typer.prompt(f"{prompts['city']['__prompt__']} ({', '.join(questions['city'])})")
    if city not in questions["city"]:
        raise TypedWrong(
            f"There is no ready-made city '{city}'.{nearest(city, questions['city'])}",
            f"Cities: {', '.join(questions['city'])}",
        )
    answers = {"city": city} | answers
    if city == "other":
        # The folder's name follows from the city's and is only asked by cookiecutter itself.
        asked = [name for name in prompts if name not in (*answers, "city_slug")]
        answers |= {name: typer.prompt(prompts[name]) for name in asked}
    return answers
