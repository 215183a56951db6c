"""From a city's files to CityData: prepare, then load. Importing this room loads no pandas."""

from shared_utils.data.city import CityData, load
from shared_utils.data.prepare import intake, prepare, synthesize
from shared_utils.data.problems import IntakeError, Problem
from shared_utils.data.report import IntakeReport
from shared_utils.data.study import Study

__all__ = [
    "CityData",
    "IntakeError",
    "IntakeReport",
    "Problem",
    "Study",
    "blind",
    "intake",
    "load",
    "prepare",
    "synthesize",
]


def blind(study: Study, seed: int) -> Study:
    """Return the study with arms permuted as they were assigned; see `blinding.blind`."""
    from shared_utils.data import blinding

    return blinding.blind(study, seed)
