"""What intake of a long event log costs in memory and time, printed as a table: rows, seconds of processor and peak MB.

    python benchmarks/intake_memory.py                       2,000,000 events of 20,000 people, as CSV and as Parquet
    python benchmarks/intake_memory.py --rows 4000000        another length

Intake runs in a process of its own, whose peak is the largest resident set it ever had (VmHWM on Linux). The log is
like those cities keep: an id for each event, who, what, when, how much, whether it was planned and took place.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "data")]

from intake_city import SETTINGS  # noqa: E402

FORMATS = ("csv", "parquet")
PEOPLE = 20_000
PEOPLE_MAPPING = """\
source: {path: raw/people.csv}
tables:
  participants: {columns: {Client: participant_id, Applied: application_date}, constants: {consent_status: consented}}
  assignments:
    columns: {Client: subject_id, Group: arm, Drawn: assigned_at}
    constants: {subject_type: participant, method: random_complete}
"""
LOG_MAPPING = """\
source: {path: raw/log.FORMAT}
tables:
  services:
    columns: {Event: service_id, Client: subject_id, What: service_type, Day: service_date, Amount: quantity,
              Unit: unit, Planned: scheduled, Done: delivered}
    constants: {subject_type: participant}
"""
# Printed by the process that ran intake. VmHWM counts from the start of the program; ru_maxrss also what it came from.
MEASURED = """\
import sys, time
from pathlib import Path
from shared_utils import data
start = time.process_time()
data.intake(Path(sys.argv[1]))
seconds = time.process_time() - start
try:
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
except FileNotFoundError:
    import psutil
    memory = psutil.Process().memory_info()
    peak = getattr(memory, "peak_wset", memory.rss) / 1024**2
print(f"{seconds:.1f} {peak:.0f}")
"""


def write_city(folder: Path, rows: int, kind: str, people: int = PEOPLE) -> Path:
    """Write a city with `people` participants and a log of `rows` events as `kind`, csv or parquet."""
    raw = folder / "data" / "private" / "raw"
    raw.mkdir(parents=True)
    (folder / "mappings").mkdir()
    (folder / "city.yml").write_text(SETTINGS, encoding="utf-8")
    (folder / "mappings" / "people.yml").write_text(PEOPLE_MAPPING, encoding="utf-8")
    (folder / "mappings" / "log.yml").write_text(LOG_MAPPING.replace("FORMAT", kind), encoding="utf-8")
    clients = pd.Series([f"NB-{i:06d}" for i in range(people)])
    rng = np.random.default_rng(1)
    register = pd.DataFrame({
        "Client": clients, "Applied": "2019-04-15", "Group": rng.choice(["control", "offer"], people),
        "Drawn": "2019-05-01", "Phone": [f"555-{i:06d}" for i in range(people)],
    })  # fmt: skip
    register.to_csv(raw / "people.csv", index=False, lineterminator="\n")
    days = pd.date_range("2019-05-02", "2020-09-30").strftime("%Y-%m-%d")
    log = pd.DataFrame({
        "Event": "EV" + pd.Series(range(rows)).astype(str).str.zfill(9), "Client": rng.choice(clients, rows),
        "What": rng.choice(["coaching_contact", "session_completed", "message_delivered", "payment"], rows),
        "Day": rng.choice(days, rows), "Amount": rng.integers(1, 40_000, rows) / 100, "Unit": "hours",
        "Planned": rng.choice(["true", "false"], rows), "Done": rng.choice(["true", "false"], rows),
        "Staff note": rng.choice(["called twice", "came with a friend", "will call again on Monday", ""], rows),
    })  # fmt: skip
    if kind == "csv":
        log.to_csv(raw / "log.csv", index=False, lineterminator="\n")
    else:
        log.assign(Day=pd.to_datetime(log["Day"])).to_parquet(raw / "log.parquet", index=False)
    return folder


def measure(folder: Path) -> tuple[float, float]:
    """Run intake of a city in a process of its own; return (seconds of processor, peak MB)."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(folder)], cwd=ROOT, check=True, stdout=subprocess.PIPE, encoding="utf-8"
    )
    seconds, peak = done.stdout.split()[-2:]
    return float(seconds), float(peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    rows = parser.parse_args().rows
    print(f"{'rows':>10}  {'format':8}{'file MB':>8}{'CPU s':>9}{'peak MB':>9}")
    for kind in FORMATS:
        with tempfile.TemporaryDirectory() as scratch:
            city = write_city(Path(scratch) / "city", rows, kind)
            size = (city / "data" / "private" / "raw" / f"log.{kind}").stat().st_size / 1e6
            seconds, peak = measure(city)
            print(f"{rows:10,}  {kind:8}{size:8.0f}{seconds:9.1f}{peak:9.0f}", flush=True)


if __name__ == "__main__":
    main()
