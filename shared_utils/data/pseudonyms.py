"""Pseudonyms: a keyed hash turns a city's ids into pseudonyms nobody can reverse without the city's salt.

pid = "p_" + base32(HMAC-SHA256(salt, "emi:v1:participant:<city>|" + normalise(id)))[:20].lower()

A key is needed because a plain hash of a case number or a phone number is reversed by trying them all. Cities
never share a salt, so rows cannot be linked across cities (pilots.md section 2.6; known answers in A.9).
"""

import base64
import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from shared_utils.errors import EmiError

PREFIX = {"participant": "p_", "unit": "u_", "service": "s_"}
SALT_FILE = ".salt"
SALT_BYTES = 32


def normalise(raw: str) -> str:
    """Return an id in its one written form: NFKC, trimmed, upper case, spaces collapsed. Dashes stay."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", str(raw))).strip().upper()


def canonical(ids: Iterable[str]) -> tuple[dict[str, str], list[list[str]]]:
    """Return {id as typed: canonical id} and the groups of ids that cannot be told apart.

    "AB-001234", "ab 001234" and "AB001234" are one person typed three ways: they differ in case, spaces and
    dashes only, and the most separated form stands for all. "1-23" and "12-3" could be two people: such a
    group is returned as a clash and must be settled in the file.
    """
    forms = {raw: normalise(raw) for raw in ids}
    groups: dict[str, set[str]] = defaultdict(set)
    for form in forms.values():
        groups[re.sub(r"[\s\-]", "", form)].add(form)
    stands_for, clashes = {}, []
    for group in groups.values():
        separated = {re.sub(r"[\s\-]+", "-", form) for form in group if re.search(r"[\s\-]", form)}
        if len(separated) > 1:
            clashes.append(sorted(group))
        best = max(group, key=lambda form: (len(re.findall(r"[\s\-]", form)), form))
        stands_for |= dict.fromkeys(group, best)
    return {raw: stands_for[form] for raw, form in forms.items()}, clashes


def pseudonym(salt: bytes, city_key: str, canonical_id: str, kind: str = "participant") -> str:
    """Return the pseudonym of one canonical id; `kind` is participant, unit or service."""
    message = f"emi:v1:{kind}:{city_key}|{canonical_id}".encode()
    digest = hmac.digest(salt, message, "sha256")
    return PREFIX[kind] + base64.b32encode(digest).decode("ascii")[:20].lower()


def fingerprint(salt: bytes) -> str:
    """Return what provenance may hold of a salt: 8 hex digits that do not lead back to it."""
    return hashlib.sha256(b"emi-fp|" + salt).hexdigest()[:8]


def synthetic_salt(city_key: str, seed: int) -> bytes:
    """Return the salt of synthetic data, fixed by the seed: no secret, and two runs give the same bytes."""
    return hashlib.sha256(f"emi-synthetic|{city_key}|{seed}".encode()).digest()


def city_salt(crosswalk: Path, variable: str) -> bytes:
    """Return a city's salt from the environment `variable`, else from crosswalk/.salt, made on first use.

    The salt is written as 64 hex digits. Raises EmiError when it is not.
    """
    file = crosswalk / SALT_FILE
    if os.environ.get(variable):
        return _decode(os.environ[variable], f"the environment variable {variable}")
    if not file.exists():
        crosswalk.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = file.with_name(f"{SALT_FILE}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as out:
            out.write(secrets.token_hex(SALT_BYTES) + "\n")
        os.replace(temporary, file)
    return _decode(file.read_text(encoding="utf-8"), "data/private/crosswalk/.salt")


def _decode(written: str, where: str) -> bytes:
    try:
        salt = bytes.fromhex(written.strip())
    except ValueError:
        salt = b""
    if len(salt) < SALT_BYTES:
        raise EmiError(
            f"The salt in {where} is not {2 * SALT_BYTES} hex digits.",
            "Put back the salt this city started with; without it people cannot be matched to earlier files.",
        )
    return salt
