"""Intake: a city's files in, pseudonymised, typed and checked tables out.

Order: read every source as text -> drop empty, filtered and copied rows -> parse -> pseudonymise -> fill zeros
-> drop repeated rows -> check -> write. Direct identifiers and unmapped columns never get past the first
step. Every problem of every file is collected and raised at once; what does not stop the work becomes a flag.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from shared_utils.config import CityConfig
from shared_utils.data import blocks, checks, crosswalk, files, identities, mapping, reference, rows, store
from shared_utils.data.blocks import Block
from shared_utils.data.files import TextTable
from shared_utils.data.fingerprint import data_root, fingerprint
from shared_utils.data.mapping import Mapping
from shared_utils.data.model import DIRECT_IDENTIFIERS, TABLES
from shared_utils.data.problems import IntakeError, Problem, Seen
from shared_utils.data.report import IntakeReport, SourceReport
from shared_utils.data.row_filter import identifier
from shared_utils.data.salt import salt_of

COPY = "exact copy"
SYNTHETIC_MARK = ("source_system", "synthetic")


@dataclass(frozen=True)
class Read:
    """One source after its unusable rows are gone: `rows_in` are those of the file, `dropped` is {reason: rows}."""

    source: TextTable
    rows_in: int
    dropped: dict[str, int]


def intake(city_dir: Path, config: CityConfig) -> IntakeReport:
    """Read every source of a city's mappings and write data/.../linked. Raises IntakeError with all problems.

    The city's own files are only read. An error leaves the tables of the last intake as they were. To be called
    inside `store.writing`.
    """
    root = data_root(city_dir, config)
    salt = salt_of(root, config)
    reads, made, problems = _read_all(mapping.read_all(city_dir), root, config)
    seen = [Seen(read.source.mapping.source.path, read.source.sheet, read.rows_in) for read in reads]
    if problems:
        raise IntakeError(problems, seen)
    people = identities.replace(made, salt, config.city.key, problems)
    if problems:
        raise IntakeError(problems, seen)
    made = _fill_zeros(made)
    kept = {name: rows.combine([b for b in made if b.mapping.table == name], name) for name in TABLES}
    tables = {name: combined.frame for name, combined in kept.items()}
    atlas = reference.tables(city_dir, config)[0].get("opportunity_atlas")
    flags, places = checks.run(checks.Facts(
        tables=tables,
        combined=kept,
        copies=sum(read.dropped.get(COPY, 0) for read in reads),
        rows=sum(read.rows_in for read in reads),
        variants=people.variants,
        tracts=None if atlas is None else set(atlas.frame["GEOID"]),
        config=config,
    ))  # fmt: skip
    done = IntakeReport(
        fingerprint=fingerprint(city_dir, config),
        mode=config.data.mode,
        salt_fingerprint=salt.fingerprint,
        sources=[_source_report(read, b, kept[b.mapping.table], config) for read, b in _pairs(reads, made)],
        flags=flags,
        places=places,
    )
    some_left = crosswalk.extend(root, people.pairs)
    done = store.commit(root, {name: frame for name, frame in tables.items() if len(frame)}, done)
    if some_left:
        crosswalk.settle(root, people.pairs)
    return done


def _read_all(mappings: list[Mapping], root: Path, config: CityConfig):
    """Return what was read, the typed blocks, and every problem on the way. The text itself is not kept."""
    reads, made, problems = [], [], []
    for one in mappings:
        try:
            read = _usable(files.read(one, root), problems)
        except IntakeError as error:
            problems += error.problems
            continue
        _check_mark(read.source, config, problems)
        _check_privacy(read.source, config, problems)
        source = replace(read.source, frame=read.source.frame.iloc[:0])
        found = [blocks.build(table, read.source, problems) for table in one.tables]
        made += [replace(block, source=source) for block in found if block is not None]
        reads.append(replace(read, source=source))
    return reads, made, problems


def _usable(source: TextTable, problems: list[Problem]) -> Read:
    """Drop empty rows, rows the filter excludes and exact copies of rows, and count each."""
    frame, dropped = source.frame, {}
    keep = (frame != "").any(axis=1)
    dropped["empty"] = int((~keep).sum())
    frame = frame[keep]
    if source.mapping.row_filter:
        try:
            keep = source.mapping.row_filter.keep(frame)
        except ValueError as error:
            fix = f"Correct row_filter in {source.mapping.name}."
            problems.append(source.problem(f"row_filter: {error}", fix))
        else:
            dropped["row_filter"] = int((~keep).sum())
            frame = frame[keep]
    copies = frame.duplicated()
    dropped[COPY] = int(copies.sum())
    usable = replace(source, frame=frame[~copies])
    return Read(usable, len(source.frame), {reason: n for reason, n in dropped.items() if n})


def _check_privacy(source: TextTable, config: CityConfig, problems: list[Problem]) -> None:
    """Refuse a mapping that would let in what city.yml calls an identifier."""
    direct = {identifier(name) for name in config.privacy.direct_identifiers}
    ids = {identifier(name) for name in config.privacy.id_columns}
    for table in source.mapping.tables:
        columns = TABLES[table.table].columns
        hashed = {name for name, column in columns.items() if column.pii == "L"} | {"service_id"}
        for header in table.headers:
            if identifier(header) in direct:
                problems.append(source.problem(
                    "city.yml calls this column a direct identifier; it never comes in.",
                    f"Take it out of {source.mapping.name}.", header,
                ))  # fmt: skip
            target = table.columns.get(header) or table.extra.get(header)
            if identifier(header) in ids and target and target not in hashed:
                problems.append(source.problem(
                    f"city.yml calls this column an id, and {target} is not pseudonymised.",
                    f"Map it to {' or '.join(sorted(hashed & set(columns)))}, or take it out.", header,
                ))  # fmt: skip


def _check_mark(source: TextTable, config: CityConfig, problems: list[Problem]) -> None:
    """DQ113: synthetic and real files must never meet."""
    column, mark = SYNTHETIC_MARK
    marked = column in source.headers and (source.frame[column] == mark).any(axis=None)
    if config.data.mode == "city" and marked:
        problems.append(source.problem(
            "DQ113: this is a synthetic file, and data.mode is city.",
            "Put the city's own file there, or set data.mode: synthetic in city.yml.",
        ))  # fmt: skip
    if config.data.mode == "synthetic" and not marked and len(source.frame):
        problems.append(source.problem(
            "DQ113: this file is not marked as synthetic, and data.mode is synthetic.",
            "A city's own files belong in data/private/raw, with data.mode: city in city.yml.",
        ))  # fmt: skip


def _fill_zeros(made: list[Block]) -> list[Block]:
    places = [block.frame for block in made if block.mapping.table == "units"]
    if not places:
        return made
    units = pd.concat(places)
    return [blocks.fill_zeros(block, units) if block.mapping.zero_fill else block for block in made]


def _pairs(reads: list[Read], made: list[Block]) -> list[tuple[Read, Block]]:
    return [(read, block) for block in made for read in reads if read.source is block.source]


def _source_report(read: Read, block: Block, kept: rows.Combined, config: CityConfig) -> SourceReport:
    source = read.source
    used = {h for table in source.mapping.tables for h in table.headers}
    unused = [h for h in source.headers if h and h not in used and h != SYNTHETIC_MARK[0]]
    known = {*DIRECT_IDENTIFIERS, *map(identifier, config.privacy.direct_identifiers)}
    identifiers = [h for h in unused if identifier(h) in known]
    dropped = {**read.dropped, **kept.dropped(block)}
    return SourceReport(
        file=source.mapping.source.path,
        mapping=source.mapping.name,
        table=block.mapping.table,
        sheet=source.sheet,
        sha256=source.sha256,
        rows_in=read.rows_in,
        rows_added=len(block.frame) - (read.rows_in - sum(read.dropped.values())),
        rows_kept=len(block.frame) - sum(kept.dropped(block).values()),
        dropped=dropped,
        identifiers_dropped=identifiers,
        columns_dropped=[h for h in unused if h not in identifiers],
        notes=list(source.notes),
        near_duplicates=kept.near(block),
        tract_vintage=block.mapping.geoid.vintage if block.mapping.geoid else None,
    )
