"""The truth of a synthetic city: what the estimand is, what its nuisances are, what was planted.

Tests read it to grade estimators. Analysis code never does.
"""

import numpy as np

from shared_utils.data.synthetic.common import World, share


def estimand(name: str, outcome: str, population: float, in_sample: float, unit: str, contrast: str = "") -> dict:
    """Return one estimand: in the population, and realised in this sample's potential outcomes."""
    return {"estimand": name, "outcome": outcome, "population": round(float(population), 6),
            "in_sample": round(float(in_sample), 6), "unit": unit, "contrast": contrast}  # fmt: skip


def effects(pairs: dict[str, tuple], weights=None) -> dict[str, float]:
    """Return each outcome's mean effect from its pair of potential outcomes (treated, untreated)."""
    return {name: round(float(np.average(np.asarray(y1, float) - np.asarray(y0, float), weights=weights)), 6)
            for name, (y1, y0) in pairs.items()}  # fmt: skip


def record(world: World, primary: list[dict], secondary: dict, nuisance: dict) -> dict:
    """Return a process's part of truth.json; signals and row counts are added later."""
    return {
        "city": world.key,
        "seed": world.seed,
        "scenario": world.scenario_name,
        "about": world.scenario.about,
        "primary": primary,
        "secondary_in_sample": secondary,
        "nuisance": {k: share(v) for k, v in nuisance.items()},
    }
