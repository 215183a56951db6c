"""The Study: one analysis-ready frame and the design mapping `designs.estimate` takes."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Study:
    """What the sections analyse.

    frame       one row a subject (person designs) or a unit and month (`did_staggered`, `panel_did`)
    design      mapping for `designs.estimate(frame, {**design, "outcome": id})`
    subject_id  column of pseudonyms; `arm` column of arm names; `period` column of months or None
    outcomes    columns, named by outcome id; a missing outcome is NaN
    covariates  columns, baseline only; `subgroups` is {dimension id: column}
    labels      [treated, comparison], for words and contrasts
    """

    frame: "pd.DataFrame"
    design: dict
    subject_id: str
    arm: str
    unit_label: str
    period: str | None
    outcomes: list[str]
    covariates: list[str]
    subgroups: dict[str, str]
    labels: list[str]
    # Words for the record: what could not be built and why (an outcome with no rows, a subgroup not sent).
    notes: list[str] = field(default_factory=list)
