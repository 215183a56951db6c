"""Intake that is killed, meets a full disk or another intake leaves all of the old tables or all of the new ones."""

import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from intake_city import City

from shared_utils import data
from shared_utils.data import report, store
from shared_utils.errors import EmiError

SALT = "ab" * 32
ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def salt_of_the_city(monkeypatch):
    monkeypatch.delenv("EMI_SALT_TESTVILLE", raising=False)


def city_with_salt(folder: Path) -> City:
    city = City(folder)
    (city.root / "crosswalk").mkdir()
    (city.root / "crosswalk" / ".salt").write_text(SALT, encoding="utf-8")
    return city


def changed(city: City) -> City:
    """AB-004 has left, AB-005 is new, AB-001 is a year older."""
    return city.change("tracker.csv", "AB-004", "AB-005").change("tracker.csv", ",34,", ",35,")


@pytest.mark.skipif(sys.platform == "win32", reason="the processes that are killed are forked")
@pytest.mark.parametrize("first, step", [
    pytest.param(False, 240, id="a few points"),
    pytest.param(False, 1, id="every point", marks=pytest.mark.full),
    pytest.param(True, 1, id="every point of the first intake", marks=pytest.mark.full),
])  # fmt: skip
def test_a_kill_at_any_point_leaves_the_old_tables_or_the_new_ones(tmp_path, first, step):
    old, new = city_with_salt(tmp_path / "old"), changed(city_with_salt(tmp_path / "new"))
    if not first:
        old.intake()
    new.intake()
    folders = [str(tmp_path), str(old.folder), str(new.folder)]
    done = subprocess.run(
        [sys.executable, str(HERE / "kill_points.py"), *folders, str(step)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    print(f"killed at {told['points']} points; then read: {told['states']}")
    assert told["wrong"] == []
    made = sum(path.is_file() for name in ("linked", "crosswalk") for path in (new.root / name).rglob("*"))
    at_least = 3 * (made - 1)  # every file but the salt is opened, flushed and renamed
    assert told["points"] >= at_least // step and min(told["states"].values()) >= 1


def test_the_report_names_the_tables_by_their_content(tmp_path):
    city = city_with_salt(tmp_path)
    done = city.intake()
    assert set(done.tables) == {"participants", "assignments", "outcomes", "services", "units"}
    assert done == data.IntakeReport(**{**report.read(city.root / "linked").__dict__, "ran": True})
    for name, facts in done.tables.items():
        (table,) = city.root.glob(f"linked/{name}.*.parquet")
        assert hashlib.sha256(table.read_bytes()).hexdigest() == facts["sha256"]
        assert len(pd.read_parquet(table)) == facts["rows"]


def test_the_crosswalk_names_everybody_in_the_tables_and_nobody_who_left(tmp_path):
    city = city_with_salt(tmp_path)
    city.intake()
    changed(city).intake()
    rows = pd.read_csv(city.root / "crosswalk" / "crosswalk.csv", dtype=str)
    people = rows[rows["kind"] == "participant"]
    assert set(people["pseudonym"]) == set(city.tables()["participants"]["participant_id"])
    assert sorted(people["id"]) == ["AB-001", "AB-002", "AB-003", "AB-005"]


def test_what_stays_of_a_killed_intake_is_removed_and_other_files_are_not(tmp_path):
    city = city_with_salt(tmp_path)
    (city.root / "linked").mkdir()
    kept = [city.root / "linked" / ".gitkeep", city.root / "linked" / "notes.txt"]
    gone = [city.root / "linked" / "people.0123456789abcdef.parquet", city.root / "linked" / ".people.part",
            city.root / "crosswalk" / ".crosswalk.csv.part", city.root / "crosswalk" / ".salt.part"]  # fmt: skip
    for path in (*kept, *gone):
        path.write_text("half", encoding="utf-8")
    city.intake()
    assert all(path.exists() for path in kept) and not any(path.exists() for path in gone)


@pytest.mark.parametrize("at", [1, 3, 6, 8])
def test_a_full_disk_is_said_and_leaves_the_old_tables(tmp_path, monkeypatch, at):
    city = city_with_salt(tmp_path)
    city.intake()
    old, crosswalk = city.linked_bytes(), (city.root / "crosswalk" / "crosswalk.csv").read_bytes()
    changed(city)
    writes, real = [], os.fsync

    def full(descriptor):
        writes.append(descriptor)
        if len(writes) == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(EmiError) as refused:
        city.intake()
    assert len(writes) == at
    assert "The disk is full" in refused.value.message and "Free some space" in refused.value.hint
    if at < 8:  # the 8th comes after the change: it takes who left out of the crosswalk
        assert city.linked_bytes() == old
    assert set(crosswalk.splitlines()) <= set((city.root / "crosswalk" / "crosswalk.csv").read_bytes().splitlines())
    assert not list(city.root.rglob("*.part"))


def test_an_error_of_our_own_leaves_the_old_tables(tmp_path, monkeypatch):
    city = city_with_salt(tmp_path)
    city.intake()
    old = city.linked_bytes()
    monkeypatch.setattr(store, "put", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        changed(city).intake()
    assert city.linked_bytes() == old


@pytest.mark.full
def test_two_first_intakes_at_once_make_one_salt_and_the_same_tables(tmp_path):
    city = City(tmp_path)
    intake = "import sys; from shared_utils import data; data.intake(sys.argv[1])"
    command = [sys.executable, "-c", intake, str(tmp_path)]
    running = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, encoding="utf-8") for _ in range(2)]
    assert [(process.communicate()[1], process.returncode) for process in running] == [("", 0), ("", 0)]
    both = city.linked_bytes()
    assert len(bytes.fromhex((city.root / "crosswalk" / ".salt").read_text(encoding="utf-8"))) == 32
    city.intake()
    assert city.linked_bytes() == both
