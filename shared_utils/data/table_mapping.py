"""How one source fills one table: the blocks below `tables:` of a mapping."""

from dataclasses import dataclass, field
from typing import Any

from shared_utils.data.model import TABLES

TYPES = {
    "string": "str", "integer": "int", "number": "float", "boolean": "bool", "date": "date", "month": "month",
}  # fmt: skip
# Which declared types a model column accepts: an integer is a number too, text takes no other.
NARROWS = {
    "str": ("string",), "cat": ("string",), "int": ("integer",), "float": ("number", "integer"),
    "bool": ("boolean",), "date": ("date", "month"), "month": ("month",),
}  # fmt: skip


@dataclass(frozen=True)
class Wide:
    """Outcome columns side by side, one row a subject: each becomes the rows of one outcome."""

    subject: str
    wave: str
    columns: dict[str, str]


@dataclass(frozen=True)
class ZeroFill:
    """Write `value` for every subject of `from_table` and every month in which the file has no row."""

    keys: tuple[str, ...]
    from_table: str
    value: float


@dataclass(frozen=True)
class Geoid:
    """Restore the leading zeros of a tract code. `vintage` is the census year of the boundaries."""

    column: str
    pad_to: int
    vintage: int


@dataclass(frozen=True)
class TableMapping:
    """How one source fills one table. `columns` is {header of the file: column of the model}.

    `rules` is {column of the model: Table Schema constraints}, what a city asks of a column beyond the model:
    {household_size: {maximum: 12}, zone: {enum: [north, south]}}.
    """

    table: str
    line: int
    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    date_formats: dict[str, tuple[str, ...]] = field(default_factory=dict)
    value_maps: dict[str, dict[str, str]] = field(default_factory=dict)
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    wide: Wide | None = None
    zero_fill: ZeroFill | None = None
    geoid: Geoid | None = None

    @property
    def headers(self) -> list[str]:
        """Every header of the file this block needs, in order."""
        wide = [self.wide.subject, *self.wide.columns] if self.wide else []
        return list(dict.fromkeys([*self.columns, *self.extra, *wide]))

    @property
    def number_headers(self) -> list[str]:
        """The headers read into numbers, as the model, `types` or the wide form says."""
        model = TABLES[self.table].columns
        pairs = [*self.columns.items(), *self.extra.items(), *(self.wide.columns.items() if self.wide else ())]
        kinds = {name: TYPES.get(self.types.get(name, "")) or (model[name].type if name in model else "float")
                 for _, name in pairs}  # fmt: skip
        return [header for header, name in pairs if kinds[name] in ("int", "float") and name not in self.value_maps]

    @property
    def targets(self) -> list[str]:
        """Every name a column of the file is read into: model columns, own covariates, outcome ids."""
        wide = self.wide.columns.values() if self.wide else ()
        return [*self.columns.values(), *self.extra.values(), *wide]
