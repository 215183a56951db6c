"""How hard the reports are to read: the Flesch-Kincaid grade of each section's answer, over the cities of a workspace.

    python benchmarks/reading_grade.py WORKSPACE      after `emi demo` or `emi run`; writes benchmarks/reading_grade.md

The formula, the limits and what is counted are those of the test (tests/sections/reading_grade.py).
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests" / "sections")]

import reading_grade as reading  # noqa: E402

HEAD = f"""# How hard the reports are to read

Flesch-Kincaid grade (Kincaid and others 1975) of the answers that the sections print, over the executed notebooks of
the nine cities. A test holds each section to grade {reading.ON_AVERAGE} on average and each sentence to grade
{reading.AT_MOST}. Names that `city.yml` gives, in quotation marks, count as one short word: a city chooses them.

| section | cities | grade, mean | grade, highest | hardest sentence |
|---|---|---|---|---|
"""


def row(section: str, by_city: dict[str, str]) -> str:
    """One line of the table: a section over its cities."""
    grades = [reading.grade(reading.without_labels(text)) for text in by_city.values()]
    hardest = max(reading.sentence_grades(by_city.values()))
    mean = sum(grades) / len(grades)
    return f"| {section} | {len(grades)} | {mean:.1f} | {max(grades):.1f} | {hardest[0]:.1f}: {hardest[1]} |\n"


def main(workspace: Path) -> None:
    """Measure the cities of a workspace and write the table."""
    found = reading.all_answers(sorted(path.parent for path in (workspace / "cities").glob("*/city.yml")))
    table = HEAD + "".join(row(section, by_city) for section, by_city in found.items())
    (HERE / "reading_grade.md").write_text(table, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
