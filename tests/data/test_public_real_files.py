"""Facts of the notes on the public data, derived again from real files through the loaders (public_facts.py)."""

import public_facts
import pytest
from public_facts import SOURCES, Desk

LEAST = 3  # facts of each source


@pytest.fixture(scope="session")
def real():
    """Folder of real public files."""
    folder = public_facts.folder()
    if not folder.is_dir():
        pytest.skip(f"the public files are not on this machine ({folder}); set EMI_PUBLIC_DATA to their folder")
    return folder


@pytest.mark.parametrize(
    "facts",
    [pytest.param(facts, id=name, marks=pytest.mark.full if slow else ()) for name, (facts, slow) in SOURCES.items()],
)
def test_each_source_gives_the_facts_of_its_notes(facts, real, tmp_path):
    told = list(facts(Desk(real, tmp_path)))
    assert len(told) >= LEAST
    for fact in told:
        assert fact.found == fact.noted, fact.words
