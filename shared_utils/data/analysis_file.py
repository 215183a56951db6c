"""The short way in: one analysis-ready file whose columns city.yml names; no mapping, no long tables.

Only the columns that city.yml names come in, so nothing else of the file can reach a notebook.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from shared_utils.config import CityConfig
from shared_utils.config.names import PANEL_TYPES
from shared_utils.data import files, parse, pseudonyms, store
from shared_utils.data.fingerprint import data_root, fingerprint
from shared_utils.data.mapping import Mapping, Source
from shared_utils.data.model import DIRECT_IDENTIFIERS, Column
from shared_utils.data.problems import IntakeError, Problem, Seen
from shared_utils.data.report import IntakeReport, SourceReport
from shared_utils.data.row_filter import identifier
from shared_utils.data.salt import salt_of
from shared_utils.data.study import (
    AFTER,
    ARM,
    BEFORE,
    COMPARISON,
    SUBJECT,
    TREATED,
    Study,
    finish,
    inside_limit,
    limit,
    moment,
)
from shared_utils.errors import nearest

TABLE = "analysis"
MISSING = ("", "NA", "N/A", ".")
# Design keys that name a column, by whether the values must be numbers or may be words or dates.
NUMBERS = ("treatment", "received", "instrument", "assign_prob", "running", "exposure", "weights", "duration", "event")
WORDS = ("arm", "cluster", "strata", "unit", "group")
TIMES = ("time", "cohort")
SERIES = "interrupted_time_series"
UNADJUSTED = ("did_staggered", "panel_did", "descriptive")  # their estimators take no covariates


def intake(city_dir: Path, config: CityConfig) -> IntakeReport:
    """Read the file, keep the named columns and write data/.../linked/analysis.parquet.

    Raises IntakeError with every column that is missing or does not hold what its role needs.
    """
    root = data_root(city_dir, config)
    path = config.data.analysis_file
    mapping = Mapping(file=Path("city.yml"), source=Source(path), tables=())
    source = files.read(mapping, root, *_named(config))
    problems: list[Problem] = []
    columns = {}
    for header, kind, where in _wanted(config, source.headers):
        if source.headers.count(header) != 1:
            problems.append(_no_column(source, header, where))
        elif header not in columns:
            columns[header] = _column(source, header, kind, problems)
    _check_identifiers(source, config, columns, problems)
    if not problems:
        _check_places_and_times(source, config, columns, problems)
    if problems:
        raise IntakeError(problems, [Seen(path, source.sheet, len(source.frame))])
    frame = pd.DataFrame(columns)[(source.frame != "").any(axis=1)]
    salt = salt_of(root, config)
    ids = {identifier(name) for name in config.privacy.id_columns}
    for header in [h for h in frame.columns if identifier(h) in ids]:
        frame[header] = _pseudonyms(frame[header], salt, config)
    done = IntakeReport(
        fingerprint=fingerprint(city_dir, config),
        mode=config.data.mode,
        salt_fingerprint=salt.fingerprint,
        sources=[_source_report(source, config, frame)],
    )
    return store.commit(root, {TABLE: frame}, done)


def study(linked: Path, done: IntakeReport, config: CityConfig) -> Study:
    """Return the Study: the file's rows, with the roles city.yml gives its columns."""
    frame = store.read_table(linked, done, TABLE)
    renamed = {o.column: o.id for o in config.outcomes if o.column and o.column != o.id}
    frame = frame.rename(columns=renamed)
    design = {key: value for key in (*NUMBERS, *WORDS, *TIMES) if (value := _role(config, key))}
    design |= {key: moment(value) for key in ("adoption", "interruption") if (value := _role(config, key))}
    if config.design.type == "rct_blocked_lottery":
        design["strata"] = design.get("strata") or config.design.blocks
    elif config.design.type == "rct_multiarm":
        pairs = [*config.design.primary_contrasts, *config.design.secondary_contrasts]
        design |= {"control": config.design.control, "contrasts": [list(pair) for pair in pairs] or None}
    elif config.design.type == "rd":
        design |= limit(config)
    elif config.design.type == "synthetic_control":
        design["treated_units"] = config.design.treated_units
    elif config.design.type == "time_to_event":
        design["event"] = config.primary.id
    if config.design.type not in UNADJUSTED:
        used = {name for key in (*NUMBERS, *WORDS) for name in _listed(design.get(key))}
        design["covariates"] = [name for name in config.covariates if name not in used]
    labels = _labels(config)
    frame[ARM] = _arms(frame, design, config, labels)
    panel = config.design.type in PANEL_TYPES
    period = design["time"] if panel or config.design.type == SERIES else None
    frame[SUBJECT] = frame[design["unit"]] if panel else [f"r_{row}" for row in frame.index]
    return finish(frame, design, config, [], period=period, labels=labels, whole=frame if period else None)


def _named(config: CityConfig) -> tuple[list[str], list[str]]:
    """Return the columns city.yml names, and those of them that hold names of places or groups."""
    dims = [dim.id for dim in config.subgroups.dims]
    named = [one for headers in ([], dims) for one in _wanted(config, headers)]
    return [header for header, *_ in named], [header for header, kind, _ in named if kind == "str"]


def _wanted(config: CityConfig, headers: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield (header, kind, where city.yml names it) of what comes in; kind "" is told by the cells."""
    for key in (*NUMBERS, *WORDS, *TIMES):
        for header in _listed(_role(config, key)):
            yield header, "number" if key in NUMBERS else "time" if key in TIMES else "str", f"design.{key}"
    for header in getattr(config.design, "blocks", []):
        yield header, "str", "design.blocks"
    for outcome in config.outcomes:
        yield outcome.column or outcome.id, "number", "outcomes"
    for header in config.covariates:
        yield header, "", "covariates"
    for dim in config.subgroups.dims:
        yield dim.id if dim.id in headers else dim.from_ or dim.id, "", "subgroups"


def _column(source: files.TextTable, header: str, kind: str, problems: list[Problem]) -> pd.Series:
    cells = source.frame[header]
    cells = cells.where(~cells.isin(MISSING), "")
    if kind == "time":
        cells = cells.where(~cells.str.fullmatch(r"\d{4}-\d\d"), cells + "-01")
    if kind != "str":
        kind = parse.kind_of(cells, {"number": "float", "time": "date"}.get(kind, "str"))
    values = parse.column(cells, parse.Place(source, header, Column(header, kind)), problems)
    return values.astype("float64") if kind == "bool" else values


def _role(config: CityConfig, key: str):
    """Return what the design says under a key of its type, or None."""
    return getattr(config.design, key, None) or None


def _listed(value) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _labels(config: CityConfig) -> list[str]:
    if config.design.type == "rct_multiarm":
        contrast = config.design.portfolio_contrast or next(iter(config.design.primary_contrasts), None)
        return list(contrast) if contrast else [TREATED, config.design.control]
    if config.design.type == SERIES:
        return [AFTER, BEFORE]
    arms = list(getattr(config.design, "arms", []))
    return arms[1::-1] if len(arms) == 2 else [TREATED, COMPARISON]


def _arms(frame: pd.DataFrame, design: dict, config: CityConfig, labels: list[str]) -> pd.Series:
    """Return the arm of each row in words: by the 0/1 of the draw, the side of the limit, the place or the start."""
    treated, comparison = labels
    if "arm" in design:
        return frame[design["arm"]]
    if "running" in design:
        inside = inside_limit(frame[design["running"]], design)
    elif "cohort" in design:
        inside = frame[design["cohort"]].notna()
    elif "treated_units" in design:
        inside = frame[design["unit"]].isin(design["treated_units"])
    elif "interruption" in design:
        inside = frame[design["time"]] >= design["interruption"]
    elif config.design.type == "panel_did":
        inside = frame.groupby(design["unit"])[design["treatment"]].transform("max") == 1
    elif "treatment" in design:
        inside = frame[design.get("instrument") or design["treatment"]] == 1
    else:
        return pd.Series("all", index=frame.index)
    return inside.map({True: treated, False: comparison})


def _no_column(source: files.TextTable, header: str, where: str) -> Problem:
    own = ", ".join(f"'{h}'" for h in source.headers if h)
    return source.problem(
        f"city.yml names it under {where}, and the file has no such column.{nearest(header, source.headers)}",
        f"Rename the column in the file, or change {where} in city.yml. The file has: {own}.", header,
    )  # fmt: skip


def _check_identifiers(source, config: CityConfig, columns: dict, problems: list[Problem]) -> None:
    never = {*DIRECT_IDENTIFIERS, *map(identifier, config.privacy.direct_identifiers)}
    for header in columns:
        if identifier(header) in never:
            problems.append(source.problem(
                "this column says who somebody is; it never comes in.", "Take it out of city.yml.", header
            ))  # fmt: skip


def _check_places_and_times(source, config: CityConfig, columns: dict, problems: list[Problem]) -> None:
    """Names of places and the start of the program are values of a column: they must be found there."""
    known = sorted(columns[config.design.unit].dropna().unique()) if _role(config, "treated_units") else []
    for name in _role(config, "treated_units") or []:
        if name not in known:
            has = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
            problems.append(source.problem(
                f"design.treated_units in city.yml names '{name}', which is not in this column.{nearest(name, known)}",
                f"Write it as in the file. The column has: {has}.", config.design.unit,
            ))  # fmt: skip
    for key in ("adoption", "interruption"):
        if start := _role(config, key):
            problems.extend(_start_problem(source, columns[config.design.time], key, start, config.design.time))


def _start_problem(source, times: pd.Series, key: str, start: int | str, header: str) -> Iterator[Problem]:
    numbers = pd.api.types.is_float_dtype(times)
    if numbers != isinstance(start, int):
        holds, example = ("numbers", times.max()) if numbers else ("dates", f'"{times.max():%Y-%m}"')
        yield source.problem(f"design.{key} in city.yml is {start}, and this column holds {holds}.",
                             f"Write {key} as in the column, for example {example}.", header)  # fmt: skip
    elif not times.min() < moment(start) <= times.max():
        first, last = (f"{t:g}" if numbers else f"{t:%Y-%m-%d}" for t in (times.min(), times.max()))
        yield source.problem(f"design.{key} in city.yml is {start}, and this column runs from {first} to {last}.",
                             "There must be rows before it and from it on.", header)  # fmt: skip


def _pseudonyms(ids: pd.Series, salt: pseudonyms.Salt, config: CityConfig) -> pd.Series:
    forms = {raw: pseudonyms.normalise(raw) for raw in ids.dropna().astype(str).unique()}
    made = {raw: pseudonyms.pseudonym(salt, config.city.key, form, "unit") for raw, form in forms.items()}
    return ids.astype("str").map(made)


def _source_report(source: files.TextTable, config: CityConfig, frame: pd.DataFrame) -> SourceReport:
    unused = [h for h in source.headers if h and h not in frame.columns]
    known = {*DIRECT_IDENTIFIERS, *map(identifier, config.privacy.direct_identifiers)}
    empty = len(source.frame) - len(frame)
    return SourceReport(
        file=source.mapping.source.path,
        mapping="city.yml",
        table=TABLE,
        sheet=source.sheet,
        sha256=source.sha256,
        rows_in=len(source.frame),
        rows_added=0,
        rows_kept=len(frame),
        dropped={"empty": empty} if empty else {},
        identifiers_dropped=[h for h in unused if identifier(h) in known],
        columns_dropped=[h for h in unused if identifier(h) not in known],
    )
