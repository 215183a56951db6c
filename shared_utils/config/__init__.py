"""Settings of a city and of a portfolio: one YAML file each, typed, with errors that say what to change.

Nothing heavy loads here: pydantic comes with the first settings file read.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from shared_utils.config.names import DESIGN_TYPES, DOMAINS, PRESETS, STATES, preset_path, starter_path

if TYPE_CHECKING:
    from shared_utils.config.errors import ConfigError, Problem
    from shared_utils.config.load import load_city, load_portfolio
    from shared_utils.config.model import CityConfig, PortfolioConfig

__all__ = [
    "DESIGN_TYPES",
    "DOMAINS",
    "PRESETS",
    "STATES",
    "CityConfig",
    "ConfigError",
    "PortfolioConfig",
    "Problem",
    "load_city",
    "load_portfolio",
    "preset_path",
    "starter_path",
]

_LATE = {
    "load_city": "load",
    "load_portfolio": "load",
    "CityConfig": "model",
    "PortfolioConfig": "model",
    "ConfigError": "errors",
    "Problem": "errors",
}


def __getattr__(name: str):
    if name not in _LATE:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
