"""What a published file is (Kind), what reading one gives (Reference), and the part of the country asked for (Area)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from shared_utils.config import CityConfig
    from shared_utils.data.public.files import File


@dataclass(frozen=True)
class Area:
    """The city's state ("39"), its county ("061", or "" when city.yml names none) and their words."""

    state: str
    county: str = ""

    @classmethod
    def of(cls, config: "CityConfig") -> "Area":
        """Return the area of a city's settings."""
        return cls(config.city.state_fips, config.city.county_fips or "")

    def __str__(self) -> str:
        return f"state {self.state}" + (f", county {self.county}" if self.county else "")


@dataclass(frozen=True)
class Reference:
    """One published table, read. `frame` has a text column GEOID first: 11 digits a tract, 5 a county, 7 a place.

    `measures` is {column of the frame: words, with the unit}. `vintage` is the census year of the tracts (2010 or
    2020), None where there are no tracts or the file does not say. `period` is what the numbers are about.
    `caution` is what the source cannot say; `notes` are what reading did (values left out, rows marked).
    """

    kind: str
    frame: "pd.DataFrame"
    source: str
    release: str
    vintage: int | None
    unit: str
    period: str
    measures: dict[str, str]
    caution: str
    citation: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """One kind of published file.

    A file is of this kind when it has every column of `signature` (lower case), none of `absent`, and `check`
    (where given) agrees. `fetch` says what to ask the publisher for, with {state} and {county}; `shows` what a page
    makes of it. Files of one kind are read together when `parts` says how: "columns" for files that hold different
    measures of the same places, "rows" for files that hold different rows; "" means there may be one.
    """

    id: str
    source: str
    publisher: str
    fetch: str
    shows: str
    caution: str
    citation: str
    read: Callable[["Kind", "File", Area | None], Reference]
    signature: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    check: Callable[["File"], bool] = lambda file: True
    parts: str = ""

    def recognise(self, file: "File") -> bool:
        """Return whether a file is of this kind, by its header alone."""
        return not self.missing(file) and not set(self.absent) & set(file.names) and self.check(file)

    def missing(self, file: "File") -> list[str]:
        """Return the columns of the signature the file does not have."""
        return [name for name in self.signature if name not in file.names]

    def reference(self, file: "File", frame: "pd.DataFrame", **facts) -> Reference:
        """Return the Reference of a frame read from a file of this kind."""
        facts = {"release": file.path.stem, "vintage": None, "notes": (), **facts}
        return Reference(kind=self.id, frame=frame, source=self.source, caution=self.caution, citation=self.citation,
                         **facts)  # fmt: skip


def kind_of(file: "File", kinds: tuple[Kind, ...]) -> Kind | None:
    """Return the kind a file is of, or None."""
    return next((kind for kind in kinds if kind.recognise(file)), None)


@dataclass(frozen=True)
class Wanted:
    """What to fetch for one kind of file: from whom, what to ask for, and what a page then shows."""

    kind: str
    source: str
    publisher: str
    fetch: str
    shows: str
    caution: str
