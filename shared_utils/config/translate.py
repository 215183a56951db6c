"""pydantic's errors in our words, with the line of the file and the nearest valid name."""

import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from shared_utils.config.errors import Problem, closest
from shared_utils.config.yaml12 import dotted, line_of

_KIND_WORDS = {
    "string_type": "is not a text", "int_type": "is not a whole number", "int_from_float": "is not a whole number",
    "float_type": "is not a number", "bool_type": "is not true or false", "list_type": "is not a list: write [a, b]",
    "tuple_type": "is not a list: write [a, b]",
    "model_type": "is not a block of keys", "model_attributes_type": "is not a block of keys",
    "dict_type": "is not a block of keys", "too_short": "has too few items", "too_long": "has too many items",
    "string_pattern_mismatch": "does not have the form 1.0.0",
}
_BOUNDS = {"greater_than": "above {gt:g}", "greater_than_equal": "{ge:g} or more",
           "less_than": "below {lt:g}", "less_than_equal": "{le:g} or less"}


def problems(error: ValidationError, model: type[BaseModel], data: Any, lines: dict, file: str) -> Iterator[Problem]:
    """Yield one Problem for each error of validating `data` as `model`."""
    for item in error.errors(include_url=False):
        path = _data_path(item["loc"], data)
        value = value_at(data, path)
        kind, context = item["type"], item.get("ctx", {})
        allowed: tuple[str, ...] = ()
        suggestion = ""
        if kind == "extra_forbidden":
            value = path[-1]
            allowed = tuple(_fields(model, path[:-1], data))
            suggestion = closest(value, allowed)
            message = f"unknown key '{value}'."
        elif kind == "missing" or kind == "union_tag_not_found":
            path, message = _missing(kind, path, context)
            value, allowed = None, tuple(_choices(_annotation(model, path, data)))
        elif kind == "union_tag_invalid":
            path, value = (*path, "type"), context["tag"]
            allowed = tuple(re.findall(r"'([^']*)'", context["expected_tags"]))
            suggestion = closest(value, allowed)
            message = f"'{value}' is not a {_singular(path[-2] if isinstance(path[-2], str) else path[-3])} type."
        elif kind == "literal_error":
            allowed = tuple(re.findall(r"'([^']*)'|(?<=\s)(\d+)", " " + context["expected"]))
            allowed = tuple(text or number for text, number in allowed)
            suggestion = closest(value, allowed)
            message = f"{_shown(value)} is not allowed here." if str(value) not in allowed else \
                f'{value} is a number here. Put it in quotes: "{value}".'
        elif kind == "refused":
            message, allowed, suggestion = context["message"], context["allowed"], context["suggestion"]
        elif kind in _BOUNDS:
            message = f"{value:g} is out of range: it must be {_BOUNDS[kind].format(**context)}."
        elif kind == "string_type" and isinstance(value, int | float) and not isinstance(value, bool):
            message = f'{value} is a number here. Codes and texts of digits go in quotes: "{value}".'
        elif value is None:
            message = "is empty. Write a value or remove the key."
        else:
            message = f"{_shown(value)} {_KIND_WORDS.get(kind, item['msg'][0].lower() + item['msg'][1:])}."
        yield Problem(file, line_of(lines, path), dotted(path), value, message, allowed, suggestion)


def _missing(kind: str, path: tuple, context: dict) -> tuple[tuple, str]:
    return ((*path, "type") if kind == "union_tag_not_found" else path), "is missing."


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "this block"
    return f"'{value}'"


def _singular(name: str) -> str:
    return name.removesuffix("s")


def _data_path(loc: tuple, data: Any) -> tuple:
    """Drop from pydantic's location what is not in the file: union tags and '[key]' marks."""
    path: list = []
    for part in loc:
        if part == "[key]" or isinstance(data, dict) and part not in data and data.get("type") == part:
            continue
        path.append(part)
        data = value_at(data, (part,))
    return tuple(path)


def value_at(data: Any, path: tuple) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _fields(model: type[BaseModel], path: tuple, data: Any) -> list[str]:
    """Return the valid keys of the block at `path`, as written in YAML."""
    block = _annotation(model, path, data)
    return [field.alias or name for name, field in block.model_fields.items()]


def _annotation(model: Any, path: tuple, data: Any) -> Any:
    """Return the type declared at `path`, choosing a union's member by the data's own `type`."""
    kind = _choose(model, data)
    for part in path:
        data = value_at(data, (part,))
        if isinstance(part, int):
            kind = get_args(kind)[0]
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            named = {field.alias or name: field for name, field in kind.model_fields.items()}
            kind = named[part].annotation if part in named else None
        else:
            kind = get_args(kind)[-1] if get_args(kind) else None
        kind = _choose(kind, data)
    return kind


def _choose(kind: Any, data: Any) -> Any:
    if get_origin(kind) is Annotated:
        return _choose(get_args(kind)[0], data)
    if get_origin(kind) in (Union, UnionType):
        members = [m for m in get_args(kind) if m is not type(None)]
        tagged = [m for m in members if isinstance(data, dict) and isinstance(m, type) and issubclass(m, BaseModel)
                  and data.get("type") in get_args(m.model_fields["type"].annotation)]
        return _choose((tagged or members)[0], data)
    return kind


def _choices(kind: Any) -> list[str]:
    from typing import Literal
    return [str(choice) for choice in get_args(kind)] if get_origin(kind) is Literal else []
