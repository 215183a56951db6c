"""The data model as Table Schema (Frictionless Data, version 1), and the readers that judge cells by it.

frictionless casts a cell to its type and judges the constraints; what a cell may be written like (thousands,
forms of dates, codes) is made plain before, in `parse`. Ranges of the model are not in the readers: a family of
sixteen is unusual (DQ104), not unreadable. A range that a mapping states under `rules` is.
"""

import re
from collections.abc import Callable
from typing import Any

from shared_utils import lean
from shared_utils.data import dictionary
from shared_utils.data.model import TABLES, Column, Table
from shared_utils.errors import EmiError

TYPES = {"str": "string", "cat": "string", "int": "integer", "float": "number", "bool": "boolean", "date": "date",
         "month": "yearmonth"}  # fmt: skip
TRUE = ("true", "yes", "1")
FALSE = ("false", "no", "0")
# Table Schema constraints a mapping may state (specs.frictionlessdata.io/table-schema, section Constraints).
RULES = ("required", "unique", "enum", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
         "minLength", "maxLength")  # fmt: skip
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
# The largest numbers a table holds exactly: whole ones up to 2**53, and what is not infinite.
LARGEST = {"int": 2**53, "float": 1.7976931348623157e308}

Reader = Callable[[str], tuple[Any, dict[str, str] | None]]


class RuleError(EmiError):
    """A rule of a mapping does not suit the column it is for."""


def table(name: str) -> dict:
    """Return the Table Schema descriptor of a table of the model."""
    model, columns = TABLES[name], TABLES[name].columns.values()
    keys = [
        {"fields": [column.name],
         "reference": {"resource": column.refers_to, "fields": list(TABLES[column.refers_to].key)}}
        for column in columns
        if column.refers_to in TABLES
    ]  # fmt: skip
    return {"name": name, "title": model.what, "fields": [_described(model, column) for column in columns],
            "missingValues": [""], "primaryKey": list(model.key), "foreignKeys": keys}  # fmt: skip


def field(column: Column) -> dict:
    """Return the Table Schema field that casts and judges the cells of a column."""
    described = {"name": column.name, "type": TYPES[column.type], "constraints": {}}
    if column.type == "bool":
        described |= {"trueValues": list(TRUE), "falseValues": list(FALSE)}
    if column.type == "float":
        described["floatNumber"] = True
    if column.allowed:
        described["constraints"]["enum"] = list(column.allowed)
    if column.pattern:
        described["constraints"]["pattern"] = column.pattern
    return described


def with_rules(described: dict, rules: dict[str, Any]) -> dict:
    """Return the field with further constraints; `unique` spans rows and is not the cell's."""
    own = {name: rule for name, rule in rules.items() if name != "unique"}
    return described | {"constraints": described["constraints"] | own}


def takes_any_text(described: dict) -> bool:
    """Return whether every cell that is not empty reads as it stands: ids and words, of which there may be millions."""
    return described["type"] == "string" and described["constraints"].keys() <= {"required"}


def reader(described: dict) -> Reader:
    """Return the function that gives (value, notes) of a cell; notes are {constraint or "type": what it says}.

    Raises RuleError with the reason when the constraints do not suit the type of the field.
    """
    lean.skip_address_grammars()
    from frictionless import Field, FrictionlessException

    try:
        made = Field.from_descriptor(described)
        _check_bounds(made)
        return made.create_cell_reader()
    except FrictionlessException as error:
        reasons = [reason.note for reason in error.reasons] or [error.error.note]
        raise RuleError("; ".join(reasons)) from None
    except re.error as error:
        raise RuleError(f"the pattern cannot be read: {error}") from None


def _check_bounds(made) -> None:
    """frictionless compares with a bound it could not read and stops there; we stop before."""
    read = made.create_value_reader()
    for name in (*BOUNDS, "enum"):
        bounds = made.constraints.get(name)
        for bound in bounds if isinstance(bounds, list) else [bounds]:
            if bound is not None and read(bound) is None:
                raise RuleError(f'{name} "{bound}" is no {made.type}')


def _described(model: Table, column: Column) -> dict:
    """Return the field with all the model says of it: words, and what it asks, its usual range included."""
    words, described = dictionary.words(model.name, column.name), field(column)
    constraints = described["constraints"]
    if column.required == "yes" or column.name in model.key:
        constraints["required"] = True
    if column.minimum is not None:
        constraints["minimum"] = column.minimum
    if column.maximum is not None:
        constraints["maximum"] = column.maximum
    return described | {"title": words.title, "description": words.meaning}
