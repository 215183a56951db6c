"""The pool: a dead worker takes only its own job with it."""

from worker_jobs import die, die_once, environment, refuse, square

from shared_utils.runner.executors import Failure, Task, default_workers, run_tasks


def run(*tasks: Task, workers: int = 2) -> dict:
    return dict(run_tasks(tasks, workers))


def test_dead_worker_is_tried_twice_and_leaves_the_others(tmp_path):
    answers = run(
        Task("dead", die),
        Task("unlucky", die_once, (tmp_path / "marker",)),
        *(Task(n, square, (n,)) for n in range(4)),
    )
    assert [answers[n] for n in range(4)] == [0, 1, 4, 9]
    assert answers["unlucky"] == "second try"
    assert answers["dead"].ename == "InfrastructureDeath"


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
