"""The pool: a dead worker takes only its own job with it."""

import multiprocessing
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from worker_jobs import die, die_once, environment, parent, refuse, square, wait_for_ever

from shared_utils.runner import warm
from shared_utils.runner.executors import Failure, Slot, Task, default_workers, run_tasks

copies = pytest.mark.skipif(not warm.CAN_FORK, reason="this system cannot copy a running Python safely")
LIBRARIES = "worker_jobs"  # stands in for what takes seconds to import


def run(*tasks: Task, workers: int = 2, libraries: str = "") -> dict:
    return dict(run_tasks(tasks, workers, libraries=libraries))


@pytest.mark.parametrize("libraries", ["", LIBRARIES])
def test_dead_worker_is_tried_twice_and_leaves_the_others(tmp_path, libraries):
    answers = run(
        Task("dead", die),
        Task("unlucky", die_once, (tmp_path / "marker",)),
        *(Task(n, square, (n,)) for n in range(4)),
        libraries=libraries,
    )
    assert [answers[n] for n in range(4)] == [0, 1, 4, 9]
    assert answers["unlucky"] == "second try"
    assert answers["dead"].ename == "InfrastructureDeath"


def test_a_worker_for_one_caller_is_kept_and_replaced_when_it_dies(tmp_path):
    slot = Slot(LIBRARIES)
    try:
        assert slot.answer(Task("unlucky", die_once, (tmp_path / "marker",))) == "second try"
        kept = slot.process.pid
        assert slot.answer(Task("four", square, (2,))) == 4 and slot.process.pid == kept
        assert slot.answer(Task("dead", die)).ename == "InfrastructureDeath"
        assert slot.answer(Task("nine", square, (3,))) == 9 and slot.process.pid != kept
    finally:
        slot.stop()


def test_a_worker_can_be_ended_while_somebody_waits_for_it(tmp_path):
    slot, said = Slot(LIBRARIES), tmp_path / "said"
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(slot.answer, Task("long", wait_for_ever, (said,)))
        while not said.exists():
            time.sleep(0.05)
        slot.kill()
        assert waiting.result(timeout=30).ename == "InfrastructureDeath"
    slot.stop()
    assert not psutil.pid_exists(int(said.read_text(encoding="utf-8")))


def test_errors_come_back_as_words_and_only_once():
    answers = run(Task("refused", refuse, (1,)), Task("bug", square, ("x",)), workers=1)
    assert (answers["refused"].message, answers["refused"].hint) == ("not possible", "do this")
    assert answers["refused"].expected
    assert answers["bug"].ename == "TypeError" and not answers["bug"].expected
    assert isinstance(answers["bug"], Failure) and "Traceback" in answers["bug"].trace


def test_workers_hold_blas_to_one_thread_unless_the_person_says_otherwise(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    answers = run(*(Task(n, environment, (n,)) for n in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")))
    assert answers == {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "3"}


def test_default_workers():
    assert default_workers(0) == 1 and default_workers(1) == 1
    assert 2 <= default_workers(27) <= 4


@copies
def test_workers_with_libraries_are_copies_of_one_process_with_the_environment_of_now(monkeypatch):
    monkeypatch.setenv("EMI_TEST_WORD", "first")
    answers = run(Task(1, parent), Task("EMI_TEST_WORD", environment, ("EMI_TEST_WORD",)), libraries=LIBRARIES)
    assert answers[1] != os.getpid() and answers["EMI_TEST_WORD"] == "first"
    monkeypatch.delenv("EMI_TEST_WORD")
    again = run(Task(1, parent), Task("EMI_TEST_WORD", environment, ("EMI_TEST_WORD",)), libraries=LIBRARIES)
    assert again == {1: answers[1], "EMI_TEST_WORD": None}


@copies
def test_a_worker_whose_fork_server_was_killed_is_started_all_the_same():
    server = run(Task(1, parent), libraries=LIBRARIES)[1]
    os.kill(server, signal.SIGKILL)
    answers = run(*(Task(n, square, (n,)) for n in range(3)), Task("parent", parent), libraries=LIBRARIES)
    assert [answers[n] for n in range(3)] == [0, 1, 4] and answers["parent"] != server


def test_a_signal_while_a_worker_starts_is_the_only_error(monkeypatch):
    """SIGTERM is KeyboardInterrupt to the program; a worker that is not there yet cannot be joined."""

    def interrupted(process):
        raise KeyboardInterrupt

    monkeypatch.setattr(multiprocessing.context.SpawnProcess, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(Task(1, square, (1,)))


@copies
def test_libraries_that_cannot_be_imported_leave_each_worker_to_its_own(monkeypatch, tmp_path):
    """Its words on standard error are Python's; the work is done."""
    (tmp_path / "broken_libraries.py").write_text("raise SystemExit(3)", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    os.kill(run(Task(1, parent), libraries=LIBRARIES)[1], signal.SIGKILL)
    assert run(Task(1, parent), libraries="broken_libraries") == {1: os.getpid()}
