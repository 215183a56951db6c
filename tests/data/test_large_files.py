"""A log of two million events is read in bounded memory. Seconds are not asserted: they are the machine's."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from intake_memory import PEOPLE, measure, write_city  # noqa: E402

from shared_utils.data import report, store  # noqa: E402

ROWS, MOST_MB = 2_000_000, 1_400


@pytest.mark.full
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux keeps the peak memory of a process")
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_two_million_events_need_less_than_two_gigabytes(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("EMI_SALT_TESTVILLE", "01" * 32)
    city = write_city(tmp_path / "city", ROWS, kind)
    seconds, peak = measure(city)
    print(f"{ROWS:,} rows, {kind}: {peak:.0f} MB at most, {seconds:.0f} s of processor")
    assert peak < MOST_MB
    root = city / "data" / "private"
    done = report.read(root / store.LINKED)
    assert done.tables["services"]["rows"] == ROWS and done.tables["participants"]["rows"] == PEOPLE
    services = store.read_table(root / store.LINKED, done, "services")
    assert services["service_id"].str.fullmatch("s_[a-z2-7]{20}").all() and services["service_id"].is_unique
    assert services["subject_id"].str.fullmatch("p_[a-z2-7]{20}").all()
