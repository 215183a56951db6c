"""What the guards are told about a city: which rows are about people, which columns say who they are."""

from typing import TYPE_CHECKING

from shared_utils.data.model import DIRECT_IDENTIFIERS
from shared_utils.disclosure import cell_errors, guard

if TYPE_CHECKING:
    from shared_utils.config import CityConfig
    from shared_utils.data.study import Study

BY_SUBJECT = ("assignments", "outcomes", "services")


def guard_notebook(config: "CityConfig", tables: dict, study: "Study | None") -> None:
    """In a notebook's kernel, show rows of single residents no more; elsewhere nothing happens."""
    if cell_errors.kernel() is None:
        return
    people = [(tables["participants"], "participant_id")]
    for name in BY_SUBJECT:
        table = tables[name]
        people.append((table[table["subject_type"] == "participant"], "subject_id"))
    if study is not None and study.period is None:
        people.append((study.frame, study.subject_id))
    identifiers = {*DIRECT_IDENTIFIERS, *config.privacy.direct_identifiers, *config.privacy.id_columns}
    guard.install(config.city.key, people, identifiers)
