"""Write benchmarks/site_scale.md: what the website of 9 and of 100 cities costs to build, and how large its pages are.

    python benchmarks/site_scale.py WORKSPACE               a folder with the nine cities, all run (emi demo makes one)
    python benchmarks/site_scale.py WORKSPACE --keep OUT    keep the made cities and the sites there, to look at them

The 100 cities are the nine, released under other names: settings, records and pages are as large as theirs. Each site
is built in a process of its own; the aim is 60 seconds and 1 GB for 100 cities, and 300 KB a page.
"""

import argparse
import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from shared_utils import results  # noqa: E402
from shared_utils.config import load_city  # noqa: E402
from shared_utils.results.notebooks import NOTEBOOKS  # noqa: E402

PAGE = Path(__file__).with_suffix(".md")
SIZES = (9, 100)
LOOK_S = 0.05
FIRST = (
    "Alder Birch Cedar Dale Elm Fair Glen Hazel Iron Jasper Kings Lake Maple North Oak Pine Quarry River Stone "
    "Thorn Union Vale West York Zion"
).split()
NAMES = [first + last for first in FIRST for last in ("bridge", "field", "port", "ton")]
BUILD = "import sys, pathlib, shared_utils.portfolio as p; p.build_site(*map(pathlib.Path, sys.argv[1:]))"


def make_cities(workspace: Path, into: Path, number: int) -> None:
    """Copy what the nine released and their settings, under `number` invented names."""
    nine = sorted(folder for folder in (workspace / "cities").iterdir() if (folder / "city.yml").is_file())
    for index, name in enumerate(NAMES[:number]):
        like = nine[index % len(nine)]
        slug = f"{name.lower()}-{like.name.partition('-')[2]}"
        city = into / "cities" / slug
        shutil.copytree(like / "outputs" / "release", city / "outputs" / "release")
        settings = (like / "city.yml").read_text(encoding="utf-8")
        for key, value in {"key": name.lower(), "name": name, "slug": slug}.items():
            settings = re.sub(rf"(?m)^  {key}: \S.*", f"  {key}: {value}", settings, count=1)
        results.write_text(settings, city / "city.yml")
        rename(city, {"key": name.lower(), "name": name, "slug": slug})


def rename(city: Path, names: dict[str, str]) -> None:
    """Make the records those of this city and of its settings, so that none is stale."""
    settings = f"sha256:{load_city(city).sha256}"
    for notebook in NOTEBOOKS:
        path = results.release_path(city, notebook)
        record = json.loads(path.read_text(encoding="utf-8"))
        record["city"] |= names
        record["run"].pop("released", None)  # the hashes of what the nine released
        record["provenance"]["config_sha256"] = settings
        results.write(record, path)


def build(workspace: Path, out: Path) -> dict:
    """Build the site in a process of its own: processor seconds, highest memory in MB."""
    highest, cpu = 0, 0.0
    process = subprocess.Popen([sys.executable, "-c", BUILD, str(workspace), str(out)], cwd=ROOT)
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            highest, cpu = max(highest, watched.memory_info().rss), sum(watched.cpu_times()[:2])
        except psutil.Error:
            break  # it ended between the two lines
        time.sleep(LOOK_S)
    if process.wait():
        raise SystemExit("The site was not built; the error stands above.")
    return {"cpu": cpu, "memory": highest / 1e6}


def sizes(out: Path) -> dict:
    """Number of pages, size of everything in MB, the largest page in KB and its name."""
    files = [path for path in out.rglob("*") if path.is_file()]
    pages = [path for path in files if path.suffix == ".html"]
    largest = max(pages, key=lambda path: path.stat().st_size)
    return {"pages": len(pages), "all": sum(path.stat().st_size for path in files) / 1e6,
            "largest": largest.stat().st_size / 1e3, "name": largest.relative_to(out).as_posix()}  # fmt: skip


def as_page(rows: list[dict]) -> str:
    lines = "\n".join(
        f"| {r['cities']} | {r['cpu']:.0f} | {r['memory']:.0f} | {r['pages']} | {r['all']:.0f} "
        f"| {r['largest']:.0f} ({r['name']}) |"
        for r in rows
    )
    return f"""# What the website of many cities costs

Made by `python benchmarks/site_scale.py`; do not edit by hand. Synthetic cities: the nine and, for more, the nine under
other names. Pages, downloads, records and PDF briefs, made by one process on {platform.system()}, Python
{platform.python_version()}. On a machine that does nothing else a build takes about its processor seconds.
The aim: 100 cities under 60 seconds and 1,000 MB, no page above 300 KB.

| cities | processor seconds | highest memory, MB | pages | whole site, MB | largest page, KB |
|---|---|---|---|---|---|
{lines}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--keep", type=Path, help="keep what is made in this folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        rows = []
        for number in SIZES:
            room = (asked.keep or Path(scratch)) / str(number)
            make_cities(asked.workspace, room, number)
            rows.append({"cities": number} | build(room, room / "site") | sizes(room / "site"))
            print(rows[-1], flush=True)
    results.write_text(as_page(rows), PAGE)


if __name__ == "__main__":
    main()
