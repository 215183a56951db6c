"""Ten thousand identifiers go in with a city's files; none is in any byte that work with them leaves behind."""

import base64
import html
import io
import json
import os
import random
import re
import shutil
import string
import struct
import subprocess
import sys
import urllib.parse
import zipfile
import zlib
from pathlib import Path

import nbformat
import numpy as np
import openpyxl
import pandas as pd
import pytest
from nbclient import NotebookClient

from shared_utils import data
from shared_utils.disclosure.scan import Watch
from shared_utils.template import commit_guard, sweep
from shared_utils.template.new import create

ROOT = Path(__file__).resolve().parents[2]
HEADER_ROW = 3  # of the tracker's sheet
LETTERS = random.Random(4)


def _letters(n: int) -> str:
    return "".join(LETTERS.choices(string.ascii_lowercase, k=n))


def _digits(n: int) -> str:
    return "".join(LETTERS.choices(string.digits[1:], k=n))


# What cities' spreadsheets hold about people. Each value is made up, and long or odd enough not to occur by chance.
CLASSES = {
    "Name": lambda: f"{_letters(6).title()} O'{_letters(7).title()}",
    "Street address": lambda: f"{_digits(4)} {_letters(8).title()} St. Apt {_digits(2)}",
    "Phone": lambda: f"({_digits(3)}) {_digits(3)}-{_digits(4)}",
    "E-mail": lambda: f"{_letters(6)}.{_letters(6)}@{_letters(5)}-mail.org",
    "SSN": lambda: f"{_digits(3)}-{_digits(2)}-{_digits(4)}",
    "Date of birth": lambda: f"{LETTERS.choice('123456789')}/{_digits(1)}/19{_digits(2)} {_digits(1)}:{_digits(2)} AM",
    "Case number": lambda: f"HX-{_digits(4)}/{_digits(5)}&{_letters(2).upper()}",
    "Account number": lambda: f"{_digits(4)} {_digits(4)} {_digits(4)}",
    "Licence plate": lambda: f"{_letters(3).upper()} {_digits(5)}",
    "Notes": lambda: f"Spoke with {_letters(7).title()} <{_letters(5)}> about the \"{_letters(6)}\" bill",
    "Mother's maiden name": lambda: f"{_letters(11).title()} née {_letters(4)}",
    "Badge": lambda: f"{_letters(4)}%{_digits(6)}",
    "Driver license": lambda: f"{_letters(2).upper()}{_digits(7)}",
    "Emergency contact": lambda: f"{_letters(7).title()} +1 {_digits(3)} {_digits(7)}",
}  # fmt: skip


class Planted:
    """A city with its own files, in which every person has a value of every class."""

    def __init__(self, folder: Path):
        self.folder = create(ROOT, folder, {"city": "cincinnati"})
        self.values: list[str] = []
        environment = {**os.environ, "PYTHONPATH": "", "OPENBLAS_NUM_THREADS": "1"}
        self.emi = lambda *words, code=0: _done([sys.executable, "-m", "shared_utils.cli", *words], self.folder,
                                                environment, code)  # fmt: skip
        data.synthesize(self.folder)
        self._as_its_own_files()

    def _as_its_own_files(self) -> None:
        raw = self.folder / "data" / "private" / "raw"
        made = self.folder / "data" / "synthetic"
        for file in made.glob("public_ref/*"):
            shutil.move(file, self.folder / "data" / "public_ref" / file.name)
        for file in made.glob("raw/*.csv"):
            frame = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
            frame.drop(columns="source_system").to_csv(raw / file.name, index=False, encoding="utf-8-sig")
        for file in made.glob("raw/*.xlsx"):
            book = openpyxl.load_workbook(file)
            for sheet in book:
                self._own(sheet, HEADER_ROW if "tracker" in file.name else 1)
            book.save(raw / file.name)
        shutil.rmtree(made)
        settings = self.folder / "city.yml"
        settings.write_text(settings.read_text(encoding="utf-8").replace("mode: synthetic", "mode: city"), "utf-8")

    def _own(self, sheet, header_row: int) -> None:
        """Take the mark of synthetic data out and, in the tracker, put the identifiers in."""
        headers = [cell.value for cell in sheet[header_row]]
        sheet.delete_cols(headers.index("source_system") + 1)
        if header_row == 1:
            return
        known = set(headers)
        for name, make in CLASSES.items():
            column = headers.index(name) + 1 if name in known else sheet.max_column + 1
            column -= name in known and column > headers.index("source_system") + 1
            sheet.cell(header_row, column, name)
            for row in range(header_row + 1, sheet.max_row + 1):
                if sheet.cell(row, 1).value:
                    self.values.append(make())
                    sheet.cell(row, column, self.values[-1])

    def raw_cell(self) -> str:
        """Code of an analyst who goes around intake: the raw tracker as a frame `raw`."""
        file = self.folder / "data" / "private" / "raw" / "Program tracker FY20.xlsx"
        return f"raw = pd.read_excel(r'{file}', header={HEADER_ROW - 1}, dtype=str)"


def _done(words: list[str], folder: Path, environment: dict, code: int = 0) -> str:
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def look_around(city: Planted) -> list:
    """An analyst shows rows and runs into errors, and the notebook is saved with what it shows."""
    cells = [
        f"import sys; sys.path.insert(0, r'{city.folder}')\nimport pandas as pd\nfrom shared_utils import data\n"
        f"city = data.load(r'{city.folder}')\npeople = city.tables['participants']",
        city.raw_cell(),
        "people.head()", "print(people)", "raw.head()", "print(raw.head().to_string())", "display(raw.tail(2))",
        "raw.iloc[0]", "print(raw.iloc[0])", "raw.head(3).to_dict('records')", "raw['SSN'].tolist()[:3]",
        "raw['Name']", "print(raw[['Case number', 'Notes']].head())", "raw['E-mail'].to_frame().head().to_markdown()",
        "from IPython.display import HTML; HTML(raw.head().to_html())", "raw.head().style",
        "float(raw['Name'][0])", "{}[raw['Case number'][1]]", "raise ValueError(f'bad row: {raw.iloc[2].to_dict()}')",
        "pd.to_datetime(raw['Notes'])", "raise RuntimeError(raw['Street address'][3])", "pd.to_numeric(raw['Badge'])",
        "data.load(r'" + str(city.folder) + "').tables['services'].head()",
    ]  # fmt: skip
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3", allow_errors=True, timeout=120).execute()
    nbformat.write(notebook, city.folder / "notebooks" / "scratch" / "look.ipynb")
    return notebook.cells


def encodings(value: str) -> dict[str, bytes]:
    """Every form a value is looked for in."""
    plain = value.encode("utf-8")
    forms = {
        "raw": plain,
        "hex": plain.hex().encode(),
        "HEX": plain.hex().upper().encode(),
        "html": html.escape(value).encode(),
        "xml": html.escape(value, quote=False).encode(),
        "url": urllib.parse.quote(value).encode(),
        "url plus": urllib.parse.quote_plus(value).encode(),
        "utf-16 le": value.encode("utf-16-le"),
        "utf-16 be": value.encode("utf-16-be"),
        "json": json.dumps(value)[1:-1].encode(),
    }
    for shift in range(3):  # the letters at the ends also depend on what stands beside the value
        coded = base64.b64encode(b"\0" * shift + plain)
        forms[f"base64 {shift}"] = coded[(shift * 8 + 5) // 6 : (shift + len(plain)) * 8 // 6]
    return {name: form for name, form in forms.items() if name == "raw" or form != plain}


class Searcher:
    """Looks for all forms of all values at once: by their first eight bytes, then whole."""

    def __init__(self, values: list[str]):
        self.forms: dict[bytes, list[tuple[str, bytes]]] = {}
        for value in values:
            for name, form in encodings(value).items():
                self.forms.setdefault(form[:8], []).append((f"{name} of {value}", form))
        assert all(len(key) == 8 for key in self.forms)
        keys = np.array([int.from_bytes(key, "little") for key in self.forms], dtype=np.uint64)
        self.table = np.zeros(1 << 24, dtype=bool)
        self.table[self._slots(keys)] = True

    @staticmethod
    def _slots(words: np.ndarray) -> np.ndarray:
        return ((words * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)).astype(np.int64)

    def hits(self, content: bytes) -> list[str]:
        octets = np.frombuffer(content, dtype=np.uint8).astype(np.uint64)
        if len(octets) < 8:
            return []
        words = sum((octets[i : len(octets) - 7 + i] << np.uint64(8 * i) for i in range(1, 8)), octets[:-7].copy())
        return [name for at in np.flatnonzero(self.table[self._slots(words)])
                for name, form in self.forms.get(content[at : at + 8], ()) if content.startswith(form, at)]  # fmt: skip


def unpacked(content: bytes, depth: int = 3):
    """The bytes themselves and whatever is packed in them."""
    yield content
    if not depth:
        return
    inner = []
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inner = [archive.read(name) for name in archive.namelist()]
    elif content.startswith(b"\x89PNG"):
        at = 8
        while at < len(content):
            length, kind = struct.unpack(">I4s", content[at : at + 8])
            if kind in (b"zTXt", b"iTXt"):
                inner += [_inflated(part) for part in content[at + 8 : at + 8 + length].split(b"\0")]
            at += 12 + length
    elif content.startswith(b"%PDF"):
        inner = [_inflated(part) for part in re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL)]
    elif content.startswith(b"PAR1"):
        inner = [pd.read_parquet(io.BytesIO(content)).to_csv().encode()]
    else:
        coded = re.findall(rb"[A-Za-z0-9+/]{200,}={0,2}", content)
        inner = [base64.b64decode(part[: len(part) // 4 * 4] + b"==") for part in coded]
    for part in inner:
        yield from unpacked(part, depth - 1)


def _inflated(part: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(part)
    except zlib.error:
        return b""


def left_behind(folder: Path):
    """(place, bytes) of everything below a city but its raw files and crosswalk; git's objects unpacked."""
    kept = [folder / "data" / "private" / name for name in ("raw", "crosswalk")]
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(path.is_relative_to(place) for place in kept):
            yield str(path.relative_to(folder)), path.read_bytes()
    if (folder / ".git").exists():
        words = ["git", "cat-file", "--batch-all-objects", "--batch"]
        yield "git objects", subprocess.run(words, cwd=folder, capture_output=True, check=True).stdout


def search(city: Planted) -> tuple[dict, list[str]]:
    """The figures of the search, and where what was found."""
    searcher, files, octets, hits = Searcher(city.values), 0, 0, []
    for place, content in left_behind(city.folder):
        files += 1
        for part in unpacked(content):
            octets += len(part)
            hits += [f"{place}: {hit}" for hit in searcher.hits(part)]
    forms = sum(map(len, searcher.forms.values()))
    figures = {"identifiers": len(set(city.values)), "forms": forms, "files": files, "bytes": octets, "hits": len(hits)}
    return figures, hits


def commit(folder: Path) -> None:
    """Everything git does not ignore, with no hook in the way."""
    person = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    for words in (("init", "--quiet"), ("add", "--all"), (*person, "commit", "--quiet", "-m", "All")):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """A planted city after intake and an analyst's look around, committed with all that the notebook shows."""
    planted = Planted(tmp_path_factory.mktemp("planted"))
    data.intake(planted.folder)
    planted.cells = look_around(planted)
    commit(planted.folder)
    return planted


@pytest.mark.full
def test_the_search_finds_every_form_and_every_identifier(city):
    searcher = Searcher(city.values)
    for value in city.values[::97]:
        for name, form in encodings(value).items():
            assert f"{name} of {value}" in searcher.hits(b"before" + form + b"after"), (name, value)
    tracker = (city.folder / "data" / "private" / "raw" / "Program tracker FY20.xlsx").read_bytes()
    found = {hit.partition(" of ")[2] for part in unpacked(tracker) for hit in searcher.hits(part)}
    assert found == set(city.values) and len(found) >= 10_000


@pytest.mark.full
def test_intake_and_an_analyst_leave_no_identifier_behind(city):
    figures, hits = search(city)
    print("\nplanted identifiers:", figures)
    assert figures["bytes"] > 3_000_000 and hits == []


@pytest.mark.full
def test_every_cell_of_the_analyst_ran_and_said_something(city):
    shown = {cell.source: str(cell.outputs) for cell in city.cells[2:]}
    assert [cell for cell, text in shown.items() if "Not shown: " not in text and "[hidden]" not in text] == []


@pytest.mark.full
def test_the_scanner_knows_the_planted_values_and_finds_a_leak(city):
    watch = commit_guard.watch_of(city.folder)
    assert watch.size >= 10_000
    name = next(value for value in city.values if "O'" in value)
    leak = city.folder / "notes.md"
    leak.write_text(f"Call {name} back.\n", encoding="utf-8")
    seen, found = sweep.sweep(city.folder, watch, history=True)
    leak.unlink()
    assert [(one.file, one.place) for one in found] == [("notes.md", "line 1")]
    assert name not in str(found[0]) and seen > 40
    assert Watch().findings(f"Call {name} back.") == []  # by its looks nobody would know it


@pytest.mark.full
def test_a_whole_month_of_work_leaves_no_identifier_behind(tmp_path):
    city = Planted(tmp_path)
    city.emi("run")
    look_around(city)
    city.emi("site")
    city.emi("scan", "--history")
    commit(city.folder)
    figures, hits = search(city)
    print("\nplanted identifiers, whole month:", figures)
    released = [path.name for path in (city.folder / "outputs" / "release").iterdir()]
    assert {"results_baseline.json", "impact.html", "monitoring.html"} <= set(released)
    assert hits == []
