"""Making a city from Python: what `emi new` and the demonstration call."""

import json
import tempfile
from pathlib import Path

from shared_utils.errors import EmiError, nearest
from shared_utils.template import inputs, origin, program


class TemplateError(EmiError):
    """A city cannot be made."""


def create(template_root: Path, out_dir: Path, context: dict[str, str]) -> Path:
    """Make a city in `out_dir` from the answers in `context`; the rest is answered by the preset.

    Returns the new folder, the same as `cookiecutter` would make. No user defaults are read and no replay
    file is left: only `context` decides. Raises TemplateError, naming every problem, before a folder is made.
    """
    from cookiecutter.exceptions import FailedHookException, OutputDirExistsException
    from cookiecutter.main import cookiecutter

    _check_names(template_root, context)
    with tempfile.TemporaryDirectory() as home:
        try:
            made = cookiecutter(
                str(template_root),
                no_input=True,
                output_dir=str(out_dir),
                config_file=str(program.no_user_settings(Path(home))),
                extra_context=program.as_typed(context),
            )
        except FailedHookException as error:
            problem, last, hint = str(error).partition("\n\nNext: ")
            raise TemplateError(problem, f"Next: {hint}" if last else "") from error
        except OutputDirExistsException as error:
            raise TemplateError(
                str(error).removeprefix("Error: ") + ".", "Next: choose another city_slug, or move that folder away."
            ) from error
        (replay,) = Path(home, "replay").glob("*.json")
        _record(template_root, Path(made), json.loads(replay.read_text(encoding="utf-8")))
    return Path(made)


def _record(template_root: Path, city_dir: Path, context: dict) -> None:
    """Leave the record that cruft would leave, so that the city can be updated."""
    if record := origin.first_record(template_root, context):
        origin.write_record(city_dir, record)


def _check_names(template_root: Path, context: dict[str, str]) -> None:
    """Refuse what cookiecutter ignores (an unknown name) or answers with a traceback (an unknown city)."""
    questions = json.loads((template_root / "cookiecutter.json").read_text(encoding="utf-8"))
    asked = [name for name in questions if not name.startswith("_")]
    for name in context:
        if name not in asked:
            raise TemplateError(
                f"'{name}' is not asked for a new city.{nearest(name, asked)}", f"Allowed: {', '.join(asked)}."
            )
    if "city" in context and context["city"] not in questions["city"]:
        problem, hint = inputs.CHECKS["city"](context["city"]), "Next: choose one of these cities."
        raise TemplateError(f"city: {problem}", hint)
