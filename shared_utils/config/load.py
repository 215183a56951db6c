"""Read city.yml and portfolio.yml: every problem at once, or settings that hold together."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from shared_utils.config import design_rules, rules, translate, yaml12
from shared_utils.config.errors import ConfigError, Problem
from shared_utils.config.model import CityConfig, PortfolioConfig


def load_city(path: Path) -> CityConfig:
    """Read a city's settings; `path` is its folder or its city.yml. Raises ConfigError with all problems."""
    path = Path(path)
    if path.is_dir():
        path = path / "city.yml"
    data, lines = _block(path)
    config, problems = _validated(CityConfig, data, lines, path.name)
    valid = dict(config) if config else _valid_blocks(data)
    for finding in rules.findings(valid, rules, design_rules):
        problems.append(
            Problem(
                path.name,
                yaml12.line_of(lines, finding.path),
                yaml12.dotted(finding.path),
                translate.value_at(data, finding.path),
                finding.message,
                finding.allowed,
                finding.suggestion,
            )
        )
    if problems:
        raise ConfigError(problems)
    config._path = path
    return config


def load_portfolio(folder: Path) -> PortfolioConfig:
    """Read portfolio.yml of a workspace folder, or return the defaults when there is none."""
    path = Path(folder) / "portfolio.yml"
    if not path.exists():
        return PortfolioConfig()
    data, lines = yaml12.load(path)
    config, problems = _validated(PortfolioConfig, data or {}, lines, path.name)
    if problems:
        raise ConfigError(problems)
    return config


def _block(path: Path) -> tuple[dict, dict]:
    data, lines = yaml12.load(path)
    if not isinstance(data, dict):
        message = "the file is empty." if data is None else "the file is not a block of keys such as 'city:'."
        raise ConfigError([Problem(path.name, 0, "", None, message)])
    return data, lines


def _validated(model: type[BaseModel], data: Any, lines: dict, file: str) -> tuple[Any, list[Problem]]:
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        return None, list(translate.problems(error, model, data, lines, file))


def _valid_blocks(data: dict) -> dict[str, object]:
    """Return the blocks that are valid by themselves, so that rules between them still run."""
    blocks = {}
    for name, field in CityConfig.model_fields.items():
        if name in data or not field.is_required():
            try:
                value = data[name] if name in data else field.get_default(call_default_factory=True)
                blocks[name] = TypeAdapter(Annotated[field.annotation, field]).validate_python(value)
            except ValidationError:
                continue
    return blocks
