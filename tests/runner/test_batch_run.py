"""A batch with one failing city: what the others do, what is said, what is left behind, what runs next."""

import json
import os
import re
import shutil
import signal
import sys
import time

import nbformat
import pytest
import toy
from bs4 import BeautifulSoup
from toy_batch import emi, finished

from shared_utils import results, runner
from shared_utils.results import notebooks as files
from shared_utils.runner import report, warm


def test_one_failing_city_leaves_the_others(batch):
    assert batch.code == 1
    ended = re.findall(r"^  \[\d/6\] (\w+) +(\w+) +(\w+) +\d+\.\d s$", batch.out, re.MULTILINE)
    assert sorted(ended) == [
        ("alder_bay", "baseline", "ok"),
        ("alder_bay", "monitoring", "ok"),
        ("calder", "baseline", "ok"),
        ("calder", "monitoring", "ok"),
        ("greyport", "baseline", "ok"),
        ("greyport", "monitoring", "FAILED"),
    ]


def test_last_lines_say_where_why_and_what_to_do(batch):
    end = batch.out[batch.out.index("1 failed") :].splitlines()
    assert end[1] == '  greyport  monitoring, section "2. Read the monthly file"'
    assert "monthly.xlsx ? the file has" in " ".join(end)  # an arrow cp1252 does not have
    assert "    Fix         Rename it." in end
    half_run = os.path.join("cities", "greyport", "outputs", "internal", "02_monitoring.failed.ipynb")
    assert f"    Half-run    {half_run}" in end
    assert end[-2].startswith("ok 5   failed 1   total 6   ")
    assert end[-1] == "Next:  emi check greyport   then:  emi run --failed"


def test_screen_is_plain(batch):
    assert "Traceback" not in batch.out + batch.err and batch.err == ""
    assert "\x1b" not in batch.out
    assert max(map(len, batch.out.splitlines())) <= 80


def test_good_runs_leave_a_record_a_notebook_and_a_release(batch):
    city = batch.city("calder")
    record = results.read(results.internal_path(city, "baseline"))
    assert results.release_path(city, "baseline").exists() and results.page_path(city, "baseline").exists()
    executed = nbformat.read(files.executed_path(city, "baseline"), as_version=4)
    assert executed.metadata.papermill.parameters.run_id == record["run"]["run_id"] != ""
    assert not list(city.glob("outputs/internal/*part*"))


def test_kernels_get_one_thread_a_fixed_hash_seed_and_utf8(batch):
    executed = nbformat.read(files.executed_path(batch.city("calder"), "baseline"), as_version=4)
    shown = executed.cells[-1].outputs[-1].data["text/plain"]
    assert eval(shown) == {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}


def test_failed_run_keeps_log_and_half_run_notebook_but_no_result(batch):
    city = batch.city("greyport")
    state = json.loads(files.state_path(city, "monitoring").read_text(encoding="utf-8"))
    assert state["status"] == "failed"
    assert state["error"] == {
        "section": "2. Read the monthly file",
        "cell": 3,
        "ename": "MissingColumn",
        "message": 'Column "month" is missing from monthly.xlsx \u2192 the file has "mnth".',
        "hint": "Rename it.",
        "expected": True,
    }
    assert "MissingColumn" in files.log_path(city, "monitoring").read_text(encoding="utf-8")
    assert files.failed_path(city, "monitoring").exists()
    assert not files.executed_path(city, "monitoring").exists()
    assert not results.release_path(city, "monitoring").exists()


def test_the_status_page_shows_every_notebook_and_what_went_wrong(batch):
    page = (batch.root / "status" / "index.html").read_text(encoding="utf-8")
    soup = BeautifulSoup(page, "html.parser")
    words = [[tag.get_text() for tag in row.select(".tag")] for row in soup.select_one("table").select("tbody tr")]
    assert words == [["ok", "ok", "never run"], ["ok", "ok", "never run"], ["ok", "failed", "never run"]]
    [trouble] = soup.select("section")
    assert trouble.h3.get_text() == "greyport: monitoring failed"
    assert "In section \u201c2. Read the monthly file\u201d." in trouble.get_text()
    assert 'the file has "mnth"' in trouble.get_text() and "What to do: Rename it." in trouble.get_text()
    for link in soup.select("main a"):
        assert (batch.root / "status" / link["href"]).resolve().is_file(), link
    assert not soup.find("script") and "http" not in page.replace("http-equiv", "")


def test_the_status_tells_of_a_release_that_was_edited(batch, tmp_path):
    city = shutil.copytree(batch.city("calder"), tmp_path / "calder")
    assert [one.audit for one in runner.survey([city])] == ["passed"]
    page = results.page_path(city, "baseline")
    page.write_text(page.read_text(encoding="utf-8").replace("</", " </", 1), encoding="utf-8")
    assert [one.audit for one in runner.survey([city])] == ["edited by hand"]
    told = report.status_lines(runner.survey([city]), width=80)
    assert "  calder  a released result was edited by hand, so the site does not show it" in told
    assert "  calder  to release it again:  emi run calder --force" in told


def test_nothing_is_written_into_the_source_notebooks(batch):
    source = nbformat.read(files.source_path(batch.city("calder"), "baseline"), as_version=4)
    assert all(not cell.outputs for cell in source.cells if cell.cell_type == "code")


def reasons(batch, *folders: str, **options) -> dict:
    plan = runner.plan([batch.city(f) for f in folders], ["baseline", "monitoring"], None, **options)
    return {(job.city, job.notebook): (job.action, job.reason) for job in plan.jobs}


def test_rerun_takes_only_what_is_needed_and_says_why(batch):
    assert reasons(batch, "calder", "greyport") == {
        ("calder", "baseline"): ("current", "up to date"),
        ("calder", "monitoring"): ("current", "up to date"),
        ("greyport", "baseline"): ("current", "up to date"),
        ("greyport", "monitoring"): ("run", "its last run failed"),
    }
    assert list(reasons(batch, "calder", "greyport", failed_only=True)) == [("greyport", "monitoring")]
    assert {action for action, _ in reasons(batch, "calder", force=True).values()} == {"run"}
    assert reasons(batch, "calder", parameters={"draws": "100"})["calder", "baseline"] == (
        "run",
        "other parameters were asked for",
    )


def test_changed_inputs_are_named(batch, tmp_path):
    city = shutil.copytree(batch.city("calder"), tmp_path / "calder")

    def why():
        return runner.plan([city], ["baseline"], None).jobs[0].reason

    assert why() == "up to date"
    people = city / "data" / "private" / "raw" / "people.csv"
    people.write_text("id,housed\n1,0\n", encoding="utf-8")
    assert why() == "the data files changed"
    (city / "shared_utils" / "toy.py").write_text(toy.TOY + "# new\n", encoding="utf-8")
    assert why() == "the data files changed; shared_utils was updated"
    files.executed_path(city, "baseline").unlink()
    assert why() == "01_baseline.ipynb was removed"


@pytest.mark.full
def test_after_the_fix_failed_runs_again_and_json_is_one_object(batch, tmp_path):
    root = tmp_path / "again"
    shutil.copytree(batch.root, root)
    city = root / "cities" / "greyport"
    toy.write_notebook(files.source_path(city, "monitoring"), "monitoring", "1 + 1")
    run = finished(root, emi(root, "run", "--failed", "--json", "-p", "county_fips=061"))
    answer = json.loads(run.out)
    assert run.code == answer["exit_code"] == 0
    assert answer["counts"] == {"ok": 1, "failed": 0, "blocked": 0, "stopped": 0, "current": 0}
    assert (answer["notebooks"][0]["city"], answer["notebooks"][0]["status"]) == ("greyport", "ok")
    assert answer["next"] == ["emi site"]
    assert "[1/1] greyport" in run.err
    executed = nbformat.read(files.executed_path(city, "monitoring"), as_version=4)
    assert executed.metadata.papermill.parameters.county_fips == "061"
    assert not files.failed_path(city, "monitoring").exists()


def test_blocked_city_starts_nothing_and_is_told_once(batch, tmp_path):
    root = tmp_path / "blocked"
    shutil.copytree(batch.root, root)
    people = root / "cities" / "calder" / "data" / "private" / "raw" / "people.csv"
    people.write_text("id,housd\n1,0\n", encoding="utf-8")
    run = finished(root, emi(root, "run", "calder", "-n", "baseline", "-n", "monitoring"))
    assert run.code == 3  # nothing could start
    end = run.out[run.out.index("2 not started") :].splitlines()
    assert end[1:5] == [
        "  calder  baseline, monitoring",
        "    people.csv, column D: 'housed' is missing.",
        "    It has 'housd'.",
        "    Fix         Rename the column.",
    ]
    assert "The site keeps the last good results of calder." in end
    assert end[-1] == "Next:  emi check calder   then:  emi run --failed"


@pytest.mark.full
@pytest.mark.skipif(not warm.CAN_FORK, reason="kernels are not forked on this system")
def test_a_dead_fork_server_costs_a_second_ordinary_start(tmp_path):
    city = toy.make_city(tmp_path, "ironvale", baseline=toy.DEAD_SERVER_ONCE)
    report = runner.execute(runner.plan([city], ["baseline", "monitoring"], None), workers=2)
    assert [result.status for result in report.results] == ["ok", "ok"]
    assert "fork server" in report.results[0].cold


@pytest.mark.full
def test_dead_kernel_and_dead_worker_cost_only_their_own_notebook(tmp_path):
    city = toy.make_city(
        tmp_path, "ironvale", baseline=toy.DEAD_KERNEL, monitoring=toy.dead_worker_once("monitoring"), impact="1 + 1"
    )
    plan = runner.plan([city], list(files.NOTEBOOKS), None)
    report = runner.execute(plan, workers=3)
    baseline, monitoring, impact = report.results
    assert (monitoring.status, impact.status) == ("ok", "ok")
    assert baseline.status == "failed" and report.exit_code == 1
    assert 'The kernel ended in section "2. Read the monthly file"' in baseline.error["message"]
    assert "--workers 1" in baseline.error["hint"]
    half_run = nbformat.read(files.failed_path(city, "baseline"), as_version=4)
    assert half_run.cells[2].execution_count


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT to one process")
def test_ctrl_c_writes_status_and_exits_130(tmp_path):
    slow = "import os, time\n(root / 'pid').write_text(str(os.getpid()))\ntime.sleep(60)"
    city = toy.make_city(tmp_path / "cities", "dunmore", baseline=slow)
    process = emi(tmp_path, "run", "-n", "baseline", "--workers", "1")
    pid = city / "pid"
    waited_until(lambda: pid.exists() and pid.read_text(encoding="utf-8"))
    process.send_signal(signal.SIGINT)
    run = finished(tmp_path, process)
    assert run.code == 130 and "Traceback" not in run.err
    assert "stopped 1" in run.out and run.out.endswith("Next:  emi run\n")
    assert json.loads(files.state_path(city, "baseline").read_text(encoding="utf-8"))["status"] == "stopped"
    kernel = int(pid.read_text(encoding="utf-8"))
    waited_until(lambda: not alive(kernel))


def waited_until(true, seconds: float = 30) -> None:
    """Wait for another process; the limit only turns a hang into a failure."""
    for _ in range(int(seconds * 20)):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:  # a zombie has ended
        return stat.read().rpartition(")")[2].split()[0] != "Z"
