"""Screens of a batch that need no batch."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from shared_utils.runner import BatchReport, Job, Plan, Result, report
from shared_utils.runner.execute import _finish
from shared_utils.runner.executors import Failure
from shared_utils.runner.status import CityStatus, NotebookStatus

WENT = {"section": "", "cell": None, "ename": "", "message": "It broke.", "hint": "", "expected": True}


def result(city: str, status: str, notebook: str = "impact", **error) -> Result:
    return Result(city, Path("no") / city, notebook, status, error=WENT | error if error else None)


@pytest.mark.parametrize(
    ("results", "code", "following"),
    [
        ([result("a", "ok")], 0, ["emi site"]),
        ([result("a", "current")], 0, ["emi status"]),
        ([result("a", "ok"), result("b", "failed", expected=True)], 1, ["emi check b", "emi run --failed"]),
        (
            [result("a", "failed", expected=False, section="2. Read")],
            1,
            ["emi lab a", "emi run --failed"],
        ),
        ([result("a", "ok"), result("b", "blocked", expected=True)], 1, ["emi check b", "emi run --failed"]),
        ([result("b", "blocked", expected=True)], 3, ["emi check b", "emi run --failed"]),
    ],
    ids=["all ok", "nothing to do", "data", "surprise", "one blocked", "nothing could start"],
)
def test_exit_code_and_next_commands(results, code, following):
    batch = BatchReport(results)
    assert (batch.exit_code, report.next_commands(batch)) == (code, following)


def test_one_cause_is_told_once():
    results = [result(city, "failed", nb, hint="Mend it.") for city in "ab" for nb in ("baseline", "impact")]
    lines = report.ending_lines(BatchReport(results), 80, Path())
    assert lines[1:6] == [
        "4 failed",
        "  a  baseline, impact",
        "  b  baseline, impact",
        "    It broke.",
        "    Fix         Mend it.",
    ]


def test_long_causes_wrap_and_stay_indented():
    long = "word " * 30 + "cities/greyport/outputs/internal/02_monitoring.failed.ipynb"
    lines = report.ending_lines(BatchReport([result("a", "failed", message=long)]), 80, Path())
    shown = "\n".join(lines).splitlines()
    assert max(map(len, shown)) <= 80
    assert [line for line in shown if "failed.ipynb" in line][0].startswith("    ")


def test_debug_adds_the_log(tmp_path):
    from shared_utils.results.notebooks import log_path

    failed = Result("a", tmp_path, "impact", "failed", error=WENT)
    log_path(tmp_path, "impact").parent.mkdir(parents=True)
    log_path(tmp_path, "impact").write_text("Traceback: deep inside\n", encoding="utf-8")
    quiet, loud = ("\n".join(report.ending_lines(BatchReport([failed]), 80, Path(), d)) for d in (False, True))
    assert "deep inside" in loud and "deep inside" not in quiet


def test_what_runs_now_is_a_line_a_notebook():
    jobs = [Job(city, Path(city), "impact", "run", "", expected_s=60.0) for city in ("a", "newark", *"cdefghijk")]
    at = {("a", "impact"): "I4. " + "What was the effect on the main outcome? " * 3, ("newark", "impact"): "starting"}
    lines = report.running_lines(at, [], Plan(tuple(jobs)), 3, 80).splitlines()
    assert lines[0] == "0 of 11, about 3 min 40 s left"
    assert lines[1].startswith("          a       impact  I4. What was")
    assert lines[1].endswith(" ...") and len(lines[1]) <= 76
    assert lines[2:] == ["          newark  impact  starting"]
    many = report.running_lines({(job.city, "impact"): "" for job in jobs}, [], Plan(tuple(jobs)), 3, 80).splitlines()
    assert (len(many), many[-1].strip()) == (10, "and 3 more")
    assert report.running_lines({}, [], Plan(()), 3, 80) == "0 of 0, releasing the results"


def test_failed_only_with_nothing_failed():
    assert report.plan_line(Plan(()), 2) == "Nothing to run: no notebook failed last time."


def test_status_page_tells_one_cause_once_and_links_no_files_of_an_older_run(tmp_path):
    from shared_utils.portfolio import write_status_page
    from shared_utils.results.notebooks import log_path

    log_path(tmp_path, "impact").parent.mkdir(parents=True)
    log_path(tmp_path, "impact").touch()
    error = WENT | {"hint": "Mend it."}
    words = {"baseline": "out of date", "monitoring": "blocked", "impact": "blocked"}
    notebooks = [
        NotebookStatus(nb, word, "city.yml changed", "", "2026-01-01T10:00", error=error if word == "blocked" else None)
        for nb, word in words.items()
    ]
    city = CityStatus("newark", tmp_path, "synthetic", "none", tuple(notebooks), {"warn": 0}, audit="passed")
    page = BeautifulSoup(write_status_page([city], tmp_path / "status.html").read_text(encoding="utf-8"), "html.parser")
    assert [section.get_text("|", strip=True) for section in page.select("section")] == [
        "newark: monitoring, impact blocked|It broke.|What to do:|Mend it.",
        "newark: baseline out of date|city.yml changed|What to do:|emi run newark",
    ]
    assert not page.select("section a") and " 0 s" not in page.get_text()


def test_status_grid():
    def notebooks(**words):
        return tuple(NotebookStatus(n, w, "why", "2019-12-31", "") for n, w in words.items())

    def city(name, *more):
        return CityStatus(name, Path(name), *more, audit="passed")

    flags = {"block": 0, "serious": 2, "warn": 1}
    rows = [
        city("newark", "synthetic", "prospective", notebooks(baseline="ok", impact="blinded"), flags),
        city("tulsa", "city", "none", notebooks(baseline="ok", impact="out of date"), {"warn": 0}),
    ]
    assert report.status_lines(rows, 80) == [
        "        baseline     impact       data to  data       flags",
        "newark  ok           blinded      2019-12  synthetic  2 serious, 1 warn",
        "tulsa   ok           out of date  2019-12  city       -",
        "",
        "  tulsa  impact: why",
        "",
        "4 notebooks: 2 ok, 1 blinded, 1 out of date.",
        "Next:  emi run",
    ]


def test_the_seconds_of_a_notebook_are_those_of_its_worker(tmp_path):
    (tmp_path / "outputs" / "internal").mkdir(parents=True)
    job = Job("calder", tmp_path, "baseline", "run", "")
    told = {"status": "ok", "error": None, "duration_s": 40.0}  # while the driver released another city
    assert _finish(job, told, since_start=0.2).seconds == 40.0
    assert _finish(job, Failure("InfrastructureDeath", "gone"), since_start=3.14).seconds == 3.1
