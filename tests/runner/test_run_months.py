"""`emi run --months N`: earlier months in one command, kept in the city and never released."""

import json

import pytest
import toy
from toy_batch import Run, emi, finished

from shared_utils.results.notebooks import executed_path, of_month, state_path
from shared_utils.results.record import internal_path, release_path

EARLIER = [of_month(month) for month in ("2019-10", "2019-11")]

pytestmark = pytest.mark.full  # a batch of three months


@pytest.fixture(scope="module")
def batch(tmp_path_factory) -> Run:
    root = tmp_path_factory.mktemp("months")
    toy.make_city(root / "cities", "calder")
    return finished(root, emi(root, "run", "--months", "3", "-p", "as_of=2019-12-31"))


def test_each_month_has_its_own_record_as_of_its_last_day(batch):
    assert batch.code == 0 and "ok 3   failed 0   total 3" in batch.out
    days = {name: json.loads(internal_path(batch.city("calder"), name).read_text(encoding="utf-8"))["run"]["as_of"]
            for name in (*EARLIER, "monitoring")}  # fmt: skip
    assert list(days.values()) == ["2019-10-31", "2019-11-30", "2019-12-31"]
    assert executed_path(batch.city("calder"), EARLIER[0]).as_posix().endswith("history/2019-10/02_monitoring.ipynb")


def test_an_earlier_month_is_never_released(batch):
    city = batch.city("calder")
    assert sorted(p.name for p in (city / "outputs" / "release").iterdir()) == [
        "monitoring.html",
        "results_monitoring.json",
    ]
    assert json.loads(release_path(city, "monitoring").read_text(encoding="utf-8"))["run"]["as_of"] == "2019-12-31"
    assert not json.loads(state_path(city, EARLIER[0]).read_text(encoding="utf-8"))["released"]


def test_a_second_time_only_the_month_that_lacks_something_runs(batch):
    executed_path(batch.city("calder"), EARLIER[1]).unlink()
    plan = finished(batch.root, emi(batch.root, "run", "--months", "3", "-p", "as_of=2019-12-31", "--dry-run"))
    assert plan.out.splitlines()[1:] == ["  calder  monitoring 2019-11  02_monitoring.ipynb was removed"]
