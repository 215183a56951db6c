"""What a city changed of the template: by cell, with who and when, and never the template's own doing."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fleet import IMPACT, MONITORING, add_line, edit, newer, place, under_git
from template_helpers import git

from shared_utils.cli import main
from shared_utils.portfolio import write_status_page
from shared_utils.template import drift, new, origin, update

TODAY = f"{datetime.now(UTC):%Y-%m-%d}"


@pytest.fixture(scope="module")
def versions(template, tmp_path_factory) -> tuple[Path, Path]:
    """A template with two versions, and a city made from the older one, under git. Read only."""
    room = tmp_path_factory.mktemp("drift")
    source = Path(shutil.copytree(template, room / "template"))
    city = new.create(source, room / "cities", {"city": "newark"})
    under_git(city)
    newer(source)
    return source, city


@pytest.fixture
def city(versions, tmp_path) -> Path:
    return Path(shutil.copytree(versions[1], tmp_path / "cities" / "newark"))


def differences(template: Path, city: Path) -> list[tuple]:
    with origin.template(template) as at:
        return [(d.file, d.cell, d.kind, d.who, d.when) for d in drift.drift(at, city)]


def test_what_the_template_changed_since_is_not_the_city_s_doing(versions, city):
    assert differences(versions[0], city) == [("template", "", "older version", "", "")]


def test_each_change_is_named_by_cell_with_who_and_when(versions, city):
    add_line(city / IMPACT, "i1", "# ours")
    edit(city / IMPACT, lambda cells: cells.append(cells.pop(place(cells, "i2"))))
    edit(city / IMPACT, lambda cells: cells.pop(place(cells, "i3")))
    (city / "notebooks" / "04_costs.ipynb").write_bytes((city / MONITORING).read_bytes())
    with (city / "shared_utils" / "errors.py").open("a", encoding="utf-8") as file:
        file.write("# ours\n")
    git(city, "add", "--all")
    git(city, "commit", "--quiet", "-m", "Our year")
    add_line(city / MONITORING, "title", "Not finished")
    (city / "shared_utils" / "mine.py").write_text("", encoding="utf-8")
    ann = ("Ann Analyst", TODAY)
    assert differences(versions[0], city) == [
        ("template", "", "older version", "", ""),
        (MONITORING, "title", "changed", "not committed", ""),
        (IMPACT, "i1", "changed", *ann),
        (IMPACT, "i2", "moved", *ann),
        (IMPACT, "i3", "deleted", *ann),
        ("notebooks/04_costs.ipynb", "", "added", *ann),
        ("shared_utils/errors.py", "", "edited by hand", *ann),
        ("shared_utils/mine.py", "", "added by hand", "not committed", ""),
    ]


@pytest.mark.full
def test_while_an_update_waits_only_the_cell_in_conflict_is_the_city_s(versions, city):
    add_line(city / IMPACT, "i2", "# ours")
    git(city, "commit", "--quiet", "--all", "-m", "Our line")
    with origin.template(versions[0]) as at:
        assert update.update(at, city).state == "conflict"
    assert differences(versions[0], city) == [
        ("template", "", "update not finished", "", ""),
        (IMPACT, "i2", "changed", "not committed", ""),
    ]


def test_without_git_the_rest_is_said(versions, city):
    shutil.rmtree(city / ".git")
    (city / ".cruft.json").unlink()
    (city / IMPACT).unlink()
    found = differences(versions[0], city)
    assert (".cruft.json", "", "version unknown", "", "") in found
    assert (IMPACT, "", "deleted", "", "") in found and (MONITORING, "settings-text", "changed", "", "") in found


def test_the_command_and_the_page_of_the_batch_show_it(versions, city, monkeypatch, capsys, tmp_path):
    add_line(city / IMPACT, "i1", "# ours")
    monkeypatch.chdir(city)
    monkeypatch.setattr("shared_utils.cli.drift.own_template", lambda: versions[0])
    assert main(["drift"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["city", "file", "cell", "what", "who", "when"]
    assert lines[2].split() == ["newark", IMPACT, "i1", "changed", "not", "committed"]
    assert main(["drift", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["cities"]["newark"]
    assert found[1] == {"file": IMPACT, "cell": "i1", "kind": "changed", "who": "not committed", "when": ""}

    with origin.template(versions[0]) as at:
        changed = {"newark": drift.drift(at, city)}
    page = write_status_page([], tmp_path / "a.html", changed).read_text(encoding="utf-8")
    assert f"<td>{IMPACT}</td><td>i1</td><td>changed</td><td>not committed</td>" in page
    page = write_status_page([], tmp_path / "b.html", {"newark": []}).read_text(encoding="utf-8")
    assert "every city is as the template made it" in page


def test_a_notebook_nobody_can_read_is_said_and_stops_no_other_city(versions, city):
    (city / IMPACT).write_text("<<<<<<< ours\n", encoding="utf-8")
    with origin.template(versions[0]) as at:
        found = drift.drift_of_all(at, {city: "a", versions[1]: "b"})
    assert "is not a notebook that can be read" in found["a"][0].kind
    assert [one.kind for one in found["b"]] == ["older version"]


def test_a_city_alone_that_names_no_template_is_told_where_to_go(versions, city, monkeypatch, capsys):
    (city / ".cruft.json").unlink()
    monkeypatch.chdir(city)
    for command in ("drift", "update"):
        monkeypatch.setattr(f"shared_utils.cli.{command}.own_template", lambda: None)
        assert main([command]) == 3
        assert "it does not say where its template is" in capsys.readouterr().err
