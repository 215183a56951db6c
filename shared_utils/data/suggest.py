"""A first draft of a mapping for one file of a city: what each column seems to be, how sure that is, and why.

A person confirms it. What the file does not say is written as "?", and a mapping with a "?" is refused until somebody
has decided. Columns that seem to name a person are never mapped, and none of their cells is in the draft.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from shared_utils import spreadsheets
from shared_utils.config import CityConfig
from shared_utils.data import evidence, headers_match
from shared_utils.data.dictionary import PERSON, PLACE, Words, plain
from shared_utils.data.evidence import Cells
from shared_utils.data.fingerprint import data_root
from shared_utils.data.headers_match import Found
from shared_utils.data.mapping_text import OPEN, Block, Line, mapping_text
from shared_utils.data.model import TABLES, Column
from shared_utils.errors import EmiError, nearest

LONG_TABLES = {  # what a log of its own needs; nothing else is then looked for in the file
    "indicator_monthly": ("indicator_id", "period", "group_dim", "value"),
    "costs": ("category", "amount_usd"),
    "services": ("subject_id", "service_type", "service_date"),
}
PEOPLE_SAY = ("application_date", "age_years", "age_months", "gender", "race_ethnicity", "household_type",
              "household_size", "income_annual_usd", "education", "employed_baseline")  # fmt: skip
METHODS = {"rct_blocked_lottery": "lottery", "rd": "threshold", "observational_aipw": "self_selected"}


@dataclass(frozen=True)
class Draft:
    """`text` is the mapping as YAML; `open_points` counts its "?"; `left_out` and `personal` are headers."""

    file: Path
    text: str
    tables: tuple[str, ...]
    open_points: int
    left_out: list[str]
    personal: list[str]


def draft(file: Path, city_dir: Path, config: CityConfig, sheet: str = "") -> Draft:
    """Return the draft for a file in the city's data/.../raw. Raises EmiError, IntakeError when it cannot be read."""
    root = data_root(city_dir, config)
    source = {"path": _inside(file, root), **({"sheet": sheet} if sheet else {})}
    table = _read(source, root)
    if table.sheet:
        source["sheet"] = table.sheet
    if len(table.frame) and table.frame.index[0] > 2:
        source["header_row"] = int(table.frame.index[0]) - 1
    private = {evidence.identifier(name) for name in config.privacy.direct_identifiers}
    columns = [evidence.cells(h, table.frame[h]) for h in table.headers if h and table.headers.count(h) == 1]
    personal = [c.header for c in columns if evidence.names_a_person(c, private)]
    drafter = _Drafter([c for c in columns if c.header not in personal], config)
    blocks = drafter.blocks()
    if not blocks:
        raise EmiError(
            f"{source['path']}: no column looks like an ID beside a date, a group, an outcome or a cost.",
            "Write the mapping by hand (see mappings/README.md), or type into the workbook of  emi data template.",
        )
    used = {header for block in blocks for header in _headers(block)}
    left_out = [h for h in table.headers if h and h not in used and h not in personal]
    missing = tuple(code for code in evidence.MISSING if (table.frame[sorted(used)] == code).any(axis=None))
    if any(evidence.grouped(column) for column in columns if column.header in used):
        source["thousands"] = ","
    text = mapping_text(_head(left_out, personal), source, blocks, missing)
    name = re.sub(r"\W+", "_", f"{file.stem} {sheet}".strip().lower(), flags=re.ASCII).strip("_") or "file"
    open_points = text.count(f': "{OPEN}"') + text.count(f'["{OPEN}"]')
    return Draft(city_dir / "mappings" / f"{name}.yml", text, tuple(b.table for b in blocks), open_points,
                 left_out, personal)  # fmt: skip


def write(made: Draft) -> bool:
    """Write the draft, unless a mapping of that name is there: then nothing is written and the answer is False."""
    if made.file.exists():
        return False
    spreadsheets.put(made.file, made.text.encode("utf-8"))
    return True


def _inside(file: Path, root: Path) -> str:
    """Return the path as mappings write it. A bare name is looked for in raw/."""
    raw = (root / "raw").resolve()
    found = file if file.is_file() else raw / file.name
    if not found.is_file():
        near = nearest(file.name, [p.name for p in raw.glob("*")])
        raise EmiError(f"There is no file {file}.{near}", f"Put it in {raw} first: mappings read that folder only.")
    if not found.resolve().is_relative_to(raw):
        raise EmiError(f"{file} is not in the city's folder for files.", f"Put it in {raw} first, then run again.")
    return PurePath("raw", found.resolve().relative_to(raw)).as_posix()


def _read(source: dict, root: Path):
    from shared_utils.data import files
    from shared_utils.data.mapping import Mapping, Source

    name = PurePath(source["path"]).name
    return files.read(Mapping(Path(name), Source(source["path"], source.get("sheet", "")), ()), root)


def _head(left_out: list[str], personal: list[str]) -> list[str]:
    """Return the comments at the top: what to do, and what stays out."""
    quoted = lambda names: ", ".join(f'"{name}"' for name in names)  # noqa: E731
    head = ['A draft by `emi data suggest`: check each line, decide each "?", then run  emi check.']
    if personal:
        head.append(f"Seem to name a person, so they stay out and are never stored: {quoted(personal)}")
    if left_out:
        head.append(f"Not used: {quoted(left_out)}")
    return head


def _headers(block: Block) -> list[str]:
    lines = [*block.sections.get("columns", ()), *block.sections.get("extra", ())]
    wide = [block.wide[0].value, *(line.key for line in block.wide[2])] if block.wide else []
    return [*(line.key for line in lines), *wide]


@dataclass
class _Drafter:
    """Decides which tables a file fills, and drafts one block a table."""

    columns: list[Cells]
    config: CityConfig
    person: Found | None = field(init=False)
    place: Found | None = field(init=False)
    measured: dict[str, Found] = field(init=False)

    def __post_init__(self):
        """Find who or what a row is about, and the outcomes: what was measured later is never a baseline column."""
        key = Column("subject_id", "str", "yes", "L")
        self.person = headers_match.best(self.columns, key, PERSON)
        rest = [c for c in self.columns if self.person is None or c.header != self.person.cells.header]
        self.place = headers_match.best(rest, key, PLACE)
        names = {o.id: Words(o.label, "", (plain(o.id), plain(o.column or o.id))) for o in self.config.outcomes}
        counted = [c for c in self.columns if evidence.counts(c)]
        listed = {"outcome_id", "value"} <= set(self._find("outcomes")) or not (self.person or self.place)
        self.measured = {} if listed else headers_match.named(counted, names, loose=True)
        taken = {one.cells.header for one in self.measured.values()}
        self.columns = [column for column in self.columns if column.header not in taken]

    def blocks(self) -> list[Block]:
        """Return the drafted blocks, in the order of the model's tables."""
        for table, needs in LONG_TABLES.items():
            found = self._find(table)
            if set(needs) <= set(found):
                return [self._block(table, found)]
        if not (self.person or self.place):
            return []
        made = [self._participants(), self._units(), self._assignments(), self._outcomes()]
        return [block for block in made if block]

    def _participants(self) -> Block | None:
        found = self._find("participants")
        own = headers_match.named(self._unused(found), self._own_names())
        if not self.person or len(set(PEOPLE_SAY) & set(found)) < 2:
            return None
        return self._block("participants", {**found, "participant_id": self.person}, own)

    def _units(self) -> Block | None:
        """A list of places: every row another place, nobody's row and no month's."""
        if self.person or not self.place or self.place.cells.distinct < 1:
            return None
        found = self._find("units")
        taken = {"unit_id": self.place, **{k: v for k, v in found.items() if v.cells != self.place.cells}}
        own = headers_match.named(self._unused(taken), self._own_names())
        if not (own or {"unit_type", "size", "parent_unit_id", "tract_id"} & set(taken)) or "arm" in self._find(
                "assignments"):  # fmt: skip
            return None
        return self._block("units", taken, own)

    def _assignments(self) -> Block | None:
        found = self._find("assignments")
        if "arm" not in found:
            return None
        return self._block("assignments", {**found, "subject_id": self.person or self.place})

    def _outcomes(self) -> Block | None:
        """Outcome columns side by side if the file has some of city.yml, else a long list of measures."""
        subject = self.person or self.place
        found = {k: v for k, v in self._find("outcomes").items() if v.cells != subject.cells and k != "subject_id"}
        if self.measured:
            found = {k: v for k, v in found.items() if k not in ("value", "outcome_id", "wave")}
            return self._block("outcomes", found, wide=self.measured)
        if {"outcome_id", "value"} <= set(found):
            return self._block("outcomes", {**found, "subject_id": subject})
        return None

    def _find(self, table: str) -> dict[str, Found]:
        """Return {column of the model: where it is}, each header once."""
        known = ("subject_type", "source_system")  # by who the row is about, and by the name of the file
        model = {name: self._what(table, name) for name in TABLES[table].columns if name not in known}
        return headers_match.assign(self.columns, table, model, self._labels("arm"))

    def _what(self, table: str, name: str) -> Column:
        column = TABLES[table].columns[name]
        if name == "arm":
            return replace(column, allowed=self._arms())
        if name == "outcome_id":
            return replace(column, allowed=tuple(o.id for o in self.config.outcomes))
        return column

    def _arms(self) -> tuple[str, ...]:
        return tuple(getattr(self.config.design, "arms", ())) or ("treated", "comparison")

    def _own_names(self) -> dict[str, Words]:
        return {name: Words(plain(name), "") for name in self.config.covariates
                if name not in TABLES["participants"].columns and not name.endswith("_id")}  # fmt: skip

    def _unused(self, found: dict[str, Found]) -> list[Cells]:
        taken = {one.cells.header for one in (*found.values(), self.person, self.place) if one}
        return [column for column in self.columns if column.header not in taken]

    def _block(self, table: str, found: dict[str, Found], own=None, wide=None) -> Block:
        """Return one drafted table: columns, then what is the same in all rows, forms of dates, codes."""
        block = Block(table)
        if wide:
            subject, wave = self.person or self.place, self._wave(found)
            columns = [Line(one.cells.header, name, one.why) for name, one in wide.items()]
            block.wide = (Line("subject", subject.cells.header, subject.why), wave, columns)
        block.sections["columns"] = [Line(one.cells.header, name, one.why) for name, one in found.items()]
        block.sections["extra"] = [Line(one.cells.header, name, one.why) for name, one in (own or {}).items()]
        given = {*found, *(("subject_id", "outcome_id", "wave", "value") if wide else ())}
        block.sections["constants"] = self._constants(table, given)
        if self._by_month(found):
            block.sections["types"] = [Line("period_start", "month", "one row a month")]
        block.sections["date_formats"] = list(self._forms(table, found))
        block.sections["geoid"] = self._geoid(table, found, wide)
        block.value_maps = self._codes(table, {**found, **(own or {}), **(wide or {})})
        if wide and self._by_month(found) and not self.person:
            block.notes.append('If a month without a row means zero (as in court extracts), add:  zero_fill: '
                               '{keys: [subject_id, period_start], from_table: units, value: 0}')  # fmt: skip
        return block

    def _by_month(self, found: dict[str, Found]) -> bool:
        period = found.get("period_start")
        return bool(period) and evidence.date_formats(period.cells)[:1] in [[form] for form in evidence.MONTHS]

    def _wave(self, found: dict[str, Found]) -> Line:
        if self._by_month(found):
            return Line("wave", "monthly", "sure: one row a month")
        return Line("wave", OPEN, "decide: baseline, f1 (the first follow-up), f2, ..., or event")

    def _constants(self, table: str, given: set[str]) -> list[Line]:
        """Return what every row has in common, and a "?" for each required column that was not found."""
        lines = []
        for name, column in TABLES[table].columns.items():
            if column.required != "yes" or name in given or column.derive:
                continue
            value, why = self._known(table, name)
            allowed = f"one of {', '.join(column.allowed)}" if column.allowed else f"it looks like {column.example}"
            lines.append(Line(name, value, why or f"decide: the same in every row, {allowed}; or name a column"))
        return lines

    def _known(self, table: str, name: str) -> tuple[str, str]:
        """Return what city.yml or the file itself says about a required column: (value, why), or (OPEN, "")."""
        if name == "subject_type":
            kind = "participant" if self.person or table == "services" else "unit"
            return kind, "the ID of a person" if kind == "participant" else "the ID of a place"
        if name == "method" and self.config.design.type in METHODS:
            return METHODS[self.config.design.type], "by the design in city.yml"
        if name == "unit_type" and self.place and evidence.is_tracts(self.place.cells):
            return "tract", "its IDs are tract codes"
        if table == "services" and name in ("quantity", "unit"):
            return {"quantity": "1", "unit": "count"}[name], "likely: each row counts once"
        return OPEN, ""

    def _forms(self, table: str, found: dict[str, Found]):
        for name, one in found.items():
            if TABLES[table].columns[name].type not in ("date", "month"):
                continue
            forms = evidence.date_formats(one.cells)
            if forms == [OPEN]:
                why = f"decide: month first {evidence.AMERICAN} or day first {evidence.EUROPEAN}; the dates fit both"
                yield Line(name, forms, why)
            elif forms and forms != [evidence.ISO]:
                odd = one.cells.share(lambda value, forms=forms: not any(evidence.is_date(value, f) for f in forms))
                yield Line(name, forms, f"{odd:.0%} of the cells are something else" if odd else "fits every date")

    def _geoid(self, table: str, found: dict[str, Found], wide) -> list[Line]:
        """Zeros that a spreadsheet took from tract codes are put back only where some are missing."""
        tracts = {name: one.cells for name, one in found.items() if name in ("tract_id", "unit_id", "subject_id")}
        tracts |= {"subject_id": self.place.cells} if wide and not self.person else {}
        for name, cells in tracts.items():
            if evidence.is_tracts(cells) and cells.share(lambda value: len(value) == 10):
                return [
                    Line("column", name, "some codes have 10 digits: the first zero is lost"),
                    Line("pad_to", "11"),
                    Line("vintage", OPEN, "decide: 2010 or 2020, the census of the tracts"),
                ]
        return []

    def _codes(self, table: str, found: dict[str, Found]) -> dict[str, list[Line]]:
        """Return a line for every word the file uses where the model has words of its own."""
        maps = {}
        for name, one in found.items():
            what = self._what(table, name) if name in TABLES[table].columns else self._outcome(name)
            if what is None or not (what.allowed or what.type == "bool"):
                continue
            values = sorted(one.cells.counts)
            made = {value: evidence.code(what, value, self._labels(name)) for value in values}
            as_is = all(value == code or (what.type == "bool" and value.lower() in (*evidence.TRUE, *evidence.FALSE))
                        for value, code in made.items())  # fmt: skip
            if not as_is and len(values) <= evidence.MOST_CODES:
                words = {} if name in TABLES[table].columns else {"true": "1", "false": "0"}
                maps[name] = [Line(value, words.get(code, code), self._why(what, code)) for value, code in made.items()]
        return maps

    def _outcome(self, name: str) -> Column | None:
        """A yes-or-no outcome, or a covariate that is typed as yes and no."""
        known = {o.id: o.kind for o in self.config.outcomes}
        binary = known.get(name, "binary") == "binary"
        return Column(name, "bool") if binary else None

    def _labels(self, name: str) -> dict[str, str]:
        if name == "arm":
            labels = self.config.design.arm_labels
            return {plain(word): arm for arm, label in labels.items() for word in (label, arm)}
        return {plain(o.label): o.id for o in self.config.outcomes} if name == "outcome_id" else {}

    def _why(self, what: Column, code: str) -> str:
        if code != OPEN:
            return ""
        words = ", ".join(what.allowed or ("true", "false"))
        return f'decide: one of {words}, or "" for missing'
