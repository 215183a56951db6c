"""From ids as typed to pseudonyms, across all tables of a city at once.

People are hashed. Units are hashed where their id may say where somebody lives or learns (buildings,
classrooms, and units of unknown type); sites, branches and tracts keep a readable id: reports name them.
"""

import re
from dataclasses import dataclass, field

import pandas as pd

from shared_utils.data.blocks import Block
from shared_utils.data.model import HASHED_UNIT_TYPES, TABLES
from shared_utils.data.problems import Problem
from shared_utils.data.pseudonyms import Salt, canonical, normalise, pseudonym, pseudonyms

GEOID = re.compile(r"\d{11}")
# The table that lists all of a kind, and its column.
LISTS = {"participant": ("participants", "participant_id"), "unit": ("units", "unit_id")}
AT_ONCE = 100_000  # event ids hashed at a time: a log has millions, and each is a Python object for a moment


@dataclass(frozen=True)
class Crosswalk:
    """{canonical id: pseudonym} of each kind, and how many typed variants were brought together. Shows no id."""

    participants: dict[str, str] = field(repr=False)
    units: dict[str, str] = field(repr=False)
    variants: int

    @property
    def pairs(self) -> list[tuple[str, str, str]]:
        """(kind, canonical id, pseudonym) of everybody and everything."""
        kinds = (("participant", self.participants), ("unit", self.units))
        return [(kind, raw, made) for kind, ids in kinds for raw, made in ids.items()]


def replace(blocks: list[Block], salt: Salt, city_key: str, problems: list[Problem]) -> Crosswalk:
    """Replace every id in the blocks, in place, by its pseudonym and return who became what."""
    people_forms = _canonical(blocks, "participant", problems)
    place_forms = _canonical(blocks, "unit", problems)
    types = _unit_types(blocks, place_forms)
    people = sorted(set(people_forms.values()))
    crosswalk = Crosswalk(
        participants=dict(zip(people, pseudonyms(salt, city_key, people), strict=True)),
        units={form: _unit(form, types, salt, city_key) for form in sorted(set(place_forms.values()))},
        variants=len(people_forms) - len(people),
    )
    names = {
        "participant": {raw: crosswalk.participants[form] for raw, form in people_forms.items()},
        "unit": {raw: crosswalk.units[form] for raw, form in place_forms.items()},
    }
    for block in blocks:
        for column, kind in _id_columns(block):
            block.frame[column] = _renamed(block.frame, column, kind, names)
        if "service_id" in block.frame:
            block.frame["service_id"] = _hashed(block.frame["service_id"], salt, city_key)
    return crosswalk


def _id_columns(block: Block) -> list[tuple[str, str]]:
    """Return (column, kind): participant, unit, or "subject_type" where each row says which."""
    found = []
    for column in TABLES[block.mapping.table].columns.values():
        if column.name == "participant_id":
            found.append((column.name, "participant"))
        elif column.name == "unit_id" or column.refers_to == "units":
            found.append((column.name, "unit"))
        elif column.refers_to == "subject_type":
            found.append((column.name, "subject_type"))
    return found


def _canonical(blocks: list[Block], kind: str, problems: list[Problem]) -> dict[str, str]:
    """Return {id as typed: canonical id} of one kind over all tables."""
    seen = _collect(blocks, kind)
    table, column = LISTS[kind]
    listed = [raw for block in blocks if block.mapping.table == table for raw in block.frame[column].dropna().unique()]
    forms, clashes = canonical(seen, listed)
    for group in clashes:
        block = next(block for raw, block in seen.items() if normalise(raw) in group)
        message = f"{len(group)} {kind} ids differ only in where their dashes or spaces are."
        fix = "Write each id in one way, or give different people and places clearly different ids."
        problems.append(block.source.problem(message, fix))
    return forms


def _collect(blocks: list[Block], kind: str) -> dict[str, Block]:
    """Return {id as typed: block it is first seen in} of one kind."""
    seen: dict[str, Block] = {}
    for block in blocks:
        for column, what in _id_columns(block):
            ids = block.frame[column]
            if what == "subject_type":
                ids = ids[block.frame["subject_type"] == kind]
            elif what != kind:
                continue
            for raw in ids.dropna().unique().tolist():
                seen.setdefault(raw, block)
    return seen


def _unit_types(blocks: list[Block], forms: dict[str, str]) -> dict[str, str]:
    types = {}
    for block in blocks:
        if block.mapping.table == "units":
            pairs = block.frame[["unit_id", "unit_type"]].dropna().drop_duplicates()
            types |= {forms[unit]: kind for unit, kind in pairs.itertuples(index=False)}
    return types


def _unit(form: str, types: dict[str, str], salt: Salt, city_key: str) -> str:
    if GEOID.fullmatch(form):
        return f"u_{form}"
    if types.get(form, HASHED_UNIT_TYPES[0]) in HASHED_UNIT_TYPES:
        return pseudonym(salt, city_key, form, "unit")
    return "u_" + re.sub(r"\W+", "_", form.lower()).strip("_").removeprefix("u_")


def _renamed(frame: pd.DataFrame, column: str, kind: str, names: dict[str, dict[str, str]]) -> pd.Series:
    if kind != "subject_type":
        return _mapped(frame[column], names[kind])
    people = frame["subject_type"] == "participant"
    if people.all():
        return _mapped(frame[column], names["participant"])
    return _mapped(frame[column], names["participant"]).where(people, _mapped(frame[column], names["unit"]))


def _mapped(ids: pd.Series, names: dict[str, str]) -> pd.Series:
    """Return `names` of the ids, made from the distinct ones: no Python object a row. What is unknown is missing."""
    codes, distinct = pd.factorize(ids)
    made = pd.array([names.get(raw) for raw in distinct], dtype="str")
    return pd.Series(made.take(codes, allow_fill=True), index=ids.index)


def _hashed(ids: pd.Series, salt: Salt, city_key: str) -> pd.Series:
    """Return the pseudonyms of event ids, in slices of AT_ONCE."""
    slices = (ids.iloc[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))
    made = [pd.Series(pseudonyms(salt, city_key, some.tolist(), "service"), some.index, dtype="str") for some in slices]
    return pd.concat(made) if made else ids.astype("str")
