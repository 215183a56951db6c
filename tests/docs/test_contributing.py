"""Who follows CONTRIBUTING.md to the letter has a design, an indicator and a city."""

import json
import subprocess
import sys

import pytest
from performed import ROOT, Session, blocks, copy_of_the_template

PAGE = ROOT / "CONTRIBUTING.md"


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """A copy of the template in which everything was done."""
    session = Session(copy_of_the_template(tmp_path_factory.mktemp("a clone") / "economic mobility"))
    session.perform(PAGE)
    return session


def test_what_the_page_changes_is_there_to_change():
    for block in blocks(PAGE):
        if block.language == "diff" and not block.asked["file"].startswith("cities/"):
            old = "\n".join(line[1:] for line in block.text.splitlines() if line[:1] != "+")
            assert (ROOT / block.asked["file"]).read_text(encoding="utf-8").count(old) == 1, block.place


@pytest.mark.full
def test_the_new_indicator_has_a_state_and_a_target(followed):
    city = followed.root / "cities" / "cincinnati-workforce-support"
    record = json.loads((city / "outputs/release/results_monitoring.json").read_text(encoding="utf-8"))
    (row,) = [row for row in record["indicators"] if row["indicator_id"] == "calls_answered"]
    assert (row["period"], row["target"], row["suppressed"]) == ("2020-09", 80, False) and row["value"] == 77


@pytest.mark.full
def test_the_new_city_passes_the_tests_of_presets(followed):
    tests = ["tests/template/test_tree.py", "-k", "facts or label or springfield and not exact"]
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        command, cwd=followed.root, env=followed.environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.full
def test_the_new_code_has_the_style_of_the_house(followed):
    for words in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *words, "shared_utils"]
        done = subprocess.run(command, cwd=followed.root, capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 0, done.stdout
