"""A released record says what it and its page were when they left, so that an edit by hand shows.

This tells of a mistake, not of a forger: who can write the files can write the hashes too.
"""

import hashlib

from shared_utils.results.record import as_text


def sealed(record: dict, page: str) -> dict:
    """The record with the hashes of its page and of itself in its run block."""
    return {**record, "run": {**record["run"], "released": _hashes(record, page)}}


def edited(record: dict, page: str | None) -> bool:
    """Whether a record, or its page where there is one, is no longer what left. An unsealed record tells nothing."""
    run = {key: value for key, value in record["run"].items() if key != "released"}
    now = _hashes({**record, "run": run}, page)
    left = record["run"].get("released") or now
    return any(left[part] != found for part, found in now.items())


def _hashes(record: dict, page: str | None) -> dict[str, str]:
    texts = {"record_sha256": as_text(record)} | ({"page_sha256": page} if page is not None else {})
    return {part: f"sha256:{hashlib.sha256(text.encode('utf-8')).hexdigest()}" for part, text in texts.items()}
