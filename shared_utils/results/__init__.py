"""The result record and the one way out of a city's folder."""

from shared_utils.results.fragment import ReleaseError
from shared_utils.results.record import (
    SCHEMA_PATH,
    Flag,
    RecordError,
    as_text,
    internal_path,
    page_path,
    problems,
    read,
    record_name,
    release_path,
    watermark,
    write,
    write_bytes,
    write_text,
)
from shared_utils.results.release import release
from shared_utils.results.seal import edited, sealed

__all__ = [
    "SCHEMA_PATH",
    "Flag",
    "RecordError",
    "ReleaseError",
    "as_text",
    "edited",
    "internal_path",
    "page_path",
    "problems",
    "read",
    "record_name",
    "release",
    "release_path",
    "sealed",
    "watermark",
    "write",
    "write_bytes",
    "write_text",
]
