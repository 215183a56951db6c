"""A mapping as the YAML text a person reads and edits: one line a column, with a comment that says why."""

import json
import re
from dataclasses import dataclass, field

OPEN = "?"  # stands where only a person can decide; `mapping` refuses it until somebody has


@dataclass(frozen=True)
class Line:
    """`key: value  # why`; a list becomes a YAML list."""

    key: str
    value: str | list[str]
    why: str = ""


@dataclass
class Block:
    """One table of the mapping. `sections` is {columns, constants, ...: lines}; `value_maps` has a name in front."""

    table: str
    sections: dict[str, list[Line]] = field(default_factory=dict)
    value_maps: dict[str, list[Line]] = field(default_factory=dict)
    wide: tuple[Line, Line, list[Line]] | None = None  # subject, wave, columns
    notes: list[str] = field(default_factory=list)


def mapping_text(head: list[str], source: dict, blocks: list[Block], missing_codes: tuple[str, ...] = ()) -> str:
    """Return the whole mapping file. Keys and values are quoted, so no header can become YAML of its own."""
    lines = [_comment(text) for text in head]
    lines.append(f"source: {{{', '.join(f'{key}: {_scalar(value)}' for key, value in source.items())}}}")
    if missing_codes:
        lines.append(f"missing_codes: {_scalar(list(missing_codes))}")
    lines.append("tables:")
    for block in blocks:
        lines += _block(block)
    return "\n".join(lines) + "\n"


def _block(block: Block) -> list[str]:
    lines = [f"  {block.table}:"]
    if block.wide:
        subject, wave, columns = block.wide
        lines += ["    wide:", _line(subject, 6), _line(wave, 6), "      columns:"]
        lines += [_line(line, 8) for line in columns]
    for name, entries in block.sections.items():
        if entries:
            lines += [f"    {name}:", *(_line(line, 6) for line in entries)]
    if block.value_maps:
        lines.append("    value_maps:")
        for column, entries in block.value_maps.items():
            lines += [f"      {column}:", *(_line(line, 8) for line in entries)]
    return lines + [f"    {_comment(note)}" for note in block.notes]


def _line(line: Line, indent: int) -> str:
    text = f"{' ' * indent}{_key(line.key)}: {_scalar(line.value)}"
    return f"{text:<56}  {_comment(line.why)}" if line.why else text


def _key(text: str) -> str:
    return (
        text
        if re.fullmatch(r"[a-z][a-z0-9_]*", text)
        and text not in ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
        else _quoted(text)
    )


def _scalar(value) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_quoted(item) for item in value)}]"
    return str(value) if isinstance(value, int) else _key(value)


def _quoted(text: str) -> str:
    """Return a YAML double-quoted scalar, which is what JSON writes."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _comment(text: str) -> str:
    return "# " + " ".join(text.split())
