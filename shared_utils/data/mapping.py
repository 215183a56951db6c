"""Mappings: one YAML file a source file, from a city's own headers to the data model (pilots.md section 2.4).

A mapping is read and checked before any data file is opened, so a typing mistake in it costs seconds. Unknown
keys, tables and columns are refused with the file, the line and the nearest valid name.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared_utils.config import yaml12
from shared_utils.config.errors import ConfigError
from shared_utils.data import source as sources
from shared_utils.data.model import DIRECT_IDENTIFIERS, TABLES, Column
from shared_utils.data.problems import IntakeError, Problem
from shared_utils.data.row_filter import FilterError, RowFilter, identifier
from shared_utils.data.schema import RULES
from shared_utils.data.source import Source
from shared_utils.data.table_mapping import NARROWS, TYPES, Geoid, TableMapping, Wide, ZeroFill
from shared_utils.errors import EmiError, nearest

_TOP = ("source", "row_filter", "missing_codes", "tables", "unmapped_columns")
_BLOCK = (
    "columns", "constants", "types", "date_formats", "value_maps", "rules", "wide", "zero_fill", "geoid", "extra",
)  # fmt: skip
_WIDE = ("subject", "wave", "columns")
_ZERO_FILL = ("keys", "from_table", "value")
_GEOID = ("column", "pad_to", "vintage", "crosswalk")


@dataclass(frozen=True)
class Mapping:
    """One mapping file. Without `tables` it is the one analysis-ready file that city.yml names."""

    file: Path
    source: Source
    tables: tuple[TableMapping, ...]
    row_filter: RowFilter | None = None
    missing_codes: tuple[str, ...] = ("",)
    refuse_unmapped: bool = False

    @property
    def name(self) -> str:
        return f"mappings/{self.file.name}" if self.tables else self.file.name

    @property
    def headers(self) -> list[str]:
        """Every header of the file its tables need, in order."""
        return list(dict.fromkeys(header for table in self.tables for header in table.headers))

    @property
    def id_headers(self) -> set[str]:
        """The headers read into an id: of a person, a place or a record."""
        pairs = [pair for table in self.tables for pair in table.columns.items()]
        wide = [table.wide.subject for table in self.tables if table.wide]
        return {header for header, column in pairs if column.endswith("_id") and column != "outcome_id"} | set(wide)

    @property
    def number_headers(self) -> set[str]:
        """The headers read into numbers, as the model, `types` or the wide form says."""
        return {header for table in self.tables for header in table.number_headers}

    def refusal(self, message: str, fix: str, sheet: str = "") -> IntakeError:
        """Return the error that says the file cannot be read."""
        return IntakeError([Problem(self.source.name, message, fix, sheet=sheet)])

    def decide(self, setting: str, otherwise: str) -> str:
        """Return the fix that states a key of `source`; one analysis-ready file has no such keys."""
        return f"Write source.{setting} in {self.name}." if self.tables else otherwise


def read_all(city_dir: Path) -> list[Mapping]:
    """Read every mapping of a city, in file-name order.

    Raises IntakeError with every problem of every file.
    """
    folder = Path(city_dir) / "mappings"
    files = sorted(p for p in folder.glob("*.y*ml") if p.suffix in (".yml", ".yaml"))
    if not files:
        raise EmiError(
            f"{folder.name}/ of {Path(city_dir).name} has no mapping.",
            "Add one YAML file for each source file, or name one analysis-ready file as data.analysis_file.",
        )
    mappings, problems = [], []
    for file in files:
        try:
            mappings.append(read(file))
        except IntakeError as error:
            problems += error.problems
    if problems:
        raise IntakeError(problems)
    return mappings


def read(file: Path) -> Mapping:
    """Read and check one mapping file. Raises IntakeError with every problem in it."""
    try:
        data, lines = yaml12.load(file)
    except ConfigError as error:
        name = f"mappings/{file.name}"
        raise IntakeError(
            [Problem(f"{name}, line {p.line}", p.message, "Correct this line.") for p in error.problems]
        ) from None
    return _Reader(file, lines).mapping(data)


class _Reader:
    """Walks one parsed mapping, collecting problems instead of stopping at the first."""

    def __init__(self, file: Path, lines):
        self.file, self.lines = file, lines
        self.problems: list[Problem] = []

    def mapping(self, data: Any) -> Mapping:
        top = self._keys(data, (), _TOP, required=("source", "tables"))
        source = self._source(top.get("source"))
        tables = [
            block
            for name, blocks in self._dict(top.get("tables"), ("tables",)).items()
            for block in self._tables(str(name), blocks)
        ]
        unmapped = top.get("unmapped_columns", "drop_and_report")
        if unmapped not in ("drop_and_report", "error"):
            self._say(("unmapped_columns",), f"'{unmapped}' is not known.", "Write drop_and_report or error.")
        codes = top.get("missing_codes")
        codes = [""] if codes is None else self._list(codes, ("missing_codes",))
        row_filter = self._filter(top.get("row_filter"))
        if self.problems:
            raise IntakeError(self.problems)
        return Mapping(
            file=self.file,
            source=source,
            tables=tuple(tables),
            row_filter=row_filter,
            missing_codes=tuple(dict.fromkeys(["", *map(text, codes)])),
            refuse_unmapped=unmapped == "error",
        )

    def _source(self, data: Any) -> Source | None:
        keys = self._keys(data, ("source",), sources.KEYS, required=("path",))
        wrong = list(sources.problems(keys))
        for key, message, fix in wrong:
            self._say(("source", key), message, fix)
        return None if wrong else sources.of(keys)

    def _filter(self, expression: Any) -> RowFilter | None:
        if not expression:
            return None
        try:
            return RowFilter(str(expression))
        except FilterError as error:
            self._say(("row_filter",), str(error), "Write it like: case_type in ['A', 'B'] and amount > 0")

    def _tables(self, table: str, blocks: Any) -> list[TableMapping]:
        """One table takes a block, or a list of blocks when the file fills it in several ways."""
        at = ("tables", table)
        if table not in TABLES:
            self._say(at, f"'{table}' is not a table.{nearest(table, TABLES)}", f"Use {', '.join(TABLES)}.")
            return []
        if isinstance(blocks, list):
            return [self._block(table, block, (*at, i)) for i, block in enumerate(blocks)]
        return [self._block(table, blocks, at)]

    def _block(self, table: str, data: Any, at: tuple) -> TableMapping:
        keys = self._keys(data, at, _BLOCK)
        constants = self._dict(keys.get("constants"), (*at, "constants"))
        block = TableMapping(
            table=table,
            line=self._line(at),
            columns=self._names(keys, "columns", at),
            constants={str(name): text(value) for name, value in constants.items()},
            types=self._names(keys, "types", at),
            date_formats={
                str(k): tuple(str(f) for f in self._list(v, (*at, "date_formats", k)))
                for k, v in self._dict(keys.get("date_formats"), (*at, "date_formats")).items()
            },
            value_maps={
                str(k): {text(code): text(value) for code, value in self._dict(v, (*at, "value_maps", k)).items()}
                for k, v in self._dict(keys.get("value_maps"), (*at, "value_maps")).items()
            },
            rules={
                str(k): self._keys(v, (*at, "rules", k), RULES)
                for k, v in self._dict(keys.get("rules"), (*at, "rules")).items()
            },
            extra=self._names(keys, "extra", at),
            wide=self._wide(keys.get("wide"), (*at, "wide")),
            zero_fill=self._zero_fill(keys.get("zero_fill"), (*at, "zero_fill")),
            geoid=self._geoid(keys.get("geoid"), (*at, "geoid")),
        )
        self._check_block(block, at)
        return block

    def _check_block(self, block: TableMapping, at: tuple) -> None:
        model = TABLES[block.table]
        for header, column in block.columns.items():
            self._known(column, model.columns, (*at, "columns", header), f"a column of {block.table}")
        for column in block.constants:
            self._known(column, model.columns, (*at, "constants", column), f"a column of {block.table}")
        for key in ("types", "date_formats", "value_maps", "rules"):
            for target in getattr(block, key):
                known = [*block.targets, *block.constants]
                self._known(target, known, (*at, key, target), "read from this file")
        for column, kind in block.types.items():
            self._known(kind, TYPES, (*at, "types", column), "a type")
            model_type = model.columns[column].type if column in model.columns else None
            if model_type and kind in TYPES and kind not in NARROWS[model_type]:
                use = " or ".join(NARROWS[model_type])
                self._say((*at, "types", column), f"{column} cannot be {kind}.", f"Use {use}.")
        if block.extra and not model.extra:
            message = f"{block.table} takes no extra covariates."
            self._say((*at, "extra"), message, "Move them to participants or units.")
        if block.wide and block.table != "outcomes":
            self._say((*at, "wide"), f"{block.table} has no wide form.", "Use wide in outcomes only.")
        if model.extra in (*block.columns.values(), *block.constants):
            message = f"{model.extra} is written here, from the columns under extra."
            self._say(at, message, "List those columns under extra; a city's own JSON is not read.")
        for name in block.extra.values():
            if name in model.columns:
                fix = "Map it under columns, or choose another name."
                self._say((*at, "extra"), f"'{name}' is a column of {block.table}.", fix)
        for header in block.headers:
            if identifier(header) in DIRECT_IDENTIFIERS:
                self._say(at, f"'{header}' names a person and never comes in.", "Take it out of the mapping.")
        self._twice(block, at)
        self._required(block, at)
        self._still_open(block, at)

    def _still_open(self, block: TableMapping, at: tuple) -> None:
        """A "?" is what `emi data suggest` leaves to a person."""
        places = [(("constants", name), [value]) for name, value in block.constants.items()]
        places += [(("date_formats", name), forms) for name, forms in block.date_formats.items()]
        places += [(("value_maps", name, code), [value]) for name, codes in block.value_maps.items()
                   for code, value in codes.items()]  # fmt: skip
        places += [(("wide", "wave"), [block.wide.wave])] if block.wide else []
        for where, values in places:
            if "?" in values:
                column = TABLES[block.table].columns.get(where[1])
                fix = f"Allowed: {', '.join(column.allowed)}." if column and column.allowed else ""
                message = f"'?' for {' '.join(map(str, where[1:]))} is not decided yet."
                self._say((*at, *where), message, f"Write what it is instead of the question mark. {fix}".strip())

    def _twice(self, block: TableMapping, at: tuple) -> None:
        given = [*block.targets, *block.constants]
        for name in sorted({n for n in given if given.count(n) > 1}):
            self._say(at, f"{name} is given twice.", "Keep one column or one constant for it.")

    def _required(self, block: TableMapping, at: tuple) -> None:
        given = {*block.columns.values(), *block.constants}
        if block.wide:
            given |= {"subject_id", "outcome_id", "wave", "value"}
        for name in TABLES[block.table].required:
            if name not in given and not TABLES[block.table].columns[name].derive:
                fix = f"Add it to columns or constants. {_shape(block, name)}"
                self._say(at, f"{block.table} needs {name}.", fix)

        ratio = {"numerator", "denominator"}
        if block.table == "indicator_monthly" and "value" not in given and not ratio <= given:
            self._say(at, "indicator_monthly needs value.", "Map it, or map both numerator and denominator.")

    def _wide(self, data: Any, at: tuple) -> Wide | None:
        if data is None:
            return None
        keys = self._keys(data, at, _WIDE, required=_WIDE)
        return Wide(str(keys.get("subject")), str(keys.get("wave")), self._names(keys, "columns", at))

    def _zero_fill(self, data: Any, at: tuple) -> ZeroFill | None:
        if data is None:
            return None
        keys = self._keys(data, at, _ZERO_FILL, required=("keys", "from_table"))
        names = [str(name) for name in self._list(keys.get("keys"), (*at, "keys"))]
        if sorted(names) != ["period_start", "subject_id"]:
            fix = "Write keys: [subject_id, period_start]."
            self._say((*at, "keys"), "rows are filled by subject and month.", fix)
        if keys.get("from_table") != "units":
            self._say((*at, "from_table"), "only places can be filled.", "Write from_table: units.")
        value = keys.get("value", 0)
        if type(value) not in (int, float):
            self._say((*at, "value"), f"'{value}' is not a number.", "Write value: 0.")
        return ZeroFill(tuple(names), str(keys.get("from_table")), value)

    def _geoid(self, data: Any, at: tuple) -> Geoid | None:
        if data is None:
            return None
        keys = self._keys(data, at, _GEOID, required=("column",))
        if keys.get("crosswalk"):
            self._say((*at, "crosswalk"), "tracts are not converted here.", "Send codes of one census year.")
        vintage = keys.get("vintage", 2010)
        if vintage not in (2010, 2020):
            self._say((*at, "vintage"), f"'{vintage}' is not a census year.", "Write 2010 or 2020.")
        pad_to = keys.get("pad_to", 11)
        if type(pad_to) is not int or not 1 <= pad_to <= 15:
            self._say((*at, "pad_to"), f"'{pad_to}' is not a number of digits.", "Write pad_to: 11.")
        return Geoid(str(keys.get("column")), pad_to, vintage)

    def _names(self, keys: dict, key: str, at: tuple) -> dict[str, str]:
        return {str(k).strip(): str(v) for k, v in self._dict(keys.get(key), (*at, key)).items()}

    def _keys(self, data: Any, at: tuple, valid: tuple, required: tuple = ()) -> dict:
        data = self._dict(data, at)
        for key in data:
            self._known(key, valid, (*at, key), "a key here")
        for key in required:
            if key not in data:
                where = ".".join(map(str, at)) or "the file"
                self._say(at, f"{where} needs {key}.", f"Add {key}.")
        return data

    def _known(self, name: Any, valid, at: tuple, what: str) -> None:
        if str(name) not in [str(v) for v in valid]:
            listed = ", ".join(map(str, valid))
            self._say(at, f"'{name}' is not {what}.{nearest(name, valid)}", f"Valid: {listed}.")

    def _dict(self, data: Any, at: tuple) -> dict:
        if data is None or isinstance(data, dict):
            return data or {}
        self._say(at, f"{'.'.join(map(str, at)) or 'the file'} must be a list of 'key: value'.", "See docs.")
        return {}

    def _list(self, data: Any, at: tuple) -> list:
        return data if isinstance(data, list) else [data]

    def _line(self, at: tuple) -> int:
        return yaml12.line_of(self.lines, at) or 1

    def _say(self, at: tuple, message: str, fix: str) -> None:
        self.problems.append(Problem(f"mappings/{self.file.name}, line {self._line(at)}", message, fix))


def text(value: Any) -> str:
    """Return a YAML scalar as the text a cell would hold: true, 3, 2019-07-01; null is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()


def _shape(block: TableMapping, name: str) -> str:
    column: Column = TABLES[block.table].columns[name]
    if column.allowed:
        return f"Allowed: {', '.join(column.allowed)}."
    return f"It looks like {column.example}."
