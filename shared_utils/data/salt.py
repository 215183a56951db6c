"""Which salt a city's pseudonyms are made with, and the refusal of one that is not last time's (DQ112).

The salt is 64 hex digits in the environment or in data/private/crosswalk/.salt. No function here keeps them in a
variable of a frame that can raise: a traceback that shows local variables shows none.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from shared_utils.config import CityConfig
from shared_utils.data import pseudonyms, report, store
from shared_utils.data.pseudonyms import Salt
from shared_utils.errors import EmiError

FILE = ".salt"
BYTES = 32
SHOWN = f"data/private/{store.CROSSWALK}/{FILE}"


def salt_of(root: Path, config: CityConfig) -> Salt:
    """Return the city's salt, made at its first intake. Raises EmiError when it is not that of the last intake.

    With another salt everyone would be a new person: earlier and later files could not be matched. To be called
    inside `store.writing`, so that two first intakes make one salt.
    """
    if config.data.mode == "synthetic":
        return pseudonyms.synthetic_salt(config.city.key, config.data.synthetic_seed)
    file, variable = root / store.CROSSWALK / FILE, config.privacy.salt_env
    last = report.read(root / store.LINKED)
    known = last.salt_fingerprint if last else ""
    back = f"Put the old salt back ({variable} or {SHOWN}). To start anew, delete data/private/{store.LINKED} first."
    if known and not os.environ.get(variable) and not file.exists():
        raise EmiError(f"DQ112: the salt of {config.city.name} is gone; with a new one nobody would be known.", back)
    salt = city_salt(file.parent, variable)
    if known not in ("", salt.fingerprint):
        raise EmiError(
            f"DQ112: the salt of {config.city.name} is not that of the last intake; nobody would be known.", back
        )
    return salt


def city_salt(crosswalk: Path, variable: str) -> Salt:
    """Return a city's salt from the environment `variable`, else from crosswalk/.salt, made on first use.

    Raises EmiError when it is not 64 hex digits.
    """
    file = crosswalk / FILE
    if os.environ.get(variable):
        salt, where = _decoded(os.environ[variable]), f"the environment variable {variable}"
    else:
        if not file.exists():
            _make(file)
        with suppress(OSError):
            file.chmod(0o600)  # a copy put back from a backup is often readable by all
        salt, where = _decoded(file.read_bytes().decode("ascii", "replace")), SHOWN
    if salt is None:
        raise EmiError(
            f"The salt in {where} is not {2 * BYTES} hex digits.",
            "Put back the salt this city started with; without it people cannot be matched to earlier files.",
        )
    return salt


def _make(file: Path) -> None:
    part = file.with_name(f"{file.name}{store.PART}")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as out:
        out.write(f"{secrets.token_hex(BYTES)}\n")
        out.flush()
        os.fsync(out.fileno())
    os.replace(part, file)


def _decoded(written: str) -> Salt | None:
    try:
        key = bytes.fromhex(written)
    except ValueError:
        return None
    return Salt(key) if len(key) == BYTES else None
