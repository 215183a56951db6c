"""The table of the loaders of public files: each source, the files tried, the rows read, the facts derived again.

    python benchmarks/loader_table.py      reads the real files beside the project; writes docs/public-loaders.md

EMI_PUBLIC_DATA names another folder of real files. The facts are those of the test (tests/data/public_facts.py); the
table is not written when one of them differs.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "data")]

import public_facts  # noqa: E402

from shared_utils.data import public  # noqa: E402

SHOWN = 8  # files of a source named one by one
PAGE = ROOT / "docs" / "public-loaders.md"
HEAD = """# Public files that were read

Made by `python benchmarks/loader_table.py`; do not edit by hand. What each file is, and what it cannot say:
[public-context.md](public-context.md).

Real numbers, read by the loaders of this repository. The files were extracts, put back into the layout of their
publisher and read as one would come; values were left as they are. A fact is what the notes on these data said before
a loader read them; each was found again.

| Source | Files tried | Rows read | Facts derived again |
|---|---|---|---|
"""
REST = """
No real file was read for these kinds of files; they are tested on files written by hand in the published layout
(`tests/data/test_public_reference.py`), as all are:

"""


def main() -> None:
    """Read every source, and write the table when all its facts hold."""
    rows, read = [], set()
    for name, (facts, _) in public_facts.SOURCES.items():
        with TemporaryDirectory() as folder:
            desk = public_facts.Desk(public_facts.folder(), Path(folder))
            told = list(facts(desk))
        wrong = [fact for fact in told if fact.found != fact.noted]
        if wrong:
            sys.exit("\n".join(f"{name}: {fact.words}: noted {fact.noted}, found {fact.found}" for fact in wrong))
        read |= {table.kind for _, table in desk.read_files}
        rows.append(_row(name, desk.read_files, told))
    unread = [
        f"- `{kind.id}`: {kind.fetch.replace(' of state {state}', '')}" for kind in public.KINDS if kind.id not in read
    ]
    PAGE.write_text(HEAD + "\n".join(rows) + "\n" + REST + "\n".join(unread) + "\n", encoding="utf-8", newline="\n")


def _row(name: str, read_files: list, facts: list) -> str:
    files = [f"`{file}`" for file, _ in read_files[:SHOWN]]
    counts = [len(table.frame) for _, table in read_files]
    if more := counts[SHOWN:]:
        files, counts = [*files, f"and {len(more)} like these"], [*counts[:SHOWN], sum(more)]
    found = "<br>".join(f"{fact.words}: {_text(fact.found)}" for fact in facts)
    return f"| {name} | {'<br>'.join(files)} | {'<br>'.join(map(str, counts))} | {found} |"


def _text(value) -> str:
    if isinstance(value, list):
        return f"{value[0]} in each" if len(value) > 2 and len(set(value)) == 1 else ", ".join(map(str, value))
    return "yes" if value is True else str(value)


if __name__ == "__main__":
    main()
