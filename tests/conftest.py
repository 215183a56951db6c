"""Shared by all tests: the full set's switch, the published data, a browser, and one demonstration batch."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# Two workers share two cores: more threads a worker only wait for each other. Read when numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# As on a person's machine each file is compiled once, not by every command and kernel that a test starts.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell starts what runs in its background with Ctrl+C ignored, and every command that a test starts would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "google-chrome", "msedge", "chrome")
# No sandbox because continuous integration runs as root; the rest keeps the browser from calling home.
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
]


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="also run the tests that are too slow for every change")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--full"):
        return
    slow = [item for item in items if item.get_closest_marker("full")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("full")]


@pytest.fixture(scope="session")
def published_data() -> Path:
    """Folder of published replication data: beside the project, or where EMI_PUBLISHED_DATA says."""
    folder = Path(os.environ.get("EMI_PUBLISHED_DATA", ROOT.parent / "shared" / "cases" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the published data are not on this machine ({folder}); set EMI_PUBLISHED_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def browser():
    """The Chromium, Chrome or Edge of this machine; skipped without one, unless EMI_REQUIRE_BROWSER=1."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        found = None
    if not found:
        reason = "no Chromium, Chrome or Edge (or no playwright) on this machine"
        pytest.fail(reason) if os.environ.get("EMI_REQUIRE_BROWSER") == "1" else pytest.skip(reason)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=BROWSER_ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """`emi demo` as a person runs it, once for all tests, in a folder with a space: (workspace, its output)."""
    workspace = tmp_path_factory.mktemp("nine cities")
    done = subprocess.run(
        [sys.executable, "-m", "shared_utils.cli", "demo"],
        cwd=workspace,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return workspace, done.stdout
