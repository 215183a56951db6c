"""How long a check of 100,000 rows and 12 columns takes, and how much of it the judging of cells.

    python benchmarks/intake_check.py [--rows 100000] [--errors 0.05]

One city with one CSV of mixed columns (ids, dates, codes, whole and decimal numbers), without and with errors in a
share of the rows. Times are processor seconds of one core; the target for 100,000 rows is 6.
"""

import argparse
import csv
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "data")]
TARGET = 6.0
HEADER = ("Client ID", "Site", "Applied", "Age", "Household", "Income", "Race", "Gender", "Working", "Group", "Drawn",
          "Score")  # fmt: skip
MAPPING = """\
source: {path: raw/tracker.csv}
tables:
  participants:
    columns: {Client ID: participant_id, Site: unit_id, Applied: application_date, Age: age_years,
              Household: household_size, Income: income_annual_usd, Race: race_ethnicity, Gender: gender,
              Working: employed_baseline}
    extra: {Score: score}
    constants: {consent_status: consented}
    types: {score: number}
    value_maps: {race_ethnicity: {B: black_nh, W: white_nh, H: hispanic}}
    rules: {household_size: {minimum: 1, maximum: 15}, score: {minimum: 0}}
  assignments:
    columns: {Client ID: subject_id, Group: arm, Drawn: assigned_at}
    constants: {subject_type: participant, method: random_complete}
    value_maps: {arm: {Usual: control, Offer: offer}}
"""
WRONG = {2: "13/2025", 3: "old", 4: "-1", 5: "2,300", 6: "Q", 7: "femal", 8: "maybe", 10: "43845", 11: "1e400"}


def row(number: int, draw: random.Random) -> list[str]:
    """Return one person; ids, incomes and scores are almost all different."""
    day = f"2019-05-{draw.randint(1, 28):02d}"
    return [f"AB-{number:06d}", f"Site {'AB'[number % 2]}", day, str(draw.randint(18, 80)), str(draw.randint(1, 9)),
            f"{draw.uniform(9_000, 60_000):.2f}", draw.choice("BWH"), draw.choice(("female", "male")),
            draw.choice(("yes", "no")), draw.choice(("Offer", "Usual")), day,
            f"{draw.gauss(110, 9):.4f}"]  # fmt: skip


def write(path: Path, rows: int, errors: float) -> None:
    """Write the file; a share of the rows has one cell that is wrong."""
    draw = random.Random(1)
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADER)
        for number in range(rows):
            cells = row(number, draw)
            if draw.random() < errors:
                position = draw.choice(list(WRONG))
                cells[position] = WRONG[position]
            writer.writerow(cells)


def check(folder: Path, rows: int, errors: float) -> tuple[float, float, int]:
    """Return (seconds of the whole intake, seconds of reading and judging, problems)."""
    from intake_city import City

    from shared_utils import data
    from shared_utils.data import blocks, files, mapping

    shutil.rmtree(folder, ignore_errors=True)
    city = City(folder).map("tracker", MAPPING)
    city.write("services.csv", "Client,What,Day,Done\nAB-000000,Coaching,2019-06-20,Y\n")
    write(city.root / "raw" / "tracker.csv", rows, errors)
    start = time.process_time()
    problems = []
    source = files.read(mapping.read(city.folder / "mappings" / "tracker.yml"), city.root)
    for table in source.mapping.tables:
        blocks.build(table, source, problems)
    judged = time.process_time() - start
    start = time.process_time()
    try:
        data.intake(city.folder)
    except data.IntakeError as error:
        problems = error.problems
    return time.process_time() - start, judged, len(problems)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=100_000)
    arguments.add_argument("--errors", type=float, default=0.05)
    asked = arguments.parse_args()
    os.environ["EMI_SALT_TESTVILLE"] = "01" * 32
    with tempfile.TemporaryDirectory() as place:
        check(Path(place) / "warm", 100, 0)  # imports
        print(f"    rows   wrong  problems  read and judge  whole check  of {TARGET:g} s")
        for errors in (0, asked.errors):
            whole, judged, found = check(Path(place) / "city", asked.rows, errors)
            times = f"{judged:12.2f} s  {whole:9.2f} s  {whole / TARGET:4.0%}"
            print(f"{asked.rows:8,}  {errors:6.0%}  {found:8,}  {times}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
