"""Which salt a city's pseudonyms are made with, and the refusal of one that is not last time's (DQ112)."""

from pathlib import Path

from shared_utils.config import CityConfig
from shared_utils.data import pseudonyms, report, store
from shared_utils.errors import EmiError


def salt_of(root: Path, config: CityConfig) -> bytes:
    """Return the city's salt. Raises EmiError when it is not that of the last intake.

    With another salt everyone would be a new person: earlier and later files could not be matched.
    """
    if config.data.mode == "synthetic":
        return pseudonyms.synthetic_salt(config.city.key, config.data.synthetic_seed)
    salt = pseudonyms.city_salt(root / "crosswalk", config.privacy.salt_env)
    last = report.read(store.recover(root))
    if last and last.salt_fingerprint not in ("", pseudonyms.fingerprint(salt)):
        raise EmiError(
            f"DQ112: the salt of {config.city.name} is not that of the last intake; nobody would be known.",
            f"Put the old salt back ({config.privacy.salt_env} or data/private/crosswalk/.salt). "
            "To start anew, delete data/private/linked first.",
        )
    return salt
