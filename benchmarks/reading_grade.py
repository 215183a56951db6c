"""How hard the reports are to read: the Flesch-Kincaid grade of each section's answer, over the cities of a workspace.

    python benchmarks/reading_grade.py WORKSPACE      after `emi demo` or `emi run`; writes benchmarks/reading_grade.md

The formula, the limits and what is counted are those of the test (tests/sections/reading_grade.py).
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests" / "sections")]

import reading_grade as reading  # noqa: E402

from shared_utils.config import load_city  # noqa: E402

HEAD = f"""# How hard the reports are to read

Flesch-Kincaid grade (Kincaid and others 1975) of the answers that the sections print, over the executed notebooks of
the nine cities, and of the flags in their records. A test holds each answer of a city, each of its sentences and each
flag to grade {reading.AT_MOST}. Names that `city.yml` gives (outcomes, indicators, arms, groups, events, the title)
count as one short word: a city chooses them.

| section | cities | grade, mean | grade, highest | hardest sentence |
|---|---|---|---|---|
"""


def row(section: str, by_city: dict[Path, str], given: dict[Path, list[str]]) -> str:
    """One line of the table: a section over its cities."""
    grades = [reading.grade(reading.without_names(text, given[city])) for city, text in by_city.items()]
    hardest = max(pair for city, text in by_city.items() for pair in reading.sentence_grades(text, given[city]))
    mean = sum(grades) / len(grades)
    return f"| {section} | {len(grades)} | {mean:.1f} | {max(grades):.1f} | {hardest[0]:.1f}: {hardest[1]} |\n"


def flags_row(given: dict[Path, list[str]]) -> str:
    """The last line of the table: all flags of the cities, each as a whole."""
    graded = [
        (reading.grade(reading.without_names(message, own)), message)
        for city, own in given.items()
        for message in reading.flags(city)
    ]
    mean = sum(grade for grade, _ in graded) / len(graded)
    hardest = max(graded)
    return f"| flags | {len(given)} | {mean:.1f} | {hardest[0]:.1f} | {hardest[0]:.1f}: {hardest[1]} |\n"


def main(workspace: Path) -> None:
    """Measure the cities of a workspace and write the table."""
    cities = sorted(path.parent for path in (workspace / "cities").glob("*/city.yml"))
    given = {city: reading.names(load_city(city)) for city in cities}
    table = HEAD + "".join(row(section, by_city, given) for section, by_city in reading.all_answers(cities).items())
    table += flags_row(given)
    (HERE / "reading_grade.md").write_text(table, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
