"""What a batch does when the machine, another batch or a person gets in its way."""

import json
import os
import shutil
import signal
import sys
import time

import pytest
import toy
from toy_batch import emi, finished

from shared_utils import results, runner
from shared_utils.results import notebooks as files
from shared_utils.runner import locks, machine, memory


def plan(city, *notebooks):
    return runner.plan([city], list(notebooks or ["baseline"]), None)


def test_an_endless_cell_is_stopped_and_its_section_named(tmp_path):
    city = toy.make_city(tmp_path, "calder", baseline="while True:\n    pass")
    [result] = runner.execute(plan(city), workers=1, limit_s=4).results
    assert result.status == "failed" and result.error["section"] == "2. Read the monthly file"
    assert result.error["message"].startswith("It was stopped after 0.06") and "--timeout" in result.error["hint"]
    assert files.failed_path(city, "baseline").exists() and not files.executed_path(city, "baseline").exists()


def test_a_city_another_batch_works_on_is_left_to_it(tmp_path):
    city = toy.make_city(tmp_path, "calder")
    with locks.held([city]):
        report = runner.execute(plan(city), workers=1)
    assert report.exit_code == 3
    assert f"Another batch is working on it (process {os.getpid()} on" in report.results[0].error["message"]
    assert not files.state_path(city, "baseline").exists(), "the state belongs to the other batch"
    assert not files.lock_path(city).exists()


@pytest.mark.parametrize("stale", ["dead", "old", "set back", "broken"])
def test_a_stale_lock_keeps_nobody_out(tmp_path, stale):
    city = toy.make_city(tmp_path, "calder")
    lock = files.lock_path(city)
    lock.parent.mkdir(parents=True)
    holder = {"host": "another-machine", "pid": 1, "started": "2026-01-01 00:00 UTC"}
    if stale == "dead":
        gone = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-c", ""])
        os.waitpid(gone, 0)
        holder |= {"host": locks.socket.gethostname(), "pid": gone}
    lock.write_text("{" if stale == "broken" else json.dumps(holder), encoding="utf-8")
    if stale != "dead":  # a lock of the far future is one whose clock was set back since
        moved = {"old": -1, "set back": 1, "broken": -0.1}[stale] * (locks.STALE_S + 60)
        os.utime(lock, (time.time() + moved, time.time() + moved))
    with locks.held([city]) as busy:
        assert busy == {}
        assert json.loads(lock.read_text(encoding="utf-8"))["pid"] == os.getpid()
    assert not lock.exists()


def test_a_lock_of_a_living_owner_elsewhere_is_respected_while_it_is_touched(tmp_path):
    city = toy.make_city(tmp_path, "calder")
    lock = files.lock_path(city)
    lock.parent.mkdir(parents=True)
    holder = {"host": "another-machine", "pid": 1, "started": "2026-01-01 00:00 UTC"}
    lock.write_text(json.dumps(holder), encoding="utf-8")
    with locks.held([city]) as busy:
        assert "process 1 on another-machine, started 2026-01-01" in busy[city][0]
    assert lock.exists(), "it is not ours to remove"


@pytest.mark.full
def test_outputs_that_cannot_be_written_are_one_sentence(tmp_path):
    city = toy.make_city(tmp_path, "calder")
    (city / "outputs").write_text("a file where the folder should be", encoding="utf-8")
    other = toy.make_city(tmp_path, "dunmore")
    report = runner.execute(runner.plan([city, other], ["baseline"], None), workers=1)
    assert [result.status for result in report.results] == ["blocked", "ok"]
    assert report.results[0].error["message"] == "Its folder for outputs cannot be used: Not a directory."


FULL_DISK = "import errno, os\nraise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'some file')"


@pytest.mark.full
def test_a_full_disk_is_told_in_words(tmp_path):
    city = toy.make_city(tmp_path, "calder", baseline=FULL_DISK)
    [result] = runner.execute(plan(city), workers=1).results
    assert result.error["message"] == "The disk is full." and "emi run" in result.error["hint"]
    assert result.error["expected"]


def test_machine_errors_are_known_by_name_or_number():
    assert machine.in_words("MemoryError", "")[0] == "It needs more memory than there is."
    assert machine.in_words("OSError", "[Errno 30] Read-only file system: 'x'")[0] == "The folder can only be read."
    assert machine.in_words("ValueError", "no [Errno 28] here") is None


@pytest.mark.full
def test_a_folder_moved_away_is_not_made_again(tmp_path):
    move = "import shutil\nshutil.move(str(root), str(root.parent.parent / 'elsewhere'))"
    city = toy.make_city(tmp_path / "cities", "calder", baseline=move)
    [result] = runner.execute(plan(city), workers=1).results
    assert result.status == "failed" and result.error["message"]
    assert not city.exists(), os.listdir(city)


def test_free_memory_limits_the_workers(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.available() is None
    (tmp_path / "meminfo").write_text("MemTotal: 8000000 kB\nMemAvailable:    1200000 kB\n", encoding="ascii")
    assert memory.available() == 1_200_000 * 1024
    (tmp_path / "memory.max").write_text("700000000\n", encoding="ascii")
    (tmp_path / "memory.current").write_text("100000000\n", encoding="ascii")
    assert memory.available() == 600_000_000
    assert runner.executors.default_workers(27) == 1


@pytest.mark.full
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("after", [0.3, 1.5, 3.0, 5.0])
def test_ended_at_any_time_a_batch_resumes_to_the_same_bytes(tmp_path, how, after):
    undisturbed = toy.make_city(tmp_path / "a" / "cities", "calder")
    city = shutil.copytree(undisturbed, tmp_path / "b" / "cities" / "calder")
    names = ["-n", "baseline", "-n", "monitoring", "-n", "impact"]
    assert finished(tmp_path / "a", emi(tmp_path / "a", "run", *names)).code == 0
    process = emi(tmp_path / "b", "run", *names)
    time.sleep(after)
    process.send_signal(how)
    ended = finished(tmp_path / "b", process)
    assert "Traceback" not in ended.err
    assert finished(tmp_path / "b", emi(tmp_path / "b", "run", *names)).code == 0
    left = {p.name for p in (city / "outputs" / "internal").iterdir()}
    assert left == {p.name for p in (undisturbed / "outputs" / "internal").iterdir()}
    for notebook in files.NOTEBOOKS:
        first, second = (results.read(results.internal_path(c, notebook)) for c in (undisturbed, city))
        assert {**first, "run": None} == {**second, "run": None}
        pages = [results.page_path(c, notebook).read_bytes() for c in (undisturbed, city)]
        assert pages[0] == pages[1]
