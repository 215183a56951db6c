"""The same batch on two separately started dask workers: same results, whether or not they see the folders."""

import json
import os
import subprocess
import sys
import time

import cloudpickle
import psutil
import pytest
import toy
from distributed import Client

from shared_utils import results, runner
from shared_utils.errors import EmiError
from shared_utils.results import notebooks as files
from shared_utils.runner import on_dask, warm
from shared_utils.runner.executors import Task

pytestmark = pytest.mark.full  # a scheduler and two workers take ten seconds to start


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """The address of a scheduler with two workers, each a process that was started by hand."""
    folder = tmp_path_factory.mktemp("dask")
    address = folder / "scheduler.json"
    common = ["--scheduler-file", str(address)]
    commands = [["scheduler", *common, "--port", "0", "--no-dashboard"]]
    commands += [["worker", *common, "--nthreads", "1", "--local-directory", str(folder), "--no-dashboard"]] * 2
    running = []
    for number, command in enumerate(commands):
        log = (folder / f"{number}.log").open("wb")
        running.append(subprocess.Popen([sys.executable, "-m", "dask", *command], stdout=log, stderr=log))
        while number == 0 and not address.exists():
            time.sleep(0.1)
    at = json.loads(address.read_text(encoding="utf-8"))["address"]
    with Client(at, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    yield at
    for process in reversed(running):
        process.terminate()
        process.wait()


def outcome(city) -> dict:
    """What a run left, without its times."""
    record = json.loads(results.internal_path(city, "baseline").read_text(encoding="utf-8"))
    state = json.loads(files.state_path(city, "baseline").read_text(encoding="utf-8"))
    keep = ("status", "fingerprint", "parameters", "error")
    released = results.release_path(city, "baseline").read_text(encoding="utf-8")
    return {"record": {**record, "run": None}, "state": {k: state[k] for k in keep}, "released": bool(released)}


@pytest.mark.parametrize("shipped", [False, True])
def test_workers_give_what_the_local_pool_gives(scheduler, tmp_path, monkeypatch, shipped):
    here = [toy.make_city(tmp_path / "here", name) for name in ("calder", "dunmore")]
    there = [toy.make_city(tmp_path / "there", name) for name in ("calder", "dunmore")]
    if shipped:  # as if no worker had the folder; the city lets its data travel
        monkeypatch.setattr(on_dask, "_sees", lambda marks: [])
        for city in (*here, *there):
            text = (city / "city.yml").read_text(encoding="utf-8") + "privacy: {remote_compute: true}\n"
            (city / "city.yml").write_text(text, encoding="utf-8")
    runner.execute(runner.plan(here, ["baseline"], None), workers=2)
    at = []
    report = runner.execute(
        runner.plan(there, ["baseline"], None), on_event=lambda kind, what: at.append(kind), scheduler=scheduler
    )
    assert [result.status for result in report.results] == ["ok", "ok"], report.results
    assert [outcome(city) for city in there] == [outcome(city) for city in here]
    assert at.count("started") == at.count("finished") == 2 and "at" in at
    assert not list((tmp_path / "there").rglob(".shipped-*"))


PARENT = """\
import os
(root / "parent").write_text(os.environ["JPY_PARENT_PID"], encoding="utf-8")
"""


def servers(scheduler, folder) -> list[int]:
    """Whose copies the kernels of a batch of two cities were, one on each worker."""
    cities = [toy.make_city(folder, name, baseline=PARENT) for name in ("calder", "dunmore")]
    report = runner.execute(runner.plan(cities, ["baseline"], None), scheduler=scheduler)
    assert [(result.status, result.cold) for result in report.results] == [("ok", ""), ("ok", "")], report.results
    return [int((city / "parent").read_text(encoding="utf-8")) for city in cities]


def test_workers_on_this_machine_share_the_fork_server_of_the_batch(scheduler, tmp_path):
    first, second = servers(scheduler, tmp_path / "one")
    again, _ = servers(scheduler, tmp_path / "two")
    assert first == second != again
    assert not any(map(psutil.pid_exists, (first, again))) and not warm.socket_path()


def test_a_worker_with_another_environment_has_a_fork_server_of_its_own(scheduler, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # of this process; the workers have 1
    own = servers(scheduler, tmp_path / "one")
    assert own[0] != own[1] and all(map(psutil.pid_exists, own))
    assert sorted(servers(scheduler, tmp_path / "two")) == sorted(own)  # they stay with their worker


def watching(dask_worker) -> list[str]:
    """On a worker or its nanny: what would cost time for nothing."""
    watches = dask_worker.periodic_callbacks
    return [name for name in ("profile", "tick") if name in watches and watches[name].is_running()]


def kept(dask_worker) -> tuple:
    """On a worker: what would cost its kernels time, and their threads."""
    return watching(dask_worker), "MALLOC_TRIM_THRESHOLD_" in os.environ, os.environ.get("OMP_NUM_THREADS")


def test_a_worker_spends_no_time_on_watching_a_kernel(scheduler, tmp_path):
    city = toy.make_city(tmp_path, "calder")
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # no worker has the tests
    with Client(scheduler, set_as_default=False) as client:
        runner.execute(runner.plan([city], ["baseline"], None), scheduler=scheduler)
        assert list(client.run(watching, nanny=True).values()) == [[], []]
        assert ([], False, "1") in client.run(kept).values()


def test_private_data_stay_unless_the_city_lets_them_travel(scheduler, tmp_path, monkeypatch):
    monkeypatch.setattr(on_dask, "_sees", lambda marks: [])
    city = toy.make_city(tmp_path, "elmwood")
    with pytest.raises(EmiError, match="the data would have to travel"):
        runner.execute(runner.plan([city], ["baseline"], None), scheduler=scheduler)
    (city / "data" / "private" / "crosswalk").mkdir()
    (city / "data" / "private" / "crosswalk" / ".salt").write_text("secret", encoding="utf-8")
    (city / "city.yml").write_text("privacy: {remote_compute: true}\n", encoding="utf-8")
    assert b"secret" not in on_dask._archive(city) and b".salt" not in on_dask._archive(city)


def test_a_worker_with_other_code_is_refused():
    mine = on_dask.code()
    assert mine["pandas"] and len(mine["shared_utils"]) == 64
    with pytest.raises(EmiError, match="worker at tcp://10.0.0.7:4000 has another pandas than this machine"):
        on_dask.refuse_differing(mine, {"tcp://10.0.0.6:4000": mine, "tcp://10.0.0.7:4000": mine | {"pandas": "0.1"}})


def test_a_killed_worker_costs_one_more_try(scheduler, tmp_path):
    once = toy.dead_worker_once("baseline")
    city = toy.make_city(tmp_path, "ironvale", baseline=once)
    report = runner.execute(runner.plan([city], ["baseline", "monitoring"], None), scheduler=scheduler)
    assert [result.status for result in report.results] == ["ok", "ok"]
    assert (city / "died").exists()


def test_no_scheduler_is_a_sentence(tmp_path):
    with pytest.raises(EmiError, match="No dask scheduler answers"):
        list(on_dask.run_tasks([Task("x", outcome, (tmp_path,))], "tcp://127.0.0.1:9"))


@pytest.mark.parametrize("address", ["127.0.0.1", "tcp://127.0.0.1", "http://127.0.0.1:8786", "tcp://127.0.0.1:port"])
def test_an_address_that_can_be_none_is_told_how_to_be_written(address):
    with pytest.raises(EmiError, match="is not the address of a dask scheduler") as told:
        on_dask.count_workers(address)
    assert "--scheduler tcp://HOST:8786" in str(told.value)
