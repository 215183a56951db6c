"""Keeping slow imports out of programs that start often."""

import sys


def skip_address_grammars() -> None:
    """Call before jsonschema is imported, by whomever: it would build 38 grammars of web addresses (two seconds).

    They check the formats "iri" and "iri-reference", which no schema here has; jsonschema does without the package.
    """
    sys.modules.setdefault("rfc3987_syntax", None)
