"""The last look before anything leaves: text that must never be on a page."""

import re

PATTERNS = {
    "a person's folder": re.compile(r"/home/\w|/Users/\w|/root/|[A-Za-z]:\\+Users\\", re.IGNORECASE),
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.[\w.]*[A-Za-z]"),
    "a pseudonym": re.compile(r"\bp_[a-z2-7]{20}\b"),
    "a social security number": re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"),
    "a telephone number": re.compile(r"(?<![\w-])(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}(?![\w-])"),
    "a census tract number": re.compile(r"(?<![\w.])\d{11}(?!\w)"),
}
_EMBEDDED = re.compile(r"base64,[A-Za-z0-9+/=]+")


def forbidden(text: str) -> list[str]:
    """What must not leave in `text`, in words ("an e-mail address"), without repeating it; [] when clean."""
    text = _EMBEDDED.sub("", text)
    return [name for name, pattern in PATTERNS.items() if pattern.search(text)]
