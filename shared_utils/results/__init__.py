"""The result record and the one way out of a city's folder."""

from shared_utils.results.record import (
    SCHEMA_PATH,
    Flag,
    RecordError,
    internal_path,
    problems,
    read,
    release_path,
    watermark,
    write,
    write_text,
)

__all__ = [
    "SCHEMA_PATH",
    "Flag",
    "RecordError",
    "internal_path",
    "problems",
    "read",
    "release_path",
    "watermark",
    "write",
    "write_text",
]
