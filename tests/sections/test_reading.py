"""What the reports say in words that a city manager reads at once: grades by section, and no claim of a cause."""

import pytest
import reading_grade as reading
from section_runs import ROOT, SECTIONS, run

from shared_utils.config import PRESETS

LISTS = ("PUBLIC_FILES",)  # names of files and of publishers, which are not ours to shorten


@pytest.fixture(scope="module")
def nine(demo):
    """{section: {city's folder: answer}} of the nine cities."""
    return reading.all_answers(sorted(path.parent for path in (demo[0] / "cities").glob("*/city.yml")))


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("The cat sat on the mat.", -1.45),  # 6 words of one syllable: 0.39 x 6 + 11.8 - 15.59
        ("Of 800 people, 57 in 100 came. That is more.", -0.66),  # 10 words, 11 syllables, 2 sentences
    ],
)
def test_the_grade_is_that_of_the_formula(text, grade):
    assert reading.grade(text) == pytest.approx(grade, abs=0.06)


def test_a_sentence_does_not_end_inside_a_number_or_a_name():
    assert reading.sentences('The gap is 2.2 points. "Smith vs. jones" is new. So.') == [
        "The gap is 2.2 points.",
        '"Smith vs. jones" is new.',
        "So.",
    ]


@pytest.mark.parametrize("notebook", SECTIONS)
def test_one_city_reads_easily_sentence_by_sentence(open_book, notebook):
    for section in run(open_book(notebook, "cincinnati")):
        grade, hardest = max(reading.sentence_grades([section.sentence]))
        assert grade <= reading.AT_MOST, hardest


@pytest.mark.parametrize("notebook", ["baseline", "monitoring"])
def test_the_flags_of_one_city_read_easily(open_book, notebook):
    for section in run(open_book(notebook, "cincinnati")):
        for flag in section.flags:
            words = reading.without_labels(flag.message)
            assert flag.code in LISTS or reading.grade(words) <= reading.ON_AVERAGE, (flag.code, words)


@pytest.mark.parametrize("notebook", ["baseline", "monitoring"])
def test_one_city_claims_no_cause_before_the_comparison(open_book, notebook):
    for section in run(open_book(notebook, "cincinnati")):
        said = [section.sentence, section.alt, *(getattr(part, "alt", "") for part in section.more)]
        found = [reading.CAUSAL.search(reading.without_labels(text)) for text in said]
        assert not any(found), (section.id, found)


def test_what_the_designs_warn_of_reads_easily():
    texts = reading.flag_texts(ROOT / "shared_utils" / "designs")
    assert len(texts) > 30
    for where, text in texts.items():
        assert reading.grade(text) <= reading.ON_AVERAGE, (where, text)


@pytest.mark.full
def test_nine_cities_read_easily(nine):
    assert len(nine["B2"]) == len(nine["M1"]) == len(nine["I4"]) == len(PRESETS)
    for section, by_city in nine.items():
        grades = [reading.grade(reading.without_labels(text)) for text in by_city.values()]
        assert sum(grades) / len(grades) <= reading.ON_AVERAGE, section
        grade, hardest = max(reading.sentence_grades(by_city.values()))
        assert grade <= reading.AT_MOST, hardest


@pytest.mark.full
def test_nine_cities_claim_no_cause_before_the_comparison(nine):
    for section in [name for name in nine if name[0] in "BM"]:
        for city, text in nine[section].items():
            assert not reading.CAUSAL.search(reading.without_labels(text)), (section, city, text)
