"""Answers that cannot make a city: named at once, in the same words everywhere, before any folder exists."""

import json
import os
import subprocess
import sys

import cruft
import pytest
from cookiecutter.exceptions import FailedHookException, OutputDirExistsException
from template_helpers import CITIES

from shared_utils.template import inputs, new

OTHER = CITIES["other"]

# What was answered, and the line that refuses it.
REFUSED = [
    ({"city_name": ""}, "city_name: is empty."),
    ({"city_name": "x" * 81}, "city_name: has 81 characters. Use at most 80."),
    ({"city_name": "Cañon {x}"}, 'city_name: "Cañon {x}" holds { } which the settings files cannot carry.'),
    ({"city_name": 'The "Falls"'}, 'city_name: "The "Falls"" holds " which'),
    ({"city_name": "A\\B"}, 'city_name: "A\\B" holds \\ which'),
    ({"city_name": "Alder\nBay"}, "city_name: holds an invisible character (U+000A). Type it by hand"),
    ({"city_name": "Alder\u00a0Bay"}, "city_name: holds an invisible character (U+00A0)."),
    ({"city_name": " Alder"}, 'city_name: " Alder" begins or ends with a space.'),
    ({"program_title": "  "}, "program_title: is empty."),
    ({"program_title": "100{#"}, 'program_title: "100{#" holds {'),
    ({"state": ""}, "state: is empty. Write the two letters of the state, for example OH."),
    ({"state": "co"}, "state: \"co\" is not a state of the US. Did you mean 'CO'?"),
    ({"state": "Colorado"}, "Did you mean 'CO'?"),
    ({"state": "ZZ"}, 'state: "ZZ" is not a state of the US. Write its two letters'),
    ({"city_slug": ""}, "city_slug: is empty."),
    ({"city_slug": "../x"}, 'city_slug: "../x" cannot name a folder on every system.'),
    ({"city_slug": "a/b"}, 'city_slug: "a/b" cannot name a folder'),
    ({"city_slug": "a\\b"}, "cannot name a folder"),
    ({"city_slug": "Alder-Bay"}, "cannot name a folder"),
    ({"city_slug": "alder--bay"}, "cannot name a folder"),
    ({"city_slug": "-alder"}, "cannot name a folder"),
    ({"city_slug": "cañon"}, "cannot name a folder"),
    ({"city_slug": "ab"}, 'city_slug: "ab" has 2 characters. Use 3 to 60.'),
    ({"city_slug": "x" * 300}, "has 300 characters. Use 3 to 60."),
    (
        {"city_slug": "con"},
        'city_slug: "con" is kept by Windows for a device. Add a word, for example con-pilot.',
    ),
    ({"city_slug": "lpt1"}, "kept by Windows"),
    (
        {"domain": "houses"},
        "domain: \"houses\" is not a domain. Did you mean 'housing'? Choose one: employment,",
    ),
    ({"domain": ""}, "domain: is empty. Choose one: employment, education, housing, savings."),
    ({"design": "rct_clustered"}, "design: \"rct_clustered\" is not a design. Did you mean 'rct_cluster'?"),
    ({"design": ""}, "design: is empty. Choose one: rct_individual, rct_cluster,"),
    ({"start_date": "2024-13-01"}, 'start_date: "2024-13-01" is not a day of the calendar.'),
    ({"start_date": "04/01/2024"}, 'start_date: "04/01/2024" is not a date. Write it as YYYY-MM-DD'),
    ({"start_date": "20240101"}, 'start_date: "20240101" is not a date.'),
    ({"end_date": ""}, "end_date: is empty. Write it as YYYY-MM-DD"),
    ({"end_date": "2023-12-31"}, 'end_date: "2023-12-31" is not after the start, 2024-01-01.'),
    ({"end_date": "2024-01-01"}, "is not after the start"),
    (
        {"end_date": "2024-01-20"},
        "is 19 days after the start, 2024-01-01. A pilot lasts at least four weeks.",
    ),
    ({"end_date": "2204-01-01"}, "A pilot lasts at most ten years."),
]
PRESET_REFUSED = [
    (
        {"design": "rd"},
        'design: "rd" is not what the ready-made Newark pilot is built for (panel_did). '
        'Keep panel_did, or choose the city "other".',
    ),
    ({"state": "DE"}, 'state: "DE" is not what the ready-made Newark pilot is built for (NJ).'),
]
CASES = [*[(OTHER, *case) for case in REFUSED], *[({"city": "newark"}, *case) for case in PRESET_REFUSED]]

MANY = {
    **OTHER,
    "city_name": "Canon {x}",
    "state": "Colorado",
    "city_slug": "../x",
    "domain": "houses",
    "design": "rct",
    "start_date": "2024-13-01",
    "end_date": "",
}
MESSAGE = """\
This city cannot be made yet: 7 answers need a change. Nothing was created.

  city_name: "Canon {x}" holds { } which the settings files cannot carry. Leave it out.
  state: "Colorado" is not a state of the US. Did you mean 'CO'? Write its two letters, for example OH.
  city_slug: "../x" cannot name a folder on every system. Use lower case letters a-z, digits and \
single hyphens, for example alder-bay-savings.
  domain: "houses" is not a domain. Did you mean 'housing'? Choose one: employment, education, \
housing, savings.
  design: "rct" is not a design. Choose one: rct_individual, rct_cluster, did_staggered, iv_encouragement, \
rct_blocked_lottery, panel_did, observational_aipw, rd, rct_multiarm, synthetic_control, interrupted_time_series, \
time_to_event, descriptive.
  start_date: "2024-13-01" is not a day of the calendar. Write it as YYYY-MM-DD, for example 2019-04-01.
  end_date: is empty. Write it as YYYY-MM-DD, for example 2019-04-01.

Next: type the same command again with another answer for city_name, state, city_slug, domain, design, \
start_date, end_date."""


@pytest.mark.parametrize(
    "answers, changed, line",
    CASES,
    ids=lambda part: next(iter(part.items()), "") if isinstance(part, dict) and len(part) == 1 else "",
)
def test_each_wrong_answer_is_named(answers, changed, line, cookiecutter_json):
    found = inputs.problems({**cookiecutter_json(answers), **changed})
    assert len(found) == 1 and line in found[0]
    assert found[0].split(":")[0] in changed


def test_right_answers_have_no_problem(cookiecutter_json):
    for answers in CITIES.values():
        assert inputs.refusal(cookiecutter_json(answers)) == ""
    for name in ("O'Fallon", "Cañon City", "Coeur d'Alene", "Winston-Salem", "St. Paul"):
        assert inputs.problems(cookiecutter_json({**OTHER, "city_name": name})) == []


# What would create or break folders, or stop with an error of the system's, if it were found later.
@pytest.mark.parametrize("slug", ["../x", "a/b", "x" * 300, "", "con", "."])
def test_cookiecutter_creates_nothing(slug, template, bake, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(FailedHookException, match="city_slug"):
        bake(template, out, {**OTHER, "city_slug": slug})
    assert [*tmp_path.rglob("*")] == [out]


def test_cookiecutter_says_everything_at_once(template, bake, tmp_path):
    with pytest.raises(FailedHookException) as refused:
        bake(template, tmp_path, MANY)
    assert str(refused.value) == MESSAGE
    assert [*tmp_path.iterdir()] == []


def test_cruft_says_the_same(template, no_user_defaults, tmp_path):
    with pytest.raises(FailedHookException) as refused:
        cruft.create(str(template), output_dir=tmp_path, config_file=no_user_defaults, extra_context=MANY)
    assert str(refused.value) == MESSAGE
    assert [*tmp_path.iterdir()] == []


def test_emi_new_says_the_same(template, tmp_path):
    with pytest.raises(new.TemplateError) as refused:
        new.create(template, tmp_path, MANY)
    problem, _, hint = MESSAGE.rpartition("\n\n")
    assert (refused.value.message, refused.value.hint) == (problem, hint)
    assert [*tmp_path.iterdir()] == []


def test_the_program_prints_no_traceback(template, no_user_defaults, tmp_path):
    # Under cp1252 with a name that it cannot print: the message must still come out.
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "cookiecutter",
            "--no-input",
            "--config-file",
            no_user_defaults,
            "--output-dir",
            tmp_path,
            template,
            *(f"{name}={answer}" for name, answer in {**MANY, "city_name": "東京{"}.items()),
        ],
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        text=True,
        encoding="cp1252",
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert r'city_name: "\u6771\u4eac{" holds {' in done.stdout
    assert done.stdout.rstrip().splitlines()[-1].startswith("Next: type the same command again")


def test_replayed_answers_are_checked_too(template, bake, no_user_defaults, tmp_path, capfd):
    # --replay renders no variable of cookiecutter.json, so here only the hook can refuse.
    bake(template, tmp_path / "first", OTHER)
    replay = json.loads((no_user_defaults.parent / "replay" / f"{template.name}.json").read_text(encoding="utf-8"))
    replay["cookiecutter"].update(city_slug="Wrong", design="rct")
    (tmp_path / "replay.json").write_text(json.dumps(replay), encoding="utf-8")
    from cookiecutter.main import cookiecutter

    (tmp_path / "second").mkdir()
    with pytest.raises(FailedHookException):
        cookiecutter(
            str(template),
            replay=str(tmp_path / "replay.json"),
            output_dir=str(tmp_path / "second"),
            config_file=str(no_user_defaults),
        )
    said = capfd.readouterr().err
    assert "2 answers need a change" in said and 'city_slug: "Wrong"' in said
    assert [*(tmp_path / "second").iterdir()] == []


def test_unknown_question_and_city(template, tmp_path):
    with pytest.raises(new.TemplateError, match="'town' is not asked for a new city"):
        new.create(template, tmp_path, {"town": "Newark"})
    with pytest.raises(new.TemplateError, match="'newarc'|\"newarc\".*Did you mean 'newark'"):
        new.create(template, tmp_path, {"city": "newarc"})
    assert [*tmp_path.iterdir()] == []


def test_folder_already_there(template, bake, tmp_path):
    made = new.create(template, tmp_path, {"city": "racine"})
    before = (made / "city.yml").read_bytes()
    with pytest.raises(OutputDirExistsException):
        bake(template, tmp_path, {"city": "racine"})
    with pytest.raises(new.TemplateError, match="already exists") as refused:
        new.create(template, tmp_path, {"city": "racine"})
    assert refused.value.hint == "Next: choose another city_slug, or move that folder away."
    assert (made / "city.yml").read_bytes() == before


def test_foreign_package_named_hooks_is_not_used(template, no_user_defaults, tmp_path):
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "__init__.py").write_text("", encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "cookiecutter",
            "--no-input",
            "--config-file",
            no_user_defaults,
            "--output-dir",
            tmp_path / "out",
            template,
            "city=newark",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 1 and "hooks.template_root" in done.stdout
    assert not (tmp_path / "out").exists()
