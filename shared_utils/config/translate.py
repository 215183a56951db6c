"""pydantic's errors in our words, with the line of the file and the nearest valid name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from shared_utils.config.errors import Problem, closest
from shared_utils.config.yaml12 import Lines, Path_, dotted, line_of

_WRONG_KIND = {
    "string_type": "is not a text",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_type": "is not a number",
    "bool_type": "is not true or false",
    "list_type": "is not a list: write [a, b]",
    "tuple_type": "is not a list: write [a, b]",
    "model_type": "is not a block of keys",
    "model_attributes_type": "is not a block of keys",
    "dict_type": "is not a block of keys",
    "too_short": "has too few items",
    "too_long": "has too many items",
}
_BOUND = {
    "greater_than": "above {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "below {lt:g}",
    "less_than_equal": "{le:g} or less",
}


@dataclass(frozen=True)
class _Words:
    message: str
    allowed: tuple[str, ...] = ()
    suggestion: str = ""


def problems(error: ValidationError, model: type[BaseModel], data: Any, lines: Lines, file: str) -> Iterator[Problem]:
    """Yield one Problem for each error of validating `data` as `model`."""
    for item in error.errors(include_url=False):
        path, kind, context = _data_path(item["loc"], data), item["type"], item.get("ctx", {})
        if kind in ("union_tag_invalid", "union_tag_not_found"):
            path = (*path, "type")
        value = path[-1] if kind == "extra_forbidden" else value_at(data, path)
        if kind == "extra_forbidden":
            words = _unknown_key(value, value_at(data, path), tuple(_keys(_declared(model, path[:-1], data))))
        elif kind in ("missing", "union_tag_not_found"):
            words = _Words("is missing.", tuple(_choices(_declared(model, path, data))))
        elif kind == "union_tag_invalid":
            words = _wrong_type(path, value, context["expected_tags"])
        elif kind == "literal_error":
            words = _not_allowed(value, context["expected"])
        elif kind == "refused":
            words = _Words(context["message"], context["allowed"], context["suggestion"])
        elif kind in _BOUND:
            words = _Words(f"{value:g} is out of range: it must be {_BOUND[kind].format(**context)}.")
        else:
            words = _wrong_kind(kind, value, item["msg"])
        yield Problem(file, line_of(lines, path), dotted(path), value, words.message, words.allowed, words.suggestion)


def value_at(data: Any, path: Path_) -> Any:
    """Return the value at a key path of plain data, or None where the path leads nowhere."""
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _unknown_key(key: str, value: object, valid: tuple[str, ...]) -> _Words:
    if value is None and " " in key:  # `{unit: per 1,000 households}` holds two entries, not one
        return _Words(
            f"'{key}' is read as a key. If it belongs to the text before it, put the whole text in quotes.", valid
        )
    return _Words(f"unknown key '{key}'.", valid, closest(key, valid))


def _wrong_type(path: Path_, value: object, expected: str) -> _Words:
    allowed = tuple(re.findall(r"'([^']*)'", expected))
    block = next(part for part in reversed(path[:-1]) if isinstance(part, str))
    return _Words(f"'{value}' is not a {block.removesuffix('s')} type.", allowed, closest(value, allowed))


def _not_allowed(value: object, expected: str) -> _Words:
    allowed = tuple(part.strip("'") for part in re.split(r", | or ", expected))
    if isinstance(value, int | float) and str(value) in allowed and f"'{value}'" in expected:
        return _Words(f'{value} is a number here. Write it in quotes: "{value}".', allowed)
    if allowed == ("True",):
        return _Words("must stay true.")
    return _Words(f"'{value}' is not allowed here.", allowed, closest(value, allowed))


def _wrong_kind(kind: str, value: object, said: str) -> _Words:
    if value is None:
        return _Words("is empty. Write a value or remove the key.")
    if kind == "string_type" and isinstance(value, int | float) and not isinstance(value, bool):
        return _Words(f'{value} is a number here. Text that looks like a number goes in quotes: "{value}".')
    shown = "this block" if isinstance(value, dict) else f"'{value}'"
    return _Words(f"{shown} {_WRONG_KIND.get(kind, f'cannot be used ({said})')}.")


def _data_path(loc: tuple, data: Any) -> Path_:
    """Drop from pydantic's location what is not in the file: union tags and '[key]' marks."""
    path: list = []
    for part in loc:
        tag = isinstance(data, dict) and part not in data and data.get("type") == part
        if tag or part == "[key]":
            continue
        path.append(part)
        data = value_at(data, (part,))
    return tuple(path)


def _declared(kind: Any, path: Path_, data: Any) -> Any:
    """Return the type declared at `path` below `kind`; the data's own `type` chooses a union's member."""
    kind = _member(kind, data)
    for part in path:
        data = value_at(data, (part,))
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            named = dict(zip(_keys(kind), kind.model_fields.values(), strict=True))
            kind = named[part].annotation if part in named else None
        else:  # a list's items or a mapping's values
            kind = get_args(kind)[-1] if get_args(kind) else None
        kind = _member(kind, data)
    return kind


def _member(kind: Any, data: Any) -> Any:
    if get_origin(kind) is Annotated:
        return _member(get_args(kind)[0], data)
    if get_origin(kind) not in (Union, UnionType):
        return kind
    members = [member for member in get_args(kind) if member is not type(None)]
    own = data.get("type") if isinstance(data, dict) else None
    return next((member for member in members if own in _choices_of_type(member)), members[0])


def _choices_of_type(member: Any) -> list[str]:
    fields = getattr(member, "model_fields", {})
    return _choices(fields["type"].annotation) if "type" in fields else []


def _choices(kind: Any) -> list[str]:
    return [str(choice) for choice in get_args(kind)] if get_origin(kind) is Literal else []


def _keys(block: type[BaseModel]) -> list[str]:
    """Return the keys of a block as written in YAML."""
    return [field.alias or name for name, field in block.model_fields.items()]
