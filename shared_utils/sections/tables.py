"""One table, two renderings: the city's own (suppressed) and the released one (suppressed, then rounded).

Every column says what kind of number it holds; the kind decides how it is hidden, rounded and printed, so
that nothing reaches a page by another way (docs/decisions/0005-two-renderings-of-a-table.md).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape

import pandas as pd

from shared_utils import disclosure
from shared_utils.disclosure import Counts, Group, Rules
from shared_utils.sections.numbers import PRINTERS, is_missing
from shared_utils.sections.section import RELEASE

HIDDEN = "*"
HIDDEN_NOTE = "* Rests on fewer than {n} people, or would give away such a number: hidden."
ROUNDED_NOTE = "Counts are rounded to the nearest {base} and may not add up."


@dataclass(frozen=True)
class Column:
    """One column of a table.

    kind         text, count, share (0 to 1, printed in percent), usd, points (a difference of shares),
                 rank (0 to 1, printed of 100), effect (on the table's scale), number (a mean, rate or statistic),
                 error (a standard error), p, or "row": each row names its own kind in row["kind"]
    n            column with the number of people behind the value: the value is hidden when that is small
    numerator    for shares: column with the numerator; small values and small complements hide the share
    se           column with the standard error that sets how far an effect is rounded
    people       for counts: True when it counts people (small counts are hidden); False for rows or months
    digits       decimals of a "number"
    """

    key: str
    label: str
    kind: str = "text"
    n: str = ""
    numerator: str = ""
    se: str = ""
    people: bool = True
    digits: int = 2


@dataclass
class Table:
    """A caption, columns and rows (a list of dicts). `scale` prints effect columns, unless a row brings its own under
    "scale"; notes stand below.

    `groups` says whom the counts of a row count: {key: Group}, also of keys that no column shows. Counts and shares of
    these groups are hidden until nothing small can be worked out from the table, and again with all other tables of a
    release. Without it each count stands alone, and only small ones are hidden. `beside` are counts that readers find
    elsewhere in the notebook: the totals that these are parts of. Which counts are hidden is worked out at the first
    question: from then on they stay as they are, and once the table is printed, so do the rows.
    """

    caption: str
    columns: list[Column]
    rows: list[dict]
    scale: object = None
    notes: list[str] = field(default_factory=list)
    groups: Callable[[dict], dict[str, Group]] | None = None
    beside: dict[Group, int] = field(default_factory=dict)
    _masks: dict = field(default_factory=dict, init=False, repr=False, compare=False)
    _suppressed: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    def bundle(self, stamp: str, rules: Rules) -> tuple[dict, dict]:
        """The mime bundle: internal HTML, released HTML, and the caption as plain text.

        The metadata hold the exact counts for the release, which takes them off.
        """
        internal, release = self.html(rules, stamp), self.html(rules, stamp, release=True)
        counts = self.counts()
        emi = {
            "counts": [[str(group), counts[group]] for group in counts],
            "hidden": sorted(map(str, self.masked(rules))),
        }
        return {"text/html": internal, RELEASE: release, "text/plain": self.caption}, {"emi": emi} if counts else {}

    def counts(self) -> Counts:
        """The exact counts of all groups that the rows count."""
        counts = Counts()
        for group, n in self.beside.items():
            counts.add(group, n)
        for row in self.rows:
            for key, group in self._groups(row).items():
                if not is_missing(row.get(key)):
                    counts.add(group, row[key])
        return counts

    def masked(self, rules: Rules) -> frozenset[Group]:
        """The groups whose counts this table hides."""
        if rules not in self._masks:
            told = {group for group, n in self.beside.items() if not disclosure.is_small(n, rules)}
            self._masks[rules] = disclosure.protect(self.counts(), rules, shown=told).hidden
        return self._masks[rules]

    def shown(self, rules: Rules) -> frozenset[Group]:
        """The groups whose counts or shares this table shows."""
        return frozenset(
            group for row in self.rows for column in self.columns for group in self._behind(column, row)
        ) - self.masked(rules)

    def told(self, rules: Rules, key: str) -> list[dict]:
        """The rows whose number `key` may be shown: what figures and sentences are made from."""
        rows, _ = self._suppress(rules)  # not kept: what a section works out from these rows may still join the table
        return [whole for row, whole in zip(rows, self.rows, strict=True) if not is_missing(row[key])]

    def suppressed(self, rules: Rules) -> tuple[list[dict], int]:
        """The rows with what must not be told hidden (None), and how many cells were hidden."""
        if rules not in self._suppressed:
            self._suppressed[rules] = self._suppress(rules)
        return self._suppressed[rules]

    def _suppress(self, rules: Rules) -> tuple[list[dict], int]:
        named = [k for c in self.columns for k in (c.key, c.n, c.numerator, c.se) if k]
        keys = list(dict.fromkeys([*named, *(key for row in self.rows for key in row)]))
        frame, hidden = disclosure.suppress(
            pd.DataFrame(self.rows, columns=keys, dtype=object),
            rules,
            counts=[c.key for c in self.columns if c.kind == "count" and c.people],
            denominators={c.key: c.n for c in self.columns if c.n and not c.numerator},
            numerators={c.key: (c.numerator, c.n) for c in self.columns if c.numerator},
        )
        rows, masked = frame.to_dict("records"), self.masked(rules)
        for row, whole in zip(rows, self.rows, strict=True):
            for column in self.columns:
                if self._behind(column, whole) & masked and not is_missing(row[column.key]):
                    row[column.key] = None
                    hidden += 1
        return rows, hidden

    def _groups(self, row: dict) -> dict[str, Group]:
        return self.groups(row) if self.groups else {}

    def _behind(self, column: Column, row: dict) -> set[Group]:
        """The groups whose count a cell tells: its own, or both that make a share. A mean or an effect tells none."""
        keys = (column.key,) if column.kind == "count" else (column.numerator, column.n) if column.numerator else ()
        groups = self._groups(row)
        return {groups[key] for key in keys if key in groups}

    def html(self, rules: Rules, stamp: str = "", release: bool = False) -> str:
        """The table as HTML with a caption, header scopes and its notes."""
        rows, hidden = self.suppressed(rules)
        head = "".join(_header(column, first=i == 0) for i, column in enumerate(self.columns))
        body = "".join(
            f"<tr>{self._row(shown, whole, rules, release)}</tr>" for shown, whole in zip(rows, self.rows, strict=True)
        )
        notes = [*self.notes, *self._standard_notes(hidden, release, rules), *([stamp] if stamp else [])]
        return (
            f'<div class="emi-table"><table><caption>{escape(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f'<div class="emi-table-notes">{"".join(f"<p>{escape(note)}</p>" for note in notes)}</div></div>'
        )

    def _row(self, shown: dict, whole: dict, rules: Rules, release: bool) -> str:
        cells = []
        for i, column in enumerate(self.columns):
            text = escape(self._cell(column, shown, whole, rules, release))
            if i == 0:
                cells.append(f'<th scope="row" style="text-align:left">{text}</th>')
            elif column.kind == "text":
                cells.append(f'<td style="text-align:left">{text}</td>')
            else:
                cells.append(f'<td class="num"{self._mark(column, whole) if release else ""}>{text}</td>')
        return "".join(cells)

    def _mark(self, column: Column, row: dict) -> str:
        """The groups behind a cell, for the release: it hides the cell when one of them must be hidden after all."""
        groups = sorted(map(str, self._behind(column, row)))
        return f' data-groups="{escape(json.dumps(groups))}"' if groups else ""

    def _cell(self, column: Column, shown: dict, whole: dict, rules: Rules, release: bool) -> str:
        value = shown[column.key]
        if is_missing(value):
            return "" if is_missing(whole.get(column.key)) else HIDDEN
        kind = shown["kind"] if column.kind == "row" else column.kind
        if kind == "text":
            return str(value)
        if kind == "effect":
            return (whole.get("scale") or self.scale).text(value, shown.get(column.se), rules if release else None)
        n = shown.get(column.n)
        return PRINTERS[kind](value, n, column.digits, rules if release else None)

    def _standard_notes(self, hidden: int, release: bool, rules: Rules) -> list[str]:
        notes = [HIDDEN_NOTE.format(n=rules.small_cell_min)] if hidden else []
        counts = any(c.kind == "count" and c.people for c in self.columns)
        return notes + ([ROUNDED_NOTE.format(base=rules.counts_base)] if release and counts else [])


def _header(column: Column, first: bool) -> str:
    """A column's header, over its numbers when it holds numbers."""
    number = "" if first or column.kind == "text" else ' class="num"'
    return f'<th scope="col"{number}>{escape(column.label)}</th>'
