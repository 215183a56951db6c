"""The one YAML reader: plain data and a line number for every key.

Why not a stock loader: YAML 1.1 turns `NO` into false and `061` into a number, and most loaders keep the last
of two equal keys, so a city's typing mistake would change its settings without a word.
"""

import math
import re
from copy import deepcopy
from functools import lru_cache
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from shared_utils.config.errors import ConfigError, Problem
from shared_utils.config.yaml_words import explain

MAX_VALUES = 20_000  # values in one file, aliases written out: stops an alias bomb before it grows
MAX_DEPTH = 50
MAX_BYTES = 1_000_000

# Core schema of YAML 1.2, with one exception: a number with a leading zero is a code (FIPS 061), so text.
# Hexadecimal, octal, .inf and .nan also stay text, and what is too large for a number: no setting means them.
MAX_DIGITS = 100
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

Path_ = tuple[str | int, ...]
Lines = dict[Path_, int]


def load(path: Path) -> tuple[object, Lines]:
    """Read a YAML file. Returns (data, lines).

    `data` is made of dict (text keys), list, str, int, float, bool and None; an empty file gives None.
    `lines` maps the path of each key or list item, such as ("outcomes", 0, "id"), to its line, from 1.
    Raises ConfigError naming file and line when the file is missing, too large, not UTF-8, not YAML, repeats a
    key, or grows beyond bounds through aliases.
    """
    path = Path(path)
    data, lines = _parsed(path.name, _read(path))
    return deepcopy(data), dict(lines)


@lru_cache(maxsize=128)
def _parsed(name: str, text: str) -> tuple[object, Lines]:
    """Return data and lines of a text, read once a process: a notebook asks for the same settings several times."""
    builder = _Builder(name)
    try:
        data = builder.document(YAML(typ="safe", pure=True).parse(text))
    except _Refused as error:
        raise ConfigError([Problem(name, error.line, "", None, error.message)]) from None
    except YAMLError as error:
        line, message = explain(error, text)
        raise ConfigError([Problem(name, line, "", None, message)]) from error
    if builder.problems:
        raise ConfigError(builder.problems)
    return data, builder.lines


def line_of(lines: Lines, path: Path_) -> int:
    """Return the line of `path`, or of the nearest key above it that is in the file (0: none)."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 0)


def scalar(text: str) -> object:
    """Return what an unquoted YAML 1.2 scalar means: None, bool, int, float or the text itself."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text) and len(text) <= MAX_DIGITS:
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError([Problem(str(path), 0, "", None, "there is no such file.")]) from None
    except OSError as error:
        message = f"the file cannot be opened: {error.strerror}."
        raise ConfigError([Problem(path.name, 0, "", None, message)]) from None
    if len(content) > MAX_BYTES:
        message = f"the file has more than {MAX_BYTES // 10**6} MB: this is not a settings file."
        raise ConfigError([Problem(path.name, 0, "", None, message)])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        message = "a character here is not UTF-8. In your editor choose 'Save with encoding: UTF-8'."
        raise ConfigError([Problem(path.name, line, "", None, message)]) from error


class _Refused(Exception):
    """YAML, but not YAML this project reads."""

    def __init__(self, event, message: str):
        self.line = event.start_mark.line + 1
        self.message = message


class _Builder:
    """Turns parser events into plain data, one recursive step a node."""

    def __init__(self, file: str):
        self.file = file
        self.lines: Lines = {}
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[object, int]] = {}
        self.count = 0

    def document(self, events) -> object:
        data, documents = None, 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused(event, "a second document starts here ('---'). Keep one in the file.")
            elif isinstance(event, ScalarEvent | AliasEvent | MappingStartEvent | SequenceStartEvent):
                data = self._value(event, events, ())
        return data

    def _value(self, event, events, path: Path_) -> object:
        if isinstance(event, AliasEvent):
            return self._alias(event)
        if event.tag is not None:
            raise _Refused(event, f"the tag '{event.tag}' is not read here. Remove the '!' and its word.")
        if len(path) > MAX_DEPTH:
            raise _Refused(event, f"blocks are nested more than {MAX_DEPTH} deep.")
        before = self.count
        self._add(1, event)
        if isinstance(event, ScalarEvent):
            value = scalar(event.value) if event.style is None else event.value
        elif isinstance(event, SequenceStartEvent):
            value = self._sequence(events, path)
        else:
            value = self._mapping(events, path)
        if event.anchor:
            self.anchors[event.anchor] = (value, self.count - before)
        return value

    def _sequence(self, events, path: Path_) -> list:
        items: list = []
        while not isinstance(event := next(events), SequenceEndEvent):
            own = (*path, len(items))
            self.lines[own] = event.start_mark.line + 1
            items.append(self._value(event, events, own))
        return items

    def _mapping(self, events, path: Path_) -> dict:
        result: dict[str, object] = {}
        while not isinstance(event := next(events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                raise _Refused(event, "a key must be plain text, not a list, a block or an alias.")
            key, own, line = event.value, (*path, event.value), event.start_mark.line + 1
            if key in result:
                self.problems.append(
                    Problem(
                        self.file,
                        line,
                        dotted(own),
                        key,
                        f"the key '{key}' is already on line {self.lines[own]}. Keep one of the two.",
                    )
                )
                own = (*own, "(again)")  # keeps the first one's line number
            self.lines.setdefault(own, line)
            value = self._value(next(events), events, own)
            result.setdefault(key, value)
        return result

    def _alias(self, event) -> object:
        if event.anchor not in self.anchors:
            raise _Refused(
                event,
                f"'*{event.anchor}' points to no finished '&{event.anchor}' above it. "
                "If this is text, put it in quotes.",
            )
        value, size = self.anchors[event.anchor]
        self._add(size, event)
        return value

    def _add(self, size: int, event) -> None:
        self.count += size
        if self.count > MAX_VALUES:
            raise _Refused(event, f"the file holds more than {MAX_VALUES:,} values, aliases written out.")


def dotted(path: Path_) -> str:
    """Return a key path as people read it: ("outcomes", 0, "id") -> "outcomes[0].id"."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
