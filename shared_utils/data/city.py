"""CityData: everything a notebook may see of a city, typed, pseudonymised and cut at `as_of`."""

from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from shared_utils.errors import EmiError

if TYPE_CHECKING:
    import pandas as pd

    from shared_utils.config import CityConfig
    from shared_utils.data.study import Study

# The date on which a row of a table became known. A row without that date is kept.
KNOWN = {
    "participants": "application_date",
    "assignments": "assigned_at",
    "outcomes": "observed_at",
    "services": "service_date",
    "indicator_monthly": "received_at",
    "costs": "period",
}
LATEST = ("outcomes", "services", "indicator_monthly")


@dataclass(frozen=True)
class CityData:
    """`tables` holds every table of the model; one that is not sent is an empty frame.

    `root` is data/private (mode "city") or data/synthetic; `inputs` is [{table, sha256, rows}] for
    provenance; `intake` is the intake report as a mapping; `reference` is {name: frame}. `study` is None while nobody
    has been assigned.
    """

    root: Path
    config: "CityConfig"
    as_of: date
    mode: str
    tables: "dict[str, pd.DataFrame]"
    reference: "dict[str, pd.DataFrame]"
    intake: dict
    inputs: list[dict]
    study: "Study | None"


def load(city_dir: Path, as_of: date | None = None) -> CityData:
    """Return a city's linked tables as known on `as_of`, its reference tables and its Study.

    Without `as_of`: the data lock for synthetic data; for a city, `reporting.monitoring_as_of`, where
    "latest" is the last date in its outcomes, services and indicators. Raises EmiError before the first
    intake.
    """
    from shared_utils.config import load_city
    from shared_utils.data import about_people, analysis_file, reference, report, store, studies
    from shared_utils.data.fingerprint import data_root

    config = load_city(Path(city_dir))
    root = data_root(city_dir, config)
    linked = root / store.LINKED
    done = report.read(linked)
    if done is None:
        raise EmiError(f"{config.city.name} has no data yet.", "Run: emi data intake")
    tables = store.read_tables(linked, done)
    as_of = as_of or _default_day(config, tables)
    tables = {name: _known(table, name, as_of) for name, table in tables.items()}
    references = reference.load(city_dir, config)
    if config.data.analysis_file:
        study = analysis_file.study(linked, done, config)
    else:
        study = studies.build(tables, references, config) if len(tables["assignments"]) else None
    about_people.guard_notebook(config, tables, study)
    return CityData(
        root=root,
        config=config,
        as_of=as_of,
        mode=config.data.mode,
        tables=tables,
        reference=references,
        intake=asdict(done),
        inputs=[{"table": name, **facts} for name, facts in sorted(done.tables.items())],
        study=study,
    )


def _known(table: "pd.DataFrame", name: str, as_of: date) -> "pd.DataFrame":
    if name not in KNOWN:
        return table
    import pandas as pd

    late = table[KNOWN[name]] > pd.Timestamp(as_of)
    return table[~late].reset_index(drop=True) if late.any() else table  # ten million rows are not copied for nothing


def _default_day(config: "CityConfig", tables: dict) -> date:
    import pandas as pd

    stated = config.reporting.monitoring_as_of
    if config.data.mode == "synthetic":
        return config.pilot.data_lock
    if stated != "latest":
        day = pd.Timestamp(stated)
        return (day if len(stated) == 10 else day + pd.offsets.MonthEnd(0)).date()
    last = max((tables[name][KNOWN[name]].max() for name in LATEST if len(tables[name])), default=pd.NaT)
    return config.pilot.data_lock if last is pd.NaT else last.date()
