"""What a batch does when the machine, another batch or a person gets in its way."""

import dataclasses
import errno
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import faults
import nbformat
import pytest
import toy
from toy_batch import HERE

from shared_utils import cli, results, runner
from shared_utils.results import notebooks as files
from shared_utils.runner import half_run, locks, machine, memory, report, warm
from shared_utils.runner.execute import _finish

GONE = 2**22 + 1  # a number no process has


def plan(city, *notebooks):
    return runner.plan([city], list(notebooks or ["baseline"]), None)


@pytest.mark.full
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


@pytest.mark.parametrize(("age_s", "left"), [(1, True), (locks.STALE_S + 60, False)], ids=["living", "stale"])
def test_a_city_that_is_up_to_date_keeps_no_stale_lock(tmp_path, age_s, left):
    city = toy.make_city(tmp_path, "calder")
    lock = files.lock_path(city)
    lock.parent.mkdir(parents=True)
    holder = {"host": "another-machine", "pid": 1, "started": "2026-01-01 00:00 UTC"}
    lock.write_text(json.dumps(holder), encoding="utf-8")
    os.utime(lock, (time.time() - age_s,) * 2)
    to_run = plan(city)
    current = dataclasses.replace(to_run, jobs=[dataclasses.replace(job, action="current") for job in to_run.jobs])
    assert runner.execute(current, workers=1).exit_code == 0
    assert lock.exists() == left


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


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("[Errno 13] Permission denied: '/City of Alder Bay/raw/monthly.xlsx'", "monthly.xlsx"),
        # What Windows says when a file is moved over one that Excel or a browser holds open.
        (
            r"[WinError 32] It is being used by another process: 'C:\\pilot\\.x.tmp' -> 'C:\\pilot\\page.html'",
            "page.html",
        ),
        ('[WinError 5] Access is denied: "C:\\\\O\'Fallon\\\\status"', "status"),
        ("[Errno 13] Permission denied", "A file or folder"),
    ],
)
def test_a_file_that_is_open_elsewhere_is_named(said, named):
    message, hint = machine.in_words("PermissionError", said)
    assert message == f"{named} is open in another program, or may not be read or written."
    assert hint == "Close that program, then:  emi run"


def test_errors_that_windows_numbers_otherwise():
    assert machine.in_words("OSError", "[WinError 112] There is not enough space on the disk")[0] == "The disk is full."
    assert machine.in_words("OSError", "[WinError 28] The printer is out of paper") is None


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


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What an undisturbed batch leaves, by workspace; each is run once."""
    return functools.cache(lambda workspace: faults.undisturbed(workspace, tmp_path_factory.mktemp("undisturbed")))


DISTURBED = [
    pytest.param(number, workspace, fault, id=fault.name + (", forked" if workspace is faults.TWO else ""))
    for workspace, of_it in faults.TRIED.items()
    for number, fault in enumerate(of_it)
]


@pytest.mark.full
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="walks /proc and has a terminal of its own")
@pytest.mark.parametrize(("number", "workspace", "fault"), DISTURBED)
def test_a_disturbed_batch_leaves_no_process_and_resumes_to_the_same_bytes(
    tmp_path, undisturbed, number, workspace, fault
):
    """benchmarks/faults.py tries each of them several times and writes down what was said."""
    if why := fault.impossible():
        pytest.skip(why)
    shown = faults.tried(fault, workspace, undisturbed(workspace), number, seed=1, folder=tmp_path / "disturbed")
    assert shown.wrong == (), shown


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals")
def test_told_to_end_a_command_puts_things_away_without_being_told_again(capsys):
    numbers, put_away = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP), []
    before = {number: signal.getsignal(number) for number in numbers}
    with cli._ending_once():
        pass
    assert {number: signal.getsignal(number) for number in numbers} == before
    try:
        with pytest.raises(KeyboardInterrupt), cli._ending_once():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(5)
            finally:
                for number in numbers:
                    os.kill(os.getpid(), number)
                    time.sleep(0.1)
                    put_away.append(number)
        os.kill(os.getpid(), signal.SIGINT)  # when the command is over and the program ends
        time.sleep(0.1)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert len(put_away) == 3 and capsys.readouterr().err == "Stopping.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no nohup")
def test_nohup_keeps_a_batch_alive_when_the_terminal_closes():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with cli._ending_once():
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.1)
    finally:
        signal.signal(signal.SIGHUP, before)


DRIVER = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from shared_utils.runner.executors import Task, run_tasks
from worker_jobs import wait_for_ever
if __name__ == "__main__":
    list(run_tasks([Task(1, wait_for_ever, (Path(sys.argv[1]),))], 1))
"""


def test_a_worker_ends_with_its_driver_in_the_middle_of_its_task(tmp_path):
    """Else it would write into a city that the next batch works on."""
    script, said = tmp_path / "driver.py", tmp_path / "pid"
    script.write_text(DRIVER.format(path=[str(HERE), str(HERE.parents[1])]), encoding="utf-8")
    driver = subprocess.Popen([sys.executable, str(script), str(said)])
    while not said.exists():
        time.sleep(0.05)
    driver.kill()
    driver.wait()
    worker = int(said.read_text(encoding="utf-8"))
    assert any(not locks.alive(worker) or time.sleep(0.05) for _ in range(200))


@pytest.mark.skipif(not warm.CAN_FORK, reason="this system starts kernels the ordinary way only")
def test_a_fork_server_that_dies_while_it_imports_keeps_nobody_waiting():
    from shared_utils.runner.warm import provisioner

    server = warm.Server(dict(os.environ))
    threading.Timer(0.3, server.process.kill).start()
    begun = time.monotonic()
    with pytest.raises(provisioner.Unavailable, match="the fork server does not answer"):
        provisioner.check(str(server.socket), sys.executable, dict(os.environ))
    with pytest.raises(provisioner.Unavailable, match="the fork server is gone"):
        provisioner.check(str(server.socket), sys.executable, dict(os.environ))
    assert time.monotonic() - begun < 15
    server.stop()
    assert not server.folder.exists()


def no_space(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "some file")


def test_a_full_disk_leaves_the_old_file_and_no_part_of_the_new_one(tmp_path, monkeypatch):
    results.write_text("old", tmp_path / "page.html")
    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(OSError, match="No space"):
        results.write_text("new", tmp_path / "page.html")
    assert [(file.name, file.read_text(encoding="utf-8")) for file in tmp_path.iterdir()] == [("page.html", "old")]


def test_a_notebook_that_cannot_be_made_quiet_is_not_kept(tmp_path, monkeypatch):
    path = tmp_path / "failed.ipynb"
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="no date for Jo", traceback=["no date for Jo"])
    cell = nbformat.v4.new_code_cell("raise ValueError(row)", outputs=[error])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    monkeypatch.setattr(half_run, "write_text", no_space)
    with pytest.raises(OSError, match="No space"):
        half_run.quiet_errors(path, set())
    assert not path.exists()


def test_a_city_that_is_moved_before_its_notebooks_start_is_not_made_again(tmp_path):
    city = toy.make_city(tmp_path / "cities", "calder")
    planned = plan(city)
    city.rename(tmp_path / "elsewhere")
    batch = runner.execute(planned, workers=1)
    assert batch.exit_code == 3 and "Its folder was moved or removed" in batch.results[0].error["message"]
    assert not city.exists()


def test_a_half_run_is_not_saved_into_a_folder_that_was_moved_away(tmp_path):
    source = files.source_path(toy.make_city(tmp_path, "calder"), "baseline")
    gone = tmp_path / "gone" / ".01_baseline.part.ipynb"
    with pytest.raises(FileNotFoundError, match="moved or removed"):
        half_run.HalfRun(source, gone, 60).save()
    assert not gone.parent.exists()


def test_a_lock_that_is_just_being_written_is_its_writer_s(tmp_path):
    lock = files.lock_path(toy.make_city(tmp_path, "calder"))
    lock.parent.mkdir(parents=True)
    lock.touch()
    with locks.held([tmp_path / "calder"]) as busy:
        assert "Another batch is working on it (just started)." in busy[tmp_path / "calder"][0]
    assert lock.exists()


def test_of_two_that_find_a_stale_lock_one_gets_it(tmp_path):
    city = toy.make_city(tmp_path, "calder")
    with locks.held([city]):  # the first one was quicker: what the second one takes away is not stale any more
        lock = files.lock_path(city)
        before = lock.read_text(encoding="utf-8")
        assert f"process {os.getpid()} on" in locks._take_over(lock, "the second one")
        assert lock.read_text(encoding="utf-8") == before and [*lock.parent.iterdir()] == [lock]


def test_a_lock_that_another_took_over_meanwhile_stays(tmp_path):
    city = toy.make_city(tmp_path, "calder")
    with locks.held([city]):
        files.lock_path(city).write_text("of another machine", encoding="utf-8")
    assert files.lock_path(city).read_text(encoding="utf-8") == "of another machine"


def test_who_gets_a_city_removes_what_a_killed_process_had_begun_to_write(tmp_path):
    city = toy.make_city(tmp_path, "calder")
    release = city / "outputs" / "release"
    release.mkdir(parents=True)
    gone, mine = release / f".baseline.html.{GONE}.tmp", release / f".impact.html.{os.getpid()}.tmp"
    gone.touch(), mine.touch()
    with locks.held([city]):
        assert [*release.iterdir()] == [mine]


@pytest.mark.full
def test_what_was_not_released_when_a_person_stopped_the_batch_is_not_called_good(tmp_path):
    def stop(kind, what):
        if kind == "finished":
            raise KeyboardInterrupt

    city = toy.make_city(tmp_path, "calder")
    batch = runner.execute(plan(city), workers=1, on_event=stop)
    assert batch.stopped and batch.counts["stopped"] == 1 and batch.counts["ok"] == 0
    assert plan(city).jobs[0].reason == "its last result was not released"


def test_failed_is_not_advised_where_no_state_says_that_it_failed(tmp_path):
    city = toy.make_city(tmp_path, "calder")
    with locks.held([city]):
        batch = runner.execute(plan(city), workers=1)
    assert report.next_commands(batch)[-1] == "emi run"


def test_a_state_that_cannot_be_kept_is_a_failure_in_words(tmp_path, monkeypatch):
    city = toy.make_city(tmp_path, "calder")
    [job] = plan(city).jobs
    monkeypatch.setitem(_finish.__globals__, "write_text", no_space)
    result = _finish(job, {"status": "ok", "error": None}, 1.0)
    assert (result.status, result.error["message"]) == ("failed", "The disk is full.")
    shutil.rmtree(city)
    result = _finish(job, {"status": "ok", "error": None}, 1.0)
    assert "was moved or removed" in result.error["message"] and not city.exists()
