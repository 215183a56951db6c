"""What can be read in a file: the text of the file itself, of what is packed into it, and of what is encoded in that.

Notebooks, JSON, tables, pages, pictures (their text chunks), PDF, workbooks and other zip files; base64, hex,
percent-encoding, HTML entities, JSON escapes and UTF-16, inside one another up to `DEPTH`. Only the standard library.
"""

import base64
import html
import io
import json
import re
import struct
import urllib.parse
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

LARGEST = 64_000_000  # bytes one packed part may unpack to
DEPTH = 3

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_HEX = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}[ :]?){6,}")
_READABLE = re.compile(rb"[\x20-\x7e\xa0-\xff]{6,}")
_WIDE = re.compile(rb"(?:[\x20-\xff]\x00){6,}"), re.compile(rb"(?:\x00[\x20-\xff]){6,}")
_JSON_ESCAPE = re.compile(r'\\(u[0-9a-fA-F]{4}|["\\/nrt])')
_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
_PDF_TEXT = re.compile(rb"\(((?:\\.|[^()\\])*)\)|<([0-9A-Fa-f\s]+)>", re.DOTALL)
_PRINTABLE = bytes([9, 10, 13, *range(32, 127)])
_PNG, _PDF, _GZIP, _ZIP = b"\x89PNG\r\n\x1a\n", b"%PDF", b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")


class TooLarge(Exception):
    """Something packed in a file unpacks to more than is looked into."""


class Piece(NamedTuple):
    """A text and what its lines are called: `places` are cells or JSON paths, or None for lines that count from 1;
    `part` is the member of an archive, the chunk of a picture, or ""."""

    text: str
    part: str = ""
    places: list[str] | None = None

    def place(self, at: int) -> str:
        """Return where position `at` of the text is, in words."""
        number = self.text.count("\n", 0, at)
        if self.places is None:
            return self.part or f"line {number + 1}"
        return ", ".join(filter(None, (self.part, self.places[min(number, len(self.places) - 1)])))


def pieces(content: bytes, name: str = "", depth: int = DEPTH) -> Iterator[Piece]:
    """Yield all texts that can be read in a file. `name` tells a notebook or JSON file. Raises TooLarge."""
    if content.startswith(_PNG):
        yield from _png(content, depth)
    elif content.startswith(_PDF):
        yield from _pdf(content, depth)
    elif content.startswith(_ZIP):
        yield from _zip(content, depth)
    elif content.startswith(_GZIP):
        yield from _inside(_inflated(content, zlib.MAX_WBITS | 16), "packed", depth)
    elif content.startswith(b"PAR1"):
        yield from _parquet(content)
    elif name.lower().endswith((".ipynb", ".json")):
        yield from _json(content, depth)
    else:
        yield from _text(content, depth)


def _inside(content: bytes, part: str, depth: int, name: str = "") -> Iterator[Piece]:
    """The pieces of something packed or encoded, told by the place it stands in."""
    if depth:
        for piece in pieces(content, name, depth - 1):
            yield piece._replace(part=", ".join(filter(None, (part, piece.part))))


def _text(content: bytes, depth: int, part: str = "") -> Iterator[Piece]:
    """A text file in whatever encoding; of a binary file, its runs of readable letters."""
    for text in _decoded(content):
        yield from _with_encoded(Piece(text, part), depth)


def _decoded(content: bytes) -> list[str]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return [content.decode("utf-16", "replace")]
    if b"\x00" not in content:
        try:
            return [content.decode("utf-8-sig")]
        except UnicodeDecodeError:
            return [content.decode("latin-1")]
    little, big = _WIDE
    texts = (
        b"\n".join(_READABLE.findall(content)).decode("latin-1"),
        b"\n\x00".join(little.findall(content)).decode("utf-16-le", "replace"),
        b"\x00\n".join(big.findall(content)).decode("utf-16-be", "replace"),
    )
    return [text for text in texts if text]


def _with_encoded(piece: Piece, depth: int) -> Iterator[Piece]:
    """A piece and what is encoded in its text."""
    yield piece
    if not depth:
        return
    text = piece.text
    plain = {html.unescape(text) if "&" in text else text, urllib.parse.unquote(text) if "%" in text else text,
             _JSON_ESCAPE.sub(_unescaped, text) if "\\" in text else text} - {text}  # fmt: skip
    for other in sorted(plain):
        yield from _with_encoded(piece._replace(text=other), depth - 1)
    for at, content in _encoded(text):
        yield from _inside(content, piece.place(at), depth)


def _unescaped(match: re.Match) -> str:
    """Lines stay in their places: an escaped new line becomes a blank."""
    code = match.group(1)
    return chr(int(code[1:], 16)) if len(code) == 5 else " " if code in "nrt" else code


def _encoded(text: str) -> Iterator[tuple[int, bytes]]:
    """Yield (position, bytes) hidden in a text as base64 or hex, where they are readable or a kind of file."""
    seen = set()
    for match in _BASE64.finditer(text):
        run = match.group()
        # Base64 of readable text has letters of both cases; a word or a number has not.
        if run in seen or run.islower() or run.isupper() or run.replace("_", "").isdigit():
            continue
        seen.add(run)
        run = run.rstrip("=").replace("-", "+").replace("_", "/")
        # A short run may have begun earlier: letters of the text before it are of the same alphabet.
        for part in (run[start:] for start in range(4 if len(run) < 4096 else 1)):
            content = base64.b64decode(part[: len(part) - (len(part) % 4 == 1)] + "==")
            if _worth_reading(content):
                yield match.start(), content
    for match in _HEX.finditer(text):
        if match.group() not in seen:
            seen.add(match.group())
            content = bytes.fromhex(match.group().replace(":", " "))
            if _worth_reading(content):
                yield match.start(), content


def _worth_reading(content: bytes) -> bool:
    if content.startswith((_PNG, _PDF, _GZIP, *_ZIP)):
        return True
    sample = content[:4096].replace(b"\x00", b"")
    return len(sample) >= 6 and len(sample.translate(None, _PRINTABLE)) <= 0.1 * len(sample)


def _json(content: bytes, depth: int) -> Iterator[Piece]:
    try:
        parsed = json.loads(content)
        found = list(_cells(parsed) if isinstance(parsed, dict) and "cells" in parsed else _leaves(parsed))
    except (ValueError, RecursionError):
        yield from _text(content, depth)
        return
    # One line a place, so that the line of a hit tells its place.
    text = "\n".join(text.replace("\n", "\r") for _, text in found)
    yield from _with_encoded(Piece(text, places=[place for place, _ in found]), depth)


def _cells(notebook: dict) -> Iterator[tuple[str, str]]:
    """Yield (place, text) of a notebook; cells and outputs count from 1, as a reader counts them."""
    yield "notebook metadata", _all_text(notebook.get("metadata"))
    for number, cell in enumerate(notebook["cells"], start=1):
        yield f"cell {number}", _all_text({key: value for key, value in cell.items() if key != "outputs"})
        for count, output in enumerate(cell.get("outputs", []), start=1):
            yield f"cell {number}, output {count}", _all_text(output)


def _leaves(value, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path, text) of every key and value of a JSON file."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield path or "top", str(key)
            yield from _leaves(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{path}[{number}]")
    elif value is not None and not isinstance(value, bool):
        yield path or "top", str(value)


def _all_text(value) -> str:
    """All text of a part of a notebook; lines kept as a list are one text."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    if isinstance(value, dict):
        return "\n".join(f"{key}\n{_all_text(item)}" for key, item in value.items())
    if isinstance(value, list):
        return "\n".join(map(_all_text, value))
    return "" if value is None else str(value)


def _png(content: bytes, depth: int) -> Iterator[Piece]:
    """The text chunks of a picture (PNG 1.2 section 11.3.4) and what stands behind its end."""
    at = len(_PNG)
    while at + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        chunk = content[at + 8 : at + 8 + length]
        at += 12 + length
        if kind in _TEXT_CHUNKS:
            part = f"picture text {kind.decode()}"
            yield from _text(_TEXT_CHUNKS[kind](chunk), depth, part)
        elif kind == b"IEND":
            break
    if content[at:]:
        yield from _text(content[at:], depth, "behind the picture")


def _packed_chunk(chunk: bytes) -> bytes:
    keyword, _, rest = chunk.partition(b"\x00")
    return keyword + b" " + _inflated(rest[1:])


def _international_chunk(chunk: bytes) -> bytes:
    keyword, _, rest = chunk.partition(b"\x00")
    body = rest[2:].split(b"\x00", 2)[-1]
    return keyword + b" " + (_inflated(body) if rest[:1] == b"\x01" else body)


_TEXT_CHUNKS = {
    b"tEXt": lambda chunk: chunk.replace(b"\x00", b" "),
    b"zTXt": _packed_chunk,
    b"iTXt": _international_chunk,
    b"eXIf": lambda chunk: chunk,
}


def _pdf(content: bytes, depth: int) -> Iterator[Piece]:
    parts = [_STREAM.sub(b" ", content), *(_inflated(m.group(1)) or m.group(1) for m in _STREAM.finditer(content))]
    for number, part in enumerate(parts):
        place = f"PDF stream {number}" if number else "PDF"
        strings = [_pdf_string(m) for m in _PDF_TEXT.finditer(part)]
        # A line of text is cut into several strings to move its letters: together they are the words again.
        yield Piece("".join(strings), place)
        yield Piece(" ".join(strings), place)
        yield from _text(part, depth, place)


def _pdf_string(match: re.Match) -> str:
    if match.group(2) is not None:
        digits = re.sub(rb"\s", b"", match.group(2))
        content = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
    else:
        content = re.sub(rb"\\([()\\])", rb"\1", match.group(1))
    return content.decode("utf-16") if content.startswith((b"\xfe\xff", b"\xff\xfe")) else content.decode("latin-1")


def _zip(content: bytes, depth: int) -> Iterator[Piece]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile:
        yield from _text(content, depth)
        return
    with archive:
        for member in archive.infolist():
            yield Piece(member.filename, "names in the archive")
            if member.flag_bits & 1:  # locked with a password: nobody can say what is in it
                raise TooLarge
            with archive.open(member) as part:
                inner = part.read(LARGEST + 1)
            if len(inner) > LARGEST:
                raise TooLarge
            yield from _inside(inner, member.filename, depth, member.filename)


def _inflated(packed: bytes, bits: int = zlib.MAX_WBITS) -> bytes:
    """Unpacked bytes, as many as there are before an error; b"" when it is not packed that way."""
    unpacker, found = zlib.decompressobj(bits), b""
    try:
        found = unpacker.decompress(packed, LARGEST + 1)
    except zlib.error:
        return b""
    if len(found) > LARGEST:
        raise TooLarge
    return found


def _parquet(content: bytes) -> Iterator[Piece]:
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    for name, column in zip(table.column_names, table.columns, strict=True):
        yield Piece("\n".join([name, *map(str, column.unique().to_pylist())]), f"column {name}")
