"""The one scanner: what must never leave a city, in any file that could, plain or encoded.

Two ways of knowing it: patterns (what an identifier looks like) and, where the city's own files are at hand, their
values (`Watch(values)`). A finding names the place and never repeats the value.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared_utils.disclosure._contents import TooLarge, pieces

SHORTEST_VALUE = 6
PRIVATE_VALUE = "a value from the city's private files"
UNREADABLE = "an archive that cannot be looked into (too large, or locked)"

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DAY = rf"(?:\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}|{_MONTH} \d{{1,2}},? \d{{4}}|\d{{1,2}} {_MONTH} \d{{4}})"
_BORN = r"(?:(?<=d)(?:ob|\.o\.b\.|ate[_ ]of[_ ]birth)|(?<=b)(?:orn(?: on)?|irth ?date))"
# What can be nobody's passes, so that synthetic files may be kept: names reserved by RFC 2606, numbers that were never
# given (SSN 000, 666, 900 to 999; telephone 555-0100 to 0199), tracts of no state (99999).
_MADE_UP_DOMAIN = r"(?:[\w-]+\.)*(?:example(?:\.(?:org|com|net))?|invalid|test)\b(?![\w.-]*\w)"
# A pattern begins with the characters it may begin with, so that a search leaps over all others, and only then looks at
# what stood before: half the time on a page of 50,000 characters.
PATTERNS = {
    "a person's folder": re.compile(r"/home/\w|/Users/\w|/root/|[A-Za-z]:\\+Users\\", re.IGNORECASE),
    # The look behind keeps a long word from being tried again at each of its letters.
    "an e-mail address": re.compile(rf"(?<![\w.+-])[\w.+-]+@(?!{_MADE_UP_DOMAIN})[\w-]+\.[\w.-]*[A-Za-z]"),
    "a pseudonym": re.compile(r"[pus](?<![A-Za-z0-9].)_[a-z2-7]{20}(?![A-Za-z0-9])"),
    "a social security number": re.compile(r"\d(?<![\w-].)(?<!9)\d\d(?<!000|666)-\d{2}-\d{4}(?![\w-])"),
    "a telephone number": re.compile(
        r"[(\d](?<![\w-].)(?:(?<=\()\d{3}\) ?|(?<=\d)\d\d[-.])(?!555[-.]01)\d{3}[-.]\d{4}(?![\w-])"
    ),
    "a census tract number": re.compile(r"\d(?<![\w.].)\d{10}(?<!99999\d{6})(?!\w)"),
    "a date of birth": re.compile(rf"[bd](?<!\w.){_BORN}\W{{1,6}}{_DAY}\b", re.IGNORECASE),
}
# Of these, what tells of one person wherever it stands; a tract or a folder does not.
PERSONAL = ("an e-mail address", "a pseudonym", "a social security number", "a telephone number", "a date of birth")

# Bytes of a picture put into a page: they are looked into as a picture, not as text.
_EMBEDDED = re.compile(r"base64,[A-Za-z0-9+/=]+")
# "0.123456" is one token, so that the digits of a result are not taken for the number of a case.
_TOKEN = re.compile(r"\d+\.\d+|[^\W_]+")


@dataclass(frozen=True)
class Finding:
    """One thing that must not be there. `masked` is its first character and its length, never the value."""

    file: str
    place: str
    kind: str
    masked: str = ""

    def __str__(self) -> str:
        where = f"{self.file}, {self.place}" if self.place else self.file
        return f"{where}: {self.kind}" + (f" ({self.masked})" if self.masked else "")


class Watch:
    """Looks for the patterns and for `values`: texts of the city's private files, longer than 5 characters.

    A value is found whatever stands between its words and digits, in upper or lower case: "AB-001234" also as
    "ab 001234". It is a whole word or number: "Ann Arbor" is not found in "Joann Arborist".
    """

    def __init__(self, values: Iterable[str] = ()):
        self._rest: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        for value in values:
            words = _words(str(value))
            if words and len(str(value).strip()) >= SHORTEST_VALUE:
                self._rest[words[0]].add(words[1:])

    @property
    def size(self) -> int:
        """How many values are looked for."""
        return sum(map(len, self._rest.values()))

    def findings(self, content: str | bytes, name: str = "", kinds: Iterable[str] = PATTERNS) -> list[Finding]:
        """Return what must not be in a file, each kind once a place; [] when clean. `name` says the kind of file."""
        raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        found: dict[tuple[str, str], Finding] = {}
        try:
            for piece in pieces(raw, name):
                for kind, at, value in self._hits(piece.text, kinds):
                    where = piece.place(at)
                    found.setdefault((where, kind), Finding(name, where, kind, masked(value)))
        except TooLarge:
            found["", UNREADABLE] = Finding(name, "", UNREADABLE)
        return list(found.values())

    def _hits(self, text: str, kinds: Iterable[str]) -> Iterator[tuple[str, int, str]]:
        """Yield (kind, position, value)."""
        shown = _EMBEDDED.sub(lambda match: " " * len(match.group()), text)
        for kind in kinds:
            for match in PATTERNS[kind].finditer(shown):
                yield kind, match.start(), match.group()
        if self._rest:
            yield from ((PRIVATE_VALUE, *hit) for hit in self._values_in(shown))

    def _values_in(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield (position, value) of the private values in a text."""
        lower = _plain(text)
        tokens = list(_TOKEN.finditer(lower)) if not self._rest.keys().isdisjoint(_TOKEN.findall(lower)) else []
        for number, token in enumerate(tokens):
            for rest in self._rest.get(token.group(), ()):
                if tuple(later.group() for later in tokens[number + 1 : number + 1 + len(rest)]) == rest:
                    yield token.start(), " ".join((token.group(), *rest))


def masked(value: str) -> str:
    """Return how a finding speaks of a value: its first character and its length."""
    return f"{value[:1]}..., {len(value)} characters"


def forbidden(content: str | bytes) -> list[str]:
    """Return what must not leave in a page or record by its looks, in words ("an e-mail address"); [] when clean."""
    return list(dict.fromkeys(finding.kind for finding in Watch().findings(content)))


def hide(text: str) -> str:
    """Return the text with everything that tells of one person replaced by "[hidden]"."""
    for kind in PERSONAL:
        text = PATTERNS[kind].sub("[hidden]", text)
    return text


def _words(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(_plain(text)))


def _plain(text: str) -> str:
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).lower()
