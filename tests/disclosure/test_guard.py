"""What a notebook shows once a city is loaded: aggregates, and a sentence instead of rows and marks of residents."""

import re
from collections import namedtuple
from types import SimpleNamespace

import matplotlib
import nbformat
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.figure import Figure
from nbclient import NotebookClient

from shared_utils.disclosure.guard import Guard, install
from shared_utils.disclosure.messages import quiet_error, quiet_traceback
from shared_utils.errors import EmiError

matplotlib.use("Agg")
N = 300


def _people() -> pd.DataFrame:
    draw = np.random.default_rng(7)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz234567"))
    ids = ["p_" + "".join(row) for row in draw.choice(letters, (N, 20))]
    applied = pd.Timestamp("2020-01-02") + pd.to_timedelta(draw.integers(0, 180, N), unit="D")
    return pd.DataFrame(
        {
            "participant_id": ids,
            "application_date": applied,
            "age_years": pd.array(draw.integers(18, 65, N), dtype="Int64"),
            "gender": draw.choice(["female", "male"], N),
            "arm": draw.choice(["offer", "control"], N),
            "site_id": draw.choice(["u_north", "u_south"], N),
            "income": draw.uniform(5_000, 40_000, N).round(0),
        }
    )


PEOPLE = _people()
TALK = PEOPLE.assign(minutes=np.arange(N) % 7)
Row = namedtuple("Row", "participant_id age_years")
EVENTS = pd.DataFrame({"subject_id": PEOPLE["participant_id"].repeat(3).to_numpy(), "hours": np.arange(3 * N) % 5})


@pytest.fixture
def guard():
    return Guard({"here": [(PEOPLE, "participant_id"), (EVENTS, "subject_id")]}, {"name", "clientid"})


ROWS = {
    "head": PEOPLE.head(),
    "whole": PEOPLE,
    "whole without names": PEOPLE.drop(columns="participant_id").set_axis(list("abcdef"), axis=1),
    "one row": PEOPLE.iloc[0],
    "on its side": PEOPLE.head(3).T,
    "ids": PEOPLE["participant_id"].head(2),
    "a column": PEOPLE["age_years"],
    "the index": PEOPLE.set_index("participant_id").index[:4],
    "some incomes": PEOPLE["income"].head(),
    "ages and incomes": PEOPLE[["age_years", "income"]].tail(3),
    "derived": TALK[["age_years", "income", "minutes"]].head(),
    "merged": PEOPLE.merge(EVENTS, left_on="participant_id", right_on="subject_id")[["income", "hours"]].head(),
    "events of each": EVENTS.groupby("subject_id")["hours"].sum(),
    "events": EVENTS[["hours"]],
    "records": PEOPLE.head(2).to_dict("records"),
    "one record": PEOPLE.iloc[4].to_dict(),
    "dict of columns": PEOPLE.head(2).to_dict("list"),
    "list of ids": PEOPLE["participant_id"].head(3).tolist(),
    "tuples": list(PEOPLE.head(2).itertuples(index=False)),
    "a tuple": Row(PEOPLE["participant_id"][0], 34),
    "array": PEOPLE.head(3).to_numpy(),
    "record array": PEOPLE.head(3).to_records(),
    "arrow": pa.Table.from_pandas(PEOPLE.head(3)),
    "styled": PEOPLE.head().style,
    "a raw file": pd.DataFrame({"Client-ID": ["AB-1"], "Shoes": [41]}),
}
AGGREGATES = {
    "sizes": PEOPLE.groupby("gender").size(),
    "means": PEOPLE.groupby("arm")["age_years"].mean(),
    "medians": PEOPLE.groupby(["gender", "arm"])["age_years"].median().round(),
    "means, flat": PEOPLE.groupby("gender", as_index=False)["age_years"].mean(),
    "value counts": PEOPLE["gender"].value_counts(),
    "sites": PEOPLE.groupby("site_id").agg(n=("arm", "size"), income=("income", "mean")),
    "described": PEOPLE.describe(),
    "one described": PEOPLE["age_years"].describe(),
    "crossed": pd.crosstab(PEOPLE["gender"], PEOPLE["arm"]),
    "months": PEOPLE.set_index("application_date").resample("MS").size(),
    "missing": PEOPLE.isna().sum(),
    "correlations": PEOPLE[["age_years", "income"]].corr(),
    "quartiles": PEOPLE["age_years"].quantile([0.25, 0.5, 0.75]),
    "columns": PEOPLE.columns,
    "types": PEOPLE.dtypes,
    "tracts": pd.DataFrame({"tract_id": ["99999000100"], "month": ["2020-01"], "filings": [21]}),
    "numbers": [1, 2, 3],
    "words": ["a", "b"],
    "settings": {"seed": 4, "arms": ["offer", "control"]},
    "text": "hello",
    "nothing": None,
    "empty": PEOPLE.head(0),
}


@pytest.mark.parametrize("shown", ROWS.values(), ids=ROWS)
def test_rows_of_residents_are_not_shown(guard, shown):
    sentence = guard.reason(shown)
    assert sentence.startswith("Not shown: ") and "Count or average first" in sentence
    assert not any(value in sentence for value in PEOPLE["participant_id"])


@pytest.mark.parametrize("shown", AGGREGATES.values(), ids=AGGREGATES)
def test_aggregates_are_shown(guard, shown):
    assert guard.reason(shown) == ""


def test_the_sentence_says_what_why_and_what_to_do(guard):
    assert guard.reason(PEOPLE.head()) == (
        "Not shown: 5 rows x 7 columns. It holds pseudonyms of residents. Count or average first, over groups of 11 or "
        "more. To look at single rows, run the same lines in Python in a terminal, where nothing is saved."
    )


def test_what_cannot_be_checked_is_not_shown(guard):
    class Odd(pd.DataFrame):
        @property
        def index(self):
            raise RuntimeError

    assert guard.reason(Odd({"a": [1]})).startswith("Not shown: it could not be checked")


def drawn(draw) -> Figure:
    figure = Figure()
    draw(figure.add_subplot())
    return figure


def _lines(axes, frame):
    for x in frame["income"]:
        axes.axvline(x)


OFFER = PEOPLE[PEOPLE["arm"] == "offer"]
MONTHS = PEOPLE.set_index("application_date").resample("MS").size()
BINS = PEOPLE.groupby(pd.cut(PEOPLE["income"], 12), observed=True)[["income", "age_years"]].mean()
MARKS = {
    "scatter": lambda axes: axes.scatter(PEOPLE["age_years"], PEOPLE["income"]),
    "scatter of an arm": lambda axes: axes.scatter(OFFER["age_years"], OFFER["income"]),
    "jittered": lambda axes: axes.scatter(np.random.default_rng(1).normal(size=N), PEOPLE["age_years"] + 0.1),
    "line": lambda axes: axes.plot(PEOPLE["income"].head(40).to_numpy()),
    "strip": lambda axes: axes.plot(np.zeros(50), PEOPLE["income"].head(50), "o"),
    "rug": lambda axes: axes.vlines(OFFER["income"], 0, 1),
    "bars": lambda axes: axes.bar(range(N), PEOPLE["age_years"]),
}
PICTURES = {
    "histogram": lambda axes: axes.hist(PEOPLE["age_years"].astype(int), bins=12),
    "months": lambda axes: axes.plot(MONTHS.index, MONTHS.to_numpy(), "o-"),
    "binned means": lambda axes: axes.scatter(BINS["income"], BINS["age_years"]),
    "box": lambda axes: axes.boxplot([OFFER["income"], PEOPLE["income"]], showfliers=False),
    "two means": lambda axes: axes.bar(["offer", "control"], PEOPLE.groupby("arm")["income"].mean()),
    "tracts": lambda axes: axes.scatter(np.arange(69) * 1.5, np.arange(69) ** 2),
    "nothing": lambda axes: None,
}


@pytest.mark.parametrize("draw", MARKS.values(), ids=MARKS)
def test_a_figure_with_a_mark_a_resident_is_not_shown(guard, draw):
    assert "a mark is one resident" in guard.reason(drawn(draw))


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_a_figure_of_groups_is_shown(guard, draw):
    assert guard.reason(drawn(draw)) == ""


def test_outside_a_notebook_nothing_changes():
    before = (print, pd.DataFrame.__repr__, pd.DataFrame.to_html)
    install("here", [(PEOPLE, "participant_id")], {"name"})
    assert before == (print, pd.DataFrame.__repr__, pd.DataFrame.to_html)
    assert PEOPLE["participant_id"][0] in repr(PEOPLE.head())


NAME = " ".join(["John", "Smith"])


def _message(act) -> str:
    try:
        act()
    except Exception as error:
        quiet_error(error)
        return str(error)
    raise AssertionError("nothing was raised")


def _raise(error):
    raise error


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: float(NAME), "could not convert string to float: '[hidden]'"),
        (lambda: int(NAME), "invalid literal for int() with base 10: '[hidden]'"),
        (lambda: {}[NAME], "'[hidden]'"),
        (lambda: {}["arm"], "'arm'"),
        (lambda: _raise(RuntimeError(NAME)), "[hidden]"),
        (lambda: _raise(ValueError(f"the row of {NAME} is odd")), "the row of [hidden] is odd"),
        (lambda: _raise(ValueError(f"odd row\n{NAME}")), "odd row (1 more lines are not shown)"),
        (lambda: pd.to_numeric(pd.Series([NAME])), "Unable to parse string '[hidden]' at position 0"),
        (lambda: [][3], "list index out of range"),
        (lambda: _raise(EmiError("Row 3: 'Smith' is no arm.", "Mend it.")), "Row 3: 'Smith' is no arm.\nMend it."),
        (lambda: _raise(EmiError("Who is ana@city.gov?")), "Who is [hidden]?"),
    ],
)
def test_an_error_keeps_its_words_and_loses_the_data(act, said):
    assert _message(act) == said


def test_the_errors_behind_an_error_lose_the_data_too():
    def act():
        try:
            float(NAME)
        except ValueError as error:
            raise RuntimeError("the file cannot be read") from error

    with pytest.raises(RuntimeError) as caught:
        act()
    quiet_error(caught.value)
    assert NAME not in str(caught.value.__cause__) and str(caught.value) == "the file cannot be read"


def test_a_printed_traceback_loses_the_data():
    said = f"bad: '{NAME}'\n{NAME}"
    text = f'Traceback (most recent call last):\n  File "a.py", line 1\n    float(name)\nValueError: {said}'
    trace, said = quiet_traceback(text, said)
    assert "Smith" not in trace + said
    assert trace.splitlines()[2:] == ["    float(name)", "ValueError: bad: '[hidden]'"]


CELLS = {
    "from shared_utils.disclosure import guard\nimport pandas as pd, numpy as np\n"
    "people = pd.DataFrame({'participant_id': [f'p_{i:a<20}' for i in range(40)], 'age': range(40)})\n"
    "guard.install('here', [(people, 'participant_id')], ['name'])": "",
    "people.head()": "Not shown: 5 rows x 2 columns.",
    "print(people)": "Not shown: 40 rows",
    "print('ids', people.participant_id[3])": "ids [hidden]",
    "display(people.head(1))": "Not shown: 1 row x 2 columns.",
    "f'{people}'": "'Not shown: 40 rows",
    "from IPython.display import HTML\nHTML(people.to_html())": "<p>Not shown: 40 rows",
    "print(people.head(2).to_dict('records'))": "Not shown: 2 rows",
    "{'a': people, 'b': [people.age]}": "Not shown: 40 rows",
    "people.info()": "RangeIndex: 40 entries",
    "import matplotlib.pyplot as plt\nplt.scatter(people.age, people.age);": "a mark is one resident",
    "people.age.mean()": "19.5",
    "float(str(people.participant_id[0]))": "could not convert string to float: '[hidden]'",
    "from shared_utils.errors import EmiError\nraise EmiError('There is no file.', 'Send it.')": "There is no file.",
    "!echo p_aaaaaaaaaaaaaaaaaaaa": "[hidden]",
}  # fmt: skip


def test_every_way_to_show_something_in_a_kernel_is_guarded():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    NotebookClient(notebook, kernel_name="python3", allow_errors=True, timeout=120).execute()
    shown = {source: str(cell.outputs) for source, cell in zip(CELLS, notebook.cells, strict=True)}
    assert [source for source, words in CELLS.items() if words not in shown[source]] == []
    assert not [source for source, text in shown.items() if re.search("p_[0-9]*aaa", text)]
    told = notebook.cells[-2].outputs[0]
    assert told.traceback == ["There is no file.", "Send it."]


def test_a_city_that_is_loaded_again_is_counted_again(monkeypatch, guard):
    many, few = (pd.DataFrame({"x": np.zeros(n)}) for n in (N, 40))
    assert "as many rows as there are residents" in guard.reason(many) and not guard.reason(few)
    monkeypatch.setattr("shared_utils.disclosure.cell_errors.kernel", lambda: SimpleNamespace(emi_guard=guard))
    install("here", [(PEOPLE.head(40), "participant_id")], [])
    assert "as many rows as there are residents" in guard.reason(few) and not guard.reason(many)
