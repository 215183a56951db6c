"""The display guard: a notebook does not show rows of single residents (docs/decisions/0008-the-display-guard.md).

A notebook is saved, mailed and looked at over shoulders with everything it shows. In a kernel that has loaded a city,
whatever would show a row that fits fewer than 11 residents is replaced by a sentence: the last line of a cell,
`display`, `print`, the text and HTML of a frame, a list of records, and a figure with a mark a person.
"""

import builtins
import functools
import re
import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from html import escape

from shared_utils.disclosure import cell_errors
from shared_utils.disclosure.rules import STANDARD
from shared_utils.disclosure.scan import PATTERNS, hide

LOOKED_AT = 500  # rows of what would be shown
WHAT_TO_DO = (
    "Count or average first, over groups of {n} or more. To look at single rows, run the same lines in Python in a "
    "terminal, where nothing is saved."
)
# Text and HTML of pandas objects are made by these, also inside print, f-strings and lists. `to_csv` and `to_json`
# stay as they are: they make files and sums of bytes, and must not change what a computation returns.
_RENDERERS = {
    "DataFrame": ("__repr__", "_repr_html_", "to_string", "to_html", "to_markdown", "to_latex"),
    "Series": ("__repr__", "to_string", "to_markdown", "to_latex"),
    "Index": ("__repr__",),
}
_SHOWN = ("stream", "display_data", "execute_result", "update_display_data", "error", "execute_reply")


@dataclass
class Guard:
    """Knows the rows about people: `people` is {city: [(frame, column that says who)]}, `identifiers` names columns
    that name people wherever they come from."""

    people: dict = field(default_factory=dict)
    identifiers: set[str] = field(default_factory=set)
    residents: dict[str, set[int]] = field(default_factory=dict)  # how many people each table of a city holds

    def reason(self, shown) -> str:
        """Return the sentence to show instead of `shown`, or "" when it may be shown."""
        try:
            return self._reason(shown)
        except Exception as error:  # of whatever an analyst's object does: what cannot be checked is not shown
            return f"Not shown: it could not be checked for rows of residents ({type(error).__name__})."

    def _reason(self, shown) -> str:
        figure = _figure(shown)
        if figure is not None:
            from shared_utils.disclosure import _marks  # numpy and pandas are there once a city is loaded

            return _marks.reason(figure, self.tables, self.counts())
        frame, rows = _as_frame(shown)
        if frame is None or frame.empty or len(frame.columns) == 0:
            return ""
        why = self._why(_with_index(frame), rows, self._of_groups(frame))
        return f"Not shown: {_size(frame, rows)}. {why} {WHAT_TO_DO.format(n=STANDARD.small_cell_min)}" if why else ""

    @property
    def tables(self) -> list:
        return [table for tables in self.people.values() for table in tables]

    def _of_groups(self, frame) -> bool:
        """True for what `groupby` makes: an index of named groups, each once and each of 11 people or more."""
        if None in frame.index.names or not frame.index.is_unique:
            return False
        keys = frame.index.to_frame(index=False)
        tables = [(table, person) for table, person in self.tables if set(keys) <= set(table)]
        return bool(tables) and not any(_fits_few(keys, table, person) for table, person in tables)

    def _why(self, frame, rows: int, of_groups: bool) -> str:
        named = [name for name in frame.columns if plain_name(name) in self.identifiers]
        if named:
            return f"The column '{named[0]}' says who somebody is."
        if rows >= STANDARD.small_cell_min and rows in self.counts():
            return "It has as many rows as there are residents or records of them."
        sample = frame.head(LOOKED_AT)
        if any(_holds_pseudonyms(sample.iloc[:, i]) for i in range(sample.shape[1])):
            return "It holds pseudonyms of residents."
        if not of_groups and any(_fits_few(sample, table, person) for table, person in self.tables):
            return f"Its rows each fit fewer than {STANDARD.small_cell_min} residents."
        return ""

    def counts(self) -> set[int]:
        """How many rows each table has, and how many people are in it: people once, which takes long in millions."""
        for city, tables in self.people.items():
            if city not in self.residents:
                self.residents[city] = {table[person].nunique() for table, person in tables}
        return {len(table) for table, _ in self.tables}.union(*self.residents.values())


def install(city: str, people: list[tuple], identifiers: Collection[str]) -> None:
    """Guard what this notebook shows from now on; does nothing outside a notebook's kernel.

    city         which city the rows are of: loading it again replaces them
    people       [(frame, column)]: rows about people, and the column that says about whom
    identifiers  names of columns that identify people directly, whatever they hold
    """
    shell = cell_errors.kernel()
    if shell is None:
        return
    guard = getattr(shell, "emi_guard", None)
    if guard is None:
        guard = shell.emi_guard = Guard()
        _guard_display(shell, guard)
        _guard_pandas(guard)
        _guard_print(guard)
        _guard_messages(shell.kernel.session)
        cell_errors.tell_plainly()
    guard.people[city] = [(table, person) for table, person in people if len(table)]
    guard.residents.pop(city, None)
    guard.identifiers |= {plain_name(name) for name in identifiers}


def _guard_display(shell, guard: Guard) -> None:
    """The last line of a cell, `display()` and the figures of a cell all pass through one function."""
    made = shell.display_formatter.format

    def format(shown, include=None, exclude=None):
        if sentence := guard.reason(shown):
            return {"text/plain": sentence, "text/html": f"<p>{escape(sentence)}</p>"}, {}
        return made(shown, include=include, exclude=exclude)

    shell.display_formatter.format = format


def _guard_pandas(guard: Guard) -> None:
    import pandas as pd
    from pandas.io.formats.style import Styler

    for kind in (pd.DataFrame, pd.Series, pd.Index, Styler):
        for name in _RENDERERS.get(kind.__name__, ("to_html", "to_string", "to_latex", "_repr_html_")):
            setattr(kind, name, _rendered(getattr(kind, name), guard))


def _rendered(make, guard: Guard):
    @functools.wraps(make)
    def render(self, *args, **options):
        target = args[0] if args else options.get("buf")
        if target not in (None, sys.stdout, sys.stderr):  # a file
            return make(self, *args, **options)
        sentence = guard.reason(self)
        if not sentence:
            return make(self, *args, **options)
        text = f"<p>{escape(sentence)}</p>" if "html" in make.__name__ else sentence
        return text if target is None else print(text, file=target)

    return render


def _guard_print(guard: Guard) -> None:
    """`print` of records that are no pandas object."""
    make = builtins.print

    @functools.wraps(make)
    def print_guarded(*shown, **options):
        on_screen = options.get("file") in (None, sys.stdout, sys.stderr)
        make(*((guard.reason(one) or one) if on_screen else one for one in shown), **options)

    builtins.print = print_guarded


def _guard_messages(session) -> None:
    """Whatever else a cell says leaves the kernel as a message: what looks like an identifier is hidden in it.

    The streams themselves cannot be wrapped: IPython replaces their `write` for every cell, and hooks of ipykernel hold
    for one thread only.
    """
    send = session.send

    @functools.wraps(send)
    def send_guarded(stream, message, content=None, *args, **options):
        if isinstance(message, dict) and message.get("msg_type") in _SHOWN:
            message = {**message, "content": _without_identifiers(message["content"])}
        elif message in _SHOWN:
            content = _without_identifiers(content)
        return send(stream, message, content, *args, **options)

    session.send = send_guarded


def _without_identifiers(content: dict) -> dict:
    """The content of a message of the Jupyter protocol, its texts without identifiers."""
    data = content.get("data", {})
    texts = {mime: hide(text) for mime, text in data.items() if mime.startswith("text/") and isinstance(text, str)}
    said = {name: hide(content[name]) for name in ("text", "evalue") if name in content}
    lines = {"traceback": [hide(line) for line in content["traceback"]]} if "traceback" in content else {}
    return {**content, **({"data": {**data, **texts}} if data else {}), **said, **lines}


def _figure(shown):
    """`shown` when it is a matplotlib figure, which pyplot also shows at the end of a cell."""
    library = sys.modules.get("matplotlib.figure")
    return shown if library and isinstance(shown, library.Figure) else None


def _as_frame(shown):
    """What would be shown as a frame and its number of rows, or (None, 0) when it holds no rows."""
    import numpy as np
    import pandas as pd

    if type(shown).__name__ == "Styler":
        shown = shown.data
    if isinstance(shown, pd.DataFrame):
        return shown, len(shown)
    if isinstance(shown, pd.Series):
        frame = _series(shown)  # one row, when the series is a record
        return frame, len(frame)
    if isinstance(shown, pd.Index):
        return shown.to_frame(index=False), len(shown)
    if type(shown).__module__.startswith("pyarrow") and hasattr(shown, "to_pandas"):
        return _as_frame(shown.to_pandas())
    if hasattr(shown, "_asdict"):  # a row of itertuples
        shown = shown._asdict()
    if isinstance(shown, dict):
        shown = shown if any(isinstance(value, dict | list | tuple) for value in shown.values()) else [shown]
    if isinstance(shown, np.ndarray | dict | list | tuple | set | frozenset | type({}.values()) | type({}.keys())):
        return _records(shown)
    return None, 0


def _series(series):
    """A column; or, when it holds cells of several kinds under the names of columns, a row."""
    if series.dtype == object and all(isinstance(label, str) for label in series.index):
        return series.to_frame().T
    return series.to_frame("value" if series.name is None else series.name)


def _records(shown):
    import numpy as np
    import pandas as pd

    try:
        rows = shown if isinstance(shown, np.ndarray | dict) else list(shown)
        if isinstance(rows, list) and any(isinstance(row, pd.DataFrame | pd.Index) for row in rows):
            return None, 0  # each is asked by its own repr
        frame = pd.DataFrame(rows)
    except (ValueError, TypeError):
        return None, 0
    return frame, len(frame)


def _with_index(frame):
    """The frame with the named levels of its index as columns; a frame on its side is stood up."""
    frame = frame.copy(deep=False)
    levels = [name for name in frame.index.names if name is not None and name not in frame.columns]
    regular = getattr(frame.index, "freq", None) is not None  # months of a series are nobody's dates
    if levels and not regular:
        frame = frame.reset_index(level=levels)
    elif not levels and frame.index.inferred_type == "string" and frame.columns.inferred_type != "string":
        frame = frame.T
    elif not levels and frame.index.inferred_type == "string":
        frame = frame.reset_index()
    return frame


def _holds_pseudonyms(column) -> bool:
    if column.dtype.kind in "biufmM":
        return False
    return bool(column.astype(str).str.contains(PATTERNS["a pseudonym"]).any())


def _fits_few(frame, table, person: str) -> bool:
    """True when half of the rows or more, by the columns they share with a table, fit 1 to 10 of its people.

    A shared column counts when all its values stand in the table too: the mean of a column has its name, not its
    values.
    """
    import pandas as pd

    shared = [name for name in frame.columns if isinstance(name, str) and name in table.columns]
    pairs = {name: (_comparable(frame[name]), _comparable(table[name])) for name in shared if frame[name].ndim == 1}
    pairs = {name: (ours, theirs) for name, (ours, theirs) in pairs.items() if _all_from(ours.dropna(), theirs)}
    if not pairs:
        return False
    ours, theirs = (
        pd.util.hash_pandas_object(pd.DataFrame({name: pair[i].array for name, pair in pairs.items()}), index=False)
        for i in (0, 1)
    )
    people = table[person].reset_index(drop=True).groupby(theirs).nunique()
    fits = ours.map(people).fillna(0)
    return bool(fits.between(1, STANDARD.small_cell_min - 1).mean() >= 0.5)


def _all_from(values, column) -> bool:
    return len(values) > 0 and bool(values.isin(column).all())


def _comparable(column):
    """A column as numbers, moments or text, so that equal values of two frames are equal."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype("Float64").astype(float)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.astype("datetime64[us]")
    found = column.convert_dtypes() if column.dtype == object else column
    return _comparable(found) if found.dtype != column.dtype else column.astype(str).astype(object)


def plain_name(name) -> str:
    """Return the name of a column without what people write differently: "E-mail" is "e_mail" is "email"."""
    return re.sub(r"[\W_]", "", str(name).lower())


def _size(frame, rows: int) -> str:
    columns = frame.shape[1]
    return f"{rows} row{'' if rows == 1 else 's'} x {columns} column{'' if columns == 1 else 's'}"
