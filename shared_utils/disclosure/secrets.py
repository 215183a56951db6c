"""Keys, tokens and passwords that open something, found by their looks wherever they stand in a file.

A resident's identifier is `scan`'s business. Like there, a finding names the place and never repeats the value.
"""

import re

from shared_utils.disclosure._contents import TooLarge, pieces
from shared_utils.disclosure.scan import Finding, masked

_SECRET_NAME = r"(?:password|passwd|passphrase|secret|api_?key|access_?key|(?:access|auth|api)_?token)"
# A literal value: eight characters or more with a digit among them, and not <yours>, ${VARIABLE} or a call.
_VALUE = r"(?=[^'\"\s]{0,60}\d)[A-Za-z0-9!@#%^&*+/_=~.-]{8,}"
SECRETS = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    "an access key": re.compile(
        r"(?<![A-Za-z0-9_])(?:(?:AKIA|ASIA)[0-9A-Z]{16}"  # Amazon
        r"|gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22}|glpat-[\w-]{20}"  # GitHub, GitLab
        r"|xox[abprs]-[\w-]{10}|AIza[\w-]{35}|sk_live_\w{16}|hf_[A-Za-z0-9]{30}"  # Slack, Google, Stripe, Hugging Face
        r"|(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40}"  # Azure
        r"|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10})"  # a signed token (JWT)
        r"|[?&]key=[0-9a-f]{40}"  # the Census Bureau's
    ),
    "a password in an address": re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@'\"<>{}$]+:[^\s/@'\"<>{}$*]+@"),
    "a password written out": re.compile(
        rf"\b\w{{0,20}}{_SECRET_NAME}['\"]?\s{{0,3}}[:=]\s{{0,3}}(?:(['\"]){_VALUE}\1|{_VALUE}[ \t]*(?:#.*)?$)",
        re.IGNORECASE | re.MULTILINE,
    ),
}


def findings(content: bytes, name: str = "") -> list[Finding]:
    """Return the secrets of a file, each kind once a place; [] when there are none."""
    found: dict[tuple[str, str], Finding] = {}
    try:
        for piece in pieces(content, name):
            for kind, pattern in SECRETS.items():
                for match in pattern.finditer(piece.text):
                    where = piece.place(match.start())
                    found.setdefault((where, kind), Finding(name, where, kind, masked(match.group())))
    except TooLarge:
        pass  # scan says that it could not look into it
    return list(found.values())
