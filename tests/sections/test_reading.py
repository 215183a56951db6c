"""What the reports say in words that a city manager reads at once: grades by section, and no claim of a cause."""

import pytest
import reading_grade as reading
from section_runs import ROOT, SECTIONS, run

from shared_utils.config import PRESETS, load_city


@pytest.fixture(scope="module")
def nine(demo):
    """{folder: names that its city.yml gives} of the nine cities."""
    folders = sorted(path.parent for path in (demo[0] / "cities").glob("*/city.yml"))
    assert len(folders) == len(PRESETS)
    return {folder: reading.names(load_city(folder)) for folder in folders}


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
    book = open_book(notebook, "cincinnati")
    given = reading.names(book.config)
    for section in run(book):
        assert not reading.too_hard(section.sentence, section.flags, given)


@pytest.mark.parametrize("notebook", ["baseline", "monitoring"])
def test_one_city_claims_no_cause_before_the_comparison(open_book, notebook):
    book = open_book(notebook, "cincinnati")
    given = reading.names(book.config)
    for section in run(book):
        said = [section.sentence, section.alt, *(getattr(part, "alt", "") for part in section.more)]
        found = [reading.CAUSAL.search(reading.without_names(text, given)) for text in said]
        assert not any(found), (section.id, found)


def test_what_the_designs_warn_of_reads_easily():
    texts = reading.flag_texts(ROOT / "shared_utils" / "designs")
    assert len(texts) > 30
    for where, text in texts.items():
        assert reading.grade(text) <= reading.AT_MOST, (where, text)


@pytest.mark.full
def test_nine_cities_read_easily(nine):
    found = reading.all_answers(nine)
    assert len(found["B2"]) == len(found["M1"]) == len(found["I4"]) == len(nine)
    for by_city in found.values():
        for city, text in by_city.items():
            assert not reading.too_hard(text, (), nine[city])


@pytest.mark.full
def test_the_flags_of_nine_cities_read_easily(nine):
    for city, given in nine.items():
        for message, code in reading.flags(city).items():
            assert reading.grade(reading.without_names(message, given)) <= reading.AT_MOST, (code, message)


@pytest.mark.full
def test_nine_cities_claim_no_cause_before_the_comparison(nine):
    for section, by_city in reading.all_answers(nine).items():
        for city, text in by_city.items() if section[0] in "BM" else ():
            assert not reading.CAUSAL.search(reading.without_names(text, nine[city])), (section, city.name, text)
