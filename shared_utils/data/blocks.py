"""One source file into one table of the model: find the columns, parse them, add what the mapping states.

Ids stay as typed here; `identities` turns them into pseudonyms once all tables of the city are known.
"""

import json
from dataclasses import dataclass, replace

import pandas as pd

from shared_utils.data import dictionary, parse
from shared_utils.data.files import TextTable
from shared_utils.data.mapping import TYPES, TableMapping, text
from shared_utils.data.model import DTYPES, TABLES, Column
from shared_utils.data.parse import Place
from shared_utils.data.problems import HIDDEN, IDENTIFIER, Problem, typed
from shared_utils.data.schema import RuleError
from shared_utils.errors import nearest

ADDED = -1  # row number of rows that zero_fill writes


@dataclass(frozen=True)
class Block:
    """The typed rows one source gives one table, indexed by the source's row numbers."""

    mapping: TableMapping
    source: TextTable
    frame: pd.DataFrame


def build(mapping: TableMapping, source: TextTable, problems: list[Problem]) -> Block | None:
    """Return the typed rows, or None after adding to `problems` what is missing or does not parse."""
    known = len(problems)
    _find_headers(mapping, source, problems)
    if len(problems) > known:
        return None
    reader = _Reader(mapping, source, problems)
    model = TABLES[mapping.table]
    columns = {name: reader.cells(header, name) for header, name in mapping.columns.items()}
    columns |= {name: reader.constant(name, value) for name, value in mapping.constants.items()}
    if mapping.extra:
        own = {name: reader.cells(header, name) for header, name in mapping.extra.items()}
        columns[model.extra] = _json(own, source.frame.index)
    frame = pd.DataFrame(columns, index=source.frame.index)
    if mapping.wide:
        frame = _long(frame, reader, mapping)
    if len(problems) > known:
        return None
    _derive(frame, mapping, source)
    for name in model.columns:
        if name not in frame:
            frame[name] = pd.Series(index=frame.index, dtype=DTYPES[model.columns[name].type])
    return Block(mapping, source, frame[list(model.columns)])


def fill_zeros(block: Block, units: pd.DataFrame) -> Block:
    """Return the block with a row for every unit and month in which the file has none.

    Court extracts list only tracts with cases: there, no row means zero. The units are those of the type the
    file's own units have; months run from the first to the last one in the file. The exposure is that of the
    unit's other rows when they all agree, otherwise it stays empty.
    """
    frame, value = block.frame, float(block.mapping.zero_fill.value)
    added = [_absent(rows, units, value) for _, rows in frame.groupby("outcome_id", sort=False)]
    return Block(block.mapping, block.source, pd.concat([frame, *added]))


def _absent(frame: pd.DataFrame, units: pd.DataFrame, value: float) -> pd.DataFrame:
    """Return the rows one outcome lacks, all with row number ADDED."""
    kinds = units.loc[units["unit_id"].isin(frame["subject_id"]), "unit_type"].unique()
    members = units.loc[units["unit_type"].isin(kinds), "unit_id"].unique()
    months = pd.date_range(frame["period_start"].min(), frame["period_start"].max(), freq="MS")
    keys = ["subject_id", "period_start"]
    wanted = pd.MultiIndex.from_product([members, months], names=keys)
    have = pd.MultiIndex.from_frame(frame[keys])
    added = wanted.difference(have).to_frame(index=False)
    for name in ("subject_type", "outcome_id", "wave", "status", "source_system"):
        added[name] = frame[name].iloc[0]
    added["value"] = value
    added["observed_at"] = added["period_start"].map(frame.groupby("period_start")["observed_at"].max())
    added["observed_at"] = added["observed_at"].fillna(frame["observed_at"].max())
    exposure = frame.dropna(subset=["denominator"]).groupby("subject_id")["denominator"].agg(["min", "max"])
    same = exposure.loc[exposure["min"] == exposure["max"], "min"]
    added["denominator"] = added["subject_id"].map(same)
    added = added.reindex(columns=frame.columns).astype(frame.dtypes.to_dict())
    return added.set_axis([ADDED] * len(added))


class _Reader:
    """Reads single columns of one source under one table's rules."""

    def __init__(self, mapping: TableMapping, source: TextTable, problems: list[Problem]):
        self.mapping, self.source, self.problems = mapping, source, problems
        self.model = TABLES[mapping.table].columns
        self.needed = _needed(mapping)

    def cells(self, header: str, name: str, otherwise: str = "str") -> pd.Series:
        """Return one column of the file, parsed as `types` or the model says.

        A name neither knows (a city's own covariate, an outcome) is a number or yes/no if every cell is one,
        else `otherwise`.
        """
        cells = self.source.frame[header]
        cells = cells.where(~cells.isin(self.source.mapping.missing_codes), "")
        if self.mapping.geoid and self.mapping.geoid.column == name:
            cells = self._padded(cells)
        if name in self.mapping.value_maps:
            cells = self._mapped(cells, header, name)
        kind = TYPES.get(self.mapping.types.get(name, ""))
        if name in self.model:
            what = replace(self.model[name], type=kind or self.model[name].type)
        else:
            what = Column(name, kind or parse.kind_of(cells, otherwise))
        values = self._parsed(cells, self._place(header, what), self.problems)
        if what.type in ("str", "cat") and what.pii != "L" and not what.pattern:
            self._check_identifiers(cells, self._place(header, what))
        return values.astype(DTYPES[self.model[name].type]) if name in self.model else values

    def constant(self, name: str, value: str) -> pd.Series:
        """Return a column that holds `value` in every row; a value that does not fit is one problem."""
        header = f"constants.{name}"
        cell = pd.DataFrame({header: [value]}, index=[self.mapping.line])
        alone = replace(self.source, headers=[header], letters=["A"], frame=cell)
        found: list[Problem] = []
        read = self._parsed(cell[header], Place(alone, header, self.model[name]), found)
        where = f"{self.source.mapping.name}, line {self.mapping.line}"
        self.problems += [Problem(where, one.sentence, "Correct the constant.", column=header) for one in found]
        return pd.Series(read.iloc[0], index=self.source.frame.index, dtype=read.dtype)

    def _place(self, header: str, what: Column) -> Place:
        known = what.name in self.model
        return Place(self.source, header, what, dictionary.words(self.mapping.table, what.name).title if known else "")

    def _parsed(self, cells: pd.Series, place: Place, problems: list[Problem]) -> pd.Series:
        """Parse cells by the model and the mapping's rules; a rule that does not suit the column is a problem."""
        what = place.what
        formats = self.mapping.date_formats.get(what.name, ())
        rules = {"required": True} if what.name in self.needed else {}
        rules |= self.mapping.rules.get(what.name, {})
        try:
            return parse.column(cells, place, problems, formats=formats, rules=rules)
        except RuleError as error:
            where = f"{self.source.mapping.name}, line {self.mapping.line}"
            problems.append(Problem(where, f"rules of {what.name}: {error.message}.", "Correct the rule."))
            return pd.Series(index=cells.index, dtype=DTYPES[what.type])

    def _mapped(self, cells: pd.Series, header: str, name: str) -> pd.Series:
        """Replace codes by model values. The map is total: a code it does not list is an error."""
        codes = self.mapping.value_maps[name]
        what = self.model.get(name, Column(name, "str"))

        def words(code: str) -> tuple[str, str]:
            shown = typed(code, what.pii == "L")
            guess = nearest(code, codes) if shown != HIDDEN else ""
            line = f'value_maps: {{{name}: {{"{"..." if shown == HIDDEN else shown}": ...}}}}'
            below = f"{self.source.mapping.name} below line {self.mapping.line}"
            return "is a new code", f"Add it in {below}: {line}. Known: {', '.join(codes)}.{guess}"

        new = cells[~cells.isin({"", *codes})]
        self.problems += self._place(header, what).problems(new, words, "code")
        return cells.map({**dict.fromkeys(new.unique(), ""), "": "", **codes})

    def _padded(self, cells: pd.Series) -> pd.Series:
        """Restore the leading zeros a spreadsheet took from a tract code."""
        return cells.where(cells == "", cells.str.zfill(self.mapping.geoid.pad_to))

    def _check_identifiers(self, cells: pd.Series, place: Place) -> None:
        """Words are kept as they are, so they must not say who somebody is."""
        telling = cells[cells.isin([value for value in cells.unique().tolist() if IDENTIFIER.search(value)])]
        message = "looks like an e-mail address, a telephone or a social security number"
        words = message, f"Take the column out of {self.source.mapping.name}, or clear the cell."
        self.problems += place.problems(telling, lambda _: words, "identifier")


def _find_headers(mapping: TableMapping, source: TextTable, problems: list[Problem]) -> None:
    for header in mapping.headers:
        found = source.headers.count(header)
        if found == 1:
            continue
        if found > 1:
            fix = "Rename one of them, so that each header is there once."
            problems.append(source.problem(f"there are {found} columns '{header}'.", fix))
            continue
        own = ", ".join(f"'{h}'" for h in source.headers if h)
        problems.append(source.problem(
            f"there is no column '{header}'.{nearest(header, source.headers)}",
            f"Rename the column in the file, or change '{header}' in {source.mapping.name} below line "
            f"{mapping.line}. The file has: {own}.",
            header,
        ))  # fmt: skip


def _long(frame: pd.DataFrame, reader: _Reader, mapping: TableMapping) -> pd.DataFrame:
    """Turn outcome columns side by side into the rows of the outcomes table."""
    frame = frame.assign(subject_id=reader.cells(mapping.wide.subject, "subject_id"), wave=mapping.wide.wave)
    parts = []
    for header, outcome in mapping.wide.columns.items():
        value = reader.cells(header, outcome, otherwise="float").astype("float64")
        parts.append(frame.assign(outcome_id=outcome, value=value))
    return pd.concat(parts)


def _derive(frame: pd.DataFrame, mapping: TableMapping, source: TextTable) -> None:
    """Fill the columns a mapping may leave out (`Column.derive`)."""
    for column in TABLES[mapping.table].columns.values():
        if column.name in frame or not column.derive:
            continue
        match column.derive:
            case "month_of_observed_at":
                frame[column.name] = frame["observed_at"].dt.to_period("M").dt.to_timestamp()
            case "status_of_value":
                seen = frame["value"].notna()
                if "event_date" in frame:
                    seen |= frame["event_date"].notna()
                if "censor_date" in frame:
                    seen |= frame["censor_date"].notna()
                frame[column.name] = seen.map({True: "observed", False: "missing_nonresponse"}).astype("str")
            case "name_of_source":
                frame[column.name] = source.path.stem
            case "number_in_source":
                frame[column.name] = [f"{source.path.stem} {row}" for row in frame.index]
            case "ratio_of_counts":
                frame[column.name] = frame["numerator"] / frame["denominator"]


def _needed(mapping: TableMapping) -> set[str]:
    """Return the columns without which a row belongs to nobody: often a total below the table."""
    key = set(TABLES[mapping.table].key)
    given = {*mapping.targets, *mapping.constants}
    return key | {"observed_at"} if "period_start" in key - given else key


def _json(columns: dict[str, pd.Series], index: pd.Index) -> pd.Series:
    """Write a city's own covariates as one flat JSON text a row; missing ones are left out."""
    plain = {name: [_plain(v) for v in values] for name, values in columns.items()}
    rows = zip(*plain.values(), strict=True)
    encode = json.JSONEncoder(ensure_ascii=False).encode
    texts = [encode({k: v for k, v in zip(plain, row, strict=True) if v is not None}) for row in rows]
    return pd.Series(texts, index=index, dtype="str")


def _plain(value):
    """Return a value as JSON holds it: whole numbers without a point, dates as ISO text, missing as None."""
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, pd.Timestamp):
        return text(value.date())
    return value.item() if hasattr(value, "item") else value
