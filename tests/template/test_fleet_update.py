"""`emi update` over nine cities, each changed in its own way: each ends valid, and what is said of it is true."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import cruft
import pytest
from fleet import CASES, IMPACT, MONITORING, add_line, assert_valid, make, newer, sources, under_git
from template_helpers import ROOT, commit, git, tree

from shared_utils import conflicts
from shared_utils.cli import main, project
from shared_utils.template import commit_guard, drift, new, origin, update, vendoring

OURS, THEIRS = "# the analyst's line", "# the template's line"


class Fleet:
    """A template with two versions, and cities made from the older one; `outcomes` by city, from one run."""

    def __init__(self, template: Path, room: Path, keys):
        self.template = Path(shutil.copytree(template, room / "template"))
        self.old = git(self.template, "rev-parse", "HEAD").strip()
        self.cities = make(self.template, room / "cities", keys)
        newer(self.template)
        self.new = git(self.template, "rev-parse", "HEAD").strip()
        self.before = {key: tree(city) for key, city in self.cities.items()}

    def update(self, key: str) -> update.Outcome:
        with origin.template(self.template) as template:
            return update.update(template, self.cities[key])

    def record(self, key: str) -> dict:
        return json.loads((self.cities[key] / ".cruft.json").read_text(encoding="utf-8"))


def commands(outcome: update.Outcome) -> list[list[str]]:
    """What a person is told to type."""
    return [shlex.split(line) for line in outcome.fix.splitlines() if line.startswith("    ")]


@pytest.fixture
def detroit(template, tmp_path) -> Fleet:
    return Fleet(template, tmp_path, ["detroit"])


@pytest.mark.full
def test_a_conflict_is_seen_in_its_cell_until_somebody_chose(detroit):
    city = detroit.cities["detroit"]
    outcome = detroit.update("detroit")
    assert (outcome.state, outcome.what) == ("conflict", (f"{IMPACT}, cell i2",))
    assert outcome.numbers == ("Numbers that change: standard errors of small samples are larger.",)
    assert_valid(city)
    cell = sources(city / IMPACT)["i2"]
    assert OURS in cell and THEIRS in cell and conflicts.YOURS in cell
    assert "A new line of the template." in sources(city / MONITORING)["settings-text"]
    assert detroit.record("detroit")["commit"] == detroit.old  # not recorded as done

    # Nobody chose: it is still a conflict, also for a commit.
    assert detroit.update("detroit").what == (f"{IMPACT}, cell i2",)
    git(city, "add", "--all")
    (refused,) = commit_guard.problems([IMPACT], city)
    assert refused.startswith(f"{IMPACT}, cell i2: two texts stand there, and nobody has chosen yet.")
    with pytest.raises(update.Unfinished, match=f"{IMPACT}, cell i2: two texts stand there"):
        update.check_whole(city)

    # Somebody chose, in either of the two texts.
    chosen = json.loads((city / IMPACT).read_text(encoding="utf-8"))
    for one in chosen["cells"]:
        if one["id"] == "i2":
            one["source"] = ["impact.analysed(book)\n", OURS]
    (city / IMPACT).write_text(json.dumps(chosen, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    update.check_whole(city)
    with pytest.raises(update.Unfinished, match="An update waits to be ended"):
        update.check_ended(city)
    assert detroit.update("detroit").state == "resolved"
    update.check_ended(city)
    record = detroit.record("detroit")
    assert record["commit"] == record["context"]["cookiecutter"]["_commit"] == detroit.new
    assert origin.PENDING not in record and vendoring.check(city) == []
    assert detroit.update("detroit").state == "already current"


@pytest.mark.full
def test_one_command_gives_an_update_up(detroit):
    city = detroit.cities["detroit"]
    (command,) = commands(detroit.update("detroit"))
    assert command[:3] == ["git", "-C", str(city)]
    subprocess.run(command, check=True)
    assert tree(city) == detroit.before["detroit"] and detroit.record("detroit")["commit"] == detroit.old


def said_in(city: Path, monkeypatch, capsys, *words: str) -> tuple[int, str]:
    """What a command typed in a city's folder answers and prints, line breaks aside."""
    monkeypatch.chdir(city)
    code = main([*words])
    return code, " ".join("".join(capsys.readouterr()).split())


@pytest.mark.full
def test_nothing_runs_while_a_cell_even_of_words_holds_two_texts(detroit, monkeypatch, capsys):
    city = detroit.cities["detroit"]
    add_line(city / MONITORING, "settings-text", "A line of the analyst.")
    commit(city, "A note")
    assert detroit.update("detroit").what == (f"{MONITORING}, cell settings-text", f"{IMPACT}, cell i2")
    code, said = said_in(city, monkeypatch, capsys, "check")
    assert code == 1 and f"{MONITORING}, cell settings-text; {IMPACT}, cell i2: two texts stand there" in said
    code, said = said_in(city, monkeypatch, capsys, "run")
    assert code == 3 and "ok 0 failed 0 blocked 3" in said, said
    assert f"{MONITORING}, cell settings-text; {IMPACT}, cell i2: two texts stand there, and nobody has chosen" in said
    assert "Open each place (emi lab), keep what is right, delete the rest and the marks, and save." in said
    assert not [*(city / "outputs").rglob("results_*.json")]
    states = [json.loads(path.read_text(encoding="utf-8")) for path in city.glob("outputs/internal/state_*.json")]
    assert [state["status"] for state in states] == ["blocked"] * 3
    code, said = said_in(city, monkeypatch, capsys, "handover")
    assert code == 3 and "two texts stand there" in said and not (city / "outputs" / "handover").exists()


@pytest.mark.full
def test_an_update_cut_off_while_it_writes_is_known_and_can_be_taken_back(detroit, monkeypatch, capsys):
    city = detroit.cities["detroit"]
    no_power = """
import os, sys
from pathlib import Path
from shared_utils.template import origin, update
replace = os.replace
os.replace = lambda part, whole: os._exit(9) if Path(whole).name == "03_impact.ipynb" else replace(part, whole)
with origin.template(sys.argv[1]) as template: update.update(template, Path(sys.argv[2]))
"""
    words = [sys.executable, "-c", no_power, str(detroit.template), str(city)]
    assert subprocess.run(words, cwd=ROOT).returncode == 9
    assert (city / "shared_utils" / "errors.py").read_text(encoding="utf-8").endswith("# newer\n")
    for command, answer in (("check", 1), ("run", 3)):
        code, said = said_in(city, monkeypatch, capsys, command)
        assert code == answer and "An update was cut off while it wrote: some files are new and some old." in said
    outcome = detroit.update("detroit")
    assert outcome.state == "stopped half-way"
    for command in commands(outcome):
        subprocess.run(command, cwd=city, check=True)
    left = git(city, "status", "--porcelain", "--", ".", ":(exclude)data/synthetic")  # these are of `emi check`
    assert left == "?? GUIDE.md\n"  # as the new version has it, and in nobody's way
    assert vendoring.check(city) == [] and detroit.record("detroit")["commit"] == detroit.old
    assert detroit.update("detroit").state == "conflict"


@pytest.mark.full
def test_what_git_could_not_bring_back_is_not_written_over(detroit):
    city = detroit.cities["detroit"]
    (city / "GUIDE.md").write_text("mine, never committed\n", encoding="utf-8")
    outcome = detroit.update("detroit")
    assert (outcome.state, outcome.what) == ("uncommitted changes", ("GUIDE.md is new in the template too",))
    assert (city / "GUIDE.md").read_text(encoding="utf-8") == "mine, never committed\n"


@pytest.mark.full
@pytest.mark.parametrize("failure", [PermissionError(13, "Permission denied"), KeyboardInterrupt()])
def test_an_update_that_cannot_be_written_leaves_everything_as_it_was(failure, detroit, monkeypatch):
    city, replace = detroit.cities["detroit"], os.replace

    def one_fails(source, target):
        if Path(target).name == "VENDORED.json":
            raise failure
        replace(source, target)

    monkeypatch.setattr(os, "replace", one_fails)
    if isinstance(failure, OSError):
        outcome = detroit.update("detroit")
        assert outcome.state == "not possible" and outcome.what[0].startswith(
            "shared_utils/VENDORED.json cannot be written (Permission denied): another program may have it open."
        )
    else:
        with pytest.raises(KeyboardInterrupt):
            detroit.update("detroit")
    assert tree(city) == detroit.before["detroit"] and git(city, "status", "--porcelain") == ""


@pytest.mark.full
def test_the_record_names_an_address_others_reach_and_no_password(template, tmp_path):
    source = Path(shutil.copytree(template, tmp_path / "template"))
    git(source, "remote", "add", "origin", "https://ann:" + "token1234@git.city.gov/template.git")
    record = origin.first_record(source, {"cookiecutter": {"city": "newark"}})
    assert record["template"] == "https://git.city.gov/template.git"
    (source / "README.md").write_text("not committed\n", encoding="utf-8")
    assert origin.first_record(source, {}) is None  # no version is what this city is made from


@pytest.fixture(scope="module")
def nine(template, tmp_path_factory) -> Fleet:
    """All nine, updated by the command as a person types it."""
    room = tmp_path_factory.mktemp("nine")
    return Fleet(template, room, CASES)


@pytest.fixture(scope="module")
def said(nine) -> dict[str, str]:
    """What `emi update --dry-run` and `emi update` printed; the first must have changed nothing."""
    said = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(nine.template.parent)
        patch.setattr(project, "own_template", lambda: nine.template)
        patch.setattr("shared_utils.cli.update.own_template", lambda: nine.template)
        patch.setenv("COLUMNS", "100")
        for words in (["update", "--dry-run"], ["update"]):
            done = _captured(words)
            said[" ".join(words)] = done
            if "--dry-run" in words:
                assert {key: tree(city) for key, city in nine.cities.items()} == nine.before
    return said


def _captured(words: list[str]) -> str:
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(words) == 1  # not all can be updated
    return out.getvalue()


@pytest.mark.full
def test_the_table_tells_the_truth_of_each_city(nine, said):
    for words, printed in said.items():
        for key, (_, state) in CASES.items():
            assert any(line.split("  ")[0] == key and state in line for line in printed.splitlines()), (words, key)
    assert "Would be up to date: 5 of 9. Nothing was changed." in said["update --dry-run"]
    assert "Up to date: 5 of 9." in said["update"]
    assert "Numbers that change: standard errors of small samples are larger." in said["update"]


@pytest.mark.full
@pytest.mark.parametrize("key", CASES)
def test_each_city_ends_valid_and_truthful(key, nine, said):
    city, state = nine.cities[key], CASES[key][1]
    assert_valid(city)
    done = state in ("clean", "merged")
    assert nine.record(key)["commit"] == (nine.new if done else nine.old)
    if done:
        assert THEIRS in sources(city / IMPACT)["i2"] and conflicts.YOURS not in sources(city / IMPACT)["i2"]
        assert (city / "GUIDE.md").is_file() and vendoring.check(city) == []
        assert (city / "shared_utils" / "errors.py").read_text(encoding="utf-8").endswith("# newer\n")
    if state not in ("clean", "merged", "conflict"):
        assert tree(city) == nine.before[key]


@pytest.mark.full
def test_what_the_analysts_did_is_still_there(nine, said):
    cities = nine.cities
    assert "A note of the analyst." in sources(cities["dayton"] / IMPACT)["title"]
    assert (cities["dayton"] / "city.yml").read_text(encoding="utf-8").endswith("# mine\n")
    assert OURS in sources(cities["detroit"] / IMPACT)["i2"]
    assert [*sources(cities["lansing"] / IMPACT)][-1] == "i2"
    assert "i3" not in sources(cities["neworleans"] / IMPACT)
    own = cities["newark"] / "notebooks" / "04_costs.ipynb"
    assert "A new line of the template." not in sources(own)["settings-text"]
    assert (cities["racine"] / "shared_utils" / "errors.py").read_text(encoding="utf-8").endswith("# mine\n")
    assert (cities["rochester"] / "README.md").read_text(encoding="utf-8") == "Not finished\n"


@pytest.mark.full
def test_what_is_advised_works(nine, said):
    # Each city that could not be updated, after doing what the command said.
    for key in ("racine", "rochester", "tulsa"):
        for command in commands(nine.update(key)):
            words = [word.replace("NAME", "main") for word in command]
            subprocess.run(words, cwd=nine.cities[key], check=True)
    assert [nine.update(key).state for key in ("racine", "rochester", "tulsa")] == ["clean", "clean", "clean"]


@pytest.mark.full
def test_what_is_advised_works_for_shared_code_that_was_not_committed_too(detroit):
    city = detroit.cities["detroit"]
    with (city / "shared_utils" / "errors.py").open("a", encoding="utf-8") as file:
        file.write("# mine\n")
    (city / "shared_utils" / "lean.py").unlink()
    (city / "shared_utils" / "mine.py").write_text("", encoding="utf-8")
    outcome = detroit.update("detroit")
    assert outcome.state == "edited by hand" and len(outcome.what) == 3
    for command in commands(outcome):
        subprocess.run(command, cwd=city, check=True)
    assert tree(city) == detroit.before["detroit"] and detroit.update("detroit").state == "conflict"


@pytest.mark.full
def test_a_repository_git_cannot_read_is_called_so(detroit):
    city = detroit.cities["detroit"]
    (city / ".git" / "HEAD").write_text("", encoding="utf-8")
    before = tree(city)
    outcome = detroit.update("detroit")
    assert outcome.state == "not possible" and outcome.what[0].startswith(f"git cannot read its repository in {city}.")
    with origin.template(detroit.template) as template:
        found = [(one.cell, one.kind, one.who) for one in drift.drift(template, city)]
    assert found == [("", "older version", ""), ("i2", "changed", "")]
    assert tree(city) == before


@pytest.mark.full
def test_without_git_or_a_record_nothing_is_touched(template, tmp_path, bake, no_user_defaults):
    source = Path(shutil.copytree(template, tmp_path / "template"))
    city = new.create(source, tmp_path, {"city": "newark"})
    plain = bake(source, tmp_path, {"city": "racine"})
    newer(source)
    before = tree(city), tree(plain)
    with origin.template(source) as versions:
        assert update.update(versions, city).state == "no git"
        git(city, "init", "--quiet")
        assert update.update(versions, city).what == (
            "Its files are not in a git repository, so an update could not be undone.",
        )
        under_git(plain)
        outcome = update.update(versions, plain)
        assert outcome.state == "no record"
        assert before == (tree(city), tree(plain))
        # What is advised works: the version is found by the shared code.
        words = commands(outcome)[0]
        assert words[:2] == ["cruft", "link"] and words[3] == "--checkout"
        cruft.link(words[2], plain, checkout=words[4], extra_context={"city": "racine"}, config_file=no_user_defaults)
        commit(plain, "Where it comes from")
        assert update.update(versions, plain).state == "clean"


@pytest.mark.full
def test_a_city_s_own_emi_fetches_the_template_its_record_names(detroit):
    with origin.template(detroit.template.as_uri()) as template:
        assert template.commit == detroit.new
        assert update.update(template, detroit.cities["detroit"]).state == "conflict"
    with pytest.raises(origin.NoVersion, match="cannot be fetched"), origin.template("/no/such/template"):
        pass
