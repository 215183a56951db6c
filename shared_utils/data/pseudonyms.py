"""Pseudonyms: a keyed hash turns a city's ids into pseudonyms nobody can reverse without the city's salt.

pid = "p_" + base32(HMAC-SHA256(salt, "emi:v1:participant:<city>|" + normalise(id)))[:20].lower()

A key is needed because a plain hash of a case number or a phone number is reversed by trying them all. Cities
never share a salt, so rows cannot be linked across cities (pilots.md section 2.6; known answers in A.9).
"""

import base64
import hashlib
import hmac
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable

PREFIX = {"participant": "p_", "unit": "u_", "service": "s_"}
# Spaces and every dash a keyboard, Excel or Word makes: - and the hyphens, en and em dash, minus sign of Unicode.
SEPARATORS = r"[\s\-\u2010-\u2015\u2212]"


class Salt:
    """A city's secret key. It can make pseudonyms and say its fingerprint, and has no way to show itself.

    The bytes are kept inside the hash object only, so neither `repr` nor a traceback with its local variables,
    nor pickle, can give them away. `fingerprint` is what provenance may hold: 8 hex digits that do not lead back.
    """

    def __init__(self, key: bytes):
        self._keyed = hmac.new(key, digestmod="sha256")
        self.fingerprint = hashlib.sha256(b"emi-fp|" + key).hexdigest()[:8]

    def __repr__(self) -> str:
        return f"Salt({self.fingerprint})"

    def digest(self, message: str) -> bytes:
        """Return HMAC-SHA256(salt, message), 32 bytes."""
        keyed = self._keyed.copy()
        keyed.update(message.encode())
        return keyed.digest()


def normalise(raw: str) -> str:
    """Return an id in its one written form: NFKC, trimmed, upper case, spaces collapsed. Dashes stay."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", str(raw))).strip().upper()


def canonical(ids: Iterable[str], listed: Collection[str] = ()) -> tuple[dict[str, str], list[list[str]]]:
    """Return {id as typed: canonical id} and the groups of ids that cannot be told apart.

    "AB-001234", "ab 001234" and "AB001234" are one person typed three ways: they differ in case, spaces and
    dashes only. The form in the city's own list (`listed`) stands for all, so that a careless entry in a log
    never gives a listed person another pseudonym; without a list, or with several forms in it, the most separated
    one does. "1-23" and "12-3" could be two people: such a group is returned as a clash and must be settled in
    the file.
    """
    forms = {raw: normalise(raw) for raw in ids}
    first = {normalise(raw) for raw in listed}
    groups: dict[str, set[str]] = defaultdict(set)
    for form in forms.values():
        groups[re.sub(SEPARATORS, "", form)].add(form)
    stands_for, clashes = {}, []
    for group in groups.values():
        separated = {re.sub(f"{SEPARATORS}+", "-", form) for form in group if re.search(SEPARATORS, form)}
        if len(separated) > 1:
            clashes.append(sorted(group))
        best = max(group, key=lambda form: (form in first, len(re.findall(SEPARATORS, form)), form))
        stands_for |= dict.fromkeys(group, best)
    return {raw: stands_for[form] for raw, form in forms.items()}, clashes


def pseudonym(salt: Salt, city_key: str, canonical_id: str, kind: str = "participant") -> str:
    """Return the pseudonym of one canonical id; `kind` is participant, unit or service."""
    return pseudonyms(salt, city_key, [canonical_id], kind)[0]


def pseudonyms(salt: Salt, city_key: str, canonical_ids: Iterable[str], kind: str = "participant") -> list[str]:
    """Return the pseudonyms of canonical ids, in their order.

    The digests are written in base32 together, which takes a third of the time: 15 bytes are 24 letters each.
    """
    digests = [salt.digest(f"emi:v1:{kind}:{city_key}|{raw}")[:15] for raw in canonical_ids]
    letters = base64.b32encode(b"".join(digests)).decode("ascii").lower()
    return [PREFIX[kind] + letters[at : at + 20] for at in range(0, len(letters), 24)]


def synthetic_salt(city_key: str, seed: int) -> Salt:
    """Return the salt of synthetic data, fixed by the seed: no secret, and two runs give the same bytes."""
    return Salt(hashlib.sha256(f"emi-synthetic|{city_key}|{seed}".encode()).digest())
